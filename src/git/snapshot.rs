//! The files that one commit has below a directory, for what must be told of what was committed and of
//! nothing else.

use std::collections::BTreeMap;
use std::path::Path;

use git2::{ErrorCode, ObjectType, Oid};

use super::below::BlobId;
use super::{GitError, WorkTree};

/// A commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitId(Oid);

/// How deep directories are looked into.
const DEEPEST: usize = 4;

impl WorkTree {
    /// The commit that a revision names; `None` where there is none, or it is not in this clone.
    pub fn commit(&self, revision: &str) -> Option<CommitId> {
        let object = self.repository.revparse_single(revision).ok()?;
        let commit = object.peel_to_commit().ok()?;
        Some(CommitId(commit.id()))
    }

    /// Whether the clone lacks older commits.
    pub fn is_shallow(&self) -> bool {
        self.repository.is_shallow()
    }

    /// The regular files of a commit below a directory (a path from the root), by their paths from
    /// there, with `/` between the parts. Those whose names are not UTF-8 are left out. A directory that
    /// this clone lacks is an error.
    pub fn files_of(
        &self,
        commit: CommitId,
        directory: &Path,
    ) -> Result<BTreeMap<String, BlobId>, GitError> {
        let unreadable = |source| GitError::Unreadable {
            root: self.root.clone(),
            source,
        };
        let mut found = BTreeMap::new();
        let commit = self.repository.find_commit(commit.0).map_err(unreadable)?;
        let root = commit.tree().map_err(unreadable)?;
        let top = match root.get_path(directory) {
            Ok(entry) if entry.kind() == Some(ObjectType::Tree) => entry.id(),
            Ok(_) => return Ok(found),
            // Where a tree on the way is missing in the clone, that is said.
            Err(error) if error.code() == ErrorCode::NotFound && self.has_way(&root, directory) => {
                return Ok(found);
            }
            Err(error) => return Err(unreadable(error)),
        };
        let mut open = vec![(top, String::new(), 1)];
        while let Some((id, above, depth)) = open.pop() {
            let tree = self.repository.find_tree(id).map_err(unreadable)?;
            for entry in &tree {
                let Ok(name) = std::str::from_utf8(entry.name_bytes()) else {
                    continue;
                };
                let path = format!("{above}{name}");
                match entry.kind() {
                    Some(ObjectType::Tree) if depth < DEEPEST => {
                        open.push((entry.id(), path + "/", depth + 1));
                    }
                    Some(ObjectType::Blob) if entry.filemode() != LINK => {
                        found.insert(path, BlobId::from_oid(entry.id()));
                    }
                    _ => {}
                }
            }
        }
        Ok(found)
    }

    /// A content of no more than so many bytes; `None` where it has more. One that this clone lacks is an
    /// error.
    pub fn blob_up_to(&self, id: BlobId, most: usize) -> Result<Option<Vec<u8>>, GitError> {
        let unreadable = |source| GitError::Unreadable {
            root: self.root.clone(),
            source,
        };
        let objects = self.repository.odb().map_err(unreadable)?;
        let (size, _) = objects.read_header(id.oid()).map_err(unreadable)?;
        if size > most {
            return Ok(None);
        }
        let blob = self.repository.find_blob(id.oid()).map_err(unreadable)?;
        Ok(Some(blob.content().to_vec()))
    }

    /// Whether all trees on a way are there, as far as it leads.
    fn has_way(&self, root: &git2::Tree<'_>, way: &Path) -> bool {
        let mut at = root.clone();
        for part in way {
            let next = part.to_str().and_then(|part| at.get_name(part));
            let Some(id) = next.map(|entry| entry.id()) else {
                return true;
            };
            match self.repository.find_tree(id) {
                Ok(tree) => at = tree,
                Err(_) => return self.repository.find_blob(id).is_ok(),
            }
        }
        true
    }
}

/// The mode of a symbolic link.
const LINK: i32 = 0o120_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::work_tree_of;
    use git2::{Repository, Signature, Time};
    use std::fs;

    fn names(tree: &WorkTree, revision: &str) -> Result<String, GitError> {
        let files = tree.files_of(tree.commit(revision).unwrap(), Path::new("m/l"))?;
        let read = |id: &BlobId| {
            let bytes = tree.blob_up_to(*id, 9).unwrap();
            bytes.map_or("too long".into(), |bytes| String::from_utf8(bytes).unwrap())
        };
        let all: Vec<String> = files
            .iter()
            .map(|(path, id)| format!("{path}={}", read(id)))
            .collect();
        Ok(all.join(" "))
    }

    #[test]
    fn a_commits_own_files_are_read_and_a_gap_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let repository = Repository::init(directory.path()).unwrap();
        let tree = work_tree_of(&directory.path().join("x")).unwrap().unwrap();
        assert!(tree.commit("HEAD").is_none() && !tree.is_shallow());
        let who = Signature::new("Ana", "ana@example.com", &Time::new(1000, 0)).unwrap();
        let mut last = Vec::new();
        let mut commit = |files: &[(&str, &str, u32)]| {
            let mut index = git2::Index::new().unwrap();
            for (path, content, mode) in files {
                let entry = git2::IndexEntry {
                    ctime: git2::IndexTime::new(0, 0),
                    mtime: git2::IndexTime::new(0, 0),
                    dev: 0,
                    ino: 0,
                    mode: *mode,
                    uid: 0,
                    gid: 0,
                    file_size: 0,
                    id: repository.blob(content.as_bytes()).unwrap(),
                    flags: 0,
                    flags_extended: 0,
                    path: path.as_bytes().to_vec(),
                };
                index.add(&entry).unwrap();
            }
            let id = index.write_tree_to(&repository).unwrap();
            let new = repository.find_tree(id).unwrap();
            let before: Vec<_> = last
                .iter()
                .map(|id| repository.find_commit(*id).unwrap())
                .collect();
            let before: Vec<_> = before.iter().collect();
            last = vec![
                repository
                    .commit(Some("HEAD"), &who, &who, "x", &new, &before)
                    .unwrap(),
            ];
        };
        commit(&[("other", "x", 0o100_644)]);
        commit(&[("m", "a file", 0o100_644)]);
        commit(&[
            ("m/l/2026/11/b", "2", 0o100_644),
            ("m/l/2026/11/link", "b", 0o120_000),
            ("m/l/a", "1", 0o100_755),
            ("m/l/long", "longer than nine", 0o100_644),
            ("m/l/2/3/4/5/deep", "x", 0o100_644),
            ("m/other", "x", 0o100_644),
        ]);
        assert_eq!(names(&tree, "HEAD~2").unwrap(), "");
        assert_eq!(names(&tree, "HEAD~1").unwrap(), "");
        let all = "2026/11/b=2 a=1 long=too long";
        assert_eq!(names(&tree, "HEAD").unwrap(), all);
        assert!(tree.commit("nothing").is_none());
        for gap in ["HEAD:m/l/2026/11", "HEAD:m"] {
            let id = repository.revparse_single(gap).unwrap().id().to_string();
            let object = directory.path().join(".git/objects").join(&id[..2]);
            fs::remove_file(object.join(&id[2..])).unwrap();
            let fresh = work_tree_of(&directory.path().join("x")).unwrap().unwrap();
            assert!(names(&fresh, "HEAD").is_err(), "{gap}");
        }
    }
}
