//! A directory for plaintext that must exist as a file for a while: `mvx edit` hands it to an
//! editor.
//!
//! It is the owner's alone, in memory where the system has a memory file system, and goes away on
//! every way out: at the end, on an error, a panic, or a signal. Its files are overwritten first,
//! which is of use only where the disk writes in place; a kill -9 or a power cut leaves them.

#![expect(
    clippy::disallowed_methods,
    reason = "this directory is the module's own"
)]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::io::env::Environment;
use crate::io::signals::{self, CleanUp};
use crate::io::{IoError, lock, look, stale, write};

/// A directory that nobody else can look into and that does not outlive the process.
pub struct PrivateDirectory {
    directory: Option<TempDir>,
    path: PathBuf,
    in_memory: bool,
    _clean_up: CleanUp,
    /// Shows that it is in use.
    _held: Option<File>,
}

impl PrivateDirectory {
    /// Makes one in `$XDG_RUNTIME_DIR`, else `/dev/shm`, else the directory for temporary files.
    pub fn create(environment: &Environment) -> Result<Self, IoError> {
        for parent in memory(environment).filter(|parent| is_memory(parent)) {
            if let Ok(directory) = Self::create_in(&parent, true) {
                return Ok(directory);
            }
        }
        Self::create_in(&environment.temporary_directory(), false)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is in memory; if not, the user is told that plaintext touches the disk.
    pub fn is_in_memory(&self) -> bool {
        self.in_memory
    }

    /// Puts a file into it, 0600.
    pub fn add(&self, name: &str, content: &[u8]) -> Result<PathBuf, IoError> {
        let path = self.path.join(name);
        write::create_new(&path, content, write::Access::Private)?;
        Ok(path)
    }

    /// Removes it now, and says so where that fails.
    pub fn close(mut self) -> Result<(), IoError> {
        self.remove()
            .map_err(|source| IoError::write(&self.path, source))
    }

    fn create_in(parent: &Path, in_memory: bool) -> Result<Self, IoError> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX).rand_bytes(RANDOM);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o700));
        }
        let directory = builder
            .tempdir_in(parent)
            .map_err(|source| IoError::write(parent, source))?;
        let path = directory.path().to_owned();
        let doomed = path.clone();
        let clean_up = signals::before_death(move || {
            overwrite_below(&doomed);
            fs::remove_dir_all(&doomed).ok();
        })?;
        Ok(Self {
            directory: Some(directory),
            _held: stale::hold(&path),
            path,
            in_memory,
            _clean_up: clean_up,
        })
    }

    fn remove(&mut self) -> io::Result<()> {
        match self.directory.take() {
            Some(directory) => {
                overwrite_below(&self.path);
                directory.close()
            }
            None => Ok(()),
        }
    }
}

impl Drop for PrivateDirectory {
    fn drop(&mut self) {
        self.remove().ok();
    }
}

/// The private directories of this user whose process is gone: a kill -9 or a power cut left them,
/// with what was being edited.
pub fn left_over(environment: &Environment) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = parents(environment)
        .iter()
        .filter_map(|parent| fs::read_dir(parent).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
        .filter(|path| take_left_over(path).is_some())
        .collect();
    found.sort();
    found.dedup();
    found
}

/// The files in a directory that was left over. What is deeper in it, an editor put there.
pub fn files_in(directory: &Path) -> Result<Vec<PathBuf>, IoError> {
    let entries = fs::read_dir(directory).map_err(|source| IoError::read(directory, source))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    Ok(files)
}

/// Overwrites and removes a directory of [`left_over`]; an error if it is in use, or none of
/// mvx's.
pub fn remove_left_over(environment: &Environment, path: &Path) -> Result<(), IoError> {
    let failed = |source| IoError::write(path, source);
    let ours = path.parent().is_some_and(|parent| {
        parents(environment)
            .iter()
            .any(|known| known.as_path() == parent)
    });
    let Some(_held) = ours.then(|| take_left_over(path)).flatten() else {
        return Err(failed(io::ErrorKind::ResourceBusy.into()));
    };
    overwrite_below(path);
    fs::remove_dir_all(path).map_err(failed)
}

