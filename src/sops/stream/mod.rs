//! Binary files that are too large to be held in memory: their one value passes through in pieces.
//!
//! The format is the same as for small ones. Sealing takes one pass, because MAC and seal end with
//! what stands at the end of the file. Opening needs the [`outline`] first, in which IV and tag
//! stand, and gives out nothing that may be believed before [`Opening::finish`] has checked it.
//! [`Again`] repeats an opening that was checked, piece by piece.

pub mod base64;
pub mod gcm;
pub mod outline;

use std::ops::Range;

use subtle::ConstantTimeEq as _;

use self::base64::{Decoder, Encoder, NotBase64};
use self::gcm::{Gcm, TooLong};
use self::outline::Outline;
use crate::document::{Body, Kind, Meta, Tree, splice};
use crate::keypath::{KeyPath, Segment};
use crate::secret::{Cleartext, DataKey};
use crate::sops::cipher::Cipher;
use crate::sops::envelope::{Envelope, IV_LEN, PREFIX, TAG_LEN};
use crate::sops::mac::{Imprint, Mac};
use crate::sops::metadata::{Metadata, SEAL};
use crate::sops::open::{OpenError, compare_mac, overlap, selector_of};
use crate::sops::seal::{SealError, Sealer};
use crate::sops::select::select;
use crate::sops::signet::{SealState, Streamed};
use crate::sops::spelling::Spelling;
use crate::sops::store::Store;

/// The largest plaintext, in bytes: 4 GiB. GCM itself ends at 64 GiB.
pub const LIMIT: u64 = 4 << 30;

/// A large file while it is sealed.
pub struct Sealing<'a> {
    sealer: Sealer<'a>,
    metadata: Metadata,
    head: Vec<u8>,
    iv: [u8; IV_LEN],
    gcm: Gcm,
    base64: Encoder,
    mac: Mac,
    seal: Streamed,
    /// A piece on its way from plaintext to ciphertext.
    piece: Cleartext,
    /// Bytes that are to come.
    left: u64,
}

impl<'a> Sealing<'a> {
    /// Begins a file whose plaintext has `length` bytes, not 0. `metadata` is as for
    /// [`Sealer::seal`].
    pub fn new(sealer: Sealer<'a>, metadata: Metadata, length: u64) -> Result<Self, SealError> {
        let mut iv = [0; IV_LEN];
        sealer.random.fill(&mut iv)?;
        let (name, additional) = root_value(sealer.store)?;
        let (head, _) = frame(sealer.store, &iv, [0; TAG_LEN], &metadata)?;
        Ok(Self {
            head,
            iv,
            gcm: Gcm::new(sealer.key, &iv, additional.as_bytes()),
            base64: Encoder::default(),
            mac: Mac::new(metadata.mac_only_encrypted()?),
            seal: Streamed::new(sealer.key, &name, Kind::Str, length),
            piece: Cleartext::default(),
            left: length,
            sealer,
            metadata,
        })
    }

    /// What the sealed file begins with.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Appends what a piece of the plaintext becomes.
    pub fn update(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        let length = plain.len() as u64;
        self.left = self.left.checked_sub(length).ok_or(SealError::Proof)?;
        self.mac.add_piece(plain);
        self.seal.add(plain);
        self.piece.truncate(0);
        self.piece.push(plain);
        let piece = self.piece.as_mut_bytes();
        self.gcm
            .encrypt(piece)
            .map_err(|TooLong| SealError::Proof)?;
        let encoded = self.base64.update(piece, out);
        encoded.map_err(|NotBase64| SealError::Proof)
    }

    /// Appends the end of the file; gives back what its plaintext is known by.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<Imprint, SealError> {
        if self.left > 0 {
            return Err(SealError::Proof);
        }
        let encoded = self.base64.finish(out);
        encoded.map_err(|NotBase64| SealError::Proof)?;
        let imprint = self.mac.imprint();
        let cipher = Cipher::new(self.sealer.key);
        let (sealer, metadata) = (&mut self.sealer, &mut self.metadata);
        sealer.stamp(metadata, &cipher, self.mac, &Spelling::default())?;
        let seal = self.seal.seal(metadata);
        metadata.set(SEAL, Meta::Str(seal));
        let (head, tail) = frame(sealer.store, &self.iv, self.gcm.tag(), metadata)?;
        if head != self.head {
            return Err(SealError::Proof);
        }
        out.extend_from_slice(&tail);
        Ok(imprint)
    }
}

