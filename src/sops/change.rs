//! Values that come, change, go and move in a sealed text, without anything else being touched.
//!
//! A new value is first written in clear into the text in memory, so that the store can show that
//! it carries the value exactly and the selector can decide where it stands; then it is enclosed.

use std::collections::{HashMap, HashSet};

use crate::document::{Body, Item, Kind, Shape, Tree, splice};
use crate::keypath::{KeyPath, Segment};
use crate::secret::Cleartext;
use crate::sops::metadata::{Metadata, MetadataError};
use crate::sops::open::{Opened, overlap, selector_of};
use crate::sops::seal::{SealError, Sealer};
use crate::sops::select::select;
use crate::sops::spelling::Spelling;
use crate::sops::store::{NewNode, StoreError};

/// From how many changes on they are written in one piece.
const MANY: usize = 16;

/// An opened sealed text.
#[derive(Clone, Copy)]
pub struct Open<'a> {
    /// The sealed text.
    pub text: &'a [u8],
    /// What stands in it.
    pub tree: &'a Tree,
    /// Its values.
    pub opened: &'a Opened,
}

impl Sealer<'_> {
    /// Puts values at paths, in order; `None` if all of them are there already.
    pub fn set(
        &mut self,
        open: Open<'_>,
        changes: &[(KeyPath, NewNode)],
    ) -> Result<Option<Cleartext>, SealError> {
        let fresh = changes
            .iter()
            .filter(|(path, node)| !holds(open, path, node));
        let fresh: Vec<&(KeyPath, NewNode)> = fresh.collect();
        let mut written = self.write_at_once(open, &fresh);
        if written.is_none() {
            for (path, node) in &fresh {
                let next = match &written {
                    None => self.write(open.text, open.tree, path, node)?,
                    Some((text, tree)) => self.write(text.as_bytes(), tree, path, node)?,
                };
                written = Some(next);
            }
        }
        let Some((text, tree)) = written else {
            return Ok(None);
        };
        let paths: Vec<KeyPath> = fresh.iter().map(|(path, _)| path.clone()).collect();
        let forget = |spelling: &mut Spelling| {
            for path in &paths {
                spelling.forget(path);
            }
        };
        self.commit((text.as_bytes(), &tree), &paths, open, forget)
            .map(Some)
    }

    /// Takes an entry out.
    pub fn unset(&mut self, open: Open<'_>, path: &KeyPath) -> Result<Cleartext, SealError> {
        let edits = self.store.remove(open.text, open.tree, path)?;
        let text = splice(open.text, edits).ok_or_else(overlap)?;
        let tree = self.store.parse(text.as_bytes())?;
        self.commit((text.as_bytes(), &tree), &[], open, |spelling| {
            spelling.remove_item(path);
        })
    }

    /// Moves an entry to another place. Within a map its text stays where it is, comments and all;
    /// elsewhere it is written anew.
    pub fn rename(
        &mut self,
        open: Open<'_>,
        from: &KeyPath,
        to: &KeyPath,
    ) -> Result<Cleartext, SealError> {
        if open.tree.find(from).is_none() {
            return Err(StoreError::NoSuchKey {
                path: from.to_string(),
            }
            .into());
        }
        let path = to.to_string();
        if open.tree.find(to).is_some() {
            return Err(StoreError::Taken { path }.into());
        }
        if to.is_within(from) {
            return Err(StoreError::BelowItself { path }.into());
        }
        let (text, tree) = match (from.split_last(), to.split_last()) {
            (Some((old, Segment::Key(_))), Some((new, Segment::Key(key)))) if old == new => {
                let mut edits = self.store.rename(open.text, open.tree, from, key)?;
                self.disclose(open, from, &mut edits)?;
                let text = splice(open.text, edits).ok_or_else(overlap)?;
                let tree = self.store.parse(text.as_bytes())?;
                (text, tree)
            }
            _ => {
                let node = node_at(open, from).ok_or_else(|| StoreError::NoSuchKey {
                    path: from.to_string(),
                })?;
                let edits = self.store.remove(open.text, open.tree, from)?;
                let without = splice(open.text, edits).ok_or_else(overlap)?;
                let tree = self.store.parse(without.as_bytes())?;
                self.write(without.as_bytes(), &tree, to, &node)?
            }
        };
        keeps_encrypted(open, from, (&tree, to))?;
        let changed = std::slice::from_ref(to);
        self.commit((text.as_bytes(), &tree), changed, open, |spelling| {
            spelling.rename(from, to);
        })
    }

    /// Writes many nodes in one piece, so that the text is parsed once and not a thousand times;
    /// `None` where they are few, or where that does not give exactly these nodes and what was there.
    fn write_at_once(
        &self,
        open: Open<'_>,
        changes: &[&(KeyPath, NewNode)],
    ) -> Option<(Cleartext, Tree)> {
        let mut paths = HashSet::new();
        if changes.len() < MANY || !changes.iter().all(|(path, _)| paths.insert(path)) {
            return None;
        }
        let mut edits = Vec::new();
        let mut expected = open.tree.items.len();
        let mut new: Vec<(KeyPath, NewNode)> = Vec::new();
        let mut known: HashMap<KeyPath, usize> = HashMap::new();
        for (path, node) in changes {
            match open.tree.find(path) {
                None => {
                    // What comes into the same new map or section comes as one.
                    let top = first_missing(open.tree, path)?;
                    let below = path.segments.get(top.segments.len()..)?;
                    let at = *known.entry(top.clone()).or_insert(new.len());
                    match new.get_mut(at) {
                        Some((_, all)) => put(all, below, node)?,
                        None => new.push((top, nest(below, node)?)),
                    }
                }
                Some(item) => {
                    let (Body::Leaf(_), NewNode::Value(value)) = (&item.body, node) else {
                        return None;
                    };
                    let (text, tree) = (open.text, open.tree);
                    let plain = self.store.plain(text, tree, item, item.style, value);
                    item.replace(&plain.ok()?, &mut edits);
                }
            }
        }
        for (path, node) in &new {
            edits.extend(self.store.insert(open.text, open.tree, path, node).ok()?);
            expected += size(node);
        }
        let text = splice(open.text, edits)?;
        let tree = self.store.parse(text.as_bytes()).ok()?;
        let whole = tree.items.len() == expected
            && changes.iter().all(|(path, node)| stands(&tree, path, node));
        whole.then_some((text, tree))
    }

    /// Writes a node in clear, and proves that it reads back as what it is.
    fn write(
        &self,
        text: &[u8],
        tree: &Tree,
        path: &KeyPath,
        node: &NewNode,
    ) -> Result<(Cleartext, Tree), SealError> {
        let old = tree
            .find(path)
            .filter(|item| matches!(item.body, Body::Leaf(_)));
        let edits = match (old, node) {
            (Some(item), NewNode::Value(value)) => {
                let mut edits = Vec::new();
                let rendered = self.store.plain(text, tree, item, item.style, value)?;
                item.replace(&rendered, &mut edits);
                edits
            }
            _ => self.store.insert(text, tree, path, node)?,
        };
        let text = splice(text, edits).ok_or_else(overlap)?;
        let tree = self.store.parse(text.as_bytes())?;
        if !stands(&tree, path, node) {
            // A tag in YAML, for one, makes text of what stands behind it.
            let why = "written there, it would be read as another value or type; `mvx edit FILE` shows the place".into();
            return Err(StoreError::CannotCarry {
                path: path.to_string(),
                why,
            }
            .into());
        }
        Ok((text, tree))
    }

    /// Edits that write what is at or below `path` in clear.
    fn disclose(
        &self,
        open: Open<'_>,
        path: &KeyPath,
        edits: &mut Vec<crate::document::Edit>,
    ) -> Result<(), SealError> {
        for (item, value) in open.tree.items.iter().zip(&open.opened.values) {
            let Some(value) = value else { continue };
            let empty = matches!(&item.body, Body::Leaf(clear) if clear.bytes.is_empty());
            if empty || !open.tree.path(item).is_within(path) {
                continue;
            }
            if item.is_comment() && matches!(item.body, Body::Leaf(_)) {
                let words = value.bytes.as_bytes();
                edits.push(self.store.list_comment(open.text, open.tree, item, words));
            } else {
                let rendered = self
                    .store
                    .plain(open.text, open.tree, item, item.style, value)?;
                item.replace(&rendered, edits);
            }
        }
        Ok(())
    }
}

