//! `mvx env sync`: where nothing is written, and what is not delivered.

use std::fs;
use std::os::unix::fs::symlink;

use super::env_sync::{PROFILES, profiles, repo};

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
fn links_are_not_followed() {
    let repo = repo();
    let outside = repo.home("elsewhere");
    fs::create_dir_all(&outside).unwrap();
    // The output itself, and a directory above it.
    symlink(outside.join("x"), repo.sandbox.path(".env.local")).unwrap();
    symlink(&outside, repo.sandbox.path("out")).unwrap();
    // A secret file, and a directory of some.
    fs::copy(
        repo.sandbox.path("secrets/dev/keys.enc.env"),
        outside.join("k.enc.env"),
    )
    .unwrap();
    symlink(&outside, repo.sandbox.path("secrets/dev/link")).unwrap();
    symlink(
        outside.join("k.enc.env"),
        repo.sandbox.path("secrets/dev/k.enc.env"),
    )
    .unwrap();
    let more = "[env.above]\nextends = \"local\"\noutput = \"out/.env.local\"\n[env.through]\nfiles = [\"secrets/dev/link/*.env\"]\noutput = \"a.env\"\n";
    profiles(&repo, &format!("{PROFILES}{more}"));
    insta::assert_snapshot!(repo.session(r"
        mvx env sync above --yes
        mvx env sync through --yes
        mvx env sync --yes
        rm .env.local
        mvx env sync --yes
    "), @r##"
    $ mvx env sync above --yes
    mvx: error: out: a symbolic link, and `output` of the profile `above` follows none: it may lead out of the work tree
    mvx: hint: `rm out` removes the link
    [4]
    $ mvx env sync through --yes
    mvx: error: secrets/dev/link: a symbolic link, and profiles follow none: it may lead out of the work tree
    mvx: hint: name the file or directory that it leads to in `files`: `readlink -f secrets/dev/link`
    [4]
    $ mvx env sync --yes
    mvx: error: .env.local: a symbolic link, and `output` of the profile `local` follows none: it may lead out of the work tree
    mvx: hint: `rm .env.local` removes the link
    [4]
    $ rm .env.local
    $ mvx env sync --yes
    mvx: error: secrets/dev/k.enc.env: a symbolic link, and profiles follow none: it may lead out of the work tree
    mvx: hint: name the file or directory that it leads to in `files`: `readlink -f secrets/dev/k.enc.env`
    [4]
    "##);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
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
fn an_output_is_never_a_secret_file() {
    let repo = repo();
    profiles(
        &repo,
        "[env.x]\nfiles = [\"secrets/dev/app.enc.yaml\"]\noutput = \"secrets/dev/keys.enc.env\"\n",
    );
    let before = repo.read("secrets/dev/keys.enc.env");
    let outcome = repo.mvx(["env", "sync", "--yes"]).outcome();
    assert_eq!(outcome.code(), Some(3), "{outcome}");
    assert_eq!(repo.read("secrets/dev/keys.enc.env"), before);
}
