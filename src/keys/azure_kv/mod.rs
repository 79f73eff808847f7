//! Azure Key Vault and Managed HSM: the data key is wrapped with RSA-OAEP-256 by the vault itself.
//!
//! A vault's address comes from the repository, so it is held against Azure's own names
//! (`cloud`) before anything is sent, and so is the login that the vault then names
//! (`challenge`): a token is never asked for, or shown, anywhere else.
//!
//! Source: "Azure Key Vault REST API reference", 7.4: Get Key, encrypt, decrypt.

mod challenge;
mod cloud;
mod key;
mod refusal;
mod token;

#[cfg(test)]
mod testing;

use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::io::http::{Request, Response};
use crate::keys::azure_kv::challenge::Challenge;
use crate::keys::azure_kv::key::KeyId;
use crate::keys::azure_kv::refusal::Operation;
use crate::keys::bearer::Tokens;
use crate::keys::once::Once;
use crate::keys::outlook::Outlook;
use crate::keys::remote::{Memory, Reason, Refusal, Services};
use crate::keys::{Effort, KeyProvider, Kind, Report, Target, Unwrapped, WrapError, Wrapped};

/// Keys in Azure's vaults.
pub struct AzureKv {
    services: Arc<Services>,
    memory: Memory,
    tokens: Tokens,
    /// By the vault's host.
    challenges: Once<Challenge>,
    /// The current versions, by vault and key.
    versions: Once<KeyId>,
}

impl AzureKv {
    /// Reads and reaches nothing yet.
    pub fn new(services: Arc<Services>) -> Self {
        Self {
            services,
            memory: Memory::default(),
            tokens: Tokens::default(),
            challenges: Once::default(),
            versions: Once::default(),
        }
    }

    fn encrypt(&self, target: &Target, key: &[u8]) -> Result<Wrapped, Refusal> {
        let id = KeyId::parse(&target.recipient)?;
        let named = id.version.is_some();
        let id = self.with_version(id)?;
        let answer = self.operate(&id, Operation::Encrypt, key)?;
        let enc = encoding().encode(&answer);
        let mut wrapped = target.wrapped(enc);
        if let (false, Some(version)) = (named, &id.version) {
            let recipient = target.recipient.trim_end_matches('/');
            wrapped.recipient = format!("{recipient}/{version}");
        }
        Ok(wrapped)
    }

    fn decrypt(&self, entry: &Wrapped) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let id = self.with_version(KeyId::parse(&entry.recipient)?)?;
        let damaged = || Refusal::new(Reason::Mismatch, "the wrapped key in the file is damaged");
        let enc = encoding().decode(entry.enc.trim()).map_err(|_| damaged())?;
        if enc.is_empty() || enc.len() > MOST_WRAPPED {
            return Err(damaged());
        }
        self.operate(&id, Operation::Decrypt, &enc)
    }

    /// The key in the version that it names, else the current one.
    fn with_version(&self, id: KeyId) -> Result<KeyId, Refusal> {
        if id.version.is_some() {
            return Ok(id);
        }
        let name = format!("{}/{}", id.host, id.name);
        self.versions.value(&name, || self.current(&id))
    }

    fn current(&self, id: &KeyId) -> Result<KeyId, Refusal> {
        let response = self.ask(id, Operation::Get, || Request::new("GET", id.url("")))?;
        let bundle: Bundle<'_> =
            serde_json::from_slice(response.body.as_bytes()).map_err(|_| garbage(id))?;
        if bundle.attributes.enabled == Some(false) {
            return Err(refusal::disabled(id, "the key is disabled"));
        }
        let current = KeyId::parse(bundle.key.kid).map_err(|_| garbage(id))?;
        let is_same = current.host == id.host && current.name.eq_ignore_ascii_case(&id.name);
        match current.version {
            Some(version) if is_same => Ok(id.at(version)),
            _ => Err(garbage(id)),
        }
    }

    /// Has the vault encrypt or decrypt.
    fn operate(
        &self,
        id: &KeyId,
        operation: Operation,
        value: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let response = self.ask(id, operation, || {
            Request::new("POST", id.url(operation.name()))
                .header("content-type", "application/json")
                .body(body(value))
        })?;
        let answer: Answer<'_> =
            serde_json::from_slice(response.body.as_bytes()).map_err(|_| garbage(id))?;
        let value = encoding().decode(answer.value).map(Zeroizing::new);
        value.map_err(|_| garbage(id))
    }

    /// Sends what `request` makes, with a token, and a new one where the old one has expired.
    fn ask(
        &self,
        id: &KeyId,
        operation: Operation,
        request: impl Fn() -> Request,
    ) -> Result<Response, Refusal> {
        let challenge = self.challenges.value(&id.host, || self.challenge(id))?;
        let response = self.tokens.send(
            &token::name(&challenge),
            || token::find(&self.services, &challenge),
            |token| self.services.send(&token.on(request())),
        )?;
        if response.is_success() {
            return Ok(response);
        }
        Err(refusal::vault(id, operation, &response))
    }

    /// Asks the vault without a token, and without anything secret, who makes tokens for it.
    fn challenge(&self, id: &KeyId) -> Result<Challenge, Refusal> {
        let response = self.services.send(&Request::new("GET", id.url("")))?;
        match response.status {
            401 => Challenge::read(id, &response),
            200..=299 => Err(garbage(id)),
            _ => Err(refusal::vault(id, Operation::Get, &response)),
        }
    }
}

