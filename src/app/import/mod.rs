//! Secrets of other tools become a secret file, or join one.
//!
//! First the plan: what each input holds, and what of it is new, there already, or there with
//! another value. Then the file is written, opened again, and compared. Only after that may the
//! plaintext go.

pub mod crypt_tree;

mod apply;
mod compose;
mod plan;
mod sources;

use std::path::{Path, PathBuf};

use crate::app::encrypt::NewKey;
use crate::app::load::OpenFile;
use crate::app::policy::Policy;
use crate::git::committed::History;
use crate::import::{Contents, Dialect, Source, Warning};
use crate::keypath::KeyPath;
use crate::secret::Cleartext;
use crate::sops::store::NewNode;
use crate::stores::Format;

/// What is to be imported, and where to.
pub struct Request<'a> {
    /// The inputs, in order: of a name that several hold, the last one counts.
    pub inputs: Vec<Input>,
    /// The secret file.
    pub to: &'a Path,
    /// What the inputs are, where their names and content are not to be asked.
    pub from: Option<Source>,
    /// The program that reads the `.env` files.
    pub dialect: Option<Dialect>,
    /// The key path under which everything is put.
    pub at: Option<KeyPath>,
    /// What is put before each name.
    pub prefix: &'a str,
    /// Globs over key paths; where there are any, nothing else is imported.
    pub only: &'a [String],
    /// Globs over key paths that are not imported.
    pub except: &'a [String],
    /// The secret file's type, where its name does not tell it.
    pub format: Option<Format>,
    /// Recipients of a new file, instead of the rules'.
    pub age: &'a [String],
}

/// A file, or what came on standard input.
pub struct Input {
    /// The file; for standard input, what messages call it.
    pub path: PathBuf,
    /// The bytes, where they came on standard input.
    pub bytes: Option<Cleartext>,
}

/// What would be done.
pub struct Plan {
    /// The secret file.
    pub to: PathBuf,
    /// Whether it does not exist yet.
    pub creates: bool,
    /// Who can open a new file.
    pub recipients: Vec<String>,
    /// The inputs.
    pub inputs: Vec<ReadInput>,
    /// Every value that is to be in the file, in order.
    pub keys: Vec<Planned>,
    /// Names that several inputs hold.
    pub twice: Vec<Twice>,
    format: Format,
    target: Target,
    /// Whether a single input's own text can become the new file, comments and all.
    verbatim: bool,
    comments: Vec<(KeyPath, Vec<Cleartext>)>,
    closing: Vec<Cleartext>,
}

/// An input, read.
pub struct ReadInput {
    /// How the user named it.
    pub name: PathBuf,
    /// The file; `None` for standard input.
    pub path: Option<PathBuf>,
    /// What it is.
    pub source: Source,
    /// Why an `.env` file is read as it is: what lies beside it, or nothing.
    pub told_by: Option<String>,
    /// How many values it holds.
    pub values: usize,
    /// What there is to see to.
    pub warnings: Vec<Warning>,
    /// Its names that `--only` and `--except` leave out.
    pub left_out: Vec<KeyPath>,
    /// What git's history holds of it.
    pub history: Option<History>,
    /// Whether git has it in its index.
    pub tracked: bool,
    bytes: Cleartext,
    comments: Vec<Cleartext>,
    contents: Contents,
}

/// A value, list or empty map that is to be in the file.
pub struct Planned {
    /// Its key path there.
    pub key: KeyPath,
    /// Which input holds it.
    pub input: usize,
    /// On which line, where that is known.
    pub line: Option<usize>,
    /// What the file has there now.
    pub status: Status,
    node: NewNode,
}

/// What a secret file has at a key path, compared with what is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nothing.
    New,
    /// The same.
    Equal,
    /// Another value.
    Different,
}

/// A key that several inputs hold.
pub struct Twice {
    /// The key path.
    pub key: KeyPath,
    /// The inputs and lines, the one that counts last.
    pub places: Vec<(usize, Option<usize>)>,
    /// Whether all hold the same value.
    pub same: bool,
}

/// What was done.
pub struct Imported {
    /// Whether the file was written.
    pub written: bool,
    /// What became of each of the plan's keys.
    pub outcomes: Vec<Outcome>,
    /// The inputs.
    pub inputs: Vec<Done>,
}

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is new in the file.
    Added,
    /// It was there already.
    Equal,
    /// It took another value's place.
    Replaced,
    /// The file's own value stayed.
    Kept,
}

/// An input after the import.
pub struct Done {
    /// The file; `None` for standard input.
    pub path: Option<PathBuf>,
    /// How many of its values are not in the secret file: the plaintext is still needed.
    pub missing: usize,
    /// How many of its comments are not in the secret file, which may be values that somebody
    /// commented out.
    pub missing_comments: usize,
    /// Its bytes, so that it is removed only if it is still the same.
    pub bytes: Cleartext,
}

/// Where the values go.
enum Target {
    Existing(Box<OpenFile>),
    New { policy: Box<Policy>, key: NewKey },
}
