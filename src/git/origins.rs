//! In which commit a content of a file came: for many files in one walk.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use git2::{Delta, DiffOptions, ErrorCode, Oid, Sort};

use super::{GitError, WorkTree};

/// A content of a file, and the commit that brought it.
pub struct Origin {
    /// When the commit was made, in seconds since 1970, by its author's clock.
    pub time: i64,
    /// Who made it, by their own account: `Ana <ana@example.com>`.
    pub author: String,
    /// The commit, in full.
    pub commit: String,
    /// The file's bytes; `None` where the commit removed it.
    pub bytes: Option<Vec<u8>>,
}

impl WorkTree {
    /// The contents that files (paths from the root) had in `HEAD` and the commits before it, in an
    /// order in which what a commit is made from comes before it, each content once. The end of a
    /// shallow clone is where they begin.
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
        let mut walk = repository.revwalk()?;
        walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME | Sort::REVERSE)?;
        match repository.head().and_then(|head| head.peel_to_commit()) {
            Ok(commit) => walk.push(commit.id())?,
            // No commit yet.
            Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => {
                return Ok(found);
            }
            Err(error) => return Err(error),
        }
        let mut seen: HashSet<(PathBuf, Oid)> = HashSet::new();
        for id in walk {
            let commit = repository.find_commit(id?)?;
            let tree = commit.tree()?;
            // What came from another parent was met there.
            let parent = commit.parent(0).ok().and_then(|parent| parent.tree().ok());
            let mut options = DiffOptions::new();
            options.skip_binary_check(true).include_typechange(true);
            let diff =
                repository.diff_tree_to_tree(parent.as_ref(), Some(&tree), Some(&mut options))?;
            for delta in diff.deltas() {
                let file = delta.new_file();
                let Some(path) = file.path().map(Path::to_owned) else {
                    continue;
                };
                if !files.contains(&path) {
                    continue;
                }
                let removed = delta.status() == Delta::Deleted;
                if !removed && !seen.insert((path.clone(), file.id())) {
                    continue;
                }
                let bytes = match repository.find_blob(file.id()) {
                    _ if removed => None,
                    Ok(blob) => Some(blob.content().to_vec()),
                    Err(_) => continue,
                };
                let author = commit.author();
                found.entry(path).or_default().push(Origin {
                    time: author.when().seconds(),
                    author: named(author.name_bytes(), author.email_bytes()),
                    commit: commit.id().to_string(),
                    bytes,
                });
            }
        }
        Ok(found)
    }
}

fn named(name: &[u8], email: &[u8]) -> String {
    let (name, email) = (
        String::from_utf8_lossy(name),
        String::from_utf8_lossy(email),
    );
    match (name.trim(), email.trim()) {
        ("", "") => "unknown".into(),
        ("", email) => email.into(),
        (name, "") => name.into(),
        (name, email) => format!("{name} <{email}>"),
    }
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
    fn every_content_is_found_where_it_came() {
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
                let bytes = origin.bytes.as_deref().unwrap_or(b"-");
                (origin.time, String::from_utf8(bytes.to_vec()).unwrap())
            });
            of.collect::<Vec<_>>()
        };
        let expected = [(100, "1"), (200, "2"), (500, "-")];
        assert_eq!(
            told("a"),
            expected.map(|(time, text)| (time, text.to_owned()))
        );
        assert_eq!(told("b"), [(50, "x".to_owned())]);
    }
}
