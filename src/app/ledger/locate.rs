//! A secret that is named without its file.

use std::path::PathBuf;

use super::book::Book;
use crate::app::App;
use crate::error::{Exit, Failure};
use crate::keypath::KeyPath;

/// A secret that was found by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The file, as the user would type it.
    pub path: PathBuf,
    /// The file's environment.
    pub environment: Option<String>,
    /// The key path.
    pub key: KeyPath,
}

impl App<'_> {
    /// Finds a secret by its whole key path or the last part of it, where that is unique.
    pub fn locate(&self, name: &str, environment: Option<&str>) -> Result<Located, Failure> {
        let wanted = KeyPath::parse(name)?;
        let book = self.book()?;
        if let Some(environment) = environment {
            let mut known: Vec<&str> = book
                .files
                .iter()
                .filter_map(|file| file.environment.as_deref())
                .collect();
            known.sort_unstable();
            known.dedup();
            if !known.contains(&environment) {
                let message = format!("no secret file is of the environment `{environment}`");
                return Err(Failure::new(Exit::USAGE, "no-such-environment", message)
                    .hint(format!("there are {}", known.join(", "))));
            }
        }
        let mut found: Vec<Located> = Vec::new();
        for file in &book.files {
            if environment.is_some() && file.environment.as_deref() != environment {
                continue;
            }
            for leaf in &file.state.leaves {
                let by_end = match wanted.segments.as_slice() {
                    [only] => leaf.path.segments.last() == Some(only),
                    _ => false,
                };
                if leaf.path == wanted || by_end {
                    found.push(Located {
                        path: file.path.clone(),
                        environment: file.environment.clone(),
                        key: leaf.path.clone(),
                    });
                }
            }
        }
        if found.is_empty() {
            found = deleted(&book, &wanted, environment);
        }
        // Whoever means the one at the top cannot say more than its name.
        let mut whole = found.iter().filter(|one| one.key == wanted);
        if let (Some(only), None) = (whole.next(), whole.next()) {
            return Ok(only.clone());
        }
        match found.len() {
            1 => found.pop().ok_or_else(|| no_secret(name)),
            0 => Err(no_secret(name)),
            count => {
                let message = format!("`{name}` is the name of {count} secrets");
                let failure = Failure::new(Exit::USAGE, "ambiguous", message);
                let several = found.iter().take(5);
                let hints = several.map(|one| format!("`{}` `{}`", one.path.display(), one.key));
                Err(hints.fold(
                    failure.hint("name its file, or `--environment NAME` where that is enough"),
                    Failure::hint,
                ))
            }
        }
    }
}

/// Secrets of this name that are not there any more.
fn deleted(book: &Book, wanted: &KeyPath, environment: Option<&str>) -> Vec<Located> {
    let chain = book.chain();
    let mut found = Vec::new();
    for file in &book.files {
        if environment.is_some() && file.environment.as_deref() != environment {
            continue;
        }
        for place in chain.places_of(&file.state.file) {
            let Ok(key) = KeyPath::parse(place.key) else {
                continue;
            };
            let heads = chain.heads(place);
            let is_gone = heads.iter().all(|node| node.change.fingerprint.is_none());
            let by_end =
                wanted.segments.len() == 1 && key.segments.last() == wanted.segments.last();
            if is_gone && (key == *wanted || by_end) {
                found.push(Located {
                    path: file.path.clone(),
                    environment: file.environment.clone(),
                    key,
                });
            }
        }
    }
    found
}

fn no_secret(name: &str) -> Failure {
    let message = format!("no secret file has a key `{name}`");
    Failure::new(Exit::NO, "no-such-key", message).hint("`mvx ls` lists all keys")
}
