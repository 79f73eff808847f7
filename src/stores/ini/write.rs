//! New INI text that sops's reader takes for exactly what was meant.

use std::fmt::Write as _;

use super::comment::indent;
use super::read::{self, BACKTICKS, slice};
use crate::document::{Kind, Style, Value};
use crate::secret::Cleartext;
use crate::sops::number::{go_float, parse_float};
use crate::stores::flat::{self, Line};

/// How values may be quoted, in order of preference: as sops does, which puts values with line
/// breaks between triple quotes, and such with `;` or `#` between backticks.
const ONE_LINE: [Style; 5] = [
    Style::Plain,
    Style::Double,
    BACKTICKS,
    Style::Literal,
    Style::Single,
];
/// The same for values with line breaks.
const LINES: [Style; 2] = [Style::Literal, BACKTICKS];

/// A value's text, in `style` if it can be. `tail` is what will follow it on its line.
pub(super) fn value(value: &Value, style: Style, tail: &str) -> Result<Cleartext, &'static str> {
    let bytes = value.bytes.as_bytes();
    let text = match value.kind {
        Kind::Str | Kind::Int | Kind::Time | Kind::Bytes => value.bytes.duplicate(),
        Kind::Float => Cleartext::from(go_float(parse_float(bytes).ok_or("this is not a number")?)),
        Kind::Bool => Cleartext::from(if bytes == b"True" { "true" } else { "false" }),
        Kind::Comment => return Err("a comment is not a value"),
    };
    let text = text
        .as_str()
        .ok_or("INI holds text only, and this value is not UTF-8")?;
    quoted(text, style, tail).ok_or("SOPS's INI reader knows no quotes that could hold this value")
}

/// A text in quotes, in `style` or else the first that reads back to the same.
fn quoted(text: &str, style: Style, tail: &str) -> Option<Cleartext> {
    let styles: &[Style] = if text.contains('\n') {
        &LINES
    } else {
        &ONE_LINE
    };
    std::iter::once(&style).chain(styles).find_map(|style| {
        let quote = match style {
            Style::Plain => "",
            Style::Single => "'",
            Style::Double => "\"",
            Style::Literal => "\"\"\"",
            Style::Folded => "`",
        };
        let mut line = Cleartext::with_capacity(text.len() + tail.len() + 8);
        for part in [quote, text, quote] {
            line.push(part.as_bytes());
        }
        let length = line.len();
        line.push(tail.as_bytes());
        line.push(b"\n");
        let found = read::value(line.as_str()?, 0).ok()?;
        let same = found.value.as_bytes() == text.as_bytes()
            && (found.span == (0..length) || length == 0)
            && found.next == line.len();
        line.truncate(length);
        same.then_some(line)
    })
}

/// A name's text, in quotes where it needs them.
pub(super) fn name(name: &str) -> Result<String, &'static str> {
    for quote in ["", "`", "\"", "\"\"\""] {
        let text = format!("{quote}{name}{quote}");
        let line = format!("{text} =\n");
        let begins = text.starts_with([';', '#', '[']) || text.trim_start().len() != text.len();
        if begins || name.contains('\n') {
            continue;
        }
        match read::name(&line, 0..line.len()) {
            Ok(found) if found.text == name && found.span == (0..text.len()) => return Ok(text),
            Ok(_) | Err(_) => {}
        }
    }
    if name.is_empty() {
        Err("a name is missing")
    } else if name == "-" {
        Err("SOPS numbers a name of `-` and loses it")
    } else {
        Err("SOPS's INI reader knows no quotes that could hold this name")
    }
}

/// Whether a section can have this name.
pub(super) fn section(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        Err("a section's name is missing")
    } else if name.contains([']', '\n']) {
        Err("a section's name holds no `]` and no line break")
    } else {
        Ok(())
    }
}

