//! Places where nothing can be written: directories without permission, full disks.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use super::{
    APP, CANARY, content, is_root, left_over, plaintexts, refused, repo, skipped, team_rules, text,
    works,
};
use crate::repo::{CAROL, Repo};
use crate::support::{Run, program};

/// The user and group that nobody is.
const NOBODY: u32 = 65534;

/// A repository that belongs to somebody without rights, and mvx as that user.
struct Unprivileged {
    repo: Repo,
    program: PathBuf,
}

impl Unprivileged {
    fn new() -> Option<Self> {
        let id = NOBODY.to_string();
        if is_root()
            && !works(
                "setpriv",
                &["--reuid", &id, "--regid", &id, "--clear-groups", "true"],
            )
        {
            skipped("root may write everywhere, and there is no `setpriv` to become nobody with");
            return None;
        }
        let repo = repo();
        // Where the tests are built, nobody may have no access.
        let copy = repo.sandbox.root().join("mvx");
        fs::copy(program(), &copy).unwrap();
        let unprivileged = Self {
            repo,
            program: copy,
        };
        unprivileged.give();
        Some(unprivileged)
    }

    /// Everything becomes nobody's.
    fn give(&self) {
        if !is_root() {
            return;
        }
        let mut open = vec![self.repo.sandbox.root().to_owned()];
        while let Some(path) = open.pop() {
            chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
            if path.is_dir() {
                open.extend(
                    fs::read_dir(path)
                        .unwrap()
                        .map(|entry| entry.unwrap().path()),
                );
            }
        }
    }

