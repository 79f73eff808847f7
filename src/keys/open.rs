//! Opening a file's data key with whatever this machine holds.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::error::{Exit, Explain};
use crate::keys::order::Step;
use crate::keys::race::race;
use crate::keys::shamir::{self, SHARE_LEN, ShamirError};
use crate::keys::{Effort, Held, KeyProvider, Kind, Report, Unwrapped, Wrapped};
use crate::secret::DataKey;

pub use crate::keys::order::Order;

/// An opened data key.
pub struct Opened {
    /// The key.
    pub key: DataKey,
    /// The recipients whose entries opened: one, or one for each key group that was needed.
    pub recipients: Vec<String>,
    /// What those of key groups held; none where the file has one group, which holds the key.
    pub shares: Vec<Share>,
}

/// A key group's share of a data key, as its entries hold it.
pub struct Share {
    /// The group's place in the file, from 0.
    pub group: usize,
    /// The share, [`SHARE_LEN`] bytes.
    pub bytes: Zeroizing<Vec<u8>>,
}

impl Opened {
    /// Another copy of the same secrets, which is wiped by itself.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        let shares = self.shares.iter().map(|share| Share {
            group: share.group,
            bytes: share.bytes.clone(),
        });
        Self {
            key: self.key.duplicate(),
            recipients: self.recipients.clone(),
            shares: shares.collect(),
        }
    }
}

/// Opens the data key of a file without key groups.
pub fn unwrap_any(
    entries: &[Wrapped],
    providers: &[Arc<dyn KeyProvider>],
    order: &Order,
) -> Result<Opened, OpenFailure> {
    open_one(entries, (providers, order, Effort::Device))
}

/// Opens the data key of a file with key groups: `threshold` of them (0 stands for all), one
/// entry of each.
pub fn unwrap_groups(
    groups: &[Vec<Wrapped>],
    threshold: usize,
    providers: &[Arc<dyn KeyProvider>],
    order: &Order,
) -> Result<Opened, OpenFailure> {
    open_all(groups, threshold, (providers, order, Effort::Device))
}

/// As [`unwrap_groups`], with no effort that a person notices: no passphrase, no device.
pub fn unwrap_unasked(
    groups: &[Vec<Wrapped>],
    threshold: usize,
    providers: &[Arc<dyn KeyProvider>],
    order: &Order,
) -> Result<Opened, OpenFailure> {
    open_all(groups, threshold, (providers, order, Effort::Network))
}

/// What is tried: by whom, in which order, and with how much effort at most.
type Ways<'a> = (&'a [Arc<dyn KeyProvider>], &'a Order, Effort);

fn open_one(entries: &[Wrapped], ways: Ways<'_>) -> Result<Opened, OpenFailure> {
    let mut search = Search::new([entries], DataKey::LEN, ways);
    search.run(1);
    let mut recipients = Vec::new();
    for (recipient, bytes) in search.opened() {
        recipients.push(recipient.to_owned());
        if let Some(key) = DataKey::from_bytes(bytes) {
            return Ok(Opened {
                key,
                recipients,
                shares: Vec::new(),
            });
        }
    }
    Err(OpenFailure::NoIdentity(search.failure(1)))
}

fn open_all(
    groups: &[Vec<Wrapped>],
    threshold: usize,
    ways: Ways<'_>,
) -> Result<Opened, OpenFailure> {
    if let [only] = groups {
        return open_one(only, ways);
    }
    let needed = if threshold == 0 {
        groups.len()
    } else {
        threshold
    };
    let mut search = Search::new(groups.iter().map(Vec::as_slice), SHARE_LEN, ways);
    search.run(needed);
    if search.opened().count() < needed {
        return Err(OpenFailure::NoIdentity(search.failure(needed)));
    }
    let (mut recipients, mut shares) = (Vec::new(), Vec::new());
    for (place, group) in search.groups.into_iter().enumerate() {
        if let Some((recipient, bytes)) = group.opened {
            recipients.push(recipient.to_owned());
            shares.push(Share {
                group: place,
                bytes,
            });
        }
    }
    let points: Vec<&[u8]> = shares.iter().map(|share| share.bytes.as_slice()).collect();
    let key = shamir::combine(&points)?;
    Ok(Opened {
        key,
        recipients,
        shares,
    })
}

