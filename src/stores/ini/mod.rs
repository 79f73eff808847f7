//! INI, as sops reads it with go-ini, edited in place.
//!
//! Sections are maps of text; the same name may head several of them. What stands before any
//! section belongs to `DEFAULT`. A value may stand in `'…'`, `"…"`, `"""…"""` or backticks (marked
//! [`Style::Folded`], INI having no folded text), and go over several lines between the latter two
//! or after a backslash at a line's end. `;` and `#` begin a comment anywhere outside those two.
//! Where sops takes a line otherwise than it looks, the line is refused with the reason: a value
//! cut by `;` or `#` without a blank before it or within quotes, text after a closing quote, `-`
//! for a name, the same name twice in a section.
//!
//! The order of comments is sops's own: a section's after its opening, a key's after the key.
//! Comments that nothing follows, which sops drops, stand at the root. Real sops sees no more than
//! one comment of a key: it loses the one on the key's own line where there are others above.

mod comment;
mod insert;
mod parse;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::ops::Range;

use self::comment::Place;
use self::parse::utf8;
use self::read::{line_end, slice};
use self::write::Layout;
use super::place::{cannot_carry, existing};
use super::{METADATA, flat, within_size_limit};
use crate::document::{Body, Edit, Item, Kind, Meta, Style, Tree, Value, splice};
use crate::keypath::{KeyPath, Segment};
use crate::secret::Cleartext;
use crate::sops::store::{Expanded, NewNode, Placed, Store, StoreError, line_of};

/// The INI store.
pub struct Ini;

impl Store for Ini {
    fn parse(&self, text: &[u8]) -> Result<Tree, StoreError> {
        within_size_limit(text, "INI")?;
        parse::parse(text).map(|parsed| parsed.tree)
    }

