//! The access log: who opened which secrets, when, with which command, and why. One JSON line a
//! command in `~/.local/state/mvx/access.jsonl`, and where the user's settings say so in a file of
//! theirs or the system's log. It holds names and never values.
//!
//! A log that cannot be written stops nobody, unless the rules say `audit = "required"`: then each
//! file is entered before it is opened, and not opened where that fails.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};

use crate::app::App;
use crate::app::settings::Settings;
use crate::error::{Exit, Failure};
use crate::io::append::append;
use crate::io::env::Environment;
use crate::io::{clock, syslog, who};

/// Where a log is put aside and begun anew, in bytes: some thirty thousand lines.
const MOST_LOG: u64 = 10 << 20;

/// What a line may take, in bytes: what a syslog daemon passes on whole (rsyslog's default).
const MOST_LINE: usize = 8_000;

/// How many characters of one name or reason are kept.
const MOST_TEXT: usize = 300;

/// How many keys are named of one file.
const MOST_KEYS: usize = 100;

/// What one command has opened so far. Shared by its threads.
pub struct Record {
    command: String,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    files: Vec<Opened>,
    reason: Option<String>,
    /// How many of the files are in the log.
    logged: usize,
}

/// A file that was opened.
struct Opened {
    name: String,
    /// The keys that were asked for; all of them when `None`.
    keys: Option<Vec<String>>,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending<'a> {
    /// It did what was asked.
    Done(Exit),
    /// It did not; the token of its failure.
    Failed(Exit, &'a str),
    /// It hands the values to another program, which takes its place.
    Started,
    /// It is about to open a file.
    Opening,
}

impl Record {
    /// A record of the command of this name, such as `env sync`.
    pub fn new(command: impl Into<String>) -> Self {
        Self {
            command: command.into(),
            seen: Mutex::default(),
        }
    }

    /// Notes why values are wanted.
    pub fn because(&self, reason: &str) {
        self.seen().reason = Some(reason.to_owned());
    }

    /// Enters what was opened into the log, once, and says how it ended. Nothing where nothing was
    /// opened.
    pub fn end(
        &self,
        environment: &Environment,
        directory: &Path,
        ending: Ending<'_>,
    ) -> Result<(), Failure> {
        let mut seen = self.seen();
        if seen.files.len() == seen.logged {
            return Ok(());
        }
        seen.logged = seen.files.len();
        let line = self.line(&seen, &seen.files, environment, directory, ending);
        drop(seen);
        write(environment, &line)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line: everything that is known, and less of it where that would be too long.
    fn line(
        &self,
        seen: &Seen,
        files: &[Opened],
        environment: &Environment,
        directory: &Path,
        ending: Ending<'_>,
    ) -> String {
        let (outcome, exit, error) = match ending {
            Ending::Done(exit) => ("done", Some(exit.code()), None),
            Ending::Failed(exit, code) => ("failed", Some(exit.code()), Some(code)),
            Ending::Started => ("started", None, None),
            Ending::Opening => ("opening", None, None),
        };
        let user = environment.get("USER").map(|name| name.to_string_lossy());
        let mut fields = json!({
            "at": clock::now().to_string(),
            "command": self.command,
            "outcome": outcome,
            "exit": exit,
            "error": error,
            "user": user.as_deref().map(cut),
            "uid": who::user_id(),
            "host": who::host().as_deref().map(cut),
            "pid": std::process::id(),
            "directory": cut(&directory.to_string_lossy()),
            "assistant": environment.assistant(),
            "reason": seen.reason.as_deref().map(cut),
        });
        let mut attempt = |files: Vec<Value>, more: usize| {
            if let Value::Object(fields) = &mut fields {
                fields.insert("files".into(), files.into());
                if more > 0 {
                    fields.insert("more_files".into(), more.into());
                }
            }
            format!("{fields}\n")
        };
        let whole = attempt(files.iter().map(|file| file.entry(MOST_KEYS)).collect(), 0);
        if whole.len() <= MOST_LINE {
            return whole;
        }
        let without_keys = attempt(files.iter().map(|file| file.entry(0)).collect(), 0);
        if without_keys.len() <= MOST_LINE {
            return without_keys;
        }
        let mut count = files.len();
        loop {
            count /= 2;
            let some = files.iter().take(count).map(|file| file.entry(0)).collect();
            let line = attempt(some, files.len() - count);
            if line.len() <= MOST_LINE || count == 0 {
                return line;
            }
        }
    }
}

impl Opened {
    /// The file as it stands in a line, with at most this many keys.
    fn entry(&self, most: usize) -> Value {
        let mut entry = Map::new();
        entry.insert("file".into(), cut(&self.name).into());
        if let Some(keys) = &self.keys {
            let named: Vec<Value> = keys.iter().take(most).map(|key| cut(key).into()).collect();
            let more = keys.len() - named.len();
            entry.insert("keys".into(), named.into());
            if more > 0 {
                entry.insert("more_keys".into(), more.into());
            }
        }
        entry.into()
    }
}

impl App<'_> {
    /// Notes that a file is opened. Where the rules demand an access log, it is entered there
    /// first.
    pub(super) fn record_opening(&self, name: &str) -> Result<(), Failure> {
        let Some(record) = &self.record else {
            return Ok(());
        };
        let mut seen = record.seen();
        if seen.files.iter().any(|file| file.name == name) {
            return Ok(());
        }
        let file = Opened {
            name: name.to_owned(),
            keys: None,
        };
        let required = self
            .rules_at(Path::new(name))
            .is_ok_and(|rules| rules.audit_required());
        if required {
            let files = std::slice::from_ref(&file);
            let line = record.line(
                &seen,
                files,
                self.environment,
                self.directory,
                Ending::Opening,
            );
            write(self.environment, &line).map_err(|failure| {
                let message =
                    "the rules demand an access log, and it cannot be written; nothing was opened";
                let mut refused = Failure::new(Exit::IO, "access-log", message).at(name);
                refused.error = anyhow::Error::msg(told(&failure)).context(message);
                refused.hint("`audit = \"required\"` in the rules says so")
            })?;
        }
        seen.files.push(file);
        Ok(())
    }

