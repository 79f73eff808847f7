//! In which commits files changed: for many files in one walk.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use git2::{Commit, Delta, DiffOptions, ErrorCode, Oid, Repository, Sort};

use super::below::BlobId;
use super::{GitError, WorkTree};

/// A change of a file, and the commit that made it.
pub struct Origin {
    /// When the commit was made, in seconds since 1970, by its author's clock.
    pub time: i64,
    /// Who made it, by their own account: `Ana <ana@example.com>`.
    pub author: String,
    /// The commit, in full.
    pub commit: String,
    /// What the file holds after it; `None` where the commit removed it.
    pub content: Option<BlobId>,
    /// What it held in the commit's first parent.
    pub before: Option<BlobId>,
    /// Whether the commit is `HEAD` or one of those that are reached from there by first parents alone:
    /// the line on which a branch's work counts from its merge on.
    pub on_line: bool,
    /// Whether it is a merge.
    pub merges: bool,
    /// Where the file came with it: files that went with the same commit, and what they held.
    pub gone: Vec<(PathBuf, BlobId)>,
}

impl WorkTree {
    /// The changes of files (paths from the root) in `HEAD` and the commits before it, in an order in which
    /// what a commit is made from comes before it. A merge changes what differs from its first
    /// parent. The end of a shallow clone is where they begin.
    pub fn origins(
        &self,
        files: &HashSet<PathBuf>,
    ) -> Result<HashMap<PathBuf, Vec<Origin>>, GitError> {
        self.find_origins(files)
            .map_err(|source| GitError::Unreadable {
                root: self.root.clone(),
                source,
            })
    }

    fn find_origins(
        &self,
        files: &HashSet<PathBuf>,
    ) -> Result<HashMap<PathBuf, Vec<Origin>>, git2::Error> {
        let repository = &self.repository;
        let mut found: HashMap<PathBuf, Vec<Origin>> = HashMap::new();
        let head = match repository.head().and_then(|head| head.peel_to_commit()) {
            Ok(commit) => commit,
            // No commit yet.
            Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => {
                return Ok(found);
            }
            Err(error) => return Err(error),
        };
        let line = line(&head);
        let mut walk = repository.revwalk()?;
        walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME | Sort::REVERSE)?;
        walk.push(head.id())?;
        for id in walk {
            let commit = repository.find_commit(id?)?;
            for (path, origin) in changes(repository, &commit, files)? {
                let origin = Origin {
                    on_line: line.contains(&commit.id()),
                    ..origin
                };
                found.entry(path).or_default().push(origin);
            }
        }
        Ok(found)
    }
}

/// A commit and those that are reached from it by first parents alone.
fn line(head: &Commit<'_>) -> HashSet<Oid> {
    let mut line = HashSet::from([head.id()]);
    let mut at = head.clone();
    while let Ok(parent) = at.parent(0) {
        line.insert(parent.id());
        at = parent;
    }
    line
}

/// What a commit changed in these files.
fn changes(
    repository: &Repository,
    commit: &Commit<'_>,
    files: &HashSet<PathBuf>,
) -> Result<Vec<(PathBuf, Origin)>, git2::Error> {
    let tree = commit.tree()?;
    let parent = match commit.parent(0) {
        Ok(parent) => Some(parent.tree()?),
        Err(_) => None,
    };
    let mut options = DiffOptions::new();
    options.skip_binary_check(true).include_typechange(true);
    let diff = repository.diff_tree_to_tree(parent.as_ref(), Some(&tree), Some(&mut options))?;
    let mut found = Vec::new();
    let mut gone = Vec::new();
    for delta in diff.deltas() {
        let (old, new) = (delta.old_file(), delta.new_file());
        let Some(path) = new.path().map(Path::to_owned) else {
            continue;
        };
        let removed = delta.status() == Delta::Deleted;
        if removed {
            gone.push((path.clone(), BlobId(old.id())));
        }
        if !files.contains(&path) {
            continue;
        }
        let author = commit.author();
        let came = delta.status() == Delta::Added;
        let origin = Origin {
            time: author.when().seconds(),
            author: named(author.name_bytes(), author.email_bytes()),
            commit: commit.id().to_string(),
            content: (!removed).then(|| BlobId(new.id())),
            before: (!came).then(|| BlobId(old.id())),
            on_line: false,
            merges: commit.parent_count() > 1,
            gone: Vec::new(),
        };
        found.push((path, origin));
    }
    for (_, origin) in &mut found {
        if origin.before.is_none() {
            origin.gone.clone_from(&gone);
        }
    }
    Ok(found)
}

