//! `--reveal`: what prints values needs a reason under a coding assistant.

use crate::repo::Repo;

fn repo() -> Repo {
    let repo = Repo::new();
    repo.seal("secrets/dev/app.yaml", "key: value-1\n");
    repo
}

#[test]
fn a_reason_is_needed_and_goes_into_the_log() {
    let repo = repo();
    insta::assert_snapshot!(repo.session(r#"
        AI_AGENT=any mvx get secrets/dev/app.enc.yaml key
        AI_AGENT=any mvx get secrets/dev/app.enc.yaml key --json
        AI_AGENT=any mvx get secrets/dev/app.enc.yaml key --reveal " "
        AI_AGENT=any mvx get secrets/dev/app.enc.yaml key --reveal "the test of the login"
    "#), @r##"
    $ AI_AGENT=any mvx get secrets/dev/app.enc.yaml key
    mvx: error: this prints values in clear, and AI_AGENT says that a coding assistant runs it
    mvx: hint: `--reveal REASON` does it all the same, and enters the reason into the access log
    mvx: hint: without values: `mvx ls` lists keys, `mvx env check` compares, `mvx env sync` writes .env files
    [2]
    $ AI_AGENT=any mvx get secrets/dev/app.enc.yaml key --json
    {"code":"needs-reveal","exit":2,"message":"this prints values in clear, and AI_AGENT says that a coding assistant runs it","place":null,"causes":[],"hints":["`--reveal REASON` does it all the same, and enters the reason into the access log","without values: `mvx ls` lists keys, `mvx env check` compares, `mvx env sync` writes .env files"]}
    [2]
    $ AI_AGENT=any mvx get secrets/dev/app.enc.yaml key --reveal " "
    mvx: error: `--reveal` takes a reason, and this one has no words
    [2]
    $ AI_AGENT=any mvx get secrets/dev/app.enc.yaml key --reveal "the test of the login"
    value-1
    "##);
    let log = std::fs::read_to_string(repo.home(".local/state/mvx/access.jsonl")).unwrap();
    let last: serde_json::Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!(last["reason"], "the test of the login");
    assert_eq!(last["assistant"], "AI_AGENT");
    assert_eq!(last["outcome"], "done");
}

#[test]
fn everything_that_prints_values_asks_for_one() {
    let repo = repo();
    let guarded = [
        "get secrets/dev/app.enc.yaml key",
        "decrypt secrets/dev/app.enc.yaml",
        "decrypt -o - secrets/dev/app.enc.yaml",
        "edit secrets/dev/app.enc.yaml",
        "seal show --show-values secrets/dev/app.enc.yaml",
        "repair --show-values secrets/dev/app.enc.yaml",
        "repair --edit secrets/dev/app.enc.yaml",
    ];
    for line in guarded {
        let outcome = repo.shell(&format!(
            "CODEX_SANDBOX=seatbelt EDITOR=true mvx {line} | cat; exit $?"
        ));
        assert!(!outcome.stdout().contains("value-1"), "{line}");
        assert!(outcome.stderr.contains("--reveal"), "{line}: {outcome}");
        let direct = repo.shell(&format!("GEMINI_CLI=1 EDITOR=true mvx {line}"));
        assert_eq!(direct.code(), Some(2), "{line}: {direct}");
        let outcome = repo.shell(&format!("GEMINI_CLI=1 EDITOR=true mvx {line} --reveal x"));
        assert!(
            [Some(0), Some(200)].contains(&outcome.code()),
            "{line}: {outcome}"
        );
    }
}

#[test]
fn what_prints_none_goes_on_as_always() {
    let repo = repo();
    for line in [
        "ls",
        "decrypt -o plain.yaml --allow-unignored secrets/dev/app.enc.yaml",
        "seal show secrets/dev/app.enc.yaml",
        "repair secrets/dev/app.enc.yaml",
        "unset secrets/dev/app.enc.yaml key",
    ] {
        let outcome = repo.shell(&format!("AGENT=1 mvx {line}"));
        assert_eq!(outcome.code(), Some(0), "{line}: {outcome}");
    }
}

#[test]
fn people_pipelines_and_pipes_are_not_asked() {
    let repo = repo();
    for line in [
        "mvx get secrets/dev/app.enc.yaml key",
        "CI=true GITHUB_ACTIONS=true mvx get secrets/dev/app.enc.yaml key | cat",
        "AGENT=0 CLAUDECODE= mvx get secrets/dev/app.enc.yaml key",
        "TERM_PROGRAM=x CURSOR_TRACE_ID=1 mvx get secrets/dev/app.enc.yaml key",
    ] {
        assert_eq!(repo.shell(line).quiet_success(), "value-1\n", "{line}");
    }
}
