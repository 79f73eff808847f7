//! `[[secrets]]`: how often a secret is rotated, who owns it, who uses it.

use std::time::Duration;

use super::error::RulesError;
use super::glob::PathGlob;
use super::node::{Fields, Node};
use crate::keypath::{KeyPath, Segment};

/// How bad it is when a secret leaks or lapses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Criticality {
    /// The lowest.
    Sensitive,
    /// Between the two.
    Important,
    /// The highest.
    Critical,
}

impl Criticality {
    const WORDS: &[&str] = &["critical", "important", "sensitive"];

    /// Its word in the rules.
    pub fn word(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Important => "important",
            Self::Sensitive => "sensitive",
        }
    }
}

/// What holds for one secret: all tables that match it, later ones winning field by field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretPolicy {
    /// How long a value lasts.
    pub rotate_every: Option<Duration>,
    /// How long the old value stays after a rotation.
    pub grace: Option<Duration>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// How critical it is.
    pub criticality: Option<Criticality>,
    /// The services that use it.
    pub consumers: Option<Vec<String>>,
    /// Whether profiles deliver the old value too, as `X_PREVIOUS`, while grace runs.
    pub dual: Option<bool>,
    /// How long a deleted value can be restored.
    pub keep_deleted: Option<Duration>,
    /// The lines of the tables that matched, from 1.
    pub lines: Vec<usize>,
}

/// One `[[secrets]]` table.
#[derive(Debug)]
pub(super) struct SecretsRule {
    matches: String,
    pub(super) environment: Option<String>,
    file: Option<PathGlob>,
    pub(super) policy: SecretPolicy,
}

const FIELDS: &[&str] = &[
    "match",
    "environment",
    "file",
    "rotate_every",
    "grace",
    "owner",
    "criticality",
    "consumers",
    "dual",
    "keep_deleted",
];

impl SecretsRule {
    /// Reads a table; `environment` checks the name of one.
    pub(super) fn read(
        node: Node,
        environment: impl Fn(&mut Fields) -> Result<Option<String>, RulesError>,
    ) -> Result<Self, RulesError> {
        let mut fields = Fields::new(node, "[[secrets]]", FIELDS)?;
        let matches = fields
            .some_text("match")?
            .ok_or_else(|| fields.missing("`match`"))?;
        let criticality = fields.word("criticality", Criticality::WORDS)?;
        Ok(Self {
            matches: matches.value,
            environment: environment(&mut fields)?,
            file: fields.path_glob("file")?.map(|glob| glob.value),
            policy: SecretPolicy {
                rotate_every: fields.duration("rotate_every", false)?,
                grace: fields.duration("grace", true)?,
                owner: fields.some_text("owner")?.map(|text| text.value),
                criticality: criticality.map(|word| match word.value {
                    "critical" => Criticality::Critical,
                    "important" => Criticality::Important,
                    _ => Criticality::Sensitive,
                }),
                consumers: fields.names("consumers")?,
                dual: fields.boolean("dual")?.map(|value| value.value),
                keep_deleted: fields.duration("keep_deleted", true)?,
                lines: vec![fields.line],
            },
        })
    }

    fn applies(&self, file: &str, environment: Option<&str>, key: &KeyPath) -> bool {
        let in_environment = match &self.environment {
            Some(name) => environment == Some(name),
            None => true,
        };
        in_environment
            && self.file.as_ref().is_none_or(|glob| glob.is_match(file))
            && key_matches(&self.matches, key)
    }
}

/// What holds for the secret `key` of `file`.
pub(super) fn policy(
    rules: &[SecretsRule],
    file: &str,
    environment: Option<&str>,
    key: &KeyPath,
) -> SecretPolicy {
    let mut policy = SecretPolicy::default();
    for rule in rules
        .iter()
        .filter(|rule| rule.applies(file, environment, key))
    {
        let later = rule.policy.clone();
        policy.rotate_every = later.rotate_every.or(policy.rotate_every);
        policy.grace = later.grace.or(policy.grace);
        policy.owner = later.owner.or(policy.owner);
        policy.criticality = later.criticality.or(policy.criticality);
        policy.consumers = later.consumers.or(policy.consumers);
        policy.dual = later.dual.or(policy.dual);
        policy.keep_deleted = later.keep_deleted.or(policy.keep_deleted);
        policy.lines.extend(later.lines);
    }
    policy
}

