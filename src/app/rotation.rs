//! One's own identity is replaced: in the key file, in the rules, in every file.
//!
//! The new identity stands beside the old one until no file needs the old one any more; a comment in
//! the key file says so, and lets a later run finish what was begun.

use std::path::{Path, PathBuf};

use crate::app::mentions::Reach;
use crate::app::recipients::is_same_key;
use crate::app::register::{RulesChange, public_key};
use crate::app::rewrite::Blocked;
use crate::app::{App, now};
use crate::error::{Exit, Failure};
use crate::git::branches::OnBranch;
use crate::io::file;
use crate::io::write::{self, Access};
use crate::keys::age::file::{holds, unfinished, with_successor, without};
use crate::keys::age::{Generated, Place, generate};
use crate::keys::machine::MAX_KEY_BYTES;
use crate::keys::short;
use crate::rules::RecipientSpec;
use crate::secret::Cleartext;

/// A rotation that was prepared.
pub struct Rotation {
    /// The name in the rules.
    pub name: String,
    /// The public key that goes.
    pub old: String,
    /// The one that takes its place.
    pub new: String,
    /// Whether an earlier run began it.
    pub resumed: bool,
    /// The key file in which both stand; `None` where the new identity was made by other means.
    pub key_file: Option<PathBuf>,
    identity: Option<Generated>,
    rules: Option<RulesChange>,
}

/// What a key still opens.
#[derive(Default)]
pub struct StillNeeded {
    /// Files that stand here.
    pub files: Vec<PathBuf>,
    /// Files of which it cannot be told.
    pub unknown: Vec<Blocked>,
    /// Files on other branches that are not here in the same version.
    pub branches: Vec<OnBranch>,
}

impl Rotation {
    /// The rules that are written, as the user would type them; empty where they stay.
    pub fn rules_file(&self) -> &Path {
        let rules = self.rules.as_ref();
        rules.map_or(Path::new(""), |rules| &rules.file)
    }
}

