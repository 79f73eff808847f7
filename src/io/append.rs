//! Lines at the end of a file that many processes write to at once.

#![expect(
    clippy::disallowed_methods,
    reason = "a log is neither replaced nor written whole"
)]

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::io::{IoError, file};

/// Adds a line, which ends with a line break, in a single write: no other process's line gets
/// into it (POSIX, `O_APPEND`). The file and the directories above it are made if need be, for
/// nobody but their owner. A file of more than `limit` bytes is first put aside, under its name
/// with `.1` behind it, where the one before it goes.
pub fn append(path: &Path, line: &[u8], limit: u64) -> Result<(), IoError> {
    let failed = |source| IoError::write(path, source);
    let mut log = match open(path) {
        Ok(log) => log,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            file::create_private_directories(file::directory_of(path))?;
            open(path).map_err(failed)?
        }
        Err(error) => return Err(failed(error)),
    };
    let metadata = log.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(IoError::NotAFile {
            path: path.into(),
            what: "a pipe or device",
        });
    }
    if metadata.len() > limit {
        put_aside(path, &log).map_err(failed)?;
        log = open(path).map_err(failed)?;
    }
    log.write_all(line).map_err(failed)
}

/// Gives the log its other name, once: of several processes that find it too long, the first does,
/// and the others see that its name leads to another file.
fn put_aside(path: &Path, log: &File) -> std::io::Result<()> {
    log.lock()?;
    if is_at(log, path) {
        let mut name = path.as_os_str().to_owned();
        name.push(".1");
        fs::rename(path, PathBuf::from(name))?;
    }
    log.unlock()
}

#[cfg(unix)]
fn is_at(log: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    match (log.metadata(), fs::metadata(path)) {
        (Ok(one), Ok(other)) => one.ino() == other.ino() && one.dev() == other.dev(),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(log: &File, path: &Path) -> bool {
    matches!((log.metadata(), fs::metadata(path)), (Ok(one), Ok(other)) if one.len() == other.len())
}

fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // A pipe without a reader must not be waited for.
        let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
        options.mode(0o600).custom_flags(nonblocking);
    }
    options.open(path)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::thread;

    #[test]
    fn lines_of_many_writers_stay_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b/log");
        thread::scope(|scope| {
            for writer in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    let line = format!("{}\n", writer.to_string().repeat(300));
                    for _ in 0..50 {
                        append(path, line.as_bytes(), 10_000).unwrap();
                    }
                });
            }
        });
        let mut lines = 0;
        for name in ["log", "log.1"] {
            let text = fs::read_to_string(path.with_file_name(name)).unwrap();
            for line in text.lines() {
                assert_eq!(line.len(), 300);
                assert!(line.chars().all(|c| line.starts_with(c)));
                lines += 1;
            }
        }
        assert!(lines > 30, "{lines}");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }

    #[test]
    fn what_cannot_be_written_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        assert!(append(directory.path(), b"x\n", 10).is_err());
        let file = directory.path().join("file");
        append(&file, b"x\n", 10).unwrap();
        assert!(append(&file.join("below"), b"x\n", 10).is_err());
        assert!(append(Path::new("/dev/full"), b"x\n", 10).is_err());
    }
}
