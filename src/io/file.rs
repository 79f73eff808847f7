//! Reading files, and the questions one asks about them. What is read may be a secret, so that
//! it arrives in memory that is wiped.

#![expect(
    clippy::disallowed_methods,
    reason = "this module is what the others use instead"
)]

use std::fs::{self, File};
use std::io::{self, Read};
use std::mem;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::io::IoError;
use crate::secret::Cleartext;

/// What a path names, symlinks followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// Something else, in words such as `a pipe`.
    Other(&'static str),
}

/// A file as it was read.
pub struct Contents {
    /// Its bytes.
    pub bytes: Cleartext,
    /// Whether others than its owner may read it. Never where files have no modes, nor for pipes,
    /// whose modes say nothing.
    pub shared: bool,
}

/// A whole file of at most `limit` bytes. Pipes can be read too (`mvx encrypt <(…)`), and waited
/// for; devices, which may never end, are refused, but for `/dev/null`.
pub fn read(path: &Path, limit: usize) -> Result<Cleartext, IoError> {
    read_with_access(path, limit).map(|contents| contents.bytes)
}

/// As [`read`], with a look at who else may read the file.
pub fn read_with_access(path: &Path, limit: usize) -> Result<Contents, IoError> {
    let failed = |source| IoError::read(path, source);
    match kind(path)? {
        Some(Kind::Other(what)) if what != PIPE && path != Path::new("/dev/null") => {
            return Err(IoError::NotAFile {
                path: path.into(),
                what,
            });
        }
        _ => {}
    }
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let expected = usize::try_from(metadata.len()).unwrap_or(limit);
    let bytes = slurp(file, expected, limit)
        .map_err(failed)?
        .ok_or_else(|| IoError::TooLarge {
            path: path.into(),
            limit,
        })?;
    Ok(Contents {
        bytes,
        shared: is_shared(&metadata),
    })
}

/// A text that is no secret: rules, settings, lists of recipients.
pub fn read_text(path: &Path, limit: usize) -> Result<String, IoError> {
    read(path, limit)?
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| IoError::NotText { path: path.into() })
}

/// Fails where something stands at `path` that a write cannot replace: a directory, a pipe, a
/// socket, a device.
pub fn is_replaceable(path: &Path) -> Result<(), IoError> {
    let what = match kind(path)? {
        None | Some(Kind::File) => return Ok(()),
        Some(Kind::Directory) => "a directory",
        Some(Kind::Other(what)) => what,
    };
    Err(IoError::NotAFile {
        path: path.into(),
        what,
    })
}

/// The names that a file has beside its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherNames {
    /// How many there are.
    pub count: usize,
    /// The number by which `find -inum` knows them.
    pub inode: u64,
}

/// A file's other names, its hard links; `None` where there are none, or the system does not tell.
#[cfg(unix)]
pub fn other_names(path: &Path) -> Option<OtherNames> {
    use std::os::unix::fs::MetadataExt;

    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let count = usize::try_from(metadata.nlink()).ok()?.checked_sub(1)?;
    let inode = metadata.ino();
    (count > 0).then_some(OtherNames { count, inode })
}

/// A file's other names: this system does not tell.
#[cfg(not(unix))]
pub fn other_names(_path: &Path) -> Option<OtherNames> {
    None
}

/// What stands at `path`; `None` where nothing does.
pub fn kind(path: &Path) -> Result<Option<Kind>, IoError> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(kind_of(&metadata))),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(source) => Err(IoError::read(path, source)),
    }
}

