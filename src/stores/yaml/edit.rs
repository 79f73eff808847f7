//! Entries that come, go and get other names, in the text as it stands.

use std::ops::Range;

use crate::document::{Body, Container, Edit, Item, Shape, Style, Tree, Value};
use crate::keypath::{KeyPath, Segment};
use crate::secret::Cleartext;
use crate::sops::store::{NewNode, StoreError};
use crate::stores::yaml::layout::{Layout, Node, flow_key, key_text};
use crate::stores::yaml::remove::{end_with_comments, flow_entry, line_end, whole_lines};
use crate::stores::yaml::render;
use crate::stores::yaml::sops_block::newline_of;

/// An encrypted comment that stands as a list's item becomes a comment line.
pub(super) fn list_comment(text: &str, item: &Item, comment: &[u8]) -> Edit {
    let in_block_list = text.as_bytes().get(item.entry.start) == Some(&b'-');
    if !in_block_list {
        return Edit::new(flow_entry(text, &item.entry), "");
    }
    let mut line = Cleartext::from("#");
    line.push(comment);
    Edit {
        range: item.entry.clone(),
        text: line,
    }
}

/// See [`crate::sops::store::Store::list_item`].
pub(super) fn list_item(text: &str, tree: &Tree, item: &Item, envelope: &str) -> Option<String> {
    let list = tree.container(item.parent);
    let at = item.span.start;
    let line = text.get(..at)?.rfind('\n').map_or(0, |newline| newline + 1);
    let alone = text.get(line..at)?.trim_start_matches(' ').is_empty();
    let fits = list.shape == Shape::List && !list.flow && alone && at - line == list.indent;
    fits.then(|| format!("- {envelope}"))
}

/// See [`crate::sops::store::Store::insert`].
pub(super) fn insert(
    text: &str,
    tree: &Tree,
    path: &KeyPath,
    node: &NewNode,
) -> Result<Vec<Edit>, StoreError> {
    if let Some(item) = tree.find(path) {
        let parent = tree.container(item.parent);
        let node = to_node(tree, item.parent, node);
        return Ok(replace_value(text, tree, item, parent, &node));
    }
    // The deepest container on the way that exists, and what is missing below it.
    let mut at = path.clone();
    let mut missing = Vec::new();
    let (container, missing) = loop {
        let Some((parent, name)) = at.split_last() else {
            return Err(StoreError::NoSuchKey {
                path: path.to_string(),
            });
        };
        missing.push(name.clone());
        at = parent;
        if let Some(id) = tree.find_container(&at) {
            missing.reverse();
            break (id, missing);
        }
        if let Some(item) = tree.find(&at) {
            if !matches!(item.body, Body::Null) {
                return Err(StoreError::NotAContainer {
                    path: at.to_string(),
                });
            }
            missing.reverse();
            let node = nest(&missing, to_node(tree, item.parent, node), path)?;
            return Ok(replace_value(
                text,
                tree,
                item,
                tree.container(item.parent),
                &node,
            ));
        }
    };
    let mut rest = missing.into_iter();
    let Some(first) = rest.next() else {
        return Err(StoreError::NoSuchKey {
            path: path.to_string(),
        });
    };
    let rest: Vec<Segment> = rest.collect();
    let node = nest(&rest, to_node(tree, container, node), path)?;
    append(text, tree, container, &first, &node, path)
}

/// The node inside the maps and lists that are missing around it.
fn nest(missing: &[Segment], node: Node, path: &KeyPath) -> Result<Node, StoreError> {
    missing
        .iter()
        .rev()
        .try_fold(node, |node, segment| match segment {
            Segment::Key(key) => Ok(Node::Map(vec![(key.clone(), node)])),
            Segment::Index(0) => Ok(Node::List(vec![node])),
            Segment::Index(_) => Err(StoreError::NoSuchKey {
                path: path.to_string(),
            }),
        })
}

