//! What git's history tells, entered into a ledger that begins late.

use super::{FILE, bare, done, findings, history};
use crate::repo::Repo;

const POLICY: &str = "[[secrets]]\nmatch = \"**\"\nrotate_every = \"90d\"\ngrace = \"24h\"\n";

/// Commits everything as of a day and by somebody.
fn commit(repo: &Repo, day: &str, who: &str) {
    done(
        repo,
        &format!(
            "git add -A && GIT_AUTHOR_DATE={day}T12:00:00Z git commit -q --author '{who} <{who}@example.com>' -m x"
        ),
    );
}

/// Without a ledger: whatever is done here is as if sops had done it.
fn plain() -> Repo {
    let repo = bare();
    repo.seal("secrets/staging/app.yaml", "A: one\nB: two\n");
    commit(&repo, "2024-01-01", "ana");
    done(&repo, "git branch -m main");
    repo
}

fn set(repo: &Repo, key: &str, value: &str) {
    done(repo, &format!("printf {value} | mvx set -q {FILE} {key}"));
}

/// Begins the ledger. The events as `DAY ACTION FILE: KEYS, by WHO`.
fn record(repo: &Repo) -> Vec<String> {
    let rules = repo.read(".sops-rules.toml");
    if !rules.contains("[[secrets]]") {
        repo.write(".sops-rules.toml", format!("{rules}{POLICY}"));
    }
    let outcome = repo.shell("mvx rotation record");
    assert!(matches!(outcome.code(), Some(0 | 200)), "{outcome}");
    assert_eq!(findings(repo, ""), [""; 0]);
    let lines = outcome.stdout();
    let lines = lines.lines().map(|line| {
        let line = line
            .replace("secrets/staging/app.enc.yaml", "F")
            .replace('`', "");
        line.split(" <").next().unwrap_or(&line).to_owned()
    });
    lines.collect()
}

/// Since when a key counts.
fn since(repo: &Repo, file: &str, key: &str) -> String {
    let outcome = repo.shell("mvx --json rotation due --all");
    let answer: serde_json::Value = serde_json::from_slice(&outcome.stdout).unwrap();
    let all = answer["secrets"].as_array().unwrap();
    let mut found = all
        .iter()
        .filter(|one| one["key"] == key && one["file"] == file);
    let day = found.next().unwrap()["since"].as_str().unwrap_or("never");
    day.split('T').next().unwrap().to_owned()
}

#[test]
fn a_commit_that_was_taken_back_is_told_where_and_by_whom() {
    let repo = plain();
    set(&repo, "A", "three");
    commit(&repo, "2024-02-01", "bob");
    done(
        &repo,
        "git revert --no-commit HEAD && GIT_AUTHOR_DATE=2024-03-01T12:00:00Z git commit -q --author 'carol <carol@example.com>' -m revert",
    );
    set(&repo, "B", "four");
    commit(&repo, "2024-04-01", "dave");
    assert_eq!(
        record(&repo),
        [
            "2024-01-01 create F: A, B, by ana",
            "2024-02-01 unknown F: A, by bob",
            "2024-03-01 rollback F: A, by carol",
            "2024-04-01 unknown F: B, by dave"
        ]
    );
    assert_eq!(since(&repo, FILE, "A"), "2024-01-01");
}

#[test]
fn a_file_that_was_away_is_as_old_as_it_was() {
    let repo = plain();
    done(&repo, &format!("cp {FILE} ../kept && git rm -q {FILE}"));
    commit(&repo, "2024-05-01", "ana");
    done(
        &repo,
        &format!("mkdir -p secrets/staging && cp ../kept {FILE}"),
    );
    commit(&repo, "2024-06-01", "bob");
    assert_eq!(
        record(&repo),
        [
            "2024-01-01 create F: A, B, by ana",
            "2024-05-01 delete F: A, B, by ana",
            "2024-06-01 rollback F: A, B, by bob"
        ]
    );
    assert_eq!(since(&repo, FILE, "A"), "2024-01-01");
}

