//! What a file must hold, in a form in which both programs' views can be compared.

use std::collections::BTreeMap;

use serde_json::Value;

/// Values by key, numbers of all types alike: sops takes those of JSON for floats.
pub(super) fn numbered(values: &[(String, String)]) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (path, value) in values {
        let value = match value.split_once(' ') {
            Some(("Int" | "Float", digits)) => format!("number {}", digits.parse::<f64>().unwrap()),
            Some(("Bool", word)) => format!("bool {}", word.to_lowercase()),
            Some((_, text)) => format!("text {text}"),
            None if value == "null" => "null".into(),
            None => continue,
        };
        all.insert(path.clone(), value);
    }
    all
}

pub(super) fn flatten(path: &str, value: &Value, all: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                flatten(&path, value, all);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                flatten(&format!("{path}[{index}]"), value, all);
            }
        }
        value => {
            all.insert(path.to_owned(), scalar(value));
        }
    }
}

pub(super) fn scalar(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(yes) => format!("bool {yes}"),
        Value::Number(number) => format!("number {}", number.as_f64().unwrap()),
        Value::String(text) => format!("text {}", text.as_bytes().escape_ascii()),
        _ => unreachable!("only scalars are set"),
    }
}
