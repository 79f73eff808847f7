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
//! `Command::run`. Help, man pages and completions all come from these. Arguments that several
//! commands share are flattened in; they have no doc comment, or it would replace the command's.

mod clean;
mod consumers;
mod decrypt;
mod differences;
mod doctor;
mod edit;
mod encrypt;
mod env;
mod exit_codes;
mod generate;
mod get;
mod git;
mod help;
mod history;
mod import;
mod init;
mod json;
mod keys;
mod ls;
mod notify;
mod progress;
mod prompt;
mod recipients;
mod recovery;
mod redact;
mod rekey;
mod repair;
mod reveal;
mod rewrap;
mod rewriting;
mod rotate;
mod rotation;
mod run;
mod scan;
mod seal;
mod set;
mod table;
pub mod ui;
mod usage;

use std::ffi::OsString;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, CommandFactory as _, FromArgMatches as _, Parser};

use crate::app::access::{Ending, Record, told};
#[cfg(unix)]
use crate::app::run::not_started;
use crate::app::{App, Note, unknown_kind};
use crate::error::{Exit, Failure};
use crate::io::env::{Environment, arguments, enter, working_directory};
#[cfg(unix)]
use crate::io::pty;
use crate::io::terminal::Colour;
use crate::io::{guard, harden};
use crate::keys::open::Order;
use crate::keys::prompt::NoPrompt;
use crate::keys::system::System;
use crate::stores::Format;
use ui::Ui;

/// What every command gets.
pub struct Context {
    /// The way to the person and to the next program.
    pub ui: Ui,
    /// The environment as it was at the start.
    pub environment: Arc<Environment>,
    /// The working directory, after `-C`.
    pub directory: PathBuf,
    /// In which order the recipients of a file are tried, where the command line says so.
    order: Option<Order>,
    /// What the command opens, for the access log.
    pub record: Arc<Record>,
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
    /// Try the recipients of a file by kind, such as `kms,age`, and all others after them
    #[arg(long, global = true, value_name = "KINDS", hide_short_help = true)]
    decryption_order: Option<String>,
    /// Run as if started in DIR
    #[arg(short = 'C', global = true, value_name = "DIR")]
    start_in: Option<PathBuf>,
}

