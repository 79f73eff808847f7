//! `mvx run`.

use std::ffi::OsString;

use serde_json::json;

use super::ui::Table;
use super::{Context, misuse};
use crate::app::env::deliver::{Delivery, Request, scopes};
use crate::app::run::{AsFile, Ending, Plan, Said, die_of};
use crate::error::{Exit, Failure};
use crate::render::Origin;

#[derive(clap::Args)]
#[command(
    override_usage = "mvx run [PROFILE] [OPTIONS] -- COMMAND [ARGUMENT]...",
    after_help = "\
Examples:
  mvx run -- npm start
  mvx run prod --only 'STRIPE_*' -- ./refund.sh
  mvx run --redact -- ./deploy.sh
  mvx run prod --files TLS_KEY=TLS_KEY_FILE,TLS_CERT -- nginx -g 'daemon off;'
  mvx run --watch -- cargo run
  mvx run --with client=acme --dry-run"
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(super) struct Run {
    /// The profile; the default or only one where none is named
    profile: Option<String>,
    /// The command, behind `--`
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
    /// Fill in a scope of the profile's files, such as client=acme
    #[arg(long, value_name = "SCOPE=VALUE")]
    with: Vec<String>,
    /// Deliver these names only; `*` and `?` stand for others
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Let the command inherit PATH, HOME, USER, LOGNAME, SHELL, LANG, LC_*, TERM, COLORTERM, TMPDIR,
    /// TZ and PWD, and nothing else
    #[arg(long)]
    clean_env: bool,
    /// Where the environment has a name already, keep its value
    #[arg(long, conflicts_with = "clean_env")]
    keep_env: bool,
    /// Mask the secrets in what the command prints, in every encoding
    #[arg(long)]
    redact: bool,
    /// Restart the command when one of its secrets changes
    #[arg(long)]
    watch: bool,
    /// Put a secret into a private file and its path into the variable, or into VARIABLE
    #[arg(long, value_name = "NAME[=VARIABLE]", value_delimiter = ',')]
    files: Vec<String>,
    /// List the names that the command would get, and start nothing
    #[arg(long = "dry-run")]
    preview: bool,
}

impl Run {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        if self.command.is_empty() && !self.preview {
            return Err(misuse("there is no command to run")
                .hint("it stands behind `--`: `mvx run local -- npm start`"));
        }
        let app = context.app();
        let plan = self.plan()?;
        if self.preview {
            let delivery = app.check_run(&plan);
            context.notes(&app);
            return list(context, &delivery?);
        }
        let prepared = app.prepare_run(plan);
        context.notes(&app);
        context.ui.flush()?;
        let ending = prepared?.run(|app, said| {
            context.notes(app);
            match said {
                Said::Restarted => context
                    .ui
                    .note("secrets have changed: the command is restarted"),
                Said::Kept(failure) => {
                    context.ui.problem(failure);
                    context
                        .ui
                        .note("the command runs on with the secrets that it has");
                }
            }
        })?;
        Ok(match ending {
            Ending::Status(status) => Exit::of_command(status),
            Ending::Signal(signal) => {
                die_of(signal);
                Exit::of_command(128 + signal)
            }
        })
    }

    fn plan(&self) -> Result<Plan, Failure> {
        let files = self.files.iter().map(|wish| {
            let (name, variable) = wish.split_once('=').unwrap_or((wish, wish));
            AsFile {
                name: name.to_owned(),
                variable: variable.to_owned(),
            }
        });
        Ok(Plan {
            request: Request {
                profile: self.profile.clone(),
                with: scopes(&self.with)?,
                only: self.only.clone(),
            },
            command: self.command.clone(),
            clean_environment: self.clean_env,
            keep_environment: self.keep_env,
            redact: self.redact,
            watch: self.watch,
            files: files.collect(),
        })
    }
}

/// Names and where their values come from.
fn list(context: &Context, delivery: &Delivery) -> Result<Exit, Failure> {
    let rows = delivery
        .variables
        .iter()
        .map(|variable| match &variable.origin {
            Origin::Secret { file, key } | Origin::Previous { file, key } => {
                (&variable.name, Some((file, key.to_string())))
            }
            Origin::Default => (&variable.name, None),
        });
    if context.ui.is_json() {
        let variables: Vec<_> = rows
            .map(|(name, origin)| match origin {
                Some((file, key)) => json!({ "name": name, "file": file, "key": key }),
                None => json!({ "name": name, "file": null, "key": null }),
            })
            .collect();
        let answer = json!({ "profile": delivery.profile.name, "variables": variables });
        context.ui.json(&answer)?;
        return Ok(Exit::OK);
    }
    let mut table = Table::new(["NAME", "FILE", "KEY"]);
    for (name, origin) in rows {
        match origin {
            Some((file, key)) => table.row([name.as_str(), file, &key]),
            None => table.row([name.as_str(), "the profile's defaults", ""]),
        }
    }
    context.ui.table(&table)?;
    Ok(Exit::OK)
}
