//! A sealed file becomes plaintext.

use std::path::{Path, PathBuf};

use crate::app::App;
use crate::app::files::{already_there, directory_is_there, is_same_file};
use crate::app::large::{LargePlain, Watch};
use crate::app::load::parse_sealed;
use crate::error::{Exit, Failure};
use crate::io::file;
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
    /// Who is told how far a large file is.
    pub watch: Watch<'a>,
}

/// What was opened.
pub struct Decrypted {
    /// The plaintext, for [`Output::Caller`].
    pub text: Option<Cleartext>,
    /// Instead of it, where that is too large to be held in memory.
    pub large: Option<LargePlain>,
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
        if let Some(target) = &target {
            self.may_write(target, &request)?;
        }
        if let Some(done) = self.decrypt_large(&request, target.as_deref())? {
            return Ok(done);
        }
        let sealed = match request.bytes {
            Some(bytes) => {
                let format = request
                    .format
                    .unwrap_or_else(|| Format::from_path(request.path));
                parse_sealed(&request.path.display().to_string(), format, bytes)?
            }
            None => {
                self.is_not_over(request.path)?;
                self.read_sealed(request.path, request.format)?
            }
        };
        let mut file = self.open_sealed(sealed)?;
        let plain = file.plaintext()?;
        let Some(target) = target else {
            return Ok(Decrypted {
                text: Some(plain),
                large: None,
                written: None,
            });
        };
        let lock = self.lock(&target)?;
        if request.output == Output::InPlace {
            let old = file.sealed.original.as_bytes();
            self.replace(&lock, old, plain.as_bytes(), Access::Private)?;
        } else if request.overwrite {
            write::write(&target, plain.as_bytes(), Access::Private)?;
        } else {
            write::create_new(&target, plain.as_bytes(), Access::Private)?;
        }
        Ok(Decrypted {
            text: None,
            large: None,
            written: Some(target),
        })
    }

    /// Refuses a place for plaintext before anything is opened.
    fn may_write(&self, target: &Path, request: &Request<'_>) -> Result<(), Failure> {
        let in_place = request.output == Output::InPlace;
        if !in_place && request.bytes.is_none() && is_same_file(target, request.path) {
            return Err(Failure::new(
                Exit::USAGE,
                "same-file",
                "the output is the encrypted file itself",
            )
            .at(target.display())
            .hint("`mvx decrypt -i FILE` decrypts it in place"));
        }
        if !in_place && !request.overwrite && file::kind(target)?.is_some() {
            return Err(already_there(target).hint("`--overwrite` replaces it"));
        }
        if in_place {
            file::is_replaceable(target)?;
        }
        directory_is_there(target)?;
        if request.allow_unignored {
            return Ok(());
        }
        self.must_be_ignored(target, "plaintext", "or write it all the same with `--allow-unignored`")
            .map_err(|mut failure| {
                if in_place {
                    // An encrypted file that git ignored would be of no use.
                    failure.hints = vec![
                        "`mvx edit FILE` changes it, and `-o` writes the plaintext elsewhere".into(),
                        "or write it all the same with `--allow-unignored`, and `mvx encrypt -i FILE` afterwards".into(),
                    ];
                }
                failure
            })
    }
}
