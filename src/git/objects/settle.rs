//! Where findings come from: the first commit that has a blob, and all paths under which it stands.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::path::PathBuf;

use super::asked::Paths;
use super::forest::NONE;
use super::graph::Graph;
use super::hand_out::path_of;
use super::history::History;
use super::parts::{Commit, Tag, name_of, time_of};
use super::starts::Starts;
use super::store::{Reader, Type};
use super::trees::{Difference, below};
use super::{Asked, Id, Named, ObjectsError, Problem, Questions, Walked};

/// How many paths of a blob are told.
const MOST_PATHS: usize = 1024;

/// How many pairs of a directory and a path to it are looked at. A few trees can make up more paths
/// than there are atoms; beyond this number each tree is entered once.
const MOST_SPOTS: usize = if cfg!(test) { 20_000 } else { 2_000_000 };

/// How deep directories may be nested.
const DEEPEST: usize = 4096;

/// What leads to a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// A branch, a tag, a remote branch, `HEAD`, or another ref.
    Ref,
    /// The stash: its entries, what was staged and what was untracked then.
    Stash,
    /// A ref below `refs/notes/`.
    Notes,
    /// A reflog alone.
    Reflog,
    /// Nothing.
    Nothing,
}

/// Where a blob or a message stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The oldest commit that has it, parents before children; for a tag's message the tag.
    pub commit: Id,
    /// Its paths from the root, that of the first commit first; none for messages.
    pub paths: Vec<PathBuf>,
    /// Whether there may be more of them.
    pub has_more_paths: bool,
    /// Who wrote the commit, by their own account: the name without the address.
    pub author: String,
    /// When it was made by the committer's clock, in seconds since 1970.
    pub time: i64,
    /// What leads to it.
    pub reached: Reached,
}

/// What is known of a history's blobs and messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// What was asked for and stands in a commit. What is not here can be reached from none, not even
    /// from a dangling one.
    pub seen: HashMap<Id, Seen>,
    /// What stands at paths that were asked for.
    pub asked: Vec<Asked>,
    /// Names in which there is something.
    pub names: Vec<Named>,
    /// What is missing: objects that commits or trees name which can be reached from refs, and trees
    /// and commits that cannot be read.
    pub walked: Walked,
}

/// Where the walk through trees is: a tree, and the path to it.
type Spot = (u32, u32);

