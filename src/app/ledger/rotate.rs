//! `mvx rotate` and `mvx delete`: a secret gets a new value, or goes, and the ledger says why.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::ledger_at;
use super::previous::value_of;
use super::store::Purpose;
use crate::app::App;
use crate::app::change::Outcome;
use crate::app::load::OpenFile;
use crate::app::place;
use crate::app::values::{Type, typed};
use crate::error::{Exit, Failure};
use crate::io::file;
use crate::keypath::KeyPath;
use crate::ledger::chain::{Chain, Place};
use crate::ledger::due::later;
use crate::ledger::event::{Entry, tells_of_a_leak};
use crate::rules::SecretPolicy;
use crate::scan::{Confidence, Input, Rules, Scanner};
use crate::secret::Cleartext;
use crate::sops::change::node_at;
use crate::sops::store::NewNode;
use crate::stores::Format;

/// Why a secret changes, and on what terms.
#[derive(Clone, Copy, Default)]
pub struct Why<'a> {
    /// `scheduled`, `leak`, `offboard:NAME`, `request`, or any words.
    pub reason: Option<&'a str>,
    /// What else there is to say.
    pub note: Option<&'a str>,
    /// How long the old value is kept, where that is not as the policy says.
    pub grace: Option<Duration>,
    /// Rotate also where the rules want another environment to be first.
    pub force_order: bool,
}

/// What came of it.
pub struct Rotated {
    /// The number of the new version.
    pub version: usize,
    /// When it is due again, by the policy.
    pub due: Option<Timestamp>,
    /// Until when the old value is kept.
    pub grace_until: Option<Timestamp>,
    /// Who uses it, by the policy.
    pub consumers: Vec<String>,
    /// Whether the ledger began with it.
    pub began: bool,
    /// What the ledger says of it.
    pub events: Vec<Entry>,
}

/// What came of a deletion.
pub struct Deleted {
    /// Who used it, by the policy.
    pub consumers: Vec<String>,
    /// What the ledger says of it.
    pub events: Vec<Entry>,
}

