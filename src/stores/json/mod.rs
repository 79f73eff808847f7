//! JSON: read with the place of every value, edited in place.
//!
//! The root is an object. Integers within 64 bits are integers, every other number is a float;
//! keys may stand twice. What is written new takes the file's own indentation, line breaks and
//! spacing; what is not touched stays as it is.

mod meta;
mod parse;
mod scan;
#[cfg(test)]
mod tests;
mod write;

use std::ops::Range;

use self::scan::{Scanner, Token, skip_blanks};
use self::write::{Layout, Refused, node_of, scalar, string};
use super::place::{Place, cannot_carry, existing, follow};
use super::{METADATA, scalar_changes, within_size_limit};
use crate::document::{Body, Edit, Item, Meta, MetaBlock, Shape, Style, Tree, Value, splice};
use crate::keypath::{KeyPath, Segment};
use crate::secret::Cleartext;
use crate::sops::store::{NewNode, Placed, Store, StoreError, line_of};

/// Reads a text of any length: a sealed binary file is JSON too.
pub(super) fn parse_of_any_length(text: &[u8]) -> Result<Tree, StoreError> {
    parse::parse(text)
}

/// The JSON store.
pub struct Json;

impl Store for Json {
    fn parse(&self, text: &[u8]) -> Result<Tree, StoreError> {
        within_size_limit(text, "JSON")?;
        parse::parse(text)
    }

    fn envelope(&self, _: &[u8], _: &Tree, _: &Item, envelope: &str) -> Placed {
        let mut text = Cleartext::with_capacity(envelope.len() + 2);
        string(envelope, &mut text);
        Placed {
            text,
            style: Style::Double,
        }
    }

    fn plain(
        &self,
        _: &[u8],
        tree: &Tree,
        item: &Item,
        _: Style,
        value: &Value,
    ) -> Result<Cleartext, StoreError> {
        let mut text = Cleartext::with_capacity(value.bytes.len() + 2);
        scalar(value, &mut text).map_err(|Refused(why)| cannot_carry(&tree.path(item), why))?;
        Ok(text)
    }

    fn list_comment(&self, text: &[u8], tree: &Tree, item: &Item, _: &[u8]) -> Edit {
        Edit::new(comment_cut(text, tree, item), Cleartext::default())
    }

    fn attach(&self, text: &[u8], tree: &Tree, meta: &[(String, Meta)]) -> Vec<Edit> {
        let Some(document) = tree.documents.first() else {
            return Vec::new();
        };
        let root = tree.container(document.root).span.start;
        let layout = Layout::within(text, root, root);
        let lead = if tree.children(document.root).next().is_some() {
            layout.between()
        } else {
            layout.before()
        };
        let mut out = Cleartext::from(lead);
        layout.key(METADATA, &mut out);
        block(&layout, meta, &mut out);
        vec![Edit::new(document.end..document.end, out)]
    }

    fn refresh(&self, text: &[u8], tree: &Tree, meta: &[(String, Meta)]) -> Vec<Edit> {
        let Some(old) = tree.meta() else {
            return self.attach(text, tree, meta);
        };
        if let Some(changes) = scalar_changes(old, meta) {
            return changes
                .into_iter()
                .map(|(field, new)| {
                    let mut out = Cleartext::default();
                    block_node(&Layout::sops(), &node_of(new), &mut out);
                    Edit::new(field.span.clone(), out)
                })
                .collect();
        }
        let Some(span) = block_span(text, old) else {
            return Vec::new();
        };
        let root = tree.container(0).span.start;
        let mut out = Cleartext::default();
        block(&Layout::within(text, root, root), meta, &mut out);
        vec![Edit::new(span, out)]
    }

