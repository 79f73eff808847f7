//! `mvx init`.

use std::path::PathBuf;

use serde_json::json;

use super::{Context, misuse, recovery};
use crate::app::files::directory_is_there;
use crate::app::init::{Request, TakenOver};
use crate::app::{App, many, recipients};
use crate::cli::json::in_json;
use crate::error::{Exit, Failure};
use crate::git;
use crate::io::{file, terminal};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx init
  mvx init --yes --name ana --environment dev --environment prod --recovery age1…
  mvx init --print-recovery
  mvx init --recovery-to /media/usb/recovery.txt
  mvx init --from-sops")]
pub(super) struct Init {
    /// Your name in the rules
    #[arg(long)]
    name: Option<String>,
    /// Who answers for your key, such as your mail address
    #[arg(long)]
    owner: Option<String>,
    /// Your public key, instead of this machine's own
    #[arg(long, value_name = "RECIPIENT")]
    recipient: Option<String>,
    #[command(flatten)]
    lost: Lost,
    /// An environment to begin with; repeatable (dev and prod when left out)
    #[arg(long = "environment", value_name = "NAME")]
    environments: Vec<String>,
    /// Translate the rules of an existing .sops.yaml, which stays as it is
    #[arg(long, conflicts_with_all = [
        "name", "owner", "recipient", "recovery", "recovery_to", "print_recovery", "no_recovery", "environments",
    ])]
    from_sops: bool,
    /// Ask nothing
    #[arg(short, long)]
    yes: bool,
}

// What opens the files when every other key is lost.
#[derive(clap::Args)]
struct Lost {
    /// The public key of a recovery identity that is kept offline
    #[arg(long, value_name = "RECIPIENT", conflicts_with_all = ["recovery_to", "print_recovery", "no_recovery"])]
    recovery: Option<String>,
    /// Make a recovery identity and print it for paper, behind a passphrase that is asked for
    #[arg(long, conflicts_with_all = ["recovery_to", "no_recovery"])]
    print_recovery: bool,
    /// Make a recovery identity and write it to this file, outside of the repository
    #[arg(long, value_name = "FILE", conflicts_with = "no_recovery")]
    recovery_to: Option<PathBuf>,
    /// Go without a recovery key
    #[arg(long)]
    no_recovery: bool,
}

