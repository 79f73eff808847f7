//! What other scanners miss, one test a case, with real git. Each is tried where it applies: on what
//! is staged, on history.
//!
//! | behaviour | test |
//! |---|---|
//! | a secret in the index, the file cleaned since | `s01` |
//! | a secret in a file that is not staged | `s02` |
//! | `color.ui`, `color.diff` always on, staged; history | `s03_s04`; `s05_s06` |
//! | `-diff` in `.gitattributes`, staged; history | `s07`; `s08` |
//! | UTF-16LE, staged; history | `s09`; `s10` |
//! | a binary file with NUL, staged; history | `s11`; `s12` |
//! | `diff.orderFile` that leads nowhere, staged; history | `s13`; `s14` |
//! | a hook in a directory below | `s15` |
//! | the first commit of all | `s16` |
//! | a file that is only renamed | `s17` |
//! | the key on a line that stays, the value on one that changes, staged; history | `s18`; `s19` |
//! | what only a merge brings | `s20` |
//! | a commit's message; its author's name and address | `s21`; `s22` |
//! | a tag's message | `s23` |
//! | a commit that only a reflog knows, and one that nothing does | `s24` |
//! | a stash; a note | `s25`; `s26` |
//! | a partial clone | `s27` |
//! | base64 | `s28` |
//! | a zip in the index | `s29`, and all of `archives.rs` |
//! | nothing is written into the repository | `s30` |
//! | `GIT_INDEX_FILE`, linked work trees | `s31` |
//! | `git add -N`, submodules | `s32` |
//! | shallow, bare and SHA-256 repositories, alternates | `s33` |

use super::hooks::shell;
use super::{clean, found, listing, repo, run, scan, token};
use crate::repo::Repo;

fn leak() -> String {
    format!("x = 1\ntoken = \"{}\"\n", token(1))
}

fn staged(repo: &Repo) {
    repo.write("a.py", leak());
    run(repo, "git add a.py");
}

fn committed(repo: &Repo) {
    repo.write("a.py", leak());
    repo.commit();
}

#[test]
fn s01_a_secret_in_the_index_whose_file_was_cleaned() {
    let repo = repo();
    staged(&repo);
    repo.write("a.py", "x = 1\n");
    found(&scan(&repo, "--staged"), "a.py:2:10: ");
    clean(&scan(&repo, ""));
}

#[test]
fn s02_a_secret_that_is_not_staged_is_none_of_the_commits() {
    let repo = repo();
    repo.write("a.py", "x = 1\n");
    run(&repo, "git add a.py");
    repo.write("a.py", leak());
    clean(&scan(&repo, "--staged"));
    found(&scan(&repo, ""), "a.py:2:10: ");
}

#[test]
fn s03_s04_colour_that_is_always_on_staged() {
    for setting in ["color.ui", "color.diff"] {
        let repo = repo();
        run(&repo, &format!("git config {setting} always"));
        staged(&repo);
        found(&scan(&repo, "--staged"), "a.py:2:10: ");
    }
}

#[test]
fn s05_s06_colour_that_is_always_on_in_history() {
    for setting in ["color.ui", "color.diff"] {
        let repo = repo();
        run(&repo, &format!("git config {setting} always"));
        committed(&repo);
        found(&scan(&repo, "--history"), "a.py:2:10: ");
        found(&scan(&repo, "--history HEAD~1..HEAD"), "a.py:2:10: ");
    }
}

#[test]
fn s07_an_attribute_that_hides_the_diff_staged() {
    let repo = repo();
    repo.write(".gitattributes", "*.py -diff\n");
    staged(&repo);
    found(&scan(&repo, "--staged"), "a.py:2:10: ");
}

#[test]
fn s08_an_attribute_that_hides_the_diff_in_history() {
    let repo = repo();
    repo.write(".gitattributes", "*.py -diff\n");
    committed(&repo);
    found(&scan(&repo, "--history"), "a.py:2:10: ");
}

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

#[test]
fn s09_utf_16_staged() {
    let repo = repo();
    repo.write("a.ps1", utf16(&leak()));
    run(&repo, "git add -A");
    found(&scan(&repo, "--staged"), "a.ps1:");
}

#[test]
fn s10_utf_16_in_history() {
    let repo = repo();
    repo.write("a.ps1", utf16(&leak()));
    repo.commit();
    found(&scan(&repo, "--history"), "a.ps1:");
}