impl App<'_> {
    /// Gives a secret a new value; refuses the one that it has.
    pub fn rotate(
        &self,
        path: &Path,
        key: &KeyPath,
        value: &Cleartext,
        why: Why<'_>,
    ) -> Result<Rotated, Failure> {
        said_well(why, &[value])?;
        let began = self.begins_ledger(path)?;
        let out_of_order = self.is_out_of_order(path, key)?;
        if let Some(first) = out_of_order.as_ref().filter(|_| !why.force_order) {
            let message = format!("the rules want `{key}` to be rotated in {first} first");
            return Err(Failure::new(Exit::NO, "out-of-order", message)
                .at(path.display())
                .hint("`--force-order` rotates it all the same, and the log says so"));
        }
        let purpose = Purpose {
            reason: why.reason.map(str::to_owned),
            note: why.note.map(str::to_owned),
            grace: grace(why),
            out_of_order: out_of_order.is_some(),
            begins: true,
            ..Purpose::of("mvx rotate")
        };
        let done = self.update_and_tell(path, None, &purpose, |file, sealer, open| {
            self.record_keys(&file.sealed.name, [key.to_string()]);
            place::unique(file, key)?;
            place::existing(file, key)?;
            let old = node_at(open, key);
            let Some(NewNode::Value(was)) = &old else {
                let message = format!("`{key}` is no single value");
                return Err(Failure::new(Exit::USAGE, "not-a-value", message)
                    .hint("`mvx ls FILE` lists the keys of single values"));
            };
            if !was.bytes.is_empty() && value_of(file, &key.to_string()).is_none() {
                let message =
                    format!("`{key}` stands in clear; the ledger is of what is encrypted");
                return Err(Failure::new(Exit::NO, "in-clear", message)
                    .hint(format!("`mvx set FILE {key}` changes it")));
            }
            tells_nothing_of(file, why)?;
            let same = || {
                let message = format!("`{key}` has this value already; it was not rotated");
                Failure::new(Exit::UNCHANGED, "same-value", message)
            };
            let node = typed(value, Type::Same, old.as_ref())?;
            let NewNode::Value(new) = &node else {
                return Err(same());
            };
            if new.bytes == was.bytes {
                return Err(same());
            }
            if file.sealed.format == Format::Binary {
                return Ok((Some(self.seal_whole(file, &new.bytes)?), Vec::new()));
            }
            let text = sealer.set(open, &[(key.clone(), node)])?;
            Ok((Some(text.ok_or_else(same)?), Vec::new()))
        });
        let (outcome, events) = done?;
        if outcome == Outcome::Unchanged {
            let message = format!("`{key}` has this value already; it was not rotated");
            return Err(Failure::new(Exit::UNCHANGED, "same-value", message).at(path.display()));
        }
        let (ledger, name) = self.kept_ledger(path)?;
        let entries = self.all_events(&ledger)?;
        let chain = Chain::new(&entries);
        let shown = key.to_string();
        let heads = chain.heads(Place {
            file: &name,
            key: &shown,
        });
        let head = heads.first();
        let policy = self.policy_of(path, key)?;
        Ok(Rotated {
            version: head.map_or(1, |head| head.version),
            due: head
                .and_then(|head| head.since)
                .zip(policy.rotate_every)
                .map(|(since, every)| later(since, every)),
            grace_until: head.and_then(|head| head.event().grace_until),
            consumers: policy.consumers.unwrap_or_default(),
            began,
            events,
        })
    }

    /// Takes a secret out; it can be restored for a while.
    pub fn delete(&self, path: &Path, key: &KeyPath, why: Why<'_>) -> Result<Deleted, Failure> {
        said_well(why, &[])?;
        self.begins_ledger(path)?;
        let purpose = Purpose {
            reason: why.reason.map(str::to_owned),
            note: why.note.map(str::to_owned),
            grace: grace(why),
            begins: true,
            ..Purpose::of("mvx delete")
        };
        let done = self.update_and_tell(path, None, &purpose, |file, sealer, open| {
            self.record_keys(&file.sealed.name, [key.to_string()]);
            place::unique(file, key)?;
            place::existing(file, key)?;
            tells_nothing_of(file, why)?;
            Ok((Some(sealer.unset(open, key)?), Vec::new()))
        });
        Ok(Deleted {
            events: done?.1,
            consumers: self.policy_of(path, key)?.consumers.unwrap_or_default(),
        })
    }

    /// What the rules say of a secret, in the environment of its file.
    pub fn policy_of(&self, path: &Path, key: &KeyPath) -> Result<SecretPolicy, Failure> {
        let policy = self.policy_if_any(path)?;
        let environment = policy.and_then(|policy| policy.environment);
        Ok(self.secret_policy(path, environment.as_deref(), key))
    }

    /// Whether the ledger of a file's repository begins with the next event; fails where none can.
    fn begins_ledger(&self, path: &Path) -> Result<bool, Failure> {
        // Says what is wrong with the file first.
        if file::kind(path)?.is_none() {
            self.read_sealed(path, None)?;
        }
        if !self.is_covered(path)? {
            self.policy_for(path, &[])?;
            let message = "no rule covers it, and the ledger is of what rules cover";
            return Err(Failure::new(Exit::RULES, "not-covered", message)
                .at(path.display())
                .hint(
                    "`mvx init` makes rules; `mvx set` and `mvx unset` need none, and keep nothing",
                ));
        }
        let Some(ledger) = ledger_at(path)? else {
            let message = "there is no git repository here, and a ledger is kept in one";
            return Err(Failure::new(Exit::IO, "no-repository", message)
                .at(path.display())
                .hint("`git init` makes one; `mvx set FILE KEY` needs none"));
        };
        Ok(file::kind(&ledger.directory())?.is_none())
    }

    /// The environment in which a secret should have been rotated before it is here.
    fn is_out_of_order(&self, path: &Path, key: &KeyPath) -> Result<Option<String>, Failure> {
        let policy = self.policy_if_any(path)?;
        let Some(first) = policy.and_then(|policy| policy.rotate_after) else {
            return Ok(None);
        };
        let book = self.book()?;
        let Some(name) = book.ledger.name_of(path)? else {
            return Ok(None);
        };
        let chain = book.chain();
        let shown = key.to_string();
        let since = |place| {
            chain
                .heads(place)
                .iter()
                .map(|node| node.since)
                .min()
                .flatten()
        };
        let here = since(Place {
            file: &name,
            key: &shown,
        });
        // Where nobody knows when it was new there, it was not there first.
        let late = book.in_environment(&first, &shown).any(|place| {
            let there = since(place);
            let heads = chain.heads(place);
            let renewed = heads.iter().all(|node| node.version > 1);
            there.is_none() || there < here || (there == here && !renewed)
        });
        Ok(late.then_some(first))
    }
}

