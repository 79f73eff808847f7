//! What Google refuses, in one line and with what to do about it.

use std::borrow::Cow;

use serde::Deserialize;

use crate::io::http::Response;
use crate::keys::gcp_kms::Operation;
use crate::keys::gcp_kms::resource::Resource;
use crate::keys::remote::{Reason, Refusal, quoted, said};

/// How one logs in again.
pub(super) const LOGIN: &str = "`gcloud auth application-default login` logs you in";

/// The errors of Google's APIs (AIP-193).
#[derive(Deserialize)]
struct ApiError<'a> {
    #[serde(borrow)]
    error: ApiFault<'a>,
}

#[derive(Deserialize)]
struct ApiFault<'a> {
    #[serde(borrow, default)]
    status: Cow<'a, str>,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
}

/// The errors of a token endpoint (RFC 6749, 5.2).
#[derive(Deserialize)]
struct TokenError<'a> {
    #[serde(borrow, default)]
    error: Cow<'a, str>,
    #[serde(borrow, default)]
    error_description: Cow<'a, str>,
}

/// Why Cloud KMS did not do what it was asked.
pub(super) fn kms(resource: &Resource, operation: Operation, response: &Response) -> Refusal {
    let fault = serde_json::from_slice::<ApiError<'_>>(response.body.as_bytes()).ok();
    let (status, message) = fault.as_ref().map_or(("", ""), |known| {
        (known.error.status.as_ref(), known.error.message.as_ref())
    });
    let new = |reason, message: String| Refusal::new(reason, message);
    let show = format!(
        "`gcloud kms keys versions list` with the key {} shows their state",
        resource.key()
    );
    match response.status {
        401 => new(Reason::Expired, "Google does not accept this login any more".to_owned())
            .hint(LOGIN)
            .hint("GOOGLE_OAUTH_ACCESS_TOKEN lives for an hour"),
        403 if message.contains("quota project") || message.contains("has not been used in project") => new(
            Reason::Denied,
            "the Cloud KMS API is not enabled in the project that is charged for it".to_owned(),
        )
        .hint("`gcloud services enable cloudkms.googleapis.com` enables it; GOOGLE_CLOUD_QUOTA_PROJECT names the project"),
        403 => new(
            Reason::Denied,
            format!("access denied ({})", operation.permission()),
        )
        .hint(format!("ask for the role `{}` on the key", operation.role())),
        404 => new(Reason::NoKey, "there is no such key, or it may not be seen".to_owned()),
        400 if status == "FAILED_PRECONDITION" || is_switched_off(message) => new(
            Reason::Disabled,
            "the version of the key is disabled or destroyed".to_owned(),
        )
        .hint(show),
        400 if operation == Operation::Decrypt => new(
            Reason::Mismatch,
            "what the file holds was not wrapped for this key, or is damaged".to_owned(),
        ),
        400 => new(
            Reason::Mismatch,
            format!("Cloud KMS refuses to encrypt with this key{}", quoted(message)),
        )
        .hint("mvx needs a key whose purpose is ENCRYPT_DECRYPT"),
        429 | 500..=599 => new(
            Reason::Busy,
            format!("Cloud KMS is too busy (status {})", response.status),
        )
        .hint("try again in a minute"),
        other => new(
            Reason::Garbage,
            format!("Cloud KMS answered with status {other}{}", quoted(message)),
        ),
    }
}

fn is_switched_off(message: &str) -> bool {
    message.contains("is not enabled") || message.contains("DESTROY")
}

