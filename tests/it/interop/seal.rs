//! The seal beside the real sops: it reads sealed files, drops the seal when it writes, and what it
//! accepts from a tamperer is refused.

use std::fs;
use std::process::Command;

use super::oddities::data_key;
use super::{Pair, succeeded};
use crate::support::{repository, without_seal};

const TEXT: &str = "# about\nclear_unencrypted: he\nnext_unencrypted: llo\na: \"12\"\nmap:\n  b: two # beside\n  c: three\nempty: \"\"\nlist:\n  - x\n  - z\n";

/// A repository with `a.yaml`, sealed by mvx and committed.
fn committed() -> Option<Pair> {
    let pair = Pair::new()?;
    pair.rule("");
    pair.git(&["init", "-q"]);
    pair.seal("a.yaml", TEXT);
    pair.commit();
    Some(pair)
}

impl Pair {
    fn git(&self, arguments: &[&str]) {
        let who = ["-c", "user.name=Ana", "-c", "user.email=ana@example.com"];
        let outcome = self
            .sandbox
            .run("git", who.iter().chain(arguments))
            .outcome();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
    }

    fn commit(&self) {
        self.git(&["add", "-A", "-f"]);
        self.git(&["commit", "-qm", "x"]);
    }

    /// How `mvx decrypt a.yaml` ends.
    fn verdict(&self) -> Option<i32> {
        self.mvx(["decrypt", "-q", "a.yaml"]).outcome().code()
    }
}

/// What each of sops's commands that write leaves of a sealed file, and what mvx makes of it.
#[test]
fn what_sops_writes_is_taken_where_it_is_vouched_for() {
    let Some(pair) = committed() else { return };
    let changes = "sed -i 's/three/drei/' \"$1\"";
    let adds = "sed -i 's/^a: .*/&\\nnew_unencrypted: open/' \"$1\"";
    let good = pair.sandbox.read("a.yaml");
    let taken = Some(0);
    let refused = Some(51);
    let json = "{\"k\": \"v\"}";
    for (arguments, editor, verdict) in [
        (vec!["set", "a.yaml", "[\"a\"]", "\"13\""], None, taken),
        (vec!["set", "a.yaml", "[\"new\"]", "\"1\""], None, taken),
        (
            vec!["set", "a.yaml", "[\"map\"][\"new\"]", "\"1\""],
            None,
            taken,
        ),
        (vec!["set", "a.yaml", "[\"deep\"]", json], None, taken),
        (vec!["set", "a.yaml", "[\"empty\"]", "\"1\""], None, taken),
        (vec!["unset", "a.yaml", "[\"map\"][\"b\"]"], None, taken),
        (
            vec!["set", "a.yaml", "[\"next_unencrypted\"]", "\"x\""],
            None,
            taken,
        ),
        (vec!["edit", "a.yaml"], Some(changes), taken),
        (vec!["rotate", "-i", "a.yaml"], None, taken),
        // Nothing vouches for these.
        (vec!["set", "a.yaml", "[\"a\"]", "13"], None, refused),
        (
            vec!["set", "a.yaml", "[\"list\"][2]", "\"w\""],
            None,
            refused,
        ),
        (
            vec!["unset", "a.yaml", "[\"next_unencrypted\"]"],
            None,
            refused,
        ),
        (vec!["edit", "a.yaml"], Some(adds), refused),
        (
            vec!["rotate", "-i", "--add-age", super::BEN, "a.yaml"],
            None,
            refused,
        ),
    ] {
        pair.sandbox.write("a.yaml", &good);
        let mut run = pair.sops(&arguments);
        if let Some(editor) = editor {
            run = run.env("EDITOR", pair.editor(editor));
        }
        let _written = succeeded(run.outcome());
        assert!(!pair.sandbox.read("a.yaml").contains("mvx_seal"));
        let outcome = pair.mvx(["decrypt", "a.yaml"]).outcome();
        assert_eq!(outcome.code(), verdict, "{arguments:?}: {outcome}");
        if verdict == taken {
            assert!(
                outcome.stderr.contains("was changed without mvx"),
                "{outcome}"
            );
            assert_eq!(outcome.stdout.as_slice(), pair.open_with_sops("a.yaml"));
            // The next write seals it again.
            pair.set("a.yaml", "map.c", "\"3\"").quiet_success();
            assert!(pair.sandbox.read("a.yaml").contains("mvx_seal"));
            let outcome = pair.mvx(["decrypt", "a.yaml"]).outcome();
            assert_eq!(outcome.stderr, "", "{arguments:?}");
        } else {
            assert!(outcome.stdout.is_empty(), "{outcome}");
        }
    }
}

/// sops's `updatekeys` is taken if the rules name whom it added.
#[test]
fn a_recipient_whom_the_rules_name_is_taken() {
    let Some(pair) = committed() else { return };
    let rules = pair.sandbox.read(".sops.yaml");
    let both = rules.replace("age: ", &format!("age: {},", super::BEN));
    pair.sandbox.write(".sops.yaml", &both);
    let _written = succeeded(pair.sops(["updatekeys", "-y", "a.yaml"]).outcome());
    assert_eq!(pair.verdict(), Some(0));
    pair.sandbox.write(".sops.yaml", rules);
    assert_eq!(
        pair.verdict(),
        Some(51),
        "nobody names the second one any more"
    );
}

