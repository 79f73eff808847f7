use super::*;
use crate::keypath::KeyPath;
use crate::ledger::changes::{Said, Terms, differences, events};
use crate::ledger::event::{Change, Entry, Event};
use crate::ledger::fingerprint::Fingerprint;

const FILE: &str = "f.enc.yaml";

fn leaves(text: &str) -> Vec<Leaf> {
    let leaves = text.split_whitespace().map(|pair| {
        let (key, print) = pair.split_once('=').unwrap();
        Leaf {
            path: KeyPath::parse(key).unwrap(),
            key: key.into(),
            fingerprint: Fingerprint::of(print.as_bytes()),
            twin: false,
            is_misspelled: false,
        }
    });
    leaves.collect()
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// The events of a file that changed from one version to the next, a second apart.
fn told(versions: &[&str]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut before = Vec::new();
    for (at, version) in (1..).zip(versions) {
        let after = leaves(version);
        let found = differences(&before, &after, None);
        let said = Said {
            at: time(at),
            actor: "Ana",
            file: FILE,
            environment: None,
            changed: Action::Rotate,
            came: Action::Create,
            restores: None,
            recipients: &[],
            reason: None,
            note: None,
            out_of_order: false,
        };
        let kept = |_: &_| Terms {
            owner: None,
            grace_until: Some(time(at + 10)),
        };
        let new = events(&Chain::new(&entries), &found, &said, kept);
        entries.extend(new);
        before = after;
    }
    entries
}

fn findings(entries: &[Entry], file: &str, kept: &[Kept], now: i64) -> Vec<String> {
    let state = State {
        file: FILE.into(),
        leaves: leaves(file),
    };
    let found = verify(&Chain::new(entries), [&state], kept, time(now));
    let words = found.iter().map(|one| {
        let key = one.key.clone().unwrap_or_default();
        format!("{key} {}", one.what.code()).trim().to_owned()
    });
    words.collect()
}

fn event(action: Action, key: &str, from: &[Id], print: Option<&str>) -> Entry {
    let mut event = Event::new(time(7), "Mallory", action, FILE);
    event.values.push(Change {
        key: key.into(),
        from_key: None,
        from_file: None,
        rotated_from: from.to_vec(),
        replaces: Vec::new(),
        restores: None,
        fingerprint: print.map(|print| Fingerprint::of(print.as_bytes())),
    });
    Entry::new(event)
}

#[test]
fn a_ledger_that_tells_all_is_silent() {
    let entries = told(&["a=1 b=2", "a=3 b=2", "a=3", "a=3 c=4"]);
    assert_eq!(findings(&entries, "a=3 c=4", &[], 100), [""; 0]);
    assert_eq!(findings(&[], "", &[], 100), [""; 0]);
}

#[test]
fn every_change_without_an_event_is_named() {
    let entries = told(&["a=1 b=2 c=3"]);
    assert_eq!(
        findings(&entries, "a=9 c=3 d=4", &[], 100),
        ["a changed-without-event", "b key-gone", "d unknown-key"]
    );
    assert_eq!(findings(&[], "a=1", &[], 100), ["unknown-file"]);
    let chain = Chain::new(&entries);
    let found = verify(&chain, [], &[], time(100));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].what, Wrong::FileGone);
}

#[test]
fn every_event_without_a_change_is_named() {
    let mut entries = told(&["a=1"]);
    let first = entries[0].id;
    // It says that there is a new value, and the old one is there.
    entries.push(event(Action::Rotate, "a", &[first], Some("2")));
    assert_eq!(
        findings(&entries, "a=1", &[], 100),
        ["a event-without-change"]
    );
    // It says that there is a new value, and names the old one's ciphertext.
    entries[1] = event(Action::Rotate, "a", &[first], Some("1"));
    assert_eq!(
        findings(&entries, "a=1", &[], 100),
        ["a event-without-change"]
    );
    // It goes away and comes back, by its own account.
    let gone = event(Action::Delete, "a", &[first], None);
    let back = event(Action::Create, "a", &[gone.id], Some("1"));
    entries.splice(1.., [gone, back]);
    assert_eq!(
        findings(&entries, "a=1", &[], 100),
        ["a event-without-change"]
    );
    let chain = Chain::new(&entries);
    let place = Place {
        file: FILE,
        key: "a",
    };
    assert_eq!(
        chain.heads(place)[0].since,
        Some(time(1)),
        "and is as old as it was"
    );
    // Another one that never was, in between, and an explanation.
    let never = event(Action::Rotate, "a", &[first], Some("never"));
    let back = event(Action::Unknown, "a", &[never.id], Some("1"));
    let said = event(Action::Rotate, "a", &[back.id], Some("1"));
    entries.splice(1.., [never, back, said]);
    assert_eq!(
        findings(&entries, "a=1", &[], 100),
        ["a event-without-change"; 2]
    );
    let chain = Chain::new(&entries);
    assert_eq!(chain.heads(place)[0].since, Some(time(1)));
}

#[test]
fn two_branches_are_named_until_one_holds() {
    let mut entries = told(&["a=1"]);
    let first = entries[0].id;
    let ours = event(Action::Rotate, "a", &[first], Some("2"));
    let theirs = event(Action::Rotate, "a", &[first], Some("3"));
    let both = [ours.id, theirs.id];
    entries.extend([ours, theirs]);
    assert_eq!(findings(&entries, "a=2", &[], 100), ["a two-heads"]);
    entries.push(event(Action::Verify, "a", &both, Some("2")));
    assert_eq!(findings(&entries, "a=2", &[], 100), [""; 0]);
    // An event of nothing that was there does not pass for the first one.
    let mut entries = told(&["a=1"]);
    entries.push(event(Action::Create, "a", &[], Some("1")));
    assert_eq!(
        findings(&entries, "a=1", &[], 100),
        ["a event-without-change"]
    );
}

#[test]
fn what_is_gone_or_early_is_named() {
    let mut entries = told(&["a=1", "a=2", "a=3"]);
    entries.remove(1);
    assert_eq!(
        findings(&entries, "a=3", &[], 100),
        ["a two-heads", "a chain-broken"]
    );
    let entries = told(&["a=1"]);
    assert_eq!(
        findings(&entries, "a=1", &[], -90_000),
        ["a event-from-the-future"]
    );
    assert_eq!(
        findings(&entries, "a=1", &[], -80_000),
        [""; 0],
        "clocks differ"
    );
}

#[test]
fn values_whose_time_is_over_are_named() {
    let entries = told(&["a=1", "a=2"]);
    let kept = |file: &str, name: &str| {
        [Kept {
            file: file.into(),
            name: name.into(),
        }]
    };
    let name = format!("{}.json", entries[1].id);
    assert_eq!(findings(&entries, "a=2", &kept(FILE, &name), 11), [""; 0]);
    assert_eq!(
        findings(&entries, "a=2", &kept(FILE, &name), 12),
        ["a expired-value"]
    );
    for (file, name) in [(FILE, "x"), (FILE, "x.json"), ("other", &name), ("", "x")] {
        let found = findings(&entries, "a=2", &kept(file, name), 12);
        assert_eq!(found, ["stray-value"], "{file} {name}");
    }
    // What should still be kept is.
    assert_eq!(findings(&entries, "a=2", &[], 11), ["a kept-value-gone"]);
}
