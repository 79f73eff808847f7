//! Nodes with the comments that they take.

use std::ops::Range;

use super::scanner::Scanner;
use super::token::{Run, Token, TokenKind};

/// A node and the comments above it, beside it and below it, each by the place of its `#`.
#[derive(Default)]
pub(super) struct Node {
    pub(super) head: Vec<usize>,
    pub(super) line: Vec<usize>,
    pub(super) foot: Vec<usize>,
    pub(super) content: Content,
}

/// What a node holds.
pub(super) enum Content {
    /// A scalar that begins here.
    Scalar(usize),
    /// A map.
    Map(Vec<(Node, Node)>),
    /// A list.
    List(Vec<Node>),
}

impl Default for Content {
    fn default() -> Self {
        Self::Scalar(usize::MAX)
    }
}

impl Node {
    pub(super) fn is_scalar(&self) -> bool {
        matches!(self.content, Content::Scalar(_))
    }
}

/// Comments that wait for the next node.
#[derive(Default)]
struct Waiting {
    head: Vec<usize>,
    line: Vec<usize>,
    foot: Vec<usize>,
}

/// Reads nodes from tokens.
pub(super) struct Nodes<'t> {
    scanner: Scanner<'t>,
    waiting: Waiting,
    /// Comments above a dash, for the map or list behind it as a whole.
    stem: Vec<usize>,
}

impl<'t> Nodes<'t> {
    pub(super) fn new(text: &'t str, scalars: &'t [Range<usize>]) -> Self {
        Self {
            scanner: Scanner::new(text, scalars),
            waiting: Waiting::default(),
            stem: Vec::new(),
        }
    }

    /// Hands out each document's root with the comments at the document's end.
    pub(super) fn each_document(
        mut self,
        mut document: impl FnMut(&Node, Vec<usize>),
    ) -> Option<()> {
        self.skip();
        let mut first = true;
        loop {
            let mut token = self.peek()?;
            while !first && token.kind == TokenKind::DocumentEnd {
                self.skip();
                token = self.peek()?;
            }
            let root = match token.kind {
                TokenKind::StreamEnd => return Some(()),
                TokenKind::DocumentStart => {
                    self.skip();
                    match self.peek()?.kind {
                        TokenKind::DocumentStart
                        | TokenKind::DocumentEnd
                        | TokenKind::StreamEnd => Node::default(),
                        _ => self.node(true, false)?,
                    }
                }
                _ if first => self.node(true, false)?,
                _ => return None,
            };
            if self.peek()?.kind == TokenKind::DocumentEnd {
                self.skip();
            }
            let end = self.take();
            let foot = if end.foot.is_empty() {
                end.head
            } else {
                end.foot
            };
            document(&root, foot);
            first = false;
        }
    }

    /// The next token, which takes the comments that wait for it.
    fn peek(&mut self) -> Option<Token> {
        let token = self.scanner.peek()?;
        while let Some(comments) = self.scanner.comments_for(&token) {
            match comments.run {
                Run::Head => self.waiting.head.extend(comments.lines),
                Run::Line => self.waiting.line.extend(comments.lines),
                Run::Foot => self.waiting.foot.extend(comments.lines),
            }
        }
        Some(token)
    }

    fn skip(&mut self) {
        self.scanner.skip();
    }

    fn take(&mut self) -> Waiting {
        self.stem.clear();
        std::mem::take(&mut self.waiting)
    }

    fn node(&mut self, block: bool, indentless: bool) -> Option<Node> {
        let mut token = self.peek()?;
        if token.kind == TokenKind::Alias {
            let node = self.commented(Content::Scalar(token.start.index));
            self.skip();
            return Some(node);
        }
        let mut properties = false;
        while matches!(token.kind, TokenKind::Anchor | TokenKind::Tag) {
            properties = true;
            self.skip();
            token = self.peek()?;
        }
        match token.kind {
            TokenKind::BlockEntry if indentless => Some(Node {
                content: self.dashes(true)?,
                ..Node::default()
            }),
            TokenKind::Scalar => {
                let node = self.commented(Content::Scalar(token.start.index));
                self.skip();
                Some(node)
            }
            TokenKind::FlowListStart => {
                let head = self.take().head;
                let items = self.flow_list()?;
                Some(self.closed(head, Content::List(items)))
            }
            TokenKind::FlowMapStart => {
                let head = self.take().head;
                let entries = self.flow_map()?;
                Some(self.closed(head, Content::Map(entries)))
            }
            TokenKind::BlockListStart if block => {
                let head = std::mem::take(&mut self.stem);
                self.skip();
                let content = self.dashes(false)?;
                Some(Node {
                    head,
                    content,
                    ..Node::default()
                })
            }
            TokenKind::BlockMapStart if block => {
                let head = std::mem::take(&mut self.stem);
                self.block_map(head)
            }
            _ => properties.then(Node::default),
        }
    }

    /// A scalar node with the comments that wait.
    fn commented(&mut self, content: Content) -> Node {
        let Waiting { head, line, foot } = self.take();
        Node {
            head,
            line,
            foot,
            content,
        }
    }

