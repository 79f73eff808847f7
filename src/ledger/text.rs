//! An event's text: TOML, in one spelling.
//!
//! Twenty thousand events are read at a time, so what is spelled as mvx spells it is read here,
//! line by line; everything else is left to the TOML library. Both hand the same fields to the same
//! [`Draft`], and whatever the way, the event must have the id that belongs to it.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::event::{Action, Change, Entry, Event, EventError, VERSION};
use super::fingerprint::Fingerprint;
use super::id::Id;

/// Writes an event; without its id, what the id is a hash of.
pub(super) fn write(event: &Event, id: Option<Id>) -> String {
    let mut text = String::with_capacity(512);
    let _ = writeln!(text, "version = {VERSION}");
    if let Some(id) = id {
        let _ = writeln!(text, "id = \"{id}\"");
    }
    let _ = writeln!(text, "at = {}", event.at);
    line(&mut text, "actor", &event.actor);
    line(&mut text, "action", event.action.word());
    line(&mut text, "file", &event.file);
    let optional = |text: &mut String, name, value: &Option<String>| {
        if let Some(value) = value {
            line(text, name, value);
        }
    };
    optional(&mut text, "environment", &event.environment);
    if let [only] = event.values.as_slice() {
        change(&mut text, only);
    }
    if !event.recipients.is_empty() {
        let all: Vec<String> = event.recipients.iter().map(|who| quoted(who)).collect();
        let _ = writeln!(text, "recipients = [{}]", all.join(", "));
    }
    optional(&mut text, "reason", &event.reason);
    optional(&mut text, "owner", &event.owner);
    if let Some(until) = event.grace_until {
        let _ = writeln!(text, "grace_until = {until}");
    }
    optional(&mut text, "note", &event.note);
    if event.out_of_order {
        text.push_str("out_of_order = true\n");
    }
    if event.values.len() > 1 {
        for value in &event.values {
            text.push_str("\n[[values]]\n");
            change(&mut text, value);
        }
    }
    text
}

/// The id that belongs to an event.
pub(super) fn id(event: &Event) -> Id {
    Id::of(&[write(event, None).as_bytes()])
}

/// Reads an event.
pub(super) fn read(text: &str) -> Result<Entry, EventError> {
    let draft = match plain(text) {
        Some(draft) => draft,
        None => any_toml(text)?,
    };
    let (id, event) = draft.finish()?;
    // What mvx wrote need not be written anew to be compared.
    let (before, rest) = text.split_once("\nid = \"").unwrap_or((text, ""));
    let behind = rest.split_once('\n').map_or("", |(_, behind)| behind);
    let as_it_stands = Id::of(&[before.as_bytes(), b"\n", behind.as_bytes()]);
    if id != as_it_stands && id != self::id(&event) {
        return Err(EventError::Edited);
    }
    event.check()?;
    Ok(Entry { id, event })
}

fn change(text: &mut String, change: &Change) {
    line(text, "key", &change.key);
    if let Some(from) = &change.from_key {
        line(text, "from_key", from);
    }
    if let Some(from) = &change.from_file {
        line(text, "from_file", from);
    }
    ids(text, "rotated_from", &change.rotated_from);
    ids(text, "replaces", &change.replaces);
    if let Some(restores) = change.restores {
        let _ = writeln!(text, "restores = \"{restores}\"");
    }
    if let Some(fingerprint) = change.fingerprint {
        let _ = writeln!(text, "fingerprint = \"{fingerprint}\"");
    }
}

/// One id, or a list of them.
fn ids(text: &mut String, name: &str, ids: &[Id]) {
    match ids {
        [] => {}
        [one] => {
            let _ = writeln!(text, "{name} = \"{one}\"");
        }
        several => {
            let all: Vec<String> = several.iter().map(|id| format!("\"{id}\"")).collect();
            let _ = writeln!(text, "{name} = [{}]", all.join(", "));
        }
    }
}

fn line(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "{name} = {}", quoted(value));
}

