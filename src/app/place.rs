//! Whether a key path leads to a place that a command can use, and what to say where it does not.

use crate::app::load::OpenFile;
use crate::app::many;
use crate::document::{Item, Shape};
use crate::error::{Exit, Failure};
use crate::keypath::{KeyPath, Segment};
use crate::sops::store::line_of;
use crate::stores::METADATA;

/// Fails unless something stands at `key`.
pub(super) fn existing(file: &OpenFile, key: &KeyPath) -> Result<(), Failure> {
    let tree = &file.sealed.tree;
    let found = match key.segments.as_slice() {
        [] => tree.find_container(key).is_some(),
        _ => tree.find(key).is_some(),
    };
    if found {
        Ok(())
    } else {
        Err(missing(file, key))
    }
}

/// Fails unless a value can be put at `key`: nothing on the way stands there twice, the document
/// is there, and a list is not left with a gap.
pub(super) fn settable(file: &OpenFile, key: &KeyPath) -> Result<(), Failure> {
    unique(file, key)?;
    let tree = &file.sealed.tree;
    if tree.documents.len() < key.document {
        return Err(no_such_document(file, key));
    }
    if let Some(Segment::Key(name)) = key.segments.first()
        && name == METADATA
    {
        return Err(Failure::new(
            Exit::USAGE,
            "reserved-key",
            format!("`{METADATA}` is the name under which SOPS keeps its metadata"),
        )
        .hint("choose another name"));
    }
    if let Some((parent, Segment::Index(index))) = key.split_last()
        && let Some(length) = list_length(file, &parent)
        && *index > length
    {
        let next = parent.child(Segment::Index(length));
        return Err(Failure::new(
            Exit::NO,
            "no-such-key",
            format!("`{key}` would leave a gap: the next item of the list is `{next}`"),
        ));
    }
    Ok(())
}

/// Fails where a single value would take the place of a map or list that holds something.
pub(super) fn no_container(file: &OpenFile, key: &KeyPath) -> Result<(), Failure> {
    let Some((what, count)) = container(file, key) else {
        return Ok(());
    };
    Err(Failure::new(
        Exit::IO,
        "not-a-value",
        format!("`{key}` is a {what} of {count}; a value would take its place"),
    )
    .hint("name one of its keys, or `mvx unset` it first")
    .hint("`--type json` sets another map or list"))
}

/// What stands at `key` and how many entries it has, if it is a map or list that is not empty.
pub(super) fn container(file: &OpenFile, key: &KeyPath) -> Option<(&'static str, String)> {
    let tree = &file.sealed.tree;
    let id = tree.find_container(key)?;
    let count = tree.children(id).filter(|item| !is_comment(item)).count();
    let (what, one, more) = match tree.container(id).shape {
        Shape::Map => ("map", "key", "keys"),
        Shape::List => ("list", "item", "items"),
    };
    (count > 0).then(|| (what, many(count, one, more)))
}

/// How many items the list at `key` has.
fn list_length(file: &OpenFile, key: &KeyPath) -> Option<usize> {
    let tree = &file.sealed.tree;
    let id = tree.find_container(key)?;
    let items = tree.children(id).filter(|item| !is_comment(item));
    (tree.container(id).shape == Shape::List).then(|| items.count())
}

/// Fails where a key on the way stands twice (dotenv and JSON allow it): which one is meant?
pub(super) fn unique(file: &OpenFile, key: &KeyPath) -> Result<(), Failure> {
    let Some((key, lines)) = twice(file, key) else {
        return Ok(());
    };
    Err(Failure::new(
        Exit::IO,
        "duplicate-key",
        format!("`{key}` stands on {lines}; nothing was changed"),
    )
    .hint("`mvx edit FILE` shows them: remove all but one"))
}

/// The first key on the way to `key` that stands twice or more, and on which lines.
pub(super) fn twice(file: &OpenFile, key: &KeyPath) -> Option<(KeyPath, String)> {
    let tree = &file.sealed.tree;
    let text = file.sealed.text.as_bytes();
    (1..=key.segments.len()).find_map(|length| {
        let path = KeyPath {
            document: key.document,
            segments: key.segments.iter().take(length).cloned().collect(),
        };
        let last = path.segments.last()?;
        let lines: Vec<String> = tree
            .items
            .iter()
            .filter(|item| item.name == *last && !is_comment(item))
            .filter(|item| tree.path(item) == path)
            .map(|item| line_of(text, item.entry.start).to_string())
            .collect();
        let (last, first) = lines.split_last()?;
        (!first.is_empty()).then(|| (path, format!("lines {} and {last}", first.join(", "))))
    })
}

/// A key that is not there, with the nearest that is.
pub(super) fn missing(file: &OpenFile, key: &KeyPath) -> Failure {
    let tree = &file.sealed.tree;
    if tree.documents.len() < key.document {
        return no_such_document(file, key);
    }
    let wanted = key.to_string();
    let nearest = tree
        .items
        .iter()
        .filter(|item| !is_comment(item))
        .map(|item| tree.path(item).to_string())
        .map(|path| {
            (
                strsim::damerau_levenshtein(&path.to_lowercase(), &wanted.to_lowercase()),
                path,
            )
        })
        .filter(|(distance, path)| *distance <= (path.len().max(wanted.len()) + 1) / 4)
        .min();
    if let Some((parent, Segment::Index(_))) = key.split_last()
        && let Some(length) = list_length(file, &parent)
    {
        let count = many(length, "item", "items");
        let message = format!("there is no `{wanted}`: the list has {count}, counted from 0");
        return Failure::new(Exit::NO, "no-such-key", message)
            .hint("`mvx ls FILE` shows the keys")
            .at(&file.sealed.name);
    }
    let failure = Failure::new(Exit::NO, "no-such-key", format!("there is no `{wanted}`"));
    match nearest {
        Some((_, path)) => failure.hint(format!("did you mean `{path}`?")),
        None => failure.hint("`mvx ls FILE` shows the keys"),
    }
    .at(&file.sealed.name)
}

fn no_such_document(file: &OpenFile, key: &KeyPath) -> Failure {
    let count = file.sealed.tree.documents.len();
    Failure::new(
        Exit::NO,
        "no-such-document",
        format!(
            "there is no document {}; the file has {count}",
            key.document
        ),
    )
    .hint("`mvx ls FILE` shows the keys")
    .at(&file.sealed.name)
}

fn is_comment(item: &Item) -> bool {
    item.is_comment()
}
