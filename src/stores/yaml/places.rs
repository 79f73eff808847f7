//! Where dashes and colons stand, and where block scalars begin and end: looked for between the end
//! of one token and the beginning of the next, because the parser does not tell.

use std::ops::Range;

use crate::document::Block;

/// Behind the comments that follow an empty document's `---`, which ends at `from`.
pub(super) fn after_comments(text: &str, from: usize) -> usize {
    let mut end = from;
    let mut at = from;
    for line in text.get(from..).unwrap_or_default().split_inclusive('\n') {
        let content = line.trim();
        if !(content.is_empty() || content.starts_with('#')) {
            break;
        }
        at += line.len();
        if !content.is_empty() {
            end = at;
        }
    }
    end
}

/// The column of byte `at`: indentation is made of spaces, so bytes are characters.
pub(super) fn column(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    let line = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.get(line..).unwrap_or_default();
    line.trim_start_matches('\u{feff}').chars().count()
}

/// The dash of the list entry that comes after the token that ends at `from`.
pub(super) fn dash(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        match *bytes.get(at)? {
            b'-' if bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace) => return Some(at),
            b'#' => at += memchr::memchr(b'\n', bytes.get(at..)?)?,
            b'&' | b'!' => {
                at += bytes.get(at..)?.iter().position(u8::is_ascii_whitespace)?;
            }
            b' ' | b'\t' | b'\r' | b'\n' | b':' | b'?' => at += 1,
            _ => return None,
        }
    }
}

/// The position behind the colon that follows a key which ends at `from`.
pub(super) fn colon(text: &str, from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let trimmed = rest.trim_start();
    trimmed
        .starts_with(':')
        .then(|| from + rest.len() - trimmed.len() + 1)
}

/// Whether the line's indentation before `at` holds a tab: go-yaml refuses that.
pub(super) fn tab_indent(text: &str, at: usize) -> bool {
    let head = text.get(..at).unwrap_or_default();
    let line = head.trim_end_matches([' ', '\t']);
    (line.is_empty() || line.ends_with('\n'))
        && head
            .get(line.len()..)
            .is_some_and(|indent| indent.contains('\t'))
}

/// The start of a key with the tag and the anchor that stand before it on its line; an empty key
/// stands right behind them.
fn properties(text: &str, key: usize) -> usize {
    let mut start = key;
    loop {
        let head = text.get(..start).unwrap_or_default();
        let before = head.trim_end_matches([' ', '\t']);
        let word = before
            .rfind([' ', '\t', '\n', '\r', '\u{feff}', '{', '[', ','])
            .map_or(0, |at| {
                at + before
                    .get(at..)
                    .and_then(|rest| rest.chars().next())
                    .map_or(1, char::len_utf8)
            });
        let is_property = before
            .get(word..)
            .is_some_and(|word| word.starts_with(['!', '&']));
        if !is_property {
            return start;
        }
        start = word;
    }
}

/// The start of a map's entry: its key, the tag and anchor before it, or the `?` before those.
pub(super) fn explicit_key(text: &str, from: usize, key: usize) -> usize {
    let key = properties(text, key);
    // `from` is beyond a key's anchor already.
    let from = from.min(key);
    let between = text.get(from..key).unwrap_or_default();
    let Some(mark) = question_mark(between) else {
        return key;
    };
    let rest = between.get(mark + 1..).unwrap_or_default();
    if rest.trim().is_empty() {
        from + mark
    } else {
        key
    }
}

/// The last `?` between two tokens that announces a key: a comment or a tag may end in one too.
fn question_mark(between: &str) -> Option<usize> {
    let bytes = between.as_bytes();
    let mut last = None;
    let mut at = 0;
    let mut apart = true;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'#' if apart => at += memchr::memchr(b'\n', bytes.get(at..)?).unwrap_or(bytes.len()),
            b'?' if apart => last = Some(at),
            _ => {}
        }
        apart = byte.is_ascii_whitespace() || b"#{[,".contains(byte);
        at += 1;
    }
    last
}

/// The header of a block scalar and its lines. `content` is the parser's range: from the first
/// text to the next token.
pub(super) fn block_scalar(
    text: &str,
    from: usize,
    content: &Range<usize>,
    indent: usize,
) -> Option<(Range<usize>, Block)> {
    let bytes = text.as_bytes();
    let mut at = from;
    // Between the last token and the header stand only a colon or dash, tags, anchors, comments.
    loop {
        match *bytes.get(at)? {
            b'|' | b'>' => break,
            b'#' => at += memchr::memchr(b'\n', bytes.get(at..)?)?,
            b'&' | b'!' => at += bytes.get(at..)?.iter().position(u8::is_ascii_whitespace)?,
            _ => at += 1,
        }
    }
    let indicators = bytes
        .get(at + 1..)?
        .iter()
        .take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-'))
        .count();
    let header = at..at + 1 + indicators;
    let digit = bytes
        .get(header.clone())?
        .iter()
        .find(|byte| byte.is_ascii_digit())
        .map(|b| b - b'0');
    let keep = bytes.get(header.clone())?.contains(&b'+');
    let newline = memchr::memchr(b'\n', bytes.get(header.end..)?)
        .map_or(bytes.len(), |newline| header.end + newline);
    let start = if newline > 0 && bytes.get(newline - 1) == Some(&b'\r') {
        newline - 1
    } else {
        newline
    };
    let end = block_end(text, newline, content, indent, keep);
    Some((
        header,
        Block {
            lines: start.min(end)..end,
            indent,
            digit,
        },
    ))
}

/// Where a block scalar's lines end, its last line break left out.
fn block_end(
    text: &str,
    header_newline: usize,
    content: &Range<usize>,
    indent: usize,
    keep: bool,
) -> usize {
    let bytes = text.as_bytes();
    let mut end = content.end.max(header_newline).min(bytes.len());
    // The range may reach into the indentation of the next token.
    let line = bytes
        .get(..end)
        .and_then(|head| memchr::memrchr(b'\n', head))
        .map_or(0, |at| at + 1);
    let tail = bytes.get(line..end).unwrap_or_default();
    if line > header_newline && tail.iter().all(|byte| *byte == b' ') && end < bytes.len() {
        end = line;
    }
    let without_break = |end: usize| {
        let head = bytes.get(..end).unwrap_or_default();
        let head = head.strip_suffix(b"\n").unwrap_or(head);
        head.strip_suffix(b"\r").unwrap_or(head).len()
    };
    if keep {
        return without_break(end).max(header_newline);
    }
    // Blank lines behind the last one with text are not part of the value.
    loop {
        let stripped = without_break(end);
        let line = bytes
            .get(..stripped)
            .and_then(|head| memchr::memrchr(b'\n', head))
            .map_or(0, |at| at + 1);
        let text = bytes.get(line..stripped).unwrap_or_default();
        let blank = text.iter().all(|byte| *byte == b' ') && text.len() <= indent;
        if !blank || line <= header_newline + 1 {
            return stripped.max(header_newline);
        }
        end = line;
    }
}
