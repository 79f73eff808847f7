//! Files of 100 MB and more, and memory.

use std::fs::File;
use std::time::Instant;

use crate::repo::Repo;

use super::{PATIENCE, laughs, refused};

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

/// What comes into new sections and maps is put there in one piece, however much it is.
#[test]
fn many_new_sections_and_maps_at_once() {
    let repo = Repo::new();
    let changes = (0..4_000).map(|n| (format!("s{}.k{n}", n % 2_000), serde_json::json!("x")));
    let changes: serde_json::Map<String, serde_json::Value> = changes.collect();
    let changes = serde_json::Value::from(changes).to_string();
    for (plain, text) in [
        ("app.ini", "[old]\na = 1\n"),
        ("app.yaml", "old: {a: 1}\n"),
        ("app.json", "{\"old\": 1}\n"),
    ] {
        repo.seal(&format!("secrets/dev/{plain}"), text);
        let sealed = format!("secrets/dev/{}", plain.replace("app", "app.enc"));
        let began = Instant::now();
        let run = repo.mvx(["set", "--many", &sealed]);
        let outcome = run.stdin(changes.as_bytes()).outcome();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        assert!(
            began.elapsed() < PATIENCE,
            "{plain} took {:?}",
            began.elapsed()
        );
        for key in ["s0.k2000", "s1999.k1999", "s1999.k3999"] {
            let value = repo.mvx(["get", &sealed, key]).outcome();
            assert_eq!(value.stdout().trim_end(), "x", "{plain} {key}");
        }
    }
}
