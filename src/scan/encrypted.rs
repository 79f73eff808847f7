//! Encrypted tokens: what they look like, to the byte, so that nothing else passes for one.

use std::ops::Range;

use memchr::memmem;

use super::found::Encrypted;
use super::token;

/// What they begin with.
pub(super) const MARKS: &[&[u8]] = &[
    b"ENC[AES256_GCM,",
    b"ENC[PKCS7,",
    b"ENC[GPG,",
    b"encrypted:B",
    b"$ANSIBLE_VAULT;",
    AGE_BEGIN,
    PGP_BEGIN,
    b"encryptedData",
    b"vault:v",
];

const AGE_BEGIN: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
const AGE_END: &[u8] = b"-----END AGE ENCRYPTED FILE-----";
const PGP_BEGIN: &[u8] = b"-----BEGIN PGP MESSAGE-----";
const PGP_END: &[u8] = b"-----END PGP MESSAGE-----";

/// What stands in front of the fields of an `ENC[…]` of SOPS (sops, `aes/cipher.go`).
const SOPS_FIELDS: [&[u8]; 3] = [b"data:", b",iv:", b",tag:"];
const SOPS_TYPES: [&[u8]; 6] = [b"str", b"int", b"float", b"bytes", b"bool", b"comment"];

/// Bytes of the nonce and of the tag there.
const SOPS_NONCE: usize = 32;
const SOPS_TAG: usize = 16;

/// Bytes of the shortest `EnvelopedData` (RFC 5652): a session key under RSA-1024 alone has 128.
const PKCS7_LEAST: usize = 200;

/// Bytes of the shortest `OpenPGP` message: a session key for a key on Curve25519 and a packet with
/// one block in it.
const PGP_LEAST: usize = 96;

/// Bytes of the shortest value of dotenvx: an uncompressed point of secp256k1 (65 bytes), a nonce
/// and a tag (16 each), and something encrypted (ecies, "Output payload").
const DOTENVX_LEAST: usize = 98;

/// Bytes of the shortest value of a `SealedSecret`: a length, a session key under RSA-2048 (256
/// bytes) and a tag (sealed-secrets, `pkg/crypto`).
const SEALED_LEAST: usize = 2 + 256 + 16;

/// Bytes of the shortest value of Vault's transit engine: a nonce (12) and a tag (16).
const VAULT_LEAST: usize = 28;

/// Bytes of the shortest vault of Ansible: salt, MAC and one block, each in hexadecimal digits, with
/// line breaks between (ansible, `VaultAES256`).
const ANSIBLE_LEAST: usize = 64 + 1 + 64 + 1 + 32;

/// Longest line of armour (RFC 9580, section 6.2), and of a vault of Ansible.
const LONGEST_LINE: usize = 76;
const LONGEST_HEX: usize = 80;

/// From so many bytes on, what is text to the last one is not encrypted: of as many random bytes one
/// in 10¹³ would be.
const TELLING: usize = 32;

/// How far the values of a `SealedSecret` are looked for behind `encryptedData`.
const SEALED_FAR: usize = 1 << 20;

/// The encrypted tokens of a text, as far as it was searched.
#[derive(Default)]
pub(super) struct Tokens {
    /// In ascending order.
    known: Vec<Range<usize>>,
    /// Values of a `SealedSecret`, in ascending order.
    sealed: Vec<Range<usize>>,
    /// How far those were looked for.
    sealed_until: usize,
}

