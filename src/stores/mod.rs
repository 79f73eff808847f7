//! File types: text in, tree and edits out. Pure.
//!
//! Each implements [`Store`]; [`Format`] says which of them a file is read with.

use std::collections::HashMap;
use std::path::Path;

use crate::document::{Meta, MetaBlock, MetaField};
use crate::sops::store::{Store, StoreError};

pub mod binary;
#[cfg(test)]
mod contract;
pub mod dotenv;
pub mod flat;
pub mod ini;
pub mod json;
pub mod place;
#[cfg(test)]
mod random_tests;
pub mod yaml;

/// The key, or the section, under which SOPS keeps its metadata.
pub const METADATA: &str = "sops";

/// The longest text of a type other than binary, in bytes: it is held in memory several times over,
/// and no person's secrets are that long.
pub const SIZE_LIMIT: usize = 100_000_000;

/// An error for a text that is longer than [`SIZE_LIMIT`]; `name` is the type's.
fn within_size_limit(text: &[u8], name: &str) -> Result<(), StoreError> {
    if text.len() <= SIZE_LIMIT {
        return Ok(());
    }
    Err(StoreError::Limit {
        what: format!("the file is too large for {name}"),
        limit: "100 MB".into(),
    })
}

/// Whether the fields of a `sops` block are SOPS's and not a user's own: one of those that every
/// version has written is there.
pub fn is_metadata<'a>(mut names: impl Iterator<Item = &'a str>) -> bool {
    names.any(|name| matches!(name, "mac" | "version" | "lastmodified"))
}

/// The scalar fields of `block` that `meta` changes, with their new values; `None` where fields
/// come or go or one of them is not a scalar, so that the block must be written anew. The order
/// of the fields does not matter.
pub fn scalar_changes<'a>(
    block: &'a MetaBlock,
    meta: &'a [(String, Meta)],
) -> Option<Vec<(&'a MetaField, &'a Meta)>> {
    let scalar = |meta: &Meta| !matches!(meta, Meta::List(_) | Meta::Map(_));
    let wanted: HashMap<&str, &Meta> = meta.iter().map(|(name, meta)| (&**name, meta)).collect();
    if wanted.len() != block.fields.len() {
        return None;
    }
    let mut changes = Vec::new();
    for field in &block.fields {
        let new = *wanted.get(field.name.as_str())?;
        if *new != field.value {
            if !scalar(new) || !scalar(&field.value) {
                return None;
            }
            changes.push((field, new));
        }
    }
    Some(changes)
}

/// A file type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// YAML, one document or more.
    Yaml,
    /// A JSON object.
    Json,
    /// `NAME=value` lines.
    Dotenv,
    /// Sections of `name = value` lines.
    Ini,
    /// Anything else: sealed as one value.
    Binary,
}

impl Format {
    /// Every type, in the order in which help texts list them.
    pub const ALL: [Self; 5] = [
        Self::Yaml,
        Self::Json,
        Self::Dotenv,
        Self::Ini,
        Self::Binary,
    ];

    /// The type by a file's name, decided as sops does: what the name ends with (`.yaml`, `.yml`,
    /// `.json`, `.env`, `.ini`, small letters), so that `a.enc.yaml` and `.env` are found, and
    /// everything else, `a.yaml.enc` and `.env.prod` too, is binary. One name more: `.env.enc` is
    /// dotenv (stock sops needs `--input-type dotenv` for it).
    pub fn from_path(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        let endings: [(&[u8], Self); 5] = [
            (b".yaml", Self::Yaml),
            (b".yml", Self::Yaml),
            (b".json", Self::Json),
            (b".env", Self::Dotenv),
            (b".ini", Self::Ini),
        ];
        if name == b".env.enc" {
            return Self::Dotenv;
        }
        endings
            .iter()
            .find(|(ending, _)| name.ends_with(ending))
            .map_or(Self::Binary, |&(_, format)| format)
    }

    /// The type by its name, as `--format` takes it; `None` for any other word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Json => "json",
            Self::Dotenv => "dotenv",
            Self::Ini => "ini",
            Self::Binary => "binary",
        }
    }

    /// What reads and edits it.
    pub fn store(self) -> &'static dyn Store {
        match self {
            Self::Yaml => &yaml::Yaml,
            Self::Json => &json::Json,
            Self::Dotenv => &dotenv::Dotenv,
            Self::Ini => &ini::Ini,
            Self::Binary => &binary::Binary,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_decide_the_format() {
        for (name, format) in [
            ("a.yaml", Format::Yaml),
            ("dir.json/a.enc.yml", Format::Yaml),
            ("a.enc.json", Format::Json),
            (".env", Format::Dotenv),
            ("prod.enc.env", Format::Dotenv),
            (".env.enc", Format::Dotenv),
            ("config/.env.enc", Format::Dotenv),
            (".env.prod", Format::Binary),
            ("a.yaml.enc", Format::Binary),
            ("a.YAML", Format::Binary),
            ("a.ini", Format::Ini),
            ("id_ed25519", Format::Binary),
            ("..", Format::Binary),
        ] {
            assert_eq!(Format::from_path(Path::new(name)), format, "{name}");
        }
    }

    #[test]
    fn every_format_is_found_by_its_own_name() {
        for format in Format::ALL {
            assert_eq!(Format::from_name(format.name()), Some(format));
        }
        assert_eq!(Format::from_name("toml"), None);
    }
}
