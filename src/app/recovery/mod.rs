//! A recovery key: an identity that is made to be printed, and kept on no machine.
//!
//! It is written nowhere. What is printed is an age file behind a passphrase, as text and as a QR
//! code of that text, which any age opens.

mod page;
mod passphrase;
mod qr;

use crate::app::{App, now};
use crate::error::{Exit, Failure};
use crate::git;
use crate::keys::age::{WORK_FACTOR, generate, opens, protect};
use crate::secret::Passphrase;

pub use page::Ink;
pub use passphrase::{generated, sound};

/// The name of a recovery key in the rules.
pub const NAME: &str = "recovery";

/// What the rules say of who answers for it.
pub const OWNER: &str = "offline, for the day when all other keys are lost";

/// A new recovery key.
pub struct Recovery {
    /// Its public side, for the rules.
    pub recipient: String,
    /// The private side behind its passphrase: an armoured age file.
    pub armour: String,
    /// When it was made, RFC 3339.
    made: String,
    /// The name of the repository's directory.
    repository: Option<String>,
}

impl App<'_> {
    /// Makes a recovery key and opens it once, so that nothing is printed that does not open.
    pub fn recovery_key(&self, passphrase: &Passphrase) -> Result<Recovery, Failure> {
        let made = now();
        let key = generate(&made);
        let armour = protect(&key.bare(), passphrase, WORK_FACTOR)?;
        if opens(&armour, passphrase).as_deref() != Some(key.recipient.as_str()) {
            let message = "the new key does not open with its passphrase; nothing was made";
            return Err(Failure::new(Exit::BUG, "bug", message));
        }
        let root = git::repository_root(self.directory()).ok().flatten();
        let repository = root.and_then(|root| {
            let name = root.file_name()?;
            Some(name.to_string_lossy().into_owned())
        });
        Ok(Recovery {
            recipient: key.recipient,
            armour,
            made,
            repository,
        })
    }

    /// The name that a new recovery key gets in the rules in force here: the first that is free.
    pub fn recovery_name(&self) -> String {
        let rules = self.rules_at(&self.directory().join("any")).ok();
        let is_free = |name: &String| {
            let register = rules.iter().flat_map(|rules| rules.recipients());
            register
                .filter_map(|spec| spec.name.as_ref())
                .all(|taken| taken != name)
        };
        let numbered = (2..).map(|number| format!("{NAME}-{number}"));
        let mut names = std::iter::once(NAME.to_owned()).chain(numbered);
        names.find(is_free).unwrap_or_default()
    }
}

impl Recovery {
    /// The page to be printed; `ink` says how the code is drawn.
    pub fn page(&self, ink: Ink) -> Result<String, Failure> {
        page::page(self, ink)
    }
}
