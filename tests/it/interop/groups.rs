//! Key groups: a data key that is split by one program and put together by the other.

use std::fs;

use super::{ANA, BEN, Pair, fixture, succeeded};
use crate::repo::ANA as CI;

/// The identities of Ana, Ben and the CI.
const KEYS: [&str; 3] = ["k1.txt", "k2.txt", "../identity/ci.txt"];

/// A file of each type, with a value that says who it is.
const FILES: [(&str, &str); 6] = [
    ("a.yaml", "name: hidden\n# note\nport: 5432\n"),
    ("many.yaml", "name: hidden\n---\nname: second\n"),
    ("a.json", "{\"name\": \"hidden\"}\n"),
    ("a.env", "NAME=hidden\n"),
    ("a.ini", "[s]\nname = hidden\n"),
    ("a.bin", "hidden\n"),
];

/// Writes `.sops.yaml`, which both programs read, with these key groups.
fn rule(pair: &Pair, groups: &[&[&str]], threshold: Option<usize>) {
    let threshold = threshold.map(|number| format!("    shamir_threshold: {number}\n"));
    let lists = groups.iter().map(|group| {
        let keys: Vec<String> = group.iter().map(|key| format!("{key:?}")).collect();
        format!("      - age: [{}]\n", keys.join(", "))
    });
    let text = format!(
        "creation_rules:\n  - path_regex: .\n{}    key_groups:\n{}",
        threshold.unwrap_or_default(),
        lists.collect::<String>()
    );
    pair.sandbox.write(".sops.yaml", text);
}

/// Whether each of the programs opens a file with these keys; they must agree.
fn opens(pair: &Pair, name: &str, keys: &[&str]) -> bool {
    pair.identities(keys);
    let ours = pair.mvx(["decrypt", "-q", name]).outcome();
    let theirs = pair.sops(["decrypt", name]).outcome();
    pair.identities(&KEYS);
    let (ours, theirs) = (
        (ours.code(), ours.stdout().contains("hidden")),
        (theirs.code(), theirs.stdout().contains("hidden")),
    );
    assert_eq!(
        ours.1, theirs.1,
        "{name} with {keys:?}: mvx {ours:?}, sops {theirs:?}"
    );
    assert_eq!(ours.1, ours.0 == Some(0), "{name} with {keys:?}");
    assert!(
        ours.1 || ours.0 == Some(128),
        "{name} with {keys:?}: {ours:?}"
    );
    ours.1
}

/// Any `needed` of these keys open the file in both programs, and no fewer.
fn takes(pair: &Pair, name: &str, keys: &[&str], needed: usize) {
    for chosen in 1..1 << keys.len() {
        let held: Vec<&str> = (0..keys.len())
            .filter(|at| chosen >> at & 1 == 1)
            .map(|at| keys[at])
            .collect();
        assert_eq!(
            opens(pair, name, &held),
            held.len() >= needed,
            "{name} with {held:?} of {needed}"
        );
    }
}

fn sync(pair: &Pair, name: &str) -> String {
    let done = succeeded(pair.mvx(["recipients", "sync", "--yes", name]).outcome());
    done.stderr.clone()
}

/// The encrypted values of a file, without its metadata.
fn values_of(pair: &Pair, name: &str) -> String {
    let text = pair.sandbox.read(name);
    text.split("sops").next().unwrap().to_owned()
}

#[test]
fn two_of_three_in_every_type() {
    let Some(pair) = Pair::new() else { return };
    pair.identities(&KEYS);
    rule(&pair, &[&[ANA], &[BEN], &[CI]], Some(2));
    for (name, text) in FILES {
        pair.seal(name, text);
        takes(&pair, name, &KEYS, 2);
        pair.seal_with_sops(name, text);
        takes(&pair, name, &KEYS, 2);
    }
}

#[test]
fn all_groups_are_needed_where_nobody_says_otherwise() {
    let Some(pair) = Pair::new() else { return };
    pair.identities(&KEYS);
    rule(&pair, &[&[ANA], &[BEN, CI]], None);
    pair.seal("a.yaml", "name: hidden\n");
    assert!(pair.sandbox.read("a.yaml").contains("shamir_threshold: 2"));
    for (keys, expected) in [
        (vec![KEYS[0]], false),
        (vec![KEYS[1], KEYS[2]], false),
        (vec![KEYS[0], KEYS[1]], true),
        (vec![KEYS[0], KEYS[2]], true),
    ] {
        assert_eq!(opens(&pair, "a.yaml", &keys), expected, "{keys:?}");
    }
}

