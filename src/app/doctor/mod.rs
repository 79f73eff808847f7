//! Why this machine opens a file or not, and what is wrong with it otherwise.
//!
//! Every check stands alone: one that fails is a line of the answer, and the others are made all the
//! same. Nothing is changed, nobody is asked unless that is wanted, and no program is run that the
//! repository names or holds.

mod file;
mod identities;
mod machine;
mod recipients;
mod repository;
mod ruled;

use std::path::{Path, PathBuf};

use crate::app::App;
use crate::error::Failure;
use crate::sops::signet::SealState;

pub use recipients::{Reader, Verdict};
pub use ruled::Ruled;

/// What is to be looked at.
pub struct Request<'a> {
    /// These files; without any, the machine itself.
    pub files: &'a [PathBuf],
    /// How far it may go.
    pub how: How,
}

/// How far an examination may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct How {
    /// Whether passphrases may be asked for and plugins started.
    pub ask: bool,
    /// Whether key services may be asked over the network.
    pub online: bool,
}

/// What was found.
pub struct Checkup {
    /// What is true of the machine.
    pub checks: Vec<Check>,
    /// Its identities.
    pub identities: Vec<Identity>,
    /// The files.
    pub files: Vec<FileCheckup>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What it is about: `identities`, `machine`, `repository`, `file`.
    pub about: &'static str,
    /// A stable token for machines, such as `key-file`.
    pub check: &'static str,
    /// Whether all is well.
    pub level: Level,
    /// What was found, in words.
    pub text: String,
    /// What to do about it.
    pub hints: Vec<String>,
}

/// How much something matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Ok,
    /// No mistake, and worth knowing.
    Note,
    /// Something to see to.
    Problem,
}

/// An identity of this machine.
pub struct Identity {
    /// Where it comes from.
    pub source: String,
    /// What it is.
    pub kind: String,
    /// Its public side, where that is known.
    pub recipient: Option<String>,
    /// Whether a passphrase protects it.
    pub protected: bool,
    /// What the rules call it.
    pub name: Option<String>,
}

/// What was found out about a file.
pub struct FileCheckup {
    /// Its path, as the user wrote it.
    pub path: PathBuf,
    /// Its type, where it is sealed.
    pub format: Option<&'static str>,
    /// The version of SOPS's format that it claims.
    pub version: Option<String>,
    /// The program that wrote it, by its own account.
    pub written_by: Option<String>,
    /// When it was last changed, by its own account.
    pub last_modified: Option<String>,
    /// Whether this machine opens it; `None` where that would take a question.
    pub opens: Option<bool>,
    /// Whether its seal is valid, where it opens.
    pub seal: Option<SealState>,
    /// Whom it is sealed for.
    pub recipients: Vec<Reader>,
    /// The rules in force for it.
    pub rules: Option<Ruled>,
    /// What was looked at.
    pub checks: Vec<Check>,
}

impl Checkup {
    /// Every check, those of the files too.
    pub fn all(&self) -> impl Iterator<Item = &Check> {
        let files = self.files.iter().flat_map(|file| &file.checks);
        self.checks.iter().chain(files)
    }

    /// How many problems there are.
    pub fn problems(&self) -> usize {
        let problems = self.all().filter(|check| check.level == Level::Problem);
        problems.count()
    }
}

impl App<'_> {
    /// Looks at files, or at the machine. Never fails: what goes wrong is part of the answer.
    pub fn doctor(&self, request: &Request<'_>) -> Checkup {
        let mut checks = Vec::new();
        let identities = self.check_identities(&mut checks);
        if request.files.is_empty() {
            self.check_machine(&identities, &mut checks);
            self.check_repository(&mut checks);
        }
        let files = request
            .files
            .iter()
            .flat_map(|argument| self.files_of(argument))
            .map(|path| self.check_file(&path, request.how))
            .collect();
        Checkup {
            checks,
            identities,
            files,
        }
    }
}

impl App<'_> {
    /// The hosts that an examination of these files asks where it may reach the network.
    pub fn doctor_hosts(&self, files: &[PathBuf]) -> Vec<String> {
        let paths = files.iter().flat_map(|argument| self.files_of(argument));
        let sealed = paths.filter_map(|path| self.read_sealed(&path, None).ok());
        let mut hosts: Vec<String> = sealed.flat_map(|sealed| self.hosts_of(&sealed)).collect();
        hosts.sort();
        hosts.dedup();
        hosts
    }
}

/// Checks about one thing, as they are made.
struct Checks<'a> {
    about: &'static str,
    list: &'a mut Vec<Check>,
}

impl<'a> Checks<'a> {
    fn about(about: &'static str, list: &'a mut Vec<Check>) -> Self {
        Self { about, list }
    }

    fn ok(&mut self, check: &'static str, text: impl Into<String>) {
        self.add(check, Level::Ok, text, []);
    }

    fn note(
        &mut self,
        check: &'static str,
        text: impl Into<String>,
        hints: impl IntoIterator<Item = String>,
    ) {
        self.add(check, Level::Note, text, hints);
    }

    fn problem(
        &mut self,
        check: &'static str,
        text: impl Into<String>,
        hints: impl IntoIterator<Item = String>,
    ) {
        self.add(check, Level::Problem, text, hints);
    }

    /// What went wrong, as it would be told elsewhere. `subject` is not named once more.
    fn failure(&mut self, check: &'static str, subject: &Path, failure: impl Into<Failure>) {
        let mut failure = failure.into();
        // that is what is being done
        failure.hints.retain(|hint| !hint.contains("mvx doctor"));
        let text = said(&failure, subject);
        self.add(check, Level::Problem, text, failure.hints);
    }

    fn add(
        &mut self,
        check: &'static str,
        level: Level,
        text: impl Into<String>,
        hints: impl IntoIterator<Item = String>,
    ) {
        self.list.push(Check {
            about: self.about,
            check,
            level,
            text: text.into(),
            hints: hints.into_iter().collect(),
        });
    }
}

/// A failure on one line: where, unless that is clear, what, and why.
fn said(failure: &Failure, subject: &Path) -> String {
    let subject = subject.display().to_string();
    let mut parts: Vec<String> = Vec::new();
    for cause in failure.error.chain() {
        let cause = cause.to_string();
        let cause = cause
            .strip_prefix(&subject)
            .and_then(|rest| rest.strip_prefix(": "))
            .unwrap_or(&cause);
        if parts.last().is_none_or(|last| last != cause) {
            parts.push(cause.to_owned());
        }
    }
    let text = parts.join("; ");
    match &failure.place {
        Some(place) if *place != subject && !text.starts_with(place.as_str()) => {
            format!("{place}: {text}")
        }
        _ => text,
    }
}
