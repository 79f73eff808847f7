//! The events that are missing, told from the versions of a file that git remembers.
//!
//! What nobody said cannot be known: where the IV stayed the value did, because nothing else keeps
//! it, and otherwise the change is `unknown`, which renews no due date until somebody says what it
//! was. The versions are those of one line, that of first parents: what came by a merge is told at the
//! merge, with the author and the date of whoever made it on the branch.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;

use super::chain::{Chain, Place, Standing};
use super::event::{Action, Change, Entry, Event};
use super::fingerprint::{Fingerprint, Leaf};
use super::id::Id;
use crate::document::{Body, Tree};
use crate::sops::envelope::Envelope;

/// A version of a file: what stood in it, who brought it, and when.
pub struct Version {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// Its values; none where the file was not there.
    pub leaves: Vec<Leaf>,
    /// Where it came by a merge: when and by whom keys were changed.
    pub by: HashMap<String, (Timestamp, String)>,
}

/// The IVs of ciphertexts: sops keeps a value's when it gives the file a new data key.
#[derive(Default)]
pub struct Ivs(HashMap<Fingerprint, Vec<u8>>);

/// A secret file that is to be told of.
pub struct Subject<'a> {
    /// The file, from the repository's root.
    pub file: &'a str,
    /// Its environment.
    pub environment: Option<&'a str>,
    /// Its versions, one after the other; the last one is how it is now.
    pub versions: &'a [Version],
    /// The IVs of all of them.
    pub ivs: &'a Ivs,
    /// Where ciphertexts are by the ledger whose files are not there any more.
    pub lost: &'a HashMap<Fingerprint, Lost>,
    /// Who answers for each key.
    pub owner: &'a dyn Fn(&Leaf) -> Option<String>,
}

/// Where a ciphertext was, in a file that is not there any more.
#[derive(Clone, Debug)]
pub struct Lost {
    /// The file.
    pub file: String,
    /// The key.
    pub key: String,
    /// The events that hold there.
    pub heads: Vec<Id>,
}

impl Ivs {
    /// Remembers those of a version.
    pub fn add(&mut self, tree: &Tree) {
        for item in &tree.items {
            if let Body::Leaf(value) = &item.body
                && let Some(envelope) = Envelope::parse(value.bytes.as_bytes())
            {
                let print = Fingerprint::of(value.bytes.as_bytes());
                self.0.entry(print).or_insert(envelope.iv);
            }
        }
    }

    /// Whether an IV of the one is among those of the other: nothing else gives two ciphertexts one.
    pub fn shares(&self, other: &Self) -> bool {
        let others: HashSet<&Vec<u8>> = other.0.values().collect();
        self.0.values().any(|iv| others.contains(iv))
    }

    fn same(&self, one: Fingerprint, other: Fingerprint) -> bool {
        match (self.0.get(&one), self.0.get(&other)) {
            (Some(one), Some(other)) => one == other,
            _ => false,
        }
    }
}

/// What holds at a key while the versions go by.
#[derive(Clone, Default)]
struct Now {
    /// The events that hold.
    heads: Vec<Id>,
    /// What stands there by them; `None` where nothing does.
    print: Option<Fingerprint>,
    /// From which version on nothing has been told.
    from: usize,
    /// The ciphertexts that were there, and the events that brought them.
    seen: Vec<(Fingerprint, Option<Id>)>,
}

/// One thing to be told of.
struct Told<'a> {
    action: Action,
    leaf: &'a Leaf,
    from: Option<(Option<String>, String)>,
    restores: Option<Id>,
}

/// When, and who.
type By = (Timestamp, String);

/// What happened alike to several values: what it was, who answers for them, who did it, and which they
/// are.
type Group<'a> = ((Action, Option<String>, By), Vec<Told<'a>>);

