//! `mvx clean`.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::Context;
use super::ui::Mark;
use crate::app::clean::{Content, Finding, What};
use crate::cli::json::in_json;
use crate::error::{Exit, Failure};
use crate::io::terminal;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx clean --dry-run
  mvx clean --yes secrets
  mvx clean secrets/prod/stripe.yaml      this file, even if it differs from the encrypted one")]
pub(super) struct Clean {
    /// Files or directories
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Show what was left behind, and end with 1 if anything was
    #[arg(long, visible_alias = "check")]
    dry_run: bool,
    /// Remove without asking
    #[arg(short, long, conflicts_with = "dry_run")]
    yes: bool,
}

impl Clean {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app();
        let findings = app.left_behind(&self.paths)?;
        context.notes(&app);
        let going = findings.iter().filter(|finding| finding.may_go()).count();
        let json = context.ui.is_json();
        if !json {
            for finding in &findings {
                show(context, finding)?;
            }
            context.ui.flush()?;
        }
        if findings.is_empty() {
            context.ui.note("nothing was left behind");
        } else if going > 0 && !self.dry_run && !self.yes {
            agree(going)?;
        }
        let mut removed = vec![false; findings.len()];
        if !self.dry_run {
            for (finding, removed) in findings.iter().zip(&mut removed) {
                if !finding.may_go() {
                    continue;
                }
                match app.clean(finding) {
                    Ok(()) => *removed = true,
                    Err(failure) => context.ui.problem(&failure),
                }
            }
        }
        if json {
            let found: Vec<Value> = findings
                .iter()
                .zip(&removed)
                .map(|(finding, removed)| answer(finding, *removed))
                .collect();
            context.ui.json(&json!({ "found": found }))?;
        }
        let gone = removed.iter().filter(|removed| **removed).count();
        let plaintext = findings
            .iter()
            .zip(&removed)
            .any(|(finding, removed)| *removed && !matches!(finding.what, What::Lock));
        if gone > 0 {
            context.ui.note(&format!("{gone} removed"));
        }
        if plaintext {
            context.ui.note(
                "removed is not erased: the bytes may stay on an SSD, in snapshots and in backups; change a value that somebody may have seen",
            );
        }
        let left = findings.len() - gone;
        if left > 0 && !self.dry_run {
            context.ui.note(&format!("{left} left: see above"));
        }
        Ok(if left == 0 { Exit::OK } else { Exit::NO })
    }
}

fn show(context: &Context, finding: &Finding) -> Result<(), Failure> {
    let mark = if finding.may_go() {
        Mark::Remove
    } else {
        Mark::Keep
    };
    let text = format!("{}: {}", finding.path.display(), finding.words());
    context.ui.finding(mark, &text, &finding.hints())
}

fn agree(count: usize) -> Result<(), Failure> {
    let question = match count {
        1 => "Remove it?".into(),
        count => format!("Remove these {count}?"),
    };
    let agreed = terminal::confirm(&question, false).map_err(|error| {
        let mut failure = Failure::from(error);
        if failure.code == "no-terminal" {
            failure.hints = vec![
                "`--yes` removes what is marked so, without asking".into(),
                "`--dry-run` only shows it".into(),
            ];
        }
        failure
    })?;
    if agreed {
        return Ok(());
    }
    Err(Failure::new(Exit::NO, "declined", "nothing was removed"))
}

fn answer(finding: &Finding, removed: bool) -> Value {
    let why = match &finding.content {
        Content::Unknown(why) => Some(why),
        _ => None,
    };
    json!({
        "path": in_json(&finding.path),
        "what": finding.what.name(),
        "of": in_json(&finding.of),
        "content": finding.content.name(),
        "why": why,
        "git": finding.git.name(),
        "may_go": finding.may_go(),
        "removed": removed,
        "hints": finding.hints(),
    })
}
