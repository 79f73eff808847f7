//! dotenv, exactly as sops reads it.
//!
//! One line is one value: the name up to the first `=`, and everything after it, verbatim; quotes,
//! blanks, `export ` and a carriage return belong to what they stand in. `\n` in a value means a
//! line break. A line that begins with `#` is a comment, an empty line nothing. The metadata are
//! the lines whose names begin with `sops_`. Values may be any bytes; names and metadata are
//! UTF-8. Names may stand twice.

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::ops::Range;

use super::flat::{self, Line};
use super::place::{Place, cannot_carry, existing, follow};
use super::{is_metadata, within_size_limit};
use crate::document::{
    Body, Container, Document, Edit, Item, Kind, Meta, MetaBlock, MetaField, Shape, Style, Tree,
    Value, splice,
};
use crate::keypath::{KeyPath, Segment};
use crate::secret::Cleartext;
use crate::sops::number::{dotenv_float, parse_float};
use crate::sops::store::{NewNode, Placed, Store, StoreError, line_of};

/// What the names of metadata begin with.
const PREFIX: &str = "sops_";

/// The dotenv store.
pub struct Dotenv;

impl Store for Dotenv {
    fn parse(&self, text: &[u8]) -> Result<Tree, StoreError> {
        within_size_limit(text, "dotenv")?;
        let mut tree = Tree {
            containers: vec![Container {
                parent: None,
                name: Segment::Index(0),
                shape: Shape::Map,
                document: 0,
                aad: String::new(),
                span: 0..text.len(),
                flow: false,
                indent: 0,
            }],
            ..Tree::default()
        };
        let mut metadata = Vec::new();
        for line in lines(text) {
            match read(text, &line)? {
                Read::Nothing => {}
                Read::Comment => tree.items.push(comment(text, line)),
                Read::Metadata(entry) => metadata.push(entry),
                Read::Value { name, value } => tree.items.push(Item {
                    parent: 0,
                    name: Segment::Key(name),
                    body: Body::Leaf(Value::new(Kind::Str, unescape(slice(text, &value)))),
                    style: Style::Plain,
                    span: value,
                    entry: line,
                    block: None,
                }),
            }
        }
        let meta = block(text, &metadata)?;
        // New values stand before a block that closes the file.
        let end = meta
            .as_ref()
            .and_then(|block| block.cut.last())
            .filter(|cut| cut.end == text.len())
            .map_or(text.len(), |cut| cut.start);
        tree.documents.push(Document { root: 0, meta, end });
        Ok(tree)
    }

    fn envelope(&self, _: &[u8], _: &Tree, item: &Item, envelope: &str) -> Placed {
        let sign = if matches!(item.body, Body::Comment(_)) {
            "#"
        } else {
            ""
        };
        Placed {
            text: Cleartext::from(format!("{sign}{envelope}")),
            style: Style::Plain,
        }
    }

    fn plain(
        &self,
        _: &[u8],
        tree: &Tree,
        item: &Item,
        _: Style,
        value: &Value,
    ) -> Result<Cleartext, StoreError> {
        let mut out = Cleartext::with_capacity(value.bytes.len() + 1);
        write(value, &mut out).map_err(|why| cannot_carry(&tree.path(item), why))?;
        Ok(out)
    }

    fn list_comment(&self, _: &[u8], _: &Tree, item: &Item, comment: &[u8]) -> Edit {
        let mut out = Cleartext::from("#");
        out.push(comment);
        Edit::new(item.entry.clone(), out)
    }

    fn attach(&self, text: &[u8], _: &Tree, meta: &[(String, Meta)]) -> Vec<Edit> {
        let mut lines = flat::flatten(meta);
        lines.sort_by(|a, b| a.name.cmp(&b.name));
        let lines: Vec<String> = lines.iter().map(written).collect();
        vec![append(text, text.len(), lines.join("\n"))]
    }

