//! A file that does not open as it should: what is wrong with it, what differs from the last good
//! version in git, and the ways out.

use std::path::{Path, PathBuf};

use crate::app::edit::{Again, Outcome};
use crate::app::load::OpenFile;
use crate::app::trust::{Good, Search, Wanted};
use crate::app::{App, SystemRandomness, now};
use crate::document::Value;
use crate::error::{At as _, Exit, Failure};
use crate::io::write::Access;
use crate::keypath::KeyPath;
use crate::sops::change::node_at;
use crate::sops::difference::{Change, Difference, differences};
use crate::sops::seal::{SealError, Sealer};
use crate::sops::signet::SealState;
use crate::sops::store::NewNode;
use crate::sops::survey::{Fault, closed_envelopes, survey};
use crate::stores::Format;

/// What is wrong with a file, and what there is to mend it with.
pub struct Diagnosis {
    /// Why it does not open.
    pub failure: Failure,
    /// The file, as far as it opens: `None` where it cannot be read or no identity opens it.
    pub broken: Option<Broken>,
    /// The last good version in git.
    pub good: Option<Box<Good>>,
    /// What differs from it, values that do not open left out.
    pub differences: Vec<Difference>,
}

/// A file, as far as it opens.
pub struct Broken {
    /// The file; values that do not open are missing.
    pub file: OpenFile,
    /// Their items, by index.
    places: Vec<(usize, Fault)>,
    /// Values that do not open, and why.
    pub faults: Vec<(KeyPath, Fault)>,
}

/// What became of a file that was taken as it stood.
pub struct Taken {
    /// Where what was there is kept, if values were replaced.
    pub kept: Option<PathBuf>,
    /// The values that come from the last good version, and may be older than those that were there.
    pub from_git: Vec<KeyPath>,
}

/// What failed before there was anything that could be broken.
const NOT_BROKEN: [&str; 5] = [
    "dangling-link",
    "not-a-file",
    "not-encrypted",
    "not-found",
    "read",
];

