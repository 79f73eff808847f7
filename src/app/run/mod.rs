//! `mvx run`: a command with the variables of a profile.
//!
//! Everything is opened and checked before anything is started ([`App::prepare_run`]). Then mvx
//! becomes the command, or stays beside it where an option needs it to ([`Prepared::run`]).

mod environment;
mod files;
mod stay;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use crate::app::App;
use crate::app::env::deliver::{Delivery, Request};
use crate::app::redact;
use crate::error::{Exit, Failure};
use crate::io::IoError;
use crate::io::start::Start;
use crate::redact::Patterns;
use crate::secret::Cleartext;

pub use crate::io::forward::{Ending, die_of};

/// What is asked for.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub struct Plan {
    /// The profile and what of it.
    pub request: Request,
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// Whether it inherits nothing but the few names of [`INHERITED`].
    pub clean_environment: bool,
    /// Whether a name that the environment has keeps its value.
    pub keep_environment: bool,
    /// Whether secrets in what it prints are masked.
    pub redact: bool,
    /// Whether it is restarted when a secret changes.
    pub watch: bool,
    /// Variables that are delivered as files.
    pub files: Vec<AsFile>,
}

/// A variable that is delivered as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsFile {
    /// Its name in the profile, which is the file's, too.
    pub name: String,
    /// The variable that gets the file's path.
    pub variable: String,
}

/// A command that is ready to run.
pub struct Prepared<'a, 'b> {
    app: &'a App<'b>,
    plan: Plan,
    start: Start,
    /// The variables and their sizes in bytes, for what is too large.
    sizes: Vec<(String, usize)>,
    files: Option<files::Files>,
    patterns: Option<Arc<Patterns>>,
    /// All values that were ever delivered, where they are masked.
    seen: Vec<Cleartext>,
    /// What is looked at for changes.
    watched: Vec<PathBuf>,
    /// What the command was started with, to tell whether a change matters.
    delivered: Vec<(String, Cleartext)>,
}

/// What there is to say while the command runs.
#[derive(Debug)]
pub enum Said<'a> {
    /// It is started once more, with what has changed.
    Restarted,
    /// What has changed cannot be delivered: it runs on with what it has.
    Kept(&'a Failure),
}

/// The only variables that a command inherits where nothing else is to be: what programs need to
/// find their way, and no settings.
pub const INHERITED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LC_*",
    "TERM",
    "COLORTERM",
    "TMPDIR",
    "TZ",
    "PWD",
];

/// Names of which no command inherits any: they open files.
pub const IDENTITIES: &[&str] = &["MVX_*", "SOPS_AGE_*"];

impl<'b> App<'b> {
    /// Opens and checks everything that a command would get.
    pub fn check_run(&self, plan: &Plan) -> Result<Delivery, Failure> {
        let delivery = self.deliver(&plan.request)?;
        environment::check(&delivery, plan)?;
        Ok(delivery)
    }

    /// Opens and checks everything that a command is to get.
    pub fn prepare_run<'a>(&'a self, plan: Plan) -> Result<Prepared<'a, 'b>, Failure> {
        let delivery = self.check_run(&plan)?;
        let (patterns, seen) = if plan.redact {
            let seen = redact::secrets(&delivery);
            (Some(redact::patterns(&seen)?), seen)
        } else {
            (None, Vec::new())
        };
        let files = if plan.files.is_empty() {
            None
        } else {
            Some(files::Files::make(self, &plan, &delivery)?)
        };
        let watched = if plan.watch {
            self.watched(&delivery)
        } else {
            Vec::new()
        };
        let delivered = if plan.watch {
            environment::copy(&delivery)
        } else {
            Vec::new()
        };
        let (start, sizes) = environment::start(&plan, delivery, files.as_ref());
        Ok(Prepared {
            app: self,
            plan,
            start,
            sizes,
            files,
            patterns,
            seen: seen.into_iter().map(|(_, value)| value).collect(),
            watched,
            delivered,
        })
    }

    /// The files that decide what is delivered: the secret files, the directories in which others
    /// may come, and the rules.
    fn watched(&self, delivery: &Delivery) -> Vec<PathBuf> {
        let mut paths = delivery.files.clone();
        for file in &delivery.files {
            let directory = match file.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
                _ => PathBuf::from("."),
            };
            if !paths.contains(&directory) {
                paths.push(directory);
            }
        }
        paths.extend(
            self.rules_here()
                .ok()
                .map(|rules| rules.origin().path.clone()),
        );
        paths
    }
}

impl Prepared<'_, '_> {
    /// Becomes the command, which never returns, or stays beside it until it ends.
    pub fn run(self, say: impl Fn(&App<'_>, Said<'_>)) -> Result<Ending, Failure> {
        // It may run for days, and there may be nobody left to do it afterwards.
        self.app.record_start();
        #[cfg(unix)]
        if !self.plan.redact && !self.plan.watch && self.files.is_none() {
            self.app.close_keys();
            return Err(self.not_started(self.start.replace()));
        }
        self.stay(say)
    }

    /// Says why the command could not be started.
    fn not_started(&self, error: IoError) -> Failure {
        if let IoError::CommandNotStarted { source, program } = &error
            && source.kind() == std::io::ErrorKind::ArgumentListTooLong
            && let Some((name, size)) = self.sizes.iter().max_by_key(|(_, size)| *size)
        {
            return Failure::new(
                Exit::CANNOT_RUN,
                "environment-too-large",
                format!(
                    "cannot start `{program}`: its environment is too large for the system; the \
                     largest variable is {name}, with {size} bytes"
                ),
            )
            .hint(format!(
                "`--files {name}` hands it over as a file, and `--only` leaves others out"
            ));
        }
        not_started(error)
    }
}

/// The failure of a command that could not be started, with the status that shells and env(1) give
/// it.
pub fn not_started(error: IoError) -> Failure {
    let exit = match &error {
        IoError::CommandNotStarted { source, .. } => match source.kind() {
            std::io::ErrorKind::NotFound => Exit::NO_COMMAND,
            _ => Exit::CANNOT_RUN,
        },
        _ => return error.into(),
    };
    let mut failure = Failure::from(error);
    failure.exit = exit;
    failure
}
