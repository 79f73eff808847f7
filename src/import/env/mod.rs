//! `.env` files, as their many readers take them.
//!
//! There is no standard: npm's dotenv, a shell, Docker Compose and python-dotenv read other values
//! out of one line. Each [`Dialect`] is a reader of its own, written after what the real program
//! does; tests compare them with the real ones. References to variables and commands are kept as
//! they stand: nothing is expanded, nothing is run.

mod comments;
mod compose;
mod cursor;
mod docker;
mod node;
mod portable;
mod python;
mod rust;
mod shell;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use self::cursor::Lines;
use super::{Concern, Contents, Entry, ImportError, Warning, name};
use crate::document::{Kind, Value};
use crate::secret::Cleartext;
use crate::sops::store::NewNode;

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

    /// What it reads out of a text.
    fn scan(self, text: &str) -> Result<Reading, Refusal> {
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
}

/// A name and a value, found in a text.
struct Raw {
    name: String,
    value: Cleartext,
    /// Where its name begins.
    start: usize,
    /// Where its value ends, quotes included.
    end: usize,
    /// Whether the program would put something else in the place of a part of it.
    reference: bool,
}

/// What a dialect finds in a text.
#[derive(Default)]
struct Reading {
    found: Vec<Raw>,
    /// Where lines stand that the program passes over.
    unread: Vec<usize>,
    /// Where names stand whose value comes from the program's own environment.
    unset: Vec<usize>,
    /// Whether values were taken without a CR before the line break that the program would keep.
    carriage_returns: bool,
}

/// A place where the program would give up, or do something else than to set a value.
struct Refusal {
    at: usize,
    name: Option<String>,
    why: &'static str,
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

/// Reads a text as `dialect` does. Of a name that stands twice, the value is kept that the
/// program takes.
pub(super) fn read(text: &str, dialect: Dialect) -> Result<Contents, ImportError> {
    let lines = Lines::new(text);
    let reading = dialect.scan(text).map_err(|refusal| {
        let why = refusal.why;
        ImportError::Line {
            line: lines.of(refusal.at),
            why: match refusal.name {
                Some(name) if name::doubt(&name, &Cleartext::default()).is_none() => {
                    format!("`{name}`: {why}")
                }
                _ => why.into(),
            },
        }
    })?;
    let mut warnings = Vec::new();
    if reading.carriage_returns {
        warnings.push(Warning::new(None, None, Concern::CarriageReturns));
    }
    for at in &reading.unread {
        warnings.push(Warning::new(Some(lines.of(*at)), None, Concern::Unread));
    }
    for at in &reading.unset {
        // What stands there may be a piece of a value.
        let line = Some(lines.of(*at));
        warnings.push(Warning::new(line, None, Concern::NoValue));
    }
    for raw in &reading.found {
        if let Some(why) = name::doubt(&raw.name, &raw.value) {
            return Err(ImportError::Line {
                line: lines.of(raw.start),
                why: why.into(),
            });
        }
    }
    let (above, closing) = comments::attach(text, &reading.found);
    let mut contents = Contents {
        closing,
        ..Contents::default()
    };
    let winners = winners(&reading.found, dialect);
    let values: Vec<(usize, Cleartext)> = reading
        .found
        .iter()
        .enumerate()
        .map(|(index, raw)| (index, raw.value.duplicate()))
        .collect();
    for ((index, raw), comments) in reading.found.into_iter().enumerate().zip(above) {
        let line = Some(lines.of(raw.start));
        let winner = winners.get(&raw.name).copied().unwrap_or(index);
        if winner != index {
            let same = values
                .get(winner)
                .is_some_and(|(_, value)| *value == raw.value);
            if !same {
                warnings.push(Warning::new(line, Some(&raw.name), Concern::Overridden));
            }
            continue;
        }
        if raw.reference {
            warnings.push(Warning::new(line, Some(&raw.name), Concern::Reference));
        }
        contents.entries.push(Entry {
            path: vec![raw.name],
            node: NewNode::Value(Value {
                kind: Kind::Str,
                bytes: raw.value,
            }),
            line,
            comments,
        });
    }
    warnings.sort_by_key(|warning| warning.line);
    contents.warnings = warnings;
    Ok(contents)
}

/// Which of those with the same name counts: the last, but for dotenvy, which leaves what is set.
fn winners(found: &[Raw], dialect: Dialect) -> HashMap<String, usize> {
    let mut winners = HashMap::new();
    for (index, raw) in found.iter().enumerate() {
        if dialect == Dialect::Rust && winners.contains_key(&raw.name) {
            continue;
        }
        winners.insert(raw.name.clone(), index);
    }
    winners
}

/// Where other programs read other values than `contents`, which `dialect` read out of `text`. A
/// program that cannot read the text at all does not count, nor does docker, to which quotes are
/// part of every value.
pub fn differences(bytes: &[u8], dialect: Dialect, contents: &Contents) -> Vec<Warning> {
    let Ok(text) = super::error::as_text(bytes) else {
        return Vec::new();
    };
    let others = Dialect::ALL
        .into_iter()
        .filter(|other| *other != dialect && !matches!(other, Dialect::Docker | Dialect::Portable));
    let readings: Vec<(Dialect, HashMap<String, Raw>)> = others
        .filter_map(|other| {
            let reading = other.scan(text).ok()?;
            let winners = winners(&reading.found, other);
            let taken = reading.found.into_iter().enumerate();
            let taken = taken
                .filter(|(index, raw)| winners.get(&raw.name) == Some(index))
                .map(|(_, raw)| (raw.name.clone(), raw));
            Some((other, taken.collect()))
        })
        .collect();
    let mut warnings = Vec::new();
    for entry in &contents.entries {
        let ([name], NewNode::Value(value)) = (entry.path.as_slice(), &entry.node) else {
            continue;
        };
        let mut differ = Vec::new();
        let mut reference = false;
        for (other, raws) in &readings {
            match raws.get(name) {
                Some(raw) if raw.reference => reference = true,
                Some(raw) if raw.value != value.bytes => differ.push(*other),
                _ => {}
            }
        }
        let said = |concern: &Concern| {
            let same = |warning: &Warning| {
                warning.key.as_deref() == Some(name) && warning.concern == *concern
            };
            contents.warnings.iter().any(same)
        };
        if reference && !said(&Concern::Reference) {
            warnings.push(Warning::new(entry.line, Some(name), Concern::Reference));
        } else if !differ.is_empty() {
            warnings.push(Warning::new(
                entry.line,
                Some(name),
                Concern::Differs(differ),
            ));
        }
    }
    warnings
}
