//! What mvx asks git: where the work tree begins, what git would leave out of a commit, what it says
//! of a file's attributes, and what its history holds. The only user of git libraries.

mod attributes;
pub mod author;
pub mod below;
pub mod branches;
pub mod committed;
pub mod history;
pub mod hooks;
pub mod objects;
pub mod origins;
pub mod snapshot;

use std::path::{Path, PathBuf};

use git2::{ErrorCode, Index, IndexEntryExtendedFlag, Repository};
use thiserror::Error;

use crate::error::{Exit, Explain};
use crate::io::{IoError, file};

/// Why git could not answer.
#[derive(Debug, Error)]
pub enum GitError {
    /// The repository belongs to another user, and git refuses to trust its settings.
    #[error("{}: the repository belongs to another user", root.display())]
    ForeignOwner {
        /// The work tree's root.
        root: PathBuf,
    },
    /// Something that is not in the work tree.
    #[error("{}: not inside the work tree {}", path.display(), root.display())]
    Outside {
        /// What was named.
        path: PathBuf,
        /// The work tree's root.
        root: PathBuf,
    },
    /// A path cannot be resolved.
    #[error(transparent)]
    Path(#[from] IoError),
    /// The repository cannot be read.
    #[error("{}: the repository cannot be read", root.display())]
    Unreadable {
        /// The work tree's root.
        root: PathBuf,
        /// The library's reason.
        source: git2::Error,
    },
}

impl Explain for GitError {
    fn exit(&self) -> Exit {
        Exit::IO
    }

    fn code(&self) -> &'static str {
        match self {
            Self::ForeignOwner { .. } => "git-foreign-owner",
            Self::Outside { .. } => "git-outside",
            Self::Path(error) => error.code(),
            Self::Unreadable { .. } => "git-unreadable",
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::ForeignOwner { root } => vec![format!(
                "if you trust it: `git config --global --add safe.directory {}`",
                root.display()
            )],
            Self::Outside { .. } => Vec::new(),
            Self::Path(error) => error.hints(),
            Self::Unreadable { .. } => {
                vec!["`git status` in it shows whether git itself can read it".into()]
            }
        }
    }

    fn place(&self) -> Option<String> {
        match self {
            Self::ForeignOwner { root } | Self::Unreadable { root, .. } => {
                Some(root.display().to_string())
            }
            Self::Outside { path, .. } => Some(path.display().to_string()),
            Self::Path(error) => error.place(),
        }
    }
}

/// The root of the work tree in which `path` stands, without symlinks: the nearest directory
/// above it (or itself) that has a `.git`. Asks the file system only, so that it costs next to
/// nothing. `path` need not exist, but its directory must.
pub fn repository_root(path: &Path) -> Result<Option<PathBuf>, GitError> {
    let start = full_path(path)?;
    for directory in start.ancestors() {
        // a file in linked work trees and submodules
        if file::kind(&directory.join(".git"))?.is_some() {
            return Ok(Some(directory.to_owned()));
        }
    }
    Ok(None)
}

/// The work tree in which `path` stands; `None` outside of any.
pub fn work_tree_of(path: &Path) -> Result<Option<WorkTree>, GitError> {
    let Some(root) = repository_root(path)? else {
        return Ok(None);
    };
    match Repository::open(&root) {
        Ok(repository) => Ok(Some(WorkTree { repository, root })),
        // a `.git` that is none
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) if error.code() == ErrorCode::Owner => Err(GitError::ForeignOwner { root }),
        Err(source) => Err(GitError::Unreadable { root, source }),
    }
}

/// Whether git keeps the file at `path` out of every commit, see [`WorkTree::is_ignored`]; `None`
/// outside of any work tree.
pub fn is_ignored(path: &Path) -> Result<Option<bool>, GitError> {
    work_tree_of(path)?
        .map(|tree| tree.is_ignored(path))
        .transpose()
}

/// A repository's work tree.
pub struct WorkTree {
    repository: Repository,
    root: PathBuf,
}

impl WorkTree {
    /// Its root, without symlinks.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory that git keeps for this work tree: nothing in it comes from a commit.
    pub fn git_directory(&self) -> &Path {
        self.repository.path()
    }

    /// Whether git keeps the file at `path` out of every commit: an ignore rule names it, and it
    /// is not tracked all the same. What is ignored only as long as nobody adds it by force, or
    /// tracked already, is not kept out.
    pub fn is_ignored(&self, path: &Path) -> Result<bool, GitError> {
        Ok(self.has_ignore_rule(path)? && !self.is_tracked(path)?)
    }

    /// Whether an ignore rule names the file at `path`, tracked or not.
    pub fn has_ignore_rule(&self, path: &Path) -> Result<bool, GitError> {
        let inside = self.inside(path)?;
        self.repository
            .is_path_ignored(&inside)
            .map_err(|source| GitError::Unreadable {
                root: self.root.clone(),
                source,
            })
    }

    /// Whether git has the file at `path` in its index.
    pub fn is_tracked(&self, path: &Path) -> Result<bool, GitError> {
        let inside = self.inside(path)?;
        let index = self.index()?;
        let mut stages = STAGES;
        Ok(stages.any(|stage| index.get_path(&inside, stage).is_some()))
    }

