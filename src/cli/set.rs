//! `mvx set`.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Context, FormatArg};
use crate::app::READ_LIMIT;
use crate::app::change::Outcome;
use crate::app::values::Type;
use crate::cli::json::in_json;
use crate::error::{Exit, Failure};
use crate::io::{file, stdio, terminal};
use crate::keypath::KeyPath;
use crate::keys::open::list;
use crate::secret::Cleartext;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx set secrets/dev/db.enc.yaml db.password
  openssl rand -hex 32 | mvx set secrets/dev/app.enc.yaml session.key
  mvx set secrets/dev/tls.enc.yaml key --from-file key.pem --exact
  echo '{\"port\": 5432, \"hosts\": [\"a\", \"b\"]}' | mvx set secrets/dev/db.enc.yaml db --type json
  mvx set --many secrets/dev/app.enc.env < new.env")]
pub(super) struct Set {
    /// The encrypted file
    file: PathBuf,
    /// The key path, such as `db.password` or `list[2]`
    #[arg(required_unless_present = "many", conflicts_with = "many")]
    key: Option<String>,
    /// Read the value from this file; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["value", "many"])]
    from_file: Option<PathBuf>,
    /// The value itself; it stays in your shell's history and is seen in the process list
    #[arg(
        long,
        value_name = "VALUE",
        conflicts_with = "many",
        allow_hyphen_values = true
    )]
    value: Option<String>,
    /// Take the value as it is: a line break at its end stays, and it may be empty
    #[arg(long, conflicts_with = "many")]
    exact: bool,
    /// What kind of value it is
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value_t = TypeArg::Same, conflicts_with = "many", hide_default_value = true)]
    kind: TypeArg,
    /// Read many values from standard input: a JSON object of key paths, or KEY=value lines
    #[arg(long)]
    many: bool,
    #[command(flatten)]
    format: FormatArg,
}

/// The types that `--type` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum TypeArg {
    /// The type of the value that is there; text where there is none
    Same,
    /// Text
    Str,
    /// A 64-bit integer
    Int,
    /// A 64-bit float
    Float,
    /// true or false
    Bool,
    /// Nothing; no value is read
    Null,
    /// Any JSON value
    Json,
}

impl Set {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app();
        let format = self.format.format();
        let outcome = match &self.key {
            Some(key) => {
                let key = KeyPath::parse(key)?;
                if self.asks() {
                    // A value is not asked for in vain.
                    app.read_sealed(&self.file, format)?;
                }
                let bytes = self.bytes(context, &key)?;
                app.set(&self.file, &key, &bytes, self.kind.into(), format)
            }
            None => app.set_many(&self.file, &stdio::read_stdin(READ_LIMIT)?, format),
        };
        context.notes(&app);
        let outcome = outcome?;
        changed(context, &self.file, &outcome, &self.done(&outcome))
    }

    /// What was done, in words: that a key is new shows a slip of the fingers.
    fn done(&self, outcome: &Outcome) -> String {
        let new: Vec<String> = match outcome {
            Outcome::Changed { new } => new.iter().map(|key| format!("`{key}`")).collect(),
            Outcome::Unchanged => Vec::new(),
        };
        match (&self.key, new.as_slice()) {
            (Some(key), []) => format!("`{key}` changed"),
            (Some(_), [new, ..]) => format!("{new} added"),
            (None, []) => "values changed".into(),
            (None, _) => format!("values set, {} new", list(new, "and")),
        }
    }

    /// Whether the value is asked for at the terminal.
    fn asks(&self) -> bool {
        let given = self.value.is_some() || self.from_file.is_some() || self.kind == TypeArg::Null;
        !given && terminal::is_stdin()
    }

    fn bytes(&self, context: &Context, key: &KeyPath) -> Result<Cleartext, Failure> {
        if self.kind == TypeArg::Null {
            return Ok(Cleartext::default());
        }
        if let Some(value) = &self.value {
            context.ui.warn(
                "a value on the command line stays in your shell's history and is seen by other processes",
                &["leave --value out to be asked for it, or pipe it in"],
            );
            return Ok(value.as_str().into());
        }
        let mut bytes = match &self.from_file {
            Some(path) if path != Path::new("-") => file::read(path, READ_LIMIT)?,
            None if self.asks() => terminal::ask_value(&format!("Value of {key}"))?,
            _ => stdio::read_stdin(READ_LIMIT)?,
        };
        // Where the text is not the value itself, blanks around it do not count anyway.
        let text = matches!(self.kind, TypeArg::Same | TypeArg::Str);
        if text && !self.exact {
            let length = bytes.len();
            let text = bytes.as_bytes();
            let cut = text.strip_suffix(b"\n").map_or(length, |text| {
                text.strip_suffix(b"\r").unwrap_or(text).len()
            });
            if cut < length {
                bytes.truncate(cut);
                context
                    .ui
                    .note("a line break at the end of the value was dropped; `--exact` keeps it");
            }
        }
        if bytes.is_empty() && !self.exact {
            // Most likely the command before the pipe failed.
            return Err(
                Failure::new(Exit::USAGE, "empty-value", "there is no value: it is empty")
                    .hint("`--exact` sets an empty value"),
            );
        }
        Ok(bytes)
    }
}

