//! What is told of an event to those who use the secrets: which ones changed, and how. Never a value, a
//! fingerprint, a note, or who did it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::chain::{Chain, Place};
use super::event::{Action, Change, Entry, Event, tells_of_a_leak};
use super::id::Id;

/// The format of the messages.
const VERSION: i64 = 1;

/// What is told of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The event's id, which is the message's, too.
    pub id: Id,
    /// What was done.
    pub action: Action,
    /// When.
    pub at: Timestamp,
    /// The secret file, from the repository's root.
    pub file: String,
    /// Its environment.
    pub environment: Option<String>,
    /// What became of which secrets.
    pub secrets: Vec<Told>,
    /// Who was let in or shut out.
    pub recipients: Vec<String>,
    /// Why, where that is a word and not a text.
    pub reason: Option<&'static str>,
    /// Until when the value that was replaced or deleted is kept.
    pub grace_until: Option<Timestamp>,
}

/// What is told of one secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its key path.
    pub name: String,
    /// The file and key path that it had before, where it moved.
    pub moved_from: Option<(String, String)>,
    /// The number of the value in its chain, from 1.
    pub version: usize,
    /// The events that this one supersedes.
    pub rotated_from: Vec<Id>,
    /// Who uses it.
    pub consumers: Vec<String>,
}

impl Notice {
    /// What is told of an event, whose chain holds all that it came from. `consumers` says who uses a
    /// secret.
    pub fn of<E>(
        entry: &Entry,
        chain: &Chain<'_>,
        mut consumers: impl FnMut(&Event, &Change) -> Result<Vec<String>, E>,
    ) -> Result<Self, E> {
        let event = &entry.event;
        let mut told = |change: &Change| {
            let place = Place {
                file: &event.file,
                key: &change.key,
            };
            let moved = change.from_key.is_some() || change.from_file.is_some();
            Ok(Told {
                name: change.key.clone(),
                moved_from: moved.then(|| {
                    let file = change.from_file.as_ref().unwrap_or(&event.file);
                    let key = change.from_key.as_ref().unwrap_or(&change.key);
                    (file.clone(), key.clone())
                }),
                version: chain.find(entry.id, place).map_or(1, |node| node.version),
                rotated_from: change.rotated_from.clone(),
                consumers: consumers(event, change)?,
            })
        };
        let secrets: Result<Vec<Told>, E> = event.values.iter().map(&mut told).collect();
        let about_people = matches!(event.action, Action::Grant | Action::Revoke);
        Ok(Self {
            id: entry.id,
            action: event.action,
            at: event.at,
            file: event.file.clone(),
            environment: event.environment.clone(),
            secrets: secrets?,
            recipients: if about_people {
                event.recipients.clone()
            } else {
                Vec::new()
            },
            reason: event.reason.as_deref().and_then(known_reason),
            grace_until: event.grace_until,
        })
    }

    /// What of it is for somebody who wants these actions, and the secrets of these consumers; `None`
    /// where nothing is.
    pub fn for_whom(
        &self,
        actions: Option<&[&'static str]>,
        consumers: Option<&[String]>,
    ) -> Option<Self> {
        if actions.is_some_and(|actions| !actions.contains(&self.action.word())) {
            return None;
        }
        let Some(consumers) = consumers else {
            return Some(self.clone());
        };
        let mut own = self.clone();
        own.secrets
            .retain(|secret| secret.consumers.iter().any(|one| consumers.contains(one)));
        (!own.secrets.is_empty()).then_some(own)
    }

    /// The message.
    pub fn to_json(&self) -> Value {
        let name = |file: &str, key: &str| format!("{file}#{key}");
        let secrets: Vec<Value> = self
            .secrets
            .iter()
            .map(|secret| {
                let ids = secret.rotated_from.iter().map(Id::to_string);
                let moved = secret.moved_from.as_ref();
                json!({
                    "id": name(&self.file, &secret.name),
                    "name": secret.name,
                    "moved_from": moved.map(|(file, key)| name(file, key)),
                    "version": secret.version,
                    "rotated_from": ids.collect::<Vec<_>>(),
                    "consumers": secret.consumers,
                })
            })
            .collect();
        json!({
            "version": VERSION,
            "id": self.id.to_string(),
            "action": self.action.word(),
            "at": self.at.to_string(),
            "file": self.file,
            "environment": self.environment,
            "secrets": secrets,
            "recipients": self.recipients,
            "reason": self.reason,
            "grace_until": self.grace_until.map(|until| until.to_string()),
        })
    }
}

/// The word of a reason, without the name of anybody; what somebody wrote in words may say anything.
fn known_reason(reason: &str) -> Option<&'static str> {
    let word = reason.split_once(':').map_or(reason, |(word, _)| word);
    match word {
        "offboard" => Some("offboard"),
        _ if tells_of_a_leak(reason) => Some("leak"),
        _ if word != reason => None,
        "scheduled" => Some("scheduled"),
        "request" => Some("request"),
        _ => None,
    }
}

/// The events that an event came from, as it names them itself.
pub fn origins(event: &Event) -> impl Iterator<Item = Id> {
    let changes = event.values.iter();
    changes.flat_map(|change| {
        let from = change.rotated_from.iter().chain(&change.replaces);
        from.chain(&change.restores).copied()
    })
}

/// Events in the order in which they are told: each after those that it came from, else the older one
/// first. Each once.
pub fn in_order(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by_key(|entry| (entry.event.at, entry.id));
    entries.dedup_by_key(|entry| entry.id);
    let numbers: HashMap<Id, usize> = entries
        .iter()
        .enumerate()
        .map(|(number, entry)| (entry.id, number))
        .collect();
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); entries.len()];
    let mut waiting = vec![0_usize; entries.len()];
    for (number, entry) in entries.iter().enumerate() {
        let before: HashSet<usize> = origins(&entry.event)
            .filter_map(|id| numbers.get(&id).copied())
            .collect();
        for before in before {
            if let (Some(after), Some(waiting)) = (after.get_mut(before), waiting.get_mut(number)) {
                after.push(number);
                *waiting += 1;
            }
        }
    }
    // What could be told now, the oldest first: numbers are by age.
    let free = waiting.iter().enumerate().filter(|(_, left)| **left == 0);
    let mut ready: BinaryHeap<Reverse<usize>> = free.map(|(number, _)| Reverse(number)).collect();
    let mut order = Vec::with_capacity(entries.len());
    while let Some(Reverse(number)) = ready.pop() {
        order.push(number);
        for next in after.get(number).into_iter().flatten() {
            if let Some(left) = waiting.get_mut(*next) {
                *left -= 1;
                if *left == 0 {
                    ready.push(Reverse(*next));
                }
            }
        }
    }
    // An id is a hash, so that no event comes from itself, and all of them are there.
    let mut entries: Vec<Option<Entry>> = entries.into_iter().map(Some).collect();
    let taken = order.into_iter();
    taken
        .filter_map(|number| entries.get_mut(number).and_then(Option::take))
        .collect()
}

#[cfg(test)]
#[path = "notice_tests.rs"]
mod tests;
