//! What was found by attacking the ledger.

use mvx::ledger::event::{Action, Change, Entry, Event};

use super::{FILE, bare, done, findings, history, kept, repo};
use crate::repo::Repo;

/// The rows of `rotation due` about a key: `FILE STATE SINCE`.
fn due(repo: &Repo, key: &str) -> Vec<String> {
    let outcome = repo.shell("mvx --json rotation due --all");
    let answer: serde_json::Value =
        serde_json::from_slice(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome}"));
    let all = answer["secrets"].as_array().unwrap();
    let of_key = all.iter().filter(|one| one["key"] == key);
    let text = |one: &serde_json::Value, name: &str| one[name].as_str().unwrap_or("-").to_owned();
    of_key
        .map(|one| {
            format!(
                "{} {} {}",
                text(one, "file"),
                text(one, "state"),
                text(one, "since")
            )
        })
        .collect()
}

/// A repository whose values are of 2025, and overdue.
fn of_old() -> Repo {
    let repo = bare();
    repo.seal("secrets/staging/app.yaml", "A: one\nB: two\nl: [x, y, z]\n");
    done(
        &repo,
        "git add -A && GIT_AUTHOR_DATE=2025-01-01T12:00:00Z git commit -qm old",
    );
    let rules = repo.read(".sops-rules.toml");
    let policy = "[[secrets]]\nmatch = \"**\"\nrotate_every = \"90d\"\ngrace = \"24h\"\n";
    repo.write(".sops-rules.toml", format!("{rules}{policy}"));
    done(&repo, "mvx rotation record");
    repo.commit();
    repo
}

const OVERDUE: &str = "secrets/staging/app.enc.yaml overdue 2025-01-01T12:00:00Z";

/// Puts an event into the ledger that nobody's command made.
fn forge(repo: &Repo, action: Action, key: &str, from: &[&Entry], change: impl FnOnce(&mut Event)) {
    let at = "2026-11-20T00:00:00Z".parse().unwrap();
    let mut event = Event::new(at, "Mallory", action, FILE);
    event.environment = Some("staging".into());
    event.values.push(Change {
        key: key.into(),
        from_key: None,
        from_file: None,
        rotated_from: from.iter().map(|entry| entry.id).collect(),
        replaces: Vec::new(),
        restores: None,
        fingerprint: None,
    });
    change(&mut event);
    let entry = Entry::new(event);
    repo.write(&format!(".mvx/ledger/{}", entry.path()), entry.to_text());
}

fn entries(repo: &Repo) -> Vec<Entry> {
    let ledger = repo.sandbox.path(".mvx/ledger");
    let read = mvx::ledger::read::read(&ledger, |_| ()).unwrap();
    read.events.into_iter().map(|stored| stored.entry).collect()
}

#[test]
fn a_copy_is_as_old_as_its_original() {
    let repo = of_old();
    assert_eq!(due(&repo, "A"), [OVERDUE]);
    done(&repo, &format!("cp {FILE} secrets/staging/copy.enc.yaml"));
    repo.commit();
    done(&repo, "mvx rotation record");
    assert_eq!(findings(&repo, ""), [""; 0]);
    let copy = OVERDUE.replace("app", "copy");
    assert_eq!(due(&repo, "A"), [OVERDUE, copy.as_str()]);
}

#[test]
fn a_rollback_to_nothing_hides_no_date() {
    let repo = of_old();
    let first = entries(&repo).remove(0);
    let change = first
        .event
        .values
        .iter()
        .find(|value| value.key == "A")
        .unwrap();
    let print = change.fingerprint;
    forge(&repo, Action::Rollback, "A", &[&first], |event| {
        event.values[0].fingerprint = print;
    });
    assert_eq!(due(&repo, "A"), [OVERDUE]);
    assert_eq!(findings(&repo, ""), ["A event-without-change"]);
}

/// Readers that are less strict open it to the old value.
#[test]
fn ciphertext_in_another_spelling_is_named() {
    let repo = of_old();
    let text = repo.read(FILE);
    let line = text.lines().find(|line| line.starts_with("A: ")).unwrap();
    repo.write(FILE, text.replace(line, &format!("{line}x")));
    let found = findings(&repo, "");
    assert!(
        found.contains(&"A misspelled-ciphertext".to_owned()),
        "{found:?}"
    );
    done(&repo, "mvx rotation record");
    assert_eq!(findings(&repo, ""), ["A misspelled-ciphertext"]);
}

