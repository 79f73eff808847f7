//! Keeps secret values out of a text that passes by: what `mvx redact` and `mvx run --redact` do.
//!
//! [`Patterns`] are the values in all the forms in which programs print them (`forms`), and a
//! [`Filter`] masks whatever of them is in a stream, in pieces of any size. Pure: bytes in, bytes
//! out.
//!
//! What is masked: every value of at least [`SHORTEST`] characters, and every line of that length
//! of a value that has several; as it is, in base64, hex, percent-encoded, as JSON, XML and shells
//! escape it. What is not: a value that was cut to pieces, reversed, compressed or encrypted.

mod encode;
mod filter;
mod forms;
mod patterns;
#[cfg(test)]
mod tests;

pub use filter::{Filter, MASK};
pub use forms::SHORTEST;
pub use patterns::{Patterns, TooMuch};
