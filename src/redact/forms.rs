//! In which forms a value may show itself.
//!
//! The list is that of GitHub's runner (its `ValueEncoders`: base64 in three shifts, JSON, URI, XML,
//! command lines, expressions, PowerShell, trimmed quotes) and what was found missing beside it.

use super::encode::{
    Json, backslashed, base64, c_string, has_shared_end, hex, json, percent, replaced, wrapped,
};
use crate::secret::Cleartext;

/// Characters that a value has at least, to be masked; bytes, where it is not text.
pub const SHORTEST: usize = 8;

/// Something to mask.
pub(super) struct Form {
    /// The bytes that are looked for.
    pub(super) bytes: Cleartext,
    /// Base64 whose last bits stand in one more character, and padding.
    pub(super) shares_its_end: bool,
}

/// Every form of a value, with repetitions. None where it is too short.
pub(super) fn forms(value: &[u8]) -> Vec<Form> {
    let mut found = Found::default();
    if !is_long(value) {
        return found.0;
    }
    // Blanks around it are no secret, and a pattern that begins with one would hold prompts back.
    let core = value.trim_ascii();
    let core = if is_long(core) { core } else { value };
    found.encodings(core);
    if core.len() != value.len() {
        // In lines, base64 of what begins with blanks has nothing in common with that of the rest.
        found.base64(value);
    }
    found.parts(core);
    let mut lines = core.split(|byte| matches!(byte, b'\n' | b'\r'));
    if lines.clone().nth(1).is_some() {
        // as a terminal writes line breaks, and as others write those that are CRLF
        found.plain(replaced(core, &[(b'\n', "\r\n")]));
        found.plain(replaced(&without_returns(core), &[(b'\n', "\r\n")]));
        found.plain(Cleartext::new(without_returns(core).to_vec()));
        for line in lines
            .by_ref()
            .map(<[u8]>::trim_ascii)
            .filter(|line| is_long(line))
        {
            found.encodings(line);
            found.parts(line);
        }
    }
    found.0
}

fn is_long(value: &[u8]) -> bool {
    let length = std::str::from_utf8(value).map_or(value.len(), |text| text.chars().count());
    length >= SHORTEST
}

fn without_returns(value: &[u8]) -> zeroize::Zeroizing<Vec<u8>> {
    let mut kept = Vec::with_capacity(value.len());
    kept.extend(value.iter().filter(|byte| **byte != b'\r'));
    zeroize::Zeroizing::new(kept)
}

#[derive(Default)]
struct Found(Vec<Form>);

impl Found {
    fn plain(&mut self, bytes: Cleartext) {
        self.0.push(Form {
            bytes,
            shares_its_end: false,
        });
    }

    /// A value as it is and in every encoding.
    fn encodings(&mut self, value: &[u8]) {
        self.plain(Cleartext::new(value.to_vec()));
        self.base64(value);
        // most tokens are, and then most encodings are the value itself
        let is_plain = value.iter().all(u8::is_ascii_alphanumeric);
        for upper in [false, true] {
            let digits = hex(value, upper);
            // `xxd -p` breaks lines after 60 digits
            if digits.len() > 60 {
                self.plain(wrapped(&digits, 60, b"\n"));
            }
            self.plain(digits);
            self.plain(percent(value, None, upper, false));
            let urls = if is_plain { &[] } else { KEPT_IN_URLS };
            for kept in urls {
                self.plain(percent(value, Some(kept), upper, false));
                self.plain(percent(value, Some(kept), upper, true));
            }
        }
        if let Ok(text) = std::str::from_utf8(value) {
            self.json(text, is_plain);
        }
        if is_plain {
            return;
        }
        for table in TABLES {
            if value
                .iter()
                .any(|byte| table.iter().any(|(from, _)| from == byte))
            {
                self.plain(replaced(value, table));
            }
        }
        for octal in [false, true] {
            self.plain(c_string(value, C_ESCAPES, octal));
            self.plain(c_string(value, C_ESCAPES_BUT_QUOTES, octal));
        }
        self.plain(backslashed(value));
    }

    fn base64(&mut self, value: &[u8]) {
        for (shift, url) in [0, 1, 2].into_iter().flat_map(|n| [(n, false), (n, true)]) {
            let shares_its_end = has_shared_end(value, shift);
            let bytes = base64(value, shift, url);
            if bytes.as_bytes().iter().any(|byte| b"+/".contains(byte)) {
                for upper in [false, true] {
                    self.plain(percent(bytes.as_bytes(), Some(b""), upper, false));
                }
            }
            let mut push = |bytes| {
                self.0.push(Form {
                    bytes,
                    shares_its_end,
                });
            };
            // MIME and `base64` break lines after 76 characters, PEM and openssl after 64
            for width in [64, 76] {
                if shift == 0 && bytes.len() > width {
                    push(wrapped(&bytes, width, b"\n"));
                    push(wrapped(&bytes, width, b"\r\n"));
                }
            }
            push(bytes);
        }
    }

