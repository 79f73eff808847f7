//! `rotation verify` and `record`: changes that a real sops made, and ledgers that somebody forged.

use std::fs;

use mvx::ledger::event::{Action, Entry};
use mvx::ledger::fingerprint::Fingerprint;

use super::{FILE, bare, done, findings, history, repo};
use crate::repo::Repo;

/// The real sops, where the tests are told of one.
pub(super) fn sops() -> Option<String> {
    std::env::var("MVX_TEST_SOPS").ok()
}

/// The ledger's files, sorted: by day and time.
fn events(repo: &Repo) -> Vec<String> {
    let found = repo.shell("find .mvx/ledger -name '*.toml' | sort");
    found.stdout().lines().map(str::to_owned).collect()
}

#[test]
fn what_a_real_sops_changed_is_named_and_mended() {
    let Some(sops) = sops() else {
        println!("skipped: MVX_TEST_SOPS names no sops");
        return;
    };
    let repo = repo();
    let key = "SOPS_AGE_KEY_FILE=~/.config/mvx/keys.txt";
    let due = |repo: &Repo| {
        let outcome = repo.shell("mvx --json rotation due --all");
        let answer: serde_json::Value = serde_json::from_slice(&outcome.stdout).unwrap();
        let all = answer["secrets"].as_array().unwrap().clone();
        let of = all
            .iter()
            .map(|one| (one["key"].to_string(), one["due"].to_string()));
        of.collect::<Vec<_>>()
    };
    let before = due(&repo);
    // A value, a new one, one that goes, an item of a list, and then a new data key for all.
    for (edit, expected) in [
        (
            r#"set FILE '["A"]' '"changed"'"#,
            vec!["A changed-without-event"],
        ),
        (r#"set FILE '["N"]' '"new"'"#, vec!["N unknown-key"]),
        (r#"unset FILE '["B"]'"#, vec!["B key-gone"]),
        (
            "rotate -i FILE",
            vec![
                "A changed-without-event",
                "N changed-without-event",
                "l[0] changed-without-event",
                "l[1] changed-without-event",
                "l[2] changed-without-event",
            ],
        ),
    ] {
        done(
            &repo,
            &format!("{key} {sops} {}", edit.replace("FILE", FILE)),
        );
        assert_eq!(findings(&repo, ""), expected, "{edit}");
        repo.commit();
        assert_eq!(findings(&repo, ""), expected, "{edit}, committed");
        done(&repo, "mvx rotation record");
        assert_eq!(findings(&repo, ""), [""; 0], "{edit}");
        repo.commit();
    }
    assert_eq!(history(&repo, "A"), ["1 create", "2 unknown", "2 rekey"]);
    assert_eq!(history(&repo, "l[1]"), ["1 create", "1 rekey"]);
    // Neither the unknown change nor the new key has moved a date.
    for (name, date) in due(&repo) {
        let known = before.iter().find(|(known, _)| *known == name);
        assert!(known.is_none_or(|(_, known)| *known == date), "{name}");
    }
    done(
        &repo,
        &format!("mvx rotation record --reason scheduled {FILE} --key A"),
    );
    assert_eq!(
        history(&repo, "A"),
        ["1 create", "2 unknown", "2 rekey", "2 rotate"]
    );
    assert_eq!(findings(&repo, ""), [""; 0]);
    assert_eq!(repo.shell("mvx rotation record").code(), Some(200));
}

#[test]
fn years_without_a_ledger_are_told_on_the_first_day() {
    let repo = bare();
    repo.seal("secrets/staging/app.yaml", "A: one\nB: two\n");
    let commit = |day: &str, who: &str| {
        done(
            &repo,
            &format!(
                "git add -A && GIT_AUTHOR_DATE='{day}T12:00:00Z' git -c user.name={who} -c user.email={who}@example.com commit -qm change"
            ),
        );
    };
    commit("2024-02-29", "Bob");
    done(&repo, &format!("echo changed | mvx set -q {FILE} A"));
    commit("2025-03-30", "Carol");
    done(&repo, &format!("mvx rekey --yes {FILE}"));
    commit("2025-10-26", "Ana");
    done(&repo, "mvx rotation record");
    assert_eq!(findings(&repo, ""), [""; 0]);
    let log = done(&repo, "mvx rotation log --format csv");
    assert!(log.contains("2024-02-29"), "{log}");
    assert!(log.contains("by Carol <Carol@example.com>"), "{log}");
    // The record is the same on every machine, so that two who make it make one.
    let first = events(&repo);
    done(&repo, "rm -r .mvx && mvx rotation record");
    assert_eq!(events(&repo), first);
}

#[test]
fn a_file_that_is_renamed_or_removed_keeps_its_history() {
    let repo = repo();
    done(
        &repo,
        &format!("git mv {FILE} secrets/staging/other.enc.yaml"),
    );
    let found = findings(&repo, "");
    assert!(found.contains(&format!("{FILE} file-gone")), "{found:?}");
    done(&repo, "mvx rotation record");
    assert_eq!(findings(&repo, ""), [""; 0]);
    let log = done(&repo, "mvx history secrets/staging/other.enc.yaml A");
    assert!(log.contains("create") && log.contains("move"), "{log}");
    repo.commit();
    done(
        &repo,
        "git rm -q secrets/staging/other.enc.yaml && mvx rotation record",
    );
    assert_eq!(findings(&repo, ""), [""; 0]);
}

#[test]
fn what_was_edited_or_removed_since_it_was_committed_is_named() {
    let repo = repo();
    done(&repo, &format!("echo two | mvx set -q {FILE} A"));
    repo.commit();
    let all = events(&repo);
    let event = all.iter().find(|path| path.contains("-rotate-")).unwrap();
    let text = repo.read(event);
    // Backdated, in place: its id tells.
    repo.write(event, text.replace("at = 20", "at = 19"));
    let edited = [
        format!("{FILE} stray-value"),
        "A changed-without-event".into(),
        "ledger no-event".into(),
        "A event-edited".into(),
    ];
    assert_eq!(findings(&repo, ""), edited);
    // Committed: the commit before tells.
    repo.commit();
    assert!(findings(&repo, "").contains(&"A event-edited".to_owned()));
    repo.write(event, &text);
    assert_eq!(findings(&repo, ""), [""; 0]);
    repo.commit();
    // Removed, with the value that it told of taken back.
    done(
        &repo,
        &format!("rm {event} && git checkout -q HEAD~3 -- {FILE}"),
    );
    let removed = [format!("{FILE} stray-value"), "A event-removed".to_owned()];
    assert_eq!(findings(&repo, ""), removed);
    repo.commit();
    assert_eq!(findings(&repo, ""), removed);
    assert_eq!(findings(&repo, "--since HEAD~1"), removed);
    assert_eq!(
        findings(&repo, "--since HEAD"),
        [format!("{FILE} stray-value")]
    );
    let unknown = repo.shell("mvx rotation verify --since nowhere");
    assert_eq!(unknown.code(), Some(4), "{unknown}");
}

#[test]
fn a_rotation_that_never_was_renews_nothing() {
    let repo = bare();
    repo.seal("secrets/staging/app.yaml", "A: one\n");
    done(
        &repo,
        "git add -A && GIT_AUTHOR_DATE=2024-02-29T12:00:00Z git commit -qm old",
    );
    let policy = "[[secrets]]\nmatch = \"*\"\nrotate_every = \"90d\"\n";
    let rules = repo.read(".sops-rules.toml");
    repo.write(".sops-rules.toml", format!("{rules}{policy}"));
    done(&repo, "mvx rotation record");
    let overdue = |repo: &Repo| repo.shell("mvx rotation due").code();
    assert_eq!(overdue(&repo), Some(1));
    let ledger = repo.sandbox.path(".mvx/ledger");
    let found = mvx::ledger::read::read(&ledger, |_| ()).unwrap();
    let first = &found.events[0].entry;
    // One with a ciphertext that is nowhere, and one with the ciphertext that is there.
    for fingerprint in [
        Fingerprint::of(b"never"),
        first.event.values[0].fingerprint.unwrap(),
    ] {
        let mut event = first.event.clone();
        event.action = Action::Rotate;
        event.at = "2026-11-01T00:00:00Z".parse().unwrap();
        event.values[0].rotated_from = vec![first.id];
        event.values[0].fingerprint = Some(fingerprint);
        let forged = Entry::new(event);
        let path = ledger.join(forged.path());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, forged.to_text()).unwrap();
        assert_eq!(findings(&repo, ""), ["A event-without-change"]);
        assert_eq!(overdue(&repo), Some(1));
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn no_event_in_a_ledger_can_break_it() {
    let repo = repo();
    let directory = repo.sandbox.path(".mvx/ledger/2026/11");
    fs::create_dir_all(&directory).unwrap();
    for (number, content) in [
        "version = 1\n".to_owned(),
        "\u{0}".to_owned(),
        "x".repeat(100_000),
        format!("note = {}", "[".repeat(200_000)),
        "version = 99\nid = \"x\"\n".to_owned(),
        "file = \"../../etc/passwd\"\n".to_owned(),
    ]
    .iter()
    .enumerate()
    {
        fs::write(directory.join(format!("{number}.toml")), content).unwrap();
    }
    fs::write(directory.join("bytes.toml"), [0xff, 0xfe]).unwrap();
    let found = findings(&repo, "");
    assert_eq!(found, ["ledger no-event"; 7]);
    done(&repo, &format!("echo new | mvx set -q {FILE} A"));
    let due = repo.shell("mvx rotation due");
    assert_eq!(due.code(), Some(0), "{due}");
    assert!(
        due.stderr
            .contains("7 files in the ledger cannot be believed"),
        "{due}"
    );
}
