//! `mvx env example`.

use serde_json::{Value, json};

use super::With;
use crate::app::env::example::{self, ExampleRequest};
use crate::cli::Context;
use crate::cli::json::in_json;
use crate::error::{Exit, Failure};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx env example
  mvx env example --prune --dry-run
  mvx env example tenant --with client=acme")]
pub(super) struct Example {
    /// The profiles; the default one, or the only one, where none is named
    #[arg(value_name = "PROFILE")]
    profiles: Vec<String>,
    #[command(flatten)]
    with: With,
    /// Take names out that are not delivered any more
    #[arg(long)]
    prune: bool,
    /// Take over comments that stand encrypted, too; everybody can read them then
    #[arg(long)]
    comments: bool,
    /// Write nothing, and show what would change
    #[arg(short = 'n', long)]
    dry_run: bool,
}

impl Example {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app();
        let plan = self.with.scopes().and_then(|with| {
            app.plan_examples(&ExampleRequest {
                profiles: self.profiles.clone(),
                with,
                comments: self.comments,
                prune: self.prune,
            })
        });
        context.notes(&app);
        let plan = plan?;
        let mut answers = Vec::new();
        for example in &plan {
            let written = example.is_needed && !self.dry_run;
            if written {
                app.write_example(example)?;
            }
            answers.push(answer(example, written));
            if context.ui.is_json() {
                continue;
            }
            for line in lines(example) {
                if self.dry_run {
                    context.ui.line(&line)?;
                } else {
                    context.ui.note(&line);
                }
            }
        }
        context.notes(&app);
        if context.ui.is_json() {
            let word = if self.dry_run {
                "would_write"
            } else {
                "examples"
            };
            context.ui.json(&json!({ word: answers }))?;
        }
        Ok(Exit::OK)
    }
}

fn lines(example: &example::Example) -> Vec<String> {
    let path = example.path.display();
    if !example.is_needed {
        return vec![format!("{path}: up to date")];
    }
    let mut counts = Vec::new();
    for (names, word) in [(&example.added, "added"), (&example.removed, "removed")] {
        if !names.is_empty() {
            counts.push(format!("{} {word}", names.len()));
        }
    }
    let mut lines = vec![format!("{path}: {}", counts.join(", "))];
    lines.extend(example.added.iter().map(|name| format!("  + {name}")));
    lines.extend(example.removed.iter().map(|name| format!("  - {name}")));
    lines
}

fn answer(example: &example::Example, written: bool) -> Value {
    json!({
        "file": in_json(&example.path),
        "profiles": example.profiles,
        "added": example.added,
        "removed": example.removed,
        "written": written,
    })
}
