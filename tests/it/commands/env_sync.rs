//! `mvx env sync`.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::thread;
use std::time::Duration;

use crate::repo::{Repo, rules};

pub(super) const PROFILES: &str = r#"
[env.local]
files = ["secrets/dev/*.enc.*"]
output = ".env.local"
default = true

[env.tenant]
files = ["secrets/dev/clients/{client}/*.enc.yaml"]
output = "tenant.env"

[env.json]
extends = "local"
format = "json"
output = "secrets.json"

[env.shell]
extends = "local"
format = "shell"
output = "secrets.sh"
"#;

/// Two secret files, and profiles; `.env.local` is ignored.
pub(super) fn repo() -> Repo {
    let repo = Repo::new();
    profiles(&repo, PROFILES);
    let ignored = repo.read(".gitignore");
    repo.write(".gitignore", format!("{ignored}.env.local\n/secrets.*\n"));
    repo.seal(
        "secrets/dev/app.yaml",
        "db:\n  password: \"a 'b' c\"\n  port: 5432\n",
    );
    repo.seal("secrets/dev/keys.env", "API_KEY=k-1\n");
    repo
}

pub(super) fn profiles(repo: &Repo, profiles: &str) {
    repo.write(".sops-rules.toml", format!("{}{profiles}", rules()));
}

