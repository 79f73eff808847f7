//! `mvx rotation record` and `mvx rotation repair`.

use std::path::PathBuf;

use serde_json::json;

use super::Context;
use crate::app::ledger::record::{Recorded, Request};
use crate::app::many;
use crate::cli::json::in_json;
use crate::cli::misuse;
use crate::error::{Exit, Failure};
use crate::keypath::KeyPath;
use crate::ledger::DIRECTORY;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx rotation record
  mvx rotation record --dry-run
  mvx rotation record --reason scheduled secrets/prod/db.enc.yaml --key db.password")]
pub(super) struct Record {
    /// Files or directories; everything where none is named
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only this key
    #[arg(long, value_name = "KEY", requires = "files")]
    key: Option<String>,
    /// What unknown changes were: scheduled, leak, offboard:NAME, request, or in words
    #[arg(long)]
    reason: Option<String>,
    /// What else there is to say of them
    #[arg(long, value_name = "TEXT", requires = "reason")]
    note: Option<String>,
    /// Show what would be entered, and stop
    #[arg(long)]
    dry_run: bool,
}

impl Record {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let key = self.key.as_deref().map(KeyPath::parse).transpose()?;
        let key = key.map(|key| key.to_string());
        if self
            .reason
            .as_deref()
            .is_some_and(|reason| reason.trim().is_empty())
        {
            return Err(misuse("the reason is empty"));
        }
        let app = context.app_without_questions();
        let done = app.record_events(&Request {
            files: &self.files,
            key: key.as_deref(),
            reason: self.reason.as_deref(),
            note: self.note.as_deref(),
            dry_run: self.dry_run,
        });
        context.notes(&app);
        let done = done?;
        for failure in &done.unreadable {
            context.ui.problem(failure);
        }
        if context.ui.is_json() {
            context.ui.json(&self.answer(&done))?;
        } else {
            self.print(context, &done)?;
        }
        if let Some(failure) = done.unreadable.first() {
            return Ok(failure.exit);
        }
        let nothing = done.entries.is_empty() && done.brought_back.is_empty();
        Ok(if nothing && !self.dry_run {
            Exit::UNCHANGED
        } else {
            Exit::OK
        })
    }

    fn answer(&self, done: &Recorded) -> serde_json::Value {
        let events: Vec<_> = done
            .entries
            .iter()
            .map(|entry| {
                let event = &entry.event;
                let keys: Vec<&str> = event.values.iter().map(|one| one.key.as_str()).collect();
                let path = PathBuf::from(DIRECTORY).join(entry.path());
                json!({
                    "event": in_json(&path),
                    "at": event.at.to_string(),
                    "actor": event.actor,
                    "action": event.action.word(),
                    "file": event.file,
                    "keys": keys,
                })
            })
            .collect();
        let name = if self.dry_run {
            "would_record"
        } else {
            "recorded"
        };
        json!({ name: events, "brought_back": done.brought_back, "unexplained": done.unexplained })
    }

    fn print(&self, context: &Context, done: &Recorded) -> Result<(), Failure> {
        for path in &done.brought_back {
            context
                .ui
                .line(&format!("{path}: as it was committed again"))?;
        }
        for entry in &done.entries {
            let event = &entry.event;
            let day = event.at.strftime("%Y-%m-%d");
            let keys: Vec<String> = event
                .values
                .iter()
                .map(|one| format!("`{}`", one.key))
                .collect();
            let named = keys.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
            let more = match keys.len().saturating_sub(5) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let (action, file, actor) = (event.action, &event.file, &event.actor);
            context
                .ui
                .line(&format!("{day} {action} {file}: {named}{more}, by {actor}"))?;
        }
        let count = many(done.entries.len(), "event", "events");
        let what = match (
            self.dry_run,
            done.entries.is_empty() && done.brought_back.is_empty(),
        ) {
            (_, true) => "the ledger tells of everything already".into(),
            (true, _) => format!("{count} would be entered"),
            (false, _) => format!("{count} entered; commit `.mvx` with the secret files"),
        };
        context.ui.note(&what);
        if done.unexplained > 0 {
            let values = many(done.unexplained, "value", "values");
            context.ui.note(&format!(
                "nobody has said why {values} changed; `mvx rotation record --reason WHY FILE` does, and renews the due date"
            ));
        }
        Ok(())
    }
}

#[derive(clap::Args)]
pub(super) struct Repair {}

impl Repair {
    #[expect(clippy::unused_self, reason = "as all commands")]
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app_without_questions();
        let done = app.repair_ledger();
        context.notes(&app);
        let repaired = done?;
        if context.ui.is_json() {
            context.ui.json(&json!({ "repaired": repaired }))?;
        }
        if !repaired {
            context.ui.note("nothing was left unfinished here");
            return Ok(Exit::UNCHANGED);
        }
        Ok(Exit::OK)
    }
}
