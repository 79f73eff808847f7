//! What SOPS's encryption and MAC do not cover: in what a file without a seal may differ from the
//! one that was sealed, and still open.

use std::collections::BTreeSet;

use mvx::document::{Body, Kind};
use mvx::keypath::KeyPath;

use super::files::Sealed;

/// A gap that SOPS leaves (docs/seal.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gap {
    /// The name of a clear value, or where it stands.
    ClearName,
    /// Where one clear value ends and the next begins.
    ClearSplit,
    /// Comments.
    Comment,
    /// Where an encrypted value stands, among places with the same names on their path: lists do not
    /// count, nor do documents, and a colon in a name may be one between names.
    Nesting,
    /// Nulls, empty values, empty maps, lists and documents.
    Nothing,
    /// A type, where the bytes are the same.
    Type,
}

/// What stands in an opened file.
#[derive(PartialEq)]
pub struct Facts {
    documents: usize,
    leaves: Vec<Leaf>,
    comments: Vec<Vec<u8>>,
    nothing: Vec<(KeyPath, String)>,
}

#[derive(PartialEq)]
struct Leaf {
    path: KeyPath,
    aad: String,
    encrypted: bool,
    kind: Kind,
    bytes: Vec<u8>,
}

impl Facts {
    pub(super) fn of(file: &Sealed) -> Self {
        let mut facts = Self {
            documents: file.tree.documents.len(),
            leaves: Vec::new(),
            comments: Vec::new(),
            nothing: Vec::new(),
        };
        let tree = &file.tree;
        for (item, opened) in tree.items.iter().zip(&file.opened.values) {
            let path = tree.path(item);
            let value = match (&item.body, opened) {
                (_, Some(value)) | (Body::Leaf(value), None) => value,
                (Body::Comment(words), None) => {
                    facts.comments.push(words.as_bytes().to_vec());
                    continue;
                }
                (Body::Null, None) => {
                    facts.nothing.push((path, "null".into()));
                    continue;
                }
                (Body::Open(id), None) => {
                    let shape = tree.container(*id).shape;
                    facts.nothing.push((path, format!("{shape:?}")));
                    continue;
                }
            };
            let bytes = value.bytes.as_bytes().to_vec();
            if value.kind == Kind::Comment {
                facts.comments.push(bytes);
            } else if bytes.is_empty() {
                facts.nothing.push((path, "empty".into()));
            } else {
                facts.leaves.push(Leaf {
                    path,
                    aad: tree.aad(item),
                    encrypted: opened.is_some(),
                    kind: value.kind,
                    bytes,
                });
            }
        }
        // A map or list counts where nothing in it does.
        let leaves = &facts.leaves;
        facts
            .nothing
            .retain(|(path, _)| !leaves.iter().any(|leaf| leaf.path.is_within(path)));
        facts
    }

    /// The encrypted values, and the clear ones before each and after the last.
    fn runs(&self) -> (Vec<&Leaf>, Vec<Vec<&Leaf>>) {
        let mut encrypted = Vec::new();
        let mut clear = vec![Vec::new()];
        for leaf in &self.leaves {
            if leaf.encrypted {
                encrypted.push(leaf);
                clear.push(Vec::new());
            } else if let Some(run) = clear.last_mut() {
                run.push(leaf);
            }
        }
        (encrypted, clear)
    }

    /// The gaps that a difference fits through. It panics where something differs that the
    /// encryption or the MAC covers.
    pub fn gaps(&self, after: &Self) -> BTreeSet<Gap> {
        let mut gaps = BTreeSet::new();
        let mut gap = |is: bool, gap| {
            if is {
                gaps.insert(gap);
            }
        };
        gap(self.comments != after.comments, Gap::Comment);
        gap(self.nothing != after.nothing, Gap::Nothing);
        gap(self.documents != after.documents, Gap::Nothing);
        let (old, old_clear) = self.runs();
        let (new, new_clear) = after.runs();
        assert_eq!(old.len(), new.len(), "encrypted values came or went");
        for (old, new) in old.into_iter().zip(new) {
            assert!(old.bytes == new.bytes, "{} is another value", new.path);
            assert_eq!(old.aad, new.aad, "{} was {}", new.path, old.path);
            gap(old.kind != new.kind, Gap::Type);
            gap(old.path != new.path, Gap::Nesting);
        }
        for (old, new) in old_clear.into_iter().zip(new_clear) {
            let bytes = |run: &[&Leaf]| run.iter().flat_map(|it| it.bytes.clone()).collect();
            let (all, found): (Vec<u8>, Vec<u8>) = (bytes(&old), bytes(&new));
            assert!(all == found, "clear values changed");
            if old.len() != new.len() || old.iter().zip(&new).any(|(a, b)| a.bytes != b.bytes) {
                gap(true, Gap::ClearSplit);
                continue;
            }
            for (old, new) in old.into_iter().zip(new) {
                gap(old.kind != new.kind, Gap::Type);
                gap(old.path != new.path, Gap::ClearName);
            }
        }
        gaps
    }
}
