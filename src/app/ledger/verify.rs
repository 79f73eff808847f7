//! `mvx rotation verify`: whether the ledger tells of the ciphertexts, and of all that was committed.

use std::collections::HashSet;
use std::path::Path;

use super::book::Book;
use crate::app::App;
use crate::error::{Exit, Failure};
use crate::git;
use crate::git::below::{BlobId, Commits};
use crate::git::history::Reach;
use crate::io::{clock, file};
use crate::ledger::DIRECTORY;
use crate::ledger::event::Entry;
use crate::ledger::id::Id;
use crate::ledger::verify::{Finding, Wrong, verify};

/// How many commits back events are looked for that are not there any more.
const COMMITS: usize = 1_000;

/// What was found.
pub struct Report {
    /// What the ledger and the files do not agree about.
    pub findings: Vec<Finding>,
    /// Secret files that could not be read.
    pub unreadable: Vec<Failure>,
    /// How many events there are.
    pub events: usize,
    /// How many secret files.
    pub files: usize,
    /// Whether there are commits that were not looked at.
    pub cut_short: bool,
}

impl App<'_> {
    /// Holds the ledger against the secret files and against git. `since` names a commit whose events
    /// must all be there, such as that of the default branch; without it, those of the commits
    /// before this one must.
    pub fn verify_ledger(&self, since: Option<&str>) -> Result<Report, Failure> {
        let book = self.book_in_git()?;
        let chain = book.chain();
        let states: Vec<_> = book.files.iter().map(|file| &file.state).collect();
        let mut findings = verify(&chain, states, &book.kept, clock::now());
        // What cannot be read has not gone.
        if !book.unreadable.is_empty() {
            let root = &book.ledger.root;
            findings.retain(|one| {
                let file = one.file.as_deref().filter(|_| one.what == Wrong::FileGone);
                file.is_none_or(|file| matches!(file::kind(&root.join(file)), Ok(None)))
            });
        }
        if book.ledger.is_pending()? {
            findings.push(about(Wrong::Unfinished, None));
        }
        findings.extend(own_files(&book));
        let (gone, reach) = compare_with_git(&book, since)?;
        findings.extend(gone);
        Ok(Report {
            findings,
            events: book.read.events.len(),
            files: book.files.len(),
            unreadable: book.unreadable,
            cut_short: reach == Reach::CutShort && since.is_none(),
        })
    }
}

/// Events that were committed and are not there as they were.
fn compare_with_git(book: &Book, since: Option<&str>) -> Result<(Vec<Finding>, Reach), Failure> {
    let Some(tree) = git::work_tree_of(&book.ledger.root.join("any"))? else {
        return Ok((Vec::new(), Reach::Whole));
    };
    let commits = since.map_or(Commits::Nearest(COMMITS), Commits::One);
    let (committed, reach) = tree
        .committed_below(Path::new(DIRECTORY), commits)
        .map_err(|error| match since {
            Some(name) => {
                let message = format!("git has no commit `{name}` that could be compared with");
                Failure::new(Exit::IO, "no-commit", message)
                    .hint("a shallow clone may lack it: `git fetch --unshallow` gets all")
            }
            None => error.into(),
        })?;
    let events = &book.read.events;
    let here: HashSet<BlobId> = events
        .iter()
        .filter_map(|stored| stored.seen)
        .chain(
            book.read
                .strange
                .iter()
                .filter_map(|one| one.seen.flatten()),
        )
        .collect();
    let ids: HashSet<Id> = events.iter().map(|stored| stored.entry.id).collect();
    let strange: HashSet<&Path> = book
        .read
        .strange
        .iter()
        .map(|one| one.path.as_path())
        .collect();
    let mut findings = Vec::new();
    for (path, blob) in committed {
        if here.contains(&blob) {
            continue;
        }
        let Some(bytes) = tree.blob(blob) else {
            continue;
        };
        // What was no event when it was committed need not be one now.
        let text = String::from_utf8(bytes).ok();
        let Some(entry) = text.and_then(|text| Entry::parse(&text).ok()) else {
            continue;
        };
        // The same event in another spelling, such as with other ends of lines.
        if ids.contains(&entry.id) {
            continue;
        }
        let edited =
            strange.contains(path.as_path()) || events.iter().any(|stored| stored.path == path);
        let wrong = if edited {
            Wrong::Edited
        } else {
            Wrong::Removed
        };
        let mut finding = about(wrong, path.to_str());
        finding.file = Some(entry.event.file.clone());
        if let [only] = entry.event.values.as_slice() {
            finding.key = Some(only.key.clone());
        }
        findings.push(finding);
    }
    Ok((findings, reach))
}

/// What is wrong with the files of the ledger themselves.
fn own_files(book: &Book) -> Vec<Finding> {
    let strange = book.read.strange.iter();
    let mut found: Vec<Finding> = strange
        .map(|one| about(Wrong::NoEvent(one.why.clone()), one.path.to_str()))
        .collect();
    for stored in &book.read.events {
        if stored.path != Path::new(&stored.entry.path()) {
            found.push(about(Wrong::Misplaced, stored.path.to_str()));
        }
    }
    found
}

fn about(what: Wrong, event: Option<&str>) -> Finding {
    Finding {
        file: None,
        key: None,
        what,
        event: event.map(str::to_owned),
    }
}
