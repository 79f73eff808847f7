//! Which container each comment belongs to, as sops sees it.
//!
//! SOPS's additional data for a comment is the path of what it stands in, and what it stands in is
//! decided by how go-yaml v3 attaches comments to nodes: by columns, blank lines, the tokens
//! around it and a number of accidents. Nothing short of walking the same way gives the same
//! answers, so `scanner.rs` splits the text into the tokens that go-yaml sees and gathers comments
//! into runs that wait for a token, `nodes.rs` builds the nodes that take them, and this file
//! reads them off in the order in which sops puts them into its tree. Tests compare the outcome
//! with real sops, layout by layout.

mod gather;
mod nodes;
mod scanner;
#[cfg(test)]
mod tests;
mod token;

use std::ops::Range;

use nodes::{Content, Node, Nodes};

/// A comment and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attached {
    /// Where its `#` stands.
    pub(super) at: usize,
    /// The container it belongs to: its number among all maps and lists in the order of their
    /// openings, those of the `sops` block left out.
    pub(super) container: usize,
    /// How many items come before it, counted in the same way.
    pub(super) before: usize,
}

/// Finds the comments' places. `scalars` are the ranges of all keys and values in the text, block
/// scalars and empty ones aside. Comments that go-yaml loses are left out; so are those inside the
/// `sops` block. `None` where go-yaml would not read the text.
pub(super) fn attach(text: &str, scalars: &[Range<usize>]) -> Option<Vec<Attached>> {
    let mut reader = Reader {
        text,
        found: Vec::new(),
        containers: 0,
        items: 0,
    };
    Nodes::new(text, scalars).each_document(|root, foot| {
        let container = reader.open();
        reader.top(root, container);
        reader.place(&foot, container);
    })?;
    Some(reader.found)
}

/// Reads comments off the nodes.
struct Reader<'t> {
    text: &'t str,
    found: Vec<Attached>,
    containers: usize,
    items: usize,
}

impl Reader<'_> {
    fn open(&mut self) -> usize {
        self.containers += 1;
        self.containers - 1
    }

    fn place(&mut self, comments: &[usize], container: usize) {
        let before = self.items;
        self.found.extend(comments.iter().map(|at| Attached {
            at: *at,
            container,
            before,
        }));
    }

    /// A document's root, which is no item.
    fn top(&mut self, root: &Node, container: usize) {
        self.place(&root.head, container);
        self.place(&root.line, container);
        if let Content::Map(entries) = &root.content {
            self.entries(entries, container, true);
        }
        self.place(&root.foot, container);
    }

    fn entries(&mut self, entries: &[(Node, Node)], container: usize, top: bool) {
        for (key, value) in entries {
            self.place(&key.head, container);
            self.place(&key.line, container);
            if top && self.is_metadata(key) {
                self.place(&key.foot, container);
                continue;
            }
            if value.is_scalar() {
                self.place(&value.head, container);
                self.place(&value.line, container);
                self.items += 1;
                self.place(&value.foot, container);
            } else {
                self.items += 1;
                let inside = self.open();
                self.place(&value.head, inside);
                self.place(&value.line, inside);
                self.content(value, inside);
                self.place(&value.foot, inside);
            }
            self.place(&key.foot, container);
        }
    }

    fn list(&mut self, items: &[Node], container: usize) {
        for item in items {
            self.place(&item.head, container);
            self.place(&item.line, container);
            self.items += 1;
            if !item.is_scalar() {
                let inside = self.open();
                self.content(item, inside);
            }
            self.place(&item.foot, container);
        }
    }

    fn content(&mut self, node: &Node, container: usize) {
        match &node.content {
            Content::Scalar(_) => {}
            Content::Map(entries) => self.entries(entries, container, false),
            Content::List(items) => self.list(items, container),
        }
    }

    fn is_metadata(&self, key: &Node) -> bool {
        let Content::Scalar(at) = key.content else {
            return false;
        };
        let rest = self.text.get(at..).unwrap_or_default();
        let name = rest.trim_start_matches(['"', '\'']);
        name.strip_prefix("sops")
            .is_some_and(|after| after.starts_with(['"', '\'', ' ', '\t', ':', '\r', '\n']))
    }
}
