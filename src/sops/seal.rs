//! Plaintext → sealed text, and changes to sealed text.
//!
//! Whatever is written has been read again first: the result must open to the same tree, or
//! nothing comes out.

use std::collections::{HashMap, VecDeque};

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::document::{Body, Item, Kind, Meta, Tree, Value, splice};
use crate::error::{Exit, Explain};
use crate::keypath::KeyPath;
use crate::secret::{Cleartext, DataKey};
use crate::sops::change::Open;
use crate::sops::cipher::{Cipher, NoRandomness, Randomness};
use crate::sops::envelope::Envelope;
use crate::sops::mac::Mac;
use crate::sops::metadata::{Metadata, MetadataError, SPELLING};
use crate::sops::open::{
    Known, MacCheck, OpenError, Opened, open, open_comment, open_knowing, open_leaf, overlap,
    plaintext, selector_of,
};
use crate::sops::select::select;
use crate::sops::spelling::Spelling;
use crate::sops::store::{Store, StoreError};
use crate::sops::time::mac_time;

/// A sealed file's text.
pub struct Sealed {
    /// The text.
    pub text: Cleartext,
    /// Whether it opens to the original to the byte; else to the same values and comments in
    /// another spelling.
    pub exact: bool,
    /// How many values are encrypted.
    pub encrypted: usize,
    /// How many values stay in clear because the selector says so.
    pub clear: usize,
    /// How many references (YAML's aliases) were written out.
    pub references: usize,
}

/// Why a text cannot be sealed.
#[derive(Debug, Error)]
pub enum SealError {
    /// It has metadata already.
    #[error("it is encrypted already")]
    AlreadySealed,
    /// The selector chose no value at all.
    #[error(
        "the selector `{selector}` chooses none of its {values} values: all would stay in clear"
    )]
    NothingSelected {
        /// The selector's field and pattern.
        selector: String,
        /// The number of values.
        values: usize,
    },
    /// A comment selects values, and without its entry it would select another one.
    #[error(
        "{path}: the comment selector would no longer choose this encrypted value or comment; nothing was written"
    )]
    SelectionMoved {
        /// The key path; of a comment, of what it stands in.
        path: KeyPath,
    },
    /// An encrypted value would be written in clear.
    #[error(
        "{path}: the selector leaves this place in clear, and the value is encrypted where it stands; nothing was written"
    )]
    WouldStandInClear {
        /// The new key path.
        path: KeyPath,
    },
    /// The result did not open to what went in.
    #[error("the sealed text does not open to the same values; nothing was written")]
    Proof,
    /// The metadata cannot be used.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The result, or the old text, cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The text cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gave no random bytes.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

impl Explain for SealError {
    fn exit(&self) -> Exit {
        match self {
            Self::AlreadySealed => Exit::ALREADY_ENCRYPTED,
            Self::NothingSelected { .. }
            | Self::SelectionMoved { .. }
            | Self::WouldStandInClear { .. } => Exit::RULES,
            Self::Proof => Exit::BUG,
            Self::Metadata(error) => error.exit(),
            Self::Open(error) => error.exit(),
            Self::Store(error) => error.exit(),
            Self::Randomness(_) => Exit::IO,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::AlreadySealed => "already-encrypted",
            Self::NothingSelected { .. } => "nothing-selected",
            Self::SelectionMoved { .. } => "selection-moved",
            Self::WouldStandInClear { .. } => "would-stand-in-clear",
            Self::Proof => "proof-failed",
            Self::Metadata(error) => error.code(),
            Self::Open(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Randomness(_) => "no-randomness",
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::AlreadySealed => {
                vec!["`mvx edit FILE` and `mvx set FILE KEY` change it; `mvx decrypt FILE` opens it".into()]
            }
            Self::NothingSelected { .. } => {
                vec!["change the selector in the rules, or leave the file unencrypted".into()]
            }
            Self::SelectionMoved { .. } => {
                vec!["`mvx edit FILE` changes the comment and the values together".into()]
            }
            Self::WouldStandInClear { .. } => vec![
                "choose a key that the selector encrypts; to publish the value, `mvx get` it and `mvx set` it there".into(),
            ],
            Self::Proof => vec![
                "please report this with a file that shows it; `--format binary` seals the file as a whole".into(),
            ],
            Self::Metadata(error) => error.hints(),
            Self::Open(error) => error.hints(),
            Self::Store(error) => error.hints(),
            Self::Randomness(_) => Vec::new(),
        }
    }
}

/// Everything that sealing needs beside the text.
pub struct Sealer<'a> {
    /// The file type.
    pub store: &'a dyn Store,
    /// The file's data key.
    pub key: &'a DataKey,
    /// Now, RFC 3339 in UTC with seconds.
    pub now: &'a str,
    /// Where IVs come from.
    pub random: &'a mut dyn Randomness,
}

