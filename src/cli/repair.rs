//! `mvx repair`.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::reveal::Reveal;
use super::{Context, FormatArg, differences};
use crate::app::edit::{Again, Outcome};
use crate::app::files::shell_word;
use crate::app::repair::{Diagnosis, Taken};
use crate::app::trust::commit_name;
use crate::app::values::to_json;
use crate::cli::json::in_json;
use crate::error::{Exit, Failure};
use crate::io::terminal;
use crate::keys::open::list;
use crate::sops::survey::Fault;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx repair secrets/dev/app.enc.yaml
  mvx repair --show-values secrets/dev/app.enc.yaml
  mvx repair --restore secrets/dev/app.enc.yaml")]
pub(super) struct Repair {
    /// The encrypted file
    file: PathBuf,
    #[command(flatten)]
    way: Way,
    /// Print the values that differ, too
    #[arg(long)]
    show_values: bool,
    #[command(flatten)]
    format: FormatArg,
    #[command(flatten)]
    reveal: Reveal,
}

// The ways out.
#[derive(clap::Args)]
#[group(multiple = false)]
struct Way {
    /// Take the file as it stands; values that do not open come from the last good version, and are
    /// named; then what is there now is kept elsewhere
    #[arg(long)]
    take: bool,
    /// Put the last good version in git in its place; what is there now is kept elsewhere
    #[arg(long)]
    restore: bool,
    /// Open what can be opened in your editor, and seal what comes back
    #[arg(long)]
    edit: bool,
}

enum Choice {
    Take,
    Restore,
    Edit,
    Leave,
}

impl Repair {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        if self.show_values || self.way.edit {
            self.reveal.permit(context)?;
        } else {
            self.reveal.note(context)?;
        }
        let app = context.app();
        let path = &self.file;
        let diagnosis = app.diagnose(path, self.format.format());
        context.notes(&app);
        let Some(diagnosis) = diagnosis? else {
            context
                .ui
                .note(&format!("{}: nothing is wrong with it", path.display()));
            return self.answer(context, (None, None), "sound", Exit::OK);
        };
        if !context.ui.is_json() {
            self.show(context, &diagnosis)?;
        }
        let choice = self.choice(&diagnosis)?;
        let Some(choice) = choice else {
            if context.ui.is_json() {
                self.answer(context, (Some(&diagnosis), None), "none", Exit::OK)?;
            }
            return Err(undecided(&diagnosis, &shell_word(path)));
        };
        let mut taken = None;
        let (done, exit) = match choice {
            Choice::Leave => ("none", diagnosis.failure.exit),
            Choice::Take => {
                taken = Some(app.repair_take(path, &diagnosis)?);
                if let Some(taken) = &taken {
                    say_taken(context, path, &diagnosis, taken);
                }
                for (key, fault) in diagnosis.broken.iter().flat_map(|broken| &broken.faults) {
                    if *fault == Fault::InClear {
                        let warning = format!("{}: `{key}` stood in clear", path.display());
                        let hint = "if that was committed it has leaked: set a new value";
                        context.ui.warn(&warning, &[hint]);
                    }
                }
                ("take", Exit::OK)
            }
            Choice::Restore => {
                let kept = app.repair_restore(path, &diagnosis)?;
                context.ui.note(&format!(
                    "{}: restored; what was there is kept in {}",
                    path.display(),
                    kept.display()
                ));
                ("restore", Exit::OK)
            }
            Choice::Edit => {
                self.reveal.permit(context)?;
                let exit =
                    match app.repair_edit(path, diagnosis, |failure| again(context, failure))? {
                        Outcome::Changed | Outcome::Made => Exit::OK,
                        Outcome::Unchanged | Outcome::NotMade => Exit::UNCHANGED,
                    };
                context.notes(&app);
                return self.answer(context, (None, None), "edit", exit);
            }
        };
        context.notes(&app);
        self.answer(context, (Some(&diagnosis), taken.as_ref()), done, exit)
    }

    fn show(&self, context: &Context, diagnosis: &Diagnosis) -> Result<(), Failure> {
        let ui = &context.ui;
        ui.line(&format!(
            "{}: {}",
            self.file.display(),
            diagnosis.failure.error
        ))?;
        match &diagnosis.good {
            Some(good) => ui.line(&format!(
                "  the last good version is in {}, by {}",
                commit_name(&good.commit),
                good.author
            ))?,
            None => ui.line("  git has no version of it that opens")?,
        }
        for (path, fault) in diagnosis.broken.iter().flat_map(|broken| &broken.faults) {
            ui.line(&format!("  `{path}` {}", words(*fault)))?;
            if let (true, (Some(old), _)) = (self.show_values, diagnosis.values(path)) {
                ui.answer(b"    was ")?;
                ui.json(&to_json(&old)?)?;
            }
        }
        let values = |path: &_| diagnosis.values(path);
        let values = self.show_values.then_some(&values as _);
        differences::print(context, &diagnosis.differences, values)
    }

    /// What to do: from the command line, or asked at a terminal; `None` where nobody says.
    fn choice(&self, diagnosis: &Diagnosis) -> Result<Option<Choice>, Failure> {
        if self.way.take {
            return Ok(Some(Choice::Take));
        }
        if self.way.restore {
            return Ok(Some(Choice::Restore));
        }
        if self.way.edit {
            return Ok(Some(Choice::Edit));
        }
        if !terminal::is_stdin() || !terminal::is_stderr() {
            return Ok(None);
        }
        let mut choices = vec![("leave it as it is", Choice::Leave)];
        if diagnosis.good.is_some() {
            choices.push(("restore the last good version", Choice::Restore));
        }
        if diagnosis.broken.is_some() {
            choices.push(("take it as it stands", Choice::Take));
            choices.push(("edit it", Choice::Edit));
        }
        let words: Vec<&str> = choices.iter().map(|(words, _)| *words).collect();
        let chosen = terminal::choose("What shall become of it?", &words)?;
        Ok(choices.into_iter().nth(chosen).map(|(_, choice)| choice))
    }

    fn answer(
        &self,
        context: &Context,
        (diagnosis, taken): (Option<&Diagnosis>, Option<&Taken>),
        done: &str,
        exit: Exit,
    ) -> Result<Exit, Failure> {
        if !context.ui.is_json() {
            return Ok(exit);
        }
        let values = |path: &_| match diagnosis {
            Some(diagnosis) => diagnosis.values(path),
            None => (None, None),
        };
        let values = self.show_values.then_some(&values as _);
        let found = diagnosis.map_or(&[][..], |diagnosis| &diagnosis.differences);
        let faults = diagnosis.and_then(|diagnosis| diagnosis.broken.as_ref());
        let faults: Vec<_> = faults
            .iter()
            .flat_map(|broken| &broken.faults)
            .map(|(path, fault)| json!({ "key": path.to_string(), "fault": words(*fault) }))
            .collect();
        context.ui.json(&json!({
            "file": in_json(&self.file),
            "problem": diagnosis.map(|diagnosis| diagnosis.failure.code),
            "compared_with": diagnosis
                .and_then(|diagnosis| diagnosis.good.as_ref())
                .map(|good| &good.commit),
            "faults": faults,
            "differences": differences::to_objects(found, values)?,
            "done": done,
            "from_commit": taken.map(from_git),
        }))?;
        Ok(exit)
    }
}