impl Tokens {
    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.known.clear();
        self.sealed.clear();
        self.sealed_until = 0;
    }

    /// Takes note of what begins at a mark, and counts it. Marks come in ascending order.
    pub(super) fn mark(&mut self, text: &[u8], at: usize, counts: &mut Encrypted) {
        if self.known.last().is_some_and(|last| at < last.end) {
            return;
        }
        let rest = text.get(at..).unwrap_or_default();
        if rest.starts_with(b"encryptedData") {
            self.seal(text, at, counts);
            return;
        }
        // armour is its own beginning
        if !matches!(rest, [b'-' | b'$', ..]) && is_in_word(text, at) {
            return;
        }
        let whole = |length: usize| Some(0..length);
        let kinds: [(Option<Range<usize>>, &mut usize); 7] = [
            (sops(rest).and_then(whole), &mut counts.sops),
            (eyaml(rest).and_then(whole), &mut counts.eyaml),
            (dotenvx(rest).and_then(whole), &mut counts.dotenvx),
            (ansible(rest).and_then(whole), &mut counts.ansible),
            (age(rest), &mut counts.age),
            (pgp(rest), &mut counts.pgp),
            (vault(rest).and_then(whole), &mut counts.vault),
        ];
        for (token, count) in kinds {
            if let Some(token) = token {
                *count += 1;
                self.known.push(at + token.start..at + token.end);
            }
        }
    }

    /// The token that a span lies in, with both its ends: what only touches one is not encrypted.
    pub(super) fn around(&self, span: &Range<usize>) -> Option<&Range<usize>> {
        [&self.known, &self.sealed].into_iter().find_map(|tokens| {
            let first = tokens.partition_point(|token| token.end <= span.start);
            tokens
                .get(first)
                .filter(|token| token.start <= span.start && span.end <= token.end)
        })
    }

    /// The values below `encryptedData` of a `SealedSecret`. Each begins with the length of its
    /// session key, 256 or 512 bytes: `AQ` or `Ag` and a zero byte.
    fn seal(&mut self, text: &[u8], at: usize, counts: &mut Encrypted) {
        let end = text.len().min(at.saturating_add(SEALED_FAR));
        let mut at = at.max(self.sealed_until);
        while let Some(rest) = text.get(at..end) {
            let Some(next) = memchr::memchr(b'A', rest) else {
                break;
            };
            let value = rest.get(next..).unwrap_or_default();
            let length = value.len() - skip_base64(value).len();
            let begins = matches!(value, [b'A', b'Q' | b'g', b'A'..=b'D', ..])
                && !is_in_word(text, at + next);
            let token = value.get(..length).unwrap_or_default();
            if begins && is_encrypted(token, SEALED_LEAST) && !continues(value, length) {
                self.sealed.push(at + next..at + next + length);
                counts.sealed_secrets += 1;
            }
            at += next + length.max(1);
        }
        self.sealed_until = self.sealed_until.max(end);
    }
}

/// `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`.
fn sops(text: &[u8]) -> Option<usize> {
    let mut rest = text.strip_prefix(b"ENC[AES256_GCM,")?;
    let mut fields = [&b""[..]; 3];
    for (field, name) in fields.iter_mut().zip(SOPS_FIELDS) {
        let value = rest.strip_prefix(name)?;
        rest = skip_base64(value);
        *field = value.get(..value.len() - rest.len())?;
    }
    let [data, nonce, tag] = fields;
    if !is_encrypted(data, 1)
        || bytes_in(nonce) != Some(SOPS_NONCE)
        || bytes_in(tag) != Some(SOPS_TAG)
    {
        return None;
    }
    rest = rest.strip_prefix(b",type:")?;
    let kind = SOPS_TYPES.iter().find(|kind| rest.starts_with(kind))?;
    rest = rest.get(kind.len()..)?.strip_prefix(b"]")?;
    Some(text.len() - rest.len())
}

/// `ENC[PKCS7,…]`, `ENC[GPG,…]` of hiera-eyaml; it breaks long ones into lines. The first is a
/// sequence in DER with a length of one or two bytes, the second begins with a packet's tag.
fn eyaml(text: &[u8]) -> Option<usize> {
    let (rest, least, begins): (_, _, fn(u8, u8) -> bool) =
        if let Some(rest) = text.strip_prefix(b"ENC[PKCS7,") {
            (rest, PKCS7_LEAST, |first, second| {
                (first, second) == (b'M', b'I')
            })
        } else {
            let rest = text.strip_prefix(b"ENC[GPG,")?;
            (rest, PGP_LEAST, |first, _| is_packet(first))
        };
    let length = rest
        .iter()
        .take_while(|byte| is_base64(**byte) || byte.is_ascii_whitespace())
        .count();
    let mut value = rest.get(..length)?.to_vec();
    value.retain(|byte| !byte.is_ascii_whitespace());
    let [first, second, ..] = value.as_slice() else {
        return None;
    };
    let rest = rest.get(length..)?.strip_prefix(b"]")?;
    (begins(*first, *second) && is_encrypted(&value, least)).then(|| text.len() - rest.len())
}

