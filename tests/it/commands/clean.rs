//! `mvx clean`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::repo::Repo;
use crate::support::Step::{Await, Type};

/// A sealed file and its plaintext beside it.
fn kept(repo: &Repo, name: &str, text: &str) {
    repo.seal(name, text);
    repo.write(name, text);
}

fn made_earlier(path: &Path) {
    let then = SystemTime::now() - Duration::from_mins(5);
    fs::File::open(path).unwrap().set_modified(then).unwrap();
}

#[test]
fn what_is_the_same_goes_and_what_differs_stays() {
    let repo = Repo::new();
    kept(&repo, "secrets/dev/a.yaml", "a: 1\n");
    kept(&repo, "secrets/dev/b.yaml", "b: 1\n");
    repo.write("secrets/dev/b.yaml", "b: 2 # typed since\n");
    repo.write("secrets/dev/a.dec.yaml", "a: 1\n");
    repo.write("secrets/dev/new.yaml", "n: 1\n");
    repo.write("secrets/dev/notes.md", "no secrets here\n");
    insta::assert_snapshot!(repo.session("
        mvx clean --check secrets
        mvx clean secrets < /dev/null
        ls secrets/dev
        mvx clean --yes secrets
        ls secrets/dev
        mvx clean --yes secrets/dev/b.yaml secrets/dev/new.yaml
        ls secrets/dev
        mvx clean secrets
        mvx clean secrets/dev/a.enc.yaml
        mvx clean secrets/dev/notes.md
        mvx clean secrets/dev/none.yaml
    "), @r###"
    $ mvx clean --check secrets
      remove   secrets/dev/a.dec.yaml: plaintext of secrets/dev/a.enc.yaml, the same as what is encrypted; git ignores it
      remove   secrets/dev/a.yaml: plaintext of secrets/dev/a.enc.yaml, the same as what is encrypted; git ignores it
      keep     secrets/dev/b.yaml: plaintext of secrets/dev/b.enc.yaml, and differs from what is encrypted; git ignores it
               hint: `mvx encrypt --overwrite --rm secrets/dev/b.yaml` takes what is in it for the encrypted file
               hint: `mvx clean secrets/dev/b.yaml` removes it all the same
      keep     secrets/dev/new.yaml: not encrypted, though a rule covers it; git ignores it
               hint: `mvx encrypt --rm secrets/dev/new.yaml` encrypts it
               hint: `mvx clean secrets/dev/new.yaml` removes it all the same
    [1]
    $ mvx clean secrets < /dev/null
      remove   secrets/dev/a.dec.yaml: plaintext of secrets/dev/a.enc.yaml, the same as what is encrypted; git ignores it
      remove   secrets/dev/a.yaml: plaintext of secrets/dev/a.enc.yaml, the same as what is encrypted; git ignores it
      keep     secrets/dev/b.yaml: plaintext of secrets/dev/b.enc.yaml, and differs from what is encrypted; git ignores it
               hint: `mvx encrypt --overwrite --rm secrets/dev/b.yaml` takes what is in it for the encrypted file
               hint: `mvx clean secrets/dev/b.yaml` removes it all the same
      keep     secrets/dev/new.yaml: not encrypted, though a rule covers it; git ignores it
               hint: `mvx encrypt --rm secrets/dev/new.yaml` encrypts it
               hint: `mvx clean secrets/dev/new.yaml` removes it all the same
    mvx: error: cannot ask for a yes or no: there is no terminal
    mvx: hint: `--yes` removes what is marked so, without asking
    mvx: hint: `--dry-run` only shows it
    [4]
    $ ls secrets/dev
    a.dec.yaml
    a.enc.yaml
    a.yaml
    b.enc.yaml
    b.yaml
    new.yaml
    notes.md
    $ mvx clean --yes secrets
      remove   secrets/dev/a.dec.yaml: plaintext of secrets/dev/a.enc.yaml, the same as what is encrypted; git ignores it
      remove   secrets/dev/a.yaml: plaintext of secrets/dev/a.enc.yaml, the same as what is encrypted; git ignores it
      keep     secrets/dev/b.yaml: plaintext of secrets/dev/b.enc.yaml, and differs from what is encrypted; git ignores it
               hint: `mvx encrypt --overwrite --rm secrets/dev/b.yaml` takes what is in it for the encrypted file
               hint: `mvx clean secrets/dev/b.yaml` removes it all the same
      keep     secrets/dev/new.yaml: not encrypted, though a rule covers it; git ignores it
               hint: `mvx encrypt --rm secrets/dev/new.yaml` encrypts it
               hint: `mvx clean secrets/dev/new.yaml` removes it all the same
    mvx: 2 removed
    mvx: removed is not erased: the bytes may stay on an SSD, in snapshots and in backups; change a value that somebody may have seen
    mvx: 2 left: see above
    [1]
    $ ls secrets/dev
    a.enc.yaml
    b.enc.yaml
    b.yaml
    new.yaml
    notes.md
    $ mvx clean --yes secrets/dev/b.yaml secrets/dev/new.yaml
      remove   secrets/dev/b.yaml: plaintext of secrets/dev/b.enc.yaml, and differs from what is encrypted; git ignores it
      remove   secrets/dev/new.yaml: not encrypted, though a rule covers it; git ignores it
    mvx: 2 removed
    mvx: removed is not erased: the bytes may stay on an SSD, in snapshots and in backups; change a value that somebody may have seen
    $ ls secrets/dev
    a.enc.yaml
    b.enc.yaml
    notes.md
    $ mvx clean secrets
    mvx: nothing was left behind
    $ mvx clean secrets/dev/a.enc.yaml
    mvx: error: secrets/dev/a.enc.yaml: mvx does not take it for something that was left behind; it was left alone
    mvx: hint: `rm secrets/dev/a.enc.yaml` removes it, whatever it is
    [1]
    $ mvx clean secrets/dev/notes.md
    mvx: error: secrets/dev/notes.md: mvx does not take it for something that was left behind; it was left alone
    mvx: hint: `rm secrets/dev/notes.md` removes it, whatever it is
    [1]
    $ mvx clean secrets/dev/none.yaml
    mvx: error: secrets/dev/none.yaml: there is no such file or directory
    [4]
    "###);
}

#[test]
fn a_plaintext_that_cannot_be_compared_stays() {
    let repo = Repo::new();
    kept(&repo, "secrets/bob/a.yaml", "a: 1\n");
    insta::assert_snapshot!(repo.session("
        mvx clean --yes secrets
        ls secrets/bob
    "), @r###"
    $ mvx clean --yes secrets
      keep     secrets/bob/a.yaml: plaintext of secrets/bob/a.enc.yaml, and not compared: secrets/bob/a.enc.yaml does not open here: your one identity does not open this file; git ignores it
               hint: `mvx clean secrets/bob/a.yaml` removes it all the same
    mvx: 1 left: see above
    [1]
    $ ls secrets/bob
    a.enc.yaml
    a.yaml
    "###);
}

#[test]
fn what_git_tracks_stays_even_when_it_is_named() {
    let repo = Repo::new();
    kept(&repo, "secrets/dev/a.yaml", "a: 1\n");
    insta::assert_snapshot!(repo.session("
        git add -f secrets/dev/a.yaml
        mvx clean --yes secrets/dev/a.yaml
        git rm -q --cached secrets/dev/a.yaml; mvx clean -q --yes secrets
        ls secrets/dev
    "), @r###"
    $ git add -f secrets/dev/a.yaml
    $ mvx clean --yes secrets/dev/a.yaml
      keep     secrets/dev/a.yaml: plaintext of secrets/dev/a.enc.yaml, the same as what is encrypted; git tracks it
               hint: `git rm --cached secrets/dev/a.yaml` takes it out of the next commit, and then `mvx clean` removes it
               hint: the history keeps it: whoever can read the repository has these values, so change them
    mvx: 1 left: see above
    [1]
    $ git rm -q --cached secrets/dev/a.yaml; mvx clean -q --yes secrets
      remove   secrets/dev/a.yaml: plaintext of secrets/dev/a.enc.yaml, the same as what is encrypted; git ignores it
    $ ls secrets/dev
    a.enc.yaml
    "###);
}

#[test]
fn what_editors_leave() {
    let repo = Repo::new();
    kept(&repo, "secrets/dev/a.yaml", "a: 1\n");
    let sealed = repo.read("secrets/dev/a.enc.yaml");
    for (name, text) in [
        (".a.yaml.swp", "b0VIM 8.2"),
        (".a.enc.yaml.swp", "b0VIM 8.2"),
        (".a.yaml.un~", "undo"),
        ("a.yaml~", "a: 1\n"),
        ("#a.yaml#", "a: 1\nb: typed\n"),
        ("a.enc.yaml.orig", sealed.as_str()),
        ("a.enc.yaml.bak", &sealed.replacen("a:", "z:", 1)),
        ("other.yaml.orig", "o: 1\n"),
    ] {
        repo.write(&format!("secrets/dev/{name}"), text);
    }
    let mark = repo.sandbox.path("secrets/dev/.#a.enc.yaml");
    symlink("ana@laptop.4711:1", mark).unwrap();
    insta::assert_snapshot!(repo.session("
        mvx clean --yes secrets
        ls -A secrets/dev
    "), @r###"
    $ mvx clean --yes secrets
      keep     secrets/dev/#a.yaml#: an editor's copy of secrets/dev/a.enc.yaml, and differs from what is encrypted; git does not ignore it
               hint: `mvx clean 'secrets/dev/#a.yaml#'` removes it all the same
      remove   secrets/dev/.#a.enc.yaml: an editor's mark of secrets/dev/a.enc.yaml; git does not ignore it
      keep     secrets/dev/.a.enc.yaml.swp: an editor's swap file of secrets/dev/a.enc.yaml, and not compared: only the editor can read it; git does not ignore it
               hint: `vim -r secrets/dev/.a.enc.yaml.swp` shows what was not saved
               hint: `mvx clean secrets/dev/.a.enc.yaml.swp` removes it all the same
      keep     secrets/dev/.a.yaml.swp: an editor's swap file of secrets/dev/a.enc.yaml, and not compared: only the editor can read it; git does not ignore it
               hint: `vim -r secrets/dev/.a.yaml.swp` shows what was not saved
               hint: `mvx clean secrets/dev/.a.yaml.swp` removes it all the same
      remove   secrets/dev/.a.yaml.un~: an editor's history of changes of secrets/dev/a.enc.yaml; git does not ignore it
      keep     secrets/dev/a.enc.yaml.bak: an editor's copy of secrets/dev/a.enc.yaml, and not compared: it is another version of the encrypted file; git does not ignore it
               hint: `mvx clean secrets/dev/a.enc.yaml.bak` removes it all the same
      remove   secrets/dev/a.enc.yaml.orig: what a merge left of secrets/dev/a.enc.yaml, the same as what is encrypted; git does not ignore it
      remove   secrets/dev/a.yaml: plaintext of secrets/dev/a.enc.yaml, the same as what is encrypted; git ignores it
      remove   secrets/dev/a.yaml~: an editor's copy of secrets/dev/a.enc.yaml, the same as what is encrypted; git does not ignore it
    mvx: 5 removed
    mvx: removed is not erased: the bytes may stay on an SSD, in snapshots and in backups; change a value that somebody may have seen
    mvx: 4 left: see above
    [1]
    $ ls -A secrets/dev
    #a.yaml#
    .a.enc.yaml.swp
    .a.yaml.swp
    a.enc.yaml
    a.enc.yaml.bak
    other.yaml.orig
    "###);
}

#[test]
fn what_a_killed_run_leaves() {
    let repo = Repo::new();
    repo.seal("secrets/dev/a.yaml", "a: 1\n");
    let temporary = repo.write("secrets/dev/.mvx-0123456789ab.tmp", "half");
    let fresh = repo.write("secrets/dev/.mvx-ba9876543210.tmp", "half");
    made_earlier(&temporary);
    let draft = |name: &str, text: &str| {
        let path = repo.sandbox.root().join("run").join(name);
        fs::create_dir(&path).unwrap();
        fs::write(path.join("a.enc.yaml"), text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        made_earlier(&path);
        path
    };
    let same = draft("mvx-Same00", "a: 1\n");
    let typed = draft("mvx-Typed0", "a: typed and not saved\n");
    let locks = repo.sandbox.root().join("run/mvx/locks");
    let lock = locks.join("00112233445566778899aabbccddeeff");
    fs::write(&lock, "4711").unwrap();
    made_earlier(&lock);
    // all of it is shown, with what other programs left in this machine's memory
    let outcome = repo.shell("mvx clean --dry-run --json");
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    for path in [&same, &typed, &lock] {
        assert!(
            outcome.stdout().contains(path.to_str().unwrap()),
            "{outcome}"
        );
    }
    assert!(
        outcome.stdout().contains(".mvx-0123456789ab.tmp"),
        "{outcome}"
    );
    assert!(!outcome.stdout().contains(".mvx-ba98"), "{outcome}");
    let remove = |path: &Path| {
        let outcome = repo.shell(&format!("mvx clean --yes {}", path.display()));
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        assert!(!path.exists(), "{outcome}");
    };
    let held = |path: &Path| {
        let line = format!("mvx clean --dry-run --json {}", path.display());
        let answer: serde_json::Value = serde_json::from_str(repo.shell(&line).stdout()).unwrap();
        answer["found"][0]["content"].as_str().unwrap().to_owned()
    };
    assert_eq!(held(&same), "same");
    assert_eq!(held(&typed), "unknown");
    for path in [&same, &typed, &lock, &temporary] {
        remove(path);
    }
    assert!(fresh.exists());
}

#[test]
fn a_yes_at_the_terminal() {
    let repo = Repo::new();
    kept(&repo, "secrets/dev/a.yaml", "a: 1\n");
    let clean = || repo.mvx(["clean", "secrets"]);
    let session = clean().on_terminal(&[Await("Remove it?"), Type("n\r")]);
    assert_eq!(session.status, 1, "{session:?}");
    assert!(repo.has("secrets/dev/a.yaml"));
    let session = clean().on_terminal(&[Await("Remove it?"), Type("\u{3}")]);
    assert_eq!(session.status, -2, "{session:?}");
    assert!(repo.has("secrets/dev/a.yaml"));
    let session = clean().on_terminal(&[
        Await("secrets/dev/a.yaml: plaintext of secrets/dev/a.enc.yaml, the same"),
        Await("Remove it?"),
        Type("y\r"),
        Await("1 removed"),
    ]);
    assert_eq!(session.status, 0, "{session:?}");
    assert!(!repo.has("secrets/dev/a.yaml"));
    assert!(repo.has("secrets/dev/a.enc.yaml"));
}

#[test]
fn a_clean_repository() {
    let repo = Repo::new();
    repo.seal("secrets/dev/a.yaml", "a: 1\n");
    repo.write("src/main.yaml", "no: secret\n");
    repo.write("src/main.yaml~", "no: secret\n");
    repo.write("secrets/dev/app.example.yaml", "no: secret\n");
    insta::assert_snapshot!(repo.session("
        mvx clean .
        mvx clean --json --dry-run secrets
    "), @r#"
    $ mvx clean .
    mvx: nothing was left behind
    $ mvx clean --json --dry-run secrets
    {"found":[]}
    "#);
}

/// A sealed file under its own name, as sops leaves it, is no plaintext.
#[test]
fn a_file_sealed_in_place_is_not_taken_for_plaintext() {
    let repo = Repo::new();
    repo.seal("secrets/dev/a.yaml", "a: 1\n");
    let sealed = repo.read("secrets/dev/a.enc.yaml");
    repo.write("secrets/dev/a.yaml", &sealed);
    repo.write("values.yaml", &sealed);
    let outcome = repo.shell("mvx clean --yes .");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(repo.has("secrets/dev/a.yaml") && repo.has("values.yaml"));
}
