//! What may be said of every filter: nothing of a value comes out, nothing else is lost, and the
//! pieces do not matter.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::collection::vec;
use proptest::prelude::*;

use super::forms::Form;
use super::patterns::LONGEST;
use super::{Filter, MASK, Patterns, TooMuch};
use crate::secret::Cleartext;

fn filter(values: &[&[u8]]) -> Filter {
    Filter::new(Arc::new(Patterns::new(values.iter().copied()).unwrap()))
}

/// What comes out of a text in pieces of these sizes, over and over.
fn filtered(mut filter: Filter, text: &[u8], sizes: &[usize]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    for size in sizes.iter().cycle() {
        let (piece, others) = rest.split_at(rest.len().min(*size));
        filter.feed(piece, &mut out);
        rest = others;
        if rest.is_empty() {
            break;
        }
    }
    filter.finish(&mut out);
    out
}

fn masked(values: &[&str], text: &str) -> String {
    let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
    let whole = filtered(filter(&values), text.as_bytes(), &[text.len().max(1)]);
    let bytes = filtered(filter(&values), text.as_bytes(), &[1]);
    assert_eq!(whole, bytes);
    String::from_utf8(whole).unwrap()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_value_is_masked_and_the_rest_stays() {
    assert_eq!(masked(&["hunter2-long"], "pw=hunter2-long!\n"), "pw=***!\n");
    assert_eq!(
        masked(&["hunter2-long"], "pw=hunter2-lon\n"),
        "pw=hunter2-lon\n"
    );
    assert_eq!(masked(&["short"], "short"), "short");
    assert_eq!(masked(&[], "anything"), "anything");
}

#[test]
fn overlapping_and_adjacent_matches_share_a_mask() {
    let values = ["abcdefgh", "efghijklmn", "abcdefghijklmnop"];
    assert_eq!(masked(&values, "<abcdefghijklmn>"), "<***>");
    assert_eq!(masked(&values, "<abcdefghijklmnop>"), "<***>");
    assert_eq!(masked(&values, "<abcdefghabcdefgh>"), "<***>");
    assert_eq!(masked(&values, "<abcdefghijk>"), "<***ijk>");
    assert_eq!(masked(&["aaaaaaaa"], &"a".repeat(21)), "***");
}

#[test]
fn base64_is_masked_to_its_end() {
    let value = "hunter2-long";
    for before in ["", "u:", "u", "user:", "long user name:"] {
        for after in ["", "\n", "@host", "xy"] {
            let text = format!("{before}{value}{after}");
            let encoded = STANDARD.encode(&text);
            let shown = masked(&[value], &format!("<{encoded}>"));
            assert!(shown.contains("***"), "{shown}");
            // what is left holds no whole byte of the value
            let left = shown.len() - "<***>".len();
            assert!(
                left <= (before.len() + after.len()) * 4 / 3 + 3,
                "{text}: {shown}"
            );
        }
    }
    assert_eq!(
        masked(&[value], &format!("<{}>", STANDARD.encode(value))),
        "<***>"
    );
    // 13 bytes leave two bits over, which stand in one more character
    let value = "hunter2-longs";
    assert_eq!(
        masked(&[value], &format!("<{}>", STANDARD.encode(value))),
        "<***>"
    );
    assert_eq!(
        masked(&[value], &format!("<{}>", URL_SAFE_NO_PAD.encode(value))),
        "<***>"
    );
}

#[test]
fn only_what_may_become_a_match_is_held_back() {
    let mut filter = filter(&[b"hunter2-long"]);
    let mut shown = |piece: &str| {
        let mut out = Vec::new();
        filter.feed(piece.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(shown("Password: "), "Password: ");
    assert_eq!(shown("is it h"), "is it ");
    assert_eq!(shown("unter"), "");
    assert_eq!(shown("s or hunter2"), "hunters or ");
    assert_eq!(shown("-long"), "***");
    assert_eq!(shown("."), ".");
}

#[test]
fn a_longer_value_that_does_not_come_holds_back_nothing_of_a_shorter_one() {
    let mut filter = filter(&[b"line-one\nline-two".as_slice()]);
    let mut out = Vec::new();
    filter.feed(b"line-one\n", &mut out);
    assert_eq!(out, MASK);
    filter.feed(b"line-2\n", &mut out);
    assert_eq!(out, b"***\nline-2\n");
}

#[test]
fn of_a_secret_that_comes_slowly_two_bytes_are_seen() {
    let value = b"hunter2-long";
    let mut filter = filter(&[value]);
    let mut out = Vec::new();
    for byte in b"$ hunter2-long hu" {
        filter.feed(&[*byte], &mut out);
        for _ in 0..3 {
            filter.idle(&mut out);
            assert!(!filter.waits());
        }
    }
    assert_eq!(out, b"$ hu*** hu");
    filter.feed(b"nt", &mut out);
    assert!(!filter.waits());
    filter.finish(&mut out);
    assert_eq!(out, b"$ hu*** hunt");
}

#[test]
fn a_secret_that_is_cut_off_at_the_end_is_masked_from_its_half_on() {
    assert_eq!(masked(&["hunter2-very-long"], "hunter2-v"), "***");
    assert_eq!(masked(&["hunter2-very-long"], "hunter2-"), "hunter2-");
    assert_eq!(masked(&["hunter2-very-long"], "hunter2-v."), "hunter2-v.");
}

/// Blanks in front of a value move every later character of its base64 to another place.
#[test]
fn base64_in_lines_of_a_value_that_begins_with_blanks_is_masked() {
    for blanks in ["\n", "  ", "\t \n"] {
        let value = format!("{blanks}{}", "invented-0123456789-".repeat(9));
        for (width, end) in [(64, "\n"), (76, "\n"), (76, "\r\n")] {
            let whole = STANDARD.encode(&value);
            let lines: Vec<&str> = whole
                .as_bytes()
                .chunks(width)
                .map(|line| std::str::from_utf8(line).unwrap())
                .collect();
            let shown = masked(&[&value], &lines.join(end));
            assert_eq!(shown, "***", "{blanks:?} {width}");
        }
    }
}

#[test]
fn hex_in_lines_is_masked() {
    let value = "invented-0123456789-".repeat(4);
    let digits = super::encode::hex(value.as_bytes(), false);
    let digits = digits.as_str().unwrap();
    let lines: Vec<&str> = digits
        .as_bytes()
        .chunks(60)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    assert_eq!(masked(&[&value], &lines.join("\n")), "***");
}

#[test]
fn too_many_secrets_are_refused() {
    let long = vec![b'x'; LONGEST + 1];
    let found = Patterns::new([b"hunter2-long".as_slice(), &long]);
    assert_eq!(found.err(), Some(TooMuch { number: 1 }));
}

#[test]
fn many_values_with_one_beginning_are_told_apart() {
    let values: Vec<String> = (0..500)
        .map(|n| format!("https://host.example/{n}/end"))
        .collect();
    let bytes: Vec<&[u8]> = values.iter().map(String::as_bytes).collect();
    let text = values.join(" ") + " https://host.example/500/end https://h";
    let shown = filtered(filter(&bytes), text.as_bytes(), &[7]);
    let expected = vec!["***"; 500].join(" ") + " https://host.example/500/end https://h";
    assert_eq!(String::from_utf8(shown).unwrap(), expected);
}

/// What should come out: every byte of a match is masked, matches that touch share a mask.
fn model(forms: &[Vec<u8>], text: &[u8]) -> Vec<u8> {
    let mut covered = vec![false; text.len()];
    for form in forms {
        for at in 0..text.len() {
            if text[at..].starts_with(form) {
                covered[at..at + form.len()].fill(true);
            }
        }
    }
    // what is cut off at the end
    for at in 0..text.len() {
        let rest = &text[at..];
        let cut = |form: &Vec<u8>| form.starts_with(rest) && rest.len() * 2 >= form.len();
        if rest.len() >= 8 && forms.iter().any(cut) {
            covered[at..].fill(true);
        }
    }
    let mut out = Vec::new();
    for (at, byte) in text.iter().enumerate() {
        if !covered[at] {
            out.push(*byte);
        } else if at == 0 || !covered[at - 1] {
            out.extend_from_slice(MASK);
        }
    }
    out
}

/// Few letters, so that forms overlap and repeat.
fn letters(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    vec(prop::sample::select(b"ab".to_vec()), length)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn it_finds_what_a_plain_search_finds(
        forms in vec(letters(8..14), 0..6),
        text in letters(0..120),
        sizes in vec(1_usize..20, 1..6),
    ) {
        let plain = |bytes: &Vec<u8>| Form { bytes: Cleartext::new(bytes.clone()), shares_its_end: false };
        let patterns = Arc::new(Patterns::of(forms.iter().map(plain).collect()));
        let shown = filtered(Filter::new(patterns), &text, &sizes);
        prop_assert_eq!(shown, model(&forms, &text));
    }

    #[test]
    fn a_text_without_secrets_is_not_touched(
        values in vec("[a-z]{8,20}", 0..6),
        text in vec(any::<u8>(), 0..400),
        sizes in vec(1_usize..50, 1..6),
    ) {
        let bytes: Vec<&[u8]> = values.iter().map(String::as_bytes).collect();
        prop_assert_eq!(filtered(filter(&bytes), &text, &sizes), text);
    }

    #[test]
    fn no_form_of_a_value_comes_through(
        value in prop_oneof![
            "[ -~]{8,40}",
            "\\PC{8,30}",
            "[A-Za-z0-9+/]{20,40}\n[A-Za-z0-9+/]{20,40}\n",
            "[a-z]{1,5}(\r?\n[\"'&<>$`\\\\ a-z]{1,12}){1,4}",
        ],
        before in "[ -~]{0,5}",
        sizes in vec(1_usize..40, 1..4),
        seed in any::<usize>(),
    ) {
        let bytes = value.as_bytes();
        prop_assume!(value.trim().chars().count() >= 8);
        let all = super::forms::forms(bytes);
        let form = all[seed % all.len()].bytes.as_bytes();
        let text = [before.as_bytes(), form, b"\n"].concat();
        let shown = filtered(filter(&[bytes]), &text, &sizes);
        prop_assert!(!contains(&shown, form), "{:?}", String::from_utf8_lossy(&shown));
        prop_assert!(shown.len() <= before.len() + MASK.len() + 2);
    }
}
