//! Whether git really runs the scan: what stands in the way between a hook's name and the command.

use std::path::{Path, PathBuf};

use super::script::{self, Author};
use super::{Hook, Outcome, bytes, husky, legacy, managers, text};
use crate::app::App;
use crate::error::Failure;
use crate::git;
use crate::git::hooks::{self, HookPlace, HookReach};
use crate::io::env::Environment;
use crate::io::file::{self, Kind};
use crate::io::programs;

/// What a hook of the repository does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It scans; this file says so.
    Scans(PathBuf),
    /// Nothing of mvx's is there.
    Absent,
    /// Something of mvx's is there, and git runs no scan: why.
    Idle(PathBuf, String),
}

impl App<'_> {
    /// What the hooks of the repository around the working directory do, as far as files tell;
    /// nothing is run. Nothing outside of a repository.
    pub fn hook_states(&self) -> Result<Vec<(Hook, State)>, Failure> {
        let Some(place) = hooks::place(self.directory())? else {
            return Ok(Vec::new());
        };
        let state = |hook| {
            let state = match state(self.environment(), &place, hook)? {
                State::Scans(path) => State::Scans(self.relative(&path)),
                State::Idle(path, why) => State::Idle(self.relative(&path), why),
                State::Absent => State::Absent,
            };
            Ok((hook, state))
        };
        Hook::ALL.into_iter().map(state).collect()
    }
}

/// The outcome, or why it does not hold.
pub(super) fn proven(
    environment: &Environment,
    place: &HookPlace,
    hook: Hook,
    outcome: Outcome,
) -> Result<Outcome, Failure> {
    if outcome.is_left_to_the_user() {
        return Ok(outcome);
    }
    Ok(match state(environment, place, hook)? {
        State::Scans(_) => outcome,
        State::Idle(_, why) => Outcome::Idle(why),
        State::Absent => Outcome::Idle("git runs something else".into()),
    })
}

fn state(environment: &Environment, place: &HookPlace, hook: Hook) -> Result<State, Failure> {
    let path = place.directory.join(hook.name());
    if let Some(script) = husky(place, hook) {
        return of_husky(environment, place, &path, script, hook);
    }
    let Some(current) = bytes(&path)? else {
        return Ok(State::Absent);
    };
    let idle = |why: &str| Ok(State::Idle(path.clone(), why.into()));
    match author(place, &current) {
        Author::Mvx if current == script::hook(hook).as_bytes() => {
            Ok(match obstacle(environment, &path) {
                Some(why) => State::Idle(path, why),
                None => State::Scans(path),
            })
        }
        Author::Mvx => {
            idle("another version of mvx made it: `mvx git install` brings it up to date")
        }
        Author::Edited => idle("it was changed since `mvx git install` made it"),
        Author::PreCommit => of_pre_commit(environment, place, path, &current, hook),
        Author::Lefthook => of_lefthook(environment, place, path, &current, hook),
        Author::Other => Ok(State::Absent),
    }
}

/// Who wrote a hook. In the work tree, where a change may come from anybody, nobody is believed to be a
/// hook manager.
pub(super) fn author(place: &HookPlace, bytes: &[u8]) -> Author {
    match script::author(bytes) {
        Author::PreCommit | Author::Lefthook if place.reach == HookReach::WorkTree => Author::Other,
        author => author,
    }
}

fn is_tracked(place: &HookPlace, path: &Path) -> bool {
    let tree = place
        .root
        .as_deref()
        .and_then(|root| git::work_tree_of(root).ok().flatten());
    tree.is_some_and(|tree| tree.is_tracked(path).unwrap_or_default())
}

/// Since version 9 git runs a file of husky's own, which runs the user's; before, the user's itself.
fn of_husky(
    environment: &Environment,
    place: &HookPlace,
    path: &Path,
    script: PathBuf,
    hook: Hook,
) -> Result<State, Failure> {
    let Some(said) = text(&script)? else {
        return Ok(State::Absent);
    };
    if !script::is_first(&said, hook) {
        return Ok(if script::is_in(&said, hook) {
            let why = "its lines are not what `mvx git install` writes, or not at the beginning";
            State::Idle(script, why.into())
        } else {
            State::Absent
        });
    }
    let Some(current) = bytes(path)? else {
        let why = "husky's own hook is missing: `npx husky` makes it";
        return Ok(State::Idle(path.to_owned(), why.into()));
    };
    if path != script {
        // husky's own runs the user's by way of `h`; both are made on each machine
        let helper = path.with_file_name("h");
        let more = text(&helper)?.unwrap_or_default();
        let runs = [&more, &*String::from_utf8_lossy(&current)].concat();
        for own in [path, &helper] {
            if is_tracked(place, own) {
                let why = "it is part of the project, as husky's own never is, and may do anything";
                return Ok(State::Idle(own.to_owned(), why.into()));
            }
        }
        if !runs.contains("sh -e ") {
            let why = "it is not husky's own hook: `npx husky` makes it anew";
            return Ok(State::Idle(path.to_owned(), why.into()));
        }
    }
    Ok(match obstacle(environment, path) {
        Some(why) => State::Idle(path.to_owned(), why),
        None => State::Scans(script),
    })
}

