//! The SOPS file format, pure: no files, no clock, no environment, no randomness of its own.

pub mod re2;
pub mod select;
pub mod store;
