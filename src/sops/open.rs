//! Sealed text → values and plaintext.
//!
//! Every selected value is decrypted and the MAC is compared before anything is given out.

use std::collections::HashMap;

use thiserror::Error;

use crate::document::{Body, Item, Kind, Tree, Value, splice};
use crate::error::{Exit, Explain};
use crate::keypath::KeyPath;
use crate::secret::{Cleartext, DataKey};
use crate::sops::change::Open;
use crate::sops::cipher::Cipher;
use crate::sops::comments::{Comments, Found};
use crate::sops::envelope::Envelope;
use crate::sops::mac::Mac;
use crate::sops::metadata::{Metadata, MetadataError};
use crate::sops::number::{go_float, parse_float};
use crate::sops::proof::{Deviations, deviations};
use crate::sops::select::{Selector, SelectorError, select};
use crate::sops::signet::{self, SealState};
use crate::sops::spelling::Spelling;
use crate::sops::store::{Reference, Store, StoreError};
use crate::sops::time::{mac_time, yaml_timestamp};

/// A sealed file's values.
pub struct Opened {
    /// For every item of the tree: the decrypted value, comments included. `None` where nothing
    /// was encrypted.
    pub values: Vec<Option<Value>>,
    /// For every item: whether the selector chose it.
    pub selected: Vec<bool>,
    /// How values were written.
    pub spelling: Spelling,
    /// Comments that look encrypted and do not open; sops keeps them as they are, with a warning.
    pub closed_comments: usize,
    /// Comments, by item, that open at a place nearby and not at their own: sops shows them
    /// encrypted.
    pub misplaced: Vec<usize>,
    /// What the file's seal says.
    pub seal: SealState,
}

/// Why a sealed file cannot be opened with this data key.
#[derive(Debug, Error)]
pub enum OpenError {
    /// An envelope does not authenticate at its place.
    #[error(
        "{path}: the value does not authenticate; it was changed, moved or sealed with another key"
    )]
    NotAuthentic {
        /// The key path.
        path: KeyPath,
    },
    /// A value that should be encrypted stands in clear.
    #[error("{path}: the selector says that this value is encrypted, but it stands in clear")]
    InClear {
        /// The key path.
        path: KeyPath,
    },
    /// The values are not the ones that were sealed together.
    #[error(
        "the MAC does not match: values were added, removed, swapped or changed after the file was sealed"
    )]
    MacMismatch,
    /// What the MAC does not cover is not as it was sealed.
    #[error(
        "the seal is broken: keys, types, comments, selector or recipients were changed after the file was sealed"
    )]
    SealBroken,
    /// The metadata cannot be used.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The selector in the metadata cannot be used.
    #[error("in the `sops` block: {0}")]
    Selector(#[from] SelectorError),
    /// The text cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Explain for OpenError {
    fn exit(&self) -> Exit {
        match self {
            Self::NotAuthentic { .. } | Self::InClear { .. } => Exit::VALUE,
            Self::MacMismatch | Self::SealBroken => Exit::MAC,
            Self::Metadata(error) => error.exit(),
            Self::Selector(error) => error.exit(),
            Self::Store(error) => error.exit(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotAuthentic { .. } => "value-not-authentic",
            Self::InClear { .. } => "value-in-clear",
            Self::MacMismatch => "mac-mismatch",
            Self::SealBroken => "seal-broken",
            Self::Metadata(error) => error.code(),
            Self::Selector(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::SealBroken => vec![
                "`mvx seal accept FILE` shows what differs, and seals the file once you have said yes"
                    .into(),
                "`mvx repair FILE` restores the last good version in git, too".into(),
            ],
            Self::NotAuthentic { .. } | Self::MacMismatch => vec![
                "`mvx repair FILE` shows what differs from the last good version in git, and mends it"
                    .into(),
                "`git log -p -- FILE` shows who changed it".into(),
            ],
            Self::InClear { .. } => vec![
                "take it out or restore the file with `git checkout -- FILE`; then `mvx set FILE KEY` sets it"
                    .into(),
                "if it was committed in clear, it has leaked: set a new one".into(),
            ],
            Self::Metadata(error) => error.hints(),
            Self::Selector(error) => error.hints(),
            Self::Store(error) => error.hints(),
        }
    }
}

/// Whether MAC and seal must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The MAC must match, and so must the seal if there is one.
    Required,
    /// The MAC must match; [`Opened::seal`] says whether the seal does.
    Mac,
}

/// The selector that a file's metadata names, or the default.
pub fn selector_of(metadata: &Metadata) -> Result<Selector, OpenError> {
    Ok(match metadata.selector()? {
        Some((field, pattern)) => Selector::new(field, pattern)?,
        None => Selector::default(),
    })
}

/// Envelopes that were opened before in this run, with their places, so that a change of one value
/// does not cost the decryption of all. What is found here was authenticated under the same key at
/// the same place.
pub(crate) struct Known<'a> {
    values: HashMap<&'a [u8], (String, &'a Value)>,
    comments: HashMap<&'a [u8], &'a Value>,
}

