//! A secret file's tree as a list: every value with the name that its key path makes.

use crate::document::{Body, Item, Kind, Tree, Value};
use crate::keypath::{KeyPath, Segment};
use crate::secret::Cleartext;
use crate::sops::envelope::Envelope;

/// How key paths become names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naming {
    /// What joins the parts of a nested key.
    pub separator: String,
    /// The case of names.
    pub case: Case,
}

impl Default for Naming {
    fn default() -> Self {
        Self {
            separator: "_".into(),
            case: Case::Upper,
        }
    }
}

/// The case of names. Only ASCII letters have one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Case {
    /// `DB_PASSWORD`.
    #[default]
    Upper,
    /// `db_password`.
    Lower,
    /// As the keys are written.
    Keep,
}

/// A value of a file.
pub struct Leaf {
    /// The name that its key path makes.
    pub name: String,
    /// Whether the key path has a character that no name may hold and that has no plain
    /// counterpart: anything but ASCII. `name` has `_` in its place.
    pub is_lossy: bool,
    /// Whether it is what stood there before, which is delivered beside it.
    pub is_previous: bool,
    /// Where it stands.
    pub key: KeyPath,
    /// Its type.
    pub kind: Kind,
    /// Its value, as text where it has a type: `true`, `5432`. `None` where the file was not
    /// opened.
    pub value: Option<Cleartext>,
    /// Whether it is the empty text, which stands in clear in sealed files, too.
    pub is_empty: bool,
    /// The comments above it, a line each, without comment signs.
    pub comments: Vec<String>,
}

