use super::*;
use crate::keypath::Segment;
use proptest::prelude::*;

/// The values of a file: `key=ciphertext`, separated by blanks.
fn file(text: &str) -> Vec<Leaf> {
    let leaves = text.split_whitespace().map(|pair| {
        let (key, print) = pair.split_once('=').unwrap();
        leaf(KeyPath::parse(key).unwrap(), print)
    });
    leaves.collect()
}

fn leaf(path: KeyPath, print: &str) -> Leaf {
    Leaf {
        key: path.to_string(),
        path,
        fingerprint: match print {
            "clear" => Fingerprint::Clear,
            "empty" => Fingerprint::Empty,
            sealed => Fingerprint::of(sealed.as_bytes()),
        },
        twin: false,
        is_misspelled: false,
    }
}

fn told(before: &str, after: &str, moved: Option<(&str, &str)>) -> Vec<String> {
    let paths =
        moved.map(|(from, to)| (KeyPath::parse(from).unwrap(), KeyPath::parse(to).unwrap()));
    let moved = paths.as_ref().map(|(from, to)| (from, to));
    let found = differences(&file(before), &file(after), moved);
    let mut told: Vec<String> = found
        .iter()
        .map(|one| match &one.what {
            What::Came => format!("{} came", one.key),
            What::Changed => format!("{} changed", one.key),
            What::Went => format!("{} went", one.key),
            What::Moved(from) => format!("{from} is {}", one.key),
        })
        .collect();
    told.sort();
    told
}

#[test]
fn ciphertexts_tell_what_happened() {
    assert_eq!(told("a=1 b=2", "a=1 b=2", None), [""; 0]);
    assert_eq!(
        told("a=1 b=2 c=clear d=clear", "a=9 c=clear d=3 e=4", None),
        ["a changed", "b went", "d changed", "e came"]
    );
    // An item of a list went, or came at its beginning.
    assert_eq!(
        told("l[0]=1 l[1]=2 l[2]=3", "l[0]=2 l[1]=3", None),
        ["l[0] went", "l[1] is l[0]", "l[2] is l[1]"]
    );
    assert_eq!(
        told("l[0]=1 l[1]=2", "l[0]=9 l[1]=1 l[2]=2", None),
        ["l[0] came", "l[0] is l[1]", "l[1] is l[2]"]
    );
    // What is encrypted anew at its new place is told by whoever moved it.
    assert_eq!(
        told("m.a=1 m.b=2 c=3", "n.a=4 n.b=5 c=3", Some(("m", "n"))),
        ["m.a is n.a", "m.b is n.b"]
    );
    assert_eq!(
        told("l[0]=1 l[1]=2", "l[0]=2 x=9", Some(("l[0]", "x"))),
        ["l[0] is x", "l[1] is l[0]"]
    );
    // Two empty values are not one that moved.
    assert_eq!(told("a=empty", "b=empty", None), ["a went", "b came"]);
}

fn said(at: i64) -> Said<'static> {
    Said {
        at: Timestamp::from_second(at).unwrap(),
        actor: "Ana",
        file: "f.enc.yaml",
        environment: Some("dev"),
        changed: Action::Rotate,
        came: Action::Create,
        restores: None,
        recipients: &[],
        reason: None,
        note: None,
        out_of_order: false,
    }
}

/// A ledger that is told of one version of a file after the other.
fn follow(entries: &mut Vec<Entry>, at: i64, before: &[Leaf], after: &[Leaf]) {
    let found = differences(before, after, None);
    let new = events(&Chain::new(entries.iter()), &found, &said(at), |_| {
        Terms::default()
    });
    entries.extend(new);
}

#[test]
fn what_happened_alike_is_one_event() {
    let owned = |one: &Difference| Terms {
        owner: one.key.starts_with('p').then(|| "Payments".to_owned()),
        grace_until: Timestamp::from_second(9).ok(),
    };
    let found = differences(&file("a=1 b=2 p=3 x=4"), &file("a=5 b=6 p=7 n=8"), None);
    let events = events(&Chain::new(&[]), &found, &said(5), owned);
    let told: Vec<(&str, Vec<&str>, bool)> = events
        .iter()
        .map(|entry| {
            let keys = entry.event.values.iter().map(|value| value.key.as_str());
            (
                entry.event.action.word(),
                keys.collect(),
                entry.event.grace_until.is_some(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("delete", vec!["x"], true),
            ("rotate", vec!["a", "b"], true),
            ("rotate", vec!["p"], true),
            ("create", vec!["n"], false),
        ]
    );
    assert_eq!(events[2].event.owner.as_deref(), Some("Payments"));
}

#[test]
fn a_list_that_shifts_keeps_each_items_history() {
    let mut entries = Vec::new();
    let versions = [
        "l[0]=1 l[1]=2 l[2]=3",
        "l[0]=2 l[1]=3",
        "l[0]=9 l[1]=2 l[2]=3",
    ];
    let mut before = Vec::new();
    for (at, version) in (1..).zip(versions) {
        let after = file(version);
        follow(&mut entries, at, &before, &after);
        let chain = Chain::new(&entries);
        for leaf in &after {
            let place = Place {
                file: "f.enc.yaml",
                key: &leaf.key,
            };
            let heads = chain.heads(place);
            let prints: Vec<_> = heads.iter().map(|node| node.change.fingerprint).collect();
            assert_eq!(
                prints,
                [Some(leaf.fingerprint)],
                "{} in {version}",
                leaf.key
            );
        }
        before = after;
    }
    let chain = Chain::new(&entries);
    let heads = chain.heads(Place {
        file: "f.enc.yaml",
        key: "l[2]",
    });
    assert_eq!(
        chain.history(&heads).len(),
        3,
        "created, moved up, moved down"
    );
}

proptest! {
    /// However a file changes, its events say what stands in it: one head at every key, with its
    /// fingerprint, and nothing but deletions elsewhere.
    #[test]
    fn events_always_say_what_stands_there(
        versions in proptest::collection::vec(
            proptest::collection::vec((0usize..6, 0u8..9), 0..6),
            1..6,
        ),
    ) {
        let mut entries = Vec::new();
        let mut before: Vec<Leaf> = Vec::new();
        for (at, version) in (1i64..).zip(versions) {
            let mut after: Vec<Leaf> = Vec::new();
            for (key, print) in version {
                let path = KeyPath { document: 1, segments: vec![Segment::Index(key)] };
                let print = match print {
                    0 => "clear".to_owned(),
                    1 => "empty".to_owned(),
                    print => print.to_string(),
                };
                let leaf = leaf(path, &print);
                if after.iter().all(|known| known.key != leaf.key) {
                    after.push(leaf);
                }
            }
            follow(&mut entries, at, &before, &after);
            let chain = Chain::new(&entries);
            prop_assert_eq!(chain.dangling().count(), 0);
            for leaf in &after {
                let heads = chain.heads(Place { file: "f.enc.yaml", key: &leaf.key });
                let prints: Vec<_> = heads.iter().map(|node| node.change.fingerprint).collect();
                prop_assert_eq!(prints, [Some(leaf.fingerprint)]);
            }
            for place in chain.places() {
                let there = after.iter().any(|leaf| leaf.key == place.key);
                let heads = chain.heads(place);
                prop_assert!(there || heads.iter().all(|node| node.change.fingerprint.is_none()));
            }
            before = after;
        }
    }
}
