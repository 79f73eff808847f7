//! What differs between two versions of a file, printed for people and for machines.

use serde_json::{Value, json};

use super::Context;
use crate::app::trust::describe;
use crate::app::values::to_json;
use crate::error::Failure;
use crate::keypath::KeyPath;
use crate::sops::difference::{Change, Difference};
use crate::sops::store::NewNode;

/// What stands at a path in the old and the new version.
type Values<'a> = &'a dyn Fn(&KeyPath) -> (Option<NewNode>, Option<NewNode>);

/// Prints the differences, a line each, values below them where they are asked for.
pub(super) fn print(
    context: &Context,
    differences: &[Difference],
    values: Option<Values<'_>>,
) -> Result<(), Failure> {
    for one in differences {
        let mark = if one.vouched {
            ""
        } else {
            "   (SOPS does not protect this)"
        };
        context
            .ui
            .line(&format!("  {}{mark}", describe(&one.change)))?;
        if let (Some(values), Some(path)) = (values, path(&one.change)) {
            let (old, new) = values(path);
            for (word, node) in [("was", old), ("is ", new)] {
                if let Some(node) = node {
                    context.ui.answer(format!("    {word} ").as_bytes())?;
                    context.ui.json(&to_json(&node)?)?;
                }
            }
        }
    }
    Ok(())
}

/// The differences as JSON; values only where they are asked for.
pub(super) fn to_objects(
    differences: &[Difference],
    values: Option<Values<'_>>,
) -> Result<Vec<Value>, Failure> {
    let object = |one: &Difference| {
        let key = path(&one.change);
        let mut object = json!({
            "difference": word(&one.change),
            "key": key.map(ToString::to_string),
            "protected": one.vouched,
            "text": describe(&one.change),
        });
        if let (Some(values), Some(key)) = (values, key) {
            let (old, new) = values(key);
            let or_null = |node: Option<NewNode>| match node {
                Some(node) => to_json(&node),
                None => Ok(Value::Null),
            };
            if let Value::Object(object) = &mut object {
                object.insert("old".into(), or_null(old)?);
                object.insert("new".into(), or_null(new)?);
            }
        }
        Ok(object)
    };
    differences.iter().map(object).collect()
}

fn path(change: &Change) -> Option<&KeyPath> {
    match change {
        Change::Added(path, _)
        | Change::Removed(path, _)
        | Change::Value(path, _)
        | Change::Type(path, ..)
        | Change::Disclosed(path)
        | Change::Enclosed(path) => Some(path),
        _ => None,
    }
}

fn word(change: &Change) -> &'static str {
    match change {
        Change::Added(..) => "added",
        Change::Removed(..) => "removed",
        Change::Value(..) => "value",
        Change::Type(..) => "type",
        Change::Disclosed(_) => "disclosed",
        Change::Enclosed(_) => "enclosed",
        Change::Order => "order",
        Change::Comments => "comments",
        Change::Selector => "selector",
        Change::Structure(_) => "structure",
        Change::RecipientAdded(..) => "recipient-added",
        Change::RecipientRemoved(..) => "recipient-removed",
        Change::RecipientChanged(..) => "recipient-changed",
        Change::DataKey => "data-key",
    }
}
