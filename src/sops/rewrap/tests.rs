//! Every file type, with other recipients and with another key.

use std::collections::HashSet;

use super::*;
use crate::secret::DataKey;
use crate::sops::cipher::Randomness;
use crate::sops::cipher::tests::Counter;
use crate::sops::envelope::Envelope;
use crate::sops::open::{Check, open, plaintext};
use crate::sops::signet::SealState;
use crate::stores::Format;

const THEN: &str = "2026-11-22T12:00:00Z";
const NOW: &str = "2026-11-23T12:00:00Z";

fn key(byte: u8) -> DataKey {
    DataKey::from_bytes(&[byte; 32]).unwrap()
}

fn people(names: &[&str]) -> Vec<KeyEntry> {
    let enc = |name: &str| format!("-----BEGIN AGE-----\n{name}\n-----END AGE-----\n");
    let entry = |name: &&str| KeyEntry::age(&format!("age1{name}"), &enc(name));
    names.iter().map(entry).collect()
}

struct File {
    format: Format,
    text: Vec<u8>,
    key: DataKey,
}

impl File {
    fn sealed(format: Format, text: &str) -> Self {
        Self::selected(format, text, None)
    }

    fn selected(format: Format, text: &str, selector: Option<(&str, &str)>) -> Self {
        let metadata = Metadata::new(&[people(&["ana", "bob"])], None, selector, false);
        let sealed = sealer(format, &key(1), THEN, &mut Counter(1))
            .seal(text.as_bytes(), metadata, None)
            .unwrap();
        Self {
            format,
            text: sealed.text.as_bytes().to_vec(),
            key: key(1),
        }
    }

    /// The same with another text, as a program writes it that knows nothing of the seal.
    fn changed(&self, text: &str) -> Self {
        let tree = self.format.store().parse(text.as_bytes()).unwrap();
        let mut metadata = metadata_of(&tree).unwrap();
        metadata.unset(SEAL);
        let edits = self.format.store();
        let edits = edits.refresh(text.as_bytes(), &tree, metadata.fields());
        Self {
            format: self.format,
            text: splice(text.as_bytes(), edits).unwrap().as_bytes().to_vec(),
            key: key(1),
        }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap()
    }

    fn tree(&self) -> Tree {
        self.format.store().parse(&self.text).unwrap()
    }

    fn metadata(&self) -> Metadata {
        metadata_of(&self.tree()).unwrap()
    }

    fn opened_with(&self, key: &DataKey) -> Result<Opened, crate::sops::open::OpenError> {
        open(&self.tree(), &self.metadata(), key, Check::Required)
    }

    fn plain(&self) -> String {
        let mut opened = self.opened_with(&self.key).unwrap();
        let tree = self.tree();
        let plain = plaintext(self.format.store(), &self.text, &tree, &mut opened).unwrap();
        plain.as_str().unwrap().to_owned()
    }

    fn rewrapped(&self, names: &[&str]) -> Self {
        let (tree, opened) = (self.tree(), self.opened_with(&self.key).unwrap());
        let text = sealer(self.format, &self.key, NOW, &mut Counter(2))
            .rewrap(self.view(&tree, &opened), (&[people(names)], None))
            .unwrap();
        Self {
            format: self.format,
            text: text.as_bytes().to_vec(),
            key: key(1),
        }
    }

    fn rekeyed(&self, names: &[&str]) -> Self {
        let (tree, opened) = (self.tree(), self.opened_with(&self.key).unwrap());
        let text = sealer(self.format, &key(2), NOW, &mut Counter(3))
            .rekey(self.view(&tree, &opened), (&[people(names)], None))
            .unwrap();
        Self {
            format: self.format,
            text: text.as_bytes().to_vec(),
            key: key(2),
        }
    }

    fn view<'a>(&'a self, tree: &'a Tree, opened: &'a Opened) -> Open<'a> {
        Open {
            text: &self.text,
            tree,
            opened,
        }
    }

    fn readers(&self) -> Vec<String> {
        let groups = self.metadata().groups().unwrap();
        assert_eq!(groups.len(), 1);
        groups[0].iter().map(KeyEntry::recipient).collect()
    }

    /// Every envelope of the file's values, comments and metadata.
    fn envelopes(&self) -> Vec<String> {
        let pieces = self.text().split("ENC[").skip(1);
        pieces
            .map(|piece| format!("ENC[{}]", piece.split(']').next().unwrap()))
            .collect()
    }

    /// The text without envelopes and without the `sops` block.
    fn layout(&self) -> String {
        let cuts = self.tree().documents.into_iter().rev();
        let mut text = self.text.clone();
        for cut in cuts.flat_map(|document| document.meta.unwrap().cut.into_iter().rev()) {
            text.drain(cut);
        }
        let text = String::from_utf8(text).unwrap();
        let mut pieces = text.split("ENC[");
        let mut layout = pieces.next().unwrap().to_owned();
        for piece in pieces {
            layout += "ENC";
            layout += piece.split_once(']').unwrap().1;
        }
        layout
    }
}

