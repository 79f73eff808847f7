//! SOPS's metadata as flat `name=value` lines, for the file types that have no nesting.
//!
//! A map's key is joined with `__map_`, a list's index with `__list_`, and a line break is written
//! as `\n`: `age__list_0__map_enc=-----BEGIN…\n…`. Nulls and empty containers leave no line. Every
//! value is text; the two fields that are not are known by name.

use std::collections::HashMap;

use crate::document::Meta;

/// Stands before a map's key.
const MAP: &str = "__map_";
/// Stands before a list's index.
const LIST: &str = "__list_";
/// How deep a name may nest; SOPS's own need five levels.
const MAX_DEPTH: usize = 32;
/// How many entries a list may have.
const MAX_LIST: usize = 10_000;

/// A line of metadata: its name without the store's prefix, and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The flattened name.
    pub name: String,
    /// The value, line breaks unescaped.
    pub value: String,
}

/// A line that contradicts another, or makes no sense.
#[derive(Debug, PartialEq, Eq)]
pub struct Clash {
    /// Its number among the lines, from 0.
    pub line: usize,
    /// What is wrong with it.
    pub why: &'static str,
}

/// A field that was put together from lines.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Meta,
    /// The number of its first line.
    pub line: usize,
}

/// Takes the metadata apart, in its own order.
pub fn flatten(meta: &[(String, Meta)]) -> Vec<Line> {
    let mut lines = Vec::new();
    for (name, value) in meta {
        flatten_into(name.clone(), value, &mut lines);
    }
    lines
}

fn flatten_into(name: String, meta: &Meta, lines: &mut Vec<Line>) {
    let value = match meta {
        Meta::Null => return,
        Meta::Bool(value) => value.to_string(),
        Meta::Int(value) => value.to_string(),
        Meta::Str(value) => value.clone(),
        Meta::List(entries) => {
            for (index, entry) in entries.iter().enumerate() {
                flatten_into(format!("{name}{LIST}{index}"), entry, lines);
            }
            return;
        }
        Meta::Map(entries) => {
            for (key, entry) in entries {
                flatten_into(format!("{name}{MAP}{key}"), entry, lines);
            }
            return;
        }
    };
    lines.push(Line { name, value });
}

/// Puts lines together to fields, in the order of their first lines.
pub fn unflatten(lines: &[Line]) -> Result<Vec<Field>, Clash> {
    let mut root = Node::Vacant;
    let mut first = HashMap::new();
    for (number, line) in lines.iter().enumerate() {
        let clash = |why| Clash { line: number, why };
        let steps = steps(&line.name).map_err(clash)?;
        if let Some(Step::Key(name)) = steps.first() {
            first.entry((*name).to_owned()).or_insert(number);
        }
        root.put(&steps, &line.value).map_err(clash)?;
    }
    let Meta::Map(entries) = root.into_meta() else {
        return Ok(Vec::new());
    };
    let fields = entries.into_iter().map(|(name, value)| Field {
        line: first.get(&name).copied().unwrap_or_default(),
        value: typed(&name, value),
        name,
    });
    Ok(fields.collect())
}

/// What becomes of lines of metadata when the metadata changes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Lines that get another value, by number.
    pub replaced: Vec<(usize, String)>,
    /// Lines that go, by number.
    pub removed: Vec<usize>,
    /// Lines that come, each with the number of the old line that it stands before.
    pub added: Vec<(usize, Line)>,
}

/// Compares lines by name. New ones take their place in the alphabet where the old ones are
/// sorted, as sops writes dotenv; else they come last.
pub fn changes(old: &[Line], new: Vec<Line>) -> Changes {
    let mut changes = Changes::default();
    let places: HashMap<&str, usize> = old
        .iter()
        .enumerate()
        .map(|(number, line)| (line.name.as_str(), number))
        .collect();
    let sorted = old.is_sorted_by(|a, b| a.name <= b.name);
    let mut kept = vec![false; old.len()];
    for line in new {
        let Some(&number) = places.get(line.name.as_str()) else {
            let place = if sorted {
                old.partition_point(|other| other.name < line.name)
            } else {
                old.len()
            };
            changes.added.push((place, line));
            continue;
        };
        if let Some(kept) = kept.get_mut(number) {
            *kept = true;
        }
        if old.get(number) != Some(&line) {
            changes.replaced.push((number, line.value));
        }
    }
    changes.removed = (0..old.len())
        .filter(|&number| kept.get(number) == Some(&false))
        .collect();
    // A line that goes takes its line break with it, so that nothing can come behind the last one.
    if changes
        .removed
        .last()
        .is_some_and(|last| last + 1 == old.len())
    {
        for (place, _) in &mut changes.added {
            *place = (*place).min(old.len() - 1);
        }
    }
    changes.added.sort_by(|a, b| {
        let names = sorted.then(|| a.1.name.cmp(&b.1.name));
        a.0.cmp(&b.0)
            .then(names.unwrap_or(std::cmp::Ordering::Equal))
    });
    changes
}