    /// A flow node at its closing bracket: what waits there is beside and below it. What stood
    /// beside the opening bracket is lost.
    fn closed(&mut self, head: Vec<usize>, content: Content) -> Node {
        let Waiting { line, foot, .. } = self.take();
        self.skip();
        Node {
            head,
            line,
            foot,
            content,
        }
    }

    /// The items of a block list; `indentless` for one whose dashes stand below its key.
    fn dashes(&mut self, indentless: bool) -> Option<Content> {
        let mut items = Vec::new();
        loop {
            let token = self.peek()?;
            if token.kind != TokenKind::BlockEntry {
                if !indentless {
                    if token.kind != TokenKind::BlockEnd {
                        return None;
                    }
                    self.skip();
                }
                return Some(Content::List(items));
            }
            let above = self.waiting.head.len();
            self.skip();
            let next = self.peek()?;
            if above > 0
                && matches!(
                    next.kind,
                    TokenKind::BlockListStart | TokenKind::BlockMapStart
                )
            {
                let rest = self.waiting.head.split_off(above);
                self.stem = std::mem::replace(&mut self.waiting.head, rest);
            }
            let empty = match next.kind {
                TokenKind::BlockEntry | TokenKind::BlockEnd => true,
                TokenKind::Key | TokenKind::Value => indentless,
                _ => false,
            };
            items.push(if empty {
                Node::default()
            } else {
                self.node(true, false)?
            });
        }
    }

    fn block_map(&mut self, head: Vec<usize>) -> Option<Node> {
        self.skip();
        let mut entries: Vec<(Node, Node)> = Vec::new();
        loop {
            match self.peek()?.kind {
                TokenKind::Key => {
                    self.skip();
                    let mut key = self.block_part()?;
                    if !key.foot.is_empty()
                        && let Some((before, _)) = entries.last_mut()
                    {
                        // Further out than this key: it ends what came before.
                        before.foot = std::mem::take(&mut key.foot);
                    }
                    let mut value = if self.peek()?.kind == TokenKind::Value {
                        self.skip();
                        self.block_part()?
                    } else {
                        Node::default()
                    };
                    if key.foot.is_empty() {
                        key.foot = std::mem::take(&mut value.foot);
                    }
                    entries.push((key, value));
                }
                TokenKind::BlockEnd => {
                    let Waiting { line, mut foot, .. } = self.take();
                    self.skip();
                    if !foot.is_empty()
                        && let Some((last, _)) = entries.last_mut()
                    {
                        last.foot = std::mem::take(&mut foot);
                    }
                    return Some(Node {
                        head,
                        line,
                        foot,
                        content: Content::Map(entries),
                    });
                }
                _ => return None,
            }
        }
    }

    /// A key or value of a block map, which may be missing.
    fn block_part(&mut self) -> Option<Node> {
        match self.peek()?.kind {
            TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd => Some(Node::default()),
            _ => self.node(true, true),
        }
    }

    fn flow_list(&mut self) -> Option<Vec<Node>> {
        self.skip();
        let mut items = Vec::new();
        loop {
            let mut token = self.peek()?;
            if token.kind == TokenKind::FlowEntry && !items.is_empty() {
                self.skip();
                token = self.peek()?;
            }
            match token.kind {
                TokenKind::FlowListEnd => return Some(items),
                TokenKind::Key => {
                    // `[key: value]` is a map of one entry.
                    self.skip();
                    let key = self.flow_part()?;
                    let value = self.flow_value()?;
                    let content = Content::Map(vec![entry(key, value)]);
                    items.push(Node {
                        content,
                        ..Node::default()
                    });
                }
                _ => items.push(self.node(false, false)?),
            }
        }
    }

    fn flow_map(&mut self) -> Option<Vec<(Node, Node)>> {
        self.skip();
        let mut entries = Vec::new();
        loop {
            let mut token = self.peek()?;
            if token.kind == TokenKind::FlowEntry && !entries.is_empty() {
                self.skip();
                token = self.peek()?;
            }
            let (key, value) = match token.kind {
                TokenKind::FlowMapEnd => return Some(entries),
                TokenKind::Key => {
                    self.skip();
                    let key = self.flow_part()?;
                    (key, self.flow_value()?)
                }
                _ => (self.node(false, false)?, Node::default()),
            };
            let entry = entry(key, value);
            entries.push(entry);
        }
    }

    /// A key or value in flow style, which may be missing.
    fn flow_part(&mut self) -> Option<Node> {
        match self.peek()?.kind {
            TokenKind::Value
            | TokenKind::FlowEntry
            | TokenKind::FlowMapEnd
            | TokenKind::FlowListEnd => Some(Node::default()),
            _ => self.node(false, false),
        }
    }

    fn flow_value(&mut self) -> Option<Node> {
        if self.peek()?.kind != TokenKind::Value {
            return Some(Node::default());
        }
        self.skip();
        self.flow_part()
    }
}

/// An entry of a flow map: what stands below its value stands below the entry.
fn entry(mut key: Node, mut value: Node) -> (Node, Node) {
    if key.foot.is_empty() {
        key.foot = std::mem::take(&mut value.foot);
    }
    (key, value)
}
