//! `mvx env example`.

use crate::repo::{Repo, rules};

fn repo() -> Repo {
    let repo = Repo::new();
    repo.write(
        ".sops-rules.toml",
        format!(
            "{}[env.local]\nfiles = [\"secrets/dev/*.enc.*\"]\nexample = \".env.example\"\ndefaults = {{ PORT = 3000 }}\n",
            rules()
        ),
    );
    repo.seal(
        "secrets/dev/app.yaml",
        "# where it is\ndb:\n  host: db.internal\n  password: hunter2\n",
    );
    repo.seal("secrets/dev/keys.env", "# ask ops\nAPI_KEY=k-1\n");
    repo
}

#[test]
fn a_new_example_has_names_and_no_values() {
    insta::assert_snapshot!(repo().session(r"
        mvx env example --dry-run
        mvx env example
        cat .env.example
        mvx env example
        stat -c %a .env.example
    "), @r##"
    $ mvx env example --dry-run
    .env.example: 4 added
      + DB_HOST
      + DB_PASSWORD
      + API_KEY
      + PORT
    $ mvx env example
    mvx: .env.example: 4 added
    mvx:   + DB_HOST
    mvx:   + DB_PASSWORD
    mvx:   + API_KEY
    mvx:   + PORT
    $ cat .env.example
    DB_HOST=
    DB_PASSWORD=

    API_KEY=

    PORT=
    $ mvx env example
    mvx: .env.example: up to date
    $ stat -c %a .env.example
    644
    "##);
}

#[test]
fn the_users_lines_and_comments_stay() {
    let repo = repo();
    repo.write(
        ".env.example",
        "# ours\nDB_PASSWORD=ask-ana # really\n\nOWN=1\nPORT=",
    );
    insta::assert_snapshot!(repo.session(r"
        mvx env example
        cat .env.example
        mvx env example --prune
        cat .env.example
    "), @r##"
    $ mvx env example
    mvx: .env.example: 2 added
    mvx:   + DB_HOST
    mvx:   + API_KEY
    $ cat .env.example
    DB_HOST=
    # ours
    DB_PASSWORD=ask-ana # really

    API_KEY=

    OWN=1
    PORT=⏎
    $ mvx env example --prune
    mvx: .env.example: 1 removed
    mvx:   - OWN
    $ cat .env.example
    DB_HOST=
    # ours
    DB_PASSWORD=ask-ana # really

    API_KEY=

    PORT=⏎
    "##);
}

#[test]
fn encrypted_comments_come_along_on_request_alone() {
    let repo = repo();
    insta::assert_snapshot!(repo.session(r"
        mvx env example --comments
        cat .env.example
    "), @r##"
    $ mvx env example --comments
    mvx: .env.example: 4 added
    mvx:   + DB_HOST
    mvx:   + DB_PASSWORD
    mvx:   + API_KEY
    mvx:   + PORT
    $ cat .env.example
    # where it is
    DB_HOST=
    DB_PASSWORD=

    # ask ops
    API_KEY=

    PORT=
    "##);
    repo.hold_nothing();
    let outcome = repo.mvx(["env", "example", "--comments"]).outcome();
    assert_eq!(outcome.code(), Some(128), "{outcome}");
    let outcome = repo.mvx(["env", "example"]).outcome();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
}

#[test]
fn mistakes_are_told() {
    let repo = repo();
    repo.write(".gitignore", ".env*\n");
    insta::assert_snapshot!(repo.session("mvx env example -n"), @r##"
    $ mvx env example -n
    .env.example: 4 added
      + DB_HOST
      + DB_PASSWORD
      + API_KEY
      + PORT
    mvx: warning: .env.example: git ignores it, and an example is for everybody
    mvx: hint: `git check-ignore -v .env.example` shows the line that says so
    "##);
    let text = repo.read(".sops-rules.toml");
    repo.write(".sops-rules.toml", text.replace("example = ", "output = "));
    insta::assert_snapshot!(repo.session("mvx env example"), @r##"
    $ mvx env example
    mvx: error: .sops-rules.toml: the profile `local` has no `example`
    mvx: hint: `example = ".env.example"` in it says where it is written
    [3]
    "##);
}
