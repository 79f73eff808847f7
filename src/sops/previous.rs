//! What stays the same in an edit keeps its ciphertext and its text.

use std::collections::{HashMap, HashSet, VecDeque};

use sha2::{Digest, Sha256};

use crate::document::{Body, Document, Item, Kind, Tree, Value};
use crate::keypath::KeyPath;
use crate::secret::{Cleartext, DataKey};
use crate::sops::envelope::{Envelope, IV_LEN, kind_name};
use crate::sops::open::Opened;

/// What an opened file had, so that what stays the same in an edit keeps its ciphertext and its
/// text.
pub struct Previous {
    /// Envelopes by a hash over key, place, type and bytes.
    envelopes: HashMap<[u8; 32], VecDeque<String>>,
    /// By key path.
    slices: HashMap<String, Slice>,
    /// The text of each document's `sops` block; none where one is in several pieces.
    blocks: Vec<Vec<u8>>,
    /// Envelopes of comments that stood as items of lists.
    list_items: HashSet<String>,
}

/// A value's text in clear and sealed.
struct Slice {
    value: Value,
    plain: Cleartext,
    sealed: Vec<u8>,
}

impl Previous {
    /// Remembers an opened file and the plaintext that was made of it.
    pub fn new(key: &DataKey, sealed: (&[u8], &Tree, &Opened), plain: (&[u8], &Tree)) -> Self {
        let (text, tree, opened) = sealed;
        let mut previous = Self {
            envelopes: HashMap::new(),
            slices: HashMap::new(),
            blocks: blocks(text, tree).unwrap_or_default(),
            list_items: HashSet::new(),
        };
        let mut leaves = Vec::new();
        for (index, (item, value)) in tree.items.iter().zip(&opened.values).enumerate() {
            let envelope = match &item.body {
                _ if opened.misplaced.binary_search(&index).is_ok() => continue,
                Body::Leaf(clear) => &clear.bytes,
                Body::Comment(text) => text,
                _ => continue,
            };
            let lasting = value.as_ref().is_none_or(|value| lasts(value, envelope));
            if let (Some(value), Some(envelope), true) = (value, envelope.as_str(), lasting) {
                let slot = previous
                    .envelopes
                    .entry(slot(key, &tree.aad(item), value))
                    .or_default();
                slot.push_back(envelope.into());
            }
            match (&item.body, value) {
                (Body::Leaf(_), Some(value)) if value.kind == Kind::Comment => {
                    let envelope = envelope.as_str().map(str::to_owned);
                    previous.list_items.extend(envelope);
                }
                (Body::Leaf(_), value) => leaves.push((item, value.is_some() && lasting)),
                _ => {}
            }
        }
        let (plain_text, plain_tree) = plain;
        let plain_leaves: Vec<&Item> = plain_tree
            .items
            .iter()
            .filter(|item| matches!(item.body, Body::Leaf(_)))
            .collect();
        if leaves.len() == plain_leaves.len() {
            for ((old, keep), item) in leaves.into_iter().zip(plain_leaves) {
                if let Body::Leaf(value) = &item.body
                    && keep
                    && old.block.is_some() == item.block.is_some()
                {
                    let slice = Slice {
                        value: value.duplicate(),
                        plain: item.source(plain_text),
                        sealed: old.source(text).as_bytes().to_vec(),
                    };
                    let path = plain_tree.path(item).to_string();
                    previous.slices.insert(path, slice);
                }
            }
        }
        previous
    }

    /// The sealed text of a value that is the same as before, and so are its place and its text.
    /// The text alone does not tell: where a file lost its last line break, so did a block's value.
    pub(crate) fn slice(&self, path: &KeyPath, value: &Value, source: &Cleartext) -> Option<&[u8]> {
        let slice = self.slices.get(&path.to_string())?;
        (slice.plain == *source && slice.value == *value).then_some(&slice.sealed)
    }

    /// The text of each document's `sops` block, as it was.
    pub(crate) fn blocks(&self) -> &[Vec<u8>] {
        &self.blocks
    }

    /// Whether this comment's envelope stood as an item of a list.
    pub(crate) fn was_list_item(&self, envelope: &str) -> bool {
        self.list_items.contains(envelope)
    }

    /// The envelope of a value with the same place, type and bytes.
    pub(crate) fn take(&mut self, key: &DataKey, aad: &str, value: &Value) -> Option<String> {
        let envelopes = self.envelopes.get_mut(&slot(key, aad, value))?;
        envelopes.pop_front()
    }
}

/// Whether an envelope may stay. sops panics when it writes one again that has an IV of another
/// length or holds bytes.
fn lasts(value: &Value, envelope: &Cleartext) -> bool {
    value.kind != Kind::Bytes
        && Envelope::parse(envelope.as_bytes()).is_none_or(|envelope| envelope.iv.len() == IV_LEN)
}

/// The text of each document's `sops` block, where each is in one piece.
fn blocks(text: &[u8], tree: &Tree) -> Option<Vec<Vec<u8>>> {
    let block = |document: &Document| match document.meta.as_ref()?.cut.as_slice() {
        [cut] => text.get(cut.clone()).map(<[u8]>::to_vec),
        _ => None,
    };
    tree.documents.iter().map(block).collect()
}

/// A hash over place, type and bytes, keyed so that it gives nothing away.
fn slot(key: &DataKey, aad: &str, value: &Value) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(key.expose());
    hash.update(aad.len().to_be_bytes());
    hash.update(aad);
    hash.update(kind_name(value.kind));
    hash.update(b":");
    hash.update(value.bytes.as_bytes());
    hash.finalize().into()
}
