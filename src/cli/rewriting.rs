//! What the commands have in common that rewrite many files: the plan, the question, the progress,
//! and what is left at the end.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Context;
use crate::app::files::shell_word;
use crate::app::groups::Shape;
use crate::app::rewrite::{Blocked, Change, Done, Party, Plan, Request};
use crate::app::{App, many};
use crate::cli::json::in_json;
use crate::error::{Exit, Failure};
use crate::io::terminal;
use crate::keys::open::list;

// How much is asked and shown before anything is done.
#[derive(clap::Args)]
pub(super) struct Caution {
    /// Show what would be written, and stop
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Ask nothing
    #[arg(short, long)]
    pub(super) yes: bool,
    /// Write the files that can be written, though others cannot; those are listed
    #[arg(short, long)]
    pub(super) keep_going: bool,
}

/// What was done with some files.
pub(super) struct Answer {
    /// Its fields in JSON.
    pub(super) json: Vec<(&'static str, Value)>,
    /// How the command ends.
    pub(super) outcome: Result<Exit, Failure>,
}

/// How a command speaks of its work.
pub(super) struct Words<'a> {
    /// Where nothing is to be done: `as the rules say`.
    pub(super) unchanged: &'a str,
    /// The question before it, without the number of files: `Write`.
    pub(super) question: &'a str,
    /// What else happens, said before the question.
    pub(super) besides: &'a [String],
    /// Whether a person is to be asked at all.
    pub(super) asks: bool,
}

/// Looks at all files, shows what would be done, asks, does `first` (writing the rules, say), and
/// writes the files.
pub(super) fn rewrite(
    context: &Context,
    app: &App<'_>,
    request: &Request<'_>,
    caution: &Caution,
    words: &Words<'_>,
    first: impl FnOnce() -> Result<(), Failure>,
) -> Result<Answer, Failure> {
    let mut progress = context.ui.progress(request.files.len(), "checking");
    let plan = app.plan(request, || progress.step());
    drop(progress);
    context.notes(app);
    if caution.dry_run {
        return show(context, &plan, request, words);
    }
    if !plan.blocked.is_empty() && !caution.keep_going {
        let Plan { blocked, .. } = plan;
        return Err(none_written(blocked, request));
    }
    warn_of_lock_out(context, &plan);
    let nothing = plan.changes.is_empty() && words.besides.is_empty();
    if words.asks && !caution.yes && !nothing {
        agree(context, &plan, words)?;
    }
    first()?;
    let mut progress = context.ui.progress(plan.changes.len(), "writing");
    let done = app.carry_out(&plan, request, || progress.step());
    drop(progress);
    context.notes(app);
    Ok(report(context, plan, done, words))
}

/// Answers what would be done.
fn show(
    context: &Context,
    plan: &Plan,
    request: &Request<'_>,
    words: &Words<'_>,
) -> Result<Answer, Failure> {
    if !context.ui.is_json() {
        for line in words.besides {
            context.ui.line(line)?;
        }
        for change in &plan.changes {
            context.ui.line(&plan_line(change))?;
        }
    }
    warn_of_lock_out(context, plan);
    for blocked in &plan.blocked {
        let (file, why) = (blocked.file.display(), first_line(&blocked.failure));
        context
            .ui
            .warn(&format!("{file}: cannot be rewritten: {why}"), &[]);
    }
    if plan.changes.is_empty() && plan.blocked.is_empty() {
        context.ui.note(&nothing(plan, words));
    } else {
        let count = many(plan.changes.len(), "file", "files");
        context.ui.note(&format!(
            "{count} would be written{}",
            others(plan, words.unchanged)
        ));
    }
    let mut json = fields(plan);
    json.insert(0, ("would_write", changes_json(&plan.changes)));
    json.push(("left", left_json(&plan.blocked)));
    let exit = match plan.blocked.first() {
        _ if !request.compare_only => Exit::OK,
        Some(first) => first.failure.exit,
        None if plan.changes.is_empty() => Exit::OK,
        None => Exit::NO,
    };
    Ok(Answer {
        json,
        outcome: Ok(exit),
    })
}

/// Asks whether this is meant.
fn agree(context: &Context, plan: &Plan, words: &Words<'_>) -> Result<(), Failure> {
    for line in words.besides {
        context.ui.note(line);
    }
    let lines: Vec<String> = plan.changes.iter().map(plan_line).collect();
    agree_to(context, &lines, words.question)
}

