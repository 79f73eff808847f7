//! All of history: found first without knowing where it stands, then placed and judged there.
//!
//! The walk along the packs' deltas knows no paths, and of a blob that is stored as a delta it scans
//! only what is new in it. So what is found there is a list of objects. The first commits and all
//! paths of these, and of what may hold the same, are looked up then, and they are scanned once more
//! as the files that they are: rules and allowances that ask for a path get one.

use std::collections::HashSet;

use sha2::{Digest as _, Sha256};

use super::collect::{At, Collected, Collector, Raw};
use super::{MOST_BYTES, Options, SoFar, attended};
use crate::app::App;
use crate::error::Failure;
use crate::git::objects::{Id, Objects, Reached, Scanned, Seen, Settled, Walked};
use crate::io::file;
use crate::scan::finding::Source;
use crate::scan::{Rules, Scanner};

impl App<'_> {
    pub(super) fn scan_history(
        &self,
        collector: &Collector<'_>,
        options: &Options,
        seen: Option<&mut dyn FnMut(SoFar)>,
    ) -> Result<Walked, Failure> {
        let objects = Objects::open(self.directory(), self.environment(), MOST_BYTES)?;
        let key = key(collector.rules(), options.archives);
        let state = self.environment().state_directory().ok();
        let cache = state.map(|state| objects.scanned_path(&state));
        let known = match &cache {
            Some(path) if !options.anew => Scanned::read(path, &key),
            _ => Scanned::default(),
        };
        let anywhere = Scanner::new(without_paths(collector.rules())?);
        let probe = Collector::new(&anywhere, self.coverage()).with_archives(options.archives);
        let (walked, settled, scanned) = attended(&probe, seen, || -> Result<_, Failure> {
            let visit = probe.of_pieces(Source::History);
            let history = objects.history(&known, &visit)?;
            let found = probe.ids();
            let mut walked = history.walked().clone();
            probe.is_counted();
            if !found.is_empty() {
                history.carriers(&found, &visit);
            }
            let found = probe.ids();
            // what is missing is found among the trees
            let settled = history.settle(&found)?;
            let missing = &settled.walked;
            walked.problem_count += missing.problem_count;
            walked.problems.extend(missing.problems.iter().cloned());
            let mut kept = found;
            kept.extend(probe.unsettled());
            let scanned = history.scanned(&kept);
            Ok((walked, settled, scanned))
        })?;
        let mut collected = probe.finish();
        let found = std::mem::take(&mut collected.found);
        collector.take(collected);
        collector.is_counted();
        place(found, &settled, &objects, collector);
        if let (Some(path), true) = (&cache, walked.is_complete()) {
            // a cache that cannot be written costs time and nothing else
            let written = file::create_private_directories(file::directory_of(path))
                .and_then(|()| scanned.write(path, &key));
            if let Err(error) = written {
                self.detail(1, || format!("what was scanned is not remembered: {error}"));
            }
        }
        Ok(walked)
    }
}

/// Puts what was found where it stands, and scans it there.
fn place(found: Vec<Raw>, settled: &Settled, objects: &Objects, collector: &Collector<'_>) {
    let mut blobs: HashSet<Id> = HashSet::new();
    let mut rest = Vec::new();
    for Raw { at, what } in found {
        let seen = at.id.and_then(|id| settled.seen.get(&id));
        match (at.source, seen) {
            (Source::Message | Source::Tag, seen) => {
                let is_reached = seen.is_some_and(|seen| seen.reached < Reached::Reflog);
                let source = if is_reached {
                    at.source
                } else {
                    Source::Unreachable
                };
                let at = At { source, ..at };
                rest.push(Raw { at, what });
            }
            (_, Some(_)) => {
                blobs.extend(at.id);
            }
            // in no commit at all: there is no path
            (_, None) => {
                let source = Source::Unreachable;
                let at = At { source, ..at };
                rest.push(Raw { at, what });
            }
        }
    }
    collector.take(Collected {
        found: rest,
        ..Collected::default()
    });
    let mut by_source: Vec<(Source, Vec<_>)> = Vec::new();
    for (id, seen) in blobs
        .iter()
        .filter_map(|id| Some((*id, settled.seen.get(id)?)))
    {
        let source = source(seen);
        let places = seen
            .paths
            .iter()
            .map(|path| (id, path.clone(), seen.commit));
        match by_source.iter_mut().find(|(known, _)| *known == source) {
            Some((_, list)) => list.extend(places),
            None => by_source.push((source, places.collect())),
        }
    }
    for (source, places) in by_source {
        objects.again(places, collector.of_pieces(source));
    }
}

fn source(seen: &Seen) -> Source {
    match seen.reached {
        Reached::Ref => Source::History,
        Reached::Stash => Source::Stash,
        Reached::Notes => Source::Note,
        Reached::Reflog | Reached::Nothing => Source::Unreachable,
    }
}

/// The rules, which find at any path what they find at some.
fn without_paths(rules: &Rules) -> Result<Rules, Failure> {
    let mut all = rules.clone();
    for rule in rules.iter() {
        if rule.path.is_some() && rule.regex.is_some() {
            let mut rule = rule.clone();
            rule.path = None;
            all.insert(rule)?;
        }
    }
    Ok(all)
}

/// What decides what a scan finds: rules, engine, and what is decoded. What lets findings pass does
/// not, because objects with findings are never remembered.
fn key(rules: &Rules, archives: u32) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"mvx scan cache 1");
    hash.update(rules.hash());
    hash.update(archives.to_le_bytes());
    hash.finalize().into()
}
