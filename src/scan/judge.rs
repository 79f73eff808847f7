//! What a match must be beyond its regex: entropy, checksums, structure, and no noise.

use super::entropy::shannon;
use super::filter::Filter;
use super::pattern::Pattern;
use super::rule::{Allowlist, Check, Confidence, Needs, Rule, Target, Text};
use super::{checksum, lines, token};

/// A rule's conditions, with their regexes.
pub(super) struct Judge {
    checks: Vec<Compiled>,
    lists: Vec<List>,
}

/// Conditions for all rules.
#[derive(Default)]
pub(super) struct Global {
    pub(super) lists: Vec<List>,
    pub(super) filters: Vec<Filter>,
}

impl Global {
    /// Whether everything at this path passes, for every rule.
    pub(super) fn covers(&self, path: &[u8]) -> bool {
        let nothing = Match {
            text: &[],
            context: 0..0,
            secret: &[],
            path: Some(path),
            rule: Rule::none(),
        };
        self.lists.iter().any(|list| list.covers(path))
            || self
                .filters
                .iter()
                .any(|filter| filter.is_about_paths() && filter.drops(&nothing))
    }
}

/// A match, as conditions see it.
pub(super) struct Match<'a> {
    /// The text that was searched.
    pub(super) text: &'a [u8],
    /// All that the regex matched.
    pub(super) context: std::ops::Range<usize>,
    /// The secret.
    pub(super) secret: &'a [u8],
    /// The path of the text.
    pub(super) path: Option<&'a [u8]>,
    /// The rule.
    pub(super) rule: &'a Rule,
}

/// What became of a match.
pub(super) struct Verdict {
    pub(super) confidence: Confidence,
    /// Commits in which it passes.
    pub(super) commits: Vec<Text>,
}

enum Compiled {
    Plain(Check),
    NoneOf(Vec<Pattern>, Target),
    /// None where the expression is not taken; reading the rules has refused that.
    Filter(Option<Filter>),
}

/// An allowlist that is ready to match.
pub(super) struct List {
    source: Allowlist,
    paths: Vec<Pattern>,
    regexes: Vec<Pattern>,
}

impl Judge {
    pub(super) fn new(rule: &Rule) -> Self {
        let compiled = |check: &Check| match check {
            Check::NoneOf(regexes, target) => Compiled::NoneOf(patterns(regexes), *target),
            Check::Filter(source) => Compiled::Filter(Filter::read(source).ok()),
            other => Compiled::Plain(other.clone()),
        };
        Self {
            checks: rule.checks.iter().map(compiled).collect(),
            lists: rule.allowlists.iter().map(List::new).collect(),
        }
    }

    /// `None` if it is no finding.
    pub(super) fn verdict(&self, found: &Match<'_>, global: &Global) -> Option<Verdict> {
        let rule = found.rule;
        if rule
            .entropy
            .is_some_and(|least| shannon(found.secret) < least)
        {
            return None;
        }
        let mut confidence = rule.confidence;
        for check in &self.checks {
            confidence = confidence.min(check.holds(found)?);
        }
        if global.filters.iter().any(|filter| filter.drops(found)) {
            return None;
        }
        let mut commits = Vec::new();
        for list in self.lists.iter().chain(&global.lists) {
            match list.lets_pass(found) {
                Passes::Yes => return None,
                Passes::In => commits.extend(list.source.commits.iter().cloned()),
                Passes::No => {}
            }
        }
        Some(Verdict {
            confidence,
            commits,
        })
    }
}

