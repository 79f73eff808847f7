//! Whether a text reads like words: what people name things, against what machines make up.

/// For each letter, those that often follow it. The 164 pairs make up 86 % of the pairs in the prose
/// and the names of a thousand README files; of random letters they make up a quarter.
const FOLLOWERS: [&[u8]; 26] = [
    b"bcdgilmnprst",
    b"aeilu",
    b"aehiklortu",
    b"aeiou",
    b"acdeflmnprstvx",
    b"aefio",
    b"eir",
    b"aeio",
    b"abcdefglmnoprstvz",
    b"",
    b"e",
    b"adeiloy",
    b"aeiop",
    b"acdegiost",
    b"cdlmnoprstuvw",
    b"aeiloprt",
    b"u",
    b"adeimorstuy",
    b"acehiopstu",
    b"aehiorstuy",
    b"ceilmnprst",
    b"aei",
    b"",
    b"",
    b"",
    b"e",
];

/// Longest piece of letters and of digits.
const LETTERS: usize = 8;
const DIGITS: usize = 3;

/// Whether a text falls into few pieces for its length: two and a half characters a piece and more.
/// Tokenizers of language models cut words into longer pieces than that, and random characters into
/// shorter ones; this guesses their cuts from pairs of letters.
pub(super) fn reads_like_words(text: &[u8]) -> bool {
    !text.is_empty() && text.len() * 2 >= pieces(text) * 5
}

/// How many pieces a text falls into: letters that often follow each other, up to three digits, and
/// a separator with what it separates.
fn pieces(text: &[u8]) -> usize {
    let mut pieces = 0;
    let mut length = 0;
    let mut before = b' ';
    for &byte in text {
        let goes_on = match (kind(before), kind(byte)) {
            (Kind::Letter, Kind::Letter) => {
                let camel = before.is_ascii_lowercase() && byte.is_ascii_uppercase();
                length < LETTERS && !camel && is_frequent(before, byte)
            }
            (Kind::Digit, Kind::Digit) => length < DIGITS,
            (Kind::Other, Kind::Letter | Kind::Other) => pieces > 0 && length < LETTERS,
            _ => false,
        };
        if goes_on {
            length += 1;
        } else {
            pieces += 1;
            length = 1;
        }
        before = byte;
    }
    pieces
}

#[derive(Clone, Copy)]
enum Kind {
    Letter,
    Digit,
    Other,
}

fn kind(byte: u8) -> Kind {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' => Kind::Letter,
        b'0'..=b'9' => Kind::Digit,
        _ => Kind::Other,
    }
}

fn is_frequent(one: u8, other: u8) -> bool {
    let place = usize::from(one.to_ascii_lowercase().wrapping_sub(b'a'));
    FOLLOWERS
        .get(place)
        .is_some_and(|followers| followers.contains(&other.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_noise_are_told_apart() {
        for words in [
            "correct horse battery",
            "getElementsByTagName",
            "supersecretvalue",
            "my-api-token-value",
            "com.example.application",
        ] {
            assert!(reads_like_words(words.as_bytes()), "{words}");
        }
        for noise in [
            "q8Zt5rWv2nLk9sXc4b",
            "jkqzxwvbpfghkdmt",
            "d41d8cd98f00b204e9800998ecf8427e",
            "tr0ub4dor&3",
            "",
        ] {
            assert!(!reads_like_words(noise.as_bytes()), "{noise}");
        }
    }
}
