//! The repository around the working directory, and its rules.

use std::path::Path;

use super::{Check, Checks};
use crate::app::files::shell_word;
use crate::app::hooks::State;
use crate::app::people::today;
use crate::app::{App, many, recipients};
use crate::git;
use crate::io::file;
use crate::rules::{Dialect, RULES_FILE, RecipientKind, RecipientSpec, Rules, SOPS_FILE};

impl App<'_> {
    pub(super) fn check_repository(&self, list: &mut Vec<Check>) {
        let mut checks = Checks::about("repository", list);
        match git::work_tree_of(self.directory()) {
            Ok(Some(tree)) => {
                checks.ok(
                    "repository",
                    format!("repository: {}", tree.root().display()),
                );
            }
            Ok(None) => checks.note(
                "repository",
                "this is no git repository",
                ["`git init` makes it one".to_owned()],
            ),
            Err(error) => checks.failure("repository", Path::new(""), error),
        }
        match self.rules_for(&self.here()) {
            Ok((rules, _)) => self.check_rules(&rules, &mut checks),
            Err(failure) if failure.code == "no-rules" => {
                checks.note("rules", "there are no rules here", failure.hints);
            }
            Err(failure) => checks.failure("rules", Path::new(""), failure),
        }
        self.check_hooks(&mut checks);
    }

    /// Whether git runs the scan before commits and pushes.
    fn check_hooks(&self, checks: &mut Checks<'_>) {
        let states = match self.hook_states() {
            Ok(states) => states,
            Err(failure) => return checks.failure("hooks", Path::new(""), failure),
        };
        let install = || ["`mvx git install` puts the scan in place".to_owned()];
        let absent = states
            .iter()
            .filter(|(_, state)| *state == State::Absent)
            .map(|(hook, _)| hook.name());
        let absent: Vec<&str> = absent.collect();
        if !absent.is_empty() {
            let text = format!("no hook scans for secrets: {}", absent.join(", "));
            checks.note("hooks", text, install());
        }
        for (hook, state) in &states {
            let hook = hook.name();
            match state {
                State::Scans(path) => {
                    let path = path.display();
                    checks.ok("hooks", format!("{hook}: {path} scans for secrets"));
                }
                State::Idle(path, why) => checks.problem(
                    "hooks",
                    format!("{hook}: nothing is scanned by {}: {why}", path.display()),
                    install(),
                ),
                State::Absent => {}
            }
        }
    }

    fn check_rules(&self, rules: &Rules, checks: &mut Checks<'_>) {
        let shown = self.shown(rules);
        let register = rules.recipients();
        checks.ok(
            "rules",
            format!(
                "{shown}: sound, with {}",
                many(register.len(), "recipient", "recipients")
            ),
        );
        for warning in rules.warnings() {
            checks.note("rules", format!("{shown}: {warning}"), []);
        }
        let beside = rules.directory().join(SOPS_FILE);
        if rules.origin().dialect == Dialect::Native && matches!(file::kind(&beside), Ok(Some(_))) {
            checks.note(
                "sops-rules",
                format!(
                    "{}: sops goes by it, and mvx by {RULES_FILE}",
                    self.relative(&beside).display()
                ),
                ["change both, or remove the one that nobody uses".to_owned()],
            );
        }
        for spec in register {
            check_recipient(&shown, spec, checks);
        }
        if rules.origin().dialect == Dialect::Native
            && !register.is_empty()
            && !register.iter().any(is_recovery)
        {
            checks.note(
                "recovery",
                format!(
                    "{shown}: nobody is called `recovery`: if every key is lost, so is every secret"
                ),
                ["`mvx keys recovery` makes one for paper, and says how to add it".to_owned()],
            );
        }
    }
}

/// Whether this recipient looks like the one for the day when all other keys are lost.
fn is_recovery(spec: &RecipientSpec) -> bool {
    let name = spec.name.as_deref().unwrap_or_default().to_lowercase();
    ["recovery", "offline", "backup", "break-glass"]
        .iter()
        .any(|word| name.contains(word))
}

/// Whether a key of the register is one, and its time is not over.
fn check_recipient(shown: &str, spec: &RecipientSpec, checks: &mut Checks<'_>) {
    let place = format!("{shown}: line {}", spec.line);
    // what is no key may be anything, a private one among others, and is not shown
    let name = spec.display_name();
    if matches!(spec.kind, RecipientKind::Age | RecipientKind::Ssh)
        && let Err(failure) = recipients::check(&spec.value)
    {
        let text = super::said(&failure, Path::new(""));
        checks.problem(
            "recipient",
            format!("{place}: `{name}`: {text}"),
            failure.hints,
        );
    }
    if let Some(day) = over(spec) {
        checks.problem(
            "expired",
            format!("{place}: the access of `{name}` ended on {day}"),
            [format!(
                "`mvx recipients remove {}` takes it out, and locks its files",
                shell_word(Path::new(name))
            )],
        );
    }
}

/// The last day of somebody's access, if it is over; days end in UTC.
pub(super) fn over(spec: &RecipientSpec) -> Option<jiff::civil::Date> {
    spec.expires.filter(|last| *last < today())
}
