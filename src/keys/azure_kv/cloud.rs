//! Azure's clouds: where their vaults stand, and where one logs in to them.

/// One of Azure's clouds. The names of its hosts are all that mvx believes about where a token or a
/// data key may go.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cloud {
    /// What the names of its vaults and managed HSMs end with; tokens are made for these names.
    domains: [&'static str; 2],
    /// Where it makes tokens; the first is the one that `AZURE_AUTHORITY_HOST` stands for.
    logins: &'static [&'static str],
}

/// Sources: the DNS suffixes of "About keys, secrets and certificates" in Key Vault's
/// documentation, and the authorities of "National clouds" in Microsoft Entra's.
static CLOUDS: [Cloud; 4] = [
    Cloud {
        domains: ["vault.azure.net", "managedhsm.azure.net"],
        logins: &[
            "login.microsoftonline.com",
            "login.windows.net",
            "login.microsoft.com",
            "sts.windows.net",
        ],
    },
    Cloud {
        domains: ["vault.usgovcloudapi.net", "managedhsm.usgovcloudapi.net"],
        logins: &["login.microsoftonline.us", "login-us.microsoftonline.com"],
    },
    Cloud {
        domains: ["vault.azure.cn", "managedhsm.azure.cn"],
        logins: &["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"],
    },
    Cloud {
        domains: ["vault.microsoftazure.de", "managedhsm.microsoftazure.de"],
        logins: &["login.microsoftonline.de"],
    },
];

impl Cloud {
    /// The cloud of a vault's host, in lower case, and the domain it stands in: `LABEL.DOMAIN`, with
    /// one label and nothing else.
    pub(super) fn of_vault(host: &str) -> Option<(&'static Self, &'static str)> {
        let (label, domain) = host.split_once('.')?;
        let sound = (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !sound {
            return None;
        }
        CLOUDS.iter().find_map(|cloud| {
            let known = cloud.domains.into_iter().find(|known| *known == domain)?;
            Some((cloud, known))
        })
    }

    /// The login host of this name, if it is one of this cloud.
    pub(super) fn login(&self, host: &str) -> Option<&'static str> {
        let mut logins = self.logins.iter();
        logins
            .find(|known| known.eq_ignore_ascii_case(host))
            .copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vaults_stand_in_azures_domains_and_nowhere_else() {
        for (host, domain) in [
            ("shop.vault.azure.net", "vault.azure.net"),
            ("shop-7.managedhsm.azure.net", "managedhsm.azure.net"),
            ("shop.vault.azure.cn", "vault.azure.cn"),
            ("shop.vault.usgovcloudapi.net", "vault.usgovcloudapi.net"),
            ("shop.vault.microsoftazure.de", "vault.microsoftazure.de"),
            ("xn--bcher-kva.vault.azure.net", "vault.azure.net"),
        ] {
            assert_eq!(Cloud::of_vault(host).unwrap().1, domain, "{host}");
        }
        for host in [
            "vault.azure.net",
            ".vault.azure.net",
            "a.b.vault.azure.net",
            "shop.vault.azure.net.",
            "shop.vault.azure.net.evil.com",
            "shop.evilvault.azure.net",
            "evil.com",
            "shopvault.azure.net",
            "shop.vault.azure.net:443",
            "u@shop.vault.azure.net",
            "shop.vault.azure.com",
            "-shop.vault.azure.net",
            "sh_op.vault.azure.net",
            "sh%2eop.vault.azure.net",
            "ѕhop.vault.azure.net",
            "127.0.0.1",
            "",
        ] {
            assert!(Cloud::of_vault(host).is_none(), "{host}");
        }
    }

    #[test]
    fn a_cloud_has_logins_of_its_own() {
        let (public, _) = Cloud::of_vault("shop.vault.azure.net").unwrap();
        let (china, _) = Cloud::of_vault("shop.vault.azure.cn").unwrap();
        assert_eq!(
            public.login("Login.MicrosoftOnline.com"),
            Some("login.microsoftonline.com")
        );
        assert!(china.login("login.microsoftonline.com").is_none());
        assert!(china.login("login.chinacloudapi.cn").is_some());
        assert!(public.login("login.microsoftonline.com.evil.com").is_none());
        assert!(public.login("login.microsoftonline.com:444").is_none());
    }
}
