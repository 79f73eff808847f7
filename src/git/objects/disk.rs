//! Reading git's own files. Nothing in this module writes.

#![expect(
    clippy::disallowed_methods,
    reason = "git's own files, which are many and read by the million"
)]

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::ObjectsError;

/// The whole file; `None` where there is none, or a directory.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, ObjectsError> {
    let unreadable = |source| ObjectsError::unreadable(path, source);
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if is_absent(error.kind()) => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let about = file.metadata().map_err(unreadable)?;
    if !about.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let length = usize::try_from(about.len()).unwrap_or(usize::MAX);
    bytes
        .try_reserve_exact(length.saturating_add(1))
        .map_err(|_| ObjectsError::corrupt(path, "larger than memory"))?;
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(Some(bytes))
}

/// A small file as text without the white space at its end; `None` where there is none.
pub(super) fn line(path: &Path) -> Result<Option<String>, ObjectsError> {
    let Some(bytes) = read(path)? else {
        return Ok(None);
    };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text.trim_end().to_owned())),
        Err(_) => Err(ObjectsError::corrupt(path, "not text")),
    }
}

/// What stands in a directory.
pub(super) struct Entry {
    /// Where.
    pub(super) path: PathBuf,
    /// Its name, if that is UTF-8.
    pub(super) name: String,
    /// Whether it is a directory; a symbolic link is none.
    pub(super) is_directory: bool,
}

/// The entries of a directory in the order of their names; none where there is no such directory.
pub(super) fn list(directory: &Path) -> Result<Vec<Entry>, ObjectsError> {
    let unreadable = |source| ObjectsError::unreadable(directory, source);
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if is_absent(error.kind()) => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(unreadable)?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let is_directory = entry.file_type().map_err(unreadable)?.is_dir();
        let path = entry.path();
        found.push(Entry {
            path,
            name,
            is_directory,
        });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Whether a path leads to a directory.
pub(super) fn is_directory(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|about| about.is_dir())
}

/// Whether a path leads to a file.
pub(super) fn is_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|about| about.is_file())
}

/// A path without symbolic links, or as it is where it cannot be resolved.
pub(super) fn canonical(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn is_absent(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory
    )
}
