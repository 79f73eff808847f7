//! The scanner: rules that are ready, and the way of one text through them.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use ignore::gitignore::Gitignore;

use super::encrypted;
use super::found::{
    Allow, AllowedBy, Decoder, Encrypted, Found, Hit, Input, Limit, RuleNumber, Until,
};
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
use super::utf16;

/// Most findings of one text; with more, [`Found::incomplete`] is set.
pub const MOST_HITS: usize = 100_000;

/// Rules that are ready to scan with. One for all threads; regexes are compiled when they are first
/// wanted, automata at the first text.
pub struct Scanner {
    /// Tells scratches of other scanners apart.
    pub(super) number: u64,
    pub(super) rules: Rules,
    pub(super) literals: Literals,
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
        match utf16::order(input.bytes) {
            None => self.scan_text(scratch, input),
            Some(order) => self.scan_wide(scratch, input, order),
        }
    }

    fn scan_text(&self, scratch: &mut Scratch, input: &Input<'_>) -> Found {
        scratch.next_input();
        let touched = input.ranges.map(|ranges| touched(input.bytes, ranges));
        let mut search = Search::new(self, scratch, input.path);
        search.input(input.bytes, touched.as_deref());
        let (mut candidates, encrypted, incomplete) = search.finish();
        for &number in &self.path_only {
            if self.names_path(number, input.path) {
                candidates.push(Candidate::of_path(number, self));
            }
        }
        self.found(input, candidates, touched.as_deref(), encrypted, incomplete)
    }

    /// Scans UTF-16.
    fn scan_wide(&self, scratch: &mut Scratch, input: &Input<'_>, order: utf16::Order) -> Found {
        let transcoded = utf16::Transcoded::new(input.bytes, order);
        let ranges: Option<Vec<_>> = input.ranges.map(|ranges| {
            ranges
                .iter()
                .map(|range| transcoded.target(range))
                .collect()
        });
        let narrow = Input {
            path: input.path,
            bytes: transcoded.text.as_bytes(),
            ranges: ranges.as_deref(),
        };
        let mut found = self.scan_text(scratch, &narrow);
        for hit in &mut found.hits {
            hit.span = transcoded.source(&hit.span);
            hit.context = transcoded.source(&hit.context);
            hit.decoded_by.insert(0, Decoder::Utf16);
        }
        found
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
            candidates.truncate(MOST_HITS);
            incomplete = Some(Limit::Findings);
        }
        let (mut starts, mut ends) = (Counter::new(text), Counter::new(text));
        let hits = candidates.into_iter().map(|found| Hit {
            allowed: self.allowed(input, &found),
            rule: RuleNumber(found.rule),
            start: starts.position(found.span.start),
            end: ends.position(found.span.end),
            span: found.span,
            context: found.context,
            secret: found.secret,
            confidence: found.confidence,
            decoded_by: found.decoded_by,
            commits: found.commits,
        });
        Found {
            hits: hits.collect(),
            encrypted,
            incomplete,
        }
    }

    /// A marker on its line, or the allowance that holds longest.
    fn allowed(&self, input: &Input<'_>, found: &Candidate) -> Option<Allow> {
        let marker = (!found.is_path)
            .then(|| marker::find(input.bytes, &found.context))
            .flatten();
        let rule = self.rules.at(found.rule);
        let rules = self
            .rules
            .allowances()
            .iter()
            .zip(&self.allowances)
            .enumerate()
            .filter(|(_, (source, passes))| passes.holds(source, rule, input.path, found))
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
