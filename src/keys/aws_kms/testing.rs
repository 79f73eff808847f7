//! Amazon as far as these tests need it: KMS and STS. Its cipher is AES-GCM under one key for each
//! KMS key and encryption context.

use std::sync::{Arc, Mutex};

use aes_gcm::aead::{Aead as _, KeyInit as _};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::io::http::{HttpError, Request, Response};
use crate::io::random;
use crate::keys::aws_kms::AwsKms;
use crate::keys::believed::Places;
use crate::keys::remote::Services;
use crate::keys::testing::{FakeBelieved, FakeMachine, FakePrompt, answer};
use crate::keys::{Extras, Kind, Target};

pub(super) const KEY: &str =
    "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
pub(super) const ALIAS: &str = "arn:aws:kms:eu-west-1:111122223333:alias/team";
pub(super) const ROLE: &str = "arn:aws:iam::111122223333:role/opener";
/// What must never be shown.
pub(super) const SECRET: &str = "s3cret/of+ours";
pub(super) const TOKEN: &str = "t0ken-of-ours";

/// What happened, and how Amazon behaves.
#[derive(Default)]
pub(super) struct Amazon {
    /// Each request: the host, what it asks for, and who asks.
    log: Mutex<Vec<String>>,
    /// Answers in the place of those that KMS would give, one a request.
    pub(super) broken: Mutex<Vec<Result<Response, HttpError>>>,
    /// The same for STS.
    pub(super) broken_sts: Mutex<Vec<Result<Response, HttpError>>>,
}

impl Amazon {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// What was asked since the last call.
    pub(super) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().unwrap())
    }

    /// KMS answers the next request with this error.
    pub(super) fn refuses(&self, code: &str, message: &str) {
        let body = json!({"__type": code, "message": message}).to_string();
        self.broken.lock().unwrap().push(answer(400, &body));
    }

    /// Answers as Amazon would.
    pub(super) fn answer(&self, request: &Request) -> Result<Response, HttpError> {
        let header = |name: &str| {
            let mut headers = request.headers.iter();
            let found = headers.find(|(known, _)| known == name);
            found.map_or(String::new(), |(_, value)| value.to_string())
        };
        let body = String::from_utf8(request.body.to_vec()).unwrap();
        let who = header("authorization");
        let who = who.split_once("Credential=").map_or("", |(_, rest)| rest);
        let who = who.split('/').next().unwrap().to_owned();
        let target = header("x-amz-target");
        let host = request.host();
        let what = if target.is_empty() { &body } else { &target };
        let line = format!("{host} {what} {who}");
        self.log.lock().unwrap().push(line.trim().to_owned());
        if host.starts_with("sts.") {
            if let Some(broken) = self.broken_sts.lock().unwrap().pop() {
                return broken;
            }
            return answer(200, &given(&body));
        }
        if let Some(broken) = self.broken.lock().unwrap().pop() {
            return broken;
        }
        let body: Value = serde_json::from_str(&body).unwrap();
        let arn = match body["KeyId"].as_str().unwrap() {
            ALIAS => KEY,
            arn => arn,
        };
        let name = format!("{arn} {}", body["EncryptionContext"]);
        if target.ends_with("Encrypt") {
            let plain = BASE64_STANDARD.decode(body["Plaintext"].as_str().unwrap());
            let blob = BASE64_STANDARD.encode(encrypt(&name, &plain.unwrap()));
            return answer(
                200,
                &json!({"CiphertextBlob": blob, "KeyId": arn}).to_string(),
            );
        }
        let blob = BASE64_STANDARD.decode(body["CiphertextBlob"].as_str().unwrap());
        match decrypt(&name, &blob.unwrap()) {
            Some(plain) => {
                let plain = BASE64_STANDARD.encode(plain);
                answer(200, &json!({"Plaintext": plain, "KeyId": arn}).to_string())
            }
            None => answer(400, "{\"__type\":\"InvalidCiphertextException\"}"),
        }
    }

    /// The provider, on this machine.
    pub(super) fn provider(self: &Arc<Self>, machine: FakeMachine) -> AwsKms {
        self.provider_with(machine, Places::default())
    }

    /// The same for a user with settings.
    pub(super) fn provider_with(self: &Arc<Self>, machine: FakeMachine, places: Places) -> AwsKms {
        AwsKms::new(self.services(machine, places))
    }

    pub(super) fn services(
        self: &Arc<Self>,
        machine: FakeMachine,
        places: Places,
    ) -> Arc<Services> {
        let amazon = Arc::clone(self);
        let machine = machine.answers(move |request| amazon.answer(request));
        let believed = FakeBelieved {
            places,
            ..FakeBelieved::default()
        };
        Arc::new(Services::new(
            Arc::new(machine),
            FakePrompt::silent(),
            Arc::new(believed),
        ))
    }
}

/// A machine with keys in its environment.
pub(super) fn with_keys() -> FakeMachine {
    FakeMachine::default()
        .variable("AWS_ACCESS_KEY_ID", "ENVKEY")
        .variable("AWS_SECRET_ACCESS_KEY", SECRET)
        .variable("AWS_SESSION_TOKEN", TOKEN)
}

/// A key with a context.
pub(super) fn target(context: &[(&str, &str)]) -> Target {
    let context = context.iter();
    Target {
        kind: Kind::AwsKms,
        recipient: KEY.to_owned(),
        extras: Extras {
            context: context
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..Extras::default()
        },
    }
}

/// STS' answer: the key's id tells of the role.
fn given(body: &str) -> String {
    let (_, role) = body.split_once("role%2F").unwrap();
    let role = role.split('&').next().unwrap().to_ascii_uppercase();
    let action = if body.contains("WithWebIdentity") {
        "AssumeRoleWithWebIdentity"
    } else {
        "AssumeRole"
    };
    format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>
         <AssumedRoleUser><Arn>arn</Arn></AssumedRoleUser>
         <Credentials><AccessKeyId>ROLE{role}</AccessKeyId>
         <SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>{TOKEN}</SessionToken>
         <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
         </{action}Result><ResponseMetadata/></{action}Response>"
    )
}

fn cipher(name: &str) -> Aes256Gcm {
    let secret: [u8; 32] = Sha256::digest(name).into();
    Aes256Gcm::new(&Key::<Aes256Gcm>::from(secret))
}

fn encrypt(name: &str, plain: &[u8]) -> Vec<u8> {
    let mut nonce = [0; 12];
    random::fill(&mut nonce).unwrap();
    let sealed = cipher(name).encrypt(&Nonce::from(nonce), plain).unwrap();
    [nonce.to_vec(), sealed].concat()
}

fn decrypt(name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_at_checked(12)?;
    let nonce: [u8; 12] = nonce.try_into().unwrap();
    cipher(name).decrypt(&Nonce::from(nonce), sealed).ok()
}