/// The events that are missing about a file.
pub fn missing(chain: &Chain<'_>, subject: &Subject<'_>) -> Vec<Entry> {
    let last = subject.versions.len().saturating_sub(1);
    // Up to which version all has been told already.
    let told = subject.versions.iter().rposition(|version| {
        let mut leaves = version.leaves.iter();
        let place = |key| Place {
            file: subject.file,
            key,
        };
        leaves.all(|leaf| chain.standing(place(&leaf.key), leaf) == Standing::Agrees)
    });
    let mut book = Writer {
        subject,
        keys: start(chain, subject, told.unwrap_or(0)),
        ever: ever(chain, subject.file),
        entries: Vec::new(),
    };
    for (number, version) in subject.versions.iter().enumerate() {
        let told = book.changes(chain, number, version, number == last);
        let went = book.went(number, version, &told);
        book.tell(version, told);
        book.delete(version, went);
    }
    book.entries
}

/// What holds at each key, and from which version on something is missing.
fn start(chain: &Chain<'_>, subject: &Subject<'_>, told: usize) -> BTreeMap<String, Now> {
    let mut keys = BTreeMap::new();
    for key in chain.keys_of(subject.file) {
        let place = Place {
            file: subject.file,
            key,
        };
        let heads = chain.heads(place);
        let print = match heads.as_slice() {
            [one] => one.change.fingerprint,
            _ => None,
        };
        let mut seen: Vec<_> = chain
            .history(&heads)
            .iter()
            .filter_map(|node| Some((node.change.fingerprint?, Some(node.entry.id))))
            .collect();
        seen.dedup();
        let stands = |version: &Version| {
            let mut leaves = version.leaves.iter();
            leaves.any(|leaf| leaf.key == place.key && Some(leaf.fingerprint) == print)
        };
        let is_gone = |version: &Version| version.leaves.iter().all(|leaf| leaf.key != place.key);
        let known = match print {
            Some(_) => subject.versions.iter().rposition(stands),
            // It went, or moved away.
            None => subject.versions.iter().rposition(is_gone),
        };
        let last = subject.versions.len().saturating_sub(1);
        let now = Now {
            heads: heads.iter().map(|node| node.entry.id).collect(),
            print,
            from: known.unwrap_or(last).max(told),
            seen,
        };
        keys.insert(place.key.to_owned(), now);
    }
    keys
}

/// Every ciphertext that events tell of, the last of them, and whether one is of this file.
fn ever(chain: &Chain<'_>, file: &str) -> HashMap<Fingerprint, (Id, bool)> {
    let mut ever: HashMap<Fingerprint, (Id, bool)> = HashMap::new();
    for node in chain.nodes() {
        let Some(print) = node.change.fingerprint.filter(|print| print.is_sealed()) else {
            continue;
        };
        let here = node.event().file == file;
        let known = ever.entry(print).or_insert((node.entry.id, here));
        if here || !known.1 {
            *known = (node.entry.id, here);
        }
    }
    ever
}

struct Writer<'s> {
    subject: &'s Subject<'s>,
    keys: BTreeMap<String, Now>,
    /// Every ciphertext that was ever told of, the event that brought it last, and whether it was in this
    /// file.
    ever: HashMap<Fingerprint, (Id, bool)>,
    entries: Vec<Entry>,
}

