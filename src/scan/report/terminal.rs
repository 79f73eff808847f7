//! The report for people: one line a finding that begins with a place to click on, and below it
//! what a reader needs who meets this rule for the first time.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Report, sentence};
use crate::io::safe_text::safe;
use crate::scan::finding::{Finding, Source};

/// How the text looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether colour may be used (ECMA-48).
    pub colour: bool,
    /// Whether the secrets themselves are shown: only ever at a terminal.
    pub show: bool,
}

pub(super) fn render(report: &Report<'_>, style: Style) -> String {
    let mut text = String::new();
    let mut met: BTreeSet<&str> = BTreeSet::new();
    for finding in report.findings {
        one(&mut text, finding, style, met.insert(&finding.rule));
    }
    text
}

fn one(text: &mut String, finding: &Finding, style: Style, is_first: bool) {
    let place = place(finding);
    let (bold, red, reset) = if style.colour {
        (BOLD, if finding.fails { RED } else { YELLOW }, RESET)
    } else {
        ("", "", "")
    };
    // writing to a string does not fail
    writeln!(
        text,
        "{bold}{place}{reset}: {red}{}{reset} [{}, {}]",
        safe(&sentence(finding)),
        safe(&finding.rule),
        finding.confidence.name()
    )
    .ok();
    if style.show && !finding.is_of_file() {
        let secret = String::from_utf8_lossy(finding.secret.as_bytes());
        for line in secret.lines() {
            writeln!(text, "    {}", safe(line)).ok();
        }
    }
    if let Some(commit) = &finding.place.commit {
        let what = match finding.place.source {
            Source::Tag => "tag",
            Source::Stash => "stash",
            Source::Note => "note on commit",
            _ => "commit",
        };
        let day = commit.date.get(..10).unwrap_or(&commit.date);
        let by = [commit.author.as_str(), commit.email.as_str()];
        let by = match by {
            ["", ""] => String::new(),
            [name, ""] => format!(" by {name}"),
            ["", email] => format!(" by <{email}>"),
            [name, email] => format!(" by {name} <{email}>"),
        };
        writeln!(
            text,
            "    {what} {} of {day}{}",
            safe(commit.short()),
            safe(&by)
        )
        .ok();
    }
    if !is_first {
        return;
    }
    for (word, line) in [("why", &finding.why), ("do", &finding.remedy)] {
        if !line.is_empty() {
            writeln!(text, "    {word}: {}", safe(line)).ok();
        }
    }
}

/// `path:line:column`, as editors and terminals know it.
fn place(finding: &Finding) -> String {
    let place = finding.place.words();
    let place = safe(&place);
    if finding.is_of_file() {
        place.into_owned()
    } else {
        format!("{place}:{}:{}", finding.start.line, finding.start.column)
    }
}

// ECMA-48, select graphic rendition
const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const RESET: &str = "\x1b[0m";
