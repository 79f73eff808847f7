//! age recipients: parsing the text that rules and metadata hold, wrapping a key for them.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_STANDARD_NO_PAD;
use bech32::primitives::decode::{CharError, UncheckedHrpstring, UncheckedHrpstringError};

use crate::error::{Exit, Explain};
use crate::keys::age::bech32_long::Bech32Long;
use crate::keys::age::envelope::{self, AgeError};
use crate::keys::age::plugin::Callbacks;
use crate::keys::prompt::Prompt;
use crate::keys::{printable, short};

/// A parsed age recipient.
#[derive(Clone)]
pub struct Recipient {
    text: String,
    key: PublicKey,
}

#[derive(Clone)]
enum PublicKey {
    X25519(age::x25519::Recipient),
    Ssh(age::ssh::Recipient),
    Tag(Box<age::tag::Recipient>),
    TagPq(Box<age::tagpq::Recipient>),
    Plugin(age::plugin::Recipient),
}

impl Recipient {
    /// The text as it stands in a file's metadata: trimmed, an SSH key's comment kept.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The name of the plugin that wraps for it, if it takes one.
    pub fn plugin(&self) -> Option<&str> {
        match &self.key {
            PublicKey::Plugin(recipient) => Some(recipient.plugin()),
            _ => None,
        }
    }

    /// Wraps `key`; the answer is an armoured age file with a trailing newline.
    ///
    /// A plugin may have something to say or to ask, for which it gets `prompt`.
    pub fn wrap(&self, key: &[u8], prompt: &Arc<dyn Prompt>) -> Result<String, AgeError> {
        match &self.key {
            PublicKey::X25519(recipient) => envelope::seal(recipient, key),
            PublicKey::Ssh(recipient) => envelope::seal(recipient, key),
            PublicKey::Tag(recipient) => envelope::seal(recipient.as_ref(), key),
            PublicKey::TagPq(recipient) => envelope::seal(recipient.as_ref(), key),
            PublicKey::Plugin(recipient) => {
                let plugin = age::plugin::RecipientPluginV1::new(
                    recipient.plugin(),
                    std::slice::from_ref(recipient),
                    &[],
                    Callbacks::new(prompt),
                )
                .map_err(|_| AgeError::missing_plugin(recipient.plugin()))?;
                envelope::seal(&plugin, key).map_err(|error| error.of_plugin(recipient.plugin()))
            }
        }
    }
}

/// The longest recipient text that is looked at, in bytes; the longest kind known has 2,000.
const MAX_LEN: usize = 8192;

impl FromStr for Recipient {
    type Err = RecipientError;

    fn from_str(text: &str) -> Result<Self, RecipientError> {
        let text = text.trim();
        let fault = |fault| RecipientError {
            shown: short(text),
            fault,
        };
        if looks_secret(text) {
            // nothing of it is shown
            return Err(RecipientError {
                shown: String::new(),
                fault: Fault::Secret,
            });
        }
        if text.is_empty() {
            return Err(fault(Fault::Empty));
        }
        if text.len() > MAX_LEN || !text.chars().all(printable) {
            return Err(fault(Fault::Unknown));
        }
        let key = if text.starts_with("age1") {
            parse_bech32(text)
        } else if text.starts_with("AGE1") {
            Err(Fault::Capitals)
        } else {
            parse_ssh(text)
        }
        .map_err(fault)?;
        Ok(Self {
            text: text.to_owned(),
            key,
        })
    }
}

