//! What Azure refuses, in one line and with what to do about it.

use std::borrow::Cow;

use serde::Deserialize;

use crate::io::http::Response;
use crate::keys::azure_kv::key::KeyId;
use crate::keys::remote::{Reason, Refusal, quoted, said};
use crate::secret::Cleartext;

/// What a key was to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// To learn its current version.
    Get,
    /// To wrap.
    Encrypt,
    /// To unwrap.
    Decrypt,
}

impl Operation {
    /// Its name in the REST API, and that of the permission.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
        }
    }
}

/// Key Vault's errors ("REST API error codes").
#[derive(Deserialize)]
struct VaultError<'a> {
    #[serde(borrow)]
    error: VaultFault<'a>,
}

#[derive(Deserialize)]
struct VaultFault<'a> {
    #[serde(borrow, default)]
    code: Cow<'a, str>,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
    #[serde(borrow, default, rename = "innererror")]
    inner: Option<Inner<'a>>,
}

#[derive(Default, Deserialize)]
struct Inner<'a> {
    #[serde(borrow, default)]
    code: Cow<'a, str>,
}

/// Why a vault did not do what it was asked.
pub(super) fn vault(key: &KeyId, operation: Operation, response: &Response) -> Refusal {
    let fault = serde_json::from_slice::<VaultError<'_>>(response.body.as_bytes()).ok();
    let fault = fault.map(|known| known.error);
    let (code, inner, message) = fault.as_ref().map_or(("", "", ""), |fault| {
        let inner = fault.inner.as_ref().map_or("", |inner| inner.code.as_ref());
        (fault.code.as_ref(), inner, fault.message.as_ref())
    });
    let what = operation.name();
    let host = &key.host;
    let new = |reason, message: String| Refusal::new(reason, message);
    match (response.status, code, inner) {
        (401, ..) => new(
            Reason::BadCredentials,
            format!("{host} does not accept this login"),
        )
        .hint(
            "`az login` logs you in; AZURE_TENANT_ID must be the tenant that the vault belongs to",
        ),
        (403, _, "KeyDisabled" | "SecretDisabled") | (403, "KeyDisabled", _) => {
            disabled(key, "the key is disabled")
        }
        (403, _, "KeyExpired") => disabled(key, "the key has expired"),
        (403, _, "KeyNotYetValid") => disabled(key, "the key is not valid yet"),
        (403, _, "ForbiddenByFirewall" | "ForbiddenByConnection") => new(
            Reason::Denied,
            format!("the firewall of {host} does not let this machine in"),
        )
        .hint("ask for this network to be allowed in the vault's networking settings"),
        (403, "KeyOperationForbidden", _) | (403, _, "KeyOperationForbidden") => {
            disabled(key, &format!("the key may not be used to {what}"))
        }
        (403, ..) => new(
            Reason::Denied,
            format!("access denied (keys/{what} at {host})"),
        )
        .hint(format!(
            "ask for the role `Key Vault Crypto User`, or the key permission `{what}`"
        )),
        (404, ..) => new(
            Reason::NoKey,
            format!("{host} has no key `{}`{}", key.name, version(key)),
        )
        .hint("a key that was deleted can be had back for a while: `az keyvault key recover`"),
        (409, ..) => new(
            Reason::Disabled,
            format!(
                "the key is being changed or deleted{}",
                quoted(first_sentence(message))
            ),
        ),
        (400, ..) if operation == Operation::Decrypt => new(
            Reason::Mismatch,
            "what the file holds was not wrapped for this version of the key, or is damaged"
                .to_owned(),
        ),
        (400, ..) => new(
            Reason::Mismatch,
            format!(
                "{host} refuses to {what} with this key{}",
                quoted(first_sentence(message))
            ),
        )
        .hint("mvx needs an RSA key that may `encrypt` and `decrypt`"),
        (429 | 500..=599, ..) => new(
            Reason::Busy,
            format!("{host} is too busy (status {})", response.status),
        )
        .hint("try again in a minute"),
        (status, ..) => new(
            Reason::Garbage,
            format!(
                "{host} answered with status {status}{}",
                quoted(first_sentence(message))
            ),
        ),
    }
}

pub(super) fn disabled(key: &KeyId, what: &str) -> Refusal {
    Refusal::new(Reason::Disabled, format!("{what} ({})", key.host)).hint(format!(
        "`az keyvault key show --id https://{}/keys/{}` shows its state",
        key.host, key.name
    ))
}

fn version(key: &KeyId) -> String {
    let version = key.version.as_ref();
    version.map_or_else(String::new, |version| format!(" in the version {version}"))
}

/// The errors of an OAuth 2.0 token endpoint (RFC 6749, 5.2).
#[derive(Deserialize)]
struct LoginError<'a> {
    #[serde(borrow, default)]
    error: Cow<'a, str>,
    #[serde(borrow, default)]
    error_description: Cow<'a, str>,
}

