//! Files of the work tree, or anywhere, and their names.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::MOST_BYTES;
use super::collect::{At, Collector};
use crate::error::{Exit, Failure};
use crate::git::objects::{Objects, ObjectsError};
use crate::io::IoError;
use crate::io::env::Environment;
use crate::io::file::{self, Kind};
use crate::io::walk::{self, Entry, Ignored};
use crate::scan::finding::Source;

/// The size in bytes beyond which a file waits until no other thread holds such a one.
const LARGE: u64 = 32 << 20;

static TURN: Mutex<()> = Mutex::new(());

/// Fails where something is named that is not there, or that may never end: a pipe, a device.
pub(super) fn must_be_there(paths: &[PathBuf]) -> Result<(), Failure> {
    for path in paths {
        match file::kind(path)? {
            Some(Kind::File | Kind::Directory) => {}
            Some(Kind::Other(what)) => {
                let path = path.clone();
                return Err(Failure::from(IoError::NotAFile { path, what })
                    .hint("`mvx scan --stdin` reads what is piped in"));
            }
            // what a link says can be scanned although it leads nowhere
            None if file::link_text(path)?.is_some() => {}
            None => {
                let message = "there is no such file or directory";
                return Err(Failure::new(Exit::IO, "not-found", message).at(path.display()));
            }
        }
    }
    Ok(())
}

/// Scans the files that are named, and all below directories, but for what git ignores and does not
/// track, on all cores; without any names, what is below the working directory.
pub(super) fn scan(
    paths: &[PathBuf],
    ignored: bool,
    repositories: &Repositories<'_>,
    collector: &Collector<'_>,
) {
    let here = [PathBuf::from(".")];
    for path in if paths.is_empty() { &here } else { paths } {
        if !paths.is_empty() {
            name(path, collector);
            link(path, collector);
        }
        match file::kind(path) {
            Ok(Some(Kind::Directory)) if ignored => {
                below(path, Ignored::OwnToo, None, collector);
            }
            Ok(Some(Kind::Directory)) => tracked_too(path, repositories, collector),
            Ok(Some(Kind::File)) => one(path, collector),
            // a link to nothing
            Ok(None) => {}
            Ok(Some(Kind::Other(what))) => {
                collector.not_scanned(format!("{}: it is {what}", path.display()));
            }
            Err(error) => {
                collector.not_scanned(format!("{}: {}", path.display(), error.reason()));
            }
        }
    }
}

/// Scans files that somebody else has listed: each itself, links as the texts that they are. What is
/// in a directory, a submodule, is not listed.
pub(super) fn listed(paths: &[PathBuf], collector: &Collector<'_>) {
    for path in paths {
        name(path, collector);
        if !link(path, collector) && matches!(file::kind(path), Ok(Some(Kind::File))) {
            one(path, collector);
        }
    }
}

/// Where repositories are found: as the variables of git's hooks say for the one around `directory`.
pub(super) struct Repositories<'a> {
    pub(super) directory: &'a Path,
    pub(super) environment: &'a Environment,
}

impl Repositories<'_> {
    /// The repository in whose work tree this directory, without links in it, lies.
    fn around(&self, directory: &Path) -> Result<Objects, ObjectsError> {
        if let Ok(objects) = Objects::open(self.directory, self.environment, MOST_BYTES)
            && objects.root().is_some_and(|root| {
                let mut way = directory.ancestors().take_while(|above| *above != root);
                directory.starts_with(root)
                    && !way.any(|above| matches!(file::kind(&above.join(".git")), Ok(Some(_))))
            })
        {
            return Ok(objects);
        }
        Objects::open(directory, &Environment::of::<&str>([]), MOST_BYTES)
    }
}

/// The files below a directory that git tracks, relative to it, and whether each was met.
type Tracked = HashMap<PathBuf, AtomicBool>;

/// Scans what is below a directory, also where git ignores it but has it in its index: that is
/// committed and pushed like everything else. So in every repository that is met.
fn tracked_too(directory: &Path, repositories: &Repositories<'_>, collector: &Collector<'_>) {
    let tracked = tracked(directory, repositories, collector);
    let nested = below(directory, Ignored::Skipped, tracked.as_ref(), collector);
    add_unmet(directory, tracked, collector);
    for directory in nested {
        let tracked = self::tracked(&directory, repositories, collector);
        walk::each(&directory, Ignored::Skipped, &|entry| {
            if let Ok(Entry::File(path) | Entry::Link(path)) = entry {
                meet(path, &directory, tracked.as_ref());
            }
        });
        add_unmet(&directory, tracked, collector);
    }
}

