//! `mvx doctor`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::Value;

use crate::repo::{ANA, BOB, Repo, fixture};
use crate::support::Step::{Await, Type};

/// What differs between machines is left out: drafts that other programs left in memory, what is on
/// PATH, and places without keys.
fn scrubbed(repo: &Repo, lines: &str) -> String {
    let session = repo.session(lines);
    let machine = [
        "left behind",
        "no locks or drafts",
        "drafts behind",
        "`mvx clean` looks into them",
        "  ok       editor:",
        "  ok       git: ",
        "EDITOR",
        "plugin-",
        " not there",
        "not set: ",
        "the clock says",
        "plaintext that is edited",
    ];
    let kept = session
        .lines()
        .filter(|line| !machine.iter().any(|word| line.contains(word)));
    kept.flat_map(|line| [line, "\n"]).collect()
}

/// The same about the machine itself: what is in its memory may be a problem, too.
fn machine(repo: &Repo, lines: &str) -> String {
    let total = regex::Regex::new(r"(?m)^(\d+ problems?|no problem was found|\[1\])\n").unwrap();
    let session = scrubbed(repo, lines);
    total.replace_all(&session, "").into_owned()
}

fn json(repo: &Repo, line: &str) -> Value {
    let outcome = repo.shell(line);
    serde_json::from_str(outcome.stdout()).unwrap_or_else(|_| panic!("{line}: {outcome}"))
}

/// The checks of this name in an answer about a file: level and text.
fn checks(answer: &Value, name: &str) -> Vec<(String, String)> {
    let file = &answer["files"][0]["checks"];
    let list = if file.is_null() {
        &answer["checks"]
    } else {
        file
    };
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut found = Vec::new();
    for check in list.as_array().unwrap() {
        if check["check"] == name {
            found.push((text(&check["level"]), text(&check["text"])));
        }
    }
    found
}

