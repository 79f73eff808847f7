//! `mvx notify`, and what `--notify-now` of other commands says.

use std::path::Path;

use serde_json::{Value, json};

use super::Context;
use super::ui::Table;
use crate::app::files::shell_word;
use crate::app::ledger::deliver::{Delivery, Pace, Sent};
use crate::app::ledger::notify::{Mail, Plan, Which};
use crate::app::{App, many};
use crate::error::{Exit, Failure};
use crate::ledger::event::Entry;
use crate::ledger::notice::Notice;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx notify --since HEAD^
  mvx notify --since \"$BEFORE\" --only deploy-bot
  mvx notify --since origin/main --dry-run")]
pub(super) struct Notify {
    /// Tell of the events that came since this commit
    #[arg(
        long,
        value_name = "REV",
        required_unless_present = "event",
        conflicts_with = "event"
    )]
    since: Option<String>,
    /// Tell of this event, committed or not
    #[arg(long, value_name = "ID")]
    event: Vec<String>,
    /// Tell this one alone of those whom the rules name
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Show what would be told, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// How often each message is tried
    #[arg(long, value_name = "COUNT", default_value_t = Pace::default().tries, value_parser = clap::value_parser!(u32).range(1..=20))]
    tries: u32,
}

/// What became of all that was to be told.
pub(super) struct Outcomes(Vec<Outcome>);

/// What became of what one was to be told.
struct Outcome {
    to: String,
    host: Option<String>,
    notices: Vec<Notice>,
    sent: Vec<Sent>,
    failure: Option<Failure>,
}

impl Notify {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app_without_questions();
        let which = match &self.since {
            Some(revision) => Which::Since(revision),
            None => Which::These(&self.event),
        };
        let plan = app.plan_notices(which, &self.only);
        context.notes(&app);
        let plan = plan?;
        if !plan.strange.is_empty() {
            let count = many(plan.strange.len(), "file", "files");
            context.ui.warn(
                &format!("{count} in the ledger came that are no events, or not where they belong; nobody is told of them"),
                &["`mvx rotation verify` names them"],
            );
        }
        if self.dry_run {
            return show(context, plan);
        }
        let pace = Pace {
            tries: self.tries,
            ..Pace::default()
        };
        let events = plan.events;
        let told = send(context, &app, plan, pace, self.since.as_deref())?;
        if context.ui.is_json() {
            let mut answer = told.to_json();
            if let Some(answer) = answer.as_object_mut() {
                answer.insert("events".into(), events.into());
            }
            context.ui.json(&answer)?;
        } else if events == 0 {
            context.ui.note("there are no new events");
        }
        Ok(told.exit())
    }
}

/// Tells those whom the rules name of events that were written just now. What goes wrong is said, and is
/// no reason to take back what was done.
pub(super) fn told_now(
    context: &Context,
    app: &App<'_>,
    path: &Path,
    events: &[Entry],
) -> Outcomes {
    let plan = app.plan_now(path, events);
    context.notes(app);
    let told = plan.and_then(|plan| send(context, app, plan, Pace::default(), None));
    told.unwrap_or_else(|failure| {
        let ids = events.iter().map(|entry| entry.id.to_string());
        let failure = failure.hint(again(None, ids, None));
        context.ui.problem(&failure);
        Outcomes(vec![Outcome {
            to: String::new(),
            host: None,
            notices: Vec::new(),
            sent: Vec::new(),
            failure: Some(failure),
        }])
    })
}

/// Sends what was planned, and says what became of it.
fn send(
    context: &Context,
    app: &App<'_>,
    plan: Plan,
    pace: Pace,
    since: Option<&str>,
) -> Result<Outcomes, Failure> {
    let count = plan.mail.iter().map(|mail| mail.notices.len()).sum();
    let mut progress = context.ui.progress(count, "telling");
    let deliveries = app.tell(&plan, pace, &mut || progress.step());
    drop(progress);
    context.notes(app);
    let pairs = plan.mail.into_iter().zip(deliveries?);
    let all: Vec<Outcome> = pairs
        .map(|(mail, delivery)| outcome(mail, delivery, since))
        .collect();
    for one in &all {
        if let (false, Some(host)) = (one.sent.is_empty(), &one.host) {
            let (name, events) = (&one.to, many(one.sent.len(), "event", "events"));
            context
                .ui
                .note(&format!("`{name}` was told of {events} at {host}"));
        }
        if let Some(failure) = &one.failure {
            context.ui.problem(failure);
        }
    }
    Ok(Outcomes(all))
}