/// Overwrites and removes a directory whose process has just gone; whether it is gone now. Only
/// what looks like one of [`PrivateDirectory`]'s is touched.
pub(crate) fn remove_abandoned(path: &Path) -> bool {
    match looks_like_ours(path) {
        Some(true) => {
            overwrite_below(path);
            fs::remove_dir_all(path).is_ok()
        }
        Some(false) => false,
        None => true,
    }
}

/// Takes hold of a directory that looks like one of [`PrivateDirectory`]'s and is left over.
fn take_left_over(path: &Path) -> Option<File> {
    if looks_like_ours(path)? {
        stale::take(path)
    } else {
        None
    }
}

/// Whether a path has the name and mode of a private directory; `None` if nothing is there.
fn looks_like_ours(path: &Path) -> Option<bool> {
    let name = path.file_name()?.to_str()?;
    let random = name.strip_prefix(PREFIX).unwrap_or_default();
    let made_here = random.len() == RANDOM && random.chars().all(|c| c.is_ascii_alphanumeric());
    // the locks have a directory whose name may look the same
    if !made_here || name == lock::own_name() {
        return Some(false);
    }
    let look = look::look(path).ok()??;
    let private = look.mode.is_some_and(|mode| mode & 0o777 == 0o700);
    let directory = look.kind == Some(crate::io::file::Kind::Directory) && look.link.is_none();
    Some(directory && private && look.is_own)
}

/// Where the system may have memory file systems.
fn memory(environment: &Environment) -> impl Iterator<Item = PathBuf> {
    let shared_memory = cfg!(target_os = "linux").then(|| PathBuf::from("/dev/shm"));
    let own = environment.runtime_directory().map(Path::to_owned);
    own.into_iter().chain(shared_memory)
}

/// Wherever a private directory may have been made.
fn parents(environment: &Environment) -> Vec<PathBuf> {
    memory(environment)
        .chain([environment.temporary_directory()])
        .collect()
}

/// How a private directory's name begins, and how many random letters and digits follow.
const PREFIX: &str = "mvx-";
const RANDOM: usize = 6;

/// Writes zeros over every regular file below `directory`, an editor's own copies too. Best
/// effort, and never through a link to a file elsewhere.
fn overwrite_below(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.is_dir() {
            overwrite_below(&entry.path());
        } else if metadata.is_file() && is_only_name(&metadata) {
            overwrite(&entry.path(), metadata.len()).ok();
        }
    }
}

fn overwrite(path: &Path, length: u64) -> io::Result<()> {
    const ZEROS: [u8; 4096] = [0; 4096];
    let mut file = OpenOptions::new().write(true).open(path)?;
    let mut left = length;
    while left > 0 {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(ZEROS.len());
        file.write_all(ZEROS.get(..count).unwrap_or_default())?;
        left -= count as u64;
    }
    file.sync_data()
}

/// A hard link would carry the zeros to a file outside.
#[cfg(unix)]
fn is_only_name(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(metadata) == 1
}

#[cfg(not(unix))]
fn is_only_name(_metadata: &fs::Metadata) -> bool {
    true
}

/// Whether a directory is on a memory file system (statfs(2): `TMPFS_MAGIC`, `RAMFS_MAGIC`).
#[cfg(target_os = "linux")]
fn is_memory(directory: &Path) -> bool {
    rustix::fs::statfs(directory).is_ok_and(|info| {
        let kind = u64::try_from(info.f_type).unwrap_or_default();
        kind == 0x0102_1994 || kind == 0x8584_58f6
    })
}

