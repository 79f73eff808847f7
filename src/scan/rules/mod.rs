//! Sets of rules: how they are made, changed and named.

mod builtin;
mod derive;
mod error;
mod gitleaks;
#[cfg(test)]
mod own;
mod table;

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use super::filter::Filter;
use super::judge::{self, Global};
use super::rule::{
    Allowance, Allowlist, Amendment, Behind, Confidence, Derived, List, Reach, Rule, Text,
};
use super::scanner::Scanner;
use super::{Input, found::Found};

pub(super) use derive::parse;
pub use error::RulesError;
pub use gitleaks::{Extends, GitleaksFile};

/// A set of rules: pure data, cheap to make. [`Scanner::new`](super::Scanner::new) prepares it for
/// scanning.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    entries: Vec<Entry>,
    allowlists: Vec<Allowlist>,
    filters: Vec<Text>,
    allowances: Vec<Allowance>,
    warnings: Vec<Warning>,
}

/// A rule with what was derived from it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) rule: Cow<'static, Rule>,
    pub(super) derived: Cow<'static, Derived>,
}

/// What `[scan]` of the rules changes.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Rules to change or to add.
    pub rules: Vec<Amendment>,
    /// Ids of rules that are switched off.
    pub disable: Vec<String>,
    /// What is let pass.
    pub allow: Vec<Allowance>,
}

/// Something in a foreign rule file that mvx does not take over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The id of the rule it is about; empty for the file.
    pub rule: String,
    /// What.
    pub message: String,
}

/// An example that does not do what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExampleFailure {
    /// The rule's id.
    pub rule: String,
    /// Its number among the rule's examples or counterexamples, from 1.
    pub number: usize,
    /// Whether something should have been found.
    pub expected: bool,
}

impl Rules {
    /// The rules that mvx has.
    pub fn builtin() -> Self {
        Self {
            entries: builtin::entries(),
            ..Self::default()
        }
    }

    /// No rules.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds, changes and disables. Nothing is compiled, but every regex is checked.
    pub fn with(mut self, changes: Changes) -> Result<Self, RulesError> {
        for amendment in changes.rules {
            self.amend(amendment)?;
        }
        for id in &changes.disable {
            let place = self.place(id).ok_or_else(|| self.unknown(id))?;
            self.entries.remove(place);
        }
        for allowance in &changes.allow {
            for id in &allowance.rules {
                if self.place(id).is_none() && !changes.disable.contains(id) {
                    return Err(self.unknown(id));
                }
            }
            let name = || {
                allowance
                    .reason
                    .clone()
                    .unwrap_or_else(|| "[[scan.allow]]".into())
            };
            for regex in &allowance.regexes {
                check(name, "allowance", regex)?;
            }
            super::globs::check(&allowance.paths)?;
        }
        self.allowances.extend(changes.allow);
        Ok(self)
    }

    /// Puts a rule in the place of the one of its id, or at the end.
    pub fn insert(&mut self, rule: Rule) -> Result<(), RulesError> {
        let entry = Entry::new(rule)?;
        match self.place(&entry.rule.id) {
            Some(place) => {
                if let Some(old) = self.entries.get_mut(place) {
                    *old = entry;
                }
            }
            None => self.entries.push(entry),
        }
        Ok(())
    }

