//! The block in a file that is mvx's; every line outside of it is the user's, and stays to the
//! byte.

use std::ops::Range;

use thiserror::Error;

use crate::error::{Exit, Explain};
use crate::secret::Cleartext;

/// How the line begins that opens the block.
pub const OPENING: &str = "# >>> mvx";

/// The line that closes it.
pub const CLOSING: &str = "# <<< mvx";

/// Marks that are not one opening and one closing behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Damaged {
    /// It is opened and not closed.
    #[error("line {line}: mvx's block begins here, and no `{CLOSING}` closes it")]
    NotClosed {
        /// The opening's line, from 1.
        line: usize,
    },
    /// It is closed and not opened.
    #[error("line {line}: `{CLOSING}` closes a block that nothing opens")]
    NotOpened {
        /// The closing's line, from 1.
        line: usize,
    },
    /// There is a second block, or a second mark of one.
    #[error("line {line}: a second mark of mvx's, where one block is all there may be")]
    Twice {
        /// The second one's line, from 1.
        line: usize,
    },
}

impl Explain for Damaged {
    fn exit(&self) -> Exit {
        Exit::IO
    }

    fn code(&self) -> &'static str {
        "damaged-block"
    }

    fn hints(&self) -> Vec<String> {
        vec![format!(
            "delete the lines that are mvx's, marks included: the next run writes a whole block, from a line that begins with `{OPENING}` to `{CLOSING}`"
        )]
    }
}

/// Where the block stands in a text, its marks and the last line break included; `None` where
/// there is none.
pub fn find(text: &[u8]) -> Result<Option<Range<usize>>, Damaged> {
    let mut opened: Option<(usize, usize)> = None;
    let mut found = None;
    for (line, range) in lines(text) {
        let content = text.get(range.clone()).unwrap_or_default();
        if is_mark(content, OPENING) {
            if opened.is_some() || found.is_some() {
                return Err(Damaged::Twice { line });
            }
            opened = Some((line, range.start));
        } else if is_mark(content, CLOSING) {
            match opened.take() {
                Some((_, start)) => found = Some(start..range.end),
                None if found.is_some() => return Err(Damaged::Twice { line }),
                None => return Err(Damaged::NotOpened { line }),
            }
        }
    }
    match opened {
        Some((line, _)) => Err(Damaged::NotClosed { line }),
        None => Ok(found),
    }
}

/// A text with the block in its place, or behind it where it has none. `note` stands in the
/// opening line; `body` are whole lines. Where the block stands now is given, too; an error where
/// a line of the body, which can be one of a value, looks like a mark.
pub fn put(
    text: &[u8],
    note: &str,
    body: &Cleartext,
) -> Result<(Cleartext, Range<usize>), Damaged> {
    let place = find(text)?;
    let place = place.unwrap_or(text.len()..text.len());
    let (before, after) = (text.get(..place.start), text.get(place.end..));
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    let room = text.len() + body.len() + note.len() + OPENING.len() + CLOSING.len() + 8;
    let mut new = Cleartext::with_capacity(room);
    new.push(before);
    if !before.is_empty() && !before.ends_with(b"\n") {
        new.push(b"\n");
    }
    let start = new.len();
    new.push(format!("{OPENING} {note}\n").as_bytes());
    new.push(body.as_bytes());
    if !body.is_empty() && !body.as_bytes().ends_with(b"\n") {
        new.push(b"\n");
    }
    new.push(format!("{CLOSING}\n").as_bytes());
    let block = start..new.len();
    new.push(after);
    match find(new.as_bytes())? {
        Some(found) if found == block => Ok((new, block)),
        _ => Err(Damaged::Twice { line: 1 }),
    }
}

/// The lines of a text with their numbers, from 1, line breaks included.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, Range<usize>)> {
    let mut start = 0;
    let ends = memchr::memchr_iter(b'\n', text)
        .map(|at| at + 1)
        .chain((!text.ends_with(b"\n")).then_some(text.len()));
    (1..).zip(ends.map(move |end| std::mem::replace(&mut start, end)..end))
}

/// Whether a line is the mark: what follows it begins with a blank.
fn is_mark(line: &[u8], mark: &str) -> bool {
    let rest = line.strip_prefix(mark.as_bytes());
    rest.is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with_block(text: &str, body: &str) -> String {
        let (new, _) = put(text.as_bytes(), "note", &body.into()).unwrap();
        new.as_str().unwrap().to_owned()
    }

    #[test]
    fn the_users_lines_stay_around_the_block() {
        let first = with_block("OWN=1\r\nLAST=2", "A=1\n");
        assert_eq!(first, "OWN=1\r\nLAST=2\n# >>> mvx note\nA=1\n# <<< mvx\n");
        let behind = format!("{first}# mine\nB = 2");
        assert_eq!(
            with_block(&behind, "A=2\nC=3\n"),
            "OWN=1\r\nLAST=2\n# >>> mvx note\nA=2\nC=3\n# <<< mvx\n# mine\nB = 2"
        );
        assert_eq!(with_block("", ""), "# >>> mvx note\n# <<< mvx\n");
    }

    #[test]
    fn damaged_marks_are_refused_with_their_line() {
        for (text, expected) in [
            ("A=1\n# >>> mvx x\nB=2\n", Damaged::NotClosed { line: 2 }),
            ("A=1\n# <<< mvx\n", Damaged::NotOpened { line: 2 }),
            (
                "# >>> mvx\n# >>> mvx\n# <<< mvx\n",
                Damaged::Twice { line: 2 },
            ),
            (
                "# >>> mvx\n# <<< mvx\n# >>> mvx\n# <<< mvx\n",
                Damaged::Twice { line: 3 },
            ),
            (
                "# >>> mvx\n# <<< mvx\r\n# <<< mvx",
                Damaged::Twice { line: 3 },
            ),
        ] {
            assert_eq!(find(text.as_bytes()), Err(expected), "{text:?}");
        }
        assert_eq!(find(b"# >>> mvxenv\n #>>> mvx\n x # <<< mvx\n"), Ok(None));
    }

    #[test]
    fn a_value_that_looks_like_a_mark_is_refused() {
        let body: Cleartext = "A='x\n# <<< mvx\ny'\n".into();
        assert!(put(b"", "note", &body).is_err());
    }

    proptest! {
        #[test]
        fn nothing_outside_changes(
            before in "([a-c#=' ]{0,6}\r?\n){0,4}",
            after in "([a-c#=' ]{0,6}\r?\n){0,4}[a-c]{0,3}",
            one in "([A-C]=[a-z]{0,4}\n){0,4}",
            two in "([A-C]=[a-z]{0,4}\n){0,4}",
        ) {
            let (text, block) = put(before.as_bytes(), "n", &one.as_str().into()).unwrap();
            prop_assert_eq!(&text.as_bytes()[..block.start], before.as_bytes());
            let text = [text.as_bytes(), after.as_bytes()].concat();
            let (text, block) = put(&text, "n", &two.as_str().into()).unwrap();
            prop_assert_eq!(&text.as_bytes()[..block.start], before.as_bytes());
            prop_assert_eq!(&text.as_bytes()[block.end..], after.as_bytes());
            let (again, _) = put(text.as_bytes(), "n", &two.as_str().into()).unwrap();
            prop_assert!(again == text);
        }
    }
}
