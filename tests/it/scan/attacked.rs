//! What once slipped through: files, names and hooks.

use super::{clean, found, repo, run, scan, token};
use crate::repo::rules;

#[test]
fn a_tracked_file_that_git_ignores_is_scanned() {
    let repo = repo();
    repo.write("a.py", format!("key = \"{}\"\n", token(1)));
    repo.write("sub/deep/b.txt", "nothing\n");
    repo.write(".gitignore", "a.py\nsub/\n");
    run(&repo, "git add -f . && git commit -qm x");
    found(&scan(&repo, ""), "a.py:1:8: ");
    found(&scan(&repo, "."), "a.py:1:8: ");
    found(&scan(&repo, "\"$PWD\""), "");
    found(&repo.shell("cd sub && mvx scan .."), "../a.py:1:8: ");
    // only what is below, each once
    let outcome = scan(&repo, "sub");
    clean(&outcome);
    assert!(outcome.stderr.contains("1 piece scanned"), "{outcome}");
    let outcome = scan(&repo, "");
    assert!(outcome.stderr.contains("4 pieces scanned"), "{outcome}");
    // what is not tracked stays ignored
    repo.write("a.py", "nothing\n");
    repo.write("sub/new.txt", format!("key = \"{}\"\n", token(1)));
    clean(&scan(&repo, ""));
    found(&scan(&repo, "--no-ignore"), "sub/new.txt:1:8: ");
}

#[test]
fn a_tracked_file_of_a_repository_inside_is_scanned() {
    let repo = repo();
    run(&repo, "git init -q inner && echo a.py >inner/.gitignore");
    repo.write("inner/a.py", format!("key = \"{}\"\n", token(1)));
    clean(&scan(&repo, ""));
    run(&repo, "git -C inner add -f a.py");
    found(&scan(&repo, ""), "inner/a.py:1:8: ");
    found(&scan(&repo, "inner"), "inner/a.py:1:8: ");
}

#[test]
fn what_a_symbolic_link_says_is_scanned() {
    let repo = repo();
    run(&repo, &format!("ln -s /nowhere/{} link", token(1)));
    found(&scan(&repo, ""), "link:1:10: ");
    found(&scan(&repo, "link"), "link:1:10: ");
    repo.commit();
    found(&repo.shell("mvx git hook pre-commit link"), "link:1:10: ");
}

#[test]
fn a_pipe_or_a_device_is_refused_and_not_waited_for() {
    let repo = repo();
    run(&repo, "mkfifo pipe");
    for command in [
        "mvx scan pipe",
        "mvx scan /dev/zero",
        "mvx git hook pre-commit pipe",
    ] {
        let outcome = repo.shell(command);
        assert_eq!(outcome.code(), Some(4), "{command}: {outcome}");
        assert!(!outcome.stderr.contains("no secrets found"), "{outcome}");
    }
    // in a directory it is passed over
    clean(&scan(&repo, "."));
}

#[test]
fn a_file_that_a_hook_manager_names_and_that_is_gone_is_said() {
    let repo = repo();
    let outcome = repo.shell("mvx git hook pre-commit gone.txt");
    assert_eq!(outcome.code(), Some(4), "{outcome}");
    // a link is not followed, wherever it leads
    repo.write("a.py", format!("key = \"{}\"\n", token(1)));
    run(&repo, "ln -s . link");
    clean(&repo.shell("mvx git hook pre-commit link"));
    found(
        &repo.shell("mvx git hook pre-commit link a.py"),
        "a.py:1:8: ",
    );
}

#[test]
fn names_of_files_and_directories_are_scanned() {
    let repo = repo();
    let name = token(1);
    repo.write(&format!("dir/{name}/x.txt"), "nothing\n");
    let outcome = scan(&repo, "");
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(outcome.stdout().contains("[github-token, "), "{outcome}");
    run(&repo, "git add -A");
    assert_eq!(scan(&repo, "--staged").code(), Some(1));
    repo.commit();
    repo.write(&format!("dir/{name}/x.txt"), "changed\n");
    run(&repo, "git add -A");
    // the name is not new
    clean(&scan(&repo, "--staged"));
}

#[test]
fn what_a_tag_or_another_ref_leads_to_is_reached() {
    for command in [
        "git tag light $blob",
        "git tag -a -m x heavy $blob",
        "git tag -a -m x one $blob && git tag -a -m x two one",
        "git update-ref refs/foo/bar $blob",
        "git update-ref refs/foo/tree $(printf '100644 blob %s\\tx.py\\n' $blob | git mktree)",
        "git tag -a -m x tree $(printf '100644 blob %s\\tx.py\\n' $blob | git mktree)",
    ] {
        let repo = repo();
        repo.write("x", format!("key = \"{}\"\n", token(1)));
        run(
            &repo,
            &format!("blob=$(git hash-object -w x) && rm x && {command}"),
        );
        for pack in ["true", "git gc -q"] {
            run(&repo, pack);
            let outcome = scan(&repo, "--history --no-cache");
            assert_eq!(outcome.code(), Some(1), "{command}: {outcome}");
            assert!(outcome.stdout().contains("[github-token, "), "{outcome}");
        }
    }
}

