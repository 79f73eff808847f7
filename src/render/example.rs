//! `.env.example`: the names that there are, with comments, and without values.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::dialects::{Dialect, Lines};

/// A name that belongs into the example.
pub struct Wanted<'a> {
    /// The name.
    pub name: &'a str,
    /// The comments that stand above it where it is new.
    pub comments: &'a [String],
    /// What it belongs to: a blank line stands between names of different groups.
    pub group: &'a str,
}

/// An example brought up to date.
#[derive(Debug, PartialEq, Eq)]
pub struct Updated {
    /// Its text.
    pub text: String,
    /// Names that came.
    pub added: Vec<String>,
    /// Names that went.
    pub removed: Vec<String>,
}

/// The names in an example, with the line of each, from 1. Of one that stands twice, the first.
pub fn names(text: &str) -> Vec<(String, usize)> {
    let lines = Lines::new(text);
    let mut seen = HashSet::new();
    let found = scan(text).into_iter();
    found
        .filter(|(name, ..)| seen.insert(name.clone()))
        .map(|(name, start, _)| (name, lines.of(start)))
        .collect()
}

/// Adds the names that are missing, each behind the one that comes before it in `wanted`. What
/// stands there stays to the byte; with `prune`, the lines of names that nobody wants any more go.
pub fn update(text: &str, wanted: &[Wanted<'_>], prune: bool) -> Updated {
    let numbers = Lines::new(text);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut places: HashMap<String, (usize, usize)> = HashMap::new();
    let mut gone: HashSet<usize> = HashSet::new();
    let mut removed = Vec::new();
    for (name, start, end) in scan(text) {
        let (first, last) = (
            numbers.of(start),
            numbers.of(end.saturating_sub(1).max(start)),
        );
        if prune && !wanted.iter().any(|one| one.name == name) {
            gone.extend(first..=last);
            if !removed.contains(&name) {
                removed.push(name);
            }
        } else {
            places.insert(name, (first, last));
        }
    }
    // What is new, by the number of the line that it stands behind.
    let mut new: BTreeMap<usize, String> = BTreeMap::new();
    let mut added = Vec::new();
    // What comes before all that is there stands above it, and above its comment.
    let first = wanted.iter().find_map(|one| places.get(one.name));
    let mut behind = first.map_or(lines.len(), |(first, _)| {
        let above = lines.get(..first.saturating_sub(1)).unwrap_or_default();
        let comment = above
            .iter()
            .rev()
            .take_while(|line| line.trim_start().starts_with('#'));
        above.len() - comment.count()
    });
    let mut group = None;
    for one in wanted {
        if let Some((_, last)) = places.get(one.name) {
            behind = *last;
            group = Some(one.group);
            continue;
        }
        let block = new.entry(behind).or_default();
        let at_the_end = first.is_none() && block.is_empty() && !text.trim().is_empty();
        if at_the_end || group.is_some_and(|group| group != one.group) {
            block.push('\n');
        }
        group = Some(one.group);
        for comment in one.comments {
            // A line break in a comment would end it.
            let comment: String = comment.chars().filter(|c| !c.is_control()).collect();
            block.push_str(format!("# {comment}").trim_end());
            block.push('\n');
        }
        block.push_str(one.name);
        block.push_str("=\n");
        added.push(one.name.to_owned());
    }
    let mut out = String::with_capacity(text.len() + new.values().map(String::len).sum::<usize>());
    let mut put = |number: usize, out: &mut String| {
        if let Some(block) = new.remove(&number) {
            if !out.is_empty() && !out.ends_with('\n') {
                out.push('\n');
            }
            out.push_str(&block);
        }
    };
    put(0, &mut out);
    for (number, line) in (1..).zip(&lines) {
        if !gone.contains(&number) {
            out.push_str(line);
        }
        put(number, &mut out);
    }
    Updated {
        text: out,
        added,
        removed,
    }
}

/// The assignments in an example: name, and the bytes at which they begin and end. npm's dotenv
/// takes any text, and for names all readers agree on what it finds.
fn scan(text: &str) -> Vec<(String, usize, usize)> {
    let reading = Dialect::Node.read(text).unwrap_or_default();
    let found = reading.found.into_iter();
    found.map(|one| (one.name, one.start, one.end)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn updated(text: &str, wanted: &[(&str, &str)], prune: bool) -> Updated {
        let comments: Vec<Vec<String>> = wanted
            .iter()
            .map(|(name, _)| {
                if *name == "C" {
                    vec!["about C".into(), String::new()]
                } else {
                    vec![]
                }
            })
            .collect();
        let wanted: Vec<Wanted<'_>> = wanted
            .iter()
            .zip(&comments)
            .map(|((name, group), comments)| Wanted {
                name,
                comments,
                group,
            })
            .collect();
        update(text, &wanted, prune)
    }

    #[test]
    fn a_new_example_is_in_the_order_of_the_files() {
        let new = updated("", &[("B", "1"), ("A", "1"), ("C", "2")], false);
        assert_eq!(new.text, "B=\nA=\n\n# about C\n#\nC=\n");
        assert_eq!(new.added, ["B", "A", "C"]);
    }

    #[test]
    fn what_stands_there_stays() {
        let text = "# ours\nA=1 # one\n\nPEM=\"x\ny\"\nOWN=z";
        let new = updated(
            text,
            &[("A", "1"), ("B", "1"), ("PEM", "1"), ("C", "1")],
            false,
        );
        assert_eq!(
            new.text,
            "# ours\nA=1 # one\nB=\n\nPEM=\"x\ny\"\n# about C\n#\nC=\nOWN=z"
        );
        assert!(new.removed.is_empty());
        let again = updated(
            &new.text,
            &[("A", "1"), ("B", "1"), ("PEM", "1"), ("C", "1")],
            false,
        );
        assert_eq!(again.text, new.text);
        let above = updated("X=\n# a\nA=1\n", &[("B", "1"), ("A", "1")], false);
        assert_eq!(above.text, "X=\nB=\n# a\nA=1\n");
        let apart = updated("OWN=z", &[("B", "1")], false);
        assert_eq!(apart.text, "OWN=z\n\nB=\n");
    }

    #[test]
    fn names_that_nobody_wants_go_when_asked() {
        let text = "A=1\nOLD=\"x\ny\"\n# comment\nB=\n";
        let new = updated(text, &[("A", "1"), ("B", "1")], true);
        assert_eq!(new.text, "A=1\n# comment\nB=\n");
        assert_eq!(new.removed, ["OLD"]);
        assert_eq!(updated(text, &[("A", "1"), ("B", "1")], false).text, text);
    }

    #[test]
    fn names_have_their_lines() {
        let found = names("# x\nA=1\nB=\"a\nb\"\nC=\nA=2\n");
        let found: Vec<(&str, usize)> = found
            .iter()
            .map(|(name, line)| (name.as_str(), *line))
            .collect();
        assert_eq!(found, [("A", 2), ("B", 3), ("C", 5)]);
    }
}
