//! Putting the scan into git's hooks, beside whatever is there: a hook that stands alone, husky,
//! lefthook, pre-commit and prek, `core.hooksPath`. And taking it out again.

mod block;
mod managers;
mod proof;
mod script;

use std::path::{Path, PathBuf};

use super::App;
use crate::app::files::shell_word;
use crate::error::{Exit, Failure};
use crate::git::hooks::{self, HookPlace, HookReach};
use crate::io::file::{self, Kind};
use crate::io::programs;
use crate::io::write::{self, Access};
use script::Author;

pub use proof::State;

/// A hook that mvx has a part in (githooks(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Before a commit is made: what is staged is scanned.
    PreCommit,
    /// Before commits go to a remote: they are scanned.
    PrePush,
}

impl Hook {
    /// All.
    pub const ALL: [Self; 2] = [Self::PreCommit, Self::PrePush];

    /// Its name, which is its file's.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PreCommit => "pre-commit",
            Self::PrePush => "pre-push",
        }
    }

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hook| hook.name() == name)
    }
}

/// What became of one hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The hook.
    pub hook: Hook,
    /// The file that runs the scan, or should.
    pub file: PathBuf,
    /// What was done.
    pub outcome: Outcome,
    /// What is left to the user.
    pub hints: Vec<String>,
}

/// What was done about a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A new hook was made.
    Made,
    /// It was there already.
    Unchanged,
    /// A new hook was made, which runs the one that was there first; that has this name now.
    Beside(PathBuf),
    /// Lines were added to the file.
    Added,
    /// Nothing: these lines are to be added by hand.
    Advised(String),
    /// Nothing: somebody has changed mvx's hook.
    Edited,
    /// The scan is there, and git does not run it: why.
    Idle(String),
    /// It was taken out.
    Removed,
    /// It was taken out, and the hook that was there before is back.
    Restored,
    /// There was nothing to take out.
    Absent,
}

impl Outcome {
    /// The token for machines.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Unchanged => "unchanged",
            Self::Beside(_) => "beside",
            Self::Added => "added",
            Self::Advised(_) => "advised",
            Self::Edited => "edited",
            Self::Idle(_) => "idle",
            Self::Removed => "removed",
            Self::Restored => "restored",
            Self::Absent => "absent",
        }
    }

    /// Whether the scan does not run as was asked for, or still runs.
    pub fn is_left_to_the_user(&self) -> bool {
        matches!(self, Self::Advised(_) | Self::Edited | Self::Idle(_))
    }
}

/// The longest hook or configuration that is read, in bytes.
const MOST: usize = 1 << 20;

