//! Finds what may be encoded.

use std::ops::Range;

use memchr::memchr2;

use super::super::encrypted::Tokens;
use super::super::found::Decoder;
use super::base64::{self, SHORTEST};
use super::{Run, escapes};

/// Shortest line of base64 that the next line may go on with: MIME breaks at 76 (RFC 2045), PEM at
/// 64 (RFC 7468), others at 60.
const WRAPPED: usize = 56;

/// How many places inside a run are tried as its beginning.
const TAILS: usize = 8;

/// Eight bytes at a time; every run of `SHORTEST` characters holds eight that begin at one of
/// these steps.
const BLOCK: usize = 8;

/// The encoded runs in some areas of a text that decode to text, in ascending order, none of them
/// in another.
pub(in crate::scan) struct Runs<'a> {
    text: &'a [u8],
    areas: std::slice::Iter<'a, Range<usize>>,
    /// What is skipped.
    skipped: &'a Tokens,
    area: Range<usize>,
    /// Where the next block is.
    at: usize,
    /// Where the next `%` or `\` is; the area's end if there is none.
    mark: usize,
    /// Where the last run ended.
    floor: usize,
    /// Lines before this place were tried together, and are no text.
    alone: usize,
    /// How many bytes were looked at.
    looked: usize,
}

impl<'a> Runs<'a> {
    pub(in crate::scan) fn new(
        text: &'a [u8],
        areas: &'a [Range<usize>],
        skipped: &'a Tokens,
    ) -> Self {
        Self {
            text,
            areas: areas.iter(),
            skipped,
            area: 0..0,
            at: 0,
            mark: 0,
            floor: 0,
            alone: 0,
            looked: 0,
        }
    }

    /// How many bytes were looked at so far.
    pub(in crate::scan) fn looked(&self) -> usize {
        self.looked
    }

    /// The next block that may be inside a run, or the area's end.
    fn next_block(&mut self, stop: usize) -> Option<usize> {
        let from = self.at;
        let block = self.find_block(stop);
        self.looked += block.unwrap_or(stop).saturating_sub(from);
        block
    }

    fn find_block(&self, stop: usize) -> Option<usize> {
        let mut at = self.at;
        while at < stop
            && let Some(block) = self.text.get(at..).and_then(<[u8]>::first_chunk::<BLOCK>)
        {
            if !has_separator(*block) && block.iter().all(|byte| base64::is_character(*byte)) {
                return Some(at);
            }
            at += BLOCK;
        }
        None
    }

    /// Looks for the next `%` or `\` from a place on, unless it is known.
    fn seek_mark(&mut self, from: usize) {
        if self.mark < from {
            let rest = self.text.get(from..self.area.end).unwrap_or_default();
            self.mark = memchr2(b'%', b'\\', rest).map_or(self.area.end, |at| from + at);
            self.looked += self.mark.saturating_sub(from);
        }
    }

    /// The run of characters around the block at `at`.
    fn characters(&self, at: usize) -> Range<usize> {
        let is = |byte: &u8| base64::is_character(*byte);
        let before = self.text.get(self.floor..at).unwrap_or_default();
        let start = before
            .iter()
            .rposition(|byte| !is(byte))
            .map_or(self.floor, |place| self.floor + place + 1);
        let behind = self.text.get(at..).unwrap_or_default();
        let length = behind.iter().position(|byte| !is(byte));
        start..length.map_or(self.text.len(), |length| at + length)
    }