fn sealer<'a>(
    format: Format,
    key: &'a DataKey,
    now: &'a str,
    random: &'a mut dyn Randomness,
) -> Sealer<'a> {
    Sealer {
        store: format.store(),
        key,
        now,
        random,
    }
}

const YAML: &str = "\
# about a
a: \"x\\u00e9\"   # beside
m: {b: 0x1F, 'c': [1.10, ~, '']}
l:
  # in the list
  - TRUE
  - |
    two
    lines
  - >-
    folded
    text
e: \"\"
open_unencrypted: seen
---
second: 2024-01-02
";

fn every_type() -> [File; 5] {
    [
        File::sealed(Format::Yaml, YAML),
        File::sealed(
            Format::Json,
            "{\"a\": 1, \"b\": [true, null, \"x\\u00e9\"],\n\t\"c_unencrypted\": 2.50}\n",
        ),
        File::sealed(Format::Dotenv, "# about\nA=1\n\nB='x'\n"),
        File::sealed(Format::Ini, "; about\nhead = 1\n[s]\nk = v\n"),
        File::sealed(Format::Binary, "any\nbytes\n"),
    ]
}

#[test]
fn other_recipients_and_nothing_else() {
    for file in every_type() {
        for names in [
            ["bob"].as_slice(),
            &["ana", "bob", "carol"],
            &["carol", "bob", "ana"],
        ] {
            let new = file.rewrapped(names);
            let expected: Vec<String> = names.iter().map(|name| format!("age1{name}")).collect();
            assert_eq!(new.readers(), expected, "{:?}", file.format);
            assert_eq!(new.plain(), file.plain());
            assert_eq!(new.layout(), file.layout());
            assert_eq!(new.envelopes(), file.envelopes());
            let state = new.opened_with(&new.key).unwrap().seal;
            assert_eq!(state, SealState::Valid);
            let rest = |file: &File| {
                let metadata = file.metadata();
                let fields = metadata.fields().to_vec();
                let others = fields
                    .into_iter()
                    .filter(|(name, _)| name != "age" && name != SEAL);
                others.collect::<Vec<_>>()
            };
            assert_eq!(rest(&new), rest(&file));
            // The way back leads to the same text.
            assert_eq!(new.rewrapped(&["ana", "bob"]).text, file.text);
        }
    }
}

#[test]
fn a_new_key_for_everything() {
    for file in every_type() {
        let new = file.rekeyed(&["bob", "carol"]);
        assert_eq!(new.readers(), ["age1bob", "age1carol"], "{:?}", file.format);
        assert_eq!(new.plain(), file.plain());
        assert_eq!(new.layout(), file.layout());
        assert_eq!(new.metadata().last_modified().unwrap(), NOW);
        let state = new.opened_with(&new.key).unwrap().seal;
        assert_eq!(state, SealState::Valid);
        // The old key opens nothing of it, and no envelope is one of the old ones.
        assert!(new.opened_with(&file.key).is_err());
        let (old, envelopes) = (file.envelopes(), new.envelopes());
        assert_eq!(old.len(), envelopes.len());
        // The same metadata stands in every document.
        let all: HashSet<&String> = old.iter().chain(&envelopes).collect();
        let iv = |envelope: &&String| Envelope::parse(envelope.as_bytes()).unwrap().iv;
        let ivs: HashSet<Vec<u8>> = all.iter().map(iv).collect();
        assert_eq!(ivs.len(), all.len(), "an IV stands there twice");
        assert!(old.iter().all(|envelope| !envelopes.contains(envelope)));
        let cipher = Cipher::new(&file.key);
        for (item, value) in new.tree().items.iter().zip(&file.tree().items) {
            if let (Body::Leaf(new), Body::Leaf(_)) = (&item.body, &value.body) {
                let aad = file.tree().aad(value);
                let bytes = new.bytes.as_bytes();
                assert!(!Envelope::looks_like(bytes) || cipher.open(bytes, &aad).is_err());
            }
        }
        let kept = |file: &File| {
            let changed = ["age", "lastmodified", "mac", SEAL, "mvx_spelling"];
            let metadata = file.metadata();
            let fields = metadata.fields().iter().cloned();
            fields
                .filter(|(name, _)| !changed.contains(&name.as_str()))
                .collect::<Vec<_>>()
        };
        assert_eq!(kept(&new), kept(&file));
    }
}

#[test]
fn comments_that_sops_left_as_items_stay_items() {
    let file = File::sealed(Format::Yaml, "l:\n  # one\n  - a\n  # two\n  - b\n");
    let file = file.changed(&file.text().replace("#ENC", "- ENC"));
    let new = file.rekeyed(&["ana"]);
    assert_eq!(new.layout(), file.layout());
    assert_eq!(new.plain(), file.plain());
    assert!(new.plain().contains("# one\n"), "{}", new.plain());
}