impl History<'_> {
    /// Finds the first commits and all paths of these blobs and messages, and whether anything is
    /// missing; and answers what else is asked. Reads every commit and tree once.
    pub fn settle(
        &self,
        ids: &HashSet<Id>,
        questions: Questions<'_>,
    ) -> Result<Settled, ObjectsError> {
        let graph = self.graph(ids);
        let mut reader = Reader::new(self.objects.limit);
        let mut settled = Settled {
            walked: graph.walked.clone(),
            ..Settled::default()
        };
        let numbers: HashMap<Id, usize> = graph
            .commits
            .iter()
            .enumerate()
            .map(|(number, commit)| (commit.id, number))
            .collect();
        let shallow = self.objects.shallow()?;
        let starts = self.starts(&mut reader, &mut settled.walked)?;
        let reached = reach(&graph, &numbers, &shallow, &starts, &mut settled.walked);
        for tag in starts.tags.iter().filter(|tag| ids.contains(tag)) {
            settled.seen.extend(self.seen_tag(*tag, &mut reader));
        }
        let order = oldest_first(&graph, &numbers, &shallow, &reached);
        settled.names = named_in_commits(&graph, &order, questions.name);
        let of_refs = starts.names.iter();
        settled.names.extend(
            of_refs
                .filter(|named| (questions.name)(&named.text))
                .cloned(),
        );
        let mut walk = Walk::new(&graph);
        let mut paths = Paths::new(&graph, questions);
        for (how, number) in order {
            let Some(commit) = graph.commits.get(number) else {
                continue;
            };
            if ids.contains(&commit.id) {
                walk.note(commit.id, commit.id, how, None);
            }
            if commit.tree == NONE && how < Reached::Reflog {
                settled
                    .walked
                    .problem(Some(commit.id), None, Problem::Missing);
            }
            walk.visit(commit.tree, commit.id, how);
            if let Some(paths) = &mut paths {
                paths.visit(commit.tree, commit.id, how);
            }
        }
        for (id, how) in starts.others {
            walk.note_other(self, ids, id, how, &mut reader);
            if let (Some(paths), Some(tree)) = (&mut paths, graph.tree_number(&id)) {
                paths.visit(tree, id, how);
            }
        }
        if let Some(paths) = paths {
            let (asked, names, problem) = paths.finish(&self.objects.store, &mut reader);
            settled.asked = asked;
            settled.names.extend(names);
            if let Some(problem) = problem {
                settled.walked.problem(None, None, problem);
            }
        }
        let mut missing: Vec<Id> = graph
            .missing
            .iter()
            .filter(|(tree, _)| walk.is_reached(*tree))
            .map(|(_, id)| *id)
            .collect();
        missing.sort_unstable();
        missing.dedup();
        for id in missing {
            settled.walked.problem(Some(id), None, Problem::Missing);
        }
        for (id, (commit, how, paths)) in walk.found {
            let (author, time) = self.author_of(&commit, &mut reader);
            let has_more_paths = walk.is_cut || paths.len() == MOST_PATHS;
            settled.seen.insert(
                id,
                Seen {
                    commit,
                    paths,
                    has_more_paths,
                    author,
                    time,
                    reached: how,
                },
            );
        }
        Ok(settled)
    }

    fn seen_tag(&self, tag: Id, reader: &mut Reader) -> Option<(Id, Seen)> {
        let (_, bytes) = self.objects.store.read(&tag, reader).ok()?;
        let parts = Tag::parse(&bytes)?;
        let seen = Seen {
            commit: tag,
            paths: Vec::new(),
            has_more_paths: false,
            author: name_of(parts.tagger),
            time: time_of(parts.tagger),
            reached: Reached::Ref,
        };
        Some((tag, seen))
    }

    fn author_of(&self, commit: &Id, reader: &mut Reader) -> (String, i64) {
        let object = self.objects.store.read(commit, reader).ok();
        object
            .and_then(|(_, bytes)| {
                let commit = Commit::parse(&bytes)?;
                Some((name_of(commit.author), commit.time))
            })
            .unwrap_or_default()
    }
}

/// What leads to each commit, and whether what does is there.
fn reach(
    graph: &Graph,
    numbers: &HashMap<Id, usize>,
    shallow: &HashSet<Id>,
    starts: &Starts,
    walked: &mut Walked,
) -> Vec<Option<Reached>> {
    let mut reached: Vec<Option<Reached>> = vec![None; graph.commits.len()];
    for (how, start) in &starts.commits {
        let mut open = vec![*start];
        while let Some(id) = open.pop() {
            let Some((&number, commit)) = numbers
                .get(&id)
                .and_then(|number| Some((number, graph.commits.get(*number)?)))
            else {
                if *how < Reached::Reflog {
                    walked.problem(Some(id), None, Problem::Missing);
                }
                continue;
            };
            let Some(mark) = reached.get_mut(number) else {
                continue;
            };
            if mark.is_none() {
                *mark = Some(*how);
                if !shallow.contains(&id) {
                    open.extend_from_slice(&commit.parents);
                }
            }
        }
    }
    reached
}

/// The names and addresses of those who wrote and made commits in which there is something, each with
/// the oldest commit that says so.
fn named_in_commits(
    graph: &Graph,
    order: &[(Reached, usize)],
    is_something: &dyn Fn(&[u8]) -> bool,
) -> Vec<Named> {
    let mut is_open: Vec<bool> = (0..NONE)
        .take(graph.ident_count())
        .map(|number| is_something(graph.ident(number)))
        .collect();
    let mut names = Vec::new();
    if !is_open.contains(&true) {
        return names;
    }
    for (reached, number) in order {
        let Some(commit) = graph.commits.get(*number) else {
            continue;
        };
        for ident in commit.by {
            if let Some(is_open) = is_open.get_mut(ident as usize)
                && std::mem::take(is_open)
            {
                names.push(Named {
                    text: graph.ident(ident).to_vec(),
                    path: None,
                    id: commit.id,
                    reached: *reached,
                });
            }
        }
    }
    names
}

