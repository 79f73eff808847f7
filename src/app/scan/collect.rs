//! Takes pieces from whatever source, on any number of threads, and keeps what is found in them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::SoFar;
use super::archives::Shelf;
use super::unsealed::Coverage;
use crate::git::objects::{Base, From, Id, Kind, Piece};
use crate::scan::finding::Source;
use crate::scan::report::Scanned;
use crate::scan::{Found, Hit, Input, Limit, Rules, Scanner, Scratch};

/// The shortest name that is looked at, in bytes: no token is shorter.
const SHORTEST_NAME: usize = 8;

/// Where a piece comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct At {
    pub(super) source: Source,
    pub(super) path: Option<PathBuf>,
    /// The blob, commit or tag.
    pub(super) id: Option<Id>,
    /// The commit that it comes with.
    pub(super) commit: Option<Id>,
    /// Which entry of the archive that it is; of an archive in an archive, with `!` between.
    pub(super) inside: Option<String>,
}

impl At {
    /// The place as people read it, without a line.
    pub(super) fn words(&self) -> String {
        let outer = match (&self.path, self.id) {
            (Some(path), _) => path.display().to_string(),
            (None, Some(id)) => format!("object {id}"),
            (None, None) => "standard input".into(),
        };
        match &self.inside {
            Some(inside) => format!("{outer}!{inside}"),
            None => outer,
        }
    }
}

/// Something that was found.
pub(super) struct Raw {
    pub(super) at: At,
    pub(super) what: RawWhat,
}

impl Raw {
    /// The secret, if it is one.
    pub(super) fn hit(&self) -> Option<&Hit> {
        match &self.what {
            RawWhat::Hit(hit) => Some(hit),
            RawWhat::NotEncrypted => None,
        }
    }
}

/// What was found.
pub(super) enum RawWhat {
    /// A secret.
    Hit(Hit),
    /// A file that a rule covers and that is not encrypted.
    NotEncrypted,
}

/// All that was found.
#[derive(Default)]
pub(super) struct Collected {
    pub(super) found: Vec<Raw>,
    pub(super) scanned: Scanned,
    /// Findings that an older version of the file holds as well.
    pub(super) committed: usize,
    pub(super) incomplete: Vec<String>,
    /// Objects of which another scan may see more: nobody remembers them as clean.
    pub(super) unsettled: HashSet<Id>,
}

/// Scans pieces.
pub(super) struct Collector<'a> {
    scanner: &'a Scanner,
    coverage: Coverage,
    benches: Mutex<Vec<Bench>>,
    collected: Mutex<Collected>,
    /// Names in which nothing is.
    clean_names: Mutex<HashSet<Box<[u8]>>>,
    pieces: AtomicU64,
    bytes: AtomicU64,
    encrypted: AtomicU64,
    pub(super) shelf: Shelf,
    /// Whether what is looked at now was counted before.
    is_counted: AtomicBool,
}

/// What a thread works with.
struct Bench {
    scratch: Scratch,
    coverage: Coverage,
}

impl<'a> Collector<'a> {
    pub(super) fn new(scanner: &'a Scanner, coverage: Coverage) -> Self {
        Self {
            scanner,
            coverage,
            benches: Mutex::default(),
            collected: Mutex::default(),
            clean_names: Mutex::default(),
            pieces: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            encrypted: AtomicU64::new(0),
            shelf: Shelf::default(),
            is_counted: AtomicBool::new(false),
        }
    }

    /// Archives are opened so deep.
    pub(super) fn with_archives(self, depth: u32) -> Self {
        Self {
            shelf: Shelf::to_depth(depth),
            ..self
        }
    }

    /// The rules that it scans with.
    pub(super) fn rules(&self) -> &Rules {
        self.scanner.rules()
    }

    /// The scanner.
    pub(super) fn scanner(&self) -> &Scanner {
        self.scanner
    }

    /// What git's objects are handed to, with the names of files that are new.
    pub(super) fn of_pieces(&self, source: Source) -> impl Fn(&Piece<'_>) + Sync + Send {
        move |piece| {
            let at = at(piece, source);
            if piece.kind == Kind::Name {
                return self.look_at_name(piece.bytes, || at);
            }
            if let Some(path) = piece.path.filter(|_| !has_name(piece.bases)) {
                for name in path {
                    self.look_at_name(name.as_encoded_bytes(), || At {
                        source: Source::Name,
                        ..at.clone()
                    });
                }
            }
            self.look(&at, piece.bytes, piece.ranges, piece.bases);
        }
    }

