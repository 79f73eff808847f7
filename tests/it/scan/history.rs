//! History as a whole, and what is remembered of it.

use super::{clean, found, repo, run, scan, token};

#[test]
fn the_first_commit_that_has_a_secret_is_named_and_each_file_once() {
    let repo = repo();
    for number in 0..5 {
        let text = (0..40).fold(String::new(), |text, line| {
            text + &format!(
                "line {line} {number}
"
            )
        });
        repo.write("a.py", format!("{text}token = \"{}\"\n", token(1)));
        run(
            &repo,
            &format!(
                "git add -A && GIT_COMMITTER_DATE='2026-01-0{0}T00:00:00Z' GIT_AUTHOR_DATE='2026-01-0{0}T00:00:00Z' git commit -qm x",
                number + 1
            ),
        );
    }
    for pack in ["true", "git gc -q"] {
        run(&repo, pack);
        let outcome = scan(&repo, "--history --no-cache");
        found(&outcome, "a.py:41:10: ");
        assert!(
            outcome.stdout().contains("of 2026-01-01 by Ana"),
            "{outcome}"
        );
    }
}

#[test]
fn what_was_clean_is_not_scanned_again_and_findings_stay() {
    let repo = repo();
    repo.write("b.py", format!("token = \"{}\"\n", token(1)));
    repo.commit();
    found(&scan(&repo, "--history"), "b.py:1:10: ");
    let outcome = scan(&repo, "--history");
    found(&outcome, "b.py:1:10: ");
    assert!(outcome.stderr.contains("known from before"), "{outcome}");
    // other rules, another answer
    repo.write(
        ".sops-rules.toml",
        "version = 1\n[[scan.rules]]\nid = \"word\"\nregex = 'nothing here'\nkeywords = [\"nothing\"]\nconfidence = \"high\"\n",
    );
    let outcome = scan(&repo, "--history");
    assert!(outcome.stdout().contains("README.md:1:1: "), "{outcome}");
}

#[test]
fn rules_and_allowances_that_ask_for_a_path_get_one() {
    let repo = repo();
    repo.write(
        ".sops-rules.toml",
        "version = 1\n[[scan.allow]]\npaths = [\"old/**\"]\nreason = \"examples\"\n[[scan.rules]]\nid = \"word\"\nregex = 'hunter[0-9]+'\npath = 'x\\.txt$'\nkeywords = [\"hunter\"]\n",
    );
    repo.write("old/a.py", format!("token = \"{}\"\n", token(1)));
    repo.write("y.txt", "hunter2\n");
    repo.commit();
    clean(&scan(&repo, "--history"));
    repo.write("x.txt", "hunter22\n");
    repo.commit();
    let outcome = scan(&repo, "--history");
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(outcome.stdout().starts_with("x.txt:1:1: "), "{outcome}");
}

#[test]
fn an_object_that_is_missing_or_broken_is_no_clean_answer() {
    let repo = repo();
    repo.write("b.txt", "x\n");
    repo.commit();
    run(
        &repo,
        "id=$(git rev-parse HEAD:b.txt); f=.git/objects/$(echo $id | cut -c1-2)/$(echo $id | cut -c3-); chmod u+w $f; printf broken >$f",
    );
    let outcome = scan(&repo, "--history");
    assert_eq!(outcome.code(), Some(4), "{outcome}");
    run(
        &repo,
        "id=$(git rev-parse HEAD:b.txt); rm -f .git/objects/$(echo $id | cut -c1-2)/$(echo $id | cut -c3-)",
    );
    let outcome = scan(&repo, "--history");
    assert_eq!(outcome.code(), Some(4), "{outcome}");
    let outcome = scan(&repo, "--history HEAD~1..HEAD");
    assert_eq!(outcome.code(), Some(4), "{outcome}");
    assert!(!outcome.stderr.contains("no secrets found"), "{outcome}");
}

#[test]
fn a_range_that_does_not_exist_is_an_error() {
    let repo = repo();
    let outcome = scan(&repo, "--history none..HEAD");
    assert_eq!(outcome.code(), Some(2), "{outcome}");
    let outcome = repo.shell("cd .. && mvx scan --staged");
    assert_eq!(outcome.code(), Some(4), "{outcome}");
}
