//! `mvx recipients add`.

use serde_json::{Value, json};

use crate::app::App;
use crate::app::register::Newcomer;
use crate::app::rewrite::Request;
use crate::cli::Context;
use crate::cli::json::in_json;
use crate::cli::rewriting::{Caution, Words, object, rewrite};
use crate::error::{Exit, Failure};
use crate::io::terminal;
use crate::keys::open::list;
use crate::rules::Extras;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx recipients add carol age1… --group team --owner carol@example.com
  mvx recipients add ci age1… --environment prod --yes
  mvx recipients add prod-kms arn:aws:kms:eu-west-1:111122223333:key/1234… --context app=shop --group prod
  mvx recipients add temp ssh-ed25519 AAAA… --group team --expires 2027-01-31")]
pub(in crate::cli) struct Add {
    /// The name in the rules
    name: String,
    /// The public key: `age1…`, an SSH key, a PGP fingerprint, or the key of a service: an ARN,
    /// `projects/…/cryptoKeys/…`, `https://VAULT.vault.azure.net/keys/…`,
    /// `https://HOST/v1/…/keys/…`
    #[arg(required = true, num_args = 1..)]
    key: Vec<String>,
    /// A group that gets the name; repeatable
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// An environment whose rules get the name; repeatable
    #[arg(long = "environment", value_name = "NAME")]
    environments: Vec<String>,
    /// The role to assume for a key of AWS KMS
    #[arg(long, value_name = "ARN")]
    role: Option<String>,
    /// A part of a KMS key's encryption context; repeatable
    #[arg(long, value_name = "NAME=VALUE")]
    context: Vec<String>,
    /// The AWS profile whose credentials a KMS key takes
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Who answers for the key, such as a mail address
    #[arg(long)]
    owner: Option<String>,
    /// The last day of access, such as 2027-01-31
    #[arg(long, value_name = "DAY")]
    expires: Option<String>,
    /// Change the rules alone; `mvx recipients sync` does the files later
    #[arg(long)]
    no_sync: bool,
    #[command(flatten)]
    caution: Caution,
    /// Whether somebody said yes to it before the command began.
    #[arg(skip)]
    agreed: bool,
}

