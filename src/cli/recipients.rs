//! `mvx recipients`.

pub(super) mod add;
mod list;
mod remove;
mod request;
mod sync;

use super::Context;
use crate::error::{Exit, Failure};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx recipients list
  mvx recipients request                         on the newcomer's machine
  mvx recipients add carol age1… --group team    on yours
  mvx recipients remove bob
  mvx recipients sync --check")]
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
    /// Enter somebody into the rules, and give them the files
    ///
    /// The rules' text is edited where it has to be: comments and layout stay. Files that the rules
    /// open to the newcomer are wrapped for them, and keep their data key. If one of them cannot be
    /// opened here, nothing is written at all.
    Add(add::Add),
    /// Take somebody out of the rules, and lock the files
    ///
    /// The name goes from the register, from all groups and from all rules. Every file that it could
    /// read gets a new data key, and the values in it are listed: who has read a value knows it
    /// still, and git's history keeps what the old key opens. Change those values.
    Remove(remove::Remove),
    /// Print what a colleague runs to give you access
    Request(request::Request),
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
            Command::Add(add) => add.run(context),
            Command::Remove(remove) => remove.run(context),
            Command::Request(request) => request.run(context),
            Command::Sync(sync) => sync.run(context),
        }
    }
}
