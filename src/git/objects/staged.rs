//! What the next commit would bring.

use std::ops::Range;
use std::path::PathBuf;

use super::hand_out::{Wanted, path_of};
use super::index::{self, CachedTree, Entry};
use super::parts::Mode;
use super::store::Reader;
use super::trees::{Difference, Gone, Names, New, below, file_name};
use super::{From, Id, Objects, ObjectsError, Piece, Problem, Walked, disk, refs};

/// How many files that are gone are looked at for the old name of a new one.
const MOST_GONE: usize = 20_000;

impl Objects {
    /// Hands out the blobs in the index that `HEAD` does not have at their paths, whole and as a
    /// commit would take them: from the object store, never from the work tree. Their bases are the
    /// blobs at the same path in `HEAD` and in what is being merged, and for a new path what is gone
    /// with the same content or the same file name. What is only intended to be added is left
    /// out; where a merge is not decided, ours and theirs are handed out.
    pub fn staged(&self, visit: impl Fn(&Piece<'_>) + Sync) -> Result<Walked, ObjectsError> {
        let head = refs::resolve(&self.place, "HEAD")?;
        self.against(head, &visit)
    }

    /// As [`Self::staged`], against another commit than `HEAD`, or a tree.
    pub fn staged_since(
        &self,
        revision: &str,
        visit: impl Fn(&Piece<'_>) + Sync,
    ) -> Result<Walked, ObjectsError> {
        let id = self.revision(revision)?;
        self.against(Some(id), &visit)
    }

    /// The paths of all files in the index, from the root: what is tracked, although an ignore rule
    /// may name it.
    pub fn tracked(&self) -> Result<Vec<PathBuf>, ObjectsError> {
        let index = index::read(&self.place)?;
        let entries = index.entries.iter();
        let files = entries.filter(|entry| Mode::of(entry.mode) == Mode::Blob);
        let mut paths: Vec<PathBuf> = files.map(|entry| path_of(&entry.path)).collect();
        paths.dedup();
        Ok(paths)
    }

    fn against(
        &self,
        commit: Option<Id>,
        visit: &(impl Fn(&Piece<'_>) + Sync),
    ) -> Result<Walked, ObjectsError> {
        let mut reader = Reader::new(self.limit);
        let tree = commit.map(|id| self.tree(&id, &mut reader)).transpose()?;
        let index = index::read(&self.place)?;
        let mut comparison = Comparison {
            objects: self,
            reader: &mut reader,
            entries: &index.entries,
            difference: Difference::default(),
            unmerged: Vec::new(),
        };
        comparison.run(index.trees.as_ref(), tree);
        let Comparison {
            difference,
            unmerged,
            ..
        } = comparison;
        let merged = self.merged(&mut reader)?;
        let wanted = self.wanted(&difference, None, &merged, &mut reader);
        let mut walked = self.hand_out(&wanted, visit);
        walked.note(&difference);
        walked.unmerged = unmerged.iter().map(|path| path_of(path)).collect();
        walked.unmerged.dedup();
        walked.is_partial = self.place.is_partial;
        Ok(walked)
    }

    fn tree(&self, commit: &Id, reader: &mut Reader) -> Result<Id, ObjectsError> {
        self.store.tree_of(commit, reader).map_err(|problem| {
            let what = match problem {
                Problem::Missing => "the commit that is checked out, or a part of it, is missing",
                Problem::TooLarge(_) => "the commit that is checked out is too large",
                Problem::Corrupt(what) => what,
            };
            ObjectsError::corrupt(&self.place.common, what)
        })
    }

    /// The trees of the commits that are being merged.
    fn merged(&self, reader: &mut Reader) -> Result<Vec<Id>, ObjectsError> {
        let Some(bytes) = disk::read(&self.place.git.join("MERGE_HEAD"))? else {
            return Ok(Vec::new());
        };
        let text = String::from_utf8_lossy(&bytes);
        let commits = text.split_whitespace().filter_map(|id| id.parse().ok());
        Ok(commits
            .filter_map(|id| self.store.tree_of(&id, reader).ok())
            .collect())
    }

    /// What is to be handed out of a difference, with its bases.
    pub(super) fn wanted(
        &self,
        difference: &Difference,
        commit: Option<Id>,
        merged: &[Id],
        reader: &mut Reader,
    ) -> Vec<Wanted> {
        let is_added = |new: &New| new.bases.is_empty();
        let gone = if difference.new.iter().any(is_added) {
            self.store.files_gone(&difference.gone, MOST_GONE, reader)
        } else {
            Vec::new()
        };
        let mut wanted = Vec::with_capacity(difference.new.len());
        for new in &difference.new {
            let mut bases: Vec<_> = new.bases.iter().map(|id| (From::SamePath, *id)).collect();
            if is_added(new) {
                let old = gone
                    .iter()
                    .filter(|(path, id)| *id == new.id || file_name(path) == file_name(&new.path));
                bases.extend(old.map(|(_, id)| (From::Renamed, *id)));
            }
            for tree in merged {
                let blob = self.blob_at(tree, &new.path, reader);
                bases.extend(blob.map(|id| (From::Merged, id)));
            }
            wanted.push(Wanted {
                id: new.id,
                path: Some(path_of(&new.path)),
                commit,
                bases,
            });
        }
        wanted
    }

    /// The blob at a path of a tree.
    fn blob_at(&self, tree: &Id, path: &[u8], reader: &mut Reader) -> Option<Id> {
        let mut found = (Mode::Tree, *tree);
        for name in path.split(|byte| *byte == b'/') {
            if found.0 != Mode::Tree {
                return None;
            }
            found = *self.store.names(&found.1, reader).ok()?.get(name)?;
        }
        (found.0 == Mode::Blob).then_some(found.1)
    }
}

impl Walked {
    /// Takes over what a comparison of trees met.
    pub(super) fn note(&mut self, difference: &Difference) {
        for (id, path, problem) in &difference.problems {
            self.problem(Some(*id), Some(&path_of(path)), *problem);
        }
        let submodules = difference.submodules.iter().map(|path| path_of(path));
        self.submodules.extend(submodules);
    }
}

/// The index beside a tree.
struct Comparison<'a> {
    objects: &'a Objects,
    reader: &'a mut Reader,
    entries: &'a [Entry],
    difference: Difference,
    unmerged: Vec<Vec<u8>>,
}

/// A directory that is still to be compared.
struct Directory<'a> {
    /// Its entries.
    entries: Range<usize>,
    /// How much of their paths is its own, with the `/`.
    prefix: usize,
    cached: Option<&'a CachedTree>,
    tree: Option<Id>,
}

impl Comparison<'_> {
    fn run(&mut self, cached: Option<&CachedTree>, tree: Option<Id>) {
        let mut open = vec![Directory {
            entries: 0..self.entries.len(),
            prefix: 0,
            cached,
            tree,
        }];
        while let Some(directory) = open.pop() {
            // the index knows that a commit would write this very tree
            let known = directory.cached.and_then(|cached| cached.id);
            if known.is_some() && known == directory.tree {
                continue;
            }
            self.compare(&directory, &mut open);
        }
    }

    fn compare<'b>(&mut self, directory: &Directory<'b>, open: &mut Vec<Directory<'b>>) {
        let entries = self.entries.get(directory.entries.clone());
        let entries = entries.unwrap_or_default();
        let first = entries.first().map(|entry| &*entry.path);
        let own_path = first
            .and_then(|path| path.get(..directory.prefix.saturating_sub(1)))
            .unwrap_or_default();
        let names = match &directory.tree {
            None => Names::new(),
            Some(tree) => match self.objects.store.names(tree, self.reader) {
                Ok(names) => names,
                Err(problem) => {
                    // then all of it looks new, and that it could not be compared is said
                    self.difference
                        .problems
                        .push((*tree, own_path.to_vec(), problem));
                    Names::new()
                }
            },
        };
        let mut seen: Vec<&[u8]> = Vec::new();
        let mut at = 0;
        while let Some(entry) = entries.get(at) {
            let rest = entry.path.get(directory.prefix..).unwrap_or_default();
            let slash = memchr::memchr(b'/', rest);
            let name = slash.and_then(|end| rest.get(..end)).unwrap_or(rest);
            let there = names.get(name).copied();
            seen.push(name);
            if slash.is_some_and(|end| end + 1 < rest.len()) {
                let prefix = directory.prefix + name.len() + 1;
                let start = entry.path.get(..prefix).unwrap_or_default();
                let later = entries.get(at..).unwrap_or_default();
                let count = later.partition_point(|entry| entry.path.starts_with(start));
                let from = directory.entries.start + at;
                open.push(Directory {
                    entries: from..from + count.max(1),
                    prefix,
                    cached: directory.cached.and_then(|cached| cached.child(name)),
                    tree: there.and_then(|(mode, id)| (mode == Mode::Tree).then_some(id)),
                });
                at += count.max(1);
            } else {
                self.compare_entry(entry, there);
                at += 1;
            }
        }
        seen.sort_unstable();
        for (name, (mode, id)) in names {
            if mode != Mode::Gitlink && seen.binary_search(&&*name).is_err() {
                self.difference.gone.push(Gone {
                    path: below(own_path, &name),
                    id,
                    is_tree: mode == Mode::Tree,
                });
            }
        }
    }

