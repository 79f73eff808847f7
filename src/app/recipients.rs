//! Wrapping a data key for those whom the rules name.

use std::path::Path;

use crate::app::App;
use crate::app::groups::Shape;
use crate::app::policy::Policy;
use crate::app::readers::distinct;
use crate::error::{Exit, Failure};
use crate::keys::age::Recipient;
use crate::rules::RecipientSpec;
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
    /// identities the public side is not known before they are asked.
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
    let begins = ["age1", "ssh-", "AGE-SECRET-KEY-", "-----BEGIN"];
    if begins.iter().any(|word| text.starts_with(word)) {
        text.parse::<Recipient>()?;
        return Ok(());
    }
    Err(Failure::new(
        Exit::USAGE,
        "bad-recipient",
        "that is no recipient: those begin with `age1`, `ssh-ed25519` or `ssh-rsa`",
    )
    .hint("`mvx keys public` prints the public key of whoever runs it"))
}

/// Whether two public keys are the same one: an SSH key's comment and padding are not part of it.
pub fn is_same_key(one: &str, other: &str) -> bool {
    let words = |text: &'_ str| -> Vec<String> {
        let words = text.split_ascii_whitespace().take(2);
        words
            .map(|word| word.trim_end_matches('=').to_owned())
            .collect()
    };
    words(one) == words(other)
}

/// How the user knows a recipient.
pub fn name(recipient: &RecipientSpec) -> String {
    let short = || crate::keys::short(&recipient.value);
    recipient.name.clone().unwrap_or_else(short)
}
