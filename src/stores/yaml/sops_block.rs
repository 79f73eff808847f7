//! The `sops` block in YAML: reading it while the events pass, writing it, changing it in place.

use std::ops::Range;

use crate::document::{Edit, Meta, MetaBlock, MetaField, Style, Tree};
use crate::stores::yaml::edit::flow_append;
use crate::stores::yaml::layout::{Layout, Node};
use crate::stores::yaml::parse::meta_scalar;
use crate::stores::yaml::render::{plain_safe, quoted};
use crate::stores::yaml::scalar::Tag;

/// Builds the block from the parser's events.
pub(super) struct BlockReader {
    start: usize,
    stack: Vec<Level>,
    fields: Vec<MetaField>,
}

struct Level {
    map: bool,
    entries: Vec<(String, Meta)>,
    key: Option<String>,
    start: usize,
}

impl BlockReader {
    /// `start` is where the `sops` key begins. The block's own map is open.
    pub(super) fn new(start: usize) -> Self {
        Self {
            start,
            stack: vec![Level::new(true, start)],
            fields: Vec::new(),
        }
    }

    pub(super) fn open(&mut self, map: bool, at: usize) {
        self.stack.push(Level::new(map, at));
    }

    /// A map or list ends; true when it was the block itself.
    pub(super) fn close(&mut self, end: usize) -> bool {
        let Some(level) = self.stack.pop() else {
            return true;
        };
        if self.stack.is_empty() {
            return true;
        }
        let start = level.start;
        let value = if level.map {
            Meta::Map(level.entries)
        } else {
            Meta::List(level.entries.into_iter().map(|(_, value)| value).collect())
        };
        self.value(value, start..end, Style::Plain);
        false
    }

    pub(super) fn scalar(&mut self, value: &str, style: Style, tag: Tag, range: Range<usize>) {
        if let Some(level) = self.stack.last_mut()
            && level.map
            && level.key.is_none()
        {
            level.key = Some(value.into());
            return;
        }
        self.value(meta_scalar(value, style, tag), range, style);
    }

    fn value(&mut self, value: Meta, span: Range<usize>, style: Style) {
        let top = self.stack.len() == 1;
        let Some(level) = self.stack.last_mut() else {
            return;
        };
        let name = level.key.take().unwrap_or_default();
        if top {
            self.fields.push(MetaField {
                name,
                value,
                span,
                style,
            });
        } else {
            level.entries.push((name, value));
        }
    }

    /// The block, whose last token ends at `end`.
    pub(super) fn finish(self, text: &str, end: usize, in_flow: bool) -> MetaBlock {
        let cut = if in_flow {
            flow_cut(text, self.start, end)
        } else {
            block_cut(text, self.start, end)
        };
        MetaBlock {
            fields: self.fields,
            cut: vec![cut],
            rest: String::new(),
        }
    }
}

/// An empty map in the place of a block that stands alone in a document without a `---` of its
/// own: without anything, there would be one document less.
pub(super) fn keep_document(text: &str, block: &mut MetaBlock) {
    let Some(cut) = block.cut.first().and_then(|cut| text.get(cut.clone())) else {
        return;
    };
    let newline = newline_of(text.as_bytes());
    block.rest = match (cut.starts_with(['\r', '\n']), cut.ends_with('\n')) {
        (true, false) => format!("{newline}{{}}"),
        (_, true) => format!("{{}}{newline}"),
        (false, false) => "{}".into(),
    };
}

impl Level {
    fn new(map: bool, start: usize) -> Self {
        Self {
            map,
            entries: Vec::new(),
            key: None,
            start,
        }
    }
}

/// Whole lines. Where the file ends without a line break, the one before the block goes: `attach`
/// put it there.
fn block_cut(text: &str, key: usize, end: usize) -> Range<usize> {
    let mark = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let start = text
        .get(..key)
        .and_then(|head| head.rfind('\n'))
        .map_or(mark, |at| at + 1);
    let rest = text.get(end..).unwrap_or_default();
    if let Some(newline) = rest.find('\n') {
        return start..end + newline + 1;
    }
    let head = text.get(..start).unwrap_or_default();
    let head = head.strip_suffix('\n').unwrap_or(head);
    let head = head.strip_suffix('\r').unwrap_or(head);
    head.len()..text.len()
}

