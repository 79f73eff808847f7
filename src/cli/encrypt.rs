//! `mvx encrypt`.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Context, FormatArg, misuse};
use crate::app::encrypt::{Encrypted, Output, Request};
use crate::app::files::{Wanted, shell_word};
use crate::app::{App, READ_LIMIT, many};
use crate::cli::json::in_json;
use crate::error::{Exit, Failure};
use crate::io::{file, stdio, terminal};
use crate::secret::Cleartext;

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
    /// Ask nothing: encrypt what a directory holds, keep the plaintext
    #[arg(short, long)]
    yes: bool,
}

impl Encrypt {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        if self.files.iter().any(|file| file == Path::new("-")) {
            return self.stdin(context);
        }
        if self.plaintext.rm && self.output.as_deref() == Some(Path::new("-")) {
            return Err(misuse(
                "`--rm` needs a file to write to: nobody knows whether standard output was kept",
            ));
        }
        let app = context.app();
        let mut targets = app.targets(&self.files, Wanted::Plain)?;
        let found = targets.len();
        if targets != self.files {
            self.pass_over(context, &app, &mut targets)?;
        }
        if targets.is_empty() {
            let message = match found {
                0 => "no plaintext file there is covered by a rule",
                _ => "every plaintext file there is encrypted already",
            };
            return Err(Failure::new(Exit::NO, "nothing-to-do", message)
                .hint("`mvx ls` lists what is encrypted already"));
        }
        if targets.len() > 1 && self.output.is_some() {
            return Err(misuse(
                "`--output` names one file, but there are several to encrypt",
            ));
        }
        // What cannot be written is found before anything is.
        for target in &targets {
            if self.plaintext.rm {
                file::is_replaceable(target)?;
            }
            app.free_target(&self.request(target, None))?;
        }
        if self.caution.dry_run {
            return self.show(context, &app, &targets);
        }
        if targets != self.files && !self.caution.yes {
            agree(context, &targets)?;
        }
        let progress = RefCell::new(context.ui.progress(targets.len(), "encrypting"));
        let watch = |done, all| progress.borrow_mut().bytes(done, all);
        let mut answers = Vec::new();
        for target in &targets {
            let done = app.encrypt(Request {
                watch: &watch,
                ..self.request(target, None)
            });
            context.notes(&app);
            answers.push(self.report(context, &app, target, &done?)?);
            context.notes(&app);
            progress.borrow_mut().step();
        }
        if context.ui.is_json() {
            context.ui.json(&json!({ "encrypted": answers }))?;
        }
        Ok(Exit::OK)
    }

    /// Leaves out what a directory holds and was encrypted before: its plaintext may have been
    /// kept.
    fn pass_over(
        &self,
        context: &Context,
        app: &App<'_>,
        targets: &mut Vec<PathBuf>,
    ) -> Result<(), Failure> {
        let mut left = Vec::new();
        let found = targets.len();
        for target in targets.drain(..) {
            let free = app.free_target(&self.request(&target, None));
            match free {
                Err(failure)
                    if failure.code == "already-exists" && !self.files.contains(&target) =>
                {
                    let (target, place) = (target.display(), failure.place.unwrap_or_default());
                    context
                        .ui
                        .note(&format!("{target}: passed over: {place} exists already"));
                }
                free => {
                    free?;
                    left.push(target);
                }
            }
        }
        if left.len() < found {
            context
                .ui
                .note("`--overwrite` encrypts again what was passed over");
        }
        *targets = left;
        Ok(())
    }

    fn request<'a>(&'a self, path: &'a Path, bytes: Option<Cleartext>) -> Request<'a> {
        Request {
            path,
            bytes,
            output: match &self.output {
                _ if self.in_place => Output::InPlace,
                Some(path) if path == Path::new("-") => Output::Caller,
                Some(path) => Output::File(path.clone()),
                None => Output::Beside,
            },
            format: self.format.format(),
            age: &self.age,
            overwrite: self.overwrite,
            watch: &|_, _| {},
        }
    }

    /// Answers what would be done.
    fn show(&self, context: &Context, app: &App<'_>, targets: &[PathBuf]) -> Result<Exit, Failure> {
        let mut answers = Vec::new();
        for target in targets {
            let written = app.free_target(&self.request(target, None))?;
            if context.ui.is_json() {
                answers.push(json!({ "file": in_json(target), "written": in_json(&written) }));
            } else {
                context.ui.line(&target.display().to_string())?;
            }
        }
        if context.ui.is_json() {
            context.ui.json(&json!({ "would_encrypt": answers }))?;
        }
        Ok(Exit::OK)
    }

    /// Says what was done, and sees to the plaintext.
    fn report(
        &self,
        context: &Context,
        app: &App<'_>,
        path: &Path,
        done: &Encrypted,
    ) -> Result<serde_json::Value, Failure> {
        if let Some(text) = &done.text {
            if !context.ui.is_json() {
                context.ui.answer(text.as_bytes())?;
            }
            return Ok(answer(path, done, false));
        }
        let written = done.written.clone().unwrap_or_default();
        let clear = match done.clear {
            0 => String::new(),
            clear => format!(", {clear} in clear as the selector says"),
        };
        context.ui.note(&format!(
            "{}: {} encrypted{clear}, for {}",
            written.display(),
            many(done.encrypted, "value", "values"),
            done.recipients.join(", ")
        ));
        let replaced = self.in_place;
        let removed = !replaced && self.remove(context, app, path, done)?;
        if !replaced && !removed && file::is_replaceable(path).is_ok() {
            still_there(context, app, path);
        }
        Ok(answer(path, done, removed))
    }

    fn remove(
        &self,
        context: &Context,
        app: &App<'_>,
        path: &Path,
        done: &Encrypted,
    ) -> Result<bool, Failure> {
        let may_ask = file::is_replaceable(path).is_ok()
            && !self.plaintext.keep
            && !self.caution.yes
            && terminal::is_stdin()
            && terminal::is_stderr();
        let question = || format!("Remove the plaintext {}?", path.display());
        let agreed = self.plaintext.rm || (may_ask && terminal::confirm(&question(), false)?);
        if !agreed {
            return Ok(false);
        }
        app.remove_encrypted(path, &done.plaintext)?;
        app.warn_if_committed(path);
        context.ui.note(&format!("{}: removed", path.display()));
        Ok(true)
    }

    fn stdin(&self, context: &Context) -> Result<Exit, Failure> {
        let [_] = self.files.as_slice() else {
            return Err(misuse("`-` stands alone: standard input is one file"));
        };
        if self.in_place || self.plaintext.rm {
            return Err(misuse(
                "standard input can neither be encrypted in place nor removed",
            ));
        }
        let Some(name) = &self.filename else {
            return Err(
                misuse("standard input has no name to find its rule and type by")
                    .hint("`mvx encrypt - --filename secrets/dev/stripe.yaml < stripe.yaml`"),
            );
        };
        let app = context.app();
        let mut request = self.request(name, Some(Cleartext::default()));
        if self.output.is_none() {
            request.output = Output::Caller;
        }
        app.free_target(&request)?;
        request.bytes = Some(stdio::read_stdin(READ_LIMIT)?);
        let done = app.encrypt(request);
        context.notes(&app);
        let done = done?;
        match (&done.text, &done.written) {
            _ if context.ui.is_json() => {}
            (Some(text), _) => context.ui.answer(text.as_bytes())?,
            (None, written) => context.ui.note(&format!(
                "{}: {} encrypted, for {}",
                written.clone().unwrap_or_default().display(),
                many(done.encrypted, "value", "values"),
                done.recipients.join(", ")
            )),
        }
        if context.ui.is_json() {
            let answers = [answer(name, &done, false)];
            context.ui.json(&json!({ "encrypted": answers }))?;
        }
        Ok(Exit::OK)
    }
}

