//! What a profile writes, as a text, and what such a text holds.

use std::collections::HashMap;
use std::ops::Range;

use crate::dialects::Dialect;
use crate::error::{Exit, Failure};
use crate::render::Variable;
use crate::rules::Profile;
use crate::secret::Cleartext;

/// How a profile's output is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A block in a `.env` file, for this reader.
    Block(Dialect),
    /// A whole file.
    Whole(&'static str),
}

impl Form {
    /// The form of a profile's output.
    pub fn of(profile: &Profile) -> Self {
        match profile.format {
            None | Some("dotenv") => {
                let dialect = profile.dialect.and_then(Dialect::from_name);
                Self::Block(dialect.unwrap_or(Dialect::Portable))
            }
            Some(format) => Self::Whole(format),
        }
    }

    /// Its name for people and machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Block(dialect) => dialect.name(),
            Self::Whole(format) => format,
        }
    }

    /// Whether a comment can stand at the top of it, which says whose it is.
    pub fn has_comments(self) -> bool {
        match self {
            Self::Block(_) => true,
            Self::Whole(format) => {
                ["yaml", "shell", "k8s", "docker", "systemd", "tfvars"].contains(&format)
            }
        }
    }

    /// The variables as text, read back and compared.
    pub fn render(self, variables: &[Variable]) -> Result<Cleartext, Failure> {
        let Self::Block(dialect) = self else {
            return Err(Failure::new(
                Exit::RULES,
                "format",
                format!("the format `{}` cannot be written yet", self.name()),
            ));
        };
        let mut text = Cleartext::default();
        for variable in variables {
            let line = line(dialect, variable).ok_or_else(|| {
                let message = format!("`{}` cannot be written for {}", variable.name, self.name());
                Failure::new(Exit::RULES, "cannot-carry", message)
            })?;
            text.push(line.as_bytes());
        }
        Ok(text)
    }
}

/// The first spelling that is read back as it was.
fn line(dialect: Dialect, variable: &Variable) -> Option<Cleartext> {
    ["", "'", "\""].into_iter().find_map(|quote| {
        let mut line: Cleartext = format!("{}={quote}", variable.name).into();
        line.push(variable.value.as_bytes());
        line.push(quote.as_bytes());
        line.push(b"\n");
        let reading = dialect.read(line.as_str()?).ok()?;
        let is_it = matches!(reading.found.as_slice(), [one] if one.name == variable.name && one.value == variable.value && !one.reference);
        is_it.then_some(line)
    })
}

/// A name, its value, and where it stands.
pub struct Standing {
    /// The value.
    pub value: Cleartext,
    /// The byte at which the name begins.
    pub start: usize,
    /// The line, from 1.
    pub line: usize,
}

/// What a `.env` text holds, by name: what the reader takes, which of several counts included.
/// `None` where the reader gives up on it.
pub fn read(dialect: Dialect, text: &[u8]) -> Option<Vec<(String, Standing)>> {
    let text = std::str::from_utf8(text).ok()?;
    let start = text.len() - text.trim_start_matches('\u{feff}').len();
    let body = text.get(start..)?;
    let reading = dialect.read(body).ok()?;
    let lines = crate::dialects::Lines::new(body);
    let found = reading.found.into_iter().map(|one| {
        let standing = Standing {
            line: lines.of(one.start),
            start: one.start + start,
            value: one.value,
        };
        (one.name, standing)
    });
    Some(found.collect())
}

/// Of what a text holds, the values that count, by name.
pub fn winners(dialect: Dialect, found: Vec<(String, Standing)>) -> HashMap<String, Standing> {
    let mut winners = HashMap::with_capacity(found.len());
    for (name, standing) in found {
        // dotenvy leaves what is set.
        if dialect == Dialect::Rust && winners.contains_key(&name) {
            continue;
        }
        winners.insert(name, standing);
    }
    winners
}

/// Whether a standing is in a part of the text.
pub fn is_within(standing: &Standing, range: &Range<usize>) -> bool {
    range.contains(&standing.start)
}
