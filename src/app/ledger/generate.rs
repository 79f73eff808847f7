//! New values: drawn from the system's randomness, or printed by a command that the person at the
//! keyboard names.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey as _, LineEnding};
use zeroize::Zeroizing;

use crate::app::App;
use crate::error::{Exit, Failure};
use crate::io::{process, random};
use crate::secret::Cleartext;

/// What a new value is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipe {
    /// This many random bytes, in hexadecimal digits.
    Hex(usize),
    /// This many random bytes, in base64.
    Base64(usize),
    /// This many letters and digits.
    Alnum(usize),
    /// A random UUID (RFC 9562, version 4).
    Uuid,
    /// This many words that can be spoken: proquints, of 16 random bits each
    /// (<https://arxiv.org/html/0901.4016>).
    Words(usize),
    /// An RSA key of this many bits, PKCS #8 in PEM.
    Rsa(usize),
    /// An Ed25519 key, PKCS #8 in PEM (RFC 8410).
    Ed25519,
}

/// The recipes, as they are typed.
pub const RECIPES: &str =
    "hex:32, base64:32, alnum:40, uuid, words:6, rsa:4096, ed25519 (a number is a length)";

/// The most bytes, characters or words.
const MOST: usize = 4096;

/// The most that a command may print, in bytes.
const MOST_PRINTED: usize = 1 << 20;

impl Recipe {
    /// Reads a recipe such as `hex:32`.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, length) = match text.split_once(':') {
            Some((name, length)) => (name, Some(length.parse::<usize>().ok()?)),
            None => (text, None),
        };
        // Fewer bits than 64 can be tried out.
        let within = |least: usize, usual: usize| {
            let length = length.unwrap_or(usual);
            (least..=MOST).contains(&length).then_some(length)
        };
        Some(match (name, length) {
            ("hex", _) => Self::Hex(within(8, 32)?),
            ("base64", _) => Self::Base64(within(8, 32)?),
            ("alnum", _) => Self::Alnum(within(12, 40)?),
            ("words", _) => Self::Words(within(4, 6)?),
            ("rsa", None | Some(4096)) => Self::Rsa(4096),
            ("rsa", Some(bits @ (2048 | 3072))) => Self::Rsa(bits),
            ("uuid", None) => Self::Uuid,
            ("ed25519", None) => Self::Ed25519,
            _ => return None,
        })
    }

    /// Draws a value.
    pub fn draw(&self) -> Result<Cleartext, Failure> {
        Ok(match self {
            Self::Hex(count) => hex(&bytes(*count)?),
            Self::Base64(count) => base64(&bytes(*count)?),
            Self::Alnum(count) => alnum(*count)?,
            Self::Uuid => uuid(&bytes(16)?),
            Self::Words(count) => words(&bytes(count * 2)?),
            Self::Rsa(bits) => {
                let key = RsaPrivateKey::new(&mut System, *bits).map_err(|_| no_key())?;
                let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|_| no_key())?;
                pem.as_str().into()
            }
            Self::Ed25519 => ed25519(&bytes(32)?),
        })
    }
}

impl App<'_> {
    /// What a command prints, without the line break at its end. It is run by the shell, as it was
    /// typed: nothing in a repository ever names one.
    pub fn printed_by(&self, command: &str) -> Result<Cleartext, Failure> {
        let shell = if cfg!(windows) {
            ["cmd", "/C"]
        } else {
            ["sh", "-c"]
        };
        let [shell, option] = shell;
        let output = process::Invocation::new(shell, [option, command])
            .stderr(process::Stderr::Inherited)
            .limit(MOST_PRINTED)
            .timeout(std::time::Duration::from_mins(2))
            .may_ask()
            .run()?;
        if !output.is_success() {
            let message = "the command failed; nothing was changed";
            return Err(Failure::new(Exit::IO, "command-failed", message));
        }
        let mut value = output.stdout;
        let text = value.as_bytes();
        let cut = text.strip_suffix(b"\n").map_or(text.len(), |text| {
            text.strip_suffix(b"\r").unwrap_or(text).len()
        });
        value.truncate(cut);
        if value.is_empty() {
            let message = "the command printed nothing; nothing was changed";
            return Err(Failure::new(Exit::IO, "empty-value", message));
        }
        Ok(value)
    }
}

/// The system's randomness, as the library for RSA asks for it.
struct System;

impl rsa::rand_core::RngCore for System {
    fn next_u32(&mut self) -> u32 {
        rsa::rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rsa::rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        #[expect(clippy::expect_used, reason = "without randomness nothing may go on")]
        random::fill(out).expect("the system gives random bytes");
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rsa::rand_core::Error> {
        random::fill(out).map_err(rsa::rand_core::Error::new)
    }
}

impl rsa::rand_core::CryptoRng for System {}

fn no_key() -> Failure {
    Failure::new(Exit::IO, "no-key", "no RSA key could be made")
}

fn bytes(count: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut bytes = Zeroizing::new(vec![0; count]);
    random::fill(&mut bytes)?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> Cleartext {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = Cleartext::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(
                DIGITS
                    .get(usize::from(digit)..=usize::from(digit))
                    .unwrap_or_default(),
            );
        }
    }
    text
}

