//! A sealed file, read and opened.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::app::entries::wrapped;
use crate::app::files::{STDIN, Wanted, is_sealed_name, no_such_file, sealed_sibling};
use crate::app::policy::format_of;
use crate::app::{App, READ_LIMIT, SystemRandomness, now};
use crate::document::Tree;
use crate::error::{At as _, Exit, Failure};
use crate::io::{IoError, file};
use crate::keys::open::{OpenFailure, Opened as Unwrapped, Share, list, unwrap_groups};
use crate::keys::{Wrapped, short};
use crate::secret::{Cleartext, DataKey};
use crate::sops::change::Open;
use crate::sops::metadata::{Metadata, VERSION};
use crate::sops::open::{Check, Opened, open, plaintext};
use crate::sops::seal::Sealer;
use crate::sops::store::Store;
use crate::sops::version::is_readable;
use crate::stores::Format;

/// A sealed file as it was read, not opened.
pub struct Sealed {
    /// How the user named it.
    pub name: String,
    /// Its type.
    pub format: Format,
    /// Its text as it stands on the disk.
    pub original: Cleartext,
    /// The text that `tree` is of: the same, aliases written out.
    pub text: Cleartext,
    /// What stands in it.
    pub tree: Tree,
    /// Its metadata.
    pub metadata: Metadata,
}

/// A sealed file, opened.
pub struct OpenFile {
    /// The file.
    pub sealed: Sealed,
    /// Its data key.
    pub key: DataKey,
    /// Its values.
    pub opened: Opened,
    /// Whose entries opened it.
    pub opened_by: Vec<String>,
    /// What was in the entries of key groups on the way to its data key.
    pub shares: Vec<Share>,
    /// Envelopes in it that do not open: none, unless it is there to be repaired.
    pub closed: Vec<Cleartext>,
}

