//! Plain texts, sealed, opened and changed.

use std::collections::HashSet;

use mvx::document::{Body, Kind, Tree, Value};
use mvx::error::{Exit, Explain as _};
use mvx::keypath::{KeyPath, Segment};
use mvx::secret::Cleartext;
use mvx::sops::change::{Open, node_at};
use mvx::sops::open::plaintext;
use mvx::sops::open::selector_of;
use mvx::sops::seal::SealError;
use mvx::sops::select::select;
use mvx::sops::store::{NewNode, StoreError};
use mvx::stores::Format;

use super::files::{Counter, Sealed, choice, is_clear, key, lines, metadata, sealer};

/// Any text as YAML.
pub fn yaml(data: &[u8]) {
    check(Format::Yaml, data);
}

/// Any text as JSON.
pub fn json(data: &[u8]) {
    check(Format::Json, data);
}

/// Any text as dotenv.
pub fn dotenv(data: &[u8]) {
    check(Format::Dotenv, data);
}

/// Any text as INI.
pub fn ini(data: &[u8]) {
    check(Format::Ini, data);
}

const SELECTORS: [Option<(&str, &str)>; 4] = [
    None,
    Some(("encrypted_regex", "")),
    Some(("unencrypted_regex", "^(a|clear)")),
    Some(("encrypted_comment_regex", "e")),
];

/// What is read and sealed opens to the same. After a change, it opens to what it held before and
/// the change.
fn check(format: Format, data: &[u8]) {
    let store = format.store();
    let expanded = match store.expand(data) {
        Ok(expanded) => expanded,
        Err(error) => return refused(&error),
    };
    let text = expanded.as_ref().map_or(data, |it| it.text.as_bytes());
    let tree = match store.parse(text) {
        Ok(tree) => tree,
        Err(error) => return refused(&error),
    };
    in_bounds(text, &tree);
    if tree
        .documents
        .iter()
        .any(|document| document.meta.is_some())
    {
        if let Err(error) = Sealed::open(format, data) {
            is_clear(&error);
        }
        return;
    }
    let chosen = choice(data);
    let selector = SELECTORS[chosen % SELECTORS.len()]
        .map(|(field, pattern)| (field, if pattern.is_empty() { "^[^c]" } else { pattern }));
    let metadata = metadata(selector, chosen & 64 != 0);
    let key = key();
    let sealed = sealer(format, &key, &mut Counter::of(data)).seal(data, metadata, None);
    let sealed = match sealed {
        Ok(sealed) => sealed,
        Err(error) => return is_clear(&error),
    };
    let mut open = Sealed::own(format, sealed.text.as_bytes());
    let (one, other) = (values(&tree, &[]), values(&open.tree, &open.opened.values));
    assert_eq!(one, other, "it opens to other values");
    let plain = plaintext(store, open.text.as_bytes(), &open.tree, &mut open.opened);
    let plain = plain.unwrap_or_else(|error| panic!("no plaintext: {error}"));
    if sealed.exact {
        assert!(plain.as_bytes() == data, "it is not exact");
    }
    let again = expanded_again(format, &plain);
    assert_eq!(one, again, "the plaintext has other values");
    let open = Sealed::own(format, sealed.text.as_bytes());
    change(format, &open, chosen >> 8);
}

/// The values of a plaintext, references written out.
fn expanded_again(format: Format, plain: &Cleartext) -> String {
    let store = format.store();
    let expanded = store.expand(plain.as_bytes()).expect("it expands");
    let text = expanded
        .as_ref()
        .map_or(plain.as_bytes(), |it| it.text.as_bytes());
    let tree = store.parse(text).expect("it is read");
    values(&tree, &[])
}

/// What stands in a tree, comments and what is encrypted aside. A float without a fraction counts
/// as an integer: JSON knows one kind of number.
fn values(tree: &Tree, opened: &[Option<Value>]) -> String {
    let all = lines(tree, opened, &vec![false; tree.items.len()]);
    let all = all
        .replace(" encrypted ", " clear ")
        .replace(" Float ", " Int ");
    let values = all.lines().filter(|line| !line.starts_with("comment"));
    values.collect::<Vec<_>>().join("\n")
}

/// Every span lies within the text, between characters.
fn in_bounds(text: &[u8], tree: &Tree) {
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    for item in &tree.items {
        assert!(
            text.get(item.span.clone()).is_some(),
            "a span out of the text"
        );
        assert!(
            text.get(item.entry.clone()).is_some(),
            "an entry out of the text"
        );
    }
}

fn refused(error: &StoreError) {
    is_clear(error);
    let exits = [Exit::IO, Exit::ALREADY_ENCRYPTED];
    assert!(exits.contains(&error.exit()), "{error}");
}

