//! `mvx redact`, and `mvx run --redact` with a command that prints secrets in every way.

use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::run::repo;
use crate::repo::{Repo, rules};
use crate::support::program;

#[test]
fn a_stream_passes_without_secrets() {
    let repo = repo();
    let run = repo
        .mvx(["redact"])
        .stdin("a canary-3fd1-value b\nport 5432\n  canary-3fd1-line\n");
    assert_eq!(run.outcome().quiet_success(), "a *** b\nport 5432\n  ***\n");
    let run = repo
        .mvx(["redact", "--file", "secrets/dev/app.enc.yaml"])
        .stdin("canary-3fd1-value");
    assert_eq!(run.outcome().quiet_success(), "***");
    let bytes: Vec<u8> = (0..200_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let outcome = repo.mvx(["redact"]).stdin(bytes.clone()).outcome();
    assert_eq!(outcome.stdout, bytes);
}

#[test]
fn it_says_what_it_needs() {
    let repo = Repo::new();
    insta::assert_snapshot!(repo.mvx(["redact"]).outcome(), @r##"
    exit: 3
    --- stderr
    mvx: error: .sops-rules.toml: there is no profile
    mvx: hint: add one: `[env.local]`, `files = ["secrets/dev/*.enc.yaml"]`, `output = ".env.local"`
    mvx: hint: or name the secrets: `mvx redact --file SECRETFILE`
    "##);
    let repo = self::repo();
    insta::assert_snapshot!(repo.mvx(["redact", "none"]).outcome(), @r##"
    exit: 2
    --- stderr
    mvx: error: .sops-rules.toml: there is no profile `none`
    mvx: hint: there are `local`
    "##);
    insta::assert_snapshot!(repo.mvx(["redact", "--json"]).outcome(), @r##"
    exit: 2
    --- stderr
    {"code":"usage","exit":2,"message":"`mvx redact` passes a stream on and has no answer for --json","place":null,"causes":[],"hints":[]}
    "##);
    repo.hold_nothing();
    let outcome = repo.mvx(["redact"]).stdin("canary-3fd1-value").outcome();
    assert_eq!(
        (outcome.code(), outcome.stdout()),
        (Some(128), ""),
        "{outcome}"
    );
}

#[test]
fn a_prompt_is_seen_before_its_answer_is_given() {
    let repo = repo();
    let mut command = std::process::Command::new(program());
    let mut child = command
        .arg("redact")
        .current_dir(repo.sandbox.path(""))
        .env("HOME", repo.home(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = child.stdout.take().unwrap();
    // ends as a secret begins
    let begin = Instant::now();
    input.write_all(b"Name? c").unwrap();
    let mut seen = [0; 7];
    output.read_exact(&mut seen).unwrap();
    assert_eq!(&seen, b"Name? c");
    assert!(begin.elapsed() < Duration::from_secs(10));
    input.write_all(b"anary-3fd1-value.").unwrap();
    drop(input);
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "***.");
    assert!(child.wait().unwrap().success());
}

/// Prints its variables V0, V1… in all encodings, a byte at a time. Each line begins with a label.
const PRINTER: &str = r#"
import base64, html, json, os, shlex, sys, urllib.parse as url
names = sorted(n for n in os.environ if n[0] == "V" and n[1:].isdigit())
def put(stream, text):
    for byte in text.encode("utf-8", "surrogateescape"):
        os.write(stream, bytes([byte]))
for n in names:
    v = os.environ[n]
    b = v.encode()
    forms = {"raw": v, "hex": b.hex(), "HEX": b.hex().upper(), "json": json.dumps(v),
        "json-utf8": json.dumps(v, ensure_ascii=False), "json-json": json.dumps(json.dumps(v)),
        "json-u": "".join("\\u%04x" % u for u in memoryview(v.encode("utf-16-le")).cast("H")),
        "json-U": "".join("\\u%04X" % u for u in memoryview(v.encode("utf-16-le")).cast("H")),
        "quote": url.quote(v), "quote-all": url.quote(v, safe=""), "quote-plus": url.quote_plus(v),
        "percent": "".join("%%%02x" % c for c in b), "PERCENT": "".join("%%%02X" % c for c in b),
        "component": url.quote(v, safe="!'()*"), "html": html.escape(v), "html-text": html.escape(v, quote=False),
        "shell": shlex.quote(v), "sql": v.replace("'", "''"), "crlf": v.replace("\n", "\r\n"),
        "powershell": v.replace("`", "``").replace("$", "`$").replace('"', '`"'), "repr": repr(v)}
    for shift in range(3):
        text = b"xyz"[:shift] + b
        for tail in (b"", b"tail"):
            forms["b64-%d" % shift + tail.decode()] = base64.b64encode(text + tail).decode()
            forms["b64url-%d" % shift + tail.decode()] = base64.urlsafe_b64encode(text + tail).decode().rstrip("=")
    forms["mime"] = base64.encodebytes(b).decode().strip()
    for label, form in forms.items():
        put(1 if len(label) % 2 else 2, "<%s %s>" % (label, form) + "\n")
"#;

const VALUES: [&str; 8] = [
    "hunter2-invented",
    "eight888",
    "p@ss w&rd<1>/é+\"q\"='s'",
    "-----BEGIN KEY-----\nMIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu\nzu0yJ8Lb1Q==\n-----END KEY-----",
    "postgres://user:in%40vented$`x`\\y@db.example:5432/app?sslmode=require&x=1",
    "{\"type\": \"service\", \"key\": \"a\\nb/c\"}",
    "ключ-секрет-🔑",
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
];

#[test]
fn a_command_that_prints_every_secret_in_every_encoding_byte_by_byte_shows_none() {
    let repo = Repo::in_memory();
    repo.write(
        ".sops-rules.toml",
        format!(
            "{}[env.local]\nfiles = [\"secrets/dev/*.enc.json\"]\n",
            rules()
        ),
    );
    let object: serde_json::Map<_, _> = (0..)
        .zip(VALUES)
        .map(|(n, value)| (format!("V{n}"), value.into()))
        .collect();
    repo.seal(
        "secrets/dev/app.json",
        serde_json::to_string(&object).unwrap(),
    );
    let printer = repo.write("printer.py", PRINTER);
    let words = [
        "run",
        "--redact",
        "--",
        "python3",
        printer.to_str().unwrap(),
    ];
    let outcome = repo.mvx(words).outcome();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let mut lines = 0;
    for text in [outcome.stdout(), outcome.stderr.as_str()] {
        for shown in text.split_inclusive(">\n") {
            lines += 1;
            let (label, form) = shown.trim_start_matches('<').split_once(' ').unwrap();
            assert!(form.contains("***"), "{label}: {form}");
            // quotes, and what stood before and behind it in base64
            let left = form.replace("***", "");
            assert!(left.len() <= 14, "{label}: {form}");
        }
        for value in VALUES {
            assert!(!text.contains(value));
            for line in value.lines().filter(|line| line.chars().count() >= 8) {
                assert!(!text.contains(line), "{line}");
            }
        }
    }
    assert_eq!(lines, VALUES.len() * 34);
    // the same on a terminal
    let session = repo.mvx(words).on_terminal(&[]);
    assert_eq!(session.status, 0, "{session:?}");
    assert!(session.echo);
    for value in VALUES
        .iter()
        .flat_map(|value| value.lines())
        .filter(|line| line.chars().count() >= 8)
    {
        assert!(!session.screen.contains(value), "{value}: {session:?}");
    }
    assert!(
        session.screen.matches("***").count() >= VALUES.len() * 34,
        "{session:?}"
    );
}
