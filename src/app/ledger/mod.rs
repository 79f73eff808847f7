//! The ledger in its repository: where it lies, whether it is kept, and what was begun there.
//!
//! A repository keeps a ledger from the day on which `.mvx/ledger` is there, or its rules have a
//! `[[secrets]]` table. Every command that changes a secret file then writes the file and its events
//! as one.

pub mod book;
mod bring_back;
pub mod consumers;
pub mod deliver;
pub mod destinations;
pub mod due;
pub mod expire;
pub mod generate;
mod lineage;
pub mod locate;
pub mod log;
mod missing;
pub mod notify;
pub mod previous;
pub mod record;
pub mod restore;
pub mod rotate;
pub mod store;
pub mod verify;
pub mod versions;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::app::App;
use crate::app::env::place::link_on_the_way;
use crate::app::files::shell_word;
use crate::error::{Exit, Failure};
use crate::git;
use crate::io::file::{self, Kind};
use crate::io::journal::Journal;
use crate::io::lock::{Lock, Locks};
use crate::ledger::event::Entry;
use crate::ledger::{DIRECTORY, read};

/// The ledger of a repository.
pub struct Ledger {
    /// The work tree's root, without links.
    pub root: PathBuf,
    journal: Journal,
}

/// Where the journal lies in git's directory.
const JOURNAL: &str = "mvx/journal";

/// Events that were read in this run; shared by its threads.
#[derive(Clone, Default)]
pub(super) struct Cache(Arc<Mutex<Option<Known>>>);

struct Known {
    root: PathBuf,
    names: HashSet<PathBuf>,
    entries: Vec<Entry>,
}

impl App<'_> {
    /// The ledger of the repository in which this run works.
    pub fn ledger_here(&self) -> Result<Ledger, Failure> {
        let here = ledger_at(&self.directory().join("any"))?;
        here.ok_or_else(|| {
            let message = "there is no git repository here, and a ledger is kept in one";
            Failure::new(Exit::IO, "no-repository", message).hint("`git init` makes one")
        })
    }

    /// The ledger in which changes of a secret file are entered, and what it calls the file; `None`
    /// where none is kept, or no rule covers the file.
    pub(in crate::app) fn book_of(&self, path: &Path) -> Result<Option<(Ledger, String)>, Failure> {
        self.book_for(path, false)
    }

    /// The same, also of a repository that keeps none yet where one `begins`.
    fn book_for(&self, path: &Path, begins: bool) -> Result<Option<(Ledger, String)>, Failure> {
        let Some(root) = git::repository_root(path)? else {
            return Ok(None);
        };
        let kept = begins || self.keeps_ledger(&root, path)?;
        if !kept || !self.is_covered(path)? {
            return Ok(None);
        }
        let Some(ledger) = ledger_at(path)? else {
            return Ok(None);
        };
        Ok(ledger.name_of(path)?.map(|name| (ledger, name)))
    }

    /// Whether the repository at `root` keeps a ledger, by its rules for `path` or because there is
    /// one.
    pub(super) fn keeps_ledger(&self, root: &Path, path: &Path) -> Result<bool, Failure> {
        if file::kind(&root.join(DIRECTORY))? == Some(Kind::Directory) {
            return Ok(true);
        }
        // Broken rules say nothing of a ledger, and keep nobody from his work.
        Ok(self
            .rules_at(path)
            .is_ok_and(|rules| rules.has_secret_policies()))
    }

    /// Keeps other runs from writing events, and finishes what one of them had begun when it was
    /// killed.
    pub(super) fn hold(&self, ledger: &Ledger) -> Result<Lock, Failure> {
        let lock = self.lock_ledger(ledger)?;
        self.finish(ledger)?;
        Ok(lock)
    }

    /// Keeps other runs from writing events.
    fn lock_ledger(&self, ledger: &Ledger) -> Result<Lock, Failure> {
        let place = ledger.journal.place();
        file::create_private_directories(file::directory_of(place))?;
        Ok(Locks::of(self.environment).hold(place, Locks::PATIENCE)?)
    }

    /// Finishes what a run had begun that was killed, in the repository in which `path` stands.
    pub(super) fn finish_what_was_begun(&self, path: &Path) -> Result<(), Failure> {
        let own = |part: &std::ffi::OsStr| part == ".git";
        if path.iter().any(own) {
            return Ok(());
        }
        let Ok(Some(root)) = git::repository_root(path) else {
            return Ok(());
        };
        let git = root.join(".git");
        // A linked work tree has its directory elsewhere.
        let here = file::kind(&git)? == Some(Kind::Directory);
        if here && file::kind(&git.join(JOURNAL))?.is_none() {
            return Ok(());
        }
        // Who cannot ask git has begun nothing there.
        match ledger_at(path) {
            Ok(Some(ledger)) if ledger.is_pending()? => self.hold(&ledger).map(drop),
            _ => Ok(()),
        }
    }

    /// Finishes what was begun, under the lock; says so.
    fn finish(&self, ledger: &Ledger) -> Result<(), Failure> {
        let Some(finished) = ledger.journal.finish()? else {
            return Ok(());
        };
        self.ledger_events.forget();
        let what = &finished.what;
        if finished.changed.is_empty() {
            self.note(format!(
                "{what} was cut short by a kill or a crash; it has been finished now"
            ));
            return Ok(());
        }
        let changed = finished.changed.iter();
        let changed: Vec<String> = changed
            .map(|path| self.relative(&ledger.root.join(path)).display().to_string())
            .collect();
        let left = finished.left.unwrap_or_default();
        self.warn(
            format!(
                "{what} was cut short, and somebody has changed {} since; the rest of it was not done",
                changed.join(", ")
            ),
            [
                "`mvx rotation verify` shows whether the ledger misses something".into(),
                format!("what was to be written lies at {}, until the next such case", left.display()),
            ],
        );
        Ok(())
    }

    /// The events that name a file, without those that cannot be believed. The lock is held.
    pub(in crate::app) fn events_of(
        &self,
        ledger: &Ledger,
        name: &str,
    ) -> Result<Vec<Entry>, Failure> {
        let names = |entry: &Entry| {
            let mut from = entry.event.values.iter();
            entry.event.file == name || from.any(|value| value.from_file.as_deref() == Some(name))
        };
        self.ledger_events.with(ledger, |entries| {
            entries
                .iter()
                .filter(|entry| names(entry))
                .cloned()
                .collect()
        })
    }
}

