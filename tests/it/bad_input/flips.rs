//! Sealed files, byte by byte.

use std::collections::BTreeSet;
use std::fs;

use crate::fuzzed::targets::gaps::Gap;
use crate::fuzzed::targets::seal::{Base, Outcome, bases};
use crate::repo::Repo;
use crate::support::without_seal;

use super::refused;

/// Every byte changed by each mask.
const MASKS: [u8; 3] = [0x01, 0x20, 0x80];

/// A sealed text does not open to anything else.
fn judge(base: &Base, what: &str, at: usize, text: &[u8]) {
    let outcome = base.judge(text);
    let near = &base.text[at.saturating_sub(40)..(at + 60).min(base.text.len())];
    let right = match outcome {
        // Where the name of the block is changed, there is no block.
        Outcome::Refused | Outcome::Same | Outcome::Plain => true,
        // One byte takes the seal away or changes a value, not both.
        Outcome::Unsealed => near.windows(4).any(|name| name == b"seal"),
        Outcome::UnsealedAndChanged(_) => false,
    };
    assert!(
        right,
        "{}: {what}: {outcome:?} {}",
        base.name(),
        near.escape_ascii()
    );
}

/// How often a seal stands there: each document of a YAML file has the block, and only the first
/// one's is read, by sops too.
fn seals(text: &[u8]) -> usize {
    let name = b"mvx_seal";
    text.windows(name.len())
        .filter(|window| window == name)
        .count()
}

/// Where the block of a second document begins.
fn unread(text: &[u8]) -> usize {
    let text = String::from_utf8_lossy(text);
    match seals(text.as_bytes()) {
        1 => text.len(),
        _ => text.rfind("\nsops:").unwrap(),
    }
}

/// Every text that is one byte away: which byte, what was done, and the text.
fn neighbours(text: &[u8]) -> impl Iterator<Item = (usize, &'static str, Vec<u8>)> {
    (0..text.len()).flat_map(move |at| {
        let flipped = MASKS.into_iter().map(move |mask| {
            let mut text = text.to_vec();
            text[at] ^= mask;
            (at, "flipped", text)
        });
        let mut shorter = text.to_vec();
        shorter.remove(at);
        let mut longer = text.to_vec();
        longer.insert(at, text[at]);
        let others = [(at, "deleted", shorter), (at, "doubled", longer)];
        flipped.chain(others)
    })
}

#[test]
fn every_byte_of_a_sealed_file_changed() {
    for base in bases() {
        for (at, what, text) in neighbours(&base.text) {
            judge(base, &format!("byte {at} {what}"), at, &text);
        }
    }
}

/// Without a seal, a file opens to something else where SOPS leaves a gap and nowhere else, which
/// `judge` checks. One byte goes through four of them; the others want more (`gaps.rs`).
#[test]
fn every_byte_of_a_file_without_a_seal_changed() {
    let mut met = BTreeSet::new();
    for base in bases() {
        let text = without_seal(&String::from_utf8(base.text.clone()).unwrap());
        assert_eq!(base.judge(text.as_bytes()), Outcome::Unsealed);
        for (at, what, text) in neighbours(text.as_bytes()) {
            match base.judge(&text) {
                Outcome::Refused | Outcome::Unsealed | Outcome::Plain => {}
                Outcome::UnsealedAndChanged(gaps) => met.extend(gaps),
                Outcome::Same => panic!("{}: byte {at} {what}", base.name()),
            }
        }
    }
    let met: Vec<Gap> = met.into_iter().collect();
    let wanted = [Gap::ClearName, Gap::Comment, Gap::Nesting, Gap::Nothing];
    assert_eq!(met, wanted);
}

/// Whatever is cut off, the metadata comes last or encloses the rest. What is left opens only where
/// nothing but layout is missing.
#[test]
fn truncated_at_every_length() {
    for base in bases() {
        for length in 0..base.text.len() {
            let outcome = base.judge(&base.text[..length]);
            let missing = &base.text[length..];
            let layout = missing.iter().all(u8::is_ascii_whitespace);
            match outcome {
                Outcome::Same => assert!(
                    layout || length >= unread(&base.text),
                    "{}: {length} bytes",
                    base.name()
                ),
                // The seal is not the last field of the metadata, nor is any field optional.
                Outcome::Refused | Outcome::Plain => {
                    let text = base.text[..length].escape_ascii();
                    assert!(!layout, "{}: {outcome:?} {text}", base.name());
                }
                other => panic!("{}: {length} bytes: {other:?}", base.name()),
            }
        }
    }
}

#[test]
fn a_file_behind_itself() {
    for base in bases() {
        for between in ["", "\n", "---\n", "\n---\n"] {
            let text = [&base.text, between.as_bytes(), &base.text].concat();
            // Two sealed binary files are a binary file, not a sealed one.
            let outcome = base.judge(&text);
            let plain = base.name() == "binary" && outcome == Outcome::Plain;
            assert!(plain || outcome == Outcome::Refused, "{}", base.name());
        }
    }
}

/// The same through the program, now and then.
#[test]
fn the_program_refuses_them_and_writes_nothing() {
    let repo = Repo::new();
    for (name, text) in [
        (
            "app.yaml",
            "# note\ndb:\n  password: hunter2\n  port: 5432\n",
        ),
        ("app.json", "{\"a\": [1, \"hunter2\"]}\n"),
        ("app.env", "A=hunter2\nB=2\n"),
        ("app.ini", "[s]\na = hunter2\n"),
        ("app.bin", "hunter2"),
    ] {
        repo.seal(&format!("secrets/dev/{name}"), text);
    }
    for ending in ["yaml", "json", "env", "ini", "bin"] {
        let path = format!("secrets/dev/app.enc.{ending}");
        let good = repo.read(&path).into_bytes();
        for step in 1..8 {
            let at = good.len() * step / 8;
            let mut bad = good.clone();
            bad[at] ^= 1;
            repo.write(&path, &bad);
            let what = format!("{path}, byte {at}");
            let outcome = repo.mvx(["decrypt", &path]).outcome();
            if outcome.code() == Some(0) {
                continue;
            }
            assert!(!outcome.stderr.contains("hunter2"), "{what}: {outcome}");
            let exits = [3, 4, 25, 51, 128, 203];
            refused(&repo, ["decrypt", &path], &what, &exits);
            refused(&repo, ["set", &path, "NEW", "--value", "x"], &what, &exits);
            assert_eq!(fs::read(repo.sandbox.path(&path)).unwrap(), bad, "{what}");
        }
    }
}
