//! Tests of [`super`]: what is tried in which order, and what is told when nothing opens.

use super::*;
use crate::keys::age::AgeError;
use crate::keys::testing::{age_entry, open_with};
use crate::keys::{Extras, Kind, Target, WrapError};
use std::sync::Mutex;

/// Opens entries whose `enc` says how: `EFFORT BYTE LENGTH`, `EFFORT share INDEX` or
/// `EFFORT fails`.
#[derive(Default)]
struct Fake {
    held: Vec<Held>,
    expected: &'static str,
    shares: Vec<Zeroizing<Vec<u8>>>,
    asked: Mutex<Vec<String>>,
}

impl KeyProvider for Fake {
    fn kind(&self) -> Kind {
        Kind::Age
    }

    fn wrap(&self, target: &Target, _key: &[u8]) -> Result<Wrapped, WrapError> {
        Ok(target.wrapped(String::new()))
    }

    fn expects(&self, entries: &[&Wrapped], _effort: Effort) -> Option<usize> {
        entries
            .iter()
            .position(|entry| entry.recipient == self.expected)
    }

    fn unwrap(&self, entry: &Wrapped, effort: Effort) -> Unwrapped {
        self.asked
            .lock()
            .unwrap()
            .push(format!("{} {effort:?}", entry.recipient));
        let words: Vec<&str> = entry.enc.split(' ').collect();
        match words[..] {
            [at, "fails"] if at == format!("{effort:?}") => {
                Unwrapped::Failed(Box::new(AgeError::Mismatch))
            }
            [at, "share", index] if at == format!("{effort:?}") => {
                Unwrapped::Opened(self.shares[index.parse::<usize>().unwrap()].clone())
            }
            [at, byte, length] if at == format!("{effort:?}") => {
                Unwrapped::Opened(vec![byte.parse().unwrap(); length.parse().unwrap()].into())
            }
            _ => Unwrapped::NotMine,
        }
    }

    fn report(&self) -> Report {
        Report {
            held: self.held.clone(),
            troubles: vec!["MVX_AGE_KEY: it holds no identity".to_owned()],
            notes: Vec::new(),
        }
    }
}

fn held(recipient: Option<&str>) -> Held {
    Held {
        source: "here".to_owned(),
        kind: "X25519".to_owned(),
        recipient: recipient.map(str::to_owned),
        protected: false,
    }
}

fn told(failure: &OpenFailure) -> Vec<String> {
    let mut lines = vec![failure.to_string()];
    let mut cause = failure.source();
    while let Some(error) = cause {
        lines.push(error.to_string());
        cause = error.source();
    }
    lines
}

#[test]
fn all_entries_are_tried_with_less_effort_before_any_with_more() {
    let fake = Arc::new(Fake::default());
    let entries = [
        age_entry("a", "Device 1 32"),
        age_entry("b", "never"),
        age_entry("c", "Ssh 3 32"),
    ];
    let opened = open_with(&entries, &fake).ok().unwrap();
    assert_eq!(opened.recipients, ["c"]);
    assert_eq!(opened.key.expose(), &[3; 32]);
    assert_eq!(
        *fake.asked.lock().unwrap(),
        ["a Plain", "b Plain", "c Plain", "a Ssh", "b Ssh", "c Ssh"]
    );
}

#[test]
fn an_entry_that_names_an_identity_goes_first() {
    let fake = Arc::new(Fake {
        expected: "c",
        ..Fake::default()
    });
    let entries = [age_entry("a", "Plain 1 32"), age_entry("c", "Plain 3 32")];
    let opened = open_with(&entries, &fake).ok().unwrap();
    assert_eq!(opened.recipients, ["c"]);
    assert_eq!(*fake.asked.lock().unwrap(), ["c Plain"]);
}

#[test]
fn a_failure_lists_recipients_reasons_and_sources_a_line_each() {
    let fake = Arc::new(Fake {
        held: vec![held(Some("x")), held(Some("x")), held(None)],
        ..Fake::default()
    });
    let cloud = Wrapped {
        kind: Kind::of_field("hckms"),
        recipient: "eu-west-1:7".to_owned(),
        extras: Extras::default(),
        enc: String::new(),
    };
    let entries = [
        age_entry("age1qqqqqqqqqqqqqqqqqqqqqqx7", "Plain fails"),
        age_entry("age1pqqqqqqqqqqqqqqqqqqqqqx8", "Plain 1 31"),
        cloud,
    ];
    let failure = open_with(&entries, &fake).err().unwrap();
    assert_eq!(
        told(&failure),
        [
            "none of your 2 identities opens this file",
            "it is sealed for age1q…x7, age1p…x8 and eu-west-1:7",
            "eu-west-1:7: mvx does not know keys of kind hckms",
            "age1q…x7: it names your key, but your key does not open it",
            "age1p…x8: it holds 31 bytes where a key has 32",
            "MVX_AGE_KEY: it holds no identity",
        ]
    );
    assert_eq!(
        (failure.exit(), failure.code()),
        (Exit::NO_IDENTITY, "no-identity")
    );
    assert!(failure.hints()[0].contains("mvx doctor FILE"));
    assert!(failure.hints()[1].contains("MVX_AGE_KEY_FILE"));
}

