//! The index: what is staged (git's gitformat-index(5), versions 2 to 4).

use std::path::Path;

use super::place::Place;
use super::{Id, ObjectsError, disk};

/// The bytes of an entry before the id: times, device, inode, mode, owner and size.
const STAT: usize = 40;

/// Where the mode is in them.
const MODE_AT: usize = 24;

/// How deep directories may be nested in the cached trees.
const DEEPEST: usize = 4096;

/// The index, with all that a shared one adds.
pub(super) struct Index {
    /// Sorted by path, then stage.
    pub(super) entries: Vec<Entry>,
    /// What is known of the trees that a commit would write, if anything is.
    pub(super) trees: Option<CachedTree>,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// From the root; ends with `/` for the directories of a sparse index.
    pub(super) path: Box<[u8]>,
    /// As in trees.
    pub(super) mode: u32,
    /// The blob, submodule's commit, or tree.
    pub(super) id: Id,
    /// 0, or while a merge is not decided: 1 ancestor, 2 ours, 3 theirs.
    pub(super) stage: u8,
    /// Whether it only promises that something will be added.
    pub(super) is_intent: bool,
}

/// What the index knows of a directory.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct CachedTree {
    name: Box<[u8]>,
    /// The tree that its entries make up; `None` if something in it changed.
    pub(super) id: Option<Id>,
    children: Vec<CachedTree>,
}

impl CachedTree {
    /// What is known of a directory in it.
    pub(super) fn child(&self, name: &[u8]) -> Option<&Self> {
        self.children.iter().find(|child| &*child.name == name)
    }
}

/// Reads the index; without a file it is empty.
pub(super) fn read(place: &Place) -> Result<Index, ObjectsError> {
    let Some(bytes) = disk::read(&place.index)? else {
        return Ok(Index {
            entries: Vec::new(),
            trees: None,
        });
    };
    let broken = |what| ObjectsError::corrupt(&place.index, what);
    let mut file = parse(&bytes, place.hash.len_in_bytes()).map_err(broken)?;
    let mut entries = file.entries;
    if let Some(link) = file.link.take()
        && !link.base.is_null()
    {
        let path = shared_index(&place.git, &place.index, &link.base);
        let bytes = disk::read(&path)?
            .ok_or_else(|| ObjectsError::corrupt(&path, "the shared index is missing"))?;
        let base = parse(&bytes, place.hash.len_in_bytes())
            .map_err(|what| ObjectsError::corrupt(&path, what))?;
        entries = join(base.entries, entries, &link);
    }
    // as git writes them, and as the comparison with trees needs them
    if !entries.is_sorted_by_key(|entry| (&entry.path, entry.stage)) {
        entries.sort_by(|a, b| (&a.path, a.stage).cmp(&(&b.path, b.stage)));
    }
    Ok(Index {
        entries,
        trees: file.trees,
    })
}

/// A shared index lies in the git directory, whatever the index is called.
fn shared_index(git: &Path, index: &Path, id: &Id) -> std::path::PathBuf {
    let name = format!("sharedindex.{id}");
    let beside = index.with_file_name(&name);
    let own = git.join(name);
    if disk::is_file(&own) { own } else { beside }
}

struct File {
    entries: Vec<Entry>,
    trees: Option<CachedTree>,
    link: Option<Link>,
}

/// What a split index says of the shared one.
struct Link {
    base: Id,
    deleted: Vec<bool>,
    replaced: Vec<bool>,
}

const TOO_SHORT: &str = "the index is cut off";

