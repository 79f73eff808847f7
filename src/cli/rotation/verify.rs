//! `mvx rotation verify`.

use serde_json::json;

use super::Context;
use crate::app::ledger::verify::Report;
use crate::app::many;
use crate::cli::ui::Mark;
use crate::error::{Exit, Failure};
use crate::ledger::verify::Finding;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx rotation verify
  mvx rotation verify --since origin/main")]
pub(super) struct Verify {
    /// Every event of this commit must be there as it was
    #[arg(long, value_name = "REV")]
    since: Option<String>,
}

impl Verify {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app_without_questions();
        let report = app.verify_ledger(self.since.as_deref());
        context.notes(&app);
        let report = report?;
        for failure in &report.unreadable {
            context.ui.problem(failure);
        }
        if context.ui.is_json() {
            context.ui.json(&answer(&report))?;
        } else {
            print(context, &report)?;
        }
        if let Some(failure) = report.unreadable.first() {
            return Ok(failure.exit);
        }
        Ok(if report.findings.is_empty() {
            Exit::OK
        } else {
            Exit::NO
        })
    }
}

fn answer(report: &Report) -> serde_json::Value {
    let findings: Vec<_> = report
        .findings
        .iter()
        .map(|one| {
            json!({
                "code": one.what.code(),
                "file": one.file,
                "key": one.key,
                "event": one.event,
                "text": one.what.text(),
                "hint": one.what.hint(),
            })
        })
        .collect();
    json!({
        "findings": findings,
        "events": report.events,
        "uncommitted": report.uncommitted,
        "files": report.files,
        "complete": !report.cut_short && report.unreadable.is_empty(),
    })
}

fn print(context: &Context, report: &Report) -> Result<(), Failure> {
    let mut heading: Option<Option<&str>> = None;
    let mut hints: Vec<&str> = Vec::new();
    for one in &report.findings {
        if heading != Some(one.file.as_deref()) {
            heading = Some(one.file.as_deref());
            context
                .ui
                .heading(one.file.as_deref().unwrap_or("the ledger"))?;
        }
        context.ui.finding(Mark::Problem, &line(one), &[])?;
        let hint = one.what.hint();
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    let events = many(report.events, "event", "events");
    let files = many(report.files, "secret file", "secret files");
    if report.findings.is_empty() {
        context
            .ui
            .note(&format!("{events} tell of {files} as they are"));
    } else {
        let count = many(report.findings.len(), "finding", "findings");
        context
            .ui
            .warn(&format!("{count} in {events} and {files}"), &hints);
    }
    if report.uncommitted > 0 {
        let events = many(report.uncommitted, "event is", "events are");
        context.ui.note(&format!(
            "{events} in no commit yet: `git add .mvx` takes the ledger into the next one"
        ));
    }
    if report.cut_short {
        context.ui.note(
            "not all of git's history was looked at; `--since REV` compares with a commit of your choice",
        );
    }
    Ok(())
}

/// `db.password: it changed without an event (2026/11/…)`.
fn line(one: &Finding) -> String {
    let mut line = one.what.text();
    if let Some(key) = &one.key {
        line = format!("`{key}`: {line}");
    }
    match &one.event {
        Some(event) => format!("{line} ({event})"),
        None => line,
    }
}