#[test]
fn the_message_counts_identities_and_cuts_long_lists() {
    let failure = |identities: usize, entries: usize| {
        let fake = Arc::new(Fake {
            held: (0..identities).map(|_| held(None)).collect(),
            ..Fake::default()
        });
        let entries: Vec<_> = (0..entries)
            .map(|index| age_entry(&format!("r{index}"), "never"))
            .collect();
        told(&open_with(&entries, &fake).err().unwrap())
    };
    let none = failure(0, 0);
    assert_eq!(
        none[0],
        "this machine holds no identity that could open the file"
    );
    assert_eq!(none[1], "it is sealed for nobody");
    assert_eq!(
        failure(1, 1)[0],
        "your one identity does not open this file"
    );
    assert_eq!(
        failure(1, 8)[1],
        "it is sealed for r0, r1, r2, r3, r4, r5, r6 and r7"
    );
    assert_eq!(
        failure(1, 20)[1],
        "it is sealed for r0, r1, r2, r3, r4, r5, r6 and 13 more"
    );
}

#[test]
fn key_groups_are_opened_with_the_least_effort_and_their_shares_combined() {
    let key = DataKey::from_bytes(&[9; 32]).unwrap();
    let shares = shamir::split(&key, 3, 2, &[5; 32]).unwrap();
    let provider = Arc::new(Fake {
        held: vec![held(None)],
        shares,
        ..Fake::default()
    });
    let groups = [
        vec![age_entry("a", "Device share 0")],
        vec![age_entry("b", "Ssh share 1")],
        vec![age_entry("c", "Plain share 2")],
    ];
    let opened = unwrap_groups(&groups, 2, &[Arc::clone(&provider) as _], &Order::Cheapest)
        .ok()
        .unwrap();
    assert!(opened.key == key);
    assert_eq!(opened.recipients, ["b", "c"]);
    assert!(unwrap_groups(&groups, 0, &[Arc::clone(&provider) as _], &Order::Cheapest).is_ok());

    let groups = [
        vec![age_entry("a", "Plain share 0")],
        vec![age_entry("b", "never")],
    ];
    let failure = unwrap_groups(&groups, 2, &[Arc::clone(&provider) as _], &Order::Cheapest)
        .err()
        .unwrap();
    assert_eq!(
        told(&failure)[..2],
        [
            "your identities open 1 of the 2 key groups that it takes to open this file",
            "its key groups are sealed for a and for b",
        ]
    );
    let groups = [
        vec![age_entry("a", "Plain share 0")],
        vec![age_entry("b", "Plain share 0")],
    ];
    let failure = unwrap_groups(&groups, 2, &[Arc::clone(&provider) as _], &Order::Cheapest)
        .err()
        .unwrap();
    assert_eq!(
        (failure.exit(), failure.code()),
        (Exit::VALUE, "bad-shares")
    );
}

/// Opens every entry of its kind with one effort, and notes it.
struct Sole {
    kind: Kind,
    effort: Effort,
    log: Arc<Mutex<Vec<String>>>,
}

impl KeyProvider for Sole {
    fn kind(&self) -> Kind {
        self.kind.clone()
    }

    fn wrap(&self, target: &Target, _key: &[u8]) -> Result<Wrapped, WrapError> {
        Ok(target.wrapped(String::new()))
    }

    fn unwrap(&self, entry: &Wrapped, effort: Effort) -> Unwrapped {
        if effort != self.effort {
            return Unwrapped::NotMine;
        }
        let line = format!("{} {effort:?}", entry.recipient);
        self.log.lock().unwrap().push(line);
        Unwrapped::Opened(vec![1; 32].into())
    }

    fn report(&self) -> Report {
        Report::default()
    }
}

#[test]
fn an_order_of_kinds_comes_before_the_effort_that_they_take() {
    let order = Order::parse("pgp, aws_kms,age").unwrap();
    assert_eq!(
        order,
        Order::Kinds(vec![Kind::Pgp, Kind::AwsKms, Kind::Age])
    );
    assert_eq!(Order::parse("kms"), Order::parse("aws_kms"));
    for wrong in ["", "age,", "moon_kms", "age kms"] {
        assert_eq!(Order::parse(wrong), None, "{wrong}");
    }
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let sole = |kind, effort| -> Arc<dyn KeyProvider> {
        let log = Arc::clone(&log);
        Arc::new(Sole { kind, effort, log })
    };
    let providers = [
        sole(Kind::Age, Effort::Plain),
        sole(Kind::AwsKms, Effort::Network),
    ];
    let entries = [
        Target::new(Kind::AwsKms, "arn").wrapped(String::new()),
        age_entry("a", ""),
    ];
    for (order, expected) in [
        (Order::Cheapest, "a Plain"),
        (order, "arn Network"),
        (Order::Kinds(vec![Kind::Age]), "a Plain"),
        (Order::Kinds(vec![Kind::Pgp, Kind::Vault]), "a Plain"),
    ] {
        assert!(unwrap_any(&entries, &providers, &order).is_ok());
        let noted = std::mem::take(&mut *log.lock().unwrap());
        assert_eq!(noted, [expected], "{order:?}");
    }
}
