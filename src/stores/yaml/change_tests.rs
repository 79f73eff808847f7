//! Changes and moves that a comment or a name decides on: nothing may be lost or laid open.

use crate::document::{Body, Kind, Tree, Value};
use crate::keypath::KeyPath;
use crate::secret::{Cleartext, DataKey};
use crate::sops::change::Open;
use crate::sops::cipher::tests::Counter;
use crate::sops::metadata::{KeyEntry, Metadata};
use crate::sops::open::{Check, Opened, open, plaintext};
use crate::sops::previous::Previous;
use crate::sops::seal::{SealError, Sealed, Sealer};
use crate::sops::store::{NewNode, Store as _};
use crate::stores::yaml::Yaml;

fn key() -> DataKey {
    DataKey::from_bytes(&[5; 32]).unwrap()
}

fn metadata(selector: Option<(&str, &str)>) -> Metadata {
    let group = vec![KeyEntry::age("age1example", "armour\n")];
    Metadata::new(&[group], None, selector, false)
}

fn seal(text: &str, selector: Option<(&str, &str)>, previous: Option<Previous>) -> Sealed {
    with_sealer(|sealer| sealer.seal(text.as_bytes(), metadata(selector), previous)).unwrap()
}

fn with_sealer<T>(act: impl FnOnce(&mut Sealer<'_>) -> T) -> T {
    act(&mut Sealer {
        store: &Yaml,
        key: &key(),
        now: "2026-11-22T12:00:00Z",
        random: &mut Counter(1),
    })
}

fn opened(text: &[u8]) -> (Tree, Opened) {
    let tree = Yaml.parse(text).unwrap();
    let metadata = Metadata::from_block(tree.meta().unwrap());
    let opened = open(&tree, &metadata, &key(), Check::Required).unwrap();
    (tree, opened)
}

fn plain(text: &[u8]) -> String {
    let (tree, mut opened) = opened(text);
    let plain = plaintext(&Yaml, text, &tree, &mut opened).unwrap();
    plain.as_str().unwrap().to_owned()
}

/// The text as sops would leave it.
fn without_seal(text: &str) -> String {
    let lines = text.split_inclusive('\n');
    lines.filter(|line| !line.contains("mvx_seal:")).collect()
}

fn change(
    text: &str,
    selector: Option<(&str, &str)>,
    act: impl FnOnce(&mut Sealer<'_>, Open<'_>) -> Result<Cleartext, SealError>,
) -> Result<String, SealError> {
    let sealed = seal(text, selector, None);
    let text = sealed.text.as_bytes();
    let (tree, opened) = opened(text);
    let open = Open {
        text,
        tree: &tree,
        opened: &opened,
    };
    with_sealer(|sealer| act(sealer, open)).map(|text| plain(text.as_bytes()))
}

fn path(text: &str) -> KeyPath {
    KeyPath::parse(text).unwrap()
}

#[test]
fn a_secret_under_a_clear_comment_is_not_lost_when_its_neighbour_goes() {
    let text = "# clear\na: 1\nb: secret\n";
    let selector = Some(("unencrypted_comment_regex", "clear"));
    let result = change(text, selector, |sealer, open| {
        sealer.unset(open, &path("a"))
    });
    assert!(matches!(result, Err(SealError::WouldDisclose { .. })));
    let kept = change(text, selector, |sealer, open| {
        sealer.unset(open, &path("b"))
    });
    assert_eq!(kept.unwrap(), "# clear\na: 1\n");
}

#[test]
fn a_move_does_not_lay_a_secret_open() {
    let selector = Some(("encrypted_regex", "^pass"));
    for (text, from, to) in [
        ("pass: secret\nb: 1\n", "pass", "user"),
        ("pass: secret\nm:\n  b: 1\n", "pass", "m.user"),
        ("pass:\n  x: secret\n  y: [1]\nb: 1\n", "pass", "user"),
    ] {
        let result = change(text, selector, |sealer, open| {
            sealer.rename(open, &path(from), &path(to))
        });
        assert!(
            matches!(result, Err(SealError::WouldDisclose { .. })),
            "{text}"
        );
    }
    let moved = change("pass: secret\nb: 1\n", selector, |sealer, open| {
        sealer.rename(open, &path("pass"), &path("password"))
    });
    assert_eq!(moved.unwrap(), "password: secret\nb: 1\n");
}

#[test]
fn a_block_that_lost_its_last_line_break_is_sealed_anew() {
    let sealed = seal("a: |\n  T\n", None, None);
    let (tree, opened) = opened(sealed.text.as_bytes());
    let before = Yaml.parse(b"a: |\n  T\n").unwrap();
    let previous = Previous::new(
        &key(),
        (sealed.text.as_bytes(), &tree, &opened),
        (b"a: |\n  T\n", &before),
    );
    let again = seal("a: |\n  T", None, Some(previous));
    assert_eq!(plain(again.text.as_bytes()), "a: |\n  T");
}

#[test]
fn a_block_keeps_its_line_break_when_the_last_entry_goes() {
    let left = change("a: |\n  T\nb: 0x1F", None, |sealer, open| {
        sealer.unset(open, &path("b"))
    })
    .unwrap();
    let tree = Yaml.parse(left.as_bytes()).unwrap();
    match &tree.items[0].body {
        Body::Leaf(value) => assert_eq!(value.bytes.as_str(), Some("T\n"), "{left}"),
        _ => panic!("{left}"),
    }
}

#[test]
fn keys_with_a_tag_or_an_anchor_are_whole() {
    for text in [
        "!!str a: 1\nb: 2\n",
        "&k a:\n  !!str b: 1\n  &x !!str c: [1]\nd: 2\n",
        "l:\n- &k a: 1\n  b: 2\n? &k x\n: 1\n",
        "{&k a: 1, !!str b: 2}\n",
    ] {
        assert!(seal(text, None, None).exact, "{text}");
    }
    let text = "a: 1\n!!str b: 2\n";
    let gone = change(text, None, |sealer, open| sealer.unset(open, &path("b")));
    assert_eq!(gone.unwrap(), "a: 1\n");
    let moved = change(text, None, |sealer, open| {
        sealer.rename(open, &path("b"), &path("c"))
    });
    assert_eq!(moved.unwrap(), "a: 1\n!!str c: 2\n");
}

#[test]
fn a_comment_is_not_lost_when_an_entry_comes_above_it() {
    for text in [
        "m:\n  l:\n    - x\n  # foot\nz: 1\n",
        "m:\n  l:\n    a: x\n    # foot\n",
    ] {
        let set = change(text, None, |sealer, open| {
            let one = || NewNode::List(vec![NewNode::Value(Value::new(Kind::Str, "y"))]);
            let sealed = sealer.set(open, &[(path("m.new"), one())])?;
            Ok(sealed.unwrap())
        });
        assert!(set.unwrap().contains("# foot"), "{text}");
    }
}

/// `text` with a comment at the top of the list that holds a copy of its first value's envelope.
fn copied_into_a_comment(text: &str) -> String {
    let from = text.find("ENC[").unwrap();
    let end = from + text[from..].find(']').unwrap() + 1;
    let copy = text[from..end].replace("type:str", "type:comment");
    text.replacen("l:\n", &format!("l:\n#{copy}\n"), 1)
}

#[test]
fn a_value_copied_into_a_comment_adds_no_entry() {
    let sealed = seal("l:\n- \"x\\nevil: 1\"\n", None, None);
    // With the seal it would be refused.
    let forged = copied_into_a_comment(&without_seal(sealed.text.as_str().unwrap()));
    let opened = plain(forged.as_bytes());
    assert_eq!(opened, "l:\n#x evil: 1\n- \"x\\nevil: 1\"\n");
    let as_item = forged.replacen("#ENC", "- ENC", 1);
    assert_eq!(plain(as_item.as_bytes()), opened);
}
