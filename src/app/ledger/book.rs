//! The ledger and the secret files that it tells of, as they are: read without any key.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::previous::kept_below;
use super::{Ledger, name_in};
use crate::app::App;
use crate::app::files::Wanted;
use crate::error::Failure;
use crate::git;
use crate::git::below::BlobId;
use crate::io::file;
use crate::ledger::chain::Chain;
use crate::ledger::fingerprint::leaves;
use crate::ledger::read::{self, Read};
use crate::ledger::verify::{Kept, State};
use crate::ledger::{DIRECTORY, PREVIOUS};

/// A ledger that was read.
pub struct Book {
    /// Where it lies.
    pub ledger: Ledger,
    /// Its events, and what is none, with git's names of their contents where those are wanted.
    pub read: Read<Option<BlobId>>,
    /// The secret files that rules cover, in the order of their names.
    pub files: Vec<SecretFile>,
    /// The files in which replaced and deleted values are kept.
    pub kept: Vec<Kept>,
    /// Secret files that cannot be read, and why.
    pub unreadable: Vec<Failure>,
}

/// A secret file as it is.
pub struct SecretFile {
    /// As the user would type it.
    pub path: PathBuf,
    /// Its environment.
    pub environment: Option<String>,
    /// What can be told of it without a key.
    pub state: State,
}

impl Book {
    /// The events, chained.
    pub fn chain(&self) -> Chain<'_> {
        Chain::new(self.read.events.iter().map(|stored| &stored.entry))
    }

    /// The file of this name.
    pub fn file(&self, name: &str) -> Option<&SecretFile> {
        self.files.iter().find(|file| file.state.file == name)
    }
}

impl App<'_> {
    /// Reads the ledger of this repository, and the values of the secret files that its rules cover.
    pub fn book(&self) -> Result<Book, Failure> {
        self.read_book(|_| None)
    }

    /// The same, with git's names of the events' contents.
    pub(super) fn book_in_git(&self) -> Result<Book, Failure> {
        self.read_book(BlobId::of)
    }

    fn read_book(&self, look: impl Fn(&[u8]) -> Option<BlobId> + Sync) -> Result<Book, Failure> {
        let ledger = self.ledger_here()?;
        ledger.has_no_links(DIRECTORY)?;
        let events = read::read(&ledger.directory(), look)?;
        let root = self.repository()?;
        let mut paths = self.targets(&[root], Wanted::Sealed)?;
        let mut inside: HashMap<PathBuf, bool> = HashMap::new();
        paths.retain(|path| is_of(&ledger.root, path, &mut inside));
        let found = self.each_file(&paths, |app, path| app.secret_file(&ledger.root, path));
        let kept = kept_below(&ledger.root, PREVIOUS)?;
        let mut book = Book {
            ledger,
            kept,
            read: events,
            files: Vec::new(),
            unreadable: Vec::new(),
        };
        for one in found {
            match one {
                Ok(Some(file)) => book.files.push(file),
                Ok(None) => {}
                Err(failure) => book.unreadable.push(failure),
            }
        }
        book.files.sort_by(|a, b| a.state.file.cmp(&b.state.file));
        book.files.dedup_by(|a, b| a.state.file == b.state.file);
        Ok(book)
    }

    /// Runs `work` for each file, on all cores; nobody is asked for anything.
    pub(super) fn each_file<T: Send>(
        &self,
        files: &[PathBuf],
        work: impl Fn(&App<'_>, &PathBuf) -> T + Sync,
    ) -> Vec<T> {
        // A thread costs more than a few files.
        const WORTH_A_THREAD: usize = 16;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = cores.min(files.len() / WORTH_A_THREAD);
        if threads < 2 {
            return files.iter().map(|file| work(self, file)).collect();
        }
        self.spread(files, threads, work, || {})
    }

    /// A secret file as it is; `None` for one outside of the repository.
    pub(super) fn secret_file(
        &self,
        root: &Path,
        path: &Path,
    ) -> Result<Option<SecretFile>, Failure> {
        let Some(name) = name_in(root, path)? else {
            return Ok(None);
        };
        let sealed = self.read_sealed(path, None)?;
        Ok(Some(SecretFile {
            path: path.to_owned(),
            environment: self
                .policy_if_any(path)?
                .and_then(|policy| policy.environment),
            state: State {
                file: name,
                leaves: leaves(&sealed.tree),
            },
        }))
    }
}

/// Whether a file belongs to the repository at `root`, and not to one of its own below it.
fn is_of(root: &Path, path: &Path, known: &mut HashMap<PathBuf, bool>) -> bool {
    let directory = file::directory_of(path);
    if let Some(known) = known.get(directory) {
        return *known;
    }
    let found = git::repository_root(path);
    let same = |found: PathBuf| file::canonical(&found).is_ok_and(|found| found == root);
    let is_of = found.is_ok_and(|found| found.is_none_or(same));
    known.insert(directory.to_owned(), is_of);
    is_of
}
