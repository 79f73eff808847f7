//! Comments, as sops takes them: all lines before a section or a name are one text.
//!
//! The first line's sign and blanks do not belong to that text; further lines stand in it whole,
//! sign and all. Sealed, the first line holds the envelope, and of each further line its sign is
//! left in its place, so that sops reads one envelope and the blank lines and indentation between
//! them are found again on opening.
//!
//! A comment on a section's own line cannot be sealed there, since sops takes the last `]` of the
//! line for the section's end: its envelope goes on a line above.

use std::ops::Range;

use super::newline;
use super::read::slice;
use crate::document::{Body, Edit, Item, Style, Tree};
use crate::keypath::Segment;
use crate::secret::Cleartext;

/// How every envelope begins.
const ENVELOPE: &str = "ENC[AES256_GCM,";
/// Stands for a first line of no words: without it sops panics when it writes the comment.
const EMPTY: &str = " ";

/// Adds the comments that `lines` make up to `items`. Each line begins with its sign and ends
/// before its line break. Lines with an envelope begin a comment of their own. `followed` says
/// that sops will add another comment to them, that on the section's or key's own line.
pub(super) fn items(
    text: &str,
    lines: &[Range<usize>],
    followed: bool,
    parent: usize,
    items: &mut Vec<Item>,
) {
    let sealed = |line: &Range<usize>| words(slice(text, line.clone())).starts_with(ENVELOPE);
    let mut rest = lines;
    while let Some((first, more)) = rest.split_first() {
        let follow = if sealed(first) {
            let bare = |line: &&Range<usize>| slice(text, (*line).clone()).trim_end().len() == 1;
            more.iter().take_while(bare).count()
        } else {
            more.iter().take_while(|line| !sealed(line)).count()
        };
        let (own, others) = more.split_at(follow);
        items.push(item(text, first, own, parent, sealed(first), followed));
        rest = others;
    }
}

fn item(
    text: &str,
    first: &Range<usize>,
    more: &[Range<usize>],
    parent: usize,
    sealed: bool,
    followed: bool,
) -> Item {
    let words = words(slice(text, first.clone()));
    let start = first.end - words.len();
    let mut value = Cleartext::default();
    if sealed || more.is_empty() {
        let words = words.trim_end();
        let empty = words.is_empty() && followed;
        value.push(if empty { EMPTY } else { words }.as_bytes());
    } else {
        let empty = words.trim_end_matches('\r').is_empty();
        value.push(if empty { EMPTY } else { words }.as_bytes());
        for (number, line) in more.iter().enumerate() {
            let line = slice(text, line.clone());
            let last = number + 1 == more.len();
            value.push(b"\n");
            value.push(if last { line.trim_end() } else { line }.as_bytes());
        }
    }
    let end = match more.last() {
        Some(last) => last.start + slice(text, last.clone()).trim_end().len(),
        None => start + words.trim_end().len(),
    };
    Item {
        parent,
        name: Segment::Index(0),
        body: Body::Comment(value),
        style: Style::Plain,
        span: start..end,
        entry: first.start..end,
        block: None,
    }
}

/// The comment on a section's line. Its place is the whole line, `span`.
pub(super) fn on_header(comment: &str, span: Range<usize>, parent: usize) -> Item {
    Item {
        parent,
        name: Segment::Index(0),
        body: Body::Comment(Cleartext::from(words(comment).trim_end())),
        style: Style::Plain,
        entry: span.clone(),
        span,
        block: None,
    }
}

/// Edits that put comments on sections' own lines above those lines, where others stand there: sops
/// joins them to one, and of two envelopes it opens the first.
pub(super) fn above(text: &[u8], tree: &Tree) -> Vec<Edit> {
    let comments = tree.items.windows(2).filter_map(|pair| match pair {
        [above, item] if above.parent == item.parent => Some((above, item)),
        _ => None,
    });
    comments
        .filter(|(above, item)| {
            let both = [above, item].map(|it| matches!(it.body, Body::Comment(_)));
            both == [true, true] && above.span.end <= item.span.start
        })
        .filter_map(|(_, item)| {
            let place = Place::of(text, item);
            let header = place.header.then(|| header_of(place.text))?;
            let comment = place.text.get(header.len()..)?.trim();
            let (newline, indent) = (place.newline, place.indent);
            let lines = format!("{comment}{newline}{indent}{header}");
            Some(Edit::new(item.span.clone(), lines))
        })
        .collect()
}

