//! Why the rules were not changed.

use thiserror::Error;

use crate::error::{Exit, Explain};
use crate::rules::error::{RulesError, did_you_mean};

/// Why the rules were not changed.
#[derive(Debug, Error)]
pub enum EditError {
    /// A name with characters that a name cannot have.
    #[error("`{name}` cannot be a name; names are letters, digits and `-_.@`")]
    BadName {
        /// The name.
        name: String,
    },
    /// A recipient or group has this name.
    #[error("line {line}: there is a {what} called `{name}` already")]
    NameTaken {
        /// Where, from 1.
        line: usize,
        /// `recipient` or `group`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Somebody has this key.
    #[error("line {line}: that key is in the rules already: it is `{name}`'s")]
    KeyTaken {
        /// Where, from 1.
        line: usize,
        /// Whose it is.
        name: String,
    },
    /// Nobody has this name.
    #[error("there is no recipient `{name}`{}", did_you_mean(nearest.as_deref()))]
    NoSuchRecipient {
        /// The name.
        name: String,
        /// The known name most like it.
        nearest: Option<String>,
    },
    /// There is no such group.
    #[error("there is no group `{name}`{}", did_you_mean(nearest.as_deref()))]
    NoSuchGroup {
        /// The name.
        name: String,
        /// The known name most like it.
        nearest: Option<String>,
        /// All groups.
        known: Vec<String>,
    },
    /// No `[[files]]` table has this environment.
    #[error("there is no environment `{name}`{}", did_you_mean(nearest.as_deref()))]
    NoSuchEnvironment {
        /// The name.
        name: String,
        /// The known name most like it.
        nearest: Option<String>,
        /// All environments.
        known: Vec<String>,
    },
    /// A table with key groups: in which one the name belongs, only a person can say.
    #[error(
        "line {line}: this [[files]] table has key groups; in which one `{name}` belongs must be said by hand"
    )]
    KeyGroups {
        /// The table's line, from 1.
        line: usize,
        /// The name.
        name: String,
    },
    /// Files would be left without anyone who could open them.
    #[error("line {line}: `{pattern}` would be left with nobody who could open its files")]
    LeavesNobody {
        /// The table's line, from 1.
        line: usize,
        /// What the table compares paths with.
        pattern: String,
    },
    /// The rules are written in a way that this does not handle.
    #[error("the rules are written in a way that mvx cannot change safely; they were left alone")]
    ByHand,
    /// The rules cannot be used, before the change or after it.
    #[error(transparent)]
    Rules(#[from] RulesError),
}

impl Explain for EditError {
    fn exit(&self) -> Exit {
        match self {
            Self::Rules(error) => error.exit(),
            _ => Exit::RULES,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::BadName { .. } => "bad-name",
            Self::NameTaken { .. } | Self::KeyTaken { .. } => "duplicate",
            Self::NoSuchRecipient { .. }
            | Self::NoSuchGroup { .. }
            | Self::NoSuchEnvironment { .. } => "unknown-name",
            Self::KeyGroups { .. } => "key-groups",
            Self::LeavesNobody { .. } => "no-recipients",
            Self::ByHand => "by-hand",
            Self::Rules(error) => error.code(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let all = |what: &str, known: &[String]| match known {
            [] => vec![format!("the rules have no {what} yet")],
            known => vec![format!("there is {}", known.join(", "))],
        };
        match self {
            Self::NameTaken { .. } => vec![
                "`mvx recipients list` shows everybody; one person may have several keys under several names"
                    .into(),
            ],
            Self::KeyTaken { .. } => {
                vec!["add that name to groups in the rules, and `mvx recipients sync`".into()]
            }
            Self::NoSuchRecipient { .. } => vec!["`mvx recipients list` shows everybody".into()],
            Self::NoSuchGroup { known, .. } => all("groups", known),
            Self::NoSuchEnvironment { known, .. } => all("environments", known),
            Self::KeyGroups { .. } | Self::ByHand => {
                vec!["edit the rules, and then `mvx recipients sync`".into()]
            }
            Self::LeavesNobody { .. } => {
                vec!["name somebody else there first, or remove the table".into()]
            }
            Self::BadName { .. } => Vec::new(),
            Self::Rules(error) => error.hints(),
        }
    }
}
