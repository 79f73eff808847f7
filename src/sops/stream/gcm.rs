//! AES-256-GCM over a message that arrives in pieces (NIST SP 800-38D, 7.1 and 7.2).
//!
//! `cipher.rs` has whole messages. Counter mode and GHASH are the same libraries' as there; only
//! their order is written down here.

use aes_gcm::aead::KeyInit as _;
use aes_gcm::aes::Aes256;
use aes_gcm::aes::cipher::{BlockCipherEncrypt as _, InnerIvInit as _, StreamCipher as _};
use ctr::Ctr32BE;
use ghash::universal_hash::UniversalHash as _;
use ghash::{Block, GHash};
use zeroize::Zeroize as _;

use crate::secret::DataKey;
use crate::sops::envelope::TAG_LEN;

/// The block's length in bytes.
const BLOCK: usize = 16;

/// One message under one IV.
pub struct Gcm {
    counter: Ctr32BE<Aes256>,
    hash: GHash,
    /// What the hash is masked with.
    mask: [u8; BLOCK],
    additional: u64,
    length: u64,
    /// Ciphertext that does not fill a block yet.
    pending: [u8; BLOCK],
    filled: usize,
}

/// The message is longer than a counter of 32 bits reaches: 64 GiB.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLong;

impl Gcm {
    /// Begins a message. The IV may have any length; SOPS's has 32 bytes.
    pub fn new(key: &DataKey, iv: &[u8], additional: &[u8]) -> Self {
        let aes = Aes256::new(key.expose().into());
        let mut hash_key = ghash::Key::default();
        aes.encrypt_block(&mut hash_key);
        let hash = GHash::new(&hash_key);
        hash_key.zeroize();

        let first = first_counter(&hash, iv);
        let mut counter = Ctr32BE::<Aes256>::from_core(ctr::CtrCore::inner_iv_init(aes, &first));
        let mut mask = [0; BLOCK];
        counter.apply_keystream(&mut mask);
        let mut hash = hash;
        hash.update_padded(additional);
        Self {
            counter,
            hash,
            mask,
            additional: additional.len() as u64,
            length: 0,
            pending: [0; BLOCK],
            filled: 0,
        }
    }

    /// Encrypts the next piece in its place.
    pub fn encrypt(&mut self, piece: &mut [u8]) -> Result<(), TooLong> {
        self.counter
            .try_apply_keystream(piece)
            .map_err(|_| TooLong)?;
        self.absorb(piece);
        Ok(())
    }

    /// Takes the next piece of ciphertext into the tag, without decrypting it.
    pub fn absorb(&mut self, piece: &[u8]) {
        self.length += piece.len() as u64;
        let mut rest = piece;
        if self.filled > 0 {
            let (now, later) = rest.split_at(rest.len().min(BLOCK - self.filled));
            self.keep(now);
            rest = later;
            if self.filled < BLOCK {
                return;
            }
            self.hash.update_padded(&self.pending);
            self.filled = 0;
        }
        let (whole, last) = rest.split_at(rest.len() / BLOCK * BLOCK);
        self.hash.update_padded(whole);
        self.keep(last);
    }

    /// Decrypts in its place a piece that was absorbed. It is not authentic before the tag is.
    pub fn decrypt(&mut self, piece: &mut [u8]) -> Result<(), TooLong> {
        self.counter.try_apply_keystream(piece).map_err(|_| TooLong)
    }

    /// What the ciphertext so far comes to: two readings of a message that have this in common
    /// at every piece have read the same.
    pub fn state(&self) -> [u8; BLOCK] {
        let mut hash = self.hash.clone();
        hash.update_padded(self.pending.get(..self.filled).unwrap_or_default());
        hash.finalize().into()
    }

    /// The tag of the whole message.
    pub fn tag(mut self) -> [u8; TAG_LEN] {
        let pending = self.pending.get(..self.filled).unwrap_or_default();
        self.hash.update_padded(pending);
        let mut lengths = Block::default();
        let bits = (u128::from(self.additional * 8) << 64) | u128::from(self.length * 8);
        lengths.copy_from_slice(&bits.to_be_bytes());
        self.hash.update(&[lengths]);
        let hash = u128::from_be_bytes(self.hash.finalize().into());
        (hash ^ u128::from_be_bytes(self.mask)).to_be_bytes()
    }

    fn keep(&mut self, bytes: &[u8]) {
        let place = self.pending.iter_mut().skip(self.filled);
        for (place, byte) in place.zip(bytes) {
            *place = *byte;
        }
        self.filled += bytes.len();
    }
}

/// J0: an IV of 12 bytes stands in it, one of another length is hashed.
fn first_counter(hash: &GHash, iv: &[u8]) -> Block {
    let mut block = Block::default();
    if iv.len() == 12 {
        for (place, byte) in block.iter_mut().zip(iv.iter().chain(&[0, 0, 0, 1])) {
            *place = *byte;
        }
        return block;
    }
    let mut hash = hash.clone();
    hash.update_padded(iv);
    block.copy_from_slice(&(iv.len() as u128 * 8).to_be_bytes());
    hash.update(&[block]);
    hash.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::document::{Kind, Value};
    use crate::sops::cipher::Cipher;
    use crate::sops::envelope::Envelope;

    fn key() -> DataKey {
        DataKey::from_bytes(&[9; 32]).unwrap()
    }

    proptest! {
        /// Whole messages are the reference.
        #[test]
        fn pieces_make_the_same_message(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..70), 1..12),
            iv in prop_oneof![Just(12usize), Just(16), Just(32)],
            additional in "[a-z:]{0,40}",
        ) {
            let iv = vec![3; iv];
            let mut gcm = Gcm::new(&key(), &iv, additional.as_bytes());
            let mut data = Vec::new();
            for piece in &pieces {
                let mut piece = piece.clone();
                gcm.encrypt(&mut piece).unwrap();
                data.extend(piece);
            }
            let plain = pieces.concat();
            let mut tag = gcm.tag();
            let open = |data: &[u8], tag: [u8; TAG_LEN]| {
                let envelope = Envelope { data: data.to_vec(), iv: iv.clone(), tag: tag.to_vec(), kind: Kind::Str };
                Cipher::new(&key()).decrypt(envelope, &additional)
            };
            prop_assert!(open(&data, tag) == Ok(Value::new(Kind::Str, plain.clone())));

            let mut gcm = Gcm::new(&key(), &iv, additional.as_bytes());
            for piece in data.chunks_mut(33) {
                gcm.absorb(piece);
                gcm.decrypt(piece).unwrap();
            }
            prop_assert_eq!(gcm.tag(), tag);
            prop_assert_eq!(&data, &plain);
            tag[0] ^= 1;
            prop_assert!(open(&data, tag).is_err());
        }
    }

    #[test]
    fn the_state_tells_two_messages_apart() {
        let state = |text: &[u8]| {
            let mut gcm = Gcm::new(&key(), &[1; 32], b"a:");
            gcm.absorb(text);
            gcm.state()
        };
        assert_eq!(state(b"one"), state(b"one"));
        assert_ne!(state(b"one"), state(b"two"));
    }
}
