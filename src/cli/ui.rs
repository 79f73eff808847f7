//! All printing. Eight rules:
//!
//! 1. Standard output is the answer and nothing else, standard error is talk, the terminal itself
//!    (`/dev/tty`) is dialogue.
//! 2. Every line of talk begins with `mvx:`. An error says where and what, then its causes, set
//!    in, then what to do, each hint a command to type or a thing to change.
//! 3. Lower case, no full stop; what is typed stands in backticks.
//! 4. Never a byte of a value, never a MAC. Names and paths go through [`safe`].
//! 5. Colour marks the first word and carries no meaning of its own.
//! 6. Without a terminal nothing is asked and nothing is drawn.
//! 7. With `--json` the answer is one object and a failure is one object; notes are dropped. `-q`
//!    drops notes and progress, never warnings and errors.
//! 8. A reader that leaves early is no failure, and progress shows itself only after a second.

#![expect(
    clippy::disallowed_methods,
    reason = "the one place that talks on standard error"
)]

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::builder::StyledStr;
use serde::Serialize;

use crate::app::files::{STDIN, shell_word};
use crate::error::{Exit, Explain, Failure};
use crate::io::IoError;
use crate::io::env::Environment;
use crate::io::stdio::Stdout;
use crate::io::terminal::{self, Colour};
use crate::secret::{Cleartext, Passphrase};

pub use super::progress::Progress;
pub use super::table::Table;
pub use crate::io::safe_text::safe;

/// The way to the person and to the next program.
pub struct Ui {
    json: bool,
    quiet: bool,
    verbose: u8,
    colour: Colours,
    stdout: RefCell<Option<Stdout>>,
    /// The line of progress that stands at the terminal.
    bar: RefCell<Option<String>>,
}

impl Ui {
    /// Decides once what is printed and how.
    pub fn new(
        json: bool,
        quiet: bool,
        verbose: u8,
        colour: Colour,
        environment: &Environment,
    ) -> Self {
        Self {
            json,
            quiet,
            verbose,
            colour: Colours {
                stdout: colour.wanted(terminal::is_stdout(), environment),
                stderr: colour.wanted(terminal::is_stderr(), environment),
            },
            stdout: RefCell::new(None),
            bar: RefCell::new(None),
        }
    }

    /// Whether the answer is to be JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// How much detail is asked for.
    pub fn verbose(&self) -> u8 {
        self.verbose
    }

    /// Whether the answer may be coloured.
    pub fn is_coloured(&self) -> bool {
        self.colour.stdout
    }

    /// Prints a part of the answer, byte for byte; a secret may be among them.
    pub fn answer(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = self.stdout.borrow_mut();
        if stdout.is_none() {
            *stdout = Some(Stdout::open()?);
        }
        if let Some(stdout) = stdout.as_mut() {
            stdout.write(bytes)?;
        }
        Ok(())
    }

    /// Hands on what was printed so far, before a question about it is asked.
    pub fn flush(&self) -> Result<(), Failure> {
        match self.stdout.borrow_mut().as_mut() {
            Some(stdout) => Ok(stdout.flush()?),
            None => Ok(()),
        }
    }

    /// Prints a line of the answer for people: names in it are made safe.
    pub fn line(&self, text: &str) -> Result<(), Failure> {
        self.answer(safe(text).as_bytes())?;
        self.answer(b"\n")
    }

    /// Prints a line of the answer that stands above others.
    pub fn heading(&self, text: &str) -> Result<(), Failure> {
        if self.colour.stdout {
            self.answer(format!("{BOLD}{}{RESET}\n", safe(text)).as_bytes())
        } else {
            self.line(text)
        }
    }

    /// Prints a finding as part of the answer: a word for how much it matters, what was found, and
    /// what to do about it. Colour marks the word.
    pub fn finding(&self, mark: Mark, text: &str, hints: &[String]) -> Result<(), Failure> {
        let (word, style) = match mark {
            Mark::Ok => ("ok", GREEN),
            Mark::Note => ("note", YELLOW),
            Mark::Problem => ("problem", RED),
            Mark::Keep => ("keep", YELLOW),
            Mark::Remove => ("remove", RED),
        };
        let gap = " ".repeat("problem".len() - word.len());
        let word = if self.colour.stdout {
            format!("{style}{word}{RESET}")
        } else {
            word.to_owned()
        };
        self.answer(format!("  {word}{gap}  {}\n", safe(text)).as_bytes())?;
        for hint in hints {
            for (number, line) in hint.lines().enumerate() {
                let lead = if number == 0 { "hint: " } else { "  " };
                self.line(format!("           {lead}{line}").trim_end())?;
            }
        }
        Ok(())
    }

