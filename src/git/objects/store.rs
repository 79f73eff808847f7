//! Objects by their ids: loose files, packs, and those of the alternates.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use gix_pack::data::entry::Header;
use gix_zlib::{Inflate, Status};

use super::large::{self, LARGEST_KEPT, Turn};
use super::{Bytes, Id, ObjectsError, Problem, delta, disk, loose};

/// How many deltas may stand upon each other. Git writes 50 and allows 4095; a cycle ends here.
const LONGEST_CHAIN: usize = 10_000;

/// Bytes of bases that a [`Reader`] remembers.
const REMEMBERED: usize = 24 << 20;

/// The largest base that is remembered.
const LARGEST_REMEMBERED: usize = 1 << 20;

/// The largest base that is remembered although only what is made of it was wanted.
const LARGEST_PART: usize = 16 << 10;

/// The number of a pack, and an offset in it.
type Place = (usize, u64);

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// A file's content.
    Blob,
    /// A commit.
    Commit,
    /// An annotated tag.
    Tag,
    /// A directory.
    Tree,
}

/// An object's type and bytes.
pub(super) type Object = (Type, Bytes);

/// Where objects are.
pub(super) struct Store {
    /// What the ids are made with.
    pub(super) hash: gix_hash::Kind,
    /// Every pack of every object directory.
    pub(super) packs: Vec<Pack>,
    /// The object directories.
    pub(super) directories: Vec<PathBuf>,
}

/// A pack, opened when it is first asked for.
pub(super) struct Pack {
    /// The `.pack` file.
    pub(super) path: PathBuf,
    index: OnceLock<Option<gix_pack::index::File>>,
    data: OnceLock<Option<gix_pack::data::File>>,
    hash: gix_hash::Kind,
}

impl Pack {
    /// Its index; `None` if that cannot be read.
    pub(super) fn index(&self) -> Option<&gix_pack::index::File> {
        let open = || gix_pack::index::File::at(self.path.with_extension("idx"), self.hash).ok();
        self.index.get_or_init(open).as_ref()
    }

    /// Its objects; `None` if they cannot be read.
    pub(super) fn data(&self) -> Option<&gix_pack::data::File> {
        let open = || gix_pack::data::File::at(&self.path, self.hash).ok();
        self.data.get_or_init(open).as_ref()
    }
}

/// What one thread needs for reading: buffers, and the bases that it met lately.
pub(super) struct Reader {
    /// The largest object that is read, in bytes.
    pub(super) limit: u64,
    inflate: Inflate,
    scratch: Vec<u8>,
    held: Vec<u8>,
    out: Vec<u8>,
    turn: Turn,
    lately: HashMap<Place, Object>,
    lately_bytes: usize,
    last_pack: usize,
}

impl Reader {
    /// Reads objects of at most `limit` bytes.
    pub(super) fn new(limit: u64) -> Self {
        Self {
            limit,
            inflate: Inflate::default(),
            scratch: Vec::new(),
            held: Vec::new(),
            out: Vec::new(),
            turn: Turn::default(),
            lately: HashMap::new(),
            lately_bytes: 0,
            last_pack: 0,
        }
    }

    /// As [`Self::new`], for a thread that does one object after the other, and calls
    /// [`Self::is_done`] behind each. Large ones wait for their turn then.
    pub(super) fn of_worker(limit: u64) -> Self {
        Self {
            turn: Turn::of_worker(),
            ..Self::new(limit)
        }
    }

    /// What was read last is gone, with all that was read for it.
    pub(super) fn is_done(&mut self) {
        self.turn.end();
    }

    /// Remembers what was made on the way to what is wanted, if it is small.
    fn remember_part(&mut self, at: Place, wanted: Place, kind: Type, bytes: &[u8]) {
        if at != wanted && bytes.len() <= LARGEST_PART {
            self.remember(at, &(kind, Arc::new(bytes.to_vec())));
        }
    }

    fn remember(&mut self, key: Place, object: &Object) {
        let length = object.1.len();
        if length > LARGEST_REMEMBERED || self.lately.contains_key(&key) {
            return;
        }
        if self.lately_bytes + length > REMEMBERED {
            self.lately.clear();
            self.lately_bytes = 0;
        }
        self.lately_bytes += length;
        self.lately.insert(key, object.clone());
    }
}

