//! Single sign-on (IAM Identity Center): the token that `aws sso login` leaves, traded for a role's
//! credentials.
//!
//! Sources: "IAM Identity Center credential provider" in the AWS SDKs and Tools Reference Guide, and
//! `GetRoleCredentials` in the Portal's API Reference. The token is only read here; where it has to
//! be renewed, Amazon's own program does that.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use sha1::{Digest as _, Sha1};
use zeroize::Zeroizing;

use crate::io::clock;
use crate::io::http::{Request, Response};
use crate::keys::aws_kms::address::{self, Service};
use crate::keys::aws_kms::arn::Region;
use crate::keys::aws_kms::chain::setting;
use crate::keys::aws_kms::credentials::{Credentials, hex};
use crate::keys::aws_kms::process;
use crate::keys::aws_kms::profiles::{Profiles, Section, typed};
use crate::keys::aws_kms::refusal::{self, Fault};
use crate::keys::aws_kms::sts::percent_encode;
use crate::keys::remote::{Reason, Refusal, Services, said};

/// The credentials of a profile that signs on.
pub(super) fn find(
    services: &Services,
    profiles: &Profiles,
    name: &str,
    profile: &Section,
) -> Result<Credentials, Refusal> {
    let incomplete = |what: &str| {
        profiles.with_broken_lines(
            Refusal::new(
                Reason::NoCredentials,
                format!("the profile {} has no {what}", said(name)),
            )
            .hint(format!(
                "`aws configure sso --profile {}` completes it",
                typed(name)
            )),
        )
    };
    let session_name = setting(profile, "sso_session");
    let shared = match session_name {
        Some(session) => profiles
            .session(session)
            .ok_or_else(|| incomplete(&format!("[sso-session {}]", said(session))))?,
        None => profile,
    };
    let needed = |section: &'_ Section, what: &str| {
        setting(section, what)
            .map(str::to_owned)
            .ok_or_else(|| incomplete(what))
    };
    let account = needed(profile, "sso_account_id")?;
    let role = needed(profile, "sso_role_name")?;
    let start = needed(shared, "sso_start_url")?;
    let region = Region::parse(&needed(shared, "sso_region")?)
        .ok_or_else(|| incomplete("sso_region that is a region"))?;
    let renewal = match session_name {
        Some(session) => format!(
            "`aws sso login --sso-session {}` logs in again",
            typed(session)
        ),
        None => format!("`aws sso login --profile {}` logs in again", typed(name)),
    };
    let source = format!("the profile {}", said(name));
    let expired = || {
        Refusal::new(
            Reason::Expired,
            format!("the single sign-on of {source} has expired"),
        )
        .hint(renewal.as_str())
    };
    let token = match cached(services, session_name.unwrap_or(&start)) {
        Cached::Valid(token) => token,
        // `aws` asks for a new token, and keeps it.
        Cached::Expired { renewable: true } => {
            return process::export(services, name).map_err(|_| expired());
        }
        Cached::Expired { renewable: false } => return Err(expired()),
        Cached::Absent => {
            return Err(
                Refusal::new(Reason::NoCredentials, format!("{source} is not signed on"))
                    .hint(renewal.as_str()),
            );
        }
    };
    let mut url = address::of(services, Service::Portal, &region)?.into_bytes();
    url.extend_from_slice(b"/federation/credentials?role_name=");
    percent_encode(&role, &mut url);
    url.extend_from_slice(b"&account_id=");
    percent_encode(&account, &mut url);
    let url = String::from_utf8_lossy(&url).into_owned();
    let request = Request::new("GET", url).header("x-amz-sso_bearer_token", token.as_str());
    let response = services.send(&request)?;
    if !response.is_success() {
        return Err(refused(&response, &source, &renewal, &account, &role));
    }
    let answer: Answer<'_> = serde_json::from_slice(response.body.as_bytes()).map_err(|_| {
        Refusal::new(
            Reason::Garbage,
            format!("the answer of {} cannot be understood", request.host()),
        )
    })?;
    let given = answer.role_credentials;
    Credentials::new(
        &given.access_key_id,
        &given.secret_access_key,
        Some(&given.session_token),
        source,
        renewal,
    )
}

fn refused(response: &Response, source: &str, renewal: &str, account: &str, role: &str) -> Refusal {
    let fault = Fault::of_json(response);
    match response.status {
        401 => Refusal::new(
            Reason::Expired,
            format!("the single sign-on of {source} has ended"),
        )
        .hint(renewal),
        403 | 404 => Refusal::new(
            Reason::Denied,
            format!(
                "{source} may not have the role {} of the account {}",
                said(role),
                said(account)
            ),
        )
        .hint("look at sso_account_id and sso_role_name in ~/.aws/config"),
        _ => refusal::common(
            &fault,
            response,
            "the single sign-on",
            refusal::Asker { source, renewal },
        ),
    }
}

/// A token that `aws sso login` left.
enum Cached {
    Valid(Zeroizing<String>),
    Expired {
        /// Whether it can be renewed without a person.
        renewable: bool,
    },
    Absent,
}

/// Looks into `~/.aws/sso/cache`, where files are called by the SHA-1 of the session's name or start
/// URL.
fn cached(services: &Services, key: &str) -> Cached {
    let Some(home) = services.machine.home() else {
        return Cached::Absent;
    };
    let name = format!("{}.json", hex(&Sha1::digest(key)));
    let path = home.join(".aws").join("sso").join("cache").join(name);
    let Ok(file) = services.machine.read(&path) else {
        return Cached::Absent;
    };
    let Ok(token) = serde_json::from_slice::<Token<'_>>(file.text.as_bytes()) else {
        return Cached::Absent;
    };
    // Older programs wrote `2026-11-22T09:30:00UTC`.
    let until = token.expires_at.replace("UTC", "Z").parse::<Timestamp>();
    let sound = token.text.bytes().all(|byte| byte.is_ascii_graphic());
    if until.is_ok_and(|until| until > clock::now()) && sound {
        return Cached::Valid(Zeroizing::new(token.text.into_owned()));
    }
    Cached::Expired {
        renewable: token.refresh.is_some(),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token<'a> {
    #[serde(borrow)]
    #[serde(rename = "accessToken")]
    text: Cow<'a, str>,
    #[serde(borrow)]
    expires_at: Cow<'a, str>,
    #[serde(borrow, default)]
    #[serde(rename = "refreshToken")]
    refresh: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(borrow)]
    role_credentials: Given<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Given<'a> {
    #[serde(borrow)]
    access_key_id: Cow<'a, str>,
    #[serde(borrow)]
    secret_access_key: Cow<'a, str>,
    #[serde(borrow)]
    session_token: Cow<'a, str>,
}
