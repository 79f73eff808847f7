//! Recipients that come and go, and new data keys, beside a real sops: what mvx writes it reads and
//! edits, and finds nothing to do in; what it wrote mvx brings in line.

use std::fs;

use mvx::stores::Format;

use super::{ANA, Pair, fixture, succeeded, values};
use crate::repo::CAROL;
use crate::support::without_seal;

/// Rules for these recipients, which both programs read.
fn rule(pair: &Pair, recipients: &[&str], more: &str) {
    let recipients = recipients.join(",");
    pair.sandbox.write(
        ".sops.yaml",
        format!("creation_rules:\n  - age: {recipients}\n{more}"),
    );
}

const YAML: &str = "# about a\na: one # beside\nm:\n    b: 2\n    l:\n        # in the list\n        - x\n        - 1.5\nt: true\n";

fn every_type() -> [(&'static str, &'static str); 5] {
    [
        ("a.yaml", YAML),
        (
            "b.json",
            "{\n\t\"a\": \"one\",\n\t\"l\": [1, {\"b\": null}]\n}\n",
        ),
        ("c.env", "# note\nA=one\nB=two\n"),
        ("d.ini", "; note\n[s]\nA = one\n"),
        ("e.bin", "any\nbytes\n"),
    ]
}

#[test]
fn sops_reads_and_edits_what_was_synced_and_rekeyed() {
    let Some(pair) = Pair::new() else { return };
    for by_sops in [true, false] {
        for (name, text) in every_type() {
            rule(&pair, &[ANA], "");
            if by_sops {
                pair.seal_with_sops(name, text);
            } else {
                pair.seal(name, text);
            }
            let plain = pair.open_with_sops(name);
            let before = pair.sandbox.read(name);
            rule(&pair, &[ANA, CAROL], "");
            pair.mvx(["recipients", "sync", "--yes", "-q", name])
                .outcome()
                .quiet_success();
            assert_eq!(pair.open_with_sops(name), plain, "{name}");
            // As sops would have done it: values, MAC and time are those of before.
            let same = |line: &&str| line.contains("ENC[") || line.contains("lastmodified");
            let lines = |text: &str| -> Vec<String> {
                without_seal(text)
                    .lines()
                    .filter(same)
                    .map(str::to_owned)
                    .collect()
            };
            assert_eq!(lines(&before), lines(&pair.sandbox.read(name)), "{name}");
            let outcome = succeeded(pair.sops(["updatekeys", "-y", name]).outcome());
            assert!(outcome.stderr.contains("already up to date"), "{outcome}");
            // Carol alone opens it, with either program.
            pair.identities(&["k2.txt"]);
            assert_eq!(pair.open_with_sops(name), plain, "{name}");
            pair.mvx(["rekey", "-q", name]).outcome().quiet_success();
            assert_eq!(pair.open_with_sops(name), plain, "{name}");
            let rekeyed = pair.sandbox.read(name);
            let stays = |line: &String| line.contains("ENC[") && rekeyed.contains(line.as_str());
            assert!(!lines(&before).iter().any(stays), "{name}");
            if name.ends_with("yaml") || name.ends_with("json") {
                let _set = succeeded(pair.sops(["set", name, "[\"a\"]", "\"by sops\""]).outcome());
                let got = pair.mvx(["get", name, "a"]).outcome();
                assert_eq!(got.stdout(), "by sops\n", "{got}");
            }
            let _rotated = succeeded(pair.sops(["rotate", "-i", name]).outcome());
            pair.open(name);
            pair.identities(&["k1.txt"]);
        }
    }
}

