//! `mvx recipients`.

mod list;

use super::Context;
use crate::error::{Exit, Failure};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx recipients list
  mvx recipients list secrets/prod/stripe.enc.yaml")]
pub(super) struct Recipients {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List who can open which files, and where the files are not as the rules say
    ///
    /// Needs no identity.
    List(list::List),
}

impl Recipients {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match &self.command {
            Command::List(list) => list.run(context),
        }
    }
}
