//! The commits and trees of a repository as a graph: what can be reached, what is missing, and where
//! blobs first came in.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Mutex;

use super::descent::needed;
use super::forest::{NONE, Shape, id_at};
use super::history::History;
use super::parts::{Commit, Entries, Mode};
use super::store::Type;
use super::texts::ident_of;
use super::{Id, Problem, Walked};

/// A commit.
pub(super) struct Node {
    pub(super) id: Id,
    pub(super) parents: Vec<Id>,
    /// The tree's number, or [`NONE`] if it is missing.
    pub(super) tree: u32,
    pub(super) time: i64,
    /// Who wrote it and who made it, by the numbers of [`Graph::idents`].
    pub(super) by: [u32; 2],
}

/// What stands in a tree and leads on: `(child, name)`.
type Edge = (u32, u32);

/// What is new in a tree against its base: in which part the names are, and which of it; and the base.
#[derive(Clone, Copy)]
struct New {
    part: u32,
    start: u32,
    end: u32,
    base: u32,
}

/// Commits and trees.
pub(super) struct Graph {
    pub(super) commits: Vec<Node>,
    /// For each tree where its edges are: in which part, and which of it.
    edges_at: Vec<(u32, u32, u32)>,
    edges: Vec<Vec<Edge>>,
    new_at: Vec<New>,
    new: Vec<Vec<u32>>,
    table: Table,
    /// Names and addresses of who wrote and made commits.
    idents: Names,
    /// For each tree the wanted blobs in it, by their names.
    hits: HashMap<u32, Vec<(Id, u32)>>,
    names: Names,
    /// What trees name and is not there: the tree, and the object.
    pub(super) missing: Vec<(u32, Id)>,
    /// Trees and commits that cannot be read.
    pub(super) walked: Walked,
}

impl Graph {
    /// The trees in a tree, with the numbers of their names.
    pub(super) fn trees_in(&self, tree: u32) -> &[Edge] {
        let at = self.edges_at.get(tree as usize);
        at.and_then(|&(part, start, end)| {
            self.edges
                .get(part as usize)?
                .get(start as usize..end as usize)
        })
        .unwrap_or_default()
    }

    /// The wanted blobs in a tree, with the numbers of their names.
    pub(super) fn wanted_in(&self, tree: u32) -> &[(Id, u32)] {
        self.hits.get(&tree).map_or(&[], Vec::as_slice)
    }

    /// How many trees there are.
    pub(super) fn tree_count(&self) -> usize {
        self.edges_at.len()
    }

    /// The numbers of the names of files and submodules that are new in a tree: that are other ones
    /// than in its base. All, where it has none.
    pub(super) fn new_in(&self, tree: u32) -> &[u32] {
        let at = self.new_at.get(tree as usize);
        at.and_then(|new| {
            self.new
                .get(new.part as usize)?
                .get(new.start as usize..new.end as usize)
        })
        .unwrap_or_default()
    }

    /// The tree that a tree is stored as a delta of, or [`NONE`].
    pub(super) fn base_of(&self, tree: u32) -> u32 {
        self.new_at.get(tree as usize).map_or(NONE, |new| new.base)
    }

    /// A tree's number.
    pub(super) fn tree_number(&self, tree: &Id) -> Option<u32> {
        self.table.number(tree.as_bytes())
    }

    /// A tree's id.
    pub(super) fn tree_id(&self, tree: u32) -> Option<Id> {
        self.table.id(tree)
    }

    /// Every name that is a part of a path, by their numbers.
    pub(super) fn all_names(&self) -> impl Iterator<Item = &[u8]> {
        self.names.texts.iter().map(|name| &**name)
    }

    /// Who wrote or made a commit: name and address.
    pub(super) fn ident(&self, number: u32) -> &[u8] {
        let ident = self.idents.texts.get(number as usize);
        ident.map_or(&[], |ident| ident)
    }

    /// How many of them there are.
    pub(super) fn ident_count(&self) -> usize {
        self.idents.texts.len()
    }

    /// A name by its number.
    pub(super) fn name(&self, number: u32) -> &[u8] {
        self.names
            .texts
            .get(number as usize)
            .map_or(&[], |name| name)
    }
}