/// What stands before and after the base64 in a sealed file.
fn frame(
    store: &dyn Store,
    iv: &[u8; IV_LEN],
    tag: [u8; TAG_LEN],
    metadata: &Metadata,
) -> Result<(Vec<u8>, Vec<u8>), SealError> {
    let envelope = Envelope {
        data: vec![0],
        iv: iv.to_vec(),
        tag: tag.to_vec(),
        kind: Kind::Str,
    };
    let tree = store.parse(STAND_IN)?;
    let item = tree.items.first().ok_or(SealError::Proof)?;
    let mut edits = store.attach(STAND_IN, &tree, metadata.fields());
    let placed = store.envelope(STAND_IN, &tree, item, &envelope.to_text());
    item.replace(&placed.text, &mut edits);
    let text = splice(STAND_IN, edits).ok_or_else(overlap)?;
    let start = memchr::memmem::find(text.as_bytes(), PREFIX.as_bytes());
    let start = start.ok_or(SealError::Proof)? + PREFIX.len();
    let (head, rest) = text.as_bytes().split_at(start);
    let end = memchr::memchr(b',', rest).ok_or(SealError::Proof)?;
    Ok((head.to_vec(), rest.get(end..).unwrap_or_default().to_vec()))
}

/// The name and the additional data of the one value that a binary file has.
fn root_value(store: &dyn Store) -> Result<(String, String), SealError> {
    let tree = store.parse(STAND_IN)?;
    let item = tree.items.first().ok_or(SealError::Proof)?;
    match &item.name {
        Segment::Key(name) => Ok((name.clone(), tree.aad(item))),
        Segment::Index(_) => Err(SealError::Proof),
    }
}

/// Any plaintext at all, to see what the store makes of one.
const STAND_IN: &[u8] = b"-";

/// The value of a sealed file of which there is an outline.
pub struct Value {
    envelope: Envelope,
    name: String,
    path: KeyPath,
    additional: String,
    bulk: Range<u64>,
    length: u64,
}

impl Value {
    /// Finds the value; `tree` and `metadata` are the outline's. `None` where the file is something
    /// that only the whole of it can tell about.
    pub fn find(outline: &Outline, tree: &Tree, metadata: &Metadata) -> Option<Self> {
        let [item] = tree.items.as_slice() else {
            return None;
        };
        let (Body::Leaf(text), Segment::Key(name)) = (&item.body, &item.name) else {
            return None;
        };
        let envelope = Envelope::parse(text.bytes.as_bytes())?;
        let selected = select(tree, &selector_of(metadata).ok()?);
        let usual = item.parent == 0
            && tree.documents.len() == 1
            && item.span.contains(&outline.at)
            && matches!(envelope.kind, Kind::Str | Kind::Bytes)
            && matches!(envelope.iv.len(), 12 | 16 | IV_LEN)
            && selected == [true]
            && metadata.spelling().is_none();
        if !usual {
            return None;
        }
        let bulk = outline.bulk.clone();
        let length = (bulk.end - bulk.start) / 4 * 3 + envelope.data.len() as u64;
        Some(Self {
            name: name.clone(),
            path: tree.path(item),
            additional: tree.aad(item),
            envelope,
            bulk,
            length,
        })
    }

    /// Where in the file the bulk of its base64 stands.
    pub fn bulk(&self) -> Range<u64> {
        self.bulk.clone()
    }

    /// The length of the plaintext in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Begins to open it.
    pub fn open(&self, key: &DataKey, metadata: &Metadata) -> Result<Opening<'_>, OpenError> {
        metadata.version()?;
        Ok(Opening {
            value: self,
            reader: self.reader(key),
            mac: Mac::new(metadata.mac_only_encrypted()?),
            seal: Streamed::new(key, &self.name, self.envelope.kind, self.length),
            states: Vec::new(),
        })
    }

    /// Begins to open it once more.
    pub fn open_again(&self, key: &DataKey, checked: Checked) -> Again<'_> {
        Again {
            value: self,
            reader: self.reader(key),
            states: checked.0.into_iter(),
        }
    }

    fn reader(&self, key: &DataKey) -> Reader {
        Reader {
            gcm: Gcm::new(key, &self.envelope.iv, self.additional.as_bytes()),
            base64: Decoder::default(),
            plain: Cleartext::default(),
        }
    }

    fn not_authentic(&self) -> OpenError {
        OpenError::NotAuthentic {
            path: self.path.clone(),
        }
    }
}

/// A value while it is opened.
pub struct Opening<'v> {
    value: &'v Value,
    reader: Reader,
    mac: Mac,
    seal: Streamed,
    states: Vec<[u8; 16]>,
}

/// A value that authenticates, in a file whose MAC matches.
pub struct Opened {
    /// The last bytes of the plaintext.
    pub last: Cleartext,
    /// What the file's seal says.
    pub seal: SealState,
    /// What the same file is known by when it is opened again.
    pub checked: Checked,
}

