//! Why variables cannot become what was asked for.

use thiserror::Error;

use super::Format;
use crate::dialects::Unwritable;
use crate::error::{Exit, Explain};

/// A rendering that was refused. Names are told, values never.
#[derive(Debug, Error)]
pub enum RenderError {
    /// A name that the format does not take.
    #[error("`{name}` cannot be a name in {}: {why}", format.title())]
    Name {
        /// The name.
        name: String,
        /// Where it was to stand.
        format: Format,
        /// Why.
        why: Why,
    },
    /// Two variables of one name.
    #[error("`{name}` stands there twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// A value that the format does not carry.
    #[error("`{name}` cannot be written as {}: {why}", format.title())]
    Value {
        /// The variable's name.
        name: String,
        /// Where its value was to stand.
        format: Format,
        /// Why.
        why: Why,
        /// Formats that carry it.
        instead: Vec<Format>,
    },
    /// A whole text that its reader does not take.
    #[error("{} takes less than {limit} bytes, and this is {size}", format.title())]
    Size {
        /// The format.
        format: Format,
        /// Bytes.
        size: usize,
        /// How many bytes are too many.
        limit: usize,
    },
    /// A name in the metadata of a Kubernetes Secret.
    #[error("`{name}` cannot be the {what} of a Kubernetes object")]
    Metadata {
        /// `name` or `namespace`.
        what: &'static str,
        /// It.
        name: String,
    },
    /// A delimiter that is no good.
    #[error("the delimiter stands in a value, or is too short to be random")]
    Delimiter,
    /// What was written was not read back.
    #[error("what was written as {} was not the same when it was read back", format.title())]
    Differs {
        /// The format.
        format: Format,
    },
}

/// Why a format does not take a name or carry a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Why {
    /// A reason that dotenv files share.
    #[error(transparent)]
    Dialect(#[from] Unwritable),
    /// Blanks at its ends.
    #[error("it begins or ends with blanks, which are dropped there")]
    Blanks,
    /// GitLab expands variables.
    #[error("it holds `$` or several `%`, and GitLab puts other variables in their place")]
    GitlabExpands,
    /// Azure refuses secrets of several lines.
    #[error("it has several lines, and the agent refuses secrets of several lines")]
    AzureLines,
    /// Terraform composes characters.
    #[error("it holds characters that Terraform may compose anew (Unicode NFC)")]
    Composes,
    /// A name that the pipeline keeps for itself.
    #[error("the pipeline keeps this name, or names that begin so, for itself")]
    Kept,
}

impl Explain for RenderError {
    fn exit(&self) -> Exit {
        match self {
            Self::Name { .. } | Self::Twice { .. } => Exit::RULES,
            Self::Metadata { .. } => Exit::USAGE,
            Self::Value { .. } | Self::Size { .. } => Exit::IO,
            Self::Delimiter | Self::Differs { .. } => Exit::BUG,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Name { .. } => "render-name",
            Self::Twice { .. } => "duplicate-name",
            Self::Value { .. } => "render-value",
            Self::Size { .. } => "render-size",
            Self::Metadata { .. } => "k8s-name",
            Self::Delimiter => "render-delimiter",
            Self::Differs { .. } => "render-differs",
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Name { name, .. } => vec![format!(
                "`rename = {{ {name} = \"…\" }}` in the profile gives it another name, `exclude` leaves it out"
            )],
            Self::Value { instead, .. } if !instead.is_empty() => vec![
                carriers(instead),
                "`mvx run -- CMD` hands it over without any file".into(),
            ],
            Self::Value { .. } => {
                vec!["`mvx run --files` hands it over as a private file of its own".into()]
            }
            Self::Size { .. } => {
                vec!["`include` in the profile says which names are delivered".into()]
            }
            Self::Metadata { .. } => vec![
                "small letters, digits and `-` are what Kubernetes takes, a name also takes dots"
                    .into(),
            ],
            Self::Twice { .. } | Self::Delimiter | Self::Differs { .. } => Vec::new(),
        }
    }
}

/// Which flags carry a value: dialects, then formats.
fn carriers(formats: &[Format]) -> String {
    let mut dialects = Vec::new();
    let mut others = Vec::new();
    for format in formats {
        match format {
            Format::Dotenv(dialect) => dialects.push(dialect.name()),
            other => others.push(other.name()),
        }
    }
    let flags: Vec<String> = [("--dialect", dialects), ("--format", others)]
        .iter()
        .filter(|(_, words)| !words.is_empty())
        .map(|(flag, words)| format!("`{flag}` {}", words.join(", ")))
        .collect();
    format!("these carry it: {}", flags.join("; "))
}
