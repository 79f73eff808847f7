//! What is inside of archives, where that is asked for; where it is not, that there are some.

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

use super::collect::{At, Collector, Raw, RawWhat};
use crate::git::objects::Base;
use crate::scan::archive::{self, Kind, Limits};
use crate::scan::report::Archives;
use crate::scan::{Hit, Input, MOST_HITS, RuleNumber, Scratch};

/// The most that one scan takes out of archives, in bytes: a minute or two.
const MOST_BYTES: u64 = 16 << 30;

/// How a collector treats archives, and what it met.
#[derive(Default)]
pub(super) struct Shelf {
    /// How deep they are opened; not at all if it is 0.
    pub(super) depth: u32,
    bytes: AtomicU64,
    opened: AtomicU64,
    left: AtomicU64,
    locked: AtomicU64,
}

/// What stands in one archive.
#[derive(Default)]
pub(super) struct Inside {
    pub(super) found: Vec<Raw>,
    /// Findings that an older version of the archive holds as well.
    pub(super) committed: usize,
    pub(super) incomplete: Vec<String>,
    /// Whether another scan may see more of it.
    pub(super) is_unsettled: bool,
    /// Encrypted tokens in it.
    pub(super) encrypted: u64,
    secrets: HashSet<Secret>,
}

type Secret = (RuleNumber, Vec<u8>);

impl Shelf {
    pub(super) fn to_depth(depth: u32) -> Self {
        Self {
            depth,
            ..Self::default()
        }
    }

    /// What was met so far.
    pub(super) fn met(&self) -> Archives {
        Archives {
            opened: self.opened.load(Ordering::Relaxed),
            left: self.left.load(Ordering::Relaxed),
            locked: self.locked.load(Ordering::Relaxed),
        }
    }

    /// Takes over what another has met.
    pub(super) fn take(&self, met: Archives) {
        self.opened.fetch_add(met.opened, Ordering::Relaxed);
        self.left.fetch_add(met.left, Ordering::Relaxed);
        self.locked.fetch_add(met.locked, Ordering::Relaxed);
    }
}

impl Inside {
    /// Whether this was found inside, so that it need not be reported of the archive's own bytes too.
    pub(super) fn has(&self, hit: &Hit) -> bool {
        !self.secrets.is_empty() && self.secrets.contains(&secret(hit))
    }
}

impl Collector<'_> {
    /// Looks into an archive, or counts that nobody does.
    pub(super) fn look_into(
        &self,
        at: &At,
        path: Option<&[u8]>,
        bytes: &[u8],
        bases: &[Base<'_>],
        is_new: bool,
    ) -> Inside {
        let mut inside = Inside::default();
        let Some(kind) = archive::kind(bytes) else {
            return inside;
        };
        let stock = &self.shelf;
        let count = |counter: &AtomicU64, number: u64| {
            if is_new {
                counter.fetch_add(number, Ordering::Relaxed);
            }
        };
        if stock.depth == 0 || matches!(kind, Kind::Other(_)) {
            count(&stock.left, 1);
            inside.is_unsettled = true;
            return inside;
        }
        let taken = stock.bytes.load(Ordering::Relaxed);
        let mut limits = Limits::to_depth(stock.depth);
        limits.total = limits.total.min(MOST_BYTES.saturating_sub(taken));
        if limits.total == 0 {
            count(&stock.left, 1);
            let why = "was not looked into: 16 GiB were taken out of other archives before";
            inside.stop(at, "", why);
            return inside;
        }
        let mut scratch = self.scratch();
        let opened = archive::each(bytes, &limits, &mut |name, entry| {
            self.entry(at, path, name, entry, &mut scratch, &mut inside);
        });
        count(&stock.bytes, opened.bytes);
        count(&stock.opened, opened.archives);
        count(&stock.left, opened.closed);
        count(&stock.locked, opened.locked);
        inside.is_unsettled |= opened.closed > 0 || opened.locked > 0;
        if let Some((name, stop)) = &opened.stopped {
            inside.stop(at, name, &stop.to_string());
        }
        inside.once_each();
        if !inside.found.is_empty() {
            self.without_old(&limits, bases, &mut scratch, &mut inside);
        }
        inside
    }

    fn entry(
        &self,
        at: &At,
        path: Option<&[u8]>,
        name: &str,
        bytes: &[u8],
        scratch: &mut Scratch,
        inside: &mut Inside,
    ) {
        if inside.found.len() >= MOST_HITS {
            return;
        }
        let path = match path {
            Some(path) => [path, b"!", name.as_bytes()].concat(),
            None => name.as_bytes().to_vec(),
        };
        let input = Input {
            path: Some(&path),
            bytes,
            ranges: None,
        };
        let found = self.scan(scratch, &input);
        inside.encrypted += found.encrypted.total() as u64;
        let at = At {
            inside: Some(name.to_owned()),
            ..at.clone()
        };
        if let Some(limit) = found.incomplete {
            inside.incomplete.push(self.limit(&at, limit));
            inside.is_unsettled = true;
        }
        for hit in found.hits {
            inside.secrets.insert(secret(&hit));
            let what = RawWhat::Hit(hit);
            let at = at.clone();
            inside.found.push(Raw { at, what });
        }
        if inside.found.len() >= MOST_HITS {
            inside.stop(&at, "", "holds too many findings to list them all");
        }
    }

    /// Takes out what an older version of the archive holds as well, wherever in it.
    fn without_old(
        &self,
        limits: &Limits,
        bases: &[Base<'_>],
        scratch: &mut Scratch,
        inside: &mut Inside,
    ) {
        let mut old: HashSet<Secret> = HashSet::new();
        for base in bases {
            let Some(bytes) = base.bytes() else { continue };
            archive::each(&bytes, limits, &mut |_, entry| {
                let found = self.scan(scratch, &Input::of(entry));
                old.extend(found.hits.iter().map(secret));
            });
        }
        let before = inside.found.len();
        inside
            .found
            .retain(|raw| raw.hit().is_none_or(|hit| !old.contains(&secret(hit))));
        inside.committed = before - inside.found.len();
    }
}

impl Inside {
    fn stop(&mut self, at: &At, name: &str, why: &str) {
        let mut place = at.words();
        if !name.is_empty() {
            place.push('!');
            place += name;
        }
        self.incomplete.push(format!("{place}: {why}"));
        self.is_unsettled = true;
    }

    /// What stands in an archive that is stored without compression is seen in the outer one's bytes
    /// as well: the innermost place is the one to report.
    fn once_each(&mut self) {
        let places: BTreeSet<(Secret, String)> = self
            .found
            .iter()
            .filter_map(|raw| Some((secret(raw.hit()?), raw.at.inside.clone()?)))
            .collect();
        self.found.retain(|raw| {
            let (Some(hit), Some(name)) = (raw.hit(), &raw.at.inside) else {
                return true;
            };
            let within = (secret(hit), format!("{name}!"));
            let next = places.range(&within..).next();
            next.is_none_or(|(secret, place)| *secret != within.0 || !place.starts_with(&within.1))
        });
    }
}

fn secret(hit: &Hit) -> Secret {
    (hit.rule, hit.secret.as_bytes().to_vec())
}
