//! Values that were replaced or deleted, and are kept for a while: for each event that replaced some a
//! file of their own, `.mvx/previous/PATH/ID.json`, encrypted for the readers of the secret file.
//!
//! One file an event, so that two branches never touch the same one, and so that what is over goes by
//! the removal of a file, which needs no key. It is plain SOPS, and everything in it is encrypted whatever
//! the rule's selector says: below the event's id, which authenticates where they belong, the values by
//! their key paths, each under its type: `{"ID": {"db.password": {"str": "…"}}}`.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Ledger, name_in, no_links};
use crate::app::load::{OpenFile, parse_sealed};
use crate::app::policy::Policy;
use crate::app::{App, SystemRandomness, now};
use crate::document::{Kind, Value};
use crate::error::{At as _, Exit, Failure};
use crate::git;
use crate::io::journal::Step;
use crate::io::{clock, file, walk, write};
use crate::keypath::{KeyPath, Segment};
use crate::ledger::PREVIOUS;
use crate::ledger::chain::Chain;
use crate::ledger::event::Entry;
use crate::ledger::id::Id;
use crate::ledger::verify::{ENDING, Kept, kept_too_long};
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
    /// The files of the values that these events replace and that are to be kept.
    pub(super) fn keep_values(
        &self,
        ledger: &Ledger,
        name: &str,
        path: &Path,
        open: &OpenFile,
        entries: &[Entry],
    ) -> Result<Vec<Step>, Failure> {
        let mut steps = Vec::new();
        for entry in entries {
            if entry.event.grace_until.is_none() {
                continue;
            }
            let values = entry.event.values.iter();
            let values: Vec<(KeyPath, NewNode)> = values
                .filter_map(|change| {
                    let value = value_of(open, &change.key)?;
                    Some(written(entry.id, &change.key, &value))
                })
                .collect();
            if values.is_empty() {
                continue;
            }
            let inside = previous_name(name, &entry.id.to_string());
            ledger.has_no_links(&inside)?;
            let shown = self.relative(&ledger.root.join(&inside));
            let label = shown.display().to_string();
            let policy = self.previous_policy(path)?;
            let key = self.new_key(&policy).at(&label)?;
            let empty = self.seal_new(&label, &"{}\n".into(), Format::Json, &policy, &key)?;
            if let Some(text) = put(&label, empty.text, key.data_key(), &values)? {
                steps.push(Step {
                    path: PathBuf::from(inside),
                    before: None,
                    after: Some(text.as_bytes().to_vec()),
                });
            }
        }
        Ok(steps)
    }

    /// These secret files, and after them those of their values that are kept: who reads the ones reads
    /// the others.
    pub(in crate::app) fn with_previous(&self, files: &[PathBuf]) -> Vec<PathBuf> {
        let mut all = files.to_vec();
        let mut kept_in: HashMap<PathBuf, Vec<(String, PathBuf)>> = HashMap::new();
        for file in files {
            let Ok(Some(root)) = git::repository_root(file) else {
                continue;
            };
            let Some(name) = name_in(&root, file).ok().flatten() else {
                continue;
            };
            let kept = kept_in.entry(root.clone()).or_insert_with(|| {
                let kept = kept_below(&root, PREVIOUS).unwrap_or_default();
                let paths = kept.iter().map(|one| self.relative(&root.join(one.path())));
                let owners = kept.iter().map(|one| self.owner(&root, &one.file));
                owners.zip(paths).collect()
            });
            for (_, path) in kept.iter().filter(|(owner, _)| *owner == name) {
                if !all.contains(path) {
                    all.push(path.clone());
                }
            }
        }
        all
    }

    /// The secret file that was called this when some of its values were kept: itself, or what it was
    /// renamed to since.
    fn owner(&self, root: &Path, name: &str) -> String {
        let mut now = name.to_owned();
        if !matches!(file::kind(&root.join(name)), Ok(None)) {
            return now;
        }
        let ledger = super::ledger_at(&root.join(name)).ok().flatten();
        let known = ledger.and_then(|ledger| self.all_events(&ledger).ok());
        let known = known.unwrap_or_default();
        let mut seen = HashSet::from([now.clone()]);
        while let Some(new) = renamed_to(&known, &now) {
            if !seen.insert(new.to_owned()) {
                break;
            }
            new.clone_into(&mut now);
        }
        now
    }

    /// The secret file of whose values a file keeps some; `None` for any other file.
    pub(in crate::app) fn parent_of_previous(&self, path: &Path) -> Option<PathBuf> {
        let root = self.root_of_previous(path)?;
        let kept = self.kept_here(path).ok()??;
        let owner = self.owner(&root, &kept.file);
        Some(self.relative(&root.join(owner)))
    }

    /// Refuses to open a file of kept values whose time is over, or of which no event tells. Any other
    /// file passes.
    pub(in crate::app) fn is_not_over(&self, path: &Path) -> Result<(), Failure> {
        let Some(kept) = self.kept_here(path)? else {
            return Ok(());
        };
        let Some(ledger) = super::ledger_at(path)? else {
            return Ok(());
        };
        let known = self.all_events(&ledger)?;
        match kept_too_long(&Chain::new(&known), &kept, clock::now()) {
            None => Ok(()),
            Some(finding) => Err(
                Failure::new(Exit::NO, finding.what.code(), finding.what.text())
                    .at(path.display())
                    .hint(finding.what.hint()),
            ),
        }
    }

    /// Refuses to change a file of kept values: its events tell what is in it.
    pub(in crate::app) fn is_not_kept(&self, path: &Path) -> Result<(), Failure> {
        if self.kept_here(path)?.is_none() {
            return Ok(());
        }
        let message = "values that were replaced are kept here, and nobody changes them";
        Err(Failure::new(Exit::USAGE, "kept-values", message)
            .at(path.display())
            .hint("`mvx history FILE KEY` lists them, and `mvx rollback` brings one back"))
    }

    /// What is kept in this file; `None` for any other one.
    fn kept_here(&self, path: &Path) -> Result<Option<Kept>, Failure> {
        let Some(root) = self.root_of_previous(path) else {
            return Ok(None);
        };
        Ok(name_in(&root, path)?.and_then(|name| kept_at(&name)))
    }

    /// The repository's root, for a path that may be one of kept values.
    fn root_of_previous(&self, path: &Path) -> Option<PathBuf> {
        let full = file::canonical(file::directory_of(&self.directory().join(path))).ok()?;
        let parts: Vec<&str> = full.iter().filter_map(|part| part.to_str()).collect();
        // Nearly every path ends here.
        parts
            .windows(2)
            .find(|pair| *pair == [".mvx", "previous"])?;
        git::repository_root(path).ok()?
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

    /// The value that an event replaced at a key; `None` where it is not kept.
    pub(in crate::app) fn kept_value(
        &self,
        ledger: &Ledger,
        name: &str,
        id: Id,
        key: &str,
    ) -> Result<Option<Value>, Failure> {
        if !ledger.keeps(name, id)? {
            return Ok(None);
        }
        let full = ledger.root.join(previous_name(name, &id.to_string()));
        let open = self.open_file(&self.relative(&full), Some(Format::Json))?;
        Ok(value_in(&open, id, key))
    }
}