#[cfg(not(target_os = "linux"))]
fn is_memory(_directory: &Path) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, symlink};

    fn on_disk(parent: &Path) -> PrivateDirectory {
        PrivateDirectory::create_in(parent, false).unwrap()
    }

    #[test]
    fn it_is_the_owners_alone_and_goes_away() {
        let parent = tempfile::tempdir().unwrap();
        let directory = on_disk(parent.path());
        let file = directory.add("a.yaml", b"db: invented").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert_eq!(
            fs::metadata(directory.path()).unwrap().mode() & 0o777,
            0o700
        );
        fs::create_dir(directory.path().join("undo")).unwrap();
        fs::write(directory.path().join("undo/a.yaml~"), "db: invented").unwrap();
        directory.close().unwrap();
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn it_goes_away_on_a_panic() {
        let parent = tempfile::tempdir().unwrap();
        let outcome = std::panic::catch_unwind(|| {
            let directory = on_disk(parent.path());
            directory.add("a", b"invented").unwrap();
            panic!("as if by a bug");
        });
        assert!(outcome.is_err());
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn files_are_overwritten_but_never_those_elsewhere() {
        let parent = tempfile::tempdir().unwrap();
        let outside = parent.path().join("outside");
        let linked = parent.path().join("linked");
        fs::write(&outside, "stays").unwrap();
        fs::write(&linked, "stays").unwrap();
        let directory = on_disk(parent.path());
        let inside = directory.add("inside", &vec![b'x'; 10_000]).unwrap();
        symlink(&outside, directory.path().join("link")).unwrap();
        fs::hard_link(&linked, directory.path().join("hard")).unwrap();
        overwrite_below(directory.path());
        assert_eq!(fs::read(inside).unwrap(), vec![0; 10_000]);
        drop(directory);
        assert_eq!(fs::read(outside).unwrap(), b"stays");
        assert_eq!(fs::read(linked).unwrap(), b"stays");
    }

    fn made_earlier(path: &Path) {
        let then = std::time::SystemTime::now() - std::time::Duration::from_mins(5);
        File::open(path).unwrap().set_modified(then).unwrap();
    }

    #[test]
    fn a_directory_that_outlived_its_process_is_found_and_removed() {
        let parent = tempfile::tempdir().unwrap();
        let environment = Environment::of([("TMPDIR", parent.path())]);
        let found = || -> Vec<PathBuf> {
            let mut found = left_over(&environment);
            found.retain(|path| path.starts_with(parent.path()));
            found
        };
        let used = on_disk(parent.path());
        made_earlier(used.path());
        // as a kill -9 leaves it: the directory stays, the lock ends
        let left = parent.path().join("mvx-Ab3dEf");
        let make = |path: &Path, mode: u32| {
            fs::create_dir(path).unwrap();
            fs::write(path.join("a.yaml"), "db: invented").unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
            fs::set_permissions(path, mode).unwrap();
        };
        make(&left, 0o700);
        assert!(found().is_empty(), "made just now");
        made_earlier(&left);
        for name in ["mvx-shared", "mvx-long-name", "other"] {
            make(&parent.path().join(name), 0o755);
            made_earlier(&parent.path().join(name));
        }
        assert_eq!(found(), std::slice::from_ref(&left));
        assert_eq!(files_in(&left).unwrap(), [left.join("a.yaml")]);
        assert!(remove_left_over(&environment, used.path()).is_err());
        assert!(remove_left_over(&environment, &parent.path().join("other")).is_err());
        remove_left_over(&environment, &left).unwrap();
        assert!(found().is_empty() && !left.exists() && used.path().exists());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_is_preferred_where_there_is_some() {
        let parent = tempfile::tempdir().unwrap();
        let environment = Environment::of([
            ("XDG_RUNTIME_DIR", parent.path().to_owned()),
            ("TMPDIR", parent.path().to_owned()),
        ]);
        let directory = PrivateDirectory::create(&environment).unwrap();
        assert_eq!(directory.is_in_memory(), is_memory(directory.path()));
        if is_memory(Path::new("/dev/shm")) && !is_memory(parent.path()) {
            assert!(directory.path().starts_with("/dev/shm"));
        }
    }
}
