use proptest::prelude::*;

use super::*;
use crate::error::Explain as _;
use crate::stores::contract::{
    apply, attach_then_cut, attached, insert, leaves, refresh, remove, rename, seal_then_open, set,
    string,
};

const SAMPLE: &[u8] = include_bytes!("../../../fixtures/sops/d.env");

fn code(text: &str) -> &'static str {
    Dotenv
        .parse(text.as_bytes())
        .map_or_else(|error| error.code(), |_| "parsed")
}

#[test]
fn reads_lines_as_sops_does() {
    let found = leaves(&Dotenv, SAMPLE);
    let found: Vec<_> = found
        .iter()
        .map(|(path, _, bytes)| (path.as_str(), bytes.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("", " a comment"),
            ("A", "plain"),
            ("B", "\\\"quoted value\\\""),
            ("C", "\\\'single\\\'"),
            ("D", "multi\\nline"),
            ("E", ""),
            ("F", "with = equals"),
            (" G ", " spaced "),
            ("export H", "exported"),
            ("I", "trailing # not comment"),
            ("", "no space"),
            ("J_unencrypted", "clear"),
            ("A", "dup"),
            ("K", "x\\\\\\ny"),
            ("L", "crlf\\r"),
        ]
    );
}

#[test]
fn real_files_of_sops_are_read() {
    let sealed = include_bytes!("../../../fixtures/sops/d.enc.env");
    let tree = Dotenv.parse(sealed).unwrap();
    let block = tree.meta().unwrap().to_meta();
    let names: Vec<&str> = block.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "age",
            "lastmodified",
            "mac",
            "unencrypted_suffix",
            "version"
        ]
    );
    let Some((_, Meta::List(age))) = block.first() else {
        panic!("age is a list");
    };
    let Some(Meta::Map(age)) = age.first() else {
        panic!("its entries are maps");
    };
    assert!(matches!(&age[0], (name, Meta::Str(enc))
        if name == "enc" && enc.ends_with("FILE-----\n")));
    let opened = include_bytes!("../../../fixtures/sops/d.decrypted-by-sops.env");
    assert_eq!(leaves(&Dotenv, opened), leaves(&Dotenv, SAMPLE));
    assert_eq!(leaves(&Dotenv, sealed).len(), leaves(&Dotenv, SAMPLE).len());
}

#[test]
fn what_sops_cannot_read_is_refused_without_quoting_it() {
    for (text, expected) in [
        ("A=1\nhunter2\n", "syntax"),
        ("A=1\n \n", "syntax"),
        ("A=1\r\n\r\nB=2\r\n", "syntax"),
        ("sops_mine=1\n", "reserved-key"),
        ("sops_mac=1\nsops_mac=2\n", "duplicate-key"),
        ("sops_mac=1\nsops_a=1\nsops_a__map_b=2\n", "syntax"),
        ("", "parsed"),
        ("\n\n", "parsed"),
        ("=1", "parsed"),
        ("#", "parsed"),
        ("A=\u{feff}", "parsed"),
    ] {
        assert_eq!(code(text), expected, "{text}");
    }
    let error = Dotenv.parse(b"A=1\nhunter2\n").err().unwrap();
    assert!(error.to_string().starts_with("line 2: "));
    assert!(!error.to_string().contains("hunter2"));
    assert!(matches!(
        Dotenv.parse(b"A=1\n\xff=2"),
        Err(StoreError::NotText { line: 2 })
    ));
}

#[test]
fn contract() {
    for text in [
        &b""[..],
        b"\n",
        b"A=1",
        b"A=1\n",
        b"A=",
        b"# c\n\nA=1\nB=",
        b"A=\xff\xfe\nB=x\r",
        SAMPLE,
    ] {
        attach_then_cut(&Dotenv, text);
        refresh(&Dotenv, text);
        seal_then_open(&Dotenv, text, true);
    }
}

#[test]
fn scattered_metadata_is_cut_line_by_line() {
    let text = b"sops_mac=x\nA=1\nsops_version=3\nB=2\nsops_a=b";
    let tree = Dotenv.parse(text).unwrap();
    let cut = tree.meta().unwrap().cut.iter();
    let out = apply(text, cut.map(|cut| Edit::new(cut.clone(), "")).collect());
    assert_eq!(out, b"A=1\nB=2");
}

