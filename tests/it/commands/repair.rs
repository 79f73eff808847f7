//! `mvx repair`.

use crate::repo::Repo;
use crate::support::Step;

const FILE: &str = "secrets/dev/app.enc.yaml";

/// A repository with a committed sealed file.
fn repo() -> Repo {
    let repo = Repo::new();
    repo.seal(
        "secrets/dev/app.yaml",
        "a: hunter2\nb: swordfish\nc: third\nlist:\n  - x\n",
    );
    repo.commit();
    repo
}

fn line(repo: &Repo, start: &str) -> String {
    let text = repo.read(FILE);
    let line = text.lines().find(|line| line.starts_with(start)).unwrap();
    line.to_owned()
}

/// `a` and `b` change places, `c` is pasted in clear.
fn tamper(repo: &Repo) {
    let (a, b, c) = (line(repo, "a:"), line(repo, "b:"), line(repo, "c:"));
    let text = repo.read(FILE);
    let text = text.replacen(&a, &b.replacen("b:", "a:", 1), 1);
    let text = text.replacen(
        &format!("\n{b}"),
        &format!("\n{}", a.replacen("a:", "b:", 1)),
        1,
    );
    repo.write(FILE, text.replacen(&c, "c: pasted", 1));
}

#[test]
fn what_does_not_open_is_taken_from_the_last_good_version() {
    let repo = repo();
    tamper(&repo);
    insta::assert_snapshot!(repo.session("
        mvx decrypt secrets/dev/app.enc.yaml
        mvx repair secrets/dev/app.enc.yaml
        mvx repair --json secrets/dev/app.enc.yaml
        mvx repair --take --show-values secrets/dev/app.enc.yaml
        mvx decrypt secrets/dev/app.enc.yaml
        mvx repair secrets/dev/app.enc.yaml
        mvx repair --json secrets/dev/app.enc.yaml
    "), @r###"
    $ mvx decrypt secrets/dev/app.enc.yaml
    mvx: error: secrets/dev/app.enc.yaml: a: the value does not authenticate; it was changed, moved or sealed with another key
    mvx: hint: `mvx repair secrets/dev/app.enc.yaml` shows what differs from the last good version in git, and mends it
    mvx: hint: `git log -p -- secrets/dev/app.enc.yaml` shows who changed it
    [25]
    $ mvx repair secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: a: the value does not authenticate; it was changed, moved or sealed with another key
      the last good version is in commit [SHORT], by Ana
      `a` does not authenticate: it was changed, moved or sealed with another key
      `b` does not authenticate: it was changed, moved or sealed with another key
      `c` stands in clear and should be encrypted
    mvx: error: secrets/dev/app.enc.yaml: nothing was changed: it takes somebody who says what shall become of the file
    mvx: hint: `mvx repair --restore secrets/dev/app.enc.yaml` puts the last good version in its place
    mvx: hint: `mvx repair --take secrets/dev/app.enc.yaml` seals it as it stands, `--edit` opens it in your editor
    [25]
    $ mvx repair --json secrets/dev/app.enc.yaml
    {"file":"secrets/dev/app.enc.yaml","problem":"value-not-authentic","compared_with":"[COMMIT]","faults":[{"key":"a","fault":"does not authenticate: it was changed, moved or sealed with another key"},{"key":"b","fault":"does not authenticate: it was changed, moved or sealed with another key"},{"key":"c","fault":"stands in clear and should be encrypted"}],"differences":[],"done":"none","from_commit":null}
    {"code":"value-not-authentic","exit":25,"message":"nothing was changed: it takes somebody who says what shall become of the file","place":"secrets/dev/app.enc.yaml","causes":[],"hints":["`mvx repair --restore secrets/dev/app.enc.yaml` puts the last good version in its place","`mvx repair --take secrets/dev/app.enc.yaml` seals it as it stands, `--edit` opens it in your editor"]}
    [25]
    $ mvx repair --take --show-values secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: a: the value does not authenticate; it was changed, moved or sealed with another key
      the last good version is in commit [SHORT], by Ana
      `a` does not authenticate: it was changed, moved or sealed with another key
        was "hunter2"
      `b` does not authenticate: it was changed, moved or sealed with another key
        was "swordfish"
      `c` stands in clear and should be encrypted
        was "third"
    mvx: secrets/dev/app.enc.yaml: sealed; what was there is kept in [SANDBOX]/home/.local/state/mvx/kept/1-app.enc.yaml
    mvx: warning: secrets/dev/app.enc.yaml: `a` and `b` did not open, and have their values from commit [SHORT]
    mvx: hint: `mvx set secrets/dev/app.enc.yaml KEY` puts in another one, if they are out of date
    mvx: warning: secrets/dev/app.enc.yaml: `c` stood in clear
    mvx: hint: if that was committed it has leaked: set a new value
    $ mvx decrypt secrets/dev/app.enc.yaml
    a: hunter2
    b: swordfish
    c: pasted
    list:
      - x
    $ mvx repair secrets/dev/app.enc.yaml
    mvx: secrets/dev/app.enc.yaml: nothing is wrong with it
    $ mvx repair --json secrets/dev/app.enc.yaml
    {"file":"secrets/dev/app.enc.yaml","problem":null,"compared_with":null,"faults":[],"differences":[],"done":"sound","from_commit":null}
    "###);
}

#[test]
fn a_removed_value_comes_back() {
    let repo = repo();
    let b = line(&repo, "b:");
    let before = repo.read(FILE);
    repo.write(FILE, before.replacen(&format!("{b}\n"), "", 1));
    insta::assert_snapshot!(repo.session("
        mvx repair secrets/dev/app.enc.yaml
        mvx repair --restore secrets/dev/app.enc.yaml
        mvx decrypt secrets/dev/app.enc.yaml
    "), @r###"
    $ mvx repair secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: the MAC does not match: values were added, removed, swapped or changed after the file was sealed
      the last good version is in commit [SHORT], by Ana
      `b` was removed, an encrypted value
    mvx: error: secrets/dev/app.enc.yaml: nothing was changed: it takes somebody who says what shall become of the file
    mvx: hint: `mvx repair --restore secrets/dev/app.enc.yaml` puts the last good version in its place
    mvx: hint: `mvx repair --take secrets/dev/app.enc.yaml` seals it as it stands, `--edit` opens it in your editor
    [51]
    $ mvx repair --restore secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: the MAC does not match: values were added, removed, swapped or changed after the file was sealed
      the last good version is in commit [SHORT], by Ana
      `b` was removed, an encrypted value
    mvx: secrets/dev/app.enc.yaml: restored; what was there is kept in [SANDBOX]/home/.local/state/mvx/kept/1-app.enc.yaml
    $ mvx decrypt secrets/dev/app.enc.yaml
    a: hunter2
    b: swordfish
    c: third
    list:
      - x
    "###);
    assert_eq!(repo.read(FILE), before);
    let kept = repo.home(".local/state/mvx/kept/1-app.enc.yaml");
    assert!(kept.exists(), "what was there is not lost");
}

/// A merge by lines, which is how it breaks most often.
#[test]
fn two_branches_merged_by_lines() {
    let repo = repo();
    repo.session(
        "
        git branch other
        echo one | mvx set -q secrets/dev/app.enc.yaml a
    ",
    );
    repo.commit();
    repo.session(
        "
        git checkout -q other
        echo two | mvx set -q secrets/dev/app.enc.yaml c
    ",
    );
    repo.commit();
    let theirs = repo.read(FILE);
    repo.session("git checkout -q -");
    let c = theirs.lines().find(|line| line.starts_with("c:")).unwrap();
    let own = line(&repo, "c:");
    repo.write(FILE, repo.read(FILE).replacen(&own, c, 1));
    insta::assert_snapshot!(repo.session("
        mvx decrypt secrets/dev/app.enc.yaml
        mvx repair --take secrets/dev/app.enc.yaml
        mvx decrypt secrets/dev/app.enc.yaml
    "), @r###"
    $ mvx decrypt secrets/dev/app.enc.yaml
    mvx: error: secrets/dev/app.enc.yaml: the MAC does not match: values were added, removed, swapped or changed after the file was sealed
    mvx: hint: `mvx repair secrets/dev/app.enc.yaml` shows what differs from the last good version in git, and mends it
    mvx: hint: `git log -p -- secrets/dev/app.enc.yaml` shows who changed it
    [51]
    $ mvx repair --take secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: the MAC does not match: values were added, removed, swapped or changed after the file was sealed
      the last good version is in commit [SHORT], by Ana
      `c` has another value
    mvx: secrets/dev/app.enc.yaml: sealed as it stood
    $ mvx decrypt secrets/dev/app.enc.yaml
    a: one
    b: swordfish
    c: two
    list:
      - x
    "###);
}

#[test]
fn what_cannot_be_read_is_restored() {
    let repo = repo();
    let before = repo.read(FILE);
    repo.write(FILE, &before[..before.find("-----BEGIN").unwrap()]);
    insta::assert_snapshot!(repo.session("
        mvx repair secrets/dev/app.enc.yaml
        mvx repair --take secrets/dev/app.enc.yaml
        mvx repair --restore -q secrets/dev/app.enc.yaml
        mvx repair missing.enc.yaml
        mvx repair .gitignore
    "), @r###"
    $ mvx repair secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: your one identity does not open this file
      the last good version is in commit [SHORT], by Ana
    mvx: error: secrets/dev/app.enc.yaml: nothing was changed: it takes somebody who says what shall become of the file
    mvx: hint: `mvx repair --restore secrets/dev/app.enc.yaml` puts the last good version in its place
    [128]
    $ mvx repair --take secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: your one identity does not open this file
      the last good version is in commit [SHORT], by Ana
    mvx: error: the file cannot be read far enough to be taken or edited
    mvx: hint: `mvx repair --restore FILE` puts the last good version of git in its place
    [4]
    $ mvx repair --restore -q secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: your one identity does not open this file
      the last good version is in commit [SHORT], by Ana
    $ mvx repair missing.enc.yaml
    mvx: error: missing.enc.yaml: there is no such file or directory
    mvx: hint: `mvx ls` lists the secret files
    [4]
    $ mvx repair .gitignore
    mvx: error: .gitignore: it is not encrypted: it has no `sops` block
    mvx: hint: `mvx encrypt .gitignore` encrypts it
    mvx: hint: its name does not tell its type: `--format yaml|json|dotenv|ini` does
    [4]
    "###);
    assert_eq!(repo.read(FILE), before);
}

#[test]
fn nothing_in_git_to_compare_with() {
    let repo = Repo::new();
    repo.seal("secrets/dev/app.yaml", "a: hunter2\nb: swordfish\n");
    let (a, b) = (line(&repo, "a:"), line(&repo, "b:"));
    let text = repo.read(FILE);
    repo.write(FILE, text.replacen(&a, &b.replacen("b:", "a:", 1), 1));
    insta::assert_snapshot!(repo.session("
        mvx repair secrets/dev/app.enc.yaml
        mvx repair --take secrets/dev/app.enc.yaml
        mvx repair --restore secrets/dev/app.enc.yaml
    "), @r###"
    $ mvx repair secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: a: the value does not authenticate; it was changed, moved or sealed with another key
      git has no version of it that opens
      `a` does not authenticate: it was changed, moved or sealed with another key
    mvx: error: secrets/dev/app.enc.yaml: nothing was changed: it takes somebody who says what shall become of the file
    mvx: hint: `mvx repair --take secrets/dev/app.enc.yaml` seals it as it stands, `--edit` opens it in your editor
    [25]
    $ mvx repair --take secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: a: the value does not authenticate; it was changed, moved or sealed with another key
      git has no version of it that opens
      `a` does not authenticate: it was changed, moved or sealed with another key
    mvx: error: secrets/dev/app.enc.yaml: a: the value does not authenticate; it was changed, moved or sealed with another key
    mvx: hint: no good version in git has this value: `mvx repair --edit secrets/dev/app.enc.yaml` lets you type it or take it out
    [25]
    $ mvx repair --restore secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: a: the value does not authenticate; it was changed, moved or sealed with another key
      git has no version of it that opens
      `a` does not authenticate: it was changed, moved or sealed with another key
    mvx: error: secrets/dev/app.enc.yaml: git has no version of it that opens
    [1]
    "###);
}

#[test]
fn in_the_editor_what_does_not_open_must_go() {
    let repo = repo();
    let (a, b) = (line(&repo, "a:"), line(&repo, "b:"));
    let text = repo.read(FILE);
    repo.write(FILE, text.replacen(&a, &b.replacen("b:", "a:", 1), 1));
    let edit = |script: &str| {
        let editor = repo.editor(script);
        let arguments = ["repair", "--edit", FILE];
        repo.mvx(arguments).env("EDITOR", editor).outcome()
    };
    let left = edit("sed -i 's/third/changed/' \"$1\"");
    assert_eq!(left.code(), Some(25), "{left}");
    let typed = edit("sed -i 's/^a: .*/a: anew/' \"$1\"");
    assert_eq!(typed.code(), Some(0), "{typed}");
    assert_eq!(
        repo.plaintext(FILE),
        "a: anew\nb: swordfish\nc: third\nlist:\n  - x\n"
    );
}

#[test]
fn a_person_chooses() {
    let repo = repo();
    tamper(&repo);
    let broken = repo.read(FILE);
    let choose = |keys| {
        repo.mvx(["repair", FILE])
            .on_terminal(&[Step::Await("What shall"), Step::Type(keys)])
    };
    assert_eq!(choose("\r").status, 25, "left as it is");
    assert_eq!(repo.read(FILE), broken);
    assert_eq!(choose("\u{1b}[B\u{1b}[B\r").status, 0, "taken");
    assert_eq!(
        repo.plaintext(FILE),
        "a: hunter2\nb: swordfish\nc: pasted\nlist:\n  - x\n"
    );
}

#[test]
fn a_value_that_take_brings_back_from_git_is_named_and_what_was_there_is_kept() {
    let repo = repo();
    let set = repo.mvx(["set", "-q", FILE, "a"]).stdin("newer").outcome();
    assert_eq!(set.code(), Some(0), "{set}");
    let newer = repo.read(FILE);
    let a = line(&repo, "a:");
    let broken = a.replacen("data:", "data:AAAA", 1);
    repo.write(FILE, newer.replacen(&a, &broken, 1));
    insta::assert_snapshot!(repo.session("
        mvx repair --take secrets/dev/app.enc.yaml
        mvx get secrets/dev/app.enc.yaml a
        ls -l ~/.local/state/mvx/kept | cut -c1-10
        grep -c data:AAAA ~/.local/state/mvx/kept/1-app.enc.yaml
        mvx clean --dry-run secrets
        mvx clean --yes ~/.local/state/mvx/kept/1-app.enc.yaml
    "), @r###"
    $ mvx repair --take secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: a: the value does not authenticate; it was changed, moved or sealed with another key
      the last good version is in commit [SHORT], by Ana
      `a` does not authenticate: it was changed, moved or sealed with another key
    mvx: secrets/dev/app.enc.yaml: sealed; what was there is kept in [SANDBOX]/home/.local/state/mvx/kept/1-app.enc.yaml
    mvx: warning: secrets/dev/app.enc.yaml: `a` did not open, and has its value from commit [SHORT]
    mvx: hint: `mvx set secrets/dev/app.enc.yaml KEY` puts in another one, if it is out of date
    $ mvx get secrets/dev/app.enc.yaml a
    hunter2
    $ ls -l ~/.local/state/mvx/kept | cut -c1-10
    total 4
    -rw-------
    $ grep -c data:AAAA ~/.local/state/mvx/kept/1-app.enc.yaml
    1
    $ mvx clean --dry-run secrets
    mvx: nothing was left behind
    $ mvx clean --yes ~/.local/state/mvx/kept/1-app.enc.yaml
      remove   [SANDBOX]/home/.local/state/mvx/kept/1-app.enc.yaml: a version that `mvx repair` kept, and not compared: it may hold values in clear
    mvx: 1 removed
    mvx: removed is not erased: the bytes may stay on an SSD, in snapshots and in backups; change a value that somebody may have seen
    "###);
    repo.write(FILE, newer.replacen(&a, &broken, 1));
    let outcome = repo.mvx(["repair", "--take", "--json", FILE]).outcome();
    let answer: serde_json::Value = serde_json::from_str(outcome.stdout()).unwrap();
    assert_eq!(answer["from_commit"], serde_json::json!(["a"]), "{outcome}");
}
