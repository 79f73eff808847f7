//! Google Cloud KMS: the data key is wrapped with a symmetric key that never leaves Google.
//!
//! A key's name comes from the repository and is checked before it becomes part of a URL. Where
//! Cloud KMS is asked is Google's own address, or one that the environment or the user's own settings
//! name. Checksums go with what is sent and are compared with what comes.
//!
//! Source: "Cloud KMS REST reference", v1: `cryptoKeys.encrypt` and `decrypt`; "Verify end-to-end data
//! integrity".

mod crc;
mod credentials;
mod noting;
mod refusal;
mod resource;

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::io::http::{Request, Response, is_this_machine};
use crate::keys::bearer::Tokens;
use crate::keys::gcp_kms::crc::crc32c;
use crate::keys::gcp_kms::resource::Resource;
use crate::keys::outlook::Outlook;
use crate::keys::remote::{Memory, Reason, Refusal, Services};
use crate::keys::{Effort, KeyProvider, Kind, Report, Target, Unwrapped, WrapError, Wrapped};

/// Google's own address.
const ENDPOINT: &str = "https://cloudkms.googleapis.com";

/// What a key is to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Encrypt,
    Decrypt,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
        }
    }

    fn permission(self) -> &'static str {
        match self {
            Self::Encrypt => "cloudkms.cryptoKeyVersions.useToEncrypt",
            Self::Decrypt => "cloudkms.cryptoKeyVersions.useToDecrypt",
        }
    }

    fn role(self) -> &'static str {
        match self {
            Self::Encrypt => "roles/cloudkms.cryptoKeyEncrypter",
            Self::Decrypt => "roles/cloudkms.cryptoKeyDecrypter",
        }
    }
}

/// Keys in Google's KMS.
pub struct GcpKms {
    services: Arc<Services>,
    memory: Memory,
    tokens: Tokens,
}

impl GcpKms {
    /// Reads and reaches nothing yet.
    pub fn new(services: Arc<Services>) -> Self {
        Self {
            services,
            memory: Memory::default(),
            tokens: Tokens::default(),
        }
    }

    fn encrypt(&self, target: &Target, key: &[u8]) -> Result<Wrapped, Refusal> {
        let resource = Resource::parse(&target.recipient)?;
        let response = self.ask(&resource, Operation::Encrypt, &body("plaintext", key))?;
        let answer: Encrypted<'_> = understood(&response)?;
        let ciphertext = BASE64_STANDARD
            .decode(answer.ciphertext.as_bytes())
            .map_err(|_| garbage())?;
        let arrived = answer.verified_plaintext_crc32c.unwrap_or(true)
            && is_sum(answer.ciphertext_crc32c.as_deref(), &ciphertext);
        if !arrived || ciphertext.is_empty() {
            return Err(damaged_on_its_way());
        }
        Ok(target.wrapped(answer.ciphertext.into_owned()))
    }

    fn decrypt(&self, entry: &Wrapped) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let resource = Resource::parse(&entry.recipient)?;
        let damaged = || Refusal::new(Reason::Mismatch, "the wrapped key in the file is damaged");
        let enc = BASE64_STANDARD.decode(entry.enc.trim());
        let enc = enc.map_err(|_| damaged())?;
        if enc.is_empty() || enc.len() > MOST_WRAPPED {
            return Err(damaged());
        }
        let response = self.ask(&resource, Operation::Decrypt, &body("ciphertext", &enc))?;
        let answer: Decrypted<'_> = understood(&response)?;
        let plaintext = Zeroizing::new(answer.plaintext.into_owned());
        let plaintext = BASE64_STANDARD.decode(plaintext.as_bytes());
        let plaintext = plaintext.map(Zeroizing::new).map_err(|_| garbage())?;
        if !is_sum(answer.plaintext_crc32c.as_deref(), &plaintext) {
            return Err(damaged_on_its_way());
        }
        Ok(plaintext)
    }

    fn ask(
        &self,
        resource: &Resource,
        operation: Operation,
        body: &Zeroizing<Vec<u8>>,
    ) -> Result<Response, Refusal> {
        let named = match operation {
            Operation::Encrypt => resource.versioned(),
            Operation::Decrypt => resource.key().to_owned(),
        };
        let url = format!("{}/v1/{named}:{}", self.endpoint()?, operation.name());
        let response = self.tokens.send(
            "",
            || credentials::find(&self.services),
            |token| {
                let request = Request::new("POST", url.as_str())
                    .header("content-type", "application/json")
                    .body(body.clone());
                self.services.send(&token.on(request))
            },
        )?;
        if response.is_success() {
            return Ok(response);
        }
        Err(refusal::kms(resource, operation, &response))
    }

    /// Where Cloud KMS is asked: never what the repository says.
    fn endpoint(&self) -> Result<String, Refusal> {
        let name = "SOPS_GCP_KMS_ENDPOINT";
        let (source, named) = if let Some(value) = self.services.machine.variable(name) {
            (name.to_owned(), value.to_string_lossy().into_owned())
        } else {
            let places = self.services.believed.places();
            let places = places.map_err(|why| Refusal::new(Reason::NotBelieved, why))?;
            match places.gcp_endpoint {
                Some(endpoint) => (self.services.believed.shown(), endpoint),
                None => return Ok(ENDPOINT.to_owned()),
            }
        };
        let named = named.trim();
        let (scheme, host) = named.split_once("://").unwrap_or(("https", named));
        let host = host.trim_end_matches('/');
        let name_of_host = host.rsplit_once(':').map_or(host, |(name, port)| {
            let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
            if is_port { name } else { host }
        });
        // A token and a data key go there: in clear to this machine alone.
        let sound = (scheme == "https" || scheme == "http" && is_this_machine(name_of_host))
            && !host.is_empty()
            && host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
        if !sound {
            return Err(Refusal::new(
                Reason::NotBelieved,
                format!("{source} names no address of Cloud KMS"),
            )
            .hint(format!("Google's own is {ENDPOINT}")));
        }
        Ok(format!("{scheme}://{host}"))
    }
}

