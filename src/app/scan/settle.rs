//! What of all that was found is reported.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use jiff::civil::Date;

use super::collect::{At, Collected, Raw, RawWhat};
use super::rules::Loaded;
use super::{MOST_BYTES, Options, Outcome, What, unsealed};
use crate::app::files::shell_word;
use crate::app::{App, many};
use crate::error::Failure;
use crate::git;
use crate::git::objects::Objects;
use crate::io::clock;
use crate::io::file::{self, Kind};
use crate::scan::finding::{Commit, Finding, Place, Source};
use crate::scan::fingerprint::Fingerprint;
use crate::scan::foreign::{self, GitleaksIgnore, SecretsBaseline};
use crate::scan::{Allow, AllowedBy, Confidence, Hit, Position, Scanner, Until};
use crate::secret::Cleartext;

/// The file in which gitleaks looks for what to ignore.
const GITLEAKS_IGNORE: &str = ".gitleaksignore";

/// The file in which detect-secrets keeps what is known.
const SECRETS_BASELINE: &str = ".secrets.baseline";

impl App<'_> {
    /// Sorts what was found, lets pass what may, and puts the rest into the outcome.
    pub(super) fn settle(
        &self,
        what: &[What],
        collected: Collected,
        loaded: &Loaded,
        scanner: &Scanner,
        options: &Options,
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        let fail_on = options
            .fail_on
            .or(loaded.fail_on)
            .unwrap_or(Confidence::Medium);
        let shown = fail_on.min(Confidence::Medium);
        let today = clock::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        outcome.passed.committed = collected.committed;
        let mut unsure = 0;
        let mut hidden: HashSet<(String, Vec<u8>)> = HashSet::new();
        let mut findings = Vec::new();
        for Raw { at, what } in collected.found {
            let is_shown = is_wanted(at.source, options);
            let finding = match what {
                RawWhat::NotEncrypted => not_encrypted(at),
                RawWhat::Hit(hit) => {
                    let expired = match passes(&hit, &at, today, loaded) {
                        Passes::Yes => {
                            outcome.passed.allowed += usize::from(is_shown);
                            continue;
                        }
                        Passes::NoLonger(why) => Some(why),
                        Passes::No => None,
                    };
                    finding(hit, at, expired, scanner)
                }
            };
            if finding.confidence < shown {
                unsure += usize::from(is_shown);
                continue;
            }
            if !is_shown {
                // what is left out by name needs no word
                if finding.place.source == Source::Unreachable {
                    hidden.insert((finding.rule, finding.secret.as_bytes().to_vec()));
                }
                continue;
            }
            let fails = finding.confidence >= fail_on;
            findings.push(Finding { fails, ..finding });
        }
        outcome.passed.unreachable = hidden.len();
        self.name_authors(&mut findings);
        let mut findings = once_each(findings);
        if options.against.is_none() {
            self.without_foreign(&mut findings, what, loaded, outcome)?;
        }
        let known = match options.against {
            Some(_) => None,
            None => self.baseline(options.baseline.as_deref(), loaded)?,
        };
        let baseline = known.as_ref().map(|(_, baseline)| baseline);
        self.fingerprint(&mut findings, baseline, options);
        if let Some((path, baseline)) = &known {
            let mut found = HashSet::new();
            findings.retain(|finding| {
                let print = finding.fingerprint.as_deref().and_then(Fingerprint::parse);
                let is_known = print.as_ref().is_some_and(|print| baseline.has(print));
                outcome.passed.known += usize::from(is_known);
                found.extend(print);
                !is_known
            });
            let stale = self.stale(baseline, &found, what);
            if stale > 0 && outcome.incomplete.is_empty() {
                self.note(format!(
                    "{}: {} nothing any more; `mvx scan baseline prune` removes what is gone",
                    path.display(),
                    many(stale, "entry finds", "entries find"),
                ));
            }
        }
        if unsure > 0 {
            self.note(format!(
                "{unsure} of low confidence not shown: `--fail-on low` shows them"
            ));
        }
        outcome.findings = findings;
        Ok(())
    }

    /// Takes out what `.gitleaksignore` and `.secrets.baseline` know.
    fn without_foreign(
        &self,
        findings: &mut Vec<Finding>,
        what: &[What],
        loaded: &Loaded,
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        let root = git::repository_root(self.directory())?;
        let root = root.unwrap_or_else(|| self.directory().to_owned());
        let read = |name: &str| -> Result<Option<String>, Failure> {
            let path = root.join(name);
            match file::kind(&path)? {
                Some(Kind::File) => Ok(Some(file::read_text(&path, 64 << 20)?)),
                _ => Ok(None),
            }
        };
        let ignore = read(GITLEAKS_IGNORE)?.map(|text| GitleaksIgnore::parse(&text));
        let secrets = match read(SECRETS_BASELINE)? {
            Some(text) => {
                let secrets = SecretsBaseline::parse(&text);
                if secrets.is_none() {
                    self.warn(
                        format!("{SECRETS_BASELINE}: is not detect-secrets' baseline; it lets nothing pass"),
                        [],
                    );
                }
                secrets
            }
            None => None,
        };
        if ignore.is_none() && secrets.is_none() {
            return Ok(());
        }
        // the file itself holds hashes, which look like keys
        if let Some(secrets) = &secrets {
            findings.retain(|finding| {
                let is_in_it = finding.place.path.as_deref() == Some(Path::new(SECRETS_BASELINE));
                let is_hash =
                    |(_, hash): (&str, &str)| hash.as_bytes() == finding.secret.as_bytes();
                !(is_in_it && secrets.entries().any(is_hash))
            });
        }
        let mut used: HashSet<usize> = HashSet::new();
        let mut hashes: HashSet<(String, String)> = HashSet::new();
        findings.retain(|finding| {
            let Some(path) = self.path_from(&root, &finding.place) else {
                return true;
            };
            let at = foreign::At {
                commit: finding
                    .place
                    .commit
                    .as_ref()
                    .map(|commit| commit.id.as_str()),
                path: &path,
                line: finding.start.line,
            };
            let rule = loaded.rules.rule(&finding.rule);
            let is_rule = |name: &str| match rule {
                Some(rule) => rule.is(name),
                None => finding.rule == name,
            };
            let line = ignore
                .as_ref()
                .and_then(|ignore| ignore.passes(&at, is_rule));
            let hash = secrets
                .as_ref()
                .and_then(|known| known.passes(&path, finding.secret.as_bytes()));
            let passes = line.is_some() || hash.is_some();
            used.extend(line);
            hashes.extend(hash.map(|hash| (path.clone(), hash)));
            outcome.passed.known += usize::from(passes);
            !passes
        });
        let is_whole = what
            .iter()
            .any(|what| *what == What::History || self.is_whole_tree(what));
        if is_whole {
            let stale = (0..).zip(ignore.iter().flat_map(GitleaksIgnore::lines));
            let stale: Vec<&str> = stale
                .filter(|(number, _)| !used.contains(number))
                .map(|(_, line)| line)
                .collect();
            self.tell_stale(GITLEAKS_IGNORE, &stale);
            let entries = secrets.iter().flat_map(SecretsBaseline::entries);
            let stale: Vec<&str> = entries
                .filter(|(path, hash)| !hashes.contains(&((*path).to_owned(), (*hash).to_owned())))
                .map(|(path, _)| path)
                .collect();
            self.tell_stale(SECRETS_BASELINE, &stale);
        }
        Ok(())
    }

    fn tell_stale(&self, file: &str, entries: &[&str]) {
        if let Some(first) = entries.first() {
            self.note(format!(
                "{file}: {} nothing that mvx finds, {first} among them",
                many(entries.len(), "entry lets pass", "entries let pass"),
            ));
        }
    }

    /// A finding's path from the root, as other tools write it.
    pub(super) fn path_from(&self, root: &Path, place: &Place) -> Option<String> {
        let path = place.path.as_ref()?;
        let path = match place.source {
            Source::File | Source::Stdin => {
                let full = self.directory().join(path);
                full.strip_prefix(root).ok()?.to_owned()
            }
            _ => path.clone(),
        };
        Some(path.to_string_lossy().replace('\\', "/"))
    }

    /// Says who wrote the commits of findings, and when.
    fn name_authors(&self, findings: &mut [Finding]) {
        if findings
            .iter()
            .all(|finding| finding.place.commit.is_none())
        {
            return;
        }
        let objects = Objects::open(self.directory(), self.environment(), MOST_BYTES);
        let Ok(objects) = objects else { return };
        let mut known: HashMap<String, (String, String)> = HashMap::new();
        for finding in findings {
            let Some(commit) = &mut finding.place.commit else {
                continue;
            };
            let (author, date) = known.entry(commit.id.clone()).or_insert_with(|| {
                let author = commit.id.parse().map(|id| objects.author(&id));
                let author = author.unwrap_or_default();
                let date = jiff::Timestamp::from_second(author.time).ok();
                let date = date.filter(|_| author.time != 0);
                (
                    author.name,
                    date.map(|date| date.to_string()).unwrap_or_default(),
                )
            });
            commit.author.clone_from(author);
            commit.date.clone_from(date);
        }
    }
}

