//! Values in and out: what a path holds, as text, JSON or a file of its own.

use std::path::Path;

use crate::app::App;
use crate::app::place;
use crate::document::{Kind, Value};
use crate::error::{At as _, Exit, Failure};
use crate::keypath::KeyPath;
use crate::secret::Cleartext;
use crate::sops::change::node_at;
use crate::sops::store::NewNode;
use crate::stores::Format;

/// What stands at a path.
pub struct Found {
    /// The value, map or list.
    pub node: NewNode,
    /// For a map or list: its text as a file of its own, in the file's type.
    pub text: Option<Cleartext>,
}

impl App<'_> {
    /// The value, map or list at a path of a sealed file.
    pub fn get(
        &self,
        path: &Path,
        key: &KeyPath,
        format: Option<Format>,
    ) -> Result<Found, Failure> {
        self.is_not_over(path)?;
        let mut file = self.open_file(path, format)?;
        self.record_keys(&file.sealed.name, [key.to_string()]);
        let Some(node) = node_at(file.view(), key) else {
            return Err(place::missing(&file, key));
        };
        if let Some((key, lines)) = place::twice(&file, key) {
            let name = &file.sealed.name;
            self.note(format!(
                "{name}: `{key}` stands on {lines}; the last one counts"
            ));
        }
        let text = match node {
            NewNode::Map(_) | NewNode::List(_) => {
                let plain = file.plaintext()?;
                let tree = file.store().parse(plain.as_bytes()).at(&file.sealed.name)?;
                tree.find_container(key)
                    .map(|id| file.store().extract(plain.as_bytes(), &tree, id))
            }
            NewNode::Value(_) | NewNode::Null => None,
        };
        Ok(Found { node, text })
    }
}

/// A node as JSON. Numbers keep their digits; times are text; bytes that are not text are an
/// error.
pub fn to_json(node: &NewNode) -> Result<serde_json::Value, Failure> {
    use serde_json::Value as Json;
    Ok(match node {
        NewNode::Null => Json::Null,
        NewNode::Map(entries) => {
            let mut map = serde_json::Map::new();
            for (key, node) in entries {
                map.insert(key.clone(), to_json(node)?);
            }
            Json::Object(map)
        }
        NewNode::List(items) => Json::Array(items.iter().map(to_json).collect::<Result<_, _>>()?),
        NewNode::Value(value) => {
            let Some(text) = value.bytes.as_str() else {
                return Err(Failure::new(
                    Exit::IO,
                    "not-text",
                    "the value is not UTF-8 text, and JSON holds text only",
                )
                .hint("`--raw` prints its bytes"));
            };
            match value.kind {
                Kind::Bool => Json::Bool(text == "True"),
                Kind::Int | Kind::Float => text
                    .parse()
                    .map_or_else(|_| Json::String(text.into()), Json::Number),
                _ => Json::String(text.into()),
            }
        }
    })
}

/// A JSON text as a node: integers of 64 bits stay integers, other numbers are floats.
pub fn from_json(json: serde_json::Value) -> Result<NewNode, Failure> {
    use serde_json::Value as Json;
    Ok(match json {
        Json::Null => NewNode::Null,
        Json::Bool(yes) => {
            NewNode::Value(Value::new(Kind::Bool, if yes { "True" } else { "False" }))
        }
        Json::String(text) => NewNode::Value(Value::new(Kind::Str, text)),
        Json::Number(number) => NewNode::Value(number_value(&number.to_string())?),
        Json::Array(items) => {
            NewNode::List(items.into_iter().map(from_json).collect::<Result<_, _>>()?)
        }
        Json::Object(entries) => NewNode::Map(
            entries
                .into_iter()
                .map(|(key, value)| Ok((key, from_json(value)?)))
                .collect::<Result<_, Failure>>()?,
        ),
    })
}

/// A number's canonical value.
fn number_value(text: &str) -> Result<Value, Failure> {
    if let Ok(int) = text.parse::<i64>() {
        return Ok(Value::new(Kind::Int, int.to_string()));
    }
    match text.parse::<f64>() {
        Ok(float) if float.is_finite() => Ok(Value::new(
            Kind::Float,
            crate::sops::number::go_float(float),
        )),
        _ => Err(
            Failure::new(Exit::USAGE, "bad-value", "this number does not fit 64 bits")
                .hint("set it as text: `--type str`"),
        ),
    }
}

