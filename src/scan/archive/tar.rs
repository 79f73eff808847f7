//! tar: the old form, POSIX's (ustar, pax) and GNU's.

/// An archive that ends in the middle of an entry, or has a header that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// The entries of a tar that are files.
pub(super) struct Entries<'a> {
    rest: &'a [u8],
    /// What the header before said of the next one.
    said: Said,
    is_at_end: bool,
}

#[derive(Default)]
struct Said {
    name: Option<String>,
    size: Option<u64>,
}

const BLOCK: usize = 512;

/// Whether this begins with a header whose checksum is right.
pub(super) fn is_tar(bytes: &[u8]) -> bool {
    bytes
        .first_chunk::<BLOCK>()
        .is_some_and(|header| header[0] != 0 && is_header(header))
}

impl<'a> Entries<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            said: Said::default(),
            is_at_end: false,
        }
    }

    /// The next file; `None` behind the last.
    fn step(&mut self) -> Result<Option<(String, &'a [u8])>, Broken> {
        loop {
            let Some((header, behind)) = self.rest.split_first_chunk::<BLOCK>() else {
                // some writers leave the end out
                return if self.rest.is_empty() {
                    Ok(None)
                } else {
                    Err(Broken)
                };
            };
            if header.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            if !is_header(header) {
                return Err(Broken);
            }
            let kind = header[156];
            let size = field(header, 124, 12).and_then(number).ok_or(Broken)?;
            let is_data = !matches!(kind, b'L' | b'K' | b'x' | b'g');
            let said = if is_data {
                std::mem::take(&mut self.said)
            } else {
                Said::default()
            };
            let size = said.size.unwrap_or(size);
            let mut behind = behind;
            if kind == b'S' {
                behind = behind_sparse(header, behind)?;
            }
            // links and directories have no data, whatever they say
            let size = if matches!(kind, b'1'..=b'6') { 0 } else { size };
            let size = usize::try_from(size).map_err(|_| Broken)?;
            let data = behind.get(..size).ok_or(Broken)?;
            let padded = size.checked_next_multiple_of(BLOCK).ok_or(Broken)?;
            self.rest = behind.get(padded..).unwrap_or_default();
            match kind {
                b'L' => self.said.name = Some(text(data)),
                b'x' => self.pax(data),
                b'K' | b'g' | b'1'..=b'6' => {}
                _ => {
                    let name = said.name.unwrap_or_else(|| name(header));
                    // the old form's directories end with a slash
                    if !(data.is_empty() && name.ends_with('/')) {
                        return Ok(Some((name, data)));
                    }
                }
            }
        }
    }

    /// `LENGTH KEY=VALUE\n`, again and again.
    fn pax(&mut self, data: &[u8]) {
        let mut rest = data;
        while let Some(space) = memchr::memchr(b' ', rest) {
            let digits = rest
                .get(..space)
                .and_then(|digits| std::str::from_utf8(digits).ok());
            let Some(length) = digits.and_then(|digits| digits.parse::<usize>().ok()) else {
                return;
            };
            let Some(record) = rest.get(space + 1..length) else {
                return;
            };
            rest = rest.get(length..).unwrap_or_default();
            let record = record.strip_suffix(b"\n").unwrap_or(record);
            if let Some(path) = record.strip_prefix(b"path=") {
                self.said.name = Some(String::from_utf8_lossy(path).into_owned());
            } else if let Some(size) = record.strip_prefix(b"size=") {
                let size = std::str::from_utf8(size).ok();
                self.said.size = size.and_then(|size| size.parse().ok());
            }
        }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<(String, &'a [u8]), Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_at_end {
            return None;
        }
        let step = self.step().transpose();
        self.is_at_end = !matches!(step, Some(Ok(_)));
        step
    }
}

/// GNU's sparse files: their maps go on in blocks of their own, and are no data.
fn behind_sparse<'a>(header: &[u8; BLOCK], behind: &'a [u8]) -> Result<&'a [u8], Broken> {
    let mut goes_on = header[482] != 0;
    let mut rest = behind;
    while goes_on {
        let (map, behind) = rest.split_first_chunk::<BLOCK>().ok_or(Broken)?;
        goes_on = map[504] != 0;
        rest = behind;
    }
    Ok(rest)
}

/// The checksum counts its own field as spaces.
fn is_header(header: &[u8; BLOCK]) -> bool {
    let Some(said) = field(header, 148, 8).and_then(octal) else {
        return false;
    };
    let sum = |byte: &dyn Fn(u8) -> i64| -> i64 {
        header
            .iter()
            .enumerate()
            .map(|(at, value)| {
                byte(if (148..156).contains(&at) {
                    b' '
                } else {
                    *value
                })
            })
            .sum()
    };
    let said = i64::try_from(said).unwrap_or(-1);
    // old writers added signed bytes
    said == sum(&|byte| i64::from(byte)) || said == sum(&|byte| i64::from(byte.cast_signed()))
}

fn name(header: &[u8; BLOCK]) -> String {
    let part = |at, length| field(header, at, length).map(text).unwrap_or_default();
    let name = part(0, 100);
    let is_posix = field(header, 257, 6) == Some(b"ustar\0");
    match is_posix.then(|| part(345, 155)) {
        Some(prefix) if !prefix.is_empty() => format!("{prefix}/{name}"),
        _ => name,
    }
}

fn field(header: &[u8; BLOCK], at: usize, length: usize) -> Option<&[u8]> {
    header.get(at..at + length)
}

/// A text up to its zero.
fn text(bytes: &[u8]) -> String {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

/// Octal digits, or GNU's large numbers in binary.
fn number(field: &[u8]) -> Option<u64> {
    match field.split_first() {
        Some((0x80, rest)) => rest.iter().try_fold(0u64, |number, byte| {
            number.checked_mul(256)?.checked_add(u64::from(*byte))
        }),
        _ => octal(field),
    }
}

fn octal(field: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(field).ok()?;
    let digits = digits.trim_matches([' ', '\0']);
    if digits.is_empty() {
        return Some(0);
    }
    u64::from_str_radix(digits, 8).ok()
}
