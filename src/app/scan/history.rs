//! All of history: found first without knowing where it stands, then placed and judged there.
//!
//! The walk along the packs' deltas knows no paths, and of a blob that is stored as a delta it scans
//! only what is new in it. So what is found there is a list of objects. The first commits and all
//! paths of these, and of what may hold the same, are looked up then, and they are scanned once more
//! as the files that they are: rules and allowances that ask for a path get one.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::collect::{At, Collected, Collector, Raw};
use super::unsealed::Coverage;
use super::{MOST_BYTES, Options, SoFar, attended};
use crate::app::App;
use crate::error::Failure;
use crate::git::objects::{
    Id, Objects, Problem, Questions, Reached, Scanned, Settled, Walked, path_of,
};
use crate::io::file;
use crate::rules::{RULES_FILE, SOPS_FILE};
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
        let anywhere = Scanner::new(anywhere(collector.rules())?);
        let probe = Collector::new(&anywhere, self.coverage()).with_archives(options.archives);
        let mut paths = self.paths_asked(&objects, collector);
        let (mut walked, settled, scanned) = attended(&probe, seen, || -> Result<_, Failure> {
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
            let questions = Questions {
                path: paths.as_mut().map(|asks| asks as _),
                name: &|name| probe.is_something(name),
            };
            let settled = history.settle(&found, questions)?;
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
        let is_remembered = walked.problem_count == 0;
        let again = place(found, &settled, &objects, collector);
        name(&settled, collector);
        walked.problem_count += again.problem_count;
        walked.problems.extend(again.problems);
        if let (Some(path), true) = (&cache, is_remembered) {
            // a cache that cannot be written costs time and nothing else
            let written = file::create_private_directories(file::directory_of(path))
                .and_then(|()| scanned.write(path, &key));
            if let Err(error) = written {
                self.detail(1, || format!("what was scanned is not remembered: {error}"));
            }
        }
        Ok(walked)
    }

    /// Which paths are findings by themselves, or have to be encrypted; `None` if none can be. What stands
    /// at these is looked at in every scan: where a blob stands tomorrow, nobody knows today.
    fn paths_asked(
        &self,
        objects: &Objects,
        collector: &Collector<'_>,
    ) -> Option<impl FnMut(&[u8]) -> bool> {
        let is_rules = |path: &PathBuf| {
            let name = path.file_name();
            name.is_some_and(|name| name == RULES_FILE || name == SOPS_FILE)
        };
        // rules that cannot be read were an error before
        let has_rules = self.rules_here().is_ok()
            || objects
                .tracked()
                .is_ok_and(|paths| paths.iter().any(is_rules));
        let scanner = collector.scanner();
        let mut coverage = has_rules.then(|| self.coverage());
        let asks = move |path: &[u8]| {
            let covers = |coverage: &mut Coverage| coverage.covers(&path_of(path));
            scanner.finds_path(path) || coverage.as_mut().is_some_and(covers)
        };
        (has_rules || scanner.asks_for_paths()).then_some(asks)
    }
}

/// Scans names in which there is something, where they stand.
fn name(settled: &Settled, collector: &Collector<'_>) {
    for named in &settled.names {
        collector.look_at_name(&named.text, || At {
            source: match named.reached {
                Reached::Reflog | Reached::Nothing => Source::Unreachable,
                Reached::Ref | Reached::Stash | Reached::Notes => Source::Name,
            },
            path: named.path.as_deref().map(path_of),
            id: Some(named.id),
            commit: Some(named.id),
            ..At::default()
        });
    }
}

/// Puts what was found where it stands, and scans it there, as what stands at paths that are asked
/// for. What could not be read again.
fn place(
    found: Vec<Raw>,
    settled: &Settled,
    objects: &Objects,
    collector: &Collector<'_>,
) -> Walked {
    let mut places: HashMap<(Id, Option<PathBuf>), (Source, Id)> = HashMap::new();
    let mut rest = Vec::new();
    for Raw { at, what } in found {
        let seen = at.id.and_then(|id| Some((id, settled.seen.get(&id)?)));
        match (at.source, seen) {
            (Source::Message | Source::Tag, seen) => {
                let is_reached = seen.is_some_and(|(_, seen)| seen.reached < Reached::Reflog);
                let source = if is_reached {
                    at.source
                } else {
                    Source::Unreachable
                };
                let at = At { source, ..at };
                rest.push(Raw { at, what });
            }
            (_, Some((id, seen))) => {
                let there = (source(seen.reached), seen.commit);
                for path in &seen.paths {
                    places.insert((id, Some(path.clone())), there);
                }
                // a ref leads to the blob itself
                if seen.paths.is_empty() {
                    places.insert((id, None), there);
                }
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
    for asked in &settled.asked {
        let there = (source(asked.reached), asked.commit);
        let place = (asked.id, Some(path_of(&asked.path)));
        places.entry(place).or_insert(there);
    }
    let mut by_source: Vec<(Source, Vec<_>)> = Vec::new();
    for ((id, path), (source, commit)) in places {
        let place = (id, path, commit);
        match by_source.iter_mut().find(|(known, _)| *known == source) {
            Some((_, list)) => list.push(place),
            None => by_source.push((source, vec![place])),
        }
    }
    let mut walked = Walked::default();
    for (source, places) in by_source {
        let again = objects.again(places, collector.of_blobs(source));
        for (id, path, problem) in again.problems {
            // what is missing was said, if anything leads to it
            if problem != Problem::Missing {
                walked.problem_count += 1;
                walked.problems.push((id, path, problem));
            }
        }
    }
    walked
}

fn source(reached: Reached) -> Source {
    match reached {
        Reached::Ref => Source::History,
        Reached::Stash => Source::Stash,
        Reached::Notes => Source::Note,
        Reached::Reflog | Reached::Nothing => Source::Unreachable,
    }
}

/// The rules, which find at any path what they find at some, and alone what they find beside
/// something else: of what is stored as a delta only a part is looked at, and what they ask for may
/// stand in another.
fn anywhere(rules: &Rules) -> Result<Rules, Failure> {
    let mut all = rules.clone();
    for rule in rules.iter() {
        let is_bound =
            rule.path.is_some() || !rule.keywords.is_empty() || !rule.required.is_empty();
        if is_bound && rule.regex.is_some() {
            let mut rule = rule.clone();
            rule.path = None;
            rule.keywords = Cow::Borrowed(&[]);
            rule.required = Cow::Borrowed(&[]);
            all.insert(rule)?;
        }
    }
    Ok(all)
}

/// What decides what a scan finds: rules, engine, and what is decoded. What lets findings pass does
/// not, because objects with findings are never remembered; nor where something must be encrypted,
/// because what stands there is looked at every time.
fn key(rules: &Rules, archives: u32) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"mvx scan cache 2 ");
    hash.update(env!("CARGO_PKG_VERSION"));
    hash.update(rules.hash());
    hash.update(archives.to_le_bytes());
    hash.finalize().into()
}
