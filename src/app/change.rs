//! `set`, `unset`, `mv`: one value of a sealed file changes, and nothing else.

use std::path::Path;

use crate::app::App;
use crate::app::files::STDIN;
use crate::app::ledger::store::{Old, Purpose, Storing};
use crate::app::load::OpenFile;
use crate::app::place;
use crate::app::values::{Type, from_json, typed};
use crate::document::{Body, Kind, Value};
use crate::error::{At as _, Exit, Failure};
use crate::keypath::{KeyPath, Segment};
use crate::ledger::event::Entry;
use crate::secret::Cleartext;
use crate::sops::change::{Open, node_at};
use crate::sops::open::selector_of;
use crate::sops::seal::Sealer;
use crate::sops::select::select;
use crate::sops::store::{NewNode, line_of};
use crate::stores::Format;

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It changed.
    Changed {
        /// The keys that were not there before.
        new: Vec<KeyPath>,
    },
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
        self.update(
            path,
            format,
            &Purpose::of("mvx set"),
            |file, sealer, open| {
                self.record_keys(&file.sealed.name, [key.to_string()]);
                place::settable(file, key)?;
                let old = node_at(open, key);
                let node = typed(bytes, wanted, old.as_ref())?;
                self.replaces(file, key, &node)?;
                let node = self.fitting(file, key, node);
                let new = old.is_none().then(|| key.clone()).into_iter().collect();
                let text = match (&node, &old) {
                    // The one value of such a file is any bytes, which its JSON cannot hold in clear
                    // on the way.
                    (NewNode::Value(value), Some(NewNode::Value(old)))
                        if file.sealed.format == Format::Binary =>
                    {
                        (value != old)
                            .then(|| self.seal_whole(file, &value.bytes))
                            .transpose()?
                    }
                    _ => sealer.set(open, &[(key.clone(), node)])?,
                };
                Ok((text, new))
            },
        )
    }

    /// Sets many values at once, given as a JSON object or as dotenv lines.
    pub fn set_many(
        &self,
        path: &Path,
        bytes: &Cleartext,
        format: Option<Format>,
    ) -> Result<Outcome, Failure> {
        let changes = many(bytes).at(STDIN)?;
        self.update(
            path,
            format,
            &Purpose::of("mvx set"),
            |file, sealer, open| {
                let names = changes.iter().map(|(key, _)| key.to_string());
                self.record_keys(&file.sealed.name, names);
                let mut fitting = Vec::with_capacity(changes.len());
                let mut new = Vec::new();
                for (key, node) in changes {
                    place::settable(file, &key)?;
                    if open.tree.find(&key).is_none() {
                        new.push(key.clone());
                    }
                    self.replaces(file, &key, &node)?;
                    let node = self.fitting(file, &key, node);
                    fitting.push((key, node));
                }
                Ok((sealer.set(open, &fitting)?, new))
            },
        )
    }

    /// Takes a value, map or list out.
    pub fn unset(
        &self,
        path: &Path,
        key: &KeyPath,
        format: Option<Format>,
    ) -> Result<Outcome, Failure> {
        self.update(
            path,
            format,
            &Purpose::of("mvx unset"),
            |file, sealer, open| {
                self.record_keys(&file.sealed.name, [key.to_string()]);
                place::unique(file, key)?;
                place::existing(file, key)?;
                Ok((Some(sealer.unset(open, key)?), Vec::new()))
            },
        )
    }

    /// Gives a value, map or list another key path.
    pub fn rename(
        &self,
        path: &Path,
        from: &KeyPath,
        to: &KeyPath,
        format: Option<Format>,
    ) -> Result<Outcome, Failure> {
        let purpose = Purpose {
            moved: Some((from, to)),
            ..Purpose::of("mvx mv")
        };
        self.update(path, format, &purpose, |file, sealer, open| {
            self.record_keys(&file.sealed.name, [from.to_string(), to.to_string()]);
            place::unique(file, from)?;
            place::existing(file, from)?;
            if from == to {
                return Ok((None, Vec::new()));
            }
            place::settable(file, to)?;
            Ok((Some(sealer.rename(open, from, to)?), vec![to.clone()]))
        })
    }

    /// Reads, changes and writes a sealed file under its lock.
    pub(in crate::app) fn update(
        &self,
        path: &Path,
        format: Option<Format>,
        purpose: &Purpose<'_>,
        change: impl FnOnce(
            &OpenFile,
            &mut Sealer<'_>,
            Open<'_>,
        ) -> Result<(Option<Cleartext>, Vec<KeyPath>), Failure>,
    ) -> Result<Outcome, Failure> {
        let (outcome, _) = self.update_and_tell(path, format, purpose, change)?;
        Ok(outcome)
    }

    /// The same, with the events that were written.
    pub(in crate::app) fn update_and_tell(
        &self,
        path: &Path,
        format: Option<Format>,
        purpose: &Purpose<'_>,
        change: impl FnOnce(
            &OpenFile,
            &mut Sealer<'_>,
            Open<'_>,
        ) -> Result<(Option<Cleartext>, Vec<KeyPath>), Failure>,
    ) -> Result<(Outcome, Vec<Entry>), Failure> {
        self.is_not_kept(path)?;
        let lock = self.lock(path)?;
        let file = self.open_file(path, format)?;
        let (text, new) = file.change(|sealer, open| change(&file, sealer, open))?;
        let Some(text) = text else {
            return Ok((Outcome::Unchanged, Vec::new()));
        };
        let storing = Storing {
            path,
            lock: &lock,
            old: Old::Open(&file),
            new: &text,
            format: file.sealed.format,
        };
        let events = self.store(&storing, purpose)?;
        self.say_what_is_readable(&file, &text, &new)?;
        Ok((Outcome::Changed { new }, events))
    }

    /// Seals new content for a file that is one value.
    pub(in crate::app) fn seal_whole(
        &self,
        file: &OpenFile,
        content: &Cleartext,
    ) -> Result<Cleartext, Failure> {
        let metadata = file.sealed.metadata.clone();
        let name = &file.sealed.name;
        let sealed = self.seal(name, content, Format::Binary, &file.key, metadata, None)?;
        Ok(sealed.text)
    }

    /// Says of new entries that the selector leaves them in clear: sops does so silently, and a
    /// secret may be meant.
    pub(super) fn say_what_is_readable(
        &self,
        file: &OpenFile,
        text: &Cleartext,
        new: &[KeyPath],
    ) -> Result<(), Failure> {
        if new.is_empty() {
            return Ok(());
        }
        let tree = file.store().parse(text.as_bytes())?;
        let selector = selector_of(&file.sealed.metadata)?;
        for (item, selected) in tree.items.iter().zip(select(&tree, &selector)) {
            let clear = matches!(&item.body, Body::Leaf(value) if !value.bytes.is_empty());
            if selected || !clear {
                continue;
            }
            let path = tree.path(item);
            if new.iter().any(|new| path.is_within(new)) {
                self.note(format!(
                    "{}: `{path}` is readable: the file's `{} = {}` does not encrypt it",
                    file.sealed.name,
                    selector.field(),
                    selector.pattern()
                ));
            }
        }
        Ok(())
    }

    /// Refuses to put a value in the place of a map or list, and says so where another map or list
    /// takes it: everything below goes.
    fn replaces(&self, file: &OpenFile, key: &KeyPath, node: &NewNode) -> Result<(), Failure> {
        if matches!(node, NewNode::Value(_) | NewNode::Null) {
            return place::no_container(file, key);
        }
        if let Some((what, count)) = place::container(file, key) {
            let name = &file.sealed.name;
            self.note(format!(
                "{name}: the {what} `{key}` of {count} was replaced as a whole"
            ));
        }
        Ok(())
    }

    /// The node as the file's type can hold it: dotenv and INI know text alone.
    fn fitting(&self, file: &OpenFile, key: &KeyPath, node: NewNode) -> NewNode {
        let format = file.sealed.format;
        match node {
            NewNode::Value(value)
                if matches!(format, Format::Dotenv | Format::Ini) && value.kind != Kind::Str =>
            {
                self.note(format!(
                    "{}: `{key}` is stored as text; {} files hold nothing else",
                    file.sealed.name,
                    format.name()
                ));
                NewNode::Value(as_text(value))
            }
            node => node,
        }
    }
}

