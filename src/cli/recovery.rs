//! `mvx keys recovery`.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::Context;
use super::prompt::{self, Empty};
use super::recipients::add::Add;
use crate::app::App;
use crate::app::recovery::{Ink, OWNER, Recovery as Key, generated, sound};
use crate::error::{Exit, Failure};
use crate::io::{file, stdio, terminal};
use crate::secret::Passphrase;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx keys recovery | lpr
  mvx keys recovery --generate-passphrase > /media/usb/page.txt
  mvx keys recovery                                   on the terminal: photograph it
  mvx keys recovery --add --group team | lpr          and into the rules")]
pub(super) struct Recovery {
    /// Read the passphrase from the first line of this file; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "generate_passphrase")]
    passphrase_file: Option<PathBuf>,
    /// Make a passphrase and show it once, on standard error
    #[arg(long)]
    generate_passphrase: bool,
    /// Enter the key into the rules, and give it the files
    #[arg(long)]
    add: bool,
    /// With --add, a group that gets the key; repeatable
    #[arg(long = "group", value_name = "GROUP", requires = "add")]
    groups: Vec<String>,
    /// With --add, an environment whose rules get the key; repeatable
    #[arg(long = "environment", value_name = "NAME", requires = "add")]
    environments: Vec<String>,
    /// Ask nothing but the passphrase
    #[arg(short, long)]
    yes: bool,
}

impl Recovery {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app();
        if self.add {
            // what is in the way of that is told before a key is made
            app.register()?;
        }
        let passphrase = self.passphrase()?;
        let key = make(&app, &passphrase)?;
        context.notes(&app);
        let page = key.page(Ink::Paper)?;
        if !context.ui.is_json() {
            print(context, &key)?;
            context.ui.flush()?;
        }
        passphrase.reveal(context);
        context.ui.note(
            "mvx keeps this key nowhere: print the page, and write the passphrase down elsewhere",
        );
        let name = app.recovery_name();
        let mut added = json!(null);
        let mut outcome = Ok(Exit::OK);
        if self.wants_to_add(context, &app)? {
            let places = (self.groups.clone(), self.environments.clone());
            let add = Add::new(&name, &key.recipient, OWNER, places, self.yes);
            // without `--add`, the question was answered with yes
            let add = add.agreed(!self.add);
            // the page is printed: whatever happens, the key is told
            match add.carry_out(context, &app) {
                Ok(done) => (added, outcome) = done,
                Err(failure) => outcome = Err(failure.hint(how_to_add(&app, &name, &key))),
            }
        } else {
            context.ui.note(&how_to_add(&app, &name, &key));
        }
        if context.ui.is_json() {
            let answer = json!({
                "public_key": key.recipient,
                "identity": key.armour,
                "page": page,
                "added": added,
            });
            context.ui.json(&answer)?;
        }
        outcome
    }

    /// Whether the key is to be entered into the rules: as said, or as somebody answers.
    fn wants_to_add(&self, context: &Context, app: &App<'_>) -> Result<bool, Failure> {
        let may_ask = !self.yes
            && !context.ui.is_json()
            && terminal::is_stdin()
            && terminal::is_stderr()
            && app.register().is_ok();
        if self.add || !may_ask {
            return Ok(self.add);
        }
        let question = "Enter the key into the rules now, and give it the files?";
        Ok(terminal::confirm(question, true)?)
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

/// What is left to do with a key that the rules do not know.
fn how_to_add(app: &App<'_>, name: &str, key: &Key) -> String {
    let key = &key.recipient;
    match app.register() {
        Ok(_) => format!(
            "it opens nothing before it is in the rules: `mvx recipients add {name} {key}` enters it, and gives it the files"
        ),
        Err(failure) if failure.code == "no-rules" => {
            format!(
                "it opens nothing before rules name it: `mvx init --recovery {key}` writes some"
            )
        }
        Err(_) => format!(
            "it opens nothing before the rules name it: enter {key} there, and run `mvx recipients sync`"
        ),
    }
}
