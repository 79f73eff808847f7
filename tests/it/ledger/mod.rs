//! The ledger, in a repository with a history.

mod attacks;
mod consumers;
mod crashes;
mod dual;
mod merges;
mod notify;
mod receiver;
mod record;
mod truth;

use mvx::ledger::event::{Entry, Event};

use crate::repo::{ANA, Repo};

/// Rules of two environments with a policy, and the first values.
const RULES: &str = "\
version = 1
[recipients.ana]
age = \"ANA\"
[[files]]
path = \"secrets/staging/**\"
environment = \"staging\"
recipients = [\"ana\"]
[[files]]
path = \"secrets/prod/**\"
environment = \"prod\"
recipients = [\"ana\"]
rotate_after = \"staging\"
[[secrets]]
match = \"*\"
rotate_every = \"90d\"
grace = \"24h\"
owner = \"Payments\"
consumers = [\"backend\", \"web\"]
";

/// The file that most tests change.
const FILE: &str = "secrets/staging/app.enc.yaml";

/// A repository that keeps a ledger, with its first values committed.
fn repo() -> Repo {
    begun(bare())
}

/// The same of this repository.
fn begun(repo: Repo) -> Repo {
    repo.write(".sops-rules.toml", RULES.replace("ANA", ANA));
    repo.seal(
        "secrets/staging/app.yaml",
        "A: one\nB: two\nl: [x, y, z]\nopen_unencrypted: 1\n",
    );
    repo.commit();
    repo
}

/// One without rules for secrets, in which git knows its author.
fn bare() -> Repo {
    named(Repo::in_memory())
}

/// The same of this repository.
fn named(repo: Repo) -> Repo {
    let outcome = repo.shell("git config user.name Ana && git config user.email ana@example.com");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let rules = RULES.split("[[secrets]]").next().unwrap();
    repo.write(".sops-rules.toml", rules.replace("ANA", ANA));
    repo
}

/// What a command says that must succeed.
fn done(repo: &Repo, line: &str) -> String {
    let outcome = repo.shell(line);
    assert_eq!(outcome.code(), Some(0), "{line}: {outcome}");
    outcome.to_string()
}

/// The files in which values are kept.
fn kept(repo: &Repo) -> Vec<String> {
    let found = repo.shell("find .mvx/previous -type f | sort");
    found.stdout().lines().map(str::to_owned).collect()
}

/// Makes as if the last rotation of a key had been that long ago that its grace is over: another event in the
/// place of its own, and what it keeps under the other one's name.
fn end_grace(repo: &Repo, key: &str) {
    let ledger = repo.sandbox.path(".mvx/ledger");
    let read = mvx::ledger::read::read(&ledger, |_| ()).unwrap();
    let kept = |event: &Event| {
        event.grace_until.is_some() && event.values.iter().any(|value| value.key == key)
    };
    let mut found = read
        .events
        .iter()
        .filter(|stored| kept(&stored.entry.event));
    let stored = found.next().unwrap();
    assert!(found.next().is_none());
    let mut event = stored.entry.event.clone();
    event.grace_until = Some("2026-01-01T00:00:00Z".parse().unwrap());
    let new = Entry::new(event);
    std::fs::remove_file(ledger.join(&stored.path)).unwrap();
    std::fs::write(ledger.join(new.path()), new.to_text()).unwrap();
    let previous = |id| format!(".mvx/previous/{}/{id}.json", stored.entry.event.file);
    let from = repo.sandbox.path(previous(stored.entry.id));
    std::fs::rename(from, repo.sandbox.path(previous(new.id))).unwrap();
}

/// The findings of `rotation verify`: `KEY CODE`, or `FILE CODE` where there is no key.
fn findings(repo: &Repo, options: &str) -> Vec<String> {
    let outcome = repo.shell(&format!("mvx --json rotation verify {options}"));
    let answer: serde_json::Value =
        serde_json::from_slice(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome}"));
    let all = answer["findings"].as_array().unwrap();
    assert_eq!(
        outcome.code(),
        Some(i32::from(!all.is_empty())),
        "{outcome}"
    );
    let word = |one: &serde_json::Value| {
        let name = one["key"]
            .as_str()
            .or(one["file"].as_str())
            .unwrap_or("ledger");
        format!("{name} {}", one["code"].as_str().unwrap())
    };
    all.iter().map(word).collect()
}

/// The actions in the history of a key, the oldest first.
fn history(repo: &Repo, key: &str) -> Vec<String> {
    let outcome = repo.shell(&format!("mvx --json history {FILE} '{key}'"));
    let answer: serde_json::Value =
        serde_json::from_slice(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome}"));
    let all = answer["versions"].as_array().unwrap();
    let word =
        |one: &serde_json::Value| format!("{} {}", one["version"], one["action"].as_str().unwrap());
    all.iter().map(word).collect()
}

#[test]
fn every_command_that_changes_a_file_says_so() {
    let repo = repo();
    repo.editor("sed -i 's/two/edited/' \"$1\"");
    for line in [
        format!("echo new | mvx set -q {FILE} A"),
        format!("EDITOR=~/editor.sh mvx edit {FILE}"),
        format!("mvx mv {FILE} B C.D"),
        format!("mvx unset {FILE} 'l[0]'"),
        format!("mvx rekey --yes {FILE}"),
        "printf 'E=5\\n' > new.env; mvx import new.env --to secrets/staging/new.enc.yaml --keep"
            .to_owned(),
        format!("printf 'E=5\\n' | mvx set --many {FILE}"),
    ] {
        let line = line.replace(" --keep", "");
        let outcome = repo.shell(&line);
        assert_eq!(outcome.code(), Some(0), "{line}: {outcome}");
        assert_eq!(findings(&repo, ""), [""; 0], "{line}");
    }
    assert_eq!(history(&repo, "A"), ["1 create", "2 rotate", "2 rekey"]);
    assert_eq!(
        history(&repo, "C.D"),
        ["1 create", "2 rotate", "2 move", "2 rekey"]
    );
    assert_eq!(history(&repo, "l[0]"), ["1 create", "1 move", "1 rekey"]);
}

#[test]
fn access_is_told_of_and_kept_values_go_along() {
    let repo = repo();
    done(&repo, &format!("mvx rotate {FILE} A --generate hex:16"));
    let rules = repo.read(".sops-rules.toml");
    let carol = format!(
        "[recipients.carol]\nage = \"{}\"\n[[files]]",
        crate::repo::CAROL
    );
    let with_carol = rules.replacen("[[files]]", &carol, 1);
    let with_carol = with_carol.replace("[\"ana\"]", "[\"ana\", \"carol\"]");
    repo.write(".sops-rules.toml", with_carol);
    done(&repo, "mvx recipients sync --yes");
    let kept = kept(&repo).remove(0);
    assert!(repo.read(&kept).contains(crate::repo::CAROL));
    assert_eq!(findings(&repo, ""), [""; 0]);
    done(&repo, "mvx recipients remove carol --yes");
    assert!(!repo.read(&kept).contains(crate::repo::CAROL));
    assert_eq!(findings(&repo, ""), [""; 0]);
    let log = done(&repo, "mvx rotation log");
    assert!(log.contains("access given to: carol"), "{log}");
    assert!(log.contains("access taken from: carol"), "{log}");
    assert!(done(&repo, &format!("mvx get {FILE} A --version 1")).contains("one"));
}

#[test]
fn a_value_can_be_had_for_as_long_as_it_is_kept() {
    let repo = repo();
    done(
        &repo,
        &format!("printf two | mvx rotate {FILE} A --reason scheduled"),
    );
    let same = repo.shell(&format!("printf two | mvx rotate {FILE} A"));
    assert_eq!(same.code(), Some(200), "{same}");
    let clear = repo.shell(&format!("printf two | mvx rotate {FILE} open_unencrypted"));
    assert_eq!(clear.code(), Some(1), "{clear}");
    done(
        &repo,
        &format!("printf three | mvx rotate {FILE} A --reason leak"),
    );
    assert!(done(&repo, &format!("mvx get {FILE} A --version 1")).contains("one"));
    // What leaked was not kept, and does not come back; nor does what is older.
    for (line, code) in [
        ("mvx get FILE A --version 2", 1),
        ("mvx get FILE A --version 4", 1),
        ("mvx rollback FILE A --to 2", 1),
        ("mvx rollback FILE A --to 1", 1),
    ] {
        let outcome = repo.shell(&line.replace("FILE", FILE));
        assert_eq!(outcome.code(), Some(code), "{line}: {outcome}");
    }
    done(
        &repo,
        &format!("printf four | mvx rotate {FILE} B --grace 1d"),
    );
    done(
        &repo,
        &format!("mvx rollback {FILE} B --to 1 --reason 'it was wrong'"),
    );
    assert!(done(&repo, &format!("mvx get {FILE} B")).contains("two"));
    done(&repo, &format!("mvx delete {FILE} B --reason 'not used'"));
    assert_eq!(repo.shell(&format!("mvx get {FILE} B")).code(), Some(1));
    done(&repo, &format!("mvx restore {FILE} B"));
    assert!(done(&repo, &format!("mvx get {FILE} B")).contains("two"));
    let told = [
        "1 create",
        "2 rotate",
        "3 rollback",
        "3 delete",
        "3 restore",
    ];
    assert_eq!(history(&repo, "B"), told);
    assert_eq!(findings(&repo, ""), [""; 0]);
}

/// Two branches never touch the same file, and no pull request can put one there whose data key it knows.
#[test]
fn kept_values_lie_in_a_file_of_their_own_for_each_event() {
    let repo = repo();
    done(&repo, &format!("mvx rotate {FILE} A --generate hex:16"));
    let first = kept(&repo);
    let text = repo.read(&first[0]);
    done(&repo, &format!("mvx rotate {FILE} B --generate hex:16"));
    assert_eq!(kept(&repo).len(), 2);
    assert_eq!(repo.read(&first[0]), text);
    assert!(done(&repo, &format!("mvx get {FILE} A --version 1")).contains("one"));
    assert!(done(&repo, &format!("mvx get {FILE} B --version 1")).contains("two"));
    // What no event tells of is said, and goes.
    repo.write(".mvx/previous/x", "x");
    repo.write(&format!(".mvx/previous/{FILE}/x.json"), "x");
    assert_eq!(
        findings(&repo, ""),
        [
            "ledger stray-value".to_owned(),
            format!("{FILE} stray-value")
        ]
    );
    // Its event may be on another branch.
    assert_eq!(repo.shell("mvx rotation expire").code(), Some(200));
    done(&repo, "mvx rotation expire --strays");
    assert_eq!(kept(&repo).len(), 2);
    assert_eq!(findings(&repo, ""), [""; 0]);
}

#[test]
fn what_is_over_is_refused_and_goes() {
    for (line, back) in [
        (
            "mvx rotate FILE A --generate uuid",
            "mvx rollback FILE A --to 1",
        ),
        ("mvx delete FILE A", "mvx restore FILE A"),
    ] {
        let repo = repo();
        done(&repo, &line.replace("FILE", FILE));
        end_grace(&repo, "A");
        for line in ["mvx get FILE A --version 1", back] {
            let refused = repo.shell(&line.replace("FILE", FILE));
            assert_eq!(refused.code(), Some(1), "{line}: {refused}");
        }
        assert_eq!(findings(&repo, ""), ["A expired-value"]);
        let would = done(&repo, "mvx rotation expire --dry-run");
        assert!(would.contains('A'), "{would}");
        assert_eq!(kept(&repo).len(), 1);
        done(&repo, "mvx rotation expire");
        assert_eq!(kept(&repo).len(), 0);
        assert_eq!(findings(&repo, ""), [""; 0]);
    }
}

#[test]
fn the_rules_say_where_a_secret_is_rotated_first() {
    let repo = repo();
    repo.seal("secrets/prod/app.yaml", "A: p-one\n");
    let refused = repo.shell("mvx rotate A --environment prod --generate hex:16");
    assert_eq!(refused.code(), Some(1), "{refused}");
    let ambiguous = repo.shell("mvx rotate A --generate hex:16");
    assert_eq!(ambiguous.code(), Some(2), "{ambiguous}");
    done(
        &repo,
        "mvx rotate A --environment prod --generate hex:16 --force-order",
    );
    assert!(done(&repo, "mvx rotation log").contains("before the environment that the rules want"));
    // The second is the smallest unit of time.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    done(
        &repo,
        "mvx rotate A --environment staging --generate words:6",
    );
    done(&repo, "mvx rotate A --environment prod --generate uuid");
}

#[test]
fn nothing_secret_is_said_in_clear() {
    let repo = repo();
    let token = crate::scan::token(1);
    for line in [
        format!("printf hunter2hunter2 | mvx rotate {FILE} A --note 'it is hunter2hunter2 now'"),
        format!("printf new | mvx rotate {FILE} A --note 'was {token}'"),
        format!("mvx delete {FILE} A --reason '{token}'"),
        format!("mvx rotation record --reason 'x' --note '{token}'"),
    ] {
        let outcome = repo.shell(&line);
        assert_eq!(outcome.code(), Some(2), "{line}: {outcome}");
    }
    assert_eq!(history(&repo, "A"), ["1 create"]);
}

#[test]
fn without_a_policy_and_a_ledger_nothing_is_written() {
    let repo = bare();
    repo.seal("secrets/staging/app.yaml", "A: one\n");
    done(&repo, &format!("echo two | mvx set -q {FILE} A"));
    assert!(!repo.has(".mvx"));
    let same = repo.shell(&format!("printf two | mvx rotate {FILE} A"));
    assert_eq!(same.code(), Some(200), "{same}");
    assert!(!repo.has(".mvx"), "what fails begins nothing");
    done(&repo, &format!("printf three | mvx rotate {FILE} A"));
    assert_eq!(history(&repo, "A"), ["1 create", "2 rotate"]);
    assert_eq!(findings(&repo, ""), [""; 0]);
}

#[test]
fn links_in_the_reserved_tree_lead_nowhere() {
    let repo = repo();
    done(&repo, "mv .mvx ../elsewhere; ln -s ../elsewhere .mvx");
    let before = repo.read(FILE);
    for line in [
        format!("echo new | mvx set -q {FILE} A"),
        "mvx rotation record".to_owned(),
        "mvx rotation verify".to_owned(),
    ] {
        let outcome = repo.shell(&line);
        assert_eq!(outcome.code(), Some(4), "{line}: {outcome}");
    }
    assert_eq!(repo.read(FILE), before);
}
