//! Questions of the key providers, asked at the terminal.

use crate::error::{Exit, Failure};
use crate::io::terminal;
use crate::keys::prompt::Prompt;
use crate::secret::Passphrase;

use super::ui;

/// The person at the terminal.
pub(super) struct Terminal;

impl Prompt for Terminal {
    fn passphrase(&self, what: &str) -> Option<Passphrase> {
        terminal::ask_passphrase(&format!("Passphrase for {what}")).ok()
    }

    fn message(&self, text: &str) {
        ui::message(text);
    }

    fn confirm(&self, text: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        let no = no.unwrap_or("cancel");
        terminal::choose(text, &[yes, no])
            .ok()
            .map(|choice| choice == 0)
    }

    fn line(&self, what: &str) -> Option<String> {
        terminal::ask_line(what, None).ok()
    }
}

/// A new passphrase, typed twice.
pub(super) fn new_passphrase() -> Result<Passphrase, Failure> {
    let first = terminal::ask_passphrase("Passphrase for the new key")?;
    if first.expose().chars().count() < 8 {
        return Err(Failure::new(
            Exit::USAGE,
            "passphrase-short",
            "a passphrase has 8 characters at least; nothing was made",
        )
        .hint("four random words are easy to remember and hard to guess"));
    }
    let second = terminal::ask_passphrase("The same again")?;
    if first.expose() != second.expose() {
        return Err(Failure::new(
            Exit::USAGE,
            "passphrases-differ",
            "the two passphrases differ; nothing was made",
        ));
    }
    Ok(first)
}
