//! What most readers agree on, read strictly: single quotes take everything as it stands, double
//! quotes know `\n \r \t \" \\ \$` and a backslash before a backtick, backticks take everything,
//! and a value without quotes goes to the end of the line or to a `#` behind a blank. `KEY: value`
//! and the shell's `'it'\''s'` are known. What fits nothing of this is refused.

use super::cursor::{Cursor, is_blank, is_reference};
use super::shell::Word;
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
        let exported = {
            cursor.eat_export();
            cursor.at() > start
        };
        let name = cursor.eat_while(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        let sound = |c: char| c.is_ascii_alphabetic() || c == '_';
        if !name.starts_with(sound) {
            return Err(Refusal::new(
                start,
                None,
                "this is neither a comment nor of the form NAME=value",
            ));
        }
        let blanks = cursor.eat_while(is_blank);
        let colon = || {
            let mut ahead = cursor;
            let fits =
                blanks.is_empty() && ahead.eat(":") && ahead.peek().is_none_or(char::is_whitespace);
            fits.then_some(ahead)
        };
        if let Some(ahead) = colon() {
            cursor = ahead;
        } else if !cursor.eat("=") {
            if exported && matches!(cursor.peek(), None | Some('\r' | '\n')) {
                reading.unset.push(start);
                continue;
            }
            return Err(Refusal::new(
                start,
                None,
                "this is neither a comment nor of the form NAME=value",
            ));
        }
        let value = value(&mut cursor).map_err(|why| Refusal::new(start, Some(name), why))?;
        reading.found.push(Assignment {
            name: name.into(),
            value: value.text,
            start,
            end: cursor.at(),
            reference: value.reference,
        });
        cursor.skip_line();
    }
}

/// A value on its way.
#[derive(Default)]
struct Found {
    text: Cleartext,
    reference: bool,
}

fn value(cursor: &mut Cursor<'_>) -> Result<Found, &'static str> {
    let blanks = cursor.eat_while(is_blank);
    match cursor.peek() {
        Some('#') if !blanks.is_empty() => Ok(Found::default()),
        Some(quote @ ('\'' | '"')) => {
            let mut plain = *cursor;
            if let Some(found) = quoted(&mut plain, quote)
                && ends(plain)
            {
                *cursor = plain;
                return Ok(found);
            }
            let mut shell = *cursor;
            let mut word = Word::default();
            if word.read(&mut shell, 0).is_ok() && ends(shell) {
                *cursor = shell;
                return Ok(Found {
                    text: word.value,
                    reference: word.reference,
                });
            }
            let mut escaped = *cursor;
            if quote == '\''
                && let Some(found) = single_escaped(&mut escaped)
                && ends(escaped)
            {
                *cursor = escaped;
                return Ok(found);
            }
            Err(
                "its quotes do not close where the value ends; programs read it differently, so say which one reads this file",
            )
        }
        Some('`') => {
            let mut quoted = *cursor;
            quoted.bump();
            let inner = quoted.eat_while(|c| c != '`');
            if quoted.eat("`") && ends(quoted) {
                *cursor = quoted;
                return Ok(Found {
                    text: inner.into(),
                    reference: false,
                });
            }
            Ok(unquoted(cursor))
        }
        _ => Ok(unquoted(cursor)),
    }
}

fn unquoted(cursor: &mut Cursor<'_>) -> Found {
    let start = cursor.at();
    let line = cursor.eat_while(|c| c != '\n');
    let comment = line.match_indices('#').map(|(at, _)| at).find(|at| {
        line.get(..*at)
            .is_some_and(|before| before.ends_with(is_blank))
    });
    let value = line
        .get(..comment.unwrap_or(line.len()))
        .unwrap_or_default();
    let value = value.trim_end();
    cursor.go_to(start + value.len());
    let dollar = value
        .match_indices('$')
        .any(|(at, _)| is_reference(value.get(at..).unwrap_or_default()));
    Found {
        text: value.into(),
        reference: dollar,
    }
}

/// A text in single or double quotes; `None` where it is not closed.
fn quoted(cursor: &mut Cursor<'_>, quote: char) -> Option<Found> {
    cursor.bump();
    let mut found = Found::default();
    loop {
        let start = cursor.at();
        match cursor.bump()? {
            c if c == quote => return Some(found),
            '\\' if quote == '"' => {
                let byte = match cursor.peek() {
                    Some('n') => b'\n',
                    Some('r') => b'\r',
                    Some('t') => b'\t',
                    Some(c @ ('"' | '\\' | '$' | '`')) => c as u8,
                    _ => {
                        found.text.push(b"\\");
                        continue;
                    }
                };
                cursor.bump();
                found.text.push(&[byte]);
            }
            // A file from Windows means the same lines.
            '\r' if cursor.peek() == Some('\n') => {}
            c => {
                let text = cursor.since(start);
                if c == '$' && quote == '"' {
                    cursor.go_to(start);
                    found.reference |= is_reference(cursor.rest());
                    cursor.bump();
                }
                found.text.push(text.as_bytes());
            }
        }
    }
}

/// A text in single quotes in which `\'` is a quote.
fn single_escaped(cursor: &mut Cursor<'_>) -> Option<Found> {
    cursor.bump();
    let mut found = Found::default();
    loop {
        let start = cursor.at();
        match cursor.bump()? {
            '\'' => return Some(found),
            '\\' if cursor.eat("'") => found.text.push(b"'"),
            _ => found.text.push(cursor.since(start).as_bytes()),
        }
    }
}

/// Whether nothing but blanks and a comment stand before the end of the line.
fn ends(mut cursor: Cursor<'_>) -> bool {
    let blanks = cursor.eat_while(is_blank);
    match cursor.peek() {
        None | Some('\r' | '\n') => true,
        Some('#') => !blanks.is_empty(),
        Some(_) => false,
    }
}
