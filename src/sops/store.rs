//! What the format asks of a store: a file type's text, read into a [`Tree`] and edited in place.

use std::collections::HashMap;

use thiserror::Error;

use crate::document::{Edit, Item, Kind, Meta, Style, Tree, Value};
use crate::error::{Exit, Explain};
use crate::keypath::KeyPath;
use crate::secret::Cleartext;

/// A node that is about to be written into a file.
pub enum NewNode {
    /// A value in clear: what must be encrypted is enclosed afterwards (`change.rs`).
    Value(Value),
    /// Nothing.
    Null,
    /// A map, in order.
    Map(Vec<(String, NewNode)>),
    /// A list.
    List(Vec<NewNode>),
}

impl NewNode {
    /// A second copy, for the few places that must hand a node on.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        match self {
            Self::Value(value) => Self::Value(value.duplicate()),
            Self::Null => Self::Null,
            Self::Map(entries) => {
                let entries = entries.iter();
                Self::Map(
                    entries
                        .map(|(name, node)| (name.clone(), node.duplicate()))
                        .collect(),
                )
            }
            Self::List(items) => Self::List(items.iter().map(Self::duplicate).collect()),
        }
    }

    /// Whether a file that has this node has all of `wanted`. The order of names does not matter,
    /// and a float without a fraction may be an integer: JSON knows one kind of number.
    pub fn holds(&self, wanted: &Self) -> bool {
        match (self, wanted) {
            (Self::Value(found), Self::Value(wanted)) => {
                let same_kind = found.kind == wanted.kind
                    || (found.kind, wanted.kind) == (Kind::Int, Kind::Float);
                same_kind && found.bytes == wanted.bytes
            }
            (Self::Null, Self::Null) => true,
            (Self::Map(found), Self::Map(wanted)) => {
                let found: HashMap<&str, &Self> =
                    found.iter().map(|(name, node)| (&**name, node)).collect();
                found.len() == wanted.len()
                    && wanted.iter().all(|(name, wanted)| {
                        found.get(&**name).is_some_and(|node| node.holds(wanted))
                    })
            }
            (Self::List(found), Self::List(wanted)) => {
                found.len() == wanted.len()
                    && found
                        .iter()
                        .zip(wanted)
                        .all(|(one, other)| one.holds(other))
            }
            _ => false,
        }
    }
}

/// A text for an item's place, and the style under which the store will read it again.
pub struct Placed {
    /// The text.
    pub text: Cleartext,
    /// Its style.
    pub style: Style,
}

/// A text in which references were written out.
pub struct Expanded {
    /// The text.
    pub text: Cleartext,
    /// The references, in document order.
    pub references: Vec<Reference>,
}

/// Something that stood for something else: an alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Where it stood.
    pub path: KeyPath,
    /// Its text with the blanks before it: ` *name`.
    pub source: String,
}

/// One file type: YAML, JSON, dotenv, INI, binary. Pure: text in, text out.
///
/// Every method that takes a `text` and a `tree` takes the tree that [`Store::parse`] made of that
/// very text.
pub trait Store: Sync {
    /// The text with everything that stands for something else written out (YAML's aliases and
    /// merge keys, which SOPS cannot keep); `None` where there is nothing of the kind. To be
    /// called before [`Store::parse`]. The same text always expands to the same bytes.
    fn expand(&self, text: &[u8]) -> Result<Option<Expanded>, StoreError> {
        // Most file types have no such thing.
        let _ = text;
        Ok(None)
    }

    /// The edit that puts a reference back in the place of what it was expanded to; `None` where
    /// nothing stands at its path.
    fn collapse(&self, text: &[u8], tree: &Tree, reference: &Reference) -> Option<Edit> {
        let _ = (text, tree, reference);
        None
    }

    /// Reads a text, plain or sealed. Refuses what it cannot bring back exactly.
    fn parse(&self, text: &[u8]) -> Result<Tree, StoreError>;

    /// How `envelope` (an `ENC[…]`, for comments too) is written in `item`'s place. Quotes and
    /// block headers stay, so that the style of the original can be read from the sealed file.
    fn envelope(&self, text: &[u8], tree: &Tree, item: &Item, envelope: &str) -> Placed;

    /// How `value` is written in clear in `item`'s place when the item there is in `style`: the
    /// same spelling that a person who wrote the original in that style would most likely have
    /// used. An error where this file type cannot carry the value.
    fn plain(
        &self,
        text: &[u8],
        tree: &Tree,
        item: &Item,
        style: Style,
        value: &Value,
    ) -> Result<Cleartext, StoreError>;

    /// The edit that turns an encrypted comment that stands as an item of a list (SOPS-FORMAT
    /// 1.8) into a comment with this text; where the file type has no comments, the item goes.
    fn list_comment(&self, text: &[u8], tree: &Tree, item: &Item, comment: &[u8]) -> Edit;

    /// The opposite of [`Store::list_comment`]: the text that puts `envelope` as an item of a list
    /// in the place of a comment, where it was one before; `None` where the comment's place is not
    /// an item's.
    fn list_item(&self, text: &[u8], tree: &Tree, item: &Item, envelope: &str) -> Option<String> {
        let _ = (text, tree, item, envelope);
        None
    }

    /// Edits that add the `sops` block to every document of a text that has none.
    fn attach(&self, text: &[u8], tree: &Tree, meta: &[(String, Meta)]) -> Vec<Edit>;

    /// Edits that bring the `sops` block of every document to `meta`. Scalars that differ are
    /// replaced in place; where fields come, go or are not scalars, the block is written anew
    /// in the order given.
    fn refresh(&self, text: &[u8], tree: &Tree, meta: &[(String, Meta)]) -> Vec<Edit>;

