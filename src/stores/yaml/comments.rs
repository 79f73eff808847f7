//! Comments among the items: each in the container that sops puts it into, and in sops's order.

use std::collections::HashMap;
use std::ops::Range;

use crate::document::{Body, Item, Style, Tree};
use crate::keypath::Segment;
use crate::stores::yaml::attach::{Attached, attach};

/// A comment as the parser saw it.
pub(super) struct Found {
    /// From its `#` to the end of its text.
    pub(super) range: Range<usize>,
    /// Whether it stands inside the `sops` block.
    pub(super) in_block: bool,
}

/// Puts the comments among the items. `scalars` is where keys and values stand.
pub(super) fn place(
    text: &str,
    tree: &mut Tree,
    mut comments: Vec<Found>,
    scalars: &[Range<usize>],
) {
    // A comment behind a block scalar's header is reported after the scalar.
    comments.sort_by_key(|comment| comment.range.start);
    comments.retain(|comment| !comment.in_block && !in_cut(tree, comment.range.start));
    if comments.is_empty() {
        return;
    }
    let attached = attach(text, scalars).unwrap_or_default();
    let known: HashMap<usize, (usize, Attached)> = attached
        .into_iter()
        .enumerate()
        .map(|(number, comment)| (comment.at, (number, comment)))
        .collect();
    let mut placed: Vec<(usize, usize, Item)> = comments
        .into_iter()
        .map(|comment| {
            let at = comment.range.start;
            let (number, container, before) = match known.get(&at) {
                Some((number, place)) if place.container < tree.containers.len() => {
                    (*number, place.container, place.before)
                }
                _ => {
                    let (container, before) = nearby(tree, at);
                    (usize::MAX, container, before)
                }
            };
            (before, number, comment_item(text, container, comment.range))
        })
        .collect();
    placed.sort_by_key(|(before, number, _)| (*before, *number));
    let items = std::mem::take(&mut tree.items);
    let mut merged = Vec::with_capacity(items.len() + placed.len());
    let mut placed = placed.into_iter().peekable();
    for (index, item) in items.into_iter().enumerate() {
        while let Some((.., comment)) = placed.next_if(|(before, ..)| *before <= index) {
            merged.push(comment);
        }
        merged.push(item);
    }
    merged.extend(placed.map(|(.., comment)| comment));
    tree.items = merged;
}

fn in_cut(tree: &Tree, at: usize) -> bool {
    tree.documents
        .iter()
        .filter_map(|document| document.meta.as_ref())
        .any(|meta| meta.cut.iter().any(|cut| cut.contains(&at)))
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

/// A place for a comment that sops loses when it reads the file, such as one beside an opening
/// bracket: with the item that comes next, or the last one.
fn nearby(tree: &Tree, at: usize) -> (usize, usize) {
    let next = tree.items.partition_point(|item| item.entry.start < at);
    let item = tree.items.get(next).or(tree.items.last());
    (item.map_or(0, |item| item.parent), next)
}