impl App<'_> {
    /// Finds out what is wrong with a file; `None` where nothing is.
    pub fn diagnose(
        &self,
        path: &Path,
        format: Option<Format>,
    ) -> Result<Option<Diagnosis>, Failure> {
        let failure = match self.open_file(path, format) {
            Ok(_) => return Ok(None),
            // There is no file that could be read, or it was never sealed.
            Err(failure) if NOT_BROKEN.contains(&failure.code) => return Err(failure),
            Err(failure) => failure,
        };
        let broken = self.as_far_as_it_opens(path, format).ok();
        let key = broken.as_ref().map(|broken| &broken.file.key);
        let format = broken.as_ref().map_or_else(
            || format.unwrap_or_else(|| Format::from_path(path)),
            |broken| broken.file.sealed.format,
        );
        let mut diagnosis = Diagnosis {
            failure,
            good: None,
            differences: Vec::new(),
            broken: None,
        };
        if let Search::Found(good) = self.search(path, key, format, Wanted::Any)? {
            if let Some(broken) = &broken {
                diagnosis.differences = broken.differences(&good).at(path.display())?;
            }
            diagnosis.good = Some(good);
        }
        diagnosis.broken = broken;
        Ok(Some(diagnosis))
    }

    fn as_far_as_it_opens(&self, path: &Path, format: Option<Format>) -> Result<Broken, Failure> {
        let sealed = self.read_sealed(path, format)?;
        let unwrapped = self.unwrap_key(&sealed.name, &sealed.metadata)?;
        let key = unwrapped.key;
        let survey = survey(&sealed.tree, &sealed.metadata, &key)?;
        let faults = survey.paths(&sealed.tree);
        let closed = closed_envelopes(&sealed.tree, &survey);
        let file = OpenFile {
            sealed,
            key,
            opened: survey.opened,
            opened_by: unwrapped.recipients,
            shares: unwrapped.shares,
            closed,
        };
        Ok(Broken {
            file,
            places: survey.faults,
            faults,
        })
    }

    /// Takes a file as it stands: values that do not authenticate come from the last good version,
    /// values in clear are encrypted, MAC and seal are made anew. Where values are replaced, what was
    /// there is kept.
    pub fn repair_take(&self, path: &Path, diagnosis: &Diagnosis) -> Result<Taken, Failure> {
        let broken = diagnosis.broken()?;
        let lock = self.lock(path)?;
        let file = &broken.file;
        let now = now();
        let mut random = SystemRandomness::default();
        let mut sealer = Sealer {
            store: file.store(),
            key: &file.key,
            now: &now,
            random: &mut random,
        };
        let mut from_git = Vec::new();
        let known = |path: &KeyPath| -> Option<Value> {
            match diagnosis.good.as_ref()?.value(path)? {
                NewNode::Value(value) => {
                    from_git.push(path.clone());
                    Some(value)
                }
                _ => None,
            }
        };
        let mended = sealer.mend(file.view(), &broken.places, known);
        let text = mended.map_err(|error| nothing_to_take(error, path))?;
        let old = file.sealed.original.as_bytes();
        let replaces = !from_git.is_empty();
        let kept = replaces.then(|| self.keep_version(path, old)).transpose()?;
        self.replace(&lock, old, text.as_bytes(), Access::Shared)?;
        self.tell_of_changes(path)?;
        Ok(Taken { kept, from_git })
    }

    /// Puts the last good version in the file's place, and says where what was there is kept.
    pub fn repair_restore(&self, path: &Path, diagnosis: &Diagnosis) -> Result<PathBuf, Failure> {
        let Some(good) = &diagnosis.good else {
            let message = "git has no version of it that opens";
            return Err(Failure::new(Exit::NO, "nothing-to-restore", message).at(path.display()));
        };
        self.put_version(path, good)
    }

    /// Opens what can be opened in the editor; values that do not open stand there as they are, and
    /// must go.
    pub fn repair_edit(
        &self,
        path: &Path,
        diagnosis: Diagnosis,
        again: impl FnMut(&Failure) -> Option<Again>,
    ) -> Result<Outcome, Failure> {
        diagnosis.broken()?;
        let broken = diagnosis.broken.map(|broken| broken.file);
        match broken {
            Some(file) => self.edit_opened(path, file, again),
            None => Ok(Outcome::Unchanged),
        }
    }
}

impl Diagnosis {
    fn broken(&self) -> Result<&Broken, Failure> {
        self.broken.as_ref().ok_or_else(|| {
            let message = "the file cannot be read far enough to be taken or edited";
            Failure::new(Exit::IO, "beyond-repair", message)
                .hint("`mvx repair --restore FILE` puts the last good version of git in its place")
        })
    }

    /// What stands at a path in the good version and in the file.
    pub fn values(&self, path: &KeyPath) -> (Option<NewNode>, Option<NewNode>) {
        let old = self.good.as_ref().and_then(|good| good.value(path));
        let new = self.broken.as_ref();
        let closed = new.is_some_and(|broken| broken.faults.iter().any(|(fault, _)| fault == path));
        let new = new.filter(|_| !closed);
        (
            old,
            new.and_then(|broken| node_at(broken.file.view(), path)),
        )
    }

    /// Whether the seal is what is wrong, or among it.
    pub fn seal(&self) -> Option<SealState> {
        Some(self.broken.as_ref()?.file.opened.seal)
    }
}

impl Broken {
    /// What differs from a good version, without what does not open.
    fn differences(&self, good: &Good) -> Result<Vec<Difference>, Failure> {
        let same_key = good.key == self.file.key;
        let mut found = differences(good.version(), self.file.version(), same_key)?;
        found.retain(|one| match &one.change {
            Change::Value(path, _) | Change::Type(path, ..) => {
                !self.faults.iter().any(|(fault, _)| fault == path)
            }
            _ => true,
        });
        Ok(found)
    }
}

fn nothing_to_take(error: SealError, path: &Path) -> Failure {
    let mut failure = Failure::from(error).at(path.display());
    failure.hints = vec![
        "no good version in git has this value: `mvx repair --edit FILE` lets you type it or take it out"
            .into(),
    ];
    failure
}
