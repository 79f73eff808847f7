//! What AWS refuses, in one line and with what to do about it.

use std::borrow::Cow;

use serde::Deserialize;

use crate::io::http::Response;
use crate::keys::Extras;
use crate::keys::aws_kms::arn::KeyArn;
use crate::keys::remote::{Reason, Refusal, said};

/// What a key was to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// To wrap.
    Encrypt,
    /// To unwrap.
    Decrypt,
}

impl Operation {
    /// Its name in the API, and that of the permission.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Encrypt => "Encrypt",
            Self::Decrypt => "Decrypt",
        }
    }
}

/// An error as AWS reports it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Fault<'a> {
    /// `AccessDeniedException`; with a namespace before `#` and a URL after `:` in places.
    #[serde(borrow, default, rename = "__type", alias = "code")]
    pub(super) code: Cow<'a, str>,
    /// For people. It may repeat what was sent.
    #[serde(borrow, default, alias = "Message")]
    pub(super) message: Cow<'a, str>,
}

impl<'a> Fault<'a> {
    /// What an answer of a service that speaks JSON says is wrong.
    pub(super) fn of_json(response: &'a Response) -> Self {
        let mut fault: Self = serde_json::from_slice(response.body.as_bytes()).unwrap_or_default();
        if let (true, Some(code)) = (fault.code.is_empty(), response.header("x-amzn-errortype")) {
            fault.code = Cow::Borrowed(code);
        }
        fault
    }

    /// The code alone, without the word that some services end it with.
    fn code(&self) -> &str {
        let code = self.code.rsplit('#').next().unwrap_or_default();
        let code = code.split(':').next().unwrap_or_default();
        code.strip_suffix("Exception").unwrap_or(code)
    }

    /// Whether the same request may succeed a moment later. KMS says so with the status 400.
    pub(super) fn is_busy(&self) -> bool {
        matches!(
            self.code(),
            "Throttling"
                | "Throttled"
                | "TooManyRequests"
                | "RequestLimitExceeded"
                | "KMSInternal"
                | "DependencyTimeout"
                | "KeyUnavailable"
                | "InternalFailure"
                | "InternalError"
                | "ServiceUnavailable"
        )
    }

    /// Whether a session has ended, so that other credentials may do.
    pub(super) fn is_expired(&self) -> bool {
        matches!(self.code(), "ExpiredToken" | "TokenRefreshRequired")
    }

    /// Who was refused, as AWS names them.
    fn principal(&self) -> Option<String> {
        let (_, rest) = self.message.split_once("User: ")?;
        let arn = rest.split_whitespace().next()?;
        arn.starts_with("arn:").then(|| said(arn))
    }
}

/// Who asks, for messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker<'a> {
    /// Where the credentials come from.
    pub(super) source: &'a str,
    /// What would make them anew.
    pub(super) renewal: &'a str,
}

/// Why a key did not do what it was asked.
pub(super) fn kms(
    key: &KeyArn,
    operation: Operation,
    extras: &Extras,
    response: &Response,
    asker: Asker<'_>,
) -> Refusal {
    let fault = Fault::of_json(response);
    let action = format!("kms:{}", operation.name());
    let region = &key.region.name;
    let show = format!("`aws kms describe-key --region {region} --key-id {key}` shows its state");
    match fault.code() {
        "AccessDenied" => {
            let who = fault.principal();
            let whom = who.as_ref().map(|who| format!(" for {who}"));
            let refusal = Refusal::new(
                Reason::Denied,
                format!(
                    "access denied ({action}){}",
                    whom.clone().unwrap_or_default()
                ),
            )
            .hint(format!(
                "ask for {action} on {key}{}, in the key's policy or the caller's",
                whom.unwrap_or_default()
            ))
            .hint(format!("the credentials are those of {}", asker.source));
            if extras.context.is_empty() {
                return refusal;
            }
            refusal.hint("the policy may ask for another encryption context")
        }
        "Disabled" => Refusal::new(Reason::Disabled, "the key is disabled").hint(format!(
            "`aws kms enable-key --region {region} --key-id {key}` enables it"
        )),
        "NotFound" => Refusal::new(Reason::NoKey, format!("there is no such key in {region}"))
            .hint("look at the account, the region and the id in the ARN"),
        "KMSInvalidState" if fault.message.contains("pending deletion") => {
            Refusal::new(Reason::Disabled, "the key is about to be deleted").hint(format!(
                "`aws kms cancel-key-deletion --region {region} --key-id {key}` keeps it"
            ))
        }
        "KMSInvalidState" => {
            Refusal::new(Reason::Disabled, "the key's state does not allow this").hint(show)
        }
        "InvalidCiphertext" => Refusal::new(
            Reason::Mismatch,
            format!(
                "the wrapped key is damaged, or was wrapped with another encryption context{}",
                names(extras)
            ),
        ),
        "IncorrectKey" => Refusal::new(
            Reason::Mismatch,
            "it was wrapped with another key than the file says",
        ),
        "InvalidKeyUsage" => Refusal::new(
            Reason::Mismatch,
            "the key is not one that encrypts and decrypts",
        )
        .hint(show),
        "InvalidArn" | "InvalidAliasName" => {
            Refusal::new(Reason::Malformed, "AWS says that this is no key's ARN")
        }
        "LimitExceeded" => Refusal::new(Reason::Busy, "a limit of the account is reached"),
        _ => common(&fault, response, &format!("KMS in {region}"), asker),
    }
}