/// Says what was taken, and by name what is not as it stood.
fn say_taken(context: &Context, path: &Path, diagnosis: &Diagnosis, taken: &Taken) {
    let file = path.display();
    let kept = taken.kept.as_ref().map_or_else(
        || " as it stood".to_owned(),
        |kept| format!("; what was there is kept in {}", kept.display()),
    );
    context.ui.note(&format!("{file}: sealed{kept}"));
    if let (Some(good), false) = (&diagnosis.good, taken.from_git.is_empty()) {
        let keys = from_git(taken).into_iter().map(|key| format!("`{key}`"));
        let (have, is) = match taken.from_git.len() {
            1 => ("has its value", "it is"),
            _ => ("have their values", "they are"),
        };
        context.ui.warn(
            &format!(
                "{file}: {} did not open, and {have} from {}",
                list(keys.collect(), "and"),
                commit_name(&good.commit)
            ),
            &[&format!(
                "`mvx set {} KEY` puts in another one, if {is} out of date",
                shell_word(path)
            )],
        );
    }
}

fn from_git(taken: &Taken) -> Vec<String> {
    taken.from_git.iter().map(ToString::to_string).collect()
}

fn words(fault: Fault) -> &'static str {
    match fault {
        Fault::NotAuthentic => {
            "does not authenticate: it was changed, moved or sealed with another key"
        }
        Fault::InClear => "stands in clear and should be encrypted",
    }
}

fn again(context: &Context, failure: &Failure) -> Option<Again> {
    if !terminal::is_stdin() || !terminal::is_stderr() {
        return None;
    }
    context.ui.problem(failure);
    let question = "Back into the editor? (no: what you edited is dropped)";
    let reopen = terminal::confirm(question, true).ok()?;
    Some(if reopen {
        Again::Reopen
    } else {
        Again::Discard
    })
}

/// Nobody said what to do: the ways out, under the status of what is wrong.
fn undecided(diagnosis: &Diagnosis, file: &str) -> Failure {
    let message = "nothing was changed: it takes somebody who says what shall become of the file";
    let mut failure =
        Failure::new(diagnosis.failure.exit, diagnosis.failure.code, message).at(file);
    if diagnosis.good.is_some() {
        failure = failure.hint(format!(
            "`mvx repair --restore {file}` puts the last good version in its place"
        ));
    }
    if diagnosis.broken.is_some() {
        failure = failure.hint(format!(
            "`mvx repair --take {file}` seals it as it stands, `--edit` opens it in your editor"
        ));
    }
    failure
}
