//! Entries that come, go and change their names.

use std::fmt::Write as _;

use crate::document::{Kind, Value, splice};
use crate::keypath::KeyPath;
use crate::sops::store::{NewNode, Store as _, StoreError};
use crate::stores::yaml::Yaml;

fn apply(
    text: &str,
    edit: impl FnOnce(&crate::document::Tree) -> Result<Vec<crate::document::Edit>, StoreError>,
) -> Result<String, StoreError> {
    let tree = Yaml.parse(text.as_bytes())?;
    let new = splice(text.as_bytes(), edit(&tree)?).unwrap();
    let new = new.as_str().unwrap().to_owned();
    Yaml.parse(new.as_bytes())
        .unwrap_or_else(|error| panic!("{error}:\n{new}"));
    Ok(new)
}

fn text(text: &str) -> NewNode {
    NewNode::Value(Value::new(Kind::Str, text))
}

fn insert(old: &str, path: &str, node: &NewNode) -> Result<String, StoreError> {
    let path = KeyPath::parse(path).unwrap();
    apply(old, |tree| Yaml.insert(old.as_bytes(), tree, &path, node))
}

fn remove(old: &str, path: &str) -> Result<String, StoreError> {
    let path = KeyPath::parse(path).unwrap();
    apply(old, |tree| Yaml.remove(old.as_bytes(), tree, &path))
}

fn rename(old: &str, path: &str, key: &str) -> Result<String, StoreError> {
    let path = KeyPath::parse(path).unwrap();
    apply(old, |tree| Yaml.rename(old.as_bytes(), tree, &path, key))
}

#[test]
fn entries_are_added_where_they_belong() {
    for (old, path, new) in [
        ("a: 1\n", "b", "a: 1\nb: v\n"),
        ("a: 1", "b", "a: 1\nb: v"),
        ("a: 1 # c\n# foot\n", "b", "a: 1 # c\nb: v\n# foot\n"),
        (
            "m:\n    x: 1\nn: 2\n",
            "m.y",
            "m:\n    x: 1\n    y: v\nn: 2\n",
        ),
        (
            "m:\n    x: 1\n",
            "n.o.p",
            "m:\n    x: 1\nn:\n    o:\n        p: v\n",
        ),
        ("l:\n- a\n- b\n", "l[2]", "l:\n- a\n- b\n- v\n"),
        ("l: []\n", "l[0]", "l: [v]\n"),
        ("l: [a]\n", "l[1]", "l: [a, v]\n"),
        ("m: {a: 1,}\n", "m.b", "m: {a: 1, b: v,}\n"),
        ("m: {a: 1 # c\n}\n", "m.b", "m: {a: 1, b: v # c\n}\n"),
        ("m: {\n  # c\n}\n", "m.b", "m: {b: v\n  # c\n}\n"),
        (
            "m:\n  x: 1\n  # foot\nn: 2\n",
            "m.y",
            "m:\n  x: 1\n  y: v\n  # foot\nn: 2\n",
        ),
        (
            "m:\n  x: 1\n  # foot\n",
            "n",
            "m:\n  x: 1\n  # foot\nn: v\n",
        ),
        ("m:\nn: 1\n", "m.x", "m:\n  x: v\nn: 1\n"),
        ("m: ~\n", "m.x[0].y", "m:\n  x:\n    - y: v\n"),
        (
            "a: |\n  text\n\nb: 1\n",
            "c",
            "a: |\n  text\n\nb: 1\nc: v\n",
        ),
        ("l:\n- a: 1\n", "l[0].b", "l:\n- a: 1\n  b: v\n"),
        ("a: 1\r\n", "b", "a: 1\r\nb: v\r\n"),
        ("a: 1\n...\n", "b", "a: 1\nb: v\n...\n"),
        ("a: 1\n---\nb: 2\n", "2:c", "a: 1\n---\nb: 2\nc: v\n"),
    ] {
        assert_eq!(
            insert(old, path, &text("v")).unwrap(),
            new,
            "{old:?} {path}"
        );
    }
}