impl Ledger {
    /// What the ledger calls a file; `None` for one outside of the repository.
    pub fn name_of(&self, path: &Path) -> Result<Option<String>, Failure> {
        name_in(&self.root, path)
    }

    /// The directory of its events.
    pub fn directory(&self) -> PathBuf {
        self.root.join(DIRECTORY)
    }

    /// Whether a run was killed while it wrote.
    pub fn is_pending(&self) -> Result<bool, Failure> {
        Ok(self.journal.is_pending()?)
    }

    /// Fails where a link leads out of `.mvx`: whoever can open a pull request can commit one.
    pub fn has_no_links(&self, inside: &str) -> Result<(), Failure> {
        no_links(&self.root, inside)
    }
}

impl Cache {
    /// Forgets what was read: more may be there.
    fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Looks at the events of a ledger: they are read once a run, and then only what came since.
    fn with<T>(&self, ledger: &Ledger, look: impl FnOnce(&[Entry]) -> T) -> Result<T, Failure> {
        ledger.has_no_links(DIRECTORY)?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = match &mut *known {
            Some(known) if known.root == ledger.root => {
                // Whoever writes now writes into this month.
                let month = crate::io::clock::now().strftime("%Y/%m").to_string();
                let directory = ledger.directory().join(&month);
                let found = read::newer(&directory, |name| {
                    known.names.contains(&Path::new(&month).join(name))
                })?;
                for (name, entry) in found {
                    known.names.insert(Path::new(&month).join(name));
                    known.entries.push(entry);
                }
                known
            }
            _ => {
                let found = read::read(&ledger.directory(), |_| ())?;
                let (names, entries) = found
                    .events
                    .into_iter()
                    .map(|stored| (stored.path, stored.entry))
                    .unzip();
                known.insert(Known {
                    root: ledger.root.clone(),
                    names,
                    entries,
                })
            }
        };
        Ok(look(&fresh.entries))
    }
}

/// The ledger of the repository in which `path` stands, kept or not yet; `None` outside of git.
fn ledger_at(path: &Path) -> Result<Option<Ledger>, Failure> {
    let Some(tree) = git::work_tree_of(path)? else {
        return Ok(None);
    };
    let place = tree.git_directory().join(JOURNAL);
    Ok(Some(Ledger {
        root: tree.root().to_owned(),
        journal: Journal::new(tree.root(), &place),
    }))
}

/// What the ledger of the work tree at `root` calls a file; `None` for one outside of it. A name that is
/// not UTF-8 is an error.
fn name_in(root: &Path, path: &Path) -> Result<Option<String>, Failure> {
    let target = file::target(path)?;
    let Some(last) = target.file_name() else {
        return Ok(None);
    };
    let full = file::canonical(file::directory_of(&target))?.join(last);
    let Ok(inside) = full.strip_prefix(root) else {
        return Ok(None);
    };
    let parts: Option<Vec<&str>> = inside.iter().map(|part| part.to_str()).collect();
    let Some(parts) = parts else {
        let message = "its name is not UTF-8, and no event can tell of such a file";
        return Err(Failure::new(Exit::IO, "bad-name", message)
            .at(path.display())
            .hint("`git mv` gives it another name"));
    };
    Ok(Some(parts.join("/")))
}

/// Fails where a link leads away from what is below `root`.
fn no_links(root: &Path, inside: &str) -> Result<(), Failure> {
    let Some(link) = link_on_the_way(root, inside)? else {
        return Ok(());
    };
    let message = "a symbolic link, and nothing in `.mvx` is reached through one";
    Err(Failure::new(Exit::IO, "symbolic-link", message)
        .at(link.display())
        .hint(format!("`rm {}` removes the link", shell_word(&link))))
}