impl<'s> Writer<'s> {
    /// What a version brought.
    fn changes(
        &self,
        chain: &Chain<'_>,
        number: usize,
        version: &'s Version,
        is_last: bool,
    ) -> Vec<Told<'s>> {
        let mut told = Vec::new();
        let stands: HashMap<&str, Fingerprint> = version
            .leaves
            .iter()
            .map(|leaf| (leaf.key.as_str(), leaf.fingerprint))
            .collect();
        // Ciphertexts that are not where they were: what is at another key with one has moved.
        let mut by_print: HashMap<Fingerprint, &str> = HashMap::new();
        for (key, now) in &self.keys {
            if let Some(print) = now.print.filter(|print| print.is_sealed())
                && number >= now.from
                && stands.get(key.as_str()) != Some(&print)
            {
                by_print.insert(print, key);
            }
        }
        let leaves: HashSet<(&str, Fingerprint)> =
            stands.iter().map(|(key, print)| (*key, *print)).collect();
        let moved_away: HashSet<&str> = leaves
            .iter()
            .filter_map(|(key, print)| by_print.get(print).copied().filter(|from| from != key))
            .collect();
        for leaf in &version.leaves {
            let print = leaf.fingerprint;
            let now = self.keys.get(&leaf.key);
            let from = now.map_or(0, |now| now.from);
            if number < from || now.is_some_and(|now| now.print == Some(print)) {
                continue;
            }
            if now.is_some_and(|now| now.heads.len() > 1) {
                if is_last {
                    let place = Place {
                        file: self.subject.file,
                        key: &leaf.key,
                    };
                    let action = match chain.standing(place, leaf) {
                        Standing::Agrees => continue,
                        Standing::Heads(true) => Action::Verify,
                        _ => Action::Unknown,
                    };
                    told.push(Told {
                        action,
                        leaf,
                        from: None,
                        restores: None,
                    });
                }
                continue;
            }
            let earlier =
                now.and_then(|now| now.seen.iter().rev().find(|(seen, _)| *seen == print));
            // sops has given it the ciphertext of its equal in the same list.
            if leaf.twin && now.is_some_and(|now| now.print.is_some()) && self.held_beside(leaf) {
                continue;
            }
            // What moved away took its events along: another one came in its place.
            let moved = moved_away.contains(leaf.key.as_str());
            let before = now.and_then(|now| now.print).filter(|_| !moved);
            let elsewhere = by_print.get(&print).map(|key| (None, (*key).to_owned()));
            let elsewhere = elsewhere.or_else(|| {
                let lost = self.subject.lost.get(&print)?;
                Some((Some(lost.file.clone()), lost.key.clone()))
            });
            let (action, from, restores) = match (before, earlier, elsewhere) {
                (_, Some((_, Some(id))), _) if print.is_sealed() && !moved => {
                    (Action::Rollback, None, Some(*id))
                }
                (_, _, Some(from)) if print.is_sealed() && !leaf.twin => {
                    (Action::Move, Some(from), None)
                }
                // It was at another key then, or something has moved through here since.
                // What was only elsewhere and comes to a new key is a copy.
                _ if print.is_sealed()
                    && !leaf.twin
                    && self
                        .ever
                        .get(&print)
                        .is_some_and(|(_, here)| *here || before.is_some()) =>
                {
                    let restored = self.ever.get(&print).map(|(id, _)| *id);
                    (Action::Rollback, None, restored)
                }
                (None, ..) => (Action::Create, None, None),
                (Some(before), ..) if self.subject.ivs.same(before, print) => {
                    (Action::Rekey, None, None)
                }
                _ => (Action::Unknown, None, None),
            };
            told.push(Told {
                action,
                leaf,
                from,
                restores,
            });
        }
        told
    }

    /// Writes the events of a version: one for all values to which the same happened.
    fn tell(&mut self, version: &Version, told: Vec<Told<'s>>) {
        let moved: HashSet<String> = told
            .iter()
            .filter_map(|one| match &one.from {
                Some((None, key)) => Some(key.clone()),
                _ => None,
            })
            .collect();
        let mut groups: Vec<Group<'s>> = Vec::new();
        for one in told {
            let group = (
                one.action,
                (self.subject.owner)(one.leaf),
                version.by(&one.leaf.key),
            );
            match groups.iter_mut().find(|(known, _)| *known == group) {
                Some((_, all)) => all.push(one),
                None => groups.push((group, vec![one])),
            }
        }
        let before = self.keys.clone();
        let heads_of = |key: &str| {
            let now = before.get(key);
            now.map(|now| now.heads.clone()).unwrap_or_default()
        };
        let mut come: HashSet<&str> = HashSet::new();
        let mut new: Vec<(String, Fingerprint, Id, bool)> = Vec::new();
        // Of what one merge brought the older comes first.
        groups.sort_by_key(|((.., (at, _)), _)| *at);
        for ((action, owner, (at, actor)), all) in groups {
            let mut event = Event::new(at, &actor, action, self.subject.file);
            event.environment = self.subject.environment.map(str::to_owned);
            event.owner = owner;
            for one in &all {
                let key = &one.leaf.key;
                let own = if moved.contains(key) {
                    Vec::new()
                } else {
                    heads_of(key)
                };
                let (from_file, from_key, rotated_from, replaces) = match &one.from {
                    None => (None, None, own, Vec::new()),
                    Some((None, from)) => (None, Some(from.clone()), heads_of(from), own),
                    Some((file, from)) => {
                        let lost = self.subject.lost.get(&one.leaf.fingerprint);
                        let heads = lost.map(|lost| lost.heads.clone()).unwrap_or_default();
                        let from_key = (from != key).then(|| from.clone());
                        (file.clone(), from_key, heads, own)
                    }
                };
                event.values.push(Change {
                    key: key.clone(),
                    from_key,
                    from_file,
                    rotated_from,
                    replaces,
                    restores: one.restores,
                    fingerprint: Some(one.leaf.fingerprint),
                });
            }
            let entry = Entry::new(event);
            for one in &all {
                come.insert(&one.leaf.key);
                let starts_anew = moved.contains(&one.leaf.key) || one.from.is_some();
                new.push((
                    one.leaf.key.clone(),
                    one.leaf.fingerprint,
                    entry.id,
                    starts_anew,
                ));
            }
            self.entries.push(entry);
        }
        for key in moved.iter().filter(|key| !come.contains(key.as_str())) {
            self.keys.remove(key);
        }
        for (key, print, id, starts_anew) in new {
            let now = self.keys.entry(key).or_default();
            if starts_anew {
                now.seen.clear();
            }
            now.heads = vec![id];
            now.print = Some(print);
            now.from = 0;
            now.seen.push((print, Some(id)));
            self.ever.insert(print, (id, true));
        }
    }

    /// The keys that a version has no more, and that did not move.
    fn went(&self, number: usize, version: &Version, told: &[Told<'_>]) -> Vec<String> {
        let there: HashSet<&str> = version
            .leaves
            .iter()
            .map(|leaf| leaf.key.as_str())
            .collect();
        let moved: HashSet<&str> = told
            .iter()
            .filter_map(|one| match &one.from {
                Some((None, key)) => Some(key.as_str()),
                _ => None,
            })
            .collect();
        let last = number + 1 == self.subject.versions.len();
        let went = self.keys.iter().filter(|(key, now)| {
            let gone = now.print.is_none() && now.heads.len() < 2;
            // Where branches left several heads, only how it is now tells.
            let settled = now.heads.len() < 2 || last;
            !gone
                && settled
                && number >= now.from
                && !there.contains(key.as_str())
                && !moved.contains(key.as_str())
        });
        went.map(|(key, _)| key.clone()).collect()
    }

    /// Writes the events of what went.
    fn delete(&mut self, version: &Version, went: Vec<String>) {
        let mut groups: BTreeMap<By, Vec<String>> = BTreeMap::new();
        for key in went {
            groups.entry(version.by(&key)).or_default().push(key);
        }
        for ((at, actor), keys) in groups {
            let mut event = Event::new(at, &actor, Action::Delete, self.subject.file);
            event.environment = self.subject.environment.map(str::to_owned);
            for key in &keys {
                let heads = self.keys.get(key).map(|now| now.heads.clone());
                event.values.push(Change {
                    key: key.clone(),
                    from_key: None,
                    from_file: None,
                    rotated_from: heads.unwrap_or_default(),
                    replaces: Vec::new(),
                    restores: None,
                    fingerprint: None,
                });
            }
            let entry = Entry::new(event);
            for key in keys {
                if let Some(now) = self.keys.get_mut(&key) {
                    now.heads = vec![entry.id];
                    now.print = None;
                    now.from = 0;
                }
            }
            self.entries.push(entry);
        }
    }

    /// Whether another item of the same list has this ciphertext by what was told of it.
    fn held_beside(&self, leaf: &Leaf) -> bool {
        let list = leaf.key.rfind('[').and_then(|at| leaf.key.get(..=at));
        let Some(list) = list else { return false };
        let mut items = self
            .keys
            .iter()
            .filter(|(key, _)| **key != leaf.key && key.starts_with(list) && key.ends_with(']'));
        items.any(|(_, now)| now.print == Some(leaf.fingerprint))
    }
}

impl Version {
    /// When and by whom a key was changed that this version changed.
    fn by(&self, key: &str) -> By {
        let known = self.by.get(key).cloned();
        known.unwrap_or_else(|| (self.at, self.actor.clone()))
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
