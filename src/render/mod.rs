//! Secrets on their way out: names and values, as a profile of the rules gathers them, and the
//! texts that they become. Pure.
//!
//! [`render`] is the one way out, but for what a person's own file is made of, which is
//! [`template`]'s. A value comes out as it is or not at all: what a format does not carry is an
//! error that names the variable, and a whole text is read back before it is handed on.

pub mod block;
pub mod example;
pub mod flatten;
pub mod gather;
pub mod names;
pub mod pipelines;
pub mod placeholder;
pub mod template;

mod data;
mod error;
mod format;
mod k8s;
mod note;
mod quoted;
mod systemd;
#[cfg(test)]
mod tests;

use crate::dialects::{Dialect, Unwritable};
use crate::document::Kind;
use crate::keypath::KeyPath;
use crate::secret::Cleartext;

pub use error::{RenderError, Why};
pub use format::{Format, K8s, Options};
pub use note::{Note, Remark, notes};

/// A name and the value that is delivered under it.
pub struct Variable {
    /// The name: letters, digits and `_`, and no digit first.
    pub name: String,
    /// The value, as text where it has a type: `true`, `5432`.
    pub value: Cleartext,
    /// Its type, for the formats that have types.
    pub kind: Kind,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a variable comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A secret.
    Secret {
        /// The secret file, as messages call it.
        file: String,
        /// The secret's key path.
        key: KeyPath,
    },
    /// What a secret was before it was rotated; a secret still.
    Previous {
        /// The secret file, as messages call it.
        file: String,
        /// The secret's key path.
        key: KeyPath,
    },
    /// The `defaults` of the profile; no secret.
    Default,
}

impl Origin {
    /// Whether the value is secret.
    pub fn is_secret(&self) -> bool {
        !matches!(self, Self::Default)
    }
}

/// A name and a value, read back from a text.
type Found = (String, Cleartext);

/// The text that variables become. It was read back, and is the same.
pub fn render(variables: &[Variable], options: &Options<'_>) -> Result<Cleartext, RenderError> {
    check(variables, options)?;
    let length: usize = variables
        .iter()
        .map(|variable| variable.name.len() + variable.value.len() + 16)
        .sum();
    let mut out = Cleartext::with_capacity(length + length / 4 + 256);
    if options.format.has_comments() {
        for line in options.header {
            out.push(b"# ");
            // Neither a line break nor a backslash at the end goes on with the comment.
            let shown = line.replace(|c: char| c.is_control() || c == '\\', "?");
            out.push(shown.as_bytes());
            out.push(b"\n");
        }
    }
    let differs = || RenderError::Differs {
        format: options.format,
    };
    write(variables, options, &mut out)?.ok_or_else(differs)?;
    too_large(options.format, variables, &out)?;
    let found = out.as_str().and_then(|text| read(text, options));
    let same = found.is_some_and(|found| {
        found.len() == variables.len()
            && found
                .iter()
                .zip(variables)
                .all(|((name, value), wanted)| *name == wanted.name && *value == wanted.value)
    });
    if same { Ok(out) } else { Err(differs()) }
}

/// Writes; `None` where a value is no text, which was checked.
fn write(
    variables: &[Variable],
    options: &Options<'_>,
    out: &mut Cleartext,
) -> Result<Option<()>, RenderError> {
    Ok(match options.format {
        Format::Dotenv(dialect) => {
            assignments("", variables, dialect, options, out)?;
            Some(())
        }
        Format::Docker => {
            assignments("", variables, Dialect::Docker, options, out)?;
            Some(())
        }
        Format::Shell => {
            assignments("export ", variables, Dialect::Shell, options, out)?;
            Some(())
        }
        Format::Json => data::json(variables, out),
        Format::Yaml => data::yaml(variables, "", out),
        Format::K8s => k8s::write(variables, options.k8s, out),
        Format::Systemd => systemd::write(variables, out),
        Format::Tfvars => data::tfvars(variables, out),
        Format::Github => {
            pipelines::github(variables, options.delimiter, out)?;
            Some(())
        }
        Format::Gitlab => {
            pipelines::gitlab(variables, out);
            Some(())
        }
        Format::Azure => pipelines::azure(variables, out),
    })
}

/// What the format's reader finds in a text; `None` where it gives up or would do something else.
fn read(text: &str, options: &Options<'_>) -> Option<Vec<Found>> {
    match options.format {
        Format::Dotenv(dialect) => read_assignments(text, dialect, options),
        Format::Docker => read_assignments(text, Dialect::Docker, options),
        Format::Shell => read_assignments(text, Dialect::Shell, options),
        Format::Json => data::read_json(text),
        Format::Yaml => data::read_yaml(text, ""),
        Format::K8s => k8s::read(text, options.k8s),
        Format::Systemd => systemd::read(text),
        Format::Tfvars => data::read_tfvars(text),
        Format::Github => pipelines::read_github(text),
        Format::Gitlab => pipelines::read_gitlab(text),
        Format::Azure => pipelines::read_azure(text),
    }
}

