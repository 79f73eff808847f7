//! Which files a command means, and how sealed files are named.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::app::{App, READ_LIMIT};
use crate::error::{Exit, Failure};
use crate::git::{self, GitError, WorkTree};
use crate::io::IoError;
use crate::io::file::{self, Kind};
use crate::io::look::{self, Look};
use crate::io::walk::{self, Ignored};
use crate::stores::{Format, METADATA};

/// The name of the sealed file that stands beside a plaintext: `stripe.yaml` → `stripe.enc.yaml`,
/// `.env` → `.enc.env`, `id_ed25519` → `id_ed25519.enc`.
pub fn sealed_name(plain: &Path) -> PathBuf {
    let name = plain.file_name().unwrap_or_default().to_string_lossy();
    let sealed = match name.rfind('.') {
        Some(dot) => {
            let (stem, ending) = name.split_at(dot);
            format!("{stem}.enc{ending}")
        }
        None => format!("{name}.enc"),
    };
    plain.with_file_name(sealed)
}

/// Whether a name is that of a sealed file.
pub fn is_sealed_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut parts = name.rsplit('.');
    let last = parts.next();
    last == Some("enc") && name.len() > 4 || parts.next() == Some("enc")
}

/// The name of the plaintext that belongs to a sealed file; `None` if the name is not a sealed
/// one.
pub fn plain_name(sealed: &Path) -> Option<PathBuf> {
    let name = sealed.file_name()?.to_string_lossy();
    if let Some(stem) = name.strip_suffix(".enc") {
        return (!stem.is_empty()).then(|| sealed.with_file_name(stem));
    }
    let dot = name.rfind('.')?;
    let (stem, ending) = name.split_at(dot);
    let stem = stem.strip_suffix(".enc")?;
    Some(sealed.with_file_name(format!("{stem}{ending}")))
}

/// How messages call what came from standard input without a name.
pub const STDIN: &str = "standard input";

/// A path as it is typed into a shell: in quotes where it needs them.
pub fn shell_word(path: &Path) -> String {
    let text = path.to_string_lossy();
    // A name that begins with a dash would be taken for an option.
    let text = if text.starts_with('-') {
        format!("./{text}").into()
    } else {
        text
    };
    match shlex::try_quote(&text) {
        Ok(quoted) => quoted.into_owned(),
        Err(_) => text.into_owned(),
    }
}

/// Whether two paths name one file that exists.
pub fn is_same_file(one: &Path, other: &Path) -> bool {
    let real = |path| file::canonical(path).ok();
    one == other || real(one).is_some_and(|one| Some(one) == real(other))
}

/// Something stands where an output would be written, and nobody said that it may go.
pub(super) fn already_there(path: &Path) -> Failure {
    Failure::new(
        Exit::IO,
        "already-exists",
        "exists already; it was left alone",
    )
    .at(path.display())
}

/// Fails where the directory does not exist in which a file is to be made.
pub fn directory_is_there(path: &Path) -> Result<(), Failure> {
    let directory = file::directory_of(path);
    if file::kind(directory)?.is_some() {
        return Ok(());
    }
    let shown = directory.display();
    Err(Failure::new(
        Exit::IO,
        "not-found",
        format!("there is no directory `{shown}`"),
    )
    .at(path.display())
    .hint(format!("`mkdir -p {}` makes it", shell_word(directory))))
}

/// What of a directory a command wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Sealed files.
    Sealed,
    /// Files that are not sealed.
    Plain,
}