impl<'a> Known<'a> {
    pub(crate) fn new(open: Open<'a>) -> Self {
        let mut known = Self {
            values: HashMap::new(),
            comments: HashMap::new(),
        };
        for (item, value) in open.tree.items.iter().zip(&open.opened.values) {
            let Some(value) = value else { continue };
            match &item.body {
                Body::Leaf(envelope) => {
                    let place = open.tree.aad(item);
                    known
                        .values
                        .insert(envelope.bytes.as_bytes(), (place, value));
                }
                Body::Comment(envelope) => {
                    known.comments.insert(envelope.as_bytes(), value);
                }
                _ => {}
            }
        }
        known
    }

    /// A comment that opened, wherever it stood.
    pub(crate) fn comment(&self, envelope: &[u8]) -> Option<&Value> {
        self.comments.get(envelope).copied()
    }

    fn value(&self, envelope: &[u8], aad: &str) -> Option<&Value> {
        let (place, value) = self.values.get(envelope)?;
        (place == aad).then_some(*value)
    }
}

/// Decrypts every selected item of a tree, and checks MAC and seal.
pub fn open(
    tree: &Tree,
    metadata: &Metadata,
    key: &DataKey,
    check: Check,
) -> Result<Opened, OpenError> {
    let cipher = Cipher::new(key);
    let mut opened = decrypt(tree, metadata, &cipher, None)?;
    opened.seal = signet::check(key, tree, &opened, metadata);
    if check == Check::Required && opened.seal == SealState::Broken {
        return Err(OpenError::SealBroken);
    }
    Ok(opened)
}

/// As [`open`] without the seal, with values that were opened before.
pub(crate) fn decrypt(
    tree: &Tree,
    metadata: &Metadata,
    cipher: &Cipher,
    known: Option<&Known<'_>>,
) -> Result<Opened, OpenError> {
    let (opened, mac) = values(tree, metadata, cipher, known, |_, error| Err(error))?;
    let modified = metadata.last_modified()?;
    let aad = mac_time(modified).ok_or_else(|| MetadataError::Malformed("lastmodified".into()))?;
    let stored = cipher
        .open(metadata.mac()?.as_bytes(), &aad)
        .map_err(|_| OpenError::MacMismatch)?;
    if !mac.matches(stored.bytes.as_bytes()) {
        return Err(OpenError::MacMismatch);
    }
    Ok(opened)
}

/// Decrypts every selected item of a tree, and computes its MAC. `fault` decides, with the item's
/// index, what happens when a value does not open: an error ends it, else it is passed over.
pub(crate) fn values(
    tree: &Tree,
    metadata: &Metadata,
    cipher: &Cipher,
    known: Option<&Known<'_>>,
    mut fault: impl FnMut(usize, OpenError) -> Result<(), OpenError>,
) -> Result<(Opened, Mac), OpenError> {
    metadata.version()?;
    let selector = selector_of(metadata)?;
    let selected = select(tree, &selector);
    let mut mac = Mac::new(metadata.mac_only_encrypted()?);
    let mut values = Vec::with_capacity(tree.items.len());
    let mut closed_comments = 0;
    let mut misplaced = Vec::new();
    let mut comments = Comments::new(tree, cipher);
    for (index, (item, selected)) in tree.items.iter().zip(&selected).enumerate() {
        let value = match &item.body {
            Body::Leaf(clear) if *selected => match open_leaf(tree, item, clear, cipher, known) {
                Ok(value) => {
                    if value.kind != Kind::Comment {
                        mac.add(&value, true);
                    }
                    Some(value)
                }
                Err(error) => {
                    fault(index, error)?;
                    None
                }
            },
            Body::Leaf(clear) => {
                mac.add(clear, false);
                None
            }
            Body::Comment(text) if *selected && Envelope::looks_like(text.as_bytes()) => {
                match comments.open(index, item, text) {
                    Found::AtHome(value) => Some(value),
                    Found::Elsewhere(value) => {
                        misplaced.push(index);
                        Some(value)
                    }
                    Found::Nowhere => {
                        closed_comments += 1;
                        None
                    }
                }
            }
            _ => None,
        };
        values.push(value);
    }
    let opened = Opened {
        values,
        selected,
        spelling: Spelling::open(metadata.spelling(), cipher),
        closed_comments,
        misplaced,
        seal: SealState::Missing,
    };
    Ok((opened, mac))
}

/// The value of a selected leaf.
pub(crate) fn open_leaf(
    tree: &Tree,
    item: &Item,
    clear: &Value,
    cipher: &Cipher,
    known: Option<&Known<'_>>,
) -> Result<Value, OpenError> {
    let bytes = clear.bytes.as_bytes();
    if clear.kind != Kind::Str || (!bytes.is_empty() && !Envelope::looks_like(bytes)) {
        return Err(OpenError::InClear {
            path: tree.path(item),
        });
    }
    let aad = tree.aad(item);
    if let Some(value) = known.and_then(|known| known.value(bytes, &aad)) {
        return Ok(value.duplicate());
    }
    let not_authentic = || OpenError::NotAuthentic {
        path: tree.path(item),
    };
    let value = cipher.open(bytes, &aad).map_err(|_| not_authentic())?;
    canonical(value).ok_or_else(not_authentic)
}

