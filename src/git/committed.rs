//! What git's history holds of a file.

use std::path::Path;

use git2::{Oid, Sort};

use super::{GitError, WorkTree};

/// How many commits are looked at, newest first, so that a person need not wait.
const COMMIT_LIMIT: usize = 20_000;

/// The commits that hold a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// The newest commit that holds it.
    pub newest: Commit,
    /// The oldest one that was looked at and holds it.
    pub oldest: Commit,
    /// How many different contents it had in them.
    pub versions: usize,
    /// Whether the file as it is now is one of them, byte for byte.
    pub as_it_is: bool,
    /// Whether there are commits that were not looked at.
    pub cut_short: bool,
}

/// A commit, as a person is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The first 10 digits of its id.
    pub id: String,
    /// The day of it, in UTC: `2026-11-22`.
    pub day: String,
}

impl WorkTree {
    /// The commits that hold a file at `path` and can be reached from `HEAD` or any branch, tag or
    /// remote branch; `None` where there are none. `bytes` is what stands in the file now.
    /// `passed_over` says of a version's first bytes that it does not count: it is encrypted.
    pub fn history(
        &self,
        path: &Path,
        bytes: &[u8],
        passed_over: impl Fn(&[u8]) -> bool,
    ) -> Result<Option<History>, GitError> {
        let inside = self.inside(path)?;
        self.find_history(&inside, bytes, passed_over)
            .map_err(|source| GitError::Unreadable {
                root: self.root.clone(),
                source,
            })
    }

    fn find_history(
        &self,
        inside: &Path,
        bytes: &[u8],
        passed_over: impl Fn(&[u8]) -> bool,
    ) -> Result<Option<History>, git2::Error> {
        let repository = &self.repository;
        let now = Oid::hash_object(git2::ObjectType::Blob, bytes)?;
        let mut walk = repository.revwalk()?;
        walk.set_sorting(Sort::TIME)?;
        // An empty repository has no HEAD to begin from.
        walk.push_head().ok();
        walk.push_glob("refs/heads/*")?;
        walk.push_glob("refs/remotes/*")?;
        walk.push_glob("refs/tags/*")?;
        let mut found: Option<History> = None;
        // Contents that were looked into, and whether they count.
        let mut contents: Vec<(Oid, bool)> = Vec::new();
        for (number, id) in walk.enumerate() {
            if number == COMMIT_LIMIT {
                if let Some(found) = &mut found {
                    found.cut_short = true;
                }
                break;
            }
            let commit = repository.find_commit(id?)?;
            let Ok(entry) = commit.tree()?.get_path(inside) else {
                continue;
            };
            let content = entry.id();
            let known = contents.iter().find(|(id, _)| *id == content);
            let counts = known.map_or_else(
                || {
                    // What is no blob, such as a directory of this name, holds no value.
                    let blob = repository.find_blob(content);
                    blob.is_ok_and(|blob| !passed_over(blob.content()))
                },
                |(_, counts)| *counts,
            );
            if known.is_none() {
                contents.push((content, counts));
            }
            if !counts {
                continue;
            }
            let told = told(&commit);
            match &mut found {
                Some(found) => found.oldest = told,
                None => {
                    found = Some(History {
                        newest: told.clone(),
                        oldest: told,
                        versions: 0,
                        as_it_is: false,
                        cut_short: false,
                    });
                }
            }
        }
        if let Some(found) = &mut found {
            let counted = contents.iter().filter(|(_, counts)| *counts);
            found.versions = counted.clone().count();
            found.as_it_is = counted.into_iter().any(|(id, _)| *id == now);
        }
        Ok(found)
    }
}

fn told(commit: &git2::Commit<'_>) -> Commit {
    let mut id = commit.id().to_string();
    id.truncate(10);
    let day = jiff::Timestamp::from_second(commit.time().seconds())
        .map(|time| time.strftime("%Y-%m-%d").to_string())
        .unwrap_or_default();
    Commit { id, day }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::git::work_tree_of;
    use git2::{Repository, Signature, Time};
    use std::fs;

    struct Project {
        directory: tempfile::TempDir,
        repository: Repository,
        seconds: i64,
    }

    impl Project {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let repository = Repository::init(directory.path()).unwrap();
            Self {
                directory,
                repository,
                seconds: 1_700_000_000,
            }
        }

        /// Commits this one file, or its removal.
        fn commit(&mut self, name: &str, content: Option<&str>) -> String {
            let path = self.directory.path().join(name);
            let mut index = self.repository.index().unwrap();
            if let Some(content) = content {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, content).unwrap();
                index.add_path(Path::new(name)).unwrap();
            } else {
                index.remove_path(Path::new(name)).unwrap();
            }
            index.write().unwrap();
            let tree = self
                .repository
                .find_tree(index.write_tree().unwrap())
                .unwrap();
            self.seconds += 86_400;
            let who =
                Signature::new("Ana", "ana@example.com", &Time::new(self.seconds, 0)).unwrap();
            let parent = self
                .repository
                .head()
                .ok()
                .and_then(|head| head.peel_to_commit().ok());
            let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
            let id = self
                .repository
                .commit(Some("HEAD"), &who, &who, "x", &tree, &parents)
                .unwrap();
            id.to_string()[..10].to_owned()
        }

        fn history(&self, name: &str, now: &str) -> Option<History> {
            let path = self.directory.path().join(name);
            let tree = work_tree_of(self.directory.path()).unwrap().unwrap();
            let locked = |bytes: &[u8]| bytes.starts_with(b"\0locked");
            tree.history(&path, now.as_bytes(), locked).unwrap()
        }
    }

    #[test]
    fn commits_that_hold_a_file_are_found_after_its_removal() {
        let mut project = Project::new();
        assert_eq!(project.history(".env", "A=1"), None);
        project.commit("readme", Some("x"));
        assert_eq!(project.history(".env", "A=1"), None);
        let first = project.commit(".env", Some("A=1"));
        let second = project.commit(".env", Some("A=2"));
        project.commit(".env", None);
        let found = project.history(".env", "A=1").unwrap();
        assert_eq!(found.oldest.id, first);
        assert_eq!(found.newest.id, second);
        assert_eq!(found.oldest.day, "2023-11-16");
        assert_eq!((found.versions, found.as_it_is), (2, true));
        assert!(!found.cut_short);
        assert!(!project.history(".env", "A=3").unwrap().as_it_is);
        assert_eq!(project.history("other", ""), None);
    }

    #[test]
    fn other_branches_count_and_encrypted_versions_do_not() {
        let mut project = Project::new();
        project.commit("a", Some("x"));
        project.commit("sub/key", Some("\0locked"));
        assert_eq!(project.history("sub/key", "k"), None);
        let open = project.commit("sub/key", Some("k"));
        let head = project.repository.head().unwrap().peel_to_commit().unwrap();
        project.repository.branch("side", &head, false).unwrap();
        let parent = head.parent(0).unwrap();
        project
            .repository
            .reset(parent.as_object(), git2::ResetType::Soft, None)
            .unwrap();
        let found = project.history("sub/key", "k").unwrap();
        assert_eq!((found.newest.id, found.versions), (open, 1));
        // A directory holds no value.
        assert_eq!(project.history("sub", "k"), None);
    }
}
