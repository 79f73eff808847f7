//! `mvx env check`.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::{Value, json};

use super::With;
use crate::app::env::check::{Against, CheckRequest, Checked, Finding};
use crate::app::many;
use crate::cli::Context;
use crate::cli::json::in_json;
use crate::cli::ui::Mark;
use crate::error::{Exit, Failure};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx env check
  mvx env check --names-only --format github     in a pipeline without keys
  mvx env check local --against output")]
pub(super) struct Check {
    /// The profiles; the default one, or the only one, where none is named
    #[arg(value_name = "PROFILE")]
    profiles: Vec<String>,
    #[command(flatten)]
    with: With,
    /// Compare names with the example, and open no file
    #[arg(long)]
    names_only: bool,
    /// Compare with this alone: example or output
    #[arg(long, value_name = "WHAT", value_parser = against_parser())]
    against: Option<Against>,
    /// How findings are printed: text, json, or github for annotations of a workflow
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        value_parser = ["text", "json", "github"]
    )]
    format: String,
}

impl Check {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app();
        let checked = self.with.scopes().and_then(|with| {
            app.check_env(&CheckRequest {
                profiles: self.profiles.clone(),
                with,
                names_only: self.names_only,
                against: self.against,
            })
        });
        context.notes(&app);
        let checked = checked?;
        if context.ui.is_json() || self.format == "json" {
            context.ui.json(&answer(&checked))?;
        } else if self.format == "github" {
            for finding in &checked.findings {
                context.ui.answer(annotation(finding).as_bytes())?;
            }
        } else {
            print(context, &checked)?;
        }
        Ok(if checked.findings.is_empty() {
            Exit::OK
        } else {
            Exit::NO
        })
    }
}

fn against_parser() -> impl TypedValueParser<Value = Against> {
    PossibleValuesParser::new(["example", "output"]).map(|word| match word.as_str() {
        "output" => Against::Output,
        _ => Against::Example,
    })
}

fn print(context: &Context, checked: &Checked) -> Result<(), Failure> {
    for finding in &checked.findings {
        let place = place(finding);
        let hints: Vec<String> = finding.hint.iter().cloned().collect();
        let text = format!("{place}: {}", finding.text);
        context.ui.finding(Mark::Problem, &text, &hints)?;
    }
    if checked.findings.is_empty() {
        for compared in &checked.compared {
            let names = many(compared.names, "name", "names");
            let (file, profile) = (compared.file.display(), &compared.profile);
            let text = format!("{file}: as the profile `{profile}` says, {names}");
            context.ui.finding(Mark::Ok, &text, &[])?;
        }
    }
    Ok(())
}

fn place(finding: &Finding) -> String {
    let file = finding.file.display();
    match finding.line {
        Some(line) => format!("{file}: line {line}"),
        None => file.to_string(),
    }
}

fn answer(checked: &Checked) -> Value {
    let findings: Vec<Value> = checked
        .findings
        .iter()
        .map(|finding| {
            json!({
                "profile": finding.profile,
                "code": finding.code,
                "file": in_json(&finding.file),
                "line": finding.line,
                "name": finding.name,
                "text": finding.text,
                "hint": finding.hint,
            })
        })
        .collect();
    let compared: Vec<Value> = checked
        .compared
        .iter()
        .map(
            |one| json!({ "profile": one.profile, "file": in_json(&one.file), "names": one.names }),
        )
        .collect();
    json!({ "findings": findings, "compared": compared })
}

/// A workflow command of GitHub Actions, on one line whatever the names hold: `%`, line breaks and,
/// in properties, `:` and `,` are escaped (actions/toolkit, packages/core/src/command.ts).
fn annotation(finding: &Finding) -> String {
    let data = |text: &str| {
        text.replace('%', "%25")
            .replace('\r', "%0D")
            .replace('\n', "%0A")
    };
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let file = property(&finding.file.to_string_lossy());
    let line = finding
        .line
        .map(|line| format!(",line={line}"))
        .unwrap_or_default();
    let title = property(&format!("mvx env check: {}", finding.code));
    let hint = finding.hint.as_ref();
    let hint = hint.map(|hint| format!("\n{hint}")).unwrap_or_default();
    let text = data(&format!("{}{hint}", finding.text));
    format!("::error file={file}{line},title={title}::{text}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_is_one_line_whatever_is_in_it() {
        let finding = Finding {
            profile: "local".into(),
            code: "missing",
            file: "a,b:c\n::error::x/.env".into(),
            line: Some(3),
            name: None,
            text: "100%\r\n::set-output".into(),
            hint: Some("do".into()),
        };
        assert_eq!(
            annotation(&finding),
            "::error file=a%2Cb%3Ac%0A%3A%3Aerror%3A%3Ax/.env,line=3,title=mvx env check%3A missing::100%25%0D%0A::set-output%0Ado\n"
        );
    }
}
