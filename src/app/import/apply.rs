//! The import itself: written, opened again, compared.

use std::collections::HashSet;

use super::{Done, Imported, Outcome, Plan, Planned, ReadInput, Status, Target, compose, plan};
use crate::app::App;
use crate::app::encrypt::NewKey;
use crate::app::ledger::store::{Old, Purpose, Storing};
use crate::app::load::{OpenFile, parse_sealed};
use crate::app::policy::Policy;
use crate::document::Body;
use crate::error::{At as _, Exit, Failure};
use crate::io::file;
use crate::keypath::KeyPath;
use crate::secret::{Cleartext, DataKey};
use crate::sops::change::{Open, node_at};
use crate::sops::open::{Check, open, plaintext};
use crate::sops::seal::Sealed;
use crate::sops::store::NewNode;
use crate::stores::Format;

impl App<'_> {
    /// Does what the plan says. Of the keys that the file has with another value, those in
    /// `replaced` get the imported one. The file is opened again from the disk, and every value is
    /// compared; what is not as it should be is an error.
    pub fn import(&self, plan: Plan, replaced: &[KeyPath]) -> Result<Imported, Failure> {
        let outcomes = outcomes(&plan, replaced);
        let name = plan.to.display().to_string();
        let (written, text) = match &plan.target {
            Target::New { policy, key } => {
                self.make_imported(&plan, policy, key)?;
                (true, check(&plan, &outcomes, key.data_key()).at(&name)?)
            }
            Target::Existing(file) => {
                let written = self.change_imported(&plan, file, &outcomes)?;
                (written, check(&plan, &outcomes, &file.key).at(&name)?)
            }
        };
        let missing = missing(&plan, &outcomes);
        let inputs = plan.inputs.into_iter().zip(missing);
        Ok(Imported {
            written,
            outcomes,
            inputs: inputs
                .map(|(input, missing)| Done {
                    missing_comments: missing_comments(&input.comments, &text),
                    path: input.path,
                    missing,
                    bytes: input.bytes,
                })
                .collect(),
        })
    }

    /// Makes a new secret file.
    fn make_imported(&self, plan: &Plan, policy: &Policy, key: &NewKey) -> Result<(), Failure> {
        let name = plan.to.display().to_string();
        let sealed = self.seal_imported(plan, policy, key, &name)?;
        file::create_directories(file::directory_of(&plan.to))?;
        let lock = self.lock(&plan.to)?;
        let storing = Storing {
            path: &plan.to,
            lock: &lock,
            old: Old::Nothing,
            new: &sealed.text,
            format: plan.format,
        };
        self.store(&storing, &Purpose::of("mvx import"))
            .map_err(|failure| match failure.code {
                "already-exists" => Failure::new(
                    Exit::IO,
                    "changed-meanwhile",
                    "was made by somebody else meanwhile; nothing was written",
                )
                .at(&name)
                .hint("the same command once more merges into what is there now"),
                _ => failure,
            })?;
        self.warn_if_left_out(&plan.to);
        self.warn_if_closed(&plan.to, policy);
        Ok(())
    }

    fn seal_imported(
        &self,
        plan: &Plan,
        policy: &Policy,
        key: &NewKey,
        name: &str,
    ) -> Result<Sealed, Failure> {
        let seal = |text: &Cleartext| self.seal_new(name, text, plan.format, policy, key);
        if let (true, [only]) = (plan.verbatim, plan.inputs.as_slice()) {
            return seal(&only.bytes);
        }
        let with = compose::compose(plan.format, &plan.keys, &plan.comments, &plan.closing);
        let sealed = seal(&with.at(name)?)?;
        if comments_are_closed(plan.format, &sealed.text)? {
            return Ok(sealed);
        }
        // A value that somebody commented out must not come to stand in git in clear.
        self.note(format!(
            "{name}: comments are left out, because the rules would not encrypt them"
        ));
        let without = compose::compose(plan.format, &plan.keys, &[], &[]);
        seal(&without.at(name)?)
    }

    /// Puts new and replaced values into the file; says whether there were any.
    fn change_imported(
        &self,
        plan: &Plan,
        file: &OpenFile,
        outcomes: &[Outcome],
    ) -> Result<bool, Failure> {
        let lock = self.lock(&plan.to)?;
        let changes = changes(plan, file, outcomes);
        let new: Vec<KeyPath> = plan
            .keys
            .iter()
            .zip(outcomes)
            .filter(|(_, outcome)| **outcome == Outcome::Added)
            .map(|(planned, _)| planned.key.clone())
            .collect();
        let text = file
            .change(|sealer, open| Ok(sealer.set(open, &changes)?))
            .map_err(|mut failure: Failure| {
                if failure.code == "cannot-carry" {
                    failure.hints = vec![compose::OTHER_FILE.into()];
                }
                failure
            })?;
        let Some(text) = text else {
            return Ok(false);
        };
        let storing = Storing {
            path: &plan.to,
            lock: &lock,
            old: Old::Open(file),
            new: &text,
            format: plan.format,
        };
        self.store(&storing, &Purpose::of("mvx import"))?;
        self.say_what_is_readable(file, &text, &new)?;
        Ok(true)
    }
}