/// All commits, parents before children and else by the clock; those that more leads to come first.
fn oldest_first(
    graph: &Graph,
    numbers: &HashMap<Id, usize>,
    shallow: &HashSet<Id>,
    reached: &[Option<Reached>],
) -> Vec<(Reached, usize)> {
    let mut waits = vec![0_usize; graph.commits.len()];
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); graph.commits.len()];
    for (number, commit) in graph.commits.iter().enumerate() {
        if shallow.contains(&commit.id) {
            continue;
        }
        for parent in commit.parents.iter().filter_map(|id| numbers.get(id)) {
            if let (Some(children), Some(waits)) =
                (children.get_mut(*parent), waits.get_mut(number))
            {
                children.push(number);
                *waits += 1;
            }
        }
    }
    let key = |number: usize| {
        let how = reached.get(number).copied().flatten();
        let time = graph.commits.get(number).map_or(0, |commit| commit.time);
        Reverse((how.unwrap_or(Reached::Nothing), time, number))
    };
    let mut open: BinaryHeap<_> = (0..graph.commits.len())
        .filter(|number| waits.get(*number) == Some(&0))
        .map(key)
        .collect();
    let mut order = Vec::with_capacity(graph.commits.len());
    while let Some(Reverse((how, _, number))) = open.pop() {
        order.push((how, number));
        for child in children.get(number).into_iter().flatten() {
            if let Some(waits) = waits.get_mut(*child) {
                *waits -= 1;
                if *waits == 0 {
                    open.push(key(*child));
                }
            }
        }
    }
    order.sort_by_key(|(how, _)| *how);
    order
}

/// A walk through the trees of commits, oldest first.
struct Walk<'a> {
    graph: &'a Graph,
    /// Trees in or below which something wanted stands: they are entered once for each path.
    is_hot: Vec<bool>,
    /// The others are entered once.
    is_done: Vec<bool>,
    /// Trees that refs lead to.
    is_reached: Vec<bool>,
    spots: HashSet<Spot>,
    /// Whether there were too many of them.
    is_cut: bool,
    /// Paths of directories: the one above, and the name.
    paths: Vec<(u32, u32)>,
    path_numbers: HashMap<(u32, u32), u32>,
    found: HashMap<Id, (Id, Reached, Vec<PathBuf>)>,
}

impl<'a> Walk<'a> {
    fn new(graph: &'a Graph) -> Self {
        let count = graph.tree_count();
        Self {
            graph,
            is_hot: hot(graph),
            is_done: vec![false; count],
            is_reached: vec![false; count],
            spots: HashSet::new(),
            is_cut: false,
            paths: vec![(NONE, NONE)],
            path_numbers: HashMap::new(),
            found: HashMap::new(),
        }
    }

    fn is_reached(&self, tree: u32) -> bool {
        self.is_reached.get(tree as usize).copied().unwrap_or(false)
    }

    fn visit(&mut self, root: u32, commit: Id, how: Reached) {
        let graph = self.graph;
        let mut open = vec![(root, 0, 0)];
        while let Some((tree, path, depth)) = open.pop() {
            if tree == NONE || depth > DEEPEST || !self.enter(tree, path, how) {
                continue;
            }
            for (blob, name) in graph.wanted_in(tree) {
                let path = self.path(path, *name);
                self.note(*blob, commit, how, Some(path));
            }
            for (child, name) in graph.trees_in(tree) {
                // a path is worth its memory only where something is
                let is_hot = self.is_hot.get(*child as usize).copied().unwrap_or(false);
                let path = if is_hot { self.step(path, *name) } else { 0 };
                open.push((*child, path, depth + 1));
            }
        }
    }

