//! `mvx env sync`.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::With;
use crate::app::App;
use crate::app::env::sync::{Change, Output, foreign};
use crate::app::many;
use crate::cli::Context;
use crate::cli::json::in_json;
use crate::error::{Exit, Failure};
use crate::io::terminal;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx env sync
  mvx env sync local test --dry-run
  mvx env sync tenant --with client=acme --gitignore")]
#[expect(clippy::struct_excessive_bools, reason = "they are flags")]
pub(super) struct Sync {
    /// The profiles; the default one, or the only one, where none is named
    #[arg(value_name = "PROFILE")]
    profiles: Vec<String>,
    #[command(flatten)]
    with: With,
    /// Write nothing, and show what would change
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Have git ignore an output that it does not ignore yet
    #[arg(long)]
    gitignore: bool,
    /// Replace a file that mvx did not write, where the whole file is the output
    #[arg(long)]
    overwrite: bool,
    /// Say yes to both questions
    #[arg(short, long)]
    yes: bool,
}

impl Sync {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app();
        let plan = self
            .with
            .scopes()
            .and_then(|with| app.plan_sync(&self.profiles, &with));
        context.notes(&app);
        let plan = plan?;
        if self.dry_run {
            return self.show(context, &plan);
        }
        // All questions come before the first file is written.
        let mut ignored: Vec<Option<PathBuf>> = Vec::new();
        for output in &plan {
            if output.change.is_foreign {
                self.may_replace(output)?;
            }
            if output.is_exposed {
                self.may_be_ignored(&app, output)?;
            }
        }
        for output in &plan {
            ignored.push(if output.is_exposed {
                let list = app.ignore(&output.path)?;
                if let Some(list) = &list {
                    let (path, list) = (output.path.display(), list.display());
                    context.ui.note(&format!("{list}: ignores {path} now"));
                }
                list
            } else {
                None
            });
        }
        let mut answers = Vec::new();
        for (output, list) in plan.iter().zip(ignored) {
            let (change, written) = if output.change.is_needed {
                let overwrite = self.overwrite || self.yes || output.change.is_foreign;
                (app.write_output(output, overwrite)?, true)
            } else {
                (output.change.clone(), false)
            };
            if !context.ui.is_json() {
                for line in lines(output, &change, written) {
                    context.ui.note(&line);
                }
            }
            answers.push(answer(output, &change, written, list.as_ref()));
        }
        context.notes(&app);
        if context.ui.is_json() {
            context.ui.json(&json!({ "synced": answers }))?;
        }
        Ok(Exit::OK)
    }

    /// What would be done.
    fn show(&self, context: &Context, plan: &[Output]) -> Result<Exit, Failure> {
        let mut answers = Vec::new();
        for output in plan {
            let change = &output.change;
            if context.ui.is_json() {
                answers.push(answer(output, change, false, None));
                continue;
            }
            for line in lines(output, change, change.is_needed) {
                context.ui.line(&line)?;
            }
            let path = output.path.display();
            if output.is_exposed && !self.gitignore && !self.yes {
                let hint = "`--gitignore` has git ignore it";
                let text = format!("{path}: git does not ignore this file; it would be refused");
                context.ui.warn(&text, &[hint]);
            }
            if change.is_foreign && !self.overwrite && !self.yes {
                let text = format!("{path}: mvx did not write this file; it would be refused");
                context.ui.warn(&text, &["`--overwrite` replaces it"]);
            }
        }
        if context.ui.is_json() {
            context.ui.json(&json!({ "would_sync": answers }))?;
        }
        Ok(Exit::OK)
    }

    fn may_replace(&self, output: &Output) -> Result<(), Failure> {
        if self.overwrite || self.yes {
            return Ok(());
        }
        let path = output.path.display();
        let refused = foreign(&output.path);
        if !terminal::is_stdin() || !terminal::is_stderr() {
            return Err(refused);
        }
        if terminal::confirm(&format!("{path}: replace what stands there?"), false)? {
            return Ok(());
        }
        Err(refused)
    }

    fn may_be_ignored(&self, app: &App<'_>, output: &Output) -> Result<(), Failure> {
        if self.gitignore || self.yes {
            return Ok(());
        }
        if terminal::is_stdin() && terminal::is_stderr() {
            let path = output.path.display();
            let question = format!("{path}: git does not ignore this file. Add it to .gitignore?");
            if terminal::confirm(&question, true)? {
                return Ok(());
            }
        }
        app.must_be_ignored(&output.path, "values", "`--gitignore` does that")
    }
}

/// What is shown of an output: names, never values.
fn lines(output: &Output, change: &Change, written: bool) -> Vec<String> {
    let (path, names) = (output.path.display(), many(output.names, "name", "names"));
    let kinds = [
        (&change.added, "added", '+'),
        (&change.changed, "changed", '~'),
        (&change.removed, "removed", '-'),
    ];
    let counts: Vec<String> = kinds
        .iter()
        .filter(|(names, ..)| !names.is_empty())
        .map(|(names, word, _)| format!("{} {word}", names.len()))
        .collect();
    let profile = &output.profile;
    let head = match (written, counts.is_empty()) {
        (false, _) => format!("{path}: up to date, {names} of the profile `{profile}`"),
        (true, true) => format!("{path}: written, {names} of the profile `{profile}`"),
        (true, false) => format!("{path}: {}, of the profile `{profile}`", counts.join(", ")),
    };
    let mut lines = vec![head];
    for (names, _, sign) in kinds {
        lines.extend(names.iter().map(|name| format!("  {sign} {name}")));
    }
    lines
}

fn answer(output: &Output, change: &Change, written: bool, ignored: Option<&PathBuf>) -> Value {
    json!({
        "profile": output.profile,
        "output": in_json(&output.path),
        "format": output.form.name(),
        "names": output.names,
        "files": in_json(&output.files),
        "added": change.added,
        "changed": change.changed,
        "removed": change.removed,
        "is_needed": change.is_needed,
        "written": written,
        "gitignore": in_json(&ignored),
    })
}
