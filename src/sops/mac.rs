//! The MAC over a whole file: SHA-512 over the canonical bytes of its leaves (SOPS-FORMAT 1.5).
//!
//! It covers values and their order, not keys, types, comments or metadata. It is an unsalted hash
//! of the plaintext, so it is never printed.

use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::document::Value;

/// What the hash starts with when only encrypted values count: SHA-256 of "sops".
const ONLY_ENCRYPTED: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b,
    0x0b, 0x97, 0x5b, 0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];

/// A MAC while it is computed.
#[derive(Clone)]
pub struct Mac {
    hash: Sha512,
    only_encrypted: bool,
}

impl Mac {
    /// Starts a MAC; with `only_encrypted`, clear values do not count.
    pub fn new(only_encrypted: bool) -> Self {
        let mut hash = Sha512::new();
        if only_encrypted {
            hash.update(ONLY_ENCRYPTED);
        }
        Self {
            hash,
            only_encrypted,
        }
    }

    /// Adds a leaf, in document order.
    pub fn add(&mut self, value: &Value, encrypted: bool) {
        if encrypted || !self.only_encrypted {
            self.hash.update(value.bytes.as_bytes());
        }
    }

    /// Adds a piece of an encrypted leaf.
    pub fn add_piece(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
    }

    /// What the bytes so far are known by in this run.
    pub fn imprint(&self) -> Imprint {
        Imprint {
            mac: self.clone().finish(),
            only_encrypted: self.only_encrypted,
        }
    }

    /// The MAC as SOPS stores it before encryption: 128 upper-case hex digits.
    pub fn finish(self) -> Zeroizing<String> {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let digit = |nibble: u8| char::from(*DIGITS.get(usize::from(nibble)).unwrap_or(&b'0'));
        let mut text = Zeroizing::new(String::with_capacity(128));
        for byte in self.hash.finalize() {
            text.push(digit(byte >> 4));
            text.push(digit(byte & 15));
        }
        text
    }

    /// Whether `stored` is this MAC, in constant time.
    pub fn matches(self, stored: &[u8]) -> bool {
        self.finish().as_bytes().ct_eq(stored).into()
    }
}

/// A MAC that is kept to recognise what it is of.
pub struct Imprint {
    mac: Zeroizing<String>,
    only_encrypted: bool,
}

impl Imprint {
    /// Begins a MAC that can be compared.
    pub fn begin(&self) -> Mac {
        Mac::new(self.only_encrypted)
    }

    /// Whether a MAC is of the same bytes.
    pub fn is_of(&self, mac: Mac) -> bool {
        mac.matches(self.mac.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Kind;
    use sha2::Sha256;

    #[test]
    fn the_prefix_is_the_hash_of_sops() {
        assert_eq!(Sha256::digest(b"sops").as_slice(), ONLY_ENCRYPTED);
    }

    #[test]
    fn clear_values_count_unless_only_encrypted_ones_do() {
        let value = Value::new(Kind::Str, b"a".to_vec());
        let with = |only, encrypted| {
            let mut mac = Mac::new(only);
            mac.add(&value, encrypted);
            mac.finish()
        };
        assert_ne!(*with(false, false), *Mac::new(false).finish());
        assert_eq!(*with(true, false), *Mac::new(true).finish());
        assert_ne!(*with(true, true), *Mac::new(true).finish());
    }
}
