//! Who can open a file, and who should: the entries of its metadata against the rules.

use crate::app::recipients::{is_same_key, url};
use crate::document::Meta;
use crate::rules::{RecipientKind, RecipientSpec};
use crate::sops::metadata::KeyEntry;

/// How the recipients in a file's metadata differ from those that the rules name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Whom the rules name and the file does not have, in the order of the rules.
    pub missing: Vec<RecipientSpec>,
    /// Whom the file has and the rules do not name, and entries that stand there twice.
    pub surplus: Vec<KeyEntry>,
    /// Whom both have, as the file has them, in its order.
    pub kept: Vec<KeyEntry>,
}

impl Difference {
    /// Compares the entries of a file, or of one of its key groups, with those who should be there.
    pub fn between<'a>(
        entries: &[KeyEntry],
        wanted: impl IntoIterator<Item = &'a RecipientSpec>,
    ) -> Self {
        let mut difference = Self::default();
        let wanted = distinct(wanted);
        for entry in entries {
            let named = wanted.iter().any(|spec| is_for(spec, entry));
            // Which of two is the sound one, only their owner could tell: both are made anew, with the
            // data key.
            let twice = entry.kind == "age" && difference.has(entry);
            if named && !twice {
                difference.kept.push(entry.clone());
            } else {
                difference.surplus.push(entry.clone());
            }
        }
        for spec in wanted {
            if !entries.iter().any(|entry| is_for(spec, entry)) {
                difference.missing.push(spec.clone());
            }
        }
        difference
    }

    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.missing.is_empty() && self.surplus.is_empty()
    }

    /// Whether somebody is to lose access: an entry goes. One that stands there twice is counted:
    /// names are no proof, and it may have been made for somebody else.
    pub fn takes_access(&self) -> bool {
        !self.surplus.is_empty()
    }

    /// Whether the same recipient has an entry that is kept.
    pub fn has(&self, entry: &KeyEntry) -> bool {
        self.kept.iter().any(|kept| is_same(kept, entry))
    }
}

/// Those whom a list of recipients names, each once: two names may stand for one key.
pub fn distinct<'a>(wanted: impl IntoIterator<Item = &'a RecipientSpec>) -> Vec<&'a RecipientSpec> {
    let mut distinct: Vec<&RecipientSpec> = Vec::new();
    for spec in wanted {
        let same = |known: &&RecipientSpec| {
            field(known.kind) == field(spec.kind)
                && is_same_key(&known.value, &spec.value)
                && known.extras.role == spec.extras.role
                && known.extras.context == spec.extras.context
        };
        if !distinct.iter().any(same) {
            distinct.push(spec);
        }
    }
    distinct
}

/// Whether an entry of a file's metadata is for this recipient of the rules.
///
/// Exact where a stranger could make something similar: the last digits of a PGP fingerprint, for
/// one, can be had by trying.
pub fn is_for(spec: &RecipientSpec, entry: &KeyEntry) -> bool {
    if field(spec.kind) != entry.kind {
        return false;
    }
    let recipient = entry.recipient();
    match spec.kind {
        RecipientKind::Age | RecipientKind::Ssh | RecipientKind::Pgp => {
            is_same_key(&spec.value, &recipient)
        }
        RecipientKind::AwsKms => spec.value == recipient && goes_with(spec, entry),
        RecipientKind::AzureKv => {
            // Without a version the rules mean whichever was in use when the file was sealed.
            let (named, recipient) = (url(&spec.value), url(&recipient));
            named == recipient
                || !spec_has_version(spec)
                    && (named.zip(recipient)).is_some_and(|(one, other)| is_same_key(&one, &other))
        }
        RecipientKind::Vault => url(&spec.value) == url(&recipient),
        RecipientKind::GcpKms | RecipientKind::HuaweiKms => spec.value == recipient,
    }
}

/// The metadata field in which recipients of a kind stand.
pub fn field(kind: RecipientKind) -> &'static str {
    match kind {
        RecipientKind::Age | RecipientKind::Ssh => "age",
        RecipientKind::Pgp => "pgp",
        RecipientKind::AwsKms => "kms",
        RecipientKind::GcpKms => "gcp_kms",
        RecipientKind::AzureKv => "azure_kv",
        RecipientKind::Vault => "hc_vault",
        RecipientKind::HuaweiKms => "hckms",
    }
}

/// Whether two entries are for the same recipient.
fn is_same(one: &KeyEntry, other: &KeyEntry) -> bool {
    one.kind == other.kind
        && is_same_key(&one.recipient(), &other.recipient())
        && one.text("role") == other.text("role")
}

/// Whether role and encryption context are those of the rules: with others, the service would not
/// unwrap the key for those whom the rules mean.
fn goes_with(spec: &RecipientSpec, entry: &KeyEntry) -> bool {
    let context: Vec<(&str, &str)> = entry
        .fields
        .iter()
        .filter(|(name, _)| name == "context")
        .filter_map(|(_, value)| match value {
            Meta::Map(pairs) => Some(pairs),
            _ => None,
        })
        .flatten()
        .filter_map(|(name, value)| match value {
            Meta::Str(text) => Some((name.as_str(), text.as_str())),
            _ => None,
        })
        .collect();
    let wanted = &spec.extras.context;
    let role = |role: Option<&str>| role.unwrap_or_default().to_owned();
    role(spec.extras.role.as_deref()) == role(entry.text("role"))
        && wanted.len() == context.len()
        && wanted
            .iter()
            .all(|(name, value)| context.contains(&(name.as_str(), value.as_str())))
}