impl App<'_> {
    /// The names in the rules whose keys are this machine's, with the keys.
    pub fn own_names(&self) -> Result<Vec<(String, String)>, Failure> {
        let rules = self.register()?;
        let held = self.list_keys().held;
        let is_own = |spec: &&RecipientSpec| {
            let mut own = held.iter().filter_map(|held| held.recipient.as_deref());
            own.any(|own| is_same_key(own, &spec.value))
        };
        let own = rules.recipients().iter().filter(is_own);
        Ok(own
            .filter_map(|spec| Some((spec.name.clone()?, spec.value.clone())))
            .collect())
    }

    /// A rotation that an earlier run began and did not finish: the old key and the new one.
    pub fn unfinished_rotation(&self) -> Option<(String, String)> {
        let mut files = self.identities().key_files().into_iter();
        files.find_map(|(path, keys)| unfinished(&file::read(&path, MAX_KEY_BYTES).ok()?, &keys))
    }

    /// Prepares a rotation of the key that the rules call `name`: a new identity, or `to`, another
    /// one that this machine holds. Nothing is written yet.
    pub fn rotation(&self, name: &str, to: Option<&str>) -> Result<Rotation, Failure> {
        let rules = self.register()?;
        let spec = rules
            .recipients()
            .iter()
            .find(|spec| spec.name.as_deref() == Some(name))
            .ok_or_else(|| {
                Failure::new(
                    Exit::RULES,
                    "unknown-name",
                    format!("there is no recipient `{name}`"),
                )
                .at(self.relative(&rules.origin().path).display())
                .hint("`mvx recipients list` shows everybody")
            })?;
        if let Some(to) = to {
            let new = public_key(to)?;
            self.must_hold(&new)?;
            let rules = self.rules_with(name, &spec.value, &new)?;
            return Ok(Rotation {
                name: name.into(),
                old: spec.value.clone(),
                new,
                resumed: rules.is_none(),
                key_file: None,
                identity: None,
                rules,
            });
        }
        if let Some((old, new)) = self.unfinished_rotation() {
            if !is_same_key(&spec.value, &old) && !is_same_key(&spec.value, &new) {
                let message = format!("the rotation of {} has not been finished", short(&old));
                return Err(Failure::new(Exit::USAGE, "unfinished", message)
                    .hint("`mvx keys rotate` without `--name` finishes it"));
            }
            let Some(Place::KeyFile(path)) = self.identities().place_of(&old) else {
                return Err(self.not_writable(&old));
            };
            return Ok(Rotation {
                name: name.into(),
                rules: self.rules_with(name, &spec.value, &new)?,
                old,
                new,
                resumed: true,
                key_file: Some(path),
                identity: None,
            });
        }
        let Some(Place::KeyFile(path)) = self.identities().place_of(&spec.value) else {
            return Err(self.not_writable(&spec.value));
        };
        let text = file::read(&path, MAX_KEY_BYTES)?;
        if without(&text, &spec.value).is_none() {
            let message = "the identity does not stand on a line of its own";
            return Err(Failure::new(Exit::IO, "key-file", message)
                .at(path.display())
                .hint("put each identity on a line of its own, and run it again"));
        }
        let identity = generate(&now());
        Ok(Rotation {
            name: name.into(),
            old: spec.value.clone(),
            new: identity.recipient.clone(),
            resumed: false,
            rules: self.rules_with(name, &spec.value, &identity.recipient)?,
            key_file: Some(path),
            identity: Some(identity),
        })
    }

    /// The rules with another key, unless they have it already.
    fn rules_with(
        &self,
        name: &str,
        current: &str,
        new: &str,
    ) -> Result<Option<RulesChange>, Failure> {
        if is_same_key(current, new) {
            return Ok(None);
        }
        self.give_key(name, new).map(Some)
    }

    /// Writes the new identity beside the old one, and then the rules.
    pub fn begin_rotation(&self, rotation: &Rotation) -> Result<(), Failure> {
        if let (Some(path), Some(identity)) = (&rotation.key_file, &rotation.identity) {
            self.rewrite_keys(path, |text| {
                Ok(with_successor(text, identity, &rotation.old))
            })?;
        }
        if let Some(rules) = &rotation.rules {
            self.write_rules(rules)?;
        }
        Ok(())
    }

    /// What the old key still opens, in all of the repository.
    pub fn still_needed(&self, rotation: &Rotation) -> Result<StillNeeded, Failure> {
        let old = rotation.old.as_str();
        let files = self.secret_files(&[])?;
        let (others, unreadable) = self.others_sealed_for(old, &files, Reach::Here)?;
        let mut needed = StillNeeded {
            branches: self.branches_sealed_for(old)?,
            ..StillNeeded::default()
        };
        for path in files {
            let groups = self
                .read_sealed(&path, None)
                .and_then(|sealed| Ok(sealed.metadata.groups()?));
            match groups {
                Ok(groups) => {
                    let mut entries = groups.iter().flatten();
                    if entries.any(|entry| is_same_key(&entry.recipient(), old)) {
                        needed.files.push(path);
                    }
                }
                Err(failure) => needed.unknown.push(Blocked {
                    file: path,
                    failure,
                }),
            }
        }
        needed.files.extend(others);
        needed.unknown.extend(unreadable);
        Ok(needed)
    }

    /// Takes the old identity out of the key file. It goes into a file of its own beside it, which
    /// is returned, unless it is to be forgotten.
    pub fn finish_rotation(
        &self,
        rotation: &Rotation,
        forget: bool,
    ) -> Result<Option<PathBuf>, Failure> {
        let Some(path) = &rotation.key_file else {
            return Ok(None);
        };
        let text = file::read(path, MAX_KEY_BYTES)?;
        let Some((_, old)) = without(&text, &rotation.old) else {
            return Ok(None);
        };
        let backup = (!forget).then(|| self.back_up(path, &old)).transpose()?;
        self.rewrite_keys(path, |text| {
            let rest = without(text, &rotation.old).map(|(rest, _)| rest);
            // Never the old one without the new one.
            rest.filter(|rest| holds(rest, &rotation.new))
                .ok_or_else(|| {
                    let message = "changed meanwhile; the old identity was left where it is";
                    Failure::new(Exit::IO, "changed-meanwhile", message).at(path.display())
                })
        })?;
        Ok(backup)
    }

    /// Writes an identity into a new file beside its key file: `keys.old-2026-11-22.txt`.
    fn back_up(&self, path: &Path, identity: &Cleartext) -> Result<PathBuf, Failure> {
        let day: String = now().chars().take(10).collect();
        let mut number = 1;
        loop {
            let backup = backup_name(path, &day, number);
            if file::kind(&backup)?.is_some() {
                // A run that was interrupted here may have written it.
                let there = file::read(&backup, MAX_KEY_BYTES);
                if there.is_ok_and(|there| there == *identity) {
                    return Ok(backup);
                }
                number += 1;
                continue;
            }
            self.must_be_ignored(
                &backup,
                "a private key",
                "`--forget-old` keeps no copy of it",
            )?;
            write::create_new(&backup, identity.as_bytes(), Access::Private)?;
            return Ok(backup);
        }
    }

    fn rewrite_keys(
        &self,
        path: &Path,
        change: impl FnOnce(&Cleartext) -> Result<Cleartext, Failure>,
    ) -> Result<(), Failure> {
        let lock = self.lock(path)?;
        let old = file::read(lock.target(), MAX_KEY_BYTES)?;
        let new = change(&old)?;
        let (old, new) = (old.as_bytes(), new.as_bytes());
        Ok(write::write_if_unchanged(&lock, old, new, Access::Private)?)
    }

    /// Fails unless this machine holds the identity of a public key: who replaces their own key by
    /// one they do not have locks themselves out.
    fn must_hold(&self, key: &str) -> Result<(), Failure> {
        let held = self.list_keys().held;
        let mut own = held.iter();
        if own.any(|held| {
            held.recipient
                .as_deref()
                .is_none_or(|own| is_same_key(own, key))
        }) {
            return Ok(());
        }
        Err(Failure::new(
            Exit::NO_IDENTITY,
            "no-identity",
            format!("this machine does not hold the identity of {}", short(key)),
        )
        .hint("set MVX_AGE_KEY_FILE to its file; `mvx keys list` shows what is held"))
    }

    /// Why an identity cannot be replaced by a new one, and how it can be.
    fn not_writable(&self, key: &str) -> Failure {
        let to = "then `mvx keys rotate --to PUBLIC_KEY`, where both identities are held";
        let refused = |message: String| Failure::new(Exit::IO, "not-rotatable", message);
        match self.identities().place_of(key) {
            Some(Place::Elsewhere(variable)) => refused(format!(
                "the identity of {} stands in the variable {variable}, which mvx cannot change",
                short(key)
            ))
            .hint("`mvx keys generate -o FILE` makes another one; set the variable to both, a line each")
            .hint(to),
            Some(Place::NotWritable { kind, source }) if kind.starts_with("ssh-") => refused(format!(
                "{} is an SSH key ({source}), which mvx does not make",
                short(key)
            ))
            .hint("`mvx keys generate` makes an age key to take its place, or `ssh-keygen` another SSH key")
            .hint(to),
            Some(Place::NotWritable { kind, source }) => refused(format!(
                "{} is an identity of the kind {kind} ({source}), which mvx does not make",
                short(key)
            ))
            .hint("make another one with the program that made it, and put it beside the old one")
            .hint(to),
            Some(Place::KeyFile(_)) | None => refused(format!(
                "the identity of {} is not one that mvx can look at: a passphrase or a command guards it",
                short(key)
            ))
            .hint("`mvx keys generate --passphrase -o FILE` makes another one; MVX_AGE_KEY_FILE takes it")
            .hint(to),
        }
    }
}

fn backup_name(path: &Path, day: &str, number: usize) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    let number = match number {
        1 => String::new(),
        number => format!("-{number}"),
    };
    let dot = if ending.is_empty() { "" } else { "." };
    path.with_file_name(format!("{stem}.old-{day}{number}{dot}{ending}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backups_have_names_that_say_what_they_are() {
        for (path, number, expected) in [
            ("a/keys.txt", 1, "a/keys.old-2026-11-22.txt"),
            ("keys.txt", 2, "keys.old-2026-11-22-2.txt"),
            ("identity", 1, "identity.old-2026-11-22"),
        ] {
            assert_eq!(
                backup_name(Path::new(path), "2026-11-22", number),
                Path::new(expected)
            );
        }
    }
}
