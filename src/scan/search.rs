//! One text: literals, windows, regexes, judgement.

use std::ops::Range;

use memchr::memmem;
use regex_automata::Input as Haystack;
use regex_automata::util::primitives::NonMaxUsize;

use super::decode::{self, DEEPEST, Runs};
use super::encrypted::{self, Tokens};
use super::found::{Decoder, Encrypted, Limit, RuleNumber};
use super::judge::Match;
use super::lines::{self, FAR};
use super::literals::Use;
use super::rule::{Behind, Check, Confidence, Reach, Rule, Text};
use super::scanner::{Compiled, MOST_HITS, Scanner, is_touched, join};
use super::scratch::Scratch;
use crate::secret::Cleartext;

/// How far before a literal its match may begin.
const BEFORE: usize = 256;

/// How far a match that spans lines at will may reach: a private key of 16,384 bits has 13 KB.
const WIDE_BEFORE: usize = 4096;
const WIDE_BEHIND: usize = 32 * 1024;

/// Windows of a rule that meet are joined up to this length, so that a regex that reads far ahead
/// does so for a bounded stretch.
const LONGEST_WINDOW: usize = 64 * 1024;

/// How many line breaks a match may hold where its regex does not span lines at will. A rule that
/// must be found also where few lines are searched cannot reach any further.
const BREAKS: usize = 3;

/// Shortest line that may be one of a private key's.
const KEY_LINE: usize = 40;

/// How far behind a literal an assignment is looked for.
const ASSIGNMENT: usize = 64;

/// What is decoded out of a text may be so many times its size, surroundings included: base64 in
/// base64 in base64 is less than three times, each with a line's beginning.
const DECODED: usize = 8;
const DECODED_LEAST: usize = 64 * 1024;

/// How far behind a scheme the end of the user's name and password is looked for.
const USER: usize = 256;

/// Windows that are kept before they are searched.
const MOST_CLOSED: usize = 4096;

/// Most findings that are kept before it is known which of them are reported: several rules may find
/// one secret.
const MOST_CANDIDATES: usize = 4 * MOST_HITS;

/// Shortest beginning of a token that is seldom there by chance.
const PREFIX: usize = 4;

/// A finding before it is known whether it is reported.
pub(super) struct Candidate {
    pub(super) rule: u32,
    pub(super) span: Range<usize>,
    pub(super) context: Range<usize>,
    pub(super) secret: Cleartext,
    pub(super) confidence: Confidence,
    pub(super) decoded_by: Vec<Decoder>,
    pub(super) commits: Vec<Text>,
    /// Whether it is the path, not something in the text.
    pub(super) is_path: bool,
}

impl Candidate {
    pub(super) fn of_path(rule: u32, scanner: &Scanner) -> Self {
        Self {
            rule,
            span: 0..0,
            context: 0..0,
            secret: Cleartext::default(),
            confidence: scanner.rules.at(rule).confidence,
            decoded_by: Vec::new(),
            commits: Vec::new(),
            is_path: true,
        }
    }
}

/// The scan of one input.
pub(super) struct Search<'s> {
    scanner: &'s Scanner,
    scratch: &'s mut Scratch,
    path: Option<&'s [u8]>,
    /// The input.
    outer: &'s [u8],
    /// Whether the input is a part of what is scanned, so that a keyword may stand in another.
    is_part: bool,
    candidates: Vec<Candidate>,
    /// With so many, room is made.
    most: usize,
    /// Whether there is no room for more.
    is_full: bool,
    /// Whether what is searched was decoded, so that places are not yet those of the input.
    is_inside: bool,
    encrypted: Encrypted,
    incomplete: Option<Limit>,
    /// How much may still be decoded.
    decoding: usize,
}

impl<'s> Search<'s> {
    pub(super) fn new(
        scanner: &'s Scanner,
        scratch: &'s mut Scratch,
        path: Option<&'s [u8]>,
        is_part: bool,
    ) -> Self {
        Self {
            scanner,
            scratch,
            path,
            outer: &[],
            is_part,
            candidates: Vec::new(),
            most: MOST_CANDIDATES,
            is_full: false,
            is_inside: false,
            encrypted: Encrypted::default(),
            incomplete: None,
            decoding: 0,
        }
    }