/// `encrypted:…`: the point begins with 4, which is `BA` to `BP` in base64.
fn dotenvx(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(b"encrypted:")?;
    let length = rest.len() - skip_base64(rest).len();
    (matches!(rest, [b'B', b'A'..=b'P', ..])
        && is_encrypted(rest.get(..length)?, DOTENVX_LEAST)
        && !continues(rest, length))
    .then(|| text.len() - rest.len() + length)
}

/// `$ANSIBLE_VAULT;1.1;AES256` and lines of hexadecimal digits, indented or not. What they stand for
/// is hexadecimal digits again, and line breaks.
fn ansible(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(b"$ANSIBLE_VAULT;1.")?;
    let header = memchr::memchr(b'\n', rest.get(..rest.len().min(256))?)?;
    memmem::find(rest.get(..header)?, b";AES")?;
    let mut rest = rest.get(header + 1..)?;
    let mut end = 0;
    let mut bytes = 0;
    loop {
        let blank = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        let line = rest.get(blank..)?;
        let digits = line
            .iter()
            .take(LONGEST_HEX + 1)
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        let behind = line.get(digits..)?;
        let ends = behind.is_empty() || behind.starts_with(b"\n") || behind.starts_with(b"\r\n");
        let (pairs, odd) = line.get(..digits)?.as_chunks::<2>();
        let is_vault = (2..=LONGEST_HEX).contains(&digits) && odd.is_empty() && ends;
        if !is_vault || !pairs.iter().all(|pair| is_vaulted(*pair)) {
            break;
        }
        bytes += pairs.len();
        end = text.len() - behind.len();
        let next = behind.iter().position(|byte| *byte == b'\n');
        match next.and_then(|next| behind.get(next + 1..)) {
            Some(next) => rest = next,
            None => break,
        }
    }
    (bytes >= ANSIBLE_LEAST).then_some(end)
}

/// Whether two hexadecimal digits stand for one, or for a line break.
fn is_vaulted(pair: [u8; 2]) -> bool {
    matches!(
        pair,
        [b'3', b'0'..=b'9'] | [b'6', b'1'..=b'6'] | [b'0', b'a' | b'A']
    )
}

/// The age format's armour, with its marks.
fn age(text: &[u8]) -> Option<Range<usize>> {
    // "age-encryption.org/"
    const HEADER: &[u8] = b"YWdlLWVuY3J5cHRpb24ub3Jn";
    let body = text.strip_prefix(AGE_BEGIN)?;
    let (value, length) = lines_of_base64(body)?;
    let rest = body.get(length..)?.strip_prefix(AGE_END)?;
    // the file behind the header is random, and its length is one of base64's
    (value.starts_with(HEADER) && bytes_in(&value).is_some()).then(|| 0..text.len() - rest.len())
}

/// A PGP message (RFC 9580, section 6.2), from the first line that is no header such as `Comment:`,
/// which is not encrypted, to its end.
fn pgp(text: &[u8]) -> Option<Range<usize>> {
    let mut body = text.strip_prefix(PGP_BEGIN)?;
    let mut from = 0;
    for _ in 0..MOST_HEADERS {
        let behind = body.get(separator(body)..)?;
        let name = behind
            .iter()
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        if name == 0 || !behind.get(name..)?.starts_with(b": ") {
            break;
        }
        let end = behind
            .iter()
            .take(LONGEST_LINE * 2)
            .position(|byte| matches!(byte, b'\n' | b'\\'))?;
        body = behind.get(end..)?;
        from = text.len() - body.len();
    }
    let (mut value, length) = lines_of_base64(body)?;
    let rest = body.get(length..)?.strip_prefix(PGP_END)?;
    // the checksum has a line of its own: `=` and four characters
    if let Some(at) = value.len().checked_sub(5)
        && value.get(at) == Some(&b'=')
    {
        value.truncate(at);
    }
    (is_packet(*value.first()?) && is_encrypted(&value, PGP_LEAST))
        .then(|| from..text.len() - rest.len())
}