fn of_pre_commit(
    environment: &Environment,
    place: &HookPlace,
    path: PathBuf,
    current: &[u8],
    hook: Hook,
) -> Result<State, Failure> {
    if let Some(why) = obstacle(environment, &path) {
        return Ok(State::Idle(path, why));
    }
    // a hook of mvx's that was there before is run first, if it can be
    let legacy = legacy(&path);
    if bytes(&legacy)?.is_some_and(|text| text == script::hook(hook).as_bytes())
        && obstacle(environment, &legacy).is_none()
    {
        return Ok(State::Scans(legacy));
    }
    let config = match &place.root {
        Some(root) => managers::pre_commit_config(root, current)?,
        None => None,
    };
    let Some(config) = config else {
        return Ok(State::Absent);
    };
    of_configuration(config, hook, managers::is_in_pre_commit)
}

fn of_lefthook(
    environment: &Environment,
    place: &HookPlace,
    path: PathBuf,
    current: &[u8],
    hook: Hook,
) -> Result<State, Failure> {
    if let Some(why) = obstacle(environment, &path) {
        return Ok(State::Idle(path, why));
    }
    if !finds_lefthook(environment, place, current) {
        let why = "lefthook is not found, and then its hook lets everything pass, unless its configuration says `assert_lefthook_installed: true`";
        return Ok(State::Idle(path, why.into()));
    }
    let Some(config) = super::lefthook(place.root.as_deref())? else {
        return Ok(State::Absent);
    };
    for name in managers::LEFTHOOK_LOCAL {
        let local = config.with_file_name(name);
        let is_left = text(&local)?.is_none_or(|said| managers::is_left_by(&said, hook));
        if !is_left {
            let why =
                "it changes what lefthook does in this hook, and may keep the scan from running";
            return Ok(State::Idle(local, why.into()));
        }
    }
    of_configuration(config, hook, managers::is_in_lefthook)
}

/// What a manager's configuration makes of a hook that runs it.
fn of_configuration(
    config: PathBuf,
    hook: Hook,
    is_in: fn(&str, Hook) -> bool,
) -> Result<State, Failure> {
    let said = text(&config)?.unwrap_or_default();
    Ok(if is_in(&said, hook) {
        State::Scans(config)
    } else if said.contains("mvx") {
        let why = "what it has of mvx is not what `mvx git install` writes";
        State::Idle(config, why.into())
    } else {
        State::Absent
    })
}

/// Whether a hook of lefthook's finds it, or refuses where it does not.
fn finds_lefthook(environment: &Environment, place: &HookPlace, hook: &[u8]) -> bool {
    let text = String::from_utf8_lossy(hook);
    if text.contains("Operation is aborted") || programs::find(environment, "lefthook").is_some() {
        return true;
    }
    // the one that installed it, by its whole path; those that npm has
    let mut words = text.split_whitespace().map(|word| word.trim_matches('"'));
    let is_lefthook = |word: &str| {
        word.starts_with('/')
            && word.contains("lefthook")
            && programs::find(environment, word).is_some()
    };
    let modules = place.root.as_ref().map(|root| root.join("node_modules"));
    words.any(is_lefthook)
        || modules.is_some_and(|modules| {
            ["lefthook", "@evilmartians"]
                .iter()
                .any(|name| matches!(file::kind(&modules.join(name)), Ok(Some(_))))
        })
}

/// Why git does not run this file, or the system does not.
fn obstacle(environment: &Environment, path: &Path) -> Option<String> {
    // git passes over what nobody may run, with no more than an advice (githooks(5))
    if programs::find(environment, &path.to_string_lossy()).is_none() {
        return Some("git passes it over, because it is not executable: `chmod +x` it".into());
    }
    let bytes = bytes(path).ok().flatten()?;
    let line = bytes.strip_prefix(b"#!")?;
    let end = line.iter().position(|byte| *byte == b'\n')?;
    let line = String::from_utf8_lossy(line.get(..end)?).into_owned();
    if line.ends_with('\r') {
        return Some("its first line ends with CR LF, which no system runs".into());
    }
    let mut words = line.split_whitespace();
    let program = words.next()?;
    let is_there = matches!(file::kind(Path::new(program)), Ok(Some(Kind::File)));
    if !is_there && !cfg!(windows) {
        return Some(format!("its interpreter {program} is not there"));
    }
    if program.ends_with("/env")
        && let Some(name) = words.find(|word| !word.starts_with('-'))
        && programs::find(environment, name).is_none()
    {
        return Some(format!("its interpreter {name} is not on PATH"));
    }
    None
}
