//! The address of a key in Key Vault.

use crate::keys::azure_kv::cloud::Cloud;
use crate::keys::remote::{Reason, Refusal};

/// `https://VAULT/keys/NAME[/VERSION]`, checked: nothing in it leads to a host that is not Azure's, or
/// to another path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyId {
    /// The vault's host, in lower case.
    pub(super) host: String,
    /// The domain that the vault stands in: what tokens for it are made for.
    pub(super) domain: &'static str,
    /// The cloud that it belongs to.
    pub(super) cloud: &'static Cloud,
    /// The key's name.
    pub(super) name: String,
    /// The version; the current one where it is not named.
    pub(super) version: Option<String>,
}

/// The longest name and version, in characters (Key Vault's own limits are 127 and 32).
const MOST_NAME: usize = 127;
const MOST_VERSION: usize = 64;

impl KeyId {
    /// Takes a recipient's text apart.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let malformed = || {
            Refusal::new(Reason::Malformed, "this is no key of Azure Key Vault")
                .hint("a key is `https://VAULT.vault.azure.net/keys/NAME`, its version behind it")
        };
        let rest = text.strip_prefix("https://").ok_or_else(malformed)?;
        let (host, path) = rest.split_once('/').ok_or_else(malformed)?;
        let host = host.to_ascii_lowercase();
        // sops keeps a vault's address with a slash at its end, where it was given so
        let path = path.strip_prefix('/').unwrap_or(path);
        let (name, version) = match path.split('/').collect::<Vec<_>>().as_slice() {
            ["keys", name] | ["keys", name, ""] => (*name, None),
            ["keys", name, version] => (*name, Some(*version)),
            _ => return Err(malformed()),
        };
        let is_name = |text: &str, most: usize| {
            (1..=most).contains(&text.len())
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !is_name(name, MOST_NAME)
            || version.is_some_and(|version| !is_name(version, MOST_VERSION))
        {
            return Err(malformed());
        }
        let Some((cloud, domain)) = Cloud::of_vault(&host) else {
            return Err(Refusal::new(
                Reason::NotBelieved,
                "the vault's host is none of Azure's: nothing is sent there",
            )
            .hint("Azure's vaults are `NAME.vault.azure.net`, and `NAME.managedhsm.azure.net`, or their like in a national cloud"));
        };
        Ok(Self {
            host,
            domain,
            cloud,
            name: name.to_owned(),
            version: version.map(str::to_owned),
        })
    }

    /// The same key in this version.
    pub(super) fn at(&self, version: String) -> Self {
        Self {
            version: Some(version),
            ..self.clone()
        }
    }

    /// Where it is asked about, or for what its `operation` does.
    pub(super) fn url(&self, operation: &str) -> String {
        let mut url = format!("https://{}/keys/{}", self.host, self.name);
        for part in [self.version.as_deref().unwrap_or_default(), operation] {
            if !part.is_empty() {
                url.push('/');
                url.push_str(part);
            }
        }
        format!("{url}?api-version={API_VERSION}")
    }
}

