//! `mvx ls`.

use crate::repo::Repo;

const APP: &str = "db:\n  password: hunter2\n  port_unencrypted: 5432\nnone: null\nempty: ''\nmap: {}\nlist: [1.5, true]\n---\nd: 2024-01-02\n";

#[test]
fn an_inventory_needs_no_key_and_shows_no_value() {
    let repo = Repo::new();
    repo.seal("secrets/dev/app.yaml", APP);
    repo.seal("secrets/bob/x.env", "# a comment\nTOKEN=hunter2\n");
    repo.write("secrets/dev/plain.yaml", APP);
    repo.hold_nothing();
    insta::assert_snapshot!(repo.session("
        mvx ls
        mvx ls secrets/bob
        mvx -C secrets/dev ls
        cd secrets && mvx ls dev/app.enc.yaml
        mvx ls --json secrets/bob
        mvx ls -q
    "), @r###"
    $ mvx ls
    secrets/bob/x.enc.env
      for bob, changed [TIME]
      TOKEN  str

    secrets/dev/app.enc.yaml
      dev, for ana and bob, changed [TIME]
      db.password          str
      db.port_unencrypted  int    in clear
      none                 null
      empty                str    empty
      list[0]              float
      list[1]              bool
      2:d                  time
    $ mvx ls secrets/bob
    secrets/bob/x.enc.env
      for bob, changed [TIME]
      TOKEN  str
    $ mvx -C secrets/dev ls
    app.enc.yaml
      dev, for ana and bob, changed [TIME]
      db.password          str
      db.port_unencrypted  int    in clear
      none                 null
      empty                str    empty
      list[0]              float
      list[1]              bool
      2:d                  time
    $ cd secrets && mvx ls dev/app.enc.yaml
    dev/app.enc.yaml
      dev, for ana and bob, changed [TIME]
      db.password          str
      db.port_unencrypted  int    in clear
      none                 null
      empty                str    empty
      list[0]              float
      list[1]              bool
      2:d                  time
    $ mvx ls --json secrets/bob
    {"files":[{"file":"secrets/bob/x.enc.env","format":"dotenv","environment":null,"last_modified":"[TIME]","recipients":[{"name":"bob","kind":"age","id":"[BOB]","group":null}],"groups":{"groups":1,"needed":1},"keys":[{"key":"TOKEN","type":"str","encrypted":true,"version":null,"rotated":null,"due":null,"state":null}]}]}
    $ mvx ls -q
    secrets/bob/x.enc.env
      for bob, changed [TIME]
      TOKEN  str

    secrets/dev/app.enc.yaml
      dev, for ana and bob, changed [TIME]
      db.password          str
      db.port_unencrypted  int    in clear
      none                 null
      empty                str    empty
      list[0]              float
      list[1]              bool
      2:d                  time
    "###);
}

#[test]
fn mistakes() {
    let repo = Repo::new();
    repo.seal("secrets/dev/app.yaml", "a: 1\n");
    repo.write("plain.yaml", APP);
    repo.write("secrets/dev/broken.enc.yaml", "a: [\n");
    insta::assert_snapshot!(repo.session("
        mvx ls
        mvx ls missing
        mvx ls secrets/dev/app.yaml
        mvx ls plain.yaml
        mvx ls --json plain.yaml secrets/dev/app.enc.yaml
    "), @r###"
    $ mvx ls
    secrets/dev/app.enc.yaml
      dev, for ana and bob, changed [TIME]
      a  int
    mvx: error: secrets/dev/broken.enc.yaml: line 1: a bracket or brace is opened and not closed
    [4]
    $ mvx ls missing
    mvx: error: missing: there is no such file or directory
    mvx: hint: `mvx ls` lists the secret files
    [4]
    $ mvx ls secrets/dev/app.yaml
    mvx: error: secrets/dev/app.yaml: there is no such file or directory
    mvx: hint: did you mean `secrets/dev/app.enc.yaml`?
    [4]
    $ mvx ls plain.yaml
    mvx: error: plain.yaml: it is not encrypted: it has no `sops` block
    mvx: hint: `mvx encrypt plain.yaml` encrypts it
    [4]
    $ mvx ls --json plain.yaml secrets/dev/app.enc.yaml
    {"files":[{"file":"secrets/dev/app.enc.yaml","format":"yaml","environment":"dev","last_modified":"[TIME]","recipients":[{"name":"ana","kind":"age","id":"[ANA]","group":null},{"name":"bob","kind":"age","id":"[BOB]","group":null}],"groups":{"groups":1,"needed":1},"keys":[{"key":"a","type":"int","encrypted":true,"version":null,"rotated":null,"due":null,"state":null}]}]}
    {"code":"not-encrypted","exit":4,"message":"it is not encrypted: it has no `sops` block","place":"plain.yaml","causes":[],"hints":["`mvx encrypt plain.yaml` encrypts it"]}
    [4]
    "###);
    let repo = Repo::bare();
    insta::assert_snapshot!(repo.session("
        mvx ls
        mvx ls --json
    "), @r###"
    $ mvx ls
    mvx: there are no secret files here; `mvx edit FILE` and `mvx encrypt FILE` make one
    $ mvx ls --json
    {"files":[]}
    "###);
}

#[test]
fn files_of_sops_are_found_under_their_own_names() {
    let repo = Repo::new();
    repo.write("secrets/dev/in-place.json", "{\"a\": 1}\n");
    repo.write("secrets/dev/ignored.yaml", "a: 1\n");
    repo.write("elsewhere/sops.txt", "sops is a program\n");
    repo.session(
        "
        mvx encrypt -i secrets/dev/in-place.json
        mvx encrypt -i secrets/dev/ignored.yaml
    ",
    );
    insta::assert_snapshot!(repo.session("
        mvx ls
        mvx ls secrets/dev/ignored.yaml
        mvx decrypt secrets
    "), @r###"
    $ mvx ls
    secrets/dev/in-place.json
      dev, for ana and bob, changed [TIME]
      a  int
    $ mvx ls secrets/dev/ignored.yaml
    secrets/dev/ignored.yaml
      dev, for ana and bob, changed [TIME]
      a  int
    $ mvx decrypt secrets
    {"a": 1}
    "###);
}

#[test]
fn names_cannot_act_on_the_terminal() {
    let repo = Repo::new();
    repo.seal(
        "secrets/dev/a\u{1b}[2J.yaml",
        "\"k\\e[31m\": 1\n\"rtl\u{202e}\": 2\n",
    );
    let shown = repo.session("mvx ls");
    assert!(
        !shown.contains('\u{1b}') && !shown.contains('\u{202e}'),
        "{shown}"
    );
    insta::assert_snapshot!(shown, @r###"
    $ mvx ls
    secrets/dev/a\u{1b}[2J.enc.yaml
      dev, for ana and bob, changed [TIME]
      "k\u{1b}[31m"  int
      rtl\u{202e}    int
    "###);
}