/// Whether findings of this source are wanted.
fn is_wanted(source: Source, options: &Options) -> bool {
    match source {
        Source::Unreachable => options.include.contains(&source),
        _ => !options.exclude.contains(&source),
    }
}

/// Findings in the order in which they are read. The same secret in the same file of several commits
/// is one thing to see to.
fn once_each(mut findings: Vec<Finding>) -> Vec<Finding> {
    // the oldest commit first
    findings.sort_by(|one, other| {
        let date = |finding: &Finding| {
            finding
                .place
                .commit
                .as_ref()
                .map(|commit| commit.date.clone())
        };
        date(one).cmp(&date(other))
    });
    let mut seen = HashSet::new();
    findings.retain(|finding| {
        let key = (
            finding.rule.clone(),
            finding.place.source,
            finding.place.path.clone(),
            finding.secret.as_bytes().to_vec(),
        );
        finding.place.commit.is_none() || seen.insert(key)
    });
    findings.sort_by(|one, other| {
        let key = |finding: &Finding| (finding.place.words(), finding.start, finding.end);
        key(one)
            .cmp(&key(other))
            .then_with(|| one.rule.cmp(&other.rule))
    });
    // where paths overlap, and where hooks scan a file as it is staged and as it lies there
    findings.dedup_by(|one, other| {
        one.rule == other.rule
            && one.place.path == other.place.path
            && one.place.commit == other.place.commit
            && (one.start, one.end) == (other.start, other.end)
            && one.secret == other.secret
    });
    findings
}

