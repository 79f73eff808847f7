//! Every file that is sealed for a public key, wherever it stands and whatever it is called.
//!
//! The rules and the names of files tell which files are secret files. Who destroys an identity, or
//! takes a person's access, has to know of the others, too: what sops sealed under a name of its own,
//! what no rule covers, what other branches hold.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::app::files::{InGit, files_below};
use crate::app::recipients::is_same_key;
use crate::app::rewrite::Blocked;
use crate::app::{App, READ_LIMIT};
use crate::error::{Exit, Failure};
use crate::git;
use crate::git::branches::OnBranch;
use crate::io::large::Large;
use crate::io::walk::Ignored;
use crate::io::{IoError, file};
use crate::sops::metadata::Metadata;
use crate::stores::Format;

/// Which files are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All that stand here.
    Here,
    /// Those that git has, or would take: what others may have.
    InGit,
}

impl App<'_> {
    /// The files of the repository that are sealed for a public key and are not among `known`, and
    /// those of which it cannot be told.
    pub fn others_sealed_for(
        &self,
        key: &str,
        known: &[PathBuf],
        reach: Reach,
    ) -> Result<(Vec<PathBuf>, Vec<Blocked>), Failure> {
        let root = self.repository()?;
        let in_git = match reach {
            Reach::Here => None,
            Reach::InGit => Some(InGit::below(&root)?),
        };
        // What is kept of the values of a file is seen to with the file.
        let known = self.with_previous(known);
        let known: HashSet<&PathBuf> = known.iter().collect();
        let (mut found, mut unknown) = (Vec::new(), Vec::new());
        for path in files_below(&root, Ignored::OwnToo)? {
            if in_git.as_ref().is_some_and(|git| !git.may_hold(&path)) {
                continue;
            }
            let file = self.relative(&path);
            if known.contains(&file) {
                continue;
            }
            match is_file_sealed_for(&path, key) {
                Ok(Some(true)) => found.push(file),
                Ok(Some(false)) => {}
                Ok(None) => unknown.push(Blocked {
                    failure: unclear().at(file.display()),
                    file,
                }),
                Err(error) => unknown.push(Blocked {
                    file,
                    failure: error.into(),
                }),
            }
        }
        Ok((found, unknown))
    }

    /// The files on other branches that are sealed for a public key, as far as they are not older
    /// versions of what is here.
    pub fn branches_sealed_for(&self, key: &str) -> Result<Vec<OnBranch>, Failure> {
        let Some(tree) = git::work_tree_of(self.directory())? else {
            return Ok(Vec::new());
        };
        Ok(tree.elsewhere(|path, bytes| is_sealed_for(path, bytes, key) != Some(false))?)
    }
}

fn unclear() -> Failure {
    let message = "holds the key and something encrypted, but cannot be read as an encrypted file";
    Failure::new(Exit::IO, "unclear", message)
}

fn is_file_sealed_for(path: &Path, key: &str) -> Result<Option<bool>, IoError> {
    /// What is larger is searched before it is read, in bytes.
    const LARGE: u64 = 1 << 20;
    if let Some(large) = Large::open(path, LARGE)?
        && !is_in(&large, needle(key).as_bytes())?
    {
        return Ok(Some(false));
    }
    match file::read(path, READ_LIMIT) {
        Ok(text) => Ok(is_sealed_for(path, text.as_bytes(), key)),
        // A large binary file, most likely.
        Err(IoError::TooLarge { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a file is sealed for a public key; `None` where it holds the key and something encrypted,
/// and more cannot be told: it may be in the midst of a merge, or a text about such files.
fn is_sealed_for(path: &Path, bytes: &[u8], key: &str) -> Option<bool> {
    let has = |needle: &str| memchr::memmem::find(bytes, needle.as_bytes()).is_some();
    if !has(needle(key)) {
        return Some(false);
    }
    // sops takes any name for any type.
    let formats = [
        Format::from_path(path),
        Format::Yaml,
        Format::Dotenv,
        Format::Ini,
    ];
    let groups = formats.into_iter().find_map(|format| {
        let tree = format.store().parse(bytes).ok()?;
        Metadata::from_block(tree.meta()?).groups().ok()
    });
    match groups {
        Some(groups) => {
            let mut entries = groups.iter().flatten();
            Some(entries.any(|entry| is_same_key(&entry.recipient(), key)))
        }
        None if has("ENC[AES256_GCM,") || has("-----BEGIN AGE ENCRYPTED FILE-----") => None,
        None => Some(false),
    }
}

/// What every spelling of a public key has in common: of SSH keys, which have a comment and may
/// have padding, the second word.
fn needle(key: &str) -> &str {
    let mut words = key.split_ascii_whitespace();
    let first = words.next().unwrap_or_default();
    words.next().unwrap_or(first).trim_end_matches('=')
}

/// Whether a large file holds these bytes.
fn is_in(large: &Large, needle: &[u8]) -> Result<bool, IoError> {
    let (mut window, mut found) = (Vec::new(), false);
    large.each(0..large.len(), |piece| -> Result<(), IoError> {
        window.extend_from_slice(piece);
        found |= memchr::memmem::find(&window, needle).is_some();
        // What may be the beginning of it.
        let done = window.len().saturating_sub(needle.len());
        window.drain(..done);
        Ok(())
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_whatever_spelling() {
        let ssh = "ssh-ed25519 AAAAB= ana@laptop";
        let yaml = "a: ENC[AES256_GCM,data:x]\nsops:\n  age:\n    - recipient: ssh-ed25519 AAAAB x\n      enc: y\n  mac: z\n";
        for (name, text, key, expected) in [
            ("a.yaml", yaml, ssh, Some(true)),
            ("a.yaml", yaml, "ssh-ed25519 AAAA", Some(false)),
            ("a.yaml", yaml, "age1a", Some(false)),
            // Its own words about somebody else's key.
            (
                "a.yaml",
                &yaml.replace("a: E", "age1a: E"),
                "age1a",
                Some(false),
            ),
            ("a.txt", yaml, ssh, Some(true)),
            ("a.yaml", &format!("<<<<<<<\n{yaml}"), ssh, None),
            ("a.md", "of age1a", "age1a", Some(false)),
            (
                "a.json",
                "{\"sops\": 1, \"x\": \"age1a\"}",
                "age1a",
                Some(false),
            ),
        ] {
            assert_eq!(
                is_sealed_for(Path::new(name), text.as_bytes(), key),
                expected,
                "{name} {key}"
            );
        }
    }

    #[test]
    fn a_needle_is_found_across_pieces() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        for (at, found) in [(256 * 1024 - 3, true), (2 << 20, true), (3 << 20, false)] {
            let mut bytes = vec![b'.'; 3 << 20];
            if let Some(place) = bytes.get_mut(at..at + 5) {
                place.copy_from_slice(b"age1a");
            }
            std::fs::write(&path, bytes).unwrap();
            let large = Large::open(&path, 1 << 20).unwrap().unwrap();
            assert_eq!(is_in(&large, b"age1a").unwrap(), found, "{at}");
        }
    }
}