/// The entry with the comma behind it, or before it where it comes last.
fn flow_cut(text: &str, key: usize, end: usize) -> Range<usize> {
    let head = text.get(..key).unwrap_or_default().trim_end();
    let rest = text.get(end..).unwrap_or_default();
    match (head.strip_suffix(','), rest.trim_start().strip_prefix(',')) {
        (Some(_), Some(after)) => head.len()..text.len() - after.len(),
        (Some(before), None) => before.len()..end,
        (None, Some(after)) => key..text.len() - after.trim_start().len(),
        (None, None) => key..end,
    }
}

/// Edits that add the block to every document.
pub(super) fn attach(text: &str, tree: &Tree, meta: &[(String, Meta)]) -> Vec<Edit> {
    let newline = newline_of(text.as_bytes());
    tree.documents
        .iter()
        .map(|document| {
            let root = tree.container(document.root);
            if root.flow {
                let block = to_node(&map(meta), true).flow();
                return flow_append(tree, document.root, &format!("\"sops\": {block}"));
            }
            let at = document.end.min(text.len());
            let before = text.get(..at).unwrap_or_default();
            let mut block = String::new();
            layout(newline).entry(&mut block, "sops", &to_node(&map(meta), false), root.indent);
            if before.is_empty() || before.ends_with('\n') {
                return Edit::new(at..at, block);
            }
            let block = block.strip_suffix(newline).unwrap_or(&block);
            Edit::new(at..at, format!("{newline}{block}"))
        })
        .collect()
}

/// Edits that bring the blocks to `meta`: scalars in place, all else by writing the block anew.
pub(super) fn refresh(text: &str, tree: &Tree, meta: &[(String, Meta)]) -> Vec<Edit> {
    let newline = newline_of(text.as_bytes());
    let mut edits = Vec::new();
    for document in &tree.documents {
        let Some(block) = &document.meta else {
            continue;
        };
        let in_flow = tree.container(document.root).flow;
        if let Some(scalars) = scalar_edits(text, block, meta, in_flow) {
            edits.extend(scalars);
            continue;
        }
        let Some(cut) = block.cut.first().cloned() else {
            continue;
        };
        let old = text.get(cut.clone()).unwrap_or_default();
        if in_flow {
            let lead: String = old
                .chars()
                .take_while(|c| *c == ',' || c.is_whitespace())
                .collect();
            let tail = old.rsplit('}').next().unwrap_or_default();
            let block = to_node(&map(meta), true).flow();
            edits.push(Edit::new(cut, format!("{lead}\"sops\": {block}{tail}")));
            continue;
        }
        let mut new: String = old
            .chars()
            .take_while(|c| matches!(c, '\r' | '\n'))
            .collect();
        let indent = tree.container(document.root).indent;
        let step = step_of(text, block, indent).unwrap_or(SOPS_STEP);
        let layout = Layout { step, newline };
        layout.entry(&mut new, "sops", &to_node(&map(meta), false), indent);
        if !old.ends_with('\n') {
            new.truncate(new.len() - newline.len());
        }
        edits.push(Edit::new(cut, new));
    }
    edits
}

/// The edits of a change that touches scalars only: values that differ, and fields that come or go
/// on lines of their own. `None` for any other.
fn scalar_edits(
    text: &str,
    block: &MetaBlock,
    meta: &[(String, Meta)],
    in_flow: bool,
) -> Option<Vec<Edit>> {
    let mut edits = Vec::new();
    let mut old = block.fields.iter().peekable();
    for (name, value) in meta {
        let known = block.fields.iter().any(|field| field.name == *name);
        if !known {
            let next = old.peek()?;
            let line = field_line(text, next).filter(|_| !in_flow && is_scalar(value))?;
            let indent = text.get(line.start..line.end)?;
            let indent = " ".repeat(indent.len() - indent.trim_start_matches(' ').len());
            let newline = newline_of(text.as_bytes());
            let new = format!("{indent}{name}: {}{newline}", to_node(value, false).flow());
            edits.push(Edit::new(line.start..line.start, new));
            continue;
        }
        while let Some(gone) = old.next_if(|field| field.name != *name) {
            if meta.iter().any(|(name, _)| *name == gone.name) {
                return None;
            }
            let line = field_line(text, gone).filter(|_| !in_flow && is_scalar(&gone.value))?;
            edits.push(Edit::new(line, ""));
        }
        let field = old.next()?;
        if field.value == *value {
            continue;
        }
        let block_style = matches!(field.style, Style::Literal | Style::Folded);
        if !is_scalar(value) || !is_scalar(&field.value) || block_style {
            return None;
        }
        let rendered = match (value, field.style) {
            (Meta::Str(text), Style::Double) => quoted(text),
            (Meta::Str(text), Style::Single) => format!("'{}'", text.replace('\'', "''")),
            _ => to_node(value, in_flow).flow(),
        };
        edits.push(Edit::new(field.span.clone(), rendered));
    }
    old.next().is_none().then_some(edits)
}

