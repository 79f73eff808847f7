//! Whether files have changed: for `mvx run --watch`.
//!
//! A look at the metadata of a few files several times a second costs next to nothing, and works
//! where the system's own notices do not: on network file systems, in containers, and for files that
//! are replaced by a rename.

#![expect(
    clippy::disallowed_methods,
    reason = "metadata of files that others write"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What files and directories looked like at some moment.
#[derive(Debug, PartialEq, Eq)]
pub struct Stamps(Vec<Option<Stamp>>);

#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    changed: Option<SystemTime>,
    length: u64,
    /// Another file under the same name has another number.
    number: u64,
}

impl Stamps {
    /// What these files and directories look like now. One that is not there may come.
    pub fn of(paths: &[PathBuf]) -> Self {
        Self(paths.iter().map(|path| stamp(path)).collect())
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    #[cfg(unix)]
    let number = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let number = 0;
    Some(Stamp {
        changed: metadata.modified().ok(),
        length: metadata.len(),
        number,
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn every_change_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let paths = [path.clone()];
        let nothing = Stamps::of(&paths);
        fs::write(&path, "1").unwrap();
        let one = Stamps::of(&paths);
        assert_ne!(nothing, one);
        assert_eq!(one, Stamps::of(&paths));
        // of the same length and time, under the same name
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        let other = directory.path().join("b");
        fs::write(&other, "2").unwrap();
        fs::File::options()
            .write(true)
            .open(&other)
            .unwrap()
            .set_modified(time)
            .unwrap();
        fs::rename(&other, &path).unwrap();
        assert_ne!(one, Stamps::of(&paths));
    }
}
