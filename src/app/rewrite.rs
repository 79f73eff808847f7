//! Many sealed files for other readers, or under new data keys: all of them are looked at and
//! opened before the first is written.
//!
//! Whom a file is wrapped for is decided elsewhere, in `whom.rs`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::app::entries::{kind, target};
use crate::app::files::shell_word;
use crate::app::groups::{Regrouping, Shape};
use crate::app::ledger::store::{Old, Purpose, Storing};
use crate::app::load::{OpenFile, Sealed, with_causes};
use crate::app::readers::distinct;
use crate::app::recipients::is_same_key;
use crate::app::whom::Readers;
use crate::app::{App, SystemRandomness, inventory, now, recipients};
use crate::error::{At as _, Exit, Failure};
use crate::io::{file, random};
use crate::keys::{Kind, short};
use crate::ledger::event::Action;
use crate::rules::{RecipientSpec, Rules};
use crate::secret::DataKey;
use crate::sops::metadata::KeyEntry;
use crate::sops::seal::Sealer;
use crate::sops::signet::SealState;

/// What is to be done.
#[derive(Default)]
pub struct Request<'a> {
    /// The sealed files.
    pub files: Vec<PathBuf>,
    /// Those of them that somebody named, and that no rule may leave out.
    pub named: &'a [PathBuf],
    /// Whether every file gets a new data key, and not only those that somebody can no longer
    /// open.
    pub new_keys: bool,
    /// Recipients that are given up because they cannot be wrapped for, by name or key.
    pub drop: &'a [String],
    /// Whether the files are only compared with the rules: nothing is opened.
    pub compare_only: bool,
    /// Only files that one of these public keys can open, or shall; all where there are none.
    pub about: &'a [String],
    /// The rules as they were, where they are about to take somebody's access: whom they named had
    /// it, also where a file has no entry for them any more.
    pub before: Option<&'a Rules>,
    /// A public key whose identity this machine is about to hold.
    pub soon_own: Option<&'a str>,
    /// How a public key was called that the rules do not name any more.
    pub former: &'a [(String, String)],
}

/// What would be done.
#[derive(Default)]
pub struct Plan {
    /// The files that would be written.
    pub changes: Vec<Change>,
    /// How many are as they should be.
    pub unchanged: usize,
    /// Files that no rule covers; they are left alone.
    pub uncovered: Vec<PathBuf>,
    /// Files that one whose access is taken can open all the same, and why.
    pub open_still: Vec<(PathBuf, String)>,
    /// Files that should be written and cannot be, and why.
    pub blocked: Vec<Blocked>,
}

/// A file that is written.
#[derive(Clone)]
pub struct Change {
    /// The file.
    pub file: PathBuf,
    /// Who can open it afterwards and could not before.
    pub added: Vec<Party>,
    /// Whose entry goes.
    pub removed: Vec<Party>,
    /// Who goes from one of its key groups to another.
    pub moved: Vec<Party>,
    /// Its key groups before and after, where they become others.
    pub groups: Option<(Shape, Shape)>,
    /// Whether it gets a new data key.
    pub new_key: bool,
    /// Whether somebody holds an identity here that opens it afterwards.
    pub stays_open: bool,
    /// The key paths of its encrypted values, where somebody loses access.
    pub secrets: Vec<String>,
}

impl Change {
    /// What the ledger says of it.
    fn purpose(&self) -> Purpose<'static> {
        let names = |parties: &[Party]| parties.iter().map(Party::shown).collect();
        Purpose {
            changed: if self.removed.is_empty() {
                Action::Rekey
            } else {
                Action::Revoke
            },
            granted: names(&self.added),
            revoked: names(&self.removed),
            ..Purpose::of("a rewriting")
        }
    }

    /// Whether this gives and takes what a plan said: somebody may have agreed to that alone.
    fn is_what_was_shown(&self, planned: &Self) -> bool {
        (&self.added, &self.removed, &self.moved)
            == (&planned.added, &planned.removed, &planned.moved)
            && (self.groups, self.new_key) == (planned.groups, planned.new_key)
    }
}

/// One who gains or loses access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// The name in the rules, where they have one.
    pub name: Option<String>,
    /// The public key or resource.
    pub key: String,
}

impl Party {
    /// How messages call it.
    pub fn shown(&self) -> String {
        self.name.clone().unwrap_or_else(|| short(&self.key))
    }
}

/// A file that is left as it is.
pub struct Blocked {
    /// The file.
    pub file: PathBuf,
    /// Why.
    pub failure: Failure,
}