#[test]
fn what_nothing_leads_to_is_counted_and_said() {
    let repo = repo();
    repo.write("x", format!("key = \"{}\"\n", token(1)));
    run(&repo, "git hash-object -w x && rm x");
    let outcome = scan(&repo, "--history");
    clean(&outcome);
    assert!(
        outcome
            .stderr
            .contains("1 finding in what no branch or tag leads to"),
        "{outcome}"
    );
    let outcome = scan(&repo, "--history --json");
    assert!(outcome.stdout().contains("\"unreachable\":1"), "{outcome}");
    assert_eq!(
        scan(&repo, "--history --include unreachable").code(),
        Some(1)
    );
}

/// A rule that wants a word elsewhere in the file.
const GATED: &str = "version = 1\n[[scan.rules]]\nid = \"pin\"\nregex = 'pin: [0-9]{12}'\nkeywords = [\"acmecorp\"]\nconfidence = \"high\"\n";

/// Rules that want these files encrypted.
fn covers(path: &str) -> String {
    rules().replace("secrets/dev/**", path)
}

fn lines(first: &str, last: &str) -> String {
    let middle = (0..400).fold(String::new(), |text, n| {
        text + &format!("line {n} {}\n", n * 7919)
    });
    format!("{first}\n{middle}{last}\n")
}

#[test]
fn a_word_that_a_rule_wants_may_stand_anywhere_in_what_is_stored_as_a_delta() {
    // git makes deltas of what is larger: what is found stands in one
    let more = "more ".repeat(200);
    for versions in [
        [
            ("of acmecorp", format!("pin: none, {more}")),
            ("of acmecorp", "pin: 123456789012".to_owned()),
        ],
        [
            (
                &*format!("of nobody {more}"),
                "pin: 123456789012".to_owned(),
            ),
            ("of acmecorp", "pin: 123456789012".to_owned()),
        ],
    ] {
        let repo = repo();
        repo.write(".sops-rules.toml", GATED);
        for (first, last) in versions {
            repo.write("a.txt", lines(first, &last));
            repo.commit();
        }
        run(
            &repo,
            "git gc -q --aggressive && git verify-pack -v .git/objects/pack/*.idx | \
             grep -q \"^$(git rev-parse HEAD:a.txt) blob *[0-9]* [0-9]* [0-9]* 1 \"",
        );
        // twice: what was not judged is not remembered as clean
        for _ in 0..2 {
            let outcome = scan(&repo, "--history");
            assert_eq!(outcome.code(), Some(1), "{outcome}");
            assert!(outcome.stdout().starts_with("a.txt:402:1: "), "{outcome}");
        }
    }
}

#[test]
fn a_file_that_was_never_encrypted_is_found_in_all_of_history() {
    let repo = repo();
    repo.write(".sops-rules.toml", "version = 1\n");
    repo.write("secrets/app.yaml", "password: hunter\n");
    repo.write("other/app.yaml", "password: hunter\n");
    repo.commit();
    clean(&scan(&repo, "--history"));
    // what was clean by other rules was not asked this
    repo.write(".sops-rules.toml", covers("secrets/**"));
    run(
        &repo,
        "rm -r secrets && git add -A && git commit -qm gone && git gc -q",
    );
    for _ in 0..2 {
        let outcome = scan(&repo, "--history");
        assert_eq!(outcome.code(), Some(1), "{outcome}");
        assert!(
            outcome
                .stdout()
                .starts_with("secrets/app.yaml: not encrypted"),
            "{outcome}"
        );
        assert!(!outcome.stdout().contains("other/app.yaml"), "{outcome}");
    }
    // the same blob at another path, and it was known
    repo.write(".sops-rules.toml", covers("late/**"));
    clean(&scan(&repo, "--history"));
    repo.write("late/x.yaml", "password: hunter\n");
    repo.commit();
    let outcome = scan(&repo, "--history");
    assert!(
        outcome.stdout().starts_with("late/x.yaml: not encrypted"),
        "{outcome}"
    );
}

