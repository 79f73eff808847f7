//! `mvx run`: what a command gets, and how it ends.

use std::fs;

use crate::repo::{Repo, rules};
use crate::support::Outcome;

/// A repository with a profile, `local`, of one file.
pub(crate) fn repo() -> Repo {
    with_profile("")
}

pub(crate) fn with_profile(more: &str) -> Repo {
    let repo = Repo::in_memory();
    let profile = "[env.local]\nfiles = [\"secrets/dev/*.enc.yaml\"]\n";
    repo.write(".sops-rules.toml", format!("{}{profile}{more}", rules()));
    repo.seal(
        "secrets/dev/app.yaml",
        "DB_PASSWORD: canary-3fd1-value\nport: 5432\ntls:\n  key: |\n    -----BEGIN KEY-----\n    canary-3fd1-line\n    -----END KEY-----\n",
    );
    repo
}

/// The arguments of a shell script under `mvx run`.
pub(crate) fn words<'a>(options: &[&'a str], script: &'a str) -> Vec<&'a str> {
    [&["run"], options, &["--", "sh", "-c", script]].concat()
}

fn run(repo: &Repo, options: &[&str], script: &str) -> Outcome {
    let arguments = words(options, script);
    repo.mvx(arguments).outcome()
}

#[test]
fn a_command_gets_the_variables_and_its_status_is_passed_on() {
    let repo = repo();
    let outcome = run(
        &repo,
        &[],
        "echo \"$DB_PASSWORD $PORT\"; echo \"$TLS_KEY\"; exit 7",
    );
    assert_eq!(outcome.code(), Some(7), "{outcome}");
    assert_eq!(
        outcome.stdout(),
        "canary-3fd1-value 5432\n-----BEGIN KEY-----\ncanary-3fd1-line\n-----END KEY-----\n\n"
    );
    assert_eq!(outcome.stderr, "");
    let outcome = repo
        .mvx(["run", "local", "--", "cat"])
        .stdin("in")
        .outcome();
    assert_eq!(outcome.quiet_success(), "in");
}

#[test]
fn mvx_becomes_the_command() {
    let repo = repo();
    let script = "echo $$; ls /proc/$$/fd";
    let child = repo.mvx(words(&[], script)).start();
    let id = child.id();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let (first, open) = said.split_once('\n').unwrap();
    assert_eq!(first, id.to_string());
    // nothing of mvx's own is open in it
    let alone = repo.sandbox.run("sh", ["-c", script]).start();
    let output = alone.wait_with_output().unwrap();
    let without = String::from_utf8(output.stdout).unwrap();
    assert_eq!(Some(open), without.split_once('\n').map(|(_, open)| open));
}

#[test]
fn descriptors_of_the_caller_reach_it() {
    let repo = repo();
    for options in ["", "--redact", "--files DB_PASSWORD=X"] {
        let script =
            format!("exec 7<secrets/dev/app.enc.yaml; mvx run {options} -- sh -c 'head -c 11 <&7'");
        let outcome = repo.shell(&script);
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        assert_eq!(outcome.stdout(), "DB_PASSWORD", "{options}");
    }
}

#[test]
fn identities_are_kept_from_it() {
    let repo = repo();
    let key = fs::read_to_string(repo.home(".config/mvx/keys.txt")).unwrap();
    let key = key.lines().last().unwrap().to_owned();
    for options in [&[][..], &["--redact"]] {
        let words = [&["run"], options, &["--", "env"]].concat();
        let run = repo
            .mvx(words)
            .env("MVX_AGE_KEY", &key)
            .env("SOPS_AGE_KEY_FILE", "x");
        let text = run.env("OTHER", "stays").outcome().quiet_success();
        assert!(!text.contains("AGE") && !text.contains(&key), "{text}");
        assert!(text.contains("OTHER=stays\n"), "{text}");
    }
}

#[test]
fn what_is_delivered_wins_unless_told_otherwise() {
    let repo = repo();
    let with = |option: &[&str]| {
        let words = words(option, "echo $PORT $DB_PASSWORD");
        repo.mvx(words).env("PORT", "1").outcome().quiet_success()
    };
    assert_eq!(with(&[]), "5432 canary-3fd1-value\n");
    assert_eq!(with(&["--keep-env"]), "1 canary-3fd1-value\n");
    assert_eq!(with(&["--only", "DB_*"]), "1 canary-3fd1-value\n");
}

