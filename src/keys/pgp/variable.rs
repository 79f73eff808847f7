//! A private key from `MVX_PGP_KEY`, for CI: gpg gets a home of its own for it, which goes away with
//! its agent on every way out.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::gpg::{Gpg, Way};
use super::listing::Key;
use crate::io::IoError;
use crate::io::guard::{Guard, Task};
use crate::io::private::PrivateDirectory;
use crate::keys::machine::Machine;
use crate::keys::remote::{Reason, Refusal};
use crate::secret::Cleartext;

/// The variable that holds the key.
pub(super) const VARIABLE: &str = "MVX_PGP_KEY";

/// The variable that holds its passphrase.
const PASSPHRASE: &str = "MVX_PGP_PASSPHRASE";

/// A home that holds the key of the variable.
pub(super) struct OwnHome {
    gpg: Gpg,
    /// The keys in it.
    pub(super) keys: Vec<Key>,
    passphrase: Option<Cleartext>,
    directory: PrivateDirectory,
    /// Removes it where this process is killed; the agent ends when its home is gone.
    _guard: Option<Guard>,
    /// How many messages were put into it.
    messages: usize,
}

impl OwnHome {
    /// Makes one, where the variable is set.
    pub(super) fn make(machine: &Arc<dyn Machine>) -> Option<Result<Self, Refusal>> {
        let text = |name| {
            let value: Option<OsString> = machine.variable(name);
            value.map(|value| Cleartext::new(value.into_encoded_bytes()))
        };
        let key = text(VARIABLE)?;
        let passphrase = text(PASSPHRASE).map(|mut passphrase| {
            passphrase.push(b"\n");
            passphrase
        });
        Some(Self::with(machine, key, passphrase))
    }

    fn with(
        machine: &Arc<dyn Machine>,
        key: Cleartext,
        passphrase: Option<Cleartext>,
    ) -> Result<Self, Refusal> {
        let no_place = |error: IoError| {
            let message = format!("there is no place for {VARIABLE}: {error}");
            Refusal::new(Reason::NoCredentials, message)
        };
        let directory = machine.private_directory().map_err(no_place)?;
        // The home lives for seconds, and the passphrase stands beside it in the environment: the
        // agent need not measure how long it could hold up a guesser, which takes it a second.
        let added = directory.add("gpg-agent.conf", b"s2k-count 65536\n");
        added.map_err(no_place)?;
        let gpg = Gpg::new(Arc::clone(machine), Some(directory.path().into()));
        // from here on, dropping it ends the agent
        let mut home = Self {
            gpg,
            keys: Vec::new(),
            passphrase,
            _guard: guard(directory.path()),
            directory,
            messages: 0,
        };
        home.gpg.import(key)?;
        home.keys = home.gpg.secret_keys()?;
        if home.keys.is_empty() {
            let message = format!("{VARIABLE} holds no private PGP key that gpg reads");
            return Err(Refusal::new(Reason::BadCredentials, message).hint(format!(
                "`gpg --export-secret-keys --armor FINGERPRINT` prints what {VARIABLE} holds"
            )));
        }
        Ok(home)
    }

    /// Decrypts a message. Nobody is asked.
    pub(super) fn decrypt(
        &mut self,
        armour: &str,
        key: Option<&str>,
    ) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let Some(passphrase) = &self.passphrase else {
            let opened = self.gpg.decrypt(armour, key, Way::Quiet);
            return opened.map_err(|(refusal, status)| {
                if !status.was_declined() {
                    return refusal;
                }
                let message = format!("the key of {VARIABLE} has a passphrase");
                Refusal::new(Reason::NoCredentials, message).hint(format!("{PASSPHRASE} holds it"))
            });
        };
        self.messages += 1;
        let name = format!("message-{}.asc", self.messages);
        let path = self.directory.add(&name, armour.as_bytes());
        let path = path.map_err(|error| Refusal::new(Reason::Garbage, error.to_string()))?;
        let way = Way::Passphrase(path.to_str().unwrap_or_default(), passphrase.duplicate());
        let opened = self.gpg.decrypt(armour, key, way);
        opened.map_err(|(refusal, _)| match refusal.reason {
            Reason::BadCredentials => Refusal::new(
                refusal.reason,
                format!("{PASSPHRASE} is not its passphrase"),
            ),
            _ => refusal,
        })
    }

    /// Where it is.
    #[cfg(test)]
    pub(super) fn place(&self) -> &Path {
        self.directory.path()
    }

    /// Wraps for a key that is in it.
    pub(super) fn encrypt(&self, fingerprint: &str, secret: &[u8]) -> Result<String, Refusal> {
        self.gpg.encrypt(fingerprint, secret)
    }
}

/// A process that outlives this one; none in tests, which are not mvx themselves.
fn guard(directory: &Path) -> Option<Guard> {
    if cfg!(test) {
        return None;
    }
    let task = Task {
        directory: Some(directory),
        terminal: false,
    };
    Guard::start(&task).ok()
}

impl Drop for OwnHome {
    fn drop(&mut self) {
        self.gpg.end_agent();
    }
}
