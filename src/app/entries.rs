//! The entries of a file's metadata, as the key providers see them, and back.

use crate::app::App;
use crate::app::now;
use crate::app::recipients::name;
use crate::document::Meta;
use crate::error::{Exit, Explain as _, Failure};
use crate::keys::{Extras, Kind, Target, Wrapped};
use crate::rules::{RecipientKind, RecipientSpec};
use crate::sops::metadata::KeyEntry;

/// A group's recipients as the key providers see them, in the order in which sops tries them:
/// age, PGP, then the rest.
pub fn wrapped(group: &[KeyEntry]) -> Vec<Wrapped> {
    let rank = |kind: &Kind| match kind {
        Kind::Age => 0,
        Kind::Pgp => 1,
        _ => 2,
    };
    let mut wrapped: Vec<Wrapped> = group.iter().map(wrapped_entry).collect();
    wrapped.sort_by_key(|entry| rank(&entry.kind));
    wrapped
}

/// One recipient as the key providers see it.
pub fn wrapped_entry(entry: &KeyEntry) -> Wrapped {
    Wrapped {
        kind: Kind::of_field(&entry.kind),
        recipient: entry.recipient(),
        extras: extras(entry),
        enc: entry.enc().unwrap_or_default().into(),
    }
}

/// What goes with the key of an entry.
pub fn extras(entry: &KeyEntry) -> Extras {
    let text = |name| entry.text(name).filter(|text| !text.is_empty());
    let context = entry.fields.iter().find(|(name, _)| name == "context");
    let context = match context {
        Some((_, Meta::Map(pairs))) => pairs.as_slice(),
        _ => &[],
    };
    let pairs = context.iter().filter_map(|(name, value)| match value {
        Meta::Str(text) => Some((name.clone(), text.clone())),
        _ => None,
    });
    Extras {
        role: text("role").map(Into::into),
        context: pairs.collect(),
        profile: text("aws_profile").map(Into::into),
    }
}

/// A recipient of the rules as the key providers see it.
pub fn target(spec: &RecipientSpec) -> Target {
    Target {
        kind: kind(spec.kind),
        recipient: spec.value.clone(),
        extras: Extras {
            role: spec.extras.role.clone(),
            context: spec.extras.context.clone(),
            profile: spec.extras.profile.clone(),
        },
    }
}

/// The provider's kind for a recipient of the rules.
pub fn kind(kind: RecipientKind) -> Kind {
    match kind {
        RecipientKind::Age | RecipientKind::Ssh => Kind::Age,
        RecipientKind::Pgp => Kind::Pgp,
        RecipientKind::AwsKms => Kind::AwsKms,
        RecipientKind::GcpKms => Kind::GcpKms,
        RecipientKind::AzureKv => Kind::AzureKv,
        RecipientKind::Vault => Kind::Vault,
        RecipientKind::HuaweiKms => Kind::HcKms,
    }
}

/// The entry as it stands in a file's metadata: its fields are those of SOPS-FORMAT 1.9, in
/// alphabetical order. `now` is RFC 3339.
fn entry(wrapped: &Wrapped, now: &str) -> KeyEntry {
    let recipient = wrapped.recipient.as_str();
    let mut fields: Vec<(&str, &str)> = match wrapped.kind {
        Kind::Age => return KeyEntry::age(recipient, &wrapped.enc),
        Kind::AwsKms => vec![
            ("arn", recipient),
            (
                "aws_profile",
                wrapped.extras.profile.as_deref().unwrap_or_default(),
            ),
        ],
        Kind::AzureKv => {
            // the first one: a key may be called `keys`
            let (vault, key) = recipient.split_once("/keys/").unwrap_or((recipient, ""));
            let (name, version) = key.split_once('/').unwrap_or((key, ""));
            vec![("vault_url", vault), ("name", name), ("version", version)]
        }
        Kind::Vault => {
            let (address, path) = recipient.split_once("/v1/").unwrap_or((recipient, ""));
            let (engine, name) = path.rsplit_once("/keys/").unwrap_or((path, ""));
            vec![
                ("vault_address", address),
                ("engine_path", engine),
                ("key_name", name),
            ]
        }
        Kind::GcpKms => vec![("resource_id", recipient)],
        Kind::Pgp => vec![("fp", recipient)],
        Kind::HcKms | Kind::Unknown(_) => vec![("key_id", recipient)],
    };
    fields.extend([("created_at", now), ("enc", &wrapped.enc)]);
    if let Some(role) = &wrapped.extras.role {
        fields.push(("role", role));
    }
    let text = |text: &str| Meta::Str(text.into());
    let mut fields: Vec<(String, Meta)> = fields
        .into_iter()
        .map(|(name, value)| (name.into(), text(value)))
        .collect();
    if !wrapped.extras.context.is_empty() {
        let pairs = wrapped.extras.context.iter();
        let pairs = pairs.map(|(name, value)| (name.clone(), text(value)));
        fields.push(("context".into(), Meta::Map(pairs.collect())));
    }
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    KeyEntry {
        kind: wrapped.kind.field().into(),
        fields,
    }
}

