//! The root's `sops` entry, read apart from the user's data.

use std::ops::Range;

use super::parse::{Parser, raw};
use super::scan::{Token, syntax};
use crate::document::{Meta, MetaField, Shape, Style};
use crate::sops::store::{StoreError, line_of};
use crate::stores::{METADATA, is_metadata};

/// How deep the metadata may go; SOPS's own needs five.
const MAX_META_DEPTH: usize = 32;

impl Parser<'_> {
    /// Reads the value of the root's `sops`.
    pub(super) fn metadata(&mut self, key: &Range<usize>, token: Token) -> Result<(), StoreError> {
        let line = line_of(self.text, key.start);
        if self.sops.entry.is_some() {
            return Err(StoreError::DuplicateKey {
                line,
                path: METADATA.into(),
            });
        }
        let reserved = StoreError::ReservedKey {
            line,
            key: METADATA.into(),
        };
        if token != Token::Open(Shape::Map) {
            return Err(reserved);
        }
        let end = self.each_field(|parser, name, token, span| {
            let value = parser.meta(token, &span, 1)?;
            let end = parser.scanner_end(&span, &value);
            parser.sops.fields.push(MetaField {
                name,
                value,
                span: span.start..end,
                style: if token == Token::Str {
                    Style::Double
                } else {
                    Style::Plain
                },
            });
            Ok(())
        })?;
        if !is_metadata(self.sops.fields.iter().map(|field| field.name.as_str())) {
            return Err(reserved);
        }
        self.sops.entry = Some(key.start..end);
        Ok(())
    }

    /// The end of a metadata value: of a container, where the scanner stands after it.
    fn scanner_end(&self, span: &Range<usize>, value: &Meta) -> usize {
        match value {
            Meta::List(_) | Meta::Map(_) => self.scanner.at(),
            _ => span.end,
        }
    }

    /// Reads the entries of an object whose brace was just read; gives back its end.
    fn each_field(
        &mut self,
        mut take: impl FnMut(&mut Self, String, Token, Range<usize>) -> Result<(), StoreError>,
    ) -> Result<usize, StoreError> {
        let mut first = true;
        loop {
            let (mut token, mut span) = self.scanner.next()?;
            if first && token == Token::Close(Shape::Map) {
                return Ok(span.end);
            }
            if !first {
                match token {
                    Token::Comma => (token, span) = self.scanner.next()?,
                    Token::Close(Shape::Map) => return Ok(span.end),
                    _ => {
                        return Err(syntax(
                            self.text,
                            span.start,
                            "a comma or `}` is expected here",
                        ));
                    }
                }
            }
            first = false;
            let (colon, _) = self.scanner.next()?;
            if (token, colon) != (Token::Str, Token::Colon) {
                return Err(syntax(
                    self.text,
                    span.start,
                    "a key and `:` are expected here",
                ));
            }
            let name = self.key(&span);
            let (token, span) = self.scanner.next()?;
            take(self, name, token, span)?;
        }
    }

    /// One node of the metadata. Recursive, within [`MAX_META_DEPTH`].
    fn meta(
        &mut self,
        token: Token,
        span: &Range<usize>,
        depth: usize,
    ) -> Result<Meta, StoreError> {
        if depth > MAX_META_DEPTH {
            return Err(StoreError::Limit {
                what: "the metadata is nested too deep".into(),
                limit: format!("{MAX_META_DEPTH} levels"),
            });
        }
        Ok(match token {
            Token::Str => Meta::Str(self.key(span)),
            Token::True => Meta::Bool(true),
            Token::False => Meta::Bool(false),
            Token::Null => Meta::Null,
            Token::Number => {
                let digits = raw(self.text, span);
                digits
                    .parse()
                    .map_or_else(|_| Meta::Str(digits.into()), Meta::Int)
            }
            Token::Open(Shape::Map) => {
                let mut entries = Vec::new();
                self.each_field(|parser, name, token, span| {
                    entries.push((name, parser.meta(token, &span, depth + 1)?));
                    Ok(())
                })?;
                Meta::Map(entries)
            }
            Token::Open(Shape::List) => {
                let mut entries = Vec::new();
                loop {
                    let (mut token, mut span) = self.scanner.next()?;
                    if token == Token::Close(Shape::List) && entries.is_empty() {
                        break;
                    }
                    if !entries.is_empty() {
                        match token {
                            Token::Comma => (token, span) = self.scanner.next()?,
                            Token::Close(Shape::List) => break,
                            _ => {
                                let message = "a comma or `]` is expected here";
                                return Err(syntax(self.text, span.start, message));
                            }
                        }
                    }
                    entries.push(self.meta(token, &span, depth + 1)?);
                }
                Meta::List(entries)
            }
            Token::Close(_) | Token::Comma | Token::Colon | Token::End => {
                return Err(syntax(self.text, span.start, "a value is missing here"));
            }
        })
    }
}
