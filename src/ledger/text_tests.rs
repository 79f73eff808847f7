use super::*;
use proptest::prelude::*;

fn sample() -> Event {
    let at = "2026-11-22T09:30:00Z".parse().unwrap();
    let mut event = Event::new(at, "Ana <ana@example.com>", Action::Rotate, "s/a.enc.yaml");
    event.environment = Some("prod".into());
    event.reason = Some("scheduled".into());
    event.grace_until = Some("2026-11-23T09:30:00Z".parse().unwrap());
    event.values = vec![Change {
        key: "STRIPE_KEY".into(),
        from_key: None,
        from_file: None,
        rotated_from: vec![Id::of(&[b"1"])],
        replaces: Vec::new(),
        restores: None,
        fingerprint: Some(Fingerprint::of(b"ENC[1]")),
    }];
    event
}

#[test]
fn an_event_reads_like_this() {
    insta::assert_snapshot!(Entry::new(sample()).to_text(), @r#"
    version = 1
    id = "2y7g0wncz118zgewmsdhr97mb2"
    at = 2026-11-22T09:30:00Z
    actor = "Ana <ana@example.com>"
    action = "rotate"
    file = "s/a.enc.yaml"
    environment = "prod"
    key = "STRIPE_KEY"
    rotated_from = "3bgts77zsmzkgsttw09vznmftq"
    fingerprint = "bcd9c83f5fd67a4bee9ef11a2d8860e9"
    reason = "scheduled"
    grace_until = 2026-11-23T09:30:00Z
    "#);
}

#[test]
fn another_spelling_is_the_same_event() {
    let entry = Entry::new(sample());
    let text = entry.to_text();
    let spelled = [
        text.clone(),
        format!("# a remark\n{text}"),
        text.replace(" = ", "="),
        text.replace("\"prod\"", "'prod'"),
        text.replace("\"prod\"", "\"pro\\u0064\""),
        text.replace('\n', "\r\n"),
        text.lines().rev().collect::<Vec<_>>().join("\n"),
    ];
    for text in spelled {
        assert_eq!(Entry::parse(&text), Ok(entry.clone()), "{text}");
    }
}

#[test]
fn what_was_edited_is_found() {
    let text = Entry::new(sample()).to_text();
    for (from, to) in [
        ("scheduled", "leak"),
        ("09:30:00Z\nactor", "09:30:01Z\nactor"),
        ("prod", "dev"),
        ("grace_until = 2026-11-23T09:30:00Z\n", ""),
        ("\nreason", "\nnote = \"x\"\nreason"),
        ("STRIPE", "STRIPES"),
    ] {
        let edited = text.replace(from, to);
        assert_ne!(edited, text);
        assert_eq!(Entry::parse(&edited), Err(EventError::Edited), "{edited}");
    }
}

#[test]
fn what_is_no_event_says_why() {
    let text = Entry::new(sample()).to_text();
    let changed = |from: &str, to: &str| Entry::parse(&text.replace(from, to)).unwrap_err();
    assert_eq!(Entry::parse(""), Err(EventError::Missing("version")));
    assert_eq!(Entry::parse("\u{0}"), Err(EventError::NotToml));
    assert_eq!(changed("version = 1", "version = 2"), EventError::Newer(2));
    assert_eq!(
        changed("\"rotate\"", "\"rotated\""),
        EventError::BadField("action")
    );
    assert_eq!(
        changed("environment", "enviroment"),
        EventError::UnknownField
    );
    assert_eq!(
        changed("key = \"STRIPE_KEY\"\n", ""),
        EventError::Missing("key")
    );
    assert_eq!(
        changed("reason = ", "reason = 1 # "),
        EventError::BadField("reason")
    );
    let twice = format!("{text}note = \"a\"\nnote = \"b\"\n");
    assert_eq!(Entry::parse(&twice), Err(EventError::NotToml));
    let inside = format!("{text}[[values]]\nkey = \"a\"\n");
    assert_eq!(Entry::parse(&inside), Err(EventError::BadField("key")));
    let deep = format!("note = {}", "[".repeat(100_000));
    assert_eq!(Entry::parse(&deep), Err(EventError::NotToml));
}

#[test]
fn what_hides_is_shown() {
    let mut event = sample();
    event.note = Some("a\u{202e}b\u{1b}[2J\n\"\\".into());
    let entry = Entry::new(event);
    let text = entry.to_text();
    assert!(
        text.contains(r#"note = "a\U0000202Eb\U0000001B[2J\n\"\\""#),
        "{text}"
    );
    assert_eq!(Entry::parse(&text), Ok(entry));
}

fn texts() -> impl Strategy<Value = Option<String>> {
    proptest::option::of("(?s).{1,20}")
}

prop_compose! {
    fn changes(deleted: bool)(
        key in "(?s).{1,20}",
        from_key in texts(),
        rotated_from in proptest::collection::vec(any::<[u8; 4]>(), 0..3),
        replaces in proptest::collection::vec(any::<[u8; 4]>(), 0..3),
        restores in any::<Option<[u8; 4]>>(),
        envelope in any::<[u8; 4]>(),
    ) -> Change {
        Change {
            key,
            from_key,
            from_file: None,
            rotated_from: rotated_from.iter().map(|seed| Id::of(&[seed])).collect(),
            replaces: replaces.iter().map(|seed| Id::of(&[seed])).collect(),
            restores: restores.map(|seed| Id::of(&[&seed])),
            fingerprint: (!deleted).then(|| Fingerprint::of(&envelope)),
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        seconds in 0i64..4_000_000_000,
        actor in "(?s).{1,20}",
        (action, values) in (0usize..12).prop_flat_map(|number| {
            let action = Action::ALL[number].0;
            let values = proptest::collection::vec(changes(action == Action::Delete), 0..4);
            values.prop_map(move |values| (action, values))
        }),
        (environment, reason, note) in (texts(), texts(), texts()),
        recipients in proptest::collection::vec("(?s).{1,9}", 0..3),
        out_of_order: bool,
    ) {
        let at = Timestamp::from_second(seconds).unwrap();
        let mut event = Event::new(at, &actor, action, "a/b.enc.yaml");
        event.values = values;
        event.environment = environment;
        event.reason = reason;
        event.note = note;
        event.recipients = recipients;
        event.out_of_order = out_of_order;
        let entry = Entry::new(event);
        let text = entry.to_text();
        prop_assert_eq!(Entry::parse(&text), Ok(entry.clone()), "{}", text);
        // The library reads the same as our own reader does.
        let other = any_toml(&text).and_then(Draft::finish);
        prop_assert_eq!(other, Ok((entry.id, entry.event)));
    }

    #[test]
    fn nothing_breaks_the_reader(text in "(?s).{0,300}") {
        Entry::parse(&text).ok();
    }

    #[test]
    fn no_byte_can_be_changed_unseen(at in 0usize..500, byte in b' '..b'~') {
        let entry = Entry::new(sample());
        let text = entry.to_text();
        let mut bytes = text.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let changed = String::from_utf8(bytes).unwrap();
        // An edit is no event, or says the same (a blank in a remark or between fields).
        if let Ok(read) = Entry::parse(&changed) {
            prop_assert_eq!(read, entry);
        }
    }
}
