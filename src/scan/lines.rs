//! Lines: where they begin and end, and how places are counted.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memrchr};

use super::found::Position;

/// How far from a place its line is looked for: lines of data may be megabytes long.
pub(super) const FAR: usize = 4096;

/// Where the line of the byte at `at` begins, or the place `most` bytes before, whichever is
/// later.
pub(super) fn start(text: &[u8], at: usize, most: usize) -> usize {
    let floor = at.saturating_sub(most);
    let before = text.get(floor..at).unwrap_or_default();
    memrchr(b'\n', before).map_or(floor, |break_at| floor + break_at + 1)
}

/// Where the line of the byte at `at` ends, its line break left out, or the place `most` bytes
/// behind, whichever is earlier.
pub(super) fn end(text: &[u8], at: usize, most: usize) -> usize {
    let ceiling = text.len().min(at.saturating_add(most));
    let after = text.get(at..ceiling).unwrap_or_default();
    memchr(b'\n', after).map_or(ceiling, |break_at| at + break_at)
}

/// The lines that a range touches, [`FAR`] bytes on either side at most. An empty range touches the
/// line before it, too.
pub(super) fn around(text: &[u8], range: &Range<usize>) -> Range<usize> {
    let first = range.start.min(text.len());
    let last = range.end.clamp(first, text.len());
    if first == last {
        return start(text, first.saturating_sub(1), FAR)..end(text, first, FAR);
    }
    start(text, first, FAR)..end(text, last - 1, FAR)
}

/// Counts places in one pass: they must be asked for in ascending order.
pub(super) struct Counter<'a> {
    text: &'a [u8],
    at: usize,
    position: Position,
}

impl<'a> Counter<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            at: 0,
            position: Position { line: 1, column: 1 },
        }
    }

    /// The position of the byte at `at`. One that lies before what was asked for last is counted
    /// from the beginning again.
    pub(super) fn position(&mut self, at: usize) -> Position {
        if at < self.at {
            *self = Self::new(self.text);
        }
        let passed = self.text.get(self.at..at).unwrap_or_default();
        let breaks = memchr_iter(b'\n', passed).count();
        let rest = match memrchr(b'\n', passed) {
            Some(last) => {
                self.position.line += breaks;
                self.position.column = 1;
                passed.get(last + 1..).unwrap_or_default()
            }
            None => passed,
        };
        // continuation bytes of UTF-8 belong to the character before
        self.position.column += rest.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        self.at = at;
        self.position
    }
}
