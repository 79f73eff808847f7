//! Questions of the key providers, asked at the terminal.

use crate::app::recovery;
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

/// Whether nothing may be typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Empty {
    /// It may.
    Allowed,
    /// It is too short like any other.
    Refused,
}

/// A new passphrase for `what`, typed twice; `None` where nothing was typed and that is allowed.
pub(super) fn new_passphrase(what: &str, empty: Empty) -> Result<Option<Passphrase>, Failure> {
    let first = terminal::ask_passphrase(&format!("Passphrase for {what}"))?;
    if empty == Empty::Allowed && first.expose().is_empty() {
        return Ok(None);
    }
    let first = recovery::sound(first)?;
    let second = terminal::ask_passphrase("The same again")?;
    if first.expose() != second.expose() {
        return Err(Failure::new(
            Exit::USAGE,
            "passphrases-differ",
            "the two passphrases differ; nothing was made",
        ));
    }
    Ok(Some(first))
}
