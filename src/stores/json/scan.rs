//! JSON's tokens (RFC 8259), with their places. Strict: what Go's decoder lets pass besides, such
//! as a lone surrogate, is refused, because it could not be written back as it was.

use std::ops::Range;

use crate::document::Shape;
use crate::secret::Cleartext;
use crate::sops::store::{StoreError, line_of};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// `{` or `[`.
    Open(Shape),
    /// `}` or `]`.
    Close(Shape),
    Comma,
    Colon,
    Str,
    Number,
    True,
    False,
    Null,
    /// The end of the text.
    End,
}

/// Walks over a text that is known to be UTF-8.
pub(super) struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a [u8], at: usize) -> Self {
        Self { text, at }
    }

    /// The next token and its text, quotes included.
    pub(super) fn next(&mut self) -> Result<(Token, Range<usize>), StoreError> {
        self.at = skip_blanks(self.text, self.at);
        let start = self.at;
        let Some(first) = self.peek() else {
            return Ok((Token::End, start..start));
        };
        let token = match first {
            b'{' => self.single(Token::Open(Shape::Map)),
            b'[' => self.single(Token::Open(Shape::List)),
            b'}' => self.single(Token::Close(Shape::Map)),
            b']' => self.single(Token::Close(Shape::List)),
            b',' => self.single(Token::Comma),
            b':' => self.single(Token::Colon),
            b'"' => self.string()?,
            b'-' | b'0'..=b'9' => self.number()?,
            b't' => self.word(b"true", Token::True)?,
            b'f' => self.word(b"false", Token::False)?,
            b'n' => self.word(b"null", Token::Null)?,
            b'/' | b'#' => return Err(self.error("JSON has no comments")),
            b'\'' => return Err(self.error("JSON strings stand in double quotes")),
            _ => return Err(self.error("a value, a bracket or a comma is expected here")),
        };
        Ok((token, start..self.at))
    }

    /// The end of the last token.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// A syntax error on the line that was reached.
    pub(super) fn error(&self, message: &str) -> StoreError {
        syntax(self.text, self.at, message)
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn single(&mut self, token: Token) -> Token {
        self.at += 1;
        token
    }

    fn word(&mut self, word: &[u8], token: Token) -> Result<Token, StoreError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            return Err(self.error("words are `true`, `false` and `null`; text stands in quotes"));
        }
        self.at += word.len();
        if self.peek().is_some_and(|c| c.is_ascii_alphanumeric()) {
            return Err(self.error("words are `true`, `false` and `null`; text stands in quotes"));
        }
        Ok(token)
    }

    fn string(&mut self) -> Result<Token, StoreError> {
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Token::Str);
                }
                Some(b'\\') => self.escape()?,
                Some(0x20..) => self.at += 1,
                Some(_) => {
                    return Err(self.error(
                        "a line break or control character in a string must be escaped, as in \\n",
                    ));
                }
                None => return Err(self.error("a string is not closed")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), StoreError> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => {
                let lone = "half a surrogate pair is not a character";
                match hex4(self.text, self.at + 1) {
                    Some(0xD800..=0xDBFF) => {
                        let next = self.text.get(self.at + 5..self.at + 7);
                        let low = hex4(self.text, self.at + 7);
                        if next != Some(b"\\u") || !matches!(low, Some(0xDC00..=0xDFFF)) {
                            return Err(self.error(lone));
                        }
                        self.at += 11;
                        Ok(())
                    }
                    Some(0xDC00..=0xDFFF) => Err(self.error(lone)),
                    Some(_) => {
                        self.at += 5;
                        Ok(())
                    }
                    None => Err(self.error("\\u is followed by four hexadecimal digits")),
                }
            }
            _ => Err(self.error("JSON's escapes are \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u")),
        }
    }

    fn number(&mut self) -> Result<Token, StoreError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
            if self.peek().is_some_and(|c| c.is_ascii_digit()) {
                return Err(self.error("a number does not begin with 0"));
            }
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Token::Number)
    }

    fn digits(&mut self) -> Result<(), StoreError> {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.error("a digit is missing in a number"));
        }
        Ok(())
    }
}

