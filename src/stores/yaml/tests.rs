//! Whole files: the vectors that real sops made, and round trips.

use std::io::Read as _;
use std::str::FromStr as _;

use crate::document::{Meta, Tree};
use crate::secret::DataKey;
use crate::sops::cipher::tests::Counter;
use crate::sops::metadata::{KeyEntry, Metadata};
use crate::sops::open::{Check, OpenError, open, plaintext};
use crate::sops::seal::{Sealed, Sealer, same};
use crate::sops::store::Store as _;
use crate::stores::yaml::Yaml;

const NOW: &str = "2026-11-22T12:00:00Z";

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!(
        "{}/fixtures/sops/{name}",
        env!("CARGO_MANIFEST_DIR")
    ))
    .unwrap()
}

/// Unwraps a fixture's data key with the throw-away identity `k1.txt`.
fn data_key(metadata: &Metadata) -> DataKey {
    let text = String::from_utf8(fixture("k1.txt")).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("AGE-SECRET-KEY-"))
        .unwrap();
    let identity = age::x25519::Identity::from_str(line).unwrap();
    let groups = metadata.groups().unwrap();
    let enc = groups[0][0].enc().unwrap();
    let armored = age::armor::ArmoredReader::new(enc.as_bytes());
    let decryptor = age::Decryptor::new(armored).unwrap();
    let mut reader = decryptor
        .decrypt(std::iter::once(&identity as &dyn age::Identity))
        .unwrap();
    let mut key = Vec::new();
    reader.read_to_end(&mut key).unwrap();
    DataKey::from_bytes(&key).unwrap()
}

fn decrypt(text: &[u8]) -> Result<String, OpenError> {
    let expanded = Yaml.expand(text)?;
    let text = expanded
        .as_ref()
        .map_or(text, |expanded| expanded.text.as_bytes());
    let tree = Yaml.parse(text)?;
    let metadata = Metadata::from_block(tree.meta().unwrap());
    let key = data_key(&metadata);
    let mut opened = open(&tree, &metadata, &key, Check::Required)?;
    let plain = plaintext(&Yaml, text, &tree, &mut opened)?;
    Ok(plain.as_str().unwrap().to_owned())
}

fn parse(text: &str) -> Tree {
    let expanded = Yaml.expand(text.as_bytes()).unwrap();
    Yaml.parse(
        expanded
            .as_ref()
            .map_or(text.as_bytes(), |expanded| expanded.text.as_bytes()),
    )
    .unwrap()
}

fn key() -> DataKey {
    DataKey::from_bytes(&[5; 32]).unwrap()
}

