//! Binary files that are too large to be held in memory: sealed and opened in pieces.
//!
//! Small ones go another way to the same result. So does a large one of which `sops/stream.rs`
//! cannot tell what it is, and one that lost its seal and has to be compared with git.

use std::path::Path;

use crate::app::decrypt::{self, Decrypted};
use crate::app::encrypt::{self, NewKey, Plaintext};
use crate::app::load::{Sealed, parse_sealed};
use crate::app::{App, SystemRandomness, now};
use crate::error::{At as _, Exit, Failure};
use crate::io::large::Large;
use crate::io::write::{self, Access, Draft, Existing};
use crate::secret::DataKey;
use crate::sops::mac::{Imprint, Mac};
use crate::sops::metadata::Metadata;
use crate::sops::open::OpenError;
use crate::sops::seal::{SealError, Sealer};
use crate::sops::signet::SealState;
use crate::sops::stream::outline::{NoOutline, Outliner, Search};
use crate::sops::stream::{self, Checked, Sealing, Value};
use crate::stores::{Format, METADATA};

/// The size in bytes above which a binary file is not held in memory.
pub const THRESHOLD: u64 = 1 << 20;

/// Is told how far a long piece of work is: bytes done, bytes in all.
pub type Watch<'w> = &'w dyn Fn(u64, u64);

/// A large sealed file that was checked, and can be printed.
pub struct LargePlain {
    file: LargeFile,
    key: DataKey,
    checked: Checked,
}

/// A large sealed file, not opened.
struct LargeFile {
    source: Large,
    /// Its outline.
    sealed: Sealed,
    value: Value,
}

impl App<'_> {
    /// Seals a large file; `None` where it must be looked at as a whole.
    pub(super) fn encrypt_large(
        &self,
        request: &encrypt::Request<'_>,
        target: &Path,
        source: &Large,
        (key, metadata): (&NewKey, Metadata),
    ) -> Result<Option<Plaintext>, Failure> {
        let name = request.path.display().to_string();
        if source.len() > stream::LIMIT {
            return Err(too_large(&name));
        }
        if may_be_sealed(source)? {
            return match LargeFile::find(&name, source)? {
                Some(_) => Err(SealError::AlreadySealed).at(&name),
                None => Ok(None),
            };
        }
        let lock = self.lock(target)?;
        let in_place = request.output == encrypt::Output::InPlace;
        let existing = if in_place || request.overwrite {
            Existing::Replace
        } else {
            Existing::Refuse
        };
        let target = if in_place { lock.path() } else { target };
        write::write_draft(target, Access::Shared, existing, |draft| {
            let work = Work::new(request.watch, source.len() * 2);
            let imprint = seal(&name, draft, source, (key.data_key(), metadata), &work)?;
            prove(&name, draft, key.data_key(), &work)?;
            if in_place && !is_still(request.path, &imprint)? {
                return Err(changed(request.path));
            }
            Ok(Some(Plaintext::Hashed(imprint)))
        })
    }

    /// Opens a large file; `None` where it must be looked at as a whole.
    pub(super) fn decrypt_large(
        &self,
        request: &decrypt::Request<'_>,
        target: Option<&Path>,
    ) -> Result<Option<Decrypted>, Failure> {
        let (path, name) = (request.path, request.path.display().to_string());
        let format = request.format.unwrap_or_else(|| Format::from_path(path));
        let is_file = request.bytes.is_none() && format == Format::Binary;
        // What is wrong with its name is said where small files are read.
        let source = is_file.then(|| Large::open(path, THRESHOLD).ok().flatten());
        let Some(source) = source.flatten() else {
            return Ok(None);
        };
        let Some((sealed, value)) = LargeFile::find(&name, &source)? else {
            return Ok(None);
        };
        let file = LargeFile {
            source,
            sealed,
            value,
        };
        // Should it go the other way after all, nobody is asked for a key twice.
        self.known_keys.get_or_init(Default::default);
        let key = self.data_key(&file.sealed)?.key;
        let has_seal = file.sealed.metadata.seal().is_some();
        if !has_seal && !self.never_had_a_seal(path, &key, format)? {
            return Ok(None);
        }
        let Some(target) = target else {
            let work = Work::new(request.watch, file.value.length() * 2);
            let checked = file.open(&key, &work, |_| Ok(()))?.checked;
            return Ok(Some(Decrypted {
                text: None,
                large: Some(LargePlain { file, key, checked }),
                written: None,
            }));
        };
        let lock = self.lock(target)?;
        let in_place = request.output == decrypt::Output::InPlace;
        let existing = if in_place || request.overwrite {
            Existing::Replace
        } else {
            Existing::Refuse
        };
        let place = if in_place { lock.path() } else { target };
        write::write_draft(place, Access::Private, existing, |draft| {
            let work = Work::new(request.watch, file.value.length());
            file.open(&key, &work, |plain| Ok(draft.push(plain)?))?;
            if in_place {
                file.source.must_be_unchanged()?;
            }
            Ok::<_, Failure>(())
        })?;
        Ok(Some(Decrypted {
            text: None,
            large: None,
            written: Some(target.to_owned()),
        }))
    }
}

