//! `mvx scan` and git's hooks, with real git.

mod archives;
mod attacked;
mod baseline;
mod behaviours;
mod history;
mod hooks;
mod living;
mod managers;
mod reports;

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::process::Command;

use crate::repo::Repo;
use crate::support::{Outcome, repository};

/// A token of GitHub's form whose checksum is right: made up here, and of nobody. `number` makes it
/// another one.
pub(crate) fn token(number: u32) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let body: String = format!("{:030}", u64::from(number) * 7_919 + 1)
        .bytes()
        .map(|digit| char::from(DIGITS[usize::from(digit - b'0') * 5 + 11]))
        .collect();
    let mut rest = crc32(body.as_bytes());
    let mut sum = Vec::new();
    for _ in 0..6 {
        sum.push(DIGITS[(rest % 62) as usize]);
        rest /= 62;
    }
    sum.reverse();
    format!("ghp_{body}{}", String::from_utf8(sum).unwrap())
}

/// CRC-32 as in zlib.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

/// A repository with one commit that is clean.
pub(crate) fn repo() -> Repo {
    let repo = Repo::bare();
    repo.write("README.md", "nothing here\n");
    run(
        &repo,
        "git config user.name Ana; git config user.email ana@example.com",
    );
    repo.commit();
    repo
}

/// Runs a command that must end well.
pub(crate) fn run(repo: &Repo, command: &str) {
    let outcome = repo.shell(command);
    assert_eq!(outcome.code(), Some(0), "{command}: {outcome}");
}

/// What `mvx scan` with these arguments says.
pub(crate) fn scan(repo: &Repo, arguments: &str) -> Outcome {
    repo.shell(&format!("mvx scan {arguments}"))
}

/// It is found, exactly once, and never shown.
#[track_caller]
pub(crate) fn found(outcome: &Outcome, place: &str) {
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    let lines = outcome
        .stdout()
        .lines()
        .filter(|line| line.contains("github-token"));
    assert_eq!(lines.clone().count(), 1, "{outcome}");
    assert!(
        lines.clone().all(|line| line.starts_with(place)),
        "{place}: {outcome}"
    );
    assert!(!format!("{outcome}").contains(&token(1)), "{outcome}");
}

/// Nothing is found, and something was looked at.
#[track_caller]
pub(crate) fn clean(outcome: &Outcome) {
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(outcome.stderr.contains("no secrets found: "), "{outcome}");
}

/// A program that scripts/peers.sh installs, if it runs with these arguments; in CI it must.
pub(crate) fn peer(name: &str, arguments: &[&str]) -> Option<PathBuf> {
    let program = repository().join(".peers/venv/bin").join(name);
    let works = Command::new(&program)
        .args(arguments)
        .output()
        .is_ok_and(|output| output.status.success());
    if works {
        return Some(program);
    }
    assert!(
        std::env::var_os("CI").is_none_or(|value| value.is_empty()),
        "no {name} in .peers/venv/bin: run scripts/peers.sh"
    );
    println!("skipped: no {name} in .peers/venv/bin");
    None
}

/// All files below a directory with hashes of what they hold: what a scan must not change.
pub(crate) fn listing(repo: &Repo, directory: &str) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    let mut open = vec![repo.sandbox.path(directory)];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                let mut hash = DefaultHasher::new();
                fs::read(entry.path()).unwrap().hash(&mut hash);
                found.push((entry.path().display().to_string(), hash.finish()));
            }
        }
    }
    found.sort();
    found
}
