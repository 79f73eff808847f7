//! An event: one change of one secret file, and what it did to its values.

use std::fmt;
use std::path::{Component, Path};

use jiff::Timestamp;
use thiserror::Error;

use super::fingerprint::Fingerprint;
use super::id::Id;
use super::text;

/// The largest event that is read, in bytes: a file of some ten thousand values under a new key.
pub const MOST_BYTES: usize = 4 << 20;

/// The format of the events that this mvx writes.
pub(super) const VERSION: i64 = 1;

/// The most bytes of any other text in an event.
const MOST_TEXT: usize = 4096;

/// The most bytes of a key path.
const MOST_KEY: usize = 64 << 10;

/// The most events that one supersedes: as many branches as were merged.
pub const MOST_HEADS: usize = 64;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A value came.
    Create,
    /// A value took the place of another one.
    Rotate,
    /// The same value got another ciphertext: a new data key.
    Rekey,
    /// Somebody was let in.
    Grant,
    /// Somebody was shut out, with a new data key.
    Revoke,
    /// A value went.
    Delete,
    /// A deleted value came back.
    Restore,
    /// An older value came back.
    Rollback,
    /// Values that were kept for a while were removed.
    Expire,
    /// Somebody said which of several values counts.
    Verify,
    /// A value got another name.
    Move,
    /// A value changed, and nobody said whether it is a new one.
    Unknown,
}

impl Action {
    /// All of them, with their words.
    pub const ALL: [(Self, &'static str); 12] = [
        (Self::Create, "create"),
        (Self::Rotate, "rotate"),
        (Self::Rekey, "rekey"),
        (Self::Grant, "grant"),
        (Self::Revoke, "revoke"),
        (Self::Delete, "delete"),
        (Self::Restore, "restore"),
        (Self::Rollback, "rollback"),
        (Self::Expire, "expire"),
        (Self::Verify, "verify"),
        (Self::Move, "move"),
        (Self::Unknown, "unknown"),
    ];

    /// Its word in events.
    pub fn word(self) -> &'static str {
        let mut all = Self::ALL.into_iter();
        all.find(|(action, _)| *action == self)
            .map_or("unknown", |(_, word)| word)
    }

    /// The action of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|(_, known)| *known == word)
            .map(|(action, _)| action)
    }

    /// Whether it gives the secret another version: another value than it had before, or the first
    /// one.
    pub fn makes_a_version(self) -> bool {
        matches!(
            self,
            Self::Create | Self::Rotate | Self::Rollback | Self::Unknown
        )
    }

    /// Whether it leaves the value as it was, whatever the ciphertext says.
    pub fn keeps_the_value(self) -> bool {
        matches!(
            self,
            Self::Rekey | Self::Grant | Self::Revoke | Self::Verify | Self::Move | Self::Expire
        )
    }
}

/// An event as it is written and read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, to the second, by the clock of whoever did it.
    pub at: Timestamp,
    /// Who, by git's configuration: self-asserted.
    pub actor: String,
    /// What.
    pub action: Action,
    /// The secret file, from the repository's root, with `/` between the parts.
    pub file: String,
    /// The environment that the rules gave the file.
    pub environment: Option<String>,
    /// What became of which values.
    pub values: Vec<Change>,
    /// Who was let in or shut out.
    pub recipients: Vec<String>,
    /// Why: `scheduled`, `leak`, `offboard:NAME`, `request`, or any words.
    pub reason: Option<String>,
    /// Who answered for the secret then.
    pub owner: Option<String>,
    /// Until when the value that was replaced or deleted is kept.
    pub grace_until: Option<Timestamp>,
    /// What else there is to say.
    pub note: Option<String>,
    /// Whether the rules wanted another environment to be first.
    pub out_of_order: bool,
}

