//! New JSON text in a file's own style.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::scan::{Scanner, skip_blanks};
use crate::document::{Kind, Meta, Value};
use crate::keypath::Segment;
use crate::secret::Cleartext;
use crate::sops::number::{json_float, parse_float};
use crate::sops::store::NewNode;

/// How a file sets its entries out.
pub(super) struct Layout {
    /// Its line break; `None` where the container stands on one line.
    newline: Option<&'static str>,
    /// What one level adds to the indentation.
    unit: String,
    /// What stands between a key and its value.
    colon: String,
    /// What stands between two entries on one line.
    comma: &'static str,
    /// The indentation of the container's entries.
    pub(super) indent: String,
}

impl Layout {
    /// What sops writes: tabs, a blank after the colon.
    pub(super) fn sops() -> Self {
        Self {
            newline: Some("\n"),
            unit: "\t".into(),
            colon: ": ".into(),
            comma: ", ",
            indent: "\t".into(),
        }
    }

    /// The layout of the entries in the container whose bracket opens at `bracket`, in a file
    /// whose root opens at `root`.
    pub(super) fn within(text: &[u8], root: usize, bracket: usize) -> Self {
        let mut layout = Self::sops();
        let newline = if memchr::memmem::find(text, b"\r\n").is_some() {
            "\r\n"
        } else {
            "\n"
        };
        layout.newline = Some(newline);
        match entries(text, root) {
            Entries::None => {}
            Entries::OneLine(first) => {
                layout.newline = None;
                layout.colon = colon(text, first).unwrap_or_else(|| ":".into());
            }
            Entries::Lines { indent, first } => {
                let outer = line_indent(text, root);
                layout.unit = String::from(indent.strip_prefix(&outer).unwrap_or(&indent));
                layout.colon = colon(text, first).unwrap_or_else(|| ": ".into());
                layout.indent = indent;
            }
        }
        if !layout.colon.ends_with(' ') {
            layout.comma = ",";
        }
        if bracket == root {
            return layout;
        }
        match entries(text, bracket) {
            Entries::None => layout.indent = line_indent(text, bracket) + &layout.unit,
            Entries::OneLine(_) => layout.newline = None,
            Entries::Lines { indent, .. } => {
                layout.newline = Some(newline);
                layout.indent = indent;
            }
        }
        layout
    }

    /// What stands before an entry: a line break and the indentation, where there are lines.
    pub(super) fn before(&self) -> String {
        self.newline
            .map_or_else(String::new, |newline| newline.to_owned() + &self.indent)
    }

    /// What stands between an entry and the next one.
    pub(super) fn between(&self) -> String {
        match self.newline {
            Some(_) => ",".to_owned() + &self.before(),
            None => self.comma.to_owned(),
        }
    }

    /// What stands before a closing bracket.
    pub(super) fn after(&self) -> String {
        self.newline.map_or_else(String::new, |newline| {
            let outer = self.indent.strip_suffix(&self.unit);
            newline.to_owned() + outer.unwrap_or_default()
        })
    }

    /// Appends a node that is an entry here.
    pub(super) fn node(&self, node: &NewNode, out: &mut Cleartext) -> Result<(), Refused> {
        match node {
            NewNode::Value(value) => scalar(value, out)?,
            NewNode::Null => out.push(b"null"),
            NewNode::Map(entries) if entries.is_empty() => out.push(b"{}"),
            NewNode::List(entries) if entries.is_empty() => out.push(b"[]"),
            NewNode::Map(entries) => {
                let inner = self.deeper();
                out.push(b"{");
                for (number, (key, node)) in entries.iter().enumerate() {
                    out.push(inner.lead(number).as_bytes());
                    inner.key(key, out);
                    inner.node(node, out)?;
                }
                out.push(inner.after().as_bytes());
                out.push(b"}");
            }
            NewNode::List(entries) => {
                let inner = self.deeper();
                out.push(b"[");
                for (number, node) in entries.iter().enumerate() {
                    out.push(inner.lead(number).as_bytes());
                    inner.node(node, out)?;
                }
                out.push(inner.after().as_bytes());
                out.push(b"]");
            }
        }
        Ok(())
    }

    /// Appends a node below steps of a path that are still missing.
    pub(super) fn nested(
        &self,
        rest: &[Segment],
        node: &NewNode,
        out: &mut Cleartext,
    ) -> Result<(), Refused> {
        let Some((step, below)) = rest.split_first() else {
            return self.node(node, out);
        };
        let inner = self.deeper();
        let (open, close): (&[u8], &[u8]) = match step {
            Segment::Key(_) => (b"{", b"}"),
            Segment::Index(0) => (b"[", b"]"),
            Segment::Index(_) => return Err(Refused("a new list begins with [0]")),
        };
        out.push(open);
        out.push(inner.before().as_bytes());
        if let Segment::Key(key) = step {
            inner.key(key, out);
        }
        inner.nested(below, node, out)?;
        out.push(inner.after().as_bytes());
        out.push(close);
        Ok(())
    }

    /// Appends `"key": `.
    pub(super) fn key(&self, key: &str, out: &mut Cleartext) {
        string(key, out);
        out.push(self.colon.as_bytes());
    }

