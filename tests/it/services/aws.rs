//! AWS KMS: mvx and real sops before moto, which has KMS and STS. moto takes any signature; sigv4.rs holds
//! them against botocore's.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::address;
use super::rough::{Act, Rough};
use crate::interop::{ANA, Pair};
use crate::support::{Outcome, Run};

const TEXT: &str = "# kept\npassword: invented  # here\n";
const SECRET: &str = "s3cret-of-mine";
const TOKEN: &str = "t0ken-of-mine";
const ROLE: &str = "arn:aws:iam::123456789012:role/opener";

/// A sandbox in which both programs reach moto, with a key of their own.
struct Cloud {
    pair: Pair,
    aws: String,
    key: String,
}

impl Cloud {
    fn new() -> Option<Self> {
        let aws = address("MVX_TEST_AWS")?;
        let pair = Pair::new()?;
        let made = ask(&aws, "CreateKey", &json!({}));
        let key = made["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
        let cloud = Self { pair, aws, key };
        cloud.rule(&format!("kms: {}", cloud.key));
        let keys = format!("aws_access_key_id = TEAMKEY\naws_secret_access_key = {SECRET}\n");
        let profiles =
            format!("[team]\n{keys}[assumes]\nrole_arn = {ROLE}\nsource_profile = team\n");
        cloud.pair.sandbox.write("credentials", profiles);
        Some(cloud)
    }

    /// An alias of the key.
    fn alias(&self, name: &str) -> String {
        let alias = json!({"AliasName": format!("alias/{name}"), "TargetKeyId": self.key});
        ask(&self.aws, "CreateAlias", &alias);
        let (account, _) = self.key.rsplit_once(':').unwrap();
        format!("{account}:alias/{name}")
    }

    /// Files are sealed as this creation rule says.
    fn rule(&self, rule: &str) {
        let rule = format!("creation_rules:\n  - {rule}\n");
        self.pair.sandbox.write(".sops.yaml", rule);
    }

    /// Files are sealed for this key with what goes with it, indented as in a key group.
    fn group(&self, arn: &str, extras: &str) {
        self.rule(&format!(
            "key_groups:\n      - kms:\n          - arn: {arn}\n{extras}"
        ));
    }

    /// The program without credentials.
    fn bare(&self, run: Run, endpoint: &str) -> Run {
        run.env("AWS_ENDPOINT_URL", endpoint)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env(
                "AWS_SHARED_CREDENTIALS_FILE",
                self.pair.sandbox.path("credentials"),
            )
    }

    fn with_keys(&self, run: Run, endpoint: &str) -> Run {
        self.bare(run, endpoint)
            .env("AWS_ACCESS_KEY_ID", "ENVKEY")
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_SESSION_TOKEN", TOKEN)
    }

    fn mvx<const N: usize>(&self, arguments: [&str; N]) -> Run {
        self.mvx_at(arguments, &self.aws)
    }

    fn mvx_at<const N: usize>(&self, arguments: [&str; N], endpoint: &str) -> Run {
        self.with_keys(self.pair.mvx(arguments), endpoint)
    }

    fn sops<const N: usize>(&self, arguments: [&str; N]) -> Run {
        self.with_keys(self.pair.sops(arguments), &self.aws)
    }

    fn seal(&self) {
        self.pair.sandbox.write("a.yaml", TEXT);
        done(&self.mvx(["encrypt", "-q", "-i", "a.yaml"]).outcome());
    }

    /// Opening fails where the answers are these; what is said, and how often was asked.
    fn refused(&self, acts: impl IntoIterator<Item = Act>, last: Act) -> (String, usize) {
        let rough = Rough::start(acts, last, &self.aws);
        let run = self.mvx_at(["decrypt", "-vv", "a.yaml"], &rough.address);
        let outcome = run.env("MVX_TIMEOUT", "1").outcome();
        (refused(&outcome, 128), rough.requests().len())
    }

    /// Both programs open what the other one sealed, by the rule as it stands.
    fn goes_both_ways(&self) {
        self.seal();
        let opened = self.sops(["decrypt", "a.yaml"]).outcome();
        done(&opened);
        assert!(opened.stdout().contains("password: invented"), "{opened}");
        let opened = self.mvx(["decrypt", "-q", "a.yaml"]).outcome();
        assert_eq!(opened.quiet_success(), TEXT);
        self.pair.sandbox.write("b.yaml", TEXT);
        done(&self.sops(["encrypt", "-i", "b.yaml"]).outcome());
        let opened = self.mvx(["decrypt", "-q", "b.yaml"]).outcome();
        assert!(opened.quiet_success().contains("password: invented"));
        // and each goes on where the other stopped
        let set = self.mvx(["set", "-q", "b.yaml", "other"]).stdin("x");
        done(&set.outcome());
        done(
            &self
                .sops(["set", "a.yaml", "[\"other\"]", "\"y\""])
                .outcome(),
        );
        for (file, value) in [("a.yaml", "y"), ("b.yaml", "x")] {
            let by_mvx = self.mvx(["get", file, "other"]).outcome();
            assert_eq!(by_mvx.stdout().trim(), value, "{by_mvx}");
            let by_sops = self.sops(["decrypt", "--extract", "[\"other\"]", file]);
            assert_eq!(by_sops.outcome().stdout(), value);
        }
    }
}

/// Asks moto for something, in the region eu-west-1.
fn ask(aws: &str, action: &str, body: &Value) -> Value {
    let mut stream = TcpStream::connect(aws.trim_start_matches("http://")).unwrap();
    let body = body.to_string();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: kms.eu-west-1.amazonaws.com\r\nX-Amz-Target: TrentService.{action}\r\n\
         Content-Type: application/x-amz-json-1.1\r\nConnection: close\r\nAuthorization: AWS4-HMAC-SHA256 \
         Credential=K/20261123/eu-west-1/kms/aws4_request, SignedHeaders=host, Signature=0\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 "), "{answer}");
    serde_json::from_str(body).unwrap_or_default()
}

fn done(outcome: &Outcome) {
    assert_eq!(outcome.code(), Some(0), "{outcome}");
}

/// What is said, with nothing of what must not be.
fn refused(outcome: &Outcome, code: i32) -> String {
    assert_eq!(outcome.code(), Some(code), "{outcome}");
    assert_eq!(outcome.stdout(), "");
    for secret in [SECRET, TOKEN, "invented"] {
        assert!(!outcome.stderr.contains(secret), "{outcome}");
    }
    outcome.stderr.clone()
}

fn fault(code: &str, message: &str) -> Act {
    let body = json!({"__type": code, "message": message});
    Act::Answer(400, "Retry-After: 0\r\n", body.to_string())
}

#[test]
fn what_one_wraps_the_other_unwraps() {
    let Some(cloud) = Cloud::new() else { return };
    cloud.goes_both_ways();
    let sealed = cloud.pair.sandbox.read("a.yaml");
    assert!(
        sealed.contains(&format!("arn: {}\n", cloud.key)),
        "{sealed}"
    );
    let alias = cloud.alias("both-ways");
    cloud.group(&alias, "");
    cloud.goes_both_ways();
    assert!(cloud.pair.sandbox.read("a.yaml").contains(&alias));
}

#[test]
fn a_context_a_role_and_a_profile_go_both_ways() {
    let Some(cloud) = Cloud::new() else { return };
    let context = "            context:\n              app: mvx\n              größe: maß\n";
    cloud.group(&cloud.key, context);
    cloud.goes_both_ways();
    let role = format!("            role: {ROLE}\n");
    cloud.group(&cloud.key, &role);
    cloud.goes_both_ways();
    cloud.group(
        &cloud.key,
        &format!("{context}{role}            aws_profile: team\n"),
    );
    cloud.goes_both_ways();
    let sealed = cloud.pair.sandbox.read("a.yaml");
    for line in [
        "aws_profile: team\n",
        &format!("role: {ROLE}\n"),
        "app: mvx\n",
    ] {
        assert!(sealed.contains(line), "{sealed}");
    }
}

#[test]
fn the_one_who_asks_is_the_one_who_is_named() {
    let Some(cloud) = Cloud::new() else { return };
    let seal = |run: Run| {
        cloud.pair.sandbox.write("a.yaml", TEXT);
        run.outcome()
    };
    let arguments = ["encrypt", "-q", "-i", "a.yaml"];
    // whom a request names, and what it asks for
    let named = |rough: &Rough| -> Vec<String> {
        let requests = rough.requests();
        let who = requests.iter().map(|request| {
            let (_, rest) = request.split_once("Credential=").unwrap();
            let who = rest.split('/').next().unwrap();
            let target = if request.contains("Action=AssumeRole&") {
                "sts"
            } else {
                "kms"
            };
            format!("{target} {who}")
        });
        who.collect()
    };
    let rough = Rough::start([], Act::Pass, &cloud.aws);
    let run = cloud.bare(cloud.pair.mvx(arguments), &rough.address);
    done(&seal(run.env("AWS_PROFILE", "team")));
    assert_eq!(named(&rough), ["kms TEAMKEY"]);

    let rough = Rough::start([], Act::Pass, &cloud.aws);
    let run = cloud.bare(cloud.pair.mvx(arguments), &rough.address);
    done(&seal(run.env("AWS_PROFILE", "assumes")));
    let who = named(&rough);
    assert_eq!(who[0], "sts TEAMKEY");
    assert!(who[1].starts_with("kms ") && who[1] != "kms TEAMKEY");

    // the environment's keys come before its profile, a file's own profile before both
    let rough = Rough::start([], Act::Pass, &cloud.aws);
    let run = cloud.mvx_at(arguments, &rough.address);
    done(&seal(run.env("AWS_PROFILE", "team")));
    assert_eq!(named(&rough), ["kms ENVKEY"]);
    cloud.group(&cloud.key, "            aws_profile: team\n");
    let rough = Rough::start([], Act::Pass, &cloud.aws);
    done(&seal(cloud.mvx_at(arguments, &rough.address)));
    assert_eq!(named(&rough), ["kms TEAMKEY"]);

    // nobody
    cloud.rule(&format!("kms: {}", cloud.key));
    let told = refused(&seal(cloud.bare(cloud.pair.mvx(arguments), &cloud.aws)), 4);
    assert!(
        told.contains("this machine has no credentials for AWS"),
        "{told}"
    );
    assert!(told.contains("aws sso login --profile"), "{told}");
    let run = cloud.bare(cloud.pair.mvx(arguments), &cloud.aws);
    let told = refused(&seal(run.env("AWS_PROFILE", "gone")), 4);
    assert!(told.contains("no AWS profile `gone`"), "{told}");
    assert!(told.contains("the profiles here: assumes, team"), "{told}");
}

#[test]
fn another_context_does_not_open() {
    let Some(cloud) = Cloud::new() else { return };
    cloud.group(&cloud.key, "            context:\n              app: mvx\n");
    cloud.seal();
    let sealed = cloud.pair.sandbox.read("a.yaml");
    cloud
        .pair
        .sandbox
        .write("a.yaml", sealed.replace("app: mvx", "app: other"));
    let told = refused(&cloud.mvx(["decrypt", "-vv", "a.yaml"]).outcome(), 128);
    assert!(told.contains("another encryption context"), "{told}");
    assert!(told.contains("(app)"), "{told}");
}

#[test]
fn each_refusal_says_why() {
    let Some(cloud) = Cloud::new() else { return };
    cloud.seal();
    for (code, message, expected) in [
        (
            "AccessDeniedException",
            "User: arn:aws:iam::123456789012:user/ana is not authorized to perform: kms:Decrypt",
            "access denied (kms:Decrypt) for arn:aws:iam::123456789012:user/ana",
        ),
        ("DisabledException", "", "the key is disabled"),
        (
            "KMSInvalidStateException",
            "is pending deletion",
            "about to be deleted",
        ),
        ("ExpiredTokenException", "", "has expired"),
        (
            "UnrecognizedClientException",
            "",
            "does not accept the credentials",
        ),
        (
            "InvalidSignatureException",
            TOKEN,
            "does not accept the credentials",
        ),
        (
            "InvalidSignatureException",
            "Signature expired: 1 is now earlier than 2",
            "this machine's clock",
        ),
    ] {
        let (told, asked) = cloud.refused([], fault(code, message));
        assert!(told.contains(expected), "{told}");
        assert_eq!(asked, 1, "{told}");
    }
    // and by moto itself
    cloud.pair.sandbox.write("c.yaml", TEXT);
    let gone = cloud.key.replace("key/", "key/00000000-");
    cloud.rule(&format!("kms: {gone}"));
    let told = refused(&cloud.mvx(["encrypt", "-i", "c.yaml"]).outcome(), 4);
    assert!(told.contains("there is no such key in eu-west-1"), "{told}");
}

#[test]
fn a_busy_service_is_asked_again_and_a_broken_one_told() {
    let Some(cloud) = Cloud::new() else { return };
    cloud.seal();
    let busy = fault("ThrottlingException", "Rate exceeded");
    let rough = Rough::start([busy.clone(), busy.clone()], Act::Pass, &cloud.aws);
    let outcome = cloud
        .mvx_at(["decrypt", "-q", "a.yaml"], &rough.address)
        .outcome();
    assert_eq!(outcome.quiet_success(), TEXT);
    assert_eq!(rough.requests().len(), 3);

    for (last, expected, times) in [
        (busy, "too busy", 3),
        (
            Act::Answer(500, "Retry-After: 0\r\n", String::new()),
            "too busy (status 500)",
            3,
        ),
        (
            Act::Hang(Duration::from_secs(3)),
            "did not answer within 1 s",
            3,
        ),
        (Act::Cut, "ended the connection", 3),
        (Act::CutInTheBody, "ended the connection", 3),
        (Act::Garbage, "no HTTP", 1),
        (
            Act::Answer(200, "", "{}".to_owned()),
            "cannot be understood",
            1,
        ),
        (
            Act::Answer(302, "Location: http://evil.example/\r\n", String::new()),
            "status 302",
            1,
        ),
    ] {
        let (told, asked) = cloud.refused([], last);
        assert!(told.contains(expected), "{expected}: {told}");
        assert!(asked >= times && asked <= times + 1, "{asked}: {told}");
    }
}

#[test]
fn one_recipient_that_fails_does_not_hide_another() {
    let Some(cloud) = Cloud::new() else { return };
    let other = ask(&cloud.aws, "CreateKey", &json!({}));
    let other = other["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
    cloud.rule(&format!("kms: {other},{}\n    age: {ANA}", cloud.key));
    cloud.seal();
    let sealed = cloud.pair.sandbox.read("a.yaml");
    // without the age key: by the one that is not refused
    let rough = Rough::start([fault("DisabledException", "")], Act::Pass, &cloud.aws);
    let run = cloud.with_keys(
        cloud.pair.sandbox.mvx(["decrypt", "-q", "a.yaml"]),
        &rough.address,
    );
    assert_eq!(run.outcome().quiet_success(), TEXT);
    assert_eq!(rough.requests().len(), 2);
    // with it, nobody is asked, unless the order says so
    let rough = Rough::start([], Act::Pass, &cloud.aws);
    let open = || cloud.mvx_at(["decrypt", "-q", "a.yaml"], &rough.address);
    assert_eq!(open().outcome().quiet_success(), TEXT);
    assert_eq!(rough.requests().len(), 0);
    let run = open().env("SOPS_DECRYPTION_ORDER", "kms,age");
    assert_eq!(run.outcome().quiet_success(), TEXT);
    assert!(!rough.requests().is_empty());
    assert_eq!(cloud.pair.sandbox.read("a.yaml"), sealed);
}

#[test]
fn nothing_in_a_file_leads_a_request_elsewhere() {
    let Some(cloud) = Cloud::new() else { return };
    cloud.seal();
    let sealed = cloud.pair.sandbox.read("a.yaml");
    let rough = Rough::start([], Act::Cut, &cloud.aws);
    let port = rough.address.rsplit(':').next().unwrap().to_owned();
    for region in [
        format!("127.0.0.1@{port}/"),
        "localhost/".to_owned(),
        "eu-west-1.evil.example".to_owned(),
        "eu-west-1#".to_owned(),
    ] {
        let hostile = sealed.replace(":kms:eu-west-1:", &format!(":kms:{region}:"));
        assert_ne!(hostile, sealed);
        cloud.pair.sandbox.write("b.yaml", hostile);
        let told = refused(&cloud.mvx(["decrypt", "-vv", "b.yaml"]).outcome(), 128);
        assert!(told.contains("the ARN of no KMS key"), "{told}");
    }
    assert!(rough.requests().is_empty());
}