impl KeyProvider for GcpKms {
    fn kind(&self) -> Kind {
        Kind::GcpKms
    }

    fn wrap(&self, target: &Target, key: &[u8]) -> Result<Wrapped, WrapError> {
        self.encrypt(target, key).map_err(WrapError::new)
    }

    fn unwrap(&self, entry: &Wrapped, effort: Effort) -> Unwrapped {
        if entry.kind != Kind::GcpKms || effort != Effort::Network {
            return Unwrapped::NotMine;
        }
        self.memory.unwrap(entry, || self.decrypt(entry))
    }

    fn outlook(&self, entry: &Wrapped) -> Outlook {
        let place = Resource::parse(&entry.recipient).and_then(|_| self.endpoint());
        match place {
            Ok(endpoint) => Outlook::at(
                &endpoint,
                self.services.machine.as_ref(),
                &[
                    "GOOGLE_CREDENTIALS",
                    "GOOGLE_OAUTH_ACCESS_TOKEN",
                    "GOOGLE_APPLICATION_CREDENTIALS",
                ],
                &[".config/gcloud/application_default_credentials.json"],
            ),
            Err(refusal) => Outlook::none(refusal.to_string()),
        }
    }

    fn report(&self) -> Report {
        Report::default()
    }
}

/// The longest wrapped key, in bytes; one of 33 bytes takes some 120.
const MOST_WRAPPED: usize = 64 << 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Encrypted<'a> {
    #[serde(borrow)]
    ciphertext: Cow<'a, str>,
    #[serde(borrow, default)]
    ciphertext_crc32c: Option<Cow<'a, str>>,
    #[serde(default)]
    verified_plaintext_crc32c: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Decrypted<'a> {
    #[serde(borrow)]
    plaintext: Cow<'a, str>,
    #[serde(borrow, default)]
    plaintext_crc32c: Option<Cow<'a, str>>,
}

/// `{"NAME":"base64","NAMECrc32c":"sum"}`.
fn body(name: &str, value: &[u8]) -> Zeroizing<Vec<u8>> {
    let encoded = Zeroizing::new(BASE64_STANDARD.encode(value));
    let sum = crc32c(value).to_string();
    let parts = [
        "{\"",
        name,
        "\":\"",
        &encoded,
        "\",\"",
        name,
        "Crc32c\":\"",
        &sum,
        "\"}",
    ];
    let mut body = Zeroizing::new(Vec::with_capacity(
        parts.iter().map(|part| part.len()).sum(),
    ));
    for part in parts {
        body.extend_from_slice(part.as_bytes());
    }
    body
}

/// Whether this is the checksum of `bytes`; emulators may leave it out.
fn is_sum(sum: Option<&str>, bytes: &[u8]) -> bool {
    sum.is_none_or(|sum| sum.parse() == Ok(crc32c(bytes)))
}

fn understood<'a, T: Deserialize<'a>>(response: &'a Response) -> Result<T, Refusal> {
    serde_json::from_slice(response.body.as_bytes()).map_err(|_| garbage())
}

fn garbage() -> Refusal {
    Refusal::new(
        Reason::Garbage,
        "the answer of Cloud KMS cannot be understood",
    )
}

fn damaged_on_its_way() -> Refusal {
    Refusal::new(
        Reason::Garbage,
        "what was sent, or what came, was damaged on its way: checksums differ",
    )
}

#[cfg(test)]
mod tests;