/// One value set, one new, one gone.
fn change(format: Format, sealed: &Sealed, chosen: usize) {
    let open = Open {
        text: sealed.text.as_bytes(),
        tree: &sealed.tree,
        opened: &sealed.opened,
    };
    let entries: Vec<KeyPath> = sealed
        .tree
        .items
        .iter()
        .filter(|item| !item.is_comment())
        .map(|item| sealed.tree.path(item))
        .collect();
    // What stands twice (sops takes it, but for YAML) cannot be told apart by its path.
    let paths: HashSet<&KeyPath> = entries.iter().collect();
    if entries.is_empty() || paths.len() < entries.len() {
        return;
    }
    let path = &entries[chosen % entries.len()];
    let roots: Vec<NewNode> = (1..=sealed.tree.documents.len())
        .filter_map(|document| node_at(open, &KeyPath::root(document)))
        .collect();
    let key = key();
    let text = ["new", "x\ny: [\n", "", " # \"'", "12"][(chosen >> 8) % 5];
    let new = NewNode::Value(Value::new(Kind::Str, text));

    let mut random = Counter::of(sealed.text.as_bytes());
    let done = sealer(format, &key, &mut random).set(open, &[(path.clone(), new.duplicate())]);
    settle(format, path, done, || {
        let mut wanted: Vec<_> = roots.iter().map(NewNode::duplicate).collect();
        put(&mut wanted[path.document - 1], &path.segments, &new);
        wanted
    });

    let mut fresh = KeyPath::root(path.document);
    if let Some((parent, Segment::Key(_))) = path.split_last() {
        fresh = parent;
    }
    let fresh = fresh.child(Segment::Key("fresh".into()));
    if sealed.tree.find(&fresh).is_none() {
        let done = sealer(format, &key, &mut random).set(open, &[(fresh.clone(), new.duplicate())]);
        settle(format, &fresh, done, || {
            let mut wanted: Vec<_> = roots.iter().map(NewNode::duplicate).collect();
            put(&mut wanted[fresh.document - 1], &fresh.segments, &new);
            wanted
        });
    }

    let done = sealer(format, &key, &mut random).unset(open, path);
    settle(format, path, done.map(Some), || {
        let mut wanted: Vec<_> = roots.iter().map(NewNode::duplicate).collect();
        take(&mut wanted[path.document - 1], &path.segments);
        // A section without a header is there only as long as something stands in it.
        if let (Format::Ini, NewNode::Map(sections)) = (format, &mut wanted[0]) {
            let empty = |node: &NewNode| matches!(node, NewNode::Map(it) if it.is_empty());
            sections.retain(|(name, node)| name != "DEFAULT" || !empty(node));
        }
        wanted
    });
}

/// A change was refused with a reason, or did exactly what was asked for.
fn settle(
    format: Format,
    path: &KeyPath,
    done: Result<Option<Cleartext>, SealError>,
    wanted: impl FnOnce() -> Vec<NewNode>,
) {
    let text = match done {
        Ok(Some(text)) => text,
        Ok(None) => return,
        Err(error) => {
            // Only the flat file types have comments that end a value.
            let flat = matches!(format, Format::Dotenv | Format::Ini);
            assert!(
                flat || !error.to_string().contains("beside its comment"),
                "{error}"
            );
            return is_clear(&error);
        }
    };
    let changed = Sealed::own(format, text.as_bytes());
    let open = Open {
        text: changed.text.as_bytes(),
        tree: &changed.tree,
        opened: &changed.opened,
    };
    let selector = selector_of(&changed.metadata).expect("a selector");
    for (item, selected) in changed
        .tree
        .items
        .iter()
        .zip(select(&changed.tree, &selector))
    {
        if let Body::Leaf(value) = &item.body
            && selected
            && !value.bytes.is_empty()
        {
            assert!(value.bytes.as_bytes().starts_with(b"ENC["), "in clear");
        }
    }
    for (at, wanted) in wanted().iter().enumerate() {
        let found = node_at(open, &KeyPath::root(at + 1)).expect("a document");
        assert!(
            found.holds(wanted),
            "after the change of {path}:\n{}\nwanted:\n{}",
            shown(&found),
            shown(wanted)
        );
    }
}

/// Puts a node at a path; what must be there on the way is there.
fn put(node: &mut NewNode, path: &[Segment], new: &NewNode) {
    let Some((first, rest)) = path.split_first() else {
        *node = new.duplicate();
        return;
    };
    match (node, first) {
        (NewNode::Map(entries), Segment::Key(key)) => {
            match entries.iter_mut().find(|(name, _)| name == key) {
                Some((_, node)) => put(node, rest, new),
                None => entries.push((key.clone(), new.duplicate())),
            }
        }
        (NewNode::List(items), Segment::Index(index)) => put(&mut items[*index], rest, new),
        _ => panic!("there is no such place"),
    }
}

/// Takes the node at a path out.
fn take(node: &mut NewNode, path: &[Segment]) {
    match (node, path) {
        (NewNode::Map(entries), [Segment::Key(key)]) => entries.retain(|(name, _)| name != key),
        (NewNode::List(items), [Segment::Index(index)]) => {
            items.remove(*index);
        }
        (NewNode::Map(entries), [Segment::Key(key), rest @ ..]) => {
            let entry = entries.iter_mut().find(|(name, _)| name == key);
            take(&mut entry.expect("an entry").1, rest);
        }
        (NewNode::List(items), [Segment::Index(index), rest @ ..]) => {
            take(&mut items[*index], rest);
        }
        _ => panic!("there is no such place"),
    }
}

fn shown(node: &NewNode) -> String {
    match node {
        NewNode::Null => "null".into(),
        NewNode::Value(value) => {
            format!("{:?} {}", value.kind, value.bytes.as_bytes().escape_ascii())
        }
        NewNode::Map(entries) => {
            let entries = entries
                .iter()
                .map(|(name, node)| format!("{name:?}: {}", shown(node)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        NewNode::List(items) => {
            format!(
                "[{}]",
                items.iter().map(shown).collect::<Vec<_>>().join(", ")
            )
        }
    }
}