    fn json(&mut self, text: &str, is_plain: bool) {
        let minimal = Json::default();
        for upper in [false, true] {
            let all = true;
            self.plain(json(
                text,
                Json {
                    all,
                    upper,
                    ..minimal
                },
            ));
        }
        if is_plain {
            return;
        }
        for upper in [false, true] {
            let ascii = Json {
                ascii: true,
                upper,
                ..minimal
            };
            let markup = Json {
                markup: true,
                upper,
                ..minimal
            };
            for style in [
                Json { upper, ..minimal },
                ascii,
                markup,
                Json {
                    slash: true,
                    ..ascii
                },
                Json {
                    ascii: true,
                    ..markup
                },
                Json {
                    quotes: true,
                    ascii: true,
                    ..markup
                },
                Json {
                    quotes: true,
                    ..markup
                },
            ] {
                self.plain(json(text, style));
            }
        }
        self.plain(json(
            text,
            Json {
                slash: true,
                ..minimal
            },
        ));
        // JSON in a text of a JSON log
        for style in [
            minimal,
            Json {
                ascii: true,
                ..minimal
            },
        ] {
            let once = json(text, style);
            if let Some(once) = once.as_str() {
                self.plain(json(once, minimal));
            }
        }
    }

    /// What some programs show of a value: without its quotes, and the two sides of PowerShell's
    /// call operator, which an error message shows one by one.
    fn parts(&mut self, value: &[u8]) {
        let unquoted = match value {
            [b'"', inside @ .., b'"'] | [b'\'', inside @ .., b'\''] => Some(inside),
            _ => None,
        };
        let ampersand = value
            .iter()
            .rposition(|byte| *byte == b'&')
            .map(|at| at + 1);
        let sides = ampersand.map(|at| value.split_at(at));
        let sides = sides
            .map(|(before, after)| [before, after])
            .into_iter()
            .flatten();
        for part in sides.map(<[u8]>::trim_ascii) {
            if is_long(part) {
                self.plain(Cleartext::new(part.to_vec()));
            }
        }
        if let Some(inside) = unquoted.filter(|inside| is_long(inside)) {
            self.encodings(inside);
        }
    }
}

/// What stays beside letters and digits in a URL, by those who write it: RFC 3986's unreserved
/// characters (Go, Python's `quote_plus`, C#), Python's `quote`, `encodeURIComponent`, `encodeURI`,
/// HTML forms and Java, Go's `PathEscape`, PHP's `urlencode`, and user names and passwords in URLs.
const KEPT_IN_URLS: &[&[u8]] = &[
    b"-._~",
    b"-._~/",
    b"-._~!'()*",
    b"-._~!'()*;,/?:@&=+$#",
    b"*-._",
    b"-._~$&+=:@",
    b"-._",
    b"-._~!$&'()*+,;=",
];

/// Characters that are written as something else.
const TABLES: &[&[(u8, &str)]] = &[
    // XML and HTML: text, attributes, SecurityElement.Escape, Python, Go, PHP
    &[(b'&', "&amp;"), (b'<', "&lt;"), (b'>', "&gt;")],
    &[(b'&', "&amp;"), (b'<', "&lt;")],
    &[
        (b'&', "&amp;"),
        (b'<', "&lt;"),
        (b'>', "&gt;"),
        (b'"', "&quot;"),
    ],
    &[
        (b'&', "&amp;"),
        (b'<', "&lt;"),
        (b'>', "&gt;"),
        (b'"', "&quot;"),
        (b'\'', "&apos;"),
    ],
    &[
        (b'&', "&amp;"),
        (b'<', "&lt;"),
        (b'>', "&gt;"),
        (b'"', "&quot;"),
        (b'\'', "&#x27;"),
    ],
    &[
        (b'&', "&amp;"),
        (b'<', "&lt;"),
        (b'>', "&gt;"),
        (b'"', "&quot;"),
        (b'\'', "&#39;"),
    ],
    &[
        (b'&', "&amp;"),
        (b'<', "&lt;"),
        (b'>', "&gt;"),
        (b'"', "&quot;"),
        (b'\'', "&#039;"),
    ],
    &[
        (b'&', "&amp;"),
        (b'<', "&lt;"),
        (b'>', "&gt;"),
        (b'"', "&#34;"),
        (b'\'', "&#39;"),
    ],
    // SQL, PowerShell, YAML and GitHub's expressions; CSV
    &[(b'\'', "''")],
    &[(b'"', "\"\"")],
    // shells in single quotes, two habits, and in double quotes
    &[(b'\'', "'\\''")],
    &[(b'\'', "'\"'\"'")],
    &[
        (b'"', "\\\""),
        (b'\\', "\\\\"),
        (b'$', "\\$"),
        (b'`', "\\`"),
    ],
    &[
        (b'"', "\\\""),
        (b'\\', "\\\\"),
        (b'$', "\\$"),
        (b'`', "\\`"),
        (b'!', "\\!"),
    ],
    &[(b'"', "\\\""), (b'\\', "\\\\"), (b'$', "\\$")],
    // PowerShell in double quotes
    &[(b'"', "`\""), (b'`', "``"), (b'$', "`$")],
    // command lines of Windows, Makefiles and compose files
    &[(b'"', "\\\"")],
    &[(b'$', "$$")],
    // lines of a log
    &[(b'\n', "\\n"), (b'\r', "\\r")],
    &[(b'\n', "%0A"), (b'\r', "%0D"), (b'%', "%25")],
    // Python's and JavaScript's own quotes
    &[
        (b'\\', "\\\\"),
        (b'\'', "\\'"),
        (b'\n', "\\n"),
        (b'\r', "\\r"),
        (b'\t', "\\t"),
    ],
];

