//! What a vault answers to a request without a token: who makes tokens for it (RFC 6750, 3).

use crate::io::http::Response;
use crate::keys::azure_kv::cloud::Cloud;
use crate::keys::azure_kv::key::KeyId;
use crate::keys::remote::{Reason, Refusal};

/// Where a token for a vault is to be had, checked against Azure's own names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    /// The cloud.
    pub(super) cloud: &'static Cloud,
    /// The login host.
    pub(super) login: &'static str,
    /// The tenant that the vault belongs to.
    pub(super) tenant: String,
    /// What the token is made for, without `https://`: a cloud's domain of vaults.
    pub(super) domain: &'static str,
}

impl Challenge {
    /// Reads the answer to a request for `key`. The authority must be a login of the vault's own
    /// cloud, and the token that is wanted one for the vault's own domain.
    pub(super) fn read(key: &KeyId, response: &Response) -> Result<Self, Refusal> {
        let garbage = || {
            Refusal::new(
                Reason::Garbage,
                format!("{} does not say how one logs in", key.host),
            )
        };
        let mut headers = response.headers.iter();
        let header = headers
            .find_map(|(name, value)| {
                let is_it = name.eq_ignore_ascii_case("www-authenticate");
                is_it.then(|| bearer(value)).flatten()
            })
            .ok_or_else(garbage)?;
        let parameters = parameters(header).ok_or_else(garbage)?;
        let one = |names: &[&str]| {
            let mut found = parameters
                .iter()
                .filter(|(name, _)| names.iter().any(|known| name.eq_ignore_ascii_case(known)))
                .map(|(_, value)| value.as_str());
            let first = found.next();
            // two that differ: which of them would be meant?
            (found.all(|other| Some(other) == first)).then_some(first)
        };
        let authority = one(&["authorization", "authorization_uri"])
            .flatten()
            .ok_or_else(garbage)?;
        let (login, tenant) = authority_of(key, authority).ok_or_else(|| {
            Refusal::new(
                Reason::NotBelieved,
                format!(
                    "{} names a login that is none of its cloud's: nothing is sent there",
                    key.host
                ),
            )
        })?;
        let scope = one(&["scope"]).ok_or_else(garbage)?;
        let resource = one(&["resource"]).ok_or_else(garbage)?;
        let wanted: Vec<&str> = scope.into_iter().chain(resource).collect();
        if wanted.is_empty() {
            return Err(garbage());
        }
        if !wanted.iter().all(|wanted| is_for(wanted, key.domain)) {
            return Err(Refusal::new(
                Reason::NotBelieved,
                format!(
                    "{} asks for a token that is meant for another service",
                    key.host
                ),
            ));
        }
        Ok(Self {
            cloud: key.cloud,
            login,
            tenant,
            domain: key.domain,
        })
    }
}

/// Whether `text` is a tenant: its id, or a domain's name.
pub(super) fn is_tenant(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !text.contains("..")
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

/// `https://LOGIN/TENANT`, where the login is one of the vault's own cloud.
fn authority_of(key: &KeyId, text: &str) -> Option<(&'static str, String)> {
    let rest = text.strip_prefix("https://")?;
    let (host, path) = rest.split_once('/')?;
    let tenant = path.strip_suffix('/').unwrap_or(path);
    let login = key.cloud.login(host)?;
    is_tenant(tenant).then(|| (login, tenant.to_owned()))
}

/// Whether a scope or resource stands for the services of `domain`.
fn is_for(text: &str, domain: &str) -> bool {
    let text = text.strip_suffix("/.default").unwrap_or(text);
    let text = text.strip_suffix('/').unwrap_or(text);
    text.strip_prefix("https://") == Some(domain)
}

/// What stands behind `Bearer`.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, rest) = header.trim_start().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(rest)
}

