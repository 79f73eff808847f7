//! What a change of a secret file is, told from its ciphertexts before and after, and the events
//! that say so.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::chain::{Chain, Place};
use super::event::{Action, Change, Entry, Event, MOST_BYTES, MOST_HEADS};
use super::fingerprint::{Fingerprint, Leaf};
use super::id::Id;
use crate::keypath::KeyPath;

/// A key at which something else stands than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The key path; before the change, where it went.
    pub path: KeyPath,
    /// The same, as it is shown.
    pub key: String,
    /// What happened.
    pub what: What,
    /// What stood there, or where it came from.
    pub old: Option<Fingerprint>,
    /// What stands there now.
    pub new: Option<Fingerprint>,
}

/// What happened at a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Something came.
    Came,
    /// Something else stands there.
    Changed,
    /// It went.
    Went,
    /// What stands there stood elsewhere: at this key path.
    Moved(String),
}

/// Compares a file's values before and after. `moved` says that what was at or below one key path is
/// at or below another; ciphertext tells the rest, such as items of a list of which one went.
pub fn differences(
    before: &[Leaf],
    after: &[Leaf],
    moved: Option<(&KeyPath, &KeyPath)>,
) -> Vec<Difference> {
    let old: HashMap<&str, &Leaf> = before
        .iter()
        .map(|leaf| (leaf.key.as_str(), leaf))
        .collect();
    let new: HashMap<&str, &Leaf> = after.iter().map(|leaf| (leaf.key.as_str(), leaf)).collect();
    let mut found = Vec::new();
    // Of both sides, the keys that are explained already.
    let mut gone: HashSet<&str> = HashSet::new();
    let mut come: HashSet<&str> = HashSet::new();
    let relation = |from: &'_ Leaf, to: &'_ Leaf| Difference {
        path: to.path.clone(),
        key: to.key.clone(),
        what: What::Moved(from.key.clone()),
        old: Some(from.fingerprint),
        new: Some(to.fingerprint),
    };
    if let Some((from, to)) = moved {
        for leaf in before.iter().filter(|leaf| leaf.path.is_within(from)) {
            let below = leaf.path.segments.get(from.segments.len()..);
            let target = KeyPath {
                document: to.document,
                segments: [to.segments.as_slice(), below.unwrap_or_default()].concat(),
            };
            if let Some(target) = new.get(target.to_string().as_str()) {
                found.push(relation(leaf, target));
                gone.insert(&leaf.key);
                come.insert(&target.key);
            }
        }
    }
    for leaf in after {
        let same = old.get(leaf.key.as_str());
        if same.is_some_and(|old| old.fingerprint == leaf.fingerprint)
            && !gone.contains(leaf.key.as_str())
            && !come.contains(leaf.key.as_str())
        {
            gone.insert(&leaf.key);
            come.insert(&leaf.key);
        }
    }
    let mut elsewhere: HashMap<Fingerprint, Vec<&Leaf>> = HashMap::new();
    for leaf in before.iter().rev() {
        if leaf.fingerprint.is_sealed() && !gone.contains(leaf.key.as_str()) {
            elsewhere.entry(leaf.fingerprint).or_default().push(leaf);
        }
    }
    for leaf in after
        .iter()
        .filter(|leaf| !come.contains(leaf.key.as_str()))
    {
        let from = elsewhere.get_mut(&leaf.fingerprint).and_then(Vec::pop);
        if let Some(from) = from {
            found.push(relation(from, leaf));
            gone.insert(&from.key);
        } else {
            let stood = old.get(leaf.key.as_str());
            let stood = stood.filter(|old| !gone.contains(old.key.as_str()));
            found.push(Difference {
                path: leaf.path.clone(),
                key: leaf.key.clone(),
                what: if stood.is_some() {
                    What::Changed
                } else {
                    What::Came
                },
                old: stood.map(|old| old.fingerprint),
                new: Some(leaf.fingerprint),
            });
            if let Some(stood) = stood {
                gone.insert(&stood.key);
            }
        }
    }
    // A value may have been taken for changed that turns out to have moved on.
    let moved_away: HashSet<String> = found
        .iter()
        .filter_map(|one| match &one.what {
            What::Moved(from) => Some(from.clone()),
            _ => None,
        })
        .collect();
    for one in &mut found {
        if one.what == What::Changed && moved_away.contains(&one.key) {
            one.what = What::Came;
            one.old = None;
        }
    }
    for leaf in before
        .iter()
        .filter(|leaf| !gone.contains(leaf.key.as_str()))
    {
        found.push(Difference {
            path: leaf.path.clone(),
            key: leaf.key.clone(),
            what: What::Went,
            old: Some(leaf.fingerprint),
            new: None,
        });
    }
    found
}