/// The types that a value can be set as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// The type that the value at the path has, where the text fits it; else text.
    Same,
    /// Text.
    Str,
    /// A 64-bit integer.
    Int,
    /// A 64-bit float.
    Float,
    /// `true` or `false`.
    Bool,
    /// Nothing.
    Null,
    /// Any JSON value.
    Json,
}

/// Reads a value that a person gave. `old` is what stands at the path now.
pub fn typed(bytes: &Cleartext, wanted: Type, old: Option<&NewNode>) -> Result<NewNode, Failure> {
    let bad = |what: &str| {
        Failure::new(Exit::USAGE, "bad-value", format!("the value is not {what}"))
            .hint("`--type str` sets it as text")
    };
    let text = bytes.as_str();
    let trimmed = || text.map(str::trim);
    let value = |kind, text: String| Ok(NewNode::Value(Value::new(kind, text)));
    match wanted {
        Type::Null => Ok(NewNode::Null),
        Type::Str => Ok(NewNode::Value(Value {
            kind: Kind::Str,
            bytes: bytes.duplicate(),
        })),
        Type::Int => {
            let int = trimmed().and_then(|text| text.parse::<i64>().ok());
            value(
                Kind::Int,
                int.ok_or_else(|| bad("a 64-bit integer"))?.to_string(),
            )
        }
        Type::Float => {
            let float = trimmed()
                .and_then(|text| text.parse::<f64>().ok())
                .filter(|f| f.is_finite());
            let float = float.ok_or_else(|| bad("a 64-bit float"))?;
            value(Kind::Float, crate::sops::number::go_float(float))
        }
        Type::Bool => match trimmed() {
            Some("true" | "True" | "TRUE") => value(Kind::Bool, "True".into()),
            Some("false" | "False" | "FALSE") => value(Kind::Bool, "False".into()),
            _ => Err(bad("`true` or `false`")),
        },
        Type::Json => {
            let json =
                serde_json::from_slice(bytes.as_bytes().trim_ascii_end()).map_err(|error| {
                    // serde's own message may quote what it read.
                    bad(&format!(
                        "JSON (line {}, column {})",
                        error.line(),
                        error.column()
                    ))
                })?;
            from_json(json)
        }
        Type::Same => {
            let same = match old {
                Some(NewNode::Value(Value {
                    kind: Kind::Int, ..
                })) => Type::Int,
                Some(NewNode::Value(Value {
                    kind: Kind::Float, ..
                })) => Type::Float,
                Some(NewNode::Value(Value {
                    kind: Kind::Bool, ..
                })) => Type::Bool,
                _ => Type::Str,
            };
            typed(bytes, same, None).or_else(|_| typed(bytes, Type::Str, None))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(node: &NewNode) -> String {
        match node {
            NewNode::Value(value) => format!("{:?} {}", value.kind, value.bytes.as_str().unwrap()),
            other => to_json(other).unwrap().to_string(),
        }
    }

    #[test]
    fn json_types_are_kept() {
        let json = r#"{"a":1,"b":1.5,"c":"x","d":[true,null],"e":9007199254740993}"#;
        let node = typed(&json.into(), Type::Json, None).ok().unwrap();
        assert_eq!(to_json(&node).ok().unwrap().to_string(), json);
    }

    #[test]
    fn a_number_stays_a_number_where_the_text_fits() {
        let old = NewNode::Value(Value::new(Kind::Int, "5"));
        let same = |text: &str, old| shown(&typed(&text.into(), Type::Same, old).ok().unwrap());
        assert_eq!(same("6", Some(&old)), "Int 6");
        assert_eq!(same("six", Some(&old)), "Str six");
        assert_eq!(same("6", None), "Str 6");
    }

    #[test]
    fn errors_do_not_quote_the_value() {
        let error = typed(&"{\"sesame-open\": ".into(), Type::Json, None)
            .err()
            .unwrap();
        assert!(!format!("{:?}", error.error).contains("sesame"));
    }
}
