//! What the events say of each secret: they chain by `rotated_from`, and what nothing supersedes is
//! what holds.
//!
//! No clock decides anything here. Two branches that changed one secret leave two heads, which are
//! shown as two until an event supersedes both.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use jiff::Timestamp;

use super::event::{Action, Change, Entry, Event};
use super::fingerprint::{Fingerprint, Leaf};
use super::id::Id;

/// The events of a repository, chained.
pub struct Chain<'a> {
    nodes: Vec<Node<'a>>,
    /// Of each file and each key in it the nodes, in the order of the events.
    places: HashMap<&'a str, HashMap<&'a str, Vec<usize>>>,
    by_id: HashMap<Id, &'a Entry>,
    /// The nodes of what superseded something that is not there.
    dangling: Vec<(usize, Id)>,
}

/// Where a secret stands: a file and a key path, as events name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place<'a> {
    /// The file, from the repository's root.
    pub file: &'a str,
    /// The key path, as it is shown.
    pub key: &'a str,
}

/// What one event did to one value.
pub struct Node<'a> {
    /// The event.
    pub entry: &'a Entry,
    /// What it did.
    pub change: &'a Change,
    /// What it supersedes: nodes of the chain.
    pub before: Vec<usize>,
    /// Whether something supersedes it.
    pub superseded: bool,
    /// The number of the value in its chain, from 1. For people: two branches give the same ones.
    pub version: usize,
    /// How many events led to it at most.
    pub depth: usize,
    /// When the value was new, as far as that is known: what a due date is counted from.
    pub since: Option<Timestamp>,
    /// The first node with the very same ciphertext, where that is another one: nothing is ever
    /// encrypted to the same text twice, so that this is no new value, whatever the event says.
    pub origin: Option<usize>,
}

impl<'a> Node<'a> {
    /// The event's content.
    pub fn event(&self) -> &'a Event {
        &self.entry.event
    }

    /// Where the secret stands after it.
    pub fn place(&self) -> Place<'a> {
        Place {
            file: &self.entry.event.file,
            key: &self.change.key,
        }
    }
}

impl<'a> Chain<'a> {
    /// Chains events. One that is there twice counts once.
    pub fn new(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut chain = Self {
            nodes: Vec::new(),
            places: HashMap::new(),
            by_id: HashMap::new(),
            dangling: Vec::new(),
        };
        let mut known: HashMap<(Id, Place<'a>), usize> = HashMap::new();
        for entry in entries {
            if chain.by_id.insert(entry.id, entry).is_some() {
                continue;
            }
            let of_file = chain.places.entry(&entry.event.file).or_default();
            for change in &entry.event.values {
                let node = Node {
                    entry,
                    change,
                    before: Vec::new(),
                    superseded: false,
                    version: 0,
                    depth: 0,
                    since: None,
                    origin: None,
                };
                let (place, number) = (node.place(), chain.nodes.len());
                // A key that an event names twice is none of mvx's doing; the first one counts.
                if known.contains_key(&(entry.id, place)) {
                    continue;
                }
                known.insert((entry.id, place), number);
                of_file.entry(place.key).or_default().push(number);
                chain.nodes.push(node);
            }
        }
        chain.link(&known);
        chain.count(&known);
        chain
    }

    /// Everything that happened to any value, in the order of the events.
    pub fn nodes(&self) -> &[Node<'a>] {
        &self.nodes
    }

    /// One of them.
    pub fn node(&self, number: usize) -> Option<&Node<'a>> {
        self.nodes.get(number)
    }

