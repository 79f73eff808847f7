use super::*;
use crate::keypath::KeyPath;
use crate::ledger::verify::{State, verify};

const FILE: &str = "f.enc.yaml";

/// The values of a file: `key=value.encryption`, where the value stands for the IV.
fn version(at: i64, text: &str) -> Version {
    let leaves = text.split_whitespace().map(|pair| {
        let (key, print) = pair.split_once('=').unwrap();
        Leaf {
            path: KeyPath::parse(key).unwrap(),
            key: key.into(),
            fingerprint: match print {
                "clear" => Fingerprint::Clear,
                print => Fingerprint::of(print.as_bytes()),
            },
            twin: false,
            is_misspelled: false,
        }
    });
    Version {
        at: Timestamp::from_second(at).unwrap(),
        actor: format!("author {at}"),
        leaves: leaves.collect(),
        by: HashMap::new(),
    }
}

fn ivs(texts: &[&str]) -> Ivs {
    let mut ivs = Ivs::default();
    for pair in texts.iter().flat_map(|text| text.split_whitespace()) {
        let (_, print) = pair.split_once('=').unwrap();
        let iv = print.split('.').next().unwrap();
        ivs.0.insert(Fingerprint::of(print.as_bytes()), iv.into());
    }
    ivs
}

/// The ledger with what is missing after these versions, and in words what was added. What is added
/// must leave nothing to be found.
fn record(entries: &[Entry], texts: &[&str]) -> (Vec<Entry>, Vec<String>) {
    let versions: Vec<Version> = (1..)
        .zip(texts)
        .map(|(at, text)| version(at, text))
        .collect();
    let subject = Subject {
        file: FILE,
        environment: None,
        versions: &versions,
        ivs: &ivs(texts),
        lost: &HashMap::new(),
        owner: &|_| None,
    };
    let new = missing(&Chain::new(entries), &subject);
    let told = new.iter().map(|entry| {
        let keys: Vec<&str> = entry
            .event
            .values
            .iter()
            .map(|value| value.key.as_str())
            .collect();
        format!(
            "{} {} {}",
            entry.event.at.as_second(),
            entry.event.action,
            keys.join(",")
        )
    });
    let told = told.collect();
    let all: Vec<Entry> = entries.iter().cloned().chain(new).collect();
    let chain = Chain::new(&all);
    let leaves = versions.last().unwrap().leaves.clone();
    let state = State {
        file: FILE.into(),
        leaves,
    };
    let found = verify(&chain, [&state], &[], Timestamp::from_second(100).unwrap());
    assert_eq!(found, [], "{told:?}");
    let again = missing(&chain, &subject);
    assert_eq!(again, [], "{told:?}");
    (all, told)
}

#[test]
fn years_of_plain_sops_are_told() {
    let (entries, told) = record(
        &[],
        &[
            "a=1 b=2 c=clear",
            "a=3 b=2 c=clear",
            "a=3.x b=2.x c=clear",
            "a=3.x d=9",
        ],
    );
    assert_eq!(
        told,
        [
            "1 create a,b,c",
            "2 unknown a",
            "3 rekey a,b",
            "4 create d",
            "4 delete b,c"
        ]
    );
    let chain = Chain::new(&entries);
    let since = |key| {
        let heads = chain.heads(Place { file: FILE, key });
        heads[0].since.map(Timestamp::as_second)
    };
    assert_eq!(
        since("a"),
        Some(1),
        "neither the unknown change nor the new key renews it"
    );
    assert_eq!(entries[1].event.actor, "author 2");
}

#[test]
fn only_what_is_missing_is_told() {
    let (entries, _) = record(&[], &["a=1 b=2"]);
    assert_eq!(record(&entries, &["a=1 b=2"]).1, [""; 0]);
    let (entries, told) = record(&entries, &["a=1 b=2", "a=3 b=2", "a=4 b=2"]);
    assert_eq!(told, ["2 unknown a", "3 unknown a"]);
    // What is not committed yet, and what git does not remember.
    assert_eq!(record(&entries, &["a=9 b=2"]).1, ["1 unknown a"]);
    assert_eq!(record(&entries, &["a=4"]).1, ["1 delete b"]);
}

#[test]
fn what_was_taken_back_is_told_where_it_was() {
    let (entries, told) = record(&[], &["a=1", "a=2", "a=1"]);
    assert_eq!(told, ["1 create a", "2 unknown a", "3 rollback a"]);
    let restores = entries[2].event.values[0].restores;
    assert_eq!(restores, Some(entries[0].id));
    let (_, told) = record(&[], &["a=1", "a=2", "a=1", "a=1 b=9", "a=2 b=9"]);
    assert_eq!(
        told,
        [
            "1 create a",
            "2 unknown a",
            "3 rollback a",
            "4 create b",
            "5 rollback a"
        ]
    );
}

#[test]
fn a_key_may_go_and_come() {
    let texts = ["a=1 b=2", "b=2", "a=3 b=2"];
    assert_eq!(
        record(&[], &texts).1,
        ["1 create a,b", "2 delete a", "3 create a"]
    );
    let (entries, _) = record(&[], &["a=1 b=2", "b=2"]);
    assert_eq!(
        record(&entries, &["a=1 b=2", "b=2", "a=3 b=2"]).1,
        ["3 create a"]
    );
    // The whole file was away, and came back as it was.
    let (_, told) = record(&[], &["a=1", "", "a=1"]);
    assert_eq!(told, ["1 create a", "2 delete a", "3 rollback a"]);
}

