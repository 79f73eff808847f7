//! The scanner as its callers see it.

mod encoded;
mod encrypted;
mod limits;
mod linear;
mod places;
mod wide;

use std::ops::Range;

use super::{Changes, Confidence, Found, Input, Rule, Rules, Scanner, Text, Until};

/// A key of a rule that is in no catalogue.
pub(super) const KEY: &str = "demo_0123456789abcdef";

fn rule(id: &'static str, regex: &'static str) -> Rule {
    Rule {
        regex: Some(Text::Borrowed(regex)),
        ..Rule::new(id)
    }
}

pub(super) fn demo() -> Scanner {
    let mut rules = Rules::none();
    rules
        .insert(rule("demo", r"\bdemo_[0-9a-f]{16}\b"))
        .unwrap();
    rules
        .insert(rule(
            "named",
            r#"(?i)secret[\s"']{0,3}[=:][\s"']{0,5}([a-z0-9]{8,20})"#,
        ))
        .unwrap();
    Scanner::new(rules)
}

fn scan(scanner: &Scanner, text: &[u8], ranges: Option<&[Range<usize>]>) -> Found {
    let input = Input {
        ranges,
        ..Input::of(text)
    };
    scanner.scan(&mut scanner.scratch(), &input)
}

fn one(range: &Range<usize>) -> &[Range<usize>] {
    std::slice::from_ref(range)
}

#[test]
fn spans_and_places_point_at_the_secret() {
    let text = format!("é\r\n  ß = \"{KEY}\"\n");
    let found = scan(&demo(), text.as_bytes(), None);
    let [hit] = found.hits.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(&text[hit.span.clone()], KEY);
    assert_eq!(hit.secret.as_str(), Some(KEY));
    assert_eq!((hit.start.line, hit.start.column), (2, 8));
    assert_eq!((hit.end.line, hit.end.column), (2, 8 + KEY.len()));
    assert_eq!(hit.confidence, Confidence::High);
    assert!(!format!("{found:?}").contains(KEY));
}

#[test]
fn only_what_touches_a_changed_line_is_found() {
    let text = format!("a {KEY}\nb\nc {KEY}\nd {KEY}");
    let at = text.find("c ").unwrap();
    let lines = |ranges: &[Range<usize>]| -> Vec<usize> {
        let found = scan(&demo(), text.as_bytes(), Some(ranges));
        found.hits.iter().map(|hit| hit.start.line).collect()
    };
    assert_eq!(lines(one(&(at..at + 1))), [3]);
    assert_eq!(lines(&[]), [0; 0]);
    assert_eq!(lines(one(&(text.len()..text.len()))), [4]);
    // where something was taken away, both sides count
    assert_eq!(lines(one(&(at..at))), [3]);
    assert_eq!(lines(&[at - 3..at + 60, 0..1]), [1, 3, 4]);
    let whole = 0..text.len();
    assert_eq!(lines(one(&whole)), [1, 3, 4]);
}

#[test]
fn a_value_on_a_changed_line_is_found_with_its_key_on_another() {
    let text = "secret:\n  hunter2hunter2\nother: 1\n";
    let value = text.find("hunter").unwrap();
    let found = scan(&demo(), text.as_bytes(), Some(one(&(value..value + 4))));
    assert_eq!(found.hits.len(), 1);
    assert_eq!(found.hits[0].secret.as_str(), Some("hunter2hunter2"));
    let found = scan(&demo(), text.as_bytes(), Some(one(&(30..32))));
    assert_eq!(found.hits.len(), 0);
}

#[test]
fn a_marker_is_reported_and_hides_nothing() {
    let text = format!("{KEY} # mvx:allow until=2027-01-31 a demo\n");
    let found = scan(&demo(), text.as_bytes(), None);
    let allow = found.hits[0].allowed.as_ref().unwrap();
    assert_eq!(allow.reason.as_deref(), Some("a demo"));
    let Until::Day(day) = allow.until else {
        panic!("{allow:?}");
    };
    assert!(allow.holds_on(day));
    assert!(!allow.holds_on(day.tomorrow().unwrap()));
}

#[test]
fn changes_add_disable_and_let_pass() {
    let rules = || {
        let mut rules = Rules::none();
        rules
            .insert(rule("demo", r"\bdemo_[0-9a-f]{16}\b"))
            .unwrap();
        rules
    };
    let allow = |allow: super::Allowance| {
        let changes = Changes {
            allow: vec![allow],
            ..Changes::default()
        };
        Scanner::new(rules().with(changes).unwrap())
    };
    let scanner = allow(super::Allowance {
        paths: vec!["fixtures/".into()],
        stopwords: vec!["ABCDEF".into()],
        ..super::Allowance::default()
    });
    let allowed = |path: &str| {
        let input = Input {
            path: Some(path.as_bytes()),
            ..Input::of(KEY.as_bytes())
        };
        scanner.scan(&mut scanner.scratch(), &input).hits[0]
            .allowed
            .is_some()
    };
    assert!(allowed("fixtures/a.txt"));
    assert!(!allowed("src/a.txt"));
    let off = Changes {
        disable: vec!["demo".into()],
        ..Changes::default()
    };
    assert_eq!(rules().with(off).unwrap().iter().len(), 0);
    let off = Changes {
        disable: vec!["dem".into()],
        ..Changes::default()
    };
    let error = rules().with(off).unwrap_err();
    assert_eq!(error.to_string(), "there is no scan rule `dem`");
}
