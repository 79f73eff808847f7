//! Findings beside findings: rules that want company, and several rules at one place.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::found::{Hit, Position};
use super::lines::Counter;
use super::rule::{Confidence, Required};
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
    let mut company: HashMap<&str, Company> = HashMap::new();
    for rule in candidates.iter().map(|found| rules.at(found.rule)) {
        for required in rule.required.iter() {
            company.entry(&required.rule).or_insert_with(|| {
                let of_rule = |(rule, _): &&(u32, _)| rules.at(*rule).is(&required.rule);
                Company::new(places.iter().filter(of_rule).map(|(_, place)| *place))
            });
        }
    }
    let mut place = places.iter();
    candidates.retain(|found| {
        let Some((_, here)) = place.next() else {
            return true;
        };
        rules.at(found.rule).required.iter().all(|required| {
            company
                .get(required.rule.as_ref())
                .is_some_and(|company| company.is_near(*here, required))
        })
    });
}

/// Where a rule found something.
struct Company {
    /// The columns of each line, in ascending order.
    lines: BTreeMap<usize, Vec<usize>>,
    /// The columns of all lines, in ascending order.
    columns: Vec<usize>,
}

impl Company {
    /// Places come in ascending order.
    fn new(places: impl Iterator<Item = Position>) -> Self {
        let mut lines: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for place in places {
            lines.entry(place.line).or_default().push(place.column);
        }
        let mut columns: Vec<usize> = lines.values().flatten().copied().collect();
        columns.sort_unstable();
        Self { lines, columns }
    }

    /// Whether there is one as near as is required.
    fn is_near(&self, here: Position, required: &Required) -> bool {
        let fits = |columns: &[usize]| {
            let Some(most) = required.within_columns else {
                return !columns.is_empty();
            };
            let least = here.column.saturating_sub(most as usize);
            let next = columns.partition_point(|column| *column < least);
            columns
                .get(next)
                .is_some_and(|column| column.abs_diff(here.column) <= most as usize)
        };
        let Some(most) = required.within_lines else {
            return fits(&self.columns);
        };
        let most = most as usize;
        let near = here.line.saturating_sub(most)..=here.line.saturating_add(most);
        self.lines.range(near).any(|(_, columns)| fits(columns))
    }
}

/// Something that was found, as far as it matters which of two at one place is kept.
pub(super) trait Placed {
    /// Where it is.
    fn span(&self) -> Range<usize>;

    /// The higher it is, the better.
    fn rank(&self) -> (Confidence, usize, Reverse<u32>);
}

impl Placed for Candidate {
    fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    fn rank(&self) -> (Confidence, usize, Reverse<u32>) {
        (self.confidence, self.decoded_by.len(), Reverse(self.rule))
    }
}

impl Placed for Hit {
    fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    fn rank(&self) -> (Confidence, usize, Reverse<u32>) {
        (self.confidence, self.decoded_by.len(), Reverse(self.rule.0))
    }
}

/// Of findings whose secrets overlap, keeps the surest; of equally sure ones, what was decoded, which
/// is the secret itself, and then that of the first rule. They come in the order of their spans; what
/// has an empty one, a path, overlaps with nothing.
pub(super) fn keep_best<T: Placed>(all: &mut Vec<T>) {
    let mut kept: Vec<T> = Vec::with_capacity(all.len());
    for found in all.drain(..) {
        match kept.last_mut() {
            Some(last) if found.span().start < last.span().end => {
                if found.rank() > last.rank() {
                    *last = found;
                }
            }
            _ => kept.push(found),
        }
    }
    *all = kept;
}
