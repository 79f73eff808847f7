//! What other programs get to see of mvx, and what a crash of mvx leaves.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;

use super::{APP, CANARY, own_uid, plaintexts, repo, skipped};
use crate::repo::{Repo, fixture};

/// Writes down the environment and the command line of the program that runs it.
const NOTES: &str = "cat /proc/$$/environ > ~/environ; cat /proc/$$/cmdline > ~/cmdline";

fn linux() -> bool {
    let there = fs::metadata("/proc/self/environ").is_ok();
    if !there {
        skipped("there is no /proc");
    }
    there
}

/// The names in a noted environment, after a look for what must not be in it or on the command
/// line.
fn noted(repo: &Repo, given: &[&str]) -> BTreeSet<String> {
    let environ = fs::read_to_string(repo.home("environ")).unwrap();
    let cmdline = fs::read_to_string(repo.home("cmdline")).unwrap();
    let key = fs::read_to_string(fixture("identity/ci.txt")).unwrap();
    let key = key.lines().last().unwrap()["AGE-SECRET-KEY-1".len()..][..24].to_owned();
    for needle in [CANARY, "canary-3fd1-new", &key, "AGE-SECRET-KEY-1"] {
        assert!(!cmdline.contains(needle), "{needle} in {cmdline}");
        for entry in environ.split('\0') {
            let (name, value) = entry.split_once('=').unwrap_or_default();
            assert!(given.contains(&name) || !value.contains(needle), "{entry}");
        }
    }
    let names = environ
        .split('\0')
        .filter_map(|entry| entry.split_once('='));
    names.map(|(name, _)| name.to_owned()).collect()
}

/// What the sandbox sets.
fn usual(more: &[&str]) -> BTreeSet<String> {
    let names = [
        "HOME",
        "XDG_RUNTIME_DIR",
        "TMPDIR",
        "LANG",
        "TERM",
        "GIT_CONFIG_NOSYSTEM",
        "PATH",
        // a shell's own
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
    ];
    names
        .iter()
        .chain(more)
        .map(|name| (*name).to_owned())
        .collect()
}

#[test]
fn an_editor_gets_the_draft_and_nothing_else() {
    if !linux() {
        return;
    }
    let repo = repo();
    let editor = repo.editor(&format!("{NOTES}; sed -i s/5432/6543/ \"$1\""));
    let outcome = repo.mvx(["edit", APP]).env("EDITOR", &editor).outcome();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let names = noted(&repo, &[]);
    assert!(names.is_subset(&usual(&["EDITOR"])), "{names:?}");
    // A key that the user's own environment has is passed on as it was, and nowhere else.
    let key = fs::read_to_string(fixture("identity/ci.txt")).unwrap();
    let run = repo.mvx(["edit", APP]).env("EDITOR", &editor);
    let run = run.env("MVX_AGE_KEY", key.lines().last().unwrap());
    assert_eq!(run.outcome().code(), Some(200));
    let names = noted(&repo, &["MVX_AGE_KEY"]);
    assert!(
        names.is_subset(&usual(&["EDITOR", "MVX_AGE_KEY"])),
        "{names:?}"
    );
}

#[test]
fn a_key_command_gets_nothing() {
    if !linux() {
        return;
    }
    let repo = repo();
    let keys = repo.home(".config/mvx/keys.txt");
    let kept = repo.home("kept.txt");
    fs::rename(keys, &kept).unwrap();
    let command = repo.home("key.sh");
    fs::write(&command, format!("{NOTES}\ncat {}\n", kept.display())).unwrap();
    for name in ["MVX_AGE_KEY_CMD", "SOPS_AGE_KEY_CMD"] {
        for arguments in [
            &["decrypt", APP][..],
            &["set", APP, "db.port", "--value", "canary-3fd1-new"],
            &["rekey", "--yes", APP],
        ] {
            let run = repo.mvx(arguments);
            let run = run.env(name, format!("sh {}", command.display()));
            let outcome = run.outcome();
            assert!([Some(0), Some(200)].contains(&outcome.code()), "{outcome}");
            let names = noted(&repo, &[]);
            // As sops does, mvx tells it for whom the key is to be: a public key.
            let allowed = usual(&[name, "SOPS_AGE_RECIPIENT"]);
            assert!(names.is_subset(&allowed), "{names:?}");
        }
    }
}

