use super::*;
use proptest::prelude::*;

/// A ledger that grows by one event at a time.
#[derive(Default)]
struct Book {
    entries: Vec<Entry>,
    time: i64,
}

impl Book {
    /// An event about `a` of one file, a day after the one before.
    fn add(&mut self, action: Action, from: &[Id], print: Option<&str>) -> Id {
        self.add_at("a", None, action, from, print)
    }

    fn add_at(
        &mut self,
        key: &str,
        from_key: Option<&str>,
        action: Action,
        from: &[Id],
        print: Option<&str>,
    ) -> Id {
        self.time += 86_400;
        let at = Timestamp::from_second(self.time).unwrap();
        let mut event = Event::new(at, "Ana", action, "f.enc.yaml");
        event.values.push(Change {
            key: key.into(),
            from_key: from_key.map(str::to_owned),
            from_file: None,
            rotated_from: from.to_vec(),
            replaces: Vec::new(),
            restores: None,
            fingerprint: print.map(|print| Fingerprint::of(print.as_bytes())),
        });
        self.put(event)
    }

    fn put(&mut self, event: Event) -> Id {
        let entry = Entry::new(event);
        let id = entry.id;
        self.entries.push(entry);
        id
    }

    /// The current versions of a key, and since which day each is known.
    fn heads(&self, key: &str) -> Vec<(Id, usize, Option<i64>)> {
        let chain = Chain::new(&self.entries);
        let heads = chain.heads(place(key));
        let day = |node: &&Node<'_>| node.since.map(|since| since.as_second() / 86_400);
        heads
            .iter()
            .map(|node| (node.entry.id, node.version, day(node)))
            .collect()
    }
}

fn place(key: &str) -> Place<'_> {
    Place {
        file: "f.enc.yaml",
        key,
    }
}

#[test]
fn events_chain_whatever_their_order() {
    let mut book = Book::default();
    let one = book.add(Action::Create, &[], Some("1"));
    let two = book.add(Action::Rotate, &[one], Some("2"));
    let three = book.add(Action::Rekey, &[two], Some("3"));
    let four = book.add(Action::Unknown, &[three], Some("4"));
    assert_eq!(
        book.heads("a"),
        [(four, 3, Some(2))],
        "an unknown change renews nothing"
    );
    let five = book.add(Action::Rotate, &[four], Some("4"));
    assert_eq!(
        book.heads("a"),
        [(five, 3, Some(4))],
        "it was a rotation, of its own day"
    );
    book.entries.reverse();
    assert_eq!(book.heads("a"), [(five, 3, Some(4))]);
    let chain = Chain::new(&book.entries);
    let history = chain.history(&chain.heads(place("a")));
    let ids: Vec<Id> = history.iter().map(|node| node.entry.id).collect();
    assert_eq!(ids, [one, two, three, four, five]);
}

#[test]
fn two_branches_have_two_heads_until_something_supersedes_both() {
    let mut book = Book::default();
    let base = book.add(Action::Create, &[], Some("1"));
    let ours = book.add(Action::Rotate, &[base], Some("2"));
    let theirs = book.add(Action::Rotate, &[base], Some("3"));
    let found = |id| (id, 2, None::<i64>);
    let heads = book
        .heads("a")
        .into_iter()
        .map(|(id, version, _)| (id, version, None));
    assert_eq!(heads.collect::<Vec<_>>(), [found(ours), found(theirs)]);
    let chain = Chain::new(&book.entries);
    let heads = chain.heads(place("a"));
    let print = |text: &str| Fingerprint::of(text.as_bytes());
    assert_eq!(standing(&heads, print("2"), false), Standing::Heads(true));
    assert_eq!(standing(&heads, print("1"), false), Standing::Heads(false));
    // Somebody says that theirs counts: it is as old as theirs.
    let kept = book.add(Action::Verify, &[ours, theirs], Some("3"));
    assert_eq!(book.heads("a"), [(kept, 2, Some(3))]);
    let new = book.add(Action::Rotate, &[kept], Some("5"));
    assert_eq!(book.heads("a"), [(new, 3, Some(5))]);
}

#[test]
fn a_value_keeps_its_history_when_it_moves() {
    let mut book = Book::default();
    let one = book.add(Action::Create, &[], Some("1"));
    let gone = book.add_at("b", None, Action::Create, &[], Some("x"));
    let gone = book.add_at("b", None, Action::Delete, &[gone], None);
    let mut event = Event::new(
        Timestamp::from_second(900_000).unwrap(),
        "A",
        Action::Move,
        "f.enc.yaml",
    );
    event.values.push(Change {
        key: "b".into(),
        from_key: Some("a".into()),
        from_file: None,
        rotated_from: vec![one],
        replaces: vec![gone],
        restores: None,
        fingerprint: Some(Fingerprint::of(b"2")),
    });
    let moved = book.put(event);
    assert_eq!(book.heads("a"), []);
    assert_eq!(book.heads("b"), [(moved, 1, Some(1))]);
    let chain = Chain::new(&book.entries);
    assert_eq!(chain.places().collect::<Vec<_>>(), [place("b")]);
    assert_eq!(chain.dangling().count(), 0);
    assert!(chain.knows_file("f.enc.yaml") && !chain.knows_file("a"));
}

