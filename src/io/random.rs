//! Random bytes from the operating system.

#![expect(clippy::disallowed_methods, reason = "the one source of randomness")]

use crate::io::IoError;
use crate::secret::DataKey;

/// Fills `buffer` with random bytes.
pub fn fill(buffer: &mut [u8]) -> Result<(), IoError> {
    getrandom::fill(buffer).map_err(|source| IoError::NoRandomness { source })
}

/// A fresh data key.
pub fn data_key() -> Result<DataKey, IoError> {
    DataKey::try_init_with(|bytes| fill(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_keys_differ() {
        assert!(data_key().unwrap() != data_key().unwrap());
    }

    #[test]
    fn the_whole_buffer_is_filled() {
        // 64 bytes that all stay zero at the same place in 8 draws: less likely than 2^-60
        let mut seen = [0u8; 64];
        for _ in 0..8 {
            let mut buffer = [0u8; 64];
            fill(&mut buffer).unwrap();
            for (all, byte) in seen.iter_mut().zip(buffer) {
                *all |= byte;
            }
        }
        assert!(seen.iter().all(|byte| *byte != 0));
    }
}
