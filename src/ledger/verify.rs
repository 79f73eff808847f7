//! Whether the events tell of the ciphertexts that are there: without any key.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::PREVIOUS;
use super::chain::{Chain, Node, Place, Standing};
use super::due::{SKEW, is_kept};
use super::event::{Action, Entry};
use super::fingerprint::Leaf;
use super::id::Id;

/// A secret file as it is.
pub struct State {
    /// Its name, from the repository's root.
    pub file: String,
    /// Its values.
    pub leaves: Vec<Leaf>,
}

/// A file in which values are kept that an event replaced or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The secret file, from the repository's root.
    pub file: String,
    /// The file's own name: the event's id and [`ENDING`].
    pub name: String,
}

/// How the names of files end in which values are kept.
pub const ENDING: &str = ".json";

impl Kept {
    /// Where it lies, from the repository's root.
    pub fn path(&self) -> String {
        let parts = [PREVIOUS, &self.file, &self.name];
        let there = parts.into_iter().filter(|part| !part.is_empty());
        there.collect::<Vec<_>>().join("/")
    }

    /// The event that replaced them; `None` where the file is named as none is.
    pub fn event<'a>(&self, chain: &Chain<'a>) -> Option<&'a Entry> {
        let id = Id::parse(self.name.strip_suffix(ENDING)?)?;
        chain
            .entry(id)
            .filter(|entry| entry.event.file == self.file)
    }
}

/// Something that the ledger and the files do not agree about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The secret file.
    pub file: Option<String>,
    /// The key path.
    pub key: Option<String>,
    /// What is wrong.
    pub what: Wrong,
    /// The event that it is about, as a path below the ledger's directory, or the file of kept values.
    pub event: Option<String>,
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// A run was killed while it wrote.
    Unfinished,
    /// No event tells of the file.
    UnknownFile,
    /// The events tell of a file that is not there.
    FileGone,
    /// The events tell of a file in which something else stands now, such as a conflict.
    NotReadable,
    /// The events tell of a file that no rule covers any more.
    NotCovered,
    /// Git ignores what belongs to the ledger.
    Ignored,
    /// No event tells of the value.
    UnknownKey,
    /// The events tell of a value that is not there.
    KeyGone,
    /// The value changed, and no event says so.
    Changed,
    /// An event says that the value changed, and it is what it was before.
    Unchanged,
    /// A value that looks encrypted and is not spelled as SOPS spells it.
    Misspelled,
    /// Branches changed the value, and nothing says which of them holds.
    Heads(usize),
    /// A file in the ledger that is no event that can be believed: why.
    NoEvent(String),
    /// An event was committed, and is not there any more.
    Removed,
    /// An event was committed, and says something else now.
    Edited,
    /// An event lies at another place than its own.
    Misplaced,
    /// It supersedes an event that is not there.
    Broken(String),
    /// It is from the future.
    Future,
    /// A value is kept whose time is over.
    Expired,
    /// A value is kept that no event tells of.
    Stray,
    /// What an event replaced is not kept, and its time is not over.
    KeptGone,
}

