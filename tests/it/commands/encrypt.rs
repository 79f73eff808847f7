//! `mvx encrypt`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::repo::Repo;
use crate::support::Step::{Await, Signal, Type};

pub(super) const APP: &str = "db:\n  password: hunter2\n  port: 5432\n";

#[test]
fn a_file_is_sealed_beside_its_plaintext() {
    let repo = Repo::new();
    repo.write("secrets/dev/app.yaml", APP);
    insta::assert_snapshot!(repo.session("
        mvx encrypt secrets/dev/app.yaml
        cat secrets/dev/app.enc.yaml | grep -v '^      '
        mvx decrypt secrets/dev/app.enc.yaml
        mvx encrypt secrets/dev/app.yaml
        mvx encrypt -q --overwrite --rm secrets/dev/app.yaml
        ls secrets/dev
        mvx encrypt secrets/dev/app.yaml
        mvx encrypt secrets/dev/app.enc.yaml
        mvx encrypt -i secrets/dev/app.enc.yaml
    "), @r###"
    $ mvx encrypt secrets/dev/app.yaml
    mvx: secrets/dev/app.enc.yaml: 2 values encrypted, for ana, bob
    mvx: secrets/dev/app.yaml: the plaintext is still there
    $ cat secrets/dev/app.enc.yaml | grep -v '^      '
    db:
      password: ENC[str]
      port: ENC[int]
    sops:
        age:
        lastmodified: "[TIME]"
        mac: ENC[str]
        mvx_seal: [SEAL]
        unencrypted_suffix: _unencrypted
        version: 3.13.3+mvx.0.1.0
    $ mvx decrypt secrets/dev/app.enc.yaml
    db:
      password: hunter2
      port: 5432
    $ mvx encrypt secrets/dev/app.yaml
    mvx: error: secrets/dev/app.enc.yaml: exists already; it was left alone
    mvx: hint: `mvx edit secrets/dev/app.enc.yaml` and `mvx set secrets/dev/app.enc.yaml KEY` change it
    mvx: hint: `--overwrite` replaces it
    [4]
    $ mvx encrypt -q --overwrite --rm secrets/dev/app.yaml
    $ ls secrets/dev
    app.enc.yaml
    $ mvx encrypt secrets/dev/app.yaml
    mvx: error: secrets/dev/app.yaml: there is no such file or directory
    mvx: hint: `secrets/dev/app.enc.yaml` is there: it is encrypted already
    [4]
    $ mvx encrypt secrets/dev/app.enc.yaml
    mvx: error: secrets/dev/app.enc.yaml: the name says that it is encrypted already
    mvx: hint: `mvx edit secrets/dev/app.enc.yaml` and `mvx set secrets/dev/app.enc.yaml KEY` change an encrypted file
    mvx: hint: if it is not encrypted, `mvx encrypt -i secrets/dev/app.enc.yaml` encrypts it in place
    [203]
    $ mvx encrypt -i secrets/dev/app.enc.yaml
    mvx: error: secrets/dev/app.enc.yaml: it is encrypted already
    mvx: hint: `mvx edit secrets/dev/app.enc.yaml` and `mvx set secrets/dev/app.enc.yaml KEY` change it; `mvx decrypt secrets/dev/app.enc.yaml` opens it
    [203]
    "###);
}

#[test]
fn json_answers() {
    let repo = Repo::new();
    repo.write("secrets/dev/app.yaml", APP);
    insta::assert_snapshot!(repo.session("
        mvx encrypt --json --dry-run secrets/dev
        mvx encrypt --json --rm secrets/dev/app.yaml
        mvx encrypt --json secrets/dev/app.yaml
    "), @r###"
    $ mvx encrypt --json --dry-run secrets/dev
    {"would_encrypt":[{"file":"secrets/dev/app.yaml","written":"secrets/dev/app.enc.yaml"}]}
    $ mvx encrypt --json --rm secrets/dev/app.yaml
    {"encrypted":[{"file":"secrets/dev/app.yaml","written":"secrets/dev/app.enc.yaml","encrypted_text":null,"values_encrypted":2,"values_in_clear":0,"recipients":["ana","bob"],"plaintext_removed":true}]}
    $ mvx encrypt --json secrets/dev/app.yaml
    {"code":"not-found","exit":4,"message":"there is no such file or directory","place":"secrets/dev/app.yaml","causes":[],"hints":["`secrets/dev/app.enc.yaml` is there: it is encrypted already"]}
    [4]
    "###);
    let outcome = repo.mvx(["encrypt", "--json", "-", "--filename", "secrets/dev/x.env"]);
    let answer = outcome.stdin("A=1\n").outcome().quiet_success();
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let one = &answer["encrypted"][0];
    assert_eq!(
        (&one["written"], &one["values_encrypted"]),
        (&serde_json::Value::Null, &1.into())
    );
    assert!(
        one["encrypted_text"]
            .as_str()
            .unwrap()
            .starts_with("A=ENC[")
    );
}

#[test]
fn standard_input_and_output() {
    let repo = Repo::new();
    repo.write("secrets/dev/app.yaml", APP);
    insta::assert_snapshot!(repo.session("
        mvx encrypt - --filename secrets/dev/app.yaml < secrets/dev/app.yaml | head -3
        mvx encrypt - --filename secrets/dev/app.yaml -o secrets/dev/x.enc.yaml < secrets/dev/app.yaml
        mvx encrypt -o - secrets/dev/app.yaml | mvx decrypt - --filename app.yaml
        mvx encrypt - < secrets/dev/app.yaml
        mvx encrypt - secrets/dev/app.yaml --filename x
        mvx encrypt - -i --filename secrets/dev/app.yaml < secrets/dev/app.yaml
        mvx encrypt --rm -o - secrets/dev/app.yaml
        mvx encrypt - --filename secrets/dev/app.yaml < /dev/null
        mvx encrypt - --filename secrets/dev/app.yaml --format json < secrets/dev/app.yaml
    "), @r###"
    $ mvx encrypt - --filename secrets/dev/app.yaml < secrets/dev/app.yaml | head -3
    db:
      password: ENC[str]
      port: ENC[int]
    $ mvx encrypt - --filename secrets/dev/app.yaml -o secrets/dev/x.enc.yaml < secrets/dev/app.yaml
    mvx: secrets/dev/x.enc.yaml: 2 values encrypted, for ana, bob
    $ mvx encrypt -o - secrets/dev/app.yaml | mvx decrypt - --filename app.yaml
    db:
      password: hunter2
      port: 5432
    $ mvx encrypt - < secrets/dev/app.yaml
    mvx: error: standard input has no name to find its rule and type by
    mvx: hint: `mvx encrypt - --filename secrets/dev/stripe.yaml < stripe.yaml`
    [2]
    $ mvx encrypt - secrets/dev/app.yaml --filename x
    mvx: error: `-` stands alone: standard input is one file
    [2]
    $ mvx encrypt - -i --filename secrets/dev/app.yaml < secrets/dev/app.yaml
    mvx: error: standard input can neither be encrypted in place nor removed
    [2]
    $ mvx encrypt --rm -o - secrets/dev/app.yaml
    mvx: error: `--rm` needs a file to write to: nobody knows whether standard output was kept
    [2]
    $ mvx encrypt - --filename secrets/dev/app.yaml < /dev/null
    mvx: error: secrets/dev/app.yaml: there are no values in it
    mvx: hint: add a value first; `mvx edit secrets/dev/app.yaml` starts from an example
    [4]
    $ mvx encrypt - --filename secrets/dev/app.yaml --format json < secrets/dev/app.yaml
    mvx: error: secrets/dev/app.yaml: line 1: a value, a bracket or a comma is expected here
    [4]
    "###);
}

#[test]
fn elsewhere_and_in_place() {
    let repo = Repo::new();
    repo.write("secrets/dev/app.yaml", APP);
    insta::assert_snapshot!(repo.session("
        mvx encrypt -o secrets/dev/other.enc.yaml --keep secrets/dev/app.yaml
        mvx encrypt -o secrets/dev/other.enc.yaml secrets/dev/app.yaml
        mvx encrypt -o secrets/dev/none/x.enc.yaml secrets/dev/app.yaml
        mvx encrypt -o ./secrets/dev/app.yaml secrets/dev/app.yaml
        mvx encrypt -o a.enc.yaml secrets/dev/app.yaml secrets/dev/other.enc.yaml
        mvx encrypt -i -o x secrets/dev/app.yaml
        mvx encrypt -i secrets/dev/app.yaml
        mvx encrypt -i secrets/dev/app.yaml
        mvx decrypt secrets/dev/app.yaml
    "), @r###"
    $ mvx encrypt -o secrets/dev/other.enc.yaml --keep secrets/dev/app.yaml
    mvx: secrets/dev/other.enc.yaml: 2 values encrypted, for ana, bob
    mvx: secrets/dev/app.yaml: the plaintext is still there
    $ mvx encrypt -o secrets/dev/other.enc.yaml secrets/dev/app.yaml
    mvx: error: secrets/dev/other.enc.yaml: exists already; it was left alone
    mvx: hint: `mvx edit secrets/dev/other.enc.yaml` and `mvx set secrets/dev/other.enc.yaml KEY` change it
    mvx: hint: `--overwrite` replaces it
    [4]
    $ mvx encrypt -o secrets/dev/none/x.enc.yaml secrets/dev/app.yaml
    mvx: error: secrets/dev/none/x.enc.yaml: there is no directory `secrets/dev/none`
    mvx: hint: `mkdir -p secrets/dev/none` makes it
    [4]
    $ mvx encrypt -o ./secrets/dev/app.yaml secrets/dev/app.yaml
    mvx: error: ./secrets/dev/app.yaml: the output is the plaintext itself
    mvx: hint: `mvx encrypt -i ./secrets/dev/app.yaml` encrypts it in place
    [2]
    $ mvx encrypt -o a.enc.yaml secrets/dev/app.yaml secrets/dev/other.enc.yaml
    mvx: error: `--output` names one file, but there are several to encrypt
    [2]
    $ mvx encrypt -i -o x secrets/dev/app.yaml
    mvx: error: `--in-place` and `--output <FILE>` exclude each other
    mvx: hint: `mvx encrypt --help` shows what it takes
    [2]
    $ mvx encrypt -i secrets/dev/app.yaml
    mvx: warning: secrets/dev/app.yaml: git ignores this encrypted file, so that it would not be committed
    mvx: hint: `git check-ignore -v secrets/dev/app.yaml` shows why; `git add --force secrets/dev/app.yaml` takes it all the same
    mvx: secrets/dev/app.yaml: 2 values encrypted, for ana, bob
    $ mvx encrypt -i secrets/dev/app.yaml
    mvx: error: secrets/dev/app.yaml: it is encrypted already
    mvx: hint: `mvx edit secrets/dev/app.yaml` and `mvx set secrets/dev/app.yaml KEY` change it; `mvx decrypt secrets/dev/app.yaml` opens it
    [203]
    $ mvx decrypt secrets/dev/app.yaml
    db:
      password: hunter2
      port: 5432
    "###);
}

#[test]
fn a_directory_means_what_a_rule_covers_and_is_not_sealed_yet() {
    let repo = Repo::new();
    for name in [
        "secrets/dev/a.yaml",
        "secrets/dev/deep/b.yaml",
        "secrets/none.yaml",
        "c.yaml",
    ] {
        repo.write(name, APP);
    }
    repo.write("secrets/dev/in-place.yaml", APP);
    insta::assert_snapshot!(repo.session("
        mvx encrypt -q -i secrets/dev/in-place.yaml
        mvx encrypt --dry-run .
        mvx encrypt .
        mvx encrypt --yes .
        mvx encrypt --yes .
        mvx encrypt --rm --overwrite --yes secrets
        find . -name '*.yaml' | sort
        mvx encrypt secrets
        mvx encrypt missing
        mvx encrypt c.yaml missing.yaml
    "), @r###"
    $ mvx encrypt -q -i secrets/dev/in-place.yaml
    mvx: warning: secrets/dev/in-place.yaml: git ignores this encrypted file, so that it would not be committed
    mvx: hint: `git check-ignore -v secrets/dev/in-place.yaml` shows why; `git add --force secrets/dev/in-place.yaml` takes it all the same
    $ mvx encrypt --dry-run .
    secrets/dev/a.yaml
    secrets/dev/deep/b.yaml
    $ mvx encrypt .
    mvx: would encrypt secrets/dev/a.yaml
    mvx: would encrypt secrets/dev/deep/b.yaml
    mvx: error: cannot ask for a yes or no: there is no terminal
    mvx: hint: `--yes` encrypts them without asking
    [4]
    $ mvx encrypt --yes .
    mvx: secrets/dev/a.enc.yaml: 2 values encrypted, for ana, bob
    mvx: secrets/dev/a.yaml: the plaintext is still there
    mvx: secrets/dev/deep/b.enc.yaml: 2 values encrypted, for ana, bob
    mvx: secrets/dev/deep/b.yaml: the plaintext is still there
    $ mvx encrypt --yes .
    mvx: secrets/dev/a.yaml: passed over: secrets/dev/a.enc.yaml exists already
    mvx: secrets/dev/deep/b.yaml: passed over: secrets/dev/deep/b.enc.yaml exists already
    mvx: `--overwrite` encrypts again what was passed over
    mvx: error: every plaintext file there is encrypted already
    mvx: hint: `mvx ls` lists what is encrypted already
    [1]
    $ mvx encrypt --rm --overwrite --yes secrets
    mvx: secrets/dev/a.enc.yaml: 2 values encrypted, for ana, bob
    mvx: secrets/dev/a.yaml: removed
    mvx: secrets/dev/deep/b.enc.yaml: 2 values encrypted, for ana, bob
    mvx: secrets/dev/deep/b.yaml: removed
    $ find . -name '*.yaml' | sort
    ./c.yaml
    ./secrets/dev/a.enc.yaml
    ./secrets/dev/deep/b.enc.yaml
    ./secrets/dev/in-place.yaml
    ./secrets/none.yaml
    $ mvx encrypt secrets
    mvx: error: no plaintext file there is covered by a rule
    mvx: hint: `mvx ls` lists what is encrypted already
    [1]
    $ mvx encrypt missing
    mvx: error: missing: there is no such file or directory
    [4]
    $ mvx encrypt c.yaml missing.yaml
    mvx: error: missing.yaml: there is no such file or directory
    [4]
    "###);
}

#[test]
fn what_cannot_be_sealed_is_said_with_its_line() {
    let repo = Repo::new();
    for (name, text) in [
        ("syntax.yaml", "a: 1\nb: [1, 2\n"),
        ("list.yaml", "- a\n"),
        ("empty.yaml", ""),
        ("twice.yaml", "a: 1\nb: 2\na: 3\n"),
        ("number.yaml", "1: a\n"),
        ("sops.yaml", "a: 1\nsops: mine\n"),
        ("bad.json", "{\"a\": 1,}\n"),
        ("list.json", "[1]\n"),
        ("lines.env", "A=1\nno equals sign\n"),
        ("bad.ini", "[a\nb = 1\n"),
    ] {
        repo.write(&format!("secrets/dev/{name}"), text);
    }
    repo.write("secrets/dev/latin1.yaml", b"a: \xe4\n");
    insta::assert_snapshot!(repo.session("
        mvx encrypt secrets/dev/syntax.yaml
        mvx encrypt secrets/dev/list.yaml
        mvx encrypt secrets/dev/empty.yaml
        mvx encrypt secrets/dev/twice.yaml
        mvx encrypt secrets/dev/number.yaml
        mvx encrypt secrets/dev/sops.yaml
        mvx encrypt secrets/dev/latin1.yaml
        mvx encrypt secrets/dev/bad.json
        mvx encrypt secrets/dev/list.json
        mvx encrypt secrets/dev/lines.env
        mvx encrypt secrets/dev/bad.ini
        ls secrets/dev | grep enc
    "), @r###"
    $ mvx encrypt secrets/dev/syntax.yaml
    mvx: error: secrets/dev/syntax.yaml: line 2: a bracket or brace is opened and not closed
    [4]
    $ mvx encrypt secrets/dev/list.yaml
    mvx: error: secrets/dev/list.yaml: the root is a list: SOPS files have named values at the top
    mvx: hint: `--format binary` seals the file as a whole
    [4]
    $ mvx encrypt secrets/dev/empty.yaml
    mvx: error: secrets/dev/empty.yaml: there are no values in it
    mvx: hint: add a value first; `mvx edit secrets/dev/empty.yaml` starts from an example
    [4]
    $ mvx encrypt secrets/dev/twice.yaml
    mvx: error: secrets/dev/twice.yaml: line 3: key `a` stands here for the second time
    mvx: hint: remove one of the two
    [4]
    $ mvx encrypt secrets/dev/number.yaml
    mvx: error: secrets/dev/number.yaml: line 1: this key is not text; SOPS files have text keys only
    mvx: hint: put the key in quotes
    [4]
    $ mvx encrypt secrets/dev/sops.yaml
    mvx: error: secrets/dev/sops.yaml: line 2: `sops` is the name under which SOPS keeps its metadata
    mvx: hint: rename the key; if the file is sealed already, `mvx decrypt` opens it
    [203]
    $ mvx encrypt secrets/dev/latin1.yaml
    mvx: error: secrets/dev/latin1.yaml: line 1: not UTF-8 text
    mvx: hint: convert it to UTF-8, or seal it as a whole with `--format binary`
    [4]
    $ mvx encrypt secrets/dev/bad.json
    mvx: error: secrets/dev/bad.json: line 1: a comma stands before `}`
    [4]
    $ mvx encrypt secrets/dev/list.json
    mvx: error: secrets/dev/list.json: the root is a list: SOPS files have named values at the top
    mvx: hint: `--format binary` seals the file as a whole
    [4]
    $ mvx encrypt secrets/dev/lines.env
    mvx: error: secrets/dev/lines.env: line 2: there is no `=`; a value stands on one line, with \n for a line break
    [4]
    $ mvx encrypt secrets/dev/bad.ini
    mvx: error: secrets/dev/bad.ini: line 1: a section's name is not closed
    [4]
    $ ls secrets/dev | grep enc
    [1]
    "###);
}

#[test]
fn what_is_sealed_with_something_to_know() {
    let repo = Repo::new();
    repo.write("secrets/dev/a.env", "A=1\r\nB=2\r\n");
    repo.write("secrets/dev/b.yaml", "base: &b\n  x: 1\ncopy: *b\n");
    repo.write("secrets/dev/c.pem", "not structured\n");
    repo.write("secrets/dev/d.json", "{\"a\": 1, \"a\": 2}\n");
    repo.write("odd/e.prod", "A=1\n");
    insta::assert_snapshot!(repo.session("
        mvx encrypt --rm secrets/dev/a.env
        mvx decrypt secrets/dev/a.enc.env | od -c | head -1
        mvx encrypt --rm secrets/dev/b.yaml
        mvx encrypt --rm secrets/dev/c.pem
        mvx decrypt secrets/dev/c.enc.pem
        mvx encrypt --rm secrets/dev/d.json
        mvx encrypt --rm odd/e.prod
        mvx get odd/e.enc.prod A
    "), @r###"
    $ mvx encrypt --rm secrets/dev/a.env
    mvx: secrets/dev/a.env: its lines end with CR LF, and the CR becomes part of each value, as with sops
    mvx: secrets/dev/a.enc.env: 2 values encrypted, for ana, bob
    mvx: secrets/dev/a.env: removed
    $ mvx decrypt secrets/dev/a.enc.env | od -c | head -1
    0000000   A   =   1  \r  \n   B   =   2  \r  \n
    $ mvx encrypt --rm secrets/dev/b.yaml
    mvx: secrets/dev/b.yaml: 1 alias is written out in the encrypted file, as sops does
    mvx: secrets/dev/b.enc.yaml: 2 values encrypted, for ana, bob
    mvx: secrets/dev/b.yaml: removed
    $ mvx encrypt --rm secrets/dev/c.pem
    mvx: secrets/dev/c.enc.pem: 1 value encrypted, for ana, bob
    mvx: secrets/dev/c.pem: removed
    $ mvx decrypt secrets/dev/c.enc.pem
    not structured
    $ mvx encrypt --rm secrets/dev/d.json
    mvx: secrets/dev/d.enc.json: 2 values encrypted, for ana, bob
    mvx: secrets/dev/d.json: removed
    $ mvx encrypt --rm odd/e.prod
    mvx: odd/e.enc.prod: 1 value encrypted, for ana
    mvx: odd/e.prod: removed
    $ mvx get odd/e.enc.prod A
    1
    "###);
}

#[test]
fn git_is_asked_about_both_files() {
    let repo = Repo::new();
    repo.write(".gitignore", "*.enc.yaml\n");
    repo.write("secrets/dev/app.yaml", APP);
    insta::assert_snapshot!(repo.session("mvx encrypt secrets/dev/app.yaml"), @r###"
    $ mvx encrypt secrets/dev/app.yaml
    mvx: warning: secrets/dev/app.enc.yaml: git ignores this encrypted file, so that it would not be committed
    mvx: hint: `git check-ignore -v secrets/dev/app.enc.yaml` shows why; `git add --force secrets/dev/app.enc.yaml` takes it all the same
    mvx: secrets/dev/app.enc.yaml: 2 values encrypted, for ana, bob
    mvx: warning: secrets/dev/app.yaml: the plaintext is still there, and git does not ignore it
    mvx: hint: `rm secrets/dev/app.yaml` removes it
    "###);
}

#[test]
fn names_of_every_kind() {
    let repo = Repo::new();
    for name in [
        "a b.yaml",
        "пароль.yaml",
        "-x.yaml",
        "esc\u{1b}[31m.yaml",
        "q'uote.yaml",
    ] {
        repo.write(&format!("secrets/dev/{name}"), APP);
    }
    insta::assert_snapshot!(repo.session("
        mvx -C secrets/dev encrypt 'a b.yaml' пароль.yaml
        mvx -C secrets/dev encrypt -- -x.yaml
        cd secrets/dev && mvx encrypt *31m.yaml
        mvx -C secrets/dev encrypt \"q'uote.yaml\"
    "), @r###"
    $ mvx -C secrets/dev encrypt 'a b.yaml' пароль.yaml
    mvx: a b.enc.yaml: 2 values encrypted, for ana, bob
    mvx: a b.yaml: the plaintext is still there
    mvx: пароль.enc.yaml: 2 values encrypted, for ana, bob
    mvx: пароль.yaml: the plaintext is still there
    $ mvx -C secrets/dev encrypt -- -x.yaml
    mvx: -x.enc.yaml: 2 values encrypted, for ana, bob
    mvx: -x.yaml: the plaintext is still there
    $ cd secrets/dev && mvx encrypt *31m.yaml
    mvx: esc\u{1b}[31m.enc.yaml: 2 values encrypted, for ana, bob
    mvx: esc\u{1b}[31m.yaml: the plaintext is still there
    $ mvx -C secrets/dev encrypt "q'uote.yaml"
    mvx: q'uote.enc.yaml: 2 values encrypted, for ana, bob
    mvx: q'uote.yaml: the plaintext is still there
    "###);
}

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
fn at_a_terminal_a_directory_is_asked_about() {
    let repo = Repo::new();
    repo.write("secrets/dev/a.yaml", APP);
    let session = repo.mvx(["encrypt", "secrets"]).on_terminal(&[
        Await("would encrypt secrets/dev/a.yaml"),
        Await("Encrypt this file?"),
        Type("n\r"),
        Await("nothing was encrypted"),
    ]);
    assert_eq!(session.status, 1, "{session:?}");
    let session = repo
        .mvx(["encrypt", "secrets"])
        .on_terminal(&[Await("Encrypt this file?"), Signal(15)]);
    assert!(session.status < 0, "{session:?}");
    assert!(!repo.has("secrets/dev/a.enc.yaml"));
    let session = repo.mvx(["encrypt", "--rm", "secrets"]).on_terminal(&[
        Await("Encrypt this file?"),
        Type("y\r"),
        Await("a.yaml: removed"),
    ]);
    assert_eq!(session.status, 0, "{session:?}");
}

#[test]
fn modes_and_links_are_kept() {
    let repo = Repo::new();
    let mode = |name: &str| {
        let path = repo.sandbox.path(name);
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    repo.write("secrets/dev/a.yaml", APP);
    repo.session("mvx encrypt secrets/dev/a.yaml");
    assert_eq!(mode("secrets/dev/a.enc.yaml"), 0o644);
    let sealed = repo.sandbox.path("secrets/dev/a.enc.yaml");
    fs::set_permissions(&sealed, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("a.enc.yaml", repo.sandbox.path("secrets/dev/link.enc.yaml")).unwrap();
    repo.session(
        "
        mvx encrypt --overwrite secrets/dev/a.yaml
        mvx set secrets/dev/link.enc.yaml new --value x
    ",
    );
    assert_eq!(mode("secrets/dev/a.enc.yaml"), 0o640);
    let link = repo.sandbox.path("secrets/dev/link.enc.yaml");
    assert!(fs::symlink_metadata(link).unwrap().is_symlink());
    assert!(repo.plaintext("secrets/dev/a.enc.yaml").contains("new: x"));
}

#[test]
fn a_plaintext_that_cannot_be_read_or_a_place_that_cannot_be_written() {
    let repo = Repo::new();
    repo.write("secrets/dev/a.yaml", APP);
    let nowhere = repo
        .mvx(["encrypt", "-o", "/proc/a.enc.yaml", "secrets/dev/a.yaml"])
        .outcome();
    assert_eq!(nowhere.code(), Some(4), "{nowhere}");
    assert!(
        nowhere
            .stderr
            .contains("/proc/a.enc.yaml: cannot be written"),
        "{nowhere}"
    );
    insta::assert_snapshot!(repo.session("
        mkdir secrets/dev/dir.yaml secrets/dev/b.enc.yaml; cp secrets/dev/a.yaml secrets/dev/b.yaml
        mvx encrypt -i secrets/dev/dir.yaml
        mvx encrypt secrets/dev/b.yaml
        mvx encrypt --overwrite secrets/dev/b.yaml
    "), @r###"
    $ mkdir secrets/dev/dir.yaml secrets/dev/b.enc.yaml; cp secrets/dev/a.yaml secrets/dev/b.yaml
    $ mvx encrypt -i secrets/dev/dir.yaml
    mvx: error: no plaintext file there is covered by a rule
    mvx: hint: `mvx ls` lists what is encrypted already
    [1]
    $ mvx encrypt secrets/dev/b.yaml
    mvx: error: secrets/dev/b.enc.yaml: exists already; it was left alone
    mvx: hint: `mvx edit secrets/dev/b.enc.yaml` and `mvx set secrets/dev/b.enc.yaml KEY` change it
    mvx: hint: `--overwrite` replaces it
    [4]
    $ mvx encrypt --overwrite secrets/dev/b.yaml
    mvx: error: secrets/dev/b.enc.yaml: a directory, not a file
    [4]
    "###);
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
