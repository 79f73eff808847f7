//! Telling those who use a secret what became of it: `mvx notify`, and `--notify-now`.
//!
//! What is told on the default branch is what was committed there: the events come out of git, and not
//! out of the work tree, in which anything may lie.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use super::Ledger;
use super::deliver::{Delivery, Pace, deliver};
use super::destinations::Destination;
use crate::app::App;
use crate::error::{Exit, Failure};
use crate::git::below::BlobId;
use crate::git::snapshot::CommitId;
use crate::git::{self, WorkTree};
use crate::io::http::Client;
use crate::keypath::KeyPath;
use crate::ledger::DIRECTORY;
use crate::ledger::chain::Chain;
use crate::ledger::event::{Action, Change, Entry, Event, MOST_BYTES};
use crate::ledger::id::Id;
use crate::ledger::notice::{Notice, in_order, origins};
use crate::rules::Notify;

/// Which events are told.
#[derive(Clone, Copy)]
pub enum Which<'a> {
    /// Those that came since a commit, and that the present one has.
    Since(&'a str),
    /// Those of these ids, from the work tree.
    These(&'a [String]),
}

/// What is to be told, and to whom.
pub struct Plan {
    /// Each whom the rules name, in their order.
    pub mail: Vec<Mail>,
    /// How many events there are, told to anybody or not.
    pub events: usize,
    /// Files of the ledger that came and are no events which can be believed.
    pub strange: Vec<String>,
}

/// What is to be told to one.
pub struct Mail {
    /// The name in the rules.
    pub to: String,
    /// Where; or why it cannot be told.
    pub destination: Result<Destination, Failure>,
    /// What, in order.
    pub notices: Vec<Notice>,
}

/// Events, and what they came from.
#[derive(Default)]
struct Found {
    new: Vec<Entry>,
    earlier: Vec<Entry>,
    strange: Vec<String>,
}

impl App<'_> {
    /// What is to be told to those whom the rules name, or to `only` some of them.
    pub fn plan_notices(&self, which: Which<'_>, only: &[String]) -> Result<Plan, Failure> {
        let rules = self.rules_here()?;
        let notifies = chosen(self.notifies(&rules)?, only, &self.shown(&rules))?;
        let ledger = self.ledger_here()?;
        let found = match which {
            Which::Since(revision) => since(&ledger, revision)?,
            Which::These(ids) => self.these(&ledger, ids)?,
        };
        let notices = self.notices(&ledger, &found)?;
        let known = self.known_destinations()?;
        let mail = notifies.into_iter().map(|notify| Mail {
            to: notify.name.clone(),
            destination: self.destination(&known, &notify.name),
            notices: for_one(notify, &notices),
        });
        Ok(Plan {
            mail: mail.collect(),
            events: found.new.len(),
            strange: found.strange,
        })
    }

    /// Sends what is to be told. What became of it, for each of the plan; `step` is called for each
    /// message that has arrived.
    pub fn tell(
        &self,
        plan: &Plan,
        pace: Pace,
        step: &mut dyn FnMut(),
    ) -> Result<Vec<Delivery>, Failure> {
        let mail: Vec<_> = plan
            .mail
            .iter()
            .map(|mail| match &mail.destination {
                Ok(to) if !mail.notices.is_empty() => Some((to, mail.notices.as_slice())),
                _ => None,
            })
            .collect();
        if mail.iter().all(Option::is_none) {
            return Ok(mail.iter().map(|_| Delivery::default()).collect());
        }
        let client = Client::new(self.environment).map_err(|error| {
            Failure::new(Exit::NO, "not-delivered", error.to_string())
                .hint("check HTTPS_PROXY, HTTP_PROXY, SSL_CERT_FILE and SSL_CERT_DIR")
        })?;
        Ok(deliver(&client, &mail, pace, step))
    }

    /// Fails where nobody would be told of what is about to be done to a secret, or somebody could not be:
    /// before anything is done.
    pub fn can_tell(&self, path: &Path, key: &KeyPath, action: Action) -> Result<(), Failure> {
        let rules = self.rules_at(path)?;
        let users = self.policy_of(path, key)?.consumers.unwrap_or_default();
        let wants = |notify: &&Notify| {
            let events = notify.events.as_ref();
            let consumers = notify.consumers.as_ref();
            events.is_none_or(|events| events.contains(&action.word()))
                && consumers.is_none_or(|all| all.iter().any(|one| users.contains(one)))
        };
        let notifies: Vec<&Notify> = self.notifies(&rules)?.iter().filter(wants).collect();
        if notifies.is_empty() {
            let message = format!("nobody is told of a `{action}` of `{key}` by these rules");
            return Err(Failure::new(Exit::NO, "nobody-to-tell", message)
                .at(self.shown(&rules))
                .hint(
                    "a `[notify.NAME]` table names somebody; leave out `--notify-now` otherwise",
                ));
        }
        let known = self.known_destinations()?;
        for notify in notifies {
            self.destination(&known, &notify.name)?;
        }
        Ok(())
    }

    /// What is to be told of events that were written just now, about a file.
    pub fn plan_now(&self, path: &Path, events: &[Entry]) -> Result<Plan, Failure> {
        let rules = self.rules_at(path)?;
        let (ledger, _) = self.kept_ledger(path)?;
        let ids: Vec<String> = events.iter().map(|entry| entry.id.to_string()).collect();
        let found = self.these(&ledger, &ids)?;
        let notices = self.notices(&ledger, &found)?;
        let known = self.known_destinations()?;
        let mut plan = Plan {
            mail: Vec::new(),
            events: events.len(),
            strange: Vec::new(),
        };
        for notify in self.notifies(&rules)? {
            let notices = for_one(notify, &notices);
            if !notices.is_empty() {
                plan.mail.push(Mail {
                    to: notify.name.clone(),
                    destination: self.destination(&known, &notify.name),
                    notices,
                });
            }
        }
        Ok(plan)
    }

    /// The events of these ids, from the work tree: an id is a hash, so that nothing else can have it.
    fn these(&self, ledger: &Ledger, ids: &[String]) -> Result<Found, Failure> {
        let all = self.all_events(ledger)?;
        let mut found = Found::default();
        for id in ids {
            let mut events = all.iter();
            let entry = Id::parse(id).and_then(|id| events.find(|entry| entry.id == id));
            let entry = entry.ok_or_else(|| {
                Failure::new(Exit::NO, "no-event", format!("there is no event `{id}`"))
                    .hint("`mvx --json history FILE KEY` has the ids of a secret's events")
            })?;
            found.new.push(entry.clone());
        }
        found.new = in_order(found.new);
        found.earlier = all;
        Ok(found)
    }

    /// What is to be told of events, in order.
    fn notices(&self, ledger: &Ledger, found: &Found) -> Result<Vec<Notice>, Failure> {
        let chain = Chain::new(found.earlier.iter().chain(&found.new));
        let mut environments = HashMap::new();
        let mut users = |event: &Event, change: &Change| {
            let here = (event.file.as_str(), change.key.as_str());
            let file = change.from_file.as_deref().unwrap_or(&event.file);
            let before = (file, change.from_key.as_deref().unwrap_or(&change.key));
            let mut users: Vec<String> = Vec::new();
            // Who used it under its old name wants to know that it has another one.
            for (file, key) in [here, before] {
                let path = ledger.root.join(file);
                if !environments.contains_key(file) {
                    let policy = self.policy_if_any(&path)?;
                    let named = policy.and_then(|policy| policy.environment);
                    environments.insert(file.to_owned(), named);
                }
                let environment = environments.get(file).and_then(Option::as_deref);
                let environment = environment.or(event.environment.as_deref());
                let Ok(key) = KeyPath::parse(key) else {
                    continue;
                };
                let policy = self.secret_policy(&path, environment, &key);
                for user in policy.consumers.unwrap_or_default() {
                    if !users.contains(&user) {
                        users.push(user);
                    }
                }
            }
            Ok(users)
        };
        let new = found.new.iter();
        new.map(|entry| Notice::of(entry, &chain, &mut users))
            .collect()
    }
}

