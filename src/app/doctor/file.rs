//! One file: what it is, what git and the system make of it, whom it is sealed for, whether it opens.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Check, Checks, FileCheckup, How};
use crate::app::clean::plaintexts;
use crate::app::files::{Wanted, no_such_file, shell_word};
use crate::app::load::Sealed;
use crate::app::{App, Note};
use crate::git;
use crate::io::file::{Kind, directory_of};
use crate::io::look::look;
use crate::io::{clock, file};
use crate::sops::signet::SealState;

impl App<'_> {
    /// The files that an argument means: a directory stands for the sealed ones below it.
    pub(super) fn files_of(&self, argument: &Path) -> Vec<PathBuf> {
        let directory = matches!(file::kind(argument), Ok(Some(Kind::Directory)));
        let found = directory
            .then(|| self.sealed_below(argument).ok())
            .flatten();
        // what cannot be walked is looked at itself, and says why
        found.unwrap_or_else(|| vec![argument.to_owned()])
    }

    pub(super) fn check_file(&self, path: &Path, how: How) -> FileCheckup {
        let mut found = FileCheckup {
            path: path.to_owned(),
            format: None,
            version: None,
            written_by: None,
            last_modified: None,
            opens: None,
            seal: None,
            recipients: Vec::new(),
            rules: None,
            checks: Vec::new(),
        };
        let sealed = self.check_text(path, &mut found);
        if let Some(sealed) = &sealed {
            check_surroundings(path, &mut found.checks);
            check_plaintext(path, &mut found.checks);
            self.check_recipients(path, sealed, how, &mut found);
        }
        self.check_ruled(path, sealed.as_ref(), &mut found);
        if let Some(sealed) = sealed
            && found.opens == Some(true)
        {
            self.check_values(path, sealed, &mut found);
        }
        found
    }

    /// Whether the file is there, can be read, and is sealed.
    fn check_text(&self, path: &Path, found: &mut FileCheckup) -> Option<Sealed> {
        let mut checks = Checks::about("file", &mut found.checks);
        match look(path) {
            Ok(Some(seen)) => {
                if let Some(link) = &seen.link {
                    let text = format!("a symbolic link to {}", link.display());
                    checks.note("link", text, []);
                }
            }
            Ok(None) => {
                checks.failure("there", path, no_such_file(path, Wanted::Sealed));
                return None;
            }
            Err(error) => {
                checks.failure("there", path, error);
                return None;
            }
        }
        let sealed = match self.read_sealed(path, None) {
            Ok(sealed) => sealed,
            Err(failure) => {
                checks.failure("sealed", path, failure);
                return None;
            }
        };
        let metadata = &sealed.metadata;
        let version = metadata.version().ok().map(str::to_owned);
        let modified = metadata.last_modified().ok().map(str::to_owned);
        let by = version.as_deref().map(written_by);
        let mut text = format!("encrypted, {}", sealed.format.name());
        for (what, value) in [(", made by ", &by), (", changed ", &modified)] {
            if let Some(value) = value {
                text += what;
                text += value;
            }
        }
        checks.ok("sealed", text);
        let future = modified.as_deref().and_then(|at| at.parse().ok());
        if future.is_some_and(|at: Timestamp| at.as_second() > clock::now().as_second() + SKEW) {
            checks.note(
                "clock",
                "it was changed in the future: this machine's clock is slow, or the other one's was fast",
                ["compare the clocks: `date -u`".to_owned()],
            );
        }
        found.format = Some(sealed.format.name());
        found.version = version.as_deref().map(|version| {
            let (sops, _) = version.split_once('+').unwrap_or((version, ""));
            sops.to_owned()
        });
        found.written_by = by;
        found.last_modified = modified;
        Some(sealed)
    }

    /// Opens the file as every command does: values, MAC.
    fn check_values(&self, path: &Path, sealed: Sealed, found: &mut FileCheckup) {
        let mut checks = Checks::about("file", &mut found.checks);
        // what was left to say so far is not about this
        drop(self.take_notes());
        let outcome = self.open_sealed(sealed);
        for note in self.take_notes() {
            if let Note::Said(text) = note {
                let about = format!("{}: ", path.display());
                checks.note("opening", text.strip_prefix(&about).unwrap_or(&text), []);
            }
        }
        match outcome {
            Ok(file) => {
                checks.ok("values", "its values and its MAC are authentic");
                check_seal(file.opened.seal, &mut checks);
                found.seal = Some(file.opened.seal);
            }
            Err(failure) => {
                checks.failure("values", path, failure);
                found.opens = Some(false);
            }
        }
    }
}

