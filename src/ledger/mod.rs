//! The ledger: when each secret was changed, by whom and why, as one small file an event.
//!
//! Events lie in `.mvx/ledger/YEAR/MONTH/`, in clear, and hold no value and nothing from which one
//! could be tried out: of a value they hold a hash of its ciphertext, under which an attacker who
//! guesses would need the data key. Whoever can open a pull request can write there: an event's name
//! is a hash of what it says, so that one that was edited is told from one that was not, and git
//! tells what came and went. `docs/ledger.md` is the reference.

pub mod chain;
pub mod changes;
pub mod consumers;
pub mod due;
pub mod event;
pub mod fingerprint;
pub mod id;
pub mod notice;
pub mod read;
pub mod record;
pub mod report;
pub mod verify;
pub mod webhook;

mod text;

/// The directory, from the repository's root, in which events lie.
pub const DIRECTORY: &str = ".mvx/ledger";

/// The directory, from the repository's root, in which values lie that were replaced or deleted.
pub const PREVIOUS: &str = ".mvx/previous";
