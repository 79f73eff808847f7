//! What can be wrong with rules of the scan.

use thiserror::Error;

use crate::error::{Exit, Explain};
use crate::sops::re2::Re2Error;

/// A rule that cannot be used. No error holds a text that a rule is to find.
#[derive(Debug, Error)]
pub enum RulesError {
    /// The file is no TOML, or not of this shape.
    #[error("line {line}: {message}")]
    Toml {
        /// From 1.
        line: usize,
        /// What the reader says.
        message: String,
    },
    /// A field of a rule file that is something else than it should be.
    #[error("{}`{name}` must be {expected}", owner(rule))]
    Field {
        /// The rule's id; empty for the file.
        rule: String,
        /// The field.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A regex that RE2 refuses.
    #[error("scan rule `{rule}`: {what}: {error}")]
    Regex {
        /// The rule's id, or what else the regex belongs to.
        rule: String,
        /// Which of its regexes: `regex`, `path`, `allowlist`.
        what: &'static str,
        /// Why.
        error: Re2Error,
    },
    /// `secret_group` is more than there are.
    #[error("scan rule `{rule}`: its regex has no group {group}")]
    Group {
        /// The rule's id.
        rule: String,
        /// The group.
        group: u32,
    },
    /// Neither a regex nor a path.
    #[error("scan rule `{rule}` has neither `regex` nor `path`, and no built-in rule has that id")]
    Empty {
        /// The rule's id.
        rule: String,
    },
    /// A glob that is none.
    #[error("`{glob}` is no glob: {why}")]
    Glob {
        /// As it was written.
        glob: String,
        /// Why.
        why: String,
    },
    /// An id that no rule has.
    #[error("there is no scan rule `{id}`")]
    Unknown {
        /// The id.
        id: String,
        /// The nearest that there is.
        nearest: Option<String>,
    },
}

impl Explain for RulesError {
    fn exit(&self) -> Exit {
        Exit::RULES
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Toml { .. } | Self::Field { .. } => "scan-rules-syntax",
            Self::Regex { .. } | Self::Group { .. } => "scan-rule-regex",
            Self::Empty { .. } => "scan-rule-empty",
            Self::Glob { .. } => "scan-rule-glob",
            Self::Unknown { .. } => "scan-rule-unknown",
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Regex { error, .. } => error.hints(),
            Self::Unknown {
                nearest: Some(near),
                ..
            } => vec![format!("did you mean `{near}`?")],
            Self::Unknown { .. } => vec!["`mvx scan rules list` shows all".into()],
            Self::Toml { .. }
            | Self::Field { .. }
            | Self::Group { .. }
            | Self::Empty { .. }
            | Self::Glob { .. } => Vec::new(),
        }
    }
}

fn owner(rule: &str) -> String {
    if rule.is_empty() {
        String::new()
    } else {
        format!("scan rule `{rule}`: ")
    }
}