fn is_scalar(value: &Meta) -> bool {
    !matches!(value, Meta::List(_) | Meta::Map(_))
}

/// The line of a scalar field, with its line break: it begins with the field's name and ends with
/// its value.
fn field_line(text: &str, field: &MetaField) -> Option<Range<usize>> {
    let start = text.get(..field.span.start)?.rfind('\n')? + 1;
    let rest = text.get(field.span.end..)?;
    let end = field.span.end + rest.find('\n')? + 1;
    let name = text.get(start..end)?.trim_start_matches(' ');
    let own = name.strip_prefix(&field.name)?.starts_with(':')
        && rest.lines().next().unwrap_or_default().trim().is_empty()
        && matches!(field.style, Style::Plain | Style::Single | Style::Double)
        && !text.get(field.span.clone())?.contains('\n');
    own.then_some(start..end)
}

fn map(meta: &[(String, Meta)]) -> Meta {
    Meta::Map(meta.to_vec())
}

/// The file's line break: that of its first line, or of what is near the start of it.
pub(super) fn newline_of(text: &[u8]) -> &'static str {
    // Called for every value, so that a file without line breaks must not be searched each time.
    let head = text.get(..4096).unwrap_or(text);
    match memchr::memchr(b'\n', head) {
        Some(at) if at > 0 && head.get(at - 1) == Some(&b'\r') => "\r\n",
        _ => "\n",
    }
}

/// sops's own layout.
fn layout(newline: &str) -> Layout<'_> {
    Layout {
        step: SOPS_STEP,
        newline,
    }
}

/// Spaces a level, unless sops is told otherwise.
const SOPS_STEP: usize = 4;

/// The spaces a level of a block as it stands there: how far its fields are from its own column.
fn step_of(text: &str, block: &MetaBlock, indent: usize) -> Option<usize> {
    let first = block.fields.iter().map(|field| field.span.start).min()?;
    let before = text.get(..first)?;
    // A list or map begins on a line of its own, behind the one that names it.
    let named = before.lines().rev().find(|line| line.contains(':'))?;
    let column = named.len() - named.trim_start_matches(' ').len();
    column
        .checked_sub(indent)
        .filter(|step| (2..=8).contains(step))
}

/// The metadata with its scalars as YAML text; long text as a `|` block.
fn to_node(value: &Meta, in_flow: bool) -> Node {
    match value {
        Meta::Map(entries) => Node::Map(
            entries
                .iter()
                .map(|(key, value)| (key.clone(), to_node(value, in_flow)))
                .collect(),
        ),
        Meta::List(items) => Node::List(items.iter().map(|item| to_node(item, in_flow)).collect()),
        Meta::Null => Node::Scalar("null".into()),
        Meta::Bool(yes) => Node::Scalar(yes.to_string()),
        Meta::Int(number) => Node::Scalar(number.to_string()),
        Meta::Str(text) if !in_flow && plain_safe(text, false) => Node::Scalar(text.clone()),
        Meta::Str(text) => {
            let (body, header) = match text.strip_suffix('\n') {
                Some(body) => (body, "|"),
                None => (text.as_str(), "|-"),
            };
            let as_block = !in_flow
                && text.contains('\n')
                && !body.starts_with([' ', '\n', '\t'])
                && !body.ends_with([' ', '\n', '\t'])
                && body.chars().all(|c| c == '\n' || (' '..='~').contains(&c));
            if as_block {
                Node::Block(header.into(), body.split('\n').map(Into::into).collect())
            } else {
                Node::Scalar(quoted(text))
            }
        }
    }
}
