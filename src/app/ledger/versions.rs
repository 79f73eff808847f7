//! The versions of a secret: what they were, which of them are still to be had, and the way back.

use std::path::Path;

use jiff::Timestamp;

use super::rotate::{Why, said_well, tells_nothing_of};
use super::store::Purpose;
use super::{Ledger, book::Book};
use crate::app::App;
use crate::app::change::Outcome;
use crate::app::files::{Wanted, no_such_file};
use crate::app::values::Found;
use crate::document::Value;
use crate::error::{Exit, Failure};
use crate::io::{clock, file};
use crate::keypath::KeyPath;
use crate::ledger::chain::{Chain, Node, Place};
use crate::ledger::due::is_kept;
use crate::ledger::event::{Action, Entry};
use crate::ledger::fingerprint::Fingerprint;
use crate::sops::store::NewNode;
use crate::stores::Format;

/// One event in the history of a secret.
pub struct Version {
    /// The event.
    pub entry: Entry,
    /// The number of the value after it, from 1.
    pub number: usize,
    /// The key path that it had then.
    pub key: String,
    /// The file that it was in then.
    pub file: String,
    /// How it stands.
    pub state: State,
}

/// How a version stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is the one in the file.
    Current,
    /// It is one of several heads.
    Head,
    /// The value goes on under a later event.
    Continued,
    /// It was replaced, and is kept until then.
    Previous(Timestamp),
    /// It was replaced, and is not kept any more.
    Expired,
    /// The secret was deleted; until then it can be restored.
    Deleted(Option<Timestamp>),
}

impl State {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Head => "one of several heads",
            Self::Continued => "",
            Self::Previous(_) => "previous",
            Self::Expired => "expired",
            Self::Deleted(_) => "deleted",
        }
    }
}