#[test]
fn a_plugin_gets_nothing() {
    use std::os::unix::fs::PermissionsExt;
    if !linux() {
        return;
    }
    let repo = repo();
    let plugin = repo.write("../bin/age-plugin-noting", format!("#!/bin/sh\n{NOTES}\n"));
    fs::set_permissions(&plugin, fs::Permissions::from_mode(0o755)).unwrap();
    // Bech32 (BIP 173) of nothing, with the plugin's name.
    let name = bech32::Hrp::parse("age-plugin-noting-").unwrap();
    let identity = bech32::encode_upper::<bech32::Bech32>(name, &[]).unwrap();
    let keys = repo.home(".config/mvx/keys.txt");
    fs::write(&keys, format!("{identity}\n")).unwrap();
    let path = format!(
        "{}:{}",
        plugin.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let outcome = repo.mvx(["decrypt", APP]).env("PATH", path).outcome();
    assert_ne!(outcome.code(), Some(0), "{outcome}");
    assert!(repo.home("environ").exists(), "{outcome}");
    let names = noted(&repo, &[]);
    assert!(names.is_subset(&usual(&["AGEDEBUG"])), "{names:?}");
}

#[test]
fn a_crash_leaves_no_core() {
    if !linux() {
        return;
    }
    let repo = repo();
    let with_cores = ["-c", "ulimit -c unlimited; exec \"$0\" \"$@\""];
    // The proof that there would be one.
    let control = repo.sandbox.run("sh", ["-c", "kill -ABRT $$"]);
    let control = control.through("sh", with_cores).outcome();
    if !control.status.core_dumped() {
        return skipped("this system writes no core dumps at all");
    }
    for name in fs::read_dir(repo.sandbox.path("")).unwrap() {
        let path = name.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("core")
        {
            fs::remove_file(path).unwrap();
        }
    }
    for signal in ["ABRT", "SEGV", "BUS", "QUIT"] {
        // While the plaintext is in its memory.
        // The first SEGV or BUS from outside is taken by Rust's guard against stack overflows.
        let kill = format!("kill -{signal} $PPID; sleep 0.1");
        let editor = repo.editor(&format!("{kill}; {kill}"));
        let run = repo.mvx(["edit", APP]).env("EDITOR", &editor);
        let outcome = run.through("sh", with_cores).outcome();
        assert!(!outcome.status.core_dumped(), "{signal}: {outcome}");
        // An interrupt from the keyboard is the editor's while it runs.
        let number = outcome.status.signal();
        assert!(number.is_some() || signal == "QUIT", "{signal}: {outcome}");
        assert!(!outcome.stderr.contains(CANARY), "{outcome}");
    }
    // The draft of a process that crashed is in memory, for `mvx clean`.
    let found = plaintexts(&repo.sandbox, &["run/mvx-"]);
    assert!(found.is_empty(), "{found:?}");
    let files = repo.sandbox.files();
    assert!(
        !files.iter().any(|name| name.contains("/core")),
        "{files:?}"
    );
}

#[test]
fn no_other_process_of_the_user_reads_its_memory() {
    if !linux() {
        return;
    }
    let repo = repo();
    // Linux gives the files of a process that cannot be dumped to root (proc(5)).
    let editor = repo.editor("stat -c '%u %n' /proc/$PPID/mem /proc/$$/mem > ~/owners; cat /proc/$PPID/limits > ~/limits");
    let outcome = repo.mvx(["edit", APP]).env("EDITOR", &editor).outcome();
    assert_eq!(outcome.code(), Some(200), "{outcome}");
    let owners = fs::read_to_string(repo.home("owners")).unwrap();
    let owner = |line: usize| owners.lines().nth(line).unwrap().split(' ').next().unwrap();
    assert_eq!(owner(0), "0", "{owners}");
    // A program that mvx starts is as dumpable as any.
    assert_eq!(owner(1), own_uid().unwrap().to_string(), "{owners}");
}
