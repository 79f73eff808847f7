//! What stands in a page of recipes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use crate::support::repository;

/// The blocks of a page that are to be run, each with its mark.
pub(super) fn blocks(page: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(repository().join("docs/ci").join(page)).unwrap();
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(mark), None) => open = Some((mark.into(), String::new())),
            (Some(_), Some(_)) => found.extend(open.take()),
            (None, Some((_, text))) => writeln!(text, "{line}").unwrap(),
            (None, None) => {}
        }
    }
    found.retain(|(mark, _)| mark.contains(' '));
    found
}

/// The scripts of a page.
pub(super) fn scripts(page: &str) -> Vec<String> {
    let blocks = blocks(page).into_iter();
    let scripts: Vec<String> = blocks
        .filter(|(mark, _)| mark == "sh run")
        .map(|(_, text)| text)
        .collect();
    assert!(!scripts.is_empty(), "{page} has no script");
    scripts
}

/// What `$GITHUB_ENV` holds, as the runner reads it.
pub(super) fn heredocs(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let (name, end) = line.split_once("<<").unwrap();
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
        found.insert(name.to_owned(), value.join("\n"));
    }
    found
}
