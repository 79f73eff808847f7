//! Putting values and sections into an INI text.

use super::parse::{self, DEFAULT};
use super::read::{line_end, slice};
use super::write::{self, Layout};
use super::{end_of_line, names, newline, tail};
use crate::document::{Body, Edit, Item, Style, Tree, Value};
use crate::keypath::{KeyPath, Segment};
use crate::secret::Cleartext;
use crate::sops::store::{NewNode, StoreError, line_of};
use crate::stores::METADATA;
use crate::stores::place::{Place, cannot_carry, follow};

/// Why deeper paths are refused.
const DEEP: &str = "INI files have sections and names in them, nothing deeper";

/// Edits that put `node` at `path`.
pub(super) fn insert(
    text: &str,
    tree: &Tree,
    path: &KeyPath,
    node: &NewNode,
) -> Result<Vec<Edit>, StoreError> {
    let place = follow(tree, path)?;
    match path.segments.as_slice() {
        [Segment::Key(section)] => {
            let NewNode::Map(entries) = node else {
                let why = format!("in INI a value stands in a section, as `{DEFAULT}.name`");
                return Err(cannot_carry(path, why));
            };
            insert_section(text, tree, path, section, &place, entries)
        }
        [Segment::Key(section), Segment::Key(name)] => match place {
            Place::Found(item) => replace(text, tree, item, path, node),
            Place::Missing { container, .. } if container != 0 => {
                let names = names(tree, container);
                let layout = Layout::of(text, &names);
                let line = key_line(&layout, path, name, node)?;
                let span = &tree.container(container).span;
                let last = tree
                    .children(container)
                    .rfind(|item| matches!(item.body, Body::Leaf(_)));
                // After a header alone, its comment belongs to its line.
                let after = last.map_or(span.start, |item| item.span.end);
                let at = end_of_line(text, after);
                let mut new = Cleartext::from(newline(text.as_bytes()));
                new.push(line.as_bytes());
                Ok(vec![Edit::new(at..at, new)])
            }
            _ => {
                let line = key_line(&Layout::sops(), path, name, node)?;
                new_section(text, tree, path, section, &[line])
            }
        },
        _ => Err(cannot_carry(path, DEEP)),
    }
}

/// Puts a node in an existing value's place.
fn replace(
    text: &str,
    tree: &Tree,
    item: &Item,
    path: &KeyPath,
    node: &NewNode,
) -> Result<Vec<Edit>, StoreError> {
    let new = scalar(path, node)?;
    let tail = tail(text.as_bytes(), item);
    let empty = item.span.is_empty();
    let gap = if empty && tail.starts_with([';', '#']) {
        " "
    } else {
        ""
    };
    let written = write::value(&new, item.style, &format!("{gap}{tail}"))
        .map_err(|why| cannot_carry(path, why))?;
    let mut out = Cleartext::default();
    if empty && slice(text, 0..item.span.start).ends_with(['=', ':']) {
        let layout = Layout::of(text, &names(tree, item.parent));
        out.push(layout.gap().as_bytes());
    }
    out.push(written.as_bytes());
    out.push(gap.as_bytes());
    Ok(vec![Edit::new(item.span.clone(), out)])
}

/// The scalar that a node is.
fn scalar(path: &KeyPath, node: &NewNode) -> Result<Value, StoreError> {
    match node {
        NewNode::Value(value) => Ok(value.duplicate()),
        NewNode::Null => Err(cannot_carry(
            path,
            "an INI value is text; it cannot be null",
        )),
        NewNode::Map(_) | NewNode::List(_) => Err(cannot_carry(path, DEEP)),
    }
}

/// A line with a new name and value, without its break.
fn key_line(
    layout: &Layout,
    path: &KeyPath,
    name: &str,
    node: &NewNode,
) -> Result<Cleartext, StoreError> {
    let refused = |why| cannot_carry(path, why);
    let mut line = Cleartext::from(layout.lead(&write::name(name).map_err(refused)?));
    let value = write::value(&scalar(path, node)?, Style::Plain, "").map_err(refused)?;
    line.push(value.as_bytes());
    Ok(line)
}

/// Puts a whole section in its place, new or instead of the one that is there.
fn insert_section(
    text: &str,
    tree: &Tree,
    path: &KeyPath,
    section: &str,
    place: &Place<'_>,
    entries: &[(String, NewNode)],
) -> Result<Vec<Edit>, StoreError> {
    let lines: Vec<Cleartext> = entries
        .iter()
        .map(|(name, node)| {
            let path = path.child(Segment::Key(name.clone()));
            key_line(&Layout::sops(), &path, name, node)
        })
        .collect::<Result<_, _>>()?;
    let Place::Found(item) = place else {
        return new_section(text, tree, path, section, &lines);
    };
    let newline = newline(text.as_bytes());
    let line = slice(text, item.span.start..end_of_line(text, item.span.start));
    let mut out = Cleartext::default();
    if line.starts_with('[') {
        out.push(line.as_bytes());
        out.push(newline.as_bytes());
    }
    for (number, line) in lines.iter().enumerate() {
        if number > 0 {
            out.push(newline.as_bytes());
        }
        out.push(line.as_bytes());
    }
    Ok(vec![Edit::new(item.span.clone(), out)])
}

/// Adds a section with these lines after the last one; `DEFAULT`, which has no header, before the
/// first.
fn new_section(
    text: &str,
    tree: &Tree,
    path: &KeyPath,
    section: &str,
    lines: &[Cleartext],
) -> Result<Vec<Edit>, StoreError> {
    check_section(text, 0, section, path)?;
    let newline = newline(text.as_bytes());
    let last = tree
        .items
        .iter()
        .rfind(|item| matches!(item.body, Body::Open(_)));
    let mut out = Cleartext::default();
    let start = parse::start(text);
    let at = match last {
        Some(last) if section != DEFAULT => {
            out.push(newline.as_bytes());
            out.push(newline.as_bytes());
            end_of_line(text, last.span.end)
        }
        _ => start,
    };
    let head = section == DEFAULT && at == start;
    if !head {
        out.push(format!("[{section}]").as_bytes());
    }
    for (number, line) in lines.iter().enumerate() {
        if number > 0 || !head {
            out.push(newline.as_bytes());
        }
        out.push(line.as_bytes());
    }
    if at == start {
        out.push(newline.as_bytes());
        if start < text.len() && !slice(text, start..line_end(text, start)).trim().is_empty() {
            out.push(newline.as_bytes());
        }
    }
    Ok(vec![Edit::new(at..at, out)])
}

/// Whether a section can be called so; `at` is where the text stands that an error points to.
pub(super) fn check_section(
    text: &str,
    at: usize,
    name: &str,
    path: &KeyPath,
) -> Result<(), StoreError> {
    if name == METADATA {
        return Err(StoreError::ReservedKey {
            line: line_of(text.as_bytes(), at),
            key: METADATA.into(),
        });
    }
    write::section(name).map_err(|why| cannot_carry(path, why))
}