/// What is said of a change by whoever made it.
pub struct Said<'a> {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: &'a str,
    /// The secret file, from the repository's root.
    pub file: &'a str,
    /// Its environment.
    pub environment: Option<&'a str>,
    /// What a value that changed counts as.
    pub changed: Action,
    /// What a value that came counts as.
    pub came: Action,
    /// The event whose value came back.
    pub restores: Option<Id>,
    /// Who was let in or shut out.
    pub recipients: &'a [String],
    /// Why.
    pub reason: Option<&'a str>,
    /// What else there is to say.
    pub note: Option<&'a str>,
    /// Whether the rules wanted another environment to be first.
    pub out_of_order: bool,
}

/// What holds for one value: who answers for it, and until when what it replaces is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Terms {
    /// Who answers for it.
    pub owner: Option<String>,
    /// Until when the old value is kept.
    pub grace_until: Option<Timestamp>,
}

/// The events of a change: one for all values to which the same happened on the same terms.
pub fn events(
    chain: &Chain<'_>,
    differences: &[Difference],
    said: &Said<'_>,
    terms: impl Fn(&Difference) -> Terms,
) -> Vec<Entry> {
    let mut groups: Vec<(Action, Terms, Vec<&Difference>)> = Vec::new();
    let mut numbers: HashMap<(Action, Terms), usize> = HashMap::new();
    // What went comes first: what takes its place supersedes that.
    let went = |one: &&Difference| one.what == What::Went;
    let (first, then): (Vec<_>, Vec<_>) = differences.iter().partition(went);
    for one in first.into_iter().chain(then) {
        let action = match one.what {
            What::Came => said.came,
            What::Changed => said.changed,
            What::Went => Action::Delete,
            What::Moved(_) => Action::Move,
        };
        let mut terms = terms(one);
        if !matches!(
            action,
            Action::Rotate | Action::Delete | Action::Rollback | Action::Unknown
        ) {
            terms.grace_until = None;
        }
        let number = *numbers
            .entry((action, terms.clone()))
            .or_insert(groups.len());
        match groups.get_mut(number) {
            Some((_, _, all)) => all.push(one),
            None => groups.push((action, terms, vec![one])),
        }
    }
    let mut deleted: HashMap<&str, Id> = HashMap::new();
    let mut entries = Vec::with_capacity(groups.len());
    // What moves takes the heads of its old place along.
    let moved: HashSet<&str> = differences
        .iter()
        .filter_map(|one| match &one.what {
            What::Moved(from) => Some(from.as_str()),
            _ => None,
        })
        .collect();
    let parts = groups.into_iter().flat_map(|(action, terms, all)| {
        let parts: Vec<Vec<&Difference>> = in_parts(&all);
        parts
            .into_iter()
            .map(move |part| (action, terms.clone(), part))
    });
    for (action, terms, all) in parts {
        let mut event = Event::new(said.at, said.actor, action, said.file);
        event.environment = said.environment.map(str::to_owned);
        event.recipients = said.recipients.to_vec();
        event.reason = said.reason.map(str::to_owned);
        event.owner = terms.owner;
        event.grace_until = terms.grace_until;
        event.note = said.note.map(str::to_owned);
        event.out_of_order = said.out_of_order;
        for one in &all {
            let heads = |key: &str| {
                let place = Place {
                    file: said.file,
                    key,
                };
                let heads = chain.heads(place).into_iter().map(|node| node.entry.id);
                // Of more heads than one event can name the rest stays, and is shown.
                heads.take(MOST_HEADS)
            };
            // What went from here just now, or what spoke of this place before; but what moved away
            // took its events along.
            let here: Vec<Id> = match deleted.get(one.key.as_str()) {
                Some(id) => vec![*id],
                None if moved.contains(one.key.as_str()) && one.what != What::Went => Vec::new(),
                None => heads(&one.key).collect(),
            };
            let (from_key, rotated_from, replaces) = match &one.what {
                What::Moved(from) => (Some(from.clone()), heads(from).collect(), here),
                _ => (None, here, Vec::new()),
            };
            event.values.push(Change {
                key: one.key.clone(),
                from_key,
                from_file: None,
                rotated_from,
                replaces,
                restores: said.restores.filter(|_| one.what != What::Went),
                fingerprint: one.new,
            });
        }
        let entry = Entry::new(event);
        if action == Action::Delete {
            deleted.extend(all.iter().map(|one| (one.key.as_str(), entry.id)));
        }
        entries.push(entry);
    }
    entries
}

/// Parts of what one event would be too long for.
fn in_parts<'d>(all: &[&'d Difference]) -> Vec<Vec<&'d Difference>> {
    // An event names a value twice at most, with two ids and a fingerprint.
    const EACH: usize = 400;
    let mut parts: Vec<Vec<&Difference>> = vec![Vec::new()];
    let mut length = 0;
    for one in all {
        let more = 2 * one.key.len() + EACH;
        length += more;
        if length > MOST_BYTES / 2 {
            parts.push(Vec::new());
            length = more;
        }
        if let Some(part) = parts.last_mut() {
            part.push(one);
        }
    }
    parts
}

#[cfg(test)]
#[path = "changes_tests.rs"]
mod tests;
