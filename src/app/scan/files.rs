//! Files of the work tree, or anywhere.

use std::collections::HashSet;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::MOST_BYTES;
use super::collect::{At, Collector};
use crate::error::{Exit, Failure};
use crate::io::file::{self, Kind};
use crate::io::walk::{self, Ignored};
use crate::scan::finding::Source;

/// The files that the arguments mean: those that are named, and all below directories, but for what
/// git ignores.
pub(super) fn named(paths: &[PathBuf], ignored: bool) -> Result<Vec<PathBuf>, Failure> {
    let here = [PathBuf::from(".")];
    let paths = if paths.is_empty() { &here } else { paths };
    let ignored = if ignored {
        Ignored::OwnToo
    } else {
        Ignored::Skipped
    };
    let mut found = Vec::new();
    for path in paths {
        match file::kind(path)? {
            Some(Kind::Directory) => found.extend(walk::files(path, ignored)?),
            Some(_) => found.push(path.clone()),
            None => {
                let message = "there is no such file or directory";
                return Err(Failure::new(Exit::IO, "not-found", message).at(path.display()));
            }
        }
    }
    if paths.len() > 1 {
        let mut seen = HashSet::new();
        found.retain(|path| seen.insert(path.clone()));
    }
    Ok(found)
}

/// Scans files on all cores.
pub(super) fn scan(files: &[PathBuf], collector: &Collector<'_>) {
    const WORTH_A_THREAD: usize = 16;
    const MOST_THREADS: usize = 16;
    let next = AtomicUsize::new(0);
    let run = || {
        while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            one(path, collector);
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = threads.min(files.len() / WORTH_A_THREAD).min(MOST_THREADS);
    if threads < 2 {
        return run();
    }
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(run);
        }
    });
}

fn one(path: &Path, collector: &Collector<'_>) {
    let limit = usize::try_from(MOST_BYTES).unwrap_or(usize::MAX);
    match file::read(path, limit) {
        Ok(bytes) => {
            let path = path.strip_prefix(".").unwrap_or(path);
            let at = At {
                source: Source::File,
                path: Some(path.to_owned()),
                ..At::default()
            };
            collector.look(&at, bytes.as_bytes(), None, &[]);
        }
        Err(error) => collector.not_scanned(format!("{}: {}", path.display(), error.reason())),
    }
}
