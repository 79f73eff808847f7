//! `mvx get`.

use crate::repo::Repo;

const APP: &str = "\
db:
  password: hunter2
  port: 5432
  ratio: 1.50
  on: true
  none: null
  since: 2024-01-02
  empty: ''
  pem: |
    -----BEGIN-----
    line
users:
- name: ana
  token: t-1
- name: bob
\"a.b\": dotted
\"ключ 🔑\": unicode
list: [x, y]
---
db: second
";

fn repo() -> Repo {
    let repo = Repo::new();
    repo.seal("secrets/dev/app.yaml", APP);
    repo
}

#[test]
fn one_value() {
    insta::assert_snapshot!(repo().session(r#"
        mvx get secrets/dev/app.enc.yaml db.password
        mvx get secrets/dev/app.enc.yaml db.port
        mvx get secrets/dev/app.enc.yaml db.ratio
        mvx get secrets/dev/app.enc.yaml db.on
        mvx get secrets/dev/app.enc.yaml db.none
        mvx get secrets/dev/app.enc.yaml db.since
        mvx get secrets/dev/app.enc.yaml db.empty
        mvx get secrets/dev/app.enc.yaml db.pem
        mvx get --raw secrets/dev/app.enc.yaml db.password
        mvx get --raw secrets/dev/app.enc.yaml db.none
        mvx get secrets/dev/app.enc.yaml 'users[0].token'
        mvx get secrets/dev/app.enc.yaml '"a.b"'
        mvx get secrets/dev/app.enc.yaml '["a.b"]'
        mvx get secrets/dev/app.enc.yaml 'ключ 🔑'
        mvx get secrets/dev/app.enc.yaml 2:db
        cd secrets/dev && mvx get app.enc.yaml 'list[1]'
        mvx -C secrets get dev/app.enc.yaml '["users"][1]["name"]'
    "#), @r###"
    $ mvx get secrets/dev/app.enc.yaml db.password
    hunter2
    $ mvx get secrets/dev/app.enc.yaml db.port
    5432
    $ mvx get secrets/dev/app.enc.yaml db.ratio
    1.5
    $ mvx get secrets/dev/app.enc.yaml db.on
    true
    $ mvx get secrets/dev/app.enc.yaml db.none
    null
    $ mvx get secrets/dev/app.enc.yaml db.since
    [TIME]
    $ mvx get secrets/dev/app.enc.yaml db.empty

    $ mvx get secrets/dev/app.enc.yaml db.pem
    -----BEGIN-----
    line
    $ mvx get --raw secrets/dev/app.enc.yaml db.password
    hunter2⏎
    $ mvx get --raw secrets/dev/app.enc.yaml db.none
    null⏎
    $ mvx get secrets/dev/app.enc.yaml 'users[0].token'
    t-1
    $ mvx get secrets/dev/app.enc.yaml '"a.b"'
    dotted
    $ mvx get secrets/dev/app.enc.yaml '["a.b"]'
    dotted
    $ mvx get secrets/dev/app.enc.yaml 'ключ 🔑'
    unicode
    $ mvx get secrets/dev/app.enc.yaml 2:db
    second
    $ cd secrets/dev && mvx get app.enc.yaml 'list[1]'
    y
    $ mvx -C secrets get dev/app.enc.yaml '["users"][1]["name"]'
    bob
    "###);
}

#[test]
fn maps_and_lists() {
    let repo = repo();
    repo.seal(
        "secrets/dev/app.json",
        "{\"db\": {\"port\": 5432, \"hosts\": [\"a\"]}}\n",
    );
    repo.seal("secrets/dev/app.ini", "[db]\nport = 5432\n");
    insta::assert_snapshot!(repo.session("
        mvx get secrets/dev/app.enc.yaml db
        mvx get secrets/dev/app.enc.yaml users
        mvx get secrets/dev/app.enc.yaml list
        mvx get secrets/dev/app.enc.json db
        mvx get secrets/dev/app.enc.ini db
    "), @r###"
    $ mvx get secrets/dev/app.enc.yaml db
    password: hunter2
    port: 5432
    ratio: 1.50
    on: true
    none: null
    since: 2024-01-02
    empty: ''
    pem: |
      -----BEGIN-----
      line
    $ mvx get secrets/dev/app.enc.yaml users
    - name: ana
      token: t-1
    - name: bob
    $ mvx get secrets/dev/app.enc.yaml list
    [x, y]
    $ mvx get secrets/dev/app.enc.json db
    {"port": 5432, "hosts": ["a"]}
    $ mvx get secrets/dev/app.enc.ini db
    [db]
    port = 5432
    "###);
}

#[test]
fn json_keeps_types() {
    insta::assert_snapshot!(repo().session("
        mvx get --json secrets/dev/app.enc.yaml db
        mvx get --json secrets/dev/app.enc.yaml 'users[1]'
        mvx get --json secrets/dev/app.enc.yaml db.port
        mvx get --json secrets/dev/app.enc.yaml db.none
    "), @r###"
    $ mvx get --json secrets/dev/app.enc.yaml db
    {"file":"secrets/dev/app.enc.yaml","key":"db","type":"map","value":{"password":"hunter2","port":5432,"ratio":1.5,"on":true,"none":null,"since":"[TIME]","empty":"","pem":"-----BEGIN-----\nline\n"}}
    $ mvx get --json secrets/dev/app.enc.yaml 'users[1]'
    {"file":"secrets/dev/app.enc.yaml","key":"users[1]","type":"map","value":{"name":"bob"}}
    $ mvx get --json secrets/dev/app.enc.yaml db.port
    {"file":"secrets/dev/app.enc.yaml","key":"db.port","type":"int","value":5432}
    $ mvx get --json secrets/dev/app.enc.yaml db.none
    {"file":"secrets/dev/app.enc.yaml","key":"db.none","type":"null","value":null}
    "###);
}

#[test]
fn mistakes() {
    let repo = repo();
    repo.write("plain.yaml", APP);
    insta::assert_snapshot!(repo.session(r"
        mvx get secrets/dev/app.enc.yaml
        mvx get secrets/dev/app.enc.yaml db.pasword
        mvx get secrets/dev/app.enc.yaml something.else
        mvx get secrets/dev/app.enc.yaml 'list[2]'
        mvx get secrets/dev/app.enc.yaml 'db.password.x'
        mvx get secrets/dev/app.enc.yaml 3:db
        mvx get secrets/dev/app.enc.yaml 0:db
        mvx get secrets/dev/app.enc.yaml 'db..x'
        mvx get secrets/dev/app.enc.yaml 'list[x]'
        mvx get secrets/dev/app.enc.yaml 'list[0'
        mvx get secrets/dev/app.enc.yaml ''
        mvx get --raw --json secrets/dev/app.enc.yaml db
        mvx get --json secrets/dev/app.enc.yaml nothing
        mvx get plain.yaml db
        mvx get secrets/dev/app.yaml db
        mvx get secrets/dev db
    "), @r###"
    $ mvx get secrets/dev/app.enc.yaml
    mvx: error: missing: <KEY>
    mvx: hint: `mvx get --help` shows what it takes
    [2]
    $ mvx get secrets/dev/app.enc.yaml db.pasword
    mvx: error: secrets/dev/app.enc.yaml: there is no `db.pasword`
    mvx: hint: did you mean `db.password`?
    [1]
    $ mvx get secrets/dev/app.enc.yaml something.else
    mvx: error: secrets/dev/app.enc.yaml: there is no `something.else`
    mvx: hint: `mvx ls secrets/dev/app.enc.yaml` shows the keys
    [1]
    $ mvx get secrets/dev/app.enc.yaml 'list[2]'
    mvx: error: secrets/dev/app.enc.yaml: there is no `list[2]`: the list has 2 items, counted from 0
    mvx: hint: `mvx ls secrets/dev/app.enc.yaml` shows the keys
    [1]
    $ mvx get secrets/dev/app.enc.yaml 'db.password.x'
    mvx: error: secrets/dev/app.enc.yaml: there is no `db.password.x`
    mvx: hint: did you mean `db.password`?
    [1]
    $ mvx get secrets/dev/app.enc.yaml 3:db
    mvx: error: secrets/dev/app.enc.yaml: there is no document 3; the file has 2
    mvx: hint: `mvx ls secrets/dev/app.enc.yaml` shows the keys
    [1]
    $ mvx get secrets/dev/app.enc.yaml 0:db
    mvx: error: key path `0:db`: documents are counted from 1
    mvx: hint: paths look like `db.password`, `list[0]`, `db."a.b"` or `2:db.password`
    [2]
    $ mvx get secrets/dev/app.enc.yaml 'db..x'
    mvx: error: key path `db..x`: a name is missing at column 4
    mvx: hint: paths look like `db.password`, `list[0]`, `db."a.b"` or `2:db.password`
    [2]
    $ mvx get secrets/dev/app.enc.yaml 'list[x]'
    mvx: error: key path `list[x]`: between brackets stands an index such as [0], or a quoted name
    mvx: hint: paths look like `db.password`, `list[0]`, `db."a.b"` or `2:db.password`
    [2]
    $ mvx get secrets/dev/app.enc.yaml 'list[0'
    mvx: error: key path `list[0`: the quote or bracket opened at column 5 is not closed
    mvx: hint: paths look like `db.password`, `list[0]`, `db."a.b"` or `2:db.password`
    [2]
    $ mvx get secrets/dev/app.enc.yaml ''
    mvx: error: the key path is empty
    mvx: hint: paths look like `db.password`, `list[0]`, `db."a.b"` or `2:db.password`
    [2]
    $ mvx get --raw --json secrets/dev/app.enc.yaml db
    {"code":"usage","exit":2,"message":"`--raw` and `--json` exclude each other","place":null,"causes":[],"hints":["`mvx get --help` shows what it takes"]}
    [2]
    $ mvx get --json secrets/dev/app.enc.yaml nothing
    {"code":"no-such-key","exit":1,"message":"there is no `nothing`","place":"secrets/dev/app.enc.yaml","causes":[],"hints":["`mvx ls secrets/dev/app.enc.yaml` shows the keys"]}
    [1]
    $ mvx get plain.yaml db
    mvx: error: plain.yaml: it is not encrypted: it has no `sops` block
    mvx: hint: `mvx encrypt plain.yaml` encrypts it
    [4]
    $ mvx get secrets/dev/app.yaml db
    mvx: error: secrets/dev/app.yaml: there is no such file or directory
    mvx: hint: did you mean `secrets/dev/app.enc.yaml`?
    [4]
    $ mvx get secrets/dev db
    mvx: error: secrets/dev: a directory, not a file
    [4]
    "###);
}

#[test]
fn a_key_that_stands_twice_is_said() {
    let repo = Repo::new();
    repo.seal("secrets/dev/a.env", "A=1\nB=x\nA=2\n");
    repo.seal(
        "secrets/dev/a.json",
        "{\n  \"m\": {\"k\": 1},\n  \"m\": {\"k\": 2}\n}\n",
    );
    insta::assert_snapshot!(repo.session("
        mvx get secrets/dev/a.enc.env A
        mvx get -q secrets/dev/a.enc.env A
        mvx get secrets/dev/a.enc.env B
        mvx get secrets/dev/a.enc.json m.k
    "), @r###"
    $ mvx get secrets/dev/a.enc.env A
    2
    mvx: secrets/dev/a.enc.env: `A` stands on lines 1 and 3; the last one counts
    $ mvx get -q secrets/dev/a.enc.env A
    2
    $ mvx get secrets/dev/a.enc.env B
    x
    $ mvx get secrets/dev/a.enc.json m.k
    2
    mvx: secrets/dev/a.enc.json: `m` stands on lines 2 and 3; the last one counts
    "###);
}
