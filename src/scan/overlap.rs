//! Findings beside findings: rules that want company, and several rules at one place.

use super::lines::Counter;
use super::rules::Rules;
use super::search::Candidate;

/// Drops the findings of rules that require others near where those are not. Candidates come in the
/// order of their spans.
pub(super) fn drop_unaccompanied(rules: &Rules, text: &[u8], candidates: &mut Vec<Candidate>) {
    let wants = |found: &Candidate| !rules.at(found.rule).required.is_empty();
    if !candidates.iter().any(wants) {
        return;
    }
    let mut counter = Counter::new(text);
    let places: Vec<_> = candidates
        .iter()
        .map(|found| (found.rule, counter.position(found.span.start)))
        .collect();
    let mut place = places.iter();
    candidates.retain(|found| {
        let Some((_, here)) = place.next() else {
            return true;
        };
        rules.at(found.rule).required.iter().all(|required| {
            places.iter().any(|(rule, there)| {
                let within = |limit: Option<u32>, one: usize, other: usize| {
                    limit.is_none_or(|limit| one.abs_diff(other) <= limit as usize)
                };
                rules.at(*rule).is(&required.rule)
                    && within(required.within_lines, here.line, there.line)
                    && within(required.within_columns, here.column, there.column)
            })
        })
    });
}

/// Of findings whose secrets overlap, keeps the surest; of equally sure ones, what was decoded, which
/// is the secret itself, and then that of the first rule. Candidates come in the order of their spans.
pub(super) fn keep_best(candidates: &mut Vec<Candidate>) {
    let mut kept: Vec<Candidate> = Vec::with_capacity(candidates.len());
    for found in candidates.drain(..) {
        let rank = |found: &Candidate| {
            (
                found.confidence,
                found.decoded_by.len(),
                std::cmp::Reverse(found.rule),
            )
        };
        let overlaps =
            |last: &Candidate| !found.is_path && !last.is_path && found.span.start < last.span.end;
        match kept.last_mut() {
            Some(last) if overlaps(last) => {
                if rank(&found) > rank(last) {
                    *last = found;
                }
            }
            _ => kept.push(found),
        }
    }
    *candidates = kept;
}