impl Add {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app();
        let (answer, outcome) = self.carry_out(context, &app)?;
        if context.ui.is_json() {
            context.ui.json(&answer)?;
        }
        outcome
    }

    /// What another command enters on its way.
    pub(in crate::cli) fn new(
        name: &str,
        key: &str,
        owner: &str,
        places: (Vec<String>, Vec<String>),
        yes: bool,
    ) -> Self {
        Self {
            name: name.to_owned(),
            key: vec![key.to_owned()],
            role: None,
            context: Vec::new(),
            profile: None,
            groups: places.0,
            environments: places.1,
            owner: Some(owner.to_owned()),
            expires: None,
            no_sync: false,
            caution: Caution {
                dry_run: false,
                yes,
                keep_going: false,
            },
            agreed: false,
        }
    }

    /// Somebody was asked already whether this is to be done.
    #[must_use]
    pub(in crate::cli) fn agreed(mut self, agreed: bool) -> Self {
        self.agreed = agreed;
        self
    }

    /// Enters them and gives them the files: the answer in JSON, and how the command ends.
    pub(in crate::cli) fn carry_out(
        &self,
        context: &Context,
        app: &App<'_>,
    ) -> Result<(Value, Result<Exit, Failure>), Failure> {
        let key = self.key.join(" ");
        app.register()?;
        // A mistake in what was typed is told before anything is asked.
        crate::app::recipients::typed(&key)?;
        let extras = self.extras()?;
        let (groups, environments) = self.places(app)?;
        let newcomer = Newcomer {
            name: self.name.clone(),
            key,
            extras,
            owner: self.owner.clone(),
            expires: self.expires.clone(),
            groups,
            environments,
        };
        let (change, key) = app.enter(&newcomer)?;
        let besides = [format!(
            "{}: add {} to {}",
            change.file.display(),
            self.name,
            places(&newcomer)
        )];
        let request = Request {
            files: if self.no_sync {
                Vec::new()
            } else {
                app.secret_files(&[])?
            },
            about: std::slice::from_ref(&key),
            ..Request::default()
        };
        let words = Words {
            unchanged: "not concerned",
            question: if self.no_sync {
                "Write the rules"
            } else {
                "Write the rules and"
            },
            besides: &besides,
            asks: !self.agreed,
        };
        let answer = rewrite(context, app, &request, &self.caution, &words, || {
            app.write_rules(&change)?;
            context.ui.note(&format!(
                "{}: {} added to {}",
                change.file.display(),
                self.name,
                places(&newcomer)
            ));
            Ok(())
        })
        .map_err(if_not_openable)?;
        if self.no_sync {
            context
                .ui
                .note("`mvx recipients sync` wraps the files for them");
        }
        commit_together(context, app, &self.caution)?;
        let mut fields = vec![
            ("rules", in_json(&change.file)),
            ("name", json!(self.name)),
            ("key", json!(key)),
        ];
        fields.extend(answer.json);
        Ok((object(fields), answer.outcome))
    }

    /// What goes with a key of AWS KMS.
    fn extras(&self) -> Result<Extras, Failure> {
        let pair = |text: &String| match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(Failure::new(
                Exit::USAGE,
                "usage",
                "a part of the context is written as NAME=VALUE",
            )),
        };
        Ok(Extras {
            role: self.role.clone(),
            context: self.context.iter().map(pair).collect::<Result<_, _>>()?,
            profile: self.profile.clone(),
            unbelieved_endpoint: None,
        })
    }

    /// The groups and environments that get the name: as given, or as somebody chooses.
    fn places(&self, app: &App<'_>) -> Result<(Vec<String>, Vec<String>), Failure> {
        if !self.groups.is_empty() || !self.environments.is_empty() {
            return Ok((self.groups.clone(), self.environments.clone()));
        }
        let rules = app.register()?;
        let groups = rules.groups();
        let environments = rules.environments();
        let may_ask = !self.caution.yes && terminal::is_stdin() && terminal::is_stderr();
        if groups.is_empty() && environments.is_empty() {
            // The rules name people themselves: only their author knows where this one belongs.
            return Ok((Vec::new(), Vec::new()));
        }
        if !may_ask {
            let groups = groups.iter().map(|group| format!("--group {}", group.name));
            let environments = environments
                .iter()
                .map(|name| format!("--environment {name}"));
            let all: Vec<String> = groups.chain(environments).collect();
            let message = format!("what may `{}` read?", self.name);
            return Err(Failure::new(Exit::USAGE, "usage", message)
                .hint(format!("say {}", list(all, "or"))));
        }
        let choices: Vec<String> = groups
            .iter()
            .map(|group| format!("the group {} ({})", group.name, group.members.join(", ")))
            .chain(
                environments
                    .iter()
                    .map(|name| format!("the environment {name}")),
            )
            .collect();
        let shown: Vec<&str> = choices.iter().map(String::as_str).collect();
        let chosen = terminal::choose(&format!("What may {} read?", self.name), &shown)?;
        if let Some(group) = groups.get(chosen) {
            return Ok((vec![group.name.clone()], Vec::new()));
        }
        let environment = environments.get(chosen - groups.len()).copied();
        let environments = environment.map(str::to_owned).into_iter();
        Ok((Vec::new(), environments.collect()))
    }
}

/// `the register, team and the environment dev`.
fn places(newcomer: &Newcomer) -> String {
    let groups = newcomer.groups.iter().cloned();
    let environments = newcomer.environments.iter();
    let environments = environments.map(|name| format!("the environment {name}"));
    let all = std::iter::once("the register".to_owned());
    list(all.chain(groups).chain(environments).collect(), "and")
}

/// Where files cannot be opened here, the rules can be changed all the same.
pub(super) fn if_not_openable(failure: Failure) -> Failure {
    if failure.code == "files-left" || failure.exit == Exit::NO_IDENTITY {
        return failure.hint(
            "`--no-sync` changes the rules alone, for somebody else to run `mvx recipients sync`",
        );
    }
    failure
}

/// Rules and files belong into one commit: between the two, somebody else's `sync` would undo it.
pub(super) fn commit_together(
    context: &Context,
    app: &App<'_>,
    caution: &Caution,
) -> Result<(), Failure> {
    if !caution.dry_run && app.is_repository()? {
        context.ui.note("commit the rules and the files together");
    }
    Ok(())
}
