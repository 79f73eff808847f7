//! Texts of two bytes a character in any other bytes: where they are, and how they are scanned.
//!
//! What is two bytes a character is scanned beside what the bytes are as they stand, never in place of
//! it: a guess must not hide anything.

use std::ops::Range;

use super::found::{AllowedBy, Decoder, Found, Input, Limit, Position};
use super::lines::Counter;
use super::overlap;
use super::scanner::{MOST_HITS, Scanner};
use super::scratch::Scratch;
use super::utf16::{self, Order, Transcoded, is_text};

/// Bytes that are looked at at once. A run of eight characters holds one such block wherever it
/// begins.
const BLOCK: usize = 8;

/// How many characters in a row may be none of ASCII before a run ends.
const FOREIGN: usize = 16;

/// Longer runs are read in parts, so that the bytes are not there twice.
const PART: usize = 8 << 20;

/// How far parts reach into each other: twice as far as a finding may, in two bytes a character.
const OVERLAP: usize = 256 << 10;

/// Bytes that may be text of two bytes a character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) span: Range<usize>,
    pub(super) order: Order,
}

/// The runs in some bytes; both readings of one where it may be either.
pub(super) struct Runs<'a> {
    bytes: &'a [u8],
    at: usize,
    /// All of them are this, to judge by how they begin.
    whole: Option<Order>,
    /// What was found together with the last one.
    pending: [Option<Run>; 2],
}

impl<'a> Runs<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let whole = utf16::order(bytes);
        let all = whole.map(|order| Run {
            span: 0..bytes.len(),
            order,
        });
        Self {
            bytes,
            at: memchr::memchr(0, bytes).map_or(bytes.len(), |at| at.saturating_sub(1)),
            whole,
            pending: [None, all],
        }
    }

    /// The next place where characters and zeros take turns: that of a character.
    fn next_pair(&mut self) -> Option<usize> {
        const ODD: u64 = 0xFF00_FF00_FF00_FF00;
        while let Some(block) = self.bytes.get(self.at..)?.first_chunk::<BLOCK>() {
            let at = self.at;
            self.at += BLOCK;
            let word = u64::from_le_bytes(*block);
            if word & ODD != 0 && word & !ODD != 0 {
                continue;
            }
            let first = usize::from(word & ODD != 0);
            if block
                .iter()
                .skip(first)
                .step_by(2)
                .all(|byte| is_text(*byte))
            {
                return Some(at + first);
            }
        }
        None
    }

    /// Whether there is a character and then a zero at a place; none where it may still be one that is
    /// not of ASCII.
    fn pair(&self, at: usize) -> Option<bool> {
        let pair = self.bytes.get(at..)?.first_chunk::<2>()?;
        match pair {
            [0, 0] => Some(false),
            [byte, 0] if is_text(*byte) => Some(true),
            _ => None,
        }
    }

    /// Both readings of what stands around a character with a zero behind it.
    fn readings(&mut self, at: usize, floor: usize) -> [Option<Run>; 2] {
        let mut start = at;
        let mut next = at;
        while let Some(before) = next.checked_sub(2).filter(|before| *before >= floor) {
            match self.pair(before) {
                Some(true) => start = before,
                None if start - before <= FOREIGN * 2 => {}
                _ => break,
            }
            next = before;
        }
        let mut end = at;
        let mut next = at;
        while next + 1 < self.bytes.len() {
            match self.pair(next) {
                Some(true) => end = next + 2,
                None if next - end < FOREIGN * 2 => {}
                _ => break,
            }
            next += 2;
        }
        self.at = self.at.max(end);
        // with the zero first, the last character stands behind the last zero
        let is_zero = |at: Option<usize>| at.and_then(|at| self.bytes.get(at)) == Some(&0);
        let from = if is_zero(start.checked_sub(1)) {
            start.saturating_sub(1)
        } else {
            start + 1
        };
        let is_either = self.bytes.get(end).is_some_and(|byte| is_text(*byte));
        let little = Run {
            span: start..end,
            order: Order::Little,
        };
        let big = Run {
            span: from..(end + 1).min(self.bytes.len()),
            order: Order::Big,
        };
        let is_new = |run: &Run| self.whole != Some(run.order) || run.span.start % 2 == 1;
        [
            Some(big).filter(|run| is_either && is_new(run)),
            Some(little).filter(is_new),
        ]
    }
}

impl Iterator for Runs<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        loop {
            let pending = self.pending.iter_mut().rev().find_map(Option::take);
            if pending.is_some() {
                return pending;
            }
            let floor = self.at;
            let at = self.next_pair()?;
            self.pending = self.readings(at, floor.saturating_sub(BLOCK));
        }
    }
}

impl Scanner {
    /// Scans what is of two bytes a character in an input, and adds what is found.
    pub(super) fn scan_wide(&self, scratch: &mut Scratch, input: &Input<'_>, found: &mut Found) {
        let before = found.hits.len();
        let mut places = Counter::new(input.bytes);
        let mut last = 0;
        for run in Runs::new(input.bytes) {
            if !is_wanted(input, &run.span) {
                continue;
            }
            last = run.span.start.max(last);
            let place = places.position(last);
            self.scan_run(scratch, input, &run, place, found);
            if found.hits.len() > MOST_HITS * 2 {
                found.incomplete = Some(Limit::Findings);
                break;
            }
        }
        if found.hits.len() > before {
            found
                .hits
                .sort_by_key(|hit| (hit.span.start, hit.span.end, hit.rule));
            overlap::keep_best(&mut found.hits);
        }
        if found.hits.len() > MOST_HITS {
            found.incomplete = Some(Limit::Findings);
            found.hits.sort_by_key(|hit| hit.allowed.is_some());
            found.hits.truncate(MOST_HITS);
            found.hits.sort_by_key(|hit| hit.span.start);
        }
    }

