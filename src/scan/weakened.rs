//! How far a project's rules let pass what mvx's own find, so that it can be said: whoever opens a
//! pull request can change them.

use super::globs;
use super::judge::{self, Match};
use super::pattern::Pattern;
use super::rule::{Allowance, Rule};
use super::rules::{Rules, parse};

/// What a project's rules take away from others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weakened {
    /// Ids of rules that are not there any more.
    pub disabled: Vec<String>,
    /// Ids of rules that find something else, or with another confidence.
    pub changed: Vec<String>,
    /// Allowances, allowlists and filters that let everything pass, as a regex of `.` does.
    pub wide: usize,
}

impl Weakened {
    /// Whether nothing is taken away.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Paths and secrets that have nothing in common. The last ones are so short that only a regex for
/// such is worth compiling.
const PROBES: [(&[u8], &[u8]); 4] = [
    (b"src/main.rs", b"Zk8mQ2vLp9xTr4wJ"),
    (b"config/prod.env", b"test_0123456789"),
    (b"Docs/README", b"HUNTER-HUNTER"),
    (b"a", b"abc"),
];

impl Rules {
    /// What these rules take away from `full`.
    pub fn weakened(&self, full: &Self) -> Weakened {
        let mut weakened = Weakened {
            wide: self.wide(),
            ..Weakened::default()
        };
        for rule in full.iter() {
            match self.rule(&rule.id) {
                None => weakened.disabled.push(rule.id.to_string()),
                Some(now) if !finds_the_same(now, rule) => {
                    weakened.changed.push(rule.id.to_string());
                }
                Some(_) => {}
            }
        }
        weakened
    }

    fn wide(&self) -> usize {
        let global = self.global();
        let matches = PROBES.map(|(path, secret)| Match {
            text: secret,
            context: 0..secret.len(),
            secret,
            path: Some(path),
            rule: Rule::none(),
        });
        let allowances = self.allowances().iter().filter(|one| is_wide(one)).count();
        let lists = global.lists.iter().filter(|list| {
            let is_short = list.regexes().all(is_short);
            is_short && matches.iter().all(|found| passes(list, found))
        });
        let filters = global
            .filters
            .iter()
            .filter(|filter| matches.iter().all(|found| filter.drops(found)));
        allowances + lists.count() + filters.count()
    }
}

fn passes(list: &judge::List, found: &Match<'_>) -> bool {
    matches!(list.lets_pass(found), judge::Passes::Yes)
}

/// Whether an allowance that names no rule lets all of the probes pass.
fn is_wide(allowance: &Allowance) -> bool {
    if !allowance.rules.is_empty() {
        return false;
    }
    let paths = || {
        let globs = globs::compile(&allowance.paths);
        globs.is_ok_and(|globs| PROBES.iter().all(|(path, _)| globs::is_match(&globs, path)))
    };
    let regexes = || {
        let short = allowance.regexes.iter().filter(|regex| is_short(regex));
        let short: Vec<Pattern> = short.map(|regex| Pattern::new(regex)).collect();
        PROBES
            .iter()
            .all(|(_, secret)| short.iter().any(|regex| regex.is_match(secret)))
    };
    let stopwords = || {
        let mut words = allowance.stopwords.iter();
        words.any(|word| {
            PROBES
                .iter()
                .all(|(_, secret)| judge::holds_word(secret, word))
        })
    };
    (allowance.paths.is_empty() || paths())
        && (allowance.regexes.is_empty() || regexes())
        && (allowance.stopwords.is_empty() || stopwords())
}

/// Whether a regex can match what is as short as the shortest probe: others are not compiled.
fn is_short(regex: impl AsRef<str>) -> bool {
    const SHORTEST: usize = 3;
    parse(regex.as_ref()).is_ok_and(|hir| {
        let least = hir.properties().minimum_len();
        least.is_some_and(|least| least <= SHORTEST)
    })
}

/// Whether two rules find the same, whatever they say of it.
fn finds_the_same(one: &Rule, other: &Rule) -> bool {
    let silent = |rule: &Rule| Rule {
        id: super::Text::default(),
        aliases: super::List::default(),
        description: super::Text::default(),
        why: super::Text::default(),
        remedy: super::Text::default(),
        tags: super::List::default(),
        examples: super::List::default(),
        counterexamples: super::List::default(),
        ..rule.clone()
    };
    silent(one) == silent(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::{Amendment, Changes, GitleaksFile};

    fn of(changes: Changes) -> Weakened {
        let rules = Rules::builtin().with(changes).unwrap();
        rules.weakened(&Rules::builtin())
    }

    #[test]
    fn what_is_taken_away_is_counted() {
        let weakened = of(Changes {
            disable: vec!["jwt".into()],
            rules: vec![
                Amendment {
                    id: "github-token".into(),
                    regex: Some("zzzzqqq".into()),
                    ..Amendment::default()
                },
                Amendment {
                    id: "acme".into(),
                    regex: Some("acme".into()),
                    ..Amendment::default()
                },
                Amendment {
                    id: "private-key".into(),
                    description: Some("a key".into()),
                    ..Amendment::default()
                },
            ],
            allow: Vec::new(),
        });
        assert_eq!(weakened.disabled, ["jwt"]);
        assert_eq!(weakened.changed, ["github-token"]);
        assert!(of(Changes::default()).is_nothing());
        let none = Rules::none().weakened(&Rules::builtin());
        assert_eq!(none.disabled.len(), Rules::builtin().iter().len());
    }

    #[test]
    fn allowances_as_wide_as_a_dot_are_counted() {
        let list = |text: &str| vec![text.to_owned()];
        for (is_wide, allowance) in [
            (true, ("", ".", "")),
            (true, ("", ".*", "")),
            (true, ("", "(?i)[a-z]", "")),
            (true, ("*", "", "")),
            (true, ("**", ".+", "")),
            (false, ("fixtures/**", "", "")),
            (false, ("fixtures/**", ".", "")),
            (false, ("", "^test_", "")),
            (false, ("", "", "test")),
        ] {
            let (path, regex, word) = allowance;
            let some = |text: &str| {
                if text.is_empty() {
                    Vec::new()
                } else {
                    list(text)
                }
            };
            let weakened = of(Changes {
                allow: vec![Allowance {
                    paths: some(path),
                    regexes: some(regex),
                    stopwords: some(word),
                    ..Allowance::default()
                }],
                ..Changes::default()
            });
            assert_eq!(weakened.wide, usize::from(is_wide), "{allowance:?}");
        }
        for (text, wide) in [
            (
                "[extend]\nuseDefault = true\n[[allowlists]]\npaths = ['.*']\n",
                1,
            ),
            (
                "[extend]\nuseDefault = true\n[[allowlists]]\nregexes = ['.']\n",
                1,
            ),
            (
                "[extend]\nuseDefault = true\n[[allowlists]]\npaths = ['\\.lock$']\n",
                0,
            ),
        ] {
            let rules = GitleaksFile::read(text).unwrap();
            let rules = rules.over(Rules::builtin()).unwrap();
            assert_eq!(rules.weakened(&Rules::builtin()).wide, wide, "{text}");
        }
    }
}