/// Opens the file from the disk and compares every value that is to be in it. Gives its plaintext.
fn check(plan: &Plan, outcomes: &[Outcome], key: &DataKey) -> Result<Cleartext, Failure> {
    let name = plan.to.display().to_string();
    let bytes = file::read(&plan.to, crate::app::READ_LIMIT)?;
    let sealed = parse_sealed(&name, plan.format, bytes)?;
    let mut opened = open(&sealed.tree, &sealed.metadata, key, Check::Required)?;
    let view = Open {
        text: sealed.text.as_bytes(),
        tree: &sealed.tree,
        opened: &opened,
    };
    let document = plan.keys.first().map_or(1, |planned| planned.key.document);
    let root = node_at(view, &KeyPath::root(document));
    for (planned, outcome) in plan.keys.iter().zip(outcomes) {
        if *outcome == Outcome::Kept {
            continue;
        }
        let found = plan::find(root.as_ref(), &planned.key)?;
        let holds = found.is_some_and(|found| {
            found.holds(&planned.node)
                || matches!((found, &planned.node),
                    (NewNode::Map(_), NewNode::Map(wanted)) if wanted.is_empty())
        });
        if !holds {
            return Err(Failure::new(
                Exit::BUG,
                "bug",
                format!("`{}` does not hold what was imported", planned.key),
            )
            .hint("keep the plaintext, and please report this"));
        }
    }
    let text = sealed.text.as_bytes();
    Ok(plaintext(
        sealed.format.store(),
        text,
        &sealed.tree,
        &mut opened,
    )?)
}

/// How many comments are nowhere in the secret file's plaintext.
fn missing_comments(comments: &[Cleartext], text: &Cleartext) -> usize {
    let is_there = |comment: &&Cleartext| {
        let mut lines = comment.as_bytes().split(|byte| *byte == b'\n');
        lines.all(|line| memchr::memmem::find(text.as_bytes(), line.trim_ascii()).is_some())
    };
    comments.len() - comments.iter().filter(is_there).count()
}

/// What becomes of each key.
fn outcomes(plan: &Plan, replaced: &[KeyPath]) -> Vec<Outcome> {
    let replaced: HashSet<&KeyPath> = replaced.iter().collect();
    let outcome = |planned: &Planned| match planned.status {
        Status::New => Outcome::Added,
        Status::Equal => Outcome::Equal,
        Status::Different if replaced.contains(&planned.key) => Outcome::Replaced,
        Status::Different => Outcome::Kept,
    };
    plan.keys.iter().map(outcome).collect()
}

/// The values to be written, each at its place; those that come with a new map around them
/// together with it, so that the text is parsed as seldom as possible.
fn changes(plan: &Plan, file: &OpenFile, outcomes: &[Outcome]) -> Vec<(KeyPath, NewNode)> {
    let document = plan.keys.first().map_or(1, |planned| planned.key.document);
    let root = node_at(file.view(), &KeyPath::root(document));
    let mut changes: Vec<(KeyPath, NewNode)> = Vec::new();
    for (planned, outcome) in plan.keys.iter().zip(outcomes) {
        if !matches!(outcome, Outcome::Added | Outcome::Replaced) {
            continue;
        }
        let node = planned.node.duplicate();
        let segments = &planned.key.segments;
        let above = (1..segments.len())
            .map(|length| KeyPath {
                document,
                segments: segments.iter().take(length).cloned().collect(),
            })
            .find(|above| matches!(plan::find(root.as_ref(), above), Ok(None)));
        let Some(above) = above else {
            changes.push((planned.key.clone(), node));
            continue;
        };
        let below = segments.get(above.segments.len()..).unwrap_or_default();
        let at = changes.iter().rposition(|(key, _)| *key == above);
        let mut fresh = NewNode::Map(Vec::new());
        let map = match at.and_then(|at| changes.get_mut(at)) {
            Some((_, map)) => map,
            None => &mut fresh,
        };
        if compose::insert(map, below, node).is_none() {
            changes.push((planned.key.clone(), planned.node.duplicate()));
        } else if at.is_none() {
            changes.push((above, fresh));
        }
    }
    changes
}

/// How many values of each input are not in the file afterwards.
fn missing(plan: &Plan, outcomes: &[Outcome]) -> Vec<usize> {
    let of = |number: usize, input: &ReadInput| {
        let unread = input.warnings.iter().filter(|one| one.loses()).count();
        let kept = plan
            .keys
            .iter()
            .zip(outcomes)
            .filter(|(planned, outcome)| planned.input == number && **outcome == Outcome::Kept)
            .count();
        let overridden = plan
            .twice
            .iter()
            .filter(|twice| !twice.same)
            .filter_map(|twice| twice.places.split_last().map(|(_, first)| first))
            .flatten()
            .filter(|(input, _)| *input == number)
            .count();
        unread + input.left_out.len() + kept + overridden
    };
    let inputs = plan.inputs.iter().enumerate();
    inputs.map(|(number, input)| of(number, input)).collect()
}

/// Whether all comments of a sealed text are encrypted.
fn comments_are_closed(format: Format, text: &Cleartext) -> Result<bool, Failure> {
    let tree = format.store().parse(text.as_bytes())?;
    Ok(tree.items.iter().all(|item| match &item.body {
        Body::Comment(words) => {
            memchr::memmem::find(words.as_bytes(), b"ENC[AES256_GCM,").is_some()
        }
        _ => true,
    }))
}
