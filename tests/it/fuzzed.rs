//! What the fuzz targets ask (fuzz/src), asked of their seeds, of everything they ever found
//! (fixtures/regressions), and of each with a few bytes changed.

#[path = "../../fuzz/src/lib.rs"]
#[expect(
    unreachable_pub,
    reason = "a library where cargo-fuzz builds it, a module here"
)]
pub(crate) mod targets;

use std::fs;
use std::panic::catch_unwind;
use std::path::PathBuf;

use crate::support::repository;

use self::targets::TARGETS;

/// How often each input is changed.
const CHANGES: u64 = 25;

/// Where inputs stand, each below a directory with the target's name.
const KEPT: [&str; 2] = ["fuzz/seeds", "fixtures/regressions"];

fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let mut inputs = Vec::new();
    for kept in KEPT {
        let directory = repository().join(kept).join(target);
        for entry in fs::read_dir(directory).into_iter().flatten() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            inputs.push((path, bytes));
        }
    }
    inputs.sort();
    inputs
}

/// A few bytes changed, put in or taken out, the same in every run.
fn changed(input: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut number = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 11).unwrap() % below.max(1)
    };
    let mut bytes = input.to_vec();
    for _ in 0..=number(3) {
        let at = number(bytes.len());
        let telling = b"\"'\\\n\r\t :#-[]{},=;&*!|>%@`~0\0\xff\xc3";
        let byte = telling[number(telling.len())];
        match number(4) {
            0 if !bytes.is_empty() => bytes[at] = byte,
            1 if !bytes.is_empty() => {
                let end = (at + 1 + number(20)).min(bytes.len());
                bytes.drain(at..end);
            }
            2 => {
                let end = (at + number(40)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = number(bytes.len());
                bytes.splice(to..to, piece);
            }
            _ => bytes.insert(at, byte),
        }
    }
    bytes
}

fn run(name: &str) {
    let (_, check) = TARGETS.iter().find(|(target, _)| *target == name).unwrap();
    let inputs = inputs(name);
    assert!(!inputs.is_empty(), "there are no seeds for {name}");
    let mut failed = Vec::new();
    for (path, bytes) in inputs {
        for seed in 0..=CHANGES {
            let bytes = match seed {
                0 => bytes.clone(),
                seed => changed(&bytes, seed),
            };
            if catch_unwind(|| check(&bytes)).is_err() {
                failed.push(format!(
                    "{}, change {seed}: {}",
                    path.display(),
                    bytes.escape_ascii()
                ));
            }
        }
    }
    assert!(
        failed.is_empty(),
        "{} inputs, such as:\n{}",
        failed.len(),
        failed[..failed.len().min(3)].join("\n")
    );
}

#[test]
fn envelopes_hold() {
    run("envelope");
}

#[test]
fn yaml_holds() {
    run("yaml");
}

#[test]
fn json_holds() {
    run("json");
}

#[test]
fn dotenv_holds() {
    run("dotenv");
}

#[test]
fn ini_holds() {
    run("ini");
}

#[test]
fn metadata_holds() {
    run("metadata");
}

#[test]
fn rules_hold() {
    run("rules");
}

#[test]
fn seals_hold() {
    run("seal");
}

#[test]
fn scans_hold() {
    run("scan");
}

#[test]
fn rule_files_of_gitleaks_hold() {
    run("gitleaks");
}

#[test]
fn imports_hold() {
    run("import");
}
