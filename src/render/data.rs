//! JSON, YAML and Terraform's variables: names and strings.
//!
//! Values are strings in all of them, whatever their type in the secret file: an environment knows
//! nothing else, and a reader that wants a number takes one from a string.

use super::quoted;
use super::{Found, Variable, Why};
use crate::secret::Cleartext;

/// A JSON object, a member a line.
pub(super) fn json(variables: &[Variable], out: &mut Cleartext) -> Option<()> {
    if variables.is_empty() {
        out.push(b"{}\n");
        return Some(());
    }
    for (index, variable) in variables.iter().enumerate() {
        out.push(if index == 0 { b"{\n  \"" } else { b",\n  \"" });
        out.push(variable.name.as_bytes());
        out.push(b"\": ");
        quoted::push(out, variable.value.as_str()?, false);
    }
    out.push(b"\n}\n");
    Some(())
}

/// Reads what [`json`] writes.
pub(super) fn read_json(text: &str) -> Option<Vec<Found>> {
    let mut rest = text.strip_prefix('{')?;
    let mut found = Vec::new();
    if rest == "}\n" {
        return Some(found);
    }
    loop {
        let (name, after) = quoted::pull(rest.trim_start(), false)?;
        let (value, after) = quoted::pull(after.strip_prefix(": ")?, false)?;
        found.push((name.as_str()?.to_owned(), value));
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None => return (after == "\n}\n").then_some(found),
        }
    }
}

/// A YAML map, an entry a line, each behind `indent`.
pub(super) fn yaml(variables: &[Variable], indent: &str, out: &mut Cleartext) -> Option<()> {
    if variables.is_empty() && indent.is_empty() {
        out.push(b"{}\n");
    }
    for variable in variables {
        out.push(indent.as_bytes());
        push_key(out, &variable.name);
        out.push(b": ");
        quoted::push(out, variable.value.as_str()?, false);
        out.push(b"\n");
    }
    Some(())
}

/// A name as a key: in quotes where YAML 1.1 takes it for something else than text.
pub(super) fn push_key(out: &mut Cleartext, name: &str) {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    if WORDS.contains(&name.to_ascii_lowercase().as_str()) {
        quoted::push(out, name, false);
    } else {
        out.push(name.as_bytes());
    }
}

/// Reads what [`yaml`] writes.
pub(super) fn read_yaml(text: &str, indent: &str) -> Option<Vec<Found>> {
    let pair = |line: &'_ str| {
        let (name, value) = pair(line.strip_prefix(indent)?, ": ", false)?;
        Some((name.trim_matches('"').to_owned(), value))
    };
    lines(text, "{}").map(pair).collect()
}

/// `NAME = "value"` lines.
pub(super) fn tfvars(variables: &[Variable], out: &mut Cleartext) -> Option<()> {
    for variable in variables {
        out.push(variable.name.as_bytes());
        out.push(b" = ");
        quoted::push(out, variable.value.as_str()?, true);
        out.push(b"\n");
    }
    Some(())
}

/// Reads what [`tfvars`] writes.
pub(super) fn read_tfvars(text: &str) -> Option<Vec<Found>> {
    let pair = |line| pair(line, " = ", true);
    lines(text, "").map(pair).collect()
}

/// Reads a name and its string, with nothing behind it.
fn pair(line: &str, between: &str, terraform: bool) -> Option<Found> {
    let (name, value) = line.split_once(between)?;
    let (value, rest) = quoted::pull(value, terraform)?;
    rest.is_empty().then(|| (name.to_owned(), value))
}

/// Terraform brings every string into Unicode's normal form C. Refused is what might be in another
/// one: everything outside of blocks in which no character combines or is composed anew (Unicode
/// 16, `DerivedNormalizationProps.txt`).
pub(super) fn stays_composed(text: &str) -> Result<(), Why> {
    let stays = |c: char| {
        matches!(
            u32::from(c),
            0..=0x2ff
                | 0x391..=0x482
                | 0x48a..=0x52f
                | 0x200b..=0x2027
                | 0x2030..=0x205e
                | 0x2070..=0x20cf
                | 0x2190..=0x2328
                | 0x232b..=0x2ad0
                | 0x3001..=0x3029
                | 0x3030..=0x3096
                | 0x30a0..=0x30ff
                | 0x3400..=0x9fff
                | 0xac00..=0xd7a3
                | 0xe000..=0xf8ff
                | 0xfe0f
                | 0xff01..=0xff9d
                | 0x1f000..=0x1faff
        )
    };
    text.chars().all(stays).then_some(()).ok_or(Why::Composes)
}

/// The lines that say something: no comments, and not what an empty map is written as.
fn lines<'t>(text: &'t str, empty: &'static str) -> impl Iterator<Item = &'t str> {
    text.lines()
        .filter(move |line| !line.starts_with('#') && !line.is_empty() && *line != empty)
}
