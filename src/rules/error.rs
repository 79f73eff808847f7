//! What can be wrong with rules, each with the line it stands on and what to do.

use std::path::PathBuf;

use thiserror::Error;

use crate::error::{Exit, Explain};
use crate::sops::re2::Re2Error;
use crate::sops::select::SelectorError;

/// Rules that cannot be used. Lines count from 1; the file is named by [`LocatedError`]. What was
/// given as a key is never repeated, since it may be a private one.
#[derive(Debug, Error)]
pub enum RulesError {
    /// Not TOML, or not YAML.
    #[error("line {line}: {message}")]
    Syntax {
        /// The line.
        line: usize,
        /// What the parser says, in lower case.
        message: String,
    },
    /// A field that no table of this kind has.
    #[error("line {line}: unknown field `{field}` {place}{}", did_you_mean(nearest.as_deref()))]
    UnknownField {
        /// The line.
        line: usize,
        /// The field.
        field: String,
        /// Where, such as `in [[files]]`.
        place: String,
        /// The known field most like it.
        nearest: Option<String>,
    },
    /// A field that must be there.
    #[error("line {line}: {place} has no {field}")]
    Missing {
        /// The line on which the table begins.
        line: usize,
        /// The table.
        place: String,
        /// What is missing, in backquotes.
        field: String,
    },
    /// A value of another type.
    #[error("line {line}: {what} is {found}; it must be {expected}")]
    WrongType {
        /// The line.
        line: usize,
        /// The field in backquotes, or the table.
        what: String,
        /// What was found.
        found: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// Two fields of which only one may be given.
    #[error(
        "line {line}: `{second}` stands beside `{first}` (line {first_line}); give one of them"
    )]
    Exclusive {
        /// The second one's line.
        line: usize,
        /// The first field.
        first: String,
        /// Its line.
        first_line: usize,
        /// The second field.
        second: String,
    },
    /// A name that is not declared.
    #[error("line {line}: there is no {what} `{name}`{}", did_you_mean(nearest.as_deref()))]
    UnknownName {
        /// The line.
        line: usize,
        /// What it would name, such as `recipient or group`.
        what: &'static str,
        /// The name.
        name: String,
        /// The declared name most like it.
        nearest: Option<String>,
    },
    /// A word that is not one of those allowed.
    #[error("line {line}: `{field}` cannot be `{value}`{}", did_you_mean(nearest.as_deref()))]
    UnknownWord {
        /// The line.
        line: usize,
        /// The field.
        field: String,
        /// The word.
        value: String,
        /// The allowed word most like it.
        nearest: Option<String>,
        /// Every allowed word.
        allowed: &'static [&'static str],
    },
    /// Something that may be there once only.
    #[error("line {line}: {what} {}", stands_already(*first_line))]
    Duplicate {
        /// The second one's line.
        line: usize,
        /// What it is.
        what: String,
        /// The first one's line.
        first_line: usize,
    },
    /// One key opens a share of two groups.
    #[error("line {line}: `{name}` is in two key groups, so one key would count twice")]
    TwoGroups {
        /// The line of the second.
        line: usize,
        /// The recipient.
        name: String,
    },
    /// A name with characters that a name cannot have.
    #[error("line {line}: `{name}` cannot be a name; names are letters, digits and `-_.@`")]
    BadName {
        /// The line.
        line: usize,
        /// The name.
        name: String,
    },
    /// A list with nothing in it.
    #[error("line {line}: {what} is empty")]
    Empty {
        /// The line.
        line: usize,
        /// The list.
        what: String,
    },
    /// A recipient with more than one key.
    #[error("line {line}: recipient `{name}` has two keys, `{first}` and `{second}`")]
    TwoKeys {
        /// The line of the second.
        line: usize,
        /// The recipient.
        name: String,
        /// The first kind.
        first: &'static str,
        /// The second kind.
        second: &'static str,
    },
    /// A public key that cannot be one.
    #[error("line {line}: `{field}` is not {expected}")]
    BadKey {
        /// The line.
        line: usize,
        /// The kind.
        field: &'static str,
        /// What it should look like.
        expected: &'static str,
    },
    /// A private key where a public one belongs.
    #[error("line {line}: `{field}` holds a private key")]
    PrivateKey {
        /// The line.
        line: usize,
        /// The kind.
        field: &'static str,
    },
    /// A field that goes with another kind of key.
    #[error("line {line}: `{field}` goes with `{kind}` only")]
    NotOfThisKind {
        /// The line.
        line: usize,
        /// The field.
        field: &'static str,
        /// The kind it belongs to.
        kind: &'static str,
    },
    /// A group that contains itself, a profile that extends itself.
    #[error("line {line}: {what} `{name}` leads back to itself: {way}")]
    Cycle {
        /// The line.
        line: usize,
        /// `group` or `profile`.
        what: &'static str,
        /// Its name.
        name: String,
        /// The way round.
        way: String,
    },
    /// A threshold that no number of groups meets.
    #[error("line {line}: a threshold of {threshold} is impossible with {}", key_groups(*groups))]
    Threshold {
        /// The line.
        line: usize,
        /// What was asked.
        threshold: i64,
        /// How many groups there are.
        groups: usize,
    },
    /// A glob that is none, or that can match nothing.
    #[error("line {line}: `{field}` is not a usable glob: {why}")]
    BadGlob {
        /// The line.
        line: usize,
        /// The field.
        field: String,
        /// What is wrong.
        why: String,
    },
    /// A regex that is none, or that can match nothing.
    #[error("line {line}: `{field}` is not a regex that sops understands: {source}")]
    BadRegex {
        /// The line.
        line: usize,
        /// The field.
        field: String,
        /// What is wrong.
        source: Re2Error,
    },
    /// A regex, or selector, that can match nothing.
    #[error("line {line}: `{field}` can match nothing")]
    MatchesNothing {
        /// The line.
        line: usize,
        /// The field.
        field: String,
    },
    /// A selector that would leave everything in clear.
    #[error("line {line}: `{field}` matches every key, so nothing would be encrypted")]
    EncryptsNothing {
        /// The line.
        line: usize,
        /// The field.
        field: String,
    },
    /// A selector that is not sound.
    #[error("line {line}: {source}")]
    Selector {
        /// The line.
        line: usize,
        /// What is wrong.
        source: SelectorError,
    },
    /// A duration that is none.
    #[error("line {line}: `{field}` is not a duration such as `90d`, `24h`, `12w` or `30m`")]
    BadDuration {
        /// The line.
        line: usize,
        /// The field.
        field: String,
    },
    /// A date that is none.
    #[error("line {line}: `{field}` is not a date such as 2027-01-31")]
    BadDate {
        /// The line.
        line: usize,
        /// The field.
        field: String,
    },
    /// A path that leaves the work tree.
    #[error("line {line}: `{field}` must stay inside the work tree, outside `.git` and `.mvx`")]
    BadPath {
        /// The line.
        line: usize,
        /// The field.
        field: String,
    },
    /// A number that is out of range.
    #[error("line {line}: `{field}` must be {expected}")]
    OutOfRange {
        /// The line.
        line: usize,
        /// The field.
        field: String,
        /// What it may be.
        expected: &'static str,
    },
    /// A destination, which the repository may not name.
    #[error("line {line}: `{field}` would name a destination; the repository never does")]
    Destination {
        /// The line.
        line: usize,
        /// The field.
        field: String,
    },
    /// A version of the rules that this mvx does not know.
    #[error("line {line}: version {version} of the rules is not known to this mvx")]
    Version {
        /// The line.
        line: usize,
        /// What the file says.
        version: i64,
    },
    /// A rule that leaves its files without anyone who could open them.
    #[error("line {line}: this rule names nobody who could open its files")]
    Nobody {
        /// The line.
        line: usize,
    },
    /// No rule covers a file.
    #[error("no rule of {rules} covers {file}")]
    NoRule {
        /// The file, relative to the rules.
        file: String,
        /// The rules' file name.
        rules: String,
        /// Whether these are `.sops-rules.toml`.
        native: bool,
        /// A declared group or recipient, for the hint.
        somebody: Option<String>,
    },
    /// A file that is never a secret file.
    #[error(
        "{file} is never a secret file: no rule covers `.mvx/`, `.git/` or the rules themselves"
    )]
    Reserved {
        /// The file.
        file: String,
    },
    /// There are no rules at all.
    #[error("no `.sops-rules.toml` or `.sops.yaml` is in force here")]
    NoRules {
        /// A `.sops.yml` that was passed over.
        passed_over: Option<PathBuf>,
    },
    /// A file of rules that cannot be read.
    #[error("cannot be read: {why}")]
    Read {
        /// Why.
        why: String,
    },
}

