//! The name of a key in Cloud KMS.

use crate::keys::remote::{Reason, Refusal};

/// `projects/P/locations/L/keyRings/R/cryptoKeys/K[/cryptoKeyVersions/V]`, checked: as part of a URL it
/// leads to no other path and to no other host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resource {
    key: String,
    version: Option<String>,
}

/// The longest part of a name, in characters; Cloud KMS ends at 63 itself.
const MOST: usize = 100;

impl Resource {
    /// Takes a recipient's text apart.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let parts: Vec<&str> = text.split('/').collect();
        let sound = match parts.as_slice() {
            [
                "projects",
                project,
                "locations",
                location,
                "keyRings",
                ring,
                "cryptoKeys",
                key,
                rest @ ..,
            ] => {
                // `example.com:project` is one of an old organisation
                is_name(project, ".:")
                    && [location, ring, key].iter().all(|part| is_name(part, ""))
                    && match rest {
                        [] => true,
                        ["cryptoKeyVersions", version] => {
                            is_name(version, "")
                                && version.bytes().all(|byte| byte.is_ascii_digit())
                        }
                        _ => false,
                    }
            }
            _ => false,
        };
        if !sound {
            return Err(
                Refusal::new(Reason::Malformed, "this is no key of Cloud KMS").hint(
                    "a key is `projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY`",
                ),
            );
        }
        Ok(Self {
            key: parts.get(..8).unwrap_or_default().join("/"),
            version: parts.get(9).map(|version| (*version).to_owned()),
        })
    }

    /// The key, without a version: what decrypts finds the version in the ciphertext.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The key, in the version that was named.
    pub(super) fn versioned(&self) -> String {
        match &self.version {
            Some(version) => format!("{}/cryptoKeyVersions/{version}", self.key),
            None => self.key.clone(),
        }
    }
}

/// Letters, digits, `-`, `_` and what stands in `more`; the first one a letter or digit.
fn is_name(text: &str, more: &str) -> bool {
    (1..=MOST).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || more.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "projects/shop-7/locations/europe-west1/keyRings/r_1/cryptoKeys/k";

    #[test]
    fn a_key_and_its_version_are_told_apart() {
        let resource = Resource::parse(KEY).unwrap();
        assert_eq!((resource.key(), resource.versioned().as_str()), (KEY, KEY));
        let text = format!("{KEY}/cryptoKeyVersions/12");
        let resource = Resource::parse(&text).unwrap();
        assert_eq!((resource.key(), resource.versioned()), (KEY, text));
        let old = KEY.replace("shop-7", "example.com:shop");
        assert_eq!(Resource::parse(&old).unwrap().key(), old);
    }

    #[test]
    fn nothing_leads_elsewhere() {
        let long = "k".repeat(MOST + 1);
        for part in [
            "",
            ".",
            "..",
            "%2e%2e",
            "k:decrypt",
            "k?x=y",
            "k#x",
            "k x",
            "k\r\nx",
            "k\\x",
            "@evil.com",
            "-k",
            "_k",
            "ключ",
            "k;x",
            &long,
        ] {
            for (from, to) in [
                ("keyRings/r_1", format!("keyRings/{part}")),
                ("cryptoKeys/k", format!("cryptoKeys/{part}")),
                ("locations/europe-west1", format!("locations/{part}")),
                (
                    "cryptoKeys/k",
                    format!("cryptoKeys/k/cryptoKeyVersions/{part}"),
                ),
            ] {
                let text = KEY.replace(from, &to);
                let refusal = Resource::parse(&text).unwrap_err();
                assert_eq!(refusal.reason, Reason::Malformed, "{text}");
            }
        }
        for text in [
            "",
            "projects/p",
            "https://evil.com/projects/p/locations/l/keyRings/r/cryptoKeys/k",
            "/projects/p/locations/l/keyRings/r/cryptoKeys/k",
            "projects/p/locations/l/keyRings/r/cryptoKeys/k/",
            "projects/../locations/l/keyRings/r/cryptoKeys/k",
            "projects/.:p/locations/l/keyRings/r/cryptoKeys/k",
            "projects/p/locations/l/keyRings/r/cryptoKeys/k/other/1",
            "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1/x",
            "Projects/p/locations/l/keyRings/r/cryptoKeys/k",
        ] {
            assert!(Resource::parse(text).is_err(), "{text}");
        }
    }
}
