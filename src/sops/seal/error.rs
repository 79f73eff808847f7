//! Why a text cannot be sealed.

use thiserror::Error;

use crate::error::{Exit, Explain};
use crate::keypath::KeyPath;
use crate::sops::cipher::NoRandomness;
use crate::sops::metadata::MetadataError;
use crate::sops::open::OpenError;
use crate::sops::store::StoreError;

/// Why a text cannot be sealed.
#[derive(Debug, Error)]
pub enum SealError {
    /// It has metadata already.
    #[error("it is encrypted already")]
    AlreadySealed,
    /// The selector chose no value at all.
    #[error("the selector `{selector}` chooses none of its values: all would stay in clear")]
    NothingSelected {
        /// The selector's field and pattern.
        selector: String,
        /// The number of values.
        values: usize,
    },
    /// A comment that asks for encryption, where sops does not see it.
    #[error("line {line}: sops does not see a comment here, so that it would select nothing")]
    Unseen {
        /// The line, from 1.
        line: usize,
    },
    /// Sealing changes the lines around a comment so that it would select something else.
    #[error("{path}: once it is sealed, sops would apply the comments above this value otherwise")]
    Ambiguous {
        /// The key path.
        path: KeyPath,
    },
    /// A value that is encrypted would be left where the selector wants clear text.
    #[error("{path}: after this change, the selector would have this value stand in clear")]
    WouldDisclose {
        /// The key path.
        path: KeyPath,
    },
    /// An encrypted comment would be left where the selector wants comments in clear.
    #[error(
        "after this change, an encrypted comment would stand {}, where the selector leaves comments readable",
        within(path)
    )]
    StrayComment {
        /// The key path of what it would stand in.
        path: KeyPath,
    },
    /// A pattern for comments that matches what they are encrypted to.
    #[error(
        "the selector's pattern `{pattern}` matches encrypted comments, too, such as the one {}: after that, it would select other values",
        within(path)
    )]
    WidePattern {
        /// The pattern.
        pattern: String,
        /// The key path of what the comment stands in.
        path: KeyPath,
    },
    /// The result did not open to what went in.
    #[error("the sealed text does not open to the same values; nothing was written")]
    Proof,
    /// The metadata cannot be used.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The result, or the old text, cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The text cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gave no random bytes.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

impl Explain for SealError {
    fn exit(&self) -> Exit {
        match self {
            Self::AlreadySealed => Exit::ALREADY_ENCRYPTED,
            Self::NothingSelected { .. }
            | Self::Unseen { .. }
            | Self::Ambiguous { .. }
            | Self::WouldDisclose { .. }
            | Self::StrayComment { .. }
            | Self::WidePattern { .. } => Exit::RULES,
            Self::Proof => Exit::BUG,
            Self::Metadata(error) => error.exit(),
            Self::Open(error) => error.exit(),
            Self::Store(error) => error.exit(),
            Self::Randomness(_) => Exit::IO,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::AlreadySealed => "already-encrypted",
            Self::NothingSelected { .. } => "nothing-selected",
            Self::Unseen { .. } => "unseen-comment",
            Self::Ambiguous { .. } => "ambiguous-comment",
            Self::WouldDisclose { .. } => "would-disclose",
            Self::StrayComment { .. } => "stray-comment",
            Self::WidePattern { .. } => "wide-pattern",
            Self::Proof => "proof-failed",
            Self::Metadata(error) => error.code(),
            Self::Open(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Randomness(_) => "no-randomness",
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::AlreadySealed => {
                vec!["`mvx edit FILE` and `mvx set FILE KEY` change it; `mvx decrypt FILE` opens it".into()]
            }
            Self::NothingSelected { .. } => {
                vec!["change the selector in the rules, or leave the file unencrypted".into()]
            }
            Self::Ambiguous { .. } => {
                vec!["put the comment in line with what it is about, without blank lines between".into()]
            }
            Self::Unseen { .. } => {
                vec!["put it on a line of its own, above what it is about".into()]
            }
            Self::WouldDisclose { .. } => vec![
                "a comment that keeps values readable would come to stand above it: `mvx edit FILE` removes both".into(),
                "or the new key is one that the selector leaves readable: choose another".into(),
            ],
            Self::StrayComment { .. } => vec![
                "`mvx edit FILE` makes the same change, and shows the comment: take it out, or leave it there to be readable".into(),
            ],
            Self::WidePattern { .. } => vec![
                "choose a pattern that needs a blank or a colon, such as `^ clear:`: encrypted comments begin with `ENC[` and hold base64".into(),
            ],
            Self::Proof => vec![
                "please report this with a file that shows it; `--format binary` seals the file as a whole".into(),
            ],
            Self::Metadata(error) => error.hints(),
            Self::Open(error) => error.hints(),
            Self::Store(error) => error.hints(),
            Self::Randomness(_) => Vec::new(),
        }
    }
}

/// Where a comment stands, in words.
fn within(path: &KeyPath) -> String {
    if path.segments.is_empty() {
        "at the top".into()
    } else {
        format!("in `{path}`")
    }
}
