//! `mvx env example`: the names that profiles deliver, as an example for everybody.

use std::path::{Path, PathBuf};

use crate::app::App;
use crate::app::env::deliver::{Depth, Named};
use crate::app::env::place::may_be_output;
use crate::app::files::shell_word;
use crate::error::{Exit, Failure};
use crate::io::write::{self, Access};
use crate::io::{IoError, file};
use crate::render::Origin;
use crate::render::example::{Updated, Wanted, update};

/// The longest example that is read, in bytes.
const MOST: usize = 4 << 20;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExampleRequest {
    /// The profiles; the default one, or the only one, where none is named.
    pub profiles: Vec<String>,
    /// Scopes and their values.
    pub with: Vec<(String, String)>,
    /// Take over the comments that stand encrypted in the secret files, too: whoever can read the
    /// repository reads them then. Those in clear are taken over always.
    pub comments: bool,
    /// Take names out that no profile delivers any more.
    pub prune: bool,
}

/// An example and the names that belong into it.
pub struct Example {
    /// The profiles that have this example.
    pub profiles: Vec<String>,
    /// The file, as the user would type it.
    pub path: PathBuf,
    /// Names that come.
    pub added: Vec<String>,
    /// Names that go.
    pub removed: Vec<String>,
    /// Whether anything is to be written.
    pub is_needed: bool,
    names: Vec<Named>,
    prune: bool,
}

impl App<'_> {
    /// What becomes of the examples of these profiles. Nothing is written.
    pub fn plan_examples(&self, request: &ExampleRequest) -> Result<Vec<Example>, Failure> {
        let mut examples: Vec<Example> = Vec::new();
        let depth = if request.comments {
            Depth::Opened
        } else {
            Depth::Sealed
        };
        for one in self.requests(&request.profiles, &request.with)? {
            let chosen = self.profile(one.profile.as_deref())?;
            let name = chosen.profile.name.clone();
            let Some(example) = chosen.profile.example.as_deref() else {
                let message = format!("the profile `{name}` has no `example`");
                return Err(Failure::new(Exit::RULES, "no-example", message)
                    .at(self.shown(&chosen.rules))
                    .hint("`example = \".env.example\"` in it says where it is written"));
            };
            let path = self.profile_path(&chosen, example, "example")?;
            may_be_output(&path)?;
            let names = self.names(&one, depth)?.names;
            if let Some(other) = examples.iter_mut().find(|other| other.path == path) {
                other.profiles.push(name);
                for named in names {
                    if !other.names.iter().any(|known| known.name == named.name) {
                        other.names.push(named);
                    }
                }
                continue;
            }
            examples.push(Example {
                profiles: vec![name],
                path,
                added: Vec::new(),
                removed: Vec::new(),
                is_needed: false,
                names,
                prune: request.prune,
            });
        }
        for example in &mut examples {
            let old = old_text(&example.path)?;
            let new = updated(example, old.as_deref().unwrap_or_default());
            example.is_needed = old.is_none_or(|old| old != new.text);
            example.added = new.added;
            example.removed = new.removed;
            if self.is_left_out(&example.path) {
                let path = example.path.display();
                self.warn(
                    format!("{path}: git ignores it, and an example is for everybody"),
                    [format!(
                        "`git check-ignore -v {}` shows the line that says so",
                        shell_word(&example.path)
                    )],
                );
            }
        }
        Ok(examples)
    }

    /// Writes an example, on top of what stands there now.
    pub fn write_example(&self, example: &Example) -> Result<(), Failure> {
        let path = &example.path;
        let lock = self.lock(path)?;
        let old = old_text(path)?;
        let new = updated(example, old.as_deref().unwrap_or_default()).text;
        match old {
            Some(old) if old == new => {}
            Some(old) => self.replace(&lock, old.as_bytes(), new.as_bytes(), Access::Shared)?,
            None => write::create_new(path, new.as_bytes(), Access::Shared)?,
        }
        Ok(())
    }
}

fn updated(example: &Example, old: &str) -> Updated {
    // An old value is there for a day or two, and no part of what everybody needs.
    let lasting = |named: &&Named| !matches!(named.origin, Origin::Previous { .. });
    let wanted: Vec<Wanted<'_>> = example
        .names
        .iter()
        .filter(lasting)
        .map(|named| Wanted {
            name: &named.name,
            comments: &named.comments,
            group: match &named.origin {
                Origin::Secret { file, .. } => file,
                Origin::Previous { .. } | Origin::Default => "",
            },
        })
        .collect();
    update(old, &wanted, example.prune)
}

fn old_text(path: &Path) -> Result<Option<String>, Failure> {
    match file::read_text(path, MOST) {
        Ok(text) => Ok(Some(text)),
        Err(IoError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
