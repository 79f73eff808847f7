//! `mvx rotation log`: the human log, and where it may be written.

use std::path::Path;

use crate::app::App;
use crate::app::READ_LIMIT;
use crate::app::files::{directory_is_there, has_metadata, shell_word};
use crate::error::{Exit, Failure};
use crate::io::file::{self, Kind};
use crate::io::look::is_link;
use crate::io::write::{self, Access};
use crate::ledger::DIRECTORY;
use crate::ledger::report::{LogRow, is_log, rows};
use crate::secret::Cleartext;

impl App<'_> {
    /// The lines of the human log, the latest first.
    pub fn rotation_log(&self) -> Result<Vec<LogRow>, Failure> {
        let ledger = self.ledger_here()?;
        ledger.has_no_links(DIRECTORY)?;
        let read = crate::ledger::read::read(&ledger.directory(), |_| ())?;
        Ok(rows(read.events.iter().map(|stored| &stored.entry)))
    }

    /// What stands where the log is to be written; `None` where there is no file. An error where anything
    /// but a log stands, or where none belongs.
    pub fn written_log(&self, path: &Path) -> Result<Option<Cleartext>, Failure> {
        if is_link(path)? {
            let message = "a symbolic link, and the log is written through none";
            return Err(Failure::new(Exit::IO, "symbolic-link", message)
                .at(path.display())
                .hint(format!("`rm {}` removes the link", shell_word(path))));
        }
        directory_is_there(path)?;
        let directory = file::canonical(file::directory_of(&self.directory().join(path)))?;
        let own = |part: &std::ffi::OsStr| {
            [".git", ".mvx"]
                .iter()
                .any(|own| part.eq_ignore_ascii_case(own))
        };
        if directory.iter().any(own) || path.file_name().is_some_and(own) {
            let message = "a log has no place in `.git` and `.mvx`";
            return Err(Failure::new(Exit::USAGE, "reserved", message).at(path.display()));
        }
        if file::kind(path)? != Some(Kind::File) {
            file::is_replaceable(path)?;
            return Ok(None);
        }
        let now = file::read(path, READ_LIMIT)?;
        if has_metadata(path)? || !now.as_str().is_some_and(is_log) {
            let message = "something else stands there, and the log would take its place";
            return Err(Failure::new(Exit::USAGE, "not-a-log", message)
                .at(path.display())
                .hint("name another file, or remove this one first"));
        }
        Ok(Some(now))
    }

    /// Writes the log.
    pub fn write_log(&self, path: &Path, text: &str) -> Result<(), Failure> {
        let _lock = self.lock(path)?;
        self.written_log(path)?;
        Ok(write::write(path, text.as_bytes(), Access::Shared)?)
    }
}