/// Asks whether these files are meant.
fn agree(context: &Context, targets: &[PathBuf]) -> Result<(), Failure> {
    for target in targets {
        context
            .ui
            .note(&format!("would encrypt {}", target.display()));
    }
    let question = match targets.len() {
        1 => "Encrypt this file?".into(),
        count => format!("Encrypt these {count} files?"),
    };
    let agreed = terminal::confirm(&question, false).map_err(|error| {
        let mut failure = Failure::from(error);
        if failure.code == "no-terminal" {
            failure.hints = vec!["`--yes` encrypts them without asking".into()];
        }
        failure
    })?;
    if agreed {
        return Ok(());
    }
    Err(Failure::new(Exit::NO, "declined", "nothing was encrypted"))
}

/// Says that a plaintext is left, and whether git would take it.
pub(super) fn still_there(context: &Context, app: &App<'_>, path: &Path) {
    let path_shown = path.display();
    if app.is_exposed(path) {
        context.ui.warn(
            &format!("{path_shown}: the plaintext is still there, and git does not ignore it"),
            &[&format!("`rm {}` removes it", shell_word(path))],
        );
    } else {
        context
            .ui
            .note(&format!("{path_shown}: the plaintext is still there"));
    }
}

fn answer(path: &Path, done: &Encrypted, removed: bool) -> serde_json::Value {
    let text = done.text.as_ref().and_then(Cleartext::as_str);
    json!({
        "file": in_json(path),
        "written": in_json(&done.written),
        "encrypted_text": text,
        "values_encrypted": done.encrypted,
        "values_in_clear": done.clear,
        "recipients": done.recipients,
        "plaintext_removed": removed,
    })
}
