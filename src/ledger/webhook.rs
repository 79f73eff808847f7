//! Signatures of what is told over HTTP, so that whoever is told knows by whom, and that nothing was
//! changed on the way: the Standard Webhooks specification, 1.0.0 (standardwebhooks.com), with its
//! symmetric scheme `v1`.

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

/// The header of a message's id: the same however often it is sent.
pub const ID: &str = "webhook-id";

/// The header of the time of sending, in seconds since 1970.
pub const TIMESTAMP: &str = "webhook-timestamp";

/// The header of the signatures.
pub const SIGNATURE: &str = "webhook-signature";

/// The fewest bytes that a key may have, by the specification: 192 bits.
pub const LEAST_KEY: usize = 24;

/// The keys with which messages to one receiver are signed. Two while one takes the place of the other.
pub struct SigningKeys(Vec<Zeroizing<Vec<u8>>>);

/// Why a text is no key. Nothing of it is shown.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// There is nothing in it.
    #[error("the secret is empty")]
    Empty,
    /// What follows `whsec_` is no base64.
    #[error("what follows `whsec_` in the secret is not base64")]
    NotBase64,
    /// It is the private half of a pair.
    #[error(
        "the secret is a key of an asymmetric pair (`whsk_`, `whpk_`), with which mvx does not sign"
    )]
    Asymmetric,
    /// It is too short.
    #[error("the secret is shorter than {LEAST_KEY} bytes")]
    Short,
}

/// Base64, with `=` at its end or without.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl SigningKeys {
    /// Reads a secret: `whsec_` and base64, or any other text, whose bytes are the key. Several are
    /// separated by blanks.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let keys: Result<Vec<_>, KeyError> = text.split_ascii_whitespace().map(key).collect();
        let keys = keys?;
        if keys.is_empty() {
            return Err(KeyError::Empty);
        }
        Ok(Self(keys))
    }

    /// The value of [`SIGNATURE`] for a message: `v1,` and the base64 of the HMAC-SHA256 of
    /// `ID.TIMESTAMP.BODY`, once for each key.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let signatures: Vec<String> = self
            .0
            .iter()
            .filter_map(|key| {
                let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
                for piece in [id.as_bytes(), timestamp.to_string().as_bytes()] {
                    mac.update(piece);
                    mac.update(b".");
                }
                mac.update(body);
                let code = STANDARD.encode(mac.finalize().into_bytes());
                Some(format!("v1,{code}"))
            })
            .collect();
        signatures.join(" ")
    }
}

fn key(word: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    if word.starts_with("whsk_") || word.starts_with("whpk_") {
        return Err(KeyError::Asymmetric);
    }
    let key = match word.strip_prefix("whsec_") {
        Some(code) => LENIENT.decode(code).map_err(|_| KeyError::NotBase64)?,
        None => word.as_bytes().to_vec(),
    };
    let key = Zeroizing::new(key);
    if key.len() < LEAST_KEY {
        return Err(KeyError::Short);
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference libraries.
    const CODE: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const EXPECTED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn sign(secret: &str) -> String {
        let keys = SigningKeys::parse(secret).unwrap();
        keys.sign(ID, 1_614_265_330, BODY)
    }

    #[test]
    fn the_known_answer_comes_out() {
        assert_eq!(sign(&format!("whsec_{CODE}")), EXPECTED);
        let raw = STANDARD.decode(CODE).unwrap();
        let padded = format!("whsec_{}", STANDARD.encode([&raw[..], b"x"].concat()));
        assert_eq!(sign(&padded), sign(padded.trim_end_matches('=')));
        assert_ne!(sign(&padded), EXPECTED);
    }

    #[test]
    fn a_plain_text_is_a_key_and_two_keys_sign_both() {
        let text = "an invented text of words".replace(' ', "-");
        let coded = format!("whsec_{}", STANDARD.encode(&text));
        assert_eq!(sign(&text), sign(&coded));
        let both = sign(&format!(" whsec_{CODE}\n{text} "));
        assert_eq!(both, format!("{EXPECTED} {}", sign(&text)));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for (text, expected) in [
            ("", KeyError::Empty),
            (" \n", KeyError::Empty),
            ("whsec_", KeyError::Short),
            ("whsec_c2hvcnQ=", KeyError::Short),
            ("twenty-three-bytes-long", KeyError::Short),
            (
                "whsec_%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%",
                KeyError::NotBase64,
            ),
            (
                "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                KeyError::Asymmetric,
            ),
        ] {
            assert_eq!(SigningKeys::parse(text).err(), Some(expected), "{text}");
        }
    }
}
