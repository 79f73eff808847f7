//! A file's text and what stands in it: leaves, comments and containers, each with its place.
//!
//! Files are never rebuilt from a tree. A store reads the text into a [`Tree`] that points back
//! into it; every change is a list of [`Edit`]s, and [`splice`] applies them. What no edit touches
//! stays as it was, to the byte.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::keypath::{KeyPath, Segment};
use crate::secret::Cleartext;

/// The type of a value, as SOPS names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Text, or raw bytes in the binary store.
    Str,
    /// A 64-bit integer.
    Int,
    /// A 64-bit float.
    Float,
    /// `True` or `False`.
    Bool,
    /// A point in time (YAML only).
    Time,
    /// Bytes: read from old files, never written.
    Bytes,
    /// A comment's text.
    Comment,
}

/// A value in SOPS's canonical form (SOPS-FORMAT 1.3): what is encrypted, and what the MAC hashes.
pub struct Value {
    /// Its type.
    pub kind: Kind,
    /// Its canonical bytes.
    pub bytes: Cleartext,
}

impl Value {
    /// A value from canonical bytes.
    pub fn new(kind: Kind, bytes: impl Into<Cleartext>) -> Self {
        Self {
            kind,
            bytes: bytes.into(),
        }
    }

    /// A second copy, for the few places that must hand a value on.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self {
            kind: self.kind,
            bytes: self.bytes.duplicate(),
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.bytes == other.bytes
    }
}

impl Eq for Value {}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// `'…'`.
    Single,
    /// `"…"`.
    Double,
    /// YAML's `|` block; INI's `"""…"""`.
    Literal,
    /// YAML's `>` block.
    Folded,
}

/// A map or a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Named entries.
    Map,
    /// Numbered entries.
    List,
}

/// A map or list and where it stands. Container ids are indices into [`Tree::containers`].
pub struct Container {
    /// The container around it; `None` for a document's root.
    pub parent: Option<usize>,
    /// Its name in its parent; meaningless at the root.
    pub name: Segment,
    /// Map or list.
    pub shape: Shape,
    /// Its document, from 0.
    pub document: usize,
    /// SOPS's additional data for what stands in it: the map keys from the root, each followed by
    /// a colon. Empty at the root.
    pub aad: String,
    /// Its text.
    pub span: Range<usize>,
    /// Whether it is written with brackets or braces.
    pub flow: bool,
    /// The column at which its entries begin (block style only).
    pub indent: usize,
}

/// What an item is.
pub enum Body {
    /// A scalar with its canonical value.
    Leaf(Value),
    /// Nothing: SOPS neither encrypts nor hashes it.
    Null,
    /// The opening of a container, by id; its items follow.
    Open(usize),
    /// A comment's text after the comment sign.
    Comment(Cleartext),
}

/// The lines of a block scalar, which can stand apart from its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The content's lines: from the line break that ends the header's line up to, not including,
    /// the last line break that belongs to the value.
    pub lines: Range<usize>,
    /// The column at which the content begins.
    pub indent: usize,
    /// The indentation indicator in the header, if there is one.
    pub digit: Option<u8>,
}

/// One thing in a file, in document order.
pub struct Item {
    /// The container it stands in, by id.
    pub parent: usize,
    /// Its name there. Comments carry the name of nothing: `Index(0)`.
    pub name: Segment,
    /// What it is.
    pub body: Body,
    /// How it is written.
    pub style: Style,
    /// The text that a new value replaces: the whole scalar with its quotes and core tag, the
    /// comment with its sign, or the header of a block scalar.
    pub span: Range<usize>,
    /// The whole entry, from its key or dash to the end of its value.
    pub entry: Range<usize>,
    /// Set for block scalars.
    pub block: Option<Block>,
}

/// A node of the `sops` metadata. Numbers and booleans are kept apart from text, so that a file
/// is written back with the types it had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meta {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// Text, and whatever has no other form.
    Str(String),
    /// A list.
    List(Vec<Meta>),
    /// A map, in the file's order.
    Map(Vec<(String, Meta)>),
}

/// One top-level field of the metadata and the text that holds its value.
#[derive(Clone, Debug)]
pub struct MetaField {
    /// The field's name, without a store's prefix.
    pub name: String,
    /// Its value.
    pub value: Meta,
    /// The value's text with its quotes: what an edit of a scalar replaces.
    pub span: Range<usize>,
    /// How a scalar is written.
    pub style: Style,
}