fn tracked(
    directory: &Path,
    repositories: &Repositories<'_>,
    collector: &Collector<'_>,
) -> Option<Tracked> {
    let full = file::canonical(directory).ok()?;
    let unknown = |error: ObjectsError| {
        collector.not_scanned(format!(
            "{}: which files git tracks cannot be told: {error}; `--no-ignore` scans all",
            directory.display()
        ));
    };
    let objects = match repositories.around(&full) {
        Ok(objects) => objects,
        Err(ObjectsError::NotARepository { .. }) => return None,
        Err(error) => {
            unknown(error);
            return None;
        }
    };
    let inside = full
        .strip_prefix(file::canonical(objects.root()?).ok()?)
        .ok()?;
    let tracked = objects.tracked().map_err(unknown).ok()?;
    let here = tracked
        .iter()
        .filter_map(|path| Some((path.strip_prefix(inside).ok()?.to_owned(), false.into())));
    Some(here.collect())
}

fn meet(path: &Path, directory: &Path, tracked: Option<&Tracked>) {
    if let Some(tracked) = tracked
        && let Ok(path) = path.strip_prefix(directory)
        && let Some(met) = tracked.get(path)
    {
        met.store(true, Ordering::Relaxed);
    }
}

/// Scans what git tracks and was not met, as far as it is there: not what lies behind a link that
/// stands where the index has a directory.
fn add_unmet(directory: &Path, tracked: Option<Tracked>, collector: &Collector<'_>) {
    let Some(full) = tracked
        .as_ref()
        .and_then(|_| file::canonical(directory).ok())
    else {
        return;
    };
    for (path, met) in tracked.into_iter().flatten() {
        if met.into_inner() {
            continue;
        }
        let is_inside = file::canonical(file::directory_of(&full.join(&path)))
            .is_ok_and(|real| real == file::directory_of(&full.join(&path)));
        if !is_inside {
            continue;
        }
        for part in &path {
            name_of(part, &directory.join(&path), collector);
        }
        let path = directory.join(path);
        if !link(&path, collector) && matches!(file::kind(&path), Ok(Some(Kind::File))) {
            one(&path, collector);
        }
    }
}

/// Scans what is below a directory. Returns the repositories that were met in it.
fn below(
    directory: &Path,
    ignored: Ignored,
    tracked: Option<&Tracked>,
    collector: &Collector<'_>,
) -> Vec<PathBuf> {
    let nested: Mutex<Vec<PathBuf>> = Mutex::default();
    walk::each(directory, ignored, &|met| match met {
        Ok(Entry::File(path)) => {
            meet(path, directory, tracked);
            name(path, collector);
            one(path, collector);
        }
        Ok(Entry::Link(path)) => {
            meet(path, directory, tracked);
            name(path, collector);
            link(path, collector);
        }
        Ok(Entry::Directory(path)) => name(path, collector),
        Ok(Entry::Repository(path)) => {
            let mut nested = nested.lock().unwrap_or_else(PoisonError::into_inner);
            nested.push(path.to_owned());
        }
        Err(error) => collector.not_scanned(format!("not scanned: {error}")),
    });
    nested.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn one(path: &Path, collector: &Collector<'_>) {
    // a large file is held by one thread at a time
    let _turn =
        (file::size(path) > LARGE).then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner));
    let limit = usize::try_from(MOST_BYTES).unwrap_or(usize::MAX);
    match file::read(path, limit) {
        Ok(bytes) => collector.look(&at(path, Source::File), bytes.as_bytes(), None, &[]),
        Err(error) => collector.not_scanned(format!("{}: {}", path.display(), error.reason())),
    }
}

/// Scans what a symbolic link says; whether it is one.
fn link(path: &Path, collector: &Collector<'_>) -> bool {
    match file::link_text(path) {
        Ok(None) => false,
        Ok(Some(target)) => {
            let bytes = target.as_os_str().as_encoded_bytes();
            collector.look_at_text(&at(path, Source::File), bytes);
            true
        }
        Err(error) => {
            collector.not_scanned(format!("{}: {}", path.display(), error.reason()));
            true
        }
    }
}

/// Scans a file's name, or a directory's: that of `.` is not known, and not committed either.
fn name(path: &Path, collector: &Collector<'_>) {
    if let Some(name) = path.file_name() {
        name_of(name, path, collector);
    }
}

fn name_of(name: &OsStr, path: &Path, collector: &Collector<'_>) {
    collector.look_at_name(name.as_encoded_bytes(), || at(path, Source::Name));
}

fn at(path: &Path, source: Source) -> At {
    At {
        source,
        path: Some(path.strip_prefix(".").unwrap_or(path).to_owned()),
        ..At::default()
    }
}