    /// The event with this id.
    pub fn entry(&self, id: Id) -> Option<&'a Entry> {
        self.by_id.get(&id).copied()
    }

    /// What holds at a place: nothing where no event speaks of it or what was there has moved away,
    /// one node, or as many as branches changed it.
    pub fn heads(&self, place: Place<'_>) -> Vec<&Node<'a>> {
        let nodes = self.at(place).iter();
        let nodes = nodes.filter_map(|number| self.nodes.get(*number));
        nodes.filter(|node| !node.superseded).collect()
    }

    /// Holds what stands at a place against its events.
    pub fn standing(&self, place: Place<'_>, leaf: &Leaf) -> Standing {
        let twin = leaf.twin && self.held_beside(place, leaf.fingerprint).is_some();
        standing(&self.heads(place), leaf.fingerprint, twin)
    }

    /// Since when the value is what it is that stands at a place: of several that it may be, the oldest. An
    /// event of a change that never was renews nothing.
    pub fn since(&self, place: Place<'_>, leaf: &Leaf) -> Option<Timestamp> {
        let heads = self.heads(place);
        let since: Option<Vec<_>> = heads.iter().map(|node| node.since).collect();
        let since = since.and_then(|all| all.into_iter().min());
        if heads
            .iter()
            .all(|node| node.change.fingerprint == Some(leaf.fingerprint))
        {
            return since;
        }
        let beside = leaf
            .twin
            .then(|| self.held_beside(place, leaf.fingerprint))
            .flatten();
        if let Some(beside) = beside {
            return since.min(beside.since);
        }
        self.stands(place, leaf).map_or(since, |node| node.since)
    }

    /// The last event of a place after which this ciphertext stood there.
    pub fn stands(&self, place: Place<'_>, leaf: &Leaf) -> Option<&Node<'a>> {
        let heads = self.heads(place);
        let holds = |node: &&Node<'a>| node.change.fingerprint == Some(leaf.fingerprint);
        // Nearly every value is as its head says.
        if let Some(head) = heads.iter().copied().find(holds) {
            return Some(head);
        }
        self.history(&heads).into_iter().rev().find(holds)
    }

    /// What says of another item of the same list that it has this ciphertext.
    fn held_beside(&self, place: Place<'_>, print: Fingerprint) -> Option<&Node<'a>> {
        let list = place.key.rfind('[').and_then(|at| place.key.get(..=at))?;
        let mut items = self.places.get(place.file)?.iter().filter(|(key, _)| {
            let number = key
                .strip_prefix(list)
                .and_then(|rest| rest.strip_suffix(']'));
            number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
        });
        items.find_map(|(key, numbers)| {
            let mut nodes = numbers.iter().filter_map(|number| self.nodes.get(*number));
            let holds = |node: &&Node<'a>| {
                !node.superseded && node.change.fingerprint == Some(print) && *key != place.key
            };
            nodes.find(holds)
        })
    }

    /// All places at which something holds, each once.
    pub fn places(&self) -> impl Iterator<Item = Place<'a>> {
        let live = |numbers: &Vec<usize>| {
            let mut nodes = numbers.iter().filter_map(|number| self.nodes.get(*number));
            nodes.any(|node| !node.superseded)
        };
        self.places.iter().flat_map(move |(file, keys)| {
            let keys = keys.iter().filter(move |(_, numbers)| live(numbers));
            keys.map(|(key, _)| Place { file, key })
        })
    }

    /// Those of one file, in the order of their keys.
    pub fn places_of(&self, file: &str) -> Vec<Place<'a>> {
        let Some((file, keys)) = self.places.get_key_value(file) else {
            return Vec::new();
        };
        let mut places: Vec<Place<'a>> = keys.keys().map(|key| Place { file, key }).collect();
        places.retain(|place| !self.heads(*place).is_empty());
        places.sort();
        places
    }

    /// The keys of a file that any event speaks of, in their order.
    pub fn keys_of(&self, file: &str) -> Vec<&'a str> {
        let keys = self.places.get(file).into_iter().flatten();
        let mut keys: Vec<&'a str> = keys.map(|(key, _)| *key).collect();
        keys.sort_unstable();
        keys
    }

    /// Whether any event speaks of a file.
    pub fn knows_file(&self, file: &str) -> bool {
        self.places.contains_key(file)
    }

    /// Nodes that supersede an event which is not there, and that event.
    pub fn dangling(&self) -> impl Iterator<Item = (&Node<'a>, Id)> {
        let all = self.dangling.iter();
        all.filter_map(|(number, id)| Some((self.nodes.get(*number)?, *id)))
    }

    /// A node and all that it came from, oldest first: what comes before something stands before it,
    /// and of what can stand in either order the older event comes first.
    pub fn history<'b>(&'b self, of: &[&'b Node<'a>]) -> Vec<&'b Node<'a>> {
        let came_from = |node: &Node<'a>| {
            let own = node.place();
            let mut from = node.before.clone();
            from.retain(|number| {
                let before = self.nodes.get(*number);
                before.is_some_and(|before| !replaces(node, before, own))
            });
            from
        };
        let mut open: Vec<usize> = of.iter().flat_map(|node| came_from(node)).collect();
        let mut seen: HashSet<usize> = HashSet::new();
        while let Some(number) = open.pop() {
            if seen.insert(number)
                && let Some(node) = self.nodes.get(number)
            {
                open.extend(came_from(node));
            }
        }
        let earlier = seen.iter().filter_map(|number| self.nodes.get(*number));
        let mut all: Vec<&Node<'a>> = earlier.chain(of.iter().copied()).collect();
        // What came of something has more events before it.
        all.sort_by_key(|node| (node.depth, node.event().at, node.entry.id));
        all.dedup_by(|a, b| std::ptr::eq(*a, *b));
        all
    }

    /// The node of the event with this id among a node's own history.
    pub fn find(&self, id: Id, place: Place<'_>) -> Option<&Node<'a>> {
        let mut nodes = self.at(place).iter();
        nodes.find_map(|number| self.nodes.get(*number).filter(|node| node.entry.id == id))
    }

    fn at(&self, place: Place<'_>) -> &[usize] {
        let found = self
            .places
            .get(place.file)
            .and_then(|keys| keys.get(place.key));
        found.map_or(&[], Vec::as_slice)
    }

    /// Finds what each node supersedes.
    fn link(&mut self, known: &HashMap<(Id, Place<'a>), usize>) {
        let mut superseded = Vec::new();
        for (number, node) in self.nodes.iter_mut().enumerate() {
            let own = node.place();
            let change = node.change;
            let old = Place {
                file: change.from_file.as_deref().unwrap_or(own.file),
                key: change.from_key.as_deref().unwrap_or(own.key),
            };
            let from = change.rotated_from.iter().map(|id| (*id, old));
            for (id, place) in from.chain(change.replaces.iter().map(|id| (*id, own))) {
                match known.get(&(id, place)) {
                    Some(before) if *before != number => {
                        node.before.push(*before);
                        superseded.push(*before);
                    }
                    _ => self.dangling.push((number, id)),
                }
            }
        }
        for number in superseded {
            if let Some(node) = self.nodes.get_mut(number) {
                node.superseded = true;
            }
        }
    }

    /// Counts versions and finds out since when values are what they are, from the oldest node on.
    /// An id is a hash, so that no event can be made that comes before itself.
    fn count(&mut self, known: &HashMap<(Id, Place<'a>), usize>) {
        let mut waiting: Vec<usize> = self.nodes.iter().map(|node| node.before.len()).collect();
        let mut after: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        for (number, node) in self.nodes.iter().enumerate() {
            for before in &node.before {
                if let Some(after) = after.get_mut(*before) {
                    after.push(number);
                }
            }
        }
        let mut by_entry: HashMap<Id, Vec<usize>> = HashMap::new();
        for (number, node) in self.nodes.iter().enumerate() {
            by_entry.entry(node.entry.id).or_default().push(number);
        }
        // Of what can come in either order the older event comes first: a copy is not what it was
        // copied from.
        let order = |number: usize, nodes: &[Node<'a>]| {
            let entry = nodes.get(number).map(|node| node.entry);
            Reverse((entry.map(|entry| (entry.event.at, entry.id)), number))
        };
        let mut ready: BinaryHeap<_> = (0..self.nodes.len())
            .filter(|number| waiting.get(*number) == Some(&0))
            .map(|number| order(number, &self.nodes))
            .collect();
        let mut firsts: HashMap<Fingerprint, usize> = HashMap::new();
        while let Some(Reverse((_, number))) = ready.pop() {
            if let Some(node) = self.nodes.get_mut(number) {
                let sealed = node.change.fingerprint.filter(|print| print.is_sealed());
                let first = sealed.map(|print| *firsts.entry(print).or_insert(number));
                node.origin = first.filter(|first| *first != number);
            }
            let counted = self.nodes.get(number).map(|node| {
                let before = node
                    .before
                    .iter()
                    .filter_map(|number| self.nodes.get(*number));
                let depth = before.map(|node| node.depth + 1).max().unwrap_or(0);
                (
                    self.version_of(node),
                    depth,
                    self.since_of(node, known, &by_entry),
                )
            });
            if let (Some(node), Some(counted)) = (self.nodes.get_mut(number), counted) {
                (node.version, node.depth, node.since) = counted;
            }
            for next in after.get(number).into_iter().flatten() {
                if let Some(left) = waiting.get_mut(*next) {
                    *left -= 1;
                    if *left == 0 {
                        ready.push(order(*next, &self.nodes));
                    }
                }
            }
        }
    }

    /// What a node came from: not what was at its place before it moved there.
    fn before(&self, node: &Node<'a>) -> impl Iterator<Item = &Node<'a>> {
        let own = node.place();
        let before = node.before.iter();
        let before = before.filter_map(|number| self.nodes.get(*number));
        before.filter(move |before| !replaces(node, before, own))
    }

    /// The one before with the very ciphertext that stands there after it.
    pub fn twin(&self, node: &Node<'a>) -> Option<&Node<'a>> {
        let sealed = node.change.fingerprint.filter(|print| print.is_sealed())?;
        let mut before = self.before(node);
        before.find(|before| before.change.fingerprint == Some(sealed))
    }

    /// Whether an event says of a change that was there already what it had been.
    pub fn is_explanation(&self, node: &Node<'a>) -> bool {
        self.explained(node).is_some()
    }

    /// The unknown change of which an event says what it had been. Since then the value may have got
    /// other ciphertexts.
    fn explained(&self, node: &Node<'a>) -> Option<&Node<'a>> {
        if node.event().action != Action::Rotate {
            return None;
        }
        let mut at = self.twin(node)?;
        while at.event().action.keeps_the_value() {
            let [only] = at.before.as_slice() else {
                return None;
            };
            at = self.nodes.get(*only)?;
        }
        // An unknown change to a ciphertext that was there before is no change.
        (at.event().action == Action::Unknown && at.origin.is_none()).then_some(at)
    }

    fn version_of(&self, node: &Node<'a>) -> usize {
        let before = self.before(node).map(|node| node.version).max();
        let Some(before) = before else {
            return 1;
        };
        let new = node.event().action.makes_a_version() && self.twin(node).is_none();
        before + usize::from(new)
    }

    fn since_of(
        &self,
        node: &Node<'a>,
        known: &HashMap<(Id, Place<'a>), usize>,
        by_entry: &HashMap<Id, Vec<usize>>,
    ) -> Option<Timestamp> {
        let event = node.event();
        // Of several the oldest, and nothing where of one of them nothing is known.
        let oldest = || {
            let before: Option<Vec<Timestamp>> = self.before(node).map(|node| node.since).collect();
            before.and_then(|all| all.into_iter().min())
        };
        // The same ciphertext is the same value, and as old, whatever an event calls it.
        let ciphertext = || {
            let first = node.origin.and_then(|first| self.nodes.get(first));
            self.twin(node).or(first).map(|same| same.since)
        };
        match event.action {
            Action::Rotate if self.explained(node).is_some() => {
                self.explained(node).map(|unknown| unknown.event().at)
            }
            Action::Rotate | Action::Create => ciphertext().unwrap_or(Some(event.at)),
            Action::Rollback | Action::Restore => match (ciphertext(), node.change.restores) {
                (Some(since), _) => since,
                (None, None) => oldest(),
                (None, Some(_)) if event.action == Action::Restore && !node.before.is_empty() => {
                    oldest()
                }
                (None, Some(restored)) => {
                    let place = node.place();
                    let here = known.get(&(restored, place)).copied();
                    // It may have had another name then.
                    let all = by_entry
                        .get(&restored)
                        .map(Vec::as_slice)
                        .unwrap_or_default();
                    let of_file = |number: &usize| {
                        let node = self.nodes.get(*number);
                        node.is_some_and(|node| node.place().file == place.file)
                    };
                    let elsewhere = || all.iter().copied().find(of_file).or(all.first().copied());
                    let restored = here.or_else(elsewhere);
                    match restored.and_then(|number| self.nodes.get(number)) {
                        Some(restored) => restored.since,
                        None => oldest(),
                    }
                }
            },
            Action::Unknown
            | Action::Delete
            | Action::Rekey
            | Action::Grant
            | Action::Revoke
            | Action::Verify
            | Action::Move
            | Action::Expire => ciphertext().unwrap_or_else(oldest),
        }
    }
}

/// Whether a node was only at the place to which another one moved.
fn replaces(node: &Node<'_>, before: &Node<'_>, own: Place<'_>) -> bool {
    node.change.replaces.contains(&before.entry.id) && before.place() == own
}

/// What stands at a key of a file, held against what its events say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is what the one head says.
    Agrees,
    /// No event speaks of it.
    Unknown,
    /// There is one head, and the value is another one.
    Differs,
    /// There are several heads; whether the value is that of one of them.
    Heads(bool),
}

/// Compares what stands at a place with what holds there. `twin` says that an equal item of the same
/// list has this ciphertext by its own events.
pub fn standing(heads: &[&Node<'_>], found: Fingerprint, twin: bool) -> Standing {
    let holds = |node: &&&Node<'_>| node.change.fingerprint == Some(found);
    match heads {
        [] => Standing::Unknown,
        [one] if one.change.fingerprint.is_none() => Standing::Unknown,
        [one] if holds(&one) => Standing::Agrees,
        // sops has given it the ciphertext of its equal in the same list.
        [one] if twin && one.change.fingerprint.is_some_and(Fingerprint::is_sealed) => {
            Standing::Agrees
        }
        [_] => Standing::Differs,
        // Two people entered the same change.
        several if found.is_sealed() && several.iter().all(|node| holds(&node)) => Standing::Agrees,
        several => Standing::Heads(several.iter().any(|node| holds(&node))),
    }
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
