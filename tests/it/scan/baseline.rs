//! The file of known findings.

use super::{clean, found, repo, run, scan, token};

#[test]
fn known_findings_pass_wherever_they_move_and_new_ones_do_not() {
    let repo = repo();
    let line = |number| format!("token = \"{}\"\n", token(number));
    repo.write("a.py", line(1));
    run(&repo, "mvx -q scan baseline create");
    let baseline = repo.read(".mvx-baseline");
    assert!(
        !baseline.contains("ghp_") && !baseline.contains("a.py"),
        "{baseline}"
    );
    assert_eq!(
        baseline
            .lines()
            .filter(|line| line.ends_with(" github-token"))
            .count(),
        1
    );
    let outcome = scan(&repo, "");
    clean(&outcome);
    assert!(
        outcome.stderr.contains("1 finding known from the baseline"),
        "{outcome}"
    );
    repo.write("a.py", format!("\n\n\n{}", line(1)));
    clean(&scan(&repo, ""));
    // another secret on the same line
    repo.write("a.py", format!("\n\n\n{}", line(2)));
    let outcome = scan(&repo, "");
    found(&outcome, "a.py:4:10: ");
    assert!(
        outcome.stderr.contains("1 entry finds nothing any more"),
        "{outcome}"
    );
    run(
        &repo,
        "mvx -q scan baseline update && mvx -q scan baseline prune",
    );
    let pruned = repo.read(".mvx-baseline");
    assert_eq!(
        pruned
            .lines()
            .filter(|line| line.ends_with(" github-token"))
            .count(),
        1
    );
    assert_ne!(pruned, baseline);
    let outcome = scan(&repo, "");
    clean(&outcome);
    assert!(!outcome.stderr.contains("any more"), "{outcome}");
    let outcome = repo.shell("mvx scan baseline explain");
    assert!(outcome.stdout().contains("\n    a.py:4:10\n"), "{outcome}");
    assert_eq!(repo.shell("mvx scan baseline create").code(), Some(4));
    // the second run looks fingerprints up, and what it keeps for that is the owner's alone
    let mode = repo.shell("stat -c %a ~/.local/state/mvx/scan/*");
    assert!(mode.stdout().lines().all(|mode| mode == "600"), "{mode}");
}

#[test]
fn two_branches_add_findings_and_git_merges_them() {
    let repo = repo();
    repo.write("a.py", format!("token = \"{}\"\n", token(1)));
    run(&repo, "mvx -q scan baseline create");
    repo.commit();
    for (branch, number) in [("one", 11), ("two", 12)] {
        run(&repo, &format!("git checkout -qb {branch} HEAD"));
        if branch == "two" {
            run(&repo, "git reset -q --hard one~1");
        }
        repo.write(
            &format!("{branch}.py"),
            format!("token = \"{}\"\n", token(number)),
        );
        run(&repo, "mvx -q scan baseline update");
        repo.commit();
    }
    run(&repo, "git merge -q one -m merged");
    clean(&scan(&repo, ""));
    let text = repo.read(".mvx-baseline");
    assert_eq!(text.matches(" github-token").count(), 3, "{text}");
}

#[test]
fn history_has_entries_of_its_own() {
    let repo = repo();
    repo.write("a.py", format!("token = \"{}\"\n", token(1)));
    repo.commit();
    repo.write("a.py", "");
    repo.commit();
    run(&repo, "mvx -q scan baseline create --history");
    assert!(
        repo.read(".mvx-baseline")
            .contains(" github-token history\n")
    );
    clean(&scan(&repo, "--history"));
    let outcome = scan(&repo, "");
    clean(&outcome);
    assert!(!outcome.stderr.contains("any more"), "{outcome}");
}

#[test]
fn a_baseline_that_is_broken_lets_nothing_pass() {
    let repo = repo();
    for text in ["", "{}", "<<<<<<< HEAD\n"] {
        repo.write(".mvx-baseline", text);
        let outcome = scan(&repo, "");
        assert_eq!(outcome.code(), Some(3), "{outcome}");
    }
    assert_eq!(scan(&repo, "--baseline none").code(), Some(4));
}

#[test]
fn a_directory_below_is_not_all_there_is() {
    let repo = crate::repo::Repo::new();
    repo.write(".gitignore", "");
    repo.write("a.py", format!("token = \"{}\"\n", token(1)));
    repo.write("secrets/dev/a.yaml", "a: 1\n");
    run(&repo, "cd secrets && mvx -q scan baseline create");
    let entries = |repo: &crate::repo::Repo| {
        let text = repo.read(".mvx-baseline");
        text.lines().filter(|line| !line.starts_with('#')).count()
    };
    assert_eq!(entries(&repo), 2);
    clean(&scan(&repo, ""));
    let outcome = repo.shell("cd secrets && mvx scan");
    clean(&outcome);
    assert!(!outcome.stderr.contains("any more"), "{outcome}");
    run(&repo, "cd secrets/dev && mvx -q scan baseline prune");
    assert_eq!(entries(&repo), 2);
}
