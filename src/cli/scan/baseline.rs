//! `mvx scan baseline`.

use std::path::PathBuf;

use serde_json::json;

use super::Archives;
use crate::app::many;
use crate::app::scan::baseline::{Change, Explained, Task};
use crate::app::scan::{Options, What};
use crate::cli::Context;
use crate::cli::json::in_json;
use crate::error::{Exit, Failure};

#[derive(clap::Args)]
pub(in crate::cli) struct Baseline {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make the file of known findings from all that is found now
    ///
    /// It holds one line a finding: a hash of the rule and the secret that is slow to compute on purpose,
    /// no line numbers and no times. Look at what is found first, and change what is in use: whoever
    /// has the repository has it.
    Create {
        #[command(flatten)]
        target: Target,
        /// Replace the one that is there
        #[arg(long)]
        force: bool,
    },
    /// Add what is found now to the file of known findings
    Update(Target),
    /// Remove what is not found any more from the file of known findings
    Prune(Target),
    /// List known findings, and where they stand
    Explain(Target),
}

// What a baseline is made from. A doc comment would take the place of the command's.
#[derive(clap::Args)]
struct Target {
    /// Include all of history
    #[arg(long)]
    history: bool,
    /// The file of known findings
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// A gitleaks rule file, in the place of mvx's rules
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    #[command(flatten)]
    archives: Archives,
}

impl Target {
    fn what(&self) -> Vec<What> {
        if self.history {
            vec![What::Tree, What::History]
        } else {
            vec![What::Tree]
        }
    }

    fn options(&self) -> Options {
        Options {
            baseline: self.baseline.clone(),
            rules: self.rules.clone(),
            archives: self.archives.depth,
            ..Options::default()
        }
    }
}

impl Baseline {
    pub(in crate::cli) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let (task, target) = match &self.command {
            Command::Create { target, force } => (Task::Create { replace: *force }, target),
            Command::Update(target) => (Task::Update, target),
            Command::Prune(target) => (Task::Prune, target),
            Command::Explain(target) => return explain(context, target),
        };
        let app = context.app_without_questions();
        let change = app.change_baseline(task, &target.what(), &target.options())?;
        context.notes(&app);
        tell(context, &change)?;
        Ok(Exit::OK)
    }
}

fn tell(context: &Context, change: &Change) -> Result<(), Failure> {
    if context.ui.is_json() {
        return context.ui.json(&json!({
            "baseline": in_json(&change.path),
            "added": change.added,
            "removed": change.removed,
            "entries": change.entries,
            "stale": change.stale,
        }));
    }
    let mut text = format!(
        "{}: {}, {} added, {} removed",
        change.path.display(),
        many(change.entries, "finding", "findings"),
        change.added,
        change.removed
    );
    if change.stale > 0 {
        text += "; ";
        text += &many(change.stale, "entry finds", "entries find");
        text += " nothing any more: `mvx scan baseline prune` removes what is gone";
    }
    context.ui.note(&text);
    Ok(())
}

fn explain(context: &Context, target: &Target) -> Result<Exit, Failure> {
    let app = context.app_without_questions();
    let (path, explained) = app.explain_baseline(&target.what(), &target.options())?;
    context.notes(&app);
    if context.ui.is_json() {
        let entries: Vec<_> = explained.iter().map(answer).collect();
        context
            .ui
            .json(&json!({ "baseline": in_json(&path), "entries": entries }))?;
        return Ok(Exit::OK);
    }
    for one in &explained {
        let comment = one.entry.comment.as_ref();
        let comment = comment.map(|comment| format!("  # {comment}"));
        context.ui.line(&format!(
            "{} {}{}",
            one.fingerprint.as_str(),
            one.entry.rule,
            comment.unwrap_or_default()
        ))?;
        for place in &one.places {
            context.ui.line(&format!("    {place}"))?;
        }
        if one.places.is_empty() {
            let gone = match (one.entry.is_history, target.history) {
                (true, false) => "    in history: `--history` looks there",
                _ => "    not found",
            };
            context.ui.line(gone)?;
        }
    }
    Ok(Exit::OK)
}

fn answer(one: &Explained) -> serde_json::Value {
    json!({
        "fingerprint": one.fingerprint.as_str(),
        "rule": one.entry.rule,
        "history": one.entry.is_history,
        "comment": one.entry.comment,
        "places": one.places,
    })
}