impl From<TypeArg> for Type {
    fn from(kind: TypeArg) -> Self {
        match kind {
            TypeArg::Same => Self::Same,
            TypeArg::Str => Self::Str,
            TypeArg::Int => Self::Int,
            TypeArg::Float => Self::Float,
            TypeArg::Bool => Self::Bool,
            TypeArg::Null => Self::Null,
            TypeArg::Json => Self::Json,
        }
    }
}

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx unset secrets/dev/db.enc.yaml db.password
  mvx unset secrets/dev/app.enc.yaml 'hosts[0]'")]
pub(super) struct Unset {
    /// The encrypted file
    file: PathBuf,
    /// The key path, such as `db.password` or `list[0]`
    key: String,
    #[command(flatten)]
    format: FormatArg,
}

impl Unset {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let key = KeyPath::parse(&self.key)?;
        let app = context.app();
        let outcome = app.unset(&self.file, &key, self.format.format());
        context.notes(&app);
        changed(context, &self.file, &outcome?, &format!("`{key}` removed"))
    }
}

#[derive(clap::Args)]
#[command(
    name = "mv",
    after_help = "\
Examples:
  mvx mv secrets/dev/app.enc.yaml API_KEY API_TOKEN
  mvx mv secrets/dev/app.enc.yaml password db.password"
)]
pub(super) struct Rename {
    /// The encrypted file
    file: PathBuf,
    /// The key path that it has now
    from: String,
    /// The key path that it gets
    to: String,
    #[command(flatten)]
    format: FormatArg,
}

impl Rename {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let (from, to) = (KeyPath::parse(&self.from)?, KeyPath::parse(&self.to)?);
        let app = context.app();
        let outcome = app.rename(&self.file, &from, &to, self.format.format());
        context.notes(&app);
        let done = format!("`{from}` is `{to}` now");
        changed(context, &self.file, &outcome?, &done)
    }
}

/// The answer of a command that changed a file, or found that there was nothing to change.
fn changed(context: &Context, file: &Path, outcome: &Outcome, done: &str) -> Result<Exit, Failure> {
    let shown = file.display();
    let Outcome::Changed { new } = outcome else {
        if context.ui.is_json() {
            let new: [&str; 0] = [];
            context
                .ui
                .json(&json!({ "file": in_json(file), "changed": false, "new": new }))?;
        }
        context.ui.note(&format!("{shown}: nothing changed"));
        return Ok(Exit::UNCHANGED);
    };
    let new: Vec<String> = new.iter().map(ToString::to_string).collect();
    if context.ui.is_json() {
        context
            .ui
            .json(&json!({ "file": in_json(file), "changed": true, "new": new }))?;
    }
    context.ui.note(&format!("{shown}: {done}"));
    Ok(Exit::OK)
}
