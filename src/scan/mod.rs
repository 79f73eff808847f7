//! The engine of the leak scan, pure: bytes and rules in, findings out.
//!
//! ```text
//! Rules ──────────► Scanner ──scan(Input)──► Found { hits, encrypted, incomplete }
//! builtin()         one for all threads;      spans, lines, the secret, how sure,
//! with(changes)     a Scratch for each        what lets it pass
//! GitleaksFile::over()
//! ```
//!
//! - [`Rules`] are data: those that mvx has (`rules/*.toml`), those that `[scan]` adds or changes,
//!   those of a gitleaks or Betterleaks file. Making them compiles nothing.
//! - A [`Scanner`] passes over a text once for all literals of all rules, and runs a rule's regex,
//!   compiled when it is first wanted, only in windows around the literals that every match of it
//!   holds. Then come entropy, checksums and structure, and at last what lets a finding pass.
//! - What is encoded (base64, hex, percent, Unicode escapes, UTF-16) is decoded in its place and
//!   scanned again; a finding's span is always one of the bytes that were given.
//! - What is encrypted (`ENC[…]`, age and PGP armour, Ansible vaults, …) is skipped token by token:
//!   a clear value beside it is found.
//! - Names (paths, authors, refs) are scanned as texts are: [`Scanner::scan_name`]. What is printed
//!   of one has passed [`Scanner::redact`].
//!
//! Time and memory grow linearly with the input. Where a limit ends the scan of a text early,
//! [`Found::incomplete`] says so, and nobody may call that text clean.

pub mod archive;
pub mod baseline;
mod checksum;
mod decode;
mod encrypted;
mod entropy;
mod filter;
pub mod finding;
pub mod fingerprint;
pub mod foreign;
mod found;
mod globs;
mod judge;
mod lines;
mod literals;
mod marker;
mod names;
mod overlap;
mod pattern;
pub mod report;
mod rule;
mod rules;
mod scanner;
mod scratch;
mod search;
#[cfg(test)]
mod tests;
mod token;
mod utf16;
mod weakened;
mod wide;
mod words;

pub use found::{
    Allow, AllowedBy, Decoder, Encrypted, Found, Hit, Input, Limit, Position, RuleNumber, Until,
};
pub use rule::{
    Allowance, Allowlist, Amendment, Behind, Check, Confidence, Derived, List, Literal, Needs,
    Reach, Required, Rule, Target, Text,
};
pub use rules::{Changes, ExampleFailure, Extends, GitleaksFile, Rules, RulesError, Warning};
pub use scanner::{MOST_HITS, Scanner};
pub use scratch::{Scratch, Work};
pub use weakened::Weakened;
