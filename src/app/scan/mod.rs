//! `mvx scan`: from what is to be looked at to what was found, and what of it is let pass.

mod archives;
pub mod baseline;
mod collect;
mod files;
mod hide;
mod history;
pub mod known;
mod moments;
mod rules;
mod settle;
mod unsealed;

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::App;
use crate::error::{Exit, Failure};
use crate::git::objects::{Objects, Problem, Walked};
use crate::io::clock;
use crate::io::stdio::read_stdin;
use crate::scan::finding::{Finding, Source};
use crate::scan::fingerprint::Salt;
use crate::scan::report::{Passed, Report, Scanned};
use crate::scan::{Confidence, Scanner, Weakened};
use collect::{At, Collector};

pub use rules::Loaded;

/// What is to be scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Files, and all files below directories.
    Paths {
        /// Where; the working directory if there are none.
        paths: Vec<PathBuf>,
        /// Whether files that git ignores are scanned too.
        ignored: bool,
    },
    /// Files that a hook manager lists, each itself: no links are followed.
    Listed(Vec<PathBuf>),
    /// The whole work tree, from wherever it is asked for.
    Tree,
    /// Standard input, as if it had this name.
    Stdin {
        /// The name, for rules that ask for one.
        name: Option<PathBuf>,
    },
    /// What the next commit brings.
    Staged,
    /// What is staged and was not in another commit.
    Diff(String),
    /// All of history.
    History,
    /// What commits bring: `A..B`.
    Range(String),
    /// What commits of a revision bring whose committers' clocks said so or later, in seconds since
    /// 1970.
    Since(String, i64),
    /// What is about to be pushed: the lines that git gives its hook, and the remote's name.
    Pushed(String, Option<String>),
}

/// How it is to be scanned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The lowest confidence that fails the scan, where the command line says it.
    pub fail_on: Option<Confidence>,
    /// A gitleaks rule file in the place of mvx's rules.
    pub rules: Option<PathBuf>,
    /// The baseline, where the command line names it.
    pub baseline: Option<PathBuf>,
    /// Whether fingerprints are wanted of all that is reported.
    pub fingerprints: bool,
    /// Kinds of sources that are looked at in history although they are not by default.
    pub include: Vec<Source>,
    /// Kinds of sources whose findings are not wanted.
    pub exclude: Vec<Source>,
    /// All that is found is wanted, with fingerprints under this salt: no baseline is asked.
    pub against: Option<Salt>,
    /// How deep archives are opened; not at all if it is 0.
    pub archives: u32,
    /// Whether history is scanned anew, and not only what no earlier scan has seen.
    pub anew: bool,
}

/// What was found.
#[derive(Default)]
pub struct Outcome {
    /// What is not let pass, in the order in which it is to be read.
    pub findings: Vec<Finding>,
    /// How much was looked at.
    pub scanned: Scanned,
    /// What was let pass.
    pub passed: Passed,
    /// What of mvx's rules the project's take away.
    pub weakened: Weakened,
    /// Why the answer is not whole.
    pub incomplete: Vec<String>,
    /// Whether older commits are not in this clone.
    pub is_shallow: bool,
    /// When the scan began and ended, UTC.
    pub time: [String; 2],
}

/// How far a scan is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SoFar {
    /// Pieces that were scanned.
    pub pieces: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The largest file or object that is scanned, in bytes: it is held in memory.
pub const MOST_BYTES: u64 = 512 << 20;

impl Outcome {
    /// How the command ends. An answer that is not whole is never taken for a clean one.
    pub fn exit(&self) -> Exit {
        if !self.incomplete.is_empty() {
            Exit::IO
        } else if self.findings.iter().any(|finding| finding.fails) {
            Exit::NO
        } else {
            Exit::OK
        }
    }