#[test]
fn changes_touch_their_own_lines() {
    for (text, path, result) in [
        ("A=1\n", "B", "A=1\nB=v\n"),
        ("A=1", "B", "A=1\nB=v"),
        ("", "B", "B=v\n"),
        ("A=1\nB=\nC=3\n", "B", "A=1\nB=v\nC=3\n"),
        ("A=1\nA=2\n", "A", "A=1\nA=v\n"),
    ] {
        assert_eq!(set(&Dotenv, text, path, "v").unwrap(), result);
    }
    for (text, path, result) in [
        ("A=1\nB=2\n", "A", "B=2\n"),
        ("A=1\nB=2", "B", "A=1"),
        ("A=1", "A", ""),
    ] {
        assert_eq!(remove(&Dotenv, text, path).unwrap(), result);
    }
    assert_eq!(
        rename(&Dotenv, "A=1\nB=2\n", "A", "C").unwrap(),
        "C=1\nB=2\n"
    );
    assert_eq!(rename(&Dotenv, "A=1\n", "A", "A").unwrap(), "A=1\n");
    for key in ["B", "", "a=b", "a\nb", "#a", "sops_a"] {
        assert!(rename(&Dotenv, "A=1\nB=2\n", "A", key).is_err(), "{key}");
    }
}

#[test]
fn sealed_files_grow_before_their_metadata() {
    for text in ["A=1", "A=1\n", "\n"] {
        let sealed = String::from_utf8(attached(&Dotenv, text.as_bytes())).unwrap();
        let larger = set(&Dotenv, &sealed, "B", "v").unwrap();
        let at = larger.find("B=v\n").unwrap();
        assert!(at < larger.find("sops_").unwrap(), "{larger}");
        let smaller = remove(&Dotenv, &larger, "B").unwrap();
        assert_eq!(smaller, sealed);
    }
}

#[test]
fn what_a_line_cannot_hold_is_refused() {
    let text = "A=1\n";
    assert_eq!(set(&Dotenv, text, "A", "a\nb\\").unwrap(), "A=a\\nb\\\n");
    for node in [
        string("a\\nb"),
        NewNode::Null,
        NewNode::List(Vec::new()),
        NewNode::Map(Vec::new()),
    ] {
        let error = insert(&Dotenv, text, "A", &node).unwrap_err();
        assert_eq!(error.code(), "cannot-carry");
    }
    let error = insert(&Dotenv, text, "A.b", &string("v")).unwrap_err();
    assert_eq!(error.code(), "not-a-container");
    let error = insert(&Dotenv, text, "B.c", &string("v")).unwrap_err();
    assert_eq!(error.code(), "cannot-carry");
}

#[test]
fn typed_values_are_written_as_sops_writes_them() {
    let tree = Dotenv.parse(b"A=1").unwrap();
    for (kind, bytes, text) in [
        (Kind::Int, "5", "5"),
        (Kind::Float, "3", "3.0"),
        (Kind::Float, "1000000", "1E+06"),
        (Kind::Bool, "True", "true"),
        (Kind::Bool, "False", "false"),
        (Kind::Time, "2024-01-02T00:00:00Z", "2024-01-02T00:00:00Z"),
    ] {
        let value = Value::new(kind, bytes);
        let out = Dotenv.plain(b"A=1", &tree, &tree.items[0], Style::Plain, &value);
        assert_eq!(out.unwrap().as_str(), Some(text));
    }
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        "#[ -~é]{0,8}".prop_map(String::into_bytes),
        (
            "[A-Za-z =é]{0,4}",
            proptest::collection::vec(any::<u8>(), 0..8)
        )
            .prop_map(|(name, mut value)| {
                value.retain(|&byte| byte != b'\n');
                let mut line = name.into_bytes();
                line.push(b'=');
                line.extend(value);
                line
            }),
        r"[A-C]=(\\|n|\\n|a){0,6}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn any_file_is_sealed_and_opened(
        lines in proptest::collection::vec(line(), 0..6),
        last: bool,
    ) {
        let mut text = lines.join(&b'\n');
        if last {
            text.push(b'\n');
        }
        attach_then_cut(&Dotenv, &text);
        seal_then_open(&Dotenv, &text, true);
        refresh(&Dotenv, &text);
    }

    #[test]
    fn any_bytes_are_read_or_refused(text: Vec<u8>, noise in "(sops_|mac|__map_|__list_|=|\n|#|A|\r){0,16}") {
        drop(Dotenv.parse(&text));
        drop(Dotenv.parse(noise.as_bytes()));
    }
}
