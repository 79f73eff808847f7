//! The vectors in `fixtures/sops`, through the program: their names say how real sops ends.

use std::fs;

use mvx::stores::Format;

use super::{Pair, fixture, succeeded, types, values};
use crate::support::{repository, without_seal};

/// The exit code that a vector's name promises.
fn expected(name: &str) -> i32 {
    match name.split_once("_rejected") {
        Some((_, rest)) => rest.split('.').next().unwrap().parse().unwrap(),
        None => 0,
    }
}

#[test]
fn every_vector_ends_as_in_sops() {
    let Some(pair) = Pair::new() else { return };
    pair.identities(&["k1.txt", "k2.txt"]);
    let mut seen = 0;
    for entry in fs::read_dir(repository().join("fixtures/sops")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.contains(".enc.") {
            continue;
        }
        pair.sandbox.write(&name, fixture(&name));
        let ours = pair.mvx(["decrypt", "-q", &name]).outcome();
        let theirs = pair.sops(["decrypt", &name]).outcome();
        assert_eq!(theirs.code(), Some(expected(&name)), "{name}: {theirs}");
        assert_eq!(ours.code(), theirs.code(), "{name}: {ours}");
        if ours.code() == Some(0) {
            let format = Format::from_path(name.as_ref());
            assert_eq!(
                opened(format, &ours.stdout),
                opened(format, &theirs.stdout),
                "{name}"
            );
        } else {
            assert_eq!(ours.stdout(), "", "{name}");
            let shown = format!("{ours}");
            assert!(!shown.contains("ENC["), "{name}: {shown}");
        }
        seen += 1;
    }
    assert!(seen >= 15, "only {seen} vectors");
}

/// Values without their types: what sops prints is a type poorer (`1.0` becomes `1`).
fn opened(format: Format, text: &[u8]) -> Vec<(String, String)> {
    values(format, text)
        .into_iter()
        .map(|(path, value)| {
            let value = match value.split_once(' ') {
                Some(("Int" | "Float", "-0")) => "number 0".into(),
                Some(("Int" | "Float", number)) => format!("number {number}"),
                _ => value,
            };
            (path, value)
        })
        .collect()
}

/// What sops printed for a vector is what mvx finds in it.
#[test]
fn vectors_open_to_what_sops_made_of_them() {
    let Some(pair) = Pair::new() else { return };
    for (sealed, printed) in [
        ("t1.enc.yaml", "t1.decrypted-by-sops.yaml"),
        ("q.enc.yaml", "q.decrypted-by-sops.yaml"),
        ("fmt.enc.yaml", "fmt.decrypted-by-sops.yaml"),
        ("num.enc.yaml", "num.decrypted-by-sops.yaml"),
        ("lc.enc.yaml", "lc.decrypted-by-sops.yaml"),
        ("md.enc.yaml", "md.decrypted-by-sops.yaml"),
        ("j.enc.json", "j.decrypted-by-sops.json"),
        ("d.enc.env", "d.decrypted-by-sops.env"),
        ("i.enc.ini", "i.decrypted-by-sops.ini"),
    ] {
        pair.sandbox.write(sealed, fixture(sealed));
        let format = Format::from_path(sealed.as_ref());
        assert_eq!(
            opened(format, &pair.open(sealed)),
            opened(format, &fixture(printed)),
            "{sealed}"
        );
    }
}

