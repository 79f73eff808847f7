//! Changes of texts that nobody would write: whatever is sealed opens to the same, and a change
//! does what it says and nothing else.

mod texts;

use std::fmt::Write as _;

use proptest::prelude::*;
use regex::Regex;

use crate::document::{Body, Container, Item, Kind, Tree, Value};
use crate::error::Explain as _;
use crate::keypath::{KeyPath, Segment};
use crate::secret::{Cleartext, DataKey};
use crate::sops::change::Open;
use crate::sops::cipher::tests::Counter;
use crate::sops::metadata::{KeyEntry, Metadata};
use crate::sops::open::{Check, Opened, open, plaintext};
use crate::sops::seal::Sealer;
use crate::sops::store::{NewNode, StoreError};
use crate::stores::Format;
use texts::{Dice, text};

fn check(format: Format, seed: u64) -> Result<(), TestCaseError> {
    attempt(format, seed)
        .map_err(|trace| TestCaseError::fail(format!("{format:?} {seed}\n{trace}")))
}

proptest! {
    #[test]
    fn a_change_does_what_it_says_and_nothing_else_in_yaml(seed: u64) {
        check(Format::Yaml, seed)?;
    }

    #[test]
    fn a_change_does_what_it_says_and_nothing_else_in_json(seed: u64) {
        check(Format::Json, seed)?;
    }

    #[test]
    fn a_change_does_what_it_says_and_nothing_else_in_dotenv(seed: u64) {
        check(Format::Dotenv, seed)?;
    }

    #[test]
    fn a_change_does_what_it_says_and_nothing_else_in_ini(seed: u64) {
        check(Format::Ini, seed)?;
    }
}

#[test]
fn what_failed_once_holds() {
    for (format, seed) in [
        // A list in brackets that holds nothing but comments is set: they go with it.
        (Format::Yaml, 9_931_808_672_041_619_026),
    ] {
        if let Err(trace) = attempt(format, seed) {
            panic!("{format:?} {seed}\n{trace}");
        }
    }
}

