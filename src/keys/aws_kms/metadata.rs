//! Credentials that the machine or the container brings, which this runs on.
//!
//! Sources: "Container credential provider" and "IMDS credential provider" in the AWS SDKs and Tools
//! Reference Guide.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::io::http::{Request, Response, is_this_machine};
use crate::keys::aws_kms::credentials::Credentials;
use crate::keys::remote::{Reason, Refusal, Services, said};

/// How long the machine's own service may take: it is next door, or not there at all.
const NEXT_DOOR: Duration = Duration::from_secs(1);

/// How long a container's agent may take; it is there, and asks others.
const AGENT: Duration = Duration::from_secs(5);

/// Where the agents of ECS and of EKS are.
const AGENTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];

/// Credentials as metadata services and programs print them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Printed<'a> {
    /// The id of the access key.
    #[serde(borrow)]
    pub(super) access_key_id: Cow<'a, str>,
    /// The key.
    #[serde(borrow)]
    pub(super) secret_access_key: Cow<'a, str>,
    /// The session's token.
    #[serde(borrow, default, alias = "SessionToken")]
    pub(super) token: Option<Cow<'a, str>>,
}

impl Printed<'_> {
    /// Reads what was printed.
    pub(super) fn credentials(
        text: &[u8],
        source: &str,
        renewal: &str,
    ) -> Result<Credentials, Refusal> {
        let printed: Printed<'_> = serde_json::from_slice(text).map_err(|_| {
            Refusal::new(
                Reason::Garbage,
                format!("what {source} answered holds no credentials"),
            )
        })?;
        let token = printed.token.as_deref();
        Credentials::new(
            &printed.access_key_id,
            &printed.secret_access_key,
            token,
            source,
            renewal,
        )
    }
}

/// The role of the container, where the environment says that this is one.
pub(super) fn of_container(services: &Services) -> Result<Option<Credentials>, Refusal> {
    let source = "this container";
    let refused = |why: String| Refusal::new(Reason::NoCredentials, why);
    let text = |name: &'static str| {
        let value = services.machine.variable(name);
        value.map(|value| value.to_string_lossy().into_owned())
    };
    let url = match (
        text("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
        text("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    ) {
        (Some(path), _) if path.starts_with('/') => format!("http://{}{path}", AGENTS[0]),
        (None, Some(url)) if is_agent(&url) => url,
        (None, None) => return Ok(None),
        (Some(_), _) => {
            return Err(refused(
                "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is no path".to_owned(),
            ));
        }
        (None, Some(_)) => {
            return Err(refused(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI is no address of a container's agent"
                    .to_owned(),
            )
            .hint("it must be `https://…`, on this machine, or one of Amazon's own addresses"));
        }
    };
    let mut request = Request::new("GET", url).header("accept", "application/json");
    request.timeout = AGENT;
    request.direct = true;
    let token = match text("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(file) => Some(
            text_of(services, &file)
                .map_err(|why| refused(format!("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: {why}")))?,
        ),
        None => text("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Zeroizing::new),
    };
    if let Some(token) = token {
        request = request.header("authorization", token.as_str());
    }
    let response = services.send(&request)?;
    if !response.is_success() {
        return Err(refused(format!(
            "this container has no role (status {})",
            response.status
        )));
    }
    let renewal = "start the container again if this goes on";
    Printed::credentials(response.body.as_bytes(), source, renewal).map(Some)
}

/// The role of the virtual machine, where this is one of Amazon's.
pub(super) fn of_machine(services: &Services) -> Result<Option<Credentials>, Refusal> {
    let text = |name: &'static str| {
        let value = services.machine.variable(name);
        value.map(|value| value.to_string_lossy().into_owned())
    };
    if text("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    let mode = text("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    let address = match (text("AWS_EC2_METADATA_SERVICE_ENDPOINT"), mode) {
        (Some(address), _) => address,
        (None, Some(mode)) if mode.eq_ignore_ascii_case("ipv6") => {
            "http://[fd00:ec2::254]".to_owned()
        }
        (None, _) => "http://169.254.169.254".to_owned(),
    };
    let address = address.trim_end_matches('/');
    let asked = |mut request: Request| {
        request.direct = true;
        request.timeout = NEXT_DOOR;
        // Once: a machine that is not Amazon's is the usual case.
        services.machine.send(&request)
    };
    let token = asked(
        Request::new("PUT", format!("{address}/latest/api/token"))
            .header("x-aws-ec2-metadata-token-ttl-seconds", "300"),
    );
    let Some(token) = token.ok().and_then(|answer| line(&answer)) else {
        return Ok(None);
    };
    let roles = format!("{address}/latest/meta-data/iam/security-credentials/");
    let get = |url: &str| {
        asked(Request::new("GET", url).header("x-aws-ec2-metadata-token", token.as_str()))
    };
    let none = |why: &str| {
        Refusal::new(Reason::NoCredentials, format!("this virtual machine {why}"))
            .hint("attach an instance profile with a role to it")
    };
    let role = get(&roles)?;
    let Some(role) = line(&role).filter(|role| role.bytes().all(|byte| byte.is_ascii_graphic()))
    else {
        return Err(none("has no role"));
    };
    let response = get(&format!("{roles}{}", role.as_str()))?;
    if !response.is_success() {
        return Err(none("gives no credentials of its role"));
    }
    let source = format!("this virtual machine's role {}", said(&role));
    let renewal = "the machine renews them by itself";
    Printed::credentials(response.body.as_bytes(), &source, renewal).map(Some)
}

/// The first line of an answer that says yes.
fn line(response: &Response) -> Option<Zeroizing<String>> {
    let text = response.body.as_str().filter(|_| response.is_success())?;
    let line = text.lines().next()?.trim();
    (!line.is_empty()).then(|| Zeroizing::new(line.to_owned()))
}

/// Whether an address may be asked for a container's credentials.
fn is_agent(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else {
        return false;
    };
    match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(_)) => true,
        (Some("http"), Some(host)) => is_this_machine(host) || AGENTS.contains(&host),
        _ => false,
    }
}

/// The token that a file holds, without blanks around it; a reason in one line where there is none.
pub(super) fn text_of(services: &Services, file: &str) -> Result<Zeroizing<String>, String> {
    let read = services.machine.read(Path::new(file));
    let read = read.map_err(|error| format!("{}: {}", said(file), error.reason()))?;
    let text = read.text.as_str().map(str::trim).unwrap_or_default();
    if text.is_empty()
        || !text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ')
    {
        return Err(format!("{} holds no token", said(file)));
    }
    Ok(Zeroizing::new(text.to_owned()))
}
