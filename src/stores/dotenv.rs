//! dotenv, exactly as sops reads it.
//!
//! One line is one value: the name up to the first `=`, and everything after it, verbatim; quotes,
//! blanks, `export ` and a carriage return belong to what they stand in. `\n` in a value means a
//! line break. A line that begins with `#` is a comment, an empty line nothing. The metadata are
//! the lines whose names begin with `sops_`. Values may be any bytes; names and metadata are
//! UTF-8. Names may stand twice.

use std::collections::HashSet;
use std::ops::Range;

use super::flat::{self, Line};
use super::is_metadata;
use super::place::{Place, cannot_carry, existing, follow};
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
    Ok(Some(MetaBlock { fields, cut }))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::Explain as _;
    use crate::stores::contract::{
        apply, attach_then_cut, attached, insert, leaves, refresh, remove, rename, seal_then_open,
        set, string,
    };

    const SAMPLE: &[u8] = include_bytes!("../../fixtures/sops/d.env");

    fn code(text: &str) -> &'static str {
        Dotenv
            .parse(text.as_bytes())
            .map_or_else(|error| error.code(), |_| "parsed")
    }

    #[test]
    fn reads_lines_as_sops_does() {
        let found = leaves(&Dotenv, SAMPLE);
        let found: Vec<_> = found
            .iter()
            .map(|(path, _, bytes)| (path.as_str(), bytes.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("", " a comment"),
                ("A", "plain"),
                ("B", "\\\"quoted value\\\""),
                ("C", "\\\'single\\\'"),
                ("D", "multi\\nline"),
                ("E", ""),
                ("F", "with = equals"),
                (" G ", " spaced "),
                ("export H", "exported"),
                ("I", "trailing # not comment"),
                ("", "no space"),
                ("J_unencrypted", "clear"),
                ("A", "dup"),
                ("K", "x\\\\\\ny"),
                ("L", "crlf\\r"),
            ]
        );
    }

    #[test]
    fn real_files_of_sops_are_read() {
        let sealed = include_bytes!("../../fixtures/sops/d.enc.env");
        let tree = Dotenv.parse(sealed).unwrap();
        let block = tree.meta().unwrap().to_meta();
        let names: Vec<&str> = block.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "age",
                "lastmodified",
                "mac",
                "unencrypted_suffix",
                "version"
            ]
        );
        let Some((_, Meta::List(age))) = block.first() else {
            panic!("age is a list");
        };
        let Some(Meta::Map(age)) = age.first() else {
            panic!("its entries are maps");
        };
        assert!(matches!(&age[0], (name, Meta::Str(enc))
            if name == "enc" && enc.ends_with("FILE-----\n")));
        let opened = include_bytes!("../../fixtures/sops/d.decrypted-by-sops.env");
        assert_eq!(leaves(&Dotenv, opened), leaves(&Dotenv, SAMPLE));
        assert_eq!(leaves(&Dotenv, sealed).len(), leaves(&Dotenv, SAMPLE).len());
    }

    #[test]
    fn what_sops_cannot_read_is_refused_without_quoting_it() {
        for (text, expected) in [
            ("A=1\nhunter2\n", "syntax"),
            ("A=1\n \n", "syntax"),
            ("A=1\r\n\r\nB=2\r\n", "syntax"),
            ("sops_mine=1\n", "reserved-key"),
            ("sops_mac=1\nsops_mac=2\n", "duplicate-key"),
            ("sops_mac=1\nsops_a=1\nsops_a__map_b=2\n", "syntax"),
            ("", "parsed"),
            ("\n\n", "parsed"),
            ("=1", "parsed"),
            ("#", "parsed"),
            ("A=\u{feff}", "parsed"),
        ] {
            assert_eq!(code(text), expected, "{text}");
        }
        let error = Dotenv.parse(b"A=1\nhunter2\n").err().unwrap();
        assert!(error.to_string().starts_with("line 2: "));
        assert!(!error.to_string().contains("hunter2"));
        assert!(matches!(
            Dotenv.parse(b"A=1\n\xff=2"),
            Err(StoreError::NotText { line: 2 })
        ));
    }

    #[test]
    fn contract() {
        for text in [
            &b""[..],
            b"\n",
            b"A=1",
            b"A=1\n",
            b"A=",
            b"# c\n\nA=1\nB=",
            b"A=\xff\xfe\nB=x\r",
            SAMPLE,
        ] {
            attach_then_cut(&Dotenv, text);
            refresh(&Dotenv, text);
            seal_then_open(&Dotenv, text, true);
        }
    }

    #[test]
    fn scattered_metadata_is_cut_line_by_line() {
        let text = b"sops_mac=x\nA=1\nsops_version=3\nB=2\nsops_a=b";
        let tree = Dotenv.parse(text).unwrap();
        let cut = tree.meta().unwrap().cut.iter();
        let out = apply(text, cut.map(|cut| Edit::new(cut.clone(), "")).collect());
        assert_eq!(out, b"A=1\nB=2");
    }

    #[test]
    fn changes_touch_their_own_lines() {
        for (text, path, result) in [
            ("A=1\n", "B", "A=1\nB=v\n"),
            ("A=1", "B", "A=1\nB=v"),
            ("", "B", "B=v\n"),
            ("A=1\nB=\nC=3\n", "B", "A=1\nB=v\nC=3\n"),
            ("A=1\nA=2\n", "A", "A=1\nA=v\n"),
        ] {
            assert_eq!(set(&Dotenv, text, path, "v").unwrap(), result);
        }
        for (text, path, result) in [
            ("A=1\nB=2\n", "A", "B=2\n"),
            ("A=1\nB=2", "B", "A=1"),
            ("A=1", "A", ""),
        ] {
            assert_eq!(remove(&Dotenv, text, path).unwrap(), result);
        }
        assert_eq!(
            rename(&Dotenv, "A=1\nB=2\n", "A", "C").unwrap(),
            "C=1\nB=2\n"
        );
        assert_eq!(rename(&Dotenv, "A=1\n", "A", "A").unwrap(), "A=1\n");
        for key in ["B", "", "a=b", "a\nb", "#a", "sops_a"] {
            assert!(rename(&Dotenv, "A=1\nB=2\n", "A", key).is_err(), "{key}");
        }
    }

    #[test]
    fn sealed_files_grow_before_their_metadata() {
        for text in ["A=1", "A=1\n", "\n"] {
            let sealed = String::from_utf8(attached(&Dotenv, text.as_bytes())).unwrap();
            let larger = set(&Dotenv, &sealed, "B", "v").unwrap();
            let at = larger.find("B=v\n").unwrap();
            assert!(at < larger.find("sops_").unwrap(), "{larger}");
            let smaller = remove(&Dotenv, &larger, "B").unwrap();
            assert_eq!(smaller, sealed);
        }
    }

    #[test]
    fn what_a_line_cannot_hold_is_refused() {
        let text = "A=1\n";
        assert_eq!(set(&Dotenv, text, "A", "a\nb\\").unwrap(), "A=a\\nb\\\n");
        for node in [
            string("a\\nb"),
            NewNode::Null,
            NewNode::List(Vec::new()),
            NewNode::Map(Vec::new()),
        ] {
            let error = insert(&Dotenv, text, "A", &node).unwrap_err();
            assert_eq!(error.code(), "cannot-carry");
        }
        let error = insert(&Dotenv, text, "A.b", &string("v")).unwrap_err();
        assert_eq!(error.code(), "not-a-container");
        let error = insert(&Dotenv, text, "B.c", &string("v")).unwrap_err();
        assert_eq!(error.code(), "cannot-carry");
    }

    #[test]
    fn typed_values_are_written_as_sops_writes_them() {
        let tree = Dotenv.parse(b"A=1").unwrap();
        for (kind, bytes, text) in [
            (Kind::Int, "5", "5"),
            (Kind::Float, "3", "3.0"),
            (Kind::Float, "1000000", "1E+06"),
            (Kind::Bool, "True", "true"),
            (Kind::Bool, "False", "false"),
            (Kind::Time, "2024-01-02T00:00:00Z", "2024-01-02T00:00:00Z"),
        ] {
            let value = Value::new(kind, bytes);
            let out = Dotenv.plain(b"A=1", &tree, &tree.items[0], Style::Plain, &value);
            assert_eq!(out.unwrap().as_str(), Some(text));
        }
    }

    fn line() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            Just(Vec::new()),
            "#[ -~é]{0,8}".prop_map(String::into_bytes),
            (
                "[A-Za-z =é]{0,4}",
                proptest::collection::vec(any::<u8>(), 0..8)
            )
                .prop_map(|(name, mut value)| {
                    value.retain(|&byte| byte != b'\n');
                    let mut line = name.into_bytes();
                    line.push(b'=');
                    line.extend(value);
                    line
                }),
            r"[A-C]=(\\|n|\\n|a){0,6}".prop_map(String::into_bytes),
        ]
    }

    proptest! {
        #[test]
        fn any_file_is_sealed_and_opened(
            lines in proptest::collection::vec(line(), 0..6),
            last: bool,
        ) {
            let mut text = lines.join(&b'\n');
            if last {
                text.push(b'\n');
            }
            attach_then_cut(&Dotenv, &text);
            seal_then_open(&Dotenv, &text, true);
            refresh(&Dotenv, &text);
        }

        #[test]
        fn any_bytes_are_read_or_refused(text: Vec<u8>, noise in "(sops_|mac|__map_|__list_|=|\n|#|A|\r){0,16}") {
            drop(Dotenv.parse(&text));
            drop(Dotenv.parse(noise.as_bytes()));
        }
    }
}