#[test]
fn values_are_replaced_in_place() {
    for (old, path, new) in [
        ("a: 1 # c\nb: 2\n", "a", "a: v # c\nb: 2\n"),
        ("a: |\n  x\n  y\nb: 2\n", "a", "a: v\nb: 2\n"),
        ("a: | # c\n  x\nb: 2\n", "a", "a: v # c\nb: 2\n"),
        ("a:\n  x: 1\n  y: 2\nb: 2\n", "a", "a: v\nb: 2\n"),
        ("a:\nb: 2\n", "a", "a: v\nb: 2\n"),
        ("l:\n- x: 1\n  y: 2\n- z\n", "l[0]", "l:\n- v\n- z\n"),
        ("a: {x: 1}\n", "a.x", "a: {x: v}\n"),
        ("a: {x: 1}\n", "a", "a: v\n"),
    ] {
        assert_eq!(
            insert(old, path, &text("v")).unwrap(),
            new,
            "{old:?} {path}"
        );
    }
    let map = || {
        NewNode::Map(vec![
            ("x".into(), text("1")),
            ("l".into(), NewNode::List(vec![text("p")])),
        ])
    };
    assert_eq!(
        insert("a: 1\nb: 2\n", "a", &map()).unwrap(),
        "a:\n  x: \"1\"\n  l:\n    - p\nb: 2\n"
    );
    assert_eq!(
        insert("l:\n  - a\n  - b\n", "l[1]", &map()).unwrap(),
        "l:\n  - a\n  - x: \"1\"\n    l:\n      - p\n"
    );
    assert_eq!(
        insert("f: {a: 1}\n", "f.a", &map()).unwrap(),
        "f: {a: {x: \"1\", l: [p]}}\n"
    );
}

#[test]
fn impossible_paths_are_refused() {
    assert!(matches!(
        insert("a: 1\n", "a.b", &text("v")),
        Err(StoreError::NotAContainer { .. })
    ));
    assert!(matches!(
        insert("l: [a]\n", "l[3]", &text("v")),
        Err(StoreError::NoSuchKey { .. })
    ));
    assert!(matches!(
        insert("l: [a]\n", "l.x", &text("v")),
        Err(StoreError::CannotCarry { .. })
    ));
    assert!(matches!(
        insert("m: {a: 1}\n", "m[0]", &text("v")),
        Err(StoreError::CannotCarry { .. })
    ));
    assert!(matches!(
        remove("a: 1\n", "b"),
        Err(StoreError::NoSuchKey { .. })
    ));
}

#[test]
fn entries_go_without_a_trace() {
    for (old, path, new) in [
        ("a: 1\nb: 2\n", "a", "b: 2\n"),
        ("a: 1\nb: 2", "b", "a: 1"),
        ("a: 1\nb: |\n  x\n\n  y\nc: 3\n", "b", "a: 1\nc: 3\n"),
        ("m:\n  x: 1\n  y: 2\n", "m.x", "m:\n  y: 2\n"),
        ("m:\n  x: 1\nn: 2\n", "m.x", "m: {}\nn: 2\n"),
        ("l:\n- a\n- b\n", "l[0]", "l:\n- b\n"),
        ("l:\n- a: 1\n  b: 2\n", "l[0].a", "l:\n- b: 2\n"),
        ("f: {a: 1, b: 2, c: 3}\n", "f.b", "f: {a: 1, c: 3}\n"),
        ("f: {a: 1, b: 2}\n", "f.a", "f: {b: 2}\n"),
        ("f: [x]\n", "f[0]", "f: []\n"),
        ("a: 1 # mine\nb: 2\n", "a", "b: 2\n"),
        ("f: [x, # c\n  y]\n", "f[0]", "f: [ # c\n  y]\n"),
        (
            "m:\n  x: 1\n  # mine\n# next\nn: 2\n",
            "m",
            "# next\nn: 2\n",
        ),
        (
            "m: # c\n  # d\n  - x\nn: 2\n",
            "m[0]",
            "m: [] # c\n  # d\nn: 2\n",
        ),
    ] {
        assert_eq!(remove(old, path).unwrap(), new, "{old:?} {path}");
    }
}

#[test]
fn keys_are_renamed_in_place() {
    assert_eq!(rename("a: 1 # c\n", "a", "b").unwrap(), "b: 1 # c\n");
    assert_eq!(rename("'a:x': 1\n", "\"a:x\"", "b").unwrap(), "b: 1\n");
    assert_eq!(
        rename("m: {\"a\": 1}\n", "m.a", "x,y").unwrap(),
        "m: {\"x,y\": 1}\n"
    );
    assert_eq!(
        rename("? a\n: 1\n", "a", "true").unwrap(),
        "? \"true\"\n: 1\n"
    );
    assert!(rename("l: [a]\n", "l[0]", "b").is_err());
}