impl Compiled {
    /// How sure the finding may still be; `None` if it is none.
    fn holds(&self, found: &Match<'_>) -> Option<Confidence> {
        let secret = found.secret;
        let holds = match self {
            Self::NoneOf(patterns, target) => {
                let text = found.target(*target);
                !patterns.iter().any(|pattern| pattern.is_match(text))
            }
            Self::Filter(filter) => !filter.as_ref().is_some_and(|filter| filter.drops(found)),
            Self::Plain(check) => match check {
                Check::Crc32Base62 if !checksum::is_crc32_base62(secret) => {
                    return Some(Confidence::Low);
                }
                Check::Crc32Base62 | Check::NoneOf(..) | Check::Filter(_) => true,
                Check::Jwt => token::is_jwt(secret),
                Check::AwsKeyId => token::is_aws_key_id(secret),
                Check::Base64Holds(part) => token::base64_holds(secret, part.as_bytes()),
                Check::Needs(kinds) => kinds.iter().all(|kind| secret.iter().any(|b| kind.is(*b))),
                Check::Lacks(words, target) => {
                    let text = found.target(*target);
                    !words.iter().any(|word| holds_word(text, word))
                }
                Check::Random => token::is_random(secret),
            },
        };
        holds.then_some(Confidence::High)
    }
}

impl Needs {
    fn is(self, byte: u8) -> bool {
        match self {
            Self::Digit => byte.is_ascii_digit(),
            Self::Lower => byte.is_ascii_lowercase(),
            Self::Upper => byte.is_ascii_uppercase(),
            Self::Other => !byte.is_ascii_alphanumeric(),
        }
    }
}

impl<'a> Match<'a> {
    pub(super) fn target(&self, target: Target) -> &'a [u8] {
        let range = match target {
            Target::Secret => return self.secret,
            Target::Match => self.context.clone(),
            Target::Line => {
                lines::start(self.text, self.context.start, lines::FAR)
                    ..lines::end(self.text, self.context.end, lines::FAR)
            }
        };
        self.text.get(range).unwrap_or_default()
    }
}

pub(super) enum Passes {
    Yes,
    /// In the list's commits.
    In,
    No,
}

impl List {
    /// Its regexes, those over paths too.
    pub(super) fn regexes(&self) -> impl Iterator<Item = &Text> {
        self.source.paths.iter().chain(self.source.regexes.iter())
    }

    pub(super) fn new(source: &Allowlist) -> Self {
        Self {
            paths: patterns(&source.paths),
            regexes: patterns(&source.regexes),
            source: source.clone(),
        }
    }

    /// Whether everything at this path passes, for every rule.
    pub(super) fn covers(&self, path: &[u8]) -> bool {
        let only_paths = self.source.regexes.is_empty()
            && self.source.stopwords.is_empty()
            && self.source.commits.is_empty();
        self.source.rules.is_empty()
            && (only_paths || !self.source.every)
            && self.paths.iter().any(|pattern| pattern.is_match(path))
    }

    pub(super) fn lets_pass(&self, found: &Match<'_>) -> Passes {
        let source = &self.source;
        if !source.rules.is_empty() && !source.rules.iter().any(|id| found.rule.is(id)) {
            return Passes::No;
        }
        let path = || {
            let matches = |path| self.paths.iter().any(|pattern| pattern.is_match(path));
            found.path.is_some_and(matches)
        };
        let regex = || {
            let text = found.target(source.target);
            self.regexes.iter().any(|pattern| pattern.is_match(text))
        };
        let word = || {
            source
                .stopwords
                .iter()
                .any(|word| holds_word(found.secret, word))
        };
        let holds = [
            (!self.paths.is_empty()).then(path),
            (!self.regexes.is_empty()).then(regex),
            (!source.stopwords.is_empty()).then(word),
        ];
        let mut given = holds.iter().flatten();
        match (source.every, source.commits.is_empty()) {
            (true, true) if given.clone().next().is_some() && given.all(|holds| *holds) => {
                Passes::Yes
            }
            (true, false) if given.all(|holds| *holds) => Passes::In,
            (false, _) if given.any(|holds| *holds) => Passes::Yes,
            (false, false) => Passes::In,
            _ => Passes::No,
        }
    }
}

fn patterns(sources: &[Text]) -> Vec<Pattern> {
    sources.iter().map(|source| Pattern::new(source)).collect()
}

/// Whether a word stands anywhere in the text, in any case.
pub(super) fn holds_word(text: &[u8], word: &str) -> bool {
    let word = word.as_bytes();
    !word.is_empty()
        && text
            .windows(word.len())
            .any(|part| part.eq_ignore_ascii_case(word))
}
