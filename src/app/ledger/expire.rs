//! `mvx rotation expire`: values whose time is over go.

use std::collections::BTreeMap;

use super::store::event_step;
use crate::app::{App, READ_LIMIT};
use crate::error::Failure;
use crate::io::journal::Step;
use crate::io::{clock, file};
use crate::ledger::event::{Action, Entry, Event};
use crate::ledger::verify::{Kept, Wrong, kept_too_long};

/// A value that was removed, or would be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expired {
    /// The secret file, from the repository's root.
    pub file: String,
    /// The key path; the name of a file of which no event tells.
    pub key: String,
}

impl App<'_> {
    /// Removes the replaced and deleted values whose time is over; with `strays` also those of which no
    /// event tells here, be it that it is on another branch or cannot be read. Needs no key. Git's
    /// history keeps their ciphertext.
    pub fn expire(&self, strays: bool, dry_run: bool) -> Result<Vec<Expired>, Failure> {
        let ledger = self.ledger_here()?;
        let held = self.hold(&ledger)?;
        let book = self.book()?;
        let chain = book.chain();
        let now = clock::now();
        let actor = self.actor();
        let mut over: BTreeMap<&str, Vec<&Kept>> = BTreeMap::new();
        for kept in &book.kept {
            let wrong = kept_too_long(&chain, kept, now).map(|found| found.what);
            if wrong == Some(Wrong::Expired) || (strays && wrong == Some(Wrong::Stray)) {
                over.entry(&kept.file).or_default().push(kept);
            }
        }
        let mut expired = Vec::new();
        for (name, all) in over {
            let keys = all.iter().flat_map(|kept| match kept.event(&chain) {
                Some(entry) => entry
                    .event
                    .values
                    .iter()
                    .map(|one| one.key.clone())
                    .collect(),
                None => vec![kept.name.clone()],
            });
            let mut keys: Vec<String> = keys.collect();
            keys.sort();
            keys.dedup();
            let mut steps = Vec::new();
            for kept in &all {
                let inside = kept.path();
                steps.push(Step {
                    before: Some(file::read(&ledger.root.join(&inside), READ_LIMIT)?),
                    path: inside.into(),
                    after: None,
                });
            }
            // What the ledger never knew of is not entered when it goes.
            if all.iter().any(|kept| kept.event(&chain).is_some()) {
                let mut event = Event::new(now, &actor, Action::Expire, name);
                let file = book.file(name);
                event.environment = file.and_then(|file| file.environment.clone());
                event.note = Some(told(&keys));
                steps.push(event_step(&ledger, &Entry::new(event))?);
            }
            if !dry_run {
                let what = format!("`mvx rotation expire` of {name}");
                ledger.journal.write(&what, &steps)?;
            }
            expired.extend(keys.into_iter().map(|key| Expired {
                file: name.to_owned(),
                key,
            }));
        }
        drop(held);
        Ok(expired)
    }
}

/// The keys whose values go, as far as an event has room for them.
fn told(keys: &[String]) -> String {
    const MOST: usize = 20;
    let mut text = keys
        .iter()
        .take(MOST)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if let Some(more) = keys.len().checked_sub(MOST).filter(|more| *more > 0) {
        text = format!("{text} and {more} more");
    }
    text.chars().take(1000).collect()
}
