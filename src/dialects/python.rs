//! python-dotenv 1.2: lines that it cannot read are passed over, `${NAME}` is put in everywhere.

use super::cursor::Cursor;
use super::{Assignment, Reading};
use crate::secret::Cleartext;

pub(super) fn scan(text: &str) -> Reading {
    let mut reading = Reading::default();
    let mut cursor = Cursor::new(text);
    loop {
        cursor.eat_while(char::is_whitespace);
        if cursor.rest().is_empty() {
            return reading;
        }
        let start = cursor.at();
        if cursor.peek() == Some('#') {
            skip_line(&mut cursor);
            continue;
        }
        match entry(&mut cursor) {
            Some((name, Some((value, end)))) => reading.found.push(Assignment {
                name: name.into(),
                reference: expands(&value),
                value,
                start,
                end,
            }),
            Some((_, None)) => reading.unset.push(start),
            None => {
                reading.unread.push(start);
                // From where it gave up, which may be further down.
                skip_line(&mut cursor);
            }
        }
    }
}

/// A name and, behind a `=`, its value and where that ends. The cursor goes to the end of the
/// line; where the line does not fit, to where that is seen.
fn entry<'t>(cursor: &mut Cursor<'t>) -> Option<(&'t str, Option<(Cleartext, usize)>)> {
    let mut ahead = *cursor;
    if ahead.eat("export") && !ahead.eat_while(is_blank).is_empty() {
        *cursor = ahead;
    }
    let name = if cursor.peek() == Some('\'') {
        let mut ahead = *cursor;
        ahead.bump();
        let name = ahead.eat_while(|c| c != '\'');
        if name.is_empty() || !ahead.eat("'") {
            return None;
        }
        *cursor = ahead;
        name
    } else {
        cursor.eat_while(|c| c != '=' && c != '#' && !c.is_whitespace())
    };
    if name.is_empty() {
        return None;
    }
    cursor.eat_while(is_blank);
    let value = if cursor.eat("=") {
        let blanks = cursor.eat_while(is_blank);
        let value = if !blanks.is_empty() && cursor.peek() == Some('#') {
            Cleartext::default()
        } else {
            value(cursor)?
        };
        Some((value, cursor.at()))
    } else {
        None
    };
    cursor.eat_while(is_blank);
    if cursor.peek() == Some('#') {
        skip_line(cursor);
    }
    match cursor.peek() {
        None | Some('\r' | '\n') => Some((name, value)),
        Some(_) => None,
    }
}

fn value(cursor: &mut Cursor<'_>) -> Option<Cleartext> {
    let quote = match cursor.peek() {
        None | Some('\r' | '\n') => return Some(Cleartext::default()),
        Some(quote @ ('\'' | '"')) => quote,
        Some(_) => {
            let start = cursor.at();
            let line = cursor.eat_while(|c| !is_break(c));
            let end = comment(line).unwrap_or(line.len());
            let value = line.get(..end).unwrap_or_default().trim_end();
            cursor.go_to(start + value.len());
            return Some(value.into());
        }
    };
    let mut ahead = *cursor;
    ahead.bump();
    let mut out = Cleartext::default();
    loop {
        let start = ahead.at();
        match ahead.bump()? {
            c if c == quote => {
                *cursor = ahead;
                return Some(out);
            }
            '\\' => {
                let escaped = ahead.bump()?;
                let decoded = if quote == '"' {
                    decode(escaped)
                } else {
                    matches!(escaped, '\\' | '\'').then_some(escaped)
                };
                match decoded {
                    Some(c) => push(&mut out, c),
                    None => out.push(ahead.since(start).as_bytes()),
                }
            }
            // The file is opened as text, which makes every line break an LF.
            '\r' => {
                if ahead.peek() != Some('\n') {
                    out.push(b"\n");
                }
            }
            c => push(&mut out, c),
        }
    }
}

/// Where a comment begins: at the first `#` with white space before it, with that.
fn comment(line: &str) -> Option<usize> {
    let at = line.match_indices('#').map(|(at, _)| at).find(|at| {
        line.get(..*at)
            .is_some_and(|before| before.ends_with(char::is_whitespace))
    })?;
    Some(line.get(..at)?.trim_end().len())
}

fn decode(escaped: char) -> Option<char> {
    Some(match escaped {
        '\\' | '\'' | '"' => escaped,
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        _ => return None,
    })
}

/// `${NAME}` and `${NAME:-default}`.
fn expands(value: &Cleartext) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.match_indices("${").any(|(at, sign)| {
        let inner = text.get(at + sign.len()..).unwrap_or_default();
        let after = inner.trim_start_matches(|c| c != '}' && c != ':');
        after.starts_with('}') || (after.starts_with(":-") && after.contains('}'))
    })
}

fn push(out: &mut Cleartext, c: char) {
    out.push(c.encode_utf8(&mut [0; 4]).as_bytes());
}

fn skip_line(cursor: &mut Cursor<'_>) {
    cursor.eat_while(|c| !is_break(c));
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r')
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() && !is_break(c)
}
