//! YAML events → [`Tree`]. The parser's own types stay in this file.
//!
//! The parser gives exact byte ranges for values; what it leaves out is found by `places.rs`.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use granit_parser::{Event, ScalarStyle, Span, StructureStyle};

use crate::document::{Body, Container, Document, Item, Meta, Shape, Style, Tree};
use crate::keypath::Segment;
use crate::sops::store::{StoreError, line_of};
use crate::stores::yaml::comments::{self, Found};
use crate::stores::yaml::events::{as_text, byte_range, events, scan_error};
use crate::stores::yaml::places::{
    after_comments, block_scalar, colon, column, dash, explicit_key, tab_indent,
};
use crate::stores::yaml::scalar::{Tag, resolve};
use crate::stores::yaml::sops_block::{BlockReader, keep_document};

/// Reads a text without aliases (`expand.rs` writes them out).
pub(super) fn parse(bytes: &[u8]) -> Result<Tree, StoreError> {
    let text = as_text(bytes)?;
    let mut builder = Builder {
        text,
        tree: Tree::default(),
        frames: Vec::new(),
        cursor: if text.starts_with('\u{feff}') { 3 } else { 0 },
        comments: Vec::new(),
        scalars: Vec::new(),
        has_comments: memchr::memchr(b'#', bytes).is_some(),
        block: None,
        explicit: false,
    };
    for event in events(text) {
        let (event, span) = event.map_err(|error| scan_error(&error))?;
        builder.event(event, &span)?;
    }
    // An empty map in braces is an answer; nothing at all is not.
    if builder.tree.items.is_empty() {
        let Tree {
            containers,
            documents,
            ..
        } = &mut builder.tree;
        let flow = |document: &Document| containers.get(document.root).is_some_and(|it| it.flow);
        if documents.iter().all(|it| it.meta.is_none() && !flow(it)) {
            return Err(StoreError::Empty);
        }
        if let Some(first) = documents.first_mut()
            && !flow(first)
            && let Some(block) = &mut first.meta
        {
            keep_document(text, block);
        }
    }
    comments::place(text, &mut builder.tree, builder.comments, &builder.scalars);
    if builder.tree.meta().is_some() {
        builder.tree.pass_over_list_comments();
    }
    Ok(builder.tree)
}

/// A container whose end has not come yet.
struct Frame<'t> {
    container: usize,
    /// The item that opened it; `None` for a document's root.
    item: Option<usize>,
    /// The key that was read and whose value has not come, with its start.
    key: Option<(Cow<'t, str>, usize)>,
    keys: HashSet<Cow<'t, str>>,
    entries: usize,
}

struct Builder<'t> {
    text: &'t str,
    tree: Tree,
    frames: Vec<Frame<'t>>,
    /// The end of the last token.
    cursor: usize,
    comments: Vec<Found>,
    /// Where keys and values stand, block scalars and empty ones aside; for the comments' sake.
    scalars: Vec<Range<usize>>,
    has_comments: bool,
    /// The `sops` block while it is read.
    block: Option<BlockReader>,
    /// Whether the document that is being read begins with `---`.
    explicit: bool,
}

impl<'t> Builder<'t> {
    fn event(&mut self, event: Event<'t>, span: &Span) -> Result<(), StoreError> {
        let range = byte_range(span);
        if let Event::Comment(..) = event {
            self.comments.push(Found {
                range,
                in_block: self.block.is_some(),
            });
            return Ok(());
        }
        match event {
            Event::DocumentStart(explicit, _) => {
                self.explicit = explicit;
                if explicit {
                    self.cursor = range.end;
                }
            }
            Event::DocumentEnd => self.end_document(range.start)?,
            Event::Anchor(..) => {
                // The anchor stands before its node; the cursor is beyond it already, unless the
                // node is a collection whose content has not come.
                self.cursor = self.cursor.max(range.end);
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                return Err(self.syntax(range.start, "an alias that was not written out"));
            }
            Event::Scalar(value, style, _, tag) => {
                let tag = tag.as_deref().map_or(Tag::None, |tag| {
                    match tag.suffix_in_namespace(Tag::CORE).as_deref() {
                        Some(suffix) => Tag::core(suffix),
                        None if tag.suffix().is_empty() => Tag::None,
                        None => Tag::Local,
                    }
                });
                self.scalar(value, style, tag, span)?;
            }
            Event::MappingStart(style, ..) => self.open(Shape::Map, style, &range)?,
            Event::SequenceStart(style, ..) => self.open(Shape::List, style, &range)?,
            Event::MappingEnd | Event::SequenceEnd => self.close(&range),
            _ => {}
        }
        Ok(())
    }

