//! `mvx env check`.

use crate::repo::{Repo, rules};

const PROFILE: &str = r#"
[env.local]
files = ["secrets/dev/*.enc.yaml"]
output = ".env.local"
example = ".env.example"
"#;

fn repo() -> Repo {
    let repo = Repo::new();
    repo.write(".sops-rules.toml", format!("{}{PROFILE}", rules()));
    let ignored = repo.read(".gitignore");
    repo.write(".gitignore", format!("{ignored}.env.local\n"));
    repo.seal(
        "secrets/dev/app.yaml",
        "db:\n  password: hunter2-and-more\n  port: 5432\ntoken: changeme\nempty: ''\n",
    );
    repo
}

#[test]
fn everything_is_told_with_its_line() {
    let repo = repo();
    repo.write(
        ".env.example",
        "# ours\nDB_PASSWORD=hunter2-and-more\nGONE=\nTOKEN=\n",
    );
    repo.mvx(["env", "sync", "-q"]).outcome().quiet_success();
    let text = repo.read(".env.local");
    repo.write(
        ".env.local",
        text.replace("DB_PORT=5432", "DB_PORT=1\nSURPLUS=2")
            .replace("TOKEN=changeme\n", ""),
    );
    insta::assert_snapshot!(repo.session(r"
        mvx env check
        mvx env check --against example
        mvx env check --format github
        mvx env check --json
    "), @r##"
    $ mvx env check
      problem  secrets/dev/app.enc.yaml: `TOKEN` holds a placeholder and no value: `token`
               hint: `mvx set secrets/dev/app.enc.yaml token`
      problem  secrets/dev/app.enc.yaml: `EMPTY` is empty: `empty`
               hint: `mvx set secrets/dev/app.enc.yaml empty`; where nothing is meant, `defaults` of the profile say so
      problem  .env.example: line 3: `GONE` is in the example, and the profile does not deliver it
               hint: add it to a secret file or to `defaults`, or take it out with `mvx env example --prune`
      problem  .env.example: `DB_PORT` is delivered, and not in the example: `db.port` in secrets/dev/app.enc.yaml
               hint: `mvx env example local` adds it
      problem  .env.example: `EMPTY` is delivered, and not in the example: `empty` in secrets/dev/app.enc.yaml
               hint: `mvx env example local` adds it
      problem  .env.example: line 2: the example holds the value of `DB_PASSWORD` itself
               hint: take it out, and change the secret: git's history keeps it
      problem  .env.local: line 4: `DB_PORT` has another value than `db.port` in secrets/dev/app.enc.yaml
               hint: `mvx env sync local` writes it
      problem  .env.local: line 1: `TOKEN` is delivered, and not in mvx's block
               hint: `mvx env sync local` writes it
      problem  .env.local: line 5: `SURPLUS` stands in mvx's block, and is not delivered any more
               hint: `mvx env sync local` writes it
    [1]
    $ mvx env check --against example
      problem  secrets/dev/app.enc.yaml: `TOKEN` holds a placeholder and no value: `token`
               hint: `mvx set secrets/dev/app.enc.yaml token`
      problem  secrets/dev/app.enc.yaml: `EMPTY` is empty: `empty`
               hint: `mvx set secrets/dev/app.enc.yaml empty`; where nothing is meant, `defaults` of the profile say so
      problem  .env.example: line 3: `GONE` is in the example, and the profile does not deliver it
               hint: add it to a secret file or to `defaults`, or take it out with `mvx env example --prune`
      problem  .env.example: `DB_PORT` is delivered, and not in the example: `db.port` in secrets/dev/app.enc.yaml
               hint: `mvx env example local` adds it
      problem  .env.example: `EMPTY` is delivered, and not in the example: `empty` in secrets/dev/app.enc.yaml
               hint: `mvx env example local` adds it
      problem  .env.example: line 2: the example holds the value of `DB_PASSWORD` itself
               hint: take it out, and change the secret: git's history keeps it
    [1]
    $ mvx env check --format github
    ::error file=secrets/dev/app.enc.yaml,title=mvx env check%3A placeholder::`TOKEN` holds a placeholder and no value: `token`%0A`mvx set secrets/dev/app.enc.yaml token`
    ::error file=secrets/dev/app.enc.yaml,title=mvx env check%3A empty::`EMPTY` is empty: `empty`%0A`mvx set secrets/dev/app.enc.yaml empty`; where nothing is meant, `defaults` of the profile say so
    ::error file=.env.example,line=3,title=mvx env check%3A missing::`GONE` is in the example, and the profile does not deliver it%0Aadd it to a secret file or to `defaults`, or take it out with `mvx env example --prune`
    ::error file=.env.example,title=mvx env check%3A extra::`DB_PORT` is delivered, and not in the example: `db.port` in secrets/dev/app.enc.yaml%0A`mvx env example local` adds it
    ::error file=.env.example,title=mvx env check%3A extra::`EMPTY` is delivered, and not in the example: `empty` in secrets/dev/app.enc.yaml%0A`mvx env example local` adds it
    ::error file=.env.example,line=2,title=mvx env check%3A value-in-example::the example holds the value of `DB_PASSWORD` itself%0Atake it out, and change the secret: git's history keeps it
    ::error file=.env.local,line=4,title=mvx env check%3A drift::`DB_PORT` has another value than `db.port` in secrets/dev/app.enc.yaml%0A`mvx env sync local` writes it
    ::error file=.env.local,line=1,title=mvx env check%3A drift::`TOKEN` is delivered, and not in mvx's block%0A`mvx env sync local` writes it
    ::error file=.env.local,line=5,title=mvx env check%3A drift::`SURPLUS` stands in mvx's block, and is not delivered any more%0A`mvx env sync local` writes it
    [1]
    $ mvx env check --json
    {"findings":[{"profile":"local","code":"placeholder","file":"secrets/dev/app.enc.yaml","line":null,"name":"TOKEN","text":"`TOKEN` holds a placeholder and no value: `token`","hint":"`mvx set secrets/dev/app.enc.yaml token`"},{"profile":"local","code":"empty","file":"secrets/dev/app.enc.yaml","line":null,"name":"EMPTY","text":"`EMPTY` is empty: `empty`","hint":"`mvx set secrets/dev/app.enc.yaml empty`; where nothing is meant, `defaults` of the profile say so"},{"profile":"local","code":"missing","file":".env.example","line":3,"name":"GONE","text":"`GONE` is in the example, and the profile does not deliver it","hint":"add it to a secret file or to `defaults`, or take it out with `mvx env example --prune`"},{"profile":"local","code":"extra","file":".env.example","line":null,"name":"DB_PORT","text":"`DB_PORT` is delivered, and not in the example: `db.port` in secrets/dev/app.enc.yaml","hint":"`mvx env example local` adds it"},{"profile":"local","code":"extra","file":".env.example","line":null,"name":"EMPTY","text":"`EMPTY` is delivered, and not in the example: `empty` in secrets/dev/app.enc.yaml","hint":"`mvx env example local` adds it"},{"profile":"local","code":"value-in-example","file":".env.example","line":2,"name":"DB_PASSWORD","text":"the example holds the value of `DB_PASSWORD` itself","hint":"take it out, and change the secret: git's history keeps it"},{"profile":"local","code":"drift","file":".env.local","line":4,"name":"DB_PORT","text":"`DB_PORT` has another value than `db.port` in secrets/dev/app.enc.yaml","hint":"`mvx env sync local` writes it"},{"profile":"local","code":"drift","file":".env.local","line":1,"name":"TOKEN","text":"`TOKEN` is delivered, and not in mvx's block","hint":"`mvx env sync local` writes it"},{"profile":"local","code":"drift","file":".env.local","line":5,"name":"SURPLUS","text":"`SURPLUS` stands in mvx's block, and is not delivered any more","hint":"`mvx env sync local` writes it"}],"compared":[{"profile":"local","file":".env.example","names":4},{"profile":"local","file":".env.local","names":4}]}
    [1]
    "##);
}

#[test]
fn a_sound_profile_passes() {
    let repo = repo();
    insta::assert_snapshot!(repo.session(r"
        printf t-123456 | mvx set -q secrets/dev/app.enc.yaml token
        mvx unset -q secrets/dev/app.enc.yaml empty
        mvx env example -q
        mvx env sync -q
        mvx env check
        mvx env check --names-only
        mvx env check --format github
    "), @r##"
    $ printf t-123456 | mvx set -q secrets/dev/app.enc.yaml token
    $ mvx unset -q secrets/dev/app.enc.yaml empty
    $ mvx env example -q
    $ mvx env sync -q
    $ mvx env check
      ok       .env.example: as the profile `local` says, 3 names
      ok       .env.local: as the profile `local` says, 3 names
    $ mvx env check --names-only
      ok       .env.example: as the profile `local` says, 3 names
    $ mvx env check --format github
    "##);
}

#[test]
fn it_never_passes_on_nothing() {
    let repo = repo();
    insta::assert_snapshot!(repo.session(r"
        mvx env check
        mvx env check --names-only
        mvx env example -q && echo .env.example >> .gitignore
        mvx env check --names-only
        mvx env check --names-only --against output
    "), @r##"
    $ mvx env check
      problem  secrets/dev/app.enc.yaml: `TOKEN` holds a placeholder and no value: `token`
               hint: `mvx set secrets/dev/app.enc.yaml token`
      problem  secrets/dev/app.enc.yaml: `EMPTY` is empty: `empty`
               hint: `mvx set secrets/dev/app.enc.yaml empty`; where nothing is meant, `defaults` of the profile say so
      problem  .env.example: is not there
               hint: `mvx env example local` makes it
      problem  .env.local: holds nothing of the profile yet
               hint: `mvx env sync local` writes it
    [1]
    $ mvx env check --names-only
      problem  secrets/dev/app.enc.yaml: `EMPTY` is empty: `empty`
               hint: `mvx set secrets/dev/app.enc.yaml empty`; where nothing is meant, `defaults` of the profile say so
      problem  .env.example: is not there
               hint: `mvx env example local` makes it
    [1]
    $ mvx env example -q && echo .env.example >> .gitignore
    $ mvx env check --names-only
      problem  secrets/dev/app.enc.yaml: `EMPTY` is empty: `empty`
               hint: `mvx set secrets/dev/app.enc.yaml empty`; where nothing is meant, `defaults` of the profile say so
      problem  .env.example: git ignores it
               hint: take it out of .gitignore: an example is for everybody
    [1]
    $ mvx env check --names-only --against output
      problem  secrets/dev/app.enc.yaml: `EMPTY` is empty: `empty`
               hint: `mvx set secrets/dev/app.enc.yaml empty`; where nothing is meant, `defaults` of the profile say so
      problem  .env.local: holds nothing of the profile yet
               hint: `mvx env sync local` writes it
    [1]
    "##);
    let text = repo.read(".sops-rules.toml");
    repo.write(
        ".sops-rules.toml",
        text.replace("example = \".env.example\"\n", ""),
    );
    insta::assert_snapshot!(repo.session(r"
        mvx env check --names-only
        mvx env check --against example
    "), @r##"
    $ mvx env check --names-only
    mvx: error: .sops-rules.toml: the profile `local` has no `example`: there is nothing to check
    mvx: hint: `example = ".env.example"` in the profile names the example
    [3]
    $ mvx env check --against example
    mvx: error: .sops-rules.toml: the profile `local` has no `example`: there is nothing to check
    mvx: hint: `example = ".env.example"` in the profile names the example
    [3]
    "##);
}

#[test]
fn names_need_no_identity() {
    let repo = repo();
    repo.mvx(["env", "example", "-q"]).outcome().quiet_success();
    repo.hold_nothing();
    insta::assert_snapshot!(repo.session(r"
        mvx env check --names-only
        mvx env check
    "), @r##"
    $ mvx env check --names-only
      problem  secrets/dev/app.enc.yaml: `EMPTY` is empty: `empty`
               hint: `mvx set secrets/dev/app.enc.yaml empty`; where nothing is meant, `defaults` of the profile say so
    [1]
    $ mvx env check
    mvx: error: secrets/dev/app.enc.yaml: this machine holds no identity that could open the file
    mvx:   it is sealed for ana (age1r…jq) and bob (age10…wl)
    mvx: hint: `mvx doctor secrets/dev/app.enc.yaml` shows what was tried
    mvx: hint: if you have a key, set MVX_AGE_KEY_FILE to its file; if not, `mvx keys generate` makes one
    mvx: hint: then send somebody who can open the file what `mvx recipients request` prints
    mvx: hint: `--names-only` compares names, and needs no identity
    [128]
    "##);
}
