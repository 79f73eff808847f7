//! Files of the work tree, or anywhere.

use std::path::{Path, PathBuf};

use super::MOST_BYTES;
use super::collect::{At, Collector};
use crate::error::{Exit, Failure};
use crate::io::file::{self, Kind};
use crate::io::walk::{self, Ignored};
use crate::scan::finding::Source;

/// Fails where something is named that is not there.
pub(super) fn must_be_there(paths: &[PathBuf]) -> Result<(), Failure> {
    for path in paths {
        if file::kind(path)?.is_none() {
            let message = "there is no such file or directory";
            return Err(Failure::new(Exit::IO, "not-found", message).at(path.display()));
        }
    }
    Ok(())
}

/// Scans the files that are named, and all below directories, but for what git ignores, on all
/// cores; without any names, what is below the working directory.
pub(super) fn scan(paths: &[PathBuf], ignored: bool, collector: &Collector<'_>) {
    let ignored = if ignored {
        Ignored::OwnToo
    } else {
        Ignored::Skipped
    };
    let here = [PathBuf::from(".")];
    for path in if paths.is_empty() { &here } else { paths } {
        if matches!(file::kind(path), Ok(Some(Kind::Directory))) {
            walk::each(path, ignored, &|met| match met {
                Ok(path) => one(path, collector),
                Err(error) => collector.not_scanned(format!("not scanned: {error}")),
            });
        } else {
            one(path, collector);
        }
    }
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
