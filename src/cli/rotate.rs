//! `mvx rotate`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::Context;
use super::notify::{Outcomes, told_now};
use super::rotation::duration;
use crate::app::READ_LIMIT;
use crate::app::files::shell_word;
use crate::app::ledger::generate::{RECIPES, Recipe};
use crate::app::ledger::rotate::{Rotated, Why};
use crate::cli::json::in_json;
use crate::cli::misuse;
use crate::error::{Exit, Failure};
use crate::io::{file, stdio, terminal};
use crate::keypath::KeyPath;
use crate::keys::open::list;
use crate::ledger::event::Action;
use crate::secret::Cleartext;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx rotate STRIPE_SECRET_KEY --environment prod
  mvx rotate secrets/prod/db.enc.yaml db.password --generate alnum:40
  mvx rotate secrets/prod/app.enc.yaml session.key --generate hex:32 --reason leak
  aws-new-key | mvx rotate secrets/prod/aws.enc.env AWS_KEY --grace 24h --note 'ticket 4711'
  mvx rotate STRIPE_SECRET_KEY --environment prod --reason leak --notify-now")]
pub(super) struct Rotate {
    /// The encrypted file, which may be left out where the key is unique, and the key
    #[arg(value_name = "FILE KEY", num_args = 1..=2, required = true)]
    words: Vec<String>,
    /// The environment, where a key is named without its file
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    #[command(flatten)]
    value: Source,
    #[command(flatten)]
    said: Said,
    /// How long the old value is kept: 24h, 7d; 0 for not at all
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_hyphen_values = true)]
    grace: Option<Duration>,
    /// Rotate it also where the rules want another environment to be first
    #[arg(long)]
    force_order: bool,
    /// Tell those whom the rules name at once, and not when it is merged
    #[arg(long)]
    notify_now: bool,
}

// Where the new value comes from. A doc comment would take the place of the command's.
#[derive(clap::Args)]
struct Source {
    /// Draw the value: hex:32, base64:32, alnum:40, uuid, words:6, rsa:4096 or ed25519
    #[arg(long, value_name = "RECIPE", value_parser = recipe, conflicts_with_all = ["command", "from_file"])]
    generate: Option<Recipe>,
    /// Take what this command prints, without the line break at its end
    #[arg(long, value_name = "COMMAND", conflicts_with = "from_file")]
    command: Option<String>,
    /// Read the value from this file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
    /// Take the value as it is: a line break at its end stays
    #[arg(long)]
    exact: bool,
}

// Why. A doc comment would take the place of the command's.
#[derive(clap::Args)]
pub(super) struct Said {
    /// Why: scheduled, leak, offboard:NAME, request, or in words
    #[arg(long)]
    pub(super) reason: Option<String>,
    /// What else there is to say; it stands in clear in the ledger
    #[arg(long, value_name = "TEXT")]
    pub(super) note: Option<String>,
}

impl Said {
    /// The same, with nothing else said.
    pub(super) fn why(&self) -> Why<'_> {
        Why {
            reason: self.reason.as_deref(),
            note: self.note.as_deref(),
            ..Why::default()
        }
    }
}

fn recipe(text: &str) -> Result<Recipe, String> {
    Recipe::parse(text).ok_or_else(|| format!("the recipes are {RECIPES}"))
}

/// The file and key that were named; the file is searched for where there is none.
pub(super) fn secret(
    context: &Context,
    words: &[String],
    environment: Option<&str>,
) -> Result<(PathBuf, KeyPath), Failure> {
    match words {
        [key] => {
            let app = context.app_without_questions();
            let found = app.locate(key, environment);
            context.notes(&app);
            let found = found?;
            Ok((found.path, found.key))
        }
        [_, _] if environment.is_some() => Err(misuse(
            "--environment is for a key that is named without its file",
        )),
        [file, key] => Ok((file.into(), KeyPath::parse(key)?)),
        _ => Err(misuse("name a file and a key, or a key alone")),
    }
}

