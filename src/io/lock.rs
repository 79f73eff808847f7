//! One mvx at a time on a file.
//!
//! The file itself cannot carry the lock: a write replaces it, and the lock would stay with the
//! old one. So the lock is on an empty sidecar, named after a hash of the file's full path, in a
//! directory of the user's own outside the repository: `$XDG_RUNTIME_DIR/mvx/locks`, or
//! `/tmp/mvx-<uid>/locks`. It goes away with the lock. Two users, or two sessions that see
//! different directories, do not see each other's locks; for them
//! [`write_if_unchanged`](crate::io::write::write_if_unchanged) finds that the file changed.

#![expect(
    clippy::disallowed_methods,
    reason = "lock files are this module's own"
)]

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::io::env::Environment;
use crate::io::{IoError, file, stale};

/// Where this user's locks are.
pub struct Locks {
    base: PathBuf,
}

/// A file that no other mvx of this user writes until this is dropped.
pub struct Lock {
    path: PathBuf,
    target: PathBuf,
    sidecar: PathBuf,
    /// Holds the lock of the operating system, which ends with the process at the latest.
    _held: File,
}

impl Locks {
    /// How long a command waits for another one: long enough for any write, short enough that
    /// nobody thinks that mvx hangs.
    pub const PATIENCE: Duration = Duration::from_secs(10);

    /// The locks that belong to this environment. Makes nothing yet.
    pub fn of(environment: &Environment) -> Self {
        let base = match environment.runtime_directory() {
            Some(runtime) => runtime.join("mvx"),
            None => environment.temporary_directory().join(own_name()),
        };
        Self { base }
    }

    /// Locks the file at `path`, which need not exist, and waits for at most `patience`. What is
    /// no file cannot be written, and is refused before anybody waits for it.
    pub fn hold(&self, path: &Path, patience: Duration) -> Result<Lock, IoError> {
        file::is_replaceable(path)?;
        let target = file::target(path)?;
        let directory = self.directory()?;
        let sidecar = directory.join(sidecar_name(&full_path(&target)?));
        let failed = |source| IoError::write(&sidecar, source);
        let deadline = Instant::now() + patience;
        loop {
            let mut held = open(&sidecar).map_err(failed)?;
            match held.try_lock() {
                // between opening and locking, the holder before may have removed it
                Ok(()) if is_at(&held, &sidecar) => {
                    note_holder(&mut held).map_err(failed)?;
                    return Ok(Lock {
                        path: path.into(),
                        target,
                        sidecar,
                        _held: held,
                    });
                }
                Ok(()) => {}
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    thread::sleep(PAUSE);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(IoError::Locked {
                        path: path.into(),
                        holder: holder(&mut held),
                    });
                }
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
    }

    /// The sidecars that nobody holds: of processes that were killed.
    pub fn left_over(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.base.join("locks"));
        let mut found: Vec<PathBuf> = entries
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| stale::take(path).is_some())
            .collect();
        found.sort();
        found
    }

    /// Removes a sidecar of [`Self::left_over`]; an error if it is held meanwhile, or none.
    pub fn remove_left_over(&self, sidecar: &Path) -> Result<(), IoError> {
        let failed = |source| IoError::write(sidecar, source);
        let ours = sidecar.parent() == Some(&self.base.join("locks"));
        // removed while locked, as when a lock is let go
        let Some(_held) = ours.then(|| stale::take(sidecar)).flatten() else {
            return Err(failed(io::ErrorKind::ResourceBusy.into()));
        };
        fs::remove_file(sidecar).map_err(failed)
    }

    /// What is wrong with the directory of the locks, where there is one.
    pub fn trouble(&self) -> Option<IoError> {
        let directory = self.base.join("locks");
        [&self.base, &directory]
            .into_iter()
            .filter(|step| matches!(file::kind(step), Ok(Some(_))))
            .find_map(|step| check_owner(step).err())
    }

    /// The directory of the sidecars, made if need be, and nobody else's.
    fn directory(&self) -> Result<PathBuf, IoError> {
        let directory = self.base.join("locks");
        for step in [&self.base, &directory] {
            let mut builder = DirBuilder::new();
            #[cfg(unix)]
            {
                use std::os::unix::fs::DirBuilderExt;
                builder.mode(0o700);
            }
            match builder.create(step) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(IoError::write(step, error));
                }
                _ => {}
            }
            check_owner(step)?;
        }
        Ok(directory)
    }
}

impl Lock {
    /// The file as it was named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file itself, symlinks followed.
    pub fn target(&self) -> &Path {
        &self.target
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // removed while still locked, so that nobody locks a sidecar that is about to go;
        // where an open file cannot be removed, it stays and is used again
        fs::remove_file(&self.sidecar).ok();
    }
}

fn open(sidecar: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(sidecar)
}

/// The process number in the sidecar is for the error message alone.
fn note_holder(held: &mut File) -> io::Result<()> {
    held.set_len(0)?;
    held.write_all(std::process::id().to_string().as_bytes())
}

fn holder(sidecar: &mut File) -> Option<u32> {
    let mut text = String::new();
    sidecar.rewind().ok()?;
    sidecar.take(16).read_to_string(&mut text).ok()?;
    text.parse().ok()
}

/// The full path, also of a file that does not exist yet.
fn full_path(target: &Path) -> Result<PathBuf, IoError> {
    let directory = file::canonical(file::directory_of(target))?;
    match target.file_name() {
        Some(name) => Ok(directory.join(name)),
        None => Err(IoError::NotAFile {
            path: target.into(),
            what: "a directory",
        }),
    }
}

