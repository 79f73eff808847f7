//! `mvx import`.

use crate::repo::Repo;
use crate::support::Step::{Await, Type};

const ENV: &str = "\
# The shop's own.
DATABASE_URL=postgres://shop:invented-1@localhost/shop
export API_KEY='invented-2'   # from the dashboard
GREETING=\"two\\nlines\"
";

#[test]
fn an_env_file_becomes_a_secret_file() {
    let repo = Repo::new();
    repo.write(".env", ENV);
    insta::assert_snapshot!(repo.session("
        mvx import .env --to secrets/dev/app.enc.yaml
        grep -v '^      ' secrets/dev/app.enc.yaml
        mvx decrypt secrets/dev/app.enc.yaml
        mvx import .env --to secrets/dev/app.enc.yaml --rm --gitignore
        cat .gitignore
        mvx import .env --to secrets/dev/app.enc.yaml
    "), @r###"
    $ mvx import .env --to secrets/dev/app.enc.yaml
    mvx: .env: 3 values, read as most programs do
    mvx: warning: .env: line 4: `GREETING` is another value to other programs: shell reads it differently
    mvx: hint: `--dialect` names the program that reads this file
    mvx: secrets/dev/app.enc.yaml: made, with 3 values, for ana, bob; opened again and compared
    mvx: warning: .env: the plaintext is still there, and git does not ignore it
    mvx: hint: `rm .env` removes it
    $ grep -v '^      ' secrets/dev/app.enc.yaml
    #ENC[comment]
    DATABASE_URL: ENC[str]
    #ENC[comment]
    API_KEY: ENC[str]
    GREETING: "ENC[str]"
    sops:
        age:
        lastmodified: "[TIME]"
        mac: ENC[str]
        mvx_seal: [SEAL]
        unencrypted_suffix: _unencrypted
        version: 3.13.3+mvx.0.1.0
    $ mvx decrypt secrets/dev/app.enc.yaml
    # The shop's own.
    DATABASE_URL: postgres://shop:invented-1@localhost/shop
    # from the dashboard
    API_KEY: invented-2
    GREETING: "two\nlines"
    $ mvx import .env --to secrets/dev/app.enc.yaml --rm --gitignore
    mvx: .env: 3 values, read as most programs do
    mvx: warning: .env: line 4: `GREETING` is another value to other programs: shell reads it differently
    mvx: hint: `--dialect` names the program that reads this file
    mvx: secrets/dev/app.enc.yaml: 0 new, 3 unchanged, 0 different
    mvx: secrets/dev/app.enc.yaml: nothing changed
    mvx: .env: removed
    mvx: .gitignore: names .env now
    [200]
    $ cat .gitignore
    /secrets/**/*.yaml
    !/secrets/**/*.enc.*
    /.env
    $ mvx import .env --to secrets/dev/app.enc.yaml
    mvx: error: .env: there is no such file or directory
    [4]
    "###);
}

#[test]
fn a_secret_file_that_exists_keeps_its_values_and_their_ciphertext() {
    let repo = Repo::new();
    let before = repo.seal(
        "secrets/dev/app.yaml",
        "# old\nA: '1'\nB: kept\ndb:\n  host: local # here\n",
    );
    repo.write(
        "new.json",
        r#"{"A": "1", "B": "other", "C": 3, "db": {"port": 5432, "tls": {"on": true}}}"#,
    );
    insta::assert_snapshot!(repo.session("
        mvx import new.json --to secrets/dev/app.enc.yaml --dry-run
        mvx import new.json --to secrets/dev/app.enc.yaml
        mvx decrypt secrets/dev/app.enc.yaml
        mvx import new.json --to secrets/dev/app.enc.yaml --rm
        mvx import new.json --to secrets/dev/app.enc.yaml --overwrite
        mvx get secrets/dev/app.enc.yaml B
    "), @r###"
    $ mvx import new.json --to secrets/dev/app.enc.yaml --dry-run
    unchanged  A
    different  B
    new        C
    new        db.port
    new        db.tls.on
    mvx: new.json: 5 values
    mvx: secrets/dev/app.enc.yaml: 3 new, 1 unchanged, 1 different
    $ mvx import new.json --to secrets/dev/app.enc.yaml
    mvx: new.json: 5 values
    mvx: secrets/dev/app.enc.yaml: 3 new, 1 unchanged, 1 different
    mvx: warning: secrets/dev/app.enc.yaml: kept its own value of `B`
    mvx: hint: `--overwrite` takes the imported values
    mvx: secrets/dev/app.enc.yaml: added: `C`, `db.port`, `db.tls.on`
    mvx: secrets/dev/app.enc.yaml: opened again and compared
    mvx: new.json: 1 value or line of it is not in the secret file
    $ mvx decrypt secrets/dev/app.enc.yaml
    # old
    A: '1'
    B: kept
    db:
      host: local # here
      port: 5432
      tls:
        on: true
    C: 3
    $ mvx import new.json --to secrets/dev/app.enc.yaml --rm
    mvx: new.json: 5 values
    mvx: secrets/dev/app.enc.yaml: 0 new, 4 unchanged, 1 different
    mvx: warning: secrets/dev/app.enc.yaml: kept its own value of `B`
    mvx: hint: `--overwrite` takes the imported values
    mvx: secrets/dev/app.enc.yaml: nothing changed
    mvx: new.json: 1 value or line of it is not in the secret file
    mvx: warning: new.json: not removed, because of that
    [1]
    $ mvx import new.json --to secrets/dev/app.enc.yaml --overwrite
    mvx: new.json: 5 values
    mvx: secrets/dev/app.enc.yaml: 0 new, 4 unchanged, 1 different
    mvx: secrets/dev/app.enc.yaml: replaced: `B`
    mvx: secrets/dev/app.enc.yaml: opened again and compared
    mvx: warning: new.json: the plaintext is still there, and git does not ignore it
    mvx: hint: `rm new.json` removes it
    $ mvx get secrets/dev/app.enc.yaml B
    other
    "###);
    let after = repo.read("secrets/dev/app.enc.yaml");
    for line in before
        .lines()
        .filter(|line| line.contains("A: ") || line.contains("host: "))
    {
        assert!(after.contains(line), "{line}\n{after}");
    }
}

#[test]
fn conflicts_and_the_plaintext_are_asked_for_at_a_terminal() {
    let repo = Repo::new();
    repo.seal("secrets/dev/app.yaml", "A: one\nB: two\n");
    repo.write(".env", "A=1\nB=2\nC=3\n");
    let run = repo.mvx(["import", ".env", "--to", "secrets/dev/app.enc.yaml"]);
    let session = run.on_terminal(&[
        Await("`A` has another value in secrets/dev/app.enc.yaml. Replace it?"),
        Type("y\r"),
        Await("`B` has another value"),
        Type("\r"),
        Await("1 value or line of it is not in the secret file"),
        Await("Add .env to .gitignore?"),
        Type("n\r"),
    ]);
    assert_eq!(session.status, 0, "{session:?}");
    assert!(
        !session.screen.contains("Remove the plaintext"),
        "{session:?}"
    );
    assert_eq!(
        repo.plaintext("secrets/dev/app.enc.yaml"),
        "A: \"1\"\nB: two\nC: \"3\"\n"
    );

    let run = repo.mvx(["import", ".env", "--to", "secrets/dev/app.enc.yaml"]);
    let session = run.on_terminal(&[
        Await("`B` has another value"),
        Type("y\r"),
        Await("Remove the plaintext .env?"),
        Type("y\r"),
        Await(".env: removed"),
        Await("Add .env to .gitignore, should it come back?"),
        Type("\r"),
        Await(".gitignore: names .env now"),
    ]);
    assert_eq!(session.status, 0, "{session:?}");
    assert!(!repo.has(".env"));
    assert!(repo.read(".gitignore").ends_with("\n/.env\n"));
}

#[test]
fn interrupted_questions_leave_everything_as_it_was() {
    let repo = Repo::new();
    let before = repo.seal("secrets/dev/app.yaml", "A: one\n");
    repo.write(".env", "A=1\n");
    let run = repo.mvx(["import", ".env", "--to", "secrets/dev/app.enc.yaml"]);
    let session = run.on_terminal(&[Await("`A` has another value"), Type("\u{3}")]);
    assert_eq!(session.status, -2, "{session:?}");
    assert_eq!(repo.read("secrets/dev/app.enc.yaml"), before);
}

#[test]
fn the_plaintext_stays_as_long_as_something_of_it_is_nowhere_else() {
    let repo = Repo::new();
    repo.seal("secrets/dev/app.yaml", "A: one\n");
    repo.write(".env", "A=1\nB=2\n");
    repo.write("a.env", "X=1\nY=1\n");
    repo.write("b.env", "X=2\nY=1\n");
    repo.write("c.env", "K=1\nK=2\n");
    repo.write("package.json", "{}");
    repo.write("d.env", "K=1\nnot read\n");
    insta::assert_snapshot!(repo.session("
        mvx import .env --to secrets/dev/app.enc.yaml --yes --rm
        mvx import .env --to secrets/dev/b.enc.yaml --only 'B*' --rm
        mvx import .env --to secrets/dev/c.enc.yaml --except A --except B
        mvx import a.env b.env --to secrets/dev/d.enc.yaml --rm
        mvx import c.env --to secrets/dev/e.enc.yaml --rm
        mvx import d.env --to secrets/dev/f.enc.yaml --rm
        ls *.env
    "), @r###"
    $ mvx import .env --to secrets/dev/app.enc.yaml --yes --rm
    mvx: .env: 2 values, read as npm's dotenv does because of package.json
    mvx: secrets/dev/app.enc.yaml: 1 new, 0 unchanged, 1 different
    mvx: warning: secrets/dev/app.enc.yaml: kept its own value of `A`
    mvx: hint: `--overwrite` takes the imported values
    mvx: secrets/dev/app.enc.yaml: added: `B`
    mvx: secrets/dev/app.enc.yaml: opened again and compared
    mvx: .env: 1 value or line of it is not in the secret file
    mvx: warning: .env: not removed, because of that
    [1]
    $ mvx import .env --to secrets/dev/b.enc.yaml --only 'B*' --rm
    mvx: .env: 2 values, read as npm's dotenv does because of package.json
    mvx: secrets/dev/b.enc.yaml: made, with 1 value, for ana, bob; opened again and compared
    mvx: .env: 1 value or line of it is not in the secret file
    mvx: warning: .env: not removed, because of that
    [1]
    $ mvx import .env --to secrets/dev/c.enc.yaml --except A --except B
    mvx: error: there is nothing left to import
    mvx: hint: `--only` and `--except` leave everything out
    [1]
    $ mvx import a.env b.env --to secrets/dev/d.enc.yaml --rm
    mvx: a.env: 2 values, read as npm's dotenv does because of package.json
    mvx: b.env: 2 values, read as npm's dotenv does because of package.json
    mvx: `X` stands in a.env line 1 and b.env line 1, with different values; the last one counts
    mvx: `Y` stands in a.env line 2 and b.env line 2, with the same value
    mvx: secrets/dev/d.enc.yaml: made, with 2 values, for ana, bob; opened again and compared
    mvx: a.env: 1 value or line of it is not in the secret file
    mvx: warning: a.env: not removed, because of that
    mvx: b.env: removed
    [1]
    $ mvx import c.env --to secrets/dev/e.enc.yaml --rm
    mvx: c.env: 1 value, read as npm's dotenv does because of package.json
    mvx: warning: c.env: line 1: `K` stands there again with another value, which counts; this one was left out
    mvx: warning: c.env: line 2: `K` is another value to other programs: rust reads it differently
    mvx: hint: `--dialect` names the program that reads this file
    mvx: secrets/dev/e.enc.yaml: made, with 1 value, for ana, bob; opened again and compared
    mvx: c.env: 1 value or line of it is not in the secret file
    mvx: warning: c.env: not removed, because of that
    [1]
    $ mvx import d.env --to secrets/dev/f.enc.yaml --rm
    mvx: d.env: 1 value, read as npm's dotenv does because of package.json
    mvx: warning: d.env: line 2: is no value to this program, and was left out
    mvx: secrets/dev/f.enc.yaml: made, with 1 value, for ana, bob; opened again and compared
    mvx: d.env: 1 value or line of it is not in the secret file
    mvx: warning: d.env: not removed, because of that
    [1]
    $ ls *.env
    a.env
    c.env
    d.env
    "###);
    assert!(repo.has(".env"));
}

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
fn json_answers() {
    let repo = Repo::new();
    repo.seal("secrets/dev/app.yaml", "A: one\nB: '2'\n");
    repo.write(".env", "A=1\nB=2\nC=a#$x\n");
    insta::assert_snapshot!(repo.session("
        mvx import --json .env --to secrets/dev/app.enc.yaml --dry-run
        mvx import --json .env --to secrets/dev/app.enc.yaml --overwrite --rm --gitignore
    "), @r###"
    $ mvx import --json .env --to secrets/dev/app.enc.yaml --dry-run
    {"file":"secrets/dev/app.enc.yaml","made":false,"changed":false,"recipients":[],"inputs":[{"file":".env","kind":"env","dialect":"portable","values":3,"warnings":[{"line":3,"key":"C","code":"reference","message":"line 3: `C` holds a reference to another value or a command; it is kept as it stands, and nothing is put in its place"},{"line":3,"key":"C","code":"dialects-differ","message":"line 3: `C` is another value to other programs: node and expand read it differently"}],"left_out":[],"missing":0,"missing_comments":0,"git_history":null,"removed":false,"gitignore":null}],"keys":[{"key":"A","status":"different","input":0,"line":1},{"key":"B","status":"unchanged","input":0,"line":2},{"key":"C","status":"new","input":0,"line":3}],"twice":[]}
    $ mvx import --json .env --to secrets/dev/app.enc.yaml --overwrite --rm --gitignore
    {"file":"secrets/dev/app.enc.yaml","made":false,"changed":true,"recipients":[],"inputs":[{"file":".env","kind":"env","dialect":"portable","values":3,"warnings":[{"line":3,"key":"C","code":"reference","message":"line 3: `C` holds a reference to another value or a command; it is kept as it stands, and nothing is put in its place"},{"line":3,"key":"C","code":"dialects-differ","message":"line 3: `C` is another value to other programs: node and expand read it differently"}],"left_out":[],"missing":0,"missing_comments":0,"git_history":null,"removed":true,"gitignore":".gitignore"}],"keys":[{"key":"A","status":"replaced","input":0,"line":1},{"key":"B","status":"unchanged","input":0,"line":2},{"key":"C","status":"new","input":0,"line":3}],"twice":[]}
    "###);
}

#[test]
fn git_history_is_told() {
    let repo = Repo::new();
    repo.write(".env", "A=1\n");
    repo.write("other.env", "A=1\n");
    let commit = "git -c user.name=a -c user.email=a@example.com -c commit.gpgsign=false commit -q -m x --date 2026-01-02T12:00:00Z";
    let outcome = repo.shell(&format!("export GIT_COMMITTER_DATE=2026-01-02T12:00:00Z; git add .env && {commit} && git rm -q --cached .env && {commit}"));
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let session = repo.session(
        "
        mvx import .env --to secrets/dev/a.enc.yaml --yes
        mvx import .env --to secrets/dev/a.enc.yaml --json
        echo A=2 > .env; git add .env
        mvx import .env --to secrets/dev/b.enc.yaml --yes
        mvx import other.env --to secrets/dev/c.enc.yaml --yes
    ",
    );
    let ids = regex::Regex::new("\\b[0-9a-f]{10}\\b").unwrap();
    insta::assert_snapshot!(ids.replace_all(&session, "[COMMIT]"), @r###"
    $ mvx import .env --to secrets/dev/a.enc.yaml --yes
    mvx: .env: 1 value, read as most programs do
    mvx: warning: .env: git's history holds these very values since [COMMIT] (2026-01-02); whoever has the repository can read them, so change the values where they are used
    mvx: hint: `git log --all -- .env` shows the commits
    mvx: secrets/dev/a.enc.yaml: made, with 1 value, for ana, bob; opened again and compared
    mvx: warning: .env: the plaintext is still there, and git does not ignore it
    mvx: hint: `rm .env` removes it
    $ mvx import .env --to secrets/dev/a.enc.yaml --json
    {"file":"secrets/dev/a.enc.yaml","made":false,"changed":false,"recipients":[],"inputs":[{"file":".env","kind":"env","dialect":"portable","values":1,"warnings":[],"left_out":[],"missing":0,"missing_comments":0,"git_history":{"since":"[COMMIT]","day":"2026-01-02","until":"[COMMIT]","versions":1,"as_it_is":true,"tracked":false},"removed":false,"gitignore":null}],"keys":[{"key":"A","status":"unchanged","input":0,"line":1}],"twice":[]}
    {"warning":".env: the plaintext is still there, and git does not ignore it","hints":["`rm .env` removes it"]}
    [200]
    $ echo A=2 > .env; git add .env
    $ mvx import .env --to secrets/dev/b.enc.yaml --yes
    mvx: .env: 1 value, read as most programs do
    mvx: warning: .env: git's history holds other versions of this file since [COMMIT] (2026-01-02); whoever has the repository can read them, so change the values where they are used
    mvx: hint: `git rm --cached .env` takes it out of the next commit, not out of history
    mvx: secrets/dev/b.enc.yaml: made, with 1 value, for ana, bob; opened again and compared
    mvx: warning: .env: the plaintext is still there, and git does not ignore it
    mvx: hint: `rm .env` removes it
    $ mvx import other.env --to secrets/dev/c.enc.yaml --yes
    mvx: other.env: 1 value, read as most programs do
    mvx: secrets/dev/c.enc.yaml: made, with 1 value, for ana, bob; opened again and compared
    mvx: warning: other.env: the plaintext is still there, and git does not ignore it
    mvx: hint: `rm other.env` removes it
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

#[test]
fn many_values_are_written_as_few_are() {
    let repo = Repo::new();
    let line = |number: usize| format!("KEY_{number}='value {number}'\n");
    repo.write("all.env", (0..40).map(line).collect::<String>());
    for part in 0..4 {
        let lines = (part * 10..part * 10 + 10).map(line);
        repo.write(&format!("{part}.env"), lines.collect::<String>());
    }
    for (name, text) in [
        (
            "app.yaml",
            "# top\nA: 1 # beside\nKEY_7: old\nm:\n  - x\n# foot\n",
        ),
        ("flow.yaml", "{A: 1, KEY_7: old}\n"),
        (
            "app.json",
            "{\n  \"KEY_7\": \"old\",\n  \"m\": {\"x\": []}\n}\n",
        ),
        ("line.json", "{}"),
        ("app.env", "A=1\nKEY_7=old\n# foot\n"),
        ("noeol.yaml", "A: 1"),
    ] {
        let plain = format!("secrets/dev/{name}");
        let sealed = mvx::app::files::sealed_name(plain.as_ref());
        let sealed = sealed.to_str().unwrap();
        repo.seal(&plain, text);
        let before = repo.read(sealed);
        let import = |inputs: &[&str]| {
            for input in inputs {
                let line = [
                    "import",
                    "-q",
                    "--overwrite",
                    "--yes",
                    input,
                    "--to",
                    sealed,
                ];
                let outcome = repo.mvx(line).outcome();
                assert_eq!(outcome.code(), Some(0), "{name}: {outcome}");
            }
            repo.plaintext(sealed)
        };
        let at_once = import(&["all.env"]);
        repo.write(sealed, before);
        let in_parts = import(&["0.env", "1.env", "2.env", "3.env"]);
        assert_eq!(at_once, in_parts, "{name}");
        assert_eq!(at_once.matches("value ").count(), 40, "{name}");
    }
}

/// A value that somebody commented out may stand nowhere else.
#[test]
fn a_comment_that_does_not_come_along_keeps_the_plaintext() {
    let repo = Repo::new();
    repo.write("one.env", "# first\nX=1\n");
    repo.write("two.env", "A=1\n# rollback key\n#OLD=hidden\n");
    repo.write("three.env", "A=1 # it\n");
    repo.write("four.ini", "; OLD=hidden\n[s]\na=1\n");
    repo.write("five.env", "A=1\nA=2\n");
    insta::assert_snapshot!(repo.session("
        mvx import one.env --to secrets/dev/t.enc.yaml --yes --keep
        mvx import one.env --to secrets/dev/t.enc.yaml --yes --rm
        mvx import two.env --to secrets/dev/t.enc.yaml --yes --rm
        mvx import three.env --to secrets/dev/u.enc.json --yes --rm
        mvx import four.ini --to secrets/dev/v.enc.yaml --yes --rm -q
        mvx import four.ini --to secrets/dev/w.enc.ini --yes --rm -q
        mvx import five.env --to secrets/dev/x.enc.yaml --yes --rm -q
        ls
    "), @r###"
    $ mvx import one.env --to secrets/dev/t.enc.yaml --yes --keep
    mvx: one.env: 1 value, read as most programs do
    mvx: secrets/dev/t.enc.yaml: made, with 1 value, for ana, bob; opened again and compared
    mvx: warning: one.env: the plaintext is still there, and git does not ignore it
    mvx: hint: `rm one.env` removes it
    $ mvx import one.env --to secrets/dev/t.enc.yaml --yes --rm
    mvx: one.env: 1 value, read as most programs do
    mvx: secrets/dev/t.enc.yaml: 0 new, 1 unchanged, 0 different
    mvx: secrets/dev/t.enc.yaml: nothing changed
    mvx: one.env: removed
    [200]
    $ mvx import two.env --to secrets/dev/t.enc.yaml --yes --rm
    mvx: two.env: 1 value, read as most programs do
    mvx: secrets/dev/t.enc.yaml: 1 new, 0 unchanged, 0 different
    mvx: secrets/dev/t.enc.yaml: added: `A`
    mvx: secrets/dev/t.enc.yaml: opened again and compared
    mvx: warning: two.env: 2 comments of it are not in the secret file; not removed, because of that
    mvx: hint: `mvx edit secrets/dev/t.enc.yaml` takes in what is to be kept
    mvx: hint: `rm two.env` removes the plaintext all the same
    [1]
    $ mvx import three.env --to secrets/dev/u.enc.json --yes --rm
    mvx: three.env: 1 value, read as most programs do
    mvx: secrets/dev/u.enc.json: made, with 1 value, for ana, bob; opened again and compared
    mvx: warning: three.env: 1 comment of it is not in the secret file; not removed, because of that
    mvx: hint: `mvx edit secrets/dev/u.enc.json` takes in what is to be kept
    mvx: hint: `rm three.env` removes the plaintext all the same
    [1]
    $ mvx import four.ini --to secrets/dev/v.enc.yaml --yes --rm -q
    mvx: warning: four.ini: 1 comment of it is not in the secret file; not removed, because of that
    mvx: hint: `mvx edit secrets/dev/v.enc.yaml` takes in what is to be kept
    mvx: hint: `rm four.ini` removes the plaintext all the same
    [1]
    $ mvx import four.ini --to secrets/dev/w.enc.ini --yes --rm -q
    $ mvx import five.env --to secrets/dev/x.enc.yaml --yes --rm -q
    mvx: warning: five.env: line 1: `A` stands there again with another value, which counts; this one was left out
    mvx: warning: five.env: line 2: `A` is another value to other programs: rust reads it differently
    mvx: hint: `--dialect` names the program that reads this file
    mvx: warning: five.env: not removed, because of that
    [1]
    $ ls
    five.env
    secrets
    three.env
    two.env
    "###);
}
