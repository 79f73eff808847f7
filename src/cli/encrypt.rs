//! `mvx encrypt`.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Context, FormatArg};
use crate::app::READ_LIMIT;
use crate::app::encrypt::{Encrypted, Output, Request};
use crate::app::files::Wanted;
use crate::error::{Exit, Failure};
use crate::io::{stdio, terminal};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx encrypt secrets/dev/stripe.yaml        writes secrets/dev/stripe.enc.yaml
  mvx encrypt --rm secrets/dev               all plaintext files there, then removes them
  mvx encrypt -i values.yaml                 encrypts in place
  mvx encrypt - --filename x.yaml < x.yaml   from standard input to standard output")]
pub(super) struct Encrypt {
    /// Files or directories; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Encrypt in place
    #[arg(short, long, conflicts_with = "output")]
    in_place: bool,
    /// Write to this file; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    plaintext: Plaintext,
    /// Replace an existing encrypted file
    #[arg(long)]
    overwrite: bool,
    /// Encrypt for this age or SSH public key instead of those that the rules name; repeatable
    #[arg(short, long = "age", value_name = "RECIPIENT")]
    age: Vec<String>,
    /// The name by which standard input finds its rule and type
    #[arg(long, value_name = "NAME")]
    filename: Option<PathBuf>,
    #[command(flatten)]
    format: FormatArg,
    #[command(flatten)]
    caution: Caution,
}

// What becomes of the plaintext.
#[derive(clap::Args)]
struct Plaintext {
    /// Remove the plaintext afterwards
    #[arg(long, conflicts_with_all = ["in_place", "keep"])]
    rm: bool,
    /// Keep the plaintext without being asked
    #[arg(long)]
    keep: bool,
}

// How much is asked and shown before anything is done.
#[derive(clap::Args)]
struct Caution {
    /// Show what would be encrypted, and stop
    #[arg(long)]
    dry_run: bool,
    /// Do not ask before encrypting a directory
    #[arg(short, long)]
    yes: bool,
}

impl Encrypt {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        if self.files.iter().any(|file| file == Path::new("-")) {
            return self.stdin(context);
        }
        let app = context.app();
        let targets = app.targets(&self.files, Wanted::Plain)?;
        let from_directory = targets != self.files;
        if targets.is_empty() {
            return Err(Failure::new(
                Exit::NO,
                "nothing-to-do",
                "no plaintext file there is covered by a rule",
            )
            .hint("`mvx ls` lists what is encrypted already"));
        }
        if self.caution.dry_run || (from_directory && !self.caution.yes) {
            for target in &targets {
                context
                    .ui
                    .note(&format!("would encrypt {}", target.display()));
            }
            if self.caution.dry_run {
                return Ok(Exit::OK);
            }
            let question = format!("Encrypt these {} files?", targets.len());
            let agreed = terminal::confirm(&question, false).map_err(|error| {
                Failure::from(error).hint("`--yes` encrypts them without asking")
            })?;
            if !agreed {
                return Ok(Exit::UNCHANGED);
            }
        }
        if targets.len() > 1 && self.output.is_some() {
            return Err(Failure::new(
                Exit::USAGE,
                "usage",
                "--output names one file, but there are several to encrypt",
            ));
        }
        let mut progress = context.ui.progress(targets.len(), "encrypting");
        let mut answers = Vec::new();
        for target in &targets {
            let request = Request {
                path: target,
                bytes: None,
                output: self.output_for(),
                format: self.format.format(),
                age: &self.age,
                overwrite: self.overwrite,
            };
            let done = app.encrypt(request)?;
            context.notes(&app);
            answers.push(self.report(context, target, &done)?);
            progress.step();
        }
        if context.ui.is_json() {
            context.ui.json(&json!({ "encrypted": answers }))?;
        }
        Ok(Exit::OK)
    }

    fn output_for(&self) -> Output {
        match &self.output {
            _ if self.in_place => Output::InPlace,
            Some(path) if path == Path::new("-") => Output::Caller,
            Some(path) => Output::File(path.clone()),
            None => Output::Beside,
        }
    }

    /// Says what was done, and sees to the plaintext.
    fn report(
        &self,
        context: &Context,
        path: &Path,
        done: &Encrypted,
    ) -> Result<serde_json::Value, Failure> {
        if let Some(text) = &done.text {
            context.ui.answer(text.as_bytes())?;
            return Ok(json!(null));
        }
        let written = done.written.clone().unwrap_or_default();
        let clear = match done.clear {
            0 => String::new(),
            clear => format!(", {clear} in clear as the selector says"),
        };
        context.ui.note(&format!(
            "{}: {} values encrypted{clear}, for {}",
            written.display(),
            done.encrypted,
            done.recipients.join(", ")
        ));
        let replaced = written == path;
        let removed = !replaced && self.remove(context, path, done)?;
        if !replaced && !removed {
            context
                .ui
                .note(&format!("{}: the plaintext is still there", path.display()));
        }
        Ok(json!({
            "file": path,
            "written": written,
            "values_encrypted": done.encrypted,
            "values_in_clear": done.clear,
            "recipients": done.recipients,
            "plaintext_removed": removed,
        }))
    }

    fn remove(&self, context: &Context, path: &Path, done: &Encrypted) -> Result<bool, Failure> {
        let asked = || {
            let may_ask = !self.plaintext.keep && terminal::is_stdin() && terminal::is_stderr();
            may_ask
                && terminal::confirm(&format!("Remove the plaintext {}?", path.display()), false)
                    .unwrap_or(false)
        };
        if !self.plaintext.rm && !asked() {
            return Ok(false);
        }
        context.app().remove_plaintext(path, &done.plaintext)?;
        context.ui.note(&format!("{}: removed", path.display()));
        Ok(true)
    }

    fn stdin(&self, context: &Context) -> Result<Exit, Failure> {
        let [_] = self.files.as_slice() else {
            return Err(Failure::new(
                Exit::USAGE,
                "usage",
                "`-` stands alone: standard input is one file",
            ));
        };
        let Some(name) = &self.filename else {
            return Err(Failure::new(
                Exit::USAGE,
                "usage",
                "standard input has no name to find its rule and type by",
            )
            .hint("`mvx encrypt - --filename secrets/dev/stripe.yaml < stripe.yaml`"));
        };
        let output = match &self.output {
            Some(path) if path != Path::new("-") => Output::File(path.clone()),
            _ => Output::Caller,
        };
        let app = context.app();
        let request = Request {
            path: name,
            bytes: Some(stdio::read_stdin(READ_LIMIT)?),
            output,
            format: self.format.format(),
            age: &self.age,
            overwrite: self.overwrite,
        };
        let done = app.encrypt(request)?;
        context.notes(&app);
        match &done.text {
            Some(text) => context.ui.answer(text.as_bytes())?,
            None => context
                .ui
                .note(&format!("{} values encrypted", done.encrypted)),
        }
        Ok(Exit::OK)
    }
}
