//! How a secret file came to be what it is, by git's history.
//!
//! The versions are those of the line of first parents, because on it one follows the other. What a merge
//! brought is ascribed to the commit of the branch that made it, key by key.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use jiff::Timestamp;

use super::book::SecretFile;
use crate::app::load::{Sealed, parse_sealed};
use crate::error::{Exit, Failure};
use crate::git::WorkTree;
use crate::git::below::BlobId;
use crate::git::origins::Origin;
use crate::ledger::chain::Chain;
use crate::ledger::fingerprint::{Fingerprint, Leaf, leaves};
use crate::ledger::record::{Ivs, Version};
use crate::secret::Cleartext;
use crate::stores::Format;

/// The code of the failure that git has not got all of a file's history.
pub(super) const PARTIAL: &str = "partial-clone";

/// The most renames that are followed back.
const MOST_RENAMES: usize = 16;

/// What is told of a file.
pub(super) struct Told {
    /// Its versions; the last one is how it is now.
    pub(super) versions: Vec<Version>,
    /// The IVs of all ciphertexts that were met.
    pub(super) ivs: Ivs,
}

/// The changes of some files, and of those that they were before they were renamed.
pub(super) struct Lineage<'t> {
    tree: Option<&'t WorkTree>,
    origins: HashMap<PathBuf, Vec<Origin>>,
    /// Files that the ledger knows: a rename of one is told as such.
    known: HashSet<PathBuf>,
    /// What was parsed already.
    parsed: RefCell<HashMap<BlobId, Option<Vec<Leaf>>>>,
    ivs: RefCell<HashMap<BlobId, Rc<Ivs>>>,
}

/// What stood in a file before another one took its place.
type Before<'l> = (&'l Path, BlobId);

/// A key, and what came to stand there.
type Changed = (String, Option<Fingerprint>);

impl<'t> Lineage<'t> {
    /// Looks at git's history for these files, as paths from the root.
    pub(super) fn of(
        tree: Option<&'t WorkTree>,
        files: HashSet<PathBuf>,
        chain: &Chain<'_>,
    ) -> Result<Self, Failure> {
        let mut lineage = Self {
            tree,
            origins: HashMap::new(),
            known: HashSet::new(),
            parsed: RefCell::default(),
            ivs: RefCell::default(),
        };
        let Some(tree) = tree else {
            return Ok(lineage);
        };
        let mut open = files;
        for _ in 0..MOST_RENAMES {
            if open.is_empty() {
                break;
            }
            lineage.origins.extend(tree.origins(&open)?);
            for path in &open {
                lineage.origins.entry(path.clone()).or_default();
            }
            open = lineage.sources();
        }
        let paths = lineage.origins.keys();
        let known = paths.filter(|path| path.to_str().is_some_and(|name| chain.knows_file(name)));
        lineage.known = known.cloned().collect();
        Ok(lineage)
    }

    /// The versions of a file, and how it is now. An error where git has not got all of them.
    pub(super) fn versions(
        &self,
        file: &SecretFile,
        current: &Sealed,
        (now, actor): (Timestamp, &str),
    ) -> Result<Told, Failure> {
        let mut told = Told {
            versions: Vec::new(),
            ivs: Ivs::default(),
        };
        told.ivs.add(&current.tree);
        let path = Path::new(&file.state.file);
        self.add(path, current.format, now, &mut told, &mut HashSet::new())?;
        let last = told.versions.last();
        if last.is_none_or(|last| last.leaves != file.state.leaves) {
            told.versions.push(Version {
                at: now,
                actor: actor.to_owned(),
                leaves: file.state.leaves.clone(),
                by: HashMap::new(),
            });
        }
        Ok(told)
    }

    /// When and by whom a file was removed that is not there.
    pub(super) fn removal(&self, name: &str, now: Timestamp) -> Option<(Timestamp, String)> {
        let all = self.origins.get(Path::new(name))?;
        let last = all.iter().rfind(|origin| origin.on_line)?;
        let by = match (last.content, last.merges) {
            (Some(_), _) => return None,
            (None, false) => last,
            (None, true) => all
                .iter()
                .rfind(|origin| !origin.on_line && origin.content.is_none())
                .unwrap_or(last),
        };
        Some((time(by, now), by.author.clone()))
    }

