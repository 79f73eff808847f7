//! Going through a pack's forest from its roots to its leaves, with each object made once.

use std::ops::Range;
use std::sync::Arc;

use super::forest::{Forest, NONE, Node, Shape};
use super::store::{Reader, Store, Type};
use super::{Problem, delta, large};

/// Bytes of bases that one thread holds. Beyond it what hangs on them is read one by one.
const HELD: usize = 96 << 20;

/// How many buffers are kept for the next objects, and how large.
const POOLED: usize = 32;
const LARGEST_POOLED: usize = 4 << 20;

/// An object that was made.
pub(super) struct Made<'a> {
    /// Where its entry is.
    pub(super) at: u32,
    /// Its entry.
    pub(super) node: &'a Node,
    /// What it is.
    pub(super) kind: Type,
    /// Its bytes.
    pub(super) bytes: &'a [u8],
    /// What is new in it against its base; `None` for all.
    pub(super) new: Option<&'a [Range<usize>]>,
}

/// Whether an entry is to be made: because it is wanted, or for its deltas' sake.
pub(super) type Needed<'a> = dyn Fn(u32) -> bool + Sync + 'a;

/// One thread's way through a forest.
pub(super) struct Descent<'a> {
    pub(super) store: &'a Store,
    pub(super) forest: &'a Forest,
    /// Entries that need not be made, with all that hangs on them.
    pub(super) is_needed: &'a Needed<'a>,
    /// Whether what is new in deltas is wanted.
    pub(super) compares: bool,
    pub(super) reader: Reader,
    pool: Vec<Vec<u8>>,
    delta: Vec<u8>,
    new: Vec<Range<usize>>,
}

struct Open {
    bytes: Vec<u8>,
    children: Vec<u32>,
}

impl<'a> Descent<'a> {
    pub(super) fn new(
        store: &'a Store,
        forest: &'a Forest,
        is_needed: &'a Needed<'a>,
        compares: bool,
        limit: u64,
    ) -> Self {
        Self {
            store,
            forest,
            is_needed,
            compares,
            reader: Reader::of_worker(limit),
            pool: Vec::new(),
            delta: Vec::new(),
            new: Vec::new(),
        }
    }