/// An error with the file that it is about: a file of rules, or one that has none.
#[derive(Debug, Error)]
#[error("{}: {source}", path.display())]
pub struct LocatedError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub source: RulesError,
}

impl Explain for RulesError {
    fn exit(&self) -> Exit {
        match self {
            Self::Read { .. } => Exit::IO,
            _ => Exit::RULES,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "rules-syntax",
            Self::UnknownField { .. } => "unknown-field",
            Self::Missing { .. } => "missing-field",
            Self::WrongType { .. } => "wrong-type",
            Self::Exclusive { .. } => "exclusive-fields",
            Self::UnknownName { .. } => "unknown-name",
            Self::UnknownWord { .. } => "unknown-word",
            Self::Duplicate { .. } | Self::TwoGroups { .. } => "duplicate",
            Self::BadName { .. } => "bad-name",
            Self::Empty { .. } => "empty",
            Self::TwoKeys { .. } | Self::BadKey { .. } | Self::NotOfThisKind { .. } => {
                "bad-recipient"
            }
            Self::PrivateKey { .. } => "private-key",
            Self::Cycle { .. } => "cycle",
            Self::Threshold { .. } => "bad-threshold",
            Self::BadGlob { .. } => "bad-glob",
            Self::BadRegex { .. } => "bad-regex",
            Self::MatchesNothing { .. } | Self::EncryptsNothing { .. } => "useless-selector",
            Self::Selector { source, .. } => source.code(),
            Self::BadDuration { .. } => "bad-duration",
            Self::BadDate { .. } => "bad-date",
            Self::BadPath { .. } => "bad-path",
            Self::OutOfRange { .. } => "out-of-range",
            Self::Destination { .. } => "destination-in-rules",
            Self::Version { .. } => "rules-version",
            Self::Nobody { .. } => "no-recipients",
            Self::NoRule { .. } => "no-rule",
            Self::Reserved { .. } => "reserved-path",
            Self::NoRules { .. } => "no-rules",
            Self::Read { .. } => "rules-unreadable",
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint: String = match self {
            Self::UnknownWord { allowed, .. } => format!("it may be {}", allowed.join(", ")),
            Self::UnknownName { what, .. } if *what == "environment" => {
                "an environment is declared by `environment = …` in a [[files]] table".into()
            }
            Self::UnknownName { what, .. } if what.contains("recipient") => {
                "`mvx recipients add NAME KEY` enters a recipient; groups are declared under [groups]".into()
            }
            Self::Duplicate { .. } => "remove one of the two".into(),
            Self::TwoKeys { name, .. } => {
                format!("give each key a [recipients.…] of its own and put both into a group, such as `{name}`")
            }
            Self::BadKey { .. } => "`mvx keys public` prints the public key of this machine".into(),
            Self::PrivateKey { .. } => {
                "take it out, make a new key with `mvx keys generate`, and treat this one as leaked".into()
            }
            Self::BadRegex { source, .. } => return source.hints(),
            Self::Selector { source, .. } => return source.hints(),
            Self::EncryptsNothing { .. } => {
                "anchor it: `^name$` matches keys called exactly `name`".into()
            }
            Self::Threshold { groups, .. } if *groups < 2 => {
                "a threshold needs two or more lists in `key_groups`".into()
            }
            Self::Threshold { groups, .. } => format!("it may be 2 to {groups}"),
            Self::Destination { .. } => {
                "put it into `~/.config/mvx/config.toml`, under this table's name".into()
            }
            Self::Version { .. } => "install a newer mvx, or write `version = 1`".into(),
            Self::NoRule {
                file,
                native: true,
                somebody,
                ..
            } => {
                let table = table_for(file, somebody.as_deref().unwrap_or("NAME"));
                format!("add to `.sops-rules.toml`:\n\n{table}")
            }
            Self::NoRule { native: false, .. } => {
                "add a creation rule whose `path_regex` matches it; paths are relative to the rules' directory".into()
            }
            Self::Reserved { .. } => "give it another name, or keep it in another directory".into(),
            Self::Nobody { .. } => "give the rule `age`, `pgp`, a KMS key or `key_groups`".into(),
            Self::NoRules { passed_over: Some(path), .. } => {
                format!("{} is not read, by sops neither; rename it to `.sops.yaml`", path.display())
            }
            Self::NoRules { .. } => "`mvx init` writes the rules".into(),
            _ => return Vec::new(),
        };
        match self {
            Self::NoRule { .. } => vec![
                hint,
                "`mvx doctor --explain FILE` shows the rules that were compared with its name"
                    .into(),
            ],
            _ => vec![hint],
        }
    }
}

impl Explain for LocatedError {
    fn exit(&self) -> Exit {
        self.source.exit()
    }

    fn code(&self) -> &'static str {
        self.source.code()
    }

    fn hints(&self) -> Vec<String> {
        self.source.hints()
    }
}

/// A table that would cover `file`, ready to be copied.
fn table_for(file: &str, somebody: &str) -> String {
    let directory = file.rsplit_once('/').map(|(directory, _)| directory);
    let glob = match directory {
        Some(directory) => format!("{directory}/**"),
        None => format!("/{file}"),
    };
    format!(
        "[[files]]\npath = {}\nrecipients = [{}]\n",
        quoted(&glob),
        quoted(somebody)
    )
}

/// `text` as a TOML string.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

pub(super) fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |word| format!("; did you mean `{word}`?"))
}

fn stands_already(line: usize) -> String {
    format!("stands on line {line} already")
}

fn key_groups(count: usize) -> String {
    match count {
        1 => "one key group".into(),
        count => format!("{count} key groups"),
    }
}