    /// Scans one run, which begins at `place`, part by part.
    fn scan_run(
        &self,
        scratch: &mut Scratch,
        input: &Input<'_>,
        run: &Run,
        mut place: Position,
        found: &mut Found,
    ) {
        let mut start = run.span.start;
        loop {
            let is_last = run.span.end - start <= PART + OVERLAP;
            let end = if is_last {
                run.span.end
            } else {
                start + PART + OVERLAP
            };
            // of what stands where two parts overlap, the one has what begins in the first half
            let own = if start == run.span.start {
                start
            } else {
                start + OVERLAP / 2
            };
            let until = if is_last {
                usize::MAX
            } else {
                end - OVERLAP / 2
            };
            let transcoded =
                Transcoded::new(input.bytes.get(start..end).unwrap_or_default(), run.order);
            let text = transcoded.text.as_bytes();
            let ranges = input
                .ranges
                .map(|ranges| inside(ranges, &(start..end), &transcoded));
            let narrow = Input {
                path: input.path,
                bytes: text,
                ranges: ranges.as_deref(),
            };
            let is_part = run.span.len() > end - start;
            let part = self.scan_text(scratch, &narrow, is_part);
            // the path was found with the bytes as they stand
            for mut hit in part.hits.into_iter().filter(|hit| !hit.span.is_empty()) {
                hit.span = shift(transcoded.source(&hit.span), start);
                hit.context = shift(transcoded.source(&hit.context), start);
                if hit.context.start < own || hit.context.start >= until {
                    continue;
                }
                hit.decoded_by.insert(0, Decoder::Utf16);
                hit.start = behind(place, hit.start);
                hit.end = behind(place, hit.end);
                if let Some(allow) = &mut hit.allowed
                    && let AllowedBy::Marker { line, .. } = &mut allow.by
                {
                    *line += place.line - 1;
                }
                found.hits.push(hit);
            }
            found.encrypted.add(part.encrypted);
            found.incomplete = found.incomplete.or(part.incomplete);
            if is_last || found.hits.len() > MOST_HITS * 2 {
                return;
            }
            let next = transcoded.target(&(PART..PART)).start;
            place = behind(place, Counter::new(text).position(next));
            start += PART;
        }
    }
}

/// Whether something in a part of the bytes is to be scanned.
fn is_wanted(input: &Input<'_>, part: &Range<usize>) -> bool {
    let meets = |range: &Range<usize>| range.start <= part.end && part.start <= range.end;
    input.ranges.is_none_or(|ranges| ranges.iter().any(meets))
}

/// The parts of a transcoded text that come from ranges of the bytes around it.
fn inside(ranges: &[Range<usize>], part: &Range<usize>, text: &Transcoded) -> Vec<Range<usize>> {
    ranges
        .iter()
        .filter(|range| range.start <= part.end && part.start <= range.end)
        .map(|range| {
            let start = range.start.max(part.start) - part.start;
            let end = range.end.clamp(part.start, part.end) - part.start;
            text.target(&(start..end))
        })
        .collect()
}

fn shift(range: Range<usize>, by: usize) -> Range<usize> {
    range.start + by..range.end + by
}

/// A position in what begins at a place.
fn behind(place: Position, position: Position) -> Position {
    Position {
        line: place.line + position.line - 1,
        column: match position.line {
            1 => place.column + position.column - 1,
            _ => position.column,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(bytes: &[u8]) -> Vec<String> {
        let text = |run: Run| {
            let text = Transcoded::new(&bytes[run.span], run.order).text;
            text.as_str().unwrap().to_owned()
        };
        Runs::new(bytes).map(text).collect()
    }

    fn little(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn big(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_be_bytes).collect()
    }

    #[test]
    fn runs_are_found_at_any_place_in_either_order() {
        let text = "key = value";
        for head in 0..20 {
            for (wide, other) in [(little(text), false), (big(text), true)] {
                for (before, behind) in [
                    (0xC3, 0xC3),
                    (b'x', 0xC3),
                    (0xC3, b'x'),
                    (b'x', b'x'),
                    (0, 0),
                ] {
                    let mut bytes = vec![before; head];
                    bytes.extend_from_slice(&wide);
                    bytes.extend(vec![behind; 40]);
                    let found = runs(&bytes);
                    assert!(
                        found.iter().any(|found| found.contains(text)),
                        "{head} {other} {before} {behind} {found:?}"
                    );
                    assert!(found.len() <= 3);
                }
            }
        }
    }

    #[test]
    fn letters_that_are_none_of_ascii_do_not_end_a_run() {
        let text = "password für пароль = 水水水水 value";
        for wide in [little(text), big(text)] {
            let mut bytes = vec![0xC3; 1031];
            bytes.extend_from_slice(&wide);
            assert!(runs(&bytes).iter().any(|found| found.contains(text)));
        }
    }

    #[test]
    fn plain_text_and_numbers_have_none() {
        assert_eq!(runs(b"plain text, and more of it"), [""; 0]);
        assert_eq!(runs(&[0; 512]), [""; 0]);
        let numbers: Vec<u8> = (0..64_u32).flat_map(u32::to_le_bytes).collect();
        assert_eq!(runs(&numbers), [""; 0]);
    }
}
