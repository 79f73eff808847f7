//! Hooks as git runs them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::{listing, repo, run, token};
use crate::repo::Repo;
use crate::support::{Outcome, program};

/// A shell in which git's hooks find mvx.
pub(super) fn shell(repo: &Repo, command: &str) -> Outcome {
    let bin = repo.home("bin");
    fs::create_dir_all(&bin).unwrap();
    let script = format!("#!/bin/sh\nexec '{}' \"$@\"\n", program().to_str().unwrap());
    fs::write(bin.join("mvx"), script).unwrap();
    fs::set_permissions(bin.join("mvx"), fs::Permissions::from_mode(0o755)).unwrap();
    repo.shell(&format!("PATH=\"$HOME/bin:$PATH\"; export PATH; {command}"))
}

fn leak(repo: &Repo) {
    repo.write("a.py", format!("token = \"{}\"\n", token(1)));
    run(repo, "git add -A");
}

#[test]
fn a_commit_with_a_secret_is_refused_and_one_without_is_not() {
    let repo = repo();
    run(&repo, "mvx git install");
    leak(&repo);
    let outcome = shell(&repo, "git commit -qm x");
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(
        outcome.stderr.contains("git commit --no-verify"),
        "{outcome}"
    );
    let said = format!("{outcome}");
    assert!(
        said.contains("a.py:1:10: ") && !said.contains(&token(1)),
        "{said}"
    );
    repo.write("a.py", "x = 1\n");
    let outcome = shell(&repo, "git add -A && git commit -qm x");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
}

#[test]
fn without_mvx_nothing_passes() {
    let repo = repo();
    run(&repo, "mvx git install");
    repo.write("b.txt", "harmless\n");
    let outcome = repo.shell("git add -A && git commit -qm x");
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(outcome.stderr.contains("mvx is not on PATH"), "{outcome}");
    // rules that are wrong stop it too
    repo.write(".sops-rules.toml", "version = 1\nnonsense = 1\n");
    let outcome = shell(&repo, "git commit -qm x");
    assert_ne!(outcome.code(), Some(0), "{outcome}");
}

#[test]
fn a_push_with_a_secret_is_refused() {
    let repo = repo();
    run(
        &repo,
        "git init -q --bare ../remote.git && git remote add origin ../remote.git && mvx git install",
    );
    let outcome = shell(&repo, "git push -q origin HEAD:main");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    leak(&repo);
    run(
        &repo,
        "git commit -qnm leak && git rm -q a.py && git commit -qnm gone",
    );
    for remote in ["origin", "../remote.git"] {
        let outcome = shell(&repo, &format!("git push -q {remote} HEAD:main"));
        assert_eq!(outcome.code(), Some(1), "{outcome}");
        assert!(format!("{outcome}").contains("a.py:1:10: "), "{outcome}");
    }
    // a branch that is deleted, a push of nothing
    run(
        &repo,
        "git reset -q --hard HEAD~2 && git branch side && git push -q --no-verify origin side",
    );
    for command in ["git push -q origin :side", "git push -q origin HEAD:main"] {
        let outcome = shell(&repo, command);
        assert_eq!(outcome.code(), Some(0), "{command}: {outcome}");
    }
}

#[test]
fn hooks_that_are_there_run_first_and_come_back_to_the_byte() {
    let repo = repo();
    let hook = "#!/bin/sh\n# no line break at the end, and quotes: '\"\ncat >>\"$HOME/seen\"; echo \"$@\" >>\"$HOME/seen\"";
    for name in ["pre-commit", "pre-push"] {
        let path = repo.write(&format!(".git/hooks/{name}"), hook);
        fs::set_permissions(path, fs::Permissions::from_mode(0o744)).unwrap();
    }
    let before = listing(&repo, ".git/hooks");
    run(&repo, "mvx git install");
    let installed = listing(&repo, ".git/hooks");
    run(&repo, "mvx git install");
    assert_eq!(listing(&repo, ".git/hooks"), installed);
    run(
        &repo,
        "git init -q --bare ../remote.git && git remote add origin ../remote.git",
    );
    let outcome = shell(&repo, "git push -q origin HEAD:main");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let seen = fs::read_to_string(repo.home("seen")).unwrap();
    assert!(
        seen.contains("refs/heads/main") && seen.ends_with("origin ../remote.git\n"),
        "{seen}"
    );
    // the old hook says no
    repo.write(".git/hooks/pre-commit.before-mvx", "#!/bin/sh\nexit 7\n");
    let outcome = shell(&repo, "git commit -q --allow-empty -m x");
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    repo.write(".git/hooks/pre-commit.before-mvx", hook);
    run(&repo, "mvx git uninstall");
    assert_eq!(listing(&repo, ".git/hooks"), before);
    assert_eq!(repo.read(".git/hooks/pre-push"), hook);
    let mode = fs::metadata(repo.sandbox.path(".git/hooks/pre-push"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o744);
    run(&repo, "mvx git uninstall");
}

#[test]
fn an_old_hook_that_stages_something_is_scanned_after() {
    let repo = repo();
    let path = repo.write(
        ".git/hooks/pre-commit",
        format!(
            "#!/bin/sh\necho 'token = \"{}\"' >late.py; git add late.py\n",
            token(1)
        ),
    );
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    run(&repo, "mvx git install");
    let outcome = shell(&repo, "git commit -q --allow-empty -m x");
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(format!("{outcome}").contains("late.py:1:10: "), "{outcome}");
}

#[test]
fn a_hook_that_was_edited_stays() {
    let repo = repo();
    run(
        &repo,
        "mvx git install --hooks pre-commit && echo echo more >>.git/hooks/pre-commit",
    );
    for command in ["mvx git install --hooks pre-commit", "mvx git uninstall"] {
        let outcome = repo.shell(command);
        assert_eq!(outcome.code(), Some(1), "{outcome}");
        assert!(outcome.stdout().contains("was left as it is"), "{outcome}");
    }
    assert!(repo.read(".git/hooks/pre-commit").ends_with("echo more\n"));
}

#[test]
fn hooks_path_is_the_users_and_elsewhere_only_on_demand() {
    let repo = repo();
    run(
        &repo,
        "git config core.hooksPath .githooks && mvx git install",
    );
    leak(&repo);
    assert!(repo.has(".githooks/pre-commit"));
    let outcome = shell(&repo, "git commit -qm x");
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    run(
        &repo,
        "git config core.hooksPath ../elsewhere && mkdir ../elsewhere",
    );
    let outcome = repo.shell("mvx git install");
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(outcome.stderr.contains("--everywhere"), "{outcome}");
    run(
        &repo,
        "mvx git install --everywhere && test -x ../elsewhere/pre-push",
    );
}

#[test]
fn linked_work_trees_and_bare_repositories_have_hooks() {
    let repo = repo();
    run(
        &repo,
        "git worktree add -q -b tree \"../a b'\\\"c\" && cd \"../a b'\\\"c\" && mvx git install",
    );
    assert!(repo.has(".git/hooks/pre-commit"));
    repo.write("../a b'\"c/a.py", format!("token = \"{}\"\n", token(1)));
    let outcome = shell(
        &repo,
        "cd \"../a b'\\\"c\" && git add -A && git commit -qm x",
    );
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(format!("{outcome}").contains("a.py:1:10: "), "{outcome}");
    run(
        &repo,
        "git clone -q --bare . ../bare.git && cd ../bare.git && mvx git install && test -x hooks/pre-push",
    );
    let outcome = repo.shell("cd .. && mvx git install");
    assert_eq!(outcome.code(), Some(4), "{outcome}");
}
