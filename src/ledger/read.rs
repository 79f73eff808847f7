//! All events, from the disk.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::event::{Entry, MOST_BYTES};
use crate::io::walk::{self, Entry as Met, Ignored};
use crate::io::{IoError, file, write};

/// An event and the file in which it stands.
pub struct Stored<T = ()> {
    /// The file, below the ledger's directory.
    pub path: PathBuf,
    /// The event.
    pub entry: Entry,
    /// What was wanted of its bytes.
    pub seen: T,
}

/// A file in the ledger that is no event, or none that can be believed.
pub struct Strange<T = ()> {
    /// The file, below the ledger's directory.
    pub path: PathBuf,
    /// Why.
    pub why: String,
    /// What was wanted of its bytes, where they could be read.
    pub seen: Option<T>,
}

/// What lies in the ledger.
pub struct Read<T = ()> {
    /// The events, in the order of their files' names, which is by day and time.
    pub events: Vec<Stored<T>>,
    /// What is none, in the same order.
    pub strange: Vec<Strange<T>>,
}

/// Reads the events below a directory, on all cores. `look` takes what is wanted of each file's bytes.
/// A directory that is not there holds none.
pub fn read<T: Send>(
    directory: &Path,
    look: impl Fn(&[u8]) -> T + Sync,
) -> Result<Read<T>, IoError> {
    let found = Mutex::new(Read {
        events: Vec::new(),
        strange: Vec::new(),
    });
    let failed = Mutex::new(None);
    match file::kind(directory)? {
        None => return Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner)),
        Some(file::Kind::Directory) => {}
        Some(_) => {
            return Err(IoError::NotADirectory {
                path: directory.into(),
            });
        }
    }
    walk::each(directory, Ignored::OwnToo, &|met| {
        let (path, is_link) = match met {
            Ok(Met::File(path)) => (path, false),
            Ok(Met::Link(path)) => (path, true),
            Ok(Met::Directory(_) | Met::Repository(_)) => return,
            Err(error) => {
                *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                return;
            }
        };
        let left_over = write::is_left_over(path);
        if write::is_temporary(path) && !left_over {
            return;
        }
        let inside = path.strip_prefix(directory).unwrap_or(path).to_owned();
        let read = if is_link {
            Err(("it is a symbolic link".into(), None))
        } else if left_over {
            let why = "a run that was killed left it behind; `mvx rotation repair` removes it";
            Err((why.into(), None))
        } else {
            one(path, &look)
        };
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok((entry, seen)) => found.events.push(Stored {
                path: inside,
                entry,
                seen,
            }),
            Err((why, seen)) => found.strange.push(Strange {
                path: inside,
                why,
                seen,
            }),
        }
    });
    if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    // By bytes, which is by day and time, and faster than part by part.
    found
        .events
        .sort_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
    found
        .strange
        .sort_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
    Ok(found)
}

/// The events in a directory, but for those whose file's name is known, with their names. What cannot be
/// believed is passed over.
pub fn newer(
    directory: &Path,
    is_known: impl Fn(&Path) -> bool,
) -> Result<Vec<(PathBuf, Entry)>, IoError> {
    if file::kind(directory)? != Some(file::Kind::Directory) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for path in walk::files(directory, Ignored::OwnToo)? {
        let name = path.strip_prefix(directory).unwrap_or(&path);
        if is_known(name) || write::is_temporary(&path) {
            continue;
        }
        if let Ok((entry, ())) = one(&path, &|_: &[u8]| ()) {
            found.push((name.to_owned(), entry));
        }
    }
    Ok(found)
}

fn one<T>(path: &Path, look: &impl Fn(&[u8]) -> T) -> Result<(Entry, T), (String, Option<T>)> {
    let bytes = match file::read(path, MOST_BYTES) {
        Ok(bytes) => bytes,
        Err(error) => return Err((error.reason(), None)),
    };
    let seen = look(bytes.as_bytes());
    let Some(text) = bytes.as_str() else {
        return Err(("it is not UTF-8 text".into(), Some(seen)));
    };
    match Entry::parse(text) {
        Ok(entry) => Ok((entry, seen)),
        Err(error) => Err((error.to_string(), Some(seen))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::event::{Action, Event};
    use std::fs;

    #[test]
    fn events_come_in_order_and_what_is_none_beside_them() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        assert!(read(&at("none"), |_| ()).unwrap().events.is_empty());
        let entry = |seconds| {
            let at = jiff::Timestamp::from_second(seconds).unwrap();
            Entry::new(Event::new(at, "Ana", Action::Grant, "a.enc.yaml"))
        };
        for seconds in [2_000_000_000, 1_000_000_000, 1_000_000_001] {
            let entry = entry(seconds);
            fs::create_dir_all(at(&entry.path()).parent().unwrap()).unwrap();
            fs::write(at(&entry.path()), entry.to_text()).unwrap();
        }
        fs::write(at("2001/edited.toml"), "version = 1\n").unwrap();
        fs::write(at("bytes"), b"\xff").unwrap();
        fs::write(at(".mvx-0123456789Ab.tmp"), "half").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(at("bytes"), at("2001/link.toml")).unwrap();
        let found = read(directory.path(), <[u8]>::len).unwrap();
        let times: Vec<i64> = found
            .events
            .iter()
            .map(|stored| stored.entry.event.at.as_second())
            .collect();
        assert_eq!(times, [1_000_000_000, 1_000_000_001, 2_000_000_000]);
        assert!(found.events.iter().all(|stored| stored.seen > 100));
        let strange: Vec<(&str, &str)> = found
            .strange
            .iter()
            .map(|one| (one.path.to_str().unwrap(), one.why.as_str()))
            .collect();
        assert_eq!(
            strange,
            [
                ("2001/edited.toml", "`at` is missing"),
                #[cfg(unix)]
                ("2001/link.toml", "it is a symbolic link"),
                ("bytes", "it is not UTF-8 text")
            ]
        );
        assert!(read(&at("bytes"), |_| ()).is_err());
    }
}