/// What became of one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its key path, as it is shown.
    pub key: String,
    /// The key path that it had before, where it moved.
    pub from_key: Option<String>,
    /// The file that it was in before, where it moved.
    pub from_file: Option<String>,
    /// The events that this one supersedes: one, or as many as branches were merged.
    pub rotated_from: Vec<Id>,
    /// Where it moved: the events that spoke of its new place before, such as of a deletion there.
    pub replaces: Vec<Id>,
    /// The event whose value came back.
    pub restores: Option<Id>,
    /// What stands there now; `None` where nothing does.
    pub fingerprint: Option<Fingerprint>,
}

/// An event with its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The id.
    pub id: Id,
    /// What it says.
    pub event: Event,
}

/// Why a file in the ledger is no event that can be believed. Nothing of its content is shown but
/// the names of fields.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EventError {
    /// A field is not as mvx writes it.
    #[error("`{0}` is not as mvx writes it")]
    BadField(&'static str),
    /// It was edited: its id does not belong to what it says.
    #[error("it was edited: its id does not belong to what it says")]
    Edited,
    /// A field is missing.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// It is written in a newer format.
    #[error("it is written in format {0}, which this mvx does not know")]
    Newer(i64),
    /// It is no TOML.
    #[error("it is not TOML")]
    NotToml,
    /// It has a field that no event has.
    #[error("it has a field that no event has")]
    UnknownField,
}

impl Entry {
    /// Reads an event's text. One whose id does not belong to what it says is an error.
    pub fn parse(text: &str) -> Result<Self, EventError> {
        text::read(text)
    }

    /// Gives an event its id.
    pub fn new(event: Event) -> Self {
        let id = text::id(&event);
        Self { id, event }
    }

    /// Its text.
    pub fn to_text(&self) -> String {
        text::write(&self.event, Some(self.id))
    }

    /// Where it lies below [`super::DIRECTORY`], with `/` between the parts:
    /// `2026/11/22T093000Z-rotate-STRIPE_SECRET_KEY-….toml`.
    pub fn path(&self) -> String {
        let Event {
            at, action, file, ..
        } = &self.event;
        let about = match self.event.values.as_slice() {
            [only] => slug(&only.key),
            _ => slug(file.rsplit('/').next().unwrap_or(file)),
        };
        format!(
            "{}-{}-{about}-{}.toml",
            at.strftime("%Y/%m/%dT%H%M%SZ"),
            action.word(),
            self.id
        )
    }
}

/// Whether a reason says that the value leaked: `leak`, `leaked`, `Leak: a log`.
pub fn tells_of_a_leak(reason: &str) -> bool {
    let mut words = reason.split(|c: char| !c.is_alphanumeric());
    let first = words.find(|word| !word.is_empty());
    first.is_some_and(|word| {
        ["leak", "leaks", "leaked", "leakage"].contains(&word.to_lowercase().as_str())
    })
}

impl Event {
    /// Whether its reason says that the value before it leaked.
    pub fn is_of_a_leak(&self) -> bool {
        self.reason.as_deref().is_some_and(tells_of_a_leak)
    }

    /// An event of nothing yet.
    pub fn new(at: Timestamp, actor: &str, action: Action, file: &str) -> Self {
        Self {
            at,
            actor: actor.into(),
            action,
            file: file.into(),
            environment: None,
            values: Vec::new(),
            recipients: Vec::new(),
            reason: None,
            owner: None,
            grace_until: None,
            note: None,
            out_of_order: false,
        }
    }

