//! The seal, `sops.mvx_seal`: a keyed hash over what SOPS's MAC leaves out.
//!
//! The MAC covers the bytes of all values in a row (SOPS-FORMAT 1.5). Keys, types, where one clear
//! value ends and the next begins, comments, nulls, the selector and the recipients can be changed
//! by anybody who can write to the repository. The seal covers them; docs/seal.md has the form to
//! the byte, the reasons, and what it does not protect. sops reads a file with a seal and drops the
//! field when it writes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::document::{Body, Kind, Meta, Shape, Tree};
use crate::keypath::Segment;
use crate::secret::{Cleartext, DataKey};
use crate::sops::cipher::{NoRandomness, Randomness};
use crate::sops::envelope::kind_name;
use crate::sops::metadata::{Metadata, SEAL};
use crate::sops::open::Opened;

/// What a seal's text begins with: the form's version.
const VERSION: &str = "v1:";

/// What the seal's key is derived for (RFC 5869's `info`), and what the hashed bytes begin with.
const PURPOSE: &[u8] = b"mvx seal v1";

/// What a file's seal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealState {
    /// Everything is as mvx wrote it.
    Valid,
    /// There is none: mvx never wrote this file, or another program wrote it since.
    Missing,
    /// Something was changed by somebody who does not hold the data key, or the seal itself was.
    Broken,
}

/// The seal's text for an opened tree, `v1:` and the hash in base64.
pub fn seal(key: &DataKey, tree: &Tree, opened: &Opened, metadata: &Metadata) -> String {
    text(hash(key, tree, opened, metadata))
}

/// Whether the file carries its seal. Compared in constant time.
pub fn check(key: &DataKey, tree: &Tree, opened: &Opened, metadata: &Metadata) -> SealState {
    let Some(written) = metadata.seal() else {
        return SealState::Missing;
    };
    compare(&seal(key, tree, opened, metadata), written)
}

/// The seal of a file whose one value, an encrypted one in its only document's root, arrives in
/// pieces. The form is the same: a value comes before the metadata, and its length before it.
pub struct Streamed(Hash);

impl Streamed {
    /// Begins the seal of a file with this value.
    pub fn new(key: &DataKey, name: &str, kind: Kind, length: u64) -> Self {
        let mut hash = Hash::start(key, 1);
        hash.mark(b'=');
        hash.number(1);
        hash.segment(&Segment::Key(name.into()));
        hash.encrypted(true);
        hash.bytes(kind_name(kind).as_bytes());
        hash.0.update(&length.to_be_bytes());
        Self(hash)
    }

    /// Adds a piece of the value.
    pub fn add(&mut self, piece: &[u8]) {
        self.0.0.update(piece);
    }

    /// The seal's text.
    pub fn seal(self, metadata: &Metadata) -> String {
        text(self.0.end(metadata))
    }

    /// Whether the file carries its seal. Compared in constant time.
    pub fn check(self, metadata: &Metadata) -> SealState {
        match metadata.seal() {
            Some(written) => compare(&self.seal(metadata), written),
            None => SealState::Missing,
        }
    }
}

fn text(hash: Hmac<Sha256>) -> String {
    format!("{VERSION}{}", STANDARD.encode(hash.finalize().into_bytes()))
}

fn compare(right: &str, written: &str) -> SealState {
    if right.as_bytes().ct_eq(written.as_bytes()).into() {
        SealState::Valid
    } else {
        SealState::Broken
    }
}

/// A text as long as a seal that stands nowhere else, to be replaced by [`impress`] when the file
/// around it is finished.
pub fn blank(random: &mut dyn Randomness) -> Result<String, NoRandomness> {
    let mut bytes = [0u8; 32];
    random.fill(&mut bytes)?;
    Ok(format!("{VERSION}{}", STANDARD.encode(bytes)))
}

