//! All formats over the same findings.

use std::path::PathBuf;

use super::*;
use crate::scan::finding::{Commit, Finding, Place, Source};
use crate::scan::{Confidence, Position};

/// Invented, and in the form of nothing: what must never show in a report.
const SECRET: &str = "test_tail-hunter2-hunter2-hunter2-hunter2";

fn finding(path: &str, line: usize) -> Finding {
    Finding {
        rule: "test-token".into(),
        what: "Test token".into(),
        why: "whoever has it can test".into(),
        remedy: "revoke it".into(),
        confidence: Confidence::High,
        place: Place {
            source: Source::File,
            path: Some(PathBuf::from(path)),
            commit: None,
        },
        start: Position { line, column: 7 },
        end: Position { line, column: 48 },
        secret: SECRET.into(),
        decoded_by: Vec::new(),
        expired: None,
        fingerprint: None,
        fails: true,
    }
}

/// A plain finding, one in a hostile place, one of history, one of a file as a whole.
fn findings() -> Vec<Finding> {
    let commit = Commit {
        id: "1f0c2d3e4f5061728394a5b6c7d8e9f001122334".into(),
        author: "Ana \u{1b}[31m\"<&".into(),
        email: "ana@example.com".into(),
        date: "2026-11-22T09:30:00Z".into(),
    };
    let mut hostile = finding("a,b::c\"'<&>\n\u{202e}%0A =.env", 2);
    hostile.decoded_by = vec!["base64", "hex"];
    hostile.fails = false;
    hostile.confidence = Confidence::Low;
    let mut history = finding("src/a.rs", 40);
    history.place.source = Source::History;
    history.place.commit = Some(commit.clone());
    history.fingerprint = Some("00112233445566778899aabbccddeeff".into());
    let mut message = finding("", 3);
    message.place = Place {
        source: Source::Message,
        path: None,
        commit: Some(commit),
    };
    let mut whole = finding("secrets/a.yaml", 1);
    whole.rule = "mvx-not-encrypted".into();
    whole.what = "not encrypted, though a rule covers it".into();
    whole.secret = "".into();
    vec![
        finding("config/dev.env", 12),
        hostile,
        history,
        message,
        whole,
    ]
}

static NOTHING: Weakened = Weakened {
    disabled: Vec::new(),
    changed: Vec::new(),
    wide: 0,
};

fn report(findings: &[Finding]) -> Report<'_> {
    Report {
        findings,
        scanned: Scanned {
            pieces: 3,
            bytes: 4096,
            known: 0,
            encrypted: 7,
            archives: Archives {
                opened: 2,
                left: 1,
                locked: 0,
            },
        },
        passed: Passed {
            allowed: 1,
            known: 2,
            committed: 0,
            unreachable: 0,
        },
        weakened: &NOTHING,
        incomplete: &[],
        is_shallow: false,
        time: ["2026-11-22T09:30:00".into(), "2026-11-22T09:30:01".into()],
        version: "0.1.0",
    }
}

#[test]
fn no_format_shows_a_secret() {
    let findings = findings();
    let report = report(&findings);
    for format in Format::ALL {
        let text = render(format, &report);
        assert!(!text.contains("hunter"), "{}: {text}", format.name());
        assert!(!text.contains('\u{1b}'), "{}: {text}", format.name());
        assert_eq!(Format::from_name(format.name()), Some(format));
    }
    let shown = text(
        &report,
        Style {
            colour: false,
            show: true,
        },
    );
    assert!(shown.contains(SECRET));
}

#[test]
fn people_read_a_line_a_finding() {
    let findings = findings();
    insta::assert_snapshot!(render(Format::Text, &report(&findings)));
}

#[test]
fn machines_read_one_object() {
    let findings = findings();
    let value = value(&report(&findings));
    insta::assert_snapshot!(format!("{value:#}"));
}

#[test]
fn sarif_is_as_it_was() {
    let findings = findings();
    insta::assert_snapshot!(render(Format::Sarif, &report(&findings)));
}

#[test]
fn github_and_csv_and_junit_and_gitlab_are_as_they_were() {
    let findings = findings();
    let report = report(&findings);
    insta::assert_snapshot!("github", render(Format::Github, &report));
    insta::assert_snapshot!("csv", render(Format::Csv, &report));
    insta::assert_snapshot!("junit", render(Format::Junit, &report));
    insta::assert_snapshot!("gitlab", render(Format::Gitlab, &report));
}

#[test]
fn a_place_stays_when_lines_come_and_go() {
    let before = [finding("a", 1), finding("a", 5), finding("b", 1)];
    let after = [finding("a", 3), finding("a", 9), finding("b", 2)];
    assert_eq!(places(&before), places(&after));
    let all: std::collections::BTreeSet<_> = places(&before).into_iter().collect();
    assert_eq!(all.len(), 3);
}

#[test]
fn what_is_incomplete_is_said_by_every_format() {
    let why = ["2 objects are missing".to_owned()];
    let report = Report {
        incomplete: &why,
        ..report(&[])
    };
    for format in Format::ALL
        .into_iter()
        .filter(|format| !matches!(format, Format::Text | Format::Csv))
    {
        let text = render(format, &report);
        assert!(text.contains("2 objects are missing"), "{}", format.name());
    }
}

#[test]
fn bytes_are_told_as_people_read_them() {
    for (count, told) in [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (1_999_999, "1.9 MB"),
        (3_170_000_000, "3.1 GB"),
        (u64::MAX, "18446744.0 TB"),
    ] {
        assert_eq!(bytes(count), told);
    }
}
