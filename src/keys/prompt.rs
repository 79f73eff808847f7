//! Questions to a person, asked through whoever owns the terminal.

use crate::secret::Passphrase;

/// Asks a person. Implemented where the terminal is; this layer never talks to it itself.
///
/// Every question may go unanswered: there is no terminal, or the person declined.
pub trait Prompt: Send + Sync {
    /// Asks for the secret that unlocks `what` (`the key file /home/ana/keys.txt`), or for what
    /// a plugin describes in its own words.
    fn passphrase(&self, what: &str) -> Option<Passphrase>;

    /// Shows what a plugin has to say: "please touch the key".
    fn message(&self, _text: &str) {}

    /// Lets a person choose between `yes` and `no`; `None` if nobody answered.
    fn confirm(&self, _text: &str, _yes: &str, _no: Option<&str>) -> Option<bool> {
        None
    }

    /// Asks for a line that is no secret.
    fn line(&self, _what: &str) -> Option<String> {
        None
    }
}

/// Nobody is there to be asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPrompt;

impl Prompt for NoPrompt {
    fn passphrase(&self, _what: &str) -> Option<Passphrase> {
        None
    }
}
