//! All of a repository's history: every blob, commit message and tag message, from packs with the
//! deltas that they are stored as.

use std::collections::HashSet;
use std::sync::Mutex;
use std::thread;

use super::descent::{Descent, Made, needed};
use super::forest::{Forest, NONE, Queue, Shape, id_at};
use super::hand_out::threads;
use super::scanned::Scanned;
use super::store::Type;
use super::texts::text_of;
use super::{Id, Kind, Objects, ObjectsError, Piece, Problem, Walked, disk};

/// How many roots a thread takes at a time.
const ROOTS: usize = 64;

/// A history that was walked, to be asked on.
pub struct History<'a> {
    pub(super) objects: &'a Objects,
    pub(super) forests: Vec<Forest>,
    /// For each pack the entries that an earlier one has too, by their places in its index.
    pub(super) repeated: Vec<HashSet<u32>>,
    /// Objects with a file of their own that are in no pack.
    pub(super) loose: Vec<Id>,
    walked: Walked,
}

impl Objects {
    /// Hands out every blob, and every commit's and tag's message, that the repository and its
    /// alternates have, reachable or not, each once, on all cores. Of a blob that is stored as a
    /// delta the ranges say what is new in it against the blob that it is a delta of, which is handed
    /// out too, before it. So a secret that both have is found in one of them only: see
    /// [`History::carriers`]. What `scanned` has is passed over.
    pub fn history(
        &self,
        scanned: &Scanned,
        visit: impl Fn(&Piece<'_>) + Sync,
    ) -> Result<History<'_>, ObjectsError> {
        let mut walked = Walked::default();
        let mut forests = Vec::new();
        for (number, pack) in self.store.packs.iter().enumerate() {
            if let Ok(forest) = Forest::grow(number, pack) {
                forests.push(forest);
            } else {
                let problem = Problem::Corrupt("a pack that cannot be read");
                walked.problem(None, Some(&pack.path), problem);
            }
        }
        let mut history = History {
            objects: self,
            repeated: self.repeated(&forests),
            forests,
            loose: Vec::new(),
            walked: Walked::default(),
        };
        history.loose = self.loose()?;
        for (forest, repeated) in history.forests.iter().zip(&history.repeated) {
            walked.add(history.scan(forest, repeated, scanned, &visit));
        }
        walked.add(self.scan_loose(&history.loose, scanned, &visit));
        walked.is_shallow = !self.shallow()?.is_empty();
        walked.is_cut = walked.is_shallow;
        walked.is_partial = self.place.is_partial;
        history.walked = walked;
        Ok(history)
    }

    /// Which entries of each pack stand in an earlier one as well.
    fn repeated(&self, forests: &[Forest]) -> Vec<HashSet<u32>> {
        let mut repeated: Vec<HashSet<u32>> = forests.iter().map(|_| HashSet::new()).collect();
        if forests.len() < 2 {
            return repeated;
        }
        let mut all: Vec<(u64, usize, u32)> = Vec::new();
        for (number, forest) in forests.iter().enumerate() {
            let Some(pack) = self.store.packs.get(forest.pack) else {
                continue;
            };
            let ids = forest.nodes.iter().filter_map(|node| {
                let id = id_at(pack, node.position)?;
                Some((Id::hash(id.as_bytes()), number, node.position))
            });
            all.extend(ids);
        }
        all.sort_unstable();
        let id = |number: usize, position: u32| {
            let forest = forests.get(number)?;
            id_at(self.store.packs.get(forest.pack)?, position)
        };
        for run in all.chunk_by(|a, b| a.0 == b.0).filter(|run| run.len() > 1) {
            let mut seen = Vec::new();
            for (_, number, position) in run {
                let own = id(*number, *position);
                if !seen.contains(&own) {
                    seen.push(own);
                } else if let Some(repeated) = repeated.get_mut(*number) {
                    repeated.insert(*position);
                }
            }
        }
        repeated
    }

