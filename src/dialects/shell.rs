//! A shell that sources the file: POSIX quoting (XCU 2.2) in assignments, and nothing but
//! assignments. Whatever would run a command is refused.

use super::cursor::{Cursor, is_blank, is_reference};
use super::{Assignment, Reading, Refusal};
use crate::secret::Cleartext;

/// Where a line would do something else than to set a value.
const COMMAND: &str =
    "a shell would run a command here; a value with blanks or one of ;&|<>() stands in quotes";

/// Deeper substitutions are not followed: they are kept as text in any case.
const MAX_DEPTH: usize = 64;

pub(super) fn scan(text: &str) -> Result<Reading, Refusal> {
    let mut reading = Reading::default();
    let mut cursor = Cursor::new(text);
    loop {
        cursor.eat_while(|c| is_blank(c) || matches!(c, '\n' | '\r' | ';'));
        match cursor.peek() {
            None => return Ok(reading),
            Some('#') => {
                cursor.skip_line();
            }
            Some(_) => command(&mut cursor, &mut reading)?,
        }
    }
}

/// The assignments of one line, up to its end or a `;`.
fn command(cursor: &mut Cursor<'_>, reading: &mut Reading) -> Result<(), Refusal> {
    if switches(cursor) {
        return Ok(());
    }
    let before = cursor.at();
    cursor.eat_export();
    let exported = cursor.at() > before;
    loop {
        let start = cursor.at();
        let name = cursor.eat_while(|c| c.is_ascii_alphanumeric() || c == '_');
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(Refusal::new(start, None, COMMAND));
        }
        if cursor.eat("=") {
            let mut word = Word::default();
            word.read(cursor, 0)
                .map_err(|why| Refusal::new(start, Some(name), why))?;
            reading.found.push(Assignment {
                name: name.into(),
                value: word.value,
                start,
                end: cursor.at(),
                reference: word.reference,
            });
        } else if exported && matches!(cursor.peek(), None | Some(' ' | '\t' | '\r' | '\n' | ';')) {
            reading.unset.push(start);
        } else {
            return Err(Refusal::new(start, None, COMMAND));
        }
        let blanks = cursor.eat_while(is_blank);
        match cursor.peek() {
            None => return Ok(()),
            Some('\n' | ';') => {
                cursor.bump();
                return Ok(());
            }
            Some('\r') if is_carriage_return(cursor.rest()) => {
                reading.carriage_returns = true;
                return Ok(());
            }
            Some('#') if !blanks.is_empty() => {
                cursor.skip_line();
                return Ok(());
            }
            Some(_) if !blanks.is_empty() => {}
            Some(_) => return Err(Refusal::new(start, Some(name), COMMAND)),
        }
    }
}

/// Steps over `set -a` and `set +a`, which stand around assignments that are to be exported.
fn switches(cursor: &mut Cursor<'_>) -> bool {
    ["set -a", "set +a", "set -o allexport", "set +o allexport"]
        .iter()
        .any(|switch| {
            let mut ahead = *cursor;
            let ends = |c: char| is_blank(c) || matches!(c, '\n' | '\r' | ';' | '#');
            let found = ahead.eat(switch) && ahead.peek().is_none_or(ends);
            if found {
                *cursor = ahead;
            }
            found
        })
}

/// Whether a CR stands here that ends a line together with what follows.
fn is_carriage_return(rest: &str) -> bool {
    rest == "\r" || rest.starts_with("\r\n")
}

/// A word on its way.
#[derive(Default)]
pub(super) struct Word {
    pub(super) value: Cleartext,
    pub(super) reference: bool,
}

