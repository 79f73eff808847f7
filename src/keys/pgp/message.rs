//! What a PGP message says of itself before anybody opens it: whom it is encrypted for.
//!
//! Read here and not by gpg, so that a message that is not for this machine starts no program, and
//! a hostile one never reaches it: one without a recipient would make gpg ask for a passphrase.
//! Source: RFC 4880, 4.2 (packet headers), 5.1 (session keys for public keys), 6.2 (armour).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::keys::remote::{Reason, Refusal};

/// A key's id: the last 8 bytes of its fingerprint.
pub(super) type KeyId = u64;

/// The id that stands where the message does not say for whom it is.
pub(super) const HIDDEN: KeyId = 0;

/// The longest message, in bytes of armour: one for RSA-4096 takes a thousand.
const MOST_BYTES: usize = 64 << 10;

/// The most recipients of one message. sops writes one.
const MOST_RECIPIENTS: usize = 16;

/// Whom an armoured message is encrypted for.
pub(super) fn recipients(armour: &str) -> Result<Vec<KeyId>, Refusal> {
    if armour.len() > MOST_BYTES {
        return Err(unsound("it is far longer than a wrapped key"));
    }
    let bytes = dearmoured(armour).ok_or_else(|| unsound("its armour is damaged"))?;
    let mut rest = bytes.as_slice();
    let mut found = Vec::new();
    loop {
        let (tag, after) = header(rest).ok_or_else(|| unsound("it is cut off or damaged"))?;
        match tag {
            Tag::SessionKey(body) => found.push(recipient(body)?),
            Tag::Marker => {}
            Tag::Encrypted if found.is_empty() => return Err(unsound("it is for nobody")),
            Tag::Encrypted => return Ok(found),
            Tag::Passphrase => return Err(unsound("a passphrase opens it, and not a key")),
            Tag::Unprotected => return Err(unsound("nothing in it protects it against changes")),
            Tag::Other => return Err(unsound("it is not encrypted")),
        }
        if found.len() > MOST_RECIPIENTS {
            return Err(unsound("it is for more keys than a wrapped key ever is"));
        }
        rest = after;
    }
}

/// A packet, as far as it is of interest.
enum Tag<'m> {
    /// The session key for a public key (1).
    SessionKey(&'m [u8]),
    /// One for a passphrase (3).
    Passphrase,
    /// Nothing (10).
    Marker,
    /// Encrypted data that is authenticated (18; 20 is gpg's own).
    Encrypted,
    /// Encrypted data that is not (9).
    Unprotected,
    /// Anything else.
    Other,
}

/// The first packet, and what follows it.
fn header(bytes: &[u8]) -> Option<(Tag<'_>, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if first & 0x80 == 0 {
        return None;
    }
    let new = first & 0x40 != 0;
    let number = if new {
        first & 0x3f
    } else {
        (first >> 2) & 0xf
    };
    let tag = |body| match number {
        1 => Tag::SessionKey(body),
        3 => Tag::Passphrase,
        9 => Tag::Unprotected,
        10 => Tag::Marker,
        18 | 20 => Tag::Encrypted,
        _ => Tag::Other,
    };
    if !matches!(number, 1 | 10) {
        // whatever follows, nothing is read behind these
        return Some((tag(&[]), &[]));
    }
    let (length, rest) = if new {
        new_length(rest)?
    } else {
        old_length(first & 3, rest)?
    };
    let (body, after) = rest.split_at_checked(length)?;
    Some((tag(body), after))
}

/// RFC 4880, 4.2.2. Parts are for data packets alone.
fn new_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [one @ 0..=191, rest @ ..] => Some((usize::from(*one), rest)),
        [one @ 192..=223, two, rest @ ..] => {
            let length = ((usize::from(*one) - 192) << 8) + usize::from(*two) + 192;
            Some((length, rest))
        }
        [255, rest @ ..] => whole(rest, 4),
        _ => None,
    }
}

/// RFC 4880, 4.2.1. An open length is for data packets alone.
fn old_length(kind: u8, bytes: &[u8]) -> Option<(usize, &[u8])> {
    match kind {
        0 => whole(bytes, 1),
        1 => whole(bytes, 2),
        2 => whole(bytes, 4),
        _ => None,
    }
}

/// A number of `count` bytes, the highest first.
fn whole(bytes: &[u8], count: usize) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_at_checked(count)?;
    let number = number
        .iter()
        .fold(0, |sum, byte| (sum << 8) | usize::from(*byte));
    Some((number, rest))
}

fn recipient(body: &[u8]) -> Result<KeyId, Refusal> {
    let id = body.split_first_chunk::<9>();
    match id {
        Some(([3, id @ ..], _)) => Ok(KeyId::from_be_bytes(*id)),
        _ => Err(unsound("it is of a later form of PGP")),
    }
}

