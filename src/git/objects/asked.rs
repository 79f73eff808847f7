//! What stands at certain paths, wherever in history, and certain names: questions that the walk along
//! the deltas, which knows no paths, leaves open.
//!
//! Every tree is gone through once a path, but only what is new in it against the tree that it is
//! stored as a delta of, where that was met at the same path: a twentieth of the entries, or less.

use std::collections::{HashMap, HashSet};

use super::forest::NONE;
use super::graph::Graph;
use super::parts::{Entries, Mode};
use super::store::{Reader, Store, Type};
use super::trees::below;
use super::{Id, Problem, Reached};

/// How many pairs of a tree and a path to it are looked at; the largest repositories have some
/// millions of trees.
const MOST_SPOTS: usize = if cfg!(test) { 20_000 } else { 8_000_000 };

/// How many new names are looked at, those of a tree's bases included: git's chains of deltas are short,
/// and somebody else's may not be.
const MOST_NAMES: usize = 500_000_000;

/// How deep directories may be nested.
const DEEPEST: u32 = 4096;

/// In how many directories a name is told.
const MOST_TOLD: usize = 64;

/// Whether a path is asked for.
type Asks<'q> = dyn FnMut(&[u8]) -> bool + 'q;

/// What is asked of history beside what is in it.
pub struct Questions<'q> {
    /// Whether what stands at this path, with `/` between the parts, is wanted whatever it is;
    /// `None` if nothing is.
    pub path: Option<&'q mut Asks<'q>>,
    /// Whether there is something in a name: a file's or directory's, a ref's, a tag's, or somebody's
    /// with the address.
    pub name: &'q dyn Fn(&[u8]) -> bool,
}

/// A file at a path that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The blob.
    pub id: Id,
    /// Its path from the root.
    pub path: Vec<u8>,
    /// The oldest commit that has it there.
    pub commit: Id,
    /// What leads to it.
    pub reached: Reached,
}

/// A name in which there is something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub text: Vec<u8>,
    /// Of a file or a directory the path that ends with it.
    pub path: Option<Vec<u8>>,
    /// The oldest commit, or the tag, that says it; what a ref of this name points to.
    pub id: Id,
    /// What leads to it.
    pub reached: Reached,
}

/// A walk through the trees of commits, oldest first.
pub(super) struct Paths<'a, 'q> {
    graph: &'a Graph,
    asks: Option<&'q mut Asks<'q>>,
    /// How often a name, by its number, was told; `None` for those that are not.
    told: Vec<Option<usize>>,
    spots: HashSet<(u32, u32)>,
    /// Directories: the one above, the name, and how deep it is.
    directories: Vec<(u32, u32, u32)>,
    numbers: HashMap<(u32, u32), u32>,
    answers: HashMap<(u32, u32), bool>,
    /// The tree, the directory and the name of what is wanted.
    wanted: Vec<(u32, u32, u32, Id, Reached)>,
    names: Vec<Named>,
    /// How many more names may be looked at.
    left: usize,
    is_cut: bool,
}

impl<'a, 'q> Paths<'a, 'q> {
    /// `None` if nothing is asked.
    pub(super) fn new(graph: &'a Graph, questions: Questions<'q>) -> Option<Self> {
        let told: Vec<Option<usize>> = graph
            .all_names()
            .map(|name| (questions.name)(name).then_some(0))
            .collect();
        let asks = questions.path;
        if asks.is_none() && told.iter().all(Option::is_none) {
            return None;
        }
        Some(Self {
            graph,
            asks,
            told,
            spots: HashSet::new(),
            directories: vec![(NONE, NONE, 0)],
            numbers: HashMap::new(),
            answers: HashMap::new(),
            wanted: Vec::new(),
            names: Vec::new(),
            left: MOST_NAMES,
            is_cut: false,
        })
    }

