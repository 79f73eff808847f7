//! AWS KMS: the data key is wrapped by Amazon's service, whose keys never leave it.
//!
//! The ARN says which region's service is asked, and it comes from the repository: `arn`
//! sees to it that it leads to Amazon's own hosts alone, `address` that only the user
//! can name others. Who asks is found out by `chain`, as Amazon's own programs do.
//!
//! Source: `Encrypt` and `Decrypt` in the AWS KMS API Reference; JSON 1.1; SOPS-FORMAT 1.9.

mod address;
mod arn;
mod chain;
mod credentials;
mod metadata;
mod process;
mod profiles;
mod refusal;
mod sign_on;
mod sts;

#[cfg(test)]
mod testing;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::io::http::{Request, Response};
use crate::keys::aws_kms::address::Service;
use crate::keys::aws_kms::arn::KeyArn;
use crate::keys::aws_kms::chain::Chain;
use crate::keys::aws_kms::credentials::Credentials;
use crate::keys::aws_kms::refusal::{Fault, Operation};
use crate::keys::aws_kms::sts::Role;
use crate::keys::once::Once;
use crate::keys::outlook::Outlook;
use crate::keys::remote::{Memory, Reason, Refusal, Services};
use crate::keys::{
    Effort, Extras, Held, KeyProvider, Kind, Report, Target, Unwrapped, WrapError, Wrapped,
};

/// Keys of AWS KMS.
pub struct AwsKms {
    services: Arc<Services>,
    memory: Memory,
    /// Who asks, by partition and profile.
    own: Once<Credentials>,
    /// The same with the role of an entry.
    roles: Once<Credentials>,
    /// Where credentials came from that were used.
    used: Mutex<Vec<String>>,
}

impl AwsKms {
    /// Reads and reaches nothing yet.
    pub fn new(services: Arc<Services>) -> Self {
        Self {
            services,
            memory: Memory::default(),
            own: Once::default(),
            roles: Once::default(),
            used: Mutex::default(),
        }
    }

    fn encrypt(&self, target: &Target, key: &[u8]) -> Result<Wrapped, Refusal> {
        let arn = KeyArn::parse(&target.recipient)?;
        let plaintext = Zeroizing::new(BASE64_STANDARD.encode(key));
        let body = body(&arn, &target.extras, "Plaintext", &plaintext)?;
        let response = self.ask(&arn, Operation::Encrypt, &target.extras, body)?;
        let answer: Encrypted<'_> = read(&arn, &response)?;
        is_of_this_key(&arn, answer.key_id.as_deref())?;
        let blob = BASE64_STANDARD.decode(answer.ciphertext_blob.as_bytes());
        match blob {
            Ok(blob) if (1..=MOST_WRAPPED).contains(&blob.len()) => {
                Ok(target.wrapped(answer.ciphertext_blob.into_owned()))
            }
            _ => Err(garbage(&arn)),
        }
    }