    fn expand(&self, text: &[u8]) -> Result<Option<Expanded>, StoreError> {
        let mut lines = text
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii_start);
        let has_comment = |line: &[u8]| line.contains(&b';') || line.contains(&b'#');
        if !lines.any(|line| line.starts_with(b"[") && has_comment(line)) {
            return Ok(None);
        }
        // What is wrong with a text is told by those who read it.
        let edits = self.parse(text).map(|tree| comment::above(text, &tree));
        let edits = edits.unwrap_or_default();
        if edits.is_empty() {
            return Ok(None);
        }
        let text = splice(text, edits).unwrap_or_default();
        Ok(Some(Expanded {
            text,
            references: Vec::new(),
        }))
    }

    fn envelope(&self, text: &[u8], tree: &Tree, item: &Item, envelope: &str) -> Placed {
        if let Body::Comment(_) = item.body {
            let place = Place::of(text, item);
            return Placed {
                text: place.sealed(envelope),
                style: Style::Plain,
            };
        }
        let value = Value::new(Kind::Str, envelope);
        let placed = self.plain(text, tree, item, item.style, &value);
        Placed {
            // An envelope can stand in any quotes.
            text: placed.unwrap_or_else(|_| Cleartext::from(envelope)),
            style: item.style,
        }
    }

    fn plain(
        &self,
        text: &[u8],
        tree: &Tree,
        item: &Item,
        style: Style,
        value: &Value,
    ) -> Result<Cleartext, StoreError> {
        let refused = |why| cannot_carry(&tree.path(item), why);
        if value.kind == Kind::Comment {
            let words = value.bytes.as_str();
            let words = words.ok_or_else(|| refused("INI holds text only"))?;
            return Ok(Place::of(text, item).opened(words));
        }
        write::value(value, style, tail(text, item)).map_err(refused)
    }

    fn list_comment(&self, _: &[u8], _: &Tree, item: &Item, comment: &[u8]) -> Edit {
        // The whole entry: what stands in a value's place would be read as the value.
        let mut line = Cleartext::from("; ");
        line.push(comment);
        Edit::new(item.entry.clone(), line)
    }

    fn attach(&self, text: &[u8], _: &Tree, meta: &[(String, Meta)]) -> Vec<Edit> {
        let newline = newline(text);
        let text = lossless(text);
        let mut lines = flat::flatten(meta);
        lines.sort_by(|a, b| a.name.cmp(&b.name));
        let block = format!("[{METADATA}]{}", write::metadata(&lines, newline));
        let block = if parse::start(text) == text.len() {
            block + newline
        } else if text.ends_with('\n') {
            format!("{newline}{block}{newline}")
        } else {
            // A lone carriage return at the end must not be taken for part of the line break.
            let newline = if text.ends_with('\r') {
                "\r\n"
            } else {
                newline
            };
            format!("{newline}{newline}{block}")
        };
        vec![Edit::new(text.len()..text.len(), block)]
    }

    fn refresh(&self, text: &[u8], tree: &Tree, meta: &[(String, Meta)]) -> Vec<Edit> {
        if tree.meta().is_none() {
            return self.attach(text, tree, meta);
        }
        let Ok(parsed) = parse::parse(text) else {
            return Vec::new();
        };
        let (text, entries) = (lossless(text), parsed.metadata);
        let old: Vec<_> = entries.iter().map(|entry| entry.line.clone()).collect();
        let changes = flat::changes(&old, flat::flatten(meta));
        let mut edits = Vec::new();
        for (number, value) in changes.replaced {
            if let Some(entry) = entries.get(number) {
                let value = write::metadata_value(&value);
                edits.push(Edit::new(entry.value.clone(), value));
            }
        }
        for number in changes.removed {
            if let Some(entry) = entries.get(number) {
                edits.push(Edit::new(whole_lines(text, &entry.range), ""));
            }
        }
        let names: Vec<usize> = entries.iter().map(|entry| entry.range.start).collect();
        let layout = Layout::of(text, &names);
        let end = entries.last().map_or(text.len(), |entry| entry.range.end);
        let newline = newline(text.as_bytes());
        for (number, line) in changes.added {
            let mut new = layout.lead(&write::metadata_name(&line.name));
            new.push_str(&write::metadata_value(&line.value));
            edits.push(match entries.get(number) {
                Some(entry) => {
                    let at = line_start(text, entry.range.start);
                    Edit::new(at..at, new + newline)
                }
                None => Edit::new(end..end, newline.to_owned() + &new),
            });
        }
        edits
    }

    fn insert(
        &self,
        text: &[u8],
        tree: &Tree,
        path: &KeyPath,
        node: &NewNode,
    ) -> Result<Vec<Edit>, StoreError> {
        insert::insert(lossless(text), tree, path, node)
    }

    fn remove(&self, text: &[u8], tree: &Tree, path: &KeyPath) -> Result<Vec<Edit>, StoreError> {
        let item = existing(tree, path)?;
        let text = lossless(text);
        if let Body::Open(_) = item.body {
            let mut cut = whole_lines(text, &item.entry);
            while cut.end < text.len() {
                let next = line_end(text, cut.end);
                if !slice(text, cut.end..next).trim().is_empty() {
                    break;
                }
                cut.end = next;
            }
            return Ok(vec![Edit::new(cut, "")]);
        }
        // The comments above a key go with it: they would go over to the next one.
        let mut before = header_end(text, tree, item.parent);
        let mut start = item.entry.start;
        for other in tree.children(item.parent) {
            let at = other.entry.start;
            match other.body {
                Body::Leaf(_) if at < item.entry.start => {
                    before = before.max(end_of_line(text, other.span.end));
                }
                Body::Comment(_) if at >= before => start = start.min(at),
                _ => {}
            }
        }
        Ok(vec![Edit::new(
            whole_lines(text, &(start..item.span.end)),
            "",
        )])
    }

    fn rename(
        &self,
        text: &[u8],
        tree: &Tree,
        path: &KeyPath,
        key: &str,
    ) -> Result<Vec<Edit>, StoreError> {
        let file = lossless(text);
        let item = existing(tree, path)?;
        let new = Segment::Key(key.to_owned());
        if item.name == new {
            return Ok(Vec::new());
        }
        if let Some(other) = tree
            .children(item.parent)
            .find(|other| other.name == new && !matches!(other.body, Body::Comment(_)))
        {
            return Err(StoreError::DuplicateKey {
                line: line_of(text, other.span.start),
                path: tree.path(other).to_string(),
            });
        }
        let refused = |why| cannot_carry(path, why);
        if let Body::Open(_) = item.body {
            insert::check_section(file, item.span.start, key, path)?;
            let line = slice(file, item.span.start..line_end(file, item.span.start));
            let close = line
                .strip_prefix('[')
                .and_then(|_| line.find(']'))
                .ok_or_else(|| refused("it has no header that could be renamed"))?;
            let span = item.span.start + 1..item.span.start + close;
            return Ok(vec![Edit::new(span, key.to_owned())]);
        }
        let new = write::name(key).map_err(refused)?;
        let line = item.entry.start..line_end(file, item.entry.start);
        let old = read::name(file, line).map_err(refused)?;
        let delimiter = old.value - 1;
        let (width, pad) = (old.span.len(), delimiter - old.span.end);
        let pad = write::padding(width, pad, new.len());
        let new = format!("{new}{:pad$}", "");
        Ok(vec![Edit::new(old.span.start..delimiter, new)])
    }

    fn extract(&self, text: &[u8], tree: &Tree, container: usize) -> Cleartext {
        let file = lossless(text);
        if container == 0 {
            let cut = tree.meta().map_or(&[][..], |block| &block.cut);
            let edits = cut.iter().map(|cut| Edit::new(cut.clone(), ""));
            return splice(text, edits.collect()).unwrap_or_default();
        }
        let opening = tree
            .items
            .iter()
            .find(|item| matches!(item.body, Body::Open(id) if id == container));
        let range = opening.map_or(0..0, |item| item.entry.clone());
        let mut out = Cleartext::from(slice(file, range));
        out.push(newline(text).as_bytes());
        out
    }
}

