//! Recipients: their kinds, and what their public keys look like.

use jiff::civil::Date;

use super::error::RulesError;
use super::node::Lined;

/// What opens a file for a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecipientKind {
    /// An age key: X25519, a plugin's, post-quantum.
    Age,
    /// An SSH key, by way of age.
    Ssh,
    /// A PGP key, by fingerprint.
    Pgp,
    /// A key of AWS KMS, by ARN.
    AwsKms,
    /// A key of Google Cloud KMS, by resource id.
    GcpKms,
    /// A key of Azure Key Vault, by URL.
    AzureKv,
    /// A transit key of Vault or `OpenBao`, by URL.
    Vault,
    /// A key of Huawei Cloud KMS, by `region:id`; from `.sops.yaml` alone.
    HuaweiKms,
}

/// One who can open a file, as the rules name them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientSpec {
    /// The name in the register; `None` from `.sops.yaml`, which has no names.
    pub name: Option<String>,
    /// What kind of key it is.
    pub kind: RecipientKind,
    /// The public key, ARN, resource id, fingerprint or URL.
    pub value: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// The last day of access, UTC. Nobody is left out because of it: whether that day is over is
    /// for a clock to say.
    pub expires: Option<Date>,
    /// What goes with an AWS KMS key.
    pub extras: Extras,
    /// The line on which it is declared, from 1.
    pub line: usize,
}

/// What goes with an AWS KMS key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// The role to assume.
    pub role: Option<String>,
    /// The encryption context, in the order of the file.
    pub context: Vec<(String, String)>,
    /// The profile of the AWS configuration.
    pub profile: Option<String>,
    /// An endpoint. **Not to be believed**: who can edit the rules could have data keys sent
    /// anywhere. It is kept so that a command can say so; the real one comes from the environment
    /// or the user's own configuration.
    pub unbelieved_endpoint: Option<String>,
}

impl RecipientSpec {
    /// How messages call it: its name, else its kind.
    pub fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.kind.field())
    }
}

impl RecipientKind {
    /// Its field in `[recipients.NAME]`, `hckms` for the one that has none there.
    pub fn field(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Ssh => "ssh",
            Self::Pgp => "pgp",
            Self::AwsKms => "aws_kms",
            Self::GcpKms => "gcp_kms",
            Self::AzureKv => "azure_kv",
            Self::Vault => "vault",
            Self::HuaweiKms => "hckms",
        }
    }

    /// The kinds that `.sops-rules.toml` knows.
    pub const NATIVE: [Self; 7] = [
        Self::Age,
        Self::Ssh,
        Self::Pgp,
        Self::AwsKms,
        Self::GcpKms,
        Self::AzureKv,
        Self::Vault,
    ];

    /// What a key of this kind looks like, for messages.
    fn looks_like(self) -> &'static str {
        match self {
            Self::Age => "an age recipient (`age1…`)",
            Self::Ssh => "an `ssh-ed25519 …` or `ssh-rsa …` public key",
            Self::Pgp => "the fingerprint of a PGP key (40 hexadecimal digits)",
            Self::AwsKms => "the ARN of a KMS key (`arn:aws:kms:REGION:ACCOUNT:key/ID`)",
            Self::GcpKms => {
                "the resource id of a KMS key (`projects/P/locations/L/keyRings/R/cryptoKeys/K`)"
            }
            Self::AzureKv => {
                "the URL of a Key Vault key (`https://VAULT.vault.azure.net/keys/NAME`)"
            }
            Self::Vault => "the URL of a transit key (`https://HOST/v1/transit/keys/NAME`)",
            Self::HuaweiKms => "the id of a KMS key (`REGION:ID`)",
        }
    }
}

/// What kind of key a text is, and the text without the blanks that do not belong to it; `None` for
/// what looks like none, and for the short ids of PGP keys, of which anybody can make another.
pub fn recognise(text: &str) -> Option<(RecipientKind, String)> {
    RecipientKind::NATIVE.into_iter().find_map(|kind| {
        let value = Lined {
            line: 0,
            value: text.to_owned(),
        };
        let checked = check(kind, &value).ok()?;
        let whole = kind != RecipientKind::Pgp || checked.len() >= 40;
        whole.then_some((kind, checked))
    })
}

