//! AES-256-GCM as SOPS uses it: NIST SP 800-38D with a 32-byte IV, from which the initial counter
//! block is derived by GHASH, and a 16-byte tag.

use aes_gcm::aead::consts::{U12, U16, U32};
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, Nonce, Tag};

use crate::document::{Kind, Value};
use crate::secret::{Cleartext, DataKey};
use crate::sops::envelope::{Envelope, IV_LEN, TAG_LEN};

/// Fills a buffer with random bytes. The format itself draws none, so that it stays pure.
pub trait Randomness {
    /// Fills `buffer` from a cryptographically secure source, or says that it cannot.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), NoRandomness>;
}

/// The system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct NoRandomness;

/// A value that its key, place or type does not authenticate.
#[derive(Debug, PartialEq, Eq)]
pub struct NotAuthentic;

/// A data key, expanded once for all values of a file.
pub struct Cipher {
    wide: AesGcm<Aes256, U32>,
    narrow: AesGcm<Aes256, U12>,
    half: AesGcm<Aes256, U16>,
}

impl Cipher {
    /// Expands a data key.
    pub fn new(key: &DataKey) -> Self {
        let aes = Aes256::new(key.expose().into());
        Self {
            wide: AesGcm::from(aes.clone()),
            narrow: AesGcm::from(aes.clone()),
            half: AesGcm::from(aes),
        }
    }

    /// Encrypts a value under a fresh IV; `None` for the empty string, which SOPS leaves as it is.
    pub fn encrypt(
        &self,
        value: &Value,
        aad: &str,
        random: &mut dyn Randomness,
    ) -> Result<Option<String>, NoRandomness> {
        if value.bytes.is_empty() {
            return Ok(None);
        }
        let mut iv = [0u8; IV_LEN];
        random.fill(&mut iv)?;
        let mut data = value.bytes.as_bytes().to_vec();
        // Fails only for messages of more than 64 GiB, which no store lets through.
        let tag = self
            .wide
            .encrypt_inout_detached(
                &Nonce::from(iv),
                aad.as_bytes(),
                InOutBuf::from(data.as_mut_slice()),
            )
            .map_err(|_| NoRandomness)?;
        let envelope = Envelope {
            data,
            iv: iv.to_vec(),
            tag: tag.to_vec(),
            kind: value.kind,
        };
        Ok(Some(envelope.to_text()))
    }

    /// Decrypts an envelope that stands at `aad`.
    pub fn decrypt(&self, envelope: Envelope, aad: &str) -> Result<Value, NotAuthentic> {
        let Envelope {
            data,
            iv,
            tag,
            kind,
        } = envelope;
        let mut bytes = Cleartext::new(data);
        let tag: [u8; TAG_LEN] = tag.try_into().map_err(|_| NotAuthentic)?;
        let tag = Tag::from(tag);
        let buffer = InOutBuf::from(bytes.as_mut_bytes());
        let aad = aad.as_bytes();
        let opened = match iv.len() {
            IV_LEN => {
                let iv: [u8; 32] = iv.try_into().map_err(|_| NotAuthentic)?;
                self.wide
                    .decrypt_inout_detached(&Nonce::from(iv), aad, buffer, &tag)
            }
            12 => {
                let iv: [u8; 12] = iv.try_into().map_err(|_| NotAuthentic)?;
                self.narrow
                    .decrypt_inout_detached(&Nonce::from(iv), aad, buffer, &tag)
            }
            16 => {
                let iv: [u8; 16] = iv.try_into().map_err(|_| NotAuthentic)?;
                self.half
                    .decrypt_inout_detached(&Nonce::from(iv), aad, buffer, &tag)
            }
            _ => return Err(NotAuthentic),
        };
        opened.map_err(|_| NotAuthentic)?;
        Ok(Value { kind, bytes })
    }

    /// Reads and decrypts `text`. The empty string is itself.
    pub fn open(&self, text: &[u8], aad: &str) -> Result<Value, NotAuthentic> {
        if text.is_empty() {
            return Ok(Value::new(Kind::Str, Vec::new()));
        }
        self.decrypt(Envelope::parse(text).ok_or(NotAuthentic)?, aad)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Distinct bytes without a system source.
    pub(crate) struct Counter(pub u64);

    impl Randomness for Counter {
        fn fill(&mut self, buffer: &mut [u8]) -> Result<(), NoRandomness> {
            for chunk in buffer.chunks_mut(8) {
                self.0 = self
                    .0
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                chunk.copy_from_slice(&self.0.to_be_bytes()[..chunk.len()]);
            }
            Ok(())
        }
    }

    fn cipher() -> Cipher {
        Cipher::new(&DataKey::from_bytes(&[9; 32]).unwrap())
    }

    #[test]
    fn the_place_is_authenticated() {
        let value = Value::new(Kind::Str, b"invented".to_vec());
        let text = cipher()
            .encrypt(&value, "a:b:", &mut Counter(1))
            .unwrap()
            .unwrap();
        assert!(
            cipher()
                .open(text.as_bytes(), "a:b:")
                .is_ok_and(|opened| opened == value)
        );
        assert!(cipher().open(text.as_bytes(), "a:c:").is_err());
    }

    #[test]
    fn another_key_opens_nothing() {
        let value = Value::new(Kind::Int, b"7".to_vec());
        let text = cipher()
            .encrypt(&value, "a:", &mut Counter(1))
            .unwrap()
            .unwrap();
        let other = Cipher::new(&DataKey::from_bytes(&[8; 32]).unwrap());
        assert!(other.open(text.as_bytes(), "a:").is_err());
    }

    #[test]
    fn the_empty_string_is_itself() {
        let empty = Value::new(Kind::Str, Vec::new());
        assert!(
            cipher()
                .encrypt(&empty, "a:", &mut Counter(1))
                .unwrap()
                .is_none()
        );
        assert!(cipher().open(b"", "a:").unwrap().bytes.is_empty());
    }

    proptest! {
        #[test]
        fn every_value_comes_back(bytes in proptest::collection::vec(any::<u8>(), 1..200), aad: String) {
            let value = Value::new(Kind::Str, bytes);
            let text = cipher().encrypt(&value, &aad, &mut Counter(3)).unwrap().unwrap();
            prop_assert!(cipher().open(text.as_bytes(), &aad).is_ok_and(|opened| opened == value));
        }
    }
}
