//! Where a profile may write: inside the work tree, outside of `.git` and `.mvx`, through no link,
//! and where git leaves it out of every commit.

use std::path::{Path, PathBuf};

use crate::app::App;
use crate::app::env::profile::Chosen;
use crate::app::files::{directory_is_there, has_metadata, shell_word};
use crate::error::{Exit, Failure};
use crate::git;
use crate::io::file::{self, Kind};
use crate::io::look::is_link;
use crate::rules::Rules;

/// What git does with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracking {
    /// It ignores it, or there is no git.
    LeftOut,
    /// It would take it into a commit.
    Exposed,
    /// It has it in its index.
    Tracked,
}

impl App<'_> {
    /// The path of a file that a profile writes or compares with, as the user would type it.
    /// Refuses one that could lead out of the work tree.
    pub(super) fn profile_path(
        &self,
        chosen: &Chosen,
        name: &str,
        field: &str,
    ) -> Result<PathBuf, Failure> {
        let path = chosen.rules.directory().join(name);
        if let Some(link) = link_on_the_way(chosen.rules.directory(), name)? {
            let link = self.relative(&link);
            let message = format!(
                "a symbolic link, and `{field}` of the profile `{}` follows none: it may lead out of the work tree",
                chosen.profile.name
            );
            return Err(Failure::new(Exit::IO, "symbolic-link", message)
                .at(link.display())
                .hint(format!("`rm {}` removes the link", shell_word(&link))));
        }
        let inside = chosen.rules.name_of(&path);
        if Rules::is_reserved(&inside) || inside.split('/').any(is_kept) {
            let message = format!("`{field}` leads to a file that is not for profiles");
            return Err(Failure::new(Exit::RULES, "reserved", message).at(name));
        }
        Ok(self.relative(&path))
    }

    /// What git does with a file.
    pub fn in_git(&self, path: &Path) -> Result<Tracking, Failure> {
        let Some(tree) = git::work_tree_of(file::directory_of(path))? else {
            return Ok(Tracking::LeftOut);
        };
        Ok(if tree.is_tracked(path)? {
            Tracking::Tracked
        } else if tree.has_ignore_rule(path)? {
            Tracking::LeftOut
        } else {
            Tracking::Exposed
        })
    }
}

/// The first symbolic link from a directory to a file below it.
pub(in crate::app) fn link_on_the_way(root: &Path, name: &str) -> Result<Option<PathBuf>, Failure> {
    let mut path = root.to_owned();
    for part in Path::new(name) {
        path.push(part);
        if is_link(&path)? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Refuses an output that is a secret file, or that no file can be.
pub(super) fn may_be_output(path: &Path) -> Result<(), Failure> {
    directory_is_there(path)?;
    file::is_replaceable(path)?;
    if file::kind(path)? == Some(Kind::File) && has_metadata(path)? {
        return Err(Failure::new(
            Exit::RULES,
            "encrypted-output",
            "it is an encrypted file, and a profile would write values in clear over it",
        )
        .at(path.display())
        .hint("`output` of the profile names another file"));
    }
    Ok(())
}

/// Directories in which nothing is written, in whatever case: some file systems have none.
fn is_kept(part: &str) -> bool {
    [".git", ".mvx"]
        .iter()
        .any(|kept| part.eq_ignore_ascii_case(kept))
}
