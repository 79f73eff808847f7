//! `mvx set`: which values may stand where.

use crate::repo::Repo;

use super::set::repo;

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