/// Names, each with a number.
#[derive(Default)]
struct Names {
    numbers: HashMap<Box<[u8]>, u32>,
    texts: Vec<Box<[u8]>>,
}

impl Names {
    fn number(&mut self, name: &[u8]) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u32::try_from(self.texts.len()).unwrap_or(NONE);
        self.numbers.insert(name.into(), number);
        self.texts.push(name.into());
        number
    }

    /// The numbers here of all names of another list.
    fn take_over(&mut self, other: &Self) -> Vec<u32> {
        other.texts.iter().map(|name| self.number(name)).collect()
    }
}

/// All trees by their ids: a hash table whose hash is the id itself.
struct Table {
    slots: Vec<u32>,
    ids: Vec<u8>,
    length: usize,
}

impl Table {
    fn of(ids: &[Id], length: usize) -> Self {
        let size = (ids.len() * 2).next_power_of_two().max(2);
        let mut table = Self {
            slots: vec![NONE; size],
            ids: Vec::with_capacity(ids.len() * length),
            length,
        };
        for (number, id) in (0..NONE).zip(ids) {
            table.ids.extend_from_slice(id.as_bytes());
            let mut slot = table.slot(id.as_bytes());
            loop {
                match table.slots.get_mut(slot) {
                    Some(free) if *free == NONE => {
                        *free = number;
                        break;
                    }
                    Some(_) => slot = (slot + 1) & (size - 1),
                    None => break,
                }
            }
        }
        table
    }

    fn id(&self, number: u32) -> Option<Id> {
        let start = number as usize * self.length;
        Id::of_bytes(self.ids.get(start..start + self.length)?)
    }

    fn slot(&self, id: &[u8]) -> usize {
        usize::try_from(Id::hash(id) & (self.slots.len() as u64 - 1)).unwrap_or(0)
    }

    /// The number of the first of these ids that is this one.
    fn number(&self, id: &[u8]) -> Option<u32> {
        let mut slot = self.slot(id);
        loop {
            let number = *self.slots.get(slot)?;
            if number == NONE {
                return None;
            }
            let start = number as usize * self.length;
            if self.ids.get(start..start + self.length) == Some(id) {
                return Some(number);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }
}

/// A commit: its id, its parents, its tree, its time, and who wrote and made it.
type CommitOf = (Id, Vec<Id>, Id, i64, [u32; 2]);

/// What one thread gathers.
#[derive(Default)]
struct Part {
    commits: Vec<CommitOf>,
    edges: Vec<Edge>,
    /// The tree, where its edges begin and end, where what is new begins and ends, and its base.
    trees: Vec<(u32, u32, u32, [u32; 3])>,
    new: Vec<u32>,
    idents: Names,
    hits: Vec<(u32, Id, u32)>,
    names: Names,
    missing: Vec<(u32, Id)>,
    walked: Walked,
}

/// What is asked of each tree and commit.
struct Gatherer<'a> {
    history: &'a History<'a>,
    trees: Table,
    wanted: &'a HashSet<Id>,
    /// By the first two bytes of an id whether any wanted one begins so: most entries do not.
    may_be_wanted: Vec<bool>,
}

impl History<'_> {
    /// Reads all commits and trees.
    pub(super) fn graph(&self, wanted: &HashSet<Id>) -> Graph {
        let ids = self.tree_ids();
        let count = ids.len();
        let gatherer = Gatherer {
            history: self,
            trees: Table::of(&ids, self.objects.place.hash.len_in_bytes()),
            wanted,
            may_be_wanted: first_bytes(wanted),
        };
        drop(ids);
        let parts: Mutex<Vec<Part>> = Mutex::new(Vec::new());
        let take = || {
            parts
                .lock()
                .ok()
                .and_then(|mut parts| parts.pop())
                .unwrap_or_default()
        };
        let give = |part| {
            if let Ok(mut parts) = parts.lock() {
                parts.push(part);
            }
        };
        let mut walked = Walked::default();
        for (forest, repeated) in self.forests.iter().zip(&self.repeated) {
            let Some(pack) = self.objects.store.packs.get(forest.pack) else {
                continue;
            };
            let is_asked = |shape| {
                matches!(
                    shape,
                    Shape::Known(Type::Tree | Type::Commit) | Shape::Elsewhere
                )
            };
            let is_needed = needed(forest, |_, node| {
                is_asked(node.shape) && !repeated.contains(&node.position)
            });
            walked.add(self.descend(forest, &is_needed, true, &|made, _| {
                if let Some(id) = id_at(pack, made.node.position)
                    && !repeated.contains(&made.node.position)
                {
                    let mut part = take();
                    let base = forest.node(made.node.base);
                    let base = base.and_then(|base| id_at(pack, base.position));
                    let new = made.new.zip(base);
                    gatherer.gather(id, made.kind, made.bytes, new, &mut part);
                    give(part);
                }
            }));
        }
        walked.add(
            self.objects
                .on_all_cores(&self.loose, |id, reader, walked| {
                    match self.objects.store.read(id, reader) {
                        Ok((kind, bytes)) => {
                            let mut part = take();
                            gatherer.gather(*id, kind, &bytes, None, &mut part);
                            give(part);
                        }
                        Err(problem) => walked.problem(Some(*id), None, problem),
                    }
                }),
        );
        let parts = parts.into_inner().unwrap_or_default();
        join(parts, count, gatherer.trees, walked)
    }

