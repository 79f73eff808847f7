//! Rules and imports.

use crate::repo::{ANA, Repo};

use super::{laughs, refused};

#[test]
fn native_rules() {
    let repo = Repo::new();
    repo.write("secrets/dev/app.yaml", "a: b\n");
    let rule = |field: &str| {
        format!(
            "version = 1\n[recipients.ana]\nage = \"{ANA}\"\n[[files]]\npath = \"secrets/**\"\nrecipients = [\"ana\"]\n{field}\n"
        )
    };
    for (what, text) in [
        ("deep lists", "a = ".to_owned() + &"[".repeat(10_000)),
        ("deep tables", format!("[{}a]\n", "a.".repeat(10_000))),
        (
            "deep inline tables",
            "a = ".to_owned() + &"{a = ".repeat(10_000),
        ),
        ("a bad regex", rule("encrypted_regex = \"(\"")),
        (
            "a regex bomb",
            rule("encrypted_regex = \"((a{1000}){1000}){1000}\""),
        ),
        (
            "a long regex",
            rule(&format!("encrypted_regex = \"{}\"", "(".repeat(100_000))),
        ),
        ("an unknown field", rule("encrypted_rexeg = \"a\"")),
        ("a number for a list", rule("key_groups = 1")),
        ("a cycle", rule("") + "[groups]\na = [\"b\"]\nb = [\"a\"]\n"),
        ("a future version", "version = 2\n".into()),
        ("no text", "\u{0}\u{0}".into()),
        ("long", "# ".to_owned() + &"a".repeat(50_000_000)),
    ] {
        repo.write(".sops-rules.toml", &text);
        let said = refused(&repo, ["encrypt", "secrets/dev/app.yaml"], what, &[3, 4]);
        assert!(said.contains(".sops-rules.toml"), "{what}: {said}");
    }
    repo.write(".sops-rules.toml", b"version = 1\n# \xff\n");
    refused(
        &repo,
        ["encrypt", "secrets/dev/app.yaml"],
        "not UTF-8",
        &[3, 4],
    );
}

#[test]
fn rules_of_sops() {
    let repo = Repo::bare();
    repo.write("secrets/dev/app.yaml", "a: b\n");
    let rule = |field: &str| format!("creation_rules:\n  - age: {ANA}\n    {field}\n");
    for (what, text) in [
        ("laughs", laughs(&rule(""))),
        (
            "deep lists",
            "creation_rules: ".to_owned() + &"[".repeat(10_000),
        ),
        (
            "deep maps",
            "creation_rules: ".to_owned() + &"{a: ".repeat(10_000),
        ),
        ("deep dashes", "- ".repeat(10_000)),
        ("itself", "creation_rules: &a [*a]\n".into()),
        ("a bad regex", rule("path_regex: (")),
        ("a regex bomb", rule("path_regex: ((a{1000}){1000}){1000}")),
        (
            "a long regex",
            rule(&format!("path_regex: '{}'", "(".repeat(100_000))),
        ),
        ("an unknown field", rule("path_rexeg: a")),
        ("a list for a map", "creation_rules:\n  - []\n".into()),
        (
            "a threshold",
            rule("shamir_threshold: 99999999999999999999"),
        ),
        ("empty", String::new()),
        ("no rules", "creation_rules: []\n".into()),
        ("a field twice", rule("age: x")),
    ] {
        repo.write(".sops.yaml", &text);
        refused(&repo, ["encrypt", "secrets/dev/app.yaml"], what, &[3, 4]);
    }
}

#[test]
fn imports() {
    let repo = Repo::new();
    for (what, name, text) in [
        ("laughs", "a.yaml", laughs("")),
        (
            "deep flow",
            "a.yaml",
            "a: ".to_owned() + &"[".repeat(10_000),
        ),
        ("deep", "a.json", "{\"a\": ".repeat(10_000)),
        ("NUL", "a.json", "{\"a\": \u{0}}".into()),
        ("long", "a.env", "A=".to_owned() + &"x".repeat(17 << 20)),
        ("empty", "a.env", String::new()),
        ("a quote without end", "a.env", "A=\"x\nB=2\n".into()),
        (
            "many names",
            "a.env",
            (0..100_001)
                .map(|n| format!("A{n}=1"))
                .collect::<Vec<_>>()
                .join("\n"),
        ),
    ] {
        repo.write(name, &text);
        let to = "secrets/dev/new.enc.yaml";
        let arguments = ["import", name, "--to", to, "--yes"];
        refused(&repo, arguments, what, &[1, 2, 3, 4]);
        assert!(!repo.has(to), "{what} was imported");
    }
}