    fn refresh(&self, text: &[u8], tree: &Tree, meta: &[(String, Meta)]) -> Vec<Edit> {
        if tree.meta().is_none() {
            return self.attach(text, tree, meta);
        }
        let entries = metadata(text);
        let old: Vec<Line> = entries.iter().map(|entry| entry.line.clone()).collect();
        let changes = flat::changes(&old, flat::flatten(meta));
        let mut edits = Vec::new();
        for (number, value) in changes.replaced {
            if let Some(entry) = entries.get(number) {
                edits.push(Edit::new(entry.value.clone(), flat::escape(&value)));
            }
        }
        for number in changes.removed {
            if let Some(entry) = entries.get(number) {
                edits.push(Edit::new(with_break(text, &entry.range), ""));
            }
        }
        let end = entries.last().map_or(text.len(), |entry| entry.range.end);
        for (number, line) in changes.added {
            edits.push(match entries.get(number) {
                Some(entry) => {
                    let at = entry.range.start;
                    Edit::new(at..at, written(&line) + "\n")
                }
                None => Edit::new(end..end, "\n".to_owned() + &written(&line)),
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
        let mut out = Cleartext::default();
        let refused = |why: &str| cannot_carry(path, why);
        match node {
            NewNode::Value(value) => write(value, &mut out).map_err(refused)?,
            NewNode::Null => return Err(refused("a dotenv value is text; it cannot be null")),
            NewNode::Map(_) | NewNode::List(_) => return Err(refused(FLAT)),
        }
        let name = match (follow(tree, path)?, path.segments.as_slice()) {
            (Place::Found(item), _) => return Ok(vec![Edit::new(item.span.clone(), out)]),
            (_, [Segment::Key(name)]) => name,
            _ => return Err(refused(FLAT)),
        };
        check_name(name).map_err(refused)?;
        let mut line = Cleartext::from(format!("{name}="));
        line.push(out.as_bytes());
        let at = tree.documents.first().map_or(text.len(), |one| one.end);
        Ok(vec![append(text, at, line)])
    }

    fn remove(&self, text: &[u8], tree: &Tree, path: &KeyPath) -> Result<Vec<Edit>, StoreError> {
        let item = existing(tree, path)?;
        Ok(vec![Edit::new(with_break(text, &item.entry), "")])
    }

    fn rename(
        &self,
        text: &[u8],
        tree: &Tree,
        path: &KeyPath,
        key: &str,
    ) -> Result<Vec<Edit>, StoreError> {
        let item = existing(tree, path)?;
        let new = Segment::Key(key.to_owned());
        if item.name == new {
            return Ok(Vec::new());
        }
        check_name(key).map_err(|why| cannot_carry(path, why))?;
        if let Some(other) = tree.items.iter().find(|other| other.name == new) {
            return Err(StoreError::DuplicateKey {
                line: line_of(text, other.entry.start),
                path: tree.path(other).to_string(),
            });
        }
        Ok(vec![Edit::new(
            item.entry.start..item.span.start - 1,
            key.to_owned(),
        )])
    }

    fn extract(&self, text: &[u8], tree: &Tree, _: usize) -> Cleartext {
        let cut = tree.meta().map_or(&[][..], |block| &block.cut);
        let edits = cut.iter().map(|cut| Edit::new(cut.clone(), ""));
        splice(text, edits.collect()).unwrap_or_default()
    }
}

/// Why maps and lists are refused.
const FLAT: &str = "dotenv files are flat: a name and a value";

/// What a line holds.
enum Read {
    Nothing,
    Comment,
    Metadata(Entry),
    Value { name: String, value: Range<usize> },
}

/// A line of metadata.
struct Entry {
    line: Line,
    /// The whole line, without its break.
    range: Range<usize>,
    /// What follows the `=`.
    value: Range<usize>,
}

/// The lines of a text without their breaks. After a final break there is no further line.
fn lines(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = text.get(start..).filter(|rest| !rest.is_empty())?;
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = start..start + length;
        start = line.end + 1;
        Some(line)
    })
}

fn read(text: &[u8], line: &Range<usize>) -> Result<Read, StoreError> {
    let bytes = slice(text, line);
    let Some(first) = bytes.first() else {
        return Ok(Read::Nothing);
    };
    if *first == b'#' {
        return Ok(Read::Comment);
    }
    let Some(length) = memchr::memchr(b'=', bytes) else {
        return Err(StoreError::Syntax {
            line: line_of(text, line.start),
            message: if bytes.trim_ascii().is_empty() {
                "a blank line must be empty; this one holds blanks or a carriage return".into()
            } else {
                "there is no `=`; a value stands on one line, with \\n for a line break".into()
            },
        });
    };
    let value = line.start + length + 1..line.end;
    let not_text = |_| StoreError::NotText {
        line: line_of(text, line.start),
    };
    let name = slice(text, &(line.start..line.start + length));
    let name = std::str::from_utf8(name).map_err(not_text)?;
    let Some(flat) = name.strip_prefix(PREFIX) else {
        return Ok(Read::Value {
            name: name.to_owned(),
            value,
        });
    };
    let text = std::str::from_utf8(slice(text, &value)).map_err(not_text)?;
    Ok(Read::Metadata(Entry {
        line: Line {
            name: flat.to_owned(),
            value: flat::unescape(text),
        },
        range: line.clone(),
        value,
    }))
}

fn comment(text: &[u8], line: Range<usize>) -> Item {
    let words = slice(text, &(line.start + 1..line.end));
    Item {
        parent: 0,
        name: Segment::Index(0),
        body: Body::Comment(Cleartext::new(words.to_vec())),
        style: Style::Plain,
        span: line.clone(),
        entry: line,
        block: None,
    }
}

/// The lines of metadata of a text that was read before.
fn metadata(text: &[u8]) -> Vec<Entry> {
    lines(text)
        .filter_map(|line| match read(text, &line) {
            Ok(Read::Metadata(entry)) => Some(entry),
            _ => None,
        })
        .collect()
}

/// The `sops` block that lines of metadata make up.
fn block(text: &[u8], entries: &[Entry]) -> Result<Option<MetaBlock>, StoreError> {
    let Some(first) = entries.first() else {
        return Ok(None);
    };
    if !is_metadata(entries.iter().map(|entry| entry.line.name.as_str())) {
        return Err(StoreError::ReservedKey {
            line: line_of(text, first.range.start),
            key: format!("{PREFIX}{}", first.line.name),
        });
    }
    let mut names = HashSet::new();
    for entry in entries {
        if !names.insert(entry.line.name.as_str()) {
            return Err(StoreError::DuplicateKey {
                line: line_of(text, entry.range.start),
                path: format!("{PREFIX}{}", entry.line.name),
            });
        }
    }
    let flat: Vec<Line> = entries.iter().map(|entry| entry.line.clone()).collect();
    let fields = flat::unflatten(&flat).map_err(|clash| StoreError::Syntax {
        line: entries
            .get(clash.line)
            .map_or(1, |entry| line_of(text, entry.range.start)),
        message: clash.why.into(),
    })?;
    let fields = fields
        .into_iter()
        .map(|field| MetaField {
            name: field.name,
            value: field.value,
            span: entries
                .get(field.line)
                .map_or(0..0, |entry| entry.value.clone()),
            style: Style::Plain,
        })
        .collect();
    let mut cut: Vec<Range<usize>> = Vec::new();
    for entry in entries {
        let end = (entry.range.end + 1).min(text.len());
        match cut.last_mut() {
            Some(run) if run.end == entry.range.start => run.end = end,
            _ => cut.push(entry.range.start..end),
        }
    }
    // A file without a final line break keeps none: the block brought the one before it.
    if let Some(run) = cut.last_mut()
        && run.end == text.len()
        && text.last() != Some(&b'\n')
    {
        run.start = run.start.saturating_sub(1);
    }
    let rest = String::new();
    Ok(Some(MetaBlock { fields, cut, rest }))
}

/// A line of metadata as it is written.
fn written(line: &Line) -> String {
    format!("{PREFIX}{}={}", line.name, flat::escape(&line.value))
}

/// Puts lines at `at`, the end of the text or of a line. Where no line break stands before it,
/// they bring the one before them, not the one after.
fn append(text: &[u8], at: usize, lines: impl Into<Cleartext>) -> Edit {
    let lines = lines.into();
    let mut out = Cleartext::with_capacity(lines.len() + 1);
    let own_line = at
        .checked_sub(1)
        .is_none_or(|at| text.get(at) == Some(&b'\n'));
    if !own_line {
        out.push(b"\n");
    }
    out.push(lines.as_bytes());
    if own_line && !lines.is_empty() {
        out.push(b"\n");
    }
    Edit::new(at..at, out)
}

/// A line with its break; of the last line, which may have none, with the break before it.
fn with_break(text: &[u8], line: &Range<usize>) -> Range<usize> {
    if line.end < text.len() {
        line.start..line.end + 1
    } else {
        line.start.saturating_sub(1)..line.end
    }
}

/// Whether a line can begin with this name.
fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        Err("a name is missing")
    } else if name.starts_with(PREFIX) {
        Err("names that begin with `sops_` are SOPS's own")
    } else if name.starts_with('#') {
        Err("a line that begins with `#` is a comment")
    } else if name.contains(['=', '\n']) {
        Err("a dotenv name holds no `=` and no line break")
    } else {
        Ok(())
    }
}

