//! `mvx history`, `mvx rollback`, `mvx delete`, `mvx restore`.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::Context;
use super::notify::{Outcomes, told_now};
use super::rotate::{Said, consumers_hint, secret};
use super::rotation::duration;
use super::ui::Table;
use crate::app::change::Outcome;
use crate::app::ledger::rotate::{Deleted, Why};
use crate::app::ledger::versions::{State, Version};
use crate::cli::json::in_json;
use crate::error::{Exit, Failure};
use crate::io::clock;
use crate::keypath::KeyPath;
use crate::keys::open::list;
use crate::ledger::event::Action;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx history secrets/prod/db.enc.yaml db.password
  mvx history STRIPE_SECRET_KEY --environment prod")]
pub(super) struct History {
    /// The encrypted file, which may be left out where the key is unique, and the key
    #[arg(value_name = "FILE KEY", num_args = 1..=2, required = true)]
    words: Vec<String>,
    /// The environment, where a key is named without its file
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
}

impl History {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let (path, key) = secret(context, &self.words, self.environment.as_deref())?;
        let app = context.app_without_questions();
        let versions = app.history(&path, &key);
        context.notes(&app);
        let versions = versions?;
        if context.ui.is_json() {
            let versions: Vec<_> = versions.iter().map(version_json).collect();
            context.ui.json(&json!({
                "file": in_json(&path),
                "key": key.to_string(),
                "versions": versions,
            }))?;
            return Ok(Exit::OK);
        }
        let mut table = Table::new([
            "VERSION", "STATE", "AT", "WHAT", "BY", "REASON", "NOTE", "KEPT FOR",
        ]);
        let shown = key.to_string();
        for version in versions.iter().rev() {
            let event = &version.entry.event;
            let mut what = event.action.word().to_owned();
            if version.key != shown {
                what = format!("{what} (as {})", version.key);
            }
            if let Some(restored) = event.values.iter().find_map(|value| value.restores) {
                let mut all = versions.iter();
                if let Some(from) = all.find(|one| one.entry.id == restored) {
                    what = format!("{what} from {}", from.number);
                }
            }
            table.row([
                version.number.to_string(),
                version.state.word().to_owned(),
                event.at.to_string(),
                what,
                event.actor.clone(),
                event.reason.clone().unwrap_or_default(),
                event.note.clone().unwrap_or_default(),
                left(version.state),
            ]);
        }
        context.ui.table(&table)?;
        Ok(Exit::OK)
    }
}

/// `23h`, `29d`: what is left of a value's time.
fn left(state: State) -> String {
    let (State::Previous(until) | State::Deleted(Some(until))) = state else {
        return String::new();
    };
    let minutes = until.duration_since(clock::now()).as_mins();
    match minutes {
        ..120 => format!("{minutes}m"),
        120..2880 => format!("{}h", minutes / 60),
        _ => format!("{}d", minutes / 1440),
    }
}

fn version_json(version: &Version) -> serde_json::Value {
    let event = &version.entry.event;
    let until = match version.state {
        State::Previous(until) => Some(until),
        State::Deleted(until) => until,
        _ => None,
    };
    json!({
        "version": version.number,
        "state": version.state.word(),
        "event": version.entry.id.to_string(),
        "at": event.at.to_string(),
        "action": event.action.word(),
        "actor": event.actor,
        "file": version.file,
        "key": version.key,
        "reason": event.reason,
        "note": event.note,
        "kept_until": until.map(|until| until.to_string()),
    })
}

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx rollback secrets/prod/db.enc.yaml db.password --to 3 --reason 'the new one is refused'")]
pub(super) struct Rollback {
    /// The encrypted file
    file: PathBuf,
    /// The key path
    key: String,
    /// The version to go back to, as `mvx history` numbers them
    #[arg(long, value_name = "VERSION")]
    to: usize,
    #[command(flatten)]
    said: Said,
}

