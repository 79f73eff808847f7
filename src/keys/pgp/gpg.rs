//! The gpg that does the work, on one of its homes.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::listing::{self, Fault, Key};
use super::message;
use super::status::Status;
use crate::keys::machine::{Answer, CommandError, Machine, Program};
use crate::keys::remote::{Reason, Refusal};
use crate::secret::Cleartext;

/// gpg with the keys of one home.
pub(super) struct Gpg {
    machine: Arc<dyn Machine>,
    /// `SOPS_GPG_EXEC`, else `gpg`.
    program: String,
    /// The home; gpg's own where this is `None`.
    home: Option<OsString>,
}

/// Where a message is read from, and who may be asked about it.
pub(super) enum Way<'a> {
    /// From standard input; what would take a question fails.
    Quiet,
    /// From standard input; gpg's agent asks the person.
    Asking,
    /// From a file, so that standard input can carry the passphrase.
    Passphrase(&'a str, Cleartext),
}

/// How long gpg may take by itself, and with a person: to find a smartcard, say.
const QUIET: Duration = Duration::from_mins(1);
const ASKING: Duration = Duration::from_mins(5);

/// The most bytes that gpg may decrypt: a share of a data key has 33.
const MOST_BYTES: &str = "4096";

impl Gpg {
    /// gpg on a home; on the user's where it is `None`.
    pub(super) fn new(machine: Arc<dyn Machine>, home: Option<OsString>) -> Self {
        let program = machine.variable("SOPS_GPG_EXEC");
        let program = program.and_then(|name| name.into_string().ok());
        Self {
            program: program.unwrap_or_else(|| "gpg".to_owned()),
            home: home.or_else(|| machine.variable("GNUPGHOME")),
            machine,
        }
    }

    /// The secret keys. Asks nobody.
    pub(super) fn secret_keys(&self) -> Result<Vec<Key>, Refusal> {
        let answer = self.call(&["--list-secret-keys", "--with-colons"], None, false)?;
        Ok(listing::keys(answer.stdout.as_str().unwrap_or_default()))
    }

    /// Takes a private key in; whether there is one.
    pub(super) fn import(&self, key: Cleartext) -> Result<(), Refusal> {
        self.call(&["--import"], Some(key), false).map(drop)
    }

    /// The armoured message with `secret` for the key with exactly this fingerprint.
    pub(super) fn encrypt(&self, fingerprint: &str, secret: &[u8]) -> Result<String, Refusal> {
        let arguments = [
            "--no-default-recipient",
            "--yes",
            "--no-encrypt-to",
            "--no-throw-keyids",
            "--no-auto-key-locate",
            // the rules say whose key it is
            "--trust-model",
            "always",
            "--armor",
            "--recipient",
            fingerprint,
            "--encrypt",
        ];
        let answer = self.call(&arguments, Some(Cleartext::new(secret.to_vec())), false)?;
        let armour = answer.stdout.as_str().unwrap_or_default().trim();
        if answer.code != Some(0) {
            let status = Status::read(answer.stderr.as_str().unwrap_or_default());
            return Err(self.no_recipient(fingerprint, status));
        }
        match message::recipients(armour)?.as_slice() {
            [id] if *id != message::HIDDEN => Ok(armour.to_owned()),
            _ => {
                let message = "gpg encrypted it for others, too; its own settings tell it to";
                Err(Refusal::new(Reason::Garbage, message))
            }
        }
    }

