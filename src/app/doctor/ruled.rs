//! The rules in force for a file: which one, why, and whether the file is as they say.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::repository::over;
use super::{Checks, FileCheckup};
use crate::app::App;
use crate::app::files::plain_name;
use crate::app::groups::Regrouping;
use crate::app::load::Sealed;
use crate::app::recipients::name;
use crate::keys::open::list;
use crate::rules::{Policy, Rules};
use crate::sops::open::selector_of;
use crate::stores::Format;

/// What the rules say of a file.
pub struct Ruled {
    /// The file of rules.
    pub rules: PathBuf,
    /// What they call the file.
    pub name: String,
    /// The rules that were compared with that name, in order, up to the one that matched.
    pub considered: Vec<Compared>,
    /// The environment that the rule gives.
    pub environment: Option<String>,
    /// Whom the rules name, and the file is not sealed for.
    pub missing: Vec<String>,
    /// Whom the file is sealed for, and the rules do not name.
    pub extra: Vec<String>,
    /// Whom the rules name, and whose time is over.
    pub expired: Vec<String>,
}

/// A rule that was compared with a file's name.
pub struct Compared {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// What it compares with; empty where it takes every file.
    pub pattern: String,
    /// Whether it matched.
    pub matched: bool,
}

impl App<'_> {
    pub(super) fn check_ruled(
        &self,
        path: &Path,
        sealed: Option<&Sealed>,
        found: &mut FileCheckup,
    ) {
        let mut checks = Checks::about("file", &mut found.checks);
        let (rules, called) = match self.rules_of(path) {
            Ok(found) => found,
            Err(failure) if failure.code == "no-rules" => {
                checks.note("rules", "there are no rules for it", failure.hints);
                return;
            }
            Err(failure) => return checks.failure("rules", path, failure),
        };
        let mut told = Ruled {
            rules: self.relative(&rules.origin().path),
            considered: considered(&rules, &called),
            name: called.clone(),
            environment: None,
            missing: Vec::new(),
            extra: Vec::new(),
            expired: Vec::new(),
        };
        let shown = self.shown(&rules);
        match rules.policy(&called) {
            Ok(policy) => {
                let pattern = match policy.source.pattern.as_str() {
                    "" => "takes every file".to_owned(),
                    pattern => format!("`{pattern}`"),
                };
                let environment = policy.environment.as_ref();
                let environment = environment.map(|name| format!(", environment {name}"));
                checks.ok(
                    "rules",
                    format!(
                        "ruled by line {} of {shown}, {pattern}{}",
                        policy.source.line,
                        environment.unwrap_or_default()
                    ),
                );
                told.environment.clone_from(&policy.environment);
                self.compare(path, &policy, sealed, &mut told, &mut checks);
            }
            Err(error) => checks.failure("rules", path, error),
        }
        found.rules = Some(told);
    }

    /// The rules for a file and what they call it: they may name the plaintext instead.
    fn rules_of(&self, path: &Path) -> Result<(Arc<Rules>, String), crate::error::Failure> {
        let (rules, called) = self.rules_for(path)?;
        let covers = |name: &str| rules.covers(name).unwrap_or(true);
        if !covers(&called)
            && let Some(plain) = plain_name(path)
        {
            let (rules, plain) = self.rules_for(&plain)?;
            if rules.covers(&plain).unwrap_or(false) {
                return Ok((rules, plain));
            }
        }
        Ok((rules, called))
    }

    fn compare(
        &self,
        path: &Path,
        policy: &Policy,
        sealed: Option<&Sealed>,
        told: &mut Ruled,
        checks: &mut Checks<'_>,
    ) {
        told.expired = policy
            .recipients()
            .filter(|spec| over(spec).is_some())
            .map(name)
            .collect();
        if !told.expired.is_empty() {
            checks.problem(
                "expired",
                format!(
                    "the access of {} is over",
                    list(told.expired.clone(), "and")
                ),
                ["`mvx recipients remove NAME` takes one out, and locks their files".to_owned()],
            );
        }
        let Some(sealed) = sealed else {
            return;
        };
        // what is wrong with its entries is told with the recipients
        let Ok(regrouping) = Regrouping::of(&sealed.metadata, policy) else {
            return;
        };
        told.missing = regrouping.newcomers().map(name).collect();
        told.extra = regrouping
            .leavers()
            .map(|entry| self.name_of(path, &entry.recipient()))
            .collect();
        let moved: Vec<String> = regrouping.movers().map(name).collect();
        let regrouped = !moved.is_empty() || regrouping.shapes().is_some();
        let same = told.missing.is_empty() && told.extra.is_empty() && !regrouped;
        if same && !regrouping.is_none() {
            let text = "a recipient stands there more than once";
            let hint = "`mvx recipients sync FILE` makes one of them";
            checks.note("twice", text, [hint.to_owned()]);
        }
        let sync = || ["`mvx recipients sync FILE` seals it for whom the rules name".to_owned()];
        if !told.missing.is_empty() {
            let who = list(told.missing.clone(), "and");
            checks.problem(
                "missing",
                format!("the rules name {who}, and it is not sealed for them"),
                sync(),
            );
        }
        if !told.extra.is_empty() {
            let who = list(told.extra.clone(), "and");
            checks.problem(
                "extra",
                format!("it is sealed for {who}, whom the rules do not name"),
                sync(),
            );
        }
        if !moved.is_empty() {
            let text = format!("the rules have {} in another key group", list(moved, "and"));
            checks.problem("moved", text, sync());
        }
        if let Some((before, after)) = regrouping.shapes() {
            let text = format!("it is sealed for {before}, and the rules say {after}");
            checks.problem("groups", text, sync());
        }
        if same {
            checks.ok(
                "recipients",
                "it is sealed for exactly those whom the rules name",
            );
        }
        let selector = selector_of(&sealed.metadata).ok();
        let same = selector.is_none_or(|selector| {
            selector.field() == policy.selector.field()
                && selector.pattern() == policy.selector.pattern()
        });
        // sops names no selector in a binary file
        if sealed.format != Format::Binary && !same {
            checks.note(
                "selector",
                format!(
                    "the rules say `{} = {}`, and the file was made with another selector, which it keeps",
                    policy.selector.field(),
                    policy.selector.pattern()
                ),
                [],
            );
        }
    }
}

fn considered(rules: &Rules, called: &str) -> Vec<Compared> {
    let considered = rules.explain(called).unwrap_or_default();
    considered
        .iter()
        .map(|rule| Compared {
            line: rule.line,
            pattern: rule.pattern.to_owned(),
            matched: rule.matched,
        })
        .collect()
}
