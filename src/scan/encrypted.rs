//! Encrypted tokens: what they look like, to the byte, so that nothing else passes for one.

use std::ops::Range;

use memchr::memmem;

use super::found::Encrypted;

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

/// The fields of an `ENC[…]` of SOPS (sops, `aes/cipher.go`).
const SOPS_FIELDS: [&[u8]; 3] = [b"data:", b",iv:", b",tag:"];
const SOPS_TYPES: [&[u8]; 6] = [b"str", b"int", b"float", b"bytes", b"bool", b"comment"];

/// Characters of the shortest value of dotenvx: an uncompressed point of secp256k1 (65 bytes), a
/// nonce and a tag (16 each), in base64 (ecies, "Output payload").
const DOTENVX_LEAST: usize = 130;

/// Characters of the shortest value of a `SealedSecret`: a length, a session key under RSA-2048
/// (256 bytes) and a tag, in base64 (sealed-secrets, `pkg/crypto`).
const SEALED_LEAST: usize = 360;

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
        let kinds: [(Option<usize>, &mut usize); 7] = [
            (sops(rest), &mut counts.sops),
            (eyaml(rest), &mut counts.eyaml),
            (dotenvx(rest), &mut counts.dotenvx),
            (ansible(rest), &mut counts.ansible),
            (armour(rest, AGE_BEGIN, AGE_END), &mut counts.age),
            (armour(rest, PGP_BEGIN, PGP_END), &mut counts.pgp),
            (vault(rest), &mut counts.vault),
        ];
        for (length, count) in kinds {
            if let Some(length) = length {
                *count += 1;
                self.known.push(at..at + length);
            }
        }
    }

    /// The token that a span touches.
    pub(super) fn touched(&self, span: &Range<usize>) -> Option<&Range<usize>> {
        [&self.known, &self.sealed].into_iter().find_map(|tokens| {
            let first = tokens.partition_point(|token| token.end <= span.start);
            tokens.get(first).filter(|token| token.start < span.end)
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
            let begins = matches!(value, [b'A', b'Q' | b'g', b'A'..=b'D', ..]);
            if begins && length >= SEALED_LEAST {
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
    for field in SOPS_FIELDS {
        rest = skip_base64(rest.strip_prefix(field)?);
    }
    rest = rest.strip_prefix(b",type:")?;
    let kind = SOPS_TYPES.iter().find(|kind| rest.starts_with(kind))?;
    rest = rest.get(kind.len()..)?.strip_prefix(b"]")?;
    Some(text.len() - rest.len())
}

/// `ENC[PKCS7,…]`, `ENC[GPG,…]` of hiera-eyaml; it breaks long ones into lines.
fn eyaml(text: &[u8]) -> Option<usize> {
    let rest = text
        .strip_prefix(b"ENC[PKCS7,")
        .or_else(|| text.strip_prefix(b"ENC[GPG,"))?;
    let length = rest
        .iter()
        .take_while(|byte| is_base64(**byte) || byte.is_ascii_whitespace())
        .count();
    let rest = rest.get(length..)?.strip_prefix(b"]")?;
    Some(text.len() - rest.len())
}

/// `encrypted:…`: the point begins with 4, which is `B` in base64.
fn dotenvx(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(b"encrypted:")?;
    let end = skip_base64(rest);
    (rest.starts_with(b"B") && rest.len() - end.len() >= DOTENVX_LEAST)
        .then(|| text.len() - end.len())
}

/// `$ANSIBLE_VAULT;1.1;AES256` and lines of hexadecimal digits, indented or not.
fn ansible(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(b"$ANSIBLE_VAULT;1.")?;
    let header = memchr::memchr(b'\n', rest.get(..rest.len().min(256))?)?;
    memmem::find(rest.get(..header)?, b";AES")?;
    let mut rest = rest.get(header + 1..)?;
    let mut end = text.len() - rest.len() - 1;
    loop {
        let blank = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        let line = rest.get(blank..)?;
        let digits = line
            .iter()
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        let behind = line.get(digits..)?;
        let ends = behind.is_empty() || behind.starts_with(b"\n") || behind.starts_with(b"\r\n");
        if digits < 2 || !ends {
            return Some(end);
        }
        end = text.len() - behind.len();
        let next = behind.iter().position(|byte| *byte == b'\n');
        match next.and_then(|next| behind.get(next + 1..)) {
            Some(next) => rest = next,
            None => return Some(end),
        }
    }
}

/// Armour (RFC 9580, section 6.2, and the age format): lines of base64 between two marks, the line
/// breaks as they are or written `\n`. A header such as `Comment:` ends the token, because it is
/// not encrypted.
fn armour(text: &[u8], begin: &[u8], end: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(begin)?;
    let mut at = begin.len();
    let mut inside = rest;
    loop {
        if inside.starts_with(end) {
            return Some(at + end.len());
        }
        let length = match inside {
            [b'\\', b'n' | b'r', ..] => 2,
            [byte, ..] if is_base64(*byte) || byte.is_ascii_whitespace() => 1,
            _ => return (at > begin.len() + 64).then_some(at),
        };
        at += length;
        inside = inside.get(length..)?;
    }
}

/// `vault:v1:…` of Vault's transit engine.
fn vault(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(b"vault:v")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = rest.get(digits..)?.strip_prefix(b":")?;
    let end = skip_base64(rest);
    (digits > 0 && rest.len() - end.len() >= 32).then(|| text.len() - end.len())
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

fn skip_base64(text: &[u8]) -> &[u8] {
    let length = text.iter().take_while(|byte| is_base64(**byte)).count();
    text.get(length..).unwrap_or_default()
}
