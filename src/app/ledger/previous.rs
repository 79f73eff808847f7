//! Values that were replaced or deleted, and are kept for a while: a secret file of their own for
//! each secret file, `.mvx/previous/PATH.json`, encrypted for the same readers.
//!
//! It is plain SOPS, and everything in it is encrypted whatever the rule's selector says. Under the
//! id of the event that replaced them stand the values by their key paths, each under its type:
//! `{"ID": {"db.password": {"str": "…"}}}`.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::store::previous_name;
use super::{Ledger, name_in, no_links};
use crate::app::load::{OpenFile, Sealed, parse_sealed};
use crate::app::policy::Policy;
use crate::app::{App, SystemRandomness, now};
use crate::document::{Body, Kind, Value};
use crate::error::{At as _, Failure};
use crate::git;
use crate::io::file;
use crate::io::journal::Step;
use crate::keypath::{KeyPath, Segment};
use crate::ledger::PREVIOUS;
use crate::ledger::event::Entry;
use crate::ledger::id::Id;
use crate::secret::{Cleartext, DataKey};
use crate::sops::change::{Open, node_at};
use crate::sops::envelope::kind_name;
use crate::sops::open::{Check, open};
use crate::sops::seal::Sealer;
use crate::sops::select::Selector;
use crate::sops::store::NewNode;
use crate::stores::Format;

/// The name of the type under which bytes stand that are not text.
const BASE64: &str = "base64";

impl App<'_> {
    /// The file of a secret file's previous values with those that these events replace; `None` where
    /// none of them is to be kept.
    pub(super) fn keep_values(
        &self,
        ledger: &Ledger,
        name: &str,
        path: &Path,
        open: &OpenFile,
        entries: &[Entry],
    ) -> Result<Option<Step>, Failure> {
        let mut new = Vec::new();
        let kept_for_a_while = |entry: &&Entry| entry.event.grace_until.is_some();
        for entry in entries.iter().filter(kept_for_a_while) {
            for change in &entry.event.values {
                if let Some(value) = value_of(open, &change.key) {
                    new.push(written(entry.id, &change.key, &value));
                }
            }
        }
        if new.is_empty() {
            return Ok(None);
        }
        let inside = previous_name(name);
        ledger.has_no_links(&inside)?;
        let full = ledger.root.join(&inside);
        let shown = self.relative(&full);
        let label = shown.display().to_string();
        let mut before = None;
        let mut all = Vec::new();
        if file::kind(&full)?.is_some() {
            let old = self.open_file(&shown, Some(Format::Json))?;
            for (id, key) in kept(&old.sealed) {
                if let Some(id) = Id::parse(&id)
                    && let Some(value) = kept_value(&old, id, &key)
                {
                    all.push(written(id, &key, &value));
                }
            }
            before = Some(old.sealed.original.duplicate());
        }
        all.extend(new);
        // Always under a new data key: nobody looks at this file, and whoever can open a pull request could
        // have put one there whose data key they know.
        let policy = self.previous_policy(path)?;
        let key = self.new_key(&policy).at(&label)?;
        let empty = self.seal_new(&label, &"{}\n".into(), Format::Json, &policy, &key)?;
        let Some(text) = put(&label, empty.text, key.data_key(), &all)? else {
            return Ok(None);
        };
        Ok(Some(Step {
            path: PathBuf::from(inside),
            before,
            after: Some(text.as_bytes().to_vec()),
        }))
    }

    /// These secret files, and after them those of their values that are kept: who reads the ones reads
    /// the others.
    pub(in crate::app) fn with_previous(&self, files: &[PathBuf]) -> Vec<PathBuf> {
        let mut all = files.to_vec();
        for file in files {
            let Ok(Some(root)) = git::repository_root(file) else {
                continue;
            };
            let kept = root.join(PREVIOUS);
            if !matches!(file::kind(&kept), Ok(Some(file::Kind::Directory))) {
                continue;
            }
            let name = name_in(&root, file).ok().flatten();
            let Some(name) = name.as_deref().map(previous_name) else {
                continue;
            };
            let no_links = no_links(&root, &name).is_ok();
            let path = self.relative(&root.join(name));
            let there = matches!(file::kind(&path), Ok(Some(file::Kind::File)));
            if there && no_links && !all.contains(&path) {
                all.push(path);
            }
        }
        all
    }

    /// The secret file whose previous values a file holds; `None` for any other file.
    pub(in crate::app) fn parent_of_previous(&self, path: &Path) -> Option<PathBuf> {
        let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
        // Nearly every path ends here.
        parts
            .windows(2)
            .find(|pair| *pair == [".mvx", "previous"])?;
        let root = git::repository_root(path).ok()??;
        let name = name_in(&root, path).ok()??;
        let inside = name.strip_prefix(PREVIOUS)?.strip_prefix('/')?;
        Some(self.relative(&root.join(inside.strip_suffix(".json")?)))
    }

    /// The readers of a secret file, and everything encrypted.
    pub(in crate::app) fn previous_policy(&self, path: &Path) -> Result<Policy, Failure> {
        Ok(Policy {
            selector: Selector::default(),
            mac_only_encrypted: false,
            format: None,
            ..self.policy_for(path, &[])?
        })
    }

    /// The previous values of a secret file, opened; `None` where none are kept.
    pub(super) fn open_previous(
        &self,
        ledger: &Ledger,
        name: &str,
    ) -> Result<Option<OpenFile>, Failure> {
        let Some(sealed) = self.read_previous(&ledger.root, name)? else {
            return Ok(None);
        };
        self.open_sealed(sealed).map(Some)
    }

    /// The same, not opened.
    pub(super) fn read_previous(&self, root: &Path, name: &str) -> Result<Option<Sealed>, Failure> {
        let inside = previous_name(name);
        no_links(root, &inside)?;
        let full = root.join(inside);
        if file::kind(&full)?.is_none() {
            return Ok(None);
        }
        self.read_sealed(&self.relative(&full), Some(Format::Json))
            .map(Some)
    }
}