/// What older programs wrote, with a new data key: sops finds the same in it as before.
#[test]
fn vectors_are_rekeyed() {
    let Some(pair) = Pair::new() else { return };
    pair.identities(&["k1.txt", "k2.txt"]);
    rule(&pair, &[ANA], "");
    let names = [
        "col.enc.yaml",
        "d.enc.env",
        "fmt.enc.yaml",
        "i.enc.ini",
        "j.enc.json",
        "j4.enc.json",
        "lc.enc.yaml",
        "lc2.enc.yaml",
        "mac_only_encrypted.enc.yaml",
        "md.enc.yaml",
        "num.enc.yaml",
        "q.enc.yaml",
        "t1.enc.yaml",
    ];
    for name in names {
        pair.sandbox.write(name, fixture(name));
        let (theirs, ours) = (pair.open_with_sops(name), pair.open(name));
        let outcome = pair.mvx(["rekey", "-q", name]).outcome();
        assert_eq!(outcome.code(), Some(0), "{name}: {outcome}");
        assert_eq!(pair.open(name), ours, "{name}");
        let format = Format::from_path(name.as_ref());
        assert_eq!(
            values(format, &pair.open_with_sops(name)),
            values(format, &theirs),
            "{name}"
        );
    }
}

/// Recipients come and go without a trace in the layout that sops was told to write.
#[test]
fn layouts_of_the_metadata_stay() {
    let Some(pair) = Pair::new() else { return };
    for (name, indent) in [
        ("two.yaml", 2),
        ("four.yaml", 4),
        ("three.json", 3),
        ("plain.env", 4),
        ("plain.ini", 4),
    ] {
        let stores =
            format!("stores:\n  yaml:\n    indent: {indent}\n  json:\n    indent: {indent}\n");
        rule(&pair, &[ANA], &stores);
        let text = match name.rsplit_once('.').unwrap().1 {
            "yaml" => "a: 1\n",
            "json" => "{\"a\": 1}\n",
            "ini" => "[s]\nA = 1\n",
            _ => "A=1\n",
        };
        pair.seal_with_sops(name, text);
        let before = pair.sandbox.read(name);
        rule(&pair, &[ANA, CAROL], &stores);
        pair.mvx(["recipients", "sync", "--yes", "-q", name])
            .outcome()
            .quiet_success();
        let after = without_seal(&pair.sandbox.read(name));
        let missing: Vec<&str> = before
            .lines()
            .filter(|line| !after.contains(line.trim_end_matches(',')))
            .collect();
        assert_eq!(missing, Vec::<&str>::new(), "{name}\n{before}\n{after}");
    }
}

/// What makes the difference between taking a name out and locking a file: sops keeps the data key,
/// and an entry from git's history opens the new file.
#[test]
fn an_old_entry_opens_what_sops_updates_and_not_what_mvx_syncs() {
    let Some(pair) = Pair::new() else { return };
    rule(&pair, &[ANA, CAROL], "");
    pair.seal_with_sops("old.yaml", "a: hidden\n");
    let old = pair.sandbox.read("old.yaml");
    let start = old.find(&format!("- recipient: {CAROL}")).unwrap();
    let end = old[start..].find("    lastmodified:").unwrap() + start;
    let entry = &old[start..end];
    rule(&pair, &[ANA], "");
    for (name, by_sops) in [("theirs.yaml", true), ("ours.yaml", false)] {
        pair.sandbox.write(name, &old);
        if by_sops {
            let _updated = succeeded(pair.sops(["updatekeys", "-y", name]).outcome());
        } else {
            pair.mvx(["recipients", "sync", "--yes", "-q", name])
                .outcome()
                .quiet_success();
        }
        let text = without_seal(&pair.sandbox.read(name));
        assert!(!text.contains(CAROL));
        let mine = "        - recipient:";
        let graft = text.replacen(mine, &format!("        {}\n{mine}", entry.trim()), 1);
        pair.sandbox.write(name, graft);
        pair.identities(&["k2.txt"]);
        for outcome in [
            pair.sops(["decrypt", name]).outcome(),
            pair.mvx(["decrypt", name]).outcome(),
        ] {
            assert_eq!(
                outcome.stdout().contains("hidden"),
                by_sops,
                "{name}: {outcome}"
            );
            assert_eq!(outcome.code() == Some(0), by_sops, "{name}: {outcome}");
        }
        pair.identities(&["k1.txt"]);
    }
    fs::remove_file(pair.sandbox.path("old.yaml")).unwrap();
}
