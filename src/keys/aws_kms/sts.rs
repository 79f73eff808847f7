//! Amazon's security token service: temporary credentials for a role.
//!
//! Source: `AssumeRole` and `AssumeRoleWithWebIdentity` in the AWS STS API Reference, version
//! 2011-06-15.

use std::borrow::Cow;

use serde::Deserialize;
use zeroize::{Zeroize as _, Zeroizing};

use crate::io::http::{Request, Response};
use crate::io::who;
use crate::keys::aws_kms::address::{self, Service};
use crate::keys::aws_kms::arn::Region;
use crate::keys::aws_kms::credentials::Credentials;
use crate::keys::aws_kms::refusal::{self, Asker, Fault};
use crate::keys::remote::{Reason, Refusal, Services};

/// A role that is to be assumed.
pub(super) struct Role<'a> {
    /// Its ARN.
    pub(super) arn: &'a str,
    /// What the session is called in the logs of AWS; `mvx@HOST` where nobody says.
    pub(super) session: Option<&'a str>,
    /// What the role's owner has agreed on with a third party.
    pub(super) external_id: Option<&'a str>,
}

/// The role's credentials, for whoever holds these.
pub(super) fn assume(
    services: &Services,
    region: &Region,
    role: &Role<'_>,
    held: &Credentials,
) -> Result<Credentials, Refusal> {
    let session = session(role.session);
    let mut fields = vec![
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", role.arn),
        ("RoleSessionName", &session),
    ];
    fields.extend(role.external_id.map(|id| ("ExternalId", id)));
    let request = request(services, region, &fields)?;
    let request = held.sign(&request, Service::Sts.name(), &region.name)?;
    made(services, &request, role, "sts:AssumeRole", held.asker())
}

/// The role's credentials, for whoever holds another issuer's token.
pub(super) fn assume_with_token(
    services: &Services,
    region: &Region,
    role: &Role<'_>,
    token: &str,
) -> Result<Credentials, Refusal> {
    let session = session(role.session);
    let fields = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", role.arn),
        ("RoleSessionName", &session),
        ("WebIdentityToken", token),
    ];
    let request = request(services, region, &fields)?;
    let asker = Asker {
        source: "a web identity token",
        renewal: "the web identity token lives for a few minutes: have a new one made",
    };
    made(
        services,
        &request,
        role,
        "sts:AssumeRoleWithWebIdentity",
        asker,
    )
}

fn request(
    services: &Services,
    region: &Region,
    fields: &[(&str, &str)],
) -> Result<Request, Refusal> {
    let address = address::of(services, Service::Sts, region)?;
    Ok(Request::new("POST", format!("{address}/"))
        .header(
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        )
        .body(form(fields)))
}

/// Sends it, and reads the credentials out of the answer.
fn made(
    services: &Services,
    request: &Request,
    role: &Role<'_>,
    action: &str,
    asker: Asker<'_>,
) -> Result<Credentials, Refusal> {
    let response = services.send_unless(request, |response| {
        response.status == 429
            || (500..600).contains(&response.status)
            || (response.status == 400 && fault(response).is_busy())
    })?;
    if !response.is_success() {
        return Err(refusal::role(
            role.arn,
            action,
            &fault(&response),
            &response,
            asker,
        ));
    }
    let garbage = || {
        Refusal::new(
            Reason::Garbage,
            format!("the answer of {} cannot be understood", request.host()),
        )
    };
    let text = response.body.as_str().ok_or_else(garbage)?;
    let answer: Answer = quick_xml::de::from_str(text).map_err(|_| garbage())?;
    let mut given = answer.result.credentials;
    let made = Credentials::new(
        &given.id,
        &given.secret,
        Some(&given.token),
        format!("the role {}", role.arn),
        asker.renewal,
    );
    given.id.zeroize();
    given.secret.zeroize();
    given.token.zeroize();
    made
}

/// What a session is called: of `mvx@HOST`, what AWS allows (2 to 64 characters of `\w+=,.@-`).
fn session(named: Option<&str>) -> String {
    let name = match named {
        Some(name) => name.to_owned(),
        None => format!("mvx@{}", who::host().unwrap_or_default()),
    };
    let allowed = |c: &char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(*c);
    let name: String = name.chars().filter(allowed).take(64).collect();
    if name.len() < 2 {
        "mvx".to_owned()
    } else {
        name
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "AssumeRoleResult", alias = "AssumeRoleWithWebIdentityResult")]
    result: Made,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Made {
    credentials: Given,
}

#[derive(Deserialize)]
struct Given {
    #[serde(rename = "AccessKeyId")]
    id: String,
    #[serde(rename = "SecretAccessKey")]
    secret: String,
    #[serde(rename = "SessionToken")]
    token: String,
}

#[derive(Deserialize)]
struct ErrorAnswer {
    #[serde(rename = "Error")]
    error: Said,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Said {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// What an answer of the service says is wrong.
fn fault(response: &Response) -> Fault<'static> {
    let text = response.body.as_str().unwrap_or_default();
    let said = quick_xml::de::from_str::<ErrorAnswer>(text).map(|answer| answer.error);
    said.map_or_else(
        |_| Fault::default(),
        |said| Fault {
            code: Cow::Owned(said.code),
            message: Cow::Owned(said.message),
        },
    )
}

/// Fields as `application/x-www-form-urlencoded`; all but RFC 3986's unreserved characters as
/// `%XX`.
fn form(fields: &[(&str, &str)]) -> Zeroizing<Vec<u8>> {
    let lengths = fields
        .iter()
        .map(|(name, value)| name.len() + 3 * value.len() + 2);
    let mut out = Zeroizing::new(Vec::with_capacity(lengths.sum()));
    for (name, value) in fields {
        if !out.is_empty() {
            out.push(b'&');
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        percent_encode(value, &mut out);
    }
    out
}

/// Adds a text with all but RFC 3986's unreserved characters as `%XX`.
pub(super) fn percent_encode(text: &str, out: &mut Vec<u8>) {
    let digit = |nibble: u8| b"0123456789ABCDEF".get(usize::from(nibble)).copied();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(byte);
        } else {
            out.push(b'%');
            out.extend(digit(byte >> 4));
            out.extend(digit(byte & 15));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_called_what_aws_allows() {
        let name = session(None);
        assert!(name.starts_with("mvx@") || name == "mvx", "{name}");
        assert_eq!(session(Some("a b/c:d é_+=,.@-")), "abcd_+=,.@-");
        assert_eq!(session(Some("/")), "mvx");
        assert_eq!(session(Some(&"x".repeat(99))).len(), 64);
    }

    #[test]
    fn fields_are_encoded() {
        assert_eq!(
            form(&[("A", "arn:aws/x"), ("B", "é&=+ ~")]).as_slice(),
            b"A=arn%3Aaws%2Fx&B=%C3%A9%26%3D%2B%20~"
        );
    }
}
