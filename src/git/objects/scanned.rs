//! Which objects were scanned before and had no findings.
//!
//! Kept as the first 12 bytes of their ids. To pass a blob off as one of a million of them, one would
//! have to make about 2^76 blobs.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::forest::{Shape, id_at};
use super::store::Type;
use super::{History, Id, Objects, disk};
use crate::io::IoError;
use crate::io::write::{self, Access};

/// The bytes of an id that are kept.
const KEPT: usize = 12;

/// What the file begins with.
const MAGIC: &[u8; 8] = b"mvxscan1";

/// What a scan is made with: its rules and all else that decides what it finds.
pub type Key = [u8; 32];

/// The objects that need not be scanned again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Sorted.
    prefixes: Vec<[u8; KEPT]>,
}

impl Scanned {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.prefixes.len()
    }

    /// Whether this object is one of them.
    pub fn has(&self, id: &Id) -> bool {
        let prefix = id.as_bytes().first_chunk::<KEPT>();
        prefix.is_some_and(|prefix| self.prefixes.binary_search(prefix).is_ok())
    }

    /// Reads what [`Self::write`] wrote. A file that is missing, damaged, or made with another key
    /// counts as empty.
    pub fn read(path: &Path, key: &Key) -> Self {
        disk::read(path)
            .ok()
            .flatten()
            .and_then(|bytes| Self::of_bytes(&bytes, key))
            .unwrap_or_default()
    }

    /// Writes them, with the key that they hold for, in place of what is there.
    pub fn write(&self, path: &Path, key: &Key) -> Result<(), IoError> {
        write::write(path, &self.to_bytes(key), Access::Private)
    }

    fn of_bytes(bytes: &[u8], key: &Key) -> Option<Self> {
        let (body, sum) = bytes.split_last_chunk::<32>()?;
        let rest = body.strip_prefix(MAGIC)?.strip_prefix(key)?;
        if Sha256::digest(body).as_slice() != sum {
            return None;
        }
        let (prefixes, []) = rest.as_chunks::<KEPT>() else {
            return None;
        };
        prefixes.is_sorted().then(|| Self {
            prefixes: prefixes.to_vec(),
        })
    }

    fn to_bytes(&self, key: &Key) -> Vec<u8> {
        let mut bytes = [MAGIC, key.as_slice(), self.prefixes.as_flattened()].concat();
        let sum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&sum);
        bytes
    }
}

impl Objects {
    /// Where a repository's scanned objects are kept below mvx's directory for such things: one file
    /// for each repository, by its path.
    pub fn scanned_path(&self, state_directory: &Path) -> PathBuf {
        let common = disk::canonical(&self.place.common);
        let digest = Sha256::digest(common.as_os_str().as_encoded_bytes());
        let mut name = String::new();
        for byte in digest.iter().take(16) {
            // writing into a text cannot fail
            let _written = write!(name, "{byte:02x}");
        }
        state_directory.join("scan").join(name)
    }
}

impl History<'_> {
    /// What need not be scanned again: all that was handed out now or was known before and could be
    /// read, but not these, which have findings, nor what is stored as a delta of them: a finding
    /// of theirs may stand in it too, although only what is new in it was looked at.
    pub fn scanned(&self, with_findings: &HashSet<Id>) -> Scanned {
        let mut prefixes = Vec::new();
        let walked = self.walked();
        if walked.problem_count > walked.problems.len() as u64 {
            return Scanned::default();
        }
        let mut unsure: HashSet<Id> = with_findings.clone();
        unsure.extend(walked.problems.iter().filter_map(|(id, _, _)| *id));
        let unsure = self.with_deltas(&unsure);
        let mut keep = |id: Id| {
            if !unsure.contains(&id)
                && let Some(prefix) = id.as_bytes().first_chunk::<KEPT>()
            {
                prefixes.push(*prefix);
            }
        };
        for forest in &self.forests {
            let Some(pack) = self.objects.store.packs.get(forest.pack) else {
                continue;
            };
            for node in &forest.nodes {
                let is_content = match node.shape {
                    Shape::Known(kind) => kind != Type::Tree,
                    Shape::Elsewhere | Shape::Broken | Shape::Open => false,
                };
                if is_content && let Some(id) = id_at(pack, node.position) {
                    keep(id);
                }
            }
        }
        for id in &self.loose {
            keep(*id);
        }
        prefixes.sort_unstable();
        prefixes.dedup();
        Scanned { prefixes }
    }
}