    pub(super) fn finish(self) -> (Vec<Candidate>, Encrypted, Option<Limit>) {
        (self.candidates, self.encrypted, self.incomplete)
    }

    /// Searches an input, or the surroundings of some of its lines.
    pub(super) fn input(&mut self, text: &'s [u8], touched: Option<&[Range<usize>]>) {
        self.outer = text;
        self.decoding = text
            .len()
            .saturating_mul(DECODED)
            .saturating_add(DECODED_LEAST);
        let whole = 0..text.len();
        match touched {
            None => self.text(
                text,
                std::slice::from_ref(&whole),
                std::slice::from_ref(&whole),
                0,
            ),
            Some(touched) => {
                let areas = touched.iter().map(|lines| area(text, lines)).collect();
                self.text(text, &join(areas), touched, 0);
            }
        }
    }

    /// Searches areas of a text; what is encoded is looked for in some of them.
    fn text(
        &mut self,
        text: &[u8],
        areas: &[Range<usize>],
        encoded: &[Range<usize>],
        depth: usize,
    ) {
        self.scratch.next_text();
        let scanner = self.scanner;
        for area in areas {
            self.scratch.work_mut().literals += (area.end - area.start) as u64;
            scanner.literals.find(text, area.clone(), |uses, span| {
                for purpose in uses {
                    self.note(text, *purpose, &span);
                }
            });
        }
        while let Some(rule) = self.scratch.open.pop() {
            self.close(rule);
        }
        self.search_closed(text);
        for &rule in &scanner.unbound {
            if !self.is_open(text, rule) {
                continue;
            }
            for area in areas {
                self.window(text, rule, area.clone());
            }
        }
        if depth < DEEPEST {
            let skipped = std::mem::take(&mut self.scratch.encrypted);
            self.decode(text, encoded, &skipped, depth);
        }
    }

    /// Searches what is encoded in areas of a text.
    fn decode(&mut self, text: &[u8], areas: &[Range<usize>], skipped: &Tokens, depth: usize) {
        let mut runs = Runs::new(text, areas, skipped);
        let mut left_over = None;
        while let Some(spliced) = decode::next(text, &mut runs, &mut left_over) {
            let size = spliced.text.len();
            self.scratch.work_mut().decoded += size as u64;
            let Some(left) = self.decoding.checked_sub(size) else {
                self.incomplete = Some(Limit::Decoding);
                break;
            };
            self.decoding = left;
            self.make_room();
            let first = self.candidates.len();
            let decoded = spliced.decoded();
            let plain = spliced.text.as_bytes();
            self.is_inside = true;
            self.text(plain, std::slice::from_ref(&(0..size)), &decoded, depth + 1);
            self.is_inside = depth > 0;
            for mut found in self.candidates.split_off(first) {
                // what stands in clear beside it was found before
                if is_touched(&found.context, &decoded) {
                    let encoding = spliced
                        .decoder(&found.span)
                        .or(spliced.decoder(&found.context));
                    found.decoded_by.splice(0..0, encoding);
                    found.span = spliced.source(&found.span);
                    found.context = spliced.source(&found.context);
                    self.candidates.push(found);
                }
            }
        }
        self.scratch.work_mut().encoded += runs.looked() as u64;
    }

    /// Takes note of a literal.
    fn note(&mut self, text: &[u8], purpose: Use, span: &Range<usize>) {
        match purpose {
            Use::Window(rule) => self.widen(text, rule, span),
            Use::Gate(_) => {}
            Use::Encrypted => {
                let tokens = &mut self.scratch.encrypted;
                tokens.mark(text, span.start, &mut self.encrypted);
            }
        }
    }