impl App<'_> {
    /// The root of the repository, or the working directory; `.` where that is the same, so that what
    /// lies below is named as the user would type it.
    pub(super) fn repository(&self) -> Result<PathBuf, Failure> {
        Ok(match git::repository_root(self.directory())? {
            Some(root) if root != self.directory() => root,
            _ => PathBuf::from("."),
        })
    }

    /// The files that the arguments name, each once: files as they are, of directories what a rule
    /// covers. Paths stay relative where they were given so.
    pub fn targets(&self, arguments: &[PathBuf], wanted: Wanted) -> Result<Vec<PathBuf>, Failure> {
        let mut targets: Vec<PathBuf> = Vec::new();
        for argument in arguments {
            let found = match file::kind(argument)? {
                Some(Kind::Directory) => self.covered(argument, wanted)?,
                Some(_) => vec![argument.clone()],
                None => return Err(no_such_file(argument, wanted)),
            };
            for path in found {
                if !targets.contains(&path) {
                    targets.push(path);
                }
            }
        }
        Ok(targets)
    }

    /// The sealed files that the arguments name, each once: files as they are, of directories all
    /// below, whether a rule covers them or not.
    pub fn sealed_at(&self, arguments: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        for argument in arguments {
            let paths = match file::kind(argument)? {
                Some(Kind::Directory) => self.sealed_below(argument)?,
                Some(_) => vec![argument.clone()],
                None => return Err(no_such_file(argument, Wanted::Sealed)),
            };
            for path in paths {
                if seen.insert(path.clone()) {
                    found.push(path);
                }
            }
        }
        Ok(found)
    }

    /// The files below a directory that a rule covers.
    fn covered(&self, directory: &Path, wanted: Wanted) -> Result<Vec<PathBuf>, Failure> {
        if wanted == Wanted::Sealed {
            let mut sealed = self.sealed_below(directory)?;
            let mut failure = None;
            sealed.retain(|path| {
                self.is_covered(path).unwrap_or_else(|error| {
                    failure = Some(error);
                    false
                })
            });
            return failure.map_or(Ok(sealed), Err);
        }
        let mut found = Vec::new();
        for path in files_below(directory, Ignored::Included)? {
            if !is_sealed_name(&path) && self.is_covered(&path)? && !has_metadata(&path)? {
                found.push(path);
            }
        }
        Ok(found)
    }

    /// The sealed files below a directory: those with a sealed name, whether a rule covers them or
    /// not, since a repository without rules has an inventory, too; and of those that a rule
    /// covers and git does not leave out the ones that were sealed under their own name, as sops
    /// does.
    pub fn sealed_below(&self, directory: &Path) -> Result<Vec<PathBuf>, Failure> {
        let mut found = Vec::new();
        // Looked at only where there is a file to look into.
        let mut in_git: Option<InGit> = None;
        for path in files_below(directory, Ignored::Included)? {
            if is_sealed_name(&path) {
                found.push(path);
                continue;
            }
            if !self.is_covered(&path)? {
                continue;
            }
            let in_git = match &mut in_git {
                Some(known) => known,
                none => none.insert(InGit::below(directory)?),
            };
            if in_git.may_hold(&path) && has_metadata(&path)? {
                found.push(path);
            }
        }
        Ok(found)
    }
}

/// Which files below a directory git has, or would take: what is built or downloaded there is not
/// searched for secrets.
pub(super) struct InGit {
    /// What no ignore rule names.
    not_ignored: HashSet<PathBuf>,
    /// The work tree, which knows what is tracked although a rule names it.
    tree: Result<Option<WorkTree>, GitError>,
}

impl InGit {
    pub(super) fn below(directory: &Path) -> Result<Self, Failure> {
        Ok(Self {
            not_ignored: files_below(directory, Ignored::Skipped)?
                .into_iter()
                .collect(),
            tree: git::work_tree_of(directory),
        })
    }

    /// Whether a file is in git or would be. Where git cannot be asked it may be: who leaves has to
    /// lose every file.
    pub(super) fn may_hold(&self, path: &Path) -> bool {
        self.not_ignored.contains(path)
            || match &self.tree {
                Ok(Some(tree)) => tree.is_tracked(path).unwrap_or(true),
                Ok(None) | Err(_) => true,
            }
    }
}

/// Fails where no new file can be made, before anything is typed: the name is that of a link which
/// leads nowhere, or what stands above it is no directory.
pub fn can_be_made(path: &Path) -> Result<(), Failure> {
    must_not_dangle(path)?;
    for above in path.ancestors().skip(1) {
        match file::kind(above)? {
            Some(Kind::Directory) => break,
            Some(_) => return Err(IoError::NotADirectory { path: above.into() }.into()),
            None => {}
        }
    }
    Ok(())
}