/// Text that is no recipient; says what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{fault}", if shown.is_empty() { String::new() } else { format!("recipient `{shown}` ") })]
pub struct RecipientError {
    shown: String,
    fault: Fault,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("is written in capitals; age's public keys are lower case")]
    Capitals,
    #[error("holds `{0}`, which no age key has")]
    Character(char),
    #[error("a recipient is empty")]
    Empty,
    #[error("is a point that gives its secret to everybody, not a public key")]
    LowOrder,
    #[error("is no valid `{0}` key: it is cut off or damaged")]
    Malformed(String),
    #[error("is misspelt or cut off: its checksum does not match")]
    Misspelt,
    #[error("is an RSA key of more than 4096 bits, which age does not take")]
    RsaTooLarge,
    #[error("is an RSA key of less than 2048 bits, which is too weak")]
    RsaTooSmall,
    #[error("a private key stands where a recipient, the public side, belongs")]
    Secret,
    #[error("holds several; each recipient stands on its own")]
    Several,
    #[error("is not a recipient: those begin with `age1`, `ssh-ed25519` or `ssh-rsa`")]
    Unknown,
    #[error("is an SSH key of type `{0}`, which cannot encrypt; age takes ssh-ed25519 and ssh-rsa")]
    Unsupported(String),
}

impl Explain for RecipientError {
    fn exit(&self) -> Exit {
        Exit::RULES
    }

    fn code(&self) -> &'static str {
        "bad-recipient"
    }

    fn hints(&self) -> Vec<String> {
        match self.fault {
            Fault::Secret => vec![
                "`mvx keys public` shows the public side; if the private key was committed, make a new one"
                    .to_owned(),
            ],
            Fault::Capitals | Fault::Character(_) | Fault::Misspelt | Fault::Malformed(_) => vec![
                "let its owner run `mvx keys public` and copy the line again".to_owned(),
            ],
            Fault::LowOrder | Fault::RsaTooLarge | Fault::RsaTooSmall | Fault::Unsupported(_) => {
                vec!["let its owner make an age key: `mvx keys generate`".to_owned()]
            }
            Fault::Empty | Fault::Several | Fault::Unknown => Vec::new(),
        }
    }
}

/// What identifies the key in a recipient's text: the text without an SSH key's comment and
/// padding. Two texts with the same name are the same key; the text need not be valid.
pub(super) fn key_name(text: &str) -> Cow<'_, str> {
    let mut words = text.split_whitespace();
    match (words.next(), words.next()) {
        (Some(kind), Some(blob)) if kind.starts_with("ssh-") => {
            Cow::Owned(format!("{kind} {}", blob.trim_end_matches('=')))
        }
        _ => Cow::Borrowed(text.trim()),
    }
}

/// The plugin that a recipient's text names: `age1NAME1…`. Tagged keys name none.
pub(super) fn plugin_of(text: &str) -> Option<&str> {
    let name = text.trim().strip_prefix("age1")?.rsplit_once('1')?.0;
    (!matches!(name, "tag" | "tagpq")).then_some(name)
}

fn looks_secret(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    upper.contains("AGE-SECRET-KEY-")
        || upper.contains("AGE-PLUGIN-")
        || upper.contains("PRIVATE KEY-----")
}

fn parse_bech32(text: &str) -> Result<PublicKey, Fault> {
    if text.contains(',') || text.split_whitespace().count() > 1 {
        return Err(Fault::Several);
    }
    let unchecked = UncheckedHrpstring::new(text).map_err(|error| match error {
        UncheckedHrpstringError::Char(CharError::InvalidChar(c)) => Fault::Character(c),
        UncheckedHrpstringError::Char(CharError::MixedCase) => Fault::Capitals,
        _ => Fault::Misspelt,
    })?;
    let checked = unchecked
        .validate_and_remove_checksum::<Bech32Long>()
        .map_err(|_| Fault::Misspelt)?;
    let hrp = checked.hrp();
    let malformed = || Fault::Malformed(hrp.as_str().to_owned());
    match hrp.as_str() {
        "age" => {
            let point: Vec<u8> = checked.byte_iter().collect();
            if is_low_order(&point) {
                return Err(Fault::LowOrder);
            }
            text.parse().map(PublicKey::X25519).map_err(|_| malformed())
        }
        "age1tag" => text
            .parse()
            .map(|key| PublicKey::Tag(Box::new(key)))
            .map_err(|_| malformed()),
        "age1tagpq" => text
            .parse()
            .map(|key| PublicKey::TagPq(Box::new(key)))
            .map_err(|_| malformed()),
        _ => text
            .parse()
            .map(PublicKey::Plugin)
            .map_err(|_| Fault::Unknown),
    }
}