#[test]
fn a_large_file_with_groups() {
    let Some(pair) = Pair::new() else { return };
    pair.identities(&KEYS);
    rule(&pair, &[&[ANA], &[BEN], &[CI]], Some(2));
    let text = format!("hidden{}", "0123456789abcdef".repeat(200_000));
    pair.seal("large.bin", &text);
    takes(&pair, "large.bin", &KEYS, 2);
    pair.mvx(["rekey", "-q", "large.bin"])
        .outcome()
        .quiet_success();
    takes(&pair, "large.bin", &KEYS, 2);
}

/// The threshold is lowered: nobody loses anything, and the values stay to the byte. It is raised:
/// two who could open the file cannot any more, and it gets a new data key.
#[test]
fn a_threshold_is_lowered_and_raised() {
    let Some(pair) = Pair::new() else { return };
    pair.identities(&KEYS);
    for (name, text) in FILES {
        rule(&pair, &[&[ANA], &[BEN], &[CI]], Some(3));
        if name.ends_with("json") {
            pair.seal_with_sops(name, text);
        } else {
            pair.seal(name, text);
        }
        takes(&pair, name, &KEYS, 3);
        let before = values_of(&pair, name);
        rule(&pair, &[&[ANA], &[BEN], &[CI]], Some(2));
        let said = sync(&pair, name);
        assert!(
            said.contains("2 of 3 groups instead of 3 of 3 groups"),
            "{said}"
        );
        assert!(!said.contains("new data key"), "{said}");
        assert_eq!(values_of(&pair, name), before, "{name}");
        takes(&pair, name, &KEYS, 2);
        rule(&pair, &[&[ANA], &[BEN], &[CI]], Some(3));
        let said = sync(&pair, name);
        assert!(said.contains("new data key"), "{said}");
        assert_ne!(values_of(&pair, name), before, "{name}");
        takes(&pair, name, &KEYS, 3);
        assert!(sync(&pair, name).contains("as the rules say"));
    }
}

#[test]
fn from_one_group_to_several_and_back() {
    let Some(pair) = Pair::new() else { return };
    pair.identities(&KEYS);
    for (name, text) in FILES {
        rule(&pair, &[&[ANA, BEN]], None);
        pair.seal(name, text);
        takes(&pair, name, &KEYS[..2], 1);
        rule(&pair, &[&[ANA], &[BEN]], None);
        let said = sync(&pair, name);
        let expected = "2 of 2 groups instead of one group, new data key";
        assert!(said.contains(expected), "{said}");
        takes(&pair, name, &KEYS[..2], 2);
        rule(&pair, &[&[ANA], &[BEN], &[CI]], Some(2));
        let said = sync(&pair, name);
        assert!(
            said.contains("2 of 3 groups instead of 2 of 2 groups\n"),
            "{said}"
        );
        takes(&pair, name, &KEYS, 2);
        rule(&pair, &[&[ANA], &[CI]], Some(2));
        let said = sync(&pair, name);
        assert!(said.contains("new data key"), "{said}");
        assert!(!opens(&pair, name, &KEYS[..2]));
        rule(&pair, &[&[CI, ANA]], None);
        let said = sync(&pair, name);
        assert!(
            said.contains("one group instead of 2 of 2 groups\n"),
            "{said}"
        );
        takes(&pair, name, &[KEYS[0], KEYS[2]], 1);
        let text = pair.sandbox.read(name);
        assert!(!text.contains("shamir_threshold"), "{text}");
        assert!(!text.contains("key_groups"), "{text}");
    }
}

/// A newcomer gets the share that the group has: the entries of the others, for which the seal
/// vouches, stay to the byte.
#[test]
fn a_group_that_grows_keeps_its_share() {
    let Some(pair) = Pair::new() else { return };
    pair.identities(&KEYS[..2]);
    rule(&pair, &[&[ANA], &[BEN]], None);
    pair.seal("a.yaml", "name: hidden\n");
    let before = pair.sandbox.read("a.yaml");
    rule(&pair, &[&[ANA], &[BEN, CI]], None);
    let said = sync(&pair, "a.yaml");
    assert!(!said.contains("new data key"), "{said}");
    let after = pair.sandbox.read("a.yaml");
    let lines: Vec<&str> = after.lines().collect();
    let armour = before
        .lines()
        .filter(|line| line.len() > 60 && !line.contains("mvx_seal"));
    for line in armour {
        assert!(lines.contains(&line), "{line}\n{after}");
    }
    assert!(opens(&pair, "a.yaml", &[KEYS[0], KEYS[2]]));
    assert!(!opens(&pair, "a.yaml", &[KEYS[1], KEYS[2]]));
}