#[test]
fn a_clean_environment_holds_what_the_help_says() {
    let repo = repo();
    let run = repo.mvx(["run", "--clean-env", "--only", "PORT", "--", "env"]);
    let text = run
        .env("OTHER", "x")
        .env("LC_ALL", "C")
        .outcome()
        .quiet_success();
    let mut names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["HOME", "LANG", "LC_ALL", "PATH", "PORT", "TERM", "TMPDIR"]
    );
}

#[test]
fn names_that_steer_a_process_need_to_be_allowed() {
    let repo = repo();
    repo.seal(
        "secrets/dev/steer.yaml",
        "ld_preload: /tmp/canary-3fd1.so\n",
    );
    insta::assert_snapshot!(run(&repo, &[], "echo started"), @r##"
    exit: 3
    --- stderr
    mvx: error: LD_PRELOAD (`ld_preload` in secrets/dev/steer.enc.yaml) makes the loader take other libraries: whoever can write it could take over the command
    mvx: hint: leave it out: `exclude = ["LD_PRELOAD"]` in [env.local]
    mvx: hint: or allow it there by name: `allow = ["LD_PRELOAD"]`
    "##);
    let allowing = format!(
        "{}[env.local]\nfiles = [\"secrets/dev/*.enc.yaml\"]\nallow = [\"LD_PRELOAD\"]\n",
        rules()
    );
    repo.write(".sops-rules.toml", allowing);
    let outcome = repo.mvx(["run", "--dry-run"]).outcome().quiet_success();
    assert!(outcome.contains("LD_PRELOAD"), "{outcome}");
    repo.seal("secrets/dev/steer2.yaml", "mvx_age_key: canary-3fd1\n");
    let outcome = run(&repo, &[], "echo started");
    assert_eq!(outcome.code(), Some(3), "{outcome}");
    assert!(
        outcome.stderr.contains("MVX_AGE_KEY") && outcome.stdout.is_empty(),
        "{outcome}"
    );
}

#[test]
fn nothing_starts_unless_everything_opens() {
    let repo = repo();
    repo.write(
        "secrets/dev/broken.enc.yaml",
        repo.read("secrets/dev/app.enc.yaml")
            .replacen("port:", "ports:", 1),
    );
    for options in [&[][..], &["--redact"], &["--watch"], &["--files", "PORT"]] {
        let outcome = run(&repo, options, "echo started");
        assert_eq!(outcome.code(), Some(25), "{outcome}");
        assert_eq!(outcome.stdout(), "");
    }
    repo.hold_nothing();
    let outcome = run(&repo, &[], "echo started");
    assert_eq!(
        (outcome.code(), outcome.stdout()),
        (Some(128), ""),
        "{outcome}"
    );
    let outcome = with_profile("required = [\"MISSING\"]\n");
    let outcome = run(&outcome, &[], "echo started");
    assert_eq!(outcome.stdout(), "", "{outcome}");
    assert!(outcome.stderr.contains("MISSING"), "{outcome}");
}

#[test]
fn what_no_environment_can_hold_is_refused_by_name() {
    let repo = repo();
    repo.seal("secrets/dev/nul.yaml", "nul: \"canary\\0x\"\n");
    insta::assert_snapshot!(run(&repo, &[], "echo started"), @r##"
    exit: 4
    --- stderr
    mvx: error: NUL (`nul` in secrets/dev/nul.enc.yaml) holds a NUL byte, which no environment can
    mvx: hint: `--files NUL` hands it over as a file
    "##);
    let outcome = run(&repo, &["--files", "NUL=N"], "od -c $N | head -1");
    assert!(outcome.stdout().contains("y  \\0   x"), "{outcome}");
    let repo = self::repo();
    repo.seal(
        "secrets/dev/large.yaml",
        format!("large: {}\n", "x".repeat(200_000)),
    );
    insta::assert_snapshot!(run(&repo, &[], "echo started"), @r##"
    exit: 126
    --- stderr
    mvx: error: cannot start `sh`: its environment is too large for the system; the largest variable is LARGE, with 200000 bytes
    mvx: hint: `--files LARGE` hands it over as a file, and `--only` leaves others out
    "##);
    let outcome = run(&repo, &["--redact"], "echo started");
    assert_eq!(outcome.code(), Some(126), "{outcome}");
    let outcome = run(&repo, &["--files", "LARGE"], "wc -c < $LARGE");
    assert_eq!(outcome.stdout().trim(), "200000", "{outcome}");
}

#[test]
fn a_command_that_cannot_be_started_has_the_status_that_env_gives() {
    let repo = repo();
    insta::assert_snapshot!(repo.mvx(["run", "--", "mvx-no-such-program"]).outcome(), @r##"
    exit: 127
    --- stderr
    mvx: error: cannot start `mvx-no-such-program`
    mvx:   No such file or directory (os error 2)
    mvx: hint: is it installed and on PATH?
    "##);
    let outcome = repo.mvx(["run", "--", "./secrets"]).outcome();
    assert_eq!(outcome.code(), Some(126), "{outcome}");
    let outcome = repo
        .mvx(["run", "--redact", "--", "mvx-no-such-program"])
        .outcome();
    assert_eq!(outcome.code(), Some(127), "{outcome}");
    insta::assert_snapshot!(repo.mvx(["run", "local"]).outcome(), @r##"
    exit: 2
    --- stderr
    mvx: error: there is no command to run
    mvx: hint: it stands behind `--`: `mvx run local -- npm start`
    "##);
}

#[test]
fn the_names_can_be_listed() {
    let repo = with_profile("[env.local.defaults]\nNODE_ENV = \"dev\"\n");
    insta::assert_snapshot!(repo.session("mvx run --dry-run\nmvx run --dry-run --json --only PORT"), @r##"
    $ mvx run --dry-run
    NAME         FILE                      KEY
    DB_PASSWORD  secrets/dev/app.enc.yaml  DB_PASSWORD
    PORT         secrets/dev/app.enc.yaml  port
    TLS_KEY      secrets/dev/app.enc.yaml  tls.key
    NODE_ENV     the profile's defaults
    $ mvx run --dry-run --json --only PORT
    {"profile":"local","variables":[{"name":"PORT","file":"secrets/dev/app.enc.yaml","key":"port"}]}
    "##);
}

#[test]
fn files_are_private_and_go_with_the_command() {
    let repo = repo();
    let script = "stat -c %a $TLS_KEY $(dirname $TLS_KEY); cat $TLS_KEY $PW; echo \"${DB_PASSWORD-none}\"; dirname $PW";
    let outcome = run(&repo, &["--files", "TLS_KEY,DB_PASSWORD=PW"], script);
    let text = outcome.quiet_success();
    let (directory, rest) = {
        let (rest, directory) = text.trim_end().rsplit_once('\n').unwrap();
        (directory.to_owned(), rest.to_owned())
    };
    assert_eq!(
        rest,
        "600\n700\n-----BEGIN KEY-----\ncanary-3fd1-line\n-----END KEY-----\ncanary-3fd1-valuenone"
    );
    assert!(directory.contains("/mvx-"), "{directory}");
    assert!(!std::path::Path::new(&directory).exists());
    for (wish, piece) in [
        ("NONE", "has no `NONE`"),
        ("PORT=DB_PASSWORD", "two values"),
        ("PORT=X,DB_PASSWORD=X", "two values"),
        ("PORT=a-b", "no name"),
    ] {
        let outcome = run(&repo, &["--files", wish], "echo started");
        assert_eq!(
            (outcome.code(), outcome.stdout()),
            (Some(2), ""),
            "{outcome}"
        );
        assert!(outcome.stderr.contains(piece), "{outcome}");
    }
}

#[test]
fn printed_secrets_are_masked_on_both_streams() {
    let repo = repo();
    let script = "echo \"pw: $DB_PASSWORD\"; printf %s \"$DB_PASSWORD\" | base64 >&2; echo $PORT; echo \"$TLS_KEY\"; exit 3";
    insta::assert_snapshot!(run(&repo, &["--redact"], script), @r##"
    exit: 3
    --- stdout
    pw: ***
    5432
    ***

    --- stderr
    ***
    "##);
}