#[test]
fn a_container_is_a_file_of_its_own() {
    let old = "m:\n    x: |\n      t\n\n    y:\n        - 1\nl:\n- a: 1\n  b: 2\nf: {a: 1}\n";
    let tree = Yaml.parse(old.as_bytes()).unwrap();
    for (path, text) in [
        ("m", "x: |\n  t\n\ny:\n    - 1\n"),
        ("l[0]", "a: 1\nb: 2\n"),
        ("f", "{a: 1}\n"),
    ] {
        let id = tree.find_container(&KeyPath::parse(path).unwrap()).unwrap();
        let out = Yaml.extract(old.as_bytes(), &tree, id);
        assert_eq!(out.as_str(), Some(text), "{path}");
    }
}

#[test]
fn aliases_are_written_out() {
    for (old, new) in [
        ("a: &x v\nb: *x\n", "a: &x v\nb: v\n"),
        (
            "a: &x {k: 1, l: [p]}\nb: *x\nc: [*x, *x]\n",
            "a: &x {k: 1, l: [p]}\nb:\n  k: 1\n  l:\n    - p\nc: [{k: 1, l: [p]}, {k: 1, l: [p]}]\n",
        ),
        (
            "base: &b\n  u: ana\n  n: 0x1F\nprod:\n  <<: *b\n  z: 1\n",
            "base: &b\n  u: ana\n  n: 0x1F\nprod:\n  <<:\n    u: ana\n    n: 0x1F\n  z: 1\n",
        ),
        (
            "a: &x |\n  two\n  lines\nb: *x\n",
            "a: &x |\n  two\n  lines\nb: \"two\\nlines\\n\"\n",
        ),
        ("a: &x\nb: *x\n", "a: &x\nb: null\n"),
        ("a: &x '5'\nb:\n- *x\n", "a: &x '5'\nb:\n- \"5\"\n"),
    ] {
        let out = Yaml.expand(old.as_bytes()).unwrap().unwrap();
        assert_eq!(out.text.as_str(), Some(new));
        Yaml.parse(out.text.as_bytes()).unwrap();
    }
    assert!(Yaml.expand(b"cron: 0 * * * *\n").unwrap().is_none());
}

#[test]
fn alias_bombs_and_loops_are_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(bomb, "a{level}: &a{level} [{aliases}]").unwrap();
    }
    assert!(matches!(
        Yaml.expand(bomb.as_bytes()),
        Err(StoreError::Limit { .. })
    ));
    assert!(Yaml.expand(b"a: &a [*a]\n").is_err());
    assert!(Yaml.expand(b"a: *nowhere\n").is_err());
    let mut chain = String::from("a0: &a0 [x]\n");
    for level in 1..2000 {
        writeln!(chain, "a{level}: &a{level} [*a{}]", level - 1).unwrap();
    }
    assert!(matches!(
        Yaml.expand(chain.as_bytes()),
        Err(StoreError::Limit { .. })
    ));
}

#[test]
fn bad_yaml_is_refused_with_its_line() {
    for (text, line) in [
        ("a: 1\na: 2\n", "line 2"),
        ("a: 1\n1: x\n", "line 2"),
        ("a: 1\n? [x]\n: y\n", "line 2"),
        ("a: [1\nb: 2\n", "line"),
        ("a: 'x\n", "line"),
        ("a: 18446744073709551615\n", "line 1"),
        ("a: 1\nb: !!int x\n", "line 2"),
        ("%YAML 1.2\n---\na: 1\n", "line 1"),
        ("\ta: 1\n", "line 1"),
    ] {
        let error = Yaml
            .parse(text.as_bytes())
            .err()
            .unwrap_or_else(|| panic!("{text:?}"));
        assert!(error.to_string().contains(line), "{text:?}: {error}");
    }
    for text in ["- a\n", "x\n", "", "# only\n", "sops: 1\n", "a: \u{1}\n"] {
        assert!(Yaml.parse(text.as_bytes()).is_err(), "{text:?}");
    }
    let deep = "[".repeat(10_000);
    assert!(matches!(
        Yaml.parse(format!("a: {deep}").as_bytes()),
        Err(StoreError::Limit { .. })
    ));
    let deep = (0..10_000).fold(String::new(), |text, level| {
        text + &" ".repeat(level) + "a:\n"
    });
    assert!(matches!(
        Yaml.parse(deep.as_bytes()),
        Err(StoreError::Limit { .. })
    ));
    assert!(matches!(
        Yaml.parse(b"a: \xff\n"),
        Err(StoreError::NotText { line: 1 })
    ));
}
