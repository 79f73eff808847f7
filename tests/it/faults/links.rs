//! Links, and other things that stand where a file is expected.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::{APP, CANARY, content, left_over, plaintexts, refused, repo, text};
use crate::repo::Repo;

/// Commands that write the sealed file `FILE`, and the text that is in it afterwards.
fn writing() -> Vec<(&'static str, String)> {
    vec![
        ("set FILE db.port --value 1", text().replace("5432", "1")),
        ("unset FILE key0", without("key0")),
        ("mv FILE key0 key", text().replace("key0:", "key:")),
        ("edit FILE", text().replace("5432", "6543")),
        ("rekey --yes FILE", text()),
        ("decrypt -i --allow-unignored FILE", text()),
    ]
}

fn without(key: &str) -> String {
    let text = text();
    let lines = text.split_inclusive('\n');
    lines.filter(|line| !line.starts_with(key)).collect()
}

fn run(repo: &Repo, command: &str, file: &str) -> crate::support::Outcome {
    let words: Vec<&str> = command
        .split(' ')
        .map(|word| if word == "FILE" { file } else { word })
        .collect();
    repo.mvx(words)
        .env("EDITOR", repo.home("editor.sh"))
        .outcome()
}

/// What is in a file, sealed or not.
fn plain(repo: &Repo, file: &str) -> String {
    let text = repo.read(file);
    if text.contains("sops:") {
        repo.plaintext(file)
    } else {
        text
    }
}

#[test]
fn what_a_link_leads_to_is_written_and_the_link_stays() {
    let repo = repo();
    repo.editor("sed -i s/5432/6543/ \"$1\"");
    let sealed = fs::read(repo.sandbox.path(APP)).unwrap();
    let elsewhere = repo.sandbox.root().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let outside = elsewhere.join("real.enc.yaml");
    let absolute = outside.to_str().unwrap();
    for (link, to, target) in [
        ("secrets/dev/near.enc.yaml", "app.enc.yaml", APP),
        ("secrets/dev/chain.enc.yaml", "near.enc.yaml", APP),
        (
            "secrets/dev/far.enc.yaml",
            "../../../elsewhere/real.enc.yaml",
            absolute,
        ),
        ("secrets/dev/absolute.enc.yaml", absolute, absolute),
    ] {
        symlink(to, repo.sandbox.path(link)).unwrap();
        for (command, after) in writing() {
            fs::write(&outside, &sealed).unwrap();
            repo.write(APP, &sealed);
            let outcome = run(&repo, command, link);
            assert_eq!(outcome.code(), Some(0), "{command}: {outcome}");
            let read = fs::read_link(repo.sandbox.path(link)).unwrap();
            assert_eq!(read, PathBuf::from(to), "{command}");
            let now = fs::read(repo.sandbox.path(target)).unwrap();
            assert!(now != sealed, "{command}");
            assert_eq!(plain(&repo, target), after, "{command} {link}");
        }
    }
    assert!(left_over(&repo.sandbox).is_empty());
    assert_eq!(fs::read_dir(elsewhere).unwrap().count(), 1);
}

#[test]
fn encryption_in_place_follows_a_link() {
    let repo = repo();
    repo.write("secrets/dev/real.yaml", text());
    symlink("real.yaml", repo.sandbox.path("secrets/dev/link.yaml")).unwrap();
    let outcome = repo
        .mvx(["encrypt", "-i", "secrets/dev/link.yaml"])
        .outcome();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let link = repo.sandbox.path("secrets/dev/link.yaml");
    assert!(fs::symlink_metadata(link).unwrap().is_symlink());
    assert_eq!(repo.plaintext("secrets/dev/real.yaml"), text());
    assert!(plaintexts(&repo.sandbox, &[]).is_empty());
}

#[test]
fn links_that_lead_nowhere_are_named_before_anything_is_typed() {
    let repo = repo();
    repo.editor("touch ~/was-started");
    let source = repo.home("old.env");
    fs::write(&source, "TOKEN=1\n").unwrap();
    let import = format!("import {} --to FILE", source.display());
    let dangling = "secrets/dev/dangling.enc.yaml";
    let looped = "secrets/dev/loop.enc.yaml";
    symlink("nowhere.enc.yaml", repo.sandbox.path(dangling)).unwrap();
    symlink("loop.enc.yaml", repo.sandbox.path(looped)).unwrap();
    let before = content(&repo.sandbox);
    let commands = writing().into_iter().map(|(command, _)| command.to_owned());
    let others = ["get FILE a", "seal show FILE", "repair FILE", "ls FILE"];
    let others = others.into_iter().map(str::to_owned);
    for command in commands.chain(others).chain([import]) {
        let outcome = run(&repo, &command, dangling);
        let says = format!("{dangling}: a symbolic link to nowhere.enc.yaml, which is not there");
        refused(&outcome, 4, &says);
        let outcome = run(&repo, &command, looped);
        refused(&outcome, 4, &format!("{looped}: cannot be read"));
    }
    assert_eq!(content(&repo.sandbox), before);
    assert!(!repo.home("was-started").exists());
    // A plaintext whose encrypted name is such a link.
    repo.write("secrets/dev/dangling.yaml", text());
    let outcome = repo
        .mvx(["encrypt", "--rm", "secrets/dev/dangling.yaml"])
        .outcome();
    refused(&outcome, 4, dangling);
    assert_eq!(repo.read("secrets/dev/dangling.yaml"), text());
}

