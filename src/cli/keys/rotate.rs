//! `mvx keys rotate`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::app::files::shell_word;
use crate::app::rewrite::Request;
use crate::app::rotation::{Rotation, StillNeeded};
use crate::app::{App, many};
use crate::cli::Context;
use crate::cli::json::in_json;
use crate::cli::rewriting::{Caution, Words, object, rewrite};
use crate::error::{Exit, Failure};
use crate::git::branches::OnBranch;
use crate::io::terminal;
use crate::keys::open::list;
use crate::keys::short;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx keys rotate --dry-run
  mvx keys rotate
  mvx keys rotate --to age1…                   to an identity that you made by other means
  MVX_AGE_KEY_FILE=~/.config/mvx/keys.old-2026-11-22.txt mvx keys rotate --to age1…
                                               the same new key in another repository")]
pub(super) struct Rotate {
    /// Your name in the rules, where several are yours
    #[arg(long)]
    name: Option<String>,
    /// Go over to this public key, whose identity is held already, instead of making one
    #[arg(long, value_name = "RECIPIENT")]
    to: Option<String>,
    /// Keep no copy of the old identity, unless a file on another branch needs it
    ///
    /// git's history, other clones and other repositories are not looked at: what is there for the old
    /// identity alone opens never again.
    #[arg(long, conflicts_with = "to")]
    forget_old: bool,
    #[command(flatten)]
    caution: Caution,
}

impl Rotate {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app();
        let name = self.whose(&app)?;
        let rotation = app.rotation(&name, self.to.as_deref())?;
        let about = [rotation.old.clone(), rotation.new.clone()];
        let former = [(format!("{name}'s old key"), rotation.old.clone())];
        let request = Request {
            files: app.secret_files(&[])?,
            about: &about,
            former: &former,
            soon_own: Some(&rotation.new),
            ..Request::default()
        };
        let besides = self.steps(&rotation);
        let words = Words {
            unchanged: "not concerned",
            question: "Rotate the key and write",
            besides: &besides,
            asks: true,
        };
        let answer = rewrite(context, &app, &request, &self.caution, &words, || {
            app.begin_rotation(&rotation)?;
            if !rotation.resumed {
                let new = &rotation.new;
                context.ui.note(&format!("{name} has the key {new} now"));
            }
            Ok(())
        })?;
        let mut backup = None;
        let mut needed = StillNeeded::default();
        let mut finished = false;
        let mut outcome = answer.outcome;
        if !self.caution.dry_run {
            needed = app.still_needed(&rotation)?;
            if outcome.is_ok() && needed.files.is_empty() && needed.unknown.is_empty() {
                let forget = self.forget_old && needed.branches.is_empty();
                backup = app.finish_rotation(&rotation, forget)?;
                finished = true;
                say_finished(context, &app, &rotation, backup.as_ref());
                let kept = backup.as_ref().filter(|_| self.forget_old);
                if let Some(kept) = kept {
                    outcome = Err(not_forgotten(&needed.branches, &app.relative(kept)));
                } else if !needed.branches.is_empty() {
                    context.ui.note(&on_branches(&needed.branches));
                }
            } else {
                let unknown = needed.unknown.iter().map(|one| &one.file);
                let all: Vec<&PathBuf> = needed.files.iter().chain(unknown).collect();
                let failure = unfinished(&rotation, &all);
                match &outcome {
                    // Which files are left and why is said already.
                    Err(_) => context.ui.warn(&failure.error.to_string(), &[]),
                    Ok(_) => outcome = Err(failure),
                }
            }
        }
        if context.ui.is_json() {
            let mut fields = vec![
                ("name", json!(name)),
                ("old", json!(rotation.old)),
                ("new", json!(rotation.new)),
                ("key_file", in_json(&rotation.key_file)),
                ("backup", in_json(&backup)),
                ("finished", json!(finished)),
                ("still_needed", in_json(&needed.files)),
                ("needed_on_branches", branches_json(&needed.branches)),
            ];
            fields.extend(answer.json);
            context.ui.json(&object(fields))?;
        }
        outcome
    }

    /// What happens beside the files.
    fn steps(&self, rotation: &Rotation) -> Vec<String> {
        let mut steps = Vec::new();
        if rotation.resumed {
            steps.push(format!(
                "{}: goes on from {} to {}",
                rotation.name,
                short(&rotation.old),
                short(&rotation.new)
            ));
        } else {
            if let Some(path) = &rotation.key_file {
                steps.push(format!(
                    "{}: add a new identity beside that of {}",
                    path.display(),
                    short(&rotation.old)
                ));
            }
            steps.push(format!(
                "{}: give {} the key {}",
                rotation.rules_file().display(),
                rotation.name,
                short(&rotation.new)
            ));
        }
        if self.forget_old {
            steps.push("forget the old identity: what git's history, other clones and other repositories hold for it alone opens never again".to_owned());
        }
        steps
    }

    /// Whose key it is, in the rules.
    fn whose(&self, app: &App<'_>) -> Result<String, Failure> {
        if let Some(name) = &self.name {
            return Ok(name.clone());
        }
        let own = app.own_names()?;
        if self.to.is_none()
            && let Some((old, new)) = app.unfinished_rotation()
            && let Some((name, _)) = own.iter().find(|(_, key)| *key == old || *key == new)
        {
            return Ok(name.clone());
        }
        let names: Vec<&str> = own.iter().map(|(name, _)| name.as_str()).collect();
        match names.as_slice() {
            [] => Err(Failure::new(
                Exit::NO_IDENTITY,
                "no-identity",
                "none of the identities that can be looked at here is in the rules",
            )
            .hint("`mvx keys list` shows what is held, `mvx recipients list` whom the rules name")
            .hint("where a passphrase guards it: `mvx keys rotate --name NAME --to PUBLIC_KEY`")),
            [only] => Ok((*only).to_owned()),
            several if terminal::is_stdin() && terminal::is_stderr() && !self.caution.yes => {
                let chosen = terminal::choose("Whose key is to be rotated?", several)?;
                Ok(several.get(chosen).copied().unwrap_or_default().to_owned())
            }
            several => {
                let names = several
                    .iter()
                    .map(|name| format!("--name {name}"))
                    .collect();
                Err(
                    Failure::new(Exit::USAGE, "usage", "several names in the rules are yours")
                        .hint(format!("say which: {}", list(names, "or"))),
                )
            }
        }
    }
}

