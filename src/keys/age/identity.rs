//! age identities: what key files, variables and key commands hold.

use bech32::Hrp;
use bech32::primitives::decode::CheckedHrpstring;
use zeroize::Zeroizing;

use crate::keys::Effort;
use crate::keys::age::bech32_long::Bech32Long;
use crate::keys::age::locked::Locked;
use crate::keys::age::recipient::{key_name, plugin_of};
use crate::secret::Cleartext;

/// One identity.
pub(super) struct Key {
    /// What it is, in a word or two.
    pub(super) kind: String,
    /// Its public side, where it is known: computed, or claimed by a plugin's comment.
    pub(super) recipient: Option<String>,
    /// The private side.
    pub(super) secret: Secret,
}

/// The private side of a [`Key`].
pub(super) enum Secret {
    /// Opens at once.
    X25519(Box<age::x25519::Identity>),
    /// Opens at once, but is looked at after age's own keys.
    Ssh(Box<age::ssh::Identity>),
    /// Another program opens.
    Plugin(age::plugin::Identity),
    /// A passphrase comes first.
    Locked(Box<Locked>),
}

impl Key {
    /// The effort that it takes to try this key, once its source has been read.
    pub(super) fn effort(&self) -> Effort {
        match &self.secret {
            Secret::X25519(_) => Effort::Plain,
            Secret::Ssh(_) => Effort::Ssh,
            Secret::Locked(_) => Effort::Passphrase,
            Secret::Plugin(_) => Effort::Device,
        }
    }

    /// The key as the library wants it, if it opens without a person or another program.
    pub(super) fn ready(&self) -> Option<&dyn age::Identity> {
        match &self.secret {
            Secret::X25519(identity) => Some(identity.as_ref()),
            Secret::Ssh(identity) => Some(identity.as_ref()),
            Secret::Locked(_) | Secret::Plugin(_) => None,
        }
    }

    /// Whether an entry wrapped for `recipient` names this key.
    pub(super) fn is_named(&self, recipient: &str) -> bool {
        match (&self.recipient, &self.secret) {
            (Some(mine), _) => key_name(mine) == key_name(recipient),
            (None, Secret::Plugin(identity)) => plugin_of(recipient) == Some(identity.plugin()),
            (None, _) => false,
        }
    }
}

/// What in a source is no identity. No message ever shows a part of the source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum IdentityError {
    #[error("it holds no identity")]
    Empty,
    #[error("it is encrypted, but not with a passphrase")]
    NotPassphrase,
    #[error("line {0} is not an age identity")]
    Line(usize),
    #[error(
        "line {0} is a public key; an identity begins with `AGE-SECRET-KEY-1` or `AGE-PLUGIN-`"
    )]
    Public(usize),
    #[error("line {0} is misspelt or cut off: its checksum does not match")]
    Misspelt(usize),
    #[error("it is not text")]
    Binary,
    #[error("it is a `{0}`, which age cannot use; it takes OpenSSH keys and age identities")]
    Pem(String),
    #[error("it is an SSH key that is damaged or cut off")]
    Ssh,
    #[error(
        "it is an SSH key in the old encrypted form; `ssh-keygen -p -f FILE` brings it into the new one"
    )]
    SshOldForm,
    #[error(
        "it is an SSH key encrypted with `{0}`, which is not supported; `ssh-keygen -p -f FILE` changes that"
    )]
    SshCipher(String),
    #[error(
        "it is an SSH key of type `{0}`, which cannot decrypt; age takes ssh-ed25519 and ssh-rsa"
    )]
    SshType(String),
}

/// Reads a source's text: a list of identities, an SSH private key, or an identity file that a
/// passphrase protects. What is no identity is told beside the identities that are.
///
/// `origin` names the source where a passphrase is asked for.
pub(super) fn parse(text: &Cleartext, origin: &str) -> (Vec<Key>, Vec<IdentityError>) {
    let bytes = text.as_bytes().trim_ascii_start();
    let outcome = if is_age_file(bytes) {
        Locked::file(bytes, origin).map(|locked| {
            vec![Key {
                kind: "passphrase-protected file".to_owned(),
                recipient: None,
                secret: Secret::Locked(Box::new(locked)),
            }]
        })
    } else {
        match text.as_str() {
            None => Err(IdentityError::Binary),
            Some(text) if text.trim_start().starts_with("-----BEGIN ") => {
                parse_pem(text.trim_start(), origin).map(|key| vec![key])
            }
            Some(text) => return parse_lines(text),
        }
    };
    match outcome {
        Ok(keys) => (keys, Vec::new()),
        Err(error) => (Vec::new(), vec![error]),
    }
}

fn is_age_file(bytes: &[u8]) -> bool {
    bytes.starts_with(b"age-encryption.org/v1")
        || bytes.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----")
}

