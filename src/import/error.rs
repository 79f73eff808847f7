//! Why a text cannot be read.

use thiserror::Error;

use super::SIZE_LIMIT;
use crate::error::{Exit, Explain};
use crate::sops::store::{StoreError, line_of};

/// A text that is not what it should be. Names and lines are told, never content.
#[derive(Debug, Error)]
pub enum ImportError {
    /// There is nothing in it.
    #[error("there are no values in it")]
    Empty,
    /// A line that has no meaning in this dialect of `.env` files.
    #[error("line {line}: {why}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// The values are there, but not in the shape that the tool writes.
    #[error("this is not what {tool} prints: {why}")]
    Shape {
        /// The tool.
        tool: &'static str,
        /// What is different.
        why: String,
    },
    /// A zero byte.
    #[error("line {line}: there is a zero byte; no environment and no text holds one")]
    Nul {
        /// The line, from 1.
        line: usize,
    },
    /// Another encoding.
    #[error("this is UTF-16 text, as some Windows programs write it")]
    Utf16,
    /// More than [`SIZE_LIMIT`].
    #[error("the file is too large to be imported; the limit is {} MiB", SIZE_LIMIT >> 20)]
    TooLarge,
    /// More than [`super::VALUE_LIMIT`].
    #[error("there are too many values in it; the limit is {}", super::VALUE_LIMIT)]
    TooMany,
    /// Several documents in one YAML file.
    #[error("there are {count} documents in it, and a key path means one")]
    Documents {
        /// How many.
        count: usize,
    },
    /// A file that is encrypted already.
    #[error("it is encrypted already: it has a `sops` block")]
    Sealed,
    /// The store's own reason.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Explain for ImportError {
    fn exit(&self) -> Exit {
        match self {
            Self::Sealed => Exit::ALREADY_ENCRYPTED,
            Self::Store(error) => error.exit(),
            _ => Exit::IO,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Line { .. } | Self::Shape { .. } => "syntax",
            Self::Nul { .. } => "nul",
            Self::Utf16 => "not-text",
            Self::TooLarge | Self::TooMany => "limit",
            Self::Documents { .. } => "documents",
            Self::Sealed => "already-encrypted",
            Self::Store(error) => error.code(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Empty | Self::Nul { .. } => Vec::new(),
            Self::Line { .. } => vec![
                "`--dialect` names the program that reads the file: node, expand, shell, compose, python, docker, rust or portable".into(),
            ],
            Self::Shape { .. } => vec!["`--from json` takes any JSON object as it is".into()],
            Self::Utf16 => vec!["convert it: `iconv -f UTF-16 -t UTF-8 FILE`".into()],
            Self::TooLarge | Self::TooMany | Self::Documents { .. } => {
                vec!["`mvx encrypt FILE` seals a file as it is".into()]
            }
            Self::Sealed => vec!["`mvx decrypt FILE` opens it, and `mvx import -` reads what that prints".into()],
            Self::Store(error) => error
                .hints()
                .into_iter()
                // There is no such option here.
                .filter(|hint| !hint.contains("--format"))
                .collect(),
        }
    }
}

/// The bytes as text without a byte-order mark; an error where they are too many, no UTF-8, or
/// hold a zero byte.
pub(super) fn as_text(bytes: &[u8]) -> Result<&str, ImportError> {
    if bytes.len() > SIZE_LIMIT {
        return Err(ImportError::TooLarge);
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(ImportError::Utf16);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| StoreError::NotText {
        line: line_of(bytes, error.valid_up_to()),
    })?;
    if let Some(at) = memchr::memchr(0, bytes) {
        return Err(ImportError::Nul {
            line: line_of(bytes, at),
        });
    }
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_line() {
        let code = |bytes: &[u8]| {
            let error = as_text(bytes).unwrap_err();
            (error.code(), error.to_string())
        };
        assert_eq!(
            code(b"\xff\xfeA\0=\0"),
            ("not-text", ImportError::Utf16.to_string())
        );
        assert_eq!(
            code(b"A=1\nB=\xe4\n"),
            ("not-text", "line 2: not UTF-8 text".into())
        );
        let (code, message) = code(b"A=1\n\nB=a\0b\n");
        assert!(code == "nul" && message.starts_with("line 3:"), "{message}");
        assert_eq!(as_text(b"\xef\xbb\xbfA=1").unwrap(), "A=1");
        assert!(matches!(
            as_text(&vec![b'a'; SIZE_LIMIT + 1]),
            Err(ImportError::TooLarge)
        ));
    }
}
