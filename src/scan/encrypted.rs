//! Encrypted tokens: what they look like, to the byte, so that nothing else passes for one.

use std::ops::Range;

use super::found::Encrypted;

/// What they begin with, or what stands before them.
pub(super) const MARKS: &[&[u8]] = &[b"ENC[AES256_GCM,"];

/// The token that begins at `at`, and counts it. `None` if what stands there is none.
pub(super) fn token(text: &[u8], at: usize, counts: &mut Encrypted) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let body = rest.strip_prefix(b"ENC[AES256_GCM,")?;
    let end = memchr::memchr(b']', body)?;
    counts.sops += 1;
    Some(at..at + (rest.len() - body.len()) + end + 1)
}
