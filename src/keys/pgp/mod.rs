//! PGP keys, by way of the gpg that the user has: its agent, its smartcards, its settings.
//!
//! What sops stores is SOPS-FORMAT 1.9; how it calls gpg, its pgp/keysource.go. A message that is
//! not for a key of this machine starts no program. One that is gets a first try that asks nobody,
//! which opens it where the key has no passphrase or the agent knows it, and one that may ask when
//! everything cheaper has been tried.

mod gpg;
mod listing;
mod message;
mod status;
mod variable;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use self::gpg::{Gpg, Way};
use self::listing::Key;
use self::message::{HIDDEN, KeyId};
use self::variable::{OwnHome, VARIABLE};
use crate::io::IoError;
use crate::keys::machine::{Machine, Platform};
use crate::keys::remote::{Memory, Reason, Refusal};
use crate::keys::{Effort, Held, KeyProvider, Kind, Report, Target, Unwrapped, WrapError, Wrapped};

/// This machine's PGP keys.
pub struct PgpKeys {
    machine: Arc<dyn Machine>,
    /// The user's gpg, and its secret keys.
    users: OnceLock<(Gpg, Result<Vec<Key>, Refusal>)>,
    /// The key of the variable; one message at a time.
    own: Mutex<Own>,
    /// What opened, or did not: with the key of the variable, with the user's keys without a
    /// question, and with one.
    by_own: Memory,
    quiet: Memory,
    asked: Memory,
    /// Held while a question may stand: nobody is asked two at once. Keys about which the answer
    /// was no, and why.
    declined: Mutex<HashMap<KeyId, Refusal>>,
}

/// What became of the key of the variable.
enum Own {
    /// Nobody has looked yet.
    Unread,
    /// There is none, or it has been put away.
    None,
    /// It cannot be used.
    Broken(Refusal),
    /// It is in a home of its own.
    Home(Box<OwnHome>),
}

/// Who can open a message.
struct Mine {
    ids: Vec<KeyId>,
    /// The key to try where the message does not say for whom it is.
    tried: Option<String>,
}

impl PgpKeys {
    /// Starts nothing yet.
    pub fn new(machine: Arc<dyn Machine>) -> Self {
        Self {
            machine,
            users: OnceLock::new(),
            own: Mutex::new(Own::Unread),
            by_own: Memory::default(),
            quiet: Memory::default(),
            asked: Memory::default(),
            declined: Mutex::default(),
        }
    }

    /// Puts the key of the variable away, with its agent: for a process that is about to become
    /// another program, and runs no destructor.
    pub fn close(&self) {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*own, Own::Home(_)) {
            *own = Own::None;
        }
    }

    fn users(&self) -> &(Gpg, Result<Vec<Key>, Refusal>) {
        self.users.get_or_init(|| {
            let gpg = Gpg::new(Arc::clone(&self.machine), None);
            let keys = if self.has_a_home() {
                gpg.secret_keys()
            } else {
                Ok(Vec::new())
            };
            (gpg, keys)
        })
    }

    fn users_keys(&self) -> &[Key] {
        let (_, keys) = self.users();
        keys.as_deref().unwrap_or_default()
    }

    /// Whether gpg has ever held a secret key here: gpg would make a home where there is none, and
    /// start its agent. A program that stands in for gpg may keep its keys elsewhere.
    fn has_a_home(&self) -> bool {
        let machine = &self.machine;
        if machine.variable("SOPS_GPG_EXEC").is_some() || machine.platform() == Platform::Windows {
            return true;
        }
        let named = machine.variable("GNUPGHOME").map(Into::into);
        let home = named.or_else(|| Some(machine.home()?.join(".gnupg")));
        let Some(home) = home else {
            return false;
        };
        // a directory, which cannot be read: only that it is there matters
        let keys = machine.read(&home.join("private-keys-v1.d"));
        !matches!(keys, Err(IoError::NotFound { .. }))
    }

    /// The key of the variable, taken in when it is first needed.
    fn own(&self) -> MutexGuard<'_, Own> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*own, Own::Unread) {
            *own = match OwnHome::make(&self.machine) {
                None => Own::None,
                Some(Ok(home)) => Own::Home(Box::new(home)),
                Some(Err(refusal)) => Own::Broken(refusal),
            };
        }
        own
    }

    /// Opens a message with the key of the variable, where it is for that one.
    fn open_with_own(&self, entry: &Wrapped, ids: &[KeyId]) -> Option<Unwrapped> {
        let mut own = self.own();
        let Own::Home(home) = &mut *own else {
            return None;
        };
        let mine = mine(&home.keys, entry, ids)?;
        Some(
            self.by_own
                .unwrap(entry, || home.decrypt(&entry.enc, mine.tried.as_deref())),
        )
    }

    /// Lets gpg's agent ask, one question at a time, and not again about a key about which the
    /// answer was no.
    fn open_asking(&self, entry: &Wrapped, mine: &Mine) -> Unwrapped {
        let (gpg, _) = self.users();
        self.asked.unwrap(entry, || {
            let mut declined = self.declined.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(refusal) = mine.ids.iter().find_map(|id| declined.get(id)) {
                return Err(refusal.clone());
            }
            let opened = gpg.decrypt(&entry.enc, mine.tried.as_deref(), Way::Asking);
            opened.map_err(|(refusal, status)| {
                if status.was_declined() {
                    let answers = mine.ids.iter().map(|id| (*id, refusal.clone()));
                    declined.extend(answers);
                }
                refusal
            })
        })
    }

    fn encrypt(&self, target: &Target, secret: &[u8]) -> Result<Wrapped, Refusal> {
        let fingerprint = fingerprint(&target.recipient)?;
        let bare = fingerprint.trim_end_matches('!');
        let (gpg, _) = self.users();
        let refusal = match gpg.encrypt(&fingerprint, secret) {
            Ok(armour) => return Ok(target.wrapped(armour)),
            Err(refusal) => refusal,
        };
        if refusal.reason == Reason::NoKey
            && let Own::Home(home) = &*self.own()
            && home.keys.iter().any(|key| key.fingerprint == bare)
        {
            return Ok(target.wrapped(home.encrypt(&fingerprint, secret)?));
        }
        Err(refusal)
    }
}