    /// Prints the answer as JSON, on one line.
    pub fn json(&self, answer: &impl Serialize) -> Result<(), Failure> {
        let mut text = Wiped(Cleartext::default());
        serde_json::to_writer(&mut text, answer)
            .map_err(|error| Failure::new(Exit::BUG, "bug", error.to_string()))?;
        text.0.push(b"\n");
        self.answer(text.0.as_bytes())
    }

    /// Prints a table as the answer.
    pub fn table(&self, table: &Table) -> Result<(), Failure> {
        self.answer(table.render(self.colour.stdout).as_bytes())
    }

    /// Says something in passing.
    pub fn note(&self, text: &str) {
        if !self.quiet && !self.json {
            self.talk(&talk_text("", None, text, self.colour.stderr));
        }
    }

    /// Shows a passphrase that was made for the person, once: it is talk, so that it does not get
    /// where the answer goes, and it is the one thing that `-q` does not silence.
    pub fn reveal(&self, what: &str, passphrase: &Passphrase) {
        let text = passphrase.expose();
        if self.json {
            self.talk(&format!("{}\n", serde_json::json!({ what: text })));
        } else {
            self.talk(&talk_text(what, Some(CYAN), text, self.colour.stderr));
        }
    }

    /// Says what only those want to know who asked with `-v`, or with `-vv` where `level` is 2.
    pub fn detail(&self, level: u8, text: &str) {
        if self.verbose >= level && !self.json {
            self.talk(&talk_text("", None, text, self.colour.stderr));
        }
    }

    /// Warns of something that is not a failure.
    pub fn warn(&self, text: &str, hints: &[&str]) {
        if self.json {
            let warning = serde_json::json!({ "warning": text, "hints": hints });
            self.talk(&format!("{warning}\n"));
            return;
        }
        let mut lines = talk_text("warning", Some(YELLOW), text, self.colour.stderr);
        for hint in hints {
            lines += &talk_text("hint", Some(CYAN), hint, self.colour.stderr);
        }
        self.talk(&lines);
    }

    /// Shows the help to somebody who typed too little: talk, because it was not asked for.
    pub(super) fn overview(&self, help: &StyledStr) {
        if self.colour.stderr {
            put(&help.ansi().to_string());
        } else {
            put(&help.to_string());
        }
    }

