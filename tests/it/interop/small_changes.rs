//! One changed value changes its own line, `lastmodified`, `mac` and mvx's own metadata.

use std::fs;

use super::{Pair, fixture};
use crate::support::without_seal;

/// The same small file in each file type with lines, and the line of the value that changes.
const FILES: [(&str, &str, &str, &str); 4] = [
    (
        "a.yaml",
        "# head\nfirst: one # beside\nmap:\n  # above\n  second: \"two\"\n  third: 1.10\n\nlist:\n# item\n- x\n- y: 0x1F\nlast: |\n  some\n  lines\n",
        "map.second",
        "  second:",
    ),
    (
        "a.json",
        "{\n  \"first\": \"one\",\n  \"map\": {\n    \"second\": \"two\",\n    \"third\": 1.10\n  },\n  \"list\": [\"x\", {\"y\": 1e2}],\n  \"last\": null\n}\n",
        "map.second",
        "    \"second\":",
    ),
    (
        "a.env",
        "# head\nfirst=one\n\n# above\nsecond=two\nthird=\"3\"\n",
        "second",
        "second=",
    ),
    (
        "a.ini",
        "; head\nfirst = one\n\n[map]\n; above\nsecond   = two\nthird=3\n",
        "map.second",
        "second ",
    ),
];

/// The lines that differ between two texts of the same number of lines. The seal is not among
/// them: it comes where sops left none, and changes with everything.
fn changed(before: &str, after: &str) -> Vec<String> {
    let (before, after) = (without_seal(before), without_seal(after));
    let (before, after): (Vec<&str>, Vec<&str>) =
        (before.lines().collect(), after.lines().collect());
    assert_eq!(
        before.len(),
        after.len(),
        "lines came or went:\n{}\n----\n{}",
        before.join("\n"),
        after.join("\n")
    );
    before
        .iter()
        .zip(&after)
        .filter(|(before, after)| before != after)
        .map(|(_, after)| (*after).to_owned())
        .collect()
}

/// Whether a line is one of those that every change touches.
fn is_metadata(line: &str) -> bool {
    let line = line.trim_start().trim_start_matches('"');
    ["lastmodified", "mac", "mvx_spelling"].iter().any(|name| {
        line.trim_start_matches("sops_")
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with([':', '"', '=', ' ']))
    })
}

/// Exactly one changed line is no metadata, and begins with `start`.
fn only(what: &str, before: &str, after: &str, start: &str) {
    let lines = changed(before, after);
    let own: Vec<&String> = lines.iter().filter(|line| !is_metadata(line)).collect();
    assert!(
        matches!(own.as_slice(), [line] if line.trim_start().starts_with(start.trim_start())),
        "{what}: {own:#?}"
    );
    assert!(lines.len() <= 4, "{what}: {lines:#?}");
}

#[test]
fn set_changes_one_line() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    for (name, text, key, start) in FILES {
        for by_sops in [false, true] {
            if by_sops {
                pair.seal_with_sops(name, text);
            } else {
                pair.seal(name, text);
            }
            let before = pair.sandbox.read(name);
            for value in ["\"three\"", "\"four\""] {
                pair.set(name, key, value).quiet_success();
                let what = format!("{name}, sealed by sops: {by_sops}");
                only(&what, &before, &pair.sandbox.read(name), start);
            }
            pair.open_with_sops(name);
        }
    }
}

#[test]
fn edit_changes_one_line() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    let editor = pair.editor("sed -i 's/two/other/' \"$1\"");
    for (name, text, _, start) in FILES {
        for by_sops in [false, true] {
            if by_sops {
                pair.seal_with_sops(name, text);
            } else {
                pair.seal(name, text);
            }
            let before = pair.sandbox.read(name);
            let outcome = pair
                .mvx(["edit", "-q", name])
                .env("EDITOR", &editor)
                .outcome();
            outcome.quiet_success();
            let what = format!("{name}, sealed by sops: {by_sops}");
            only(&what, &before, &pair.sandbox.read(name), start);
            pair.open_with_sops(name);
        }
    }
}

/// Has sops indent by two spaces instead of four, or a tab.
fn two_spaces(pair: &Pair) {
    let rules = pair.sandbox.read(".sops.yaml");
    let stores = "stores:\n  yaml:\n    indent: 2\n  json:\n    indent: 2\n";
    pair.sandbox.write(".sops.yaml", rules + stores);
}

