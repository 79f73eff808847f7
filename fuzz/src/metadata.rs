//! The `sops` block.

use mvx::document::{Meta, splice};
use mvx::sops::metadata::Metadata;
use mvx::stores::Format;

use super::files::{is_clear, said};

/// A plain text of each type that has room for metadata.
const TEXTS: [(Format, &str); 4] = [
    (Format::Yaml, "a: b\n"),
    (Format::Json, "{\n\t\"a\": \"b\"\n}\n"),
    (Format::Dotenv, "a=b\n"),
    (Format::Ini, "[s]\na = b\n"),
];

/// The names that occur, so that the reading of each is met.
const NAMES: [&str; 16] = [
    "mac",
    "version",
    "lastmodified",
    "age",
    "pgp",
    "kms",
    "key_groups",
    "shamir_threshold",
    "mac_only_encrypted",
    "encrypted_regex",
    "unencrypted_suffix",
    "enc",
    "recipient",
    "context",
    "mvx_seal",
    "later",
];

/// Metadata that is written is read back the same, by every file type, and again after a change.
/// Whatever it holds is taken or refused, and never by a panic.
pub fn check(data: &[u8]) {
    let mut bytes = Bytes { data, at: 0 };
    let one = bytes.fields();
    let other = bytes.fields();
    questions(&one);
    for (format, text) in TEXTS {
        let nested = matches!(format, Format::Yaml | Format::Json);
        let equal = |found: &[(String, Meta)], wanted: &[(String, Meta)]| {
            // The others keep text only, and no order.
            if nested {
                assert!(found == wanted, "{format:?}: {found:?}\n{wanted:?}");
            } else {
                let [found, wanted] = [found, wanted].map(|it| said(&Meta::Map(it.to_vec())));
                assert_eq!(found, wanted, "{format:?}");
            }
        };
        let store = format.store();
        let tree = store.parse(text.as_bytes()).expect("a text");
        let edits = store.attach(text.as_bytes(), &tree, &one);
        let with = splice(text.as_bytes(), edits).expect("edits");
        let tree = store.parse(with.as_bytes());
        let tree = tree.unwrap_or_else(|error| {
            panic!("{format:?}: {error}\n{}", with.as_bytes().escape_ascii())
        });
        let block = tree.meta().expect("a block");
        equal(&block.to_meta(), &one);
        let edits = store.refresh(with.as_bytes(), &tree, &other);
        let after = splice(with.as_bytes(), edits)
            .unwrap_or_else(|| panic!("{format:?} overlap {one:?} {other:?}"));
        let tree = store.parse(after.as_bytes());
        let tree = tree.unwrap_or_else(|error| {
            panic!("{format:?}: {error}\n{}", after.as_bytes().escape_ascii())
        });
        let found = tree.meta().expect("a block").to_meta();
        let [found, wanted] = [&found, &other].map(|it| {
            let mut it = it.clone();
            it.sort_by(|a, b| a.0.cmp(&b.0));
            it
        });
        equal(&found, &wanted);
    }
}

/// Asks metadata everything that can be asked.
fn questions(fields: &[(String, Meta)]) {
    let mut metadata = Metadata::new(&[], None, None, false);
    for (name, meta) in fields {
        metadata.set(name, meta.clone());
    }
    let answers = [
        metadata.mac().map(drop),
        metadata.last_modified().map(drop),
        metadata.version().map(drop),
        metadata.selector().map(drop),
        metadata.mac_only_encrypted().map(drop),
        metadata.threshold().map(drop),
    ];
    for error in answers.into_iter().filter_map(Result::err) {
        is_clear(&error);
    }
    match metadata.groups() {
        Ok(groups) => {
            let threshold = metadata.threshold().ok().flatten();
            metadata.set_groups(&groups, threshold);
            // A single empty list is none.
            if groups.iter().any(|group| !group.is_empty()) {
                let again = metadata.groups().expect("groups");
                assert_eq!(again.len(), groups.len());
            }
        }
        Err(error) => is_clear(&error),
    }
}

/// Metadata out of any bytes.
struct Bytes<'a> {
    data: &'a [u8],
    at: usize,
}

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let byte = self.data.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        byte
    }

    /// What every block has, and more.
    fn fields(&mut self) -> Vec<(String, Meta)> {
        let mut fields = vec![("lastmodified".to_owned(), Meta::Str("x".into()))];
        self.map(3, &mut fields);
        fields
    }

    fn map(&mut self, depth: usize, fields: &mut Vec<(String, Meta)>) {
        for _ in 0..self.byte() % 6 {
            let name = NAMES[usize::from(self.byte()) % NAMES.len()];
            if fields.iter().all(|(known, _)| known != name) {
                // The flat file types write Go's spelling of what must be a boolean.
                let meta = match name {
                    "mac_only_encrypted" => Meta::Bool(self.byte() % 2 == 1),
                    _ => self.meta(depth),
                };
                fields.push((name.into(), meta));
            }
        }
    }

    /// No list and no map is empty, and no list holds nothing: the file types without nesting
    /// cannot tell.
    fn meta(&mut self, depth: usize) -> Meta {
        match self.byte() % 8 {
            0 => Meta::Bool(self.byte() % 2 == 1),
            1 => Meta::Int(i64::from(self.byte()) - 100),
            2 | 3 if depth > 0 => {
                let mut fields = vec![("enc".to_owned(), self.text())];
                self.map(depth - 1, &mut fields);
                Meta::Map(fields)
            }
            4 | 5 if depth > 0 => {
                let length = 1 + self.byte() % 3;
                Meta::List((0..length).map(|_| self.meta(depth - 1)).collect())
            }
            _ => self.text(),
        }
    }

    fn text(&mut self) -> Meta {
        let length = usize::from(self.byte() % 32);
        let end = (self.at + length).min(self.data.len());
        let bytes = self.data.get(self.at..end).unwrap_or_default();
        self.at += length;
        // The flat file types, and sops, write a line break like that: it cannot be anything else.
        let text = String::from_utf8_lossy(bytes).replace("\\n", "\n");
        Meta::Str(format!("t{text}"))
    }
}
