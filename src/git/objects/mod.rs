//! A repository's objects for the scan: what is staged, what a range of commits brings, and all of
//! history with the deltas that packs hold it in.
//!
//! Reads git's files and nothing else: no program is run, no setting of the repository or its user
//! is followed but its format, no attribute is looked at, nothing is fetched, nothing is written.
//! Packs are read through `gix-pack`, because libgit2 does not show their deltas.

mod again;
mod asked;
mod commits;
mod config;
mod delta;
mod descent;
mod disk;
mod forest;
mod graph;
mod hand_out;
mod history;
#[cfg(test)]
mod hostile;
mod id;
mod index;
mod large;
mod loose;
mod parts;
mod place;
mod ranges;
mod refs;
mod revision;
mod scanned;
mod settle;
mod staged;
mod starts;
mod store;
#[cfg(test)]
mod testing;
mod texts;
mod trees;

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

pub use self::again::Author;
pub use self::asked::{Asked, Named, Questions};
pub use self::hand_out::path_of;
pub use self::history::History;
pub use self::id::Id;
use self::place::Place;
pub use self::scanned::{Key, Scanned};
pub use self::settle::{Reached, Seen, Settled};
use self::store::Store;
use crate::error::{Exit, Explain};
use crate::io::env::Environment;

/// Why a repository's objects could not be walked at all. What goes wrong with single objects is
/// reported in [`Walked`], and the walk goes on.
#[derive(Debug, Error)]
pub enum ObjectsError {
    /// A file of git's that is not what it should be.
    #[error("{}: {what}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// There is no repository.
    #[error("{}: not in a git repository", path.display())]
    NotARepository {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// No commit goes by this name.
    #[error("`{text}` names no commit here")]
    NoSuchRevision {
        /// What was typed.
        text: String,
    },
    /// A repository in a format that is not known.
    #[error("{}: {what}", path.display())]
    Unsupported {
        /// The file that says so.
        path: PathBuf,
        /// What is not known.
        what: &'static str,
    },
    /// A file of git's that cannot be read.
    #[error("{}: cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

impl ObjectsError {
    fn corrupt(path: &Path, what: &'static str) -> Self {
        let path = path.to_owned();
        Self::Corrupt { path, what }
    }

    fn unreadable(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self::Unreadable { path, source }
    }
}

impl Explain for ObjectsError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoSuchRevision { .. } => Exit::USAGE,
            _ => Exit::IO,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Corrupt { .. } => "git-corrupt",
            Self::NotARepository { .. } => "git-none",
            Self::NoSuchRevision { .. } => "git-no-revision",
            Self::Unsupported { .. } => "git-unsupported",
            Self::Unreadable { .. } => "git-unreadable",
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Corrupt { .. } => vec!["`git fsck` tells more".into()],
            Self::NotARepository { .. } | Self::Unreadable { .. } => Vec::new(),
            Self::NoSuchRevision { .. } => vec![
                "a shallow clone lacks older commits: `git fetch --unshallow`, or `fetch-depth: 0` \
                 in a job of GitHub Actions"
                    .into(),
            ],
            Self::Unsupported { .. } => {
                vec!["`git clone --ref-format=files` makes a copy that can be read".into()]
            }
        }
    }

    fn place(&self) -> Option<String> {
        match self {
            Self::Corrupt { path, .. }
            | Self::NotARepository { path }
            | Self::Unsupported { path, .. }
            | Self::Unreadable { path, .. } => Some(path.display().to_string()),
            Self::NoSuchRevision { .. } => None,
        }
    }
}

/// Why one object was not handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It cannot be read.
    Corrupt(&'static str),
    /// It is not there.
    Missing,
    /// It is larger than it may be: its size in bytes.
    TooLarge(u64),
}

/// An object's bytes, which are large at times and never copied.
pub type Bytes = Arc<Vec<u8>>;

/// What a piece is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file's content, or the target of a symbolic link.
    Blob,
    /// A commit's message.
    CommitMessage,
    /// The message of an annotated tag.
    TagMessage,
    /// A name: of an author with the address, of a tag, of a ref.
    Name,
}