/// Where the share of the group that grows was not opened, all entries are made anew.
#[test]
fn a_group_that_this_machine_cannot_open_grows_too() {
    let Some(pair) = Pair::new() else { return };
    pair.identities(&KEYS);
    rule(&pair, &[&[ANA], &[BEN], &[CI]], Some(2));
    pair.seal("a.yaml", "name: hidden\n");
    let ssh = String::from_utf8(fixture("../keys/ssh_ed25519.pub")).unwrap();
    rule(&pair, &[&[ANA], &[BEN], &[CI, ssh.trim()]], Some(2));
    pair.identities(&KEYS[..2]);
    let said = sync(&pair, "a.yaml");
    assert!(!said.contains("new data key"), "{said}");
    takes(&pair, "a.yaml", &KEYS, 2);
}

#[test]
fn what_sops_does_to_groups_of_ours() {
    let Some(pair) = Pair::new() else { return };
    pair.identities(&KEYS);
    let three: [&[&str]; 3] = [&[ANA], &[BEN], &[CI]];
    for (name, text) in FILES {
        rule(&pair, &three, Some(2));
        pair.seal(name, text);
        let _rotated = succeeded(pair.sops(["rotate", "-i", name]).outcome());
        takes(&pair, name, &KEYS, 2);
        rule(&pair, &three, Some(3));
        let _updated = succeeded(pair.sops(["updatekeys", "-y", name]).outcome());
        assert!(opens(&pair, name, &KEYS));
        rule(&pair, &[&[ANA], &[BEN, CI]], Some(2));
        let _updated = succeeded(pair.sops(["updatekeys", "-y", name]).outcome());
        assert!(opens(&pair, name, &[KEYS[0], KEYS[2]]));
        assert!(!opens(&pair, name, &[KEYS[1], KEYS[2]]));
        // and ours again
        rule(&pair, &three, Some(2));
        let _synced = sync(&pair, name);
        takes(&pair, name, &KEYS, 2);
    }
}

#[test]
fn sops_adds_and_deletes_groups() {
    let Some(pair) = Pair::new() else { return };
    pair.identities(&KEYS);
    rule(&pair, &[&[ANA], &[BEN]], None);
    pair.seal("a.yaml", "name: hidden\n");
    let add = [
        "groups",
        "add",
        "-i",
        "-f",
        "a.yaml",
        "--age",
        CI,
        "--shamir-secret-sharing-threshold",
        "2",
    ];
    let _added = succeeded(pair.sops(add).outcome());
    takes(&pair, "a.yaml", &KEYS, 2);
    let delete = ["groups", "delete", "-i", "-f", "a.yaml", "0"];
    let _deleted = succeeded(pair.sops(delete).outcome());
    assert!(opens(&pair, "a.yaml", &KEYS[1..]));
    assert!(!opens(&pair, "a.yaml", &KEYS[..2]));
}

/// What mvx changes in a file keeps the groups as they are, and sops reads it.
#[test]
fn files_made_by_sops_are_edited() {
    let Some(pair) = Pair::new() else { return };
    pair.identities(&KEYS[..2]);
    rule(&pair, &[&[ANA], &[BEN], &[CI]], Some(2));
    for (name, text) in &FILES[..5] {
        pair.seal_with_sops(name, text);
        let (key, groups) = match name.rsplit_once('.').unwrap().1 {
            "env" => ("NEW", "key_groups__list_2"),
            "ini" => ("s.new", "key_groups__list_2"),
            _ => ("new", "key_groups"),
        };
        pair.set(name, key, "\"2\"").quiet_success();
        assert!(pair.sandbox.read(name).contains(groups), "{name}");
        takes(&pair, name, &KEYS, 2);
        pair.identities(&KEYS[1..]);
        let _rekeyed = succeeded(pair.mvx(["rekey", name]).outcome());
        takes(&pair, name, &KEYS, 2);
    }
}

/// Every document of a YAML file carries the same block.
#[test]
fn all_documents_have_the_same_groups() {
    let Some(pair) = Pair::new() else { return };
    pair.identities(&KEYS);
    rule(&pair, &[&[ANA], &[BEN], &[CI]], Some(2));
    pair.seal("many.yaml", "a: hidden\n---\nb: 2\n---\nc: 3\n");
    rule(&pair, &[&[ANA], &[BEN]], Some(2));
    let _said = sync(&pair, "many.yaml");
    let text = pair.sandbox.read("many.yaml");
    let blocks: Vec<&str> = text
        .split("\n---\n")
        .map(|document| &document[document.find("sops:").unwrap()..])
        .map(str::trim_end)
        .collect();
    assert!(
        blocks.len() == 3 && blocks.iter().all(|block| *block == blocks[0]),
        "{text}"
    );
    takes(&pair, "many.yaml", &KEYS[..2], 2);
    fs::remove_file(pair.sandbox.path("many.yaml")).unwrap();
}
