//! `mvx rotation verify`: whether the ledger tells of the ciphertexts, and of all that was committed.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::book::Book;
use crate::app::App;
use crate::error::{Exit, Failure};
use crate::git::below::{BlobId, Commits};
use crate::git::history::Reach;
use crate::git::{self, WorkTree};
use crate::io::{clock, file};
use crate::ledger::event::Entry;
use crate::ledger::id::Id;
use crate::ledger::verify::{Finding, Wrong, verify};
use crate::ledger::{DIRECTORY, PREVIOUS};

/// How many commits back events are looked for that are not there any more.
pub(super) const COMMITS: usize = 1_000;

/// What was found.
pub struct Report {
    /// What the ledger and the files do not agree about.
    pub findings: Vec<Finding>,
    /// Secret files that could not be read.
    pub unreadable: Vec<Failure>,
    /// How many events there are.
    pub events: usize,
    /// How many secret files.
    pub files: usize,
    /// Whether there are commits that were not looked at.
    pub cut_short: bool,
    /// How many events are in no commit yet.
    pub uncommitted: usize,
}

impl App<'_> {
    /// Holds the ledger against the secret files and against git. `since` names a commit, such as that of
    /// the default branch: every event must be there that was in the last one which this branch and
    /// that one share. Without it, those of the commits before this one must.
    pub fn verify_ledger(&self, since: Option<&str>) -> Result<Report, Failure> {
        let report = self.look(since)?;
        let ledger = self.ledger_here()?;
        if report.findings.is_empty() || ledger.is_pending()? {
            return Ok(report);
        }
        // Another run may have been between a file and its event.
        match self.lock_ledger(&ledger) {
            Ok(_lock) => self.look(since),
            Err(_) => Ok(report),
        }
    }

    fn look(&self, since: Option<&str>) -> Result<Report, Failure> {
        let book = self.book_in_git()?;
        let chain = book.chain();
        let states: Vec<_> = book.files.iter().map(|file| &file.state).collect();
        let mut findings = verify(&chain, states, &book.kept, clock::now());
        // What cannot be read has not gone.
        let tree = git::work_tree_of(&book.ledger.root.join("any"))?;
        let root = &book.ledger.root;
        for finding in &mut findings {
            let file = finding.file.as_deref();
            let Some(file) = file.filter(|_| finding.what == Wrong::FileGone) else {
                continue;
            };
            let path = self.relative(&root.join(file));
            let is_there = file::kind(&path)?.is_some();
            let covered = self.is_covered(&path).unwrap_or(true);
            if is_there {
                finding.what = if covered {
                    Wrong::NotReadable
                } else {
                    Wrong::NotCovered
                };
            } else if let Some(tree) = &tree
                && tree.is_skipped(Path::new(file))?
            {
                return Err(not_checked_out(&path.display()));
            }
        }
        if !book.unreadable.is_empty() {
            findings.retain(|one| one.what != Wrong::NotReadable);
        }
        if book.ledger.is_pending()? {
            findings.push(about(Wrong::Unfinished, None));
        }
        findings.extend(own_files(&book));
        for directory in [DIRECTORY, PREVIOUS] {
            if self.is_left_out(&root.join(directory).join("any")) {
                findings.push(about(Wrong::Ignored, Some(directory)));
            }
        }
        let git = compare_with_git(&book, since)?;
        findings.extend(git.findings);
        Ok(Report {
            findings,
            events: book.read.events.len(),
            files: book.files.len(),
            unreadable: book.unreadable,
            cut_short: git.reach == Reach::CutShort && since.is_none(),
            uncommitted: git.uncommitted,
        })
    }
}

/// What git says of the events.
#[derive(Default)]
struct Compared {
    findings: Vec<Finding>,
    reach: Reach,
    /// How many events are in no commit that was looked at.
    uncommitted: usize,
}

