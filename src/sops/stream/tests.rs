use proptest::prelude::*;

use super::outline::Outliner;
use super::*;
use crate::sops::cipher::tests::Counter;
use crate::sops::metadata::KeyEntry;
use crate::sops::open::{Check, open, plaintext};
use crate::stores::Format;

fn key() -> DataKey {
    DataKey::from_bytes(&[7; 32]).unwrap()
}

fn metadata(only_encrypted: bool) -> Metadata {
    let entry = KeyEntry::age("age1example", "armour\nof two lines <&>\n");
    Metadata::new(&[vec![entry]], None, None, only_encrypted)
}

fn plain(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * i / 7).to_le_bytes()[0]).collect()
}

/// Sealed in pieces of these sizes, in turn.
fn sealed(text: &[u8], sizes: &[usize], only_encrypted: bool) -> Vec<u8> {
    let sealer = Sealer {
        store: Format::Binary.store(),
        key: &key(),
        now: "2026-11-22T12:00:00Z",
        random: &mut Counter(1),
    };
    let mut sealing = Sealing::new(sealer, metadata(only_encrypted), text.len() as u64).unwrap();
    let mut out = sealing.head().to_vec();
    for piece in cut(text, sizes) {
        sealing.update(piece, &mut out).unwrap();
    }
    sealing.finish(&mut out).unwrap();
    out
}

fn sealed_in_memory(text: &[u8]) -> Vec<u8> {
    let mut sealer = Sealer {
        store: Format::Binary.store(),
        key: &key(),
        now: "2026-11-22T12:00:00Z",
        random: &mut Counter(1),
    };
    let done = sealer.seal(text, metadata(false), None).unwrap();
    done.text.as_bytes().to_vec()
}

fn cut<'t>(mut text: &'t [u8], sizes: &[usize]) -> Vec<&'t [u8]> {
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle() {
        if text.is_empty() {
            break;
        }
        let (piece, rest) = text.split_at(text.len().min(*size));
        pieces.push(piece);
        text = rest;
    }
    pieces
}

