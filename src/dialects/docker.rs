//! `docker run --env-file`: a line is a name and everything behind its `=`, quotes and all.

use super::{Assignment, Reading, Refusal};

pub(super) fn scan(text: &str) -> Result<Reading, Refusal> {
    let mut reading = Reading::default();
    let mut start = 0;
    for whole in text.split_inclusive('\n') {
        let at = start;
        start += whole.len();
        let line = whole.strip_suffix('\n').unwrap_or(whole);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let trimmed = line.trim_start();
        let at = at + (line.len() - trimmed.len());
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let (name, value) = match trimmed.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (trimmed, None),
        };
        if name.contains([' ', '\t']) {
            return Err(Refusal::new(
                at,
                None,
                "docker takes no blank before the `=`, nor one in a name",
            ));
        }
        match value {
            _ if name.is_empty() => {
                return Err(Refusal::new(at, None, "there is no name before the `=`"));
            }
            Some(value) => reading.found.push(Assignment {
                name: name.into(),
                value: value.into(),
                start: at,
                end: at + trimmed.len(),
                reference: false,
            }),
            None => reading.unset.push(at),
        }
    }
    Ok(reading)
}
