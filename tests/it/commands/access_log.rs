//! The access log.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::repo::{Repo, rules};

const FILE: &str = "secrets/dev/app.enc.yaml";

fn repo() -> Repo {
    let repo = Repo::new();
    repo.seal("secrets/dev/app.yaml", "key: value-1\ndb:\n  port: 1\n");
    repo
}

fn path(repo: &Repo) -> PathBuf {
    repo.home(".local/state/mvx/access.jsonl")
}

fn lines(repo: &Repo) -> Vec<Value> {
    let text = fs::read_to_string(path(repo)).unwrap_or_default();
    assert!(!text.contains("value-1"), "{text}");
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_command_that_opens_values_leaves_a_line() {
    let repo = repo();
    let sealing = lines(&repo).len();
    let run = |line: &str| {
        let before = lines(&repo).len();
        let code = repo.shell(line).code().unwrap();
        let mut new = lines(&repo).split_off(before);
        assert!(new.len() < 2, "{line}: {new:?}");
        (code, new.pop().unwrap_or_default())
    };
    assert_eq!(sealing, 0, "sealing opens nothing of anybody's");
    let (_, line) = run(&format!("USER=ana mvx get {FILE} db.port"));
    assert_eq!(line["command"], "get");
    assert_eq!(line["user"], "ana");
    assert_eq!(line["outcome"], "done");
    assert_eq!(line["exit"], 0);
    assert_eq!(line["reason"], Value::Null);
    assert_eq!(
        line["files"],
        json!([{ "file": FILE, "keys": ["db.port"] }])
    );
    assert!(line["at"].as_str().unwrap().ends_with('Z'));
    assert!(line["host"].is_string() && line["uid"].is_u64() && line["pid"].is_u64());
    let (code, line) = run(&format!("mvx get {FILE} none"));
    assert_eq!(
        (code, &line["exit"], &line["outcome"]),
        (1, &json!(1), &json!("failed"))
    );
    let (_, line) = run(&format!("mvx decrypt {FILE}"));
    assert_eq!(line["files"], json!([{ "file": FILE }]));
    let (_, line) = run(&format!("printf 2 | mvx set {FILE} key"));
    assert_eq!(line["files"], json!([{ "file": FILE, "keys": ["key"] }]));
    let (_, line) = run(&format!("mvx mv {FILE} key key2"));
    assert_eq!(line["files"][0]["keys"], json!(["key", "key2"]));
    let (_, line) = run("mvx rekey --yes");
    assert_eq!(line["command"], "rekey");
    let (_, line) = run(&format!("mvx seal show {FILE}"));
    assert_eq!(line["command"], "seal show");
    assert_eq!(run("mvx ls").1, Value::Null);
    repo.hold_nothing();
    let (code, line) = run(&format!("mvx decrypt {FILE}"));
    assert_eq!((code, &line["error"]), (128, &json!("no-identity")));
    let mode = fs::metadata(path(&repo)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_profile_is_logged_with_the_keys_that_it_delivers() {
    let repo = repo();
    repo.seal("secrets/dev/b.yaml", "x: 1\n");
    let profile = "[env.local]\nfiles = [\"secrets/dev/*.enc.yaml\"]\noutput = \".env.local\"\nexclude = [\"DB_*\"]\n";
    repo.write(".sops-rules.toml", format!("{}{profile}", rules()));
    repo.mvx(["env", "sync", "-q", "--yes"])
        .outcome()
        .quiet_success();
    let line = lines(&repo).pop().unwrap();
    assert_eq!(line["command"], "env sync");
    assert_eq!(
        line["files"],
        json!([{ "file": FILE, "keys": ["key"] }, { "file": "secrets/dev/b.enc.yaml", "keys": ["x"] }])
    );
}

#[test]
fn names_with_control_characters_stay_on_their_line() {
    let repo = Repo::new();
    repo.seal("secrets/dev/app.yaml", "\"a\\n\\e[1mb\": v\n");
    let outcome = repo.shell(&format!("mvx get {FILE} \"$(printf '\"a\\n\\033[1mb\"')\""));
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let text = fs::read_to_string(path(&repo)).unwrap();
    assert_eq!(text.lines().count(), 1);
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn lines_of_many_commands_are_whole() {
    let repo = repo();
    let children: Vec<_> = (0..12)
        .map(|_| repo.mvx(["get", FILE, "key"]).start())
        .collect();
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    assert_eq!(lines(&repo).len(), 12);
}

#[test]
fn a_log_that_cannot_be_written_stops_nobody_unless_it_is_required() {
    let repo = repo();
    // A directory stands where the log would be.
    fs::create_dir_all(path(&repo)).unwrap();
    let outcome = repo.mvx(["get", FILE, "key"]).outcome();
    assert_eq!(outcome.quiet_success(), "value-1\n");
    repo.write(
        ".sops-rules.toml",
        rules().replacen("version = 1", "version = 1\naudit = \"required\"", 1),
    );
    insta::assert_snapshot!(repo.session(&format!("mvx get {FILE} key\nmvx decrypt {FILE}\nmvx ls {FILE} -q > /dev/null")), @r##"
    $ mvx get secrets/dev/app.enc.yaml key
    mvx: error: secrets/dev/app.enc.yaml: the rules demand an access log, and it cannot be written; nothing was opened
    mvx:   [SANDBOX]/home/.local/state/mvx/access.jsonl: cannot be written: Is a directory (os error 21)
    mvx: hint: `audit = "required"` in the rules says so
    [4]
    $ mvx decrypt secrets/dev/app.enc.yaml
    mvx: error: secrets/dev/app.enc.yaml: the rules demand an access log, and it cannot be written; nothing was opened
    mvx:   [SANDBOX]/home/.local/state/mvx/access.jsonl: cannot be written: Is a directory (os error 21)
    mvx: hint: `audit = "required"` in the rules says so
    [4]
    $ mvx ls secrets/dev/app.enc.yaml -q > /dev/null
    "##);
    fs::remove_dir(path(&repo)).unwrap();
    let outcome = repo.mvx(["get", FILE, "key"]).outcome();
    assert_eq!(outcome.quiet_success(), "value-1\n");
    let outcomes: Vec<Value> = lines(&repo)
        .iter()
        .map(|line| line["outcome"].clone())
        .collect();
    assert_eq!(outcomes, [json!("opening"), json!("done")]);
}

#[test]
fn the_users_settings_name_another_file() {
    let repo = repo();
    let other = repo.home("log/of/mine.jsonl");
    let settings = repo.home(".config/mvx/config.toml");
    fs::write(
        &settings,
        format!("[access_log]\nfile = \"{}\"\n", other.display()),
    )
    .unwrap();
    repo.mvx(["get", FILE, "key"]).outcome().quiet_success();
    assert_eq!(
        fs::read_to_string(&other).unwrap(),
        fs::read_to_string(path(&repo)).unwrap()
    );
    fs::write(&settings, "[access_log]\nfiel = 1\n").unwrap();
    insta::assert_snapshot!(repo.session(&format!("mvx get {FILE} key")), @r##"
    $ mvx get secrets/dev/app.enc.yaml key
    value-1
    mvx: error: [SANDBOX]/home/.config/mvx/config.toml: line 2: unknown field `fiel`, expected `file` or `syslog`
    "##);
}