/// `name="value", name=value`; `None` where it is something else.
fn parameters(text: &str) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let value;
        (value, rest) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        found.push((name.trim().to_owned(), value.trim().to_owned()));
        rest = rest.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(more) => more.trim_start(),
            None if rest.is_empty() => rest,
            None => return None,
        };
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Cleartext;

    fn read(host: &str, header: &str) -> Result<Challenge, Reason> {
        let key = KeyId::parse(&format!("https://{host}/keys/k")).unwrap();
        let response = Response {
            status: 401,
            headers: vec![
                ("www-authenticate".to_owned(), "Negotiate".to_owned()),
                ("www-authenticate".to_owned(), header.to_owned()),
            ],
            body: Cleartext::default(),
        };
        Challenge::read(&key, &response).map_err(|refusal| refusal.reason)
    }

    const TENANT: &str = "8f0ce0f1-0000-4000-8000-000000000001";

    #[test]
    fn challenges_of_azure_are_understood() {
        for (host, header) in [
            (
                "shop.vault.azure.net",
                format!(
                    "Bearer authorization=\"https://login.microsoftonline.com/{TENANT}\", resource=\"https://vault.azure.net\""
                ),
            ),
            (
                "shop.vault.azure.net",
                format!(
                    "bearer authorization_uri=https://login.windows.net/{TENANT}/,scope=\"https://vault.azure.net/.default\""
                ),
            ),
            (
                "shop.managedhsm.azure.net",
                format!(
                    "Bearer authorization=\"https://login.microsoftonline.com/{TENANT}\", resource=\"https://managedhsm.azure.net/\""
                ),
            ),
            (
                "shop.vault.azure.cn",
                format!(
                    "Bearer authorization=\"https://login.chinacloudapi.cn/{TENANT}\", resource=\"https://vault.azure.cn\""
                ),
            ),
        ] {
            let challenge = read(host, &header).unwrap();
            assert_eq!(challenge.tenant, TENANT);
            assert!(host.ends_with(challenge.domain));
        }
    }

    #[test]
    fn a_challenge_that_leads_elsewhere_is_refused() {
        let resource = "resource=\"https://vault.azure.net\"";
        for authority in [
            "https://login.evil.com/t",
            "https://login.microsoftonline.com.evil.com/t",
            "https://login.microsoftonline.com@evil.com/t",
            "https://evil.com/login.microsoftonline.com/t",
            "https://login.microsoftonline.com:444/t",
            "http://login.microsoftonline.com/t",
            // another cloud's
            "https://login.microsoftonline.us/t",
            "https://login.microsoftonline.com/",
            "https://login.microsoftonline.com",
            "https://login.microsoftonline.com/../t",
            "https://login.microsoftonline.com/a/b",
            "https://login.microsoftonline.com/t?x=y",
            "https://login.microsoftonline.com/--t",
        ] {
            let header = format!("Bearer authorization=\"{authority}\", {resource}");
            assert_eq!(
                read("shop.vault.azure.net", &header),
                Err(Reason::NotBelieved),
                "{authority}"
            );
        }
        for resource in [
            "https://management.azure.com",
            "https://vault.azure.net.evil.com",
            "https://evilvault.azure.net",
            "https://managedhsm.azure.net",
            "https://azure.net",
            "vault.azure.net",
            "",
        ] {
            let header = format!(
                "Bearer authorization=\"https://login.microsoftonline.com/t\", resource=\"{resource}\""
            );
            assert_eq!(
                read("shop.vault.azure.net", &header),
                Err(Reason::NotBelieved),
                "{resource}"
            );
        }
        // one of two is sound
        let header = "Bearer authorization=\"https://login.microsoftonline.com/t\", resource=\"https://vault.azure.net\", scope=\"https://graph.microsoft.com/.default\"";
        assert_eq!(
            read("shop.vault.azure.net", header),
            Err(Reason::NotBelieved)
        );
    }

    #[test]
    fn what_is_no_challenge_is_garbage() {
        for header in [
            "",
            "Bearer",
            "Bearer ",
            "Basic realm=\"x\"",
            "Bearer authorization",
            "Bearer authorization=\"https://login.microsoftonline.com/t",
            "Bearer authorization=\"https://login.microsoftonline.com/t\"",
            "Bearer resource=\"https://vault.azure.net\"",
            "Bearer authorization=\"https://login.microsoftonline.com/t\" resource=\"https://vault.azure.net\"",
            "Bearer authorization=\"https://login.microsoftonline.com/t\", authorization=\"https://login.windows.net/t\", resource=\"https://vault.azure.net\"",
        ] {
            assert_eq!(
                read("shop.vault.azure.net", header),
                Err(Reason::Garbage),
                "{header}"
            );
        }
    }
}
