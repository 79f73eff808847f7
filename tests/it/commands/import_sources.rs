//! `mvx import`: what it reads, and what it cannot.

use std::fmt::Write as _;

use crate::repo::Repo;

#[test]
fn dialects_are_found_beside_the_file_or_named() {
    let repo = Repo::new();
    repo.write("node/package.json", "{}");
    repo.write("node/.env", "A='it\\'s'\nB=a#b\n");
    repo.write("both/package.json", r#"{"dependencies": {"next": "15"}}"#);
    repo.write("both/pyproject.toml", "");
    repo.write("both/.env", "A=a#b\nB=\"$HOME\"\n");
    repo.write("sh.env", "A=$(date)\nB='x'y\n");
    insta::assert_snapshot!(repo.session("
        mvx import node/.env --to secrets/dev/a.enc.yaml --dry-run
        mvx import both/.env --to secrets/dev/a.enc.yaml --dry-run
        mvx import sh.env --to secrets/dev/a.enc.yaml --dry-run
        mvx import sh.env --to secrets/dev/a.enc.yaml --dialect shell
        mvx decrypt secrets/dev/a.enc.yaml
        mvx import sh.env --to secrets/dev/b.enc.yaml --dialect docker
        mvx decrypt secrets/dev/b.enc.yaml
    "), @r###"
    $ mvx import node/.env --to secrets/dev/a.enc.yaml --dry-run
    new        A
    new        B
    mvx: node/.env: 2 values, read as npm's dotenv does because of package.json
    mvx: warning: node/.env: line 1: `A` is another value to other programs: compose and python read it differently
    mvx: hint: `--dialect` names the program that reads this file
    mvx: warning: node/.env: line 2: `B` is another value to other programs: compose and python read it differently
    $ mvx import both/.env --to secrets/dev/a.enc.yaml --dry-run
    new        A
    new        B
    mvx: both/.env: 2 values, read as most programs do
    mvx: warning: both/.env: line 1: `A` is another value to other programs: node and expand read it differently
    mvx: hint: `--dialect` names the program that reads this file
    mvx: warning: both/.env: line 2: `B` holds a reference to another value or a command; it is kept as it stands, and nothing is put in its place
    $ mvx import sh.env --to secrets/dev/a.enc.yaml --dry-run
    new        A
    new        B
    mvx: sh.env: 2 values, read as most programs do
    mvx: warning: sh.env: line 1: `A` holds a reference to another value or a command; it is kept as it stands, and nothing is put in its place
    mvx: warning: sh.env: line 2: `B` is another value to other programs: node, expand and compose read it differently
    mvx: hint: `--dialect` names the program that reads this file
    $ mvx import sh.env --to secrets/dev/a.enc.yaml --dialect shell
    mvx: sh.env: 2 values, read as a shell does
    mvx: warning: sh.env: line 1: `A` holds a reference to another value or a command; it is kept as it stands, and nothing is put in its place
    mvx: secrets/dev/a.enc.yaml: made, with 2 values, for ana, bob; opened again and compared
    mvx: warning: sh.env: the plaintext is still there, and git does not ignore it
    mvx: hint: `rm sh.env` removes it
    $ mvx decrypt secrets/dev/a.enc.yaml
    A: $(date)
    B: xy
    $ mvx import sh.env --to secrets/dev/b.enc.yaml --dialect docker
    mvx: sh.env: 2 values, read as `docker --env-file` does
    mvx: secrets/dev/b.enc.yaml: made, with 2 values, for ana, bob; opened again and compared
    mvx: warning: sh.env: the plaintext is still there, and git does not ignore it
    mvx: hint: `rm sh.env` removes it
    $ mvx decrypt secrets/dev/b.enc.yaml
    A: $(date)
    B: '''x''y'
    "###);
}

#[test]
fn what_other_tools_print_is_read_from_standard_input() {
    let repo = Repo::new();
    let doppler = r#"{"API_KEY":"invented-1","DOPPLER_PROJECT":"shop","DOPPLER_CONFIG":"dev","DOPPLER_ENVIRONMENT":"dev"}"#;
    let run = repo.mvx(["import", "-", "--to", "secrets/dev/a.enc.yaml"]);
    insta::assert_snapshot!(run.stdin(doppler).outcome(), @r###"
    exit: 0
    --- stderr
    mvx: standard input: 1 value, from Doppler
    mvx: standard input: DOPPLER_CONFIG, DOPPLER_ENVIRONMENT and DOPPLER_PROJECT are Doppler's own and no secrets; they were left out
    mvx: secrets/dev/a.enc.yaml: made, with 1 value, for ana, bob; opened again and compared
    "###);
    let item = r#"{"id":"x","title":"Shop","category":"LOGIN","fields":[
        {"id":"password","type":"CONCEALED","purpose":"PASSWORD","label":"password","value":"invented-2"},
        {"id":"y","section":{"id":"s","label":"Test server"},"type":"STRING","label":"user name","value":"shop"}]}"#;
    let run = repo.mvx([
        "import",
        "-",
        "--to",
        "secrets/dev/a.enc.yaml",
        "--at",
        "op",
    ]);
    insta::assert_snapshot!(run.stdin(item).outcome(), @r###"
    exit: 0
    --- stderr
    mvx: standard input: 2 values, from 1Password
    mvx: secrets/dev/a.enc.yaml: 2 new, 0 unchanged, 0 different
    mvx: secrets/dev/a.enc.yaml: added: `op.password`, `op.Test_server.user_name`
    mvx: secrets/dev/a.enc.yaml: opened again and compared
    "###);
    assert_eq!(
        repo.plaintext("secrets/dev/a.enc.yaml"),
        "API_KEY: invented-1\nop:\n  password: invented-2\n  Test_server:\n    user_name: shop\n"
    );
    let run = repo.mvx(["import", "-", "--to", "secrets/dev/b.enc.yaml"]);
    insta::assert_snapshot!(run.stdin("just words\n").outcome(), @r###"
    exit: 2
    --- stderr
    mvx: error: standard input: neither its name nor its content tells what it is
    mvx: hint: `--from env|json|yaml|ini|doppler|1password` does
    "###);
    let run = repo.mvx([
        "import",
        "-",
        "--from",
        "doppler",
        "--to",
        "secrets/dev/b.enc.yaml",
    ]);
    insta::assert_snapshot!(run.stdin("{\"A\": 1}").outcome(), @r###"
    exit: 4
    --- stderr
    mvx: error: standard input: this is not what doppler prints: `A` is neither text nor an object with `raw` and `computed`
    mvx: hint: `--from json` takes any JSON object as it is
    "###);
}

#[test]
fn inputs_that_cannot_be_read() {
    let repo = Repo::new();
    let sealed = repo.seal("secrets/dev/app.yaml", "A: one\n");
    repo.write("sealed.yaml", sealed);
    repo.write("empty.env", "# nothing\n");
    repo.write("latin.env", b"A=1\nB=\xe4\n");
    repo.write("utf16.env", b"\xff\xfeA\0=\x001\0");
    repo.write("nul.env", "A=1\nB=a\0b\n");
    repo.write("nul.json", r#"{"a": "x\u0000y"}"#);
    repo.write("bad.env", "A=1\n'b'\n");
    repo.write("two.yaml", "a: 1\n---\nb: 2\n");
    repo.write("list.yaml", "- a\n");
    repo.write("bomb.yaml", bomb());
    repo.write(
        "deep.json",
        "{\"a\":".repeat(5000) + "1" + &"}".repeat(5000),
    );
    repo.write("sops.json", r#"{"sops": "mine"}"#);
    repo.write("locked.env", b"\0GITCRYPT\0xyz");
    repo.write("large.env", "A=".to_owned() + &"x".repeat(17 << 20));
    insta::assert_snapshot!(repo.session("
        mvx import none.env --to secrets/dev/a.enc.yaml
        mvx import sealed.yaml --to secrets/dev/a.enc.yaml
        mvx import empty.env --to secrets/dev/a.enc.yaml
        mvx import latin.env --to secrets/dev/a.enc.yaml
        mvx import utf16.env --to secrets/dev/a.enc.yaml
        mvx import nul.env --to secrets/dev/a.enc.yaml
        mvx import nul.json --to secrets/dev/a.enc.yaml
        mvx import bad.env --to secrets/dev/a.enc.yaml
        mvx import two.yaml --to secrets/dev/a.enc.yaml
        mvx import list.yaml --to secrets/dev/a.enc.yaml
        mvx import bomb.yaml --to secrets/dev/a.enc.yaml
        mvx import deep.json --to secrets/dev/a.enc.yaml
        mvx import sops.json --to secrets/dev/a.enc.yaml
        mvx import locked.env --to secrets/dev/a.enc.yaml
        mvx import large.env --to secrets/dev/a.enc.yaml
    "), @r###"
    $ mvx import none.env --to secrets/dev/a.enc.yaml
    mvx: error: none.env: there is no such file or directory
    [4]
    $ mvx import sealed.yaml --to secrets/dev/a.enc.yaml
    mvx: error: sealed.yaml: it is encrypted already: it has a `sops` block
    mvx: hint: `mvx decrypt sealed.yaml` opens it, and `mvx import -` reads what that prints
    [203]
    $ mvx import empty.env --to secrets/dev/a.enc.yaml
    mvx: error: empty.env: there are no values in it
    [4]
    $ mvx import latin.env --to secrets/dev/a.enc.yaml
    mvx: error: latin.env: line 2: not UTF-8 text
    [4]
    $ mvx import utf16.env --to secrets/dev/a.enc.yaml
    mvx: error: utf16.env: this is UTF-16 text, as some Windows programs write it
    mvx: hint: convert it: `iconv -f UTF-16 -t UTF-8 utf16.env`
    [4]
    $ mvx import nul.env --to secrets/dev/a.enc.yaml
    mvx: error: nul.env: line 2: there is a zero byte; no environment and no text holds one
    [4]
    $ mvx import nul.json --to secrets/dev/a.enc.yaml
    mvx: error: nul.json: line 1: there is a zero byte; no environment and no text holds one
    [4]
    $ mvx import bad.env --to secrets/dev/a.enc.yaml
    mvx: error: bad.env: line 2: this is neither a comment nor of the form NAME=value
    mvx: hint: `--dialect` names the program that reads the file: node, expand, shell, compose, python, docker, rust or portable
    [4]
    $ mvx import two.yaml --to secrets/dev/a.enc.yaml
    mvx: error: two.yaml: there are 2 documents in it, and a key path means one
    mvx: hint: `mvx encrypt two.yaml` seals a file as it is
    [4]
    $ mvx import list.yaml --to secrets/dev/a.enc.yaml
    mvx: error: list.yaml: the root is a list: SOPS files have named values at the top
    [4]
    $ mvx import bomb.yaml --to secrets/dev/a.enc.yaml
    mvx: error: bomb.yaml: line 6: the aliases stand for too many values; the limit is 1000000 in a file
    [4]
    $ mvx import deep.json --to secrets/dev/a.enc.yaml
    mvx: error: deep.json: line 1: containers stand too deep in one another; the limit is 1000 levels
    [4]
    $ mvx import sops.json --to secrets/dev/a.enc.yaml
    mvx: error: sops.json: line 1: `sops` is the name under which SOPS keeps its metadata
    mvx: hint: rename the key; if the file is sealed already, `mvx decrypt` opens it
    [203]
    $ mvx import locked.env --to secrets/dev/a.enc.yaml
    mvx: error: locked.env: still locked by git-crypt
    mvx: hint: `git-crypt unlock` decrypts the work tree's files
    [4]
    $ mvx import large.env --to secrets/dev/a.enc.yaml
    mvx: error: large.env: the file is too large to be imported; the limit is 16 MiB
    mvx: hint: `mvx encrypt large.env` seals a file as it is
    [4]
    "###);
    assert!(!repo.has("secrets/dev/a.enc.yaml"));
}

/// Ten levels of ten aliases each.
fn bomb() -> String {
    let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for level in 1..10 {
        let below = vec![format!("*a{}", level - 1); 10].join(",");
        writeln!(text, "a{level}: &a{level} [{below}]").unwrap();
    }
    text
}

#[test]
fn requests_that_make_no_sense() {
    let repo = Repo::new();
    repo.write("shape.env", "db=1\n");
    repo.write("shape.json", r#"{"db": {"a": 1}}"#);
    insta::assert_snapshot!(repo.session("
        mvx import shape.env shape.json --to secrets/dev/a.enc.yaml
        mvx import shape.env --to nowhere/a.enc.yaml
        mvx import shape.env --to shape.env
        mvx import shape.env
        mvx import --to secrets/dev/a.enc.yaml
        mvx import - - --to secrets/dev/a.enc.yaml
        mvx import --from git-crypt --to x
    "), @r###"
    $ mvx import shape.env shape.json --to secrets/dev/a.enc.yaml
    mvx: error: secrets/dev/a.enc.yaml: `db` would be a value and a map at once; nothing was imported
    mvx: hint: `--except 'db'` leaves it out, `--at KEYPATH` puts everything below another name
    [4]
    $ mvx import shape.env --to nowhere/a.enc.yaml
    mvx: error: no rule of .sops-rules.toml covers nowhere/a.enc.yaml
    mvx: hint: add to `.sops-rules.toml`:
    mvx:
    mvx:   [[files]]
    mvx:   path = "nowhere/**"
    mvx:   recipients = ["team"]
    mvx: hint: `mvx doctor --explain nowhere/a.enc.yaml` shows the rules that were compared with its name
    [3]
    $ mvx import shape.env --to shape.env
    mvx: error: shape.env: a file cannot be imported into itself
    mvx: hint: `mvx encrypt -i shape.env` encrypts it in place
    [2]
    $ mvx import shape.env
    mvx: error: there must be files to import, and a secret file to put them into
    mvx: hint: `mvx import .env --to secrets/dev/app.enc.yaml`
    mvx: hint: `mvx import --from git-crypt` takes what git-crypt marks
    [2]
    $ mvx import --to secrets/dev/a.enc.yaml
    mvx: error: there must be files to import, and a secret file to put them into
    mvx: hint: `mvx import .env --to secrets/dev/app.enc.yaml`
    mvx: hint: `mvx import --from git-crypt` takes what git-crypt marks
    [2]
    $ mvx import - - --to secrets/dev/a.enc.yaml
    mvx: error: standard input is one input, and `-` stands once
    [2]
    $ mvx import --from git-crypt --to x
    mvx: error: `--to` has no meaning here: each file gets a secret file of its own beside it
    [2]
    "###);
}
