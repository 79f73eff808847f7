//! Docker Compose, whose reader is godotenv's with changes. `KEY: value` is read too, `$$` is a
//! dollar, and what it cannot read makes it give up.

use super::cursor::{Cursor, is_reference};
use super::{Assignment, Reading, Refusal};
use crate::secret::Cleartext;

pub(super) fn scan(text: &str) -> Result<Reading, Refusal> {
    let mut reading = Reading::default();
    let mut cursor = Cursor::new(text);
    loop {
        cursor.eat_while(char::is_whitespace);
        let start = cursor.at();
        match cursor.peek() {
            None => return Ok(reading),
            Some('#') => {
                cursor.skip_line();
                continue;
            }
            Some(_) => {}
        }
        let mut ahead = cursor;
        if ahead.eat("export") && !ahead.eat_while(is_blank).is_empty() {
            cursor = ahead;
        }
        let name = cursor.eat_while(|c| is_blank(c) || is_name(c));
        let name = name.trim_end();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(Refusal::new(
                start,
                None,
                "what stands before the `=` is no name",
            ));
        }
        match cursor.bump() {
            None | Some('\n') => {
                reading.unset.push(start);
                continue;
            }
            Some('=' | ':') => {}
            Some(_) => {
                return Err(Refusal::new(
                    start,
                    None,
                    "what stands before the `=` is no name",
                ));
            }
        }
        let blanks = cursor.eat_while(is_blank);
        let mut value = Expanded::default();
        match cursor.peek() {
            Some('#') if !blanks.is_empty() => {}
            Some(quote @ ('\'' | '"')) => {
                quoted(&mut cursor, quote, &mut value).ok_or_else(|| {
                    Refusal::new(start, Some(name), "a quote is opened and not closed")
                })?;
            }
            _ => {
                let begin = cursor.at();
                let line = cursor.skip_line();
                let value_end = line.find(" #").unwrap_or(line.len());
                let line = line.get(..value_end).unwrap_or_default().trim_end();
                value.push_expanding(line);
                cursor.go_to(begin + line.len());
                let end = cursor.at();
                cursor.skip_line();
                reading.found.push(value.into_raw(name, start, end));
                continue;
            }
        }
        let end = cursor.at();
        reading.found.push(value.into_raw(name, start, end));
    }
}

/// A value on its way.
#[derive(Default)]
struct Expanded {
    value: Cleartext,
    reference: bool,
}

impl Expanded {
    fn into_raw(self, name: &str, start: usize, end: usize) -> Assignment {
        Assignment {
            name: name.into(),
            value: self.value,
            start,
            end,
            reference: self.reference,
        }
    }

    /// Adds text in which `$$` is a dollar and other dollars are references.
    fn push_expanding(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            let (before, from) = rest.split_at(at);
            self.value.push(before.as_bytes());
            self.value.push(b"$");
            let doubled = from.starts_with("$$");
            self.reference |= !doubled && is_reference(from);
            rest = from.get(if doubled { 2 } else { 1 }..).unwrap_or_default();
        }
        self.value.push(rest.as_bytes());
    }
}

/// The text in quotes at the cursor, which goes behind it; `None` where it is not closed.
fn quoted(cursor: &mut Cursor<'_>, quote: char, value: &mut Expanded) -> Option<()> {
    cursor.bump();
    loop {
        let start = cursor.at();
        match cursor.bump()? {
            c if c == quote => return Some(()),
            '\\' => {
                if cursor.peek() == Some(quote) {
                    cursor.bump();
                    value.value.push(&[quote as u8]);
                } else if quote == '"' {
                    escape(cursor, start, value);
                } else {
                    value.value.push(b"\\");
                }
            }
            '$' if quote == '"' => {
                let rest = cursor.rest();
                if rest.starts_with('$') {
                    cursor.bump();
                    value.value.push(b"$");
                } else {
                    cursor.go_to(start);
                    value.reference |= is_reference(cursor.rest());
                    cursor.bump();
                    value.value.push(b"$");
                }
            }
            _ => value.value.push(cursor.since(start).as_bytes()),
        }
    }
}

/// What stands for a backslash (at `start`) and what follows it in double quotes.
fn escape(cursor: &mut Cursor<'_>, start: usize, value: &mut Expanded) {
    let byte = match cursor.peek() {
        Some('a') => 7,
        Some('b') => 8,
        Some('f') => 12,
        Some('n') => b'\n',
        Some('r') => b'\r',
        Some('t') => b'\t',
        Some('v') => 11,
        Some(c @ ('\\' | '$')) => c as u8,
        _ => {
            value.value.push(cursor.since(start).as_bytes());
            return;
        }
    };
    cursor.bump();
    value.value.push(&[byte]);
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || "_.-[]".contains(c)
}

/// White space but line breaks, as Go's parser has it.
fn is_blank(c: char) -> bool {
    matches!(
        c,
        '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}'
    )
}
