//! What is encoded is found, with the span of what encodes it.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::{KEY, demo, one, scan};
use crate::scan::{Decoder, Found, Input, Limit};

/// What is found of an encoded text between two others, and what its span holds.
fn found_in(before: &str, encoded: &str, behind: &str) -> Vec<(String, Vec<Decoder>)> {
    let text = format!("{before}{encoded}{behind}");
    let Found { hits, .. } = scan(&demo(), text.as_bytes(), None);
    hits.into_iter()
        .map(|hit| {
            assert!(before.len() <= hit.span.start, "{text}: {hit:?}");
            assert!(
                hit.span.end <= before.len() + encoded.len(),
                "{text}: {hit:?}"
            );
            (hit.secret.as_str().unwrap().to_owned(), hit.decoded_by)
        })
        .collect()
}

fn key(decoders: &[Decoder]) -> Vec<(String, Vec<Decoder>)> {
    vec![(KEY.to_owned(), decoders.to_vec())]
}

/// Each byte of a text, spelled.
fn spelled(text: &str, spell: fn(u8) -> String) -> String {
    text.bytes().map(spell).collect()
}

#[test]
fn every_spelling_of_base64_is_read() {
    let plain = format!("a=1;key={KEY};~~>>??");
    for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
        let encoded = engine.encode(&plain);
        for (before, behind) in [
            ("", ""),
            ("x: \"", "\"\n"),
            ("a.b=", "&c"),
            ("/path/", " x"),
        ] {
            let found = found_in(before, &encoded, behind);
            assert_eq!(found, key(&[Decoder::Base64]), "{before}{encoded}{behind}");
        }
    }
}

#[test]
fn wrapped_base64_is_read_as_one() {
    let plain = format!(
        "{}{KEY}{}",
        "filler text ".repeat(9),
        " more of it".repeat(9)
    );
    let encoded = STANDARD.encode(plain);
    for width in [60, 64, 76] {
        for indent in ["\n", "\r\n", "\n    "] {
            let lines: Vec<&str> = encoded
                .as_bytes()
                .chunks(width)
                .map(|line| std::str::from_utf8(line).unwrap())
                .collect();
            let wrapped = lines.join(indent);
            let found = found_in("data: |\n    ", &wrapped, "\nnext: 1\n");
            assert_eq!(found, key(&[Decoder::Base64]), "{width} {indent:?}");
        }
    }
}

#[test]
fn base64_broken_by_written_line_breaks_is_read_as_one() {
    let plain = format!(
        "{}{KEY}{}",
        "filler text ".repeat(3),
        " more of it".repeat(3)
    );
    let encoded = STANDARD.encode(plain);
    for width in [24, 60, 64, 76] {
        for line_break in [r"\n", r"\r\n"] {
            let lines: Vec<_> = encoded
                .as_bytes()
                .chunks(width)
                .map(String::from_utf8_lossy)
                .collect();
            let broken = lines.join(line_break);
            let found = found_in("{\"data\": \"", &broken, "\"}");
            assert_eq!(found, key(&[Decoder::Base64]), "{width} {line_break}");
            let found = found_in("{\"data\": \"", &broken, &format!("{line_break}\"}}"));
            assert_eq!(found, key(&[Decoder::Base64]), "{width} {line_break}");
        }
    }
}

#[test]
fn one_escape_hides_nothing() {
    for (spelled, decoder) in [
        ("%5F", Decoder::Percent),
        ("%5f", Decoder::Percent),
        (r"\u005f", Decoder::Escapes),
        (r"\u{5f}", Decoder::Escapes),
        (r"\x5F", Decoder::Escapes),
    ] {
        let text = KEY.replace('_', spelled);
        assert_eq!(found_in("u = \"", &text, "\""), key(&[decoder]), "{text}");
    }
    let text = KEY.replace('7', "%37");
    assert_eq!(found_in("u ", &text, " x"), key(&[Decoder::Percent]));
}

#[test]
fn hex_behind_0x_is_read_whatever_its_digits() {
    for secret in [KEY.to_owned(), format!("a {KEY} b")] {
        let hex = spelled(&secret, |byte| format!("{byte:02x}"));
        for (before, behind) in [
            ("x = 0x", ""),
            ("0x", ","),
            ("[0x", "]"),
            ("a/b-c/0x", " "),
            ("\"0x", "\""),
        ] {
            let text = format!("{before}{hex}{behind}");
            let found = scan(&demo(), text.as_bytes(), None);
            assert_eq!(found.hits.len(), 1, "{text}");
        }
    }
}

