//! `mvx doctor`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Context;
use super::ui::{Mark, name_file};
use crate::app::doctor::{Check, Checkup, FileCheckup, How, Level, Request, Ruled};
use crate::app::many;
use crate::cli::json::in_json;
use crate::error::{Exit, Failure};
use crate::keys::diagnose::Outcome;
use crate::keys::short;
use crate::sops::signet::SealState;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx doctor
  mvx doctor secrets/prod/stripe.enc.yaml
  mvx doctor --online secrets/prod/stripe.enc.yaml
  mvx doctor --explain secrets/prod/new.yaml      which rule would hold
  mvx doctor --json | jq -r '.checks[] | select(.level == \"problem\") | .text'")]
pub(super) struct Doctor {
    /// Encrypted files, or directories of them; the machine itself when left out
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Show the rules that were considered for each file, and what each identity tried
    #[arg(long, requires = "files")]
    explain: bool,
    /// Ask for passphrases and start plugins where that may open a file
    #[arg(long, requires = "files")]
    ask: bool,
    /// Ask key services over the network; the hosts are named first
    #[arg(long, requires = "files")]
    online: bool,
}

impl Doctor {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = if self.ask {
            context.app()
        } else {
            context.app_without_questions()
        };
        let app = if self.online {
            let hosts = app.doctor_hosts(&self.files);
            if !hosts.is_empty() {
                context.ui.note(&format!("this asks {}", hosts.join(", ")));
            }
            app
        } else {
            app.offline()
        };
        let checkup = app.doctor(&Request {
            files: &self.files,
            how: How {
                ask: self.ask,
                online: self.online,
            },
        });
        let problems = checkup.problems();
        let exit = if problems == 0 { Exit::OK } else { Exit::NO };
        if context.ui.is_json() {
            context.ui.json(&answer(&checkup))?;
            return Ok(exit);
        }
        sections(context, &checkup.checks)?;
        for file in &checkup.files {
            context.ui.heading(&file.path.display().to_string())?;
            print(context, &file.checks, Some(&file.path))?;
            if self.explain {
                explain(context, file)?;
            }
            context.ui.line("")?;
        }
        context.ui.line(&match problems {
            0 => "no problem was found".to_owned(),
            problems => many(problems, "problem", "problems"),
        })?;
        Ok(exit)
    }
}

/// What is true of the machine, a heading for each part.
fn sections(context: &Context, checks: &[Check]) -> Result<(), Failure> {
    for part in checks.chunk_by(|one, other| one.about == other.about) {
        if let Some(first) = part.first() {
            context.ui.heading(first.about)?;
        }
        print(context, part, None)?;
        context.ui.line("")?;
    }
    Ok(())
}

fn print(context: &Context, checks: &[Check], file: Option<&Path>) -> Result<(), Failure> {
    for check in checks {
        let mark = match check.level {
            Level::Ok => Mark::Ok,
            Level::Note => Mark::Note,
            Level::Problem => Mark::Problem,
        };
        context.ui.finding(mark, &check.text, &hints(check, file))?;
    }
    Ok(())
}

fn hints(check: &Check, file: Option<&Path>) -> Vec<String> {
    match file {
        Some(file) => name_file(&check.hints, file),
        None => check.hints.clone(),
    }
}

/// Which rules were compared with the file's name, and what each identity made of each recipient.
fn explain(context: &Context, file: &FileCheckup) -> Result<(), Failure> {
    if let Some(ruled) = &file.rules {
        explain_rules(context, ruled)?;
    }
    for reader in &file.recipients {
        if reader.attempts.is_empty() {
            continue;
        }
        let name = reader.name.clone().unwrap_or_else(|| short(&reader.id));
        context.ui.line(&format!("  what was tried for {name}:"))?;
        for attempt in &reader.attempts {
            let id = attempt.recipient.as_deref().map(short).unwrap_or_default();
            let kind = match attempt.kind.as_str() {
                kind if id.starts_with(kind) => id,
                kind => format!("{kind} {id}").trim_end().to_owned(),
            };
            let came = match &attempt.outcome {
                Outcome::Opened => "opens it",
                Outcome::NotMine => "is another key",
                Outcome::Failed(why) | Outcome::NotTried(why) => why,
            };
            context
                .ui
                .line(&format!("    {kind} from {}: {came}", attempt.source))?;
        }
    }
    Ok(())
}

