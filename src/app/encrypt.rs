//! Plaintext becomes a sealed file.

use std::path::{Path, PathBuf};

use crate::app::files::{
    already_there, directory_is_there, is_same_file, is_sealed_name, sealed_name, shell_word,
};
use crate::app::groups::Shape;
use crate::app::large::{THRESHOLD, Watch, is_still};
use crate::app::ledger::store::{Old, Purpose, Storing};
use crate::app::policy::{Policy, format_of};
use crate::app::{App, READ_LIMIT, SystemRandomness, many, now, recipients};
use crate::error::{At as _, Exit, Failure};
use crate::git;
use crate::io::large::Large;
use crate::io::look::is_link;
use crate::io::{file, random};
use crate::ledger::event::Action;
use crate::secret::{Cleartext, DataKey};
use crate::sops::mac::Imprint;
use crate::sops::metadata::{KeyEntry, Metadata};
use crate::sops::previous::Previous;
use crate::sops::seal::{Sealed, Sealer};
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
    /// Who is told how far a large file is.
    pub watch: Watch<'a>,
}

/// What was sealed.
pub struct Encrypted {
    /// The file that was written.
    pub written: Option<PathBuf>,
    /// The sealed text, for [`Output::Caller`].
    pub text: Option<Cleartext>,
    /// The plaintext, so that it is removed only if it is still the same.
    pub plaintext: Plaintext,
    /// How many values are encrypted.
    pub encrypted: usize,
    /// How many values stand in clear because the selector says so.
    pub clear: usize,
    /// Who can open it.
    pub recipients: Vec<String>,
}

/// A plaintext as it is remembered.
pub enum Plaintext {
    /// Its bytes.
    Held(Cleartext),
    /// What it is known by, where it is too large to be held in memory.
    Hashed(Imprint),
}

/// A new file's data key and what gives it to the recipients.
pub struct NewKey {
    key: DataKey,
    groups: Vec<Vec<KeyEntry>>,
}

impl NewKey {
    /// The data key, so that what was sealed can be opened without asking anybody.
    pub(super) fn data_key(&self) -> &DataKey {
        &self.key
    }
}

