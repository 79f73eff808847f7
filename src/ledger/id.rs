//! What an event is called: a hash of what it says.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// An event's id: the first 128 bits of the SHA-256 of its text without the id. Two events that say
/// the same are one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id([u8; 16]);

/// Crockford's base 32, in lower case: no letter is taken for a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Characters of an id: 128 bits in pieces of five.
const LENGTH: usize = 26;

impl Id {
    /// The id of an event whose text without its id comes in these pieces.
    pub fn of(pieces: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for piece in pieces {
            hash.update(piece);
        }
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        Self(id)
    }

    /// Reads an id as [`fmt::Display`] writes it, and no other spelling.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != LENGTH {
            return None;
        }
        let mut number: u128 = 0;
        for (place, byte) in text.bytes().enumerate() {
            let digit = ALPHABET.iter().position(|letter| *letter == byte)?;
            // 26 digits are two bits more than there are.
            if place == 0 && digit > 0b111 {
                return None;
            }
            number = number << 5 | u128::try_from(digit).ok()?;
        }
        Some(Self(number.to_be_bytes()))
    }

    /// The first characters, for people.
    pub fn short(self) -> String {
        self.to_string().chars().take(8).collect()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = u128::from_be_bytes(self.0);
        let mut text = [0; LENGTH];
        for (place, letter) in text.iter_mut().rev().enumerate() {
            let digit = usize::try_from(number >> (5 * place) & 0b1_1111).unwrap_or(0);
            *letter = ALPHABET.get(digit).copied().unwrap_or(b'0');
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_has_one_spelling() {
        let id = Id::of(&[b"a", b"b"]);
        assert_eq!(id, Id::of(&[b"ab"]));
        let text = id.to_string();
        assert_eq!(text.len(), LENGTH);
        assert_eq!(Id::parse(&text), Some(id));
        assert_eq!(id.short(), text[..8]);
        for wrong in [
            text.to_uppercase(),
            text[1..].to_owned(),
            format!("8{}", &text[1..]),
            format!("u{}", &text[1..]),
            "é".repeat(13),
        ] {
            assert_eq!(Id::parse(&wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes in any::<[u8; 16]>()) {
            let id = Id(bytes);
            prop_assert_eq!(Id::parse(&id.to_string()), Some(id));
        }
    }
}