fn binary() -> Vec<u8> {
    [
        b"\x7fELF\0\0\0\x01".as_slice(),
        token(1).as_bytes(),
        b"\0\0\xff",
    ]
    .concat()
}

#[test]
fn s11_a_binary_file_staged() {
    let repo = repo();
    repo.write("a.bin", binary());
    run(&repo, "git add -A");
    found(&scan(&repo, "--staged"), "a.bin:");
}

#[test]
fn s12_a_binary_file_in_history() {
    let repo = repo();
    repo.write("a.bin", binary());
    repo.commit();
    found(&scan(&repo, "--history"), "a.bin:");
}

#[test]
fn s13_settings_with_which_git_diff_fails_staged() {
    let repo = repo();
    run(&repo, "git config diff.orderFile /nowhere/at/all");
    staged(&repo);
    found(&scan(&repo, "--staged"), "a.py:2:10: ");
}

#[test]
fn s14_settings_with_which_git_diff_fails_in_history() {
    let repo = repo();
    committed(&repo);
    run(
        &repo,
        "git config diff.orderFile /nowhere/at/all; git config diff.external /bin/true",
    );
    found(&scan(&repo, "--history"), "a.py:2:10: ");
}

#[test]
fn s15_a_hook_that_runs_in_a_directory_below() {
    let repo = repo();
    repo.write("sub/b.txt", "nothing\n");
    staged(&repo);
    found(&repo.shell("cd sub && mvx scan --staged"), "a.py:2:10: ");
    run(&repo, "mvx git install --hooks pre-commit");
    let outcome = shell(&repo, "cd sub && git commit -qm x");
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(format!("{outcome}").contains("a.py:2:10: "), "{outcome}");
}

#[test]
fn s16_the_first_commit_of_all() {
    let repo = Repo::bare();
    staged(&repo);
    found(&scan(&repo, "--staged"), "a.py:2:10: ");
    let repo = Repo::bare();
    clean(&scan(&repo, "--staged"));
}

#[test]
fn s17_a_renamed_file_brings_nothing_new() {
    let repo = repo();
    committed(&repo);
    run(&repo, "mkdir sub && git mv a.py sub/a.py");
    let outcome = scan(&repo, "--staged");
    clean(&outcome);
    assert!(outcome.stderr.contains("1 finding not new"), "{outcome}");
    // and a secret that comes with the new name does
    repo.write("sub/a.py", format!("{}other = \"{}\"\n", leak(), token(2)));
    run(&repo, "git add -A");
    found(&scan(&repo, "--staged"), "sub/a.py:3:10: ");
}

/// The text of a value is on one line, what makes it a secret on another.
#[test]
fn s18_a_key_line_that_stays_and_a_value_line_that_comes_staged() {
    let repo = repo();
    repo.write("k.pem", armour(""));
    repo.commit();
    repo.write("k.pem", armour(&"MIIEtest".repeat(12)));
    run(&repo, "git add -A");
    let outcome = scan(&repo, "--staged");
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(outcome.stdout().starts_with("k.pem:1:1: "), "{outcome}");
}

#[test]
fn s19_a_key_line_that_stays_and_a_value_line_that_comes_in_history() {
    let repo = repo();
    repo.write("k.pem", armour(""));
    repo.commit();
    repo.write("k.pem", armour(&"MIIEtest".repeat(12)));
    repo.commit();
    run(&repo, "git gc -q");
    for arguments in ["--history", "--history HEAD~1..HEAD"] {
        let outcome = scan(&repo, arguments);
        assert_eq!(outcome.code(), Some(1), "{outcome}");
        assert!(outcome.stdout().starts_with("k.pem:1:1: "), "{outcome}");
    }
}

