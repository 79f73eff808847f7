//! A secret file and the events that tell of its change, written as one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::Ledger;
use crate::app::App;
use crate::app::load::{OpenFile, parse_sealed};
use crate::error::{At as _, Exit, Failure};
use crate::git::author::author;
use crate::io::journal::Step;
use crate::io::lock::Lock;
use crate::io::write::{self, Access};
use crate::io::{clock, file};
use crate::keypath::KeyPath;
use crate::ledger::DIRECTORY;
use crate::ledger::chain::Chain;
use crate::ledger::changes::{Difference, Said, Terms, What, differences, events};
use crate::ledger::due::later;
use crate::ledger::event::{Action, Entry, Event, MOST_BYTES};
use crate::ledger::fingerprint::{Fingerprint, leaves};
use crate::ledger::id::Id;
use crate::rules::SecretPolicy;
use crate::secret::Cleartext;
use crate::stores::Format;

/// How long a deleted value is kept where no policy says it.
pub const KEEP_DELETED: Duration = Duration::from_hours(30 * 24);

/// A file that is about to be written.
pub(in crate::app) struct Storing<'a> {
    /// The file, as the user named it.
    pub(in crate::app) path: &'a Path,
    /// Its lock.
    pub(in crate::app) lock: &'a Lock,
    /// What is there now.
    pub(in crate::app) old: Old<'a>,
    /// What will be there.
    pub(in crate::app) new: &'a Cleartext,
    /// The file's type.
    pub(in crate::app) format: Format,
}

/// What stands in a file that is about to be written.
#[derive(Clone, Copy)]
pub(in crate::app) enum Old<'a> {
    /// Nothing: there is no such file.
    Nothing,
    /// These bytes, and no other ones.
    Bytes(&'a [u8]),
    /// Whatever it is.
    Anything,
    /// A secret file, opened.
    Open(&'a OpenFile),
}

/// What a change is for.
pub(in crate::app) struct Purpose<'a> {
    /// What is done, for the case that it is cut short: `mvx set`.
    pub(in crate::app) command: &'static str,
    /// A key path that another one takes the place of.
    pub(in crate::app) moved: Option<(&'a KeyPath, &'a KeyPath)>,
    /// What a value that changed counts as.
    pub(in crate::app) changed: Action,
    /// What a value that came counts as.
    pub(in crate::app) came: Action,
    /// The event whose value comes back.
    pub(in crate::app) restores: Option<Id>,
    /// Who is shut out.
    pub(in crate::app) revoked: Vec<String>,
    /// Who is let in.
    pub(in crate::app) granted: Vec<String>,
    /// Why.
    pub(in crate::app) reason: Option<String>,
    /// What else there is to say.
    pub(in crate::app) note: Option<String>,
    /// How long what is replaced or deleted is kept, where that is not as the policy says.
    pub(in crate::app) grace: Option<Duration>,
    /// Whether the rules wanted another environment to be first.
    pub(in crate::app) out_of_order: bool,
    /// Whether a ledger begins with it where none is kept.
    pub(in crate::app) begins: bool,
}

impl Purpose<'_> {
    /// Values are set, taken out or moved.
    pub(in crate::app) fn of(command: &'static str) -> Self {
        Self {
            command,
            moved: None,
            changed: Action::Rotate,
            came: Action::Create,
            restores: None,
            revoked: Vec::new(),
            granted: Vec::new(),
            reason: None,
            note: None,
            grace: None,
            out_of_order: false,
            begins: false,
        }
    }
}