    /// The ids of all trees, and of objects that may be trees.
    fn tree_ids(&self) -> Vec<Id> {
        let mut ids = Vec::new();
        for (forest, repeated) in self.forests.iter().zip(&self.repeated) {
            let Some(pack) = self.objects.store.packs.get(forest.pack) else {
                continue;
            };
            let is_tree = |shape| matches!(shape, Shape::Known(Type::Tree) | Shape::Elsewhere);
            let trees = forest
                .nodes
                .iter()
                .filter(|node| is_tree(node.shape) && !repeated.contains(&node.position));
            ids.extend(trees.filter_map(|node| id_at(pack, node.position)));
        }
        // what they are is known when they are read
        ids.extend_from_slice(&self.loose);
        ids
    }
}

impl Gatherer<'_> {
    fn gather(
        &self,
        id: Id,
        kind: Type,
        bytes: &[u8],
        new: Option<(&[Range<usize>], Id)>,
        part: &mut Part,
    ) {
        match kind {
            Type::Tree => self.gather_tree(id, bytes, new, part),
            Type::Commit => match Commit::parse(bytes) {
                Some(commit) => {
                    let by = [commit.author, commit.committer]
                        .map(|who| part.idents.number(ident_of(who)));
                    part.commits
                        .push((id, commit.parents, commit.tree, commit.time, by));
                }
                None => part
                    .walked
                    .problem(Some(id), None, Problem::Corrupt("no commit")),
            },
            Type::Blob | Type::Tag => {}
        }
    }

    fn gather_tree(
        &self,
        id: Id,
        bytes: &[u8],
        new: Option<(&[Range<usize>], Id)>,
        part: &mut Part,
    ) {
        let base = new.and_then(|(_, base)| self.trees.number(base.as_bytes()));
        // what is new against an unknown base is not known to be elsewhere
        let new = new.filter(|_| base.is_some()).map(|(ranges, _)| ranges);
        let Some(number) = self.trees.number(id.as_bytes()) else {
            return;
        };
        let start = u32::try_from(part.edges.len()).unwrap_or(NONE);
        let new_start = u32::try_from(part.new.len()).unwrap_or(NONE);
        let mut ranges = new.map(<[_]>::iter);
        let mut range = ranges.as_mut().and_then(Iterator::next);
        let mut entries = Entries::of(bytes, self.trees.length);
        let mut at = 0;
        while let Some(entry) = entries.next() {
            let begin = at;
            at = bytes.len() - entries.left();
            while let Some(passed) = range
                && passed.end <= begin
            {
                range = ranges.as_mut().and_then(Iterator::next);
            }
            // an entry that the base has as well was looked for there
            let is_new = new.is_none() || range.is_some_and(|range| range.start < at);
            match entry.mode {
                Mode::Gitlink if is_new => part.new.push(part.names.number(entry.name)),
                Mode::Gitlink => {}
                Mode::Tree => match self.trees.number(entry.id) {
                    Some(child) => part.edges.push((child, part.names.number(entry.name))),
                    None => part
                        .missing
                        .extend(Id::of_bytes(entry.id).map(|id| (number, id))),
                },
                Mode::Blob => {
                    if self.may_be_wanted(entry.id)
                        && let Some(id) = Id::of_bytes(entry.id)
                        && self.wanted.contains(&id)
                    {
                        let name = part.names.number(entry.name);
                        part.hits.push((number, id, name));
                    }
                    if is_new {
                        part.new.push(part.names.number(entry.name));
                    }
                    if is_new
                        && let Some(id) = Id::of_bytes(entry.id)
                        && !self.history.objects.store.has(&id)
                    {
                        part.missing.push((number, id));
                    }
                }
            }
        }
        if entries.is_broken() {
            let problem = Problem::Corrupt("a tree that cannot be read");
            part.walked.problem(Some(id), None, problem);
        }
        let end = u32::try_from(part.edges.len()).unwrap_or(NONE);
        let new_end = u32::try_from(part.new.len()).unwrap_or(NONE);
        let new = [new_start, new_end, base.unwrap_or(NONE)];
        part.trees.push((number, start, end, new));
    }

    fn may_be_wanted(&self, id: &[u8]) -> bool {
        let first = id
            .first_chunk::<2>()
            .map(|first| u16::from_le_bytes(*first));
        first.is_some_and(|first| {
            self.may_be_wanted
                .get(usize::from(first))
                .copied()
                .unwrap_or(false)
        })
    }
}

