//! Where a key path leads in a tree.

use crate::document::{Body, Item, Tree};
use crate::keypath::{KeyPath, Segment};
use crate::sops::store::StoreError;

/// What was found on the way along a path.
pub enum Place<'t> {
    /// An item stands there. Where a key stands twice it is the last, as readers take it.
    Found(&'t Item),
    /// The way ends in this container; `rest` (one step or more) is missing in it.
    Missing {
        /// The container's id.
        container: usize,
        /// The steps that are missing.
        rest: &'t [Segment],
    },
    /// The way leads through this null, which a container may replace.
    ThroughNull {
        /// The null.
        item: &'t Item,
        /// The steps below it.
        rest: &'t [Segment],
    },
}

/// Follows `path`. The root itself, and a document that is not there, is
/// [`StoreError::NoSuchKey`]; a way through a value is [`StoreError::NotAContainer`].
pub fn follow<'t>(tree: &'t Tree, path: &'t KeyPath) -> Result<Place<'t>, StoreError> {
    let document = path
        .document
        .checked_sub(1)
        .and_then(|number| tree.documents.get(number));
    let (Some(document), false) = (document, path.segments.is_empty()) else {
        return Err(no_such_key(path));
    };
    let mut container = document.root;
    let mut rest = path.segments.as_slice();
    while let Some((step, below)) = rest.split_first() {
        let found = tree
            .children(container)
            .rfind(|item| item.name == *step && !item.is_comment());
        let Some(item) = found else {
            return Ok(Place::Missing { container, rest });
        };
        if below.is_empty() {
            return Ok(Place::Found(item));
        }
        match item.body {
            Body::Open(id) => container = id,
            Body::Null => return Ok(Place::ThroughNull { item, rest: below }),
            Body::Leaf(_) | Body::Comment(_) => {
                return Err(StoreError::NotAContainer {
                    path: tree.path(item).to_string(),
                });
            }
        }
        rest = below;
    }
    Err(no_such_key(path))
}

/// The item at `path`; whatever keeps from reaching it is [`StoreError::NoSuchKey`].
pub fn existing<'t>(tree: &'t Tree, path: &'t KeyPath) -> Result<&'t Item, StoreError> {
    match follow(tree, path) {
        Ok(Place::Found(item)) => Ok(item),
        _ => Err(no_such_key(path)),
    }
}

/// Nothing stands at `path`.
pub fn no_such_key(path: &KeyPath) -> StoreError {
    StoreError::NoSuchKey {
        path: path.to_string(),
    }
}

/// A file type has no form for what should stand at `path`.
pub fn cannot_carry(path: &KeyPath, why: impl Into<String>) -> StoreError {
    StoreError::CannotCarry {
        path: path.to_string(),
        why: why.into(),
    }
}
