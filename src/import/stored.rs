//! YAML, JSON and INI, read by mvx's own stores, so that types stay.

use std::collections::HashMap;

use super::{Concern, Contents, Entry, ImportError, Warning, name};
use crate::document::{Body, Item, Shape, Tree, Value};
use crate::keypath::Segment;
use crate::secret::Cleartext;
use crate::sops::store::{NewNode, line_of};
use crate::stores::Format;

pub(super) fn read(text: &str, format: Format) -> Result<Contents, ImportError> {
    let store = format.store();
    let expanded = store.expand(text.as_bytes())?;
    let bytes = expanded
        .as_ref()
        .map_or(text.as_bytes(), |expanded| expanded.text.as_bytes());
    // Where aliases were written out, the lines are other ones than the person sees.
    let lines = expanded.is_none();
    let tree = store.parse(bytes)?;
    if tree.meta().is_some() {
        return Err(ImportError::Sealed);
    }
    if tree.documents.len() > 1 {
        return Err(ImportError::Documents {
            count: tree.documents.len(),
        });
    }
    let root = tree.documents.first().map_or(0, |document| document.root);
    if tree.container(root).shape == Shape::List {
        return Err(crate::sops::store::StoreError::NotAMap {
            what: "the root is a list".into(),
        }
        .into());
    }
    let mut walker = Walker {
        children: children(&tree),
        tree: &tree,
        text: bytes,
        lines,
        format,
        warnings: Vec::new(),
    };
    let mut entries = Vec::new();
    for (index, name, node) in walker.map(root)? {
        entries.push(Entry {
            path: vec![name],
            node,
            line: walker.line(index),
            comments: Vec::new(),
        });
    }
    Ok(Contents {
        entries,
        closing: Vec::new(),
        unplaced: tree.items.iter().filter_map(comment).collect(),
        warnings: walker.warnings,
    })
}

fn comment(item: &Item) -> Option<Cleartext> {
    match &item.body {
        Body::Comment(words) => Some(words.duplicate()),
        _ => None,
    }
}

/// Items by container, so that a tree is walked in linear time.
fn children(tree: &Tree) -> Vec<Vec<usize>> {
    let mut children = vec![Vec::new(); tree.containers.len()];
    for (index, item) in tree.items.iter().enumerate() {
        let comment = matches!(item.body, Body::Comment(_));
        if let (Some(list), false) = (children.get_mut(item.parent), comment) {
            list.push(index);
        }
    }
    children
}

struct Walker<'t> {
    tree: &'t Tree,
    text: &'t [u8],
    lines: bool,
    format: Format,
    children: Vec<Vec<usize>>,
    warnings: Vec<Warning>,
}

impl Walker<'_> {
    /// The entries of a map, each with its item. Of a key that stands twice the last one counts,
    /// as it does for every reader of JSON and INI; the place is the first one's.
    fn map(&mut self, id: usize) -> Result<Vec<(usize, String, NewNode)>, ImportError> {
        let items = self.children.get(id).cloned().unwrap_or_default();
        let mut entries: Vec<(usize, String, NewNode)> = Vec::with_capacity(items.len());
        let mut places: HashMap<String, usize> = HashMap::new();
        for index in items {
            let Some(item) = self.tree.items.get(index) else {
                continue;
            };
            let Segment::Key(name) = item.name.clone() else {
                continue;
            };
            let node = self.node(index)?;
            if let (Format::Ini, NewNode::Value(value)) = (self.format, &node)
                && let Some(why) = name::doubt(&name, &value.bytes)
            {
                return Err(ImportError::Line {
                    line: self.line(index).unwrap_or(1),
                    why: why.into(),
                });
            }
            let taken = places.get(&name).and_then(|at| entries.get_mut(*at));
            let Some((place, _, kept)) = taken else {
                places.insert(name.clone(), entries.len());
                entries.push((index, name, node));
                continue;
            };
            let lost = !kept.holds(&node);
            let first = std::mem::replace(place, index);
            *kept = node;
            if lost {
                let key = self.tree.path(item).to_string();
                let line = self.line(first);
                self.warnings
                    .push(Warning::new(line, Some(&key), Concern::Overridden));
            }
        }
        Ok(entries)
    }

    fn node(&mut self, index: usize) -> Result<NewNode, ImportError> {
        let Some(item) = self.tree.items.get(index) else {
            return Ok(NewNode::Null);
        };
        Ok(match &item.body {
            Body::Leaf(value) => NewNode::Value(self.value(index, value)?),
            Body::Null | Body::Comment(_) => NewNode::Null,
            Body::Open(id) => match self.tree.container(*id).shape {
                Shape::Map => {
                    let entries = self.map(*id)?.into_iter();
                    NewNode::Map(entries.map(|(_, name, node)| (name, node)).collect())
                }
                Shape::List => {
                    let items = self.children.get(*id).cloned().unwrap_or_default();
                    let nodes = items.into_iter().map(|index| self.node(index));
                    NewNode::List(nodes.collect::<Result<_, _>>()?)
                }
            },
        })
    }

    /// A value; a zero byte can be written out in JSON and YAML.
    fn value(&self, index: usize, value: &Value) -> Result<Value, ImportError> {
        if memchr::memchr(0, value.bytes.as_bytes()).is_some() {
            return Err(ImportError::Nul {
                line: self.line(index).unwrap_or(1),
            });
        }
        Ok(value.duplicate())
    }

    fn line(&self, index: usize) -> Option<usize> {
        let item = self.tree.items.get(index)?;
        self.lines.then(|| line_of(self.text, item.entry.start))
    }
}
