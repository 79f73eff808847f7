//! What this machine's age and SSH identities make of an entry, one by one.

use std::iter;
use std::sync::Arc;

use crate::keys::age::envelope::{self, AgeError};
use crate::keys::age::identity::{Key, Secret};
use crate::keys::age::source::{Loaded, SOURCE_VARIABLES, Source};
use crate::keys::age::{AgeKeys, attempt, describe, plugin, recipient};
use crate::keys::diagnose::{Attempt, Found, Outcome, Place, Reach};
use crate::keys::{Effort, Report, Unwrapped, Wrapped};

impl AgeKeys {
    /// Every place where identities were looked for. Commands are not run.
    pub fn places(&self) -> Vec<Place> {
        self.sources
            .iter()
            .map(|source| self.place(source))
            .collect()
    }

    /// The variables that may name identities and are not set.
    pub fn unset_variables(&self) -> Vec<&'static str> {
        SOURCE_VARIABLES
            .into_iter()
            .filter(|name| {
                self.machine
                    .variable(name)
                    .is_none_or(|value| value.is_empty())
            })
            .collect()
    }

    /// What each identity makes of an entry; an error where nothing can open it, whoever tries.
    /// Identities of other kinds of keys, and places without identities, are left out.
    pub fn diagnose(&self, entry: &Wrapped, reach: Reach) -> Result<Vec<Attempt>, String> {
        envelope::parse(&entry.enc).map_err(|error| error.to_string())?;
        let mut attempts = Vec::new();
        for source in &self.sources {
            for loaded in self.looked_at(source, entry, reach) {
                for key in &loaded.keys {
                    attempts.push(Attempt {
                        source: loaded.label.clone(),
                        kind: key.kind.clone(),
                        recipient: key.recipient.clone(),
                        outcome: self.try_key(key, entry, reach),
                    });
                }
                if source.effort == Effort::Command && loaded.keys.is_empty() {
                    let why = loaded.troubles.join("; ");
                    attempts.push(command(&loaded.label, Outcome::Failed(why)));
                }
            }
            if let Some(name) = source.unasked() {
                let why = "the command was not run".to_owned();
                attempts.push(command(name, Outcome::NotTried(why)));
            }
        }
        Ok(attempts)
    }

    fn place(&self, source: &Source) -> Place {
        let Some(loaded) = source.load(self.machine.as_ref()) else {
            return Place {
                source: source.name(),
                path: None,
                found: Found::Command,
                troubles: Vec::new(),
            };
        };
        let mut report = Report::default();
        describe(&loaded, &mut report);
        let found = if loaded.keys.is_empty() {
            Found::Nothing
        } else {
            Found::Held(report.held)
        };
        Place {
            source: loaded.label.clone(),
            path: source.path().map(Into::into),
            found,
            troubles: loaded.troubles.clone(),
        }
    }

    /// What a source holds for an entry, as far as it may be looked at.
    fn looked_at(&self, source: &Source, entry: &Wrapped, reach: Reach) -> Vec<Arc<Loaded>> {
        if let Some(loaded) = source.load(self.machine.as_ref()) {
            return vec![loaded];
        }
        if reach < Reach::Commands {
            return Vec::new();
        }
        let asked = source.ask(self.machine.as_ref(), &entry.recipient);
        asked.into_iter().collect()
    }

    fn try_key(&self, key: &Key, entry: &Wrapped, reach: Reach) -> Outcome {
        let named = key.is_named(&entry.recipient);
        match &key.secret {
            Secret::X25519(_) | Secret::Ssh(_) => outcome(attempt(entry, iter::once(key)), named),
            Secret::Locked(locked) => {
                if !named && !locked.may_hold(&entry.recipient) {
                    return Outcome::NotMine;
                }
                if reach < Reach::People && locked.opened().is_empty() {
                    return Outcome::NotTried("it takes its passphrase".to_owned());
                }
                match locked.open(&self.prompt) {
                    Ok(keys) => outcome(attempt(entry, keys), named),
                    Err(error) => Outcome::Failed(error.to_string()),
                }
            }
            Secret::Plugin(identity) => {
                let wanted = recipient::plugin_of(&entry.recipient);
                let tagged = entry.recipient.starts_with("age1tag");
                if !named && wanted != Some(identity.plugin()) && !tagged {
                    return Outcome::NotMine;
                }
                self.try_plugin(identity, entry, reach, named)
            }
        }
    }

    fn try_plugin(
        &self,
        identity: &age::plugin::Identity,
        entry: &Wrapped,
        reach: Reach,
        named: bool,
    ) -> Outcome {
        let name = identity.plugin();
        if !plugin::is_installed(name) {
            return Outcome::Failed(AgeError::missing_plugin(name).to_string());
        }
        if reach < Reach::People {
            return Outcome::NotTried(format!("`age-plugin-{name}` was not started"));
        }
        let opened = plugin::open(
            &entry.enc,
            name,
            std::slice::from_ref(identity),
            &self.prompt,
        );
        outcome(opened.map(|key| key.map(Unwrapped::Opened)), named)
    }
}

fn command(source: &str, outcome: Outcome) -> Attempt {
    Attempt {
        source: source.to_owned(),
        kind: "command".to_owned(),
        recipient: None,
        outcome,
    }
}

/// An identity that the entry names has to open it; any other may not be meant.
fn outcome(opened: Result<Option<Unwrapped>, AgeError>, named: bool) -> Outcome {
    match opened {
        Ok(Some(_)) => Outcome::Opened,
        Ok(None) if named => Outcome::Failed(AgeError::Mismatch.to_string()),
        Ok(None) => Outcome::NotMine,
        Err(error) => Outcome::Failed(error.to_string()),
    }
}
