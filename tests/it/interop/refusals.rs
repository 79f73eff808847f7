//! What real sops refuses, mvx refuses; what sops lets pass and should not, mvx refuses, too; and
//! what is only unusual is read.

use aes_gcm::aead::consts::U12;
use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Pair, fixture};

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

const SEALED: &str = "a: text\nb: 5\nlist:\n  - x\n";

#[test]
fn tampered_files() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    pair.seal("good.yaml", SEALED);
    let good = pair.sandbox.read("good.yaml");
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
fn replace(text: &str, old: &str, new: &str) -> String {
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

/// What is unusual and authentic.
#[test]
fn unusual_files_are_read() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    pair.seal("good.yaml", SEALED);
    let good = pair.sandbox.read("good.yaml");
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

/// A type that sops reads in old files, and panics over since it remembers IVs.
#[test]
fn bytes_are_read_and_not_written() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    pair.seal("a.yaml", SEALED);
    let good = pair.sandbox.read("a.yaml");
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
fn data_key(text: &str) -> Vec<u8> {
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
    let foreign = "    moon_kms:\n        - id: moon-1\n          enc: abc\n          more:\n            - 1\n            - x: true\n    note: \"kept, too\"\n    number: 7\n    nothing: null\n";
    pair.seal("a.yaml", SEALED);
    let text = pair.sandbox.read("a.yaml");
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
        let sealed = pair.sandbox.read(name);
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
