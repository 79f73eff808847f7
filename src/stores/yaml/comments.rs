//! Which container a comment belongs to. SOPS's additional data for a comment is the path of what
//! it stands in, so this follows where go-yaml v3 attaches comments.

use std::ops::Range;

use crate::document::{Body, Item, Style, Tree};
use crate::keypath::Segment;
use crate::stores::yaml::places::column;

/// A comment as the parser saw it.
pub(super) struct Found {
    /// From its `#` to the end of its text.
    pub(super) range: Range<usize>,
    /// Whether it stands inside the `sops` block.
    pub(super) in_block: bool,
}

/// Puts the comments among the items, in document order.
pub(super) fn place(text: &str, tree: &mut Tree, mut comments: Vec<Found>) {
    // A comment behind a block scalar's header is reported after the scalar.
    comments.sort_by_key(|comment| comment.range.start);
    comments.retain(|comment| !comment.in_block && !in_cut(tree, comment.range.start));
    if comments.is_empty() {
        return;
    }
    let mut next = 0;
    let mut placed = Vec::with_capacity(comments.len());
    for comment in comments {
        let at = comment.range.start;
        while tree
            .items
            .get(next)
            .is_some_and(|item| item.entry.start < at)
        {
            next += 1;
        }
        let parent = owner(text, tree, next, at);
        // Outer containers' openings that come later than the comment stay behind it, but the
        // opening of its own container must come first.
        let position = match tree.items.get(next) {
            Some(item) if opens(item, parent) => next + 1,
            _ => next,
        };
        placed.push((position, comment_item(text, parent, comment.range)));
    }
    let items = std::mem::take(&mut tree.items);
    let mut merged = Vec::with_capacity(items.len() + placed.len());
    let mut placed = placed.into_iter().peekable();
    for (index, item) in items.into_iter().enumerate() {
        while let Some((_, comment)) = placed.next_if(|(position, _)| *position <= index) {
            merged.push(comment);
        }
        merged.push(item);
    }
    merged.extend(placed.map(|(_, comment)| comment));
    tree.items = merged;
}

fn in_cut(tree: &Tree, at: usize) -> bool {
    tree.documents
        .iter()
        .filter_map(|document| document.meta.as_ref())
        .any(|meta| meta.cut.iter().any(|cut| cut.contains(&at)))
}

fn opens(item: &Item, container: usize) -> bool {
    matches!(item.body, Body::Open(id) if id == container)
}

fn comment_item(text: &str, parent: usize, range: Range<usize>) -> Item {
    // In a file with CRLF line ends the carriage return is not part of the comment.
    let source = text.get(range.clone()).unwrap_or_default();
    let end = range.start + source.trim_end_matches('\r').len();
    let content = text.get(range.start + 1..end).unwrap_or_default();
    Item {
        parent,
        name: Segment::Index(0),
        body: Body::Comment(content.into()),
        style: Style::Plain,
        span: range.start..end,
        entry: range.start..end,
        block: None,
    }
}

/// The container of the comment at `at`; `next` is the first item whose entry begins behind it.
fn owner(text: &str, tree: &Tree, next: usize, at: usize) -> usize {
    let line_start = text
        .get(..at)
        .and_then(|head| head.rfind('\n'))
        .map_or(0, |at| at + 1);
    let alone = text
        .get(line_start..at)
        .is_some_and(|before| before.trim_start_matches('\u{feff}').trim().is_empty());
    let document = document_at(tree, at);
    let of_document = |item: &&Item| tree.container(item.parent).document == document;
    let previous = next
        .checked_sub(1)
        .and_then(|index| tree.items.get(index))
        .filter(of_document);
    let following = tree.items.get(next).filter(of_document);
    let root = tree
        .documents
        .get(document)
        .map_or(0, |document| document.root);
    let Some(previous) = previous else {
        return following.map_or(root, |item| item.parent);
    };
    if let Some(flow) = flow_around(tree, previous, at) {
        return flow;
    }
    if !alone {
        return block_parent(tree, previous.parent);
    }
    let indent = column(text, at);
    let foot = || {
        ancestors(tree, previous)
            .find(|id| tree.container(*id).indent <= indent)
            .unwrap_or(root)
    };
    match following {
        None => foot(),
        Some(item) => {
            let parent = block_parent(tree, item.parent);
            if opens(previous, parent) || indent <= tree.container(parent).indent {
                // Directly above the first entry of a container, or in line with the next entry.
                parent
            } else {
                foot()
            }
        }
    }
}

fn document_at(tree: &Tree, at: usize) -> usize {
    let after = tree.documents.iter().position(|document| at < document.end);
    after.unwrap_or(tree.documents.len().saturating_sub(1))
}

/// The innermost flow container that is open at `at`.
fn flow_around(tree: &Tree, previous: &Item, at: usize) -> Option<usize> {
    let opened = match previous.body {
        Body::Open(id) => id,
        _ => previous.parent,
    };
    let mut id = Some(opened);
    while let Some(at_id) = id {
        let container = tree.container(at_id);
        if container.flow && container.span.contains(&at) {
            return Some(at_id);
        }
        id = container.parent;
    }
    None
}

/// The container itself, or the block container around a closed flow one.
fn block_parent(tree: &Tree, mut id: usize) -> usize {
    while tree.container(id).flow {
        match tree.container(id).parent {
            Some(parent) => id = parent,
            None => break,
        }
    }
    id
}

/// The block containers around an item, innermost first.
fn ancestors<'t>(tree: &'t Tree, item: &Item) -> impl Iterator<Item = usize> + 't {
    let first = match item.body {
        Body::Open(id) if !tree.container(id).flow && !tree.container(id).span.is_empty() => id,
        _ => item.parent,
    };
    std::iter::successors(Some(first), |id| tree.container(*id).parent)
        .filter(|id| !tree.container(*id).flow)
}
