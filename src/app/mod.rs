//! Use cases: each file does one thing that a person asks for, wiring the layers below. Nothing
//! here prints or asks; questions go through the traits and parameters given from above.

pub mod access;
mod believed;
pub mod change;
pub mod clean;
pub mod decrypt;
pub mod doctor;
pub mod edit;
mod editor;
pub mod encrypt;
pub mod entries;
pub mod env;
pub mod files;
pub mod groups;
pub mod hooks;
pub mod import;
pub mod init;
pub mod inventory;
pub mod large;
pub mod ledger;
pub mod load;
pub mod mentions;
pub mod own_keys;
mod parallel;
pub mod people;
mod place;
pub mod plaintext;
pub mod policy;
mod prefetch;
pub mod readers;
pub mod recipients;
pub mod recovery;
pub mod redact;
pub mod register;
pub mod repair;
pub mod rewrap;
pub mod rewrite;
pub mod rotation;
pub mod run;
pub mod scan;
pub mod seals;
pub mod settings;
mod surroundings;
pub mod trust;
pub mod values;
mod whom;

use std::cell::{Cell, OnceCell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::access::Record;
use crate::app::believed::OwnPlaces;
use crate::app::load::KnownKeys;
use crate::error::{Exit, Failure};
use crate::io::env::Environment;
use crate::io::lock::{Lock, Locks};
use crate::io::write::{self, Access};
use crate::io::{clock, file, random};
use crate::keys::Report;
use crate::keys::age::AgeKeys;
use crate::keys::keyring::Keyring;
use crate::keys::machine::Machine;
use crate::keys::open::Order;
use crate::keys::prompt::Prompt;
use crate::keys::remote::Services;
use crate::sops::cipher::{NoRandomness, Randomness};

/// The largest file that is read, in bytes: what a gigabyte of binary data takes when sealed.
pub const READ_LIMIT: usize = 1_500_000_000;

/// One run of mvx: the machine, its identities, and what is to be said at the end.
pub struct App<'a> {
    environment: &'a Environment,
    directory: &'a Path,
    machine: Arc<dyn Machine>,
    prompt: Arc<dyn Prompt>,
    keyring: OnceCell<Arc<Keyring>>,
    /// In which order the recipients of a file are tried, where somebody said so for this run.
    order: Option<Order>,
    /// Whether no service may be asked to open anything.
    offline: bool,
    /// Data keys that were unwrapped, where files are opened more than once.
    known_keys: OnceCell<Arc<KnownKeys>>,
    /// Files that are going to be opened.
    upcoming: RefCell<prefetch::Upcoming>,
    rules: policy::Cache,
    ledger_events: ledger::Cache,
    /// What is opened, for the access log.
    record: Option<Arc<Record>>,
    notes: RefCell<Vec<Note>>,
    /// How many of the notes have been taken: none is said twice.
    taken: Cell<usize>,
    /// How much detail is asked for.
    verbose: u8,
}

/// Something for the user to know when the work is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// What happened, and might not be expected.
    Said(String),
    /// What should be seen to; hints say how.
    Warned(String, Vec<String>),
    /// What those want to know who ask for more, and how often they have to ask.
    Detail(u8, String),
}

impl<'a> App<'a> {
    /// A run in `directory`, which is the process's working directory: paths are used as the user
    /// wrote them, so that messages name them so. `prompt` asks for passphrases.
    pub fn new(
        environment: &'a Environment,
        directory: &'a Path,
        machine: Arc<dyn Machine>,
        prompt: Arc<dyn Prompt>,
    ) -> Self {
        Self {
            environment,
            directory,
            machine,
            prompt,
            keyring: OnceCell::new(),
            order: None,
            offline: false,
            known_keys: OnceCell::new(),
            upcoming: RefCell::default(),
            rules: policy::Cache::default(),
            ledger_events: ledger::Cache::default(),
            record: None,
            notes: RefCell::default(),
            taken: Cell::new(0),
            verbose: 0,
        }
    }

    /// The same run, for somebody who wants details up to this level.
    #[must_use]
    pub fn verbose(self, level: u8) -> Self {
        Self {
            verbose: level,
            ..self
        }
    }

    /// The same run, which enters what it opens into this record.
    #[must_use]
    pub fn recording(self, record: Arc<Record>) -> Self {
        Self {
            record: Some(record),
            ..self
        }
    }

    /// The environment.
    pub fn environment(&self) -> &Environment {
        self.environment
    }

    /// The working directory.
    pub fn directory(&self) -> &Path {
        self.directory
    }

    /// The same run, in which the recipients of a file are tried in this order; without one, as the
    /// environment says.
    #[must_use]
    pub fn trying(self, order: Option<Order>) -> Self {
        Self { order, ..self }
    }

    /// The same run, in which no service is asked to open anything.
    #[must_use]
    pub fn offline(self) -> Self {
        Self {
            offline: true,
            ..self
        }
    }

    /// In which order the recipients of a file are tried: as this run was told, else as
    /// `SOPS_DECRYPTION_ORDER` says, else cheapest first.
    pub(crate) fn order(&self) -> Result<Order, Failure> {
        if let Some(order) = &self.order {
            return Ok(order.clone());
        }
        let Some(kinds) = self.environment.get(DECRYPTION_ORDER) else {
            return Ok(Order::default());
        };
        // What stands there may be anything: it is not repeated.
        Order::parse(&kinds.to_string_lossy()).ok_or_else(|| unknown_kind(DECRYPTION_ORDER))
    }

