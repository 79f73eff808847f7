//! The command line: one file a command, and all printing in [`ui`].
//!
//! A command is a struct of its arguments and a short `run` that calls a use case and prints what
//! comes back:
//!
//! ```text
//! #[derive(clap::Args)]
//! pub(super) struct Get {
//!     /// The secret file
//!     file: PathBuf,
//! }
//!
//! impl Get {
//!     pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> { … }
//! }
//! ```
//!
//! plus a variant of `Command`, whose doc comment is the command's help, and its line in
//! `Command::run`. Help, man pages and completions all come from these.

mod exit_codes;
mod generate;
mod help;
mod table;
pub mod ui;
mod usage;

use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Parser};

use crate::error::{Exit, Failure};
use crate::io::env::{self, Environment};
use crate::io::harden;
use crate::io::terminal::Colour;
use ui::Ui;

/// What every command gets.
pub struct Context {
    /// The way to the person and to the next program.
    pub ui: Ui,
    /// The environment as it was at the start.
    pub environment: Environment,
    /// The working directory, after `-C`.
    pub directory: PathBuf,
}

/// Keep a team's secrets encrypted inside its git repository
///
/// mvx keeps secret files in SOPS's format: every file it writes is read by sops, and the other
/// way round. `mvx help COMMAND` explains a command.
#[derive(Parser)]
#[command(
    name = "mvx",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = help::TOPICS_LINE
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// The options of every command.
#[derive(clap::Args)]
#[command(next_help_heading = "Options of every command")]
struct Global {
    /// Print the answer as one JSON object, and a failure as one on standard error
    #[arg(long, global = true)]
    json: bool,
    /// Print no notes and no progress
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Say more about what is done; twice for still more
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
    /// When to use colour
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        value_parser = colour_parser()
    )]
    color: Colour,
    /// Run as if started in DIR
    #[arg(short = 'C', global = true, value_name = "DIR")]
    start_in: Option<PathBuf>,
}

/// The commands. Their arguments are built only when one is used (`defer`), so that a start does
/// not pay for all of them.
#[derive(clap::Subcommand)]
#[command(defer = true)]
enum Command {
    /// Explain a command or a topic
    Help(help::Help),
    /// Write man pages or shell completions
    #[command(hide = true)]
    Gen(generate::Generate),
}

impl Command {
    fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Help(help) => help.run(context),
            Self::Gen(generate) => generate.run(context),
        }
    }
}

/// Runs mvx with the process's own arguments, and says how it ends.
pub fn main() -> ExitCode {
    let arguments = env::arguments();
    let early = usage::Early::guess(&arguments);
    shield(early.json, || {
        let environment = Environment::read();
        match Cli::try_parse_from(&arguments) {
            Ok(cli) => run(cli, environment),
            Err(error) => usage::report(&error, &arguments, early, &environment),
        }
    })
}

/// Runs `program`; should it panic, says where, and that this is a bug, and ends with 70. What the
/// panic itself says is not shown: it may hold a value.
pub fn shield(json: bool, program: impl FnOnce() -> ExitCode) -> ExitCode {
    panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map_or_else(
            || "an unknown place".into(),
            |location| format!("{}:{}", location.file(), location.line()),
        );
        let failure = Failure::new(Exit::BUG, "bug", format!("stopped by a bug at {place}"))
            .hint("please report it with this line and the command; no file was left half written");
        ui::print_failure(&failure, json, false);
    }));
    panic::catch_unwind(AssertUnwindSafe(program)).unwrap_or_else(|payload| {
        // dropping it could panic once more
        drop(panic::catch_unwind(AssertUnwindSafe(|| drop(payload))));
        Exit::BUG.code().into()
    })
}

fn run(cli: Cli, environment: Environment) -> ExitCode {
    harden::no_core_dumps();
    let Cli { global, command } = cli;
    let ui = Ui::new(
        global.json,
        global.quiet,
        global.verbose,
        global.color,
        &environment,
    );
    let entered = match &global.start_in {
        Some(directory) => env::enter(directory),
        None => Ok(()),
    };
    let directory = match entered.and_then(|()| env::working_directory()) {
        Ok(directory) => directory,
        Err(error) => return ui.end(Err(error.into())),
    };
    let context = Context {
        ui,
        environment,
        directory,
    };
    let outcome = command.run(&context);
    context.ui.end(outcome)
}

fn colour_parser() -> impl TypedValueParser<Value = Colour> {
    PossibleValuesParser::new(["auto", "always", "never"]).map(|word| match word.as_str() {
        "always" => Colour::Always,
        "never" => Colour::Never,
        _ => Colour::Auto,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_table_is_sound() {
        let mut command = Cli::command();
        command.build();
        command.debug_assert();
    }

    #[test]
    fn global_options_stand_anywhere() {
        for words in [
            ["mvx", "--json", "help"].as_slice(),
            &["mvx", "help", "--json"],
            &["mvx", "help", "exit-codes", "--json"],
        ] {
            assert!(Cli::try_parse_from(words).unwrap().global.json, "{words:?}");
        }
        let cli = Cli::try_parse_from(["mvx", "help", "-C", "x", "--color=never", "-vv"]).unwrap();
        assert_eq!(cli.global.verbose, 2);
        assert_eq!(cli.global.color, Colour::Never);
        assert_eq!(cli.global.start_in, Some("x".into()));
    }

    /// clap lets a command's own argument of the same name take the place of a global one, and
    /// says nothing.
    #[test]
    fn no_command_hides_a_global_option() {
        fn check(command: &clap::Command, globals: &[String]) {
            for global in globals {
                let argument = command
                    .get_arguments()
                    .find(|argument| argument.get_id() == global.as_str());
                assert!(
                    argument.is_some_and(clap::Arg::is_global_set),
                    "`{}` has an argument `{global}` of its own",
                    command.get_name()
                );
            }
            for below in command.get_subcommands() {
                check(below, globals);
            }
        }
        let mut root = Cli::command();
        root.build();
        let globals: Vec<String> = root
            .get_arguments()
            .filter(|argument| argument.is_global_set())
            .map(|argument| argument.get_id().to_string())
            .collect();
        assert!(globals.len() >= 5, "{globals:?}");
        check(&root, &globals);
    }
}
