//! Nodes written as YAML lines, in the layout that sops uses: nested lists are indented, a map in
//! a list begins on the dash's line.

use crate::document::Value;
use crate::sops::store::NewNode;
use crate::stores::yaml::render::{plain_safe, quoted};

/// A node whose scalars are YAML text already.
pub(super) enum Node {
    /// A scalar on one line.
    Scalar(String),
    /// A `|` block: the header and its lines, which get their indentation here.
    Block(String, Vec<String>),
    /// A map.
    Map(Vec<(String, Node)>),
    /// A list.
    List(Vec<Node>),
}

/// Indentation and line breaks of a text.
#[derive(Clone, Copy)]
pub(super) struct Layout<'a> {
    /// Spaces a level.
    pub(super) step: usize,
    /// The line break.
    pub(super) newline: &'a str,
}

impl Layout<'_> {
    /// `key: value` with its line break, the key at column `indent`.
    pub(super) fn entry(&self, out: &mut String, key: &str, node: &Node, indent: usize) {
        out.push_str(&" ".repeat(indent));
        out.push_str(&key_text(key));
        out.push(':');
        self.value(out, node, indent);
    }

    /// An entry of a map whose first key stands behind a dash at column `dash`: what is below it
    /// is one step from the dash, where that is further than the key.
    fn entry_in_item(&self, out: &mut String, key: &str, node: &Node, dash: usize) {
        out.push_str(&" ".repeat(dash + 2));
        out.push_str(&key_text(key));
        out.push(':');
        let base = if self.step > 2 { dash } else { dash + 2 };
        self.value(out, node, base);
    }

    /// What stands behind a `key:` or a dash, with its line break. `indent` is the column of that
    /// key or dash.
    pub(super) fn value(&self, out: &mut String, node: &Node, indent: usize) {
        match node {
            Node::Map(entries) if !entries.is_empty() => {
                out.push_str(self.newline);
                for (key, value) in entries {
                    self.entry(out, key, value, indent + self.step);
                }
            }
            Node::List(items) if !items.is_empty() => {
                out.push_str(self.newline);
                for item in items {
                    self.item(out, item, indent + self.step);
                }
            }
            Node::Block(header, lines) => {
                out.push(' ');
                out.push_str(header);
                out.push_str(self.newline);
                for line in lines {
                    if !line.is_empty() {
                        out.push_str(&" ".repeat(indent + self.step));
                        out.push_str(line);
                    }
                    out.push_str(self.newline);
                }
            }
            scalar => {
                out.push(' ');
                out.push_str(&scalar.flow());
                out.push_str(self.newline);
            }
        }
    }

    /// `- value` with its line break, the dash at column `indent`.
    pub(super) fn item(&self, out: &mut String, node: &Node, indent: usize) {
        out.push_str(&" ".repeat(indent));
        out.push('-');
        match node {
            Node::Map(entries) if !entries.is_empty() => {
                // Always two columns behind the dash, whatever the step.
                let mut body = String::new();
                for (key, value) in entries {
                    self.entry_in_item(&mut body, key, value, indent);
                }
                out.push(' ');
                out.push_str(body.trim_start_matches(' '));
            }
            other => self.value(out, other, indent),
        }
    }
}

impl Node {
    /// The node on one line, as flow style. Blocks have no such form; their writers use quotes.
    pub(super) fn flow(&self) -> String {
        match self {
            Self::Scalar(text) => text.clone(),
            Self::Block(_, lines) => quoted(&lines.join("\n")),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::flow).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Map(entries) => {
                let entries: Vec<String> = entries
                    .iter()
                    .map(|(key, value)| format!("{}: {}", flow_key(key), value.flow()))
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }
        }
    }

    /// Whether it takes lines of its own: a map or list that holds something.
    pub(super) fn is_nested(&self) -> bool {
        match self {
            Self::Map(entries) => !entries.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Scalar(_) | Self::Block(..) => false,
        }
    }

    /// A node to be inserted; `clear` writes its values.
    pub(super) fn from_new(node: &NewNode, clear: &dyn Fn(&Value) -> String) -> Self {
        match node {
            NewNode::Value(value) => Self::Scalar(clear(value)),
            NewNode::Null => Self::Scalar("null".into()),
            NewNode::Map(entries) => Self::Map(
                entries
                    .iter()
                    .map(|(key, node)| (key.clone(), Self::from_new(node, clear)))
                    .collect(),
            ),
            NewNode::List(items) => Self::List(
                items
                    .iter()
                    .map(|node| Self::from_new(node, clear))
                    .collect(),
            ),
        }
    }
}

/// A key as it is written in block style.
pub(super) fn key_text(key: &str) -> String {
    if plain_safe(key, false) {
        key.into()
    } else {
        quoted(key)
    }
}

/// A key as it is written in flow style.
pub(super) fn flow_key(key: &str) -> String {
    if plain_safe(key, true) {
        key.into()
    } else {
        quoted(key)
    }
}
