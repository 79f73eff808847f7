//! Tokens as go-yaml's scanner gives them out, and the comments between them.
//!
//! Where scalars stand is known; what lies between them are indicators, properties and comments.
//! Comments are gathered into runs. Each run belongs to a token by its position: the token before
//! (beside it, or below it and followed by a blank line or a dedent) or the one that comes next.

use std::collections::VecDeque;
use std::ops::Range;

use super::token::{Comments, Mark, Run, Token, TokenKind};

/// A place where a key may have begun that has no `?`.
#[derive(Clone, Copy, Debug)]
pub(super) struct SimpleKey {
    token: usize,
    start: Mark,
}

/// How far a key may reach that has no `?`, in characters: YAML 1.2, 7.4.2.
const SIMPLE_KEY_LIMIT: usize = 1024;

pub(super) struct Scanner<'t> {
    pub(super) bytes: &'t [u8],
    pub(super) text: &'t str,
    pub(super) scalars: std::iter::Peekable<std::slice::Iter<'t, Range<usize>>>,
    pub(super) mark: Mark,
    /// Line breaks since the last character that was no blank.
    pub(super) newlines: usize,
    pub(super) flow: usize,
    pub(super) indent: Option<usize>,
    pub(super) indents: Vec<Option<usize>>,
    pub(super) key_allowed: bool,
    /// One for each flow level, and the block level.
    pub(super) keys: Vec<Option<SimpleKey>>,
    pub(super) tokens: VecDeque<Token>,
    /// How many tokens were given out.
    pub(super) given: usize,
    /// The last token that was given out.
    pub(super) last: Option<Token>,
    pub(super) comments: VecDeque<Comments>,
    /// Something that go-yaml would not read.
    pub(super) lost: bool,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str, scalars: &'t [Range<usize>]) -> Self {
        let start = if text.starts_with('\u{feff}') { 3 } else { 0 };
        let mark = Mark {
            index: start,
            ..Mark::default()
        };
        Self {
            bytes: text.as_bytes(),
            text,
            scalars: scalars.iter().peekable(),
            mark,
            newlines: 0,
            flow: 0,
            indent: None,
            indents: Vec::new(),
            key_allowed: true,
            keys: vec![None],
            tokens: VecDeque::from([Token {
                kind: TokenKind::StreamStart,
                start: mark,
            }]),
            given: 0,
            last: None,
            comments: VecDeque::new(),
            lost: false,
        }
    }

    /// The next token. Two more are read ahead, so that comments below a token are known in time.
    pub(super) fn peek(&mut self) -> Option<Token> {
        while self.tokens.len() < 3 || self.may_be_key(self.given) {
            self.fetch();
            if self.lost {
                return None;
            }
        }
        self.tokens.front().copied()
    }

    /// Goes on to the next token.
    pub(super) fn skip(&mut self) {
        self.last = self.tokens.pop_front();
        self.given += 1;
    }

    /// The next run that `token` takes. A block's end takes no run that stands above something.
    pub(super) fn comments_for(&mut self, token: &Token) -> Option<Comments> {
        let next = self.comments.front()?;
        let takes = token.start.index >= next.token
            && !(next.run == Run::Head && token.kind == TokenKind::BlockEnd);
        if takes {
            self.comments.pop_front()
        } else {
            None
        }
    }

    fn fetch(&mut self) {
        let gap = self.mark;
        self.skip_to_token();
        self.unroll(Some(self.mark.column), gap);
        let Some(byte) = self.byte(0) else {
            self.stream_end();
            return;
        };
        if self.mark.column == 0
            && let Some(kind) = self.document_marker()
        {
            self.unroll(None, self.mark);
            self.forget_key();
            self.key_allowed = false;
            self.push(kind);
            self.advance(3);
            return;
        }
        let before = self.previous(1).map(|token| token.start.index);
        let behind = match byte {
            b':' if self.flow == 0 => before,
            b',' if self.flow > 0 => before,
            _ => None,
        };
        let place = behind.unwrap_or(self.mark.index);
        self.token(byte);
        // What stands behind a dash is above what follows.
        let dash = self
            .previous(1)
            .is_some_and(|token| token.kind == TokenKind::BlockEntry);
        if !dash && !self.lost {
            self.line_comment(place);
        }
    }

    fn token(&mut self, byte: u8) {
        let start = self.mark.index;
        if let Some(range) = self.scalars.next_if(|range| range.start == start) {
            self.save_key();
            self.key_allowed = false;
            self.push(TokenKind::Scalar);
            self.jump(range.end);
            self.newlines = 0;
            if !matches!(byte, b'"' | b'\'') {
                self.blanks_behind_plain();
            }
            return;
        }
        match byte {
            b'[' | b'{' => {
                self.save_key();
                self.keys.push(None);
                self.flow += 1;
                self.key_allowed = true;
                self.push(if byte == b'[' {
                    TokenKind::FlowListStart
                } else {
                    TokenKind::FlowMapStart
                });
                self.advance(1);
            }
            b']' | b'}' => {
                self.keys.pop();
                if self.keys.is_empty() {
                    self.lost = true;
                    return;
                }
                self.flow -= 1;
                self.key_allowed = false;
                self.push(if byte == b']' {
                    TokenKind::FlowListEnd
                } else {
                    TokenKind::FlowMapEnd
                });
                self.advance(1);
            }
            b',' => {
                self.forget_key();
                self.key_allowed = true;
                self.push(TokenKind::FlowEntry);
                self.advance(1);
            }
            b'-' => {
                self.roll(self.mark, None, TokenKind::BlockListStart);
                self.forget_key();
                self.key_allowed = true;
                self.push(TokenKind::BlockEntry);
                self.advance(1);
            }
            b'?' => {
                self.roll(self.mark, None, TokenKind::BlockMapStart);
                self.forget_key();
                self.key_allowed = self.flow == 0;
                self.push(TokenKind::Key);
                self.advance(1);
            }
            b':' => self.value(),
            b'&' | b'*' | b'!' => {
                self.save_key();
                self.key_allowed = false;
                self.push(match byte {
                    b'&' => TokenKind::Anchor,
                    b'*' => TokenKind::Alias,
                    _ => TokenKind::Tag,
                });
                self.property();
            }
            b'|' | b'>' if self.flow == 0 => {
                self.forget_key();
                self.key_allowed = true;
                self.push(TokenKind::Scalar);
                self.block_scalar();
            }
            _ => self.lost = true,
        }
    }

    fn value(&mut self) {
        let key = self.keys.last_mut().and_then(Option::take);
        if let Some(key) = key.filter(|key| self.reaches(key)) {
            self.insert(key.token, TokenKind::Key, key.start);
            self.roll(key.start, Some(key.token), TokenKind::BlockMapStart);
            self.key_allowed = false;
        } else {
            self.roll(self.mark, None, TokenKind::BlockMapStart);
            self.key_allowed = self.flow == 0;
        }
        self.push(TokenKind::Value);
        self.advance(1);
    }

    /// An anchor, alias or tag: up to the next blank, in flow style also up to a comma or bracket.
    fn property(&mut self) {
        let flow = self.flow > 0;
        let rest = self.bytes.get(self.mark.index..).unwrap_or_default();
        let len = rest
            .iter()
            .position(|byte| {
                byte.is_ascii_whitespace()
                    || (flow && matches!(byte, b',' | b'[' | b']' | b'{' | b'}'))
            })
            .unwrap_or(rest.len());
        self.jump(self.mark.index + len.max(1));
        self.newlines = 0;
    }

    /// Goes over a block scalar and the blank lines behind it, into the indentation of the next
    /// line.
    fn block_scalar(&mut self) {
        let place = self.mark.index;
        self.advance(1);
        let mut given = 0;
        while let Some(byte @ (b'0'..=b'9' | b'+' | b'-')) = self.byte(0) {
            if byte.is_ascii_digit() {
                given = usize::from(byte - b'0');
            }
            self.advance(1);
        }
        while self.byte(0).is_some_and(is_blank) {
            self.advance(1);
        }
        if self.byte(0) == Some(b'#') {
            self.line_comment(place);
        }
        self.line_break();
        let mut indent = match given {
            0 => 0,
            given => self.indent.unwrap_or(0) + given,
        };
        self.block_breaks(&mut indent);
        while self.mark.column == indent && self.byte(0).is_some() {
            self.skip_line();
            self.line_break();
            self.block_breaks(&mut indent);
        }
    }

    /// Indentation and empty lines inside a block scalar; finds its indentation if `indent` is 0.
    fn block_breaks(&mut self, indent: &mut usize) {
        let mut widest = 0;
        loop {
            while (*indent == 0 || self.mark.column < *indent) && self.byte(0) == Some(b' ') {
                self.advance(1);
            }
            widest = widest.max(self.mark.column);
            if !self.line_break() {
                break;
            }
        }
        if *indent == 0 {
            let least = self.indent.map_or(0, |indent| indent + 1);
            *indent = widest.max(least).max(1);
        }
    }

    /// go-yaml reads on behind a plain scalar, to see whether it goes on in the next line.
    fn blanks_behind_plain(&mut self) {
        loop {
            if self.byte(0).is_some_and(is_blank) {
                self.advance(1);
            } else if self.line_break() {
                self.key_allowed = true;
            } else {
                break;
            }
        }
    }

    fn skip_to_token(&mut self) {
        let gap = self.mark;
        loop {
            while self.byte(0) == Some(b' ')
                || (self.byte(0) == Some(b'\t') && (self.flow > 0 || !self.key_allowed))
            {
                self.advance(1);
            }
            self.lift_line_comment();
            if self.byte(0) == Some(b'#') {
                self.gather(gap);
            }
            if !self.line_break() {
                break;
            }
            if self.flow == 0 {
                self.key_allowed = true;
            }
        }
    }

    /// Closes the blocks that are deeper than `column`; all of them if there is none. A block ends
    /// before the comments that stand in line with it, so that they come behind it. `gap` is
    /// where the search for the next token began.
    fn unroll(&mut self, column: Option<usize>, gap: Mark) {
        if self.flow > 0 {
            return;
        }
        let mut place = Mark {
            index: gap.index.saturating_sub(1),
            ..gap
        };
        while let Some(indent) = self.indent
            && column.is_none_or(|column| indent > column)
        {
            let mut stop = place.index;
            for comments in self.comments.iter().rev() {
                if comments.end < stop {
                    break;
                }
                if comments.column == indent + 1 {
                    place = Mark {
                        index: comments.start,
                        line: comments.line,
                        column: comments.column,
                    };
                }
                stop = comments.scan;
            }
            self.tokens.push_back(Token {
                kind: TokenKind::BlockEnd,
                start: place,
            });
            self.indent = self.indents.pop().flatten();
        }
    }

    /// Opens a block at a column, if it is deeper than the current one; its token stands before
    /// the token numbered `before`, or last.
    fn roll(&mut self, start: Mark, before: Option<usize>, kind: TokenKind) {
        if self.flow > 0 || self.indent.is_some_and(|indent| indent >= start.column) {
            return;
        }
        self.indents.push(self.indent.replace(start.column));
        let number = before.unwrap_or(self.given + self.tokens.len());
        self.insert(number, kind, start);
    }

    fn insert(&mut self, number: usize, kind: TokenKind, start: Mark) {
        let at = number.saturating_sub(self.given).min(self.tokens.len());
        self.tokens.insert(at, Token { kind, start });
    }

    fn push(&mut self, kind: TokenKind) {
        let start = self.mark;
        self.tokens.push_back(Token { kind, start });
    }

    /// The last token but `back - 1`, given out or not.
    pub(super) fn previous(&self, back: usize) -> Option<Token> {
        match self.tokens.len().checked_sub(back) {
            Some(at) => self.tokens.get(at).copied(),
            None if self.tokens.len() + 1 == back => self.last,
            None => None,
        }
    }

    fn save_key(&mut self) {
        if !self.key_allowed {
            return;
        }
        let key = SimpleKey {
            token: self.given + self.tokens.len(),
            start: self.mark,
        };
        if let Some(slot) = self.keys.last_mut() {
            *slot = Some(key);
        }
    }

    fn forget_key(&mut self) {
        if let Some(slot) = self.keys.last_mut() {
            *slot = None;
        }
    }

    fn reaches(&self, key: &SimpleKey) -> bool {
        key.start.line == self.mark.line && key.start.index + SIMPLE_KEY_LIMIT >= self.mark.index
    }

    fn may_be_key(&self, number: usize) -> bool {
        self.keys
            .iter()
            .flatten()
            .any(|key| key.token == number && self.reaches(key))
    }

    fn stream_end(&mut self) {
        if self.mark.column != 0 {
            self.mark.column = 0;
            self.mark.line += 1;
        }
        self.unroll(None, self.mark);
        self.forget_key();
        self.key_allowed = false;
        self.push(TokenKind::StreamEnd);
    }

    fn document_marker(&self) -> Option<TokenKind> {
        let rest = self.bytes.get(self.mark.index..)?;
        let kind = match rest.get(..3)? {
            b"---" => TokenKind::DocumentStart,
            b"..." => TokenKind::DocumentEnd,
            _ => return None,
        };
        rest.get(3)
            .is_none_or(u8::is_ascii_whitespace)
            .then_some(kind)
    }

    pub(super) fn byte(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.mark.index + ahead).copied()
    }

    /// Goes over `count` bytes that are characters of one line.
    pub(super) fn advance(&mut self, count: usize) {
        for _ in 0..count {
            if !self.byte(0).is_some_and(is_blank) {
                self.newlines = 0;
            }
            self.mark.index += 1;
            self.mark.column += 1;
        }
    }

    /// Goes over a line break, if one stands here.
    pub(super) fn line_break(&mut self) -> bool {
        let len = match (self.byte(0), self.byte(1)) {
            (Some(b'\r'), Some(b'\n')) => 2,
            (Some(b'\r' | b'\n'), _) => 1,
            _ => return false,
        };
        self.mark.index += len;
        self.mark.line += 1;
        self.mark.column = 0;
        self.newlines += 1;
        true
    }

    /// Goes to the end of the line.
    pub(super) fn skip_line(&mut self) {
        let rest = self.text.get(self.mark.index..).unwrap_or_default();
        let line = rest.split(['\r', '\n']).next().unwrap_or_default();
        if !line.trim_matches([' ', '\t']).is_empty() {
            self.newlines = 0;
        }
        self.mark.index += line.len();
        self.mark.column += line.chars().count();
    }

    /// Goes over blanks and line breaks to `index`.
    pub(super) fn go_to(&mut self, index: usize) {
        while self.mark.index < index {
            if !self.line_break() {
                self.advance(1);
            }
        }
    }

    /// Goes to `index`, over a scalar or property.
    pub(super) fn jump(&mut self, index: usize) {
        let part = self.text.get(self.mark.index..index).unwrap_or_default();
        match part.rfind('\n') {
            Some(newline) => {
                self.mark.line += memchr::memchr_iter(b'\n', part.as_bytes()).count();
                let last = part.get(newline + 1..).unwrap_or_default();
                self.mark.column = last.chars().count();
            }
            None => self.mark.column += part.chars().count(),
        }
        self.mark.index = index;
    }
}

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

pub(super) fn is_break(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}
