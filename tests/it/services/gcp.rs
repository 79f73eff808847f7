//! Google Cloud KMS: mvx and real sops before drongo. mvx asks it by way of `SOPS_GCP_KMS_ENDPOINT`; sops 3.11
//! does not know that, and meets it behind TLS under Google's own name.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::address;
use super::rough::{Act, Rough};
use super::tls::Proxy;
use crate::interop::Pair;
use crate::support::{Outcome, Run};

const TEXT: &str = "# kept\npassword: invented  # here\n";

/// A sandbox in which both programs reach drongo.
struct Cloud {
    pair: Pair,
    proxy: Proxy,
    google: String,
    key: String,
}

impl Cloud {
    /// With a key in a key ring of this name, which no other test uses.
    fn new(ring: &str) -> Option<Self> {
        let cloud = Self {
            google: address("MVX_TEST_GCP")?,
            proxy: Proxy::find()?,
            pair: Pair::new()?,
            key: format!("projects/p/locations/global/keyRings/{ring}/cryptoKeys/k"),
        };
        cloud.proxy.route("cloudkms.googleapis.com", &cloud.google);
        cloud.make(&format!(
            "projects/p/locations/global/keyRings?keyRingId={ring}"
        ));
        cloud.make(&format!(
            "projects/p/locations/global/keyRings/{ring}/cryptoKeys?cryptoKeyId=k"
        ));
        let rule = format!("creation_rules:\n  - gcp_kms: {}\n", cloud.key);
        cloud.pair.sandbox.write(".sops.yaml", rule);
        Some(cloud)
    }

