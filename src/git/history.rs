//! The versions of a file that git remembers.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::Path;

use git2::{ErrorCode, Sort};

use super::{GitError, WorkTree};
use crate::secret::Cleartext;

/// A version of a file as a commit has it.
pub struct Version {
    /// The newest commit that has it, in full.
    pub commit: String,
    /// When that was made, in seconds since 1970, by the committer's clock.
    pub time: i64,
    /// Who made it, by their own account.
    pub author: String,
    /// The file's bytes.
    pub bytes: Cleartext,
}

impl WorkTree {
    /// Calls `each` with the versions of the file at `path` that `HEAD` and the commits before it
    /// have, newest first, each content once, until it breaks. Looks at no more than `commits`
    /// commits. Nothing is fetched: what a shallow or partial clone lacks is not seen.
    pub fn versions(
        &self,
        path: &Path,
        commits: usize,
        mut each: impl FnMut(Version) -> ControlFlow<()>,
    ) -> Result<(), GitError> {
        let inside = self.inside(path)?;
        let unreadable = |source| GitError::Unreadable {
            root: self.root.clone(),
            source,
        };
        let mut walk = self.repository.revwalk().map_err(unreadable)?;
        walk.set_sorting(Sort::TIME).map_err(unreadable)?;
        let head = match self
            .repository
            .head()
            .and_then(|head| head.peel_to_commit())
        {
            Ok(commit) => commit,
            // No commit yet.
            Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => {
                return Ok(());
            }
            Err(error) => return Err(unreadable(error)),
        };
        walk.push(head.id()).map_err(unreadable)?;
        let mut seen = HashSet::new();
        for id in walk.take(commits) {
            let commit = id
                .and_then(|id| self.repository.find_commit(id))
                .map_err(unreadable)?;
            let entry = commit.tree().and_then(|tree| tree.get_path(&inside));
            let Ok(entry) = entry else { continue };
            if !seen.insert(entry.id()) {
                continue;
            }
            let Ok(blob) = self.repository.find_blob(entry.id()) else {
                continue;
            };
            let version = Version {
                commit: commit.id().to_string(),
                time: commit.time().seconds(),
                author: String::from_utf8_lossy(commit.author().name_bytes()).into_owned(),
                bytes: Cleartext::new(blob.content().to_vec()),
            };
            if each(version).is_break() {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::work_tree_of;
    use git2::{Repository, Signature, Time};

    fn commit(repository: &Repository, time: i64) {
        let mut index = repository.index().unwrap();
        index
            .add_all(["*"], git2::IndexAddOption::DEFAULT, None)
            .unwrap();
        index.update_all(["*"], None).unwrap();
        let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
        let who = Signature::new("Ana", "ana@example.com", &Time::new(time, 0)).unwrap();
        let parent = repository
            .head()
            .ok()
            .map(|head| head.peel_to_commit().unwrap());
        let parents: Vec<_> = parent.iter().collect();
        repository
            .commit(Some("HEAD"), &who, &who, "x", &tree, &parents)
            .unwrap();
    }

    #[test]
    fn versions_come_newest_first_and_once() {
        let directory = tempfile::tempdir().unwrap();
        let repository = Repository::init(directory.path()).unwrap();
        let file = directory.path().join("a");
        let other = directory.path().join("b");
        let versions = |commits| {
            let mut found = Vec::new();
            let tree = work_tree_of(&file).unwrap().unwrap();
            tree.versions(&file, commits, |version| {
                found.push(version.bytes.as_str().unwrap().to_owned());
                ControlFlow::Continue(())
            })
            .unwrap();
            found
        };
        assert!(versions(100).is_empty(), "nothing is committed");
        for (time, text) in ["one", "two", "two", "three", "one"].iter().enumerate() {
            std::fs::write(&file, text).unwrap();
            std::fs::write(&other, time.to_string()).unwrap();
            commit(&repository, 1000 + i64::try_from(time).unwrap());
        }
        std::fs::remove_file(&file).unwrap();
        commit(&repository, 2000);
        assert_eq!(versions(100), ["one", "three", "two"]);
        assert_eq!(versions(3), ["one", "three"]);
    }
}
