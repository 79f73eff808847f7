//! The scanner: rules that are ready, and the way of one text through them.

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use ignore::gitignore::Gitignore;

use super::encrypted;
use super::found::{Allow, AllowedBy, Encrypted, Found, Hit, Input, Limit, RuleNumber, Until};
use super::judge::{Global, Judge, holds_word};
use super::lines::{self, Counter};
use super::literals::Literals;
use super::marker;
use super::overlap;
use super::pattern::Pattern;
use super::rule::{Allowance, Rule};
use super::rules::Rules;
use super::scratch::Scratch;
use super::search::{Candidate, Search};

/// Most findings of one text; with more, [`Found::incomplete`] is set.
pub const MOST_HITS: usize = 100_000;

/// Rules that are ready to scan with. One for all threads; regexes are compiled when they are first
/// wanted, automata at the first text.
pub struct Scanner {
    /// Tells scratches of other scanners apart.
    pub(super) number: u64,
    pub(super) rules: Rules,
    pub(super) literals: Literals,
    /// The keywords of rules that want one beside a literal: made when one is first asked for.
    gates: OnceLock<Literals>,
    pub(super) compiled: Vec<Compiled>,
    /// Rules whose matches hold no literal: they search the whole text.
    pub(super) unbound: Vec<u32>,
    /// Rules that look at the path alone.
    path_only: Vec<u32>,
    /// What lets pass for all rules.
    pub(super) global: Global,
    allowances: Vec<Passes>,
}

/// A rule's regexes.
pub(super) struct Compiled {
    pub(super) regex: Option<Pattern>,
    pub(super) path: Option<Pattern>,
    pub(super) judge: Judge,
}

/// An allowance, ready to match.
struct Passes {
    paths: Option<Gitignore>,
    regexes: Vec<Pattern>,
}

static SCANNERS: AtomicU64 = AtomicU64::new(0);

impl Scanner {
    /// Prepares rules. No regex is compiled here.
    pub fn new(rules: Rules) -> Self {
        let literals = Literals::new(rules.entries(), encrypted::MARKS);
        let compiled = rules.iter().map(|rule| Compiled {
            regex: rule.regex.as_deref().map(Pattern::new),
            path: rule.path.as_deref().map(Pattern::new),
            judge: Judge::new(rule),
        });
        let compiled = compiled.collect();
        let numbered = || (0..).zip(rules.entries());
        let unbound = numbered()
            .filter(|(_, entry)| entry.rule.regex.is_some() && entry.derived.literals.is_empty())
            .map(|(number, _)| number)
            .collect();
        let path_only = numbered()
            .filter(|(_, entry)| entry.rule.regex.is_none())
            .map(|(number, _)| number)
            .collect();
        let allowances = rules.allowances().iter().map(Passes::new).collect();
        Self {
            number: SCANNERS.fetch_add(1, Ordering::Relaxed),
            literals,
            gates: OnceLock::new(),
            compiled,
            unbound,
            path_only,
            global: rules.global(),
            allowances,
            rules,
        }
    }

    /// The rules that it scans with.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The rule of a hit of this scanner.
    pub fn rule(&self, number: RuleNumber) -> &Rule {
        self.rules.at(number.0)
    }

    /// Memory for scanning, for one thread at a time: whoever scans many texts keeps it.
    pub fn scratch(&self) -> Scratch {
        Scratch::new(self)
    }

    /// Whether a rule file lets everything at this path pass, so that it need not be read.
    pub fn skips(&self, path: &[u8]) -> bool {
        self.global.covers(path)
    }

    /// Whether there are rules that look at the path alone.
    pub fn asks_for_paths(&self) -> bool {
        !self.path_only.is_empty()
    }

    /// Whether a rule that looks at the path alone finds this one.
    pub fn finds_path(&self, path: &[u8]) -> bool {
        let mut rules = self.path_only.iter();
        rules.any(|number| self.names_path(*number, Some(path)))
    }