impl App<'_> {
    /// Reads a sealed file. Its type is what `format` says, else what its name tells, else what
    /// the rules say.
    pub fn read_sealed(&self, path: &Path, format: Option<Format>) -> Result<Sealed, Failure> {
        let name = path.display().to_string();
        let read = || {
            file::read(path, READ_LIMIT).map_err(|error| match error {
                IoError::NotFound { .. } => no_such_file(path, Wanted::Sealed),
                error => error.into(),
            })
        };
        if let Some(format) = format {
            return parse_sealed(&name, format, read()?);
        }
        let named = Format::from_path(path);
        let ruled = || {
            // A pipe can be read once.
            if !matches!(file::kind(path), Ok(Some(file::Kind::File))) {
                return None;
            }
            // Broken rules keep nobody from opening a file.
            let policy = self.policy_if_any(path).ok()?;
            format_of(&policy?).filter(|ruled| *ruled != named)
        };
        let sealed = parse_sealed(&name, named, read()?);
        match sealed.is_err().then(ruled) {
            Some(Some(ruled)) => parse_sealed(&name, ruled, read()?),
            _ => sealed,
        }
    }

    /// Reads and opens a sealed file.
    pub fn open_file(&self, path: &Path, format: Option<Format>) -> Result<OpenFile, Failure> {
        self.open_sealed(self.read_sealed(path, format)?)
    }

    /// Opens a sealed file: finds its data key, decrypts its values, compares its MAC and its seal.
    pub fn open_sealed(&self, sealed: Sealed) -> Result<OpenFile, Failure> {
        let name = sealed.name.clone();
        let unwrapped = self.data_key(&sealed)?;
        let key = unwrapped.key;
        let opened = open(&sealed.tree, &sealed.metadata, &key, Check::Required).at(&name)?;
        if !sealed.metadata.version().is_ok_and(is_readable) {
            let warning = format!("{name}: sops refuses this file over its `version`");
            let hint = format!("`mvx set`, as any other change of it, writes `{VERSION}` there");
            self.warn(warning, [hint]);
        }
        if opened.closed_comments > 0 {
            self.note(format!(
                "{name}: {} comment(s) look encrypted and do not open; they are left as they are",
                opened.closed_comments
            ));
        }
        let file = OpenFile {
            sealed,
            key,
            opened,
            opened_by: unwrapped.recipients,
            shares: unwrapped.shares,
            closed: Vec::new(),
        };
        self.trust(&file)?;
        Ok(file)
    }

    /// A file's data key, and whose entries opened it.
    pub(super) fn data_key(&self, sealed: &Sealed) -> Result<Unwrapped, Failure> {
        let name = &sealed.name;
        let unwrapped = self.unwrap_key(name, &sealed.metadata).at(name)?;
        for recipient in &unwrapped.recipients {
            self.detail(1, || {
                let by = self.name_of(Path::new(name), recipient);
                format!("{name}: opened by the identity of {by}")
            });
        }
        Ok(unwrapped)
    }

    /// Unwraps a file's data key with what this machine holds.
    pub(super) fn unwrap_key(&self, name: &str, metadata: &Metadata) -> Result<Unwrapped, Failure> {
        self.record_opening(name)?;
        let mut groups: Vec<Vec<Wrapped>> = metadata
            .groups()?
            .iter()
            .map(|group| wrapped(group))
            .collect();
        if self.offline {
            for group in &mut groups {
                group.retain(|entry| !self.is_at_service(entry));
            }
        }
        let known = self.known_keys.get();
        if let Some(known) = known.and_then(|known| known.find(&groups)) {
            return Ok(known);
        }
        let threshold = metadata.threshold()?.unwrap_or(0);
        let (keyring, order) = (self.keyring(), self.order()?);
        let outcome = unwrap_groups(&groups, threshold, keyring.providers(), &order);
        self.detail(2, || {
            let held = keyring.report().held.into_iter().map(|held| {
                let what = held.recipient.as_deref().map_or(held.kind.clone(), short);
                format!("identity {what} from {}", held.source)
            });
            held.collect::<Vec<_>>().join("\n")
        });
        match outcome {
            Ok(found) => {
                if let Some(known) = known {
                    known.add(&groups, &found);
                }
                self.prefetch(name, &groups, &found);
                Ok(found)
            }
            Err(OpenFailure::NoIdentity(tried)) => {
                let sealed_for = self.sealed_for(Path::new(name), &groups);
                let causes: Vec<String> = std::iter::once(sealed_for)
                    // The first line names the recipients without what the rules call them.
                    .chain(tried.lines().skip(1).map(str::to_owned))
                    .collect();
                let message = tried.to_string();
                let mut failure = Failure::from(OpenFailure::NoIdentity(tried));
                failure.error = with_causes(message, causes);
                Err(failure)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// Whether a service decides about an entry, over a network.
    pub(super) fn is_at_service(&self, entry: &Wrapped) -> bool {
        let provider = self.keyring().provider(&entry.kind);
        provider.is_some_and(|provider| provider.outlook(entry).host.is_some())
    }

    /// Whom a file is sealed for, as the rules call them.
    fn sealed_for(&self, path: &Path, groups: &[Vec<Wrapped>]) -> String {
        let names = |group: &Vec<Wrapped>, conjunction| {
            let mut names: Vec<String> = Vec::new();
            for entry in group {
                let name = self.name_of(path, &entry.recipient);
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            list(names, conjunction)
        };
        match groups {
            [only] => format!("it is sealed for {}", names(only, "and")),
            groups => {
                let groups = groups.iter().map(|group| names(group, "or")).collect();
                format!("its key groups are sealed for {}", list(groups, "and for"))
            }
        }
    }

    /// A recipient with its name in the rules: `ana (age1q…x7)`.
    pub fn name_of(&self, path: &Path, recipient: &str) -> String {
        match self.register_name(path, recipient) {
            Some(name) => format!("{name} ({})", short(recipient)),
            None => short(recipient),
        }
    }
}

/// The data keys of files that are opened more than once, so that nobody has to touch a device
/// twice for one file. By a hash of what wraps them.
#[derive(Default)]
pub struct KnownKeys {
    keys: Mutex<HashMap<[u8; 32], Unwrapped>>,
}

impl KnownKeys {
    fn find(&self, groups: &[Vec<Wrapped>]) -> Option<Unwrapped> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.get(&Self::name(groups)).map(Unwrapped::duplicate)
    }

    /// Remembers the data key that these entries wrap.
    pub(super) fn add(&self, groups: &[Vec<Wrapped>], found: &Unwrapped) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(Self::name(groups), found.duplicate());
    }

    fn name(groups: &[Vec<Wrapped>]) -> [u8; 32] {
        let mut hash = Sha256::new();
        for group in groups {
            hash.update(group.len().to_be_bytes());
            for text in group
                .iter()
                .flat_map(|entry| [&entry.recipient, &entry.enc])
            {
                hash.update(text.len().to_be_bytes());
                hash.update(text);
            }
        }
        hash.finalize().into()
    }
}

/// An error with a line for each cause.
pub fn with_causes(message: String, causes: Vec<String>) -> anyhow::Error {
    let mut lines = std::iter::once(message).chain(causes).rev();
    let last = anyhow::Error::msg(lines.next().unwrap_or_default());
    lines.fold(last, anyhow::Error::context)
}

/// Reads a sealed text.
pub fn parse_sealed(name: &str, format: Format, original: Cleartext) -> Result<Sealed, Failure> {
    let store = format.store();
    let expanded = store.expand(original.as_bytes()).at(name)?;
    let text = match expanded {
        Some(expanded) => expanded.text,
        None if format == Format::Dotenv => as_written(&original),
        None => original.duplicate(),
    };
    let tree = store.parse(text.as_bytes()).at(name)?;
    let Some(block) = tree.meta() else {
        return Err(not_sealed(name, format));
    };
    let metadata = Metadata::from_block(block);
    Ok(Sealed {
        name: name.into(),
        format,
        original,
        text,
        tree,
        metadata,
    })
}

/// A sealed dotenv file as it was written: git may have put a CR at the end of every line
/// (`core.autocrlf`), which would become part of every value. Nobody writes the metadata's lines with
/// one.
fn as_written(text: &Cleartext) -> Cleartext {
    let bytes = text.as_bytes();
    let ends = memchr::memchr_iter(b'\n', bytes).count();
    if ends == 0 || memchr::memmem::find_iter(bytes, b"\r\n").count() != ends {
        return text.duplicate();
    }
    let mut written = Cleartext::default();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(line) => {
                written.push(line);
                written.push(b"\n");
            }
            None => written.push(line),
        }
    }
    written
}

