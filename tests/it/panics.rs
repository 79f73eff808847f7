//! A bug in mvx says where it is, and not what it saw.

use crate::support::Sandbox;

#[test]
fn a_panic_names_its_place_and_keeps_the_value() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.child("panics_with_a_value").outcome();
    assert!(
        outcome.stdout().contains("the exit status is 70"),
        "{outcome}"
    );
    let mut lines = outcome.stderr.lines();
    let first = lines.next().unwrap();
    assert!(
        first.starts_with("mvx: error: stopped by a bug at tests/it/child.rs:"),
        "{outcome}"
    );
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("mvx: hint: please report it")
    );
    assert!(!outcome.to_string().contains("hunter2"), "{outcome}");
}

#[test]
fn a_panic_is_json_where_that_was_asked_for() {
    let sandbox = Sandbox::new();
    let outcome = sandbox
        .child("panics_with_a_value")
        .env("JSON", "1")
        .outcome();
    let line = outcome.stderr.lines().next().unwrap();
    let object: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(object["code"], "bug");
    assert_eq!(object["exit"], 70);
    assert!(!line.contains("hunter2"), "{line}");
}
