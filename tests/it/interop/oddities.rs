//! Files that are unusual and authentic are read, and stay what they are.

use aes_gcm::aead::consts::U12;
use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::refusals::{SEALED, replace};
use super::{Pair, fixture};
use crate::support::without_seal;

/// What is unusual and authentic.
#[test]
fn unusual_files_are_read() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    pair.seal("good.yaml", SEALED);
    let good = without_seal(&pair.sandbox.read("good.yaml"));
    let (values, block) = good.split_at(good.find("sops:\n").unwrap());
    let time = good
        .split("lastmodified: \"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    for (what, text) in [
        (
            "a time without quotes",
            good.replace(&format!("\"{time}\""), time),
        ),
        (
            "a time with an offset",
            good.replace(time, &time.replace('Z', "+00:00")),
        ),
        ("the block first", format!("{block}{values}")),
        (
            "no selector",
            replace(&good, "    unencrypted_suffix: …\n", ""),
        ),
        (
            "a comment in the block",
            good.replace("    lastmodified:", "    # by hand\n    lastmodified:"),
        ),
        (
            "an old version",
            replace(&good, "    version: …\n", "    version: 3.0.0\n"),
        ),
        (
            "a later version",
            replace(&good, "    version: …\n", "    version: 99.0.0\n"),
        ),
    ] {
        pair.sandbox.write("odd.yaml", &text);
        let theirs = pair.open_with_sops("odd.yaml");
        assert_eq!(
            String::from_utf8_lossy(&pair.open("odd.yaml")),
            SEALED,
            "{what}"
        );
        pair.set("odd.yaml", "list[0]", "\"y\"").quiet_success();
        let again = String::from_utf8(pair.open_with_sops("odd.yaml")).unwrap();
        let theirs = String::from_utf8(theirs).unwrap();
        assert_eq!(again, theirs.replace("- x", "- \"y\""), "{what}");
    }
}

/// A version over which sops refuses a file: mvx reads it, says so, and mends it when it writes.
#[test]
fn a_version_that_sops_refuses_is_mended() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    let wrong = "    version: mvx-1.0\n";
    let changes: [&[&str]; 3] = [
        &["set", "-q", "a.yaml", "a", "--type", "str"],
        &["unset", "-q", "a.yaml", "list"],
        &["rekey", "-q", "--yes", "a.yaml"],
    ];
    for change in changes {
        pair.seal_with_sops("a.yaml", SEALED);
        let sealed = pair.sandbox.read("a.yaml");
        pair.sandbox
            .write("a.yaml", replace(&sealed, "    version: …\n", wrong));
        let outcome = pair.sops(["decrypt", "a.yaml"]).outcome();
        assert_eq!(outcome.code(), Some(1), "{outcome}");
        let outcome = pair.mvx(["decrypt", "-q", "a.yaml"]).outcome();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        assert!(outcome.stderr.contains("over its `version`"), "{outcome}");
        let outcome = pair.mvx(change).stdin("new").outcome();
        assert_eq!(outcome.code(), Some(0), "{change:?}: {outcome}");
        assert!(!pair.sandbox.read("a.yaml").contains(wrong), "{change:?}");
        pair.open_with_sops("a.yaml");
        assert_eq!(pair.mvx(["decrypt", "-q", "a.yaml"]).outcome().stderr, "");
    }
}

/// A type that sops reads in old files, and panics over since it remembers IVs.
#[test]
fn bytes_are_read_and_not_written() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    pair.seal("a.yaml", SEALED);
    let good = without_seal(&pair.sandbox.read("a.yaml"));
    pair.sandbox
        .write("a.yaml", good.replacen("type:str", "type:bytes", 1));
    assert_eq!(String::from_utf8_lossy(&pair.open("a.yaml")), SEALED);
    let editor = pair.editor("sed -i 's/b: 5/b: 6/' \"$1\"");
    pair.mvx(["edit", "-q", "a.yaml"])
        .env("EDITOR", editor)
        .outcome()
        .quiet_success();
    assert!(!pair.sandbox.read("a.yaml").contains("type:bytes"));
    pair.open_with_sops("a.yaml");
}

/// A writer that used the usual 12 bytes: sops and mvx read it. sops panics when it writes such a
/// value again, so mvx gives it a longer IV as soon as it seals the file anew.
#[test]
fn short_ivs_are_read() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    pair.seal("a.yaml", "a: text\nb: other\n");
    let text = pair.sandbox.read("a.yaml");
    let key = data_key(&text);
    let cipher = AesGcm::<Aes256, U12>::new_from_slice(&key).unwrap();
    let iv = [7u8; 12];
    let payload = Payload {
        msg: b"text",
        aad: b"a:",
    };
    let sealed = cipher.encrypt(&Nonce::from(iv), payload).unwrap();
    let (data, tag) = sealed.split_at(4);
    let envelope = format!(
        "ENC[AES256_GCM,data:{},iv:{},tag:{},type:str]",
        STANDARD.encode(data),
        STANDARD.encode(iv),
        STANDARD.encode(tag)
    );
    pair.sandbox.write(
        "a.yaml",
        replace(&text, "a: …\n", &format!("a: {envelope}\n")),
    );
    pair.open_with_sops("a.yaml");
    assert_eq!(pair.open("a.yaml"), b"a: text\nb: other\n");
    pair.set("a.yaml", "b", "\"new\"").quiet_success();
    assert!(pair.sandbox.read("a.yaml").contains(&envelope));
    let editor = pair.editor("sed -i 's/new/newer/' \"$1\"");
    pair.mvx(["edit", "-q", "a.yaml"])
        .env("EDITOR", editor)
        .outcome()
        .quiet_success();
    assert!(!pair.sandbox.read("a.yaml").contains(&envelope));
    pair.open_with_sops("a.yaml");
    let outcome = pair.sops(["set", "a.yaml", "[\"b\"]", "\"x\""]).outcome();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
}

