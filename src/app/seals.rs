//! A file's seal: looked at, and made anew for what somebody has looked at.

use std::path::Path;

use crate::app::load::OpenFile;
use crate::app::trust::{Good, Search, Wanted};
use crate::app::{App, READ_LIMIT};
use crate::error::{At as _, Exit, Failure};
use crate::git::history::Reach;
use crate::io::file;
use crate::io::write::{self, Access};
use crate::keypath::KeyPath;
use crate::sops::change::{Open, node_at};
use crate::sops::difference::Difference;
use crate::sops::open::{Check, open};
use crate::sops::signet::SealState;
use crate::sops::store::NewNode;
use crate::stores::Format;

/// What a file's seal says, and how the file differs from the last version that had a good one.
pub struct SealReport {
    /// The file, whose MAC matches.
    pub file: OpenFile,
    /// The version in git that it was compared with.
    pub good: Option<Box<Good>>,
    /// Whether git has versions with a seal, and this machine opens none of them.
    pub closed: bool,
    /// Whether there are older commits, which were not looked at.
    pub cut_short: bool,
    /// What differs.
    pub differences: Vec<Difference>,
}

impl App<'_> {
    /// Opens a file whatever its seal says, and compares it with the last version in git that has a
    /// valid one. An error where its values or its MAC do not hold: that is for `mvx repair`.
    pub fn look_at_seal(&self, path: &Path, format: Option<Format>) -> Result<SealReport, Failure> {
        let sealed = self.read_sealed(path, format)?;
        let name = sealed.name.clone();
        let unwrapped = self.unwrap_key(&name, &sealed.metadata).at(&name)?;
        let key = unwrapped.key;
        let opened = open(&sealed.tree, &sealed.metadata, &key, Check::Mac).at(&name)?;
        let file = OpenFile {
            sealed,
            key,
            opened,
            opened_by: unwrapped.recipients,
            shares: unwrapped.shares,
            closed: Vec::new(),
        };
        let mut report = SealReport {
            file,
            good: None,
            closed: false,
            cut_short: false,
            differences: Vec::new(),
        };
        if report.file.opened.seal == SealState::Valid {
            return Ok(report);
        }
        match self.last_good(path, &report.file, Wanted::WithSeal)? {
            Search::None(reach) => report.cut_short = reach == Reach::CutShort,
            Search::Closed => report.closed = true,
            Search::Found(good) => {
                report.differences = self.differences_from(&good, &report.file, path).at(&name)?;
                report.good = Some(good);
            }
        }
        Ok(report)
    }

    /// Seals a file as it is, everything else to the byte. Refused if the file is not the one that
    /// was looked at any more.
    pub fn accept_seal(&self, path: &Path, report: &SealReport) -> Result<(), Failure> {
        let file = &report.file;
        let lock = self.lock(path)?;
        let text = file.change(|sealer, open| Ok(sealer.impress(open.text, open.tree)?))?;
        let old = file.sealed.original.as_bytes();
        self.replace(&lock, old, text.as_bytes(), Access::Shared)
    }

    /// Writes the version that git has in the place of the file; what was there is kept where mvx
    /// keeps its own things. Gives the place.
    pub(super) fn put_version(
        &self,
        path: &Path,
        good: &Good,
    ) -> Result<std::path::PathBuf, Failure> {
        let lock = self.lock(path)?;
        let old = file::read(lock.target(), READ_LIMIT)?;
        let kept = self.keep_version(path, old.as_bytes())?;
        let new = good.sealed.original.as_bytes();
        self.replace(&lock, old.as_bytes(), new, Access::Shared)?;
        self.tell_of_changes(path)?;
        Ok(kept)
    }

    /// Keeps a copy of a file that is about to be written over, where mvx keeps its own things. Gives
    /// the place. Nobody else can read it: something in it may stand in clear.
    pub(super) fn keep_version(
        &self,
        path: &Path,
        bytes: &[u8],
    ) -> Result<std::path::PathBuf, Failure> {
        let directory = self.environment().kept_directory()?;
        file::create_private_directories(&directory)?;
        keep(&directory, path, bytes)
    }
}

impl SealReport {
    /// What stands at a path in the old version and in the file.
    pub fn values(&self, path: &KeyPath) -> (Option<NewNode>, Option<NewNode>) {
        let old = self.good.as_ref().and_then(|good| good.value(path));
        (old, node_at(self.file.view(), path))
    }
}

impl Good {
    /// What stands at a path.
    pub fn value(&self, path: &KeyPath) -> Option<NewNode> {
        let open = Open {
            text: self.sealed.text.as_bytes(),
            tree: &self.sealed.tree,
            opened: &self.opened,
        };
        node_at(open, path)
    }
}

/// Writes a copy under a name that is free.
fn keep(directory: &Path, path: &Path, bytes: &[u8]) -> Result<std::path::PathBuf, Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for number in 1..1000 {
        let kept = directory.join(format!("{number}-{name}"));
        match write::create_new(&kept, bytes, Access::Private) {
            Err(crate::io::IoError::AlreadyExists { .. }) => {}
            written => {
                written?;
                return Ok(kept);
            }
        }
    }
    let message = "there are a thousand kept versions of this file already";
    Err(Failure::new(Exit::IO, "already-exists", message).at(directory.display()))
}