impl App<'_> {
    /// Puts the scan into these hooks of the repository around the working directory. Where
    /// `core.hooksPath` leads out of it, all repositories that share those hooks get it, and only if
    /// `everywhere` says so.
    pub fn install_hooks(&self, wanted: &[Hook], everywhere: bool) -> Result<Vec<Done>, Failure> {
        let place = self.hook_place()?;
        if place.reach == HookReach::Everywhere && !everywhere {
            let directory = place.directory.display();
            return Err(Failure::new(
                Exit::NO,
                "hooks-elsewhere",
                format!("`core.hooksPath` leads to {directory}, outside of the repository; nothing was installed"),
            )
            .hint("`mvx git install --everywhere` installs there, for all repositories that use these hooks")
            .hint("`git config --local core.hooksPath .git/hooks` gives this repository hooks of its own"));
        }
        let mut done = Vec::new();
        for &hook in wanted {
            let one = self.install(&place, hook)?;
            let outcome = proof::proven(self.environment(), &place, hook, one.outcome)?;
            done.push(Done { outcome, ..one });
        }
        if place.is_shared_by_work_trees && place.reach == HookReach::Repository {
            self.note("all work trees of this repository share its hooks");
        }
        if place.reach == HookReach::WorkTree
            || done.iter().any(|done| done.outcome == Outcome::Added)
        {
            self.note("the files are part of the project: commit them, and everybody has the scan");
        }
        Ok(done)
    }

    /// Takes the scan out of these hooks.
    pub fn uninstall_hooks(&self, wanted: &[Hook]) -> Result<Vec<Done>, Failure> {
        let place = self.hook_place()?;
        wanted
            .iter()
            .map(|&hook| self.uninstall(&place, hook))
            .collect()
    }

    fn hook_place(&self) -> Result<HookPlace, Failure> {
        hooks::place(self.directory())?.ok_or_else(|| {
            Failure::new(
                Exit::IO,
                "no-repository",
                "this is not inside a git repository",
            )
            .hint("`git init` makes one, `-C DIR` looks in another directory")
        })
    }

    fn install(&self, place: &HookPlace, hook: Hook) -> Result<Done, Failure> {
        if let Some(path) = husky(place, hook) {
            return self.write_script(&path, hook);
        }
        let path = place.directory.join(hook.name());
        let current = bytes(&path)?;
        let author = current.as_deref().map(|text| proof::author(place, text));
        let root = place.root.as_deref();
        let done = match author {
            None => {
                self.make_directory(&place.directory)?;
                write::create_new(&path, script::hook(hook).as_bytes(), Access::Program)?;
                self.done(hook, &path, Outcome::Made)
            }
            Some(Author::Mvx) => {
                let text = script::hook(hook);
                let is_whole = current.as_deref() == Some(text.as_bytes());
                let program = path.to_string_lossy();
                if is_whole && programs::find(self.environment(), &program).is_some() {
                    return Ok(self.done(hook, &path, Outcome::Unchanged));
                }
                // a file that is replaced keeps its mode, and this one has to be executable
                file::remove(&path)?;
                write::create_new(&path, text.as_bytes(), Access::Program)?;
                self.done(hook, &path, Outcome::Made)
            }
            Some(Author::Edited) => self.done(hook, &path, Outcome::Edited).hint(
                "it was changed since `mvx git install` made it: see that it still calls mvx",
            ),
            Some(Author::PreCommit) => {
                let legacy = legacy(&path);
                if bytes(&legacy)?.is_some_and(|text| script::author(&text) == Author::Mvx) {
                    return Ok(self.done(hook, &legacy, Outcome::Unchanged));
                }
                return self.configure_pre_commit(root, &path, current.as_deref(), hook);
            }
            Some(Author::Lefthook) => return self.configure_lefthook(place, hook),
            Some(Author::Other) => {
                let kept = place.directory.join(script::kept_name(hook));
                match bytes(&kept)? {
                    // another program has put the same hook back in its place
                    Some(old) if Some(&old) == current.as_ref() => {}
                    Some(_) => {
                        return Err(Failure::new(
                            Exit::IO,
                            "already-exists",
                            "is there already, and is not the hook that runs now",
                        )
                        .at(self.relative(&kept).display())
                        .hint("look at both, and remove FILE if nobody needs it"));
                    }
                    None => file::rename(&path, &kept)?,
                }
                if file::kind(&path)?.is_some() {
                    file::remove(&path)?;
                }
                write::create_new(&path, script::hook(hook).as_bytes(), Access::Program)?;
                let kept = self.relative(&kept);
                self.done(hook, &path, Outcome::Beside(kept))
            }
        };
        // a file in the repository, which anybody may have put there, is no manager in charge
        Ok(match lefthook(root)? {
            Some(config) => done.hint(format!(
                "{} is not in force here; run `mvx git install` again after `lefthook install`, which replaces this hook",
                self.relative(&config).display()
            )),
            None => done,
        })
    }

    fn uninstall(&self, place: &HookPlace, hook: Hook) -> Result<Done, Failure> {
        let path = place.directory.join(hook.name());
        // before pre-commit took its place, it may have been mvx's
        for path in [path.clone(), legacy(&path)] {
            match bytes(&path)?.as_deref().map(script::author) {
                Some(Author::Mvx) => {
                    let kept = place.directory.join(script::kept_name(hook));
                    file::remove(&path)?;
                    if bytes(&kept)?.is_none() {
                        return Ok(self.done(hook, &path, Outcome::Removed));
                    }
                    file::rename(&kept, &path)?;
                    return Ok(self.done(hook, &path, Outcome::Restored));
                }
                Some(Author::Edited) => {
                    return Ok(self.done(hook, &path, Outcome::Edited).hint(
                        "it was changed since `mvx git install` made it: take mvx's lines out by hand",
                    ));
                }
                _ => {}
            }
        }
        let mut candidates: Vec<PathBuf> = husky(place, hook).into_iter().collect();
        if let Some(root) = &place.root {
            let names = managers::PRE_COMMIT_FILES
                .iter()
                .chain([&managers::PREK_FILE])
                .chain(&managers::LEFTHOOK_FILES);
            candidates.extend(names.map(|name| root.join(name)));
        }
        for path in candidates {
            let Some(text) = text(&path)? else { continue };
            let Some(left) = block::remove(&text, hook) else {
                continue;
            };
            if left.is_empty() || left == NEW_HUSKY {
                file::remove(&path)?;
            } else {
                let lock = self.lock(&path)?;
                self.replace(&lock, text.as_bytes(), left.as_bytes(), Access::Shared)?;
            }
            return Ok(self.done(hook, &path, Outcome::Removed));
        }
        Ok(self.done(hook, &path, Outcome::Absent))
    }

    /// Into a shell script of husky's user, at its beginning: what stands there may leave early.
    fn write_script(&self, path: &Path, hook: Hook) -> Result<Done, Failure> {
        let Some(old) = text(path)? else {
            let new = script::with_lines(NEW_HUSKY, hook);
            self.make_directory(file::directory_of(path))?;
            write::create_new(path, new.as_bytes(), Access::Program)?;
            return Ok(self.done(hook, path, Outcome::Made));
        };
        if script::is_first(&old, hook) {
            return Ok(self.done(hook, path, Outcome::Unchanged));
        }
        let new = script::with_lines(&old, hook);
        let lock = self.lock(path)?;
        self.replace(&lock, old.as_bytes(), new.as_bytes(), Access::Shared)?;
        Ok(self.done(hook, path, Outcome::Added))
    }

    fn configure_lefthook(&self, place: &HookPlace, hook: Hook) -> Result<Done, Failure> {
        let root = place.root.as_deref();
        let entry = managers::lefthook_entry(hook);
        let Some(config) = lefthook(root)? else {
            let config = root.unwrap_or(&place.directory).join("lefthook.yml");
            return Ok(self.done(hook, &config, Outcome::Advised(entry)));
        };
        self.configure(
            &config,
            hook,
            managers::is_in_lefthook,
            managers::into_lefthook,
            entry,
        )
    }

    fn configure_pre_commit(
        &self,
        root: Option<&Path>,
        path: &Path,
        current: Option<&[u8]>,
        hook: Hook,
    ) -> Result<Done, Failure> {
        let entry = managers::pre_commit_entry(hook);
        let config = match root {
            Some(root) => managers::pre_commit_config(root, current.unwrap_or_default())?,
            None => None,
        };
        let Some(config) = config else {
            return Ok(self.done(hook, path, Outcome::Advised(entry)).hint(
                "the hook is pre-commit's or prek's, whose configuration was not found: add this to it",
            ));
        };
        self.configure(
            &config,
            hook,
            managers::is_in_pre_commit,
            managers::into_pre_commit,
            entry,
        )
    }

    fn configure(
        &self,
        config: &Path,
        hook: Hook,
        is_in: fn(&str, Hook) -> bool,
        into: fn(&str, Hook) -> Option<String>,
        entry: String,
    ) -> Result<Done, Failure> {
        let text = text(config)?.unwrap_or_default();
        if is_in(&text, hook) {
            return Ok(self.done(hook, config, Outcome::Unchanged));
        }
        // an entry that does not do what it should is put right
        let clean = block::without(&text, hook);
        let Some(new) = into(&clean, hook).filter(|new| is_in(new, hook)) else {
            return Ok(self.done(hook, config, Outcome::Advised(entry)));
        };
        let lock = self.lock(config)?;
        self.replace(&lock, text.as_bytes(), new.as_bytes(), Access::Shared)?;
        Ok(self.done(hook, config, Outcome::Added))
    }

    fn make_directory(&self, directory: &Path) -> Result<(), Failure> {
        if file::kind(directory)?.is_none() {
            self.detail(1, || format!("{}: was made", directory.display()));
            file::create_directories(directory)?;
        }
        Ok(())
    }

    fn done(&self, hook: Hook, file: &Path, outcome: Outcome) -> Done {
        Done {
            hook,
            file: self.relative(file),
            outcome,
            hints: Vec::new(),
        }
    }
}