/// What the pieces of an authentic value come to.
pub struct Checked(Vec<[u8; 16]>);

impl Opening<'_> {
    /// The plaintext of a piece of the bulk. Nothing vouches for it yet.
    pub fn update(&mut self, bulk: &[u8]) -> Result<&[u8], OpenError> {
        let read = self.reader.absorb(bulk);
        read.map_err(|Unreadable| self.value.not_authentic())?;
        self.states.push(self.reader.gcm.state());
        let plain = self.reader.decrypt();
        let plain = plain.map_err(|Unreadable| self.value.not_authentic())?;
        self.mac.add_piece(plain);
        self.seal.add(plain);
        Ok(plain)
    }

    /// Checks the value's tag, the MAC and the seal: what came out before may be believed now.
    pub fn finish(mut self, key: &DataKey, metadata: &Metadata) -> Result<Opened, OpenError> {
        let value = self.value;
        let last = self.reader.last(&value.envelope);
        let last = last.map_err(|Unreadable| value.not_authentic())?;
        self.states.push(self.reader.gcm.state());
        self.mac.add_piece(last.as_bytes());
        self.seal.add(last.as_bytes());
        let is_authentic: bool = self.reader.gcm.tag().ct_eq(&value.envelope.tag).into();
        if !is_authentic {
            return Err(value.not_authentic());
        }
        compare_mac(self.mac, metadata, &Cipher::new(key))?;
        match self.seal.check(metadata) {
            SealState::Broken => Err(OpenError::SealBroken),
            seal => Ok(Opened {
                last,
                seal,
                checked: Checked(self.states),
            }),
        }
    }
}

/// A value that was checked, while it is opened again.
pub struct Again<'v> {
    value: &'v Value,
    reader: Reader,
    states: std::vec::IntoIter<[u8; 16]>,
}

/// The file is not what it was when it was checked.
#[derive(Debug, PartialEq, Eq)]
pub struct Changed;

impl Again<'_> {
    /// The plaintext of a piece of the bulk, the pieces being cut as they were the first time. It
    /// comes out only if it is what was checked.
    pub fn update(&mut self, bulk: &[u8]) -> Result<&[u8], Changed> {
        self.reader.absorb(bulk).map_err(|Unreadable| Changed)?;
        self.compare()?;
        self.reader.decrypt().map_err(|Unreadable| Changed)
    }

    /// The last bytes of the plaintext.
    pub fn finish(mut self) -> Result<Cleartext, Changed> {
        let last = self.reader.last(&self.value.envelope);
        let last = last.map_err(|Unreadable| Changed)?;
        self.compare()?;
        Ok(last)
    }

    fn compare(&mut self) -> Result<(), Changed> {
        let state = self.reader.gcm.state();
        let is_same = self
            .states
            .next()
            .is_some_and(|old| old.ct_eq(&state).into());
        if is_same { Ok(()) } else { Err(Changed) }
    }
}

/// Base64 → plaintext.
struct Reader {
    gcm: Gcm,
    base64: Decoder,
    /// A piece on its way from ciphertext to plaintext.
    plain: Cleartext,
}

/// No base64, or more of it than a message can have.
struct Unreadable;

impl Reader {
    /// Reads a piece into the tag.
    fn absorb(&mut self, text: &[u8]) -> Result<(), Unreadable> {
        let mut bytes = std::mem::take(&mut self.plain).into_buffer(text.len());
        let decoded = self.base64.update(text, &mut bytes);
        self.plain = Cleartext::new(bytes);
        decoded.map_err(|NotBase64| Unreadable)?;
        self.gcm.absorb(self.plain.as_bytes());
        Ok(())
    }

    /// Decrypts what was absorbed last.
    fn decrypt(&mut self) -> Result<&[u8], Unreadable> {
        let plain = self.plain.as_mut_bytes();
        self.gcm.decrypt(plain).map_err(|TooLong| Unreadable)?;
        Ok(self.plain.as_bytes())
    }

    /// The last group, which the outline has.
    fn last(&mut self, envelope: &Envelope) -> Result<Cleartext, Unreadable> {
        let complete = std::mem::take(&mut self.base64).finish();
        complete.map_err(|NotBase64| Unreadable)?;
        let mut last = Cleartext::new(envelope.data.clone());
        self.gcm.absorb(last.as_bytes());
        let plain = self.gcm.decrypt(last.as_mut_bytes());
        plain.map_err(|TooLong| Unreadable)?;
        Ok(last)
    }
}

#[cfg(test)]
mod tests;
