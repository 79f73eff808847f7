//! What is said of an import.

use super::Context;
use crate::app::files::shell_word;
use crate::app::import::{Imported, Outcome, Plan, ReadInput, Status};
use crate::app::many;
use crate::error::{Exit, Failure};
use crate::import::{Concern, Dialect, Source, Warning};
use crate::keypath::KeyPath;

/// How many names a line of talk lists.
const SHOWN: usize = 12;

/// How many warnings of one input are told; `--json` has all.
const WARNINGS: usize = 20;

/// Says what was found, before anything is done.
pub(super) fn tell(context: &Context, plan: &Plan) {
    let ui = &context.ui;
    for input in &plan.inputs {
        let name = input.name.display();
        let read_as = match (input.source, &input.told_by) {
            (Source::Env(dialect), Some(by)) => {
                format!(", read as {} because of {by}", program(dialect))
            }
            (Source::Env(dialect), None) => format!(", read as {}", program(dialect)),
            (Source::Doppler, _) => ", from Doppler".into(),
            (Source::OnePassword, _) => ", from 1Password".into(),
            _ => String::new(),
        };
        ui.note(&format!(
            "{name}: {}{read_as}",
            many(input.values, "value", "values")
        ));
        let differs = |warning: &Warning| matches!(warning.concern, Concern::Differs(_));
        let first = input.warnings.iter().position(differs);
        for (number, warning) in input.warnings.iter().enumerate().take(WARNINGS) {
            if matches!(warning.concern, Concern::DopplersOwn(_)) {
                ui.note(&format!("{name}: {warning}"));
                continue;
            }
            let hints: &[&str] = if first == Some(number) {
                &["`--dialect` names the program that reads this file"]
            } else {
                &[]
            };
            ui.warn(&format!("{name}: {warning}"), hints);
        }
        if let Some(more) = input.warnings.len().checked_sub(WARNINGS + 1) {
            ui.note(&format!(
                "{name}: and {} more warnings; `--dry-run --json` has all",
                more + 1
            ));
        }
        if let Some((text, hint)) = history(input) {
            ui.warn(&text, &[&hint]);
        }
    }
    if !plan.creates {
        ui.note(&format!(
            "{}: {} new, {} unchanged, {} different",
            plan.to.display(),
            plan.count(Status::New),
            plan.count(Status::Equal),
            plan.count(Status::Different)
        ));
    }
    for twice in &plan.twice {
        let places: Vec<String> = twice
            .places
            .iter()
            .filter_map(|(input, line)| {
                let name = plan.inputs.get(*input)?.name.display().to_string();
                Some(line.map_or_else(|| name.clone(), |line| format!("{name} line {line}")))
            })
            .collect();
        let which = if twice.same {
            "with the same value"
        } else {
            "with different values; the last one counts"
        };
        ui.note(&format!(
            "`{}` stands in {}, {which}",
            twice.key,
            places.join(" and ")
        ));
    }
}

/// What git's history holds of an input, and what to do about it.
fn history(input: &ReadInput) -> Option<(String, String)> {
    let history = input.history.as_ref()?;
    let word = shell_word(&input.name);
    let since = format!("{} ({})", history.oldest.id, history.oldest.day);
    let limit = if history.cut_short { " at least" } else { "" };
    let what = if history.as_it_is {
        "holds these very values"
    } else {
        "holds other versions of this file"
    };
    let text = format!(
        "{}: git's history {what} since {since}{limit}; whoever has the repository can read them, so change the values where they are used",
        input.name.display()
    );
    let hint = if input.tracked {
        format!("`git rm --cached {word}` takes it out of the next commit, not out of history")
    } else {
        format!("`git log --all -- {word}` shows the commits")
    };
    Some((text, hint))
}

/// A dialect as a person calls it.
fn program(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Node => "npm's dotenv does",
        Dialect::Expand => "dotenv-expand does",
        Dialect::Shell => "a shell does",
        Dialect::Compose => "Docker Compose does",
        Dialect::Python => "python-dotenv does",
        Dialect::Docker => "`docker --env-file` does",
        Dialect::Rust => "dotenvy does",
        Dialect::Portable => "most programs do",
    }
}

/// The plan as the answer.
pub(super) fn show(context: &Context, plan: &Plan) -> Result<Exit, Failure> {
    for planned in &plan.keys {
        let what = match planned.status {
            Status::New => "new",
            Status::Equal => "unchanged",
            Status::Different => "different",
        };
        context.ui.line(&format!("{what:<10} {}", planned.key))?;
    }
    Ok(Exit::OK)
}

/// What is said of the secret file afterwards.
pub(super) struct Summary {
    to: String,
    creates: bool,
    keys: Vec<KeyPath>,
    recipients: Vec<String>,
}

impl Summary {
    pub(super) fn of(plan: &Plan) -> Self {
        Self {
            to: plan.to.display().to_string(),
            creates: plan.creates,
            keys: plan.keys.iter().map(|one| one.key.clone()).collect(),
            recipients: plan.recipients.clone(),
        }
    }

    pub(super) fn tell(&self, context: &Context, imported: &Imported) {
        let of = |outcome: Outcome| {
            let keys = self.keys.iter().zip(&imported.outcomes);
            keys.filter(move |(_, found)| **found == outcome)
                .map(|(key, _)| key)
        };
        let to = &self.to;
        if self.creates {
            let values = many(self.keys.len(), "value", "values");
            let recipients = self.recipients.join(", ");
            context.ui.note(&format!(
                "{to}: made, with {values}, for {recipients}; opened again and compared"
            ));
            return;
        }
        for (outcome, word) in [(Outcome::Added, "added"), (Outcome::Replaced, "replaced")] {
            if of(outcome).next().is_some() {
                context
                    .ui
                    .note(&format!("{to}: {word}: {}", names(of(outcome))));
            }
        }
        context.ui.note(&if imported.written {
            format!("{to}: opened again and compared")
        } else {
            format!("{to}: nothing changed")
        });
    }
}

/// Keys for a line of talk.
pub(super) fn names<'k>(keys: impl Iterator<Item = &'k KeyPath>) -> String {
    let keys: Vec<String> = keys.map(|key| format!("`{key}`")).collect();
    match keys.len().checked_sub(SHOWN) {
        None | Some(0) => keys.join(", "),
        Some(more) => {
            let shown: Vec<String> = keys.into_iter().take(SHOWN).collect();
            format!("{} and {more} more", shown.join(", "))
        }
    }
}
