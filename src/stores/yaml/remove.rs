//! Entries that go: what is removed with them, and what must not change by it.

use std::ops::Range;

use crate::document::{Body, Edit, Item, Shape, Tree};
use crate::keypath::KeyPath;
use crate::sops::store::StoreError;
use crate::stores::yaml::edit::replace_value;
use crate::stores::yaml::layout::Node;
use crate::stores::yaml::sops_block::newline_of;

/// See [`crate::sops::store::Store::remove`].
pub(super) fn remove(text: &str, tree: &Tree, path: &KeyPath) -> Result<Vec<Edit>, StoreError> {
    let item = tree.find(path).ok_or_else(|| StoreError::NoSuchKey {
        path: path.to_string(),
    })?;
    let parent = tree.container(item.parent);
    let siblings: Vec<&Item> = tree
        .children(item.parent)
        .filter(|other| !other.is_comment())
        .collect();
    if parent.flow {
        return Ok(vec![Edit::new(flow_entry(text, &item.entry), "")]);
    }
    let mut edits = Vec::new();
    if let ([_], Some(grandparent)) = (siblings.as_slice(), parent.parent) {
        // The last entry of a nested container: what is left is an empty one.
        let empty = match parent.shape {
            Shape::Map => Node::Map(Vec::new()),
            Shape::List => Node::List(Vec::new()),
        };
        let opener = tree
            .items
            .iter()
            .find(|other| matches!(other.body, Body::Open(id) if id == item.parent));
        if let Some(opener) = opener {
            let around = tree.container(grandparent);
            return Ok(replace_value(text, tree, opener, around, &empty));
        }
    }
    let line_start = text
        .get(..item.entry.start)
        .and_then(|head| head.rfind('\n'))
        .map_or(0, |newline| newline + 1);
    let alone = text
        .get(line_start..item.entry.start)
        .is_some_and(|before| before.trim_start_matches('\u{feff}').trim().is_empty());
    let next = siblings
        .iter()
        .find(|other| other.entry.start > item.entry.start);
    let range = match next {
        // Behind a dash: the next entry takes this one's place on the dash's line.
        Some(next) if !alone => item.entry.start..next.entry.start,
        _ => {
            let start = if line_start == 0 && text.starts_with('\u{feff}') {
                3
            } else {
                line_start
            };
            whole_lines(text, start..end_with_comments(tree, item))
        }
    };
    // Without a line break at the end of a sealed file, the one before its `sops` block is not the
    // last entry's own. It may have been this one's; a block text that comes last now needs it.
    let sealed = tree
        .documents
        .iter()
        .any(|document| document.meta.is_some());
    if next.is_none() && sealed && !text.ends_with('\n') && range.end < text.len() {
        edits.push(Edit::new(
            text.len()..text.len(),
            newline_of(text.as_bytes()),
        ));
    }
    let end = match block_above(text, tree, range.start) {
        Some(above) => keep_out(text, range.end, &above, parent.indent, &mut edits),
        None => range.end,
    };
    edits.push(Edit::new(range.start..end, ""));
    Ok(edits)
}

/// A block text that ends right above a place.
struct BlockAbove {
    /// The least column that belongs to it.
    column: usize,
    /// Whether blank lines below it belong to it.
    keeps: bool,
}

fn block_above(text: &str, tree: &Tree, at: usize) -> Option<BlockAbove> {
    let before = |item: &&Item| item.entry.start < at && !matches!(item.body, Body::Comment(_));
    let item = tree.items.iter().rev().find(before)?;
    let block = item.block.as_ref()?;
    let between = text.get(block.lines.end..at)?;
    let around = tree.container(item.parent).indent;
    let above = BlockAbove {
        column: if block.indent > 0 {
            block.indent
        } else {
            around + 1
        },
        keeps: text.get(item.span.clone())?.contains('+'),
    };
    between.trim().is_empty().then_some(above)
}

/// Keeps what has come to stand below a block text from becoming part of it: comments far to the
/// right move to `indent`, and blank lines lose their blanks. Gives the place from which on lines
/// may stay; where blank lines count, they go.
fn keep_out(
    text: &str,
    from: usize,
    above: &BlockAbove,
    indent: usize,
    edits: &mut Vec<Edit>,
) -> usize {
    let mut at = from;
    let mut blank = from;
    for line in text.get(from..).unwrap_or_default().split_inclusive('\n') {
        let content = line.trim_start_matches(' ');
        let spaces = line.len() - content.len();
        if content.starts_with('#') {
            if spaces >= above.column {
                edits.push(Edit::new(at + indent..at + spaces, ""));
            }
        } else if !content.trim().is_empty() {
            break;
        } else if above.keeps && blank == at {
            blank += line.len();
        } else if spaces > 0 {
            edits.push(Edit::new(at..at + spaces, ""));
        }
        at += line.len();
    }
    blank
}

/// The end of an entry, with the comments below it that belong to what is in it.
pub(super) fn end_with_comments(tree: &Tree, entry: &Item) -> usize {
    let Body::Open(outer) = entry.body else {
        return entry.entry.end;
    };
    let inside = |mut id: usize| {
        // Containers come after the ones around them.
        while id > outer {
            match tree.container(id).parent {
                Some(parent) => id = parent,
                None => break,
            }
        }
        id == outer
    };
    // go-yaml gives some comments of the next document to the last entry of this one.
    let limit = tree.documents.get(tree.container(outer).document);
    let limit = limit.map_or(usize::MAX, |document| {
        let cut = document.meta.as_ref().and_then(|meta| meta.cut.first());
        cut.filter(|cut| cut.start > entry.entry.start)
            .map_or(document.end, |cut| cut.start)
    });
    tree.items
        .iter()
        .filter(|item| matches!(item.body, Body::Comment(_)) && inside(item.parent))
        .filter(|item| item.entry.start < limit)
        .map(|item| item.entry.end)
        .fold(entry.entry.end, usize::max)
}

/// A flow entry with one of the commas around it.
pub(super) fn flow_entry(text: &str, entry: &Range<usize>) -> Range<usize> {
    let head = text.get(..entry.start).unwrap_or_default().trim_end();
    if let Some(head) = head.strip_suffix(',') {
        return head.len()..entry.end;
    }
    let rest = text.get(entry.end..).unwrap_or_default();
    match rest.trim_start().strip_prefix(',') {
        // A comment has a blank before it.
        Some(after) if after.trim_start_matches(' ').starts_with('#') => {
            entry.start..text.len() - after.len()
        }
        Some(after) => entry.start..text.len() - after.trim_start_matches(' ').len(),
        None => entry.clone(),
    }
}

/// A range from the start of a line, with the rest of its last line: at the end of a text that has
/// no line break there, the one before goes instead.
pub(super) fn whole_lines(text: &str, range: Range<usize>) -> Range<usize> {
    let end = line_end(text, range.end);
    if end < text.len() || text.ends_with('\n') {
        return range.start..end;
    }
    let head = text.get(..range.start).unwrap_or_default();
    let head = head.strip_suffix('\n').unwrap_or(head);
    head.strip_suffix('\r').unwrap_or(head).len()..end
}

/// Behind the line break of the line on which `at` stands.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    match text.get(at..).and_then(|rest| rest.find('\n')) {
        Some(newline) => at + newline + 1,
        None => text.len(),
    }
}