    /// The objects that have a file of their own and are in no pack.
    fn loose(&self) -> Result<Vec<Id>, ObjectsError> {
        let mut found = Vec::new();
        for directory in &self.store.directories {
            for first in disk::list(directory)? {
                if first.name.len() != 2 || !first.is_directory {
                    continue;
                }
                for entry in disk::list(&first.path)? {
                    found.extend(format!("{}{}", first.name, entry.name).parse::<Id>().ok());
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        let in_packs = |id: &Id| {
            let mut packs = self.store.packs.iter();
            packs.any(|pack| {
                pack.index()
                    .is_some_and(|index| index.lookup(id.0).is_some())
            })
        };
        found.retain(|id| id.as_bytes().len() == self.place.hash.len_in_bytes() && !in_packs(id));
        Ok(found)
    }

    fn scan_loose(
        &self,
        ids: &[Id],
        scanned: &Scanned,
        visit: &(impl Fn(&Piece<'_>) + Sync),
    ) -> Walked {
        self.on_all_cores(ids, |id, reader, walked| {
            if scanned.has(id) {
                walked.known += 1;
                return;
            }
            match self.store.read(id, reader) {
                Ok((kind, bytes)) => hand_out(*id, kind, &bytes, None, walked, visit),
                Err(problem) => walked.problem(Some(*id), None, problem),
            }
        })
    }
}

impl History<'_> {
    /// What was looked at, and what could not be. Whether anything is missing is known when
    /// [`Self::settle`] has gone through the trees.
    pub fn walked(&self) -> &Walked {
        &self.walked
    }

    /// Hands out, whole, the blobs that are stored as deltas of these, directly or not: all others
    /// in which what was found in these may stand too. Older versions are among them, mostly, and so
    /// are those that can be reached if these cannot. Each comes once; so do these, if packed.
    pub fn carriers(&self, ids: &HashSet<Id>, visit: impl Fn(&Piece<'_>) + Sync) -> Walked {
        let mut walked = Walked::default();
        let ids = self.with_deltas(ids);
        for (forest, repeated) in self.forests.iter().zip(&self.repeated) {
            let Some(pack) = self.objects.store.packs.get(forest.pack) else {
                continue;
            };
            let is_wanted: Vec<bool> = forest
                .nodes
                .iter()
                .map(|node| {
                    let id = id_at(pack, node.position);
                    id.is_some_and(|id| ids.contains(&id)) && !repeated.contains(&node.position)
                })
                .collect();
            if !is_wanted.contains(&true) {
                continue;
            }
            let is_wanted = |at: u32| is_wanted.get(at as usize).copied().unwrap_or(false);
            let is_needed = needed(forest, |at, _| is_wanted(at));
            walked.add(self.descend(forest, &is_needed, false, &|made, walked| {
                if is_wanted(made.at)
                    && made.kind == Type::Blob
                    && let Some(id) = id_at(pack, made.node.position)
                {
                    hand_out(id, made.kind, made.bytes, None, walked, &visit);
                }
            }));
        }
        walked
    }

    /// These objects and all that are stored as deltas of them, in whatever pack.
    pub(super) fn with_deltas(&self, ids: &HashSet<Id>) -> HashSet<Id> {
        let mut all = ids.clone();
        loop {
            let before = all.len();
            for forest in &self.forests {
                let Some(pack) = self.objects.store.packs.get(forest.pack) else {
                    continue;
                };
                let id = |at: u32| forest.node(at).and_then(|node| id_at(pack, node.position));
                let below = below(forest, |at| id(at).is_some_and(|id| all.contains(&id)));
                let found = (0..).zip(below).filter(|(_, is_below)| *is_below);
                all.extend(found.filter_map(|(at, _)| id(at)));
            }
            // one pack may have as a base what is a delta in another
            if self.forests.len() < 2 || all.len() == before {
                return all;
            }
        }
    }

    fn scan(
        &self,
        forest: &Forest,
        repeated: &HashSet<u32>,
        scanned: &Scanned,
        visit: &(impl Fn(&Piece<'_>) + Sync),
    ) -> Walked {
        let Some(pack) = self.objects.store.packs.get(forest.pack) else {
            return Walked::default();
        };
        let mut known = 0;
        let mut broken = Walked::default();
        let mut is_wanted = vec![false; forest.nodes.len()];
        for (wanted, node) in is_wanted.iter_mut().zip(&forest.nodes) {
            if node.shape == Shape::Known(Type::Tree) || repeated.contains(&node.position) {
                continue;
            }
            let id = || id_at(pack, node.position);
            if node.shape == Shape::Broken {
                broken.problem(id(), None, Problem::Corrupt("a delta without a base"));
            } else if !scanned.is_empty() && id().is_some_and(|id| scanned.has(&id)) {
                known += 1;
            } else {
                *wanted = true;
            }
        }
        let is_wanted = |at: u32| is_wanted.get(at as usize).copied().unwrap_or(false);
        let is_needed = needed(forest, |at, _| is_wanted(at));
        let mut walked = self.descend(forest, &is_needed, true, &|made, walked| {
            if is_wanted(made.at)
                && let Some(id) = id_at(pack, made.node.position)
            {
                hand_out(id, made.kind, made.bytes, made.new, walked, visit);
            }
        });
        walked.known += known;
        walked.add(broken);
        walked
    }

    /// Makes all that is needed of a pack, on all cores.
    pub(super) fn descend(
        &self,
        forest: &Forest,
        is_needed: &[bool],
        compares: bool,
        made: &(dyn Fn(&Made<'_>, &mut Walked) + Sync),
    ) -> Walked {
        let roots: Vec<u32> = forest
            .roots()
            .filter(|root| is_needed.get(*root as usize).copied().unwrap_or(false))
            .collect();
        let queue = Queue::new(roots.len(), ROOTS);
        let is_needed = |at: u32| is_needed.get(at as usize).copied().unwrap_or(false);
        let walked = Mutex::new(Walked::default());
        let pack = self.objects.store.packs.get(forest.pack);
        let run = || {
            let mut own = Walked::default();
            let mut failures = Vec::new();
            let store = &self.objects.store;
            let mut descent = Descent::new(store, forest, &is_needed, compares, self.objects.limit);
            while let Some(piece) = queue.take() {
                for root in roots.get(piece).unwrap_or_default() {
                    descent.descend(
                        *root,
                        &mut |object| made(object, &mut own),
                        &mut |at, problem| {
                            failures.push((at, problem));
                        },
                    );
                }
            }
            for (at, problem) in failures {
                let node = forest.node(at);
                let id = node.and_then(|node| id_at(pack?, node.position));
                own.problem(id, None, problem);
            }
            if let Ok(mut walked) = walked.lock() {
                walked.add(own);
            }
        };
        let threads = threads().min(roots.len().div_ceil(ROOTS)).max(1);
        thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(run);
            }
            run();
        });
        walked.into_inner().unwrap_or_default()
    }
}

/// Which entries are one of these or hang on one.
fn below(forest: &Forest, is_one: impl Fn(u32) -> bool) -> Vec<bool> {
    let mut below = vec![false; forest.nodes.len()];
    let mut open: Vec<u32> = (0..NONE)
        .zip(&forest.nodes)
        .map(|(at, _)| at)
        .filter(|at| is_one(*at))
        .collect();
    while let Some(at) = open.pop() {
        if let Some(bit) = below.get_mut(at as usize)
            && !*bit
        {
            *bit = true;
            open.extend(forest.children(at));
        }
    }
    below
}

fn hand_out(
    id: Id,
    kind: Type,
    bytes: &[u8],
    ranges: Option<&[std::ops::Range<usize>]>,
    walked: &mut Walked,
    visit: &impl Fn(&Piece<'_>),
) {
    let text;
    let (kind, bytes, ranges) = match kind {
        Type::Tree => return,
        Type::Blob => (Kind::Blob, bytes, ranges),
        // messages are short, and ranges count from the headers
        Type::Commit | Type::Tag => match text_of(kind, bytes) {
            Some((kind, own)) => {
                text = own;
                (kind, &*text, None)
            }
            None => {
                return walked.problem(Some(id), None, Problem::Corrupt("no commit and no tag"));
            }
        },
    };
    walked.pieces += 1;
    walked.bytes += match ranges {
        Some(ranges) => ranges.iter().map(|range| range.len() as u64).sum(),
        None => bytes.len() as u64,
    };
    visit(&Piece {
        id,
        kind,
        bytes,
        ranges,
        path: None,
        commit: (kind == Kind::CommitMessage).then_some(id),
        bases: &[],
    });
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