/// A file's size in bytes, symlinks followed; 0 where it cannot be told.
pub fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// What a symbolic link says it leads to, which need not exist; `None` for what is no link, and where
/// there is nothing.
pub fn link_text(path: &Path) -> Result<Option<PathBuf>, IoError> {
    match fs::read_link(path) {
        Ok(target) => Ok(Some(target)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput
                    | io::ErrorKind::NotFound
                    | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(source) => Err(IoError::read(path, source)),
    }
}

/// The absolute path without symlinks; it must exist.
pub fn canonical(path: &Path) -> Result<PathBuf, IoError> {
    fs::canonicalize(path).map_err(|source| IoError::read(path, source))
}

/// The file that a write to `path` goes to: symlinks followed, also one whose target does not
/// exist yet. Relative where `path` is no symlink.
pub fn target(path: &Path) -> Result<PathBuf, IoError> {
    let mut target = path.to_owned();
    for _ in 0..MOST_LINKS {
        let is_link = match fs::symlink_metadata(&target) {
            Ok(metadata) => metadata.is_symlink(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(source) => return Err(IoError::read(path, source)),
        };
        if !is_link {
            return Ok(target);
        }
        let link = fs::read_link(&target).map_err(|source| IoError::read(path, source))?;
        target = directory_of(&target).join(link);
    }
    Err(IoError::read(
        path,
        io::Error::other("too many levels of symbolic links"),
    ))
}

/// Makes a directory and those above it, where they are missing.
pub fn create_directories(path: &Path) -> Result<(), IoError> {
    fs::create_dir_all(path).map_err(|source| IoError::write(path, source))
}

/// As [`create_directories`], with nobody but the owner allowed into what is made.
pub fn create_private_directories(path: &Path) -> Result<(), IoError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder
        .create(path)
        .map_err(|source| IoError::write(path, source))
}

/// Removes a file, or a symlink itself.
pub fn remove(path: &Path) -> Result<(), IoError> {
    fs::remove_file(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::IsADirectory => IoError::read(path, source),
        _ => IoError::write(path, source),
    })?;
    sync_directory(directory_of(path));
    Ok(())
}

/// Gives a file, or a symlink itself, another name in the same file system. What stands at that name
/// already stays, and is an error.
pub fn rename(from: &Path, to: &Path) -> Result<(), IoError> {
    match fs::symlink_metadata(to) {
        Ok(_) => return Err(IoError::AlreadyExists { path: to.into() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(IoError::read(to, source)),
    }
    fs::rename(from, to).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => IoError::read(from, source),
        _ => IoError::write(from, source),
    })?;
    sync_directory(directory_of(to));
    Ok(())
}

/// Reads to the end; `None` when there is more than `limit`. `expected` is a guess at the length
/// that saves growing. Buffers that are outgrown are wiped.
pub(crate) fn slurp(
    mut reader: impl Read,
    expected: usize,
    limit: usize,
) -> io::Result<Option<Cleartext>> {
    let most = limit.saturating_add(1);
    // one byte more than expected, so that the end is seen without growing
    let mut buffer = Zeroizing::new(vec![0u8; expected.saturating_add(1).min(most)]);
    let mut filled = 0;
    loop {
        if filled == buffer.len() {
            if filled == most {
                return Ok(None);
            }
            let length = filled.saturating_mul(2).max(SMALLEST_BUFFER).min(most);
            let mut larger = Zeroizing::new(vec![0u8; length]);
            for (to, from) in larger.iter_mut().zip(buffer.iter()) {
                *to = *from;
            }
            buffer = larger;
        }
        let Some(free) = buffer.get_mut(filled..) else {
            break;
        };
        match reader.read(free) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if filled == most {
        return Ok(None);
    }
    let mut bytes = mem::take(&mut *buffer);
    bytes.truncate(filled);
    Ok(Some(Cleartext::new(bytes)))
}

#[cfg(unix)]
fn is_shared(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;

    metadata.is_file() && metadata.permissions().mode() & OTHERS_READ != 0
}

#[cfg(not(unix))]
fn is_shared(_metadata: &fs::Metadata) -> bool {
    false
}

/// What a directory entry is, from its metadata.
pub(crate) fn kind_of(metadata: &fs::Metadata) -> Kind {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Kind::File;
    }
    if kind.is_dir() {
        return Kind::Directory;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return Kind::Other(PIPE);
        }
        if kind.is_socket() {
            return Kind::Other("a socket");
        }
    }
    Kind::Other("a device")
}

/// The directory in which `path` stands.
pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes a rename or removal durable. Best effort: the change is done and visible, and some file
/// systems cannot sync a directory.
pub(crate) fn sync_directory(directory: &Path) {
    if cfg!(unix)
        && let Ok(directory) = File::open(directory)
    {
        directory.sync_all().ok();
    }
}

/// What a named pipe is called.
const PIPE: &str = "a pipe";