    /// The same without names, which were looked at.
    pub(super) fn of_blobs(&self, source: Source) -> impl Fn(&Piece<'_>) + Sync + Send {
        move |piece| self.look(&at(piece, source), piece.bytes, piece.ranges, piece.bases)
    }

    /// Scans one piece. What its bases hold as well is not reported.
    pub(super) fn look(
        &self,
        at: &At,
        bytes: &[u8],
        ranges: Option<&[std::ops::Range<usize>]>,
        bases: &[Base<'_>],
    ) {
        let mut bench = self.bench();
        let path = at.path.as_deref().map(slashed);
        let looked_at = ranges.map_or(bytes.len(), |ranges| {
            ranges.iter().map(ExactSizeIterator::len).sum()
        });
        let is_new = !self.is_counted.load(Ordering::Relaxed);
        if is_new {
            self.pieces.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(looked_at as u64, Ordering::Relaxed);
        }
        let input = Input {
            path: path.as_deref(),
            bytes,
            ranges,
        };
        let mut found = self.scanner.scan(&mut bench.scratch, &input);
        if is_new {
            self.encrypted
                .fetch_add(found.encrypted.total() as u64, Ordering::Relaxed);
        }
        let committed = self.without_bases(&mut found, &mut bench.scratch, path.as_deref(), bases);
        let unsealed = bench.coverage.is_unsealed(at, bytes, bases);
        self.benches_mut().push(bench);
        let inside = self.look_into(at, path.as_deref(), bytes, bases, is_new);
        found.hits.retain(|hit| !inside.has(hit));
        if is_new {
            self.encrypted
                .fetch_add(inside.encrypted, Ordering::Relaxed);
        }
        let is_unsettled = inside.is_unsettled || found.incomplete.is_some();
        let is_nothing = found.hits.is_empty() && inside.found.is_empty() && !unsealed;
        if is_nothing && !is_unsettled && committed + inside.committed == 0 {
            return;
        }
        let mut collected = lock(&self.collected);
        collected.committed += committed + inside.committed;
        collected.found.extend(inside.found);
        collected.incomplete.extend(inside.incomplete);
        if is_unsettled {
            collected.unsettled.extend(at.id);
        }
        if let Some(limit) = found.incomplete {
            let why = self.limit(at, limit);
            collected.incomplete.push(why);
        }
        if unsealed {
            let at = at.clone();
            let what = RawWhat::NotEncrypted;
            collected.found.push(Raw { at, what });
        }
        let hits = found.hits.into_iter().map(|hit| Raw {
            at: at.clone(),
            what: RawWhat::Hit(hit),
        });
        collected.found.extend(hits);
    }

    /// Scans a text that is no file: what a symbolic link says.
    pub(super) fn look_at_text(&self, at: &At, bytes: &[u8]) {
        self.pieces.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.text(bytes, || at.clone());
    }

    /// Scans a name. One that is met again and again is looked at once, if nothing is in it.
    pub(super) fn look_at_name(&self, name: &[u8], at: impl FnOnce() -> At) {
        if name.len() < SHORTEST_NAME || lock(&self.clean_names).contains(name) {
            return;
        }
        if self.text(name, at) {
            lock(&self.clean_names).insert(name.into());
        }
    }

    /// Scans a short text; whether nothing is in it.
    fn text(&self, text: &[u8], at: impl FnOnce() -> At) -> bool {
        let mut bench = self.bench();
        let found = self.scanner.scan_name(&mut bench.scratch, text);
        self.benches_mut().push(bench);
        if found.hits.is_empty() && found.incomplete.is_none() {
            return true;
        }
        let at = at();
        let mut collected = lock(&self.collected);
        collected
            .incomplete
            .extend(found.incomplete.map(|limit| self.limit(&at, limit)));
        collected
            .found
            .extend(found.hits.into_iter().map(|hit| Raw {
                at: at.clone(),
                what: RawWhat::Hit(hit),
            }));
        false
    }

    /// Something could not be scanned.
    pub(super) fn not_scanned(&self, why: String) {
        lock(&self.collected).incomplete.push(why);
    }

    /// From now on nothing is counted: it was before.
    pub(super) fn is_counted(&self) {
        self.is_counted.store(true, Ordering::Relaxed);
    }

    /// Takes over what was found and counted elsewhere.
    pub(super) fn take(&self, other: Collected) {
        self.pieces
            .fetch_add(other.scanned.pieces, Ordering::Relaxed);
        self.bytes.fetch_add(other.scanned.bytes, Ordering::Relaxed);
        self.encrypted
            .fetch_add(other.scanned.encrypted, Ordering::Relaxed);
        let mut collected = lock(&self.collected);
        collected.committed += other.committed;
        collected.found.extend(other.found);
        collected.incomplete.extend(other.incomplete);
        self.shelf.take(other.scanned.archives);
    }

    /// Objects of which another scan may see more.
    pub(super) fn unsettled(&self) -> HashSet<Id> {
        lock(&self.collected).unsettled.clone()
    }

    /// The objects in which something was found so far.
    pub(super) fn ids(&self) -> HashSet<Id> {
        let collected = lock(&self.collected);
        collected.found.iter().filter_map(|raw| raw.at.id).collect()
    }

    /// Whether there is something in a name.
    pub(super) fn is_something(&self, name: &[u8]) -> bool {
        let mut bench = self.bench();
        let found =
            (name.len() >= SHORTEST_NAME).then(|| self.scanner.scan_name(&mut bench.scratch, name));
        self.benches_mut().push(bench);
        found.is_some_and(|found| !found.hits.is_empty() || found.incomplete.is_some())
    }

    /// How far it is.
    pub(super) fn so_far(&self) -> SoFar {
        SoFar {
            pieces: self.pieces.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// What was found, in an order that is the same in every run.
    pub(super) fn finish(self) -> Collected {
        let mut collected = self
            .collected
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        collected.scanned = Scanned {
            pieces: self.pieces.into_inner(),
            bytes: self.bytes.into_inner(),
            known: 0,
            encrypted: self.encrypted.into_inner(),
            archives: self.shelf.met(),
        };
        collected.incomplete.sort();
        collected
    }

    /// Takes out what an older version of the file holds as well, wherever in it; how much that is.
    fn without_bases(
        &self,
        found: &mut Found,
        scratch: &mut Scratch,
        path: Option<&[u8]>,
        bases: &[Base<'_>],
    ) -> usize {
        let before = found.hits.len();
        for base in bases {
            if found.hits.is_empty() {
                break;
            }
            let Some(bytes) = base.bytes() else {
                continue;
            };
            let input = Input {
                path,
                bytes: &bytes,
                ranges: None,
            };
            let old = self.scanner.scan(scratch, &input);
            found.hits.retain(|hit| {
                let same = |old: &Hit| old.rule == hit.rule && old.secret == hit.secret;
                !old.hits.iter().any(same)
            });
        }
        before - found.hits.len()
    }

    pub(super) fn limit(&self, at: &At, limit: Limit) -> String {
        let name = at.words();
        match limit {
            Limit::Findings => format!("{name}: holds too many findings to list them all"),
            Limit::Decoding => format!("{name}: what is encoded in it was not decoded to the end"),
            Limit::Rule(rule) => format!(
                "{name}: the regex of rule `{}` is too large to be used",
                self.scanner.rule(rule).id
            ),
        }
    }

    pub(super) fn scan(&self, scratch: &mut Scratch, input: &Input<'_>) -> Found {
        self.scanner.scan(scratch, input)
    }

    pub(super) fn scratch(&self) -> Scratch {
        self.scanner.scratch()
    }

    fn bench(&self) -> Bench {
        let free = self.benches_mut().pop();
        free.unwrap_or_else(|| Bench {
            scratch: self.scanner.scratch(),
            coverage: self.coverage.clone(),
        })
    }

    fn benches_mut(&self) -> MutexGuard<'_, Vec<Bench>> {
        lock(&self.benches)
    }
}

fn at(piece: &Piece<'_>, source: Source) -> At {
    At {
        source: match piece.kind {
            Kind::Blob => source,
            Kind::CommitMessage => Source::Message,
            Kind::TagMessage => Source::Tag,
            Kind::Name => Source::Name,
        },
        path: piece.path.map(Path::to_owned),
        id: Some(piece.id),
        commit: match piece.kind {
            Kind::Blob => piece.commit,
            _ => piece.commit.or(Some(piece.id)),
        },
        inside: None,
    }
}

/// Whether a file had its name before.
fn has_name(bases: &[Base<'_>]) -> bool {
    bases.iter().any(|base| base.from != From::Renamed)
}

/// A panic elsewhere is told there.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A path as rules see it: bytes with `/` between the parts.
#[cfg(unix)]
fn slashed(path: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    let bytes = path.as_os_str().as_bytes();
    bytes.strip_prefix(b"./").unwrap_or(bytes).to_vec()
}

/// A path as rules see it: bytes with `/` between the parts.
#[cfg(not(unix))]
fn slashed(path: &Path) -> Vec<u8> {
    let text = path.to_string_lossy().replace('\\', "/");
    text.strip_prefix("./").unwrap_or(&text).as_bytes().to_vec()
}
