//! What every store must keep, as checks that each store's tests run over its own texts.

use crate::document::{Body, Edit, Item, Kind, Meta, Tree, Value, splice};
use crate::keypath::KeyPath;
use crate::sops::store::{NewNode, Store, StoreError};

/// A leaf or comment: its path, type and bytes.
pub(super) type Leaf = (String, Kind, String);

/// Metadata as SOPS writes it, with one recipient.
pub(super) fn meta() -> Vec<(String, Meta)> {
    let text = |text: &str| Meta::Str(text.into());
    let age = Meta::Map(vec![
        (
            "enc".into(),
            text("-----BEGIN AGE-----\nAA/+==\n-----END AGE-----\n"),
        ),
        ("recipient".into(), text("age1example")),
    ]);
    vec![
        ("age".into(), Meta::List(vec![age])),
        ("lastmodified".into(), text("2026-11-22T12:55:51Z")),
        ("mac".into(), text(ENVELOPE)),
        ("unencrypted_suffix".into(), text("_unencrypted")),
        ("version".into(), text("3.13.3")),
    ]
}

/// Something in the shape of an encrypted value.
pub(super) const ENVELOPE: &str = "ENC[AES256_GCM,data:AA==,iv:BB/+,tag:CC==,type:str]";

/// Every leaf and comment of a text.
pub(super) fn leaves(store: &dyn Store, text: &[u8]) -> Vec<Leaf> {
    let tree = store.parse(text).unwrap();
    tree.items
        .iter()
        .filter_map(|item| leaf(&tree, item))
        .collect()
}

fn leaf(tree: &Tree, item: &Item) -> Option<Leaf> {
    let show = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let path = tree.path(item).to_string();
    match &item.body {
        Body::Leaf(value) => Some((path, value.kind, show(value.bytes.as_bytes()))),
        Body::Comment(text) => Some((path, Kind::Comment, show(text.as_bytes()))),
        Body::Null | Body::Open(_) => None,
    }
}

/// Applies edits.
pub(super) fn apply(text: &[u8], edits: Vec<Edit>) -> Vec<u8> {
    let out = splice(text, edits).expect("edits do not overlap");
    out.as_bytes().to_vec()
}

/// What one change makes of a text.
pub(super) fn edited(
    store: &dyn Store,
    text: &str,
    change: impl FnOnce(&dyn Store, &[u8], &Tree) -> Result<Vec<Edit>, StoreError>,
) -> Result<String, StoreError> {
    let tree = store.parse(text.as_bytes())?;
    let edits = change(store, text.as_bytes(), &tree)?;
    Ok(String::from_utf8(apply(text.as_bytes(), edits)).unwrap())
}

/// What a text becomes when `node` is put at `path`; it must be readable afterwards.
pub(super) fn insert(
    store: &dyn Store,
    text: &str,
    path: &str,
    node: &NewNode,
) -> Result<String, StoreError> {
    let path = KeyPath::parse(path).unwrap();
    let out = edited(store, text, |store, text, tree| {
        store.insert(text, tree, &path, node)
    })?;
    store.parse(out.as_bytes()).unwrap();
    Ok(out)
}

/// The same for a text value.
pub(super) fn set(
    store: &dyn Store,
    text: &str,
    path: &str,
    value: &str,
) -> Result<String, StoreError> {
    let out = insert(store, text, path, &string(value))?;
    let tree = store.parse(out.as_bytes()).unwrap();
    let item = tree.find(&KeyPath::parse(path).unwrap()).unwrap();
    match &item.body {
        Body::Leaf(found) => assert_eq!(found.bytes.as_bytes(), value.as_bytes(), "{out}"),
        _ => panic!("{path} is no leaf in {out}"),
    }
    Ok(out)
}

/// A text value.
pub(super) fn string(value: &str) -> NewNode {
    NewNode::Value(Value::new(Kind::Str, value))
}

/// What a text becomes when the entry at `path` goes.
pub(super) fn remove(store: &dyn Store, text: &str, path: &str) -> Result<String, StoreError> {
    let path = KeyPath::parse(path).unwrap();
    let out = edited(store, text, |store, text, tree| {
        store.remove(text, tree, &path)
    })?;
    store.parse(out.as_bytes()).unwrap();
    Ok(out)
}

/// What a text becomes when the entry at `path` gets another key.
pub(super) fn rename(
    store: &dyn Store,
    text: &str,
    path: &str,
    key: &str,
) -> Result<String, StoreError> {
    let path = KeyPath::parse(path).unwrap();
    let out = edited(store, text, |store, text, tree| {
        store.rename(text, tree, &path, key)
    })?;
    store.parse(out.as_bytes()).unwrap();
    Ok(out)
}

/// A text with the block attached.
pub(super) fn attached(store: &dyn Store, text: &[u8]) -> Vec<u8> {
    let tree = store.parse(text).unwrap();
    apply(text, store.attach(text, &tree, &meta()))
}

