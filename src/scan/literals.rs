//! The one pass over a text: all literals of all rules at once, ASCII letters in any case.
//!
//! Each position is judged by the next five bytes, by two tables (as FDR does: Wang et al.,
//! "Hyperscan: A Fast Multi-pattern Regex Matcher for Modern CPUs", 2019). A bit in both says that a
//! literal of one of eight groups may begin here; then the literals that begin with these bytes are
//! compared. Positions do not wait for each other, as those of an automaton do, and there is nothing
//! to build but 64 KB of tables. `aho-corasick` was measured beside it: its contiguous automaton
//! passes half as much and takes a millisecond to build, its DFA 14.

use std::collections::HashMap;
use std::ops::Range;

use super::rules::Entry;

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

/// Bytes that are looked at at once.
const WINDOW: usize = 8;

/// Bits of the hash of the first three bytes.
const HEAD_BITS: u32 = 15;

/// Bits of the fourth and fifth byte together.
const TAIL_BITS: u32 = 10;

/// Groups of literals: bits in a byte of the tables.
const GROUPS: usize = 8;

/// All literals.
pub(super) struct Literals {
    /// In small letters, in ascending order.
    texts: Vec<Vec<u8>>,
    uses: Vec<Vec<Use>>,
    /// The groups with a literal whose first three bytes have this hash.
    heads: Vec<u8>,
    /// The groups with a literal whose fourth and fifth byte are these, or that ends before.
    tails: Vec<u8>,
    /// For each hash, where its literals begin in `order`; they end where those of the next begin.
    places: Vec<u32>,
    /// The literals by the hash of their first three bytes.
    order: Vec<u32>,
    /// Those shorter than three bytes: looked for one by one.
    short: Vec<u32>,
}

impl Literals {
    /// What the one pass looks for.
    pub(super) fn new(entries: &[Entry], encrypted: &[&[u8]]) -> Self {
        let windows = (0..).zip(entries).flat_map(|(number, entry)| {
            let literals = entry.derived.literals.iter();
            literals.map(move |literal| (literal.as_ref(), Use::Window(number)))
        });
        Self::of(windows.chain(encrypted.iter().map(|text| (*text, Use::Encrypted))))
    }

    /// The keywords of the rules that want one which their literals do not bring.
    pub(super) fn gates(entries: &[Entry]) -> Self {
        let gated = (0..).zip(entries).filter(|(_, entry)| entry.derived.gated);
        Self::of(gated.flat_map(|(number, entry)| {
            let words = entry.rule.keywords.iter();
            words.map(move |word| (word.as_bytes(), Use::Gate(number)))
        }))
    }

