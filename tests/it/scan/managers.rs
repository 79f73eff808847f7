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

/// What husky 9 makes.
fn husky(repo: &Repo) {
    run(
        repo,
        "mkdir -p .husky/_ && git config core.hooksPath .husky/_",
    );
    for hook in ["pre-commit", "pre-push"] {
        repo.write(
            &format!(".husky/_/{hook}"),
            format!("#!/usr/bin/env sh\nsh -e .husky/{hook} \"$@\"\n"),
        );
    }
    run(repo, "chmod +x .husky/_/*");
}

#[test]
fn husky_gets_lines_before_what_leaves_early() {
    for own in [
        "echo own\nexit 0\n",
        "true; exit 0\n",
        "npx x || true; exit 0",
        "#!/bin/sh\n# ours\nexec true\n",
        "#!/usr/bin/env sh\n. \"$(dirname -- \"$0\")/_/husky.sh\"\n\nexit 0\n",
        // somebody's lines in the place of mvx's
        "# >>> mvx git install (pre-commit)\n# <<< mvx git install (pre-commit)\nexit 0\n",
        "exit 0\n# >>> mvx git install (pre-commit)\nmvx git hook pre-commit \"$@\"\n# <<< mvx git install (pre-commit)\n",
    ] {
        let repo = repo();
        husky(&repo);
        repo.write(".husky/_/husky.sh", "");
        repo.write(".husky/pre-commit", own);
        run(&repo, "mvx git install && mvx git install");
        let text = repo.read(".husky/pre-commit");
        assert_eq!(text.matches("mvx git hook pre-commit").count(), 1, "{text}");
        leak(&repo);
        refused(&shell(&repo, "git commit -qm x"));
        run(&repo, "mvx git uninstall");
        if !own.contains("mvx git install") {
            assert_eq!(repo.read(".husky/pre-commit"), own);
        }
        assert!(!repo.has(".husky/pre-push"));
    }
}

#[test]
fn what_is_pushed_reaches_husky_s_own_script_too() {
    let repo = repo();
    husky(&repo);
    repo.write(".husky/pre-push", "cat >\"$HOME/seen\"\n");
    run(&repo, "mvx git install --hooks pre-push");
    run(
        &repo,
        "git init -q --bare ../remote.git && git remote add origin ../remote.git",
    );
    let outcome = shell(&repo, "git push -q origin HEAD:main");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let seen = std::fs::read_to_string(repo.home("seen")).unwrap();
    assert!(seen.contains(" refs/heads/main "), "{seen}");
    leak(&repo);
    run(&repo, "git commit -qnm leak");
    refused(&shell(&repo, "git push -q origin HEAD:main"));
}

#[test]
fn husky_that_is_not_in_place_is_told() {
    let repo = repo();
    run(&repo, "git config core.hooksPath .husky/_");
    let outcome = repo.shell("mvx git install");
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(
        outcome.stdout().contains("husky's own hook is missing"),
        "{outcome}"
    );
}

/// A hook that lefthook has put in place.
fn lefthook(repo: &Repo, hook: &str) {
    repo.write(
        &format!(".git/hooks/{hook}"),
        format!("#!/bin/sh\n# Operation is aborted where it is missing\ncall_lefthook() {{ :; }}\ncall_lefthook run \"{hook}\" \"$@\"\n"),
    );
    run(repo, "chmod +x .git/hooks/*");
}

#[test]
fn lefthook_in_charge_gets_an_entry_or_advice() {
    let repo = repo();
    lefthook(&repo, "pre-commit");
    lefthook(&repo, "pre-push");
    let config = "pre-commit:\n  commands:\n    lint:\n      run: 'true'\n";
    repo.write("lefthook.yml", config);
    run(&repo, "mvx git install && mvx git install");
    let text = repo.read("lefthook.yml");
    assert_eq!(text.matches("mvx git hook pre-").count(), 2, "{text}");
    run(&repo, "mvx git uninstall");
    assert_eq!(repo.read("lefthook.yml"), config);
    for config in [
        "pre-commit: {commands: {lint: {run: 'true'}}}\n",
        // the section is never run
        "pre-commit:\n  skip: true\n  commands:\n    mvx-scan:\n      run: mvx git hook pre-commit\n",
        "pre-commit:\n  skip: true\n  commands:\n    lint:\n      run: 'true'\n",
    ] {
        repo.write("lefthook.yml", config);
        let outcome = repo.shell("mvx git install --hooks pre-commit");
        assert_eq!(outcome.code(), Some(1), "{outcome}");
        assert!(
            outcome.stdout().contains("run: mvx git hook pre-commit"),
            "{outcome}"
        );
    }
    // an entry that only looks like one
    repo.write(
        "lefthook.yml",
        "pre-commit:\n  commands:\n    mvx-scan:\n      run: mvx git hook pre-commit || true\n",
    );
    let outcome = repo.shell("mvx git install --hooks pre-commit");
    assert_ne!(
        (outcome.code(), outcome.stdout().contains("scans already")),
        (Some(0), true),
        "{outcome}"
    );
}

