//! `.env` files, as their many readers take them. Pure: text in, names and values out.
//!
//! There is no standard: npm's dotenv, a shell, Docker Compose and python-dotenv read other values
//! out of one line. Each [`Dialect`] is a reader of its own, written after what the real program
//! does; tests compare them with the real ones. References to variables and commands are kept as
//! they stand: nothing is expanded, nothing is run.

mod compose;
mod cursor;
pub mod detect;
mod docker;
mod family;
mod node;
mod portable;
mod python;
mod rust;
mod shell;
mod write;
#[cfg(test)]
mod write_tests;

use std::collections::HashMap;

use crate::secret::Cleartext;

pub use cursor::Lines;
pub use family::Loader;
pub use write::Unwritable;

/// A program, or a family of them, that reads `.env` files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// npm's dotenv, and `node --env-file` but for small things.
    Node,
    /// dotenv-expand on top of it, and what is built on that: Next.js, Vite, Bun.
    Expand,
    /// bash and other POSIX shells that source the file.
    Shell,
    /// Docker Compose, in Go.
    Compose,
    /// python-dotenv.
    Python,
    /// `docker run --env-file`: everything behind the `=` is the value.
    Docker,
    /// The dotenvy crate.
    Rust,
    /// What most of them agree on; what is not clear is refused or told.
    Portable,
}

impl Dialect {
    /// Every dialect, in the order in which help texts list them.
    pub const ALL: [Self; 8] = [
        Self::Node,
        Self::Expand,
        Self::Shell,
        Self::Compose,
        Self::Python,
        Self::Docker,
        Self::Rust,
        Self::Portable,
    ];

    /// Its name, as `--dialect` takes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Expand => "expand",
            Self::Shell => "shell",
            Self::Compose => "compose",
            Self::Python => "python",
            Self::Docker => "docker",
            Self::Rust => "rust",
            Self::Portable => "portable",
        }
    }

    /// The dialect by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name)
    }

    /// What it reads out of a text. A byte-order mark at its beginning is not expected.
    pub fn read(self, text: &str) -> Result<Reading, Refusal> {
        match self {
            Self::Node => Ok(node::scan(text)),
            Self::Expand => Ok(node::scan_expanding(text)),
            Self::Shell => shell::scan(text),
            Self::Compose => compose::scan(text),
            Self::Python => Ok(python::scan(text)),
            Self::Docker => docker::scan(text),
            Self::Rust => rust::scan(text),
            Self::Portable => portable::scan(text),
        }
    }

    /// What a program of it reads, where that is known to differ: dotenvx takes what stands in
    /// single quotes as it is, and expands the rest.
    pub fn read_for(self, text: &str, loader: Option<Loader>) -> Result<Reading, Refusal> {
        if self == Self::Node && loader == Some(Loader::Dotenvx) {
            return Ok(node::scan_dotenvx(text));
        }
        self.read(text)
    }

    /// Which of those with the same name counts, by its place in `found`: the last, but for
    /// dotenvy, which leaves what is set.
    pub fn winners(self, found: &[Assignment]) -> HashMap<String, usize> {
        let mut winners = HashMap::new();
        for (index, assignment) in found.iter().enumerate() {
            if self == Self::Rust && winners.contains_key(&assignment.name) {
                continue;
            }
            winners.insert(assignment.name.clone(), index);
        }
        winners
    }
}

/// A name and a value, found in a text.
pub struct Assignment {
    /// The name as it stands there; it may be no sound one, or a piece of a value.
    pub name: String,
    /// The value that the program takes, references left as they stand.
    pub value: Cleartext,
    /// The byte at which its name begins.
    pub start: usize,
    /// The byte behind its value, quotes included.
    pub end: usize,
    /// Whether the program would put something else in the place of a part of it.
    pub reference: bool,
}

/// What a dialect finds in a text.
#[derive(Default)]
pub struct Reading {
    /// The assignments, in the text's order.
    pub found: Vec<Assignment>,
    /// The bytes at which lines begin that the program passes over.
    pub unread: Vec<usize>,
    /// The bytes at which names stand whose value comes from the program's own environment.
    pub unset: Vec<usize>,
    /// Whether values were taken without a CR before the line break that the program would keep.
    pub carriage_returns: bool,
}

/// A place where the program would give up, or do something else than to set a value.
pub struct Refusal {
    /// The byte.
    pub at: usize,
    /// The name before it, where it is one; it may be a piece of a value.
    pub name: Option<String>,
    /// Why, without a byte of the text.
    pub why: &'static str,
}

impl Refusal {
    fn new(at: usize, name: Option<&str>, why: &'static str) -> Self {
        Self {
            at,
            name: name.map(str::to_owned),
            why,
        }
    }
}
