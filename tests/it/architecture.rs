//! Holds the picture at the top of `src/lib.rs`: who may use whom, who may use which library, and
//! how long a file may be.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::repository;

/// Nothing of mvx's own.
const BASE: &[&str] = &["error", "keypath", "secret"];

/// Each module at the top of `src/` and what it may use besides itself. A new module needs a line
/// here, and an arrow in the picture.
const LAYERS: &[(&str, &[&[&str]])] = &[
    ("error", &[]),
    ("secret", &[]),
    ("keypath", &[&["error"]]),
    ("document", &[BASE]),
    ("sops", &[BASE, &["document"]]),
    ("stores", &[BASE, &["document", "sops"]]),
    ("io", &[BASE]),
    ("rules", &[BASE, PURE, &["io"]]),
    ("keys", &[BASE, &["document", "sops", "io"]]),
    ("ledger", &[BASE, PURE, &["io"]]),
    ("render", &[BASE, PURE, &["io"]]),
    ("scan", &[BASE, PURE, &["io"]]),
    ("git", &[BASE, &["io"]]),
    ("app", &[BASE, PURE, &["io"], CAPABILITIES]),
    ("cli", &[BASE, PURE, &["io"], CAPABILITIES, &["app"]]),
];

const PURE: &[&str] = &["document", "sops", "stores"];

const CAPABILITIES: &[&str] = &["git", "keys", "ledger", "render", "rules", "scan"];

/// Libraries that only some modules may use, so that each can be replaced in one place.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("age", &["keys"]),
    ("aes_gcm", &["sops"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("dialoguer", &["io"]),
    ("getrandom", &["io"]),
    ("git2", &["git"]),
    ("granit_parser", &["stores"]),
    ("ignore", &["io", "rules", "scan"]),
    ("indicatif", &["cli"]),
    ("rpassword", &["io"]),
    ("rustix", &["io"]),
    ("signal_hook", &["io"]),
    ("tempfile", &["io"]),
];

/// Lines a file may have, tests included.
const LONGEST: usize = 600;

struct Source {
    /// From the repository's root, for messages.
    name: String,
    /// The module at the top of `src/` that it belongs to.
    layer: String,
    text: String,
}

impl Source {
    /// The lines that are not tests or comments; tests stand last in a file.
    fn code(&self) -> Vec<(usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(number, line)| (number + 1, line))
            .take_while(|(_, line)| !line.starts_with("mod tests"))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
            .collect()
    }
}

#[test]
fn imports_follow_the_arrows() {
    let mut wrong = Vec::new();
    for source in sources() {
        let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == source.layer) else {
            wrong.push(format!("{}: `{}` has no layer", source.name, source.layer));
            continue;
        };
        for used in imports(&source.text) {
            let own = used == source.layer;
            if !own && !allowed.iter().any(|group| group.contains(&used.as_str())) {
                wrong.push(format!("{}: uses crate::{used}", source.name));
            }
        }
        for (number, line) in source.code() {
            if line.contains("super::super") {
                wrong.push(format!("{}:{number}: say crate::…", source.name));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "against the arrows:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn libraries_stay_in_their_modules() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (number, line) in source.code() {
            for (library, homes) in LIBRARIES {
                if names(line, library) && !homes.contains(&source.layer.as_str()) {
                    wrong.push(format!("{}:{number}: uses {library}", source.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "out of place:\n{}", wrong.join("\n"));
}

#[test]
fn files_are_short() {
    let long: Vec<String> = sources()
        .iter()
        .map(|source| (source.text.lines().count(), &source.name))
        .filter(|(lines, _)| *lines > LONGEST)
        .map(|(lines, name)| format!("{name}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "over {LONGEST}:\n{}", long.join("\n"));
    let main = fs::read_to_string(repository().join("src/main.rs")).unwrap();
    assert!(
        main.lines().count() <= 30,
        "src/main.rs only starts the library"
    );
}

#[test]
fn imports_are_found_however_they_are_written() {
    let text = "use crate::{error::{Exit, Failure}, io::{self, file}, keypath};\n\
                let x = crate::sops::open();\n\
                pub(in crate::cli) fn y() {}\n\
                use crate::\n    document::Tree;\n\
                // crate::commented::out\n";
    assert_eq!(
        imports(text),
        ["cli", "document", "error", "io", "keypath", "sops"]
    );
    assert!(names("use git2::Repository;", "git2"));
    assert!(names("    let x: age::Identity;", "age"));
    assert!(!names("storage::x", "age"));
    assert!(!names("crate::ignore::x", "ignore"));
}

/// Every file below `src/` but the two at its root that belong to no layer.
fn sources() -> Vec<Source> {
    let root = repository().join("src");
    let mut open = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(found.len() > 10, "the sources are somewhere else");
    found
        .iter()
        .filter_map(|path| source(&root, path))
        .collect()
}

fn source(root: &Path, path: &Path) -> Option<Source> {
    let inside: PathBuf = path.strip_prefix(root).unwrap().with_extension("");
    let layer = inside.components().next()?.as_os_str().to_str()?.to_owned();
    if layer == "lib" || layer == "main" {
        return None;
    }
    Some(Source {
        name: format!("src/{}", path.strip_prefix(root).unwrap().display()),
        layer,
        text: fs::read_to_string(path).unwrap(),
    })
}

/// The modules at the top of the crate that a text names after `crate::`.
fn imports(text: &str) -> Vec<String> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut found: Vec<String> = code
        .match_indices("crate::")
        .flat_map(|(at, found)| first_names(code[at + found.len()..].trim_start()))
        .collect();
    found.sort();
    found.dedup();
    found
}

/// `a::b` gives `a`; `{a::b, c}` gives `a` and `c`.
fn first_names(text: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        let text = text.trim_start();
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let Some(group) = text.strip_prefix('{') else {
        return vec![name(text)];
    };
    let mut names = vec![name(group)];
    let mut depth = 0;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name(&group[at + 1..])),
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Whether a line of code names a library at the beginning of a path.
fn names(line: &str, library: &str) -> bool {
    let path = format!("{library}::");
    line.match_indices(&path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}