impl KeyProvider for AzureKv {
    fn kind(&self) -> Kind {
        Kind::AzureKv
    }

    fn wrap(&self, target: &Target, key: &[u8]) -> Result<Wrapped, WrapError> {
        self.encrypt(target, key).map_err(WrapError::new)
    }

    fn unwrap(&self, entry: &Wrapped, effort: Effort) -> Unwrapped {
        if entry.kind != Kind::AzureKv || effort != Effort::Network {
            return Unwrapped::NotMine;
        }
        self.memory.unwrap(entry, || self.decrypt(entry))
    }

    fn outlook(&self, entry: &Wrapped) -> Outlook {
        match KeyId::parse(&entry.recipient) {
            Ok(key) => Outlook::at(
                &key.host,
                self.services.machine.as_ref(),
                &[
                    "AZURE_CLIENT_SECRET",
                    "AZURE_FEDERATED_TOKEN_FILE",
                    "AZURE_CLIENT_ID",
                    "IDENTITY_ENDPOINT",
                ],
                &[".azure/azureProfile.json"],
            ),
            Err(refusal) => Outlook::none(refusal.to_string()),
        }
    }

    fn report(&self) -> Report {
        Report::default()
    }
}

/// The longest wrapped key, in bytes: that of an RSA key of 16,384 bits, and Azure's end at 4,096.
const MOST_WRAPPED: usize = 2048;

#[derive(Deserialize)]
struct Bundle<'a> {
    #[serde(borrow)]
    key: PublicKey<'a>,
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Deserialize)]
struct PublicKey<'a> {
    kid: &'a str,
}

#[derive(Default, Deserialize)]
struct Attributes {
    #[serde(default)]
    enabled: Option<bool>,
}

#[derive(Deserialize)]
struct Answer<'a> {
    value: &'a str,
}

/// Base64 for URLs, without padding; read with and without.
fn encoding() -> GeneralPurpose {
    let config = GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&URL_SAFE, config)
}

fn body(value: &[u8]) -> Zeroizing<Vec<u8>> {
    let encoded = Zeroizing::new(encoding().encode(value));
    let parts = ["{\"alg\":\"RSA-OAEP-256\",\"value\":\"", &encoded, "\"}"];
    let mut body = Zeroizing::new(Vec::with_capacity(
        parts.iter().map(|part| part.len()).sum(),
    ));
    for part in parts {
        body.extend_from_slice(part.as_bytes());
    }
    body
}

fn garbage(id: &KeyId) -> Refusal {
    Refusal::new(
        Reason::Garbage,
        format!("the answer of {} cannot be understood", id.host),
    )
}

#[cfg(test)]
mod tests;
