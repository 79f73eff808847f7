//! Entries that Vault wraps with the newest version of a key, after the key was rotated there. The
//! data keys stay, and do not leave the server for it.

use std::path::{Path, PathBuf};

use crate::app::entries::wrapped_entry;
use crate::app::rewrite::Blocked;
use crate::app::{App, now};
use crate::document::Meta;
use crate::error::{At as _, Exit, Explain as _, Failure};
use crate::io::file;
use crate::io::write::Access;
use crate::keys::{Kind, short};
use crate::sops::metadata::KeyEntry;
use crate::sops::signet::SealState;

/// What would be done.
#[derive(Default)]
pub struct Plan {
    /// The files that would be written.
    pub changes: Vec<Change>,
    /// How many have no older entry of a Vault key, or none at all.
    pub unchanged: usize,
    /// Files that should be written and cannot be, and why.
    pub blocked: Vec<Blocked>,
}

/// A file with entries that are wrapped with an older version.
pub struct Change {
    /// The file.
    pub file: PathBuf,
    /// The keys, and from which version to which: `transit/keys/app: v1 to v3`.
    pub keys: Vec<String>,
    old: Vec<Vec<KeyEntry>>,
    new: Vec<Vec<KeyEntry>>,
}

/// What became of a plan.
#[derive(Default)]
pub struct Done {
    /// The files that were written.
    pub written: Vec<PathBuf>,
    /// Those that were not.
    pub left: Vec<Blocked>,
}

impl App<'_> {
    /// Has the servers wrap the entries of Vault keys anew, and opens the files in which that
    /// changes something. Nothing is written.
    pub fn plan_rewrap(&self, files: &[PathBuf], done: impl FnMut()) -> Plan {
        self.known_keys.get_or_init(Default::default);
        let look = |app: &App<'_>, file: &PathBuf| app.newer_entries(file);
        let mut plan = Plan::default();
        for (file, change) in files.iter().zip(self.for_each(files, look, done)) {
            match change {
                Ok(Some(change)) => plan.changes.push(change),
                Ok(None) => plan.unchanged += 1,
                Err(failure) => plan.blocked.push(Blocked {
                    file: file.clone(),
                    failure,
                }),
            }
        }
        plan
    }

    /// Writes the files of a plan: their entries and their seals, and nothing else.
    pub fn carry_out_rewrap(&self, plan: &Plan, done: impl FnMut()) -> Done {
        let write = |app: &App<'_>, change: &Change| app.put_entries(change);
        let mut outcome = Done::default();
        let written = self.for_each(&plan.changes, write, done);
        for (change, written) in plan.changes.iter().zip(written) {
            let file = change.file.clone();
            match written {
                Ok(()) => outcome.written.push(file),
                Err(failure) => outcome.left.push(Blocked { file, failure }),
            }
        }
        outcome
    }

    fn newer_entries(&self, path: &Path) -> Result<Option<Change>, Failure> {
        file::is_replaceable(path)?;
        let sealed = self.read_sealed(path, None)?;
        let old = sealed.metadata.groups().at(path.display())?;
        let mut new = old.clone();
        let mut keys = Vec::new();
        for entry in new.iter_mut().flatten() {
            if Kind::of_field(&entry.kind) == Kind::Vault
                && let Some(key) = self
                    .newer_entry(entry)
                    .map_err(|it| it.at(path.display()))?
                && !keys.contains(&key)
            {
                keys.push(key);
            }
        }
        if keys.is_empty() {
            return Ok(None);
        }
        let opened = self.open_sealed(sealed)?;
        must_be_sealed(opened.opened.seal).map_err(|failure| failure.at(path.display()))?;
        Ok(Some(Change {
            file: path.into(),
            keys,
            old,
            new,
        }))
    }

    /// Puts what the server wrapped anew into an entry, and says which key it was; `None` where
    /// nothing is newer.
    fn newer_entry(&self, entry: &mut KeyEntry) -> Result<Option<String>, Failure> {
        let wrapped = wrapped_entry(entry);
        let newer = self.keyring().vault().rewrap(&wrapped).map_err(|refusal| {
            let message = format!("{}: {refusal}", wrapped.short());
            let failure = Failure::new(refusal.exit(), refusal.code(), message);
            refusal.hints.into_iter().fold(failure, Failure::hint)
        })?;
        let Some(newer) = newer else {
            return Ok(None);
        };
        let (from, to) = (version(&wrapped.enc), version(&newer.enc));
        for (name, value) in &mut entry.fields {
            match name.as_str() {
                "enc" => *value = Meta::Str(newer.enc.clone()),
                "created_at" => *value = Meta::Str(now()),
                _ => {}
            }
        }
        let (_, key) = wrapped.recipient.rsplit_once("/v1/").unwrap_or_default();
        Ok(Some(format!("{}: {from} to {to}", short(key))))
    }

    fn put_entries(&self, change: &Change) -> Result<(), Failure> {
        let path = change.file.as_path();
        let lock = self.lock(path)?;
        let sealed = self.read_sealed(path, None)?;
        if sealed.metadata.groups().at(path.display())? != change.old {
            let message = "it changed meanwhile; it was not written";
            return Err(Failure::new(Exit::IO, "changed-meanwhile", message).at(path.display()));
        }
        let threshold = sealed.metadata.threshold().at(path.display())?;
        let file = self.open_sealed(sealed)?;
        must_be_sealed(file.opened.seal).map_err(|failure| failure.at(path.display()))?;
        let groups = change.new.as_slice();
        let text = file.change(|sealer, open| Ok(sealer.rewrap(open, (groups, threshold))?))?;
        let old = file.sealed.original.as_bytes();
        self.replace(&lock, old, text.as_bytes(), Access::Shared)
    }
}

/// The seal is set anew, and would vouch for recipients that nobody has vouched for.
fn must_be_sealed(seal: SealState) -> Result<(), Failure> {
    if seal == SealState::Valid {
        return Ok(());
    }
    let message = "it has no seal, so that nothing vouches for its recipients";
    Err(Failure::new(Exit::RULES, "not-vouched", message).hint(
        "`mvx seal accept FILE` seals it as it is; `mvx rekey FILE` wraps for those of the rules",
    ))
}

/// `v3` of `vault:v3:…`.
fn version(enc: &str) -> &str {
    enc.split(':').nth(1).unwrap_or_default()
}
