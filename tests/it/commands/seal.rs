//! `mvx seal`.

use crate::repo::Repo;
use crate::support::Step;

const TEXT: &str =
    "host_unencrypted: db.internal\nport_unencrypted: \"5432\"\npassword: hunter2\nuser: app\n";

/// A repository with a committed sealed file.
fn repo() -> Repo {
    let repo = Repo::new();
    repo.seal("secrets/dev/app.yaml", TEXT);
    repo.commit();
    repo
}

/// Cuts the seal off, and renames a clear key.
fn tamper(repo: &Repo) {
    let text = repo.read("secrets/dev/app.enc.yaml");
    let text = crate::support::without_seal(&text);
    repo.write(
        "secrets/dev/app.enc.yaml",
        text.replace("host_unencrypted", "proxy_unencrypted"),
    );
}

#[test]
fn what_lost_its_seal_is_shown_and_accepted() {
    let repo = repo();
    tamper(&repo);
    insta::assert_snapshot!(repo.session("
        mvx decrypt secrets/dev/app.enc.yaml
        mvx seal show secrets/dev/app.enc.yaml
        mvx seal show --show-values secrets/dev/app.enc.yaml
        mvx seal show --json secrets/dev/app.enc.yaml
        mvx seal accept secrets/dev/app.enc.yaml
        mvx seal accept --yes secrets/dev/app.enc.yaml
        mvx seal accept --yes secrets/dev/app.enc.yaml
        mvx seal show secrets/dev/app.enc.yaml
        mvx decrypt secrets/dev/app.enc.yaml
    "), @r###"
    $ mvx decrypt secrets/dev/app.enc.yaml
    mvx: error: secrets/dev/app.enc.yaml: it lost its seal, and differs from commit [SHORT] in what SOPS does not protect
    mvx:   `host_unencrypted` was removed, a value in clear
    mvx:   `proxy_unencrypted` was added, a value in clear
    mvx: hint: `mvx seal accept secrets/dev/app.enc.yaml` shows what differs, and seals the file once you have said yes
    mvx: hint: `git log -p -- secrets/dev/app.enc.yaml` shows who changed it
    [51]
    $ mvx seal show secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: carries no seal; it differs from commit [SHORT], by Ana, in this:
      `host_unencrypted` was removed, a value in clear   (SOPS does not protect this)
      `proxy_unencrypted` was added, a value in clear   (SOPS does not protect this)
    [1]
    $ mvx seal show --show-values secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: carries no seal; it differs from commit [SHORT], by Ana, in this:
      `host_unencrypted` was removed, a value in clear   (SOPS does not protect this)
        was "db.internal"
      `proxy_unencrypted` was added, a value in clear   (SOPS does not protect this)
        is  "db.internal"
    [1]
    $ mvx seal show --json secrets/dev/app.enc.yaml
    {"seals":[{"file":"secrets/dev/app.enc.yaml","seal":"missing","compared_with":"[COMMIT]","differences":[{"difference":"removed","key":"host_unencrypted","protected":false,"text":"`host_unencrypted` was removed, a value in clear"},{"difference":"added","key":"proxy_unencrypted","protected":false,"text":"`proxy_unencrypted` was added, a value in clear"}],"accepted":null}]}
    [1]
    $ mvx seal accept secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: carries no seal; it differs from commit [SHORT], by Ana, in this:
      `host_unencrypted` was removed, a value in clear   (SOPS does not protect this)
      `proxy_unencrypted` was added, a value in clear   (SOPS does not protect this)
    mvx: error: secrets/dev/app.enc.yaml: somebody has to look at what differs and say yes; nothing was written
    mvx: hint: `mvx seal accept --yes secrets/dev/app.enc.yaml` says so without being asked
    [2]
    $ mvx seal accept --yes secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: carries no seal; it differs from commit [SHORT], by Ana, in this:
      `host_unencrypted` was removed, a value in clear   (SOPS does not protect this)
      `proxy_unencrypted` was added, a value in clear   (SOPS does not protect this)
    mvx: secrets/dev/app.enc.yaml: sealed
    $ mvx seal accept --yes secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: the seal is valid
    [200]
    $ mvx seal show secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: the seal is valid
    $ mvx decrypt secrets/dev/app.enc.yaml
    proxy_unencrypted: db.internal
    port_unencrypted: "5432"
    password: hunter2
    user: app
    "###);
}

#[test]
fn a_broken_seal_names_the_way_out() {
    let repo = repo();
    let text = repo.read("secrets/dev/app.enc.yaml");
    repo.write(
        "secrets/dev/app.enc.yaml",
        text.replace("host_unencrypted", "proxy_unencrypted"),
    );
    insta::assert_snapshot!(repo.session("
        mvx get secrets/dev/app.enc.yaml user
        mvx seal show secrets/dev/app.enc.yaml
        mvx seal accept --json --yes secrets/dev/app.enc.yaml
        mvx get secrets/dev/app.enc.yaml user
    "), @r###"
    $ mvx get secrets/dev/app.enc.yaml user
    mvx: error: secrets/dev/app.enc.yaml: the seal is broken: keys, types, comments, selector or recipients were changed after the file was sealed
    mvx: hint: `mvx seal accept secrets/dev/app.enc.yaml` shows what differs, and seals the file once you have said yes
    mvx: hint: `mvx repair secrets/dev/app.enc.yaml` restores the last good version in git, too
    [51]
    $ mvx seal show secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: the seal is broken; it differs from commit [SHORT], by Ana, in this:
      `host_unencrypted` was removed, a value in clear   (SOPS does not protect this)
      `proxy_unencrypted` was added, a value in clear   (SOPS does not protect this)
    [1]
    $ mvx seal accept --json --yes secrets/dev/app.enc.yaml
    {"seals":[{"file":"secrets/dev/app.enc.yaml","seal":"broken","compared_with":"[COMMIT]","differences":[{"difference":"removed","key":"host_unencrypted","protected":false,"text":"`host_unencrypted` was removed, a value in clear"},{"difference":"added","key":"proxy_unencrypted","protected":false,"text":"`proxy_unencrypted` was added, a value in clear"}],"accepted":true}]}
    $ mvx get secrets/dev/app.enc.yaml user
    app
    "###);
}

#[test]
fn a_file_that_never_had_one_gets_one() {
    let repo = Repo::new();
    let text = repo.seal("secrets/dev/app.yaml", TEXT);
    let text = crate::support::without_seal(&text);
    repo.write("secrets/dev/app.enc.yaml", &text);
    insta::assert_snapshot!(repo.session("
        mvx decrypt secrets/dev/app.enc.yaml
        mvx seal show secrets/dev/app.enc.yaml
        mvx seal accept -y secrets/dev/app.enc.yaml
        mvx seal show secrets/dev/app.enc.yaml
    "), @r###"
    $ mvx decrypt secrets/dev/app.enc.yaml
    host_unencrypted: db.internal
    port_unencrypted: "5432"
    password: hunter2
    user: app
    $ mvx seal show secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: carries no seal, and git has no version of it that does
    [1]
    $ mvx seal accept -y secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: carries no seal, and git has no version of it that does
    mvx: secrets/dev/app.enc.yaml: sealed
    $ mvx seal show secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: the seal is valid
    "###);
    let sealed = repo.read("secrets/dev/app.enc.yaml");
    assert_eq!(crate::support::without_seal(&sealed), text, "one line came");
}

#[test]
fn a_person_says_yes_or_no() {
    let repo = repo();
    tamper(&repo);
    let before = repo.read("secrets/dev/app.enc.yaml");
    let answer = |word| {
        repo.mvx(["seal", "accept", "secrets/dev/app.enc.yaml"])
            .on_terminal(&[Step::Await("Seal"), Step::Type(word)])
    };
    assert_eq!(answer("n\r").status, 1);
    assert_eq!(repo.read("secrets/dev/app.enc.yaml"), before);
    assert_eq!(answer("y\r").status, 0);
    assert!(repo.read("secrets/dev/app.enc.yaml").contains("mvx_seal"));
}
