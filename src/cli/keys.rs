//! `mvx keys`.

mod rotate;

use std::path::PathBuf;

use serde_json::json;

use super::prompt::{Empty, new_passphrase};
use super::ui::Table;
use super::{Context, recovery};
use crate::cli::json::in_json;
use crate::error::{Exit, Failure};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx keys generate
  mvx keys public
  mvx keys list
  mvx keys rotate
  mvx keys recovery | lpr")]
pub(super) struct Keys {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make an age identity
    ///
    /// It is written to ~/.config/mvx/keys.txt unless -o names a file. An existing file is never
    /// touched.
    Generate {
        /// Write the identity to this file
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Protect the file with a passphrase, asked for at the terminal
        #[arg(long)]
        passphrase: bool,
    },
    /// List the identities that this machine holds, and where they come from
    List,
    /// Print the public keys of this machine's identities
    ///
    /// Public keys are no secret: give yours to whoever keeps the rules.
    Public,
    /// Make a recovery key and print it, to be kept on paper
    ///
    /// The page holds a new identity behind a passphrase, as text and as a QR code. mvx keeps it
    /// nowhere. On the day when all other keys are lost it opens the files of which it is a recipient:
    /// scan or type it into a file, and set `MVX_AGE_KEY_FILE` to its name.
    Recovery(recovery::Recovery),
    /// Replace your identity by a new one, in the rules and in every file
    ///
    /// The new identity stands beside the old one in the key file, and your name in the rules gets the
    /// new public key. Every file that the old one could open gets a new data key. When no file of
    /// the work tree needs the old identity any more, it goes into a file of its own, which still opens
    /// what is in git's history. A run that was interrupted is finished by the next one.
    Rotate(rotate::Rotate),
}

impl Keys {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match &self.command {
            Command::Generate { output, passphrase } => {
                generate(context, output.as_ref(), *passphrase)
            }
            Command::List => list(context),
            Command::Public => public(context),
            Command::Recovery(recovery) => recovery.run(context),
            Command::Rotate(rotate) => rotate.run(context),
        }
    }
}

fn generate(context: &Context, output: Option<&PathBuf>, protect: bool) -> Result<Exit, Failure> {
    let passphrase = if protect {
        new_passphrase("the new key", Empty::Refused)?
    } else {
        None
    };
    let app = context.app();
    let key = app.generate_key(output.map(PathBuf::as_path), passphrase.as_ref())?;
    context.notes(&app);
    if context.ui.is_json() {
        context
            .ui
            .json(&json!({ "file": in_json(&key.path), "public_key": key.recipient }))?;
        return Ok(Exit::OK);
    }
    context.ui.note(&format!(
        "{}: a new identity; keep it to yourself, and give its public key to whoever keeps the rules",
        key.path.display()
    ));
    context.ui.line(&key.recipient)?;
    Ok(Exit::OK)
}

fn list(context: &Context) -> Result<Exit, Failure> {
    let app = context.app();
    let report = app.list_keys();
    context.notes(&app);
    for trouble in &report.troubles {
        context.ui.warn(trouble, &[]);
    }
    if context.ui.is_json() {
        let keys: Vec<_> = report
            .held
            .iter()
            .map(|key| {
                json!({
                    "source": key.source,
                    "kind": key.kind,
                    "public_key": key.recipient,
                    "protected": key.protected,
                })
            })
            .collect();
        context.ui.json(&json!({ "keys": keys }))?;
    } else {
        let mut table = Table::new(["SOURCE", "KIND", "PUBLIC KEY"]);
        for key in &report.held {
            table.row([
                key.source.as_str(),
                &key.kind,
                key.recipient
                    .as_deref()
                    .unwrap_or("known once it is unlocked"),
            ]);
        }
        context.ui.table(&table)?;
    }
    if report.held.is_empty() {
        return Err(none());
    }
    Ok(Exit::OK)
}

fn public(context: &Context) -> Result<Exit, Failure> {
    let app = context.app();
    let keys = app.public_keys();
    context.notes(&app);
    if context.ui.is_json() {
        let keys: Vec<_> = keys.iter().map(|key| &key.recipient).collect();
        context.ui.json(&json!({ "public_keys": keys }))?;
    } else {
        for key in &keys {
            context
                .ui
                .line(key.recipient.as_deref().unwrap_or_default())?;
        }
    }
    if keys.is_empty() {
        return Err(none());
    }
    Ok(Exit::OK)
}

pub(super) fn none() -> Failure {
    Failure::new(Exit::NO, "no-identity", "this machine holds no identity")
        .hint("`mvx keys generate` makes one")
        .hint("`mvx help environment` lists where mvx looks for keys")
}
