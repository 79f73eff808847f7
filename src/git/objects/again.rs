//! Blobs that are looked at a second time, when it is known where they stand.

use std::path::PathBuf;

use super::hand_out::Wanted;
use super::parts::{Commit, name_of};
use super::store::{Reader, Type};
use super::{Id, Objects, Piece, Walked};

/// Who made a commit and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Author {
    /// Who wrote it, by their own account: the name without the address.
    pub name: String,
    /// When it was made by the committer's clock, in seconds since 1970.
    pub time: i64,
}

impl Objects {
    /// Hands out these blobs, whole, each as the file of a commit, or as what a ref points to where it has no
    /// path.
    pub fn again(
        &self,
        places: Vec<(Id, Option<PathBuf>, Id)>,
        visit: impl Fn(&Piece<'_>) + Sync,
    ) -> Walked {
        let wanted: Vec<Wanted> = places
            .into_iter()
            .map(|(id, path, commit)| Wanted {
                id,
                path,
                commit: Some(commit),
                bases: Vec::new(),
            })
            .collect();
        self.hand_out(&wanted, &visit)
    }

    /// Who made a commit; nobody where it cannot be read.
    pub fn author(&self, commit: &Id) -> Author {
        let mut reader = Reader::new(self.limit);
        match self.store.read(commit, &mut reader) {
            Ok((Type::Commit, bytes)) => Commit::parse(&bytes).map(|commit| Author {
                name: name_of(commit.author),
                time: commit.time,
            }),
            _ => None,
        }
        .unwrap_or_default()
    }
}
