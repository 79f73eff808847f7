//! Fingerprints, and the baseline that knows them.
//!
//! A fingerprint is slow to compute on purpose, so it is computed for as few findings as can be: only
//! those that nothing else lets pass, each pair of rule and secret once, only where a baseline has
//! entries or a report has a field for them, on all cores, and no more than a fixed number in one run.
//! What was computed is remembered on this machine, and the next run looks it up.

use std::collections::{HashMap, HashSet};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::Options;
use super::rules::Loaded;
use crate::app::App;
use crate::error::{At as _, Failure};
use crate::git;
use crate::io::file::{self, Kind};
use crate::io::write::{self, Access};
use crate::io::{append, random};
use crate::scan::baseline::Baseline;
use crate::scan::finding::Finding;
use crate::scan::fingerprint::{Fingerprint, Hasher, Salt, memory_name};

/// The most fingerprints that one run computes where a baseline wants them: some four minutes of two
/// cores. What is beyond is not compared, and counts as new.
pub(super) const MOST: usize = 20_000;

/// The most that one run computes for reports alone.
const MOST_FOR_REPORTS: usize = 500;

/// The name of the baseline where the rules name none.
pub const BASELINE: &str = ".mvx-baseline";

/// The longest baseline that is read, in bytes.
const MOST_BYTES: usize = 64 << 20;

/// When what is remembered is put aside, in bytes.
const MOST_REMEMBERED: u64 = 8 << 20;

/// Rules and secrets by their fingerprints.
type Prints = HashMap<(String, Vec<u8>), Fingerprint>;

impl App<'_> {
    /// The file of the baseline: the command line's, the rules', or the one that stands at the root.
    pub fn baseline_path(&self, named: Option<&Path>, loaded: &Loaded) -> Result<PathBuf, Failure> {
        if let Some(path) = named {
            return Ok(path.to_owned());
        }
        let root = git::repository_root(self.directory())?;
        let root = root.unwrap_or_else(|| self.directory().to_owned());
        let path = match (&loaded.scan.baseline, &loaded.origin) {
            (Some(name), Some(rules)) => file::directory_of(rules).join(name),
            _ => root.join(BASELINE),
        };
        Ok(self.relative(&path))
    }

    /// The baseline; `None` where there is none and none was named.
    pub fn baseline(
        &self,
        named: Option<&Path>,
        loaded: &Loaded,
    ) -> Result<Option<(PathBuf, Baseline)>, Failure> {
        let path = self.baseline_path(named, loaded)?;
        if named.is_none() && file::kind(&path)? != Some(Kind::File) {
            return Ok(None);
        }
        let text = file::read_text(&path, MOST_BYTES)?;
        let baseline = Baseline::parse(&text).at(path.display())?;
        Ok(Some((path, baseline)))
    }

    /// Gives findings their fingerprints, as far as somebody needs them.
    pub(super) fn fingerprint(
        &self,
        findings: &mut [Finding],
        baseline: Option<&Baseline>,
        options: &Options,
    ) {
        let (salt, most) = match baseline {
            _ if options.against.is_some() => (options.against.unwrap_or(Salt::NONE), MOST),
            Some(baseline) if baseline.entries().len() > 0 || options.fingerprints => {
                (baseline.salt(), MOST)
            }
            None if options.fingerprints => (Salt::NONE, MOST_FOR_REPORTS),
            _ => return,
        };
        let root = git::repository_root(self.directory()).ok().flatten();
        let root = root.unwrap_or_else(|| self.directory().to_owned());
        let prints = self.prints(findings, &root, salt, most);
        for finding in findings {
            let key = (finding.rule.clone(), self.hashed(&root, finding));
            let print = prints.get(&key);
            finding.fingerprint = print.map(|print| print.as_str().to_owned());
        }
    }

    /// What of a finding is hashed: the secret, or the path from the root where the file itself is the
    /// finding.
    fn hashed(&self, root: &Path, finding: &Finding) -> Vec<u8> {
        if finding.is_of_file() {
            let path = self.path_from(root, &finding.place);
            path.unwrap_or_else(|| finding.place.words()).into_bytes()
        } else {
            finding.secret.as_bytes().to_vec()
        }
    }

    /// Fingerprints of findings, each pair of rule and secret once.
    fn prints(&self, findings: &[Finding], root: &Path, salt: Salt, most: usize) -> Prints {
        let memory = Memory::open(self);
        let mut prints = Prints::new();
        let mut seen = HashSet::new();
        let mut wanted: Vec<(String, Vec<u8>, Option<String>)> = Vec::new();
        for finding in findings {
            let key = (finding.rule.clone(), self.hashed(root, finding));
            if !seen.insert(key.clone()) {
                continue;
            }
            let name = memory
                .as_ref()
                .map(|memory| memory_name(&memory.key, salt, &key.0, &key.1));
            let known = name
                .as_ref()
                .and_then(|name| memory.as_ref()?.known.get(name));
            match known {
                Some(print) => {
                    prints.insert(key, print.clone());
                }
                None => wanted.push((key.0, key.1, name)),
            }
        }
        if wanted.len() > most {
            self.warn(
                format!(
                    "{} findings are too many to be compared with the baseline: {} of them count as new",
                    seen.len(),
                    wanted.len() - most
                ),
                ["`[[scan.allow]]` lets whole directories pass, `disable` in [scan] a rule".to_owned()],
            );
            wanted.truncate(most);
        }
        let computed = compute(&wanted, salt);
        if let Some(memory) = memory {
            memory.add(&wanted, &computed);
        }
        prints.extend(
            wanted
                .into_iter()
                .zip(computed)
                .map(|((rule, secret, _), print)| ((rule, secret), print)),
        );
        prints
    }
}

