//! `.env` files, as their many readers take them.
//!
//! What stands in a text says [`mod@crate::dialects`]; here it becomes what is imported, with what
//! somebody should see to.

mod comments;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use super::{Concern, Contents, Entry, ImportError, Warning, name};
use crate::dialects::{Assignment, Dialect, Lines};
use crate::document::{Kind, Value};
use crate::secret::Cleartext;
use crate::sops::store::NewNode;

/// Reads a text as `dialect` does. Of a name that stands twice, the value is kept that the
/// program takes.
pub(super) fn read(text: &str, dialect: Dialect) -> Result<Contents, ImportError> {
    let lines = Lines::new(text);
    let reading = dialect.read(text).map_err(|refusal| {
        let why = refusal.why;
        ImportError::Line {
            line: lines.of(refusal.at),
            why: match refusal.name {
                Some(name) if name::doubt(&name, &Cleartext::default()).is_none() => {
                    format!("`{name}`: {why}")
                }
                _ => why.into(),
            },
        }
    })?;
    let mut warnings = Vec::new();
    if reading.carriage_returns {
        warnings.push(Warning::new(None, None, Concern::CarriageReturns));
    }
    for at in &reading.unread {
        warnings.push(Warning::new(Some(lines.of(*at)), None, Concern::Unread));
    }
    for at in &reading.unset {
        // What stands there may be a piece of a value.
        let line = Some(lines.of(*at));
        warnings.push(Warning::new(line, None, Concern::NoValue));
    }
    for raw in &reading.found {
        if let Some(why) = name::doubt(&raw.name, &raw.value) {
            return Err(ImportError::Line {
                line: lines.of(raw.start),
                why: why.into(),
            });
        }
    }
    let (above, closing) = comments::attach(text, &reading.found);
    let mut contents = Contents {
        closing,
        ..Contents::default()
    };
    let winners = dialect.winners(&reading.found);
    let values: Vec<(usize, Cleartext)> = reading
        .found
        .iter()
        .enumerate()
        .map(|(index, raw)| (index, raw.value.duplicate()))
        .collect();
    for ((index, raw), comments) in reading.found.into_iter().enumerate().zip(above) {
        let line = Some(lines.of(raw.start));
        let winner = winners.get(&raw.name).copied().unwrap_or(index);
        if winner != index {
            let same = values
                .get(winner)
                .is_some_and(|(_, value)| *value == raw.value);
            if !same {
                warnings.push(Warning::new(line, Some(&raw.name), Concern::Overridden));
            }
            continue;
        }
        if raw.reference {
            warnings.push(Warning::new(line, Some(&raw.name), Concern::Reference));
        }
        contents.entries.push(Entry {
            path: vec![raw.name],
            node: NewNode::Value(Value {
                kind: Kind::Str,
                bytes: raw.value,
            }),
            line,
            comments,
        });
    }
    warnings.sort_by_key(|warning| warning.line);
    contents.warnings = warnings;
    Ok(contents)
}

/// Where other programs read other values than `contents`, which `dialect` read out of `text`. A
/// program that cannot read the text at all does not count, nor does docker, to which quotes are
/// part of every value.
pub fn differences(bytes: &[u8], dialect: Dialect, contents: &Contents) -> Vec<Warning> {
    let Ok(text) = super::error::as_text(bytes) else {
        return Vec::new();
    };
    let others = Dialect::ALL
        .into_iter()
        .filter(|other| *other != dialect && !matches!(other, Dialect::Docker | Dialect::Portable));
    let readings: Vec<(Dialect, HashMap<String, Assignment>)> = others
        .filter_map(|other| {
            let reading = other.read(text).ok()?;
            let winners = other.winners(&reading.found);
            let taken = reading.found.into_iter().enumerate();
            let taken = taken
                .filter(|(index, raw)| winners.get(&raw.name) == Some(index))
                .map(|(_, raw)| (raw.name.clone(), raw));
            Some((other, taken.collect()))
        })
        .collect();
    let mut warnings = Vec::new();
    for entry in &contents.entries {
        let ([name], NewNode::Value(value)) = (entry.path.as_slice(), &entry.node) else {
            continue;
        };
        let mut differ = Vec::new();
        let mut reference = false;
        for (other, raws) in &readings {
            match raws.get(name) {
                Some(raw) if raw.reference => reference = true,
                Some(raw) if raw.value != value.bytes => differ.push(*other),
                _ => {}
            }
        }
        let said = |concern: &Concern| {
            let same = |warning: &Warning| {
                warning.key.as_deref() == Some(name) && warning.concern == *concern
            };
            contents.warnings.iter().any(same)
        };
        if reference && !said(&Concern::Reference) {
            warnings.push(Warning::new(entry.line, Some(name), Concern::Reference));
        } else if !differ.is_empty() {
            warnings.push(Warning::new(
                entry.line,
                Some(name),
                Concern::Differs(differ),
            ));
        }
    }
    warnings
}
