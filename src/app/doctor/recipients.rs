//! For each recipient of a file: what this machine tried, and why that opened it or not.

use std::path::Path;

use super::{Checks, FileCheckup, How};
use crate::app::App;
use crate::app::entries::wrapped;
use crate::app::files::shell_word;
use crate::app::load::Sealed;
use crate::keys::diagnose::{Attempt, Outcome, Reach};
use crate::keys::open::list;
use crate::keys::{Effort, KeyProvider, Kind, Unwrapped, Wrapped, short};

/// One whom a file is sealed for.
pub struct Reader {
    /// What the rules call it.
    pub name: Option<String>,
    /// The kind of key.
    pub kind: String,
    /// The public key or resource, as the file spells it.
    pub id: String,
    /// The number of the key group, from 1, where there are several.
    pub group: Option<usize>,
    /// Whether this machine opens it.
    pub verdict: Verdict,
    /// Why, in words.
    pub why: String,
    /// What each identity made of it.
    pub attempts: Vec<Attempt>,
    /// Whether a service decides about it.
    pub at_service: bool,
}

/// Whether this machine opens an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Opened,
    /// It should, and something failed.
    Failed,
    /// It may, and was not tried.
    NotTried,
    /// It has no identity for it.
    NotMine,
    /// This version knows no keys of this kind.
    UnknownKind,
}

impl Verdict {
    /// The token for machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Failed => "failed",
            Self::NotTried => "not-tried",
            Self::NotMine => "not-mine",
            Self::UnknownKind => "unknown-kind",
        }
    }
}

impl App<'_> {
    /// Tries every recipient of a file, with no more effort than it takes to open it, and no
    /// question unless that is wanted.
    pub(super) fn check_recipients(
        &self,
        path: &Path,
        sealed: &Sealed,
        how: How,
        found: &mut FileCheckup,
    ) {
        let groups = sealed.metadata.groups().map(|groups| {
            let wrapped = groups.iter().map(|group| wrapped(group));
            wrapped.collect::<Vec<_>>()
        });
        let (groups, threshold) = match (groups, sealed.metadata.threshold()) {
            (Ok(groups), Ok(threshold)) => (groups, threshold),
            (Err(error), _) | (_, Err(error)) => {
                let mut checks = Checks::about("file", &mut found.checks);
                checks.failure("recipients", path, error);
                found.opens = Some(false);
                return;
            }
        };
        let needed = match (groups.len(), threshold) {
            (1, _) => 1,
            (all, None) => all,
            (_, Some(threshold)) => threshold,
        };
        let reaches = [Reach::Ready, Reach::Commands, Reach::People];
        for reach in reaches.into_iter().take(if how.ask { 3 } else { 2 }) {
            let online = how.online && reach > Reach::Ready;
            found.recipients = self.readers(path, &groups, (reach, online));
            if open(&found.recipients, groups.len()) >= needed {
                break;
            }
        }
        tell(path, needed, groups.len(), found);
    }

    /// The hosts that would be asked about a file, each once.
    pub(super) fn hosts_of(&self, sealed: &Sealed) -> Vec<String> {
        let groups = sealed.metadata.groups().unwrap_or_default();
        let entries = groups.iter().flat_map(|group| wrapped(group));
        let hosts = entries.filter_map(|entry| {
            let outlook = self.keyring().provider(&entry.kind)?.outlook(&entry);
            outlook.host.filter(|_| outlook.trouble.is_none())
        });
        let mut hosts: Vec<String> = hosts.collect();
        hosts.sort();
        hosts.dedup();
        hosts
    }

    fn readers(
        &self,
        path: &Path,
        groups: &[Vec<Wrapped>],
        (reach, online): (Reach, bool),
    ) -> Vec<Reader> {
        let several = groups.len() > 1;
        let numbered = (1..).zip(groups).flat_map(|(number, group)| {
            let number = several.then_some(number);
            group.iter().map(move |entry| (number, entry))
        });
        numbered
            .map(|(group, entry)| {
                let (verdict, why, attempts) = self.examine(entry, (reach, online));
                Reader {
                    name: self.register_name(path, &entry.recipient),
                    kind: kind_of(entry),
                    id: entry.recipient.clone(),
                    group,
                    verdict,
                    why,
                    attempts,
                    at_service: self.is_at_service(entry),
                }
            })
            .collect()
    }

    fn examine(
        &self,
        entry: &Wrapped,
        (reach, online): (Reach, bool),
    ) -> (Verdict, String, Vec<Attempt>) {
        if entry.kind != Kind::Age {
            let Some(provider) = self.keyring().provider(&entry.kind) else {
                let kind = short(&entry.kind.to_string());
                let why = format!("mvx opens no keys of kind {kind}");
                return (Verdict::UnknownKind, why, Vec::new());
            };
            let (verdict, why) = examine_at(provider, entry, (reach, online));
            return (verdict, why, Vec::new());
        }
        match self.identities().diagnose(entry, reach) {
            Ok(attempts) => {
                let (verdict, why) = judge(&attempts);
                (verdict, why, attempts)
            }
            Err(why) => (Verdict::Failed, why, Vec::new()),
        }
    }
}