/// Those whom the rules name, or `only` some of them.
fn chosen<'r>(
    notifies: &'r [Notify],
    only: &[String],
    rules: &str,
) -> Result<Vec<&'r Notify>, Failure> {
    if notifies.is_empty() {
        let message = "the rules name nobody who is told";
        return Err(Failure::new(Exit::RULES, "nobody-to-tell", message)
            .at(rules)
            .hint("`[notify.NAME]` in .sops-rules.toml names somebody"));
    }
    for name in only {
        if !notifies.iter().any(|notify| notify.name == *name) {
            let names: Vec<&str> = notifies.iter().map(|notify| notify.name.as_str()).collect();
            let message = format!("the rules have no [notify.{name}]");
            return Err(Failure::new(Exit::USAGE, "no-such-name", message)
                .at(rules)
                .hint(format!("they name {}", names.join(", "))));
        }
    }
    let all = notifies.iter();
    Ok(all
        .filter(|notify| only.is_empty() || only.contains(&notify.name))
        .collect())
}

fn for_one(notify: &Notify, notices: &[Notice]) -> Vec<Notice> {
    let (events, consumers) = (notify.events.as_deref(), notify.consumers.as_deref());
    let all = notices.iter();
    all.filter_map(|notice| notice.for_whom(events, consumers))
        .collect()
}

