//! Access tokens of Google, from what the user's environment offers.
//!
//! In sops's order: `GOOGLE_CREDENTIALS`, `GOOGLE_OAUTH_ACCESS_TOKEN`, and then Google's "Application
//! Default Credentials": the file that `GOOGLE_APPLICATION_CREDENTIALS` names, the login of gcloud, the
//! service account of the machine. Files are read by `reqsign-google`: service accounts, users,
//! workload identity federation, impersonation.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqsign_core::ProvideCredential as _;
use reqsign_google::{ServiceAccountTokenCredentialProvider, StaticCredentialProvider};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::io::IoError;
use crate::io::http::Request;
use crate::keys::bearer::Token;
use crate::keys::gcp_kms::noting::Noting;
use crate::keys::gcp_kms::refusal::LOGIN;
use crate::keys::machine::Platform;
use crate::keys::remote::{Reason, Refusal, Services};
use crate::keys::signing::block_on;

/// What tokens are asked for: the one scope that Cloud KMS takes.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// How long the metadata service of a machine may take to show that it is there.
const PROBE: Duration = Duration::from_secs(1);

/// The metadata service, by number: no name server can lead elsewhere, or take its time.
const METADATA: &str = "169.254.169.254";

/// The token of this machine, and the project that is charged where a user is logged in.
pub(super) fn find(services: &Arc<Services>) -> Result<Token, Refusal> {
    let ask = Ask { services };
    if let Some(credentials) = ask.text("GOOGLE_CREDENTIALS")? {
        let text = if credentials.trim_start().starts_with('{') {
            credentials
        } else {
            ask.file("GOOGLE_CREDENTIALS", Path::new(credentials.as_str()))?
        };
        return ask.json("GOOGLE_CREDENTIALS", &text);
    }
    if let Some(token) = ask.text("GOOGLE_OAUTH_ACCESS_TOKEN")? {
        return Token::new(token.trim()).map_err(|_| {
            Refusal::new(
                Reason::BadCredentials,
                "GOOGLE_OAUTH_ACCESS_TOKEN holds no token",
            )
        });
    }
    let named = "GOOGLE_APPLICATION_CREDENTIALS";
    if let Some(path) = services.machine.variable(named) {
        let text = ask.file(named, Path::new(&path))?;
        return ask.json(named, &text);
    }
    if let Some(text) = ask.gcloud()? {
        return ask.json("gcloud's own", &text);
    }
    if let Some(token) = ask.metadata()? {
        return Ok(token);
    }
    Err(Refusal::new(
        Reason::NoCredentials,
        "this machine has no login for Google Cloud",
    )
    .hint(LOGIN)
    .hint(
        "in CI, set GOOGLE_APPLICATION_CREDENTIALS, or use the `google-github-actions/auth` action",
    ))
}

struct Ask<'a> {
    services: &'a Arc<Services>,
}