    /// What an armoured message holds, or why it does not open.
    pub(super) fn decrypt(
        &self,
        armour: &str,
        key: Option<&str>,
        way: Way<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, (Refusal, Status)> {
        // a signature inside of it is of no interest, and must fetch nothing
        let mut arguments = vec!["--skip-verify", "--no-auto-key-retrieve"];
        arguments.extend(["--max-output", MOST_BYTES]);
        if let Some(key) = key {
            arguments.extend(["--try-secret-key", key]);
        }
        let armour = || Some(Cleartext::new(armour.as_bytes().to_vec()));
        let (stdin, ask) = match way {
            Way::Quiet => {
                arguments.extend(["--pinentry-mode", "error", "--decrypt"]);
                (armour(), false)
            }
            Way::Asking => {
                arguments.push("--decrypt");
                (armour(), true)
            }
            Way::Passphrase(path, passphrase) => {
                arguments.extend(["--pinentry-mode", "loopback", "--passphrase-fd", "0"]);
                arguments.extend(["--decrypt", path]);
                (Some(passphrase), false)
            }
        };
        let answer = self.call(&arguments, stdin, ask);
        let answer = answer.map_err(|refusal| (refusal, Status::default()))?;
        let status = Status::read(answer.stderr.as_str().unwrap_or_default());
        if answer.code == Some(0) && status.decrypted {
            return Ok(Zeroizing::new(answer.stdout.as_bytes().to_vec()));
        }
        Err((status.refusal(), status))
    }

    /// Ends the agent of this home and removes what it left elsewhere. Nothing depends on it: an
    /// agent whose home is gone ends by itself.
    pub(super) fn end_agent(&self) {
        for arguments in [["--kill", "all"].as_slice(), &["--remove-socketdir"]] {
            let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
            let ended = self.machine.call(Program {
                program: "gpgconf",
                arguments: &arguments,
                stdin: None,
                variables: &self.variables(false),
                timeout: QUIET,
                may_ask: false,
            });
            drop(ended);
        }
    }

    fn call(
        &self,
        arguments: &[&str],
        stdin: Option<Cleartext>,
        may_ask: bool,
    ) -> Result<Answer, Refusal> {
        let usual = ["--batch", "--no-tty", "--status-fd", "2"];
        let arguments: Vec<OsString> = usual.iter().chain(arguments).map(Into::into).collect();
        let answer = self.machine.call(Program {
            program: &self.program,
            arguments: &arguments,
            stdin,
            variables: &self.variables(may_ask),
            timeout: if may_ask { ASKING } else { QUIET },
            may_ask,
        });
        answer.map_err(|error| match &error {
            CommandError::Start { .. } => Refusal::new(Reason::NoCredentials, error.to_string())
                .hint("GnuPG has it: `apt-get install gnupg`, `dnf install gnupg2`, `brew install gnupg`"),
            CommandError::Timeout { .. } => Refusal::new(Reason::Busy, error.to_string()),
            _ => Refusal::new(Reason::Garbage, error.to_string()),
        })
    }

    /// The home, and the terminal on which the agent may ask: gpg looks for it on its standard
    /// input, which is taken.
    fn variables(&self, may_ask: bool) -> Vec<(&'static str, OsString)> {
        let home = self.home.clone().map(|home| ("GNUPGHOME", home));
        let terminal = || {
            let named = self.machine.variable("GPG_TTY");
            named.or_else(|| self.machine.terminal())
        };
        let terminal = may_ask.then(terminal).flatten();
        let terminal = terminal.map(|name| ("GPG_TTY", name));
        home.into_iter().chain(terminal).collect()
    }

    /// Why gpg did not encrypt for a key.
    fn no_recipient(&self, fingerprint: &str, status: Status) -> Refusal {
        let bare = fingerprint.trim_end_matches('!');
        let listed = self.call(&["--list-keys", "--with-colons", bare], None, false);
        let listed = listed.map(|answer| listing::keys(answer.stdout.as_str().unwrap_or_default()));
        let fetch = format!(
            "`gpg --recv-keys {bare}` fetches it, `gpg --import KEY.asc` reads it from a file"
        );
        let key = match listed {
            Ok(keys) => keys.into_iter().next(),
            Err(refusal) => return refusal,
        };
        let Some(key) = key else {
            return Refusal::new(Reason::NoKey, "gpg does not have this public key").hint(fetch);
        };
        let disabled = |message: &str| Refusal::new(Reason::Disabled, message);
        match key.fault {
            Some(Fault::Expired) => disabled("the key has expired")
                .hint(format!("its owner extends it (`gpg --quick-set-expire {bare} 1y`); then {fetch}")),
            Some(Fault::Revoked) => {
                disabled("its owner has revoked the key").hint("ask for the new one")
            }
            Some(Fault::Disabled) => disabled("the key is switched off in gpg")
                .hint(format!("`gpg --edit-key {bare} enable` switches it on")),
            Some(Fault::Invalid) => disabled("the key is not sound").hint(fetch),
            None if !key.encrypts => disabled("nothing can be encrypted for the key: no subkey of it is meant for that, or all have expired")
                .hint(fetch),
            None => {
                let number = status.recipient.map(|number| format!(" (reason {number})"));
                let message = format!("gpg does not take the key{}", number.unwrap_or_default());
                Refusal::new(Reason::Malformed, message)
            }
        }
    }
}
