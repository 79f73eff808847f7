//! Globs over paths, as `.gitignore` has them.

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::rules::RulesError;

/// Whether all of these can be read.
pub(super) fn check(globs: &[String]) -> Result<(), RulesError> {
    compile(globs).map(|_| ())
}

/// Makes them ready to match.
pub(super) fn compile(globs: &[String]) -> Result<Gitignore, RulesError> {
    let mut builder = GitignoreBuilder::new("");
    builder.allow_unclosed_class(false);
    for glob in globs {
        let wrong = |why: String| RulesError::Glob {
            glob: glob.clone(),
            why,
        };
        // at the beginning, these would mean a comment and the opposite
        let line = match glob.chars().next() {
            Some('#' | '!') => format!("\\{glob}"),
            _ => glob.clone(),
        };
        builder.add_line(None, &line).map_err(|error| match error {
            ignore::Error::Glob { err, .. } => wrong(err),
            other => wrong(other.to_string()),
        })?;
    }
    builder.build().map_err(|error| RulesError::Glob {
        glob: globs.join(" "),
        why: error.to_string(),
    })
}

/// Whether one of them matches the path, or a directory that it is in.
pub(super) fn is_match(globs: &Gitignore, path: &[u8]) -> bool {
    let path = String::from_utf8_lossy(path);
    let path = path.trim_start_matches(['/']);
    !path.is_empty() && globs.matched_path_or_any_parents(path, false).is_ignore()
}