/// The first step of a path at which nothing stands.
fn first_missing(tree: &Tree, path: &KeyPath) -> Option<KeyPath> {
    let mut missing = path.clone();
    loop {
        let (parent, _) = missing.split_last()?;
        if parent.segments.is_empty() || tree.find(&parent).is_some() {
            return Some(missing);
        }
        missing = parent;
    }
}

/// A node in as many maps as there are steps to it.
fn nest(path: &[Segment], node: &NewNode) -> Option<NewNode> {
    let Some((first, rest)) = path.split_first() else {
        return Some(node.duplicate());
    };
    let Segment::Key(key) = first else {
        return None;
    };
    Some(NewNode::Map(vec![(key.clone(), nest(rest, node)?)]))
}

/// Puts another node into a new one; `None` where something stands in the way.
fn put(into: &mut NewNode, path: &[Segment], node: &NewNode) -> Option<()> {
    let (Segment::Key(key), rest) = path.split_first()? else {
        return None;
    };
    let NewNode::Map(entries) = into else {
        return None;
    };
    // What belongs together usually comes together.
    if let Some((_, entry)) = entries.iter_mut().rev().find(|(name, _)| name == key) {
        return put(entry, rest, node);
    }
    entries.push((key.clone(), nest(rest, node)?));
    Some(())
}

