//! `set`, `unset`, `mv`: one value of a sealed file changes, and nothing else.

use std::path::Path;

use crate::app::App;
use crate::app::load::OpenFile;
use crate::app::values::{Type, from_json, missing, typed};
use crate::document::{Kind, Value};
use crate::error::{Exit, Failure};
use crate::io::write::{self, Access};
use crate::keypath::KeyPath;
use crate::secret::Cleartext;
use crate::sops::change::{Open, node_at};
use crate::sops::seal::Sealer;
use crate::sops::store::NewNode;
use crate::stores::Format;

/// Whether a file changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did.
    Changed,
    /// Everything was there already; the file was not written.
    Unchanged,
}

impl App<'_> {
    /// Sets one value.
    pub fn set(
        &self,
        path: &Path,
        key: &KeyPath,
        bytes: &Cleartext,
        wanted: Type,
        format: Option<Format>,
    ) -> Result<Outcome, Failure> {
        self.update(path, format, |_, sealer, open| {
            let old = node_at(open, key);
            let node = typed(bytes, wanted, old.as_ref())?;
            Ok(sealer.set(open, &[(key.clone(), node)])?)
        })
    }

    /// Sets many values at once, given as a JSON object or as dotenv lines.
    pub fn set_many(
        &self,
        path: &Path,
        bytes: &Cleartext,
        format: Option<Format>,
    ) -> Result<Outcome, Failure> {
        let changes = many(bytes)?;
        self.update(path, format, |_, sealer, open| {
            Ok(sealer.set(open, &changes)?)
        })
    }

    /// Takes a value, map or list out.
    pub fn unset(
        &self,
        path: &Path,
        key: &KeyPath,
        format: Option<Format>,
    ) -> Result<Outcome, Failure> {
        self.update(path, format, |file, sealer, open| {
            if node_at(open, key).is_none() {
                return Err(missing(file, key));
            }
            Ok(Some(sealer.unset(open, key)?))
        })
    }

    /// Gives a value, map or list another key path.
    pub fn rename(
        &self,
        path: &Path,
        from: &KeyPath,
        to: &KeyPath,
        format: Option<Format>,
    ) -> Result<Outcome, Failure> {
        self.update(path, format, |file, sealer, open| {
            if node_at(open, from).is_none() {
                return Err(missing(file, from));
            }
            Ok(Some(sealer.rename(open, from, to)?))
        })
    }

    /// Reads, changes and writes a sealed file under its lock.
    fn update(
        &self,
        path: &Path,
        format: Option<Format>,
        change: impl FnOnce(&OpenFile, &mut Sealer<'_>, Open<'_>) -> Result<Option<Cleartext>, Failure>,
    ) -> Result<Outcome, Failure> {
        let lock = self.lock(&self.absolute(path))?;
        let file = self.open_file(path, format)?;
        let new = file.change(|sealer, open| change(&file, sealer, open))?;
        let Some(new) = new else {
            return Ok(Outcome::Unchanged);
        };
        let old = file.sealed.original.as_bytes();
        write::write_if_unchanged(&lock, old, new.as_bytes(), Access::Shared)?;
        Ok(Outcome::Changed)
    }
}

/// A JSON object (keys are key paths, types stay) or dotenv lines (`KEY=value`, verbatim).
fn many(bytes: &Cleartext) -> Result<Vec<(KeyPath, NewNode)>, Failure> {
    let bad = |message: String| {
        Failure::new(Exit::USAGE, "bad-value", message)
            .hint("`--many` reads a JSON object or lines of the form KEY=value from standard input")
    };
    if bytes.as_bytes().trim_ascii_start().starts_with(b"{") {
        let json: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(bytes.as_bytes()).map_err(|error| {
                bad(format!(
                    "not a JSON object (line {}, column {})",
                    error.line(),
                    error.column()
                ))
            })?;
        return json
            .into_iter()
            .map(|(key, value)| Ok((KeyPath::parse(&key)?, from_json(value)?)))
            .collect();
    }
    let store = Format::Dotenv.store();
    let tree = store.parse(bytes.as_bytes())?;
    let mut changes = Vec::new();
    for item in &tree.items {
        if let crate::document::Body::Leaf(value) = &item.body {
            let value = Value {
                kind: Kind::Str,
                bytes: value.bytes.duplicate(),
            };
            let path = tree.path(item);
            changes.push((path, NewNode::Value(value)));
        }
    }
    if changes.is_empty() {
        return Err(bad("standard input holds no values".into()));
    }
    Ok(changes)
}
