//! What is made of a file without a seal: taken, taken with a note, or refused (docs/seal.md).

use std::ops::ControlFlow;
use std::path::Path;

use crate::app::files::{STDIN, shell_word};
use crate::app::groups::Regrouping;
use crate::app::load::{OpenFile, Sealed, parse_sealed};
use crate::app::{App, many};
use crate::error::{At as _, Exit, Failure};
use crate::git::history::{self, Reach};
use crate::git::{self, WorkTree};
use crate::io::file;
use crate::keys::short;
use crate::rules::SOPS_FILE;
use crate::secret::DataKey;
use crate::sops::difference::{Change, Difference, KEY_GROUPS, Version, What, differences};
use crate::sops::open::{Check, Opened, open};
use crate::sops::signet::SealState;
use crate::stores::Format;

/// How many commits back a version with a seal is looked for.
pub const COMMITS: usize = 1_000;

/// A version of a file in git that is good: its MAC matches, and so does its seal.
pub struct Good {
    /// The commit.
    pub commit: String,
    /// When it was made, in seconds since 1970.
    pub time: i64,
    /// Who made it.
    pub author: String,
    /// The version.
    pub sealed: Sealed,
    /// Its data key.
    pub key: DataKey,
    /// Its values.
    pub opened: Opened,
}

/// What is looked for in git.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A version with a valid seal.
    WithSeal,
    /// A version that opens, with a seal or without one.
    Any,
}

/// What came of looking.
pub enum Search {
    /// The newest good version.
    Found(Box<Good>),
    /// There is none, as far as git's history was looked at.
    None(Reach),
    /// There are versions with a seal, and none that this machine's identities open.
    Closed,
}