/// `$'…'` and the source text of C and its children.
const C_ESCAPES: &[(u8, &str)] = &[
    (b'\\', "\\\\"),
    (b'\'', "\\'"),
    (b'"', "\\\""),
    (b'\n', "\\n"),
    (b'\r', "\\r"),
    (b'\t', "\\t"),
];

/// The same in single quotes, as Python and bash write it.
const C_ESCAPES_BUT_QUOTES: &[(u8, &str)] = &[
    (b'\\', "\\\\"),
    (b'\'', "\\'"),
    (b'\n', "\\n"),
    (b'\r', "\\r"),
    (b'\t', "\\t"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn has(value: &str, form: &str) -> bool {
        forms(value.as_bytes())
            .iter()
            .any(|found| found.bytes.as_bytes() == form.as_bytes())
    }

    #[test]
    fn short_values_have_none() {
        assert!(forms(b"seven77").is_empty());
        assert!(forms("äöüäöüä".as_bytes()).is_empty(), "seven characters");
        assert!(!forms(b"eight888").is_empty());
        assert!(
            has("  x     ", "  x     "),
            "eight characters, blanks or not"
        );
    }

    #[test]
    fn the_forms_of_the_runner_are_there() {
        let value = "p@ss \"w&rd'<1>/é";
        for form in [
            "cEBzcyAidyZyZCc8MT4vw6",
            "p@ss \\\"w&rd'<1>/\\u00e9",
            "p@ss \\\"w\\u0026rd'\\u003c1\\u003e/é",
            "p%40ss%20%22w%26rd%27%3C1%3E%2F%C3%A9",
            "p%40ss+%22w%26rd%27%3c1%3e%2f%c3%a9",
            "p@ss &quot;w&amp;rd&apos;&lt;1&gt;/é",
            "p@ss \"w&rd''<1>/é",
            "p@ss \"w&rd'\\''<1>/é",
            "p@ss `\"w&rd'<1>/é",
            "p@ss \\\"w&rd\\'<1>/\\303\\251",
            "704073732022772672642",
        ] {
            let found = forms(value.as_bytes());
            let holds = |bytes: &[u8]| bytes.starts_with(form.as_bytes());
            assert!(
                found.iter().any(|found| holds(found.bytes.as_bytes())),
                "{form}"
            );
        }
        assert!(has("\"quoted-value\"", "quoted-value"));
        assert!(has("first-half&second-half", "second-half"));
        assert!(has("first-half&second-half", "first-half&"));
    }

    #[test]
    fn lines_are_values_of_their_own() {
        let value = "-----BEGIN-----\nMIIBOgIBAAJB\n  indented-line\nshort\n";
        for form in [
            "MIIBOgIBAAJB",
            "indented-line",
            "-----BEGIN-----\r\nMIIBOgIBAAJB\r\n  indented-line\r\nshort",
            "-----BEGIN-----\\nMIIBOgIBAAJB\\n  indented-line\\nshort",
        ] {
            assert!(has(value, form), "{form}");
        }
        assert!(!has(value, "short"));
        assert!(has("one-line\r\ntwo-line", "one-line\ntwo-line"));
    }

    #[test]
    fn long_base64_is_known_in_lines() {
        let value = "x".repeat(80);
        let found = forms(value.as_bytes());
        let broken = |width: usize| {
            found
                .iter()
                .any(|form| form.bytes.as_bytes().get(width) == Some(&b'\n'))
        };
        assert!(broken(64) && broken(76));
    }
}
