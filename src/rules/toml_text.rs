//! TOML into [`Node`]s.

use std::ops::Range;

use jiff::civil::Date;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::RulesError;
use super::node::{Entry, Node, Value};

/// Reads a TOML text.
pub(super) fn parse(text: &str) -> Result<Node, RulesError> {
    let lines = Lines::of(text);
    let table = DeTable::parse(text).map_err(|error| {
        let message = error.message().trim().lines().next().unwrap_or_default();
        RulesError::Syntax {
            line: lines.line(error.span().unwrap_or_default().start),
            message: lower_first(message),
        }
    })?;
    Ok(Node {
        line: 1,
        value: Value::Table(lines.entries(table.into_inner())),
    })
}

/// Where a text's lines begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let breaks = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        Self(std::iter::once(0).chain(breaks).collect())
    }

    fn line(&self, at: usize) -> usize {
        self.0.partition_point(|start| *start <= at)
    }

    fn entries(&self, table: DeTable<'_>) -> Vec<Entry> {
        let mut entries: Vec<(Range<usize>, Entry)> = table
            .into_iter()
            .map(|(key, value)| {
                let span = key.span();
                let line = self.line(span.start);
                let mut node = self.node(value);
                // A table of tables has no place of its own, or one at its first header.
                if matches!(node.value, Value::Table(_)) {
                    node.line = line;
                }
                let name = key.into_inner().into_owned();
                (span, Entry { name, line, node })
            })
            .collect();
        entries.sort_by_key(|(span, _)| span.start);
        entries.into_iter().map(|(_, entry)| entry).collect()
    }

    fn node(&self, value: Spanned<DeValue<'_>>) -> Node {
        let line = self.line(value.span().start);
        let value = match value.into_inner() {
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Integer(number) => {
                // An integer that does not fit is no integer that anything here could use.
                i64::from_str_radix(number.as_str(), number.radix())
                    .map_or(Value::Float(f64::INFINITY), Value::Integer)
            }
            DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(value) => Value::Boolean(value),
            DeValue::Datetime(time) => date(&time).map_or(Value::Time, Value::Date),
            DeValue::Array(list) => {
                Value::List(list.into_iter().map(|node| self.node(node)).collect())
            }
            DeValue::Table(table) => Value::Table(self.entries(table)),
        };
        Node { line, value }
    }
}

/// A date without a time.
fn date(time: &toml::value::Datetime) -> Option<Date> {
    let date = time.date.filter(|_| time.time.is_none())?;
    Date::new(
        i16::try_from(date.year).ok()?,
        i8::try_from(date.month).ok()?,
        i8::try_from(date.day).ok()?,
    )
    .ok()
}

pub(super) fn lower_first(message: &str) -> String {
    let mut chars = message.chars();
    let Some(first) = chars.next() else {
        return "this cannot be read".into();
    };
    first.to_lowercase().chain(chars).collect()
}
