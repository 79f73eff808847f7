//! What a tree has that others have not.

use std::collections::HashMap;

use super::parts::{Commit, Entries, Mode, Tag};
use super::store::{Reader, Store, Type};
use super::{Id, Problem};

/// How many tags may point to tags.
const TAG_DEPTH: usize = 16;

/// How deep directories may be nested; git's own limit is 2048 or 4096.
const DEEPEST: usize = 4096;

/// How many entries of trees are looked at for one comparison. A few trees can make up more paths
/// than there are atoms; git's largest known repositories have a tenth of this.
const MOST_ENTRIES: usize = if cfg!(test) { 20_000 } else { 5_000_000 };

/// A blob that is new at its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct New {
    /// From the root.
    pub(super) path: Vec<u8>,
    /// The blob.
    pub(super) id: Id,
    /// The blobs at this path in what it is compared with.
    pub(super) bases: Vec<Id>,
}

/// What differs between a tree and those before it.
#[derive(Debug, Default)]
pub(super) struct Difference {
    /// Blobs at paths where none of the others has the same.
    pub(super) new: Vec<New>,
    /// Submodules likewise.
    pub(super) submodules: Vec<Vec<u8>>,
    /// Files and directories of the others that the tree has nothing at the path of.
    pub(super) gone: Vec<Gone>,
    /// Trees that could not be read.
    pub(super) problems: Vec<(Id, Vec<u8>, Problem)>,
}

/// What is there no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gone {
    /// From the root.
    pub(super) path: Vec<u8>,
    /// The blob or tree.
    pub(super) id: Id,
    /// Whether it is a directory.
    pub(super) is_tree: bool,
}

/// A tree's entries by their names.
pub(super) type Names = HashMap<Box<[u8]>, (Mode, Id)>;

impl Store {
    /// The tree of a commit, or of what a tag points to.
    pub(super) fn tree_of(&self, id: &Id, reader: &mut Reader) -> Result<Id, Problem> {
        let mut id = *id;
        for _ in 0..TAG_DEPTH {
            match self.read(&id, reader)? {
                (Type::Tree, _) => return Ok(id),
                (Type::Commit, bytes) => {
                    let commit = Commit::parse(&bytes);
                    return Ok(commit
                        .ok_or(Problem::Corrupt("a commit without a tree"))?
                        .tree);
                }
                (Type::Tag, bytes) => {
                    let tag = Tag::parse(&bytes);
                    id = tag.ok_or(Problem::Corrupt("a tag of nothing"))?.target;
                }
                (Type::Blob, _) => break,
            }
        }
        Err(Problem::Corrupt("no commit"))
    }

    /// The entries of a tree.
    pub(super) fn names(&self, id: &Id, reader: &mut Reader) -> Result<Names, Problem> {
        let (kind, bytes) = self.read(id, reader)?;
        if kind != Type::Tree {
            return Err(Problem::Corrupt("no tree"));
        }
        let mut entries = Entries::of(&bytes, self.hash.len_in_bytes());
        let names = entries
            .by_ref()
            .filter_map(|entry| Some((entry.name.into(), (entry.mode, Id::of_bytes(entry.id)?))))
            .collect();
        if entries.is_broken() {
            return Err(Problem::Corrupt("a tree that cannot be read"));
        }
        Ok(names)
    }

    /// Compares the tree at `path` with the trees at that path before it. What is the same in any
    /// of them is not new.
    pub(super) fn difference(
        &self,
        tree: Id,
        before: &[Id],
        path: &[u8],
        reader: &mut Reader,
        found: &mut Difference,
    ) {
        let mut open = vec![(tree, before.to_vec(), path.to_vec(), 0)];
        let mut entries = 0;
        while let Some((tree, before, path, depth)) = open.pop() {
            if before.contains(&tree) {
                continue;
            }
            let now = match self.names(&tree, reader) {
                Ok(names) if depth < DEEPEST => names,
                Ok(_) => {
                    let problem = Problem::Corrupt("directories nested too deep");
                    found.problems.push((tree, path, problem));
                    continue;
                }
                Err(problem) => {
                    found.problems.push((tree, path, problem));
                    continue;
                }
            };
            // what cannot be read of the others only makes more look new
            let old: Vec<Names> = before
                .iter()
                .filter_map(|tree| self.names(tree, reader).ok())
                .collect();
            entries += now.len();
            if entries > MOST_ENTRIES {
                let problem = Problem::Corrupt("more paths than can be looked at");
                found.problems.push((tree, path, problem));
                return;
            }
            let mut names: Vec<_> = now.iter().collect();
            names.sort_unstable_by_key(|(name, _)| *name);
            for (name, &(mode, id)) in names {
                let there: Vec<(Mode, Id)> = old
                    .iter()
                    .filter_map(|old| old.get(name).copied())
                    .collect();
                if there.contains(&(mode, id)) {
                    continue;
                }
                let of_mode = |wanted| {
                    let same = there.iter().filter(move |(mode, _)| *mode == wanted);
                    same.map(|(_, id)| *id).collect::<Vec<_>>()
                };
                let path = below(&path, name);
                match mode {
                    Mode::Blob => found.new.push(New {
                        path,
                        id,
                        bases: of_mode(Mode::Blob),
                    }),
                    Mode::Tree => open.push((id, of_mode(Mode::Tree), path, depth + 1)),
                    Mode::Gitlink => found.submodules.push(path),
                }
            }
            for (name, (mode, id)) in old.iter().flatten() {
                if !now.contains_key(name) && *mode != Mode::Gitlink {
                    found.gone.push(Gone {
                        path: below(&path, name),
                        id: *id,
                        is_tree: *mode == Mode::Tree,
                    });
                }
            }
        }
    }

    /// The files among what is gone, directories opened: `(path, blob)`. No more than `most`.
    pub(super) fn files_gone(
        &self,
        gone: &[Gone],
        most: usize,
        reader: &mut Reader,
    ) -> Vec<(Vec<u8>, Id)> {
        let mut files = Vec::new();
        let mut inside = Difference::default();
        for gone in gone {
            if files.len() + inside.new.len() > most {
                break;
            }
            if gone.is_tree {
                self.difference(gone.id, &[], &gone.path, reader, &mut inside);
            } else {
                files.push((gone.path.clone(), gone.id));
            }
        }
        files.extend(inside.new.into_iter().map(|file| (file.path, file.id)));
        files
    }
}

/// The path of something in a directory.
pub(super) fn below(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() {
        return name.to_vec();
    }
    [directory, name].join(&b'/')
}

/// What stands behind the last `/`.
pub(super) fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}
