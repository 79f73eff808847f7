//! The parser's events, the limits within which it reads, and its errors in our words.

use std::ops::Range;

use granit_parser::{ErrorKind, Event, Parser, ScanError, Span};

use crate::sops::store::{StoreError, line_of};

/// How deep maps and lists may nest, block and flow each.
pub(super) const DEPTH_LIMIT: usize = 255;

/// How much text is read: 100 MB.
const SIZE_LIMIT: usize = 100 * 1024 * 1024;

/// The bytes as text, inside the size limit.
pub(super) fn as_text(bytes: &[u8]) -> Result<&str, StoreError> {
    if bytes.len() > SIZE_LIMIT {
        return Err(StoreError::Limit {
            what: "the file is too large for YAML".into(),
            limit: "100 MB".into(),
        });
    }
    std::str::from_utf8(bytes).map_err(|error| StoreError::NotText {
        line: line_of(bytes, error.valid_up_to()),
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
