//! Access tokens of Microsoft Entra, from what the user's environment offers.
//!
//! In the order of Azure's own libraries: a client secret, a federated token (workload identity), the
//! managed identity of App Service and its kin, that of a virtual machine, and the login of `az`. What
//! is configured and fails ends the search: nobody should act under another name than the one that
//! was set. Sources: "Microsoft identity platform and the OAuth 2.0 client credentials flow"; "How to
//! use managed identities … on an Azure VM to acquire an access token"; "How to use managed identities
//! for App Service".

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::io::http::{HttpError, Request, Response};
use crate::keys::azure_kv::challenge::{Challenge, is_tenant};
use crate::keys::azure_kv::refusal;
use crate::keys::bearer::Token;
use crate::keys::machine::{CommandError, Platform, Program};
use crate::keys::remote::{Reason, Refusal, Services};
use crate::secret::Cleartext;

/// What tokens for this challenge are remembered by: one for each tenant and cloud.
pub(super) fn name(challenge: &Challenge) -> String {
    format!(
        "{} {} {}",
        challenge.login, challenge.tenant, challenge.domain
    )
}

/// How long the metadata service of a virtual machine may take to show that it is there.
const PROBE: Duration = Duration::from_secs(1);

/// How long `az` may take.
const AZ: Duration = Duration::from_secs(30);

/// The metadata service of Azure's virtual machines.
const METADATA: &str = "http://169.254.169.254/metadata/identity/oauth2/token";

/// The token that a vault's challenge asks for.
pub(super) fn find(services: &Services, challenge: &Challenge) -> Result<Token, Refusal> {
    let ask = Ask {
        services,
        challenge,
    };
    if let Some(secret) = ask.text("AZURE_CLIENT_SECRET")? {
        return ask.login("AZURE_CLIENT_SECRET", &[("client_secret", &secret)]);
    }
    if let Some(path) = services.machine.variable("AZURE_FEDERATED_TOKEN_FILE") {
        return ask.federated(Path::new(&path));
    }
    if services
        .machine
        .variable("AZURE_CLIENT_CERTIFICATE_PATH")
        .is_some()
    {
        return Err(Refusal::new(
            Reason::NoCredentials,
            "mvx does not log in to Azure with a client certificate (AZURE_CLIENT_CERTIFICATE_PATH)",
        )
        .hint("`az login --service-principal` does, and mvx takes the login of `az` where that variable is not set"));
    }
    if let (Some(endpoint), Some(header)) =
        (ask.text("IDENTITY_ENDPOINT")?, ask.text("IDENTITY_HEADER")?)
    {
        return ask.app_service(&endpoint, &header);
    }
    let without = match ask.virtual_machine()? {
        Ok(token) => return Ok(token),
        Err(refusal) => refusal,
    };
    ask.az(without)
}

struct Ask<'a> {
    services: &'a Services,
    challenge: &'a Challenge,
}