    pub(super) fn visit(&mut self, root: u32, commit: Id, how: Reached) {
        let graph = self.graph;
        let mut open = vec![(root, 0)];
        while let Some((tree, directory)) = open.pop() {
            if tree == NONE || self.spots.contains(&(tree, directory)) {
                continue;
            }
            if self.spots.len() >= MOST_SPOTS {
                self.is_cut = true;
                return;
            }
            let mut at = tree;
            // no way is longer than there are trees
            for _ in 0..graph.tree_count() {
                for name in graph.new_in(at) {
                    if self.is_wanted(directory, *name, commit, how) {
                        self.wanted.push((tree, directory, *name, commit, how));
                    }
                }
                let looked_at = graph.new_in(at).len() + 1;
                let Some(left) = self.left.checked_sub(looked_at) else {
                    self.is_cut = true;
                    return;
                };
                self.left = left;
                at = graph.base_of(at);
                if at == NONE || self.spots.contains(&(at, directory)) {
                    break;
                }
            }
            self.spots.insert((tree, directory));
            for (child, name) in graph.trees_in(tree) {
                if let Some(inside) = self.step(directory, *name, commit, how) {
                    open.push((*child, inside));
                }
            }
        }
    }

    /// What was found. Reads the trees in which it stands.
    pub(super) fn finish(
        mut self,
        store: &Store,
        reader: &mut Reader,
    ) -> (Vec<Asked>, Vec<Named>, Option<Problem>) {
        let mut asked = Vec::new();
        let mut seen = HashSet::new();
        let wanted = std::mem::take(&mut self.wanted);
        for of_tree in wanted.chunk_by(|one, other| one.0 == other.0) {
            let tree = of_tree
                .first()
                .and_then(|first| self.graph.tree_id(first.0));
            let Some(Ok((Type::Tree, bytes))) = tree.map(|tree| store.read(&tree, reader)) else {
                continue;
            };
            let entries = Entries::of(&bytes, store.hash.len_in_bytes())
                .filter(|entry| entry.mode == Mode::Blob)
                .filter_map(|entry| Some((entry.name, Id::of_bytes(entry.id)?)));
            let entries: HashMap<&[u8], Id> = entries.collect();
            for &(_, directory, name, commit, reached) in of_tree {
                // what the base had may be gone in it
                let Some(&id) = entries.get(self.graph.name(name)) else {
                    continue;
                };
                if seen.insert((id, directory, name)) {
                    asked.push(Asked {
                        id,
                        path: self.path(directory, name),
                        commit,
                        reached,
                    });
                }
            }
        }
        let cut = Problem::Corrupt("more paths than can be looked at");
        (asked, self.names, self.is_cut.then_some(cut))
    }

    fn step(&mut self, directory: u32, name: u32, commit: Id, how: Reached) -> Option<u32> {
        if let Some(number) = self.numbers.get(&(directory, name)) {
            return Some(*number);
        }
        let depth = self.directories.get(directory as usize)?.2 + 1;
        if depth > DEEPEST {
            self.is_cut = true;
            return None;
        }
        let number = u32::try_from(self.directories.len()).ok()?;
        self.directories.push((directory, name, depth));
        self.numbers.insert((directory, name), number);
        self.tell(directory, name, commit, how);
        Some(number)
    }

    fn is_wanted(&mut self, directory: u32, name: u32, commit: Id, how: Reached) -> bool {
        if let Some(answer) = self.answers.get(&(directory, name)) {
            return *answer;
        }
        self.tell(directory, name, commit, how);
        let path = self.path(directory, name);
        let answer = self.asks.as_mut().is_some_and(|asks| asks(&path));
        self.answers.insert((directory, name), answer);
        answer
    }

    /// Tells of a name where it is met first.
    fn tell(&mut self, directory: u32, name: u32, commit: Id, how: Reached) {
        if let Some(Some(times)) = self.told.get_mut(name as usize)
            && *times < MOST_TOLD
        {
            *times += 1;
            self.names.push(Named {
                text: self.graph.name(name).to_vec(),
                path: Some(self.path(directory, name)),
                id: commit,
                reached: how,
            });
        }
    }

    fn path(&self, directory: u32, name: u32) -> Vec<u8> {
        let mut names = vec![name];
        let mut at = directory;
        while let Some(&(above, name, _)) = self.directories.get(at as usize)
            && name != NONE
        {
            names.push(name);
            at = above;
        }
        names.iter().rev().fold(Vec::new(), |path, name| {
            below(&path, self.graph.name(*name))
        })
    }
}
