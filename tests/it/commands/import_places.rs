//! `mvx import`: where what is imported goes, and what may stand there.

use crate::repo::Repo;

#[test]
fn everything_can_be_put_below_a_key_path() {
    let repo = Repo::new();
    repo.write("app.env", "# c\nHOST=db\nPORT=5432\n");
    repo.write("app.ini", "[web]\nport = 80 ; of it\n");
    repo.write("app.yaml", "# kept\na: 0x1F\nb: [1, 2]\n");
    insta::assert_snapshot!(repo.session("
        mvx import -q app.env --to secrets/dev/a.enc.yaml --at services.db
        mvx decrypt secrets/dev/a.enc.yaml
        mvx import -q app.env --to secrets/dev/a.enc.yaml --at services.web --prefix WEB_
        mvx decrypt secrets/dev/a.enc.yaml
        mvx import -q app.ini app.yaml --to secrets/dev/b.enc.json
        mvx decrypt secrets/dev/b.enc.json
        mvx import -q app.yaml --to secrets/dev/c.enc.yaml
        mvx decrypt secrets/dev/c.enc.yaml
    "), @r###"
    $ mvx import -q app.env --to secrets/dev/a.enc.yaml --at services.db
    mvx: warning: app.env: the plaintext is still there, and git does not ignore it
    mvx: hint: `rm app.env` removes it
    $ mvx decrypt secrets/dev/a.enc.yaml
    services:
      db:
        HOST: db
        PORT: "5432"
    $ mvx import -q app.env --to secrets/dev/a.enc.yaml --at services.web --prefix WEB_
    mvx: warning: app.env: the plaintext is still there, and git does not ignore it
    mvx: hint: `rm app.env` removes it
    $ mvx decrypt secrets/dev/a.enc.yaml
    services:
      db:
        HOST: db
        PORT: "5432"
      web:
        WEB_HOST: db
        WEB_PORT: "5432"
    $ mvx import -q app.ini app.yaml --to secrets/dev/b.enc.json
    mvx: warning: app.ini: 1 comment of it is not in the secret file
    mvx: hint: `mvx edit secrets/dev/b.enc.json` takes in what is to be kept
    mvx: hint: `rm app.ini` removes the plaintext all the same
    mvx: warning: app.yaml: 1 comment of it is not in the secret file
    mvx: hint: `mvx edit secrets/dev/b.enc.json` takes in what is to be kept
    mvx: hint: `rm app.yaml` removes the plaintext all the same
    $ mvx decrypt secrets/dev/b.enc.json
    {
      "web": {
        "port": "80"
      },
      "a": 31,
      "b": [
        1,
        2
      ]
    }
    $ mvx import -q app.yaml --to secrets/dev/c.enc.yaml
    mvx: warning: app.yaml: the plaintext is still there, and git does not ignore it
    mvx: hint: `rm app.yaml` removes it
    $ mvx decrypt secrets/dev/c.enc.yaml
    # kept
    a: 0x1F
    b: [1, 2]
    "###);
}

#[test]
fn file_types_hold_what_they_can() {
    let repo = Repo::new();
    repo.write("app.env", "# c\nHOST=db\nPORT=5432\n");
    repo.write("app.ini", "[web]\nport = 80 ; of it\n");
    insta::assert_snapshot!(repo.session("
        mvx import app.env --to secrets/dev/d.enc.ini
        mvx import app.env --to secrets/dev/d.enc.ini --at db
        mvx decrypt secrets/dev/d.enc.ini
        mvx import app.ini --to secrets/dev/e.enc.env
        mvx import app.env --to secrets/dev/e.enc.env
        mvx decrypt secrets/dev/e.enc.env
        mvx import app.ini --to secrets/dev/e.enc.env
        mvx import app.env --to secrets/dev/f.enc
        mvx import -q app.env --to secrets/dev/a.enc.yaml --at services.db
        mvx import app.env --to secrets/dev/a.enc.yaml --at services.db.HOST
        mvx import app.env --to secrets/dev/new.enc.yaml --at 'list[0]'
    "), @r###"
    $ mvx import app.env --to secrets/dev/d.enc.ini
    mvx: app.env: 2 values, read as most programs do
    mvx: error: secrets/dev/d.enc.ini: HOST: in INI a value stands in a section, as `DEFAULT.name`
    mvx: hint: YAML holds every value: `--to` a name that ends in `.enc.yaml`
    [4]
    $ mvx import app.env --to secrets/dev/d.enc.ini --at db
    mvx: app.env: 2 values, read as most programs do
    mvx: secrets/dev/d.enc.ini: made, with 2 values, for ana, bob; opened again and compared
    mvx: warning: app.env: 1 comment of it is not in the secret file
    mvx: hint: `mvx edit secrets/dev/d.enc.ini` takes in what is to be kept
    mvx: hint: `rm app.env` removes the plaintext all the same
    $ mvx decrypt secrets/dev/d.enc.ini
    [db]
    HOST = db
    PORT = 5432
    $ mvx import app.ini --to secrets/dev/e.enc.env
    mvx: app.ini: 1 value
    mvx: error: secrets/dev/e.enc.env: web: dotenv files are flat: a name and a value
    mvx: hint: YAML holds every value: `--to` a name that ends in `.enc.yaml`
    [4]
    $ mvx import app.env --to secrets/dev/e.enc.env
    mvx: app.env: 2 values, read as most programs do
    mvx: secrets/dev/e.enc.env: made, with 2 values, for ana, bob; opened again and compared
    mvx: warning: app.env: the plaintext is still there, and git does not ignore it
    mvx: hint: `rm app.env` removes it
    $ mvx decrypt secrets/dev/e.enc.env
    # c
    HOST=db
    PORT=5432
    $ mvx import app.ini --to secrets/dev/e.enc.env
    mvx: app.ini: 1 value
    mvx: secrets/dev/e.enc.env: 1 new, 0 unchanged, 0 different
    mvx: error: secrets/dev/e.enc.env: web: dotenv files are flat: a name and a value
    mvx: hint: YAML holds every value: `--to` a name that ends in `.enc.yaml`
    [4]
    $ mvx import app.env --to secrets/dev/f.enc
    mvx: error: secrets/dev/f.enc: a binary file is one value, and holds no names
    mvx: hint: give it a name that ends in `.enc.yaml`, `.enc.json`, `.enc.env` or `.enc.ini`, or say `--format yaml`
    [2]
    $ mvx import -q app.env --to secrets/dev/a.enc.yaml --at services.db
    mvx: warning: app.env: the plaintext is still there, and git does not ignore it
    mvx: hint: `rm app.env` removes it
    $ mvx import app.env --to secrets/dev/a.enc.yaml --at services.db.HOST
    mvx: error: secrets/dev/a.enc.yaml: `services.db.HOST` would be a value and a map at once; nothing was imported
    mvx: hint: `--except 'services.db.HOST'` leaves it out, `--at KEYPATH` puts everything below another name
    [4]
    $ mvx import app.env --to secrets/dev/new.enc.yaml --at 'list[0]'
    mvx: app.env: 2 values, read as most programs do
    mvx: error: list[0].HOST: a new file begins with names, in its first document
    mvx: hint: `--at` takes names with dots between them, such as `db.prod`
    [2]
    "###);
}

#[test]
fn comments_go_where_the_rules_would_leave_them_readable() {
    let repo = Repo::new();
    repo.write("k8s.env", "# OLD=invented-old\nA=1\n");
    insta::assert_snapshot!(repo.session("
        mvx import k8s.env --to secrets/k8s/a.enc.yaml --at data
        mvx import k8s.env --to secrets/k8s/b.enc.yaml
        grep -c invented secrets/k8s/b.enc.yaml
        mvx import k8s.env --to secrets/bob/a.enc.yaml --rm
        echo '# invented-old' > k8s.env; echo data=1 >> k8s.env
        mvx import k8s.env --to secrets/k8s/c.enc.yaml
        mvx decrypt secrets/k8s/c.enc.yaml
    "), @r###"
    $ mvx import k8s.env --to secrets/k8s/a.enc.yaml --at data
    mvx: k8s.env: 1 value, read as most programs do
    mvx: secrets/k8s/a.enc.yaml: made, with 1 value, for ana; opened again and compared
    mvx: warning: k8s.env: 1 comment of it is not in the secret file
    mvx: hint: `mvx edit secrets/k8s/a.enc.yaml` takes in what is to be kept
    mvx: hint: `rm k8s.env` removes the plaintext all the same
    $ mvx import k8s.env --to secrets/k8s/b.enc.yaml
    mvx: k8s.env: 1 value, read as most programs do
    mvx: error: secrets/k8s/b.enc.yaml: the selector `encrypted_regex = ^(data|stringData)$` chooses none of its values: all would stay in clear
    mvx: hint: change the selector in the rules, or leave the file unencrypted
    [3]
    $ grep -c invented secrets/k8s/b.enc.yaml
    grep: secrets/k8s/b.enc.yaml: No such file or directory
    [2]
    $ mvx import k8s.env --to secrets/bob/a.enc.yaml --rm
    mvx: k8s.env: 1 value, read as most programs do
    mvx: warning: secrets/bob/a.enc.yaml: none of your identities opens this file
    mvx: hint: to keep access, enter your public key with `mvx recipients add`, and encrypt it again
    mvx: secrets/bob/a.enc.yaml: made, with 1 value, for bob; opened again and compared
    mvx: k8s.env: removed
    $ echo '# invented-old' > k8s.env; echo data=1 >> k8s.env
    $ mvx import k8s.env --to secrets/k8s/c.enc.yaml
    mvx: k8s.env: 1 value, read as most programs do
    mvx: secrets/k8s/c.enc.yaml: comments are left out, because the rules would not encrypt them
    mvx: secrets/k8s/c.enc.yaml: made, with 1 value, for ana; opened again and compared
    mvx: warning: k8s.env: 1 comment of it is not in the secret file
    mvx: hint: `mvx edit secrets/k8s/c.enc.yaml` takes in what is to be kept
    mvx: hint: `rm k8s.env` removes the plaintext all the same
    $ mvx decrypt secrets/k8s/c.enc.yaml
    data: "1"
    "###);
}
