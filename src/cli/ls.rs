//! `mvx ls`.

use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::json;

use super::ui::Table;
use super::{Context, FormatArg};
use crate::app::inventory::{FileEntry, Reader, Rotation};
use crate::cli::json::in_json;
use crate::cli::rewriting::shape_json;
use crate::error::{Exit, Failure};
use crate::keys::open::list;
use crate::keys::short;
use crate::ledger::due::Cadence;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx ls
  mvx ls secrets/prod
  mvx ls --json | jq -r '.files[] | .file as $f | .keys[] | [$f, .key] | @tsv'")]
pub(super) struct List {
    /// Files or directories; all below the working directory when left out
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    format: FormatArg,
}

impl List {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app();
        let (files, failures) = app.inventory(&self.files, self.format.format())?;
        context.notes(&app);
        for failure in &failures {
            context.ui.problem(failure);
        }
        if context.ui.is_json() {
            let files: Vec<_> = files.iter().map(entry_json).collect();
            context.ui.json(&json!({ "files": files }))?;
        } else if files.is_empty() && failures.is_empty() {
            context.ui.note(
                "there are no secret files here; `mvx edit FILE` and `mvx encrypt FILE` make one",
            );
        } else {
            print(context, &files)?;
        }
        Ok(failures.first().map_or(Exit::OK, |failure| failure.exit))
    }
}

/// A heading for each file, and a line for each of its keys.
fn print(context: &Context, files: &[FileEntry]) -> Result<(), Failure> {
    for (number, file) in files.iter().enumerate() {
        if number > 0 {
            context.ui.answer(b"\n")?;
        }
        context.ui.heading(&file.path.display().to_string())?;
        context.ui.line(&format!("  {}", about(file)))?;
        let kept = file.keys.iter().any(|row| row.rotation.is_some());
        let titles = if kept {
            ["KEY", "TYPE", "", "VERSION", "ROTATED", "DUE", ""]
        } else {
            [""; 7]
        };
        let mut table = Table::new(titles).indented();
        for row in &file.keys {
            let clear = match (row.encrypted, row.empty, row.kind) {
                (true, ..) | (_, _, "null") => "",
                (_, true, _) => "empty",
                _ => "in clear",
            };
            let [version, rotated, due, unexplained] = rotation(row.rotation);
            table.row([
                row.path.to_string(),
                row.kind.to_owned(),
                clear.to_owned(),
                version,
                rotated,
                due,
                unexplained,
            ]);
        }
        context.ui.table(&table)?;
    }
    Ok(())
}

/// Version, date of the last rotation, when it is due: a date, or a word where that says more.
fn rotation(rotation: Option<Rotation>) -> [String; 4] {
    let Some(rotation) = rotation else {
        return Default::default();
    };
    let version = rotation.version.map(|version| version.to_string());
    let due = match rotation.cadence {
        Cadence::Later(due) => day(due),
        Cadence::Soon(due) => format!("soon, {}", day(due)),
        Cadence::Overdue(due) => format!("overdue, {}", day(due)),
        Cadence::Never => rotation.cadence.word().to_owned(),
        Cadence::Free => String::new(),
    };
    let unexplained = if rotation.unexplained {
        "not explained"
    } else {
        ""
    };
    [
        version.unwrap_or_default(),
        rotation.rotated.map(day).unwrap_or_default(),
        due,
        unexplained.to_owned(),
    ]
}

fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

/// `dev, for ana and recovery, changed 2026-11-22T16:06:49Z`.
fn about(file: &FileEntry) -> String {
    let environment = file.environment.iter().cloned();
    let several = file.recipients.iter().any(|reader| reader.group.is_some());
    let readers = file.recipients.iter().map(reader).collect();
    let conjunction = if several { "with" } else { "and" };
    let shape = several.then(|| file.shape.to_string());
    let parts = environment
        .chain([format!("for {}", list(readers, conjunction))])
        .chain(shape)
        .chain([format!("changed {}", file.last_modified)]);
    parts.collect::<Vec<_>>().join(", ")
}

fn reader(reader: &Reader) -> String {
    let name = reader.name.clone().unwrap_or_else(|| short(&reader.id));
    match reader.group {
        Some(group) => format!("{name} (group {group})"),
        None => name,
    }
}

fn entry_json(file: &FileEntry) -> serde_json::Value {
    let recipients: Vec<_> = file
        .recipients
        .iter()
        .map(|reader| {
            json!({ "name": reader.name, "kind": reader.kind, "id": reader.id, "group": reader.group })
        })
        .collect();
    let keys: Vec<_> = file
        .keys
        .iter()
        .map(|row| {
            let rotation = row.rotation;
            let due = rotation.and_then(|rotation| rotation.cadence.due());
            json!({
                "key": row.path.to_string(),
                "type": row.kind,
                "encrypted": row.encrypted,
                "version": rotation.and_then(|rotation| rotation.version),
                "rotated": rotation.and_then(|one| one.rotated).map(|at| at.to_string()),
                "due": due.map(|due| due.to_string()),
                "state": rotation.map(|rotation| rotation.cadence.word()),
            })
        })
        .collect();
    json!({
        "file": in_json(&file.path),
        "format": file.format.name(),
        "environment": file.environment,
        "last_modified": file.last_modified,
        "recipients": recipients,
        "groups": shape_json(file.shape),
        "keys": keys,
    })
}