/// What the system and git make of a sealed file.
fn check_surroundings(path: &Path, list: &mut Vec<Check>) {
    let mut checks = Checks::about("file", list);
    let word = shell_word(path);
    if let Ok(Some(seen)) = look(path)
        && seen.mode.is_some_and(|mode| mode & 0o002 != 0)
    {
        checks.problem(
            "mode",
            "every user of this machine can change it",
            [format!("`chmod o-w {word}` keeps them out")],
        );
    }
    let target = match file::target(path) {
        Ok(target) => target,
        Err(error) => return checks.failure("git", path, error),
    };
    let tree = match git::work_tree_of(directory_of(&target)) {
        Ok(Some(tree)) => tree,
        Ok(None) => {
            return checks.note("git", "it is in no git repository", []);
        }
        Err(error) => return checks.failure("git", path, error),
    };
    match (tree.is_tracked(&target), tree.is_ignored(&target)) {
        (Ok(true), _) => checks.ok("git", "git tracks it"),
        (Ok(false), Ok(true)) => checks.problem(
            "git",
            "git ignores it, so that nobody else gets it",
            [format!(
                "`git check-ignore -v {word}` shows why; `git add --force {word}` takes it all the same"
            )],
        ),
        (Ok(false), Ok(false)) => checks.note(
            "git",
            "git does not know it yet",
            [format!("`git add {word}` takes it into the next commit")],
        ),
        (Err(error), _) | (_, Err(error)) => checks.failure("git", path, error),
    }
}

/// What of the file is as mvx wrote it, beyond what SOPS's MAC covers (docs/seal.md).
fn check_seal(seal: SealState, checks: &mut Checks<'_>) {
    match seal {
        SealState::Valid => checks.ok(
            "seal",
            "its seal is valid: names, types, comments and recipients are as mvx wrote them",
        ),
        SealState::Missing => checks.note(
            "seal",
            "it has no seal: mvx never wrote it, or another program wrote it since",
            ["`mvx seal show FILE` compares it with its last sealed version; the next change by mvx seals it".to_owned()],
        ),
        // it does not open then, and that is told
        SealState::Broken => {}
    }
}

/// Whether the plaintext lies beside the file.
fn check_plaintext(path: &Path, list: &mut Vec<Check>) {
    let mut checks = Checks::about("file", list);
    for plain in plaintexts(path) {
        if matches!(file::kind(&plain), Ok(Some(_))) {
            let text = format!("its plaintext lies beside it: {}", plain.display());
            let hint = "`mvx clean` compares the two, and removes what is the same";
            checks.problem("plaintext", text, [hint.to_owned()]);
        }
    }
}

/// How far two clocks may be apart, in seconds, before it is worth a word.
const SKEW: i64 = 300;

/// The program that made a file, by the version it left: `3.13.3+mvx.0.1.0` is mvx's.
fn written_by(version: &str) -> String {
    match version.split_once("+mvx.") {
        Some((sops, mvx)) => format!("mvx {mvx} (in the format of sops {sops})"),
        None => format!("sops {version}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_known_by_its_version() {
        assert_eq!(
            written_by("3.13.3+mvx.0.1.0"),
            "mvx 0.1.0 (in the format of sops 3.13.3)"
        );
        assert_eq!(written_by("3.7.1"), "sops 3.7.1");
    }
}
