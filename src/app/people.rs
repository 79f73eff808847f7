//! Who reads what: the register of the rules, held against the files. Needs no identity.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::app::App;
use crate::app::groups::{Regrouping, Shape};
use crate::app::inventory::Reader;
use crate::app::readers::is_for;
use crate::app::recipients::{is_same_key, name};
use crate::error::Failure;
use crate::io::clock;
use crate::keys::short;
use crate::rules::{RecipientSpec, Rules};
use crate::sops::metadata::{KeyEntry, Metadata};

/// One who can open files, or is meant to.
pub struct Person {
    /// The name in the rules; without rules of mvx's own there are none.
    pub name: Option<String>,
    /// The kind of key, as the rules call it; the metadata's word where no rules name it.
    pub kind: String,
    /// The public key or resource.
    pub key: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// The last day of access, UTC.
    pub expires: Option<Date>,
    /// Whether that day is over.
    pub expired: bool,
    /// The groups that name it, or a group in which it is.
    pub groups: Vec<String>,
    /// The files that have an entry for it.
    pub files: Vec<PathBuf>,
    /// The rules that name it; `None` for one who stands in files only.
    pub rules: Option<PathBuf>,
}

/// A file whose recipients are not those that the rules name.
pub struct Drift {
    /// The file.
    pub file: PathBuf,
    /// Who can open it and is not named by its rule.
    pub surplus: Vec<Reader>,
    /// Whom the rule names and who cannot open it yet.
    pub missing: Vec<String>,
    /// Whom the rule has in another key group.
    pub moved: Vec<String>,
    /// Its key groups and those of its rule, where these are not the same.
    pub groups: Option<(Shape, Shape)>,
}

/// Files whose data key is split between the same groups.
pub struct Split {
    /// How many groups there are, and how many it takes.
    pub shape: Shape,
    /// Whom each holds, as the rules call them.
    pub groups: Vec<Vec<String>>,
    /// The files.
    pub files: Vec<PathBuf>,
}

/// Everyone, and every file that is not as the rules say.
#[derive(Default)]
pub struct People {
    /// The registers' people, in their order, and behind them those who stand in files only.
    pub people: Vec<Person>,
    /// Key groups, each with the files that have them.
    pub splits: Vec<Split>,
    /// Files that are not as the rules say.
    pub drift: Vec<Drift>,
    /// How many files were looked at.
    pub files: usize,
    /// Files that could not be read.
    pub failures: Vec<Failure>,
}

impl App<'_> {
    /// Everyone who can open one of these files, or is named for one; without any, everyone in the
    /// rules, and who reads which file of the repository.
    pub fn people(&self, arguments: &[PathBuf]) -> Result<People, Failure> {
        let paths = self.secret_files(arguments)?;
        let mut people = People {
            files: paths.len(),
            ..People::default()
        };
        let mut registers: Vec<Arc<Rules>> = Vec::new();
        if arguments.is_empty() {
            match self.rules_here() {
                Ok(rules) => people.enrol(&rules, &mut registers),
                Err(failure) if failure.code == "no-rules" => {}
                Err(failure) => return Err(failure),
            }
        }
        for path in paths {
            if let Err(failure) = self.add_file(&path, &mut people, &mut registers) {
                people.failures.push(failure);
            }
        }
        if !arguments.is_empty() {
            let named = |person: &Person| {
                let mut missing = people.drift.iter().flat_map(|drift| &drift.missing);
                !person.files.is_empty() || missing.any(|name| person.name.as_ref() == Some(name))
            };
            let keep: Vec<bool> = people.people.iter().map(named).collect();
            let mut keep = keep.into_iter();
            people.people.retain(|_| keep.next().unwrap_or(true));
        }
        Ok(people)
    }

    /// The sealed files that arguments name; without any, all of the repository.
    pub fn secret_files(&self, arguments: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
        if !arguments.is_empty() {
            return self.sealed_at(arguments);
        }
        let found = self.sealed_at(&[self.repository()?])?;
        Ok(found.iter().map(|path| self.relative(path)).collect())
    }

    fn add_file(
        &self,
        path: &Path,
        people: &mut People,
        registers: &mut Vec<Arc<Rules>>,
    ) -> Result<(), Failure> {
        let sealed = self.read_sealed(path, None)?;
        let entries = sealed.metadata.groups()?;
        let rules = match self.rules_at(path) {
            Ok(rules) => Some(rules),
            Err(failure) if failure.code == "no-rules" => None,
            Err(failure) => return Err(failure),
        };
        if let Some(rules) = &rules {
            people.enrol(rules, registers);
        }
        let origin = rules.as_ref().map(|rules| rules.origin().path.as_path());
        for entry in entries.iter().flatten() {
            people.reads(path, entry, origin, rules.as_deref());
        }
        self.add_split(path, &sealed.metadata, &entries, people)?;
        if let Some(policy) = self.policy_if_any(path)? {
            let regrouping = Regrouping::of(&sealed.metadata, &policy)?;
            if !regrouping.is_none() {
                let mut surplus: Vec<Reader> = Vec::new();
                for entry in regrouping.leavers() {
                    let id = entry.recipient();
                    // One key may be in several key groups.
                    if !surplus.iter().any(|known| known.id == id) {
                        surplus.push(Reader {
                            name: self.register_name(path, &id),
                            kind: entry.kind.clone(),
                            id,
                            group: None,
                        });
                    }
                }
                people.drift.push(Drift {
                    file: path.into(),
                    surplus,
                    missing: regrouping.newcomers().map(name).collect(),
                    moved: regrouping.movers().map(name).collect(),
                    groups: regrouping.shapes(),
                });
            }
        }
        Ok(())
    }

    /// Notes between whom a file's data key is split.
    fn add_split(
        &self,
        path: &Path,
        metadata: &Metadata,
        groups: &[Vec<KeyEntry>],
        people: &mut People,
    ) -> Result<(), Failure> {
        if groups.len() < 2 {
            return Ok(());
        }
        let shape = Shape::new(groups.len(), metadata.threshold()?);
        let called = |entry: &KeyEntry| {
            let key = entry.recipient();
            let name = self.register_name(path, &key);
            name.unwrap_or_else(|| short(&key))
        };
        let groups = groups
            .iter()
            .map(|group| group.iter().map(called).collect());
        let groups: Vec<Vec<String>> = groups.collect();
        let mut known = people.splits.iter_mut();
        match known.find(|split| split.shape == shape && split.groups == groups) {
            Some(split) => split.files.push(path.into()),
            None => people.splits.push(Split {
                shape,
                groups,
                files: vec![path.into()],
            }),
        }
        Ok(())
    }
}

