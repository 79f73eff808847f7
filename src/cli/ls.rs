//! `mvx ls`.

use std::path::PathBuf;

use serde_json::json;

use super::ui::Table;
use super::{Context, FormatArg};
use crate::app::inventory::{FileEntry, Reader};
use crate::error::{Exit, Failure};
use crate::keys::short;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx ls
  mvx ls secrets/prod
  mvx ls --json | jq -r '.files[].keys[].key'")]
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
        } else {
            print(context, &files)?;
        }
        Ok(failures.first().map_or(Exit::OK, |failure| failure.exit))
    }
}

fn print(context: &Context, files: &[FileEntry]) -> Result<(), Failure> {
    if files.is_empty() {
        context
            .ui
            .note("there are no secret files here; `mvx encrypt FILE` makes one");
        return Ok(());
    }
    let mut table = Table::new([
        "FILE",
        "ENVIRONMENT",
        "KEY",
        "TYPE",
        "RECIPIENTS",
        "CHANGED",
    ]);
    for file in files {
        let path = file.path.display().to_string();
        let environment = file.environment.clone().unwrap_or_default();
        let recipients: Vec<String> = file.recipients.iter().map(reader).collect();
        for row in &file.keys {
            let kind = if row.encrypted || row.kind == "null" {
                row.kind.to_owned()
            } else {
                format!("{} (clear)", row.kind)
            };
            table.row([
                path.as_str(),
                &environment,
                &row.path.to_string(),
                &kind,
                &recipients.join(", "),
                &file.last_modified,
            ]);
        }
    }
    context.ui.table(&table)
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
        .map(|row| json!({ "key": row.path.to_string(), "type": row.kind, "encrypted": row.encrypted }))
        .collect();
    json!({
        "file": file.path,
        "format": file.format.name(),
        "environment": file.environment,
        "last_modified": file.last_modified,
        "recipients": recipients,
        "keys": keys,
    })
}