impl Rotate {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let (path, key) = secret(context, &self.words, self.environment.as_deref())?;
        let app = context.app();
        if self.value.asks() {
            // A value is not asked for in vain.
            app.read_sealed(&path, None)?;
        }
        if self.notify_now {
            let ready = app.can_tell(&path, &key, Action::Rotate);
            context.notes(&app);
            ready?;
        }
        let value = self.value.bytes(context, &key)?;
        let why = Why {
            grace: self.grace,
            force_order: self.force_order,
            ..self.said.why()
        };
        let done = app.rotate(&path, &key, &value, why);
        context.notes(&app);
        let done = done?;
        if !context.ui.is_json() {
            // It is done, whatever becomes of what follows.
            tell(context, &path, &key, &done);
        }
        let told = self
            .notify_now
            .then(|| told_now(context, &app, &path, &done.events));
        if context.ui.is_json() {
            context.ui.json(&json!({
                "file": in_json(&path),
                "key": key.to_string(),
                "version": done.version,
                "due": done.due.map(|due| due.to_string()),
                "grace_until": done.grace_until.map(|until| until.to_string()),
                "consumers": done.consumers,
                "notified": told.as_ref().map(Outcomes::to_json),
            }))?;
        }
        Ok(told.map_or(Exit::OK, |told| told.exit()))
    }
}

fn tell(context: &Context, path: &Path, key: &KeyPath, done: &Rotated) {
    let shown = path.display();
    let version = done.version;
    context.ui.note(&format!(
        "{shown}: `{key}` was rotated to version {version}"
    ));
    if let Some(until) = done.grace_until {
        context
            .ui
            .note(&format!("the old value is kept until {until}"));
    }
    if let Some(due) = done.due {
        let day = due.strftime("%Y-%m-%d");
        context.ui.note(&format!("it is due again on {day}"));
    }
    if !done.consumers.is_empty() {
        let consumers = list(done.consumers.clone(), "and");
        context.ui.note(&format!("it is used by {consumers}"));
    }
    consumers_hint(context, path, key);
    if done.began {
        context.ui.note(
            "this began the ledger in `.mvx/ledger`; `mvx rotation record` enters what git's history tells of the other secrets",
        );
    }
}

/// Names the command that shows what a change reaches. Searching a large work tree takes too long to
/// be done by the way.
pub(super) fn consumers_hint(context: &Context, path: &Path, key: &KeyPath) {
    let key = key.to_string();
    let (path, key) = (shell_word(path), shell_word(Path::new(&key)));
    context
        .ui
        .note(&format!("`mvx consumers {path} {key}` shows what reads it"));
}

impl Source {
    /// Whether the value is asked for at the terminal.
    fn asks(&self) -> bool {
        let given = self.generate.is_some() || self.command.is_some() || self.from_file.is_some();
        !given && terminal::is_stdin()
    }

    fn bytes(&self, context: &Context, key: &KeyPath) -> Result<Cleartext, Failure> {
        if let Some(recipe) = &self.generate {
            return recipe.draw();
        }
        if let Some(command) = &self.command {
            return context.app().printed_by(command);
        }
        let mut bytes = match &self.from_file {
            Some(path) if path != Path::new("-") => file::read(path, READ_LIMIT)?,
            None if self.asks() => terminal::ask_value(&format!("New value of {key}"))?,
            _ => stdio::read_stdin(READ_LIMIT)?,
        };
        if !self.exact {
            let text = bytes.as_bytes();
            let length = text.len();
            let cut = text.strip_suffix(b"\n").map_or(length, |text| {
                text.strip_suffix(b"\r").unwrap_or(text).len()
            });
            if cut < length {
                bytes.truncate(cut);
                context
                    .ui
                    .note("a line break at the end of the value was dropped; `--exact` keeps it");
            }
        }
        if bytes.is_empty() {
            // Most likely the command before the pipe failed.
            return Err(
                Failure::new(Exit::USAGE, "empty-value", "there is no value: it is empty")
                    .hint("`mvx delete FILE KEY` takes a secret out"),
            );
        }
        Ok(bytes)
    }
}
