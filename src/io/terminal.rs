//! Talking to a person: what is a terminal, hidden input, questions, colour.
//!
//! Hidden input goes by way of `/dev/tty`, so that it works while standard input carries data;
//! questions are drawn on standard error. Where there is nobody to ask, every one of them is
//! [`IoError::NoTerminal`] at once, and nothing waits.

#![expect(
    clippy::disallowed_methods,
    reason = "the terminal is opened by its device name"
)]

use std::ffi::OsString;
use std::io::{self, IsTerminal};

use dialoguer::{Confirm, Input, Select};

use crate::io::IoError;
use crate::io::env::Environment;
use crate::io::safe_text::safe;
use crate::io::signals::{self, CleanUp};
use crate::secret::{Cleartext, Passphrase};

/// When to use colour: the values of `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// On a terminal, unless the environment says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Colour {
    /// Whether to colour what goes to a terminal or not. `NO_COLOR` (no-color.org) goes before
    /// `CLICOLOR_FORCE` (bixense.com/clicolors), and both before `TERM=dumb`.
    pub fn wanted(self, terminal: bool, environment: &Environment) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto if environment.get("NO_COLOR").is_some() => false,
            Self::Auto => {
                let forced = environment
                    .get("CLICOLOR_FORCE")
                    .is_some_and(|value| value != "0");
                let dumb = environment.get("TERM").is_some_and(|term| term == "dumb");
                forced || (terminal && !dumb)
            }
        }
    }
}

/// Whether standard input is a terminal.
pub fn is_stdin() -> bool {
    io::stdin().is_terminal()
}

/// Whether standard output is a terminal.
pub fn is_stdout() -> bool {
    io::stdout().is_terminal()
}

/// Whether standard error is a terminal.
pub fn is_stderr() -> bool {
    io::stderr().is_terminal()
}

/// The name of the terminal's device, by whichever standard stream is one.
#[cfg(unix)]
pub fn device() -> Option<OsString> {
    use std::os::unix::ffi::OsStringExt as _;

    use rustix::termios::ttyname;

    let name = ttyname(io::stdin(), Vec::new())
        .or_else(|_| ttyname(io::stderr(), Vec::new()))
        .or_else(|_| ttyname(io::stdout(), Vec::new()));
    name.ok().map(|name| OsString::from_vec(name.into_bytes()))
}

/// The name of the terminal's device, where the system has such names.
#[cfg(not(unix))]
pub fn device() -> Option<OsString> {
    None
}

/// A value typed in without being shown; may be empty.
pub fn ask_value(prompt: &str) -> Result<Cleartext, IoError> {
    hidden("a value", prompt).map(Cleartext::from)
}

/// A passphrase typed in without being shown.
pub fn ask_passphrase(prompt: &str) -> Result<Passphrase, IoError> {
    hidden("a passphrase", prompt).map(Passphrase::new)
}

/// A yes or no, entered with Return; `default` is what Return alone means.
pub fn confirm(question: &str, default: bool) -> Result<bool, IoError> {
    let what = "a yes or no";
    let _restored = dialogue(what)?;
    Confirm::new()
        .with_prompt(safe(question))
        .default(default)
        .wait_for_newline(true)
        .interact()
        .map_err(|error| refused(what, error))
}

/// One of several, as an index into `choices`; the first is what Return alone means.
pub fn choose(question: &str, choices: &[&str]) -> Result<usize, IoError> {
    let what = "a choice";
    let _restored = dialogue(what)?;
    Select::new()
        .with_prompt(safe(question))
        .items(choices.iter().map(|choice| safe(choice)))
        .default(0)
        .interact()
        .map_err(|error| refused(what, error))
}

/// A line that is no secret; `default` is what Return alone means.
pub fn ask_line(question: &str, default: Option<&str>) -> Result<String, IoError> {
    let what = "an answer";
    let _restored = dialogue(what)?;
    let input = Input::new().with_prompt(safe(question));
    match default {
        Some(default) => input.default(default.to_owned()),
        None => input,
    }
    .interact_text()
    .map_err(|error| refused(what, error))
}

fn hidden(what: &str, prompt: &str) -> Result<String, IoError> {
    let _restored = restored_on_death(what)?;
    rpassword::prompt_password(format!("{}: ", safe(prompt))).map_err(|source| failed(what, source))
}

/// Questions are drawn on standard error.
fn dialogue(what: &str) -> Result<CleanUp, IoError> {
    if !is_stderr() {
        return Err(IoError::NoTerminal { what: what.into() });
    }
    restored_on_death(what)
}

fn refused(what: &str, error: dialoguer::Error) -> IoError {
    let dialoguer::Error::IO(source) = error;
    failed(what, source)
}

fn failed(what: &str, source: io::Error) -> IoError {
    match source.kind() {
        // Ctrl-C, which raised SIGINT as well, or Ctrl-D
        io::ErrorKind::Interrupted => {
            signals::give_way();
            IoError::Interrupted
        }
        io::ErrorKind::UnexpectedEof => IoError::Interrupted,
        io::ErrorKind::NotConnected | io::ErrorKind::NotFound => {
            IoError::NoTerminal { what: what.into() }
        }
        _ => IoError::Terminal { source },
    }
}

/// Hidden input turns the echo off and questions hide the cursor: both come back if a signal ends
/// the process meanwhile. Fails where there is no terminal at all.
#[cfg(unix)]
fn restored_on_death(what: &str) -> Result<CleanUp, IoError> {
    use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
    use std::fs::OpenOptions;
    use std::io::Write;
    use std::thread;
    use std::time::Duration;

    let no_terminal = || IoError::NoTerminal { what: what.into() };
    let mut terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .map_err(|_| no_terminal())?;
    let saved = tcgetattr(&terminal).map_err(|_| no_terminal())?;
    signals::before_death(move || {
        tcsetattr(&terminal, OptionalActions::Now, &saved).ok();
        // Whoever asks may be about to turn the echo off at this very moment, after the prompt is
        // shown: what counts is how the terminal is left.
        thread::sleep(Duration::from_millis(30));
        tcsetattr(&terminal, OptionalActions::Now, &saved).ok();
        terminal.write_all(b"\x1b[?25h\r\n").ok();
    })
}

#[cfg(not(unix))]
fn restored_on_death(what: &str) -> Result<CleanUp, IoError> {
    if !is_stdin() {
        return Err(IoError::NoTerminal { what: what.into() });
    }
    signals::before_death(|| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_follows_the_flag_then_the_environment_then_the_terminal() {
        let plain = |pairs: &[(&'static str, &str)]| Environment::of(pairs.iter().copied());
        let nothing = plain(&[]);
        assert!(Colour::Auto.wanted(true, &nothing));
        assert!(!Colour::Auto.wanted(false, &nothing));
        assert!(!Colour::Never.wanted(true, &plain(&[("CLICOLOR_FORCE", "1")])));
        assert!(Colour::Always.wanted(false, &plain(&[("NO_COLOR", "1")])));
        assert!(!Colour::Auto.wanted(true, &plain(&[("NO_COLOR", "1")])));
        assert!(Colour::Auto.wanted(true, &plain(&[("NO_COLOR", "")])));
        assert!(Colour::Auto.wanted(false, &plain(&[("CLICOLOR_FORCE", "1")])));
        assert!(!Colour::Auto.wanted(false, &plain(&[("CLICOLOR_FORCE", "0")])));
        assert!(!Colour::Auto.wanted(true, &plain(&[("TERM", "dumb")])));
        let both = plain(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]);
        assert!(!Colour::Auto.wanted(true, &both));
    }
}
