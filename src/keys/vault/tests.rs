//! A transit engine made of a hash, and what else servers say.

use sha2::{Digest as _, Sha256};

use super::*;
use crate::error::Explain as _;
use crate::keys::believed::Places;
use crate::keys::contract::{self, Case};
use crate::keys::testing::{FakeBelieved, FakeMachine, FakePrompt, answer, services};

const MINE: &str = "https://vault.example:8200/v1/team/transit/keys/mine";
const STRANGE: &str = "https://vault.example:8200/v1/team/transit/keys/strange";

/// What a key of the fake engine hides or shows: each key and nonce has a stream of its own.
fn stream(key: &str, nonce: &[u8], bytes: &[u8]) -> Vec<u8> {
    let pad = (0_u8..).flat_map(|block| {
        let hash = Sha256::new()
            .chain_update(key)
            .chain_update(nonce)
            .chain_update([block]);
        hash.finalize().to_vec()
    });
    bytes
        .iter()
        .zip(pad)
        .map(|(byte, pad)| byte ^ pad)
        .collect()
}

fn wrapped_by(version: u32, key: &str, nonce: &[u8], plain: &[u8]) -> String {
    let mut bytes = nonce.to_vec();
    bytes.extend(stream(key, nonce, plain));
    let tag = Sha256::new()
        .chain_update(key)
        .chain_update(plain)
        .finalize();
    bytes.extend(&tag[..16]);
    format!("vault:v{version}:{}", STANDARD.encode(bytes))
}

fn unwrapped_by(key: &str, enc: &str) -> Option<Vec<u8>> {
    let (_, text) = enc.strip_prefix("vault:v")?.split_once(':')?;
    let bytes = STANDARD.decode(text).ok()?;
    let (nonce, rest) = bytes.split_at_checked(12)?;
    let (hidden, tag) = rest.split_at_checked(rest.len().checked_sub(16)?)?;
    let plain = stream(key, nonce, hidden);
    let again = Sha256::new()
        .chain_update(key)
        .chain_update(&plain)
        .finalize();
    (again[..16] == *tag).then_some(plain)
}

