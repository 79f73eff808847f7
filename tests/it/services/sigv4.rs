//! Every signature that mvx sends is the one that botocore, Amazon's own library, makes for the same
//! request. A server on loopback takes the requests and refuses them all.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::address;
use super::rough::{Act, Rough};
use crate::interop::{ANA, Pair};
use crate::support::{Run, repository};

const SECRET: &str = "an/invented+secret=of/forty/characters00";

/// An entry of a file's metadata, for a key in this region.
fn entry(region: &str, resource: &str, context: &Value, role: Option<&str>) -> Value {
    let partition = match region.split_once('-').unwrap().0 {
        "cn" => "aws-cn",
        _ if region.starts_with("us-gov") => "aws-us-gov",
        _ => "aws",
    };
    let mut entry = json!({
        "arn": format!("arn:{partition}:kms:{region}:111122223333:{resource}"),
        "created_at": "2026-11-23T00:00:00Z",
        "enc": "AQICAHh0ZXN0",
        "aws_profile": "",
    });
    if context.as_object().is_some_and(|names| !names.is_empty()) {
        entry["context"] = context.clone();
    }
    if let Some(role) = role {
        entry["role"] = json!(role);
    }
    entry
}

/// Entries that lead to requests of all kinds.
fn entries() -> Vec<Value> {
    let regions = [
        "us-east-1",
        "us-east-2",
        "us-west-2",
        "eu-west-1",
        "eu-central-1",
        "eu-south-2",
        "ap-southeast-4",
        "ap-northeast-3",
        "sa-east-1",
        "ca-west-1",
        "me-central-1",
        "af-south-1",
        "il-central-1",
        "cn-north-1",
        "us-gov-west-1",
    ];
    let contexts = [
        json!({}),
        json!({"app": "mvx"}),
        json!({"App": "mvx", "app": "MVX"}),
        json!({"name with blanks": "  two  blanks  ", "quote\"d": "back\\slash"}),
        json!({"größe": "maß ☃ 🗝", "日本": "語"}),
        json!({"line": "a\nb\tc\u{1}", "empty": ""}),
        json!({"long": "x".repeat(4000)}),
    ];
    let ids = [
        "key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "key/mrk-1234abcd12ab34cd56ef1234567890ab",
        "alias/team/so_ps-1",
    ];
    let mut all = Vec::new();
    for (number, region) in regions.into_iter().enumerate() {
        for at in [number, number + 3] {
            let context = &contexts[at % contexts.len()];
            all.push(entry(region, ids[at % ids.len()], context, None));
        }
        let role = format!("arn:aws:iam::111122223333:role/path/of+a=role,.@-_{number}");
        all.push(entry(region, ids[0], &contexts[1], Some(&role)));
    }
    all
}

#[test]
fn botocore_makes_the_same_signatures() {
    let (Some(python), Some(pair)) = (address("MVX_TEST_BOTOCORE"), Pair::new()) else {
        return;
    };
    let rule = format!("creation_rules:\n  - age: {ANA}\n");
    pair.sandbox.write(".sops.yaml", rule);
    pair.seal("a.yaml", "password: invented\n");
    let sealed = pair.sandbox.read("a.yaml");
    let entries = entries();
    let metadata = format!("sops:\n    kms: {}\n", json!(entries));
    pair.sandbox
        .write("a.yaml", sealed.replace("sops:\n", &metadata));

    let mut count = 0;
    for (path, token) in [
        ("", None),
        ("/base/path", Some("a+session/token==".repeat(40))),
    ] {
        let refusal = "{\"__type\":\"AccessDeniedException\",\"message\":\"no\"}";
        let refused = Act::Answer(400, "", refusal.to_owned());
        let rough = Rough::start([], refused, "http://127.0.0.1:1");
        let run = pair
            .sandbox
            .mvx(["decrypt", "a.yaml"])
            .env("AWS_ENDPOINT_URL", format!("{}{path}/", rough.address));
        let run = with_credentials(run, token.as_deref());
        let outcome = run.outcome();
        assert_eq!(outcome.code(), Some(128), "{outcome}");
        assert!(!outcome.stderr.contains(SECRET) && !outcome.stderr.contains("session/token"));
        let requests = rough.requests();
        assert_eq!(requests.len(), entries.len(), "{outcome}");
        let expected = signatures(&python, &requests);
        for (request, expected) in requests.iter().zip(expected) {
            let (_, sent) = request.split_once("Signature=").unwrap();
            assert_eq!(sent.get(..64), expected.as_deref(), "{request}");
            let signs_token = request.contains("x-amz-date;x-amz-security-token");
            assert_eq!(signs_token, token.is_some(), "{request}");
            count += 1;
        }
    }
    assert!(count >= 60, "{count}");
}

fn with_credentials(run: Run, token: Option<&str>) -> Run {
    let run = run
        .env("AWS_ACCESS_KEY_ID", "TESTKEY")
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_EC2_METADATA_DISABLED", "true");
    match token {
        Some(token) => run.env("AWS_SESSION_TOKEN", token),
        None => run,
    }
}

/// What botocore makes for these requests.
fn signatures(python: &str, requests: &[String]) -> Vec<Option<String>> {
    let messages: Vec<Value> = requests
        .iter()
        .map(|request| {
            let (head, body) = request.split_once("\r\n\r\n").unwrap();
            json!({"head": head, "body": body})
        })
        .collect();
    let input = json!({"secret": SECRET, "requests": messages}).to_string();
    let mut child = Command::new(python)
        .arg(repository().join("tests/it/services/sigv4.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}
