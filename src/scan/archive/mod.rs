//! What is inside of archives, pure: bytes in, entries out, one at a time and only in memory, so that
//! an entry's name leads nowhere. zip (and what is one: jar, whl, docx, apk), gzip, tar, each inside
//! each other.
//!
//! An archive can hold a million times its size, so everything is bounded by [`Limits`]. Where a limit
//! ends the walk, or the archive is broken, [`Opened::stopped`] says why, and nobody may call the rest
//! clean. What is encrypted, or compressed in a way that mvx does not know, is counted.

mod inflate;
mod tar;
mod zip;

use std::fmt;

/// What an archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// PKWARE's APPNOTE 6.3.10.
    Zip,
    /// RFC 1952.
    Gzip,
    /// POSIX.1-2024, pax; GNU's and the old form too.
    Tar,
    /// One that mvx does not open.
    Other(&'static str),
}

/// How much is taken out of archives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How deep archives in archives are opened; 1 opens only the outermost.
    pub depth: u32,
    /// The largest entry, in bytes: it is held in memory.
    pub entry: u64,
    /// All of one archive, those inside it included, in bytes.
    pub total: u64,
    /// How many times its own size an archive may hold, once it is past [`Self::FREE`].
    pub ratio: u64,
    /// Entries of one archive, those inside it included.
    pub entries: u64,
}

/// What was met in an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Entries that were handed out.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Archives that were opened, the outermost included.
    pub archives: u64,
    /// Entries that are encrypted.
    pub locked: u64,
    /// Archives inside that are of another kind, and entries that are compressed in another way.
    pub closed: u64,
    /// Why the rest was not looked at, and of which entry; an empty name is the archive itself.
    pub stopped: Option<(String, Stop)>,
}

/// Why the walk ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It is not what it seems to be, or a part is missing.
    Broken,
    /// An entry is larger than [`Limits::entry`].
    Entry,
    /// All together is more than [`Limits::total`].
    Total,
    /// It holds more than [`Limits::ratio`] times its own size.
    Ratio,
    /// There are more than [`Limits::entries`].
    Entries,
    /// Archives stand deeper in each other than [`Limits::depth`].
    Depth,
}

impl Limits {
    /// What any archive may hold, however small it is: 64 MiB.
    pub const FREE: u64 = 64 << 20;

    /// Those of a scan that opens archives in archives so deep.
    pub const fn to_depth(depth: u32) -> Self {
        Self {
            depth,
            entry: 512 << 20,
            total: 1 << 30,
            // text that repeats itself is compressed to a hundredth
            ratio: 250,
            entries: 100_000,
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Broken => "is broken, or no archive",
            Self::Entry => "is larger than 512 MiB",
            Self::Total => "holds more than 1 GiB, and the rest was not looked at",
            Self::Ratio => {
                "holds more than 250 times its size, as bombs do, and the rest was not looked at"
            }
            Self::Entries => "holds more than 100000 entries, and the rest was not looked at",
            Self::Depth => {
                "is an archive in an archive, too deep: `--archives=DEPTH` opens deeper ones"
            }
        })
    }
}

/// What kind of archive this is, by its first bytes. Costs nothing to speak of.
pub fn kind(bytes: &[u8]) -> Option<Kind> {
    const MAGIC: [(&[u8], Kind); 8] = [
        (b"PK\x03\x04", Kind::Zip),
        // without any entry
        (b"PK\x05\x06", Kind::Zip),
        (b"\x1f\x8b\x08", Kind::Gzip),
        (b"\xfd7zXZ\0", Kind::Other("xz")),
        (b"\x28\xb5\x2f\xfd", Kind::Other("zstd")),
        (b"BZh", Kind::Other("bzip2")),
        (b"7z\xbc\xaf\x27\x1c", Kind::Other("7z")),
        (b"Rar!\x1a\x07", Kind::Other("rar")),
    ];
    let magic = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic));
    match magic {
        Some((magic, kind)) if magic.starts_with(b"BZh") => {
            // bzip2's first block, or its end, behind the level
            let is_block = bytes
                .get(4..10)
                .is_some_and(|block| block == b"1AY&SY" || block == b"\x17rE8P\x90");
            is_block.then_some(*kind)
        }
        Some((_, kind)) => Some(*kind),
        None => tar::is_tar(bytes).then_some(Kind::Tar),
    }
}

/// Hands out all that is in an archive: names, as the archive has them, of archives in archives
/// joined with `!`, and bytes. Archives inside are handed out themselves as well.
pub fn each(bytes: &[u8], limits: &Limits, visit: &mut dyn FnMut(&str, &[u8])) -> Opened {
    let mut walk = Walk {
        limits,
        size: bytes.len() as u64,
        opened: Opened::default(),
        visit,
    };
    if let Some(kind) = kind(bytes)
        && let Err((name, stop)) = walk.open("", bytes, kind, 1)
    {
        walk.opened.stopped = Some((name, stop));
    }
    walk.opened
}

struct Walk<'a> {
    limits: &'a Limits,
    /// Of the outermost archive.
    size: u64,
    opened: Opened,
    visit: &'a mut dyn FnMut(&str, &[u8]),
}