    /// The outcome as reports want it.
    pub fn report(&self) -> Report<'_> {
        Report {
            findings: &self.findings,
            scanned: self.scanned,
            passed: self.passed,
            weakened: &self.weakened,
            incomplete: &self.incomplete,
            is_shallow: self.is_shallow,
            time: self.time.clone(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

impl App<'_> {
    /// Scans. `seen` is told a few times a second how far it is; where nobody looks, nothing is
    /// given for it.
    pub fn find_leaks(
        &self,
        what: &[What],
        options: &Options,
        seen: Option<&mut dyn FnMut(SoFar)>,
    ) -> Result<Outcome, Failure> {
        let loaded = self.scan_rules(options.rules.as_deref())?;
        let scanner = Scanner::new(loaded.rules.clone());
        let result = self.find_with(what, options, seen, &loaded, &scanner);
        self.without_secrets(result, &scanner, &loaded)
    }

    fn find_with(
        &self,
        what: &[What],
        options: &Options,
        seen: Option<&mut dyn FnMut(SoFar)>,
        loaded: &Loaded,
        scanner: &Scanner,
    ) -> Result<Outcome, Failure> {
        let began = stamp();
        let collector = Collector::new(scanner, self.coverage()).with_archives(options.archives);
        let mut walked = Walked::default();
        let mut seen = seen;
        for what in what {
            let seen: Option<&mut dyn FnMut(SoFar)> = match &mut seen {
                Some(seen) => Some(&mut **seen),
                None => None,
            };
            let one = self.scan_one(what, &collector, options, seen)?;
            self.tell_of(&one);
            walked.problem_count += one.problem_count;
            walked.problems.extend(one.problems);
            walked.known += one.known;
            walked.is_partial |= one.is_partial;
            walked.is_shallow |= one.is_shallow;
            walked.is_cut |= one.is_cut;
        }
        let collected = collector.finish();
        let mut outcome = Outcome {
            scanned: Scanned {
                known: walked.known,
                ..collected.scanned
            },
            incomplete: incomplete(&walked),
            is_shallow: walked.is_shallow,
            weakened: loaded.weakened.clone(),
            ..Outcome::default()
        };
        outcome
            .incomplete
            .extend(collected.incomplete.iter().cloned());
        self.settle(what, collected, loaded, scanner, options, &mut outcome)?;
        outcome.time = [began, stamp()];
        Ok(outcome)
    }

    fn scan_one(
        &self,
        what: &What,
        collector: &Collector<'_>,
        options: &Options,
        seen: Option<&mut dyn FnMut(SoFar)>,
    ) -> Result<Walked, Failure> {
        let objects = || Objects::open(self.directory(), self.environment(), MOST_BYTES);
        let repositories = files::Repositories {
            directory: self.directory(),
            environment: self.environment(),
        };
        match what {
            What::Paths { paths, ignored } => {
                files::must_be_there(paths)?;
                attended(collector, seen, || {
                    files::scan(paths, *ignored, &repositories, collector);
                });
                Ok(Walked::default())
            }
            What::Listed(paths) => {
                files::must_be_there(paths)?;
                attended(collector, seen, || files::listed(paths, collector));
                Ok(Walked::default())
            }
            What::Tree => {
                let root = self.repository()?;
                attended(collector, seen, || {
                    files::scan(&[root], false, &repositories, collector);
                });
                Ok(Walked::default())
            }
            What::Stdin { name } => {
                let limit = usize::try_from(MOST_BYTES).unwrap_or(usize::MAX);
                let bytes = read_stdin(limit)?;
                let at = At {
                    source: Source::Stdin,
                    path: name.clone(),
                    ..At::default()
                };
                collector.look(&at, bytes.as_bytes(), None, &[]);
                Ok(Walked::default())
            }
            What::Staged => {
                let objects = objects()?;
                let visit = collector.of_pieces(Source::Staged);
                Ok(attended(collector, seen, || objects.staged(visit))?)
            }
            What::Diff(revision) => {
                let objects = objects()?;
                let visit = collector.of_pieces(Source::Staged);
                Ok(attended(collector, seen, || {
                    objects.staged_since(revision, visit)
                })?)
            }
            What::History => self.scan_history(collector, options, seen),
            What::Range(range) => {
                let objects = objects()?;
                let visit = collector.of_pieces(Source::History);
                Ok(attended(collector, seen, || objects.range(range, visit))?)
            }
            What::Since(revision, since) => {
                let objects = objects()?;
                let visit = collector.of_pieces(Source::History);
                Ok(attended(collector, seen, || {
                    objects.since(revision, *since, visit)
                })?)
            }
            What::Pushed(lines, remote) => {
                let objects = objects()?;
                let visit = collector.of_pieces(Source::History);
                Ok(attended(collector, seen, || {
                    objects.pushed(lines, remote.as_deref(), visit)
                })?)
            }
        }
    }

    /// Whether all of the work tree is scanned, so that what is not found is not there.
    pub(super) fn is_whole_tree(&self, what: &What) -> bool {
        match what {
            What::Tree => true,
            What::Paths { paths, .. } => {
                paths.is_empty() && matches!(self.repository(), Ok(root) if root == Path::new("."))
            }
            _ => false,
        }
    }

    /// Says what of a walk is worth knowing.
    fn tell_of(&self, walked: &Walked) {
        for path in &walked.submodules {
            self.detail(1, || {
                format!(
                    "{}: a submodule; `mvx scan` in it looks at it",
                    path.display()
                )
            });
        }
        if walked.is_shallow && !walked.is_cut {
            self.detail(1, || {
                "this is a shallow clone; all that was asked for is in it".into()
            });
        }
        for path in &walked.unmerged {
            self.note(format!(
                "{}: the merge is not decided; both sides were scanned",
                path.display()
            ));
        }
    }
}

/// Why a walk is not the whole answer.
fn incomplete(walked: &Walked) -> Vec<String> {
    const TOLD: usize = 5;
    let mut why: Vec<String> = Vec::new();
    let missing = |problem: &Problem| matches!(problem, Problem::Missing);
    let mut told = 0;
    for (id, path, problem) in &walked.problems {
        let name = match (path, id) {
            (Some(path), _) => path.display().to_string(),
            (None, Some(id)) => format!("object {id}"),
            (None, None) => "an object".into(),
        };
        told += 1;
        if told > TOLD {
            break;
        }
        why.push(match problem {
            Problem::Missing => format!("{name}: is not in this clone"),
            Problem::Corrupt(what) => format!("{name}: cannot be read: {what}"),
            Problem::TooLarge(size) => format!("{name}: is too large to be scanned: {size} bytes"),
        });
    }
    let more = walked.problem_count.saturating_sub(why.len() as u64);
    if more > 0 {
        why.push(format!("{more} more objects were not scanned"));
    }
    if walked.is_cut {
        why.push("this is a shallow clone, and older commits are not in it: `git fetch --unshallow` gets them; mvx fetches nothing by itself".into());
    }
    if walked.is_partial
        && walked
            .problems
            .iter()
            .any(|(_, _, problem)| missing(problem))
    {
        why.push("this is a partial clone: `git fetch --refetch --filter=blob:limit=512m` gets what is missing; mvx fetches nothing by itself".into());
    }
    why
}

/// Does the work, and tells meanwhile how far it is.
fn attended<T: Send>(
    collector: &Collector<'_>,
    seen: Option<&mut dyn FnMut(SoFar)>,
    work: impl FnOnce() -> T + Send,
) -> T {
    const PAUSE: Duration = Duration::from_millis(100);
    let Some(seen) = seen else { return work() };
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel::<()>();
        let worker = scope.spawn(move || {
            // dropped at the end, however that comes
            let _sender = sender;
            work()
        });
        while receiver.recv_timeout(PAUSE) == Err(mpsc::RecvTimeoutError::Timeout) {
            seen(collector.so_far());
        }
        match worker.join() {
            Ok(answer) => answer,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Now, as reports write it: `2026-11-22T09:30:00`, UTC.
fn stamp() -> String {
    clock::now().strftime("%Y-%m-%dT%H:%M:%S").to_string()
}
