//! `mvx env sync`: the outputs of profiles, brought up to date.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::app::App;
use crate::app::env::deliver::{Delivery, Request};
use crate::app::env::place::{Tracking, link_on_the_way, may_be_output};
use crate::app::env::rendered::{Form, read, winners};
use crate::dialects::{Dialect, Loader};
use crate::error::{At as _, Exit, Failure};
use crate::io::look;
use crate::io::write::{self, Access};
use crate::io::{IoError, file};
use crate::render::block::{self, OPENING};
use crate::render::{Format, Note, Variable};
use crate::secret::Cleartext;

/// The longest output that is read, in bytes.
const MOST_OUTPUT: usize = 64 << 20;

/// An output and what is to become of it.
pub struct Output {
    /// The profile.
    pub profile: String,
    /// The file, as the user would type it.
    pub path: PathBuf,
    /// How it is written.
    pub form: Form,
    /// Whether git would take it into a commit; it is written nevertheless only if git is told to
    /// ignore it first.
    pub is_exposed: bool,
    /// What a write changes.
    pub change: Change,
    /// How many names the profile delivers.
    pub names: usize,
    /// The secret files that were read.
    pub files: Vec<PathBuf>,
    /// The directory of the rules, and the file as they name it.
    root: PathBuf,
    inside: String,
    /// What the opening line of the block says.
    note: String,
    variables: Vec<Variable>,
    body: Cleartext,
}

/// What a write changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Whether anything is to be written.
    pub is_needed: bool,
    /// Whether the file is there and mvx did not write it.
    pub is_foreign: bool,
    /// Names that come.
    pub added: Vec<String>,
    /// Names whose value changes.
    pub changed: Vec<String>,
    /// Names that go.
    pub removed: Vec<String>,
}