/// Whether a glob over key paths matches: `*` stands for anything but a dot, `**` for anything,
/// `?` for one character but a dot. A glob without a dot is compared with the last name alone, so
/// that `STRIPE_*` finds `payments.STRIPE_KEY`. Documents are not told apart.
pub fn key_matches(glob: &str, key: &KeyPath) -> bool {
    let whole = KeyPath {
        document: 1,
        segments: key.segments.clone(),
    };
    if glob_matches(glob, &whole.to_string()) {
        return true;
    }
    let last_name = key.segments.iter().rev().find_map(|segment| match segment {
        Segment::Key(name) => Some(name),
        Segment::Index(_) => None,
    });
    !glob.contains(['.', '[']) && last_name.is_some_and(|name| glob_matches(glob, name))
}

/// Compares without recursion: on a mismatch, the last star takes one character more; where it may
/// not, the last double star does.
fn glob_matches(glob: &str, text: &str) -> bool {
    let glob: Vec<char> = glob.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut g, mut t) = (0, 0);
    let (mut single, mut double): (Option<Star>, Option<Star>) = (None, None);
    loop {
        match (glob.get(g), text.get(t)) {
            (None, None) => return true,
            (Some('*'), _) if glob.get(g + 1) == Some(&'*') => {
                g += 2;
                (double, single) = (
                    Some(Star {
                        after: g,
                        reached: t,
                    }),
                    None,
                );
                continue;
            }
            (Some('*'), _) => {
                g += 1;
                single = Some(Star {
                    after: g,
                    reached: t,
                });
                continue;
            }
            (Some(wanted), Some(c)) if (*wanted == '?' && *c != '.') || wanted == c => {
                (g, t) = (g + 1, t + 1);
                continue;
            }
            _ => {}
        }
        let star = match (&mut single, &mut double) {
            (Some(star), _) if text.get(star.reached).is_some_and(|c| *c != '.') => star,
            (_, Some(star)) if star.reached < text.len() => {
                single = None;
                star
            }
            _ => return false,
        };
        star.reached += 1;
        (g, t) = (star.after, star.reached);
    }
}

/// A star that was passed: the place in the glob after it, and how far it took the text.
struct Star {
    after: usize,
    reached: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_over_keys() {
        for (glob, key, expected) in [
            ("STRIPE_*", "STRIPE_KEY", true),
            ("STRIPE_*", "payments.STRIPE_KEY", true),
            ("STRIPE_*", "STRIPE_KEYS[2]", true),
            ("STRIPE_*", "STRIPE_MAP.key", false),
            ("db.*", "db.password", true),
            ("db.*", "db.users.ana", false),
            ("db.**", "db.users.ana", true),
            ("db.*", "x.db.password", false),
            ("**.password", "a.b.password", true),
            ("**.pass?ord", "a.b.password", true),
            ("a?b", "a.b", false),
            ("*", "anything", true),
            ("**", "a.b.c[0]", true),
            ("list[*]", "list[12]", true),
            ("list[*]", "list.a", false),
            ("a**b*c", "a.x.b.y.bzc", true),
            ("a*c*b", "acb.b", false),
            ("*?", "a", true),
            ("?*?", "a", false),
            ("password", "db.password", true),
            ("password", "2:db.password", true),
        ] {
            let path = KeyPath::parse(key).unwrap();
            assert_eq!(key_matches(glob, &path), expected, "{glob} {key}");
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        let path = KeyPath::parse(&"a".repeat(3000)).unwrap();
        assert!(!key_matches(
            &"**a*".repeat(20).replace("**a*", "**a*b"),
            &path
        ));
    }
}