fn to_node(tree: &Tree, parent: usize, node: &NewNode) -> Node {
    let clear = |value: &Value| {
        let item = Item {
            parent,
            name: Segment::Index(0),
            body: Body::Null,
            style: Style::Plain,
            span: 0..0,
            entry: 0..0,
            block: None,
        };
        let text = render::plain(tree, &item, Style::Plain, value, "\n");
        text.as_str().unwrap_or_default().to_owned()
    };
    Node::from_new(node, &clear)
}

fn layout<'t>(text: &'t str, tree: &Tree) -> Layout<'t> {
    let step = tree
        .containers
        .iter()
        .filter(|container| !container.flow)
        .filter_map(|container| {
            let parent = tree.container(container.parent?);
            (parent.shape == Shape::Map && !parent.flow)
                .then(|| container.indent.checked_sub(parent.indent))
                .flatten()
        })
        .find(|step| *step > 0);
    Layout {
        step: step.unwrap_or(2),
        newline: newline_of(text.as_bytes()),
    }
}

/// Puts a node in the place of an existing value.
pub(super) fn replace_value(
    text: &str,
    tree: &Tree,
    item: &Item,
    parent: &Container,
    node: &Node,
) -> Vec<Edit> {
    let layout = layout(text, tree);
    let nested = node.is_nested();
    if let (Body::Leaf(_), false) = (&item.body, nested) {
        let mut edits = Vec::new();
        item.replace(&node.flow().into(), &mut edits);
        return edits;
    }
    if let Some(block) = &item.block {
        // A comment behind the header stays.
        let mut body = String::new();
        layout.value(&mut body, node, parent.indent);
        let body = body.strip_suffix(layout.newline).unwrap_or(&body);
        let head = text.get(..item.span.start).unwrap_or_default().trim_end();
        return vec![
            Edit::new(head.len()..item.span.end, ""),
            Edit::new(block.lines.clone(), body),
        ];
    }
    let whole = match item.body {
        Body::Open(id) if !tree.container(id).flow => {
            return replace_lines(text, item, &tree.container(id).span, parent, node, &layout);
        }
        Body::Open(id) => tree.container(id).span.clone(),
        _ => {
            item.span.start
                ..item
                    .block
                    .as_ref()
                    .map_or(item.span.end, |block| block.lines.end)
        }
    };
    // From right behind the colon or dash, where nothing but blanks stands between.
    let head = text.get(..whole.start).unwrap_or_default().trim_end();
    let start = if head.ends_with([':', '-', '?']) {
        head.len()
    } else {
        whole.start
    };
    // An anchor may stand there, too.
    let behind = text.get(..start).unwrap_or_default();
    let lead = if behind.is_empty() || behind.ends_with([' ', '\t', '\n', '[', '{', ',']) {
        ""
    } else {
        " "
    };
    if parent.flow || !nested {
        return vec![Edit::new(
            start..whole.end,
            format!("{lead}{}", node.flow()),
        )];
    }
    vec![Edit::new(
        start..whole.end,
        lines(head, node, parent, &layout),
    )]
}

/// A nested node as it follows behind the colon or dash that `head` ends with, without its last
/// line break.
fn lines(head: &str, node: &Node, parent: &Container, layout: &Layout<'_>) -> String {
    let mut body = String::new();
    if head.ends_with('-') {
        layout.item(&mut body, node, parent.indent);
        body = body.trim_start_matches(' ').trim_start_matches('-').into();
    } else {
        layout.value(&mut body, node, parent.indent);
    }
    body.strip_suffix(layout.newline).unwrap_or(&body).into()
}

