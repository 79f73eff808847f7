//! `mvx rotation due`.

use std::time::Duration;

use super::{Context, duration};
use crate::app::ledger::due::Due as Found;
use crate::app::many;
use crate::cli::misuse;
use crate::cli::ui::Table;
use crate::error::{Exit, Failure};
use crate::io::clock;
use crate::ledger::due::Cadence;
use crate::ledger::report::{DueFormat, due};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx rotation due
  mvx rotation due --within 30d --all
  mvx rotation due --format github | gh issue create --body-file - --title 'Rotate secrets'
  mvx rotation due --format ics > rotations.ics")]
pub(super) struct Due {
    /// What counts as soon: 30d, 24h, 2w
    #[arg(long, value_name = "DURATION", default_value = "14d", value_parser = duration)]
    within: Duration,
    /// Show what is not due yet, too, and what has no policy
    #[arg(long)]
    all: bool,
    /// How it is printed
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = FormatArg::Table)]
    format: FormatArg,
}

/// What `--format` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum FormatArg {
    /// A table for a terminal
    Table,
    /// One JSON object
    Json,
    /// The body of an issue on GitHub
    Github,
    /// A calendar
    Ics,
    /// A table in Markdown
    Markdown,
}

impl Due {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app_without_questions();
        let found = app.due(self.within);
        context.notes(&app);
        let mut found = found?;
        for failure in &found.unreadable {
            context.ui.problem(failure);
        }
        if found.strange > 0 {
            let files = many(found.strange, "file", "files");
            context.ui.warn(
                &format!("{files} in the ledger cannot be believed, and do not count"),
                &["`mvx rotation verify` names them"],
            );
        }
        let overdue = found
            .rows
            .iter()
            .any(|row| matches!(row.cadence, Cadence::Overdue(_)));
        // A calendar is of what comes.
        if !self.all && self.format != FormatArg::Ics {
            found
                .rows
                .retain(|row| !matches!(row.cadence, Cadence::Later(_) | Cadence::Free));
        }
        let format = match (self.format, context.ui.is_json()) {
            (FormatArg::Table, false) => None,
            (FormatArg::Table | FormatArg::Json, _) => Some(DueFormat::Json),
            (_, true) => return Err(misuse("--json and --format name different formats")),
            (FormatArg::Github, _) => Some(DueFormat::Github),
            (FormatArg::Ics, _) => Some(DueFormat::Ics),
            (FormatArg::Markdown, _) => Some(DueFormat::Markdown),
        };
        match format {
            Some(format) => {
                let text = due(format, &found.rows, &found.endings, clock::now());
                context.ui.answer(text.as_bytes())?;
            }
            None => print(context, &found)?,
        }
        if let Some(failure) = found.unreadable.first() {
            return Ok(failure.exit);
        }
        Ok(if overdue { Exit::NO } else { Exit::OK })
    }
}

fn print(context: &Context, found: &Found) -> Result<(), Failure> {
    let mut table = Table::new([
        "STATE",
        "DUE",
        "FILE",
        "KEY",
        "ENVIRONMENT",
        "OWNER",
        "SINCE",
        "",
    ]);
    let day = |time: Option<jiff::Timestamp>| {
        time.map_or_else(String::new, |time| time.strftime("%Y-%m-%d").to_string())
    };
    for row in &found.rows {
        let cells = [
            row.cadence.word().to_owned(),
            day(row.cadence.due()),
            row.file.clone(),
            row.key.clone(),
            row.environment.clone().unwrap_or_default(),
            row.owner.clone().unwrap_or_default(),
            day(row.since),
            if row.unexplained { "not explained" } else { "" }.to_owned(),
        ];
        table.row(cells);
    }
    context.ui.table(&table)?;
    for one in &found.endings {
        context.ui.note(&format!(
            "{}: the replaced value of `{}` is kept until {}",
            one.file, one.key, one.until
        ));
    }
    if found.rows.is_empty() {
        context
            .ui
            .note("nothing is due; `--all` shows what is not due yet");
    }
    Ok(())
}