/// Refuses a reason or note that holds a secret: events stand in clear.
pub(super) fn said_well(why: Why<'_>, values: &[&Cleartext]) -> Result<(), Failure> {
    const LONGEST: usize = 2000;
    for (what, text) in [("reason", why.reason), ("note", why.note)] {
        let Some(text) = text else { continue };
        if text.trim().is_empty() || text.len() > LONGEST {
            let message = format!("the {what} is empty, or too long");
            return Err(Failure::new(Exit::USAGE, "usage", message));
        }
        if values.iter().any(|value| holds(text, value)) || looks_like_a_secret(text) {
            let message = format!("the {what} holds a secret, and events stand in clear");
            return Err(Failure::new(Exit::USAGE, "secret-in-note", message)
                .hint("say it without the value"));
        }
    }
    let leaked = why.reason.is_some_and(tells_of_a_leak);
    if leaked && why.grace.is_some_and(|grace| !grace.is_zero()) {
        let message = "what leaked is not kept, so that `--grace` cannot go with this reason";
        return Err(Failure::new(Exit::USAGE, "usage", message)
            .hint("leave `--grace` out, or give another reason"));
    }
    Ok(())
}

/// Refuses a reason or note that holds any value of an opened file.
pub(super) fn tells_nothing_of(file: &OpenFile, why: Why<'_>) -> Result<(), Failure> {
    let values = file.opened.values.iter().flatten();
    let values: Vec<&Cleartext> = values.map(|value| &value.bytes).collect();
    said_well(why, &values)
}

/// Whether a text holds a value: as it is, in hexadecimal digits or in base64. A short one, such as a
/// number of four digits, only where it is a word of its own.
fn holds(text: &str, value: &Cleartext) -> bool {
    const SHORTEST: usize = 4;
    const SHORTEST_PART: usize = 6;
    let value = value.as_bytes().trim_ascii();
    let finds = |part: &[u8]| memchr::memmem::find(text.as_bytes(), part).is_some();
    match value.len() {
        0..SHORTEST => false,
        SHORTEST..SHORTEST_PART => {
            let mut words = text.split(|c: char| !c.is_alphanumeric());
            words.any(|word| word.as_bytes() == value)
        }
        _ => {
            let digits = value.iter().map(|byte| format!("{byte:02x}"));
            let hex: Zeroizing<String> = Zeroizing::new(digits.collect());
            let base64 = Zeroizing::new(STANDARD_NO_PAD.encode(value));
            let for_urls = Zeroizing::new(URL_SAFE_NO_PAD.encode(value));
            let lower = Zeroizing::new(text.to_ascii_lowercase());
            finds(value)
                || finds(base64.as_bytes())
                || finds(for_urls.as_bytes())
                || lower.contains(hex.as_str())
        }
    }
}

/// Whether the leak scan finds something in a text, by mvx's own rules alone: a repository's might let
/// anything pass.
fn looks_like_a_secret(text: &str) -> bool {
    let scanner = Scanner::new(Rules::builtin());
    let found = scanner.scan(&mut scanner.scratch(), &Input::of(text.as_bytes()));
    let mut hits = found.hits.iter();
    hits.any(|hit| hit.confidence >= Confidence::Medium)
}

/// How long the old value is kept, where that is said: what leaked is not kept at all.
fn grace(why: Why<'_>) -> Option<Duration> {
    let leaked = why.reason.is_some_and(tells_of_a_leak);
    why.grace.or_else(|| leaked.then_some(Duration::ZERO))
}