fn explain_rules(context: &Context, ruled: &Ruled) -> Result<(), Failure> {
    context.ui.line(&format!(
        "  {} calls it `{}`, and the first rule that matches holds:",
        ruled.rules.display(),
        ruled.name
    ))?;
    for rule in &ruled.considered {
        let came = if rule.matched {
            "matches"
        } else {
            "does not match"
        };
        let pattern = match rule.pattern.as_str() {
            "" => "no pattern, which takes every file".to_owned(),
            pattern => format!("`{pattern}`"),
        };
        context
            .ui
            .line(&format!("    line {}: {pattern}: {came}", rule.line))?;
    }
    if ruled.considered.is_empty() {
        context.ui.line("    none was considered")?;
    }
    Ok(())
}

fn answer(checkup: &Checkup) -> Value {
    let identities: Vec<Value> = checkup
        .identities
        .iter()
        .map(|key| {
            json!({
                "source": key.source,
                "kind": key.kind,
                "public_key": key.recipient,
                "protected": key.protected,
                "name": key.name,
            })
        })
        .collect();
    let checks: Vec<Value> = checkup
        .checks
        .iter()
        .map(|check| check_json(check, None))
        .collect();
    let files: Vec<Value> = checkup.files.iter().map(file_json).collect();
    json!({
        "problems": checkup.problems(),
        "version": env!("CARGO_PKG_VERSION"),
        "identities": identities,
        "checks": checks,
        "files": files,
    })
}

fn check_json(check: &Check, file: Option<&Path>) -> Value {
    json!({
        "about": check.about,
        "check": check.check,
        "level": match check.level {
            Level::Ok => "ok",
            Level::Note => "note",
            Level::Problem => "problem",
        },
        "text": check.text,
        "hints": hints(check, file),
    })
}

fn file_json(file: &FileCheckup) -> Value {
    let recipients: Vec<Value> = file
        .recipients
        .iter()
        .map(|reader| {
            let attempts: Vec<Value> = reader
                .attempts
                .iter()
                .map(|attempt| {
                    let (outcome, why) = match &attempt.outcome {
                        Outcome::Opened => ("opened", None),
                        Outcome::NotMine => ("not-mine", None),
                        Outcome::Failed(why) => ("failed", Some(why)),
                        Outcome::NotTried(why) => ("not-tried", Some(why)),
                    };
                    json!({
                        "source": attempt.source,
                        "kind": attempt.kind,
                        "public_key": attempt.recipient,
                        "outcome": outcome,
                        "why": why,
                    })
                })
                .collect();
            json!({
                "name": reader.name,
                "kind": reader.kind,
                "id": reader.id,
                "group": reader.group,
                "verdict": reader.verdict.name(),
                "why": reader.why,
                "attempts": attempts,
            })
        })
        .collect();
    let seal = file.seal.map(|seal| match seal {
        SealState::Valid => "valid",
        SealState::Missing => "missing",
        SealState::Broken => "broken",
    });
    let checks: Vec<Value> = file
        .checks
        .iter()
        .map(|check| check_json(check, Some(&file.path)))
        .collect();
    json!({
        "file": in_json(&file.path),
        "format": file.format,
        "version": file.version,
        "written_by": file.written_by,
        "last_modified": file.last_modified,
        "opens": file.opens,
        "seal": seal,
        "recipients": recipients,
        "rules": file.rules.as_ref().map(rules_json),
        "checks": checks,
    })
}

fn rules_json(ruled: &Ruled) -> Value {
    let considered: Vec<Value> = ruled
        .considered
        .iter()
        .map(|rule| json!({ "line": rule.line, "pattern": rule.pattern, "matched": rule.matched }))
        .collect();
    json!({
        "rules": in_json(&ruled.rules),
        "name": ruled.name,
        "considered": considered,
        "environment": ruled.environment,
        "missing": ruled.missing,
        "extra": ruled.extra,
        "expired": ruled.expired,
    })
}
