//! Who asks: the credentials that this machine has for AWS.
//!
//! Where they are looked for, and how they are traded, is the library's work. What it does not know,
//! and stands here: that a named profile comes before the environment, profiles that assume a role
//! (`role_arn` with `source_profile` or `credential_source`), and the role of a file's entry.

use std::sync::Arc;

use bytes::Bytes;
use ini::Ini;
use reqsign_aws_v4::{
    AssumeRoleCredentialProvider, AssumeRoleWithWebIdentityCredentialProvider, Credential,
    ECSCredentialProvider, EnvCredentialProvider, IMDSv2CredentialProvider,
    ProfileCredentialProvider, RequestSigner, SSOCredentialProvider,
};
use reqsign_core::{Context, Error, HttpSend, ProvideCredential, SignRequest, Signer};
use serde::Deserialize;

use crate::keys::Extras;
use crate::keys::aws_kms::refusal::{no_credentials, no_role};
use crate::keys::remote::{Reason, Refusal, Services, said};
use crate::keys::signing::{block_on, context};

/// How many profiles may lead from one to the next.
const MOST_PROFILES: usize = 8;

/// Credentials for an entry with these extras. `sts` is where roles are assumed in place of Amazon's
/// own address for `region`.
pub(super) fn load(
    services: &Arc<Services>,
    extras: &Extras,
    region: &str,
    sts: Option<&str>,
) -> Result<Credential, Refusal> {
    let context = context(services);
    let source = Source {
        context,
        extras,
        region,
        sts,
    };
    let found = match &extras.profile {
        Some(profile) => source.profile(profile, 0)?,
        None => source.default_chain()?,
    };
    let found = found.ok_or_else(|| no_credentials(extras, ""))?;
    match &extras.role {
        None => Ok(found),
        Some(role) => source.assume(found, &Role::of_entry(role)),
    }
}

struct Source<'a> {
    context: Context,
    extras: &'a Extras,
    region: &'a str,
    sts: Option<&'a str>,
}

/// A role that is assumed.
struct Role {
    arn: String,
    external_id: Option<String>,
    session_name: Option<String>,
}

impl Role {
    fn of_entry(arn: &str) -> Self {
        Self {
            arn: arn.to_owned(),
            external_id: None,
            session_name: None,
        }
    }
}