/// The commands. Their arguments are built only when one is used (`defer`), so that a start does
/// not pay for all of them.
#[derive(clap::Subcommand)]
#[command(defer = true)]
enum Command {
    /// Set up a repository: rules, your key, a recovery key, .gitignore
    ///
    /// Asks what it needs at a terminal; options answer in advance. Your key is the first identity of
    /// this machine, or a new one. A recovery key belongs on paper, away from every machine: it opens
    /// the files on the day when all other keys are lost.
    Init(init::Init),
    /// Import secrets from .env files and other tools into a secret file
    ///
    /// Reads .env files as the program does that uses them (--dialect), JSON, YAML, INI, what doppler
    /// and 1Password's op print, and work trees of git-crypt and transcrypt. A secret file that exists
    /// keeps its own values and their ciphertext; where the two differ, it asks, or takes the imported
    /// value with --overwrite. --dry-run shows all that, by name.
    ///
    /// References such as $HOME or $(command) are kept as they stand: nothing is expanded or run.
    /// Afterwards the file is opened again and every value is compared; only then may the plaintext go.
    Import(import::Import),
    /// Encrypt files for the recipients that the rules name
    ///
    /// `stripe.yaml` becomes `stripe.enc.yaml` beside it. The plaintext stays until you say yes or
    /// give --rm. A directory means every plaintext file below it that a rule covers.
    ///
    /// The result is opened again before anything is written: it must hold the same values.
    Encrypt(encrypt::Encrypt),
    /// Print the plaintext of encrypted files
    ///
    /// Every value and the file's MAC are checked before anything is printed. A plaintext written
    /// inside a work tree must be ignored by git.
    Decrypt(decrypt::Decrypt),
    /// Edit an encrypted file in your editor
    ///
    /// The plaintext lies in a private file in memory while the editor runs. Values that you leave
    /// alone keep their ciphertext, so that the diff shows what changed. A file that does not exist is
    /// made. The editor is `$SOPS_EDITOR`, `$VISUAL` or `$EDITOR`, else vim, nano or vi.
    Edit(edit::Edit),
    /// Print one secret
    ///
    /// A value is printed with a line break behind it, a map or list in the file's own format. With
    /// --json the answer is an object with the value in it.
    Get(get::Get),
    /// Set one secret, or many at once
    ///
    /// The value is asked for at the terminal, or read from standard input (one line break at its end
    /// is dropped) or a file. Missing maps on the way are created; an index one past a list's end
    /// appends. Only the value's own line and the file's metadata change.
    ///
    /// A number or boolean that is there stays one where the new text fits it; new values are text.
    /// --type says otherwise.
    Set(set::Set),
    /// Remove one secret from an encrypted file
    ///
    /// git history keeps the old ciphertext: revoke the value where it was used.
    Unset(set::Unset),
    /// Move a secret to another key path in its file
    ///
    /// Its value is encrypted anew at its new place. Comments inside a map that moves to another map
    /// are left behind.
    #[command(name = "mv")]
    Rename(set::Rename),
    /// List secret files, their keys and who can open them
    ///
    /// Needs no identity and never shows a value.
    #[command(name = "ls")]
    List(ls::List),
    /// Show or renew the seal, which covers what SOPS leaves unprotected
    ///
    /// sops accepts files in which somebody renamed a clear key, changed a type, moved the border
    /// between two clear values or planted a recipient. mvx seals all of that; see docs/seal.md.
    Seal(seal::Seal),
    /// Deliver secrets to .env files, as the profiles of the rules say
    ///
    /// A profile, `[env.NAME]` in .sops-rules.toml, says which secret files are read, under which
    /// names their values are delivered, and where to. docs/profiles.md has every field.
    Env(env::Env),
    /// Find out what is wrong with a file that does not open, and mend it
    ///
    /// Shows what differs from the last version in git that was good, by key path and without values,
    /// and offers to restore that version, to take the file as it stands, or to edit it.
    Repair(repair::Repair),
    /// Make, list and show this machine's identities, which open files
    Keys(keys::Keys),
    /// Show and change who can open which files
    Recipients(recipients::Recipients),
    /// Give files a new data key: the same values, encrypted anew
    ///
    /// Every file is opened before the first one is written, and each result is opened again. The
    /// new key is wrapped for whom the rules name; where no rule covers a file, for those in it, if
    /// mvx's seal on it is valid. A recipient that cannot be wrapped for is refused, unless
    /// --drop names it.
    ///
    /// Values stay as they are: who has read them knows them still. `mvx set` changes a value.
    Rekey(rekey::Rekey),
    /// Give a secret a new value, and say why
    ///
    /// The value is asked for at the terminal, or read from standard input or a file; --generate draws one, and
    /// --command takes what a command prints. The value that the secret has is refused. The old one is
    /// kept for the grace that the rules or --grace name; what leaked is not kept. The rules may want
    /// another environment to be first (`rotate_after`).
    ///
    /// Works in a git repository and begins its ledger where there is none.
    Rotate(rotate::Rotate),
    /// Show the versions of a secret: when, by whom and why
    ///
    /// Needs no identity. A version that is still kept is printed by get, with --version.
    History(history::History),
    /// Show who uses a secret: declared, by profiles, and where the work tree reads it
    ///
    /// Needs no identity. Searches what git has, or would take, for the names under which profiles deliver
    /// the secret, and the one that its key path makes. Names that are put together while a program runs
    /// are not seen, so that --unused is a hint and no proof.
    Consumers(consumers::Consumers),
    /// Put an older version of a secret in the place of the present one
    ///
    /// As long as it is kept. A version that was rotated because it leaked does not come back.
    Rollback(history::Rollback),
    /// Remove a secret, so that it can be restored for a while
    ///
    /// git's history keeps its ciphertext: what ends a leak is to revoke the value where it was used.
    Delete(history::Delete),
    /// Bring a deleted secret back
    Restore(history::Restore),
    /// Look after the ledger: what was rotated when, and what is due
    ///
    /// A repository keeps a ledger from the day on which its rules have a [[secrets]] table, or
    /// `mvx rotation record` has begun one. From then on every command that changes a secret file
    /// writes an event into `.mvx/ledger`, in clear and without any value. docs/ledger.md has the rest.
    Rotation(rotation::Rotation),
    /// Tell those who use secrets which ones changed
    ///
    /// Run by CI on the default branch, so that what is merged is told, and not what is on a branch: each event
    /// of the ledger that HEAD has and the --since commit has not goes as a signed HTTP request to those
    /// whom `[notify.NAME]` in the rules names, and whose address and secret the environment or your own
    /// settings hold. No value is ever sent. To tell the same again is harmless: its id stays.
    ///
    /// Ends with 1 where anything was not delivered. docs/ledger.md has the rest.
    Notify(notify::Notify),
    /// Say why this machine opens a file or not, and what is wrong with it
    ///
    /// Without a file, looks at the machine: its identities and who can read them, editor, plugins,
    /// repository and rules. With files, tells for each recipient what was tried, whether values and
    /// MAC are authentic, and whether the file is as the rules say. Nothing is changed, and no value
    /// is shown. Ends with 1 where there is a problem.
    Doctor(doctor::Doctor),
    /// Find and remove plaintext that was left behind
    ///
    /// Looks for plaintext beside encrypted files, for what editors and merges left of either, and for
    /// temporary files, drafts and locks of runs that were killed. What is the same as an encrypted
    /// file's content is removed after a yes; what differs, or cannot be compared, only if you name
    /// it; what git tracks stays. Without a PATH, looks below the working directory, and where mvx
    /// keeps things for a while.
    Clean(clean::Clean),
    /// Run a command with the secrets of a profile in its environment
    ///
    /// Every file is opened and checked before anything is started. mvx becomes the command then, with
    /// its process number, terminal and signals; with --redact, --watch or --files it stays beside it,
    /// passes signals on, and ends as it ends. What is delivered wins over what the environment has.
    /// Identities (`MVX_*`, `SOPS_AGE_*`) are kept from the command, and names that steer a process, such
    /// as `PATH` and `LD_PRELOAD`, are refused unless the profile allows them.
    ///
    /// 126 means that the command could not be started, 127 that there is none of that name; other
    /// statuses are the command's own, or mvx's if it said so on standard error.
    Run(run::Run),
    /// Mask secrets in what passes from standard input to standard output
    ///
    /// Masks every secret of 8 characters and more, and single lines of that length: as it is, in base64,
    /// hex, percent-encoded, and as JSON, XML, SQL and shells escape it. What is cut to pieces, reversed
    /// or compressed is not recognised.
    Redact(redact::Redact),
    /// Find secrets in clear: in files, in what is staged, in git's history
    ///
    /// Looks at files as git has them, not as its settings show them: whole staged files, all parents
    /// of merges, UTF-16, base64 and hex, messages of commits and tags. What is encrypted is passed over
    /// value by value, so that a clear one beside it is found; a file that the rules want encrypted
    /// and that is not is a finding. Nothing found is ever sent anywhere.
    ///
    /// Reports hold no secret. 0 means clean, 1 that something was found, 4 that not everything could
    /// be scanned. docs/scan.md has the rest.
    Scan(scan::Scan),
    /// Have git's hooks scan, and do their work
    Git(git::Git),
    /// Explain a command or a topic
    Help(help::Help),
    /// Write man pages or shell completions
    #[command(hide = true)]
    Gen(generate::Generate),
}

