//! mvx keeps a team's secrets encrypted inside its git repository, in SOPS's own file format.
//!
//! ```text
//!         main → cli            talks to a person
//!                 ↓
//!                app            use cases
//!                 ↓
//! rules keys ledger import render scan git  capabilities; they do not import each other
//!                 ↓
//!   io (effects)  |  stores → sops → document  |  dialects, redact
//!                 ↓                            (pure: no files, clock, environment, randomness)
//!      keypath  secret  error
//! ```
//!
//! A test holds the arrows. ARCHITECTURE.md says more.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::print_stdout,
        clippy::allow_attributes,
        clippy::disallowed_methods,
        reason = "a failing test may panic"
    )
)]

pub mod app;
pub mod cli;
pub mod dialects;
pub mod document;
pub mod error;
pub mod git;
pub mod import;
pub mod io;
pub mod keypath;
pub mod keys;
pub mod ledger;
pub mod redact;
pub mod render;
pub mod rules;
pub mod scan;
pub mod secret;
pub mod sops;
pub mod stores;
