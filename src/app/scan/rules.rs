//! Which rules a scan goes by: mvx's own, changed as `[scan]` says, or those of a gitleaks file.

use std::path::{Path, PathBuf};

use crate::app::App;
use crate::error::{At as _, Exit, Failure};
use crate::rules::{Allowance as RulesAllowance, ScanRule, ScanRules};
use crate::scan::{Allowance, Amendment, Changes, Confidence, Rules};

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
        if let Some(path) = file {
            let message = "rule files of gitleaks cannot be read";
            return Err(Failure::new(Exit::RULES, "rules", message).at(path.display()));
        }
        let rules = Rules::builtin();
        let changes = Changes {
            rules: scan.rules.iter().map(amendment).collect(),
            disable: scan.disable.clone(),
            allow: scan.allow.iter().map(allowance).collect(),
        };
        let place = origin.as_ref().map(|path| self.relative(path));
        let place = place.unwrap_or_else(|| PathBuf::from("the rules of the scan"));
        let rules = rules.with(changes).at(place.display())?;
        Ok(Loaded {
            rules,
            fail_on: scan.fail_on.and_then(Confidence::of),
            scan,
            origin,
        })
    }
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
