//! Whether what an earlier run made is still in use.
//!
//! Whatever mvx makes for a while (drafts, locks, temporary files) it holds a lock of the operating
//! system on, which ends with the process at the latest. What nobody holds any more was left behind
//! by a process that was killed, or by a machine that stopped.

#![expect(
    clippy::disallowed_methods,
    reason = "locks are taken on mvx's own files"
)]

use std::fs::{self, File};
use std::path::Path;

use crate::io::look;

/// Takes a lock on a file or directory of mvx's own, to show that it is in use. Where the file
/// system knows no locks there is none, and nothing is ever taken for left behind.
pub(crate) fn hold(path: &Path) -> Option<File> {
    let file = File::open(path).ok()?;
    file.try_lock().ok()?;
    Some(file)
}

/// Takes hold of what an earlier run left behind: it belongs to this user, nobody holds it, and it
/// was not made just now. `None` for anything else.
pub(crate) fn take(path: &Path) -> Option<File> {
    let metadata = fs::symlink_metadata(path).ok()?;
    let ours = !metadata.is_symlink() && look::is_own(&metadata) && look::is_settled(&metadata);
    if ours { hold(path) } else { None }
}
