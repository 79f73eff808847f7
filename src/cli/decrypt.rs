//! `mvx decrypt`.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Context, FormatArg};
use crate::app::READ_LIMIT;
use crate::app::decrypt::{Output, Request};
use crate::app::files::Wanted;
use crate::error::{Exit, Failure};
use crate::io::stdio;

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
}

impl Decrypt {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app();
        let stdin = self.files.as_slice() == [PathBuf::from("-")];
        let targets = if stdin {
            if self.in_place {
                return Err(Failure::new(
                    Exit::USAGE,
                    "usage",
                    "standard input cannot be decrypted in place",
                ));
            }
            let default = PathBuf::from("standard input");
            vec![self.filename.clone().unwrap_or(default)]
        } else {
            app.targets(&self.files, Wanted::Sealed)?
        };
        if targets.len() > 1 && self.output.is_some() {
            return Err(Failure::new(
                Exit::USAGE,
                "usage",
                "--output names one file, but there are several to decrypt",
            ));
        }
        if targets.is_empty() {
            return Err(Failure::new(
                Exit::NO,
                "nothing-to-do",
                "no encrypted file there is covered by a rule",
            ));
        }
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
            };
            let done = app.decrypt(request)?;
            context.notes(&app);
            if let Some(text) = &done.text {
                if context.ui.is_json() {
                    let text = text.as_str().ok_or_else(|| {
                        Failure::new(
                            Exit::IO,
                            "not-text",
                            "the plaintext is not UTF-8 text, and JSON holds text only",
                        )
                        .at(target.display())
                        .hint("leave --json out")
                    })?;
                    answers.push(json!({ "file": target, "plaintext": text }));
                } else {
                    context.ui.answer(text.as_bytes())?;
                }
            }
            if let Some(path) = &done.written {
                context.ui.note(&format!(
                    "{}: decrypted; it holds plaintext",
                    path.display()
                ));
                answers.push(json!({ "file": target, "written": path }));
            }
        }
        if context.ui.is_json() {
            context.ui.json(&json!({ "decrypted": answers }))?;
        }
        Ok(Exit::OK)
    }
}