    /// What a run stands for, if it is text.
    fn decode(&mut self, span: Range<usize>) -> Option<Run> {
        let run = self.text.get(span.clone())?;
        self.looked += run.len();
        if run.len() < SHORTEST || self.is_skipped(&span) {
            return None;
        }
        if let Some(plain) = base64::hex(run) {
            return Some(Run {
                span,
                decoder: Decoder::Hex,
                plain,
                ratio: Some((2, 1)),
            });
        }
        if base64::may_be_text(run) {
            let mut whole = span.clone();
            if span.start >= self.alone {
                whole = self.wrapped(&span);
            }
            for span in [whole.clone(), span.clone()] {
                let run = self.text.get(span.clone())?;
                self.looked += run.len();
                if let Some(plain) = base64::base64(run) {
                    let even = plain.len() == span.len() * 3 / 4 && !run.contains(&b'\n');
                    return Some(Run {
                        span,
                        decoder: Decoder::Base64,
                        plain,
                        ratio: even.then_some((4, 3)),
                    });
                }
                self.alone = self.alone.max(whole.end);
            }
        }
        // a path, a name or `0x` may stand directly before it
        let tails = (0..)
            .zip(run)
            .filter(|(_, byte)| matches!(byte, b'/' | b'-' | b'_' | b'x'))
            .take(TAILS)
            .map(|(at, _)| span.start + at + 1);
        tails
            .filter_map(|start| self.text.get(start..span.end).zip(Some(start)))
            .filter(|(tail, _)| tail.len() >= SHORTEST)
            .find_map(|(tail, start)| {
                let hex = base64::hex(tail).map(|plain| (plain, Decoder::Hex, (2, 1)));
                let (plain, decoder, ratio) = hex.or_else(|| {
                    let plain = Some(tail)
                        .filter(|tail| base64::may_be_text(tail))
                        .and_then(base64::base64)?;
                    Some((plain, Decoder::Base64, (4, 3)))
                })?;
                // what would go on with a word belongs to the run, so that a word begins behind it
                let covered = match self.text.get(start - 1) {
                    Some(b'_') => 1,
                    Some(b'x') => 2,
                    _ => 0,
                };
                Some(Run {
                    span: (start - covered).max(span.start)..span.end,
                    decoder,
                    plain,
                    ratio: Some(ratio).filter(|_| covered == 0),
                })
            })
    }

    /// A run with the lines that go on with it.
    fn wrapped(&self, span: &Range<usize>) -> Range<usize> {
        let mut end = span.end;
        let mut length = span.len();
        while length >= WRAPPED {
            let rest = self.text.get(end..).unwrap_or_default();
            let gap = rest
                .iter()
                .take_while(|byte| matches!(byte, b'\r' | b'\n' | b' ' | b'\t'))
                .count();
            let breaks = rest.get(..gap).unwrap_or_default();
            if memchr::memchr_iter(b'\n', breaks).count() != 1 {
                break;
            }
            let line = rest.get(gap..).unwrap_or_default();
            let next = line
                .iter()
                .take_while(|byte| base64::is_character(**byte))
                .count();
            let behind = line.get(next).copied().unwrap_or(b'\n');
            if next == 0 || next > length || !matches!(behind, b'\r' | b'\n' | b'=' | b'"' | b'\'')
            {
                break;
            }
            end += gap + next;
            // only the last line is shorter
            length = if next < length { 0 } else { next };
        }
        span.start..end
    }

    fn is_skipped(&self, span: &Range<usize>) -> bool {
        self.skipped.around(span).is_some()
    }
}

impl Iterator for Runs<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        loop {
            let block = self.next_block(self.mark.min(self.area.end));
            if let Some(block) = block {
                let span = self.characters(block);
                self.at = span.end.max(block + BLOCK);
                if let Some(run) = self.decode(span) {
                    self.at = self.at.max(run.span.end);
                    self.floor = run.span.end;
                    self.seek_mark(self.at);
                    return Some(run);
                }
                continue;
            }
            if self.mark < self.area.end {
                let mark = self.mark;
                self.at = self.at.max(mark);
                if let Some(word) = escapes::around(self.text, mark, self.floor) {
                    let kind = self.text.get(mark).copied().unwrap_or_default();
                    let end = word.end;
                    self.looked += word.len();
                    let run = escapes::decode(self.text, word, kind);
                    if let Some(run) = run.filter(|run| !self.is_skipped(&run.span)) {
                        self.at = end;
                        self.floor = end;
                        self.seek_mark(end);
                        return Some(run);
                    }
                    // no text: neither is what begins with another escape of the same word
                    self.seek_mark(end.max(mark + 1));
                    continue;
                }
                self.seek_mark(mark + 1);
                continue;
            }
            self.area = self.areas.next()?.clone();
            self.at = self.area.start.max(self.floor);
            self.mark = 0;
            self.seek_mark(self.at.max(1));
        }
    }
}

/// Whether one of the bytes is below `+`: a blank, a line break, a quote, a bracket. It is what
/// most blocks of eight have, and is seen at once ("Determine if a word has a byte less than n", Bit
/// Twiddling Hacks).
fn has_separator(block: [u8; BLOCK]) -> bool {
    const EACH: u64 = u64::MAX / 255;
    let word = u64::from_le_bytes(block);
    word.wrapping_sub(EACH * u64::from(b'+')) & !word & (EACH * 128) != 0
}