/// Writes line breaks as `\n`.
pub fn escape(value: &str) -> String {
    value.replace('\n', "\\n")
}

/// Reads `\n` as a line break.
pub fn unescape(value: &str) -> String {
    value.replace("\\n", "\n")
}

/// The type that SOPS gives a field.
fn typed(name: &str, value: Meta) -> Meta {
    match (name, value) {
        ("mac_only_encrypted", Meta::Str(text)) => Meta::Bool(text == "true"),
        ("shamir_threshold", Meta::Str(text)) => {
            text.parse().map_or_else(|_| Meta::Str(text), Meta::Int)
        }
        (_, value) => value,
    }
}

enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

fn steps(name: &str) -> Result<Vec<Step<'_>>, &'static str> {
    let mut steps = Vec::new();
    let mut rest = name;
    let mut list = false;
    loop {
        let next = match (rest.find(MAP), rest.find(LIST)) {
            (Some(map), Some(list)) if list < map => Some((list, LIST)),
            (Some(map), _) => Some((map, MAP)),
            (None, Some(list)) => Some((list, LIST)),
            (None, None) => None,
        };
        let step = next.map_or(rest, |(at, _)| rest.get(..at).unwrap_or_default());
        steps.push(if list {
            Step::Index(
                step.parse()
                    .ok()
                    .filter(|&index| index < MAX_LIST)
                    .ok_or("its list index is not a small number")?,
            )
        } else {
            Step::Key(step)
        });
        if steps.len() > MAX_DEPTH {
            return Err("its name nests too deep");
        }
        let Some((at, sign)) = next else {
            return Ok(steps);
        };
        rest = rest.get(at + sign.len()..).unwrap_or_default();
        list = sign == LIST;
    }
}

/// A node on its way to becoming a [`Meta`].
enum Node {
    Vacant,
    Leaf(String),
    List(Vec<Node>),
    Map {
        entries: Vec<(String, Node)>,
        index: HashMap<String, usize>,
    },
}