/// Puts a node in the place of a container that is written in lines, at `span`. Comments between
/// it and its key stay.
fn replace_lines(
    text: &str,
    item: &Item,
    span: &Range<usize>,
    parent: &Container,
    node: &Node,
    layout: &Layout<'_>,
) -> Vec<Edit> {
    let nested = node.is_nested();
    let lead = lead_end(text, item, span.start);
    let commented = text
        .get(lead..span.start)
        .is_some_and(|between| between.contains('#'));
    let head = text.get(..lead).unwrap_or_default();
    if !commented {
        let body = if nested {
            lines(head, node, parent, layout)
        } else {
            format!(" {}", node.flow())
        };
        return vec![Edit::new(lead..span.end, body)];
    }
    let head = text.get(..span.start).unwrap_or_default();
    let line = head.rfind('\n').map_or(0, |newline| newline + 1);
    if nested {
        let mut body = String::new();
        layout.value(&mut body, node, parent.indent);
        let body = body.strip_prefix(layout.newline).unwrap_or(&body);
        let body = body.strip_suffix(layout.newline).unwrap_or(body);
        return vec![Edit::new(line..span.end, body)];
    }
    vec![
        Edit::new(lead..lead, format!(" {}", node.flow())),
        Edit::new(whole_lines(text, line..span.end), ""),
    ]
}

/// Adds an entry at the end of a container.
fn append(
    text: &str,
    tree: &Tree,
    id: usize,
    name: &Segment,
    node: &Node,
    path: &KeyPath,
) -> Result<Vec<Edit>, StoreError> {
    let container = tree.container(id);
    let entries: Vec<&Item> = tree
        .children(id)
        .filter(|item| !item.is_comment())
        .collect();
    match (name, container.shape) {
        (Segment::Key(_), Shape::Map) => {}
        (Segment::Index(index), Shape::List) if *index == entries.len() => {}
        (Segment::Index(_), Shape::List) => {
            return Err(StoreError::NoSuchKey {
                path: path.to_string(),
            });
        }
        _ => {
            let path = tree.container_path(id).to_string();
            let why = match container.shape {
                Shape::Map => "a map has names, not numbers",
                Shape::List => "a list has numbers, not names",
            };
            return Err(StoreError::CannotCarry {
                path,
                why: why.into(),
            });
        }
    }
    if container.flow {
        let entry = match name {
            Segment::Key(key) => format!("{}: {}", flow_key(key), node.flow()),
            Segment::Index(_) => node.flow(),
        };
        return Ok(vec![flow_append(tree, id, &entry)]);
    }
    let layout = layout(text, tree);
    let mut entry = String::new();
    match name {
        Segment::Key(key) => layout.entry(&mut entry, key, node, container.indent),
        Segment::Index(_) => layout.item(&mut entry, node, container.indent),
    }
    let at = if let Some(last) = entries.last() {
        line_end(text, end_with_comments(tree, last))
    } else {
        // An empty root: before the `sops` block, or at the document's end.
        let document = tree.documents.get(container.document);
        let cut = document
            .and_then(|doc| doc.meta.as_ref())
            .and_then(|meta| meta.cut.first());
        cut.map_or_else(
            || document.map_or(text.len(), |doc| doc.end.min(text.len())),
            |cut| cut.start,
        )
    };
    let before = text.get(..at).unwrap_or_default();
    if before.is_empty() || before.ends_with('\n') {
        return Ok(vec![Edit::new(at..at, entry)]);
    }
    let entry = entry.strip_suffix(layout.newline).unwrap_or(&entry);
    Ok(vec![Edit::new(
        at..at,
        format!("{}{entry}", layout.newline),
    )])
}

/// An edit that adds an entry to a flow container, behind the last one. Comments may follow there,
/// up to the bracket.
pub(super) fn flow_append(tree: &Tree, id: usize, entry: &str) -> Edit {
    let container = tree.container(id);
    if let Some(last) = tree.children(id).rfind(|item| !item.is_comment()) {
        let at = last.entry.end;
        return Edit::new(at..at, format!(", {entry}"));
    }
    let at = container.span.start + 1;
    let document = tree.documents.get(container.document);
    let alone =
        container.parent.is_some() || document.is_none_or(|document| document.meta.is_none());
    let comma = if alone { "" } else { ", " };
    Edit::new(at..at, format!("{entry}{comma}"))
}