/// The data key could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenFailure {
    /// No identity opens the file, or not enough of its key groups.
    #[error(transparent)]
    NoIdentity(Tried),
    /// The key groups opened, but what they hold makes no key.
    #[error(transparent)]
    Shares(#[from] ShamirError),
}

impl Explain for OpenFailure {
    fn exit(&self) -> Exit {
        match self {
            Self::NoIdentity(_) => Exit::NO_IDENTITY,
            Self::Shares(_) => Exit::VALUE,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NoIdentity(_) => "no-identity",
            Self::Shares(_) => "bad-shares",
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NoIdentity(tried) if !tried.advice.is_empty() => {
                let what = WHAT_WAS_TRIED.to_owned();
                tried.advice.iter().cloned().chain([what]).collect()
            }
            Self::NoIdentity(tried) if tried.identities == 0 => vec![
                WHAT_WAS_TRIED.to_owned(),
                "if you have a key, set MVX_AGE_KEY_FILE to its file; if not, `mvx keys generate` makes one"
                    .to_owned(),
                "then send somebody who can open the file what `mvx recipients request` prints".to_owned(),
            ],
            Self::NoIdentity(_) => vec![
                WHAT_WAS_TRIED.to_owned(),
                "set MVX_AGE_KEY_FILE to the file of a key that it is sealed for".to_owned(),
                "or send one of them what `mvx recipients request` prints, to be given access".to_owned(),
            ],
            Self::Shares(_) => vec![
                "`git log -p` of the file shows who changed its `sops.key_groups`".to_owned(),
            ],
        }
    }
}

/// What was tried, and why it did not help. The message is one line; the causes below it are a
/// line each: whom the file is sealed for, which entry failed and why, which source of
/// identities could not be used.
#[derive(Debug)]
pub struct Tried {
    identities: usize,
    opened: usize,
    needed: usize,
    lines: Option<Box<Line>>,
    /// What would help the entries that should have opened, a line each.
    advice: Vec<String>,
}

impl Tried {
    /// How many identities this machine holds.
    pub fn identities(&self) -> usize {
        self.identities
    }

    /// The causes, a line each.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(self.lines.as_deref(), |line| line.next.as_deref())
            .map(|line| line.text.as_str())
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.identities, self.needed) {
            (0, _) => f.write_str("this machine holds no identity that could open the file"),
            (1, 1) => f.write_str("your one identity does not open this file"),
            (many, 1) => write!(f, "none of your {many} identities opens this file"),
            (_, needed) => write!(
                f,
                "your identities open {} of the {needed} key groups that it takes to open this file",
                self.opened
            ),
        }
    }
}

impl Error for Tried {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.lines.as_deref()?)
    }
}

#[derive(Debug)]
struct Line {
    text: String,
    next: Option<Box<Line>>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Line {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.next.as_deref()?)
    }
}

const WHAT_WAS_TRIED: &str = "`mvx doctor FILE` shows what was tried";

/// The most recipients that a message names.
const MAX_NAMED: usize = 8;

/// The most failures that a message tells.
const MOST_TOLD: usize = 24;

/// The most entries of a group that services are asked about: whoever writes a file shall not have its
/// readers make thousands of calls.
const MOST_ASKED: usize = 64;

/// A search for the keys of some groups.
struct Search<'a> {
    groups: Vec<Group<'a>>,
    /// The length that an unwrapped key must have, in bytes.
    length: usize,
    providers: &'a [Arc<dyn KeyProvider>],
    order: &'a Order,
    /// The most effort that anything may take.
    most: Effort,
}

struct Group<'a> {
    entries: &'a [Wrapped],
    opened: Option<(&'a str, Zeroizing<Vec<u8>>)>,
    failures: Vec<String>,
    advice: Vec<String>,
}

impl<'a> Search<'a> {
    fn new(
        groups: impl IntoIterator<Item = &'a [Wrapped]>,
        length: usize,
        (providers, order, most): Ways<'a>,
    ) -> Self {
        Self {
            groups: groups
                .into_iter()
                .map(|entries| Group {
                    entries,
                    opened: None,
                    failures: Vec::new(),
                    advice: Vec::new(),
                })
                .collect(),
            length,
            providers,
            order,
            most,
        }
    }