/// Puts the seal in the place of the blank, which stands in each document's `sops` block.
pub fn impress(text: &mut Cleartext, blank: &str, seal: &str) {
    let places: Vec<usize> = memchr::memmem::find_iter(text.as_bytes(), blank).collect();
    for at in places {
        let place = text.as_mut_bytes().get_mut(at..at + seal.len());
        if let Some(place) = place {
            place.copy_from_slice(seal.as_bytes());
        }
    }
}

/// The hash over everything, in the form of docs/seal.md.
fn hash(key: &DataKey, tree: &Tree, opened: &Opened, metadata: &Metadata) -> Hmac<Sha256> {
    let mut hash = Hash::start(key, tree.documents.len());
    let mut places = Places::new(tree);
    let values = opened.values.iter().zip(&opened.selected);
    for (item, (value, selected)) in tree.items.iter().zip(values) {
        match (&item.body, value) {
            (Body::Comment(_) | Body::Leaf(_), Some(value)) if value.kind == Kind::Comment => {
                hash.mark(b'#');
                hash.encrypted(true);
                hash.bytes(value.bytes.as_bytes());
                continue;
            }
            (Body::Comment(text), _) => {
                hash.mark(b'#');
                hash.encrypted(false);
                hash.bytes(text.as_bytes());
                continue;
            }
            (Body::Null, _) => hash.mark(b'0'),
            (Body::Leaf(_), _) => hash.mark(b'='),
            (Body::Open(id), _) => hash.mark(match tree.container(*id).shape {
                Shape::Map => b'{',
                Shape::List => b'[',
            }),
        }
        hash.0.update(places.container(item.parent));
        hash.segment(&item.name);
        if let (Body::Leaf(_), Some(value)) | (Body::Leaf(value), None) = (&item.body, value) {
            hash.encrypted(*selected);
            hash.bytes(kind_name(value.kind).as_bytes());
            hash.bytes(value.bytes.as_bytes());
        }
    }
    hash.end(metadata)
}

/// Bytes on their way into the hash. Texts come with their length and lists with their end, so
/// that no two files give the same bytes.
struct Hash(Hmac<Sha256>);

impl Hash {
    /// What comes before the entries.
    fn start(key: &DataKey, documents: usize) -> Self {
        let mut own = Zeroizing::new([0u8; 64]);
        let derived = Hkdf::<Sha256>::new(None, key.expose()).expand(PURPOSE, own.as_mut_slice());
        debug_assert!(derived.is_ok(), "64 bytes are less than HKDF's 255 hashes");
        let mut hash = Self(Hmac::new(&(*own).into()));
        hash.bytes(PURPOSE);
        hash.number(documents);
        hash
    }

    /// What comes after the entries.
    fn end(mut self, metadata: &Metadata) -> Hmac<Sha256> {
        self.mark(b'S');
        self.map(metadata.fields().iter().filter(|(name, _)| name != SEAL));
        self.0
    }

    fn mark(&mut self, mark: u8) {
        self.0.update(&[mark]);
    }

    fn number(&mut self, number: usize) {
        self.0.update(&(number as u64).to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len());
        self.0.update(bytes);
    }

    fn encrypted(&mut self, encrypted: bool) {
        self.mark(if encrypted { b'e' } else { b'c' });
    }

    fn segment(&mut self, segment: &Segment) {
        let mut bytes = Vec::new();
        push_segment(&mut bytes, segment);
        self.0.update(&bytes);
    }

