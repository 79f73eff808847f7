//! `mvx rotation due`: how every secret stands with its cadence.

use std::time::Duration;

use jiff::Timestamp;

use super::book::SecretFile;
use crate::app::App;
use crate::error::Failure;
use crate::io::clock;
use crate::ledger::chain::{Chain, Place, Standing};
use crate::ledger::due::{Cadence, is_kept, later};
use crate::ledger::event::Action;
use crate::ledger::fingerprint::Leaf;
use crate::ledger::report::{DueRow, Ending};
use crate::ledger::verify::Kept;

/// How all secrets stand.
pub struct Due {
    /// The secrets, the most urgent first.
    pub rows: Vec<DueRow>,
    /// Replaced and deleted values that are kept no longer than was asked about.
    pub endings: Vec<Ending>,
    /// Secret files that could not be read.
    pub unreadable: Vec<Failure>,
    /// Files in the ledger that are no events to be believed.
    pub strange: usize,
}

/// What the ledger says of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::app) struct Stands {
    /// Its version, where an event speaks of it; the greatest of several heads.
    pub(in crate::app) version: Option<usize>,
    /// Since when it is what it is, as far as is known.
    pub(in crate::app) since: Option<Timestamp>,
    /// Whether its last change is not in the ledger, or nobody has said what it was.
    pub(in crate::app) unexplained: bool,
}

impl Stands {
    /// How a value of a file stands.
    pub(in crate::app) fn of(chain: &Chain<'_>, file: &str, leaf: &Leaf) -> Self {
        let place = Place {
            file,
            key: &leaf.key,
        };
        let heads = chain.heads(place);
        let stands = chain.stands(place, leaf);
        let agrees = chain.standing(place, leaf) == Standing::Agrees;
        let unknown = heads
            .iter()
            .any(|node| node.event().action == Action::Unknown);
        let newest = heads.iter().map(|node| node.version).max();
        Self {
            version: stands.map(|node| node.version).or(newest),
            since: chain.since(place, leaf),
            unexplained: !agrees || unknown,
        }
    }
}

impl App<'_> {
    /// How every encrypted value stands; `within` is what counts as soon.
    pub fn due(&self, within: Duration) -> Result<Due, Failure> {
        let book = self.book()?;
        let chain = book.chain();
        let mut due = Due {
            rows: Vec::new(),
            endings: Vec::new(),
            unreadable: Vec::new(),
            strange: book.read.strange.len(),
        };
        for file in &book.files {
            self.due_in(&chain, file, within, &mut due);
        }
        due.endings = endings(&book.kept, &chain, within);
        due.rows.sort_by(|a, b| {
            let urgency = |row: &DueRow| match row.cadence {
                Cadence::Overdue(_) => 0,
                Cadence::Soon(_) => 1,
                Cadence::Never => 2,
                Cadence::Later(_) => 3,
                Cadence::Free => 4,
            };
            let key = |row: &DueRow| (urgency(row), row.cadence.due());
            (key(a), &a.file, &a.key).cmp(&(key(b), &b.file, &b.key))
        });
        due.endings.sort_by_key(|one| one.until);
        due.unreadable = book.unreadable;
        Ok(due)
    }

    fn due_in(&self, chain: &Chain<'_>, file: &SecretFile, within: Duration, due: &mut Due) {
        let now = clock::now();
        let name = file.state.file.as_str();
        let rules = self.rules_for(&file.path);
        for leaf in file
            .state
            .leaves
            .iter()
            .filter(|leaf| leaf.fingerprint.is_sealed())
        {
            let environment = file.environment.as_deref();
            let policy = rules.as_ref().map_or_else(
                |_| crate::rules::SecretPolicy::default(),
                |(rules, name)| rules.secret_policy(name, environment, &leaf.path),
            );
            let stands = Stands::of(chain, name, leaf);
            let since = stands.since;
            due.rows.push(DueRow {
                file: name.to_owned(),
                key: leaf.key.clone(),
                environment: file.environment.clone(),
                owner: policy.owner,
                criticality: policy.criticality.map(crate::rules::Criticality::word),
                since,
                cadence: Cadence::of(since, policy.rotate_every, now, within),
                unexplained: stands.unexplained,
            });
        }
    }
}

/// What is kept, and not for longer than this.
fn endings(kept: &[Kept], chain: &Chain<'_>, within: Duration) -> Vec<Ending> {
    let now = clock::now();
    let mut endings = Vec::new();
    for entry in kept.iter().filter_map(|kept| kept.event(chain)) {
        let event = &entry.event;
        let Some(until) = event.grace_until else {
            continue;
        };
        if is_kept(until, now) && until <= later(now, within) {
            endings.extend(event.values.iter().map(|value| Ending {
                file: event.file.clone(),
                key: value.key.clone(),
                until,
            }));
        }
    }
    endings
}