/// The frame of a private key around this text.
fn armour(text: &str) -> String {
    let label = ["RSA PRIVATE", "KEY"].join(" ");
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

#[test]
fn s20_what_only_a_merge_brings() {
    let repo = repo();
    run(
        &repo,
        "git checkout -qb side && echo s >s && git add -A && git commit -qm s && \
         git checkout -q - && echo m >m && git add -A && git commit -qm m && \
         git merge -q --no-commit --no-ff side",
    );
    staged(&repo);
    found(&scan(&repo, "--staged"), "a.py:2:10: ");
    run(&repo, "git commit -qm merge");
    found(&scan(&repo, "--history"), "a.py:2:10: ");
    found(&scan(&repo, "--history HEAD~1..HEAD"), "a.py:2:10: ");
}

#[test]
fn s21_the_message_of_a_commit() {
    let repo = repo();
    run(
        &repo,
        &format!("git commit -q --allow-empty -m 'a\n\n{}'", token(1)),
    );
    found(&scan(&repo, "--history"), "message of ");
    found(&scan(&repo, "--history HEAD~1..HEAD"), "message of ");
    clean(&scan(&repo, "--history --exclude messages --no-cache"));
}

#[test]
fn s22_the_name_and_address_of_a_commits_author() {
    for who in ["user.name", "user.email"] {
        let repo = repo();
        let name = token(1);
        run(
            &repo,
            &format!("git -c {who}='{name}' commit -q --allow-empty -m x"),
        );
        for arguments in ["--history", "--history HEAD~1..HEAD", "--since 1d"] {
            let outcome = scan(&repo, arguments);
            assert_eq!(outcome.code(), Some(1), "{arguments}: {outcome}");
            assert!(outcome.stdout().contains("[github-token"), "{outcome}");
            assert!(!format!("{outcome}").contains(&name[4..]), "{outcome}");
        }
        clean(&scan(&repo, "--history --exclude names"));
    }
}

#[test]
fn the_name_of_a_commits_author_is_shown_without_escapes() {
    let repo = repo();
    repo.write("a.py", leak());
    run(
        &repo,
        "git add -A && git -c user.name=\"$(printf 'A\\033[31m')\" commit -qm x",
    );
    let outcome = scan(&repo, "--history");
    found(&outcome, "a.py:2:10: ");
    assert!(!outcome.stdout().contains('\u{1b}'), "{outcome}");
}

#[test]
fn s23_the_message_of_an_annotated_tag() {
    let repo = repo();
    run(&repo, &format!("git tag -a v1 -m 'one {}'", token(1)));
    found(&scan(&repo, "--history"), "tag ");
}

#[test]
fn s24_a_commit_that_only_a_reflog_knows_or_nothing_does() {
    let repo = repo();
    committed(&repo);
    run(&repo, "git reset -q --hard HEAD~1");
    clean(&scan(&repo, "--history"));
    found(
        &scan(&repo, "--history --include unreachable"),
        "a.py:2:10: ",
    );
    run(
        &repo,
        "git reflog expire --expire=now --all; rm -f .git/ORIG_HEAD",
    );
    clean(&scan(&repo, "--history"));
    let outcome = scan(&repo, "--history --include unreachable");
    assert_eq!(outcome.code(), Some(1), "{outcome}");
}

#[test]
fn s25_a_stash() {
    let repo = repo();
    staged(&repo);
    run(&repo, "git stash -q");
    found(&scan(&repo, "--history"), "a.py:2:10: ");
    clean(&scan(&repo, "--history --exclude stashes"));
}

#[test]
fn s26_a_note() {
    let repo = repo();
    run(&repo, &format!("git notes add -m 'see {}'", token(1)));
    let outcome = scan(&repo, "--history");
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    clean(&scan(&repo, "--history --exclude notes"));
}

#[test]
fn s27_a_partial_clone_is_incomplete_and_fetches_nothing() {
    let repo = repo();
    repo.write("b.txt", "gone from the work tree\n");
    repo.commit();
    run(
        &repo,
        "git rm -q b.txt && git commit -qm gone && git config uploadpack.allowFilter true",
    );
    run(
        &repo,
        "git clone -q --bare --filter=blob:none \"file://$PWD\" partial.git",
    );
    let before = listing(&repo, "partial.git");
    let outcome = repo.shell("mvx -C partial.git scan --history");
    assert_eq!(outcome.code(), Some(4), "{outcome}");
    assert!(outcome.stderr.contains("is not in this clone"), "{outcome}");
    assert!(!outcome.stderr.contains("no secrets found"), "{outcome}");
    assert_eq!(listing(&repo, "partial.git"), before);
}

#[test]
fn s28_base64() {
    let repo = repo();
    let text = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(token(1))
    };
    repo.write("a.yaml", format!("token: {text}\n"));
    run(&repo, "git add -A");
    let outcome = scan(&repo, "--staged");
    found(&outcome, "a.yaml:1:");
    assert!(outcome.stdout().contains("encoded as base64"), "{outcome}");
}

