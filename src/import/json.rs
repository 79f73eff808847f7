//! JSON that other tools print, as nodes: read by mvx's own scanner, whose values are wiped.

use super::{ImportError, stored};
use crate::document::{Kind, Value};
use crate::sops::store::NewNode;
use crate::stores::Format;

/// The name under which a list at the root stands while it is read.
const ROOT: &str = "items";

/// The entries of the object that a text holds.
pub(super) fn object(text: &str) -> Result<Vec<(String, NewNode)>, ImportError> {
    let contents = stored::read(text, Format::Json)?;
    let entries = contents.entries.into_iter();
    Ok(entries
        .filter_map(|entry| Some((entry.path.into_iter().next()?, entry.node)))
        .collect())
}

/// The objects of a list, or the one object that a text holds. Tools that print several objects
/// print a list or one behind the other; the latter is read too.
pub(super) fn objects(text: &str) -> Result<Vec<Vec<(String, NewNode)>>, ImportError> {
    let trimmed = text.trim();
    if !trimmed.starts_with('[') {
        return Ok(vec![object(text)?]);
    }
    // A file of SOPS's has names at its root, and so have the store's trees.
    let mut wrapped = crate::secret::Cleartext::with_capacity(trimmed.len() + 16);
    wrapped.push(format!("{{\"{ROOT}\":").as_bytes());
    wrapped.push(trimmed.as_bytes());
    wrapped.push(b"}");
    let entries = object(wrapped.as_str().unwrap_or_default())?;
    let items = entries.into_iter().find(|(name, _)| name == ROOT);
    let Some((_, NewNode::List(items))) = items else {
        return Ok(Vec::new());
    };
    let objects = items.into_iter().filter_map(|item| match item {
        NewNode::Map(entries) => Some(entries),
        _ => None,
    });
    Ok(objects.collect())
}

/// The entry of an object with this name, which is taken out.
pub(super) fn take(object: &mut Vec<(String, NewNode)>, name: &str) -> Option<NewNode> {
    let at = object.iter().position(|(found, _)| found == name)?;
    Some(object.swap_remove(at).1)
}

/// The text of a node; `None` for anything but text.
pub(super) fn text(node: Option<&NewNode>) -> Option<&str> {
    match node? {
        NewNode::Value(Value {
            kind: Kind::Str,
            bytes,
        }) => bytes.as_str(),
        _ => None,
    }
}

/// The entry of an object with this name.
pub(super) fn find<'o>(object: &'o [(String, NewNode)], name: &str) -> Option<&'o NewNode> {
    let mut entries = object.iter();
    entries
        .find(|(found, _)| found == name)
        .map(|(_, node)| node)
}