/// sops seals an empty file, if it is a binary one.
#[test]
fn an_empty_binary_file_is_read() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    pair.seal_with_sops("a.bin", "");
    assert_eq!(pair.open("a.bin"), b"");
}

/// The data key of a file that is sealed for the first identity of the fixtures.
pub(super) fn data_key(text: &str) -> Vec<u8> {
    let keys = String::from_utf8(fixture("k1.txt")).unwrap();
    let secret = keys.lines().find(|line| line.starts_with("AGE-")).unwrap();
    let identity: age::x25519::Identity = secret.parse().unwrap();
    let start = text.find("-----BEGIN AGE").unwrap();
    let end = text.find("-----END AGE ENCRYPTED FILE-----").unwrap();
    let armour: Vec<&str> = text[start..end]
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .chain(["-----END AGE ENCRYPTED FILE-----"])
        .collect();
    age::decrypt(&identity, (armour.join("\n") + "\n").as_bytes()).unwrap()
}

/// What other versions and other tools left in the metadata stays there.
#[test]
fn unknown_metadata_survives_a_change() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    let foreign = "    moon_kms:\n        - id: moon-1\n          enc: abc\n          more:\n            - 1\n            - x: true\n    moral: \"kept, too\"\n    more: 7\n    most: null\n";
    pair.seal("a.yaml", SEALED);
    let text = without_seal(&pair.sandbox.read("a.yaml"));
    let text = text.replace(
        "    unencrypted_suffix:",
        &format!("{foreign}    unencrypted_suffix:"),
    );
    pair.sandbox.write("a.yaml", &text);
    let editor = pair.editor("sed -i 's/b: 5/b: 6/' \"$1\"");
    pair.set("a.yaml", "a", "\"new\"").quiet_success();
    assert!(pair.sandbox.read("a.yaml").contains(foreign));
    pair.mvx(["edit", "-q", "a.yaml"])
        .env("EDITOR", editor)
        .outcome()
        .quiet_success();
    assert!(pair.sandbox.read("a.yaml").contains(foreign));
    pair.open_with_sops("a.yaml");

    for (name, plain, old, new) in [
        (
            "a.json",
            "{\"a\": \"x\"}",
            "\"lastmodified\"",
            "\"note\": {\"kept\": [1, \"too\"]},\n\"lastmodified\"",
        ),
        (
            "a.env",
            "A=x\n",
            "sops_lastmodified",
            "sops_note=kept\nsops_lastmodified",
        ),
        (
            "a.ini",
            "[s]\na = x\n",
            "lastmodified ",
            "note = kept\nlastmodified ",
        ),
    ] {
        pair.seal(name, plain);
        let sealed = without_seal(&pair.sandbox.read(name));
        assert!(sealed.contains(old), "{sealed}");
        pair.sandbox.write(name, sealed.replace(old, new));
        let key = if name == "a.env" {
            "A"
        } else if name == "a.ini" {
            "s.a"
        } else {
            "a"
        };
        pair.set(name, key, "\"y\"").quiet_success();
        let after = pair.sandbox.read(name);
        let line = new.lines().next().unwrap();
        assert!(after.contains(line), "{name}\n{after}");
        pair.open_with_sops(name);
    }
}

/// What YAML itself calls a type goes with the value; sops would take what it names for the envelope.
#[test]
fn values_with_a_tag_of_yaml_open_in_sops() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    let text = "a: !!binary aGVsbG8=\nb: !!timestamp \"2024-01-02\"\nc: !!str 1\nd: !local x\ne: !!unknown 12\nf: !!binary |\n  aGVs\n  bG8=\n";
    pair.seal("a.yaml", text);
    let opened = String::from_utf8(pair.open_with_sops("a.yaml")).unwrap();
    for line in [
        "a: hello",
        "b: 2024-01-02T00:00:00Z",
        "c: \"1\"",
        "d: x",
        "e: \"12\"",
        "f: hello",
    ] {
        assert!(opened.contains(line), "{line}\n{opened}");
    }
}

#[test]
fn json_with_a_byte_order_mark_opens_in_sops() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    pair.sandbox.write("a.json", "\u{feff}{\"a\": \"x\"}\n");
    let outcome = pair.mvx(["encrypt", "-i", "a.json"]).outcome();
    assert!(outcome.stderr.contains("byte-order mark"), "{outcome}");
    let opened = String::from_utf8(pair.open_with_sops("a.json")).unwrap();
    assert!(opened.contains("\"a\": \"x\""), "{opened}");
}
