//! `.sops.yaml` → `.sops-rules.toml`: the same policy for every file below the rules, with names
//! for those who open the files.

use std::fmt::Write;

use super::error::{RulesError, quoted};
use super::files::{FileRule, Matcher};
use super::node::Lined;
use super::recipient::{self, RecipientKind, RecipientSpec};
use super::starter::{free_name, key};
use super::{Content, Origin, RULES_FILE, Rules, Warning, sops_yaml};

/// Rules in mvx's own form.
pub struct Translation {
    /// The text of `.sops-rules.toml`.
    pub text: String,
    /// What could not be carried over, a line each, with its line in `.sops.yaml`.
    pub lost: Vec<String>,
    /// What was left out because it does nothing, in the same form.
    pub unneeded: Vec<String>,
    /// How many recipients are in the register.
    pub recipients: usize,
    /// How many rules over files there are.
    pub rules: usize,
}

/// Translates the text of a `.sops.yaml`.
///
/// Recipients are named after the anchor or comment beside them, else after their key. An error is
/// what mvx's rules refuse and sops lets pass, with its line: a rule that names nobody, a key that
/// is none, a key in two groups of one rule.
pub fn translate(text: &str) -> Result<Translation, RulesError> {
    let mut content = sops_yaml::read(text)?;
    let (lost, unneeded) = (lost(&content), unneeded(&content, text));
    drop_repeated(&mut content.files);
    let register = Register::new(&content, text)?;
    let mut out = String::from(HEAD);
    for (name, spec) in &register.entries {
        recipient_table(&mut out, name, spec);
    }
    let lists = lists(&content.files, &register)?;
    let groups = groups(&lists, &register);
    if !groups.is_empty() {
        out.push_str("\n[groups]\n");
        for (name, members) in &groups {
            line(&mut out, format_args!("{} = {}", key(name), list(members)));
        }
    }
    let source: Vec<&str> = text.lines().collect();
    for (rule, lists) in content.files.iter().zip(&lists) {
        out.push('\n');
        for comment in comments_above(&source, rule.line) {
            line(&mut out, format_args!("{comment}"));
        }
        rule_table(&mut out, rule, lists, &groups);
    }
    // What is written here must be read again; an error would be a mistake of this file.
    let again = Rules::load(&out, Origin::new(RULES_FILE))?;
    Ok(Translation {
        recipients: again.recipients().len(),
        rules: content.files.len(),
        text: out,
        lost,
        unneeded,
    })
}

/// Whether two files of rules say the same of the file called `name`: who opens it, with which
/// groups and threshold, and what is encrypted. An SSH key's comment does not count.
pub fn agree(one: &Rules, other: &Rules, name: &str) -> bool {
    let policies = (one.policy(name), other.policy(name));
    let (one, other) = match policies {
        (Ok(one), Ok(other)) => (one, other),
        (Err(RulesError::NoRule { .. }), Err(RulesError::NoRule { .. }))
        | (Err(RulesError::Reserved { .. }), Err(RulesError::Reserved { .. })) => return true,
        _ => return false,
    };
    let keys = |groups: &[Vec<RecipientSpec>]| -> Vec<Vec<_>> {
        let one = |spec: &RecipientSpec| (spec.kind, material(spec), spec.extras.clone());
        let group = |group: &Vec<RecipientSpec>| group.iter().map(one).collect();
        groups.iter().map(group).collect()
    };
    keys(&one.groups) == keys(&other.groups)
        && one.threshold == other.threshold
        && one.selector == other.selector
        && one.mac_only_encrypted == other.mac_only_encrypted
}

const HEAD: &str = "\
# Who opens which secret files of this repository: mvx's rules, translated from .sops.yaml.
# `mvx ls` shows what they come to.

version = 1
";

/// Everyone who opens a file, with a name, each key once.
struct Register {
    entries: Vec<(String, RecipientSpec)>,
    /// By the place in the register of `.sops.yaml`, the place in `entries`.
    places: Vec<Option<usize>>,
}

impl Register {
    fn new(content: &Content, text: &str) -> Result<Self, RulesError> {
        let mut register = Self {
            entries: Vec::new(),
            places: Vec::new(),
        };
        let mut names: Vec<String> = Vec::new();
        for (at, spec) in content.recipients.iter().enumerate() {
            let mut groups = content.files.iter().flat_map(|rule| &rule.groups);
            let used = groups.any(|group| group.contains(&at));
            if !used || spec.kind == RecipientKind::HuaweiKms {
                register.places.push(None);
                continue;
            }
            let value = Lined {
                line: spec.line,
                value: spec.value.clone(),
            };
            let spec = RecipientSpec {
                value: recipient::check(spec.kind, &value)?,
                ..spec.clone()
            };
            // Two comments behind one SSH key make two entries in `.sops.yaml`, and one here.
            let same = |(_, known): &(String, RecipientSpec)| {
                known.kind == spec.kind
                    && material(known) == material(&spec)
                    && known.extras == spec.extras
            };
            let known = register.entries.iter().position(same);
            register
                .places
                .push(Some(known.unwrap_or(register.entries.len())));
            if known.is_none() {
                let name = free_name(&name_of(&spec, &value.value, text), &names);
                names.push(name.clone());
                register.entries.push((name, spec));
            }
        }
        Ok(register)
    }

