//! `mvx env`.

mod check;
mod example;
mod render;
mod sync;

use super::Context;
use crate::app::env::deliver::scopes;
use crate::error::{Exit, Failure};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx env sync
  mvx env sync tenant --with client=acme
  mvx env check --names-only
  mvx env example
  mvx env render prod --format json")]
pub(super) struct Env {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Write what profiles deliver to their outputs, such as .env.local
    ///
    /// A block in the file is mvx's; your own lines around it stay. The names that come, change and
    /// go are shown, and no value is. Every profile is opened and checked before the first file is
    /// written, and a file that is up to date is not touched. A file that git would take into a
    /// commit is refused, unless git is told to ignore it: you are asked, or give --gitignore.
    Sync(sync::Sync),
    /// Compare what profiles deliver with their examples and outputs
    ///
    /// Finds names that are missing in the example or in the secret files, values that are empty or
    /// placeholders, examples that hold a secret, and outputs that are not what `mvx env sync` would
    /// write. No value is shown. Ends with 1 where something is found, and where there is nothing to
    /// compare with: an example that is absent or ignored by git is a finding.
    ///
    /// --names-only compares names with the example, opens nothing and needs no identity.
    Check(check::Check),
    /// Write or update the example: the names that profiles deliver, without values
    ///
    /// What stands in the example stays, your own lines and comments, too; new names come behind
    /// their neighbours. Needs no identity. Comments above a secret come along where they stand in
    /// clear; those that are encrypted only with --comments, since everybody can read the example.
    Example(example::Example),
    /// Print what a profile delivers, in any format, or fill a template with it
    ///
    /// The formats are dotenv, json, yaml, shell (export lines), k8s (a Secret), docker (--env-file),
    /// systemd (`EnvironmentFile=`), tfvars, github (`GITHUB_ENV`, masked), gitlab (a dotenv report)
    /// and azure (task.setvariable). A dotenv file is written for the program that reads it: portable,
    /// node, expand, shell, compose, python, docker or rust. A value that the format does not carry
    /// is an error which names one that does: no value comes out changed. docs/env.md has the rules
    /// of each.
    ///
    /// A template is any text file. `{{ mvx:NAME }}` stands for a value, `{{ mvx:NAME | json }}` for
    /// it as a JSON string; the other filters are lines, json-inner, shell, url, xml, properties,
    /// nginx, netrc, base64, base64url and hcl.
    Render(render::Render),
}

impl Env {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match &self.command {
            Command::Sync(sync) => sync.run(context),
            Command::Check(check) => check.run(context),
            Command::Example(example) => example.run(context),
            Command::Render(render) => render.run(context),
        }
    }
}

// The values of scopes. A doc comment would take the place of the command's.
#[derive(clap::Args)]
pub(super) struct With {
    /// Fill in a scope of the profile's files: `--with client=acme` for `{client}`
    #[arg(long, value_name = "SCOPE=NAME")]
    with: Vec<String>,
}

impl With {
    /// The scopes and their values.
    pub(super) fn scopes(&self) -> Result<Vec<(String, String)>, Failure> {
        scopes(&self.with)
    }
}
