//! A sealed file, read and opened.

use std::path::Path;

use crate::app::{App, READ_LIMIT, SystemRandomness, now};
use crate::document::Tree;
use crate::error::{At as _, Exit, Failure};
use crate::io::file;
use crate::keys::open::unwrap_groups;
use crate::keys::{KeyProvider, Kind as KeyKind, Wrapped};
use crate::secret::{Cleartext, DataKey};
use crate::sops::change::Open;
use crate::sops::cipher::Cipher;
use crate::sops::metadata::{KeyEntry, Metadata};
use crate::sops::open::{MacCheck, Opened, open, plaintext};
use crate::sops::seal::Sealer;
use crate::sops::store::Store;
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
}

impl App<'_> {
    /// Reads a sealed file.
    pub fn read_sealed(&self, path: &Path, format: Option<Format>) -> Result<Sealed, Failure> {
        let bytes = file::read(&self.absolute(path), READ_LIMIT)?;
        let format = format.unwrap_or_else(|| Format::from_path(path));
        parse_sealed(&path.display().to_string(), format, bytes)
    }

    /// Reads and opens a sealed file.
    pub fn open_file(&self, path: &Path, format: Option<Format>) -> Result<OpenFile, Failure> {
        self.open_sealed(self.read_sealed(path, format)?)
    }

    /// Opens a sealed file: finds its data key, decrypts its values, compares its MAC.
    pub fn open_sealed(&self, sealed: Sealed) -> Result<OpenFile, Failure> {
        let name = sealed.name.clone();
        let (key, opened_by) = self.data_key(&sealed.metadata).at(&name)?;
        let cipher = Cipher::new(&key);
        let opened = open(&sealed.tree, &sealed.metadata, &cipher, MacCheck::Required).at(&name)?;
        if opened.closed_comments > 0 {
            self.note(format!(
                "{name}: {} comment(s) look encrypted and do not open; they are left as they are",
                opened.closed_comments
            ));
        }
        Ok(OpenFile {
            sealed,
            key,
            opened,
            opened_by,
        })
    }

    /// Unwraps a file's data key with what this machine holds.
    fn data_key(&self, metadata: &Metadata) -> Result<(DataKey, Vec<String>), Failure> {
        let groups: Vec<Vec<Wrapped>> = metadata
            .groups()?
            .iter()
            .map(|group| wrapped(group))
            .collect();
        let threshold = metadata.threshold()?.unwrap_or(0);
        let providers: [&dyn KeyProvider; 1] = [self.identities()];
        let found = unwrap_groups(&groups, threshold, &providers)?;
        Ok((found.key, found.recipients))
    }
}

/// Reads a sealed text.
pub fn parse_sealed(name: &str, format: Format, original: Cleartext) -> Result<Sealed, Failure> {
    let store = format.store();
    let expanded = store.expand(original.as_bytes()).at(name)?;
    let text = expanded.map_or_else(|| original.duplicate(), |expanded| expanded.text);
    let tree = store.parse(text.as_bytes()).at(name)?;
    let Some(block) = tree.meta() else {
        return Err(Failure::new(
            Exit::IO,
            "not-sealed",
            "it is not encrypted: it has no `sops` block",
        )
        .at(name)
        .hint(format!("`mvx encrypt {name}` encrypts it"))
        .hint("if its name does not tell its type, say `--format yaml|json|dotenv|ini|binary`"));
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

/// A group's recipients as the key providers see them, in the order in which sops tries them:
/// age, PGP, then the rest.
pub fn wrapped(group: &[KeyEntry]) -> Vec<Wrapped> {
    let rank = |kind: &KeyKind| match kind {
        KeyKind::Age => 0,
        KeyKind::Pgp => 1,
        _ => 2,
    };
    let mut wrapped: Vec<Wrapped> = group
        .iter()
        .map(|entry| Wrapped {
            kind: KeyKind::of_field(&entry.kind),
            recipient: entry.recipient(),
            enc: entry.enc().unwrap_or_default().into(),
        })
        .collect();
    wrapped.sort_by_key(|entry| rank(&entry.kind));
    wrapped
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