impl Command {
    fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Init(init) => init.run(context),
            Self::Import(import) => import.run(context),
            Self::Encrypt(encrypt) => encrypt.run(context),
            Self::Decrypt(decrypt) => decrypt.run(context),
            Self::Edit(edit) => edit.run(context),
            Self::Get(get) => get.run(context),
            Self::Set(set) => set.run(context),
            Self::Unset(unset) => unset.run(context),
            Self::Rename(rename) => rename.run(context),
            Self::List(list) => list.run(context),
            Self::Seal(seal) => seal.run(context),
            Self::Env(env) => env.run(context),
            Self::Repair(repair) => repair.run(context),
            Self::Keys(keys) => keys.run(context),
            Self::Recipients(recipients) => recipients.run(context),
            Self::Rekey(rekey) => rekey.run(context),
            Self::Rotate(rotate) => rotate.run(context),
            Self::History(history) => history.run(context),
            Self::Consumers(consumers) => consumers.run(context),
            Self::Rollback(rollback) => rollback.run(context),
            Self::Delete(delete) => delete.run(context),
            Self::Restore(restore) => restore.run(context),
            Self::Rotation(rotation) => rotation.run(context),
            Self::Notify(notify) => notify.run(context),
            Self::Doctor(doctor) => doctor.run(context),
            Self::Clean(clean) => clean.run(context),
            Self::Run(run) => run.run(context),
            Self::Redact(redact) => redact.run(context),
            Self::Scan(scan) => scan.run(context),
            Self::Git(git) => git.run(context),
            Self::Help(help) => help.run(context),
            Self::Gen(generate) => generate.run(context),
        }
    }
}

