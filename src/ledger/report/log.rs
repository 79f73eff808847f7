//! What happened, for people: date, secret, environment, owner, notes.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{is_hidden, markdown_cell, markdown_code};
use crate::ledger::chain::Chain;
use crate::ledger::event::{Action, Entry};
use crate::ledger::id::Id;

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object.
    Json,
    /// RFC 4180.
    Csv,
    /// A table in Markdown.
    Markdown,
}

/// A line of the log: one event, or one value of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRow {
    /// The day, in UTC.
    pub date: String,
    /// The secret, or the file where the event is about none or several.
    pub secret: String,
    /// The environment.
    pub environment: String,
    /// Who answered for it then.
    pub owner: String,
    /// What was done, why, by whom, and what else was said.
    pub notes: String,
    /// The event's id.
    pub event: String,
    /// Its action, as a word.
    pub action: &'static str,
    /// The secret file.
    pub file: String,
    /// All of its keys.
    pub keys: Vec<String>,
}

/// How many keys are named before the rest is counted.
const MOST_NAMED: usize = 5;

/// The lines of the log, the latest first. What happened at the same second stands in an order that
/// is always the same.
pub fn rows<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Vec<LogRow> {
    let mut entries: Vec<&Entry> = entries.into_iter().collect();
    // At the same second, what came of something stands above it.
    let chain = Chain::new(entries.iter().copied());
    let mut depths: HashMap<Id, usize> = HashMap::new();
    for node in chain.nodes() {
        let known = depths.entry(node.entry.id).or_default();
        *known = node.depth.max(*known);
    }
    let place = |entry: &Entry| {
        let depth = depths.get(&entry.id).copied().unwrap_or_default();
        (entry.event.at, depth, entry.id)
    };
    entries.sort_by_key(|entry| std::cmp::Reverse(place(entry)));
    entries.dedup_by(|a, b| a.id == b.id);
    entries.into_iter().map(row).collect()
}

/// Whether a text is a log as [`log`] writes one, in any format, or empty.
pub fn is_log(text: &str) -> bool {
    let firsts = [LogFormat::Csv, LogFormat::Markdown].map(|format| log(format, &[]));
    text.trim().is_empty()
        || text.starts_with("{\"log\":[")
        || firsts.iter().any(|first| text.starts_with(first))
}

/// The log as text.
pub fn log(format: LogFormat, rows: &[LogRow]) -> String {
    match format {
        LogFormat::Json => {
            let rows: Vec<Value> = rows.iter().map(object).collect();
            format!("{}\n", json!({ "log": rows }))
        }
        LogFormat::Csv => {
            let mut text = String::from("Date,Secret,Environment,Owner,Notes\r\n");
            for row in rows {
                let cells = [
                    &row.date,
                    &row.secret,
                    &row.environment,
                    &row.owner,
                    &row.notes,
                ];
                let cells: Vec<String> = cells.iter().map(|cell| csv_cell(cell)).collect();
                let _ = write!(text, "{}\r\n", cells.join(","));
            }
            text
        }
        LogFormat::Markdown => {
            let mut text = String::from("| Date | Secret | Environment | Owner | Notes |\n");
            text.push_str("|---|---|---|---|---|\n");
            for row in rows {
                let _ = writeln!(
                    text,
                    "| {} | {} | {} | {} | {} |",
                    row.date,
                    markdown_code(&row.secret),
                    markdown_cell(&row.environment),
                    markdown_cell(&row.owner),
                    markdown_cell(&row.notes),
                );
            }
            text
        }
    }
}

fn object(row: &LogRow) -> Value {
    json!({
        "date": row.date,
        "secret": row.secret,
        "environment": row.environment,
        "owner": row.owner,
        "notes": row.notes,
        "event": row.event,
        "action": row.action,
        "file": row.file,
        "keys": row.keys,
    })
}

