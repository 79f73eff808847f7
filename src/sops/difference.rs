//! What differs between two opened versions of a file, by key path and without values, and which
//! of it SOPS's own encryption vouches for (docs/seal.md).

use std::collections::{HashMap, HashSet};

use crate::document::{Body, Kind, Meta, Shape, Tree, Value};
use crate::keypath::{KeyPath, Segment};
use crate::secret::Cleartext;
use crate::sops::envelope::kind_name;
use crate::sops::metadata::{KeyEntry, Metadata, MetadataError};
use crate::sops::open::Opened;

/// An opened version of a file.
#[derive(Clone, Copy)]
pub struct Version<'a> {
    /// What stands in it.
    pub tree: &'a Tree,
    /// Its values.
    pub opened: &'a Opened,
    /// Its metadata.
    pub metadata: &'a Metadata,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What differs.
    pub change: Change,
    /// Whether only somebody who holds the data key can have made it.
    pub vouched: bool,
}

/// What can differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// An entry is there that was not.
    Added(KeyPath, What),
    /// An entry is gone.
    Removed(KeyPath, What),
    /// Another value of the same type.
    Value(KeyPath, What),
    /// Another type: from, to. The value may differ too.
    Type(KeyPath, &'static str, &'static str),
    /// A value that stood encrypted stands in clear.
    Disclosed(KeyPath),
    /// A value that stood in clear is encrypted.
    Enclosed(KeyPath),
    /// The same entries in another order.
    Order,
    /// Comments came, went, changed or moved.
    Comments,
    /// The selector, or whether the MAC covers encrypted values only.
    Selector,
    /// The number of documents, or how many key groups it takes.
    Structure(&'static str),
    /// A recipient is there who was not: kind and name.
    RecipientAdded(String, String),
    /// A recipient is gone: kind and name.
    RecipientRemoved(String, String),
    /// A recipient's details (an encryption context, a role) changed, or its key group.
    RecipientChanged(String, String),
    /// The data key is another one.
    DataKey,
}

/// What [`Change::Structure`] calls the number of key groups that it takes.
pub const KEY_GROUPS: &str = "key groups";

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// An encrypted value.
    Encrypted,
    /// A value in clear.
    Clear,
    /// An empty text: nothing to encrypt.
    Empty,
    /// Null.
    Null,
    /// An empty map or list.
    EmptyContainer,
}