/// The `sops` block of a document.
#[derive(Clone, Debug)]
pub struct MetaBlock {
    /// Its fields, in the file's order.
    pub fields: Vec<MetaField>,
    /// What is cut out to leave the document as it was before the block was added: the entry with
    /// its separators and line breaks.
    pub cut: Vec<Range<usize>>,
    /// What is left in the place of the first of them: nothing, but where the document would not
    /// be one any more.
    pub rest: String,
}

impl MetaBlock {
    /// Edits that leave the document as it was before the block was added.
    pub fn remove(&self) -> impl Iterator<Item = Edit> {
        let rest = std::iter::once(self.rest.as_str()).chain(std::iter::repeat(""));
        self.cut
            .iter()
            .zip(rest)
            .map(|(cut, rest)| Edit::new(cut.clone(), rest))
    }

    /// The block as a map.
    pub fn to_meta(&self) -> Vec<(String, Meta)> {
        self.fields
            .iter()
            .map(|field| (field.name.clone(), field.value.clone()))
            .collect()
    }
}

/// One document of a file.
pub struct Document {
    /// Its root map, by container id.
    pub root: usize,
    /// Its metadata, where there is any.
    pub meta: Option<MetaBlock>,
    /// The byte at which the `sops` block belongs when it is added.
    pub end: usize,
}

/// What a store found in a text. Items stand in document order, each container's opening before
/// its items; the `sops` block is not among them.
#[derive(Default)]
pub struct Tree {
    /// Maps and lists.
    pub containers: Vec<Container>,
    /// Everything in document order; comments where sops has them: one beside a value comes before
    /// it.
    pub items: Vec<Item>,
    /// The documents; one, except in YAML.
    pub documents: Vec<Document>,
    /// Comments, by item in ascending order, that sops loses when it reads this text, such as one
    /// beside an opening bracket.
    pub unseen: Vec<usize>,
}

impl Tree {
    /// The container with this id.
    #[expect(clippy::indexing_slicing, reason = "container ids come from this tree")]
    pub fn container(&self, id: usize) -> &Container {
        &self.containers[id]
    }

    /// SOPS's additional authenticated data for an item (SOPS-FORMAT 1.4).
    pub fn aad(&self, item: &Item) -> String {
        let base = &self.container(item.parent).aad;
        match (&item.body, &item.name) {
            (Body::Comment(_), _) if base.is_empty() => ":".into(),
            (Body::Comment(_), _) | (_, Segment::Index(_)) => base.clone(),
            (_, Segment::Key(key)) => format!("{base}{key}:"),
        }
    }

    /// The path of a container.
    pub fn container_path(&self, id: usize) -> KeyPath {
        let mut segments = Vec::new();
        let mut at = self.container(id);
        let document = at.document + 1;
        while let Some(parent) = at.parent {
            segments.push(at.name.clone());
            at = self.container(parent);
        }
        segments.reverse();
        KeyPath { document, segments }
    }

    /// The path of an item; of a comment, the path of what it stands in.
    pub fn path(&self, item: &Item) -> KeyPath {
        let mut path = self.container_path(item.parent);
        if !matches!(item.body, Body::Comment(_)) {
            path.segments.push(item.name.clone());
        }
        path
    }

    /// The last item with this path, comments aside. Duplicate keys exist in dotenv and JSON,
    /// where readers take the last.
    pub fn find(&self, path: &KeyPath) -> Option<&Item> {
        let (parent, name) = path.split_last()?;
        let id = self.find_container(&parent)?;
        self.items
            .iter()
            .rev()
            .find(|item| item.parent == id && item.name == *name && !item.is_comment())
    }

    /// The paths at which more than one entry stands.
    pub fn duplicates(&self) -> Vec<KeyPath> {
        let mut seen = HashSet::new();
        let mut twice = Vec::new();
        for item in &self.items {
            if matches!(item.name, Segment::Key(_)) && !seen.insert((item.parent, &item.name)) {
                twice.push(self.path(item));
            }
        }
        twice
    }

    /// The last container with this path.
    pub fn find_container(&self, path: &KeyPath) -> Option<usize> {
        let root = self.documents.get(path.document.checked_sub(1)?)?.root;
        path.segments.iter().try_fold(root, |at, name| {
            let is_it =
                |container: &Container| container.parent == Some(at) && container.name == *name;
            self.containers.iter().rposition(is_it)
        })
    }

    /// The items that stand directly in a container, comments included.
    pub fn children(&self, id: usize) -> impl DoubleEndedIterator<Item = &Item> {
        self.items.iter().filter(move |item| item.parent == id)
    }