/// The entry's name, and why no more is looked at.
type Stopped = (String, Stop);

impl Walk<'_> {
    fn open(&mut self, name: &str, bytes: &[u8], kind: Kind, depth: u32) -> Result<(), Stopped> {
        if matches!(kind, Kind::Other(_)) {
            self.opened.closed += 1;
            return Ok(());
        }
        if depth > self.limits.depth {
            return Err((name.to_owned(), Stop::Depth));
        }
        self.opened.archives += 1;
        match kind {
            Kind::Zip => self.zip(name, bytes, depth),
            Kind::Gzip => self.gzip(name, bytes, depth),
            Kind::Tar => self.tar(name, bytes, depth),
            Kind::Other(_) => Ok(()),
        }
    }

    fn zip(&mut self, outer: &str, bytes: &[u8], depth: u32) -> Result<(), Stopped> {
        let broken = |_| (outer.to_owned(), Stop::Broken);
        for entry in zip::Directory::of(bytes).map_err(broken)? {
            let entry = entry.map_err(broken)?;
            let name = joined(outer, &entry.name);
            if entry.is_locked {
                self.count(&name, 0)?;
                self.opened.locked += 1;
                continue;
            }
            match entry.data {
                zip::Data::Stored(data) => self.entry(&name, data, depth)?,
                zip::Data::Deflated(data) => {
                    let most = self.most(&name, entry.size)?;
                    let (text, _) = inflate::raw(data, most)
                        .map_err(|failed| (name.clone(), self.too_much(failed)))?;
                    self.entry(&name, &text, depth)?;
                }
                zip::Data::Other => {
                    self.count(&name, 0)?;
                    self.opened.closed += 1;
                }
            }
        }
        Ok(())
    }

    /// A tar inside is the archive: `a.tar.gz!file`.
    fn gzip(&mut self, outer: &str, bytes: &[u8], depth: u32) -> Result<(), Stopped> {
        let most = self.most(outer, 0)?;
        let (name, text) = inflate::gzip(bytes, most)
            .map_err(|failed| (outer.to_owned(), self.too_much(failed)))?;
        if kind(&text) == Some(Kind::Tar) {
            return self.tar(outer, &text, depth);
        }
        let name = name.unwrap_or_else(|| "content".into());
        self.entry(&joined(outer, &name), &text, depth)
    }

    fn tar(&mut self, outer: &str, bytes: &[u8], depth: u32) -> Result<(), Stopped> {
        for entry in tar::Entries::of(bytes) {
            let (name, data) = entry.map_err(|_| (outer.to_owned(), Stop::Broken))?;
            self.entry(&joined(outer, &name), data, depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, name: &str, bytes: &[u8], depth: u32) -> Result<(), Stopped> {
        self.count(name, bytes.len() as u64)?;
        (self.visit)(name, bytes);
        match kind(bytes) {
            Some(kind) => match self.open(name, bytes, kind, depth + 1) {
                // what is beside it is looked at all the same, and the answer is not whole
                Err((name, stop @ (Stop::Depth | Stop::Broken))) => {
                    self.opened.stopped.get_or_insert((name, stop));
                    Ok(())
                }
                other => other,
            },
            None => Ok(()),
        }
    }

    fn count(&mut self, name: &str, bytes: u64) -> Result<(), Stopped> {
        self.opened.entries += 1;
        self.opened.bytes = self.opened.bytes.saturating_add(bytes);
        let stop = if self.opened.entries > self.limits.entries {
            Stop::Entries
        } else if self.opened.bytes > self.limits.total {
            Stop::Total
        } else if self.opened.bytes > self.most_by_ratio() {
            Stop::Ratio
        } else if bytes > self.limits.entry {
            return Err((name.to_owned(), Stop::Entry));
        } else {
            return Ok(());
        };
        Err((String::new(), stop))
    }

    /// How long an entry may be that says that it is so long.
    fn most(&self, name: &str, size: u64) -> Result<u64, Stopped> {
        if size > self.limits.entry {
            return Err((name.to_owned(), Stop::Entry));
        }
        let rest = self.limits.total.min(self.most_by_ratio());
        let rest = rest.saturating_sub(self.opened.bytes);
        Ok(self.limits.entry.min(rest))
    }

    fn most_by_ratio(&self) -> u64 {
        let most = self.size.saturating_mul(self.limits.ratio);
        most.max(Limits::FREE)
    }

    /// Which limit it was that ended an entry.
    fn too_much(&self, failed: inflate::Failed) -> Stop {
        let left = |limit: u64| limit.saturating_sub(self.opened.bytes);
        match failed {
            inflate::Failed::Broken => Stop::Broken,
            inflate::Failed::TooLong if left(self.limits.total) < self.limits.entry => Stop::Total,
            inflate::Failed::TooLong if left(self.most_by_ratio()) < self.limits.entry => {
                Stop::Ratio
            }
            inflate::Failed::TooLong => Stop::Entry,
        }
    }
}

fn joined(outer: &str, name: &str) -> String {
    if outer.is_empty() {
        name.to_owned()
    } else {
        format!("{outer}!{name}")
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