#[test]
fn items_of_a_list_are_excused_only_by_one_that_the_ledger_knows() {
    let repo = of_old();
    let text = repo.read(FILE);
    let list = text.lines().find(|line| line.starts_with("l: ")).unwrap();
    let items: Vec<&str> = list
        .split('\'')
        .filter(|part| part.starts_with("ENC"))
        .collect();
    let [first, second, _] = items.as_slice() else {
        panic!("{text}");
    };
    // Somebody's new ciphertext, twice.
    let forged = second.replace("data:", "data:AAAA");
    repo.write(FILE, text.replace(first, &forged).replace(second, &forged));
    let found = findings(&repo, "");
    assert!(
        found.contains(&"l[0] changed-without-event".to_owned()),
        "{found:?}"
    );
    // Equal to its neighbour: sops does that, and it is as old as the older of both.
    repo.write(FILE, text.replace(first, second));
    assert_eq!(findings(&repo, ""), [""; 0]);
    assert_eq!(due(&repo, "l[0]"), [OVERDUE]);
}

#[test]
fn no_reason_and_no_note_holds_a_value() {
    let repo = repo();
    done(
        &repo,
        &format!("printf lantern-cobalt | mvx rotate {FILE} A"),
    );
    done(&repo, &format!("printf 4921 | mvx rotate {FILE} B"));
    done(&repo, &format!("mvx delete {FILE} B"));
    for line in [
        format!("mvx rollback {FILE} A --to 1 --note 'not lantern-cobalt'"),
        format!("mvx rollback {FILE} A --to 1 --note 'bGFudGVybi1jb2JhbHQ='"),
        format!("mvx restore {FILE} B --note 'it was 4921'"),
    ] {
        let outcome = repo.shell(&line);
        assert_eq!(outcome.code(), Some(2), "{line}: {outcome}");
    }
    done(
        &repo,
        &format!("mvx restore {FILE} B --note 'version 49210'"),
    );
}

#[test]
fn what_leaked_is_known_in_other_words_too() {
    let repo = repo();
    let both = repo.shell(&format!(
        "printf x | mvx rotate {FILE} A --reason leak --grace 30d"
    ));
    assert_eq!(both.code(), Some(2), "{both}");
    done(
        &repo,
        &format!("printf x | mvx rotate {FILE} A --reason 'Leaked: a log' --grace 0"),
    );
    assert_eq!(kept(&repo).len(), 0);
    let back = repo.shell(&format!("mvx rollback {FILE} A --to 1"));
    assert_eq!(back.code(), Some(1), "{back}");
    assert!(back.to_string().contains("leaked"), "{back}");
    let odd = repo.shell(&format!("printf y | mvx rotate {FILE} A --grace -1d"));
    assert!(odd.to_string().contains("a duration is a number"), "{odd}");
}

#[test]
fn encrypting_anew_over_a_file_renews_nothing() {
    let repo = of_old();
    repo.write("secrets/staging/app.yaml", "A: one\nB: two\nl: [x, y, z]\n");
    done(&repo, "mvx encrypt secrets/staging/app.yaml --overwrite");
    assert_eq!(due(&repo, "A"), [OVERDUE]);
    assert_eq!(findings(&repo, ""), [""; 0]);
}

#[test]
fn without_rules_nothing_is_thrown_away() {
    let repo = of_old();
    done(&repo, "rm -r .sops-rules.toml .mvx");
    let before = repo.read(FILE);
    for line in ["mvx rotate FILE A --generate uuid", "mvx delete FILE A"] {
        let refused = repo.shell(&line.replace("FILE", FILE));
        assert_eq!(refused.code(), Some(3), "{refused}");
        assert_eq!(repo.read(FILE), before);
    }
}

#[test]
fn events_that_are_in_no_commit_are_told_of() {
    let repo = repo();
    let clean = repo.shell("mvx rotation verify");
    assert!(!clean.to_string().contains("no commit"), "{clean}");
    done(&repo, &format!("printf x | mvx rotate {FILE} A"));
    let told = done(&repo, "mvx rotation verify");
    assert!(told.contains("1 event is in no commit yet"), "{told}");
    repo.write(".gitignore", ".mvx\n");
    assert_eq!(findings(&repo, "").len(), 2);
    let warned = done(&repo, &format!("printf y | mvx rotate {FILE} A"));
    assert!(warned.contains("git ignores `.mvx`"), "{warned}");
}

