//! The SOPS file format, pure: no files, no clock, no environment, no randomness of its own.

pub mod cipher;
pub mod envelope;
pub mod mac;
pub mod store;
pub mod time;