    fn syntax(&self, at: usize, message: &str) -> StoreError {
        StoreError::Syntax {
            line: self.line(at),
            message: message.into(),
        }
    }

    fn line(&self, at: usize) -> usize {
        line_of(self.text.as_bytes(), at)
    }

    fn bytes(&self, range: Range<usize>) -> &'t [u8] {
        self.text.as_bytes().get(range).unwrap_or_default()
    }

    /// Whether a map's key is what comes next.
    fn at_key(&self) -> bool {
        self.frames.last().is_some_and(|frame| {
            frame.key.is_none() && self.tree.container(frame.container).shape == Shape::Map
        })
    }

    fn open(
        &mut self,
        shape: Shape,
        style: StructureStyle,
        range: &Range<usize>,
    ) -> Result<(), StoreError> {
        let flow = style == StructureStyle::Flow;
        if let Some(block) = &mut self.block {
            block.open(shape == Shape::Map, range.start);
            if flow {
                self.cursor = range.end;
            }
            return Ok(());
        }
        if self.at_key() {
            return Err(StoreError::KeyNotText {
                line: self.line(range.start),
            });
        }
        let id = self.tree.containers.len();
        let Some(frame) = self.frames.last() else {
            if shape == Shape::List {
                return Err(StoreError::NotAMap {
                    what: "the root is a list".into(),
                });
            }
            self.push_container(None, Segment::Index(0), shape, flow, range, String::new());
            self.frames.push(Frame::new(id, None));
            self.tree.documents.push(Document {
                root: id,
                meta: None,
                end: 0,
            });
            if flow {
                self.cursor = range.end;
            }
            return Ok(());
        };
        if frame.key.as_ref().is_some_and(|(key, _)| key == "sops") && self.frames.len() == 1 {
            let start = frame.key.as_ref().map_or(range.start, |(_, start)| *start);
            if shape == Shape::List {
                return Err(StoreError::ReservedKey {
                    line: self.line(start),
                    key: "sops".into(),
                });
            }
            self.block = Some(BlockReader::new(start));
            if flow {
                self.cursor = range.end;
            }
            return Ok(());
        }
        let (parent, name, start) = self.entry(range.start)?;
        let base = &self.tree.container(parent).aad;
        let aad = match &name {
            Segment::Key(key) => format!("{base}{key}:"),
            Segment::Index(_) => base.clone(),
        };
        let item = self.tree.items.len();
        self.tree.items.push(Item {
            parent,
            name: name.clone(),
            body: Body::Open(id),
            style: Style::Plain,
            span: range.start..range.start,
            entry: start..start,
            block: None,
        });
        self.push_container(Some(parent), name, shape, flow, range, aad);
        self.frames.push(Frame::new(id, Some(item)));
        if flow {
            self.cursor = range.end;
        }
        Ok(())
    }

    fn push_container(
        &mut self,
        parent: Option<usize>,
        name: Segment,
        shape: Shape,
        flow: bool,
        range: &Range<usize>,
        aad: String,
    ) {
        let document = parent.map_or(self.tree.documents.len(), |id| {
            self.tree.container(id).document
        });
        self.tree.containers.push(Container {
            parent,
            name,
            shape,
            document,
            aad,
            span: range.start..range.start,
            flow,
            indent: 0,
        });
    }

    fn close(&mut self, range: &Range<usize>) {
        let flow_end = self
            .bytes(range.clone())
            .first()
            .is_some_and(|c| matches!(c, b']' | b'}'));
        if flow_end {
            self.cursor = range.end;
        }
        if let Some(block) = &mut self.block {
            if block.close(range.end) {
                self.finish_block();
            }
            return;
        }
        let Some(frame) = self.frames.pop() else {
            return;
        };
        let end = self.cursor;
        let mut start = end;
        if let Some(container) = self.tree.containers.get_mut(frame.container) {
            start = container.span.start;
            container.span.end = end.max(start);
        }
        if let Some(item) = frame.item.and_then(|item| self.tree.items.get_mut(item)) {
            item.entry.end = end;
            // Of a list of nothing but an empty item, the parser reports a place behind it.
            item.span = item.span.start.min(start).min(end)..end;
        }
        self.value_done();
    }

    /// The value that a key waited for has come.
    fn value_done(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.key = None;
        }
    }

    fn finish_block(&mut self) {
        let Some(block) = self.block.take() else {
            return;
        };
        let root_flow = self
            .frames
            .last()
            .is_some_and(|frame| self.tree.container(frame.container).flow);
        let meta = block.finish(self.text, self.cursor, root_flow);
        if let Some(document) = self.tree.documents.last_mut() {
            document.meta = Some(meta);
        }
        self.value_done();
    }

    /// Where the value that begins at `at` belongs: its container, its name there and the start of
    /// its entry.
    fn entry(&mut self, at: usize) -> Result<(usize, Segment, usize), StoreError> {
        let Some(frame) = self.frames.last_mut() else {
            return Err(StoreError::NotAMap {
                what: "the root is a single value".into(),
            });
        };
        let id = frame.container;
        let index = frame.entries;
        frame.entries += 1;
        let (name, start) = match frame.key.take() {
            Some((key, start)) => (Segment::Key(key.into_owned()), start),
            None => (Segment::Index(index), at),
        };
        let Some(container) = self.tree.containers.get_mut(id) else {
            return Ok((id, name, start));
        };
        let mut start = start;
        if container.shape == Shape::List && !container.flow {
            start = dash(self.text, self.cursor).unwrap_or(at);
            self.cursor = self.cursor.max(start + 1);
        }
        if index == 0 && !container.flow {
            container.span.start = start;
            container.indent = column(self.text, start);
        }
        Ok((id, name, start))
    }

    fn scalar(
        &mut self,
        value: Cow<'t, str>,
        style: ScalarStyle,
        tag: Tag,
        span: &Span,
    ) -> Result<(), StoreError> {
        let range = byte_range(span);
        let style = match style {
            ScalarStyle::SingleQuoted => Style::Single,
            ScalarStyle::DoubleQuoted => Style::Double,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
            ScalarStyle::Plain => Style::Plain,
        };
        // A plain node without content is reported with the text `~`.
        let value = if style == Style::Plain && range.is_empty() {
            Cow::Borrowed("")
        } else {
            value
        };
        if self.has_comments
            && !range.is_empty()
            && !matches!(style, Style::Literal | Style::Folded)
        {
            self.scalars.push(range.clone());
        }
        let tag_start = span
            .tag_span()
            .and_then(|span| span.byte_range())
            .map(|tag| tag.start);
        if let Some(block) = &mut self.block {
            self.cursor = self.cursor.max(range.end);
            block.scalar(&value, style, tag, range);
            return Ok(());
        }
        if self.at_key() {
            return self.key(value, style, tag, &range);
        }
        if self.frames.is_empty() && range.is_empty() && tag == Tag::None {
            // An empty document: sops gives it an empty root.
            let root = self.tree.containers.len();
            let nothing = range.start..range.start;
            self.push_container(
                None,
                Segment::Index(0),
                Shape::Map,
                false,
                &nothing,
                String::new(),
            );
            self.tree.documents.push(Document {
                root,
                meta: None,
                end: 0,
            });
            return Ok(());
        }
        let resolved = resolve(tag, &value, style != Style::Plain)
            .map_err(|error| self.syntax(range.start, error.message()))?;
        // Where there are blank lines only, the column is that of what comes next.
        let indent = if value.trim_matches(['\n', ' ']).is_empty() {
            0
        } else {
            span.start.col()
        };
        let block = matches!(style, Style::Literal | Style::Folded)
            .then(|| block_scalar(self.text, self.cursor, &range, indent));
        // Core tags go with the value: `!!int ENC[…]` would be read by nobody.
        let core_start = tag_start.filter(|_| !matches!(tag, Tag::None | Tag::Local));
        let (span, block) = match block {
            Some(Some((header, block))) => (header, Some(block)),
            Some(None) => return Err(self.syntax(range.start, "a block text without its header")),
            None => (range.clone(), None),
        };
        let from = tag_start.unwrap_or(span.start).min(span.start);
        let after_key = self.cursor;
        let (parent, name, start) = self.entry(from)?;
        let span = if span.is_empty() && tag_start.is_none() {
            let behind = match &name {
                Segment::Key(_) => colon(self.text, after_key),
                Segment::Index(_) if self.tree.container(parent).flow => None,
                Segment::Index(_) => Some(start + 1),
            };
            missing_value(self.text, behind, span)
        } else {
            span
        };
        let end = block.as_ref().map_or(span.end, |block| block.lines.end);
        self.cursor = self.cursor.max(end);
        if name == Segment::Key("sops".into()) && self.tree.container(parent).parent.is_none() {
            return Err(StoreError::ReservedKey {
                line: self.line(start),
                key: "sops".into(),
            });
        }
        let body = resolved.map_or(Body::Null, Body::Leaf);
        self.tree.items.push(Item {
            parent,
            name,
            body,
            style: if core_start.is_some() && block.is_none() {
                Style::Plain
            } else {
                style
            },
            span: core_start.unwrap_or(span.start)..span.end,
            entry: start..end,
            block,
        });
        Ok(())
    }

    fn key(
        &mut self,
        key: Cow<'t, str>,
        style: Style,
        tag: Tag,
        range: &Range<usize>,
    ) -> Result<(), StoreError> {
        let is_text = matches!(
            resolve(tag, &key, style != Style::Plain),
            Ok(Some(value)) if value.kind == crate::document::Kind::Str
        );
        if !is_text || matches!(style, Style::Literal | Style::Folded) {
            return Err(StoreError::KeyNotText {
                line: self.line(range.start),
            });
        }
        let start = explicit_key(self.text, self.cursor, range.start);
        let in_flow = self
            .frames
            .last()
            .is_some_and(|frame| self.tree.container(frame.container).flow);
        if !in_flow && tab_indent(self.text, start) {
            return Err(self.syntax(start, "indentation is made of spaces; here is a tab"));
        }
        self.cursor = self.cursor.max(range.end);
        let Some(frame) = self.frames.last_mut() else {
            return Ok(());
        };
        if !frame.keys.insert(key.clone()) {
            let id = frame.container;
            let path = self
                .tree
                .container_path(id)
                .child(Segment::Key(key.into_owned()));
            return Err(StoreError::DuplicateKey {
                line: self.line(range.start),
                path: path.to_string(),
            });
        }
        frame.key = Some((key, start));
        Ok(())
    }

    fn end_document(&mut self, at: usize) -> Result<(), StoreError> {
        if self.frames.is_empty()
            && self
                .tree
                .documents
                .last()
                .is_some_and(|document| document.end == 0)
        {
            let last_item = self.tree.items.last().map(|item| item.parent);
            if let Some(document) = self.tree.documents.last_mut() {
                document.end = at.max(1);
                let root = self.tree.containers.get(document.root);
                let has_lines = root.is_some_and(|root| !root.flow);
                if has_lines && last_item.is_none_or(|parent| parent < document.root) {
                    match &mut document.meta {
                        Some(block) if !self.explicit => keep_document(self.text, block),
                        Some(_) => {}
                        None => document.end = after_comments(self.text, at).max(1),
                    }
                }
            }
            return Ok(());
        }
        Err(StoreError::NotAMap {
            what: format!("line {}: this document is empty", self.line(at)),
        })
    }
}

