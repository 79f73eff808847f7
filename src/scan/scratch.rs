//! Memory that scanning needs again for every text.

use std::ops::Range;

use regex_automata::meta::Cache;

use super::encrypted::Tokens;
use super::scanner::Scanner;

/// Memory for scanning: see [`Scanner::scratch`].
pub struct Scratch {
    owner: u64,
    pub(super) slots: Vec<Slot>,
    /// The rules with an open window in the text that is searched.
    pub(super) open: Vec<u32>,
    /// Windows that are complete.
    pub(super) closed: Vec<(u32, Range<usize>)>,
    /// Encrypted tokens of the text that is searched.
    pub(super) encrypted: Tokens,
    /// The rules with a keyword in the input, and in the text that is searched.
    pub(super) gates: [Gates; 2],
    /// The text that is searched: inputs and what is decoded out of them, numbered.
    pub(super) text: u64,
    /// The number of the input's own text.
    pub(super) input: u64,
    work: Work,
}

/// The rules that have one of their keywords in a text, once asked.
#[derive(Default)]
pub(super) struct Gates {
    /// The number of the text.
    pub(super) text: u64,
    /// In ascending order.
    pub(super) open: Vec<u32>,
}

/// What a rule knows while a text is searched.
#[derive(Default)]
pub(super) struct Slot {
    /// The text that it speaks of; of another, everything but `cache` is stale.
    pub(super) text: u64,
    /// The window that may still grow; none where it is empty.
    pub(super) window: Range<usize>,
    /// Where its last match ended.
    pub(super) searched: usize,
    /// Whether the path is one for it, once asked: for the input of this number.
    pub(super) path: Option<(u64, bool)>,
    pub(super) cache: Option<Box<Cache>>,
}

/// How much was done, in bytes: for tests that cost grows linearly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Passed through the automaton of all literals.
    pub literals: u64,
    /// Windows searched by regexes.
    pub regexes: u64,
    /// Looked at in search of what is encoded.
    pub encoded: u64,
    /// Decoded, with its surroundings.
    pub decoded: u64,
}

impl Scratch {
    pub(super) fn new(scanner: &Scanner) -> Self {
        Self {
            owner: scanner.number,
            slots: scanner.rules.iter().map(|_| Slot::default()).collect(),
            open: Vec::new(),
            closed: Vec::new(),
            encrypted: Tokens::default(),
            gates: Default::default(),
            text: 0,
            input: 0,
            work: Work::default(),
        }
    }

    /// Makes it anew if it is another scanner's.
    pub(super) fn belongs_to(&mut self, scanner: &Scanner) {
        if self.owner != scanner.number {
            *self = Self::new(scanner);
        }
    }

    /// What all scans with it have cost so far.
    pub fn work(&self) -> Work {
        self.work
    }

    pub(super) fn work_mut(&mut self) -> &mut Work {
        &mut self.work
    }

    /// Begins another input: its text is the next one.
    pub(super) fn next_input(&mut self) {
        self.input = self.text + 1;
    }

    /// Begins another text.
    pub(super) fn next_text(&mut self) {
        self.text += 1;
        self.open.clear();
        self.closed.clear();
        self.encrypted.clear();
    }

    /// What a rule knows of the text that is searched.
    pub(super) fn slot(&mut self, rule: u32) -> Option<&mut Slot> {
        let text = self.text;
        let slot = self.slots.get_mut(rule as usize)?;
        if slot.text != text {
            slot.text = text;
            slot.window = 0..0;
            slot.searched = 0;
        }
        Some(slot)
    }
}
