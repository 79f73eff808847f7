//! The answer of an import as JSON.

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use crate::app::import::{Imported, Outcome, Plan, Status};
use crate::cli::json::in_json;
use crate::import::Source;

/// The plan as JSON.
pub(super) fn answer(plan: &Plan) -> Json {
    let inputs: Vec<Json> = plan
        .inputs
        .iter()
        .map(|input| {
            let dialect = match input.source {
                Source::Env(dialect) => Some(dialect.name()),
                _ => None,
            };
            let warnings: Vec<Json> = input
                .warnings
                .iter()
                .map(|one| {
                    json!({ "line": one.line, "key": one.key, "code": one.code(), "message": one.to_string() })
                })
                .collect();
            let left_out: Vec<String> = input.left_out.iter().map(ToString::to_string).collect();
            let history = input.history.as_ref().map(|history| {
                json!({
                    "since": history.oldest.id,
                    "day": history.oldest.day,
                    "until": history.newest.id,
                    "versions": history.versions,
                    "as_it_is": history.as_it_is,
                    "tracked": input.tracked,
                })
            });
            json!({
                "file": in_json(&input.path),
                "kind": input.source.name(),
                "dialect": dialect,
                "values": input.values,
                "warnings": warnings,
                "left_out": left_out,
                "missing": 0,
                "missing_comments": 0,
                "git_history": history,
                "removed": false,
                "gitignore": null,
            })
        })
        .collect();
    let keys: Vec<Json> = plan
        .keys
        .iter()
        .map(|planned| {
            let status = match planned.status {
                Status::New => "new",
                Status::Equal => "unchanged",
                Status::Different => "different",
            };
            json!({ "key": planned.key.to_string(), "status": status, "input": planned.input, "line": planned.line })
        })
        .collect();
    let twice: Vec<Json> = plan
        .twice
        .iter()
        .map(|twice| json!({ "key": twice.key.to_string(), "same": twice.same }))
        .collect();
    json!({
        "file": in_json(&plan.to),
        "made": plan.creates,
        "changed": false,
        "recipients": plan.recipients,
        "inputs": inputs,
        "keys": keys,
        "twice": twice,
    })
}

/// The plan's JSON after it was done.
pub(super) fn completed(
    mut answer: Json,
    imported: &Imported,
    finished: &[(bool, Option<PathBuf>)],
) -> Json {
    let mut put = |pointer: &str, value: Json| {
        if let Some(place) = answer.pointer_mut(pointer) {
            *place = value;
        }
    };
    put("/changed", imported.written.into());
    for (number, outcome) in imported.outcomes.iter().enumerate() {
        let status = match outcome {
            Outcome::Added => "new",
            Outcome::Equal => "unchanged",
            Outcome::Replaced => "replaced",
            Outcome::Kept => "kept",
        };
        put(&format!("/keys/{number}/status"), status.into());
    }
    for (number, done) in imported.inputs.iter().enumerate() {
        put(&format!("/inputs/{number}/missing"), done.missing.into());
        let comments = done.missing_comments.into();
        put(&format!("/inputs/{number}/missing_comments"), comments);
    }
    for (number, (removed, list)) in finished.iter().enumerate() {
        put(&format!("/inputs/{number}/removed"), (*removed).into());
        put(&format!("/inputs/{number}/gitignore"), in_json(list));
    }
    answer
}
