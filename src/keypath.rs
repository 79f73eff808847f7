//! Key paths: how a secret is named inside a file.
//!
//! `db.password`, `list[0]`, `db."a.b"`, and `2:db.password` for the second document. sops's own
//! `["db"]["password"][0]` is read too.

use std::fmt;

use thiserror::Error;

use crate::error::{Exit, Explain};

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Segment {
    /// A map's key.
    Key(String),
    /// A list's index, from 0.
    Index(usize),
}

/// The way from a document's root to a node. The empty path is the root itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyPath {
    /// The document's number in a multi-document file, from 1.
    pub document: usize,
    /// The steps from the root.
    pub segments: Vec<Segment>,
}

/// A path that cannot be read.
#[derive(Debug, Error)]
pub enum KeyPathError {
    /// Nothing was given.
    #[error("the key path is empty")]
    Empty,
    /// A dot or bracket stands where a name was expected.
    #[error("key path `{path}`: a name is missing at column {column}")]
    MissingName {
        /// What was given.
        path: String,
        /// Where, in characters from 1.
        column: usize,
    },
    /// A quote or bracket is not closed.
    #[error("key path `{path}`: the quote or bracket opened at column {column} is not closed")]
    Unclosed {
        /// What was given.
        path: String,
        /// Where, in characters from 1.
        column: usize,
    },
    /// Text between brackets is neither a number nor quoted.
    #[error("key path `{path}`: between brackets stands an index such as [0], or a quoted name")]
    BadIndex {
        /// What was given.
        path: String,
    },
    /// Documents are counted from 1.
    #[error("key path `{path}`: documents are counted from 1")]
    DocumentZero {
        /// What was given.
        path: String,
    },
}

impl Explain for KeyPathError {
    fn exit(&self) -> Exit {
        Exit::USAGE
    }

    fn code(&self) -> &'static str {
        "bad-key-path"
    }

    fn hints(&self) -> Vec<String> {
        vec!["paths look like `db.password`, `list[0]`, `db.\"a.b\"` or `2:db.password`".into()]
    }
}

impl KeyPath {
    /// The root of document `document` (from 1).
    pub fn root(document: usize) -> Self {
        Self {
            document,
            segments: Vec::new(),
        }
    }

    /// Reads a path as a person types it.
    pub fn parse(text: &str) -> Result<Self, KeyPathError> {
        let (document, rest) = split_document(text)?;
        if rest.is_empty() {
            return Err(KeyPathError::Empty);
        }
        let offset = text.chars().count() - rest.chars().count();
        let mut reader = Reader {
            path: text,
            chars: rest.chars().collect(),
            at: 0,
            offset,
        };
        let mut segments = Vec::new();
        while reader.at < reader.chars.len() {
            match reader.peek() {
                Some('[') => segments.push(reader.bracket()?),
                Some('.') if !segments.is_empty() => {
                    reader.at += 1;
                    segments.push(reader.name()?);
                }
                _ if segments.is_empty() => segments.push(reader.name()?),
                _ => return Err(reader.missing()),
            }
        }
        Ok(Self { document, segments })
    }

    /// The path one step further down.
    #[must_use]
    pub fn child(&self, segment: Segment) -> Self {
        let mut segments = self.segments.clone();
        segments.push(segment);
        Self {
            document: self.document,
            segments,
        }
    }

    /// The path without its last step, and that step; `None` at the root.
    pub fn split_last(&self) -> Option<(Self, &Segment)> {
        let (last, head) = self.segments.split_last()?;
        Some((
            Self {
                document: self.document,
                segments: head.to_vec(),
            },
            last,
        ))
    }

