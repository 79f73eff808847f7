//! `--reveal`: a reason, where a coding assistant runs a command that prints values.

use super::Context;
use crate::error::{Exit, Failure};

// A reason for printing values. A doc comment would take the place of the command's.
#[derive(clap::Args)]
pub(super) struct Reveal {
    /// Why values are wanted; entered into the access log, and needed under a coding assistant
    #[arg(long, value_name = "REASON")]
    reveal: Option<String>,
}

impl Reveal {
    /// Takes the reason down where one is given.
    pub(super) fn note(&self, context: &Context) -> Result<(), Failure> {
        let Some(reason) = &self.reveal else {
            return Ok(());
        };
        if reason.trim().is_empty() {
            let message = "`--reveal` takes a reason, and this one has no words";
            return Err(Failure::new(Exit::USAGE, "usage", message));
        }
        context.record.because(reason);
        Ok(())
    }

    /// Refuses to go on where a coding assistant runs the command and no reason is given. To be
    /// called before anything is opened, by what prints values.
    pub(super) fn permit(&self, context: &Context) -> Result<(), Failure> {
        self.note(context)?;
        if self.reveal.is_some() {
            return Ok(());
        }
        let Some(variable) = context.environment.assistant() else {
            return Ok(());
        };
        let message = format!(
            "this prints values in clear, and {variable} says that a coding assistant runs it"
        );
        Err(Failure::new(Exit::USAGE, "needs-reveal", message)
            .hint("`--reveal REASON` does it all the same, and enters the reason into the access log")
            .hint("without values: `mvx ls` lists keys, `mvx env check` compares, `mvx env sync` writes .env files"))
    }
}