/// The size in bytes up to which a file is held in memory for the sake of the ledger.
const LEDGER_THRESHOLD: u64 = 64 << 20;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl App<'_> {
    /// Seals a plaintext. Nothing is written unless the result was opened again and is the same.
    pub fn encrypt(&self, request: Request<'_>) -> Result<Encrypted, Failure> {
        let name = request.path.display().to_string();
        let target = self.free_target(&request)?;
        let named = target.as_deref().unwrap_or(request.path);
        let policy = self.policy_for_plaintext(request.path, named, request.age)?;
        let format = request
            .format
            .or(format_of(&policy))
            .unwrap_or_else(|| Format::from_path(request.path));
        if let (None, Some(target), Format::Binary) = (&request.bytes, &target, format)
            && let Some(source) = Large::open(request.path, self.threshold(target)?)?
        {
            let key = self.new_key(&policy).at(&name)?;
            let new = (&key, metadata_for(format, &policy, &key));
            if let Some(plaintext) = self.encrypt_large(&request, target, &source, new)? {
                self.warn_if_left_out(target);
                self.warn_if_closed(target, &policy);
                if self.book_of(target)?.is_some() {
                    self.warn(
                        format!(
                            "{}: it is too large to be entered into the ledger in passing",
                            target.display()
                        ),
                        ["`mvx rotation record` enters it".into()],
                    );
                }
                return Ok(Encrypted {
                    text: None,
                    written: Some(target.clone()),
                    plaintext,
                    encrypted: 1,
                    clear: 0,
                    recipients: names_of(&policy),
                });
            }
        }
        let plaintext = match request.bytes {
            Some(bytes) => bytes,
            None => file::read(request.path, READ_LIMIT)?,
        };
        let key = self.new_key(&policy).at(&name)?;
        let Sealed {
            text,
            encrypted,
            clear,
            ..
        } = self.seal_new(&name, &plaintext, format, &policy, &key)?;
        if format == Format::Dotenv && has_quotes(&plaintext) {
            self.note(format!(
                "{name}: quotes are part of its values, as with sops; `mvx import` reads them as programs do"
            ));
        }
        if let Some(target) = &target {
            let lock = self.lock(target)?;
            let old = match request.output {
                Output::InPlace => Old::Bytes(plaintext.as_bytes()),
                _ if request.overwrite => Old::Anything,
                _ => Old::Nothing,
            };
            let storing = Storing {
                path: target,
                lock: &lock,
                old,
                new: &text,
                format,
            };
            // Nobody has compared what stood there.
            let purpose = Purpose {
                changed: Action::Unknown,
                ..Purpose::of("mvx encrypt")
            };
            let events = self.store(&storing, &purpose)?;
            if events.iter().any(|one| one.event.action == Action::Unknown) {
                self.warn(
                    format!("{}: the ledger cannot tell which of its values are new ones", target.display()),
                    ["`mvx rotation record --reason scheduled FILE` says that they are; `mvx set` and `mvx edit` know".into()],
                );
            }
            self.warn_if_left_out(target);
            self.warn_if_closed(target, &policy);
        }
        Ok(Encrypted {
            text: target.is_none().then_some(text),
            written: target,
            plaintext: Plaintext::Held(plaintext),
            encrypted,
            clear,
            recipients: names_of(&policy),
        })
    }

    /// The size from which on a file is not held in memory. A ledger wants the whole result at once.
    fn threshold(&self, target: &Path) -> Result<u64, Failure> {
        Ok(match self.book_of(target)? {
            Some(_) => LEDGER_THRESHOLD,
            None => THRESHOLD,
        })
    }

    /// Where the result goes; an error where something stands there that must not be replaced.
    /// Nothing is read or asked yet, so that many files are looked at before the first is written.
    pub fn free_target(&self, request: &Request<'_>) -> Result<Option<PathBuf>, Failure> {
        let Some(target) = target(request)? else {
            return Ok(None);
        };
        if request.output == Output::InPlace {
            file::is_replaceable(&target)?;
            return Ok(Some(target));
        }
        if request.bytes.is_none() && is_same_file(&target, request.path) {
            return Err(Failure::new(
                Exit::USAGE,
                "same-file",
                "the output is the plaintext itself",
            )
            .at(target.display())
            .hint("`mvx encrypt -i FILE` encrypts it in place"));
        }
        if !request.overwrite && file::kind(&target)?.is_some() {
            return Err(already_there(&target)
                .hint("`mvx edit FILE` and `mvx set FILE KEY` change it")
                .hint("`--overwrite` replaces it"));
        }
        directory_is_there(&target)?;
        Ok(Some(target))
    }

    /// An encrypted file that git ignores would be missed by everybody else.
    pub(super) fn warn_if_left_out(&self, sealed: &Path) {
        if self.is_left_out(sealed) {
            self.warn(
                format!(
                    "{}: git ignores this encrypted file, so that it would not be committed",
                    sealed.display()
                ),
                [format!(
                    "`git check-ignore -v {0}` shows why; `git add --force {0}` takes it all the same",
                    shell_word(sealed)
                )],
            );
        }
    }

    /// A new data key, wrapped for everybody whom the policy names.
    pub fn new_key(&self, policy: &Policy) -> Result<NewKey, Failure> {
        let key = random::data_key()?;
        let groups = self.wrap(&key, policy)?;
        Ok(NewKey { key, groups })
    }

    /// Seals a new file's text.
    pub fn seal_new(
        &self,
        name: &str,
        plaintext: &Cleartext,
        format: Format,
        policy: &Policy,
        key: &NewKey,
    ) -> Result<Sealed, Failure> {
        let metadata = metadata_for(format, policy, key);
        let sealed = self.seal(name, plaintext, format, &key.key, metadata, None)?;
        let crlf = memchr::memmem::find(plaintext.as_bytes(), b"\r\n").is_some();
        if format == Format::Dotenv && crlf {
            self.note(format!(
                "{name}: its lines end with CR LF, and the CR becomes part of each value, as with sops"
            ));
        }
        Ok(sealed)
    }

    /// Seals a text, and says what became of it beyond being encrypted.
    pub(super) fn seal(
        &self,
        name: &str,
        plaintext: &Cleartext,
        format: Format,
        key: &DataKey,
        metadata: Metadata,
        previous: Option<Previous>,
    ) -> Result<Sealed, Failure> {
        let now = now();
        let mut random = SystemRandomness::default();
        let mut sealer = Sealer {
            store: format.store(),
            key,
            now: &now,
            random: &mut random,
        };
        let mark = (format == Format::Json)
            .then(|| plaintext.as_bytes().strip_prefix(BYTE_ORDER_MARK))
            .flatten();
        if mark.is_some() {
            self.note(format!(
                "{name}: left out the byte-order mark, because JSON has none and sops reads no file with one"
            ));
        }
        let text = mark.unwrap_or(plaintext.as_bytes());
        let done = sealer.seal(text, metadata, previous).at(name)?;
        if done.references > 0 {
            self.note(format!(
                "{name}: {} written out in the encrypted file, as sops does",
                many(done.references, "alias is", "aliases are")
            ));
        }
        if !done.exact {
            self.note(format!(
                "{name}: opens to the same values and comments, in a slightly different layout"
            ));
        }
        Ok(done)
    }

    /// Removes a plaintext that was sealed, unless it changed meanwhile.
    pub fn remove_encrypted(&self, path: &Path, sealed: &Plaintext) -> Result<(), Failure> {
        match sealed {
            Plaintext::Held(sealed) => self.remove_plaintext(path, sealed),
            Plaintext::Hashed(imprint) => self.remove_if(path, |file| is_still(file, imprint)),
        }
    }

    /// As [`App::remove_encrypted`], for bytes.
    pub fn remove_plaintext(&self, path: &Path, sealed: &Cleartext) -> Result<(), Failure> {
        self.remove_if(
            path,
            |target| Ok(file::read(target, READ_LIMIT)? == *sealed),
        )
    }

    fn remove_if(
        &self,
        path: &Path,
        is_same: impl FnOnce(&Path) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let lock = self.lock(path)?;
        if !is_same(lock.target())? {
            return Err(Failure::new(
                Exit::IO,
                "changed-meanwhile",
                "changed since it was sealed; it was not removed",
            )
            .at(path.display())
            .hint("`mvx encrypt --overwrite FILE` encrypts what is there now"));
        }
        let link = is_link(path)?;
        let others = file::other_names(lock.target());
        file::remove(path)?;
        let shown = path.display();
        if link {
            let target = self.relative(lock.target());
            self.warn(
                format!(
                    "{shown}: was a link, and only the link is gone; the plaintext is still in {}",
                    target.display()
                ),
                [format!("`rm {}` removes it", shell_word(&target))],
            );
        } else if let Some(others) = others {
            self.warn(
                format!("{shown}: had another name (a hard link), which still holds the plaintext"),
                [format!("`find . -inum {}` finds it", others.inode)],
            );
        }
        Ok(())
    }

    /// Warns of a plaintext that git has in its index: what is removed here stays in history.
    pub fn warn_if_committed(&self, path: &Path) {
        let tracked = git::work_tree_of(file::directory_of(path))
            .is_ok_and(|tree| tree.is_some_and(|tree| tree.is_tracked(path).unwrap_or(false)));
        if tracked {
            let word = shell_word(path);
            self.warn(
                format!(
                    "{}: git has the plaintext; whoever has the repository can read the values in its history, so change them",
                    path.display()
                ),
                [format!("`git rm --cached {word}` takes it out of the next commit, not out of history")],
            );
        }
    }
}