/// Shows what is about to be done to each file, a line each, and asks whether it is meant.
pub(super) fn agree_to(context: &Context, lines: &[String], question: &str) -> Result<(), Failure> {
    /// More than anybody reads before a question.
    const SHOWN: usize = 20;
    for line in lines.iter().take(SHOWN) {
        context.ui.note(line);
    }
    if lines.len() > SHOWN {
        let more = many(lines.len() - SHOWN, "file more", "files more");
        context
            .ui
            .note(&format!("and {more}; `--dry-run` shows them all"));
    }
    let question = match (lines.len(), question) {
        (0, question) => format!("{}?", question.trim_end_matches(" and")),
        (1, question) => format!("{question} this file?"),
        (count, question) => format!("{question} these {count} files?"),
    };
    let agreed = terminal::confirm(&question, false).map_err(|error| {
        let mut failure = Failure::from(error);
        if failure.code == "no-terminal" {
            failure.hints = vec![
                "`--yes` goes on without asking, and `--dry-run` shows what would be written"
                    .into(),
            ];
        }
        failure
    })?;
    if agreed {
        return Ok(());
    }
    Err(Failure::new(Exit::NO, "declined", "nothing was written"))
}

/// Says what was done and what is left.
fn report(context: &Context, plan: Plan, done: Done, words: &Words<'_>) -> Answer {
    for change in &done.written {
        context.ui.note(&done_line(change));
    }
    let all_well = plan.blocked.is_empty() && done.left.is_empty();
    if plan.changes.is_empty() && all_well {
        context.ui.note(&nothing(&plan, words));
    } else {
        let count = many(done.written.len(), "file", "files");
        context.ui.note(&format!(
            "{count} written{}",
            others(&plan, words.unchanged)
        ));
    }
    let mut json = fields(&plan);
    json.insert(0, ("written", changes_json(&done.written)));
    let total = plan.changes.len() + plan.blocked.len();
    let left: Vec<Blocked> = plan.blocked.into_iter().chain(done.left).collect();
    json.push(("left", left_json(&left)));
    Answer {
        json,
        outcome: if left.is_empty() {
            Ok(Exit::OK)
        } else {
            let count = many(left.len(), "file was", "files were");
            let message = match total {
                1 => "the file was left as it was".to_owned(),
                total => format!("{count} left as before, of {total}"),
            };
            Err(listed(&left, message)
                .hint("run it again when that is seen to: what is done stays"))
        },
    }
}

/// Nothing was written, because not everything could be.
fn none_written(mut blocked: Vec<Blocked>, request: &Request<'_>) -> Failure {
    if request.files.len() == 1
        && let Some(only) = blocked.pop()
    {
        return only.failure.at(only.file.display());
    }
    let count = many(blocked.len(), "file", "files");
    let total = request.files.len();
    let message = format!("{count} of {total} cannot be rewritten; nothing was written");
    let failure = listed(&blocked, message);
    let closed = blocked.iter().any(|one| one.failure.code == "no-identity");
    let failure = if closed {
        failure.hint("somebody who can open them may run the same command")
    } else {
        failure
    };
    failure.hint("`--keep-going` writes the others; or name files and directories")
}

/// A failure that names files, each with its reason.
pub(super) fn listed(blocked: &[Blocked], message: String) -> Failure {
    let exit = blocked.first().map_or(Exit::IO, |first| first.failure.exit);
    let lines = blocked
        .iter()
        .map(|one| format!("{}: {}", one.file.display(), first_line(&one.failure)));
    let mut lines: Vec<String> = std::iter::once(message).chain(lines).collect();
    let last = anyhow::Error::msg(lines.pop().unwrap_or_default());
    let mut failure = Failure::new(exit, "files-left", "");
    failure.error = lines.into_iter().rev().fold(last, anyhow::Error::context);
    let mut told: Vec<&str> = Vec::new();
    for one in blocked {
        // These name the way out for this very file.
        let own = ["recipient-kind", "not-vouched", "reachable"];
        let mut hints = one.failure.hints.iter();
        let way = hints.any(|hint| hint.contains("mvx rekey --drop"));
        if (way || own.contains(&one.failure.code)) && !told.contains(&one.failure.code) {
            told.push(one.failure.code);
            for hint in &one.failure.hints {
                let word = shell_word(&one.file);
                failure = failure.hint(hint.replace(" FILE", &format!(" {word}")));
            }
        }
    }
    failure
}

/// A person who takes their own access away may not mean it.
fn warn_of_lock_out(context: &Context, plan: &Plan) {
    let closed = plan.changes.iter().filter(|change| !change.stays_open);
    let closed: Vec<&Change> = closed.collect();
    if let Some(first) = closed.first() {
        let which = match closed.len() {
            1 => first.file.display().to_string(),
            count => format!("{count} files"),
        };
        context.ui.warn(
            &format!("{which}: none of your identities will open this any more"),
            &[],
        );
    }
}

/// `a.enc.yaml: add carol, remove bob, new data key`.
fn plan_line(change: &Change) -> String {
    describe(change, "add", "remove")
}

/// `a.enc.yaml: added carol, removed bob, new data key`.
fn done_line(change: &Change) -> String {
    describe(change, "added", "removed")
}