impl Source<'_> {
    /// In the order of Amazon's own programs: the environment, the profile of `AWS_PROFILE`, the
    /// identity that a job or a container was given, the machine's.
    fn default_chain(&self) -> Result<Option<Credential>, Refusal> {
        if let Some(found) = self.ask(EnvCredentialProvider::new())? {
            return Ok(Some(found));
        }
        if self
            .context
            .env_var("AWS_WEB_IDENTITY_TOKEN_FILE")
            .is_some()
        {
            let provider = AssumeRoleWithWebIdentityCredentialProvider::new();
            if let Some(found) = self.with_token(provider)? {
                return Ok(Some(found));
            }
        }
        let named = self.context.env_var("AWS_PROFILE");
        let profile = named.clone().unwrap_or_else(|| "default".to_owned());
        if let Some(found) = self.profile(&profile, 0)? {
            return Ok(Some(found));
        }
        if named.is_some() {
            // Somebody else's credentials would be a surprise.
            return Err(no_credentials(
                &Extras {
                    profile: named,
                    ..Extras::default()
                },
                "",
            ));
        }
        if let Some(found) = self.ask(ECSCredentialProvider::new())? {
            return Ok(Some(found));
        }
        // Most machines are none of Amazon's, and have no such service: no mistake.
        let machine = IMDSv2CredentialProvider::new();
        Ok(block_on(machine.provide_credential(&self.context)).unwrap_or_default())
    }

    /// An identity that another service vouches for: a job of GitHub, a pod of EKS.
    fn with_token(
        &self,
        provider: AssumeRoleWithWebIdentityCredentialProvider,
    ) -> Result<Option<Credential>, Refusal> {
        let mut provider = provider
            .with_region(self.region.to_owned())
            .with_regional_sts_endpoint();
        if self.context.env_var("AWS_ROLE_SESSION_NAME").is_none() {
            provider = provider.with_role_session_name(session_name());
        }
        let context = match self.sts {
            // Nothing is signed there, so that it may be sent elsewhere as it is.
            Some(endpoint) => self.context.clone().with_http_send(Elsewhere {
                context: self.context.clone(),
                endpoint: endpoint.to_owned(),
            }),
            None => self.context.clone(),
        };
        self.ask_in(&context, provider)
    }

    /// What a profile leads to: keys, single sign-on, a program, or a role.
    fn profile(&self, profile: &str, depth: usize) -> Result<Option<Credential>, Refusal> {
        if depth > MOST_PROFILES {
            return Err(no_credentials(self.extras, "the profiles lead in a circle"));
        }
        let settings = self.settings(profile);
        let setting = |name: &str| settings.iter().find(|(known, _)| known == name);
        let setting = |name: &str| setting(name).map(|(_, value)| value.as_str());
        let Some(arn) = setting("role_arn") else {
            return self.without_role(profile, &settings);
        };
        if setting("mfa_serial").is_some() {
            return Err(no_credentials(
                self.extras,
                "its role wants a code from a device, for which mvx does not ask",
            )
            .hint("`aws configure export-credentials --profile NAME --format env` asks for it, and prints what to set"));
        }
        if let Some(file) = setting("web_identity_token_file") {
            let (arn, file) = (arn.to_owned(), file.into());
            let provider = AssumeRoleWithWebIdentityCredentialProvider::with_config(arn, file);
            return self.with_token(provider);
        }
        let base = match (setting("source_profile"), setting("credential_source")) {
            // A profile may name itself, and means its own keys.
            (Some(source), _) if source == profile => self.without_role(profile, &settings)?,
            (Some(source), _) => self.profile(source, depth + 1)?,
            (None, Some("Environment")) => self.ask(EnvCredentialProvider::new())?,
            (None, Some("EcsContainer")) => self.ask(ECSCredentialProvider::new())?,
            (None, Some("Ec2InstanceMetadata")) => self.ask(IMDSv2CredentialProvider::new())?,
            _ => None,
        };
        let Some(base) = base else {
            return Ok(None);
        };
        let role = Role {
            arn: arn.to_owned(),
            external_id: setting("external_id").map(str::to_owned),
            session_name: setting("role_session_name").map(str::to_owned),
        };
        self.assume(base, &role).map(Some)
    }

    /// What a profile holds itself: keys, single sign-on, or a program that prints keys.
    fn without_role(
        &self,
        profile: &str,
        settings: &[(String, String)],
    ) -> Result<Option<Credential>, Refusal> {
        let setting = |name: &str| settings.iter().find(|(known, _)| known == name);
        let setting = |name: &str| setting(name).map(|(_, value)| value.as_str());
        if setting("aws_access_key_id").is_some() {
            return self.ask(ProfileCredentialProvider::new().with_profile(profile));
        }
        if let (Some(account), Some(role)) = (setting("sso_account_id"), setting("sso_role_name")) {
            let session = setting("sso_session");
            let section = session.map(|name| self.section(&format!("sso-session {name}")));
            let of_session = |name: &str| {
                let section = section.as_ref()?;
                let (_, value) = section.iter().find(|(known, _)| known == name)?;
                Some(value.as_str())
            };
            let region = setting("sso_region").or(of_session("sso_region"));
            // What names the file with the token: the session, or the address of the portal.
            let name = session.or(setting("sso_start_url"));
            let (Some(region), Some(name)) = (region, name) else {
                return Err(no_credentials(
                    self.extras,
                    "its single sign-on lacks a region or an address",
                ));
            };
            let provider = SSOCredentialProvider::new()
                .with_account_id(account)
                .with_role_name(role)
                .with_region(region)
                .with_start_url(name);
            let found = self.ask(provider)?;
            return match found {
                Some(found) => Ok(Some(found)),
                None => {
                    let mut refusal =
                        no_credentials(self.extras, "nobody is signed in, or no longer");
                    refusal.reason = Reason::Expired;
                    refusal.hints = vec![format!("`aws sso login --profile {}`", said(profile))];
                    Err(refusal)
                }
            };
        }
        match setting("credential_process") {
            Some(command) => match shlex::split(command) {
                Some(words) if !words.is_empty() => self.ask(Printed(words)),
                _ => Err(no_credentials(
                    self.extras,
                    "its `credential_process` is no command",
                )),
            },
            None => Ok(None),
        }
    }

    /// What the user's two files say of a profile. A file that cannot be read says nothing.
    fn settings(&self, profile: &str) -> Vec<(String, String)> {
        let mut settings = match profile {
            "default" => self.section("default"),
            name => self.section(&format!("profile {name}")),
        };
        let shared = self.context.env_var("AWS_SHARED_CREDENTIALS_FILE");
        settings.extend(self.section_of(shared, "~/.aws/credentials", profile));
        settings
    }

    /// A section of the configuration.
    fn section(&self, name: &str) -> Vec<(String, String)> {
        let config = self.context.env_var("AWS_CONFIG_FILE");
        self.section_of(config, "~/.aws/config", name)
    }

    fn section_of(
        &self,
        path: Option<String>,
        fallback: &str,
        section: &str,
    ) -> Vec<(String, String)> {
        let path = path.unwrap_or_else(|| fallback.to_owned());
        let read = || {
            let path = self.context.expand_home_dir(&path)?;
            let text = block_on(self.context.file_read_as_string(&path)).ok()?;
            let file = Ini::load_from_str(&text).ok()?;
            let settings = file.section(Some(section))?.iter();
            let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
            Some(settings.collect())
        };
        read().unwrap_or_default()
    }

    fn ask(
        &self,
        provider: impl ProvideCredential<Credential = Credential>,
    ) -> Result<Option<Credential>, Refusal> {
        self.ask_in(&self.context, provider)
    }

    fn ask_in(
        &self,
        context: &Context,
        provider: impl ProvideCredential<Credential = Credential>,
    ) -> Result<Option<Credential>, Refusal> {
        match block_on(provider.provide_credential(context)) {
            Ok(found) => Ok(found.filter(|found| !found.access_key_id.is_empty())),
            Err(error) => Err(no_credentials(self.extras, &said(&error.to_string()))),
        }
    }

    fn assume(&self, base: Credential, role: &Role) -> Result<Credential, Refusal> {
        let signer = Signer::new(
            self.context.clone(),
            Fixed(base),
            At {
                endpoint: self.sts.map(str::to_owned),
                signer: RequestSigner::new("sts", self.region),
            },
        );
        let session = role.session_name.clone().unwrap_or_else(session_name);
        let mut provider = AssumeRoleCredentialProvider::new(role.arn.clone(), signer)
            .with_role_session_name(session)
            .with_region(self.region.to_owned())
            .with_regional_sts_endpoint();
        if let Some(id) = &role.external_id {
            provider = provider.with_external_id(id.clone());
        }
        match block_on(provider.provide_credential(&self.context)) {
            Ok(Some(found)) => Ok(found),
            Ok(None) => Err(no_role(&role.arn, "there is no answer")),
            Err(error) => {
                let mut refusal = no_role(&role.arn, &said(&error.to_string()));
                if error.is_retryable() {
                    refusal.reason = Reason::Network;
                }
                Err(refusal)
            }
        }
    }
}

