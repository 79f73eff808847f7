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
    "), @"");
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
    "), @"");
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
    "), @"");
    let text = repo.read(".sops-rules.toml");
    repo.write(
        ".sops-rules.toml",
        text.replace("example = \".env.example\"\n", ""),
    );
    insta::assert_snapshot!(repo.session(r"
        mvx env check --names-only
        mvx env check --against example
    "), @"");
}

#[test]
fn names_need_no_identity() {
    let repo = repo();
    repo.mvx(["env", "example", "-q"]).outcome().quiet_success();
    repo.hold_nothing();
    insta::assert_snapshot!(repo.session(r"
        mvx env check --names-only
        mvx env check
    "), @"");
}