#[test]
fn a_rule_of_a_path_alone_finds_in_all_of_history() {
    let repo = repo();
    repo.write(
        ".sops-rules.toml",
        "version = 1\n[[scan.rules]]\nid = \"keystore\"\npath = 'store/.*[.]jks$'\nconfidence = \"high\"\n",
    );
    repo.write("store/deep/a.jks", "x\n");
    repo.write("b.jks", "x\n");
    repo.commit();
    run(
        &repo,
        "git rm -rq store && git commit -qm gone && git gc -q",
    );
    for _ in 0..2 {
        let outcome = scan(&repo, "--history");
        assert_eq!(outcome.code(), Some(1), "{outcome}");
        assert!(
            outcome.stdout().starts_with("store/deep/a.jks: "),
            "{outcome}"
        );
        assert!(!outcome.stdout().contains("b.jks"), "{outcome}");
    }
}

#[test]
fn names_of_people_refs_tags_and_files_are_scanned() {
    let name = token(1);
    for (command, has_range) in [
        (
            "git commit -q --allow-empty -m x --author \"$T <a@b.c>\"",
            true,
        ),
        (
            "git commit -q --allow-empty -m x --author \"A <$T@b.c>\"",
            true,
        ),
        (
            "GIT_COMMITTER_NAME=$T git commit -q --allow-empty -m x",
            true,
        ),
        (
            "GIT_COMMITTER_NAME=$T git tag -a -m x one; git commit -q --allow-empty -m x",
            false,
        ),
        ("git tag $T; git commit -q --allow-empty -m x", false),
        ("git branch x/$T; git commit -q --allow-empty -m x", false),
        (
            "mkdir d && echo x >d/$T && git add d && git commit -qm x",
            true,
        ),
        (
            "mkdir -p $T/d && echo x >$T/d/x && git add . && git commit -qm x",
            true,
        ),
    ] {
        let repo = repo();
        run(&repo, &format!("T={name}; {command}"));
        for pack in ["true", "true", "git gc -q"] {
            run(&repo, pack);
            let outcome = scan(&repo, "--history");
            assert_eq!(outcome.code(), Some(1), "{command}: {outcome}");
            let found = outcome.stdout().matches("[github-token, ").count();
            assert_eq!(found, 1, "{command}: {outcome}");
        }
        if has_range {
            let outcome = scan(&repo, "--history HEAD~1..HEAD");
            assert_eq!(outcome.code(), Some(1), "{command}: {outcome}");
        }
    }
}

#[test]
fn the_tag_that_a_merge_took_over_is_scanned() {
    let repo = repo();
    // as git writes it for a signed tag
    run(
        &repo,
        &format!(
            "git commit -q --allow-empty -m x; id=$({{ git cat-file commit HEAD | sed '/^$/,$d'; \
             printf 'mergetag object %s\\n type commit\\n tag v1\\n tagger A <a@b.c> 1 +0000\\n \\n {}\\n\\nx\\n' \
             $(git rev-parse HEAD~1); }} | git hash-object -t commit -w --stdin) && git reset -q --hard $id",
            token(1)
        ),
    );
    for pack in ["true", "git gc -q"] {
        run(&repo, pack);
        for range in ["", "HEAD~1..HEAD"] {
            let outcome = scan(&repo, &format!("--history {range}"));
            assert_eq!(outcome.code(), Some(1), "{outcome}");
            assert!(outcome.stdout().starts_with("message of "), "{outcome}");
        }
    }
}

#[test]
fn the_history_of_a_shallow_clone_is_not_whole_and_a_range_in_it_is() {
    let repo = repo();
    for number in 0..3 {
        repo.write("a.txt", number.to_string());
        repo.commit();
    }
    run(&repo, "git clone -q --depth 2 \"file://$PWD\" shallow");
    let outcome = repo.shell("mvx -C shallow scan --history");
    assert_eq!(outcome.code(), Some(4), "{outcome}");
    assert!(
        outcome.stderr.contains("`git fetch --unshallow`"),
        "{outcome}"
    );
    let outcome = repo.shell("mvx -C shallow scan --history HEAD");
    assert_eq!(outcome.code(), Some(4), "{outcome}");
    let outcome = repo.shell("mvx -C shallow --json scan --history HEAD~1..HEAD");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(outcome.stdout().contains("\"shallow\":true"), "{outcome}");
    clean(&repo.shell("mvx -C shallow scan --history HEAD~1..HEAD"));
}

#[test]
fn a_loose_object_that_holds_another_one_is_not_taken_for_it() {
    let repo = repo();
    repo.write("a.py", format!("key = \"{}\"\n", token(1)));
    repo.write("b.py", "nothing\n");
    run(
        &repo,
        "git add -A; p() { id=$(git rev-parse :$1); echo .git/objects/$(echo $id | cut -c1-2)/$(echo $id | cut -c3-); }; \
         chmod u+w $(p a.py) && cp $(p b.py) $(p a.py)",
    );
    let outcome = scan(&repo, "--staged");
    assert_eq!(outcome.code(), Some(4), "{outcome}");
    assert_eq!(scan(&repo, "--history").code(), Some(4));
}