/// Checks that `value` has the form of a key of this kind; the key itself is checked where it is
/// used. Returns it without the blanks that do not belong to it.
pub(super) fn check(kind: RecipientKind, value: &Lined<String>) -> Result<String, RulesError> {
    let text = value.value.trim();
    if text.contains("PRIVATE KEY") || text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
        return Err(RulesError::PrivateKey {
            line: value.line,
            field: kind.field(),
        });
    }
    let (sound, text) = match kind {
        RecipientKind::Pgp => {
            let text: String = text.split_whitespace().collect();
            let hex = text.strip_suffix('!').unwrap_or(&text);
            let hex = hex.strip_prefix("0x").unwrap_or(hex);
            let sound =
                (16..=64).contains(&hex.len()) && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
            (sound, text)
        }
        kind => (looks_right(kind, text), text.into()),
    };
    if sound {
        Ok(text)
    } else {
        Err(RulesError::BadKey {
            line: value.line,
            field: kind.field(),
            expected: kind.looks_like(),
        })
    }
}

fn looks_right(kind: RecipientKind, text: &str) -> bool {
    if text.chars().any(char::is_control) {
        return false;
    }
    match kind {
        // Bech32 (BIP 173): a prefix, the last `1`, then its alphabet, the last six a checksum.
        RecipientKind::Age => text.rsplit_once('1').is_some_and(|(prefix, data)| {
            (prefix == "age" || prefix.starts_with("age1"))
                && data.len() > 6
                && data
                    .bytes()
                    .all(|byte| b"qpzry9x8gf2tvdw0s3jn54khce6mua7l".contains(&byte))
        }),
        RecipientKind::Ssh => {
            let mut parts = text.split_ascii_whitespace();
            matches!(parts.next(), Some("ssh-ed25519" | "ssh-rsa"))
                && parts.next().is_some_and(|key| {
                    key.starts_with("AAAA")
                        && key
                            .bytes()
                            .all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
                })
        }
        RecipientKind::Pgp => false,
        RecipientKind::AwsKms => {
            let parts: Vec<&str> = text.splitn(6, ':').collect();
            matches!(parts.as_slice(), ["arn", partition, "kms", region, account, resource]
                if partition.starts_with("aws")
                    && !region.is_empty()
                    && !account.is_empty()
                    && (resource.starts_with("key/") || resource.starts_with("alias/")))
        }
        RecipientKind::GcpKms => {
            let parts: Vec<&str> = text.split('/').collect();
            matches!(
                parts.as_slice(),
                [
                    "projects",
                    _,
                    "locations",
                    _,
                    "keyRings",
                    _,
                    "cryptoKeys",
                    _
                ] | [
                    "projects",
                    _,
                    "locations",
                    _,
                    "keyRings",
                    _,
                    "cryptoKeys",
                    _,
                    "cryptoKeyVersions",
                    _
                ]
            ) && parts.iter().all(|part| !part.is_empty())
        }
        RecipientKind::AzureKv => url_path(text, &["https://"]).is_some_and(|path| {
            let parts: Vec<&str> = path.split('/').collect();
            matches!(parts.as_slice(), ["keys", name] | ["keys", name, _] if !name.is_empty())
        }),
        RecipientKind::Vault => url_path(text, &["https://", "http://"]).is_some_and(|path| {
            let parts: Vec<&str> = path.split('/').collect();
            matches!(parts.as_slice(), ["v1", .., mount, "keys", name]
                if !mount.is_empty() && !name.is_empty())
        }),
        RecipientKind::HuaweiKms => text
            .split_once(':')
            .is_some_and(|(region, id)| !region.is_empty() && !id.is_empty()),
    }
}

