//! The one pass over a text: all literals of all rules in one automaton.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};

use super::rules::Entry;

/// Texts up to this size are searched with the automaton that is built in a millisecond, longer
/// ones with the one that is twice as fast and takes several to build.
const SMALL: usize = 64 * 1024;

/// What a literal is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Every match of this rule is around one of its literals.
    Window(u32),
    /// One of the words of which this rule wants one in the text.
    Gate(u32),
    /// An encrypted token may begin here.
    Encrypted,
}

/// All literals, and the automata that find them, each built when it is first wanted.
pub(super) struct Literals {
    texts: Vec<Vec<u8>>,
    uses: Vec<Vec<Use>>,
    small: OnceLock<Option<AhoCorasick>>,
    large: OnceLock<Option<AhoCorasick>>,
}

impl Literals {
    pub(super) fn new(entries: &[Entry], encrypted: &[&[u8]]) -> Self {
        let mut places: HashMap<Vec<u8>, Vec<Use>> = HashMap::new();
        let mut add = |text: &[u8], purpose| {
            let uses = places.entry(text.to_ascii_lowercase()).or_default();
            if !uses.contains(&purpose) {
                uses.push(purpose);
            }
        };
        for (number, entry) in (0..).zip(entries) {
            for literal in entry.derived.literals.iter() {
                add(literal, Use::Window(number));
            }
            if entry.derived.gated {
                for word in entry.rule.keywords.iter() {
                    add(word.as_bytes(), Use::Gate(number));
                }
            }
        }
        for text in encrypted {
            add(text, Use::Encrypted);
        }
        let mut sorted: Vec<_> = places.into_iter().collect();
        sorted.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        let (texts, uses) = sorted.into_iter().unzip();
        Self {
            texts,
            uses,
            small: OnceLock::new(),
            large: OnceLock::new(),
        }
    }

    /// Calls `found` for every literal in `area` of the text, in the order of their ends, with
    /// what it is for and its span in the text. `false` if the automaton cannot be built, which
    /// only millions of literals bring about.
    pub(super) fn find(
        &self,
        text: &[u8],
        area: Range<usize>,
        mut found: impl FnMut(&[Use], Range<usize>),
    ) -> bool {
        let automaton = match text.len() {
            ..SMALL => self
                .small
                .get_or_init(|| self.build(AhoCorasickKind::ContiguousNFA)),
            _ => self.large.get_or_init(|| self.build(AhoCorasickKind::DFA)),
        };
        let Some(automaton) = automaton else {
            return false;
        };
        for hit in automaton.find_overlapping_iter(Input::new(text).range(area)) {
            if let Some(uses) = self.uses.get(hit.pattern().as_usize()) {
                found(uses, hit.range());
            }
        }
        true
    }

    fn build(&self, kind: AhoCorasickKind) -> Option<AhoCorasick> {
        AhoCorasick::builder()
            .kind(Some(kind))
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .prefilter(false)
            .build(&self.texts)
            .ok()
    }
}
