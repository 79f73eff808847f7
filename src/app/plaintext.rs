//! Plaintext and git: what is written in clear inside a work tree must be ignored there.

use std::path::{Path, PathBuf};

use crate::app::App;
use crate::app::files::shell_word;
use crate::error::{Exit, Failure};
use crate::git::{self, WorkTree};
use crate::io::look::is_link;
use crate::io::write::{self, Access};
use crate::io::{IoError, file};

/// The longest `.gitignore` that is read, in bytes.
const LIST_LIMIT: usize = 1 << 20;

impl App<'_> {
    /// Refuses a file that git would take into a commit. `what` would be in it, and `way_out` is
    /// the hint for whoever wants it so.
    pub fn must_be_ignored(&self, path: &Path, what: &str, way_out: &str) -> Result<(), Failure> {
        // The bytes go to a link's target.
        let target = file::target(path)?;
        let Some(tree) = git::work_tree_of(file::directory_of(&target))? else {
            return Ok(());
        };
        if tree.is_ignored(&target)? {
            return Ok(());
        }
        let failure =
            |message: String| Failure::new(Exit::IO, "not-ignored", message).at(path.display());
        let failure = if tree.is_tracked(&target)? {
            let word = shell_word(path);
            failure(format!(
                "git tracks this file; {what} in it would be in the next commit"
            ))
            .hint(format!(
                "`git rm --cached {word}` takes it out of git, but for its history"
            ))
        } else {
            failure(format!(
                "git does not ignore this file; {what} in it would be committed sooner or later"
            ))
            .hint(self.how_to_ignore(&tree, &target)?)
        };
        Err(failure.hint(way_out))
    }

    /// Whether git would take the file into a commit: it is in a work tree and not ignored.
    pub fn is_exposed(&self, path: &Path) -> bool {
        matches!(git::is_ignored(path), Ok(Some(false)))
    }

    /// Whether git leaves the file out of every commit.
    pub fn is_left_out(&self, path: &Path) -> bool {
        matches!(git::is_ignored(path), Ok(Some(true)))
    }

    /// Has git ignore a file by a line in the root's `.gitignore`; gives that list, where it was
    /// changed, and `None` outside of a work tree or where a rule names the file already.
    pub fn ignore(&self, path: &Path) -> Result<Option<PathBuf>, Failure> {
        let target = file::target(path)?;
        let Some(tree) = git::work_tree_of(file::directory_of(&target))? else {
            return Ok(None);
        };
        if tree.has_ignore_rule(&target)? {
            return Ok(None);
        }
        let list = tree.root().join(".gitignore");
        must_be_no_link(&list, &self.relative(&list))?;
        let lock = self.lock(&list)?;
        let old = match file::read_text(lock.target(), LIST_LIMIT) {
            Ok(old) => old,
            Err(IoError::NotFound { .. }) => String::new(),
            Err(error) => return Err(error.into()),
        };
        let gap = if old.is_empty() || old.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        let line = pattern(&tree.inside(&target)?);
        write::write(
            &list,
            format!("{old}{gap}{line}\n").as_bytes(),
            Access::Shared,
        )?;
        Ok(Some(self.relative(&list)))
    }

    /// The command that has git ignore a file.
    pub fn how_to_ignore(&self, tree: &WorkTree, path: &Path) -> Result<String, Failure> {
        let pattern = pattern(&tree.inside(path)?);
        let list = self.relative(&tree.root().join(".gitignore"));
        Ok(format!(
            "have git ignore it: `echo {} >> {}`",
            shell_word(Path::new(&pattern)),
            shell_word(&list)
        ))
    }
}

/// Fails where a `.gitignore` is a symbolic link. git follows none (gitignore(5)), and whoever can
/// put one into the repository would choose which file is written.
pub(super) fn must_be_no_link(list: &Path, shown: &Path) -> Result<(), Failure> {
    if !is_link(list)? {
        return Ok(());
    }
    Err(Failure::new(
        Exit::IO,
        "gitignore-link",
        "it is a symbolic link, which git does not follow; nothing was written through it",
    )
    .at(shown.display())
    .hint(format!(
        "see where it leads, and put a file in its place: `ls -l {}`",
        shell_word(shown)
    )))
}

/// The line of the root's `.gitignore` that names exactly this path (gitignore(5)).
fn pattern(inside: &Path) -> String {
    let parts: Vec<String> = inside
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    let mut line = String::new();
    for c in parts.join("/").chars() {
        if matches!(c, '*' | '?' | '[' | '\\') {
            line.push('\\');
        }
        line.push(c);
    }
    if line.ends_with(' ') {
        line.insert(line.len() - 1, '\\');
    }
    format!("/{line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_names_one_path() {
        for (path, line) in [
            ("a/.env", "/a/.env"),
            ("a/*?[x].env", "/a/\\*\\?\\[x].env"),
            ("#a", "/#a"),
            ("a ", "/a\\ "),
        ] {
            assert_eq!(pattern(Path::new(path)), line);
        }
    }
}
