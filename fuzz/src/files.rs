//! Sealing and opening with a key that everybody knows.

use std::fmt::Write as _;

use mvx::document::{Body, Kind, Meta, Shape, Tree, Value};
use mvx::error::{Exit, Explain};
use mvx::secret::{Cleartext, DataKey};
use mvx::sops::cipher::{NoRandomness, Randomness};
use mvx::sops::metadata::{KeyEntry, Metadata, SEAL};
use mvx::sops::open::{Check, OpenError, Opened, open};
use mvx::sops::seal::Sealer;
use mvx::sops::signet::SealState;
use mvx::stores::Format;

/// When everything is sealed.
pub(super) const NOW: &str = "2026-11-22T12:00:00Z";

/// The data key of every file here.
pub(super) fn key() -> DataKey {
    DataKey::from_bytes(&[7; 32]).expect("32 bytes")
}

/// Bytes that never repeat, and are the same in every run.
pub(super) struct Counter(pub(super) u64);

impl Counter {
    /// Bytes that follow from an input, so that no input can hold its own: the place of a seal is
    /// found by random bytes that stand nowhere else.
    pub(super) fn of(data: &[u8]) -> Self {
        Self(choice(data) as u64)
    }
}

impl Randomness for Counter {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), NoRandomness> {
        for chunk in buffer.chunks_mut(8) {
            self.0 += 1;
            let bytes = self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

/// Metadata with one recipient.
pub(super) fn metadata(selector: Option<(&str, &str)>, mac_only_encrypted: bool) -> Metadata {
    let entry = KeyEntry::age(
        "age1example",
        "-----BEGIN AGE-----\nAA==\n-----END AGE-----\n",
    );
    Metadata::new(&[vec![entry]], None, selector, mac_only_encrypted)
}

/// What seals a file of this type.
pub(super) fn sealer<'a>(
    format: Format,
    key: &'a DataKey,
    random: &'a mut dyn Randomness,
) -> Sealer<'a> {
    Sealer {
        store: format.store(),
        key,
        now: NOW,
        random,
    }
}

/// A file that was read and opened.
pub(super) struct Sealed {
    pub(super) text: Cleartext,
    pub(super) tree: Tree,
    pub(super) metadata: Metadata,
    pub(super) opened: Opened,
}

impl Sealed {
    /// Opens a text; its MAC must hold, and its seal if there is one.
    pub(super) fn open(format: Format, text: &[u8]) -> Result<Option<Self>, OpenError> {
        let tree = format.store().parse(text)?;
        let Some(block) = tree.meta() else {
            return Ok(None);
        };
        let metadata = Metadata::from_block(block);
        let opened = open(&tree, &metadata, &key(), Check::Required)?;
        Ok(Some(Self {
            text: Cleartext::new(text.to_vec()),
            tree,
            metadata,
            opened,
        }))
    }

    /// Opens what mvx itself has just written.
    pub(super) fn own(format: Format, text: &[u8]) -> Self {
        let open = Self::open(format, text);
        let open = open.unwrap_or_else(|error| panic!("it does not open: {error}"));
        let open = open.expect("it has metadata");
        assert_eq!(open.opened.seal, SealState::Valid);
        open
    }

    /// What stands in it, a line each.
    pub(super) fn values(&self) -> String {
        lines(&self.tree, &self.opened.values, &self.opened.selected)
    }

    /// Everything that the seal covers, a line each.
    pub(super) fn canonical(&self) -> String {
        let mut out = self.values();
        let fields = self.metadata.fields().iter();
        let fields = fields.filter(|(name, _)| name != SEAL).cloned();
        let _ = writeln!(out, "{}", said(&Meta::Map(fields.collect())));
        out
    }
}

/// The items of a tree, a line each: what they are, where they stand, and what they hold.
pub(super) fn lines(tree: &Tree, values: &[Option<Value>], selected: &[bool]) -> String {
    let mut out = format!("{} documents\n", tree.documents.len());
    for (index, item) in tree.items.iter().enumerate() {
        let value = values.get(index).and_then(Option::as_ref);
        let encrypted = if value.is_some() || selected.get(index) == Some(&true) {
            "encrypted"
        } else {
            "clear"
        };
        let place = tree.container_path(item.parent);
        let (document, name) = (place.document, &item.name);
        let show = |bytes: &Cleartext| bytes.as_bytes().escape_ascii().to_string();
        let line = match (&item.body, value) {
            (Body::Comment(_) | Body::Leaf(_), Some(value)) if value.kind == Kind::Comment => {
                format!("comment encrypted {}", show(&value.bytes))
            }
            (Body::Comment(words), _) => format!("comment clear {}", show(words)),
            (Body::Leaf(_), Some(value)) | (Body::Leaf(value), None) => {
                let (kind, bytes) = (value.kind, show(&value.bytes));
                format!("{document}:{place:?} {name:?} {encrypted} {kind:?} {bytes}")
            }
            (Body::Null, _) => format!("{document}:{place:?} {name:?} null"),
            (Body::Open(id), _) => {
                let shape = match tree.container(*id).shape {
                    Shape::Map => "map",
                    Shape::List => "list",
                };
                format!("{document}:{place:?} {name:?} {shape}")
            }
        };
        out.push_str(&line);
        out.push('\n');
    }
    out
}

/// Metadata as the file types without nesting keep it: text only, nothing that says nothing, and
/// names in order.
pub(super) fn said(meta: &Meta) -> String {
    match meta {
        Meta::Null => String::new(),
        Meta::Bool(value) => format!("{:?}", value.to_string()),
        Meta::Int(value) => format!("{:?}", value.to_string()),
        Meta::Str(text) if text.is_empty() => String::new(),
        Meta::Str(text) => format!("{text:?}"),
        Meta::List(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(said)
                .filter(|it| !it.is_empty())
                .collect();
            if entries.is_empty() {
                return String::new();
            }
            format!("[{}]", entries.join(", "))
        }
        Meta::Map(fields) => {
            let said = fields.iter().map(|(name, meta)| (name, said(meta)));
            let mut fields: Vec<_> = said.filter(|(_, meta)| !meta.is_empty()).collect();
            fields.sort();
            if fields.is_empty() {
                return String::new();
            }
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, it)| format!("{name:?}: {it}"))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

/// An error that a person can be shown: no bug of ours, and in one line.
pub(super) fn is_clear(error: &dyn Explain) {
    let message = error.to_string();
    assert_ne!(error.exit(), Exit::BUG, "{message}");
    assert_ne!(error.exit(), Exit::OK, "{message}");
    assert!(!message.is_empty() && !error.code().is_empty());
}

/// A number that follows from the bytes, to choose by.
pub(super) fn choice(data: &[u8]) -> usize {
    let hash = data.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    usize::try_from(hash >> 16).unwrap_or_default()
}
