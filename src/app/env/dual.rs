//! What a profile delivers beside a secret that was rotated: the value that it had before, as
//! `NAME_PREVIOUS`, while grace runs and where the secrets' policy says `dual = true`.

use std::path::Path;

use crate::app::App;
use crate::app::env::deliver::Depth;
use crate::app::env::profile::Chosen;
use crate::app::load::Sealed;
use crate::document::Kind;
use crate::error::Failure;
use crate::io::clock;
use crate::ledger::chain::{Chain, Node, Place, Standing};
use crate::ledger::due::is_kept;
use crate::ledger::fingerprint::{self, Leaf as Print};
use crate::render::flatten::{Leaf, as_text};
use crate::secret::Cleartext;

impl App<'_> {
    /// Puts behind the values of a file those that they replaced, as far as the policy has them
    /// delivered and they are still kept. Of a secret that has several heads nobody can tell what came
    /// before; of one that changed without an event neither.
    pub(super) fn with_replaced(
        &self,
        path: &Path,
        sealed: &Sealed,
        chosen: &Chosen,
        depth: Depth,
        leaves: Vec<Leaf>,
    ) -> Result<Vec<Leaf>, Failure> {
        if chosen.profile.dual == Some(false) || !chosen.rules.has_dual_policies() {
            return Ok(leaves);
        }
        let Some((ledger, name)) = self.book_of(path)? else {
            return Ok(leaves);
        };
        let known = self.events_of(&ledger, &name)?;
        let chain = Chain::new(&known);
        let prints = fingerprint::leaves(&sealed.tree);
        let mut all = Vec::with_capacity(leaves.len());
        for leaf in leaves {
            let key = leaf.key.clone();
            let old_name = (leaf.name.clone(), leaf.is_lossy);
            all.push(leaf);
            if self.policy_of(path, &key)?.dual != Some(true) {
                continue;
            }
            let found = prints.iter().find(|print| print.path == key);
            let Some(by) = found.and_then(|found| replaced_by(&chain, &name, found)) else {
                continue;
            };
            let (file, id) = (&by.event().file, by.entry.id);
            let (kind, value) = if depth == Depth::Sealed {
                if !ledger.keeps(file, id)? {
                    continue;
                }
                (Kind::Str, None)
            } else {
                match self.kept_value(&ledger, file, id, &by.change.key)? {
                    Some(old) => (old.kind, Some(as_text(old))),
                    None => continue,
                }
            };
            all.push(Leaf {
                name: old_name.0,
                is_lossy: old_name.1,
                is_previous: true,
                key,
                kind,
                is_empty: value.as_ref().is_some_and(Cleartext::is_empty),
                value,
                comments: Vec::new(),
            });
        }
        Ok(all)
    }
}

/// The event that gave a secret the value that stands there, where what it replaced is still kept.
fn replaced_by<'c>(chain: &'c Chain<'_>, file: &str, found: &Print) -> Option<&'c Node<'c>> {
    let place = Place {
        file,
        key: &found.key,
    };
    let heads = chain.heads(place);
    let [head] = heads.as_slice() else {
        return None;
    };
    if chain.standing(place, found) != Standing::Agrees {
        return None;
    }
    let version = head.version;
    let history = chain.history(&heads);
    let mut all = history.into_iter();
    let began =
        all.find(|node| node.version == version && node.event().action.makes_a_version())?;
    let until = began.event().grace_until?;
    is_kept(until, clock::now()).then_some(began)
}