/// A server with any key. Its newest version is 2; what it wraps itself is of version 2.
fn engine(request: &Request) -> Result<Response, HttpError> {
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    let path = request.url.split("/v1/").nth(1).unwrap();
    let parts: Vec<&str> = path.split('/').collect();
    let (operation, key) = (parts[parts.len() - 2], parts[parts.len() - 1]);
    let mut nonce = [0; 12];
    crate::io::random::fill(&mut nonce).unwrap();
    let field = match operation {
        "encrypt" => {
            let plain = STANDARD
                .decode(body["plaintext"].as_str().unwrap())
                .unwrap();
            ("ciphertext", wrapped_by(2, key, &nonce, &plain))
        }
        _ => match unwrapped_by(key, body["ciphertext"].as_str().unwrap()) {
            Some(plain) if operation == "decrypt" => ("plaintext", STANDARD.encode(plain)),
            Some(plain) => ("ciphertext", wrapped_by(2, key, &nonce, &plain)),
            None => {
                return answer(
                    400,
                    r#"{"errors":["cipher: message authentication failed"]}"#,
                );
            }
        },
    };
    let name = field.0;
    answer(200, &format!(r#"{{"data":{{"{name}":"{}"}}}}"#, field.1))
}

/// A machine with a token, and a variable that names the server.
fn machine() -> FakeMachine {
    FakeMachine::default()
        .variable("VAULT_TOKEN", "test")
        .variable("VAULT_ADDR", "https://vault.example:8200/")
}

fn keys(machine: FakeMachine) -> VaultKeys {
    VaultKeys::new(services(machine))
}

/// A provider, with what it noted of requests and questions.
struct Scene {
    keys: VaultKeys,
    machine: Arc<FakeMachine>,
    prompt: Arc<FakePrompt>,
    believed: Arc<FakeBelieved>,
}

fn scene(machine: FakeMachine, prompt: Arc<FakePrompt>, places: &[&str]) -> Scene {
    let machine = Arc::new(machine);
    let believed = Arc::new(FakeBelieved {
        places: Places {
            vault_addresses: places.iter().map(|&text| text.to_owned()).collect(),
            ..Places::default()
        },
        ..FakeBelieved::default()
    });
    let services = Services::new(
        Arc::clone(&machine) as Arc<dyn crate::keys::machine::Machine>,
        Arc::clone(&prompt) as Arc<dyn crate::keys::prompt::Prompt>,
        Arc::clone(&believed) as Arc<dyn crate::keys::believed::Believed>,
    );
    Scene {
        keys: VaultKeys::new(Arc::new(services)),
        machine,
        prompt,
        believed,
    }
}

fn target(recipient: &str) -> Target {
    Target::new(Kind::Vault, recipient)
}

fn entry(recipient: &str) -> Wrapped {
    let name = recipient.rsplit_once('/').unwrap().1;
    target(recipient).wrapped(wrapped_by(1, name, &[1; 12], &[7; 32]))
}

fn failure(answer: Unwrapped) -> Box<dyn crate::error::Explain + Send + Sync> {
    match answer {
        Unwrapped::Failed(error) => error,
        Unwrapped::Opened(_) => panic!("it opened"),
        Unwrapped::NotMine => panic!("it is not mine"),
    }
}

fn opened(answer: Unwrapped) -> Vec<u8> {
    match answer {
        Unwrapped::Opened(key) => key.to_vec(),
        Unwrapped::Failed(error) => panic!("{error}"),
        Unwrapped::NotMine => panic!("it is not mine"),
    }
}

#[test]
fn it_keeps_the_contract() {
    contract::check(&Case {
        provider: &keys(machine().answers(engine)),
        mine: target(MINE),
        strange: target(STRANGE).wrapped(wrapped_by(1, "other", &[1; 12], &[7; 32])),
        knows_its_own: false,
        invalid: "https://vault.example:8200/v1/../sys/keys/mine",
        effort: Effort::Network,
    });
}

#[test]
fn requests_are_those_of_the_api() {
    let machine = machine()
        .variable("VAULT_NAMESPACE", "team-a/")
        .answers(|request| {
            assert_eq!(request.method, "POST");
            assert_eq!(
                request.url,
                "https://vault.example:8200/v1/team/transit/decrypt/mine"
            );
            let header = |name: &str| {
                let mut headers = request.headers.iter();
                headers.find(|(known, _)| known == name).unwrap().1.as_str()
            };
            assert_eq!(header("X-Vault-Token"), "test");
            assert_eq!(header("X-Vault-Request"), "true");
            assert_eq!(header("X-Vault-Namespace"), "team-a/");
            engine(request)
        });
    let keys = keys(machine);
    assert_eq!(opened(keys.unwrap(&entry(MINE), Effort::Network)), [7; 32]);
    assert_eq!(keys.report().held[0].source, "VAULT_TOKEN");
}

#[test]
fn tokens_come_from_variables_before_the_file() {
    let file = "/home/ana/.vault-token";
    let base = || {
        FakeMachine::default()
            .variable("VAULT_ADDR", "https://vault.example:8200")
            .file(file, "from-file\n")
    };
    for (machine, expected) in [
        (base(), "from-file"),
        (base().variable("BAO_TOKEN", "bao"), "bao"),
        (
            base()
                .variable("BAO_TOKEN", "bao")
                .variable("VAULT_TOKEN", "vault"),
            "vault",
        ),
        (
            base()
                .variable("BAO_TOKEN", "bao")
                .variable("VAULT_TOKEN", "vault")
                .variable("BAO_ADDR", "https://VAULT.example:8200/"),
            "bao",
        ),
    ] {
        let machine = machine.answers(move |request| {
            let token = request
                .headers
                .iter()
                .find(|(name, _)| name == "X-Vault-Token");
            assert_eq!(token.unwrap().1.as_str(), expected);
            engine(request)
        });
        assert_eq!(
            opened(keys(machine).unwrap(&entry(MINE), Effort::Network)),
            [7; 32]
        );
    }
    let named = || FakeMachine::default().variable("VAULT_ADDR", "https://vault.example:8200");
    let none = failure(keys(named()).unwrap(&entry(MINE), Effort::Network));
    assert_eq!(none.code(), "no-credentials");
    for broken in ["two words", "\u{1b}[31m", "zwölf"] {
        let machine = named().variable("VAULT_TOKEN", broken);
        let error = failure(keys(machine).unwrap(&entry(MINE), Effort::Network));
        assert_eq!(error.code(), "bad-credentials");
        assert!(!error.to_string().contains(broken));
    }
}

#[test]
fn a_server_that_only_the_repository_names_gets_nothing() {
    for (variable, value) in [
        ("VAULT_ADDR", "https://other.example:8200"),
        ("VAULT_ADDR", "http://vault.example:8200"),
        ("VAULT_ADDR", "https://vault.example"),
        ("SOPS_HC_VAULT_ALLOWLIST", "all"),
        ("SOPS_HC_VAULT_ALLOWLIST", "https://vault.exam, https://"),
    ] {
        // no request is expected: the fake panics
        let machine = FakeMachine::default()
            .variable("VAULT_TOKEN", "test")
            .variable(variable, value);
        let scene = scene(machine, FakePrompt::silent(), &[]);
        for effort in Effort::ALL {
            if effort != Effort::Device {
                assert!(matches!(
                    scene.keys.unwrap(&entry(MINE), effort),
                    Unwrapped::NotMine
                ));
            }
        }
        let error = failure(scene.keys.unwrap(&entry(MINE), Effort::Device));
        assert_eq!(error.code(), "not-believed");
        let hints = error.hints().join("\n");
        assert!(
            hints.contains("addresses = [\"https://vault.example:8200\"]"),
            "{hints}"
        );
        assert!(
            hints.contains("/home/ana/.config/mvx/config.toml"),
            "{hints}"
        );
        assert!(
            hints.contains("VAULT_ADDR=https://vault.example:8200"),
            "{hints}"
        );
        let error = scene.keys.wrap(&target(MINE), &[7; 32]).unwrap_err();
        assert_eq!(error.code(), "not-believed");
        assert!(scene.keys.rewrap(&entry(MINE)).is_err());
        assert!(
            scene
                .machine
                .log()
                .iter()
                .all(|line| !line.starts_with("POST"))
        );
    }
}

#[test]
fn the_environment_and_the_users_settings_name_servers() {
    let with = |name: &'static str, value: &str| {
        FakeMachine::default()
            .variable("VAULT_TOKEN", "test")
            .variable(name, value)
            .answers(engine)
    };
    let list = "https://a.example, https://VAULT.example:8200/v1/";
    for scene in [
        scene(
            with("SOPS_HC_VAULT_ALLOWLIST", list),
            FakePrompt::silent(),
            &[],
        ),
        scene(
            with("BAO_ADDR", "https://vault.example:8200"),
            FakePrompt::silent(),
            &[],
        ),
        scene(
            with("VAULT_ADDR", "https://other"),
            FakePrompt::silent(),
            &["https://vault.example:8200/"],
        ),
    ] {
        let answer = scene.keys.unwrap(&entry(MINE), Effort::Network);
        assert_eq!(opened(answer), [7; 32]);
        // nobody is asked about it later
        let again = scene.keys.unwrap(&entry(MINE), Effort::Device);
        assert!(matches!(again, Unwrapped::NotMine));
        assert!(scene.prompt.log().is_empty());
    }
    let forbidden = machine().variable("SOPS_HC_VAULT_ALLOWLIST", "none");
    let error = failure(keys(forbidden).unwrap(&entry(MINE), Effort::Device));
    assert_eq!(error.code(), "not-believed");
}

#[test]
fn a_person_is_asked_once_and_the_answer_is_remembered() {
    let unnamed = || FakeMachine::default().variable("VAULT_TOKEN", "test");
    let scene_of = |answer| {
        let prompt = FakePrompt::answering(answer);
        scene(unnamed().answers(engine), prompt, &[])
    };
    let yes = scene_of("yes");
    let first = yes.keys.unwrap(&entry(MINE), Effort::Network);
    assert!(matches!(first, Unwrapped::NotMine));
    assert_eq!(
        opened(yes.keys.unwrap(&entry(MINE), Effort::Device)),
        [7; 32]
    );
    let asked = yes.prompt.log();
    assert!(asked[0].contains("https://vault.example:8200"), "{asked:?}");
    assert!(asked[0].contains("token"), "{asked:?}");
    assert_eq!(
        *yes.believed.added.lock().unwrap(),
        ["https://vault.example:8200"]
    );
    // another key of the same server
    assert!(yes.keys.wrap(&target(STRANGE), &[7; 32]).is_ok());
    let other = entry(STRANGE);
    assert_eq!(opened(yes.keys.unwrap(&other, Effort::Network)), [7; 32]);
    assert_eq!(yes.prompt.log().len(), 0);

    let no = scene_of("no");
    for _ in 0..2 {
        let error = failure(no.keys.unwrap(&entry(MINE), Effort::Device));
        assert_eq!(error.code(), "not-believed");
    }
    assert_eq!(no.prompt.log().len(), 1);
    assert!(no.believed.added.lock().unwrap().is_empty());
    assert!(
        no.machine
            .log()
            .iter()
            .all(|line| !line.starts_with("POST"))
    );

    // without a token there is nothing to ask about
    let prompt = FakePrompt::answering("yes");
    let without = scene(FakeMachine::default(), prompt, &[]);
    let error = failure(without.keys.unwrap(&entry(MINE), Effort::Device));
    assert_eq!(error.code(), "no-credentials");
    // and what would travel in clear is never asked about
    let clear = entry("http://vault.example:8200/v1/transit/keys/mine");
    let error = failure(yes.keys.unwrap(&clear, Effort::Device));
    assert!(error.to_string().contains("no TLS"), "{error}");
    assert!(yes.prompt.log().is_empty());
}

/// Answers that are no success: status, body, code, what is said, what is advised.
const REFUSALS: &[(u16, &str, &str, &str, &str)] = &[
    (
        403,
        r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#,
        "service-denied",
        "update on team/transit/decrypt/mine",
        "capabilities = [\"update\"]",
    ),
    (
        403,
        r#"{"errors":["permission denied","invalid token"]}"#,
        "session-expired",
        "token",
        "bao login",
    ),
    (
        400,
        r#"{"errors":["ciphertext or signature version is disallowed by policy (too old)"]}"#,
        "key-disabled",
        "min_decryption_version",
        "rekey --rewrap",
    ),
    (
        400,
        r#"{"errors":["encryption key not found"]}"#,
        "no-such-key",
        "`mine`",
        "list team/transit/keys",
    ),
    (
        400,
        r#"{"errors":["cipher: message authentication failed"]}"#,
        "service-mismatch",
        "another one",
        "",
    ),
    (
        400,
        r#"{"errors":["what\u001b[31m now"]}"#,
        "service-mismatch",
        "what[31m now",
        "",
    ),
    (
        404,
        r#"{"errors":["no handler for route \"x\". route entry not found."]}"#,
        "no-such-key",
        "no transit engine at team/transit",
        "secrets list",
    ),
    (
        404,
        r#"{"errors":["namespace not found"]}"#,
        "no-such-key",
        "namespace",
        "VAULT_NAMESPACE",
    ),
    (
        405,
        r#"{"errors":["unsupported operation"]}"#,
        "no-such-key",
        "no transit engine",
        "",
    ),
    (503, SEALED, "key-disabled", "sealed", "operator unseal"),
    (307, "", "no-network", "another address", "active server"),
    (473, "", "service-busy", "standby", ""),
    (429, "", "service-busy", "status 429", ""),
    (502, "<html>", "service-busy", "status 502", ""),
    (418, "", "service-garbage", "status 418", ""),
    (200, "<html>", "service-garbage", "transit", ""),
    (
        200,
        r#"{"data":{"ciphertext":"x"}}"#,
        "service-garbage",
        "transit",
        "",
    ),
    (
        200,
        r#"{"data":{"plaintext":7}}"#,
        "service-garbage",
        "transit",
        "",
    ),
    (
        200,
        r#"{"data":{"plaintext":"not base64!"}}"#,
        "service-garbage",
        "base64",
        "",
    ),
    (204, "", "service-garbage", "transit", ""),
];

const SEALED: &str = r#"{"errors":["Vault is sealed"]}"#;

#[test]
fn refusals_say_what_to_do() {
    for &(status, body, code, says, advises) in REFUSALS {
        let keys = keys(machine().answers(move |_| answer(status, body)));
        let error = failure(keys.unwrap(&entry(MINE), Effort::Network));
        let text = error.to_string();
        assert_eq!(error.code(), code, "{status} {body}: {text}");
        assert!(text.contains(says), "{text}");
        assert!(!text.contains(['\n', '\u{1b}']), "{text}");
        let hints = error.hints().join("\n");
        assert!(hints.contains(advises), "{hints}");
    }
}

#[test]
fn only_what_may_pass_is_tried_again() {
    for (status, body, tries) in [
        (429, "", 3),
        (500, "", 3),
        (412, "", 3),
        (503, SEALED, 1),
        (400, "", 1),
        (403, "", 1),
    ] {
        let scene = scene(
            machine().answers(move |_| answer(status, body)),
            FakePrompt::silent(),
            &[],
        );
        failure(scene.keys.unwrap(&entry(MINE), Effort::Network));
        let log = scene.machine.log();
        let posts = log.iter().filter(|line| line.starts_with("POST"));
        assert_eq!(posts.count(), tries, "{status}");
    }
}

#[test]
fn an_entry_is_asked_for_once_in_a_run() {
    let scene = scene(machine().answers(engine), FakePrompt::silent(), &[]);
    for _ in 0..3 {
        opened(scene.keys.unwrap(&entry(MINE), Effort::Network));
    }
    assert_eq!(scene.machine.log().len(), 1);
}

#[test]
fn tls_is_never_skipped() {
    let refused = |_: &Request| {
        Err(HttpError::Certificate {
            host: "vault.example:8200".to_owned(),
            why: "no authority".to_owned(),
        })
    };
    let machine = machine()
        .variable("VAULT_SKIP_VERIFY", "true")
        .answers(refused);
    let error = failure(keys(machine).unwrap(&entry(MINE), Effort::Network));
    let hints = error.hints().join("\n");
    assert!(hints.contains("VAULT_CACERT"), "{hints}");
    assert!(
        hints.contains("VAULT_SKIP_VERIFY is not honoured"),
        "{hints}"
    );
}

#[test]
fn a_key_is_wrapped_again_inside_of_the_server() {
    let keys = keys(machine().answers(engine));
    let old = entry(MINE);
    let new = keys.rewrap(&old).unwrap().unwrap();
    assert!(old.enc.starts_with("vault:v1:") && new.enc.starts_with("vault:v2:"));
    assert_eq!(opened(keys.unwrap(&new, Effort::Network)), [7; 32]);
    assert_eq!(keys.rewrap(&new).unwrap(), None);
    let strange = target(MINE).wrapped("vault:v1:AAAA".to_owned());
    assert_eq!(keys.rewrap(&strange).unwrap_err().reason, Reason::Mismatch);
}

#[test]
fn what_is_no_wrapped_key_is_not_sent() {
    let scene = scene(machine(), FakePrompt::silent(), &[]);
    let long = format!("vault:v1:{}", "A".repeat(MOST_ENC));
    for enc in [
        "",
        "vault:v1:",
        "vault:v1:\"}",
        "vault:vx:AAAA",
        "vault:v-1:AAAA",
        "age",
        &long,
    ] {
        let entry = target(MINE).wrapped(enc.to_owned());
        let error = failure(scene.keys.unwrap(&entry, Effort::Network));
        assert_eq!(error.code(), "service-garbage");
        assert!(scene.keys.rewrap(&entry).is_err());
    }
    assert!(scene.machine.log().is_empty());
}
