//! Lines of mvx's in a file of somebody else's: put in, found again, and taken out so that the file
//! is what it was, to the byte.

use super::Hook;

/// Puts lines in at a byte offset, which is the beginning of a line or the end of the text, each
/// indented so many spaces, between two comments that mark them.
pub(super) fn insert(text: &str, at: usize, indent: usize, lines: &str, hook: Hook) -> String {
    let (before, after) = (
        text.get(..at).unwrap_or_default(),
        text.get(at..).unwrap_or_default(),
    );
    let ending = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let open_line = !before.is_empty() && !before.ends_with('\n');
    let margin = " ".repeat(indent);
    let mut new = before.to_owned();
    if open_line {
        new += ending;
    }
    new += &[
        margin.as_str(),
        &begin(hook),
        if open_line { OPEN_LINE } else { "" },
        ending,
    ]
    .concat();
    for line in lines.lines() {
        if !line.is_empty() {
            new += &margin;
            new += line;
        }
        new += ending;
    }
    new + &margin + &end(hook) + ending + after
}

/// Whether a line is the last of mvx's.
pub(super) fn is_end(line: &str) -> bool {
    Hook::ALL.iter().any(|hook| line.trim() == end(*hook))
}

/// The text without mvx's lines; `None` where there are none.
pub(super) fn remove(text: &str, hook: Hook) -> Option<String> {
    let (begin, end) = (begin(hook), end(hook));
    let (mut from, mut to, mut at) = (None, None, 0);
    let mut open_line = false;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        match trimmed.strip_prefix(&begin) {
            Some(rest) if from.is_none() && (rest.is_empty() || rest == OPEN_LINE) => {
                from = Some(at);
                open_line = rest == OPEN_LINE;
            }
            _ => {}
        }
        at += line.len();
        if from.is_some() && trimmed == end {
            to = Some(at);
            break;
        }
    }
    let (from, to) = (from?, to?);
    let (mut before, after) = (text.get(..from)?, text.get(to..)?);
    if !open_line {
        return Some([before, after].concat());
    }
    // the next lines of mvx's are behind that line then
    let next = after.trim_start_matches(' ');
    let margin = after.strip_suffix(next).unwrap_or_default();
    for begin in Hook::ALL.map(self::begin) {
        if let Some(rest) = next.strip_prefix(&begin) {
            return Some([before, margin, &begin, OPEN_LINE, rest].concat());
        }
    }
    if after.is_empty() {
        before = before.strip_suffix('\n').unwrap_or(before);
        before = before.strip_suffix('\r').unwrap_or(before);
    }
    Some([before, after].concat())
}

/// The text without any of mvx's lines for this hook, however many there are.
pub(super) fn without(text: &str, hook: Hook) -> String {
    let mut text = text.to_owned();
    while let Some(shorter) = remove(&text, hook) {
        text = shorter;
    }
    text
}

fn begin(hook: Hook) -> String {
    format!("# >>> mvx git install ({})", hook.name())
}

fn end(hook: Hook) -> String {
    format!("# <<< mvx git install ({})", hook.name())
}

/// Said where the line before had no end.
const OPEN_LINE: &str = ", behind a line without end";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_marked_and_indented() {
        assert_eq!(
            insert("a:\n  b: 1\n", 3, 2, "c: 2\n\nd: 3\n", Hook::PreCommit),
            "a:\n  # >>> mvx git install (pre-commit)\n  c: 2\n\n  d: 3\n  # <<< mvx git install (pre-commit)\n  b: 1\n"
        );
        assert_eq!(remove("a\n", Hook::PreCommit), None);
    }

    proptest! {
        #[test]
        fn what_was_put_in_comes_out(lines in proptest::collection::vec("[a-z #:-]{0,8}", 0..6), crlf: bool, open: bool, at in 0usize..6) {
            let ending = if crlf { "\r\n" } else { "\n" };
            let mut text = lines.iter().fold(String::new(), |text, line| text + line + ending);
            if open {
                text += "last";
            }
            let starts: Vec<usize> = std::iter::once(0)
                .chain(text.match_indices('\n').map(|(at, _)| at + 1))
                .chain([text.len()])
                .collect();
            let at = starts[at % starts.len()];
            let one = insert(&text, at, 4, "x: 1\ny\n", Hook::PreCommit);
            let both = insert(&one, one.len(), 2, "z\n", Hook::PrePush);
            prop_assert_eq!(remove(&both, Hook::PrePush), Some(one.clone()));
            let other = remove(&both, Hook::PreCommit).unwrap();
            prop_assert_eq!(remove(&other, Hook::PrePush).unwrap(), text.clone());
            prop_assert_eq!(remove(&one, Hook::PreCommit).unwrap(), text);
        }
    }
}