impl App<'_> {
    /// What syncing these profiles would do; the default one, or the only one, where none is named.
    /// Everything is checked and nothing is written.
    pub fn plan_sync(
        &self,
        profiles: &[String],
        with: &[(String, String)],
    ) -> Result<Vec<Output>, Failure> {
        let mut outputs: Vec<Output> = Vec::new();
        for request in self.requests(profiles, with)? {
            let output = self.output(&request)?;
            if let Some(other) = outputs.iter().find(|other| other.path == output.path) {
                let message = format!(
                    "the profiles `{}` and `{}` write the same file",
                    other.profile, output.profile
                );
                return Err(Failure::new(Exit::USAGE, "same-output", message)
                    .at(output.path.display())
                    .hint("sync one of them, or give each an `output` of its own"));
            }
            outputs.push(output);
        }
        Ok(outputs)
    }

    /// A request for each profile, with those scopes that it has.
    pub(super) fn requests(
        &self,
        profiles: &[String],
        with: &[(String, String)],
    ) -> Result<Vec<Request>, Failure> {
        let chosen = if profiles.is_empty() {
            vec![self.profile(None)?]
        } else {
            let mut seen = HashSet::new();
            let once = profiles.iter().filter(|name| seen.insert(name.as_str()));
            once.map(|name| self.profile(Some(name)))
                .collect::<Result<_, _>>()?
        };
        let several = chosen.len() > 1;
        let has = |scope: &String| {
            let mut scopes = chosen.iter().flat_map(|one| &one.profile.scopes);
            scopes.any(|known| known == scope)
        };
        // What is a scope of none is told by the profile itself.
        let all_known = with.iter().all(|(scope, _)| has(scope));
        let requests = chosen.iter().map(|one| Request {
            profile: Some(one.profile.name.clone()),
            with: with
                .iter()
                .filter(|(scope, _)| !several || !all_known || one.profile.scopes.contains(scope))
                .cloned()
                .collect(),
            only: Vec::new(),
        });
        Ok(requests.collect())
    }

    fn output(&self, request: &Request) -> Result<Output, Failure> {
        let chosen = self.profile(request.profile.as_deref())?;
        let name = chosen.profile.name.clone();
        let Some(output) = chosen.profile.output.as_deref() else {
            let message = format!("the profile `{name}` has no `output`");
            return Err(Failure::new(Exit::RULES, "no-output", message)
                .at(self.shown(&chosen.rules))
                .hint("`output = \".env.local\"` in it says where it is written"));
        };
        let path = self.profile_path(&chosen, output, "output")?;
        let (form, because) = self.form(&chosen.profile, &path)?;
        if let Form::Whole(Format::Github | Format::Azure) = form {
            let message = format!(
                "the format `{}` is for a pipeline and not for a file",
                form.name()
            );
            return Err(Failure::new(Exit::RULES, "format", message)
                .at(self.shown(&chosen.rules))
                .hint("`mvx env render` hands it to the pipeline"));
        }
        may_be_output(&path)?;
        let in_git = self.in_git(&path)?;
        if in_git == Tracking::Tracked {
            self.must_be_ignored(&path, "values", "or name another `output` in the profile")?;
        }
        let Delivery {
            variables, files, ..
        } = self.deliver(request)?;
        if files.contains(&path) {
            let message = "it is one of the profile's own secret files";
            return Err(Failure::new(Exit::RULES, "encrypted-output", message).at(path.display()));
        }
        let note = form.mark(request, &chosen.profile);
        let rendered = form.render(&chosen.profile, &variables, &note, &because);
        let (body, remarks) = rendered.at(path.display())?;
        let mut output = Output {
            root: chosen.rules.directory().to_owned(),
            inside: output.to_owned(),
            note,
            profile: name,
            form,
            is_exposed: in_git == Tracking::Exposed,
            change: Change::default(),
            names: variables.len(),
            files,
            variables,
            body,
            path,
        };
        let old = old_text(&output.path)?;
        let (new, change) = self
            .compose(&output, old.as_ref())
            .at(output.path.display())?;
        let is_open = look::look(&output.path)?.is_some_and(|look| look.is_shared());
        let is_same = old.is_some_and(|old| old == new);
        output.change = Change {
            is_needed: !is_same || is_open,
            ..change
        };
        if output.change.is_needed {
            self.pass_on(&output.path, &remarks);
        }
        Ok(output)
    }

    /// Says what there is to know about a rendering, and not two hundred times.
    fn pass_on(&self, path: &Path, remarks: &[Note]) {
        const SHOWN: usize = 3;
        for remark in remarks.iter().take(SHOWN) {
            self.note(format!("{}: {remark}", path.display()));
        }
        if let Some(more) = remarks.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            let path = path.display();
            self.note(format!("{path}: the same holds for {more} more"));
        }
    }

    /// Writes an output, as a plan says; what changed in the file since then is taken into account.
    /// Where the file is not mvx's, `overwrite` must say that it may go.
    pub fn write_output(&self, output: &Output, overwrite: bool) -> Result<Change, Failure> {
        let path = &output.path;
        let lock = self.lock(path)?;
        // What was no link when the plan was made may be one by now.
        if link_on_the_way(&output.root, &output.inside)?.is_some() {
            return Err(Failure::from(IoError::ChangedMeanwhile {
                path: path.clone(),
            }));
        }
        let old = old_text(path)?;
        let (new, change) = self.compose(output, old.as_ref()).at(path.display())?;
        if change.is_foreign && !overwrite {
            return Err(foreign(path));
        }
        match &old {
            Some(old) if *old == new => {
                let is_open = look::look(path)?.is_some_and(|look| look.is_shared());
                if is_open {
                    write::write(path, new.as_bytes(), Access::Private)?;
                }
            }
            Some(old) => self.replace(&lock, old.as_bytes(), new.as_bytes(), Access::Private)?,
            None => write::create_new(path, new.as_bytes(), Access::Private)?,
        }
        Ok(change)
    }

    /// The new text of an output, and what it changes.
    fn compose(
        &self,
        output: &Output,
        old: Option<&Cleartext>,
    ) -> Result<(Cleartext, Change), Failure> {
        match output.form {
            Form::Block(dialect, loader) => self.compose_block(output, (dialect, loader), old),
            Form::Whole(_) => Ok(compose_whole(output, old)),
        }
    }

    fn compose_block(
        &self,
        output: &Output,
        (dialect, loader): (Dialect, Option<Loader>),
        old: Option<&Cleartext>,
    ) -> Result<(Cleartext, Change), Failure> {
        let old = old.map(Cleartext::as_bytes).unwrap_or_default();
        let standing = block::find(old)?;
        if marks_itself(&output.body) {
            return Err(looks_like_a_mark());
        }
        let (new, range) = block::put(old, &output.note, &output.body)?;
        // A block that was edited until its reader gives up on it is written anew as a whole.
        let before = standing
            .and_then(|range| read(dialect, loader, old.get(range)?))
            .map(|found| winners(dialect, found))
            .unwrap_or_default();
        let mut change = Change {
            is_needed: old != new.as_bytes(),
            ..Change::default()
        };
        for variable in &output.variables {
            match before.get(&variable.name) {
                None => change.added.push(variable.name.clone()),
                Some(old) if old.value != variable.value => {
                    change.changed.push(variable.name.clone());
                }
                Some(_) => {}
            }
        }
        let now: HashSet<&str> = output
            .variables
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        change.removed = before
            .into_keys()
            .filter(|name| !now.contains(name.as_str()))
            .collect();
        change.removed.sort_unstable();
        self.look_around(output, (dialect, loader), &new, &range)?;
        Ok((new, change))
    }

    /// Reads the whole new text: the user's lines must leave the block alone, and where they give
    /// a name of it another value, somebody should know.
    fn look_around(
        &self,
        output: &Output,
        (dialect, loader): (Dialect, Option<Loader>),
        text: &Cleartext,
        block: &std::ops::Range<usize>,
    ) -> Result<(), Failure> {
        let Some(found) = read(dialect, loader, text.as_bytes()) else {
            let path = output.path.display();
            self.warn(
                format!(
                    "{path}: mvx cannot tell what a reader of {} makes of the lines that are yours, nor whether it gets to the secrets",
                    dialect.name()
                ),
                ["see whether a quote stays open in them".to_owned()],
            );
            return Ok(());
        };
        let mut inside: HashMap<&str, &Cleartext> = HashMap::new();
        for (name, standing) in &found {
            if standing.is_within(block) {
                inside.insert(name, &standing.value);
            }
        }
        for variable in &output.variables {
            if inside.get(variable.name.as_str()) != Some(&&variable.value) {
                let message = format!(
                    "the lines above mvx's block change what a reader takes from it: `{}` is lost",
                    variable.name
                );
                return Err(Failure::new(Exit::IO, "lines-interfere", message)
                    .hint("a quote that is opened there and not closed takes in what follows"));
            }
        }
        let outside: Vec<(String, usize)> = found
            .iter()
            .filter(|(name, standing)| {
                !standing.is_within(block) && inside.contains_key(name.as_str())
            })
            .map(|(name, standing)| (name.clone(), standing.line))
            .collect();
        drop(inside);
        let counts = winners(dialect, found);
        for (name, line) in outside {
            let path = output.path.display();
            let own = counts
                .get(&name)
                .is_some_and(|standing| !standing.is_within(block));
            let which = if own {
                "your line counts, and not the secret"
            } else {
                "the secret counts, and not your line"
            };
            self.warn(
                format!("{path}: line {line} gives `{name}` a value, too; {which}"),
                [format!(
                    "delete that line, or leave `{name}` to it with `exclude` in the profile"
                )],
            );
        }
        Ok(())
    }
}