/// The path of a URL, without its first slash.
fn url_path<'a>(text: &'a str, schemes: &[&str]) -> Option<&'a str> {
    let rest = schemes
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))?;
    let (host, path) = rest.split_once('/')?;
    let sound = !host.is_empty() && !host.contains('@') && !text.contains(['?', '#', ' ']);
    sound.then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(kind: RecipientKind, text: &str) -> Result<String, String> {
        let value = Lined {
            line: 7,
            value: text.into(),
        };
        check(kind, &value).map_err(|error| error.to_string())
    }

    const SOUND: &[(RecipientKind, &str)] = &[
        (
            RecipientKind::Age,
            "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg",
        ),
        (RecipientKind::Age, "age1yubikey1q2w3e4r5t6y7u8"),
        (
            RecipientKind::Age,
            "age1pq1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq",
        ),
        (
            RecipientKind::Ssh,
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 ana@laptop",
        ),
        (RecipientKind::Ssh, "ssh-rsa AAAAB3NzaC1yc2E="),
        (
            RecipientKind::Pgp,
            "85D77543B3D624B63CEA9E6DBC17301B491B3F21!",
        ),
        (
            RecipientKind::AwsKms,
            "arn:aws-cn:kms:cn-north-1:111122223333:alias/mvx",
        ),
        (
            RecipientKind::GcpKms,
            "projects/p/locations/global/keyRings/r/cryptoKeys/k",
        ),
        (RecipientKind::AzureKv, "https://v.vault.azure.net/keys/k"),
        (
            RecipientKind::AzureKv,
            "https://v.vault.azure.net/keys/k/0123",
        ),
        (
            RecipientKind::Vault,
            "https://vault:8200/v1/team/transit/keys/k",
        ),
    ];

    #[test]
    fn keys_of_every_kind_are_taken() {
        for (kind, text) in SOUND {
            assert_eq!(checked(*kind, text).as_deref(), Ok(*text));
        }
        assert_eq!(
            checked(
                RecipientKind::Pgp,
                " 85D7 7543 B3D6 24B6 3CEA 9E6D BC17 301B 491B 3F21 "
            )
            .as_deref(),
            Ok("85D77543B3D624B63CEA9E6DBC17301B491B3F21")
        );
    }

    #[test]
    fn a_key_of_another_kind_is_refused_without_being_shown() {
        for (kind, text) in SOUND {
            for other in RecipientKind::NATIVE
                .into_iter()
                .filter(|other| other != kind)
            {
                let error = checked(other, text).unwrap_err();
                assert!(error.starts_with("line 7: "), "{error}");
                assert!(!error.contains(text), "{error}");
            }
        }
    }

    #[test]
    fn what_only_resembles_a_key_is_refused() {
        for (kind, text) in [
            (RecipientKind::Age, "age1"),
            (RecipientKind::Age, "age1bio"),
            (
                RecipientKind::Age,
                "AGE1LGGYHQRW2NLHCXPRM67Z43RTA597AZN8GKNAWJEHU9D9DL0JQ3YQQVFAFG",
            ),
            (RecipientKind::Age, "agelggyhqrw2nlhcxprm67z43rta"),
            (RecipientKind::Ssh, "ssh-ed25519"),
            (RecipientKind::Ssh, "ecdsa-sha2-nistp256 AAAA"),
            (RecipientKind::Ssh, "ssh-rsa AAAA\nssh-rsa AAAA"),
            (RecipientKind::Pgp, "ana@example.com"),
            (RecipientKind::AwsKms, "arn:aws:s3:::bucket"),
            (
                RecipientKind::GcpKms,
                "projects//locations/l/keyRings/r/cryptoKeys/k",
            ),
            (RecipientKind::AzureKv, "http://v.vault.azure.net/keys/k"),
            (RecipientKind::Vault, "https://u:p@vault/v1/transit/keys/k"),
            (RecipientKind::Vault, "https://vault/v1/keys/k"),
        ] {
            assert!(checked(kind, text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_private_key_is_named_as_one_and_not_shown() {
        for text in [
            "AGE-SECRET-KEY-1INVENTED",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
        ] {
            assert_eq!(
                checked(RecipientKind::Age, text).unwrap_err(),
                "line 7: `age` holds a private key"
            );
        }
    }
}