impl Ask<'_> {
    /// A variable's text.
    fn text(&self, name: &'static str) -> Result<Option<Zeroizing<String>>, Refusal> {
        let value = self.services.machine.variable(name);
        let text = value.map(OsString::into_string).transpose();
        let text = text.map_err(|_| {
            Refusal::new(Reason::BadCredentials, format!("{name} is not UTF-8 text"))
        })?;
        Ok(text.map(Zeroizing::new))
    }

    /// A variable that goes with another one, `beside`.
    fn needed(&self, name: &'static str, beside: &str) -> Result<Zeroizing<String>, Refusal> {
        self.text(name)?.ok_or_else(|| {
            Refusal::new(
                Reason::NoCredentials,
                format!("{beside} is set, but {name} is not"),
            )
        })
    }

    /// The host that makes tokens: the challenge's, or another one of the same cloud.
    fn login_host(&self) -> Result<&'static str, Refusal> {
        let Some(named) = self.text("AZURE_AUTHORITY_HOST")? else {
            return Ok(self.challenge.login);
        };
        let host = named.strip_prefix("https://").unwrap_or(&named);
        let host = host.strip_suffix('/').unwrap_or(host);
        self.challenge.cloud.login(host).ok_or_else(|| {
            Refusal::new(
                Reason::NotBelieved,
                "AZURE_AUTHORITY_HOST names no login of the cloud that the vault belongs to",
            )
            .hint(format!(
                "unset it, or set it to https://{}",
                self.challenge.login
            ))
        })
    }

    /// The client credentials flow, with what proves that we are who `AZURE_CLIENT_ID` says.
    fn login(
        &self,
        source: &'static str,
        proof: &[(&str, &Zeroizing<String>)],
    ) -> Result<Token, Refusal> {
        let tenant = self.needed("AZURE_TENANT_ID", source)?;
        let client = self.needed("AZURE_CLIENT_ID", source)?;
        if !is_tenant(&tenant) {
            return Err(Refusal::new(
                Reason::BadCredentials,
                "AZURE_TENANT_ID is the id of no tenant",
            ));
        }
        let url = format!(
            "https://{}/{}/oauth2/v2.0/token",
            self.login_host()?,
            tenant.as_str()
        );
        let scope = format!("https://{}/.default", self.challenge.domain);
        let mut fields = vec![
            ("grant_type", "client_credentials"),
            ("client_id", client.as_str()),
            ("scope", scope.as_str()),
        ];
        fields.extend(proof.iter().map(|(name, value)| (*name, value.as_str())));
        let request = Request::new("POST", url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(form(&fields));
        let response = self.services.send(&request)?;
        if !response.is_success() {
            return Err(refusal::login(source, &response));
        }
        token(&response)
    }

    fn federated(&self, path: &Path) -> Result<Token, Refusal> {
        let source = "AZURE_FEDERATED_TOKEN_FILE";
        let unusable = |why: String| Refusal::new(Reason::BadCredentials, why);
        let file = self.services.machine.read(path);
        let file = file.map_err(|error| unusable(format!("{source}: {error}")))?;
        let assertion = file.text.as_str().map(str::trim).unwrap_or_default();
        if assertion.is_empty() {
            return Err(unusable(format!(
                "{source}: {} holds no token",
                path.display()
            )));
        }
        let assertion = Zeroizing::new(assertion.to_owned());
        let kind = Zeroizing::new(ASSERTION.to_owned());
        let proof = [
            ("client_assertion_type", &kind),
            ("client_assertion", &assertion),
        ];
        self.login(source, &proof)
    }

    /// The endpoint of a managed identity, as App Service, Functions and Container Apps set it.
    fn app_service(&self, endpoint: &str, header: &Zeroizing<String>) -> Result<Token, Refusal> {
        let url = format!(
            "{endpoint}?api-version=2019-08-01&{}",
            self.identity_query()?
        );
        let mut request = Request::new("GET", url).header("x-identity-header", header.as_str());
        request.direct = true;
        let response = self.services.send(&request)?;
        if !response.is_success() {
            return Err(refusal::managed_identity(&response));
        }
        token(&response)
    }

    /// The identity of the virtual machine that this may be. The inner error is that it is none of
    /// Azure's, or has no identity: a runner of GitHub is a machine of Azure's, too, with a login of `az`.
    fn virtual_machine(&self) -> Result<Result<Token, Refusal>, Refusal> {
        // Without its header, the service answers 400 at once; where there is none, nobody waits long.
        let mut probe = Request::new("GET", METADATA);
        probe.direct = true;
        probe.timeout = PROBE;
        if self.services.machine.send(&probe).is_err() {
            return Ok(Err(no_credentials()));
        }
        let url = format!(
            "{METADATA}?api-version=2018-02-01&{}",
            self.identity_query()?
        );
        let mut request = Request::new("GET", url).header("metadata", "true");
        request.direct = true;
        let is_busy = |response: &Response| matches!(response.status, 410 | 429 | 500..=599);
        match self.services.send_unless(&request, is_busy) {
            Ok(response) if response.is_success() => token(&response).map(Ok),
            Ok(response) if self.wants_an_identity() => {
                Ok(Err(refusal::managed_identity(&response)))
            }
            Ok(_) | Err(HttpError::Timeout { .. }) => Ok(Err(no_credentials())),
            Err(error) => Err(error.into()),
        }
    }

    fn wants_an_identity(&self) -> bool {
        self.services.machine.variable("AZURE_CLIENT_ID").is_some()
    }

    fn identity_query(&self) -> Result<String, Refusal> {
        let resource = format!("https://{}", self.challenge.domain);
        let mut fields = vec![("resource", resource.as_str())];
        let client = self.text("AZURE_CLIENT_ID")?;
        fields.extend(client.as_ref().map(|id| ("client_id", id.as_str())));
        let query = form(&fields);
        Ok(String::from_utf8_lossy(&query).into_owned())
    }

    /// The login of `az`, in the vault's tenant; where there is no `az`, what was wrong before.
    fn az(&self, without: Refusal) -> Result<Token, Refusal> {
        let program = match self.services.machine.platform() {
            Platform::Windows => "az.cmd",
            Platform::MacOs | Platform::Unix => "az",
        };
        let resource = format!("https://{}", self.challenge.domain);
        let tenant = self.challenge.tenant.as_str();
        let words = [
            "account",
            "get-access-token",
            "--output",
            "json",
            "--resource",
            &resource,
            "--tenant",
            tenant,
        ];
        let answer = self.services.machine.call(Program {
            program,
            arguments: &words.map(OsString::from),
            stdin: None,
            variables: &[],
            timeout: AZ,
            may_ask: false,
        });
        let answer = match answer {
            Ok(answer) => answer,
            Err(CommandError::Start { .. }) => return Err(without),
            Err(error) => {
                return Err(Refusal::new(Reason::BadCredentials, error.to_string())
                    .hint("`az login` logs you in"));
            }
        };
        if answer.code != Some(0) {
            return Err(refusal::az(&answer.stderr, tenant));
        }
        read_token(&answer.stdout, |said: &AzToken<'_>| said.access_token)
    }
}

/// RFC 7523, 2.2.
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn no_credentials() -> Refusal {
    Refusal::new(Reason::NoCredentials, "this machine has no login for Azure")
        .hint("`az login` logs you in")
        .hint("in CI, set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE or AZURE_CLIENT_SECRET, or use the `azure/login` action")
}

#[derive(Deserialize)]
struct EntraToken<'a> {
    access_token: &'a str,
}