/// Files as other versions and other settings of sops lay them out.
#[test]
fn foreign_layouts_stay() {
    let Some(pair) = Pair::new() else { return };
    pair.identities(&["k1.txt", "k2.txt"]);
    pair.rule("");
    two_spaces(&pair);
    let editor = pair.editor("sed -i 's/: \\(secret: \\)*s$/: \\1other/' \"$1\"");
    for by_edit in [false, true] {
        pair.sandbox
            .write("shamir.yaml", fixture("shamir2of3.enc.yaml"));
        pair.seal_with_sops("indent.yaml", "list:\n- a\n- b: c\nsecret: s\n# end\n");
        pair.seal_with_sops(
            "indent.json",
            "{\"secret\": \"s\", \"list\": [1, {\"a\": 2}]}",
        );
        for name in ["shamir.yaml", "indent.yaml", "indent.json"] {
            let before = pair.sandbox.read(name);
            if by_edit && name.ends_with("yaml") {
                let outcome = pair
                    .mvx(["edit", "-q", name])
                    .env("EDITOR", &editor)
                    .outcome();
                outcome.quiet_success();
            } else {
                pair.set(name, "secret", "\"other\"").quiet_success();
            }
            let after = pair.sandbox.read(name);
            let start = if name.ends_with("json") {
                "\"secret\""
            } else {
                "secret:"
            };
            only(
                &format!("{name}, by edit: {by_edit}"),
                &before,
                &after,
                start,
            );
            pair.open_with_sops(name);
        }
    }
}

/// mvx's own metadata comes and goes as one line, whatever the layout around it.
#[test]
fn spelling_takes_one_line() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    let plain = "number: 1.5\nlist:\n  - x\n";
    two_spaces(&pair);
    pair.seal_with_sops("a.yaml", plain);
    let before = pair.sandbox.read("a.yaml");
    let edit = |script: &str| {
        let editor = pair.editor(script);
        let run = pair.mvx(["edit", "-q", "a.yaml"]).env("EDITOR", editor);
        run.outcome().quiet_success();
        pair.sandbox.read("a.yaml")
    };
    let spelled = edit("sed -i 's/1.5/1.50/' \"$1\"");
    let own = "  mvx_spelling:";
    let (with, without): (Vec<&str>, Vec<&str>) =
        spelled.lines().partition(|line| line.starts_with(own));
    assert_eq!(with.len(), 1, "{spelled}");
    for line in changed(&before, &without.join("\n")) {
        assert!(is_metadata(&line), "{line}");
    }
    let again = edit("sed -i 's/1.50/1.5/' \"$1\"");
    for line in changed(&before, &again) {
        assert!(is_metadata(&line), "{line}");
    }
    pair.open_with_sops("a.yaml");
}

#[test]
fn the_same_value_changes_nothing() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    for (name, text, key, _) in FILES {
        pair.seal(name, text);
        let path = pair.sandbox.path(name);
        let state = || {
            let metadata = fs::metadata(&path).unwrap();
            (fs::read(&path).unwrap(), metadata.modified().unwrap())
        };
        let before = state();
        let outcome = pair.set(name, key, "\"two\"");
        assert_eq!(outcome.code(), Some(200), "{name}: {outcome}");
        let outcome = pair
            .mvx(["set", "-q", name, key, "--value", "two"])
            .outcome();
        assert_eq!(outcome.code(), Some(200), "{name}: {outcome}");
        let outcome = pair
            .mvx(["edit", "-q", name])
            .env("EDITOR", "true")
            .outcome();
        assert_eq!(outcome.code(), Some(200), "{name}: {outcome}");
        assert!(state() == before, "{name} was written");
    }
}

/// A value that was set by sops, and so has no spelling of its own, leaves the others' alone.
#[test]
fn spellings_stay_until_sops_drops_them() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    let text = "version: 1.10\nmode: 0o17\nday: 2024-01-02\nother: x\nlist: [0x1F, ~]\n";
    pair.seal("a.yaml", text);
    pair.set("a.yaml", "other", "\"y\"").quiet_success();
    let opened = String::from_utf8(pair.open("a.yaml")).unwrap();
    assert_eq!(opened, text.replace("other: x", "other: y"));
    pair.set("a.yaml", "version", "1.5").quiet_success();
    let opened = String::from_utf8(pair.open("a.yaml")).unwrap();
    assert!(opened.starts_with("version: 1.5\nmode: 0o17\n"), "{opened}");

    let outcome = pair
        .sops(["set", "a.yaml", "[\"other\"]", "\"z\""])
        .outcome();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(!pair.sandbox.read("a.yaml").contains("mvx_spelling"));
    let opened = String::from_utf8(pair.open("a.yaml")).unwrap();
    assert!(opened.starts_with("version: 1.5\nmode: 15\n"), "{opened}");
}