    /// Scans one text. `scratch` must be of this scanner; one of another is made anew.
    pub fn scan(&self, scratch: &mut Scratch, input: &Input<'_>) -> Found {
        scratch.belongs_to(self);
        let mut found = self.scan_text(scratch, input, false);
        if memchr::memchr(0, input.bytes).is_some() {
            self.scan_wide(scratch, input, &mut found);
        }
        found
    }

    /// Scans the bytes as they stand. Of a part of a larger text it is not known which keywords the
    /// whole has.
    pub(super) fn scan_text(
        &self,
        scratch: &mut Scratch,
        input: &Input<'_>,
        is_part: bool,
    ) -> Found {
        scratch.next_input();
        let touched = input.ranges.map(|ranges| touched(input.bytes, ranges));
        let mut search = Search::new(self, scratch, input.path, is_part);
        search.input(input.bytes, touched.as_deref());
        let (mut candidates, encrypted, mut incomplete) = search.finish();
        let wants_company = |found: &Candidate| !self.rules.at(found.rule).required.is_empty();
        if touched.is_some() && candidates.iter().any(wants_company) {
            // what it wants may stand anywhere
            scratch.next_input();
            let mut search = Search::new(self, scratch, input.path, is_part);
            search.input(input.bytes, None);
            (candidates, _, incomplete) = search.finish();
        }
        for &number in &self.path_only {
            if self.names_path(number, input.path) {
                candidates.push(Candidate::of_path(number, self));
            }
        }
        self.found(input, candidates, touched.as_deref(), encrypted, incomplete)
    }

    pub(super) fn gates(&self) -> &Literals {
        self.gates
            .get_or_init(|| Literals::gates(self.rules.entries()))
    }

    fn names_path(&self, number: u32, path: Option<&[u8]>) -> bool {
        let pattern = self
            .compiled
            .get(number as usize)
            .and_then(|compiled| compiled.path.as_ref());
        match (pattern, path) {
            (Some(pattern), Some(path)) => pattern.is_match(path),
            _ => false,
        }
    }

    /// What is reported of the candidates.
    fn found(
        &self,
        input: &Input<'_>,
        mut candidates: Vec<Candidate>,
        touched: Option<&[Range<usize>]>,
        encrypted: Encrypted,
        mut incomplete: Option<Limit>,
    ) -> Found {
        let text = input.bytes;
        candidates.sort_by_key(|found| (found.span.start, found.span.end, found.rule));
        overlap::drop_unaccompanied(&self.rules, text, &mut candidates);
        candidates.retain(|found| {
            self.rules.at(found.rule).report
                && touched.is_none_or(|ranges| is_touched(&found.context, ranges))
        });
        overlap::keep_best(&mut candidates);
        if candidates.len() > MOST_HITS {
            self.keep_most(input, &mut candidates);
            incomplete = Some(Limit::Findings);
        }
        Found {
            hits: self.hits(input, candidates),
            encrypted,
            incomplete,
        }
    }

    /// Keeps as many as may be reported, and of those that are let pass for good only what there is
    /// room for beside the others.
    fn keep_most(&self, input: &Input<'_>, candidates: &mut Vec<Candidate>) {
        let pass: Vec<bool> = candidates
            .iter()
            .map(|found| self.passes_for_good(input.bytes, input.path, found))
            .collect();
        let passing = pass.iter().filter(|passes| **passes).count();
        let mut others = MOST_HITS.min(pass.len() - passing);
        let mut room = MOST_HITS - others;
        let mut pass = pass.into_iter();
        candidates.retain(|_| {
            let left = if pass.next() == Some(true) {
                &mut room
            } else {
                &mut others
            };
            let is_kept = *left > 0;
            *left = left.saturating_sub(1);
            is_kept
        });
    }