impl Init {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app();
        if self.from_sops {
            return from_sops(context, &app);
        }
        let root = app.init_root()?;
        for recipient in self.recipient.iter().chain(&self.lost.recovery) {
            recipients::check(recipient)?;
        }
        for name in &self.environments {
            let sound = |c: char| c.is_alphanumeric() || "-_.".contains(c);
            if name.is_empty() || !name.chars().all(sound) {
                return Err(misuse(
                    "the name of an environment is letters, digits and `-_.`",
                ));
            }
        }
        let author = git::author::author(&context.directory);
        let default = slug(author.name.as_deref().unwrap_or("me"));
        let name = match &self.name {
            Some(name) => name.clone(),
            None => self.ask("Your name in the rules", &default)?,
        };
        let owner = match (&self.owner, author.email) {
            (Some(owner), _) => Some(owner.clone()),
            (None, Some(email)) => Some(self.ask("Who answers for this key", &email)?),
            (None, None) => None,
        };
        let recovery = self.recovery(context, &app, &root)?;
        let recipient = self.recipient(context, &app)?;
        if recovery.as_ref() == Some(&recipient) {
            return Err(misuse(
                "the recovery key is your own key; it must be another one",
            ));
        }
        let environments = match self.environments.as_slice() {
            [] => vec!["dev".into(), "prod".into()],
            names => names.to_vec(),
        };
        let request = Request {
            name,
            owner,
            recipient,
            recovery,
            environments,
        };
        let done = app.init(&root, &request)?;
        context.notes(&app);
        if context.ui.is_json() {
            context.ui.json(&json!({
                "rules": in_json(&done.rules),
                "gitignore": in_json(&done.gitignore),
                "recipient": request.recipient,
                "recovery": request.recovery,
            }))?;
            return Ok(Exit::OK);
        }
        let ui = &context.ui;
        ui.note(&format!("{}: written", done.rules.display()));
        if let Some(path) = &done.gitignore {
            ui.note(&format!(
                "{}: plaintext is ignored from now on",
                path.display()
            ));
        }
        if !app.is_repository()? {
            ui.note("this is no git repository yet: `git init` makes it one");
        }
        let first = request.environments.first().map_or("dev", String::as_str);
        ui.note(&format!(
            "next: `mvx edit secrets/{first}/app.enc.yaml` makes the first secret file"
        ));
        ui.note(&format!(
            "or put a file into secrets/{first}, and `mvx encrypt secrets/{first}`"
        ));
        ui.note(&format!(
            "or bring in what there is: `mvx import .env --to secrets/{first}/app.enc.yaml`"
        ));
        Ok(Exit::OK)
    }

    fn may_ask(&self) -> bool {
        !self.yes && terminal::is_stdin() && terminal::is_stderr()
    }

    fn ask(&self, question: &str, default: &str) -> Result<String, Failure> {
        if !self.may_ask() {
            return Ok(default.into());
        }
        Ok(terminal::ask_line(question, Some(default))?)
    }

    fn recipient(&self, context: &Context, app: &App<'_>) -> Result<String, Failure> {
        if let Some(recipient) = &self.recipient {
            return Ok(recipient.clone());
        }
        if let Some(recipient) = app.public_keys().into_iter().find_map(|key| key.recipient) {
            return Ok(recipient);
        }
        let key = app.generate_key(None, None)?;
        context.ui.note(&format!(
            "{}: a new identity, yours; keep it to yourself",
            key.path.display()
        ));
        Ok(key.recipient)
    }

    /// The recovery recipient: given, made, or gone without knowingly.
    fn recovery(
        &self,
        context: &Context,
        app: &App<'_>,
        root: &std::path::Path,
    ) -> Result<Option<String>, Failure> {
        if let Some(recipient) = &self.lost.recovery {
            return Ok(Some(recipient.clone()));
        }
        let mut path = self.lost.recovery_to.clone();
        let mut print = self.lost.print_recovery;
        if path.is_none() && !print && !self.lost.no_recovery && self.may_ask() {
            context.ui.note(
                "if every key is lost, so is every secret: a recovery key on paper prevents that",
            );
            // with --json the answer is one object, and a page is none
            print = !context.ui.is_json()
                && terminal::confirm("Make one now, and print it here to be put on paper?", true)?;
            path = if print { None } else { ask_for_file()? };
        }
        if print {
            let passphrase = recovery::asked()?;
            let key = recovery::make(app, &passphrase)?;
            recovery::print(context, &key)?;
            context.ui.flush()?;
            passphrase.reveal(context);
            return Ok(Some(key.recipient));
        }
        let Some(path) = path else {
            if !self.lost.no_recovery {
                context.ui.warn(
                    "there is no recovery key: whoever loses their key loses the secrets, too",
                    &["`mvx keys recovery` makes one for paper, and says how to add it"],
                );
            }
            return Ok(None);
        };
        directory_is_there(&path)?;
        let directory = file::canonical(file::directory_of(&path))?;
        if directory.starts_with(file::canonical(root)?) {
            return Err(Failure::new(
                Exit::USAGE,
                "recovery-inside",
                "a recovery key inside the repository protects nothing",
            )
            .at(path.display())
            .hint("name a file on another medium, such as --recovery-to /media/usb/recovery.txt"));
        }
        let key = app.generate_key(Some(&path), None)?;
        context.ui.note(&format!(
            "{}: the recovery key; print it, put it away, and remove the file from this machine",
            key.path.display()
        ));
        Ok(Some(key.recipient))
    }
}

/// The file for a recovery key; nothing goes without.
fn ask_for_file() -> Result<Option<PathBuf>, Failure> {
    let answer = terminal::ask_line(
        "File for a new recovery key, such as one on a USB stick (empty: go without)",
        Some(""),
    )?;
    let answer = answer.trim();
    Ok((!answer.is_empty()).then(|| answer.into()))
}

fn from_sops(context: &Context, app: &App<'_>) -> Result<Exit, Failure> {
    let TakenOver {
        rules,
        from,
        translation,
    } = app.init_from_sops()?;
    context.notes(app);
    if context.ui.is_json() {
        let left_out = [translation.lost, translation.unneeded].concat();
        context.ui.json(&json!({
            "rules": in_json(&rules),
            "from": in_json(&from),
            "recipients": translation.recipients,
            "files": translation.rules,
            "left_out": left_out,
        }))?;
        return Ok(Exit::OK);
    }
    let (rules, from) = (rules.display(), from.display());
    for lost in &translation.lost {
        context.ui.warn(&format!("{from}: {lost}"), &[]);
    }
    for unneeded in &translation.unneeded {
        context.ui.note(&format!("{from}: {unneeded}"));
    }
    context.ui.note(&format!(
        "{rules}: written, with {} and {}",
        many(translation.recipients, "recipient", "recipients"),
        many(translation.rules, "rule", "rules"),
    ));
    context.ui.note(&format!(
        "{from} stays for sops; mvx reads {rules} from now on, so change both or remove the one"
    ));
    context.ui.note(&format!(
        "next: look at the names in {rules}; `mvx ls` shows who opens what"
    ));
    Ok(Exit::OK)
}

/// A name that the rules can use: small letters, digits, dashes.
pub(super) fn slug(name: &str) -> String {
    let first = name
        .split_whitespace()
        .next()
        .unwrap_or(name)
        .to_lowercase();
    let slug: String = first
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect();
    if slug.is_empty() { "me".into() } else { slug }
}