    /// Opens a rule's window around a literal, or lets it grow.
    fn widen(&mut self, text: &[u8], rule: u32, span: &Range<usize>) {
        let Some(entry) = self.scanner.rules.entries().get(rule as usize) else {
            return;
        };
        if entry.derived.bounded && continues_word(text, span.start)
            || !follows(text, span.end, entry.rule.behind)
        {
            return;
        }
        let window = window(text, entry.derived.reach, span);
        let Some(slot) = self.scratch.slot(rule) else {
            return;
        };
        let long = slot.window.end - slot.window.start >= LONGEST_WINDOW;
        if slot.window.is_empty() {
            slot.window = window;
            self.scratch.open.push(rule);
        } else if window.start <= slot.window.end && !long {
            slot.window.end = slot.window.end.max(window.end);
        } else {
            let closed = std::mem::replace(&mut slot.window, window);
            self.scratch.closed.push((rule, closed));
            if self.scratch.closed.len() >= MOST_CLOSED {
                self.search_closed(text);
            }
        }
    }

    fn close(&mut self, rule: u32) {
        if let Some(slot) = self.scratch.slot(rule) {
            let window = std::mem::take(&mut slot.window);
            self.scratch.closed.push((rule, window));
        }
    }

    fn search_closed(&mut self, text: &[u8]) {
        let closed = std::mem::take(&mut self.scratch.closed);
        for (rule, window) in &closed {
            self.window(text, *rule, window.clone());
        }
        self.scratch.closed = closed;
        self.scratch.closed.clear();
    }

    /// Searches one window for one rule.
    fn window(&mut self, text: &[u8], number: u32, window: Range<usize>) {
        let scanner = self.scanner;
        let Some(compiled) = scanner.compiled.get(number as usize) else {
            return;
        };
        if !self.is_for_path(number, compiled) {
            return;
        }
        let Some(pattern) = &compiled.regex else {
            return;
        };
        let Some(regex) = pattern.regex() else {
            self.incomplete = Some(Limit::Rule(RuleNumber(number)));
            return;
        };
        let Some(slot) = self.scratch.slot(number) else {
            return;
        };
        let mut cache = slot
            .cache
            .take()
            .unwrap_or_else(|| Box::new(regex.create_cache()));
        let mut at = window.start.max(slot.searched);
        self.scratch.work_mut().regexes += window.end.saturating_sub(at) as u64;
        let mut groups = vec![None; regex.captures_len() * 2];
        while at < window.end && !self.is_full {
            let haystack = Haystack::new(text).span(at..window.end);
            groups.fill(None);
            if regex
                .search_slots_with(&mut cache, &haystack, &mut groups)
                .is_none()
            {
                break;
            }
            let Some(context) = group(&groups, 0) else {
                break;
            };
            at = self
                .take(text, number, compiled, context, &groups)
                .max(at + 1);
        }
        if let Some(slot) = self.scratch.slot(number) {
            slot.searched = slot.searched.max(at.min(window.end));
            slot.cache = Some(cache);
        }
    }

    /// Judges a match. Returns where the search goes on.
    fn take(
        &mut self,
        text: &[u8],
        number: u32,
        compiled: &Compiled,
        context: Range<usize>,
        groups: &[Option<NonMaxUsize>],
    ) -> usize {
        let rule = self.scanner.rules.at(number);
        let reach = self.scanner.rules.reach(number);
        let next = context.end;
        let span = match rule.secret_group {
            0 => (1..groups.len() / 2)
                .find_map(|number| group(groups, number).filter(|span| !span.is_empty()))
                .unwrap_or_else(|| context.clone()),
            wanted => group(groups, wanted as usize).unwrap_or(0..0),
        };
        let secret = text.get(span.clone()).unwrap_or_default();
        let matched = text.get(context.clone()).unwrap_or_default();
        if secret.is_empty() || breaks_off(reach, matched) {
            return next;
        }
        let token = self.scratch.encrypted.around(&span).cloned();
        let beyond_chance = token.is_some() && self.is_beyond_chance(text, number, &context, &span);
        if let Some(token) = &token
            && !beyond_chance
            && !has_checksum(rule)
        {
            return token.end.min(next);
        }
        if !rule.binary && matched.contains(&0) {
            return next;
        }
        let found = Match {
            text,
            context: context.clone(),
            secret,
            path: self.path,
            rule,
        };
        let verdict = compiled.judge.verdict(&found, &self.scanner.global);
        // a wrong checksum inside a token is chance
        let verdict = verdict.filter(|verdict| {
            token.is_none() || beyond_chance || verdict.confidence >= rule.confidence
        });
        if let Some(verdict) = verdict
            && self.is_open(text, number)
        {
            self.candidates.push(Candidate {
                rule: number,
                secret: Cleartext::new(secret.to_vec()),
                span,
                context,
                confidence: verdict.confidence,
                decoded_by: Vec::new(),
                commits: verdict.commits,
                is_path: false,
            });
            self.make_room();
        }
        next
    }