/// Whether something lets a hit pass.
enum Passes {
    Yes,
    No,
    /// It did; what became of that.
    NoLonger(String),
}

fn passes(hit: &Hit, at: &At, today: Date, loaded: &Loaded) -> Passes {
    if let Some(commit) = at.commit {
        let id = commit.to_string();
        if hit.commits.iter().any(|commit| *commit == id) {
            return Passes::Yes;
        }
    }
    match &hit.allowed {
        None => Passes::No,
        Some(allow) if allow.holds_on(today) => Passes::Yes,
        Some(allow) => Passes::NoLonger(ended(allow, loaded)),
    }
}

/// What became of an allowance, in words.
fn ended(allow: &Allow, loaded: &Loaded) -> String {
    let by = match allow.by {
        AllowedBy::Marker { word, line } => format!("`{word}` on line {line}"),
        AllowedBy::Rules(number) => match (loaded.scan.allow.get(number), &loaded.origin) {
            (Some(allow), Some(origin)) => {
                let file = origin.file_name().unwrap_or_default().to_string_lossy();
                format!("`[[scan.allow]]` on line {} of {file}", allow.line)
            }
            _ => "`[[scan.allow]]`".into(),
        },
    };
    match allow.until {
        Until::Day(day) => format!("{by} let it pass until {day}"),
        _ => format!("{by} lets nothing pass: its `until` is no date like 2027-01-31"),
    }
}

fn finding(hit: Hit, at: At, expired: Option<String>, scanner: &Scanner) -> Finding {
    let rule = scanner.rule(hit.rule);
    Finding {
        rule: rule.id.to_string(),
        what: rule.description.to_string(),
        why: rule.why.to_string(),
        remedy: rule.remedy.to_string(),
        confidence: hit.confidence,
        place: place(at),
        start: hit.start,
        end: hit.end,
        decoded_by: hit
            .decoded_by
            .iter()
            .map(|decoder| decoder.name())
            .collect(),
        secret: hit.secret,
        expired,
        fingerprint: None,
        fails: true,
    }
}

fn not_encrypted(at: At) -> Finding {
    let word = at.path.as_deref().map(shell_word).unwrap_or_default();
    let start = Position { line: 1, column: 1 };
    Finding {
        rule: unsealed::RULE.into(),
        what: "not encrypted, though a rule covers it".into(),
        why: "whoever can read the repository has its values".into(),
        remedy: format!(
            "`mvx encrypt --rm {word}` encrypts it; then change what was committed or pushed in clear"
        ),
        confidence: Confidence::High,
        place: place(at),
        start,
        end: start,
        secret: Cleartext::default(),
        decoded_by: Vec::new(),
        expired: None,
        fingerprint: None,
        fails: true,
    }
}

fn place(at: At) -> Place {
    Place {
        source: at.source,
        path: match at.inside {
            Some(_) => Some(at.words().into()),
            None => at.path,
        },
        commit: at.commit.map(|id| Commit {
            id: id.to_string(),
            ..Commit::default()
        }),
    }
}
