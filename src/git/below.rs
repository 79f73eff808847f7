//! What commits hold below a directory, for what must never change or go once it was committed.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};

use git2::{ErrorCode, ObjectType, Oid, Repository, Tree};

use super::history::Reach;
use super::{GitError, WorkTree};

/// A content as git names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobId(pub(super) Oid);

impl BlobId {
    /// The name of a content.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        Oid::hash_object(ObjectType::Blob, bytes).ok().map(Self)
    }

    /// The name that the library gave.
    pub(super) fn from_oid(id: Oid) -> Self {
        Self(id)
    }

    /// The name as the library has it.
    pub(super) fn oid(self) -> Oid {
        self.0
    }
}

/// Which commits are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commits<'a> {
    /// `HEAD` and those before it, the nearest ones first, as many as this.
    Nearest(usize),
    /// The one of this name alone.
    One(&'a str),
    /// The last one alone from which both `HEAD` and the one of this name come.
    SharedWith(&'a str),
}

impl WorkTree {
    /// The files below a directory (a path from the root) in commits: each path with each content
    /// once. Says whether all of the history was looked at.
    pub fn committed_below(
        &self,
        directory: &Path,
        commits: Commits<'_>,
    ) -> Result<(Vec<(PathBuf, BlobId)>, Reach), GitError> {
        self.find_below(directory, commits)
            .map_err(|source| GitError::Unreadable {
                root: self.root.clone(),
                source,
            })
    }

    /// A content that a commit holds.
    pub fn blob(&self, id: BlobId) -> Option<Vec<u8>> {
        let blob = self.repository.find_blob(id.0).ok()?;
        Some(blob.content().to_vec())
    }

    fn find_below(
        &self,
        directory: &Path,
        commits: Commits<'_>,
    ) -> Result<(Vec<(PathBuf, BlobId)>, Reach), git2::Error> {
        let repository = &self.repository;
        let (first, most) = match commits {
            Commits::One(name) => {
                let commit = repository.revparse_single(name)?.peel_to_commit()?;
                (commit.id(), 1)
            }
            Commits::SharedWith(name) => {
                let commit = repository.revparse_single(name)?.peel_to_commit()?;
                let head = repository.head()?.peel_to_commit()?;
                (repository.merge_base(head.id(), commit.id())?, 1)
            }
            Commits::Nearest(most) => {
                match repository.head().and_then(|head| head.peel_to_commit()) {
                    Ok(commit) => (commit.id(), most),
                    // No commit yet.
                    Err(error)
                        if matches!(
                            error.code(),
                            ErrorCode::UnbornBranch | ErrorCode::NotFound
                        ) =>
                    {
                        return Ok((Vec::new(), Reach::Whole));
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        let mut below = Below {
            repository,
            trees: HashSet::new(),
            found: HashSet::new(),
        };
        // Those that are fewest steps away come first: a merge brings both of its sides at once.
        let mut open = VecDeque::from([first]);
        let mut seen = HashSet::from([first]);
        let mut looked_at = 0;
        let mut reach = Reach::Whole;
        while let Some(id) = open.pop_front() {
            if looked_at == most {
                reach = Reach::CutShort;
                break;
            }
            looked_at += 1;
            let Ok(commit) = repository.find_commit(id) else {
                reach = Reach::CutShort;
                continue;
            };
            let tree = commit.tree()?;
            match tree.get_path(directory) {
                Ok(entry) if entry.kind() == Some(ObjectType::Tree) => {
                    below.tree(entry.id(), PathBuf::new())?;
                }
                Err(error) if error.code() != ErrorCode::NotFound => return Err(error),
                // The parts of the path may be there and be missing in a partial clone.
                Err(_) => below.is_there(&tree, directory)?,
                Ok(_) => {}
            }
            open.extend(commit.parent_ids().filter(|parent| seen.insert(*parent)));
        }
        if repository.is_shallow() {
            reach = Reach::CutShort;
        }
        let mut found: Vec<(PathBuf, BlobId)> = below.found.into_iter().collect();
        found.sort();
        Ok((found, reach))
    }
}

struct Below<'r> {
    repository: &'r Repository,
    /// Trees that were looked at, and where.
    trees: HashSet<(Oid, PathBuf)>,
    found: HashSet<(PathBuf, BlobId)>,
}

impl Below<'_> {
    /// Fails where a tree on the way to a directory is missing, be it that the clone is partial.
    fn is_there(&self, tree: &Tree<'_>, directory: &Path) -> Result<(), git2::Error> {
        let mut on_the_way = PathBuf::new();
        for part in directory {
            on_the_way.push(part);
            match tree.get_path(&on_the_way) {
                Ok(entry) if entry.kind() == Some(ObjectType::Tree) => {
                    self.repository.find_tree(entry.id())?;
                }
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// Everything in a tree. One that is missing, as in a partial clone, is an error: what it holds would
    /// not be missed.
    fn tree(&mut self, id: Oid, path: PathBuf) -> Result<(), git2::Error> {
        let mut open = vec![(id, path)];
        while let Some((id, path)) = open.pop() {
            if !self.trees.insert((id, path.clone())) {
                continue;
            }
            let tree = self.repository.find_tree(id)?;
            self.entries(&tree, &path, &mut open);
        }
        Ok(())
    }

    fn entries(&mut self, tree: &Tree<'_>, path: &Path, open: &mut Vec<(Oid, PathBuf)>) {
        for entry in tree {
            let Ok(name) = std::str::from_utf8(entry.name_bytes()) else {
                continue;
            };
            let path = path.join(name);
            match entry.kind() {
                Some(ObjectType::Tree) => open.push((entry.id(), path)),
                Some(ObjectType::Blob) => {
                    self.found.insert((path, BlobId(entry.id())));
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::work_tree_of;
    use git2::{IndexAddOption, Signature, Time};
    use std::fs;

    fn commit(repository: &Repository) {
        let mut index = repository.index().unwrap();
        index.add_all(["*"], IndexAddOption::DEFAULT, None).unwrap();
        index.update_all(["*"], None).unwrap();
        let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
        let who = Signature::new("Ana", "ana@example.com", &Time::new(1000, 0)).unwrap();
        let head = repository.head().ok();
        let parent = head.map(|head| head.peel_to_commit().unwrap());
        let parents: Vec<_> = parent.iter().collect();
        repository
            .commit(Some("HEAD"), &who, &who, "x", &tree, &parents)
            .unwrap();
    }

    #[test]
    fn what_was_ever_there_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let repository = Repository::init(directory.path()).unwrap();
        let at = |name: &str| directory.path().join(name);
        let tree = work_tree_of(&at("x")).unwrap().unwrap();
        let below = |commits| {
            let (found, reach) = tree.committed_below(Path::new("l"), commits).unwrap();
            let found = found.into_iter().map(|(path, id)| {
                let content = String::from_utf8(tree.blob(id).unwrap()).unwrap();
                assert_eq!(BlobId::of(content.as_bytes()), Some(id));
                format!("{}={content}", path.display())
            });
            (found.collect::<Vec<_>>(), reach)
        };
        assert_eq!(below(Commits::Nearest(9)), (vec![], Reach::Whole));
        fs::create_dir_all(at("l/2026")).unwrap();
        fs::write(at("l/2026/a"), "1").unwrap();
        fs::write(at("other"), "x").unwrap();
        commit(&repository);
        fs::write(at("l/2026/b"), "2").unwrap();
        commit(&repository);
        fs::write(at("l/2026/b"), "3").unwrap();
        fs::remove_file(at("l/2026/a")).unwrap();
        commit(&repository);
        let all = ["2026/a=1", "2026/b=2", "2026/b=3"];
        let (found, reach) = below(Commits::Nearest(9));
        let mut found = found;
        found.sort();
        assert_eq!(
            (found, reach),
            (all.map(str::to_owned).to_vec(), Reach::Whole)
        );
        let (found, reach) = below(Commits::Nearest(1));
        assert_eq!((found, reach), (vec!["2026/b=3".into()], Reach::CutShort));
        let (found, _) = below(Commits::One("HEAD~1"));
        assert_eq!(found.len(), 2);
        let unknown = tree.committed_below(Path::new("l"), Commits::One("nothing"));
        assert!(unknown.is_err());
    }
}
