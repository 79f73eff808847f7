//! What is there: files, keys, types, recipients. Needs no identity, and never shows a value.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use crate::app::App;
use crate::app::files::Wanted;
use crate::app::groups::Shape;
use crate::app::ledger::Ledger;
use crate::app::ledger::due::Stands;
use crate::app::load::Sealed;
use crate::document::{Body, Kind};
use crate::error::Failure;
use crate::io::clock;
use crate::keypath::KeyPath;
use crate::ledger::chain::Chain;
use crate::ledger::due::Cadence;
use crate::ledger::fingerprint::{Leaf, leaves};
use crate::sops::envelope::{Envelope, kind_name};
use crate::stores::Format;

/// A sealed file.
pub struct FileEntry {
    /// Its path, as it is shown.
    pub path: PathBuf,
    /// Its type.
    pub format: Format,
    /// The environment that the rules give it.
    pub environment: Option<String>,
    /// Who can open it.
    pub recipients: Vec<Reader>,
    /// Its key groups.
    pub shape: Shape,
    /// When it was last changed, by its own account.
    pub last_modified: String,
    /// Its secrets and clear values.
    pub keys: Vec<KeyRow>,
}

/// One who can open a file.
pub struct Reader {
    /// The name that the rules give them.
    pub name: Option<String>,
    /// The kind of key: `age`, `kms` …
    pub kind: String,
    /// The public key or resource.
    pub id: String,
    /// The number of the key group, from 1, where there are several.
    pub group: Option<usize>,
}

/// One value.
pub struct KeyRow {
    /// Where it stands.
    pub path: KeyPath,
    /// Its type, as SOPS names it; `null` for nothing.
    pub kind: &'static str,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Whether it is empty: SOPS never encrypts nothing.
    pub empty: bool,
    /// What the ledger says of it, where one is kept and it is encrypted.
    pub rotation: Option<Rotation>,
}

/// How a secret stands in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Its version, from 1; `None` where no event speaks of it.
    pub version: Option<usize>,
    /// When it was last rotated, as far as is known.
    pub rotated: Option<Timestamp>,
    /// How it stands with its cadence.
    pub cadence: Cadence,
    /// Whether its last change is not in the ledger, or nobody has said what it was.
    pub unexplained: bool,
}

/// The files of one ledger: each entry's number, what the ledger calls it, and its values.
type Kept = (Ledger, Vec<(usize, String, Vec<Leaf>)>);

impl App<'_> {
    /// The inventory of the given files and directories; without any, of all below the working
    /// directory. Files that cannot be read are returned beside those that can.
    pub fn inventory(
        &self,
        arguments: &[PathBuf],
        format: Option<Format>,
    ) -> Result<(Vec<FileEntry>, Vec<Failure>), Failure> {
        let paths = if arguments.is_empty() {
            self.sealed_below(Path::new("."))?
        } else {
            self.targets(arguments, Wanted::Sealed)?
        };
        let mut entries = Vec::new();
        let mut failures = Vec::new();
        let mut kept: BTreeMap<PathBuf, Kept> = BTreeMap::new();
        for path in paths {
            match self
                .read_sealed(&path, format)
                .and_then(|sealed| Ok((self.entry(&path, &sealed)?, sealed)))
            {
                Ok((entry, sealed)) => {
                    match self.book_of(&path) {
                        Ok(Some((ledger, name))) => {
                            let here = kept.entry(ledger.root.clone());
                            let (_, files) = here.or_insert_with(|| (ledger, Vec::new()));
                            files.push((entries.len(), name, leaves(&sealed.tree)));
                        }
                        Ok(None) => {}
                        Err(failure) => failures.push(failure),
                    }
                    entries.push(entry);
                }
                Err(failure) => failures.push(failure),
            }
        }
        for (ledger, files) in kept.values() {
            if let Err(failure) = self.rotations(ledger, files, &mut entries) {
                failures.push(failure);
            }
        }
        Ok((entries, failures))
    }

    /// Says of each encrypted value what the ledger knows.
    fn rotations(
        &self,
        ledger: &Ledger,
        files: &[(usize, String, Vec<Leaf>)],
        entries: &mut [FileEntry],
    ) -> Result<(), Failure> {
        const SOON: Duration = Duration::from_hours(14 * 24);
        let events = self.all_events(ledger)?;
        let chain = Chain::new(&events);
        let now = clock::now();
        for (number, name, leaves) in files {
            let Some(entry) = entries.get_mut(*number) else {
                continue;
            };
            let leaves: HashMap<&str, &Leaf> = leaves
                .iter()
                .map(|leaf| (leaf.key.as_str(), leaf))
                .collect();
            let environment = entry.environment.clone();
            for row in entry.keys.iter_mut().filter(|row| row.encrypted) {
                let Some(leaf) = leaves.get(row.path.to_string().as_str()) else {
                    continue;
                };
                let policy = self.secret_policy(&entry.path, environment.as_deref(), &row.path);
                let stands = Stands::of(&chain, name, leaf);
                row.rotation = Some(Rotation {
                    version: stands.version,
                    rotated: stands.since,
                    cadence: Cadence::of(stands.since, policy.rotate_every, now, SOON),
                    unexplained: stands.unexplained,
                });
            }
        }
        Ok(())
    }

    fn entry(&self, path: &Path, sealed: &Sealed) -> Result<FileEntry, Failure> {
        let policy = self.policy_if_any(path)?;
        let groups = sealed.metadata.groups()?;
        let several = groups.len() > 1;
        let recipients = groups
            .iter()
            .enumerate()
            .flat_map(|(number, group)| {
                group
                    .iter()
                    .map(move |entry| (several.then_some(number + 1), entry))
            })
            .map(|(group, entry)| {
                let id = entry.recipient();
                Reader {
                    name: self.register_name(path, &id),
                    kind: entry.kind.clone(),
                    id,
                    group,
                }
            })
            .collect();
        Ok(FileEntry {
            path: path.into(),
            format: sealed.format,
            environment: policy
                .as_ref()
                .and_then(|policy| policy.environment.clone()),
            recipients,
            shape: Shape::new(groups.len(), sealed.metadata.threshold()?),
            last_modified: sealed.metadata.last_modified().unwrap_or_default().into(),
            keys: rows(sealed),
        })
    }
}

/// The key paths of a file's encrypted values.
pub(super) fn secrets(sealed: &Sealed) -> Vec<String> {
    let rows = rows(sealed).into_iter().filter(|row| row.encrypted);
    rows.map(|row| row.path.to_string()).collect()
}

fn rows(sealed: &Sealed) -> Vec<KeyRow> {
    let tree = &sealed.tree;
    tree.items
        .iter()
        .filter_map(|item| {
            let empty = matches!(&item.body, Body::Leaf(value) if value.bytes.is_empty());
            let (kind, encrypted) = match &item.body {
                Body::Leaf(value) => match Envelope::parse(value.bytes.as_bytes()) {
                    Some(envelope) if envelope.kind == Kind::Comment => return None,
                    Some(envelope) => (kind_name(envelope.kind), true),
                    None => (kind_name(value.kind), false),
                },
                Body::Null => ("null", false),
                Body::Open(_) | Body::Comment(_) => return None,
            };
            Some(KeyRow {
                path: tree.path(item),
                kind,
                encrypted,
                empty,
                rotation: None,
            })
        })
        .collect()
}