    /// Fields by name, those that say nothing left out: file types without nesting cannot tell
    /// them from absent ones.
    fn map<'m>(&mut self, fields: impl Iterator<Item = &'m (String, Meta)>) {
        let mut fields: Vec<&(String, Meta)> = fields.filter(|(_, meta)| !is_blank(meta)).collect();
        fields.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
        self.mark(b'{');
        for (name, meta) in fields {
            self.mark(b'k');
            self.bytes(name.as_bytes());
            self.meta(meta);
        }
        self.mark(b'}');
    }

    /// Scalars count as text, for the same reason.
    fn meta(&mut self, meta: &Meta) {
        match meta {
            Meta::Null => self.bytes(b""),
            Meta::Bool(value) => self.bytes(value.to_string().as_bytes()),
            Meta::Int(value) => self.bytes(value.to_string().as_bytes()),
            Meta::Str(text) => self.bytes(text.as_bytes()),
            Meta::Map(fields) => self.map(fields.iter()),
            Meta::List(entries) => {
                self.mark(b'[');
                for entry in entries.iter().filter(|entry| !is_blank(entry)) {
                    self.mark(b'-');
                    self.meta(entry);
                }
                self.mark(b']');
            }
        }
    }
}

fn is_blank(meta: &Meta) -> bool {
    match meta {
        Meta::Null => true,
        Meta::Bool(_) | Meta::Int(_) => false,
        Meta::Str(text) => text.is_empty(),
        Meta::List(entries) => entries.iter().all(is_blank),
        Meta::Map(fields) => fields.iter().all(|(_, meta)| is_blank(meta)),
    }
}

/// The containers' paths as they are hashed, each made once.
struct Places<'t> {
    tree: &'t Tree,
    made: Vec<Option<Vec<u8>>>,
}

impl<'t> Places<'t> {
    fn new(tree: &'t Tree) -> Self {
        let made = tree.containers.iter().map(|_| None).collect();
        Self { tree, made }
    }

    /// The number of the document, from 1, and the segments from its root.
    fn container(&mut self, id: usize) -> &[u8] {
        let mut missing = Vec::new();
        let mut at = Some(id);
        while let Some(id) = at.filter(|id| matches!(self.made.get(*id), Some(None))) {
            missing.push(id);
            at = self.tree.container(id).parent;
        }
        for id in missing.into_iter().rev() {
            let container = self.tree.container(id);
            let path = match container.parent.and_then(|parent| self.made.get(parent)) {
                Some(Some(parent)) => {
                    let mut path = parent.clone();
                    push_segment(&mut path, &container.name);
                    path
                }
                _ => ((container.document + 1) as u64).to_be_bytes().to_vec(),
            };
            if let Some(place) = self.made.get_mut(id) {
                *place = Some(path);
            }
        }
        let made = self.made.get(id).and_then(Option::as_deref);
        made.unwrap_or_default()
    }
}

