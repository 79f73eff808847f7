//! A sealed file becomes plaintext.

use std::path::{Path, PathBuf};

use crate::app::App;
use crate::app::load::parse_sealed;
use crate::error::{Exit, Failure};
use crate::git;
use crate::io::write::{self, Access};
use crate::secret::Cleartext;
use crate::stores::Format;

/// Where the plaintext goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// To whoever called.
    Caller,
    /// In the sealed file's place.
    InPlace,
    /// To this file.
    File(PathBuf),
}

/// What is to be opened.
pub struct Request<'a> {
    /// The file's name; its bytes are read from there unless `bytes` holds them.
    pub path: &'a Path,
    /// The sealed text, where it came from standard input.
    pub bytes: Option<Cleartext>,
    /// The type, where the name does not tell it.
    pub format: Option<Format>,
    /// Where the plaintext goes.
    pub output: Output,
    /// Whether a file that git does not ignore may hold plaintext.
    pub allow_unignored: bool,
    /// Whether an existing file may be replaced.
    pub overwrite: bool,
}

/// What was opened.
pub struct Decrypted {
    /// The plaintext, for [`Output::Caller`].
    pub text: Option<Cleartext>,
    /// The file that was written.
    pub written: Option<PathBuf>,
}

impl App<'_> {
    /// Opens a sealed file.
    pub fn decrypt(&self, request: Request<'_>) -> Result<Decrypted, Failure> {
        let target = match &request.output {
            Output::Caller => None,
            Output::InPlace => Some(request.path.to_owned()),
            Output::File(path) => Some(path.clone()),
        };
        if let (Some(target), false) = (&target, request.allow_unignored) {
            self.must_be_ignored(target)?;
        }
        let sealed = match request.bytes {
            Some(bytes) => {
                let format = request
                    .format
                    .unwrap_or_else(|| Format::from_path(request.path));
                parse_sealed(&request.path.display().to_string(), format, bytes)?
            }
            None => self.read_sealed(request.path, request.format)?,
        };
        let mut file = self.open_sealed(sealed)?;
        let plain = file.plaintext()?;
        let Some(target) = target else {
            return Ok(Decrypted {
                text: Some(plain),
                written: None,
            });
        };
        let absolute = self.absolute(&target);
        let lock = self.lock(&absolute)?;
        if request.output == Output::InPlace {
            let old = file.sealed.original.as_bytes();
            write::write_if_unchanged(&lock, old, plain.as_bytes(), Access::Private)?;
        } else if request.overwrite {
            write::write(&absolute, plain.as_bytes(), Access::Private)?;
        } else {
            write::create_new(&absolute, plain.as_bytes(), Access::Private)
                .map_err(|error| Failure::from(error).hint("`--overwrite` replaces it"))?;
        }
        Ok(Decrypted {
            text: None,
            written: Some(target),
        })
    }

    /// Plaintext inside a work tree must be ignored by git.
    fn must_be_ignored(&self, path: &Path) -> Result<(), Failure> {
        if git::is_ignored(&self.absolute(path))? != Some(false) {
            return Ok(());
        }
        let name = path.display().to_string();
        Err(Failure::new(
            Exit::IO,
            "not-ignored",
            "git does not ignore this file; plaintext there would be committed sooner or later",
        )
        .at(&name)
        .hint(format!(
            "add it to .gitignore: `echo '{name}' >> .gitignore`"
        ))
        .hint("or write it anyway with `--allow-unignored`"))
    }
}
