//! Encrypted values.

use mvx::document::{Kind, Value};
use mvx::sops::cipher::Cipher;
use mvx::sops::envelope::Envelope;

use super::files::{Counter, key};

const KINDS: [Kind; 7] = [
    Kind::Str,
    Kind::Int,
    Kind::Float,
    Kind::Bool,
    Kind::Time,
    Kind::Bytes,
    Kind::Comment,
];

/// A text that is read as an envelope is written back the same, and does not open, because nobody
/// knows the key. Any bytes that are enclosed open to the same at the same place and at no other.
pub fn check(data: &[u8]) {
    let cipher = Cipher::new(&key());
    if let Some(envelope) = Envelope::parse(data) {
        assert_eq!(envelope.to_text().as_bytes(), data);
        assert!(Envelope::looks_like(data));
    }
    if !data.is_empty() {
        assert!(cipher.open(data, "a:").is_err());
    }
    let (first, bytes) = data.split_first().unwrap_or((&0, data));
    let kind = KINDS[usize::from(*first) % KINDS.len()];
    let value = Value::new(kind, bytes.to_vec());
    let enclosed = cipher
        .encrypt(&value, "a:", &mut Counter(1))
        .expect("random bytes");
    let Some(enclosed) = enclosed else {
        assert!(bytes.is_empty());
        return;
    };
    let opened = cipher.open(enclosed.as_bytes(), "a:").expect("it opens");
    assert!(opened == value);
    assert!(cipher.open(enclosed.as_bytes(), "b:").is_err());
    let bit = usize::from(*first) % (enclosed.len() * 8);
    let mut other = enclosed.into_bytes();
    other[bit / 8] ^= 1 << (bit % 8);
    // SOPS does not protect the type.
    if let Ok(opened) = cipher.open(&other, "a:") {
        assert!(opened.bytes == value.bytes && opened.kind != value.kind);
    }
}
