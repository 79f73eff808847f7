//! How values were written, where the quoting style around `ENC[…]` cannot tell it: `1.10`,
//! `0x1F`, folded text, dates, escapes.
//!
//! One JSON object with two maps from key path to source text, `values` and `references` (YAML's
//! aliases), encrypted as one value in the metadata field `mvx_spelling`, under a fresh IV at
//! every write. sops reads such a file and drops the field
//! when it writes. An entry is used only where it parses to exactly the value that was
//! authenticated (`open.rs`), so that it can change how a value looks and nothing else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use crate::document::{Kind, Value};
use crate::keypath::{KeyPath, Segment};
use crate::secret::Cleartext;
use crate::sops::cipher::{Cipher, NoRandomness, Randomness};
use crate::sops::store::Reference;

/// The additional data of the encrypted map. No value of a file has it: `sops` is not a key that
/// a file may have at its top.
const AAD: &str = "sops:mvx_spelling:";

/// Source texts by key path.
#[derive(Default, Serialize, Deserialize)]
pub struct Spelling {
    #[serde(default)]
    values: BTreeMap<String, String>,
    #[serde(default)]
    references: BTreeMap<String, String>,
}

impl Spelling {
    /// Opens the field. What does not authenticate or is malformed counts as not there: spelling
    /// is a courtesy, and a file without it opens to the same values.
    pub fn open(field: Option<&str>, cipher: &Cipher) -> Self {
        field
            .and_then(|field| cipher.open(field.as_bytes(), AAD).ok())
            .and_then(|value| serde_json::from_slice(value.bytes.as_bytes()).ok())
            .unwrap_or_default()
    }

    /// Seals the map; `None` when it is empty.
    pub fn seal(
        &self,
        cipher: &Cipher,
        random: &mut dyn Randomness,
    ) -> Result<Option<String>, NoRandomness> {
        if self.is_empty() {
            return Ok(None);
        }
        // Maps of strings always have a JSON form.
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        cipher.encrypt(&Value::new(Kind::Str, bytes), AAD, random)
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.references.is_empty()
    }

    /// The references, by path.
    pub fn references(&self) -> Vec<Reference> {
        self.references
            .iter()
            .filter_map(|(path, source)| {
                Some(Reference {
                    path: KeyPath::parse(path).ok()?,
                    source: source.clone(),
                })
            })
            .collect()
    }

    /// Remembers a reference.
    pub fn refer(&mut self, reference: &Reference) {
        self.references
            .insert(reference.path.to_string(), reference.source.clone());
    }

    /// Forgets all values' spellings and keeps the references.
    pub fn forget_values(&mut self) {
        self.values.clear();
    }

    /// Whether any value has a spelling.
    pub fn has_values(&self) -> bool {
        !self.values.is_empty()
    }

    /// Remembers how the value at `path` was written. Bytes that are not text are not remembered.
    pub fn insert(&mut self, path: &KeyPath, source: &Cleartext) {
        if let Some(source) = source.as_str() {
            self.values.insert(path.to_string(), source.to_owned());
        }
    }

    /// How the value at `path` was written.
    pub fn text(&self, path: &KeyPath) -> Option<&str> {
        self.values.get(&path.to_string()).map(String::as_str)
    }

    /// Forgets one entry.
    pub fn remove(&mut self, path: &KeyPath) {
        if let Some(mut source) = self.values.remove(&path.to_string()) {
            source.zeroize();
        }
    }

    /// Forgets what was at or below `path`, and references that stood for something above it.
    pub fn forget(&mut self, path: &KeyPath) {
        self.retain(|entry| !entry.is_within(path));
        self.references
            .retain(|entry, _| !KeyPath::parse(entry).is_ok_and(|entry| path.is_within(&entry)));
    }

    /// Forgets `path`; if it was a list's item, what stood behind it moves up.
    pub fn remove_item(&mut self, path: &KeyPath) {
        self.forget(path);
        let Some((list, Segment::Index(gone))) = path.split_last() else {
            return;
        };
        let depth = list.segments.len();
        self.rewrite(|entry| {
            if entry.is_within(&list)
                && let Some(Segment::Index(index)) = entry.segments.get_mut(depth)
                && *index > *gone
            {
                *index -= 1;
            }
        });
    }

    /// What was at or below `from` is now at or below `to`.
    pub fn rename(&mut self, from: &KeyPath, to: &KeyPath) {
        self.rewrite(|entry| {
            if entry.is_within(from) {
                let rest = entry.segments.split_off(from.segments.len());
                entry.segments = to.segments.iter().cloned().chain(rest).collect();
                entry.document = to.document;
            }
        });
    }

    /// Keeps the entries that `keep` wants, by key path. An entry whose path cannot be read goes.
    pub fn retain(&mut self, keep: impl Fn(&KeyPath) -> bool) {
        for entries in [&mut self.values, &mut self.references] {
            entries.retain(|path, source| {
                let kept = KeyPath::parse(path).is_ok_and(|path| keep(&path));
                if !kept {
                    source.zeroize();
                }
                kept
            });
        }
    }

    fn rewrite(&mut self, change: impl Fn(&mut KeyPath)) {
        for entries in [&mut self.values, &mut self.references] {
            *entries = std::mem::take(entries)
                .into_iter()
                .filter_map(|(path, source)| {
                    let mut path = KeyPath::parse(&path).ok()?;
                    change(&mut path);
                    Some((path.to_string(), source))
                })
                .collect();
        }
    }
}

impl Drop for Spelling {
    fn drop(&mut self) {
        for source in self.values.values_mut() {
            source.zeroize();
        }
    }
}