/// A file without a `sops` block where a sealed one is needed.
fn not_sealed(name: &str, format: Format) -> Failure {
    let failure = Failure::new(
        Exit::IO,
        "not-encrypted",
        "it is not encrypted: it has no `sops` block",
    )
    .at(name);
    let path = Path::new(name);
    let failure = match sealed_sibling(path) {
        _ if name == STDIN => failure,
        Some(sibling) => failure.hint(format!("did you mean `{}`?", sibling.display())),
        None if is_sealed_name(path) => failure.hint("`mvx encrypt -i FILE` encrypts it in place"),
        None => failure.hint("`mvx encrypt FILE` encrypts it"),
    };
    if format == Format::Binary {
        return failure
            .hint("its name does not tell its type: `--format yaml|json|dotenv|ini` does");
    }
    failure
}

impl OpenFile {
    /// The file's type.
    pub fn store(&self) -> &'static dyn Store {
        self.sealed.format.store()
    }

    /// The file as it was before it was sealed.
    pub fn plaintext(&mut self) -> Result<Cleartext, Failure> {
        let (text, tree) = (self.sealed.text.as_bytes(), &self.sealed.tree);
        plaintext(self.sealed.format.store(), text, tree, &mut self.opened).at(&self.sealed.name)
    }

    /// The file as changes see it.
    pub fn view(&self) -> Open<'_> {
        Open {
            text: self.sealed.text.as_bytes(),
            tree: &self.sealed.tree,
            opened: &self.opened,
        }
    }

    /// Runs a change on the sealed text with this file's key.
    pub fn change<T>(
        &self,
        change: impl FnOnce(&mut Sealer<'_>, Open<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let now = now();
        let mut random = SystemRandomness::default();
        let mut sealer = Sealer {
            store: self.store(),
            key: &self.key,
            now: &now,
            random: &mut random,
        };
        change(&mut sealer, self.view()).map_err(|failure| failure.at(&self.sealed.name))
    }
}
