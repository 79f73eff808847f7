//! A stream without secrets.

use std::sync::Arc;

use super::patterns::{Found, Patterns};
use crate::secret::Cleartext;

/// What stands in the place of a secret: the same for all, whatever their length or number.
pub const MASK: &[u8] = b"***";

/// Masks secrets in one stream, in pieces as they come.
///
/// Every byte that belongs to a match goes, of overlapping ones too; matches that touch share one
/// mask. What may still become a match is held back, and nothing else: from the first position at
/// which the text to its end is the beginning of a form.
pub struct Filter {
    patterns: Arc<Patterns>,
    /// What was held back, from the first open position on.
    held: Cleartext,
    /// How many bytes of it are masked or were let through already.
    done: usize,
    /// Whether what came out last is a mask.
    in_mask: bool,
    /// What else of base64 belongs to the mask.
    tail: Tail,
}

/// The end of a base64 text: a character that holds a value's last bits, and padding.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Tail {
    #[default]
    None,
    Character,
    /// So many `=` at most.
    Padding(u8),
}

impl Filter {
    /// A filter at the beginning of a stream.
    pub fn new(patterns: Arc<Patterns>) -> Self {
        Self {
            patterns,
            held: Cleartext::default(),
            done: 0,
            in_mask: false,
            tail: Tail::None,
        }
    }

    /// Looks for these from now on: the same as before, and others.
    pub fn renew(&mut self, patterns: Arc<Patterns>) {
        self.patterns = patterns;
    }

    /// Takes the next piece and appends to `out` what may be shown.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.held.is_empty() {
            let from = self.advance(bytes, false, out);
            self.held.push(bytes.get(from..).unwrap_or_default());
            return;
        }
        self.held.push(bytes);
        let held = std::mem::take(&mut self.held);
        let from = self.advance(held.as_bytes(), false, out);
        if from == 0 {
            self.held = held;
        } else {
            self.held
                .push(held.as_bytes().get(from..).unwrap_or_default());
        }
    }

    /// Whether something is held back that [`Self::idle`] would let through.
    pub fn waits(&self) -> bool {
        self.done < self.held.len().min(SHOWN_WHEN_IDLE)
    }

    /// To be called when nothing has come for a moment: lets the first two bytes of what is held
    /// back through, and keeps them in mind. A typed character that happens to be the first one of
    /// some secret is seen so, and a prompt that ends in one; of a secret that is written slowly its
    /// first two bytes are seen, and no more, however slowly it comes.
    pub fn idle(&mut self, out: &mut Vec<u8>) {
        if self.waits() {
            let held = std::mem::take(&mut self.held);
            let shown = held.as_bytes().get(..held.len().min(SHOWN_WHEN_IDLE));
            self.show(shown.unwrap_or_default(), out);
            self.held = held;
        }
    }

    /// Lets through what is held back at the end of the stream. A secret that was cut off in its
    /// second half is masked too.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.held);
        self.advance(held.as_bytes(), true, out);
    }

    /// Goes through a text whose first `done` bytes are dealt with. Returns from where on it is
    /// held back; `done` counts from there on then.
    fn advance(&mut self, text: &[u8], is_end: bool, out: &mut Vec<u8>) -> usize {
        let mut at = 0;
        loop {
            at = self.patterns.next(text, at);
            let rest = text.get(at..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            let mut found = self.patterns.find(rest);
            if is_end && found.is_open && found.is_half && rest.len() >= super::SHORTEST {
                found.length = rest.len();
            }
            if found.length > 0 {
                self.show(text.get(..at).unwrap_or_default(), out);
                self.mask(at, found, out);
            }
            if found.is_open && !is_end {
                self.show(text.get(..at).unwrap_or_default(), out);
                self.done -= at;
                return at;
            }
            at += 1;
        }
        self.show(text, out);
        self.done = 0;
        text.len()
    }

    /// Appends what of `text` is not dealt with yet. Afterwards all of it is.
    fn show(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let mut rest = text.get(self.done..).unwrap_or_default();
        self.done = self.done.max(text.len());
        while let [first, others @ ..] = rest {
            self.tail = match (self.tail, first) {
                (
                    Tail::Character,
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'-' | b'_',
                ) => Tail::Padding(2),
                (Tail::Padding(left @ 1..), b'=') => Tail::Padding(left - 1),
                _ => break,
            };
            rest = others;
        }
        if !rest.is_empty() {
            self.tail = Tail::None;
            self.in_mask = false;
            out.extend_from_slice(rest);
        }
    }

    /// Masks what was found at a position, up to which everything is dealt with.
    fn mask(&mut self, at: usize, found: Found, out: &mut Vec<u8>) {
        let end = at + found.length;
        if end <= self.done {
            return;
        }
        if !self.in_mask {
            out.extend_from_slice(MASK);
        }
        self.in_mask = true;
        self.done = end;
        self.tail = if found.shares_its_end {
            Tail::Character
        } else {
            Tail::None
        };
    }
}

/// Bytes of a possible secret that are let through when nothing else comes.
const SHOWN_WHEN_IDLE: usize = 2;
