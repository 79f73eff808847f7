//! What AWS refuses, in one line and with advice.

use serde::Deserialize;

use crate::io::http::Response;
use crate::keys::Extras;
use crate::keys::aws_kms::arn::Arn;
use crate::keys::remote::{Reason, Refusal, said};

/// What is asked of KMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// Wraps a key.
    Encrypt,
    /// Unwraps one.
    Decrypt,
}

impl Operation {
    /// Its name in the API and in policies.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Encrypt => "Encrypt",
            Self::Decrypt => "Decrypt",
        }
    }
}

/// An error as the JSON protocol has it.
#[derive(Deserialize)]
struct Fault {
    #[serde(rename = "__type", alias = "code")]
    kind: String,
    #[serde(default, alias = "Message")]
    message: Option<String>,
}

/// The name of the error in an answer: `AccessDeniedException`.
fn fault(response: &Response) -> Option<Fault> {
    let mut fault: Fault = serde_json::from_slice(response.body.as_bytes()).ok()?;
    if let Some((_, name)) = fault.kind.rsplit_once('#') {
        fault.kind = name.to_owned();
    }
    Some(fault)
}

/// Whether the service asks for patience: KMS says so with status 400.
pub(super) fn is_busy(response: &Response) -> bool {
    response.status == 429
        || (500..600).contains(&response.status)
        || fault(response).is_some_and(|fault| {
            matches!(
                fault.kind.as_str(),
                "ThrottlingException"
                    | "LimitExceededException"
                    | "RequestLimitExceeded"
                    | "TooManyRequestsException"
                    | "KMSInternalException"
                    | "DependencyTimeoutException"
            )
        })
}

/// Whether credentials are refused that may have been good when they were fetched.
pub(super) fn has_expired(response: &Response) -> bool {
    fault(response).is_some_and(|fault| {
        matches!(
            fault.kind.as_str(),
            "ExpiredTokenException" | "ExpiredToken"
        )
    })
}

/// Why KMS did not do it. Sources: "Common errors" and the errors of `Encrypt` and `Decrypt` in the
/// API reference of KMS.
pub(super) fn refused(
    operation: Operation,
    arn: &Arn,
    extras: &Extras,
    response: &Response,
) -> Refusal {
    let Some(Fault { kind, message }) = fault(response) else {
        return if is_busy(response) {
            busy(response.status)
        } else {
            garbage()
        };
    };
    let action = format!("kms:{}", operation.name());
    match kind.as_str() {
        "AccessDeniedException" | "AccessDenied" => {
            let who = message.as_deref().and_then(principal);
            let who = who.map(|who| format!(" for {who}")).unwrap_or_default();
            refusal(Reason::Denied, format!("access denied{who}: {action} is not allowed")).hint(
                format!("allow {action} on {} in the key's policy, or set AWS_PROFILE to who may; `aws sts get-caller-identity` shows who you are", arn.text),
            )
        }
        "DisabledException" => refusal(Reason::Disabled, "the key is disabled").hint(format!(
            "`aws kms enable-key --region {} --key-id {}` switches it on again",
            arn.region,
            arn.key_id.as_deref().unwrap_or(&arn.text)
        )),
        "KMSInvalidStateException" => refusal(
            Reason::Disabled,
            "the key cannot be used: it is being deleted, or has no key material",
        )
        .hint(format!(
            "`aws kms describe-key --region {} --key-id {}` says what is with it; `aws kms cancel-key-deletion` stops its deletion",
            arn.region, arn.text
        )),
        "NotFoundException" => refusal(Reason::NoKey, "there is no such key").hint(format!(
            "`aws kms list-keys --region {}` shows those of this account",
            arn.region
        )),
        "InvalidCiphertextException" => mismatch(extras),
        "IncorrectKeyException" => {
            refusal(Reason::Mismatch, "it was wrapped for another key than the file says")
        }
        "InvalidKeyUsageException" | "UnsupportedOperationException" => refusal(
            Reason::Mismatch,
            "the key is not one for encryption with a symmetric key",
        ),
        "InvalidGrantTokenException" | "InvalidArnException" | "ValidationException" => {
            let why = message.as_deref().map(said).unwrap_or_default();
            refusal(Reason::Malformed, format!("KMS does not accept the request: {why}"))
        }
        "ExpiredTokenException" | "ExpiredToken" => {
            refusal(Reason::Expired, "the session has expired").hint(log_in(extras))
        }
        "RequestExpired" | "RequestTimeTooSkewed" | "RequestInTheFuture" => refusal(
            Reason::BadCredentials,
            "the request counts as expired: this machine's clock is wrong",
        )
        .hint("set the clock: AWS allows five minutes"),
        "InvalidSignatureException" | "SignatureDoesNotMatch"
            if message.as_deref().is_some_and(|text| text.contains("expired")) =>
        {
            refusal(
                Reason::BadCredentials,
                "the signature counts as expired: this machine's clock is wrong",
            )
            .hint("set the clock: AWS allows five minutes")
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException" => {
            refusal(Reason::BadCredentials, "the credentials are not accepted")
                .hint(log_in(extras))
        }
        "OptInRequired" => refusal(Reason::Denied, "the account is not signed up for the region"),
        _ if is_busy(response) => busy(response.status),
        _ => {
            let why = message.as_deref().map(said).unwrap_or_default();
            refusal(Reason::Garbage, format!("KMS answered {}: {why}", said(&kind)))
        }
    }
}

