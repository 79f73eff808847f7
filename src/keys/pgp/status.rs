//! What gpg says of its work to programs, on `--status-fd`. Its words for people are not read:
//! they are in the user's language.
//!
//! Source: gpg's doc/DETAILS. Error numbers are libgpg-error's, in their lower 16 bits.

use crate::keys::remote::{Reason, Refusal};

/// What an answer's status lines say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Status {
    /// Whether the message was decrypted, and was not changed since it was encrypted.
    pub(super) decrypted: bool,
    /// Why the recipient was not taken: the number of `INV_RECP`.
    pub(super) recipient: Option<u32>,
    /// Whether the secret key is not there.
    pub(super) no_secret_key: bool,
    /// The error that kept a secret key from being used.
    error: Option<u32>,
}

impl Status {
    /// Reads the status lines among others.
    pub(super) fn read(text: &str) -> Self {
        let mut status = Self::default();
        let mut okay = false;
        let mut whole = false;
        for line in text.lines() {
            let Some(line) = line.strip_prefix("[GNUPG:] ") else {
                continue;
            };
            let mut words = line.split(' ');
            match words.next() {
                Some("DECRYPTION_OKAY") => okay = true,
                Some("GOODMDC") => whole = true,
                Some("NO_SECKEY") => status.no_secret_key = true,
                Some("INV_RECP") => status.recipient = words.next().and_then(|it| it.parse().ok()),
                Some("ERROR") => {
                    let number = words.nth(1).and_then(|it| it.parse().ok());
                    status.error = number.map(|number: u32| number & 0xffff).or(status.error);
                }
                _ => {}
            }
        }
        status.decrypted = okay && whole;
        status
    }

    /// Why a message that is for a key of this machine did not open.
    pub(super) fn refusal(self) -> Refusal {
        let refusal = Refusal::new;
        match self.error {
            Some(11) => refusal(Reason::BadCredentials, "the passphrase is wrong"),
            Some(87) => refusal(Reason::BadCredentials, "the PIN is wrong"),
            Some(99 | 198) => refusal(Reason::NoCredentials, "the question was cancelled"),
            Some(62) => refusal(Reason::NoCredentials, "nobody answered the question"),
            Some(85 | 86 | 0x8026 | 0x8066) => refusal(
                Reason::NoCredentials,
                "gpg's agent cannot ask for the passphrase here",
            )
            .hint("`export GPG_TTY=$(tty)` lets it ask in this terminal; in CI, MVX_PGP_KEY holds a key")
            .hint("`gpg --decrypt` of any file that is for you leaves the passphrase with the agent"),
            Some(77 | 78 | 257 | 259 | 260) => {
                refusal(Reason::NoCredentials, "gpg's agent does not answer")
                    .hint("`gpgconf --kill gpg-agent` ends it; it is started again when it is needed")
            }
            Some(108..=113 | 119 | 120 | 176) => {
                refusal(Reason::NoCredentials, "the smartcard with the key is not there")
                    .hint("insert it; `gpg --card-status` shows it")
            }
            _ if self.no_secret_key || self.error == Some(17) => {
                refusal(Reason::NoKey, "gpg does not have the secret key")
            }
            _ => refusal(
                Reason::Mismatch,
                "gpg cannot decrypt it: it was damaged, or was not made for this key",
            ),
        }
    }

    /// Whether nobody could be asked, or nobody was allowed to be: somebody may be asked later.
    pub(super) fn was_declined(self) -> bool {
        matches!(self.error, Some(62 | 85 | 86 | 99 | 198))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_lines_are_told_from_others() {
        let text = "gpg: [GNUPG:] DECRYPTION_OKAY\n[GNUPG:] ENC_TO 24731FD505C93473 1 0\n\
                    gpg: public key decryption failed: No pinentry\n\
                    [GNUPG:] ERROR pkdecrypt_failed 67108949\n[GNUPG:] DECRYPTION_FAILED\n";
        let status = Status::read(text);
        assert!(!status.decrypted && status.was_declined());
        assert_eq!(status.refusal().reason, Reason::NoCredentials);
        assert!(!Status::read("[GNUPG:] DECRYPTION_OKAY\n").decrypted);
        let sound = "[GNUPG:] DECRYPTION_OKAY\n[GNUPG:] GOODMDC\n";
        assert!(Status::read(sound).decrypted);
        assert_eq!(Status::read("[GNUPG:] INV_RECP 5 AA\n").recipient, Some(5));
    }

    #[test]
    fn reasons_are_told() {
        for (line, says) in [
            ("ERROR pkdecrypt_failed 67108875", "passphrase is wrong"),
            ("ERROR pkdecrypt_failed 67108963", "cancelled"),
            ("ERROR pkdecrypt_failed 83918950", "cannot ask"),
            ("ERROR pkdecrypt_failed 100663408", "smartcard"),
            ("ERROR pkdecrypt_failed 77", "agent"),
            ("NO_SECKEY 24731FD505C93473", "secret key"),
            ("ERROR pkdecrypt_failed", "damaged"),
            ("DECRYPTION_FAILED", "damaged"),
        ] {
            let refusal = Status::read(&format!("[GNUPG:] {line}\n")).refusal();
            assert!(refusal.to_string().contains(says), "{line}: {refusal}");
        }
    }
}
