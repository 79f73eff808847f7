//! `mvx edit`.

use std::path::PathBuf;

use serde_json::json;

use super::{Context, FormatArg};
use crate::app::edit::{Again, Outcome};
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
}

impl Edit {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app();
        let outcome = app.edit(&self.file, self.format.format(), |failure| {
            context.ui.problem(failure);
            let reopen = terminal::confirm("Back into the editor?", true).map_err(|error| {
                Failure::from(error).hint("what was edited is lost; the file stays as it was")
            })?;
            Ok(if reopen {
                Again::Reopen
            } else {
                Again::Discard
            })
        });
        context.notes(&app);
        let changed = outcome? == Outcome::Changed;
        if context.ui.is_json() {
            context
                .ui
                .json(&json!({ "file": self.file, "changed": changed }))?;
        }
        if changed {
            context
                .ui
                .note(&format!("{}: encrypted again", self.file.display()));
            return Ok(Exit::OK);
        }
        context
            .ui
            .note(&format!("{}: nothing changed", self.file.display()));
        Ok(Exit::UNCHANGED)
    }
}