/// Other writers may have left other spellings of a number inside an envelope; sops reads them,
/// and hashes the canonical form.
fn canonical(value: Value) -> Option<Value> {
    let text = value.bytes.as_str();
    let bytes: String = match value.kind {
        Kind::Str | Kind::Bytes | Kind::Comment => return Some(value),
        Kind::Int => text?.parse::<i64>().ok()?.to_string(),
        Kind::Float => go_float(parse_float(text?.as_bytes())?),
        Kind::Bool => match text? {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => "True".into(),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => "False".into(),
            _ => return None,
        },
        Kind::Time => yaml_timestamp(text?)?,
    };
    Some(Value::new(value.kind, bytes))
}

/// The file as it was before it was sealed.
pub fn plaintext(
    store: &dyn Store,
    text: &[u8],
    tree: &Tree,
    opened: &mut Opened,
) -> Result<Cleartext, OpenError> {
    let (plain, _) = written_out(store, text, tree, opened)?;
    let references = opened.spelling.references();
    Ok(collapsed(store, &plain, &references).unwrap_or(plain))
}

/// The file before it was sealed, references still written out, and whether it was read again and
/// holds exactly the authenticated values.
pub(crate) fn written_out(
    store: &dyn Store,
    text: &[u8],
    tree: &Tree,
    opened: &mut Opened,
) -> Result<(Cleartext, bool), OpenError> {
    for _ in 0..2 {
        let plain = render(store, text, tree, opened)?;
        if !opened.spelling.has_values() {
            return Ok((plain, false));
        }
        let wrong = match deviations(store, &plain, tree, opened) {
            Deviations::None => return Ok((plain, true)),
            Deviations::Structure => break,
            Deviations::Values(paths) => paths,
        };
        for path in wrong {
            opened.spelling.remove(&path);
        }
    }
    opened.spelling.forget_values();
    render(store, text, tree, opened).map(|plain| (plain, false))
}

/// The text with its references back in place: all of them, or else those that can be. What comes
/// out expands to exactly the text that went in, which is what was authenticated.
fn collapsed(store: &dyn Store, plain: &Cleartext, references: &[Reference]) -> Option<Cleartext> {
    if references.is_empty() {
        return None;
    }
    let tree = store.parse(plain.as_bytes()).ok()?;
    let attempt = |references: &[&Reference]| -> Option<Cleartext> {
        let edits = references
            .iter()
            .filter_map(|reference| store.collapse(plain.as_bytes(), &tree, reference))
            .collect();
        let short = splice(plain.as_bytes(), edits)?;
        let again = store.expand(short.as_bytes()).ok()??;
        (again.text == *plain).then_some(short)
    };
    let all: Vec<&Reference> = references.iter().collect();
    if let Some(short) = attempt(&all) {
        return Some(short);
    }
    // Some values have changed since. Bounded, because each attempt reads the whole file.
    let mut kept: Vec<&Reference> = Vec::new();
    let mut best = None;
    for reference in all.into_iter().take(64) {
        kept.push(reference);
        match attempt(&kept) {
            Some(short) => best = Some(short),
            None => {
                kept.pop();
            }
        }
    }
    best
}

fn render(
    store: &dyn Store,
    text: &[u8],
    tree: &Tree,
    opened: &Opened,
) -> Result<Cleartext, OpenError> {
    let mut edits = Vec::with_capacity(opened.values.len() + 1);
    for (item, value) in tree.items.iter().zip(&opened.values) {
        let Some(value) = value else { continue };
        match (&item.body, value.kind) {
            (Body::Leaf(clear), _) if clear.bytes.is_empty() => {}
            (Body::Leaf(_), Kind::Comment) => {
                let comment = one_line(value.bytes.as_bytes());
                edits.push(store.list_comment(text, tree, item, comment.as_bytes()));
            }
            (Body::Leaf(_), _) if opened.spelling.has_values() => {
                match opened.spelling.text(&tree.path(item)) {
                    Some(source) => item.replace(&source.into(), &mut edits),
                    None => {
                        item.replace(
                            &store.plain(text, tree, item, item.style, value)?,
                            &mut edits,
                        );
                    }
                }
            }
            _ => item.replace(
                &store.plain(text, tree, item, item.style, value)?,
                &mut edits,
            ),
        }
    }
    for document in &tree.documents {
        if let Some(meta) = &document.meta {
            edits.extend(meta.remove());
        }
    }
    splice(text, edits).ok_or_else(|| overlap().into())
}

/// A comment on one line. SOPS does not protect a comment's type or number: a copy of a value's
/// envelope passes for a comment, and a line break in it would end the comment and begin an entry.
pub(crate) fn one_line(comment: &[u8]) -> Cleartext {
    let mut line = Cleartext::new(comment.to_vec());
    for byte in line.as_mut_bytes() {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    line
}

/// Two things in one place: a store's mistake.
pub(crate) fn overlap() -> StoreError {
    StoreError::Syntax {
        line: 1,
        message: "two edits overlap; this is a bug in mvx".into(),
    }
}