#[test]
fn a_change_keeps_key_groups() {
    let Some(pair) = Pair::new() else { return };
    let name = "shamir2of3.enc.yaml";
    pair.sandbox.write(name, fixture(name));
    let before = pair.sandbox.read(name);
    // The second key opens one group of the two that it takes; the first one opens two.
    pair.identities(&["k2.txt"]);
    let one_group = pair.mvx(["decrypt", "-q", name]).outcome();
    assert_eq!(one_group.code(), Some(128), "{one_group}");

    pair.identities(&["k1.txt", "k2.txt"]);
    let key = types(Format::Yaml, before.as_bytes())
        .into_iter()
        .next()
        .unwrap()
        .0;
    pair.set(name, &key, "\"invented\"").quiet_success();
    let after = pair.sandbox.read(name);
    let groups = |text: &str| -> Vec<String> {
        let start = text.find("\nsops:").unwrap();
        let lines = text.get(start..).unwrap().lines();
        let changes = ["lastmodified:", "mac:", "mvx_seal:"];
        lines
            .filter(|line| !changes.iter().any(|field| line.contains(field)))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(groups(&before), groups(&after));
    let opened = String::from_utf8(pair.open_with_sops(name)).unwrap();
    assert!(opened.contains("invented"), "{opened}");
}

/// An encrypted comment in a list, as sops up to 3.12 writes it and as a comment line.
#[test]
fn list_comments_are_read_in_both_forms_and_do_not_count() {
    let Some(pair) = Pair::new() else { return };
    for name in ["lc.enc.yaml", "lc2.enc.yaml"] {
        pair.sandbox.write(name, fixture(name));
        let text = String::from_utf8(pair.open(name)).unwrap();
        assert!(text.contains("    # item comment\n    - x\n"), "{text}");
        let second = pair.mvx(["get", name, "list[1]"]).outcome().quiet_success();
        assert_eq!(second.trim_end(), "y");
        pair.set(name, "list[0]", "\"new\"").quiet_success();
        let opened = String::from_utf8(pair.open_with_sops(name)).unwrap();
        assert_eq!(
            opened,
            "list:\n    # item comment\n    - new\n    - \"y\"\nk: v\n"
        );
    }
}

#[test]
fn a_change_keeps_documents_apart() {
    let Some(pair) = Pair::new() else { return };
    let name = "md.enc.yaml";
    pair.sandbox.write(name, fixture(name));
    pair.set(name, "3:c.d", "\"changed\"").quiet_success();
    pair.set(name, "2:new", "[1, 2]").quiet_success();
    pair.mvx(["unset", "-q", name, "list[0]"])
        .outcome()
        .quiet_success();
    let opened = pair.open_with_sops(name);
    let plain = "a: uno\nlist:\n    - \"y\"\n---\nb: two\nnew:\n    - 1\n    - 2\n---\nc:\n    d: changed\n";
    assert_eq!(
        values(Format::Yaml, &opened),
        values(Format::Yaml, plain.as_bytes())
    );
}

/// Two keys whose paths look the same to the cipher: only the MAC tells them apart.
#[test]
fn colliding_paths_are_told_apart_by_the_mac() {
    let Some(pair) = Pair::new() else { return };
    let name = "col.enc.yaml";
    pair.sandbox.write(name, fixture(name));
    let sealed = pair.sandbox.read(name);
    let mut lines: Vec<String> = sealed.lines().map(str::to_owned).collect();
    let value = |line: &str| line.split_once(": ENC").unwrap().1.to_owned();
    let at: Vec<usize> = (0..lines.len())
        .filter(|at| lines[*at].contains(": ENC") && !lines[*at].contains("mac:"))
        .collect();
    let (first, second) = (value(&lines[at[0]]), value(&lines[at[1]]));
    lines[at[0]] = lines[at[0]].replace(&first, &second);
    lines[at[1]] = lines[at[1]].replace(&second, &first);
    pair.sandbox.write(name, lines.join("\n") + "\n");
    for outcome in [
        pair.sops(["decrypt", name]).outcome(),
        pair.mvx(["decrypt", name]).outcome(),
    ] {
        assert_eq!(outcome.code(), Some(51), "{outcome}");
    }
}

/// The MAC over encrypted values only: a change of a clear one is not noticed, in both programs.
#[test]
fn mac_only_encrypted_is_kept() {
    let Some(pair) = Pair::new() else { return };
    let name = "mac_only_encrypted.enc.yaml";
    pair.sandbox.write(name, fixture(name));
    let sealed = pair.sandbox.read(name);
    let key = types(Format::Yaml, sealed.as_bytes())
        .into_iter()
        .find(|(_, kind)| kind.is_some())
        .unwrap()
        .0;
    pair.set(name, &key, "\"changed\"").quiet_success();
    let after = pair.sandbox.read(name);
    assert!(after.contains("mac_only_encrypted: true"), "{after}");
    let _opened = succeeded(pair.sops(["decrypt", name]).outcome());
    let clear = types(Format::Yaml, sealed.as_bytes())
        .into_iter()
        .find(|(_, kind)| kind.is_none())
        .unwrap()
        .0;
    let line = after
        .lines()
        .find(|line| line.starts_with(&clear))
        .unwrap()
        .to_owned();
    pair.sandbox
        .write(name, after.replace(&line, &format!("{clear}: other")));
    let _opened = succeeded(pair.sops(["decrypt", name]).outcome());
    let refused = pair.mvx(["decrypt", name]).outcome();
    assert_eq!(refused.code(), Some(51), "{refused}");
    let text = without_seal(&pair.sandbox.read(name));
    pair.sandbox.write(name, text);
    pair.open(name);
}