/// Whether the file at `path` has exactly the content that an imprint is of.
pub(super) fn is_still(path: &Path, imprint: &Imprint) -> Result<bool, Failure> {
    let Some(file) = Large::open(path, 0)? else {
        return Ok(false);
    };
    let mut mac: Mac = imprint.begin();
    file.each(0..file.len(), |piece| {
        mac.add_piece(piece);
        Ok::<_, Failure>(())
    })?;
    Ok(imprint.is_of(mac))
}

impl LargePlain {
    /// The length of the plaintext in bytes.
    pub fn length(&self) -> u64 {
        self.file.value.length()
    }

    /// Hands out the plaintext. The sealed file is read a second time: nothing of a piece comes out
    /// that is not what was checked.
    pub fn each(
        self,
        watch: Watch<'_>,
        mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Self { file, key, checked } = self;
        let name = &file.sealed.name;
        let changed = |_: stream::Changed| {
            let message = "changed while it was read; not all of it was printed";
            Failure::new(Exit::IO, "changed-meanwhile", message)
                .at(name)
                .hint("throw away what was printed, and run the command again")
        };
        let length = file.value.length();
        let work = Work::new(watch, length * 2);
        work.add(length);
        let mut again = file.value.open_again(&key, checked);
        file.source.each(file.value.bulk(), |piece| {
            let plain = again.update(piece).map_err(changed)?;
            work.add(plain.len() as u64);
            take(plain)
        })?;
        take(again.finish().map_err(changed)?.as_bytes())
    }
}

impl LargeFile {
    /// What a large file's outline says; `None` where it has none, or one that does not say enough.
    fn find(name: &str, source: &Large) -> Result<Option<(Sealed, Value)>, Failure> {
        let mut outliner = Outliner::default();
        let read = source.each(0..source.len(), |piece| {
            outliner.update(piece).map_err(|NoOutline| Stop::NoOutline)
        });
        match read {
            Ok(()) => {}
            Err(Stop::NoOutline) => return Ok(None),
            Err(Stop::Io(failure)) => return Err(failure),
        }
        let Ok(outline) = outliner.finish() else {
            return Ok(None);
        };
        let Ok(sealed) = parse_sealed(name, Format::Binary, outline.text.duplicate()) else {
            return Ok(None);
        };
        let value = Value::find(&outline, &sealed.tree, &sealed.metadata);
        Ok(value.map(|value| (sealed, value)))
    }

