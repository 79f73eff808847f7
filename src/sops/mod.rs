//! The SOPS file format, pure: no files, no clock, no environment, no randomness of its own.

pub mod change;
pub mod cipher;
pub mod comments;
pub mod difference;
pub mod envelope;
pub mod mac;
pub mod metadata;
pub mod number;
pub mod open;
pub mod previous;
mod proof;
pub mod re2;
pub mod rewrap;
pub mod seal;
pub mod select;
pub mod signet;
pub mod spelling;
pub mod store;
pub mod stream;
pub mod survey;
pub mod time;
pub mod version;