impl Done {
    fn hint(mut self, hint: impl Into<String>) -> Self {
        let hint = hint.into();
        self.hints
            .push(hint.replace("FILE", &shell_word(&self.file)));
        self
    }
}

/// The script in which husky's user says what a hook does, where husky is in charge: since version 9
/// `core.hooksPath` is `.husky/_`, before it was `.husky`.
fn husky(place: &HookPlace, hook: Hook) -> Option<PathBuf> {
    let directory = &place.directory;
    let scripts = match directory.file_name()?.to_str()? {
        "_" => directory.parent()?,
        ".husky" => directory,
        _ => return None,
    };
    (scripts.file_name()?.to_str()? == ".husky").then(|| scripts.join(hook.name()))
}

/// The configuration of lefthook, where there is one that may be edited.
fn lefthook(root: Option<&Path>) -> Result<Option<PathBuf>, Failure> {
    let Some(root) = root else { return Ok(None) };
    let names = managers::LEFTHOOK_FILES
        .iter()
        .chain(&managers::LEFTHOOK_OTHERS);
    for path in names.map(|name| root.join(name)) {
        if file::kind(&path)? == Some(Kind::File) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// What pre-commit calls a hook that it found in its place, and runs first.
fn legacy(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".legacy");
    path.with_file_name(name)
}

fn bytes(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    match file::kind(path)? {
        Some(Kind::File) => Ok(Some(file::read(path, MOST)?.as_bytes().to_vec())),
        // a link whose target is gone is none of git's hooks either
        _ => Ok(None),
    }
}

fn text(path: &Path) -> Result<Option<String>, Failure> {
    match file::kind(path)? {
        Some(Kind::File) => Ok(Some(file::read_text(path, MOST)?)),
        _ => Ok(None),
    }
}

/// How a script begins that husky's user did not have.
const NEW_HUSKY: &str = "#!/bin/sh\n";
