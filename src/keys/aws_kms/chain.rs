//! Where this machine keeps credentials for AWS, in the order in which Amazon's own programs look.
//!
//! Source: "Standardized credential providers" in the AWS SDKs and Tools Reference Guide, and the
//! order that the SDK for Go has, which sops uses: a profile that is asked for by name; else the
//! environment; else a web identity; else the profile of `AWS_PROFILE`; else the container, else the
//! virtual machine that this runs on.

use zeroize::Zeroizing;

use crate::keys::aws_kms::arn::Region;
use crate::keys::aws_kms::credentials::Credentials;
use crate::keys::aws_kms::profiles::{Profiles, Section, typed};
use crate::keys::aws_kms::sts::{self, Role};
use crate::keys::aws_kms::{metadata, process, sign_on};
use crate::keys::remote::{Reason, Refusal, Services, said};

/// The most profiles that lead from one to the next by `source_profile`.
const MOST_PROFILES: usize = 8;

/// A look through this machine, for one profile.
pub(super) struct Chain<'a> {
    pub(super) services: &'a Services,
    /// Where roles are assumed.
    pub(super) region: &'a Region,
}

impl Chain<'_> {
    /// The credentials of the profile of this name, else this machine's own. A profile that this
    /// machine does not have is none in CI, where the environment says who asks.
    pub(super) fn find(&self, named: Option<&str>) -> Result<Credentials, Refusal> {
        let mut missing = None;
        if let Some(name) = named {
            let profiles = Profiles::read(&*self.services.machine)?;
            if profiles.profile(name).is_some() {
                return self.of_profile(&profiles, name, 0);
            }
            missing = Some(profiles.missing(name));
        }
        if let Some(found) = self.of_variables()? {
            return Ok(found);
        }
        if let Some(refusal) = missing {
            return match metadata::of_container(self.services)? {
                Some(found) => Ok(found),
                None => Err(refusal),
            };
        }
        let profiles = Profiles::read(&*self.services.machine)?;
        let chosen = self.text("AWS_PROFILE")?;
        let chosen = match chosen {
            Some(name) => Some(name),
            None => self.text("AWS_DEFAULT_PROFILE")?,
        };
        match &chosen {
            Some(name) if profiles.profile(name).is_none() => Err(profiles.missing(name)),
            Some(name) => self.of_profile(&profiles, name, 0),
            None if profiles.profile("default").is_some() => {
                self.of_profile(&profiles, "default", 0)
            }
            None => self.of_surroundings(&profiles, None),
        }
    }

    /// Keys or a web identity that variables name.
    fn of_variables(&self) -> Result<Option<Credentials>, Refusal> {
        let id = self.text("AWS_ACCESS_KEY_ID")?;
        let secret = self.text("AWS_SECRET_ACCESS_KEY")?;
        if let (Some(id), Some(secret)) = (&id, &secret) {
            let token = self.text("AWS_SESSION_TOKEN")?;
            let token = token.as_ref().map(|token| token.as_str());
            let renewal = "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN come before every profile: set them anew, or unset them";
            let source = "AWS_ACCESS_KEY_ID";
            return Credentials::new(id, secret, token, source, renewal).map(Some);
        }
        if id.is_some() != secret.is_some() {
            return Err(Refusal::new(
                Reason::NoCredentials,
                "only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set",
            ));
        }
        let Some(file) = self.text("AWS_WEB_IDENTITY_TOKEN_FILE")? else {
            return Ok(None);
        };
        let Some(role) = self.text("AWS_ROLE_ARN")? else {
            return Err(Refusal::new(
                Reason::NoCredentials,
                "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not",
            ));
        };
        let session = self.text("AWS_ROLE_SESSION_NAME")?;
        let role = Role {
            arn: &role,
            session: session.as_ref().map(|name| name.as_str()),
            external_id: None,
        };
        self.of_web_identity(&role, "AWS_WEB_IDENTITY_TOKEN_FILE", &file)
            .map(Some)
    }

    /// The credentials of a profile, with the role that it names.
    fn of_profile(
        &self,
        profiles: &Profiles,
        name: &str,
        depth: usize,
    ) -> Result<Credentials, Refusal> {
        let Some(profile) = profiles.profile(name) else {
            return Err(profiles.missing(name));
        };
        let get = |key: &str| setting(profile, key);
        let session = get("role_session_name");
        let role = get("role_arn").map(|arn| Role {
            arn,
            session,
            external_id: get("external_id"),
        });
        if let (Some(role), Some(file)) = (&role, get("web_identity_token_file")) {
            return self.of_web_identity(role, &format!("the profile {}", said(name)), file);
        }
        if role.is_some() && get("mfa_serial").is_some() {
            return Err(Refusal::new(
                Reason::NoCredentials,
                format!("the profile {} asks for a code of a second factor", said(name)),
            )
            .hint(format!(
                "`eval \"$(aws configure export-credentials --profile {} --format env)\"` asks for it, and passes on a session",
                typed(name)
            )));
        }
        let source = get("source_profile").filter(|source| *source != name);
        let held = match (source, get("credential_source")) {
            (Some(_), _) if depth >= MOST_PROFILES => Err(Refusal::new(
                Reason::NoCredentials,
                format!(
                    "the profiles of {} lead in a circle (source_profile)",
                    said(name)
                ),
            )),
            (Some(source), _) if role.is_some() => self.of_profile(profiles, source, depth + 1),
            (_, Some(place)) if role.is_some() => self.of_source(profiles, name, place),
            _ => self.of_settings(profiles, name, profile),
        }?;
        match role {
            Some(role) => sts::assume(self.services, self.region, &role, &held),
            None => Ok(held),
        }
    }

    /// What the profile itself has: keys, a single sign-on, a program; else what is around.
    fn of_settings(
        &self,
        profiles: &Profiles,
        name: &str,
        profile: &Section,
    ) -> Result<Credentials, Refusal> {
        let get = |key: &str| setting(profile, key);
        let shown = format!("the profile {}", said(name));
        if let (Some(id), Some(secret)) = (get("aws_access_key_id"), get("aws_secret_access_key")) {
            let renewal = format!("`aws configure --profile {}` sets them anew", typed(name));
            let token = get("aws_session_token");
            return Credentials::new(id, secret, token, shown, renewal);
        }
        if get("sso_session").is_some() || get("sso_start_url").is_some() {
            return sign_on::find(self.services, profiles, name, profile);
        }
        if let Some(line) = get("credential_process") {
            return process::run(self.services, &shown, line);
        }
        self.of_surroundings(profiles, Some(name))
    }

    /// What `credential_source` says.
    fn of_source(
        &self,
        profiles: &Profiles,
        name: &str,
        place: &str,
    ) -> Result<Credentials, Refusal> {
        let found = match place {
            "Environment" => self.of_variables()?,
            "EcsContainer" => metadata::of_container(self.services)?,
            "Ec2InstanceMetadata" => metadata::of_machine(self.services)?,
            _ => None,
        };
        found.ok_or_else(|| {
            profiles.with_broken_lines(Refusal::new(
                Reason::NoCredentials,
                format!(
                    "the profile {} wants credentials of `{}`, and there are none",
                    said(name),
                    said(place)
                ),
            ))
        })
    }

    /// The container or the virtual machine that this runs on.
    fn of_surroundings(
        &self,
        profiles: &Profiles,
        name: Option<&str>,
    ) -> Result<Credentials, Refusal> {
        if let Some(found) = metadata::of_container(self.services)? {
            return Ok(found);
        }
        if let Some(found) = metadata::of_machine(self.services)? {
            return Ok(found);
        }
        let refusal = match name {
            Some(name) => Refusal::new(
                Reason::NoCredentials,
                format!("the AWS profile {} holds no credentials", said(name)),
            )
            .hint(format!("`aws sso login --profile {0}` or `aws configure --profile {0}`", typed(name))),
            None => Refusal::new(
                Reason::NoCredentials,
                "this machine has no credentials for AWS",
            )
            .hint("AWS_PROFILE names a profile; `aws sso login --profile NAME` logs it in; `aws configure sso` makes one")
            .hint("in CI, use the `aws-actions/configure-aws-credentials` action, or set AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE"),
        };
        Err(profiles.with_broken_lines(refusal))
    }

    /// A role for the token in a file.
    fn of_web_identity(
        &self,
        role: &Role<'_>,
        source: &str,
        file: &str,
    ) -> Result<Credentials, Refusal> {
        let unusable =
            |why: String| Refusal::new(Reason::NoCredentials, format!("{source}: {why}"));
        let token = metadata::text_of(self.services, file).map_err(unusable)?;
        sts::assume_with_token(self.services, self.region, role, &token)
    }

    /// A variable that must be text.
    fn text(&self, name: &'static str) -> Result<Option<Zeroizing<String>>, Refusal> {
        let value = self.services.machine.variable(name);
        let text = value.map(|value| value.into_string().map(Zeroizing::new));
        text.transpose()
            .map_err(|_| Refusal::new(Reason::NoCredentials, format!("{name} is not UTF-8 text")))
    }
}

/// A setting that is not empty.
pub(super) fn setting<'a>(section: &'a Section, name: &str) -> Option<&'a str> {
    let value = section.get(name)?.as_str();
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