/// A secret file, as far as it is known.
pub enum Source<'a> {
    /// Opened: for each item of the tree its value, where it was encrypted.
    Opened(&'a Tree, Vec<Option<Value>>),
    /// Not opened: names and types stand in clear. Encrypted comments are not known.
    Sealed(&'a Tree),
}

/// The values of a file in its order. Nulls are left out: they say that there is no value. Of a
/// key that stands twice the last counts, as for every reader. `whole` is the name of a file that
/// is one value, in the place of its key path.
pub fn leaves(source: Source<'_>, naming: &Naming, whole: Option<&str>) -> Vec<Leaf> {
    let (tree, mut values) = match source {
        Source::Opened(tree, values) => (tree, Some(values)),
        Source::Sealed(tree) => (tree, None),
    };
    let mut leaves: Vec<Leaf> = Vec::new();
    let mut comments = Vec::new();
    for (index, item) in tree.items.iter().enumerate() {
        let opened = values
            .as_mut()
            .and_then(|values| values.get_mut(index))
            .and_then(Option::take);
        match &item.body {
            Body::Comment(text) => {
                comment(opened.as_ref().map_or(text, |it| &it.bytes), &mut comments);
            }
            Body::Open(_) => {}
            Body::Null => comments.clear(),
            Body::Leaf(clear) => {
                let Some(found) = content(clear, opened, values.is_some(), &mut comments) else {
                    continue;
                };
                leaves.push(leaf(
                    tree,
                    item,
                    found,
                    naming,
                    whole,
                    std::mem::take(&mut comments),
                ));
            }
        }
    }
    for twice in tree.duplicates() {
        // A later null takes the value away; where it stands in the list does not matter then.
        let last_is_null = matches!(tree.find(&twice).map(|item| &item.body), Some(Body::Null));
        let count = leaves.iter().filter(|leaf| leaf.key == twice).count();
        let keep = usize::from(!last_is_null);
        let mut surplus = count.saturating_sub(keep);
        leaves.retain(|leaf| {
            let goes = surplus > 0 && leaf.key == twice;
            surplus -= usize::from(goes);
            !goes
        });
    }
    leaves
}

/// A value as variables hold it: `true`, `5432`.
pub fn as_text(value: Value) -> Cleartext {
    match value.kind {
        Kind::Bool if value.bytes.as_bytes() == b"True" => "true".into(),
        Kind::Bool => "false".into(),
        _ => value.bytes,
    }
}

/// The name of a file that is one value, such as a certificate: from its own name.
pub fn name_of_file(name: &str, naming: &Naming) -> (String, bool) {
    let mut text = String::new();
    let is_lossy = part(name, naming, &mut text);
    (text, is_lossy)
}

/// What a leaf holds: type, value, and whether it is empty. `None` for a comment in a list.
fn content(
    clear: &Value,
    opened: Option<Value>,
    is_open: bool,
    comments: &mut Vec<String>,
) -> Option<(Kind, Option<Cleartext>, bool)> {
    let value = match opened {
        Some(value) if value.kind == Kind::Comment => {
            comment(&value.bytes, comments);
            return None;
        }
        Some(value) => value,
        None if is_open => clear.duplicate(),
        None => match Envelope::parse(clear.bytes.as_bytes()) {
            Some(envelope) if envelope.kind == Kind::Comment => return None,
            Some(envelope) => return Some((envelope.kind, None, false)),
            None => return Some((clear.kind, None, clear.bytes.is_empty())),
        },
    };
    let kind = value.kind;
    let text = as_text(value);
    let is_empty = text.is_empty();
    Some((kind, Some(text), is_empty))
}

fn leaf(
    tree: &Tree,
    item: &Item,
    (kind, value, is_empty): (Kind, Option<Cleartext>, bool),
    naming: &Naming,
    whole: Option<&str>,
    comments: Vec<String>,
) -> Leaf {
    let key = tree.path(item);
    let (name, is_lossy) = match whole {
        Some(name) => name_of_file(name, naming),
        None => name_of_key(&key, naming),
    };
    Leaf {
        name,
        is_lossy,
        is_previous: false,
        key,
        kind,
        value,
        is_empty,
        comments,
    }
}

/// `db.password` → `DB_PASSWORD`, `list[0]` → `LIST_0`; and whether something was lost.
pub fn name_of_key(key: &KeyPath, naming: &Naming) -> (String, bool) {
    let mut name = String::new();
    let mut is_lossy = false;
    for (number, segment) in key.segments.iter().enumerate() {
        if number > 0 {
            name.push_str(&naming.separator);
        }
        match segment {
            Segment::Key(key) => is_lossy |= part(key, naming, &mut name),
            Segment::Index(index) => name.push_str(&index.to_string()),
        }
    }
    (name, is_lossy)
}

/// Adds a key to a name: `_` for what is no letter and no digit. Says whether something was lost.
fn part(key: &str, naming: &Naming, name: &mut String) -> bool {
    let mut is_lossy = false;
    for c in key.chars() {
        is_lossy |= !c.is_ascii() || c.is_ascii_control();
        name.push(match naming.case {
            _ if !c.is_ascii_alphanumeric() => '_',
            Case::Upper => c.to_ascii_uppercase(),
            Case::Lower => c.to_ascii_lowercase(),
            Case::Keep => c,
        });
    }
    is_lossy
}

/// Takes up a comment that is readable.
fn comment(text: &Cleartext, comments: &mut Vec<String>) {
    if Envelope::parse(text.as_bytes().trim_ascii()).is_some() {
        return;
    }
    let lines = text.as_str().unwrap_or_default().lines();
    comments.extend(lines.map(|line| line.trim().to_owned()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::Format;

    fn flat(format: Format, text: &str, naming: &Naming) -> Vec<String> {
        let tree = format.store().parse(text.as_bytes()).unwrap();
        let values = tree.items.iter().map(|_| None).collect();
        leaves(Source::Opened(&tree, values), naming, None)
            .into_iter()
            .map(|leaf| {
                let value = leaf.value.unwrap();
                let mark = if leaf.is_lossy { "!" } else { "" };
                format!("{}{mark}={}", leaf.name, value.as_str().unwrap())
            })
            .collect()
    }

    #[test]
    fn nested_keys_are_joined() {
        let text = "db:\n  password: p\n  port: 5432\nlist: [a, b]\nusers:\n- name: ana\non: yes\noff: false\nnone:\nempty: ''\nmap: {}\n";
        assert_eq!(
            flat(Format::Yaml, text, &Naming::default()),
            [
                "DB_PASSWORD=p",
                "DB_PORT=5432",
                "LIST_0=a",
                "LIST_1=b",
                "USERS_0_NAME=ana",
                "ON=yes",
                "OFF=false",
                "EMPTY="
            ]
        );
        let naming = Naming {
            separator: "__".into(),
            case: Case::Keep,
        };
        assert_eq!(
            flat(Format::Yaml, "db: {userName: x}\n", &naming),
            ["db__userName=x"]
        );
        let naming = Naming {
            separator: String::new(),
            case: Case::Lower,
        };
        assert_eq!(flat(Format::Yaml, "Db: {Name: x}\n", &naming), ["dbname=x"]);
    }

    #[test]
    fn what_no_name_may_hold_becomes_an_underscore() {
        assert_eq!(
            flat(
                Format::Json,
                r#"{"a-b.c/d e": 1, "ключ": 2}"#,
                &Naming::default()
            ),
            ["A_B_C_D_E=1", "____!=2"]
        );
    }

    #[test]
    fn of_a_key_that_stands_twice_the_last_counts() {
        let twice = |text| flat(Format::Json, text, &Naming::default());
        assert_eq!(twice(r#"{"a": 1, "b": 2, "a": 3}"#), ["B=2", "A=3"]);
        assert!(twice(r#"{"a": 1, "a": null}"#).is_empty());
    }

    #[test]
    fn comments_stay_with_what_they_stand_above() {
        let text = "# one\n# two\na: 1\ndb:\n  # inside\n  b: 2\nc: 3\n";
        let tree = Format::Yaml.store().parse(text.as_bytes()).unwrap();
        let found = leaves(Source::Sealed(&tree), &Naming::default(), None);
        let comments: Vec<_> = found.iter().map(|leaf| leaf.comments.join("|")).collect();
        assert_eq!(comments, ["one|two", "inside", ""]);
        assert!(found.iter().all(|leaf| leaf.value.is_none()));
    }

    #[test]
    fn a_file_that_is_one_value_is_called_by_its_name() {
        let tree = Format::Binary.store().parse(b"x").unwrap();
        let found = leaves(Source::Sealed(&tree), &Naming::default(), Some("tls.key"));
        assert_eq!(found[0].name, "TLS_KEY");
    }
}
