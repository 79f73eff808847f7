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
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn whatever_is_taken_is_a_path_of_names(
            at in 0_usize..80,
            cut in 0_usize..4,
            piece in "[a-z0-9./:@?#%\\\\ \r\n\u{e9}_-]{0,6}",
        ) {
            let (start, end) = (at.min(KEY.len()), (at + cut).min(KEY.len()));
            let text = [&KEY[..start], &piece, &KEY[end..]].concat();
            if let Ok(resource) = Resource::parse(&text) {
                let key = resource.key();
                prop_assert_eq!(key.split('/').count(), 8);
                prop_assert!(key.split('/').all(|part| part.starts_with(|c: char| c.is_ascii_alphanumeric())));
                prop_assert!(!key.contains(['%', '#', '?', '\\', '@', ' ']) && key.is_ascii());
                // the operation stands behind the last colon
                prop_assert!(!key.split_once("/locations").unwrap().1.contains(':'));
            }
        }
    }
}
