//! The dotenvy crate: shell-like words without spaces, and an error for the whole file where a
//! line does not fit. Of a name that stands twice the first counts: what is set stays.

use super::cursor::Cursor;
use super::{Assignment, Reading, Refusal};
use crate::secret::Cleartext;

pub(super) fn scan(text: &str) -> Result<Reading, Refusal> {
    let mut reading = Reading::default();
    let mut at = 0;
    while at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        let (length, line) = logical_line(rest)
            .ok_or_else(|| Refusal::new(at, None, "what begins here is not closed"))?;
        if let Some(raw) = entry(line, at)? {
            reading.found.push(raw);
        }
        at += length;
    }
    Ok(reading)
}

/// Where one stands while looking for the end of a line.
#[derive(Clone, Copy)]
enum State {
    Plain,
    Blank,
    Escape,
    Single,
    SingleEscape,
    Double,
    DoubleEscape,
}

/// A line with those that its quotes take in: how many bytes it has, and its text without a
/// comment and the line break. `None` where it does not end.
fn logical_line(text: &str) -> Option<(usize, &str)> {
    let mut state = State::Plain;
    let mut length = 0;
    for line in text.split_inclusive('\n') {
        let begin = length;
        length += line.len();
        if text
            .get(..length)
            .is_some_and(|so_far| so_far.trim_start().starts_with('#'))
        {
            return Some((length, ""));
        }
        for (at, c) in line.char_indices() {
            state = match (state, c) {
                (State::Blank, '#') => return Some((length, text.get(..begin + at)?)),
                (State::Blank | State::Plain, '\\') => State::Escape,
                (State::Blank | State::Plain, '"') => State::Double,
                (State::Blank | State::Plain, '\'') => State::Single,
                (State::Plain, c) if c.is_whitespace() && !matches!(c, '\n' | '\r') => State::Blank,
                (State::Double, '\\') => State::DoubleEscape,
                (State::Double, '"')
                | (State::Single, '\'')
                | (State::Blank | State::Plain | State::Escape, _) => State::Plain,
                (State::Double | State::DoubleEscape, _) => State::Double,
                (State::Single, '\\') => State::SingleEscape,
                (State::Single | State::SingleEscape, _) => State::Single,
            };
        }
        if matches!(state, State::Plain) {
            return Some((length, text.get(..length)?));
        }
    }
    None
}

/// The name and value of a line that begins at byte `at` of the text.
fn entry(line: &str, at: usize) -> Result<Option<Assignment>, Refusal> {
    let line = line.trim_end();
    let mut cursor = Cursor::new(line);
    cursor.eat_while(char::is_whitespace);
    let start = cursor.at();
    if matches!(cursor.peek(), None | Some('#')) {
        return Ok(None);
    }
    let refused = |name, why| Refusal::new(at + start, name, why);
    let no_name = || refused(None, "dotenvy reads lines of the form NAME=value");
    let mut key = name(&mut cursor).ok_or_else(no_name)?;
    cursor.eat_while(char::is_whitespace);
    let mut equal = cursor.eat("=");
    if !equal && key == "export" {
        key = name(&mut cursor).ok_or_else(no_name)?;
        cursor.eat_while(char::is_whitespace);
        equal = cursor.eat("=");
    }
    if !equal {
        return Err(no_name());
    }
    let before = cursor.at();
    cursor.eat_while(char::is_whitespace);
    let mut word = Word::default();
    let mut end = before;
    if !matches!(cursor.peek(), None | Some('#')) {
        word.read(&mut cursor).ok_or_else(|| {
            refused(
                Some(key),
                "dotenvy cannot read this value; put it in quotes",
            )
        })?;
        end = cursor.at();
    }
    Ok(Some(Assignment {
        name: key.into(),
        value: word.value,
        start: at + start,
        end: at + end,
        reference: word.reference,
    }))
}

fn name<'t>(cursor: &mut Cursor<'t>) -> Option<&'t str> {
    let begins = |c: char| c.is_ascii_alphabetic() || c == '_';
    cursor.peek().filter(|c| begins(*c))?;
    Some(cursor.eat_while(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.'))
}

/// A value on its way.
#[derive(Default)]
struct Word {
    value: Cleartext,
    reference: bool,
}

impl Word {
    /// Reads to the end of the value; `None` where dotenvy gives up.
    fn read(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let mut quote = None;
        loop {
            let start = cursor.at();
            let Some(c) = cursor.bump() else {
                // What is left open is an error.
                return quote.is_none().then_some(());
            };
            match (quote, c) {
                (Some('\''), '\'') | (Some('"'), '"') => quote = None,
                (Some('\''), _) => self.value.push(cursor.since(start).as_bytes()),
                (_, '$') => {
                    self.reference = true;
                    self.value.push(b"$");
                    self.substitution(cursor)?;
                }
                (_, '\\') => match cursor.bump() {
                    Some(c @ ('\\' | '\'' | '"' | '$' | ' ')) => self.value.push(&[c as u8]),
                    Some('n') => self.value.push(b"\n"),
                    Some(_) => return None,
                    // At the end a backslash means nothing.
                    None => {}
                },
                (None, '\'' | '"') => quote = Some(c),
                (None, ' ' | '\t') => {
                    let end = start;
                    cursor.eat_while(|c| c == ' ' || c == '\t');
                    if !matches!(cursor.peek(), None | Some('#')) {
                        return None;
                    }
                    cursor.go_to(end);
                    return Some(());
                }
                _ => self.value.push(cursor.since(start).as_bytes()),
            }
        }
    }

    /// Keeps the name behind a `$`. What ends a name without braces belongs to the value whatever
    /// it is, a quote too; that is dotenvy's way.
    fn substitution(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let start = cursor.at();
        if cursor.eat("{") {
            cursor.eat_while(|c| c != '}');
            cursor.bump()?;
        } else {
            cursor.eat_while(char::is_alphanumeric);
            if cursor.peek() != Some('$') {
                cursor.bump();
            }
        }
        self.value.push(cursor.since(start).as_bytes());
        Some(())
    }
}
