//! What real sops refuses, mvx refuses; what sops lets pass and should not, mvx refuses, too.

use super::Pair;
use crate::support::without_seal;

/// Plaintexts that cannot be sealed: name, text, the exit codes of mvx and of sops.
const PLAINTEXTS: &[(&str, &str, i32, i32)] = &[
    ("number-key.yaml", "1: x\n", 4, 23),
    ("bool-key.yaml", "a:\n  true: x\n", 4, 23),
    ("null-key.yaml", "~: x\n", 4, 23),
    ("list-key.yaml", "? [a]\n: x\n", 4, 2),
    ("same-key-twice.yaml", "a: 1\nb: 2\na: 3\n", 4, 2),
    ("same-key-below.yaml", "m:\n  a: 1\n  a: 2\n", 4, 2),
    ("root-list.yaml", "- a\n- b\n", 4, 2),
    ("root-text.yaml", "just text\n", 4, 2),
    ("empty.yaml", "", 4, 92),
    ("empty.json", "", 4, 2),
    ("empty.bin", "", 4, 0),
    ("comment.yaml", "# nothing else\n", 4, 2),
    ("own-sops.yaml", "sops:\n  a: 1\nb: 2\n", 203, 203),
    ("own-sops-text.yaml", "sops: mine\nb: 2\n", 203, 203),
    ("own-sops-list.yaml", "sops: [mine]\nb: 2\n", 203, 203),
    ("own-sops-later.yaml", "a: 1\n---\nsops: mine\n", 203, 0),
    ("own-sops.json", "{\"sops\": 1, \"b\": 2}", 203, 203),
    ("own-sops.env", "sops_x=1\nB=2\n", 203, 203),
    ("own-sops.ini", "[sops]\nx = 1\n[b]\ny = 2\n", 203, 203),
    ("unsigned.yaml", "a: 9223372036854775808\n", 4, 23),
    ("directive.yaml", "%YAML 1.2\n---\na: 1\n", 4, 2),
    ("tag.yaml", "a: !!int x\n", 4, 2),
    ("tab.yaml", "a:\n\tb: 1\n", 4, 2),
    ("unclosed.yaml", "a: [b\n", 4, 2),
    ("root-list.json", "[1]", 4, 2),
    ("root-text.json", "\"a\"", 4, 2),
    ("cut-off.json", "{\"a\": 1", 4, 2),
    // sops drops what follows, in silence.
    ("two-objects.json", "{\"a\": 1} {\"b\": 2}", 4, 0),
    ("no-equals.env", "A=1\nB\n", 4, 2),
];

#[test]
fn plaintexts_that_cannot_be_sealed() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    for (name, text, ours, theirs) in PLAINTEXTS {
        pair.sandbox.write(name, text);
        let sops = pair.sops(["encrypt", name]).outcome();
        assert_eq!(sops.code(), Some(*theirs), "{name}: {sops}");
        let mvx = pair.mvx(["encrypt", "-i", name]).outcome();
        assert_eq!(mvx.code(), Some(*ours), "{name}: {mvx}");
        assert_eq!(pair.sandbox.read(name), *text, "{name} was changed");
        assert!(mvx.stderr.contains(name), "{name}: {mvx}");
    }
}