    /// Whether a match inside an encrypted token is there on purpose: it has a fixed beginning and
    /// fills one of the token's fields.
    fn is_beyond_chance(
        &self,
        text: &[u8],
        rule: u32,
        context: &Range<usize>,
        span: &Range<usize>,
    ) -> bool {
        let is_base64 = |at: Option<usize>| {
            at.and_then(|at| text.get(at))
                .is_some_and(|byte| encrypted::is_base64(*byte))
        };
        let entry = self.scanner.rules.entries().get(rule as usize);
        entry.is_some_and(|entry| {
            let literals = &entry.derived.literals;
            entry.derived.bounded && literals.iter().all(|literal| literal.len() >= PREFIX)
        }) && context.start == span.start
            && !is_base64(span.start.checked_sub(1))
            && !is_base64(Some(span.end))
    }

    /// Drops what is let pass for good where there is too much, so that it keeps nothing else out;
    /// whatever is dropped, the scan is not complete.
    fn make_room(&mut self) {
        let before = self.candidates.len();
        if before < self.most || self.is_full {
            return;
        }
        self.incomplete = Some(Limit::Findings);
        let (scanner, outer, path) = (self.scanner, self.outer, self.path);
        if !self.is_inside {
            self.candidates
                .retain(|found| !scanner.passes_for_good(outer, path, found));
        }
        self.is_full = self.candidates.len() * 2 > before;
    }

    fn is_for_path(&mut self, number: u32, compiled: &Compiled) -> bool {
        let Some(pattern) = &compiled.path else {
            return true;
        };
        let input = self.scratch.input;
        let path = self.path;
        let Some(slot) = self.scratch.slot(number) else {
            return false;
        };
        match slot.path {
            Some((asked, answer)) if asked == input => answer,
            _ => {
                let answer = path.is_some_and(|path| pattern.is_match(path));
                slot.path = Some((input, answer));
                answer
            }
        }
    }

    /// Whether one of the keywords that a rule wants is in the text that is searched or anywhere in
    /// the input, of which the lines that are searched may be a small part.
    fn is_open(&mut self, text: &[u8], rule: u32) -> bool {
        let entry = self.scanner.rules.entries().get(rule as usize);
        if self.is_part || !entry.is_some_and(|entry| entry.derived.gated) {
            return true;
        }
        let texts = [(self.scratch.input, self.outer), (self.scratch.text, text)];
        (0..).zip(texts).any(|(place, (number, text))| {
            if place > 0 && number == self.scratch.input {
                return false;
            }
            let Some(gates) = self.scratch.gates.get_mut(place) else {
                return true;
            };
            if gates.text != number {
                gates.text = number;
                gates.open.clear();
                let whole = 0..text.len();
                self.scanner.gates().find(text, whole, |uses, _| {
                    for purpose in uses {
                        if let Use::Gate(rule) = purpose
                            && let Err(place) = gates.open.binary_search(rule)
                        {
                            gates.open.insert(place, *rule);
                        }
                    }
                });
                self.scratch.work_mut().literals += text.len() as u64;
            }
            self.scratch
                .gates
                .get(place)
                .is_some_and(|gates| gates.open.binary_search(&rule).is_ok())
        })
    }
}

fn has_checksum(rule: &Rule) -> bool {
    rule.checks
        .iter()
        .any(|check| matches!(check, Check::Crc32Base62))
}