impl App<'_> {
    /// The history of a secret, the oldest event first. A key that is not there any more has one, too.
    pub fn history(&self, path: &Path, key: &KeyPath) -> Result<Vec<Version>, Failure> {
        let (ledger, name) = self.kept_ledger(path)?;
        let entries = self.all_events(&ledger)?;
        let chain = Chain::new(&entries);
        let key = key.to_string();
        let place = Place {
            file: &name,
            key: &key,
        };
        let heads = chain.heads(place);
        if heads.is_empty() {
            return Err(no_events(path, &key));
        }
        let now = clock::now();
        // Two people who entered the same change have said the same.
        let same = |node: &&Node<'_>| {
            node.change.fingerprint.is_some_and(Fingerprint::is_sealed)
                && node.change.fingerprint == heads.first().and_then(|head| head.change.fingerprint)
        };
        let several = heads.len() > 1 && !heads.iter().all(same);
        let all = chain.history(&heads);
        let versions = all.iter().map(|node| Version {
            entry: node.entry.clone(),
            number: node.version,
            key: node.change.key.clone(),
            file: node.event().file.clone(),
            state: if heads.iter().any(|head| std::ptr::eq(*head, *node)) {
                match node.event().action {
                    Action::Delete => deleted(node, now),
                    _ if several => State::Head,
                    _ => State::Current,
                }
            } else {
                replaced(&all, node, now)
            },
        });
        Ok(versions.collect())
    }

    /// A version of a secret that grace still holds: of the present one, nothing.
    pub fn version_value(
        &self,
        path: &Path,
        key: &KeyPath,
        number: usize,
    ) -> Result<Option<Value>, Failure> {
        let versions = self.history(path, key)?;
        let (ledger, _) = self.kept_ledger(path)?;
        let newest = versions.iter().map(|version| version.number).max();
        let current = versions.iter().any(|version| {
            version.number == number && matches!(version.state, State::Current | State::Head)
        });
        if current {
            return Ok(None);
        }
        if newest.is_none_or(|newest| number == 0 || number > newest) {
            let message = format!("`{key}` has no version {number}");
            return Err(Failure::new(Exit::NO, "no-version", message)
                .at(path.display())
                .hint(format!("`mvx history FILE {key}` lists them")));
        }
        let last = versions.iter().rev().find(|version| {
            version.number == number && version.entry.event.action != Action::Delete
        });
        let Some((last, successor)) =
            last.and_then(|last| Some((last, successor(&versions, last)?)))
        else {
            return Err(gone(path, key, number));
        };
        self.value_before(&ledger, successor, last)?
            .map(Some)
            .ok_or_else(|| gone(path, key, number))
    }

    /// A version of a secret, in the form in which the present one is given.
    pub fn get_version(
        &self,
        path: &Path,
        key: &KeyPath,
        number: usize,
        format: Option<Format>,
    ) -> Result<Found, Failure> {
        match self.version_value(path, key, number)? {
            None => self.get(path, key, format),
            Some(value) => {
                self.record_keys(&path.display().to_string(), [key.to_string()]);
                Ok(Found {
                    node: NewNode::Value(value),
                    text: None,
                })
            }
        }
    }

    /// The value that an event replaced, as long as it is kept.
    fn value_before(
        &self,
        ledger: &Ledger,
        successor: &Version,
        version: &Version,
    ) -> Result<Option<Value>, Failure> {
        let until = successor.entry.event.grace_until;
        if !until.is_some_and(|until| is_kept(until, clock::now())) {
            return Ok(None);
        }
        self.kept_value(ledger, &version.file, successor.entry.id, &version.key)
    }

    /// Puts an older version in the place of the present one.
    pub fn rollback(
        &self,
        path: &Path,
        key: &KeyPath,
        number: usize,
        why: Why<'_>,
    ) -> Result<Outcome, Failure> {
        said_well(why, &[])?;
        let versions = self.history(path, key)?;
        let version = versions
            .iter()
            .rev()
            .find(|version| version.number == number);
        let later = version.and_then(|version| successor(&versions, version));
        // Every later one counts: the value has been out since then.
        let leaked = versions
            .iter()
            .any(|version| version.number > number && version.entry.event.is_of_a_leak());
        let leaked_itself = later.is_some_and(|later| {
            later.entry.event.action == Action::Delete && later.entry.event.is_of_a_leak()
        });
        if leaked || leaked_itself {
            let message = format!("version {number} of `{key}` leaked; it does not come back");
            return Err(Failure::new(Exit::NO, "leaked", message)
                .at(path.display())
                .hint(format!("`mvx rotate FILE {key}` sets a new value")));
        }
        let Some(value) = self.version_value(path, key, number)? else {
            let message = format!("version {number} of `{key}` is the present one");
            return Err(Failure::new(Exit::UNCHANGED, "unchanged", message).at(path.display()));
        };
        let purpose = Purpose {
            changed: Action::Rollback,
            came: Action::Rollback,
            restores: version.map(|version| first_of(&versions, version.number).entry.id),
            reason: why.reason.map(str::to_owned),
            note: why.note.map(str::to_owned),
            ..Purpose::of("mvx rollback")
        };
        self.put_value(path, key, value, why, &purpose)
    }

    /// Sets a value whose type is known.
    fn put_value(
        &self,
        path: &Path,
        key: &KeyPath,
        value: Value,
        why: Why<'_>,
        purpose: &Purpose<'_>,
    ) -> Result<Outcome, Failure> {
        self.update(path, None, purpose, |file, sealer, open| {
            self.record_keys(&file.sealed.name, [key.to_string()]);
            said_well(why, &[&value.bytes])?;
            tells_nothing_of(file, why)?;
            crate::app::place::settable(file, key)?;
            if file.sealed.format == Format::Binary {
                return Ok((Some(self.seal_whole(file, &value.bytes)?), Vec::new()));
            }
            let node = NewNode::Value(value);
            Ok((sealer.set(open, &[(key.clone(), node)])?, Vec::new()))
        })
    }

    /// The ledger that is kept for a file, and what it calls the file.
    pub(super) fn kept_ledger(&self, path: &Path) -> Result<(Ledger, String), Failure> {
        self.book_of(path)?.ok_or_else(|| {
            if matches!(file::kind(path), Ok(None)) {
                return no_such_file(path, Wanted::Sealed);
            }
            let message = "no ledger is kept of it";
            Failure::new(Exit::NO, "no-ledger", message)
                .at(path.display())
                .hint("`mvx rotation record` begins one, with what git's history tells")
        })
    }

    /// All events that can be believed.
    pub(in crate::app) fn all_events(&self, ledger: &Ledger) -> Result<Vec<Entry>, Failure> {
        self.ledger_events.with(ledger, <[Entry]>::to_vec)
    }
}