    /// Notes that of a file no more than these keys are looked at.
    pub(super) fn record_keys(&self, name: &str, keys: impl IntoIterator<Item = String>) {
        let Some(record) = &self.record else {
            return;
        };
        let mut seen = record.seen();
        if let Some(file) = seen.files.iter_mut().find(|file| file.name == name) {
            let known = file.keys.get_or_insert_default();
            known.extend(keys);
        }
    }

    /// Enters what was opened into the log now, because another program takes this one's place.
    pub fn record_start(&self) {
        if let Some(record) = &self.record {
            // Where a log is demanded, every file is in it already.
            record
                .end(self.environment, self.directory, Ending::Started)
                .ok();
        }
    }
}

/// What kept the log from being written, on one line.
pub fn told(failure: &Failure) -> String {
    let why = format!("{:#}", failure.error);
    match &failure.place {
        Some(place) if !why.starts_with(place.as_str()) => format!("{place}: {why}"),
        _ => why,
    }
}

/// Writes a line wherever it is wanted. The first failure is told when all was tried.
fn write(environment: &Environment, line: &str) -> Result<(), Failure> {
    let path = environment.state_directory()?.join("access.jsonl");
    let mut outcome = append(&path, line.as_bytes(), MOST_LOG).map_err(Failure::from);
    let log = Settings::read(environment)?.access_log;
    if let Some(path) = &log.file {
        let done = append(path, line.as_bytes(), u64::MAX).map_err(Failure::from);
        outcome = outcome.and(done);
    }
    if log.syslog {
        let done = syslog::send(Path::new(syslog::SOCKET), line.trim_end());
        outcome = outcome.and(done.map_err(Failure::from));
    }
    outcome
}

/// A text that cannot fill the line.
fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST_TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(files: &[Opened], reason: &str) -> Value {
        let record = Record::new("get");
        record.because(reason);
        let nothing: [(&'static str, &str); 0] = [];
        let environment = Environment::of(nothing);
        let seen = record.seen();
        let ending = Ending::Failed(Exit::MAC, "mac-mismatch");
        let line = record.line(&seen, files, &environment, Path::new("/w"), ending);
        assert!(line.len() <= MOST_LINE, "{}", line.len());
        assert_eq!(line.matches('\n').count(), 1);
        serde_json::from_str(&line).unwrap()
    }

    fn file(name: &str, keys: Option<usize>) -> Opened {
        let name_of = |number| format!("key_{number}");
        Opened {
            name: name.into(),
            keys: keys.map(|count| (0..count).map(name_of).collect()),
        }
    }

    #[test]
    fn a_line_says_what_was_opened() {
        let line = line(&[file("a", Some(2)), file("b", None)], "look\n\u{1b}[1m");
        let files = json!([{ "file": "a", "keys": ["key_0", "key_1"] }, { "file": "b" }]);
        assert_eq!(line["files"], files);
        assert_eq!(line["reason"], "look\n\u{1b}[1m");
        assert_eq!(
            (&line["outcome"], &line["exit"]),
            (&json!("failed"), &json!(51))
        );
    }

    #[test]
    fn no_line_is_longer_than_a_daemon_takes() {
        let many = line(&[file("a", Some(1000))], "x");
        assert_eq!(many["files"][0]["more_keys"], 900);
        let wide: Vec<Opened> = (0..40).map(|_| file("a", Some(1000))).collect();
        assert_eq!(line(&wide, "x")["files"][0]["more_keys"], 1000);
        let long = "\u{1}".repeat(10_000);
        let files: Vec<Opened> = (0..3000).map(|_| file(&long, Some(10))).collect();
        let cut = line(&files, &long);
        assert!(cut["more_files"].as_u64().unwrap() > 2000);
    }
}
