//! `mvx recipients remove`.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::add::{commit_together, if_not_openable};
use crate::app::load::with_causes;
use crate::app::many;
use crate::app::mentions::Reach;
use crate::app::register::Leaver;
use crate::app::rewrite::{Change, Plan, Request};
use crate::cli::Context;
use crate::cli::json::in_json;
use crate::cli::rewriting::{Caution, Words, object, rewrite};
use crate::error::{Exit, Failure};
use crate::keys::open::list;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx recipients remove bob
  mvx recipients remove bob --dry-run
  mvx recipients remove bob --yes --json | jq -r '.to_change[].file'")]
pub(super) struct Remove {
    /// The name in the rules, or the public key
    name: String,
    /// Change the rules alone; `mvx recipients sync` does the files later
    #[arg(long)]
    no_sync: bool,
    #[command(flatten)]
    caution: Caution,
}

impl Remove {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app();
        let (change, leaver) = app.strike(&self.name)?;
        let name = &leaver.name;
        let former = [(name.clone(), leaver.key.clone())];
        let mut request = Request {
            files: app.secret_files(&[])?,
            about: std::slice::from_ref(&leaver.key),
            before: Some(&change.before),
            former: &former,
            compare_only: true,
            ..Request::default()
        };
        // What they could read is known without opening it, also of files that stay as they are.
        let Plan {
            changes: readable,
            mut open_still,
            ..
        } = app.plan(&request, || {});
        // What sops sealed under a name of its own outside of every rule is no secret file to the rules.
        let (others, unknown) = app.others_sealed_for(&leaver.key, &request.files, Reach::InGit)?;
        open_still.extend(
            others
                .into_iter()
                .map(|file| (file, "no rule covers it".to_owned())),
        );
        for unknown in unknown {
            let file = unknown.file.display();
            let message = format!(
                "{file}: mentions {name}'s key, or cannot be read; whether {name} can open it is not known"
            );
            context.ui.warn(&message, &[]);
        }
        let readable: Vec<Change> = readable
            .into_iter()
            .filter(|change| change.removed.iter().any(|gone| gone.key == leaver.key))
            .collect();
        request.compare_only = false;
        if self.no_sync {
            request.files.clear();
        }
        if leaver.is_own {
            context.ui.warn(
                &format!("{name} is you: it is a key of this machine"),
                &["`mvx keys rotate` gives you another key and keeps your access"],
            );
        }
        let besides = [format!(
            "{}: remove {name} from the register, all groups and all rules{}",
            change.file.display(),
            with_groups(&leaver)
        )];
        let words = Words {
            unchanged: "not concerned",
            question: if self.no_sync {
                "Write the rules"
            } else {
                "Write the rules and"
            },
            besides: &besides,
            asks: true,
        };
        let answer = rewrite(context, &app, &request, &self.caution, &words, || {
            app.write_rules(&change)?;
            context.ui.note(&format!(
                "{}: {name} removed from the register, all groups and all rules{}",
                change.file.display(),
                with_groups(&leaver)
            ));
            Ok(())
        })
        .map_err(if_not_openable)?;
        commit_together(context, &app, &self.caution)?;
        if context.ui.is_json() {
            let mut fields = vec![
                ("rules", in_json(&change.file)),
                ("name", json!(name)),
                ("key", json!(leaver.key)),
                ("groups_removed", json!(leaver.groups)),
                ("to_change", to_change(&readable)),
                (
                    "open_still",
                    open_still.iter().map(|(file, _)| in_json(file)).collect(),
                ),
            ];
            fields.extend(answer.json);
            context.ui.json(&object(fields))?;
        } else {
            self.print(context, &leaver, &readable, open_still.is_empty())?;
        }
        match answer.outcome {
            Ok(_) if !open_still.is_empty() => Err(opens_still(name, &open_still)),
            outcome => outcome,
        }
    }

    /// Lists what the one who left knows still.
    fn print(
        &self,
        context: &Context,
        leaver: &Leaver,
        readable: &[Change],
        all: bool,
    ) -> Result<(), Failure> {
        let name = &leaver.name;
        for change in readable {
            context.ui.heading(&change.file.display().to_string())?;
            for secret in &change.secrets {
                context.ui.line(&format!("  {secret}"))?;
            }
        }
        let values: usize = readable.iter().map(|change| change.secrets.len()).sum();
        if values == 0 && !all {
            return Ok(());
        }
        if values == 0 {
            context.ui.note(&format!(
                "{name} could read none of the secret files that are here now"
            ));
            return Ok(());
        }
        if self.no_sync {
            context.ui.warn(
                &format!(
                    "{name} can still open {}",
                    many(readable.len(), "file", "files")
                ),
                &["`mvx recipients sync` locks them"],
            );
        }
        context.ui.warn(
            &format!(
                "{name} could read {}, and git's history and every clone still hold {}",
                many(values, "value", "values"),
                if values == 1 { "it" } else { "them" }
            ),
            &["change each where it is used, and then here with `mvx set`"],
        );
        Ok(())
    }
}

/// What the register does not decide: files of other rules, or of none.
fn opens_still(name: &str, files: &[(PathBuf, String)]) -> Failure {
    let files = files.iter();
    let lines = files.map(|(file, why)| format!("{}: {why}", file.display()));
    let message = format!("{name} can still open this:");
    let mut failure = Failure::new(Exit::NO, "opens-still", "");
    failure.error = with_causes(message, lines.collect());
    failure.hint(
        "see to the rules that hold for each, and then `mvx recipients sync` takes the access",
    )
}

fn with_groups(leaver: &Leaver) -> String {
    if leaver.groups.is_empty() {
        return String::new();
    }
    format!(
        ", and with it {}, in which nobody else was",
        list(leaver.groups.clone(), "and")
    )
}

fn to_change(readable: &[Change]) -> Value {
    let files = readable.iter();
    files
        .map(|change| json!({ "file": in_json(&change.file), "keys": change.secrets }))
        .collect()
}