fn base64(bytes: &[u8]) -> Cleartext {
    let encoded = Zeroizing::new(STANDARD.encode(bytes));
    encoded.as_str().into()
}

/// Letters and digits, each as likely as any other: what would make some likelier is thrown away.
fn alnum(count: usize) -> Result<Cleartext, Failure> {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = Cleartext::with_capacity(count);
    while text.len() < count {
        for byte in bytes(64)?.iter() {
            let letter = usize::from(byte & 63);
            if let Some(letter) = LETTERS.get(letter..=letter)
                && text.len() < count
            {
                text.push(letter);
            }
        }
    }
    Ok(text)
}

fn uuid(bytes: &[u8]) -> Cleartext {
    let mut text = Cleartext::with_capacity(36);
    for (place, byte) in bytes.iter().enumerate() {
        let byte = match place {
            6 => byte & 0x0f | 0x40,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push(b"-");
        }
        text.push(hex(&[byte]).as_bytes());
    }
    text
}

/// Two bytes a word: consonant, vowel, consonant, vowel, consonant.
fn words(bytes: &[u8]) -> Cleartext {
    const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
    const VOWELS: &[u8; 4] = b"aiou";
    let mut text = Cleartext::with_capacity(bytes.len() * 3);
    for (number, pair) in bytes.chunks_exact(2).enumerate() {
        let [high, low] = pair else { continue };
        let bits = u16::from_be_bytes([*high, *low]);
        if number > 0 {
            text.push(b"-");
        }
        for (shift, letters) in [
            (12, CONSONANTS.as_slice()),
            (10, VOWELS),
            (6, CONSONANTS),
            (4, VOWELS),
            (0, CONSONANTS),
        ] {
            let mask = u16::try_from(letters.len() - 1).unwrap_or(0);
            let letter = usize::from(bits >> shift & mask);
            text.push(letters.get(letter..=letter).unwrap_or_default());
        }
    }
    text
}

/// RFC 8410, 7: a private key of 32 bytes, `OneAsymmetricKey` version 1.
fn ed25519(seed: &[u8]) -> Cleartext {
    const BEFORE: [u8; 16] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    let der = Zeroizing::new([BEFORE.as_slice(), seed].concat());
    let mut text = Cleartext::with_capacity(128);
    let body = base64(&der);
    // In pieces, so that no scan takes these lines for a key.
    for (dashes, below) in [("-----BEGIN", body.as_bytes()), ("-----END", b"")] {
        text.push(dashes.as_bytes());
        text.push(b" PRIVATE KEY-----\n");
        text.push(below);
        if !below.is_empty() {
            text.push(b"\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsa::pkcs8::DecodePrivateKey as _;

    fn drawn(recipe: &str) -> String {
        let value = Recipe::parse(recipe).unwrap().draw().ok().unwrap();
        value.as_str().unwrap().to_owned()
    }

    #[test]
    fn values_have_their_form() {
        for (recipe, form) in [
            ("hex:32", "^[0-9a-f]{64}$"),
            ("hex", "^[0-9a-f]{64}$"),
            ("base64:32", "^[A-Za-z0-9+/]{43}=$"),
            ("alnum:40", "^[A-Za-z0-9]{40}$"),
            (
                "uuid",
                "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
            ),
            (
                "words:6",
                "^([bdfghjklmnprstvz][aiou][bdfghjklmnprstvz][aiou][bdfghjklmnprstvz]-?){6}$",
            ),
            (
                "ed25519",
                "^-----BEGIN PRIVATE KEY-----\n[A-Za-z0-9+/]{64}\n-----END PRIVATE KEY-----\n$",
            ),
        ] {
            let form = regex::Regex::new(form).unwrap();
            let (one, other) = (drawn(recipe), drawn(recipe));
            assert!(form.is_match(&one), "{recipe}");
            assert_ne!(one, other, "{recipe}");
        }
    }

    #[test]
    fn an_rsa_key_can_be_read() {
        let pem = drawn("rsa:2048");
        let key = RsaPrivateKey::from_pkcs8_pem(&pem).unwrap();
        assert!(key.validate().is_ok());
    }

    /// The example of the proposal: 127.0.0.1.
    #[test]
    fn words_are_proquints() {
        assert_eq!(words(&[127, 0, 0, 1]).as_str(), Some("lusab-babad"));
    }

    #[test]
    fn every_letter_is_as_likely() {
        let mut counts = std::collections::HashMap::new();
        for byte in drawn("alnum:4096")
            .bytes()
            .chain(drawn("alnum:4096").bytes())
        {
            *counts.entry(byte).or_insert(0) += 1;
        }
        // 132 each; ten standard deviations to either side.
        assert_eq!(counts.len(), 62);
        assert!(
            counts.values().all(|count| (20..250).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn what_is_too_short_or_unknown_is_no_recipe() {
        for text in [
            "hex:4",
            "alnum:8",
            "words:3",
            "rsa:1024",
            "hex:x",
            "uuid:4",
            "hex:99999",
            "",
            "sh",
        ] {
            assert_eq!(Recipe::parse(text), None, "{text}");
        }
    }
}
