//! Reads mvx's own rules (`*.toml` beside this file) and writes them as a Rust table, so that a
//! start costs nothing. Only tests do this: one of them fails where the table is not what the TOML
//! says, and leaves the new one in `target/`.
//!
//! In examples, `{}` is taken out before they are tried: `ghp_{}0123…`. In regexes, `<=>` stands for
//! how a value is assigned to a name: see [`ASSIGNMENT`].

use std::fmt::Write as _;

use serde::Deserialize;

use super::Entry;
use crate::scan::{Allowlist, Behind, Check, Confidence, List, Needs, Rule, Target, Text};

/// What stands between a name and its value: an operator of some language, with quotes and blanks
/// around; or, as in Kubernetes and compose files, `value:` on the next line.
const ASSIGNMENT: &str = concat!(
    r#"(?:["'\]\x60)]{0,2}[ \t]{0,8}(?:string[ \t]{1,3})?(?:=>|->|[:.?+|]{0,3}==?|[:>,(])[ \t]{0,8}"#,
    r#"|["']?,?\s{1,40}["']?value["']?[ \t]{0,4}[:=][ \t]{0,4})["'\x60\[(<]{0,2}"#
);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    rules: Vec<OwnRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnRule {
    id: String,
    #[serde(default)]
    aliases: Vec<String>,
    description: String,
    why: String,
    remedy: String,
    confidence: String,
    regex: String,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    keywords: Vec<String>,
    #[serde(default)]
    secret_group: u32,
    #[serde(default)]
    behind: OwnBehind,
    entropy: Option<f64>,
    #[serde(default)]
    checks: Vec<OwnCheck>,
    #[serde(default)]
    allow: Vec<OwnAllowlist>,
    #[serde(default)]
    binary: bool,
    #[serde(default)]
    tags: Vec<String>,
    examples: Vec<String>,
    #[serde(default)]
    counterexamples: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
enum OwnCheck {
    Crc32Base62,
    Jwt,
    AwsKeyId,
    Random,
    Base64Holds(String),
    Needs(Vec<OwnNeeds>),
    NoneOf(Vec<String>),
    Lacks(Vec<String>),
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OwnBehind {
    #[default]
    Anything,
    Assignment,
    User,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OwnNeeds {
    Digit,
    Lower,
    Upper,
    Other,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnAllowlist {
    description: String,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    regexes: Vec<String>,
    #[serde(default)]
    target: Option<String>,
    #[serde(default)]
    stopwords: Vec<String>,
}

/// The rules of one file.
pub(super) fn read(text: &str) -> Vec<Entry> {
    let file: File = toml::from_str(text).unwrap_or_else(|error| panic!("{error}"));
    file.rules
        .into_iter()
        .map(|rule| Entry::new(rule.into()).unwrap_or_else(|error| panic!("{error}")))
        .collect()
}

/// The table's source.
pub(super) fn table(entries: &[Entry]) -> String {
    let mut rows = String::new();
    for entry in entries {
        let _ = writeln!(rows, "    ({}, {}),", rule(&entry.rule), derived(entry));
    }
    let names = [
        "Allowlist",
        "Behind",
        "Check",
        "Confidence",
        "Derived",
        "List",
        "Literal",
        "Needs",
        "Reach",
        "Rule",
        "Target",
        "Text",
    ];
    let used: Vec<&str> = names
        .into_iter()
        .filter(|name| {
            [" {", "::"]
                .iter()
                .any(|after| rows.contains(&format!("{name}{after}")))
        })
        .collect();
    format!(
        "//! The built-in rules, made of the TOML beside this file: see `own.rs`. Not to be edited.\n\n\
         #[rustfmt::skip]\n\
         use crate::scan::{{{}}};\n\n\
         #[rustfmt::skip]\n\
         pub(super) static TABLE: &[(Rule, Derived)] = &[\n{rows}];\n",
        used.join(", ")
    )
}

fn rule(rule: &Rule) -> String {
    let option = |text: &Option<Text>| match text {
        Some(text) => format!("Some({})", self::text(text)),
        None => "None".into(),
    };
    let entropy = rule
        .entropy
        .map_or("None".into(), |bits| format!("Some({bits:?})"));
    format!(
        "Rule {{ id: {}, aliases: {}, description: {}, why: {}, remedy: {}, confidence: Confidence::{:?}, \
         regex: {}, path: {}, secret_group: {}, keywords: {}, behind: Behind::{:?}, entropy: {entropy}, \
         checks: {}, allowlists: {}, required: List::Borrowed(&[]), report: {}, binary: {}, \
         tags: {}, examples: {}, counterexamples: {}, split: {} }}",
        text(&rule.id),
        texts(&rule.aliases),
        text(&rule.description),
        text(&rule.why),
        text(&rule.remedy),
        rule.confidence,
        option(&rule.regex),
        option(&rule.path),
        rule.secret_group,
        texts(&rule.keywords),
        rule.behind,
        list(&rule.checks, check),
        list(&rule.allowlists, allowlist),
        rule.report,
        rule.binary,
        texts(&rule.tags),
        texts(&rule.examples),
        texts(&rule.counterexamples),
        rule.split,
    )
}

fn derived(entry: &Entry) -> String {
    let literals: Vec<String> = entry
        .derived
        .literals
        .iter()
        .map(|literal| format!("Literal::Borrowed(b\"{}\")", literal.escape_ascii()))
        .collect();
    format!(
        "Derived {{ literals: List::Borrowed(&[{}]), bounded: {}, gated: {}, reach: Reach::{:?} }}",
        literals.join(", "),
        entry.derived.bounded,
        entry.derived.gated,
        entry.derived.reach
    )
}

fn text(text: &str) -> String {
    format!("Text::Borrowed({text:?})")
}

fn texts(list: &[Text]) -> String {
    self::list(list, |text| self::text(text))
}

fn list<T>(items: &[T], write: impl Fn(&T) -> String) -> String {
    let items: Vec<String> = items.iter().map(write).collect();
    format!("List::Borrowed(&[{}])", items.join(", "))
}

fn check(check: &Check) -> String {
    match check {
        Check::Base64Holds(part) => format!("Check::Base64Holds({})", text(part)),
        Check::Needs(kinds) => {
            format!(
                "Check::Needs({})",
                list(kinds, |kind| format!("Needs::{kind:?}"))
            )
        }
        Check::NoneOf(list, target) => {
            format!("Check::NoneOf({}, Target::{target:?})", texts(list))
        }
        Check::Lacks(list, target) => format!("Check::Lacks({}, Target::{target:?})", texts(list)),
        plain => format!("Check::{plain:?}"),
    }
}

fn allowlist(list: &Allowlist) -> String {
    format!(
        "Allowlist {{ description: {}, every: {}, commits: List::Borrowed(&[]), paths: {}, \
         regexes: {}, target: Target::{:?}, stopwords: {}, rules: List::Borrowed(&[]) }}",
        text(&list.description),
        list.every,
        texts(&list.paths),
        texts(&list.regexes),
        list.target,
        texts(&list.stopwords),
    )
}

impl From<OwnRule> for Rule {
    fn from(own: OwnRule) -> Self {
        Self {
            aliases: owned(own.aliases),
            description: own.description.into(),
            why: own.why.into(),
            remedy: own.remedy.into(),
            confidence: Confidence::of(&own.confidence).expect("low, medium or high"),
            regex: Some(own.regex.replace("<=>", ASSIGNMENT).into()),
            path: own.path.map(Into::into),
            secret_group: own.secret_group,
            keywords: owned(own.keywords),
            behind: match own.behind {
                OwnBehind::Anything => Behind::Anything,
                OwnBehind::Assignment => Behind::Assignment,
                OwnBehind::User => Behind::User,
            },
            entropy: own.entropy,
            checks: own.checks.into_iter().map(Into::into).collect(),
            allowlists: own.allow.into_iter().map(Into::into).collect(),
            binary: own.binary,
            tags: owned(own.tags),
            examples: owned(own.examples),
            counterexamples: owned(own.counterexamples),
            split: true,
            ..Self::new(own.id)
        }
    }
}

impl From<OwnCheck> for Check {
    fn from(own: OwnCheck) -> Self {
        match own {
            OwnCheck::Crc32Base62 => Self::Crc32Base62,
            OwnCheck::Jwt => Self::Jwt,
            OwnCheck::AwsKeyId => Self::AwsKeyId,
            OwnCheck::Random => Self::Random,
            OwnCheck::Base64Holds(part) => Self::Base64Holds(part.into()),
            OwnCheck::Needs(kinds) => {
                let kind = |kind: &OwnNeeds| match kind {
                    OwnNeeds::Digit => Needs::Digit,
                    OwnNeeds::Lower => Needs::Lower,
                    OwnNeeds::Upper => Needs::Upper,
                    OwnNeeds::Other => Needs::Other,
                };
                Self::Needs(kinds.iter().map(kind).collect())
            }
            OwnCheck::NoneOf(list) => Self::NoneOf(owned(list), Target::Secret),
            OwnCheck::Lacks(list) => Self::Lacks(owned(list), Target::Secret),
        }
    }
}

impl From<OwnAllowlist> for Allowlist {
    fn from(own: OwnAllowlist) -> Self {
        Self {
            description: own.description.into(),
            paths: owned(own.paths),
            regexes: owned(own.regexes),
            target: match own.target.as_deref() {
                None | Some("secret") => Target::Secret,
                Some("match") => Target::Match,
                Some("line") => Target::Line,
                Some(other) => panic!("{other} is no target"),
            },
            stopwords: owned(own.stopwords),
            ..Self::default()
        }
    }
}

fn owned(list: Vec<String>) -> List<Text> {
    list.into_iter().map(Text::from).collect()
}
