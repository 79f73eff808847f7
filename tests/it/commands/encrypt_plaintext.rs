//! `mvx encrypt`: what becomes of the plaintext.

use std::fs;

use crate::repo::Repo;
use crate::support::Step::{Await, Type};

use super::encrypt::APP;

#[test]
fn at_a_terminal_it_offers_to_remove_the_plaintext() {
    let repo = Repo::new();
    for name in ["a", "b", "c"] {
        repo.write(&format!("secrets/dev/{name}.yaml"), APP);
    }
    let session = repo.mvx(["encrypt", "secrets/dev/a.yaml"]).on_terminal(&[
        Await("Remove the plaintext secrets/dev/a.yaml?"),
        Type("y\r"),
        Await("a.yaml: removed"),
    ]);
    assert_eq!(session.status, 0, "{session:?}");
    assert!(!repo.has("secrets/dev/a.yaml"));
    let session = repo.mvx(["encrypt", "secrets/dev/b.yaml"]).on_terminal(&[
        Await("Remove the plaintext"),
        Type("\r"),
        Await("the plaintext is still there"),
    ]);
    assert_eq!(session.status, 0, "{session:?}");
    let session = repo
        .mvx(["encrypt", "secrets/dev/c.yaml"])
        .on_terminal(&[Await("Remove the plaintext"), Type("\u{3}")]);
    assert_eq!(session.status, -2, "{session:?}");
    assert!(repo.has("secrets/dev/c.yaml") && repo.has("secrets/dev/c.enc.yaml"));
    let session = repo
        .mvx(["encrypt", "--keep", "--overwrite", "secrets/dev/c.yaml"])
        .on_terminal(&[Await("the plaintext is still there")]);
    assert_eq!(session.status, 0, "{session:?}");
}

#[test]
fn only_an_unchanged_plaintext_is_removed() {
    let repo = Repo::new();
    repo.write("secrets/dev/a.yaml", APP);
    let changed = repo.sandbox.path("secrets/dev/a.yaml");
    // While the question stands, somebody changes the file.
    let session = std::thread::scope(|scope| {
        scope.spawn(|| {
            let sealed = repo.sandbox.path("secrets/dev/a.enc.yaml");
            while !sealed.exists() {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            fs::write(&changed, "db: {password: newer}\n").unwrap();
        });
        repo.mvx(["encrypt", "secrets/dev/a.yaml"]).on_terminal(&[
            Await("Remove the plaintext"),
            Type("y\r"),
            Await("changed since it was sealed; it was not removed"),
        ])
    });
    assert_eq!(session.status, 4, "{session:?}");
    assert!(repo.read("secrets/dev/a.yaml").contains("newer"));
}

/// `--rm` removes what it names, and that need not be the plaintext.
#[test]
fn a_plaintext_that_has_another_name_is_not_gone() {
    let repo = Repo::new();
    repo.write("real/a.yaml", "a: 1\n");
    repo.write("secrets/dev/b.yaml", "b: 1\n");
    repo.write("secrets/dev/c.yaml", "c: 1\n");
    let outcome = repo.shell(
        "ln -s ../../real/a.yaml secrets/dev/a.yaml && ln secrets/dev/b.yaml real/b && git add -f secrets/dev/c.yaml",
    );
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let shown = repo.session(
        "
        mvx encrypt --rm secrets/dev/a.yaml
        mvx encrypt --rm secrets/dev/b.yaml
        mvx encrypt --rm secrets/dev/c.yaml
        ls real
    ",
    );
    let inode = regex::Regex::new(r"-inum \d+").unwrap();
    insta::assert_snapshot!(inode.replace_all(&shown, "-inum [INODE]"), @r###"
    $ mvx encrypt --rm secrets/dev/a.yaml
    mvx: secrets/dev/a.enc.yaml: 1 value encrypted, for ana, bob
    mvx: secrets/dev/a.yaml: removed
    mvx: warning: secrets/dev/a.yaml: was a link, and only the link is gone; the plaintext is still in secrets/dev/../../real/a.yaml
    mvx: hint: `rm secrets/dev/../../real/a.yaml` removes it
    $ mvx encrypt --rm secrets/dev/b.yaml
    mvx: secrets/dev/b.enc.yaml: 1 value encrypted, for ana, bob
    mvx: secrets/dev/b.yaml: removed
    mvx: warning: secrets/dev/b.yaml: had another name (a hard link), which still holds the plaintext
    mvx: hint: `find . -inum [INODE]` finds it
    $ mvx encrypt --rm secrets/dev/c.yaml
    mvx: secrets/dev/c.enc.yaml: 1 value encrypted, for ana, bob
    mvx: secrets/dev/c.yaml: removed
    mvx: warning: secrets/dev/c.yaml: git has the plaintext; whoever has the repository can read the values in its history, so change them
    mvx: hint: `git rm --cached secrets/dev/c.yaml` takes it out of the next commit, not out of history
    $ ls real
    a.yaml
    b
    "###);
}
