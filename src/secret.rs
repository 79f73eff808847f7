//! Types that hold secrets: filled in place, wiped on drop, compared in constant time.
//!
//! None of them implements `Debug`, `Display`, `Clone` or `Serialize`, so that a value cannot
//! reach a log, an error or a report by accident. Whoever needs the bytes calls `expose` or
//! `as_bytes`, and those calls are easy to find.

use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox, SecretString};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The 32 random bytes that encrypt one file's values (AES-256).
pub struct DataKey(SecretBox<[u8; 32]>);

impl DataKey {
    /// Length of a data key in bytes.
    pub const LEN: usize = 32;

    /// Builds a key that `fill` writes in place, so that no copy of it is left on the stack.
    pub fn try_init_with<E>(fill: impl FnOnce(&mut [u8; 32]) -> Result<(), E>) -> Result<Self, E> {
        let mut key = SecretBox::new(Box::new([0u8; 32]));
        fill(key.expose_secret_mut())?;
        Ok(Self(key))
    }

    /// Takes the key from unwrapped bytes; `None` if they are not exactly 32.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let exact: &[u8; 32] = bytes.try_into().ok()?;
        let mut key = SecretBox::new(Box::new([0u8; 32]));
        key.expose_secret_mut().copy_from_slice(exact);
        Some(Self(key))
    }

    /// The key's bytes.
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose_secret()
    }

    /// Another copy of the same secret, which is wiped by itself.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        let mut key = SecretBox::new(Box::new([0u8; 32]));
        key.expose_secret_mut().copy_from_slice(self.expose());
        Self(key)
    }
}

impl PartialEq for DataKey {
    fn eq(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }
}

impl Eq for DataKey {}

/// A value, or a whole decrypted file: bytes that are wiped on drop and whenever they move to a
/// larger buffer.
#[derive(Default)]
pub struct Cleartext(Zeroizing<Vec<u8>>);

impl Cleartext {
    /// Takes over `bytes` without copying them.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// An empty buffer with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self::new(Vec::with_capacity(capacity))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, to be changed in place; their number stays.
    pub fn as_mut_bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// The bytes as text, where they are UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends `bytes`; where the buffer must grow, the old one is wiped before it is freed
    /// (`Vec` alone would leave its copy behind).
    pub fn push(&mut self, bytes: &[u8]) {
        let needed = self.0.len() + bytes.len();
        if needed > self.0.capacity() {
            let mut larger = Vec::with_capacity(needed.max(self.0.capacity() * 2));
            larger.extend_from_slice(&self.0);
            self.0 = Zeroizing::new(larger);
        }
        self.0.extend_from_slice(bytes);
    }

    /// Drops the bytes from `len` on; they are wiped with the buffer.
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Empties the buffer and hands it on with room for `capacity` bytes, so that it need not grow.
    /// Whoever takes it wraps it again; a buffer that is too small is wiped here.
    #[must_use]
    pub fn into_buffer(mut self, capacity: usize) -> Vec<u8> {
        if self.0.capacity() < capacity {
            return Vec::with_capacity(capacity);
        }
        self.0.clear();
        std::mem::take(&mut *self.0)
    }

    /// A second copy, for the few places that must hand a value on.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self::new(self.0.to_vec())
    }
}

impl From<&str> for Cleartext {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes().to_vec())
    }
}

impl From<Vec<u8>> for Cleartext {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl From<String> for Cleartext {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

impl PartialEq for Cleartext {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Cleartext {}

/// What a person typed to unlock a key.
pub struct Passphrase(SecretString);

impl Passphrase {
    /// Takes over `text`.
    pub fn new(text: String) -> Self {
        Self(text.into())
    }

    /// The form that the age library asks for.
    pub fn as_secret(&self) -> &SecretString {
        &self.0
    }

    /// The text.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use static_assertions::assert_not_impl_any;

    assert_not_impl_any!(DataKey: Clone, std::fmt::Debug, std::fmt::Display);
    assert_not_impl_any!(Cleartext: Clone, std::fmt::Debug, std::fmt::Display);
    assert_not_impl_any!(Passphrase: Clone, std::fmt::Debug, std::fmt::Display);

    #[test]
    fn a_data_key_has_exactly_32_bytes() {
        assert!(DataKey::from_bytes(&[7; 31]).is_none());
        assert!(DataKey::from_bytes(&[7; 33]).is_none());
        assert_eq!(DataKey::from_bytes(&[7; 32]).unwrap().expose(), &[7; 32]);
    }

    #[test]
    fn cleartext_grows_without_losing_bytes() {
        let mut text = Cleartext::default();
        for _ in 0..100 {
            text.push(b"abc");
        }
        assert_eq!(text.len(), 300);
        assert!(text.as_bytes().chunks(3).all(|chunk| chunk == b"abc"));
    }
}