    /// What candidates are called outside, in the order of their spans.
    fn hits(&self, input: &Input<'_>, candidates: Vec<Candidate>) -> Vec<Hit> {
        let (mut starts, mut ends) = (Counter::new(input.bytes), Counter::new(input.bytes));
        let hits = candidates.into_iter().map(|found| {
            let start = starts.position(found.span.start);
            let near = (found.span.start, start.line);
            Hit {
                allowed: self.allowed(input.bytes, input.path, &found, near),
                rule: RuleNumber(found.rule),
                start,
                end: ends.position(found.span.end),
                span: found.span,
                context: found.context,
                secret: found.secret,
                confidence: found.confidence,
                decoded_by: found.decoded_by,
                commits: found.commits,
            }
        });
        hits.collect()
    }

    /// Whether something is let pass whatever the day is.
    pub(super) fn passes_for_good(
        &self,
        text: &[u8],
        path: Option<&[u8]>,
        found: &Candidate,
    ) -> bool {
        let allow = self.allowed(text, path, found, (found.span.start, 1));
        allow.is_some_and(|allow| allow.until == Until::Ever)
    }

    /// A marker on its line, or the allowance that holds longest. `near` is a place and its line.
    fn allowed(
        &self,
        text: &[u8],
        path: Option<&[u8]>,
        found: &Candidate,
        near: (usize, usize),
    ) -> Option<Allow> {
        let marker = (!found.is_path)
            .then(|| marker::find(text, &found.context, near))
            .flatten();
        let rule = self.rules.at(found.rule);
        let rules = self
            .rules
            .allowances()
            .iter()
            .zip(&self.allowances)
            .enumerate()
            .filter(|(_, (source, passes))| passes.holds(source, rule, path, found))
            .map(|(number, (source, _))| Allow {
                by: AllowedBy::Rules(number),
                reason: source.reason.clone(),
                until: source.expires.map_or(Until::Ever, Until::Day),
            });
        marker
            .into_iter()
            .chain(rules)
            .max_by_key(|allow| match allow.until {
                Until::Unreadable => (0, None),
                Until::Day(day) => (1, Some(day)),
                Until::Ever => (2, None),
            })
    }
}

impl Passes {
    fn new(source: &Allowance) -> Self {
        let paths = (!source.paths.is_empty()).then(|| super::globs::compile(&source.paths));
        Self {
            // `Rules::with` has refused globs that are none: one that is none matches nothing
            paths: paths.map(|globs| globs.unwrap_or_else(|_| Gitignore::empty())),
            regexes: source
                .regexes
                .iter()
                .map(|regex| Pattern::new(regex))
                .collect(),
        }
    }

    fn holds(
        &self,
        source: &Allowance,
        rule: &Rule,
        path: Option<&[u8]>,
        found: &Candidate,
    ) -> bool {
        let secret = found.secret.as_bytes();
        let any = |list: &[String], holds: &dyn Fn(&String) -> bool| {
            list.is_empty() || list.iter().any(holds)
        };
        any(&source.rules, &|id| rule.is(id))
            && any(&source.stopwords, &|word| holds_word(secret, word))
            && (self.regexes.is_empty() || self.regexes.iter().any(|regex| regex.is_match(secret)))
            && self
                .paths
                .as_ref()
                .is_none_or(|globs| path.is_some_and(|path| super::globs::is_match(globs, path)))
    }
}

/// The lines that the ranges touch, in ascending order, joined where they overlap.
fn touched(text: &[u8], ranges: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut all: Vec<_> = ranges
        .iter()
        .map(|range| lines::around(text, range))
        .collect();
    all.sort_unstable_by_key(|range| range.start);
    join(all)
}

/// Joins ranges, sorted by where they begin, that overlap or meet.
pub(super) fn join(ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut joined: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

/// Whether a finding shares a byte with one of the ranges, or is the path.
pub(super) fn is_touched(found: &Range<usize>, ranges: &[Range<usize>]) -> bool {
    let first = ranges.partition_point(|range| range.end <= found.start);
    let near = ranges
        .get(first)
        .is_some_and(|range| range.start < found.end);
    near || found.is_empty()
}
