//! What a baseline holds of a finding: a hash of its rule and its secret that whoever has the
//! baseline cannot try cheaply.
//!
//! A fast hash of a weak password is the password: a graphics card tries billions a second. So it is
//! Argon2id (RFC 9106) with the parameters of OWASP's "Password Storage Cheat Sheet", 19 MiB of memory
//! and two passes, and a salt that each baseline draws for itself: one guess at one secret costs some
//! 20 ms and 19 MiB, and no table helps for two repositories.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::report::hex;
use crate::secret::Cleartext;

/// A fingerprint: 32 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(String);

/// What makes a baseline's fingerprints its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salt([u8; 16]);

/// What is hashed, and the memory for it: whoever hashes many keeps it.
pub struct Hasher {
    argon: Argon2<'static>,
    memory: Vec<Block>,
}

impl Fingerprint {
    /// A fingerprint as it stands in a file.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        (text.len() == 32 && text.chars().all(digits)).then(|| Self(text.to_owned()))
    }

    /// Its digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Salt {
    /// The salt of reports where there is no baseline.
    pub const NONE: Self = Self(*b"mvx: no baseline");

    /// A salt of these bytes, drawn at random.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// A salt as it stands in a file.
    pub fn parse(text: &str) -> Option<Self> {
        let mut salt = [0; 16];
        if text.len() != 32 || !text.is_ascii() {
            return None;
        }
        for (byte, at) in salt.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
        }
        Some(Self(salt))
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Its digits.
    pub fn digits(&self) -> String {
        hex(&self.0)
    }
}

impl Default for Hasher {
    /// OWASP's "Password Storage Cheat Sheet": m = 19456 (19 MiB), t = 2, p = 1. It is part of the
    /// format of baselines: other numbers would be another version of it.
    fn default() -> Self {
        let params = Params::new(19 * 1024, 2, 1, Some(16)).unwrap_or(Params::DEFAULT);
        let memory = vec![Block::default(); params.block_count()];
        Self {
            argon: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            memory,
        }
    }
}

impl Hasher {
    /// The fingerprint of a secret that this rule found.
    pub fn fingerprint(&mut self, salt: Salt, rule: &str, secret: &[u8]) -> Fingerprint {
        let text = message(rule, secret);
        let mut hash = [0; 16];
        let hashed = self.argon.hash_password_into_with_memory(
            text.as_bytes(),
            salt.as_bytes(),
            &mut hash,
            &mut self.memory,
        );
        // it fails for lengths that do not occur: 4 GiB of secret, less than 8 bytes of salt
        debug_assert!(hashed.is_ok(), "{hashed:?}");
        Fingerprint(hex(&hash))
    }
}

/// A fast name of the same, for a machine's own memory of what it hashed: HMAC-SHA256 (RFC 2104)
/// under a key that never leaves the machine, so that the memory alone can be tried at no speed.
pub fn memory_name(key: &[u8; 32], salt: Salt, rule: &str, secret: &[u8]) -> String {
    let text = message(rule, secret);
    // any length of key will do (RFC 2104, section 2)
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return String::new();
    };
    mac.update(salt.as_bytes());
    mac.update(text.as_bytes());
    let mut digits = hex(&mac.finalize().into_bytes());
    digits.truncate(32);
    digits
}

/// Rule and secret, so that no two pairs are the same text.
fn message(rule: &str, secret: &[u8]) -> Cleartext {
    let mut text = Cleartext::with_capacity(rule.len() + secret.len() + 1);
    text.push(rule.as_bytes());
    text.push(&[0]);
    text.push(secret);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_of_rule_secret_and_salt() {
        let mut hasher = Hasher::default();
        let salt = Salt::new([7; 16]);
        let one = hasher.fingerprint(salt, "a", b"test");
        assert_eq!(one, hasher.fingerprint(salt, "a", b"test"));
        assert_ne!(one, hasher.fingerprint(salt, "b", b"test"));
        assert_ne!(one, hasher.fingerprint(salt, "a", b"tess"));
        assert_ne!(one, hasher.fingerprint(Salt::NONE, "a", b"test"));
        assert_eq!(Fingerprint::parse(one.as_str()), Some(one.clone()));
        // as argon2-cffi computes it; a change here makes every baseline worthless
        assert_eq!(one.as_str(), "d10882ca927da733d22d0e97a9a15d9e");
    }

    #[test]
    fn salts_are_read_back() {
        let salt = Salt::new([0x1f; 16]);
        assert_eq!(Salt::parse(&salt.digits()), Some(salt));
        for text in ["", "zz", &"g".repeat(32), &"é".repeat(16)] {
            assert_eq!(Salt::parse(text), None);
        }
        assert_eq!(Fingerprint::parse(&"A".repeat(32)), None);
    }
}
