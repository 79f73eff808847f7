//! zip, as PKWARE's APPNOTE 6.3.10 has it, with its 64-bit form. Entries are those of the central
//! directory, which is what programs that unpack go by.

/// A file that has no directory at its end, or whose directory leads out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// An entry.
pub(super) struct Entry<'a> {
    pub(super) name: String,
    /// How long it says that it is.
    pub(super) size: u64,
    pub(super) is_locked: bool,
    pub(super) data: Data<'a>,
}

/// An entry's data, as it is kept.
pub(super) enum Data<'a> {
    Stored(&'a [u8]),
    Deflated(&'a [u8]),
    Other,
}

/// The central directory.
pub(super) struct Directory<'a> {
    file: &'a [u8],
    rest: &'a [u8],
    /// What stands before the archive: a program that unpacks itself, for instance.
    before: u64,
}

impl<'a> Directory<'a> {
    pub(super) fn of(file: &'a [u8]) -> Result<Self, Broken> {
        let end = end_of(file).ok_or(Broken)?;
        let at = end.until.checked_sub(end.size).ok_or(Broken)?;
        Ok(Self {
            file,
            rest: slice(file, at, end.size).ok_or(Broken)?,
            before: at.checked_sub(end.offset).ok_or(Broken)?,
        })
    }

    fn entry(&mut self) -> Option<Entry<'a>> {
        const LENGTH: usize = 46;
        let header = self.rest.get(..LENGTH)?;
        if !header.starts_with(b"PK\x01\x02") {
            return None;
        }
        let short = |at| u16_at(header, at).map(usize::from);
        let flags = u16_at(header, 8)?;
        let method = u16_at(header, 10)?;
        let (name, extra, comment) = (short(28)?, short(30)?, short(32)?);
        let name_bytes = self.rest.get(LENGTH..LENGTH + name)?;
        let extra_bytes = self.rest.get(LENGTH + name..LENGTH + name + extra)?;
        let mut packed = u64::from(u32_at(header, 20)?);
        let mut size = u64::from(u32_at(header, 24)?);
        let mut at = u64::from(u32_at(header, 42)?);
        wide(extra_bytes, [&mut size, &mut packed, &mut at])?;
        self.rest = self.rest.get(LENGTH + name + extra + comment..)?;
        let data = self.data(at, packed)?;
        Some(Entry {
            name: String::from_utf8_lossy(name_bytes).into_owned(),
            size,
            is_locked: flags & 1 != 0,
            data: match method {
                0 => Data::Stored(data),
                8 => Data::Deflated(data),
                _ => Data::Other,
            },
        })
    }

    /// What is behind an entry's own header.
    fn data(&self, at: u64, packed: u64) -> Option<&'a [u8]> {
        const LENGTH: u64 = 30;
        let at = at.checked_add(self.before)?;
        let header = slice(self.file, at, LENGTH)?;
        if !header.starts_with(b"PK\x03\x04") {
            return None;
        }
        let lengths = u64::from(u16_at(header, 26)?) + u64::from(u16_at(header, 28)?);
        slice(
            self.file,
            at.checked_add(LENGTH)?.checked_add(lengths)?,
            packed,
        )
    }
}

impl<'a> Iterator for Directory<'a> {
    type Item = Result<Entry<'a>, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = self.entry();
        if entry.is_none() {
            self.rest = &[];
        }
        Some(entry.ok_or(Broken))
    }
}

/// What the end of the file says of the directory.
struct End {
    size: u64,
    offset: u64,
    /// Where the directory ends.
    until: u64,
}

fn end_of(file: &[u8]) -> Option<End> {
    const LENGTH: usize = 22;
    let last = file.len().checked_sub(LENGTH)?;
    // a comment of at most 65535 bytes stands behind
    let first = last.saturating_sub(usize::from(u16::MAX));
    let tail = file.get(first..)?;
    let found = memchr::memmem::rfind_iter(tail, b"PK\x05\x06").find_map(|at| {
        let record = tail.get(at..at + LENGTH)?;
        let comment = usize::from(u16_at(record, 20)?);
        (at + LENGTH + comment <= tail.len()).then_some((first + at, record))
    });
    let (at, record) = found?;
    let end = End {
        size: u32_at(record, 12)?.into(),
        offset: u32_at(record, 16)?.into(),
        until: at as u64,
    };
    let is_wide = end.size == u64::from(u32::MAX)
        || end.offset == u64::from(u32::MAX)
        || u16_at(record, 10)? == u16::MAX;
    Some(is_wide.then(|| wide_end(file, at)).flatten().unwrap_or(end))
}

/// The 64-bit end, which stands before the other, behind its own locator.
fn wide_end(file: &[u8], at: usize) -> Option<End> {
    const LOCATOR: usize = 20;
    const LENGTH: usize = 56;
    let locator = file.get(at.checked_sub(LOCATOR)?..at)?;
    if !locator.starts_with(b"PK\x06\x07") {
        return None;
    }
    let place = usize::try_from(u64_at(locator, 8)?).ok()?;
    let record = file.get(place..place.checked_add(LENGTH)?)?;
    record.starts_with(b"PK\x06\x06").then_some(())?;
    Some(End {
        size: u64_at(record, 40)?,
        offset: u64_at(record, 48)?,
        until: place as u64,
    })
}

/// Numbers that do not fit stand in an extra field, in this order, and only those (4.5.3).
fn wide(extra: &[u8], numbers: [&mut u64; 3]) -> Option<()> {
    const WIDE: u16 = 1;
    let mut rest = extra;
    while let (Some(id), Some(length)) = (u16_at(rest, 0), u16_at(rest, 2)) {
        let Some(field) = rest.get(4..4 + usize::from(length)) else {
            // writers that align entries leave such
            return Some(());
        };
        rest = rest.get(4 + usize::from(length)..)?;
        if id != WIDE {
            continue;
        }
        let mut at = 0;
        for number in numbers {
            if *number == u64::from(u32::MAX) {
                *number = u64_at(field, at)?;
                at += 8;
            }
        }
        return Some(());
    }
    Some(())
}

fn slice(file: &[u8], at: u64, length: u64) -> Option<&[u8]> {
    let end = at.checked_add(length)?;
    file.get(usize::try_from(at).ok()?..usize::try_from(end).ok()?)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_le_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}