/// Appends a value, or a comment with its sign.
fn write(value: &Value, out: &mut Cleartext) -> Result<(), &'static str> {
    let bytes = value.bytes.as_bytes();
    match value.kind {
        Kind::Comment => {
            if memchr::memchr(b'\n', bytes).is_some() {
                return Err("a dotenv comment is one line");
            }
            out.push(b"#");
            out.push(bytes);
        }
        Kind::Float => {
            let float = parse_float(bytes).ok_or("this is not a number")?;
            out.push(dotenv_float(float).as_bytes());
        }
        Kind::Bool => out.push(if bytes == b"True" { b"true" } else { b"false" }),
        Kind::Str | Kind::Int | Kind::Time | Kind::Bytes => {
            if memchr::memmem::find(bytes, b"\\n").is_some() {
                return Err("a backslash followed by an n would be read as a line break");
            }
            let mut rest = bytes;
            while let Some(at) = memchr::memchr(b'\n', rest) {
                out.push(rest.get(..at).unwrap_or_default());
                out.push(b"\\n");
                rest = rest.get(at + 1..).unwrap_or_default();
            }
            out.push(rest);
        }
    }
    Ok(())
}

/// Reads `\n` as a line break.
fn unescape(bytes: &[u8]) -> Cleartext {
    let mut out = Cleartext::with_capacity(bytes.len());
    let mut done = 0;
    for at in memchr::memmem::find_iter(bytes, b"\\n") {
        out.push(bytes.get(done..at).unwrap_or_default());
        out.push(b"\n");
        done = at + 2;
    }
    out.push(bytes.get(done..).unwrap_or_default());
    out
}

fn slice<'a>(text: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    text.get(range.clone()).unwrap_or_default()
}