/// The mode bits by which everybody but the owner may read.
#[cfg(unix)]
const OTHERS_READ: u32 = 0o044;

/// As many as Linux follows (`path_resolution(7)`).
const MOST_LINKS: usize = 40;

/// Bytes; a pipe's usual portion is 64 KiB, a secret on one line far less.
const SMALLEST_BUFFER: usize = 4096;

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    /// Gives out one byte at a time and is interrupted before each.
    struct Dripping<'a>(&'a [u8], bool);

    impl Read for Dripping<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let count = self.0.len().min(1);
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn the_limit_is_exact() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("five");
        fs::write(&path, b"12345").unwrap();
        assert_eq!(read(&path, 5).unwrap().as_bytes(), b"12345");
        let error = read(&path, 4).err().unwrap();
        assert!(matches!(error, IoError::TooLarge { limit: 4, .. }));
        assert_eq!(read(&path, usize::MAX).unwrap().len(), 5);
    }

    #[test]
    fn reading_copes_with_wrong_guesses_and_interruptions() {
        let content = b"a value that arrives slowly".repeat(500);
        for guess in [0, 1, content.len() - 1, content.len(), 1 << 20] {
            let bytes = slurp(Dripping(&content, false), guess, 1 << 20).unwrap();
            assert!(bytes.unwrap().as_bytes() == content, "{guess}");
        }
        assert!(slurp(&content[..], 0, content.len()).unwrap().is_some());
        assert!(slurp(&content[..], 0, content.len() - 1).unwrap().is_none());
        assert!(slurp(&b""[..], 0, 0).unwrap().unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let error = read(directory.path(), 10).err().unwrap();
        assert!(matches!(error, IoError::NotAFile { .. }), "{error}");
        let error = read(&directory.path().join("none"), 10).err().unwrap();
        assert!(matches!(error, IoError::NotFound { .. }), "{error}");
        let binary = directory.path().join("binary");
        fs::write(&binary, [0xff, 0xfe]).unwrap();
        assert!(matches!(
            read_text(&binary, 10),
            Err(IoError::NotText { .. })
        ));
    }

    #[test]
    fn kinds_are_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("file"), "").unwrap();
        symlink("file", at("link")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        assert_eq!(kind(&at("file")).unwrap(), Some(Kind::File));
        assert_eq!(kind(&at("link")).unwrap(), Some(Kind::File));
        assert_eq!(kind(&at("dangling")).unwrap(), None);
        assert_eq!(kind(&at("file/below")).unwrap(), None);
        assert_eq!(kind(directory.path()).unwrap(), Some(Kind::Directory));
        assert_eq!(
            kind(Path::new("/dev/null")).unwrap(),
            Some(Kind::Other("a device"))
        );
    }

    #[test]
    fn links_lead_to_their_target_even_before_it_exists() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("real")).unwrap();
        symlink("real/new.yaml", at("one")).unwrap();
        symlink(at("one"), at("two")).unwrap();
        assert_eq!(target(&at("two")).unwrap(), at("real/new.yaml"));
        symlink("loop", at("loop")).unwrap();
        assert!(target(&at("loop")).is_err());
    }

    #[test]
    fn shared_means_others_can_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        fs::write(&path, "x").unwrap();
        for (mode, shared) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let contents = read_with_access(&path, 10).unwrap();
            assert_eq!(contents.shared, shared, "{mode:o}");
            assert_eq!(contents.bytes.as_bytes(), b"x");
        }
    }

    #[test]
    fn private_directories_are_their_owners_alone() {
        let directory = tempfile::tempdir().unwrap();
        create_private_directories(&directory.path().join("a/b")).unwrap();
        for name in ["a", "a/b"] {
            let metadata = fs::metadata(directory.path().join(name)).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o077, 0, "{name}");
        }
    }

    #[test]
    fn removing_takes_the_link_not_its_target() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("file"), directory.path().join("link"));
        fs::write(&file, "").unwrap();
        symlink(&file, &link).unwrap();
        remove(&link).unwrap();
        assert!(file.exists() && !link.exists());
        assert!(matches!(remove(&link), Err(IoError::NotFound { .. })));
    }
}
