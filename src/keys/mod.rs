//! Key services: what wraps a file's data key for a recipient, and unwraps it with what this
//! machine holds.
//!
//! [`KeyProvider`] is the one door; age and SSH keys are the first to go through it. A provider
//! answers with three different things when it is asked to unwrap ([`Unwrapped`]): "not mine",
//! "opened", and "mine, and it failed". Everything it asks of the machine comes through
//! [`machine::Machine`], everything it asks of a person through [`prompt::Prompt`].

pub mod age;
pub mod aws_kms;
pub mod azure_kv;
mod bearer;
pub mod believed;
pub mod diagnose;
pub mod gcp_kms;
pub mod keyring;
pub mod machine;
mod once;
pub mod open;
mod order;
pub mod outlook;
pub mod pgp;
pub mod prompt;
mod race;
pub mod remote;
pub mod shamir;
pub mod signing;
pub mod system;
pub mod vault;

#[cfg(test)]
pub(crate) mod contract;
#[cfg(test)]
pub(crate) mod testing;

use std::fmt;

use zeroize::Zeroizing;

use crate::error::{Exit, Explain};
use crate::keys::outlook::Outlook;

/// The kind of key that a metadata entry is wrapped for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// age: X25519, SSH keys, tagged keys and plugins.
    Age,
    /// Amazon's key management service.
    AwsKms,
    /// Azure Key Vault.
    AzureKv,
    /// Google Cloud's key management service.
    GcpKms,
    /// Huawei Cloud's key management service.
    HcKms,
    /// PGP.
    Pgp,
    /// A transit key of Vault or of its open fork.
    Vault,
    /// A kind that this version has never heard of, by its field's name.
    Unknown(String),
}

impl Kind {
    /// The kind whose entries stand in the metadata field `name` (SOPS-FORMAT 1.9).
    pub fn of_field(name: &str) -> Self {
        match name {
            "age" => Self::Age,
            "kms" => Self::AwsKms,
            "azure_kv" => Self::AzureKv,
            "gcp_kms" => Self::GcpKms,
            "hckms" => Self::HcKms,
            "pgp" => Self::Pgp,
            "hc_vault" => Self::Vault,
            other => Self::Unknown(other.to_owned()),
        }
    }

    /// The metadata field that holds this kind's entries.
    pub fn field(&self) -> &str {
        match self {
            Self::Age => "age",
            Self::AwsKms => "kms",
            Self::AzureKv => "azure_kv",
            Self::GcpKms => "gcp_kms",
            Self::HcKms => "hckms",
            Self::Pgp => "pgp",
            Self::Vault => "hc_vault",
            Self::Unknown(name) => name,
        }
    }
}

impl fmt::Display for Kind {
    /// The name that the rules use for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AwsKms => "aws_kms",
            Self::Vault => "vault",
            other => other.field(),
        })
    }
}

/// Whom a key is wrapped for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// Which provider it belongs to.
    pub kind: Kind,
    /// The public key, fingerprint, ARN, resource id or URL, as the rules spell it.
    pub recipient: String,
    /// What goes with it.
    pub extras: Extras,
}

/// What goes with a key of AWS KMS; empty for every other kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Extras {
    /// The role to assume first.
    pub role: Option<String>,
    /// The encryption context: names and values that are authenticated with the key.
    pub context: Vec<(String, String)>,
    /// The profile of the user's AWS configuration that the credentials come from.
    pub profile: Option<String>,
}

/// One entry of a file's metadata: the data key (or a share of it), wrapped for one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wrapped {
    /// Which provider it belongs to.
    pub kind: Kind,
    /// Whom it is wrapped for, as the file spells it: public, but not to be trusted. A URL where the
    /// metadata has several fields: `VAULT_URL/keys/NAME/VERSION`, `ADDRESS/v1/ENGINE/keys/NAME`.
    pub recipient: String,
    /// What goes with it.
    pub extras: Extras,
    /// The wrapped key, in the provider's own text form.
    pub enc: String,
}

impl Target {
    /// A recipient that needs nothing beside its own text.
    pub fn new(kind: Kind, recipient: impl Into<String>) -> Self {
        Self {
            kind,
            recipient: recipient.into(),
            extras: Extras::default(),
        }
    }

    /// The entry for this recipient that holds `enc`.
    pub fn wrapped(&self, enc: String) -> Wrapped {
        Wrapped {
            kind: self.kind.clone(),
            recipient: self.recipient.clone(),
            extras: self.extras.clone(),
            enc,
        }
    }
}

impl Wrapped {
    /// The recipient in a form that fits a line: `age1q…x7`, `ssh-ed25519 ana@laptop`.
    pub fn short(&self) -> String {
        short(&self.recipient)
    }
}

/// What it costs a person or the machine to try an identity, in the order in which all entries
/// of a file are tried: nobody is asked for a passphrase while a key that lies ready opens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effort {
    /// Keys in variables and key files.
    Plain,
    /// SSH keys without a passphrase.
    Ssh,
    /// A command that prints a key.
    Command,
    /// A call to a key service.
    Network,
    /// A person types a passphrase.
    Passphrase,
    /// A device that may want to be touched, or another program that talks to a person.
    Device,
}

impl Effort {
    /// All of them, cheapest first.
    pub const ALL: [Self; 6] = [
        Self::Plain,
        Self::Ssh,
        Self::Command,
        Self::Network,
        Self::Passphrase,
        Self::Device,
    ];
}

/// What came of an attempt to unwrap an entry.
pub enum Unwrapped {
    /// No identity of this machine belongs to the entry; others may be tried.
    NotMine,
    /// The unwrapped bytes: a data key of 32, or a share of 33 where there are key groups.
    Opened(Zeroizing<Vec<u8>>),
    /// An identity of this machine belongs to the entry, and yet it did not open. The error's
    /// message is one line; its hints say what would help.
    Failed(Box<dyn Explain + Send + Sync>),
}

