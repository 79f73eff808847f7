//! YAML, edited as text. What sops's parser (go-yaml v3) sees decides what a value is; what the
//! user wrote stays as it is.

mod attach;
#[cfg(test)]
mod change_tests;
mod comments;
mod edit;
#[cfg(test)]
mod edit_tests;
mod events;
mod expand;
mod layout;
mod parse;
mod places;
mod remove;
mod render;
mod scalar;
mod sops_block;
#[cfg(test)]
mod tests;

use crate::document::{Edit, Item, Meta, Style, Tree, Value};
use crate::keypath::KeyPath;
use crate::secret::Cleartext;
use crate::sops::store::{Expanded, NewNode, Placed, Reference, Store, StoreError};

/// The YAML store.
pub struct Yaml;

impl Store for Yaml {
    fn expand(&self, text: &[u8]) -> Result<Option<Expanded>, StoreError> {
        expand::expand(text)
    }

    fn collapse(&self, text: &[u8], tree: &Tree, reference: &Reference) -> Option<Edit> {
        expand::collapse(as_str(text), tree, reference)
    }

    fn parse(&self, text: &[u8]) -> Result<Tree, StoreError> {
        parse::parse(text)
    }

    fn envelope(&self, text: &[u8], tree: &Tree, item: &Item, envelope: &str) -> Placed {
        render::envelope(text, tree, item, envelope, sops_block::newline_of(text))
    }

    fn plain(
        &self,
        text: &[u8],
        tree: &Tree,
        item: &Item,
        style: Style,
        value: &Value,
    ) -> Result<Cleartext, StoreError> {
        let newline = sops_block::newline_of(text);
        let style = if render::follows_badly(text, tree, item, value) {
            Style::Double
        } else {
            style
        };
        Ok(render::plain(tree, item, style, value, newline))
    }

    fn list_comment(&self, text: &[u8], _tree: &Tree, item: &Item, comment: &[u8]) -> Edit {
        edit::list_comment(as_str(text), item, comment)
    }

    fn list_item(&self, text: &[u8], tree: &Tree, item: &Item, envelope: &str) -> Option<String> {
        edit::list_item(as_str(text), tree, item, envelope)
    }

    fn attach(&self, text: &[u8], tree: &Tree, meta: &[(String, Meta)]) -> Vec<Edit> {
        sops_block::attach(as_str(text), tree, meta)
    }

    fn refresh(&self, text: &[u8], tree: &Tree, meta: &[(String, Meta)]) -> Vec<Edit> {
        sops_block::refresh(as_str(text), tree, meta)
    }

    fn insert(
        &self,
        text: &[u8],
        tree: &Tree,
        path: &KeyPath,
        node: &NewNode,
    ) -> Result<Vec<Edit>, StoreError> {
        edit::insert(as_str(text), tree, path, node)
    }

    fn remove(&self, text: &[u8], tree: &Tree, path: &KeyPath) -> Result<Vec<Edit>, StoreError> {
        remove::remove(as_str(text), tree, path)
    }

    fn rename(
        &self,
        text: &[u8],
        tree: &Tree,
        path: &KeyPath,
        key: &str,
    ) -> Result<Vec<Edit>, StoreError> {
        edit::rename(as_str(text), tree, path, key)
    }

    fn extract(&self, text: &[u8], tree: &Tree, container: usize) -> Cleartext {
        edit::extract(as_str(text), tree, container)
    }
}

/// Texts that were parsed are UTF-8.
fn as_str(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or_default()
}