    /// Adds the versions of a file, after those of what it was before.
    fn add(
        &self,
        path: &Path,
        format: Format,
        now: Timestamp,
        told: &mut Told,
        seen: &mut HashSet<PathBuf>,
    ) -> Result<(), Failure> {
        let none = Vec::new();
        let all = self.origins.get(path).unwrap_or(&none);
        if !seen.insert(path.to_owned()) {
            return Ok(());
        }
        // What was changed off the line, by key and what came of it, with its place in the history.
        let mut off_line: HashMap<Changed, Vec<(usize, &Origin)>> = HashMap::new();
        for (number, origin) in all.iter().enumerate().filter(|(_, origin)| !origin.on_line) {
            let before = self.leaves(path, format, origin.before, told)?;
            let after = self.leaves(path, format, origin.content, told)?;
            for changed in changed(&before, &after) {
                off_line.entry(changed).or_default().push((number, origin));
            }
        }
        for (number, origin) in all.iter().enumerate().filter(|(_, origin)| origin.on_line) {
            let (at, actor) = (time(origin, now), origin.author.clone());
            if origin.before.is_none()
                && let Some((old, blob)) = self.source(path, origin)
            {
                if self.known.contains(old) {
                    // It was told of under its old name; what it held then moves on.
                    let leaves = self.leaves(old, format, Some(blob), told)?;
                    told.versions.push(Version {
                        at,
                        actor: actor.clone(),
                        leaves,
                        by: HashMap::new(),
                    });
                } else if told.versions.is_empty() {
                    self.add(old, format, now, told, seen)?;
                    // It went from there in this commit.
                    if told
                        .versions
                        .last()
                        .is_some_and(|last| last.leaves.is_empty())
                    {
                        told.versions.pop();
                    }
                }
            }
            let leaves = self.leaves(path, format, origin.content, told)?;
            let mut by = HashMap::new();
            if origin.merges {
                let before = self.leaves(path, format, origin.before, told)?;
                for changed in changed(&before, &leaves) {
                    let made = off_line
                        .get(&changed)
                        .map(Vec::as_slice)
                        .unwrap_or_default();
                    let last = made.iter().rfind(|(made, _)| *made < number);
                    if let Some((_, made)) = last {
                        by.insert(changed.0, (time(made, now), made.author.clone()));
                    }
                }
            }
            told.versions.push(Version {
                at,
                actor,
                leaves,
                by,
            });
        }
        Ok(())
    }

    /// What a content holds, nothing where there is none or no secret file. A content that git has not got
    /// is an error.
    fn leaves(
        &self,
        path: &Path,
        format: Format,
        blob: Option<BlobId>,
        told: &mut Told,
    ) -> Result<Vec<Leaf>, Failure> {
        let (Some(blob), Some(tree)) = (blob, self.tree) else {
            return Ok(Vec::new());
        };
        if let Some(known) = self.parsed.borrow().get(&blob) {
            return Ok(known.clone().unwrap_or_default());
        }
        let bytes = tree.blob(blob).ok_or_else(|| {
            let message = "the clone is partial, and git has not got all of the file's history";
            Failure::new(Exit::IO, PARTIAL, message)
                .at(path.display())
                .hint("`git fetch --refetch --no-filter` gets all of it")
        })?;
        let name = path.display().to_string();
        let found = parse_sealed(&name, format, Cleartext::new(bytes))
            .ok()
            .map(|sealed| {
                told.ivs.add(&sealed.tree);
                leaves(&sealed.tree)
            });
        self.parsed.borrow_mut().insert(blob, found.clone());
        Ok(found.unwrap_or_default())
    }

    /// What a file was before the commit in which it came: what went with the same commit, and is the same,
    /// or has one of its IVs.
    fn source<'l>(&self, path: &Path, origin: &'l Origin) -> Option<Before<'l>> {
        let content = origin.content?;
        let same = origin.gone.iter().find(|(_, blob)| *blob == content);
        if let Some((old, blob)) = same {
            return Some((old, *blob));
        }
        let new = self.ivs(path, content)?;
        let mut gone = origin.gone.iter();
        let found =
            gone.find(|(old, blob)| self.ivs(old, *blob).is_some_and(|old| old.shares(&new)));
        found.map(|(old, blob)| (old.as_path(), *blob))
    }

    /// The IVs of a content of which only the name and the bytes are known; each is parsed once.
    fn ivs(&self, path: &Path, blob: BlobId) -> Option<Rc<Ivs>> {
        if let Some(known) = self.ivs.borrow().get(&blob) {
            return Some(Rc::clone(known));
        }
        let mut ivs = Ivs::default();
        let name = path.display().to_string();
        let bytes = Cleartext::new(self.tree?.blob(blob)?);
        if let Ok(sealed) = parse_sealed(&name, Format::from_path(path), bytes) {
            ivs.add(&sealed.tree);
        }
        let ivs = Rc::new(ivs);
        self.ivs.borrow_mut().insert(blob, Rc::clone(&ivs));
        Some(ivs)
    }

    /// Files that those known so far were before, and of which nothing is known yet.
    fn sources(&self) -> HashSet<PathBuf> {
        let mut found = HashSet::new();
        for (path, all) in &self.origins {
            for origin in all.iter().filter(|one| one.on_line && one.before.is_none()) {
                if let Some((old, _)) = self.source(path, origin)
                    && !self.origins.contains_key(old)
                {
                    found.insert(old.to_owned());
                }
            }
        }
        found
    }
}

/// The keys that differ, and what stands there then.
fn changed(before: &[Leaf], after: &[Leaf]) -> Vec<Changed> {
    let index = |leaves: &[Leaf]| -> HashMap<String, Fingerprint> {
        let pairs = leaves
            .iter()
            .map(|leaf| (leaf.key.clone(), leaf.fingerprint));
        pairs.collect()
    };
    let (old, new) = (index(before), index(after));
    let gone = old.keys().filter(|key| !new.contains_key(*key));
    let gone = gone.map(|key| (key.clone(), None));
    let come = new
        .iter()
        .filter(|(key, print)| old.get(*key) != Some(*print))
        .map(|(key, print)| (key.clone(), Some(*print)));
    gone.chain(come).collect()
}

/// When a commit was made; one from the future is from now.
fn time(origin: &Origin, now: Timestamp) -> Timestamp {
    Timestamp::from_second(origin.time).map_or(now, |at| at.min(now))
}
