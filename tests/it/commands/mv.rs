//! `mvx mv`.

use crate::repo::Repo;

#[test]
fn an_entry_gets_another_path() {
    let repo = Repo::new();
    repo.seal(
        "secrets/dev/app.yaml",
        "# head\na: 1.50 # beside\ndb:\n  b: 2\n  c: 3\nlist: [x, y]\n",
    );
    insta::assert_snapshot!(repo.session("
        mvx mv secrets/dev/app.enc.yaml a amount
        mvx mv secrets/dev/app.enc.yaml db.b b
        mvx mv --json secrets/dev/app.enc.yaml amount db.deep.amount
        mvx mv -q secrets/dev/app.enc.yaml db database
        mvx mv secrets/dev/app.enc.yaml 'list[0]' first
        mvx decrypt secrets/dev/app.enc.yaml
        mvx mv secrets/dev/app.enc.yaml first first
    "), @r###"
    $ mvx mv secrets/dev/app.enc.yaml a amount
    mvx: secrets/dev/app.enc.yaml: `a` is `amount` now
    $ mvx mv secrets/dev/app.enc.yaml db.b b
    mvx: secrets/dev/app.enc.yaml: `db.b` is `b` now
    $ mvx mv --json secrets/dev/app.enc.yaml amount db.deep.amount
    {"file":"secrets/dev/app.enc.yaml","changed":true,"new":["db.deep.amount"]}
    $ mvx mv -q secrets/dev/app.enc.yaml db database
    $ mvx mv secrets/dev/app.enc.yaml 'list[0]' first
    mvx: secrets/dev/app.enc.yaml: `list[0]` is `first` now
    $ mvx decrypt secrets/dev/app.enc.yaml
    # head
    database:
      c: 3
      deep:
        amount: 1.50
    list: [y]
    b: 2
    first: x
    $ mvx mv secrets/dev/app.enc.yaml first first
    mvx: secrets/dev/app.enc.yaml: nothing changed
    [200]
    "###);
}

#[test]
fn mistakes() {
    let repo = Repo::new();
    repo.seal("secrets/dev/app.yaml", "a: 1\nb: 2\nm:\n  c: 3\n");
    let before = repo.read("secrets/dev/app.enc.yaml");
    insta::assert_snapshot!(repo.session("
        mvx mv secrets/dev/app.enc.yaml a
        mvx mv secrets/dev/app.enc.yaml x y
        mvx mv secrets/dev/app.enc.yaml a b
        mvx mv secrets/dev/app.enc.yaml m m.d
        mvx mv secrets/dev/app.enc.yaml a b.c
        mvx mv secrets/dev/app.enc.yaml a sops
        mvx mv secrets/dev/app.enc.yaml a 2:a
        mvx mv secrets/dev/app.enc.yaml a 'a['
        mvx mv missing.yaml a b
    "), @r###"
    $ mvx mv secrets/dev/app.enc.yaml a
    mvx: error: missing: <TO>
    mvx: hint: `mvx mv --help` shows what it takes
    [2]
    $ mvx mv secrets/dev/app.enc.yaml x y
    mvx: error: secrets/dev/app.enc.yaml: there is no `x`
    mvx: hint: `mvx ls secrets/dev/app.enc.yaml` shows the keys
    [1]
    $ mvx mv secrets/dev/app.enc.yaml a b
    mvx: error: secrets/dev/app.enc.yaml: `b` is there already
    mvx: hint: `mvx unset` it first, or choose another key path
    [4]
    $ mvx mv secrets/dev/app.enc.yaml m m.d
    mvx: error: secrets/dev/app.enc.yaml: `m.d` lies below what is to be moved
    mvx: hint: choose a key path elsewhere
    [4]
    $ mvx mv secrets/dev/app.enc.yaml a b.c
    mvx: error: secrets/dev/app.enc.yaml: `b` is a value; nothing can stand below it
    mvx: hint: `mvx unset` the value first, or choose another path
    [4]
    $ mvx mv secrets/dev/app.enc.yaml a sops
    mvx: error: secrets/dev/app.enc.yaml: `sops` is the name under which SOPS keeps its metadata
    mvx: hint: choose another name
    [2]
    $ mvx mv secrets/dev/app.enc.yaml a 2:a
    mvx: error: secrets/dev/app.enc.yaml: there is no document 2; the file has 1
    mvx: hint: `mvx ls secrets/dev/app.enc.yaml` shows the keys
    [1]
    $ mvx mv secrets/dev/app.enc.yaml a 'a['
    mvx: error: key path `a[`: the quote or bracket opened at column 2 is not closed
    mvx: hint: paths look like `db.password`, `list[0]`, `db."a.b"` or `2:db.password`
    [2]
    $ mvx mv missing.yaml a b
    mvx: error: missing.yaml: there is no such file or directory
    mvx: hint: `mvx ls` lists the secret files
    [4]
    "###);
    assert_eq!(repo.read("secrets/dev/app.enc.yaml"), before);
}
