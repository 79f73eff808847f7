//! `mvx env render`.

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::{Value, json};

use super::With;
use crate::app::env::deliver::Request;
use crate::app::env::render::{RenderRequest, Rendered, Shape};
use crate::app::many;
use crate::cli::reveal::Reveal;
use crate::cli::{Context, misuse};
use crate::dialects::Dialect;
use crate::error::{Exit, Failure};
use crate::render::Format;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx env render local --format json
  mvx env render prod --dialect compose -o .env.prod
  eval \"$(mvx env render --format shell)\"
  mvx env render prod --format k8s --name api --namespace team | kubectl apply -f -
  mvx env render prod --template nginx.conf.tmpl -o nginx.conf")]
pub(super) struct Render {
    /// The profile; the default one, or the only one, where none is named
    #[arg(value_name = "PROFILE")]
    profile: Option<String>,
    #[command(flatten)]
    with: With,
    /// What it becomes; the profile's `format`, or dotenv, where this is left out
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(Format::NAMES))]
    format: Option<String>,
    /// Who reads a dotenv file; told by the profile, or by what lies beside the file
    #[arg(long, value_name = "READER", value_parser = dialect_parser())]
    dialect: Option<Dialect>,
    /// Fill the placeholders `{{ mvx:NAME }}` of this file instead
    #[arg(long, value_name = "FILE", conflicts_with_all = ["format", "dialect"])]
    template: Option<PathBuf>,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    overwrite: bool,
    /// Write values although git does not ignore the file
    #[arg(long)]
    allow_unignored: bool,
    /// What a Kubernetes Secret is called; as the profile where this is left out
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The namespace of a Kubernetes Secret
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// Write the values of a Kubernetes Secret in base64, under `data`
    #[arg(long)]
    base64: bool,
    #[command(flatten)]
    reveal: Reveal,
}

impl Render {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let output = self
            .output
            .as_ref()
            .filter(|path| path.as_path() != Path::new("-"));
        if output.is_none() {
            self.reveal.permit(context)?;
        } else {
            self.reveal.note(context)?;
        }
        let app = context.app();
        let rendered = self.with.scopes().and_then(|with| {
            app.render_env(&RenderRequest {
                deliver: Request {
                    profile: self.profile.clone(),
                    with,
                    only: Vec::new(),
                },
                format: self.format.clone(),
                dialect: self.dialect,
                template: self.template.clone(),
                output: output.cloned(),
                overwrite: self.overwrite,
                allow_unignored: self.allow_unignored,
                k8s_name: self.name.clone(),
                k8s_namespace: self.namespace.clone(),
                k8s_base64: self.base64,
            })
        });
        context.notes(&app);
        let rendered = rendered?;
        for note in &rendered.notes {
            context.ui.warn(&note.to_string(), &[]);
        }
        if let Some(masks) = &rendered.masks {
            if context.ui.is_json() {
                return Err(misuse(
                    "`--json` has no place for what GitHub must read first; leave it out",
                ));
            }
            // Before anything that could show a value.
            context.ui.answer(masks.as_bytes())?;
            app.append_github(&rendered)?;
            report(context, &rendered);
            return Ok(Exit::OK);
        }
        if context.ui.is_json() {
            context.ui.json(&answer(&rendered)?)?;
        } else if let Some(text) = &rendered.text {
            context.ui.answer(text.as_bytes())?;
        }
        if rendered.text.is_none() {
            report(context, &rendered);
        }
        if let Shape::Dotenv(choice) = &rendered.shape
            && choice.is_torn
        {
            let text = format!(
                "several programs may read it, so it is {}: {}",
                choice.dialect.name(),
                choice.because
            );
            context.ui.warn(
                &text,
                &["`--dialect`, or `dialect` in the profile, says which one does"],
            );
        }
        Ok(Exit::OK)
    }
}

fn dialect_parser() -> impl TypedValueParser<Value = Dialect> {
    PossibleValuesParser::new(Dialect::ALL.map(Dialect::name))
        .map(|name| Dialect::from_name(&name).unwrap_or(Dialect::Portable))
}

/// What was written where.
fn report(context: &Context, rendered: &Rendered) {
    let Some(path) = &rendered.written else {
        return;
    };
    let names = many(rendered.names.len(), "value", "values");
    let (path, title) = (path.display(), rendered.shape.title());
    context.ui.note(&match &rendered.shape {
        Shape::Dotenv(choice) => format!(
            "{path}: {names} as {title} ({}); it holds plaintext",
            choice.because
        ),
        Shape::Format(Format::Github) => {
            format!("{path}: {names} for the next steps, masked in the log")
        }
        _ => format!("{path}: {names} as {title}; it holds plaintext"),
    });
}

fn answer(rendered: &Rendered) -> Result<Value, Failure> {
    let text = match &rendered.text {
        None => None,
        Some(text) => Some(text.as_str().ok_or_else(|| {
            Failure::new(
                Exit::IO,
                "not-text",
                "the text is not UTF-8, and JSON holds text only",
            )
            .hint("leave `--json` out, or write it to a file with `-o`")
        })?),
    };
    let (format, dialect, because) = match &rendered.shape {
        Shape::Dotenv(choice) => (
            "dotenv",
            Some(choice.dialect.name()),
            Some(choice.because.as_str()),
        ),
        Shape::Format(format) => (format.name(), None, None),
        Shape::Template => ("template", None, None),
    };
    let notes: Vec<Value> = rendered
        .notes
        .iter()
        .map(|note| {
            json!({ "name": note.name, "code": note.remark.code(), "text": note.to_string() })
        })
        .collect();
    Ok(json!({
        "profile": rendered.profile,
        "format": format,
        "dialect": dialect,
        "because": because,
        "written": rendered.written,
        "text": text,
        "names": rendered.names,
        "files": rendered.files,
        "notes": notes,
    }))
}
