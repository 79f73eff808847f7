//! What a regex says of its matches, read from its syntax: literals of which every match holds one,
//! and how far it may reach.
//!
//! The literals are found as Russ Cox does for trigrams ("Regular Expression Matching with a
//! Trigram Index", 2012): each part of a regex either has a small set of exact texts, or a set of
//! which every match holds one; parts in a row are joined, branches united.

use std::borrow::Cow;
use std::collections::BTreeSet;

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Look};

use crate::scan::{Derived, Reach, Rule};
use crate::sops::re2::{self, Re2Error};

/// Most texts in a set.
const MOST: usize = 64;

/// Longest literal: more tells no more apart.
const LONGEST: usize = 24;

/// Shorter ones are everywhere.
const SHORTEST: usize = 3;

/// A class with more characters than this does not make strong texts longer.
const FORKS: usize = 4;

/// A repetition of any character, line breaks included, that is allowed more often than this may
/// leave the lines around.
const FEW: u32 = 200;

type Set = BTreeSet<Vec<u8>>;

/// Parses a rule's regex into what is compiled: bytes, ASCII only where the pattern allows.
pub(in crate::scan) fn parse(source: &str) -> Result<Hir, Re2Error> {
    let translated = re2::translate(source)?;
    // classes that name characters beyond ASCII need Unicode, which is slower
    [false, true]
        .into_iter()
        .find_map(|unicode| {
            ParserBuilder::new()
                .unicode(unicode)
                .utf8(false)
                .build()
                .parse(&translated)
                .ok()
        })
        .ok_or(Re2Error::TooLarge)
}

/// What is derived from a rule, whose regex is `hir`.
pub(super) fn derive(rule: &Rule, hir: &Hir) -> Derived {
    let mut info = info(hir);
    let lead = info.lead.take();
    let literals = info.best().unwrap_or_default();
    let bounded = begins_word(hir) && lead.as_ref() == Some(&literals);
    let literals = least(literals, bounded);
    let small: Vec<Vec<u8>> = rule
        .keywords
        .iter()
        .map(|word| word.to_ascii_lowercase().into_bytes())
        .collect();
    let brings = |literal: &Vec<u8>| small.iter().any(|word| holds(literal, word));
    let gated = !small.is_empty() && (literals.is_empty() || !literals.iter().all(brings));
    Derived {
        literals: literals
            .into_iter()
            .map(Cow::Owned)
            .collect::<Vec<_>>()
            .into(),
        bounded,
        gated,
        reach: reach(hir),
    }
}

/// A set without those that hold another one of it: where they are, that one is. Where all stand
/// at the beginning of a word, only what begins with another one is left out.
fn least(set: Set, bounded: bool) -> Set {
    let others = set.clone();
    let is_needed = |text: &Vec<u8>| {
        let inside = |other: &Vec<u8>| {
            if bounded {
                text.starts_with(other)
            } else {
                holds(text, other)
            }
        };
        !others.iter().any(|other| other != text && inside(other))
    };
    set.into_iter().filter(is_needed).collect()
}

/// Whether every match begins at a word boundary.
fn begins_word(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Look(Look::WordAscii | Look::WordUnicode) => true,
        HirKind::Capture(capture) => begins_word(&capture.sub),
        HirKind::Concat(parts) => parts.first().is_some_and(begins_word),
        HirKind::Alternation(branches) => branches.iter().all(begins_word),
        _ => false,
    }
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

/// What is known of a part's matches.
#[derive(Default)]
struct Info {
    /// All its matches, in small letters.
    exact: Option<Set>,
    /// Every match holds one of these.
    required: Option<Set>,
    /// Every match begins with one of these, and ends with one: of `[0-9]+`, a digit.
    edge: Option<Set>,
    /// Every match begins with one of these.
    lead: Option<Set>,
}

impl Info {
    fn exactly(texts: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let exact: Set = texts.into_iter().collect();
        Self {
            lead: Some(exact.clone()),
            exact: Some(exact),
            ..Self::default()
        }
    }

    /// The better one of both sets.
    fn best(&mut self) -> Option<Set> {
        let exact = self.exact.take().filter(is_useful);
        better(exact, self.required.take())
    }
}

fn is_useful(set: &Set) -> bool {
    !set.is_empty() && set.len() <= MOST && set.iter().all(|text| text.len() >= SHORTEST)
}

/// Whether longer texts would gain little.
fn is_strong(set: &Set) -> bool {
    is_useful(set) && set.iter().all(|text| text.len() > SHORTEST)
}

fn better(one: Option<Set>, other: Option<Set>) -> Option<Set> {
    match (one, other) {
        (Some(one), Some(other)) if worth(&other) > worth(&one) => Some(other),
        (Some(one), _) => Some(one),
        (None, other) => other,
    }
}

/// The shortest text decides; of equals, the smaller set. Beyond 16 bytes nothing is gained.
fn worth(set: &Set) -> (usize, usize) {
    let shortest = set.iter().map(Vec::len).min().unwrap_or_default().min(16);
    (shortest, MOST.saturating_sub(set.len()))
}

