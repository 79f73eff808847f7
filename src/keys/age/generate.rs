//! A new X25519 identity, in the file format of `age-keygen`.

use age::secrecy::ExposeSecret;

use crate::keys::age::envelope::{self, AgeError};
use crate::secret::{Cleartext, Passphrase};

/// A new identity: the key file's text, and the public side to hand out.
pub struct Generated {
    /// The public key, `age1…`.
    pub recipient: String,
    /// What the key file holds.
    pub text: Cleartext,
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
