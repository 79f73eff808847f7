//! Aliases written out, because SOPS's additional data knows places, not anchors: what an alias
//! stands for gets a value of its own, as in sops.

use std::collections::HashMap;
use std::rc::Rc;

use granit_parser::{Event, ScalarStyle, Span, StructureStyle};

use crate::document::{Body, Edit, Tree as DocumentTree, splice};
use crate::keypath::{KeyPath, Segment};
use crate::sops::store::{Expanded, Reference, StoreError, line_of};
use crate::stores::yaml::events::{DEPTH_LIMIT, as_text, byte_range, events, scan_error};
use crate::stores::yaml::layout::{Layout, Node};
use crate::stores::yaml::places::column;
use crate::stores::yaml::render::{plain_safe, quoted};
use crate::stores::yaml::sops_block::newline_of;

/// How many nodes all aliases of a file together may stand for.
const NODE_LIMIT: usize = 1_000_000;

/// See [`crate::sops::store::Store::expand`].
pub(super) fn expand(bytes: &[u8]) -> Result<Option<Expanded>, StoreError> {
    if memchr::memchr(b'*', bytes).is_none() {
        return Ok(None);
    }
    let text = as_text(bytes)?;
    let mut walker = Walker {
        text,
        layout: Layout {
            step: 2,
            newline: newline_of(bytes),
        },
        stack: Vec::new(),
        anchors: HashMap::new(),
        edits: Vec::new(),
        references: Vec::new(),
        document: 0,
        written: 0,
    };
    for event in events(text) {
        let (event, span) = event.map_err(|error| scan_error(&error))?;
        walker.event(&event, &span)?;
    }
    if walker.edits.is_empty() {
        return Ok(None);
    }
    let references = walker.references;
    Ok(splice(bytes, walker.edits).map(|text| Expanded { text, references }))
}

/// See [`crate::sops::store::Store::collapse`].
pub(super) fn collapse(text: &str, tree: &DocumentTree, reference: &Reference) -> Option<Edit> {
    let item = tree.find(&reference.path)?;
    let node = match &item.body {
        Body::Open(id) => tree.container(*id).span.clone(),
        _ => {
            item.span.start
                ..item
                    .block
                    .as_ref()
                    .map_or(item.span.end, |block| block.lines.end)
        }
    };
    let in_lines = matches!(item.body, Body::Open(id) if !tree.container(id).flow);
    let head = text.get(..node.start)?;
    let head = if in_lines {
        head.trim_end()
    } else {
        head.trim_end_matches([' ', '\t'])
    };
    Some(Edit::new(head.len()..node.end, reference.source.as_str()))
}

/// A node as it was read, shared by all aliases to it.
struct Source {
    node: Tree,
    size: usize,
    depth: usize,
}

enum Tree {
    Scalar(String),
    Map(Vec<(String, Rc<Source>)>),
    List(Vec<Rc<Source>>),
}

struct Level {
    map: bool,
    flow: bool,
    anchor: usize,
    indent: Option<usize>,
    key: Option<String>,
    entries: Vec<(String, Rc<Source>)>,
}

struct Walker<'t> {
    text: &'t str,
    layout: Layout<'t>,
    stack: Vec<Level>,
    /// `None` while the anchored node is still being read.
    anchors: HashMap<usize, Option<Rc<Source>>>,
    edits: Vec<Edit>,
    references: Vec<Reference>,
    /// The document's number, from 1.
    document: usize,
    written: usize,
}