impl App<'_> {
    /// Writes a secret file, and its events where the repository keeps a ledger: all of it, or
    /// nothing. Gives the events.
    pub(in crate::app) fn store(
        &self,
        storing: &Storing<'_>,
        purpose: &Purpose<'_>,
    ) -> Result<Vec<Entry>, Failure> {
        match self.book_for(storing.path, purpose.begins)? {
            Some((ledger, name)) => self.store_in(&ledger, &name, storing, purpose),
            None => self.store_alone(storing).map(|()| Vec::new()),
        }
    }

    /// Writes a secret file without any event.
    fn store_alone(&self, storing: &Storing<'_>) -> Result<(), Failure> {
        let new = storing.new.as_bytes();
        match storing.old {
            Old::Nothing => write::create_new(storing.path, new, Access::Shared)?,
            Old::Anything => write::write(storing.path, new, Access::Shared)?,
            Old::Bytes(old) => self.replace(storing.lock, old, new, Access::Shared)?,
            Old::Open(open) => {
                let old = open.sealed.original.as_bytes();
                self.replace(storing.lock, old, new, Access::Shared)?;
            }
        }
        Ok(())
    }

    /// Writes a secret file, the values that are kept for a while, and the events.
    pub(in crate::app) fn store_in(
        &self,
        ledger: &Ledger,
        name: &str,
        storing: &Storing<'_>,
        purpose: &Purpose<'_>,
    ) -> Result<Vec<Entry>, Failure> {
        let shown = storing.path.display().to_string();
        let _held = self.hold(ledger)?;
        let before = match storing.old {
            Old::Nothing | Old::Bytes(_) => Vec::new(),
            Old::Open(open) => leaves(&open.sealed.tree),
            Old::Anything => match file::read(storing.path, crate::app::READ_LIMIT) {
                Ok(bytes) => parse_sealed(&shown, storing.format, bytes)
                    .map_or_else(|_| Vec::new(), |sealed| leaves(&sealed.tree)),
                Err(_) => Vec::new(),
            },
        };
        let sealed = parse_sealed(&shown, storing.format, storing.new.duplicate())?;
        let after = leaves(&sealed.tree);
        let found = differences(&before, &after, purpose.moved);
        // What nobody told of comes first, or this change would hide it.
        let untold = if before.is_empty() {
            Vec::new()
        } else {
            self.missing_before(ledger, storing.path, name, &before)?
        };
        let mut known = self.events_of(ledger, name)?;
        known.extend(untold.iter().cloned());
        let now = clock::now();
        let actor = self.actor();
        let environment = self
            .policy_if_any(storing.path)?
            .and_then(|policy| policy.environment);
        let said = Said {
            at: now,
            actor: &actor,
            file: name,
            environment: environment.as_deref(),
            changed: purpose.changed,
            came: purpose.came,
            restores: purpose.restores,
            recipients: &purpose.revoked,
            reason: purpose.reason.as_deref(),
            note: purpose.note.as_deref(),
            out_of_order: purpose.out_of_order,
        };
        let policies =
            |one: &Difference| self.secret_policy(storing.path, environment.as_deref(), &one.path);
        // What was not opened cannot be kept.
        let is_open = matches!(storing.old, Old::Open(_));
        let terms = |one: &Difference| {
            let terms = terms(&policies(one), one, purpose, now);
            Terms {
                grace_until: terms.grace_until.filter(|_| is_open),
                ..terms
            }
        };
        let mut entries = events(&Chain::new(&known), &found, &said, terms);
        // What concerns the file and none of its values.
        let shut_out = if entries.is_empty() {
            purpose.revoked.as_slice()
        } else {
            &[]
        };
        let people = [
            (Action::Revoke, shut_out),
            (Action::Grant, &purpose.granted),
        ];
        for (action, recipients) in people {
            if !recipients.is_empty() {
                let mut event = Event::new(now, &actor, action, name);
                event.environment.clone_from(&environment);
                event.recipients = recipients.to_vec();
                event.reason.clone_from(&purpose.reason);
                entries.push(Entry::new(event));
            }
        }
        let mut steps = Vec::new();
        if let Old::Open(open) = storing.old {
            steps.extend(self.keep_values(ledger, name, storing.path, open, &entries)?);
        }
        steps.push(file_step(ledger, name, storing)?);
        // The same words at the same second are the same event.
        entries.retain(|entry| known.iter().all(|known| known.id != entry.id));
        for entry in untold.iter().chain(&entries) {
            steps.push(event_step(ledger, entry)?);
        }
        let others = file::other_names(storing.lock.target());
        ledger
            .journal
            .write(&format!("`{}` of {name}", purpose.command), &steps)
            .at(&shown)?;
        self.tell_of_other_names(storing.path, others);
        if !entries.is_empty() && self.is_left_out(&ledger.directory().join("any")) {
            self.warn(
                "git ignores `.mvx`: the events, and the values that are kept for a while, would not be committed",
                ["`git check-ignore -v .mvx/ledger` shows the line that says so".into()],
            );
        }
        Ok(entries)
    }

    /// What the rules say of a secret.
    pub(in crate::app) fn secret_policy(
        &self,
        path: &Path,
        environment: Option<&str>,
        key: &KeyPath,
    ) -> SecretPolicy {
        let rules = self.rules_for(path);
        rules.map_or_else(
            |_| SecretPolicy::default(),
            |(rules, name)| rules.secret_policy(&name, environment, key),
        )
    }

    /// Who is at work, as git would write it into a commit.
    pub(in crate::app) fn actor(&self) -> String {
        const LONGEST: usize = 256;
        let configured = author(self.directory());
        // As git: what the environment says comes first.
        let said = |name| {
            let text = self.environment().text(name).ok().flatten();
            text.filter(|text| !text.trim().is_empty())
                .map(str::to_owned)
        };
        let name = said("GIT_AUTHOR_NAME").or(configured.name);
        let email = said("GIT_AUTHOR_EMAIL").or(configured.email);
        let who = match (name, email) {
            (Some(name), Some(email)) => format!("{name} <{email}>"),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => "unknown".into(),
        };
        who.chars().take(LONGEST).collect()
    }
}

