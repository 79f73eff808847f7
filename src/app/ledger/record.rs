//! `mvx rotation record` and `repair`: the events that are missing, told from git's history.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::book::{Book, SecretFile};
use super::rotate::{Why, said_well};
use super::store::event_step;
use crate::app::App;
use crate::app::load::parse_sealed;
use crate::error::{Exit, Failure};
use crate::git;
use crate::git::origins::Origin;
use crate::io::walk::{self, Ignored};
use crate::io::{clock, file, write};
use crate::ledger::chain::{Chain, Node, Place};
use crate::ledger::event::{Action, Change, Entry, Event};
use crate::ledger::fingerprint::{Fingerprint, Leaf, leaves};
use crate::ledger::record::{Ivs, Lost, Subject, Version, missing};
use crate::ledger::{DIRECTORY, PREVIOUS};
use crate::secret::Cleartext;
use crate::stores::Format;

/// Which events are to be entered.
pub struct Request<'a> {
    /// Only about these files and those below these directories; about all without any.
    pub files: &'a [PathBuf],
    /// Only about this key.
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
        let book = self.book()?;
        let names = wanted(&book, request)?;
        let mut entries = self.missing_events(&book, &names)?;
        if let Some(key) = request.key {
            entries.retain(|entry| entry.event.values.iter().any(|value| value.key == key));
        }
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
        let paths: HashSet<PathBuf> = names.iter().map(PathBuf::from).collect();
        let mut origins = match git::work_tree_of(&book.ledger.root.join("any"))? {
            Some(tree) => tree.origins(&paths)?,
            None => HashMap::new(),
        };
        let lost = lost(&chain, book);
        let mut entries = Vec::new();
        let mut moved: HashSet<(String, String)> = HashSet::new();
        for file in &book.files {
            let name = file.state.file.as_str();
            if !wanted.contains(name) {
                continue;
            }
            let origins = origins.remove(Path::new(name)).unwrap_or_default();
            let (versions, ivs) = self.versions_of(file, &origins, (now, &actor))?;
            let environment = file.environment.as_deref();
            let owner = |leaf: &Leaf| {
                let policy = self.secret_policy(&file.path, environment, &leaf.path);
                policy.owner
            };
            let subject = Subject {
                file: name,
                environment,
                versions: &versions,
                ivs: &ivs,
                lost: &lost,
                owner: &owner,
            };
            let new = missing(&chain, &subject);
            for value in new.iter().flat_map(|entry| &entry.event.values) {
                if let Some(from) = &value.from_file {
                    let key = value.from_key.as_ref().unwrap_or(&value.key);
                    moved.insert((from.clone(), key.clone()));
                }
            }
            entries.extend(new);
        }
        for name in names.iter().filter(|name| book.file(name).is_none()) {
            // One that cannot be read, or that no rule covers, has not gone.
            if file::kind(&book.ledger.root.join(name))?.is_some() {
                continue;
            }
            let removal = origins.get(Path::new(name)).and_then(|all| all.last());
            let removal = removal.filter(|origin| origin.bytes.is_none());
            let (at, actor) = removal.map_or((now, actor.clone()), |origin| {
                (time(origin, now), origin.author.clone())
            });
            entries.extend(deletion(&chain, name, (at, &actor), &moved));
        }
        Ok(entries)
    }

    /// The versions of a file that git remembers, and how it is now.
    fn versions_of(
        &self,
        file: &SecretFile,
        origins: &[Origin],
        (now, actor): (Timestamp, &str),
    ) -> Result<(Vec<Version>, Ivs), Failure> {
        let mut ivs = Ivs::default();
        let current = self.read_sealed(&file.path, None)?;
        ivs.add(&current.tree);
        let mut versions: Vec<Version> = Vec::new();
        for origin in origins {
            let Some(bytes) = &origin.bytes else {
                continue;
            };
            let Some(found) = version_leaves(&file.path, current.format, bytes, &mut ivs) else {
                continue;
            };
            versions.push(Version {
                at: time(origin, now),
                actor: origin.author.clone(),
                leaves: found,
            });
        }
        let known = versions
            .iter()
            .rev()
            .find(|one| one.leaves == file.state.leaves);
        let (at, actor) = known.map_or((now, actor.to_owned()), |one| (one.at, one.actor.clone()));
        if versions
            .last()
            .is_none_or(|last| last.leaves != file.state.leaves)
        {
            versions.push(Version {
                at,
                actor,
                leaves: file.state.leaves.clone(),
            });
        }
        Ok((versions, ivs))
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

/// What stood in a version; `None` where that cannot be told.
fn version_leaves(path: &Path, format: Format, bytes: &[u8], ivs: &mut Ivs) -> Option<Vec<Leaf>> {
    let name = path.display().to_string();
    let sealed = parse_sealed(&name, format, Cleartext::new(bytes.to_vec())).ok()?;
    ivs.add(&sealed.tree);
    Some(leaves(&sealed.tree))
}

/// When a commit was made; one from the future is from now.
fn time(origin: &Origin, now: Timestamp) -> Timestamp {
    Timestamp::from_second(origin.time).map_or(now, |at| at.min(now))
}

/// The ciphertexts of files that the ledger knows and that are not there.
fn lost(chain: &Chain<'_>, book: &Book) -> HashMap<Fingerprint, Lost> {
    let there: HashSet<&str> = book
        .files
        .iter()
        .map(|file| file.state.file.as_str())
        .collect();
    let mut lost = HashMap::new();
    let root = &book.ledger.root;
    let is_gone =
        |name: &str| !there.contains(name) && matches!(file::kind(&root.join(name)), Ok(None));
    for place in chain.places().filter(|place| is_gone(place.file)) {
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

/// The event that says that a file went, with all that is not told of otherwise.
fn deletion(
    chain: &Chain<'_>,
    file: &str,
    (at, actor): (Timestamp, &str),
    moved: &HashSet<(String, String)>,
) -> Option<Entry> {
    let mut event = Event::new(at, actor, Action::Delete, file);
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
