//! Exit codes, and how an error says what happened and what to do.
//!
//! Each module has its own error enum; [`Explain`] adds the exit code, a stable token for machines
//! and hints. [`Failure`] is what reaches the command line. No error ever holds a byte of a value.

use std::fmt;

/// What mvx's exit status means. One table, printed by `mvx help exit-codes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(u8);

impl Exit {
    /// Done.
    pub const OK: Self = Self(0);
    /// The answer is no: findings, drift, a key that is not there.
    pub const NO: Self = Self(1);
    /// The command line makes no sense.
    pub const USAGE: Self = Self(2);
    /// Rules or configuration are wrong or missing.
    pub const RULES: Self = Self(3);
    /// Input, output or git failed.
    pub const IO: Self = Self(4);
    /// A value does not authenticate.
    pub const VALUE: Self = Self(25);
    /// The file's MAC is missing or does not match.
    pub const MAC: Self = Self(51);
    /// A bug in mvx.
    pub const BUG: Self = Self(70);
    /// A command cannot be started.
    pub const CANNOT_RUN: Self = Self(126);
    /// There is no such command.
    pub const NO_COMMAND: Self = Self(127);
    /// No identity opens the file.
    pub const NO_IDENTITY: Self = Self(128);
    /// Interrupted by a signal.
    pub const INTERRUPTED: Self = Self(130);
    /// Nothing changed.
    pub const UNCHANGED: Self = Self(200);
    /// The file is encrypted already.
    pub const ALREADY_ENCRYPTED: Self = Self(203);

    /// Every code with its meaning, in ascending order.
    pub const ALL: &'static [(Self, &'static str)] = &[
        (Self::OK, "done"),
        (
            Self::NO,
            "the answer is no: a missing key, findings, drift, overdue",
        ),
        (Self::USAGE, "the command line makes no sense"),
        (Self::RULES, "rules or configuration are wrong or missing"),
        (Self::IO, "input, output or git failed"),
        (Self::VALUE, "a value does not authenticate"),
        (Self::MAC, "the file's MAC is missing or does not match"),
        (Self::BUG, "a bug in mvx"),
        (Self::CANNOT_RUN, "`run`: the command cannot be started"),
        (Self::NO_COMMAND, "`run`: there is no such command"),
        (Self::NO_IDENTITY, "no identity opens the file"),
        (Self::INTERRUPTED, "interrupted"),
        (Self::UNCHANGED, "nothing changed"),
        (Self::ALREADY_ENCRYPTED, "the file is encrypted already"),
    ];

    /// The status that the command of `mvx run` ended with, passed on.
    pub const fn of_command(status: i32) -> Self {
        // what a process of Unix can end with; Windows has more, which are failures too
        match status {
            0 => Self::OK,
            1..=255 => Self(status.to_le_bytes()[0]),
            _ => Self::NO,
        }
    }

    /// The number that the process ends with.
    pub const fn code(self) -> u8 {
        self.0
    }
}

/// What every error of mvx can say beyond its message.
pub trait Explain: std::error::Error {
    /// The exit code it leads to.
    fn exit(&self) -> Exit;

    /// A stable lower-case token for machines, such as `mac-mismatch`; never a value.
    fn code(&self) -> &'static str;

    /// What to do next, each line a command to type or a thing to change.
    fn hints(&self) -> Vec<String> {
        Vec::new()
    }

    /// The file it happened in, where the error itself knows; the message may begin with it.
    fn place(&self) -> Option<String> {
        None
    }
}

/// An error on its way to the user: message and causes, exit code, token, hints.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// The machine-readable token.
    pub code: &'static str,
    /// Where it happened, as the user wrote it (a path, or a path and a line).
    pub place: Option<String>,
    /// The error itself with its causes.
    pub error: anyhow::Error,
    /// What to do next.
    pub hints: Vec<String>,
}

impl Failure {
    /// A failure with a message of its own, for what only a command knows.
    pub fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            exit,
            code,
            place: None,
            error: anyhow::Error::msg(message.into()),
            hints: Vec::new(),
        }
    }

    /// Names the file (or file and line) it happened in, unless one is named already.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.place.get_or_insert_with(|| place.to_string());
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl<E: Explain + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            exit: error.exit(),
            code: error.code(),
            place: error.place(),
            hints: error.hints(),
            error: anyhow::Error::new(error),
        }
    }
}

/// Adds a place to the error of a result: `store.parse(…).at("a.yaml")?`.
pub trait At<T> {
    /// Turns the error into a [`Failure`] that names `place`.
    fn at(self, place: impl fmt::Display) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> At<T> for Result<T, E> {
    fn at(self, place: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| error.into().at(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_distinct_and_sorted() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|(exit, _)| exit.code()).collect();
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