/// Why a role cannot be assumed, by the action of this name.
pub(super) fn role(
    arn: &str,
    action: &str,
    fault: &Fault<'_>,
    response: &Response,
    asker: Asker<'_>,
) -> Refusal {
    let refusal = match fault.code() {
        "AccessDenied" => {
            let whom = fault.principal();
            let whom = whom.map_or_else(String::new, |who| format!(" for {who}"));
            Refusal::new(Reason::Denied, format!("access denied ({action}){whom}"))
                .hint(format!(
                    "the trust policy of {arn} must name who asks{whom}"
                ))
                .hint(format!("the credentials are those of {}", asker.source))
        }
        "InvalidIdentityToken" | "IDPRejectedClaim" => Refusal::new(
            Reason::BadCredentials,
            "the web identity token is not accepted",
        )
        .hint("the role's trust policy must name its issuer, audience and subject"),
        _ => common(fault, response, "STS", asker),
    };
    Refusal {
        message: format!("the role {arn} cannot be assumed: {}", refusal.message),
        ..refusal
    }
}

/// What every service of AWS may say.
pub(super) fn common(
    fault: &Fault<'_>,
    response: &Response,
    service: &str,
    asker: Asker<'_>,
) -> Refusal {
    let code = fault.code();
    let message = &fault.message;
    let not_accepted = || {
        Refusal::new(
            Reason::BadCredentials,
            format!("AWS does not accept the credentials of {}", asker.source),
        )
    };
    let is_of_the_clock = matches!(code, "RequestExpired" | "RequestTimeTooSkewed")
        || (code.contains("Signature")
            && ["Signature expired", "not yet current"]
                .iter()
                .any(|words| message.contains(words)));
    if is_of_the_clock {
        return Refusal::new(
            Reason::BadCredentials,
            "this machine's clock differs from Amazon's by more than five minutes",
        )
        .hint("set the clock: `timedatectl set-ntp true`");
    }
    if fault.is_expired() {
        return Refusal::new(
            Reason::Expired,
            format!("the AWS session of {} has expired", asker.source),
        )
        .hint(asker.renewal);
    }
    if fault.is_busy() || response.status == 429 || (500..600).contains(&response.status) {
        return Refusal::new(
            Reason::Busy,
            format!("{service} is too busy (status {})", response.status),
        )
        .hint("try again in a minute");
    }
    match code {
        "AccessDenied" => Refusal::new(
            Reason::Denied,
            format!("access denied for the credentials of {}", asker.source),
        ),
        "UnrecognizedClient" | "InvalidClientTokenId" => not_accepted()
            .hint("the access key is unknown, disabled, or of another partition")
            .hint(asker.renewal),
        "InvalidSignature" | "SignatureDoesNotMatch" | "IncompleteSignature" => {
            not_accepted().hint("the secret access key does not belong to the access key's id")
        }
        "MissingAuthenticationToken" => not_accepted(),
        "" => Refusal::new(
            Reason::Garbage,
            format!("{service} answered with status {}", response.status),
        ),
        _ => {
            let words = said(message);
            let words = if words.is_empty() { said(code) } else { words };
            Refusal::new(
                Reason::Garbage,
                format!(
                    "{service} answered with status {}: {words}",
                    response.status
                ),
            )
        }
    }
}

/// The names in an encryption context, which stand in clear in the file.
fn names(extras: &Extras) -> String {
    let names: Vec<String> = extras
        .context
        .iter()
        .take(8)
        .map(|(name, _)| said(name))
        .collect();
    if names.is_empty() {
        return " (the file says none)".to_owned();
    }
    format!(" than the file's ({})", names.join(", "))
}
