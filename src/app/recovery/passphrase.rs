//! The passphrase of a recovery key.

use zeroize::Zeroizing;

use crate::error::{Exit, Failure};
use crate::io::random;
use crate::secret::Passphrase;

/// The fewest characters of a passphrase that somebody chose.
const SHORTEST: usize = 8;

/// Six made-up words of five letters, 96 random bits: with scrypt in front of them beyond any
/// guessing. They can be spoken and written by hand (proquints, arXiv:0901.4016).
pub fn generated() -> Result<Passphrase, Failure> {
    let mut bytes = Zeroizing::new([0u8; 2 * WORDS]);
    random::fill(bytes.as_mut_slice())?;
    // room for all, so that it never grows and leaves no copy behind
    let mut text = String::with_capacity(6 * WORDS - 1);
    for pair in bytes.chunks_exact(2) {
        if !text.is_empty() {
            text.push('-');
        }
        let bits = pair
            .iter()
            .fold(0, |bits, byte| bits << 8 | u16::from(*byte));
        push_word(bits, &mut text);
    }
    Ok(Passphrase::new(text))
}

/// Fails for a passphrase that is too short to protect anything.
pub fn sound(passphrase: Passphrase) -> Result<Passphrase, Failure> {
    if passphrase.expose().chars().count() >= SHORTEST {
        return Ok(passphrase);
    }
    Err(Failure::new(
        Exit::USAGE,
        "passphrase-short",
        format!("a passphrase has {SHORTEST} characters at least; nothing was made"),
    )
    .hint("four random words are easy to remember and hard to guess"))
}

const WORDS: usize = 6;

/// Sixteen bits as consonant, vowel, consonant, vowel, consonant.
fn push_word(bits: u16, text: &mut String) {
    for (shift, letters) in [
        (12, CONSONANTS),
        (10, VOWELS),
        (6, CONSONANTS),
        (4, VOWELS),
        (0, CONSONANTS),
    ] {
        let index = usize::from(bits >> shift) % letters.len();
        text.extend(letters.get(index).map(|letter| char::from(*letter)));
    }
}

const CONSONANTS: &[u8] = b"bdfghjklmnprstvz";
const VOWELS: &[u8] = b"aiou";

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the proposal: 127.0.0.1 is lusab-babad.
    #[test]
    fn words_are_those_of_the_proposal() {
        for (bits, expected) in [(0x7f00, "lusab"), (0x0001, "babad"), (0xffff, "zuzuz")] {
            let mut word = String::new();
            push_word(bits, &mut word);
            assert_eq!(word, expected);
        }
    }

    #[test]
    fn two_passphrases_differ_and_can_be_typed() {
        let (one, other) = (generated().unwrap(), generated().unwrap());
        assert_ne!(one.expose(), other.expose());
        assert_eq!(one.expose().len(), 6 * 5 + 5);
        let typed = |c: char| c.is_ascii_lowercase() || c == '-';
        assert!(one.expose().chars().all(typed));
        assert!(sound(one).is_ok());
        assert!(sound(Passphrase::new("sesame".into())).is_err());
    }
}