    /// Shows how far a long piece of work is, on a terminal and after a second.
    pub fn progress(&self, steps: usize, doing: &'static str) -> Progress<'_> {
        Progress::new(self, steps, doing, self.is_progress_seen())
    }

    /// Shows how much of a piece of work is done whose end is not known, on a terminal and after a
    /// second.
    pub fn flow(&self, doing: &'static str) -> Progress<'_> {
        Progress::new(self, 0, doing, self.is_progress_seen())
    }

    /// Whether anybody sees progress.
    pub fn is_progress_seen(&self) -> bool {
        !self.quiet && !self.json && terminal::is_stderr()
    }

    /// Prints a failure that does not end the command.
    pub fn problem(&self, failure: &Failure) {
        self.talk(&failure_text(failure, self.json, self.colour.stderr));
    }

    /// Ends a command: hands on the rest of the answer, prints the failure if there is one, and
    /// turns the outcome into the exit status.
    pub fn end(&self, outcome: Result<Exit, Failure>) -> ExitCode {
        let flushed = self.flush();
        let exit = match (outcome, flushed) {
            (Ok(exit), Ok(())) => exit,
            // the command's own failure says more than that its answer could not be printed
            (Err(failure), _) | (Ok(_), Err(failure)) => {
                if failure.code != IoError::StdoutClosed.code() {
                    self.talk(&failure_text(&failure, self.json, self.colour.stderr));
                }
                failure.exit
            }
        };
        exit.code().into()
    }

    /// Writes to standard error in one piece, above the line of progress if there is one.
    fn talk(&self, lines: &str) {
        match &*self.bar.borrow() {
            Some(bar) => put(&format!("{ERASE}{lines}{bar}")),
            None => put(lines),
        }
    }

    /// Puts a line of progress in the place of the one that stands there, or takes it away.
    pub(super) fn show(&self, line: Option<String>) {
        let mut bar = self.bar.borrow_mut();
        match (&*bar, &line) {
            (_, Some(line)) => put(&format!("{ERASE}{line}")),
            (Some(_), None) => put(ERASE),
            (None, None) => {}
        }
        *bar = line;
    }
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Not at all: it is as it should be.
    Ok,
    /// It is worth knowing.
    Note,
    /// It is to be seen to.
    Problem,
    /// It stays.
    Keep,
    /// It goes.
    Remove,
}

/// Which streams are coloured.
struct Colours {
    stdout: bool,
    stderr: bool,
}

/// Prints a failure where there is no [`Ui`] yet.
pub(super) fn print_failure(failure: &Failure, json: bool, colour: bool) {
    put(&failure_text(failure, json, colour));
}

/// Shows what another program has to say to the person: a plugin that wants to be touched.
pub(super) fn message(text: &str) {
    put(&format!("mvx: {}\n", safe(text)));
}

/// Nobody can be told that standard error is gone.
fn put(lines: &str) {
    io::stderr().write_all(lines.as_bytes()).ok();
}

/// A failure as it is printed.
fn failure_text(failure: &Failure, json: bool, colour: bool) -> String {
    let message = failure.error.to_string();
    // many errors begin with the path that is the place
    let message = failure
        .place
        .as_ref()
        .and_then(|place| message.strip_prefix(place.as_str())?.strip_prefix(": "))
        .unwrap_or(&message);
    let mut causes: Vec<String> = Vec::new();
    for cause in failure.error.chain().skip(1) {
        let cause = cause.to_string();
        // an error that only hands another one on
        if causes.last().map_or(message, String::as_str) != cause {
            causes.push(cause);
        }
    }
    let hints = hints(failure);
    if json {
        let object = serde_json::json!({
            "code": failure.code,
            "exit": failure.exit.code(),
            "message": message,
            "place": failure.place,
            "causes": causes,
            "hints": hints,
        });
        return format!("{object}\n");
    }
    let first = match &failure.place {
        Some(place) => format!("{place}: {message}"),
        None => message.to_owned(),
    };
    let mut lines = talk_text("error", Some(RED), &first, colour);
    for cause in causes.iter().flat_map(|cause| cause.lines()) {
        // writing to a string does not fail
        writeln!(lines, "mvx:   {}", safe(cause)).ok();
    }
    for hint in &hints {
        lines += &talk_text("hint", Some(CYAN), hint, colour);
    }
    lines
}

/// The hints, with the file that it is about in the place of the word `FILE`: what is shown can be
/// typed.
fn hints(failure: &Failure) -> Vec<String> {
    match failure.place.as_deref().filter(|place| *place != STDIN) {
        Some(place) => name_file(&failure.hints, Path::new(place)),
        None => failure.hints.clone(),
    }
}

/// The hints with `path` in the place of the word `FILE`.
pub(super) fn name_file(hints: &[String], path: &Path) -> Vec<String> {
    let file = shell_word(path);
    let bounded = |text: &str, at: usize| {
        let inside = |c: char| c.is_alphanumeric() || c == '_';
        let (before, after) = (text.get(..at), text.get(at + 4..));
        !before.is_some_and(|text| text.ends_with(inside))
            && !after.is_some_and(|text| text.starts_with(inside))
    };
    let named = |hint: &String| {
        let mut text = String::with_capacity(hint.len() + file.len());
        let mut done = 0;
        for (at, word) in hint
            .match_indices("FILE")
            .filter(|(at, _)| bounded(hint, *at))
        {
            text += hint.get(done..at).unwrap_or_default();
            text += &file;
            done = at + word.len();
        }
        text + hint.get(done..).unwrap_or_default()
    };
    hints.iter().map(named).collect()
}

/// `mvx: WORD: TEXT`; further lines of the text are set in, so that none of them can pass for
/// talk of its own.
fn talk_text(word: &str, style: Option<&str>, text: &str, colour: bool) -> String {
    let mut lines = String::new();
    for (number, line) in text.lines().enumerate() {
        let line = safe(line);
        let written = match (number, word, style.filter(|_| colour)) {
            (0, "", _) => writeln!(lines, "mvx: {line}"),
            (0, word, Some(style)) => writeln!(lines, "mvx: {style}{word}:{RESET} {line}"),
            (0, word, None) => writeln!(lines, "mvx: {word}: {line}"),
            _ => writeln!(lines, "{}", format!("mvx:   {line}").trim_end()),
        };
        // writing to a string does not fail
        written.ok();
    }
    lines
}

/// Lets JSON be written into memory that is wiped.
struct Wiped(Cleartext);

impl Write for Wiped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// ECMA-48: back to the line's beginning, and erase it.
const ERASE: &str = "\r\x1b[K";

// ECMA-48, select graphic rendition
const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[1;31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[1;33m";
const CYAN: &str = "\x1b[36m";
const RESET: &str = "\x1b[0m";

#[cfg(test)]
mod tests {
    use super::*;
    use thiserror::Error;

    #[derive(Debug, Error)]
    #[error("no identity could unwrap the data key")]
    struct Outer(#[source] Inner);

    #[derive(Debug, Error)]
    #[error("age1q\u{1b}[2J: no match")]
    struct Inner;

    impl Explain for Outer {
        fn exit(&self) -> Exit {
            Exit::NO_IDENTITY
        }

        fn code(&self) -> &'static str {
            "no-identity"
        }

        fn hints(&self) -> Vec<String> {
            vec!["`mvx doctor a.yaml` shows who can open it".into()]
        }
    }

    #[test]
    fn a_failure_says_where_what_why_and_what_to_do() {
        let failure = Failure::from(Outer(Inner)).at("a\u{202e}.yaml");
        assert_eq!(
            failure_text(&failure, false, false),
            "mvx: error: a\\u{202e}.yaml: no identity could unwrap the data key\n\
             mvx:   age1q\\u{1b}[2J: no match\n\
             mvx: hint: `mvx doctor a.yaml` shows who can open it\n"
        );
        assert_eq!(
            failure_text(&failure, true, true),
            "{\"code\":\"no-identity\",\"exit\":128,\
             \"message\":\"no identity could unwrap the data key\",\
             \"place\":\"a\u{202e}.yaml\",\"causes\":[\"age1q\\u001b[2J: no match\"],\
             \"hints\":[\"`mvx doctor a.yaml` shows who can open it\"]}\n"
        );
        assert!(failure_text(&failure, false, true).starts_with("mvx: \x1b[1;31merror:\x1b[0m a"));
    }

    #[test]
    fn a_path_that_begins_the_message_is_not_said_twice() {
        let error = || IoError::NotFound {
            path: "a.yaml".into(),
        };
        let expected = "mvx: error: a.yaml: there is no such file or directory\n";
        assert_eq!(failure_text(&error().into(), false, false), expected);
        let placed = Failure::from(error()).at("b.yaml");
        assert_eq!(failure_text(&placed, false, false), expected);
    }

    #[test]
    fn a_hint_names_the_file_it_is_about() {
        let shown = |place: &str| {
            let failure = Failure::new(Exit::NO, "no-such-key", "there is no `a`").at(place);
            hints(
                &failure.hint("`mvx ls FILE` shows the keys, as MVX_AGE_KEY_FILE and FILES do not"),
            )
        };
        let expected = "`mvx ls a.yaml` shows the keys, as MVX_AGE_KEY_FILE and FILES do not";
        assert_eq!(shown("a.yaml"), [expected]);
        assert!(shown("my a.yaml")[0].starts_with("`mvx ls 'my a.yaml'`"));
        assert!(shown(STDIN)[0].starts_with("`mvx ls FILE`"));
    }

    #[test]
    fn further_lines_are_set_in() {
        assert_eq!(
            talk_text("error", None, "first\nmvx: error: fake", false),
            "mvx: error: first\nmvx:   mvx: error: fake\n"
        );
    }
}