impl Ask<'_> {
    fn text(&self, name: &'static str) -> Result<Option<Zeroizing<String>>, Refusal> {
        let value = self.services.machine.variable(name);
        let text = value.map(std::ffi::OsString::into_string).transpose();
        let text = text.map_err(|_| {
            Refusal::new(Reason::BadCredentials, format!("{name} is not UTF-8 text"))
        })?;
        Ok(text.map(Zeroizing::new))
    }

    fn file(&self, source: &str, path: &Path) -> Result<Zeroizing<String>, Refusal> {
        let bad = |why: String| Refusal::new(Reason::BadCredentials, why);
        let file = self.services.machine.read(path);
        let file = file.map_err(|error| bad(format!("{source}: {error}")))?;
        let text = file.text.as_str();
        let text = text.ok_or_else(|| bad(format!("{source}: {} is no text", path.display())))?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    /// The file that `gcloud auth application-default login` writes, if it is there.
    fn gcloud(&self) -> Result<Option<Zeroizing<String>>, Refusal> {
        let machine = &self.services.machine;
        let directory = match machine.variable("CLOUDSDK_CONFIG") {
            Some(directory) => Some(PathBuf::from(directory)),
            None if machine.platform() == Platform::Windows => {
                let roaming = machine.variable("APPDATA").map(PathBuf::from);
                roaming.map(|roaming| roaming.join("gcloud"))
            }
            // whatever XDG_CONFIG_HOME says
            None => machine.home().map(|home| home.join(".config/gcloud")),
        };
        let Some(directory) = directory else {
            return Ok(None);
        };
        let path = directory.join("application_default_credentials.json");
        match machine.read(&path) {
            Ok(file) => {
                let text = file.text.as_str().unwrap_or_default();
                Ok(Some(Zeroizing::new(text.to_owned())))
            }
            Err(IoError::NotFound { .. } | IoError::NotADirectory { .. }) => Ok(None),
            Err(error) => Err(Refusal::new(Reason::BadCredentials, error.to_string())),
        }
    }

    /// A token for what a credentials file holds.
    fn json(&self, source: &str, text: &str) -> Result<Token, Refusal> {
        let malformed = || {
            Refusal::new(
                Reason::BadCredentials,
                format!(
                    "the credentials of {source} are malformed, or of a kind that mvx does not know"
                ),
            )
            .hint(LOGIN)
        };
        let head: Head = serde_json::from_str(text).map_err(|_| malformed())?;
        let text = if head.kind == "external_account" {
            Zeroizing::new(completed(source, text)?.ok_or_else(malformed)?)
        } else {
            Zeroizing::new(text.to_owned())
        };
        let network = Noting::new(self.services, source);
        let refusal = || network.trouble().unwrap_or_else(malformed);
        let context = network.context();
        let provider = StaticCredentialProvider::new(text.as_str()).with_scope(SCOPE);
        let credential = block_on(provider.provide_credential(&context));
        let mut credential = credential.ok().flatten().ok_or_else(refusal)?;
        if let Some(account) = credential.service_account.take() {
            let exchange = ServiceAccountTokenCredentialProvider::new(account).with_scope(SCOPE);
            let exchanged = block_on(exchange.provide_credential(&context));
            credential = exchanged.ok().flatten().ok_or_else(refusal)?;
        }
        let token = credential.token.ok_or_else(refusal)?;
        let secret = Zeroizing::new(token.access_token);
        Ok(Token::new(&secret)?.charged_to(self.project(head.quota_project_id)?))
    }

    /// The project that is charged: what a user does is nobody's otherwise.
    fn project(&self, of_file: Option<String>) -> Result<Option<String>, Refusal> {
        let named = self.text("GOOGLE_CLOUD_QUOTA_PROJECT")?;
        let project = named.map(|name| name.to_string()).or(of_file);
        let sound = |name: &String| {
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b':'))
        };
        match project {
            Some(name) if !sound(&name) => Err(Refusal::new(
                Reason::BadCredentials,
                "the quota project is no project's id",
            )),
            known => Ok(known),
        }
    }

    /// The token of the service account that this machine has at Google; `None` where it is none of
    /// Google's.
    fn metadata(&self) -> Result<Option<Token>, Refusal> {
        let host = self.text("GCE_METADATA_HOST")?;
        let is_named = host.is_some();
        let host = host.as_ref().map_or(METADATA, |host| host.as_str());
        let account = "computeMetadata/v1/instance/service-accounts/default/token";
        let mut request = Request::new("GET", format!("http://{host}/{account}?scopes={SCOPE}"))
            .header("metadata-flavor", "Google");
        request.direct = true;
        if !is_named {
            let mut probe =
                Request::new("GET", format!("http://{host}/")).header("metadata-flavor", "Google");
            probe.direct = true;
            probe.timeout = PROBE;
            match self.services.machine.send(&probe) {
                Ok(response) if response.header("metadata-flavor") == Some("Google") => {}
                _ => return Ok(None),
            }
        }
        let response = self.services.send(&request)?;
        if response.status == 404 {
            return Ok(None);
        }
        if !response.is_success() {
            return Err(Refusal::new(
                Reason::NoCredentials,
                format!(
                    "this machine's metadata service gave no token (status {})",
                    response.status
                ),
            ));
        }
        let said: Said<'_> = serde_json::from_slice(response.body.as_bytes()).map_err(|_| {
            Refusal::new(
                Reason::Garbage,
                "the answer of this machine's metadata service cannot be understood",
            )
        })?;
        Token::new(said.access_token).map(Some)
    }
}

/// What of a credentials file is no secret.
#[derive(Deserialize)]
struct Head {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    quota_project_id: Option<String>,
}

#[derive(Deserialize)]
struct Said<'a> {
    access_token: &'a str,
}

/// A file of workload identity with what may be left out of it, and what the library wants: that a
/// token in a file or behind a URL is plain text.
fn completed(name: &str, text: &str) -> Result<Option<String>, Refusal> {
    let mut file: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    let source = file.get_mut("credential_source");
    let Some(source) = source.and_then(Value::as_object_mut) else {
        return Ok(None);
    };
    if source.contains_key("executable") {
        return Err(Refusal::new(
            Reason::BadCredentials,
            format!("the credentials of {name} are those of a program, which mvx does not run"),
        )
        .hint("`gcloud auth print-access-token` prints a token for GOOGLE_OAUTH_ACCESS_TOKEN"));
    }
    let of_aws = source.contains_key("environment_id");
    if !of_aws
        && ["file", "url"]
            .iter()
            .any(|name| source.contains_key(*name))
    {
        source
            .entry("format")
            .or_insert_with(|| json!({"type": "text"}));
    }
    Ok(serde_json::to_string(&file).ok())
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
