//! Which container a comment belongs to. SOPS's additional data for a comment is the path of what
//! it stands in, so this follows where go-yaml v3 attaches comments.

use std::ops::Range;

use crate::document::{Body, Item, Shape, Style, Tree};
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
    let runs = runs(text, &comments);
    for (comment, run) in comments.into_iter().zip(runs) {
        let at = comment.range.start;
        while tree
            .items
            .get(next)
            .is_some_and(|item| item.entry.start < at)
        {
            next += 1;
        }
        let parent = owner(text, tree, next, at, run);
        // A comment beside a value counts as standing before it, as in sops, whose comment
        // selectors judge the value by it. The opening of a comment's own container comes first.
        let position = match tree.items.get(next) {
            _ if run.is_none() && next > 0 => next - 1,
            Some(item) if opens(item, parent) => next + 1,
            _ => next,
        };
        placed.push((position, comment_item(text, parent, comment.range)));
    }
    placed.sort_by_key(|(position, _)| *position);
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

/// A run of comments on lines of their own, one directly below the other at the same column.
#[derive(Clone, Copy)]
struct Run {
    /// Where the last comment before the run that has its own line begins.
    before: Option<usize>,
    /// Whether a blank line stands directly before the run.
    blank_precedes: bool,
    /// Whether a blank line follows the run.
    blank_follows: bool,
}

/// The run of each comment; `None` for those that stand beside something.
fn runs(text: &str, comments: &[Found]) -> Vec<Option<Run>> {
    let mut runs: Vec<Option<Run>> = Vec::with_capacity(comments.len());
    let mut last: Option<&Found> = None;
    for comment in comments {
        let at = comment.range.start;
        if !stands_alone(text, at) {
            runs.push(None);
            continue;
        }
        let below = |last: &&Found| {
            let between = text.get(last.range.end..at).unwrap_or_default();
            between.matches('\n').count() == 1
                && between.trim().is_empty()
                && column(text, last.range.start) == column(text, at)
        };
        let (before, blank_precedes) = match (last.filter(below), runs.last()) {
            (Some(_), Some(Some(run))) => (run.before, run.blank_precedes),
            _ => (last.map(|last| last.range.start), blank_precedes(text, at)),
        };
        let blank_follows = blank_follows(text, comment.range.end);
        runs.push(Some(Run {
            before,
            blank_precedes,
            blank_follows,
        }));
        last = Some(comment);
    }
    // Whether a blank line follows is known at a run's last comment.
    for index in (1..runs.len()).rev() {
        let (head, tail) = runs.split_at_mut(index);
        if let (Some(Some(run)), Some(Some(next))) = (head.last_mut(), tail.first())
            && run.before == next.before
        {
            run.blank_follows = next.blank_follows;
        }
    }
    runs
}

/// Whether the line before the one on which `at` stands is blank.
fn blank_precedes(text: &str, at: usize) -> bool {
    let head = text.get(..at).unwrap_or_default();
    let mut lines = head.rsplit('\n').skip(1);
    lines.next().is_some_and(|line| line.trim().is_empty())
}

/// Whether the line behind the one that ends at `end` is blank.
fn blank_follows(text: &str, end: usize) -> bool {
    let rest = text.get(end..).unwrap_or_default();
    let mut lines = rest.split('\n').skip(1);
    matches!((lines.next(), lines.next()), (Some(line), Some(_)) if line.trim().is_empty())
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

/// Whether a comment has a line of its own.
fn stands_alone(text: &str, at: usize) -> bool {
    let line = text
        .get(..at)
        .and_then(|head| head.rfind('\n'))
        .map_or(0, |at| at + 1);
    let before = text.get(line..at).unwrap_or_default();
    before.trim_start_matches('\u{feff}').trim().is_empty()
}

/// The container of the comment at `at`; `next` is the first item whose entry begins behind it.
fn owner(text: &str, tree: &Tree, next: usize, at: usize, run: Option<Run>) -> usize {
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
    let Some(run) = run else {
        // Behind a closing bracket it belongs to what the bracket closes.
        return closed_flow(tree, previous, at).unwrap_or(previous.parent);
    };
    let indent = column(text, at);
    // At a document's end the `sops` block follows, or will.
    let parent = following.map_or(root, |item| block_parent(tree, item.parent));
    if opens(previous, parent) || indent == tree.container(parent).indent {
        // Directly above the first entry of a container, or in line with the next entry.
        return parent;
    }
    let above = block_parent(tree, previous.parent);
    let is_below =
        std::iter::successors(Some(above), |id| tree.container(*id).parent).any(|id| id == parent);
    if !is_below {
        return parent;
    }
    // What directly follows an entry and is not in line with the next one is the entry's foot,
    // at whatever column; what comes after that, or is set off by a blank line, goes by its column.
    let is_first = run
        .before
        .is_none_or(|before| before < previous.entry.start);
    if (is_first && (run.blank_precedes || !run.blank_follows))
        || indent < tree.container(parent).indent
    {
        return above;
    }
    ancestors(tree, previous)
        .find(|id| tree.container(*id).indent <= indent)
        .unwrap_or(root)
}

/// The outermost flow container around `previous` (or opened by it) that is closed before `at`.
fn closed_flow(tree: &Tree, previous: &Item, at: usize) -> Option<usize> {
    let opened = match previous.body {
        Body::Open(id) => id,
        _ => previous.parent,
    };
    std::iter::successors(Some(opened), |id| tree.container(*id).parent)
        .take_while(|id| tree.container(*id).flow)
        .filter(|id| tree.container(*id).span.end <= at)
        .last()
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
        .filter(|id| !tree.container(*id).flow && !is_indentless(tree, *id))
}

/// A list whose dashes stand at the column of the key that holds it: to go-yaml's scanner it has
/// no indentation of its own.
fn is_indentless(tree: &Tree, id: usize) -> bool {
    let container = tree.container(id);
    container.shape == Shape::List
        && container.parent.is_some_and(|parent| {
            let parent = tree.container(parent);
            parent.shape == Shape::Map && !parent.flow && parent.indent == container.indent
        })
}