/// The end of what stands before an entry's value that begins at `value`: its colon or dash, its
/// anchor and tag.
fn lead_end(text: &str, entry: &Item, value: usize) -> usize {
    let from = match entry.name {
        Segment::Key(_) => {
            let key = key_range(text, entry.entry.start).end;
            let colon = text.get(key..value).and_then(|lead| lead.find(':'));
            key + colon.map_or(0, |colon| colon + 1)
        }
        Segment::Index(_) => entry.entry.start + 1,
    };
    let lead = text.get(from..value).unwrap_or_default();
    let line = lead.lines().next().unwrap_or_default();
    let comment = line
        .match_indices('#')
        .map(|(at, _)| line.get(..at).unwrap_or_default())
        .find(|before| before.ends_with([' ', '\t']));
    from + comment.unwrap_or(line).trim_end().len()
}

/// See [`crate::sops::store::Store::rename`].
pub(super) fn rename(
    text: &str,
    tree: &Tree,
    path: &KeyPath,
    key: &str,
) -> Result<Vec<Edit>, StoreError> {
    let item = tree.find(path).ok_or_else(|| StoreError::NoSuchKey {
        path: path.to_string(),
    })?;
    if matches!(item.name, Segment::Index(_)) {
        let why = "a list's items have no names".into();
        return Err(StoreError::CannotCarry {
            path: path.to_string(),
            why,
        });
    }
    let flow = tree.container(item.parent).flow;
    let range = key_range(text, item.entry.start);
    let written = if flow { flow_key(key) } else { key_text(key) };
    Ok(vec![Edit::new(range, written)])
}

/// The key's text, quotes included, of the entry that begins at `start`.
fn key_range(text: &str, start: usize) -> Range<usize> {
    let rest = text.get(start..).unwrap_or_default();
    let skipped = rest
        .strip_prefix('?')
        .map_or(0, |after| 1 + after.len() - after.trim_start().len());
    let mut start = start + skipped;
    // A tag or an anchor before the key stays.
    while let Some(property) = text
        .get(start..)
        .filter(|rest| rest.starts_with(['!', '&']))
    {
        let word = property.find([' ', '\t']).unwrap_or(property.len());
        let rest = property.get(word..).unwrap_or_default();
        start += property.len() - rest.trim_start_matches([' ', '\t']).len();
    }
    let rest = text.get(start..).unwrap_or_default();
    let bytes = rest.as_bytes();
    let len = if let Some(quote @ (b'"' | b'\'')) = bytes.first() {
        let mut at = 1;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'\\' if *quote == b'"' => at += 1,
                b'\'' if *quote == b'\'' && bytes.get(at + 1) == Some(&b'\'') => at += 1,
                byte if byte == quote => break,
                _ => {}
            }
            at += 1;
        }
        at + 1
    } else {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            let ends = *byte == b'\n'
                || (*byte == b':'
                    && bytes.get(at + 1).is_none_or(|next| {
                        next.is_ascii_whitespace() || matches!(next, b',' | b']' | b'}')
                    }));
            if ends {
                break;
            }
            at += 1;
        }
        rest.get(..at).unwrap_or_default().trim_end().len()
    };
    start..start + len.min(rest.len())
}

/// See [`crate::sops::store::Store::extract`].
pub(super) fn extract(text: &str, tree: &Tree, id: usize) -> Cleartext {
    let container = tree.container(id);
    let slice = text.get(container.span.clone()).unwrap_or_default();
    let mut out = Cleartext::with_capacity(slice.len() + 1);
    for (number, line) in slice.split_inclusive('\n').enumerate() {
        let spaces = line.len() - line.trim_start_matches(' ').len();
        let cut = if number == 0 || container.flow {
            0
        } else {
            spaces.min(container.indent)
        };
        out.push(line.as_bytes().get(cut..).unwrap_or_default());
    }
    if !slice.ends_with('\n') {
        out.push(b"\n");
    }
    out
}