#[test]
fn what_a_branch_changed_is_told_as_of_its_commit_and_nothing_else_of_it() {
    let repo = plain();
    done(&repo, "git checkout -q -b branch");
    set(&repo, "A", "three");
    commit(&repo, "2024-02-01", "bob");
    done(&repo, "git checkout -q main");
    set(&repo, "B", "four");
    commit(&repo, "2024-03-01", "carol");
    // Textually both sides touch the MAC; whoever merges takes the branch's value into main's file.
    done(
        &repo,
        &format!(
            "git merge -q --no-commit branch > /dev/null; git checkout -q --ours {FILE}; \
             a=$(git show branch:{FILE} | grep '^A: '); awk -v a=\"$a\" '/^A: /{{$0=a}} {{print}}' {FILE} > ../merged; \
             cp ../merged {FILE}; git add -A; GIT_AUTHOR_DATE=2024-04-01T12:00:00Z git commit -q --author 'mer <mer@example.com>' -m merge"
        ),
    );
    let told = record(&repo);
    assert_eq!(
        told,
        [
            "2024-01-01 create F: A, B, by ana",
            "2024-03-01 unknown F: B, by carol",
            "2024-02-01 unknown F: A, by bob"
        ]
    );
}

#[test]
fn renames_before_the_ledger_make_nothing_new() {
    let repo = plain();
    set(&repo, "A", "three");
    commit(&repo, "2024-02-01", "bob");
    done(
        &repo,
        &format!("git mv {FILE} secrets/staging/new.enc.yaml"),
    );
    commit(&repo, "2026-03-01", "carol");
    record(&repo);
    assert_eq!(
        since(&repo, "secrets/staging/new.enc.yaml", "B"),
        "2024-01-01"
    );
}

#[test]
fn a_rename_with_a_new_data_key_is_a_move_and_a_rekey() {
    let Some(sops) = super::truth::sops() else {
        println!("skipped: MVX_TEST_SOPS names no sops");
        return;
    };
    let repo = plain();
    record(&repo);
    commit(&repo, "2024-02-01", "ana");
    let new = "secrets/staging/new.enc.yaml";
    // As sops does it: the IVs stay.
    done(
        &repo,
        &format!("git mv {FILE} {new} && mv .mvx ../mvx && mv .sops-rules.toml ../rules"),
    );
    done(
        &repo,
        &format!("SOPS_AGE_KEY_FILE=~/.config/mvx/keys.txt {sops} rotate -i {new}"),
    );
    done(&repo, "mv ../mvx .mvx && mv ../rules .sops-rules.toml");
    commit(&repo, "2026-03-01", "bob");
    let told = record(&repo);
    assert!(told.iter().any(|line| line.contains("move")), "{told:?}");
    assert!(told.iter().any(|line| line.contains("rekey")), "{told:?}");
    assert_eq!(since(&repo, new, "A"), "2024-01-01");
}

#[test]
fn whoever_writes_first_hides_nothing() {
    let repo = plain();
    set(&repo, "B", "three");
    commit(&repo, "2024-02-01", "bob");
    let rules = repo.read(".sops-rules.toml");
    repo.write(".sops-rules.toml", format!("{rules}{POLICY}"));
    done(&repo, &format!("printf new | mvx rotate {FILE} A"));
    assert_eq!(findings(&repo, ""), [""; 0]);
    assert_eq!(history(&repo, "A"), ["1 create", "2 rotate"]);
    assert_eq!(history(&repo, "B"), ["1 create", "2 unknown"]);
    assert_eq!(since(&repo, FILE, "B"), "2024-01-01");
}

/// The next write of mvx must not be taken for the whole change.
#[test]
fn what_was_changed_without_mvx_is_told_before_the_next_change() {
    let repo = plain();
    record(&repo);
    commit(&repo, "2024-02-01", "ana");
    done(
        &repo,
        "mv .mvx ../mvx && cp .sops-rules.toml ../rules && sed -i '/secrets\\]\\]/,$d' .sops-rules.toml",
    );
    set(&repo, "A", "second");
    done(&repo, "mv ../mvx .mvx && cp ../rules .sops-rules.toml");
    commit(&repo, "2024-03-01", "bob");
    done(&repo, &format!("printf third | mvx rotate {FILE} A"));
    assert_eq!(history(&repo, "A"), ["1 create", "2 unknown", "3 rotate"]);
    let second = done(&repo, &format!("mvx get {FILE} A --version 2"));
    assert!(second.contains("second"), "{second}");
    let first = repo.shell(&format!("mvx get {FILE} A --version 1"));
    assert_eq!(first.code(), Some(1), "{first}");
}