impl App<'_> {
    /// Wraps a data key, or a share of one, for a recipient of the rules.
    pub(super) fn wrap_for(&self, key: &[u8], spec: &RecipientSpec) -> Result<KeyEntry, Failure> {
        match self.keyring().wrap(&target(spec), key) {
            Some(Ok(wrapped)) => Ok(entry(&wrapped, &now())),
            Some(Err(error)) => {
                // which of them it was, a service's own reason does not say
                let told = match spec.kind {
                    RecipientKind::Age | RecipientKind::Ssh => error.to_string(),
                    _ => format!("{}: {error}", name(spec)),
                };
                let failure = Failure::new(error.exit(), error.code(), told);
                Err(error.hints().into_iter().fold(failure, Failure::hint))
            }
            None => Err(Failure::new(
                Exit::RULES,
                "recipient-kind",
                format!(
                    "`{}` is a key of the kind {}, for which mvx cannot wrap",
                    name(spec),
                    spec.kind.field()
                ),
            )
            .hint("files that sops sealed for such a key are kept as they are when another recipient opens them")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(kind: Kind, recipient: &str) -> KeyEntry {
        let wrapped_key = Target::new(kind, recipient).wrapped("enc".to_owned());
        let entry = entry(&wrapped_key, "2026-11-23T01:00:00Z");
        assert!(entry.fields.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(wrapped(std::slice::from_ref(&entry)), [wrapped_key]);
        entry
    }

    #[test]
    fn every_kind_has_the_fields_of_its_own_and_comes_back() {
        let names = |entry: &KeyEntry| -> String {
            let names = entry.fields.iter().map(|(name, _)| name.as_str());
            names.collect::<Vec<_>>().join(" ")
        };
        let arn = "arn:aws:kms:eu-west-1:111122223333:key/k";
        for (kind, recipient, fields) in [
            (Kind::Age, "age1a", "enc recipient"),
            (
                Kind::Pgp,
                "85D77543B3D624B63CEA9E6DBC17301B491B3F21",
                "created_at enc fp",
            ),
            (Kind::AwsKms, arn, "arn aws_profile created_at enc"),
            (
                Kind::GcpKms,
                "projects/p/locations/global/keyRings/r/cryptoKeys/k",
                "created_at enc resource_id",
            ),
            (
                Kind::AzureKv,
                "https://v.vault.azure.net/keys/k/0123",
                "created_at enc name vault_url version",
            ),
            (
                Kind::AzureKv,
                "https://v.vault.azure.net/keys/keys/0123",
                "created_at enc name vault_url version",
            ),
            (
                Kind::Vault,
                "https://vault:8200/v1/team/transit/keys/k",
                "created_at enc engine_path key_name vault_address",
            ),
        ] {
            let entry = there_and_back(kind, recipient);
            assert_eq!(names(&entry), fields);
            assert_eq!(entry.recipient(), recipient);
        }
        let vault = there_and_back(Kind::Vault, "https://vault:8200/v1/team/transit/keys/k");
        assert_eq!(vault.text("engine_path"), Some("team/transit"));
    }

    #[test]
    fn role_context_and_profile_come_back() {
        let mut target = Target::new(Kind::AwsKms, "arn");
        target.extras = Extras {
            role: Some("role".to_owned()),
            context: vec![("app".to_owned(), "shop".to_owned())],
            profile: Some("team".to_owned()),
        };
        let key = target.wrapped("enc".to_owned());
        let entry = entry(&key, "now");
        assert_eq!(wrapped(std::slice::from_ref(&entry)), [key]);
    }
}