impl Wrong {
    /// A stable word for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unfinished => "unfinished",
            Self::UnknownFile => "unknown-file",
            Self::FileGone => "file-gone",
            Self::UnknownKey => "unknown-key",
            Self::KeyGone => "key-gone",
            Self::Changed => "changed-without-event",
            Self::Unchanged => "event-without-change",
            Self::Misspelled => "misspelled-ciphertext",
            Self::NotReadable => "not-a-secret-file",
            Self::NotCovered => "not-covered",
            Self::Ignored => "ignored-by-git",
            Self::Heads(_) => "two-heads",
            Self::NoEvent(_) => "no-event",
            Self::Removed => "event-removed",
            Self::Edited => "event-edited",
            Self::Misplaced => "event-misplaced",
            Self::Broken(_) => "chain-broken",
            Self::Future => "event-from-the-future",
            Self::Expired => "expired-value",
            Self::Stray => "stray-value",
            Self::KeptGone => "kept-value-gone",
        }
    }

    /// What is wrong, in words.
    pub fn text(&self) -> String {
        match self {
            Self::Unfinished => "a command was cut short while it wrote here".into(),
            Self::UnknownFile => "the ledger does not know this file".into(),
            Self::FileGone => {
                "the ledger knows this file, and it is not there".into()
            }
            Self::UnknownKey => "it came without an event".into(),
            Self::KeyGone => "it went without an event".into(),
            Self::Changed => "it changed without an event".into(),
            Self::Unchanged => "an event says that it changed, and it did not".into(),
            Self::Misspelled => "its ciphertext is not spelled as SOPS spells it".into(),
            Self::NotReadable => {
                "the ledger knows this file, and what stands there is no secret file: it may have conflicts".into()
            }
            Self::NotCovered => "the ledger knows this file, and no rule covers it any more".into(),
            Self::Ignored => "git ignores it, so that it would not be committed".into(),
            Self::Heads(count) => {
                format!("{count} branches changed it, and nothing says which of them holds")
            }
            Self::NoEvent(why) => format!("no event that can be believed: {why}"),
            Self::Removed => "an event was removed after it had been committed".into(),
            Self::Edited => "an event was edited after it had been committed".into(),
            Self::Misplaced => "an event lies under another name than its own".into(),
            Self::Broken(id) => format!("it follows the event {id}, which is not there"),
            Self::Future => "the event is more than a day from the future".into(),
            Self::Expired => "what it replaced is still kept, and its time is over".into(),
            Self::KeptGone => {
                "what it replaced should still be kept, and is not there any more".into()
            }
            Self::Stray => "values are kept that no event tells of".into(),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unfinished => "`mvx rotation repair` finishes it",
            Self::UnknownFile
            | Self::UnknownKey
            | Self::KeyGone
            | Self::FileGone
            | Self::NotCovered
            | Self::Changed => {
                "`mvx rotation record` enters it, from git's history where that knows it"
            }
            Self::Unchanged => {
                "if it should have changed, `mvx rotate` changes it; if it was taken back, `mvx rotation record` says so"
            }
            Self::Misspelled => "`git log -p -- FILE` shows who did it; `mvx set` writes it anew",
            Self::NotReadable => {
                "where branches conflict, `git checkout --ours FILE` or `--theirs` takes a side; then `mvx rotation record`"
            }
            Self::Ignored => "`git check-ignore -v` with its name shows the line that says so",
            Self::Heads(_) => {
                "`mvx rotate` sets a new value; `mvx rotation record` keeps the one that stands there"
            }
            Self::Removed | Self::Edited => {
                "`git log -- .mvx/ledger` shows who did it; `mvx rotation record` brings it back"
            }
            Self::NoEvent(_) | Self::Broken(_) => {
                "`git log -- .mvx/ledger` shows who did it; `git checkout COMMIT -- .mvx/ledger` takes it back"
            }
            Self::Misplaced => "give the file the name that ends in the event's id",
            Self::Future => "look at the clock of whoever wrote it",
            Self::KeptGone => {
                "`git log -- .mvx/previous` shows who did it; `mvx rotation record` brings it back"
            }
            Self::Expired => "`mvx rotation expire` removes it",
            Self::Stray => {
                "its event may be on another branch; `mvx rotation expire --strays` removes it for good"
            }
        }
    }
}

