//! Secrets as other tools keep them, read into names and values. Pure: bytes in, values out; no
//! reference is followed, no command is run, and no message holds a byte of a value.
//!
//! [`read`] is the one way in. What a file is, [`detect`] says; what `.env` files mean to whom is
//! [`mod@env`]'s; [`crypt`] knows how git-crypt and transcrypt mark their files.

pub mod crypt;
pub mod detect;
pub mod env;

mod doppler;
mod error;
mod json;
mod name;
mod onepassword;
mod stored;
mod warning;

use crate::secret::Cleartext;
use crate::sops::store::NewNode;

pub use crate::dialects::Dialect;
pub use error::ImportError;
pub use warning::{Concern, Warning};

/// The longest text that is read, in bytes: 16 MiB, far more than anybody's secrets.
pub const SIZE_LIMIT: usize = 16 << 20;

/// How many values one text may hold.
pub const VALUE_LIMIT: usize = 100_000;

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// `NAME=value` lines, as one of their many readers takes them.
    Env(Dialect),
    /// Any JSON object.
    Json,
    /// YAML, one document.
    Yaml,
    /// INI, as sops reads it.
    Ini,
    /// What `doppler secrets download --format json` or `doppler secrets --json` prints.
    Doppler,
    /// What `op item get --format json` prints, or a list of such items.
    OnePassword,
}

/// A value, map or list that was found.
pub struct Entry {
    /// Its name, after the names of the maps around it.
    pub path: Vec<String>,
    /// What it is.
    pub node: NewNode,
    /// The line it begins on, from 1, where the file type has lines.
    pub line: Option<usize>,
    /// The comments that stand directly above it or at the end of its line, without their sign.
    pub comments: Vec<Cleartext>,
}

/// What was found in a text. No two entries have the same path.
#[derive(Default)]
pub struct Contents {
    /// The entries, in the text's order.
    pub entries: Vec<Entry>,
    /// The comments that stand below the last entry, without their sign.
    pub closing: Vec<Cleartext>,
    /// Comments of which it is not known what they stand at, without their sign.
    pub unplaced: Vec<Cleartext>,
    /// What should be seen to.
    pub warnings: Vec<Warning>,
}

impl Contents {
    /// Copies of all comments of the text.
    pub fn comments(&self) -> Vec<Cleartext> {
        let placed = self.entries.iter().flat_map(|entry| &entry.comments);
        let all = placed.chain(&self.closing).chain(&self.unplaced);
        all.map(Cleartext::duplicate).collect()
    }

    /// Whether something of the text is not among the entries, so that the text is still needed.
    pub fn is_partial(&self) -> bool {
        self.warnings.iter().any(Warning::loses)
    }
}

/// Reads a text. A byte-order mark at its beginning does not count.
pub fn read(bytes: &[u8], source: Source) -> Result<Contents, ImportError> {
    let text = error::as_text(bytes)?;
    let contents = match source {
        Source::Env(dialect) => env::read(text, dialect),
        Source::Json => stored::read(text, crate::stores::Format::Json),
        Source::Yaml => stored::read(text, crate::stores::Format::Yaml),
        Source::Ini => stored::read(text, crate::stores::Format::Ini),
        Source::Doppler => doppler::read(text),
        Source::OnePassword => onepassword::read(text),
    }?;
    if contents.entries.is_empty() && !contents.is_partial() {
        return Err(ImportError::Empty);
    }
    if contents
        .entries
        .iter()
        .map(|entry| size(&entry.node))
        .sum::<usize>()
        > VALUE_LIMIT
    {
        return Err(ImportError::TooMany);
    }
    Ok(contents)
}

/// How many values, maps and lists a node is made of.
fn size(node: &NewNode) -> usize {
    match node {
        NewNode::Value(_) | NewNode::Null => 1,
        NewNode::Map(entries) => 1 + entries.iter().map(|(_, node)| size(node)).sum::<usize>(),
        NewNode::List(items) => 1 + items.iter().map(size).sum::<usize>(),
    }
}

impl Source {
    /// How a person calls it: the word that `--from` takes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Env(_) => "env",
            Self::Json => "json",
            Self::Yaml => "yaml",
            Self::Ini => "ini",
            Self::Doppler => "doppler",
            Self::OnePassword => "1password",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sources() -> impl Strategy<Value = Source> {
        let mut all = vec![
            Source::Json,
            Source::Yaml,
            Source::Ini,
            Source::Doppler,
            Source::OnePassword,
        ];
        all.extend(Dialect::ALL.map(Source::Env));
        proptest::sample::select(all)
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_reader_panic(bytes: Vec<u8>, source in sources()) {
            read(&bytes, source).ok();
            detect::source(None, &bytes).ok();
        }

        #[test]
        fn no_text_of_such_signs_makes_a_reader_panic(
            text in "([\\[\\]{}:,\"'a-c0-2 \n#=&*!|>-]|\"(computed|raw|fields|value|label)\"){0,60}",
            source in sources(),
        ) {
            read(text.as_bytes(), source).ok();
            detect::source(None, text.as_bytes()).ok();
        }
    }

    #[test]
    fn too_many_values_are_refused() {
        let text = "a: [".to_owned() + &"1,".repeat(VALUE_LIMIT + 1) + "]\n";
        let error = read(text.as_bytes(), Source::Yaml).err();
        assert!(matches!(error, Some(ImportError::TooMany)));
    }
}
