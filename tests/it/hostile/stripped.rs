//! The seal is taken off, and then something is changed that SOPS's MAC does not cover.

use std::fs;
use std::os::unix::fs::symlink;

use crate::repo::Repo;
use crate::support::without_seal;

const FILE: &str = "secrets/dev/a.enc.yaml";

/// A repository whose file has a guessable secret above a value in clear, committed.
fn repo() -> Repo {
    let repo = Repo::new();
    repo.seal(
        "secrets/dev/a.yaml",
        "tls: true\nhost_unencrypted: .example.com\nmail_unencrypted: ana\nkey: hidden\n",
    );
    repo.commit();
    repo
}

/// Takes the seal off and applies a sed script.
fn tampered(repo: &Repo, script: &str) {
    let outcome = repo.shell(&format!("sed -i '/mvx_seal/d; {script}' {FILE}"));
    assert_eq!(outcome.code(), Some(0), "{outcome}");
}

/// Swaps the values of two clear keys.
const SWAP: &str = "s/^host_/zz_/; s/^mail_/host_/; s/^zz_/mail_/";

#[test]
fn a_known_secret_cannot_be_moved_into_its_clear_neighbour() {
    for script in [
        // The row of bytes that the MAC covers is the same in all of them.
        "/^tls/d; s/^host_unencrypted: /&True/",
        "s/^tls: .*/tls: \"\"/; s/^host_unencrypted: /&True/",
    ] {
        let repo = repo();
        tampered(&repo, script);
        repo.commit();
        let get = repo.mvx(["get", FILE, "host_unencrypted"]).outcome();
        assert_eq!(get.code(), Some(51), "{script}: {get}");
        assert!(get.stdout.is_empty(), "{get}");
        let set = repo.mvx(["set", FILE, "key"]).stdin("new").outcome();
        assert_eq!(set.code(), Some(51), "{script}: {set}");
    }
}

#[test]
fn a_link_under_the_old_name_hides_no_history() {
    // The file itself, or the directory that it is in.
    for moved in [FILE, "secrets/dev"] {
        let repo = repo();
        tampered(&repo, SWAP);
        let there = repo.sandbox.path(moved);
        let aside = there.with_file_name(".store.enc.yaml");
        fs::rename(&there, &aside).unwrap();
        symlink(".store.enc.yaml", &there).unwrap();
        repo.commit();
        let get = repo.mvx(["get", FILE, "host_unencrypted"]).outcome();
        assert_eq!(get.code(), Some(51), "{moved}: {get}");
        let doctor = repo.mvx(["doctor", FILE]).outcome();
        assert_eq!(doctor.code(), Some(1), "{moved}: {doctor}");
    }
}

#[test]
fn a_link_from_elsewhere_is_compared_with_the_history_of_what_it_leads_to() {
    let repo = repo();
    let link = repo.home("link.enc.yaml");
    symlink(repo.sandbox.path(FILE), &link).unwrap();
    let get = || {
        repo.mvx(["get", link.to_str().unwrap(), "host_unencrypted"])
            .outcome()
    };
    assert_eq!(get().code(), Some(0));
    tampered(&repo, SWAP);
    assert_eq!(get().code(), Some(51), "{}", get());

    // A file that never had a seal, and rules that demand one.
    let outcome = repo.shell(&format!(
        "git rm -q --cached {FILE}; rm -rf .git; git init -q"
    ));
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert_eq!(get().code(), Some(0), "{}", get());
    let rules = repo.read(".sops-rules.toml");
    repo.write(".sops-rules.toml", format!("seal = \"required\"\n{rules}"));
    assert_eq!(get().code(), Some(51), "{}", get());
}

