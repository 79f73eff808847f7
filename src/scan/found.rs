//! What goes into a scan and what comes out.

/// A place in a text, as editors count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// In characters of UTF-8, from 1; a byte that belongs to none counts as one.
    pub column: usize,
}
