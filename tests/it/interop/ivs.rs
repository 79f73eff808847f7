//! Never the same key and IV for two plaintexts, whoever writes: with AES-GCM that would give away
//! both, and the key that authenticates all others.

use std::collections::HashMap;

use mvx::stores::Format;

use super::{Pair, values};

/// Every envelope that a file ever held under its data key, by IV.
#[derive(Default)]
pub(crate) struct Ledger(HashMap<String, String>);

impl Ledger {
    /// Takes note of a text's envelopes. One IV must always come with the same ciphertext, tag and
    /// type.
    pub(crate) fn add(&mut self, text: &str, when: &str) {
        for envelope in envelopes(text) {
            let (data, rest) = envelope.split_once(",iv:").unwrap();
            let (iv, rest) = rest.split_once(",tag:").unwrap();
            let sealed = format!("{data},tag:{rest}");
            if let Some(before) = self.0.insert(iv.to_owned(), sealed.clone()) {
                assert_eq!(before, sealed, "{when}: an IV was used twice\n{text}");
            }
        }
    }
}

fn envelopes(text: &str) -> impl Iterator<Item = &str> {
    text.split("ENC[AES256_GCM,data:")
        .skip(1)
        .map(|rest| rest.split(']').next().unwrap())
}

/// The envelope that stands behind `start` in a text.
fn behind<'t>(text: &'t str, start: &str) -> &'t str {
    let line = text.lines().find(|line| line.starts_with(start));
    envelopes(line.unwrap_or_else(|| panic!("no {start} in\n{text}")))
        .next()
        .unwrap()
}

fn iv(envelope: &str) -> &str {
    envelope
        .split(",iv:")
        .nth(1)
        .unwrap()
        .split(',')
        .next()
        .unwrap()
}

#[test]
fn changes_by_both_never_reuse_an_iv() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    let text = "# c\na: one\nb: '5'\nc: 1.10\nd: true\nl:\n  - x\n  - x\n  # c\n  - y\n  - x\nm:\n  # c\n  a: one\n  b: '5'\nn: |\n  x\n";
    for by_sops in [false, true] {
        let name = "a.yaml";
        let mut ledger = Ledger::default();
        if by_sops {
            pair.seal_with_sops(name, text);
        } else {
            pair.seal(name, text);
        }
        ledger.add(&pair.sandbox.read(name), "sealed");
        let editor = |script: &str| pair.editor(&format!("sed -i {script} \"$1\""));
        let mut step = |what: &str, run: crate::support::Run| {
            let outcome = run.outcome();
            // An editor's script that finds nothing to change is no failure here.
            assert!(matches!(outcome.code(), Some(0 | 200)), "{what}: {outcome}");
            ledger.add(&pair.sandbox.read(name), what);
            pair.open_with_sops(name);
            pair.open(name);
        };
        let mvx = |arguments: &[&str]| pair.mvx(arguments);
        let sops_set = |path: &str, json: &str| pair.sops(["set", name, path, json]);
        step("a: other", mvx(&["set", name, "a", "--value", "other"]));
        step("a: one again", mvx(&["set", name, "a", "--value", "one"]));
        step(
            "b: text to number",
            mvx(&["set", name, "b", "--type", "int", "--value", "5"]),
        );
        step(
            "b: number to text",
            mvx(&["set", name, "b", "--type", "str", "--value", "5"]),
        );
        step("b: to a float by sops", sops_set("[\"b\"]", "5"));
        step(
            "d: to text",
            mvx(&["set", name, "d", "--type", "str", "--value", "True"]),
        );
        step(
            "l: one of three equals",
            mvx(&["set", name, "l[1]", "--value", "y"]),
        );
        step(
            "l: equal again",
            mvx(&["set", name, "l[1]", "--value", "x"]),
        );
        step("l: by sops", sops_set("[\"l\"][0]", "\"y\""));
        step("l: one more", mvx(&["set", name, "l[4]", "--value", "y"]));
        step("l: one less", mvx(&["unset", name, "l[2]"]));
        step("m.a: away", mvx(&["mv", name, "m.a", "m.z"]));
        step("m.z: back", mvx(&["mv", name, "m.z", "m.a"]));
        step("m: away", mvx(&["mv", name, "m", "k"]));
        step("k: back", mvx(&["mv", name, "k", "m"]));
        step("m.b: to the top", mvx(&["mv", name, "m.b", "o"]));
        step("m.b: from sops", sops_set("[\"m\"][\"b\"]", "\"5\""));
        step("a: gone", pair.sops(["unset", name, "[\"a\"]"]));
        step("a: here again", mvx(&["set", name, "a", "--value", "one"]));
        let edits = [
            (
                "values trade places",
                "'s/: one$/: §/; s/: 5$/: one/; s/: §$/: 5/'",
            ),
            (
                "items trade places",
                "'s/- x$/- §/; s/- y$/- x/; s/- §$/- y/'",
            ),
            (
                "the list reversed",
                "'/^ *- /{s/- x$/- §/;s/- y$/- x/;s/- §$/- y/}'",
            ),
            ("comments change", "'s/# c$/# d/'"),
            ("comments back", "'s/# d$/# c/'"),
            ("types change", "\"s/: '5'/: 5/; s/: 5$/: '5'/\""),
        ];
        for (what, script) in edits {
            step(
                what,
                mvx(&["edit", "-q", name]).env("EDITOR", editor(script)),
            );
            step("sops rewrites", sops_set("[\"q\"]", &format!("\"{what}\"")));
        }
    }
}

