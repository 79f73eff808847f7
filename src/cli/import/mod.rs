//! `mvx import`.

mod answer;
mod talk;
mod tree;

use std::path::{Path, PathBuf};

use self::answer::{answer, completed};
use self::talk::{Summary, names, show, tell};
use super::{Context, misuse};
use crate::app::files::{STDIN, shell_word};
use crate::app::import::{Done, Input, Plan, Request};
use crate::app::{App, many};
use crate::error::{Exit, Failure};
use crate::import::crypt::Tool;
use crate::import::{Dialect, SIZE_LIMIT, Source};
use crate::io::{stdio, terminal};
use crate::keypath::KeyPath;
use crate::stores::Format;
use clap::builder::{PossibleValuesParser, TypedValueParser};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx import .env --to secrets/dev/app.enc.yaml
  mvx import .env --to secrets/dev/app.enc.yaml --dialect compose --rm --gitignore
  mvx import config.json --to secrets/dev/app.enc.yaml --at services.shop
  doppler secrets download --no-file --format json | mvx import - --to secrets/dev/app.enc.yaml
  op item get Shop --format json | mvx import - --from 1password --to secrets/dev/shop.enc.yaml
  mvx import --from git-crypt")]
pub(super) struct Import {
    /// Files to import; `-` is standard input. With --from git-crypt or transcrypt, a directory
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The secret file that gets the values; made where there is none
    #[arg(long, value_name = "SECRETFILE")]
    to: Option<PathBuf>,
    /// What the files are, where name and content do not tell
    #[arg(long, value_name = "KIND", value_parser = from_parser())]
    from: Option<From>,
    /// The program that reads the .env files today
    #[arg(long, value_name = "PROGRAM", value_parser = dialect_parser())]
    dialect: Option<Dialect>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    pub(super) after: After,
    /// Take the imported value where the secret file has another one
    #[arg(long)]
    pub(super) overwrite: bool,
    /// The secret file's type, where its name does not tell it
    #[arg(long, value_name = "TYPE", value_parser = crate::cli::format_parser())]
    format: Option<Format>,
    /// Encrypt a new file for this age or SSH public key instead of those that the rules name; repeatable
    #[arg(short, long = "age", value_name = "RECIPIENT")]
    age: Vec<String>,
    /// Show what would be done, and stop
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Ask nothing: keep the secret file's own values and the plaintext
    #[arg(short, long)]
    pub(super) yes: bool,
}

// Where the values go in the secret file.
#[derive(clap::Args)]
struct Place {
    /// Put everything below this key path
    #[arg(long, value_name = "KEYPATH")]
    at: Option<String>,
    /// Put this before each name
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    prefix: String,
    /// Import these keys alone, such as `STRIPE_*`; repeatable
    #[arg(long, value_name = "GLOB")]
    only: Vec<String>,
    /// Leave these keys out; repeatable
    #[arg(long, value_name = "GLOB")]
    except: Vec<String>,
}

// What becomes of the plaintext.
#[derive(clap::Args)]
pub(super) struct After {
    /// Remove the plaintext, if every value and comment of it is in the secret file; else end with 1
    #[arg(long, conflicts_with = "keep")]
    pub(super) rm: bool,
    /// Keep the plaintext without being asked
    #[arg(long)]
    pub(super) keep: bool,
    /// Add the plaintext to .gitignore
    #[arg(long)]
    pub(super) gitignore: bool,
}

/// What `--from` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Text(Source),
    Tree(Tool),
}

