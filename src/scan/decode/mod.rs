//! What stands encoded in a text, decoded in its place.
//!
//! A decoded run alone says little: `cGFzc3dvcmQ…` in a Kubernetes secret is a password because of
//! the name before it. So what is scanned again is the run's surroundings with the run decoded, and
//! the way back from there to the text it came from.

mod base64;
mod escapes;
mod runs;

use std::ops::Range;

use zeroize::Zeroizing;

use super::found::Decoder;
use crate::secret::Cleartext;

pub(super) use runs::Runs;

/// How deep encodings are followed into each other.
pub(super) const DEEPEST: usize = 5;

/// Runs with less than this between them are decoded together.
const NEAR: usize = 128;

/// How much of the line before the first run and behind the last comes along.
const BEFORE: usize = 160;
const BEHIND: usize = 64;

/// Runs are taken together up to this size.
const LARGE: usize = 64 * 1024;

/// An encoded run.
pub(super) struct Run {
    pub(super) span: Range<usize>,
    pub(super) decoder: Decoder,
    pub(super) plain: Zeroizing<Vec<u8>>,
    /// How many characters stand for how many bytes, where that is the same all along the run.
    pub(super) ratio: Option<(usize, usize)>,
}

/// A part of a text with the encoded runs in it decoded.
pub(super) struct Spliced {
    pub(super) text: Cleartext,
    pieces: Vec<Piece>,
}

/// A part of a spliced text and where it comes from.
struct Piece {
    at: Range<usize>,
    source: Range<usize>,
    decoded: Option<(Decoder, Option<(usize, usize)>)>,
}

/// The next runs that stand close to each other, decoded in their place; `None` at the end.
/// `first` is what an earlier call left over.
pub(super) fn next(text: &[u8], runs: &mut Runs<'_>, first: &mut Option<Run>) -> Option<Spliced> {
    let run = first.take().or_else(|| runs.next())?;
    let floor = run.span.start.saturating_sub(BEFORE);
    let start = super::lines::start(text, run.span.start, BEFORE).max(floor);
    let mut spliced = Spliced {
        text: Cleartext::with_capacity(run.plain.len() + BEFORE + BEHIND),
        pieces: Vec::new(),
    };
    spliced.copy(text, start..run.span.start);
    let mut behind = run.span.end;
    spliced.decode(&run);
    for run in runs.by_ref() {
        if run.span.start > behind + NEAR || spliced.text.len() > LARGE {
            *first = Some(run);
            break;
        }
        spliced.copy(text, behind..run.span.start);
        behind = run.span.end;
        spliced.decode(&run);
    }
    let end = super::lines::end(text, behind, BEHIND);
    spliced.copy(text, behind..end);
    Some(spliced)
}

impl Spliced {
    fn copy(&mut self, text: &[u8], source: Range<usize>) {
        let at = self.text.len();
        self.text.push(text.get(source.clone()).unwrap_or_default());
        self.pieces.push(Piece {
            at: at..self.text.len(),
            source,
            decoded: None,
        });
    }

    fn decode(&mut self, run: &Run) {
        let at = self.text.len();
        self.text.push(&run.plain);
        self.pieces.push(Piece {
            at: at..self.text.len(),
            source: run.span.clone(),
            decoded: Some((run.decoder, run.ratio)),
        });
    }

    /// The decoded parts, in ascending order.
    pub(super) fn decoded(&self) -> Vec<Range<usize>> {
        self.pieces
            .iter()
            .filter(|piece| piece.decoded.is_some())
            .map(|piece| piece.at.clone())
            .collect()
    }

    /// How the first decoded piece that a part touches was encoded.
    pub(super) fn decoder(&self, part: &Range<usize>) -> Option<Decoder> {
        self.touched(part)
            .find_map(|piece| piece.decoded.map(|(decoder, _)| decoder))
    }

    /// Where a part comes from: of decoded text, what encodes it, or the whole run where that
    /// cannot be told.
    pub(super) fn source(&self, part: &Range<usize>) -> Range<usize> {
        let mut touched = self.touched(part);
        let Some(first) = touched.next() else {
            return 0..0;
        };
        let last = touched.last().unwrap_or(first);
        first.source_of(part).start..last.source_of(part).end
    }

    fn touched(&self, part: &Range<usize>) -> impl Iterator<Item = &Piece> {
        let first = self
            .pieces
            .partition_point(|piece| piece.at.end <= part.start);
        let end = part.end.max(part.start + 1);
        self.pieces
            .iter()
            .skip(first)
            .take_while(move |piece| piece.at.start < end)
    }
}

impl Piece {
    /// Where the share of a part that lies in this piece comes from.
    fn source_of(&self, part: &Range<usize>) -> Range<usize> {
        let from = part.start.saturating_sub(self.at.start);
        let to = part.end.min(self.at.end) - self.at.start;
        let (from, to) = match self.decoded {
            None => (from, to),
            Some((_, Some((characters, bytes)))) => {
                (from / bytes * characters, to.div_ceil(bytes) * characters)
            }
            Some((_, None)) => (0, usize::MAX),
        };
        let at = |offset: usize| {
            self.source
                .start
                .saturating_add(offset)
                .min(self.source.end)
        };
        at(from)..at(to)
    }
}

/// Whether something looks like text: no control characters to speak of.
fn is_text(plain: &[u8]) -> bool {
    let odd = plain.iter().filter(|byte| !is_plain(**byte)).count();
    !plain.is_empty() && odd * 20 <= plain.len()
}

/// Whether a byte may stand in a text.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n' | 0x80..)
}