    /// All rules, in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Rule> {
        self.entries.iter().map(|entry| entry.rule.as_ref())
    }

    /// The rule of this id, or of this alias.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.iter().find(|rule| rule.is(id))
    }

    /// What was let pass with [`Changes::allow`], in order: the numbers in
    /// [`AllowedBy::Rules`](super::AllowedBy::Rules) count these.
    pub fn allowances(&self) -> &[Allowance] {
        &self.allowances
    }

    /// What of a foreign file was not taken over. Never empty where something was left out.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Tries the examples of every rule, each with its own rule alone.
    pub fn test(&self) -> Vec<ExampleFailure> {
        let mut failures = Vec::new();
        for entry in &self.entries {
            let rule = entry.rule.as_ref();
            if rule.examples.is_empty() && rule.counterexamples.is_empty() {
                continue;
            }
            let alone = Scanner::new(Self {
                entries: vec![entry.clone()],
                ..Self::default()
            });
            let mut scratch = alone.scratch();
            let mut finds = |text: &Text| {
                let Found { hits, .. } = alone.scan(&mut scratch, &Input::of(text.as_bytes()));
                !hits.is_empty()
            };
            let mut judge = |texts: &mut dyn Iterator<Item = Text>, expected| {
                for (number, text) in (1..).zip(texts) {
                    if finds(&text) != expected {
                        failures.push(ExampleFailure {
                            rule: rule.id.to_string(),
                            number,
                            expected,
                        });
                    }
                }
            };
            judge(&mut rule.examples(), true);
            judge(&mut rule.counterexamples(), false);
        }
        failures
    }

    /// Names this set in caches: two sets that may find different things have different hashes. A
    /// new version of the engine changes it too. SHA-256.
    pub fn hash(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(ENGINE);
        for entry in &self.entries {
            hasher.update(format!("{:?}", entry.rule).as_bytes());
        }
        let all = format!(
            "{:?}{:?}{:?}",
            self.allowlists, self.filters, self.allowances
        );
        hasher.update(all.as_bytes());
        hasher.finalize().into()
    }

    /// The rule of this number. There is always one: numbers come from the set itself.
    pub(super) fn at(&self, number: u32) -> &Rule {
        self.entries
            .get(number as usize)
            .map_or(Rule::none(), |entry| entry.rule.as_ref())
    }

    /// How far the matches of the rule of this number may reach.
    pub(super) fn reach(&self, number: u32) -> Reach {
        let entry = self.entries.get(number as usize);
        entry.map_or(Reach::Line, |entry| entry.derived.reach)
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What lets pass for all rules, ready to judge.
    pub(super) fn global(&self) -> Global {
        let filters = self.filters.iter();
        Global {
            lists: self.allowlists.iter().map(judge::List::new).collect(),
            // one that is not taken was refused when its file was read
            filters: filters
                .filter_map(|source| Filter::read(source).ok())
                .collect(),
        }
    }

    /// Warns of rules that name others which are not there.
    fn warn_of_missing(&mut self) {
        let required = self.iter().flat_map(|rule| {
            let names = rule.required.iter().map(|required| &required.rule);
            names.map(|name| (rule.id.to_string(), name))
        });
        let targets = self.allowlists.iter().flat_map(|list| list.rules.iter());
        let missing: Vec<Warning> = required
            .chain(targets.map(|name| (String::new(), name)))
            .filter(|(_, name)| self.rule(name).is_none())
            .map(|(rule, name)| Warning {
                message: format!("it names the rule `{name}`, which is not there"),
                rule,
            })
            .collect();
        self.warnings.extend(missing);
    }

    fn place(&self, id: &str) -> Option<usize> {
        self.iter().position(|rule| rule.is(id))
    }

    fn unknown(&self, id: &str) -> RulesError {
        let nearest = self
            .iter()
            .map(|rule| (strsim::damerau_levenshtein(&rule.id, id), &rule.id))
            .min()
            .filter(|(distance, _)| *distance <= 3);
        RulesError::Unknown {
            id: id.into(),
            nearest: nearest.map(|(_, id)| id.to_string()),
        }
    }

    fn amend(&mut self, amendment: Amendment) -> Result<(), RulesError> {
        let mut rule = match self.rule(&amendment.id) {
            Some(rule) => rule.clone(),
            None if amendment.regex.is_none() && amendment.path.is_none() => {
                return Err(RulesError::Empty { rule: amendment.id });
            }
            None => Rule {
                confidence: Confidence::Medium,
                ..Rule::new(amendment.id.clone())
            },
        };
        if let Some(regex) = amendment.regex {
            // what belonged to the old regex says nothing of the new one
            rule.regex = Some(regex.into());
            rule.secret_group = 0;
            rule.keywords = Cow::default();
            rule.checks = Cow::default();
            rule.entropy = None;
            rule.behind = Behind::Anything;
        }
        if let Some(description) = amendment.description {
            rule.description = description.into();
        }
        if let Some(path) = amendment.path {
            rule.path = Some(path.into());
        }
        if !amendment.keywords.is_empty() {
            rule.keywords = owned(amendment.keywords);
        }
        if let Some(entropy) = amendment.entropy {
            rule.entropy = Some(entropy);
        }
        if let Some(group) = amendment.secret_group {
            rule.secret_group = group;
        }
        if let Some(confidence) = amendment.confidence {
            rule.confidence = confidence;
        }
        if !amendment.examples.is_empty() {
            rule.examples = owned(amendment.examples);
        }
        if !amendment.counterexamples.is_empty() {
            rule.counterexamples = owned(amendment.counterexamples);
        }
        self.insert(rule)
    }
}

impl Entry {
    /// Checks a rule and derives what its regex says.
    fn new(rule: Rule) -> Result<Self, RulesError> {
        let name = || rule.id.to_string();
        if rule.regex.is_none() && rule.path.is_none() {
            return Err(RulesError::Empty { rule: name() });
        }
        if let Some(path) = &rule.path {
            check(name, "path", path)?;
        }
        for list in rule.allowlists.iter() {
            check_allowlist(name, list)?;
        }
        let derived = match &rule.regex {
            Some(regex) => {
                let hir = check(name, "regex", regex)?;
                let groups = hir.properties().explicit_captures_len();
                if rule.secret_group as usize > groups {
                    return Err(RulesError::Group {
                        rule: name(),
                        group: rule.secret_group,
                    });
                }
                derive::derive(&rule, &hir)
            }
            None => Derived::default(),
        };
        Ok(Self {
            rule: Cow::Owned(rule),
            derived: Cow::Owned(derived),
        })
    }
}

/// Changes when the same rules may find something else than before.
const ENGINE: &[u8] = b"mvx scan engine 1\n";

fn owned(list: Vec<String>) -> List<Text> {
    list.into_iter().map(Cow::Owned).collect::<Vec<_>>().into()
}

fn check_allowlist(name: impl Fn() -> String + Copy, list: &Allowlist) -> Result<(), RulesError> {
    for regex in list.paths.iter().chain(list.regexes.iter()) {
        check(name, "allowlist", regex)?;
    }
    Ok(())
}

/// Parses a regex, which costs far less than compiling it.
fn check(
    rule: impl Fn() -> String,
    what: &'static str,
    regex: &str,
) -> Result<regex_syntax::hir::Hir, RulesError> {
    parse(regex).map_err(|error| RulesError::Regex {
        rule: rule(),
        what,
        error,
    })
}