fn assignments(
    begin: &str,
    variables: &[Variable],
    dialect: Dialect,
    options: &Options<'_>,
    out: &mut Cleartext,
) -> Result<(), RenderError> {
    for variable in variables {
        let spelling = dialect
            .spelling(&variable.value, options.loader)
            .map_err(|why| refused(variable, options, why.into()))?;
        for part in [
            begin.as_bytes(),
            variable.name.as_bytes(),
            b"=",
            spelling.as_bytes(),
            b"\n",
        ] {
            out.push(part);
        }
    }
    Ok(())
}

fn read_assignments(text: &str, dialect: Dialect, options: &Options<'_>) -> Option<Vec<Found>> {
    let reading = dialect.read_for(text, options.loader).ok()?;
    let right = reading.unread.is_empty()
        && reading.unset.is_empty()
        && !reading.carriage_returns
        && reading.found.iter().all(|found| !found.reference);
    let found = reading.found.into_iter();
    right.then(|| found.map(|found| (found.name, found.value)).collect())
}

/// Checks names and values one by one.
fn check(variables: &[Variable], options: &Options<'_>) -> Result<(), RenderError> {
    let format = options.format;
    if format == Format::K8s {
        k8s::check(options.k8s)?;
    }
    let mut names: Vec<&str> = variables.iter().map(|one| one.name.as_str()).collect();
    names.sort_unstable();
    if let Some([name, _]) = names.array_windows().find(|[one, other]| one == other) {
        return Err(RenderError::Twice {
            name: (*name).to_owned(),
        });
    }
    for variable in variables {
        name_fits(&variable.name, format).map_err(|why| RenderError::Name {
            name: variable.name.clone(),
            format,
            why,
        })?;
        value_fits(&variable.value, options).map_err(|why| refused(variable, options, why))?;
    }
    Ok(())
}

fn name_fits(name: &str, format: Format) -> Result<(), Why> {
    let dialect = match format {
        Format::Dotenv(dialect) => dialect,
        Format::Shell => Dialect::Shell,
        _ => Dialect::Docker,
    };
    dialect.check_name(name)?;
    match format {
        Format::Github => pipelines::github_name(name),
        Format::Azure => pipelines::azure_name(name),
        _ => Ok(()),
    }
}

/// Whether a format carries a value. Dialects say so themselves, when they write.
fn value_fits(value: &Cleartext, options: &Options<'_>) -> Result<(), Why> {
    if options.format == Format::K8s && options.k8s.base64 {
        return Ok(());
    }
    let text = value.as_str().ok_or(Unwritable::NotText)?;
    if text.contains('\0') {
        return Err(Unwritable::Nul.into());
    }
    match options.format {
        Format::Tfvars => data::stays_composed(text),
        Format::Gitlab => pipelines::gitlab_value(text),
        Format::Azure => pipelines::azure_value(text),
        _ => Ok(()),
    }
}

fn too_large(format: Format, variables: &[Variable], out: &Cleartext) -> Result<(), RenderError> {
    let (size, limit) = match format {
        Format::Gitlab => (out.len(), pipelines::GITLAB_LIMIT),
        Format::K8s => {
            let values = variables.iter().map(|variable| variable.value.len());
            (values.sum(), k8s::LIMIT)
        }
        _ => return Ok(()),
    };
    if size < limit {
        return Ok(());
    }
    Err(RenderError::Size {
        format,
        size,
        limit,
    })
}

/// The error for a value, with the formats that carry it. Those of pipelines are not advised: they
/// are for one place each.
fn refused(variable: &Variable, options: &Options<'_>, why: Why) -> RenderError {
    let carries = |format: &Format| {
        if *format == options.format {
            return false;
        }
        let with = Options {
            loader: None,
            ..Options::of(*format)
        };
        let spelled = match format {
            Format::Dotenv(dialect) => dialect.spelling(&variable.value, None).is_ok(),
            Format::Docker => Dialect::Docker.spelling(&variable.value, None).is_ok(),
            Format::Github | Format::Gitlab | Format::Azure => false,
            _ => true,
        };
        spelled && value_fits(&variable.value, &with).is_ok()
    };
    RenderError::Value {
        name: variable.name.clone(),
        format: options.format,
        why,
        instead: Format::all().filter(carries).collect(),
    }
}