/// A file that mvx did not write, where it would write a whole one.
pub fn foreign(path: &Path) -> Failure {
    Failure::new(
        Exit::IO,
        "foreign-file",
        "exists already, and nothing in it says that mvx wrote it; it was left alone",
    )
    .at(path.display())
    .hint("`--overwrite` replaces it")
}

fn compose_whole(output: &Output, old: Option<&Cleartext>) -> (Cleartext, Change) {
    let new = output.body.duplicate();
    let marked = output.form.has_comments();
    let is_marked = |old: &Cleartext| marked && old.as_bytes().starts_with(OPENING.as_bytes());
    let is_same = old.is_some_and(|old| *old == new);
    let change = Change {
        is_needed: !is_same,
        is_foreign: !is_same && old.is_some_and(|old| !old.is_empty() && !is_marked(old)),
        ..Change::default()
    };
    (new, change)
}

/// Whether a line of the body would be taken for a mark.
fn marks_itself(body: &Cleartext) -> bool {
    !matches!(block::find(body.as_bytes()), Ok(None))
}

fn looks_like_a_mark() -> Failure {
    Failure::new(
        Exit::RULES,
        "cannot-carry",
        "a line of a value looks like a mark of mvx's block",
    )
    .hint("`format = \"json\"` in the profile carries it, and so does `mvx run`")
}

fn old_text(path: &Path) -> Result<Option<Cleartext>, Failure> {
    match file::read(path, MOST_OUTPUT) {
        Ok(text) => Ok(Some(text)),
        Err(IoError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