impl App<'_> {
    /// Whether a file without a seal is taken as it is, because none of its versions in git has one.
    pub(super) fn never_had_a_seal(
        &self,
        path: &Path,
        key: &DataKey,
        format: Format,
    ) -> Result<bool, Failure> {
        self.may_lack_a_seal(path)?;
        match self.search(path, Some(key), format, Wanted::WithSeal)? {
            Search::None(reach) => {
                self.say_how_far(path, reach);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn may_lack_a_seal(&self, path: &Path) -> Result<(), Failure> {
        let demanded = |path: &Path| match self.policy_if_any(path) {
            Ok(policy) => Ok(policy.is_some_and(|policy| policy.seal_required)),
            // Broken rules keep nobody from opening a file that has its seal. Of one that has none
            // they may say that it needs one; sops's rules never do.
            Err(failure) => match &failure.place {
                Some(place) if place.ends_with(SOPS_FILE) => Ok(false),
                _ => Err(failure),
            },
        };
        // What a link leads to may stand under other rules.
        let real = file::canonical(path).ok();
        if demanded(path)? || real.map_or(Ok(false), |real| demanded(&real))? {
            return Err(refused(
                path,
                "it carries no seal, and the rules demand one",
            ));
        }
        Ok(())
    }

    /// Refuses an opened file that lost its seal if it differs from the version that had one in
    /// more than SOPS's encryption vouches for.
    pub(super) fn trust(&self, file: &OpenFile) -> Result<(), Failure> {
        if file.opened.seal == SealState::Valid {
            return Ok(());
        }
        if file.sealed.name == STDIN {
            self.note("standard input: without a seal, and compared with no history");
            return Ok(());
        }
        let path = Path::new(&file.sealed.name);
        self.may_lack_a_seal(path)?;
        match self.last_good(path, file, Wanted::WithSeal)? {
            Search::None(reach) => {
                self.say_how_far(path, reach);
                Ok(())
            }
            Search::Closed => Err(refused(
                path,
                "it lost its seal, and none of your identities opens the version in git that has one",
            )),
            Search::Found(good) => {
                let found = self
                    .differences_from(&good, file, path)
                    .at(path.display())?;
                let bad: Vec<String> = found
                    .iter()
                    .filter(|one| !one.vouched)
                    .map(|one| describe(&one.change))
                    .collect();
                if bad.is_empty() {
                    self.note(format!(
                        "{}: was changed without mvx since {}: {}; the next change by mvx seals it again",
                        path.display(),
                        commit_name(&good.commit),
                        summary(&found)
                    ));
                    return Ok(());
                }
                let mut failure = refused(
                    path,
                    &format!(
                        "it lost its seal, and differs from {} in what SOPS does not protect",
                        commit_name(&good.commit)
                    ),
                );
                failure.error = with_lines(&failure.error, bad);
                Err(failure)
            }
        }
    }

    fn say_how_far(&self, path: &Path, reach: Reach) {
        if reach == Reach::CutShort {
            self.note(format!(
                "{}: without a seal, as in the {COMMITS} newest commits or as many as this clone has; older ones were not looked at",
                path.display()
            ));
        }
    }

    /// The work trees that may remember the file: the one it stands in, and the one of what it leads
    /// to; and whether there is another one. Says so where git cannot be asked.
    fn histories_of(&self, path: &Path) -> (Vec<WorkTree>, Reach) {
        let mut reach = Reach::Whole;
        let mut trees: Vec<WorkTree> = Vec::new();
        let real = file::canonical(path).ok();
        for path in [Some(path), real.as_deref()].into_iter().flatten() {
            let root = git::repository_root(path).ok().flatten();
            if root.is_some_and(|root| trees.iter().any(|known| known.root() == root)) {
                continue;
            }
            match git::work_tree_of(path) {
                Ok(tree) => trees.extend(tree),
                Err(error) => {
                    reach = Reach::CutShort;
                    // A name that was given for what came on standard input need not exist.
                    if file::kind(path).is_ok_and(|kind| kind.is_some()) {
                        self.note(format!(
                            "{}: without a seal, and not compared with its history: {error}",
                            path.display()
                        ));
                    }
                }
            }
        }
        (trees, reach)
    }

    /// The newest version in git that is good. `file` is the one at hand, whose data key is tried
    /// first.
    pub(super) fn last_good(
        &self,
        path: &Path,
        file: &OpenFile,
        wanted: Wanted,
    ) -> Result<Search, Failure> {
        self.search(path, Some(&file.key), file.sealed.format, wanted)
    }

    /// As [`App::last_good`], for a file whose data key may not be known.
    pub(super) fn search(
        &self,
        path: &Path,
        key: Option<&DataKey>,
        format: Format,
        wanted: Wanted,
    ) -> Result<Search, Failure> {
        let (trees, reach) = self.histories_of(path);
        let mut found = Search::None(reach);
        for tree in trees {
            let names = tree.names_of(path, self.directory());
            let reach = tree.versions(&names, COMMITS, |version| {
                let sealed = memchr::memmem::find(version.bytes.as_bytes(), b"mvx_seal").is_some();
                if !sealed && wanted == Wanted::WithSeal {
                    return ControlFlow::Continue(());
                }
                match self.good(path, version, key, format, wanted) {
                    Search::None(_) => ControlFlow::Continue(()),
                    Search::Closed => {
                        found = Search::Closed;
                        ControlFlow::Continue(())
                    }
                    good @ Search::Found(_) => {
                        found = good;
                        ControlFlow::Break(())
                    }
                }
            })?;
            match &mut found {
                Search::None(seen) if reach == Reach::CutShort => *seen = reach,
                Search::Found(_) => break,
                _ => {}
            }
        }
        Ok(found)
    }

    /// Whether a version is good.
    fn good(
        &self,
        path: &Path,
        version: history::Version,
        key: Option<&DataKey>,
        format: Format,
        wanted: Wanted,
    ) -> Search {
        let name = path.display().to_string();
        let Ok(sealed) = parse_sealed(&name, format, version.bytes) else {
            return Search::None(Reach::Whole);
        };
        if wanted == Wanted::WithSeal && sealed.metadata.seal().is_none() {
            return Search::None(Reach::Whole);
        }
        let opens = |key: &DataKey| {
            let opened = open(&sealed.tree, &sealed.metadata, key, Check::Required).ok()?;
            let good = opened.seal == SealState::Valid || wanted == Wanted::Any;
            good.then_some(opened)
        };
        let same = key.and_then(|key| Some((key.duplicate(), opens(key)?)));
        let found = match same {
            Some(found) => Some(found),
            None => match self.unwrap_key(&name, &sealed.metadata) {
                Ok(unwrapped) => opens(&unwrapped.key).map(|opened| (unwrapped.key, opened)),
                Err(_) => return Search::Closed,
            },
        };
        let Some((key, opened)) = found else {
            return Search::None(Reach::Whole);
        };
        Search::Found(Box::new(Good {
            commit: version.commit,
            time: version.time,
            author: version.author,
            sealed,
            key,
            opened,
        }))
    }

    /// What differs between a version in git and a file; a recipient whom the rules name for it is
    /// vouched for by them.
    pub(super) fn differences_from(
        &self,
        good: &Good,
        file: &OpenFile,
        path: &Path,
    ) -> Result<Vec<Difference>, Failure> {
        let (old, new) = (good.version(), file.version());
        let mut found = differences(old, new, good.key == file.key)?;
        let policy = self.policy_if_any(path).unwrap_or_default();
        let ruled = policy.as_ref().is_some_and(|policy| {
            Regrouping::of(&file.sealed.metadata, policy).is_ok_and(|found| found.is_none())
        });
        for one in &mut found {
            // who is in which group, and how many of them it takes
            if matches!(
                &one.change,
                Change::RecipientChanged(..) | Change::Structure(KEY_GROUPS)
            ) {
                one.vouched |= ruled;
            }
            if let Change::RecipientAdded(_, recipient) = &one.change {
                let names = |spec: &crate::rules::RecipientSpec| {
                    crate::app::recipients::is_same_key(&spec.value, recipient)
                };
                one.vouched = policy
                    .as_ref()
                    .is_some_and(|policy| policy.recipients().any(names));
            }
        }
        Ok(found)
    }
}

impl Good {
    /// The version, to be compared.
    pub fn version(&self) -> Version<'_> {
        Version {
            tree: &self.sealed.tree,
            opened: &self.opened,
            metadata: &self.sealed.metadata,
        }
    }
}

impl OpenFile {
    /// The file, to be compared.
    pub fn version(&self) -> Version<'_> {
        Version {
            tree: &self.sealed.tree,
            opened: &self.opened,
            metadata: &self.sealed.metadata,
        }
    }
}

