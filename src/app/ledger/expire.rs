//! `mvx rotation expire`: values whose time is over go.

use std::collections::BTreeSet;

use super::previous::{place, reopened};
use super::store::{event_step, previous_name};
use crate::app::App;
use crate::error::Failure;
use crate::io::clock;
use crate::io::journal::Step;
use crate::ledger::event::{Action, Entry, Event};
use crate::ledger::verify::{Wrong, verify};

/// A value that was removed, or would be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expired {
    /// The secret file, from the repository's root.
    pub file: String,
    /// The key path.
    pub key: String,
}

impl App<'_> {
    /// Removes the replaced and deleted values whose time is over. Git's history keeps their
    /// ciphertext.
    pub fn expire(&self, dry_run: bool) -> Result<Vec<Expired>, Failure> {
        let ledger = self.ledger_here()?;
        let held = self.hold(&ledger)?;
        let book = self.book()?;
        let chain = book.chain();
        let now = clock::now();
        let actor = self.actor();
        let mut expired = Vec::new();
        for file in &book.files {
            let name = file.state.file.as_str();
            let found = verify(&chain, [&file.state], now);
            let over: Vec<(String, String)> = found
                .into_iter()
                .filter(|one| matches!(one.what, Wrong::Expired | Wrong::Stray))
                .filter_map(|one| Some((one.event?, one.key?)))
                .collect();
            if over.is_empty() {
                continue;
            }
            expired.extend(over.iter().map(|(_, key)| Expired {
                file: name.to_owned(),
                key: key.clone(),
            }));
            if dry_run {
                continue;
            }
            let Some(mut previous) = self.open_previous(&ledger, name)? else {
                continue;
            };
            let before = previous.sealed.original.duplicate();
            let left = file
                .state
                .kept
                .iter()
                .filter(|one| !over.contains(one))
                .count();
            let ids: BTreeSet<&String> = over.iter().map(|(id, _)| id).collect();
            for id in ids {
                let of_id = |(other, _): &&(String, String)| other == id;
                let all = file.state.kept.iter().filter(of_id).count();
                let gone: Vec<&(String, String)> = over.iter().filter(of_id).collect();
                let paths: Vec<Vec<String>> = if gone.len() == all {
                    vec![vec![id.clone()]]
                } else {
                    gone.iter()
                        .map(|(id, key)| vec![id.clone(), key.clone()])
                        .collect()
                };
                for path in paths {
                    let text =
                        previous.change(|sealer, open| Ok(sealer.unset(open, &place(&path))?))?;
                    previous = reopened(previous, text)?;
                }
            }
            let mut event = Event::new(now, &actor, Action::Expire, name);
            event.environment.clone_from(&file.environment);
            let keys: BTreeSet<&str> = over.iter().map(|(_, key)| key.as_str()).collect();
            let keys: Vec<&str> = keys.into_iter().take(20).collect();
            event.note = Some(keys.join(", ").chars().take(1000).collect());
            let entry = Entry::new(event);
            let after = (left > 0).then(|| previous.sealed.original.as_bytes().to_vec());
            let steps = [
                Step {
                    path: previous_name(name).into(),
                    before: Some(before),
                    after,
                },
                event_step(&ledger, &entry)?,
            ];
            let what = format!("`mvx rotation expire` of {name}");
            ledger.journal.write(&what, &steps)?;
        }
        drop(held);
        expired.sort();
        expired.dedup();
        Ok(expired)
    }
}
