//! What a server's answers mean.

use serde_json::Value;
use zeroize::Zeroizing;

use super::address::TransitKey;
use crate::io::http::Response;
use crate::keys::remote::{Reason, Refusal, said};

/// What is asked of a transit key. Source: the API reference of the transit engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// A data key is wrapped.
    Encrypt,
    /// It is unwrapped.
    Decrypt,
    /// It is wrapped with the newest version, inside of the server.
    Rewrap,
}

impl Operation {
    /// Its part of the path.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
            Self::Rewrap => "rewrap",
        }
    }

    /// The field that is sent, and the one that comes back.
    pub(super) fn fields(self) -> (&'static str, &'static str) {
        match self {
            Self::Encrypt => ("plaintext", "ciphertext"),
            Self::Decrypt => ("ciphertext", "plaintext"),
            Self::Rewrap => ("ciphertext", "ciphertext"),
        }
    }
}

/// Whether asking again may help: a server that is sealed stays so until somebody opens it. 412 is
/// a replica that has yet to hear of the token.
pub(super) fn is_busy(response: &Response) -> bool {
    match response.status {
        412 | 429 => true,
        503 => !errors(response).iter().any(|line| line.contains("sealed")),
        status => (500..600).contains(&status),
    }
}

/// The field that an operation answers with.
pub(super) fn field(
    response: &Response,
    operation: Operation,
) -> Result<Zeroizing<String>, Refusal> {
    let garbage = || {
        let message = "the server answered with something that is not the transit engine's";
        Refusal::new(Reason::Garbage, message)
    };
    let (_, name) = operation.fields();
    let text = response.body.as_str().ok_or_else(garbage)?;
    let mut whole: Value = serde_json::from_str(text).map_err(|_| garbage())?;
    let field = whole.get_mut("data").and_then(|data| data.get_mut(name));
    match field.map(Value::take) {
        Some(Value::String(text)) => Ok(Zeroizing::new(text)),
        _ => Err(garbage()),
    }
}

/// Why a server did not do what it was asked, from an answer that is no success.
pub(super) fn refusal(response: &Response, operation: Operation, key: &TransitKey) -> Refusal {
    let errors = errors(response);
    let has = |words: &[&str]| {
        let mut lines = errors.iter();
        lines.any(|line| words.iter().any(|word| line.contains(word)))
    };
    let path = key.path(operation.path());
    let engine = &key.engine;
    let name = &key.name;
    match response.status {
        400 if has(&["too old"]) => Refusal::new(
            Reason::Disabled,
            "the key's min_decryption_version no longer allows the version that it was wrapped with",
        )
        .hint(format!(
            "`bao write {engine}/keys/{name}/config min_decryption_version=1` (or `vault write`) allows it again; then `mvx rekey --rewrap`"
        )),
        400 if has(&["key not found", "no existing key"]) => {
            Refusal::new(Reason::NoKey, format!("there is no key `{name}` in {engine}"))
                .hint(format!("`bao list {engine}/keys` (or `vault list`) shows those that are there"))
        }
        400 if has(&["invalid ciphertext", "authentication failed", "too new", "decrypt"]) => {
            Refusal::new(
                Reason::Mismatch,
                format!("the key `{name}` did not wrap this: it is another one, or was made anew"),
            )
        }
        400 => Refusal::new(Reason::Mismatch, with(&errors, "the server refused the request")),
        401 | 403 if has(&["invalid token", "bad token", "expired"]) => {
            Refusal::new(Reason::Expired, "the token is not valid, or has expired").hint(LOG_IN)
        }
        401 | 403 => Refusal::new(Reason::Denied, format!("permission denied (update on {path})"))
            .hint(format!(
                "the token's policy needs: path \"{path}\" {{ capabilities = [\"update\"] }}"
            ))
            .hint(format!("if the token is not valid any more: {LOG_IN}")),
        404 if has(&["namespace"]) => {
            Refusal::new(Reason::NoKey, "there is no such namespace")
                .hint("VAULT_NAMESPACE (or BAO_NAMESPACE) names it")
        }
        404 | 405 => Refusal::new(Reason::NoKey, format!("there is no transit engine at {engine}"))
            .hint("`bao secrets list` (or `vault secrets list`) shows the engines; VAULT_NAMESPACE names a namespace"),
        503 if has(&["sealed"]) => Refusal::new(Reason::Disabled, "the server is sealed")
            .hint("`bao operator unseal` (or `vault operator unseal`) opens it"),
        301..=399 => Refusal::new(
            Reason::Network,
            "the server sends on to another address, where no token is sent",
        )
        .hint("name the address of the active server in the rules"),
        // those of a standby, where a load balancer passes them on
        472 | 473 => Refusal::new(Reason::Busy, "the server is a standby that answers nothing"),
        412 | 429 | 500..=599 => {
            let message = format!("the server cannot answer now (status {})", response.status);
            Refusal::new(Reason::Busy, with(&errors, &message))
        }
        status => Refusal::new(
            Reason::Garbage,
            with(&errors, &format!("the server answered with status {status}")),
        ),
    }
}

/// How a token is had.
pub(super) const LOG_IN: &str = "`vault login` or `bao login` makes a new one";

/// The first of the server's own words, behind mvx's.
fn with(errors: &[String], message: &str) -> String {
    match errors.first() {
        Some(line) => format!("{message}: {}", said(line)),
        None => message.to_owned(),
    }
}

/// The lines of an answer's `errors`.
fn errors(response: &Response) -> Vec<String> {
    let text = response.body.as_str().unwrap_or_default();
    let whole: Value = serde_json::from_str(text).unwrap_or_default();
    let lines = whole.get("errors").and_then(Value::as_array);
    let lines = lines.into_iter().flatten().filter_map(Value::as_str);
    lines.map(str::to_owned).collect()
}