    fn compare_entry(&mut self, entry: &Entry, there: Option<(Mode, Id)>) {
        let mode = Mode::of(entry.mode);
        let is_wanted = match entry.stage {
            0 => !entry.is_intent,
            // the common ancestor is in history already
            1 => false,
            _ => {
                self.unmerged.push(entry.path.to_vec());
                true
            }
        };
        if !is_wanted || there == Some((mode, entry.id)) {
            return;
        }
        let of_mode = |wanted: Mode| {
            let same = there.filter(|(mode, _)| *mode == wanted);
            same.map(|(_, id)| id).into_iter().collect::<Vec<_>>()
        };
        match mode {
            Mode::Blob => self.difference.new.push(New {
                path: entry.path.to_vec(),
                id: entry.id,
                bases: of_mode(Mode::Blob),
            }),
            Mode::Gitlink => self.difference.submodules.push(entry.path.to_vec()),
            // a directory of a sparse index
            Mode::Tree => {
                let path = entry.path.strip_suffix(b"/").unwrap_or(&entry.path);
                self.objects.store.difference(
                    entry.id,
                    &of_mode(Mode::Tree),
                    path,
                    self.reader,
                    &mut self.difference,
                );
            }
        }
    }
}

#[cfg(test)]
#[path = "staged_tests.rs"]
mod tests;
