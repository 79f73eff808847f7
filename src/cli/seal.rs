//! `mvx seal`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::reveal::Reveal;
use super::{Context, FormatArg, differences};
use crate::app::files::shell_word;
use crate::app::seals::SealReport;
use crate::app::trust::commit_name;
use crate::cli::json::in_json;
use crate::error::{Exit, Failure};
use crate::io::terminal;
use crate::sops::signet::SealState;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx seal show secrets/dev/app.enc.yaml
  mvx seal accept secrets/dev/app.enc.yaml")]
pub(super) struct Seal {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Show what a file's seal says, and what differs from its last sealed version
    ///
    /// The seal covers what SOPS's MAC leaves out: keys, types, comments, selector, recipients. Ends
    /// with 1 if it is missing or broken.
    Show(Chosen),
    /// Seal files as they are, once you have seen what differs
    ///
    /// For files that were changed without mvx in ways that SOPS does not protect, and that you know
    /// to be right. Values, MAC and time stay as they are.
    Accept {
        #[command(flatten)]
        chosen: Chosen,
        /// Ask nothing: you have looked already
        #[arg(short, long)]
        yes: bool,
    },
}

// Files and how they are shown.
#[derive(clap::Args)]
struct Chosen {
    /// The encrypted files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print the values that differ, too
    #[arg(long)]
    show_values: bool,
    #[command(flatten)]
    format: FormatArg,
    #[command(flatten)]
    reveal: Reveal,
}

impl Chosen {
    /// What prints values may need a reason.
    fn permit(&self, context: &Context) -> Result<(), Failure> {
        if self.show_values {
            self.reveal.permit(context)
        } else {
            self.reveal.note(context)
        }
    }
}

impl Seal {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match &self.command {
            Command::Show(chosen) => show(context, chosen),
            Command::Accept { chosen, yes } => accept(context, chosen, *yes),
        }
    }
}

fn show(context: &Context, chosen: &Chosen) -> Result<Exit, Failure> {
    chosen.permit(context)?;
    let app = context.app();
    let mut answers = Vec::new();
    let mut exit = Exit::OK;
    for path in &chosen.files {
        let report = app.look_at_seal(path, chosen.format.format());
        context.notes(&app);
        let report = report?;
        if report.file.opened.seal != SealState::Valid {
            exit = Exit::NO;
        }
        answers.push(print(context, path, &report, chosen.show_values, None)?);
    }
    if context.ui.is_json() {
        context.ui.json(&json!({ "seals": answers }))?;
    }
    Ok(exit)
}

fn accept(context: &Context, chosen: &Chosen, yes: bool) -> Result<Exit, Failure> {
    chosen.permit(context)?;
    let app = context.app();
    let mut answers = Vec::new();
    let mut exit = Exit::UNCHANGED;
    for path in &chosen.files {
        let report = app.look_at_seal(path, chosen.format.format());
        context.notes(&app);
        let report = report?;
        let valid = report.file.opened.seal == SealState::Valid;
        if valid {
            answers.push(print(
                context,
                path,
                &report,
                chosen.show_values,
                Some(false),
            )?);
            continue;
        }
        if !context.ui.is_json() {
            print(context, path, &report, chosen.show_values, None)?;
        }
        if !yes {
            if !terminal::is_stdin() || !terminal::is_stderr() {
                return Err(Failure::new(
                    Exit::USAGE,
                    "needs-yes",
                    "somebody has to look at what differs and say yes; nothing was written",
                )
                .at(path.display())
                .hint(format!(
                    "`mvx seal accept --yes {}` says so without being asked",
                    shell_word(path)
                )));
            }
            let question = format!("Seal {} as it is?", path.display());
            if !terminal::confirm(&question, false)? {
                context
                    .ui
                    .note(&format!("{}: left as it is", path.display()));
                answers.push(print_json(path, &report, chosen.show_values, Some(false))?);
                exit = Exit::NO;
                continue;
            }
        }
        app.accept_seal(path, &report)?;
        context.ui.note(&format!("{}: sealed", path.display()));
        answers.push(print_json(path, &report, chosen.show_values, Some(true))?);
        if exit == Exit::UNCHANGED {
            exit = Exit::OK;
        }
    }
    if context.ui.is_json() {
        context.ui.json(&json!({ "seals": answers }))?;
    }
    Ok(exit)
}

/// Prints a report, and gives it as JSON.
fn print(
    context: &Context,
    path: &Path,
    report: &SealReport,
    show_values: bool,
    accepted: Option<bool>,
) -> Result<Value, Failure> {
    if !context.ui.is_json() {
        context
            .ui
            .line(&format!("{}: {}", path.display(), verdict(report)))?;
        let values = |path: &_| report.values(path);
        differences::print(context, &report.differences, show_values.then_some(&values))?;
    }
    print_json(path, report, show_values, accepted)
}

fn print_json(
    path: &Path,
    report: &SealReport,
    show_values: bool,
    accepted: Option<bool>,
) -> Result<Value, Failure> {
    let values = |path: &_| report.values(path);
    Ok(json!({
        "file": in_json(path),
        "seal": word(report.file.opened.seal),
        "compared_with": report.good.as_ref().map(|good| &good.commit),
        "differences": differences::to_objects(&report.differences, show_values.then_some(&values))?,
        "accepted": accepted,
    }))
}

fn word(seal: SealState) -> &'static str {
    match seal {
        SealState::Valid => "valid",
        SealState::Missing => "missing",
        SealState::Broken => "broken",
    }
}

fn verdict(report: &SealReport) -> String {
    let state = match report.file.opened.seal {
        SealState::Valid => return "the seal is valid".into(),
        SealState::Missing => "carries no seal",
        SealState::Broken => "the seal is broken",
    };
    match &report.good {
        Some(good) if report.differences.is_empty() => format!(
            "{state}; nothing else differs from {}",
            commit_name(&good.commit)
        ),
        Some(good) => format!(
            "{state}; it differs from {}, by {}, in this:",
            commit_name(&good.commit),
            good.author
        ),
        None if report.closed => {
            format!("{state}; none of your identities opens the version in git that has one")
        }
        None if report.cut_short => format!(
            "{state}, and neither has its version in any commit that was looked at; there may be older ones"
        ),
        None => format!("{state}, and git has no version of it that does"),
    }
}