/// Computes fingerprints on all cores, of which each takes 19 MiB.
fn compute(wanted: &[(String, Vec<u8>, Option<String>)], salt: Salt) -> Vec<Fingerprint> {
    const MOST_THREADS: usize = 4;
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Fingerprint)>> = Mutex::default();
    let run = || {
        let mut hasher = Hasher::default();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((rule, secret, _)) = wanted.get(at) else {
                break;
            };
            let print = hasher.fingerprint(salt, rule, secret);
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            done.push((at, print));
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = threads.min(MOST_THREADS).min(wanted.len());
    match threads {
        0 => {}
        1 => run(),
        _ => thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(run);
            }
        }),
    }
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable();
    done.into_iter().map(|(_, print)| print).collect()
}

/// What this machine has computed before. Without its key, the file alone cannot be tried; both are
/// readable by their owner alone, whose files the secrets stand in anyway.
struct Memory {
    path: PathBuf,
    key: [u8; 32],
    known: HashMap<String, Fingerprint>,
}

impl Memory {
    /// `None` where nothing can be remembered, which costs time and nothing else.
    fn open(app: &App<'_>) -> Option<Self> {
        let directory = app.environment().state_directory().ok()?.join("scan");
        file::create_private_directories(&directory).ok()?;
        let key = key(&directory.join("key"))?;
        let path = directory.join("fingerprints");
        let limit = usize::try_from(MOST_REMEMBERED * 2).unwrap_or(usize::MAX);
        let text = file::read_text(&path, limit).unwrap_or_default();
        let known = text.lines().filter_map(|line| {
            let (name, print) = line.split_once(' ')?;
            Some((name.to_owned(), Fingerprint::parse(print)?))
        });
        Some(Self {
            known: known.collect(),
            path,
            key,
        })
    }

    fn add(&self, wanted: &[(String, Vec<u8>, Option<String>)], computed: &[Fingerprint]) {
        let mut lines = String::new();
        for ((_, _, name), print) in wanted.iter().zip(computed) {
            if let Some(name) = name {
                lines += name;
                lines.push(' ');
                lines += print.as_str();
                lines.push('\n');
            }
        }
        if !lines.is_empty() {
            append::append(&self.path, lines.as_bytes(), MOST_REMEMBERED).ok();
        }
    }
}

/// The machine's key, made when it is first wanted.
fn key(path: &Path) -> Option<[u8; 32]> {
    if let Ok(bytes) = file::read(path, 32) {
        return bytes.as_bytes().try_into().ok();
    }
    let mut key = [0; 32];
    random::fill(&mut key).ok()?;
    match write::create_new(path, &key, Access::Private) {
        Ok(()) => Some(key),
        // another run was faster
        Err(_) => file::read(path, 32).ok()?.as_bytes().try_into().ok(),
    }
}