    fn mvx(&self, arguments: &[&str]) -> Run {
        let run = self
            .repo
            .sandbox
            .run(&self.program, arguments)
            .env("EDITOR", self.repo.home("editor.sh"));
        if !is_root() {
            return run;
        }
        let id = NOBODY.to_string();
        run.through(
            "setpriv",
            ["--reuid", &id, "--regid", &id, "--clear-groups"],
        )
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_directory_without_permission() {
    let Some(unprivileged) = Unprivileged::new() else {
        return;
    };
    let repo = &unprivileged.repo;
    repo.editor("sed -i s/5432/6543/ \"$1\"");
    let source = repo.home("old.env");
    fs::write(&source, "TOKEN=1\n").unwrap();
    repo.write("secrets/dev/plain.yaml", text());
    repo.write(
        "secrets/dev/loose.enc.yaml",
        crate::support::without_seal(&repo.read(APP)),
    );
    repo.write(".sops-rules.toml", team_rules());
    unprivileged.give();
    let before = content(&repo.sandbox);
    let source = source.to_str().unwrap();
    let plain = "secrets/dev/plain.yaml";
    let new = "secrets/dev/new.enc.yaml";
    let rules = ".sops-rules.toml";
    let closed = [repo.sandbox.path("secrets/dev"), repo.sandbox.path("")];
    for directory in &closed {
        set_mode(directory, 0o555);
    }
    for (arguments, place) in [
        (&["set", APP, "a", "--value", "1"][..], APP),
        (&["unset", APP, "key1"], APP),
        (&["mv", APP, "key1", "key"], APP),
        (&["edit", APP], APP),
        (&["rekey", "--yes"], APP),
        (&["rekey", "--yes", APP], APP),
        (
            &["seal", "accept", "--yes", "secrets/dev/loose.enc.yaml"],
            "secrets/dev/loose.enc.yaml",
        ),
        (&["decrypt", "-i", "--allow-unignored", APP], APP),
        (
            &["decrypt", "-o", "secrets/dev/out.yaml", APP],
            "secrets/dev/out.yaml",
        ),
        (&["encrypt", plain], "secrets/dev/plain.enc.yaml"),
        (&["encrypt", "--rm", plain], "secrets/dev/plain.enc.yaml"),
        (&["encrypt", "-i", plain], plain),
        (&["import", source, "--to", APP], APP),
        (&["import", source, "--to", new], new),
        (
            &[
                "recipients",
                "add",
                "carol",
                CAROL,
                "--group",
                "team",
                "--yes",
            ],
            rules,
        ),
        (&["recipients", "remove", "bob", "--yes"], rules),
    ] {
        let outcome = unprivileged.mvx(arguments).outcome();
        refused(&outcome, 4, &format!("{place}: cannot be written"));
        assert!(outcome.stderr.contains("ermission denied"), "{outcome}");
        let mut json = vec!["--json"];
        json.extend(arguments);
        let outcome = unprivileged.mvx(&json).outcome();
        let line = outcome.stderr.lines().last().unwrap_or_default();
        let failure: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(failure["exit"], 4, "{outcome}");
    }
    for directory in &closed {
        set_mode(directory, 0o755);
    }
    assert_eq!(content(&repo.sandbox), before);
    assert!(left_over(&repo.sandbox).is_empty());
    // What was edited is kept where mvx keeps its own things, encrypted.
    let kept = repo.home(".local/state/mvx/kept/app.edited.yaml.enc");
    assert!(kept.is_file());
    let found = plaintexts(&repo.sandbox, &[plain, "home/old.env"]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_home_and_a_runtime_directory_without_permission() {
    let Some(unprivileged) = Unprivileged::new() else {
        return;
    };
    let repo = &unprivileged.repo;
    let generated = unprivileged.repo.home("keys/new.txt");
    fs::create_dir(repo.home("keys")).unwrap();
    unprivileged.give();
    set_mode(&repo.home("keys"), 0o555);
    let generated = generated.to_str().unwrap();
    let outcome = unprivileged
        .mvx(&["keys", "generate", "-o", generated])
        .outcome();
    refused(&outcome, 4, "keys/new.txt");
    assert!(!outcome.to_string().contains("AGE-SECRET-KEY"), "{outcome}");
    // Without a place for locks nothing is written: two would overwrite each other.
    let run = repo.sandbox.root().join("run");
    let tmp = repo.sandbox.root().join("tmp");
    fs::remove_dir_all(run.join("mvx")).ok();
    let sealed = repo.read(APP);
    for directory in [&run, &tmp] {
        set_mode(directory, 0o555);
    }
    let outcome = unprivileged
        .mvx(&["set", APP, "a", "--value", "1"])
        .outcome();
    refused(&outcome, 4, "/run/mvx");
    assert_eq!(repo.read(APP), sealed);
    // Reading takes no lock.
    let outcome = unprivileged.mvx(&["decrypt", APP]).outcome();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
}

#[test]
fn a_file_without_permission() {
    let Some(unprivileged) = Unprivileged::new() else {
        return;
    };
    let repo = &unprivileged.repo;
    let path = repo.sandbox.path(APP);
    let sealed = fs::read(&path).unwrap();
    // It cannot be read.
    set_mode(&path, 0o000);
    for arguments in [
        &["set", APP, "a", "--value", "1"][..],
        &["decrypt", APP],
        &["edit", APP],
        &["rekey", "--yes"],
        &["repair", APP],
        &["ls", APP],
    ] {
        let outcome = unprivileged.mvx(arguments).outcome();
        refused(&outcome, 4, &format!("{APP}: cannot be read"));
    }
    // It can be read and not written: a new one takes its place, with its mode.
    set_mode(&path, 0o444);
    assert_eq!(fs::read(&path).unwrap(), sealed);
    let outcome = unprivileged
        .mvx(&["set", APP, "a", "--value", "1"])
        .outcome();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o444);
    if !is_root() {
        return skipped("only root has files that are somebody else's");
    }
    // It is root's, in one's own directory.
    chown(&path, Some(0), Some(0)).unwrap();
    let outcome = unprivileged
        .mvx(&["set", APP, "b", "--value", "2"])
        .outcome();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o444);
    let plain = unprivileged.mvx(&["get", APP, "b"]).outcome();
    assert_eq!(plain.stdout(), "2\n");
    set_mode(&path, 0o600);
    chown(&path, Some(0), Some(0)).unwrap();
    let before = fs::read(&path).unwrap();
    let outcome = unprivileged
        .mvx(&["set", APP, "c", "--value", "3"])
        .outcome();
    refused(&outcome, 4, APP);
    assert_eq!(fs::read(&path).unwrap(), before);
    assert!(left_over(&repo.sandbox).is_empty());
}

/// Commands that write a file which needs more room than there is.
fn growing() -> Vec<(Vec<&'static str>, &'static str)> {
    let plain = "secrets/dev/plain.yaml";
    vec![
        (vec!["set", APP, "a", "--value", "1"], APP),
        (vec!["unset", APP, "key1"], APP),
        (vec!["edit", APP], APP),
        (vec!["rekey", "--yes"], APP),
        (vec!["encrypt", "-i", plain], plain),
        (vec!["encrypt", "--rm", plain], "secrets/dev/plain.enc.yaml"),
        (vec!["import", "../home/old.env", "--to", APP], APP),
    ]
}

#[test]
fn a_file_that_may_not_grow() {
    let repo = repo();
    repo.editor("sed -i s/5432/6543/ \"$1\"");
    repo.write("secrets/dev/plain.yaml", text());
    fs::write(repo.home("old.env"), "TOKEN=1\n").unwrap();
    let before = content(&repo.sandbox);
    assert!(text().len() < 2048 && repo.read(APP).len() > 4096);
    for (arguments, place) in growing() {
        // Four blocks of 512 bytes: enough for the draft, too little for the sealed file.
        let outcome = repo
            .mvx(arguments)
            .env("EDITOR", repo.home("editor.sh"))
            .through("sh", ["-c", "ulimit -f 4; exec \"$0\" \"$@\""])
            .outcome();
        refused(&outcome, 4, &format!("{place}: cannot be written"));
        assert!(outcome.stderr.contains("ile too large"), "{outcome}");
        assert!(left_over(&repo.sandbox).is_empty(), "{place}");
    }
    assert_eq!(content(&repo.sandbox), before);
    let found = plaintexts(&repo.sandbox, &["secrets/dev/plain.yaml"]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_full_disk() {
    if !works(
        "unshare",
        &["-rm", "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"],
    ) {
        return skipped("a file system of one's own cannot be mounted here");
    }
    let repo = repo();
    repo.editor("sed -i s/5432/6543/ \"$1\"");
    repo.write("secrets/dev/plain.yaml", text());
    fs::write(repo.home("old.env"), "TOKEN=1\n").unwrap();
    // The disk exists for one script; what is on it afterwards is copied away.
    let script = "
        set -e
        cp -r secrets ../secrets
        mount -t tmpfs -o size=64k none secrets
        cp -r ../secrets/. secrets
        cat /dev/zero > secrets/fill 2> /dev/null || true
        status=0
        \"$0\" \"$@\" || status=$?
        rm secrets/fill
        cp -r secrets ../after
        exit $status
    ";
    for (arguments, place) in growing() {
        let outcome = repo
            .mvx(&arguments)
            .env("EDITOR", repo.home("editor.sh"))
            .through("unshare", ["-rm", "sh", "-c", script])
            .outcome();
        refused(&outcome, 4, &format!("{place}: cannot be written"));
        assert!(
            outcome.stderr.contains("o space left on device"),
            "{outcome}"
        );
        let root = repo.sandbox.root();
        let mut files = Vec::new();
        for name in fs::read_dir(root.join("after/dev")).unwrap() {
            files.push(name.unwrap().file_name().into_string().unwrap());
        }
        files.sort();
        assert_eq!(files, ["app.enc.yaml", "plain.yaml"], "{arguments:?}");
        for name in files {
            let before = fs::read(root.join("secrets/dev").join(&name)).unwrap();
            let after = fs::read(root.join("after/dev").join(&name)).unwrap();
            assert!(before == after, "{arguments:?}: {name}");
        }
        fs::remove_dir_all(root.join("after")).unwrap();
        fs::remove_dir_all(root.join("secrets")).unwrap();
    }
    assert!(left_over(&repo.sandbox).is_empty());
}

#[test]
fn memory_that_is_full() {
    if !works(
        "unshare",
        &["-rm", "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"],
    ) {
        return skipped("a file system of one's own cannot be mounted here");
    }
    let repo = repo();
    let script = "
        mount -t tmpfs -o size=64k none ../run && chmod 700 ../run
        mkdir -m 700 ../run/mvx ../run/mvx/locks
        cat /dev/zero > ../run/fill 2> /dev/null
        \"$0\" \"$@\"
        status=$?
        ls -A ../run > ../left
        exit $status
    ";
    let editor = repo.editor("touch ~/was-started");
    let run = repo.mvx(["edit", APP]).env("EDITOR", editor);
    let outcome = run
        .through("unshare", ["-rm", "sh", "-c", script])
        .outcome();
    refused(&outcome, 4, "cannot be written");
    assert!(!repo.home("was-started").exists());
    let left = fs::read_to_string(repo.sandbox.root().join("left")).unwrap();
    assert_eq!(left, "fill\nmvx\n");
    assert!(!outcome.stderr.contains(CANARY));
}
