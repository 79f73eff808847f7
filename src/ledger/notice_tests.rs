//! Tests of [`super`].

use std::convert::Infallible;

use super::*;
use crate::ledger::fingerprint::Fingerprint;

const FILE: &str = "s/app.enc.yaml";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(2_000_000_000 + seconds).unwrap()
}

fn change(key: &str, from: &[Id]) -> Change {
    Change {
        key: key.into(),
        from_key: None,
        from_file: None,
        rotated_from: from.to_vec(),
        replaces: Vec::new(),
        restores: None,
        fingerprint: Some(Fingerprint::of(format!("ENC[{key}{from:?}]").as_bytes())),
    }
}

fn event(seconds: i64, action: Action, changes: Vec<Change>) -> Event {
    let mut event = Event::new(at(seconds), "Ana <ana@example.com>", action, FILE);
    event.values = changes;
    event
}

fn ids(entries: &[Entry]) -> Vec<Id> {
    entries.iter().map(|entry| entry.id).collect()
}

#[test]
fn what_an_event_came_from_is_told_before_it_whatever_the_clocks_say() {
    let first = Entry::new(event(90, Action::Create, vec![change("A", &[])]));
    let second = Entry::new(event(50, Action::Rotate, vec![change("A", &[first.id])]));
    let third = Entry::new(event(10, Action::Rotate, vec![change("A", &[second.id])]));
    let other = Entry::new(event(60, Action::Create, vec![change("B", &[])]));
    let later = Entry::new(event(95, Action::Create, vec![change("C", &[])]));
    let all = [&third, &later, &second, &other, &first, &third].map(Clone::clone);
    let expected = [&other, &first, &second, &third, &later].map(|entry| entry.id);
    assert_eq!(ids(&in_order(all.to_vec())), expected);
    let alone = in_order(vec![third.clone()]);
    assert_eq!(ids(&alone), [third.id], "what it came from was told before");
}

#[test]
fn a_message_says_what_changed_and_nothing_else() {
    let first = Entry::new(event(0, Action::Create, vec![change("old", &[])]));
    let mut moved = event(1, Action::Move, vec![change("new", &[first.id])]);
    moved.values[0].from_key = Some("old".into());
    let moved = Entry::new(moved);
    let mut last = event(2, Action::Rotate, vec![change("new", &[moved.id])]);
    last.note = Some("a note".into());
    last.reason = Some("offboard:bob".into());
    last.owner = Some("an owner".into());
    last.recipients = vec!["bob".into()];
    last.environment = Some("prod".into());
    last.grace_until = Some(at(3));
    let last = Entry::new(last);
    let all = [first, moved, last];
    let chain = Chain::new(&all);
    let users =
        |_: &Event, change: &Change| Ok::<_, Infallible>(vec![format!("user of {}", change.key)]);
    let told = Notice::of(&all[2], &chain, users).unwrap().to_json();
    let expected = json!({
        "version": 1,
        "id": all[2].id.to_string(),
        "action": "rotate",
        "at": "2033-05-18T03:33:22Z",
        "file": FILE,
        "environment": "prod",
        "secrets": [{
            "id": "s/app.enc.yaml#new",
            "name": "new",
            "moved_from": null,
            "version": 2,
            "rotated_from": [all[1].id.to_string()],
            "consumers": ["user of new"],
        }],
        "recipients": [],
        "reason": "offboard",
        "grace_until": "2033-05-18T03:33:23Z",
    });
    assert_eq!(told, expected);
    let told = Notice::of(&all[1], &chain, users).unwrap().to_json();
    assert_eq!(told["secrets"][0]["moved_from"], "s/app.enc.yaml#old");
    assert_eq!(told["secrets"][0]["version"], 1);
}

#[test]
fn a_reason_is_told_where_it_is_a_word() {
    for (reason, told) in [
        ("scheduled", Some("scheduled")),
        ("leak", Some("leak")),
        ("request", Some("request")),
        ("offboard:bob@example.com", Some("offboard")),
        ("Leaked: bob's laptop", Some("leak")),
        ("request: ticket 4711", None),
        ("the vendor was breached", None),
        ("", None),
    ] {
        assert_eq!(known_reason(reason), told, "{reason}");
    }
}

#[test]
fn each_is_told_of_what_it_uses() {
    let entry = Entry::new(event(
        0,
        Action::Rotate,
        vec![change("A", &[]), change("B", &[])],
    ));
    let entries = [entry];
    let chain = Chain::new(&entries);
    let users = |_: &Event, change: &Change| match change.key.as_str() {
        "A" => Ok::<_, Infallible>(vec!["web".into(), "jobs".into()]),
        _ => Ok(Vec::new()),
    };
    let notice = Notice::of(&entries[0], &chain, users).unwrap();
    let names = |actions: Option<&[&'static str]>, consumers: Option<&[&str]>| {
        let consumers =
            consumers.map(|all| all.iter().map(|&one| one.to_owned()).collect::<Vec<_>>());
        let own = notice.for_whom(actions, consumers.as_deref())?;
        let names = own.secrets.into_iter().map(|secret| secret.name);
        Some(names.collect::<Vec<_>>().join(" "))
    };
    assert_eq!(names(None, None).as_deref(), Some("A B"));
    assert_eq!(names(Some(&["rotate"]), None).as_deref(), Some("A B"));
    assert_eq!(names(Some(&["delete"]), None), None);
    assert_eq!(names(None, Some(&["jobs", "x"])).as_deref(), Some("A"));
    assert_eq!(names(None, Some(&["x"])), None);
    let mut people = event(0, Action::Grant, Vec::new());
    people.recipients = vec!["bob".into()];
    let people = Entry::new(people);
    let told = Notice::of(&people, &Chain::new([&people]), users).unwrap();
    assert_eq!(told.to_json()["recipients"], json!(["bob"]));
    assert_eq!(told.for_whom(None, Some(&["web".into()])), None);
    assert_eq!(told.for_whom(None, None), Some(told.clone()));
}
