//! Azure Key Vault: mvx and real sops before the stand-in of `scripts/azure.py`, which is our own and has
//! real RSA; there is no emulator of Azure's.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use super::address;
use super::rough::{Act, Rough};
use super::tls::Proxy;
use crate::interop::Pair;
use crate::support::{Outcome, Run};

const TENANT: &str = "8f0ce0f1-0000-4000-8000-000000000001";
const TEXT: &str = "# kept\npassword: invented  # here\n";

/// A sandbox in which both programs reach Azure's stand-in through the proxy, and log in to it.
struct Cloud {
    pair: Pair,
    proxy: Proxy,
    azure: String,
    vault: String,
}

impl Cloud {
    /// With a vault of this name, which no other test uses.
    fn new(vault: &str) -> Option<Self> {
        let cloud = Self {
            azure: address("MVX_TEST_AZURE")?,
            proxy: Proxy::find()?,
            pair: Pair::new()?,
            vault: format!("{vault}.vault.azure.net"),
        };
        cloud.proxy.route("login.microsoftonline.com", &cloud.azure);
        cloud.proxy.route(&cloud.vault, &cloud.azure);
        cloud.rule("sops");
        Some(cloud)
    }

    /// The vault's requests meet these acts first.
    fn rough(&self, acts: impl IntoIterator<Item = Act>, last: Act) -> Rough {
        let rough = Rough::start(acts, last, &self.azure);
        self.proxy.route(&self.vault, &rough.address);
        rough
    }

    /// Files are sealed for this key of the vault.
    fn rule(&self, key: &str) {
        let rule = format!(
            "creation_rules:\n  - azure_keyvault: https://{}/keys/{key}\n",
            self.vault
        );
        self.pair.sandbox.write(".sops.yaml", rule);
    }

    fn with_login(run: Run) -> Run {
        run.env("AZURE_TENANT_ID", TENANT)
            .env("AZURE_CLIENT_ID", "mvx-test")
            .env("AZURE_CLIENT_SECRET", "invented")
    }

    fn mvx<const N: usize>(&self, arguments: [&str; N]) -> Run {
        Self::with_login(self.proxy.before(self.pair.mvx(arguments)))
    }

    fn sops<const N: usize>(&self, arguments: [&str; N]) -> Run {
        Self::with_login(self.proxy.before(self.pair.sops(arguments)))
    }

    /// Seals `a.yaml`, or does not.
    fn try_to_seal(&self) -> Outcome {
        self.pair.sandbox.write("a.yaml", TEXT);
        self.mvx(["encrypt", "-q", "-i", "a.yaml"]).outcome()
    }

    /// Seals `a.yaml`.
    fn seal(&self) {
        done(&self.try_to_seal());
    }

    /// Sealing fails with this exit status; what is said, with nothing of what must not be.
    fn refused(&self, code: i32) -> String {
        refused(&self.try_to_seal(), code)
    }
}

fn done(outcome: &Outcome) {
    assert_eq!(outcome.code(), Some(0), "{outcome}");
}

fn refused(outcome: &Outcome, code: i32) -> String {
    assert_eq!(outcome.code(), Some(code), "{outcome}");
    assert_eq!(outcome.stdout(), "");
    assert!(!outcome.stderr.contains("invented"), "{outcome}");
    outcome.stderr.clone()
}

#[test]
fn what_one_wraps_the_other_unwraps() {
    let Some(cloud) = Cloud::new("both-ways") else {
        return;
    };
    cloud.seal();
    let sealed = cloud.pair.sandbox.read("a.yaml");
    assert!(sealed.contains("vault_url: https://both-ways.vault.azure.net\n"));
    assert!(sealed.contains("password: ENC["), "{sealed}");
    let opened = cloud.sops(["decrypt", "a.yaml"]).outcome();
    done(&opened);
    assert!(opened.stdout().contains("password: invented"), "{opened}");
    let opened = cloud.mvx(["decrypt", "-q", "a.yaml"]).outcome();
    assert_eq!(opened.quiet_success(), TEXT);

    cloud.pair.sandbox.write("b.yaml", TEXT);
    let by_sops = cloud.sops(["encrypt", "-i", "b.yaml"]).outcome();
    done(&by_sops);
    let opened = cloud.mvx(["decrypt", "-q", "b.yaml"]).outcome();
    assert!(opened.quiet_success().contains("password: invented"));
    // and each goes on where the other stopped
    let set = cloud
        .mvx(["set", "-q", "b.yaml", "other"])
        .stdin("x")
        .outcome();
    done(&set);
    let set = cloud
        .sops(["set", "a.yaml", "[\"other\"]", "\"y\""])
        .outcome();
    done(&set);
    for (file, value) in [("a.yaml", "y"), ("b.yaml", "x")] {
        let by_mvx = cloud.mvx(["get", file, "other"]).outcome();
        assert_eq!(by_mvx.stdout().trim(), value, "{by_mvx}");
        let by_sops = cloud
            .sops(["decrypt", "--extract", "[\"other\"]", file])
            .outcome();
        assert_eq!(by_sops.stdout(), value, "{by_sops}");
    }
}