#[test]
fn names_are_shown_and_never_values() {
    insta::assert_snapshot!(repo().session(r"
        mvx env sync --dry-run
        mvx env sync
        cat .env.local
        mvx env sync
        printf 2 | mvx set -q secrets/dev/app.enc.yaml db.port
        mvx unset -q secrets/dev/app.enc.yaml db.password
        printf x | mvx set -q secrets/dev/app.enc.yaml new
        mvx env sync local
        mvx env sync --json
    "), @r##"
    $ mvx env sync --dry-run
    .env.local: 3 added, of the profile `local`
      + DB_PASSWORD
      + DB_PORT
      + API_KEY
    $ mvx env sync
    mvx: .env.local: 3 added, of the profile `local`
    mvx:   + DB_PASSWORD
    mvx:   + DB_PORT
    mvx:   + API_KEY
    $ cat .env.local
    # >>> mvx env sync local: mvx writes this block and leaves your lines around it alone
    # for portable: nothing beside it says which program reads it
    DB_PASSWORD="a 'b' c"
    DB_PORT=5432
    API_KEY=k-1
    # <<< mvx
    $ mvx env sync
    mvx: .env.local: up to date, 3 names of the profile `local`
    $ printf 2 | mvx set -q secrets/dev/app.enc.yaml db.port
    $ mvx unset -q secrets/dev/app.enc.yaml db.password
    $ printf x | mvx set -q secrets/dev/app.enc.yaml new
    $ mvx env sync local
    mvx: .env.local: 1 added, 1 changed, 1 removed, of the profile `local`
    mvx:   + NEW
    mvx:   ~ DB_PORT
    mvx:   - DB_PASSWORD
    $ mvx env sync --json
    {"synced":[{"profile":"local","output":".env.local","format":"portable","names":3,"files":["secrets/dev/app.enc.yaml","secrets/dev/keys.enc.env"],"added":[],"changed":[],"removed":[],"is_needed":false,"written":false,"gitignore":null}]}
    "##);
}

#[test]
fn the_users_lines_stay_and_are_told_where_they_count() {
    let repo = repo();
    let own = "# mine\r\nOWN='x'\nAPI_KEY=old\n\n";
    repo.write(".env.local", own);
    let outcome = repo.mvx(["env", "sync", "-q"]).outcome();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let text = repo.read(".env.local");
    assert!(text.starts_with(own), "{text}");
    repo.write(".env.local", format!("{text}# behind\nDB_PORT=1"));
    insta::assert_snapshot!(repo.session("mvx env sync"), @r##"
    $ mvx env sync
    mvx: warning: .env.local: line 3 gives `API_KEY` a value, too; the secret counts, and not your line
    mvx: hint: delete that line, or leave `API_KEY` to it with `exclude` in the profile
    mvx: warning: .env.local: line 12 gives `DB_PORT` a value, too; your line counts, and not the secret
    mvx: hint: delete that line, or leave `DB_PORT` to it with `exclude` in the profile
    mvx: .env.local: up to date, 3 names of the profile `local`
    "##);
    assert!(
        repo.read(".env.local")
            .ends_with("# <<< mvx\n# behind\nDB_PORT=1")
    );
}

#[test]
fn a_file_that_is_up_to_date_is_not_touched() {
    let repo = repo();
    repo.mvx(["env", "sync", "-q"]).outcome().quiet_success();
    let path = repo.sandbox.path(".env.local");
    let before = fs::metadata(&path).unwrap();
    assert_eq!(before.permissions().mode() & 0o777, 0o600);
    thread::sleep(Duration::from_millis(20));
    repo.mvx(["env", "sync", "-q"]).outcome().quiet_success();
    let after = fs::metadata(&path).unwrap();
    assert_eq!(
        (before.ino(), before.modified().unwrap()),
        (after.ino(), after.modified().unwrap())
    );
    // But for its mode: values are nobody else's.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    repo.mvx(["env", "sync", "-q"]).outcome().quiet_success();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn an_open_quote_above_the_block_is_told() {
    let repo = repo();
    let text = "OWN=\"it\n";
    let rules = repo.read(".sops-rules.toml");
    repo.write(
        ".sops-rules.toml",
        rules.replacen("default = true", "default = true\ndialect = \"compose\"", 1),
    );
    repo.write(".env.local", text);
    let outcome = repo.mvx(["env", "sync"]).outcome();
    // mvx's own reader gives up on it, and says so also to those who want no notes.
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(outcome.stderr.contains("warning"), "{outcome}");
    assert!(outcome.stderr.contains("a quote stays open"), "{outcome}");
}

#[test]
fn what_git_would_commit_is_refused_until_it_is_ignored() {
    let repo = repo();
    repo.seal("secrets/dev/clients/acme/a.yaml", "k: v\n");
    insta::assert_snapshot!(repo.session(r"
        mvx env sync tenant --with client=acme
        mvx env sync tenant --with client=acme --dry-run
        mvx env sync tenant --with client=acme --gitignore
        tail -1 .gitignore
        git add -f tenant.env
        mvx env sync tenant --with client=acme --yes
    "), @r##"
    $ mvx env sync tenant --with client=acme
    mvx: error: tenant.env: git does not ignore this file; values in it would be committed sooner or later
    mvx: hint: have git ignore it: `echo /tenant.env >> .gitignore`
    mvx: hint: `--gitignore` does that
    [4]
    $ mvx env sync tenant --with client=acme --dry-run
    tenant.env: 1 added, of the profile `tenant`
      + K
    mvx: warning: tenant.env: git does not ignore this file; it would be refused
    mvx: hint: `--gitignore` has git ignore it
    $ mvx env sync tenant --with client=acme --gitignore
    mvx: .gitignore: ignores tenant.env now
    mvx: tenant.env: 1 added, of the profile `tenant`
    mvx:   + K
    $ tail -1 .gitignore
    /tenant.env
    $ git add -f tenant.env
    $ mvx env sync tenant --with client=acme --yes
    mvx: error: tenant.env: git tracks this file; values in it would be in the next commit
    mvx: hint: `git rm --cached tenant.env` takes it out of git, but for its history
    mvx: hint: or name another `output` in the profile
    [4]
    "##);
}

#[test]
fn scopes_are_filled_in_and_lead_nowhere_else() {
    let repo = repo();
    repo.seal("secrets/dev/clients/acme/a.yaml", "k: v\n");
    repo.seal("secrets/dev/clients/other/a.yaml", "other: v\n");
    insta::assert_snapshot!(repo.session(r"
        mvx env sync tenant
        mvx env sync tenant --with client=none
        mvx env sync tenant --with clients=acme
        mvx env sync tenant --with client=../acme
        mvx env sync tenant --with 'client=*'
        mvx env sync tenant --with client
        mvx env sync local tenant --with client=acme --yes
        cat tenant.env
    "), @r##"
    $ mvx env sync tenant
    mvx: error: the profile `tenant` needs a value for `client`: it reads secrets/dev/clients/{client}/*.enc.yaml
    mvx: hint: `--with client=NAME` fills it in
    [2]
    $ mvx env sync tenant --with client=none
    mvx: error: .sops-rules.toml: line 29: `files` of the profile `tenant`: no file matches secrets/dev/clients/none/*.enc.yaml
    mvx: hint: `mvx ls` lists the secret files
    [3]
    $ mvx env sync tenant --with clients=acme
    mvx: error: the files of the profile `tenant` have no scope `clients`
    mvx: hint: did you mean `--with client=NAME`?
    [2]
    $ mvx env sync tenant --with client=../acme
    mvx: error: the value for `client` begins with a dot; it stands for one name in a path
    [2]
    $ mvx env sync tenant --with 'client=*'
    mvx: error: the value for `client` holds a character that means something in a glob; it stands for one name in a path
    [2]
    $ mvx env sync tenant --with client
    mvx: error: `--with` takes a scope and its value
    mvx: hint: `--with client=acme` fills in `{client}`
    [2]
    $ mvx env sync local tenant --with client=acme --yes
    mvx: .gitignore: ignores tenant.env now
    mvx: .env.local: 3 added, of the profile `local`
    mvx:   + DB_PASSWORD
    mvx:   + DB_PORT
    mvx:   + API_KEY
    mvx: tenant.env: 1 added, of the profile `tenant`
    mvx:   + K
    $ cat tenant.env
    # >>> mvx env sync tenant --with 'client=acme': mvx writes this block and leaves your lines around it alone
    # for portable: nothing beside it says which program reads it
    K=v
    # <<< mvx
    "##);
}

#[test]
fn nothing_is_written_unless_everything_can_be() {
    let repo = repo();
    repo.seal("secrets/dev/clients/acme/a.yaml", "k: v\n");
    repo.write("secrets/dev/clients/acme/a.enc.yaml", "k: v\n");
    let outcome = repo
        .mvx([
            "env",
            "sync",
            "local",
            "tenant",
            "--with",
            "client=acme",
            "--yes",
        ])
        .outcome();
    assert_eq!(outcome.code(), Some(4), "{outcome}");
    assert!(!repo.has(".env.local") && !repo.has("tenant.env"));
    // Tampered with, and of nobody's that this machine is.
    let sealed = repo.read("secrets/dev/app.enc.yaml");
    repo.write(
        "secrets/dev/app.enc.yaml",
        sealed.replacen("port", "part", 1),
    );
    let outcome = repo.mvx(["env", "sync"]).outcome();
    assert_eq!(outcome.code(), Some(25), "{outcome}");
    repo.write("secrets/dev/app.enc.yaml", sealed);
    repo.hold("sops/k2.txt");
    let outcome = repo.mvx(["env", "sync"]).outcome();
    assert_eq!(outcome.code(), Some(128), "{outcome}");
    assert!(!repo.has(".env.local"));
}

#[test]
fn profiles_are_strict() {
    let repo = Repo::new();
    repo.write(
        ".gitignore",
        ".env.local\n/secrets/**/*.yaml\n!/secrets/**/*.enc.*\n",
    );
    repo.seal(
        "secrets/dev/a.yaml",
        "db: {password: x}\nempty: ''\nnone:\n",
    );
    repo.seal("secrets/dev/b.yaml", "db_password: y\n");
    repo.seal("secrets/dev/c.yaml", "ключ: y\n2fa: z\n");
    let with = |body: &str| {
        profiles(
            &repo,
            &format!("[env.local]\noutput = \".env.local\"\n{body}\n"),
        );
        repo.session("mvx env sync").replace("$ mvx env sync\n", "")
    };
    let mut shown = String::new();
    for body in [
        "files = [\"secrets/dev/[ab].enc.yaml\"]",
        "files = [\"secrets/dev/c.enc.yaml\"]",
        "files = [\"secrets/dev/a.enc.yaml\"]\nrequired = [\"DB_PASSWORD\", \"EMPTY\", \"NONE\"]",
        "files = [\"secrets/dev/a.enc.yaml\"]\nrename = { DB_PASSWORT = \"PW\" }",
        "files = [\"secrets/dev/a.enc.yaml\"]\nrename = { DB_PASSWORD = \"1PW\" }",
        "files = [\"secrets/none/*\"]",
        "files = [\"*.md\"]",
        "files = [\"secrets/dev/c.enc.yaml\"]\nprefix = \"APP_\"\nrename = { ____ = \"KEY\" }\ndefaults = { PORT = 3000, KEY = \"no\" }",
    ] {
        repo.write("README.md", "plain\n");
        shown.extend(["-- ", body, "\n", &with(body)]);
    }
    insta::assert_snapshot!(shown, @r##"
    -- files = ["secrets/dev/[ab].enc.yaml"]
    mvx: error: .sops-rules.toml: [env.local]: two keys come to the name `DB_PASSWORD`: `db.password` in secrets/dev/a.enc.yaml, and `db_password` in secrets/dev/b.enc.yaml
    mvx: hint: rename one of the keys with `mvx mv`, or read fewer `files` in the profile; `separator` says how nested keys are joined
    [3]
    -- files = ["secrets/dev/c.enc.yaml"]
    mvx: error: .sops-rules.toml: [env.local]: `ключ` in secrets/dev/c.enc.yaml makes no name for a variable: `____`
    mvx: hint: name it in the profile: `rename = { "____" = "NAME" }`, or leave it out with `exclude`
    [3]
    -- files = ["secrets/dev/a.enc.yaml"]
    required = ["DB_PASSWORD", "EMPTY", "NONE"]
    mvx: error: .sops-rules.toml: [env.local]: `EMPTY`, `NONE` are required, and missing or empty
    mvx: hint: `mvx set` adds a secret; `required` of the profile says which names must be there, and not be empty
    [1]
    -- files = ["secrets/dev/a.enc.yaml"]
    rename = { DB_PASSWORT = "PW" }
    mvx: warning: the profile `local` renames `DB_PASSWORT`, which no key makes
    mvx: hint: `rename` has the names on its left that keys make, without prefix: `db.password` makes `DB_PASSWORD`
    mvx: .env.local: 2 added, of the profile `local`
    mvx:   + DB_PASSWORD
    mvx:   + EMPTY
    -- files = ["secrets/dev/a.enc.yaml"]
    rename = { DB_PASSWORD = "1PW" }
    mvx: error: .sops-rules.toml: [env.local]: `1PW` in `rename` is no name for a variable
    mvx: hint: names have letters, digits and `_`, and no digit first
    [3]
    -- files = ["secrets/none/*"]
    mvx: error: .sops-rules.toml: line 23: `files` of the profile `local`: no file matches secrets/none/*
    mvx: hint: `mvx ls` lists the secret files
    [3]
    -- files = ["*.md"]
    mvx: error: README.md: it is not encrypted: it has no `sops` block
    mvx: hint: `mvx encrypt README.md` encrypts it
    mvx: hint: its name does not tell its type: `--format yaml|json|dotenv|ini` does
    [4]
    -- files = ["secrets/dev/c.enc.yaml"]
    prefix = "APP_"
    rename = { ____ = "KEY" }
    defaults = { PORT = 3000, KEY = "no" }
    mvx: .env.local: 3 added, 2 removed, of the profile `local`
    mvx:   + KEY
    mvx:   + APP_2FA
    mvx:   + PORT
    mvx:   - DB_PASSWORD
    mvx:   - EMPTY
    "##);
    profiles(&repo, "");
    insta::assert_snapshot!(repo.session("mvx env sync\nmvx env sync nothing"), @r##"
    $ mvx env sync
    mvx: error: .sops-rules.toml: there is no profile
    mvx: hint: add one: `[env.local]`, `files = ["secrets/dev/*.enc.yaml"]`, `output = ".env.local"`
    [3]
    $ mvx env sync nothing
    mvx: error: .sops-rules.toml: there is no profile
    mvx: hint: add one: `[env.local]`, `files = ["secrets/dev/*.enc.yaml"]`, `output = ".env.local"`
    [3]
    "##);
    profiles(&repo, &PROFILES.replace("default = true", ""));
    insta::assert_snapshot!(repo.session("mvx env sync\nmvx env sync locale"), @r##"
    $ mvx env sync
    mvx: error: .sops-rules.toml: which profile is meant?
    mvx: hint: name one of `local`, `tenant`, `json`, `shell`
    mvx: hint: or say `default = true` in one of them
    [2]
    $ mvx env sync locale
    mvx: error: .sops-rules.toml: there is no profile `locale`
    mvx: hint: there are `local`, `tenant`, `json`, `shell`
    [2]
    "##);
}

#[test]
fn access_that_has_ended_delivers_nothing() {
    let repo = repo();
    let text = repo.read(".sops-rules.toml");
    let ended = text.replacen(
        "[recipients.bob]",
        "expires = 2026-01-31\n[recipients.bob]",
        1,
    );
    repo.write(".sops-rules.toml", &ended);
    insta::assert_snapshot!(repo.session("mvx env sync"), @r##"
    $ mvx env sync
    mvx: error: secrets/dev/app.enc.yaml: the access of `ana` ended on 2026-01-31
    mvx: hint: whoever answers for the rules sets another `expires` there, after a look at whether it should go on
    [128]
    "##);
    assert!(!repo.has(".env.local"));
    repo.write(
        ".sops-rules.toml",
        ended.replace("2026-01-31", "2126-01-31"),
    );
    repo.mvx(["env", "sync", "-q"]).outcome().quiet_success();
}

#[test]
fn whole_files_are_not_written_over_what_is_not_ours() {
    let repo = repo();
    repo.write("secrets.json", "{}\n");
    repo.write("secrets.sh", "echo mine\n");
    insta::assert_snapshot!(repo.session(r"
        mvx env sync json shell
        mvx env sync json shell --overwrite
        cat secrets.json secrets.sh
        mvx env sync json shell
        mvx env sync json
        printf 9 | mvx set -q secrets/dev/keys.enc.env API_KEY
        mvx env sync shell
        mvx env sync json
    "), @r##"
    $ mvx env sync json shell
    mvx: error: secrets.json: exists already, and nothing in it says that mvx wrote it; it was left alone
    mvx: hint: `--overwrite` replaces it
    [4]
    $ mvx env sync json shell --overwrite
    mvx: secrets.json: written, 3 names of the profile `json`
    mvx: secrets.sh: written, 3 names of the profile `shell`
    $ cat secrets.json secrets.sh
    {
      "DB_PASSWORD": "a 'b' c",
      "DB_PORT": "5432",
      "API_KEY": "k-1"
    }
    # >>> mvx env sync shell: mvx writes this file
    export DB_PASSWORD='a '\''b'\'' c'
    export DB_PORT=5432
    export API_KEY=k-1
    $ mvx env sync json shell
    mvx: secrets.json: up to date, 3 names of the profile `json`
    mvx: secrets.sh: up to date, 3 names of the profile `shell`
    $ mvx env sync json
    mvx: secrets.json: up to date, 3 names of the profile `json`
    $ printf 9 | mvx set -q secrets/dev/keys.enc.env API_KEY
    $ mvx env sync shell
    mvx: secrets.sh: written, 3 names of the profile `shell`
    $ mvx env sync json
    mvx: error: secrets.json: exists already, and nothing in it says that mvx wrote it; it was left alone
    mvx: hint: `--overwrite` replaces it
    [4]
    "##);
}

#[test]
fn names_that_steer_a_process_need_leave() {
    let repo = repo();
    repo.seal("secrets/dev/x.yaml", "ld_preload: /tmp/x.so\n");
    insta::assert_snapshot!(repo.session("mvx env sync shell"), @r##"
    $ mvx env sync shell
    mvx: error: secrets.sh: `LD_PRELOAD` makes the loader take other libraries: it is not delivered to a process
    mvx: hint: `allow = ["LD_PRELOAD"]` in the profile delivers it; `exclude` leaves it out
    [3]
    "##);
    let allowed = PROFILES.replace(
        "format = \"shell\"",
        "format = \"shell\"\nallow = [\"LD_PRELOAD\"]",
    );
    profiles(&repo, &allowed);
    repo.mvx(["env", "sync", "shell", "-q"])
        .outcome()
        .quiet_success();
}

#[test]
fn it_works_from_a_subdirectory() {
    let repo = repo();
    fs::create_dir_all(repo.sandbox.path("deep/er")).unwrap();
    let outcome = repo.shell("cd deep/er && mvx env sync");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(repo.read(".env.local").contains("API_KEY=k-1\n"));
}
