//! The command of `mvx run`: what it is, what environment it gets, and how it is started.
//!
//! The environment is passed on as it is but for what is taken away and set. What the standard
//! library copies on the way to the system is freed unwiped; where mvx is replaced by the command,
//! that memory goes with it.

#![expect(
    clippy::disallowed_methods,
    reason = "a command of the user's own, with all that it inherits"
)]

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::{Child, Command, Stdio};

use crate::io::IoError;
use crate::secret::Cleartext;

/// A command that is ready to be started, more than once if need be.
pub struct Start {
    program: OsString,
    arguments: Vec<OsString>,
    /// The only variables that it inherits; all where this is `None`.
    inherited: Option<Vec<OsString>>,
    unset: Vec<OsString>,
    set: Vec<(String, Cleartext)>,
}

/// Where the streams of a command go. What is `None` is inherited.
#[derive(Default)]
pub struct Streams {
    /// Standard input.
    pub stdin: Option<Stdio>,
    /// Standard output.
    pub stdout: Option<Stdio>,
    /// Standard error.
    pub stderr: Option<Stdio>,
    /// Whether it is to have a process group of its own.
    pub own_group: bool,
}

impl Start {
    /// A program, looked up on `PATH` unless it names a directory, with its arguments.
    pub fn new(program: impl Into<OsString>, arguments: Vec<OsString>) -> Self {
        Self {
            program: program.into(),
            arguments,
            inherited: None,
            unset: Vec::new(),
            set: Vec::new(),
        }
    }

    /// Lets it inherit no variables but these.
    #[must_use]
    pub fn only(mut self, names: impl IntoIterator<Item = OsString>) -> Self {
        self.inherited = Some(names.into_iter().collect());
        self
    }

    /// Keeps a variable from it.
    #[must_use]
    pub fn without(mut self, name: impl Into<OsString>) -> Self {
        self.unset.push(name.into());
        self
    }

    /// Sets a variable. The value holds no NUL byte.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: Cleartext) -> Self {
        self.set.push((name.into(), value));
        self
    }

    /// The program as it was given.
    pub fn program(&self) -> &OsStr {
        &self.program
    }

    /// Puts the command in the place of this process, which has its number then, its descriptors
    /// and its terminal. Returns only if that fails.
    #[cfg(unix)]
    pub fn replace(&self) -> IoError {
        use std::os::unix::process::CommandExt as _;

        let source = self.command().exec();
        self.not_started(source)
    }

    /// Starts it beside this process.
    pub fn spawn(&self, streams: Streams) -> Result<Child, IoError> {
        let mut command = self.command();
        if let Some(stdin) = streams.stdin {
            command.stdin(stdin);
        }
        if let Some(stdout) = streams.stdout {
            command.stdout(stdout);
        }
        if let Some(stderr) = streams.stderr {
            command.stderr(stderr);
        }
        #[cfg(unix)]
        if streams.own_group {
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
        }
        command.spawn().map_err(|source| self.not_started(source))
    }

    /// The same command, started by another program, which gets it as its last arguments.
    #[must_use]
    pub fn through(self, program: impl Into<OsString>, arguments: &[&str]) -> Self {
        let words = arguments.iter().map(OsString::from);
        Self {
            program: program.into(),
            arguments: words.chain([self.program]).chain(self.arguments).collect(),
            ..self
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        if let Some(names) = &self.inherited {
            command.env_clear();
            let inherited = names
                .iter()
                .filter_map(|name| Some((name, std::env::var_os(name)?)));
            command.envs(inherited);
        }
        for name in &self.unset {
            command.env_remove(name);
        }
        for (name, value) in &self.set {
            command.env(name, os(value));
        }
        command
    }

    fn not_started(&self, source: io::Error) -> IoError {
        IoError::CommandNotStarted {
            program: self.program.to_string_lossy().into_owned(),
            source,
        }
    }
}

/// The names of all variables of this process.
pub fn inherited() -> Vec<OsString> {
    std::env::vars_os().map(|(name, _)| name).collect()
}

/// The program that is running, to be started once more.
pub(crate) fn own_program() -> Result<OsString, IoError> {
    // the very file, even where another has taken its name meanwhile
    if cfg!(target_os = "linux") {
        return Ok("/proc/self/exe".into());
    }
    let path = std::env::current_exe().map_err(|source| IoError::CommandNotStarted {
        program: "mvx".into(),
        source,
    })?;
    Ok(path.into())
}

#[cfg(unix)]
fn os(value: &Cleartext) -> &OsStr {
    std::os::unix::ffi::OsStrExt::from_bytes(value.as_bytes())
}

/// Values that are not text are refused before.
#[cfg(not(unix))]
fn os(value: &Cleartext) -> &OsStr {
    OsStr::new(value.as_str().unwrap_or_default())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::io::Read as _;

    fn said(start: &Start) -> String {
        let streams = Streams {
            stdout: Some(Stdio::piped()),
            ..Streams::default()
        };
        let mut child = start.spawn(streams).unwrap();
        let mut text = String::new();
        let mut pipe = child.stdout.take().unwrap();
        pipe.read_to_string(&mut text).unwrap();
        child.wait().unwrap();
        text
    }

    #[test]
    fn what_is_set_wins_and_what_is_taken_away_is_gone() {
        let start = Start::new("env", vec![])
            .without("PATH")
            .without("MVX_TEST_A")
            .with("MVX_TEST_A", Cleartext::from("a\nb"));
        let text = said(&start);
        assert!(text.contains("MVX_TEST_A=a\nb\n"), "{text}");
        assert!(!text.contains("\nPATH="), "{text}");
    }

    #[test]
    fn nothing_else_is_inherited_where_names_are_given() {
        let start = Start::new("env", vec![]).only(["HOME".into(), "MVX_TEST_NONE".into()]);
        let text = said(&start.with("A", Cleartext::from("1")));
        let names: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split('=').next())
            .collect();
        assert!(
            names.iter().all(|name| ["A", "HOME"].contains(name)),
            "{text}"
        );
    }

    #[test]
    fn another_program_gets_it_as_its_last_arguments() {
        let start = Start::new("a", vec!["b c".into()]).through("echo", &["-n", "x"]);
        assert_eq!(said(&start), "x a b c");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let start = Start::new("mvx-no-such-program", vec![]);
        let error = start.spawn(Streams::default()).unwrap_err();
        assert_eq!(error.to_string(), "cannot start `mvx-no-such-program`");
    }
}