fn say_finished(context: &Context, app: &App<'_>, rotation: &Rotation, backup: Option<&PathBuf>) {
    context.ui.note(&format!(
        "no file here needs the old key {} any more",
        short(&rotation.old)
    ));
    match (backup, &rotation.key_file) {
        (Some(backup), _) => {
            let backup = app.relative(backup);
            context.ui.note(&format!(
                "{}: the old identity; it opens what is in git's history, and other repositories",
                backup.display()
            ));
            context.ui.note(&format!(
                "in those: `MVX_AGE_KEY_FILE={} mvx keys rotate --to {}`",
                shell_word(&backup),
                rotation.new
            ));
        }
        (None, Some(path)) => context
            .ui
            .note(&format!("{}: the old identity is gone", path.display())),
        (None, None) => context
            .ui
            .note("the old identity is left where it is; it opens what is in git's history"),
    }
}

/// `1 file on another branch needs it still: feature:secrets/prod/f.enc.yaml`.
fn on_branches(branches: &[OnBranch]) -> String {
    let files: Vec<String> = branches
        .iter()
        .flat_map(|on| {
            let files = on.files.iter();
            files.map(|file| format!("{}:{}", on.branch, file.display()))
        })
        .collect();
    let count = many(
        files.len(),
        "file on another branch needs it still",
        "files on other branches need it still",
    );
    format!("{count}: {}", list(files, "and"))
}

fn branches_json(branches: &[OnBranch]) -> Value {
    let branches = branches.iter();
    branches
        .map(|on| json!({ "branch": on.branch, "files": in_json(&on.files) }))
        .collect()
}

fn not_forgotten(branches: &[OnBranch], kept: &Path) -> Failure {
    let message = format!("the old identity was kept: {}", on_branches(branches));
    Failure::new(Exit::NO, "not-forgotten", message).hint(format!(
        "when they are sealed for the new one, or gone: `rm {}`",
        shell_word(kept)
    ))
}

fn unfinished(rotation: &Rotation, files: &[&PathBuf]) -> Failure {
    let where_it_is = match &rotation.key_file {
        Some(path) => format!("the old identity stays in {}", path.display()),
        None => "the old identity is needed still".to_owned(),
    };
    let count = many(files.len(), "file still needs it", "files still need it");
    let files: Vec<String> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    let message = match files.len() {
        0 => where_it_is,
        _ => format!("{where_it_is}: {count}: {}", list(files, "and")),
    };
    Failure::new(Exit::NO, "unfinished", message)
        .hint("when the rules cover them, or they are gone, `mvx keys rotate` finishes")
}
