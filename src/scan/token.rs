//! The inner structure of tokens.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::entropy::shannon;
use super::words::reads_like_words;

/// Padding or not, stray bits or not: what is looked at is somebody else's.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);

const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);

/// Longest part of a token that is decoded.
const LONGEST: usize = 64 * 1024;

/// Base64 in either alphabet.
pub(super) fn decode_base64(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let engine = if text.iter().any(|byte| matches!(byte, b'-' | b'_')) {
        &URL_SAFE
    } else {
        &STANDARD
    };
    engine.decode(text).ok().map(Zeroizing::new)
}

/// A JSON Web Token in compact form (RFC 7519): header and claims are JSON objects, and the header
/// names an algorithm.
pub(super) fn is_jwt(token: &[u8]) -> bool {
    let mut parts = token.splitn(3, |byte| *byte == b'.');
    let object = |part: Option<&[u8]>| {
        let part = part?.get(..).filter(|part| part.len() <= LONGEST)?;
        let json = decode_base64(part)?;
        serde_json::from_slice::<serde::de::IgnoredAny>(&json).ok()?;
        json.starts_with(b"{").then_some(json)
    };
    let header = object(parts.next());
    let has_algorithm =
        header.is_some_and(|json| memchr::memmem::find(&json, b"\"alg\"").is_some());
    has_algorithm && object(parts.next()).is_some()
}

/// An AWS access key id: four letters for its kind, then base32, not all alike. (The bytes behind
/// the letters hold the account's number.)
pub(super) fn is_aws_key_id(id: &[u8]) -> bool {
    let body = id.get(4..).unwrap_or_default();
    body.iter()
        .all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
        && shannon(body) > 2.0
}

/// Whether it decodes to something that holds `part`.
pub(super) fn base64_holds(secret: &[u8], part: &[u8]) -> bool {
    secret
        .get(..secret.len().min(LONGEST))
        .and_then(decode_base64)
        .is_some_and(|plain| memchr::memmem::find(&plain, part).is_some())
}

/// Whether it looks like something that a machine made: letters and digits, mixed, and no words.
pub(super) fn is_random(secret: &[u8]) -> bool {
    let letters = secret.iter().any(u8::is_ascii_alphabetic);
    let digits = secret.iter().any(u8::is_ascii_digit);
    letters && digits && shannon(secret) >= 3.0 && !reads_like_words(secret)
}