/// Compares two versions of a file, the older first. `same_key` says whether they have the same
/// data key; if not, nothing vouches for a value that differs.
pub fn differences(
    old: Version<'_>,
    new: Version<'_>,
    same_key: bool,
) -> Result<Vec<Difference>, MetadataError> {
    let mut found = Vec::new();
    let mut add = |change, vouched| found.push(Difference { change, vouched });
    if !same_key {
        // Equal values vouch for it: who does not know them cannot seal them again.
        add(Change::DataKey, true);
    }
    let covers_clear = !new.metadata.mac_only_encrypted()?;
    if old.metadata.selector()? != new.metadata.selector()?
        || old.metadata.mac_only_encrypted()? != new.metadata.mac_only_encrypted()?
    {
        add(Change::Selector, false);
    }
    if old.tree.documents.len() != new.tree.documents.len() {
        add(Change::Structure("documents"), false);
    }
    let (before, after) = (Entries::new(old), Entries::new(new));
    let alone = before.alone(&after);
    let vouched = |entry: &Entry<'_>| {
        same_key && entry.what == What::Encrypted && entry.by_keys && alone.contains(&entry.aad)
    };
    let siblings = before.by_additional_data();
    // What stands at another place with the same additional data can be copied here without a key.
    let moved = |entry: &Entry<'_>| {
        let mut others = siblings.get(entry.aad.as_str()).into_iter().flatten();
        others.any(|other| other.path != entry.path && other.value == entry.value)
    };
    let mut clear = Vec::new();
    for entry in &before.list {
        let Some(other) = after.find(entry) else {
            let change = Change::Removed(entry.path.clone(), entry.what);
            add(change, vouched(entry));
            continue;
        };
        let path = || entry.path.clone();
        let hollow = |what| !matches!(what, What::Encrypted | What::Clear);
        match (entry.what, other.what) {
            // The row of values that the MAC covers is another one.
            (What::Encrypted, is) if hollow(is) => {
                add(Change::Value(path(), What::Encrypted), vouched(entry));
            }
            (was, What::Encrypted) if hollow(was) => {
                add(Change::Value(path(), What::Encrypted), vouched(other));
            }
            _ if entry.kind != other.kind => {
                add(Change::Type(path(), entry.kind, other.kind), false);
            }
            (What::Encrypted, What::Clear) => add(Change::Disclosed(path()), false),
            (What::Clear, What::Encrypted) => add(Change::Enclosed(path()), false),
            (was, is) if was != is => {
                add(Change::Removed(path(), was), false);
                add(Change::Added(path(), is), false);
            }
            _ if entry.value == other.value => {}
            (What::Clear, _) => clear.push(path()),
            (what, _) => add(Change::Value(path(), what), same_key && !moved(other)),
        }
    }
    for entry in after
        .list
        .iter()
        .filter(|entry| before.find(entry).is_none())
    {
        let change = Change::Added(entry.path.clone(), entry.what);
        add(change, vouched(entry));
    }
    // Of two clear values, the MAC does not tell where the first one ends; nor does it beside an
    // encrypted one that went, came, or is another: who knows its old bytes could move them into
    // the clear one.
    let encrypted = |change: &Change| {
        matches!(
            change,
            Change::Added(_, What::Encrypted)
                | Change::Removed(_, What::Encrypted)
                | Change::Value(_, What::Encrypted)
        )
    };
    let alone = clear.len() == 1 && !found.iter().any(|one| encrypted(&one.change));
    let one = same_key && covers_clear && alone;
    let mut add = |change, vouched| found.push(Difference { change, vouched });
    for path in clear {
        add(Change::Value(path, What::Clear), one);
    }
    if before.order(&after) != after.order(&before) {
        add(Change::Order, true);
    }
    if comments(old) != comments(new) {
        let decides = |metadata: &Metadata| {
            let selector = metadata.selector();
            matches!(selector, Ok(Some((field, _))) if field.contains("comment"))
        };
        add(Change::Comments, !decides(new.metadata));
    }
    compare_recipients(old.metadata, new.metadata, &mut add)?;
    Ok(found)
}

/// A value, null or empty container.
struct Entry<'a> {
    path: KeyPath,
    /// Which of several entries with this path it is, from 0.
    number: usize,
    aad: String,
    /// Whether its path has no list's index.
    by_keys: bool,
    what: What,
    kind: &'static str,
    value: Option<&'a Value>,
}

struct Entries<'a> {
    list: Vec<Entry<'a>>,
    by_path: HashMap<(String, usize), usize>,
}

impl<'a> Entries<'a> {
    fn new(version: Version<'a>) -> Self {
        let tree = version.tree;
        let mut filled = vec![false; tree.containers.len()];
        for item in tree.items.iter().filter(|item| !item.is_comment()) {
            if let Some(filled) = filled.get_mut(item.parent) {
                *filled = true;
            }
        }
        let mut entries = Self {
            list: Vec::new(),
            by_path: HashMap::new(),
        };
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let values = version.opened.values.iter().zip(&version.opened.selected);
        for (item, (value, selected)) in tree.items.iter().zip(values) {
            let (what, kind, value) = match (&item.body, value) {
                (Body::Comment(_), _) => continue,
                (Body::Leaf(_), Some(value)) if value.kind == Kind::Comment => continue,
                (Body::Open(id), _) if filled.get(*id) == Some(&true) => continue,
                (Body::Open(id), _) => match tree.container(*id).shape {
                    Shape::Map => (What::EmptyContainer, "map", None),
                    Shape::List => (What::EmptyContainer, "list", None),
                },
                (Body::Null, _) => (What::Null, "null", None),
                (Body::Leaf(_), Some(value)) | (Body::Leaf(value), None) => {
                    let what = match selected {
                        _ if value.bytes.is_empty() => What::Empty,
                        true => What::Encrypted,
                        false => What::Clear,
                    };
                    (what, kind_name(value.kind), Some(value))
                }
            };
            let path = tree.path(item);
            let text = path.to_string();
            let number = numbers.entry(text.clone()).or_default();
            entries.by_path.insert((text, *number), entries.list.len());
            let is_key = |segment: &Segment| matches!(segment, Segment::Key(_));
            entries.list.push(Entry {
                by_keys: path.segments.iter().all(is_key),
                path,
                number: *number,
                aad: tree.aad(item),
                what,
                kind,
                value,
            });
            *number += 1;
        }
        entries
    }

