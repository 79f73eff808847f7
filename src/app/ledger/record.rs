//! `mvx rotation record` and `repair`: the events that are missing, told from git's history.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::book::Book;
use super::lineage::Lineage;
use super::missing::lost;
use super::rotate::{Why, said_well};
use super::store::event_step;
use crate::app::App;
use crate::error::{Exit, Failure};
use crate::git;
use crate::io::walk::{self, Ignored};
use crate::io::{clock, file, write};
use crate::ledger::chain::{Chain, Node, Place};
use crate::ledger::event::{Action, Change, Entry, Event};
use crate::ledger::{DIRECTORY, PREVIOUS};

/// Which events are to be entered.
pub struct Request<'a> {
    /// Only about these files and those below these directories; about all without any.
    pub files: &'a [PathBuf],
    /// Only of this key the unknown change is explained.
    pub key: Option<&'a str>,
    /// What unknown changes were: they count as rotations from then on.
    pub reason: Option<&'a str>,
    /// What else there is to say of those.
    pub note: Option<&'a str>,
    /// Whether nothing is written.
    pub dry_run: bool,
}

/// What was entered.
pub struct Recorded {
    /// The events.
    pub entries: Vec<Entry>,
    /// Files of the ledger that were committed, and had been removed or edited: they are as they were.
    pub brought_back: Vec<String>,
    /// Secret files that cannot be read, and of which nothing is told.
    pub unreadable: Vec<Failure>,
    /// How many values changed in a way that nobody has explained.
    pub unexplained: usize,
}

impl App<'_> {
    /// Enters what is missing in the ledger; begins one where there is none.
    pub fn record_events(&self, request: &Request<'_>) -> Result<Recorded, Failure> {
        let why = Why {
            reason: request.reason,
            note: request.note,
            ..Why::default()
        };
        said_well(why, &[])?;
        let ledger = self.ledger_here()?;
        let held = self.hold(&ledger)?;
        let brought_back = self.bring_back(request.dry_run)?;
        let book = self.book()?;
        let names = wanted(&book, request)?;
        let mut entries = self.missing_events(&book, &names)?;
        let all: Vec<Entry> = book
            .read
            .events
            .iter()
            .map(|stored| stored.entry.clone())
            .chain(entries.iter().cloned())
            .collect();
        if request.reason.is_some() {
            entries.extend(self.explanations(&Chain::new(&all), &names, request));
        }
        let all: Vec<&Entry> = all.iter().chain(&entries).collect();
        let chain = Chain::new(all);
        let unexplained = names
            .iter()
            .flat_map(|file| chain.places_of(file))
            .filter(|place| unknown_change(&chain, *place).is_some())
            .count();
        if !request.dry_run {
            write_events(&book, &entries)?;
        }
        drop(held);
        Ok(Recorded {
            entries,
            brought_back,
            unreadable: book.unreadable,
            unexplained,
        })
    }

    /// Finishes what a run had begun that was killed; whether there was anything.
    pub fn repair_ledger(&self) -> Result<bool, Failure> {
        let ledger = self.ledger_here()?;
        let pending = ledger.is_pending()?;
        let held = self.hold(&ledger)?;
        let mut repaired = pending;
        for inside in [DIRECTORY, PREVIOUS] {
            ledger.has_no_links(inside)?;
            let place = ledger.root.join(inside);
            if file::kind(&place)? != Some(file::Kind::Directory) {
                continue;
            }
            for path in walk::files(&place, Ignored::OwnToo)? {
                if write::is_left_over(&path) {
                    file::remove(&path)?;
                    repaired = true;
                }
            }
        }
        drop(held);
        Ok(repaired)
    }

    /// The events that are missing about these files.
    fn missing_events(&self, book: &Book, names: &[String]) -> Result<Vec<Entry>, Failure> {
        let chain = book.chain();
        let wanted: HashSet<&str> = names.iter().map(String::as_str).collect();
        let now = clock::now();
        let actor = self.actor();
        let root = &book.ledger.root;
        let tree = git::work_tree_of(&root.join("any"))?;
        let paths: HashSet<PathBuf> = names.iter().map(PathBuf::from).collect();
        let lineage = Lineage::of(tree.as_ref(), paths, &chain)?;
        let lost = lost(&chain, root);
        let mut entries = Vec::new();
        let mut moved: HashSet<(String, String)> = HashSet::new();
        for file in &book.files {
            if !wanted.contains(file.state.file.as_str()) {
                continue;
            }
            let new = self.missing_of(&chain, file, &lineage, &lost)?;
            for value in new.iter().flat_map(|entry| &entry.event.values) {
                if let Some(from) = &value.from_file {
                    let key = value.from_key.as_ref().unwrap_or(&value.key);
                    moved.insert((from.clone(), key.clone()));
                }
            }
            entries.extend(new);
        }
        for name in names.iter().filter(|name| book.file(name).is_none()) {
            let path = self.relative(&root.join(name));
            let mut note = None;
            if file::kind(&path)?.is_some() {
                // One that cannot be read has not gone.
                if self.is_covered(&path).unwrap_or(true) {
                    continue;
                }
                note = Some("no rule covers the file any more");
            } else if let Some(tree) = &tree
                && tree.is_skipped(Path::new(name))?
            {
                continue;
            }
            let (at, actor) = lineage.removal(name, now).unwrap_or((now, actor.clone()));
            entries.extend(deletion(&chain, name, (at, &actor, note), &moved));
        }
        if !entries.is_empty() && tree.is_some_and(|tree| tree.is_shallow()) {
            let message = "the clone is shallow, so that git's history cannot tell what is missing";
            return Err(Failure::new(Exit::IO, "shallow-clone", message)
                .at(root.display())
                .hint("`git fetch --unshallow` gets all of it"));
        }
        Ok(entries)
    }

    /// Events that say what unknown changes were.
    fn explanations(
        &self,
        chain: &Chain<'_>,
        names: &[String],
        request: &Request<'_>,
    ) -> Vec<Entry> {
        let (now, actor) = (clock::now(), self.actor());
        let mut entries = Vec::new();
        for name in names {
            let mut groups: BTreeMap<(Option<String>, Option<String>), Event> = BTreeMap::new();
            for place in chain.places_of(name) {
                if request.key.is_some_and(|key| key != place.key) {
                    continue;
                }
                let Some(head) = unknown_change(chain, place) else {
                    continue;
                };
                let old = head.event();
                let group = (old.environment.clone(), old.owner.clone());
                let event = groups.entry(group).or_insert_with(|| {
                    let mut event = Event::new(now, &actor, Action::Rotate, name);
                    event.environment.clone_from(&old.environment);
                    event.owner.clone_from(&old.owner);
                    event.reason = request.reason.map(str::to_owned);
                    event.note = request.note.map(str::to_owned);
                    event
                });
                event.values.push(Change {
                    key: place.key.to_owned(),
                    from_key: None,
                    from_file: None,
                    rotated_from: vec![head.entry.id],
                    replaces: Vec::new(),
                    restores: None,
                    fingerprint: head.change.fingerprint,
                });
            }
            entries.extend(groups.into_values().map(Entry::new));
        }
        entries
    }
}

