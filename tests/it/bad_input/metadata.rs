//! The `sops` block, field by field.

use crate::repo::{CAROL, Repo};

use super::refused;

const EXITS: [i32; 6] = [3, 4, 25, 51, 128, 203];

const FILE: &str = "secrets/dev/app.enc.json";

/// A sealed JSON file, because any field is easily replaced there.
fn sealed() -> (Repo, serde_json::Value) {
    let repo = Repo::new();
    let text = repo.seal("secrets/dev/app.json", "{\"a\": \"hunter2\", \"b\": 1}\n");
    let value = serde_json::from_str(&text).unwrap();
    (repo, value)
}

/// Writes a file whose block has been changed, and says how it is refused. Nothing may change it.
fn tampered(repo: &Repo, value: &serde_json::Value, what: &str) {
    let text = serde_json::to_string_pretty(value).unwrap();
    repo.write(FILE, &text);
    refused(repo, ["decrypt", FILE], what, &EXITS);
    assert_eq!(repo.read(FILE), text, "{what}");
}

#[test]
fn every_field_of_every_other_type() {
    let (repo, good) = sealed();
    let fields = good["sops"].as_object().unwrap().clone();
    let others = serde_json::json!([null, true, 0, -1, 1.5, "", "x", [], {}, [1], ["x"], [[]], {"a": 1}, [{}]]);
    for field in fields.keys() {
        for other in others.as_array().unwrap() {
            let mut bad = good.clone();
            bad["sops"][field] = other.clone();
            // Without a seal, and with what SOPS's MAC does not cover, the file is as good as sops's.
            let unsealed = field == "mvx_seal" && (other.is_null());
            if bad != good && !unsealed {
                tampered(&repo, &bad, &format!("{field}: {other}"));
            }
        }
        let mut bad = good.clone();
        bad["sops"].as_object_mut().unwrap().remove(field);
        if field != "mvx_seal" {
            tampered(&repo, &bad, &format!("no {field}"));
        }
    }
}

#[test]
fn fields_that_are_out_of_all_proportion() {
    let (repo, good) = sealed();
    let age = good["sops"]["age"][0].clone();
    let many = vec![age; 100_000];
    let long = "A".repeat(1_000_000);
    for (what, field, value) in [
        ("100,000 recipients", "age", serde_json::json!(many)),
        (
            "a long stanza",
            "age",
            serde_json::json!([{"recipient": "x", "enc": long}]),
        ),
        (
            "a threshold of 0 that was none",
            "shamir_threshold",
            serde_json::json!(0),
        ),
        ("a threshold of 1", "shamir_threshold", serde_json::json!(1)),
        (
            "a huge threshold",
            "shamir_threshold",
            serde_json::json!(u64::MAX),
        ),
        (
            "a threshold below 0",
            "shamir_threshold",
            serde_json::json!(-1),
        ),
        ("a long MAC", "mac", serde_json::json!(long)),
        (
            "a version that is none",
            "version",
            serde_json::json!("latest"),
        ),
        ("an empty version", "version", serde_json::json!("")),
        (
            "a long version",
            "version",
            serde_json::json!("1.".repeat(100_000)),
        ),
        (
            "a regex bomb",
            "encrypted_regex",
            serde_json::json!("(a{1000}){1000}{1000}"),
        ),
        ("a bad regex", "encrypted_regex", serde_json::json!("(")),
        (
            "a long regex",
            "encrypted_regex",
            serde_json::json!("a|".repeat(100_000)),
        ),
    ] {
        let mut bad = good.clone();
        bad["sops"][field] = value;
        tampered(&repo, &bad, what);
    }
    for time in [
        "",
        "now",
        "2026",
        "2026-11-22",
        "2026-13-01T00:00:00Z",
        "9999999-01-01T00:00:00Z",
    ] {
        let mut bad = good.clone();
        bad["sops"]["lastmodified"] = time.into();
        tampered(&repo, &bad, time);
    }
    let envelope = good["a"].as_str().unwrap();
    let (head, rest) = envelope.split_once(",iv:").unwrap();
    let (_, tail) = rest.split_once(",tag:").unwrap();
    for iv in ["", "AA==", "AAAA", "!", &long] {
        let mut bad = good.clone();
        bad["a"] = format!("{head},iv:{iv},tag:{tail}").into();
        tampered(&repo, &bad, "an IV of another length");
    }
    let mut bad = good.clone();
    bad["a"] = format!("ENC[AES256_GCM,data:{long}{}", &envelope[20..]).into();
    tampered(&repo, &bad, "a long value");
    let mut bad = good.clone();
    bad["a"] = good["b"].clone();
    bad["b"] = good["a"].clone();
    tampered(&repo, &bad, "swapped values");
    bad = good.clone();
    bad["c"] = good["a"].clone();
    bad.as_object_mut().unwrap().remove("a");
    tampered(&repo, &bad, "a moved value");
}

