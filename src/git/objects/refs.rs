//! What a repository's names point to: loose and packed refs, `HEAD`s and reflogs.

use std::collections::BTreeMap;
use std::path::Path;

use super::place::Place;
use super::{Id, ObjectsError, disk};

/// How many symbolic refs may follow each other; git's own limit.
const SYMBOLIC_DEPTH: usize = 5;

/// Names that stand beside `HEAD` while something is in progress.
const IN_PROGRESS: [&str; 5] = [
    "MERGE_HEAD",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "REBASE_HEAD",
    "BISECT_HEAD",
];

/// Every ref with what it points to, sorted by name: branches, tags, remotes, notes, the stash and
/// all else below `refs/`; the `HEAD`s of all work trees, their own refs, and what is in progress.
pub(super) fn all(place: &Place) -> Result<BTreeMap<String, Id>, ObjectsError> {
    let mut found = packed(place)?;
    loose(&place.common, "", &mut found)?;
    if place.git != place.common {
        loose(&place.git, "", &mut found)?;
    }
    heads(place, &place.git, "", &mut found)?;
    for tree in disk::list(&place.common.join("worktrees"))? {
        let prefix = format!("worktrees/{}/", tree.name);
        heads(place, &tree.path, &prefix, &mut found)?;
        loose(&tree.path, &prefix, &mut found)?;
    }
    if place.git != place.common {
        heads(place, &place.common, "main-worktree/", &mut found)?;
    }
    Ok(found)
}

/// What one name points to, in full (`HEAD`, `refs/heads/main`); `None` where there is no such
/// name, or where it points to a branch without a commit.
pub(super) fn resolve(place: &Place, name: &str) -> Result<Option<Id>, ObjectsError> {
    follow(place, &place.git, name)
}

/// The ids that a ref had, newest last, as its reflog has them; none without one.
pub(super) fn log(place: &Place, name: &str) -> Result<Vec<Id>, ObjectsError> {
    let own = place.git.join("logs").join(name);
    let bytes = match disk::read(&own)? {
        Some(bytes) => Some(bytes),
        None => disk::read(&place.common.join("logs").join(name))?,
    };
    Ok(ids_of_log(&bytes.unwrap_or_default()))
}

/// The ids in all reflogs of all work trees.
pub(super) fn all_logs(place: &Place) -> Result<Vec<Id>, ObjectsError> {
    let mut open = vec![place.common.join("logs"), place.git.join("logs")];
    for tree in disk::list(&place.common.join("worktrees"))? {
        open.push(tree.path.join("logs"));
    }
    let mut found = Vec::new();
    while let Some(directory) = open.pop() {
        for entry in disk::list(&directory)? {
            if entry.is_directory {
                open.push(entry.path);
            } else if let Some(bytes) = disk::read(&entry.path)? {
                found.extend(ids_of_log(&bytes));
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn ids_of_log(bytes: &[u8]) -> Vec<Id> {
    let mut found = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let ids = line.splitn(3, |byte| *byte == b' ').take(2);
        for id in ids.filter_map(|id| std::str::from_utf8(id).ok()?.parse::<Id>().ok()) {
            if !id.is_null() && found.last() != Some(&id) {
                found.push(id);
            }
        }
    }
    found
}

fn packed(place: &Place) -> Result<BTreeMap<String, Id>, ObjectsError> {
    let bytes = disk::read(&place.common.join("packed-refs"))?.unwrap_or_default();
    let lines = bytes.split(|byte| *byte == b'\n');
    Ok(lines.filter_map(line_of_packed).collect())
}

/// A line `id name`; the others begin with `#` or `^`.
fn line_of_packed(line: &[u8]) -> Option<(String, Id)> {
    let space = line.iter().position(|byte| *byte == b' ')?;
    let (id, name) = line.split_at_checked(space)?;
    let id = std::str::from_utf8(id).ok()?.parse().ok()?;
    let name = String::from_utf8_lossy(name.get(1..)?);
    Some((name.trim_end().to_owned(), id))
}

/// The refs below a git directory that have a file each, with this before their names.
fn loose(
    directory: &Path,
    prefix: &str,
    found: &mut BTreeMap<String, Id>,
) -> Result<(), ObjectsError> {
    let mut open = vec![(directory.join("refs"), format!("{prefix}refs"))];
    while let Some((directory, prefix)) = open.pop() {
        for entry in disk::list(&directory)? {
            let name = format!("{prefix}/{}", entry.name);
            if entry.is_directory {
                open.push((entry.path, name));
            } else if let Some(Target::Id(id)) = read(&entry.path)? {
                found.insert(name, id);
            }
        }
    }
    Ok(())
}

fn heads(
    place: &Place,
    git: &Path,
    prefix: &str,
    found: &mut BTreeMap<String, Id>,
) -> Result<(), ObjectsError> {
    for name in ["HEAD"].iter().chain(&IN_PROGRESS) {
        if let Some(id) = follow(place, git, name)? {
            found.insert(format!("{prefix}{name}"), id);
        }
    }
    Ok(())
}

fn follow(place: &Place, git: &Path, name: &str) -> Result<Option<Id>, ObjectsError> {
    let mut name = name.to_owned();
    for _ in 0..=SYMBOLIC_DEPTH {
        let own = read(&git.join(&name))?;
        let target = match own {
            Some(target) => Some(target),
            None if name.starts_with("refs/") => read(&place.common.join(&name))?,
            None => None,
        };
        match target {
            Some(Target::Id(id)) => return Ok(Some(id)),
            Some(Target::Name(next)) if is_safe(&next) => name = next,
            None if name.starts_with("refs/") => return Ok(packed(place)?.remove(&name)),
            Some(Target::Name(_)) | None => return Ok(None),
        }
    }
    Ok(None)
}

/// Whether a name stays below the git directory.
pub(super) fn is_safe(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('/') && name.split('/').all(|part| part != "..")
}

enum Target {
    Id(Id),
    Name(String),
}

/// What a loose ref says; `None` for a file that is none.
fn read(path: &Path) -> Result<Option<Target>, ObjectsError> {
    let Some(bytes) = disk::read(path)? else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_end();
    if let Some(name) = text.strip_prefix("ref:") {
        return Ok(Some(Target::Name(name.trim_start().to_owned())));
    }
    // several stand in MERGE_HEAD, one a line; FETCH_HEAD says more behind the id
    let first = text.split_whitespace().next().unwrap_or_default();
    Ok(first.parse().ok().map(Target::Id))
}