    /// Tries all groups with ever more effort, until `needed` of them are open.
    fn run(&mut self, needed: usize) {
        for step in self.order.steps() {
            for effort in Effort::ALL
                .into_iter()
                .filter(|effort| *effort <= self.most)
            {
                for index in 0..self.groups.len() {
                    if self.opened().count() >= needed {
                        return;
                    }
                    if let Some(group) = self.groups.get_mut(index) {
                        group.advance(step, effort, self.length, self.providers);
                    }
                }
            }
        }
    }

    fn opened(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.groups
            .iter()
            .filter_map(|group| group.opened.as_ref())
            .map(|(recipient, bytes)| (*recipient, bytes.as_slice()))
    }

    fn failure(&self, needed: usize) -> Tried {
        let reports: Vec<Report> = self
            .providers
            .iter()
            .map(|provider| provider.report())
            .collect();
        let mut lines = vec![self.sealed_for()];
        for entry in self.groups.iter().flat_map(|group| group.entries) {
            if provider(self.providers, entry).is_none() {
                lines.push(format!(
                    "{}: mvx does not know keys of kind {}",
                    entry.short(),
                    crate::keys::short(&entry.kind.to_string())
                ));
            }
        }
        let mut failures: Vec<String> = self.failures().collect();
        if !failures.is_empty() {
            lines.extend(self.not_held(&failures));
        }
        if failures.len() > MOST_TOLD {
            let more = failures.len() - MOST_TOLD;
            failures.truncate(MOST_TOLD);
            failures.push(format!("and {more} more failed"));
        }
        lines.extend(failures);
        lines.extend(reports.iter().flat_map(|report| report.troubles.clone()));
        Tried {
            identities: count(reports.iter().flat_map(|report| &report.held)),
            opened: self.opened().count(),
            needed,
            advice: self.advice(),
            lines: lines
                .into_iter()
                .rev()
                .fold(None, |next, text| Some(Box::new(Line { text, next }))),
        }
    }

    fn failures(&self) -> impl Iterator<Item = String> {
        self.groups.iter().flat_map(|group| group.failures.clone())
    }

    /// Whose keys this machine does not hold, in one line: beside those that failed, so that nobody
    /// wonders what became of them.
    fn not_held(&self, failures: &[String]) -> Option<String> {
        let closed = self.groups.iter().filter(|group| group.opened.is_none());
        let mut names: Vec<String> = Vec::new();
        for entry in closed.flat_map(|group| group.entries) {
            let name = entry.short();
            let told = |line: &String| line.starts_with(&format!("{name}: "));
            let known = provider(self.providers, entry).is_some();
            if known && !names.contains(&name) && !failures.iter().any(told) {
                names.push(name);
            }
        }
        (!names.is_empty()).then(|| format!("this machine holds no key for {}", list(names, "or")))
    }

    /// What would help, each line once.
    fn advice(&self) -> Vec<String> {
        let mut advice: Vec<String> = Vec::new();
        for line in self.groups.iter().flat_map(|group| &group.advice) {
            if !advice.contains(line) && advice.len() < MAX_NAMED {
                advice.push(line.clone());
            }
        }
        advice
    }

    /// Names the recipients, those of one group joined by "or" where there are several groups.
    fn sealed_for(&self) -> String {
        let names = |entries: &[Wrapped]| {
            let mut names: Vec<String> = Vec::new();
            for name in entries.iter().map(Wrapped::short) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            names
        };
        match self.groups.as_slice() {
            [only] if only.entries.is_empty() => "it is sealed for nobody".to_owned(),
            [only] => format!("it is sealed for {}", list(names(only.entries), "and")),
            groups => {
                let groups = groups
                    .iter()
                    .map(|group| list(names(group.entries), "or"))
                    .collect();
                format!("its key groups are sealed for {}", list(groups, "and for"))
            }
        }
    }
}

