//! `%XX`, `\uXXXX`, `\u{…}`, `\UXXXXXXXX` and `\xXX`.

use std::ops::Range;

use zeroize::Zeroizing;

use super::super::found::Decoder;
use super::{Run, is_text};

/// How far a word with escapes in it is followed to either side.
const FAR: usize = 4096;

/// The word around the `%` or `\` at `at`, none of it before `floor`, if that begins an escape.
pub(super) fn around(text: &[u8], at: usize, floor: usize) -> Option<Range<usize>> {
    one(*text.get(at)?, text.get(at..)?)?;
    Some(word(text, at, floor))
}

/// A word with its escapes decoded, those that begin with `mark`, if it is text then.
pub(super) fn decode(text: &[u8], span: Range<usize>, mark: u8) -> Option<Run> {
    let word = text.get(span.clone())?;
    let mut plain = Zeroizing::new(Vec::with_capacity(word.len()));
    let mut rest = word;
    let mut telling = 0;
    while let [first, behind @ ..] = rest {
        if *first == mark
            && let Some((c, length)) = one(mark, rest)
        {
            let before = plain.len();
            match c {
                Decoded::Byte(byte) => plain.push(byte),
                Decoded::Char(c) => {
                    plain.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
            }
            let decoded = plain.get(before..).unwrap_or_default();
            telling += usize::from(decoded.iter().all(|byte| is_telling(*byte)));
            rest = rest.get(length..).unwrap_or_default();
        } else {
            plain.push(*first);
            rest = behind;
        }
    }
    if telling == 0 || !is_text(&plain) {
        return None;
    }
    Some(Run {
        span,
        decoder: if mark == b'%' {
            Decoder::Percent
        } else {
            Decoder::Escapes
        },
        plain,
        ratio: None,
    })
}

/// Whether a character may stand in a secret or in a name, so that one escape is enough to hide
/// either. A lone `%20`, a quote or a letter with an accent is not worth another scan.
fn is_telling(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~') && !matches!(byte, b'"' | b'\'' | b'<' | b'>')
}

enum Decoded {
    Byte(u8),
    Char(char),
}

/// The escape at the beginning of `text`, and its length.
fn one(mark: u8, text: &[u8]) -> Option<(Decoded, usize)> {
    let number = |digits: Option<&[u8]>| {
        digits?.iter().try_fold(0, |number, digit| {
            Some(number * 16 + char::from(*digit).to_digit(16)?)
        })
    };
    let byte = |digits| Some(Decoded::Byte(u8::try_from(number(digits)?).ok()?));
    match (mark, text.get(1)?) {
        (b'%', _) => Some((byte(text.get(1..3))?, 3)),
        (_, b'x') => Some((byte(text.get(2..4))?, 4)),
        (_, b'u') if text.get(2) == Some(&b'{') => {
            let digits = text.get(3..)?.iter().take(7);
            let length = digits.take_while(|digit| digit.is_ascii_hexdigit()).count();
            let c = char::from_u32(number(text.get(3..3 + length))?)?;
            (length > 0 && text.get(3 + length) == Some(&b'}'))
                .then_some((Decoded::Char(c), length + 4))
        }
        (_, b'U') => {
            let c = char::from_u32(number(text.get(2..10))?)?;
            Some((Decoded::Char(c), 10))
        }
        (_, b'u') => {
            let c = char::from_u32(number(text.get(2..6))?)?;
            Some((Decoded::Char(c), 6))
        }
        _ => None,
    }
}

/// The word around a place: no blanks, no quotes.
fn word(text: &[u8], at: usize, floor: usize) -> Range<usize> {
    let ends = |byte: &u8| {
        byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | 0)
    };
    let floor = floor.max(at.saturating_sub(FAR));
    let before = text.get(floor..at).unwrap_or_default();
    let start = before
        .iter()
        .rposition(ends)
        .map_or(floor, |place| floor + place + 1);
    let ceiling = text.len().min(at + FAR);
    let behind = text.get(at..ceiling).unwrap_or_default();
    let end = behind
        .iter()
        .position(ends)
        .map_or(ceiling, |place| at + place);
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(String, String)> {
        let at = text.find(['%', '\\']).unwrap();
        let word = around(text.as_bytes(), at, 0)?;
        let run = decode(text.as_bytes(), word, text.as_bytes()[at])?;
        let plain = String::from_utf8(run.plain.to_vec()).unwrap();
        Some((text[run.span].into(), plain))
    }

    #[test]
    fn words_are_decoded_whole() {
        let case = |text, word: &str, plain: &str| {
            assert_eq!(read(text), Some((word.into(), plain.into())));
        };
        case("x=%70%61ss", "x=%70%61ss", "x=pass");
        case("a 'b%70c%61d' e", "b%70c%61d", "bpcad");
        case(r#""\u0070\u0061ss""#, r"\u0070\u0061ss", "pass");
        case(r"\x70\x61", r"\x70\x61", "pa");
        case("%41%c3%a9", "%41%c3%a9", "Aé");
        case("ghp%5Fa", "ghp%5Fa", "ghp_a");
        case(r"ghp\u005fa", r"ghp\u005fa", "ghp_a");
        case(r"ghp\u{5f}a", r"ghp\u{5f}a", "ghp_a");
        case(r"ghp\U0000005fa", r"ghp\U0000005fa", "ghp_a");
        assert_eq!(read("a%20b"), None);
        assert_eq!(read("%c3%a9"), None);
        assert_eq!(read(r"\u{}\u{5f"), None);
        assert_eq!(read("%d%s"), None);
        assert_eq!(read(r"\x00\x01\x02"), None);
    }
}
