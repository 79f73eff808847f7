//! Durations and dates.

use std::time::Duration;

use jiff::civil::Date;

use super::error::RulesError;
use super::node::{Entry, Fields, Lined, Value};

const UNITS: [(char, u64); 4] = [
    ('m', 60),
    ('h', 60 * 60),
    ('d', 24 * 60 * 60),
    ('w', 7 * 24 * 60 * 60),
];

/// A hundred years: more is a slip of the finger.
const LONGEST: u64 = 36_525 * 24 * 60 * 60;

/// Reads `90d`, `24h`, `12w` or `30m`; `None` for anything else.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let (_, seconds) = UNITS.into_iter().find(|(letter, _)| *letter == unit)?;
    let digits = text.get(..text.len() - 1)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds = digits.parse::<u64>().ok()?.checked_mul(seconds)?;
    (seconds <= LONGEST).then(|| Duration::from_secs(seconds))
}

impl Fields {
    /// A duration; `0` is one only where `zero` says so.
    pub(super) fn duration(
        &mut self,
        field: &str,
        zero: bool,
    ) -> Result<Option<Duration>, RulesError> {
        let Some(Entry { node, .. }) = self.take(field) else {
            return Ok(None);
        };
        let duration = match &node.value {
            Value::Text(text) => parse_duration(text),
            Value::Integer(0) => Some(Duration::ZERO),
            _ => None,
        };
        match duration.filter(|duration| zero || !duration.is_zero()) {
            Some(duration) => Ok(Some(duration)),
            None => Err(RulesError::BadDuration {
                line: node.line,
                field: field.into(),
            }),
        }
    }

    /// A date, as TOML's own type or as text.
    pub(super) fn date(&mut self, field: &str) -> Result<Option<Lined<Date>>, RulesError> {
        let Some(Entry { node, .. }) = self.take(field) else {
            return Ok(None);
        };
        let date = match &node.value {
            Value::Date(date) => Some(*date),
            Value::Text(text) if text.len() == "2027-01-31".len() => text.parse().ok(),
            _ => None,
        };
        match date {
            Some(value) => Ok(Some(Lined {
                line: node.line,
                value,
            })),
            None => Err(RulesError::BadDate {
                line: node.line,
                field: field.into(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_one_number_and_one_unit() {
        for (text, seconds) in [
            ("90d", Some(7_776_000)),
            ("24h", Some(86_400)),
            ("12w", Some(7_257_600)),
            ("30m", Some(1_800)),
            ("0d", Some(0)),
            ("36525d", Some(LONGEST)),
            ("36526d", None),
            ("99999999999999999999d", None),
            ("90", None),
            ("d", None),
            ("", None),
            ("-1d", None),
            ("+1d", None),
            ("1.5d", None),
            ("1d12h", None),
            ("90 d", None),
            ("90D", None),
            ("30s", None),
            ("٣d", None),
            ("1é", None),
        ] {
            assert_eq!(
                parse_duration(text),
                seconds.map(Duration::from_secs),
                "{text}"
            );
        }
    }
}
