//! `mvx scan baseline`: making the file of known findings, and keeping it short.

use std::collections::HashSet;
use std::path::PathBuf;

use super::rules::Loaded;
use super::{Options, Outcome, What};
use crate::app::App;
use crate::error::{Exit, Failure};
use crate::io::file::{self, Kind};
use crate::io::random;
use crate::io::write::{self, Access};
use crate::scan::baseline::{Baseline, Entry};
use crate::scan::finding::{Finding, Source};
use crate::scan::fingerprint::{Fingerprint, Salt};

/// What was done to a baseline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The file.
    pub path: PathBuf,
    /// How many findings were added.
    pub added: usize,
    /// How many entries were removed.
    pub removed: usize,
    /// How many there are now.
    pub entries: usize,
    /// How many entries found nothing, and were left.
    pub stale: usize,
}

/// An entry of a baseline and where its secret stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The entry.
    pub fingerprint: Fingerprint,
    /// What stands beside it.
    pub entry: Entry,
    /// Where it was found: `path:line:column`; nowhere if it is stale.
    pub places: Vec<String>,
}

/// What is done to a baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// A new one with all that is found; one that is there is only replaced if it may be.
    Create {
        /// Whether one that is there may be replaced.
        replace: bool,
    },
    /// What is found is added.
    Update,
    /// What is not found is removed.
    Prune,
}

impl App<'_> {
    /// Makes or changes the baseline, by what is found now.
    pub fn change_baseline(
        &self,
        task: Task,
        what: &[What],
        options: &Options,
    ) -> Result<Change, Failure> {
        let loaded = self.scan_rules(options.rules.as_deref())?;
        let path = self.baseline_path(options.baseline.as_deref(), &loaded)?;
        let old = match (task, file::kind(&path)?) {
            (Task::Create { replace: false }, Some(_)) => {
                return Err(Failure::new(Exit::IO, "already-exists", "exists already")
                    .at(path.display())
                    .hint("`mvx scan baseline update` adds to it, `--force` makes a new one"));
            }
            (Task::Create { .. }, _) | (Task::Update, None) => None,
            (_, Some(Kind::File)) => self.baseline(Some(&path), &loaded)?,
            (Task::Prune, _) | (_, Some(_)) => {
                return Err(Failure::new(Exit::IO, "not-found", "there is no such file")
                    .at(path.display())
                    .hint("`mvx scan baseline create` makes one"));
            }
        };
        let old_text = match &old {
            Some(_) => Some(file::read_text(&path, 64 << 20)?),
            None => None,
        };
        let mut baseline = match old {
            Some((_, baseline)) => baseline,
            None => Baseline::new(new_salt()?),
        };
        let outcome = self.everything(what, options, &loaded, &baseline)?;
        let found: HashSet<Fingerprint> = prints(&outcome).collect();
        let mut change = Change {
            path: path.clone(),
            ..Change::default()
        };
        let stale: Vec<Fingerprint> = baseline
            .entries()
            .filter(|(print, entry)| !found.contains(print) && self.is_looked_for(entry, what))
            .map(|(print, _)| print.clone())
            .collect();
        if task == Task::Prune {
            // what could not be scanned may hold what is not found
            if !outcome.incomplete.is_empty() {
                return Err(Failure::new(
                    Exit::IO,
                    "scan-incomplete",
                    "not everything could be scanned; nothing was removed",
                )
                .hint(outcome.incomplete.join("; ")));
            }
            for print in &stale {
                baseline.remove(print);
            }
            change.removed = stale.len();
        } else {
            change.stale = stale.len();
            for finding in &outcome.findings {
                let print = finding.fingerprint.as_deref().and_then(Fingerprint::parse);
                let Some(print) = print else { continue };
                let entry = Entry {
                    rule: finding.rule.clone(),
                    is_history: !is_of_tree(finding),
                    comment: None,
                };
                change.added += usize::from(baseline.add(print, entry));
            }
        }
        change.entries = baseline.entries().len();
        let text = baseline.render();
        match &old_text {
            Some(old) if *old == text => {}
            Some(old) => {
                let lock = self.lock(&path)?;
                self.replace(&lock, old.as_bytes(), text.as_bytes(), Access::Shared)?;
            }
            None => write::write(&path, text.as_bytes(), Access::Shared)?,
        }
        Ok(change)
    }

    /// The entries of the baseline, and where what they stand for is found now.
    pub fn explain_baseline(
        &self,
        what: &[What],
        options: &Options,
    ) -> Result<(PathBuf, Vec<Explained>), Failure> {
        let loaded = self.scan_rules(options.rules.as_deref())?;
        let path = self.baseline_path(options.baseline.as_deref(), &loaded)?;
        let Some((_, baseline)) = self.baseline(Some(&path), &loaded)? else {
            return Ok((path, Vec::new()));
        };
        let outcome = self.everything(what, options, &loaded, &baseline)?;
        let explained = baseline.entries().map(|(print, entry)| Explained {
            fingerprint: print.clone(),
            entry: entry.clone(),
            places: outcome
                .findings
                .iter()
                .filter(|finding| finding.fingerprint.as_deref() == Some(print.as_str()))
                .map(|finding| {
                    let (place, start) = (finding.place.words(), finding.start);
                    format!("{place}:{}:{}", start.line, start.column)
                })
                .collect(),
        });
        Ok((path, explained.collect()))
    }

    /// How many entries nothing was found for, where all was looked at that they may stand in.
    pub(super) fn stale(
        &self,
        baseline: &Baseline,
        found: &HashSet<Fingerprint>,
        what: &[What],
    ) -> usize {
        let entries = baseline.entries();
        entries
            .filter(|(print, entry)| !found.contains(print) && self.is_looked_for(entry, what))
            .count()
    }

    /// Whether a scan of this would find what an entry stands for.
    fn is_looked_for(&self, entry: &Entry, what: &[What]) -> bool {
        what.iter().any(|what| match what {
            What::History => true,
            what => !entry.is_history && self.is_whole_tree(what),
        })
    }

    /// All that is found, known or not, with fingerprints.
    fn everything(
        &self,
        what: &[What],
        options: &Options,
        _loaded: &Loaded,
        baseline: &Baseline,
    ) -> Result<Outcome, Failure> {
        let options = Options {
            fingerprints: true,
            anew: true,
            against: Some(baseline.salt()),
            ..options.clone()
        };
        self.find_leaks(what, &options, None)
    }
}

fn is_of_tree(finding: &Finding) -> bool {
    matches!(
        finding.place.source,
        Source::File | Source::Staged | Source::Stdin
    )
}

fn prints(outcome: &Outcome) -> impl Iterator<Item = Fingerprint> {
    outcome
        .findings
        .iter()
        .filter_map(|finding| Fingerprint::parse(finding.fingerprint.as_deref()?))
}

fn new_salt() -> Result<Salt, Failure> {
    let mut salt = [0; 16];
    random::fill(&mut salt)?;
    Ok(Salt::new(salt))
}