#[test]
fn s29_a_zip_in_the_index() {
    let repo = repo();
    repo.write("in/a.py", leak());
    run(
        &repo,
        "cd in && python3 -m zipfile -c ../a.zip a.py && rm a.py && git add -A",
    );
    let outcome = scan(&repo, "--staged");
    clean(&outcome);
    assert!(
        outcome.stderr.contains("1 archive not looked into"),
        "{outcome}"
    );
    found(&scan(&repo, "--staged --archives"), "a.zip!a.py:2:10: ");
}

#[test]
fn s30_nothing_is_written_into_the_repository() {
    let repo = repo();
    committed(&repo);
    repo.write("sub/a.py", leak());
    run(&repo, "git add -A");
    let before = listing(&repo, ".git");
    for arguments in [
        "--staged",
        "--history",
        "--history HEAD~1..HEAD",
        "",
        "--diff HEAD~1",
    ] {
        let outcome = scan(&repo, arguments);
        assert_eq!(outcome.code(), Some(1), "{arguments}: {outcome}");
    }
    assert_eq!(listing(&repo, ".git"), before);
}

#[test]
fn s31_another_index_and_a_linked_work_tree() {
    let repo = repo();
    repo.write("a.py", leak());
    run(
        &repo,
        "GIT_INDEX_FILE=.git/other git add a.py && git worktree add -q ../tree",
    );
    clean(&scan(&repo, "--staged"));
    let outcome = repo.shell("GIT_INDEX_FILE=.git/other mvx scan --staged");
    found(&outcome, "a.py:2:10: ");
    run(&repo, "cp a.py ../tree && cd ../tree && git add -A");
    found(
        &repo.shell("cd ../tree && mvx scan --staged"),
        "a.py:2:10: ",
    );
    clean(&scan(&repo, "--staged"));
}

#[test]
fn s32_what_is_only_meant_to_be_added_and_submodules() {
    let repo = repo();
    repo.write("a.py", leak());
    run(&repo, "git add -N a.py");
    clean(&scan(&repo, "--staged"));
    run(
        &repo,
        "git init -q sub && cd sub && git -c user.name=A -c user.email=a@b commit -q --allow-empty -m x \
         && cd .. && git add sub 2>/dev/null",
    );
    let outcome = repo.shell("mvx -v scan --staged");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(outcome.stderr.contains("sub: a submodule"), "{outcome}");
}

#[test]
fn s33_shallow_and_bare_clones_alternates_and_sha_256() {
    let repo = repo();
    committed(&repo);
    run(&repo, "git clone -q --depth 1 \"file://$PWD\" shallow");
    // what is there is found, and that there is more is said
    let outcome = repo.shell("mvx -C shallow scan --history");
    assert_eq!(outcome.code(), Some(4), "{outcome}");
    assert!(outcome.stdout().starts_with("a.py:2:10: "), "{outcome}");
    run(
        &repo,
        "git init -q --object-format=sha256 wide && cp a.py wide && cd wide && git add -A && \
         git -c user.name=A -c user.email=a@b commit -qm x",
    );
    found(&repo.shell("mvx -C wide scan --history"), "a.py:2:10: ");
    for how in ["--bare", "--shared", "--bare --shared"] {
        run(
            &repo,
            &format!("rm -rf other && git clone -q {how} . other"),
        );
        found(&repo.shell("mvx -C other scan --history"), "a.py:2:10: ");
        found(
            &repo.shell("mvx -C other scan --history HEAD~1..HEAD"),
            "a.py:2:10: ",
        );
    }
}

#[test]
fn a_merge_in_progress_shows_both_sides() {
    let repo = repo();
    repo.write("a.py", "one\n");
    repo.commit();
    run(&repo, "git checkout -qb side");
    repo.write("a.py", leak());
    repo.commit();
    run(
        &repo,
        "git checkout -q - && echo two >a.py && git commit -qam two; git merge -q side || true",
    );
    let outcome = scan(&repo, "--staged");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(
        outcome.stderr.contains("the merge is not decided"),
        "{outcome}"
    );
}
