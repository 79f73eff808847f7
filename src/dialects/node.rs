//! npm's dotenv, whose whole grammar is one regular expression and its way of trying again; and
//! dotenv-expand on top of it.
//!
//! A value in quotes ends at the last quote that can end it; where none can, the quote is part of
//! a value without quotes, which ends at the first `#` or line break. A backslash before a quote
//! stays. Lines that do not fit are passed over.

use super::cursor::Cursor;
use super::{Assignment, Reading};
use crate::secret::Cleartext;

pub(super) fn scan(text: &str) -> Reading {
    let mut reading = Reading::default();
    let mut cursor = Cursor::new(text);
    while !cursor.rest().is_empty() {
        // Blanks and line breaks before a name do not count.
        cursor.eat_while(is_space);
        if cursor.rest().is_empty() {
            break;
        }
        let start = cursor.at();
        if cursor.peek() == Some('#') {
            cursor.eat_while(|c| !is_break(c));
            continue;
        }
        if let Some(raw) = entry(&mut cursor) {
            reading.found.push(raw);
        } else {
            reading.unread.push(start);
            cursor.go_to(start);
        }
        cursor.eat_while(|c| !is_break(c));
    }
    reading
}

pub(super) fn scan_expanding(text: &str) -> Reading {
    let mut reading = scan(text);
    for raw in &mut reading.found {
        raw.reference = expands(raw.value.as_str().unwrap_or_default());
        raw.value = without_escapes(raw.value.as_bytes());
    }
    reading
}

/// dotenvx: as [`scan_expanding`], but for what stands in single quotes.
pub(super) fn scan_dotenvx(text: &str) -> Reading {
    let mut reading = scan(text);
    for raw in &mut reading.found {
        let written = text.get(raw.start..raw.end).unwrap_or_default();
        let spelled = written.split_once('=').map_or("", |(_, spelled)| spelled);
        if !spelled.trim_start_matches(is_space).starts_with('\'') {
            let value = raw.value.as_str().unwrap_or_default();
            raw.reference = expands(value) || value.contains("$(");
            raw.value = without_escapes(raw.value.as_bytes());
        }
    }
    reading
}

/// The name and value at the cursor, which goes to the value's end.
fn entry(cursor: &mut Cursor<'_>) -> Option<Assignment> {
    let start = cursor.at();
    let mut ahead = *cursor;
    let exported = ahead.eat("export") && !ahead.eat_while(is_space).is_empty();
    let after_export = exported.then_some(ahead);
    for mut ahead in after_export.into_iter().chain([*cursor]) {
        let name = ahead.eat_while(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        if name.is_empty() {
            continue;
        }
        let mut equals = ahead;
        equals.eat_while(is_space);
        if equals.eat("=") {
            ahead = equals;
        } else if !(ahead.eat(":") && ahead.peek().is_some_and(is_space)) {
            continue;
        } else {
            ahead.bump();
        }
        let value = value(&mut ahead);
        let raw = Assignment {
            name: name.into(),
            value,
            start,
            end: ahead.at(),
            reference: false,
        };
        *cursor = ahead;
        return Some(raw);
    }
    None
}

fn value(cursor: &mut Cursor<'_>) -> Cleartext {
    let mut quoted = *cursor;
    quoted.eat_while(is_space);
    if let Some(quote @ ('\'' | '"' | '`')) = quoted.peek()
        && let Some(length) = quoted_length(quoted.rest(), quote)
    {
        let inner = quoted.rest().get(1..length - 1).unwrap_or_default();
        quoted.go_to(quoted.at() + length);
        *cursor = quoted;
        return finish(inner, quote == '"');
    }
    let line = cursor.eat_while(|c| !matches!(c, '#' | '\n' | '\r'));
    let line = line.trim_matches(is_space);
    let first = line.chars().next();
    let inner = first
        .filter(|quote| matches!(quote, '\'' | '"' | '`'))
        .and_then(|quote| line.strip_prefix(quote)?.strip_suffix(quote));
    finish(inner.unwrap_or(line), first == Some('"'))
}

/// How long a text in quotes is at the beginning of `rest`, quotes included; `None` where no quote
/// that could end it is followed by the end of the line or a comment.
fn quoted_length(rest: &str, quote: char) -> Option<usize> {
    let bytes = rest.as_bytes();
    let mut escaped = Vec::new();
    let mut end = None;
    for at in memchr::memchr_iter(quote as u8, bytes).skip(1) {
        if bytes.get(at - 1) == Some(&b'\\') {
            escaped.push(at);
        } else {
            end = Some(at);
            break;
        }
    }
    // The last that fits counts.
    end.into_iter()
        .chain(escaped.into_iter().rev())
        .find(|at| ends_entry(rest.get(at + 1..).unwrap_or_default()))
        .map(|at| at + 1)
}

/// Whether an entry may end before `rest`.
fn ends_entry(rest: &str) -> bool {
    let after = rest.trim_start_matches(|c| is_space(c) && !is_break(c));
    after.is_empty() || after.starts_with('#') || after.starts_with(is_break)
}

/// Line breaks are LF to dotenv, and so are `\n` and `\r` written out in double quotes.
fn finish(text: &str, double: bool) -> Cleartext {
    let mut out = Cleartext::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\r', '\\']) {
        let (before, from) = rest.split_at(at);
        out.push(before.as_bytes());
        let (new, used): (&[u8], usize) = match from.as_bytes() {
            [b'\r', b'\n', ..] => (b"\n", 2),
            [b'\r', ..] => (b"\n", 1),
            [b'\\', b'n', ..] if double => (b"\n", 2),
            [b'\\', b'r', ..] if double => (b"\r", 2),
            _ => (b"\\", 1),
        };
        out.push(new);
        rest = from.get(used..).unwrap_or_default();
    }
    out.push(rest.as_bytes());
    out
}

/// Whether dotenv-expand puts something in the place of a part: `$NAME` or `${…}` without a
/// backslash before it.
pub(super) fn expands(value: &str) -> bool {
    value.match_indices('$').any(|(at, _)| {
        let escaped = value.get(..at).is_some_and(|before| before.ends_with('\\'));
        let after = value.get(at + 1..).unwrap_or_default();
        let braced = || {
            let inner = after.strip_prefix('{')?;
            let end = inner.find(['{', '}'])?;
            (end > 0 && inner.get(end..)?.starts_with('}')).then_some(())
        };
        let named = after.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        !escaped && (named || braced().is_some())
    })
}

/// `\$` is `$`.
fn without_escapes(value: &[u8]) -> Cleartext {
    let mut out = Cleartext::with_capacity(value.len());
    let mut done = 0;
    for at in memchr::memmem::find_iter(value, b"\\$") {
        out.push(value.get(done..at).unwrap_or_default());
        done = at + 1;
    }
    out.push(value.get(done..).unwrap_or_default());
    out
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r')
}

/// JavaScript's white space (ECMA-262, 22.2.2.9), its byte-order mark included.
fn is_space(c: char) -> bool {
    c == '\u{feff}' || (c.is_whitespace() && c != '\u{85}')
}
