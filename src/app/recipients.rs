//! Wrapping a data key for those whom the rules name.

use std::path::Path;

use crate::app::App;
use crate::app::entries::kind;
use crate::app::groups::Shape;
use crate::app::policy::Policy;
use crate::app::readers::distinct;
use crate::error::{Exit, Failure};
use crate::keys::Kind;
use crate::keys::age::Recipient;
use crate::rules::{RecipientKind, RecipientSpec};
use crate::secret::DataKey;
use crate::sops::metadata::KeyEntry;

impl App<'_> {
    /// The metadata entries that give `key` to everybody whom the policy names.
    pub fn wrap(&self, key: &DataKey, policy: &Policy) -> Result<Vec<Vec<KeyEntry>>, Failure> {
        if policy.recipients().next().is_none() {
            return Err(Failure::new(Exit::RULES, "no-recipients", "nobody is named who could open the file")
                .hint("`mvx init` writes rules with your own key; `recipients` in a [[files]] table names more"));
        }
        let groups: Vec<_> = policy.groups.iter().map(distinct).collect();
        self.wrap_groups(key, &groups, Shape::new(groups.len(), policy.threshold))
    }

    /// Warns where nobody on this machine can open what was just sealed: it may be meant so, and
    /// the plaintext may be about to go.
    pub(super) fn warn_if_closed(&self, path: &Path, policy: &Policy) {
        if self.opens_any(policy.recipients()) {
            return;
        }
        self.warn(
            format!("{}: none of your identities opens this file", path.display()),
            [
                "to keep access, enter your public key with `mvx recipients add`, and encrypt it again"
                    .to_owned(),
            ],
        );
    }

    /// Whether an identity of this machine belongs to one of these recipients, or might: of some
    /// identities the public side is not known before they are asked, and of a service's keys the
    /// service alone knows who may use them. It is not asked here.
    pub(super) fn opens_any<'a>(
        &self,
        recipients: impl IntoIterator<Item = &'a RecipientSpec>,
    ) -> bool {
        let commands = [
            "MVX_AGE_KEY_CMD",
            "SOPS_AGE_KEY_CMD",
            "SOPS_AGE_SSH_PRIVATE_KEY_CMD",
        ];
        let held = self.list_keys().held;
        let unknown = held.iter().any(|key| key.recipient.is_none())
            || commands
                .iter()
                .any(|name| self.environment().get(name).is_some());
        let opens = |spec: &RecipientSpec| {
            let kind = kind(spec.kind);
            if kind != Kind::Age && self.keyring().provider(&kind).is_some() {
                return true;
            }
            let mut own = held.iter().filter_map(|key| key.recipient.as_deref());
            own.any(|own| is_same_key(own, &spec.value))
        };
        unknown || recipients.into_iter().any(opens)
    }
}

/// Fails unless a text that somebody typed is an age or SSH public key. What is nothing of the
/// kind is not repeated: it may have got there by mistake.
pub fn check(text: &str) -> Result<(), Failure> {
    let text = text.trim();
    if looks_local(text) {
        text.parse::<Recipient>()?;
        return Ok(());
    }
    let message = "that is no recipient: those begin with `age1`, `ssh-ed25519` or `ssh-rsa`";
    Err(no_recipient(message))
}

/// What somebody typed, as the rules name it: a public key, checked to the last character, or a key
/// of a service. What is neither is not repeated: it may be a private one.
pub fn typed(text: &str) -> Result<(RecipientKind, String), Failure> {
    let text = text.trim();
    if looks_local(text) {
        let recipient: Recipient = text.parse()?;
        let kind = if text.starts_with("ssh-") {
            RecipientKind::Ssh
        } else {
            RecipientKind::Age
        };
        return Ok((kind, recipient.text().to_owned()));
    }
    crate::rules::recognise(text).ok_or_else(|| {
        no_recipient(
            "that is no recipient: it is none of `age1…`, `ssh-ed25519 …`, a PGP fingerprint, an ARN, \
             `projects/…/cryptoKeys/…`, `https://VAULT.vault.azure.net/keys/…`, `https://HOST/v1/…/keys/…`",
        )
    })
}

/// Whether this is meant to be a key that stands for itself.
fn looks_local(text: &str) -> bool {
    let begins = ["age1", "ssh-", "AGE-SECRET-KEY-", "-----BEGIN"];
    begins.iter().any(|word| text.starts_with(word))
}

fn no_recipient(message: &str) -> Failure {
    Failure::new(Exit::USAGE, "bad-recipient", message)
        .hint("`mvx keys public` prints the public key of whoever runs it")
}

/// Whether two texts name the same key, however they are written: an SSH key's comment and padding
/// are not part of it, nor are the blanks and the case of a fingerprint, or the slashes at the end of
/// a URL's parts. A key of Azure without a version stands for all of its versions.
pub fn is_same_key(one: &str, other: &str) -> bool {
    if let (Some(one), Some(other)) = (fingerprint(one), fingerprint(other)) {
        return one == other;
    }
    if let (Some(one), Some(other)) = (url(one), url(other)) {
        return one == other || is_version_of(&one, &other) || is_version_of(&other, &one);
    }
    let words = |text: &'_ str| -> Vec<String> {
        let words = text.split_ascii_whitespace().take(2);
        words
            .map(|word| word.trim_end_matches('=').to_owned())
            .collect()
    };
    words(one) == words(other)
}

/// A PGP fingerprint's digits.
fn fingerprint(text: &str) -> Option<String> {
    let digits: String = text.split_whitespace().collect();
    let digits = digits.trim_end_matches('!').trim_start_matches("0x");
    let sound = digits.len() >= 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    sound.then(|| digits.to_ascii_uppercase())
}

/// A URL without empty parts: `https://HOST//v1/transit/keys/k/` is `https://HOST/v1/transit/keys/k`.
pub(super) fn url(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
    Some(format!("{scheme}://{}", parts.join("/")))
}

/// Whether `one` is `https://VAULT/keys/NAME/VERSION`, and `other` the same without its version.
fn is_version_of(one: &str, other: &str) -> bool {
    let bare = other.split_once("://").map_or("", |(_, rest)| rest);
    let is_bare = matches!(
        bare.split('/').collect::<Vec<_>>().as_slice(),
        [_, "keys", _]
    );
    let version = one
        .strip_prefix(other)
        .and_then(|rest| rest.strip_prefix('/'));
    is_bare && version.is_some_and(|version| !version.contains('/'))
}

/// How the user knows a recipient.
pub fn name(recipient: &RecipientSpec) -> String {
    let short = || crate::keys::short(&recipient.value);
    recipient.name.clone().unwrap_or_else(short)
}
