//! `mvx rotation log`.

use std::path::PathBuf;

use serde_json::json;

use super::Context;
use crate::cli::json::in_json;
use crate::cli::misuse;
use crate::cli::ui::Table;
use crate::error::{Exit, Failure};
use crate::ledger::report::{LogFormat, LogRow, log};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx rotation log
  mvx rotation log --format markdown -o docs/rotations.md
  mvx rotation log --format markdown -o docs/rotations.md --check")]
pub(super) struct Log {
    /// How it is printed; a table, or as the file's name says: .md, .csv, .json
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<FormatArg>,
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
        let asked = self.format.unwrap_or(FormatArg::Table);
        let format = match (asked, context.ui.is_json()) {
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
        let ending = path.extension().and_then(|ending| ending.to_str());
        let format = match (self.format, ending) {
            (Some(FormatArg::Json), _) | (None, Some("json")) => LogFormat::Json,
            (Some(FormatArg::Csv), _) | (None, Some("csv")) => LogFormat::Csv,
            _ => LogFormat::Markdown,
        };
        let text = log(format, rows);
        let app = context.app_without_questions();
        let now = app.written_log(path)?;
        let is_there = now.is_some();
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
                let what = if is_there {
                    "does not say what the ledger says"
                } else {
                    "is not there"
                };
                context.ui.note(&format!(
                    "{shown}: {what}; the same command without --check writes it"
                ));
                Ok(Exit::NO)
            }
            (false, false) => {
                app.write_log(path, &text)?;
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
