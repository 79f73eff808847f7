//! Secrets on their way out: names and values, as a profile of the rules gathers them.
//!
//! Pure: what becomes of a [`Variable`] is a text, written by others.

pub mod block;
pub mod example;
pub mod flatten;
pub mod gather;
pub mod names;
pub mod placeholder;

use crate::document::Kind;
use crate::keypath::KeyPath;
use crate::secret::Cleartext;

/// A name and the value that is delivered under it.
pub struct Variable {
    /// The name: letters, digits and `_`, and no digit first.
    pub name: String,
    /// The value, as text where it has a type: `true`, `5432`.
    pub value: Cleartext,
    /// Its type, for the formats that have types.
    pub kind: Kind,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a variable comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A secret.
    Secret {
        /// The secret file, as messages call it.
        file: String,
        /// The secret's key path.
        key: KeyPath,
    },
    /// The `defaults` of the profile; no secret.
    Default,
}