#[test]
fn many_files_of_one_key_take_one_login_and_one_unwrapping_each() {
    let Some(cloud) = Cloud::new("many") else {
        return;
    };
    let names: Vec<String> = (0..8).map(|number| format!("{number}.yaml")).collect();
    for name in &names {
        cloud.pair.sandbox.write(name, TEXT);
    }
    let arguments = |first: &[&str]| -> Vec<String> {
        let first = first.iter().map(|word| (*word).to_owned());
        first.chain(names.iter().cloned()).collect()
    };
    let run = |words: Vec<String>| Cloud::with_login(cloud.proxy.before(cloud.pair.mvx(words)));
    done(&run(arguments(&["encrypt", "-q", "-i"])).outcome());
    let before = cloud.proxy.seen(&cloud.vault).len();
    let opened = run(arguments(&["decrypt", "-q", "-i"])).outcome();
    done(&opened);
    let seen = cloud.proxy.seen(&cloud.vault);
    let asked: Vec<&String> = seen[before..]
        .iter()
        .filter(|line| *line != "CONNECT")
        .collect();
    // who makes tokens, and each file's data key
    assert_eq!(asked.len(), 1 + names.len(), "{asked:?}");
}

#[test]
fn each_refusal_says_why_and_what_to_do() {
    let Some(cloud) = Cloud::new("refusals") else {
        return;
    };
    for (key, why, hint) in [
        (
            "denied",
            "access denied (keys/get at refusals.vault.azure.net)",
            "Key Vault Crypto User",
        ),
        ("disabled", "the key is disabled", "az keyvault key show"),
        ("expired", "the key has expired", "az keyvault key show"),
        (
            "not-permitted",
            "the key may not be used to encrypt",
            "az keyvault key show",
        ),
        ("nothing", "has no key `nothing`", "az keyvault key recover"),
    ] {
        cloud.rule(key);
        let told = cloud.refused(4);
        assert!(told.contains(why) && told.contains(hint), "{key}: {told}");
    }
    // a file that was sealed for a key that is now somebody else's
    cloud.rule("sops");
    cloud.seal();
    let sealed = cloud.pair.sandbox.read("a.yaml");
    cloud
        .pair
        .sandbox
        .write("b.yaml", sealed.replace("name: sops", "name: denied"));
    let told = refused(&cloud.mvx(["decrypt", "b.yaml"]).outcome(), 128);
    assert!(told.contains("access denied (keys/decrypt at"), "{told}");
}

#[test]
fn a_login_that_is_refused_says_why_and_not_with_what() {
    let Some(cloud) = Cloud::new("logins") else {
        return;
    };
    cloud.pair.sandbox.write("a.yaml", TEXT);
    for (name, value, why) in [
        (
            "AZURE_CLIENT_SECRET",
            "s3cr3t-of-mine",
            "AADSTS7000215: Invalid client secret provided",
        ),
        ("AZURE_CLIENT_ID", "someone", "AADSTS700016"),
        ("AZURE_TENANT_ID", "elsewhere.example", "AADSTS90002"),
    ] {
        for verbose in ["-q", "-vv"] {
            let run = cloud
                .mvx(["encrypt", verbose, "-i", "a.yaml"])
                .env(name, value);
            let told = refused(&run.outcome(), 4);
            assert!(told.contains(why) && !told.contains("s3cr3t"), "{told}");
            assert!(!told.contains("Trace ID"), "{told}");
        }
    }
}