/// The version of the REST API: the oldest in use, which every cloud has.
const API_VERSION: &str = "7.4";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::http::Request;
    use proptest::prelude::*;

    #[test]
    fn a_key_is_taken_apart() {
        let key = KeyId::parse("https://Shop.Vault.azure.net/keys/sops-key/0123abc").unwrap();
        assert_eq!(key.host, "shop.vault.azure.net");
        assert_eq!(key.domain, "vault.azure.net");
        assert_eq!(key.name, "sops-key");
        assert_eq!(
            key.url("decrypt"),
            "https://shop.vault.azure.net/keys/sops-key/0123abc/decrypt?api-version=7.4"
        );
        let key = KeyId::parse("https://shop.vault.azure.net//keys/k/").unwrap();
        assert_eq!(key.version, None);
        assert_eq!(
            key.url(""),
            "https://shop.vault.azure.net/keys/k?api-version=7.4"
        );
        assert_eq!(key.at("7".to_owned()).version.as_deref(), Some("7"));
    }

    #[test]
    fn nothing_leads_elsewhere() {
        for (text, reason) in [
            ("", Reason::Malformed),
            ("https://", Reason::Malformed),
            ("http://shop.vault.azure.net/keys/k", Reason::Malformed),
            ("HTTPS://shop.vault.azure.net/keys/k", Reason::Malformed),
            (" https://shop.vault.azure.net/keys/k", Reason::Malformed),
            ("https://shop.vault.azure.net/secrets/k", Reason::Malformed),
            ("https://shop.vault.azure.net/keys", Reason::Malformed),
            ("https://shop.vault.azure.net/keys/", Reason::Malformed),
            ("https://shop.vault.azure.net/keys//7", Reason::Malformed),
            ("https://shop.vault.azure.net/keys/k/7/8", Reason::Malformed),
            ("https://shop.vault.azure.net///keys/k", Reason::Malformed),
            ("https://shop.vault.azure.net/keys/..", Reason::Malformed),
            ("https://shop.vault.azure.net/keys/k?x=y", Reason::Malformed),
            ("https://shop.vault.azure.net/keys/k#x", Reason::Malformed),
            ("https://shop.vault.azure.net/keys/k%2f7", Reason::Malformed),
            (
                "https://shop.vault.azure.net/keys/k\r\nx",
                Reason::Malformed,
            ),
            (
                "https://shop.vault.azure.net\\@evil.com/keys/k",
                Reason::NotBelieved,
            ),
            (
                "https://shop.vault.azure.net@evil.com/keys/k",
                Reason::NotBelieved,
            ),
            (
                "https://evil.com@shop.vault.azure.net/keys/k",
                Reason::NotBelieved,
            ),
            (
                "https://evil.com#shop.vault.azure.net/keys/k",
                Reason::NotBelieved,
            ),
            (
                "https://evil.com?shop.vault.azure.net/keys/k",
                Reason::NotBelieved,
            ),
            (
                "https://shop.vault.azure.net:8443/keys/k",
                Reason::NotBelieved,
            ),
            ("https://shop.vault.azure.net./keys/k", Reason::NotBelieved),
            (
                "https://shop.vault.azure.net.evil.com/keys/k",
                Reason::NotBelieved,
            ),
            ("https://vault.azure.net/keys/k", Reason::NotBelieved),
            ("https://127.0.0.1/keys/k", Reason::NotBelieved),
            ("https://[::1]/keys/k", Reason::NotBelieved),
            ("https:///keys/k", Reason::NotBelieved),
        ] {
            assert_eq!(KeyId::parse(text).unwrap_err().reason, reason, "{text}");
        }
        let long = format!("https://shop.vault.azure.net/keys/{}", "k".repeat(128));
        assert_eq!(KeyId::parse(&long).unwrap_err().reason, Reason::Malformed);
    }

    proptest! {
        #[test]
        fn whatever_is_taken_stays_in_its_vault(
            at in 0_usize..60,
            cut in 0_usize..4,
            piece in "[a-zA-Z0-9./:@?#%\\\\ \r\n\u{e9}-]{0,6}",
        ) {
            let good = "https://shop.vault.azure.net/keys/sops-key/0123";
            let (start, end) = (at.min(good.len()), (at + cut).min(good.len()));
            let text = [&good[..start], &piece, &good[end..]].concat();
            if let Ok(key) = KeyId::parse(&text) {
                let url = key.url("decrypt");
                let request = Request::new("POST", &*url);
                prop_assert!(request.host().ends_with(".vault.azure.net"), "{}", url);
                prop_assert!(url.ends_with("/decrypt?api-version=7.4"));
                let (_, path) = url.split_once("azure.net/").unwrap();
                prop_assert!(path.starts_with("keys/") && !path.contains(['%', '#', '\\']), "{}", url);
                prop_assert_eq!(url.matches('?').count(), 1);
            }
        }
    }
}
