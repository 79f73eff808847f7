//! A pack as the forest that its deltas make: each entry stands below the one that it is a delta of.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use gix_pack::data::entry::Header;

use super::hand_out::threads;
use super::store::{Pack, Type, type_of};
use super::{Id, ObjectsError};

/// No entry.
pub(super) const NONE: u32 = u32::MAX;

/// How many headers a thread reads at a time.
const PIECE: usize = 8192;

/// What an entry is, as far as its pack tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// An object of this type, or deltas that come to one.
    Known(Type),
    /// A delta of an object that is not in this pack.
    Elsewhere,
    /// A delta of nothing, or of itself.
    Broken,
    /// Not looked at yet.
    Open,
}

/// An entry of a pack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    /// Where it begins.
    pub(super) offset: u64,
    /// Its place in the pack's index.
    pub(super) position: u32,
    /// The entry that it is a delta of.
    pub(super) base: u32,
    /// The first of the deltas of it, and the next delta of its own base.
    pub(super) first_child: u32,
    next: u32,
    /// How many entries hang on it, itself included.
    pub(super) weight: u32,
    /// What it is.
    pub(super) shape: Shape,
}

/// All entries of a pack.
pub(super) struct Forest {
    /// The number of the pack.
    pub(super) pack: usize,
    /// In the order in which they stand in the pack.
    pub(super) nodes: Vec<Node>,
}

impl Forest {
    /// Reads the headers of all entries.
    pub(super) fn grow(number: usize, pack: &Pack) -> Result<Self, ObjectsError> {
        let broken = |what| ObjectsError::corrupt(&pack.path, what);
        let index = pack
            .index()
            .ok_or_else(|| broken("its index cannot be read"))?;
        let data = pack
            .data()
            .ok_or_else(|| broken("the pack cannot be read"))?;
        let mut nodes: Vec<Node> = (0..index.num_objects())
            .map(|position| Node {
                offset: index.pack_offset_at_index(position),
                position,
                base: NONE,
                first_child: NONE,
                next: NONE,
                weight: 1,
                shape: Shape::Open,
            })
            .collect();
        nodes.sort_unstable_by_key(|node| node.offset);
        let offsets: Vec<u64> = nodes.iter().map(|node| node.offset).collect();
        let at = |offset: u64| offsets.binary_search(&offset).ok();
        let by_id = |id: gix_hash::ObjectId| {
            let position = index.lookup(id)?;
            at(index.pack_offset_at_index(position))
        };
        let read = |node: &mut Node| {
            let Ok(entry) = data.entry(node.offset) else {
                node.shape = Shape::Broken;
                return;
            };
            let base = match entry.header {
                Header::OfsDelta { base_distance } => {
                    let base = entry.checked_base_pack_offset(base_distance).and_then(at);
                    base.ok_or(Shape::Broken)
                }
                Header::RefDelta { base_id } => by_id(base_id).ok_or(Shape::Elsewhere),
                header => Err(type_of(header).map_or(Shape::Broken, Shape::Known)),
            };
            match base.map(u32::try_from) {
                Ok(Ok(base)) => node.base = base,
                Ok(Err(_)) => node.shape = Shape::Broken,
                Err(shape) => node.shape = shape,
            }
        };
        on_pieces(&mut nodes, &read);
        let mut forest = Self {
            pack: number,
            nodes,
        };
        forest.name_shapes();
        forest.link();
        Ok(forest)
    }

    /// An entry.
    pub(super) fn node(&self, at: u32) -> Option<&Node> {
        self.nodes.get(at as usize)
    }

    /// The deltas of an entry, in the order in which they are to be taken from the end: the one on
    /// which most hangs comes last, when its base is needed no more. So no more bases are held at
    /// once than the pack's size has binary digits.
    pub(super) fn children(&self, at: u32) -> Vec<u32> {
        let mut found = Vec::new();
        let mut next = self.node(at).map_or(NONE, |node| node.first_child);
        while let Some(node) = self.node(next) {
            found.push(next);
            next = node.next;
        }
        let weight = |at: &u32| self.node(*at).map_or(0, |node| node.weight);
        if let Some(heaviest) = (0..found.len()).max_by_key(|at| found.get(*at).map(weight)) {
            found.swap(0, heaviest);
        }
        found
    }

