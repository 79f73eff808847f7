//! GitLab's report of secret detection, version 15:
//! <https://gitlab.com/gitlab-org/security-products/security-report-schemas>,
//! `dist/secret-detection-report-format.json`.

use serde_json::{Value, json};

use super::{Report, hex, places, sentence};
use crate::scan::Confidence;
use crate::scan::finding::Finding;

/// The version of the schema that reports keep to.
const SCHEMA: &str = "15.2.1";

pub(super) fn render(report: &Report<'_>) -> String {
    let [began, ended] = &report.time;
    let analyzer = json!({
        "id": "mvx",
        "name": "mvx",
        "url": "https://crates.io/crates/mvx",
        "vendor": { "name": "mvx" },
        "version": report.version,
    });
    let messages: Vec<Value> = report
        .incomplete
        .iter()
        .map(|why| json!({ "level": "fatal", "value": why }))
        .collect();
    let found: Vec<Value> = report
        .findings
        .iter()
        .zip(places(report.findings))
        .map(|(finding, place)| vulnerability(finding, place))
        .collect();
    let value = json!({
        "version": SCHEMA,
        "vulnerabilities": found,
        "scan": {
            "analyzer": analyzer,
            "scanner": analyzer,
            "type": "secret_detection",
            "start_time": began,
            "end_time": ended,
            "status": if report.incomplete.is_empty() { "success" } else { "failure" },
            "messages": messages,
        },
    });
    format!("{value:#}\n")
}

fn vulnerability(finding: &Finding, place: [u8; 16]) -> Value {
    let commit = finding.place.commit.clone().unwrap_or_default();
    // the schema wants a commit for every place; this is what GitLab's own analyzer writes without one
    let sha = if commit.id.is_empty() {
        "0000000"
    } else {
        &commit.id
    };
    let mut identifiers = vec![json!({
        "type": "mvx_rule_id",
        "name": format!("mvx rule {}", finding.rule),
        "value": finding.rule,
    })];
    if let Some(fingerprint) = &finding.fingerprint {
        identifiers.push(json!({
            "type": "mvx_fingerprint",
            "name": format!("mvx fingerprint {fingerprint}"),
            "value": fingerprint,
        }));
    }
    let mut origin = json!({ "sha": sha });
    if let Some(origin) = origin.as_object_mut().filter(|_| !commit.id.is_empty()) {
        origin.insert("author".into(), commit.author.into());
        origin.insert("date".into(), commit.date.into());
    }
    let description = [sentence(finding), finding.why.clone()].join("\n");
    json!({
        "id": uuid(place),
        "category": "secret_detection",
        "name": finding.what,
        "description": description.trim_end(),
        "severity": match finding.confidence {
            Confidence::High => "Critical",
            Confidence::Medium => "High",
            Confidence::Low => "Low",
        },
        "solution": if finding.remedy.is_empty() { "revoke it, and keep the new one encrypted" } else { &finding.remedy },
        "location": {
            "file": finding.place.path_or_words().display().to_string(),
            "start_line": finding.start.line.max(1),
            "end_line": finding.end.line.max(1),
            "commit": origin,
        },
        "identifiers": identifiers,
    })
}

/// A UUID of version 8 (RFC 9562, 5.8) around these bytes.
fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex(&bytes);
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default().to_owned();
    [
        part(0..8),
        part(8..12),
        part(12..16),
        part(16..20),
        part(20..32),
    ]
    .join("-")
}