fn seal_with(text: &str, selector: Option<(&str, &str)>) -> Sealed {
    let metadata = Metadata::new(
        &[vec![KeyEntry::age("age1example", "armour\n")]],
        None,
        selector,
        false,
    );
    let mut sealer = Sealer {
        store: &Yaml,
        key: &key(),
        now: NOW,
        random: &mut Counter(1),
    };
    sealer
        .seal(text.as_bytes(), metadata, None)
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Seals and opens; says whether the bytes came back.
#[track_caller]
fn exact(text: &str) {
    let sealed = seal_with(text, None);
    assert!(
        sealed.exact,
        "not exact:\n{text}\n{}",
        sealed.text.as_str().unwrap()
    );
}

#[test]
fn vectors_of_real_sops_open_to_what_sops_opens_them_to() {
    for name in ["t1", "fmt", "num", "q", "lc", "md"] {
        let plain = decrypt(&fixture(&format!("{name}.enc.yaml")))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let wanted = String::from_utf8(fixture(&format!("{name}.decrypted-by-sops.yaml"))).unwrap();
        let (got, want) = (parse(&plain), parse(&wanted));
        for (a, b) in got.items.iter().zip(&want.items) {
            use crate::document::Body;
            let (x, y) = (got.path(a).to_string(), want.path(b).to_string());
            assert_eq!(x, y, "{name}");
            match (&a.body, &b.body) {
                // sops prints the float -0.0 as -0, which is the integer 0 to the next reader.
                (Body::Leaf(a), Body::Leaf(_)) if (name, x.as_str()) == ("num", "a8") => {
                    assert_eq!(a.bytes.as_str(), Some("-0"));
                }
                (Body::Leaf(a), Body::Leaf(b)) => assert!(a.bytes == b.bytes, "{name} {x}"),
                (Body::Comment(a), Body::Comment(b)) => assert!(a == b, "{name} {x}"),
                (a, b) => assert_eq!(
                    std::mem::discriminant(a),
                    std::mem::discriminant(b),
                    "{name} {x}"
                ),
            }
        }
        assert_eq!(got.items.len(), want.items.len(), "{name}");
    }
    for name in [
        "lc2",
        "col",
        "mac_only_encrypted",
        "tamper_mac_concat_accepted",
        "tamper_type_flip_accepted",
        "tamper_unenc_key_rename_accepted",
    ] {
        decrypt(&fixture(&format!("{name}.enc.yaml")))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn tampered_vectors_are_refused_as_sops_refuses_them() {
    use crate::error::Explain as _;
    for (name, code) in [
        ("tamper_swap_keys_rejected25", 25),
        ("tamper_swap_list_rejected51", 51),
    ] {
        let error = decrypt(&fixture(&format!("{name}.enc.yaml"))).unwrap_err();
        assert_eq!(error.exit().code(), code, "{name}");
    }
}

#[test]
fn plain_vectors_come_back_to_the_byte() {
    for name in ["t1", "num", "q", "lc", "md", "col", "rx"] {
        let text = String::from_utf8(fixture(&format!("{name}.yaml"))).unwrap();
        exact(&text);
    }
}

#[test]
fn aliases_come_back_to_the_byte() {
    exact(&String::from_utf8(fixture("fmt.yaml")).unwrap());
    for text in [
        "a: &x v\nb: *x\n",
        "base: &b\n  u: ana\n  n: 0x1F\nprod:\n  <<: *b\n  z: 1\n",
        "a: &x 1.10\nl: [*x, {k: *x }]\nm:\n- *x\n-   *x # c\n",
        "a: &x\n  b: &y [1]\n  c: *y\nd: *x\n",
        "a: &x |\n  two\n  lines\nb: *x\n---\na: &x 2\nb: *x\n",
    ] {
        exact(text);
    }
}

#[test]
fn awkward_layouts_come_back_to_the_byte() {
    for text in [
        "a: b",
        "a: b\n\n\n",
        "\u{feff}a: 1\r\nb: |\r\n  x\r\n  y\r\nc: \"q\"\r\n",
        "a: |\n  x\n\n  y\n\nb: 1\n",
        "a: |+\n  x\n\n\nb: 1\n",
        "a: |-\n  x\n\n\nb: >-\n  folded\n  text\n\nc: >\n  x\n",
        "a: |2\n    indented\n  text\nb: 1\n",
        "a: | # why\n  x\n# foot\nb: 1\n",
        "a: |\n  last line without break",
        "a: >+\n  kept\n\n",
        "a: 'it''s'\nb: \"\\u00e9 \\/ \\x41\"\nc: \"x\\\n  y\"\n",
        "a: plain text\n  over lines\nb: 'single\n  over lines'\n",
        "{a: 1, b: [x, 'y', \"z\", 3.0, 0x1F], c: {d: e}}\n",
        "{}\n",
        "a: {}\nb: []\nc:\nd: ~\ne: ''\nf: x\n",
        "a: [\n  one, # first\n  two,\n  ]\nb: 1\n",
        "? a\n: b\n? c\n: - d\n  - e\n",
        "list:\n- a\n-   b\n- - c\n  - d\n-\n  e: f\n- g: h\n  i: j\n# end\n",
        "a: !!binary aGVsbG8=\nb: !!str 12\nc: !local x\nd: !!float 3\ne: !!binary |\n  aGVs\n  bG8=\nf: 1\n",
        "a: 2024-01-02\nb: 1.10\nc: TRUE\nd: 0755\ne: 1_000\nf: .5\ng: 1e3\nh: ~\n",
        "---\na: 1\n...\n",
        "# only head\n---\na: 1\n---\nb: 2\n# foot\n",
        "a: 1\n---\n---\nb: 2\n",
        "  a: 1\n  b:\n    c: d\n",
        "a:   padded   # comment\nb:\t\ttabs\n",
        "a: \"\"\nb: ' '\nc: \"yes\"\nd: 'null'\n",
        "a: &x 1\nb: &y\n  c: d\n",
        "'quoted key': v\n\"other\": w\n? [1\n",
    ] {
        if text.ends_with("[1\n") {
            assert!(Yaml.parse(text.as_bytes()).is_err());
            continue;
        }
        if text == "{}\n" {
            continue;
        }
        exact(text);
    }
}

#[test]
fn a_selector_leaves_the_rest_in_clear() {
    let text = "user: ana # who\npassword: p1\nnested:\n  password: [a, 1]\n  port: 5432\n";
    let sealed = seal_with(text, Some(("encrypted_regex", "^password$")));
    assert!(sealed.exact);
    let sealed_text = sealed.text.as_str().unwrap();
    assert!(sealed_text.contains("user: ana # who\n") && sealed_text.contains("  port: 5432\n"));
    assert!(!sealed_text.contains("p1"));
    assert_eq!((sealed.encrypted, sealed.clear), (3, 2));
}

#[test]
fn metadata_changes_touch_their_own_lines_only() {
    let text = fixture("t1.enc.yaml");
    let tree = Yaml.parse(&text).unwrap();
    let mut metadata = Metadata::from_block(tree.meta().unwrap());
    metadata.set("lastmodified", Meta::Str("2027-01-01T00:00:00Z".into()));
    let edits = Yaml.refresh(&text, &tree, metadata.fields());
    let new = crate::document::splice(&text, edits).unwrap();
    let old = String::from_utf8(text).unwrap();
    let changed: Vec<(&str, &str)> = old
        .lines()
        .zip(new.as_str().unwrap().lines())
        .filter(|(a, b)| a != b)
        .collect();
    assert_eq!(
        changed,
        [(
            "    lastmodified: \"2026-11-22T12:52:00Z\"",
            "    lastmodified: \"2027-01-01T00:00:00Z\""
        )]
    );
    // Written anew, the block is the same but for the new field.
    metadata.set("mvx_spelling", Meta::Str("x".into()));
    let tree = Yaml.parse(new.as_bytes()).unwrap();
    let edits = Yaml.refresh(new.as_bytes(), &tree, metadata.fields());
    let newer = crate::document::splice(new.as_bytes(), edits).unwrap();
    let added: Vec<&str> = newer
        .as_str()
        .unwrap()
        .lines()
        .filter(|line| !new.as_str().unwrap().lines().any(|old| old == *line))
        .collect();
    assert_eq!(added, ["    mvx_spelling: x"]);
}

#[test]
fn trees_differ_when_anything_does() {
    let base = "a: 1\nb: [x, y]\n# c\n";
    for other in [
        "a: '1'\nb: [x, y]\n# c\n",
        "a: 1\nb: [y, x]\n# c\n",
        "a: 1\nb: [x, y]\n",
        "a: 1\nb: [x]\n# c\n",
        "a: 1\nc: [x, y]\n# c\n",
        "a: 1\nb: [[x, y]]\n# c\n",
    ] {
        assert!(!same(&parse(base), &parse(other)), "{other}");
    }
    assert!(same(&parse(base), &parse("a: 1\nb:\n- x\n- 'y'\n# c\n")));
}

mod properties {
    use std::fmt::Write as _;

    use super::{Yaml, seal_with};
    use crate::sops::store::Store as _;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Node {
        Scalar(usize),
        Map(Vec<(Node, u8)>),
        List(Vec<(Node, u8)>),
    }

    /// One-line scalars as people write them; what needs an indentation comes from `BLOCKS`.
    const SCALARS: &[&str] = &[
        "plain",
        "two words",
        "'single'",
        "'it''s'",
        "\"double\"",
        "\"tab\\there\"",
        "\"\\u00e9\"",
        "1",
        "0x1F",
        "1.10",
        "-0.0",
        "1e3",
        "true",
        "TRUE",
        "yes",
        "~",
        "",
        "null",
        "2024-01-02",
        "2001-12-14t21:59:43.10-05:00",
        "!local x",
        "!!str 5",
        "!!binary aGVsbG8=",
        "a:b",
        "x#y",
        "\"# no\"",
        "'- x'",
        "\"\"",
        "''",
        "-x",
        ".5",
        ".inf",
        "[]",
        "{}",
        "[1, 'a', \"b\", c]",
        "{k: v, 'q': 0.10, n: }",
        "http://x.example/?a=b&c=d",
        "é→日本",
        "\"multi\\nline\"",
        "&anchor v",
    ];
    const BLOCKS: &[(&str, &[&str])] = &[
        ("|", &["one", "two"]),
        ("|-", &["one", "", "two"]),
        ("|+", &["kept", ""]),
        (">", &["folded", "text"]),
        (">-", &["x", "", "y"]),
        ("| # why", &["commented"]),
        ("", &["plain over", "lines"]),
        ("\"double", &["over lines\""]),
    ];

    fn node() -> impl Strategy<Value = Node> {
        let leaf = (0..SCALARS.len() + BLOCKS.len()).prop_map(Node::Scalar);
        leaf.prop_recursive(4, 40, 5, |inner| {
            let entries = proptest::collection::vec((inner, any::<u8>()), 1..5);
            prop_oneof![
                entries.clone().prop_map(Node::Map),
                entries.prop_map(Node::List)
            ]
        })
    }

    fn emit(out: &mut String, node: &Node, indent: usize, step: usize) {
        match node {
            Node::Scalar(choice) if *choice < SCALARS.len() => {
                let text = SCALARS[*choice];
                out.push_str(if text.is_empty() { "" } else { " " });
                out.push_str(text);
                out.push('\n');
            }
            Node::Scalar(choice) => {
                let (header, lines) = BLOCKS[choice - SCALARS.len()];
                out.push_str(if header.is_empty() { "" } else { " " });
                out.push_str(header);
                out.push('\n');
                for line in lines {
                    if !line.is_empty() {
                        out.push_str(&" ".repeat(indent + step));
                    }
                    out.push_str(line);
                    out.push('\n');
                }
            }
            Node::Map(entries) | Node::List(entries) => {
                out.push('\n');
                for (number, (entry, extra)) in entries.iter().enumerate() {
                    let at = " ".repeat(indent + step);
                    match extra % 8 {
                        0 => writeln!(out, "{at}# note {number}").unwrap(),
                        1 => out.push('\n'),
                        _ => {}
                    }
                    out.push_str(&at);
                    if matches!(node, Node::Map(_)) {
                        write!(out, "k{number}:").unwrap();
                    } else {
                        out.push('-');
                    }
                    emit(out, entry, indent + step, step);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn sealed_files_open_to_the_same_bytes(
            entries in proptest::collection::vec((node(), any::<u8>()), 1..6),
            step in 1usize..5,
            final_break: bool,
            crlf: bool,
        ) {
            let mut text = String::new();
            emit(&mut text, &Node::Map(entries), 0, step);
            // `emit` indents the root by one step, too; both are right.
            let mut text = text.trim_start_matches('\n').to_owned();
            if !final_break {
                text.truncate(text.trim_end().len());
            }
            if crlf {
                text = text.replace('\n', "\r\n");
            }
            if Yaml.parse(text.as_bytes()).is_ok() {
                let sealed = seal_with(&text, None);
                prop_assert!(sealed.exact, "not exact:\n{}\n{}", text, sealed.text.as_str().unwrap());
            }
        }

        #[test]
        fn foreign_bytes_never_panic(text: Vec<u8>) {
            if let Ok(tree) = Yaml.parse(&text) {
                for item in &tree.items {
                    prop_assert!(item.span.end <= text.len());
                }
            }
        }

        #[test]
        fn foreign_text_never_panics(text in "[-a:\\[\\]{},&*!|>'\"#% \\n\t?]{0,60}") {
            if let Ok(Some(expanded)) = Yaml.expand(text.as_bytes()) {
                let _tree = Yaml.parse(expanded.text.as_bytes());
            }
            let _tree = Yaml.parse(text.as_bytes());
        }
    }
}