#[derive(Debug, PartialEq)]
enum Answer {
    NoOutline,
    Unusual,
    Failed(&'static str),
    Changed,
    Opened(Vec<u8>, SealState),
}

/// Opens a text in pieces, twice; the second time what `again` makes of it.
fn opened_twice(text: &[u8], sizes: &[usize], again: impl Fn(&mut [u8])) -> Answer {
    use crate::error::Explain as _;

    let mut outliner = Outliner::default();
    for piece in cut(text, sizes) {
        if outliner.update(piece).is_err() {
            return Answer::NoOutline;
        }
    }
    let Ok(outline) = outliner.finish() else {
        return Answer::NoOutline;
    };
    let Ok(tree) = Format::Binary.store().parse(outline.text.as_bytes()) else {
        return Answer::Unusual;
    };
    let Some(block) = tree.meta() else {
        return Answer::Unusual;
    };
    let metadata = Metadata::from_block(block);
    let Some(value) = Value::find(&outline, &tree, &metadata) else {
        return Answer::Unusual;
    };
    let part = value.bulk();
    let part = usize::try_from(part.start).unwrap()..usize::try_from(part.end).unwrap();
    let read = || -> Result<(Vec<u8>, Opened), OpenError> {
        let mut opening = value.open(&key(), &metadata)?;
        let mut plain = Vec::new();
        for piece in cut(&text[part.clone()], sizes) {
            plain.extend_from_slice(opening.update(piece)?);
        }
        let opened = opening.finish(&key(), &metadata)?;
        plain.extend_from_slice(opened.last.as_bytes());
        Ok((plain, opened))
    };
    let (plain, opened) = match read() {
        Ok(done) => done,
        Err(error) => return Answer::Failed(error.code()),
    };
    assert_eq!(value.length(), plain.len() as u64);
    let mut later = text.to_vec();
    again(&mut later);
    let mut once_more = value.open_again(&key(), opened.checked);
    let mut same = Vec::new();
    for piece in cut(&later[part], sizes) {
        let Ok(piece) = once_more.update(piece) else {
            assert!(plain.starts_with(&same), "nothing else came out");
            return Answer::Changed;
        };
        same.extend_from_slice(piece);
    }
    same.extend_from_slice(once_more.finish().unwrap().as_bytes());
    assert!(same == plain);
    Answer::Opened(plain, opened.seal)
}

fn opened(text: &[u8], sizes: &[usize]) -> Answer {
    opened_twice(text, sizes, |_| {})
}

/// What the rest of mvx makes of a text.
fn opened_in_memory(text: &[u8]) -> (Vec<u8>, SealState) {
    let store = Format::Binary.store();
    let tree = store.parse(text).unwrap();
    let metadata = Metadata::from_block(tree.meta().unwrap());
    let mut opened = open(&tree, &metadata, &key(), Check::Required).unwrap();
    let plain = plaintext(store, text, &tree, &mut opened).unwrap();
    (plain.as_bytes().to_vec(), opened.seal)
}

#[test]
fn large_and_small_files_are_sealed_alike() {
    for length in [100_000, 100_001, 100_002, 100_003] {
        let text = plain(length);
        let small = sealed_in_memory(&text);
        assert!(sealed(&text, &[997], false) == small, "to the byte");
        assert_eq!(
            opened(&small, &[1009]),
            Answer::Opened(text, SealState::Valid)
        );
    }
    let text = plain(90_000);
    let only = sealed(&text, &[4096], true);
    assert!(opened_in_memory(&only) == (text, SealState::Valid));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn cuts_do_not_matter(
        length in 49_200usize..60_000,
        sealing in proptest::collection::vec(1usize..9_000, 1..5),
        opening in proptest::collection::vec(1usize..9_000, 1..5),
    ) {
        let text = plain(length);
        let whole = sealed(&text, &sealing, false);
        prop_assert!(opened_in_memory(&whole) == (text.clone(), SealState::Valid));
        prop_assert!(opened(&whole, &opening) == Answer::Opened(text, SealState::Valid));
    }
}

#[test]
fn layouts_of_other_writers_are_read() {
    let text = plain(70_000);
    let usual = String::from_utf8(sealed(&text, &[997], false)).unwrap();
    let (data, sops) = usual.split_once(",\n\t\"sops\"").unwrap();
    let data = data.strip_prefix("{\n\t").unwrap();
    let sops = sops.strip_suffix("\n}\n").unwrap();
    for other in [
        usual.replace('\t', "    "),
        usual.replace(['\t', '\n'], ""),
        usual.replace('\n', "\r\n"),
        format!("{{\"sops\"{sops},{data}}}"),
        format!("\n \t{usual}\n\n"),
    ] {
        let answer = opened(other.as_bytes(), &[1000]);
        assert!(answer == Answer::Opened(text.clone(), SealState::Valid));
        assert!(opened_in_memory(other.as_bytes()) == (text.clone(), SealState::Valid));
    }
    let seal = usual.find("\t\t\"mvx_seal\"").unwrap();
    let end = seal + usual[seal..].find('\n').unwrap() + 1;
    let without = [&usual[..seal], &usual[end..]].concat();
    assert!(opened(without.as_bytes(), &[1000]) == Answer::Opened(text, SealState::Missing));
}

#[test]
fn a_changed_file_is_refused() {
    let text = plain(70_000);
    let good = String::from_utf8(sealed(&text, &[997], false)).unwrap();
    let end = good.find(",iv:").unwrap();
    let at = |place: usize, new: &str| [&good[..place], new, &good[place + new.len()..]].concat();
    let without = |from: usize, length: usize| [&good[..from], &good[from + length..]].concat();
    let not_authentic = Answer::Failed("value-not-authentic");
    let another = |place: usize| {
        if &good[place..=place] == "A" {
            "B"
        } else {
            "A"
        }
    };
    let tag = end + 60;
    for bad in [
        at(200, another(200)),
        at(50_000, another(50_000)),
        at(end - 5, another(end - 5)),
        at(end + 10, another(end + 10)),
        at(tag, another(tag)),
        without(5000, 4),
        without(5000, 4000),
    ] {
        assert_eq!(opened(bad.as_bytes(), &[1000]), not_authentic);
    }
    for (from, to, code) in [
        (
            "\"mac\": \"ENC[AES256_GCM,data:",
            "\"mac\": \"ENC[AES256_GCM,data:AAAA",
            "mac-mismatch",
        ),
        ("12:00:00Z", "12:00:01Z", "mac-mismatch"),
        ("age1example", "age1planted", "seal-broken"),
        (
            "type:str]\",\n\t\"sops",
            "type:bytes]\",\n\t\"sops",
            "seal-broken",
        ),
    ] {
        assert!(good.contains(from), "{from}");
        let bad = good.replacen(from, to, 1);
        assert_eq!(
            opened(bad.as_bytes(), &[1000]),
            Answer::Failed(code),
            "{from}"
        );
    }
    // What only a look at the whole file can tell about: it goes the usual way.
    for bad in [
        without(5000, 1),
        at(5000, "\n"),
        at(5000, " "),
        at(5000, "="),
        at(5000, "*"),
        good.replacen("type:str]\",\n\t\"sops", "type:int]\",\n\t\"sops", 1),
        good[..end + 8].to_owned(),
        good[..60_000].to_owned(),
        format!("{good}x"),
    ] {
        let answer = opened(bad.as_bytes(), &[1000]);
        assert!(
            matches!(answer, Answer::Unusual | Answer::NoOutline),
            "{answer:?}"
        );
    }
}

#[test]
fn the_second_reading_gives_out_only_what_the_first_has_checked() {
    let good = sealed(&plain(70_000), &[997], false);
    for place in [200, 40_000, 60_000] {
        let answer = opened_twice(&good, &[1000], |text| {
            text[place] = if text[place] == b'A' { b'B' } else { b'A' };
        });
        assert_eq!(answer, Answer::Changed);
    }
    let answer = opened_twice(&good, &[1000], |text| text[40_000] = b'\n');
    assert_eq!(answer, Answer::Changed);
}

#[test]
fn another_length_than_announced_is_an_error() {
    let (key, mut random) = (key(), Counter(1));
    for length in [9, 11] {
        let sealer = Sealer {
            store: Format::Binary.store(),
            key: &key,
            now: "2026-11-22T12:00:00Z",
            random: &mut random,
        };
        let mut sealing = Sealing::new(sealer, metadata(false), length).unwrap();
        let mut out = Vec::new();
        let written = sealing.update(&[1; 10], &mut out);
        assert!(written.and_then(|()| sealing.finish(&mut out)).is_err());
    }
}