/// What sops accepts from somebody without any key.
#[test]
fn tampering_that_sops_accepts_is_refused() {
    let Some(pair) = committed() else { return };
    let good = pair.sandbox.read("a.yaml");
    let line = |start: &str| {
        let line = good.lines().find(|line| line.starts_with(start)).unwrap();
        line.to_owned()
    };
    let flipped = line("a: ").replace("type:str", "type:int");
    for (what, from, to) in [
        (
            "values split elsewhere (tamper_mac_concat_accepted)",
            "clear_unencrypted: he\nnext_unencrypted: llo",
            "clear_unencrypted: hel\nnext_unencrypted: lo",
        ),
        ("a type (tamper_type_flip_accepted)", &line("a: "), &flipped),
        (
            "a clear key renamed (tamper_unenc_key_rename_accepted)",
            "next_unencrypted:",
            "evil_unencrypted:",
        ),
        ("an empty value added", "empty:", "evil: \"\"\nempty:"),
        ("a null added", "empty:", "evil: null\nempty:"),
        (
            "a recipient planted",
            "    age:\n",
            "    pgp:\n        - created_at: \"2026-11-22T12:00:00Z\"\n          enc: x\n          fp: EVIL\n    age:\n",
        ),
    ] {
        assert!(good.contains(from), "{what}");
        let bad = good.replacen(from, to, 1);
        pair.sandbox.write("a.yaml", &bad);
        let _accepted = succeeded(pair.sops(["decrypt", "a.yaml"]).outcome());
        let outcome = pair.mvx(["decrypt", "a.yaml"]).outcome();
        assert_eq!(outcome.code(), Some(51), "{what}: {outcome}");
        assert!(outcome.stderr.contains("the seal is broken"), "{outcome}");

        pair.sandbox.write("a.yaml", without_seal(&bad));
        let _accepted = succeeded(pair.sops(["decrypt", "a.yaml"]).outcome());
        for arguments in [
            vec!["decrypt", "a.yaml"],
            vec!["get", "a.yaml", "a"],
            vec!["set", "a.yaml", "a", "--value", "x"],
            vec!["unset", "a.yaml", "a"],
            vec!["edit", "a.yaml"],
        ] {
            let outcome = pair.mvx(&arguments).env("EDITOR", "true").outcome();
            assert_eq!(outcome.code(), Some(51), "stripped, {what}: {outcome}");
            assert!(outcome.stderr.contains("lost its seal"), "{outcome}");
        }
        assert_eq!(pair.sandbox.read("a.yaml"), without_seal(&bad));

        // Committing it makes it no better.
        pair.commit();
        assert_eq!(pair.verdict(), Some(51), "committed, {what}");
        pair.sandbox.write("a.yaml", &good);
        pair.commit();
        assert_eq!(pair.verdict(), Some(0));
    }
}

/// The vectors that real sops accepts although somebody tampered with them, made anew on sealed
/// files.
#[test]
fn seals_may_be_demanded() {
    let Some(pair) = committed() else { return };
    fs::remove_file(pair.sandbox.path(".sops.yaml")).unwrap();
    let rules = |seal: &str| {
        let text = format!(
            "version = 1\n{seal}\n[recipients.ana]\nage = \"{}\"\n[[files]]\npath = \"*.yaml\"\nrecipients = [\"ana\"]\n",
            super::ANA
        );
        pair.sandbox.write(".sops-rules.toml", text);
    };
    rules("seal = \"required\"");
    assert_eq!(pair.verdict(), Some(0));
    let text = without_seal(&pair.sandbox.read("a.yaml"));
    pair.sandbox.write("a.yaml", text);
    let outcome = pair.mvx(["decrypt", "a.yaml"]).outcome();
    assert_eq!(outcome.code(), Some(51), "{outcome}");
    rules("");
    assert_eq!(pair.verdict(), Some(0), "nothing differs");
}

/// A second implementation, in another language and from the document alone.
#[test]
fn python_computes_the_same_seal() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    let entries = [
        "# a comment, ä",
        "A=one",
        "B= two # not a comment",
        "C=",
        "D={\"json\": [1]}",
    ];
    pair.seal("a.env", entries.join("\n") + "\n");
    let key = data_key(&pair.sandbox.read("a.env").replace("\\n", "\n"));
    let key: Vec<String> = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let key = key.concat();
    let status = |entries: &[&str]| {
        let script = repository().join("scripts/seal.py");
        let mut python = Command::new("python3");
        python.arg(script).arg(pair.sandbox.path("a.env")).arg(&key);
        python.args(entries).status().unwrap().code()
    };
    assert_eq!(status(&entries), Some(0));
    assert_eq!(status(&["# a comment, ä", "A=one"]), Some(1));
}
