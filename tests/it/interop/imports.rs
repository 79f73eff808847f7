//! What mvx imports, a real sops opens.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use super::Pair;
use crate::support::repository;

#[test]
fn awkward_values_of_an_env_file_arrive_in_every_file_type() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    let json = fs::read(repository().join("fixtures/env/values.json")).unwrap();
    let values: BTreeMap<String, String> = serde_json::from_slice(&json).unwrap();
    let mut text = String::from("# the shell's own quoting\n");
    for (name, value) in &values {
        writeln!(text, "{name}='{}'", value.replace('\'', "'\\''")).unwrap();
    }
    pair.sandbox.write("all.env", text);
    for name in ["app.enc.yaml", "app.enc.json", "app.enc.ini", "app.enc.env"] {
        let mut expected = values.clone();
        let mut line = vec!["import", "all.env", "--dialect", "shell", "--to", name];
        if name == "app.enc.ini" {
            line.extend(["--at", "all"]);
            // INI has no spelling for these, and sops none in dotenv.
            for odd in ["three", "cr"] {
                line.extend(["--except", odd]);
                expected.remove(odd);
            }
        }
        if name == "app.enc.env" {
            for odd in ["bs_n", "bs", "gcpjson"] {
                line.extend(["--except", odd]);
                expected.remove(odd);
            }
        }
        let outcome = pair.mvx(&line).outcome();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        let opened: serde_json::Value = serde_json::from_str(&pair.json_with_sops(name)).unwrap();
        let opened = if name == "app.enc.ini" {
            &opened["all"]
        } else {
            &opened
        };
        let mut opened: BTreeMap<String, String> = serde_json::from_value(opened.clone()).unwrap();
        // sops lists comments of dotenv files among the values of JSON.
        opened.retain(|key, _| !key.starts_with('#'));
        assert_eq!(opened, expected, "{name}");
    }
}

#[test]
fn a_file_of_sops_is_added_to() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    for (name, text) in [
        ("a.yaml", "# c\nkept: one\nmap:\n    x: 1\n"),
        ("a.json", "{\"kept\": \"one\", \"map\": {\"x\": 1}}"),
    ] {
        pair.seal_with_sops(name, text);
        let before = pair.sandbox.read(name);
        pair.sandbox.write(
            "new.yaml",
            "kept: one\nmap: {y: [true, 2.5, null]}\nnew: n\n",
        );
        let outcome = pair.mvx(["import", "new.yaml", "--to", name]).outcome();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        let line = before.lines().find(|line| line.contains("kept")).unwrap();
        assert!(pair.sandbox.read(name).contains(line), "{name}");
        let opened: serde_json::Value = serde_json::from_str(&pair.json_with_sops(name)).unwrap();
        let expected = serde_json::json!({
            "kept": "one", "map": {"x": 1, "y": [true, 2.5, null]}, "new": "n"
        });
        assert_eq!(opened, expected, "{name}");
    }
}
