//! What other branches have that the current one does not.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use git2::{BranchType, Oid, Repository};

use super::{GitError, WorkTree};

/// Files of a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnBranch {
    /// The branch: `feature`, `origin/feature`; `refs/stash` for what was put aside.
    pub branch: String,
    /// Its files, from the root of the work tree.
    pub files: Vec<PathBuf>,
}

impl WorkTree {
    /// The files that local branches, remote branches that were fetched and the stash have made or
    /// changed since they left the current branch, where `wanted` says yes to the path and the bytes.
    /// A branch whose commits are all in the current one has none. Of branches that end at one
    /// commit the first counts. Nothing is fetched.
    pub fn elsewhere(
        &self,
        wanted: impl FnMut(&Path, &[u8]) -> bool,
    ) -> Result<Vec<OnBranch>, GitError> {
        elsewhere(&self.repository, wanted).map_err(|source| GitError::Unreadable {
            root: self.root.clone(),
            source,
        })
    }
}

fn elsewhere(
    repository: &Repository,
    mut wanted: impl FnMut(&Path, &[u8]) -> bool,
) -> Result<Vec<OnBranch>, git2::Error> {
    // There is none before the first commit.
    let head = repository.head().and_then(|head| head.peel_to_commit());
    let head = head.ok().map(|commit| commit.id());
    let mut seen: HashSet<Oid> = head.into_iter().collect();
    let mut found = Vec::new();
    for (branch, tip) in tips(repository)? {
        if !seen.insert(tip) {
            continue;
        }
        let files = changed_since(repository, head, tip, &mut wanted)?;
        if !files.is_empty() {
            found.push(OnBranch { branch, files });
        }
    }
    Ok(found)
}

/// The names of all branches and the commits at which they end, local ones first.
fn tips(repository: &Repository) -> Result<Vec<(String, Oid)>, git2::Error> {
    let mut tips = Vec::new();
    for kind in [BranchType::Local, BranchType::Remote] {
        for branch in repository.branches(Some(kind))? {
            let (branch, _) = branch?;
            let name = String::from_utf8_lossy(branch.name_bytes()?).into_owned();
            // What points nowhere, such as the HEAD of a remote whose branch is gone.
            if let Ok(commit) = branch.get().peel_to_commit() {
                tips.push((name, commit.id()));
            }
        }
    }
    if let Ok(stash) = repository.refname_to_id("refs/stash") {
        tips.push(("refs/stash".to_owned(), stash));
    }
    Ok(tips)
}

fn changed_since(
    repository: &Repository,
    head: Option<Oid>,
    tip: Oid,
    wanted: &mut impl FnMut(&Path, &[u8]) -> bool,
) -> Result<Vec<PathBuf>, git2::Error> {
    // Histories without a common commit: all of it is the branch's own.
    let base = head.and_then(|head| repository.merge_base(head, tip).ok());
    if base == Some(tip) {
        return Ok(Vec::new());
    }
    let tree = |id| repository.find_commit(id).and_then(|commit| commit.tree());
    let base = base.map(tree).transpose()?;
    let diff = repository.diff_tree_to_tree(base.as_ref(), Some(&tree(tip)?), None)?;
    let mut files = Vec::new();
    for delta in diff.deltas() {
        let file = delta.new_file();
        // What was removed is no blob, nor is a submodule.
        let (Some(path), Ok(blob)) = (file.path(), repository.find_blob(file.id())) else {
            continue;
        };
        if wanted(path, blob.content()) {
            files.push(path.to_owned());
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use git2::Signature;

    /// Commits files onto a branch, which begins at another one.
    fn commit(repository: &Repository, branch: &str, parent: Option<Oid>, files: &[&str]) -> Oid {
        let parent = parent.map(|id| repository.find_commit(id).unwrap());
        let tree = parent.as_ref().map(|commit| commit.tree().unwrap());
        let mut builder = repository.treebuilder(tree.as_ref()).unwrap();
        for name in files {
            let blob = repository.blob(name.as_bytes()).unwrap();
            builder.insert(name, blob, 0o100_644).unwrap();
        }
        let tree = repository.find_tree(builder.write().unwrap()).unwrap();
        let who = Signature::now("Ana", "ana@example.com").unwrap();
        let parents: Vec<_> = parent.iter().collect();
        let id = repository.commit(None, &who, &who, "x", &tree, &parents);
        let id = id.unwrap();
        repository.reference(branch, id, true, "").unwrap();
        id
    }

    #[test]
    fn what_a_branch_has_made_since_it_left_is_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let repository = Repository::init(directory.path()).unwrap();
        repository.set_head("refs/heads/main").unwrap();
        assert_eq!(elsewhere(&repository, |_, _| true).unwrap(), []);
        let base = commit(&repository, "refs/heads/main", None, &["old"]);
        commit(&repository, "refs/heads/merged", Some(base), &[]);
        repository
            .reference("refs/heads/merged", base, true, "")
            .unwrap();
        let feature = commit(&repository, "refs/heads/feature", Some(base), &["a", "b"]);
        repository
            .reference("refs/remotes/origin/feature", feature, true, "")
            .unwrap();
        commit(&repository, "refs/remotes/origin/x", Some(base), &["c"]);
        commit(&repository, "refs/heads/other", None, &["d"]);
        commit(&repository, "refs/stash", Some(base), &["e"]);
        commit(&repository, "refs/heads/main", Some(base), &["new"]);
        let found = elsewhere(&repository, |path, bytes| {
            assert_eq!(path.to_str().unwrap().as_bytes(), bytes);
            bytes != b"b"
        });
        let on = |branch: &str, file: &str| OnBranch {
            branch: branch.into(),
            files: vec![file.into()],
        };
        assert_eq!(
            found.unwrap(),
            [
                on("feature", "a"),
                on("other", "d"),
                on("origin/x", "c"),
                on("refs/stash", "e")
            ]
        );
    }
}
