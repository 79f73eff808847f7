//! The leak scan.

pub mod finding;
mod found;
pub mod report;
mod rule;

pub use found::Position;
pub use rule::Confidence;
