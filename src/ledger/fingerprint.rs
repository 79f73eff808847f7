//! What the ledger knows of a value: a hash of its ciphertext, never of itself.

use std::collections::HashMap;
use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::document::{Body, Kind, Tree};
use crate::keypath::{KeyPath, Segment};
use crate::sops::envelope::Envelope;

/// What stands at a key, as far as it can be told without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fingerprint {
    /// An encrypted value: the first 128 bits of the SHA-256 of its `ENC[…]` text. SOPS keeps the
    /// text of a value that did not change, and draws a new IV for one that did.
    Sealed([u8; 16]),
    /// An empty text, which SOPS does not encrypt.
    Empty,
    /// Nothing at all, which SOPS does not encrypt.
    Null,
    /// A value in clear. Nothing is kept of it, so that a value that leaked cannot be tried out here
    /// after it was taken out of history.
    Clear,
}

/// A key of a secret file, and what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The key path.
    pub path: KeyPath,
    /// The same as it is shown, and as events name it.
    pub key: String,
    /// What stands there.
    pub fingerprint: Fingerprint,
    /// Whether another item of the same list has the same ciphertext: sops gives equal items of a
    /// list one, when it writes the file anew.
    pub twin: bool,
    /// Whether it looks encrypted and is not spelled as SOPS spells it. Readers that are less strict may
    /// open it to the value of another text, so that the same value could pass for a new one.
    pub is_misspelled: bool,
}

impl Fingerprint {
    /// The fingerprint of an `ENC[…]` text.
    pub fn of(envelope: &[u8]) -> Self {
        let mut short = [0; 16];
        for (to, from) in short.iter_mut().zip(Sha256::digest(envelope)) {
            *to = from;
        }
        Self::Sealed(short)
    }

    /// Whether it is that of an encrypted value: one that no other value has.
    pub fn is_sealed(self) -> bool {
        matches!(self, Self::Sealed(_))
    }

    /// Reads one as [`fmt::Display`] writes it.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "empty" => return Some(Self::Empty),
            "null" => return Some(Self::Null),
            "clear" => return Some(Self::Clear),
            _ => {}
        }
        let digits = text.as_bytes();
        if digits.len() != 32 {
            return None;
        }
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut short = [0; 16];
        for (to, pair) in short.iter_mut().zip(digits.chunks_exact(2)) {
            let [high, low] = pair else { return None };
            *to = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self::Sealed(short))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sealed(short) => short.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
            Self::Empty => f.write_str("empty"),
            Self::Null => f.write_str("null"),
            Self::Clear => f.write_str("clear"),
        }
    }
}

/// The values of a sealed file, in its order, without comments. Of keys that stand there twice the
/// last one counts, as for everybody who reads the file.
pub fn leaves(tree: &Tree) -> Vec<Leaf> {
    let mut found: Vec<Leaf> = Vec::new();
    let mut at: HashMap<String, usize> = HashMap::new();
    let mut in_lists: HashMap<(usize, Fingerprint), usize> = HashMap::new();
    for item in &tree.items {
        let mut is_misspelled = false;
        let fingerprint = match &item.body {
            Body::Null => Fingerprint::Null,
            Body::Leaf(value) => {
                let bytes = value.bytes.as_bytes();
                if bytes.is_empty() {
                    Fingerprint::Empty
                } else if Envelope::looks_like(bytes) {
                    match Envelope::parse(bytes) {
                        Some(envelope) if envelope.kind == Kind::Comment => continue,
                        parsed => {
                            is_misspelled = parsed.is_none();
                            Fingerprint::of(bytes)
                        }
                    }
                } else {
                    Fingerprint::Clear
                }
            }
            Body::Open(_) | Body::Comment(_) => continue,
        };
        let path = tree.path(item);
        let key = path.to_string();
        let leaf = Leaf {
            path,
            key: key.clone(),
            fingerprint,
            twin: false,
            is_misspelled,
        };
        let place = match at.get(&key) {
            Some(place) => *place,
            None => found.len(),
        };
        match found.get_mut(place) {
            Some(earlier) => *earlier = leaf,
            None => found.push(leaf),
        }
        at.insert(key, place);
        if fingerprint.is_sealed() && matches!(item.name, Segment::Index(_)) {
            let first = in_lists.insert((item.parent, fingerprint), place);
            for twin in first.into_iter().chain([place]) {
                if let (Some(_), Some(leaf)) = (first, found.get_mut(twin)) {
                    leaf.twin = true;
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::Format;

    const ONE: &str = "ENC[AES256_GCM,data:AA==,iv:AAAA,tag:AAAAAAAAAAAAAAAAAAAAAA==,type:str]";
    const NOTE: &str =
        "ENC[AES256_GCM,data:AA==,iv:AAAA,tag:AAAAAAAAAAAAAAAAAAAAAA==,type:comment]";

    fn found(text: &str) -> Vec<(String, Fingerprint, bool)> {
        let tree = Format::Yaml.store().parse(text.as_bytes()).unwrap();
        let all = leaves(&tree);
        all.into_iter()
            .map(|leaf| (leaf.key, leaf.fingerprint, leaf.twin))
            .collect()
    }

    #[test]
    fn every_value_has_one_and_comments_have_none() {
        let text = format!(
            "a: {ONE}\n#{NOTE}\nb:\n  - {ONE}\n  - {ONE}\n  - ''\nc: clear\nd: null\ne: {{}}\nsops: {{}}\n"
        );
        let sealed = Fingerprint::of(ONE.as_bytes());
        let expected = [
            ("a", sealed, false),
            ("b[0]", sealed, true),
            ("b[1]", sealed, true),
            ("b[2]", Fingerprint::Empty, false),
            ("c", Fingerprint::Clear, false),
            ("d", Fingerprint::Null, false),
        ];
        let expected = expected.map(|(key, print, twin)| (key.to_owned(), print, twin));
        assert_eq!(found(&text), expected);
    }

    #[test]
    fn a_clear_value_leaves_no_trace() {
        assert_eq!(found("a: one\n")[0].1, found("a: two\n")[0].1);
        assert_eq!(Fingerprint::Clear.to_string(), "clear");
    }

    #[test]
    fn they_have_one_spelling() {
        let sealed = Fingerprint::of(ONE.as_bytes());
        let text = sealed.to_string();
        assert_eq!(text.len(), 32);
        for print in [sealed, Fingerprint::Empty, Fingerprint::Null] {
            assert_eq!(Fingerprint::parse(&print.to_string()), Some(print));
        }
        for wrong in [&text.to_uppercase(), &text[1..], "", "sealed"] {
            assert_eq!(Fingerprint::parse(wrong), None);
        }
    }
}
