//! What `op item get --format json` prints, and lists of it.
//!
//! A field with a value becomes a text under its label; where it stands in a section with a name,
//! below that section's label. A label that is no plain name gets `_` for each run of other
//! characters: `one-time password` becomes `one-time_password`. A second field of the same label
//! gets a number. With several items, each stands below its title. Fields without a value, the
//! item's addresses and its history are not imported; of attached files there is a warning.

use std::collections::HashSet;

use super::json::{find, objects, text};
use super::{Concern, Contents, Entry, ImportError, Warning};
use crate::document::{Kind, Value};
use crate::sops::store::NewNode;

pub(super) fn read(source: &str) -> Result<Contents, ImportError> {
    let items = objects(source)?;
    let several = items.len() > 1;
    let mut contents = Contents::default();
    let mut taken = HashSet::new();
    let mut attachments = 0;
    for item in &items {
        let Some(NewNode::List(fields)) = find(item, "fields") else {
            return Err(ImportError::Shape {
                tool: "op",
                why: "an item has a list of `fields`; `op item get` prints them, `op item list` does not".into(),
            });
        };
        let title = text(find(item, "title"))
            .or_else(|| text(find(item, "id")))
            .filter(|_| several);
        for field in fields {
            let NewNode::Map(field) = field else { continue };
            if let Some(entry) = entry(field, title, &mut taken, &mut contents.warnings) {
                contents.entries.push(entry);
            }
        }
        if let Some(NewNode::List(files)) = find(item, "files") {
            attachments += files.len();
        }
    }
    if attachments > 0 {
        let concern = Concern::Attachments(attachments);
        contents.warnings.push(Warning::new(None, None, concern));
    }
    Ok(contents)
}

/// A field as an entry; `None` where it has no value.
fn entry(
    field: &[(String, NewNode)],
    title: Option<&str>,
    taken: &mut HashSet<Vec<String>>,
    warnings: &mut Vec<Warning>,
) -> Option<Entry> {
    let Some(NewNode::Value(value)) = find(field, "value") else {
        return None;
    };
    if value.bytes.is_empty() {
        return None;
    }
    let section = match find(field, "section") {
        Some(NewNode::Map(section)) => text(find(section, "label")),
        _ => None,
    };
    let label = text(find(field, "label")).filter(|label| !label.trim().is_empty());
    let label = name(label.or_else(|| text(find(field, "id")))?);
    let around = [title, section.filter(|label| !label.trim().is_empty())];
    let mut path: Vec<String> = around.into_iter().flatten().map(name).collect();
    path.push(label.clone());
    let mut number = 2;
    while !taken.insert(path.clone()) {
        path.pop();
        path.push(format!("{label}_{number}"));
        number += 1;
    }
    if number > 2 {
        let concern = Concern::Renamed(path.join("."));
        warnings.push(Warning::new(None, Some(&label), concern));
    }
    Some(Entry {
        path,
        node: NewNode::Value(Value {
            kind: Kind::Str,
            bytes: value.bytes.duplicate(),
        }),
        line: None,
        comments: Vec::new(),
    })
}

/// A label as a name.
fn name(label: &str) -> String {
    let mut name = String::with_capacity(label.len());
    for c in label.trim().chars() {
        if c.is_alphanumeric() || "_.-".contains(c) {
            name.push(c);
        } else if !name.ends_with('_') {
            name.push('_');
        }
    }
    name
}

/// Whether an object is an item.
pub(super) fn is_it(object: &[(String, NewNode)]) -> bool {
    matches!(find(object, "fields"), Some(NewNode::List(_)))
        && find(object, "category").is_some()
        && find(object, "id").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{Source, read as read_any};

    const LOGIN: &str = r#"{
      "id": "abcdefghijklmnopqrstuvwxyz", "title": "Shop database", "category": "LOGIN",
      "vault": {"id": "v", "name": "Dev"},
      "sections": [{"id": "add more"}, {"id": "s1", "label": "Read replica"}],
      "fields": [
        {"id": "username", "type": "STRING", "purpose": "USERNAME", "label": "username", "value": "shop"},
        {"id": "password", "type": "CONCEALED", "purpose": "PASSWORD", "label": "password", "value": "invented-1",
         "password_details": {"strength": "FANTASTIC"}},
        {"id": "notesPlain", "type": "STRING", "purpose": "NOTES", "label": "notesPlain"},
        {"id": "x1", "section": {"id": "s1", "label": "Read replica"}, "type": "CONCEALED", "label": "password", "value": "invented-2"},
        {"id": "x2", "section": {"id": "add more"}, "type": "OTP", "label": "one-time password", "value": "otpauth://x", "totp": "123456"},
        {"id": "x3", "section": {"id": "add more"}, "type": "STRING", "label": "username", "value": "other"},
        {"id": "x4", "type": "STRING", "label": "", "value": "by id"}
      ],
      "files": [{"id": "f", "name": "ca.pem"}]
    }"#;

    fn shown(source: &str) -> Vec<String> {
        let contents = read_any(source.as_bytes(), Source::OnePassword).unwrap();
        let values = contents.entries.iter().map(|entry| {
            let value = text(Some(&entry.node)).unwrap();
            format!("{}={value}", entry.path.join("."))
        });
        let warnings = contents.warnings.iter().map(ToString::to_string);
        values.chain(warnings).collect()
    }

    #[test]
    fn fields_stand_under_their_labels_and_sections() {
        assert_eq!(
            shown(LOGIN),
            [
                "username=shop",
                "password=invented-1",
                "Read_replica.password=invented-2",
                "one-time_password=otpauth://x",
                "username_2=other",
                "x4=by id",
                "`username` is the label of several fields; this one is imported as `username_2`",
                "a file is attached to the item; its content is not in the JSON",
            ]
        );
    }

    #[test]
    fn several_items_stand_below_their_titles() {
        let found = shown(&format!("[{LOGIN}, {}]", LOGIN.replace("Shop", "Other")));
        assert!(found.contains(&"Shop_database.password=invented-1".to_owned()));
        assert!(found.contains(&"Other_database.Read_replica.password=invented-2".to_owned()));
    }

    #[test]
    fn what_has_no_fields_is_refused() {
        for source in [r#"{"id": "x"}"#, r#"[{"id": "x"}]"#, r#"{"fields": {}}"#] {
            assert!(
                read_any(source.as_bytes(), Source::OnePassword).is_err(),
                "{source}"
            );
        }
    }
}
