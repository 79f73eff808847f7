//! What lies beside a file and says which program reads it.

use std::path::Path;

use crate::dialects::detect::{Evidence, Surroundings, evidence};
use crate::error::Failure;
use crate::git;
use crate::io::file;

/// The longest file that is looked into, in bytes.
const MOST: usize = 1 << 20;

const COMPOSE: [&str; 6] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
];

const PYTHON: [&str; 4] = ["pyproject.toml", "requirements.txt", "Pipfile", "manage.py"];

/// Which programs read an `.env` file, by what lies in `start` or in a directory above it, up to
/// the repository's root: the nearest that says anything counts.
pub(super) fn who_reads(file: &Path, start: &Path) -> Result<Vec<Evidence>, Failure> {
    let root = git::repository_root(start)?;
    for directory in start.ancestors() {
        let has = |name: &&str| matches!(file::kind(&directory.join(name)), Ok(Some(_)));
        // What cannot be read tells nothing.
        let text = |name: &str| file::read_text(&directory.join(name), MOST).ok();
        let package_json = text("package.json");
        let compose: Vec<(&str, String)> = COMPOSE
            .into_iter()
            .filter_map(|name| Some((name, text(name)?)))
            .collect();
        let beside = Surroundings {
            package_json: package_json.as_deref(),
            bun: ["bun.lock", "bun.lockb"].into_iter().find(has),
            compose: compose
                .iter()
                .map(|(name, text)| (*name, text.as_str()))
                .collect(),
            python: PYTHON.into_iter().find(has),
            cargo: has(&"Cargo.toml"),
        };
        let found = evidence(file, &beside);
        let ends = beside.is_a_project() || root.as_deref() == Some(directory) || root.is_none();
        if !found.is_empty() || ends {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}