#[test]
fn a_branch_that_is_behind_has_removed_nothing() {
    let repo = repo();
    done(&repo, "git branch -m main && git checkout -q -b behind");
    done(&repo, &format!("printf x | mvx rotate {FILE} B"));
    repo.commit();
    done(&repo, "git checkout -q main");
    done(&repo, &format!("printf y | mvx rotate {FILE} A"));
    repo.commit();
    done(&repo, "git checkout -q behind");
    assert_eq!(findings(&repo, "--since main"), [""; 0]);
    done(&repo, "rm .mvx/ledger/*/*/*-create-*");
    assert!(
        findings(&repo, "--since main")
            .iter()
            .any(|one| one.ends_with("event-removed"))
    );
}

#[cfg(unix)]
#[test]
fn a_name_that_no_event_can_hold_is_said() {
    let repo = repo();
    let outcome = repo.shell(
        "cd secrets/staging && printf 'A: one\\n' > \"$(printf 'b\\377').yaml\" && mvx encrypt -i b*.yaml",
    );
    assert_eq!(outcome.code(), Some(4), "{outcome}");
    assert!(outcome.to_string().contains("not UTF-8"), "{outcome}");
    done(
        &repo,
        &format!("cp {FILE} \"secrets/staging/$(printf 'b\\377').enc.yaml\""),
    );
    let verify = repo.shell("mvx rotation verify");
    assert_eq!(verify.code(), Some(4), "{verify}");
}

#[test]
fn a_conflict_is_not_a_file_that_went() {
    let repo = repo();
    repo.write("secrets/staging/plain.yaml", "A: one\n");
    done(&repo, "mvx encrypt -i secrets/staging/plain.yaml");
    let text = repo.read("secrets/staging/plain.yaml");
    for text in [
        format!("<<<<<<< ours\n{text}=======\n>>>>>>> theirs\n"),
        "A: one\n".into(),
    ] {
        repo.write("secrets/staging/plain.yaml", text);
        let outcome = repo.shell("mvx rotation verify");
        assert_ne!(outcome.code(), Some(0), "{outcome}");
        assert!(!outcome.to_string().contains("is not there"), "{outcome}");
    }
}

#[test]
fn expired_values_are_not_read_by_hand_and_kept_ones_not_edited() {
    let repo = repo();
    done(&repo, &format!("printf x | mvx rotate {FILE} A"));
    let file = kept(&repo).remove(0);
    assert!(done(&repo, &format!("mvx decrypt {file}")).contains("one"));
    for line in ["EDITOR=true mvx edit FILE", "printf x | mvx set FILE y"] {
        let refused = repo.shell(&line.replace("FILE", &file));
        assert_eq!(refused.code(), Some(2), "{refused}");
    }
    super::end_grace(&repo, "A");
    let file = kept(&repo).remove(0);
    let refused = repo.shell(&format!("mvx decrypt {file}"));
    assert_eq!(refused.code(), Some(1), "{refused}");
    assert!(!refused.to_string().contains("one\""), "{refused}");
}

#[test]
fn kept_values_that_are_taken_away_or_swapped_are_named() {
    let repo = repo();
    done(&repo, &format!("printf second | mvx rotate {FILE} A"));
    done(&repo, &format!("printf third | mvx rotate {FILE} A"));
    let files = kept(&repo);
    let text = repo.read(&files[0]);
    done(&repo, &format!("rm {}", files[0]));
    assert_eq!(findings(&repo, ""), ["A kept-value-gone"]);
    // The one in the place of the other is neither.
    repo.write(&files[0], repo.read(&files[1]));
    let (one, two) = (
        repo.shell(&format!("mvx get {FILE} A --version 1")),
        repo.shell(&format!("mvx get {FILE} A --version 2")),
    );
    assert!(one.code() == Some(1) || two.code() == Some(1), "{one}{two}");
    repo.write(&files[0], text);
    assert_eq!(findings(&repo, ""), [""; 0]);
}

#[test]
fn an_event_from_the_future_is_over_when_another_follows() {
    let repo = repo();
    let first = entries(&repo).remove(0);
    forge(&repo, Action::Rotate, "A", &[&first], |event| {
        event.at = "2099-01-01T00:00:00Z".parse().unwrap();
        event.values[0].fingerprint = first.event.values[1].fingerprint;
    });
    assert!(findings(&repo, "").contains(&"A event-from-the-future".to_owned()));
    done(&repo, &format!("printf new | mvx rotate {FILE} A"));
    let found = findings(&repo, "");
    assert!(
        !found.contains(&"A event-from-the-future".to_owned()),
        "{found:?}"
    );
}

