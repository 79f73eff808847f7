//! How programs write bytes down: base64, hex, percent signs, and the escapes of JSON, XML and
//! shells. Everything that comes out is as secret as what went in.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::secret::Cleartext;

/// The part of a base64 text (RFC 4648, 4 and 5) that `value` alone decides, where `shift` bytes
/// (0, 1 or 2, modulo 3) of something else stand before it. A character at either end that holds
/// bits of the neighbours is left out.
pub(super) fn base64(value: &[u8], shift: usize, url: bool) -> Cleartext {
    let mut shifted = Cleartext::with_capacity(value.len() + shift);
    (0..shift).for_each(|_| shifted.push(&[0]));
    shifted.push(value);
    let engine = if url {
        &URL_SAFE_NO_PAD
    } else {
        &STANDARD_NO_PAD
    };
    let text = Cleartext::from(engine.encode(shifted.as_bytes()));
    let first = [0, 2, 3].get(shift).copied().unwrap_or_default();
    let last = text.len() - usize::from(has_shared_end(value, shift));
    Cleartext::new(
        text.as_bytes()
            .get(first..last)
            .unwrap_or_default()
            .to_vec(),
    )
}

/// Whether a base64 character at the end holds bits of the value and of what comes behind it.
pub(super) fn has_shared_end(value: &[u8], shift: usize) -> bool {
    !(value.len() + shift).is_multiple_of(3)
}

/// A text in lines of `width`, as base64 is often written.
pub(super) fn wrapped(text: &Cleartext, width: usize, line_end: &[u8]) -> Cleartext {
    let mut lines = Cleartext::with_capacity(text.len() + text.len() / width * line_end.len() + 2);
    for (number, line) in text.as_bytes().chunks(width).enumerate() {
        if number > 0 {
            lines.push(line_end);
        }
        lines.push(line);
    }
    lines
}

/// Two hexadecimal digits a byte.
pub(super) fn hex(value: &[u8], upper: bool) -> Cleartext {
    let mut text = Cleartext::with_capacity(value.len() * 2);
    for byte in value {
        text.push(&digits(*byte, upper));
    }
    text
}

/// Percent-encoded (RFC 3986, 2.1): bytes of `kept` stay, letters and digits among them unless
/// `kept` is `None`.
pub(super) fn percent(value: &[u8], kept: Option<&[u8]>, upper: bool, plus: bool) -> Cleartext {
    let mut text = Cleartext::with_capacity(value.len() * 3);
    for byte in value {
        let stays = kept.is_some_and(|kept| byte.is_ascii_alphanumeric() || kept.contains(byte));
        match byte {
            b' ' if plus => text.push(b"+"),
            byte if stays => text.push(&[*byte]),
            byte => {
                text.push(b"%");
                text.push(&digits(*byte, upper));
            }
        }
    }
    text
}

/// How a JSON text (RFC 8259, 7) is written.
#[derive(Clone, Copy, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "habits of programs, in every combination"
)]
pub(super) struct Json {
    /// `/` is escaped too, as PHP does.
    pub(super) slash: bool,
    /// Everything beyond ASCII is escaped, as Python does.
    pub(super) ascii: bool,
    /// So are `<`, `>` and `&`, as Go does.
    pub(super) markup: bool,
    /// And `'`, `+`, `` ` `` and the quote as `\u0022`, as .NET does.
    pub(super) quotes: bool,
    /// Every character is.
    pub(super) all: bool,
    /// Digits of escapes are upper case.
    pub(super) upper: bool,
}

