//! `[notify.NAME]`: who hears of a rotation. Where it is sent is never said here.

use super::error::RulesError;
use super::node::{Fields, Lined, Node};

/// Somebody who is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// The name under which the environment or the user's own configuration knows the address.
    pub name: String,
    /// The line on which it begins, from 1.
    pub line: usize,
    /// The ledger's actions that are told; all when `None`.
    pub events: Option<Vec<&'static str>>,
    /// The consumers whose secrets are told of; all when `None`.
    pub consumers: Option<Vec<String>>,
}

/// The ledger's actions.
const EVENTS: &[&str] = &[
    "create", "rotate", "rekey", "grant", "revoke", "delete", "restore", "rollback", "expire",
    "verify", "move", "unknown",
];

impl Notify {
    /// Reads `[notify.NAME]`.
    pub(super) fn read(name: Lined<String>, node: Node) -> Result<Self, RulesError> {
        let place = format!("[notify.{}]", name.value);
        // A destination deserves more than "unknown field".
        let destinations = ["url", "endpoint", "address", "webhook", "secret", "token"];
        let known = ["events", "consumers"];
        let all: Vec<&str> = known.into_iter().chain(destinations).collect();
        let mut fields = Fields::new(node, &place, &all)?;
        for field in destinations {
            if let Some(entry) = fields.take(field) {
                return Err(RulesError::Destination {
                    line: entry.line,
                    field: field.into(),
                });
            }
        }
        Ok(Self {
            name: name.value,
            line: name.line,
            events: fields.each_word("events", EVENTS)?,
            consumers: fields.names("consumers")?,
        })
    }
}