/// Most headers of armour.
const MOST_HEADERS: usize = 8;

/// Lines of base64, none too long, up to a `-`: without what separates them, and how far they reach.
fn lines_of_base64(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut value = Vec::new();
    let mut at = 0;
    loop {
        let rest = text.get(at..)?;
        let between = separator(rest);
        let line = rest.get(between..)?;
        let length = line.len() - skip_base64(line).len();
        if length == 0 {
            return line.starts_with(b"-").then_some((value, at + between));
        }
        if between == 0 || length > LONGEST_LINE {
            return None;
        }
        value.extend_from_slice(line.get(..length)?);
        at += between + length;
    }
}

/// How long what separates lines is: blanks and line breaks, as they are, or as strings write them
/// (`\n`, `\\n`), or a `\` at the end of a line of a string.
fn separator(text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let slashes = rest.iter().take_while(|byte| **byte == b'\\').count();
        at += match (slashes, rest.get(slashes)) {
            (0, Some(byte)) if byte.is_ascii_whitespace() => 1,
            (1 | 2, Some(b'n' | b'r' | b't')) => slashes + 1,
            (1, Some(b'\n')) => 2,
            _ => return at,
        };
    }
}

/// `vault:v1:…` of Vault's transit engine.
fn vault(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(b"vault:v")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = rest.get(digits..)?.strip_prefix(b":")?;
    let length = rest.len() - skip_base64(rest).len();
    (digits > 0 && is_encrypted(rest.get(..length)?, VAULT_LEAST) && !continues(rest, length))
        .then(|| text.len() - rest.len() + length)
}

/// Whether base64 is well formed, stands for at least so many bytes, and these may be encrypted:
/// they are no text.
fn is_encrypted(value: &[u8], least: usize) -> bool {
    let Some(bytes) = bytes_in(value).filter(|bytes| *bytes >= least) else {
        return false;
    };
    bytes < TELLING
        || token::decode_base64(value.get(..LOOKED_AT.min(value.len())).unwrap_or_default())
            .is_some_and(|plain| !plain.iter().all(|byte| is_text(*byte)))
}

/// How much of a value is looked at to see that it is no text: whole groups of four.
const LOOKED_AT: usize = 256;

fn is_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n')
}

/// How many bytes base64 stands for (RFC 4648, with padding, no bits left over); `None` if it is
/// none.
fn bytes_in(value: &[u8]) -> Option<usize> {
    let padding = value.iter().rev().take_while(|byte| **byte == b'=').count();
    let digits = value.get(..value.len() - padding)?;
    let is_whole = value.len().is_multiple_of(4) && padding <= 2 && !digits.contains(&b'=');
    is_whole.then(|| value.len() / 4 * 3 - padding)
}

/// Whether the first character of base64 is that of an `OpenPGP` packet: its highest bit is set.
fn is_packet(first: u8) -> bool {
    matches!(first, b'g'..=b'z' | b'0'..=b'9' | b'+' | b'/')
}

/// Whether a word goes on behind a value.
fn continues(text: &[u8], length: usize) -> bool {
    text.get(length).is_some_and(|byte| goes_on(*byte))
}

/// Whether a word, or base64, goes on at a place; a `\n` that is written so is none.
fn is_in_word(text: &[u8], at: usize) -> bool {
    match text.get(at.saturating_sub(2)..at) {
        Some([b'\\', b'n' | b'r' | b't']) => false,
        Some([.., byte]) => goes_on(*byte) || matches!(byte, b'+' | b'/'),
        _ => false,
    }
}

/// Whether a byte belongs to a word, so that no token begins behind it, or ends before it.
fn goes_on(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

pub(super) fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

fn skip_base64(text: &[u8]) -> &[u8] {
    let length = text.iter().take_while(|byte| is_base64(**byte)).count();
    text.get(length..).unwrap_or_default()
}