    /// Opens it and hands out the plaintext, which nobody may use before this is done.
    fn open(
        &self,
        key: &DataKey,
        work: &Work<'_>,
        take: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<stream::Opened, Failure> {
        open((&self.sealed, &self.value), &self.source, key, work, take)
    }
}

/// Why an outline ends.
enum Stop {
    NoOutline,
    Io(Failure),
}

impl From<crate::io::IoError> for Stop {
    fn from(error: crate::io::IoError) -> Self {
        Self::Io(error.into())
    }
}

fn open(
    (sealed, value): (&Sealed, &Value),
    source: &Large,
    key: &DataKey,
    work: &Work<'_>,
    mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<stream::Opened, Failure> {
    if value.length() > stream::LIMIT {
        return Err(too_large(&sealed.name));
    }
    let failed = |error: OpenError| Failure::from(error).at(&sealed.name);
    let mut opening = value.open(key, &sealed.metadata).map_err(failed)?;
    source.each(value.bulk(), |piece| {
        let plain = opening.update(piece).map_err(failed)?;
        work.add(plain.len() as u64);
        take(plain)
    })?;
    let opened = opening.finish(key, &sealed.metadata).map_err(failed)?;
    take(opened.last.as_bytes())?;
    Ok(opened)
}

/// Seals what `source` holds into a draft.
fn seal(
    name: &str,
    draft: &mut Draft<'_>,
    source: &Large,
    (key, metadata): (&DataKey, Metadata),
    work: &Work<'_>,
) -> Result<Imprint, Failure> {
    let failed = |error: SealError| Failure::from(error).at(name);
    let now = now();
    let mut random = SystemRandomness::default();
    let sealer = Sealer {
        store: Format::Binary.store(),
        key,
        now: &now,
        random: &mut random,
    };
    let mut sealing = Sealing::new(sealer, metadata, source.len()).map_err(failed)?;
    draft.push(sealing.head())?;
    let mut out = Vec::new();
    source.each(0..source.len(), |plain| {
        out.clear();
        sealing.update(plain, &mut out).map_err(failed)?;
        work.add(plain.len() as u64);
        Ok::<_, Failure>(draft.push(&out)?)
    })?;
    out.clear();
    let imprint = sealing.finish(&mut out).map_err(failed)?;
    draft.push(&out)?;
    Ok(imprint)
}

/// Opens what was written, which has a MAC of the plaintext that was read.
fn prove(name: &str, draft: &Draft<'_>, key: &DataKey, work: &Work<'_>) -> Result<(), Failure> {
    let written = draft.written()?;
    let proof = || Failure::from(SealError::Proof).at(name);
    let (sealed, value) = LargeFile::find(name, &written)?.ok_or_else(proof)?;
    let opened = open((&sealed, &value), &written, key, work, |_| Ok(()));
    match opened {
        Ok(opened) if opened.seal == SealState::Valid => Ok(()),
        Err(failure) if failure.exit == Exit::IO => Err(failure),
        _ => Err(proof()),
    }
}

/// Whether a file looks as if it were sealed already: an object with the word `sops` in it.
fn may_be_sealed(source: &Large) -> Result<bool, Failure> {
    let mut first = None;
    let mut search = Search::new(format!("\"{METADATA}\"").as_bytes());
    let read = source.each(0..source.len(), |piece| {
        if first.is_none() {
            first = piece
                .iter()
                .copied()
                .find(|byte| !byte.is_ascii_whitespace());
        }
        if first.is_some_and(|first| first != b'{') {
            return Err(Stop::NoOutline);
        }
        search.update(piece);
        Ok(())
    });
    match read {
        Ok(()) => Ok(search.found()),
        Err(Stop::NoOutline) => Ok(false),
        Err(Stop::Io(failure)) => Err(failure),
    }
}

fn changed(path: &Path) -> Failure {
    crate::io::IoError::ChangedMeanwhile { path: path.into() }.into()
}

fn too_large(name: &str) -> Failure {
    let message = format!(
        "larger than {} GiB, the most that mvx encrypts or opens as one value",
        stream::LIMIT >> 30
    );
    Failure::new(Exit::IO, "too-large", message)
        .at(name)
        .hint("cut it with `split`, or encrypt it with a tool for large files and keep that one's key here")
}

/// A piece of work whose bytes are counted.
struct Work<'w> {
    watch: Watch<'w>,
    all: u64,
    done: std::cell::Cell<u64>,
}

impl<'w> Work<'w> {
    fn new(watch: Watch<'w>, all: u64) -> Self {
        let done = std::cell::Cell::new(0);
        Self { watch, all, done }
    }

    fn add(&self, bytes: u64) {
        self.done.set(self.done.get() + bytes);
        (self.watch)(self.done.get(), self.all);
    }
}
