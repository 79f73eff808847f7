//! Everything that has an effect: files, locks, the terminal, processes, the clock, randomness,
//! the environment. Outside this module and `git` nothing touches the machine; `clippy.toml`
//! refuses the standard library's own functions elsewhere and names the one to use from here.

pub mod append;
pub mod clock;
pub mod env;
pub mod file;
pub mod forward;
pub mod guard;
pub mod harden;
pub mod http;
pub mod journal;
pub mod large;
pub mod lock;
pub mod look;
#[cfg(unix)]
pub mod outputs;
pub mod private;
pub mod process;
pub mod programs;
#[cfg(unix)]
pub mod pty;
pub mod random;
pub mod relay;
pub mod safe_text;
pub mod signals;
mod stale;
pub mod stamps;
pub mod start;
pub mod stdio;
pub mod sweep;
pub mod syslog;
pub mod terminal;
pub mod walk;
pub mod who;
pub mod write;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::error::{Exit, Explain};

/// Why an effect failed. Messages begin with the path where there is one.
#[derive(Debug, Error)]
pub enum IoError {
    /// Nothing may be overwritten, and something is there.
    #[error("{}: exists already", path.display())]
    AlreadyExists {
        /// What exists.
        path: PathBuf,
    },
    /// Between reading and writing somebody else wrote the file.
    #[error("{}: changed meanwhile; nothing was written", path.display())]
    ChangedMeanwhile {
        /// The file.
        path: PathBuf,
    },
    /// A command could not be started.
    #[error("cannot start `{program}`")]
    CommandNotStarted {
        /// The program's name as it was given.
        program: String,
        /// The reason.
        source: io::Error,
    },
    /// A command wrote more than it may.
    #[error("`{program}` wrote more than {limit} bytes")]
    CommandOutputTooLong {
        /// The program's name.
        program: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// A command's pipes or exit status could not be read.
    #[error("lost the connection to `{program}`")]
    CommandLost {
        /// The program's name.
        program: String,
        /// The reason.
        source: io::Error,
    },
    /// A command did not end in time and was killed.
    #[error("`{program}` did not end within {} s and was stopped", after.as_secs_f32())]
    CommandTimedOut {
        /// The program's name.
        program: String,
        /// How long it was given.
        after: Duration,
    },
    /// The person at the terminal broke off.
    #[error("interrupted")]
    Interrupted,
    /// Another process holds the lock.
    #[error("{}: another mvx{} is writing it", path.display(), holder.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    Locked {
        /// The file that is locked.
        path: PathBuf,
        /// Who holds it, if that can be told.
        holder: Option<u32>,
    },
    /// No home directory is known.
    #[error("there is no home directory")]
    NoHome,
    /// An answer is needed and there is nobody to ask.
    #[error("cannot ask for {what}: there is no terminal")]
    NoTerminal {
        /// What was to be asked, such as `a passphrase`.
        what: String,
    },
    /// The working directory is gone.
    #[error("the working directory cannot be read")]
    NoWorkingDirectory {
        /// The reason.
        source: io::Error,
    },
    /// A directory was needed.
    #[error("{}: not a directory", path.display())]
    NotADirectory {
        /// What was named.
        path: PathBuf,
    },
    /// Neither a file nor something that can be read like one.
    #[error("{}: {what}, not a file", path.display())]
    NotAFile {
        /// What was named.
        path: PathBuf,
        /// What it is, such as `a directory`.
        what: &'static str,
    },
    /// There is no such file or directory.
    #[error("{}: there is no such file or directory", path.display())]
    NotFound {
        /// What was named.
        path: PathBuf,
    },
    /// An environment variable is not UTF-8 text.
    #[error("the environment variable {name} is not UTF-8 text")]
    NotUnicode {
        /// The variable's name.
        name: &'static str,
    },
    /// A file that must be text is not.
    #[error("{}: not UTF-8 text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    NoRandomness {
        /// The reason.
        source: getrandom::Error,
    },
    /// A file or directory cannot be read.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// What was named.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Signal handlers could not be installed, so that a clean-up could not be promised.
    #[error("cannot watch for signals")]
    Signals {
        /// The reason.
        source: io::Error,
    },
    /// Standard input cannot be read.
    #[error("standard input cannot be read")]
    Stdin {
        /// The reason.
        source: io::Error,
    },
    /// Standard output cannot be written.
    #[error("standard output cannot be written")]
    Stdout {
        /// The reason.
        source: io::Error,
    },
    /// Whoever read standard output has gone: no failure, see its exit code.
    #[error("standard output is closed")]
    StdoutClosed,
    /// The terminal failed.
    #[error("the terminal cannot be used")]
    Terminal {
        /// The reason.
        source: io::Error,
    },
    /// More than mvx takes in.
    #[error("{}: larger than {limit} bytes", path.display())]
    TooLarge {
        /// The file, or `standard input`.
        path: PathBuf,
        /// The limit in bytes.
        limit: usize,
    },
    /// A directory for locks that somebody else could write to.
    #[error("{}: {why}", path.display())]
    UnsafeDirectory {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file or directory cannot be written.
    #[error("{}: cannot be written", path.display())]
    Write {
        /// What was named.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

impl IoError {
    /// A reading error, told apart by its kind.
    pub(crate) fn read(path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { path },
            io::ErrorKind::IsADirectory => Self::NotAFile {
                path,
                what: "a directory",
            },
            _ => Self::Read { path, source },
        }
    }

    /// A writing error.
    pub(crate) fn write(path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        Self::Write { path, source }
    }

    /// The reason alone, in words that fit behind the name of a file or program.
    pub fn reason(&self) -> String {
        match self {
            Self::NotFound { .. } => "there is no such file".into(),
            Self::NotAFile { what, .. } => format!("it is {what}"),
            Self::NotADirectory { .. } => "it is not a directory".into(),
            Self::TooLarge { limit, .. } => format!("it is larger than {limit} bytes"),
            Self::CommandLost { source, .. }
            | Self::CommandNotStarted { source, .. }
            | Self::Read { source, .. }
            | Self::Signals { source }
            | Self::Write { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "there is no such file".into(),
                io::ErrorKind::Other => source.to_string(),
                kind => kind.to_string(),
            },
            other => other.to_string(),
        }
    }

    fn path(&self) -> Option<&PathBuf> {
        match self {
            Self::AlreadyExists { path }
            | Self::ChangedMeanwhile { path }
            | Self::Locked { path, .. }
            | Self::NotADirectory { path }
            | Self::NotAFile { path, .. }
            | Self::NotFound { path }
            | Self::NotText { path }
            | Self::Read { path, .. }
            | Self::TooLarge { path, .. }
            | Self::UnsafeDirectory { path, .. }
            | Self::Write { path, .. } => Some(path),
            _ => None,
        }
    }
}

impl Explain for IoError {
    fn exit(&self) -> Exit {
        match self {
            Self::Interrupted => Exit::INTERRUPTED,
            // a reader that has seen enough is not a failure
            Self::StdoutClosed => Exit::OK,
            _ => Exit::IO,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::AlreadyExists { .. } => "already-exists",
            Self::ChangedMeanwhile { .. } => "changed-meanwhile",
            Self::CommandLost { .. } => "command-lost",
            Self::CommandNotStarted { .. } => "command-not-started",
            Self::CommandOutputTooLong { .. } => "command-output-too-long",
            Self::CommandTimedOut { .. } => "command-timed-out",
            Self::Interrupted => "interrupted",
            Self::Locked { .. } => "locked",
            Self::NoHome => "no-home",
            Self::NoRandomness { .. } => "no-randomness",
            Self::NoTerminal { .. } => "no-terminal",
            Self::NoWorkingDirectory { .. } => "no-working-directory",
            Self::NotADirectory { .. } => "not-a-directory",
            Self::NotAFile { .. } => "not-a-file",
            Self::NotFound { .. } => "not-found",
            Self::NotText { .. } => "not-text",
            Self::NotUnicode { .. } => "not-unicode",
            Self::Read { .. } => "read",
            Self::Signals { .. } => "signals",
            Self::Stdin { .. } => "stdin",
            Self::Stdout { .. } => "stdout",
            Self::StdoutClosed => "stdout-closed",
            Self::Terminal { .. } => "terminal",
            Self::TooLarge { .. } => "too-large",
            Self::UnsafeDirectory { .. } => "unsafe-directory",
            Self::Write { .. } => "write",
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::AlreadyExists { .. } => "choose another name, or remove it first",
            Self::ChangedMeanwhile { .. } => "run the command again on what is there now",
            Self::CommandTimedOut { .. } => "run the command by hand to see what it waits for",
            Self::CommandNotStarted { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "is it installed and on PATH?",
                _ => return Vec::new(),
            },
            Self::Locked { .. } => "wait for it, or look for a prompt it is waiting at",
            Self::NoHome => "set HOME",
            Self::NoTerminal { .. } => "run it in a terminal, or give the answer as an option",
            Self::NoWorkingDirectory { .. } => "change to a directory that exists",
            Self::NotUnicode { .. } => "set it to plain text, or unset it",
            Self::UnsafeDirectory { .. } => {
                "remove it, or point XDG_RUNTIME_DIR to a directory of your own"
            }
            Self::Read { source, .. } | Self::Write { source, .. }
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                "look at the owner and mode of the file and its directory with `ls -ld`"
            }
            Self::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "make room on the disk; the old file is as it was"
            }
            Self::Write { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "make its directory first with `mkdir -p`"
            }
            _ => return Vec::new(),
        };
        vec![hint.into()]
    }

    fn place(&self) -> Option<String> {
        self.path().map(|path| path.display().to_string())
    }
}
