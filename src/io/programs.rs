//! Which programs there are: `PATH`, looked at and not run.

#![expect(
    clippy::disallowed_methods,
    reason = "this module is what the others use instead"
)]

use std::fs;
use std::path::{Path, PathBuf};

use crate::io::env::Environment;

/// Where the program `name` would be started from: the first of that name on `PATH`, or the file
/// itself where the name has a slash.
pub fn find(environment: &Environment, name: &str) -> Option<PathBuf> {
    if name.contains(std::path::MAIN_SEPARATOR) || name.contains('/') {
        let path = PathBuf::from(name);
        return is_program(&path).then_some(path);
    }
    directories(environment)
        .flat_map(|directory| spellings(&directory, name))
        .find(|path| is_program(path))
}

/// The programs on `PATH` whose names begin with `prefix`, of each name the one that would be
/// started, sorted by name.
pub fn beginning_with(environment: &Environment, prefix: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for directory in directories(environment) {
        let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            let name = path.file_name().unwrap_or_default();
            let known = found.iter().any(|other| other.file_name() == Some(name));
            if !known && name.to_string_lossy().starts_with(prefix) && is_program(&path) {
                found.push(path);
            }
        }
    }
    found.sort_by(|one, other| one.file_name().cmp(&other.file_name()));
    found
}

fn directories(environment: &Environment) -> impl Iterator<Item = PathBuf> {
    let path = environment.get("PATH").unwrap_or_default();
    std::env::split_paths(path).collect::<Vec<_>>().into_iter()
}

#[cfg(not(windows))]
fn spellings(directory: &Path, name: &str) -> Vec<PathBuf> {
    vec![directory.join(name)]
}

#[cfg(windows)]
fn spellings(directory: &Path, name: &str) -> Vec<PathBuf> {
    ["", ".exe", ".cmd", ".bat"]
        .map(|ending| directory.join(format!("{name}{ending}")))
        .into()
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && is_executable(&metadata))
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;

    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_metadata: &fs::Metadata) -> bool {
    true
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_first_on_the_path_is_the_one() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for (name, mode) in [
            ("a/age-plugin-x", 0o644),
            ("b/age-plugin-x", 0o755),
            ("c/age-plugin-x", 0o755),
            ("c/age-plugin-a", 0o755),
            ("c/other", 0o755),
        ] {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), "").unwrap();
            fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        let path = std::env::join_paths([at("a"), at("none"), at("b"), at("c")]).unwrap();
        let environment = Environment::of([("PATH", path)]);
        assert_eq!(
            find(&environment, "age-plugin-x"),
            Some(at("b/age-plugin-x"))
        );
        assert_eq!(find(&environment, "age-plugin-y"), None);
        let full = at("c/other");
        assert_eq!(
            find(&environment, full.to_str().unwrap()),
            Some(full.clone())
        );
        assert_eq!(
            beginning_with(&environment, "age-plugin-"),
            [at("c/age-plugin-a"), at("b/age-plugin-x")]
        );
        let nothing: [(&'static str, &str); 0] = [];
        assert_eq!(find(&Environment::of(nothing), "other"), None);
    }
}
