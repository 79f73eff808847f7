//! `mvx import`.

use std::fmt::Write as _;

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
fn a_work_tree_of_git_crypts() {
    let repo = Repo::new();
    repo.write(".gitattributes", "# keys\n*.key filter=git-crypt diff=git-crypt\nsecrets/dev/** filter=git-crypt diff=git-crypt\n");
    repo.write("secrets/dev/app.yaml", "a: 1.10 # kept\n");
    repo.write("secrets/dev/id.key", b"\x01\x02 binary");
    repo.write("other/x.key", "k");
    repo.write("other/plain.txt", "p");
    insta::assert_snapshot!(repo.session("
        mvx import --from git-crypt secrets --dry-run
        mvx import --from git-crypt secrets
        mvx import --from git-crypt
        mvx import --from transcrypt
        mvx import --from git-crypt secrets --yes --rm --gitignore
        mvx decrypt secrets/dev/app.enc.yaml
        mvx import --from git-crypt secrets --yes
        tail -n 2 .gitignore
        git check-attr filter secrets/dev/app.enc.yaml
        printf '*.enc.* -filter -diff -merge\\n' >> .gitattributes
        git check-attr filter secrets/dev/app.enc.yaml
    "), @r###"
    $ mvx import --from git-crypt secrets --dry-run
    secrets/dev/app.yaml → secrets/dev/app.enc.yaml
    secrets/dev/id.key → secrets/dev/id.enc.key
    mvx: warning: git-crypt would encrypt secrets/dev/app.enc.yaml, secrets/dev/id.enc.key once more when git adds it, because its mark covers it, too: .gitattributes line 2, .gitattributes line 3
    mvx: hint: before `git add`, put a line below the mark: `*.enc.* -filter -diff -merge` (and `*.enc -filter -diff -merge`)
    mvx: when git has the new files: `git rm --cached` the old ones, then take git-crypt's marks out: .gitattributes line 2, .gitattributes line 3
    mvx: git's history keeps the old files under git-crypt's key: whoever has it reads what was secret until now
    $ mvx import --from git-crypt secrets
    mvx: would import secrets/dev/app.yaml → secrets/dev/app.enc.yaml
    mvx: would import secrets/dev/id.key → secrets/dev/id.enc.key
    mvx: error: cannot ask for a yes or no: there is no terminal
    mvx: hint: `--yes` imports them without asking
    [4]
    $ mvx import --from git-crypt
    mvx: error: no rule of .sops-rules.toml covers other/x.key
    mvx: hint: add to `.sops-rules.toml`:
    mvx:
    mvx:   [[files]]
    mvx:   path = "other/**"
    mvx:   recipients = ["team"]
    mvx: hint: `mvx doctor --explain other/x.key` shows the rules that were compared with its name
    [3]
    $ mvx import --from transcrypt
    mvx: error: .: no file there is marked for transcrypt
    mvx: hint: `git check-attr filter .` shows a file's mark
    [1]
    $ mvx import --from git-crypt secrets --yes --rm --gitignore
    mvx: secrets/dev/app.enc.yaml: 1 value encrypted, for ana, bob; opened again and compared
    mvx: secrets/dev/app.yaml: removed
    mvx: secrets/dev/id.enc.key: 1 value encrypted, for ana, bob; opened again and compared
    mvx: secrets/dev/id.key: removed
    mvx: .gitignore: names secrets/dev/id.key now
    mvx: warning: git-crypt would encrypt secrets/dev/app.enc.yaml, secrets/dev/id.enc.key once more when git adds it, because its mark covers it, too: .gitattributes line 2, .gitattributes line 3
    mvx: hint: before `git add`, put a line below the mark: `*.enc.* -filter -diff -merge` (and `*.enc -filter -diff -merge`)
    mvx: when git has the new files: `git rm --cached` the old ones, then take git-crypt's marks out: .gitattributes line 2, .gitattributes line 3
    mvx: git's history keeps the old files under git-crypt's key: whoever has it reads what was secret until now
    $ mvx decrypt secrets/dev/app.enc.yaml
    a: 1.10 # kept
    $ mvx import --from git-crypt secrets --yes
    mvx: error: secrets: no file there is marked for git-crypt
    mvx: hint: `git check-attr filter secrets` shows a file's mark
    [1]
    $ tail -n 2 .gitignore
    !/secrets/**/*.enc.*
    /secrets/dev/id.key
    $ git check-attr filter secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: filter: git-crypt
    $ printf '*.enc.* -filter -diff -merge\n' >> .gitattributes
    $ git check-attr filter secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: filter: unset
    "###);
    assert_eq!(
        repo.mvx(["decrypt", "secrets/dev/id.enc.key"])
            .outcome()
            .stdout,
        b"\x01\x02 binary"
    );
    repo.write("secrets/dev/one.yaml", b"\0GITCRYPT\0abc");
    repo.write("secrets/dev/two.yaml", b"\0GITCRYPT\0abc");
    repo.write("secrets/dev/three.yaml", "a: 1\n");
    insta::assert_snapshot!(repo.session("
        mvx import --from git-crypt secrets --yes
        rm secrets/dev/two.yaml
        mvx import --from git-crypt secrets --yes --json
        rm secrets/dev/one.yaml
        mvx import --from git-crypt secrets --yes --json
    "), @r###"
    $ mvx import --from git-crypt secrets --yes
    mvx: error: 2 files are still locked by git-crypt
    mvx:   secrets/dev/one.yaml
    mvx:   secrets/dev/two.yaml
    mvx: hint: `git-crypt unlock` decrypts the work tree's files
    [4]
    $ rm secrets/dev/two.yaml
    $ mvx import --from git-crypt secrets --yes --json
    {"code":"locked","exit":4,"message":"still locked by git-crypt","place":"secrets/dev/one.yaml","causes":[],"hints":["`git-crypt unlock` decrypts the work tree's files"]}
    [4]
    $ rm secrets/dev/one.yaml
    $ mvx import --from git-crypt secrets --yes --json
    {"tool":"git-crypt","imported":[{"file":"secrets/dev/three.yaml","written":"secrets/dev/three.enc.yaml","done":true,"also_marked":false,"in_history_since":null,"removed":false,"gitignore":null}],"passed_over":[],"marks":[{"file":".gitattributes","line":2},{"file":".gitattributes","line":3}]}
    "###);
    let run = repo.mvx(["import", "--from", "git-crypt", "secrets", "--overwrite"]);
    let session = run.on_terminal(&[
        Await("would import secrets/dev/three.yaml"),
        Await("Import this file?"),
        Type("n\r"),
        Await("nothing was imported"),
    ]);
    assert_eq!(session.status, 1, "{session:?}");
}

#[test]
fn a_work_tree_of_transcrypts() {
    let repo = Repo::new();
    repo.write(
        ".gitattributes",
        "secrets/dev/*.json filter=crypt diff=crypt merge=crypt\n",
    );
    repo.write("secrets/dev/app.json", "{\"a\": 1}\n");
    repo.write("secrets/dev/list.json", "[1]\n");
    repo.write("secrets/dev/locked.json", "U2FsdGVkX1+invented\n");
    insta::assert_snapshot!(repo.session("
        mvx import --from transcrypt --yes
        rm secrets/dev/locked.json
        mvx import --from transcrypt --yes
        mvx decrypt secrets/dev/list.json.enc
        mvx import --from transcrypt --yes
        mvx import --from transcrypt --yes --overwrite
        mvx -C / import --from transcrypt
    "), @r###"
    $ mvx import --from transcrypt --yes
    mvx: error: secrets/dev/locked.json: still locked by transcrypt
    mvx: hint: `transcrypt` decrypts the work tree's files
    [4]
    $ rm secrets/dev/locked.json
    $ mvx import --from transcrypt --yes
    mvx: secrets/dev/app.enc.json: 1 value encrypted, for ana, bob; opened again and compared
    mvx: secrets/dev/list.json.enc: 1 value encrypted, for ana, bob; opened again and compared
    mvx: warning: transcrypt would encrypt secrets/dev/app.enc.json once more when git adds it, because its mark covers it, too: .gitattributes line 1
    mvx: hint: before `git add`, put a line below the mark: `*.enc.* -filter -diff -merge` (and `*.enc -filter -diff -merge`)
    mvx: when git has the new files: `git rm --cached` the old ones, then take transcrypt's marks out: .gitattributes line 1
    mvx: git's history keeps the old files under transcrypt's key: whoever has it reads what was secret until now
    $ mvx decrypt secrets/dev/list.json.enc
    [1]
    $ mvx import --from transcrypt --yes
    mvx: error: .: every marked file has an encrypted one beside it already
    mvx: hint: `--overwrite` encrypts them again
    [1]
    $ mvx import --from transcrypt --yes --overwrite
    mvx: secrets/dev/app.enc.json: 1 value encrypted, for ana, bob; opened again and compared
    mvx: secrets/dev/list.json.enc: 1 value encrypted, for ana, bob; opened again and compared
    mvx: warning: transcrypt would encrypt secrets/dev/app.enc.json once more when git adds it, because its mark covers it, too: .gitattributes line 1
    mvx: hint: before `git add`, put a line below the mark: `*.enc.* -filter -diff -merge` (and `*.enc -filter -diff -merge`)
    mvx: when git has the new files: `git rm --cached` the old ones, then take transcrypt's marks out: .gitattributes line 1
    mvx: git's history keeps the old files under transcrypt's key: whoever has it reads what was secret until now
    $ mvx -C / import --from transcrypt
    mvx: error: .: this is no git repository, and so nothing is marked in it
    [4]
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
