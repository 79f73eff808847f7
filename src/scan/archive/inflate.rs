//! Deflate (RFC 1951) and gzip around it (RFC 1952), into memory and no further than a limit.

use zlib_rs::{Inflate, InflateFlush, Status};

/// Why there is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// It is no such stream, or it ends early.
    Broken,
    /// It is longer than the limit.
    TooLong,
}

/// The window of deflate: 2^15 bytes.
const WINDOW_BITS: u8 = 15;

/// How much is made room for at once.
const STEP: usize = 64 << 10;

/// The text of a raw stream, and how many bytes of the input it took.
pub(super) fn raw(input: &[u8], most: u64) -> Result<(Vec<u8>, usize), Failed> {
    let mut text = Vec::new();
    let taken = append(input, most, &mut text)?;
    Ok((text, taken))
}

/// The text of a gzip file, of all its members, and the name that the first has.
pub(super) fn gzip(input: &[u8], most: u64) -> Result<(Option<String>, Vec<u8>), Failed> {
    let mut name = None;
    let mut text = Vec::new();
    let mut rest = input;
    loop {
        let (body, named) = header(rest).ok_or(Failed::Broken)?;
        name = name.or(named);
        let taken = append(body, most, &mut text)?;
        // checksum and length
        rest = body.get(taken + 8..).ok_or(Failed::Broken)?;
        // what is behind, tapes' padding for instance, is no part of it (RFC 1952, 2.2)
        if !rest.starts_with(b"\x1f\x8b") {
            return Ok((name, text));
        }
    }
}

fn append(input: &[u8], most: u64, text: &mut Vec<u8>) -> Result<usize, Failed> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut inflate = Inflate::new(false, WINDOW_BITS);
    let mut length = text.len();
    loop {
        if length == text.len() {
            if length >= most {
                return Err(Failed::TooLong);
            }
            // doubled, so that the whole costs what its length says
            let room = length.saturating_mul(2).max(STEP);
            text.resize(room.min(most), 0);
        }
        let taken = usize::try_from(inflate.total_in()).unwrap_or(usize::MAX);
        let before = inflate.total_out();
        let status = inflate.decompress(
            input.get(taken..).unwrap_or_default(),
            text.get_mut(length..).unwrap_or_default(),
            InflateFlush::NoFlush,
        );
        let written = usize::try_from(inflate.total_out() - before).unwrap_or(usize::MAX);
        length = length.saturating_add(written);
        let now = usize::try_from(inflate.total_in()).unwrap_or(usize::MAX);
        match status {
            Ok(Status::StreamEnd) => {
                text.truncate(length);
                return Ok(now);
            }
            Ok(_) if written > 0 || now > taken => {}
            // neither room nor input is missing: the input has ended
            _ if length < text.len() => return Err(Failed::Broken),
            Ok(_) => {}
            Err(_) => return Err(Failed::Broken),
        }
    }
}

/// What stands behind a member's header, and the file's name in it.
fn header(input: &[u8]) -> Option<(&[u8], Option<String>)> {
    const CHECKSUM: u8 = 1 << 1;
    const EXTRA: u8 = 1 << 2;
    const NAME: u8 = 1 << 3;
    const COMMENT: u8 = 1 << 4;
    let flags = *input.strip_prefix(b"\x1f\x8b\x08")?.first()?;
    let mut rest = input.get(10..)?;
    if flags & EXTRA != 0 {
        let (length, behind) = rest.split_first_chunk::<2>()?;
        rest = behind.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    let mut name = None;
    for flag in [NAME, COMMENT] {
        if flags & flag != 0 {
            let end = memchr::memchr(0, rest)?;
            if flag == NAME {
                // Latin-1 says the RFC, UTF-8 is what is written
                let text = String::from_utf8_lossy(rest.get(..end)?).into_owned();
                name = Some(text).filter(|name| !name.is_empty());
            }
            rest = rest.get(end + 1..)?;
        }
    }
    if flags & CHECKSUM != 0 {
        rest = rest.get(2..)?;
    }
    Some((rest, name))
}
