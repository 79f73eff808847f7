//! Two bytes a character: in whole files, in parts of one, in anything else.

use super::{KEY, demo, one, scan};
use crate::scan::{Decoder, Position};

fn wide(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

const ORDERS: [fn(u16) -> [u8; 2]; 2] = [u16::to_le_bytes, u16::to_be_bytes];

#[test]
fn what_looks_like_utf_16_is_read_as_it_stands_too() {
    for (head, order) in [(&b"\xff\xfe"[..], 0), (b"\xfe\xff", 1)] {
        let text = [head, b"key = \"", KEY.as_bytes(), b"\"\n"].concat();
        let found = scan(&demo(), &text, None);
        assert_eq!(found.hits.len(), 1, "{order}");
        assert_eq!(found.hits[0].decoded_by, []);
        let mut text = wide(&"filler\n".repeat(100), ORDERS[order]);
        text.extend_from_slice(format!("\nkey = {KEY}\n").as_bytes());
        let found = scan(&demo(), &text, None);
        assert_eq!(found.hits.len(), 1, "{order}");
    }
}

#[test]
fn utf_16_is_found_inside_other_bytes() {
    for order in ORDERS {
        for head in [
            &[0xC3; 700][..],
            &[0xC3; 701],
            &[0; 700],
            b"plain text, and more of it\n",
            b"plain text, and more of it.\n",
            "пароль\n".as_bytes(),
        ] {
            for tail in [&b""[..], b"\0\0\0\0", b"plain", &[0xC3; 9]] {
                let mut bytes = head.to_vec();
                bytes.extend(wide(&format!("a {KEY} b"), order));
                bytes.extend_from_slice(tail);
                let found = scan(&demo(), &bytes, None);
                let [hit] = found.hits.as_slice() else {
                    panic!("{found:?}");
                };
                assert_eq!(hit.secret.as_str(), Some(KEY));
                assert_eq!(hit.decoded_by, [Decoder::Utf16]);
                // between characters, nobody can tell whose the zeros are
                let found = &bytes[hit.span.clone()];
                assert!(ORDERS.iter().any(|order| found == wide(KEY, *order)));
                assert_eq!(hit.start.line, if head.ends_with(b"\n") { 2 } else { 1 });
                let at = hit.span.start;
                assert_eq!(
                    scan(&demo(), &bytes, Some(one(&(at..at + 2)))).hits.len(),
                    1
                );
                assert_eq!(scan(&demo(), &bytes, Some(one(&(0..2)))).hits.len(), 0);
            }
        }
    }
}

#[test]
fn one_secret_is_one_finding() {
    let text = format!("\u{feff}x = 1\r\nkey = {KEY}\r\nkey = {KEY}\r\n");
    for order in ORDERS {
        let found = scan(&demo(), &wide(&text, order), None);
        let places: Vec<_> = found.hits.iter().map(|hit| hit.start).collect();
        let place = |line| Position { line, column: 7 };
        assert_eq!(places, [place(2), place(3)]);
    }
}

#[test]
fn long_texts_are_read_in_parts() {
    // keys all over 20 MB, also where parts meet
    let line = format!("some words in a line {}\n", "and more ".repeat(110));
    let mut text = String::from("\u{feff}");
    let mut expected = Vec::new();
    for number in 0..10_000 {
        if number % 7 == 0 {
            expected.push(number + 1);
            text += KEY;
            text += " ";
        }
        text += &line;
    }
    let bytes = wide(&text, u16::to_le_bytes);
    assert!(bytes.len() > 20_000_000);
    let found = scan(&demo(), &bytes, None);
    let lines: Vec<_> = found.hits.iter().map(|hit| hit.start.line).collect();
    assert_eq!(lines, expected);
    assert!(found.hits.iter().skip(1).all(|hit| hit.start.column == 1));
    for hit in &found.hits {
        assert_eq!(&bytes[hit.span.clone()], wide(KEY, u16::to_le_bytes));
    }
    let last = found.hits.last().unwrap().span.clone();
    let changed = scan(&demo(), &bytes, Some(one(&last)));
    assert_eq!(changed.hits.len(), 1);
}
