//! What the rules say of a file, or the command line where it speaks instead.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::files::shell_word;
use crate::app::{App, recipients};
use crate::error::{Explain as _, Failure};
use crate::rules::find::Finder;
use crate::rules::{Extras, FileFormat, RecipientKind, RecipientSpec, Rules, RulesError, Source};
use crate::sops::select::Selector;
use crate::stores::Format;

pub use crate::rules::Policy;

/// Rules that were found in this run.
#[derive(Default)]
pub(super) struct Cache {
    finder: RefCell<Option<Finder>>,
    /// Rules that are about to be written.
    assumed: RefCell<Option<Arc<Rules>>>,
}

impl Cache {
    /// Forgets what was read: it may have changed.
    pub(super) fn forget(&self) {
        self.finder.replace(None);
    }

    /// The same for another thread: what was read holds for the whole run.
    pub(super) fn fork(&self) -> Self {
        Self {
            finder: self.finder.clone(),
            assumed: self.assumed.clone(),
        }
    }
}

impl App<'_> {
    /// The policy for a file. Recipients given on the command line take the place of the rules'
    /// recipients; the rules' selector stays, as in sops.
    pub fn policy_for(&self, path: &Path, age: &[String]) -> Result<Policy, Failure> {
        if !age.is_empty() {
            age.iter().try_for_each(|one| recipients::check(one))?;
            let rules = self.policy_if_any(path)?;
            return Ok(given(age, "the command line", rules));
        }
        match self.rules_for(path) {
            Ok((rules, name)) => {
                self.warn_of(&rules);
                let policy = rules.policy(&name).map_err(|error| {
                    // Which rules, it says itself.
                    let of_the_file = matches!(
                        error,
                        RulesError::NoRule { .. } | RulesError::Reserved { .. }
                    );
                    let mut failure = Failure::from(error);
                    if of_the_file {
                        let word = shell_word(path);
                        let hints = failure.hints.iter_mut();
                        hints.for_each(|hint| *hint = hint.replace("FILE", &word));
                        failure
                    } else {
                        failure.at(self.shown(&rules))
                    }
                })?;
                self.detail(1, || {
                    format!(
                        "{}: the rule on line {} of {} holds",
                        path.display(),
                        policy.source.line,
                        self.shown(&rules)
                    )
                });
                Ok(policy)
            }
            Err(failure) if failure.code == "no-rules" => {
                match self.environment.text("SOPS_AGE_RECIPIENTS")? {
                    Some(list) => {
                        let age: Vec<String> =
                            list.split(',').map(|one| one.trim().to_owned()).collect();
                        Ok(given(&age, "SOPS_AGE_RECIPIENTS", None))
                    }
                    None => Err(failure),
                }
            }
            Err(failure) => Err(failure),
        }
    }

    /// The policy for a plaintext that becomes `sealed`: a rule may cover the one name or the
    /// other.
    pub fn policy_for_plaintext(
        &self,
        plain: &Path,
        sealed: &Path,
        age: &[String],
    ) -> Result<Policy, Failure> {
        let path = if self.is_covered(sealed)? {
            sealed
        } else {
            plain
        };
        self.policy_for(path, age)
    }

    /// The policy for a file; `None` where there are no rules or none covers it.
    pub fn policy_if_any(&self, path: &Path) -> Result<Option<Policy>, Failure> {
        if !self.is_covered(path)? {
            return Ok(None);
        }
        self.policy_for(path, &[]).map(Some)
    }

    /// Whether there are rules and one covers the file.
    pub fn is_covered(&self, path: &Path) -> Result<bool, Failure> {
        match self.rules_for(path) {
            Ok((rules, name)) => rules
                .covers(&name)
                .map_err(|error| Failure::from(error).at(self.shown(&rules))),
            Err(failure) if failure.code == "no-rules" => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// From now on these rules hold in the place of those in the file that they are about to
    /// become.
    pub(super) fn assume(&self, rules: Rules) {
        *self.rules.assumed.borrow_mut() = Some(Arc::new(rules));
        *self.rules.finder.borrow_mut() = None;
    }

    /// The rules in force in the working directory.
    pub fn rules_here(&self) -> Result<Arc<Rules>, Failure> {
        self.rules_at(&self.directory.join("any"))
            .map_err(|mut failure| {
                if failure.code == "no-rules" {
                    failure.place = None;
                }
                failure
            })
    }

    /// The rules in force for a file.
    pub fn rules_at(&self, path: &Path) -> Result<Arc<Rules>, Failure> {
        Ok(self.rules_for(path)?.0)
    }

    /// The name that the rules for a file give to a recipient, whoever may open that file now.
    pub fn register_name(&self, path: &Path, recipient: &str) -> Option<String> {
        let (rules, _) = self.rules_for(path).ok()?;
        let mut register = rules.recipients().iter();
        register
            .find(|spec| recipients::is_same_key(&spec.value, recipient))
            .and_then(|spec| spec.name.clone())
    }

    /// The rules in force for a file, and what they call it.
    pub(super) fn rules_for(&self, path: &Path) -> Result<(Arc<Rules>, String), Failure> {
        let mut finder = self.rules.finder.borrow_mut();
        let finder = finder.get_or_insert_with(|| {
            let mut finder = Finder::new(self.directory);
            if let Some(rules) = &*self.rules.assumed.borrow() {
                finder.assume(Arc::clone(rules));
            }
            finder
        });
        finder.rules_for(path).map_err(|error| {
            let place = self.relative(&error.path).display().to_string();
            let hints = error.hints();
            let mut failure = Failure::from(error.source).at(place);
            failure.hints = hints;
            failure
        })
    }

    fn warn_of(&self, rules: &Rules) {
        for warning in rules.warnings() {
            self.note(format!("{}: {warning}", self.shown(rules)));
        }
    }

    /// The rules' file as the user would type it.
    pub(super) fn shown(&self, rules: &Rules) -> String {
        let path = self.relative(&rules.origin().path);
        path.display().to_string()
    }
}

/// The store that a rule asks for.
pub fn format_of(policy: &Policy) -> Option<Format> {
    policy.format.map(|format| match format {
        FileFormat::Yaml => Format::Yaml,
        FileFormat::Json => Format::Json,
        FileFormat::Dotenv => Format::Dotenv,
        FileFormat::Ini => Format::Ini,
        FileFormat::Binary => Format::Binary,
    })
}

/// A policy whose recipients were given by hand.
fn given(age: &[String], by: &str, rules: Option<Policy>) -> Policy {
    let group = age
        .iter()
        .map(|value| RecipientSpec {
            name: None,
            kind: if value.starts_with("ssh-") {
                RecipientKind::Ssh
            } else {
                RecipientKind::Age
            },
            value: value.clone(),
            owner: None,
            expires: None,
            extras: Extras::default(),
            line: 0,
        })
        .collect();
    let source = Source {
        rules: PathBuf::from(by),
        line: 0,
        pattern: String::new(),
    };
    match rules {
        Some(policy) => Policy {
            groups: vec![group],
            threshold: None,
            source,
            ..policy
        },
        None => Policy {
            source,
            environment: None,
            groups: vec![group],
            threshold: None,
            selector: Selector::default(),
            mac_only_encrypted: false,
            format: None,
            rotate_after: None,
            seal_required: false,
        },
    }
}