/// The text in which a comment stands, and what is needed to write another in its place.
pub(super) struct Place<'a> {
    /// The comment's own text.
    text: &'a str,
    /// Whether it is a section's line with the comment on it.
    header: bool,
    /// The blanks before it on its first line.
    indent: &'a str,
    newline: &'static str,
}

impl<'a> Place<'a> {
    pub(super) fn of(text: &'a [u8], item: &Item) -> Self {
        let part = |range| std::str::from_utf8(text.get(range).unwrap_or_default());
        let before = text.get(..item.entry.start).unwrap_or_default();
        let line = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        let line = part(line..item.entry.start).unwrap_or_default();
        Self {
            text: part(item.span.clone()).unwrap_or_default(),
            // Every other comment's entry begins with its sign, which its place leaves out.
            header: item.entry.start == item.span.start,
            indent: indent(line),
            newline: newline(text),
        }
    }

    /// The text that holds `envelope`.
    pub(super) fn sealed(&self, envelope: &str) -> Cleartext {
        if self.header {
            let header = header_of(self.text);
            let Self {
                newline, indent, ..
            } = self;
            return Cleartext::from(format!("; {envelope}{newline}{indent}{header}"));
        }
        let mut out = Cleartext::from(envelope);
        for slot in slots(self.text).skip(1) {
            out.push(slot.gap.as_bytes());
            out.push(slice(slot.line, 0..1).as_bytes());
        }
        out
    }

    /// The text that holds a comment's lines in clear.
    pub(super) fn opened(&self, value: &str) -> Cleartext {
        let mut lines = value.split('\n');
        let first = lines.next().unwrap_or_default();
        let mut lines = lines.peekable();
        let first = match lines.peek() {
            Some(_) => first.trim_end_matches('\r'),
            None => first,
        };
        let first = if first == EMPTY { "" } else { first };
        let mut out = Cleartext::default();
        if self.header {
            let after = slice(self.text, header_of(self.text).len()..self.text.len());
            let sign = after.find([';', '#']).unwrap_or(after.len());
            let old = words(slice(after, sign..after.len())).len();
            out.push(slice(self.text, 0..self.text.len() - old).as_bytes());
        }
        out.push(first.as_bytes());
        let mut slots = slots(self.text).skip(1);
        while let Some(line) = lines.next() {
            match slots.next() {
                Some(slot) => out.push(slot.gap.as_bytes()),
                None => out.push(format!("{}{}", self.newline, self.indent).as_bytes()),
            }
            if !line.starts_with([';', '#']) {
                out.push(b"; ");
            }
            let last = lines.peek().is_none();
            out.push(
                if last {
                    line
                } else {
                    line.trim_end_matches('\r')
                }
                .as_bytes(),
            );
        }
        out
    }
}

/// A line of a comment that is in place, and what stands before it: line breaks, indentation.
struct Slot<'a> {
    gap: &'a str,
    line: &'a str,
}

fn slots(place: &str) -> impl Iterator<Item = Slot<'_>> {
    let mut rest = place;
    let mut first = true;
    std::iter::from_fn(move || {
        let blanks = rest.len() - rest.trim_start().len();
        let (gap, line) = rest.split_at(if first { 0 } else { blanks });
        if line.is_empty() && !first {
            return None;
        }
        first = false;
        let (line, after) = line.split_at(line.find('\n').unwrap_or(line.len()));
        let line = if after.is_empty() {
            line
        } else {
            line.strip_suffix('\r').unwrap_or(line)
        };
        rest = slice(rest, gap.len() + line.len()..rest.len());
        Some(Slot { gap, line })
    })
}

/// A comment line without its sign and the blanks and signs after it, as sops strips them.
fn words(line: &str) -> &str {
    match line.chars().next() {
        Some(sign) => line.trim_start_matches([sign, ' ']),
        None => line,
    }
}

/// The `[name]` of a section's line.
fn header_of(line: &str) -> &str {
    line.find(']').map_or(line, |at| slice(line, 0..at + 1))
}

/// The blanks at a line's start.
pub(super) fn indent(line: &str) -> &str {
    let words = line.trim_start_matches([' ', '\t']);
    slice(line, 0..line.len() - words.len())
}