/// A difference in words, without values.
pub fn describe(change: &Change) -> String {
    let what = |what: What| match what {
        What::Encrypted => "an encrypted value",
        What::Clear => "a value in clear",
        What::Empty => "an empty text",
        What::Null => "a null",
        What::EmptyContainer => "an empty map or list",
    };
    match change {
        Change::Added(path, kind) => format!("`{path}` was added, {}", what(*kind)),
        Change::Removed(path, kind) => format!("`{path}` was removed, {}", what(*kind)),
        Change::Value(path, What::Clear) => format!("`{path}` has another value, in clear"),
        Change::Value(path, _) => format!("`{path}` has another value"),
        Change::Type(path, from, to) => format!("`{path}` was of type {from} and is of type {to}"),
        Change::Disclosed(path) => format!("`{path}` was encrypted and stands in clear"),
        Change::Enclosed(path) => format!("`{path}` was in clear and is encrypted"),
        Change::Order => "the entries have another order".into(),
        Change::Comments => "comments differ".into(),
        Change::Selector => "what is encrypted and what the MAC covers was set otherwise".into(),
        Change::Structure(what) => format!("the number of {what} differs"),
        Change::RecipientAdded(_, name) => format!("{} was added as a recipient", short(name)),
        Change::RecipientRemoved(_, name) => format!("{} was removed as a recipient", short(name)),
        Change::RecipientChanged(_, name) => {
            format!("the recipient {} was set otherwise", short(name))
        }
        Change::DataKey => "the data key is another one".into(),
    }
}

/// How a commit is called in messages.
pub fn commit_name(commit: &str) -> String {
    format!("commit {}", commit.get(..10).unwrap_or(commit))
}

/// `2 values changed and 1 came`, for a note.
fn summary(found: &[Difference]) -> String {
    let count =
        |wanted: fn(&Change) -> bool| found.iter().filter(|one| wanted(&one.change)).count();
    let new_key = found.iter().any(|one| one.change == Change::DataKey);
    // `sops updatekeys` does it so.
    let gone = if new_key {
        ("recipient went", "recipients went")
    } else {
        (
            "recipient went and knows the data key still (`mvx rekey` makes a new one)",
            "recipients went and know the data key still (`mvx rekey` makes a new one)",
        )
    };
    let kinds = [
        (
            count(|c| matches!(c, Change::Value(..))),
            "value changed",
            "values changed",
        ),
        (
            count(|c| matches!(c, Change::Added(..))),
            "value came",
            "values came",
        ),
        (
            count(|c| matches!(c, Change::Removed(..))),
            "value went",
            "values went",
        ),
        (
            count(|c| matches!(c, Change::RecipientAdded(..))),
            "recipient came",
            "recipients came",
        ),
        (
            count(|c| matches!(c, Change::RecipientRemoved(..))),
            gone.0,
            gone.1,
        ),
    ];
    let mut words: Vec<String> = kinds
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, more)| many(count, one, more))
        .collect();
    for one in found {
        if matches!(
            one.change,
            Change::DataKey | Change::Order | Change::Comments
        ) {
            words.push(describe(&one.change));
        }
    }
    if words.is_empty() {
        return "nothing differs but the seal".into();
    }
    words.join(", ")
}

fn refused(path: &Path, message: &str) -> Failure {
    Failure::new(Exit::MAC, "seal-missing", message)
        .at(path.display())
        .hint(format!(
            "`mvx seal accept {}` shows what differs, and seals the file once you have said yes",
            shell_word(path)
        ))
        .hint("`git log -p -- FILE` shows who changed it".replace("FILE", &shell_word(path)))
}

/// An error with a line for each difference; a long list is cut.
fn with_lines(error: &anyhow::Error, mut lines: Vec<String>) -> anyhow::Error {
    const SHOWN: usize = 8;
    if lines.len() > SHOWN {
        let more = lines.len() - SHOWN;
        lines.truncate(SHOWN);
        lines.push(format!("and {more} more"));
    }
    let message = error.to_string();
    crate::app::load::with_causes(message, lines)
}
