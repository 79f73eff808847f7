//! What was committed to the ledger and is not there any more comes back from git.

use std::collections::HashSet;
use std::path::Path;

use super::previous::previous_name;
use super::verify::{COMMITS, missing_from};
use crate::app::{App, READ_LIMIT};
use crate::error::Failure;
use crate::git;
use crate::git::below::Commits;
use crate::io::journal::Step;
use crate::io::{IoError, clock, file};
use crate::ledger::due::is_kept;
use crate::ledger::event::Entry;
use crate::ledger::{DIRECTORY, PREVIOUS};

impl App<'_> {
    /// Brings back what was committed and should be there, from git: events, and values that are still
    /// kept.
    pub(super) fn bring_back(&self, dry_run: bool) -> Result<Vec<String>, Failure> {
        let book = self.book_in_git()?;
        let root = &book.ledger.root;
        let Some(tree) = git::work_tree_of(&root.join("any"))? else {
            return Ok(Vec::new());
        };
        let mut back: Vec<(String, Vec<u8>)> = missing_from(&book, &tree)?
            .into_iter()
            .map(|(_, entry)| {
                (
                    format!("{DIRECTORY}/{}", entry.path()),
                    entry.to_text().into_bytes(),
                )
            })
            .collect();
        let returned: Vec<Entry> = back
            .iter()
            .filter_map(|(_, text)| Entry::parse(std::str::from_utf8(text).ok()?).ok())
            .collect();
        let all = book
            .read
            .events
            .iter()
            .map(|stored| &stored.entry)
            .chain(&returned);
        let now = clock::now();
        let promised: HashSet<String> = all
            .filter(|entry| {
                entry
                    .event
                    .grace_until
                    .is_some_and(|until| is_kept(until, now))
            })
            .map(|entry| previous_name(&entry.event.file, &entry.id.to_string()))
            .filter(|path| matches!(file::kind(&root.join(path)), Ok(None)))
            .collect();
        if !promised.is_empty() {
            let nearest = Commits::Nearest(COMMITS);
            let (kept, _) = tree.committed_below(Path::new(PREVIOUS), nearest)?;
            for (path, blob) in kept {
                let path = format!("{PREVIOUS}/{}", path.to_string_lossy());
                let known = back.iter().any(|(other, _)| *other == path);
                if let Some(bytes) = tree
                    .blob(blob)
                    .filter(|_| promised.contains(&path) && !known)
                {
                    back.push((path, bytes));
                }
            }
        }
        if !dry_run && !back.is_empty() {
            let mut steps = Vec::with_capacity(back.len());
            for (path, bytes) in &back {
                book.ledger.has_no_links(path)?;
                let before = match file::read(&root.join(path), READ_LIMIT) {
                    Ok(before) => Some(before),
                    Err(IoError::NotFound { .. }) => None,
                    Err(error) => return Err(error.into()),
                };
                steps.push(Step {
                    path: path.into(),
                    before,
                    after: Some(bytes.clone()),
                });
            }
            let what = "`mvx rotation record` bringing events back";
            book.ledger.journal.write(what, &steps)?;
            self.ledger_events.forget();
        }
        Ok(back.into_iter().map(|(path, _)| path).collect())
    }
}
