//! Vault's transit keys: mvx and real sops before a real `OpenBao`.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use mvx::io::env::Environment;
use mvx::io::http::{Client, Request};
use serde_json::{Value, json};

use super::address;
use super::rough::{Act, Rough};
use super::tls::Proxy;
use crate::interop::Pair;
use crate::support::{Outcome, Run, Step, without_seal};

pub(super) const TEXT: &str = "# kept\npassword: invented  # here\n";

/// A transit engine of the test's own, and a sandbox in which both programs reach it.
pub(super) struct Engine {
    pub(super) pair: Pair,
    pub(super) server: String,
    path: String,
}

impl Engine {
    /// With a path that no other test uses, and a key `k`.
    pub(super) fn new(path: &str) -> Option<Self> {
        let engine = Self {
            server: address("MVX_TEST_VAULT")?,
            pair: Pair::new()?,
            path: path.to_owned(),
        };
        // it may be there from a run before, where a person keeps the services
        engine.call("DELETE", &format!("sys/mounts/{path}"), &Value::Null);
        engine.post(&format!("sys/mounts/{path}"), &json!({ "type": "transit" }));
        engine.post(&format!("{path}/keys/k"), &json!({}));
        engine.rule(&engine.url("k"));
        Some(engine)
    }

    /// The URL of a key.
    pub(super) fn url(&self, key: &str) -> String {
        format!("{}/v1/{}/keys/{key}", self.server, self.path)
    }

    /// Files are sealed for the key at this URL.
    fn rule(&self, url: &str) {
        let rule = format!("creation_rules:\n  - hc_vault_transit_uri: {url}\n");
        self.pair.sandbox.write(".sops.yaml", rule);
    }