#[test]
fn a_file_that_opens() {
    let repo = Repo::new();
    repo.seal("secrets/dev/a.yaml", "a: 1\nb: invented\n");
    insta::assert_snapshot!(scrubbed(&repo, "
        mvx doctor secrets/dev/a.enc.yaml
        git add -f secrets; mvx doctor --explain secrets/dev/a.enc.yaml
        mvx doctor --json secrets/dev/a.enc.yaml | tr ',' '\\n' | grep -c ok
    "), @r###"
    $ mvx doctor secrets/dev/a.enc.yaml
    identities
      ok       [SANDBOX]/home/.config/mvx/keys.txt: X25519 age1r…jq, `ana` in the rules

    secrets/dev/a.enc.yaml
      ok       encrypted, yaml, made by mvx 0.1.0 (in the format of sops 3.13.3), changed [TIME]
      note     git does not know it yet
               hint: `git add secrets/dev/a.enc.yaml` takes it into the next commit
      ok       ana (age1r…jq): opened by X25519 from [SANDBOX]/home/.config/mvx/keys.txt
      note     bob (age10…wl): your one identity is another
      ok       ruled by line 8 of .sops-rules.toml, `secrets/dev/**`, environment dev
      ok       it is sealed for exactly those whom the rules name
      ok       its values and its MAC are authentic
      ok       its seal is valid: names, types, comments and recipients are as mvx wrote them

    no problem was found
    $ git add -f secrets; mvx doctor --explain secrets/dev/a.enc.yaml
    identities
      ok       [SANDBOX]/home/.config/mvx/keys.txt: X25519 age1r…jq, `ana` in the rules

    secrets/dev/a.enc.yaml
      ok       encrypted, yaml, made by mvx 0.1.0 (in the format of sops 3.13.3), changed [TIME]
      ok       git tracks it
      ok       ana (age1r…jq): opened by X25519 from [SANDBOX]/home/.config/mvx/keys.txt
      note     bob (age10…wl): your one identity is another
      ok       ruled by line 8 of .sops-rules.toml, `secrets/dev/**`, environment dev
      ok       it is sealed for exactly those whom the rules name
      ok       its values and its MAC are authentic
      ok       its seal is valid: names, types, comments and recipients are as mvx wrote them
      .sops-rules.toml calls it `secrets/dev/a.enc.yaml`, and the first rule that matches holds:
        line 8: `secrets/dev/**`: matches
      what was tried for ana:
        X25519 age1r…jq from [SANDBOX]/home/.config/mvx/keys.txt: opens it
      what was tried for bob:
        X25519 age1r…jq from [SANDBOX]/home/.config/mvx/keys.txt: is another key

    no problem was found
    $ mvx doctor --json secrets/dev/a.enc.yaml | tr ',' '\n' | grep -c ok
    12
    "###);
}

#[test]
fn a_file_for_somebody_else() {
    let repo = Repo::new();
    repo.seal("secrets/bob/a.yaml", "a: 1\n");
    insta::assert_snapshot!(scrubbed(&repo, "
        mvx decrypt secrets/bob/a.enc.yaml
        mvx doctor secrets/bob/a.enc.yaml
    "), @r###"
    $ mvx decrypt secrets/bob/a.enc.yaml
    mvx: error: secrets/bob/a.enc.yaml: your one identity does not open this file
    mvx:   it is sealed for bob (age10…wl)
    mvx: hint: `mvx doctor secrets/bob/a.enc.yaml` shows what was tried
    mvx: hint: set MVX_AGE_KEY_FILE to the file of a key that it is sealed for
    mvx: hint: or send one of them what `mvx recipients request` prints, to be given access
    [128]
    $ mvx doctor secrets/bob/a.enc.yaml
    identities
      ok       [SANDBOX]/home/.config/mvx/keys.txt: X25519 age1r…jq, `ana` in the rules

    secrets/bob/a.enc.yaml
      ok       encrypted, yaml, made by mvx 0.1.0 (in the format of sops 3.13.3), changed [TIME]
      note     git does not know it yet
               hint: `git add secrets/bob/a.enc.yaml` takes it into the next commit
      note     bob (age10…wl): your one identity is another
      problem  no identity of this machine opens it
               hint: set MVX_AGE_KEY_FILE to the file of a key that it is sealed for
               hint: or ask one of them to add your public key (`mvx keys public`) to the rules and to seal it again
      ok       ruled by line 12 of .sops-rules.toml, `secrets/bob/**`
      ok       it is sealed for exactly those whom the rules name

    1 problem
    [1]
    "###);
    repo.hold_nothing();
    let answer = json(&repo, "mvx doctor --json secrets/bob/a.enc.yaml");
    let file = &answer["files"][0];
    assert_eq!(file["opens"], false);
    assert_eq!(file["recipients"][0]["verdict"], "not-mine");
    let why = &file["recipients"][0]["why"];
    assert_eq!(why, "this machine has no identity of that kind");
    assert_eq!(answer["problems"], 2, "{answer}");
}

#[test]
fn a_key_behind_a_passphrase_is_asked_for_only_when_that_is_wanted() {
    let repo = Repo::new();
    repo.hold("keys/age.protected");
    repo.write("secrets/dev/a.yaml", "a: 1\n");
    // the fixture holds Bob's key
    let seal = format!("mvx encrypt -q --rm --age {BOB} secrets/dev/a.yaml");
    assert_eq!(repo.shell(&seal).code(), Some(0));
    let answer = json(&repo, "mvx doctor --json secrets/dev/a.enc.yaml");
    assert_eq!(answer["files"][0]["opens"], Value::Null);
    assert_eq!(answer["files"][0]["recipients"][0]["verdict"], "not-tried");
    let hint = &checks(&answer, "opens")[0];
    assert_eq!(hint.0, "note");
    let doctor = repo.mvx(["doctor", "secrets/dev/a.enc.yaml"]);
    let session = doctor.on_terminal(&[Await("not tried: ")]);
    assert!(!session.screen.contains("Passphrase"), "{session:?}");
    let doctor = repo.mvx(["doctor", "--ask", "secrets/dev/a.enc.yaml"]);
    let session = doctor.on_terminal(&[
        Await("Passphrase for the key file"),
        Type("open sesame\r"),
        Await("its values and its MAC are authentic"),
    ]);
    assert!(!session.screen.contains("sesame"), "{session:?}");
}

#[test]
fn the_machine_and_its_repository() {
    let repo = Repo::new();
    insta::assert_snapshot!(machine(&repo, "mvx doctor"), @r###"
    $ mvx doctor
    identities
      ok       [SANDBOX]/home/.config/mvx/keys.txt: X25519 age1r…jq, `ana` in the rules

    machine
      ok       mvx 0.1.0 on linux x86_64
      ok       core dumps of mvx are off

    repository
      ok       repository: [SANDBOX]/work
      ok       .sops-rules.toml: sound, with 2 recipients
      note     .sops-rules.toml: nobody is called `recovery`: if every key is lost, so is every secret
               hint: `mvx keys recovery` makes one for paper, and says how to add it
      note     no hook scans for secrets: pre-commit, pre-push
               hint: `mvx git install` puts the scan in place
    "###);
    let path = repo.home(".config/mvx/keys.txt");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let directory = fs::Permissions::from_mode(0o777);
    fs::set_permissions(path.parent().unwrap(), directory).unwrap();
    repo.write(".sops.yaml", "creation_rules: []\n");
    repo.write(
        ".sops-rules.toml",
        format!(
            "version = 1\n[recipients.eve]\nage = \"{BOB}\"\nexpires = 2026-01-31\n\
             [[files]]\npath = \"x\"\nrecipients = [\"eve\"]\n"
        ),
    );
    let out = "
        MVX_AGE_KEY=garbage SOPS_AGE_KEY_FILE=/none EDITOR=mvx-no-such-editor mvx doctor
    ";
    insta::assert_snapshot!(machine(&repo, out), @r###"
    identities
      problem  MVX_AGE_KEY: line 1 is not an age identity
               hint: set MVX_AGE_KEY to the text of a key file, or unset it
      problem  SOPS_AGE_KEY_FILE (/none): there is no such file
               hint: look at it: `ls -l /none`
      ok       [SANDBOX]/home/.config/mvx/keys.txt: X25519 age1r…jq
      problem  [SANDBOX]/home/.config/mvx/keys.txt: other users can read it (mode 644)
               hint: `chmod 600 [SANDBOX]/home/.config/mvx/keys.txt` keeps them out
      problem  [SANDBOX]/home/.config/mvx: other users can put a key of theirs into it (mode 777)
               hint: `chmod go-w [SANDBOX]/home/.config/mvx` keeps them out
      problem  .sops-rules.toml names none of these identities
               hint: give your public key (`mvx keys public`) to somebody who can open the files, to add it to the rules

    machine
      ok       mvx 0.1.0 on linux x86_64
      ok       core dumps of mvx are off

    repository
      ok       repository: [SANDBOX]/work
      ok       .sops-rules.toml: sound, with 1 recipient
      note     .sops.yaml: sops goes by it, and mvx by .sops-rules.toml
               hint: change both, or remove the one that nobody uses
      problem  .sops-rules.toml: line 2: the access of `eve` ended on 2026-01-31
               hint: `mvx recipients remove eve` takes it out, and locks its files
      note     .sops-rules.toml: nobody is called `recovery`: if every key is lost, so is every secret
               hint: `mvx keys recovery` makes one for paper, and says how to add it
      note     no hook scans for secrets: pre-commit, pre-push
               hint: `mvx git install` puts the scan in place
    "###);
    repo.write(".sops-rules.toml", "version = 1\nsael = 1\n");
    let answer = json(&repo, "mvx doctor --json");
    assert_eq!(
        checks(&answer, "rules")[0],
        (
            "problem".into(),
            ".sops-rules.toml: line 2: unknown field `sael` at the top; did you mean `seal`?"
                .into()
        )
    );
}

#[test]
fn without_anything() {
    let repo = Repo::outside_git();
    repo.hold_nothing();
    insta::assert_snapshot!(machine(&repo, "
        mvx doctor
        mvx doctor missing.yaml
        mvx doctor --explain
    "), @r###"
    $ mvx doctor
    identities
      problem  this machine holds no identity
               hint: if you have a key, set MVX_AGE_KEY_FILE to its file; if not, `mvx keys generate` makes one
               hint: `mvx help environment` lists where mvx looks for keys

    machine
      ok       mvx 0.1.0 on linux x86_64
      ok       core dumps of mvx are off

    repository
      note     this is no git repository
               hint: `git init` makes it one
      note     there are no rules here
               hint: `mvx init` writes the rules

    $ mvx doctor missing.yaml
    identities
      problem  this machine holds no identity
               hint: if you have a key, set MVX_AGE_KEY_FILE to its file; if not, `mvx keys generate` makes one
               hint: `mvx help environment` lists where mvx looks for keys

    missing.yaml
      problem  there is no such file or directory
               hint: `mvx ls` lists the secret files
      note     there are no rules for it
               hint: `mvx init` writes the rules

    $ mvx doctor --explain
    mvx: error: missing: <FILE>...
    mvx: hint: `mvx doctor --help` shows what it takes
    [2]
    "###);
}

#[test]
fn a_file_that_was_tampered_with_or_is_none() {
    let repo = Repo::new();
    let sealed = repo.seal("secrets/dev/a.yaml", "a: 1\nb: 2\n");
    let cases = [
        (
            sealed.replacen("b:", "c:", 1),
            "values",
            "c: the value does not authenticate",
        ),
        (
            sealed.replace("    lastmodified: \"2", "    lastmodified: \"1"),
            "values",
            "MAC",
        ),
        (
            sealed.replacen("BEGIN AGE", "BEGIN", 1),
            "recipient",
            "its wrapped key is not an age file",
        ),
        (sealed.replace("    mac: ", "    cam: "), "values", "no MAC"),
        ("a: 1\n".to_owned(), "sealed", "not encrypted"),
        ("a: [\n".to_owned(), "sealed", "line"),
        (String::new(), "sealed", ""),
    ];
    for (text, check, expected) in cases {
        repo.write("secrets/dev/a.enc.yaml", &text);
        let answer = json(&repo, "mvx doctor --json secrets/dev/a.enc.yaml");
        let found = checks(&answer, check);
        let told = found
            .iter()
            .any(|(level, text)| level == "problem" && text.contains(expected));
        assert!(told, "{expected}: {answer}");
        // and the rest was looked at all the same
        assert!(!checks(&answer, "rules").is_empty(), "{answer}");
    }
}

#[test]
fn recipients_and_rules_are_compared() {
    let repo = Repo::new();
    repo.write("secrets/dev/a.yaml", "a: 1\n");
    let seal = format!(
        "mvx encrypt -q --rm --age {ANA} --age {} secrets/dev/a.yaml",
        stranger()
    );
    assert_eq!(repo.shell(&seal).code(), Some(0));
    let answer = json(&repo, "mvx doctor --json secrets/dev/a.enc.yaml");
    let rules = &answer["files"][0]["rules"];
    assert_eq!(rules["missing"][0], "bob", "{answer}");
    assert!(
        rules["extra"][0].as_str().unwrap().starts_with("age1"),
        "{answer}"
    );
    assert_eq!(checks(&answer, "missing")[0].0, "problem");
    assert_eq!(checks(&answer, "extra")[0].0, "problem");
}

fn stranger() -> &'static str {
    "age14huuej0f28s4dan9dg26y4pv443e2tqmv6mkarp6fn3c5wcts3eq9lf7g5"
}

#[test]
fn where_a_file_stands() {
    let repo = Repo::new();
    repo.seal("secrets/dev/a.yaml", "a: 1\n");
    let path = repo.sandbox.path("secrets/dev/a.enc.yaml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    symlink("secrets/dev/a.enc.yaml", repo.sandbox.path("link.enc.yaml")).unwrap();
    repo.write(".gitignore", "*.enc.yaml\n");
    insta::assert_snapshot!(scrubbed(&repo, "mvx doctor link.enc.yaml"), @r###"
    $ mvx doctor link.enc.yaml
    identities
      ok       [SANDBOX]/home/.config/mvx/keys.txt: X25519 age1r…jq, `ana` in the rules

    link.enc.yaml
      note     a symbolic link to secrets/dev/a.enc.yaml
      ok       encrypted, yaml, made by mvx 0.1.0 (in the format of sops 3.13.3), changed [TIME]
      problem  every user of this machine can change it
               hint: `chmod o-w link.enc.yaml` keeps them out
      problem  git ignores it, so that nobody else gets it
               hint: `git check-ignore -v link.enc.yaml` shows why; `git add --force link.enc.yaml` takes it all the same
      ok       ana (age1r…jq): opened by X25519 from [SANDBOX]/home/.config/mvx/keys.txt
      note     bob (age10…wl): your one identity is another
      problem  no rule of .sops-rules.toml covers link.enc.yaml
               hint: add to `.sops-rules.toml`:

                 [[files]]
                 path = "/link.enc.yaml"
                 recipients = ["team"]
      ok       its values and its MAC are authentic
      ok       its seal is valid: names, types, comments and recipients are as mvx wrote them

    3 problems
    [1]
    "###);
}

#[test]
fn nothing_that_the_repository_names_is_run() {
    let repo = Repo::new();
    repo.seal("secrets/dev/a.yaml", "a: 1\n");
    let plugin = repo.write("bin/age-plugin-evil", "#!/bin/sh\ntouch ran\n");
    fs::set_permissions(&plugin, fs::Permissions::from_mode(0o755)).unwrap();
    let rules = repo.read(".sops-rules.toml");
    let rules = rules.replace(ANA, "age1evil1qqqqqqqqqq");
    let line = "PATH=$PWD/bin:$PATH mvx doctor --json";
    let answer = json(&repo, line);
    assert!(
        checks(&answer, "plugin")
            .iter()
            .any(|(_, text)| text.contains("was not run")),
        "{answer}"
    );
    repo.write(".sops-rules.toml", rules);
    json(&repo, &format!("{line} secrets/dev/a.enc.yaml"));
    assert!(!Path::new(&repo.sandbox.path("ran")).exists());
}

#[test]
fn key_groups_are_told_one_by_one() {
    let repo = Repo::new();
    repo.hold("sops/k2.txt");
    let text = fs::read(fixture("sops/shamir2of3.enc.yaml")).unwrap();
    repo.write("groups.yaml", text);
    let answer = json(&repo, "mvx doctor --json groups.yaml");
    let (level, text) = &checks(&answer, "groups")[0];
    assert_eq!(level, "note");
    assert_eq!(text, "1 of its 3 key groups open here, and it takes 2");
    let file = &answer["files"][0];
    assert_eq!(file["opens"], false, "{answer}");
    assert_eq!(file["recipients"][1]["group"], 2);
    assert_eq!(file["recipients"][1]["verdict"], "opened");
    let both = "SOPS_AGE_KEY_FILE=~/k1.txt mvx doctor --json groups.yaml";
    fs::copy(fixture("sops/k1.txt"), repo.home("k1.txt")).unwrap();
    let answer = json(&repo, both);
    assert_eq!(answer["files"][0]["opens"], true, "{answer}");
}

#[test]
fn a_seal_that_is_not_there() {
    let repo = Repo::bare();
    repo.hold("sops/k1.txt");
    repo.write(
        "t1.enc.yaml",
        fs::read(fixture("sops/t1.enc.yaml")).unwrap(),
    );
    let answer = json(&repo, "mvx doctor --json t1.enc.yaml");
    assert_eq!(answer["files"][0]["opens"], true, "{answer}");
    assert_eq!(answer["files"][0]["seal"], "missing", "{answer}");
    assert_eq!(checks(&answer, "seal")[0].0, "note");
    repo.write(
        ".sops-rules.toml",
        format!(
            "version = 1\nseal = \"required\"\n[recipients.bob]\nage = \"{BOB}\"\n\
         [[files]]\npath = \"*.enc.yaml\"\nrecipients = [\"bob\"]\n"
        ),
    );
    let answer = json(&repo, "mvx doctor --json t1.enc.yaml");
    assert_eq!(answer["files"][0]["opens"], false, "{answer}");
    assert!(checks(&answer, "values")[0].1.contains("seal"), "{answer}");
}

#[test]
fn a_private_key_in_the_rules_is_not_shown() {
    let repo = Repo::bare();
    let key = fs::read_to_string(fixture("identity/ci.txt")).unwrap();
    let key = key.lines().last().unwrap();
    repo.write(".sops.yaml", format!("creation_rules:\n  - age: {key}\n"));
    repo.write("a.yaml", "a: 1\n");
    for line in [
        "mvx doctor",
        "mvx doctor --json",
        "mvx doctor --explain a.yaml",
    ] {
        let outcome = repo.shell(line);
        assert!(!outcome.to_string().contains(&key[16..40]), "{outcome}");
        assert!(outcome.stdout().contains("private key"), "{outcome}");
    }
}
