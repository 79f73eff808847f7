//! AWS KMS: a symmetric key wraps the data key; the service keeps it and says who may use it.
//!
//! An ARN comes from the repository, so it is held against Amazon's own names ([`arn`](self::arn))
//! before anything is sent; another address comes from the environment or the user's own
//! configuration alone. Source: the API reference of KMS, `Encrypt` and `Decrypt`.

mod arn;
mod credentials;
mod refusal;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqsign_aws_v4::{Credential, RequestSigner};
use reqsign_core::hash::hex_sha256;
use reqsign_core::{Context, SignRequest as _};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::io::http::{Response, is_this_machine};
use crate::keys::aws_kms::arn::Arn;
use crate::keys::aws_kms::refusal::{Operation, garbage, has_expired, is_busy, refused};
use crate::keys::once::Once;
use crate::keys::outlook::Outlook;
use crate::keys::remote::{Memory, Reason, Refusal, Services};
use crate::keys::signing::{block_on, ours};
use crate::keys::{
    Effort, Extras, Held, KeyProvider, Kind, Report, Target, Unwrapped, WrapError, Wrapped,
};

/// Keys of AWS KMS.
pub struct AwsKms {
    services: Arc<Services>,
    memory: Memory,
    /// By profile, role and region.
    credentials: Once<Credential>,
    used: AtomicBool,
}

/// The longest wrapped key that is sent, in bytes; KMS makes some 200 for a data key.
const MOST_WRAPPED: usize = 6144;

/// The longest encryption context, in bytes of its names and values; KMS takes 8 KiB as JSON.
const MOST_CONTEXT: usize = 8192;

impl AwsKms {
    /// Reads and reaches nothing yet.
    pub fn new(services: Arc<Services>) -> Self {
        Self {
            services,
            memory: Memory::default(),
            credentials: Once::default(),
            used: AtomicBool::new(false),
        }
    }

    fn encrypt(&self, target: &Target, key: &[u8]) -> Result<Wrapped, Refusal> {
        let arn = Arn::parse(&target.recipient)?;
        let plaintext = Zeroizing::new(STANDARD.encode(key));
        let answer = self.ask(
            &arn,
            &target.extras,
            Operation::Encrypt,
            &Question {
                key_id: &arn.text,
                plaintext: Some(&plaintext),
                ciphertext_blob: None,
                encryption_context: Pairs(&target.extras.context),
            },
        )?;
        let answer: Answer<'_> =
            serde_json::from_slice(answer.body.as_bytes()).map_err(|_| garbage())?;
        let enc = answer.ciphertext_blob.ok_or_else(garbage)?;
        match STANDARD.decode(enc) {
            Ok(bytes) if (1..=MOST_WRAPPED).contains(&bytes.len()) => {
                Ok(target.wrapped(enc.to_owned()))
            }
            _ => Err(garbage()),
        }
    }