#[test]
fn more_heads_than_one_event_can_name_lock_nobody_out() {
    let repo = repo();
    let first = entries(&repo).remove(0);
    for number in 0..66u8 {
        forge(&repo, Action::Rotate, "A", &[&first], |event| {
            let print = mvx::ledger::fingerprint::Fingerprint::of(&[number]);
            event.values[0].fingerprint = Some(print);
        });
    }
    done(&repo, &format!("printf new | mvx rotate {FILE} A"));
    done(&repo, &format!("printf newer | mvx rotate {FILE} A"));
    assert_eq!(findings(&repo, ""), [""; 0]);
}

#[test]
fn the_secrets_of_a_submodule_are_its_own() {
    let repo = repo();
    done(
        &repo,
        "mkdir sub && cp -r .sops-rules.toml secrets sub/ && git -C sub init -q && cp -r .mvx sub/",
    );
    assert_eq!(findings(&repo, ""), [""; 0]);
    assert_eq!(history(&repo, "A"), ["1 create"]);
}

#[test]
fn a_name_at_the_top_can_be_said() {
    let repo = repo();
    done(&repo, &format!("printf x | mvx set {FILE} db.A"));
    done(&repo, "mvx rotate A --environment staging --generate uuid");
    let unknown = repo.shell("mvx rotate A --environment nope --generate uuid");
    assert_eq!(unknown.code(), Some(2), "{unknown}");
    assert!(unknown.to_string().contains("staging"), "{unknown}");
}

#[test]
fn whatever_was_deleted_can_be_restored() {
    let repo = repo();
    done(
        &repo,
        &format!("printf x | mvx set {FILE} db.user; printf y | mvx set {FILE} db.name"),
    );
    // An item of a list: the others have moved.
    done(&repo, &format!("mvx delete {FILE} 'l[1]'"));
    let taken = repo.shell(&format!("mvx restore {FILE} 'l[1]'"));
    assert_eq!(taken.code(), Some(1), "{taken}");
    assert!(taken.to_string().contains("--to"), "{taken}");
    done(&repo, &format!("mvx restore {FILE} 'l[1]' --to 'l[2]'"));
    assert!(done(&repo, &format!("mvx get {FILE} 'l[2]'")).contains('y'));
    // A key in whose place another one came.
    done(&repo, &format!("mvx delete {FILE} A && mvx mv {FILE} B A"));
    assert_eq!(repo.shell(&format!("mvx restore {FILE} A")).code(), Some(1));
    done(&repo, &format!("mvx restore {FILE} A --to OLD"));
    assert!(done(&repo, &format!("mvx get {FILE} OLD")).contains("one"));
    // A whole map.
    done(&repo, &format!("mvx delete {FILE} db"));
    done(&repo, &format!("mvx restore {FILE} db"));
    assert!(done(&repo, &format!("mvx get {FILE} db.user")).contains('x'));
    assert!(done(&repo, &format!("mvx get {FILE} db.name")).contains('y'));
    let twice = repo.shell(&format!("mvx restore {FILE} db"));
    assert_eq!(twice.code(), Some(200), "{twice}");
    assert_eq!(findings(&repo, ""), [""; 0]);
}

#[test]
fn a_log_takes_the_place_of_nothing_else() {
    let repo = repo();
    let before = repo.read(FILE);
    repo.write("notes.md", "mine\n");
    done(&repo, "ln -s notes.md link.md");
    for path in [
        FILE,
        ".sops-rules.toml",
        ".git/config",
        ".mvx/log.md",
        "notes.md",
        "link.md",
    ] {
        let refused = repo.shell(&format!("mvx rotation log -o {path}"));
        assert!(matches!(refused.code(), Some(2 | 4)), "{path}: {refused}");
    }
    assert_eq!(repo.read(FILE), before);
    for (path, first) in [
        ("log.md", "| Date"),
        ("log.csv", "Date,"),
        ("log.json", "{\"log\""),
    ] {
        for _ in 0..2 {
            done(
                &repo,
                &format!("mvx set {FILE} A --from-file notes.md -q; mvx rotation log -o {path}"),
            );
            done(&repo, &format!("printf $RANDOM$$ | mvx set {FILE} A"));
        }
        assert!(repo.read(path).starts_with(first), "{path}");
    }
}
