//! `mvx set`.

use std::fs;

use crate::repo::Repo;
use crate::support::Step::{Await, Type};

const APP: &str = "\
# the database
db:
  password: hunter2 # old
  port: 5432
  ratio: 1.5
  on: true
list:
- a
- b
---
a: 1
";

pub(super) fn repo() -> Repo {
    let repo = Repo::new();
    repo.seal("secrets/dev/app.yaml", APP);
    repo
}

#[test]
fn a_value_comes_from_standard_input_a_file_or_the_command_line() {
    let repo = repo();
    repo.write("pem", "first\nlast\n");
    insta::assert_snapshot!(repo.session("
        echo new | mvx set secrets/dev/app.enc.yaml db.password
        printf new | mvx set secrets/dev/app.enc.yaml db.password
        printf 'new\\r\\n' | mvx set secrets/dev/app.enc.yaml db.password
        mvx set secrets/dev/app.enc.yaml pem --from-file pem
        mvx set secrets/dev/app.enc.yaml pem --from-file pem --exact
        cat pem | mvx set secrets/dev/app.enc.yaml pem2 --from-file -
        mvx set secrets/dev/app.enc.yaml db.user --value -app
        mvx set -q secrets/dev/app.enc.yaml db.user --value app
        mvx decrypt secrets/dev/app.enc.yaml
    "), @r###"
    $ echo new | mvx set secrets/dev/app.enc.yaml db.password
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: secrets/dev/app.enc.yaml: `db.password` changed
    $ printf new | mvx set secrets/dev/app.enc.yaml db.password
    mvx: secrets/dev/app.enc.yaml: nothing changed
    [200]
    $ printf 'new\r\n' | mvx set secrets/dev/app.enc.yaml db.password
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: secrets/dev/app.enc.yaml: nothing changed
    [200]
    $ mvx set secrets/dev/app.enc.yaml pem --from-file pem
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: secrets/dev/app.enc.yaml: `pem` added
    $ mvx set secrets/dev/app.enc.yaml pem --from-file pem --exact
    mvx: secrets/dev/app.enc.yaml: `pem` changed
    $ cat pem | mvx set secrets/dev/app.enc.yaml pem2 --from-file -
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: secrets/dev/app.enc.yaml: `pem2` added
    $ mvx set secrets/dev/app.enc.yaml db.user --value -app
    mvx: warning: a value on the command line stays in your shell's history and is seen by other processes
    mvx: hint: leave --value out to be asked for it, or pipe it in
    mvx: secrets/dev/app.enc.yaml: `db.user` added
    $ mvx set -q secrets/dev/app.enc.yaml db.user --value app
    mvx: warning: a value on the command line stays in your shell's history and is seen by other processes
    mvx: hint: leave --value out to be asked for it, or pipe it in
    $ mvx decrypt secrets/dev/app.enc.yaml
    # the database
    db:
      password: new # old
      port: 5432
      ratio: 1.5
      on: true
      user: app
    list:
    - a
    - b
    pem: "first\nlast\n"
    pem2: "first\nlast"
    ---
    a: 1
    "###);
}

#[test]
fn only_the_values_own_line_changes() {
    let repo = repo();
    repo.session("git add secrets; git -c user.name=a -c user.email=a@b commit -qm x");
    repo.session("echo 6543 | mvx set secrets/dev/app.enc.yaml db.port");
    let diff = repo.shell("git diff --unified=0 | grep '^[-+] ' | grep -v lastmodified | sed 's/:.*//' | sort | uniq -c");
    insta::assert_snapshot!(String::from_utf8(diff.stdout).unwrap(), @r###"
    2 +    mac
    2 +    mvx_seal
    1 +  port
    2 -    mac
    2 -    mvx_seal
    1 -  port
    "###);
}

#[test]
fn nothing_changed_and_nothing_given() {
    let repo = repo();
    let before = repo.read("secrets/dev/app.enc.yaml");
    insta::assert_snapshot!(repo.session("
        echo hunter2 | mvx set secrets/dev/app.enc.yaml db.password
        echo 5432 | mvx set --json secrets/dev/app.enc.yaml db.port
        mvx set secrets/dev/app.enc.yaml db.password < /dev/null
        echo | mvx set secrets/dev/app.enc.yaml db.password
        mvx set secrets/dev/app.enc.yaml
        mvx set secrets/dev/app.enc.yaml a --value x --from-file y
        mvx set secrets/dev/app.enc.yaml a --from-file missing
        mvx set secrets/dev/missing.enc.yaml a --value x
        mvx set secrets/dev/app.yaml a --value x
    "), @r###"
    $ echo hunter2 | mvx set secrets/dev/app.enc.yaml db.password
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: secrets/dev/app.enc.yaml: nothing changed
    [200]
    $ echo 5432 | mvx set --json secrets/dev/app.enc.yaml db.port
    {"file":"secrets/dev/app.enc.yaml","changed":false,"new":[]}
    [200]
    $ mvx set secrets/dev/app.enc.yaml db.password < /dev/null
    mvx: error: there is no value: it is empty
    mvx: hint: `--exact` sets an empty value
    [2]
    $ echo | mvx set secrets/dev/app.enc.yaml db.password
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: error: there is no value: it is empty
    mvx: hint: `--exact` sets an empty value
    [2]
    $ mvx set secrets/dev/app.enc.yaml
    mvx: error: missing: <KEY>
    mvx: hint: `mvx set --help` shows what it takes
    [2]
    $ mvx set secrets/dev/app.enc.yaml a --value x --from-file y
    mvx: error: `--value <VALUE>` and `--from-file <FILE>` exclude each other
    mvx: hint: `mvx set --help` shows what it takes
    [2]
    $ mvx set secrets/dev/app.enc.yaml a --from-file missing
    mvx: error: missing: there is no such file or directory
    [4]
    $ mvx set secrets/dev/missing.enc.yaml a --value x
    mvx: warning: a value on the command line stays in your shell's history and is seen by other processes
    mvx: hint: leave --value out to be asked for it, or pipe it in
    mvx: error: secrets/dev/missing.enc.yaml: there is no such file or directory
    mvx: hint: `mvx ls` lists the secret files
    [4]
    $ mvx set secrets/dev/app.yaml a --value x
    mvx: warning: a value on the command line stays in your shell's history and is seen by other processes
    mvx: hint: leave --value out to be asked for it, or pipe it in
    mvx: error: secrets/dev/app.yaml: there is no such file or directory
    mvx: hint: did you mean `secrets/dev/app.enc.yaml`?
    [4]
    "###);
    assert_eq!(repo.read("secrets/dev/app.enc.yaml"), before);
    insta::assert_snapshot!(repo.session("
        mvx set --exact secrets/dev/app.enc.yaml db.password < /dev/null
        mvx set --json secrets/dev/app.enc.yaml db.new --from-file .gitignore
    "), @r###"
    $ mvx set --exact secrets/dev/app.enc.yaml db.password < /dev/null
    mvx: secrets/dev/app.enc.yaml: `db.password` changed
    $ mvx set --json secrets/dev/app.enc.yaml db.new --from-file .gitignore
    {"file":"secrets/dev/app.enc.yaml","changed":true,"new":["db.new"]}
    "###);
}

#[test]
fn many_at_once() {
    let repo = repo();
    repo.seal("secrets/dev/app.env", "A=1\nB=2\n");
    insta::assert_snapshot!(repo.session(r#"
        printf 'A=3\nC="four"\n# a comment\n' | mvx set --many secrets/dev/app.enc.env
        mvx decrypt secrets/dev/app.enc.env
        echo '{"A": 5, "D": true, "E": "x"}' | mvx set --many secrets/dev/app.enc.env
        echo '{"A": 5, "D": true, "E": "x"}' | mvx set --many -q secrets/dev/app.enc.env
        mvx decrypt secrets/dev/app.enc.env
        echo '{"db.port": 1, "list[2]": "c", "new": {"x": [1]}}' | mvx set --many --json secrets/dev/app.enc.yaml
        printf 'db.port=1\n' | mvx set --many secrets/dev/app.enc.yaml
        mvx decrypt secrets/dev/app.enc.yaml
        echo '{"A": null}' | mvx set --many secrets/dev/app.enc.env
        echo '{"A": {"x": 1}}' | mvx set --many secrets/dev/app.enc.env
        printf 'A=1\nno equals sign\n' | mvx set --many secrets/dev/app.enc.env
        printf 'A=1\nA=2\n' | mvx set --many secrets/dev/app.enc.env
        echo '{"A": "hidden-value",}' | mvx set --many secrets/dev/app.enc.env
        echo '{"A..b": "hidden-value"}' | mvx set --many secrets/dev/app.enc.env
        mvx set --many secrets/dev/app.enc.env < /dev/null
        mvx set --many secrets/dev/app.enc.env KEY < /dev/null
    "#), @r###"
    $ printf 'A=3\nC="four"\n# a comment\n' | mvx set --many secrets/dev/app.enc.env
    mvx: secrets/dev/app.enc.env: values set, `C` new
    $ mvx decrypt secrets/dev/app.enc.env
    A=3
    B=2
    C="four"
    $ echo '{"A": 5, "D": true, "E": "x"}' | mvx set --many secrets/dev/app.enc.env
    mvx: secrets/dev/app.enc.env: `A` is stored as text; dotenv files hold nothing else
    mvx: secrets/dev/app.enc.env: `D` is stored as text; dotenv files hold nothing else
    mvx: secrets/dev/app.enc.env: values set, `D` and `E` new
    $ echo '{"A": 5, "D": true, "E": "x"}' | mvx set --many -q secrets/dev/app.enc.env
    [200]
    $ mvx decrypt secrets/dev/app.enc.env
    A=5
    B=2
    C="four"
    D=true
    E=x
    $ echo '{"db.port": 1, "list[2]": "c", "new": {"x": [1]}}' | mvx set --many --json secrets/dev/app.enc.yaml
    {"file":"secrets/dev/app.enc.yaml","changed":true,"new":["list[2]","new"]}
    $ printf 'db.port=1\n' | mvx set --many secrets/dev/app.enc.yaml
    mvx: secrets/dev/app.enc.yaml: values set, `"db.port"` new
    $ mvx decrypt secrets/dev/app.enc.yaml
    # the database
    db:
      password: hunter2 # old
      port: 1
      ratio: 1.5
      on: true
    list:
    - a
    - b
    - c
    new:
      x:
        - 1
    db.port: "1"
    ---
    a: 1
    $ echo '{"A": null}' | mvx set --many secrets/dev/app.enc.env
    mvx: error: secrets/dev/app.enc.env: A: a dotenv value is text; it cannot be null
    mvx: hint: YAML and JSON files carry every value
    [4]
    $ echo '{"A": {"x": 1}}' | mvx set --many secrets/dev/app.enc.env
    mvx: error: secrets/dev/app.enc.env: A: dotenv files are flat: a name and a value
    mvx: hint: YAML and JSON files carry every value
    [4]
    $ printf 'A=1\nno equals sign\n' | mvx set --many secrets/dev/app.enc.env
    mvx: error: standard input: line 2: there is no `=`; a value stands on one line, with \n for a line break
    [4]
    $ printf 'A=1\nA=2\n' | mvx set --many secrets/dev/app.enc.env
    mvx: error: standard input: `A` stands there twice
    mvx: hint: `--many` reads a JSON object or lines of the form KEY=value from standard input
    [2]
    $ echo '{"A": "hidden-value",}' | mvx set --many secrets/dev/app.enc.env
    mvx: error: standard input: not a JSON object (line 1, column 22)
    mvx: hint: `--many` reads a JSON object or lines of the form KEY=value from standard input
    [2]
    $ echo '{"A..b": "hidden-value"}' | mvx set --many secrets/dev/app.enc.env
    mvx: error: standard input: key path `A..b`: a name is missing at column 3
    mvx: hint: paths look like `db.password`, `list[0]`, `db."a.b"` or `2:db.password`
    [2]
    $ mvx set --many secrets/dev/app.enc.env < /dev/null
    mvx: error: standard input: there are no values
    mvx: hint: `--many` reads a JSON object or lines of the form KEY=value from standard input
    [2]
    $ mvx set --many secrets/dev/app.enc.env KEY < /dev/null
    mvx: error: `--many` and `[KEY]` exclude each other
    mvx: hint: `mvx set --help` shows what it takes
    [2]
    "###);
}

#[test]
fn at_a_terminal_the_value_is_asked_for_unseen() {
    let repo = repo();
    let session = repo
        .mvx(["set", "secrets/dev/app.enc.yaml", "db.password"])
        .on_terminal(&[
            Await("Value of db.password: "),
            Type("swordfish\r"),
            Await("`db.password` changed"),
        ]);
    assert_eq!(session.status, 0, "{session:?}");
    assert!(!session.screen.contains("swordfish"), "{session:?}");
    assert!(session.echo);
    assert!(
        repo.plaintext("secrets/dev/app.enc.yaml")
            .contains("swordfish # old")
    );
    let before = repo.read("secrets/dev/app.enc.yaml");
    for (typed, status) in [("\u{3}", -2), ("\r", 2), ("\u{4}", 130)] {
        let session = repo
            .mvx(["set", "secrets/dev/app.enc.yaml", "db.password"])
            .on_terminal(&[Await("Value of db.password: "), Type(typed)]);
        assert_eq!(session.status, status, "{session:?}");
        assert_eq!(repo.read("secrets/dev/app.enc.yaml"), before);
    }
    // What is going to fail fails before anything is typed.
    for file in ["missing.enc.yaml", ".gitignore"] {
        let session = repo.mvx(["set", file, "a"]).on_terminal(&[]);
        assert_eq!(session.status, 4, "{session:?}");
        assert!(!session.screen.contains("Value of"), "{session:?}");
    }
}

#[test]
fn two_at_once_lose_nothing() {
    let repo = repo();
    std::thread::scope(|scope| {
        for key in ["k0", "k1", "k2", "k3", "k4", "k5"] {
            let repo = &repo;
            scope.spawn(move || {
                let run = repo.mvx(["set", "-q", "secrets/dev/app.enc.yaml", key]);
                let outcome = run.stdin(format!("value of {key}")).outcome();
                assert_eq!(outcome.code(), Some(0), "{outcome}");
            });
        }
    });
    let text = repo.plaintext("secrets/dev/app.enc.yaml");
    for key in ["k0", "k1", "k2", "k3", "k4", "k5"] {
        assert!(text.contains(&format!("{key}: value of {key}")), "{text}");
    }
}

#[test]
fn a_failed_write_leaves_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let repo = repo();
    let before = repo.read("secrets/dev/app.enc.yaml");
    let directory = repo.sandbox.path("secrets/dev");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o555)).unwrap();
    let run = repo.mvx(["set", "secrets/dev/app.enc.yaml", "a"]);
    let outcome = run.stdin("x").outcome();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    // Root writes everywhere.
    if outcome.code() != Some(0) {
        assert_eq!(outcome.code(), Some(4), "{outcome}");
        assert!(
            outcome.stderr.contains("look at the owner and mode"),
            "{outcome}"
        );
        assert_eq!(repo.read("secrets/dev/app.enc.yaml"), before);
    }
}