#[test]
fn hex_percent_and_escapes_are_read() {
    let hex: String = spelled(KEY, |byte| format!("{byte:02x}"));
    assert_eq!(
        found_in("h = ", &format!("0x{hex}"), ""),
        key(&[Decoder::Hex])
    );
    assert_eq!(
        found_in("'", &hex.to_uppercase(), "'"),
        key(&[Decoder::Hex])
    );
    let percent: String = spelled(KEY, |byte| format!("%{byte:02X}"));
    assert_eq!(found_in("u ", &percent, " x"), key(&[Decoder::Percent]));
    let some = KEY.replace('_', "%5F").replace('0', "%30");
    assert_eq!(found_in("u ", &some, " x"), key(&[Decoder::Percent]));
    let escapes: String = spelled(KEY, |byte| format!("\\u{byte:04x}"));
    assert_eq!(found_in("\"", &escapes, "\""), key(&[Decoder::Escapes]));
    let escapes: String = spelled(KEY, |byte| format!("\\x{byte:02x}"));
    assert_eq!(found_in("'", &escapes, "'"), key(&[Decoder::Escapes]));
}

#[test]
fn a_name_outside_says_what_is_inside() {
    // as in the data of a Kubernetes secret
    let encoded = STANDARD.encode("hunter2hunter2");
    let found = found_in("data:\n  secret: ", &encoded, "\n");
    assert_eq!(
        found,
        [("hunter2hunter2".to_owned(), vec![Decoder::Base64])]
    );
    assert_eq!(found_in("data:\n  other: ", &encoded, "\n"), []);
}

#[test]
fn encodings_are_followed_into_each_other() {
    let mut encoded = format!("the key is {KEY}, is it not");
    for depth in 1..=5 {
        encoded = STANDARD.encode(&encoded);
        assert_eq!(
            found_in("x ", &encoded, "\n"),
            key(&vec![Decoder::Base64; depth])
        );
    }
    assert_eq!(found_in("x ", &STANDARD.encode(&encoded), "\n"), []);
    let hex: String = spelled(KEY, |byte| format!("{byte:02x}"));
    let mixed = STANDARD.encode(format!("h: {hex}"));
    assert_eq!(
        found_in("", &mixed, ""),
        key(&[Decoder::Base64, Decoder::Hex])
    );
}

#[test]
fn only_what_is_encoded_on_changed_lines_is_found() {
    let line = |text: &str| format!("x: {}\n", STANDARD.encode(text));
    let text = format!(
        "{0}{1}{0}",
        line(&format!("first {KEY}")),
        line("no key at all here")
    );
    let second = text.find('\n').unwrap() + 1;
    let found = |at: usize| {
        scan(&demo(), text.as_bytes(), Some(one(&(at..at + 1))))
            .hits
            .len()
    };
    assert_eq!((found(0), found(second), found(text.len() - 2)), (1, 0, 1));
}

#[test]
fn utf_16_is_read_in_either_order() {
    let text = format!("\u{feff}a = ü\r\nkey = {KEY}\r\nsecret: hunter2hunter2\r\n");
    for (mark, order) in [
        (0, u16::to_le_bytes as fn(u16) -> [u8; 2]),
        (3, u16::to_be_bytes),
    ] {
        for text in [text.as_str(), &text[mark..]] {
            let bytes: Vec<u8> = text.encode_utf16().flat_map(order).collect();
            let found = scan(&demo(), &bytes, None);
            assert_eq!(found.hits.len(), 2, "{found:?}");
            let hit = &found.hits[0];
            assert_eq!(hit.secret.as_str(), Some(KEY));
            assert_eq!(hit.decoded_by, [Decoder::Utf16]);
            assert_eq!((hit.start.line, hit.start.column), (2, 7));
            let raw: Vec<u8> = KEY.encode_utf16().flat_map(order).collect();
            assert_eq!(&bytes[hit.span.clone()], raw);
            let at = hit.span.start;
            let changed = scan(&demo(), &bytes, Some(one(&(at..at + 2))));
            assert_eq!(changed.hits.len(), 1);
        }
    }
}

#[test]
fn a_bomb_ends_at_a_limit_that_is_told() {
    let word = format!("%41%41{} ", "b".repeat(10));
    let text = word.repeat(20_000);
    let scanner = demo();
    let mut scratch = scanner.scratch();
    let found = scanner.scan(&mut scratch, &Input::of(text.as_bytes()));
    let decoded = scratch.work().decoded;
    assert!(decoded <= 9 * text.len() as u64 + 65_536, "{decoded}");
    assert!(matches!(found.incomplete, None | Some(Limit::Decoding)));
}

proptest! {
    #[test]
    fn an_encoded_key_is_found_wherever_it_stands(
        before in "[ -$&-,.:-@\\[^`{-~]{0,40}[ =:\"]",
        behind in "[ \"][ -~]{0,40}",
        around in "[a-z ]{0,20}",
        way in 0..3,
    ) {
        let plain = format!("{around} {KEY} {around}");
        let encoded = match way {
            0 => STANDARD.encode(&plain),
            1 => URL_SAFE_NO_PAD.encode(&plain),
            _ => spelled(&plain, |byte| format!("{byte:02x}")),
        };
        let text = format!("{before}{encoded}{behind}");
        let found = scan(&demo(), text.as_bytes(), None);
        let hit = found.hits.iter().find(|hit| hit.secret.as_str() == Some(KEY));
        prop_assert!(hit.is_some(), "{}", text);
        let span = hit.unwrap().span.clone();
        prop_assert!(before.len() <= span.start && span.end <= before.len() + encoded.len());
    }
}