/// A new file's metadata.
fn metadata_for(format: Format, policy: &Policy, key: &NewKey) -> Metadata {
    // sops ignores selectors for binary files, and so names none in them.
    let selector =
        (format != Format::Binary).then(|| (policy.selector.field(), policy.selector.pattern()));
    let threshold = Shape::new(key.groups.len(), policy.threshold).threshold();
    Metadata::new(&key.groups, threshold, selector, policy.mac_only_encrypted)
}

/// Whom a policy names, each once.
fn names_of(policy: &Policy) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in policy.recipients().map(recipients::name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Whether a value of a dotenv text stands in quotes.
fn has_quotes(text: &Cleartext) -> bool {
    text.as_bytes().split(|byte| *byte == b'\n').any(|line| {
        let value = memchr::memchr(b'=', line).and_then(|at| line.get(at + 1..));
        let value = value.unwrap_or_default().trim_ascii();
        let comment = line.trim_ascii_start().starts_with(b"#");
        !comment
            && value.len() > 1
            && matches!(value.first(), Some(b'"' | b'\''))
            && value.first() == value.last()
    })
}

/// Where the result of a request goes.
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
            .hint("`mvx edit FILE` and `mvx set FILE KEY` change an encrypted file")
            .hint("if it is not encrypted, `mvx encrypt -i FILE` encrypts it in place"));
        }
        Output::Beside => Some(sealed_name(request.path)),
    })
}