/// The inside of a JSON text.
pub(super) fn json(value: &str, style: Json) -> Cleartext {
    let mut text = Cleartext::with_capacity(value.len() * 2);
    let unicode = |text: &mut Cleartext, c: char| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            let [high, low] = unit.to_be_bytes();
            text.push(b"\\u");
            text.push(&digits(high, style.upper));
            text.push(&digits(low, style.upper));
        }
    };
    for c in value.chars() {
        let short: Option<&[u8]> = match c {
            _ if style.all => None,
            '"' if !style.quotes => Some(b"\\\""),
            '\\' => Some(b"\\\\"),
            '\n' => Some(b"\\n"),
            '\r' => Some(b"\\r"),
            '\t' => Some(b"\\t"),
            '\u{8}' => Some(b"\\b"),
            '\u{c}' => Some(b"\\f"),
            '/' if style.slash => Some(b"\\/"),
            _ => None,
        };
        let escaped = style.all
            || c < ' '
            || (style.ascii && !c.is_ascii())
            || (style.markup && matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}'))
            || (style.quotes && matches!(c, '"' | '\'' | '+' | '`'));
        match short {
            Some(short) => text.push(short),
            None if escaped => unicode(&mut text, c),
            None => text.push(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    text
}

/// Puts another text in the place of some bytes.
pub(super) fn replaced(value: &[u8], table: &[(u8, &str)]) -> Cleartext {
    let mut text = Cleartext::with_capacity(value.len() + 16);
    for byte in value {
        match table.iter().find(|(from, _)| from == byte) {
            Some((_, to)) => text.push(to.as_bytes()),
            None => text.push(&[*byte]),
        }
    }
    text
}

/// As [`replaced`], and bytes that are not printable ASCII as escapes: `\xc3`, or `\303`.
pub(super) fn c_string(value: &[u8], table: &[(u8, &str)], octal: bool) -> Cleartext {
    let mut text = Cleartext::with_capacity(value.len() * 2);
    for byte in value {
        match table.iter().find(|(from, _)| from == byte) {
            Some((_, to)) => text.push(to.as_bytes()),
            None if (b' '..=b'~').contains(byte) => text.push(&[*byte]),
            None if octal => {
                let digit = |shift: u8| b'0' + ((byte >> shift) & 7);
                text.push(&[b'\\', digit(6), digit(3), digit(0)]);
            }
            None => {
                text.push(b"\\x");
                text.push(&digits(*byte, false));
            }
        }
    }
    text
}

/// With a backslash before all that a shell could take for its own, as `printf %q` does.
pub(super) fn backslashed(value: &[u8]) -> Cleartext {
    let mut text = Cleartext::with_capacity(value.len() * 2);
    for byte in value {
        let plain = byte.is_ascii_alphanumeric() || b"%+-./:=@_".contains(byte) || *byte >= 0x80;
        if !plain {
            text.push(b"\\");
        }
        text.push(&[*byte]);
    }
    text
}

fn digits(byte: u8, upper: bool) -> [u8; 2] {
    let digit = |half: u8| match half {
        0..=9 => b'0' + half,
        _ if upper => b'A' + half - 10,
        _ => b'a' + half - 10,
    };
    [digit(byte >> 4), digit(byte & 15)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use proptest::prelude::*;

    fn text(bytes: &Cleartext) -> &str {
        bytes.as_str().unwrap()
    }

    proptest! {
        #[test]
        fn base64_is_found_wherever_it_begins(
            before in proptest::collection::vec(any::<u8>(), 0..8),
            value in proptest::collection::vec(any::<u8>(), 8..40),
            after in proptest::collection::vec(any::<u8>(), 0..8),
        ) {
            let whole = [before.as_slice(), &value, &after].concat();
            for (url, encoded) in [(false, STANDARD.encode(&whole)), (true, URL_SAFE.encode(&whole))] {
                let inside = base64(&value, before.len() % 3, url);
                prop_assert!(encoded.contains(text(&inside)));
                // of 6 bits a character, all but those that a neighbour shares
                prop_assert!(inside.len() * 6 + 10 > value.len() * 8);
            }
        }

        #[test]
        fn json_is_what_a_parser_reads(value in ".*", flags in any::<[bool; 6]>()) {
            let [slash, ascii, markup, quotes, all, upper] = flags;
            let style = Json { slash, ascii, markup, quotes, all, upper };
            let quoted = format!("\"{}\"", text(&json(&value, style)));
            prop_assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), value);
        }
    }

    #[test]
    fn json_without_a_style_is_the_shortest() {
        let value = "a\"b\\c\nd\u{1}é/<&>'\u{8}";
        let expected = serde_json::to_string(value).unwrap();
        assert_eq!(
            format!("\"{}\"", text(&json(value, Json::default()))),
            expected
        );
    }

    #[test]
    fn escapes_are_spelled_as_programs_do() {
        assert_eq!(text(&hex(b"\x0f\xa0", true)), "0FA0");
        assert_eq!(
            text(&percent(b"a b/\xc3", Some(b"/"), false, true)),
            "a+b/%c3"
        );
        assert_eq!(text(&percent(b"a ", None, true, false)), "%61%20");
        assert_eq!(text(&backslashed("a b'$é".as_bytes())), "a\\ b\\'\\$é");
        assert_eq!(
            text(&c_string("é\n".as_bytes(), &[(b'\n', "\\n")], false)),
            "\\xc3\\xa9\\n"
        );
        assert_eq!(text(&c_string("é".as_bytes(), &[], true)), "\\303\\251");
        assert_eq!(
            text(&wrapped(&Cleartext::from("abcde"), 2, b"\r\n")),
            "ab\r\ncd\r\ne"
        );
    }
}
