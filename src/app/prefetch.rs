//! The data keys of many files that need a service: unwrapped beside each other, while one file
//! after the other is worked on.
//!
//! Each takes a round trip or two, and one thread that waits for one after the other waits long. So
//! a command says beforehand which files it is going to open. As soon as the first of them was
//! opened by a service, with credentials that are known from then on, the keys of the others are
//! asked for at once. A run whose local keys open everything never gets here, and pays nothing.

use std::path::{Path, PathBuf};

use crate::app::App;
use crate::app::entries::wrapped;
use crate::app::large::THRESHOLD;
use crate::error::Failure;
use crate::io::large::Large;
use crate::keys::open::{Opened, unwrap_unasked};
use crate::keys::remote::MOST_CALLS;
use crate::keys::{Kind, Wrapped};
use crate::stores::Format;

/// Files that a run is going to open.
#[derive(Default)]
pub(super) struct Upcoming {
    paths: Vec<PathBuf>,
    format: Option<Format>,
}

impl App<'_> {
    /// Says which files are going to be opened, one after the other. Nothing is read yet.
    pub fn upcoming(&self, paths: &[PathBuf], format: Option<Format>) {
        if paths.len() > 1 {
            *self.upcoming.borrow_mut() = Upcoming {
                paths: paths.to_vec(),
                format,
            };
        }
    }

    /// Asks for the keys of all files that are to come, if it was a service that opened this one.
    pub(super) fn prefetch(&self, name: &str, groups: &[Vec<Wrapped>], opened: &Opened) {
        let by_service = |entry: &Wrapped| {
            entry.kind != Kind::Age && opened.recipients.contains(&entry.recipient)
        };
        if self.upcoming.borrow().paths.is_empty() || !groups.iter().flatten().any(by_service) {
            return;
        }
        let Upcoming { mut paths, format } = self.upcoming.take();
        paths.retain(|path| path != Path::new(name));
        self.known_keys.get_or_init(Default::default);
        let fetch = |app: &App<'_>, path: &PathBuf| {
            // What is wrong with a file is told when its turn comes.
            drop(app.fetch(path, format));
        };
        self.spread(&paths, MOST_CALLS, fetch, || {});
    }

    /// Unwraps the data key of a file that has an entry for a service, so that it is known. Nobody is
    /// asked anything.
    fn fetch(&self, path: &Path, format: Option<Format>) -> Result<(), Failure> {
        if Large::open(path, THRESHOLD)?.is_some() {
            return Ok(());
        }
        let sealed = self.read_sealed(path, format)?;
        let groups = sealed.metadata.groups()?;
        let groups: Vec<Vec<Wrapped>> = groups.iter().map(|group| wrapped(group)).collect();
        if groups.iter().flatten().all(|entry| entry.kind == Kind::Age) {
            return Ok(());
        }
        let threshold = sealed.metadata.threshold()?.unwrap_or(0);
        // Where the rules demand a log, nothing is unwrapped that does not stand there.
        self.record_opening(&sealed.name)?;
        let (keyring, order) = (self.keyring(), self.order()?);
        let opened = unwrap_unasked(&groups, threshold, keyring.providers(), &order)?;
        if let Some(known) = self.known_keys.get() {
            known.add(&groups, &opened);
        }
        Ok(())
    }
}
