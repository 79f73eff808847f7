//! Tests of [`super`]: wrapping and unwrapping, what is asked, and what is refused. Google is played here,
//! with AES-GCM under one key for each resource.

use std::sync::Mutex;

use aes_gcm::aead::{Aead as _, KeyInit as _};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::error::Explain as _;
use crate::io::http::HttpError;
use crate::io::random;
use crate::keys::contract::{self, Case};
use crate::keys::testing::{FakeBelieved, FakeMachine, FakePrompt, answer, services};

const KEY: &str = "projects/p/locations/global/keyRings/r/cryptoKeys/k";
const OTHER: &str = "projects/p/locations/global/keyRings/r/cryptoKeys/other";

fn cipher(key: &str) -> Aes256Gcm {
    let secret: [u8; 32] = Sha256::digest(key).into();
    Aes256Gcm::new(&Key::<Aes256Gcm>::from(secret))
}

/// Answers as Cloud KMS would.
fn google(request: &Request) -> Result<Response, HttpError> {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let sent = |name: &str| {
        let bytes = BASE64_STANDARD
            .decode(body[name].as_str().unwrap())
            .unwrap();
        let sum = body[format!("{name}Crc32c")].as_str().unwrap();
        assert_eq!(sum, crc32c(&bytes).to_string());
        bytes
    };
    let (_, path) = request.url.split_once("/v1/").unwrap();
    let (name, operation) = path.rsplit_once(':').unwrap();
    let (key, version) = name
        .split_once("/cryptoKeyVersions/")
        .map_or((name, None), |(key, version)| (key, Some(version)));
    match operation {
        "encrypt" => {
            let mut nonce = [0; 12];
            random::fill(&mut nonce).unwrap();
            let plain = sent("plaintext");
            let sealed = cipher(key)
                .encrypt(&Nonce::from(nonce), &plain[..])
                .unwrap();
            let all = [nonce.to_vec(), sealed].concat();
            let body = json!({
                "name": format!("{key}/cryptoKeyVersions/{}", version.unwrap_or("1")),
                "ciphertext": BASE64_STANDARD.encode(&all),
                "ciphertextCrc32c": crc32c(&all).to_string(),
                "verifiedPlaintextCrc32c": true,
            });
            answer(200, &body.to_string())
        }
        "decrypt" => {
            assert_eq!(version, None);
            let all = sent("ciphertext");
            let plain = all.split_at_checked(12).and_then(|(nonce, sealed)| {
                let nonce: [u8; 12] = nonce.try_into().unwrap();
                cipher(key).decrypt(&Nonce::from(nonce), sealed).ok()
            });
            match plain {
                Some(plain) => {
                    let body = json!({
                        "plaintext": BASE64_STANDARD.encode(&plain),
                        "plaintextCrc32c": crc32c(&plain).to_string(),
                    });
                    answer(200, &body.to_string())
                }
                None => answer(
                    400,
                    "{\"error\":{\"code\":400,\"message\":\"Decryption failed\",\"status\":\"INVALID_ARGUMENT\"}}",
                ),
            }
        }
        other => panic!("{other}"),
    }
}

fn machine() -> FakeMachine {
    FakeMachine::default().variable("GOOGLE_OAUTH_ACCESS_TOKEN", "token-1")
}

fn provider(
    answers: impl Fn(&Request) -> Result<Response, HttpError> + Send + Sync + 'static,
) -> GcpKms {
    GcpKms::new(services(machine().answers(answers)))
}

fn target(recipient: &str) -> Target {
    Target::new(Kind::GcpKms, recipient)
}

fn code(answer: Unwrapped) -> &'static str {
    match answer {
        Unwrapped::Failed(error) => error.code(),
        Unwrapped::Opened(_) => "opened",
        Unwrapped::NotMine => "not mine",
    }
}

#[test]
fn it_keeps_the_contract() {
    let provider = provider(google);
    for mine in [KEY.to_owned(), format!("{KEY}/cryptoKeyVersions/7")] {
        contract::check(&Case {
            provider: &provider,
            mine: target(&mine),
            strange: Wrapped {
                recipient: KEY.to_owned(),
                ..provider.wrap(&target(OTHER), &[9; 32]).unwrap()
            },
            knows_its_own: false,
            invalid: "projects/p/locations/global/keyRings/../cryptoKeys/k",
            effort: Effort::Network,
        });
    }
}

#[test]
fn an_entry_is_asked_for_once_with_the_token_in_a_header() {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&asked);
    let provider = provider(move |request| {
        let mut line = format!("{} {}", request.method, request.url);
        for (name, value) in &request.headers {
            line = format!("{line} {name}={}", value.as_str());
        }
        log.lock().unwrap().push(line);
        google(request)
    });
    let entry = provider.wrap(&target(KEY), &[7; 32]).unwrap();
    assert_eq!(entry.recipient, KEY);
    for _ in 0..3 {
        assert_eq!(code(provider.unwrap(&entry, Effort::Network)), "opened");
    }
    let rest = "content-type=application/json authorization=Bearer token-1";
    assert_eq!(
        *asked.lock().unwrap(),
        [
            format!("POST {ENDPOINT}/v1/{KEY}:encrypt {rest}"),
            format!("POST {ENDPOINT}/v1/{KEY}:decrypt {rest}"),
        ]
    );
}