    fn insert(
        &self,
        text: &[u8],
        tree: &Tree,
        path: &KeyPath,
        node: &NewNode,
    ) -> Result<Vec<Edit>, StoreError> {
        let root = tree.container(0).span.start;
        let mut out = Cleartext::default();
        let refused = |Refused(why): Refused| cannot_carry(path, why);
        let (container, rest) = match follow(tree, path)? {
            Place::Found(item) => {
                let bracket = tree.container(item.parent).span.start;
                Layout::within(text, root, bracket)
                    .node(node, &mut out)
                    .map_err(refused)?;
                return Ok(vec![Edit::new(item.span.clone(), out)]);
            }
            Place::ThroughNull { item, rest } => {
                let bracket = tree.container(item.parent).span.start;
                Layout::within(text, root, bracket)
                    .nested(rest, node, &mut out)
                    .map_err(refused)?;
                return Ok(vec![Edit::new(item.span.clone(), out)]);
            }
            Place::Missing { container, rest } => (container, rest),
        };
        let bracket = tree.container(container).span.clone();
        let layout = Layout::within(text, root, bracket.start);
        let last = tree.children(container).next_back();
        let below = match rest.split_first() {
            Some((step, below)) => {
                fits(text, tree, container, step, path)?;
                if let Segment::Key(key) = step {
                    layout.key(key, &mut out);
                }
                below
            }
            None => rest,
        };
        layout.nested(below, node, &mut out).map_err(refused)?;
        Ok(vec![if let Some(last) = last {
            let mut entry = Cleartext::from(layout.between());
            entry.push(out.as_bytes());
            Edit::new(last.entry.end..last.entry.end, entry)
        } else if container == 0 && tree.meta().is_some() {
            // The block's own lead stays where it is, after the new entry.
            out.push(layout.between().as_bytes());
            let at = skip_blanks(text, bracket.start + 1);
            Edit::new(at..at, out)
        } else {
            let mut entry = Cleartext::from(layout.before());
            entry.push(out.as_bytes());
            entry.push(layout.after().as_bytes());
            Edit::new(bracket.start + 1..bracket.end - 1, entry)
        }])
    }

    fn remove(&self, text: &[u8], tree: &Tree, path: &KeyPath) -> Result<Vec<Edit>, StoreError> {
        let item = existing(tree, path)?;
        let cut = entry_cut(text, tree, item);
        Ok(vec![Edit::new(cut, Cleartext::default())])
    }

    fn rename(
        &self,
        text: &[u8],
        tree: &Tree,
        path: &KeyPath,
        key: &str,
    ) -> Result<Vec<Edit>, StoreError> {
        let item = existing(tree, path)?;
        let Segment::Key(old) = &item.name else {
            return Err(cannot_carry(path, "a list's entries have no names"));
        };
        if old == key {
            return Ok(Vec::new());
        }
        let step = Segment::Key(key.to_owned());
        if let Some(other) = tree.children(item.parent).find(|other| other.name == step) {
            return Err(StoreError::DuplicateKey {
                line: line_of(text, other.entry.start),
                path: tree.path(other).to_string(),
            });
        }
        fits(text, tree, item.parent, &step, path)?;
        let (_, span) = Scanner::new(text, item.entry.start).next()?;
        let mut out = Cleartext::default();
        string(key, &mut out);
        Ok(vec![Edit::new(span, out)])
    }

    fn extract(&self, text: &[u8], tree: &Tree, container: usize) -> Cleartext {
        let span = tree.container(container).span.clone();
        let cut = tree.meta().map_or(&[][..], |block| &block.cut);
        let inside = cut
            .iter()
            .filter(|cut| span.start <= cut.start && cut.end <= span.end)
            .map(|cut| {
                let range = cut.start - span.start..cut.end - span.start;
                Edit::new(range, Cleartext::default())
            });
        let own = text.get(span.clone()).unwrap_or_default();
        let own = splice(own, inside.collect()).unwrap_or_default();
        dedent(own.as_bytes())
    }
}

/// What stands before and after the value of a file that sops seals as a whole: an object of that
/// value, named `key`, and the `sops` block, in sops's own layout.
pub(super) fn wrapper(key: &str, meta: &[(String, Meta)]) -> (Cleartext, Cleartext) {
    let layout = Layout::sops();
    let mut before = Cleartext::from("{");
    before.push(layout.before().as_bytes());
    layout.key(key, &mut before);
    let mut after = Cleartext::from(layout.between());
    layout.key(METADATA, &mut after);
    block(&layout, meta, &mut after);
    after.push(layout.after().as_bytes());
    after.push(b"}\n");
    (before, after)
}

/// Appends the `sops` block's value.
fn block(layout: &Layout, meta: &[(String, Meta)], out: &mut Cleartext) {
    let entries = meta
        .iter()
        .map(|(name, meta)| (name.clone(), node_of(meta)))
        .collect();
    block_node(layout, &NewNode::Map(entries), out);
}

/// Appends a node made of metadata, all of whose forms JSON has.
fn block_node(layout: &Layout, node: &NewNode, out: &mut Cleartext) {
    let written = layout.node(node, out);
    debug_assert!(written.is_ok(), "metadata is text, integers and booleans");
}