/// Why no token was made for what `source` names.
pub(super) fn login(source: &str, response: &Response) -> Refusal {
    if matches!(response.status, 429 | 500..=599) {
        return Refusal::new(
            Reason::Busy,
            format!("Google's login is too busy (status {})", response.status),
        )
        .hint("try again in a minute");
    }
    let body = response.body.as_bytes();
    if let Ok(fault) = serde_json::from_slice::<TokenError<'_>>(body)
        && !fault.error.is_empty()
    {
        let words = if fault.error_description.is_empty() {
            said(&fault.error)
        } else {
            format!("{}: {}", said(&fault.error), said(&fault.error_description))
        };
        let reason = if fault.error == "invalid_grant" {
            Reason::Expired
        } else {
            Reason::BadCredentials
        };
        return Refusal::new(
            reason,
            format!("Google refuses the login with {source}: {words}"),
        )
        .hint(LOGIN);
    }
    // impersonation is one of Google's APIs
    match serde_json::from_slice::<ApiError<'_>>(body) {
        Ok(fault) => {
            let words = quoted(&fault.error.message);
            Refusal::new(
                Reason::BadCredentials,
                format!("Google refuses the login with {source} (status {}){words}", response.status),
            )
            .hint("to act as a service account takes the role `roles/iam.serviceAccountTokenCreator` on it")
        }
        Err(_) => Refusal::new(
            Reason::Garbage,
            format!(
                "the login with {source} was answered with status {}",
                response.status
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::testing::answer;

    fn of(status: u16, body: &str) -> Refusal {
        let key = Resource::parse("projects/p/locations/l/keyRings/r/cryptoKeys/k").unwrap();
        kms(&key, Operation::Decrypt, &answer(status, body).unwrap())
    }

    #[test]
    fn every_refusal_has_a_reason() {
        let body = |status: &str, message: &str| {
            format!(
                "{{\"error\":{{\"code\":400,\"message\":\"{message}\",\"status\":\"{status}\"}}}}"
            )
        };
        for (status, body, reason) in [
            (401, body("UNAUTHENTICATED", ""), Reason::Expired),
            (
                403,
                body("PERMISSION_DENIED", "Permission 'x' denied"),
                Reason::Denied,
            ),
            (403, "<html>".to_owned(), Reason::Denied),
            (404, body("NOT_FOUND", ""), Reason::NoKey),
            (
                400,
                body(
                    "FAILED_PRECONDITION",
                    "k is not enabled, current state is: DISABLED.",
                ),
                Reason::Disabled,
            ),
            (
                400,
                body(
                    "INVALID_ARGUMENT",
                    "Decryption failed: the ciphertext is invalid.",
                ),
                Reason::Mismatch,
            ),
            (429, body("RESOURCE_EXHAUSTED", ""), Reason::Busy),
            (503, String::new(), Reason::Busy),
            (302, String::new(), Reason::Garbage),
        ] {
            assert_eq!(of(status, &body).reason, reason, "{status} {body}");
        }
        let denied = of(403, "{}");
        assert_eq!(
            denied.message,
            "access denied (cloudkms.cryptoKeyVersions.useToDecrypt)"
        );
        assert!(
            denied
                .hints
                .concat()
                .contains("roles/cloudkms.cryptoKeyDecrypter")
        );
        let quota = of(
            403,
            &body(
                "PERMISSION_DENIED",
                "cloudkms.googleapis.com requires a quota project",
            ),
        );
        assert!(quota.hints.concat().contains("GOOGLE_CLOUD_QUOTA_PROJECT"));
    }

    #[test]
    fn logins_say_what_google_says() {
        let body = "{\"error\":\"invalid_grant\",\"error_description\":\"Token has been expired or revoked.\"}";
        let refusal = login("the login of gcloud", &answer(400, body).unwrap());
        assert_eq!(refusal.reason, Reason::Expired);
        assert_eq!(
            refusal.message,
            "Google refuses the login with the login of gcloud: invalid_grant: Token has been expired or revoked."
        );
        let body = "{\"error\":{\"code\":403,\"message\":\"Permission 'iam.serviceAccounts.getAccessToken' denied\",\"status\":\"PERMISSION_DENIED\"}}";
        let refusal = login("x", &answer(403, body).unwrap());
        assert!(
            refusal
                .hints
                .concat()
                .contains("serviceAccountTokenCreator")
        );
        assert_eq!(
            login("x", &answer(400, "?").unwrap()).reason,
            Reason::Garbage
        );
    }
}