/// Fields that say nothing are as good as none, sealed or not.
#[test]
fn fields_that_say_nothing() {
    let (repo, good) = sealed();
    for (field, value) in [
        ("key_groups", serde_json::json!([])),
        ("key_groups", serde_json::json!([{}])),
        ("later", serde_json::json!([{"a": ""}])),
    ] {
        let mut other = good.clone();
        other["sops"][field] = value;
        repo.write(FILE, other.to_string());
        assert!(repo.plaintext(FILE).contains("hunter2"), "{field}");
    }
}

#[test]
fn somebody_elses_file() {
    let (repo, good) = sealed();
    repo.hold("sops/k2.txt");
    tampered(&repo, &good, "the wrong key");
    repo.hold_nothing();
    tampered(&repo, &good, "no key");
}

/// Nobody gets a data key by writing their name into a file.
#[test]
fn a_planted_recipient() {
    let (repo, good) = sealed();
    let mut bad = good.clone();
    let mut entry = good["sops"]["age"][0].clone();
    entry["recipient"] = CAROL.into();
    bad["sops"]["age"].as_array_mut().unwrap().push(entry);
    for sealed in [true, false] {
        if !sealed {
            bad["sops"].as_object_mut().unwrap().remove("mvx_seal");
        }
        let text = serde_json::to_string_pretty(&bad).unwrap();
        let editor = repo.editor("sed -i s/hunter2/hunter3/ \"$1\"");
        let editor = editor.to_str().unwrap();
        for arguments in [
            vec!["set", FILE, "c", "--value", "x"],
            vec!["unset", FILE, "b"],
            vec!["rekey", "--yes", FILE],
            vec!["recipients", "sync", "--yes", FILE],
            vec!["edit", FILE],
        ] {
            repo.write(FILE, &text);
            let outcome = repo.mvx(&arguments).env("EDITOR", editor).outcome();
            let after: serde_json::Value = serde_json::from_str(&repo.read(FILE)).unwrap();
            let entries = after["sops"]["age"].as_array().unwrap();
            for entry in entries {
                // Hers is still the copy that she cannot open, or it is gone.
                let theirs = entry["recipient"] == CAROL;
                assert!(
                    !theirs || entry["enc"] == good["sops"]["age"][0]["enc"],
                    "{arguments:?} wrapped for her: {outcome}"
                );
            }
            repo.hold("sops/k2.txt");
            let hers = repo.mvx(["decrypt", FILE]).outcome();
            repo.hold("identity/ci.txt");
            assert_ne!(hers.code(), Some(0), "{arguments:?} let her in: {outcome}");
        }
    }
}

/// Metadata that is out of all proportion is said to be so by every command, soon.
#[test]
fn a_hundred_thousand_recipients() {
    let (repo, mut bad) = sealed();
    let age = bad["sops"]["age"][0].clone();
    let entries = (0..100_000).map(|number| {
        let mut entry = age.clone();
        entry["recipient"] = format!("age1x{number}").into();
        entry
    });
    bad["sops"]["age"] = entries.collect();
    bad["sops"].as_object_mut().unwrap().remove("mvx_seal");
    repo.write(FILE, bad.to_string());
    for arguments in [
        &["decrypt", FILE][..],
        &["set", FILE, "c", "--value", "x"],
        &["recipients", "list", FILE],
        &["recipients", "sync", "--yes", FILE],
        &["rekey", "--yes", FILE],
        &["seal", "show", FILE],
    ] {
        let said = refused(&repo, arguments, &arguments.join(" "), &EXITS);
        assert!(said.contains("the limit is 5000"), "{said}");
    }
}
