//! Texts with two bytes a character: read as UTF-8, with the way back to the bytes.

use std::ops::Range;

use crate::secret::Cleartext;

/// How much is looked at where no byte-order mark says what a text is.
const SAMPLE: usize = 512;

/// A place is noted every so many bytes of the result, so that the way back is short.
const STEP: usize = 1024;

/// Which byte of a character comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

/// A text in UTF-8 that was in UTF-16.
pub(super) struct Transcoded {
    pub(super) text: Cleartext,
    /// For every step of the result, the place in the source of the character that begins there or
    /// before it, and where that one begins in the result.
    notes: Vec<(usize, usize)>,
}

/// Whether these bytes are UTF-16: they have a byte-order mark, or most of the first characters are
/// of ASCII, with a zero beside each letter.
pub(super) fn order(bytes: &[u8]) -> Option<Order> {
    match bytes {
        // a mark of UTF-32 begins alike
        [0xFF, 0xFE, 0, 0, ..] => return None,
        [0xFF, 0xFE, ..] => return Some(Order::Little),
        [0xFE, 0xFF, ..] => return Some(Order::Big),
        _ => {}
    }
    let sample = bytes.get(..bytes.len().min(SAMPLE)).unwrap_or_default();
    let (pairs, _) = sample.as_chunks::<2>();
    if pairs.len() < 4 {
        return None;
    }
    let count = |is: fn(&[u8; 2]) -> bool| pairs.iter().filter(|pair| is(pair)).count();
    let little = count(|pair| is_text(pair[0]) && pair[1] == 0);
    let big = count(|pair| pair[0] == 0 && is_text(pair[1]));
    let most = |number: usize| number * 10 >= pairs.len() * 8;
    match (most(little), most(big)) {
        (true, false) => Some(Order::Little),
        (false, true) => Some(Order::Big),
        _ => None,
    }
}

/// Whether a byte is a character of text.
pub(super) fn is_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n')
}

impl Transcoded {
    /// Reads UTF-16; what is no character becomes U+FFFD, and an odd byte at the end is left out.
    pub(super) fn new(bytes: &[u8], order: Order) -> Self {
        let (pairs, _) = bytes.as_chunks::<2>();
        let units = pairs.iter().map(|pair| match order {
            Order::Little => u16::from_le_bytes(*pair),
            Order::Big => u16::from_be_bytes(*pair),
        });
        let mut text = Cleartext::with_capacity(bytes.len() / 2 + 16);
        let mut notes = Vec::with_capacity(bytes.len() / STEP + 1);
        let mut from = 0;
        for decoded in char::decode_utf16(units) {
            let c = decoded.unwrap_or(char::REPLACEMENT_CHARACTER);
            while notes.len() * STEP <= text.len() {
                notes.push((from, text.len()));
            }
            text.push(c.encode_utf8(&mut [0; 4]).as_bytes());
            from += c.len_utf16() * 2;
        }
        Self { text, notes }
    }

    /// The source of a part of the result.
    pub(super) fn source(&self, part: &Range<usize>) -> Range<usize> {
        self.place(part.start)..self.place(part.end)
    }

    fn place(&self, at: usize) -> usize {
        let Some(&(from, to)) = self.notes.get(at / STEP) else {
            return self.notes.last().map_or(0, |last| last.0);
        };
        let between = self.text.as_bytes().get(to..at).unwrap_or_default();
        from + between.utf8_chunks().fold(0, |bytes, chunk| {
            bytes + chunk.valid().chars().map(char::len_utf16).sum::<usize>() * 2
        })
    }

    /// The part of the result that comes from a part of the source, widened to whole characters.
    pub(super) fn target(&self, part: &Range<usize>) -> Range<usize> {
        self.reverse(part.start)..self.reverse(part.end.saturating_add(1))
    }

    fn reverse(&self, at: usize) -> usize {
        let next = self.notes.partition_point(|(from, _)| *from <= at);
        let Some(&(mut from, mut to)) = next.checked_sub(1).and_then(|n| self.notes.get(n)) else {
            return 0;
        };
        let text = self.text.as_bytes().get(to..).unwrap_or_default();
        let text = text.get(..text.len().min(STEP * 8)).unwrap_or_default();
        for c in text.utf8_chunks().flat_map(|chunk| chunk.valid().chars()) {
            if from + c.len_utf16() * 2 > at {
                break;
            }
            from += c.len_utf16() * 2;
            to += c.len_utf8();
        }
        to
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(text: &str, order: Order) -> Vec<u8> {
        let bytes = |unit: u16| match order {
            Order::Little => unit.to_le_bytes(),
            Order::Big => unit.to_be_bytes(),
        };
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn both_orders_are_seen_with_and_without_a_mark() {
        for order_ in [Order::Little, Order::Big] {
            assert_eq!(order(&encode("password=x", order_)), Some(order_));
            assert_eq!(order(&encode("\u{feff}ж", order_)), Some(order_));
        }
        assert_eq!(order(b"password = hunter2"), None);
        assert_eq!(order(&[0; 64]), None);
        assert_eq!(order(b"\xff\xfe\0\0a\0\0\0"), None);
    }

    proptest! {
        #[test]
        fn places_lead_there_and_back(text in "\\PC{0,40}", many in 0..80_usize) {
            let text = format!("{}{text}", "aß水🦀".repeat(many));
            let bytes = encode(&text, Order::Big);
            let transcoded = Transcoded::new(&bytes, Order::Big);
            prop_assert_eq!(transcoded.text.as_str(), Some(text.as_str()));
            let mut from = 0;
            for (to, c) in text.char_indices() {
                prop_assert_eq!(transcoded.place(to), from);
                prop_assert_eq!(transcoded.reverse(from), to);
                from += c.len_utf16() * 2;
            }
            prop_assert_eq!(transcoded.place(text.len()), from);
        }
    }
}
