//! The names under which editors, merges and people leave copies of a file.

use std::path::{Path, PathBuf};

use crate::app::files::{is_sealed_name, plain_name};

/// What left a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// vim's swap file: the text with what was not saved.
    Swap,
    /// vim's undo file: what was changed, step by step.
    Undo,
    /// An editor's copy of the file before it was saved, or of what was not saved.
    Backup,
    /// The mark by which emacs knows that it has a file open; it holds nothing of it.
    Mark,
    /// What a merge or a patch left beside the file.
    Merge,
}

impl Maker {
    /// What it is, for people.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Swap => "an editor's swap file",
            Self::Undo => "an editor's history of changes",
            Self::Backup => "an editor's copy",
            Self::Mark => "an editor's mark",
            Self::Merge => "what a merge left",
        }
    }
}

/// What made a file of this name, and the names that the original may have; vim hides its own files
/// with a dot unless the original has one.
pub(super) fn copy_of(name: &str) -> Option<(Maker, Vec<String>)> {
    let one = |maker, base: &str| (!base.is_empty()).then(|| (maker, vec![base.to_owned()]));
    let hidden = |maker, base: &str| {
        let base = base.strip_prefix('.')?;
        (!base.is_empty()).then(|| (maker, vec![base.to_owned(), format!(".{base}")]))
    };
    if let Some(base) = name.strip_prefix(".#") {
        return one(Maker::Mark, base);
    }
    if let Some(base) = name
        .strip_prefix('#')
        .and_then(|base| base.strip_suffix('#'))
    {
        return one(Maker::Backup, base);
    }
    if let Some(base) = name.strip_suffix(".un~") {
        return hidden(Maker::Undo, base);
    }
    if let Some(base) = name.strip_suffix('~') {
        return one(Maker::Backup, numbered(base).unwrap_or(base));
    }
    let (base, ending) = name.rsplit_once('.')?;
    match ending {
        "orig" | "rej" => one(Maker::Merge, base),
        "bak" | "save" => one(Maker::Backup, base),
        swap if swap.len() == 3
            && swap.starts_with("sw")
            && swap.ends_with(|c: char| ('a'..='p').contains(&c)) =>
        {
            hidden(Maker::Swap, base)
        }
        _ => None,
    }
}

/// emacs's numbered backups: `x.~3~`, without its last tilde.
fn numbered(name: &str) -> Option<&str> {
    let (base, number) = name.rsplit_once(".~")?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(base)
}

/// The names under which the plaintext of a sealed file is kept: `x.yaml` and `x.dec.yaml` for
/// `x.enc.yaml`, the second alone for a file that was sealed under its own name.
pub(in crate::app) fn plaintexts(sealed: &Path) -> Vec<PathBuf> {
    let plain = if is_sealed_name(sealed) {
        plain_name(sealed)
    } else {
        Some(sealed.to_owned())
    };
    let Some(plain) = plain else {
        return Vec::new();
    };
    let name = plain.file_name().unwrap_or_default().to_string_lossy();
    let (stem, ending) = name.split_at(name.rfind('.').unwrap_or(name.len()));
    let mut names: Vec<PathBuf> = ["dec", "decrypted"]
        .map(|word| plain.with_file_name(format!("{stem}.{word}{ending}")))
        .into();
    if plain != sealed {
        names.insert(0, plain);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_known_by_their_names() {
        let cases: &[(&str, Maker, &[&str])] = &[
            (
                ".stripe.yaml.swp",
                Maker::Swap,
                &["stripe.yaml", ".stripe.yaml"],
            ),
            (".env.swp", Maker::Swap, &["env", ".env"]),
            (".a.yaml.swo", Maker::Swap, &["a.yaml", ".a.yaml"]),
            (".a.yaml.un~", Maker::Undo, &["a.yaml", ".a.yaml"]),
            ("a.yaml~", Maker::Backup, &["a.yaml"]),
            ("a.yaml.~12~", Maker::Backup, &["a.yaml"]),
            ("#a.yaml#", Maker::Backup, &["a.yaml"]),
            (".#a.yaml", Maker::Mark, &["a.yaml"]),
            ("a.enc.yaml.orig", Maker::Merge, &["a.enc.yaml"]),
            ("a.yaml.rej", Maker::Merge, &["a.yaml"]),
            ("a.yaml.bak", Maker::Backup, &["a.yaml"]),
            ("a.yaml.save", Maker::Backup, &["a.yaml"]),
        ];
        for (name, maker, bases) in cases {
            let bases = bases.iter().map(ToString::to_string).collect();
            assert_eq!(copy_of(name), Some((*maker, bases)), "{name}");
        }
        for name in [
            "a.yaml", "a.swp", "a.sws", "#", "##", "~", ".orig", ".#", "a.swift", ".a.swz",
        ] {
            assert_eq!(copy_of(name), None, "{name}");
        }
    }

    #[test]
    fn plaintexts_of_a_sealed_file() {
        for (sealed, expected) in [
            (
                "d/a.enc.yaml",
                vec!["d/a.yaml", "d/a.dec.yaml", "d/a.decrypted.yaml"],
            ),
            ("d/a.yaml", vec!["d/a.dec.yaml", "d/a.decrypted.yaml"]),
            ("key.enc", vec!["key", "key.dec", "key.decrypted"]),
            (".enc.env", vec![".env", ".dec.env", ".decrypted.env"]),
        ] {
            let expected: Vec<PathBuf> = expected.into_iter().map(PathBuf::from).collect();
            assert_eq!(plaintexts(Path::new(sealed)), expected, "{sealed}");
        }
    }
}