/// A file of previous values with another text, under the same key.
pub(super) fn reopened(file: OpenFile, text: Cleartext) -> Result<OpenFile, Failure> {
    let name = file.sealed.name.clone();
    let sealed = parse_sealed(&name, Format::Json, text)?;
    let opened = open(&sealed.tree, &sealed.metadata, &file.key, Check::Required).at(&name)?;
    Ok(OpenFile {
        sealed,
        opened,
        ..file
    })
}

/// The value that an event replaced at a key; `None` where it is not kept.
pub(super) fn kept_value(previous: &OpenFile, id: Id, key: &str) -> Option<Value> {
    let at = place(&[id.to_string(), key.to_owned()]);
    let Some(NewNode::Map(entries)) = node_at(previous.view(), &at) else {
        return None;
    };
    let [(kind, NewNode::Value(text))] = entries.as_slice() else {
        return None;
    };
    read(kind, &text.bytes)
}

/// What is kept: of which event, and of which keys. Needs no key, because names stand in clear.
pub(super) fn kept(sealed: &Sealed) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for item in &sealed.tree.items {
        if !matches!(item.body, Body::Leaf(_)) {
            continue;
        }
        let path = sealed.tree.path(item);
        if let [Segment::Key(id), Segment::Key(key), ..] = path.segments.as_slice() {
            found.push((id.clone(), key.clone()));
        }
    }
    found
}

/// A value as it is written below the event that replaced it.
fn written(id: Id, key: &str, value: &Value) -> (KeyPath, NewNode) {
    let (kind, text) = spelled(value);
    let names = [id.to_string(), key.to_owned(), kind.to_owned()];
    (place(&names), NewNode::Value(Value::new(Kind::Str, text)))
}

/// The path of these names in the first document.
pub(super) fn place(names: &[String]) -> KeyPath {
    KeyPath {
        document: 1,
        segments: names.iter().cloned().map(Segment::Key).collect(),
    }
}

/// Puts values into a text that was sealed just now.
fn put(
    name: &str,
    text: Cleartext,
    key: &DataKey,
    changes: &[(KeyPath, NewNode)],
) -> Result<Option<Cleartext>, Failure> {
    let sealed = parse_sealed(name, Format::Json, text)?;
    let opened = open(&sealed.tree, &sealed.metadata, key, Check::Required).at(name)?;
    let now = now();
    let mut random = SystemRandomness::default();
    let mut writer = Sealer {
        store: Format::Json.store(),
        key,
        now: &now,
        random: &mut random,
    };
    let view = Open {
        text: sealed.text.as_bytes(),
        tree: &sealed.tree,
        opened: &opened,
    };
    writer.set(view, changes).at(name)
}

/// The encrypted value at a key, as events name it.
pub(super) fn value_of(open: &OpenFile, key: &str) -> Option<Value> {
    let tree = &open.sealed.tree;
    let path = KeyPath::parse(key).ok()?;
    let found = tree.find(&path)?;
    let mut items = tree.items.iter().zip(&open.opened.values);
    let (_, value) = items.find(|(item, _)| std::ptr::eq(*item, found))?;
    value.as_ref().map(Value::duplicate)
}

/// A value's type and text.
fn spelled(value: &Value) -> (&'static str, Cleartext) {
    if value.bytes.as_str().is_some() {
        return (kind_name(value.kind), value.bytes.duplicate());
    }
    let encoded = zeroize::Zeroizing::new(STANDARD.encode(value.bytes.as_bytes()));
    (BASE64, encoded.as_str().into())
}

fn read(kind: &str, text: &Cleartext) -> Option<Value> {
    let kinds = [
        Kind::Str,
        Kind::Int,
        Kind::Float,
        Kind::Bool,
        Kind::Time,
        Kind::Bytes,
    ];
    if kind == BASE64 {
        let bytes = STANDARD.decode(text.as_bytes()).ok()?;
        return Some(Value::new(Kind::Str, bytes));
    }
    let kind = kinds.into_iter().find(|known| kind_name(*known) == kind)?;
    Some(Value::new(kind, text.duplicate()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_with_their_types() {
        for value in [
            Value::new(Kind::Str, "x\u{e9}\n"),
            Value::new(Kind::Int, "5"),
            Value::new(Kind::Float, "1.1"),
            Value::new(Kind::Bool, "True"),
            Value::new(Kind::Time, "2026-11-22T00:00:00Z"),
            Value::new(Kind::Str, vec![0xff, 0]),
        ] {
            let (kind, text) = spelled(&value);
            assert!(
                read(kind, &text).is_some_and(|back| back == value),
                "{kind}"
            );
        }
        assert!(read("comment", &"x".into()).is_none());
        assert!(read(BASE64, &"?".into()).is_none());
    }
}
