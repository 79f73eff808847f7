//! Beside husky, lefthook, pre-commit and prek.

use std::path::Path;

use super::hooks::shell;
use super::{peer, repo, run, token};
use crate::repo::Repo;
use crate::support::{Outcome, repository};

fn leak(repo: &Repo) {
    repo.write("a.py", format!("token = \"{}\"\n", token(1)));
    run(repo, "git add -A");
}

fn refused(outcome: &Outcome) {
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    let said = format!("{outcome}");
    assert!(
        said.contains("a.py:1:10: ") && !said.contains(&token(1)),
        "{said}"
    );
}

#[test]
fn husky_gets_lines_in_its_users_script() {
    let repo = repo();
    // what husky 9 makes
    run(
        &repo,
        "mkdir -p .husky/_ && git config core.hooksPath .husky/_",
    );
    for hook in ["pre-commit", "pre-push"] {
        repo.write(
            &format!(".husky/_/{hook}"),
            format!("#!/usr/bin/env sh\nsh -e .husky/{hook} \"$@\"\n"),
        );
    }
    run(&repo, "chmod +x .husky/_/*");
    let own = "echo own\nexit 0\n";
    repo.write(".husky/pre-commit", own);
    run(&repo, "mvx git install && mvx git install");
    let text = repo.read(".husky/pre-commit");
    assert_eq!(text.matches("mvx git hook pre-commit").count(), 1, "{text}");
    leak(&repo);
    let outcome = shell(&repo, "git commit -qm x");
    refused(&outcome);
    assert!(format!("{outcome}").contains("own"), "{outcome}");
    run(&repo, "mvx git uninstall");
    assert_eq!(repo.read(".husky/pre-commit"), own);
    assert!(!repo.has(".husky/pre-push"));
}

#[test]
fn lefthook_gets_an_entry_or_advice() {
    let repo = repo();
    let config = "pre-commit:\n  commands:\n    lint:\n      run: 'true'\n";
    repo.write("lefthook.yml", config);
    run(&repo, "mvx git install && mvx git install");
    let text = repo.read("lefthook.yml");
    assert_eq!(text.matches("mvx git hook pre-").count(), 2, "{text}");
    run(&repo, "mvx git uninstall");
    assert_eq!(repo.read("lefthook.yml"), config);
    repo.write(
        "lefthook.yml",
        "pre-commit: {commands: {lint: {run: 'true'}}}\n",
    );
    let outcome = repo.shell("mvx git install --hooks pre-commit");
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(
        outcome.stdout().contains("run: mvx git hook pre-commit"),
        "{outcome}"
    );
}

/// The real ones, without a network: entries of the repository itself, in the language of the system.
#[test]
fn pre_commit_and_prek_run_it() {
    for name in ["pre-commit", "prek"] {
        let Some(program) = peer(name, &["--version"]) else {
            continue;
        };
        let manager = program.display().to_string();
        let repo = repo();
        let config = "repos:\n  - repo: local\n    hooks:\n      - id: own\n        name: own\n        entry: 'true'\n        language: system\n";
        repo.write(".pre-commit-config.yaml", config);
        run(
            &repo,
            &format!(
                "git add -A && git commit -qm config && {manager} install -t pre-commit -t pre-push"
            ),
        );
        run(&repo, "mvx git install && mvx git install");
        assert_eq!(
            repo.read(".pre-commit-config.yaml")
                .matches("id: mvx-scan")
                .count(),
            2
        );
        run(&repo, "git commit -qnam entry");
        leak(&repo);
        refused(&shell(&repo, "git commit -qm x"));
        push(&repo);
        run(&repo, "mvx git uninstall");
        assert_eq!(repo.read(".pre-commit-config.yaml"), config);
        legacy(&manager);
    }
}

fn push(repo: &Repo) {
    run(
        repo,
        "git init -q --bare ../remote.git && git remote add origin ../remote.git && git push -q --no-verify origin HEAD~1:refs/heads/main && git fetch -q origin && git commit -qnm leak",
    );
    refused(&shell(repo, "git push -q origin HEAD:main"));
    refused(&shell(repo, "git push -q origin HEAD:refs/heads/other"));
    run(
        repo,
        "git remote add empty ../empty.git && git init -q --bare ../empty.git",
    );
    refused(&shell(repo, "git push -q empty HEAD:refs/heads/main"));
}

/// A hook of mvx's that stands there first is run by the manager that comes later.
fn legacy(manager: &str) {
    let repo = repo();
    repo.write(
        ".pre-commit-config.yaml",
        "repos:\n  - repo: local\n    hooks:\n      - id: own\n        name: own\n        entry: 'true'\n        language: system\n",
    );
    run(
        &repo,
        &format!("git add -A && git commit -qm config && mvx git install && {manager} install"),
    );
    leak(&repo);
    refused(&shell(&repo, "git commit -qm x"));
    run(&repo, "mvx git install && mvx git uninstall");
    let outcome = shell(&repo, "git commit -qm x");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
}

/// What others put into their configuration: `.pre-commit-hooks.yaml`, as it is.
#[test]
fn the_hooks_that_are_offered_work() {
    let hooks = std::fs::read_to_string(repository().join(".pre-commit-hooks.yaml")).unwrap();
    for name in ["pre-commit", "prek"] {
        let Some(program) = peer(name, &["--version"]) else {
            continue;
        };
        let manager = program.display().to_string();
        let repo = repo();
        let lines = hooks.lines().filter(|line| !line.starts_with('#'));
        let entries = lines.fold(String::new(), |text, line| {
            text + "      "
                + line
                + "
"
        });
        repo.write(
            ".pre-commit-config.yaml",
            format!("repos:\n  - repo: local\n    hooks:\n{entries}"),
        );
        run(
            &repo,
            &format!(
                "git add -A && git commit -qm config && {manager} install -t pre-commit -t pre-push"
            ),
        );
        leak(&repo);
        refused(&shell(&repo, "git commit -qm x"));
        run(&repo, "git commit -qnm leak");
        // in CI nothing is staged: all files, named files, a range
        refused(&shell(
            &repo,
            &format!("{manager} run --all-files mvx-scan"),
        ));
        refused(&shell(
            &repo,
            &format!("{manager} run mvx-scan --files a.py"),
        ));
        refused(&shell(
            &repo,
            &format!("{manager} run mvx-scan --from-ref HEAD~1 --to-ref HEAD"),
        ));
        let outcome = shell(&repo, &format!("{manager} run mvx-scan --files README.md"));
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        assert!(Path::new(&manager).is_absolute());
    }
}
