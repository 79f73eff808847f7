//! age keys: X25519, SSH keys, tagged keys and plugins, for wrapping and for opening.
//!
//! Identities come from many sources, which are merged (`source.rs`). Each source is looked at
//! only when its turn comes, in the order of [`Effort`]: a run whose variable holds the right
//! key reads no other file and starts no program.

mod bech32_long;
mod diagnose;
mod envelope;
pub mod file;
mod generate;
mod identity;
mod locked;
mod plugin;
mod recipient;
mod source;

#[cfg(test)]
mod diagnose_tests;
#[cfg(test)]
mod interop_tests;
#[cfg(test)]
mod plugin_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::iter;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::keys::age::identity::{Key, Secret};
use crate::keys::age::locked::Locked;
use crate::keys::age::source::{Loaded, Source};
use crate::keys::machine::Machine;
use crate::keys::prompt::Prompt;
use crate::keys::{Effort, Held, KeyProvider, Kind, Report, Target, Unwrapped, WrapError, Wrapped};

pub use envelope::{AgeError, MAX_WORK_FACTOR};
pub use generate::{Generated, WORK_FACTOR, generate, opens, protect};
pub use recipient::{Recipient, RecipientError};
pub use source::default_key_file;

/// Where an identity is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An age identity in a key file that mvx can write.
    KeyFile(PathBuf),
    /// An age identity in a variable, by its name.
    Elsewhere(String),
    /// An identity that another program makes, or that a passphrase protects.
    NotWritable {
        /// What it is: `ssh-ed25519`, `plugin yubikey`.
        kind: String,
        /// Where it is.
        source: String,
    },
}

/// This machine's age and SSH identities.
pub struct AgeKeys {
    machine: Arc<dyn Machine>,
    prompt: Arc<dyn Prompt>,
    sources: Vec<Source>,
    /// Plugins that identities name and PATH does not have.
    missing: Mutex<BTreeSet<String>>,
    /// Held while a plugin runs: a device has one button, and a person one pair of eyes.
    turn: Mutex<()>,
}

impl AgeKeys {
    /// Finds out which sources there are; looks at none of them yet.
    pub fn new(machine: Arc<dyn Machine>, prompt: Arc<dyn Prompt>) -> Self {
        Self {
            sources: Source::all(machine.as_ref()),
            machine,
            prompt,
            missing: Mutex::default(),
            turn: Mutex::default(),
        }
    }

    /// Looks at every source that needs no command and no person, and says what is there.
    pub fn list(&self) -> Report {
        for source in &self.sources {
            drop(source.load(self.machine.as_ref()));
        }
        self.report()
    }

    /// Where the identity of a recipient is kept, among those that need no command and no person to
    /// be looked at.
    pub fn place_of(&self, recipient: &str) -> Option<Place> {
        self.sources.iter().find_map(|source| {
            let loaded = source.load(self.machine.as_ref())?;
            let key = loaded.keys.iter().find(|key| key.is_named(recipient))?;
            Some(match (&key.secret, source.path()) {
                (Secret::X25519(_), Some(path)) => Place::KeyFile(path.to_owned()),
                (Secret::X25519(_), None) => Place::Elsewhere(loaded.label.clone()),
                _ => Place::NotWritable {
                    kind: key.kind.clone(),
                    source: loaded.label.clone(),
                },
            })
        })
    }

    /// The key files that hold identities in clear, with the public keys that stand in each.
    pub fn key_files(&self) -> Vec<(PathBuf, Vec<String>)> {
        let files = self.sources.iter().filter_map(|source| {
            let path = source.path()?;
            let loaded = source.load(self.machine.as_ref())?;
            let plain = loaded
                .keys
                .iter()
                .filter(|key| matches!(key.secret, Secret::X25519(_)));
            let keys: Vec<String> = plain.filter_map(|key| key.recipient.clone()).collect();
            (!keys.is_empty()).then(|| (path.to_owned(), keys))
        });
        files.collect()
    }

    /// The sources that an effort reaches, with the effort that each took. Each is looked at
    /// when the iterator comes to it; commands are not run, what they printed before counts.
    fn reach(&self, effort: Effort) -> impl Iterator<Item = (Effort, Arc<Loaded>)> {
        self.sources
            .iter()
            .filter(move |source| source.effort <= effort)
            .flat_map(|source| {
                let loaded = match source.load(self.machine.as_ref()) {
                    Some(loaded) => vec![loaded],
                    None => source.seen(),
                };
                loaded.into_iter().map(|loaded| (source.effort, loaded))
            })
    }