/// How many items a node is made of.
fn size(node: &NewNode) -> usize {
    match node {
        NewNode::Value(_) | NewNode::Null => 1,
        NewNode::Map(entries) => 1 + entries.iter().map(|(_, node)| size(node)).sum::<usize>(),
        NewNode::List(items) => 1 + items.iter().map(size).sum::<usize>(),
    }
}

/// The value, map or list at a path, decrypted.
pub fn node_at(open: Open<'_>, path: &KeyPath) -> Option<NewNode> {
    let nodes = Nodes::new(open);
    if path.segments.is_empty() {
        return nodes.container(open.tree.find_container(path)?);
    }
    let found = open.tree.find(path)?;
    let index = open
        .tree
        .items
        .iter()
        .position(|item| std::ptr::eq(item, found))?;
    nodes.item(index)
}

/// Refuses a move by which an encrypted value would come to stand in clear.
fn keeps_encrypted(
    open: Open<'_>,
    from: &KeyPath,
    (tree, to): (&Tree, &KeyPath),
) -> Result<(), SealError> {
    let has_value = |item: &Item| match &item.body {
        Body::Leaf(value) => !value.bytes.is_empty(),
        _ => false,
    };
    let block = tree.meta().ok_or(MetadataError::NoMac)?;
    let selected = select(tree, &selector_of(&Metadata::from_block(block))?);
    let before = open
        .tree
        .items
        .iter()
        .zip(&open.opened.values)
        .filter(|(item, value)| {
            let is_value = value.as_ref().is_some_and(|it| it.kind != Kind::Comment);
            is_value && has_value(item) && open.tree.path(item).is_within(from)
        })
        .count();
    let after = tree
        .items
        .iter()
        .zip(selected)
        .filter(|(item, selected)| *selected && has_value(item) && tree.path(item).is_within(to))
        .count();
    if after < before {
        return Err(SealError::WouldDisclose { path: to.clone() });
    }
    Ok(())
}

