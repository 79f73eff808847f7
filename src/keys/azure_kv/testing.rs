//! Azure as far as these tests need it: a login and vaults. Its cipher is AES-GCM under one key for
//! each version, in the place of RSA-OAEP, which scripts/azure.py has.

use std::sync::{Arc, Mutex};

use aes_gcm::aead::{Aead as _, KeyInit as _};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::io::http::{HttpError, Request, Response};
use crate::io::random;
use crate::keys::remote::Services;
use crate::keys::testing::{FakeBelieved, FakeMachine, FakePrompt, answer};
use crate::secret::Cleartext;

pub(super) const TENANT: &str = "8f0ce0f1-0000-4000-8000-000000000001";
pub(super) const KEY: &str = "https://shop.vault.azure.net/keys/sops";
pub(super) const VERSION: &str = "00112233445566778899aabbccddeeff";

/// What happened, and how Azure behaves.
pub(super) struct Azure {
    /// Each request: method, URL, and the headers and body that matter.
    pub(super) log: Mutex<Vec<String>>,
    /// What the vault says of its login.
    pub(super) challenge: Mutex<String>,
    /// Requests that come with this token are taken.
    pub(super) token: Mutex<String>,
    /// A status and a body in the place of the vault's answer to an operation.
    pub(super) broken: Mutex<Option<(u16, String)>>,
}

impl Azure {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            log: Mutex::default(),
            challenge: Mutex::new(format!(
                "Bearer authorization=\"https://login.microsoftonline.com/{TENANT}\", resource=\"https://vault.azure.net\""
            )),
            token: Mutex::new("token-1".to_owned()),
            broken: Mutex::default(),
        })
    }

    /// What was asked since the last call.
    pub(super) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().unwrap())
    }

    /// Answers as Azure would.
    pub(super) fn answer(&self, request: &Request) -> Result<Response, HttpError> {
        let body = String::from_utf8(request.body.to_vec()).unwrap();
        let header = |name: &str| {
            let mut headers = request.headers.iter();
            let found = headers.find(|(known, _)| known == name);
            found.map_or(String::new(), |(_, value)| value.to_string())
        };
        let authorization = header("authorization");
        let metadata = header("metadata") + &header("x-identity-header");
        let line = format!(
            "{} {} {authorization}{metadata}",
            request.method, request.url
        );
        self.log.lock().unwrap().push(line.trim().to_owned());
        let token = self.token.lock().unwrap().clone();
        if request.url.starts_with("http://") {
            return match metadata.as_str() {
                "" => answer(400, "{}"),
                _ => answer(200, &format!("{{\"access_token\":\"{token}\"}}")),
            };
        }
        if request.host().starts_with("login.") {
            self.log.lock().unwrap().push(body);
            return answer(
                200,
                &format!("{{\"access_token\":\"{token}\",\"expires_in\":3599}}"),
            );
        }
        if authorization != format!("Bearer {token}") {
            assert!(body.is_empty() || authorization.starts_with("Bearer "));
            return Ok(Response {
                status: 401,
                headers: vec![(
                    "www-authenticate".to_owned(),
                    self.challenge.lock().unwrap().clone(),
                )],
                body: Cleartext::from("{\"error\":{\"code\":\"Unauthorized\"}}"),
            });
        }
        if let Some((status, body)) = &*self.broken.lock().unwrap() {
            return answer(*status, body);
        }
        let (url, _) = request.url.split_once('?').unwrap();
        match url.rsplit_once('/').unwrap() {
            (key, "encrypt") => answer(200, &value(&encrypt(key, &sent(&body)))),
            (key, "decrypt") => match decrypt(key, &sent(&body)) {
                Some(plain) => answer(200, &value(&plain)),
                None => answer(400, "{\"error\":{\"code\":\"BadParameter\"}}"),
            },
            _ => answer(
                200,
                &format!(
                    "{{\"key\":{{\"kid\":\"{url}/{VERSION}\",\"kty\":\"RSA\"}},\"attributes\":{{\"enabled\":true}}}}"
                ),
            ),
        }
    }

    /// What a provider asks, on this machine.
    pub(super) fn services(self: &Arc<Self>, machine: FakeMachine) -> Arc<Services> {
        let azure = Arc::clone(self);
        let machine = machine.answers(move |request| azure.answer(request));
        Arc::new(Services::new(
            Arc::new(machine),
            FakePrompt::silent(),
            Arc::new(FakeBelieved::default()),
        ))
    }
}

/// A machine with an application's secret.
pub(super) fn with_secret() -> FakeMachine {
    FakeMachine::default()
        .variable("AZURE_TENANT_ID", TENANT)
        .variable("AZURE_CLIENT_ID", "app")
        .variable("AZURE_CLIENT_SECRET", "s&cret=+/")
}

fn value(bytes: &[u8]) -> String {
    let value = BASE64_URL_SAFE_NO_PAD.encode(bytes);
    format!("{{\"kid\":\"x\",\"value\":\"{value}\"}}")
}

fn sent(body: &str) -> Vec<u8> {
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["alg"], "RSA-OAEP-256");
    BASE64_URL_SAFE_NO_PAD
        .decode(body["value"].as_str().unwrap())
        .unwrap()
}

fn cipher(key: &str) -> Aes256Gcm {
    let secret: [u8; 32] = Sha256::digest(key).into();
    Aes256Gcm::new(&Key::<Aes256Gcm>::from(secret))
}

fn encrypt(key: &str, plain: &[u8]) -> Vec<u8> {
    let mut nonce = [0; 12];
    random::fill(&mut nonce).unwrap();
    let sealed = cipher(key).encrypt(&Nonce::from(nonce), plain).unwrap();
    [nonce.to_vec(), sealed].concat()
}

fn decrypt(key: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_at_checked(12)?;
    let nonce: [u8; 12] = nonce.try_into().unwrap();
    cipher(key).decrypt(&Nonce::from(nonce), sealed).ok()
}