    /// The entries that are deltas of none here, and those whose base is elsewhere.
    pub(super) fn roots(&self) -> impl Iterator<Item = u32> {
        (0..).zip(&self.nodes).filter_map(|(at, node)| {
            let is_root = node.base == NONE && node.shape != Shape::Broken;
            is_root.then_some(at)
        })
    }

    /// Tells deltas what they come to, following their bases. Entries on a circle are broken.
    fn name_shapes(&mut self) {
        let mut way = Vec::new();
        for start in 0..self.nodes.len() {
            let mut at = start;
            let shape = loop {
                match self.nodes.get_mut(at) {
                    Some(node) if node.shape == Shape::Open => {
                        // what comes here again has gone in a circle
                        node.shape = Shape::Broken;
                        way.push(at);
                        at = node.base as usize;
                    }
                    Some(node) => break node.shape,
                    None => break Shape::Broken,
                }
            };
            for at in way.drain(..) {
                if let Some(node) = self.nodes.get_mut(at) {
                    node.shape = shape;
                }
            }
        }
    }

    /// Hangs the deltas on their bases. Bases stand before their deltas, but for those that are named
    /// by id, whose weight may be too small then, which costs memory only.
    fn link(&mut self) {
        for at in (0..self.nodes.len()).rev() {
            let Some(&node) = self.nodes.get(at) else {
                continue;
            };
            if node.shape == Shape::Broken {
                continue;
            }
            if let Some(base) = self.nodes.get_mut(node.base as usize) {
                let next = base.first_child;
                base.first_child = u32::try_from(at).unwrap_or(NONE);
                base.weight = base.weight.saturating_add(node.weight);
                if let Some(node) = self.nodes.get_mut(at) {
                    node.next = next;
                }
            }
        }
    }

    /// Calls `each` with an entry and all bases below it, until it breaks.
    pub(super) fn climb(&self, from: u32, mut each: impl FnMut(u32) -> ControlFlow<()>) {
        let mut at = from;
        // no way is longer than the pack
        for _ in 0..self.nodes.len() {
            let Some(node) = self.node(at) else { break };
            if each(at).is_break() {
                break;
            }
            at = node.base;
        }
    }
}

/// The id of an entry of a pack.
pub(super) fn id_at(pack: &Pack, position: u32) -> Option<Id> {
    let index = pack.index()?;
    (position < index.num_objects()).then(|| Id(index.oid_at_index(position).to_owned()))
}

fn on_pieces(nodes: &mut [Node], work: &(impl Fn(&mut Node) + Sync)) {
    let threads = threads().min(nodes.len() / PIECE);
    if threads < 2 {
        return nodes.iter_mut().for_each(work);
    }
    let length = nodes.len().div_ceil(threads);
    thread::scope(|scope| {
        for piece in nodes.chunks_mut(length) {
            scope.spawn(move || piece.iter_mut().for_each(work));
        }
    });
}

/// Numbers that several threads take, each once.
pub(super) struct Queue {
    next: AtomicUsize,
    end: usize,
    piece: usize,
}

impl Queue {
    /// From 0 up to `end`, `piece` of them at a time.
    pub(super) fn new(end: usize, piece: usize) -> Self {
        Self {
            next: AtomicUsize::new(0),
            end,
            piece,
        }
    }

    /// The next ones; `None` when all are taken.
    pub(super) fn take(&self) -> Option<std::ops::Range<usize>> {
        let start = self.next.fetch_add(self.piece, Ordering::Relaxed);
        (start < self.end).then(|| start..(start + self.piece).min(self.end))
    }
}