    fn decrypt(&self, entry: &Wrapped) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let arn = KeyArn::parse(&entry.recipient)?;
        let enc = entry.enc.trim();
        let is_blob = enc.len() <= MOST_WRAPPED.div_ceil(3) * 4
            && BASE64_STANDARD
                .decode(enc)
                .is_ok_and(|blob| !blob.is_empty());
        if !is_blob {
            return Err(Refusal::new(
                Reason::Mismatch,
                "the wrapped key in the file is damaged",
            ));
        }
        let body = body(&arn, &entry.extras, "CiphertextBlob", enc)?;
        let response = self.ask(&arn, Operation::Decrypt, &entry.extras, body)?;
        let answer: Decrypted<'_> = read(&arn, &response)?;
        is_of_this_key(&arn, answer.key_id.as_deref())?;
        let key = BASE64_STANDARD.decode(answer.plaintext.as_bytes());
        key.map(Zeroizing::new).map_err(|_| garbage(&arn))
    }

    /// Sends it, signed; once more with other credentials where these have expired meanwhile.
    fn ask(
        &self,
        arn: &KeyArn,
        operation: Operation,
        extras: &Extras,
        body: Zeroizing<Vec<u8>>,
    ) -> Result<Response, Refusal> {
        let address = address::of(&self.services, Service::Kms, &arn.region)?;
        let request = Request::new("POST", format!("{address}/"))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("TrentService.{}", operation.name()))
            .body(body);
        let mut held = self.credentials(arn, extras)?;
        let mut response = self.send(arn, &request, &held)?;
        if !response.is_success() && Fault::of_json(&response).is_expired() {
            self.forget(arn, extras, &held);
            let renewed = self.credentials(arn, extras)?;
            if !renewed.is_same(&held) {
                held = renewed;
                response = self.send(arn, &request, &held)?;
            }
        }
        if response.is_success() {
            return Ok(response);
        }
        Err(refusal::kms(
            arn,
            operation,
            extras,
            &response,
            held.asker(),
        ))
    }

    fn send(
        &self,
        arn: &KeyArn,
        request: &Request,
        held: &Credentials,
    ) -> Result<Response, Refusal> {
        let signed = held.sign(request, Service::Kms.name(), &arn.region.name)?;
        let response = self.services.send_unless(&signed, |response| {
            response.status == 429
                || (500..600).contains(&response.status)
                || (response.status == 400 && Fault::of_json(response).is_busy())
        })?;
        Ok(response)
    }

    /// Who asks: the profile that the entry names, else this machine's own credentials; with them, the
    /// role that the entry names.
    fn credentials(&self, arn: &KeyArn, extras: &Extras) -> Result<Credentials, Refusal> {
        let role = extras.role.as_deref().filter(|role| !role.is_empty());
        role.map(arn::check_role).transpose()?;
        let (own, with_role) = places(arn, extras);
        let of_machine = || {
            self.own.value(&own, || {
                let chain = Chain {
                    services: &self.services,
                    region: &arn.region,
                };
                let found = chain.find(profile(extras))?;
                let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
                if !used.contains(&found.source) {
                    used.push(found.source.clone());
                }
                Ok(found)
            })
        };
        let Some(role) = role else {
            return of_machine();
        };
        self.roles.value(&with_role, || {
            let role = Role {
                arn: role,
                session: None,
                external_id: None,
            };
            sts::assume(&self.services, &arn.region, &role, &of_machine()?)
        })
    }

    /// Has credentials found anew. A role's are forgotten with those that assumed it.
    fn forget(&self, arn: &KeyArn, extras: &Extras, old: &Credentials) {
        let (own, with_role) = places(arn, extras);
        self.roles.forget(&with_role, |known| known.is_same(old));
        self.own.forget(&own, |known| known.is_same(old));
    }
}

impl KeyProvider for AwsKms {
    fn kind(&self) -> Kind {
        Kind::AwsKms
    }

    fn wrap(&self, target: &Target, key: &[u8]) -> Result<Wrapped, WrapError> {
        self.encrypt(target, key).map_err(WrapError::new)
    }

    fn unwrap(&self, entry: &Wrapped, effort: Effort) -> Unwrapped {
        if entry.kind != Kind::AwsKms || effort != Effort::Network {
            return Unwrapped::NotMine;
        }
        self.memory.unwrap(entry, || self.decrypt(entry))
    }