    /// Tries the keys that need nobody: first the one that the entry names, then all, because
    /// what the entry says of itself proves nothing.
    fn unwrap_ready(&self, entry: &Wrapped, effort: Effort) -> Result<Unwrapped, AgeError> {
        let mut seen = Vec::new();
        for (source, loaded) in self.reach(effort) {
            let named = ready(&loaded, source, effort).find(|key| key.is_named(&entry.recipient));
            if let Some(key) = named {
                return attempt(entry, iter::once(key))
                    .map(|opened| opened.unwrap_or_else(mismatch));
            }
            seen.push((source, loaded));
        }
        let keys = seen
            .iter()
            .flat_map(|(source, loaded)| ready(loaded, *source, effort));
        attempt(entry, keys).map(|opened| opened.unwrap_or(Unwrapped::NotMine))
    }

    /// Tries what the key commands have printed before, then asks them for this recipient.
    fn unwrap_with_commands(&self, entry: &Wrapped) -> Result<Unwrapped, AgeError> {
        let known = self.unwrap_ready(entry, Effort::Command)?;
        if !matches!(known, Unwrapped::NotMine) {
            return Ok(known);
        }
        for source in &self.sources {
            let Some(loaded) = source.ask(self.machine.as_ref(), &entry.recipient) else {
                continue;
            };
            let keys = ready(&loaded, source.effort, Effort::Command);
            if let Some(opened) = attempt(entry, keys)? {
                return Ok(opened);
            }
        }
        Ok(Unwrapped::NotMine)
    }

    /// Asks for passphrases: of an SSH key only where the entry names it, of an identity file
    /// wherever it could hold the key.
    fn unwrap_locked(&self, entry: &Wrapped) -> Result<Unwrapped, AgeError> {
        let reached: Vec<_> = self.reach(Effort::Passphrase).collect();
        let locked = || reached.iter().flat_map(|(_, loaded)| locked(loaded));
        let unlocked = locked().flat_map(|(_, locked)| locked.opened());
        if let Some(opened) = attempt(entry, unlocked)? {
            return Ok(opened);
        }
        if let Some((_, named)) = locked().find(|(key, _)| key.is_named(&entry.recipient)) {
            let keys = named.open(&self.prompt).map_err(Clone::clone)?;
            return attempt(entry, keys).map(|opened| opened.unwrap_or_else(mismatch));
        }
        for (_, file) in locked().filter(|(_, locked)| locked.may_hold(&entry.recipient)) {
            // what goes wrong here is not this entry's fault; the report tells it
            if let Ok(keys) = file.open(&self.prompt)
                && let Some(opened) = attempt(entry, keys)?
            {
                return Ok(opened);
            }
        }
        Ok(Unwrapped::NotMine)
    }

