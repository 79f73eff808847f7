//! `mvx scan rules`.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::Context;
use crate::cli::ui::{Mark, Table};
use crate::error::{Exit, Failure};
use crate::scan::Rule;

#[derive(clap::Args)]
pub(in crate::cli) struct Rules {
    #[command(subcommand)]
    command: Command,
    /// A gitleaks rule file, in the place of mvx's rules
    #[arg(long, value_name = "FILE", global = true)]
    rules: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List the rules that are in force here
    List,
    /// Show a rule: what it finds, why that matters, what to do
    Show {
        /// The rule's id
        id: String,
    },
    /// Try the examples of every rule
    ///
    /// Each rule has texts in which it must find something, and such in which it must not. Ends with 1
    /// where one does not do what it should.
    Test,
}

impl Rules {
    pub(in crate::cli) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app_without_questions();
        let loaded = app.scan_rules(self.rules.as_deref())?;
        context.notes(&app);
        let rules = &loaded.rules;
        let ui = &context.ui;
        match &self.command {
            Command::List if ui.is_json() => {
                let rules: Vec<Value> = rules.iter().map(answer).collect();
                ui.json(&json!({ "rules": rules }))?;
            }
            Command::List => {
                let mut table = Table::new(["RULE", "CONFIDENCE", "FINDS"]);
                for rule in rules.iter() {
                    table.row([&*rule.id, rule.confidence.name(), &*rule.description]);
                }
                ui.table(&table)?;
            }
            Command::Show { id } => {
                let Some(rule) = rules.rule(id) else {
                    return Err(unknown(id, rules.iter().map(|rule| &*rule.id)));
                };
                if ui.is_json() {
                    ui.json(&answer(rule))?;
                } else {
                    show(context, rule)?;
                }
            }
            Command::Test => {
                let failures = rules.test();
                if ui.is_json() {
                    let failures: Vec<Value> = failures
                        .iter()
                        .map(|one| json!({ "rule": one.rule, "example": one.number, "expected": one.expected }))
                        .collect();
                    ui.json(&json!({ "rules": rules.iter().len(), "failures": failures }))?;
                }
                for one in failures.iter().filter(|_| !ui.is_json()) {
                    let text = if one.expected {
                        format!("{}: finds nothing in example {}", one.rule, one.number)
                    } else {
                        format!(
                            "{}: finds something in counterexample {}",
                            one.rule, one.number
                        )
                    };
                    ui.finding(Mark::Problem, &text, &[])?;
                }
                if !failures.is_empty() {
                    return Ok(Exit::NO);
                }
                ui.note(&format!(
                    "{} rules do what their examples say",
                    rules.iter().len()
                ));
            }
        }
        Ok(Exit::OK)
    }
}

fn show(context: &Context, rule: &Rule) -> Result<(), Failure> {
    let ui = &context.ui;
    ui.heading(&rule.id)?;
    let entropy = rule
        .entropy
        .map(|bits| format!("at least {bits} bits a character"));
    let keywords = rule.keywords.join(", ");
    for (name, text) in [
        ("finds", Some(&*rule.description)),
        ("why", Some(&*rule.why)),
        ("do", Some(&*rule.remedy)),
        ("confidence", Some(rule.confidence.name())),
        ("regex", rule.regex.as_deref()),
        ("path", rule.path.as_deref()),
        ("keywords", Some(keywords.as_str())),
        ("entropy", entropy.as_deref()),
    ] {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            ui.line(&format!("  {name}: {text}"))?;
        }
    }
    Ok(())
}

fn answer(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "finds": rule.description,
        "why": rule.why,
        "remedy": rule.remedy,
        "confidence": rule.confidence.name(),
        "regex": rule.regex,
        "path": rule.path,
        "keywords": rule.keywords,
        "entropy": rule.entropy,
        "tags": rule.tags,
    })
}

fn unknown<'a>(id: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let nearest = known
        .map(|name| (strsim::jaro_winkler(name, id), name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    let failure = Failure::new(Exit::NO, "no-such-rule", format!("there is no rule `{id}`"));
    match nearest {
        Some((_, name)) => failure.hint(format!("did you mean `{name}`?")),
        None => failure,
    }
    .hint("`mvx scan rules list` lists them")
}