fn sidecar_name(path: &Path) -> String {
    let mut name = String::new();
    // 128 bits: no two paths of one user ever meet
    for byte in Sha256::digest(path.as_os_str().as_encoded_bytes())
        .iter()
        .take(16)
    {
        write!(name, "{byte:02x}").ok();
    }
    name
}

/// The directory that holds this user's locks in the one for temporary files.
#[cfg(unix)]
pub(crate) fn own_name() -> String {
    format!("mvx-{}", rustix::process::geteuid().as_raw())
}

/// The directory that holds this user's locks in the one for temporary files.
#[cfg(not(unix))]
pub(crate) fn own_name() -> String {
    "mvx".into()
}

#[cfg(unix)]
fn check_owner(directory: &Path) -> Result<(), IoError> {
    use std::os::unix::fs::MetadataExt;

    let metadata =
        fs::symlink_metadata(directory).map_err(|source| IoError::read(directory, source))?;
    let why = if !metadata.is_dir() {
        "not a directory of its own"
    } else if metadata.uid() != rustix::process::geteuid().as_raw() {
        "it belongs to somebody else"
    } else if metadata.mode() & 0o022 != 0 {
        "others can write to it"
    } else {
        return Ok(());
    };
    Err(IoError::UnsafeDirectory {
        path: directory.into(),
        why,
    })
}

#[cfg(not(unix))]
fn check_owner(_directory: &Path) -> Result<(), IoError> {
    Ok(())
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(held), Ok(there)) => held.dev() == there.dev() && held.ino() == there.ino(),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_file: &File, _path: &Path) -> bool {
    true
}

/// How often a lock that is taken is tried again.
const PAUSE: Duration = Duration::from_millis(10);

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn locks(directory: &Path) -> Locks {
        Locks::of(&Environment::of([("XDG_RUNTIME_DIR", directory)]))
    }

    const SHORT: Duration = Duration::from_millis(50);

    #[test]
    fn a_second_one_waits_and_then_says_who_holds_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.yaml");
        let locks = locks(directory.path());
        let first = locks.hold(&file, SHORT).unwrap();
        match locks.hold(&file, SHORT) {
            Err(IoError::Locked { holder, .. }) => assert_eq!(holder, Some(std::process::id())),
            _ => panic!("two locks on one file"),
        }
        drop(locks.hold(&directory.path().join("b.yaml"), SHORT).unwrap());
        drop(first);
        drop(locks.hold(&file, SHORT).unwrap());
        let left = fs::read_dir(directory.path().join("mvx/locks")).unwrap();
        assert_eq!(left.count(), 0);
    }

    #[test]
    fn all_ways_to_a_file_are_one_lock() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("real")).unwrap();
        symlink("real", directory.path().join("dir")).unwrap();
        symlink("real/a", directory.path().join("link")).unwrap();
        let locks = locks(directory.path());
        let _first = locks.hold(&directory.path().join("real/a"), SHORT).unwrap();
        for way in ["dir/a", "link", "real/../dir/a"] {
            let outcome = locks.hold(&directory.path().join(way), SHORT);
            assert!(matches!(outcome, Err(IoError::Locked { .. })), "{way}");
        }
    }

    #[test]
    fn only_one_of_many_is_inside() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a");
        let inside = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        let lock = locks(directory.path())
                            .hold(&file, Locks::PATIENCE)
                            .unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
    }

    #[test]
    fn a_directory_that_others_can_write_to_is_not_trusted() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().join("mvx");
        fs::create_dir(&base).unwrap();
        fs::set_permissions(&base, fs::Permissions::from_mode(0o777)).unwrap();
        let outcome = locks(directory.path()).hold(&directory.path().join("a"), SHORT);
        assert!(matches!(outcome, Err(IoError::UnsafeDirectory { .. })));
        fs::remove_dir(&base).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        symlink(elsewhere.path(), &base).unwrap();
        let outcome = locks(directory.path()).hold(&directory.path().join("a"), SHORT);
        assert!(matches!(outcome, Err(IoError::UnsafeDirectory { .. })));
    }

    #[test]
    fn sidecars_that_nobody_holds_are_found_and_removed() {
        let directory = tempfile::tempdir().unwrap();
        let locks = locks(directory.path());
        assert!(locks.left_over().is_empty());
        let held = locks.hold(&directory.path().join("a"), SHORT).unwrap();
        let then = std::time::SystemTime::now() - Duration::from_mins(5);
        let sidecars = directory.path().join("mvx/locks");
        let left = sidecars.join("0123456789abcdef0123456789abcdef");
        fs::write(&left, "4711").unwrap();
        for entry in fs::read_dir(&sidecars).unwrap() {
            let file = File::options().write(true).open(entry.unwrap().path());
            file.unwrap().set_modified(then).unwrap();
        }
        assert_eq!(locks.left_over(), std::slice::from_ref(&left));
        assert!(locks.remove_left_over(&held.sidecar).is_err());
        assert!(locks.remove_left_over(&directory.path().join("a")).is_err());
        locks.remove_left_over(&left).unwrap();
        assert!(locks.left_over().is_empty() && held.sidecar.exists());
        assert!(locks.trouble().is_none());
        fs::set_permissions(sidecars, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(locks.trouble().is_some());
    }

    #[test]
    fn without_a_runtime_directory_it_is_one_of_the_users_own() {
        let directory = tempfile::tempdir().unwrap();
        let locks = Locks::of(&Environment::of([("TMPDIR", directory.path())]));
        drop(locks.hold(&directory.path().join("a"), SHORT).unwrap());
        assert!(directory.path().join(own_name()).join("locks").is_dir());
    }
}
