//! From JSON text to a tree: one pass, no recursion over the user's data.

use std::ops::Range;

use super::scan::{Scanner, Token, syntax, unescape};
use crate::document::{
    Body, Container, Document, Item, Kind, MetaBlock, MetaField, Shape, Style, Tree, Value,
};
use crate::keypath::Segment;
use crate::sops::number::go_float;
use crate::sops::store::{StoreError, line_of};
use crate::stores::METADATA;

/// How deep containers may stand in one another. Go's decoder allows 10,000.
pub(super) const MAX_DEPTH: usize = 1000;
/// UTF-8's byte-order mark.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Reads a text whose root is an object.
pub(super) fn parse(text: &[u8]) -> Result<Tree, StoreError> {
    if let Err(error) = std::str::from_utf8(text) {
        return Err(StoreError::NotText {
            line: line_of(text, error.valid_up_to()),
        });
    }
    let start = if text.starts_with(BOM) { BOM.len() } else { 0 };
    let mut parser = Parser {
        text,
        scanner: Scanner::new(text, start),
        tree: Tree::default(),
        stack: Vec::new(),
        sops: Sops::default(),
    };
    parser.root()?;
    while !parser.stack.is_empty() {
        parser.step()?;
    }
    match parser.scanner.next()? {
        (Token::End, _) => {
            let mut tree = parser.finish();
            if tree.meta().is_some() {
                tree.pass_over_list_comments();
            }
            Ok(tree)
        }
        (_, span) => Err(syntax(
            text,
            span.start,
            "something follows the end of the object",
        )),
    }
}

/// An open container.
struct Frame {
    container: usize,
    /// The item that opened it; `None` at the root.
    item: Option<usize>,
    shape: Shape,
    /// Entries so far.
    count: usize,
    /// Whether a comma was read and an entry must follow.
    comma: bool,
}

/// Where the `sops` entry stands among the root's entries.
#[derive(Default)]
pub(super) struct Sops {
    pub(super) fields: Vec<MetaField>,
    pub(super) entry: Option<Range<usize>>,
    /// The start of the entry after it.
    next: Option<usize>,
    /// The end of the root's last entry that is not it.
    last_end: Option<usize>,
}

/// Reads a text, container by container.
pub(super) struct Parser<'a> {
    pub(super) text: &'a [u8],
    pub(super) scanner: Scanner<'a>,
    tree: Tree,
    stack: Vec<Frame>,
    pub(super) sops: Sops,
}

