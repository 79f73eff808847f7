//! Object ids.

use std::fmt;
use std::str::FromStr;

use gix_hash::ObjectId;

/// The id of a git object: SHA-1 or SHA-256, as its repository has it. Prints as hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub(super) ObjectId);

impl Id {
    /// An id of 20 or 32 bytes.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        ObjectId::try_from(bytes).ok().map(Self)
    }

    /// Its bytes, 20 or 32.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// Whether it is all zeros, which stands for no object.
    pub fn is_null(&self) -> bool {
        self.0.is_null()
    }

    /// The first 8 bytes as a number. Ids are as good as random, so that this serves as a hash.
    pub(super) fn hash(bytes: &[u8]) -> u64 {
        bytes
            .first_chunk::<8>()
            .map_or(0, |first| u64::from_le_bytes(*first))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

impl FromStr for Id {
    type Err = ();

    /// Reads 40 or 64 hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, ()> {
        ObjectId::from_hex(text.as_bytes())
            .map(Self)
            .map_err(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_and_printed() {
        let text = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";
        let id: Id = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(Id::of_bytes(id.as_bytes()), Some(id));
        assert!("e69de2".parse::<Id>().is_err());
        assert!(Id::of_bytes(&[0; 20]).unwrap().is_null());
        assert_eq!(Id::of_bytes(&[1; 19]), None);
        assert_eq!(Id::of_bytes(&[1; 32]).unwrap().to_string().len(), 64);
    }
}
