//! Writing files: whole or not at all.
//!
//! The new content goes into a temporary file in the same directory, reaches the disk, and takes
//! the old file's name in one step. Until then the old file is as it was; after any failure, or a
//! signal, the temporary is gone. Symlinks are followed to their target, which is what is replaced.

#![expect(
    clippy::disallowed_methods,
    reason = "this module is what the others use instead"
)]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use crate::io::file::{self, Kind};
use crate::io::large::Large;
use crate::io::lock::Lock;
use crate::io::{IoError, signals, stale};

/// Who may read what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Sealed files and others that are no secret: the old file's mode and, where that is allowed,
    /// owner and group stay; a new one gets 0644 less the umask.
    Shared,
    /// Plaintext and keys: 0600, whatever the mode was.
    Private,
    /// Programs, such as git's hooks: the old file's mode stays; a new one gets 0755 less the umask.
    Program,
}

/// Replaces a file or makes a new one.
pub fn write(path: &Path, bytes: &[u8], access: Access) -> Result<(), IoError> {
    let target = file::target(path)?;
    put(path, &target, access, Existing::Replace, all(path, bytes))
}

/// Makes a new file; whatever is there already, a dangling symlink too, stays and is an error.
pub fn create_new(path: &Path, bytes: &[u8], access: Access) -> Result<(), IoError> {
    put(path, path, access, Existing::Refuse, all(path, bytes))
}

/// Replaces the locked file if it still holds exactly `expected`.
///
/// Other mvx processes are kept out by the lock, so that reading, changing and writing under one
/// lock loses nothing. Other programs know no lock: what they wrote before this call is seen,
/// and only the instant between the comparison and the rename is not covered.
pub fn write_if_unchanged(
    lock: &Lock,
    expected: &[u8],
    bytes: &[u8],
    access: Access,
) -> Result<(), IoError> {
    match file::read(lock.target(), expected.len()) {
        Ok(current) if current.as_bytes() == expected => {}
        Ok(_) | Err(IoError::TooLarge { .. } | IoError::NotFound { .. }) => {
            return Err(IoError::ChangedMeanwhile {
                path: lock.path().into(),
            });
        }
        Err(error) => return Err(error),
    }
    put(
        lock.path(),
        lock.target(),
        access,
        Existing::Replace,
        all(lock.path(), bytes),
    )
}

/// A file that is being written and has no name yet.
pub struct Draft<'a> {
    path: &'a Path,
    file: &'a mut File,
}

impl Draft<'_> {
    /// Writes the next piece.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), IoError> {
        let written = self.file.write_all(bytes);
        written.map_err(|source| IoError::write(self.path, source))
    }

    /// What was written, to be read again. Nothing more may be written then.
    pub fn written(&self) -> Result<Large, IoError> {
        let file = self.file.try_clone();
        Large::of(
            self.path,
            file.map_err(|source| IoError::write(self.path, source))?,
        )
    }
}

/// As [`write()`] or [`create_new`], for what does not fit into memory. If `fill` fails, nothing was
/// written.
pub fn write_draft<T, E: From<IoError>>(
    path: &Path,
    access: Access,
    existing: Existing,
    fill: impl FnOnce(&mut Draft<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let target = match existing {
        Existing::Replace => file::target(path)?,
        Existing::Refuse => path.into(),
    };
    put(path, &target, access, existing, |file| {
        fill(&mut Draft { path, file })
    })
}

/// Whether a file is one of mvx's own temporary files that was left behind when the process was
/// killed or the machine stopped: the file that was being written is as it was.
pub fn is_left_over(path: &Path) -> bool {
    is_temporary(path) && stale::take(path).is_some()
}

/// Removes mvx's own temporary files from a directory that were left behind, as far as that can be done.
/// `at_once` is for a directory in which nobody else is making one: it need not be a minute old then.
pub fn remove_left_overs(directory: &Path, at_once: bool) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let is_free = || at_once && stale::hold(&path).is_some();
        if is_temporary(&path) && !is_link(&entry) && (is_left_over(&path) || is_free()) {
            fs::remove_file(&path).ok();
        }
    }
}

fn is_link(entry: &fs::DirEntry) -> bool {
    entry.file_type().is_ok_and(|kind| kind.is_symlink())
}

