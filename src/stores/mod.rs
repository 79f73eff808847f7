//! File types: text in, tree and edits out. Pure.

pub mod yaml;
