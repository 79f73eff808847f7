//! Programs of one family that differ in small things: what a dialect's own reader does not know.
//!
//! Each was looked at in the program's own source and is measured in `tests/it/interop/delivery.rs`.

use super::{Dialect, node};

/// The program that reads a file, where more is known of it than its dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Loader {
    /// npm's dotenv.
    Dotenv,
    /// dotenvx: it expands, runs `$(…)`, and decrypts, but in single quotes.
    Dotenvx,
    /// `@next/env`.
    Next,
    /// Bun's own reader.
    Bun,
}

impl Loader {
    /// What a person calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dotenv => "dotenv",
            Self::Dotenvx => "dotenvx",
            Self::Next => "Next.js",
            Self::Bun => "Bun",
        }
    }
}

/// Whether the programs of the family read `spelled` as the value that the dialect's reader takes it
/// for. Where the program is not known, all of them have to.
pub(super) fn agrees(dialect: Dialect, loader: Option<Loader>, spelled: &str, value: &str) -> bool {
    let family = match dialect {
        Dialect::Node => match loader {
            Some(Loader::Dotenv) => true,
            Some(Loader::Dotenvx) => dotenvx_keeps(spelled, value),
            _ => node_keeps(value) && dotenvx_keeps(spelled, value) && deno_keeps(spelled, value),
        },
        Dialect::Expand => expanding_keep(loader, value),
        // Next.js expands also in single quotes.
        Dialect::Portable if loader.is_some() && value.contains('$') => false,
        Dialect::Portable => {
            node_keeps(value) && dotenvx_keeps(spelled, value) && deno_keeps(spelled, value)
        }
        _ => true,
    };
    let quoting = matches!(dialect, Dialect::Node | Dialect::Expand | Dialect::Portable);
    family && (!quoting || closes(spelled))
}

/// Whether a text that begins with a quote ends with it, and has no other place at which a reader
/// could see its end, nor one that looks escaped: a quote further down in the file would close it.
fn closes(spelled: &str) -> bool {
    let Some(quote) = spelled.chars().next().filter(|c| is_quote(*c)) else {
        return true;
    };
    let inner = spelled
        .strip_prefix(quote)
        .and_then(|rest| rest.strip_suffix(quote));
    inner.is_some_and(|inner| !inner.contains(quote) && !inner.ends_with('\\'))
}

fn is_quote(c: char) -> bool {
    matches!(c, '\'' | '"' | '`')
}

/// What dotenvx and dotenv-expand take for a value that they encrypted.
pub(super) fn looks_encrypted(value: &str) -> bool {
    value.starts_with("encrypted:")
}

/// `node --env-file` and `util.parseEnv` keep no CR, whatever is written.
fn node_keeps(value: &str) -> bool {
    !value.contains('\r')
}

/// Deno replaces references outside of single quotes and backticks.
fn deno_keeps(spelled: &str, value: &str) -> bool {
    spelled.starts_with(['\'', '`']) || !value.contains('$')
}

/// dotenvx: single quotes keep everything; elsewhere it expands, runs and unescapes.
fn dotenvx_keeps(spelled: &str, value: &str) -> bool {
    if looks_encrypted(value) {
        return false;
    }
    if spelled.starts_with('\'') {
        return true;
    }
    let tab = spelled.starts_with('"') && spelled.contains("\\t");
    !tab && !value.contains("$(") && !value.contains("\\$") && !node::expands(value)
}

/// Next.js, Bun, and dotenv-expand, which from 1000.0 runs `$(…)` wherever it stands.
fn expanding_keep(loader: Option<Loader>, value: &str) -> bool {
    matches!(loader, Some(Loader::Next | Loader::Bun))
        || !(value.contains("$(") || looks_encrypted(value))
}
