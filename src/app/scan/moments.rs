//! What a hook has to scan: what git says, and what hook managers say in its place.

use std::path::PathBuf;

use super::{MOST_BYTES, What};
use crate::app::App;
use crate::error::{Exit, Failure};
use crate::git::objects::Objects;

impl App<'_> {
    /// What is to be scanned before a commit: what is staged. pre-commit and prek name files, which
    /// are all there are where they are told so (`--all-files`) and nothing may be staged; and a
    /// range, where they are told one.
    pub fn before_commit(&self, named: Vec<PathBuf>) -> Result<Vec<What>, Failure> {
        let mut what = vec![What::Staged];
        if let Some(range) = self.range_of_manager()? {
            what.push(What::Range(range));
        } else if !named.is_empty() && !self.has_staged()? {
            what.push(What::Listed(named));
        }
        Ok(what)
    }

    /// What is to be scanned before a push: what git's lines say. Without any, because there is
    /// nothing to push or because somebody else has read them, what `HEAD` has and the remote has
    /// not.
    pub fn before_push(&self, lines: &str, remote: Option<&str>) -> Result<Vec<What>, Failure> {
        if !lines.trim().is_empty() {
            let remote = remote.map(str::to_owned);
            return Ok(vec![What::Pushed(lines.to_owned(), remote)]);
        }
        let variable = |name| self.environment().text(name);
        let objects = self.objects()?;
        let to = match variable("PRE_COMMIT_TO_REF")? {
            Some(to) => to,
            None => variable("PRE_COMMIT_LOCAL_BRANCH")?.unwrap_or("HEAD"),
        };
        let from = variable("PRE_COMMIT_FROM_REF")?;
        let remote = remote.or(variable("PRE_COMMIT_REMOTE_NAME")?);
        let to = match objects.revision(to) {
            Ok(to) => to.to_string(),
            // a repository without a commit has nothing to push
            Err(_) if to == "HEAD" => return Ok(vec![What::Staged]),
            Err(error) => return Err(error.into()),
        };
        let from = match from.map(|from| objects.revision(from)) {
            Some(Ok(from)) => from.to_string(),
            // the remote has something that is not here: then everything is looked at
            Some(Err(_)) | None => "0".repeat(to.len()),
        };
        let lines = format!("- {to} - {from}\n");
        Ok(vec![What::Pushed(lines, remote.map(str::to_owned))])
    }

    fn has_staged(&self) -> Result<bool, Failure> {
        let walked = self.objects()?.staged(|_| {})?;
        Ok(walked.pieces > 0)
    }

    fn range_of_manager(&self) -> Result<Option<String>, Failure> {
        let variable = |name| self.environment().text(name);
        let (Some(from), Some(to)) = (
            variable("PRE_COMMIT_FROM_REF")?,
            variable("PRE_COMMIT_TO_REF")?,
        ) else {
            return Ok(None);
        };
        if from.contains("..") || to.contains("..") {
            return Err(Failure::new(
                Exit::USAGE,
                "usage",
                "PRE_COMMIT_FROM_REF and PRE_COMMIT_TO_REF name no commits",
            ));
        }
        Ok(Some(format!("{from}..{to}")))
    }

    fn objects(&self) -> Result<Objects, Failure> {
        Ok(Objects::open(
            self.directory(),
            self.environment(),
            MOST_BYTES,
        )?)
    }
}