fn parse(bytes: &[u8], hash_length: usize) -> Result<File, &'static str> {
    let end = bytes.len().checked_sub(hash_length).ok_or(TOO_SHORT)?;
    let body = bytes.get(..end).ok_or(TOO_SHORT)?;
    let mut rest = body;
    if take(&mut rest, 4)? != b"DIRC" {
        return Err("not an index");
    }
    let version = number(&mut rest)?;
    if !(2..=4).contains(&version) {
        return Err("a version of the index that mvx does not know");
    }
    let count = number(&mut rest)? as usize;
    let mut entries = Vec::with_capacity(count.min(body.len() / STAT));
    let mut last: Vec<u8> = Vec::new();
    for _ in 0..count {
        entries.push(entry(&mut rest, version, hash_length, &mut last)?);
    }
    let mut file = File {
        entries,
        trees: None,
        link: None,
    };
    while !rest.is_empty() {
        let name = take(&mut rest, 4)?;
        let length = number(&mut rest)? as usize;
        let data = take(&mut rest, length)?;
        match name {
            b"TREE" => file.trees = cached_trees(data, hash_length),
            b"link" => file.link = Some(link(data, hash_length)?),
            // `sdir`: some entries are directories, which their modes say too. What begins with a
            // capital may be passed over.
            b"sdir" | [b'A'..=b'Z', ..] => {}
            _ => return Err("a part of the index that mvx does not know"),
        }
    }
    Ok(file)
}

fn entry(
    rest: &mut &[u8],
    version: u32,
    hash_length: usize,
    last: &mut Vec<u8>,
) -> Result<Entry, &'static str> {
    let whole = *rest;
    let mut mode = take(rest, STAT)?.get(MODE_AT..).ok_or(TOO_SHORT)?;
    let mode = number(&mut mode)?;
    let id = Id::of_bytes(take(rest, hash_length)?).ok_or(TOO_SHORT)?;
    let flags = short(rest)?;
    let extended = if flags & 0x4000 == 0 { 0 } else { short(rest)? };
    if version == 4 {
        let removed = offset(rest)?;
        let kept = last.len().checked_sub(removed);
        last.truncate(kept.ok_or("a path of the index that cannot be read")?);
    } else {
        last.clear();
    }
    let end = memchr::memchr(0, rest).ok_or(TOO_SHORT)?;
    last.extend_from_slice(take(rest, end)?);
    if version == 4 {
        take(rest, 1)?;
    } else {
        // 1 to 8 zeros, so that an entry's length is a multiple of 8
        let length = whole.len() - rest.len();
        take(rest, 8 - length % 8)?;
    }
    Ok(Entry {
        path: last.as_slice().into(),
        mode,
        id,
        stage: u8::try_from((flags >> 12) & 3).unwrap_or(0),
        is_intent: extended & 0x2000 != 0,
    })
}

/// The extension `TREE`; `None` if it cannot be read, as it only saves work.
fn cached_trees(mut data: &[u8], hash_length: usize) -> Option<CachedTree> {
    // directories whose children are not all read yet, with how many are missing
    let mut open: Vec<(CachedTree, usize)> = Vec::new();
    loop {
        let (tree, missing) = cached_tree(&mut data, hash_length)?;
        if open.len() > DEEPEST {
            return None;
        }
        open.push((tree, missing));
        while let Some((_, 0)) = open.last() {
            let (done, _) = open.pop()?;
            let Some((parent, missing)) = open.last_mut() else {
                return Some(done);
            };
            parent.children.push(done);
            *missing -= 1;
        }
    }
}

fn cached_tree(data: &mut &[u8], hash_length: usize) -> Option<(CachedTree, usize)> {
    let name = until(data, 0)?;
    let count = std::str::from_utf8(until(data, b' ')?).ok()?;
    let children = std::str::from_utf8(until(data, b'\n')?).ok()?;
    let is_valid = !count.starts_with('-');
    let id = if is_valid {
        Some(Id::of_bytes(take(data, hash_length).ok()?)?)
    } else {
        None
    };
    let tree = CachedTree {
        name: name.into(),
        id,
        children: Vec::new(),
    };
    Some((tree, children.parse().ok()?))
}

fn link(mut data: &[u8], hash_length: usize) -> Result<Link, &'static str> {
    let base = Id::of_bytes(take(&mut data, hash_length)?).ok_or(TOO_SHORT)?;
    let mut bitmap = || {
        if data.is_empty() {
            Ok(Vec::new())
        } else {
            ewah(&mut data)
        }
    };
    Ok(Link {
        base,
        deleted: bitmap()?,
        replaced: bitmap()?,
    })
}