/// Bytes to look at.
pub struct Piece<'a> {
    /// The blob's, commit's or tag's id.
    pub id: Id,
    /// What it is.
    pub kind: Kind,
    /// All of its bytes.
    pub bytes: &'a [u8],
    /// What is new in it against another piece that is handed out as well; `None` for all. Ascending
    /// and apart from each other; where something was taken away, the bytes beside the gap.
    pub ranges: Option<&'a [Range<usize>]>,
    /// The file's path from the repository's root, where it is known.
    pub path: Option<&'a Path>,
    /// The commit that it comes with, where one is known.
    pub commit: Option<Id>,
    /// Older versions of the file, in the commits that it comes after.
    pub bases: &'a [Base<'a>],
}

/// An older version of a staged or committed file.
pub struct Base<'a> {
    /// Where it was found.
    pub from: From,
    /// The blob's id.
    pub id: Id,
    /// Reads it: most pieces hold nothing, and nobody asks for what they were before.
    read: &'a dyn Fn(&Id) -> Option<Bytes>,
}

impl Base<'_> {
    /// Its bytes; `None` where it cannot be read.
    pub fn bytes(&self) -> Option<Bytes> {
        (self.read)(&self.id)
    }
}

/// Where an older version was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// At the same path.
    SamePath,
    /// At the same path in the commit that is being merged.
    Merged,
    /// At a path that is gone now: the same content, or the same file name.
    Renamed,
}

/// What was looked at, and what could not be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// Pieces handed out.
    pub pieces: u64,
    /// Their bytes: those in the ranges, where there are ranges.
    pub bytes: u64,
    /// Pieces that had been scanned before and were passed over.
    pub known: u64,
    /// Objects that were not handed out although they should have been, with the path where that is
    /// known; no more than [`Walked::MOST_PROBLEMS`] of them.
    pub problems: Vec<(Option<Id>, Option<PathBuf>, Problem)>,
    /// How many such objects there were.
    pub problem_count: u64,
    /// Submodules, which are passed over: their paths.
    pub submodules: Vec<PathBuf>,
    /// Paths in the index of which git awaits a decision; both sides are handed out.
    pub unmerged: Vec<PathBuf>,
    /// Whether the clone is shallow: older commits are elsewhere.
    pub is_shallow: bool,
    /// Whether some of these commits should have been looked at.
    pub is_cut: bool,
    /// Whether the clone is a partial one: objects may be elsewhere.
    pub is_partial: bool,
}

impl Walked {
    /// How many problems are told in full.
    pub const MOST_PROBLEMS: usize = 100;

    /// Whether all was looked at that should have been.
    pub fn is_complete(&self) -> bool {
        self.problem_count == 0 && !self.is_cut
    }

    fn add(&mut self, other: Self) {
        self.pieces += other.pieces;
        self.bytes += other.bytes;
        self.known += other.known;
        self.problem_count += other.problem_count;
        self.problems.extend(other.problems);
        self.problems.truncate(Self::MOST_PROBLEMS);
        self.submodules.extend(other.submodules);
        self.unmerged.extend(other.unmerged);
        self.is_shallow |= other.is_shallow;
        self.is_cut |= other.is_cut;
        self.is_partial |= other.is_partial;
    }

    fn problem(&mut self, id: Option<Id>, path: Option<&Path>, problem: Problem) {
        self.problem_count += 1;
        if self.problems.len() < Self::MOST_PROBLEMS {
            self.problems.push((id, path.map(Path::to_owned), problem));
        }
    }
}

/// A repository's objects.
pub struct Objects {
    place: Place,
    store: Store,
    limit: u64,
}

impl Objects {
    /// The objects of the repository in which `directory` stands; or of the one that the variables
    /// name which git sets for its hooks. `limit` is the size in bytes above which an object is not
    /// read but reported.
    pub fn open(
        directory: &Path,
        environment: &Environment,
        limit: u64,
    ) -> Result<Self, ObjectsError> {
        let place = Place::find(directory, environment)?;
        let store = Store::open(&place.objects, place.hash)?;
        Ok(Self {
            place,
            store,
            limit,
        })
    }

    /// The root of the work tree; `None` for a bare repository.
    pub fn root(&self) -> Option<&Path> {
        self.place.root.as_deref()
    }
}
