//! SARIF 2.1.0, <https://docs.oasis-open.org/sarif/sarif/v2.1.0/>: what code scanning services read.

use std::fmt::Write as _;

use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde_json::{Map, Value, json};

use super::{Report, hex, places, sentence};
use crate::scan::Confidence;
use crate::scan::finding::Finding;

pub(super) fn render(report: &Report<'_>) -> String {
    let mut rules: BTreeMap<&str, &Finding> = BTreeMap::new();
    for finding in report.findings {
        rules.entry(&finding.rule).or_insert(finding);
    }
    let numbers: BTreeMap<&str, usize> = rules.keys().copied().zip(0..).collect();
    let results: Vec<Value> = report
        .findings
        .iter()
        .zip(places(report.findings))
        .map(|(finding, place)| result(finding, &hex(&place), &numbers))
        .collect();
    let notes: Vec<Value> = report
        .incomplete
        .iter()
        .map(|why| json!({ "level": "error", "message": { "text": why } }))
        .collect();
    let [began, ended] = &report.time;
    let log = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "mvx",
                "semanticVersion": report.version,
                "rules": rules.values().map(|finding| rule(finding)).collect::<Vec<_>>(),
            } },
            "invocations": [{
                "executionSuccessful": report.incomplete.is_empty(),
                "startTimeUtc": format!("{began}Z"),
                "endTimeUtc": format!("{ended}Z"),
                "toolExecutionNotifications": notes,
            }],
            // 3.14.17: columns count characters, not UTF-16's units
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": { "SRCROOT": { "description": {
                "text": "the directory in which the scan ran",
            } } },
            "results": results,
            "properties": {
                "scannedPieces": report.scanned.pieces,
                "scannedBytes": report.scanned.bytes,
                "archivesOpened": report.scanned.archives.opened,
                "archivesLeft": report.scanned.archives.left,
                "archiveEntriesLocked": report.scanned.archives.locked,
                "rulesDisabled": report.weakened.disabled,
                "rulesChanged": report.weakened.changed,
                "wideAllowances": report.weakened.wide,
            },
        }],
    });
    format!("{log:#}\n")
}

fn rule(finding: &Finding) -> Value {
    let mut rule = json!({
        "id": finding.rule,
        "shortDescription": { "text": finding.what },
        "defaultConfiguration": { "level": level(finding) },
        // GitHub's scale of CVSS, docs.github.com "SARIF support for code scanning"
        "properties": {
            "tags": ["security", "secret"],
            "precision": match finding.confidence {
                Confidence::High => "very-high",
                Confidence::Medium => "high",
                Confidence::Low => "low",
            },
            "security-severity": match finding.confidence {
                Confidence::High => "9.0",
                Confidence::Medium => "7.0",
                Confidence::Low => "4.0",
            },
        },
    });
    let texts = [("fullDescription", &finding.why), ("help", &finding.remedy)];
    if let Some(rule) = rule.as_object_mut() {
        for (name, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            rule.insert(name.into(), json!({ "text": text }));
        }
    }
    rule
}

fn level(finding: &Finding) -> &'static str {
    match (finding.fails, finding.confidence) {
        (true, _) => "error",
        (false, Confidence::Low) => "note",
        (false, _) => "warning",
    }
}

fn result(finding: &Finding, place: &str, numbers: &BTreeMap<&str, usize>) -> Value {
    let mut prints = Map::new();
    prints.insert("mvxPlace/v1".into(), place.into());
    if let Some(fingerprint) = &finding.fingerprint {
        prints.insert("mvxSecret/v1".into(), fingerprint.as_str().into());
    }
    let mut properties = json!({
        "confidence": finding.confidence.name(),
        "source": finding.place.source.name(),
    });
    if let (Some(commit), Some(object)) = (&finding.place.commit, properties.as_object_mut()) {
        object.insert("commit".into(), commit.id.as_str().into());
        object.insert("author".into(), commit.author.as_str().into());
        object.insert("email".into(), commit.email.as_str().into());
        object.insert("date".into(), commit.date.as_str().into());
    }
    json!({
        "ruleId": finding.rule,
        "ruleIndex": numbers.get(finding.rule.as_str()),
        "level": level(finding),
        "message": { "text": sentence(finding) },
        "locations": [{ "physicalLocation": physical(finding) }],
        "partialFingerprints": prints,
        "properties": properties,
    })
}

fn physical(finding: &Finding) -> Value {
    let path = finding.place.path_or_words();
    let artifact = if path.is_absolute() {
        json!({ "uri": format!("file://{}", uri(&path)) })
    } else {
        json!({ "uri": uri(&path), "uriBaseId": "SRCROOT" })
    };
    if finding.is_of_file() {
        return json!({ "artifactLocation": artifact });
    }
    json!({
        "artifactLocation": artifact,
        "region": {
            "startLine": finding.start.line,
            "startColumn": finding.start.column,
            "endLine": finding.end.line,
            "endColumn": finding.end.column,
        },
    })
}

/// A path as a URI's path (RFC 3986): bytes that are not unreserved are percent-encoded.
fn uri(path: &Path) -> String {
    let mut uri = String::new();
    for part in path.components() {
        let text = match part {
            Component::RootDir => {
                uri.push('/');
                continue;
            }
            Component::CurDir => continue,
            part => part.as_os_str().to_string_lossy().into_owned(),
        };
        if !uri.is_empty() && !uri.ends_with('/') {
            uri.push('/');
        }
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                uri.push(char::from(byte));
            } else {
                write!(uri, "%{byte:02X}").ok();
            }
        }
    }
    uri
}