/// The secret file itself, as one of the files that are written together.
fn file_step(ledger: &Ledger, name: &str, storing: &Storing<'_>) -> Result<Step, Failure> {
    let before = match storing.old {
        Old::Nothing => None,
        Old::Bytes(old) => Some(Cleartext::new(old.to_vec())),
        Old::Open(open) => Some(open.sealed.original.duplicate()),
        Old::Anything => match file::read(&ledger.root.join(name), crate::app::READ_LIMIT) {
            Ok(bytes) => Some(bytes),
            Err(crate::io::IoError::NotFound { .. }) => None,
            Err(error) => return Err(error.into()),
        },
    };
    if before.is_none() && file::kind(storing.path)?.is_some() {
        let path = storing.path.into();
        return Err(crate::io::IoError::AlreadyExists { path }.into());
    }
    Ok(Step {
        path: PathBuf::from(name),
        before,
        after: Some(storing.new.as_bytes().to_vec()),
    })
}

/// An event, as one of the files that are written together. One that could not be read again is refused.
pub(super) fn event_step(ledger: &Ledger, entry: &Entry) -> Result<Step, Failure> {
    let text = entry.to_text();
    if text.len() > MOST_BYTES || Entry::parse(&text).as_ref() != Ok(entry) {
        let message = "no event can tell of this: a name is too long, or there are too many values";
        return Err(Failure::new(Exit::IO, "no-event", message).at(&entry.event.file));
    }
    let path = format!("{DIRECTORY}/{}", entry.path());
    ledger.has_no_links(&path)?;
    Ok(Step {
        path: path.into(),
        before: None,
        after: Some(text.into_bytes()),
    })
}

/// On what terms a value is replaced or deleted.
fn terms(policy: &SecretPolicy, one: &Difference, purpose: &Purpose<'_>, now: Timestamp) -> Terms {
    let kept = match (&one.what, purpose.changed) {
        (What::Went, _) => Some(
            purpose
                .grace
                .or(policy.keep_deleted)
                .unwrap_or(KEEP_DELETED),
        ),
        (What::Changed, Action::Rotate | Action::Rollback) => purpose.grace.or(policy.grace),
        _ => None,
    };
    // What was never encrypted is not kept either.
    let kept = kept.filter(|kept| !kept.is_zero() && one.old.is_some_and(Fingerprint::is_sealed));
    Terms {
        owner: policy.owner.clone(),
        grace_until: kept.map(|kept| later(now, kept)),
    }
}
