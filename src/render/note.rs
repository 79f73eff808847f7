//! What is carried, and yet should be known.

use std::fmt;

use super::{Format, Options, Variable};
use crate::dialects::{Dialect, Loader};

/// How many variables a dotenv report may have on GitLab's free plan.
const GITLAB_VARIABLES: usize = 20;

/// Something to know about a variable, or about the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The variable's name, where it is about one.
    pub name: Option<String>,
    /// What it is.
    pub remark: Remark,
}

/// What there is to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// A portable file has a value with a `$`, which programs that expand would replace.
    Expands,
    /// A value with `$(`, carried because this loader is known not to run it; others do.
    Command(Loader),
    /// All the kinds of quotes and a dollar: one of the spellings that a new version may read
    /// otherwise.
    Fragile(Option<Loader>),
    /// More variables than GitLab's free plan takes.
    Many(usize),
    /// A report of GitLab's is not masked and can be downloaded.
    Unmasked,
}

impl Remark {
    /// A stable token for machines.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Expands => "expands",
            Self::Command(_) => "command",
            Self::Fragile(_) => "fragile",
            Self::Many(_) => "many",
            Self::Unmasked => "unmasked",
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "`{name}` ")?;
        }
        match self.remark {
            Remark::Expands => f.write_str("holds a `$`, which Next.js, Vite, Bun and others that expand would replace; `--dialect expand` is for those"),
            Remark::Command(loader) => write!(
                f,
                "holds `$(`: {} takes it as it is, other programs of its kind run it; `mvx run` hands it over without a file",
                loader.name()
            ),
            Remark::Fragile(loader) => write!(
                f,
                "mixes quotes and `$`, which readers treat differently from version to version{}; `mvx run` hands it over without a file",
                loader.map_or_else(String::new, |loader| format!(" ({} is what was found)", loader.name()))
            ),
            Remark::Many(count) => write!(f, "{count} variables are more than the {GITLAB_VARIABLES} that GitLab's free plan takes from a report"),
            Remark::Unmasked => f.write_str("GitLab does not mask what a dotenv report carries, and whoever sees the job can download it"),
        }
    }
}

/// What should be known about a rendering that succeeded.
pub fn notes(variables: &[Variable], options: &Options<'_>) -> Vec<Note> {
    let mut notes = Vec::new();
    for variable in variables {
        let Some(text) = variable.value.as_str() else {
            continue;
        };
        if let Some(remark) = remark(text, options) {
            notes.push(Note {
                name: Some(variable.name.clone()),
                remark,
            });
        }
    }
    if options.format == Format::Gitlab {
        let whole = |remark| Note { name: None, remark };
        notes.push(whole(Remark::Unmasked));
        if variables.len() > GITLAB_VARIABLES {
            notes.push(whole(Remark::Many(variables.len())));
        }
    }
    notes
}

fn remark(text: &str, options: &Options<'_>) -> Option<Remark> {
    match options.format {
        Format::Dotenv(Dialect::Portable) => text.contains('$').then_some(Remark::Expands),
        Format::Dotenv(Dialect::Expand) => match options.loader {
            Some(loader) if text.contains("$(") => Some(Remark::Command(loader)),
            loader => (text.contains('$') && text.contains('\'') && text.contains('"'))
                .then_some(Remark::Fragile(loader)),
        },
        _ => None,
    }
}
