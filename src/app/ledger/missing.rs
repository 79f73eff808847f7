//! The events that are missing about one file, before it is changed again or after it was repaired.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::Ledger;
use super::book::SecretFile;
use super::lineage::{Lineage, PARTIAL};
use super::store::event_step;
use crate::app::App;
use crate::error::Failure;
use crate::git::{self, WorkTree};
use crate::io::{clock, file};
use crate::ledger::chain::{Chain, Place, Standing};
use crate::ledger::event::Entry;
use crate::ledger::fingerprint::{Fingerprint, Leaf, leaves};
use crate::ledger::record::{Lost, Subject, missing};
use crate::ledger::verify::State;

impl App<'_> {
    /// Enters what was changed in a file that was written without the ledger, such as by a repair.
    pub(in crate::app) fn tell_of_changes(&self, path: &Path) -> Result<(), Failure> {
        let Some((ledger, name)) = self.book_of(path)? else {
            return Ok(());
        };
        let _held = self.hold(&ledger)?;
        let now = leaves(&self.read_sealed(path, None)?.tree);
        let entries = self.missing_before(&ledger, path, &name, &now)?;
        let mut steps = Vec::with_capacity(entries.len());
        for entry in &entries {
            steps.push(event_step(&ledger, entry)?);
        }
        if steps.is_empty() {
            return Ok(());
        }
        Ok(ledger.journal.write("the writing of events", &steps)?)
    }

    /// The events that are missing about a file that is about to be changed, so that the change does not
    /// hide them. Where git cannot tell, that is said.
    pub(super) fn missing_before(
        &self,
        ledger: &Ledger,
        path: &Path,
        name: &str,
        before: &[Leaf],
    ) -> Result<Vec<Entry>, Failure> {
        let known = self.all_events(ledger)?;
        let chain = Chain::new(&known);
        let agrees = |leaf: &Leaf| {
            let place = Place {
                file: name,
                key: &leaf.key,
            };
            matches!(
                chain.standing(place, leaf),
                Standing::Agrees | Standing::Heads(_)
            )
        };
        let there: HashSet<&str> = before.iter().map(|leaf| leaf.key.as_str()).collect();
        let went = chain.places_of(name).iter().any(|place| {
            let mut heads = chain.heads(*place).into_iter();
            !there.contains(place.key) && heads.any(|node| node.change.fingerprint.is_some())
        });
        if before.iter().all(agrees) && !went {
            return Ok(Vec::new());
        }
        let tree = git::work_tree_of(&ledger.root.join("any"))?;
        let told = if tree.as_ref().is_some_and(WorkTree::is_shallow) {
            None
        } else {
            let environment = self
                .policy_if_any(path)?
                .and_then(|policy| policy.environment);
            let file = SecretFile {
                path: path.to_owned(),
                environment,
                state: State {
                    file: name.to_owned(),
                    leaves: before.to_vec(),
                },
            };
            let lineage = Lineage::of(tree.as_ref(), HashSet::from([PathBuf::from(name)]), &chain)?;
            let lost = lost(&chain, &ledger.root);
            match self.missing_of(&chain, &file, &lineage, &lost) {
                Err(failure) if failure.code == PARTIAL => None,
                told => Some(told?),
            }
        };
        if told.is_none() {
            self.warn(
                format!(
                    "{}: it was changed without mvx, and this clone has not got the history that tells by whom",
                    path.display()
                ),
                ["`git fetch --unshallow`, and `mvx rotation record` before the next change".into()],
            );
        }
        Ok(told.unwrap_or_default())
    }

    /// The events that are missing about one file.
    pub(super) fn missing_of(
        &self,
        chain: &Chain<'_>,
        file: &SecretFile,
        lineage: &Lineage<'_>,
        lost: &HashMap<Fingerprint, Lost>,
    ) -> Result<Vec<Entry>, Failure> {
        let environment = file.environment.as_deref();
        let owner = |leaf: &Leaf| {
            let policy = self.secret_policy(&file.path, environment, &leaf.path);
            policy.owner
        };
        let current = self.read_sealed(&file.path, None)?;
        let (now, actor) = (clock::now(), self.actor());
        let told = lineage.versions(file, &current, (now, &actor))?;
        let subject = Subject {
            file: &file.state.file,
            environment,
            versions: &told.versions,
            ivs: &told.ivs,
            lost,
            owner: &owner,
        };
        Ok(missing(chain, &subject))
    }
}

/// The ciphertexts of files that the ledger knows and that are not there.
pub(super) fn lost(chain: &Chain<'_>, root: &Path) -> HashMap<Fingerprint, Lost> {
    let mut lost = HashMap::new();
    let mut gone: HashMap<&str, bool> = HashMap::new();
    for place in chain.places() {
        let is_gone = gone
            .entry(place.file)
            .or_insert_with(|| matches!(file::kind(&root.join(place.file)), Ok(None)));
        if !*is_gone {
            continue;
        }
        let heads = chain.heads(place);
        if let [only] = heads.as_slice()
            && let Some(print) = only.change.fingerprint.filter(|print| print.is_sealed())
        {
            let heads = vec![only.entry.id];
            let (file, key) = (place.file.to_owned(), place.key.to_owned());
            lost.insert(print, Lost { file, key, heads });
        }
    }
    lost
}