/// A value as dotenv and INI files hold it: they know text alone.
pub(super) fn as_text(value: Value) -> Value {
    let bytes = match (value.kind, value.bytes.as_bytes()) {
        (Kind::Bool, b"True") => "true".into(),
        (Kind::Bool, _) => "false".into(),
        _ => value.bytes,
    };
    Value {
        kind: Kind::Str,
        bytes,
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
    let tree = Format::Dotenv.store().parse(bytes.as_bytes())?;
    let mut changes: Vec<(KeyPath, NewNode)> = Vec::new();
    for item in &tree.items {
        if let Body::Leaf(value) = &item.body {
            let path = tree.path(item);
            // Names are stored in clear: a value that was piped in by mistake, and happens to hold
            // an `=`, must not become one.
            if !matches!(&item.name, Segment::Key(name) if is_name(name)) {
                let line = line_of(bytes.as_bytes(), item.entry.start);
                return Err(bad(format!(
                    "line {line}: what stands before the `=` is no name of letters, digits and `_.-`"
                )));
            }
            if changes.iter().any(|(earlier, _)| *earlier == path) {
                return Err(bad(format!("`{path}` stands there twice")));
            }
            let value = Value {
                kind: Kind::Str,
                bytes: value.bytes.duplicate(),
            };
            changes.push((path, NewNode::Value(value)));
        }
    }
    if changes.is_empty() {
        return Err(bad("there are no values".into()));
    }
    Ok(changes)
}

fn is_name(text: &str) -> bool {
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(sound)
}