impl Ledger {
    /// Whether what an event replaced in a secret file is there.
    pub(in crate::app) fn keeps(&self, name: &str, id: Id) -> Result<bool, Failure> {
        let inside = previous_name(name, &id.to_string());
        self.has_no_links(&inside)?;
        Ok(file::kind(&self.root.join(inside))? == Some(file::Kind::File))
    }
}

/// Where the values are kept that an event replaced in a secret file, from the root.
pub(in crate::app) fn previous_name(name: &str, id: &str) -> String {
    format!("{PREVIOUS}/{name}/{id}{ENDING}")
}

/// The name that a file got that was called this.
fn renamed_to<'e>(known: &'e [Entry], name: &str) -> Option<&'e str> {
    let moves = known.iter().filter(|entry| {
        let mut values = entry.event.values.iter();
        values.any(|value| value.from_file.as_deref() == Some(name))
    });
    let last = moves.max_by_key(|entry| (entry.event.at, entry.id));
    last.map(|entry| entry.event.file.as_str())
}

/// The names that a file had before, and the one that it has.
pub(super) fn names_of_file<'e>(known: &'e [Entry], name: &'e str) -> HashSet<&'e str> {
    let mut names = HashSet::from([name]);
    let mut open = vec![name];
    while let Some(name) = open.pop() {
        let of_it = known.iter().filter(|entry| entry.event.file == name);
        let values = of_it.flat_map(|entry| &entry.event.values);
        let before = values.filter_map(|value| value.from_file.as_deref());
        open.extend(before.filter(|before| names.insert(before)));
    }
    names
}

/// The files of kept values below a directory, which is given from the root, in the order of their
/// names. A link among them is an error.
pub(super) fn kept_below(root: &Path, inside: &str) -> Result<Vec<Kept>, Failure> {
    let start = root.join(inside);
    no_links(root, inside)?;
    if file::kind(&start)? != Some(file::Kind::Directory) {
        return Ok(Vec::new());
    }
    let mut kept = Vec::new();
    for met in walk::files_and_links(&start)? {
        let Ok(below) = met.path.strip_prefix(root) else {
            continue;
        };
        let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        let below = parts.join("/");
        no_links(root, &below)?;
        // What is being written is not there yet.
        if write::is_temporary(&met.path) && !write::is_left_over(&met.path) {
            continue;
        }
        kept.extend(kept_at(&below));
    }
    Ok(kept)
}

/// What is kept in the file of this name.
fn kept_at(inside: &str) -> Option<Kept> {
    let below = inside.strip_prefix(PREVIOUS)?.strip_prefix('/')?;
    // A file that lies there as mvx never puts one is no secret file's.
    let (file, last) = below.rsplit_once('/').unwrap_or(("", below));
    Some(Kept {
        file: file.to_owned(),
        name: last.to_owned(),
    })
}

fn value_in(open: &OpenFile, id: Id, key: &str) -> Option<Value> {
    let at = place(&[id.to_string(), key.to_owned()]);
    let Some(NewNode::Map(entries)) = node_at(open.view(), &at) else {
        return None;
    };
    let [(kind, NewNode::Value(text))] = entries.as_slice() else {
        return None;
    };
    read(kind, &text.bytes)
}

/// A value as it is written: under its event, its key path, and its type.
fn written(id: Id, key: &str, value: &Value) -> (KeyPath, NewNode) {
    let (kind, text) = spelled(value);
    let at = place(&[id.to_string(), key.to_owned(), kind.to_owned()]);
    (at, NewNode::Value(Value::new(Kind::Str, text)))
}

/// The path of these names in the first document.
fn place(names: &[String]) -> KeyPath {
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
