//! Where things stand in the text of the rules, and the edits that change them.

use std::ops::Range;

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::{EditError, NewRecipient};
use crate::document::{Edit, splice};
use crate::rules::error::quoted;
use crate::rules::recipient::RecipientKind;
use crate::rules::starter::key as bare_key;

/// A list of names in the rules.
#[derive(Clone, Copy)]
pub(super) enum List<'a> {
    /// A group's members.
    Group(&'a str),
    /// The `recipients` of the `[[files]]` table with this number.
    Files(usize),
}

impl List<'_> {
    pub(super) fn of<'v>(&self, model: &'v mut Table) -> Option<&'v mut Vec<Value>> {
        let list = match self {
            Self::Group(name) => model.get_mut("groups")?.get_mut(name)?,
            Self::Files(at) => model
                .get_mut("files")?
                .get_mut(*at)?
                .get_mut("recipients")?,
        };
        list.as_array_mut()
    }

    pub(super) fn appended(&self, text: &str, name: &str) -> Result<String, EditError> {
        let table = parse(text)?;
        let table = table.get_ref();
        let list = match self {
            Self::Group(group) => table
                .get("groups")
                .and_then(|groups| groups.get_ref().get(*group)),
            Self::Files(at) => table
                .get("files")
                .and_then(|files| files.get_ref().get(*at))
                .and_then(|file| file.get_ref().get("recipients")),
        };
        let list = list.and_then(|list| Some((list.span(), list.get_ref().as_array()?)));
        let Some((span, items)) = list else {
            return Err(EditError::ByHand);
        };
        let items: Vec<Range<usize>> = items.iter().map(Spanned::span).collect();
        spliced(text, vec![appended(text, &span, &items, name)?])
    }
}

/// The edit that puts a name behind the last one of a list, in the list's own layout.
fn appended(
    text: &str,
    list: &Range<usize>,
    items: &[Range<usize>],
    name: &str,
) -> Result<Edit, EditError> {
    let end_item = items.last().ok_or(EditError::ByHand)?;
    let name = quoted(name);
    let before = text.get(..end_item.start).ok_or(EditError::ByHand)?;
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    let indent = before.get(line..).ok_or(EditError::ByHand)?;
    if line <= list.start || !indent.trim().is_empty() {
        // The last name does not begin a line.
        return Ok(Edit::new(end_item.end..end_item.end, format!(", {name}")));
    }
    let end = line_end(text, end_item.end);
    let rest = text.get(end_item.end..end).unwrap_or_default();
    let comma = rest.trim_start().starts_with(',');
    let newline = newline_of(text);
    if comma {
        return Ok(Edit::new(end..end, format!("{newline}{indent}{name},")));
    }
    // A comma, what stood behind the last name, and the new one on a line of its own.
    let closes = rest.trim_start().starts_with(']');
    let behind = if closes { "" } else { rest };
    let stop = if closes { end_item.end } else { end };
    Ok(Edit::new(
        end_item.end..stop,
        format!(",{behind}{newline}{indent}{name}"),
    ))
}

/// The text with the recipient's own table, behind the last one of the register.
pub(super) fn entered(text: &str, new: &NewRecipient<'_>) -> Result<String, EditError> {
    let table = parse(text)?;
    let newline = newline_of(text);
    let mut lines = vec![
        format!("[recipients.{}]", bare_key(new.name)),
        format!("{} = {}", new.kind.field(), quoted(new.key)),
    ];
    lines.extend((new.extras.role.iter()).map(|role| format!("role = {}", quoted(role))));
    lines.extend((new.extras.profile.iter()).map(|name| format!("profile = {}", quoted(name))));
    if !new.extras.context.is_empty() {
        let pairs = new.extras.context.iter();
        let pairs = pairs.map(|(name, value)| format!("{} = {}", bare_key(name), quoted(value)));
        let pairs: Vec<String> = pairs.collect();
        lines.push(format!("context = {{ {} }}", pairs.join(", ")));
    }
    lines.extend(new.owner.map(|owner| format!("owner = {}", quoted(owner))));
    lines.extend(new.expires.map(|day| format!("expires = {day}")));
    let entry = lines.join(newline);
    let end = table
        .get_ref()
        .get_key_value("recipients")
        .map(|(key, register)| last_byte(key.span().end, register));
    let Some(end) = end else {
        // Nobody is there yet.
        let text = text.trim_end();
        return Ok(format!("{text}{newline}{newline}{entry}{newline}"));
    };
    let at = line_end(text, end);
    spliced(
        text,
        vec![Edit::new(at..at, format!("{newline}{newline}{entry}"))],
    )
}

/// The text with another key in a recipient's entry.
pub(super) fn with_key(
    text: &str,
    name: &str,
    old: RecipientKind,
    new: RecipientKind,
    key: &str,
) -> Result<String, EditError> {
    let table = parse(text)?;
    let found = table
        .get_ref()
        .get("recipients")
        .and_then(|register| register.get_ref().get(name))
        .and_then(|entry| entry.get_ref().as_table())
        .and_then(|entry| entry.get_key_value(old.field()));
    let Some((field, value)) = found else {
        return Err(EditError::ByHand);
    };
    let edits = vec![
        Edit::new(field.span(), new.field()),
        Edit::new(value.span(), quoted(key)),
    ];
    spliced(text, edits)
}