    fn find(&self, entry: &Entry<'_>) -> Option<&Entry<'a>> {
        let index = self.by_path.get(&(entry.path.to_string(), entry.number))?;
        self.list.get(*index)
    }

    /// The encrypted values by their additional data.
    fn by_additional_data(&self) -> HashMap<&str, Vec<&Entry<'a>>> {
        let mut by: HashMap<&str, Vec<&Entry<'a>>> = HashMap::new();
        let encrypted = self.list.iter().filter(|one| one.what == What::Encrypted);
        for entry in encrypted {
            by.entry(&entry.aad).or_default().push(entry);
        }
        by
    }

    /// The paths that the other version has too, in this one's order.
    fn order(&self, other: &Self) -> Vec<String> {
        let both = self.list.iter().filter(|entry| other.find(entry).is_some());
        both.map(|entry| entry.path.to_string()).collect()
    }

    /// Additional data that belongs to one path only in both versions taken together.
    fn alone(&self, other: &Self) -> HashSet<String> {
        let mut paths: HashMap<&str, HashSet<String>> = HashMap::new();
        for entry in self.list.iter().chain(&other.list) {
            let of = paths.entry(&entry.aad).or_default();
            of.insert(entry.path.to_string());
        }
        let alone = paths.into_iter().filter(|(_, paths)| paths.len() == 1);
        alone.map(|(aad, _)| aad.to_owned()).collect()
    }
}

/// All comments in order, each with whether it stands encrypted.
fn comments(version: Version<'_>) -> Vec<(bool, Cleartext)> {
    let items = version.tree.items.iter().zip(&version.opened.values);
    let comments = items.filter_map(|(item, value)| match (&item.body, value) {
        (_, Some(value)) if value.kind == Kind::Comment => Some((true, value.bytes.duplicate())),
        (Body::Comment(text), _) => Some((false, text.duplicate())),
        _ => None,
    });
    comments.collect()
}

/// A recipient without its wrapped key and date: `sops updatekeys` wraps anew for everybody.
type Recipient = (usize, String, String, Vec<(String, Meta)>);

fn recipients(metadata: &Metadata) -> Result<Vec<Recipient>, MetadataError> {
    let mut list = Vec::new();
    for (group, entries) in metadata.groups()?.iter().enumerate() {
        for entry in entries {
            list.push((group, entry.kind.clone(), entry.recipient(), details(entry)));
        }
    }
    Ok(list)
}

fn details(entry: &KeyEntry) -> Vec<(String, Meta)> {
    let fields = entry.fields.iter().filter(|(name, value)| {
        !matches!(name.as_str(), "enc" | "created_at") && *value != Meta::Str(String::new())
    });
    let mut fields: Vec<(String, Meta)> = fields.cloned().collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    fields
}