/// Where an object stands.
pub(super) enum Found {
    /// In a pack, by its number, at an offset.
    Packed(usize, u64),
    /// In a file of its own, whose bytes these are.
    Loose(Vec<u8>),
}

impl Store {
    /// Looks what packs there are.
    pub(super) fn open(
        directories: &[PathBuf],
        hash: gix_hash::Kind,
    ) -> Result<Self, ObjectsError> {
        let mut packs = Vec::new();
        for directory in directories {
            for entry in disk::list(&directory.join("pack"))? {
                if Path::new(&entry.name)
                    .extension()
                    .is_some_and(|end| end == "pack")
                {
                    packs.push(Pack {
                        path: entry.path,
                        index: OnceLock::new(),
                        data: OnceLock::new(),
                        hash,
                    });
                }
            }
        }
        Ok(Self {
            hash,
            packs,
            directories: directories.to_vec(),
        })
    }

    /// Where the object is; `None` where it is nowhere.
    pub(super) fn find(&self, id: &Id, reader: &mut Reader) -> Result<Option<Found>, Problem> {
        // the pack that had the last object has this one, most of the time
        if let Some(found) = self.in_pack(reader.last_pack, id) {
            return Ok(Some(found));
        }
        let hex = id.to_string();
        let (first, rest) = hex.split_at_checked(2).unwrap_or(("", &hex));
        for directory in &self.directories {
            let path = directory.join(first).join(rest);
            match disk::read(&path) {
                Ok(Some(bytes)) => return Ok(Some(Found::Loose(bytes))),
                Ok(None) => {}
                Err(_) => return Err(Problem::Corrupt("a file that cannot be read")),
            }
        }
        for number in 0..self.packs.len() {
            if let Some(found) = self.in_pack(number, id) {
                reader.last_pack = number;
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn in_pack(&self, number: usize, id: &Id) -> Option<Found> {
        let index = self.packs.get(number)?.index()?;
        let at = index.lookup(id.0)?;
        Some(Found::Packed(number, index.pack_offset_at_index(at)))
    }

    /// Whether the object is there, without reading it.
    pub(super) fn has(&self, id: &Id) -> bool {
        if (0..self.packs.len()).any(|number| self.in_pack(number, id).is_some()) {
            return true;
        }
        let hex = id.to_string();
        let (first, rest) = hex.split_at_checked(2).unwrap_or(("", &hex));
        let mut directories = self.directories.iter();
        directories.any(|directory| disk::is_file(&directory.join(first).join(rest)))
    }

    /// Reads an object.
    pub(super) fn read(&self, id: &Id, reader: &mut Reader) -> Result<Object, Problem> {
        match self.find(id, reader)?.ok_or(Problem::Missing)? {
            Found::Loose(bytes) => {
                let (kind, bytes) = loose::inflate(id, &bytes, reader)?;
                Ok((kind, Arc::new(bytes)))
            }
            Found::Packed(number, offset) => self.read_packed(number, offset, reader),
        }
    }

    /// Reads the object at an offset of a pack, with all that it is a delta of.
    pub(super) fn read_packed(
        &self,
        number: usize,
        offset: u64,
        reader: &mut Reader,
    ) -> Result<Object, Problem> {
        let wanted = (number, offset);
        let mut chain = Vec::new();
        let mut at = wanted;
        // what the next delta is applied to: one that is shared, or else what these bytes are
        let mut shared = None;
        let mut held = std::mem::take(&mut reader.held);
        let kind = loop {
            if let Some((kind, bytes)) = reader.lately.get(&at) {
                shared = Some(bytes.clone());
                break *kind;
            }
            if chain.len() == LONGEST_CHAIN {
                return Err(Problem::Corrupt("a chain of deltas without an end"));
            }
            let data = self.data(at.0)?;
            let entry = data
                .entry(at.1)
                .map_err(|_| Problem::Corrupt("a pack's entry that cannot be read"))?;
            let base = match entry.header {
                Header::OfsDelta { base_distance } => {
                    let base = entry.checked_base_pack_offset(base_distance);
                    (
                        at.0,
                        base.ok_or(Problem::Corrupt("a delta without a base"))?,
                    )
                }
                Header::RefDelta { base_id } => match self.find(&Id(base_id), reader)? {
                    Some(Found::Packed(number, offset)) => (number, offset),
                    Some(Found::Loose(bytes)) => {
                        chain.push((at, entry));
                        let (kind, bytes) = loose::inflate(&Id(base_id), &bytes, reader)?;
                        shared = Some(Arc::new(bytes));
                        break kind;
                    }
                    None => return Err(Problem::Missing),
                },
                header => {
                    let kind = type_of(header)?;
                    reader.inflate_entry(data, &entry, &mut held)?;
                    reader.remember_part(at, wanted, kind, &held);
                    break kind;
                }
            };
            chain.push((at, entry));
            at = base;
        };
        let mut out = std::mem::take(&mut reader.out);
        while let Some((at, entry)) = chain.pop() {
            let mut bytes = std::mem::take(&mut reader.scratch);
            reader.inflate_entry(self.data(at.0)?, &entry, &mut bytes)?;
            let delta = delta::parse(&bytes)?;
            reader.check(delta.result)?;
            delta.apply(shared.as_deref().unwrap_or(&held), &mut out)?;
            large::trim(&mut bytes);
            reader.scratch = bytes;
            shared = None;
            std::mem::swap(&mut held, &mut out);
            reader.remember_part(at, wanted, kind, &held);
        }
        let object = match shared {
            Some(bytes) => (kind, bytes),
            // a large buffer is given away, not copied
            None if held.capacity() > LARGEST_KEPT => (kind, Arc::new(std::mem::take(&mut held))),
            None => (kind, Arc::new(held.clone())),
        };
        if held.capacity() + out.capacity() <= LARGEST_KEPT {
            (reader.held, reader.out) = (held, out);
        }
        reader.remember(wanted, &object);
        Ok(object)
    }

    fn data(&self, number: usize) -> Result<&gix_pack::data::File, Problem> {
        let pack = self.packs.get(number).and_then(Pack::data);
        pack.ok_or(Problem::Corrupt("a pack that cannot be read"))
    }
}

impl Reader {
    /// Inflates a pack's entry: an object, or a delta.
    pub(super) fn inflate_entry(
        &mut self,
        data: &gix_pack::data::File,
        entry: &gix_pack::data::Entry,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        self.check(entry.decompressed_size)?;
        let end = data.pack_end() as u64;
        let input = (entry.data_offset < end)
            .then(|| data.entry_slice(entry.data_offset..end))
            .flatten()
            .ok_or(Problem::Corrupt("a pack that ends too early"))?;
        self.inflate(input, entry.decompressed_size, out)
    }

    /// Whether an object of this size may be read. Waits until there is memory for it.
    pub(super) fn check(&mut self, size: u64) -> Result<(), Problem> {
        if size > self.limit {
            return Err(Problem::TooLarge(size));
        }
        self.turn.wait_for(size);
        Ok(())
    }

    /// Inflates as much as fits into `out`; how much that is.
    pub(super) fn inflate_start(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize, Problem> {
        self.inflate.reset();
        match self.inflate.prefix(input, out) {
            Ok((_, _, written)) => Ok(written),
            Err(_) => Err(Problem::Corrupt("compressed bytes that cannot be read")),
        }
    }

    /// Inflates all of `input` that belongs to one stream of exactly `size` bytes.
    pub(super) fn inflate(
        &mut self,
        input: &[u8],
        size: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        const BROKEN: Problem = Problem::Corrupt("compressed bytes that cannot be read");
        let length = usize::try_from(size).map_err(|_| Problem::TooLarge(size))?;
        // zlib makes at most 1032 bytes out of one: a promise beyond that is a lie, and its
        // memory is not spent
        if length / 1040 > input.len() {
            return Err(BROKEN);
        }
        if out.len() < length {
            out.try_reserve_exact(length - out.len())
                .map_err(|_| Problem::TooLarge(size))?;
            out.resize(length, 0);
        } else {
            out.truncate(length);
        }
        self.inflate.reset();
        let (status, _, written) = self.inflate.once(input, out).map_err(|_| BROKEN)?;
        if status == Status::StreamEnd && written == length {
            Ok(())
        } else {
            Err(BROKEN)
        }
    }
}

/// The type of an entry that is no delta.
pub(super) fn type_of(header: Header) -> Result<Type, Problem> {
    match header {
        Header::Blob => Ok(Type::Blob),
        Header::Commit => Ok(Type::Commit),
        Header::Tag => Ok(Type::Tag),
        Header::Tree => Ok(Type::Tree),
        Header::OfsDelta { .. } | Header::RefDelta { .. } => Err(Problem::Corrupt("a delta")),
    }
}
