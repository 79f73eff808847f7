//! From INI text to a tree, as sops's reader builds it.

use std::collections::HashSet;
use std::ops::Range;

use super::comment;
use super::read::{self, slice};
use crate::document::{
    Body, Container, Document, Item, Kind, MetaBlock, MetaField, Shape, Style, Tree, Value,
};
use crate::keypath::{KeyPath, Segment};
use crate::sops::store::{StoreError, line_of};
use crate::stores::flat::{self, Line};
use crate::stores::{METADATA, is_metadata};

/// The section of the names that stand before any section.
pub(super) const DEFAULT: &str = "DEFAULT";
/// UTF-8's byte-order mark.
const BOM: &str = "\u{feff}";

/// A line of metadata.
pub(super) struct Entry {
    pub(super) line: Line,
    /// From its name to the end of its value.
    pub(super) range: Range<usize>,
    /// Its value with its quotes.
    pub(super) value: Range<usize>,
}

/// A tree, and the lines of the `[sops]` section.
pub(super) struct Parsed {
    pub(super) tree: Tree,
    pub(super) metadata: Vec<Entry>,
}

/// The text as UTF-8.
pub(super) fn utf8(text: &[u8]) -> Result<&str, StoreError> {
    std::str::from_utf8(text).map_err(|error| StoreError::NotText {
        line: line_of(text, error.valid_up_to()),
    })
}

/// Where the first line begins.
pub(super) fn start(text: &str) -> usize {
    if text.starts_with(BOM) { BOM.len() } else { 0 }
}

/// Reads a text.
pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, StoreError> {
    let text = utf8(bytes)?;
    let root = Container {
        parent: None,
        name: Segment::Index(0),
        shape: Shape::Map,
        document: 0,
        aad: String::new(),
        span: 0..text.len(),
        flow: false,
        indent: 0,
    };
    let mut parser = Parser {
        text,
        tree: Tree {
            containers: vec![root],
            ..Tree::default()
        },
        section: Section::Head,
        names: HashSet::new(),
        comments: Vec::new(),
        metadata: Vec::new(),
        block: None,
    };
    let mut at = start(text);
    while at < text.len() {
        at = parser.line(at)?;
    }
    parser.finish()
}

/// Where the parser is.
#[derive(Clone, Copy)]
enum Section {
    /// Before any section; no name stands there yet.
    Head,
    /// In a section: its container, and the item that opens it.
    In { container: usize, item: usize },
    /// In `[sops]`.
    Metadata,
}

struct Parser<'a> {
    text: &'a str,
    tree: Tree,
    section: Section,
    /// The names in the section so far.
    names: HashSet<&'a str>,
    /// Comment lines that belong to what follows, each from its sign to the end of its line.
    comments: Vec<Range<usize>>,
    metadata: Vec<Entry>,
    /// The `[sops]` section, from its bracket to the end of its last line.
    block: Option<Range<usize>>,
}

