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
    ("dialects", &[BASE]),
    ("redact", &[BASE]),
    ("sops", &[BASE, &["document"]]),
    ("stores", &[BASE, &["document", "sops"]]),
    ("io", &[BASE]),
    ("rules", &[BASE, PURE, &["io"]]),
    ("keys", &[BASE, &["document", "sops", "io"]]),
    ("ledger", &[BASE, PURE, &["io"]]),
    ("render", &[BASE, PURE, &["dialects"]]),
    ("scan", &[BASE, PURE, &["io"]]),
    ("git", &[BASE, &["io"]]),
    ("import", &[BASE, PURE, &["dialects"]]),
    ("app", &[BASE, PURE, TEXTS, &["io"], CAPABILITIES]),
    ("cli", &[BASE, PURE, TEXTS, &["io"], CAPABILITIES, &["app"]]),
];

const PURE: &[&str] = &["document", "sops", "stores"];

/// Pure, and for several capabilities.
const TEXTS: &[&str] = &["dialects", "redact"];

const CAPABILITIES: &[&str] = &["git", "import", "keys", "ledger", "render", "rules", "scan"];

/// Libraries that only some modules may use, so that each can be replaced in one place.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("age", &["keys"]),
    ("aes_gcm", &["sops"]),
    ("argon2", &["scan"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("ctr", &["sops"]),
    ("dialoguer", &["io"]),
    ("getrandom", &["io"]),
    ("ghash", &["sops"]),
    ("git2", &["git"]),
    ("gix_hash", &["git"]),
    ("gix_pack", &["git"]),
    ("gix_zlib", &["git"]),
    ("granit_parser", &["stores"]),
    ("hkdf", &["sops"]),
    ("hmac", &["ledger", "scan", "sops"]),
    ("ignore", &["io", "rules", "scan"]),
    ("qrcodegen", &["app"]),
    ("quick_xml", &["keys"]),
    ("regex_automata", &["scan"]),
    ("reqsign_aws_v4", &["keys"]),
    ("reqsign_core", &["keys"]),
    ("reqsign_google", &["keys"]),
    ("rpassword", &["io"]),
    ("rsa", &["app"]),
    ("rustix", &["io"]),
    ("rustls", &["io"]),
    ("sha1", &["keys", "scan"]),
    ("signal_hook", &["io"]),
    ("tempfile", &["io"]),
    ("ureq", &["io"]),
    ("zlib_rs", &["scan"]),
];

/// Lines a file may have, tests included.
const LONGEST: usize = 600;

struct Source {
    /// From the repository's root, for messages.
    name: String,
    /// Its module's path below the crate: `["io", "file"]`. The first is its layer.
    module: Vec<String>,
    text: String,
}

impl Source {
    fn layer(&self) -> &str {
        &self.module[0]
    }

    /// The text without its tests, which stand last in a file.
    fn code(&self) -> &str {
        let end = self
            .text
            .find("\nmod tests {")
            .map_or(self.text.len(), |at| at + 1);
        &self.text[..end]
    }

    /// The lines of code without comments, counted from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..)
            .zip(self.code().lines())
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// The modules with a file of their own that it declares for tests alone.
    fn test_modules(&self) -> Vec<Vec<String>> {
        let lines: Vec<&str> = self.text.lines().collect();
        lines
            .windows(2)
            .filter(|pair| matches!(pair[0], "#[cfg(test)]" | "#[cfg(all(test, unix))]"))
            .filter_map(|pair| {
                let (_, name) = pair[1].strip_suffix(';')?.rsplit_once("mod ")?;
                Some([self.module.as_slice(), &[name.to_owned()]].concat())
            })
            .collect()
    }

    /// Whether a chain of `super::` in this line leaves the layer. Tests aside, modules are files,
    /// so that a file's depth is how often one can say `super` and stay below the crate.
    fn leaves_its_layer(&self, line: &str) -> bool {
        let depth = self.module.len();
        line.contains(&"super::".repeat(depth))
    }
}

#[test]
fn imports_follow_the_arrows() {
    let mut wrong = Vec::new();
    for source in sources() {
        let layer = source.layer();
        let Some((_, allowed)) = LAYERS.iter().find(|(known, _)| *known == layer) else {
            wrong.push(format!("{}: `{layer}` has no layer", source.name));
            continue;
        };
        for used in imports(source.code()) {
            let own = used == layer;
            if !own && !allowed.iter().any(|group| group.contains(&used.as_str())) {
                wrong.push(format!("{}: uses crate::{used}", source.name));
            }
        }
        for (number, line) in source.lines() {
            if source.leaves_its_layer(line) {
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
        for (number, line) in source.lines() {
            for (library, homes) in LIBRARIES {
                if names(line, library) && !homes.contains(&source.layer()) {
                    wrong.push(format!("{}:{number}: uses {library}", source.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "out of place:\n{}", wrong.join("\n"));
}

#[test]
fn files_are_short() {
    let long: Vec<String> = ["src", "tests", "fuzz/src", "fuzz/fuzz_targets", "benches"]
        .iter()
        .flat_map(|directory| rust_files(&repository().join(directory)))
        .map(|path| (fs::read_to_string(&path).unwrap().lines().count(), path))
        .filter(|(lines, _)| *lines > LONGEST)
        .map(|(lines, path)| {
            let path = path.strip_prefix(repository()).unwrap();
            format!("{}: {lines} lines", path.display())
        })
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

#[test]
fn code_and_tests_are_told_apart() {
    let source = |module: &[&str], text: &str| Source {
        name: String::new(),
        module: module.iter().map(|&name| name.to_owned()).collect(),
        text: text.to_owned(),
    };
    let text = "use crate::error;\n\n#[cfg(test)]\nmod tests {\n    use crate::app;\n}\n";
    assert_eq!(imports(source(&["io"], text).code()), ["error"]);
    let text =
        "#[cfg(test)]\npub(crate) mod testing;\nmod real;\n#[cfg(all(test, unix))]\nmod slow;\n";
    assert_eq!(
        source(&["keys"], text).test_modules(),
        [["keys", "testing"], ["keys", "slow"]]
    );
    let file = source(&["sops", "re2", "syntax"], "");
    assert!(!file.leaves_its_layer("use super::super::Pattern;"));
    assert!(file.leaves_its_layer("use super::super::super::keys;"));
    assert!(source(&["io"], "").leaves_its_layer("use super::keys;"));
}

/// The files that are part of the program. What is there for tests alone may look across: a format
/// is best tested with a real key.
fn sources() -> Vec<Source> {
    let every = every_source();
    let tests: Vec<Vec<String>> = every.iter().flat_map(Source::test_modules).collect();
    assert!(tests.len() > 5, "tests are declared in another way");
    every
        .into_iter()
        .filter(|source| !tests.iter().any(|test| source.module.starts_with(test)))
        .collect()
}

/// Every file below `src/` but the two at its root that belong to no layer.
fn every_source() -> Vec<Source> {
    let root = repository().join("src");
    let found = rust_files(&root);
    assert!(found.len() > 10, "the sources are somewhere else");
    found
        .iter()
        .filter_map(|path| source(&root, path))
        .collect()
}

/// Every Rust file below a directory.
fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut open = vec![directory.to_owned()];
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
    found
}

fn source(root: &Path, path: &Path) -> Option<Source> {
    let inside = path.strip_prefix(root).unwrap();
    let mut module: Vec<String> = inside
        .with_extension("")
        .components()
        .map(|part| part.as_os_str().to_str().unwrap().to_owned())
        .collect();
    if module.last().is_some_and(|name| name == "mod") {
        module.pop();
    }
    if matches!(module.as_slice(), [root] if root == "lib" || root == "main") {
        return None;
    }
    Some(Source {
        name: format!("src/{}", inside.display()),
        module,
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