/// What a service, or the program that keeps such keys, makes of an entry.
fn examine_at(
    provider: &dyn KeyProvider,
    entry: &Wrapped,
    (reach, online): (Reach, bool),
) -> (Verdict, String) {
    let outlook = provider.outlook(entry);
    if let Some(host) = &outlook.host
        && !online
    {
        let with = match outlook.has.as_slice() {
            [] => "with what the machine is given, since nothing is set for it".to_owned(),
            has => format!("with {}", list(has.to_vec(), "and")),
        };
        let against = outlook.trouble.map(|why| format!("; {why}"));
        let why = format!(
            "not tried: it takes {host}, {with}{}",
            against.unwrap_or_default()
        );
        return (Verdict::NotTried, why);
    }
    if let (None, Some(trouble)) = (&outlook.host, outlook.trouble) {
        return (Verdict::Failed, trouble);
    }
    let most = match reach {
        Reach::Ready => Effort::Ssh,
        Reach::Commands => Effort::Network,
        Reach::People => Effort::Device,
    };
    let efforts = Effort::ALL.into_iter().filter(|effort| *effort <= most);
    let mut failed = None;
    for effort in efforts {
        match provider.unwrap(entry, effort) {
            Unwrapped::NotMine => {}
            Unwrapped::Opened(_) => {
                let by = outlook.host.as_deref().unwrap_or("a key of this machine");
                return (Verdict::Opened, format!("opened by {by}"));
            }
            Unwrapped::Failed(error) => failed = Some(error.to_string()),
        }
    }
    match failed {
        Some(why) => (Verdict::Failed, why),
        None if reach < Reach::People => {
            let why = "not tried: it may take a passphrase, a device or an answer";
            (Verdict::NotTried, why.to_owned())
        }
        None => (
            Verdict::NotMine,
            "this machine has no key for it".to_owned(),
        ),
    }
}

/// What the attempts come to.
fn judge(attempts: &[Attempt]) -> (Verdict, String) {
    let by = |attempt: &Attempt| format!("{} from {}", attempt.kind, attempt.source);
    let whys = |wanted: fn(&Outcome) -> Option<&str>| {
        let whys = attempts.iter().filter_map(|attempt| {
            let why = wanted(&attempt.outcome)?;
            Some(format!("{}: {why}", by(attempt)))
        });
        whys.collect::<Vec<_>>().join("; ")
    };
    let opened = attempts
        .iter()
        .find(|attempt| attempt.outcome == Outcome::Opened);
    if let Some(attempt) = opened {
        return (Verdict::Opened, format!("opened by {}", by(attempt)));
    }
    let failed = whys(|outcome| match outcome {
        Outcome::Failed(why) => Some(why),
        _ => None,
    });
    if !failed.is_empty() {
        return (Verdict::Failed, failed);
    }
    let waiting = whys(|outcome| match outcome {
        Outcome::NotTried(why) => Some(why),
        _ => None,
    });
    if !waiting.is_empty() {
        return (Verdict::NotTried, format!("not tried: {waiting}"));
    }
    let why = match attempts.len() {
        0 => "this machine has no identity of that kind".to_owned(),
        1 => "your one identity is another".to_owned(),
        many => format!("none of your {many} identities is meant"),
    };
    (Verdict::NotMine, why)
}

/// How many groups are open.
fn open(readers: &[Reader], groups: usize) -> usize {
    let is_open = |number: &usize| {
        readers
            .iter()
            .any(|reader| reader.verdict == Verdict::Opened && reader.group.unwrap_or(1) == *number)
    };
    (1..=groups).filter(is_open).count()
}

/// How many groups could be open if everything that was not tried succeeded.
fn openable(readers: &[Reader], groups: usize) -> usize {
    let may_open = |number: &usize| {
        readers.iter().any(|reader| {
            matches!(reader.verdict, Verdict::Opened | Verdict::NotTried)
                && reader.group.unwrap_or(1) == *number
        })
    };
    (1..=groups).filter(may_open).count()
}

