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

fn repo() -> Repo {
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
#[expect(clippy::too_many_lines, reason = "one long session")]
fn types() {
    let repo = repo();
    insta::assert_snapshot!(repo.session(r#"
        echo 1 | mvx set secrets/dev/app.enc.yaml db.port
        echo x | mvx set secrets/dev/app.enc.yaml db.ratio
        echo false | mvx set secrets/dev/app.enc.yaml db.on
        echo 7 | mvx set secrets/dev/app.enc.yaml text
        echo 7 | mvx set secrets/dev/app.enc.yaml int --type int
        echo 7 | mvx set secrets/dev/app.enc.yaml float --type float
        echo TRUE | mvx set secrets/dev/app.enc.yaml bool --type bool
        mvx set secrets/dev/app.enc.yaml nothing --type null
        echo '{"port": 1, "hosts": ["a", 2.5, null]}' | mvx set secrets/dev/app.enc.yaml map --type json
        echo '"quoted"' | mvx set secrets/dev/app.enc.yaml quoted --type json
        echo '9007199254740993' | mvx set secrets/dev/app.enc.yaml large --type json
        mvx decrypt secrets/dev/app.enc.yaml
        mvx ls secrets/dev
        echo x | mvx set secrets/dev/app.enc.yaml int --type int
        echo 9223372036854775808 | mvx set secrets/dev/app.enc.yaml int --type int
        echo x | mvx set secrets/dev/app.enc.yaml int --type float
        echo x | mvx set secrets/dev/app.enc.yaml int --type bool
        echo '{"hidden-value' | mvx set secrets/dev/app.enc.yaml int --type json
        echo x | mvx set secrets/dev/app.enc.yaml int --type date
    "#), @r###"
    $ echo 1 | mvx set secrets/dev/app.enc.yaml db.port
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: secrets/dev/app.enc.yaml: `db.port` changed
    $ echo x | mvx set secrets/dev/app.enc.yaml db.ratio
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: secrets/dev/app.enc.yaml: `db.ratio` changed
    $ echo false | mvx set secrets/dev/app.enc.yaml db.on
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: secrets/dev/app.enc.yaml: `db.on` changed
    $ echo 7 | mvx set secrets/dev/app.enc.yaml text
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: secrets/dev/app.enc.yaml: `text` added
    $ echo 7 | mvx set secrets/dev/app.enc.yaml int --type int
    mvx: secrets/dev/app.enc.yaml: `int` added
    $ echo 7 | mvx set secrets/dev/app.enc.yaml float --type float
    mvx: secrets/dev/app.enc.yaml: `float` added
    $ echo TRUE | mvx set secrets/dev/app.enc.yaml bool --type bool
    mvx: secrets/dev/app.enc.yaml: `bool` added
    $ mvx set secrets/dev/app.enc.yaml nothing --type null
    mvx: secrets/dev/app.enc.yaml: `nothing` added
    $ echo '{"port": 1, "hosts": ["a", 2.5, null]}' | mvx set secrets/dev/app.enc.yaml map --type json
    mvx: secrets/dev/app.enc.yaml: `map` added
    $ echo '"quoted"' | mvx set secrets/dev/app.enc.yaml quoted --type json
    mvx: secrets/dev/app.enc.yaml: `quoted` added
    $ echo '9007199254740993' | mvx set secrets/dev/app.enc.yaml large --type json
    mvx: secrets/dev/app.enc.yaml: `large` added
    $ mvx decrypt secrets/dev/app.enc.yaml
    # the database
    db:
      password: hunter2 # old
      port: 1
      ratio: x
      on: false
    list:
    - a
    - b
    text: "7"
    int: 7
    float: 7.0
    bool: true
    nothing: null
    map:
      port: 1
      hosts:
        - a
        - 2.5
        - null
    quoted: quoted
    large: 9007199254740993
    ---
    a: 1
    $ mvx ls secrets/dev
    secrets/dev/app.enc.yaml
      dev, for ana and bob, changed [TIME]
      db.password   str
      db.port       int
      db.ratio      str
      db.on         bool
      list[0]       str
      list[1]       str
      text          str
      int           int
      float         float
      bool          bool
      nothing       null
      map.port      int
      map.hosts[0]  str
      map.hosts[1]  float
      map.hosts[2]  null
      quoted        str
      large         int
      2:a           int
    $ echo x | mvx set secrets/dev/app.enc.yaml int --type int
    mvx: error: secrets/dev/app.enc.yaml: the value is not a 64-bit integer
    mvx: hint: `--type str` sets it as text
    [2]
    $ echo 9223372036854775808 | mvx set secrets/dev/app.enc.yaml int --type int
    mvx: error: secrets/dev/app.enc.yaml: the value is not a 64-bit integer
    mvx: hint: `--type str` sets it as text
    [2]
    $ echo x | mvx set secrets/dev/app.enc.yaml int --type float
    mvx: error: secrets/dev/app.enc.yaml: the value is not a 64-bit float
    mvx: hint: `--type str` sets it as text
    [2]
    $ echo x | mvx set secrets/dev/app.enc.yaml int --type bool
    mvx: error: secrets/dev/app.enc.yaml: the value is not `true` or `false`
    mvx: hint: `--type str` sets it as text
    [2]
    $ echo '{"hidden-value' | mvx set secrets/dev/app.enc.yaml int --type json
    mvx: error: secrets/dev/app.enc.yaml: the value is not JSON (line 1, column 14)
    mvx: hint: `--type str` sets it as text
    [2]
    $ echo x | mvx set secrets/dev/app.enc.yaml int --type date
    mvx: error: `--type <TYPE>` is one of: same, str, int, float, bool, null, json
    mvx: hint: `mvx set --help` shows what it takes
    [2]
    "###);
}

#[test]
fn places() {
    let repo = repo();
    insta::assert_snapshot!(repo.session(r#"
        echo x | mvx set secrets/dev/app.enc.yaml deep.er.still
        echo x | mvx set secrets/dev/app.enc.yaml 'list[2]'
        echo x | mvx set secrets/dev/app.enc.yaml 'list[4]'
        echo x | mvx set secrets/dev/app.enc.yaml 'new[0].name'
        echo x | mvx set secrets/dev/app.enc.yaml '"a.b"'
        echo x | mvx set secrets/dev/app.enc.yaml '["a b"]["c"]'
        echo x | mvx set secrets/dev/app.enc.yaml 2:b
        echo x | mvx set secrets/dev/app.enc.yaml 3:b
        echo x | mvx set secrets/dev/app.enc.yaml db.password.below
        echo x | mvx set secrets/dev/app.enc.yaml db
        echo x | mvx set secrets/dev/app.enc.yaml sops
        echo x | mvx set secrets/dev/app.enc.yaml 'a[' 
        cd secrets && echo x | mvx set dev/app.enc.yaml 'list[0]'
        mvx decrypt secrets/dev/app.enc.yaml
    "#), @r###"
    $ echo x | mvx set secrets/dev/app.enc.yaml deep.er.still
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: secrets/dev/app.enc.yaml: `deep.er.still` added
    $ echo x | mvx set secrets/dev/app.enc.yaml 'list[2]'
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: secrets/dev/app.enc.yaml: `list[2]` added
    $ echo x | mvx set secrets/dev/app.enc.yaml 'list[4]'
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: error: secrets/dev/app.enc.yaml: `list[4]` would leave a gap: the next item of the list is `list[3]`
    [1]
    $ echo x | mvx set secrets/dev/app.enc.yaml 'new[0].name'
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: secrets/dev/app.enc.yaml: `new[0].name` added
    $ echo x | mvx set secrets/dev/app.enc.yaml '"a.b"'
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: secrets/dev/app.enc.yaml: `"a.b"` added
    $ echo x | mvx set secrets/dev/app.enc.yaml '["a b"]["c"]'
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: secrets/dev/app.enc.yaml: `a b.c` added
    $ echo x | mvx set secrets/dev/app.enc.yaml 2:b
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: secrets/dev/app.enc.yaml: `2:b` added
    $ echo x | mvx set secrets/dev/app.enc.yaml 3:b
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: error: secrets/dev/app.enc.yaml: there is no document 3; the file has 2
    mvx: hint: `mvx ls secrets/dev/app.enc.yaml` shows the keys
    [1]
    $ echo x | mvx set secrets/dev/app.enc.yaml db.password.below
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: error: secrets/dev/app.enc.yaml: `db.password` is a value; nothing can stand below it
    mvx: hint: `mvx unset` the value first, or choose another path
    [4]
    $ echo x | mvx set secrets/dev/app.enc.yaml db
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: error: secrets/dev/app.enc.yaml: `db` is a map of 4 keys; a value would take its place
    mvx: hint: name one of its keys, or `mvx unset` it first
    mvx: hint: `--type json` sets another map or list
    [4]
    $ echo x | mvx set secrets/dev/app.enc.yaml sops
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: error: secrets/dev/app.enc.yaml: `sops` is the name under which SOPS keeps its metadata
    mvx: hint: choose another name
    [2]
    $ echo x | mvx set secrets/dev/app.enc.yaml 'a['
    mvx: error: key path `a[`: the quote or bracket opened at column 2 is not closed
    mvx: hint: paths look like `db.password`, `list[0]`, `db."a.b"` or `2:db.password`
    [2]
    $ cd secrets && echo x | mvx set dev/app.enc.yaml 'list[0]'
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: dev/app.enc.yaml: `list[0]` changed
    $ mvx decrypt secrets/dev/app.enc.yaml
    # the database
    db:
      password: hunter2 # old
      port: 5432
      ratio: 1.5
      on: true
    list:
    - x
    - b
    - x
    deep:
      er:
        still: x
    new:
      - name: x
    a.b: x
    a b:
      c: x
    ---
    a: 1
    b: x
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
fn a_file_that_is_one_value() {
    let repo = Repo::new();
    repo.seal("secrets/dev/key.pem", "old\n");
    repo.write("new.pem", b"\x00\xffnew\n");
    insta::assert_snapshot!(repo.session("
        mvx set secrets/dev/key.enc.pem data --from-file new.pem --exact
        mvx set secrets/dev/key.enc.pem data --from-file new.pem --exact
        mvx decrypt secrets/dev/key.enc.pem | od -An -tx1
        echo x | mvx set secrets/dev/key.enc.pem other
        echo '{}' | mvx set secrets/dev/key.enc.pem data --type json
        mvx unset secrets/dev/key.enc.pem data
    "), @r###"
    $ mvx set secrets/dev/key.enc.pem data --from-file new.pem --exact
    mvx: secrets/dev/key.enc.pem: `data` changed
    $ mvx set secrets/dev/key.enc.pem data --from-file new.pem --exact
    mvx: secrets/dev/key.enc.pem: nothing changed
    [200]
    $ mvx decrypt secrets/dev/key.enc.pem | od -An -tx1
     00 ff 6e 65 77 0a
    $ echo x | mvx set secrets/dev/key.enc.pem other
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: error: secrets/dev/key.enc.pem: other: a binary file is sealed as one value, `data`
    [4]
    $ echo '{}' | mvx set secrets/dev/key.enc.pem data --type json
    mvx: error: secrets/dev/key.enc.pem: data: a binary file is sealed as one value, `data`
    [4]
    $ mvx unset secrets/dev/key.enc.pem data
    mvx: error: secrets/dev/key.enc.pem: data: a binary file is sealed as one value, `data`
    [4]
    "###);
}

#[test]
fn ini_has_sections() {
    let repo = Repo::new();
    repo.seal("secrets/dev/app.ini", "[s]\nk = v\n");
    insta::assert_snapshot!(repo.session("
        echo x | mvx set secrets/dev/app.enc.ini s.new
        echo x | mvx set secrets/dev/app.enc.ini t.new
        echo x | mvx set secrets/dev/app.enc.ini KEY
        echo x | mvx set secrets/dev/app.enc.ini s.k.deep
        echo '[1]' | mvx set secrets/dev/app.enc.ini s.list --type json
        mvx decrypt secrets/dev/app.enc.ini
    "), @r###"
    $ echo x | mvx set secrets/dev/app.enc.ini s.new
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: secrets/dev/app.enc.ini: `s.new` added
    $ echo x | mvx set secrets/dev/app.enc.ini t.new
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: secrets/dev/app.enc.ini: `t.new` added
    $ echo x | mvx set secrets/dev/app.enc.ini KEY
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: error: secrets/dev/app.enc.ini: KEY: in INI a value stands in a section, as `DEFAULT.name`
    [4]
    $ echo x | mvx set secrets/dev/app.enc.ini s.k.deep
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: error: secrets/dev/app.enc.ini: `s.k` is a value; nothing can stand below it
    mvx: hint: `mvx unset` the value first, or choose another path
    [4]
    $ echo '[1]' | mvx set secrets/dev/app.enc.ini s.list --type json
    mvx: error: secrets/dev/app.enc.ini: s.list: INI files have sections and names in them, nothing deeper
    mvx: hint: YAML and JSON files carry every value
    [4]
    $ mvx decrypt secrets/dev/app.enc.ini
    [s]
    k = v
    new = x

    [t]
    new = x
    "###);
}

#[test]
fn a_key_that_stands_twice_is_not_changed() {
    let repo = Repo::new();
    repo.seal("secrets/dev/a.env", "A=1\nB=x\nA=2\n");
    repo.seal(
        "secrets/dev/a.json",
        "{\n  \"m\": {\"k\": 1},\n  \"m\": {\"k\": 2}\n}\n",
    );
    let before = repo.read("secrets/dev/a.enc.env");
    insta::assert_snapshot!(repo.session(r#"
        echo 3 | mvx set secrets/dev/a.enc.env A
        echo '{"B": "y", "A": "3"}' | mvx set --many secrets/dev/a.enc.env
        mvx unset secrets/dev/a.enc.env A
        mvx mv secrets/dev/a.enc.env A C
        mvx mv secrets/dev/a.enc.env B A
        echo 3 | mvx set secrets/dev/a.enc.json m.k
        echo 3 | mvx set secrets/dev/a.enc.json m.new
    "#), @r###"
    $ echo 3 | mvx set secrets/dev/a.enc.env A
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: error: secrets/dev/a.enc.env: `A` stands on lines 1 and 3; nothing was changed
    mvx: hint: `mvx edit secrets/dev/a.enc.env` shows them: remove all but one
    [4]
    $ echo '{"B": "y", "A": "3"}' | mvx set --many secrets/dev/a.enc.env
    mvx: error: secrets/dev/a.enc.env: `A` stands on lines 1 and 3; nothing was changed
    mvx: hint: `mvx edit secrets/dev/a.enc.env` shows them: remove all but one
    [4]
    $ mvx unset secrets/dev/a.enc.env A
    mvx: error: secrets/dev/a.enc.env: `A` stands on lines 1 and 3; nothing was changed
    mvx: hint: `mvx edit secrets/dev/a.enc.env` shows them: remove all but one
    [4]
    $ mvx mv secrets/dev/a.enc.env A C
    mvx: error: secrets/dev/a.enc.env: `A` stands on lines 1 and 3; nothing was changed
    mvx: hint: `mvx edit secrets/dev/a.enc.env` shows them: remove all but one
    [4]
    $ mvx mv secrets/dev/a.enc.env B A
    mvx: error: secrets/dev/a.enc.env: `A` stands on lines 1 and 3; nothing was changed
    mvx: hint: `mvx edit secrets/dev/a.enc.env` shows them: remove all but one
    [4]
    $ echo 3 | mvx set secrets/dev/a.enc.json m.k
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: error: secrets/dev/a.enc.json: `m` stands on lines 2 and 3; nothing was changed
    mvx: hint: `mvx edit secrets/dev/a.enc.json` shows them: remove all but one
    [4]
    $ echo 3 | mvx set secrets/dev/a.enc.json m.new
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: error: secrets/dev/a.enc.json: `m` stands on lines 2 and 3; nothing was changed
    mvx: hint: `mvx edit secrets/dev/a.enc.json` shows them: remove all but one
    [4]
    "###);
    assert_eq!(repo.read("secrets/dev/a.enc.env"), before);
    assert_eq!(repo.plaintext("secrets/dev/a.enc.env"), "A=1\nB=x\nA=2\n");
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
