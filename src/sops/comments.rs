//! Encrypted comments, opened at their place or at another one.
//!
//! Which container a comment belongs to is a matter of layout, and a change of what stands around
//! it can move it. It is authentic all the same, because SOPS does not protect a comment's place.

use crate::document::{Body, Item, Kind, Tree, Value};
use crate::secret::Cleartext;
use crate::sops::cipher::Cipher;

/// How many places are tried for all comments of a file that open nowhere nearby: enough for every
/// real file, and a bound for one that is made to take long.
const FAR_TRIES: usize = 100_000;

/// Where a comment opened.
pub enum Found {
    /// At its own place.
    AtHome(Value),
    /// At another place; sops shows it encrypted.
    Elsewhere(Value),
    /// It does not open.
    Nowhere,
}

/// Opens the comments of a tree.
pub struct Comments<'a> {
    tree: &'a Tree,
    cipher: &'a Cipher,
    /// The additional data of every place, once it was needed.
    places: Option<Vec<&'a str>>,
    tries: usize,
}

impl<'a> Comments<'a> {
    /// For a tree with its data key.
    pub fn new(tree: &'a Tree, cipher: &'a Cipher) -> Self {
        Self {
            tree,
            cipher,
            places: None,
            tries: 0,
        }
    }

    /// Opens the comment `text`, which is the item numbered `index`.
    pub fn open(&mut self, index: usize, item: &Item, text: &Cleartext) -> Found {
        let text = text.as_bytes();
        if let Ok(value) = self.cipher.open(text, &self.tree.aad(item)) {
            return found(Found::AtHome, value);
        }
        let near = self
            .nearby(index, item)
            .find_map(|aad| self.cipher.open(text, aad).ok());
        match near.or_else(|| self.open_anywhere(text)) {
            Some(value) => found(Found::Elsewhere, value),
            None => Found::Nowhere,
        }
    }

    /// The places around a comment, and around what comes before and behind it.
    fn nearby(&self, index: usize, item: &Item) -> impl Iterator<Item = &'a str> {
        let tree = self.tree;
        let solid = |item: &&Item| !matches!(item.body, Body::Comment(_));
        let before = tree.items.iter().take(index).rev().find(solid);
        let behind = tree.items.iter().skip(index).find(solid);
        let opened = |item: &Item| match item.body {
            Body::Open(id) => id,
            _ => item.parent,
        };
        [Some(item.parent), before.map(opened), behind.map(opened)]
            .into_iter()
            .flatten()
            .flat_map(|start| std::iter::successors(Some(start), |id| tree.container(*id).parent))
            .map(|id| place(tree, id))
    }

    fn open_anywhere(&mut self, text: &[u8]) -> Option<Value> {
        let tree = self.tree;
        let places = self.places.get_or_insert_with(|| {
            let mut places: Vec<&str> = (0..tree.containers.len())
                .map(|id| place(tree, id))
                .collect();
            places.sort_unstable();
            places.dedup();
            places
        });
        for aad in places {
            self.tries += 1;
            if self.tries > FAR_TRIES {
                break;
            }
            if let Ok(value) = self.cipher.open(text, aad) {
                return Some(value);
            }
        }
        None
    }
}

/// The additional data of comments in a container.
fn place(tree: &Tree, id: usize) -> &str {
    match tree.container(id).aad.as_str() {
        "" => ":",
        aad => aad,
    }
}

/// A value of another type is no comment.
fn found(how: impl FnOnce(Value) -> Found, value: Value) -> Found {
    if value.kind == Kind::Comment {
        how(value)
    } else {
        Found::Nowhere
    }
}