/// What an opened file had, so that what stays the same in an edit keeps its ciphertext and its
/// text.
pub struct Previous {
    /// Envelopes by a hash over key, place, type and bytes.
    envelopes: HashMap<[u8; 32], VecDeque<String>>,
    /// By key path.
    slices: HashMap<String, Slice>,
}

/// A value's text in clear and sealed.
struct Slice {
    value: Value,
    plain: Cleartext,
    sealed: Vec<u8>,
}

impl Sealer<'_> {
    /// Seals a plaintext. `metadata` holds recipients, selector and version; MAC, time and spelling
    /// are set here.
    pub fn seal(
        &mut self,
        original: &[u8],
        mut metadata: Metadata,
        mut previous: Option<Previous>,
    ) -> Result<Sealed, SealError> {
        let expanded = self.store.expand(original)?;
        let (text, references) = match &expanded {
            Some(expanded) => (expanded.text.as_bytes(), expanded.references.as_slice()),
            None => (original, [].as_slice()),
        };
        let tree = self.store.parse(text)?;
        if tree
            .documents
            .iter()
            .any(|document| document.meta.is_some())
        {
            return Err(SealError::AlreadySealed);
        }
        let cipher = Cipher::new(self.key);
        let selector = selector_of(&metadata)?;
        let selected = select(&tree, &selector);
        let mut mac = Mac::new(metadata.mac_only_encrypted()?);
        let mut spelling = Spelling::default();
        for reference in references {
            spelling.refer(reference);
        }
        let mut edits = Vec::new();
        let (mut encrypted, mut clear) = (0, 0);
        for (item, selected) in tree.items.iter().zip(selected) {
            match &item.body {
                Body::Leaf(value) => {
                    mac.add(value, selected);
                    if value.bytes.is_empty() {
                        continue;
                    }
                    if !selected {
                        clear += 1;
                        continue;
                    }
                    encrypted += 1;
                    let path = tree.path(item);
                    let source = item.source(text);
                    if let Some(sealed) = previous
                        .as_ref()
                        .and_then(|old| old.slice(&path, value, &source))
                    {
                        let sealed = Cleartext::new(sealed.to_vec());
                        item.replace(&sealed, &mut edits);
                        // Its style is not known here; a spelling that is not needed does no harm.
                        self.remember(
                            text,
                            &tree,
                            item,
                            item.style,
                            value,
                            &source,
                            &mut spelling,
                        )?;
                        continue;
                    }
                    let envelope = self.envelope(&cipher, &tree, item, value, &mut previous)?;
                    let placed = self.store.envelope(text, &tree, item, &envelope);
                    self.remember(
                        text,
                        &tree,
                        item,
                        placed.style,
                        value,
                        &source,
                        &mut spelling,
                    )?;
                    item.replace(&placed.text, &mut edits);
                }
                Body::Comment(comment) if selected && !comment.is_empty() => {
                    let value = Value {
                        kind: Kind::Comment,
                        bytes: comment.duplicate(),
                    };
                    let envelope = self.envelope(&cipher, &tree, item, &value, &mut previous)?;
                    item.replace(
                        &self.store.envelope(text, &tree, item, &envelope).text,
                        &mut edits,
                    );
                }
                _ => {}
            }
        }
        if encrypted == 0 && clear > 0 {
            let selector = format!("{} = {}", selector.field(), selector.pattern());
            return Err(SealError::NothingSelected {
                selector,
                values: clear,
            });
        }
        self.stamp(&mut metadata, &cipher, mac, &spelling)?;
        edits.extend(self.store.attach(text, &tree, metadata.fields()));
        let sealed = splice(text, edits).ok_or_else(overlap)?;
        let exact = self.prove(original, &tree, &sealed, &cipher)?;
        Ok(Sealed {
            text: sealed,
            exact,
            encrypted,
            clear,
            references: references.len(),
        })
    }

    /// Ends a change of a sealed text: encrypts, under fresh IVs, what is selected and stands in
    /// clear at or below `changed` (new values, and those that moved to another place), and sets
    /// MAC, time and spelling right; `adjust` brings the remembered spellings in line with the
    /// change. Values that are not within `changed` are those of `before`.
    pub(crate) fn commit(
        &mut self,
        (text, tree): (&[u8], &Tree),
        changed: &[KeyPath],
        before: Open<'_>,
        adjust: impl FnOnce(&mut Spelling),
    ) -> Result<Cleartext, SealError> {
        let block = tree.meta().ok_or(MetadataError::NoMac)?;
        let mut metadata = Metadata::from_block(block);
        let cipher = Cipher::new(self.key);
        let known = Known::new(before);
        let inside = Inside::new(tree, changed);
        let mut mac = Mac::new(metadata.mac_only_encrypted()?);
        let mut edits = Vec::new();
        let chosen = select(tree, &selector_of(&metadata)?);
        for (index, (item, selected)) in tree.items.iter().zip(chosen).enumerate() {
            let new = inside.contains(item);
            if !selected && !new && known.holds(tree, item) {
                return Err(SealError::SelectionMoved {
                    path: tree.path(item),
                });
            }
            let value = match &item.body {
                Body::Leaf(clear) if !selected => {
                    mac.add(clear, false);
                    continue;
                }
                Body::Leaf(clear) if !new => {
                    let value = open_leaf(tree, item, clear, &cipher, Some(&known))?;
                    if value.kind != Kind::Comment {
                        mac.add(&value, true);
                    }
                    continue;
                }
                Body::Leaf(clear) => {
                    mac.add(clear, true);
                    clear.duplicate()
                }
                Body::Comment(text)
                    if selected && new && !Envelope::looks_like(text.as_bytes()) =>
                {
                    Value {
                        kind: Kind::Comment,
                        bytes: text.duplicate(),
                    }
                }
                // Which container a comment belongs to is a matter of layout, and that changed.
                Body::Comment(text)
                    if selected && open_comment(tree, index, item, text, &cipher).is_none() =>
                {
                    match known.comment(text.as_bytes()) {
                        Some(comment) => comment.duplicate(),
                        None => continue,
                    }
                }
                _ => continue,
            };
            if !value.bytes.is_empty() {
                let envelope = self.envelope(&cipher, tree, item, &value, &mut None)?;
                item.replace(
                    &self.store.envelope(text, tree, item, &envelope).text,
                    &mut edits,
                );
            }
        }
        let mut spelling = Spelling::open(metadata.spelling(), &cipher);
        if !spelling.is_empty() {
            adjust(&mut spelling);
        }
        self.stamp(&mut metadata, &cipher, mac, &spelling)?;
        edits.extend(self.store.refresh(text, tree, metadata.fields()));
        let sealed = splice(text, edits).ok_or_else(overlap)?;
        let again = self.store.parse(sealed.as_bytes())?;
        let block = again.meta().ok_or(SealError::Proof)?;
        let metadata = Metadata::from_block(block);
        open_knowing(&again, &metadata, &cipher, MacCheck::Required, Some(&known))?;
        Ok(sealed)
    }

    /// An envelope for a value: the old one where place, type and bytes are the same, else a fresh
    /// one.
    fn envelope(
        &mut self,
        cipher: &Cipher,
        tree: &Tree,
        item: &Item,
        value: &Value,
        previous: &mut Option<Previous>,
    ) -> Result<String, SealError> {
        let aad = tree.aad(item);
        if let Some(old) = previous
            .as_mut()
            .and_then(|old| old.take(self.key, &aad, value))
        {
            return Ok(old);
        }
        Ok(cipher
            .encrypt(value, &aad, self.random)?
            .unwrap_or_default())
    }

    /// Remembers a spelling that the style alone would not bring back.
    #[expect(
        clippy::too_many_arguments,
        reason = "one place of a text, all of it needed"
    )]
    fn remember(
        &self,
        text: &[u8],
        tree: &Tree,
        item: &Item,
        style: crate::document::Style,
        value: &Value,
        source: &Cleartext,
        spelling: &mut Spelling,
    ) -> Result<(), SealError> {
        let rendered = self.store.plain(text, tree, item, style, value)?;
        if rendered != *source {
            spelling.insert(&tree.path(item), source);
        }
        Ok(())
    }

    /// Sets time, MAC and spelling.
    fn stamp(
        &mut self,
        metadata: &mut Metadata,
        cipher: &Cipher,
        mac: Mac,
        spelling: &Spelling,
    ) -> Result<(), SealError> {
        let aad =
            mac_time(self.now).ok_or_else(|| MetadataError::Malformed("lastmodified".into()))?;
        let value = Value::new(Kind::Str, Cleartext::new(mac.finish().as_bytes().to_vec()));
        let sealed = cipher
            .encrypt(&value, &aad, self.random)?
            .unwrap_or_default();
        metadata.set("lastmodified", Meta::Str(self.now.into()));
        metadata.set("mac", Meta::Str(sealed));
        match spelling.seal(cipher, self.random)? {
            Some(sealed) => metadata.set(SPELLING, Meta::Str(sealed)),
            None => metadata.unset(SPELLING),
        }
        Ok(())
    }

    /// Opens the sealed text and compares it with the original, whose expanded text `tree` is of: true when it is the same to the
    /// byte, an error when a value, a comment or the structure differs.
    fn prove(
        &self,
        original: &[u8],
        tree: &Tree,
        sealed: &Cleartext,
        cipher: &Cipher,
    ) -> Result<bool, SealError> {
        let again = self.store.parse(sealed.as_bytes())?;
        let block = again.meta().ok_or(SealError::Proof)?;
        let metadata = Metadata::from_block(block);
        let mut opened = open(&again, &metadata, cipher, MacCheck::Required)?;
        let plain = plaintext(self.store, sealed.as_bytes(), &again, &mut opened)?;
        if plain.as_bytes() == original {
            return Ok(true);
        }
        let expanded = self.store.expand(plain.as_bytes())?;
        let plain = expanded.map_or(plain, |expanded| expanded.text);
        let plain = self.store.parse(plain.as_bytes())?;
        if same(tree, &plain) {
            Ok(false)
        } else {
            Err(SealError::Proof)
        }
    }
}

