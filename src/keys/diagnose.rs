//! Why this machine opens an entry or not: what each identity made of it, and where identities were
//! looked for. For people; nothing here gives out a key.

use std::path::PathBuf;

use crate::keys::Held;

/// How far an examination goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Keys that lie ready. No command is run, and nobody is asked.
    Ready,
    /// The commands that print keys, too.
    Commands,
    /// Passphrases are asked for, and plugins are started.
    People,
}

/// What one identity made of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Where the identity comes from.
    pub source: String,
    /// What it is: `X25519`, `ssh-ed25519`, `plugin yubikey`, `command`.
    pub kind: String,
    /// Its public side, where that is known.
    pub recipient: Option<String>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It opened the entry.
    Opened,
    /// The entry is for somebody else.
    NotMine,
    /// It should have opened the entry, and did not; why.
    Failed(String),
    /// It may open the entry, and was not tried; what it would take.
    NotTried(String),
}

/// A place where identities were looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// How it is called: a variable's name, a path, or both.
    pub source: String,
    /// The file, where it is one.
    pub path: Option<PathBuf>,
    /// What came of it.
    pub found: Found,
    /// What of it could not be used, a line each.
    pub troubles: Vec<String>,
}

/// What came of looking at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// These identities.
    Held(Vec<Held>),
    /// Nothing is there, which is no mistake.
    Nothing,
    /// A command, which is run when a file needs it.
    Command,
}
