//! `mvx keys recovery`.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::Context;
use super::prompt::{self, Empty};
use crate::app::App;
use crate::app::recovery::{Ink, NAME, Recovery as Key, generated, sound};
use crate::error::{Exit, Failure};
use crate::io::{file, stdio, terminal};
use crate::secret::Passphrase;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx keys recovery | lpr
  mvx keys recovery --generate-passphrase > /media/usb/page.txt
  mvx keys recovery                                   on the terminal: photograph it")]
pub(super) struct Recovery {
    /// Read the passphrase from the first line of this file; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "generate_passphrase")]
    passphrase_file: Option<PathBuf>,
    /// Make a passphrase and show it once, on standard error
    #[arg(long)]
    generate_passphrase: bool,
}

impl Recovery {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app();
        let passphrase = self.passphrase()?;
        let key = make(&app, &passphrase)?;
        context.notes(&app);
        if context.ui.is_json() {
            let answer = json!({
                "public_key": key.recipient,
                "identity": key.armour,
                "page": key.page(Ink::Paper)?,
            });
            context.ui.json(&answer)?;
        } else {
            print(context, &key)?;
        }
        context.ui.flush()?;
        passphrase.reveal(context);
        next(context, &app, &key);
        Ok(Exit::OK)
    }

    fn passphrase(&self) -> Result<Chosen, Failure> {
        if self.generate_passphrase {
            return generated().map(Chosen::Made);
        }
        let Some(path) = &self.passphrase_file else {
            return asked();
        };
        let text = if path == Path::new("-") {
            stdio::read_stdin(MOST_PASSPHRASE)?
        } else {
            file::read(path, MOST_PASSPHRASE)?
        };
        let line = text.as_str().and_then(|text| text.lines().next());
        sound(Passphrase::new(line.unwrap_or_default().to_owned())).map(Chosen::Given)
    }
}

/// A passphrase, and whether its owner knows it.
pub(super) enum Chosen {
    /// The person gave it.
    Given(Passphrase),
    /// mvx made it, and has to show it.
    Made(Passphrase),
}

impl Chosen {
    /// Shows a passphrase that was made, once.
    pub(super) fn reveal(&self, context: &Context) {
        if let Self::Made(passphrase) = self {
            context.ui.reveal("passphrase", passphrase);
        }
    }
}

/// The passphrase that a person types, or one that is made where nothing is typed.
pub(super) fn asked() -> Result<Chosen, Failure> {
    let what = "the recovery key (empty: one is made)";
    let typed = prompt::new_passphrase(what, Empty::Allowed).map_err(|mut failure| {
        if failure.code == "no-terminal" {
            failure.hints = vec![
                "`mvx keys recovery --generate-passphrase` makes one".into(),
                "`mvx keys recovery --passphrase-file FILENAME` reads one".into(),
            ];
        }
        failure
    })?;
    match typed {
        Some(passphrase) => Ok(Chosen::Given(passphrase)),
        None => generated().map(Chosen::Made),
    }
}

/// Makes the key.
pub(super) fn make(app: &App<'_>, passphrase: &Chosen) -> Result<Key, Failure> {
    let (Chosen::Given(passphrase) | Chosen::Made(passphrase)) = passphrase;
    app.recovery_key(passphrase)
}

/// The longest file that a passphrase is read from, in bytes.
const MOST_PASSPHRASE: usize = 4096;

/// Prints the page; on a terminal dark on light, as a camera wants it.
pub(super) fn print(context: &Context, key: &Key) -> Result<(), Failure> {
    let ink = if terminal::is_stdout() && context.ui.is_coloured() {
        Ink::Terminal
    } else {
        Ink::Paper
    };
    context.ui.answer(key.page(ink)?.as_bytes())
}

/// What is left to do with a page.
fn next(context: &Context, app: &App<'_>, key: &Key) {
    let ui = &context.ui;
    ui.note("mvx keeps this key nowhere: print the page, and write the passphrase down elsewhere");
    if app.has_recovery() {
        ui.note(&format!(
            "the rules name another recipient `{NAME}`; this key opens nothing before it is in the rules, too"
        ));
    }
    ui.note(&format!(
        "it opens nothing before it is in the rules:\n[recipients.{NAME}]\nage = \"{}\"",
        key.recipient
    ));
}