/// The place of the `sops` entry's value.
fn block_span(text: &[u8], block: &MetaBlock) -> Option<Range<usize>> {
    let mut scanner = Scanner::new(text, block.cut.first()?.start);
    let mut start = None;
    let mut depth = 0usize;
    loop {
        let (token, span) = scanner.next().ok()?;
        match token {
            Token::Open(_) => {
                start.get_or_insert(span.start);
                depth += 1;
            }
            Token::Close(_) => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(start?..span.end);
                }
            }
            Token::End => return None,
            _ => {}
        }
    }
}

/// Whether an entry with this name can be added to a container.
fn fits(
    text: &[u8],
    tree: &Tree,
    container: usize,
    step: &Segment,
    path: &KeyPath,
) -> Result<(), StoreError> {
    let span = &tree.container(container).span;
    match (tree.container(container).shape, step) {
        (Shape::Map, Segment::Key(key)) if container == 0 && key == METADATA => {
            Err(StoreError::ReservedKey {
                line: line_of(text, span.start),
                key: key.clone(),
            })
        }
        (Shape::Map, Segment::Key(_)) => Ok(()),
        (Shape::Map, Segment::Index(_)) => Err(cannot_carry(
            path,
            "a map's entries have names, not numbers",
        )),
        (Shape::List, Segment::Key(_)) => Err(cannot_carry(
            path,
            "a list's entries have numbers, not names",
        )),
        (Shape::List, Segment::Index(index)) => {
            let count = tree.children(container).count();
            if *index == count {
                Ok(())
            } else {
                let why = format!("the list has {count} entries, so the next is [{count}]");
                Err(cannot_carry(path, why))
            }
        }
    }
}

/// What goes when an entry goes: with the comma and blanks after it, so that the next takes its
/// place; at the end, with those before it.
fn entry_cut(text: &[u8], tree: &Tree, item: &Item) -> Range<usize> {
    let after = skip_blanks(text, item.entry.end);
    if text.get(after) == Some(&b',') {
        return item.entry.start..skip_blanks(text, after + 1);
    }
    let before = blanks_before(text, item.entry.start);
    if before.checked_sub(1).and_then(|at| text.get(at)) == Some(&b',') {
        return blanks_before(text, before - 1)..item.entry.end;
    }
    let span = &tree.container(item.parent).span;
    span.start + 1..span.end - 1
}

/// What goes when an encrypted comment in a list goes. Its neighbours may be such comments too,
/// and the cuts of all of them must not overlap: each takes the comma before it, except where no
/// entry that stays is before it; there each takes the comma after it.
fn comment_cut(text: &[u8], tree: &Tree, item: &Item) -> Range<usize> {
    let index = tree
        .items
        .partition_point(|other| other.entry.start < item.entry.start);
    let stays = tree
        .items
        .iter()
        .take(index)
        .rev()
        .find(|other| !(other.parent == item.parent && is_comment(other)));
    let list = &tree.container(item.parent).span;
    // What was found is the list's own opening if nothing that stays is before the comment.
    if stays.is_some_and(|other| other.span.start != list.start) {
        let before = blanks_before(text, item.entry.start);
        return blanks_before(text, before.saturating_sub(1))..item.entry.end;
    }
    let after = skip_blanks(text, item.entry.end);
    if text.get(after) == Some(&b',') {
        return item.entry.start..skip_blanks(text, after + 1);
    }
    item.entry.start..after
}

/// Whether an item of a list is a comment that SOPS encrypted there.
fn is_comment(item: &Item) -> bool {
    let Body::Leaf(value) = &item.body else {
        return false;
    };
    let bytes = value.bytes.as_bytes();
    bytes.starts_with(b"ENC[") && bytes.ends_with(b",type:comment]")
}

/// Where the blanks before byte `at` begin.
fn blanks_before(text: &[u8], at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    before
        .iter()
        .rposition(|c| !matches!(c, b' ' | b'\t' | b'\n' | b'\r'))
        .map_or(0, |last| last + 1)
}

/// A container's text, moved to the left so that its closing bracket stands in the first column.
fn dedent(text: &[u8]) -> Cleartext {
    let last =
        memchr::memrchr(b'\n', text).map_or(&[][..], |at| text.get(at + 1..).unwrap_or_default());
    let indent = last.len() - last.trim_ascii_start().len();
    let mut out = Cleartext::with_capacity(text.len() + 2);
    for (number, line) in text.split_inclusive(|&c| c == b'\n').enumerate() {
        let blanks = line.len() - line.trim_ascii_start().len();
        let cut = if number == 0 { 0 } else { indent.min(blanks) };
        out.push(line.get(cut..).unwrap_or_default());
    }
    let crlf = memchr::memmem::find(text, b"\r\n").is_some();
    out.push(if crlf { b"\r\n" } else { b"\n" });
    out
}