impl Import {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        if let Some(From::Tree(tool)) = self.from {
            self.only_a_directory()?;
            let directory = match self.files.as_slice() {
                [] => Path::new("."),
                [one] => one,
                _ => return Err(misuse("this takes one directory")),
            };
            return tree::run(self, context, tool, directory);
        }
        let (Some(to), false) = (&self.to, self.files.is_empty()) else {
            return Err(misuse(
                "there must be files to import, and a secret file to put them into",
            )
            .hint("`mvx import .env --to secrets/dev/app.enc.yaml`")
            .hint("`mvx import --from git-crypt` takes what git-crypt marks"));
        };
        if to == Path::new("-") {
            return Err(misuse("`--to` names a file; it cannot be standard output"));
        }
        let app = context.app();
        let plan = app.plan_import(self.request(to)?);
        context.notes(&app);
        let plan = plan?;
        if context.ui.is_json() {
            if self.dry_run {
                context.ui.json(&answer(&plan))?;
                return Ok(Exit::OK);
            }
        } else {
            tell(context, &plan);
            if self.dry_run {
                return show(context, &plan);
            }
        }
        let replaced = self.decide(context, &plan)?;
        let before = answer(&plan);
        let summary = Summary::of(&plan);
        let imported = app.import(plan, &replaced);
        context.notes(&app);
        let imported = imported?;
        summary.tell(context, &imported);
        let mut finished = Vec::new();
        for done in &imported.inputs {
            finished.push(self.finish(context, &app, done)?);
        }
        if context.ui.is_json() {
            context.ui.json(&completed(before, &imported, &finished))?;
        }
        context.notes(&app);
        // Who asked for it would believe that it is gone.
        let refused = |(done, (removed, _)): (&Done, &(bool, Option<PathBuf>))| {
            self.after.rm && done.path.is_some() && !removed
        };
        let stays = imported.inputs.iter().zip(&finished).any(refused);
        Ok(if stays {
            Exit::NO
        } else if imported.written {
            Exit::OK
        } else {
            Exit::UNCHANGED
        })
    }

    fn request<'a>(&'a self, to: &'a Path) -> Result<Request<'a>, Failure> {
        let from = match self.from {
            Some(From::Text(source)) => Some(source),
            _ => None,
        };
        let mut inputs = Vec::new();
        for path in &self.files {
            inputs.push(if path == Path::new("-") {
                if inputs.iter().any(|input: &Input| input.bytes.is_some()) {
                    return Err(misuse("standard input is one input, and `-` stands once"));
                }
                Input {
                    path: STDIN.into(),
                    bytes: Some(stdio::read_stdin(SIZE_LIMIT + 1)?),
                }
            } else {
                Input {
                    path: path.clone(),
                    bytes: None,
                }
            });
        }
        Ok(Request {
            inputs,
            to,
            from,
            dialect: self.dialect,
            at: self.place.at.as_deref().map(KeyPath::parse).transpose()?,
            prefix: &self.place.prefix,
            only: &self.place.only,
            except: &self.place.except,
            format: self.format,
            age: &self.age,
        })
    }

    /// Refuses options that have no meaning for a whole work tree.
    fn only_a_directory(&self) -> Result<(), Failure> {
        let given = [
            (self.to.is_some(), "--to"),
            (self.dialect.is_some(), "--dialect"),
            (self.place.at.is_some(), "--at"),
            (!self.place.prefix.is_empty(), "--prefix"),
            (!self.place.only.is_empty(), "--only"),
            (!self.place.except.is_empty(), "--except"),
            (self.format.is_some(), "--format"),
            (!self.age.is_empty(), "--age"),
        ];
        match given.iter().find(|(given, _)| *given) {
            Some((_, option)) => Err(misuse(&format!(
                "`{option}` has no meaning here: each file gets a secret file of its own beside it"
            ))),
            None => Ok(()),
        }
    }

    /// Which of the secret file's values are replaced.
    fn decide(&self, context: &Context, plan: &Plan) -> Result<Vec<KeyPath>, Failure> {
        let conflicts: Vec<&KeyPath> = plan.conflicts().collect();
        if self.overwrite {
            return Ok(conflicts.into_iter().cloned().collect());
        }
        let mut replaced = Vec::new();
        if self.may_ask() && !context.ui.is_json() {
            for key in conflicts {
                let question = format!(
                    "`{key}` has another value in {}. Replace it?",
                    plan.to.display()
                );
                if terminal::confirm(&question, false)? {
                    replaced.push(key.clone());
                }
            }
        } else if !conflicts.is_empty() {
            context.ui.warn(
                &format!(
                    "{}: kept its own {} of {}",
                    plan.to.display(),
                    if conflicts.len() == 1 {
                        "value"
                    } else {
                        "values"
                    },
                    names(conflicts.iter().copied())
                ),
                &["`--overwrite` takes the imported values"],
            );
        }
        Ok(replaced)
    }

    pub(super) fn may_ask(&self) -> bool {
        !self.yes && terminal::is_stdin() && terminal::is_stderr()
    }

    /// Sees to an input's plaintext; says whether it was removed, and whether git ignores it now.
    fn finish(
        &self,
        context: &Context,
        app: &App<'_>,
        done: &Done,
    ) -> Result<(bool, Option<PathBuf>), Failure> {
        let Some(path) = &done.path else {
            return Ok((false, None));
        };
        let removed = if done.missing > 0 {
            context.ui.note(&format!(
                "{}: {} not in the secret file",
                path.display(),
                many(
                    done.missing,
                    "value or line of it is",
                    "values or lines of it are"
                )
            ));
            if self.after.rm {
                context.ui.warn(
                    &format!("{}: not removed, because of that", path.display()),
                    &[],
                );
            }
            false
        } else if done.missing_comments > 0 {
            self.tell_comments(context, path, done.missing_comments);
            false
        } else {
            self.remove(context, path, || app.remove_plaintext(path, &done.bytes))?
        };
        let ignored = self.ignore(context, app, path, removed)?;
        if !removed && done.missing == 0 && done.missing_comments == 0 {
            crate::cli::encrypt::still_there(context, app, path);
        }
        Ok((removed, ignored))
    }

    /// A comment may be a value that somebody commented out, and this the only place that has it.
    fn tell_comments(&self, context: &Context, path: &Path, count: usize) {
        let count = many(count, "comment of it is", "comments of it are");
        let removed = if self.after.rm {
            "; not removed, because of that"
        } else {
            ""
        };
        let to = self.to.as_deref().map(shell_word).unwrap_or_default();
        context.ui.warn(
            &format!(
                "{}: {count} not in the secret file{removed}",
                path.display()
            ),
            &[
                &format!("`mvx edit {to}` takes in what is to be kept"),
                &format!(
                    "`rm {}` removes the plaintext all the same",
                    shell_word(path)
                ),
            ],
        );
    }

    /// Removes a plaintext where that was asked for or is agreed to.
    pub(super) fn remove(
        &self,
        context: &Context,
        path: &Path,
        remove: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<bool, Failure> {
        let may_ask = !self.after.keep && self.may_ask() && !context.ui.is_json();
        let question = || format!("Remove the plaintext {}?", path.display());
        if !(self.after.rm || (may_ask && terminal::confirm(&question(), false)?)) {
            return Ok(false);
        }
        remove().map_err(|mut failure| {
            if failure.code == "changed-meanwhile" {
                failure.hints =
                    vec!["import it again; what was imported is in the secret file".into()];
            }
            failure
        })?;
        context.ui.note(&format!("{}: removed", path.display()));
        Ok(true)
    }

    /// Has git ignore a plaintext where that was asked for or is agreed to.
    pub(super) fn ignore(
        &self,
        context: &Context,
        app: &App<'_>,
        path: &Path,
        removed: bool,
    ) -> Result<Option<PathBuf>, Failure> {
        let asks = || {
            let may_ask = self.may_ask() && !context.ui.is_json() && app.is_exposed(path);
            let why = if removed { ", should it come back" } else { "" };
            let question = format!("Add {} to .gitignore{why}?", path.display());
            Ok::<_, Failure>(may_ask && terminal::confirm(&question, true)?)
        };
        if !(self.after.gitignore || asks()?) {
            return Ok(None);
        }
        let list = app.ignore(path)?;
        if let Some(list) = &list {
            context
                .ui
                .note(&format!("{}: names {} now", list.display(), path.display()));
        }
        Ok(list)
    }
}

fn from_parser() -> impl TypedValueParser<Value = From> {
    const TEXTS: [Source; 6] = [
        Source::Env(Dialect::Portable),
        Source::Json,
        Source::Yaml,
        Source::Ini,
        Source::Doppler,
        Source::OnePassword,
    ];
    let names = TEXTS.map(Source::name).into_iter();
    let names: Vec<&'static str> = names.chain(Tool::ALL.map(Tool::name)).collect();
    PossibleValuesParser::new(names).map(|name| {
        let text = TEXTS.into_iter().find(|source| source.name() == name);
        let tree = Tool::from_name(&name).map(From::Tree);
        text.map(From::Text)
            .or(tree)
            .unwrap_or(From::Text(Source::Json))
    })
}

fn dialect_parser() -> impl TypedValueParser<Value = Dialect> {
    PossibleValuesParser::new(Dialect::ALL.map(Dialect::name))
        .map(|name| Dialect::from_name(&name).unwrap_or(Dialect::Portable))
}
