//! Whether a plaintext holds what was authenticated.

use std::collections::HashMap;

use crate::document::{Body, Item, Kind, Tree, Value};
use crate::keypath::{KeyPath, Segment};
use crate::secret::Cleartext;
use crate::sops::change::Open;
use crate::sops::cipher::Cipher;
use crate::sops::metadata::{Metadata, MetadataError};
use crate::sops::open::{OpenError, Opened, values, written_out};
use crate::sops::seal::SealError;
use crate::sops::store::{Store, StoreError};

/// In what a plaintext differs from the sealed tree that it was written from.
pub(crate) enum Deviations {
    /// In nothing.
    None,
    /// These hold another value, or another type of value.
    Values(Vec<KeyPath>),
    /// It has other entries, or cannot be read.
    Structure,
}

/// Reads a plaintext again and compares its entries with those that were opened.
pub(crate) fn deviations(
    store: &dyn Store,
    plain: &Cleartext,
    tree: &Tree,
    opened: &Opened,
) -> Deviations {
    let again = match store.parse(plain.as_bytes()) {
        Ok(again) => again,
        // What is left when the last entry has gone.
        Err(StoreError::Empty) if tree.items.iter().all(Item::is_comment) => {
            return Deviations::None;
        }
        Err(_) => return Deviations::Structure,
    };
    let sealed: Vec<(&Item, Option<&Value>)> = tree
        .items
        .iter()
        .zip(&opened.values)
        .filter_map(|(item, value)| match (&item.body, value) {
            (Body::Comment(_), _) => None,
            (Body::Leaf(_), Some(value)) if value.kind == Kind::Comment => None,
            (Body::Leaf(_), Some(value)) => Some((item, Some(value))),
            (Body::Leaf(clear), None) => Some((item, Some(clear))),
            _ => Some((item, None)),
        })
        .collect();
    let items: Vec<&Item> = again
        .items
        .iter()
        .filter(|item| !matches!(item.body, Body::Comment(_)))
        .collect();
    if sealed.len() != items.len() || tree.documents.len() != again.documents.len() {
        return Deviations::Structure;
    }
    let mut wrong = Vec::new();
    for ((item, value), found) in sealed.into_iter().zip(items) {
        let same_name = item.name == found.name || matches!(item.name, Segment::Index(_));
        let same = match (&found.body, value) {
            (Body::Leaf(found), Some(value)) => found == value,
            (Body::Null, None) => matches!(item.body, Body::Null),
            (Body::Open(id), None) => match item.body {
                Body::Open(old) => again.container(*id).shape == tree.container(old).shape,
                _ => false,
            },
            _ => false,
        };
        let (here, there) = (again.container(found.parent), tree.container(item.parent));
        if !same || !same_name || (&here.aad, here.document) != (&there.aad, there.document) {
            wrong.push(tree.path(item));
        }
    }
    if wrong.is_empty() {
        Deviations::None
    } else {
        Deviations::Values(wrong)
    }
}

/// Fails where the plaintext of a changed text no longer holds its values. What was so before the
/// change, in a file of another writer (dotenv does not bring `\n` back, for one), stays allowed.
pub(super) fn still_opens(
    store: &dyn Store,
    (text, tree, written): (&[u8], &Tree, &mut Opened),
    cipher: &Cipher,
    before: Open<'_>,
) -> Result<(), SealError> {
    let after = flaws(store, text, tree, written)?;
    if after == 0 {
        return Ok(());
    }
    let block = before.tree.meta().ok_or(MetadataError::NoMac)?;
    let metadata = Metadata::from_block(block);
    let (mut opened, _) = values(before.tree, &metadata, cipher, None, |_, error| Err(error))?;
    if after <= flaws(store, before.text, before.tree, &mut opened)? {
        return Ok(());
    }
    // The sealed text is right: it is the plaintext that this file type has no spelling for, such as
    // lines beside a comment that closes INI's triple quotes.
    let items = before.tree.items.iter().zip(&opened.values);
    let leaves = items.filter(|(item, _)| matches!(item.body, Body::Leaf(_)));
    let old: HashMap<KeyPath, &Option<Value>> = leaves
        .map(|(item, value)| (before.tree.path(item), value))
        .collect();
    let changed = tree
        .items
        .iter()
        .zip(&written.values)
        .find(|(item, value)| {
            matches!(item.body, Body::Leaf(_)) && old.get(&tree.path(item)) != Some(value)
        });
    let Some((item, _)) = changed else {
        return Err(SealError::Proof);
    };
    let path = tree.path(item).to_string();
    let why = "beside its comment it would be read as something else in plaintext".into();
    Err(StoreError::CannotCarry { path, why }.into())
}

/// How many values a text's plaintext does not give back; as many as there can be where its
/// structure is another.
fn flaws(
    store: &dyn Store,
    text: &[u8],
    tree: &Tree,
    opened: &mut Opened,
) -> Result<usize, OpenError> {
    let (plain, proved) = written_out(store, text, tree, opened)?;
    if proved {
        return Ok(0);
    }
    Ok(match deviations(store, &plain, tree, opened) {
        Deviations::None => 0,
        Deviations::Values(paths) => paths.len(),
        Deviations::Structure => usize::MAX,
    })
}
