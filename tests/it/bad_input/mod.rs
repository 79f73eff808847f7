//! Input that is broken, hostile or out of all proportion: each time a clear error with its place
//! and exit code, nothing written, no panic, no hang, and bounded memory.

mod flips;
mod gaps;
mod identities;
mod limits;
mod metadata;
mod names;
mod rules;
mod texts;

use std::ffi::OsStr;
use std::time::{Duration, Instant};

use crate::repo::Repo;

/// No command on bad input takes longer, on a busy machine, unoptimized.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs mvx and holds what holds for every refusal: it ends soon, with one of `exits`, says where,
/// and is no mistake of mvx's own. What it says is the answer.
fn refused<A: AsRef<OsStr>>(
    repo: &Repo,
    arguments: impl IntoIterator<Item = A>,
    what: &str,
    exits: &[i32],
) -> String {
    let began = Instant::now();
    let outcome = repo.mvx(arguments).outcome();
    assert!(
        began.elapsed() < PATIENCE,
        "{what} took {:?}",
        began.elapsed()
    );
    let code = outcome.code();
    assert!(
        code.is_some_and(|code| exits.contains(&code)),
        "{what}: {outcome}"
    );
    assert!(!outcome.stderr.contains("panicked"), "{what}: {outcome}");
    assert!(!outcome.stderr.contains("bug"), "{what}: {outcome}");
    assert!(outcome.stderr.contains("error: "), "{what}: {outcome}");
    assert!(outcome.stdout.is_empty(), "{what}: {outcome}");
    outcome.stderr
}

/// Twelve lines of YAML after `head`: each alias stands for ten of the one before.
fn laughs(head: &str) -> String {
    let mut lines = vec![format!("{head}a0: &a0 [{}]", ["ha"; 10].join(", "))];
    for level in 1..12 {
        let before = vec![format!("*a{}", level - 1); 10].join(", ");
        lines.push(format!("a{level}: &a{level} [{before}]"));
    }
    lines.join("\n") + "\n"
}