impl Frame<'_> {
    fn new(container: usize, item: Option<usize>) -> Self {
        Self {
            container,
            item,
            key: None,
            keys: HashSet::new(),
            entries: 0,
        }
    }
}

/// Where a value that is not there belongs: `behind` its colon or dash, or the anchor that stands
/// there. The parser reports the place where the key ends, or the anchor.
fn missing_value(text: &str, behind: Option<usize>, reported: Range<usize>) -> Range<usize> {
    let anchored = |at: usize| {
        let between = text.get(at..reported.start);
        between.is_some_and(|between| !between.trim().is_empty())
    };
    match behind {
        Some(at) if !anchored(at) => at..at,
        _ => reported,
    }
}

/// A scalar of the `sops` block: numbers and booleans keep their type, all else is text (dates
/// stand there with and without quotes).
pub(super) fn meta_scalar(value: &str, style: Style, tag: Tag) -> Meta {
    use crate::document::Kind;
    let text = || Meta::Str(value.into());
    match resolve(tag, value, style != Style::Plain) {
        Ok(None) => Meta::Null,
        Ok(Some(resolved)) => match (resolved.kind, resolved.bytes.as_str()) {
            (Kind::Bool, Some(canonical)) => Meta::Bool(canonical == "True"),
            (Kind::Int, Some(canonical)) => canonical.parse().map_or_else(|_| text(), Meta::Int),
            _ => text(),
        },
        Err(_) => text(),
    }
}