/// What became of a plan.
#[derive(Default)]
pub struct Done {
    /// The files that were written.
    pub written: Vec<Change>,
    /// Those that were not.
    pub left: Vec<Blocked>,
}

/// What is to be done with one file.
enum Step {
    /// It is as it should be.
    Nothing,
    /// No rule covers it.
    Uncovered,
    /// No rule covers it, or other rules do, and one whose access is taken can open it: why.
    OpensStill(String),
    /// It would be written; it was not opened.
    Differs(Box<Change>),
    /// It can be written.
    Ready(Box<Ready>),
}

/// A file that was opened, and what is to become of it.
struct Ready {
    change: Change,
    file: OpenFile,
    regrouping: Regrouping,
    /// Whether no seal vouches for its entries, and those that did not open it here are made anew.
    anew: bool,
}

impl Request<'_> {
    /// Whether a public key is one of those that this is about.
    pub(super) fn is_about(&self, key: &str) -> bool {
        self.about.iter().any(|about| is_same_key(about, key))
    }
}

impl App<'_> {
    /// Looks at every file and opens those that are to be written. Nothing is written; a file's
    /// values are forgotten before the next one is looked at.
    pub fn plan(&self, request: &Request<'_>, done: impl FnMut()) -> Plan {
        self.known_keys.get_or_init(Default::default);
        let trial = Trial::default();
        let look = |app: &App<'_>, file: &PathBuf| match app.step(file, request, &trial) {
            Ok(Step::Ready(ready)) => Ok(Step::Differs(Box::new(ready.change))),
            other => other,
        };
        let files = self.with_previous(&request.files);
        let steps = self.for_each(&files, look, done);
        let mut plan = Plan::default();
        for (file, step) in files.iter().zip(steps) {
            match step {
                Ok(Step::Nothing | Step::Ready(_)) => plan.unchanged += 1,
                Ok(Step::Uncovered) => plan.uncovered.push(file.clone()),
                Ok(Step::OpensStill(why)) => plan.open_still.push((file.clone(), why)),
                Ok(Step::Differs(change)) => plan.changes.push(*change),
                Err(failure) => plan.blocked.push(Blocked {
                    file: file.clone(),
                    failure,
                }),
            }
        }
        if !plan.changes.is_empty() {
            self.warn_of_expired();
        }
        plan
    }

    /// Writes the files of a plan. Each is read and looked at once more under its lock; what cannot
    /// be written is left as it is, and the others are written all the same.
    pub fn carry_out(&self, plan: &Plan, request: &Request<'_>, done: impl FnMut()) -> Done {
        let trial = Trial::default();
        let write = |app: &App<'_>, change: &Change| app.rewrite(change, request, &trial);
        let mut outcome = Done::default();
        let written = self.for_each(&plan.changes, write, done);
        for (change, written) in plan.changes.iter().zip(written) {
            match written {
                Ok(Some(change)) => outcome.written.push(change),
                // Somebody else has done it meanwhile.
                Ok(None) => {}
                Err(failure) => outcome.left.push(Blocked {
                    file: change.file.clone(),
                    failure,
                }),
            }
        }
        outcome
    }

    fn rewrite(
        &self,
        planned: &Change,
        request: &Request<'_>,
        trial: &Trial,
    ) -> Result<Option<Change>, Failure> {
        let path = planned.file.as_path();
        let lock = self.lock(path)?;
        let Step::Ready(ready) = self.step(path, request, trial)? else {
            return Ok(None);
        };
        let Ready {
            change,
            file,
            regrouping,
            anew,
        } = *ready;
        if !change.is_what_was_shown(planned) {
            let message = "it or its rule changed meanwhile; it was not written";
            return Err(Failure::new(Exit::IO, "changed-meanwhile", message).at(path.display()));
        }
        let now = now();
        let mut random = SystemRandomness::default();
        let new_key = change.new_key.then(random::data_key).transpose()?;
        let key = new_key.as_ref().unwrap_or(&file.key);
        let groups = if anew && !change.new_key {
            self.regroup_unvouched(key, &regrouping, &file.opened_by)?
        } else {
            self.regroup(key, &regrouping, (&file.shares, change.new_key))?
        };
        let recipients = (groups.as_slice(), regrouping.after.threshold());
        let mut sealer = Sealer {
            store: file.store(),
            key,
            now: &now,
            random: &mut random,
        };
        let text = if change.new_key {
            sealer.rekey(file.view(), recipients)
        } else {
            sealer.rewrap(file.view(), recipients)
        };
        let text = text.at(path.display())?;
        let storing = Storing {
            path,
            lock: &lock,
            old: Old::Open(&file),
            new: &text,
            format: file.sealed.format,
        };
        self.store(&storing, &change.purpose())?;
        Ok(Some(change))
    }

    /// What is to be done with a file, and the file opened if it is to be written.
    fn step(&self, path: &Path, request: &Request<'_>, trial: &Trial) -> Result<Step, Failure> {
        file::is_replaceable(path)?;
        let sealed = self.read_sealed(path, None)?;
        let groups = sealed.metadata.groups().at(path.display())?;
        let threshold = sealed.metadata.threshold().at(path.display())?;
        let (wanted, needed) = match self.readers_of(path, &groups, request)? {
            Readers::Named(policy) => (policy.groups, policy.threshold),
            Readers::Vouched(specs) => (specs, threshold),
            Readers::Unknown => {
                let mut entries = groups.iter().flatten();
                let reads = entries.any(|entry| request.is_about(&entry.recipient()));
                return Ok(match request.before {
                    Some(_) if reads => Step::OpensStill("no rule covers it".into()),
                    _ => Step::Uncovered,
                });
            }
        };
        if request.before.is_some() {
            let mut specs = wanted.iter().flatten();
            if specs.any(|spec| request.is_about(&spec.value)) {
                let rules = self.rules_at(path)?;
                return Ok(Step::OpensStill(format!(
                    "{} names them",
                    self.shown(&rules)
                )));
            }
        }
        let former = self.former_readers(path, &groups, &wanted, request);
        if !request.about.is_empty() {
            let mut entries = groups.iter().flatten();
            let mut specs = wanted.iter().flatten();
            let concerned = !former.is_empty()
                || entries.any(|entry| request.is_about(&entry.recipient()))
                || specs.any(|spec| request.is_about(&spec.value));
            if !concerned {
                return Ok(Step::Nothing);
            }
        }
        let wanted = self.without_given_up(&wanted, request, trial);
        let wanted = wanted.at(path.display())?;
        let regrouping = Regrouping::between(
            (&groups, Shape::new(groups.len(), threshold)),
            (&wanted, Shape::new(wanted.len(), needed)),
        );
        if regrouping.is_none() && former.is_empty() && !request.new_keys {
            return Ok(Step::Nothing);
        }
        let change = self.change(path, &sealed, (&regrouping, &former), request);
        if request.compare_only {
            return Ok(Step::Differs(Box::new(change)));
        }
        let anew = change.new_key || !regrouping.only_grows();
        for spec in regrouping.wanted() {
            if anew || regrouping.is_new(spec) {
                self.reach(spec, trial).at(path.display())?;
            }
        }
        let file = self.open_sealed(sealed)?;
        self.must_be_vouched(path, &file)?;
        if !regrouping.entries_stay(&file.shares) {
            for spec in regrouping.wanted() {
                self.reach(spec, trial).at(path.display())?;
            }
        }
        // Nobody vouches for the entries of a file without a seal: somebody may have spoilt one, and the
        // new seal would vouch for that.
        let mut anew = false;
        if file.opened.seal != SealState::Valid {
            let mut wanted = regrouping.wanted();
            let opened_it = |spec: &RecipientSpec| {
                let mut opened_by = file.opened_by.iter();
                opened_by.any(|key| is_same_key(key, &spec.value))
            };
            anew = wanted.all(|spec| opened_it(spec) || self.reach(spec, trial).is_ok());
            if !anew {
                self.note(format!(
                    "{}: it had no seal, and its entries are kept unseen: not all of its recipients can be wrapped for",
                    path.display()
                ));
            }
        }
        Ok(Step::Ready(Box::new(Ready {
            change,
            file,
            regrouping,
            anew,
        })))
    }

    /// What a file's rewriting comes to.
    fn change(
        &self,
        path: &Path,
        sealed: &Sealed,
        (regrouping, former): (&Regrouping, &[String]),
        request: &Request<'_>,
    ) -> Change {
        let takes_entries = regrouping.takes_entries() || !former.is_empty();
        let party = |key: String| {
            let mut former = request.former.iter();
            let former = former.find(|(_, known)| is_same_key(known, &key));
            let former = former.map(|(name, _)| name.clone());
            Party {
                name: former.or_else(|| self.register_name(path, &key)),
                key,
            }
        };
        let soon_own = |spec: &RecipientSpec| {
            let own = request.soon_own;
            own.is_some_and(|own| is_same_key(own, &spec.value))
        };
        let leavers = regrouping.leavers().map(KeyEntry::recipient);
        let gone = leavers.chain(former.iter().cloned());
        let named = |spec: &RecipientSpec| Party {
            name: spec.name.clone(),
            key: spec.value.clone(),
        };
        Change {
            file: path.into(),
            added: once(regrouping.newcomers().map(named)),
            removed: once(gone.map(party)),
            moved: once(regrouping.movers().map(named)),
            groups: regrouping.shapes(),
            new_key: request.new_keys || takes_entries || regrouping.takes_access(),
            stays_open: regrouping.wanted().any(soon_own) || self.opens_any(regrouping.wanted()),
            secrets: if takes_entries {
                inventory::secrets(sealed)
            } else {
                Vec::new()
            },
        }
    }

    /// Fails where a recipient cannot be wrapped for: its kind is not known to mvx, its plugin is not
    /// there, its service refuses or is not reached. Each is tried once, on nothing.
    fn reach(&self, spec: &RecipientSpec, trial: &Trial) -> Result<(), Failure> {
        // The same key with another context is another matter for a service.
        let whom = format!("{:?}", target(spec));
        if trial.passed(&whom) {
            return Ok(());
        }
        let name = recipients::name(spec);
        if self.keyring().provider(&kind(spec.kind)).is_none() {
            return Err(unreachable(&name, spec.kind.field()));
        }
        let wrapped = self.wrap_for(&[0; DataKey::LEN], spec);
        if let Err(mut failure) = wrapped {
            if kind(spec.kind) != Kind::Age {
                let told = failure.error.to_string();
                let told = told.strip_prefix(&format!("{name}: ")).unwrap_or(&told);
                let message = format!("`{name}` needs a new entry: {told}");
                failure.error = with_causes(message, Vec::new());
                failure = failure.hint(without(&name));
            }
            return Err(failure);
        }
        trial.pass(&whom);
        Ok(())
    }

    /// Leaves out whom the request gives up. Who can be reached is not given up this way: that
    /// would be a file that is not as the rules say, and nobody would know why.
    fn without_given_up(
        &self,
        wanted: &[Vec<RecipientSpec>],
        request: &Request<'_>,
        trial: &Trial,
    ) -> Result<Vec<Vec<RecipientSpec>>, Failure> {
        let mut groups = Vec::new();
        for group in wanted {
            let mut left = Vec::new();
            for spec in distinct(group) {
                let given_up = request.drop.iter().any(|dropped| {
                    spec.name.as_ref() == Some(dropped) || is_same_key(dropped, &spec.value)
                });
                if !given_up {
                    left.push(spec.clone());
                } else if self.reach(spec, trial).is_ok() {
                    let name = recipients::name(spec);
                    let message =
                        format!("`{name}` can be wrapped for, and is not given up by `--drop`");
                    return Err(Failure::new(Exit::USAGE, "reachable", message).hint(
                        "`mvx recipients remove NAME` takes it from the rules and the files",
                    ));
                }
            }
            if left.is_empty() {
                let who = match wanted.len() {
                    1 => "nobody would be left who could open it",
                    _ => "nobody would be left in one of its key groups",
                };
                return Err(Failure::new(Exit::RULES, "no-recipients", who));
            }
            groups.push(left);
        }
        Ok(groups)
    }
}

/// Each of them once, in their order.
fn once(parties: impl Iterator<Item = Party>) -> Vec<Party> {
    let mut distinct: Vec<Party> = Vec::new();
    for party in parties {
        if !distinct.contains(&party) {
            distinct.push(party);
        }
    }
    distinct
}

/// Recipients that were wrapped for, on nothing.
#[derive(Default)]
struct Trial {
    passed: Mutex<HashSet<String>>,
}

impl Trial {
    fn passed(&self, recipient: &str) -> bool {
        let passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        passed.contains(recipient)
    }

    fn pass(&self, recipient: &str) {
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        passed.insert(recipient.into());
    }
}

pub(super) fn unreachable(name: &str, kind: &str) -> Failure {
    let message =
        format!("`{name}` needs a new entry, and mvx cannot wrap for keys of the kind {kind}");
    Failure::new(Exit::RULES, "recipient-kind", message).hint(without(name))
}

/// How to go on where somebody cannot be wrapped for.
fn without(name: &str) -> String {
    let name = shell_word(Path::new(name));
    format!("`mvx rekey --drop {name} FILE` goes on without it")
}