#[test]
fn the_same_value_in_the_same_place_keeps_its_ciphertext() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    pair.seal("a.yaml", "a: one\nb: two\nl:\n  - x\n  - y\n");
    let before = pair.sandbox.read("a.yaml");
    let editor = pair.editor("printf 'l:\\n  - y\\n  - x\\nb: two\\na: one\\n' > \"$1\"");
    pair.mvx(["edit", "-q", "a.yaml"])
        .env("EDITOR", editor)
        .outcome()
        .quiet_success();
    let after = pair.sandbox.read("a.yaml");
    for start in ["a:", "b:"] {
        assert_eq!(behind(&before, start), behind(&after, start));
    }
    // Items of one list have the same place for the cipher.
    let items = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with("  - ENC"));
        lines.map(str::to_owned).collect()
    };
    let (mut old, new) = (items(&before), items(&after));
    old.reverse();
    assert_eq!(old, new);
}

#[test]
fn another_type_or_place_gets_a_fresh_iv() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    pair.seal("a.yaml", "a: '5'\nb: x\n");
    let before = pair.sandbox.read("a.yaml");
    for (script, from, to) in [("s/'5'/5/", "a:", "a:"), ("s/^b:/c:/", "b:", "c:")] {
        let editor = pair.editor(&format!("sed -i \"{script}\" \"$1\""));
        pair.mvx(["edit", "-q", "a.yaml"])
            .env("EDITOR", editor)
            .outcome()
            .quiet_success();
        let after = pair.sandbox.read("a.yaml");
        assert_ne!(
            iv(behind(&before, from)),
            iv(behind(&after, to)),
            "{script}"
        );
    }
    let opened = values(Format::Yaml, &pair.open_with_sops("a.yaml"));
    assert_eq!(opened, values(Format::Yaml, b"a: 5\nc: x\n"));
}

/// The spellings are one value whose text changes with every change.
#[test]
fn the_spelling_is_sealed_anew_at_every_write() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    pair.seal("a.yaml", "a: 1.10\nb: x\n");
    let mut seen = std::collections::HashSet::new();
    for value in ["1", "2", "3"] {
        let text = pair.sandbox.read("a.yaml");
        for field in ["    mvx_spelling:", "    mac:"] {
            assert!(seen.insert(iv(behind(&text, field)).to_owned()), "{field}");
        }
        pair.set("a.yaml", "b", value).quiet_success();
    }
}
