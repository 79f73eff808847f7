//! `kill -9` at any moment of a rotation: the next command finishes it, or nothing has happened.

use std::thread;
use std::time::{Duration, Instant};

use super::{FILE, begun, done, findings, named, repo};
use crate::repo::Repo;

/// How often a rotation is killed; `MVX_TEST_KILLS` says another number.
fn rounds() -> u32 {
    let rounds = std::env::var("MVX_TEST_KILLS").ok();
    rounds.map_or(30, |rounds| rounds.parse().unwrap())
}

#[test]
fn a_rotation_that_is_killed_is_finished_or_has_not_happened() {
    // On a disk, where writing takes its time.
    let repo = begun(named(Repo::new()));
    done(&repo, &format!("printf value-0 | mvx rotate {FILE} A"));
    let mut last = "value-0".to_owned();
    let (mut undone, mut finished, mut whole) = (0, 0, 0);
    for round in 1..=rounds() {
        let value = format!("value-{round}");
        repo.write("value", &value);
        let mut child = repo
            .mvx([
                "rotate",
                FILE,
                "A",
                "--from-file",
                "value",
                "--note",
                &value.replace("value", "round"),
            ])
            .start();
        // From the moment on at which the journal has its name, a little later in each round; and every
        // tenth time before that.
        let start = Instant::now();
        let until = Duration::from_secs(20);
        let early = round % 10 == 0;
        while !early && start.elapsed() < until && !repo.has(".git/mvx/journal") {
            if child.try_wait().unwrap().is_some() {
                break;
            }
            thread::yield_now();
        }
        let step = if early { 400 } else { 60 };
        thread::sleep(Duration::from_micros(u64::from(round % 37) * step));
        child.kill().ok();
        child.wait().unwrap();
        let pending = repo.has(".git/mvx/journal");
        if pending {
            assert!(findings(&repo, "").contains(&"ledger unfinished".to_owned()));
            let repaired = repo.shell("mvx rotation repair");
            assert_eq!(repaired.code(), Some(0), "{repaired}");
            assert!(repaired.stderr.contains("`mvx rotate` of"), "{repaired}");
            finished += 1;
        }
        assert!(!repo.has(".git/mvx/journal"));
        assert_eq!(findings(&repo, ""), [""; 0], "round {round}");
        let now = repo.mvx(["get", FILE, "A"]).outcome().quiet_success();
        let log = done(&repo, "mvx rotation log");
        let told = log.contains(&format!("; round-{round}\n"));
        if now.trim() == value {
            assert!(told, "round {round}: {log}");
            whole += u32::from(!pending);
            last = value;
        } else {
            assert!(!pending && !told, "round {round}: {log}");
            assert_eq!(now.trim(), last, "round {round}");
            undone += 1;
        }
    }
    println!(
        "{undone} had not happened, {finished} were finished by the next command, {whole} were whole"
    );
    // In many rounds every case comes up, or nothing was tried here.
    let enough = rounds() < 100 || (undone > 0 && finished > 0 && whole > 0);
    assert!(enough, "{undone} {finished} {whole}");
}

/// The moments that matter, each for itself: what was to be written is in the journal, and this much of
/// it has been done.
#[test]
fn whatever_was_written_the_next_command_writes_the_rest() {
    for done_so_far in 0..3 {
        let repo = repo();
        let before = repo.read(FILE);
        // A rotation whose every step fails behind the journal: a directory stands where it ends.
        done(&repo, &format!("printf two | mvx rotate {FILE} A"));
        let after = repo.read(FILE);
        let events = repo
            .shell("ls .mvx/ledger/*/*/*-rotate-*")
            .stdout()
            .trim()
            .to_owned();
        let kept = super::kept(&repo).remove(0);
        let files = [kept.as_str(), FILE, events.as_str()];
        let steps: Vec<String> = files
            .iter()
            .map(|path| {
                let old = (*path == FILE).then_some(before.as_str());
                step(path, old, &repo.read(path))
            })
            .collect();
        // Back to where it was killed.
        for (number, path) in files.iter().enumerate() {
            if number < done_so_far {
                continue;
            }
            if *path == FILE {
                repo.write(path, &before);
            } else {
                std::fs::remove_file(repo.sandbox.path(path)).unwrap();
            }
        }
        let journal = format!(
            "{{\"mvx_journal\":1,\"what\":\"`mvx rotate` of {FILE}\",\"steps\":[{}]}}",
            steps.join(",")
        );
        repo.write(".git/mvx/journal", journal);
        // Any command that writes does it, whatever it is for.
        let said = done(&repo, &format!("printf other | mvx set {FILE} B"));
        assert!(said.contains("has been finished now"), "{said}");
        assert_eq!(findings(&repo, ""), [""; 0], "{done_so_far}");
        assert!(done(&repo, &format!("mvx get {FILE} A --version 1")).contains("one"));
        assert_ne!(repo.read(FILE), after);
    }
}

/// One file of a journal.
fn step(path: &str, before: Option<&str>, after: &str) -> String {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use sha2::{Digest as _, Sha256};

    let before = before.map_or("null".to_owned(), |before| {
        format!("\"{}\"", BASE64_STANDARD.encode(Sha256::digest(before)))
    });
    format!(
        "{{\"path\":\"{}\",\"before\":{before},\"after\":\"{}\"}}",
        BASE64_STANDARD.encode(path),
        BASE64_STANDARD.encode(after)
    )
}
