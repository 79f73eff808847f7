//! `mvx restore`: what was deleted comes back while it is kept.

use std::collections::HashSet;
use std::path::Path;

use super::previous::names_of_file;
use super::rotate::{Why, said_well};
use super::store::Purpose;
use super::versions::gone;
use crate::app::App;
use crate::app::change::Outcome;
use crate::document::{Kind, Value};
use crate::error::{Exit, Failure};
use crate::io::clock;
use crate::keypath::KeyPath;
use crate::ledger::chain::{Chain, Node};
use crate::ledger::due::is_kept;
use crate::ledger::event::Action;
use crate::ledger::fingerprint::Fingerprint;
use crate::sops::change::node_at;
use crate::sops::store::NewNode;

impl App<'_> {
    /// Brings a deleted secret back, or all that was deleted with a map or list; where it was, or at
    /// another place, which must be free.
    pub fn restore(
        &self,
        path: &Path,
        key: &KeyPath,
        to: Option<&KeyPath>,
        why: Why<'_>,
    ) -> Result<Outcome, Failure> {
        said_well(why, &[])?;
        let (ledger, name) = self.kept_ledger(path)?;
        let entries = self.all_events(&ledger)?;
        let chain = Chain::new(&entries);
        let names = names_of_file(&entries, &name);
        let deletions = deletions(&chain, &names, key);
        let Some(by) = deletions.first().map(|node| node.entry) else {
            let message = format!("the ledger tells of no deletion of `{key}`");
            return Err(Failure::new(Exit::UNCHANGED, "not-deleted", message)
                .at(path.display())
                .hint(format!("`mvx history FILE {key}` tells what became of it")));
        };
        let free = to.unwrap_or(key);
        let moved = deletions.iter().filter(|node| node.superseded);
        if to.is_none() && moved.count() > 0 {
            let message = format!("something else stands at `{key}` now");
            return Err(Failure::new(Exit::NO, "not-free", message)
                .at(path.display())
                .hint(format!(
                    "`mvx restore FILE {key} --to OTHER` puts it elsewhere"
                )));
        }
        let mut values: Vec<(KeyPath, NewNode)> = Vec::new();
        for node in &deletions {
            let until = node.event().grace_until;
            let old = match until.filter(|until| is_kept(*until, clock::now())) {
                Some(_) => {
                    let file = &node.event().file;
                    self.kept_value(&ledger, file, node.entry.id, &node.change.key)?
                }
                // Nothing needs to be kept of an empty text.
                None => was_empty(&chain, node).then(|| Value::new(Kind::Str, "")),
            };
            let value = old.ok_or_else(|| gone(path, key, node.version))?;
            said_well(why, &[&value.bytes])?;
            let at = KeyPath::parse(&node.change.key)?;
            let below = at.segments.get(key.segments.len()..).unwrap_or_default();
            let at = KeyPath {
                document: free.document,
                segments: [free.segments.as_slice(), below].concat(),
            };
            values.push((at, NewNode::Value(value)));
        }
        let purpose = Purpose {
            came: Action::Restore,
            changed: Action::Restore,
            restores: Some(by.id),
            reason: why.reason.map(str::to_owned),
            note: why.note.map(str::to_owned),
            ..Purpose::of("mvx restore")
        };
        self.update(path, None, &purpose, |file, sealer, open| {
            self.record_keys(&file.sealed.name, [key.to_string()]);
            crate::app::place::settable(file, free)?;
            if node_at(open, free).is_some() {
                let message = format!("something stands at `{free}` already");
                return Err(Failure::new(Exit::NO, "not-free", message).at(path.display()));
            }
            Ok((sealer.set(open, &values)?, Vec::new()))
        })
    }
}

/// What the latest event deleted at or below a key: that of which something may still be kept.
fn deletions<'c, 'a>(
    chain: &'c Chain<'a>,
    files: &HashSet<&str>,
    key: &KeyPath,
) -> Vec<&'c Node<'a>> {
    let deleted = |node: &&Node<'a>| {
        node.event().action == Action::Delete
            && files.contains(node.event().file.as_str())
            && KeyPath::parse(&node.change.key).is_ok_and(|path| path.is_within(key))
    };
    let all: Vec<&Node<'a>> = chain.nodes().iter().filter(deleted).collect();
    // What was restored is there again.
    let restored = |node: &&&Node<'a>| {
        !chain.nodes().iter().any(|later| {
            later.event().action == Action::Restore
                && later.change.restores == Some(node.entry.id)
                && later.change.key == node.change.key
        })
    };
    let open = all.iter().filter(restored);
    let last = open.max_by_key(|node| (node.event().at, node.depth, node.entry.id));
    let Some(last) = last.map(|node| node.event()) else {
        return Vec::new();
    };
    // One command may have made several events.
    let of_it = |node: &&Node<'a>| node.event().at == last.at && node.event().actor == last.actor;
    all.iter().filter(restored).copied().filter(of_it).collect()
}

/// Whether an event took an empty text away.
fn was_empty(chain: &Chain<'_>, node: &Node<'_>) -> bool {
    let mut before = node.before.iter().filter_map(|number| chain.node(*number));
    before.any(|before| before.change.fingerprint == Some(Fingerprint::Empty))
}
