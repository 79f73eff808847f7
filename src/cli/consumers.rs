//! `mvx consumers`.

use std::path::PathBuf;

use serde_json::json;

use super::Context;
use super::rotate::secret;
use super::ui::Table;
use crate::app::ledger::consumers::{Consumers as Found, Looked, Unknown, Unused};
use crate::app::many;
use crate::cli::json::in_json;
use crate::cli::misuse;
use crate::error::{Exit, Failure};
use crate::keys::open::list;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx consumers STRIPE_SECRET_KEY --environment prod
  mvx consumers secrets/prod/db.enc.yaml db.password
  mvx consumers --unused
  mvx consumers --unused secrets/prod")]
pub(super) struct Consumers {
    /// The encrypted file, which may be left out where the key is unique, and the key
    #[arg(value_name = "FILE KEY", num_args = 0..)]
    words: Vec<String>,
    /// The environment: of a key that is named without its file, or of the unused secrets
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// List the secrets that nothing reads, of all files or of those that are named
    #[arg(long)]
    unused: bool,
}

impl Consumers {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let environment = self.environment.as_deref();
        if self.unused {
            let files: Vec<PathBuf> = self.words.iter().map(PathBuf::from).collect();
            let app = context.app_without_questions();
            let found = app.unused(&files, environment);
            context.notes(&app);
            return unused(context, &found?);
        }
        if !matches!(self.words.len(), 1 | 2) {
            return Err(misuse("name a file and a key, or a key alone"));
        }
        let (path, key) = secret(context, &self.words, environment)?;
        let app = context.app_without_questions();
        let found = app.consumers(&path, &key);
        context.notes(&app);
        let found = found?;
        if context.ui.is_json() {
            context.ui.json(&json!({
                "file": in_json(&path),
                "key": key.to_string(),
                "names": found.names,
                "declared": found.declared,
                "profiles": found.delivered.iter().map(|one| json!({
                    "profile": one.profile,
                    "name": one.name,
                    "output": one.output,
                })).collect::<Vec<_>>(),
                "unknown": unknown_json(&found.unknown),
                "reads": found.reads.iter().map(|one| json!({
                    "file": in_json(&one.file),
                    "line": one.line,
                    "name": one.name,
                    "kind": one.kind.word(),
                    "language": one.language,
                })).collect::<Vec<_>>(),
                "files": found.looked.files,
                "passed_over": paths_json(&found.looked),
            }))?;
        } else {
            print(context, &found)?;
        }
        Ok(rest(context, &found.looked))
    }
}

fn print(context: &Context, found: &Found) -> Result<(), Failure> {
    let ui = &context.ui;
    if !found.declared.is_empty() {
        ui.heading("declared in the rules")?;
        ui.line(&format!("  {}", found.declared.join(", ")))?;
    }
    if !found.delivered.is_empty() {
        ui.heading("delivered by profiles")?;
        let mut table = Table::new(["", "", ""]).indented();
        for one in &found.delivered {
            let output = one.output.as_ref().map(|output| format!("to {output}"));
            table.row([
                one.profile.clone(),
                format!("as {}", one.name),
                output.unwrap_or_default(),
            ]);
        }
        ui.table(&table)?;
    }
    let names = list(found.names.clone(), "or");
    let files = many(found.looked.files, "file", "files");
    if found.reads.is_empty() {
        ui.note(&format!(
            "none of the {files} reads {names}; a name that is put together while a program runs is not seen"
        ));
    } else {
        ui.heading("read in the work tree")?;
        let mut table = Table::new(["", "", "", ""]).indented();
        for one in &found.reads {
            table.row([
                format!("{}:{}", one.file.display(), one.line),
                one.name.clone(),
                one.language.to_owned(),
                one.kind.word().to_owned(),
            ]);
        }
        ui.table(&table)?;
        ui.note(&format!(
            "looked for {names} in {files}; a name that is put together while a program runs is not seen"
        ));
    }
    tell_unknown(context, &found.unknown);
    Ok(())
}

fn unused(context: &Context, found: &Unused) -> Result<Exit, Failure> {
    let ui = &context.ui;
    if ui.is_json() {
        ui.json(&json!({
            "unused": found.secrets.iter().map(|one| json!({
                "file": in_json(&one.file),
                "environment": one.environment,
                "key": one.key.to_string(),
            })).collect::<Vec<_>>(),
            "secrets": found.all,
            "unknown": unknown_json(&found.unknown),
            "files": found.looked.files,
            "passed_over": paths_json(&found.looked),
        }))?;
        return Ok(rest(context, &found.looked));
    }
    let mut before = None;
    for one in &found.secrets {
        if before != Some(&one.file) {
            ui.heading(&one.file.display().to_string())?;
            before = Some(&one.file);
        }
        ui.line(&format!("  {}", one.key))?;
    }
    let secrets = many(found.all, "secret", "secrets");
    let files = many(found.looked.files, "file", "files");
    let unused = found.secrets.len();
    ui.note(&format!(
        "of {unused} of {secrets} no reader was found in {files}: a hint and no proof, names that are put together while a program runs are not seen"
    ));
    tell_unknown(context, &found.unknown);
    Ok(rest(context, &found.looked))
}

fn tell_unknown(context: &Context, unknown: &[Unknown]) {
    for one in unknown {
        context.ui.note(&format!(
            "what the profile `{}` delivers is not known: {}",
            one.profile, one.why
        ));
    }
}

/// What was not searched; the exit status that it asks for.
fn rest(context: &Context, looked: &Looked) -> Exit {
    const SHOWN: usize = 5;
    let count = looked.passed_over.len();
    if count > 0 {
        let shown = looked.passed_over.iter().take(SHOWN);
        let shown: Vec<String> = shown.map(|path| path.display().to_string()).collect();
        let more = if count > SHOWN { ", …" } else { "" };
        let files = many(count, "file was", "files were");
        context.ui.note(&format!(
            "{files} too large to be searched: {}{more}",
            shown.join(", ")
        ));
    }
    for failure in &looked.unread {
        context.ui.problem(failure);
    }
    looked
        .unread
        .first()
        .map_or(Exit::OK, |failure| failure.exit)
}

fn unknown_json(unknown: &[Unknown]) -> Vec<serde_json::Value> {
    let all = unknown.iter();
    all.map(|one| json!({ "profile": one.profile, "why": one.why }))
        .collect()
}

fn paths_json(looked: &Looked) -> Vec<serde_json::Value> {
    let all = looked.passed_over.iter();
    all.map(|path| json!(in_json(path))).collect()
}
