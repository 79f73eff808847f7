//! Base64 in pieces of any length (RFC 4648, 4, with padding).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Bytes → text.
#[derive(Default)]
pub struct Encoder {
    /// Up to two bytes that make no group yet.
    rest: Vec<u8>,
}

/// Text → bytes.
#[derive(Default)]
pub struct Decoder {
    /// Up to three characters that make no group yet.
    rest: Vec<u8>,
}

/// A text that is no base64.
#[derive(Debug, PartialEq, Eq)]
pub struct NotBase64;

impl Encoder {
    /// Appends the text of what is complete.
    pub fn update(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), NotBase64> {
        let bytes = fill(&mut self.rest, 3, bytes);
        if self.rest.len() == 3 {
            encode(&self.rest, out)?;
            self.rest.clear();
        }
        let (whole, rest) = bytes.split_at(bytes.len() / 3 * 3);
        self.rest.extend_from_slice(rest);
        encode(whole, out)
    }

    /// Appends the last group with its padding.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), NotBase64> {
        encode(&self.rest, out)
    }
}

impl Decoder {
    /// Appends the bytes of what is complete. No padding: a text that has some ends with it.
    pub fn update(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), NotBase64> {
        let text = fill(&mut self.rest, 4, text);
        if self.rest.len() == 4 {
            decode(&self.rest, out)?;
            self.rest.clear();
        }
        let (whole, rest) = text.split_at(text.len() / 4 * 4);
        self.rest.extend_from_slice(rest);
        decode(whole, out)
    }

    /// Fails where a group is not complete.
    pub fn finish(self) -> Result<(), NotBase64> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(NotBase64)
        }
    }
}

/// Completes a group that was begun; gives back what is left.
fn fill<'a>(rest: &mut Vec<u8>, group: usize, bytes: &'a [u8]) -> &'a [u8] {
    if rest.is_empty() {
        return bytes;
    }
    let (now, later) = bytes.split_at(bytes.len().min(group - rest.len()));
    rest.extend_from_slice(now);
    later
}

fn encode(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), NotBase64> {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let place = out.get_mut(start..).unwrap_or_default();
    STANDARD.encode_slice(bytes, place).map_err(|_| NotBase64)?;
    Ok(())
}

fn decode(text: &[u8], out: &mut Vec<u8>) -> Result<(), NotBase64> {
    let start = out.len();
    let bytes = text.len() / 4 * 3;
    out.resize(start + bytes, 0);
    let place = out.get_mut(start..).unwrap_or_default();
    let decoded = STANDARD.decode_slice(text, place).map_err(|_| NotBase64)?;
    if decoded == bytes {
        Ok(())
    } else {
        Err(NotBase64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(pieces: &[&[u8]]) -> Result<Vec<u8>, NotBase64> {
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        for piece in pieces {
            decoder.update(piece, &mut out)?;
        }
        decoder.finish().map(|()| out)
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        assert_eq!(decoded(&[b"AQ", b"ID", b""]), Ok(vec![1, 2, 3]));
        for bad in [
            &b"AQI"[..],
            b"A",
            b"AQ==",
            b"AQI=AQID",
            b"AQ\nID",
            b"AQ ID",
            b"AQ*D",
            b"AQ-_",
        ] {
            assert_eq!(decoded(&[bad]), Err(NotBase64), "{bad:?}");
            let (head, tail) = bad.split_at(1);
            assert_eq!(decoded(&[head, tail]), Err(NotBase64), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn pieces_make_the_same_text(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..10), 0..12)) {
            let (mut encoder, mut text) = (Encoder::default(), Vec::new());
            for piece in &pieces {
                encoder.update(piece, &mut text).unwrap();
            }
            encoder.finish(&mut text).unwrap();
            prop_assert_eq!(text, STANDARD.encode(pieces.concat()).into_bytes());
        }

        #[test]
        fn cuts_do_not_matter(bytes in proptest::collection::vec(any::<u8>(), 0..60), size in 1usize..9) {
            let bytes: Vec<u8> = bytes.iter().copied().take(bytes.len() / 3 * 3).collect();
            let text = STANDARD.encode(&bytes);
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            prop_assert_eq!(decoded(&pieces), Ok(bytes));
        }
    }
}
