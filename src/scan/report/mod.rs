//! What a scan found, as a text. Pure: findings in, bytes out. No format holds a byte of a secret
//! beyond its public prefix, see [`redacted`]; only the one for people can be told to show them.

mod csv;
mod github;
mod gitlab;
mod json;
mod junit;
pub mod redacted;
mod sarif;
mod terminal;

pub use terminal::Style;

use std::fmt::Write as _;

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::Weakened;
use super::finding::Finding;

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One object; `mvx help json` shows it.
    Json,
    /// SARIF 2.1.0 (OASIS).
    Sarif,
    /// RFC 4180.
    Csv,
    /// `JUnit`'s XML, as CI services read it.
    Junit,
    /// Commands in the log of a job of GitHub Actions, which become annotations.
    Github,
    /// GitLab's report of secret detection, version 15.
    Gitlab,
}

impl Format {
    /// All, in the order in which help names them.
    pub const ALL: [Self; 7] = [
        Self::Text,
        Self::Json,
        Self::Sarif,
        Self::Csv,
        Self::Junit,
        Self::Github,
        Self::Gitlab,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Sarif => "sarif",
            Self::Csv => "csv",
            Self::Junit => "junit",
            Self::Github => "github",
            Self::Gitlab => "gitlab",
        }
    }

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Whether it has a field for fingerprints.
    pub const fn has_fingerprints(self) -> bool {
        matches!(self, Self::Json | Self::Sarif | Self::Csv | Self::Gitlab)
    }
}

/// What a scan found, and how much it looked at.
pub struct Report<'a> {
    /// What was found and is not let pass, in the order in which it is to be read.
    pub findings: &'a [Finding],
    /// How much was looked at.
    pub scanned: Scanned,
    /// What was let pass.
    pub passed: Passed,
    /// What of the rules the project's own take away.
    pub weakened: &'a Weakened,
    /// Why the answer is not whole, each reason in words: nobody may take it for clean then.
    pub incomplete: &'a [String],
    /// Whether the repository is a shallow clone: older commits are not in it.
    pub is_shallow: bool,
    /// When the scan began and ended, in UTC, `2026-11-22T09:30:00`, where the format wants it.
    pub time: [String; 2],
    /// mvx's version.
    pub version: &'static str,
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Files, blobs, messages.
    pub pieces: u64,
    /// Their bytes, as far as they were looked at.
    pub bytes: u64,
    /// Pieces that were known from an earlier scan with the same rules, and clean.
    pub known: u64,
    /// Encrypted tokens that were passed over.
    pub encrypted: u64,
    /// What became of archives.
    pub archives: Archives,
}

/// What became of archives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Archives {
    /// That were opened, those in others included.
    pub opened: u64,
    /// That were not looked into: nobody asked for it, or mvx does not know how.
    pub left: u64,
    /// Encrypted entries, which nobody can look into without the password.
    pub locked: u64,
}

/// How many findings were let pass, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// A comment beside them, or the rules.
    pub allowed: usize,
    /// The baseline, `.gitleaksignore` or `.secrets.baseline`.
    pub known: usize,
    /// The last commit holds them in the same file.
    pub committed: usize,
    /// No branch or tag leads to them.
    pub unreachable: usize,
}

impl Passed {
    /// All together.
    pub const fn total(&self) -> usize {
        self.allowed + self.known + self.committed
    }
}

/// Writes a report in a format for machines; the one for people is [`text`].
pub fn render(format: Format, report: &Report<'_>) -> String {
    match format {
        Format::Text => text(report, Style::default()),
        Format::Json => json::render(report),
        Format::Sarif => sarif::render(report),
        Format::Csv => csv::render(report),
        Format::Junit => junit::render(report),
        Format::Github => github::render(report),
        Format::Gitlab => gitlab::render(report),
    }
}

/// The findings for people.
pub fn text(report: &Report<'_>, style: Style) -> String {
    terminal::render(report, style)
}

/// The report as a value, for an answer that holds more.
pub fn value(report: &Report<'_>) -> serde_json::Value {
    json::value(report)
}

/// A number of bytes as people read it: `3.1 MB`. SI units.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    let (mut whole, mut unit) = (count, None);
    let mut rest = 0;
    for name in UNITS {
        if whole < 1000 {
            break;
        }
        (whole, rest) = (whole / 1000, whole % 1000);
        unit = Some(name);
    }
    match unit {
        None if count == 1 => "1 byte".into(),
        None => format!("{count} bytes"),
        Some(unit) => format!("{whole}.{} {unit}", rest / 100),
    }
}

/// For each finding something that names its place and stays when lines above it come and go: a
/// hash of rule, path and how manieth of the rule's findings in that path it is. Nothing of the
/// secret is in it.
fn places(findings: &[Finding]) -> Vec<[u8; 16]> {
    let mut counts: BTreeMap<(&str, String), u64> = BTreeMap::new();
    let place = |finding: &Finding, number: u64| {
        let mut hash = Sha256::new();
        for part in [
            "mvx place 1",
            &finding.rule,
            finding.place.source.name(),
            &finding.place.words(),
        ] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hash.update(number.to_le_bytes());
        let mut place = [0; 16];
        let hash = hash.finalize();
        place.copy_from_slice(hash.get(..16).unwrap_or(&[0; 16]));
        place
    };
    findings
        .iter()
        .map(|finding| {
            let count = counts
                .entry((&finding.rule, finding.place.words()))
                .or_default();
            *count += 1;
            place(finding, *count)
        })
        .collect()
}

/// Bytes in hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // writing to a string does not fail
        write!(digits, "{byte:02x}").ok();
    }
    digits
}

/// What a finding is, on one line: what it is, redacted, and what lets it pass no longer.
fn sentence(finding: &Finding) -> String {
    let mut text = finding.what.clone();
    if !finding.is_of_file() {
        text += ": ";
        text += &redacted::redacted(finding.secret.as_bytes());
    }
    if !finding.decoded_by.is_empty() {
        write!(text, ", encoded as {}", finding.decoded_by.join(" in ")).ok();
    }
    if let Some(expired) = &finding.expired {
        write!(text, "; {expired}").ok();
    }
    text
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
