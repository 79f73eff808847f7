//! Objects that have a file of their own.

use super::store::{Reader, Type};
use super::{Id, Problem};

/// The type and bytes of an object from its file. That they are the object's is checked, as git does:
/// whoever can write a file here could otherwise have another content looked at than git hands out.
pub(super) fn inflate(
    id: &Id,
    file: &[u8],
    reader: &mut Reader,
) -> Result<(Type, Vec<u8>), Problem> {
    const BROKEN: Problem = Problem::Corrupt("a loose object that cannot be read");
    const OTHER: Problem = Problem::Corrupt("a loose object that holds another one");
    let mut head = [0; 32];
    let written = reader.inflate_start(file, &mut head)?;
    let head = head.get(..written).ok_or(BROKEN)?;
    let end = memchr::memchr(0, head).ok_or(BROKEN)?;
    let text = head
        .get(..end)
        .and_then(|text| std::str::from_utf8(text).ok());
    let (kind, size) = text.and_then(|text| text.split_once(' ')).ok_or(BROKEN)?;
    let kind = match kind {
        "blob" => Type::Blob,
        "commit" => Type::Commit,
        "tag" => Type::Tag,
        "tree" => Type::Tree,
        _ => return Err(BROKEN),
    };
    let size: u64 = size.parse().map_err(|_| BROKEN)?;
    reader.check(size)?;
    let mut out = Vec::new();
    let head = end as u64 + 1;
    reader.inflate(file, size.checked_add(head).ok_or(BROKEN)?, &mut out)?;
    let mut hasher = gix_hash::hasher(id.0.kind());
    hasher.update(&out);
    if hasher.try_finalize().ok() != Some(id.0) {
        return Err(OTHER);
    }
    out.drain(..=end);
    Ok((kind, out))
}