/// The events that `HEAD` has and the commit of this name has not.
fn since(ledger: &Ledger, revision: &str) -> Result<Found, Failure> {
    let gone = || {
        let message = "there is no git repository here, and a ledger is kept in one";
        Failure::new(Exit::IO, "no-repository", message)
    };
    let tree = git::work_tree_of(&ledger.root.join("any"))?.ok_or_else(gone)?;
    let head = tree.commit("HEAD").ok_or_else(|| {
        Failure::new(Exit::IO, "no-commit", "there is no commit yet")
            .hint("`git commit` first: what is told is what was committed")
    })?;
    let before = named(&tree, revision)?;
    let committed = Committed::read(&tree, head)?;
    let known = Committed::read(&tree, before)?;
    let mut found = Found::default();
    for (path, blob) in &committed.files {
        if known.files.get(path) == Some(blob) {
            continue;
        }
        let Some(entry) = committed.event(path)? else {
            found.strange.push(path.clone());
            continue;
        };
        // The same event in another spelling, such as with other ends of lines.
        if known.event(path)?.is_none_or(|other| other.id != entry.id) {
            found.new.push(entry);
        }
    }
    found.earlier = committed.earlier(&found.new)?;
    found.new = in_order(found.new);
    Ok(found)
}

/// The commit that was named.
fn named(tree: &WorkTree, revision: &str) -> Result<CommitId, Failure> {
    let failure = |message: String| Failure::new(Exit::USAGE, "no-commit", message);
    let revision = revision.trim();
    if revision.bytes().all(|byte| byte == b'0') {
        let message = "`--since` names no commit: this is what CI says of a branch that is new";
        return Err(failure(message.into())
            .hint("name the commit before it, such as `--since HEAD^` or `--since origin/main`"));
    }
    tree.commit(revision).ok_or_else(|| {
        let failure = failure(format!("git has no commit `{revision}` here"));
        if tree.is_shallow() {
            failure.hint("this clone is shallow: `git fetch --unshallow` gets the other commits")
        } else {
            failure.hint("after a forced push, name the last commit that was told of")
        }
    })
}

/// The ledger as a commit has it.
struct Committed<'t> {
    tree: &'t WorkTree,
    files: BTreeMap<String, BlobId>,
}

impl<'t> Committed<'t> {
    fn read(tree: &'t WorkTree, commit: CommitId) -> Result<Self, Failure> {
        let files = tree.files_of(commit, Path::new(DIRECTORY));
        Ok(Self {
            tree,
            files: files.map_err(incomplete)?,
        })
    }

    /// The event in a file; `None` where there is none that can be believed and lies where it should.
    fn event(&self, path: &str) -> Result<Option<Entry>, Failure> {
        let Some(blob) = self.files.get(path) else {
            return Ok(None);
        };
        let bytes = self.tree.blob_up_to(*blob, MOST_BYTES);
        let text = bytes
            .map_err(incomplete)?
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let entry = text.and_then(|text| Entry::parse(&text).ok());
        Ok(entry.filter(|entry| entry.path() == path))
    }

    /// All that these events came from: an event's id is in its file's name.
    fn earlier(&self, events: &[Entry]) -> Result<Vec<Entry>, Failure> {
        let paths: HashMap<Id, &String> = self
            .files
            .keys()
            .filter_map(|path| {
                let (_, id) = path.strip_suffix(".toml")?.rsplit_once('-')?;
                Some((Id::parse(id)?, path))
            })
            .collect();
        let mut open: Vec<Id> = events
            .iter()
            .flat_map(|entry| origins(&entry.event))
            .collect();
        let mut seen: HashSet<Id> = events.iter().map(|entry| entry.id).collect();
        let mut found = Vec::new();
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            let Some(path) = paths.get(&id) else {
                continue;
            };
            if let Some(entry) = self.event(path)? {
                open.extend(origins(&entry.event));
                found.push(entry);
            }
        }
        Ok(found)
    }
}

/// What is missing in this clone must not be taken for what is not there.
fn incomplete(error: git::GitError) -> Failure {
    Failure::from(error)
        .hint("a partial clone lacks what it was not asked for: `git fetch --refetch --no-filter` gets all")
}
