//! Plaintext becomes a sealed file.

use std::path::{Path, PathBuf};

use crate::app::files::{is_sealed_name, sealed_name};
use crate::app::policy::{Policy, format_of};
use crate::app::{App, READ_LIMIT, SystemRandomness, now, recipients};
use crate::error::{At as _, Exit, Failure};
use crate::io::write::{self, Access};
use crate::io::{file, random};
use crate::secret::Cleartext;
use crate::sops::metadata::Metadata;
use crate::sops::seal::Sealer;
use crate::stores::Format;

/// Where the sealed text goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Beside the plaintext, with `.enc` in its name.
    Beside,
    /// In the plaintext's place.
    InPlace,
    /// To this file.
    File(PathBuf),
    /// To whoever called.
    Caller,
}

/// What is to be sealed.
pub struct Request<'a> {
    /// The plaintext's name; its bytes are read from there unless `bytes` holds them.
    pub path: &'a Path,
    /// The plaintext, where it came from standard input.
    pub bytes: Option<Cleartext>,
    /// Where the result goes.
    pub output: Output,
    /// The type, where the name does not tell it.
    pub format: Option<Format>,
    /// Recipients given on the command line, instead of the rules'.
    pub age: &'a [String],
    /// Whether an existing file may be replaced.
    pub overwrite: bool,
}

/// What was sealed.
pub struct Encrypted {
    /// The file that was written.
    pub written: Option<PathBuf>,
    /// The sealed text, for [`Output::Caller`].
    pub text: Option<Cleartext>,
    /// The plaintext's bytes, so that it is removed only if it is still the same.
    pub plaintext: Cleartext,
    /// How many values are encrypted.
    pub encrypted: usize,
    /// How many values stand in clear because the selector says so.
    pub clear: usize,
    /// Who can open it.
    pub recipients: Vec<String>,
}

impl App<'_> {
    /// Seals a plaintext. Nothing is written unless the result was opened again and is the same.
    pub fn encrypt(&self, request: Request<'_>) -> Result<Encrypted, Failure> {
        let name = request.path.display().to_string();
        let format = request
            .format
            .unwrap_or_else(|| Format::from_path(request.path));
        let target = target(&request)?;
        let named = target.as_deref().unwrap_or(request.path);
        let policy = self.policy_for_plaintext(request.path, named, request.age)?;
        let format = request.format.or(format_of(&policy)).unwrap_or(format);
        let plaintext = match request.bytes {
            Some(bytes) => bytes,
            None => file::read(&self.absolute(request.path), READ_LIMIT)?,
        };
        let (text, encrypted, clear) = self.seal_new(&name, &plaintext, format, &policy)?;
        if let Some(target) = &target {
            let path = self.absolute(target);
            let lock = self.lock(&path)?;
            if request.output == Output::InPlace {
                write::write_if_unchanged(
                    &lock,
                    plaintext.as_bytes(),
                    text.as_bytes(),
                    Access::Shared,
                )?;
            } else if request.overwrite {
                write::write(&path, text.as_bytes(), Access::Shared)?;
            } else {
                write::create_new(&path, text.as_bytes(), Access::Shared).map_err(|error| {
                    Failure::from(error).hint(format!(
                        "`mvx edit {0}` or `mvx set {0} KEY` changes it; `--overwrite` replaces it",
                        target.display()
                    ))
                })?;
            }
        }
        let recipients = policy
            .groups
            .iter()
            .flatten()
            .map(recipients::name)
            .collect();
        Ok(Encrypted {
            text: target.is_none().then_some(text),
            written: target,
            plaintext,
            encrypted,
            clear,
            recipients,
        })
    }

    /// Seals a new file's text with a new data key.
    pub fn seal_new(
        &self,
        name: &str,
        plaintext: &Cleartext,
        format: Format,
        policy: &Policy,
    ) -> Result<(Cleartext, usize, usize), Failure> {
        let store = format.store();
        let key = random::data_key()?;
        let groups = self.wrap(&key, policy)?;
        // sops ignores selectors for binary files, and so names none in them.
        let selector = (format != Format::Binary)
            .then(|| (policy.selector.field(), policy.selector.pattern()));
        let metadata = Metadata::new(&groups, None, selector, policy.mac_only_encrypted);
        let now = now();
        let mut random = SystemRandomness::default();
        let mut sealer = Sealer {
            store,
            key: &key,
            now: &now,
            random: &mut random,
        };
        let done = sealer.seal(plaintext.as_bytes(), metadata, None).at(name)?;
        if done.references > 0 {
            self.note(format!(
                "{name}: {} aliases are written out in the encrypted file, as sops does",
                done.references
            ));
        }
        if !done.exact {
            self.note(format!(
                "{name}: opens to the same values and comments, in a slightly different layout"
            ));
        }
        Ok((done.text, done.encrypted, done.clear))
    }

    /// Removes a plaintext that was sealed, unless it changed meanwhile.
    pub fn remove_plaintext(&self, path: &Path, sealed: &Cleartext) -> Result<(), Failure> {
        let absolute = self.absolute(path);
        let lock = self.lock(&absolute)?;
        let current = file::read(lock.target(), READ_LIMIT)?;
        if current != *sealed {
            return Err(Failure::new(
                Exit::IO,
                "changed-meanwhile",
                "changed since it was sealed; it was not removed",
            )
            .at(path.display())
            .hint("seal it again"));
        }
        Ok(file::remove(&absolute)?)
    }
}

/// The file that the sealed text goes to, if any.
fn target(request: &Request<'_>) -> Result<Option<PathBuf>, Failure> {
    Ok(match &request.output {
        Output::Caller => None,
        Output::InPlace => Some(request.path.into()),
        Output::File(path) => Some(path.clone()),
        Output::Beside if is_sealed_name(request.path) => {
            return Err(Failure::new(
                Exit::ALREADY_ENCRYPTED,
                "sealed-name",
                "the name says that it is encrypted already",
            )
            .at(request.path.display())
            .hint("`-i` encrypts it in place; `mvx edit` and `mvx set` change an encrypted file"));
        }
        Output::Beside => Some(sealed_name(request.path)),
    })
}