#[test]
fn what_is_damaged_on_its_way_is_noticed() {
    let change = |name: &'static str, value: Value| {
        provider(move |request| {
            let answer = google(request)?;
            let mut body: Value = serde_json::from_slice(answer.body.as_bytes()).unwrap();
            if body.get(name).is_some() {
                body[name] = value.clone();
            }
            crate::keys::testing::answer(200, &body.to_string())
        })
    };
    for (name, value) in [
        ("ciphertextCrc32c", json!("1")),
        ("ciphertextCrc32c", json!("none")),
        ("verifiedPlaintextCrc32c", json!(false)),
        ("ciphertext", json!("AAAA")),
        ("ciphertext", json!("*")),
        ("ciphertext", json!("")),
        ("ciphertext", json!(7)),
    ] {
        let error = change(name, value)
            .wrap(&target(KEY), &[7; 32])
            .unwrap_err();
        assert_eq!(error.code(), "service-garbage", "{name}");
    }
    let entry = provider(google).wrap(&target(KEY), &[7; 32]).unwrap();
    for (name, value) in [
        ("plaintextCrc32c", json!("1")),
        ("plaintext", json!("AAAA")),
        ("plaintext", json!("*")),
        ("plaintext", json!(["AAAA"])),
    ] {
        let answer = change(name, value).unwrap(&entry, Effort::Network);
        assert_eq!(code(answer), "service-garbage", "{name}");
    }
    // an emulator may know of no checksums
    let without = provider(|request| {
        let answer = google(request)?;
        let mut body: Value = serde_json::from_slice(answer.body.as_bytes()).unwrap();
        body.as_object_mut()
            .unwrap()
            .retain(|name, _| !name.contains("Crc32c"));
        crate::keys::testing::answer(200, &body.to_string())
    });
    let entry = without.wrap(&target(KEY), &[7; 32]).unwrap();
    assert_eq!(code(without.unwrap(&entry, Effort::Network)), "opened");
}

#[test]
fn a_login_that_is_refused_is_not_tried_for_every_file() {
    let tries: Arc<Mutex<u32>> = Arc::default();
    let count = Arc::clone(&tries);
    let provider = GcpKms::new(services(
        FakeMachine::default()
            .variable("GOOGLE_CREDENTIALS", "{\"type\":\"authorized_user\",\"client_id\":\"a\",\"client_secret\":\"b\",\"refresh_token\":\"c\"}")
            .answers(move |request| {
                assert_eq!(request.url, "https://oauth2.googleapis.com/token");
                *count.lock().unwrap() += 1;
                answer(400, "{\"error\":\"invalid_grant\",\"error_description\":\"Bad Request\"}")
            }),
    ));
    for number in 0..3 {
        let entry = target(KEY).wrapped(format!("AAA{number}"));
        assert_eq!(
            code(provider.unwrap(&entry, Effort::Network)),
            "session-expired"
        );
    }
    assert_eq!(*tries.lock().unwrap(), 1);
}

#[test]
fn nothing_is_sent_for_what_is_no_key_or_no_ciphertext() {
    let provider = GcpKms::new(services(machine()));
    for recipient in [
        "",
        "unknown",
        "https://evil.com/v1/k",
        "projects/p/locations/l/keyRings/r/cryptoKeys/k:x",
    ] {
        let entry = target(recipient).wrapped("AAAA".to_owned());
        assert_eq!(
            code(provider.unwrap(&entry, Effort::Network)),
            "bad-recipient"
        );
    }
    for enc in ["", "*", "AAA"] {
        let entry = target(KEY).wrapped(enc.to_owned());
        assert_eq!(
            code(provider.unwrap(&entry, Effort::Network)),
            "service-mismatch"
        );
    }
}

/// Where a machine with these variables and settings asks.
fn asked(machine: FakeMachine, settings: Option<&str>) -> Result<String, &'static str> {
    let mut believed = FakeBelieved::default();
    believed.places.gcp_endpoint = settings.map(str::to_owned);
    let urls: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&urls);
    let machine = machine.answers(move |request| {
        log.lock().unwrap().push(request.url.clone());
        google(request)
    });
    let services = Services::new(Arc::new(machine), FakePrompt::silent(), Arc::new(believed));
    let wrapped = GcpKms::new(Arc::new(services)).wrap(&target(KEY), &[7; 32]);
    wrapped.map_err(|error| error.code())?;
    let url = urls.lock().unwrap().pop().unwrap();
    Ok(url.split_once("/v1/").unwrap().0.to_owned())
}

#[test]
fn another_endpoint_comes_from_the_environment_or_the_users_own_settings() {
    let named = |endpoint| machine().variable("SOPS_GCP_KMS_ENDPOINT", endpoint);
    assert_eq!(asked(machine(), None).as_deref(), Ok(ENDPOINT));
    assert_eq!(
        asked(machine(), Some("https://kms.example/")).as_deref(),
        Ok("https://kms.example")
    );
    assert_eq!(
        asked(named("http://127.0.0.1:18110"), Some("https://kms.example")).as_deref(),
        Ok("http://127.0.0.1:18110")
    );
    // as sops's own takes it
    assert_eq!(
        asked(named("kms.example:443"), None).as_deref(),
        Ok("https://kms.example:443")
    );
    for wrong in [
        "ftp://x",
        "https://",
        "https://a@b",
        "https://a/b",
        "https://a?b",
        "https://a#",
        "a b",
    ] {
        assert_eq!(asked(named(wrong), None), Err("not-believed"), "{wrong}");
    }
}