#[test]
fn what_came_back_is_as_old_as_it_was() {
    let mut book = Book::default();
    let one = book.add(Action::Create, &[], Some("1"));
    let two = book.add(Action::Rotate, &[one], Some("2"));
    let gone = book.add(Action::Delete, &[two], None);
    let back = book.add(Action::Restore, &[gone], Some("3"));
    assert_eq!(book.heads("a"), [(back, 2, Some(2))]);
    let mut event = Event::new(
        Timestamp::from_second(900_000).unwrap(),
        "A",
        Action::Rollback,
        "f.enc.yaml",
    );
    event.values.push(Change {
        key: "a".into(),
        from_key: None,
        from_file: None,
        rotated_from: vec![back],
        replaces: Vec::new(),
        restores: Some(one),
        fingerprint: Some(Fingerprint::of(b"4")),
    });
    let rolled = book.put(event);
    assert_eq!(book.heads("a"), [(rolled, 3, Some(1))]);
}

#[test]
fn what_is_missing_is_named() {
    let mut book = Book::default();
    let lost = Id::of(&[b"lost"]);
    let one = book.add(Action::Rotate, &[lost], Some("1"));
    let chain = Chain::new(&book.entries);
    let dangling: Vec<(Id, Id)> = chain
        .dangling()
        .map(|(node, id)| (node.entry.id, id))
        .collect();
    assert_eq!(dangling, [(one, lost)]);
    assert_eq!(book.heads("a"), [(one, 1, Some(1))]);
    // An event of another key is none of this one's history.
    book.add_at("b", None, Action::Rotate, &[one], Some("2"));
    assert_eq!(Chain::new(&book.entries).dangling().count(), 2);
}

#[test]
fn what_stands_there_is_compared() {
    let mut book = Book::default();
    let print = |text: &str| Fingerprint::of(text.as_bytes());
    let look = |book: &Book, found, twin| {
        standing(&Chain::new(&book.entries).heads(place("a")), found, twin)
    };
    assert_eq!(look(&book, print("1"), false), Standing::Unknown);
    let one = book.add(Action::Create, &[], Some("1"));
    assert_eq!(look(&book, print("1"), false), Standing::Agrees);
    assert_eq!(look(&book, print("2"), false), Standing::Differs);
    assert_eq!(look(&book, print("2"), true), Standing::Agrees);
    assert_eq!(look(&book, Fingerprint::Clear, true), Standing::Agrees);
    book.add(Action::Delete, &[one], None);
    assert_eq!(look(&book, print("1"), false), Standing::Unknown);
}

#[test]
fn a_long_chain_takes_no_stack() {
    let mut book = Book::default();
    let mut last = book.add(Action::Create, &[], Some("0"));
    for number in 1..30_000 {
        last = book.add(Action::Rotate, &[last], Some(&number.to_string()));
    }
    assert_eq!(book.heads("a")[0].1, 30_000);
    let chain = Chain::new(&book.entries);
    assert_eq!(chain.history(&chain.heads(place("a"))).len(), 30_000);
}

proptest! {
    /// Whatever events supersede each other, every node is counted and some place has a head.
    #[test]
    fn any_tangle_is_counted(links in proptest::collection::vec((0usize..12, 0usize..20, 0usize..20), 1..20)) {
        let mut book = Book::default();
        let mut ids: Vec<Id> = Vec::new();
        for (number, (action, one, other)) in links.into_iter().enumerate() {
            let action = Action::ALL[action].0;
            let from: Vec<Id> = [one, other].iter().filter_map(|at| ids.get(*at).copied()).collect();
            let print = (action != Action::Delete).then(|| number.to_string());
            ids.push(book.add(action, &from, print.as_deref()));
        }
        let chain = Chain::new(&book.entries);
        prop_assert!(chain.nodes().iter().all(|node| node.version > 0));
        let heads = chain.heads(place("a"));
        prop_assert!(!heads.is_empty());
        let all = chain.history(&heads);
        let mut unique: Vec<Id> = all.iter().map(|node| node.entry.id).collect();
        unique.sort();
        unique.dedup();
        prop_assert_eq!(unique.len(), ids.len());
    }
}