    fn name(&self, at: usize) -> Option<(usize, &str)> {
        let at = (*self.places.get(at)?)?;
        Some((at, self.entries.get(at)?.0.as_str()))
    }
}

/// What makes a key the same key: of an SSH key its comment is not a part.
fn material(spec: &RecipientSpec) -> String {
    match spec.kind {
        RecipientKind::Ssh => {
            let words: Vec<&str> = spec.value.split_ascii_whitespace().take(2).collect();
            words.join(" ")
        }
        // Blanks in a fingerprint are taken out when it is checked.
        RecipientKind::Pgp => spec.value.split_whitespace().collect(),
        _ => spec.value.trim().to_owned(),
    }
}

/// The anchor or comment beside a key, an SSH key's own comment, else something of the key itself.
fn name_of(spec: &RecipientSpec, written: &str, text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| line.contains(written));
    let beside = at.and_then(|at| {
        let line = lines.get(at)?;
        let (before, after) = line.split_once(written)?;
        let above = at.checked_sub(1).and_then(|above| lines.get(above));
        anchor(before)
            .or_else(|| comment(after.trim_start_matches(['"', '\'', ',', ']', '}'])))
            .or_else(|| comment(above?))
    });
    beside.unwrap_or_else(|| own_name(spec))
}

/// `&ana` at the end of what stands before a key.
fn anchor(before: &str) -> Option<String> {
    let word = before
        .trim_end_matches(['"', '\''])
        .split_whitespace()
        .last()?;
    let name = word.strip_prefix('&').filter(|name| !name.is_empty())?;
    Some(name.to_owned())
}

/// A comment that can be a name: three words at most, joined.
fn comment(text: &str) -> Option<String> {
    let words: Vec<&str> = text
        .trim()
        .strip_prefix('#')?
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ':' | '(' | ')' | '<' | '>'))
        .filter(|word| !word.is_empty())
        .collect();
    (1..=3).contains(&words.len()).then(|| words.join("-"))
}

fn own_name(spec: &RecipientSpec) -> String {
    let value = spec.value.as_str();
    let last = |separator| value.rsplit(separator).next().unwrap_or(value);
    let end: String = {
        let skip = value.chars().count().saturating_sub(8);
        value.chars().skip(skip).collect()
    };
    match spec.kind {
        RecipientKind::Ssh => {
            let comment: Vec<&str> = value.split_ascii_whitespace().skip(2).collect();
            if comment.is_empty() {
                format!("ssh-{end}")
            } else {
                comment.join("-")
            }
        }
        RecipientKind::GcpKms | RecipientKind::Vault => last('/').to_owned(),
        RecipientKind::AzureKv => {
            let after = value.split_once("/keys/").map_or(value, |(_, after)| after);
            after.split('/').next().unwrap_or(after).to_owned()
        }
        RecipientKind::AwsKms => match value.rsplit_once(":alias/") {
            Some((_, alias)) => alias.to_owned(),
            None => format!("kms-{end}"),
        },
        kind => format!("{}-{end}", kind.field()),
    }
}

fn recipient_table(out: &mut String, name: &str, spec: &RecipientSpec) {
    line(out, format_args!("\n[recipients.{}]", key(name)));
    line(
        out,
        format_args!("{} = {}", spec.kind.field(), quoted(&spec.value)),
    );
    if let Some(role) = &spec.extras.role {
        line(out, format_args!("role = {}", quoted(role)));
    }
    if !spec.extras.context.is_empty() {
        let pairs = spec.extras.context.iter();
        let pairs: Vec<String> = pairs
            .map(|(name, value)| format!("{} = {}", key(name), quoted(value)))
            .collect();
        line(out, format_args!("context = {{ {} }}", pairs.join(", ")));
    }
    if let Some(profile) = &spec.extras.profile {
        line(out, format_args!("profile = {}", quoted(profile)));
    }
}

/// For each rule, the names in each of its key groups.
fn lists(rules: &[FileRule], register: &Register) -> Result<Vec<Vec<Vec<String>>>, RulesError> {
    let mut all = Vec::new();
    for rule in rules {
        let mut seen: Vec<usize> = Vec::new();
        let mut lists: Vec<Vec<String>> = Vec::new();
        for group in &rule.groups {
            let mut names: Vec<String> = Vec::new();
            for (at, name) in group.iter().filter_map(|at| register.name(*at)) {
                if names.iter().any(|known| known == name) {
                    continue;
                }
                if seen.contains(&at) {
                    return Err(RulesError::TwoGroups {
                        line: rule.line,
                        name: name.into(),
                    });
                }
                seen.push(at);
                names.push(name.into());
            }
            if names.is_empty() {
                return Err(RulesError::Nobody { line: rule.line });
            }
            lists.push(names);
        }
        if lists.is_empty() {
            return Err(RulesError::Nobody { line: rule.line });
        }
        all.push(lists);
    }
    Ok(all)
}