    /// Whether git has a file (a path from the root) and was told not to put it into this work tree, as in a
    /// sparse checkout.
    pub fn is_skipped(&self, inside: &Path) -> Result<bool, GitError> {
        let index = self.index()?;
        let skipped = IndexEntryExtendedFlag::SKIP_WORKTREE.bits();
        let entry = index.get_path(inside, 0);
        Ok(entry.is_some_and(|entry| entry.flags_extended & skipped != 0))
    }

    fn index(&self) -> Result<Index, GitError> {
        self.repository
            .index()
            .map_err(|source| GitError::Unreadable {
                root: self.root.clone(),
                source,
            })
    }

    /// The path from the root.
    pub fn inside(&self, path: &Path) -> Result<PathBuf, GitError> {
        full_path(path)?
            .strip_prefix(&self.root)
            .map(Path::to_owned)
            .map_err(|_| GitError::Outside {
                path: path.into(),
                root: self.root.clone(),
            })
    }
}

/// The path without symlinks, of a file that may not exist yet. A symlink counts as itself: git
/// tracks links, not what they lead to.
fn full_path(path: &Path) -> Result<PathBuf, IoError> {
    match path.file_name() {
        Some(name) => Ok(file::canonical(file::directory_of(path))?.join(name)),
        None => file::canonical(path),
    }
}

/// The stages at which a tracked file can stand: 0, or 1 to 3 in a conflict (gitformat-index(5)).
const STAGES: std::ops::RangeInclusive<i32> = 0..=3;

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    struct Tree {
        directory: tempfile::TempDir,
        repository: Repository,
    }

    impl Tree {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let repository = Repository::init(directory.path()).unwrap();
            Self {
                directory,
                repository,
            }
        }

        fn at(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        fn file(&self, name: &str, content: &str) {
            fs::create_dir_all(self.at(name).parent().unwrap()).unwrap();
            fs::write(self.at(name), content).unwrap();
        }

        fn root(&self) -> PathBuf {
            fs::canonicalize(self.directory.path()).unwrap()
        }
    }

    #[test]
    fn the_root_is_found_from_anywhere_inside() {
        let tree = Tree::new();
        tree.file("a/b/c.yaml", "");
        for name in ["a/b/c.yaml", "a/b/new.yaml", "a/b", "a/../a/b/c.yaml", ""] {
            let found = repository_root(&tree.at(name)).unwrap();
            assert_eq!(found, Some(tree.root()), "{name}");
        }
        symlink(tree.at("a/b"), tree.at("a/link")).unwrap();
        let found = repository_root(&tree.at("a/link/c.yaml")).unwrap();
        assert_eq!(found, Some(tree.root()));
        let outside = tempfile::tempdir().unwrap();
        assert_eq!(repository_root(&outside.path().join("x")).unwrap(), None);
        assert!(work_tree_of(outside.path()).unwrap().is_none());
    }

    #[test]
    fn a_directory_that_is_gone_is_an_error_not_an_answer() {
        let tree = Tree::new();
        assert!(repository_root(&tree.at("none/x")).is_err());
    }

    #[test]
    fn ignore_files_at_every_level_are_heard() {
        let tree = Tree::new();
        tree.file(
            ".gitignore",
            "*.dec.yaml\n/top.env\nkept/*\n!kept/this\nbuild/\n",
        );
        tree.file("build/out/a.enc.yaml", "");
        tree.file("sub/.gitignore", "local\n");
        tree.file(".git/info/exclude", "excluded\n");
        tree.file("kept/this", "");
        let found = work_tree_of(&tree.at("top.env")).unwrap().unwrap();
        assert_eq!(found.root(), tree.root());
        for (name, ignored) in [
            ("a.dec.yaml", true),
            ("sub/a.dec.yaml", true),
            ("top.env", true),
            ("sub/top.env", false),
            ("sub/local", true),
            ("local", false),
            ("excluded", true),
            ("build/out/a.enc.yaml", true),
            ("kept/other", true),
            ("kept/this", false),
            ("a.enc.yaml", false),
        ] {
            let path = tree.at(name);
            assert_eq!(found.is_ignored(&path).unwrap(), ignored, "{name}");
        }
        assert_eq!(is_ignored(&tree.at("excluded")).unwrap(), Some(true));
    }

    #[test]
    fn a_tracked_file_is_not_ignored_whatever_the_rules_say() {
        let tree = Tree::new();
        tree.file(".gitignore", "*.env\n");
        tree.file("tracked.env", "A=1\n");
        tree.file("other.env", "A=1\n");
        let mut index = tree.repository.index().unwrap();
        index.add_path(Path::new("tracked.env")).unwrap();
        index.write().unwrap();
        let found = work_tree_of(&tree.at(".gitignore")).unwrap().unwrap();
        assert!(!found.is_ignored(&tree.at("tracked.env")).unwrap());
        assert!(found.is_ignored(&tree.at("other.env")).unwrap());
        assert!(found.has_ignore_rule(&tree.at("tracked.env")).unwrap());
        assert!(found.is_tracked(&tree.at("tracked.env")).unwrap());
        assert!(!found.is_tracked(&tree.at("other.env")).unwrap());
    }

    #[test]
    fn what_is_outside_is_an_error() {
        let tree = Tree::new();
        let outside = tempfile::tempdir().unwrap();
        let found = work_tree_of(tree.directory.path()).unwrap().unwrap();
        let error = found.is_ignored(&outside.path().join("x")).unwrap_err();
        assert!(matches!(error, GitError::Outside { .. }));
        assert_eq!(is_ignored(&outside.path().join("x")).unwrap(), None);
    }
}
