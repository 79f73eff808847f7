//! `mvx rotation`.

mod due;
mod expire;
mod log;
mod record;
mod verify;

use std::time::Duration;

use super::Context;
use crate::error::{Exit, Failure};
use crate::rules::parse_duration;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx rotation due
  mvx rotation verify --since origin/main
  mvx rotation record
  mvx rotation log --format markdown -o docs/rotations.md")]
pub(super) struct Rotation {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Show which secrets are due, by the cadence of the rules
    ///
    /// Needs no identity. Ends with 1 where one is overdue. A day has 24 hours, and starts when the
    /// value was new. A change that nobody has explained renews nothing.
    Due(due::Due),
    /// Remove replaced and deleted values whose time is over
    ///
    /// They cannot be read any more as it is. Git's history keeps their ciphertext.
    Expire(expire::Expire),
    /// Print the log of rotations for people
    ///
    /// With -o it is written to a file; --check compares the file with it, and ends with 1 where they
    /// differ.
    Log(log::Log),
    /// Check that the ledger tells of every secret as it is
    ///
    /// Needs no identity: ciphertexts are compared with what the events say. Named are values that came,
    /// changed or went without an event, events without a change, events that were edited or removed
    /// after they had been committed, several heads after a merge, and replaced values whose time is
    /// over. Ends with 1 where there is anything.
    ///
    /// --since names a commit whose events must all be there: in CI, that of the branch into which a
    /// pull request goes. Without it, those of the last 1000 commits must.
    Verify(verify::Verify),
    /// Enter changes into the ledger that were made without mvx
    ///
    /// Begins a ledger where there is none. Dates and people come from git's history. Where only the
    /// encryption of a value changed it is a `rekey`; every other change is `unknown`, and renews no due
    /// date until --reason says what it was.
    Record(record::Record),
    /// Finish what a run had begun that was killed
    Repair(record::Repair),
}

impl Rotation {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match &self.command {
            Command::Due(due) => due.run(context),
            Command::Expire(expire) => expire.run(context),
            Command::Log(log) => log.run(context),
            Command::Verify(verify) => verify.run(context),
            Command::Record(record) => record.run(context),
            Command::Repair(repair) => repair.run(context),
        }
    }
}

/// Reads a duration of the command line.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let zero = (text == "0").then_some(Duration::ZERO);
    parse_duration(text)
        .or(zero)
        .ok_or_else(|| "a duration is a number and d, h, w or m, such as 30d".into())
}