/// Whether a file has the name of one of mvx's own temporary files, in use or not.
pub fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let random = name
        .strip_prefix(TEMPORARY_PREFIX)
        .and_then(|rest| rest.strip_suffix(TEMPORARY_SUFFIX));
    random.is_some_and(|random| {
        random.len() == TEMPORARY_RANDOM && random.chars().all(|c| c.is_ascii_alphanumeric())
    })
}

/// What to do with a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It is replaced.
    Replace,
    /// It stays, and is an error.
    Refuse,
}

/// The steps of every write. Errors name `path`, as the user wrote it.
fn put<T, E: From<IoError>>(
    path: &Path,
    target: &Path,
    access: Access,
    existing: Existing,
    fill: impl FnOnce(&mut File) -> Result<T, E>,
) -> Result<T, E> {
    let failed = |source| IoError::write(path, source);
    let old = match fs::symlink_metadata(target) {
        Ok(_) if existing == Existing::Refuse => {
            return Err(IoError::AlreadyExists { path: path.into() }.into());
        }
        Ok(metadata) => match file::kind_of(&metadata) {
            Kind::File => Some(metadata),
            Kind::Directory => return Err(not_a_file(path, "a directory").into()),
            Kind::Other(what) => return Err(not_a_file(path, what).into()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => return Err(failed(source).into()),
    };
    let directory = file::directory_of(target);
    let mode = match (access, &old) {
        (Access::Shared, None) => 0o644,
        (Access::Program, None) => 0o755,
        // wider only after the content is complete
        _ => 0o600,
    };

    // the clean-up is in place before the file is: a signal finds one or the other
    let mut clean_up = None;
    let mut temporary = tempfile::Builder::new()
        .prefix(TEMPORARY_PREFIX)
        .suffix(TEMPORARY_SUFFIX)
        .rand_bytes(TEMPORARY_RANDOM)
        .make_in(directory, |name| {
            let doomed = name.to_owned();
            clean_up = Some(
                signals::before_death(move || {
                    fs::remove_file(doomed).ok();
                })
                .map_err(io::Error::other)?,
            );
            create(name, mode)
        })
        .map_err(failed)?;
    // shows that it is in use; best effort
    temporary.as_file().try_lock().ok();
    let filled = fill(temporary.as_file_mut())?;
    if let (Access::Shared | Access::Program, Some(old)) = (access, &old) {
        keep_owner_and_mode(temporary.as_file(), old).map_err(failed)?;
    }
    temporary.as_file().sync_all().map_err(failed)?;
    let placed = match existing {
        Existing::Replace => temporary.persist(target),
        Existing::Refuse => temporary.persist_noclobber(target),
    };
    placed.map_err(|refused| match refused.error.kind() {
        io::ErrorKind::AlreadyExists => IoError::AlreadyExists { path: path.into() },
        _ => failed(refused.error),
    })?;
    drop(clean_up);
    file::sync_directory(directory);
    Ok(filled)
}

/// What fills a file from memory.
fn all<'b>(path: &'b Path, bytes: &'b [u8]) -> impl FnOnce(&mut File) -> Result<(), IoError> + 'b {
    move |file| {
        file.write_all(bytes)
            .map_err(|source| IoError::write(path, source))
    }
}

fn not_a_file(path: &Path, what: &'static str) -> IoError {
    IoError::NotAFile {
        path: path.into(),
        what,
    }
}

fn create(path: &Path, mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // readable, so that what was written can be proved
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(mode);
    }
    #[cfg(not(unix))]
    let _ = mode;
    options.open(path)
}

#[cfg(unix)]
fn keep_owner_and_mode(file: &File, old: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

    let new = file.metadata()?;
    // best effort: only root gives files away, and only members hand them to a group
    if old.gid() != new.gid() {
        fchown(file, None, Some(old.gid())).ok();
    }
    if old.uid() != new.uid() {
        fchown(file, Some(old.uid()), None).ok();
    }
    file.set_permissions(fs::Permissions::from_mode(old.mode() & 0o777))
}

#[cfg(not(unix))]
fn keep_owner_and_mode(_file: &File, _old: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

/// How the temporary's name begins, so that one that a power cut left behind is recognised.
const TEMPORARY_PREFIX: &str = ".mvx-";
/// How it ends.
const TEMPORARY_SUFFIX: &str = ".tmp";
/// How many random letters and digits stand between the two.
const TEMPORARY_RANDOM: usize = 12;

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::io::env::Environment;
    use crate::io::lock::Locks;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::path::PathBuf;
    use std::time::Duration;

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn at(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn names(&self) -> Vec<String> {
            let mut names: Vec<String> = fs::read_dir(self.0.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        }

        fn file(&self, name: &str, content: &str, mode: u32) -> PathBuf {
            let path = self.at(name);
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        }

        fn lock(&self, path: &Path) -> Lock {
            let environment = Environment::of([("XDG_RUNTIME_DIR", self.0.path())]);
            Locks::of(&environment)
                .hold(path, Duration::from_secs(5))
                .unwrap()
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn sealed_files_keep_their_mode() {
        let place = Place::new();
        for wanted in [0o664, 0o600, 0o444, 0o640] {
            let path = place.file("a.yaml", "old", wanted);
            write(&path, b"new", Access::Shared).unwrap();
            assert_eq!(mode(&path), wanted);
            assert_eq!(fs::read(&path).unwrap(), b"new");
            fs::remove_file(&path).unwrap();
        }
        assert!(place.names().is_empty());
    }

    #[test]
    fn new_sealed_files_are_0644_at_most() {
        let place = Place::new();
        write(&place.at("new"), b"", Access::Shared).unwrap();
        assert_eq!(mode(&place.at("new")) & !0o644, 0);
        assert_eq!(mode(&place.at("new")) & 0o600, 0o600);
    }

    #[test]
    fn new_programs_can_be_run() {
        let place = Place::new();
        write(&place.at("new"), b"", Access::Program).unwrap();
        assert_eq!(mode(&place.at("new")) & 0o700, 0o700);
        assert_eq!(mode(&place.at("new")) & !0o755, 0);
        let old = place.file("old", "", 0o711);
        write(&old, b"new", Access::Program).unwrap();
        assert_eq!(mode(&old), 0o711);
    }

    #[test]
    fn plaintext_is_0600_even_over_a_public_file() {
        let place = Place::new();
        let path = place.file("a", "old", 0o644);
        write(&path, b"plain", Access::Private).unwrap();
        assert_eq!(mode(&path), 0o600);
        create_new(&place.at("b"), b"plain", Access::Private).unwrap();
        assert_eq!(mode(&place.at("b")), 0o600);
    }

    #[test]
    fn a_link_stays_and_its_target_is_replaced() {
        let place = Place::new();
        fs::create_dir(place.at("real")).unwrap();
        let real = place.file("real/a", "old", 0o600);
        symlink("real/a", place.at("link")).unwrap();
        write(&place.at("link"), b"new", Access::Shared).unwrap();
        assert!(fs::symlink_metadata(place.at("link")).unwrap().is_symlink());
        assert_eq!(fs::read(real).unwrap(), b"new");
        symlink("real/later", place.at("dangling")).unwrap();
        write(&place.at("dangling"), b"x", Access::Shared).unwrap();
        assert_eq!(fs::read(place.at("real/later")).unwrap(), b"x");
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let place = Place::new();
        let path = place.file("a", "old", 0o640);
        let error = put(&path, &path, Access::Shared, Existing::Replace, |file| {
            file.write_all(b"half of the n").unwrap();
            Err::<(), _>(IoError::write(&path, io::ErrorKind::StorageFull.into()))
        })
        .unwrap_err();
        assert!(matches!(&error, IoError::Write { path: named, .. } if *named == path));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(mode(&path), 0o640);
        assert_eq!(place.names(), ["a"]);
    }

    #[test]
    fn a_panic_while_writing_leaves_the_old_file_and_nothing_else() {
        let place = Place::new();
        let path = place.file("a", "old", 0o600);
        let outcome = std::panic::catch_unwind(|| {
            put(
                &path,
                &path,
                Access::Shared,
                Existing::Replace,
                |_| -> Result<(), IoError> { panic!("as if by a bug") },
            )
        });
        assert!(outcome.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(place.names(), ["a"]);
    }

    #[test]
    fn a_directory_without_write_permission_is_an_error() {
        let place = Place::new();
        fs::create_dir(place.at("d")).unwrap();
        let path = place.file("d/a", "old", 0o644);
        fs::set_permissions(place.at("d"), fs::Permissions::from_mode(0o555)).unwrap();
        let outcome = write(&path, b"new", Access::Shared);
        fs::set_permissions(place.at("d"), fs::Permissions::from_mode(0o755)).unwrap();
        // root may write everywhere, except where the kernel itself has no room for files
        if rustix::process::geteuid().is_root() {
            let nowhere = Path::new("/proc/mvx.enc.yaml");
            assert!(write(nowhere, b"new", Access::Shared).is_err());
        } else {
            assert!(matches!(outcome, Err(IoError::Write { .. })));
            assert_eq!(fs::read(&path).unwrap(), b"old");
        }
    }

    #[test]
    fn directories_and_devices_are_refused() {
        let place = Place::new();
        for (path, expected) in [
            (place.at(""), "a directory"),
            (PathBuf::from("/dev/null"), "a device"),
        ] {
            match write(&path, b"x", Access::Private) {
                Err(IoError::NotAFile { what, .. }) => assert_eq!(what, expected),
                other => panic!("{other:?}"),
            }
        }
        assert!(write(&place.at("none/a"), b"x", Access::Shared).is_err());
        assert!(place.names().is_empty());
    }

    #[test]
    fn a_new_file_never_replaces_anything() {
        let place = Place::new();
        let file = place.file("a", "old", 0o644);
        symlink("nowhere", place.at("dangling")).unwrap();
        for path in [&file, &place.at("dangling"), &place.at("")] {
            let error = create_new(path, b"new", Access::Private).unwrap_err();
            assert!(matches!(error, IoError::AlreadyExists { .. }), "{error}");
        }
        assert_eq!(fs::read(&file).unwrap(), b"old");
        assert_eq!(place.names(), ["a", "dangling"]);
    }

    #[test]
    fn a_file_that_appears_while_a_new_one_is_written_wins() {
        let place = Place::new();
        let path = place.at("a");
        let error = put(&path, &path, Access::Private, Existing::Refuse, |file| {
            fs::write(&path, "first").unwrap();
            all(&path, b"second")(file)
        })
        .unwrap_err();
        assert!(matches!(error, IoError::AlreadyExists { .. }));
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(place.names(), ["a"]);
    }

    #[test]
    fn a_temporary_that_was_left_behind_is_recognised() {
        let place = Place::new();
        let made_earlier = |path: &Path| {
            let then = std::time::SystemTime::now() - Duration::from_mins(5);
            let file = OpenOptions::new().write(true).open(path).unwrap();
            file.set_modified(then).unwrap();
            file
        };
        let left = place.file(".mvx-0123456789Ab.tmp", "half", 0o600);
        assert!(!is_left_over(&left), "made just now");
        drop(made_earlier(&left));
        assert!(is_left_over(&left));
        let held = made_earlier(&left);
        held.try_lock().unwrap();
        assert!(!is_left_over(&left), "in use");
        for name in [".mvx-short.tmp", ".mvx-0123456789Ab.txt", "a.tmp"] {
            let other = place.file(name, "", 0o600);
            drop(made_earlier(&other));
            assert!(!is_left_over(&other), "{name}");
        }
    }

    #[test]
    fn what_changed_meanwhile_is_not_overwritten() {
        let place = Place::new();
        let path = place.file("a", "one", 0o644);
        let lock = place.lock(&path);
        write_if_unchanged(&lock, b"one", b"two", Access::Shared).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        for theirs in ["one and more", "tw0", "t", ""] {
            fs::write(&path, theirs).unwrap();
            let error = write_if_unchanged(&lock, b"two", b"three", Access::Shared).unwrap_err();
            assert!(matches!(error, IoError::ChangedMeanwhile { .. }), "{error}");
            assert_eq!(fs::read(&path).unwrap(), theirs.as_bytes());
        }
        fs::remove_file(&path).unwrap();
        let error = write_if_unchanged(&lock, b"two", b"three", Access::Shared).unwrap_err();
        assert!(matches!(error, IoError::ChangedMeanwhile { .. }), "{error}");
        assert!(!path.exists());
    }
}
