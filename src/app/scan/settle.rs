//! What of all that was found is reported.

use std::collections::HashSet;

use jiff::civil::Date;

use super::collect::{At, Collected, Raw, RawWhat};
use super::rules::Loaded;
use super::{Options, Outcome, unsealed};
use crate::app::App;
use crate::app::files::shell_word;
use crate::error::Failure;
use crate::io::clock;
use crate::scan::finding::{Commit, Finding, Place};
use crate::scan::{Allow, AllowedBy, Confidence, Hit, Position, Scanner, Until};
use crate::secret::Cleartext;

impl App<'_> {
    /// Sorts what was found, lets pass what may, and puts the rest into the outcome.
    pub(super) fn settle(
        &self,
        collected: Collected,
        loaded: &Loaded,
        scanner: &Scanner,
        options: &Options,
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        let fail_on = options
            .fail_on
            .or(loaded.fail_on)
            .unwrap_or(Confidence::Medium);
        let shown = fail_on.min(Confidence::Medium);
        let today = clock::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        outcome.passed.committed = collected.committed;
        let mut unsure = 0;
        let mut seen = HashSet::new();
        let mut findings = Vec::new();
        for Raw { at, what } in collected.found {
            let finding = match what {
                RawWhat::NotEncrypted => not_encrypted(at),
                RawWhat::Hit(hit) => {
                    let expired = match passes(&hit, &at, today, loaded) {
                        Passes::Yes => {
                            outcome.passed.allowed += 1;
                            continue;
                        }
                        Passes::NoLonger(why) => Some(why),
                        Passes::No => None,
                    };
                    finding(hit, at, expired, scanner)
                }
            };
            if finding.confidence < shown {
                unsure += 1;
                continue;
            }
            let fails = finding.confidence >= fail_on;
            findings.push(Finding { fails, ..finding });
        }
        findings.sort_by(|one, other| {
            let key = |finding: &Finding| (finding.place.words(), finding.start, finding.end);
            key(one)
                .cmp(&key(other))
                .then_with(|| one.rule.cmp(&other.rule))
        });
        // the same secret in the same file of several commits is one thing to see to
        findings.retain(|finding| {
            let key = (
                finding.rule.clone(),
                finding.place.source,
                finding.place.path.clone(),
                (finding.start.line, finding.start.column),
                finding.secret.as_bytes().to_vec(),
            );
            finding.place.commit.is_none() || seen.insert(key)
        });
        if unsure > 0 {
            self.note(format!(
                "{unsure} of low confidence not shown: `--fail-on low` shows them"
            ));
        }
        outcome.findings = findings;
        Ok(())
    }
}

/// Whether something lets a hit pass.
enum Passes {
    Yes,
    No,
    /// It did; what became of that.
    NoLonger(String),
}

fn passes(hit: &Hit, at: &At, today: Date, loaded: &Loaded) -> Passes {
    if let Some(commit) = at.commit {
        let id = commit.to_string();
        if hit.commits.iter().any(|commit| *commit == id) {
            return Passes::Yes;
        }
    }
    match &hit.allowed {
        None => Passes::No,
        Some(allow) if allow.holds_on(today) => Passes::Yes,
        Some(allow) => Passes::NoLonger(ended(allow, loaded)),
    }
}

/// What became of an allowance, in words.
fn ended(allow: &Allow, loaded: &Loaded) -> String {
    let by = match allow.by {
        AllowedBy::Marker { word, line } => format!("`{word}` on line {line}"),
        AllowedBy::Rules(number) => match (loaded.scan.allow.get(number), &loaded.origin) {
            (Some(allow), Some(origin)) => {
                let file = origin.file_name().unwrap_or_default().to_string_lossy();
                format!("`[[scan.allow]]` on line {} of {file}", allow.line)
            }
            _ => "`[[scan.allow]]`".into(),
        },
    };
    match allow.until {
        Until::Day(day) => format!("{by} let it pass until {day}"),
        _ => format!("{by} lets nothing pass: its `expires` is no date like 2027-01-31"),
    }
}

fn finding(hit: Hit, at: At, expired: Option<String>, scanner: &Scanner) -> Finding {
    let rule = scanner.rule(hit.rule);
    Finding {
        rule: rule.id.to_string(),
        what: rule.description.to_string(),
        why: rule.why.to_string(),
        remedy: rule.remedy.to_string(),
        confidence: hit.confidence,
        place: place(at),
        start: hit.start,
        end: hit.end,
        decoded_by: hit
            .decoded_by
            .iter()
            .map(|decoder| decoder.name())
            .collect(),
        secret: hit.secret,
        expired,
        fingerprint: None,
        fails: true,
    }
}

fn not_encrypted(at: At) -> Finding {
    let word = at.path.as_deref().map(shell_word).unwrap_or_default();
    let start = Position { line: 1, column: 1 };
    Finding {
        rule: unsealed::RULE.into(),
        what: "not encrypted, though a rule covers it".into(),
        why: "whoever can read the repository has its values".into(),
        remedy: format!(
            "`mvx encrypt --rm {word}` encrypts it; then change what was committed or pushed in clear"
        ),
        confidence: Confidence::High,
        place: place(at),
        start,
        end: start,
        secret: Cleartext::default(),
        decoded_by: Vec::new(),
        expired: None,
        fingerprint: None,
        fails: true,
    }
}

fn place(at: At) -> Place {
    Place {
        source: at.source,
        path: at.path,
        commit: at.commit.map(|id| Commit {
            id: id.to_string(),
            ..Commit::default()
        }),
    }
}