/// The bytes in an armoured message. The checksum at its end is gpg's to check.
fn dearmoured(armour: &str) -> Option<Vec<u8>> {
    let mut lines = armour.trim().lines().map(str::trim_end);
    if lines.next() != Some("-----BEGIN PGP MESSAGE-----") {
        return None;
    }
    let mut text = String::with_capacity(armour.len());
    let mut in_head = true;
    let mut ended = false;
    for line in lines {
        match line {
            "-----END PGP MESSAGE-----" => {
                ended = true;
                break;
            }
            "" => in_head = false,
            // `Version: …`; some writers leave out the empty line where there are none
            line if in_head && line.contains(": ") => {}
            line if line.starts_with('=') && line.len() == 5 => {}
            line => {
                in_head = false;
                text.push_str(line);
            }
        }
    }
    ended.then(|| STANDARD.decode(text).ok())?
}

fn unsound(why: &str) -> Refusal {
    let message = format!("the wrapped key is not a PGP message as sops writes it: {why}");
    Refusal::new(Reason::Garbage, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn armoured(bytes: &[u8]) -> String {
        format!(
            "-----BEGIN PGP MESSAGE-----\n\n{}\n=abcd\n-----END PGP MESSAGE-----",
            STANDARD.encode(bytes)
        )
    }

    /// A session key packet with a new header.
    fn for_key(id: u64) -> Vec<u8> {
        let body = [&[3], id.to_be_bytes().as_slice(), &[1, 0, 8, 0xff]].concat();
        [&[0xc1, u8::try_from(body.len()).unwrap()], body.as_slice()].concat()
    }

    const DATA: &[u8] = &[0xd2, 4, 1, 2, 3, 4];

    fn read(bytes: &[u8]) -> Result<Vec<KeyId>, String> {
        recipients(&armoured(bytes)).map_err(|refusal| refusal.message)
    }

    #[test]
    fn recipients_are_found_in_every_form_of_header() {
        let body = [&[3], 7u64.to_be_bytes().as_slice(), &[1, 0, 8, 0xff]].concat();
        let length = u8::try_from(body.len()).unwrap();
        for header in [
            vec![0xc1, length],
            vec![0xc1, 0xff, 0, 0, 0, length],
            vec![0x84, length],
            vec![0x85, 0, length],
            vec![0x86, 0, 0, 0, length],
        ] {
            let packet = [&header, body.as_slice()].concat();
            assert_eq!(read(&[&packet, DATA].concat()), Ok(vec![7]), "{header:x?}");
        }
        let long = [&[0xc1, 192, 8][..], &[3], &9u64.to_be_bytes(), &[0; 191]].concat();
        let marker = [0xca, 3, b'P', b'G', b'P'];
        let message = [&marker[..], &for_key(7), &long, &for_key(HIDDEN), DATA].concat();
        assert_eq!(read(&message), Ok(vec![7, 9, HIDDEN]));
    }

    #[test]
    fn armour_is_read_as_gpg_and_sops_write_it() {
        let text = STANDARD.encode([&for_key(7), DATA].concat());
        for (head, between) in [
            ("\n", "\n"),
            ("Version: 1\nComment: x\n\n", "\r\n"),
            ("", "\n"),
        ] {
            let armour = format!(
                "-----BEGIN PGP MESSAGE-----\n{head}{text}\n=abcd\n-----END PGP MESSAGE-----\n"
            );
            let armour = armour.replace('\n', between);
            assert_eq!(recipients(&armour).unwrap(), [7]);
        }
    }

    #[test]
    fn what_is_not_for_a_key_is_refused() {
        let many: Vec<u8> = (1..40).flat_map(for_key).collect();
        for (bytes, says) in [
            (vec![], "cut off"),
            (vec![0x12], "cut off"),
            (vec![0xc1, 200], "cut off"),
            (vec![0xc1, 20, 3], "cut off"),
            (vec![0xc1, 224, 3], "cut off"),
            (vec![0x87, 1, 2], "cut off"),
            (for_key(7), "cut off"),
            (DATA.to_vec(), "for nobody"),
            ([&[0xc3, 4, 4, 9, 3, 2][..], DATA].concat(), "a passphrase"),
            (
                [for_key(7), vec![0xc3, 4, 4, 9, 3, 2]].concat(),
                "a passphrase",
            ),
            ([for_key(7), vec![0xc9, 1, 1]].concat(), "against changes"),
            (vec![0xc8, 3, 1, 2, 3], "not encrypted"),
            (vec![0xcb, 3, 1, 2, 3], "not encrypted"),
            (vec![0xc1, 2, 6, 1], "later form"),
            ([many.as_slice(), DATA].concat(), "more keys"),
        ] {
            let message = read(&bytes).unwrap_err();
            assert!(message.contains(says), "{bytes:x?}: {message}");
        }
        let long = "x".repeat(MOST_BYTES + 1);
        for text in [
            "",
            "hello",
            long.as_str(),
            "-----BEGIN PGP MESSAGE-----\n\n!!\n-----END PGP MESSAGE-----",
        ] {
            assert!(recipients(text).is_err());
        }
        let open = armoured(&[&for_key(7), DATA].concat()).replace("-----END", "-----");
        assert!(recipients(&open).is_err());
        let signed = armoured(DATA).replace("MESSAGE", "SIGNED MESSAGE");
        assert!(recipients(&signed).is_err());
    }
}