impl People {
    /// Whether there are rules at all.
    pub fn has_rules(&self) -> bool {
        self.people.iter().any(|person| person.rules.is_some())
    }

    /// Adds everyone in a register, once.
    fn enrol(&mut self, rules: &Arc<Rules>, registers: &mut Vec<Arc<Rules>>) {
        let origin = &rules.origin().path;
        if registers.iter().any(|known| known.origin().path == *origin) {
            return;
        }
        registers.push(Arc::clone(rules));
        let today = today();
        for spec in rules.recipients() {
            // SOPS's rules have no register: who is named twice there is one person.
            let known = |person: &Person| {
                person.rules.as_ref() == Some(origin)
                    && person.name == spec.name
                    && is_same_key(&person.key, &spec.value)
            };
            if self.people.iter().any(known) {
                continue;
            }
            self.people.push(Person {
                name: spec.name.clone(),
                kind: spec.kind.field().into(),
                key: spec.value.clone(),
                owner: spec.owner.clone(),
                expires: spec.expires,
                expired: spec.expires.is_some_and(|last| today > last),
                groups: groups_of(rules, spec),
                files: Vec::new(),
                rules: Some(origin.clone()),
            });
        }
    }

    /// Notes that an entry gives access to a file.
    fn reads(
        &mut self,
        path: &Path,
        entry: &KeyEntry,
        origin: Option<&Path>,
        rules: Option<&Rules>,
    ) {
        let specs = rules.map(Rules::recipients).unwrap_or_default();
        let named: Vec<&RecipientSpec> = specs.iter().filter(|spec| is_for(spec, entry)).collect();
        let key = entry.recipient();
        let mut found = false;
        for person in &mut self.people {
            let is_it = match (&person.rules, origin) {
                (Some(rules), Some(origin)) if rules == origin => named
                    .iter()
                    .any(|spec| spec.name == person.name && spec.value == person.key),
                (None, _) => {
                    named.is_empty() && person.kind == entry.kind && is_same_key(&person.key, &key)
                }
                _ => false,
            };
            if is_it {
                found = true;
                if !person.files.iter().any(|known| known == path) {
                    person.files.push(path.into());
                }
            }
        }
        if !found {
            self.people.push(Person {
                name: None,
                kind: entry.kind.clone(),
                key,
                owner: None,
                expires: None,
                expired: false,
                groups: Vec::new(),
                files: vec![path.into()],
                rules: None,
            });
        }
    }
}

impl App<'_> {
    /// Warns of people in the rules whose access is over and who are wrapped for all the same.
    pub(super) fn warn_of_expired(&self) {
        let Ok(rules) = self.rules_here() else {
            return;
        };
        let today = today();
        for spec in rules.recipients() {
            if let Some(last) = spec.expires.filter(|last| today > *last) {
                let name = name(spec);
                self.warn(
                    format!("{name}'s access ended on {last}, and the rules name them still"),
                    [format!("`mvx recipients remove {name}`")],
                );
            }
        }
    }
}

/// The groups in which a recipient is, directly or by way of other groups.
fn groups_of(rules: &Rules, spec: &RecipientSpec) -> Vec<String> {
    let Some(name) = &spec.name else {
        return Vec::new();
    };
    let mut inside: Vec<&str> = vec![name];
    // Groups may be declared in any order; none leads back to itself.
    loop {
        let found = rules.groups().iter().find(|group| {
            !inside.contains(&group.name.as_str())
                && group
                    .members
                    .iter()
                    .any(|member| inside.contains(&member.as_str()))
        });
        let Some(group) = found else { break };
        inside.push(&group.name);
    }
    let groups = rules.groups().iter().map(|group| group.name.as_str());
    groups
        .filter(|group| inside.contains(group))
        .map(str::to_owned)
        .collect()
}

/// The day that it is, UTC.
pub fn today() -> Date {
    clock::now().to_zoned(TimeZone::UTC).date()
}