/// Fails for a symbolic link that leads nowhere.
fn must_not_dangle(path: &Path) -> Result<(), Failure> {
    let Some(Look {
        kind: None,
        link: Some(link),
        ..
    }) = look::look(path)?
    else {
        return Ok(());
    };
    let message = format!("a symbolic link to {}, which is not there", link.display());
    Err(Failure::new(Exit::IO, "dangling-link", message)
        .at(path.display())
        .hint(format!("`rm {}` removes the link", shell_word(path))))
}

/// A file that is not there, and what may have been meant.
pub fn no_such_file(path: &Path, wanted: Wanted) -> Failure {
    if let Err(failure) = must_not_dangle(path) {
        return failure;
    }
    let missing = Failure::from(IoError::NotFound { path: path.into() });
    match (sealed_sibling(path), wanted) {
        (Some(sealed), Wanted::Sealed) => {
            missing.hint(format!("did you mean `{}`?", sealed.display()))
        }
        (Some(sealed), Wanted::Plain) => missing.hint(format!(
            "`{}` is there: it is encrypted already",
            sealed.display()
        )),
        (None, Wanted::Sealed) => missing.hint("`mvx ls` lists the secret files"),
        (None, Wanted::Plain) => missing,
    }
}

/// The sealed file beside the name of a plaintext, where there is one.
pub fn sealed_sibling(path: &Path) -> Option<PathBuf> {
    let sealed = sealed_name(path);
    let there = matches!(file::kind(&sealed), Ok(Some(Kind::File)));
    (there && !is_sealed_name(path)).then_some(sealed)
}

/// The files below a directory, as the user would type them.
pub(super) fn files_below(directory: &Path, ignored: Ignored) -> Result<Vec<PathBuf>, Failure> {
    let files = walk::files(directory, ignored)?;
    let here = directory == Path::new(".");
    let typed = |path: PathBuf| match path.strip_prefix(".") {
        Ok(shorter) if here => shorter.to_owned(),
        _ => path,
    };
    Ok(files.into_iter().map(typed).collect())
}

/// Whether there is a `sops` block in a file.
pub(super) fn has_metadata(path: &Path) -> Result<bool, Failure> {
    let text = match file::read(path, READ_LIMIT) {
        Ok(text) => text,
        // Too large to be sealed by mvx or anyone.
        Err(IoError::TooLarge { .. }) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    Ok(is_sealed_text(path, text.as_bytes()))
}

/// Whether a file with this content is sealed.
pub(super) fn is_sealed_text(path: &Path, text: &[u8]) -> bool {
    // Most files hold the word nowhere, and are never parsed.
    if memchr::memmem::find(text, METADATA.as_bytes()).is_none() {
        return false;
    }
    let parsed = Format::from_path(path).store().parse(text);
    parsed.is_ok_and(|tree| tree.meta().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_shown_as_a_shell_takes_it() {
        for (path, word) in [
            ("a/b.enc.yaml", "a/b.enc.yaml"),
            ("my file", "'my file'"),
            ("-x", "./-x"),
            ("a'b", "\"a'b\""),
        ] {
            assert_eq!(shell_word(Path::new(path)), word);
        }
    }

    #[test]
    fn sealed_names_and_back() {
        for (plain, sealed) in [
            ("secrets/stripe.yaml", "secrets/stripe.enc.yaml"),
            (".env", ".enc.env"),
            ("prod.env", "prod.enc.env"),
            ("id_ed25519", "id_ed25519.enc"),
            ("cert.pem", "cert.enc.pem"),
            ("a.b.json", "a.b.enc.json"),
        ] {
            assert_eq!(sealed_name(Path::new(plain)), Path::new(sealed));
            assert_eq!(
                plain_name(Path::new(sealed)).as_deref(),
                Some(Path::new(plain))
            );
            assert!(is_sealed_name(Path::new(sealed)), "{sealed}");
            assert!(!is_sealed_name(Path::new(plain)), "{plain}");
        }
        assert!(!is_sealed_name(Path::new(".enc")));
    }
}