    /// All that this machine can wrap and unwrap with.
    pub fn keyring(&self) -> &Keyring {
        self.keyring.get_or_init(|| {
            let (machine, prompt) = (Arc::clone(&self.machine), Arc::clone(&self.prompt));
            let age = Arc::new(AgeKeys::new(Arc::clone(&machine), Arc::clone(&prompt)));
            let own = Arc::new(OwnPlaces::new(self.environment));
            let services = Arc::new(Services::new(machine, prompt, own));
            Arc::new(Keyring::new(age, &services))
        })
    }

    /// Puts away what a key provider keeps for this run alone.
    fn close_keys(&self) {
        if let Some(keyring) = self.keyring.get() {
            keyring.close();
        }
    }

    /// This machine's age and SSH identities.
    pub fn identities(&self) -> &AgeKeys {
        self.keyring().age()
    }

    /// What keys are looked for with.
    pub fn machine(&self) -> &dyn Machine {
        self.machine.as_ref()
    }

    /// Leaves a line for the user.
    pub fn note(&self, note: impl Into<String>) {
        self.leave(Note::Said(note.into()));
    }

    /// Leaves a warning for the user.
    pub fn warn(&self, warning: impl Into<String>, hints: impl IntoIterator<Item = String>) {
        self.leave(Note::Warned(warning.into(), hints.into_iter().collect()));
    }

    /// Leaves a line for the user who asked for more with `-v`, or with `-vv` where `level` is 2.
    /// Nobody else pays for it.
    pub fn detail(&self, level: u8, detail: impl FnOnce() -> String) {
        if level <= self.verbose {
            self.leave(Note::Detail(level, detail()));
        }
    }

    fn leave(&self, note: Note) {
        let mut notes = self.notes.borrow_mut();
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    /// What was left for the user, once; what the key sources have to say too.
    pub fn take_notes(&self) -> Vec<Note> {
        let Report { notes, .. } = self
            .keyring
            .get()
            .map(|keyring| keyring.report())
            .unwrap_or_default();
        for note in notes {
            self.note(note);
        }
        let notes = self.notes.borrow();
        let taken = self.taken.replace(notes.len());
        notes.iter().skip(taken).cloned().collect()
    }

    /// Keeps other mvx processes from writing a file.
    pub fn lock(&self, path: &Path) -> Result<Lock, Failure> {
        let lock = Locks::of(self.environment).hold(path, Locks::PATIENCE)?;
        // A run that was killed may not have written it yet.
        self.finish_what_was_begun(path)?;
        Ok(lock)
    }

    /// Replaces a locked file if it still holds `old`. Its other names, where it has some, keep what
    /// they hold, which is said.
    pub(crate) fn replace(
        &self,
        lock: &Lock,
        old: &[u8],
        new: &[u8],
        access: Access,
    ) -> Result<(), Failure> {
        let others = file::other_names(lock.target());
        write::write_if_unchanged(lock, old, new, access)?;
        self.tell_of_other_names(lock.path(), others);
        Ok(())
    }

    /// Says that a file which was written has other names, which keep what they hold.
    fn tell_of_other_names(&self, path: &Path, others: Option<file::OtherNames>) {
        if let Some(others) = others {
            let path = path.display();
            let (names, hold) = match others.count {
                1 => ("another name".into(), "holds"),
                count => (format!("{count} other names"), "hold"),
            };
            self.warn(
                format!("{path}: had {names} (a hard link), which still {hold} the old content"),
                [format!("`find . -inum {}` finds them", others.inode)],
            );
        }
    }

    /// A path as the user would type it here.
    pub fn relative(&self, path: &Path) -> PathBuf {
        let shorter = path.strip_prefix(self.directory);
        shorter.unwrap_or(path).to_owned()
    }
}

/// The variable that says in which order the recipients of a file are tried.
const DECRYPTION_ORDER: &str = "SOPS_DECRYPTION_ORDER";

/// What was given as an order of kinds is none.
pub fn unknown_kind(place: &str) -> Failure {
    let kinds = Order::KINDS.join(", ");
    let message = format!("{place} names a kind of key that there is not");
    Failure::new(Exit::USAGE, "usage", message)
        .hint(format!("the kinds are {kinds}, with commas between them"))
}

/// Now, as SOPS writes it.
pub fn now() -> String {
    clock::now().to_string()
}

/// A number of things: `1 value`, `2 values`.
pub fn many(count: usize, one: &str, more: &str) -> String {
    let word = if count == 1 { one } else { more };
    format!("{count} {word}")
}

/// Random bytes from the system, drawn in larger pieces: a file of ten thousand values takes ten
/// thousand IVs. IVs are public, so the buffer holds no secret; keys are drawn elsewhere.
pub struct SystemRandomness {
    buffer: [u8; 4096],
    used: usize,
}

impl Default for SystemRandomness {
    fn default() -> Self {
        Self {
            buffer: [0; 4096],
            used: 4096,
        }
    }
}

impl Randomness for SystemRandomness {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoRandomness> {
        if out.len() > self.buffer.len() {
            return random::fill(out).map_err(|_| NoRandomness);
        }
        if self.buffer.len() - self.used < out.len() {
            random::fill(&mut self.buffer).map_err(|_| NoRandomness)?;
            self.used = 0;
        }
        let end = self.used + out.len();
        let piece = self.buffer.get(self.used..end).ok_or(NoRandomness)?;
        out.copy_from_slice(piece);
        self.used = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_draws_are_equal() {
        let mut random = SystemRandomness::default();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1000 {
            let mut iv = [0u8; 32];
            random.fill(&mut iv).unwrap();
            assert!(seen.insert(iv));
        }
    }
}