/// The most characters of a name: somebody may have made a commit with one of any length.
const LONGEST: usize = 256;

fn named(name: &[u8], email: &[u8]) -> String {
    let (name, email) = (
        String::from_utf8_lossy(name),
        String::from_utf8_lossy(email),
    );
    let who = match (name.trim(), email.trim()) {
        ("", "") => "unknown".into(),
        ("", email) => email.into(),
        (name, "") => name.into(),
        (name, email) => format!("{name} <{email}>"),
    };
    who.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::work_tree_of;
    use git2::{IndexAddOption, Repository, Signature, Time};
    use std::fs;

    fn commit(repository: &Repository, time: i64, other: Option<Oid>) -> Oid {
        let mut index = repository.index().unwrap();
        index.add_all(["*"], IndexAddOption::DEFAULT, None).unwrap();
        index.update_all(["*"], None).unwrap();
        let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
        let who = Signature::new("Ana", "ana@example.com", &Time::new(time, 60)).unwrap();
        let head = repository.head().ok();
        let parent = head.map(|head| head.peel_to_commit().unwrap());
        let other = other.map(|id| repository.find_commit(id).unwrap());
        let parents: Vec<_> = parent.iter().chain(&other).collect();
        repository
            .commit(Some("HEAD"), &who, &who, "x", &tree, &parents)
            .unwrap()
    }

    #[test]
    fn every_change_is_found_where_it_was_made() {
        let directory = tempfile::tempdir().unwrap();
        let repository = Repository::init(directory.path()).unwrap();
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        let tree = work_tree_of(&directory.path().join("x")).unwrap().unwrap();
        let files: HashSet<PathBuf> = ["a", "b"].map(PathBuf::from).into();
        assert!(tree.origins(&files).unwrap().is_empty());
        write("a", "1");
        write("c", "unseen");
        let base = commit(&repository, 100, None);
        write("a", "2");
        let ours = commit(&repository, 200, None);
        // A branch that began before, and is older by its clock.
        repository.set_head_detached(base).unwrap();
        write("a", "1");
        write("b", "x");
        let theirs = commit(&repository, 50, None);
        repository.set_head_detached(ours).unwrap();
        write("a", "2");
        commit(&repository, 300, Some(theirs));
        write("a", "1");
        commit(&repository, 400, None);
        fs::remove_file(directory.path().join("a")).unwrap();
        commit(&repository, 500, None);
        let found = tree.origins(&files).unwrap();
        let told = |name: &str| {
            let of = found[Path::new(name)].iter().map(|origin| {
                assert_eq!(origin.author, "Ana <ana@example.com>");
                let bytes = origin
                    .content
                    .map_or(b"-".to_vec(), |id| tree.blob(id).unwrap());
                let sign = if origin.on_line { 1 } else { -1 };
                (sign * origin.time, String::from_utf8(bytes).unwrap())
            });
            of.collect::<Vec<_>>()
        };
        // What was on no first parent's line is told of as well; merges where they differ from theirs.
        let expected = [(100, "1"), (200, "2"), (400, "1"), (500, "-")];
        assert_eq!(
            told("a"),
            expected.map(|(time, text)| (time, text.to_owned()))
        );
        assert_eq!(told("b"), [(-50, "x".to_owned()), (300, "x".to_owned())]);
    }

    #[test]
    fn what_came_when_another_went_is_told_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let repository = Repository::init(directory.path()).unwrap();
        let tree = work_tree_of(&directory.path().join("x")).unwrap().unwrap();
        fs::write(directory.path().join("old"), "1").unwrap();
        commit(&repository, 100, None);
        fs::rename(directory.path().join("old"), directory.path().join("new")).unwrap();
        commit(&repository, 200, None);
        let files = HashSet::from([PathBuf::from("new")]);
        let found = tree
            .origins(&files)
            .unwrap()
            .remove(Path::new("new"))
            .unwrap();
        let gone: Vec<_> = found[0]
            .gone
            .iter()
            .map(|(path, id)| (path.to_str().unwrap(), tree.blob(*id).unwrap()))
            .collect();
        assert_eq!(gone, [("old", b"1".to_vec())]);
    }
}
