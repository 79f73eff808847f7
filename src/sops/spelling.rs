//! How values were written, where the quoting style around `ENC[…]` cannot tell it: `1.10`,
//! `0x1F`, folded text, dates, escapes.
//!
//! One JSON map from key path to source text, encrypted as one value in the metadata field
//! `mvx_spelling`, under a fresh IV at every write. sops reads such a file and drops the field
//! when it writes. An entry is used only where it parses to exactly the value that was
//! authenticated (`open.rs`), so that it can change how a value looks and nothing else.

use std::collections::BTreeMap;

use zeroize::Zeroize;

use crate::document::{Kind, Value};
use crate::keypath::KeyPath;
use crate::secret::Cleartext;
use crate::sops::cipher::{Cipher, NoRandomness, Randomness};

/// The additional data of the encrypted map. No value of a file has it: `sops` is not a key that
/// a file may have at its top.
const AAD: &str = "sops:mvx_spelling:";

/// Source texts by key path.
#[derive(Default)]
pub struct Spelling {
    entries: BTreeMap<String, String>,
}

impl Spelling {
    /// Opens the field. What does not authenticate or is malformed counts as not there: spelling
    /// is a courtesy, and a file without it opens to the same values.
    pub fn open(field: Option<&str>, cipher: &Cipher) -> Self {
        let entries = field
            .and_then(|field| cipher.open(field.as_bytes(), AAD).ok())
            .and_then(|value| serde_json::from_slice(value.bytes.as_bytes()).ok())
            .unwrap_or_default();
        Self { entries }
    }

    /// Seals the map; `None` when it is empty.
    pub fn seal(
        &self,
        cipher: &Cipher,
        random: &mut dyn Randomness,
    ) -> Result<Option<String>, NoRandomness> {
        if self.entries.is_empty() {
            return Ok(None);
        }
        // A map of strings always has a JSON form.
        let bytes = serde_json::to_vec(&self.entries).unwrap_or_default();
        cipher.encrypt(&Value::new(Kind::Str, bytes), AAD, random)
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Remembers how the value at `path` was written. Bytes that are not text are not remembered.
    pub fn insert(&mut self, path: &KeyPath, source: &Cleartext) {
        if let Some(source) = source.as_str() {
            self.entries.insert(path.to_string(), source.to_owned());
        }
    }

    /// How the value at `path` was written.
    pub fn text(&self, path: &KeyPath) -> Option<&str> {
        self.entries.get(&path.to_string()).map(String::as_str)
    }

    /// Forgets one entry.
    pub fn remove(&mut self, path: &KeyPath) {
        if let Some(mut source) = self.entries.remove(&path.to_string()) {
            source.zeroize();
        }
    }

    /// Keeps the entries that `keep` wants, by key path. An entry whose path cannot be read goes.
    pub fn retain(&mut self, mut keep: impl FnMut(&KeyPath) -> bool) {
        self.entries.retain(|path, source| {
            let kept = KeyPath::parse(path).is_ok_and(|path| keep(&path));
            if !kept {
                source.zeroize();
            }
            kept
        });
    }
}

impl Drop for Spelling {
    fn drop(&mut self) {
        for source in self.entries.values_mut() {
            source.zeroize();
        }
    }
}