/// The first byte from `at` on that is not JSON white space.
pub(super) fn skip_blanks(text: &[u8], at: usize) -> usize {
    let blanks = text
        .iter()
        .skip(at)
        .take_while(|c| matches!(c, b' ' | b'\t' | b'\n' | b'\r'));
    at + blanks.count()
}

/// A syntax error at byte `at`.
pub(super) fn syntax(text: &[u8], at: usize, message: &str) -> StoreError {
    StoreError::Syntax {
        line: line_of(text, at),
        message: message.into(),
    }
}

/// The text that a scanned string stands for. The buffer never grows, so no copy is left behind.
pub(super) fn unescape(text: &[u8], span: &Range<usize>) -> Cleartext {
    let raw = text.get(span.start + 1..span.end - 1).unwrap_or_default();
    let mut out = Cleartext::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.push(rest.get(..at).unwrap_or_default());
        let (character, length) = escaped(rest, at + 1);
        out.push(character.encode_utf8(&mut [0; 4]).as_bytes());
        rest = rest.get(at + 1 + length..).unwrap_or_default();
    }
    out.push(rest);
    out
}

/// The character after a backslash, and how many bytes of `raw` it takes there.
fn escaped(raw: &[u8], at: usize) -> (char, usize) {
    let simple = match raw.get(at) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => {
            let high = hex4(raw, at + 1).unwrap_or_default();
            if !(0xD800..0xDC00).contains(&high) {
                return (char::from_u32(high).unwrap_or_default(), 5);
            }
            let low = hex4(raw, at + 7).unwrap_or_default();
            let code = 0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF);
            return (char::from_u32(code).unwrap_or_default(), 11);
        }
        Some(&other) => char::from(other),
        None => '\\',
    };
    (simple, 1)
}

fn hex4(text: &[u8], at: usize) -> Option<u32> {
    let mut code = 0;
    for &digit in text.get(at..at + 4)? {
        code = code * 16 + char::from(digit).to_digit(16)?;
    }
    Some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Result<Vec<Token>, StoreError> {
        let mut scanner = Scanner::new(text.as_bytes(), 0);
        let mut found = Vec::new();
        loop {
            match scanner.next()?.0 {
                Token::End => return Ok(found),
                token => found.push(token),
            }
        }
    }

    #[test]
    fn knows_every_token() {
        assert_eq!(
            tokens("{\"a\" : [ -1.5e+3,\ttrue,false,\r\nnull ] }").unwrap(),
            [
                Token::Open(Shape::Map),
                Token::Str,
                Token::Colon,
                Token::Open(Shape::List),
                Token::Number,
                Token::Comma,
                Token::True,
                Token::Comma,
                Token::False,
                Token::Comma,
                Token::Null,
                Token::Close(Shape::List),
                Token::Close(Shape::Map),
            ]
        );
    }

    #[test]
    fn refuses_what_rfc_8259_refuses() {
        for text in [
            "01",
            "-",
            "1.",
            ".5",
            "+1",
            "1e",
            "0x1",
            "tru",
            "truex",
            "nul",
            "'a'",
            "\"a",
            "\"\n\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\\udc00\"",
            "// c",
            "#c",
            "NaN",
            "Infinity",
            "\u{a0}1",
            "\"\t\"",
        ] {
            assert!(tokens(text).is_err(), "{text}");
        }
    }

    #[test]
    fn unescapes() {
        for (text, meaning) in [
            (r#""""#, ""),
            (r#""a\"\\\/\b\f\n\r\tz""#, "a\"\\/\u{8}\u{c}\n\r\tz"),
            (r#""\u00e9\u2028""#, "é\u{2028}"),
            (r#""\ud83d\ude00!""#, "😀!"),
            (r#""\uD83D\uDE00""#, "😀"),
            (r#""é😀""#, "é😀"),
            (r#""\\u0041""#, "\\u0041"),
        ] {
            assert_eq!(tokens(text).unwrap(), [Token::Str], "{text}");
            let found = unescape(text.as_bytes(), &(0..text.len()));
            assert_eq!(found.as_str(), Some(meaning), "{text}");
        }
    }
}