impl Parser<'_> {
    fn root(&mut self) -> Result<(), StoreError> {
        let what = match self.scanner.next()? {
            (Token::Open(Shape::Map), span) => {
                self.open(None, Segment::Index(0), Shape::Map, String::new(), &span);
                return Ok(());
            }
            (Token::End, _) => return Err(StoreError::Empty),
            (Token::Open(Shape::List), _) => "the root is a list",
            (Token::Str | Token::Number | Token::True | Token::False | Token::Null, _) => {
                "the root is a value"
            }
            (_, span) => {
                return Err(syntax(self.text, span.start, "a JSON file begins with `{`"));
            }
        };
        Err(StoreError::NotAMap { what: what.into() })
    }

    /// Reads the next comma, entry or closing bracket of the innermost container.
    fn step(&mut self) -> Result<(), StoreError> {
        let (token, span) = self.scanner.next()?;
        let depth = self.stack.len();
        let Some(frame) = self.stack.last_mut() else {
            return Ok(());
        };
        let open = (frame.container, frame.shape);
        match token {
            Token::Close(shape) if shape == frame.shape && !frame.comma => {
                self.close(&span);
                Ok(())
            }
            Token::Comma if frame.count > 0 && !frame.comma => {
                frame.comma = true;
                Ok(())
            }
            _ if frame.count > 0 && !frame.comma => Err(syntax(
                self.text,
                span.start,
                match (token, frame.shape) {
                    (Token::End, _) => "the text ends inside a container",
                    (_, Shape::Map) => "a comma or `}` is expected here",
                    (_, Shape::List) => "a comma or `]` is expected here",
                },
            )),
            Token::Str if frame.shape == Shape::Map => {
                frame.comma = false;
                frame.count += 1;
                self.entry(open.0, &span, depth == 1)
            }
            _ if frame.shape == Shape::Map => Err(syntax(
                self.text,
                span.start,
                match token {
                    Token::End => "the text ends inside a container",
                    Token::Close(_) => "a comma stands before `}`",
                    _ => "a key in double quotes is expected here",
                },
            )),
            token => {
                let name = Segment::Index(frame.count);
                frame.comma = false;
                frame.count += 1;
                self.value(open.0, name, span.start, token, &span)
            }
        }
    }

    /// Reads what follows a key.
    fn entry(
        &mut self,
        parent: usize,
        key: &Range<usize>,
        in_root: bool,
    ) -> Result<(), StoreError> {
        let (colon, at) = self.scanner.next()?;
        if colon != Token::Colon {
            return Err(syntax(self.text, at.start, "a key is followed by `:`"));
        }
        let name = self.key(key);
        let (token, span) = self.scanner.next()?;
        if in_root {
            if name == METADATA {
                return self.metadata(key, token);
            }
            if self.sops.entry.is_some() {
                self.sops.next.get_or_insert(key.start);
            }
        }
        self.value(parent, Segment::Key(name), key.start, token, &span)
    }

    fn value(
        &mut self,
        parent: usize,
        name: Segment,
        start: usize,
        token: Token,
        span: &Range<usize>,
    ) -> Result<(), StoreError> {
        let body = match token {
            Token::Open(shape) => return self.nest(parent, name, start, shape, span),
            Token::Str => Body::Leaf(Value::new(Kind::Str, unescape(self.text, span))),
            Token::Number => Body::Leaf(self.number(parent, &name, span)?),
            Token::True => Body::Leaf(Value::new(Kind::Bool, "True")),
            Token::False => Body::Leaf(Value::new(Kind::Bool, "False")),
            Token::Null => Body::Null,
            Token::Close(_) | Token::Comma | Token::Colon | Token::End => {
                return Err(syntax(self.text, span.start, "a value is missing here"));
            }
        };
        self.tree.items.push(Item {
            parent,
            name,
            body,
            style: if token == Token::Str {
                Style::Double
            } else {
                Style::Plain
            },
            span: span.clone(),
            entry: start..span.end,
            block: None,
        });
        self.ended(span.end);
        Ok(())
    }

    fn nest(
        &mut self,
        parent: usize,
        name: Segment,
        start: usize,
        shape: Shape,
        span: &Range<usize>,
    ) -> Result<(), StoreError> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(StoreError::Limit {
                what: format!(
                    "line {}: containers stand too deep in one another",
                    line_of(self.text, span.start)
                ),
                limit: format!("{MAX_DEPTH} levels"),
            });
        }
        let mut aad = self.tree.container(parent).aad.clone();
        if let Segment::Key(key) = &name {
            aad.push_str(key);
            aad.push(':');
        }
        let item = self.tree.items.len();
        let container = self.open(Some((parent, item)), name.clone(), shape, aad, span);
        self.tree.items.push(Item {
            parent,
            name,
            body: Body::Open(container),
            style: Style::Plain,
            span: span.clone(),
            entry: start..span.end,
            block: None,
        });
        Ok(())
    }

    /// Adds a container and makes it the innermost; its end is set by [`Parser::close`].
    fn open(
        &mut self,
        parent: Option<(usize, usize)>,
        name: Segment,
        shape: Shape,
        aad: String,
        span: &Range<usize>,
    ) -> usize {
        let container = self.tree.containers.len();
        self.tree.containers.push(Container {
            parent: parent.map(|(parent, _)| parent),
            name,
            shape,
            document: 0,
            aad,
            span: span.clone(),
            flow: true,
            indent: 0,
        });
        self.stack.push(Frame {
            container,
            item: parent.map(|(_, item)| item),
            shape,
            count: 0,
            comma: false,
        });
        container
    }

    fn close(&mut self, span: &Range<usize>) {
        let Some(frame) = self.stack.pop() else {
            return;
        };
        if let Some(container) = self.tree.containers.get_mut(frame.container) {
            container.span.end = span.end;
        }
        if let Some(item) = frame.item.and_then(|index| self.tree.items.get_mut(index)) {
            item.span.end = span.end;
            item.entry.end = span.end;
            self.ended(span.end);
        }
    }

    /// Notes where an entry ended, if it is one of the root's.
    fn ended(&mut self, end: usize) {
        if self.stack.len() == 1 {
            self.sops.last_end = Some(end);
        }
    }

    fn number(
        &self,
        parent: usize,
        name: &Segment,
        span: &Range<usize>,
    ) -> Result<Value, StoreError> {
        let digits = raw(self.text, span);
        let whole = !digits.contains(['.', 'e', 'E']);
        if let (true, Ok(int)) = (whole, digits.parse::<i64>()) {
            return Ok(Value::new(Kind::Int, int.to_string()));
        }
        match digits.parse::<f64>() {
            Ok(float) if float.is_finite() => Ok(Value::new(Kind::Float, go_float(float))),
            _ => Err(StoreError::CannotCarry {
                path: self
                    .tree
                    .container_path(parent)
                    .child(name.clone())
                    .to_string(),
                why: "this number is larger than any 64-bit float".into(),
            }),
        }
    }

    /// The text of a key or a piece of metadata, which are no secrets.
    pub(super) fn key(&self, span: &Range<usize>) -> String {
        let inner = raw(self.text, &(span.start + 1..span.end - 1));
        if inner.contains('\\') {
            let text = unescape(self.text, span);
            text.as_str().unwrap_or_default().to_owned()
        } else {
            inner.to_owned()
        }
    }

    fn finish(self) -> Tree {
        let Self { mut tree, sops, .. } = self;
        let inside = tree
            .containers
            .first()
            .map_or(0, |root| root.span.start + 1);
        let end = sops.last_end.unwrap_or(inside);
        let meta = sops.entry.map(|entry| MetaBlock {
            fields: sops.fields,
            // Before another entry, what goes is the entry with the comma and blanks after it;
            // at the end, the comma and blanks before it.
            cut: vec![sops.next.map_or(end..entry.end, |next| entry.start..next)],
            rest: String::new(),
        });
        tree.documents.push(Document { root: 0, meta, end });
        tree
    }
}

pub(super) fn raw<'a>(text: &'a [u8], span: &Range<usize>) -> &'a str {
    let bytes = text.get(span.clone()).unwrap_or_default();
    std::str::from_utf8(bytes).unwrap_or_default()
}