/// `.` and a key with its length, or `-` and an index.
fn push_segment(out: &mut Vec<u8>, segment: &Segment) {
    match segment {
        Segment::Key(key) => {
            out.push(b'.');
            out.extend_from_slice(&(key.len() as u64).to_be_bytes());
            out.extend_from_slice(key.as_bytes());
        }
        Segment::Index(index) => {
            out.push(b'-');
            out.extend_from_slice(&(*index as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sops::cipher::tests::Counter;
    use crate::sops::metadata::KeyEntry;
    use crate::sops::open::{Check, OpenError, open};
    use crate::sops::seal::Sealer;
    use crate::stores::Format;

    fn key() -> DataKey {
        DataKey::from_bytes(&[7; 32]).unwrap()
    }

    fn sealed(format: Format, text: &str) -> String {
        let entry = KeyEntry::age("age1example", "armour");
        let selector = (format != Format::Binary).then_some(("encrypted_regex", "^(s|list|map)"));
        let metadata = Metadata::new(&[vec![entry]], None, selector, false);
        let mut sealer = Sealer {
            store: format.store(),
            key: &key(),
            now: "2026-11-22T12:00:00Z",
            random: &mut Counter(1),
        };
        let done = sealer.seal(text.as_bytes(), metadata, None).unwrap();
        done.text.as_str().unwrap().to_owned()
    }

    fn state(format: Format, text: &str) -> Result<SealState, OpenError> {
        let tree = format.store().parse(text.as_bytes())?;
        let metadata = Metadata::from_block(tree.meta().unwrap());
        open(&tree, &metadata, &key(), Check::Required).map(|opened| opened.seal)
    }

    const YAML: &str = "# head\nclear: he\nnext: llo\nsecret: \"12\"\nempty: \"\"\nmap:\n    # on a\n    a: x\n    none: null\nlist:\n    - [a]\n    - [b]\n";

    #[test]
    fn every_store_carries_a_seal() {
        for (format, text) in [
            (Format::Yaml, YAML),
            (Format::Json, "{\"clear\": 1.50, \"secret\": [1, {}]}\n"),
            (Format::Dotenv, "# a\nclear=1\nsecret=2\n"),
            (Format::Ini, "; a\n[map]\nclear = 1\nsecret = 2\n"),
            (Format::Binary, "\u{1}any bytes"),
        ] {
            let text = sealed(format, text);
            assert_eq!(state(format, &text).ok(), Some(SealState::Valid), "{text}");
        }
    }

    /// What anybody can do to a file without SOPS's MAC noticing.
    #[test]
    fn changes_that_the_mac_does_not_cover_break_it() {
        let good = sealed(Format::Yaml, YAML);
        let envelope = |line: &str| {
            let at = good.find(line).unwrap();
            good[at..].lines().next().unwrap().to_owned()
        };
        let typed = envelope("secret:").replace("type:str", "type:int");
        let comment = envelope("    #ENC");
        for (what, from, to) in [
            ("a clear key renamed", "clear: he", "other: he"),
            (
                "clear values split elsewhere",
                "clear: he\nnext: llo",
                "clear: hel\nnext: lo",
            ),
            ("a null added", "clear: he", "clear: he\nnothing: null"),
            ("an empty value removed", "empty: \"\"\n", ""),
            (
                "a clear value's type",
                "next: llo",
                "next: !!str llo\nnext2: ''",
            ),
            ("an encrypted value's type", &envelope("secret:"), &typed),
            ("a comment removed", &format!("{comment}\n"), ""),
            ("a comment in clear changed", "# head", "# tail"),
            (
                "a recipient planted",
                "    encrypted_regex:",
                "    pgp:\n        - fp: EVIL\n          enc: x\n    encrypted_regex:",
            ),
            ("a recipient renamed", "age1example", "age1other"),
            ("the selector", "^(s|list|map)", "^(se|list|map)"),
            ("the version", "3.13.3", "3.9.0"),
            ("the seal itself", "mvx_seal: v1:", "mvx_seal: v2:"),
        ] {
            assert!(good.contains(from), "{what}: {good}");
            let bad = good.replacen(from, to, 1);
            let refused = matches!(state(Format::Yaml, &bad), Err(OpenError::SealBroken));
            assert!(refused, "{what}:\n{bad}");
            let stripped: String = bad
                .split_inclusive('\n')
                .filter(|line| !line.contains("mvx_seal"))
                .collect();
            assert_eq!(
                state(Format::Yaml, &stripped).ok(),
                Some(SealState::Missing),
                "{what}: sops accepts it"
            );
        }
    }

    #[test]
    fn layout_is_not_sealed() {
        let good = sealed(Format::Yaml, YAML);
        for (from, to) in [
            ("clear: he\n", "\n\n'clear':   \"he\"\n"),
            ("age1example", "'age1example'"),
        ] {
            let other = good.replacen(from, to, 1);
            assert_ne!(good, other);
            assert_eq!(state(Format::Yaml, &other).ok(), Some(SealState::Valid));
        }
    }

    /// docs/seal.md shows it, and scripts/seal.py computes it on its own.
    #[test]
    fn the_form_is_the_documented_one() {
        let page = include_str!("../../docs/seal.md");
        let (_, example) = page.split_once("```dotenv\n").unwrap();
        let (example, _) = example.split_once("```").unwrap();
        let state = state(Format::Dotenv, example);
        assert_eq!(state.ok(), Some(SealState::Valid));
    }
}
