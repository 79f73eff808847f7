//! A line in `.gitignore` hides no secret file that git tracks.

use crate::repo::{ANA, BOB, Repo, rules};

/// A file that was sealed under its own name and committed, and that an ignore rule names.
fn tracked_and_ignored() -> Repo {
    let repo = Repo::new();
    let only_bob = "[[files]]\npath = \"secrets/bob/**\"\nrecipients = [\"bob\"]\n";
    repo.write(".sops-rules.toml", rules().replace(only_bob, ""));
    repo.write("secrets/dev/a.yaml", "a: 1\n");
    let outcome =
        repo.shell("mvx encrypt -q -i secrets/dev/a.yaml && git add --force secrets/dev/a.yaml");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    repo.commit();
    let outcome = repo.shell("git check-ignore --no-index secrets/dev/a.yaml");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    repo
}

#[test]
fn a_tracked_file_that_an_ignore_rule_names_is_taken_from_who_leaves() {
    let repo = tracked_and_ignored();
    insta::assert_snapshot!(repo.session("
        mvx ls secrets
        mvx recipients list
        mvx recipients remove bob --yes
        mvx recipients sync --check
    "), @r###"
    $ mvx ls secrets
    secrets/dev/a.yaml
      dev, for ana and bob, changed [TIME]
      a  int
    $ mvx recipients list
    NAME  KIND  KEY       GROUPS  FILES
    ana   age   age1r…jq  team    1
    bob   age   age10…wl  team    1
    $ mvx recipients remove bob --yes
    secrets/dev/a.yaml
      a
    mvx: .sops-rules.toml: bob removed from the register, all groups and all rules
    mvx: secrets/dev/a.yaml: removed bob, new data key
    mvx: 1 file written
    mvx: commit the rules and the files together
    mvx: warning: bob could read 1 value, and git's history and every clone still hold it
    mvx: hint: change each where it is used, and then here with `mvx set`
    $ mvx recipients sync --check
    mvx: 1 file is as the rules say
    "###);
    assert!(!repo.read("secrets/dev/a.yaml").contains(BOB));
}

#[test]
fn a_tracked_file_that_an_ignore_rule_names_is_rekeyed() {
    let repo = tracked_and_ignored();
    let value = |text: &str| text.lines().next().unwrap().to_owned();
    let before = value(&repo.read("secrets/dev/a.yaml"));
    let outcome = repo.mvx(["rekey", "--yes"]).outcome();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert_ne!(value(&repo.read("secrets/dev/a.yaml")), before);
}

#[test]
fn a_tracked_file_that_an_ignore_rule_names_is_open_to_a_new_identity() {
    let repo = tracked_and_ignored();
    let outcome = repo
        .mvx(["keys", "rotate", "--yes", "--forget-old"])
        .outcome();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(!repo.read("secrets/dev/a.yaml").contains(ANA));
    assert_eq!(repo.plaintext("secrets/dev/a.yaml"), "a: 1\n");
}

/// Nobody else ever gets a file that git does not have: one that lies in a build directory, say.
#[test]
fn what_git_does_not_have_and_ignores_is_no_secret_file() {
    let repo = tracked_and_ignored();
    let outcome = repo.shell("git rm -q --cached secrets/dev/a.yaml && mvx ls");
    assert!(!outcome.stdout().contains("a.yaml"), "{outcome}");
}
