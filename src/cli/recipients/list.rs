//! `mvx recipients list`.

use std::path::PathBuf;

use serde_json::json;

use crate::app::many;
use crate::app::people::{Drift, People, Person, Split};
use crate::cli::Context;
use crate::cli::json::in_json;
use crate::cli::rewriting::shapes_json;
use crate::cli::ui::Table;
use crate::error::{Exit, Failure};
use crate::keys::open::list;
use crate::keys::short;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx recipients list
  mvx recipients list secrets/prod
  mvx recipients list --json | jq -r '.recipients[] | select(.expired) | .name'")]
pub(super) struct List {
    /// Files or directories; everyone in the rules, and the whole repository, when left out
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl List {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app();
        let people = app.people(&self.files)?;
        context.notes(&app);
        for failure in &people.failures {
            context.ui.problem(failure);
        }
        if context.ui.is_json() {
            let shown = |path: &PathBuf| app.relative(path);
            let recipients: Vec<_> = people
                .people
                .iter()
                .map(|person| {
                    json!({
                        "name": person.name,
                        "kind": person.kind,
                        "key": person.key,
                        "owner": person.owner,
                        "expires": person.expires.map(|day| day.to_string()),
                        "expired": person.expired,
                        "groups": person.groups,
                        "rules": in_json(&person.rules.as_ref().map(shown)),
                        "files": in_json(&person.files),
                    })
                })
                .collect();
            let drift: Vec<_> = people.drift.iter().map(drift_json).collect();
            let splits: Vec<_> = people.splits.iter().map(split_json).collect();
            context
                .ui
                .json(&json!({ "recipients": recipients, "key_groups": splits, "drift": drift }))?;
        } else {
            self.print(context, &people)?;
        }
        Ok(people
            .failures
            .first()
            .map_or(Exit::OK, |failure| failure.exit))
    }

    fn print(&self, context: &Context, people: &People) -> Result<(), Failure> {
        if people.people.is_empty() && people.failures.is_empty() {
            context
                .ui
                .note("there are neither rules nor secret files here; `mvx init` writes the rules");
            return Ok(());
        }
        let titles = ["NAME", "KIND", "KEY", "OWNER", "EXPIRES", "GROUPS", "FILES"];
        let mut table = Table::new(titles);
        for person in &people.people {
            let name = person.name.clone();
            let unnamed = person.rules.is_none() && people.has_rules();
            let name =
                name.unwrap_or_else(|| if unnamed { "(not in the rules)" } else { "" }.into());
            let expires = match (person.expires, person.expired) {
                (Some(day), true) => format!("{day} (past)"),
                (Some(day), false) => day.to_string(),
                (None, _) => String::new(),
            };
            table.row([
                name.as_str(),
                &person.kind,
                &short(&person.key),
                person.owner.as_deref().unwrap_or_default(),
                &expires,
                &person.groups.join(", "),
                &self.files_of(person),
            ]);
        }
        context.ui.table(&table)?;
        for split in &people.splits {
            context.ui.answer(b"\n")?;
            let files = match split.files.as_slice() {
                [only] => only.display().to_string(),
                files => many(files.len(), "file", "files"),
            };
            context
                .ui
                .heading(&format!("{files}: {} needed", split.shape))?;
            let mut table = Table::new(["", ""]).indented();
            for (number, group) in (1..).zip(&split.groups) {
                table.row([
                    format!("group {number}").as_str(),
                    &list(group.clone(), "or"),
                ]);
            }
            context.ui.table(&table)?;
        }
        for drift in &people.drift {
            context.ui.answer(b"\n")?;
            context.ui.heading(&drift.file.display().to_string())?;
            let mut table = Table::new(["", ""]).indented();
            for reader in &drift.surplus {
                let key = short(&reader.id);
                let who = reader.name.as_ref().map(|name| format!("{name} ({key})"));
                table.row([
                    who.unwrap_or(key).as_str(),
                    "can open it, and the rules do not name it",
                ]);
            }
            for name in &drift.missing {
                table.row([
                    name.as_str(),
                    "is named by the rules, and cannot open it yet",
                ]);
            }
            for name in &drift.moved {
                table.row([name.as_str(), "is in another group by the rules"]);
            }
            if let Some((before, after)) = drift.groups {
                let (has, rules) = (
                    before.to_string(),
                    format!("is what it has; the rules say {after}"),
                );
                table.row([has.as_str(), &rules]);
            }
            context.ui.table(&table)?;
        }
        if !people.drift.is_empty() {
            context.ui.note(&format!(
                "{} not as the rules say; `mvx recipients sync` brings them in line",
                many(people.drift.len(), "file is", "files are")
            ));
        }
        Ok(())
    }

    /// How many files a person can open; which ones, where files were asked about.
    fn files_of(&self, person: &Person) -> String {
        if self.files.is_empty() {
            return person.files.len().to_string();
        }
        let files = person.files.iter().map(|file| file.display().to_string());
        files.collect::<Vec<_>>().join(", ")
    }
}

fn drift_json(drift: &Drift) -> serde_json::Value {
    let surplus: Vec<_> = drift
        .surplus
        .iter()
        .map(|reader| json!({ "name": reader.name, "kind": reader.kind, "key": reader.id }))
        .collect();
    json!({
        "file": in_json(&drift.file),
        "surplus": surplus,
        "missing": drift.missing,
        "moved": drift.moved,
        "groups": shapes_json(drift.groups),
    })
}

fn split_json(split: &Split) -> serde_json::Value {
    json!({
        "needed": split.shape.needed,
        "groups": split.groups,
        "files": in_json(&split.files),
    })
}
