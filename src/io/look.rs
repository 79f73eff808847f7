//! What stands at a path, as far as can be told without opening it.

#![expect(
    clippy::disallowed_methods,
    reason = "this module is what the others use instead"
)]

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::io::file::{self, Kind};
use crate::io::{IoError, clock};

/// A file or directory, seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// What it is; of a link, what it leads to, `None` where that is nothing.
    pub kind: Option<Kind>,
    /// Where a symbolic link leads, as it is written.
    pub link: Option<PathBuf>,
    /// The permission bits, such as 0o644; of a link, those of what it leads to. `None` where files
    /// have no modes.
    pub mode: Option<u32>,
    /// Whether it belongs to the user who runs mvx. Always, where that cannot be told.
    pub is_own: bool,
    /// When its content was last changed.
    pub changed: Option<Timestamp>,
}

/// Looks at `path`; `None` where nothing is. A link that leads nowhere is something.
pub fn look(path: &Path) -> Result<Option<Look>, IoError> {
    let itself = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(source) => return Err(IoError::read(path, source)),
    };
    let link = itself.is_symlink().then(|| fs::read_link(path).ok());
    let seen = match &link {
        Some(_) => fs::metadata(path).ok(),
        None => Some(itself),
    };
    Ok(Some(Look {
        kind: seen.as_ref().map(file::kind_of),
        link: link.flatten(),
        mode: seen.as_ref().and_then(mode),
        is_own: seen.as_ref().is_none_or(is_own),
        changed: seen.as_ref().and_then(changed),
    }))
}

/// Whether a symbolic link stands at `path`.
pub fn is_link(path: &Path) -> Result<bool, IoError> {
    Ok(look(path)?.is_some_and(|seen| seen.link.is_some()))
}

impl Look {
    /// Whether others than the owner may read it.
    pub fn is_shared(&self) -> bool {
        self.mode.is_some_and(|mode| mode & 0o044 != 0)
    }

    /// Whether only its owner may remove what is in a directory, as in the one for temporary files.
    pub fn is_sticky(&self) -> bool {
        self.mode.is_some_and(|mode| mode & 0o1000 != 0)
    }

    /// Whether others than the owner may change it, or what is in it.
    pub fn is_open_to_others(&self) -> bool {
        self.mode.is_some_and(|mode| mode & 0o022 != 0)
    }
}

/// Whether a file's content has not been changed for some time, so that no running mvx is likely
/// to have just made it.
pub(crate) fn is_settled(metadata: &Metadata) -> bool {
    changed(metadata).is_some_and(|changed| {
        clock::now().duration_since(changed).as_secs() >= SETTLED_AFTER_SECONDS
    })
}

/// Longer than mvx takes between making something of its own and locking it.
const SETTLED_AFTER_SECONDS: i64 = 60;

fn changed(metadata: &Metadata) -> Option<Timestamp> {
    Timestamp::try_from(metadata.modified().ok()?).ok()
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere there are no modes")]
fn mode(metadata: &Metadata) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;

    Some(metadata.mode() & 0o7777)
}

#[cfg(not(unix))]
fn mode(_metadata: &Metadata) -> Option<u32> {
    None
}

/// Whether something belongs to the user who runs mvx.
#[cfg(unix)]
pub(crate) fn is_own(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    metadata.uid() == rustix::process::geteuid().as_raw()
}

/// Whether something belongs to the user who runs mvx.
#[cfg(not(unix))]
pub(crate) fn is_own(_metadata: &Metadata) -> bool {
    true
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn files_links_and_nothing_are_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("file"), "x").unwrap();
        fs::set_permissions(at("file"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink("file", at("link")).unwrap();
        symlink("user@host.1", at("dangling")).unwrap();
        let file = look(&at("file")).unwrap().unwrap();
        assert_eq!((file.kind, file.mode), (Some(Kind::File), Some(0o640)));
        assert!(file.is_own && file.is_shared() && !file.is_open_to_others());
        let link = look(&at("link")).unwrap().unwrap();
        assert_eq!(link.link.as_deref(), Some(Path::new("file")));
        assert_eq!((link.kind, link.mode), (Some(Kind::File), Some(0o640)));
        let dangling = look(&at("dangling")).unwrap().unwrap();
        assert_eq!(dangling.kind, None);
        assert_eq!(dangling.link.as_deref(), Some(Path::new("user@host.1")));
        assert_eq!(look(&at("none")).unwrap(), None);
        assert_eq!(look(&at("file/below")).unwrap(), None);
    }

    #[test]
    fn what_was_just_made_is_not_settled() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "x").unwrap();
        assert!(!is_settled(&fs::metadata(&path).unwrap()));
        let then = std::time::SystemTime::now() - std::time::Duration::from_mins(2);
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(then)
            .unwrap();
        assert!(is_settled(&fs::metadata(&path).unwrap()));
    }
}