    fn decrypt(&self, entry: &Wrapped) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let arn = Arn::parse(&entry.recipient)?;
        let damaged = || Refusal::new(Reason::Mismatch, "the wrapped key in the file is damaged");
        let enc = entry.enc.trim();
        let sound = STANDARD.decode(enc).map_err(|_| damaged())?;
        if !(1..=MOST_WRAPPED).contains(&sound.len()) {
            return Err(damaged());
        }
        let answer = self.ask(
            &arn,
            &entry.extras,
            Operation::Decrypt,
            &Question {
                key_id: &arn.text,
                plaintext: None,
                ciphertext_blob: Some(enc),
                encryption_context: Pairs(&entry.extras.context),
            },
        )?;
        let answer: Answer<'_> =
            serde_json::from_slice(answer.body.as_bytes()).map_err(|_| garbage())?;
        if !answer.key_id.is_some_and(|key| arn.may_be(key)) {
            return Err(Refusal::new(
                Reason::Mismatch,
                "KMS unwrapped it with another key than the file says",
            ));
        }
        let plaintext = answer.plaintext.ok_or_else(garbage)?;
        let key = STANDARD.decode(plaintext).map(Zeroizing::new);
        key.map_err(|_| garbage())
    }

    /// Asks KMS, and once more with new credentials where the session has expired meanwhile.
    fn ask(
        &self,
        arn: &Arn,
        extras: &Extras,
        operation: Operation,
        question: &Question<'_>,
    ) -> Result<Response, Refusal> {
        let length: usize = extras.context.iter().map(|(a, b)| a.len() + b.len()).sum();
        if length > MOST_CONTEXT {
            return Err(Refusal::new(
                Reason::Malformed,
                "the encryption context is longer than KMS takes (8 KiB)",
            ));
        }
        let (endpoint, sts) = self.endpoints(arn)?;
        let body = serde_json::to_vec(question).map_err(|_| garbage())?;
        let body = Zeroizing::new(body);
        let name = format!("{:?} {:?} {}", extras.profile, extras.role, arn.region);
        for last in [false, true] {
            let credential = self.credentials.value(&name, || {
                credentials::load(&self.services, extras, &arn.region, sts.as_deref())
            })?;
            self.used.store(true, Ordering::Relaxed);
            let request = sign(&endpoint, &arn.region, operation, &body, &credential)?;
            let response = self.services.send_unless(&ours(&request), is_busy)?;
            if response.is_success() {
                return Ok(response);
            }
            if last || !has_expired(&response) {
                return Err(refused(operation, arn, extras, &response));
            }
            let old = credential.session_token;
            self.credentials
                .forget(&name, |known| known.session_token == old);
        }
        Err(garbage())
    }

    /// Where KMS is asked, and where roles are assumed if not at Amazon's own address: from the
    /// environment, or the user's own configuration.
    fn endpoints(&self, arn: &Arn) -> Result<(String, Option<String>), Refusal> {
        let variable = |name| self.services.machine.variable(name)?.into_string().ok();
        let any = || variable("AWS_ENDPOINT_URL");
        let own = self.services.believed.places();
        let own = own.map_err(|why| Refusal::new(Reason::NotBelieved, why))?;
        let kms = variable("AWS_ENDPOINT_URL_KMS")
            .or_else(any)
            .or(own.aws_endpoint);
        let sts = variable("AWS_ENDPOINT_URL_STS").or_else(any);
        for endpoint in kms.iter().chain(&sts) {
            must_be_private(endpoint)?;
        }
        let kms = kms.unwrap_or_else(|| arn.endpoint());
        Ok((kms.trim_end_matches('/').to_owned(), sts))
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
        if effort != Effort::Network {
            return Unwrapped::NotMine;
        }
        self.memory.unwrap(entry, || self.decrypt(entry))
    }

    fn outlook(&self, entry: &Wrapped) -> Outlook {
        let arn = match Arn::parse(&entry.recipient) {
            Ok(arn) => arn,
            Err(refusal) => return Outlook::none(refusal.to_string()),
        };
        let endpoint = match self.endpoints(&arn) {
            Ok((kms, _)) => kms,
            Err(refusal) => return Outlook::none(refusal.to_string()),
        };
        Outlook::at(
            &endpoint,
            self.services.machine.as_ref(),
            &[
                "AWS_ACCESS_KEY_ID",
                "AWS_PROFILE",
                "AWS_WEB_IDENTITY_TOKEN_FILE",
                "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            ],
            &[".aws/credentials", ".aws/config"],
        )
    }

    fn report(&self) -> Report {
        let mut report = Report::default();
        if self.used.load(Ordering::Relaxed) {
            report.held.push(Held {
                source: "this machine's credentials for AWS".to_owned(),
                kind: "aws_kms".to_owned(),
                recipient: None,
                protected: false,
            });
        }
        report
    }
}

/// A data key goes over the wire to this address: in clear to this machine alone.
fn must_be_private(endpoint: &str) -> Result<(), Refusal> {
    let uri: Option<http::Uri> = endpoint.parse().ok();
    let sound = uri.is_some_and(|uri| match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(_)) => true,
        (Some("http"), Some(host)) => is_this_machine(host),
        _ => false,
    });
    if sound {
        return Ok(());
    }
    Err(Refusal::new(
        Reason::NotBelieved,
        "the address of AWS_ENDPOINT_URL, or of `endpoint` in the settings, is no https address",
    )
    .hint("plain http is for servers on this machine"))
}

/// What KMS is asked, in its JSON protocol.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Question<'a> {
    key_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    plaintext: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ciphertext_blob: Option<&'a str>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    encryption_context: Pairs<'a>,
}

/// Names and values, written as a map.
struct Pairs<'a>(&'a [(String, String)]);

impl Pairs<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Pairs<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// What it answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    #[serde(borrow, default)]
    key_id: Option<&'a str>,
    #[serde(borrow, default)]
    plaintext: Option<&'a str>,
    #[serde(borrow, default)]
    ciphertext_blob: Option<&'a str>,
}

/// The signed request.
fn sign(
    endpoint: &str,
    region: &str,
    operation: Operation,
    body: &[u8],
    credential: &Credential,
) -> Result<http::Request<Bytes>, Refusal> {
    let malformed = || Refusal::new(Reason::Malformed, "the address of KMS is malformed");
    let request = http::Request::post(format!("{endpoint}/"))
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("TrentService.{}", operation.name()))
        .header("x-amz-content-sha256", hex_sha256(body))
        .body(Bytes::copy_from_slice(body))
        .map_err(|_| malformed())?;
    let (mut parts, body) = request.into_parts();
    let signer = RequestSigner::new("kms", region);
    let context = Context::new();
    let signed = signer.sign_request(&context, &mut parts, Some(credential), None);
    match block_on(signed) {
        Ok(()) => Ok(http::Request::from_parts(parts, body)),
        Err(_) => Err(Refusal::new(
            Reason::BadCredentials,
            "the request could not be signed: the credentials are malformed or about to expire",
        )),
    }
}
