//! The rules: who opens which files, what of them is encrypted, and what is expected of secrets.
//!
//! `.sops-rules.toml` is read strictly and whole ([`Rules::load`]); where there is none, SOPS's own
//! `.sops.yaml` is honoured. Looking for them is [`find`]'s, everything else here is pure.
//! `docs/rules.md` is the reference of every field.

pub mod edit;
pub mod find;

mod cycle;
mod duration;
mod error;
mod files;
mod glob;
mod native;
mod node;
mod notify;
mod policy;
mod profile;
mod recipient;
mod scan;
mod scope;
mod secrets;
mod sops_yaml;
mod starter;
mod toml_text;
mod translate;
mod words;
mod yaml_text;

use std::path::{Path, PathBuf};

use crate::keypath::KeyPath;

pub use duration::parse_duration;
pub use error::{LocatedError, RulesError};
pub use files::FileFormat;
pub use notify::Notify;
pub use policy::{Considered, Policy, Source};
pub use profile::Profile;
pub use recipient::{Extras, RecipientKind, RecipientSpec, recognise};
pub use scan::{Allowance, ScanRule, ScanRules};
pub use scope::{FileGlob, ScopeError};
pub use secrets::{Criticality, SecretPolicy, key_matches};
pub use starter::{StarterRecipient, starter};
pub use translate::{Translation, agree, translate};

/// The name of mvx's rules.
pub const RULES_FILE: &str = ".sops-rules.toml";

/// The name of SOPS's rules.
pub const SOPS_FILE: &str = ".sops.yaml";

/// Where rules come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file. Paths in the rules are relative to its directory.
    pub path: PathBuf,
    /// How it is read.
    pub dialect: Dialect,
}

/// The two kinds of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `.sops-rules.toml`.
    Native,
    /// `.sops.yaml`.
    Sops,
}

impl Origin {
    /// The origin of the rules in the file at `path`: SOPS's if it is called `….yaml` or `….yml`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let yaml = path
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml");
        Self {
            path,
            dialect: if yaml { Dialect::Sops } else { Dialect::Native },
        }
    }
}

/// Rules, read and checked.
#[derive(Debug)]
pub struct Rules {
    origin: Origin,
    content: Content,
}

/// What a file of rules says.
#[derive(Debug, Default)]
struct Content {
    recipients: Vec<RecipientSpec>,
    groups: Vec<Group>,
    files: Vec<files::FileRule>,
    secrets: Vec<secrets::SecretsRule>,
    profiles: Vec<Profile>,
    scan: ScanRules,
    notify: Vec<Notify>,
    seal_required: bool,
    audit_required: bool,
    warnings: Vec<Warning>,
}

/// A named group of recipients and groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// The line on which it is declared, from 1.
    pub line: usize,
    /// Names of recipients and of groups.
    pub members: Vec<String>,
}

/// Something that is no mistake, and that somebody should know. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A recipient names an endpoint, which is not used (DESIGN, "Trust").
    EndpointNotBelieved {
        /// The line.
        line: usize,
        /// The recipient.
        recipient: String,
    },
    /// A selector's regex has a blank beside a `|`, which hardly any key has.
    BlankBesideBar {
        /// The line.
        line: usize,
        /// The selector.
        field: &'static str,
    },
    /// A part of `.sops.yaml` that mvx has no use for, or that sops ignores.
    NotUsed {
        /// The line.
        line: usize,
        /// The field.
        field: String,
        /// Why.
        why: &'static str,
    },
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::EndpointNotBelieved { line, recipient } => write!(
                f,
                "line {line}: the endpoint of `{recipient}` is not used; endpoints come from the environment or your own configuration"
            ),
            Self::BlankBesideBar { line, field } => write!(
                f,
                "line {line}: the blanks beside `|` in `{field}` count: they must stand in the key too"
            ),
            Self::NotUsed { line, field, why } => {
                write!(f, "line {line}: `{field}` is not used: {why}")
            }
        }
    }
}