#[derive(Deserialize)]
struct AzToken<'a> {
    #[serde(rename = "accessToken")]
    access_token: &'a str,
}

fn token(response: &Response) -> Result<Token, Refusal> {
    read_token(&response.body, |said: &EntraToken<'_>| said.access_token)
}

fn read_token<'a, T: Deserialize<'a>>(
    json: &'a Cleartext,
    token: impl FnOnce(&T) -> &'a str,
) -> Result<Token, Refusal> {
    let said = serde_json::from_slice(json.as_bytes());
    let said = said.map_err(|_| {
        Refusal::new(
            Reason::Garbage,
            "what came in place of a token cannot be understood",
        )
    })?;
    Token::new(token(&said))
}

/// Fields as `application/x-www-form-urlencoded`; all but RFC 3986's unreserved characters as
/// `%XX`.
fn form(fields: &[(&str, &str)]) -> Zeroizing<Vec<u8>> {
    let most: usize = fields
        .iter()
        .map(|(name, value)| name.len() + 3 * value.len() + 2)
        .sum();
    let mut out = Zeroizing::new(Vec::with_capacity(most));
    for (name, value) in fields {
        if !out.is_empty() {
            out.push(b'&');
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                out.push(byte);
            } else {
                let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0') as u8;
                out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    out
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