    fn outlook(&self, entry: &Wrapped) -> Outlook {
        let address = KeyArn::parse(&entry.recipient)
            .and_then(|arn| address::of(&self.services, Service::Kms, &arn.region));
        let address = match address {
            Ok(address) => address,
            Err(refusal) => return Outlook::none(refusal.to_string()),
        };
        Outlook::at(
            &address,
            self.services.machine.as_ref(),
            &[
                "AWS_ACCESS_KEY_ID",
                "AWS_PROFILE",
                "AWS_DEFAULT_PROFILE",
                "AWS_CONFIG_FILE",
                "AWS_SHARED_CREDENTIALS_FILE",
                "AWS_WEB_IDENTITY_TOKEN_FILE",
                "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            ],
            &[".aws/credentials", ".aws/config"],
        )
    }

    fn report(&self) -> Report {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let held = used.iter().map(|source| Held {
            source: format!("AWS credentials of {source}"),
            kind: Kind::AwsKms.to_string(),
            recipient: None,
            protected: false,
        });
        Report {
            held: held.collect(),
            ..Report::default()
        }
    }
}

/// The largest ciphertext of KMS, in bytes.
const MOST_WRAPPED: usize = 6144;

/// The most bytes of an encryption context; KMS takes 8,192 characters.
const MOST_CONTEXT: usize = 8192;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Encrypted<'a> {
    #[serde(borrow)]
    ciphertext_blob: Cow<'a, str>,
    #[serde(borrow, default)]
    key_id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Decrypted<'a> {
    // Borrowed: a copy would not be wiped.
    plaintext: &'a str,
    #[serde(borrow, default)]
    key_id: Option<Cow<'a, str>>,
}

/// The profile that an entry names; an empty one names none.
fn profile(extras: &Extras) -> Option<&str> {
    extras.profile.as_deref().filter(|name| !name.is_empty())
}

/// The names under which credentials are remembered: without and with the entry's role.
fn places(arn: &KeyArn, extras: &Extras) -> (String, String) {
    let own = format!(
        "{}\n{}",
        arn.region.partition(),
        profile(extras).unwrap_or_default()
    );
    let with_role = format!("{own}\n{}", extras.role.as_deref().unwrap_or_default());
    (own, with_role)
}

/// A request's body: the key, what it is used on, the context.
fn body(
    arn: &KeyArn,
    extras: &Extras,
    name: &str,
    value: &str,
) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let pairs = extras.context.iter();
    let length: usize = pairs.map(|(name, value)| name.len() + value.len()).sum();
    if length > MOST_CONTEXT {
        return Err(Refusal::new(
            Reason::Malformed,
            format!("its encryption context is longer than {MOST_CONTEXT} bytes"),
        ));
    }
    let context: BTreeMap<&str, &str> = extras
        .context
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let malformed = |_| Refusal::new(Reason::Malformed, "its encryption context is malformed");
    let context = if context.is_empty() {
        String::new()
    } else {
        let context = serde_json::to_string(&context).map_err(malformed)?;
        format!(",\"EncryptionContext\":{context}")
    };
    let arn = arn.to_string();
    // Nothing that would have to be escaped: an ARN that was checked, and base64.
    let parts = [
        "{\"KeyId\":\"",
        &arn,
        "\",\"",
        name,
        "\":\"",
        value,
        "\"",
        &context,
        "}",
    ];
    let mut body = Zeroizing::new(Vec::with_capacity(
        parts.iter().map(|part| part.len()).sum(),
    ));
    for part in parts {
        body.extend_from_slice(part.as_bytes());
    }
    Ok(body)
}

fn read<'a, T: Deserialize<'a>>(arn: &KeyArn, response: &'a Response) -> Result<T, Refusal> {
    serde_json::from_slice(response.body.as_bytes()).map_err(|_| garbage(arn))
}

/// Checks which key KMS says it used; for an alias, that is for KMS to know.
fn is_of_this_key(arn: &KeyArn, answered: Option<&str>) -> Result<(), Refusal> {
    let (Some(id), Some(answered)) = (&arn.id, answered) else {
        return Ok(());
    };
    if answered == arn.to_string() || answered == id {
        return Ok(());
    }
    Err(Refusal::new(
        Reason::Mismatch,
        "KMS used another key than the file says",
    ))
}

fn garbage(arn: &KeyArn) -> Refusal {
    Refusal::new(
        Reason::Garbage,
        format!(
            "the answer of KMS in {} cannot be understood",
            arn.region.name
        ),
    )
}

#[cfg(test)]
mod tests;
