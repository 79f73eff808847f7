//! age plugins: other programs, found on PATH as `age-plugin-NAME`, that hold the private side
//! (security tokens, TPM, Secure Enclave, PKCS#11, post-quantum keys).
//!
//! Only an identity of this machine, or a recipient that the rules name, ever starts one: a
//! file's metadata cannot. A name holds letters, digits and `+-._`, so it is never a path.

use std::sync::Arc;

use age::secrecy::SecretString;
use zeroize::Zeroizing;

use crate::keys::age::envelope::{self, AgeError};
use crate::keys::printable;
use crate::keys::prompt::Prompt;

/// Lets a plugin talk to a person through a [`Prompt`].
#[derive(Clone)]
pub(super) struct Callbacks(Arc<dyn Prompt>);

impl Callbacks {
    pub(super) fn new(prompt: &Arc<dyn Prompt>) -> Self {
        Self(Arc::clone(prompt))
    }
}

impl age::Callbacks for Callbacks {
    fn display_message(&self, message: &str) {
        self.0.message(&clean(message));
    }

    fn confirm(&self, message: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        let no = no.map(clean);
        self.0.confirm(&clean(message), &clean(yes), no.as_deref())
    }

    fn request_public_string(&self, description: &str) -> Option<String> {
        self.0.line(&clean(description))
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        let passphrase = self.0.passphrase(&clean(description))?;
        Some(passphrase.as_secret().clone())
    }
}

/// Lets one plugin try all its identities on a wrapped key; `None` if it is for none of them.
pub(super) fn open(
    enc: &str,
    name: &str,
    identities: &[age::plugin::Identity],
    prompt: &Arc<dyn Prompt>,
) -> Result<Option<Zeroizing<Vec<u8>>>, AgeError> {
    let plugin = age::plugin::IdentityPluginV1::new(name, identities, Callbacks::new(prompt))
        .map_err(|_| AgeError::missing_plugin(name))?;
    envelope::open(enc, std::iter::once(&plugin as &dyn age::Identity))
        .map_err(|error| error.of_plugin(name))
}

/// Whether the program of a plugin is on PATH.
pub(super) fn is_installed(name: &str) -> bool {
    age::plugin::IdentityPluginV1::new(name, &[], age::NoCallbacks).is_ok()
}

fn clean(text: &str) -> String {
    text.chars().filter(|c| printable(*c)).collect()
}