impl Node {
    fn put(&mut self, steps: &[Step<'_>], value: &str) -> Result<(), &'static str> {
        let mixed = "it contradicts another line of the metadata";
        let Some((step, rest)) = steps.split_first() else {
            return if matches!(self, Self::Vacant) {
                *self = Self::Leaf(value.to_owned());
                Ok(())
            } else {
                Err(mixed)
            };
        };
        if matches!(self, Self::Vacant) {
            *self = match step {
                Step::Index(_) => Self::List(Vec::new()),
                Step::Key(_) => Self::Map {
                    entries: Vec::new(),
                    index: HashMap::new(),
                },
            };
        }
        let child = match (step, self) {
            (&Step::Index(at), Self::List(entries)) => {
                while entries.len() <= at {
                    entries.push(Self::Vacant);
                }
                entries.get_mut(at)
            }
            (&Step::Key(key), Self::Map { entries, index }) => {
                let at = *index.entry(key.to_owned()).or_insert_with(|| {
                    entries.push((key.to_owned(), Self::Vacant));
                    entries.len() - 1
                });
                entries.get_mut(at).map(|(_, node)| node)
            }
            _ => None,
        };
        child.ok_or(mixed)?.put(rest, value)
    }

    fn into_meta(self) -> Meta {
        match self {
            Self::Vacant => Meta::Null,
            Self::Leaf(text) => Meta::Str(text),
            Self::List(entries) => Meta::List(entries.into_iter().map(Self::into_meta).collect()),
            Self::Map { entries, .. } => Meta::Map(
                entries
                    .into_iter()
                    .map(|(key, node)| (key, node.into_meta()))
                    .collect(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(value: &str) -> Meta {
        Meta::Str(value.into())
    }

    fn line(name: &str, value: &str) -> Line {
        Line {
            name: name.into(),
            value: value.into(),
        }
    }

    fn sample() -> Vec<(String, Meta)> {
        let age = |recipient: &str| {
            Meta::Map(vec![
                ("enc".into(), text("-----BEGIN\nA\n")),
                ("recipient".into(), text(recipient)),
            ])
        };
        vec![
            ("age".into(), Meta::List(vec![age("age1a"), age("age1b")])),
            ("mac_only_encrypted".into(), Meta::Bool(true)),
            ("shamir_threshold".into(), Meta::Int(2)),
            ("version".into(), text("3.11.0")),
        ]
    }

    /// Nothing can be put behind a line that goes with its line break: the edits would overlap.
    #[test]
    fn what_comes_last_comes_before_a_last_line_that_goes() {
        let old = [line("version", "3"), line("age__list_1__map_enc", "x")];
        let changes = changes(&old, vec![line("version", "3"), line("mvx_seal", "v1")]);
        assert_eq!(changes.removed, [1]);
        assert_eq!(changes.added, [(1, line("mvx_seal", "v1"))]);
    }

    #[test]
    fn flattens_as_sops_does() {
        let names: Vec<_> = flatten(&sample()).into_iter().map(|l| l.name).collect();
        assert_eq!(
            names,
            [
                "age__list_0__map_enc",
                "age__list_0__map_recipient",
                "age__list_1__map_enc",
                "age__list_1__map_recipient",
                "mac_only_encrypted",
                "shamir_threshold",
                "version",
            ]
        );
    }

    #[test]
    fn comes_back_from_lines_in_any_order() {
        let mut lines = flatten(&sample());
        lines.reverse();
        let mut fields = unflatten(&lines).unwrap();
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        let back: Vec<_> = fields.into_iter().map(|f| (f.name, f.value)).collect();
        let Some(Meta::List(entries)) = back.first().map(|(_, meta)| meta) else {
            panic!("age is a list");
        };
        assert_eq!(entries.len(), 2);
        assert_eq!(back[1..], sample()[1..]);
    }

    #[test]
    fn nulls_and_empty_lists_leave_no_line() {
        let meta = [
            ("kms".to_owned(), Meta::Null),
            ("pgp".to_owned(), Meta::List(Vec::new())),
        ];
        assert!(flatten(&meta).is_empty());
    }

    #[test]
    fn contradictions_are_found() {
        for lines in [
            vec![line("a", "1"), line("a", "2")],
            vec![line("a", "1"), line("a__map_b", "2")],
            vec![line("a__map_b", "1"), line("a__list_0", "2")],
            vec![line("a", "1"), line("a__list_x", "2")],
            vec![line("a", "1"), line("a__list_999999999999", "2")],
            vec![line("a", "1"), line(&"__map_".repeat(100), "2")],
        ] {
            assert_eq!(unflatten(&lines).unwrap_err().line, 1);
        }
    }

    #[test]
    fn changes_keep_the_order_and_touch_little() {
        let old = [line("a", "1"), line("c", "3"), line("d", "4")];
        let new = vec![line("d", "5"), line("b", "2"), line("a", "1")];
        let found = changes(&old, new);
        assert_eq!(found.replaced, [(2, "5".to_owned())]);
        assert_eq!(found.removed, [1]);
        assert_eq!(found.added, [(1, line("b", "2"))]);
        let unsorted = [line("z", "1"), line("a", "1")];
        let found = changes(
            &unsorted,
            vec![line("b", "2"), line("a", "1"), line("z", "1")],
        );
        assert_eq!(found.added, [(2, line("b", "2"))]);
    }

    fn metas() -> impl Strategy<Value = Meta> {
        let leaf = "[ -~\n]{0,12}".prop_map(Meta::Str);
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 1..4).prop_map(Meta::List),
                proptest::collection::btree_map("[a-z]{1,6}", inner, 1..4)
                    .prop_map(|map| Meta::Map(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn flat_metadata_comes_back(
            map in proptest::collection::btree_map("[a-z]{1,6}", metas(), 0..5)
        ) {
            let meta: Vec<_> = map.into_iter().collect();
            let fields = unflatten(&flatten(&meta)).unwrap();
            let back: Vec<_> = fields.into_iter().map(|f| (f.name, f.value)).collect();
            prop_assert_eq!(back, meta);
        }

        #[test]
        fn names_never_panic(names in proptest::collection::vec("(a|__map_|__list_|0|1|9|_){0,8}", 0..8)) {
            let lines: Vec<_> = names.iter().map(|name| line(name, "x")).collect();
            drop(unflatten(&lines));
        }
    }
}