    /// Edits that put `node` at `path`. What stands there is replaced; missing maps on the way are
    /// created; a list's index may be one past its end. The parent of an existing scalar is an
    /// error ([`StoreError::NotAContainer`]).
    fn insert(
        &self,
        text: &[u8],
        tree: &Tree,
        path: &KeyPath,
        node: &NewNode,
    ) -> Result<Vec<Edit>, StoreError>;

    /// Edits that take the entry at `path` out.
    fn remove(&self, text: &[u8], tree: &Tree, path: &KeyPath) -> Result<Vec<Edit>, StoreError>;

    /// Edits that give the entry at `path` another key in the same map.
    fn rename(
        &self,
        text: &[u8],
        tree: &Tree,
        path: &KeyPath,
        key: &str,
    ) -> Result<Vec<Edit>, StoreError>;

    /// A container's text as a file of its own: `get` of a map prints it.
    fn extract(&self, text: &[u8], tree: &Tree, container: usize) -> Cleartext;
}

/// Why a text cannot be read or changed. Messages name places and key paths, never content.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The text is not of this type.
    #[error("line {line}: {message}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// What is wrong, in our words.
        message: String,
    },
    /// A map has the same key twice.
    #[error("line {line}: key `{path}` stands here for the second time")]
    DuplicateKey {
        /// The second one's line, from 1.
        line: usize,
        /// The key.
        path: String,
    },
    /// A key that is not text.
    #[error("line {line}: this key is not text; SOPS files have text keys only")]
    KeyNotText {
        /// The line, from 1.
        line: usize,
    },
    /// The root is a list or a scalar.
    #[error("{what}: SOPS files have named values at the top")]
    NotAMap {
        /// What stands there instead, such as `the root is a list`.
        what: String,
    },
    /// There is nothing in it.
    #[error("there are no values in it")]
    Empty,
    /// Nested too deep, or too long: a limit, stated.
    #[error("{what}; the limit is {limit}")]
    Limit {
        /// What was exceeded, with its line where there is one.
        what: String,
        /// The limit with its unit.
        limit: String,
    },
    /// Bytes that are not text.
    #[error("line {line}: not UTF-8 text")]
    NotText {
        /// The line, from 1.
        line: usize,
    },
    /// A `sops` key of the user's own.
    #[error("line {line}: `{key}` is the name under which SOPS keeps its metadata")]
    ReservedKey {
        /// The line, from 1.
        line: usize,
        /// The key.
        key: String,
    },
    /// This file type cannot hold that value or structure.
    #[error("{path}: {why}")]
    CannotCarry {
        /// The key path.
        path: String,
        /// Why not.
        why: String,
    },
    /// Nothing stands at a path.
    #[error("there is no `{path}`")]
    NoSuchKey {
        /// The key path.
        path: String,
    },
    /// Something stands where an entry shall go.
    #[error("`{path}` is there already")]
    Taken {
        /// The key path.
        path: String,
    },
    /// An entry cannot go below itself.
    #[error("`{path}` lies below what is to be moved")]
    BelowItself {
        /// The key path that it should get.
        path: String,
    },
    /// A path leads through a value.
    #[error("`{path}` is a value; nothing can stand below it")]
    NotAContainer {
        /// The path of the value.
        path: String,
    },
}

impl Explain for StoreError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoSuchKey { .. } => Exit::NO,
            Self::ReservedKey { .. } => Exit::ALREADY_ENCRYPTED,
            _ => Exit::IO,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "syntax",
            Self::DuplicateKey { .. } => "duplicate-key",
            Self::KeyNotText { .. } => "key-not-text",
            Self::NotAMap { .. } => "not-a-map",
            Self::Empty => "empty",
            Self::Limit { .. } => "limit",
            Self::NotText { .. } => "not-text",
            Self::ReservedKey { .. } => "reserved-key",
            Self::CannotCarry { .. } => "cannot-carry",
            Self::NoSuchKey { .. } => "no-such-key",
            Self::Taken { .. } => "already-exists",
            Self::BelowItself { .. } => "below-itself",
            Self::NotAContainer { .. } => "not-a-container",
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Syntax { .. } => Vec::new(),
            Self::DuplicateKey { .. } => vec!["remove one of the two".into()],
            Self::KeyNotText { .. } => vec!["put the key in quotes".into()],
            Self::NotAMap { .. } => {
                vec!["`--format binary` seals the file as a whole".into()]
            }
            Self::Empty => vec!["add a value first; `mvx edit FILE` starts from an example".into()],
            Self::Limit { .. } => vec!["`--format binary` seals the file as a whole".into()],
            Self::NotText { .. } => {
                vec!["convert it to UTF-8, or seal it as a whole with `--format binary`".into()]
            }
            Self::ReservedKey { .. } => {
                vec!["rename the key; if the file is sealed already, `mvx decrypt` opens it".into()]
            }
            // Where the message shows the way already, it ends in one.
            Self::CannotCarry { why, .. } if why.contains('`') => Vec::new(),
            Self::CannotCarry { .. } => {
                vec!["YAML and JSON files carry every value".into()]
            }
            Self::NoSuchKey { .. } => vec!["`mvx ls FILE` shows the keys".into()],
            Self::Taken { .. } => {
                vec!["`mvx unset` it first, or choose another key path".into()]
            }
            Self::BelowItself { .. } => vec!["choose a key path elsewhere".into()],
            Self::NotAContainer { .. } => {
                vec!["`mvx unset` the value first, or choose another path".into()]
            }
        }
    }
}

/// The line, from 1, on which byte `at` stands.
pub fn line_of(text: &[u8], at: usize) -> usize {
    let before = text.get(..at.min(text.len())).unwrap_or_default();
    memchr::memchr_iter(b'\n', before).count() + 1
}
