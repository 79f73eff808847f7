//! `mvx unset`.

use crate::repo::Repo;

#[test]
fn an_entry_goes_with_what_is_below_it() {
    let repo = Repo::new();
    repo.seal(
        "secrets/dev/app.yaml",
        "# head\na: 1\ndb:\n  # about b\n  b: 2 # beside\n  c: 3\nlist: [x, y, z]\n---\nd: 4\n",
    );
    insta::assert_snapshot!(repo.session("
        mvx unset secrets/dev/app.enc.yaml db.b
        mvx unset --json secrets/dev/app.enc.yaml 'list[0]'
        mvx unset -q secrets/dev/app.enc.yaml 2:d
        mvx decrypt secrets/dev/app.enc.yaml
        mvx unset secrets/dev/app.enc.yaml db
        mvx unset secrets/dev/app.enc.yaml list
        mvx unset secrets/dev/app.enc.yaml a
        mvx decrypt secrets/dev/app.enc.yaml
    "), @r###"
    $ mvx unset secrets/dev/app.enc.yaml db.b
    mvx: secrets/dev/app.enc.yaml: `db.b` removed
    $ mvx unset --json secrets/dev/app.enc.yaml 'list[0]'
    {"file":"secrets/dev/app.enc.yaml","changed":true,"new":[]}
    $ mvx unset -q secrets/dev/app.enc.yaml 2:d
    $ mvx decrypt secrets/dev/app.enc.yaml
    # head
    a: 1
    db:
      # about b
      c: 3
    list: [y, z]
    ---
    $ mvx unset secrets/dev/app.enc.yaml db
    mvx: secrets/dev/app.enc.yaml: `db` removed
    $ mvx unset secrets/dev/app.enc.yaml list
    mvx: secrets/dev/app.enc.yaml: `list` removed
    $ mvx unset secrets/dev/app.enc.yaml a
    mvx: secrets/dev/app.enc.yaml: `a` removed
    $ mvx decrypt secrets/dev/app.enc.yaml
    # head
    {}
    ---
    "###);
}

#[test]
fn mistakes() {
    let repo = Repo::new();
    repo.seal("secrets/dev/app.yaml", "a: 1\n");
    let before = repo.read("secrets/dev/app.enc.yaml");
    insta::assert_snapshot!(repo.session("
        mvx unset secrets/dev/app.enc.yaml
        mvx unset secrets/dev/app.enc.yaml b
        mvx unset secrets/dev/app.enc.yaml a.b
        mvx unset secrets/dev/app.enc.yaml 2:a
        mvx unset secrets/dev/app.enc.yaml sops
        mvx unset secrets/dev/app.enc.yaml 'a['
        mvx unset --json secrets/dev/app.enc.yaml b
        mvx unset missing.yaml a
    "), @r###"
    $ mvx unset secrets/dev/app.enc.yaml
    mvx: error: missing: <KEY>
    mvx: hint: `mvx unset --help` shows what it takes
    [2]
    $ mvx unset secrets/dev/app.enc.yaml b
    mvx: error: secrets/dev/app.enc.yaml: there is no `b`
    mvx: hint: `mvx ls secrets/dev/app.enc.yaml` shows the keys
    [1]
    $ mvx unset secrets/dev/app.enc.yaml a.b
    mvx: error: secrets/dev/app.enc.yaml: there is no `a.b`
    mvx: hint: `mvx ls secrets/dev/app.enc.yaml` shows the keys
    [1]
    $ mvx unset secrets/dev/app.enc.yaml 2:a
    mvx: error: secrets/dev/app.enc.yaml: there is no document 2; the file has 1
    mvx: hint: `mvx ls secrets/dev/app.enc.yaml` shows the keys
    [1]
    $ mvx unset secrets/dev/app.enc.yaml sops
    mvx: error: secrets/dev/app.enc.yaml: there is no `sops`
    mvx: hint: `mvx ls secrets/dev/app.enc.yaml` shows the keys
    [1]
    $ mvx unset secrets/dev/app.enc.yaml 'a['
    mvx: error: key path `a[`: the quote or bracket opened at column 2 is not closed
    mvx: hint: paths look like `db.password`, `list[0]`, `db."a.b"` or `2:db.password`
    [2]
    $ mvx unset --json secrets/dev/app.enc.yaml b
    {"code":"no-such-key","exit":1,"message":"there is no `b`","place":"secrets/dev/app.enc.yaml","causes":[],"hints":["`mvx ls secrets/dev/app.enc.yaml` shows the keys"]}
    [1]
    $ mvx unset missing.yaml a
    mvx: error: missing.yaml: there is no such file or directory
    mvx: hint: `mvx ls` lists the secret files
    [4]
    "###);
    assert_eq!(repo.read("secrets/dev/app.enc.yaml"), before);
}