/// A group for every list of two names or more that stands in two places or more.
fn groups(lists: &[Vec<Vec<String>>], register: &Register) -> Vec<(String, Vec<String>)> {
    let mut taken: Vec<String> = register
        .entries
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    let all = || lists.iter().flatten();
    for list in all().filter(|list| list.len() > 1) {
        let known = groups.iter().any(|(_, members)| members == list);
        if !known && all().filter(|other| *other == list).count() > 1 {
            let name = free_name("team", &taken);
            taken.push(name.clone());
            groups.push((name, list.clone()));
        }
    }
    groups
}

fn rule_table(
    out: &mut String,
    rule: &FileRule,
    lists: &[Vec<String>],
    groups: &[(String, Vec<String>)],
) {
    out.push_str("[[files]]\n");
    match &rule.matcher {
        // Everything below the rules; what is elsewhere, mvx's own rules never cover.
        Matcher::Always => out.push_str("path = \"**\"\n"),
        matcher => line(
            out,
            format_args!("path_regex = {}", quoted(matcher.source())),
        ),
    }
    let shown = |names: &Vec<String>| {
        let group = groups.iter().find(|(_, members)| members == names);
        group.map_or_else(|| list(names), |(name, _)| list(std::slice::from_ref(name)))
    };
    match lists {
        [only] => line(out, format_args!("recipients = {}", shown(only))),
        lists => {
            let lists: Vec<String> = lists.iter().map(shown).collect();
            line(out, format_args!("key_groups = [{}]", lists.join(", ")));
        }
    }
    if let Some(threshold) = rule.threshold {
        line(out, format_args!("threshold = {threshold}"));
    }
    if let Some(Lined { value, .. }) = &rule.selector {
        line(out, format_args!("{} = {}", value.0, quoted(&value.1)));
    }
    if rule.mac_only_encrypted {
        out.push_str("mac_only_encrypted = true\n");
    }
}

/// A second rule with the same pattern never matches, and mvx's rules refuse it.
fn drop_repeated(rules: &mut Vec<FileRule>) {
    let mut seen: Vec<String> = Vec::new();
    rules.retain(|rule| {
        let source = rule.matcher.source().to_owned();
        let first = !seen.contains(&source);
        seen.push(source);
        first
    });
}

/// What mvx's rules have no form for.
fn lost(content: &Content) -> Vec<String> {
    let publishing = content
        .warnings
        .iter()
        .filter(|warning| is_publishing(warning));
    let huawei = content
        .recipients
        .iter()
        .filter(|spec| spec.kind == RecipientKind::HuaweiKms);
    let huawei =
        huawei.map(|spec| format!("line {}: mvx's rules have no Huawei Cloud keys", spec.line));
    publishing.map(ToString::to_string).chain(huawei).collect()
}

fn is_publishing(warning: &Warning) -> bool {
    matches!(warning, Warning::NotUsed { field, .. } if field == "destination_rules")
}

/// What has no effect in sops, or none on what files hold.
fn unneeded(content: &Content, text: &str) -> Vec<String> {
    let other = content
        .warnings
        .iter()
        .filter(|warning| !is_publishing(warning));
    let mut unneeded: Vec<String> = other.map(ToString::to_string).collect();
    for (at, rule) in content.files.iter().enumerate() {
        let source = rule.matcher.source();
        let mut before = content.files.iter().take(at);
        if let Some(first) = before.find(|first| first.matcher.source() == source) {
            unneeded.push(format!(
                "line {}: the rule never matched: line {} has the same pattern",
                rule.line, first.line
            ));
        }
    }
    for (number, line) in text.lines().enumerate() {
        if line.starts_with("stores:") {
            unneeded.push(format!(
                "line {}: `stores` is not needed: files keep their own indentation",
                number + 1
            ));
        }
    }
    unneeded
}

/// The comments that stand directly above a line, counted from 1.
fn comments_above<'a>(lines: &[&'a str], line: usize) -> Vec<&'a str> {
    let above = lines.iter().take(line.saturating_sub(1)).rev();
    let mut comments: Vec<&str> = above
        .map(|line| line.trim())
        .take_while(|line| line.starts_with('#'))
        .collect();
    comments.reverse();
    comments
}

/// `["ana", "bob"]`.
fn list(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    format!("[{}]", names.join(", "))
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    writeln!(out, "{text}").ok();
}

#[cfg(test)]
mod tests;