/// Reads one identity a line; sops also takes several, with blanks between them.
fn parse_lines(text: &str) -> (Vec<Key>, Vec<IdentityError>) {
    let mut keys = Vec::new();
    let mut errors = Vec::new();
    let mut claimed = None;
    for (index, line) in text.lines().enumerate() {
        if let Some(comment) = line.trim_start().strip_prefix('#') {
            claimed = recipient_in(comment).or(claimed);
            continue;
        }
        for word in line.split_whitespace() {
            match parse_word(word, index + 1, claimed.take()) {
                Ok(key) => keys.push(key),
                Err(error) => errors.push(error),
            }
        }
    }
    if keys.is_empty() && errors.is_empty() {
        errors.push(IdentityError::Empty);
    }
    (keys, errors)
}

/// The recipient that a plugin's comment gives for the identity below it.
fn recipient_in(comment: &str) -> Option<String> {
    let word = comment.split_whitespace().next_back()?;
    (word.starts_with("age1") && word.parse::<super::Recipient>().is_ok()).then(|| word.to_owned())
}

fn parse_word(word: &str, line: usize, claimed: Option<String>) -> Result<Key, IdentityError> {
    if let Some(converted) = plugin_form(word) {
        let identity: age::plugin::Identity = converted
            .parse()
            .map_err(|_| IdentityError::Misspelt(line))?;
        return Ok(Key {
            kind: "post-quantum".to_owned(),
            recipient: claimed,
            secret: Secret::Plugin(identity),
        });
    }
    if word.starts_with("AGE-SECRET-KEY-") {
        let identity: age::x25519::Identity =
            word.parse().map_err(|_| IdentityError::Misspelt(line))?;
        return Ok(Key {
            kind: "X25519".to_owned(),
            recipient: Some(identity.to_public().to_string()),
            secret: Secret::X25519(Box::new(identity)),
        });
    }
    if word.starts_with("AGE-PLUGIN-") {
        let identity: age::plugin::Identity =
            word.parse().map_err(|_| IdentityError::Misspelt(line))?;
        return Ok(Key {
            kind: format!("plugin {}", identity.plugin()),
            recipient: claimed,
            secret: Secret::Plugin(identity),
        });
    }
    if word.starts_with("age1") || word.starts_with("ssh-") {
        return Err(IdentityError::Public(line));
    }
    Err(IdentityError::Line(line))
}

/// A native post-quantum identity in the form that `age-plugin-pq` takes: the same bytes under
/// another prefix. The library knows no such keys itself.
fn plugin_form(word: &str) -> Option<Zeroizing<String>> {
    if !word.starts_with("AGE-SECRET-KEY-PQ-1") {
        return None;
    }
    let converted = CheckedHrpstring::new::<Bech32Long>(word)
        .ok()
        .and_then(|checked| {
            let bytes: Zeroizing<Vec<u8>> = Zeroizing::new(checked.byte_iter().collect());
            let prefix = Hrp::parse("AGE-PLUGIN-PQ-").ok()?;
            bech32::encode_upper::<Bech32Long>(prefix, &bytes).ok()
        });
    Some(Zeroizing::new(converted.unwrap_or_default()))
}

fn parse_pem(text: &str, origin: &str) -> Result<Key, IdentityError> {
    use age::ssh::{Identity, UnsupportedKey};

    if !text.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----")
        && !text.starts_with("-----BEGIN RSA PRIVATE KEY-----")
    {
        let label: String = text
            .chars()
            .skip("-----BEGIN ".len())
            .take_while(|c| c.is_ascii_uppercase() || *c == ' ')
            .take(40)
            .collect();
        return Err(IdentityError::Pem(label));
    }
    let identity = Identity::from_buffer(text.as_bytes(), Some(origin.to_owned()))
        .map_err(|_| IdentityError::Ssh)?;
    match identity {
        Identity::Unencrypted(_) => {
            let recipient = age::ssh::Recipient::try_from(identity.clone())
                .map_err(|_| IdentityError::Ssh)?
                .to_string();
            Ok(Key {
                kind: first_word(&recipient),
                recipient: Some(recipient),
                secret: Secret::Ssh(Box::new(identity)),
            })
        }
        Identity::Encrypted(key) => {
            let recipient = age::ssh::Recipient::try_from(Identity::Encrypted(key.clone()))
                .map_err(|error| match error {
                    age::ssh::ParseRecipientKeyError::Unsupported(kind) => {
                        IdentityError::SshType(kind)
                    }
                    _ => IdentityError::Ssh,
                })?
                .to_string();
            Ok(Key {
                kind: first_word(&recipient),
                recipient: Some(recipient),
                secret: Secret::Locked(Box::new(Locked::ssh(key, origin))),
            })
        }
        Identity::Unsupported(UnsupportedKey::EncryptedPem) => Err(IdentityError::SshOldForm),
        Identity::Unsupported(UnsupportedKey::EncryptedSsh(cipher)) => {
            Err(IdentityError::SshCipher(cipher))
        }
        Identity::Unsupported(UnsupportedKey::Hardware(kind) | UnsupportedKey::Type(kind)) => {
            Err(IdentityError::SshType(kind))
        }
    }
}

fn first_word(text: &str) -> String {
    text.split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned()
}