/// What follows a value on its line, without the blanks at its end. Only this much of a text is
/// looked at, so that a file of many values is not read once for each.
fn tail<'a>(text: &'a [u8], item: &Item) -> &'a str {
    let rest = text.get(item.span.end..).unwrap_or_default();
    let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    let line = rest.get(..length).unwrap_or_default();
    std::str::from_utf8(line).unwrap_or_default().trim_end()
}

/// Where the names of a section's values begin.
fn names(tree: &Tree, container: usize) -> Vec<usize> {
    tree.children(container)
        .filter(|item| matches!(item.body, Body::Leaf(_)))
        .map(|item| item.entry.start)
        .collect()
}

/// The end of a section's own line; its start where it has none.
fn header_end(text: &str, tree: &Tree, container: usize) -> usize {
    let start = tree.container(container).span.start;
    if slice(text, start..text.len()).starts_with('[') {
        end_of_line(text, start)
    } else {
        0
    }
}

/// All lines that a range touches, with their breaks; at the end of a text without a final break,
/// with the break before them instead.
fn whole_lines(text: &str, range: &Range<usize>) -> Range<usize> {
    let start = line_start(text, range.start);
    let end = line_end(text, range.end);
    if slice(text, start..end).ends_with('\n') {
        return start..end;
    }
    let before = slice(text, 0..start);
    let before = before.strip_suffix('\n').unwrap_or(before);
    let before = before.strip_suffix('\r').unwrap_or(before);
    before.len()..end
}

/// Where the line begins on which `at` stands.
fn line_start(text: &str, at: usize) -> usize {
    let line = slice(text, 0..at)
        .rfind('\n')
        .map_or(0, |newline| newline + 1);
    line.max(parse::start(text))
}

/// Where the line ends on which `at` stands, before its break.
fn end_of_line(text: &str, at: usize) -> usize {
    let end = line_end(text, at);
    let line = slice(text, at..end);
    let line = line.strip_suffix('\n').unwrap_or(line);
    at + line.strip_suffix('\r').unwrap_or(line).len()
}

/// The file's line break.
fn newline(text: &[u8]) -> &'static str {
    match memchr::memchr(b'\n', text) {
        Some(at) if at > 0 && text.get(at - 1) == Some(&b'\r') => "\r\n",
        _ => "\n",
    }
}

/// A text that [`Ini::parse`] has read, which is UTF-8.
fn lossless(text: &[u8]) -> &str {
    utf8(text).unwrap_or_default()
}