#[test]
fn what_was_refused_once_is_sealed() {
    for (format, text) in [
        // Of two entries with one name, each has a spelling of its own.
        (Format::Json, r#"{"a": 1e3, "a": "x"}"#),
        (Format::Json, r#"{"a": {"b": 1e3}, "a": {"b": 2}}"#),
        // The comment behind a section's name goes above it, to the one that is there.
        (Format::Ini, "; above\n[s] ; beside\nk = 1\n"),
    ] {
        let group = vec![KeyEntry::age("age1example", "armour\n")];
        let metadata = Metadata::new(&[group], None, None, false);
        let sealed = with_sealer(format, |sealer| {
            sealer.seal(text.as_bytes(), metadata, None)
        });
        let sealed = sealed
            .unwrap_or_else(|error| panic!("{text}: {error}"))
            .text;
        let (tree, mut opened) = opened(format, &sealed).unwrap();
        let plain = plaintext(format.store(), sealed.as_bytes(), &tree, &mut opened).unwrap();
        let (before, after) = (text.as_bytes(), plain.as_bytes());
        let read = |text| Content::read(format, text).unwrap();
        assert_eq!(read(after).entries, read(before).entries, "{text}");
        assert_eq!(read(after).words(), read(before).words(), "{text}");
    }
}

/// Seals a text and changes it a few times; what went wrong, if anything did.
fn attempt(format: Format, seed: u64) -> Result<(), String> {
    let text = text(format, seed);
    let Ok(mut content) = Content::read(format, text.as_bytes()) else {
        return Ok(());
    };
    let mut trace = format!("{text}----\n{text:?}\n");
    let group = vec![KeyEntry::age("age1example", "armour\n")];
    let selector = [None, None, Some(("encrypted_regex", "[13579]$"))][(seed % 3) as usize];
    let metadata = Metadata::new(&[group], None, selector, false);
    let sealed = with_sealer(format, |sealer| {
        sealer.seal(text.as_bytes(), metadata, None)
    });
    let mut sealed = match sealed {
        Ok(sealed) => sealed.text,
        Err(error) if matches!(error.code(), "nothing-selected" | "empty") => return Ok(()),
        Err(error) => return Err(format!("{trace}{error}")),
    };
    let mut dice = Dice(seed ^ 1);
    for _ in 0..=dice.of(3) {
        let Some(change) = Change::draw(format, &mut dice, &content) else {
            continue;
        };
        writeln!(trace, "{change:?}").unwrap();
        let failed = |error: String| format!("{trace}{error}\nfrom\n{}", short(&sealed));
        let (tree, opened) = opened(format, &sealed).map_err(failed)?;
        let view = Open {
            text: sealed.as_bytes(),
            tree: &tree,
            opened: &opened,
        };
        let after = match change.apply(format, view) {
            Ok(Some(after)) => after,
            Ok(None) => continue,
            Err(code) if Change::may_fail(format, &text, code) => continue,
            Err(code) => return Err(failed(code.into())),
        };
        let (tree, mut opened) =
            self::opened(format, &after).map_err(|error| format!("{error}\n{}", short(&after)))?;
        let plain = plaintext(format.store(), after.as_bytes(), &tree, &mut opened)
            .map_err(|error| failed(error.to_string()))?;
        let failed = |error: &str| {
            format!(
                "{trace}{error}\nfrom\n{}to\n{}which gives\n{plain}----\n{plain:?}\n",
                short(&sealed),
                short(&after),
                plain = String::from_utf8_lossy(plain.as_bytes())
            )
        };
        let now =
            Content::read(format, plain.as_bytes()).map_err(|error| failed(&error.to_string()))?;
        if !now.keeps_comments(&content, &change) {
            return Err(failed("comments were lost"));
        }
        content.change(format, &change);
        if now.sorted() != content.sorted() {
            return Err(failed("other values"));
        }
        content = now;
        sealed = after;
    }
    Ok(())
}

fn key() -> DataKey {
    DataKey::from_bytes(&[5; 32]).unwrap()
}

fn with_sealer<T>(format: Format, act: impl FnOnce(&mut Sealer<'_>) -> T) -> T {
    act(&mut Sealer {
        store: format.store(),
        key: &key(),
        now: "2026-11-22T12:00:00Z",
        random: &mut Counter(1),
    })
}

fn opened(format: Format, sealed: &Cleartext) -> Result<(Tree, Opened), String> {
    let tree = format.store().parse(sealed.as_bytes());
    let tree = tree.map_err(|error| error.to_string())?;
    let metadata = Metadata::from_block(tree.meta().ok_or("no metadata")?);
    let opened = open(&tree, &metadata, &key(), Check::Required);
    let opened = opened.map_err(|error| error.to_string())?;
    Ok((tree, opened))
}

/// A sealed text without the long parts.
fn short(text: &Cleartext) -> String {
    let text = String::from_utf8_lossy(text.as_bytes());
    let text = Regex::new(r"ENC\[[^\]]*\]")
        .unwrap()
        .replace_all(&text, "ENC");
    let lines = text.lines();
    let kept = lines.filter(|line| !line.starts_with("    ") && !line.starts_with("sops_"));
    kept.collect::<Vec<_>>().join("\n") + "\n"
}

/// What a text holds: documents, entries with type and bytes, comments.
struct Content {
    documents: usize,
    entries: Vec<(KeyPath, String)>,
    comments: Vec<Comment>,
}

/// A line of a comment.
struct Comment {
    words: String,
    /// What it stands in: by sops's habits, and by its place in the text.
    places: [KeyPath; 2],
}

impl Content {
    fn read(format: Format, text: &[u8]) -> Result<Self, StoreError> {
        let expanded = format.store().expand(text)?;
        let text = expanded.as_ref().map_or(text, |it| it.text.as_bytes());
        let tree = match format.store().parse(text) {
            Err(StoreError::Empty) => Tree::default(),
            tree => tree?,
        };
        let mut content = Self {
            documents: tree.documents.len().max(1),
            entries: Vec::new(),
            comments: Vec::new(),
        };
        for item in &tree.items {
            let what = match &item.body {
                Body::Leaf(value) => shown(format, value),
                Body::Null => "null".into(),
                Body::Open(id) => format!("{:?}", tree.container(*id).shape),
                Body::Comment(words) => {
                    // INI takes all lines above a name for one comment.
                    let lines = words.as_str().unwrap().lines();
                    let textual = encloses(text, &tree, item).unwrap_or(item.parent);
                    let places = [item.parent, textual].map(|id| tree.container_path(id));
                    let comments = lines.map(|line| Comment {
                        words: line.trim_start_matches([';', '#', ' ']).into(),
                        places: places.clone(),
                    });
                    content.comments.extend(comments);
                    continue;
                }
            };
            let path = tree.path(item);
            // INI has it as soon as an entry stands outside of all sections.
            if format != Format::Ini || path.to_string() != "DEFAULT" {
                content.entries.push((path, what));
            }
        }
        Ok(content)
    }

    /// The entries without their order: a new one may stand anywhere.
    fn sorted(&self) -> (usize, Vec<&(KeyPath, String)>) {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort();
        (self.documents, entries)
    }

    /// Whether all comments of `before` are there still, and no others; those in something that is
    /// set or goes may go with it, and those beside something that goes.
    fn keeps_comments(&self, before: &Self, change: &Change) -> bool {
        let may_go = |place: &KeyPath| match change {
            Change::Set(path, _) => place.is_within(path),
            Change::Unset(_) => true,
            Change::Rename(..) => false,
        };
        let mut left = before.words();
        let known = self.words().into_iter().all(|words| {
            let at = left.iter().position(|it| *it == words);
            at.map(|at| left.swap_remove(at)).is_some()
        });
        let free = before.comments.iter();
        let free = free.filter(|comment| comment.places.iter().any(may_go));
        let mut free: Vec<_> = free.map(|it| &*it.words).collect();
        known
            && left.iter().all(|words| {
                let at = free.iter().position(|it| it == words);
                at.map(|at| free.swap_remove(at)).is_some()
            })
    }

    fn words(&self) -> Vec<&str> {
        let mut words: Vec<_> = self.comments.iter().map(|it| &*it.words).collect();
        words.sort_unstable();
        words
    }

    fn change(&mut self, format: Format, change: &Change) {
        match change {
            Change::Set(path, node) => {
                self.entries.retain(|(entry, _)| !entry.is_within(path));
                list(format, &node.node(), path, &mut self.entries);
            }
            Change::Unset(path) => self.unset(path),
            Change::Rename(from, to) => {
                for (entry, _) in &mut self.entries {
                    if entry.is_within(from) {
                        let rest = entry.segments.split_off(from.segments.len());
                        entry.segments.clone_from(&to.segments);
                        entry.segments.extend(rest);
                    }
                }
            }
        }
    }

    fn unset(&mut self, path: &KeyPath) {
        self.entries.retain(|(entry, _)| !entry.is_within(path));
        let Some((parent, Segment::Index(gone))) = path.split_last() else {
            return;
        };
        let at = parent.segments.len();
        for (entry, _) in &mut self.entries {
            if entry.is_within(&parent)
                && let Some(Segment::Index(index)) = entry.segments.get_mut(at)
                && *index > *gone
            {
                *index -= 1;
            }
        }
    }

    /// How many entries stand directly below a path.
    fn count(&self, path: &KeyPath) -> usize {
        let depth = path.segments.len() + 1;
        let directly = |entry: &KeyPath| entry.is_within(path) && entry.segments.len() == depth;
        self.entries
            .iter()
            .filter(|(entry, _)| directly(entry))
            .count()
    }

    /// Whether a key on the way stands there twice: commands refuse those.
    fn is_ambiguous(&self, path: &KeyPath) -> bool {
        (1..=path.segments.len()).any(|length| {
            let step = KeyPath {
                document: path.document,
                segments: path.segments[..length].to_vec(),
            };
            self.entries.iter().filter(|(it, _)| *it == step).count() > 1
        })
    }
}

/// What a comment stands in, going by the text: the same as the entry beside it, or the innermost
/// container around it.
fn encloses(text: &[u8], tree: &Tree, comment: &Item) -> Option<usize> {
    let at = comment.span.start;
    let is_beside = |it: &&Item| it.span.end <= at && !text[it.span.end..at].contains(&b'\n');
    let around = |container: &Container| container.span.contains(&at);
    tree.items
        .iter()
        .rfind(is_beside)
        .map(|it| it.parent)
        .or_else(|| tree.containers.iter().rposition(around))
}

/// Every entry of a new node.
fn list(format: Format, node: &NewNode, path: &KeyPath, all: &mut Vec<(KeyPath, String)>) {
    let what = match node {
        NewNode::Value(value) => shown(format, value),
        NewNode::Null => "null".into(),
        NewNode::Map(_) => "Map".into(),
        NewNode::List(_) => "List".into(),
    };
    all.push((path.clone(), what));
    match node {
        NewNode::Map(map) => {
            for (key, node) in map {
                list(format, node, &path.child(Segment::Key(key.clone())), all);
            }
        }
        NewNode::List(items) => {
            for (index, node) in items.iter().enumerate() {
                list(format, node, &path.child(Segment::Index(index)), all);
            }
        }
        NewNode::Value(_) | NewNode::Null => {}
    }
}

/// A value as it is compared: JSON has one kind of number.
fn shown(format: Format, value: &Value) -> String {
    let bytes = value.bytes.as_bytes().escape_ascii();
    match value.kind {
        Kind::Int | Kind::Float if format == Format::Json => format!("number {bytes}"),
        kind => format!("{kind:?} {bytes}"),
    }
}

/// What is set.
#[derive(Clone, Copy, Debug)]
enum Node {
    Text(&'static str),
    Int,
    Float,
    Null,
    Map,
    List,
    Empty,
}

impl Node {
    const NESTED: [Self; 3] = [Self::Map, Self::List, Self::Empty];
    const SCALARS: [Self; 4] = [Self::Int, Self::Float, Self::Null, Self::Text("")];

    fn node(self) -> NewNode {
        let text = |text: &str| NewNode::Value(Value::new(Kind::Str, text));
        let map = |entries: Vec<(&str, NewNode)>| {
            let entries = entries.into_iter();
            NewNode::Map(entries.map(|(key, node)| (key.into(), node)).collect())
        };
        match self {
            Self::Text(value) => text(value),
            Self::Int => NewNode::Value(Value::new(Kind::Int, "5")),
            Self::Float => NewNode::Value(Value::new(Kind::Float, "3")),
            Self::Null => NewNode::Null,
            Self::Map => {
                let inner = NewNode::List(vec![text("1"), map(vec![("z", text(""))])]);
                map(vec![("x", text("two\nlines")), ("y", inner)])
            }
            Self::List => {
                let inner = NewNode::List(vec![text("b")]);
                NewNode::List(vec![text("a"), inner, NewNode::Null])
            }
            Self::Empty => map(Vec::new()),
        }
    }
}

/// Texts that are hard to write.
const TEXTS: [&str; 16] = [
    "plain",
    "two\nlines\n",
    "\n lead",
    " x ",
    "trail\n\n",
    "it's",
    "42",
    "a: b # c",
    "# x",
    "- x",
    "\n",
    "  \n x\n",
    "x\n \n",
    "schlüssel",
    "null",
    "\t",
];

#[derive(Debug)]
enum Change {
    Set(KeyPath, Node),
    Unset(KeyPath),
    Rename(KeyPath, KeyPath),
}

impl Change {
    /// A change of what is there.
    fn draw(format: Format, dice: &mut Dice, content: &Content) -> Option<Self> {
        let (path, what) = content.entries.get(dice.of(content.entries.len().max(1)))?;
        if content.is_ambiguous(path) {
            return None;
        }
        let kind = dice.of(5);
        let node = Self::draw_node(format, dice);
        let sibling = |name: &str| match path.split_last() {
            Some((parent, Segment::Key(_))) => Some(parent.child(Segment::Key(name.into()))),
            _ => None,
        };
        Some(match (kind, &**what) {
            (0, _) => Self::Unset(path.clone()),
            (1, _) => Self::Rename(path.clone(), sibling("moved")?),
            (2, _) => Self::Set(sibling("new").unwrap_or_else(|| path.clone()), node),
            (3, "List") => {
                let end = Segment::Index(content.count(path));
                Self::Set(path.child(end), node)
            }
            (3, "Map") => Self::Set(path.child(Segment::Key("new".into())), node),
            (_, "List" | "Map") if format == Format::Ini => return None,
            _ => Self::Set(path.clone(), node),
        })
    }

    fn draw_node(format: Format, dice: &mut Dice) -> Node {
        if matches!(format, Format::Yaml | Format::Json) {
            match dice.of(6) {
                0 => return Node::NESTED[dice.of(Node::NESTED.len())],
                1 => return Node::SCALARS[dice.of(Node::SCALARS.len())],
                _ => {}
            }
        }
        Node::Text(TEXTS[dice.of(TEXTS.len())])
    }

    /// The changed text; `None` where there is nothing to change, else the error's code.
    fn apply(&self, format: Format, open: Open<'_>) -> Result<Option<Cleartext>, &'static str> {
        let result = with_sealer(format, |sealer| match self {
            Self::Set(path, node) => sealer.set(open, &[(path.clone(), node.node())]),
            Self::Unset(path) => sealer.unset(open, path).map(Some),
            Self::Rename(from, to) => sealer.rename(open, from, to).map(Some),
        });
        result.map_err(|error| error.code())
    }

    /// Whether a change may be refused like that.
    fn may_fail(format: Format, text: &str, code: &str) -> bool {
        match code {
            // A second key of that name, or an encrypted value or comment where the selector wants
            // clear ones.
            "already-exists" | "would-disclose" | "stray-comment" => true,
            // Not every file type holds every text; a tag makes text of everything.
            "cannot-carry" => {
                matches!(format, Format::Dotenv | Format::Ini) || text.contains("!local")
            }
            _ => false,
        }
    }
}
