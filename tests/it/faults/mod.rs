//! What happens when something goes wrong around mvx: processes are killed, disks are full, two
//! write at once, files are links, editors crash. Every file is whole afterwards, the old or the
//! new one, and no plaintext is left where it does not belong.

mod children;
mod editors;
mod kills;
mod links;
mod places;
mod run;
mod signals;
mod writers;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::repo::{Repo, rules};
use crate::support::{Outcome, Sandbox};

/// A value that stands in every file of these tests, and in no name.
pub(crate) const CANARY: &str = "canary-3fd1-value";

/// A sealed file's plaintext. Long enough for a write to take a moment.
fn text() -> String {
    let rest = (0..20).fold(String::new(), |text, number| {
        text + &format!("key{number}: {CANARY}-{number} # note {CANARY}\n")
    });
    format!("db:\n  password: {CANARY}\n  port: 5432\n{rest}")
}

/// A repository in memory with [`text`] sealed in `secrets/dev/app.enc.yaml`.
fn repo() -> Repo {
    let repo = Repo::in_memory();
    repo.seal("secrets/dev/app.yaml", text());
    repo
}

/// The rules without the directory that is Bob's alone, so that he can be removed.
fn team_rules() -> String {
    let all = rules();
    let own = "[[files]]\npath = \"secrets/bob/**\"\nrecipients = [\"bob\"]\n";
    assert!(all.contains(own));
    all.replace(own, "")
}

/// The sealed file of [`repo`].
const APP: &str = "secrets/dev/app.enc.yaml";

/// The files of a sandbox that hold a canary in clear, but for those whose names contain one of
/// these pieces.
fn plaintexts(sandbox: &Sandbox, except: &[&str]) -> Vec<String> {
    let mut found = sandbox.files();
    found.retain(|name| {
        let bytes = fs::read(sandbox.root().join(name)).unwrap_or_default();
        let holds = |needle: &str| {
            let mut windows = bytes.windows(needle.len());
            windows.any(|window| window == needle.as_bytes())
        };
        let expected = except.iter().any(|piece| name.contains(piece));
        !expected && (holds(CANARY) || holds("canary-3fd1-new"))
    });
    found
}

/// What mvx made for a while and did not take away: temporary files and drafts. Locks of processes
/// that were killed are empty but for a number, and the next one takes them over.
fn left_over(sandbox: &Sandbox) -> Vec<String> {
    let mut found = sandbox.files();
    found.retain(|name| name.contains("/.mvx-") || name.contains("/mvx-"));
    found
}

/// Everything in the repository that is not git's own, byte for byte.
fn content(sandbox: &Sandbox) -> Vec<(String, Vec<u8>)> {
    let files = sandbox.files().into_iter();
    files
        .filter(|name| name.starts_with("work/") && !name.starts_with("work/.git/"))
        .map(|name| {
            let bytes = fs::read(sandbox.root().join(&name)).unwrap_or_default();
            (name, bytes)
        })
        .collect()
}

/// Whether a program is there and runs with these arguments.
fn works(program: &str, arguments: &[&str]) -> bool {
    let output = Command::new(program).args(arguments).output();
    output.is_ok_and(|output| output.status.success())
}

/// Says why a test looks at nothing on this machine.
fn skipped(reason: &str) {
    println!("skipped: {reason}");
}

fn is_root() -> bool {
    own_uid() == Some(0)
}

/// The user's number, as Linux tells it of one's own process.
fn own_uid() -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata("/proc/self").ok()?;
    Some(metadata.uid())
}

/// A failure with this exit code that names a place and is whole.
fn refused(outcome: &Outcome, exit: i32, place: &str) {
    assert_eq!(outcome.code(), Some(exit), "{outcome}");
    assert!(outcome.stderr.contains("mvx: error: "), "{outcome}");
    assert!(outcome.stderr.contains(place), "{place} in {outcome}");
    assert!(!outcome.to_string().contains(CANARY), "{outcome}");
}

/// The same numbers in every run, unless `MVX_TEST_SEED` says otherwise.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        let seed = std::env::var("MVX_TEST_SEED").ok();
        Self(seed.map_or(20_261_122, |seed| seed.parse().unwrap()))
    }

    /// A number from 0 to 1, by splitmix64 (Steele, Lea and Flood 2014).
    fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        f64::from(u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap()) / f64::from(u32::MAX)
    }
}

/// Makes what was left behind look old enough for `mvx clean`.
fn age(paths: &[PathBuf]) {
    let then = std::time::SystemTime::now() - std::time::Duration::from_mins(5);
    for path in paths {
        fs::File::open(path).unwrap().set_modified(then).unwrap();
    }
}
