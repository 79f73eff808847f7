//! Identities behind a passphrase: encrypted identity files and protected SSH keys. Each asks
//! for its passphrase once a run, whatever the answer was.

use std::io::Read;
use std::sync::{Arc, OnceLock};

use age::Decryptor;
use age::armor::ArmoredReader;
use age::secrecy::SecretString;
use zeroize::Zeroizing;

use crate::keys::age::envelope::{AgeError, MAX_WORK_FACTOR};
use crate::keys::age::identity::{self, IdentityError, Key, Secret};
use crate::keys::machine::MAX_KEY_BYTES;
use crate::keys::prompt::Prompt;
use crate::secret::Cleartext;

/// An identity, or a file of them, that a passphrase protects.
pub(super) struct Locked {
    what: String,
    lock: Lock,
    opened: OnceLock<Result<Vec<Key>, AgeError>>,
}

enum Lock {
    File(Vec<u8>),
    Ssh(age::ssh::EncryptedKey),
}

impl Locked {
    /// An age file that wraps identities; `bytes` are its ciphertext, armoured or not.
    pub(super) fn file(bytes: &[u8], origin: &str) -> Result<Self, IdentityError> {
        let decryptor = Decryptor::new_buffered(ArmoredReader::new(bytes))
            .map_err(|_| IdentityError::Binary)?;
        if !decryptor.is_scrypt() {
            return Err(IdentityError::NotPassphrase);
        }
        Ok(Self {
            what: format!("the key file {origin}"),
            lock: Lock::File(bytes.to_vec()),
            opened: OnceLock::new(),
        })
    }

    /// A protected SSH key.
    pub(super) fn ssh(key: age::ssh::EncryptedKey, origin: &str) -> Self {
        Self {
            what: format!("the SSH key {origin}"),
            lock: Lock::Ssh(key),
            opened: OnceLock::new(),
        }
    }

    /// Whether a recipient's text can belong to something in here, as far as can be told
    /// without opening it. A file holds no SSH keys that would be worth a question.
    pub(super) fn may_hold(&self, recipient: &str) -> bool {
        match self.lock {
            Lock::File(_) => recipient.trim_start().starts_with("age1"),
            Lock::Ssh(_) => false,
        }
    }

    /// The identities inside. Asks for the passphrase the first time.
    pub(super) fn open(&self, prompt: &Arc<dyn Prompt>) -> Result<&[Key], &AgeError> {
        let opened = self.opened.get_or_init(|| {
            match &self.lock {
                Lock::File(bytes) => open_file(bytes, &self.what, prompt),
                Lock::Ssh(key) => open_ssh(key, &self.what, prompt),
            }
            .map_err(|error| error.of_locked(&self.what))
        });
        opened.as_deref()
    }

    /// The identities inside, if they have been opened.
    pub(super) fn opened(&self) -> &[Key] {
        self.opened
            .get()
            .and_then(|opened| opened.as_deref().ok())
            .unwrap_or_default()
    }

    /// What went wrong when it was opened.
    pub(super) fn trouble(&self) -> Option<&AgeError> {
        self.opened.get()?.as_ref().err()
    }
}

fn ask(what: &str, prompt: &Arc<dyn Prompt>) -> Result<SecretString, AgeError> {
    prompt
        .passphrase(what)
        .map(|passphrase| passphrase.as_secret().clone())
        .ok_or_else(|| AgeError::NoPassphrase {
            what: what.to_owned(),
        })
}

fn open_ssh(
    key: &age::ssh::EncryptedKey,
    what: &str,
    prompt: &Arc<dyn Prompt>,
) -> Result<Vec<Key>, AgeError> {
    let identity = age::ssh::Identity::from(key.decrypt(ask(what, prompt)?)?);
    let recipient = age::ssh::Recipient::try_from(identity.clone())
        .map_err(|_| AgeError::Damaged)?
        .to_string();
    Ok(vec![Key {
        kind: String::new(),
        recipient: Some(recipient),
        secret: Secret::Ssh(Box::new(identity)),
    }])
}

fn open_file(bytes: &[u8], what: &str, prompt: &Arc<dyn Prompt>) -> Result<Vec<Key>, AgeError> {
    refuse_excessive_work(bytes)?;
    let mut identity = age::scrypt::Identity::new(ask(what, prompt)?);
    identity.set_max_work_factor(MAX_WORK_FACTOR);
    let reader = Decryptor::new_buffered(ArmoredReader::new(bytes))?
        .decrypt(std::iter::once(&identity as &dyn age::Identity))
        .map_err(|error| match error {
            age::DecryptError::DecryptionFailed => age::DecryptError::KeyDecryptionFailed,
            error => error,
        })?;
    // the text is shorter than the file around it, so that this never grows
    let mut text = Zeroizing::new(Vec::with_capacity(bytes.len()));
    reader
        .take(MAX_KEY_BYTES as u64)
        .read_to_end(&mut text)
        .map_err(|_| AgeError::Damaged)?;
    let (keys, _) = identity::parse(&Cleartext::new(std::mem::take(&mut text)), what);
    let keys: Vec<Key> = keys
        .into_iter()
        .filter(|key| !matches!(key.secret, Secret::Locked(_)))
        .collect();
    if keys.is_empty() {
        return Err(AgeError::Useless {
            what: what.to_owned(),
        });
    }
    Ok(keys)
}

/// Refuses a file whose passphrase would cost too much to try, before anybody is asked for it:
/// with a limit of 0 the library names the work and does none.
fn refuse_excessive_work(bytes: &[u8]) -> Result<(), AgeError> {
    let mut nobody = age::scrypt::Identity::new(SecretString::default());
    nobody.set_max_work_factor(0);
    let refusal = Decryptor::new_buffered(ArmoredReader::new(bytes))?
        .decrypt(std::iter::once(&nobody as &dyn age::Identity));
    match refusal.err().map(AgeError::from) {
        Some(AgeError::ExcessiveWork { required, .. }) if required <= MAX_WORK_FACTOR => Ok(()),
        Some(error) => Err(error),
        None => Err(AgeError::Damaged),
    }
}