    fn lead(&self, number: usize) -> String {
        if number == 0 {
            self.before()
        } else {
            self.between()
        }
    }

    fn deeper(&self) -> Self {
        Self {
            newline: self.newline,
            unit: self.unit.clone(),
            colon: self.colon.clone(),
            comma: self.comma,
            indent: self.indent.clone() + &self.unit,
        }
    }
}

/// A value that JSON cannot hold, and why.
pub(super) struct Refused(pub(super) &'static str);

/// The metadata as a node, which JSON can always hold.
pub(super) fn node_of(meta: &Meta) -> NewNode {
    match meta {
        Meta::Null => NewNode::Null,
        Meta::Bool(true) => NewNode::Value(Value::new(Kind::Bool, "True")),
        Meta::Bool(false) => NewNode::Value(Value::new(Kind::Bool, "False")),
        Meta::Int(int) => NewNode::Value(Value::new(Kind::Int, int.to_string())),
        Meta::Str(text) => NewNode::Value(Value::new(Kind::Str, text.as_str())),
        Meta::List(entries) => NewNode::List(entries.iter().map(node_of).collect()),
        Meta::Map(entries) => NewNode::Map(
            entries
                .iter()
                .map(|(key, meta)| (key.clone(), node_of(meta)))
                .collect(),
        ),
    }
}

/// Appends a value in clear.
pub(super) fn scalar(value: &Value, out: &mut Cleartext) -> Result<(), Refused> {
    let bytes = value.bytes.as_bytes();
    match value.kind {
        Kind::Str | Kind::Time => match value.bytes.as_str() {
            Some(text) => string(text, out),
            None => return Err(Refused("JSON holds text only, and this value is not UTF-8")),
        },
        Kind::Int => {
            let int: Option<i64> = value.bytes.as_str().and_then(|text| text.parse().ok());
            let int = int.ok_or(Refused("this is not a 64-bit integer"))?;
            out.push(int.to_string().as_bytes());
        }
        Kind::Float => {
            let float = parse_float(bytes).ok_or(Refused("this is not a number"))?;
            let text = json_float(float).ok_or(Refused("JSON has no infinities and no NaN"))?;
            out.push(text.as_bytes());
            if text == "-0" {
                // Without a fraction it would be read as the integer 0.
                out.push(b".0");
            }
        }
        Kind::Bool => out.push(match bytes {
            b"True" => b"true",
            b"False" => b"false",
            _ => return Err(Refused("this is neither true nor false")),
        }),
        // Go's JSON encoder writes a byte slice so.
        Kind::Bytes => string(&STANDARD.encode(bytes), out),
        Kind::Comment => return Err(Refused("JSON has no comments")),
    }
    Ok(())
}

/// Appends a string, with the fewest escapes: quote, backslash, control characters.
pub(super) fn string(text: &str, out: &mut Cleartext) {
    out.push(b"\"");
    let bytes = text.as_bytes();
    let mut done = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push(bytes.get(done..at).unwrap_or_default());
        match byte {
            b'"' => out.push(b"\\\""),
            b'\\' => out.push(b"\\\\"),
            b'\n' => out.push(b"\\n"),
            b'\r' => out.push(b"\\r"),
            b'\t' => out.push(b"\\t"),
            0x08 => out.push(b"\\b"),
            0x0c => out.push(b"\\f"),
            _ => out.push(format!("\\u{byte:04x}").as_bytes()),
        }
        done = at + 1;
    }
    out.push(bytes.get(done..).unwrap_or_default());
    out.push(b"\"");
}

/// How a container's entries stand, and where the first begins.
enum Entries {
    None,
    OneLine(usize),
    Lines { indent: String, first: usize },
}

fn entries(text: &[u8], bracket: usize) -> Entries {
    let first = skip_blanks(text, bracket + 1);
    if matches!(text.get(first), None | Some(b'}' | b']')) {
        return Entries::None;
    }
    let gap = text.get(bracket + 1..first).unwrap_or_default();
    match memchr::memrchr(b'\n', gap) {
        None => Entries::OneLine(first),
        Some(at) => Entries::Lines {
            indent: lossy(gap.get(at + 1..).unwrap_or_default()),
            first,
        },
    }
}

/// What stands between the first key and its value, if it is on one line.
fn colon(text: &[u8], key: usize) -> Option<String> {
    let mut scanner = Scanner::new(text, key);
    let (_, key) = scanner.next().ok()?;
    let (_, colon) = scanner.next().ok()?;
    let gap = text.get(key.end..skip_blanks(text, colon.end))?;
    let gap = lossy(gap);
    (!gap.contains(['\n', '\r']) && gap.contains(':')).then_some(gap)
}

/// The blanks at the start of the line on which byte `at` stands.
fn line_indent(text: &[u8], at: usize) -> String {
    let before = text.get(..at).unwrap_or_default();
    let start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
    let line = before.get(start..).unwrap_or_default();
    let blanks = line.iter().take_while(|c| matches!(c, b' ' | b'\t'));
    lossy(line.get(..blanks.count()).unwrap_or_default())
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
