//! The files below a directory.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;

use ignore::{DirEntry, Walk, WalkBuilder, WalkState};

use crate::io::IoError;

/// What to pass over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// Look at files that git ignores too.
    Included,
    /// Look at mvx's own `.mvx` as well.
    OwnToo,
    /// Pass over what `.gitignore` files and git's own exclude files name.
    Skipped,
}

/// Every regular file below `directory`, sorted by path. `.git` and, but for [`Ignored::OwnToo`],
/// mvx's own `.mvx` are passed over, other names with a dot are not. Symlinks are not followed, so that nothing outside is
/// reached and nothing is met twice. The first directory that cannot be read is an error: an
/// answer about all files must not leave some out.
pub fn files(directory: &Path, ignored: Ignored) -> Result<Vec<PathBuf>, IoError> {
    let mut found = Vec::new();
    for entry in walk(directory, ignored) {
        let entry = entry.map_err(|error| unreadable(directory, error))?;
        if entry.file_type().is_some_and(|kind| kind.is_file()) {
            found.push(entry.into_path());
        }
    }
    Ok(found)
}

/// A file or a symbolic link that was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// Where it stands.
    pub path: PathBuf,
    /// Whether it is a link; it is not followed.
    pub is_link: bool,
}

/// As [`files`] with nothing ignored, and the symbolic links among them.
pub fn files_and_links(directory: &Path) -> Result<Vec<Met>, IoError> {
    let mut found = Vec::new();
    for entry in walk(directory, Ignored::Included) {
        let entry = entry.map_err(|error| unreadable(directory, error))?;
        let is_link = entry.path_is_symlink();
        if is_link || entry.file_type().is_some_and(|kind| kind.is_file()) {
            let path = entry.into_path();
            found.push(Met { path, is_link });
        }
    }
    Ok(found)
}

/// What [`each`] met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A regular file.
    File(&'a Path),
    /// A symbolic link; it is not followed.
    Link(&'a Path),
    /// A directory; what is in it is met too.
    Directory(&'a Path),
    /// A directory, not the first one, that is a repository of its own: it is met as a directory too.
    Repository(&'a Path),
}

/// As [`files`], with links and directories, on all cores and in no order: `visit` is called with
/// each, or with why something could not be looked at, on whatever thread met it. The walk goes on
/// then.
pub fn each(
    directory: &Path,
    ignored: Ignored,
    visit: &(impl Fn(Result<Entry<'_>, IoError>) + Sync),
) {
    const MOST_THREADS: usize = 16;
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let mut walk = builder(directory, ignored);
    walk.filter_entry(move |entry| {
        // git's own directory is met so that the repository is known, and not entered
        entry.depth() == 0 || entry.file_name() == ".git" || is_walked(entry, ignored)
    });
    walk.threads(threads.min(MOST_THREADS));
    walk.build_parallel().run(|| {
        Box::new(|entry| {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    visit(Err(unreadable(directory, error)));
                    return WalkState::Continue;
                }
            };
            if entry.depth() > 0 && entry.file_name() == ".git" {
                if let Some(above) = entry.path().parent().filter(|_| entry.depth() > 1) {
                    visit(Ok(Entry::Repository(above)));
                }
                return WalkState::Skip;
            }
            match entry.file_type() {
                Some(kind) if kind.is_file() => visit(Ok(Entry::File(entry.path()))),
                Some(kind) if kind.is_symlink() => visit(Ok(Entry::Link(entry.path()))),
                Some(kind) if kind.is_dir() => visit(Ok(Entry::Directory(entry.path()))),
                _ => {}
            }
            WalkState::Continue
        })
    });
}

fn walk(directory: &Path, ignored: Ignored) -> Walk {
    builder(directory, ignored)
        .sort_by_file_name(Ord::cmp)
        .build()
}

fn builder(directory: &Path, ignored: Ignored) -> WalkBuilder {
    let skip = ignored == Ignored::Skipped;
    let mut builder = WalkBuilder::new(directory);
    builder
        .standard_filters(false)
        .parents(skip)
        .git_ignore(skip)
        .git_exclude(skip)
        .git_global(skip)
        .follow_links(false)
        .filter_entry(move |entry| entry.depth() == 0 || is_walked(entry, ignored));
    builder
}

/// Whether an entry below the first directory is looked at, whatever git thinks of it.
fn is_walked(entry: &DirEntry, ignored: Ignored) -> bool {
    match entry.file_name().to_str() {
        Some(".git") => false,
        Some(".mvx") => ignored == Ignored::OwnToo,
        _ => true,
    }
}

/// Why something could not be walked.
pub(super) fn unreadable(directory: &Path, error: ignore::Error) -> IoError {
    let path = path_of(&error).unwrap_or(directory).to_owned();
    let source = error
        .into_io_error()
        .unwrap_or_else(|| std::io::Error::other("the directory cannot be walked"));
    IoError::read(path, source)
}

/// What an error is about.
pub(super) fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            path_of(err)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn tree(names: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for name in names {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        directory
    }

    fn names(directory: &Path, ignored: Ignored) -> Vec<String> {
        files(directory, ignored)
            .unwrap()
            .iter()
            .map(|path| {
                let path = path.strip_prefix(directory).unwrap();
                path.to_str().unwrap().to_owned()
            })
            .collect()
    }

    #[test]
    fn all_files_in_order_but_for_git_and_the_reserved_tree() {
        let directory = tree(&[
            "b.yaml",
            "a/z.yaml",
            "a/.env",
            ".hidden/x",
            ".git/config",
            "sub/.git/config",
            ".mvx/ledger/e.toml",
            ".gitignore",
            ".ignore",
        ]);
        fs::write(directory.path().join(".gitignore"), "b.yaml\n").unwrap();
        fs::write(directory.path().join(".ignore"), "a\n").unwrap();
        assert_eq!(
            names(directory.path(), Ignored::Included),
            [
                ".gitignore",
                ".hidden/x",
                ".ignore",
                "a/.env",
                "a/z.yaml",
                "b.yaml"
            ]
        );
        assert_eq!(
            names(directory.path(), Ignored::Skipped),
            [".gitignore", ".hidden/x", ".ignore", "a/.env", "a/z.yaml"]
        );
        let own = names(directory.path(), Ignored::OwnToo);
        assert!(own.contains(&".mvx/ledger/e.toml".to_owned()), "{own:?}");
        assert_eq!(own.len(), 7);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let directory = tree(&["a/file", "outside/secret"]);
        std::os::unix::fs::symlink("..", directory.path().join("a/up")).unwrap();
        std::os::unix::fs::symlink("../outside/secret", directory.path().join("a/link")).unwrap();
        assert_eq!(
            names(&directory.path().join("a"), Ignored::Included),
            ["file"]
        );
    }

    #[test]
    fn a_missing_directory_is_an_error() {
        let directory = tree(&[]);
        let none = directory.path().join("none");
        match files(&none, Ignored::Included) {
            Err(IoError::NotFound { path }) => assert_eq!(path, none),
            other => panic!("{other:?}"),
        }
    }
}