/// Which items of a tree stand at or below some paths.
struct Inside<'t> {
    containers: Vec<bool>,
    items: Vec<&'t Item>,
}

impl<'t> Inside<'t> {
    fn new(tree: &'t Tree, paths: &[KeyPath]) -> Self {
        let items: Vec<&Item> = paths.iter().filter_map(|path| tree.find(path)).collect();
        let mut containers = vec![false; tree.containers.len()];
        for (id, container) in tree.containers.iter().enumerate() {
            // Containers come after those around them.
            let below = container
                .parent
                .is_some_and(|parent| containers.get(parent) == Some(&true));
            let is_one = items
                .iter()
                .any(|item| matches!(item.body, Body::Open(open) if open == id));
            if let Some(inside) = containers.get_mut(id) {
                *inside = below || is_one;
            }
        }
        Self { containers, items }
    }

    fn contains(&self, item: &Item) -> bool {
        self.containers.get(item.parent) == Some(&true)
            || self.items.iter().any(|one| std::ptr::eq(*one, item))
    }
}

/// Whether two trees hold the same entries, values and comments in the same order.
pub fn same(a: &Tree, b: &Tree) -> bool {
    let comments = |tree: &Tree| -> Vec<Cleartext> {
        tree.items
            .iter()
            .filter_map(|item| match &item.body {
                Body::Comment(text) => Some(text.duplicate()),
                _ => None,
            })
            .collect()
    };
    let solid = |item: &&Item| !matches!(item.body, Body::Comment(_));
    let same_item = |(x, y): (&Item, &Item)| {
        let same_place = x.name == y.name
            && a.container(x.parent).document == b.container(y.parent).document
            && a.container(x.parent).aad == b.container(y.parent).aad;
        same_place
            && match (&x.body, &y.body) {
                (Body::Leaf(x), Body::Leaf(y)) => x == y,
                (Body::Null, Body::Null) => true,
                (Body::Open(x), Body::Open(y)) => a.container(*x).shape == b.container(*y).shape,
                _ => false,
            }
    };
    a.items.iter().filter(solid).count() == b.items.iter().filter(solid).count()
        && a.documents.len() == b.documents.len()
        && a.items
            .iter()
            .filter(solid)
            .zip(b.items.iter().filter(solid))
            .all(same_item)
        && comments(a) == comments(b)
}