fn outcome(mail: Mail, delivery: Delivery, since: Option<&str>) -> Outcome {
    let Mail {
        to,
        destination,
        notices,
    } = mail;
    let (host, failure) = match destination {
        Ok(destination) => (Some(destination.host), delivery.failure),
        Err(failure) => (None, Some(failure)),
    };
    let left = notices.get(delivery.sent.len()..).unwrap_or_default();
    let failure = failure.map(|failure| {
        let mut failure = failure.at(&to);
        if !left.is_empty() {
            let ids = left.iter().map(|notice| notice.id.to_string());
            failure = failure.hint(again(since, ids, Some(&to)));
        }
        failure
    });
    Outcome {
        to,
        host,
        notices,
        sent: delivery.sent,
        failure,
    }
}

/// What is to be typed when the cause is mended.
fn again(
    since: Option<&str>,
    ids: impl ExactSizeIterator<Item = String>,
    only: Option<&str>,
) -> String {
    let word = |text: &str| shell_word(Path::new(text));
    let what = many(ids.len(), "event was", "events were");
    let mut line = "mvx notify".to_owned();
    match since {
        Some(since) => line = format!("{line} --since {}", word(since)),
        None => line = ids.fold(line, |line, id| format!("{line} --event {id}")),
    }
    if let Some(only) = only {
        line = format!("{line} --only {}", word(only));
    }
    format!("{what} not told; when that is mended, `{line}` tells again")
}

/// Shows what would be told, and to whom.
fn show(context: &Context, plan: Plan) -> Result<Exit, Failure> {
    let events = plan.events;
    let all: Vec<Outcome> = plan
        .mail
        .into_iter()
        .map(|mail| outcome(mail, Delivery::default(), None))
        .collect();
    let mut table = Table::new(["TO", "HOST", "EVENT", "ACTION", "FILE", "KEYS"]);
    let mut messages = Vec::new();
    let mut exit = Exit::OK;
    for one in &all {
        if let Some(failure) = &one.failure {
            context.ui.problem(failure);
            exit = Exit::NO;
        }
        for notice in &one.notices {
            let keys: Vec<&str> = notice.secrets.iter().map(|one| one.name.as_str()).collect();
            messages.push(json!({"to": one.to, "host": one.host, "message": notice.to_json()}));
            table.row([
                one.to.clone(),
                one.host.clone().unwrap_or_default(),
                notice.id.to_string(),
                notice.action.word().to_owned(),
                notice.file.clone(),
                keys.join(" "),
            ]);
        }
    }
    if context.ui.is_json() {
        let failed: Vec<Value> = all.iter().filter_map(Outcome::failed_json).collect();
        context.ui.json(&json!({
            "would_send": messages,
            "failed": failed,
            "events": events,
        }))?;
    } else if messages.is_empty() {
        context.ui.note("there is nothing to tell");
    } else {
        context.ui.table(&table)?;
    }
    Ok(exit)
}

impl Outcomes {
    /// 1 where anything was not delivered.
    pub(super) fn exit(&self) -> Exit {
        if self.0.iter().any(|one| one.failure.is_some()) {
            Exit::NO
        } else {
            Exit::OK
        }
    }

    /// What was sent, and what was not.
    pub(super) fn to_json(&self) -> Value {
        let sent: Vec<Value> = self.0.iter().flat_map(Outcome::sent_json).collect();
        let failed: Vec<Value> = self.0.iter().filter_map(Outcome::failed_json).collect();
        json!({ "sent": sent, "failed": failed })
    }
}

impl Outcome {
    fn sent_json(&self) -> impl Iterator<Item = Value> {
        let pairs = self.notices.iter().zip(&self.sent);
        pairs.map(|(notice, sent)| {
            json!({
                "to": self.to,
                "host": self.host,
                "event": notice.id.to_string(),
                "action": notice.action.word(),
                "file": notice.file,
                "status": sent.status,
                "tries": sent.tries,
            })
        })
    }

    fn failed_json(&self) -> Option<Value> {
        let failure = self.failure.as_ref()?;
        let left = self.notices.get(self.sent.len()..).unwrap_or_default();
        let left: Vec<String> = left.iter().map(|notice| notice.id.to_string()).collect();
        Some(json!({
            "to": self.to,
            "host": self.host,
            "not_told": left,
            "code": failure.code,
            "message": failure.error.to_string(),
            "hints": failure.hints,
        }))
    }
}