    /// Lets the plugins try, first the one that the entry names.
    fn unwrap_with_plugins(&self, entry: &Wrapped) -> Result<Unwrapped, AgeError> {
        let reached: Vec<_> = self.reach(Effort::Device).collect();
        let mut plugins: Vec<(&str, Vec<age::plugin::Identity>)> = Vec::new();
        for (_, identity) in reached.iter().flat_map(|(_, loaded)| plugin_keys(loaded)) {
            let name = identity.plugin();
            match plugins.iter_mut().find(|(other, _)| *other == name) {
                Some((_, identities)) => identities.push(identity.clone()),
                None => plugins.push((name, vec![identity.clone()])),
            }
        }
        let wanted = recipient::plugin_of(&entry.recipient);
        plugins.sort_by_key(|(name, _)| Some(*name) != wanted);
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut failure = None;
        for (name, identities) in plugins {
            match plugin::open(&entry.enc, name, &identities, &self.prompt) {
                Ok(Some(key)) => return Ok(Unwrapped::Opened(key)),
                Ok(None) => {}
                Err(error @ AgeError::MissingPlugin { .. }) if Some(name) != wanted => {
                    let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
                    missing.insert(error.to_string());
                }
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or(Ok(Unwrapped::NotMine), Err)
    }
}

impl KeyProvider for AgeKeys {
    fn kind(&self) -> Kind {
        Kind::Age
    }

    fn wrap(&self, target: &Target, key: &[u8]) -> Result<Wrapped, WrapError> {
        let recipient: Recipient = target.recipient.parse().map_err(WrapError::new)?;
        let turn = || self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let _turn = recipient.plugin().map(|_| turn());
        let enc = recipient.wrap(key, &self.prompt).map_err(WrapError::new)?;
        Ok(target.wrapped(enc))
    }

    fn expects(&self, entries: &[&Wrapped], effort: Effort) -> Option<usize> {
        // source by source, so that none is read in vain
        self.reach(effort).find_map(|(source, loaded)| {
            let keys: Vec<&Key> = match effort {
                Effort::Plain | Effort::Ssh | Effort::Command => {
                    ready(&loaded, source, effort).collect()
                }
                Effort::Network => Vec::new(),
                Effort::Passphrase => locked(&loaded)
                    .flat_map(|(key, locked)| iter::once(key).chain(locked.opened()))
                    .collect(),
                Effort::Device => plugin_keys(&loaded).map(|(key, _)| key).collect(),
            };
            entries
                .iter()
                .position(|entry| keys.iter().any(|key| key.is_named(&entry.recipient)))
        })
    }

    fn unwrap(&self, entry: &Wrapped, effort: Effort) -> Unwrapped {
        // nobody is bothered for an entry that nothing can open; its first rung has said so
        if effort > Effort::Plain && envelope::parse(&entry.enc).is_err() {
            return Unwrapped::NotMine;
        }
        match effort {
            Effort::Plain | Effort::Ssh => self.unwrap_ready(entry, effort),
            Effort::Command => self.unwrap_with_commands(entry),
            Effort::Network => Ok(Unwrapped::NotMine),
            Effort::Passphrase => self.unwrap_locked(entry),
            Effort::Device => self.unwrap_with_plugins(entry),
        }
        .unwrap_or_else(|error| Unwrapped::Failed(Box::new(error)))
    }

    fn report(&self) -> Report {
        let mut report = Report::default();
        for source in &self.sources {
            for loaded in source.seen() {
                describe(&loaded, &mut report);
            }
            report.held.extend(source.unasked().map(|name| Held {
                source: name.to_owned(),
                kind: "command".to_owned(),
                recipient: None,
                protected: false,
            }));
        }
        let missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        report.troubles.extend(missing.iter().cloned());
        report
    }
}

/// Whether a line of a key file is the age identity of this recipient, and nothing else.
fn is_identity_of(line: &str, recipient: &str) -> bool {
    let identity: Result<age::x25519::Identity, _> = line.trim().parse();
    identity.is_ok_and(|identity| identity.to_public().to_string() == recipient)
}

/// The keys of a source that open without anybody's help and whose turn comes at `effort`.
fn ready(loaded: &Loaded, source: Effort, effort: Effort) -> impl Iterator<Item = &Key> {
    loaded
        .keys
        .iter()
        .filter(move |key| key.ready().is_some() && key.effort().max(source) == effort)
}

/// The keys of a source that a passphrase protects.
fn locked(loaded: &Loaded) -> impl Iterator<Item = (&Key, &Locked)> {
    loaded.keys.iter().filter_map(|key| match &key.secret {
        Secret::Locked(locked) => Some((key, locked.as_ref())),
        _ => None,
    })
}

/// The keys of a source that plugins hold, those of opened identity files among them.
fn plugin_keys(loaded: &Loaded) -> impl Iterator<Item = (&Key, &age::plugin::Identity)> {
    let unlocked = locked(loaded).flat_map(|(_, locked)| locked.opened());
    loaded
        .keys
        .iter()
        .chain(unlocked)
        .filter_map(|key| match &key.secret {
            Secret::Plugin(identity) => Some((key, identity)),
            _ => None,
        })
}

/// Opens an entry with the keys among `keys` that need nobody; `None` if none is the right one.
fn attempt<'a>(
    entry: &Wrapped,
    keys: impl IntoIterator<Item = &'a Key>,
) -> Result<Option<Unwrapped>, AgeError> {
    let identities = keys.into_iter().filter_map(Key::ready);
    Ok(envelope::open(&entry.enc, identities)?.map(Unwrapped::Opened))
}

fn mismatch() -> Unwrapped {
    Unwrapped::Failed(Box::new(AgeError::Mismatch))
}

/// Adds what a source holds to a report.
fn describe(loaded: &Loaded, report: &mut Report) {
    let mut add = |key: &Key, protected| {
        let held = Held {
            source: loaded.label.clone(),
            kind: key.kind.clone(),
            recipient: key.recipient.clone(),
            protected,
        };
        // a command may print one key for every recipient it is asked for
        if !report.held.contains(&held) {
            report.held.push(held);
        }
    };
    for key in &loaded.keys {
        match &key.secret {
            Secret::Locked(locked) if key.recipient.is_none() && !locked.opened().is_empty() => {
                locked.opened().iter().for_each(|key| add(key, true));
            }
            secret => add(key, matches!(secret, Secret::Locked(_))),
        }
    }
    let locked = locked(loaded).filter_map(|(_, locked)| locked.trouble());
    for trouble in loaded
        .troubles
        .iter()
        .cloned()
        .chain(locked.map(ToString::to_string))
    {
        if !report.troubles.contains(&trouble) {
            report.troubles.push(trouble);
        }
    }
    report.notes.extend(loaded.note.clone());
}
