//! YAML events → [`Tree`]. The parser's own types stay in this file.
//!
//! The parser gives exact byte ranges for values; what it leaves out is found by `places.rs`.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, StructureStyle};

use crate::document::{Body, Container, Document, Item, Meta, Shape, Style, Tree};
use crate::keypath::Segment;
use crate::sops::store::{StoreError, line_of};
use crate::stores::within_size_limit;
use crate::stores::yaml::comments::{self, Found};
use crate::stores::yaml::places::{block_scalar, colon, column, dash, explicit_key, tab_indent};
use crate::stores::yaml::scalar::{Tag, resolve};
use crate::stores::yaml::sops_block::BlockReader;

/// How deep maps and lists may nest, block and flow each.
pub(super) const DEPTH_LIMIT: usize = 255;

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
        implicit_start: 0,
    };
    for event in events(text) {
        let (event, span) = event.map_err(|error| scan_error(&error))?;
        builder.event(event, &span)?;
    }
    // An empty map in braces is an answer; nothing at all is not.
    let nothing = |document: &Document| {
        document.meta.is_none() && !builder.tree.container(document.root).flow
    };
    if builder.tree.items.is_empty() && builder.tree.documents.iter().all(nothing) {
        return Err(StoreError::Empty);
    }
    comments::place(text, &mut builder.tree, builder.comments, &builder.scalars);
    if builder.tree.meta().is_some() {
        builder.tree.pass_over_list_comments();
    }
    Ok(builder.tree)
}

/// The bytes as text, inside the size limit.
pub(super) fn as_text(bytes: &[u8]) -> Result<&str, StoreError> {
    within_size_limit(bytes, "YAML")?;
    let text = std::str::from_utf8(bytes).map_err(|error| StoreError::NotText {
        line: line_of(bytes, error.valid_up_to()),
    })?;
    if let Some(at) = other_line_break(text) {
        return Err(StoreError::Syntax {
            line: line_of(bytes, at),
            message: "here stands a line break that not everybody takes for one (a carriage return on its own, or U+0085, U+2028, U+2029); in double quotes write `\\r`, `\\N`, `\\L`, `\\P`".into(),
        });
    }
    Ok(text)
}

/// Where there is a line break other than LF and CRLF. go-yaml, and so sops, reads all of YAML 1.1's
/// five, newer parsers two of them: to one reader a comment ends there, and a key begins, where to
/// the other it goes on.
fn other_line_break(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    memchr::memchr3_iter(b'\r', 0xC2, 0xE2, bytes).find(|&at| {
        let after = bytes.get(at + 1..).unwrap_or_default();
        match bytes.get(at) {
            Some(b'\r') => !after.starts_with(b"\n"),
            Some(0xC2) => after.starts_with(&[0x85]),
            _ => after.starts_with(&[0x80, 0xA8]) || after.starts_with(&[0x80, 0xA9]),
        }
    })
}

/// The parser's events, with the options under which it reads as go-yaml does.
pub(super) fn events(text: &str) -> impl Iterator<Item = Result<(Event<'_>, Span), ScanError>> {
    let options = granit_parser::options! {
        block_scalar_eof_without_line_feed: true,
        disallow_directives: true,
        emit_anchor_events: true,
        flow_nesting_limit: DEPTH_LIMIT,
        block_nesting_limit: DEPTH_LIMIT,
        max_buffered_comment_events: usize::MAX,
    };
    Parser::new_from_str_with_options(text, options)
}

/// The parser's error in our words: its own may quote the text.
pub(super) fn scan_error(error: &ScanError) -> StoreError {
    let line = error.marker().line();
    let message = match error.kind() {
        ErrorKind::RecursionLimitExceeded => {
            return StoreError::Limit {
                what: format!("line {line}: maps and lists nest too deep"),
                limit: format!("{DEPTH_LIMIT} levels"),
            };
        }
        ErrorKind::UnknownAnchor => "this alias names no anchor that stands before it",
        ErrorKind::DirectiveDisallowed => "directives such as %YAML are not read, by sops neither",
        ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation => {
            "indentation is made of spaces; here is a tab"
        }
        ErrorKind::UnclosedQuotedScalar => "a quote is opened and not closed",
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofFlowSequence => "a bracket or brace is opened and not closed",
        ErrorKind::InvalidIndentation | ErrorKind::InvalidBlockScalarIndent => {
            "the indentation does not fit the lines above"
        }
        ErrorKind::UnknownQuotedScalarEscape => "this escape is unknown in a double-quoted text",
        ErrorKind::SimpleKeyExpected
        | ErrorKind::InvalidSimpleKey
        | ErrorKind::ExpectedBlockMappingKey => "here a `key: value` was expected",
        _ => "this is not valid YAML",
    };
    StoreError::Syntax {
        line,
        message: message.into(),
    }
}

/// The parser's byte range of a span.
pub(super) fn byte_range(span: &Span) -> Range<usize> {
    span.byte_range().unwrap_or(0..0)
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
    /// Where the document begins that is being read.
    implicit_start: usize,
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
                self.implicit_start = range.start;
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
                let tag = tag
                    .as_deref()
                    .map_or(Tag::None, |tag| match tag.core_suffix() {
                        Some(suffix) => Tag::core(suffix),
                        None if tag.suffix().is_empty() => Tag::None,
                        None => Tag::Local,
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
        if let Some(container) = self.tree.containers.get_mut(frame.container) {
            container.span.end = end.max(container.span.start);
        }
        if let Some(item) = frame.item.and_then(|item| self.tree.items.get_mut(item)) {
            item.entry.end = end;
            item.span.end = end;
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
        let block = matches!(style, Style::Literal | Style::Folded)
            .then(|| block_scalar(self.text, self.cursor, &range, span.start.col()));
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
        // The parser reports a missing value where the key ends; it belongs behind colon or dash.
        let span = match (&name, span.is_empty() && tag_start.is_none()) {
            (Segment::Key(_), true) => {
                let at = colon(self.text, after_key).unwrap_or(span.start);
                at..at
            }
            (Segment::Index(_), true) if !self.tree.container(parent).flow => start + 1..start + 1,
            _ => span,
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
            if let Some(document) = self.tree.documents.last_mut() {
                document.end = at.max(1);
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