#[test]
fn a_rotation_that_was_reverted_is_brought_back_and_rolled_back() {
    let repo = plain();
    record(&repo);
    repo.commit();
    done(&repo, &format!("printf two | mvx rotate {FILE} A"));
    repo.commit();
    done(&repo, "git revert --no-edit HEAD > /dev/null");
    assert_eq!(findings(&repo, ""), ["A event-removed"]);
    let told = record(&repo);
    assert!(
        told.iter()
            .any(|line| line.contains("as it was committed again")),
        "{told:?}"
    );
    assert_eq!(history(&repo, "A"), ["1 create", "2 rotate", "3 rollback"]);
    assert_eq!(since(&repo, FILE, "A"), "2024-01-01");
}

#[test]
fn a_shallow_or_sparse_clone_tells_no_story() {
    let repo = plain();
    set(&repo, "A", "three");
    commit(&repo, "2024-02-01", "bob");
    let rules = repo.read(".sops-rules.toml");
    repo.write(".sops-rules.toml", format!("{rules}{POLICY}"));
    repo.commit();
    done(&repo, "git clone -q --depth 1 \"file://$PWD\" ../shallow");
    let refused = repo.shell("cd ../shallow && mvx rotation record");
    assert_eq!(refused.code(), Some(4), "{refused}");
    assert!(refused.to_string().contains("--unshallow"), "{refused}");
    record(&repo);
    repo.commit();
    done(&repo, "git sparse-checkout set --no-cone '/*' '!/secrets/'");
    let skipped = repo.shell("mvx rotation record");
    assert_eq!(skipped.code(), Some(200), "{skipped}");
}

#[test]
fn a_file_that_no_rule_covers_any_more_leaves_the_ledger() {
    let repo = plain();
    record(&repo);
    let rules = repo.read(".sops-rules.toml");
    repo.write(
        ".sops-rules.toml",
        rules.replace("secrets/staging/**", "elsewhere/**"),
    );
    assert_eq!(findings(&repo, ""), [format!("{FILE} not-covered")]);
    let told = done(&repo, "mvx rotation record && mvx rotation log");
    assert!(told.contains("no rule covers the file any more"), "{told}");
    assert_eq!(findings(&repo, ""), [""; 0]);
}

#[test]
fn a_key_narrows_what_is_explained_and_not_what_is_told() {
    let repo = plain();
    set(&repo, "A", "three");
    set(&repo, "B", "four");
    commit(&repo, "2024-02-01", "bob");
    let rules = repo.read(".sops-rules.toml");
    repo.write(".sops-rules.toml", format!("{rules}{POLICY}"));
    done(
        &repo,
        &format!("mvx rotation record --key A --reason scheduled {FILE}"),
    );
    assert_eq!(findings(&repo, ""), [""; 0]);
    assert_eq!(history(&repo, "A"), ["1 create", "2 unknown", "2 rotate"]);
    assert_eq!(history(&repo, "B"), ["1 create", "2 unknown"]);
    assert_eq!(since(&repo, FILE, "A"), "2024-02-01");
    assert_eq!(since(&repo, FILE, "B"), "2024-01-01");
}

#[test]
fn a_repair_is_told_of() {
    let repo = plain();
    record(&repo);
    repo.commit();
    let text = repo.read(FILE);
    // A value whose ciphertext was cut.
    let line = text.lines().find(|line| line.starts_with("A: ")).unwrap();
    let cut = line.replacen("data:", "data:AAAA", 1);
    repo.write(FILE, text.replace(line, &cut));
    assert_eq!(findings(&repo, ""), ["A changed-without-event"]);
    done(&repo, &format!("mvx repair {FILE} --take"));
    assert_eq!(findings(&repo, ""), [""; 0]);
}