/// Who it was, in the trail that AWS keeps.
fn session_name() -> String {
    let host = crate::io::who::host().unwrap_or_default();
    let host: String = host
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))
        .take(48)
        .collect();
    format!("mvx@{host}")
}

/// Credentials that are known.
#[derive(Debug)]
struct Fixed(Credential);

impl ProvideCredential for Fixed {
    type Credential = Credential;

    async fn provide_credential(&self, _: &Context) -> reqsign_core::Result<Option<Credential>> {
        Ok(Some(self.0.clone()))
    }
}

/// A program that prints credentials, as "Sourcing credentials with an external process" of AWS says.
#[derive(Debug)]
struct Printed(Vec<String>);

/// What it prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PrintedKeys {
    version: u32,
    access_key_id: String,
    secret_access_key: String,
    #[serde(default)]
    session_token: Option<String>,
    #[serde(default)]
    expiration: Option<String>,
}

impl ProvideCredential for Printed {
    type Credential = Credential;

    async fn provide_credential(
        &self,
        context: &Context,
    ) -> reqsign_core::Result<Option<Credential>> {
        let Some((program, arguments)) = self.0.split_first() else {
            return Ok(None);
        };
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = context.command_execute(program, &arguments).await?;
        let wrong = |why: &str| Error::config_invalid(format!("`{program}` {why}"));
        if !output.success() {
            return Err(wrong(&format!("ended with status {}", output.status)));
        }
        let keys: PrintedKeys =
            serde_json::from_slice(&output.stdout).map_err(|_| wrong("printed no credentials"))?;
        if keys.version != 1 {
            return Err(wrong("printed credentials of another version than 1"));
        }
        let expires_in = keys.expiration.map(|time| time.parse()).transpose();
        Ok(Some(Credential {
            access_key_id: keys.access_key_id,
            secret_access_key: keys.secret_access_key,
            session_token: keys.session_token,
            expires_in: expires_in.map_err(|_| wrong("printed a time that is none"))?,
        }))
    }
}

/// Sends requests to another address than the library makes them for.
#[derive(Debug)]
struct Elsewhere {
    context: Context,
    endpoint: String,
}

impl HttpSend for Elsewhere {
    async fn http_send(
        &self,
        mut request: http::Request<Bytes>,
    ) -> reqsign_core::Result<http::Response<Bytes>> {
        *request.uri_mut() = at(&self.endpoint, request.uri())?;
        self.context.http_send(request).await
    }
}

/// The same request at another address.
fn at(endpoint: &str, uri: &http::Uri) -> reqsign_core::Result<http::Uri> {
    let endpoint = endpoint.trim_end_matches('/');
    let query = uri.query().map(|query| format!("?{query}"));
    format!("{endpoint}/{}", query.unwrap_or_default())
        .parse()
        .map_err(|_| Error::config_invalid("the address of STS is none"))
}

/// Signs requests for another address than the library makes them for.
#[derive(Debug)]
struct At {
    endpoint: Option<String>,
    signer: RequestSigner,
}

impl SignRequest for At {
    type Credential = Credential;

    async fn sign_request(
        &self,
        context: &Context,
        request: &mut http::request::Parts,
        credential: Option<&Credential>,
        expires_in: Option<std::time::Duration>,
    ) -> reqsign_core::Result<()> {
        if let Some(endpoint) = &self.endpoint {
            request.uri = at(endpoint, &request.uri)?;
        }
        self.signer
            .sign_request(context, request, credential, expires_in)
            .await
    }
}