fn first_bytes(wanted: &HashSet<Id>) -> Vec<bool> {
    let mut begins = vec![false; 1 << 16];
    for id in wanted {
        let first = id.as_bytes().first_chunk::<2>();
        let first = first.map(|first| usize::from(u16::from_le_bytes(*first)));
        if let Some(bit) = first.and_then(|first| begins.get_mut(first)) {
            *bit = true;
        }
    }
    begins
}

/// One graph of what several threads gathered.
fn join(parts: Vec<Part>, trees: usize, table: Table, walked: Walked) -> Graph {
    let nothing = New {
        part: NONE,
        start: 0,
        end: 0,
        base: NONE,
    };
    let mut graph = Graph {
        new_at: vec![nothing; trees],
        new: Vec::new(),
        table,
        idents: Names::default(),
        commits: Vec::new(),
        edges_at: vec![(NONE, 0, 0); trees],
        edges: Vec::new(),
        hits: HashMap::new(),
        names: Names::default(),
        missing: Vec::new(),
        walked,
    };
    for (number, mut part) in (0..).zip(parts) {
        let names = graph.names.take_over(&part.names);
        let idents = graph.idents.take_over(&part.idents);
        let name = |own: u32| names.get(own as usize).copied().unwrap_or(NONE);
        let ident = |own: u32| idents.get(own as usize).copied().unwrap_or(NONE);
        for new in &mut part.new {
            *new = name(*new);
        }
        for edge in &mut part.edges {
            edge.1 = name(edge.1);
        }
        for (tree, start, end, [new_start, new_end, base]) in part.trees {
            if let Some(at) = graph.edges_at.get_mut(tree as usize) {
                *at = (number, start, end);
            }
            if let Some(at) = graph.new_at.get_mut(tree as usize) {
                *at = New {
                    part: number,
                    start: new_start,
                    end: new_end,
                    base,
                };
            }
        }
        for (tree, id, own) in part.hits {
            graph.hits.entry(tree).or_default().push((id, name(own)));
        }
        graph.edges.push(part.edges);
        graph.new.push(part.new);
        graph.missing.extend(part.missing);
        graph.walked.add(part.walked);
        for (id, parents, tree, time, by) in part.commits {
            let tree_number = graph.table.number(tree.as_bytes());
            graph.commits.push(Node {
                id,
                parents,
                tree: tree_number.unwrap_or(NONE),
                time,
                by: by.map(ident),
            });
        }
    }
    graph
}
