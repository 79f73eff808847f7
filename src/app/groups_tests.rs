//! Which group becomes which, and who gains or loses by it.

use proptest::prelude::*;

use super::*;
use crate::document::Meta;
use crate::keys::open::{Order, unwrap_groups};
use crate::keys::{Effort, KeyProvider, Kind, Report, Target, Unwrapped, WrapError, Wrapped};
use crate::rules::{Extras, RecipientKind};
use std::sync::Arc;

fn spec(name: &str) -> RecipientSpec {
    RecipientSpec {
        name: Some(name.to_owned()),
        kind: RecipientKind::Age,
        value: format!("age1{name}"),
        owner: None,
        expires: None,
        extras: Extras::default(),
        line: 1,
    }
}

/// Groups as letters: `ab c` are two, of Ana and Bob, and of Carol.
fn wanted(groups: &str) -> Vec<Vec<RecipientSpec>> {
    let group = |names: &str| names.chars().map(|name| spec(&name.to_string())).collect();
    groups.split(' ').map(group).collect()
}

fn entries(groups: &str) -> Vec<Vec<KeyEntry>> {
    let entry = |name: char| KeyEntry::age(&format!("age1{name}"), "x");
    let groups = groups.split(' ');
    groups
        .map(|names| names.chars().map(entry).collect())
        .collect()
}

fn regrouping(before: (&str, Option<usize>), after: (&str, Option<usize>)) -> Regrouping {
    let (entries, wanted) = (entries(before.0), wanted(after.0));
    Regrouping::between(
        (&entries, Shape::new(entries.len(), before.1)),
        (&wanted, Shape::new(wanted.len(), after.1)),
    )
}

fn letters<'a>(names: impl Iterator<Item = &'a RecipientSpec>) -> String {
    names.filter_map(|spec| spec.name.clone()).collect()
}

#[test]
fn access_is_taken_where_somebody_could_and_cannot() {
    for (before, after, taken) in [
        (("a b", None), ("a b", None), false),
        (("a b", None), ("b a", None), false),
        (("a b", None), ("a bc", None), false),
        (("a b", None), ("a b c", Some(2)), false),
        (("a b", None), ("a b c", None), true),
        (("a b c", Some(3)), ("a b c", Some(2)), false),
        (("a b c", Some(2)), ("a b c", Some(3)), true),
        (("a b c", Some(2)), ("a b", Some(2)), true),
        (("ab c", None), ("a c", None), true),
        (("ab", None), ("a b", None), true),
        (("a b", None), ("ab", None), false),
        (("a b", None), ("a", None), true),
        (("ab cd", None), ("ac bd", None), true),
    ] {
        let found = regrouping(before, after);
        assert_eq!(found.takes_access(), taken, "{before:?} {after:?}");
    }
}

#[test]
fn order_says_nothing() {
    assert!(regrouping(("ab c d", Some(2)), ("d ba c", Some(2))).is_none());
    assert!(!regrouping(("ab c d", Some(2)), ("d ba c", Some(3))).is_none());
}

#[test]
fn who_comes_goes_and_moves() {
    let found = regrouping(("ab c d", None), ("a bc e", None));
    assert_eq!(letters(found.newcomers()), "e");
    assert_eq!(letters(found.movers()), "b");
    let gone: Vec<String> = found.leavers().map(KeyEntry::recipient).collect();
    assert_eq!(gone, ["age1d"]);
    assert!(!found.only_grows());
}

#[test]
fn a_group_comes_from_the_one_that_it_has_most_in_common_with() {
    let found = regrouping(("abc d", None), ("dx bcy", None));
    let from: Vec<Option<usize>> = found.groups.iter().map(|group| group.from).collect();
    assert_eq!(from, [Some(1), Some(0)]);
    assert!(found.gone.is_empty());
}

#[test]
fn a_share_is_passed_on_only_by_who_has_it() {
    let found = regrouping(("a b c", Some(2)), ("a b cd", Some(2)));
    let share = |group| Share {
        group,
        bytes: Zeroizing::new(vec![0; 33]),
    };
    assert!(found.only_grows());
    assert!(found.entries_stay(&[share(0), share(2)]));
    assert!(!found.entries_stay(&[share(0), share(1)]));
}

