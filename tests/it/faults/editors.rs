//! What editors do to a draft, beside what `commands/edit.rs` has: they crash there, change nothing,
//! or leave what cannot be read.

use std::fs;

use super::{APP, CANARY, left_over, plaintexts, refused, repo, text};
use crate::repo::Repo;
use crate::support::Outcome;

fn edit(repo: &Repo, file: &str, script: &str) -> Outcome {
    let editor = repo.editor(script);
    repo.mvx(["edit", file]).env("EDITOR", editor).outcome()
}

/// Nothing in clear is left, not even what the editor itself made beside the draft.
fn nothing_in_clear(repo: &Repo) {
    fs::remove_file(repo.home("editor.sh")).unwrap();
    let found = plaintexts(&repo.sandbox, &[]);
    assert!(found.is_empty(), "{found:?}");
    assert!(left_over(&repo.sandbox).is_empty());
}

#[test]
fn a_draft_that_is_replaced_counts() {
    for script in [
        // as most editors save
        "echo 'a: canary-3fd1-new' > \"$1.new\"; mv \"$1.new\" \"$1\"",
        "rm \"$1\"; echo 'a: canary-3fd1-new' > \"$1\"",
        "cp \"$1\" \"$1~\"; cp \"$1\" \"$(dirname \"$1\")/.swp\"; echo 'a: canary-3fd1-new' > \"$1\"",
        "mkdir \"$(dirname \"$1\")/backup\"; cp \"$1\" \"$(dirname \"$1\")/backup\"; echo 'a: canary-3fd1-new' > \"$1\"",
        "ln \"$1\" \"$1.link\"; echo 'a: canary-3fd1-new' > \"$1\"",
        "echo 'a: canary-3fd1-new' > \"$1\"; chmod 444 \"$1\"",
    ] {
        let repo = repo();
        for file in [APP, "secrets/dev/new.enc.yaml"] {
            let outcome = edit(&repo, file, script);
            assert_eq!(outcome.code(), Some(0), "{script}: {outcome}");
            assert_eq!(repo.plaintext(file), "a: canary-3fd1-new\n", "{script}");
        }
        nothing_in_clear(&repo);
    }
}

#[test]
fn a_draft_that_is_gone_or_empty_changes_nothing() {
    for script in [
        ": > \"$1\"",
        "printf '\\n\\n' > \"$1\"",
        "rm \"$1\"",
        "rm -r \"$(dirname \"$1\")\"",
        "rm \"$1\"; mkdir \"$1\"",
        "rm \"$1\"; ln -s \"$1\" \"$1\"",
        "rm \"$1\"; ln -s nowhere \"$1\"",
        "exit 3",
        "echo 'a: 1' > \"$1\"; exit 3",
        "kill -9 $$",
        "kill -SEGV $$",
    ] {
        let repo = repo();
        let before = fs::read(repo.sandbox.path(APP)).unwrap();
        let outcome = edit(&repo, APP, script);
        assert_eq!(outcome.code(), Some(4), "{script}: {outcome}");
        assert!(!outcome.to_string().contains(CANARY), "{outcome}");
        // There is nothing that could be kept, and nothing is said of it.
        assert!(!outcome.stderr.contains("kept"), "{script}: {outcome}");
        assert_eq!(fs::read(repo.sandbox.path(APP)).unwrap(), before);
        let outcome = edit(&repo, "secrets/dev/new.enc.yaml", script);
        assert_eq!(outcome.code(), Some(4), "{script}: {outcome}");
        assert!(!repo.has("secrets/dev/new.enc.yaml"), "{script}");
        nothing_in_clear(&repo);
    }
}

#[test]
fn what_was_typed_is_kept_wherever_it_cannot_be_sealed() {
    for (draft, crash) in [
        ("a: [ canary-3fd1-new", ""),
        ("a: \\377 canary-3fd1-new", ""),
        ("a: \\000 canary-3fd1-new", ""),
        ("a: canary-3fd1-new", "kill -9 $$"),
        ("a: canary-3fd1-new", "kill -SEGV $$"),
        ("a: canary-3fd1-new", "kill -INT $$"),
    ] {
        let repo = repo();
        let before = fs::read(repo.sandbox.path(APP)).unwrap();
        let script = format!("printf '{draft}\\n' > \"$1\"; {crash}");
        for (file, kept) in [
            (APP, "secrets/dev/app.edited.yaml.enc"),
            (
                "secrets/dev/new.enc.yaml",
                "secrets/dev/new.edited.yaml.enc",
            ),
        ] {
            let outcome = edit(&repo, file, &script);
            refused(&outcome, 4, kept);
            assert!(!outcome.stderr.contains("canary-3fd1-new"), "{outcome}");
            let opened = repo.mvx(["decrypt", kept]).outcome();
            let needle = b"canary-3fd1-new\n";
            assert!(opened.stdout.ends_with(needle), "{script}: {outcome}");
        }
        assert_eq!(fs::read(repo.sandbox.path(APP)).unwrap(), before);
        assert!(!repo.has("secrets/dev/new.enc.yaml"));
        nothing_in_clear(&repo);
    }
}

#[test]
fn a_file_that_goes_or_changes_under_the_editor_is_a_conflict() {
    for (meanwhile, there) in [
        ("rm secrets/dev/app.enc.yaml", None),
        (
            "\"$MVX\" rekey -q --yes secrets/dev/app.enc.yaml",
            Some(text()),
        ),
        (
            "rm secrets/dev/app.enc.yaml; mkdir secrets/dev/app.enc.yaml",
            None,
        ),
        (
            "rm secrets/dev/app.enc.yaml; ln -s nowhere secrets/dev/app.enc.yaml",
            None,
        ),
    ] {
        let repo = repo();
        let editor = repo.editor(&format!("sed -i s/5432/6543/ \"$1\"; {meanwhile}"));
        let run = repo.mvx(["edit", APP]).env("EDITOR", editor);
        let outcome = run.env("MVX", crate::support::program()).outcome();
        refused(&outcome, 4, "secrets/dev/app.edited.yaml.enc");
        let kept = repo.plaintext("secrets/dev/app.edited.yaml.enc");
        assert_eq!(kept, text().replace("5432", "6543"), "{meanwhile}");
        if let Some(there) = there {
            assert_eq!(repo.plaintext(APP), there, "{meanwhile}");
        }
        nothing_in_clear(&repo);
    }
}