/// A compressed bitmap (git's Documentation/technical/bitmap-format, "EWAH"): words that say how
/// often a bit is repeated and how many words follow as they are.
fn ewah(data: &mut &[u8]) -> Result<Vec<bool>, &'static str> {
    const BROKEN: &str = "a bitmap of the index that cannot be read";
    let bits = number(data)? as usize;
    let words = number(data)? as usize;
    let mut words = take(data, words.checked_mul(8).ok_or(BROKEN)?)?;
    number(data)?;
    // no index has more entries than its file has bytes, by far
    if bits > 1 << 28 {
        return Err(BROKEN);
    }
    let mut found = Vec::with_capacity(bits.min(1 << 20));
    while !words.is_empty() && found.len() < bits {
        let head = word(&mut words)?;
        let repeated = usize::try_from((head >> 1) & 0xffff_ffff).unwrap_or(usize::MAX);
        let repeated = repeated.saturating_mul(64).min(bits - found.len());
        found.resize(found.len() + repeated, head & 1 == 1);
        for _ in 0..head >> 33 {
            let literal = word(&mut words)?;
            found.extend((0..64).map(|bit| literal >> bit & 1 == 1));
        }
    }
    found.truncate(bits);
    Ok(found)
}

/// What a split index and its shared one are together.
fn join(base: Vec<Entry>, own: Vec<Entry>, link: &Link) -> Vec<Entry> {
    let is_set = |bits: &[bool], at: usize| bits.get(at).copied().unwrap_or(false);
    let mut own = own.into_iter();
    let mut all = Vec::with_capacity(base.len() + own.len());
    for (at, entry) in base.into_iter().enumerate() {
        if is_set(&link.replaced, at) {
            // a replacement has no name of its own
            match own.next() {
                Some(new) if new.path.is_empty() => all.push(Entry {
                    path: entry.path,
                    ..new
                }),
                Some(new) => all.push(new),
                None => all.push(entry),
            }
        } else if !is_set(&link.deleted, at) {
            all.push(entry);
        }
    }
    all.extend(own);
    all
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], &'static str> {
    let (taken, after) = rest.split_at_checked(length).ok_or(TOO_SHORT)?;
    *rest = after;
    Ok(taken)
}

/// All up to a byte, which is taken as well.
fn until<'a>(rest: &mut &'a [u8], byte: u8) -> Option<&'a [u8]> {
    let end = memchr::memchr(byte, rest)?;
    let taken = take(rest, end).ok()?;
    take(rest, 1).ok()?;
    Some(taken)
}

fn number(rest: &mut &[u8]) -> Result<u32, &'static str> {
    let (bytes, after) = rest.split_first_chunk::<4>().ok_or(TOO_SHORT)?;
    *rest = after;
    Ok(u32::from_be_bytes(*bytes))
}

fn short(rest: &mut &[u8]) -> Result<u16, &'static str> {
    let (bytes, after) = rest.split_first_chunk::<2>().ok_or(TOO_SHORT)?;
    *rest = after;
    Ok(u16::from_be_bytes(*bytes))
}

fn word(rest: &mut &[u8]) -> Result<u64, &'static str> {
    let (bytes, after) = rest.split_first_chunk::<8>().ok_or(TOO_SHORT)?;
    *rest = after;
    Ok(u64::from_be_bytes(*bytes))
}

/// A length as packs write offsets: 7 bits a byte, the highest first, each step adding one.
fn offset(rest: &mut &[u8]) -> Result<usize, &'static str> {
    let mut value = 0_usize;
    loop {
        let (&byte, after) = rest.split_first().ok_or(TOO_SHORT)?;
        *rest = after;
        value = value
            .checked_shl(7)
            .and_then(|value| value.checked_add(usize::from(byte & 0x7f)))
            .ok_or(TOO_SHORT)?;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
        value = value.checked_add(1).ok_or(TOO_SHORT)?;
    }
}