impl Walker<'_> {
    fn event(&mut self, event: &Event<'_>, span: &Span) -> Result<(), StoreError> {
        let range = byte_range(span);
        match event {
            Event::MappingStart(style, anchor, _) | Event::SequenceStart(style, anchor, _) => {
                self.anchors.insert(*anchor, None);
                self.stack.push(Level {
                    map: matches!(event, Event::MappingStart(..)),
                    flow: *style == StructureStyle::Flow,
                    anchor: *anchor,
                    indent: None,
                    key: None,
                    entries: Vec::new(),
                });
            }
            Event::MappingEnd | Event::SequenceEnd => {
                let Some(level) = self.stack.pop() else {
                    return Ok(());
                };
                let size = 1 + level
                    .entries
                    .iter()
                    .map(|(_, node)| node.size)
                    .sum::<usize>();
                let depth = 1 + level
                    .entries
                    .iter()
                    .map(|(_, node)| node.depth)
                    .max()
                    .unwrap_or(0);
                self.limit(range.start, size, depth)?;
                let node = if level.map {
                    Tree::Map(level.entries)
                } else {
                    Tree::List(level.entries.into_iter().map(|(_, node)| node).collect())
                };
                self.node(Rc::new(Source { node, size, depth }), level.anchor);
            }
            Event::Scalar(value, style, anchor, _) => {
                let at_key = self
                    .stack
                    .last()
                    .is_some_and(|level| level.map && level.key.is_none());
                if at_key && let Some(level) = self.stack.last_mut() {
                    level
                        .indent
                        .get_or_insert_with(|| column(self.text, range.start));
                    level.key = Some(value.to_string());
                    if *anchor != 0 {
                        let scalar = Tree::Scalar(self.scalar(value, *style, span));
                        let source = Source {
                            node: scalar,
                            size: 1,
                            depth: 1,
                        };
                        self.anchors.insert(*anchor, Some(Rc::new(source)));
                    }
                    return Ok(());
                }
                let scalar = Tree::Scalar(self.scalar(value, *style, span));
                self.node(
                    Rc::new(Source {
                        node: scalar,
                        size: 1,
                        depth: 1,
                    }),
                    *anchor,
                );
            }
            Event::DocumentStart(..) => self.document += 1,
            Event::Alias(id) => self.alias(*id, range)?,
            _ => {}
        }
        Ok(())
    }

    fn limit(&self, at: usize, size: usize, depth: usize) -> Result<(), StoreError> {
        let line = line_of(self.text.as_bytes(), at);
        if size > NODE_LIMIT {
            return Err(StoreError::Limit {
                what: format!("line {line}: the aliases stand for too many values"),
                limit: format!("{NODE_LIMIT} in a file"),
            });
        }
        if depth > DEPTH_LIMIT {
            return Err(StoreError::Limit {
                what: format!("line {line}: the aliases nest too deep"),
                limit: format!("{DEPTH_LIMIT} levels"),
            });
        }
        Ok(())
    }

    fn node(&mut self, source: Rc<Source>, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, Some(Rc::clone(&source)));
        }
        if let Some(level) = self.stack.last_mut() {
            let key = level.key.take().unwrap_or_default();
            level.entries.push((key, source));
        }
    }

    fn alias(&mut self, id: usize, range: std::ops::Range<usize>) -> Result<(), StoreError> {
        let line = || line_of(self.text.as_bytes(), range.start);
        let Some(Some(source)) = self.anchors.get(&id).cloned() else {
            let message = "this alias stands for something that contains it".into();
            return Err(StoreError::Syntax {
                line: line(),
                message,
            });
        };
        let Some(level) = self.stack.last() else {
            return Ok(());
        };
        if level.map && level.key.is_none() {
            return Err(StoreError::KeyNotText { line: line() });
        }
        self.written += source.size;
        self.limit(range.start, self.written, source.depth)?;
        let node = source.to_node();
        let body = match level.indent {
            // A value of a block map: lines of its own.
            Some(indent) if level.map && !level.flow => {
                let mut body = String::new();
                self.layout.value(&mut body, &node, indent);
                body.strip_suffix(self.layout.newline)
                    .unwrap_or(&body)
                    .to_owned()
            }
            _ => format!(" {}", node.flow()),
        };
        // The blank before the alias goes where lines follow.
        let head = self.text.get(..range.start).unwrap_or_default();
        let blanks = head.len() - head.trim_end_matches([' ', '\t']).len();
        let start = range.start - blanks;
        // Behind a comma or bracket there may be none.
        let body = if blanks == 0 {
            body.trim_start_matches(' ').to_owned()
        } else {
            body
        };
        let written = self
            .text
            .get(start..range.end)
            .unwrap_or_default()
            .to_owned();
        self.references.push(Reference {
            path: self.path(),
            source: written,
        });
        self.edits.push(Edit::new(start..range.end, body));
        self.node(source, 0);
        Ok(())
    }

    /// Where the node that comes next stands.
    fn path(&self) -> KeyPath {
        let segments = self
            .stack
            .iter()
            .map(|level| match (&level.key, level.map) {
                (Some(key), true) => Segment::Key(key.clone()),
                _ => Segment::Index(level.entries.len()),
            });
        KeyPath {
            document: self.document,
            segments: segments.collect(),
        }
    }

    /// A scalar as one line that means the same in every context.
    fn scalar(&self, value: &str, style: ScalarStyle, span: &Span) -> String {
        let tag = span
            .tag_span()
            .and_then(|span| span.byte_range())
            .and_then(|range| self.text.get(range))
            .map(|tag| format!("{tag} "))
            .unwrap_or_default();
        let range = byte_range(span);
        let source = self.text.get(range.clone()).unwrap_or_default();
        let body = match style {
            ScalarStyle::Plain if range.is_empty() && tag.is_empty() => "null".into(),
            ScalarStyle::Plain if range.is_empty() => "\"\"".into(),
            // What is no text means itself without quotes only: numbers, dates, true, null.
            ScalarStyle::Plain if !plain_safe(value, false) && is_word(source) => source.to_owned(),
            ScalarStyle::Plain if plain_safe(value, true) => value.to_owned(),
            _ => quoted(value),
        };
        format!("{tag}{body}")
    }
}

/// Whether a plain text is one of YAML's words or numbers, which have no blanks but in dates.
fn is_word(source: &str) -> bool {
    !crate::stores::yaml::scalar::is_plain_string(source)
}

impl Source {
    fn to_node(&self) -> Node {
        match &self.node {
            Tree::Scalar(text) => Node::Scalar(text.clone()),
            Tree::Map(entries) => Node::Map(
                entries
                    .iter()
                    .map(|(key, node)| (key.clone(), node.to_node()))
                    .collect(),
            ),
            Tree::List(items) => Node::List(items.iter().map(|node| node.to_node()).collect()),
        }
    }
}
