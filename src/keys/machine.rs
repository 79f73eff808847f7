//! What the providers ask of the machine: variables, places, key files, commands.
//!
//! One object holds it all and is made once at the edge, so that tests bring a machine of their
//! own and never touch the process's environment.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::io::IoError;
use crate::io::http::{HttpError, Request, Response};
use crate::io::private::PrivateDirectory;
use crate::secret::Cleartext;

/// Where a user's configuration lives depends on this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// macOS: `~/Library/Application Support` beside `~/.config`.
    MacOs,
    /// Linux and its kin: `$XDG_CONFIG_HOME` or `~/.config`.
    Unix,
    /// Windows: `%AppData%`.
    Windows,
}

/// A key file as it was read.
pub struct KeyFile {
    /// Its bytes.
    pub text: Cleartext,
    /// Whether other users of the machine may read it.
    pub shared: bool,
}

/// The machine that mvx runs on, as far as keys go.
pub trait Machine: Send + Sync {
    /// An environment variable's value, unless it is empty. The name stands in
    /// [`VARIABLES`](crate::io::env::VARIABLES).
    fn variable(&self, name: &'static str) -> Option<OsString>;

    /// The user's home directory.
    fn home(&self) -> Option<PathBuf>;

    /// The kind of system.
    fn platform(&self) -> Platform;

    /// Reads a key file or pipe of at most [`MAX_KEY_BYTES`].
    fn read(&self, path: &Path) -> Result<KeyFile, IoError>;

    /// Runs a program without a shell and gives back what it printed.
    fn run(&self, command: &KeyCommand<'_>) -> Result<Cleartext, CommandError>;

    /// Runs a program without a shell and gives back all that it answered, whatever its status.
    fn call(&self, program: Program<'_>) -> Result<Answer, CommandError>;

    /// Sends a request, once, and waits for the answer.
    fn send(&self, request: &Request) -> Result<Response, HttpError>;

    /// Waits before something is tried again.
    fn pause(&self, time: Duration);

    /// The name of the terminal's device, where there is one.
    fn terminal(&self) -> Option<OsString>;

    /// A directory that nobody else can look into, for what a program must find in a file.
    fn private_directory(&self) -> Result<PrivateDirectory, IoError>;
}

/// A program that does something for a key provider: `gpg`, `az`, a credential process.
pub struct Program<'a> {
    /// The program, a name on PATH or a path.
    pub program: &'a str,
    /// Its arguments; never a secret.
    pub arguments: &'a [OsString],
    /// What it reads; nothing at all where it is `None`.
    pub stdin: Option<Cleartext>,
    /// Variables that are set for it alone.
    pub variables: &'a [(&'static str, OsString)],
    /// How long it may take before it is killed.
    pub timeout: Duration,
    /// Whether it may talk to the person at the terminal.
    pub may_ask: bool,
}

/// What a program answered.
pub struct Answer {
    /// Its exit status; `None` where a signal ended it.
    pub code: Option<i32>,
    /// What it printed, at most [`MAX_KEY_BYTES`].
    pub stdout: Cleartext,
    /// What it complained about. It may hold anything, and is for its reader to judge.
    pub stderr: Cleartext,
}

/// The largest key file, or output of a key command, that is read, in bytes.
pub const MAX_KEY_BYTES: usize = 1 << 20;

/// A program that prints a key.
#[derive(Clone, Copy, Debug)]
pub struct KeyCommand<'a> {
    /// The program, a name on PATH or a path.
    pub program: &'a str,
    /// Its arguments.
    pub arguments: &'a [String],
    /// The recipient whose identity is wanted; the program sees it as `SOPS_AGE_RECIPIENT`.
    pub recipient: &'a str,
    /// How long it may take before it is killed.
    pub timeout: Duration,
}

/// A key command gave no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// It could not be started.
    #[error("`{program}` could not be started: {why}")]
    Start {
        /// The program.
        program: String,
        /// The system's reason.
        why: String,
    },
    /// What it printed, or how it ended, could not be learned.
    #[error("`{program}` was lost: {why}")]
    Lost {
        /// The program.
        program: String,
        /// The system's reason.
        why: String,
    },
    /// It ended with another status than 0.
    #[error("`{program}` ended with {status}{}", said.as_deref().map(|line| format!(": {line}")).unwrap_or_default())]
    Status {
        /// The program.
        program: String,
        /// `status 1`, `signal 9`.
        status: String,
        /// The last line that it wrote to stderr, if it is safe to show.
        said: Option<String>,
    },
    /// It ran too long and was killed.
    #[error("`{program}` took longer than {seconds} seconds and was killed")]
    Timeout {
        /// The program.
        program: String,
        /// The limit.
        seconds: u64,
    },
    /// It printed more than [`MAX_KEY_BYTES`].
    #[error("`{program}` printed more than {MAX_KEY_BYTES} bytes, which is no key")]
    TooMuch {
        /// The program.
        program: String,
    },
}
