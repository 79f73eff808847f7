//! Which rules a scan goes by: mvx's own, changed as `[scan]` says, or those of a gitleaks file.

use std::path::{Path, PathBuf};

use crate::app::{App, many};
use crate::error::{At as _, Exit, Failure};
use crate::git;
use crate::io::file::{self, Kind};
use crate::rules::{Allowance as RulesAllowance, ScanRule, ScanRules};
use crate::scan::{
    Allowance, Amendment, Changes, Confidence, Extends, GitleaksFile, Rules, Weakened,
};

/// Where gitleaks looks for its rules.
const GITLEAKS_FILE: &str = ".gitleaks.toml";

/// Rules that are ready, and where they come from.
pub struct Loaded {
    /// The rules.
    pub rules: Rules,
    /// What the project's rules say of the scan.
    pub scan: ScanRules,
    /// The file that says it, and its directory, from which its paths are meant.
    pub origin: Option<PathBuf>,
    /// The lowest confidence that fails the scan, as the rules say.
    pub fail_on: Option<Confidence>,
    /// What of mvx's rules, or of those that the command line names, the project takes away.
    pub weakened: Weakened,
}

impl App<'_> {
    /// The rules of a scan in the working directory. `file` is a gitleaks rule file to take in the
    /// place of mvx's.
    pub fn scan_rules(&self, file: Option<&Path>) -> Result<Loaded, Failure> {
        let (scan, origin) = match self.rules_here() {
            Ok(rules) => (rules.scan().clone(), Some(rules.origin().path.clone())),
            Err(failure) if failure.code == "no-rules" => (ScanRules::default(), None),
            Err(failure) => return Err(failure),
        };
        let rules = self.base_rules(file, &scan)?;
        let full = match file {
            Some(_) => rules.clone(),
            None => Rules::builtin(),
        };
        let changes = Changes {
            rules: scan.rules.iter().map(amendment).collect(),
            disable: scan.disable.clone(),
            allow: scan.allow.iter().map(allowance).collect(),
        };
        let place = origin.as_ref().map(|path| self.relative(path));
        let place = place.unwrap_or_else(|| PathBuf::from("the rules of the scan"));
        let rules = rules.with(changes).at(place.display())?;
        let weakened = rules.weakened(&full);
        Ok(Loaded {
            weakened,
            rules,
            fail_on: scan.fail_on.and_then(Confidence::of),
            scan,
            origin,
        })
    }

    /// The rules that `[scan]` changes: those of a file that is named; where the project says
    /// nothing of the scan, those of a gitleaks file at its root; else mvx's own.
    fn base_rules(&self, file: Option<&Path>, scan: &ScanRules) -> Result<Rules, Failure> {
        let rules = if let Some(path) = file {
            gitleaks_rules(path, None, 0)?
        } else if let Some((root, path)) = self.gitleaks_file(scan)? {
            self.note(format!(
                "{}: its rules are taken, because the project's own say nothing of the scan",
                path.display()
            ));
            gitleaks_rules(&path, Some(&root), 0)?
        } else {
            return Ok(Rules::builtin());
        };
        for warning in rules.warnings() {
            let of = match warning.rule.as_str() {
                "" => String::new(),
                rule => format!("rule `{rule}`: "),
            };
            self.detail(1, || format!("{of}{}", warning.message));
        }
        if !rules.warnings().is_empty() {
            self.note(format!(
                "{} of the rule file was not taken over; `-v` tells",
                many(rules.warnings().len(), "part", "parts")
            ));
        }
        Ok(rules)
    }

    /// The rule file of gitleaks that stands at the repository's root, and that root.
    fn gitleaks_file(&self, scan: &ScanRules) -> Result<Option<(PathBuf, PathBuf)>, Failure> {
        if *scan != ScanRules::default() {
            return Ok(None);
        }
        let Some(root) = git::repository_root(self.directory())? else {
            return Ok(None);
        };
        let path = self.relative(&root.join(GITLEAKS_FILE));
        let stands = file::kind(&path)? == Some(Kind::File);
        Ok(stands.then_some((root, path)))
    }
}

/// The rules of a gitleaks file, over those that it extends. One that the project brings stays
/// `inside` it: it names no other files of the machine.
fn gitleaks_rules(path: &Path, inside: Option<&Path>, depth: usize) -> Result<Rules, Failure> {
    const DEEPEST: usize = 2; // gitleaks's own limit
    const MOST: usize = 16 << 20;
    if let Some(root) = inside
        && !file::canonical(path)?.starts_with(root)
    {
        let message = "a rule file that the project brings leads out of it";
        return Err(Failure::new(Exit::RULES, "rules-outside", message)
            .at(path.display())
            .hint("`--rules FILE` takes any file that you name"));
    }
    let text = file::read_text(path, MOST)?;
    let read = GitleaksFile::read(&text).at(path.display())?;
    let base = match read.extends() {
        Extends::Nothing => Rules::none(),
        Extends::Default => Rules::builtin(),
        Extends::Path(_) if depth == DEEPEST => {
            let message = "rule files extend each other too often";
            return Err(Failure::new(Exit::RULES, "rules", message).at(path.display()));
        }
        Extends::Path(name) => {
            let next = file::directory_of(path).join(name);
            gitleaks_rules(&next, inside, depth + 1)?
        }
    };
    read.over(base).at(path.display())
}

fn allowance(allow: &RulesAllowance) -> Allowance {
    Allowance {
        reason: allow.reason.clone(),
        rules: allow.rules.clone(),
        paths: allow.paths.clone(),
        regexes: allow.regexes.clone(),
        stopwords: allow.stopwords.clone(),
        expires: allow.expires,
    }
}

fn amendment(rule: &ScanRule) -> Amendment {
    Amendment {
        id: rule.id.clone(),
        description: rule.description.clone(),
        regex: rule.regex.clone(),
        path: rule.path.clone(),
        keywords: rule.keywords.clone(),
        entropy: rule.entropy,
        secret_group: rule.secret_group,
        confidence: rule.confidence.and_then(Confidence::of),
        examples: rule.examples.clone(),
        counterexamples: rule.counterexamples.clone(),
    }
}