fn info(hir: &Hir) -> Info {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Info::exactly([Vec::new()]),
        HirKind::Literal(literal) => Info::exactly([literal.0.to_ascii_lowercase()]),
        HirKind::Class(class) => letters(class).map_or_else(Info::default, Info::exactly),
        HirKind::Capture(capture) => info(&capture.sub),
        HirKind::Repetition(repeated) => {
            let mut inner = info(&repeated.sub);
            match (repeated.min, repeated.max) {
                (1, Some(1)) => inner,
                (0, Some(1)) => match inner.exact {
                    Some(set) => Info::exactly(set.into_iter().chain([Vec::new()])),
                    None => Info::default(),
                },
                (0, _) => Info::default(),
                (count, Some(most)) if count == most && count <= 8 => {
                    let mut parts: Vec<Info> = Vec::new();
                    for _ in 1..count {
                        parts.push(Info {
                            exact: inner.exact.clone(),
                            required: inner.required.clone(),
                            edge: inner.edge.clone(),
                            lead: inner.lead.clone(),
                        });
                    }
                    parts.push(inner);
                    concat(parts)
                }
                _ => Info {
                    edge: inner.exact.clone(),
                    lead: inner.lead.take(),
                    required: inner.best(),
                    exact: None,
                },
            }
        }
        HirKind::Concat(parts) => concat(parts.iter().map(info)),
        HirKind::Alternation(branches) => {
            let mut all = Info::exactly([]);
            all.required = Some(Set::new());
            for branch in branches {
                let mut branch = info(branch);
                all.exact = union(all.exact, branch.exact.clone());
                all.lead = union(all.lead, branch.lead.take());
                all.required = union(all.required, branch.best());
            }
            all
        }
    }
}

fn union(one: Option<Set>, other: Option<Set>) -> Option<Set> {
    let mut all = one?;
    all.extend(other?);
    (all.len() <= MOST).then_some(all)
}

fn concat(parts: impl IntoIterator<Item = Info>) -> Info {
    let mut best: Option<Set> = None;
    let mut run: Set = [Vec::new()].into();
    let mut lead: Option<Set> = None;
    let mut whole = true;
    for mut part in parts {
        if let Some(exact) = &part.exact
            && !(is_strong(&run) && exact.len() > FORKS)
            && let Some(joined) = product(&run, exact)
        {
            run = joined;
            continue;
        }
        whole = false;
        let edge = part.exact.as_ref().or(part.edge.as_ref());
        let first = part.lead.take();
        if !is_strong(&run) {
            let first = edge.or(first.as_ref());
            lead = lead.or_else(|| product(&run, first?));
            run = edge.and_then(|edge| product(&run, edge)).unwrap_or(run);
        }
        lead.get_or_insert_with(|| run.clone());
        best = better(best, Some(run).filter(is_useful));
        run = edge.cloned().unwrap_or_else(|| [Vec::new()].into());
        best = better(best, part.best().filter(is_useful));
    }
    if whole {
        return Info::exactly(run);
    }
    Info {
        exact: None,
        edge: None,
        lead,
        required: better(best, Some(run).filter(is_useful)),
    }
}

/// Every text of one set before every text of the other; `None` where that is too much.
fn product(one: &Set, other: &Set) -> Option<Set> {
    if one.len() * other.len() > MOST {
        return None;
    }
    let mut all = Set::new();
    for head in one {
        for tail in other {
            let joined = [head.as_slice(), tail].concat();
            if joined.len() > LONGEST {
                return None;
            }
            all.insert(joined);
        }
    }
    Some(all)
}

/// The characters of a small class, letters in one case.
fn letters(class: &Class) -> Option<Set> {
    let bytes: Vec<(u32, u32)> = match class {
        Class::Bytes(class) => class
            .ranges()
            .iter()
            .map(|range| (range.start().into(), range.end().into()))
            .collect(),
        Class::Unicode(class) => class
            .ranges()
            .iter()
            .map(|range| (range.start().into(), range.end().into()))
            .collect(),
    };
    let count: u32 = bytes.iter().map(|(low, high)| high - low + 1).sum();
    if count > 16 {
        return None;
    }
    let small = |code: u32| {
        let byte = u8::try_from(code).ok().filter(u8::is_ascii)?;
        Some(vec![byte.to_ascii_lowercase()])
    };
    bytes
        .into_iter()
        .flat_map(|(low, high)| low..=high)
        .map(small)
        .collect()
}

/// How far a match may reach.
fn reach(hir: &Hir) -> Reach {
    match hir.kind() {
        HirKind::Literal(literal) if literal.0.contains(&b'\n') => Reach::Lines,
        HirKind::Class(class) if breaks_lines(class) => Reach::Lines,
        HirKind::Empty | HirKind::Look(_) | HirKind::Literal(_) | HirKind::Class(_) => Reach::Line,
        HirKind::Capture(capture) => reach(&capture.sub),
        HirKind::Repetition(repeated) => {
            let far = repeated.max.is_none_or(|most| most > FEW);
            match reach(&repeated.sub) {
                Reach::Lines if far && !is_blank(&repeated.sub) => Reach::Wide,
                inner => inner,
            }
        }
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(reach).max().unwrap_or_default()
        }
    }
}

fn breaks_lines(class: &Class) -> bool {
    match class {
        Class::Bytes(class) => class
            .ranges()
            .iter()
            .any(|range| (range.start()..=range.end()).contains(&b'\n')),
        Class::Unicode(class) => class
            .ranges()
            .iter()
            .any(|range| (range.start()..=range.end()).contains(&'\n')),
    }
}

/// Whether it is a class of little more than blanks, such as `[\s'"]`.
fn is_blank(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Class(Class::Bytes(class)) => {
            let count = |range: &regex_syntax::hir::ClassBytesRange| range.len();
            class.ranges().iter().map(count).sum::<usize>() <= 12
        }
        HirKind::Class(Class::Unicode(class)) => {
            let count = |range: &regex_syntax::hir::ClassUnicodeRange| range.len();
            class.ranges().iter().map(count).sum::<usize>() <= 12
        }
        HirKind::Capture(capture) => is_blank(&capture.sub),
        _ => false,
    }
}
