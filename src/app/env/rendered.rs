//! What a profile writes, as a text, and what such a text holds.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use crate::app::App;
use crate::app::env::deliver::Request;
use crate::app::files::shell_word;
use crate::dialects::detect::Choice;
use crate::dialects::{Dialect, Lines, Loader};
use crate::error::{Exit, Failure};
use crate::render::names::steers;
use crate::render::{Format, K8s, Note, Options, Variable, notes, render};
use crate::rules::Profile;
use crate::secret::Cleartext;

/// How a profile's output is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A block in a `.env` file, for this reader, and the program where more is known of it.
    Block(Dialect, Option<Loader>),
    /// A whole file.
    Whole(Format),
}

impl Form {
    /// Its name for people and machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Block(dialect, _) => dialect.name(),
            Self::Whole(format) => format.name(),
        }
    }

    /// Whether a comment can stand at the top of it, which says whose it is.
    pub fn has_comments(self) -> bool {
        match self {
            Self::Block(..) => true,
            Self::Whole(format) => format.has_comments(),
        }
    }

    /// Whether what reads it takes its names over into a process's environment. Every `.env` file
    /// is read for that.
    pub(super) fn feeds_a_process(self) -> bool {
        matches!(
            self,
            Self::Block(..)
                | Self::Whole(
                    Format::Shell
                        | Format::Docker
                        | Format::Systemd
                        | Format::Github
                        | Format::Gitlab
                        | Format::Azure
                )
        )
    }

    /// The variables as text, read back and compared, and what there is to know about it. Into a
    /// whole file goes `mark` as its first line, where it can; into a block the reason for its
    /// dialect.
    pub fn render(
        self,
        profile: &Profile,
        variables: &[Variable],
        mark: &str,
        because: &str,
    ) -> Result<(Cleartext, Vec<Note>), Failure> {
        if self.feeds_a_process() {
            may_steer(profile, variables)?;
        }
        let (format, loader, header) = match self {
            Self::Block(dialect, loader) => {
                let header = format!("for {}: {because}", dialect.name());
                (Format::Dotenv(dialect), loader, header)
            }
            Self::Whole(format) => (format, None, format!(">>> mvx {mark}")),
        };
        let options = Options {
            loader,
            header: &[header],
            k8s: K8s {
                name: &profile.name,
                ..K8s::default()
            },
            ..Options::of(format)
        };
        let text = render(variables, &options)?;
        Ok((text, notes(variables, &options)))
    }

    /// What the first line of a block or file says.
    pub fn mark(self, request: &Request, profile: &Profile) -> String {
        let mut line = command("env sync", request, &profile.name);
        line.push_str(match self {
            Self::Block(..) => ": mvx writes this block and leaves your lines around it alone",
            Self::Whole(_) => ": mvx writes this file",
        });
        line
    }
}

impl App<'_> {
    /// How a profile's output at `path` is written, and what tells which program reads it.
    pub(super) fn form(&self, profile: &Profile, path: &Path) -> Result<(Form, String), Failure> {
        let named = profile.format.unwrap_or("dotenv");
        match Format::from_name(named, Dialect::Portable) {
            None | Some(Format::Dotenv(_)) => {
                let Choice {
                    dialect,
                    loader,
                    because,
                    ..
                } = self.reader(None, profile, Some(path))?;
                Ok((Form::Block(dialect, loader), because))
            }
            Some(format) => Ok((Form::Whole(format), String::new())),
        }
    }
}

/// A command with a profile and the scopes of a request.
pub(super) fn command(command: &str, request: &Request, profile: &str) -> String {
    let mut line = format!("{command} {}", shell_word(Path::new(profile)));
    for (scope, value) in &request.with {
        let word = format!("{scope}={value}");
        line.push_str(" --with ");
        line.push_str(&shell_word(Path::new(&word)));
    }
    line
}

/// Refuses names that steer the process which gets them, unless the profile allows them.
pub(super) fn may_steer(profile: &Profile, variables: &[Variable]) -> Result<(), Failure> {
    let allowed = |name: &String| {
        profile
            .allow
            .iter()
            .flatten()
            .any(|allowed| allowed == name)
    };
    for Variable { name, .. } in variables {
        if let Some(what) = steers(name).filter(|_| !allowed(name)) {
            let message = format!("`{name}` {what}: it is not delivered to a process");
            return Err(
                Failure::new(Exit::RULES, "name-steers", message).hint(format!(
                    "`allow = [\"{name}\"]` in the profile delivers it; `exclude` leaves it out"
                )),
            );
        }
    }
    Ok(())
}

/// A value, and where it stands.
pub struct Standing {
    /// The value.
    pub value: Cleartext,
    /// The byte at which the name begins.
    pub start: usize,
    /// The line, from 1.
    pub line: usize,
}

impl Standing {
    /// Whether it is in this part of the text.
    pub fn is_within(&self, range: &Range<usize>) -> bool {
        range.contains(&self.start)
    }
}

/// What a `.env` text holds, by name and in its order. `None` where the reader gives up on it.
pub fn read(
    dialect: Dialect,
    loader: Option<Loader>,
    text: &[u8],
) -> Option<Vec<(String, Standing)>> {
    let text = std::str::from_utf8(text).ok()?;
    let start = text.len() - text.trim_start_matches('\u{feff}').len();
    let body = text.get(start..)?;
    let reading = dialect.read_for(body, loader).ok()?;
    let lines = Lines::new(body);
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