/// Why no token was made for the credentials of `source`.
pub(super) fn login(source: &str, response: &Response) -> Refusal {
    if matches!(response.status, 429 | 500..=599) {
        return Refusal::new(
            Reason::Busy,
            format!("Azure's login is too busy (status {})", response.status),
        )
        .hint("try again in a minute");
    }
    let body = response.body.as_bytes();
    let Ok(fault) = serde_json::from_slice::<LoginError<'_>>(body) else {
        return Refusal::new(
            Reason::Garbage,
            format!("Azure's login answered with status {}", response.status),
        );
    };
    let words = said(first_sentence(&fault.error_description));
    let words = if words.is_empty() {
        said(&fault.error)
    } else {
        words
    };
    // "Microsoft Entra authentication and authorization error codes"
    let (reason, hint) = match entra_code(&fault.error_description) {
        "AADSTS7000222" => (
            Reason::Expired,
            "make a new secret: `az ad app credential reset`",
        ),
        "AADSTS7000215" => (
            Reason::BadCredentials,
            "AZURE_CLIENT_SECRET is the secret's value, not its id",
        ),
        "AADSTS700016" => (
            Reason::BadCredentials,
            "look at AZURE_CLIENT_ID and AZURE_TENANT_ID",
        ),
        "AADSTS90002" => (Reason::BadCredentials, "look at AZURE_TENANT_ID"),
        "AADSTS700024" => (
            Reason::Expired,
            "the federated token lives for a few minutes: have a new one made",
        ),
        "AADSTS70021" | "AADSTS700211" | "AADSTS700212" | "AADSTS700213" => (
            Reason::BadCredentials,
            "the application's federated credential must name this issuer, subject and audience",
        ),
        "AADSTS50173" | "AADSTS700082" => (Reason::Expired, "`az login` logs you in again"),
        _ => (
            Reason::BadCredentials,
            "look at AZURE_TENANT_ID and AZURE_CLIENT_ID, and what proves them",
        ),
    };
    Refusal::new(
        reason,
        format!("Azure refuses the login with {source}: {words}"),
    )
    .hint(hint)
}

/// Why a managed identity gave no token.
pub(super) fn managed_identity(response: &Response) -> Refusal {
    let fault = serde_json::from_slice::<LoginError<'_>>(response.body.as_bytes()).ok();
    let words = fault.map_or_else(String::new, |fault| {
        quoted(first_sentence(&fault.error_description))
    });
    let status = response.status;
    let refusal = |reason| {
        Refusal::new(
            reason,
            format!("the managed identity gave no token (status {status}{words})"),
        )
    };
    match status {
        429 | 500..=599 => refusal(Reason::Busy).hint("try again in a minute"),
        _ => refusal(Reason::NoCredentials)
            .hint("assign an identity to this machine; AZURE_CLIENT_ID names one of several"),
    }
}

/// Why `az` gave no token.
pub(super) fn az(stderr: &Cleartext, tenant: &str) -> Refusal {
    let text = String::from_utf8_lossy(stderr.as_bytes());
    let reason = if text.contains("AADSTS") {
        Reason::Expired
    } else {
        Reason::NoCredentials
    };
    let line = text.lines().find(|line| !line.trim().is_empty());
    let line = line.unwrap_or_default().trim();
    let line = line.strip_prefix("ERROR:").unwrap_or(line);
    let words = said(first_sentence(line));
    let message = if words.is_empty() {
        "`az` has no login".to_owned()
    } else {
        format!("`az` has no token for the vault: {words}")
    };
    Refusal::new(reason, message).hint(format!("`az login --tenant {tenant}` logs you in"))
}

fn entra_code(text: &str) -> &str {
    let start = text.find("AADSTS").unwrap_or(text.len());
    let code = text.get(start..).unwrap_or_default();
    let end = code
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(code.len());
    code.get(..end).unwrap_or_default()
}

/// The first sentence of what Entra says; ids of requests and times stand behind it.
fn first_sentence(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default();
    let end = line.find(". ").unwrap_or(line.len());
    let sentence = line.get(..end).unwrap_or(line);
    sentence.trim().trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::testing::answer;

    fn of(status: u16, body: &str) -> Refusal {
        let key = KeyId::parse("https://shop.vault.azure.net/keys/k/7").unwrap();
        vault(&key, Operation::Decrypt, &answer(status, body).unwrap())
    }

    #[test]
    fn every_refusal_of_a_vault_has_a_reason() {
        let inner = |code: &str| {
            format!(
                "{{\"error\":{{\"code\":\"Forbidden\",\"message\":\"No.\\r\\nCaller: x\",\"innererror\":{{\"code\":\"{code}\"}}}}}}"
            )
        };
        for (status, body, reason) in [
            (401, String::new(), Reason::BadCredentials),
            (403, inner("ForbiddenByRbac"), Reason::Denied),
            (403, inner("ForbiddenByFirewall"), Reason::Denied),
            (403, inner("KeyDisabled"), Reason::Disabled),
            (403, inner("KeyExpired"), Reason::Disabled),
            (403, String::new(), Reason::Denied),
            (404, inner("KeyNotFound"), Reason::NoKey),
            (
                400,
                "{\"error\":{\"code\":\"BadParameter\"}}".to_owned(),
                Reason::Mismatch,
            ),
            (409, String::new(), Reason::Disabled),
            (429, String::new(), Reason::Busy),
            (503, "<html>".to_owned(), Reason::Busy),
            (302, String::new(), Reason::Garbage),
        ] {
            let refusal = of(status, &body);
            assert_eq!(refusal.reason, reason, "{status} {body}");
            assert!(!refusal.message.contains('\n'));
        }
        assert_eq!(
            of(403, &inner("ForbiddenByRbac")).message,
            "access denied (keys/decrypt at shop.vault.azure.net)"
        );
    }

    #[test]
    fn what_entra_says_is_cut_to_its_first_sentence() {
        let body = "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000222: The provided client secret keys for app '1-2' are expired. Visit the portal. Trace ID: 7\\r\\nTimestamp: x\"}";
        let refusal = login("AZURE_CLIENT_SECRET", &answer(401, body).unwrap());
        assert_eq!(refusal.reason, Reason::Expired);
        assert_eq!(
            refusal.message,
            "Azure refuses the login with AZURE_CLIENT_SECRET: AADSTS7000222: The provided client secret keys for app '1-2' are expired"
        );
        assert_eq!(
            login("X", &answer(400, "<html>").unwrap()).reason,
            Reason::Garbage
        );
        assert_eq!(
            login("X", &answer(503, "<html>").unwrap()).reason,
            Reason::Busy
        );
    }
}