    /// Whether everything in it is as mvx writes it; else the first field that is not.
    pub(super) fn check(&self) -> Result<(), EventError> {
        let bad = |field| Err(EventError::BadField(field));
        let texts = [
            ("actor", Some(&self.actor)),
            ("environment", self.environment.as_ref()),
            ("reason", self.reason.as_ref()),
            ("owner", self.owner.as_ref()),
            ("note", self.note.as_ref()),
        ];
        for (field, text) in texts {
            if text.is_some_and(|text| text.is_empty() || text.len() > MOST_TEXT) {
                return bad(field);
            }
        }
        if !is_path(&self.file) {
            return bad("file");
        }
        for who in &self.recipients {
            if who.is_empty() || who.len() > MOST_TEXT {
                return bad("recipients");
            }
        }
        for change in &self.values {
            let keys = [Some(&change.key), change.from_key.as_ref()];
            let sound = |key: &String| !key.is_empty() && key.len() <= MOST_KEY;
            if !keys.into_iter().flatten().all(sound) {
                return bad("key");
            }
            if !change.from_file.iter().all(|file| is_path(file)) {
                return bad("from_file");
            }
            if change.rotated_from.len() > MOST_HEADS {
                return bad("rotated_from");
            }
            if change.replaces.len() > MOST_HEADS {
                return bad("replaces");
            }
            let gone = self.action == Action::Delete;
            if gone != change.fingerprint.is_none() {
                return bad("fingerprint");
            }
        }
        Ok(())
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Whether a text is a path from the repository's root to a file in it.
fn is_path(text: &str) -> bool {
    let plain = |part| matches!(part, Component::Normal(_));
    !text.is_empty()
        && text.len() <= MOST_TEXT
        && !text.contains("//")
        && !text.ends_with('/')
        && !text.contains("/./")
        && Path::new(text).components().all(plain)
}

/// A name that every file system takes, and that a person recognises.
fn slug(text: &str) -> String {
    const MOST: usize = 60;
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    let slug: String = text
        .chars()
        .map(|c| if sound(c) { c } else { '-' })
        .take(MOST)
        .collect();
    slug.trim_matches(['-', '.']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn event() -> Event {
        let at = "2026-11-22T09:30:00Z".parse().unwrap();
        let mut event = Event::new(at, "Ana <ana@example.com>", Action::Rotate, "s/a.enc.yaml");
        event.values.push(Change {
            key: "db.password".into(),
            from_key: None,
            from_file: None,
            rotated_from: vec![Id::of(&[b"x"])],
            replaces: Vec::new(),
            restores: None,
            fingerprint: Some(Fingerprint::of(b"ENC[x]")),
        });
        event
    }

    #[test]
    fn an_event_lies_where_its_day_says() {
        let entry = Entry::new(event());
        let expected = format!("2026/11/22T093000Z-rotate-db.password-{}.toml", entry.id);
        assert_eq!(entry.path(), expected);
        let mut several = event();
        several.values.push(several.values[0].clone());
        let path = Entry::new(several).path();
        assert!(path.contains("-rotate-a.enc.yaml-"), "{path}");
        let mut odd = event();
        odd.values[0].key = format!("../\u{202e}[{}", "x".repeat(100));
        let path = Entry::new(odd).path();
        assert!(
            path.contains(&format!("-rotate-{}-", "x".repeat(55))),
            "{path}"
        );
    }

    #[test]
    fn what_cannot_be_is_not_read() {
        type Spoil = fn(&mut Event);
        let cases: [(&str, Spoil); 7] = [
            ("file", |event| event.file = "/etc/passwd".into()),
            ("file", |event| event.file = "a/../b".into()),
            ("file", |event| event.file = "a//b".into()),
            ("key", |event| event.values[0].key = String::new()),
            ("note", |event| event.note = Some("x".repeat(5000))),
            ("fingerprint", |event| event.values[0].fingerprint = None),
            ("rotated_from", |event| {
                event.values[0].rotated_from = vec![Id::of(&[]); 65];
            }),
        ];
        for (field, spoil) in cases {
            let mut event = event();
            event.check().unwrap();
            spoil(&mut event);
            let text = Entry::new(event).to_text();
            assert_eq!(Entry::parse(&text), Err(EventError::BadField(field)));
        }
    }

    #[test]
    fn every_action_has_a_word() {
        for (action, word) in Action::ALL {
            assert_eq!(Action::from_word(word), Some(action));
            assert_eq!(action.to_string(), word);
        }
        assert_eq!(Action::from_word("rotated"), None);
    }
}