#[test]
fn whenever_it_is_told_the_same_holds_in_the_end() {
    let texts = [
        "a=1 b=2",
        "a=3 b=2",
        "a=1 b=2",
        "b=2 c=4",
        "a=5 b=2.x c=4.x",
    ];
    let whole = record(&[], &texts).0;
    let mut step_by_step = Vec::new();
    for count in 1..=texts.len() {
        step_by_step = record(&step_by_step, &texts[..count]).0;
    }
    assert_eq!(whole, step_by_step);
}

#[test]
fn what_no_event_tells_of_is_told_from_its_beginning() {
    // Only `a` was told of, when it was rotated.
    let at = Timestamp::from_second(3).unwrap();
    let mut event = Event::new(at, "Ana", Action::Rotate, FILE);
    event.values.push(Change {
        key: "a".into(),
        from_key: None,
        from_file: None,
        rotated_from: Vec::new(),
        replaces: Vec::new(),
        restores: None,
        fingerprint: Some(Fingerprint::of(b"3")),
    });
    let rotated = [Entry::new(event)];
    let texts = ["a=1 b=8", "a=1 b=9", "a=3 b=9"];
    assert_eq!(record(&rotated, &texts).1, ["1 create b", "2 unknown b"]);
}

#[test]
fn what_a_branch_did_is_told_as_of_whoever_did_it() {
    let mut merged = version(9, "a=2 b=4 c=1");
    merged.by.insert(
        "a".into(),
        (Timestamp::from_second(5).unwrap(), "Bob".into()),
    );
    let versions = [version(1, "a=1 b=1 c=1"), merged];
    let subject = Subject {
        file: FILE,
        environment: None,
        versions: &versions,
        ivs: &Ivs::default(),
        lost: &HashMap::new(),
        owner: &|_| None,
    };
    let told: Vec<_> = missing(&Chain::new(&[]), &subject)
        .into_iter()
        .map(|entry| (entry.event.at.as_second(), entry.event.actor))
        .collect();
    let expected = [(1, "author 1"), (5, "Bob"), (9, "author 9")];
    assert_eq!(told, expected.map(|(at, actor)| (at, actor.to_owned())));
}

/// A list of which the first item went and came back.
#[test]
fn what_moved_away_and_comes_back_is_no_new_value() {
    let texts = [
        "l[0]=1 l[1]=2 l[2]=3",
        "l[0]=2 l[1]=3",
        "l[0]=1 l[1]=2 l[2]=3",
    ];
    let (_, told) = record(&[], &texts);
    assert_eq!(told.last().map(String::as_str), Some("3 move l[1],l[2]"));
    assert!(told.contains(&"3 rollback l[0]".to_owned()), "{told:?}");
}

#[test]
fn an_item_at_the_head_of_a_list_is_new() {
    let (_, told) = record(&[], &["l[0]=1", "l[0]=0 l[1]=1"]);
    assert_eq!(told, ["1 create l[0]", "2 create l[0]", "2 move l[1]"]);
}

#[test]
fn items_that_move_up_keep_their_history() {
    let texts = ["l[0]=1 l[1]=2 l[2]=3", "l[0]=2 l[1]=3"];
    let (_, told) = record(&[], &texts);
    assert_eq!(told, ["1 create l[0],l[1],l[2]", "2 move l[0],l[1]"]);
}

#[test]
fn two_heads_are_settled_by_what_stands_there() {
    let (entries, _) = record(&[], &["a=1"]);
    let branch = |print: &str| record(&entries, &["a=1", print]).0.pop().unwrap();
    let (ours, theirs) = (branch("a=2"), branch("a=3"));
    let both: Vec<Entry> = entries.iter().cloned().chain([ours, theirs]).collect();
    assert_eq!(record(&both, &["a=3"]).1, ["1 verify a"]);
    assert_eq!(record(&both, &["a=9"]).1, ["1 unknown a"]);
}

#[test]
fn a_file_that_was_renamed_keeps_its_history() {
    let (entries, _) = record(&[], &["a=1 b=2"]);
    let chain = Chain::new(&entries);
    let lost: HashMap<Fingerprint, Lost> = chain
        .places_of(FILE)
        .iter()
        .map(|place| {
            let heads = chain.heads(*place);
            let lost = Lost {
                file: FILE.into(),
                key: place.key.into(),
                heads: heads.iter().map(|node| node.entry.id).collect(),
            };
            (heads[0].change.fingerprint.unwrap(), lost)
        })
        .collect();
    let versions = [version(9, "a=1 b=2 c=3")];
    let subject = Subject {
        file: "g.enc.yaml",
        environment: None,
        versions: &versions,
        ivs: &Ivs::default(),
        lost: &lost,
        owner: &|_| None,
    };
    let new = missing(&chain, &subject);
    let all: Vec<Entry> = entries.iter().cloned().chain(new).collect();
    let chain = Chain::new(&all);
    let state = State {
        file: "g.enc.yaml".into(),
        leaves: versions[0].leaves.clone(),
    };
    assert_eq!(
        verify(&chain, [&state], &[], Timestamp::from_second(100).unwrap()),
        []
    );
    let heads = chain.heads(Place {
        file: "g.enc.yaml",
        key: "a",
    });
    assert_eq!(heads[0].since.unwrap().as_second(), 1);
    assert_eq!(heads[0].event().action, Action::Move);
}