/// Events that were committed and are not there as they were.
fn compare_with_git(book: &Book, since: Option<&str>) -> Result<Compared, Failure> {
    let Some(tree) = git::work_tree_of(&book.ledger.root.join("any"))? else {
        return Ok(Compared::default());
    };
    let commits = since.map_or(Commits::Nearest(COMMITS), Commits::SharedWith);
    let (committed, reach) = tree
        .committed_below(Path::new(DIRECTORY), commits)
        .map_err(|error| match since {
            Some(name) => {
                let message = format!("git has no commit `{name}` that could be compared with");
                Failure::new(Exit::IO, "no-commit", message)
                    .hint("a shallow clone may lack it: `git fetch --unshallow` gets all")
            }
            None => error.into(),
        })?;
    let events = &book.read.events;
    let uncommitted = if since.is_none() && reach == Reach::Whole {
        let known: HashSet<BlobId> = committed.iter().map(|(_, blob)| *blob).collect();
        let new = events.iter().filter_map(|stored| stored.seen);
        new.filter(|blob| !known.contains(blob)).count()
    } else {
        0
    };
    let strange: HashSet<&Path> = book
        .read
        .strange
        .iter()
        .map(|one| one.path.as_path())
        .collect();
    let gone = gone(book, &tree, committed)?;
    let findings = gone.into_iter().map(|(path, entry)| {
        let edited =
            strange.contains(path.as_path()) || events.iter().any(|stored| stored.path == path);
        let wrong = if edited {
            Wrong::Edited
        } else {
            Wrong::Removed
        };
        let mut finding = about(wrong, path.to_str());
        finding.file = Some(entry.event.file.clone());
        if let [only] = entry.event.values.as_slice() {
            finding.key = Some(only.key.clone());
        }
        finding
    });
    Ok(Compared {
        findings: findings.collect(),
        reach,
        uncommitted,
    })
}

/// The events of the nearest commits that are not there as they were, and where they lay.
pub(super) fn missing_from(book: &Book, tree: &WorkTree) -> Result<Vec<(PathBuf, Entry)>, Failure> {
    let nearest = Commits::Nearest(COMMITS);
    let (committed, _) = tree.committed_below(Path::new(DIRECTORY), nearest)?;
    gone(book, tree, committed)
}

/// Of the events that were committed those that are not there as they were. What git has not got, or did
/// not check out, is an error.
fn gone(
    book: &Book,
    tree: &WorkTree,
    committed: Vec<(PathBuf, BlobId)>,
) -> Result<Vec<(PathBuf, Entry)>, Failure> {
    let events = book.read.events.iter();
    let strange = book.read.strange.iter();
    let here: HashSet<BlobId> = events
        .clone()
        .filter_map(|stored| stored.seen)
        .chain(strange.filter_map(|one| one.seen.flatten()))
        .collect();
    let ids: HashSet<Id> = events.map(|stored| stored.entry.id).collect();
    let mut gone = Vec::new();
    for (path, blob) in committed {
        if here.contains(&blob) {
            continue;
        }
        let Some(bytes) = tree.blob(blob) else {
            // A partial clone has not got it; its name says which event it was.
            let mut known = ids.iter();
            let name = path.to_string_lossy();
            if known.any(|id| name.ends_with(&format!("{id}.toml"))) {
                continue;
            }
            let message = "the clone is partial, and git has not got an event that was committed";
            return Err(Failure::new(Exit::IO, "partial-clone", message)
                .at(format!("{DIRECTORY}/{name}"))
                .hint("`git fetch --refetch --no-filter` gets all of it"));
        };
        // What was no event when it was committed need not be one now.
        let text = String::from_utf8(bytes).ok();
        let Some(entry) = text.and_then(|text| Entry::parse(&text).ok()) else {
            continue;
        };
        // The same event in another spelling, such as with other ends of lines.
        if ids.contains(&entry.id) {
            continue;
        }
        if tree.is_skipped(&Path::new(DIRECTORY).join(&path))? {
            return Err(not_checked_out(&DIRECTORY));
        }
        gone.push((path, entry));
    }
    Ok(gone)
}

fn not_checked_out(place: &dyn std::fmt::Display) -> Failure {
    let message = "git has it and was told not to check it out, so that nothing can be said of it";
    Failure::new(Exit::IO, "not-checked-out", message)
        .at(place)
        .hint("`git sparse-checkout disable` checks out everything")
}

/// What is wrong with the files of the ledger themselves.
fn own_files(book: &Book) -> Vec<Finding> {
    let strange = book.read.strange.iter();
    let mut found: Vec<Finding> = strange
        .map(|one| about(Wrong::NoEvent(one.why.clone()), one.path.to_str()))
        .collect();
    for stored in &book.read.events {
        if stored.path != Path::new(&stored.entry.path()) {
            found.push(about(Wrong::Misplaced, stored.path.to_str()));
        }
    }
    found
}

fn about(what: Wrong, event: Option<&str>) -> Finding {
    Finding {
        file: None,
        key: None,
        what,
        event: event.map(str::to_owned),
    }
}