impl Rules {
    /// Reads the text of a file of rules.
    pub fn load(text: &str, origin: Origin) -> Result<Self, RulesError> {
        let mut content = match origin.dialect {
            Dialect::Native => native::read(text)?,
            Dialect::Sops => sops_yaml::read(text)?,
        };
        for selector in content
            .files
            .iter()
            .filter_map(|rule| rule.selector.as_ref())
        {
            let (field, pattern) = &selector.value;
            if field.ends_with("_regex") && (pattern.contains(" |") || pattern.contains("| ")) {
                content.warnings.push(Warning::BlankBesideBar {
                    line: selector.line,
                    field,
                });
            }
        }
        Ok(Self { origin, content })
    }

    /// Where they come from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The directory to which paths are relative.
    pub fn directory(&self) -> &Path {
        self.origin.path.parent().unwrap_or(Path::new(""))
    }

    /// How the rules call the file at `path` (absolute, or as relative as the rules' own path):
    /// relative to their directory with `/` between the parts, or in full if it is elsewhere.
    pub fn name_of(&self, path: &Path) -> String {
        let inside = path.strip_prefix(self.directory());
        let parts = inside.unwrap_or(path).components().map(|part| match part {
            // What stands between the slashes; the root itself is nothing before the first one.
            std::path::Component::RootDir => std::borrow::Cow::Borrowed(""),
            part => part.as_os_str().to_string_lossy(),
        });
        parts.collect::<Vec<_>>().join("/")
    }

    /// What holds for the file called `name` ([`Rules::name_of`]): the first rule that matches.
    /// An error where none does, or where the file is reserved.
    pub fn policy(&self, name: &str) -> Result<Policy, RulesError> {
        policy::policy(self, name)
    }

    /// Whether the file called `name` is one that no rule and no profile ever means: what is in
    /// `.mvx/` or `.git/`, and the rules.
    pub fn is_reserved(name: &str) -> bool {
        policy::is_reserved(name)
    }

    /// Whether a rule covers the file called `name`; cheaper than its policy.
    pub fn covers(&self, name: &str) -> Result<bool, RulesError> {
        policy::covers(self, name)
    }

    /// The rules that were considered for the file called `name`, up to the one that matched.
    pub fn explain(&self, name: &str) -> Result<Vec<Considered<'_>>, RulesError> {
        policy::explain(self, name)
    }

    /// The rotation policy of the secret `key` in the file called `name`: all `[[secrets]]` tables
    /// that match, later ones winning field by field.
    pub fn secret_policy(
        &self,
        name: &str,
        environment: Option<&str>,
        key: &KeyPath,
    ) -> SecretPolicy {
        secrets::policy(&self.content.secrets, name, environment, key)
    }

    /// Whether any `[[secrets]]` table says what is expected of secrets.
    pub fn has_secret_policies(&self) -> bool {
        !self.content.secrets.is_empty()
    }

    /// Whether any policy has old values delivered.
    pub fn has_dual_policies(&self) -> bool {
        let mut policies = self.content.secrets.iter();
        policies.any(|one| one.policy.dual == Some(true))
    }

    /// Everyone in the register, in the order of the file.
    pub fn recipients(&self) -> &[RecipientSpec] {
        &self.content.recipients
    }

    /// The groups.
    pub fn groups(&self) -> &[Group] {
        &self.content.groups
    }

    /// The environments that rules give to files, in the order of the file, each once.
    pub fn environments(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for rule in &self.content.files {
            if let Some(name) = &rule.environment
                && !names.contains(&name.value.as_str())
            {
                names.push(&name.value);
            }
        }
        names
    }

    /// The profiles of `[env.NAME]`, in the order of the file.
    pub fn profiles(&self) -> &[Profile] {
        &self.content.profiles
    }

    /// The profile of this name, with what it takes from those it extends.
    pub fn profile(&self, name: &str) -> Option<Profile> {
        profile::resolved(&self.content.profiles, name)
    }

    /// `[scan]`.
    pub fn scan(&self) -> &ScanRules {
        &self.content.scan
    }

    /// Who is told of rotations, `[notify.NAME]`.
    pub fn notify(&self) -> &[Notify] {
        &self.content.notify
    }

    /// Whether a file without a valid seal is refused.
    pub fn seal_required(&self) -> bool {
        self.content.seal_required
    }

    /// Whether a command that cannot write the access log is refused.
    pub fn audit_required(&self) -> bool {
        self.content.audit_required
    }

    /// What is no mistake and should be known.
    pub fn warnings(&self) -> &[Warning] {
        &self.content.warnings
    }
}

#[cfg(test)]
mod tests;
