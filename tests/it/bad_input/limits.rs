//! Files of 100 MB and more, and memory.

use std::fs::File;

use crate::repo::Repo;

use super::{laughs, refused};

/// One byte more than the limit.
const TOO_LONG: u64 = 100_000_001;

/// A text file has a limit, which its error names.
#[test]
fn a_text_file_of_more_than_100_mb() {
    let repo = Repo::new();
    for (name, path) in [
        ("YAML", "secrets/dev/big.yaml"),
        ("JSON", "secrets/dev/big.json"),
        ("dotenv", "secrets/dev/big.env"),
        ("INI", "secrets/dev/big.ini"),
    ] {
        // No bytes on the disk: a hole.
        let path_on_disk = repo.write(path, "");
        let file = File::options().write(true).open(path_on_disk).unwrap();
        file.set_len(TOO_LONG).unwrap();
        let said = refused(&repo, ["encrypt", path], name, &[4]);
        assert!(
            said.contains(&format!("too large for {name}; the limit is 100 MB")),
            "{said}"
        );
        refused(&repo, ["decrypt", path], name, &[4]);
    }
}

/// What is small and hostile does not take more memory than what is large and harmless.
#[test]
fn hostile_texts_in_little_memory() {
    let repo = Repo::new();
    for (name, text) in [
        ("laughs.yaml", laughs("")),
        ("deep.yaml", "[".repeat(1_000_000)),
        ("deep.json", "[".repeat(1_000_000)),
        ("dashes.yaml", "- ".repeat(1_000_000)),
        ("keys.yaml", "? ".repeat(1_000_000)),
        ("long-key.yaml", "a".repeat(1_000_000)),
        ("quote.json", "{\"".to_owned() + &"\\".repeat(1_000_001)),
    ] {
        let path = format!("secrets/dev/{name}");
        repo.write(&path, &text);
        let command = format!("ulimit -v 1000000; \"$MVX\" encrypt {path}");
        let run = repo.sandbox.run("sh", ["-c", &command]);
        let outcome = run.env("MVX", crate::support::program()).outcome();
        assert_eq!(outcome.code(), Some(4), "{name}: {outcome}");
        assert!(outcome.stderr.contains(name), "{name}: {outcome}");
    }
}