#[test]
fn a_history_that_is_too_long_to_look_at_is_said() {
    let repo = repo();
    tampered(&repo, SWAP);
    repo.commit();
    // As fast as git makes them: 1,001 commits on top, later than any clock.
    let import: String = std::iter::once("reset refs/heads/long\nfrom HEAD\n\n".to_owned())
        .chain((0..1001).map(|_| {
            "commit refs/heads/long\ncommitter E <e@example.com> 1900000000 +0000\ndata 1\nx\n\n"
                .to_owned()
        }))
        .collect();
    let import = repo.write("../import", import);
    let outcome = repo.shell(&format!(
        "sed -i \"s/^from HEAD/from $(git rev-parse HEAD)/\" {import} && git fast-import --quiet <{import} && git reset -q --soft long",
        import = import.display()
    ));
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    insta::assert_snapshot!(repo.session("
        mvx get secrets/dev/a.enc.yaml host_unencrypted
        mvx seal show secrets/dev/a.enc.yaml
    "), @r##"
    $ mvx get secrets/dev/a.enc.yaml host_unencrypted
    ana
    mvx: secrets/dev/a.enc.yaml: without a seal, as in the 1000 newest commits or as many as this clone has; older ones were not looked at
    $ mvx seal show secrets/dev/a.enc.yaml
    secrets/dev/a.enc.yaml: carries no seal, and neither has its version in any commit that was looked at; there may be older ones
    [1]
    "##);
}

#[test]
fn a_shallow_clone_does_not_say_that_there_never_was_a_seal() {
    let repo = Repo::new();
    repo.seal("secrets/dev/a.yaml", "a: hidden\n");
    repo.commit();
    repo.write(
        "secrets/dev/a.enc.yaml",
        without_seal(&repo.read("secrets/dev/a.enc.yaml")),
    );
    repo.commit();
    insta::assert_snapshot!(repo.session("
        git clone -q --depth 1 \"file://$PWD\" ../clone
        cd ../clone && mvx decrypt secrets/dev/a.enc.yaml
        cd ../clone && mvx seal show secrets/dev/a.enc.yaml
    "), @r###"
    $ git clone -q --depth 1 "file://$PWD" ../clone
    $ cd ../clone && mvx decrypt secrets/dev/a.enc.yaml
    a: hidden
    mvx: secrets/dev/a.enc.yaml: without a seal, as in the 1000 newest commits or as many as this clone has; older ones were not looked at
    $ cd ../clone && mvx seal show secrets/dev/a.enc.yaml
    secrets/dev/a.enc.yaml: carries no seal, and neither has its version in any commit that was looked at; there may be older ones
    [1]
    "###);
}

#[test]
fn rules_that_cannot_be_read_may_demand_a_seal() {
    let repo = repo();
    tampered(&repo, SWAP);
    let outcome = repo.shell("rm -rf .git; git init -q; echo note >>.sops-rules.toml");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    insta::assert_snapshot!(repo.session("
        mvx get secrets/dev/a.enc.yaml host_unencrypted
        mvx decrypt --format yaml - <secrets/dev/a.enc.yaml | grep host
    "), @r##"
    $ mvx get secrets/dev/a.enc.yaml host_unencrypted
    mvx: error: .sops-rules.toml: line 23: key with no value, expected `=`
    [3]
    $ mvx decrypt --format yaml - <secrets/dev/a.enc.yaml | grep host
    host_unencrypted: ana
    mvx: standard input: without a seal, and compared with no history
    "##);
    // One that has its seal opens all the same.
    let good = repo_with_broken_rules();
    let get = good.mvx(["get", FILE, "key"]).outcome();
    assert_eq!(get.code(), Some(0), "{get}");
}

fn repo_with_broken_rules() -> Repo {
    let repo = repo();
    let rules = repo.read(".sops-rules.toml");
    repo.write(".sops-rules.toml", format!("{rules}note\n"));
    repo
}

#[test]
fn items_of_a_list_cannot_change_places() {
    let repo = Repo::new();
    repo.seal("secrets/dev/a.yaml", "limits:\n  - \"1\"\n  - \"11\"\n");
    repo.commit();
    let text = repo.read(FILE);
    let items: Vec<&str> = text
        .lines()
        .filter(|line| line.trim_start().starts_with("- "))
        .take(2)
        .collect();
    let swapped = text
        .replace(items[0], "@")
        .replace(items[1], items[0])
        .replace('@', items[1]);
    repo.write(FILE, swapped);
    tampered(&repo, "");
    let get = repo.mvx(["get", FILE, "limits[0]"]).outcome();
    assert_eq!(get.code(), Some(51), "{get}");
}