#[test]
fn links_in_a_tree_disturb_nobody() {
    let repo = repo();
    let at = |name: &str| repo.sandbox.path(name);
    symlink("nowhere.enc.yaml", at("secrets/dev/dangling.enc.yaml")).unwrap();
    symlink("loop.enc.yaml", at("secrets/dev/loop.enc.yaml")).unwrap();
    symlink("../..", at("secrets/dev/up")).unwrap();
    symlink("dev", at("secrets/again")).unwrap();
    for command in [
        "ls",
        "rekey --yes",
        "recipients sync --yes",
        "recipients list",
        "clean --dry-run secrets",
        "decrypt secrets",
    ] {
        let outcome = run(&repo, command, "");
        assert_eq!(outcome.code(), Some(0), "{command}: {outcome}");
    }
    assert_eq!(repo.plaintext(APP), text());
}

#[test]
fn the_other_name_of_a_file_keeps_the_old_content() {
    let repo = repo();
    repo.editor("sed -i s/5432/6543/ \"$1\"");
    let sealed = fs::read(repo.sandbox.path(APP)).unwrap();
    let other = repo.sandbox.path("other-name");
    for (command, after) in writing() {
        repo.write(APP, &sealed);
        fs::remove_file(&other).ok();
        fs::hard_link(repo.sandbox.path(APP), &other).unwrap();
        let outcome = run(&repo, command, APP);
        assert_eq!(outcome.code(), Some(0), "{command}: {outcome}");
        assert_eq!(plain(&repo, APP), after, "{command}");
        assert_eq!(fs::read(&other).unwrap(), sealed, "{command}");
        repo.write(APP, &sealed);
    }
}

#[test]
fn directories_and_devices_where_a_file_should_be() {
    let repo = repo();
    let directory = "secrets/dev/dir.enc.yaml";
    fs::create_dir(repo.sandbox.path(directory)).unwrap();
    repo.editor("touch ~/was-started");
    let below = format!("{APP}/below.enc.yaml");
    let source = repo.home("old.env");
    fs::write(&source, "TOKEN=1\n").unwrap();
    let import = format!("import {} --to FILE", source.display());
    let before = content(&repo.sandbox);
    for command in [
        "set FILE a --value 1",
        "unset FILE a",
        "mv FILE a b",
        "edit FILE",
        "get FILE a",
        "seal show FILE",
        "seal accept --yes FILE",
        "repair FILE",
        "repair --restore FILE",
        &import,
    ] {
        let outcome = run(&repo, command, directory);
        refused(
            &outcome,
            4,
            &format!("{directory}: a directory, not a file"),
        );
        let outcome = run(&repo, command, &below);
        refused(&outcome, 4, "app.enc.yaml");
    }
    assert!(!repo.home("was-started").exists());
    // A directory is all that is below: nothing here.
    for command in ["rekey --yes FILE", "recipients sync --yes FILE"] {
        let outcome = run(&repo, command, directory);
        assert_eq!(outcome.code(), Some(0), "{outcome}");
    }
    repo.write("secrets/dev/dir.yaml", text());
    let outcome = repo
        .mvx(["encrypt", "--rm", "secrets/dev/dir.yaml"])
        .outcome();
    refused(&outcome, 4, directory);
    assert_eq!(repo.read("secrets/dev/dir.yaml"), text());
    fs::remove_file(repo.sandbox.path("secrets/dev/dir.yaml")).unwrap();
    for place in [directory, "/dev/null", &below] {
        let arguments = [
            "decrypt",
            "--allow-unignored",
            "--overwrite",
            "-o",
            place,
            APP,
        ];
        let outcome = repo.mvx(arguments).outcome();
        assert_eq!(outcome.code(), Some(4), "{place}: {outcome}");
        assert!(!outcome.to_string().contains(CANARY));
    }
    assert_eq!(content(&repo.sandbox), before);
    assert!(left_over(&repo.sandbox).is_empty());
}
