//! What a step of a pipeline hands to the next: GitHub Actions, GitLab CI, Azure Pipelines.

use super::{Found, RenderError, Variable, Why};
use crate::dialects::Unwritable;
use crate::secret::Cleartext;

/// Lines shorter than this are not masked: a log without any `1` helps nobody.
pub const MASKED: usize = 8;

/// How large a dotenv report of GitLab's must not be, in bytes (`dotenv_size` of its plan limits).
pub(super) const GITLAB_LIMIT: usize = 5 << 10;

/// How short a delimiter may be: 128 bits in hexadecimal.
const DELIMITER: usize = 32;

/// The commands by which GitHub's runner masks each line of [`MASKED`] characters and more of every
/// secret in its logs, once each. They must be on standard output before anything that could show
/// one.
pub fn github_masks(variables: &[Variable]) -> Cleartext {
    let mut out = Cleartext::default();
    let mut seen: Vec<&str> = Vec::new();
    let secrets = variables
        .iter()
        .filter(|variable| variable.origin.is_secret());
    for text in secrets.filter_map(|variable| variable.value.as_str()) {
        for line in text.split(['\n', '\r']) {
            if line.chars().count() < MASKED || seen.contains(&line) {
                continue;
            }
            seen.push(line);
            out.push(b"::add-mask::");
            push_escaped(&mut out, line, b"%25");
            out.push(b"\n");
        }
    }
    out
}

/// What is appended to the file that `GITHUB_ENV` names: `NAME<<delimiter`, the value's lines, and
/// the delimiter.
pub(super) fn github(
    variables: &[Variable],
    delimiter: &str,
    out: &mut Cleartext,
) -> Result<(), RenderError> {
    let inside = |variable: &Variable| {
        memchr::memmem::find(variable.value.as_bytes(), delimiter.as_bytes()).is_some()
    };
    if delimiter.len() < DELIMITER || variables.iter().any(inside) {
        return Err(RenderError::Delimiter);
    }
    for variable in variables {
        for part in [
            variable.name.as_bytes(),
            b"<<",
            delimiter.as_bytes(),
            b"\n",
            variable.value.as_bytes(),
            b"\n",
            delimiter.as_bytes(),
            b"\n",
        ] {
            out.push(part);
        }
    }
    Ok(())
}

/// Reads as GitHub's runner does (`FileCommandManager.cs`).
pub(super) fn read_github(text: &str) -> Option<Vec<Found>> {
    let mut found = Vec::new();
    let mut lines = text.split_inclusive('\n');
    while let Some(line) = lines.next() {
        let (name, delimiter) = line.strip_suffix('\n')?.split_once("<<")?;
        let mut value = Cleartext::default();
        loop {
            let line = lines.next()?;
            if line.strip_suffix('\n').unwrap_or(line) == delimiter {
                break;
            }
            value.push(line.as_bytes());
        }
        // The line break before the delimiter is not the value's.
        value.truncate(value.len().checked_sub(1)?);
        found.push((name.to_owned(), value));
    }
    Some(found)
}

/// Names that GitHub's runner does not let a file set, or keeps for itself.
pub(super) fn github_name(name: &str) -> Result<(), Why> {
    let upper = name.to_ascii_uppercase();
    let kept = upper.starts_with("GITHUB_") || upper.starts_with("RUNNER_");
    if kept || upper == "NODE_OPTIONS" || upper == "CI" {
        return Err(Why::Kept);
    }
    Ok(())
}

/// `NAME=value` lines without comments: blanks at the ends are dropped, quotes are not known, and
/// variables are expanded (`Ci::ParseDotenvArtifactService`, `ExpandVariables`).
pub(super) fn gitlab(variables: &[Variable], out: &mut Cleartext) {
    for variable in variables {
        out.push(variable.name.as_bytes());
        out.push(b"=");
        out.push(variable.value.as_bytes());
        out.push(b"\n");
    }
}

/// Reads as GitLab does.
pub(super) fn read_gitlab(text: &str) -> Option<Vec<Found>> {
    text.split_terminator('\n')
        .map(|line| {
            let (name, value) = line.split_once('=')?;
            Some((name.trim().to_owned(), value.trim().into()))
        })
        .collect()
}

/// What a dotenv report of GitLab's can carry.
pub(super) fn gitlab_value(text: &str) -> Result<(), Why> {
    if text.contains('\n') {
        return Err(Unwritable::Lines.into());
    }
    if text.trim() != text {
        return Err(Why::Blanks);
    }
    if text.contains('$') || text.matches('%').count() > 1 {
        return Err(Why::GitlabExpands);
    }
    Ok(())
}

/// `##vso[task.setvariable]` commands, which the agent reads from a step's standard output.
pub(super) fn azure(variables: &[Variable], out: &mut Cleartext) -> Option<()> {
    for variable in variables {
        out.push(b"##vso[task.setvariable variable=");
        out.push(variable.name.as_bytes());
        if variable.origin.is_secret() {
            out.push(b";issecret=true");
        }
        out.push(b"]");
        push_escaped(out, variable.value.as_str()?, b"%AZP25");
        out.push(b"\n");
    }
    Some(())
}

/// Reads as the agent does from 2.184 on, which decodes `%AZP25`.
pub(super) fn read_azure(text: &str) -> Option<Vec<Found>> {
    text.split_terminator('\n')
        .map(|line| {
            let properties = line.strip_prefix("##vso[task.setvariable variable=")?;
            let (properties, data) = properties.split_once(']')?;
            let name = properties.split(';').next()?.to_owned();
            let mut value = Cleartext::default();
            let mut rest = data;
            while let Some(at) = rest.find('%') {
                let (before, from) = rest.split_at(at);
                value.push(before.as_bytes());
                let (sign, used): (&[u8], usize) = match from {
                    _ if from.starts_with("%AZP25") => (b"%", 6),
                    _ if from.starts_with("%0D") => (b"\r", 3),
                    _ if from.starts_with("%0A") => (b"\n", 3),
                    _ => (b"%", 1),
                };
                value.push(sign);
                rest = from.get(used..)?;
            }
            value.push(rest.as_bytes());
            Some((name, value))
        })
        .collect()
}

/// What a secret variable of Azure's can carry. The agent refuses several lines, and a line's end
/// may be trimmed on its way.
pub(super) fn azure_value(text: &str) -> Result<(), Why> {
    if text.contains(['\n', '\r']) {
        return Err(Why::AzureLines);
    }
    if text.trim() != text {
        return Err(Why::Blanks);
    }
    Ok(())
}

/// Variables whose names begin so are not handed to steps, in whatever case.
pub(super) fn azure_name(name: &str) -> Result<(), Why> {
    const KEPT: [&str; 9] = [
        "endpoint",
        "input",
        "path",
        "secret",
        "securefile",
        "system_",
        "agent_",
        "build_",
        "release_",
    ];
    let lower = name.to_ascii_lowercase();
    if KEPT.iter().any(|kept| lower.starts_with(kept)) {
        return Err(Why::Kept);
    }
    Ok(())
}

/// A command's data: `%`, CR and LF are written so that they stay.
fn push_escaped(out: &mut Cleartext, text: &str, percent: &[u8]) {
    let mut rest = text;
    while let Some(at) = rest.find(['%', '\r', '\n']) {
        let (before, from) = rest.split_at(at);
        out.push(before.as_bytes());
        out.push(match from.as_bytes().first() {
            Some(b'%') => percent,
            Some(b'\r') => b"%0D",
            _ => b"%0A",
        });
        rest = from.get(1..).unwrap_or_default();
    }
    out.push(rest.as_bytes());
}