fn compare_recipients(
    old: &Metadata,
    new: &Metadata,
    add: &mut impl FnMut(Change, bool),
) -> Result<(), MetadataError> {
    let (before, after) = (recipients(old)?, recipients(new)?);
    let same = |a: &Recipient, b: &Recipient| a.1 == b.1 && a.2 == b.2;
    // A second entry under the same name is somebody else's.
    let count = |list: &[Recipient], one: &Recipient| {
        let alike = list.iter().filter(|other| same(one, other));
        alike.count()
    };
    for one in &before {
        match after.iter().find(|other| same(one, other)) {
            None => add(Change::RecipientRemoved(one.1.clone(), one.2.clone()), true),
            Some(other) if other != one || count(&before, one) != count(&after, one) => {
                add(
                    Change::RecipientChanged(one.1.clone(), one.2.clone()),
                    false,
                );
            }
            Some(_) => {}
        }
    }
    for one in &after {
        if !before.iter().any(|other| same(one, other)) {
            add(Change::RecipientAdded(one.1.clone(), one.2.clone()), false);
        }
    }
    if old.threshold()? != new.threshold()? {
        add(Change::Structure(KEY_GROUPS), false);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::DataKey;
    use crate::sops::cipher::tests::Counter;
    use crate::sops::open::{Check, open};
    use crate::sops::seal::Sealer;
    use crate::sops::store::Store as _;
    use crate::stores::yaml::Yaml;

    /// Keys that begin with `c` stay in clear.
    fn sealed(text: &str, key: &DataKey, recipients: &[&str], mac_only: bool) -> Vec<u8> {
        let entries = recipients.iter().map(|name| KeyEntry::age(name, "x"));
        let groups = [entries.collect::<Vec<_>>()];
        let metadata = Metadata::new(&groups, None, Some(("unencrypted_regex", "^c")), mac_only);
        let mut sealer = Sealer {
            store: &Yaml,
            key,
            now: "2026-11-22T12:00:00Z",
            random: &mut Counter(1),
        };
        let done = sealer.seal(text.as_bytes(), metadata, None).unwrap();
        done.text.as_bytes().to_vec()
    }

    fn view((tree, opened, metadata): &(Tree, Opened, Metadata)) -> Version<'_> {
        Version {
            tree,
            opened,
            metadata,
        }
    }

    /// The differences, those that nothing vouches for marked with `!`.
    fn between(old: &[u8], new: &[u8], keys: [&DataKey; 2]) -> Vec<String> {
        let version = |text: &[u8], key: &DataKey| {
            let tree = Yaml.parse(text).unwrap();
            let metadata = Metadata::from_block(tree.meta().unwrap());
            let opened = open(&tree, &metadata, key, Check::Mac).unwrap();
            (tree, opened, metadata)
        };
        let (old, new) = (version(old, keys[0]), version(new, keys[1]));
        let found = differences(view(&old), view(&new), keys[0] == keys[1]).unwrap();
        let shown = found.iter().map(|one| {
            let mark = if one.vouched { "" } else { "!" };
            match &one.change {
                Change::Added(path, what) => format!("{mark}+{path} {what:?}"),
                Change::Removed(path, what) => format!("{mark}-{path} {what:?}"),
                Change::Value(path, _) => format!("{mark}~{path}"),
                Change::Type(path, from, to) => format!("{mark}{path} {from} {to}"),
                Change::Disclosed(path) => format!("{mark}disclosed {path}"),
                Change::RecipientAdded(_, name) => format!("{mark}+{name}"),
                Change::RecipientRemoved(_, name) => format!("{mark}-{name}"),
                other => format!("{mark}{other:?}"),
            }
        });
        shown.collect()
    }

    fn key() -> DataKey {
        DataKey::from_bytes(&[7; 32]).unwrap()
    }

    fn changed(old: &str, new: &str) -> Vec<String> {
        let seal = |text| sealed(text, &key(), &["ana"], false);
        between(&seal(old), &seal(new), [&key(), &key()])
    }

    #[test]
    fn what_the_data_key_vouches_for() {
        for (old, new, found) in [
            ("a: x\n", "a: x\n", vec![]),
            ("a: x\n", "a: y\n", vec!["~a"]),
            ("a: x\nb: y\n", "b: y\na: x\n", vec!["Order"]),
            ("a: x\n", "a: x\nb: y\n", vec!["+b Encrypted"]),
            ("a: x\n", "a: x\nm: {n: y}\n", vec!["+m.n Encrypted"]),
            ("a: x\nb: y\n", "a: x\n", vec!["-b Encrypted"]),
            ("a: ''\n", "a: x\n", vec!["~a"]),
            ("a: x\nb: y\n", "a: null\nb: y\n", vec!["~a"]),
            ("c1: x\na: y\n", "c1: z\na: y\n", vec!["~c1"]),
            (
                "c1: x\na: y\n# p\n",
                "c1: z\na: y\n# q\n",
                vec!["~c1", "Comments"],
            ),
            ("l: [x, y]\n", "l: [x, z]\n", vec!["~l[1]"]),
            ("l: [x, y]\n", "l: [z, v]\n", vec!["~l[0]", "~l[1]"]),
            ("# p\na: x\n", "# q\na: x\n", vec!["Comments"]),
        ] {
            assert_eq!(changed(old, new), found, "{old:?} → {new:?}");
        }
    }

    #[test]
    fn what_nothing_vouches_for() {
        for (old, new, found) in [
            ("a: '1'\n", "a: 1\n", vec!["!a str int"]),
            // items of a list have the same additional data
            (
                "l: ['1', '11']\n",
                "l: ['11', '1']\n",
                vec!["!~l[0]", "!~l[1]"],
            ),
            ("a: x\n", "a: 1\n", vec!["!a str int"]),
            (
                "c1: he\nc2: llo\na: x\n",
                "c1: hel\nc2: lo\na: x\n",
                vec!["!~c1", "!~c2"],
            ),
            (
                // `on` is no secret: with its bytes in the next value, the MAC still fits
                "a: on\nc1: x\nz: y\n",
                "c1: onx\nz: y\n",
                vec!["-a Encrypted", "!~c1"],
            ),
            (
                "a: on\nc1: x\nz: y\n",
                "a: ''\nc1: onx\nz: y\n",
                vec!["~a", "!~c1"],
            ),
            ("a: on\nc1: x\n", "a: o\nc1: nx\n", vec!["~a", "!~c1"]),
            (
                "c1: x\na: y\n",
                "c2: x\na: y\n",
                vec!["!-c1 Clear", "!+c2 Clear"],
            ),
            ("a: x\n", "a: x\nb: null\n", vec!["!+b Null"]),
            ("a: x\nb: ''\n", "a: x\n", vec!["!-b Empty"]),
            ("a: x\n", "a: x\nm: {}\n", vec!["!+m EmptyContainer"]),
            ("a: x\nm: {}\n", "a: x\nm: []\n", vec!["!m map list"]),
            ("l: [x]\n", "l: [x, y]\n", vec!["!+l[1] Encrypted"]),
            (
                "l: [[x], [y]]\n",
                "l: [[x, y]]\n",
                vec!["!-l[1][0] Encrypted", "!+l[0][1] Encrypted"],
            ),
            // One ciphertext fits both places: their additional data is the same.
            (
                "a: {b: x}\ne: y\n",
                "'a:b': x\ne: y\n",
                vec!["!-a.b Encrypted", "!+a:b Encrypted"],
            ),
            (
                "a: x\n",
                "a: x\n---\nb: y\n",
                vec!["!Structure(\"documents\")", "+2:b Encrypted"],
            ),
        ] {
            assert_eq!(changed(old, new), found, "{old:?} → {new:?}");
        }
    }

    #[test]
    fn another_data_key_vouches_for_equal_values_only() {
        let other = DataKey::from_bytes(&[8; 32]).unwrap();
        let seal = |text, key: &DataKey| sealed(text, key, &["ana"], false);
        let keys = [&key(), &other];
        let old = seal("a: x\nc1: y\n", &key());
        let same = between(&old, &seal("a: x\nc1: y\n", &other), keys);
        assert_eq!(same, ["DataKey"]);
        let changed = between(&old, &seal("a: z\nc1: y\n", &other), keys);
        assert_eq!(changed, ["DataKey", "!~a"]);
        let clear = between(&old, &seal("a: x\nc1: z\n", &other), keys);
        assert_eq!(clear, ["DataKey", "!~c1"]);
    }

    #[test]
    fn a_mac_over_encrypted_values_vouches_for_no_clear_one() {
        let seal = |text| sealed(text, &key(), &["ana"], true);
        let found = between(
            &seal("a: x\nc1: y\n"),
            &seal("a: x\nc1: z\n"),
            [&key(), &key()],
        );
        assert_eq!(found, ["!~c1"]);
    }

    #[test]
    fn recipients_are_told_apart_by_what_they_are() {
        let seal = |names: &[&str]| sealed("a: x\n", &key(), names, false);
        let keys = [&key(), &key()];
        let found = between(&seal(&["ana", "bob"]), &seal(&["ana", "eve"]), keys);
        assert_eq!(found, ["-bob", "!+eve"]);
        assert!(between(&seal(&["ana", "bob"]), &seal(&["bob", "ana"]), keys).is_empty());
    }
}