    /// Numbers the items of lists anew, as if encrypted comments did not stand among them.
    pub fn pass_over_list_comments(&mut self) {
        let mut passed: HashMap<usize, usize> = HashMap::new();
        for item in &mut self.items {
            let Segment::Index(index) = item.name else {
                continue;
            };
            let in_list = self
                .containers
                .get(item.parent)
                .is_some_and(|parent| parent.shape == Shape::List);
            if !in_list || matches!(item.body, Body::Comment(_)) {
                continue;
            }
            if let Some(passed) = passed.get(&item.parent) {
                item.name = Segment::Index(index.saturating_sub(*passed));
                if let Body::Open(id) = item.body
                    && let Some(container) = self.containers.get_mut(id)
                {
                    container.name = item.name.clone();
                }
            }
            if item.is_comment() {
                *passed.entry(item.parent).or_default() += 1;
            }
        }
    }

    /// The metadata of the first document that has any.
    pub fn meta(&self) -> Option<&MetaBlock> {
        self.documents
            .first()
            .and_then(|document| document.meta.as_ref())
    }
}

/// A replacement of part of a text.
pub struct Edit {
    /// The bytes that go.
    pub range: Range<usize>,
    /// The bytes that come.
    pub text: Cleartext,
}

impl Edit {
    /// Replaces `range` by `text`.
    pub fn new(range: Range<usize>, text: impl Into<Cleartext>) -> Self {
        Self {
            range,
            text: text.into(),
        }
    }
}

/// Applies edits to a text. They may come in any order; where two overlap, the later one in the
/// text is a mistake of the caller and is refused.
pub fn splice(text: &[u8], mut edits: Vec<Edit>) -> Option<Cleartext> {
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let added: usize = edits.iter().map(|edit| edit.text.len()).sum();
    let mut out = Cleartext::with_capacity(text.len() + added);
    let mut at = 0;
    for edit in &edits {
        out.push(text.get(at..edit.range.start)?);
        out.push(edit.text.as_bytes());
        at = edit.range.end;
    }
    out.push(text.get(at..)?);
    Some(out)
}

impl Item {
    /// Whether this is a comment: one of the file type's own, or one that sops encrypted and left
    /// as an item of a list (SOPS-FORMAT 1.8).
    pub fn is_comment(&self) -> bool {
        match &self.body {
            Body::Comment(_) => true,
            Body::Leaf(value) => {
                let bytes = value.bytes.as_bytes();
                matches!(self.name, Segment::Index(_))
                    && value.kind == Kind::Str
                    && bytes.starts_with(b"ENC[AES256_GCM,")
                    && bytes.ends_with(b",type:comment]")
            }
            _ => false,
        }
    }

    /// The text that holds this item's value: the scalar, or header and lines of a block scalar
    /// (without a comment between them).
    pub fn source(&self, text: &[u8]) -> Cleartext {
        let slice = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
        let mut source = Cleartext::new(slice(&self.span).to_vec());
        if let Some(block) = &self.block {
            source.push(slice(&block.lines));
        }
        source
    }

    /// Edits that put `rendered` in this item's place. In the place of a block scalar, the first
    /// line of `rendered` becomes the header and the others become its lines, so that a comment
    /// behind the header stays where it is.
    pub fn replace(&self, rendered: &Cleartext, edits: &mut Vec<Edit>) {
        let bytes = rendered.as_bytes();
        let Some(block) = &self.block else {
            edits.push(Edit::new(self.span.clone(), bytes.to_vec()));
            return;
        };
        let mut at = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
        if at > 0 && at < bytes.len() && bytes.get(at - 1) == Some(&b'\r') {
            at -= 1;
        }
        let (header, lines) = bytes.split_at(at);
        edits.push(Edit::new(self.span.clone(), header.to_vec()));
        edits.push(Edit::new(block.lines.clone(), lines.to_vec()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn edits_may_come_in_any_order() {
        let edits = vec![
            Edit::new(4..5, "two"),
            Edit::new(0..1, "one"),
            Edit::new(5..5, "!"),
        ];
        let out = splice(b"1 + 2", edits).unwrap();
        assert_eq!(out.as_str(), Some("one + two!"));
    }

    #[test]
    fn overlapping_edits_are_refused() {
        assert!(splice(b"abcdef", vec![Edit::new(0..3, ""), Edit::new(2..4, "")]).is_none());
        assert!(splice(b"abc", vec![Edit::new(2..9, "")]).is_none());
    }

    proptest! {
        #[test]
        fn no_edits_change_nothing(text: Vec<u8>) {
            let out = splice(&text, Vec::new()).unwrap();
            prop_assert_eq!(out.as_bytes(), &text[..]);
        }
    }
}