impl Parser<'_> {
    /// Reads what begins on the line at `at`; gives back where the next line begins.
    fn line(&mut self, at: usize) -> Result<usize, StoreError> {
        let end = read::line_end(self.text, at);
        let rest = slice(self.text, at..end).trim_start();
        let start = end - rest.len();
        match rest.bytes().next() {
            None => Ok(end),
            Some(b';' | b'#') => {
                let line = rest.strip_suffix('\n').unwrap_or(rest);
                self.comments.push(start..start + line.len());
                Ok(end)
            }
            Some(b'[') => self.header(start, end).map(|()| end),
            Some(_) => self.entry(start, end),
        }
    }

    fn header(&mut self, start: usize, end: usize) -> Result<(), StoreError> {
        let line = slice(self.text, start..end);
        let close = line
            .rfind(']')
            .ok_or_else(|| self.syntax(start, "a section's name is not closed"))?;
        let name = slice(line, 1..close);
        if name.is_empty() {
            return Err(self.syntax(start, "a section has no name"));
        }
        if name.contains(']') {
            let message = "SOPS takes a section's name up to the last `]` on its line";
            return Err(self.syntax(start, message));
        }
        let close = start + close + 1;
        let behind = slice(self.text, close..end);
        if let Some(sign) = behind.find([';', '#'])
            && !slice(behind, 0..sign).trim().is_empty()
        {
            let message = "text stands between a section's name and a comment";
            return Err(self.syntax(start, message));
        }
        self.names.clear();
        if name == METADATA {
            if self.block.is_some() {
                return Err(StoreError::DuplicateKey {
                    line: self.line_of(start),
                    path: METADATA.into(),
                });
            }
            self.root_comments();
            self.section = Section::Metadata;
            self.block = Some(start..end);
            return Ok(());
        }
        let comments = std::mem::take(&mut self.comments);
        let first = comments.first().map_or(start, |line| line.start);
        let container = self.open(name, first, start..close);
        let sign = slice(self.text, close..end).find([';', '#']);
        let items = &mut self.tree.items;
        comment::items(self.text, &comments, sign.is_some(), container, items);
        if let Some(sign) = sign {
            let comment = slice(self.text, close + sign..end).trim_end();
            let item = comment::on_header(comment, start..close + sign + comment.len(), container);
            self.tree.items.push(item);
        }
        Ok(())
    }

    /// Opens a section whose text begins at `span`, with its comments at `first`.
    fn open(&mut self, name: &str, first: usize, span: Range<usize>) -> usize {
        let container = self.tree.containers.len();
        self.section = Section::In {
            container,
            item: self.tree.items.len(),
        };
        self.tree.items.push(Item {
            parent: 0,
            name: Segment::Key(name.to_owned()),
            body: Body::Open(container),
            style: Style::Plain,
            span: span.clone(),
            entry: first..span.end,
            block: None,
        });
        self.tree.containers.push(Container {
            parent: Some(0),
            name: Segment::Key(name.to_owned()),
            shape: Shape::Map,
            document: 0,
            aad: format!("{name}:"),
            span,
            flow: false,
            indent: 0,
        });
        container
    }

    fn entry(&mut self, start: usize, end: usize) -> Result<usize, StoreError> {
        let name = read::name(self.text, start..end).map_err(|why| self.syntax(start, why))?;
        let found = read::value(self.text, name.value).map_err(|why| self.syntax(start, why))?;
        let comments = std::mem::take(&mut self.comments);
        if let Section::Head = self.section {
            let first = comments.first().map_or(start, |line| line.start);
            self.open(DEFAULT, first, start..start);
        }
        if !self.names.insert(name.text) {
            let section = match self.section {
                Section::In { container, .. } => self.tree.container_path(container),
                Section::Head | Section::Metadata => KeyPath::root(1),
            };
            return Err(StoreError::DuplicateKey {
                line: self.line_of(start),
                path: section
                    .child(Segment::Key(name.text.to_owned()))
                    .to_string(),
            });
        }
        let Section::In { container, item } = self.section else {
            self.block = self.block.take().map(|block| block.start..found.next);
            self.metadata.push(Entry {
                line: Line {
                    name: name.text.to_owned(),
                    value: flat::unescape(found.value.as_str().unwrap_or_default()),
                },
                range: start..found.span.end,
                value: found.span,
            });
            return Ok(found.next);
        };
        let last = found
            .comment
            .as_ref()
            .map_or(found.span.end, |comment| comment.end);
        if let Some(open) = self.tree.items.get_mut(item) {
            open.span.end = last;
            open.entry.end = last;
        }
        if let Some(section) = self.tree.containers.get_mut(container) {
            section.span.end = last;
        }
        self.tree.items.push(Item {
            parent: container,
            name: Segment::Key(name.text.to_owned()),
            body: Body::Leaf(Value::new(Kind::Str, found.value)),
            style: found.style,
            entry: start..found.span.end,
            span: found.span,
            block: None,
        });
        // SOPS puts a key's comments behind it.
        let items = &mut self.tree.items;
        let followed = found.comment.is_some();
        comment::items(self.text, &comments, followed, container, items);
        if let Some(comment) = found.comment {
            comment::items(self.text, &[comment], false, container, items);
        }
        Ok(found.next)
    }

    /// Comments that nothing follows: SOPS drops them. Here they stay, at the root.
    fn root_comments(&mut self) {
        let comments = std::mem::take(&mut self.comments);
        comment::items(self.text, &comments, false, 0, &mut self.tree.items);
    }

    fn finish(mut self) -> Result<Parsed, StoreError> {
        self.root_comments();
        let meta = self.meta()?;
        let end = meta
            .as_ref()
            .and_then(|block| block.cut.last())
            .filter(|cut| cut.end == self.text.len())
            .map_or(self.text.len(), |cut| cut.start);
        self.tree.documents.push(Document { root: 0, meta, end });
        Ok(Parsed {
            tree: self.tree,
            metadata: self.metadata,
        })
    }

    fn meta(&self) -> Result<Option<MetaBlock>, StoreError> {
        let Some(block) = self.block.clone() else {
            return Ok(None);
        };
        let names = self.metadata.iter().map(|entry| entry.line.name.as_str());
        if !is_metadata(names) {
            return Err(StoreError::ReservedKey {
                line: self.line_of(block.start),
                key: METADATA.into(),
            });
        }
        let lines: Vec<Line> = self.metadata.iter().map(|e| e.line.clone()).collect();
        let fields = flat::unflatten(&lines).map_err(|clash| {
            let at = self.metadata.get(clash.line).map_or(0, |e| e.range.start);
            self.syntax(at, clash.why)
        })?;
        let fields = fields
            .into_iter()
            .map(|field| MetaField {
                name: field.name,
                value: field.value,
                span: self
                    .metadata
                    .get(field.line)
                    .map_or(0..0, |entry| entry.value.clone()),
                style: Style::Plain,
            })
            .collect();
        Ok(Some(MetaBlock {
            fields,
            cut: vec![self.cut(block)],
            rest: String::new(),
        }))
    }

    /// The block with the empty line before it. A file without a final line break keeps none:
    /// the block brought two of them.
    fn cut(&self, block: Range<usize>) -> Range<usize> {
        let mut before = slice(self.text, 0..block.start).trim_end_matches([' ', '\t']);
        if block.end == self.text.len() && !self.text.ends_with('\n') {
            for _ in 0..2 {
                before = without_break(before).unwrap_or(before);
            }
        } else if let Some(shorter) = without_break(before)
            && shorter.ends_with('\n')
        {
            before = shorter;
        }
        before.len()..block.end
    }

    fn syntax(&self, at: usize, message: &str) -> StoreError {
        StoreError::Syntax {
            line: self.line_of(at),
            message: message.into(),
        }
    }

    fn line_of(&self, at: usize) -> usize {
        line_of(self.text.as_bytes(), at)
    }
}

/// A text without its last line break; `None` if it does not end with one.
fn without_break(text: &str) -> Option<&str> {
    let text = text.strip_suffix('\n')?;
    Some(text.strip_suffix('\r').unwrap_or(text))
}
