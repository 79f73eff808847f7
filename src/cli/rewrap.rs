//! `mvx rekey --rewrap`.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::Context;
use super::json::in_json;
use super::rewriting::{Caution, agree_to, left_json, listed, object};
use crate::app::rewrap::{Change, Plan};
use crate::app::{App, many};
use crate::error::{Exit, Failure};

/// Has the servers wrap the entries of Vault keys with the keys' newest versions, shows what that
/// changes, asks where `asks` says so, and writes it.
pub(super) fn rewrap(
    context: &Context,
    app: &App<'_>,
    files: &[PathBuf],
    caution: &Caution,
    asks: bool,
) -> Result<Exit, Failure> {
    let mut progress = context.ui.progress(files.len(), "checking");
    let plan = app.plan_rewrap(files, || progress.step());
    drop(progress);
    context.notes(app);
    if caution.dry_run {
        return show(context, &plan);
    }
    if !plan.blocked.is_empty() && !caution.keep_going {
        let count = many(plan.blocked.len(), "file", "files");
        let message = format!("{count} cannot be rewritten; nothing was written");
        return Err(listed(&plan.blocked, message).hint("`--keep-going` writes the others"));
    }
    if asks && !caution.yes && !plan.changes.is_empty() {
        let lines: Vec<String> = plan.changes.iter().map(line).collect();
        agree_to(context, &lines, "Rewrap")?;
    }
    let mut progress = context.ui.progress(plan.changes.len(), "writing");
    let done = app.carry_out_rewrap(&plan, || progress.step());
    drop(progress);
    context.notes(app);
    let mut written = Vec::new();
    for change in &plan.changes {
        if done.written.contains(&change.file) {
            context.ui.note(&line(change));
            written.push(in_json(&change.file));
        }
    }
    let count = many(written.len(), "file", "files");
    context
        .ui
        .note(&format!("{count} written; {}", unchanged(&plan)));
    let left: Vec<_> = plan.blocked.into_iter().chain(done.left).collect();
    if context.ui.is_json() {
        context.ui.json(&object(vec![
            ("written", Value::Array(written)),
            ("unchanged", json!(plan.unchanged)),
            ("left", left_json(&left)),
        ]))?;
    }
    if left.is_empty() {
        return Ok(Exit::OK);
    }
    let count = many(left.len(), "file was", "files were");
    Err(listed(&left, format!("{count} left as before")))
}

/// Answers what would be done.
fn show(context: &Context, plan: &Plan) -> Result<Exit, Failure> {
    for blocked in &plan.blocked {
        let (file, why) = (blocked.file.display(), &blocked.failure.error);
        context
            .ui
            .warn(&format!("{file}: cannot be rewritten: {why}"), &[]);
    }
    if context.ui.is_json() {
        let files = plan.changes.iter().map(|change| in_json(&change.file));
        context.ui.json(&object(vec![
            ("would_write", files.collect()),
            ("unchanged", json!(plan.unchanged)),
            ("left", left_json(&plan.blocked)),
        ]))?;
        return Ok(Exit::OK);
    }
    for change in &plan.changes {
        context.ui.line(&line(change))?;
    }
    let count = many(plan.changes.len(), "file", "files");
    context
        .ui
        .note(&format!("{count} would be written; {}", unchanged(plan)));
    Ok(Exit::OK)
}

/// `a.enc.yaml: transit/keys/app: v1 to v3`.
fn line(change: &Change) -> String {
    format!("{}: {}", change.file.display(), change.keys.join(", "))
}

fn unchanged(plan: &Plan) -> String {
    match plan.unchanged {
        1 => "1 has no older entry of a Vault key".to_owned(),
        count => format!("{count} have no older entry of a Vault key"),
    }
}
