//! Reading every file below some directories, on all cores.

#![expect(
    clippy::disallowed_methods,
    reason = "one buffer a thread, for files by the ten thousand"
)]

use std::fs::File;
use std::io::Read;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;

use ignore::{DirEntry, WalkBuilder, WalkState};

use crate::io::{IoError, walk};

/// As many threads as there is ever something to do for.
const MOST_THREADS: usize = 16;

/// Which files are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swept {
    /// All of them.
    All,
    /// Those that no `.gitignore` file and none of git's own exclude files names. What is named as a
    /// root is read all the same.
    NotIgnored,
}

/// Reads every regular file below the roots, which may be files themselves, and calls `each` with its
/// path and bytes, from several threads and in no order; with an error for what cannot be read, which
/// is also what is larger than `limit` bytes, and a root that is not there. Everything named `.git`
/// is passed over; links are not followed, so that nothing outside is reached.
pub fn sweep(
    roots: &[PathBuf],
    swept: Swept,
    limit: usize,
    each: impl Fn(&Path, Result<&[u8], IoError>) + Sync,
) {
    let Some((first, others)) = roots.split_first() else {
        return;
    };
    let skip = swept == Swept::NotIgnored;
    let mut builder = WalkBuilder::new(first);
    for root in others {
        builder.add(root);
    }
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let walk = builder
        .standard_filters(false)
        .parents(skip)
        .git_ignore(skip)
        .git_exclude(skip)
        .git_global(skip)
        .follow_links(false)
        .filter_entry(|entry| entry.depth() == 0 || entry.file_name() != ".git")
        .threads(cores.min(MOST_THREADS))
        .build_parallel();
    walk.run(|| {
        let mut buffer = Vec::new();
        let each = &each;
        Box::new(move |entry| {
            match entry {
                Ok(entry) => visit(&entry, limit, &mut buffer, each),
                Err(error) => {
                    let path = walk::path_of(&error).unwrap_or(first).to_owned();
                    each(&path, Err(walk::unreadable(&path, error)));
                }
            }
            WalkState::Continue
        })
    });
}

fn visit(
    entry: &DirEntry,
    limit: usize,
    buffer: &mut Vec<u8>,
    each: &impl Fn(&Path, Result<&[u8], IoError>),
) {
    if !entry.file_type().is_some_and(|kind| kind.is_file()) {
        return;
    }
    let path = entry.path();
    match read(path, limit, buffer) {
        Ok(()) => each(path, Ok(buffer)),
        Err(error) => each(path, Err(error)),
    }
}

fn read(path: &Path, limit: usize, buffer: &mut Vec<u8>) -> Result<(), IoError> {
    let failed = |source| IoError::read(path, source);
    let file = File::open(path).map_err(failed)?;
    buffer.clear();
    // one byte more than it may be, to see whether it is
    let most = (limit as u64).saturating_add(1);
    let length = file.metadata().map_err(failed)?.len().min(most);
    buffer.reserve(usize::try_from(length).map_or(0, |length| length + 1));
    file.take(most).read_to_end(buffer).map_err(failed)?;
    if buffer.len() > limit {
        return Err(IoError::TooLarge {
            path: path.into(),
            limit,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::sync::Mutex;

    fn swept(roots: &[PathBuf], swept: Swept) -> Vec<(String, String)> {
        let found = Mutex::new(Vec::new());
        sweep(roots, swept, 10, |path, content| {
            let text = match content {
                Ok(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
                Err(IoError::TooLarge { .. }) => "too large".to_owned(),
                Err(IoError::NotFound { .. }) => "not there".to_owned(),
                Err(error) => panic!("{error}"),
            };
            let path = roots.iter().find_map(|root| path.strip_prefix(root).ok());
            found
                .lock()
                .unwrap()
                .push((path.unwrap().display().to_string(), text));
        });
        let mut found = found.into_inner().unwrap();
        found.sort();
        found
    }

    fn tree() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in [
            (".git/config", "no"),
            ("sub/.git", "no"),
            (".mvx/x", "yes"),
            (".gitignore", "ignored\n"),
            ("a/ignored", "x"),
            ("a/b", "12345"),
            ("large", "12345678901"),
        ] {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        directory
    }

    #[test]
    fn every_file_is_read_but_gits_own() {
        let tree = tree();
        let root = tree.path().to_owned();
        #[cfg(unix)]
        std::os::unix::fs::symlink("..", root.join("a/up")).unwrap();
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            let pairs = pairs.iter();
            pairs
                .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
                .collect()
        };
        assert_eq!(
            swept(std::slice::from_ref(&root), Swept::All),
            pairs(&[
                (".gitignore", "ignored\n"),
                (".mvx/x", "yes"),
                ("a/b", "12345"),
                ("a/ignored", "x"),
                ("large", "too large"),
            ])
        );
        assert_eq!(
            swept(&[root.join("a")], Swept::NotIgnored),
            pairs(&[("b", "12345")]),
            "rules of directories above count"
        );
        assert_eq!(
            swept(
                &[root.join("a/ignored"), root.join("none")],
                Swept::NotIgnored
            ),
            pairs(&[("", "not there"), ("", "x")])
        );
        assert_eq!(swept(&[], Swept::All), []);
    }
}
