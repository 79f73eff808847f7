//! The report as one object.

use serde_json::{Value, json};

use super::{Report, hex, places, redacted};
use crate::scan::finding::{Commit, Finding};

pub(super) fn render(report: &Report<'_>) -> String {
    format!("{}\n", value(report))
}

pub(super) fn value(report: &Report<'_>) -> Value {
    let findings: Vec<Value> = report
        .findings
        .iter()
        .zip(places(report.findings))
        .map(|(finding, place)| one(finding, &hex(&place)))
        .collect();
    let scanned = report.scanned;
    json!({
        "findings": findings,
        "complete": report.incomplete.is_empty(),
        "incomplete": report.incomplete,
        "shallow": report.is_shallow,
        "scanned": {
            "pieces": scanned.pieces,
            "bytes": scanned.bytes,
            "known": scanned.known,
            "encrypted": scanned.encrypted,
            "archives": {
                "opened": scanned.archives.opened,
                "left": scanned.archives.left,
                "locked": scanned.archives.locked,
            },
        },
        "passed": {
            "allowed": report.passed.allowed,
            "known": report.passed.known,
            "committed": report.passed.committed,
            "unreachable": report.passed.unreachable,
        },
        "rules": {
            "disabled": report.weakened.disabled,
            "changed": report.weakened.changed,
            "wide_allowances": report.weakened.wide,
        },
    })
}

fn one(finding: &Finding, id: &str) -> Value {
    let secret = finding.secret.as_bytes();
    json!({
        "id": id,
        "rule": finding.rule,
        "what": finding.what,
        "why": finding.why,
        "remedy": finding.remedy,
        "confidence": finding.confidence.name(),
        "fails": finding.fails,
        "source": finding.place.source.name(),
        "path": finding.place.path.as_ref().map(|path| path.display().to_string()),
        "line": finding.start.line,
        "column": finding.start.column,
        "end_line": finding.end.line,
        "end_column": finding.end.column,
        "commit": finding.place.commit.as_ref().map(commit),
        "secret": (!finding.is_of_file()).then(|| json!({
            "prefix": redacted::public_prefix(secret),
            "length": redacted::length(secret),
        })),
        "decoded_by": finding.decoded_by,
        "expired": finding.expired,
        "fingerprint": finding.fingerprint,
    })
}

fn commit(commit: &Commit) -> Value {
    json!({
        "id": commit.id,
        "author": commit.author,
        "email": commit.email,
        "date": commit.date,
    })
}