/// The names of the files that a request is about.
fn wanted(book: &Book, request: &Request<'_>) -> Result<Vec<String>, Failure> {
    let chain = book.chain();
    let mut names: Vec<String> = book
        .files
        .iter()
        .map(|one| one.state.file.clone())
        .collect();
    let there: HashSet<String> = names.iter().cloned().collect();
    let gone: HashSet<&str> = chain.places().map(|place| place.file).collect();
    names.extend(
        gone.into_iter()
            .filter(|name| !there.contains(*name))
            .map(str::to_owned),
    );
    names.sort();
    if request.files.is_empty() {
        return Ok(names);
    }
    let mut only = Vec::new();
    for path in request.files {
        let is_directory = file::kind(path)? == Some(file::Kind::Directory);
        let is_root = is_directory && file::canonical(path)? == book.ledger.root;
        let name = if is_root {
            Some(String::new())
        } else {
            book.ledger.name_of(path)?
        };
        let name = name.unwrap_or_default();
        let below = if name.is_empty() {
            name.clone()
        } else {
            format!("{name}/")
        };
        let count = only.len();
        let known = names
            .iter()
            .filter(|one| **one == name || (is_directory && one.starts_with(&below)));
        only.extend(known.cloned());
        if only.len() == count && !is_directory {
            let message = "no rule covers it, and no event tells of it";
            return Err(Failure::new(Exit::RULES, "not-covered", message).at(path.display()));
        }
    }
    Ok(only)
}

/// Writes events, all or none.
fn write_events(book: &Book, entries: &[Entry]) -> Result<(), Failure> {
    let mut steps = Vec::with_capacity(entries.len());
    for entry in entries {
        steps.push(event_step(&book.ledger, entry)?);
    }
    if steps.is_empty() {
        return Ok(());
    }
    let place = book.ledger.directory();
    file::create_directories(&place)?;
    Ok(book.ledger.journal.write("the writing of events", &steps)?)
}

/// The event that says that a file went, with all that is not told of otherwise.
fn deletion(
    chain: &Chain<'_>,
    file: &str,
    (at, actor, note): (Timestamp, &str, Option<&str>),
    moved: &HashSet<(String, String)>,
) -> Option<Entry> {
    let mut event = Event::new(at, actor, Action::Delete, file);
    event.note = note.map(str::to_owned);
    for place in chain.places_of(file) {
        let heads = chain.heads(place);
        let gone = heads.iter().all(|node| node.change.fingerprint.is_none());
        if gone || moved.contains(&(file.to_owned(), place.key.to_owned())) {
            continue;
        }
        event.environment = heads
            .first()
            .and_then(|node| node.event().environment.clone());
        event.values.push(Change {
            key: place.key.to_owned(),
            from_key: None,
            from_file: None,
            rotated_from: heads.iter().map(|node| node.entry.id).collect(),
            replaces: Vec::new(),
            restores: None,
            fingerprint: None,
        });
    }
    (!event.values.is_empty()).then(|| Entry::new(event))
}

/// The one head at a place, if it is an unknown change or came from one with the value as it was.
fn unknown_change<'c, 'a>(chain: &'c Chain<'a>, place: Place<'_>) -> Option<&'c Node<'a>> {
    let heads = chain.heads(place);
    let [head] = heads.as_slice() else {
        return None;
    };
    let mut at = *head;
    loop {
        if at.event().action == Action::Unknown {
            return Some(head);
        }
        if !at.event().action.keeps_the_value() {
            return None;
        }
        let [only] = at.before.as_slice() else {
            return None;
        };
        at = chain.node(*only)?;
    }
}