/// Attaching the metadata and cutting it out again changes nothing, and what was attached is
/// read back.
pub(super) fn attach_then_cut(store: &dyn Store, text: &[u8]) {
    let with = attached(store, text);
    let tree = store.parse(&with).unwrap();
    let block = tree.meta().expect("the block is found");
    assert_eq!(sorted(block.to_meta()), meta());
    let cut = block.cut.iter().map(|cut| Edit::new(cut.clone(), ""));
    let without = apply(&with, cut.collect());
    assert_eq!(
        without.escape_ascii().to_string(),
        text.escape_ascii().to_string(),
        "in {}",
        with.escape_ascii()
    );
}

fn sorted(mut meta: Vec<(String, Meta)>) -> Vec<(String, Meta)> {
    meta.sort_by(|a, b| a.0.cmp(&b.0));
    meta
}

/// Sealing every value and comment and opening them again gives the same leaves; `exact` texts
/// come back to the byte.
pub(super) fn seal_then_open(store: &dyn Store, text: &[u8], exact: bool) {
    let plain = store.parse(text).unwrap();
    let mut edits = store.attach(text, &plain, &meta());
    let mut values = Vec::new();
    for item in &plain.items {
        let value = match &item.body {
            Body::Leaf(value) => value.duplicate(),
            Body::Comment(words) => Value {
                kind: Kind::Comment,
                bytes: words.duplicate(),
            },
            Body::Null | Body::Open(_) => continue,
        };
        if !value.bytes.is_empty() {
            let placed = store.envelope(text, &plain, item, ENVELOPE);
            item.replace(&placed.text, &mut edits);
        }
        values.push((plain.aad(item), value));
    }
    let with = apply(text, edits);
    let sealed = store.parse(&with).unwrap();
    let mut edits: Vec<Edit> = sealed
        .meta()
        .expect("the block is found")
        .cut
        .iter()
        .map(|cut| Edit::new(cut.clone(), ""))
        .collect();
    let mut values = values.into_iter();
    for item in &sealed.items {
        let found = match &item.body {
            Body::Leaf(value) => value.bytes.as_bytes(),
            Body::Comment(words) => words.as_bytes(),
            Body::Null | Body::Open(_) => continue,
        };
        let (aad, value) = values.next().unwrap();
        assert_eq!(sealed.aad(item), aad);
        if value.bytes.is_empty() {
            assert!(found.is_empty());
            continue;
        }
        assert_eq!(found, ENVELOPE.as_bytes(), "in {}", with.escape_ascii());
        let rendered = store
            .plain(&with, &sealed, item, item.style, &value)
            .unwrap();
        item.replace(&rendered, &mut edits);
    }
    let opened = apply(&with, edits);
    if exact {
        assert_eq!(
            opened.escape_ascii().to_string(),
            text.escape_ascii().to_string()
        );
    }
    let floats_aside = |leaves: Vec<Leaf>| -> Vec<Leaf> {
        // A float without a fraction is written as sops writes it, and reads as an integer.
        leaves
            .into_iter()
            .map(|(path, kind, bytes)| match kind {
                Kind::Float => (path, Kind::Int, bytes),
                _ => (path, kind, bytes),
            })
            .collect()
    };
    assert_eq!(
        floats_aside(leaves(store, &opened)),
        floats_aside(leaves(store, text))
    );
}

/// A changed scalar changes its own value only; a changed list changes the block only; what is
/// written is read back, and changing it back gives the same text where only scalars changed.
pub(super) fn refresh(store: &dyn Store, text: &[u8]) {
    let with = attached(store, text);
    let tree = store.parse(&with).unwrap();
    assert!(store.refresh(&with, &tree, &meta()).is_empty());

    let mut scalar = meta();
    scalar[1].1 = Meta::Str("2027-01-01T00:00:00Z".into());
    let edits = store.refresh(&with, &tree, &scalar);
    assert_eq!(edits.len(), 1);
    let changed = apply(&with, edits);
    assert_eq!(changed.len(), with.len());
    let again = store.parse(&changed).unwrap();
    assert_eq!(sorted(again.meta().unwrap().to_meta()), scalar);
    let back = apply(&changed, store.refresh(&changed, &again, &meta()));
    assert_eq!(back, with);

    let mut grown = meta();
    let second = Meta::Map(vec![
        ("enc".into(), Meta::Str("A \"quoted\" # one; `x`".into())),
        ("recipient".into(), Meta::Str("age1second".into())),
    ]);
    let Meta::List(entries) = &mut grown[0].1 else {
        panic!("age is a list");
    };
    entries.push(second);
    grown.insert(2, ("mac_only_encrypted".into(), Meta::Bool(true)));
    grown.sort_by(|a, b| a.0.cmp(&b.0));
    let changed = apply(&with, store.refresh(&with, &tree, &grown));
    let again = store.parse(&changed).unwrap();
    assert_eq!(sorted(again.meta().unwrap().to_meta()), grown);
    let cut = again.meta().unwrap().cut.iter();
    let without = apply(
        &changed,
        cut.map(|cut| Edit::new(cut.clone(), "")).collect(),
    );
    assert_eq!(without, text);
    let back = apply(&changed, store.refresh(&changed, &again, &meta()));
    assert_eq!(
        back.escape_ascii().to_string(),
        with.escape_ascii().to_string()
    );
}