/// Changes of a sealed file: what is replaced by what, the exit codes of mvx and of sops. `…`
/// stands for the rest of the line.
const TAMPERED: &[(&str, &str, &str, i32, i32)] = &[
    ("no MAC", "    mac: …\n", "", 51, 51),
    ("an empty MAC", "    mac: …\n", "    mac: \"\"\n", 51, 51),
    (
        "a MAC that is no envelope",
        "    mac: …\n",
        "    mac: abc\n",
        51,
        51,
    ),
    (
        "another time",
        "lastmodified: …\n",
        "lastmodified: \"2020-01-01T00:00:00Z\"\n",
        51,
        51,
    ),
    ("no time", "    lastmodified: …\n", "", 4, 1),
    (
        "a time that is none",
        "lastmodified: …\n",
        "lastmodified: \"yesterday\"\n",
        4,
        1,
    ),
    ("no version", "    version: …\n", "", 4, 1),
    (
        "a version that is none",
        "    version: …\n",
        "    version: mvx-1\n",
        0,
        1,
    ),
    (
        "two selectors",
        "    unencrypted_suffix: …\n",
        "    unencrypted_suffix: _u\n    encrypted_regex: ^a\n",
        4,
        1,
    ),
    // sops takes it for one that matches nothing.
    (
        "a selector that is no regex",
        "    unencrypted_suffix: …\n",
        "    unencrypted_regex: (\n",
        3,
        0,
    ),
    (
        "recipients of a kind that nobody knows",
        "    age:\n",
        "    aged:\n",
        128,
        1,
    ),
    ("a value in clear", "a: …\n", "a: clear\n", 25, 25),
    (
        "a value of another type in clear",
        "a: …\n",
        "a: 5\n",
        25,
        2,
    ),
    ("a value removed", "b: …\n", "", 51, 51),
    (
        "a value of an unknown type",
        "type:int]\n",
        "type:hex]\n",
        25,
        25,
    ),
    // sops reads on up to the bracket.
    (
        "text behind an envelope",
        "type:int]\n",
        "type:int] and more\n",
        25,
        0,
    ),
    ("text before an envelope", "a: ENC", "a: xENC", 25, 25),
];

pub(super) const SEALED: &str = "a: text\nb: 5\nlist:\n  - x\n";

#[test]
fn tampered_files() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    pair.seal("good.yaml", SEALED);
    let good = without_seal(&pair.sandbox.read("good.yaml"));
    for (what, old, new, ours, theirs) in TAMPERED {
        pair.sandbox.write("bad.yaml", replace(&good, old, new));
        let sops = pair.sops(["decrypt", "bad.yaml"]).outcome();
        assert_eq!(sops.code(), Some(*theirs), "{what}: {sops}");
        for arguments in [
            vec!["decrypt", "bad.yaml"],
            vec!["get", "bad.yaml", "list[0]"],
            vec!["set", "bad.yaml", "list[0]", "--value", "y"],
        ] {
            let mvx = pair.mvx(&arguments).outcome();
            assert_eq!(mvx.code(), Some(*ours), "{what}: {arguments:?}: {mvx}");
        }
    }
}

/// Replaces `old` once; a `…` in it stands for the rest of its line.
pub(super) fn replace(text: &str, old: &str, new: &str) -> String {
    let (head, whole_line) = match old.split_once('…') {
        Some((head, _)) => (head, true),
        None => (old, false),
    };
    let start = text.find(head).unwrap_or_else(|| panic!("no {head}"));
    let end = if whole_line {
        start + text[start..].find('\n').unwrap() + 1
    } else {
        start + head.len()
    };
    format!("{}{new}{}", &text[..start], &text[end..])
}

/// A selector in the rules that is no regex, or chooses nothing: sops leaves all in clear.
#[test]
fn rules_that_would_leave_all_in_clear() {
    let Some(pair) = Pair::new() else { return };
    for (rule, ours) in [
        ("encrypted_regex: '('", 3),
        ("encrypted_regex: '^nothing_here$'", 3),
        ("encrypted_suffix: _nowhere", 3),
        ("encrypted_comment_regex: never", 3),
    ] {
        pair.rule(rule);
        pair.sandbox.write("a.yaml", "a: 1\nb: 2\n");
        let sops = pair.sops(["encrypt", "a.yaml"]).outcome();
        assert_eq!(sops.code(), Some(0), "{rule}: {sops}");
        assert!(sops.stdout().starts_with("a: 1\nb: 2\n"), "{rule}");
        let mvx = pair.mvx(["encrypt", "-i", "a.yaml"]).outcome();
        assert_eq!(mvx.code(), Some(ours), "{rule}: {mvx}");
    }
}
