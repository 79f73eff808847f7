//! Strings in double quotes, as JSON, YAML and Terraform write them, and back.
//!
//! What is written is valid in all three, but for the `$` and `%` of Terraform's templates: visible
//! characters stand as they are, the rest as `\n`, `\r`, `\t` or `\uXXXX`.

use crate::secret::Cleartext;

/// Appends `text` in double quotes. Where `templates`, `${` and `%{` are written so that they stay.
pub(super) fn push(out: &mut Cleartext, text: &str, templates: bool) {
    out.push(b"\"");
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' => out.push(b"\\\""),
            '\\' => out.push(b"\\\\"),
            '\n' => out.push(b"\\n"),
            '\r' => out.push(b"\\r"),
            '\t' => out.push(b"\\t"),
            '$' | '%' if templates && rest.peek() == Some(&'{') => push_escape(out, c),
            c if is_hidden(c) => push_escape(out, c),
            c => out.push(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b"\"");
}

/// The string at the beginning of `rest`, and what stands behind it; `None` where it is none, or
/// has something that [`push`] does not write.
pub(super) fn pull(rest: &str, templates: bool) -> Option<(Cleartext, &str)> {
    let mut rest = rest.strip_prefix('"')?;
    let mut out = Cleartext::default();
    loop {
        let at = rest.find(['"', '\\', '$', '%'])?;
        let (before, from) = rest.split_at(at);
        out.push(before.as_bytes());
        let mut signs = from.chars();
        match signs.next()? {
            '"' => return Some((out, signs.as_str())),
            '\\' => match signs.next()? {
                c @ ('"' | '\\') => out.push(&[c as u8]),
                'n' => out.push(b"\n"),
                'r' => out.push(b"\r"),
                't' => out.push(b"\t"),
                'u' => {
                    let digits = signs.as_str().get(..4)?;
                    let c = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
                    out.push(c.encode_utf8(&mut [0; 4]).as_bytes());
                    signs = signs.as_str().get(4..)?.chars();
                }
                _ => return None,
            },
            _ if templates && signs.as_str().starts_with('{') => return None,
            c => out.push(&[c as u8]),
        }
        rest = signs.as_str();
    }
}

/// Characters that a reader may drop, fold or refuse, all of them in the first plane: control
/// characters, the line breaks of Unicode, a byte-order mark, and what is no character.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

fn push_escape(out: &mut Cleartext, c: char) {
    out.push(format!("\\u{:04x}", u32::from(c)).as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn strings_come_back(text in "(\\PC|[\\x00-\\x1f\"\\\\$%{}\u{85}\u{2028}\u{feff}]){0,40}", templates: bool) {
            let mut out = Cleartext::default();
            push(&mut out, &text, templates);
            out.push(b", more");
            let (back, rest) = pull(out.as_str().unwrap(), templates).unwrap();
            prop_assert_eq!(back.as_str().unwrap(), text.as_str());
            prop_assert_eq!(rest, ", more");
            if !templates {
                let written = out.as_str().unwrap().strip_suffix(", more").unwrap();
                let json: String = serde_json::from_str(written).unwrap();
                prop_assert_eq!(&json, &text);
                let yaml: String = serde_saphyr::from_str(written).unwrap();
                prop_assert_eq!(yaml, text);
            }
        }
    }
}