/// `https://VAULT/keys/NAME/VERSION`, as against `https://VAULT/keys/NAME`.
fn spec_has_version(spec: &RecipientSpec) -> bool {
    spec.value
        .split_once("/keys/")
        .is_some_and(|(_, name)| name.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Extras;

    fn spec(kind: RecipientKind, value: &str) -> RecipientSpec {
        RecipientSpec {
            name: Some("somebody".into()),
            kind,
            value: value.into(),
            owner: None,
            expires: None,
            extras: Extras::default(),
            line: 1,
        }
    }

    fn entry(kind: &str, fields: &[(&str, &str)]) -> KeyEntry {
        KeyEntry {
            kind: kind.into(),
            fields: fields
                .iter()
                .map(|(name, value)| ((*name).into(), Meta::Str((*value).into())))
                .collect(),
        }
    }

    #[test]
    fn entries_are_matched_by_what_the_key_is() {
        use RecipientKind::{Age, AwsKms, AzureKv, Pgp, Ssh, Vault};
        let azure = |version| {
            entry(
                "azure_kv",
                &[
                    ("vault_url", "https://v.vault.azure.net/"),
                    ("name", "k"),
                    ("version", version),
                ],
            )
        };
        let ssh = entry("age", &[("recipient", "ssh-ed25519 AAAAB= ana@laptop")]);
        let fingerprint = "85D77543B3D624B63CEA9E6DBC17301B491B3F21";
        let pgp = entry("pgp", &[("fp", &fingerprint.to_lowercase())]);
        let vault = entry(
            "hc_vault",
            &[
                ("vault_address", "https://vault:8200/"),
                ("engine_path", "transit"),
                ("key_name", "k"),
            ],
        );
        let slashes = entry(
            "hc_vault",
            &[
                ("vault_address", "https://vault:8200//"),
                ("engine_path", "transit/"),
                ("key_name", "k"),
            ],
        );
        let kms = entry("kms", &[("arn", "arn:x"), ("role", "")]);
        let assumed = entry("kms", &[("arn", "arn:x"), ("role", "r")]);
        let vault_url = "https://v.vault.azure.net/keys/k";
        for (spec, entry, expected) in [
            (spec(Age, "age1a"), KeyEntry::age("age1a", ""), true),
            (spec(Age, "age1a"), KeyEntry::age("age1ab", ""), false),
            (spec(Pgp, "age1a"), KeyEntry::age("age1a", ""), false),
            (spec(Ssh, "ssh-ed25519 AAAAB"), ssh, true),
            (spec(Pgp, &format!("0x{fingerprint}!")), pgp.clone(), true),
            (
                spec(Pgp, "85D7 7543 B3D6 24B6 3CEA  9E6D BC17 301B 491B 3F21"),
                pgp.clone(),
                true,
            ),
            (spec(Pgp, "BC17301B491B3F21"), pgp, false),
            (spec(AzureKv, vault_url), azure("01"), true),
            (spec(AzureKv, &format!("{vault_url}/01")), azure("01"), true),
            (spec(AzureKv, &format!("{vault_url}/0")), azure("01"), false),
            (
                spec(AzureKv, "https://v.vault.azure.net/keys/"),
                azure("01"),
                false,
            ),
            (
                spec(Vault, "https://vault:8200/v1/transit/keys/k"),
                vault,
                true,
            ),
            (
                spec(Vault, "https://vault:8200/v1/transit/keys/k/"),
                slashes,
                true,
            ),
            (spec(AwsKms, "arn:x"), kms, true),
            (spec(AwsKms, "arn:x"), assumed, false),
        ] {
            assert_eq!(is_for(&spec, &entry), expected, "{spec:?} {entry:?}");
        }
    }

    #[test]
    fn an_encryption_context_is_part_of_the_key() {
        let mut with = entry("kms", &[("arn", "arn:x")]);
        let pair = ("app".to_owned(), Meta::Str("shop".into()));
        with.fields.push(("context".into(), Meta::Map(vec![pair])));
        let mut wanted = spec(RecipientKind::AwsKms, "arn:x");
        assert!(!is_for(&wanted, &with));
        wanted.extras.context = vec![("app".into(), "shop".into())];
        assert!(is_for(&wanted, &with));
    }

    #[test]
    fn who_comes_and_who_goes() {
        let entries = [
            KeyEntry::age("age1a", "one"),
            KeyEntry::age("age1b", ""),
            KeyEntry::age("age1a", "two"),
        ];
        let wanted = [
            spec(RecipientKind::Age, "age1a"),
            spec(RecipientKind::Age, "age1c"),
            spec(RecipientKind::Age, "age1c"),
        ];
        let difference = Difference::between(&entries, &wanted);
        assert_eq!(difference.kept, [KeyEntry::age("age1a", "one")]);
        assert_eq!(
            difference.surplus,
            [KeyEntry::age("age1b", ""), KeyEntry::age("age1a", "two")]
        );
        assert_eq!(difference.missing.len(), 1);
        assert!(difference.takes_access());
    }

    #[test]
    fn an_entry_that_stands_there_twice_may_be_somebody_elses() {
        let entries = [KeyEntry::age("age1a", "one"), KeyEntry::age("age1a", "two")];
        let difference = Difference::between(&entries, &[spec(RecipientKind::Age, "age1a")]);
        assert!(difference.takes_access());
    }
}