/// Whether a match reaches further than it may.
fn breaks_off(reach: Reach, matched: &[u8]) -> bool {
    reach == Reach::Lines && memchr::memchr_iter(b'\n', matched).count() > BREAKS
}

fn group(groups: &[Option<NonMaxUsize>], number: usize) -> Option<Range<usize>> {
    let start = groups.get(number * 2).copied().flatten()?;
    let end = groups.get(number * 2 + 1).copied().flatten()?;
    Some(start.get()..end.get())
}

/// The part of a text in which literals are looked for, so that everything is found that touches
/// these lines.
fn area(text: &[u8], touched: &Range<usize>) -> Range<usize> {
    let first = lines_before(text, touched.start, FAR);
    let last = lines_behind(text, touched.end, BEFORE);
    let begin = key_begins(text, touched).unwrap_or(first);
    begin.min(first)..last
}

/// Where a private key begins whose lines these may be: what was changed may be in its midst.
fn key_begins(text: &[u8], touched: &Range<usize>) -> Option<usize> {
    let line = text.get(touched.start..lines::end(text, touched.start, FAR))?;
    let line = line.trim_ascii();
    let is_key = line.len() >= KEY_LINE && line.iter().all(|byte| is_key_character(*byte));
    if !is_key {
        return None;
    }
    let from = touched.start.saturating_sub(WIDE_BEHIND);
    let begin = memmem::rfind(text.get(from..touched.start)?, b"-----BEGIN ")?;
    Some(from + begin)
}

fn is_key_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\\' | b'"' | b',')
}

/// Where a match may stand that holds the literal at `span`.
fn window(text: &[u8], reach: Reach, span: &Range<usize>) -> Range<usize> {
    match reach {
        Reach::Line => lines::start(text, span.start, BEFORE)..lines::end(text, span.end, FAR),
        Reach::Lines => lines_before(text, span.start, BEFORE)..lines_behind(text, span.end, FAR),
        Reach::Wide => {
            let first = span.start.saturating_sub(WIDE_BEFORE);
            first..text.len().min(span.end.saturating_add(WIDE_BEHIND))
        }
    }
}

/// Where the line begins that is [`BREAKS`] before the one of a place, at most `most` bytes before.
fn lines_before(text: &[u8], at: usize, most: usize) -> usize {
    let floor = at.saturating_sub(most);
    let mut first = lines::start(text, at, most);
    for _ in 0..BREAKS {
        let left = first.saturating_sub(1).saturating_sub(floor);
        first = lines::start(text, first.saturating_sub(1), left).max(floor);
    }
    first
}

/// Where the line ends that is [`BREAKS`] behind the one of a place, at most `most` bytes behind.
fn lines_behind(text: &[u8], at: usize, most: usize) -> usize {
    let ceiling = text.len().min(at.saturating_add(most));
    let mut last = lines::end(text, at, most);
    for _ in 0..BREAKS {
        let next = (last + 1).min(ceiling);
        last = lines::end(text, next, ceiling - next);
    }
    last
}

/// Whether the byte at a place goes on with a word that began before it.
fn continues_word(text: &[u8], at: usize) -> bool {
    let is_word = |at: usize| {
        let byte = text.get(at);
        byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    };
    is_word(at) && at.checked_sub(1).is_some_and(is_word)
}

/// Whether what a rule wants stands soon behind a literal.
fn follows(text: &[u8], at: usize, behind: Behind) -> bool {
    let rest = text.get(at..).unwrap_or_default();
    match behind {
        Behind::Anything => true,
        Behind::Assignment => {
            let near = rest.get(..rest.len().min(ASSIGNMENT)).unwrap_or_default();
            let found = near
                .iter()
                .find(|byte| matches!(byte, b'=' | b':' | b'>' | b',' | b'(' | b'\n'));
            found.is_some()
        }
        Behind::User => {
            let near = rest.get(..rest.len().min(USER)).unwrap_or_default();
            let found = near.iter().find(|byte| {
                byte.is_ascii_whitespace() || matches!(byte, b'@' | b'"' | b'\'' | b'`' | b'<')
            });
            found == Some(&b'@')
        }
    }
}