/// How a section sets its lines out.
pub(super) struct Layout {
    /// The blanks before a name.
    pub(super) indent: String,
    /// The blanks before the delimiter.
    pad: usize,
    /// The column of the delimiter, counted from the name, where all lines share one.
    column: Option<usize>,
    /// The delimiter and the blanks after it.
    equals: String,
}

impl Layout {
    /// What sops writes: ` = `.
    pub(super) fn sops() -> Self {
        Self {
            indent: String::new(),
            pad: 1,
            column: None,
            equals: "= ".into(),
        }
    }

    /// The layout of a section whose names begin at `names`, in their order.
    pub(super) fn of(text: &str, names: &[usize]) -> Self {
        let mut layout = Self::sops();
        let lines: Vec<(usize, read::Name<'_>)> = names
            .iter()
            .filter_map(|&at| {
                let end = read::line_end(text, at);
                read::name(text, at..end).ok().map(|name| (at, name))
            })
            .collect();
        let Some((at, last)) = lines.last() else {
            return layout;
        };
        let start = slice(text, 0..*at)
            .rfind('\n')
            .map_or(0, |newline| newline + 1);
        layout.indent = String::from(indent(slice(text, start..*at)));
        let delimiter = last.value - 1;
        layout.pad = delimiter - last.span.end;
        let column = delimiter - at;
        let shared = lines.iter().all(|(at, name)| name.value - 1 - at == column);
        let lengths = |(at, name): &(usize, read::Name<'_>)| name.span.end - at;
        let differ = lines.windows(2).any(|pair| match pair {
            [a, b] => lengths(a) != lengths(b),
            _ => false,
        });
        layout.column = (shared && differ).then_some(column);
        let gap = lines.iter().rev().find_map(|(_, name)| {
            let line = slice(text, name.value..read::line_end(text, name.value));
            let value = line.trim_start_matches([' ', '\t']);
            (!value.trim_end().is_empty()).then(|| slice(line, 0..line.len() - value.len()))
        });
        let gap = gap.unwrap_or(if layout.pad > 0 { " " } else { "" });
        layout.equals = slice(text, delimiter..last.value).to_owned() + gap;
        layout
    }

    /// The blanks after the delimiter.
    pub(super) fn gap(&self) -> &str {
        self.equals.trim_start_matches(['=', ':'])
    }

    /// What stands before a value: the indentation, the name in its quotes, the delimiter.
    pub(super) fn lead(&self, name: &str) -> String {
        let pad = match self.column {
            Some(column) => column.saturating_sub(name.len()).max(1),
            None => self.pad,
        };
        format!("{}{name}{:pad$}{}", self.indent, "", self.equals)
    }
}

/// The blanks before the delimiter when a name of length `old` that had `pad` of them becomes one
/// of length `new`: an aligned delimiter stays in its column.
pub(super) fn padding(old: usize, pad: usize, new: usize) -> usize {
    if pad > 1 {
        (old + pad).saturating_sub(new).max(1)
    } else {
        pad
    }
}

/// Lines of metadata, their delimiters below one another.
pub(super) fn metadata(lines: &[Line], newline: &str) -> String {
    let names: Vec<String> = lines.iter().map(|line| metadata_name(&line.name)).collect();
    let width = names.iter().map(String::len).max().unwrap_or_default();
    let mut out = String::new();
    for (line, name) in lines.iter().zip(names) {
        // Writing into a String cannot fail.
        let _ = write!(
            out,
            "{newline}{name:width$} = {}",
            metadata_value(&line.value)
        );
    }
    out
}

/// The name of a line of metadata.
pub(super) fn metadata_name(text: &str) -> String {
    name(text).unwrap_or_else(|_| text.to_owned())
}

/// The value of a line of metadata: no secret, and on one line.
pub(super) fn metadata_value(text: &str) -> String {
    let text = flat::escape(text);
    let written = quoted(&text, Style::Plain, "");
    let written = written.as_ref().and_then(Cleartext::as_str);
    written.map_or_else(|| text.clone(), str::to_owned)
}