#[test]
fn a_federated_token_logs_in() {
    let Some(cloud) = Cloud::new("federated") else {
        return;
    };
    let path = cloud.pair.sandbox.write("token", "federated\n");
    cloud.pair.sandbox.write("a.yaml", TEXT);
    for words in [
        ["encrypt", "-q", "-i", "a.yaml"],
        ["decrypt", "-q", "-i", "a.yaml"],
    ] {
        let run = cloud.proxy.before(cloud.pair.mvx(words));
        let run = run
            .env("AZURE_TENANT_ID", TENANT)
            .env("AZURE_CLIENT_ID", "mvx-test");
        let outcome = run.env("AZURE_FEDERATED_TOKEN_FILE", &path).outcome();
        done(&outcome);
    }
    assert_eq!(cloud.pair.sandbox.read("a.yaml"), TEXT);
}

#[test]
fn the_login_of_az_is_taken_where_nothing_is_set() {
    let Some(cloud) = Cloud::new("with-az") else {
        return;
    };
    let az = format!(
        "#!/bin/sh\ncase \"$*\" in\n\
         'account get-access-token --output json --resource https://vault.azure.net --tenant {TENANT}')\n\
         echo '{{\"accessToken\": \"token-of-az\", \"tokenType\": \"Bearer\"}}' ;;\n\
         *) echo \"ERROR: $*\" >&2; exit 1 ;;\nesac\n"
    );
    let path = cloud.pair.sandbox.write("bin/az", az);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", path.parent().unwrap().display());
    cloud.pair.sandbox.write("a.yaml", TEXT);
    for words in [
        ["encrypt", "-q", "-i", "a.yaml"],
        ["decrypt", "-q", "-i", "a.yaml"],
    ] {
        let run = cloud.proxy.before(cloud.pair.mvx(words));
        done(&run.env("PATH", &path).outcome());
    }
    assert_eq!(cloud.pair.sandbox.read("a.yaml"), TEXT);
    // and where there is no `az` either
    let run = cloud
        .proxy
        .before(cloud.pair.mvx(["encrypt", "-q", "-i", "a.yaml"]));
    let told = refused(&run.env("PATH", "/nowhere").outcome(), 4);
    assert!(
        told.contains("this machine has no login for Azure"),
        "{told}"
    );
    assert!(told.contains("`az login` logs you in"), "{told}");
}

#[test]
fn a_busy_vault_is_asked_again_and_a_slow_one_waited_for() {
    let Some(cloud) = Cloud::new("busy") else {
        return;
    };
    let busy = |status| Act::Answer(status, "Retry-After: 0\r\n", String::new());
    let rough = cloud.rough(
        [
            busy(429),
            Act::Pass,
            busy(503),
            busy(429),
            Act::Pass,
            Act::Late(Duration::from_secs(1)),
        ],
        Act::Pass,
    );
    cloud.seal();
    assert_eq!(rough.requests().len(), 6);
    let rough = cloud.rough([], busy(429));
    let told = refused(&cloud.mvx(["decrypt", "a.yaml"]).outcome(), 128);
    assert!(
        told.contains("busy.vault.azure.net is too busy (status 429)"),
        "{told}"
    );
    assert_eq!(rough.requests().len(), 3);
}

#[test]
fn a_vault_that_breaks_down_ends_with_a_reason() {
    let Some(cloud) = Cloud::new("broken") else {
        return;
    };
    cloud.seal();
    let answer = |body: &str| Act::Answer(200, "", body.to_owned());
    for (act, why) in [
        (Act::Cut, "ended the connection"),
        (Act::CutInTheBody, "ended the connection"),
        (
            Act::Hang(Duration::from_millis(300)),
            "ended the connection",
        ),
        (Act::Garbage, "no HTTP"),
        (answer("<html>"), "cannot be understood"),
        (answer("{\"value\":17}"), "cannot be understood"),
        (answer("{\"value\":\"AAAA\"}"), ""),
        (answer(&"x".repeat(2 << 20)), "more than 1048576 bytes"),
        (
            Act::Answer(
                302,
                "Location: https://login.evil.example/\r\n",
                String::new(),
            ),
            "status 302",
        ),
    ] {
        // the challenge is sound, what comes then is not
        let _rough = cloud.rough([Act::Pass], act.clone());
        let told = refused(&cloud.mvx(["decrypt", "a.yaml"]).outcome(), 128);
        assert!(told.contains(why), "{act:?}: {told}");
    }
    assert!(cloud.proxy.seen("login.evil.example").is_empty());
}

