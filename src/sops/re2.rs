//! Patterns as SOPS reads them: Go's RE2 syntax, searched without anchors.
//!
//! The `regex` crate comes from the same family but is another dialect: its `\w \d \s \b` know all
//! of Unicode, it has no `\Q…\E`, and it takes things that Go refuses. That matters, because SOPS
//! silently treats a pattern that Go refuses as one that matches nothing. So a pattern is read by
//! Go's rules (`re2/syntax.rs`) and written out anew for `regex`; what one of the two cannot express
//! is refused.

mod reach;
mod syntax;

use std::borrow::Cow;

use regex::Regex;
use thiserror::Error;

use crate::error::{Exit, Explain};

pub use reach::Reach;
use syntax::Question;

/// Writes a pattern of Go's syntax in the syntax of the `regex` crate, groups and greediness kept:
/// for those who search texts for what it matches. Its flags are all off to begin with; Unicode is
/// for the caller to choose.
pub fn translate(source: &str) -> Result<String, Re2Error> {
    syntax::translate(source, Question::What)
}

/// A pattern that is ready to search. It only answers whether it matches, so captures and
/// greediness are not kept.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    regex: Regex,
}

/// A pattern that Go's `regexp` refuses, or that this implementation cannot express. Columns count
/// characters from 1.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Re2Error {
    /// `)` without `(`.
    #[error("character {column}: this `)` closes nothing")]
    UnexpectedParen {
        /// Where.
        column: usize,
    },
    /// `(` without `)`.
    #[error("character {column}: this `(` is not closed")]
    MissingParen {
        /// Where it was opened.
        column: usize,
    },
    /// `[` without `]`.
    #[error("character {column}: this `[` is not closed")]
    MissingBracket {
        /// Where it was opened.
        column: usize,
    },
    /// `*`, `+`, `?` or `{n}` after nothing.
    #[error("character {column}: `{operator}` has nothing to repeat")]
    NothingToRepeat {
        /// Where.
        column: usize,
        /// The operator.
        operator: String,
    },
    /// `a**`, `a{2}{3}`.
    #[error("character {column}: `{operator}` repeats a repetition")]
    DoubleRepeat {
        /// Where.
        column: usize,
        /// The operator.
        operator: String,
    },
    /// `{2,1}`, or more than 1000 repetitions, nested ones multiplied.
    #[error(
        "character {column}: `{operator}` is not a possible number of repetitions (1000 at most, nested ones multiplied)"
    )]
    RepeatSize {
        /// Where.
        column: usize,
        /// The operator.
        operator: String,
    },
    /// A backslash and something that has no meaning after it; back references too.
    #[error("character {column}: `{escape}` means nothing in RE2")]
    BadEscape {
        /// Where.
        column: usize,
        /// The escape.
        escape: String,
    },
    /// `(?=`, `(?x)` and their like.
    #[error(
        "character {column}: `{group}` is not RE2; it has no look-around and the flags i, m, s, U only"
    )]
    BadGroup {
        /// Where.
        column: usize,
        /// The group's beginning.
        group: String,
    },
    /// A range that runs backwards, or an unknown class.
    #[error("character {column}: `{class}` is not a class of characters")]
    BadClass {
        /// Where.
        column: usize,
        /// The class or range.
        class: String,
    },
    /// Legal in Go, and beyond this implementation.
    #[error("character {column}: {what}, which mvx does not support")]
    Unsupported {
        /// Where.
        column: usize,
        /// What it is.
        what: String,
    },
    /// Legal in Go, and too large or nested too deep.
    #[error("the pattern is too large or nested too deep")]
    TooLarge,
}

impl Explain for Re2Error {
    fn exit(&self) -> Exit {
        Exit::RULES
    }

    fn code(&self) -> &'static str {
        "bad-regex"
    }

    fn hints(&self) -> Vec<String> {
        vec![match self {
            Self::UnexpectedParen { .. } => "write `\\)` for a parenthesis itself".into(),
            Self::MissingParen { .. } => "write `\\(` for a parenthesis itself".into(),
            Self::MissingBracket { .. } => "write `\\[` for a bracket itself".into(),
            Self::NothingToRepeat { .. } => {
                "a regex is no glob: `.*` is what `*` means there".into()
            }
            Self::BadEscape { .. } => "write `\\\\` for a backslash itself".into(),
            Self::DoubleRepeat { .. }
            | Self::RepeatSize { .. }
            | Self::BadGroup { .. }
            | Self::BadClass { .. }
            | Self::Unsupported { .. }
            | Self::TooLarge => {
                "patterns are Go regular expressions, as sops reads them (RE2 syntax)".into()
            }
        }]
    }
}

impl Pattern {
    /// Reads a pattern by Go's rules.
    pub fn new(source: &str) -> Result<Self, Re2Error> {
        let regex = Regex::new(&syntax::translate(source, Question::Whether)?)
            .map_err(|_| Re2Error::TooLarge)?;
        Ok(Self {
            source: source.into(),
            regex,
        })
    }

    /// Checks a pattern without preparing it for searching, which is several times cheaper, and
    /// says what it can match.
    pub fn check(source: &str) -> Result<Reach, Re2Error> {
        let translated = syntax::translate(source, Question::Whether)?;
        let parsed = regex_syntax::parse(&translated).map_err(|_| Re2Error::TooLarge)?;
        Ok(reach::reach(&parsed))
    }

    /// The pattern as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it matches anywhere in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// Whether it matches anywhere in `bytes`. As in Go, each byte that is not UTF-8 counts as one
    /// U+FFFD.
    pub fn is_match_bytes(&self, bytes: &[u8]) -> bool {
        self.regex.is_match(&go_text(bytes))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Pattern {}

fn go_text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_count_one_by_one() {
        let two = Pattern::new("^\u{fffd}{2}$").unwrap();
        assert!(two.is_match_bytes(&[0xe2, 0x82]));
        assert!(!two.is_match_bytes(&[0xe2]));
        assert!(Pattern::new("^..a").unwrap().is_match_bytes(b"\xff\xfea"));
    }

    #[test]
    fn a_pattern_too_large_to_compile_is_refused_where_it_is_used() {
        let source = r"(\pL{30}){30}";
        assert_eq!(Pattern::check(source), Ok(Reach::Some));
        assert_eq!(Pattern::new(source), Err(Re2Error::TooLarge));
    }
}
