//! What is due.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::calendar::calendar;
use super::{markdown_cell, markdown_code};
use crate::ledger::due::Cadence;

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DueFormat {
    /// One JSON object.
    Json,
    /// The body of an issue on GitHub: a list of tasks.
    Github,
    /// A calendar file (RFC 5545).
    Ics,
    /// A table in Markdown.
    Markdown,
}

/// A secret and how it stands with its cadence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueRow {
    /// The file, from the repository's root.
    pub file: String,
    /// The key path.
    pub key: String,
    /// The environment.
    pub environment: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// How critical it is.
    pub criticality: Option<&'static str>,
    /// Since when the value is what it is, as far as is known.
    pub since: Option<Timestamp>,
    /// How it stands.
    pub cadence: Cadence,
    /// Whether its last change is not in the ledger, or nobody has said what it was.
    pub unexplained: bool,
}

/// A replaced or deleted value that is not kept much longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The file, from the repository's root.
    pub file: String,
    /// The key path.
    pub key: String,
    /// Until when.
    pub until: Timestamp,
}

/// What is due, as text.
pub fn due(format: DueFormat, rows: &[DueRow], endings: &[Ending], now: Timestamp) -> String {
    match format {
        DueFormat::Json => format!("{}\n", object(rows, endings)),
        DueFormat::Github => issue(rows, endings),
        DueFormat::Ics => calendar(rows, now),
        DueFormat::Markdown => table(rows),
    }
}

/// The day of a time, in UTC.
fn day(time: Option<Timestamp>) -> String {
    time.map_or_else(String::new, |time| time.strftime("%Y-%m-%d").to_string())
}

fn object(rows: &[DueRow], endings: &[Ending]) -> Value {
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "file": row.file,
                "key": row.key,
                "environment": row.environment,
                "owner": row.owner,
                "criticality": row.criticality,
                "state": row.cadence.word(),
                "since": row.since.map(|since| since.to_string()),
                "due": row.cadence.due().map(|due| due.to_string()),
                "unexplained": row.unexplained,
            })
        })
        .collect();
    let endings: Vec<Value> = endings
        .iter()
        .map(|one| json!({ "file": one.file, "key": one.key, "until": one.until.to_string() }))
        .collect();
    json!({ "secrets": rows, "ending": endings })
}

fn table(rows: &[DueRow]) -> String {
    let mut text = String::from("| Due | State | Secret | Environment | Owner | Since |\n");
    text.push_str("|---|---|---|---|---|---|\n");
    for row in rows {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            day(row.cadence.due()),
            row.cadence.word(),
            markdown_code(&format!("{}: {}", row.file, row.key)),
            markdown_cell(row.environment.as_deref().unwrap_or_default()),
            markdown_cell(row.owner.as_deref().unwrap_or_default()),
            day(row.since),
        );
    }
    text
}

