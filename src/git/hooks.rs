//! Where git looks for hooks.

use std::path::{Path, PathBuf};

use git2::{ErrorCode, Repository};

use super::GitError;
use crate::io::file;

/// Where a repository's hooks are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookPlace {
    /// The directory; it need not exist.
    pub directory: PathBuf,
    /// Whose hooks they are.
    pub reach: HookReach,
    /// The work tree's root, without symlinks; none in a bare repository.
    pub root: Option<PathBuf>,
    /// Whether the repository has other work trees, which have the same hooks.
    pub is_shared_by_work_trees: bool,
}

/// Whose hooks those in a directory are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookReach {
    /// This clone's.
    Repository,
    /// Everybody's who works on the project: `core.hooksPath` leads into the work tree.
    WorkTree,
    /// Those of all repositories of this user or machine: `core.hooksPath` leads outside.
    Everywhere,
}

/// Where the hooks of the repository around `start` are looked for, `core.hooksPath` followed;
/// `None` outside of any. What the configuration says is believed: it is the user's own, not the
/// project's.
pub fn place(start: &Path) -> Result<Option<HookPlace>, GitError> {
    let start = file::canonical(start)?;
    let repository = match Repository::discover(&start) {
        Ok(repository) => repository,
        Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
        Err(error) if error.code() == ErrorCode::Owner => {
            return Err(GitError::ForeignOwner { root: start });
        }
        Err(source) => return Err(unreadable(&start, source)),
    };
    let root = repository.workdir().map(file::canonical).transpose()?;
    let common = file::canonical(repository.commondir())?;
    let worktrees = repository
        .worktrees()
        .map_err(|source| unreadable(&start, source))?;
    let configured = configured(&repository).map_err(|source| unreadable(&start, source))?;
    let (directory, reach) = match configured {
        None => (common.join("hooks"), HookReach::Repository),
        Some(path) => {
            // githooks(5): relative to where hooks run
            let base = root.as_deref().unwrap_or(repository.path());
            let directory = clean(&base.join(path));
            let reach =
                if directory.starts_with(&common) || directory.starts_with(repository.path()) {
                    HookReach::Repository
                } else if root
                    .as_ref()
                    .is_some_and(|root| directory.starts_with(root))
                {
                    HookReach::WorkTree
                } else {
                    HookReach::Everywhere
                };
            (directory, reach)
        }
    };
    Ok(Some(HookPlace {
        directory,
        reach,
        root,
        is_shared_by_work_trees: !worktrees.is_empty(),
    }))
}

/// `core.hooksPath`, `~` followed.
fn configured(repository: &Repository) -> Result<Option<PathBuf>, git2::Error> {
    let config = repository.config()?;
    match config.get_path("core.hooksPath") {
        Ok(path) => Ok(Some(path)),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The path without symlinks as far as it exists, so that places can be compared.
fn clean(path: &Path) -> PathBuf {
    for above in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (file::canonical(above), path.strip_prefix(above)) {
            return real.join(rest);
        }
    }
    path.to_owned()
}

fn unreadable(root: &Path, source: git2::Error) -> GitError {
    GitError::Unreadable {
        root: root.to_owned(),
        source,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use git2::ConfigLevel;
    use std::fs;

    fn repository() -> (tempfile::TempDir, Repository, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let repository = Repository::init(directory.path().join("p")).unwrap();
        let root = fs::canonicalize(directory.path().join("p")).unwrap();
        fs::create_dir_all(root.join("sub")).unwrap();
        (directory, repository, root)
    }

    fn set(repository: &Repository, path: &str) {
        let mut config = repository
            .config()
            .unwrap()
            .open_level(ConfigLevel::Local)
            .unwrap();
        config.set_str("core.hooksPath", path).unwrap();
    }

    #[test]
    fn hooks_path_is_followed_wherever_it_leads() {
        let (_directory, repository, root) = repository();
        let found = || place(&root.join("sub")).unwrap().unwrap();
        assert_eq!(found().directory, root.join(".git/hooks"));
        assert_eq!(found().reach, HookReach::Repository);
        assert_eq!(found().root, Some(root.clone()));
        for (path, directory, reach) in [
            (".githooks", root.join(".githooks"), HookReach::WorkTree),
            (".git/other", root.join(".git/other"), HookReach::Repository),
            (
                "/none/hooks",
                PathBuf::from("/none/hooks"),
                HookReach::Everywhere,
            ),
        ] {
            set(&repository, path);
            assert_eq!(found().directory, directory);
            assert_eq!(found().reach, reach, "{path}");
        }
    }

    #[test]
    fn bare_repositories_have_hooks_too() {
        let directory = tempfile::tempdir().unwrap();
        Repository::init_bare(directory.path()).unwrap();
        let found = place(directory.path()).unwrap().unwrap();
        assert_eq!(found.root, None);
        let root = fs::canonicalize(directory.path()).unwrap();
        assert_eq!(found.directory, root.join("hooks"));
        let outside = tempfile::tempdir().unwrap();
        assert_eq!(place(outside.path()).unwrap(), None);
    }
}
