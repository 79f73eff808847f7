//! Names, and pieces of values that look like names: a name stands in the secret file in clear, so
//! that nothing may become one by mistake.

use crate::secret::Cleartext;

/// What a line of base64 has at least, when it is taken for a name.
const PIECE: usize = 20;

/// Why a name in front of a `=` might be none; `None` where there is no doubt.
///
/// Lines of a key that stands in the file without quotes look like `NAME=`, because base64 may end
/// in `=`.
pub(super) fn doubt(name: &str, value: &Cleartext) -> Option<&'static str> {
    let sound = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | ' ');
    if name.is_empty() || !name.chars().all(sound) {
        return Some(
            "what stands before the `=` is no name of letters, digits and `_.-`; if this is a part of a value, that value needs quotes",
        );
    }
    let has = |fits: fn(&char) -> bool| name.chars().any(|c| fits(&c));
    let mixed = has(char::is_ascii_lowercase)
        && has(char::is_ascii_uppercase)
        && has(char::is_ascii_digit)
        && !name.contains(['_', '.', '-', ' ']);
    if matches!(value.as_bytes(), b"" | b"=") && name.len() >= PIECE && mixed {
        return Some(
            "what stands before the `=` looks like a part of a value; that value needs quotes",
        );
    }
    let text = value.as_bytes();
    let begins = memchr::memmem::find(text, b"-----BEGIN ").is_some();
    if begins && memchr::memmem::find(text, b"-----END ").is_none() {
        return Some(
            "a PEM block begins in this value and does not end in it; over several lines it needs quotes",
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_of_a_value_is_no_name() {
        let doubted = |name: &str, value: &str| doubt(name, &value.into()).is_some();
        for (name, value) in [
            ("a/b+c", "x"),
            ("", "x"),
            ("MIIEvQIBADANBgkqhkiG9w0B", ""),
            ("MIIEvQIBADANBgkqhkiG9w0B", "="),
            ("KEY", "-----BEGIN INVENTED KEY-----"),
        ] {
            assert!(doubted(name, value), "{name}");
        }
        for (name, value) in [
            ("KEY", ""),
            ("2FA_Secret_1234567890ABC", ""),
            ("spring.datasource.url", "x"),
            ("user name", "x"),
            ("MIIEvQIBADANBgkqhkiG9w0B", "a value"),
            ("KEY", "-----BEGIN X-----\nx\n-----END X-----"),
        ] {
            assert!(!doubted(name, value), "{name}");
        }
    }
}
