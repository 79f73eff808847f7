//! What Doppler's command line prints: a flat object of texts (`doppler secrets download --format
//! json`), or an object of objects with `raw` and `computed` (`doppler secrets --json`).
//!
//! A name is taken as it is. `DOPPLER_PROJECT`, `DOPPLER_ENVIRONMENT` and `DOPPLER_CONFIG` say
//! where the secrets came from; they are left out.

use super::json::{find, object, text};
use super::{Concern, Contents, Entry, ImportError, Warning};
use crate::document::Kind;
use crate::sops::store::NewNode;

/// What Doppler adds of its own to every set of secrets.
const OWN: [&str; 3] = ["DOPPLER_CONFIG", "DOPPLER_ENVIRONMENT", "DOPPLER_PROJECT"];

pub(super) fn read(source: &str) -> Result<Contents, ImportError> {
    let mut contents = Contents::default();
    let mut own = Vec::new();
    for (name, node) in object(source)? {
        if OWN.contains(&name.as_str()) {
            own.push(name);
            continue;
        }
        let node = match node {
            NewNode::Value(value) if value.kind == Kind::Str => NewNode::Value(value),
            NewNode::Map(mut fields) => {
                if fields
                    .iter()
                    .all(|(field, _)| field != "computed" && field != "raw")
                {
                    return Err(shape(&name));
                }
                let raw = text(find(&fields, "raw")).is_none_or(|raw| {
                    text(find(&fields, "computed")).is_none_or(|computed| computed == raw)
                });
                if !raw {
                    let concern = Concern::Computed;
                    contents
                        .warnings
                        .push(Warning::new(None, Some(&name), concern));
                }
                match super::json::take(&mut fields, "computed") {
                    Some(NewNode::Value(value)) if value.kind == Kind::Str => NewNode::Value(value),
                    None | Some(NewNode::Null) => {
                        let concern = Concern::Restricted;
                        contents
                            .warnings
                            .push(Warning::new(None, Some(&name), concern));
                        continue;
                    }
                    Some(_) => return Err(shape(&name)),
                }
            }
            _ => return Err(shape(&name)),
        };
        contents.entries.push(Entry {
            path: vec![name],
            node,
            line: None,
            comments: Vec::new(),
        });
    }
    if !own.is_empty() {
        own.sort();
        let concern = Concern::DopplersOwn(own);
        contents.warnings.push(Warning::new(None, None, concern));
    }
    Ok(contents)
}

fn shape(name: &str) -> ImportError {
    ImportError::Shape {
        tool: "doppler",
        why: format!("`{name}` is neither text nor an object with `raw` and `computed`"),
    }
}

/// Whether an object is one of the two shapes, and not any other: it says where it came from, or
/// every entry has both `raw` and `computed`.
pub(super) fn is_it(object: &[(String, NewNode)]) -> bool {
    let flat = object
        .iter()
        .all(|(_, node)| matches!(node, NewNode::Value(value) if value.kind == Kind::Str));
    let named = OWN.iter().any(|own| find(object, own).is_some());
    let described = |node: &NewNode| {
        matches!(node, NewNode::Map(fields)
            if find(fields, "computed").is_some() && find(fields, "raw").is_some())
    };
    (flat && named) || (!object.is_empty() && object.iter().all(|(_, node)| described(node)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{Source, read as read_any};

    fn shown(source: &str) -> Vec<String> {
        let contents = read_any(source.as_bytes(), Source::Doppler).unwrap();
        let values = contents.entries.iter().map(|entry| {
            let value = text(Some(&entry.node)).unwrap();
            format!("{}={value}", entry.path.join("."))
        });
        let warnings = contents.warnings.iter().map(ToString::to_string);
        values.chain(warnings).collect()
    }

    #[test]
    fn a_download_is_flat() {
        let source = r#"{"API_KEY":"invented-1","PORT":"8080","DOPPLER_PROJECT":"shop",
            "DOPPLER_CONFIG":"dev","DOPPLER_ENVIRONMENT":"dev"}"#;
        assert_eq!(
            shown(source),
            [
                "API_KEY=invented-1",
                "PORT=8080",
                "DOPPLER_CONFIG, DOPPLER_ENVIRONMENT and DOPPLER_PROJECT are Doppler's own and no secrets; they were left out",
            ]
        );
    }

    #[test]
    fn secrets_with_their_references() {
        let source = r#"{
            "HOST": {"computed": "db.local", "note": "", "raw": "db.local"},
            "URL": {"computed": "postgres://db.local/x", "raw": "postgres://${HOST}/x"},
            "HIDDEN": {"computed": null, "raw": null, "computedVisibility": "restricted"}}"#;
        assert_eq!(
            shown(source),
            [
                "HOST=db.local",
                "URL=postgres://db.local/x",
                "`URL` refers to other secrets; the value that Doppler computed is taken",
                "`HIDDEN` is restricted: Doppler does not show its value, and it was left out",
            ]
        );
    }

    #[test]
    fn other_shapes_are_refused() {
        for source in [
            r#"{"A": 1}"#,
            r#"{"A": {"b": "c"}}"#,
            r#"{"A": {"computed": 1}}"#,
        ] {
            let error = read_any(source.as_bytes(), Source::Doppler).err().unwrap();
            assert!(error.to_string().contains("doppler prints"), "{error}");
        }
    }

    #[test]
    fn the_shape_is_known_again() {
        let known = |source| is_it(&object(source).unwrap());
        assert!(known(r#"{"A": "x", "DOPPLER_PROJECT": "shop"}"#));
        assert!(known(r#"{"A": {"computed": "x", "raw": "x"}}"#));
        assert!(!known(r#"{"A": "x"}"#));
        assert!(!known(r#"{"A": {"computed": "x"}}"#));
    }
}
