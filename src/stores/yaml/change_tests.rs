//! Changes and moves that a comment or a name decides on: nothing may be lost or laid open.

use crate::document::{Body, Kind, Tree, Value};
use crate::keypath::{KeyPath, Segment};
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

#[test]
fn a_document_is_not_lost_with_its_last_entry() {
    for (text, key, left) in [
        ("a: 1\n", "a", "{}\n"),
        ("a: 1", "a", "{}\n"),
        ("a: 1\r\n", "a", "{}\r\n"),
        ("\u{feff}a: 1\n", "a", "\u{feff}{}\n"),
        ("a: 1\n---\nb: 2\n", "a", "{}\n---\nb: 2\n"),
        ("a: 1\n---\nb: 2\n", "2:b", "a: 1\n---\n"),
        ("---\na: 1\n---\nb: 2\n", "a", "---\n---\nb: 2\n"),
        ("a: 1\n...\nb: 2\n", "2:b", "a: 1\n...\n{}\n"),
        ("# c\n\na: 1\n---\nb: 2\n", "a", "# c\n\n{}\n---\nb: 2\n"),
        ("{a: 1}\n---\nb: 2\n", "a", "{}\n---\nb: 2\n"),
    ] {
        let without = change(text, None, |sealer, open| sealer.unset(open, &path(key))).unwrap();
        assert_eq!(without, left);
        let documents = |text: &str| Yaml.parse(text.as_bytes()).unwrap().documents.len();
        assert_eq!(documents(&without), documents(text), "{without}");
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

fn set(text: &str, key: &str, node: impl Fn() -> NewNode) -> String {
    let set = change(text, None, |sealer, open| {
        Ok(sealer.set(open, &[(path(key), node())])?.unwrap())
    });
    set.unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

fn unset(text: &str, key: &str) -> String {
    let unset = change(text, None, |sealer, open| sealer.unset(open, &path(key)));
    unset.unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

fn words(text: &'static str) -> impl Fn() -> NewNode {
    move || NewNode::Value(Value::new(Kind::Str, text))
}

/// The text value at a key.
fn value(text: &str, key: &str) -> String {
    let tree = Yaml.parse(text.as_bytes()).unwrap();
    match &tree.find(&path(key)).unwrap().body {
        Body::Leaf(value) => value.bytes.as_str().unwrap().to_owned(),
        _ => panic!("{key} in {text:?}"),
    }
}

#[test]
fn a_text_at_the_end_of_a_file_without_a_line_break_keeps_its_own() {
    for text in [
        "k: |\n  x",
        "k: >\n  x",
        "a: 1\n---\nb: 2\nk: |2\n    x\n   \n  y",
    ] {
        let key = if text.contains("---") { "2:k" } else { "k" };
        let after = set(text, key, words("two\nlines\n"));
        assert_eq!(value(&after, key), "two\nlines\n", "{after:?}");
    }
}

#[test]
fn a_text_that_ends_in_empty_lines_takes_none_from_below() {
    let after = set("k: |\n  x\n\nl: 1\n", "k", words("x\n\n"));
    assert_eq!(after, "k: \"x\\n\\n\"\n\nl: 1\n");
    assert_eq!(
        value(&set("k: |\n  x\nl: 1\n", "k", words("x\n\n")), "k"),
        "x\n\n"
    );
}

#[test]
fn an_empty_document_with_a_comment_is_sealed() {
    for text in [
        "a: 1\n--- # c\n",
        "a: 1\n--- # c",
        "a: 1\n--- # c\n# d\n\n---\nb: 2\n",
        "--- # c\n---\na: 1\n",
    ] {
        assert!(seal(text, None, None).exact, "{text:?}");
    }
}

#[test]
fn a_text_of_blank_lines_is_sealed() {
    for text in [
        "m:\n  k: |+\n\n  l: 1\n",
        "m:\n  - k: >3+\n\n    # c\n    l: 1\n",
        "m:\n- |+\n\n  \n- x\n",
        "k: |1+\n   \nl: 1\n",
    ] {
        assert!(seal(text, None, None).exact, "{text:?}");
    }
    // With lines below it, this one would be a line break.
    assert!(!seal("l: 1\nk: |+\n ", None, None).exact);
}

#[test]
fn what_stands_below_a_removed_entry_does_not_join_the_text_above() {
    for (text, key, left) in [
        ("k: |-\nl: 1\n  # c\nm: 2\n", "l", "k: |-\n# c\nm: 2\n"),
        ("k: |\n  x\nl: 1\n    # c\n", "l", "k: |\n  x\n# c\n"),
        ("k: |\n    x\nl: 1\n  # c\n", "l", "k: |\n    x\n  # c\n"),
        ("k: |1-\n\nl: |\n  x\n  \nm: 2\n", "l", "k: |1-\n\n\nm: 2\n"),
        ("k: |+\nl: x\n\nm: 2\n", "l", "k: |+\nm: 2\n"),
    ] {
        assert_eq!(unset(text, key), left, "{text:?}");
    }
}

#[test]
fn a_comment_that_ends_in_a_question_is_no_key() {
    for text in [
        "list:\n  # why?\n",
        "# why?\na: 1\n",
        "a: # why ?\n  b: 1\n",
    ] {
        assert!(seal(text, None, None).exact, "{text:?}");
    }
    let text = "a: 1\n# why?\nb: 2\n";
    assert_eq!(unset(text, "b"), "a: 1\n# why?\n");
    assert_eq!(set(text, "b", words("x")), "a: 1\n# why?\nb: x\n");
    assert_eq!(unset("a: 1\n? b\n: 2\n", "b"), "a: 1\n");
}

#[test]
fn an_empty_key_takes_its_tag_along() {
    for text in ["!?: : ", "!a : 1\n", "b: 2\n!a : 1\n", "{!a : 1, b: 2}\n"] {
        assert!(seal(text, None, None).exact, "{text:?}");
    }
    let after = change("b: 2\n!a : 1\n", None, |sealer, open| {
        let empty = KeyPath::root(1).child(Segment::Key(String::new()));
        sealer.unset(open, &empty)
    });
    assert_eq!(after.unwrap(), "b: 2\n");
}

#[test]
fn an_entry_is_not_put_below_a_comment_of_the_next_document() {
    let text = "k:\n  l: null\n# c\n  m: null\n---\n# lone";
    let after = set(text, "new", words("x"));
    assert_eq!(after, "k:\n  l: null\n# c\n  m: null\nnew: x\n---\n# lone");
}

#[test]
fn a_value_is_put_behind_an_anchor() {
    let after = set("k: &a\nl: 1\n", "k", words("x"));
    assert_eq!(after, "k: &a x\nl: 1\n");
    let after = set("k:\n- &a\n- 1\n", "k[0]", words("x"));
    assert_eq!(after, "k:\n- &a x\n- 1\n");
    assert_eq!(unset("k: &a\n- 1\nl: 2\n", "k[0]"), "k: &a []\nl: 2\n");
}

#[test]
fn comments_stay_when_a_value_takes_the_place_of_a_map() {
    for (text, after) in [
        ("k: # c\n  a: 1\nl: 2\n", "k: x # c\nl: 2\n"),
        ("k:\n# c\n- 1\nl: 2\n", "k: x\n# c\nl: 2\n"),
        (
            "k: &a\t# c\n\n  # d\n  a:\n    b: 1\n",
            "k: &a x\t# c\n\n  # d\n",
        ),
        ("l: 2\nk: # c\n  a: 1", "l: 2\nk: x # c"),
    ] {
        assert_eq!(set(text, "k", words("x")), after, "{text:?}");
    }
    let map = || NewNode::Map(vec![("m".into(), words("x")())]);
    assert_eq!(
        set("k: |- # c\n  x\nl: 2\n", "k", map),
        "k: # c\n  m: x\nl: 2\n"
    );
    assert_eq!(
        set("k:\n  # c\n  a: 1\nl: 2\n", "k", map),
        "k:\n  # c\n  m: x\nl: 2\n"
    );
}

#[test]
fn an_encrypted_comment_is_not_left_where_nobody_opens_it() {
    let text = "k1:\n  # c\n  a: 1\nk2: 2\n";
    assert_eq!(unset(text, "k1.a"), "k1: {}\n  # c\nk2: 2\n");
    let result = change(text, Some(("encrypted_regex", "k1|2")), |sealer, open| {
        let node = words("x")();
        Ok(sealer.set(open, &[(path("k1"), node)])?.unwrap())
    });
    assert!(
        matches!(result, Err(SealError::StrayComment { .. })),
        "{}",
        result.unwrap_or_default()
    );
}

#[test]
fn a_pattern_that_matches_ciphertext_selects_nothing_else() {
    // One letter is in some envelopes and not in others.
    for selector in [
        ("unencrypted_comment_regex", "Q"),
        ("encrypted_comment_regex", "Q"),
    ] {
        let text = "# Q\n# more\na: 1\n\n# c\nb: 2\n\n# d\nm:\n  # e\n  c: 3\n";
        assert!(seal(text, Some(selector), None).exact, "{selector:?}");
        let after = change(text, Some(selector), |sealer, open| {
            sealer.rename(open, &path("m"), &path("n"))
        });
        assert_eq!(after.unwrap(), text.replace("m:", "n:"), "{selector:?}");
    }
    // These are in every one of them.
    for selector in [
        ("unencrypted_comment_regex", "data|clear"),
        ("encrypted_comment_regex", "^ENC|secret"),
    ] {
        let text = "# secret\n# more\na: 1\n\n# clear\nb: 2\n";
        let result =
            with_sealer(|sealer| sealer.seal(text.as_bytes(), metadata(Some(selector)), None));
        assert!(
            matches!(result, Err(SealError::WidePattern { .. })),
            "{selector:?}"
        );
    }
}
