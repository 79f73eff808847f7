//! `mvx edit`.

use std::path::PathBuf;

use serde_json::json;

use super::reveal::Reveal;
use super::{Context, FormatArg};
use crate::app::edit::{Again, Outcome};
use crate::cli::json::in_json;
use crate::error::{Exit, Failure};
use crate::io::terminal;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx edit secrets/dev/stripe.enc.yaml
  EDITOR='code --wait' mvx edit secrets/dev/new.enc.yaml")]
pub(super) struct Edit {
    /// The encrypted file
    file: PathBuf,
    #[command(flatten)]
    format: FormatArg,
    #[command(flatten)]
    reveal: Reveal,
}

impl Edit {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        self.reveal.permit(context)?;
        let app = context.app();
        let outcome = app.edit(&self.file, self.format.format(), |failure| {
            if !terminal::is_stdin() || !terminal::is_stderr() {
                return None;
            }
            context.ui.problem(failure);
            let question = "Back into the editor? (no: what you edited is dropped)";
            let reopen = terminal::confirm(question, true).ok()?;
            Some(if reopen {
                Again::Reopen
            } else {
                Again::Discard
            })
        });
        context.notes(&app);
        let outcome = outcome?;
        if context.ui.is_json() {
            let made = outcome == Outcome::Made;
            let changed = made || outcome == Outcome::Changed;
            let answer = json!({ "file": in_json(&self.file), "changed": changed, "made": made });
            context.ui.json(&answer)?;
        }
        let (said, exit) = match outcome {
            Outcome::Changed => ("encrypted again", Exit::OK),
            Outcome::Made => ("made and encrypted", Exit::OK),
            Outcome::Unchanged => ("nothing changed", Exit::UNCHANGED),
            Outcome::NotMade => ("not made: the example was left as it was", Exit::UNCHANGED),
        };
        context.ui.note(&format!("{}: {said}", self.file.display()));
        Ok(exit)
    }
}