/// A title, labels as GitHub's own issue forms spell them, and tasks.
fn issue(rows: &[DueRow], endings: &[Ending]) -> String {
    let urgent = |row: &&DueRow| matches!(row.cadence, Cadence::Overdue(_) | Cadence::Soon(_));
    let count = rows.iter().filter(urgent).count();
    let mut text = format!(
        "---\ntitle: \"Rotate {count} secret{}\"\nlabels: [\"security::secrets\"]\n---\n",
        if count == 1 { "" } else { "s" }
    );
    let titles = [
        ("overdue", "Overdue"),
        ("due", "Due"),
        ("never", "Never rotated, as far as the ledger knows"),
    ];
    for (word, title) in titles {
        let belongs = |row: &&DueRow| row.cadence.word() == word;
        let all: Vec<&DueRow> = rows.iter().filter(belongs).collect();
        if all.is_empty() {
            continue;
        }
        let _ = write!(text, "\n## {title}\n\n");
        for row in all {
            let name = markdown_code(&format!("{}: {}", row.file, row.key));
            let _ = write!(text, "- [ ] {name}");
            if let Some(due) = row.cadence.due() {
                let _ = write!(text, ", {}", day(Some(due)));
            }
            for part in [&row.environment, &row.owner].into_iter().flatten() {
                let _ = write!(text, ", {}", markdown_cell(part));
            }
            if let Some(criticality) = row.criticality {
                let _ = write!(text, ", {criticality}");
            }
            text.push('\n');
        }
    }
    if !endings.is_empty() {
        text.push_str("\n## Replaced values that end soon\n\n");
        for one in endings {
            let name = markdown_code(&format!("{}: {}", one.file, one.key));
            let _ = writeln!(text, "- {name}, until {}", one.until);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<DueRow> {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let row = |key: &str, cadence| DueRow {
            file: "s/prod.enc.yaml".into(),
            key: key.into(),
            environment: Some("prod".into()),
            owner: Some("Payments | Team".into()),
            criticality: Some("critical"),
            since: Some(time("2026-01-01T00:00:00Z")),
            cadence,
            unexplained: false,
        };
        vec![
            row("A", Cadence::Overdue(time("2026-04-01T00:00:00Z"))),
            row("B, C", Cadence::Soon(time("2026-12-01T00:00:00Z"))),
            row("D", Cadence::Soon(time("2026-12-01T00:00:00Z"))),
            row("E", Cadence::Never),
        ]
    }

    fn written(format: DueFormat) -> String {
        let now = "2026-11-22T09:30:00Z".parse().unwrap();
        let ending = Ending {
            file: "s/prod.enc.yaml".into(),
            key: "A".into(),
            until: now,
        };
        due(format, &rows(), &[ending], now)
    }

    #[test]
    fn an_issue_has_tasks() {
        insta::assert_snapshot!(written(DueFormat::Github), @r###"
    ---
    title: "Rotate 3 secrets"
    labels: ["security::secrets"]
    ---

    ## Overdue

    - [ ] `s/prod.enc.yaml: A`, 2026-04-01, prod, Payments \| Team, critical

    ## Due

    - [ ] `s/prod.enc.yaml: B, C`, 2026-12-01, prod, Payments \| Team, critical
    - [ ] `s/prod.enc.yaml: D`, 2026-12-01, prod, Payments \| Team, critical

    ## Never rotated, as far as the ledger knows

    - [ ] `s/prod.enc.yaml: E`, prod, Payments \| Team, critical

    ## Replaced values that end soon

    - `s/prod.enc.yaml: A`, until 2026-11-22T09:30:00Z
    "###);
    }

    #[test]
    fn a_calendar_has_a_day_each() {
        insta::assert_snapshot!(written(DueFormat::Ics).replace("\r\n", "\n"), @r###"
    BEGIN:VCALENDAR
    VERSION:2.0
    PRODID:-//mvx//rotation due//EN
    BEGIN:VEVENT
    UID:49e0df34a53955cbe11812be45c733f0@mvx
    DTSTAMP:20261122T093000Z
    DTSTART;VALUE=DATE:20260401
    SUMMARY:rotate A
    DESCRIPTION:s/prod.enc.yaml: A
    TRANSP:TRANSPARENT
    BEGIN:VALARM
    ACTION:DISPLAY
    DESCRIPTION:rotate A
    TRIGGER:-P3D
    END:VALARM
    END:VEVENT
    BEGIN:VEVENT
    UID:3e9d4c76954252d248c1e4216fefd303@mvx
    DTSTAMP:20261122T093000Z
    DTSTART;VALUE=DATE:20261201
    SUMMARY:rotate 2 secrets
    DESCRIPTION:s/prod.enc.yaml: B\, C\ns/prod.enc.yaml: D
    TRANSP:TRANSPARENT
    BEGIN:VALARM
    ACTION:DISPLAY
    DESCRIPTION:rotate 2 secrets
    TRIGGER:-P3D
    END:VALARM
    END:VEVENT
    END:VCALENDAR
    "###);
        assert_eq!(written(DueFormat::Ics), written(DueFormat::Ics));
    }

    #[test]
    fn a_table_holds_what_could_break_it() {
        insta::assert_snapshot!(written(DueFormat::Markdown), @r###"
    | Due | State | Secret | Environment | Owner | Since |
    |---|---|---|---|---|---|
    | 2026-04-01 | overdue | `s/prod.enc.yaml: A` | prod | Payments \| Team | 2026-01-01 |
    | 2026-12-01 | due | `s/prod.enc.yaml: B, C` | prod | Payments \| Team | 2026-01-01 |
    | 2026-12-01 | due | `s/prod.enc.yaml: D` | prod | Payments \| Team | 2026-01-01 |
    |  | never | `s/prod.enc.yaml: E` | prod | Payments \| Team | 2026-01-01 |
    "###);
    }
}
