//! A finding, with all that a report says of it.

use std::path::{Path, PathBuf};

use super::{Confidence, Position};
use crate::secret::Cleartext;

/// Something that looks like a secret, where it stands, and who put it there.
pub struct Finding {
    /// The id of the rule that found it.
    pub rule: String,
    /// What it is: `GitHub personal access token`.
    pub what: String,
    /// What somebody can do who has it; may be empty.
    pub why: String,
    /// What to do about it; may be empty.
    pub remedy: String,
    /// How sure it is.
    pub confidence: Confidence,
    /// Where it stands.
    pub place: Place,
    /// Where it begins there.
    pub start: Position,
    /// Where it ends: behind its last character.
    pub end: Position,
    /// The secret, decoded; empty where the file itself is the finding.
    pub secret: Cleartext,
    /// How it was encoded, the outermost first.
    pub decoded_by: Vec<&'static str>,
    /// What lets it pass no longer: an allowance that has expired, in words.
    pub expired: Option<String>,
    /// What a baseline calls it: a hash that cannot be tried cheaply. Absent where nobody asked for it.
    pub fingerprint: Option<String>,
    /// Whether it fails the scan.
    pub fails: bool,
}

/// Where a finding stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// What it was read from.
    pub source: Source,
    /// The file's path, relative to where the report is read; none for messages and standard input.
    pub path: Option<PathBuf>,
    /// The commit that brought it, the tag that says it, the commit that a note is about.
    pub commit: Option<Commit>,
}

/// What a finding was read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A file on the disk.
    #[default]
    File,
    /// The index: what the next commit holds.
    Staged,
    /// A commit's files.
    History,
    /// A commit's message.
    Message,
    /// An annotated tag's message.
    Tag,
    /// A note (git-notes(1)).
    Note,
    /// A stash.
    Stash,
    /// What no branch or tag leads to.
    Unreachable,
    /// Standard input.
    Stdin,
    /// A name: a file's or directory's, an author's, a tag's, a branch's.
    Name,
}

impl Source {
    /// The token for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Staged => "staged",
            Self::History => "history",
            Self::Message => "message",
            Self::Tag => "tag",
            Self::Note => "note",
            Self::Stash => "stash",
            Self::Unreachable => "unreachable",
            Self::Stdin => "stdin",
            Self::Name => "name",
        }
    }
}

/// A commit, or a tag, as reports name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// Its whole id, in hexadecimal digits.
    pub id: String,
    /// Who wrote it.
    pub author: String,
    /// The writer's address.
    pub email: String,
    /// When, in UTC: `2026-11-22T09:30:00Z`.
    pub date: String,
}

impl Commit {
    /// The id as people know it: its first 10 digits.
    pub fn short(&self) -> &str {
        self.id.get(..10).unwrap_or(&self.id)
    }
}

impl Finding {
    /// Whether the file itself is the finding, not something in it.
    pub fn is_of_file(&self) -> bool {
        self.secret.is_empty()
    }
}

impl Place {
    /// The place as people read it: the path, or what there is in place of one.
    pub fn words(&self) -> String {
        match (&self.path, &self.commit) {
            (Some(path), _) => path.display().to_string(),
            (None, Some(commit)) => match self.source {
                Source::Tag => format!("tag {}", commit.short()),
                Source::Note => format!("note on {}", commit.short()),
                Source::Name => format!("names of {}", commit.short()),
                Source::History | Source::Stash => format!("object {}", commit.short()),
                _ => format!("message of {}", commit.short()),
            },
            (None, None) => "standard input".into(),
        }
    }

    /// The path, for formats that want one in any case.
    pub fn path_or_words(&self) -> PathBuf {
        self.path
            .clone()
            .unwrap_or_else(|| Path::new(&self.words()).to_owned())
    }
}
