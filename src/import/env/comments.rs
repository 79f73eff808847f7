//! Comments and what they belong to.

use crate::dialects::Assignment;
use crate::secret::Cleartext;

/// The comments of each value: those directly above it and the one at the end of its line; and
/// those that stand below the last value. Their `#` is gone, and so is a CR at their end.
pub(super) fn attach(text: &str, found: &[Assignment]) -> (Vec<Vec<Cleartext>>, Vec<Cleartext>) {
    let mut above: Vec<Vec<Cleartext>> = Vec::with_capacity(found.len());
    let mut end = 0;
    for raw in found {
        let (own, following) = gap(text.get(end..raw.start).unwrap_or_default(), end > 0);
        if let (Some(comment), Some(last)) = (own, above.last_mut()) {
            last.push(comment);
        }
        above.push(following);
        end = raw.end.max(end);
    }
    let (own, closing) = gap(text.get(end..).unwrap_or_default(), end > 0);
    if let (Some(comment), Some(last)) = (own, above.last_mut()) {
        last.push(comment);
    }
    (above, closing)
}

/// The comments between two values: the one on the first one's line, and the others.
fn gap(text: &str, behind_a_value: bool) -> (Option<Cleartext>, Vec<Cleartext>) {
    let comment = |line: &str| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        line.trim_start().strip_prefix('#').map(Cleartext::from)
    };
    let (first, rest) = match text.split_once('\n') {
        Some((first, rest)) if behind_a_value => (first, rest),
        None if behind_a_value => (text, ""),
        _ => ("", text),
    };
    (
        comment(first),
        rest.split('\n').filter_map(comment).collect(),
    )
}