/// Items by container, so that a tree is walked in linear time.
struct Nodes<'a> {
    open: Open<'a>,
    children: Vec<Vec<usize>>,
}

impl<'a> Nodes<'a> {
    fn new(open: Open<'a>) -> Self {
        let mut children = vec![Vec::new(); open.tree.containers.len()];
        for (index, item) in open.tree.items.iter().enumerate() {
            if let Some(list) = children.get_mut(item.parent) {
                list.push(index);
            }
        }
        Self { open, children }
    }

    fn container(&self, id: usize) -> Option<NewNode> {
        let children = self.children.get(id)?;
        let entries = children.iter().filter_map(|index| {
            let item = self.open.tree.items.get(*index)?;
            Some((item.name.clone(), self.item(*index)?))
        });
        Some(match self.open.tree.container(id).shape {
            Shape::List => NewNode::List(entries.map(|(_, node)| node).collect()),
            Shape::Map => NewNode::Map(
                entries
                    .filter_map(|(name, node)| match name {
                        Segment::Key(key) => Some((key, node)),
                        Segment::Index(_) => None,
                    })
                    .collect(),
            ),
        })
    }

    fn item(&self, index: usize) -> Option<NewNode> {
        let item = self.open.tree.items.get(index)?;
        match (&item.body, self.open.opened.values.get(index)?) {
            (Body::Comment(_), _) => None,
            (Body::Leaf(_), Some(value)) if value.kind == Kind::Comment => None,
            (Body::Leaf(_), Some(value)) | (Body::Leaf(value), None) => {
                Some(NewNode::Value(value.duplicate()))
            }
            (Body::Null, _) => Some(NewNode::Null),
            (Body::Open(id), _) => self.container(*id),
        }
    }
}

/// Whether an opened file holds exactly this node at this path.
fn holds(open: Open<'_>, path: &KeyPath, node: &NewNode) -> bool {
    match node {
        NewNode::Value(_) | NewNode::Null => {
            node_at(open, path).is_some_and(|old| equal(&old, node))
        }
        // A map or list that is set again is written again.
        NewNode::Map(_) | NewNode::List(_) => false,
    }
}

fn equal(a: &NewNode, b: &NewNode) -> bool {
    match (a, b) {
        (NewNode::Value(a), NewNode::Value(b)) => a == b,
        (NewNode::Null, NewNode::Null) => true,
        _ => false,
    }
}

/// Whether a text that was just written holds the node in clear.
fn stands(tree: &Tree, path: &KeyPath, node: &NewNode) -> bool {
    match node {
        NewNode::Value(value) => match tree.find(path).map(|item| &item.body) {
            // JSON has one kind of number: the float 3 is written 3, which reads as an integer.
            Some(Body::Leaf(found)) => {
                let same_kind = found.kind == value.kind
                    || (found.kind, value.kind) == (Kind::Int, Kind::Float);
                same_kind && found.bytes == value.bytes
            }
            _ => false,
        },
        NewNode::Null => matches!(tree.find(path).map(|item| &item.body), Some(Body::Null)),
        NewNode::Map(entries) => {
            shape(tree, path, entries.len()) == Some(Shape::Map)
                && entries
                    .iter()
                    .all(|(key, node)| stands(tree, &path.child(Segment::Key(key.clone())), node))
        }
        NewNode::List(items) => {
            shape(tree, path, items.len()) == Some(Shape::List)
                && items
                    .iter()
                    .enumerate()
                    .all(|(index, node)| stands(tree, &path.child(Segment::Index(index)), node))
        }
    }
}

/// The shape of the container at `path` if it has this many entries.
fn shape(tree: &Tree, path: &KeyPath, entries: usize) -> Option<Shape> {
    let id = tree.find_container(path)?;
    let count = tree.children(id).filter(|item| !item.is_comment()).count();
    (count == entries).then(|| tree.container(id).shape)
}