impl KeyProvider for PgpKeys {
    fn kind(&self) -> Kind {
        Kind::Pgp
    }

    fn wrap(&self, target: &Target, key: &[u8]) -> Result<Wrapped, WrapError> {
        self.encrypt(target, key).map_err(WrapError::new)
    }

    fn expects(&self, entries: &[&Wrapped], effort: Effort) -> Option<usize> {
        if !matches!(effort, Effort::Command | Effort::Device) {
            return None;
        }
        entries.iter().position(|entry| {
            let ids = message::recipients(&entry.enc).unwrap_or_default();
            let is_own = match &*self.own() {
                Own::Home(home) => mine(&home.keys, entry, &ids).is_some(),
                _ => false,
            };
            is_own || mine(self.users_keys(), entry, &ids).is_some()
        })
    }

    fn unwrap(&self, entry: &Wrapped, effort: Effort) -> Unwrapped {
        if !matches!(effort, Effort::Command | Effort::Device) {
            return Unwrapped::NotMine;
        }
        let ids = match message::recipients(&entry.enc) {
            Ok(ids) => ids,
            Err(refusal) if effort == Effort::Command => {
                return Unwrapped::Failed(Box::new(refusal));
            }
            Err(_) => return Unwrapped::NotMine,
        };
        let own = match effort {
            Effort::Command => self.open_with_own(entry, &ids),
            _ => None,
        };
        if let Some(Unwrapped::Opened(key)) = own {
            return Unwrapped::Opened(key);
        }
        let Some(mine) = mine(self.users_keys(), entry, &ids) else {
            return own.unwrap_or(Unwrapped::NotMine);
        };
        if effort == Effort::Device {
            return self.open_asking(entry, &mine);
        }
        let (gpg, _) = self.users();
        let opened = self.quiet.unwrap(entry, || {
            let opened = gpg.decrypt(&entry.enc, mine.tried.as_deref(), Way::Quiet);
            opened.map_err(|(refusal, _)| refusal)
        });
        match opened {
            // why, it says where somebody may be asked
            Unwrapped::Failed(_) => own.unwrap_or(Unwrapped::NotMine),
            opened => opened,
        }
    }

    fn report(&self) -> Report {
        let held = |source: &str, key: &Key| Held {
            source: source.to_owned(),
            kind: if key.on_card {
                "PGP smartcard"
            } else {
                "PGP key"
            }
            .to_owned(),
            recipient: Some(key.fingerprint.clone()),
            protected: false,
        };
        let mut report = Report::default();
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        match &*own {
            Own::Home(home) => {
                let keys = home.keys.iter();
                report.held.extend(keys.map(|key| held(VARIABLE, key)));
            }
            Own::Broken(refusal) => report.troubles.push(refusal.to_string()),
            Own::Unread | Own::None => {}
        }
        match self.users.get() {
            Some((_, Ok(keys))) => report.held.extend(keys.iter().map(|key| held("gpg", key))),
            Some((_, Err(refusal))) => report.troubles.push(refusal.to_string()),
            None => {}
        }
        report
    }
}

/// Whether one of these keys can open a message. One that does not say for whom it is, is tried
/// with the key that the entry names.
fn mine(keys: &[Key], entry: &Wrapped, ids: &[KeyId]) -> Option<Mine> {
    let holds = |key: &&Key| key.ids.iter().any(|id| ids.contains(id));
    if let Some(key) = keys.iter().find(holds) {
        return Some(Mine {
            ids: key.ids.clone(),
            tried: None,
        });
    }
    if !ids.contains(&HIDDEN) {
        return None;
    }
    let named = fingerprint(&entry.recipient).ok()?;
    let named = named.trim_end_matches('!');
    let key = keys.iter().find(|key| key.fingerprint == named)?;
    Some(Mine {
        ids: key.ids.clone(),
        tried: Some(key.fingerprint.clone()),
    })
}

/// A whole fingerprint in capitals, with `!` behind it where exactly this subkey is meant. Shorter
/// ids can be had by trying.
fn fingerprint(recipient: &str) -> Result<String, Refusal> {
    let text: String = recipient.split_whitespace().collect();
    let text = text
        .strip_prefix("0x")
        .unwrap_or(&text)
        .to_ascii_uppercase();
    let hex = text.strip_suffix('!').unwrap_or(&text);
    if [40, 64].contains(&hex.len()) && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text);
    }
    Err(Refusal::new(
        Reason::Malformed,
        "it is not the whole fingerprint of a PGP key",
    )
    .hint("`gpg --list-keys --keyid-format none` shows it: 40 digits"))
}

#[cfg(all(test, unix))]
mod tests;