#[test]
fn shapes_are_told_and_written_as_sops_does() {
    let told = |groups, threshold| Shape::new(groups, threshold).to_string();
    assert_eq!(told(1, None), "one group");
    assert_eq!(told(3, None), "3 of 3 groups");
    assert_eq!(told(3, Some(2)), "2 of 3 groups");
    assert_eq!(Shape::new(1, Some(1)).threshold(), None);
    assert_eq!(Shape::new(3, None).threshold(), Some(3));
}

#[test]
fn more_groups_than_there_are_coordinates() {
    let key = DataKey::from_bytes(&[1; 32]).unwrap();
    let failure = split(&key, Shape::new(256, Some(2))).unwrap_err();
    assert_eq!(failure.code, "too-many-groups");
    assert!(split(&key, Shape::new(255, Some(2))).is_ok());
    assert_eq!(
        split(&key, Shape::new(3, Some(4))).unwrap_err().code,
        "bad-threshold"
    );
}

/// Wraps into hexadecimal digits, and opens those of whom it holds.
struct Open(Vec<String>);

impl KeyProvider for Open {
    fn kind(&self) -> Kind {
        Kind::Age
    }

    fn wrap(&self, target: &Target, key: &[u8]) -> Result<Wrapped, WrapError> {
        let digits = key.iter().map(|byte| format!("{byte:02x}"));
        Ok(target.wrapped(digits.collect()))
    }

    fn unwrap(&self, entry: &Wrapped, _: Effort) -> Unwrapped {
        if !self.0.contains(&entry.recipient) {
            return Unwrapped::NotMine;
        }
        let bytes = (0..entry.enc.len() / 2)
            .map(|at| u8::from_str_radix(&entry.enc[2 * at..2 * at + 2], 16).unwrap());
        Unwrapped::Opened(Zeroizing::new(bytes.collect()))
    }

    fn report(&self) -> Report {
        Report::default()
    }
}

proptest! {
    /// A key is split, wrapped, written into metadata, read again and put together.
    #[test]
    fn metadata_keeps_what_was_split(
        key: [u8; 32],
        groups in 2usize..9,
        needed in 2usize..9,
        start in 0usize..9,
        held in 0usize..10,
    ) {
        let needed = needed.min(groups);
        let shape = Shape::new(groups, Some(needed));
        let key = DataKey::from_bytes(&key).unwrap();
        let wrapping = Open(Vec::new());
        let entries: Vec<Vec<KeyEntry>> = split(&key, shape)
            .unwrap()
            .iter()
            .enumerate()
            .map(|(number, share)| {
                let name = format!("age1{number}");
                let entry = wrapping.wrap(&Target::new(Kind::Age, name.as_str()), share).unwrap();
                vec![KeyEntry::age(&name, &entry.enc)]
            })
            .collect();
        let mut metadata = Metadata::new(&[vec![KeyEntry::age("age1x", "y")]], None, None, false);
        metadata.replace_recipients(&entries, shape.threshold());
        prop_assert!(metadata.fields().iter().all(|(name, _)| name != "age"));
        prop_assert_eq!(metadata.groups().unwrap(), entries);
        prop_assert_eq!(metadata.threshold().unwrap(), Some(needed));
        let mine = (0..held).map(|at| format!("age1{}", (start + at) % groups)).collect();
        let providers: [Arc<dyn KeyProvider>; 1] = [Arc::new(Open(mine))];
        let wrapped: Vec<Vec<Wrapped>> = metadata
            .groups()
            .unwrap()
            .iter()
            .map(|group| crate::app::entries::wrapped(group))
            .collect();
        let opened = unwrap_groups(&wrapped, needed, &providers, &Order::default());
        if held.min(groups) >= needed {
            prop_assert!(opened.unwrap().key == key);
        } else {
            prop_assert!(opened.is_err());
        }
        metadata.replace_recipients(&[vec![KeyEntry::age("age1x", "y")]], None);
        let left = |name: &str| metadata.fields().iter().any(|(field, _)| field == name);
        prop_assert!(!left("key_groups") && !left("shamir_threshold") && left("age"));
        prop_assert!(!metadata.fields().iter().any(|(_, value)| *value == Meta::Null));
    }
}