    fn of<'t>(all: impl Iterator<Item = (&'t [u8], Use)>) -> Self {
        let mut found: HashMap<Vec<u8>, Vec<Use>> = HashMap::new();
        for (text, purpose) in all.filter(|(text, _)| !text.is_empty()) {
            let uses = found.entry(text.to_ascii_lowercase()).or_default();
            if !uses.contains(&purpose) {
                uses.push(purpose);
            }
        }
        let mut sorted: Vec<_> = found.into_iter().collect();
        sorted.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        let (texts, uses) = sorted.into_iter().unzip();
        let mut literals = Self {
            texts,
            uses,
            heads: vec![0; 1 << HEAD_BITS],
            tails: vec![0; 1 << TAIL_BITS],
            places: Vec::new(),
            order: Vec::new(),
            short: Vec::new(),
        };
        literals.enter();
        literals
    }

    /// Fills the tables.
    fn enter(&mut self) {
        let count = self.texts.len();
        let mut hashes = Vec::with_capacity(count);
        for (number, text) in (0..).zip(&self.texts) {
            let Some(head) = text.first_chunk::<3>() else {
                self.short.push(number);
                continue;
            };
            // neighbours begin alike, and share a group
            let group = 1 << (number as usize * GROUPS / count.max(1));
            let hash = head_of(word_of(*head));
            if let Some(groups) = self.heads.get_mut(hash) {
                *groups |= group;
            }
            hashes.push((hash, number));
            for (tail, groups) in self.tails.iter_mut().enumerate() {
                let fits = |place: usize, low: usize| {
                    text.get(place)
                        .is_none_or(|byte| usize::from(byte & 31) == low)
                };
                if fits(3, tail & 31) && fits(4, tail >> 5) {
                    *groups |= group;
                }
            }
        }
        hashes.sort_unstable();
        self.order = hashes.iter().map(|(_, number)| *number).collect();
        let mut rest = hashes.iter().zip(0..).peekable();
        let mut behind = 0;
        self.places = (0..=1 << HEAD_BITS)
            .map(|hash| {
                while let Some((_, place)) = rest.next_if(|((other, _), _)| *other < hash) {
                    behind = place + 1;
                }
                behind
            })
            .collect();
    }

    /// The literals whose first three bytes have this hash.
    fn with_head(&self, hash: usize) -> &[u32] {
        let place = |hash: usize| self.places.get(hash).copied().unwrap_or_default() as usize;
        self.order
            .get(place(hash)..place(hash + 1))
            .unwrap_or_default()
    }

    /// Calls `found` for every literal in `area` of the text, in the order of their beginnings, with
    /// what it is for and its span in the text.
    pub(super) fn find(
        &self,
        text: &[u8],
        area: Range<usize>,
        mut found: impl FnMut(&[Use], Range<usize>),
    ) {
        let part = text.get(area.clone()).unwrap_or_default();
        for &number in &self.short {
            self.find_short(part, number, area.start, &mut found);
        }
        // a table's length is known here, so that no access is checked
        let (Ok(heads), Ok(tails)) = (
            <&[u8; 1 << HEAD_BITS]>::try_from(self.heads.as_slice()),
            <&[u8; 1 << TAIL_BITS]>::try_from(self.tails.as_slice()),
        ) else {
            return;
        };
        for (at, window) in part.array_windows::<WINDOW>().enumerate() {
            let word = u64::from_le_bytes(*window);
            if look(heads, head_of(word)) & look(tails, tail_of(word)) != 0 {
                self.compare(part, at, word, area.start, &mut found);
            }
        }
        let mut last = [0; WINDOW * 2];
        let rest = part.len().min(WINDOW - 1);
        let begin = part.len() - rest;
        for (to, from) in last.iter_mut().zip(part.iter().skip(begin)) {
            *to = *from;
        }
        for (at, window) in last.array_windows::<WINDOW>().take(rest).enumerate() {
            let word = u64::from_le_bytes(*window);
            if look(heads, head_of(word)) & look(tails, tail_of(word)) != 0 {
                self.compare(part, begin + at, word, area.start, &mut found);
            }
        }
    }

    /// Compares the literals that may begin at a place.
    #[cold]
    fn compare(
        &self,
        part: &[u8],
        at: usize,
        word: u64,
        offset: usize,
        found: &mut impl FnMut(&[Use], Range<usize>),
    ) {
        let rest = part.get(at..).unwrap_or_default();
        for &number in self.with_head(head_of(word)) {
            let Some(literal) = self.texts.get(number as usize) else {
                continue;
            };
            let same = rest
                .get(..literal.len())
                .is_some_and(|text| text.eq_ignore_ascii_case(literal));
            if same && let Some(uses) = self.uses.get(number as usize) {
                found(uses, offset + at..offset + at + literal.len());
            }
        }
    }

    #[cold]
    fn find_short(
        &self,
        part: &[u8],
        number: u32,
        offset: usize,
        found: &mut impl FnMut(&[Use], Range<usize>),
    ) {
        let number = number as usize;
        let (Some(literal), Some(uses)) = (self.texts.get(number), self.uses.get(number)) else {
            return;
        };
        for (at, text) in part.windows(literal.len()).enumerate() {
            if text.eq_ignore_ascii_case(literal) {
                found(uses, offset + at..offset + at + literal.len());
            }
        }
    }
}

fn word_of([a, b, c]: [u8; 3]) -> u64 {
    u64::from_le_bytes([a, b, c, 0, 0, 0, 0, 0])
}

/// Hashes the first three bytes: five bits of each, which a letter's case is none of.
fn head_of(word: u64) -> usize {
    let [a, b, c, ..] = word.to_le_bytes();
    // the golden ratio's multiplier spreads them
    let bits = (u32::from_le_bytes([a, b, c, 0]) & 0x001F_1F1F).wrapping_mul(0x9E37_79B1);
    (bits >> (32 - HEAD_BITS)) as usize
}

/// Five bits of the fourth and of the fifth byte.
fn tail_of(word: u64) -> usize {
    let [_, _, _, d, e, ..] = word.to_le_bytes();
    usize::from(d & 31) | usize::from(e & 31) << 5
}

/// An entry of a table; the number is always within it.
fn look<const N: usize>(table: &[u8; N], number: usize) -> u8 {
    table.get(number & (N - 1)).copied().unwrap_or_default()
}
