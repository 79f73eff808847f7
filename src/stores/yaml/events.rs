//! The parser's events, the limits within which it reads, and its errors in our words.

use std::ops::Range;

use granit_parser::{ErrorKind, Event, Parser, ScanError, Span};

use crate::sops::store::{StoreError, line_of};
use crate::stores::within_size_limit;

/// How deep maps and lists may nest, block and flow each.
pub(super) const DEPTH_LIMIT: usize = 255;

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