/// How a version stands that something supersedes.
fn replaced(all: &[&Node<'_>], node: &Node<'_>, now: Timestamp) -> State {
    let id = node.entry.id;
    let by = all.iter().find(|other| {
        other.change.rotated_from.contains(&id) || other.change.replaces.contains(&id)
    });
    let Some(by) = by else {
        return State::Expired;
    };
    if by.event().action.keeps_the_value() || by.version == node.version {
        let gone = by.event().action == Action::Delete;
        let restored = all.iter().any(|other| {
            let from = &other.change.rotated_from;
            other.event().action == Action::Restore && from.contains(&by.entry.id)
        });
        if gone && !restored {
            return kept(by, now);
        }
        return State::Continued;
    }
    if node.event().action == Action::Delete {
        return State::Continued;
    }
    kept(by, now)
}

fn kept(by: &Node<'_>, now: Timestamp) -> State {
    match by.event().grace_until {
        Some(until) if is_kept(until, now) => State::Previous(until),
        _ => State::Expired,
    }
}

fn deleted(node: &Node<'_>, now: Timestamp) -> State {
    let until = node.event().grace_until;
    State::Deleted(until.filter(|until| is_kept(*until, now)))
}

/// The event that ended a version: the one that gave the secret its next value, or took it away.
fn successor<'v>(versions: &'v [Version], version: &Version) -> Option<&'v Version> {
    let id = version.entry.id;
    versions.iter().find(|other| {
        let mut values = other.entry.event.values.iter();
        values.any(|value| value.rotated_from.contains(&id))
    })
}

/// The event that began the version of this number.
fn first_of(versions: &[Version], number: usize) -> &Version {
    let mut all = versions.iter();
    let first = all.find(|version| version.number == number);
    #[expect(clippy::indexing_slicing, reason = "a history has an event")]
    first.unwrap_or(&versions[0])
}

pub(super) fn gone(path: &Path, key: &KeyPath, number: usize) -> Failure {
    let message = format!("version {number} of `{key}` is not kept any more");
    Failure::new(Exit::NO, "version-expired", message)
        .at(path.display())
        .hint("git's history has its ciphertext: `git log -p -- FILE`, and `mvx decrypt` of that version")
}

fn no_events(path: &Path, key: &str) -> Failure {
    if matches!(file::kind(path), Ok(None)) {
        return no_such_file(path, Wanted::Sealed);
    }
    let message = format!("the ledger tells nothing of `{key}`");
    Failure::new(Exit::NO, "no-events", message)
        .at(path.display())
        .hint("`mvx rotation record FILE` enters what git's history tells")
}

impl Book {
    /// The secrets of an environment with this key.
    pub fn in_environment<'b>(
        &'b self,
        environment: &'b str,
        key: &'b str,
    ) -> impl Iterator<Item = Place<'b>> {
        let files = self.files.iter();
        let files = files.filter(move |file| file.environment.as_deref() == Some(environment));
        files
            .filter(move |file| file.state.leaves.iter().any(|leaf| leaf.key == key))
            .map(move |file| Place {
                file: &file.state.file,
                key,
            })
    }
}