    fn make(&self, what: &str) {
        let mut stream = TcpStream::connect(self.google.trim_start_matches("http://")).unwrap();
        let request = format!(
            "POST /v1/{what} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(" 200 "), "{answer}");
    }

    /// mvx, which asks drongo.
    fn mvx<const N: usize>(&self, arguments: [&str; N]) -> Run {
        self.mvx_at(arguments, &self.google)
    }

    /// mvx, which asks this address.
    fn mvx_at<const N: usize>(&self, arguments: [&str; N], endpoint: &str) -> Run {
        self.bare(arguments)
            .env("SOPS_GCP_KMS_ENDPOINT", endpoint)
            .env("GOOGLE_OAUTH_ACCESS_TOKEN", "t0ken-of-mine")
    }

    fn bare<const N: usize>(&self, arguments: [&str; N]) -> Run {
        // no metadata service of the machine that the tests run on
        self.pair
            .mvx(arguments)
            .env("GCE_METADATA_HOST", "127.0.0.1:1")
    }

    fn sops<const N: usize>(&self, arguments: [&str; N]) -> Run {
        self.proxy
            .before(self.pair.sops(arguments))
            .env("SOPS_GCP_KMS_CLIENT_TYPE", "rest")
            .env("GOOGLE_OAUTH_ACCESS_TOKEN", "t0ken-of-mine")
    }

    fn seal(&self) {
        self.pair.sandbox.write("a.yaml", TEXT);
        done(&self.mvx(["encrypt", "-q", "-i", "a.yaml"]).outcome());
    }

    /// Opening fails where the answers are these; what is said, and how often was asked.
    fn refused(&self, acts: impl IntoIterator<Item = Act>, last: Act) -> (String, usize) {
        let rough = Rough::start(acts, last, &self.google);
        let outcome = self
            .mvx_at(["decrypt", "-vv", "a.yaml"], &rough.address)
            .outcome();
        (refused(&outcome, 128), rough.requests().len())
    }
}

fn done(outcome: &Outcome) {
    assert_eq!(outcome.code(), Some(0), "{outcome}");
}

fn refused(outcome: &Outcome, code: i32) -> String {
    assert_eq!(outcome.code(), Some(code), "{outcome}");
    assert_eq!(outcome.stdout(), "");
    assert!(!outcome.stderr.contains("t0ken"), "{outcome}");
    outcome.stderr.clone()
}

fn fault(code: u16, status: &str, message: &str) -> Act {
    let body = format!(
        "{{\"error\":{{\"code\":{code},\"message\":\"{message}\",\"status\":\"{status}\"}}}}"
    );
    Act::Answer(code, "Retry-After: 0\r\n", body)
}

#[test]
fn what_one_wraps_the_other_unwraps() {
    let Some(cloud) = Cloud::new("both-ways") else {
        return;
    };
    cloud.seal();
    let sealed = cloud.pair.sandbox.read("a.yaml");
    assert!(
        sealed.contains(&format!("resource_id: {}\n", cloud.key)),
        "{sealed}"
    );
    let opened = cloud.sops(["decrypt", "a.yaml"]).outcome();
    done(&opened);
    assert!(opened.stdout().contains("password: invented"), "{opened}");
    let opened = cloud.mvx(["decrypt", "-q", "a.yaml"]).outcome();
    assert_eq!(opened.quiet_success(), TEXT);

    cloud.pair.sandbox.write("b.yaml", TEXT);
    done(&cloud.sops(["encrypt", "-i", "b.yaml"]).outcome());
    let opened = cloud.mvx(["decrypt", "-q", "b.yaml"]).outcome();
    assert!(opened.quiet_success().contains("password: invented"));
    // and each goes on where the other stopped
    done(
        &cloud
            .mvx(["set", "-q", "b.yaml", "other"])
            .stdin("x")
            .outcome(),
    );
    done(
        &cloud
            .sops(["set", "a.yaml", "[\"other\"]", "\"y\""])
            .outcome(),
    );
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
fn under_googles_own_name_a_certificate_must_be_good() {
    let Some(cloud) = Cloud::new("certificates") else {
        return;
    };
    cloud.seal();
    let open = || {
        let run = cloud.bare(["decrypt", "-q", "a.yaml"]);
        run.env("GOOGLE_OAUTH_ACCESS_TOKEN", "t0ken-of-mine")
    };
    // the address that is asked where nothing names another one
    let opened = cloud.proxy.before(open()).outcome();
    assert_eq!(opened.quiet_success(), TEXT);
    let told = refused(&cloud.proxy.unbelieved(open()).outcome(), 128);
    assert!(
        told.contains("no authority that this system believes")
            || told.contains("no certificate authorities"),
        "{told}"
    );
    for (fault, why) in [
        ("expired", "kms.example:443 is not accepted: it has expired"),
        ("other", "it was made for another name"),
    ] {
        cloud.proxy.route_with("kms.example", &cloud.google, fault);
        let run = cloud
            .proxy
            .before(open())
            .env("SOPS_GCP_KMS_ENDPOINT", "kms.example:443");
        let told = refused(&run.outcome(), 128);
        assert!(told.contains(why), "{fault}: {told}");
        assert!(
            cloud
                .proxy
                .seen("kms.example")
                .iter()
                .all(|line| line == "CONNECT")
        );
    }
}

#[test]
fn each_refusal_says_why_and_what_to_do() {
    let Some(cloud) = Cloud::new("refusals") else {
        return;
    };
    cloud.seal();
    for (act, why, hint) in [
        (
            fault(
                403,
                "PERMISSION_DENIED",
                "Permission 'x' denied on resource 'k'.",
            ),
            "access denied (cloudkms.cryptoKeyVersions.useToDecrypt)",
            "roles/cloudkms.cryptoKeyDecrypter",
        ),
        (
            fault(
                400,
                "FAILED_PRECONDITION",
                "k is not enabled, current state is: DISABLED.",
            ),
            "the version of the key is disabled or destroyed",
            "gcloud kms keys versions list",
        ),
        (
            fault(404, "NOT_FOUND", "CryptoKey k not found."),
            "there is no such key",
            "",
        ),
        (
            fault(
                401,
                "UNAUTHENTICATED",
                "Request had invalid authentication credentials.",
            ),
            "does not accept this login",
            "gcloud auth application-default login",
        ),
        (
            fault(
                400,
                "INVALID_ARGUMENT",
                "Decryption failed: the ciphertext is invalid.",
            ),
            "was not wrapped for this key",
            "",
        ),
    ] {
        let (told, asked) = cloud.refused([], act);
        assert!(told.contains(why) && told.contains(hint), "{told}");
        assert_eq!(asked, 1);
    }
    // drongo itself knows another key, and one that is not there
    let ring = "projects/p/locations/global/keyRings/refusals";
    cloud.make(&format!("{ring}/cryptoKeys?cryptoKeyId=other"));
    let sealed = cloud.pair.sandbox.read("a.yaml");
    for (key, why) in [
        ("other", "was not wrapped for this key"),
        ("none", "there is no such key"),
    ] {
        let moved = sealed.replace("cryptoKeys/k\n", &format!("cryptoKeys/{key}\n"));
        cloud.pair.sandbox.write("b.yaml", moved);
        let told = refused(&cloud.mvx(["decrypt", "b.yaml"]).outcome(), 128);
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn a_busy_service_is_asked_again_and_a_slow_one_waited_for() {
    let Some(cloud) = Cloud::new("busy") else {
        return;
    };
    cloud.seal();
    let busy = |code| fault(code, "RESOURCE_EXHAUSTED", "Quota exceeded.");
    let rough = Rough::start(
        [busy(429), busy(503), Act::Late(Duration::from_secs(1))],
        Act::Pass,
        &cloud.google,
    );
    let outcome = cloud
        .mvx_at(["decrypt", "-q", "a.yaml"], &rough.address)
        .outcome();
    assert_eq!(outcome.quiet_success(), TEXT);
    assert_eq!(rough.requests().len(), 3);
    let (told, asked) = cloud.refused([], busy(429));
    assert!(
        told.contains("Cloud KMS is too busy (status 429)"),
        "{told}"
    );
    assert_eq!(asked, 3);
}

#[test]
fn a_service_that_breaks_down_ends_with_a_reason() {
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
        (answer("{\"plaintext\":17}"), "cannot be understood"),
        (
            answer("{\"plaintext\":\"AAAA\",\"plaintextCrc32c\":\"1\"}"),
            "checksums differ",
        ),
        (answer(&"x".repeat(2 << 20)), "more than 1048576 bytes"),
        (
            Act::Answer(
                302,
                "Location: https://kms.evil.example/\r\n",
                String::new(),
            ),
            "status 302",
        ),
    ] {
        let (told, asked) = cloud.refused([], act.clone());
        assert!(told.contains(why), "{act:?}: {told}");
        let was_cut = why == "ended the connection";
        assert_eq!(asked, if was_cut { 3 } else { 1 });
    }
    assert!(cloud.proxy.seen("kms.evil.example").is_empty());
    let nowhere = cloud
        .mvx_at(["decrypt", "a.yaml"], "http://127.0.0.1:1")
        .outcome();
    assert!(refused(&nowhere, 128).contains("127.0.0.1:1 cannot be reached"));
}

#[test]
fn names_that_lead_elsewhere_are_never_asked_for() {
    let Some(cloud) = Cloud::new("hostile") else {
        return;
    };
    cloud.seal();
    let sealed = cloud.pair.sandbox.read("a.yaml");
    let rough = Rough::start([], Act::Pass, &cloud.google);
    for name in [
        "../../../../../../x",
        "projects/p/locations/global/keyRings/hostile/cryptoKeys/k:encrypt?x=",
        "projects/p/locations/global/keyRings/../cryptoKeys/k",
        "projects/p/locations/global/keyRings/hostile/cryptoKeys/%6b",
        "https://evil.example/projects/p/locations/global/keyRings/r/cryptoKeys/k",
        "@evil.example/locations/global/keyRings/r/cryptoKeys/k",
    ] {
        let named = format!("resource_id: '{name}'");
        let text = sealed.replace(&format!("resource_id: {}", cloud.key), &named);
        assert!(text.contains(&named));
        cloud.pair.sandbox.write("b.yaml", text);
        let outcome = cloud
            .mvx_at(["decrypt", "b.yaml"], &rough.address)
            .outcome();
        assert!(refused(&outcome, 128).contains("this is no key of Cloud KMS"));
    }
    assert!(rough.requests().is_empty());
}

#[test]
fn a_machine_without_a_login_is_told_how_to_log_in() {
    let Some(cloud) = Cloud::new("nobody") else {
        return;
    };
    cloud.seal();
    let rough = Rough::start([], Act::Answer(404, "", String::new()), &cloud.google);
    let metadata = rough.address.trim_start_matches("http://").to_owned();
    for home in ["", "/nowhere"] {
        let run = cloud.bare(["decrypt", "a.yaml"]).env("HOME", home);
        let told = refused(&run.env("GCE_METADATA_HOST", &metadata).outcome(), 128);
        assert!(
            told.contains("this machine has no login for Google Cloud"),
            "{told}"
        );
        assert!(
            told.contains("gcloud auth application-default login"),
            "{told}"
        );
    }
}
