//! The few settings that say how a repository is to be read. Git takes these from the repository's
//! own `config` alone, without includes, and so does this.

use std::path::Path;

use super::{ObjectsError, disk};

/// What `config` says of the repository's format.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Config {
    /// What the ids are made with.
    pub(super) hash: gix_hash::Kind,
    /// Whether objects may be missing because a remote repository promised to have them.
    pub(super) is_partial: bool,
    /// Whether there is no work tree.
    pub(super) is_bare: bool,
}

/// Reads a repository's `config`; what is missing is as git has it by default.
pub(super) fn read(path: &Path) -> Result<Config, ObjectsError> {
    let bytes = disk::read(path)?.unwrap_or_default();
    of_text(&String::from_utf8_lossy(&bytes)).map_err(|what| ObjectsError::Unsupported {
        path: path.to_owned(),
        what,
    })
}

fn of_text(text: &str) -> Result<Config, &'static str> {
    let mut config = Config {
        hash: gix_hash::Kind::Sha1,
        is_partial: false,
        is_bare: false,
    };
    let mut section = String::new();
    for line in text.lines() {
        let mut line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            let Some((name, rest)) = header.split_once(']') else {
                continue;
            };
            let name = name.split_whitespace().next().unwrap_or_default();
            section = name.to_ascii_lowercase();
            line = rest.trim();
        }
        let (key, value) = line.split_once('=').unwrap_or((line, "true"));
        let key = key.trim().to_ascii_lowercase();
        let value = value.split([';', '#']).next().unwrap_or_default();
        let value = value.trim().trim_matches('"');
        match (section.as_str(), key.as_str()) {
            ("extensions", "objectformat") => {
                config.hash = match value.to_ascii_lowercase().as_str() {
                    "sha1" => gix_hash::Kind::Sha1,
                    "sha256" => gix_hash::Kind::Sha256,
                    _ => return Err("a kind of object ids that mvx does not know"),
                }
            }
            ("extensions", "refstorage") if !value.eq_ignore_ascii_case("files") => {
                return Err("its refs are stored in a way that mvx does not read");
            }
            ("extensions", "partialclone") => config.is_partial = true,
            ("remote", "promisor") => config.is_partial |= is_true(value),
            ("core", "bare") => config.is_bare = is_true(value),
            _ => {}
        }
    }
    Ok(config)
}

fn is_true(value: &str) -> bool {
    !["false", "no", "off", "0", ""]
        .iter()
        .any(|no| value.eq_ignore_ascii_case(no))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_read() {
        let plain = of_text("[core]\n\tbare = false\n[remote \"origin\"]\n\turl = x\n").unwrap();
        assert_eq!(plain.hash, gix_hash::Kind::Sha1);
        assert!(!plain.is_partial && !plain.is_bare);
        let other = of_text(
            "[core] bare\n[Extensions]\n objectFormat = \"SHA256\" ; x\n[remote \"o p\"]\n promisor = true\n",
        );
        let other = other.unwrap();
        assert_eq!(other.hash, gix_hash::Kind::Sha256);
        assert!(other.is_partial && other.is_bare);
        assert!(
            of_text("[extensions]\npartialClone = origin\n")
                .unwrap()
                .is_partial
        );
        assert!(of_text("[extensions]\nobjectformat = md5\n").is_err());
        assert!(of_text("[extensions]\nrefStorage = reftable\n").is_err());
        assert!(of_text("[extensions]\nrefStorage = files\n").is_ok());
        assert!(of_text("[broken\n=\n\u{fffd}").is_ok());
    }
}