fn refusal(reason: Reason, message: impl Into<String>) -> Refusal {
    Refusal::new(reason, message)
}

/// The ciphertext, or what it is authenticated with, is not what was wrapped.
fn mismatch(extras: &Extras) -> Refusal {
    let refusal = if extras.context.is_empty() {
        Refusal::new(
            Reason::Mismatch,
            "KMS does not take the wrapped key: it is damaged, or was wrapped with an encryption context",
        )
    } else {
        let names = extras.context.iter().map(|(name, _)| said(name));
        Refusal::new(
            Reason::Mismatch,
            format!(
                "KMS does not take the wrapped key with this encryption context ({})",
                said(&names.collect::<Vec<_>>().join(", "))
            ),
        )
    };
    refusal.hint("compare `context` in the file's `sops` block with its last good version: `git log -p FILE`")
}

/// There is nothing to sign with.
pub(super) fn no_credentials(extras: &Extras, why: &str) -> Refusal {
    let message = match (&extras.profile, why) {
        (Some(profile), "") => format!("no credentials in the profile `{}`", said(profile)),
        (None, "") => "this machine has no credentials for AWS".to_owned(),
        (Some(profile), why) => {
            format!("no credentials from the profile `{}`: {why}", said(profile))
        }
        (None, why) => format!("no credentials for AWS: {why}"),
    };
    Refusal::new(Reason::NoCredentials, message).hint(log_in(extras))
}

/// The role that the entry names cannot be assumed.
pub(super) fn no_role(role: &str, why: &str) -> Refusal {
    Refusal::new(
        Reason::Denied,
        format!("the role {} cannot be assumed: {why}", said(role)),
    )
    .hint(
        "its trust policy names who may assume it; `aws sts get-caller-identity` shows who you are",
    )
}

fn log_in(extras: &Extras) -> String {
    match &extras.profile {
        Some(profile) => format!(
            "`aws sso login --profile {}`, or renew its keys",
            said(profile)
        ),
        None => {
            "`aws sso login`, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                .to_owned()
        }
    }
}

fn busy(status: u16) -> Refusal {
    Refusal::new(
        Reason::Busy,
        format!("KMS is too busy or out of order (status {status}), also after several tries"),
    )
    .hint("try again in a minute")
}

/// An answer that cannot be understood.
pub(super) fn garbage() -> Refusal {
    Refusal::new(
        Reason::Garbage,
        "KMS answered with something that cannot be understood",
    )
    .hint("is there a proxy in between? look at HTTPS_PROXY and AWS_ENDPOINT_URL")
}

/// Who was refused, from `User: arn:aws:sts::…:assumed-role/x is not authorized to …`.
fn principal(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("User: ")?;
    let who = rest.split_whitespace().next()?;
    who.starts_with("arn:").then(|| said(who))
}