impl Rollback {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let key = KeyPath::parse(&self.key)?;
        let app = context.app();
        let why = self.said.why();
        let outcome = app.rollback(&self.file, &key, self.to, why);
        context.notes(&app);
        let done = format!("`{key}` is as in version {} again", self.to);
        changed(context, &self.file, &key, &outcome?, &done)
    }
}

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx delete secrets/prod/app.enc.yaml OLD_TOKEN --reason 'not used any more'
  mvx restore secrets/prod/app.enc.yaml OLD_TOKEN")]
pub(super) struct Delete {
    /// The encrypted file
    file: PathBuf,
    /// The key path
    key: String,
    #[command(flatten)]
    said: Said,
    /// How long it can be restored; as the rules say, else 30d
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_hyphen_values = true)]
    keep: Option<Duration>,
    /// Tell those whom the rules name at once, and not when it is merged
    #[arg(long)]
    notify_now: bool,
}

impl Delete {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let key = KeyPath::parse(&self.key)?;
        let app = context.app();
        let why = Why {
            grace: self.keep,
            ..self.said.why()
        };
        if self.notify_now {
            let ready = app.can_tell(&self.file, &key, Action::Delete);
            context.notes(&app);
            ready?;
        }
        let done = app.delete(&self.file, &key, why);
        context.notes(&app);
        let Deleted { consumers, events } = done?;
        let tell_now = || {
            let now = self.notify_now;
            now.then(|| told_now(context, &app, &self.file, &events))
        };
        if context.ui.is_json() {
            let told = tell_now();
            context.ui.json(&json!({
                "file": in_json(&self.file),
                "key": key.to_string(),
                "consumers": consumers,
                "notified": told.as_ref().map(Outcomes::to_json),
            }))?;
            return Ok(told.map_or(Exit::OK, |told| told.exit()));
        }
        let file = self.file.display();
        context.ui.note(&format!("{file}: `{key}` was deleted"));
        if !consumers.is_empty() {
            let consumers = list(consumers, "and");
            context.ui.note(&format!("it was used by {consumers}"));
        }
        consumers_hint(context, &self.file, &key);
        context.ui.note(
            "git's history keeps its ciphertext: what ends a leak is to revoke the value where it was used",
        );
        Ok(tell_now().map_or(Exit::OK, |told| told.exit()))
    }
}

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx restore secrets/prod/app.enc.yaml OLD_TOKEN
  mvx restore secrets/prod/app.enc.yaml 'hosts[1]' --to 'hosts[3]'")]
pub(super) struct Restore {
    /// The encrypted file
    file: PathBuf,
    /// The key path
    key: String,
    /// Another place for it, where something else stands at its own
    #[arg(long, value_name = "KEY")]
    to: Option<String>,
    #[command(flatten)]
    said: Said,
}

impl Restore {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let key = KeyPath::parse(&self.key)?;
        let app = context.app();
        let why = self.said.why();
        let to = self.to.as_deref().map(KeyPath::parse).transpose()?;
        let outcome = app.restore(&self.file, &key, to.as_ref(), why);
        context.notes(&app);
        changed(
            context,
            &self.file,
            &key,
            &outcome?,
            &format!("`{key}` was restored"),
        )
    }
}

/// The answer of a command that brought a value back.
fn changed(
    context: &Context,
    file: &std::path::Path,
    key: &KeyPath,
    outcome: &Outcome,
    done: &str,
) -> Result<Exit, Failure> {
    let did = *outcome != Outcome::Unchanged;
    if context.ui.is_json() {
        context.ui.json(&json!({
            "file": in_json(file),
            "key": key.to_string(),
            "changed": did,
        }))?;
    }
    if !did {
        context
            .ui
            .note(&format!("{}: nothing changed", file.display()));
        return Ok(Exit::UNCHANGED);
    }
    context.ui.note(&format!("{}: {done}", file.display()));
    Ok(Exit::OK)
}
