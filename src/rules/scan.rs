//! `[scan]`: what the leak scan adds, changes and lets pass.

use jiff::civil::Date;

use super::error::RulesError;
use super::node::{Fields, Lined, Node};

/// The scan's part of the rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScanRules {
    /// The file of known findings, relative to the rules.
    pub baseline: Option<String>,
    /// Ids of built-in rules that are switched off.
    pub disable: Vec<String>,
    /// The lowest confidence that fails the scan: `high`, `medium` or `low`.
    pub fail_on: Option<&'static str>,
    /// What is let pass.
    pub allow: Vec<Allowance>,
    /// Rules of one's own.
    pub rules: Vec<ScanRule>,
}

/// One `[[scan.allow]]`: a finding that meets every kind of condition given is let pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// Why.
    pub reason: Option<String>,
    /// Rule ids; all when empty.
    pub rules: Vec<String>,
    /// Globs of paths.
    pub paths: Vec<String>,
    /// Regexes that the found text matches.
    pub regexes: Vec<String>,
    /// Words that the found text holds.
    pub stopwords: Vec<String>,
    /// The last day on which it holds, UTC.
    pub expires: Option<Date>,
}

/// One `[[scan.rules]]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScanRule {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// Its id; one of a built-in rule changes that one.
    pub id: String,
    /// What it finds.
    pub description: Option<String>,
    /// The regex that finds it.
    pub regex: Option<String>,
    /// A regex that the path must match.
    pub path: Option<String>,
    /// Words of which one must be near.
    pub keywords: Vec<String>,
    /// The least entropy of the found text, in bits a character.
    pub entropy: Option<f64>,
    /// The group of the regex that is the secret.
    pub secret_group: Option<u32>,
    /// How sure a finding is: `high`, `medium` or `low`.
    pub confidence: Option<&'static str>,
    /// Texts in which it must find something.
    pub examples: Vec<String>,
    /// Texts in which it must find nothing.
    pub counterexamples: Vec<String>,
}

const CONFIDENCE: &[&str] = &["high", "medium", "low"];

impl ScanRules {
    /// Reads `[scan]`.
    pub(super) fn read(node: Node) -> Result<Self, RulesError> {
        let known = &["baseline", "disable", "fail_on", "allow", "rules"];
        let mut fields = Fields::new(node, "[scan]", known)?;
        let allow = fields.tables("allow")?.into_iter().map(Allowance::read);
        let mut rules: Vec<ScanRule> = Vec::new();
        for node in fields.tables("rules")? {
            let rule = ScanRule::read(node)?;
            if let Some(first) = rules.iter().find(|first| first.id == rule.id) {
                return Err(RulesError::Duplicate {
                    line: rule.line,
                    what: format!("scan rule `{}`", rule.id),
                    first_line: first.line,
                });
            }
            rules.push(rule);
        }
        Ok(Self {
            allow: allow.collect::<Result<_, _>>()?,
            baseline: fields.inside("baseline")?,
            disable: fields.names("disable")?.unwrap_or_default(),
            fail_on: fields.word("fail_on", CONFIDENCE)?.map(|word| word.value),
            rules,
        })
    }
}

impl Allowance {
    fn read(node: Node) -> Result<Self, RulesError> {
        let known = &[
            "reason",
            "rules",
            "paths",
            "regexes",
            "stopwords",
            "expires",
        ];
        let mut fields = Fields::new(node, "[[scan.allow]]", known)?;
        let allowance = Self {
            line: fields.line,
            reason: fields.some_text("reason")?.map(|text| text.value),
            rules: fields.names("rules")?.unwrap_or_default(),
            paths: fields.path_globs("paths")?,
            regexes: fields.regexes("regexes")?,
            stopwords: fields.names("stopwords")?.unwrap_or_default(),
            expires: fields.date("expires")?.map(|date| date.value),
        };
        let conditions = [
            &allowance.rules,
            &allowance.paths,
            &allowance.regexes,
            &allowance.stopwords,
        ];
        if conditions.iter().all(|list| list.is_empty()) {
            return Err(fields.missing("`paths`, `regexes`, `stopwords` or `rules`"));
        }
        Ok(allowance)
    }
}

impl ScanRule {
    fn read(node: Node) -> Result<Self, RulesError> {
        let known = &[
            "id",
            "description",
            "regex",
            "path",
            "keywords",
            "entropy",
            "secret_group",
            "confidence",
            "examples",
            "counterexamples",
        ];
        let mut fields = Fields::new(node, "[[scan.rules]]", known)?;
        let id = fields
            .some_text("id")?
            .ok_or_else(|| fields.missing("`id`"))?;
        let regex = |regex: Lined<super::glob::PathRegex>| regex.value.source().to_owned();
        Ok(Self {
            line: fields.line,
            id: id.value,
            description: fields.some_text("description")?.map(|text| text.value),
            regex: fields.path_regex("regex")?.map(regex),
            path: fields.path_regex("path")?.map(regex),
            keywords: fields.names("keywords")?.unwrap_or_default(),
            entropy: fields.number("entropy", 0.0..=8.0, "a number from 0 to 8")?,
            secret_group: fields.small("secret_group", 99)?,
            confidence: fields
                .word("confidence", CONFIDENCE)?
                .map(|word| word.value),
            examples: fields.words("examples")?,
            counterexamples: fields.words("counterexamples")?,
        })
    }
}