/// Parses `ssh-ed25519 BLOB [comment]` and `ssh-rsa BLOB [comment]`.
///
/// The wire form is checked here to the last byte, because the library's parser overlooks what
/// follows an Ed25519 key and panics at a number made of zero bytes.
fn parse_ssh(text: &str) -> Result<PublicKey, Fault> {
    let mut words = text.split_whitespace();
    let (Some(kind), Some(blob)) = (words.next(), words.next()) else {
        return Err(match text {
            "ssh-ed25519" | "ssh-rsa" => Fault::Malformed(text.to_owned()),
            _ => Fault::Unknown,
        });
    };
    if !matches!(kind, "ssh-ed25519" | "ssh-rsa") {
        let ssh = kind.starts_with("ssh-") || kind.starts_with("sk-") || kind.starts_with("ecdsa-");
        return Err(if ssh {
            Fault::Unsupported(kind.to_owned())
        } else {
            Fault::Unknown
        });
    }
    let malformed = || Fault::Malformed(kind.to_owned());
    let wire = BASE64_LENIENT.decode(blob).map_err(|_| malformed())?;
    let sound = match (kind, strings(&wire).as_deref()) {
        ("ssh-ed25519", Some([b"ssh-ed25519", point])) => point.len() == 32,
        ("ssh-rsa", Some([b"ssh-rsa", e, n])) => is_positive(e) && is_positive(n),
        _ => false,
    };
    if !sound {
        return Err(malformed());
    }
    let canonical = format!("{kind} {}", BASE64_STANDARD_NO_PAD.encode(&wire));
    let key = canonical
        .parse::<age::ssh::Recipient>()
        .map_err(|error| match error {
            age::ssh::ParseRecipientKeyError::RsaModulusTooLarge => Fault::RsaTooLarge,
            age::ssh::ParseRecipientKeyError::RsaModulusTooSmall => Fault::RsaTooSmall,
            _ => malformed(),
        })?;
    match &key {
        age::ssh::Recipient::SshEd25519(_, point) if point.is_small_order() => Err(Fault::LowOrder),
        _ => Ok(PublicKey::Ssh(key)),
    }
}

/// Base64 with or without padding, as SSH keys are met in the wild.
const BASE64_LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Splits SSH's wire form into its strings (RFC 4251, section 5); `None` unless they fill it.
fn strings(mut wire: &[u8]) -> Option<Vec<&[u8]>> {
    let mut strings = Vec::new();
    while !wire.is_empty() {
        let (length, rest) = wire.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (string, rest) = rest.split_at_checked(length)?;
        strings.push(string);
        wire = rest;
    }
    Some(strings)
}

/// Whether an `mpint` (RFC 4251, section 5) is positive and in its one proper spelling.
fn is_positive(mpint: &[u8]) -> bool {
    match mpint {
        [0, second, ..] => *second >= 0x80,
        [first, ..] => (1..0x80).contains(first),
        [] => false,
    }
}

/// Whether an X25519 public key is one of the points whose shared secret with anybody is zero
/// (RFC 7748, section 6.1): a file wrapped for one could be read by everybody. The library
/// panics when it meets one.
fn is_low_order(point: &[u8]) -> bool {
    let Ok(mut point) = <[u8; 32]>::try_from(point) else {
        return false;
    };
    point[31] &= 0x7f;
    let mut prime = [0xff; 32];
    prime[0] = 0xed;
    prime[31] = 0x7f;
    let (mut before, mut after, mut one) = (prime, prime, [0; 32]);
    before[0] -= 1;
    after[0] += 1;
    one[0] = 1;
    [
        [0; 32],
        one,
        before,
        prime,
        after,
        ORDER_EIGHT[0],
        ORDER_EIGHT[1],
    ]
    .contains(&point)
}

/// The two points of order 8, little-endian; both follow from the curve's equation, and a test
/// has the library confirm each.
const ORDER_EIGHT: [[u8; 32]; 2] = [
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ],
];

#[cfg(test)]
#[path = "recipient_tests.rs"]
mod tests;