/// A key service: wraps for recipients of one kind, unwraps with this machine's identities. One
/// object serves a whole run, and several threads at once.
pub trait KeyProvider: Send + Sync {
    /// The kind of entries it handles.
    fn kind(&self) -> Kind;

    /// Wraps `key` (a data key of 32 bytes, or a share of one of 33) for `target`, which is of this
    /// provider's kind. Two calls never give the same text. The entry's recipient is the target's,
    /// unless wrapping found out more: the version of an Azure key.
    fn wrap(&self, target: &Target, key: &[u8]) -> Result<Wrapped, WrapError>;

    /// The first of `entries` that can be told to be wrapped for an identity that `effort`
    /// reaches. It is tried before the others; a wrong answer costs time and nothing else.
    fn expects(&self, _entries: &[&Wrapped], _effort: Effort) -> Option<usize> {
        None
    }

    /// Tries the identities that take exactly `effort`. Called once for each entry and effort,
    /// in the order of [`Effort::ALL`], until something opens.
    fn unwrap(&self, entry: &Wrapped, effort: Effort) -> Unwrapped;

    /// What it would take to try an entry. Reaches no network, and asks nobody.
    fn outlook(&self, _entry: &Wrapped) -> Outlook {
        Outlook::default()
    }

    /// What it has seen of this machine's identities so far. Reads and asks nothing new.
    fn report(&self) -> Report;
}

/// What a provider knows about this machine's identities.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The identities, in the order of their sources.
    pub held: Vec<Held>,
    /// What kept a source from being used, a line each; of interest only where nothing opened.
    pub troubles: Vec<String>,
    /// What a person should know in any case, a line each: a key file that others can read.
    pub notes: Vec<String>,
}

/// One identity of this machine, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Where it comes from: a variable's name, a path, or both.
    pub source: String,
    /// What it is: `X25519`, `ssh-ed25519`, `plugin yubikey`, `passphrase-protected file`.
    pub kind: String,
    /// Its public side, where it can be known without asking anybody.
    pub recipient: Option<String>,
    /// Whether a passphrase protects it.
    pub protected: bool,
}

/// A data key could not be wrapped for a recipient.
#[derive(Debug)]
pub struct WrapError(Box<dyn Explain + Send + Sync>);

impl WrapError {
    /// Wraps the error of a provider.
    pub fn new(error: impl Explain + Send + Sync + 'static) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Display for WrapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for WrapError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl Explain for WrapError {
    fn exit(&self) -> Exit {
        self.0.exit()
    }

    fn code(&self) -> &'static str {
        self.0.code()
    }

    fn hints(&self) -> Vec<String> {
        self.0.hints()
    }
}

/// Shortens a recipient to what fits a line and still tells it from its neighbours. Control
/// characters are left out: the text may come from a file that a stranger wrote.
pub fn short(recipient: &str) -> String {
    let clean: String = recipient.trim().chars().filter(|c| printable(*c)).collect();
    let mut words = clean.split_whitespace();
    match (words.next(), words.next()) {
        (Some(word), None) if word.starts_with("age1") => short_bech32(word),
        (Some(kind), Some(blob)) if kind.starts_with("ssh-") => {
            let comment = words.collect::<Vec<_>>().join(" ");
            if comment.is_empty() {
                format!("{kind} …{}", last(blob, 6))
            } else {
                format!("{kind} {}", middle_out(&comment, 40))
            }
        }
        _ => middle_out(&clean, 60),
    }
}

/// Whether `c` may be shown: no control characters, and none that turn the writing direction.
pub(crate) fn printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn short_bech32(word: &str) -> String {
    let (prefix, data) = word.rsplit_once('1').unwrap_or(("", word));
    if data.chars().count() < 8 {
        return word.to_owned();
    }
    let first: String = data.chars().take(1).collect();
    format!("{}1{first}…{}", middle_out(prefix, 40), last(data, 2))
}

fn middle_out(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let half = most / 2;
    let head: String = text.chars().take(half).collect();
    format!("{head}…{}", last(text, half))
}

fn last(text: &str, count: usize) -> String {
    let skip = text.chars().count().saturating_sub(count);
    text.chars().skip(skip).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_name_survives_the_way_through_a_kind() {
        for name in [
            "age", "kms", "azure_kv", "gcp_kms", "hckms", "pgp", "hc_vault", "abacus",
        ] {
            assert_eq!(Kind::of_field(name).field(), name);
        }
        assert_eq!(Kind::AwsKms.to_string(), "aws_kms");
    }

    #[test]
    fn recipients_are_shortened_to_a_line() {
        let cases = [
            (
                "age10qzyc23jq2xqlxxx9rwdmzz4xyz4dwk3xtahz8fq6ptdeftpw5mscpnswl",
                "age10…wl",
            ),
            ("age1yubikey1qwvxjdfkgjhsdkfjgh", "age1yubikey1q…gh"),
            (
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA ana@laptop",
                "ssh-ed25519 ana@laptop",
            ),
            (
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA",
                "ssh-ed25519 …E5AAAA",
            ),
            (
                "arn:aws:kms:eu-west-1:1:key/k",
                "arn:aws:kms:eu-west-1:1:key/k",
            ),
            ("a\u{1b}[31mb\u{202e}c", "a[31mbc"),
        ];
        for (long, expected) in cases {
            assert_eq!(short(long), expected);
        }
        assert_eq!(short(&"é".repeat(200)).chars().count(), 61);
    }

    #[test]
    fn efforts_are_listed_cheapest_first() {
        assert!(Effort::ALL.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
