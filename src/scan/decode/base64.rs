//! Base64 and hex: what a run of their characters stands for, if it is text.

use zeroize::Zeroizing;

use super::super::utf16::{Transcoded, order};
use super::{is_plain, is_text};

/// Shortest run that is decoded: three quarters of it are what is left.
pub(super) const SHORTEST: usize = 16;

/// Shortest run of hexadecimal digits.
const SHORTEST_HEX: usize = 24;

/// How many decoded bytes are looked at before the rest is decoded.
const HEAD: usize = 12;

/// What each character stands for; 64 for those that stand for nothing.
const VALUES: [u8; 256] = values();

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn values() -> [u8; 256] {
    let mut values = [64; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut number = 0_u8;
    while number < 64 {
        values[alphabet[number as usize] as usize] = number;
        number += 1;
    }
    values[b'-' as usize] = 62;
    values[b'_' as usize] = 63;
    values
}

/// Whether base64 in either alphabet has this character. Every hexadecimal digit is one.
pub(super) fn is_character(byte: u8) -> bool {
    value(byte) < 64
}

fn value(byte: u8) -> u8 {
    VALUES.get(usize::from(byte)).copied().unwrap_or(64)
}

/// The text that hexadecimal digits stand for.
pub(super) fn hex(run: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (pairs, []) = run.as_chunks::<2>() else {
        return None;
    };
    if run.len() < SHORTEST_HEX {
        return None;
    }
    let mut plain = Zeroizing::new(Vec::with_capacity(pairs.len()));
    for [high, low] in pairs {
        let high = char::from(*high).to_digit(16)?;
        let low = char::from(*low).to_digit(16)?;
        let byte = u8::try_from(high * 16 + low).ok()?;
        if plain.len() < HEAD && !is_ascii_text(byte) {
            return None;
        }
        plain.push(byte);
    }
    is_text(&plain).then_some(plain)
}

/// Whether the beginning of a run may stand for text: most runs are names, and this is seen from
/// three bytes of most of those.
pub(super) fn may_be_text(run: &[u8]) -> bool {
    let mut head = [b' '; HEAD];
    for (byte, decoded) in head.iter_mut().zip(Bytes::new(values_of(run))) {
        *byte = decoded;
        if !is_ascii_text(decoded) && !matches!(decoded, 0 | 0xFE | 0xFF) {
            return false;
        }
    }
    head.iter().all(|byte| is_ascii_text(*byte)) || order(&head).is_some()
}

/// The text that characters of base64 stand for. Line breaks and blanks in the run are passed over.
pub(super) fn base64(run: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(run.len() / 4 * 3 + 3));
    if run.contains(&b'\\') {
        plain.extend(Bytes::new(values_of(&without_breaks(run))));
    } else {
        plain.extend(Bytes::new(values_of(run)));
    }
    let wide = plain.get(..HEAD).and_then(order);
    if let Some(order) = wide {
        let text = Transcoded::new(&plain, order).text;
        plain = Zeroizing::new(text.as_bytes().to_vec());
    }
    is_text(&plain).then_some(plain)
}

/// How long a line break is that is written `\n` or `\r\n`; 0 where there is none.
pub(super) fn written_break(text: &[u8]) -> usize {
    match text {
        [b'\\', b'n', ..] => 2,
        [b'\\', b'r', b'\\', b'n', ..] => 4,
        _ => 0,
    }
}

/// A run without line breaks that are written so: their letters would count as base64's.
fn without_breaks(run: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut joined = Zeroizing::new(Vec::with_capacity(run.len()));
    let mut rest = run;
    while let Some(slash) = memchr::memchr(b'\\', rest) {
        joined.extend_from_slice(rest.get(..slash).unwrap_or_default());
        rest = rest.get(slash..).unwrap_or_default();
        rest = rest.get(written_break(rest).max(1)..).unwrap_or_default();
    }
    joined.extend_from_slice(rest);
    joined
}

fn values_of(run: &[u8]) -> impl Iterator<Item = u8> {
    run.iter()
        .map(|byte| value(*byte))
        .filter(|value| *value < 64)
}

fn is_ascii_text(byte: u8) -> bool {
    byte.is_ascii() && is_plain(byte)
}

/// Bytes out of groups of six bits; what does not fill a byte at the end is dropped.
struct Bytes<I> {
    values: I,
    bits: u32,
    count: u32,
}

impl<I: Iterator<Item = u8>> Bytes<I> {
    fn new(values: I) -> Self {
        Self {
            values,
            bits: 0,
            count: 0,
        }
    }
}

impl<I: Iterator<Item = u8>> Iterator for Bytes<I> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        while self.count < 8 {
            self.bits = self.bits << 6 | u32::from(self.values.next()?);
            self.count += 6;
        }
        self.count -= 8;
        let [.., byte] = (self.bits >> self.count).to_be_bytes();
        Some(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_alphabets_and_any_padding_are_read() {
        let read = |text: &str| {
            let plain = Some(text.as_bytes())
                .filter(|run| may_be_text(run))
                .and_then(base64)?;
            Some(String::from_utf8(plain.to_vec()).unwrap())
        };
        // RFC 4648, section 10, made longer
        assert_eq!(read("Zm9vYmFyZm9vYmFy").as_deref(), Some("foobarfoobar"));
        assert_eq!(read("Zm9vYmFyZm9vYmE").as_deref(), Some("foobarfooba"));
        assert_eq!(read("Zm9vYmFyZm9vYg").as_deref(), Some("foobarfoob"));
        assert_eq!(read("Pj4+Pz8/Pj4+Pz8/").as_deref(), Some(">>>???>>>???"));
        assert_eq!(read("Pj4-Pz8_Pj4-Pz8_").as_deref(), Some(">>>???>>>???"));
        assert_eq!(read("getElementsByTagName"), None);
    }

    #[test]
    fn hex_is_read_where_it_is_text() {
        let text = "666f6f6261726d6f6e6b6579";
        assert_eq!(hex(text.as_bytes()).unwrap().as_slice(), b"foobarmonkey");
        assert!(hex(b"d41d8cd98f00b204e9800998ecf8427e").is_none());
        assert!(hex(b"666f6f6261726d6f6e6b65790").is_none());
    }

    #[test]
    fn utf_16_in_base64_is_read() {
        // what PowerShell's -EncodedCommand takes
        let run = b"cABhAHMAcwB3AG8AcgBkAD0AeAA=";
        assert!(may_be_text(run));
        let plain = base64(run).unwrap();
        assert_eq!(plain.as_slice(), b"password=x");
    }
}