#[test]
fn a_lefthook_file_that_nobody_installed_disarms_nothing() {
    let repo = repo();
    repo.write("lefthook.yml", "pre-commit:\n  commands: {}\n");
    let outcome = repo.shell("mvx git install");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(
        outcome.stdout().contains("lefthook.yml is not in force"),
        "{outcome}"
    );
    leak(&repo);
    refused(&shell(&repo, "git commit -qm x"));
}

#[test]
fn an_entry_that_does_not_scan_is_none() {
    for entry in [
        "      - id: mvx-scan\n        name: x\n        entry: 'true'\n        language: system\n        stages: [manual]\n",
        "      - id: mvx-scan\n        name: x\n        entry: mvx git hook pre-commit\n        language: system\n        always_run: true\n        stages: [manual]\n",
        "      - id: mvx-scan\n        name: x\n        entry: mvx git hook pre-commit\n        language: system\n        files: nothing\n",
        "      - id: a\n        name: mvx git hook pre-commit\n        entry: 'true'\n        language: system\n",
    ] {
        let repo = repo();
        repo.write(
            ".git/hooks/pre-commit",
            "#!/bin/sh\n# File generated by pre-commit: https://pre-commit.com\n",
        );
        run(&repo, "chmod +x .git/hooks/pre-commit");
        let config = format!("repos:\n  - repo: local\n    hooks:\n{entry}");
        repo.write(".pre-commit-config.yaml", &config);
        let outcome = repo.shell("mvx git install --hooks pre-commit");
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        assert!(
            outcome.stdout().contains("has lines that scan now"),
            "{outcome}"
        );
        let text = repo.read(".pre-commit-config.yaml");
        assert!(text.contains("always_run: true") && text.contains("stages: [pre-commit]"));
        let outcome = repo.shell("mvx git install --hooks pre-commit");
        assert!(outcome.stdout().contains("scans already"), "{outcome}");
    }
}

#[test]
fn a_hook_that_git_passes_over_is_made_anew_and_the_doctor_tells() {
    let repo = repo();
    let said = |part: &str| {
        let outcome = repo.shell("mvx doctor");
        assert!(outcome.stdout().contains(part), "{part}: {outcome}");
    };
    said("no hook scans for secrets: pre-commit, pre-push");
    run(&repo, "mvx git install");
    said("pre-commit: .git/hooks/pre-commit scans for secrets");
    run(&repo, "chmod -x .git/hooks/pre-commit");
    said("nothing is scanned by .git/hooks/pre-commit: git passes it over");
    run(&repo, "mvx git install && test -x .git/hooks/pre-commit");
    said("pre-commit: .git/hooks/pre-commit scans for secrets");
    // the mark and the checksum of mvx, and another body
    repo.write(
        ".git/hooks/pre-commit",
        "#!/bin/sh\n# mvx git install e3b0c44298fc: scans for secrets",
    );
    said("nothing is scanned by .git/hooks/pre-commit");
    run(&repo, "mvx git install");
    leak(&repo);
    refused(&shell(&repo, "git commit -qm x"));
}

#[test]
fn lefthook_that_is_not_found_is_told() {
    let repo = repo();
    repo.write(
        ".git/hooks/pre-commit",
        "#!/bin/sh\ncall_lefthook() { \"$@\" || echo \"Can't find lefthook in PATH\"; }\ncall_lefthook run\n",
    );
    run(&repo, "chmod +x .git/hooks/*");
    repo.write("lefthook.yml", "");
    let outcome = repo.shell("mvx git install --hooks pre-commit");
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(
        outcome.stdout().contains("lefthook is not found"),
        "{outcome}"
    );
}

#[test]
fn the_real_lefthook_runs_it() {
    let Some(program) = peer("lefthook", &["version"]) else {
        return;
    };
    let lefthook = program.display().to_string();
    let repo = repo();
    let config = "pre-commit:\n  commands:\n    own:\n      run: 'true'\npre-push:\n  commands:\n    own:\n      run: 'true'\n";
    repo.write("lefthook.yml", config);
    run(
        &repo,
        "git add -A && git commit -qm config && mvx git install",
    );
    leak(&repo);
    refused(&shell(&repo, "git commit -qm x"));
    run(&repo, &format!("{lefthook} install -f"));
    let outcome = repo.shell("mvx doctor");
    assert!(
        outcome
            .stdout()
            .contains("no hook scans for secrets: pre-commit, pre-push"),
        "{outcome}"
    );
    run(
        &repo,
        "mvx git install && mvx git install && git add lefthook.yml",
    );
    let outcome = repo.shell("mvx doctor");
    assert!(
        outcome
            .stdout()
            .contains("pre-push: lefthook.yml scans for secrets"),
        "{outcome}"
    );
    refused(&shell(&repo, "git commit -qm x"));
    push(&repo);
    run(&repo, "mvx git uninstall");
    assert_eq!(repo.read("lefthook.yml"), config);
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