impl Previous {
    /// Remembers an opened file and the plaintext that was made of it.
    pub fn new(key: &DataKey, sealed: (&[u8], &Tree, &Opened), plain: (&[u8], &Tree)) -> Self {
        let (text, tree, opened) = sealed;
        let mut previous = Self {
            envelopes: HashMap::new(),
            slices: HashMap::new(),
        };
        let mut leaves = Vec::new();
        for (item, value) in tree.items.iter().zip(&opened.values) {
            let envelope = match &item.body {
                Body::Leaf(clear) => &clear.bytes,
                Body::Comment(text) => text,
                _ => continue,
            };
            if let (Some(value), Some(envelope)) = (value, envelope.as_str()) {
                let slot = previous
                    .envelopes
                    .entry(slot(key, &tree.aad(item), value))
                    .or_default();
                slot.push_back(envelope.into());
            }
            let is_comment = value
                .as_ref()
                .is_some_and(|value| value.kind == Kind::Comment);
            if matches!(item.body, Body::Leaf(_)) && !is_comment {
                leaves.push((item, value.is_some()));
            }
        }
        let (plain_text, plain_tree) = plain;
        let plain_leaves: Vec<&Item> = plain_tree
            .items
            .iter()
            .filter(|item| matches!(item.body, Body::Leaf(_)))
            .collect();
        if leaves.len() == plain_leaves.len() {
            for ((old, encrypted), item) in leaves.into_iter().zip(plain_leaves) {
                if let Body::Leaf(value) = &item.body
                    && encrypted
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
    fn slice(&self, path: &KeyPath, value: &Value, source: &Cleartext) -> Option<&[u8]> {
        let slice = self.slices.get(&path.to_string())?;
        (slice.plain == *source && slice.value == *value).then_some(&slice.sealed)
    }

    /// The envelope of a value with the same place, type and bytes.
    fn take(&mut self, key: &DataKey, aad: &str, value: &Value) -> Option<String> {
        let envelopes = self.envelopes.get_mut(&slot(key, aad, value))?;
        envelopes.pop_front()
    }
}

/// A hash over place, type and bytes, keyed so that it gives nothing away.
fn slot(key: &DataKey, aad: &str, value: &Value) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(key.expose());
    hash.update(aad.len().to_be_bytes());
    hash.update(aad);
    hash.update(crate::sops::envelope::kind_name(value.kind));
    hash.update(b":");
    hash.update(value.bytes.as_bytes());
    hash.finalize().into()
}