/// Holds the files against the events. What is known of the events' own files is looked at elsewhere.
pub fn verify<'a>(
    chain: &Chain<'_>,
    files: impl IntoIterator<Item = &'a State>,
    kept: &[Kept],
    now: Timestamp,
) -> Vec<Finding> {
    let mut found: Vec<Finding> = kept
        .iter()
        .filter_map(|kept| kept_too_long(chain, kept, now))
        .collect();
    let mut there: HashMap<&str, HashSet<&str>> = HashMap::new();
    for file in files {
        let keys = file.leaves.iter().map(|leaf| leaf.key.as_str());
        there.insert(&file.file, keys.collect());
        if !chain.knows_file(&file.file) {
            if !file.leaves.is_empty() {
                found.push(of_file(&file.file, Wrong::UnknownFile));
            }
            continue;
        }
        for leaf in &file.leaves {
            let place = Place {
                file: &file.file,
                key: &leaf.key,
            };
            found.extend(look(chain, place, leaf));
            if leaf.is_misspelled {
                found.push(at(place, Wrong::Misspelled, None));
            }
        }
    }
    found.extend(not_kept(chain, kept, now));
    let mut gone: HashSet<&str> = HashSet::new();
    for place in chain.places() {
        let heads = chain.heads(place);
        if heads.iter().all(|node| node.change.fingerprint.is_none()) {
            continue;
        }
        match there.get(place.file) {
            None => {
                if gone.insert(place.file) {
                    found.push(of_file(place.file, Wrong::FileGone));
                }
            }
            Some(keys) if !keys.contains(place.key) => {
                found.push(at(place, Wrong::KeyGone, heads.first().copied()));
            }
            Some(_) => {}
        }
    }
    for (node, id) in chain.dangling() {
        found.push(at(node.place(), Wrong::Broken(id.to_string()), Some(node)));
    }
    let mut early: HashSet<Id> = HashSet::new();
    for node in chain.nodes() {
        let ahead: SignedDuration = node.event().at.duration_since(now);
        // What a later event supersedes says nothing any more of when something is due.
        if ahead > SKEW && !node.superseded && early.insert(node.entry.id) {
            found.push(at(node.place(), Wrong::Future, Some(node)));
        }
        // A file may be copied, and its values are as old as those they are copies of. Of two events of one
        // second nobody can tell which was first, and neither is younger for it.
        let origin = node.origin.and_then(|first| chain.node(first));
        let copied = origin.is_some_and(|origin| {
            let first = node.event().action == Action::Create && node.before.is_empty();
            let at_once = origin.event().at == node.event().at;
            origin.place() != node.place() && (first || at_once)
        });
        let action = node.event().action;
        // What comes back with the ciphertext that it had is a rollback, unless it never went.
        let back = action == Action::Rollback && chain.twin(node).is_none();
        let new = action.makes_a_version() && !back && !copied;
        if new && node.origin.is_some() && !chain.is_explanation(node) {
            found.push(at(node.place(), Wrong::Unchanged, Some(node)));
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Holds one value against its events.
fn look(chain: &Chain<'_>, place: Place<'_>, leaf: &Leaf) -> Option<Finding> {
    let heads = chain.heads(place);
    let wrong = match chain.standing(place, leaf) {
        Standing::Agrees => return None,
        Standing::Unknown => Wrong::UnknownKey,
        Standing::Heads(_) => Wrong::Heads(heads.len()),
        Standing::Differs => {
            let head = heads.first()?;
            let mut before = head.before.iter().filter_map(|number| chain.node(*number));
            let as_before = leaf.fingerprint.is_sealed()
                && before.any(|node| node.change.fingerprint == Some(leaf.fingerprint));
            if as_before {
                Wrong::Unchanged
            } else {
                Wrong::Changed
            }
        }
    };
    Some(at(place, wrong, heads.first().copied()))
}

/// Values that are kept and should not be: their time is over, or no event tells of them.
pub fn kept_too_long(chain: &Chain<'_>, kept: &Kept, now: Timestamp) -> Option<Finding> {
    let event = kept.event(chain).map(|entry| &entry.event);
    let what = match event.map(|event| event.grace_until) {
        None => Wrong::Stray,
        Some(Some(until)) if is_kept(until, now) => return None,
        Some(_) => Wrong::Expired,
    };
    let key = event.and_then(|event| match event.values.as_slice() {
        [only] => Some(only.key.clone()),
        _ => None,
    });
    Some(Finding {
        file: Some(kept.file.clone()).filter(|file| !file.is_empty()),
        key,
        what,
        event: Some(kept.path()),
    })
}

/// Values that should still be kept and are not.
fn not_kept(chain: &Chain<'_>, kept: &[Kept], now: Timestamp) -> Vec<Finding> {
    let there: HashSet<String> = kept.iter().map(Kept::path).collect();
    let mut seen: HashSet<Id> = HashSet::new();
    let mut found = Vec::new();
    for node in chain.nodes() {
        let event = node.event();
        let promised = event.grace_until.is_some_and(|until| is_kept(until, now));
        if !promised || !seen.insert(node.entry.id) {
            continue;
        }
        let kept = Kept {
            file: event.file.clone(),
            name: format!("{}{ENDING}", node.entry.id),
        };
        if !there.contains(&kept.path()) {
            found.push(at(node.place(), Wrong::KeptGone, Some(node)));
        }
    }
    found
}

fn of_file(file: &str, what: Wrong) -> Finding {
    Finding {
        file: Some(file.into()),
        key: None,
        what,
        event: None,
    }
}

fn at(place: Place<'_>, what: Wrong, node: Option<&Node<'_>>) -> Finding {
    Finding {
        file: Some(place.file.into()),
        key: Some(place.key.into()),
        what,
        event: node.map(|node| node.entry.path()),
    }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