    /// Whether `self` is `other` or stands below it.
    pub fn is_within(&self, other: &Self) -> bool {
        self.document == other.document && self.segments.starts_with(&other.segments)
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.document != 1 {
            write!(f, "{}:", self.document)?;
        }
        for (position, segment) in self.segments.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) => {
                    if position > 0 {
                        f.write_str(".")?;
                    }
                    if needs_quotes(key, position == 0) {
                        write!(f, "\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))?;
                    } else {
                        f.write_str(key)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Whether a key can only be written in quotes.
fn needs_quotes(key: &str, first: bool) -> bool {
    key.is_empty()
        || key
            .chars()
            .any(|c| matches!(c, '.' | '[' | ']' | '"' | '\\') || c.is_control())
        || key.starts_with('\'')
        || (first && matches!(split_document(key), Ok((_, rest)) if rest.len() != key.len()))
        || (first && split_document(key).is_err())
}

/// Splits a leading `2:` off.
fn split_document(text: &str) -> Result<(usize, &str), KeyPathError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    match (number.parse::<usize>(), rest.strip_prefix(':')) {
        (Ok(0), Some(_)) => Err(KeyPathError::DocumentZero { path: text.into() }),
        (Ok(document), Some(rest)) => Ok((document, rest)),
        _ => Ok((1, text)),
    }
}

struct Reader<'a> {
    path: &'a str,
    chars: Vec<char>,
    at: usize,
    offset: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn missing(&self) -> KeyPathError {
        KeyPathError::MissingName {
            path: self.path.into(),
            column: self.offset + self.at + 1,
        }
    }

    /// A bare or quoted name.
    fn name(&mut self) -> Result<Segment, KeyPathError> {
        if let Some(quote @ ('"' | '\'')) = self.peek() {
            return self.quoted(quote).map(Segment::Key);
        }
        let start = self.at;
        while self.peek().is_some_and(|c| !matches!(c, '.' | '[' | ']')) {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.missing());
        }
        Ok(Segment::Key(
            self.chars
                .iter()
                .skip(start)
                .take(self.at - start)
                .collect(),
        ))
    }

    /// `[0]`, `["name"]` or `['name']`.
    fn bracket(&mut self) -> Result<Segment, KeyPathError> {
        let opened = self.offset + self.at + 1;
        let unclosed = KeyPathError::Unclosed {
            path: self.path.into(),
            column: opened,
        };
        self.at += 1;
        let segment = if let Some(quote @ ('"' | '\'')) = self.peek() {
            Segment::Key(self.quoted(quote)?)
        } else {
            let start = self.at;
            while self.peek().is_some_and(|c| c != ']') {
                self.at += 1;
            }
            let digits: String = self
                .chars
                .iter()
                .skip(start)
                .take(self.at - start)
                .collect();
            if self.peek().is_none() {
                return Err(unclosed);
            }
            let index = digits.parse().map_err(|_| KeyPathError::BadIndex {
                path: self.path.into(),
            })?;
            Segment::Index(index)
        };
        if self.peek() != Some(']') {
            return Err(unclosed);
        }
        self.at += 1;
        Ok(segment)
    }

    fn quoted(&mut self, quote: char) -> Result<String, KeyPathError> {
        let opened = self.offset + self.at + 1;
        self.at += 1;
        let mut name = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                '\\' if quote == '"' => {
                    if let Some(escaped) = self.peek() {
                        self.at += 1;
                        name.push(escaped);
                    }
                }
                c if c == quote => return Ok(name),
                c => name.push(c),
            }
        }
        Err(KeyPathError::Unclosed {
            path: self.path.into(),
            column: opened,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(name: &str) -> Segment {
        Segment::Key(name.into())
    }

    #[test]
    fn reads_both_notations() {
        let expected = vec![key("db"), key("users"), Segment::Index(0), key("a.b")];
        for text in [
            r#"db.users[0]."a.b""#,
            r#"db.users[0]["a.b"]"#,
            r#"["db"]["users"][0]["a.b"]"#,
            r"['db']['users'][0]['a.b']",
            r#"1:db.users[0]."a.b""#,
        ] {
            assert_eq!(KeyPath::parse(text).unwrap().segments, expected, "{text}");
        }
        assert_eq!(KeyPath::parse("2:a").unwrap().document, 2);
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        for text in [
            "", "a..b", ".a", "a.", "a[", "a[x]", "a[-1]", "a[\"b]", "0:a", "a]b", "1:",
        ] {
            assert!(KeyPath::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn keys_with_dots_are_shown_in_quotes() {
        let path = KeyPath {
            document: 2,
            segments: vec![key("a.b"), Segment::Index(3), key("c")],
        };
        assert_eq!(path.to_string(), r#"2:"a.b"[3].c"#);
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_read(
            document in 1usize..4,
            names in proptest::collection::vec(any::<Option<String>>(), 1..5),
        ) {
            let segments = names
                .into_iter()
                .enumerate()
                .map(|(i, name)| name.map_or(Segment::Index(i), Segment::Key))
                .collect();
            let path = KeyPath { document, segments };
            prop_assert_eq!(KeyPath::parse(&path.to_string()).unwrap(), path);
        }
    }
}
