//! A new X25519 identity, in the file format of `age-keygen`.

use std::sync::Arc;

use age::secrecy::ExposeSecret;

use crate::keys::age::envelope::{self, AgeError};
use crate::keys::age::locked::Locked;
use crate::keys::prompt::Prompt;
use crate::secret::{Cleartext, Passphrase};

/// A new identity: the key file's text, and the public side to hand out.
pub struct Generated {
    /// The public key, `age1…`.
    pub recipient: String,
    /// What the key file holds.
    pub text: Cleartext,
}

impl Generated {
    /// The identity alone, on one line: the shortest text that an age identity file can have.
    pub fn bare(&self) -> Cleartext {
        let text = self.text.as_str().unwrap_or_default();
        let line = text.lines().find(|line| !line.starts_with('#'));
        line.unwrap_or_default().into()
    }
}

/// The public key of the identity in an armoured age file that a passphrase protects; `None` where
/// it does not open, or holds another number of identities than one.
pub fn opens(armour: &str, passphrase: &Passphrase) -> Option<String> {
    let prompt: Arc<dyn Prompt> = Arc::new(Known(Passphrase::new(passphrase.expose().to_owned())));
    let locked = Locked::file(armour.as_bytes(), "on paper").ok()?;
    match locked.open(&prompt).ok()? {
        [only] => only.recipient.clone(),
        _ => None,
    }
}

/// Answers with the passphrase that is known.
struct Known(Passphrase);

impl Prompt for Known {
    fn passphrase(&self, _what: &str) -> Option<Passphrase> {
        Some(Passphrase::new(self.0.expose().to_owned()))
    }
}

/// The scrypt work factor (logarithm of N) of a protected key file: what age itself uses, 256
/// MiB of memory and about a second.
pub const WORK_FACTOR: u8 = 18;

/// Makes an identity. `created` is the moment, RFC 3339, for the file's first line.
pub fn generate(created: &str) -> Generated {
    let identity = age::x25519::Identity::generate();
    let recipient = identity.to_public().to_string();
    let secret = identity.to_string();
    let mut text = Cleartext::with_capacity(256);
    for part in [
        "# created: ",
        created,
        "\n# public key: ",
        &recipient,
        "\n",
        secret.expose_secret(),
        "\n",
    ] {
        text.push(part.as_bytes());
    }
    Generated { recipient, text }
}

/// Encrypts a key file's text under a passphrase; the answer is an armoured age file.
///
/// `work_factor` is [`WORK_FACTOR`] but in tests, which have no second to spare.
pub fn protect(
    text: &Cleartext,
    passphrase: &Passphrase,
    work_factor: u8,
) -> Result<String, AgeError> {
    let mut recipient = age::scrypt::Recipient::new(passphrase.as_secret().clone());
    // the library takes no other
    recipient.set_work_factor(work_factor.clamp(1, envelope::MAX_WORK_FACTOR));
    envelope::seal(&recipient, text.as_bytes())
}