fn describe(change: &Change, add: &str, remove: &str) -> String {
    let list = |parties: &[Party]| list(parties.iter().map(Party::shown).collect(), "and");
    let mut parts = Vec::new();
    if !change.added.is_empty() {
        parts.push(format!("{add} {}", list(&change.added)));
    }
    if !change.removed.is_empty() {
        parts.push(format!("{remove} {}", list(&change.removed)));
    }
    if !change.moved.is_empty() {
        parts.push(format!("{} in another group", list(&change.moved)));
    }
    if let Some((before, after)) = change.groups {
        parts.push(format!("{after} instead of {before}"));
    }
    if change.new_key {
        parts.push("new data key".into());
    }
    if parts.is_empty() {
        parts.push("an entry that stood there twice goes".into());
    }
    format!("{}: {}", change.file.display(), parts.join(", "))
}

fn nothing(plan: &Plan, words: &Words<'_>) -> String {
    let mut parts = Vec::new();
    if plan.unchanged > 0 || plan.uncovered.is_empty() {
        let count = match plan.unchanged {
            0 => "there are no files to write".to_owned(),
            1 => format!("1 file is {}", words.unchanged),
            count => format!("{count} files are {}", words.unchanged),
        };
        parts.push(count);
    }
    if !plan.uncovered.is_empty() {
        parts.push(uncovered(&plan.uncovered));
    }
    parts.join("; ")
}

fn others(plan: &Plan, unchanged: &str) -> String {
    let unchanged = match plan.unchanged {
        0 => None,
        1 => Some(format!("1 is {unchanged}")),
        count => Some(format!("{count} are {unchanged}")),
    };
    let uncovered = (!plan.uncovered.is_empty()).then(|| uncovered(&plan.uncovered));
    let parts: Vec<String> = unchanged.into_iter().chain(uncovered).collect();
    let before = if parts.is_empty() { "" } else { "; " };
    format!("{before}{}", parts.join("; "))
}

fn uncovered(files: &[PathBuf]) -> String {
    match files {
        [only] => format!("no rule covers {}", only.display()),
        files => format!("no rule covers {} files", files.len()),
    }
}

fn first_line(failure: &Failure) -> String {
    let message = failure.error.to_string();
    let place = failure.place.as_deref().unwrap_or_default();
    let message = message
        .strip_prefix(place)
        .and_then(|rest| rest.strip_prefix(": "))
        .unwrap_or(&message);
    let first = message.lines().next().unwrap_or_default().to_owned();
    // What the system said, such as that the disk is full.
    let system = ["read", "write"].contains(&failure.code);
    match failure.error.chain().skip(1).last() {
        Some(cause) if system => {
            let cause = cause.to_string();
            format!("{first}: {}", cause.lines().next().unwrap_or_default())
        }
        _ => first,
    }
}

fn fields(plan: &Plan) -> Vec<(&'static str, Value)> {
    vec![
        ("unchanged", json!(plan.unchanged)),
        ("uncovered", in_json(&plan.uncovered)),
    ]
}

fn changes_json(changes: &[Change]) -> Value {
    let parties = |parties: &[Party]| -> Value {
        let parties = parties.iter();
        parties
            .map(|party| json!({ "name": party.name, "key": party.key }))
            .collect()
    };
    let changes = changes.iter().map(|change| {
        json!({
            "file": in_json(&change.file),
            "added": parties(&change.added),
            "removed": parties(&change.removed),
            "moved": parties(&change.moved),
            "groups": shapes_json(change.groups),
            "new_key": change.new_key,
        })
    });
    changes.collect()
}

/// How many key groups a file has, and how many it takes.
pub(super) fn shape_json(shape: Shape) -> Value {
    json!({ "groups": shape.groups, "needed": shape.needed })
}

/// Key groups that become others.
pub(super) fn shapes_json(shapes: Option<(Shape, Shape)>) -> Value {
    let json =
        |(before, after)| json!({ "before": shape_json(before), "after": shape_json(after) });
    shapes.map_or(Value::Null, json)
}

pub(super) fn left_json(blocked: &[Blocked]) -> Value {
    let blocked = blocked.iter().map(|one| {
        json!({
            "file": in_json(&one.file),
            "code": one.failure.code,
            "message": first_line(&one.failure),
        })
    });
    blocked.collect()
}

/// The fields of an answer as an object.
pub(super) fn object(fields: Vec<(&'static str, Value)>) -> Value {
    let fields = fields.into_iter();
    Value::Object(fields.map(|(name, value)| (name.into(), value)).collect())
}

/// Whether the files are not just those that were named: a directory stands for more than is seen.
pub(super) fn were_found(files: &[PathBuf], arguments: &[PathBuf]) -> bool {
    let named = |file: &PathBuf| arguments.iter().any(|argument| is(argument, file));
    !files.iter().all(named)
}

fn is(argument: &Path, file: &Path) -> bool {
    argument == file
}
