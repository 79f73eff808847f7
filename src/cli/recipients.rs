//! `mvx recipients`.

mod list;
mod sync;

use super::Context;
use crate::error::{Exit, Failure};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx recipients list
  mvx recipients list secrets/prod/stripe.enc.yaml
  mvx recipients sync")]
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
    /// Bring the recipients of files in line with the rules
    ///
    /// Every file that is to be written is opened before the first one is; if one cannot be, nothing
    /// is written. Where somebody is added, the data key stays; where somebody goes, the file gets a
    /// new one, so that their old entry in git's history opens nothing that is written from now on.
    Sync(sync::Sync),
}

impl Recipients {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match &self.command {
            Command::List(list) => list.run(context),
            Command::Sync(sync) => sync.run(context),
        }
    }
}