#[test]
fn no_token_is_asked_for_where_a_challenge_leads_elsewhere() {
    let Some(cloud) = Cloud::new("challenge") else {
        return;
    };
    for (header, foreign) in [
        (
            "WWW-Authenticate: Bearer authorization=\"https://login.foreign.example/t\", resource=\"https://vault.azure.net\"\r\n",
            "login.foreign.example",
        ),
        (
            "WWW-Authenticate: Bearer authorization=\"https://login.chinacloudapi.cn/t\", resource=\"https://vault.azure.net\"\r\n",
            "login.chinacloudapi.cn",
        ),
    ] {
        let rough = cloud.rough([], Act::Answer(401, header, String::new()));
        let told = cloud.refused(3);
        assert!(
            told.contains("names a login that is none of its cloud's"),
            "{told}"
        );
        assert!(cloud.proxy.seen(foreign).is_empty());
        let requests = rough.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        assert!(!requests[0].to_ascii_lowercase().contains("authorization"));
    }
    let header = "WWW-Authenticate: Bearer authorization=\"https://login.microsoftonline.com/t\", resource=\"https://graph.microsoft.com\"\r\n";
    let _rough = cloud.rough([], Act::Answer(401, header, String::new()));
    let told = cloud.refused(3);
    assert!(told.contains("meant for another service"), "{told}");
}

#[test]
fn a_certificate_that_proves_nothing_is_refused() {
    let Some(cloud) = Cloud::new("certificate") else {
        return;
    };
    cloud.pair.sandbox.write("a.yaml", TEXT);
    // an authority that nobody believes
    let run = cloud.pair.mvx(["encrypt", "-q", "-i", "a.yaml"]);
    let unbelieved = Cloud::with_login(cloud.proxy.unbelieved(run)).outcome();
    let told = refused(&unbelieved, 4);
    assert!(
        told.contains("no authority that this system believes")
            || told.contains("no certificate authorities"),
        "{told}"
    );
    assert!(told.contains("SSL_CERT_FILE"), "{told}");
    for (fault, why) in [
        ("expired", "it has expired"),
        ("other", "it was made for another name"),
        (
            "unsigned",
            "no authority that this system believes has signed it",
        ),
    ] {
        let seen = cloud.proxy.seen(&cloud.vault).len();
        cloud.proxy.route_with(&cloud.vault, &cloud.azure, fault);
        let told = cloud.refused(4);
        assert!(told.contains(why), "{fault}: {told}");
        // a connection, and no request
        let seen = cloud.proxy.seen(&cloud.vault).split_off(seen);
        assert!(seen.iter().all(|line| line == "CONNECT"), "{seen:?}");
    }
}

#[test]
fn vaults_that_are_not_azures_are_never_asked() {
    let Some(cloud) = Cloud::new("hostile") else {
        return;
    };
    cloud.seal();
    let sealed = cloud.pair.sandbox.read("a.yaml");
    for (address, host) in [
        ("https://evil.example", "evil.example"),
        (
            "https://hostile.vault.azure.net.evil.example",
            "hostile.vault.azure.net.evil.example",
        ),
        (
            "https://hostile.vault.azure.net@evil.example",
            "evil.example",
        ),
        (
            "https://hostile.vault.azure.net:444",
            "hostile.vault.azure.net:444",
        ),
        (
            "https://hostile.vault.azure.net.",
            "hostile.vault.azure.net.",
        ),
        (
            "http://hostile2.vault.azure.net",
            "hostile2.vault.azure.net",
        ),
        ("https://127.0.0.1:1", "127.0.0.1"),
        (
            "https://xn--vault-azure-net-8b.example",
            "xn--vault-azure-net-8b.example",
        ),
    ] {
        cloud.proxy.route(host, &cloud.azure);
        let named = format!("vault_url: {address}");
        let text = sealed.replace("vault_url: https://hostile.vault.azure.net", &named);
        assert!(text.contains(&named));
        cloud.pair.sandbox.write("b.yaml", text);
        let told = refused(&cloud.mvx(["decrypt", "b.yaml"]).outcome(), 128);
        assert!(
            told.contains("none of Azure's") || told.contains("no key of Azure Key Vault"),
            "{address}: {told}"
        );
        assert!(cloud.proxy.seen(host).is_empty(), "{address}");
    }
    // letters of another case are the same host
    let text = sealed.replace("https://hostile.vault", "https://Hostile.VAULT");
    cloud.pair.sandbox.write("b.yaml", text);
    let outcome = cloud.mvx(["decrypt", "b.yaml"]).outcome();
    assert!(
        outcome.code() == Some(0) || outcome.stderr.contains("seal"),
        "{outcome}"
    );
}