impl<'a> Group<'a> {
    /// Tries the entries of a step with one effort, unless the group is open.
    fn advance(
        &mut self,
        step: Step<'_>,
        effort: Effort,
        length: usize,
        providers: &[Arc<dyn KeyProvider>],
    ) {
        let mut waiting: Vec<(&'a Wrapped, &Arc<dyn KeyProvider>)> = self
            .entries
            .iter()
            .filter(|entry| step.takes(&entry.kind))
            .filter_map(|entry| Some((entry, provider(providers, entry)?)))
            .collect();
        if effort == Effort::Network && self.opened.is_none() && waiting.len() > 1 {
            return self.ask_services(&waiting, length);
        }
        while self.opened.is_none() && !waiting.is_empty() {
            // asked anew each time: an answer to one entry may bring the key to another
            let (entry, provider) = waiting.remove(likeliest(&waiting, effort, providers));
            match provider.unwrap(entry, effort) {
                Unwrapped::NotMine => {}
                Unwrapped::Opened(key) if key.len() == length => {
                    self.opened = Some((&entry.recipient, key));
                }
                Unwrapped::Opened(key) => self.fail(entry, &wrong_length(key.len(), length)),
                Unwrapped::Failed(error) => self.fail_with(entry, error.as_ref()),
            }
        }
    }

    /// Asks the services of these entries, one that hangs beside the next.
    fn ask_services(&mut self, waiting: &[(&'a Wrapped, &Arc<dyn KeyProvider>)], length: usize) {
        let runners = waiting.iter().filter(|(entry, _)| entry.kind != Kind::Age);
        let runners = runners.take(MOST_ASKED);
        let (entries, runners): (Vec<&'a Wrapped>, Vec<_>) = runners
            .map(|(entry, provider)| (*entry, ((*entry).clone(), Arc::clone(provider))))
            .unzip();
        let finish = race(runners, length);
        for (place, error) in finish.failures {
            if let Some(entry) = entries.get(place) {
                self.fail_with(entry, error.as_ref());
            }
        }
        for (place, found) in finish.unsound {
            if let Some(entry) = entries.get(place) {
                self.fail(entry, &wrong_length(found, length));
            }
        }
        if let Some((place, key)) = finish.opened
            && let Some(entry) = entries.get(place)
        {
            self.opened = Some((&entry.recipient, key));
        }
    }

    fn fail_with(&mut self, entry: &Wrapped, error: &(dyn Explain + Send + Sync)) {
        self.fail(entry, &error.to_string());
        self.advice.extend(error.hints());
    }

    fn fail(&mut self, entry: &Wrapped, why: &str) {
        let line = format!("{}: {why}", entry.short());
        if !self.failures.contains(&line) {
            self.failures.push(line);
        }
    }
}

fn wrong_length(found: usize, wanted: usize) -> String {
    format!("it holds {found} bytes where a key has {wanted}")
}

/// The place of the entry that is tried next: one that a provider expects to open, else the first.
fn likeliest(
    waiting: &[(&Wrapped, &Arc<dyn KeyProvider>)],
    effort: Effort,
    providers: &[Arc<dyn KeyProvider>],
) -> usize {
    if waiting.len() == 1 {
        return 0;
    }
    let expected = providers.iter().find_map(|provider| {
        let kind = provider.kind();
        let (places, entries): (Vec<usize>, Vec<&Wrapped>) = waiting
            .iter()
            .enumerate()
            .filter(|(_, (entry, _))| entry.kind == kind)
            .map(|(place, (entry, _))| (place, *entry))
            .unzip();
        places.get(provider.expects(&entries, effort)?).copied()
    });
    expected.unwrap_or(0)
}

fn provider<'p>(
    providers: &'p [Arc<dyn KeyProvider>],
    entry: &Wrapped,
) -> Option<&'p Arc<dyn KeyProvider>> {
    providers
        .iter()
        .find(|provider| provider.kind() == entry.kind)
}

/// How many identities these are; one found in two places counts once.
fn count<'h>(held: impl Iterator<Item = &'h Held>) -> usize {
    let mut distinct: Vec<&Held> = Vec::new();
    for one in held {
        let known = |other: &&Held| one.recipient.is_some() && one.recipient == other.recipient;
        if !distinct.iter().any(known) {
            distinct.push(one);
        }
    }
    distinct.len()
}

/// `a, b and c`; a long list is cut.
pub fn list(mut names: Vec<String>, conjunction: &str) -> String {
    if names.len() > MAX_NAMED {
        let more = names.len() - (MAX_NAMED - 1);
        names.truncate(MAX_NAMED - 1);
        names.push(format!("{more} more"));
    }
    match names.pop() {
        None => "nobody".to_owned(),
        Some(last) if names.is_empty() => last,
        Some(last) => format!("{} {conjunction} {last}", names.join(", ")),
    }
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;
