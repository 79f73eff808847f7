//! Where a repository keeps its things (git's gitrepository-layout(5)).

use std::path::{Path, PathBuf};

use super::{ObjectsError, config, disk};
use crate::io::env::Environment;

/// How deep alternates may name further ones; git's own limit.
const ALTERNATES_DEPTH: usize = 5;

/// How many object directories are looked into at most.
const MOST_DIRECTORIES: usize = 64;

/// A repository's directories and what its configuration says of its format.
pub(super) struct Place {
    /// `.git`, or a linked work tree's own directory below it.
    pub(super) git: PathBuf,
    /// `.git`: what all work trees share.
    pub(super) common: PathBuf,
    /// The work tree's root, unless it is bare.
    pub(super) root: Option<PathBuf>,
    /// The index.
    pub(super) index: PathBuf,
    /// Where objects are, the repository's own directory first.
    pub(super) objects: Vec<PathBuf>,
    /// What the ids are made with.
    pub(super) hash: gix_hash::Kind,
    /// Whether another repository promised to have what is missing.
    pub(super) is_partial: bool,
}

impl Place {
    /// The repository in which `directory` stands, or the one that the variables of git's hooks
    /// name. No command is run and no file is read but git's own, so that whose they are does
    /// not matter.
    pub(super) fn find(directory: &Path, environment: &Environment) -> Result<Self, ObjectsError> {
        let from_here = |name| environment.path(name).map(|path| directory.join(path));
        let (git, mut root) = if let Some(named) = from_here("GIT_DIR") {
            let git = behind_link(&named)?.unwrap_or(named);
            (git, Some(directory.to_owned()))
        } else {
            discover(directory)?
        };
        let common = match from_here("GIT_COMMON_DIR") {
            Some(common) => common,
            None => match disk::line(&git.join("commondir"))? {
                Some(common) => git.join(common),
                None => git.clone(),
            },
        };
        if disk::read(&git.join("HEAD"))?.is_none() && !disk::is_directory(&common.join("objects"))
        {
            return Err(ObjectsError::NotARepository {
                path: directory.to_owned(),
            });
        }
        let config = config::read(&common.join("config"))?;
        if config.is_bare && environment.path("GIT_DIR").is_some() {
            root = None;
        }
        if let Some(named) = from_here("GIT_WORK_TREE") {
            root = Some(named);
        }
        let own = from_here("GIT_OBJECT_DIRECTORY").unwrap_or_else(|| common.join("objects"));
        let mut objects = vec![own];
        if let Some(named) = environment.get("GIT_ALTERNATE_OBJECT_DIRECTORIES") {
            objects.extend(std::env::split_paths(named).map(|path| directory.join(path)));
        }
        add_alternates(&mut objects)?;
        Ok(Self {
            index: from_here("GIT_INDEX_FILE").unwrap_or_else(|| git.join("index")),
            git,
            root,
            objects,
            hash: config.hash,
            is_partial: config.is_partial,
            common,
        })
    }
}

/// The git directory and the work tree's root of the repository around a directory.
fn discover(directory: &Path) -> Result<(PathBuf, Option<PathBuf>), ObjectsError> {
    let start = disk::canonical(directory);
    for directory in start.ancestors() {
        let git = directory.join(".git");
        if is_git_directory(&git) {
            return Ok((git, Some(directory.to_owned())));
        }
        if let Some(git) = behind_link(&git)? {
            return Ok((git, Some(directory.to_owned())));
        }
        if is_git_directory(directory) {
            return Ok((directory.to_owned(), None));
        }
    }
    Err(ObjectsError::NotARepository {
        path: directory.to_owned(),
    })
}

fn is_git_directory(path: &Path) -> bool {
    disk::is_file(&path.join("HEAD"))
        && (disk::is_directory(&path.join("objects")) || disk::is_file(&path.join("commondir")))
}

/// The directory that a file `.git` of a linked work tree or a submodule names.
fn behind_link(path: &Path) -> Result<Option<PathBuf>, ObjectsError> {
    if !disk::is_file(path) {
        return Ok(None);
    }
    let target = disk::line(path)?.and_then(|line| {
        let target = line.strip_prefix("gitdir: ")?;
        Some(path.parent()?.join(target))
    });
    match target {
        Some(target) if is_git_directory(&target) => Ok(Some(target)),
        _ => Err(ObjectsError::corrupt(path, "it leads to no repository")),
    }
}

/// Adds the directories that `info/alternates` of each names. Each is read from only.
fn add_alternates(objects: &mut Vec<PathBuf>) -> Result<(), ObjectsError> {
    let mut seen: Vec<PathBuf> = Vec::new();
    let mut open: Vec<(PathBuf, usize)> = objects.drain(..).map(|path| (path, 0)).collect();
    open.reverse();
    while let Some((path, depth)) = open.pop() {
        let plain = disk::canonical(&path);
        if depth > ALTERNATES_DEPTH || seen.contains(&plain) || seen.len() == MOST_DIRECTORIES {
            continue;
        }
        seen.push(plain);
        if let Some(bytes) = disk::read(&path.join("info/alternates"))? {
            let text = String::from_utf8_lossy(&bytes);
            for line in text.lines().rev() {
                if !line.is_empty() && !line.starts_with('#') {
                    open.push((path.join(line), depth + 1));
                }
            }
        }
        objects.push(path);
    }
    Ok(())
}