    /// Makes a root and all that hangs on it. `made` gets each object, `failed` each that could not be
    /// made, for which nothing below it can be.
    pub(super) fn descend(
        &mut self,
        root: u32,
        made: &mut dyn FnMut(&Made<'_>),
        failed: &mut dyn FnMut(u32, Problem),
    ) {
        self.descend_from(root, made, failed);
        self.reader.is_done();
    }

    fn descend_from(
        &mut self,
        root: u32,
        made: &mut dyn FnMut(&Made<'_>),
        failed: &mut dyn FnMut(u32, Problem),
    ) {
        if !(self.is_needed)(root) {
            return;
        }
        let forest = self.forest;
        let Some(node) = forest.node(root) else {
            return;
        };
        let (kind, bytes) = match self.make_root(node) {
            Ok(object) => object,
            Err(problem) => return self.fail_below(root, problem, failed),
        };
        made(&Made {
            at: root,
            node,
            kind,
            bytes: &bytes,
            new: None,
        });
        let mut held = bytes.len();
        let mut open = vec![Open {
            bytes,
            children: self.needed_children(root),
        }];
        while let Some(top) = open.last_mut() {
            let Some(at) = top.children.pop() else {
                if let Some(done) = open.pop() {
                    held -= done.bytes.len();
                    self.recycle(done.bytes);
                }
                continue;
            };
            let is_last = top.children.is_empty();
            let Some(node) = forest.node(at) else {
                continue;
            };
            let mut bytes = self.pool.pop().unwrap_or_default();
            let result = self.make_delta(node, &top.bytes, &mut bytes);
            if is_last && let Some(done) = open.pop() {
                held -= done.bytes.len();
                self.recycle(done.bytes);
            }
            if let Err(problem) = result {
                self.recycle(bytes);
                self.fail_below(at, problem, failed);
                continue;
            }
            made(&Made {
                at,
                node,
                kind,
                bytes: &bytes,
                new: self.compares.then_some(&self.new),
            });
            let children = self.needed_children(at);
            if children.is_empty() {
                self.recycle(bytes);
            } else if held + bytes.len() > HELD && !open.is_empty() {
                self.recycle(bytes);
                self.one_by_one(at, made, failed);
            } else {
                held += bytes.len();
                open.push(Open { bytes, children });
            }
        }
    }

    fn needed_children(&self, at: u32) -> Vec<u32> {
        let mut children = self.forest.children(at);
        children.retain(|child| (self.is_needed)(*child));
        children
    }

    fn make_root(&mut self, node: &Node) -> Result<(Type, Vec<u8>), Problem> {
        if let Shape::Known(kind) = node.shape {
            let mut bytes = self.pool.pop().unwrap_or_default();
            self.inflate(node, &mut bytes)?;
            return Ok((kind, bytes));
        }
        let pack = self.forest.pack;
        let object = self
            .store
            .read_packed(pack, node.offset, &mut self.reader)?;
        Ok((object.0, Arc::unwrap_or_clone(object.1)))
    }

    fn make_delta(&mut self, node: &Node, base: &[u8], bytes: &mut Vec<u8>) -> Result<(), Problem> {
        let mut buffer = std::mem::take(&mut self.delta);
        let applied = self.inflate(node, &mut buffer).and_then(|()| {
            let delta = delta::parse(&buffer)?;
            self.reader.check(delta.result)?;
            if self.compares {
                delta.apply_and_compare(base, bytes, &mut self.new)
            } else {
                delta.apply(base, bytes)
            }
        });
        large::trim(&mut buffer);
        self.delta = buffer;
        applied
    }

    fn inflate(&mut self, node: &Node, out: &mut Vec<u8>) -> Result<(), Problem> {
        const BROKEN: Problem = Problem::Corrupt("a pack's entry that cannot be read");
        let pack = self.store.packs.get(self.forest.pack);
        let data = pack.and_then(|pack| pack.data()).ok_or(BROKEN)?;
        let entry = data.entry(node.offset).map_err(|_| BROKEN)?;
        self.reader.inflate_entry(data, &entry, out)
    }

    /// The slow way, for bases that together are larger than the memory that is given to them.
    fn one_by_one(
        &mut self,
        above: u32,
        made: &mut dyn FnMut(&Made<'_>),
        failed: &mut dyn FnMut(u32, Problem),
    ) {
        let forest = self.forest;
        let mut open = self.needed_children(above);
        while let Some(at) = open.pop() {
            let Some(node) = forest.node(at) else {
                continue;
            };
            match self
                .store
                .read_packed(forest.pack, node.offset, &mut self.reader)
            {
                Ok((kind, bytes)) => made(&Made {
                    at,
                    node,
                    kind,
                    bytes: &bytes,
                    new: None,
                }),
                Err(problem) => failed(at, problem),
            }
            open.extend(self.needed_children(at));
        }
    }

    fn fail_below(&self, at: u32, problem: Problem, failed: &mut dyn FnMut(u32, Problem)) {
        let mut open = vec![at];
        while let Some(at) = open.pop() {
            failed(at, problem);
            open.extend(self.needed_children(at));
        }
    }

    fn recycle(&mut self, buffer: Vec<u8>) {
        if self.pool.len() < POOLED && buffer.capacity() <= LARGEST_POOLED {
            self.pool.push(buffer);
        }
    }
}

/// Which entries are needed for those that are wanted: they, and all that they are deltas of.
pub(super) fn needed(forest: &Forest, is_wanted: impl Fn(u32, &Node) -> bool) -> Vec<bool> {
    let mut needed = vec![false; forest.nodes.len()];
    for (at, node) in (0..NONE).zip(&forest.nodes) {
        if is_wanted(at, node) {
            forest.climb(at, |at| match needed.get_mut(at as usize) {
                Some(bit) if !*bit => {
                    *bit = true;
                    std::ops::ControlFlow::Continue(())
                }
                _ => std::ops::ControlFlow::Break(()),
            });
        }
    }
    needed
}