/// A line for each recipient, and one for what they come to.
fn tell(path: &Path, needed: usize, groups: usize, found: &mut FileCheckup) {
    let opens = open(&found.recipients, groups) >= needed;
    let at_services = (found.recipients.iter())
        .any(|reader| reader.verdict == Verdict::NotTried && reader.at_service);
    let may_open = openable(&found.recipients, groups) >= needed;
    let mut checks = Checks::about("file", &mut found.checks);
    for reader in &found.recipients {
        let text = line(reader);
        match reader.verdict {
            Verdict::Opened => checks.ok("recipient", text),
            // somebody else's trouble, as long as the file opens
            Verdict::Failed if !opens => checks.problem("recipient", text, hints(reader)),
            _ => checks.note("recipient", text, []),
        }
    }
    let word = shell_word(path);
    if groups > 1 {
        let count = open(&found.recipients, groups);
        let text = format!("{count} of its {groups} key groups open here, and it takes {needed}");
        checks.note("groups", text, []);
    }
    found.opens = if opens {
        Some(true)
    } else if may_open {
        checks.note(
            "opens",
            "whether this machine opens it was not tried to the end",
            [if at_services {
                format!("`mvx doctor --online {word}` asks the services, and says which")
            } else {
                format!("`mvx doctor --ask {word}` asks for what is needed")
            }],
        );
        None
    } else {
        checks.problem(
            "opens",
            "no identity of this machine opens it",
            [
                "set MVX_AGE_KEY_FILE to the file of a key that it is sealed for".to_owned(),
                "or ask one of them to add your public key (`mvx keys public`) to the rules and to seal it again".to_owned(),
            ],
        );
        Some(false)
    };
}

/// A recipient and what came of it.
fn line(reader: &Reader) -> String {
    let id = short(&reader.id);
    let who = match &reader.name {
        Some(name) => format!("{name} ({id})"),
        None => id,
    };
    let kind = match reader.kind.as_str() {
        // what the key itself says
        "age" => String::new(),
        kind if reader.id.starts_with(kind) => String::new(),
        kind => format!(", {kind}"),
    };
    let group = reader.group.map(|group| format!("group {group}: "));
    format!("{}{who}{kind}: {}", group.unwrap_or_default(), reader.why)
}

fn hints(reader: &Reader) -> Vec<String> {
    if reader.why.contains("which is not installed") {
        return vec![
            "install the plugin and have it on PATH; `mvx doctor` lists those that are".into(),
        ];
    }
    if reader.why.contains("wrapped key") {
        return vec!["`git log -p -- FILE` shows when its `sops` block was last changed".into()];
    }
    Vec::new()
}

/// The kind of key in a word or two.
fn kind_of(entry: &Wrapped) -> String {
    let first = entry
        .recipient
        .split_whitespace()
        .next()
        .unwrap_or_default();
    if entry.kind == Kind::Age && first.starts_with("ssh-") {
        return first.to_owned();
    }
    entry.kind.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(kind: &str, outcome: Outcome) -> Attempt {
        Attempt {
            source: "keys.txt".into(),
            kind: kind.into(),
            recipient: None,
            outcome,
        }
    }

    fn reader(group: usize, verdict: Verdict) -> Reader {
        Reader {
            name: None,
            kind: "age".into(),
            id: "age1someone".into(),
            group: Some(group),
            verdict,
            why: String::new(),
            attempts: Vec::new(),
            at_service: false,
        }
    }

    #[test]
    fn one_that_opens_outweighs_all_others() {
        let failed = || attempt("plugin x", Outcome::Failed("it is not installed".into()));
        let waits = || attempt("file", Outcome::NotTried("it takes its passphrase".into()));
        let other = || attempt("X25519", Outcome::NotMine);
        let opened = attempt("X25519", Outcome::Opened);
        for (attempts, verdict, why) in [
            (vec![], Verdict::NotMine, "no identity of that kind"),
            (vec![other()], Verdict::NotMine, "your one identity"),
            (vec![other(), other()], Verdict::NotMine, "none of your 2"),
            (
                vec![other(), waits()],
                Verdict::NotTried,
                "file from keys.txt: it takes its passphrase",
            ),
            (
                vec![waits(), failed()],
                Verdict::Failed,
                "plugin x from keys.txt: it is not installed",
            ),
            (
                vec![failed(), waits(), opened],
                Verdict::Opened,
                "opened by X25519 from keys.txt",
            ),
        ] {
            let (found, told) = judge(&attempts);
            assert_eq!(found, verdict, "{told}");
            assert!(told.contains(why), "{told}");
        }
    }

    #[test]
    fn groups_count_once_each() {
        let readers = [
            reader(1, Verdict::Opened),
            reader(1, Verdict::Opened),
            reader(2, Verdict::NotTried),
            reader(3, Verdict::NotMine),
        ];
        assert_eq!(open(&readers, 3), 1);
        assert_eq!(openable(&readers, 3), 2);
    }
}
