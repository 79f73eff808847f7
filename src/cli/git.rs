//! `mvx git`.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;

use super::Context;
use super::ui::Mark;
use crate::app::hooks::{Done, Hook, Outcome};
use crate::cli::json::in_json;
use crate::error::{Exit, Failure};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx git install
  mvx git install --hooks pre-push
  mvx git uninstall")]
pub(super) struct Git {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Have git scan for secrets before commits and pushes
    ///
    /// Puts mvx into git's hooks, beside what is there: a hook that stands there runs first, and is put
    /// back by `mvx git uninstall`; where husky, lefthook, pre-commit or prek is in charge, the scan goes
    /// into the files that they read. Where `core.hooksPath` leads out of the repository, nothing is done
    /// without --everywhere. Then it looks whether git really runs the scan, and ends with 1 where it
    /// does not, or where something else is left to you. Again, it puts right what was changed.
    Install(Install),
    /// Take the scan out of git's hooks, and put back what was there
    Uninstall(Uninstall),
    /// Do a hook's work: what git calls
    ///
    /// `pre-commit` scans what is staged, and the files that it is given as far as they are not
    /// staged. `pre-push` reads from standard input what git says that it pushes. Both refuse, with 1,
    /// where a secret is found, and with 4 where not all could be scanned.
    Hook(super::scan::hook::RunHook),
}

#[derive(clap::Args)]
struct Install {
    /// Which hooks
    #[arg(long, value_name = "HOOKS", value_delimiter = ',', value_parser = hook_parser(), default_value = "pre-commit,pre-push")]
    hooks: Vec<Hook>,
    /// Install where `core.hooksPath` leads to, also outside of the repository
    #[arg(long)]
    everywhere: bool,
}

#[derive(clap::Args)]
struct Uninstall {
    /// Which hooks
    #[arg(long, value_name = "HOOKS", value_delimiter = ',', value_parser = hook_parser(), default_value = "pre-commit,pre-push")]
    hooks: Vec<Hook>,
}

impl Git {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app_without_questions();
        let done = match &self.command {
            Command::Install(install) => app.install_hooks(&install.hooks, install.everywhere),
            Command::Uninstall(uninstall) => app.uninstall_hooks(&uninstall.hooks),
            Command::Hook(hook) => return hook.run(context),
        }?;
        if context.ui.is_json() {
            let hooks: Vec<_> = done.iter().map(answer).collect();
            context.ui.json(&json!({ "hooks": hooks }))?;
        } else {
            for done in &done {
                show(context, done)?;
            }
        }
        context.notes(&app);
        let left = done.iter().any(|done| done.outcome.is_left_to_the_user());
        Ok(if left { Exit::NO } else { Exit::OK })
    }
}

/// A hook's name on the command line.
pub(super) fn hook_parser() -> impl TypedValueParser<Value = Hook> {
    PossibleValuesParser::new(Hook::ALL.map(Hook::name))
        .map(|name| Hook::from_name(&name).unwrap_or(Hook::PreCommit))
}

fn show(context: &Context, done: &Done) -> Result<(), Failure> {
    let file = done.file.display();
    let (mark, what) = match &done.outcome {
        Outcome::Made => (Mark::Ok, format!("{file} scans")),
        Outcome::Unchanged => (Mark::Ok, format!("{file} scans already")),
        Outcome::Beside(kept) => (
            Mark::Ok,
            format!(
                "{file} scans, after the hook that was there: {}",
                kept.display()
            ),
        ),
        Outcome::Added => (Mark::Ok, format!("{file} has lines that scan now")),
        Outcome::Advised(_) => (Mark::Problem, format!("{file}: add this by hand")),
        Outcome::Edited => (Mark::Problem, format!("{file} was left as it is")),
        Outcome::Idle(why) => (
            Mark::Problem,
            format!("nothing is scanned by {file}: {why}"),
        ),
        Outcome::Removed => (Mark::Ok, format!("{file} scans no longer")),
        Outcome::Restored => (Mark::Ok, format!("{file} is what it was")),
        Outcome::Absent => (Mark::Ok, "there is nothing of mvx's".into()),
    };
    let text = format!("{}: {what}", done.hook.name());
    context.ui.finding(mark, &text, &done.hints)?;
    if let Outcome::Advised(lines) = &done.outcome {
        for line in lines.lines() {
            context.ui.line(&format!("    {line}"))?;
        }
    }
    Ok(())
}

fn answer(done: &Done) -> serde_json::Value {
    let kept = match &done.outcome {
        Outcome::Beside(kept) => Some(in_json(kept)),
        _ => None,
    };
    let why = match &done.outcome {
        Outcome::Idle(why) => Some(why),
        _ => None,
    };
    let add = match &done.outcome {
        Outcome::Advised(lines) => Some(lines),
        _ => None,
    };
    json!({
        "hook": done.hook.name(),
        "file": in_json(&done.file),
        "done": done.outcome.name(),
        "kept": kept,
        "add": add,
        "why": why,
        "hints": done.hints,
    })
}
