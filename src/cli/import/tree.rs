//! `mvx import --from git-crypt` and `--from transcrypt`.

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::{Context, Import};
use crate::app::import::crypt_tree::{TreeFile, TreePlan};
use crate::app::{App, many};
use crate::cli::json::in_json;
use crate::error::{Exit, Failure};
use crate::import::crypt::Tool;
use crate::io::terminal;

/// Gives each marked file of a work tree a secret file beside it.
pub(super) fn run(
    options: &Import,
    context: &Context,
    tool: Tool,
    directory: &Path,
) -> Result<Exit, Failure> {
    let app = context.app();
    let plan = app.plan_crypt_tree(tool, directory, options.overwrite);
    context.notes(&app);
    let plan = plan?;
    for path in &plan.passed_over {
        context.ui.note(&format!(
            "{}: passed over: it has an encrypted file beside it already",
            path.display()
        ));
    }
    if options.dry_run {
        if context.ui.is_json() {
            let files = plan.files.iter().map(|file| answer(file, None));
            context.ui.json(&whole(&plan, &files.collect::<Vec<_>>()))?;
        } else {
            for file in &plan.files {
                context.ui.line(&way(file))?;
            }
            tell_marks(context, &plan);
        }
        return Ok(Exit::OK);
    }
    if !options.yes {
        agree(context, &plan)?;
    }
    let mut progress = context.ui.progress(plan.files.len(), "importing");
    let mut answers = Vec::new();
    for file in &plan.files {
        answers.push(import(options, context, &app, file)?);
        progress.step();
    }
    drop(progress);
    tell_marks(context, &plan);
    if context.ui.is_json() {
        context.ui.json(&whole(&plan, &answers))?;
    }
    Ok(Exit::OK)
}

/// Imports one file and sees to its plaintext.
fn import(
    options: &Import,
    context: &Context,
    app: &App<'_>,
    file: &TreeFile,
) -> Result<Json, Failure> {
    let done = app.import_crypt_file(file, options.overwrite);
    context.notes(app);
    let done = done?;
    context.ui.note(&format!(
        "{}: {} encrypted, for {}; opened again and compared",
        file.sealed.display(),
        many(done.encrypted, "value", "values"),
        done.recipients.join(", ")
    ));
    if let Some(history) = &file.history {
        context.ui.warn(
            &format!(
                "{}: git's history holds this file in clear since {} ({}), so change the values where they are used",
                file.plain.display(),
                history.oldest.id,
                history.oldest.day
            ),
            &[],
        );
    }
    let removed = options.remove(context, &file.plain, || {
        app.remove_encrypted(&file.plain, &done.plaintext)
    })?;
    context.notes(app);
    let ignored = options.ignore(context, app, &file.plain, removed)?;
    Ok(answer(file, Some((removed, ignored))))
}

fn agree(context: &Context, plan: &TreePlan) -> Result<(), Failure> {
    for file in &plan.files {
        context.ui.note(&format!("would import {}", way(file)));
    }
    let question = match plan.files.len() {
        1 => "Import this file?".into(),
        count => format!("Import these {count} files?"),
    };
    let agreed = terminal::confirm(&question, false).map_err(|error| {
        let mut failure = Failure::from(error);
        if failure.code == "no-terminal" {
            failure.hints = vec!["`--yes` imports them without asking".into()];
        }
        failure
    })?;
    if agreed {
        return Ok(());
    }
    Err(Failure::new(Exit::NO, "declined", "nothing was imported"))
}

/// Says what is left to do by hand: mvx takes nothing out of `.gitattributes`, since a file that
/// loses its mark too early is committed in clear.
fn tell_marks(context: &Context, plan: &TreePlan) {
    let tool = plan.tool.name();
    let marks: Vec<String> = plan
        .marks
        .iter()
        .map(|(path, line)| format!("{} line {line}", path.display()))
        .collect();
    let marks = marks.join(", ");
    let doubly: Vec<String> = plan
        .files
        .iter()
        .filter(|file| file.doubly)
        .map(|file| file.sealed.display().to_string())
        .collect();
    if !doubly.is_empty() {
        context.ui.warn(
            &format!(
                "{tool} would encrypt {} once more when git adds it, because its mark covers it, too: {marks}",
                doubly.join(", ")
            ),
            &["before `git add`, put a line below the mark: `*.enc.* -filter -diff -merge` (and `*.enc -filter -diff -merge`)"],
        );
    }
    context.ui.note(&format!(
        "when git has the new files: `git rm --cached` the old ones, then take {tool}'s marks out: {marks}"
    ));
    context.ui.note(&format!(
        "git's history keeps the old files under {tool}'s key: whoever has it reads what was secret until now"
    ));
}

fn way(file: &TreeFile) -> String {
    format!("{} → {}", file.plain.display(), file.sealed.display())
}

fn whole(plan: &TreePlan, files: &[Json]) -> Json {
    let marks: Vec<Json> = plan
        .marks
        .iter()
        .map(|(path, line)| json!({ "file": in_json(path), "line": line }))
        .collect();
    json!({
        "tool": plan.tool.name(),
        "imported": files,
        "passed_over": in_json(&plan.passed_over),
        "marks": marks,
    })
}

fn answer(file: &TreeFile, finished: Option<(bool, Option<PathBuf>)>) -> Json {
    let done = finished.is_some();
    let (removed, gitignore) = finished.unwrap_or_default();
    json!({
        "file": in_json(&file.plain),
        "written": in_json(&file.sealed),
        "done": done,
        "also_marked": file.doubly,
        "in_history_since": file.history.as_ref().map(|history| &history.oldest.id),
        "removed": removed,
        "gitignore": in_json(&gitignore),
    })
}
