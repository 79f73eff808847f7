//! `mvx rotation log`.

use std::path::PathBuf;

use serde_json::json;

use super::Context;
use crate::app::READ_LIMIT;
use crate::cli::json::in_json;
use crate::cli::misuse;
use crate::cli::ui::Table;
use crate::error::{Exit, Failure};
use crate::io::write::{self, Access};
use crate::io::{IoError, file};
use crate::ledger::report::{LogFormat, LogRow, log};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx rotation log
  mvx rotation log --format markdown -o docs/rotations.md
  mvx rotation log --format markdown -o docs/rotations.md --check")]
pub(super) struct Log {
    /// How it is printed
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = FormatArg::Table)]
    format: FormatArg,
    /// Write it to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write nothing; end with 1 where the file differs
    #[arg(long, requires = "output")]
    check: bool,
}

/// What `--format` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum FormatArg {
    /// A table for a terminal
    Table,
    /// One JSON object
    Json,
    /// A file for a spreadsheet
    Csv,
    /// A table in Markdown
    Markdown,
}

impl Log {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app_without_questions();
        let rows = app.rotation_log();
        context.notes(&app);
        let rows = rows?;
        if let Some(path) = &self.output {
            return self.to_file(context, path, &rows);
        }
        let format = match (self.format, context.ui.is_json()) {
            (FormatArg::Table, false) => {
                print(context, &rows)?;
                return Ok(Exit::OK);
            }
            (FormatArg::Table | FormatArg::Json, _) => LogFormat::Json,
            (_, true) => return Err(misuse("--json and --format name different formats")),
            (FormatArg::Csv, _) => LogFormat::Csv,
            (FormatArg::Markdown, _) => LogFormat::Markdown,
        };
        context.ui.answer(log(format, &rows).as_bytes())?;
        Ok(Exit::OK)
    }

    fn to_file(&self, context: &Context, path: &PathBuf, rows: &[LogRow]) -> Result<Exit, Failure> {
        let format = match self.format {
            FormatArg::Table | FormatArg::Markdown => LogFormat::Markdown,
            FormatArg::Json => LogFormat::Json,
            FormatArg::Csv => LogFormat::Csv,
        };
        let text = log(format, rows);
        let now = match file::read(path, READ_LIMIT) {
            Ok(bytes) => Some(bytes),
            Err(IoError::NotFound { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let same = now.is_some_and(|now| now.as_bytes() == text.as_bytes());
        let shown = path.display();
        if context.ui.is_json() {
            let answer = json!({ "file": in_json(path), "events": rows.len(), "up_to_date": same, "written": !same && !self.check });
            context.ui.json(&answer)?;
        }
        match (same, self.check) {
            (true, _) => {
                context
                    .ui
                    .note(&format!("{shown}: says what the ledger says"));
                Ok(if self.check {
                    Exit::OK
                } else {
                    Exit::UNCHANGED
                })
            }
            (false, true) => {
                context.ui.note(&format!(
                    "{shown}: does not say what the ledger says; the same command without --check writes it"
                ));
                Ok(Exit::NO)
            }
            (false, false) => {
                write::write(path, text.as_bytes(), Access::Shared)?;
                context.ui.note(&format!("{shown}: written"));
                Ok(Exit::OK)
            }
        }
    }
}

fn print(context: &Context, rows: &[LogRow]) -> Result<(), Failure> {
    let mut table = Table::new(["DATE", "SECRET", "ENVIRONMENT", "OWNER", "NOTES"]);
    for row in rows {
        table.row([
            &row.date,
            &row.secret,
            &row.environment,
            &row.owner,
            &row.notes,
        ]);
    }
    if rows.is_empty() {
        context
            .ui
            .note("there are no events; `mvx rotation record` enters what git's history tells");
    }
    context.ui.table(&table)
}