#[test]
fn what_stands_in_clear_stays_in_clear() {
    let selector = Some(("encrypted_regex", "^data$"));
    let text = "# in clear\nkind: Secret\ndata:\n  # hidden\n  a: x\n";
    let file = File::selected(Format::Yaml, text, selector);
    let new = file.rekeyed(&["ana"]);
    assert_eq!(new.layout(), file.layout());
    assert!(
        new.layout()
            .starts_with("# in clear\nkind: Secret\ndata:\n  #ENC\n  a: ENC\n")
    );
    assert_eq!(new.plain(), text);
}

#[test]
fn a_value_of_an_old_type_is_written_as_text() {
    let file = File::sealed(Format::Yaml, "a: x\n");
    let value = Value::new(Kind::Bytes, "x");
    let cipher = Cipher::new(&file.key);
    let bytes = cipher.encrypt(&value, "a:", &mut Counter(9));
    let (_, rest) = file.text().split_once('\n').unwrap();
    let file = file.changed(&format!("a: {}\n{rest}", bytes.unwrap().unwrap()));
    let new = file.rekeyed(&["ana"]);
    assert_eq!(new.plain(), "a: x\n");
    let is_text = |envelope: &String| envelope.ends_with(",type:str]");
    assert!(new.envelopes().iter().all(is_text));
}

#[test]
fn an_envelope_in_escapes_is_written_anew() {
    let file = File::sealed(Format::Json, "{\"a\": \"x\"}\n");
    let file = file.changed(&file.text().replacen("ENC[", "\\u0045NC[", 1));
    let new = file.rekeyed(&["ana"]);
    assert_eq!(new.plain(), "{\"a\": \"x\"}\n");
}

#[test]
fn old_files_keep_the_order_and_the_empty_lists_of_their_metadata() {
    let file = File::sealed(Format::Yaml, "a: x\n");
    let metadata = file.metadata();
    let mut fields: Vec<(String, Meta)> = vec![
        ("kms".into(), Meta::List(Vec::new())),
        ("shamir_threshold".into(), Meta::Int(0)),
    ];
    let (age, rest): (Vec<_>, Vec<_>) = metadata
        .fields()
        .iter()
        .cloned()
        .partition(|(name, _)| name == "age");
    fields.extend(rest);
    fields.extend(age);
    fields.push(("later".into(), Meta::Str("kept".into())));
    let tree = file.tree();
    let edits = file.format.store().refresh(&file.text, &tree, &fields);
    let text = splice(&file.text, edits).unwrap();
    let file = file.changed(text.as_str().unwrap());
    let names = |file: &File| {
        let metadata = file.metadata();
        let names = metadata.fields().iter().map(|(name, _)| name.clone());
        names.filter(|name| name != SEAL).collect::<Vec<_>>()
    };
    assert_eq!(names(&file.rekeyed(&["carol"])), names(&file));
    assert_eq!(names(&file.rewrapped(&["carol"])), names(&file));
}

#[test]
fn recipients_of_other_kinds_come_and_go() {
    let text = |text: &str| Meta::Str(text.into());
    let entry = |kind: &str, field: &str| KeyEntry {
        kind: kind.into(),
        fields: vec![("enc".into(), text("AA==")), (field.into(), text("one"))],
    };
    let mut metadata = Metadata::new(
        &[vec![entry("moon_kms", "id"), entry("pgp", "fp")]],
        None,
        None,
        false,
    );
    metadata.replace_recipients(
        &[vec![entry("moon_kms", "id"), KeyEntry::age("age1a", "x")]],
        None,
    );
    let kinds = |metadata: &Metadata| -> Vec<String> {
        let groups = metadata.groups().unwrap();
        groups[0].iter().map(|entry| entry.kind.clone()).collect()
    };
    assert_eq!(kinds(&metadata), ["age", "moon_kms"]);
    metadata.replace_recipients(&[people(&["ana"])], None);
    assert_eq!(kinds(&metadata), ["age"]);
}

#[test]
fn one_group_among_key_groups_becomes_the_only_one() {
    let mut metadata = Metadata::new(&[people(&["ana"])], None, None, false);
    let list = metadata.fields()[0].1.clone();
    metadata.unset("age");
    let groups = Meta::List(vec![Meta::Map(vec![("age".into(), list)])]);
    metadata.set("key_groups", groups);
    metadata.set("shamir_threshold", Meta::Int(1));
    metadata.replace_recipients(&[people(&["bob"])], None);
    assert_eq!(metadata.threshold().unwrap(), None);
    assert!(
        metadata
            .fields()
            .iter()
            .all(|(name, _)| name != "key_groups")
    );
    assert_eq!(metadata.groups().unwrap()[0][0].recipient(), "age1bob");
}
