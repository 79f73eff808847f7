//! What holds for one file.

use std::path::PathBuf;

use super::error::RulesError;
use super::files::{FileFormat, FileRule};
use super::node::Lined;
use super::recipient::{self, RecipientSpec};
use super::{Dialect, RULES_FILE, Rules, SOPS_FILE};
use crate::sops::re2::Re2Error;
use crate::sops::select::Selector;

/// What holds for one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The rule that says so.
    pub source: Source,
    /// The environment that the rule gives to its files.
    pub environment: Option<String>,
    /// Who can open the file: one key group, or several of which `threshold` are needed. None is
    /// empty. Recipients whose access has expired are among them.
    pub groups: Vec<Vec<RecipientSpec>>,
    /// How many groups are needed; all of them where it is not given.
    pub threshold: Option<usize>,
    /// What of the file is encrypted.
    pub selector: Selector,
    /// Whether the MAC covers encrypted values alone.
    pub mac_only_encrypted: bool,
    /// The file's format, where the rule says it.
    pub format: Option<FileFormat>,
    /// The environment in which a secret is rotated first.
    pub rotate_after: Option<String>,
    /// Whether the file must carry a valid seal.
    pub seal_required: bool,
}

impl Policy {
    /// Everyone who is in a group.
    pub fn recipients(&self) -> impl Iterator<Item = &RecipientSpec> {
        self.groups.iter().flatten()
    }
}

/// A rule and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file of rules.
    pub rules: PathBuf,
    /// The line on which the rule begins, from 1.
    pub line: usize,
    /// What it compares paths with; empty for a creation rule that matches every file.
    pub pattern: String,
}

/// A rule that was compared with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Considered<'a> {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// What it compares paths with; empty for a creation rule that matches every file.
    pub pattern: &'a str,
    /// Whether it matched.
    pub matched: bool,
}

/// The policy of the file called `name`.
pub(super) fn policy(rules: &Rules, name: &str) -> Result<Policy, RulesError> {
    if is_reserved(name) {
        return Err(RulesError::Reserved { file: name.into() });
    }
    let rule = matching(rules, name)?.ok_or_else(|| no_rule(rules, name))?;
    let mut groups = Vec::with_capacity(rule.groups.len());
    for group in &rule.groups {
        let members = group
            .iter()
            .filter_map(|at| rules.content.recipients.get(*at));
        groups.push(
            members
                .map(|member| checked(rules, member))
                .collect::<Result<Vec<_>, _>>()?,
        );
    }
    if groups.is_empty() || groups.iter().any(Vec::is_empty) {
        return Err(RulesError::Nobody { line: rule.line });
    }
    let selector = match &rule.selector {
        Some(Lined { line, value }) => {
            Selector::new(value.0, &value.1).map_err(|source| RulesError::Selector {
                line: *line,
                source,
            })?
        }
        None => Selector::default(),
    };
    let text = |text: &Lined<String>| text.value.clone();
    Ok(Policy {
        source: Source {
            rules: rules.origin.path.clone(),
            line: rule.line,
            pattern: rule.matcher.source().into(),
        },
        environment: rule.environment.as_ref().map(text),
        groups,
        threshold: rule.threshold,
        selector,
        mac_only_encrypted: rule.mac_only_encrypted,
        format: rule.format,
        rotate_after: rule.rotate_after.as_ref().map(text),
        seal_required: rules.content.seal_required,
    })
}

/// Whether a rule covers the file called `name`.
pub(super) fn covers(rules: &Rules, name: &str) -> Result<bool, RulesError> {
    Ok(!is_reserved(name) && matching(rules, name)?.is_some())
}

/// The rules that are compared with the file called `name`.
pub(super) fn explain<'a>(rules: &'a Rules, name: &str) -> Result<Vec<Considered<'a>>, RulesError> {
    let mut considered = Vec::new();
    if is_reserved(name) {
        return Ok(considered);
    }
    for rule in &rules.content.files {
        let matched = is_match(rules, rule, name)?;
        considered.push(Considered {
            line: rule.line,
            pattern: rule.matcher.source(),
            matched,
        });
        if matched {
            break;
        }
    }
    Ok(considered)
}

fn matching<'a>(rules: &'a Rules, name: &str) -> Result<Option<&'a FileRule>, RulesError> {
    for rule in &rules.content.files {
        if is_match(rules, rule, name)? {
            return Ok(Some(rule));
        }
    }
    Ok(None)
}

fn is_match(rules: &Rules, rule: &FileRule, name: &str) -> Result<bool, RulesError> {
    // sops compares a file outside the rules' directory by its whole path; in rules of our own
    // such a file is never meant.
    let outside = name.starts_with('/') || name.get(1..2) == Some(":");
    if outside && rules.origin.dialect == Dialect::Native {
        return Ok(false);
    }
    rule.matcher
        .is_match(name)
        .map_err(|source| too_large(rule.line, source))
}

fn too_large(line: usize, source: Re2Error) -> RulesError {
    RulesError::BadRegex {
        line,
        field: "path_regex".into(),
        source,
    }
}

/// Keys in `.sops.yaml` are checked when they are needed, as sops does: a placeholder in another
/// rule must not keep a repository from working.
fn checked(rules: &Rules, member: &RecipientSpec) -> Result<RecipientSpec, RulesError> {
    let mut member = member.clone();
    if rules.origin.dialect == Dialect::Sops {
        let value = Lined {
            line: member.line,
            value: member.value,
        };
        member.value = recipient::check(member.kind, &value)?;
    }
    Ok(member)
}

/// Whether no rule ever covers a file of this name: what is in `.mvx/` or `.git/`, and the rules.
pub(super) fn is_reserved(name: &str) -> bool {
    let mut parts = name.split('/');
    let file = parts.next_back().unwrap_or_default();
    [RULES_FILE, SOPS_FILE].contains(&file) || parts.any(|part| part == ".mvx" || part == ".git")
}

fn no_rule(rules: &Rules, name: &str) -> RulesError {
    // One name is enough to show the form; a group is the better example.
    let groups = rules.content.groups.iter().map(|group| group.name.clone());
    let recipients = rules
        .content
        .recipients
        .iter()
        .filter_map(|recipient| recipient.name.clone());
    let path = &rules.origin.path;
    RulesError::NoRule {
        file: name.into(),
        rules: path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into(),
        native: rules.origin.dialect == Dialect::Native,
        somebody: groups.chain(recipients).next(),
    }
}