impl Word {
    /// Reads a word: pieces in quotes and without, up to a blank, a line break or an operator.
    pub(super) fn read(
        &mut self,
        cursor: &mut Cursor<'_>,
        depth: usize,
    ) -> Result<(), &'static str> {
        let begin = cursor.at();
        let mut colon = false;
        loop {
            let start = cursor.at();
            let before = std::mem::take(&mut colon);
            match cursor.peek() {
                None | Some(' ' | '\t' | '\n' | ';') => return Ok(()),
                Some('\r') if is_carriage_return(cursor.rest()) => return Ok(()),
                Some('&' | '|' | '<' | '>' | '(' | ')') => return Err(COMMAND),
                Some('\'') => {
                    cursor.bump();
                    let inner = cursor.eat_while(|c| c != '\'');
                    if !cursor.eat("'") {
                        return Err(UNCLOSED);
                    }
                    self.push(inner);
                }
                Some('"') => self.double(cursor, depth)?,
                Some('\\') => {
                    cursor.bump();
                    let escaped = cursor.at();
                    match cursor.bump() {
                        Some('\n') => {}
                        Some(_) => self.push(cursor.since(escaped)),
                        None => self.push("\\"),
                    }
                }
                Some('$' | '`') => self.dollar(cursor, depth)?,
                Some(c) => {
                    // A home directory would stand there.
                    self.reference |= c == '~' && (start == begin || before);
                    colon = c == ':';
                    cursor.bump();
                    self.push(cursor.since(start));
                }
            }
        }
    }

    fn double(&mut self, cursor: &mut Cursor<'_>, depth: usize) -> Result<(), &'static str> {
        cursor.bump();
        loop {
            let start = cursor.at();
            match cursor.peek() {
                None => return Err(UNCLOSED),
                Some('"') => {
                    cursor.bump();
                    return Ok(());
                }
                Some('\\') => {
                    cursor.bump();
                    let escaped = cursor.at();
                    match cursor.bump() {
                        Some('$' | '`' | '"' | '\\') => self.push(cursor.since(escaped)),
                        Some('\n') => {}
                        _ => self.push(cursor.since(start)),
                    }
                }
                Some('$')
                    if cursor.rest().starts_with("$'") || cursor.rest().starts_with("$\"") =>
                {
                    cursor.bump();
                    self.push("$");
                }
                Some('$' | '`') => self.dollar(cursor, depth)?,
                Some(_) => {
                    cursor.bump();
                    self.push(cursor.since(start));
                }
            }
        }
    }

    /// Keeps a reference as it stands.
    fn dollar(&mut self, cursor: &mut Cursor<'_>, depth: usize) -> Result<(), &'static str> {
        let start = cursor.at();
        if depth > MAX_DEPTH {
            return Err("substitutions nest too deep");
        }
        let rest = cursor.rest();
        if cursor.eat("`") {
            loop {
                match cursor.bump() {
                    None => return Err(UNCLOSED),
                    Some('`') => break,
                    Some('\\') => {
                        cursor.bump();
                    }
                    Some(_) => {}
                }
            }
            self.reference = true;
        } else if rest.starts_with("$(") || rest.starts_with("${") {
            cursor.bump();
            let close = if cursor.bump() == Some('(') { ')' } else { '}' };
            substitution(cursor, close, depth + 1)?;
            self.reference = true;
        } else {
            cursor.bump();
            self.reference |= is_reference(rest);
            // The quotes of bash's own `$'…'` belong to what is kept.
            if matches!(cursor.peek(), Some('\'' | '"')) {
                let quote = cursor.bump().unwrap_or('"');
                loop {
                    match cursor.bump() {
                        None => return Err(UNCLOSED),
                        Some('\\') => {
                            cursor.bump();
                        }
                        Some(c) if c == quote => break,
                        Some(_) => {}
                    }
                }
            }
        }
        self.push(cursor.since(start));
        Ok(())
    }

    fn push(&mut self, text: &str) {
        self.value.push(text.as_bytes());
    }
}

const UNCLOSED: &str = "a quote, brace or parenthesis is opened and not closed";

/// Goes behind the sign that closes a substitution.
fn substitution(cursor: &mut Cursor<'_>, close: char, depth: usize) -> Result<(), &'static str> {
    if depth > MAX_DEPTH {
        return Err("substitutions nest too deep");
    }
    loop {
        match cursor.bump() {
            None => return Err(UNCLOSED),
            Some(c) if c == close => return Ok(()),
            Some('\\') => {
                cursor.bump();
            }
            Some('\'') if close == ')' => {
                cursor.eat_while(|c| c != '\'');
                cursor.bump();
            }
            Some('"') => loop {
                match cursor.bump() {
                    None => return Err(UNCLOSED),
                    Some('"') => break,
                    Some('\\') => {
                        cursor.bump();
                    }
                    Some(_) => {}
                }
            },
            Some('(') if close == ')' => substitution(cursor, ')', depth + 1)?,
            Some('{') if close == '}' => substitution(cursor, '}', depth + 1)?,
            Some(_) => {}
        }
    }
}
