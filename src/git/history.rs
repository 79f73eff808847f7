//! The versions of a file that git remembers.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::{Component, Path, PathBuf};

use git2::{ErrorCode, Sort};

use super::{GitError, WorkTree, full_path};
use crate::io::file;
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

/// Whether all of the history was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// It was, or as much as was wanted.
    #[default]
    Whole,
    /// There are older commits, or may be: the clone is shallow, or git could not be asked.
    CutShort,
}

impl WorkTree {
    /// Calls `each` with the versions of a file that `HEAD` and the commits before it have under
    /// these names (paths from the root), newest first, each content once, until it breaks. Looks at
    /// no more than `commits` commits, and says whether it saw the end. Nothing is fetched: the
    /// end of a shallow clone is none, and what a partial clone lacks is not seen.
    pub fn versions(
        &self,
        names: &[PathBuf],
        commits: usize,
        mut each: impl FnMut(Version) -> ControlFlow<()>,
    ) -> Result<Reach, GitError> {
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
                return Ok(Reach::Whole);
            }
            Err(error) => return Err(unreadable(error)),
        };
        walk.push(head.id()).map_err(unreadable)?;
        let mut seen = HashSet::new();
        for (number, id) in walk.enumerate() {
            if number == commits {
                return Ok(Reach::CutShort);
            }
            let commit = id
                .and_then(|id| self.repository.find_commit(id))
                .map_err(unreadable)?;
            let Ok(tree) = commit.tree() else { continue };
            for name in names {
                let Ok(entry) = tree.get_path(name) else {
                    continue;
                };
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
                    return Ok(Reach::Whole);
                }
            }
        }
        Ok(if self.repository.is_shallow() {
            Reach::CutShort
        } else {
            Reach::Whole
        })
    }

    /// The names, from the root, under which git may know the file at `path`: the one that was
    /// typed in `directory`, also where a part of it has become a symbolic link since, and the one
    /// that it leads to.
    pub fn names_of(&self, path: &Path, directory: &Path) -> Vec<PathBuf> {
        let typed = directory.join(path);
        let mut names: Vec<PathBuf> = Vec::new();
        let candidates = [
            Some(without_steps_back(&typed)),
            full_path(path).ok(),
            file::canonical(path).ok(),
        ];
        for candidate in candidates.into_iter().flatten() {
            if let Ok(name) = candidate.strip_prefix(&self.root)
                && !names.iter().any(|known| known == name)
            {
                names.push(name.to_owned());
            }
        }
        names
    }
}

/// A path without `.` and `..`, by its words alone.
fn without_steps_back(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
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
            let names = tree.names_of(&file, directory.path());
            let reach = tree.versions(&names, commits, |version| {
                found.push(version.bytes.as_str().unwrap().to_owned());
                ControlFlow::Continue(())
            });
            (found, reach.unwrap())
        };
        assert_eq!(
            versions(100),
            (vec![], Reach::Whole),
            "nothing is committed"
        );
        for (time, text) in ["one", "two", "two", "three", "one"].iter().enumerate() {
            std::fs::write(&file, text).unwrap();
            std::fs::write(&other, time.to_string()).unwrap();
            commit(&repository, 1000 + i64::try_from(time).unwrap());
        }
        std::fs::remove_file(&file).unwrap();
        commit(&repository, 2000);
        let (all, some) = (["one", "three", "two"], ["one", "three"]);
        let all = all.map(str::to_owned).to_vec();
        assert_eq!(versions(100), (all.clone(), Reach::Whole));
        assert_eq!(versions(6), (all, Reach::Whole));
        assert_eq!(
            versions(3),
            (some.map(str::to_owned).to_vec(), Reach::CutShort)
        );
    }
}