/// A basic string. What steers a terminal or turns the direction of writing is escaped, so that a
/// reviewer sees what stands there.
fn quoted(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() || is_invisible(c) => {
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Unicode's marks of direction and characters without width.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// A field's value.
enum Field {
    Text(String),
    Time(Timestamp),
    Number(i64),
    Yes(bool),
    List(Vec<String>),
}

/// The texts of an event's fields, as they come.
#[derive(Default)]
struct Draft {
    version: Option<i64>,
    id: Option<Id>,
    at: Option<Timestamp>,
    actor: Option<String>,
    action: Option<Action>,
    file: Option<String>,
    environment: Option<String>,
    recipients: Option<Vec<String>>,
    reason: Option<String>,
    owner: Option<String>,
    grace_until: Option<Timestamp>,
    note: Option<String>,
    out_of_order: Option<bool>,
    /// The value whose fields stand among the event's own.
    only: ChangeDraft,
    /// Those of `[[values]]`.
    values: Vec<ChangeDraft>,
}

#[derive(Default)]
struct ChangeDraft {
    key: Option<String>,
    from_key: Option<String>,
    from_file: Option<String>,
    rotated_from: Option<Vec<Id>>,
    replaces: Option<Vec<Id>>,
    restores: Option<Id>,
    fingerprint: Option<Fingerprint>,
}

impl Draft {
    /// Takes a field of the event itself.
    fn take(&mut self, name: &str, field: Field) -> Result<(), EventError> {
        match name {
            "version" => put("version", &mut self.version, number(&field)),
            "id" => put(
                "id",
                &mut self.id,
                text(field).and_then(|id| Id::parse(&id)),
            ),
            "at" => put("at", &mut self.at, time(&field)),
            "actor" => put("actor", &mut self.actor, text(field)),
            "action" => {
                let action = text(field).and_then(|word| Action::from_word(&word));
                put("action", &mut self.action, action)
            }
            "file" => put("file", &mut self.file, text(field)),
            "environment" => put("environment", &mut self.environment, text(field)),
            "recipients" => put("recipients", &mut self.recipients, list(field)),
            "reason" => put("reason", &mut self.reason, text(field)),
            "owner" => put("owner", &mut self.owner, text(field)),
            "grace_until" => put("grace_until", &mut self.grace_until, time(&field)),
            "note" => put("note", &mut self.note, text(field)),
            "out_of_order" => {
                let yes = match field {
                    Field::Yes(true) => Some(true),
                    _ => None,
                };
                put("out_of_order", &mut self.out_of_order, yes)
            }
            _ => self.only.take(name, field),
        }
    }

    fn finish(self) -> Result<(Id, Event), EventError> {
        let missing = EventError::Missing;
        match self.version {
            Some(VERSION) => {}
            Some(newer) => return Err(EventError::Newer(newer)),
            None => return Err(missing("version")),
        }
        let mut values = Vec::with_capacity(self.values.len().max(1));
        if self.only.key.is_some() {
            if !self.values.is_empty() {
                return Err(EventError::BadField("key"));
            }
            values.push(self.only.finish()?);
        } else if !self.only.is_empty() {
            return Err(missing("key"));
        }
        for value in self.values {
            values.push(value.finish()?);
        }
        let event = Event {
            at: self.at.ok_or(missing("at"))?,
            actor: self.actor.ok_or(missing("actor"))?,
            action: self.action.ok_or(missing("action"))?,
            file: self.file.ok_or(missing("file"))?,
            environment: self.environment,
            values,
            recipients: self.recipients.unwrap_or_default(),
            reason: self.reason,
            owner: self.owner,
            grace_until: self.grace_until,
            note: self.note,
            out_of_order: self.out_of_order.is_some(),
        };
        Ok((self.id.ok_or(missing("id"))?, event))
    }
}

impl ChangeDraft {
    fn take(&mut self, name: &str, field: Field) -> Result<(), EventError> {
        match name {
            "key" => put("key", &mut self.key, text(field)),
            "from_key" => put("from_key", &mut self.from_key, text(field)),
            "from_file" => put("from_file", &mut self.from_file, text(field)),
            "rotated_from" => put("rotated_from", &mut self.rotated_from, some_ids(field)),
            "replaces" => put("replaces", &mut self.replaces, some_ids(field)),
            "restores" => {
                let id = text(field).and_then(|id| Id::parse(&id));
                put("restores", &mut self.restores, id)
            }
            "fingerprint" => {
                let fingerprint = text(field).and_then(|text| Fingerprint::parse(&text));
                put("fingerprint", &mut self.fingerprint, fingerprint)
            }
            _ => Err(EventError::UnknownField),
        }
    }

    fn is_empty(&self) -> bool {
        self.from_key.is_none()
            && self.from_file.is_none()
            && self.rotated_from.is_none()
            && self.replaces.is_none()
            && self.restores.is_none()
            && self.fingerprint.is_none()
    }

    fn finish(self) -> Result<Change, EventError> {
        Ok(Change {
            key: self.key.ok_or(EventError::Missing("key"))?,
            from_key: self.from_key,
            from_file: self.from_file,
            rotated_from: self.rotated_from.unwrap_or_default(),
            replaces: self.replaces.unwrap_or_default(),
            restores: self.restores,
            fingerprint: self.fingerprint,
        })
    }
}

/// Fills a field, which may not stand there twice.
fn put<T>(name: &'static str, place: &mut Option<T>, value: Option<T>) -> Result<(), EventError> {
    if value.is_none() || place.is_some() {
        return Err(EventError::BadField(name));
    }
    *place = value;
    Ok(())
}

fn text(field: Field) -> Option<String> {
    match field {
        Field::Text(text) => Some(text),
        _ => None,
    }
}

fn number(field: &Field) -> Option<i64> {
    match field {
        Field::Number(number) => Some(*number),
        _ => None,
    }
}

fn time(field: &Field) -> Option<Timestamp> {
    match field {
        Field::Time(time) => Some(*time),
        _ => None,
    }
}

fn some_ids(field: Field) -> Option<Vec<Id>> {
    let ids = match field {
        Field::Text(one) => vec![one],
        field => list(field)?,
    };
    ids.iter().map(|id| Id::parse(id)).collect()
}

fn list(field: Field) -> Option<Vec<String>> {
    match field {
        Field::List(all) => Some(all),
        _ => None,
    }
}

/// Reads what is spelled as mvx spells it; `None` where anything is not, or is wrong.
fn plain(text: &str) -> Option<Draft> {
    let mut draft = Draft::default();
    let mut in_values = false;
    for line in text.strip_suffix('\n')?.split('\n') {
        if line.is_empty() {
            continue;
        }
        if line == "[[values]]" {
            in_values = true;
            draft.values.push(ChangeDraft::default());
            continue;
        }
        let (name, value) = line.split_once(" = ")?;
        let field = plain_value(value)?;
        let taken = match draft.values.last_mut() {
            Some(value) if in_values => value.take(name, field),
            _ => draft.take(name, field),
        };
        taken.ok()?;
    }
    Some(draft)
}

fn plain_value(value: &str) -> Option<Field> {
    if value == "true" {
        return Some(Field::Yes(true));
    }
    if value.starts_with('"') {
        return plain_string(value).map(|text| Field::Text(text.to_owned()));
    }
    if let Some(items) = value.strip_prefix('[') {
        let items = items.strip_suffix(']')?.split(", ");
        let items: Option<Vec<String>> = items
            .map(|item| plain_string(item).map(str::to_owned))
            .collect();
        return items.map(Field::List);
    }
    if value.len() == "2026-11-22T09:30:00Z".len() && value.ends_with('Z') {
        return value.parse().ok().map(Field::Time);
    }
    match value {
        "1" => Some(Field::Number(1)),
        _ => None,
    }
}

/// A string in which nothing is escaped.
fn plain_string(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('"')?.strip_suffix('"')?;
    let plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\' && byte != 0x7f;
    inside.bytes().all(plain).then_some(inside)
}

/// Reads any other spelling.
fn any_toml(text: &str) -> Result<Draft, EventError> {
    let table: toml::Table = text.parse().map_err(|_| EventError::NotToml)?;
    let mut draft = Draft::default();
    for (name, value) in table {
        match (name.as_str(), value) {
            ("values", toml::Value::Array(values)) => {
                for value in values {
                    let toml::Value::Table(value) = value else {
                        return Err(EventError::BadField("values"));
                    };
                    let mut change = ChangeDraft::default();
                    for (name, value) in value {
                        change.take(&name, field_of(value)?)?;
                    }
                    draft.values.push(change);
                }
            }
            (name, value) => draft.take(name, field_of(value)?)?,
        }
    }
    Ok(draft)
}

fn field_of(value: toml::Value) -> Result<Field, EventError> {
    use toml::Value;
    let strange = EventError::UnknownField;
    Ok(match value {
        Value::String(text) => Field::Text(text),
        Value::Integer(number) => Field::Number(number),
        Value::Boolean(yes) => Field::Yes(yes),
        // With an offset, and in UTC by the id's own spelling.
        Value::Datetime(time) => Field::Time(time.to_string().parse().map_err(|_| strange)?),
        Value::Array(items) => {
            let texts = items.into_iter().map(|item| match item {
                Value::String(text) => Some(text),
                _ => None,
            });
            Field::List(texts.collect::<Option<_>>().ok_or(strange)?)
        }
        Value::Float(_) | Value::Table(_) => return Err(strange),
    })
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
