//! `mvx decrypt`.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::reveal::Reveal;
use super::{Context, FormatArg, misuse};
use crate::app::READ_LIMIT;
use crate::app::decrypt::{Decrypted, Output, Request};
use crate::app::files::{STDIN, Wanted, shell_word};
use crate::app::large::{LargePlain, Watch};
use crate::cli::json::in_json;
use crate::error::{Exit, Failure};
use crate::io::{stdio, terminal};
use crate::secret::Cleartext;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx decrypt secrets/dev/stripe.enc.yaml
  mvx decrypt -o .env.local secrets/dev/app.enc.env
  git show main:secrets/app.enc.yaml | mvx decrypt - --filename app.yaml")]
pub(super) struct Decrypt {
    /// Files or directories; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Decrypt in place
    #[arg(short, long, conflicts_with = "output")]
    in_place: bool,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    overwrite: bool,
    /// Write plaintext although git does not ignore the file
    #[arg(long)]
    allow_unignored: bool,
    /// The name by which standard input finds its type
    #[arg(long, value_name = "NAME")]
    filename: Option<PathBuf>,
    #[command(flatten)]
    format: FormatArg,
    #[command(flatten)]
    reveal: Reveal,
}

impl Decrypt {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let is_printed = self
            .output
            .as_deref()
            .is_none_or(|path| path == Path::new("-"));
        if is_printed && !self.in_place {
            self.reveal.permit(context)?;
        } else {
            self.reveal.note(context)?;
        }
        let app = context.app();
        let stdin = self.files.iter().any(|file| file == Path::new("-"));
        let targets = if stdin {
            vec![self.name_of_stdin()?]
        } else {
            app.targets(&self.files, Wanted::Sealed)?
        };
        if targets.is_empty() {
            return Err(Failure::new(
                Exit::NO,
                "nothing-to-do",
                "no encrypted file there is covered by a rule",
            )
            .hint("`mvx ls` lists the secret files"));
        }
        if targets.len() > 1 && self.output.is_some() {
            return Err(misuse(
                "`--output` names one file, but there are several to decrypt",
            ));
        }
        if !stdin {
            app.upcoming(&targets, self.format.format());
        }
        let progress = RefCell::new(context.ui.progress(targets.len(), "decrypting"));
        let watch = |done, all| progress.borrow_mut().bytes(done, all);
        let mut answers = Vec::new();
        for target in &targets {
            let request = Request {
                path: target,
                bytes: if stdin {
                    Some(stdio::read_stdin(READ_LIMIT)?)
                } else {
                    None
                },
                format: self.format.format(),
                output: match &self.output {
                    _ if self.in_place => Output::InPlace,
                    Some(path) if path != Path::new("-") => Output::File(path.clone()),
                    _ => Output::Caller,
                },
                allow_unignored: self.allow_unignored,
                overwrite: self.overwrite,
                watch: &watch,
            };
            let done = app.decrypt(request);
            context.notes(&app);
            let done = match done? {
                Decrypted {
                    large: Some(plain), ..
                } if !context.ui.is_json() && !terminal::is_stdout() => {
                    plain.each(&watch, |piece| context.ui.answer(piece))?;
                    continue;
                }
                Decrypted {
                    large: Some(plain), ..
                } => held(plain, &watch)?,
                done => done,
            };
            answers.push(self.report(context, target, done)?);
            progress.borrow_mut().step();
        }
        if context.ui.is_json() {
            context.ui.json(&json!({ "decrypted": answers }))?;
        }
        Ok(Exit::OK)
    }

    /// What standard input is called.
    fn name_of_stdin(&self) -> Result<PathBuf, Failure> {
        if self.files.len() > 1 {
            return Err(misuse("`-` stands alone: standard input is one file"));
        }
        if self.in_place {
            return Err(misuse("standard input cannot be decrypted in place"));
        }
        match (&self.filename, self.format.format()) {
            (Some(name), _) => Ok(name.clone()),
            (None, Some(_)) => Ok(STDIN.into()),
            (None, None) => Err(misuse("standard input has no name to tell its type by")
                .hint("`mvx decrypt - --filename app.yaml`, or `mvx decrypt - --format yaml`")),
        }
    }

    fn report(
        &self,
        context: &Context,
        target: &Path,
        done: Decrypted,
    ) -> Result<serde_json::Value, Failure> {
        if let Some(text) = &done.text {
            if !context.ui.is_json() {
                show(context, text, target)?;
                return Ok(json!(null));
            }
            let text = text.as_str().ok_or_else(|| {
                Failure::new(
                    Exit::IO,
                    "not-text",
                    "the plaintext is not UTF-8 text, and JSON holds text only",
                )
                .at(target.display())
                .hint("leave `--json` out, or write it to a file with `-o`")
            })?;
            return Ok(json!({ "file": in_json(target), "written": null, "plaintext": text }));
        }
        let written = done.written.unwrap_or_default();
        let shown = written.display();
        context.ui.note(&if self.in_place {
            format!(
                "{shown}: decrypted; `mvx encrypt -i {}` encrypts it again",
                shell_word(&written)
            )
        } else {
            format!("{shown}: decrypted; it holds plaintext")
        });
        Ok(json!({ "file": in_json(target), "written": in_json(&written), "plaintext": null }))
    }
}

/// A large plaintext all the same held in memory: a terminal and JSON take text only.
fn held(plain: LargePlain, watch: Watch<'_>) -> Result<Decrypted, Failure> {
    let length = usize::try_from(plain.length()).unwrap_or_default();
    let mut text = Cleartext::with_capacity(length);
    plain.each(watch, |piece| {
        text.push(piece);
        Ok(())
    })?;
    Ok(Decrypted {
        text: Some(text),
        large: None,
        written: None,
    })
}

/// Prints a plaintext, unless it would only make a mess of a terminal.
pub(super) fn show(context: &Context, text: &Cleartext, path: &Path) -> Result<(), Failure> {
    if text.as_str().is_none() && terminal::is_stdout() {
        return Err(Failure::new(
            Exit::IO,
            "not-text",
            "the plaintext is not text, and standard output is a terminal",
        )
        .at(path.display())
        .hint("send it to a file or a program: `> FILENAME`, `| PROGRAM`"));
    }
    context.ui.answer(text.as_bytes())
}