fn row(entry: &Entry) -> LogRow {
    let event = &entry.event;
    let keys: Vec<&str> = event
        .values
        .iter()
        .map(|value| value.key.as_str())
        .collect();
    let named = keys
        .iter()
        .take(MOST_NAMED)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    let secret = match keys.len() {
        0 => event.file.clone(),
        count if count > MOST_NAMED => {
            format!("{}: {named} and {} more", event.file, count - MOST_NAMED)
        }
        _ => format!("{}: {named}", event.file),
    };
    let mut notes = done(event.action).to_owned();
    if let [only] = event.values.as_slice() {
        if let Some(from) = &only.from_key {
            let _ = write!(notes, " from {from}");
        }
        if let Some(from) = &only.from_file {
            let _ = write!(notes, " from {from}");
        }
    }
    if !event.recipients.is_empty() {
        let _ = write!(notes, ": {}", event.recipients.join(", "));
    }
    if let Some(reason) = &event.reason {
        let _ = write!(notes, " ({reason})");
    }
    let _ = write!(notes, " by {}", event.actor);
    if event.out_of_order {
        notes.push_str(", before the environment that the rules want first");
    }
    if let Some(note) = &event.note {
        let _ = write!(notes, "; {note}");
    }
    LogRow {
        date: event.at.strftime("%Y-%m-%d").to_string(),
        secret,
        environment: event.environment.clone().unwrap_or_default(),
        owner: event.owner.clone().unwrap_or_default(),
        notes,
        event: entry.id.to_string(),
        action: event.action.word(),
        file: event.file.clone(),
        keys: keys.into_iter().map(str::to_owned).collect(),
    }
}

fn done(action: Action) -> &'static str {
    match action {
        Action::Create => "created",
        Action::Rotate => "rotated",
        Action::Rekey => "encrypted under a new data key",
        Action::Grant => "access given to",
        Action::Revoke => "access taken from",
        Action::Delete => "deleted",
        Action::Restore => "restored",
        Action::Rollback => "rolled back",
        Action::Expire => "old values removed",
        Action::Verify => "settled",
        Action::Move => "moved",
        Action::Unknown => "changed, nobody said why",
    }
}

/// A cell that no spreadsheet takes for a formula.
fn csv_cell(text: &str) -> String {
    let guarded = match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{text}"),
        _ => text.to_owned(),
    };
    let guarded: String = guarded
        .chars()
        .map(|c| if is_hidden(c) { ' ' } else { c })
        .collect();
    if guarded.contains(['"', ',']) {
        format!("\"{}\"", guarded.replace('"', "\"\""))
    } else {
        guarded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::event::{Change, Event};
    use crate::ledger::fingerprint::Fingerprint;

    fn entry(day: i64, action: Action, keys: &[&str]) -> Entry {
        let at = jiff::Timestamp::from_second(day * 86_400).unwrap();
        let mut event = Event::new(at, "Ana", action, "s/a.enc.yaml");
        event.owner = Some("Payments".into());
        event.reason = Some("scheduled".into());
        event.note = Some("=2+3, \"x\" | y".into());
        event.values = keys
            .iter()
            .map(|key| Change {
                key: (*key).into(),
                from_key: None,
                from_file: None,
                rotated_from: Vec::new(),
                replaces: Vec::new(),
                restores: None,
                fingerprint: Some(Fingerprint::Empty),
            })
            .collect();
        Entry::new(event)
    }

    fn written(format: LogFormat) -> String {
        let entries = [
            entry(1, Action::Create, &["a", "b", "c", "d", "e", "f", "g"]),
            entry(3, Action::Rotate, &["a"]),
            entry(2, Action::Grant, &[]),
        ];
        let again = entries[1].clone();
        log(format, &rows(entries.iter().chain([&again])))
    }

    #[test]
    fn the_latest_comes_first_and_each_once() {
        insta::assert_snapshot!(written(LogFormat::Markdown), @r###"
    | Date | Secret | Environment | Owner | Notes |
    |---|---|---|---|---|
    | 1970-01-04 | `s/a.enc.yaml: a` |  | Payments | rotated (scheduled) by Ana; =2+3, "x" \| y |
    | 1970-01-03 | `s/a.enc.yaml` |  | Payments | access given to (scheduled) by Ana; =2+3, "x" \| y |
    | 1970-01-02 | `s/a.enc.yaml: a, b, c, d, e and 2 more` |  | Payments | created (scheduled) by Ana; =2+3, "x" \| y |
    "###);
    }

    #[test]
    fn a_spreadsheet_finds_text() {
        insta::assert_snapshot!(written(LogFormat::Csv).replace("\r\n", "\n"), @r###"
    Date,Secret,Environment,Owner,Notes
    1970-01-04,s/a.enc.yaml: a,,Payments,"rotated (scheduled) by Ana; =2+3, ""x"" | y"
    1970-01-03,s/a.enc.yaml,,Payments,"access given to (scheduled) by Ana; =2+3, ""x"" | y"
    1970-01-02,"s/a.enc.yaml: a, b, c, d, e and 2 more",,Payments,"created (scheduled) by Ana; =2+3, ""x"" | y"
    "###);
        assert_eq!(csv_cell("=1"), "'=1");
        assert_eq!(csv_cell("a\nb"), "a b");
    }
}