impl Context {
    /// The use cases, with this machine's keys and a person at the terminal.
    fn app(&self) -> App<'_> {
        App::new(
            &self.environment,
            &self.directory,
            Arc::new(System::new(Arc::clone(&self.environment))),
            Arc::new(prompt::Terminal),
        )
        .verbose(self.ui.verbose())
        .recording(Arc::clone(&self.record))
        .trying(self.order.clone())
    }

    /// The use cases where nobody is to be asked.
    fn app_without_questions(&self) -> App<'_> {
        App::new(
            &self.environment,
            &self.directory,
            Arc::new(System::new(Arc::clone(&self.environment))),
            Arc::new(NoPrompt),
        )
        .verbose(self.ui.verbose())
        .recording(Arc::clone(&self.record))
        .trying(self.order.clone())
    }

    /// Enters what was opened into the access log. Where the rules demand one, it stands there
    /// already, and nobody is stopped here.
    fn log_access(&self, outcome: &Result<Exit, Failure>) {
        let ending = match outcome {
            Ok(exit) => Ending::Done(*exit),
            Err(failure) => Ending::Failed(failure.exit, failure.code),
        };
        let done = self.record.end(&self.environment, &self.directory, ending);
        match done {
            // The user's own settings are wrong.
            Err(failure) if failure.code == "settings" => self.ui.problem(&failure),
            Err(failure) => {
                let text = format!("the access log was not written: {}", told(&failure));
                self.ui.detail(1, &text);
            }
            Ok(()) => {}
        }
    }

    /// Prints what a use case left to say.
    fn notes(&self, app: &App<'_>) {
        for note in app.take_notes() {
            match note {
                Note::Said(text) => self.ui.note(&text),
                Note::Warned(text, hints) => {
                    let hints: Vec<&str> = hints.iter().map(String::as_str).collect();
                    self.ui.warn(&text, &hints);
                }
                Note::Detail(level, text) => self.ui.detail(level, &text),
            }
        }
    }
}

/// A command line that makes no sense, beyond what its grammar can tell.
fn misuse(message: &str) -> Failure {
    Failure::new(Exit::USAGE, "usage", message)
}

// The option that says what type a file is. A doc comment would take the place of the command's.
#[derive(clap::Args)]
struct FormatArg {
    /// The file's type, where its name does not tell it
    #[arg(long, value_name = "TYPE", value_parser = format_parser())]
    format: Option<Format>,
}

impl FormatArg {
    fn format(&self) -> Option<Format> {
        self.format
    }
}

fn format_parser() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::name))
        .map(|name| Format::from_name(&name).unwrap_or(Format::Binary))
}

/// Runs mvx with the process's own arguments, and says how it ends.
pub fn main() -> ExitCode {
    let arguments = arguments();
    if guard::is_meant(&arguments) {
        return guard::serve(&arguments);
    }
    #[cfg(unix)]
    if pty::is_meant(&arguments) {
        return pty::serve(&arguments).unwrap_or_else(|error| {
            let failure = not_started(error);
            ui::print_failure(&failure, false, false);
            failure.exit.code().into()
        });
    }
    let early = usage::Early::guess(&arguments);
    shield(early.json, || {
        let environment = Environment::read();
        match parse(&arguments) {
            Ok((cli, name)) => run(cli, name, environment),
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

/// Understands the command line; the name of its command, such as `env sync`, is given beside it.
fn parse(arguments: &[OsString]) -> Result<(Cli, String), clap::Error> {
    let matches = Cli::command().try_get_matches_from(arguments)?;
    let mut words = Vec::new();
    let mut at = &matches;
    while let Some((word, below)) = at.subcommand() {
        words.push(word);
        at = below;
    }
    Ok((Cli::from_arg_matches(&matches)?, words.join(" ")))
}

fn run(cli: Cli, name: String, environment: Environment) -> ExitCode {
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
        Some(directory) => enter(directory),
        None => Ok(()),
    };
    let directory = match entered.and_then(|()| working_directory()) {
        Ok(directory) => directory,
        Err(error) => return ui.end(Err(error.into())),
    };
    let order = match global.decryption_order.as_deref().map(Order::parse) {
        None => None,
        Some(Some(order)) => Some(order),
        Some(None) => return ui.end(Err(unknown_kind("--decryption-order"))),
    };
    let context = Context {
        ui,
        order,
        environment: Arc::new(environment),
        directory,
        record: Arc::new(Record::new(name)),
    };
    let outcome = command.run(&context);
    context.log_access(&outcome);
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
#[path = "mod_tests.rs"]
mod tests;