    /// Whether a tree is new, at its path if that matters.
    fn enter(&mut self, tree: u32, path: u32, how: Reached) -> bool {
        let at = tree as usize;
        if how < Reached::Reflog
            && let Some(bit) = self.is_reached.get_mut(at)
        {
            *bit = true;
        }
        let is_hot = self.is_hot.get(at).copied().unwrap_or(false);
        let Some(is_done) = self.is_done.get_mut(at) else {
            return false;
        };
        let was_done = std::mem::replace(is_done, true);
        if !is_hot {
            return !was_done;
        }
        if self.spots.len() < MOST_SPOTS {
            return self.spots.insert((tree, path));
        }
        self.is_cut = true;
        !was_done
    }

    fn step(&mut self, path: u32, name: u32) -> u32 {
        let next = u32::try_from(self.paths.len()).unwrap_or(0);
        let number = *self.path_numbers.entry((path, name)).or_insert(next);
        if number == next {
            self.paths.push((path, name));
        }
        number
    }

    fn path(&self, directory: u32, name: u32) -> PathBuf {
        let mut names = vec![name];
        let mut at = directory;
        while let Some(&(above, name)) = self.paths.get(at as usize)
            && name != NONE
        {
            names.push(name);
            at = above;
        }
        let mut path = Vec::new();
        for name in names.iter().rev() {
            path = below(&path, self.graph.name(*name));
        }
        path_of(&path)
    }

    /// Notes a blob or a tree to which a ref points.
    fn note_other(
        &mut self,
        history: &History<'_>,
        ids: &HashSet<Id>,
        other: Id,
        how: Reached,
        reader: &mut Reader,
    ) {
        if ids.contains(&other) {
            self.note(other, other, how, None);
        }
        let mut inside = Difference::default();
        let store = &history.objects.store;
        if matches!(store.read(&other, reader), Ok((Type::Tree, _))) {
            store.difference(other, &[], &[], reader, &mut inside);
        }
        for file in inside.new.iter().filter(|file| ids.contains(&file.id)) {
            self.note(file.id, other, how, Some(path_of(&file.path)));
        }
    }

    fn note(&mut self, id: Id, commit: Id, how: Reached, path: Option<PathBuf>) {
        let (_, _, paths) = self
            .found
            .entry(id)
            .or_insert_with(|| (commit, how, Vec::new()));
        if let Some(path) = path
            && paths.len() < MOST_PATHS
            && !paths.contains(&path)
        {
            paths.push(path);
        }
    }
}

/// The trees in or below which something wanted stands.
fn hot(graph: &Graph) -> Vec<bool> {
    let count = graph.tree_count();
    let trees = || (0..NONE).take(count);
    let mut is_hot: Vec<bool> = trees()
        .map(|tree| !graph.wanted_in(tree).is_empty())
        .collect();
    let mut open: Vec<u32> = trees()
        .filter(|tree| is_hot.get(*tree as usize).copied().unwrap_or(false))
        .collect();
    if open.is_empty() {
        return is_hot;
    }
    // who stands in whom, counted, then filled in
    let mut starts = vec![0_u32; count + 1];
    for (child, _) in trees().flat_map(|tree| graph.trees_in(tree)) {
        if let Some(start) = starts.get_mut(*child as usize + 1) {
            *start += 1;
        }
    }
    let mut sum = 0;
    for start in &mut starts {
        sum += *start;
        *start = sum;
    }
    let mut above = vec![NONE; sum as usize];
    let mut next = starts.clone();
    for tree in trees() {
        for (child, _) in graph.trees_in(tree) {
            if let Some(at) = next.get_mut(*child as usize)
                && let Some(slot) = above.get_mut(*at as usize)
            {
                *slot = tree;
                *at += 1;
            }
        }
    }
    while let Some(tree) = open.pop() {
        let bounds = starts.get(tree as usize).zip(starts.get(tree as usize + 1));
        let range = bounds.and_then(|(start, end)| above.get(*start as usize..*end as usize));
        for parent in range.into_iter().flatten() {
            if let Some(bit) = is_hot.get_mut(*parent as usize)
                && !*bit
            {
                *bit = true;
                open.push(*parent);
            }
        }
    }
    is_hot
}