    /// Asks the server as its root.
    fn call(&self, method: &'static str, path: &str, body: &Value) -> Value {
        let nothing: [(&'static str, &str); 0] = [];
        let client = Client::new(&Environment::of(nothing)).unwrap();
        let request = Request::new(method, format!("{}/v1/{path}", self.server))
            .header("X-Vault-Token", "root")
            .body(body.to_string().into_bytes());
        let response = client.send(&request).unwrap();
        let answer = response.body.as_str().unwrap_or_default();
        assert!(response.is_success(), "{path}: {answer}");
        serde_json::from_str(answer).unwrap_or_default()
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Value {
        self.call("POST", path, body)
    }

    /// A token that may do this with the engine's key `k`, and nothing else.
    pub(super) fn token(&self, operation: &str) -> String {
        let path = format!("{}/{operation}/k", self.path);
        let policy = format!("path \"{path}\" {{ capabilities = [\"update\"] }}");
        let name = format!("{}-{operation}", self.path.replace('/', "-"));
        self.post(
            &format!("sys/policies/acl/{name}"),
            &json!({ "policy": policy }),
        );
        let made = self.post("auth/token/create", &json!({ "policies": [name] }));
        made["auth"]["client_token"].as_str().unwrap().to_owned()
    }

    pub(super) fn of_root(&self, run: Run) -> Run {
        run.env("VAULT_ADDR", &self.server)
            .env("VAULT_TOKEN", "root")
    }

    pub(super) fn mvx<const N: usize>(&self, arguments: [&str; N]) -> Run {
        self.of_root(self.pair.mvx(arguments))
    }

    pub(super) fn sops<const N: usize>(&self, arguments: [&str; N]) -> Run {
        self.of_root(self.pair.sops(arguments))
    }

    /// Seals `a.yaml`; its text.
    pub(super) fn seal(&self) -> String {
        self.pair.sandbox.write("a.yaml", TEXT);
        done(&self.mvx(["encrypt", "-q", "-i", "a.yaml"]).outcome());
        self.pair.sandbox.read("a.yaml")
    }

    /// What opening `a.yaml` as root says, which must fail.
    fn refused(&self) -> String {
        refused(&self.mvx(["decrypt", "a.yaml"]).outcome(), 128)
    }

    pub(super) fn opens(&self) {
        let outcome = self.mvx(["decrypt", "-q", "a.yaml"]).outcome();
        assert_eq!(outcome.quiet_success(), TEXT);
    }

    /// A server before this one, under which `a.yaml` is sealed, and which then does this.
    fn rough(&self, acts: impl IntoIterator<Item = Act>, last: Act) -> Rough {
        let rough = Rough::start(acts, last, &self.server);
        // its seal covers the address
        let text = without_seal(&self.pair.sandbox.read("a.yaml"));
        let line = text
            .lines()
            .find(|line| line.contains("vault_address:"))
            .unwrap();
        let (before, _) = line.split_once("vault_address:").unwrap();
        let named = format!("{before}vault_address: {}", rough.address);
        self.pair
            .sandbox
            .write("a.yaml", text.replace(line, &named));
        rough
    }

    /// mvx on `a.yaml` before that server.
    fn before(&self, rough: &Rough) -> Outcome {
        let run = self.mvx(["decrypt", "a.yaml"]);
        run.env("VAULT_ADDR", &rough.address).outcome()
    }
}

pub(super) fn done(outcome: &Outcome) {
    assert_eq!(outcome.code(), Some(0), "{outcome}");
}

pub(super) fn refused(outcome: &Outcome, code: i32) -> String {
    assert_eq!(outcome.code(), Some(code), "{outcome}");
    assert_eq!(outcome.stdout(), "");
    assert!(!outcome.stderr.contains("invented"), "{outcome}");
    outcome.stderr.clone()
}

#[test]
fn what_one_wraps_the_other_unwraps() {
    let Some(engine) = Engine::new("both-ways/transit") else {
        return;
    };
    let sealed = engine.seal();
    assert!(
        sealed.contains("engine_path: both-ways/transit\n"),
        "{sealed}"
    );
    assert!(sealed.contains("enc: vault:v1:"), "{sealed}");
    let opened = engine.sops(["decrypt", "a.yaml"]).outcome();
    done(&opened);
    assert!(opened.stdout().contains("password: invented"), "{opened}");
    engine.opens();

    engine.pair.sandbox.write("b.yaml", TEXT);
    done(&engine.sops(["encrypt", "-i", "b.yaml"]).outcome());
    let opened = engine.mvx(["decrypt", "-q", "b.yaml"]).outcome();
    assert!(opened.quiet_success().contains("password: invented"));
    // and each goes on where the other stopped
    done(
        &engine
            .mvx(["set", "-q", "b.yaml", "other"])
            .stdin("x")
            .outcome(),
    );
    done(
        &engine
            .sops(["set", "a.yaml", "[\"other\"]", "\"y\""])
            .outcome(),
    );
    for (file, value) in [("a.yaml", "y"), ("b.yaml", "x")] {
        let by_mvx = engine.mvx(["get", file, "other"]).outcome();
        assert_eq!(by_mvx.stdout().trim(), value, "{by_mvx}");
        let extract = ["decrypt", "--extract", "[\"other\"]", file];
        let by_sops = engine.sops(extract).outcome();
        assert_eq!(by_sops.stdout(), value, "{by_sops}");
    }
}

#[test]
fn every_file_type_and_key_type_holds_it() {
    let Some(engine) = Engine::new("types") else {
        return;
    };
    for (name, text) in [
        ("a.json", "{\n\t\"a\": 1\n}\n"),
        ("a.env", "A=1\n"),
        ("a.ini", "[s]\na = 1\n"),
        ("a.bin", "bytes"),
    ] {
        engine.pair.sandbox.write(name, text);
        done(&engine.mvx(["encrypt", "-q", "-i", name]).outcome());
        let by_sops = engine.sops(["decrypt", name]).outcome();
        done(&by_sops);
        assert!(!by_sops.stdout().contains("sops"), "{by_sops}");
        let by_mvx = engine.mvx(["decrypt", "-q", name]).outcome();
        assert_eq!(by_mvx.quiet_success(), text);
    }
    for kind in ["chacha20-poly1305", "rsa-2048", "rsa-4096"] {
        engine.post(&format!("types/keys/{kind}"), &json!({ "type": kind }));
        engine.rule(&engine.url(kind));
        engine.seal();
        engine.opens();
        done(&engine.sops(["decrypt", "a.yaml"]).outcome());
    }
}

#[test]
fn old_versions_open_until_the_server_forbids_them() {
    let Some(engine) = Engine::new("versions") else {
        return;
    };
    engine.seal();
    engine.post("versions/keys/k/rotate", &json!({}));
    engine.opens();
    engine.pair.sandbox.write("b.yaml", TEXT);
    done(&engine.mvx(["encrypt", "-q", "-i", "b.yaml"]).outcome());
    assert!(
        engine
            .pair
            .sandbox
            .read("b.yaml")
            .contains("enc: vault:v2:")
    );
    let least = |version: u32| {
        let config = json!({ "min_decryption_version": version });
        engine.post("versions/keys/k/config", &config);
    };
    least(2);
    let told = engine.refused();
    assert!(told.contains("min_decryption_version"), "{told}");
    assert!(told.contains("rekey --rewrap"), "{told}");
    least(1);
    engine.opens();
}

#[test]
fn refusals_of_the_server_say_what_to_do() {
    let Some(engine) = Engine::new("refusals") else {
        return;
    };
    engine.seal();
    let with =
        |token: &str, words: [&str; 2]| engine.mvx(words).env("VAULT_TOKEN", token).outcome();
    let only_encrypts = engine.token("encrypt");
    let told = refused(&with(&only_encrypts, ["decrypt", "a.yaml"]), 128);
    assert!(
        told.contains("permission denied (update on refusals/decrypt/k)"),
        "{told}"
    );
    assert!(told.contains("path \"refusals/decrypt/k\""), "{told}");
    assert!(!told.contains(&only_encrypts), "{told}");
    let only_decrypts = engine.token("decrypt");
    let opened = with(&only_decrypts, ["decrypt", "a.yaml"]);
    assert_eq!(opened.stdout(), TEXT);
    engine.pair.sandbox.write("b.yaml", TEXT);
    let run = engine.mvx(["encrypt", "-i", "b.yaml"]);
    let told = refused(&run.env("VAULT_TOKEN", &only_decrypts).outcome(), 4);
    assert!(told.contains("update on refusals/encrypt/k"), "{told}");
    let told = refused(&with("revoked", ["decrypt", "a.yaml"]), 128);
    assert!(
        told.contains("bao login") && !told.contains("revoked"),
        "{told}"
    );
    let nowhere = engine
        .mvx(["decrypt", "a.yaml"])
        .env("VAULT_NAMESPACE", "none");
    let told = refused(&nowhere.outcome(), 128);
    assert!(told.contains("no such namespace"), "{told}");

    // another key of the same engine, one that is gone, an engine that is gone
    engine.post("refusals/keys/other", &json!({}));
    let sealed = engine.pair.sandbox.read("a.yaml");
    for (from, to, says) in [
        ("key_name: k\n", "key_name: other\n", "did not wrap this"),
        (
            "key_name: k\n",
            "key_name: gone\n",
            "there is no key `gone` in refusals",
        ),
        (
            "engine_path: refusals\n",
            "engine_path: nowhere\n",
            "no transit engine at nowhere",
        ),
        ("enc: vault:v1:", "enc: vault:v7:", "did not wrap this"),
        ("enc: vault:v1:", "enc: other:v1:", "not one of Vault's"),
        (
            "engine_path: refusals\n",
            "engine_path: ../sys\n",
            "not the address of a transit key",
        ),
    ] {
        assert!(sealed.contains(from), "{sealed}");
        engine
            .pair
            .sandbox
            .write("a.yaml", sealed.replace(from, to));
        let told = engine.refused();
        assert!(told.contains(says), "{told}");
    }
    engine.pair.sandbox.write("a.yaml", &sealed);
    engine.post(
        "refusals/keys/k/config",
        &json!({ "deletion_allowed": true }),
    );
    engine.call("DELETE", "refusals/keys/k", &Value::Null);
    let told = engine.refused();
    assert!(told.contains("there is no key `k` in refusals"), "{told}");
}

#[test]
fn the_token_of_a_login_is_found() {
    let Some(engine) = Engine::new("tokens") else {
        return;
    };
    engine.seal();
    let run = || {
        engine
            .pair
            .mvx(["decrypt", "a.yaml"])
            .env("VAULT_ADDR", &engine.server)
    };
    let told = refused(&run().outcome(), 128);
    assert!(told.contains("no token for it here"), "{told}");
    let path = engine.pair.sandbox.path("../home/.vault-token");
    std::fs::write(&path, "root\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(run().outcome().quiet_success(), TEXT);
    let by_bao = engine
        .pair
        .mvx(["decrypt", "a.yaml"])
        .env("BAO_ADDR", &engine.server);
    assert_eq!(
        by_bao.env("BAO_TOKEN", "root").outcome().quiet_success(),
        TEXT
    );
}

#[test]
fn a_namespace_has_keys_of_its_own() {
    let Some(engine) = Engine::new("spaces") else {
        return;
    };
    engine.post("sys/namespaces/mvx-team", &json!({}));
    let mount = json!({ "type": "transit" });
    engine.call("DELETE", "mvx-team/sys/mounts/spaces", &Value::Null);
    engine.post("mvx-team/sys/mounts/spaces", &mount);
    engine.post("mvx-team/spaces/keys/k", &json!({}));
    engine.pair.sandbox.write("a.yaml", TEXT);
    let inside = |words: [&str; 3]| engine.mvx(words).env("VAULT_NAMESPACE", "mvx-team");
    done(&inside(["encrypt", "-qi", "a.yaml"]).outcome());
    let told = engine.refused();
    assert!(told.contains("did not wrap this"), "{told}");
    let opened = inside(["decrypt", "-q", "a.yaml"]).outcome();
    assert_eq!(opened.quiet_success(), TEXT);
    let sops = engine
        .sops(["decrypt", "a.yaml"])
        .env("VAULT_NAMESPACE", "mvx-team");
    done(&sops.outcome());
}

#[test]
fn a_busy_server_is_asked_again_and_a_slow_one_waited_for() {
    let Some(engine) = Engine::new("busy") else {
        return;
    };
    engine.seal();
    let busy = |status| Act::Answer(status, "Retry-After: 0\r\n", String::new());
    let late = Act::Late(Duration::from_millis(1500));
    let rough = engine.rough([busy(429), busy(502), late], Act::Pass);
    let opened = engine.before(&rough);
    assert_eq!(opened.stdout(), TEXT, "{opened}");
    assert_eq!(rough.requests().len(), 3);
    let rough = engine.rough([], busy(429));
    let told = refused(&engine.before(&rough), 128);
    assert!(told.contains("cannot answer now (status 429)"), "{told}");
    assert_eq!(rough.requests().len(), 3);
    let sealed = Act::Answer(503, "", r#"{"errors":["Vault is sealed"]}"#.to_owned());
    let rough = engine.rough([], sealed);
    let told = refused(&engine.before(&rough), 128);
    assert!(told.contains("the server is sealed"), "{told}");
    assert_eq!(rough.requests().len(), 1);
}

#[test]
fn a_server_that_breaks_down_ends_with_a_reason() {
    let Some(engine) = Engine::new("broken") else {
        return;
    };
    engine.seal();
    let answer = |body: &str| Act::Answer(200, "", body.to_owned());
    for (act, says) in [
        (Act::Cut, "ended the connection"),
        (Act::CutInTheBody, "ended the connection"),
        (Act::Garbage, "no HTTP"),
        (answer("<html>"), "not the transit engine's"),
        (answer(r#"{"data":{"plaintext":"*"}}"#), "no base64"),
        (answer(r#"{"data":{"plaintext":"AAAA"}}"#), "3 bytes"),
        (answer(&"x".repeat(2 << 20)), "more than 1048576 bytes"),
        (
            Act::Answer(307, "Location: http://127.0.0.1:1/\r\n", String::new()),
            "sends on to another address",
        ),
    ] {
        let rough = engine.rough([], act.clone());
        let told = refused(&engine.before(&rough), 128);
        assert!(told.contains(says), "{act:?}: {told}");
        assert!(!told.contains("root"), "{told}");
    }
}

#[test]
fn a_server_that_only_the_file_names_gets_no_token() {
    let Some(engine) = Engine::new("unbelieved") else {
        return;
    };
    engine.seal();
    let rough = engine.rough([], Act::Pass);
    let run = || {
        let run = engine.mvx(["decrypt", "a.yaml"]);
        run.in_a_session_of_its_own()
    };
    let told = refused(&run().outcome(), 128);
    assert!(
        told.contains("only the repository names this server"),
        "{told}"
    );
    let line = format!("addresses = [\"{}\"]", rough.address);
    assert!(
        told.contains(&line) && told.contains(".config/mvx/config.toml"),
        "{told}"
    );
    // nor is a data key sent there
    engine.rule(&format!("{}/v1/unbelieved/keys/k", rough.address));
    engine.pair.sandbox.write("b.yaml", TEXT);
    let wrap = || {
        let run = engine.mvx(["encrypt", "-i", "b.yaml"]);
        run.in_a_session_of_its_own()
    };
    let told = refused(&wrap().outcome(), 3);
    assert!(
        told.contains("only the repository names this server"),
        "{told}"
    );
    for list in ["all", "none", &rough.address[..rough.address.len() - 1]] {
        let run = run().env("SOPS_HC_VAULT_ALLOWLIST", list);
        refused(&run.outcome(), 128);
    }
    assert_eq!(rough.requests(), [""; 0]);
    // what the message says helps, and so does the variable
    let settings = engine.pair.sandbox.path("../home/.config/mvx/config.toml");
    std::fs::create_dir_all(settings.parent().unwrap()).unwrap();
    let allowed = run().env("SOPS_HC_VAULT_ALLOWLIST", &rough.address);
    assert_eq!(allowed.outcome().stdout(), TEXT);
    std::fs::write(settings, format!("[vault]\n{line}\n")).unwrap();
    assert_eq!(run().outcome().stdout(), TEXT);
    done(&wrap().outcome());
    assert_eq!(rough.requests().len(), 3);
}

#[test]
fn a_person_is_asked_about_a_server_once() {
    let Some(engine) = Engine::new("asked") else {
        return;
    };
    engine.seal();
    let rough = engine.rough([], Act::Pass);
    let sealed = engine.pair.sandbox.read("a.yaml");
    engine.pair.sandbox.write("b.yaml", &sealed);
    let run = || engine.mvx(["decrypt", "-q", "a.yaml"]);
    let declined = run().on_terminal(&[
        Step::Await(&rough.address),
        Step::Await("send it my token"),
        Step::Type("\u{1b}[B"),
        Step::Type("\r"),
    ]);
    assert_eq!(declined.status, 128, "{declined:?}");
    assert!(declined.screen.contains("you declined"), "{declined:?}");
    assert!(rough.requests().is_empty());
    let agreed = run().on_terminal(&[
        Step::Await(&rough.address),
        Step::Await("send it my token"),
        Step::Type("\r"),
        Step::Await("password: invented"),
    ]);
    assert_eq!(agreed.status, 0, "{agreed:?}");
    assert!(agreed.screen.contains("is remembered in"), "{agreed:?}");
    let settings = engine.pair.sandbox.read("../home/.config/mvx/config.toml");
    assert!(settings.contains(&rough.address), "{settings}");
    // and from now on nobody is
    let run = engine.mvx(["decrypt", "-q", "b.yaml"]);
    assert_eq!(run.in_a_session_of_its_own().outcome().stdout(), TEXT);
}

#[test]
fn an_authority_of_vaults_own_is_believed_and_no_check_is_skipped() {
    let (Some(engine), Some(proxy)) = (Engine::new("tls"), Proxy::find()) else {
        return;
    };
    proxy.route("vault.example", &engine.server);
    engine.rule("https://vault.example/v1/tls/keys/k");
    engine.pair.sandbox.write("a.yaml", TEXT);
    let run = || {
        let run = proxy.unbelieved(engine.mvx(["encrypt", "-i", "a.yaml"]));
        run.env("VAULT_ADDR", "https://vault.example")
    };
    let told = refused(&run().env("VAULT_SKIP_VERIFY", "1").outcome(), 4);
    assert!(told.contains("VAULT_CACERT"), "{told}");
    assert!(told.contains("VAULT_SKIP_VERIFY is not honoured"), "{told}");
    let authority = address("MVX_TEST_CA").unwrap();
    done(&run().env("VAULT_CACERT", authority).outcome());
}

#[test]
fn the_token_is_never_shown() {
    let Some(engine) = Engine::new("shown") else {
        return;
    };
    engine.seal();
    for words in [
        ["decrypt", "-vv", "a.yaml"],
        ["decrypt", "--json", "a.yaml"],
    ] {
        let token = engine.token("encrypt");
        let outcome = engine.mvx(words).env("VAULT_TOKEN", &token).outcome();
        assert!(!outcome.to_string().contains(&token), "{outcome}");
        assert!(
            outcome.to_string().contains("permission denied"),
            "{outcome}"
        );
    }
}