/// The text without the first mention of a name in a list; `None` if there is none.
pub(super) fn without_one(text: &str, name: &str) -> Result<Option<String>, EditError> {
    let table = parse(text)?;
    let mut lists: Vec<&Spanned<DeValue<'_>>> = Vec::new();
    if let Some(groups) = table
        .get_ref()
        .get("groups")
        .and_then(|groups| groups.get_ref().as_table())
    {
        lists.extend(groups.values());
    }
    let files = table.get_ref().get("files");
    for file in files
        .and_then(|files| files.get_ref().as_array())
        .into_iter()
        .flatten()
    {
        lists.extend(file.get_ref().get("recipients"));
        let groups = file.get_ref().get("key_groups");
        lists.extend(
            groups
                .and_then(|groups| groups.get_ref().as_array())
                .into_iter()
                .flatten(),
        );
    }
    for list in lists {
        let Some(items) = list.get_ref().as_array() else {
            continue;
        };
        let at = items
            .iter()
            .position(|item| item.get_ref().as_str() == Some(name));
        if let Some(at) = at {
            // The last one goes with its group.
            if items.len() == 1 {
                continue;
            }
            let spans: Vec<Range<usize>> = items.iter().map(Spanned::span).collect();
            let edit = taken_out(text, &spans, at).ok_or(EditError::ByHand)?;
            return spliced(text, vec![edit]).map(Some);
        }
    }
    Ok(None)
}

/// The edit that takes a name out of a list of several.
fn taken_out(text: &str, items: &[Range<usize>], at: usize) -> Option<Edit> {
    let item = items.get(at)?;
    let start = text.get(..item.start)?.rfind('\n').map_or(0, |at| at + 1);
    let end = line_end(text, item.end);
    let lead = text.get(start..item.start)?;
    let rest = text.get(item.end..end)?.trim_start();
    let rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    if lead.trim().is_empty() && start > 0 && (rest.is_empty() || rest.starts_with('#')) {
        // It has a line of its own, and a comment there is about it.
        let end = (end + newline_of(text).len()).min(text.len());
        return Some(Edit::new(start..end, ""));
    }
    match (
        at.checked_sub(1).and_then(|before| items.get(before)),
        items.get(at + 1),
    ) {
        (Some(before), _) => Some(Edit::new(before.end..item.end, "")),
        (None, Some(after)) => Some(Edit::new(item.start..after.start, "")),
        (None, None) => None,
    }
}

/// The text without an entry of a table: its own section, or its lines.
pub(super) fn without_entry(text: &str, table: &str, name: &str) -> Result<String, EditError> {
    let parsed = parse(text)?;
    let entry = parsed
        .get_ref()
        .get(table)
        .and_then(|table| table.get_ref().as_table())
        .and_then(|table| table.get_key_value(name))
        .ok_or(EditError::ByHand)?;
    let (key, value) = entry;
    let line = |at: usize| {
        text.get(..at)
            .and_then(|text| text.rfind('\n'))
            .map_or(0, |at| at + 1)
    };
    let newline = newline_of(text).len();
    let below = |end: usize| (line_end(text, end) + newline).min(text.len());
    let is_section = text
        .get(value.span())
        .is_some_and(|text| text.starts_with('['))
        && value.get_ref().is_table();
    let is_dotted = value.get_ref().is_table() && value.span() == key.span();
    let mut edits = Vec::new();
    if is_dotted {
        for (_, field) in value.get_ref().as_table().into_iter().flatten() {
            let span = field.span();
            edits.push(Edit::new(line(span.start)..below(span.end), ""));
        }
        return spliced(text, edits);
    }
    let mut range = line(key.span().start)..below(last_byte(value.span().end, value));
    if is_section {
        range.start = with_comment(text, range.start, name);
        // One blank line is enough where two meet.
        let before = text.get(..range.start).unwrap_or_default();
        let blank = |line: &str| line.trim().is_empty();
        if before.lines().next_back().is_none_or(blank) {
            let after = text.get(range.end..).unwrap_or_default();
            let blanks = after.split_inclusive('\n').take_while(|line| blank(line));
            range.end += blanks.map(str::len).sum::<usize>();
        }
    }
    edits.push(Edit::new(range, ""));
    spliced(text, edits)
}

/// Where the comment begins that stands right above a section and names whom it is about.
fn with_comment(text: &str, section: usize, name: &str) -> usize {
    let mut start = section;
    let before = text.get(..section).unwrap_or_default();
    for line in before.split_inclusive('\n').rev() {
        if !line.trim_start().starts_with('#') {
            break;
        }
        start -= line.len();
    }
    let comment = text.get(start..section).unwrap_or_default().to_lowercase();
    let inside = |c: char| c.is_alphanumeric() || "-_.@".contains(c);
    let mut words = comment.split(|c: char| !inside(c));
    if words.any(|word| word.trim_matches('.') == name.to_lowercase()) {
        start
    } else {
        section
    }
}

/// The end of the last thing in a value, tables below it included.
fn last_byte(end: usize, value: &Spanned<DeValue<'_>>) -> usize {
    let inside = match value.get_ref() {
        DeValue::Table(table) => table
            .iter()
            .map(|(key, value)| last_byte(key.span().end, value))
            .max(),
        _ => None,
    };
    inside.unwrap_or(0).max(value.span().end).max(end)
}

/// The end of the line in which a byte stands, its line break not included.
fn line_end(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let length = rest.find('\n').unwrap_or(rest.len());
    let line = rest.get(..length).unwrap_or_default();
    at + line.strip_suffix('\r').unwrap_or(line).len()
}

fn newline_of(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

fn spliced(text: &str, edits: Vec<Edit>) -> Result<String, EditError> {
    let new = splice(text.as_bytes(), edits).ok_or(EditError::ByHand)?;
    new.as_str().map(str::to_owned).ok_or(EditError::ByHand)
}

fn parse(text: &str) -> Result<Spanned<DeTable<'_>>, EditError> {
    DeTable::parse(text).map_err(|_| EditError::ByHand)
}
