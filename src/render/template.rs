//! Templates: any text file with named placeholders.
//!
//! `{{ mvx:NAME }}` stands for a value, `{{ mvx:NAME | json }}` for it behind a [`Filter`]. Only what
//! begins with `{{ mvx:` (blanks are free) is a placeholder; other braces, `$` and `%` are text, so
//! that templates of other tools stay as they are. `{{ mvx:{{ }}` is the text `{{`. What is put in is
//! not looked at again.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use thiserror::Error;

use super::{Variable, quoted};
use crate::error::{Exit, Explain};
use crate::secret::Cleartext;

/// How large a template may be, in bytes: 16 MiB.
pub const SIZE_LIMIT: usize = 16 << 20;

/// What a value is written through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// As it is; not where it holds a line break or another control character.
    Raw,
    /// As it is, line breaks too.
    Lines,
    /// A JSON string with its quotes; YAML takes it as well.
    Json,
    /// The inside of a JSON string, for between quotes that stand in the template.
    JsonInner,
    /// One word of a POSIX shell, in single quotes.
    Shell,
    /// Percent-encoded for a part of a URL (RFC 3986: unreserved characters stay).
    Url,
    /// For XML and HTML, in text and in attributes.
    Xml,
    /// The value of a Java `.properties` file.
    Properties,
    /// A string of nginx in double quotes; not where it holds a `$`, which nginx always replaces.
    Nginx,
    /// A token of `.netrc`; not where it holds a blank or a quote.
    Netrc,
    /// Base64.
    Base64,
    /// Base64 for URLs, without padding.
    Base64Url,
    /// A string of HCL (Terraform) with its quotes.
    Hcl,
}

impl Filter {
    /// Every filter but the plain one.
    pub const ALL: [Self; 12] = [
        Self::Lines,
        Self::Json,
        Self::JsonInner,
        Self::Shell,
        Self::Url,
        Self::Xml,
        Self::Properties,
        Self::Nginx,
        Self::Netrc,
        Self::Base64,
        Self::Base64Url,
        Self::Hcl,
    ];

    /// Its name behind the `|`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Lines => "lines",
            Self::Json => "json",
            Self::JsonInner => "json-inner",
            Self::Shell => "shell",
            Self::Url => "url",
            Self::Xml => "xml",
            Self::Properties => "properties",
            Self::Nginx => "nginx",
            Self::Netrc => "netrc",
            Self::Base64 => "base64",
            Self::Base64Url => "base64url",
            Self::Hcl => "hcl",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|filter| filter.name() == name)
    }
}

/// A template that cannot be filled. No value is told.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// A name that nothing was delivered under.
    #[error("line {line}: nothing is delivered as `{name}`")]
    Unknown {
        /// The line, from 1.
        line: usize,
        /// The name.
        name: String,
    },
    /// A filter that there is not.
    #[error("line {line}: `{filter}` is no filter")]
    Filter {
        /// The line, from 1.
        line: usize,
        /// What stands there.
        filter: String,
    },
    /// A placeholder that does not end or has no name.
    #[error(
        "line {line}: a placeholder has the form `{{{{ mvx:NAME }}}}` or `{{{{ mvx:NAME | filter }}}}`"
    )]
    Form {
        /// The line, from 1.
        line: usize,
    },
    /// A value that the filter does not carry.
    #[error("line {line}: `{name}` cannot be put in as {}: {why}", filter.name())]
    Value {
        /// The line, from 1.
        line: usize,
        /// The variable's name.
        name: String,
        /// The filter.
        filter: Filter,
        /// Why.
        why: &'static str,
    },
    /// A template without any placeholder.
    #[error("there is no placeholder in it")]
    Nothing,
}

impl Explain for TemplateError {
    fn exit(&self) -> Exit {
        match self {
            Self::Value { .. } => Exit::IO,
            _ => Exit::RULES,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "template-name",
            Self::Filter { .. } => "template-filter",
            Self::Form { .. } | Self::Nothing => "template-form",
            Self::Value { .. } => "template-value",
        }
    }

    fn hints(&self) -> Vec<String> {
        let filters = || {
            let names: Vec<&str> = Filter::ALL.iter().map(|filter| filter.name()).collect();
            format!("the filters are {}", names.join(", "))
        };
        match self {
            Self::Unknown { .. } => {
                vec!["`mvx env example --dry-run` shows the names that profiles deliver".into()]
            }
            Self::Value {
                name,
                filter: Filter::Raw,
                ..
            } => vec![
                format!(
                    "a filter says how to write it: `{{{{ mvx:{name} | lines }}}}` puts its lines in as they are"
                ),
                filters(),
            ],
            Self::Value { .. } | Self::Filter { .. } => vec![filters()],
            Self::Form { .. } => vec!["`{{ mvx:{{ }}` writes two braces".into()],
            Self::Nothing => vec!["`{{ mvx:NAME }}` is where the value of NAME goes".into()],
        }
    }
}

/// A template with the values of `variables` in its placeholders' places.
pub fn fill(template: &str, variables: &[Variable]) -> Result<Cleartext, TemplateError> {
    let mut out = Cleartext::with_capacity(template.len() + 256);
    let mut rest = template;
    let mut any = false;
    while let Some((before, after)) = next(rest) {
        out.push(before.as_bytes());
        let line = {
            let done = template.len() - rest.len() + before.len();
            let so_far = template.as_bytes().get(..done).unwrap_or_default();
            memchr::memchr_iter(b'\n', so_far).count() + 1
        };
        any = true;
        if let Some(following) = after
            .strip_prefix("{{")
            .and_then(|braces| braces.trim_start_matches([' ', '\t']).strip_prefix("}}"))
        {
            out.push(b"{{");
            rest = following;
            continue;
        }
        let Some((inner, following)) = after.split_once("}}") else {
            return Err(TemplateError::Form { line });
        };
        let (name, filter) = match inner.split_once('|') {
            Some((name, filter)) => (name.trim(), Some(filter.trim())),
            None => (inner.trim(), None),
        };
        if !super::names::is_name(name) {
            return Err(TemplateError::Form { line });
        }
        let filter = match filter {
            None => Filter::Raw,
            Some(word) => Filter::from_name(word).ok_or_else(|| TemplateError::Filter {
                line,
                filter: word.chars().filter(|c| !c.is_control()).take(40).collect(),
            })?,
        };
        let Some(variable) = variables.iter().find(|variable| variable.name == name) else {
            return Err(TemplateError::Unknown {
                line,
                name: name.to_owned(),
            });
        };
        push(&mut out, &variable.value, filter).map_err(|why| TemplateError::Value {
            line,
            name: name.to_owned(),
            filter,
            why,
        })?;
        rest = following;
    }
    if !any {
        return Err(TemplateError::Nothing);
    }
    out.push(rest.as_bytes());
    Ok(out)
}

/// What stands before the next placeholder, and what follows its `mvx:`.
fn next(text: &str) -> Option<(&str, &str)> {
    // Of three braces, the last two count.
    memchr::memchr_iter(b'{', text.as_bytes()).find_map(|at| {
        let after = text.get(at..)?.strip_prefix("{{")?;
        let after = after.trim_start_matches([' ', '\t']).strip_prefix("mvx:")?;
        Some((text.get(..at)?, after))
    })
}

/// Writes a value through a filter; the error says why it cannot be.
fn push(out: &mut Cleartext, value: &Cleartext, filter: Filter) -> Result<(), &'static str> {
    match filter {
        Filter::Base64 => {
            out.push(Cleartext::from(STANDARD.encode(value.as_bytes())).as_bytes());
            return Ok(());
        }
        Filter::Base64Url => {
            out.push(Cleartext::from(URL_SAFE_NO_PAD.encode(value.as_bytes())).as_bytes());
            return Ok(());
        }
        Filter::Url => {
            for byte in value.as_bytes() {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
                    out.push(&[*byte]);
                } else {
                    out.push(format!("%{byte:02X}").as_bytes());
                }
            }
            return Ok(());
        }
        _ => {}
    }
    let text = value.as_str().ok_or("it is not UTF-8 text")?;
    if text.contains('\0') {
        return Err("it holds a zero byte");
    }
    let plain = !text.contains(char::is_control);
    match filter {
        Filter::Raw if plain => out.push(text.as_bytes()),
        Filter::Raw => return Err("it holds a line break or another control character"),
        Filter::Json => quoted::push(out, text, false),
        Filter::JsonInner => {
            let mut string = Cleartext::with_capacity(text.len() + 2);
            quoted::push(&mut string, text, false);
            let inner = string.as_bytes().get(1..string.len() - 1);
            out.push(inner.unwrap_or_default());
        }
        Filter::Hcl => quoted::push(out, text, true),
        Filter::Shell => {
            out.push(b"'");
            replaced(out, text, |c| (c == '\'').then_some("'\\''"));
            out.push(b"'");
        }
        Filter::Xml => {
            let allowed = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
            if !text.chars().all(allowed) {
                return Err("it holds a control character, which XML does not know");
            }
            replaced(out, text, |c| {
                Some(match c {
                    '&' => "&amp;",
                    '<' => "&lt;",
                    '>' => "&gt;",
                    '"' => "&quot;",
                    '\'' => "&#39;",
                    '\t' => "&#9;",
                    '\n' => "&#10;",
                    '\r' => "&#13;",
                    _ => return None,
                })
            });
        }
        Filter::Properties => properties(out, text),
        Filter::Nginx => {
            if text.contains('$') {
                return Err("it holds a `$`, and nginx replaces what follows it in every string");
            }
            out.push(b"\"");
            replaced(out, text, |c| match c {
                '"' => Some("\\\""),
                '\\' => Some("\\\\"),
                _ => None,
            });
            out.push(b"\"");
        }
        Filter::Netrc => {
            if !plain || text.is_empty() || text.contains([' ', '"', '\\', '#']) {
                return Err(
                    "`.netrc` has no way to write blanks, quotes or an empty word that all programs read",
                );
            }
            out.push(text.as_bytes());
        }
        Filter::Lines | Filter::Base64 | Filter::Base64Url | Filter::Url => {
            out.push(text.as_bytes());
        }
    }
    Ok(())
}

/// `java.util.Properties`: ASCII, a backslash before what means something, `\uXXXX` for the rest.
fn properties(out: &mut Cleartext, text: &str) {
    for (index, c) in text.chars().enumerate() {
        match c {
            '\n' => out.push(b"\\n"),
            '\r' => out.push(b"\\r"),
            '\t' => out.push(b"\\t"),
            ' ' if index == 0 => out.push(b"\\ "),
            '\\' | '=' | ':' | '#' | '!' => out.push(&[b'\\', c as u8]),
            ' '..='~' => out.push(&[c as u8]),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push(format!("\\u{unit:04x}").as_bytes());
                }
            }
        }
    }
}

/// Appends `text` with some characters written otherwise.
fn replaced(out: &mut Cleartext, text: &str, instead: impl Fn(char) -> Option<&'static str>) {
    for c in text.chars() {
        match instead(c) {
            Some(written) => out.push(written.as_bytes()),
            None => out.push(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::tests::variables;

    fn filled(template: &str, pairs: &[(&str, &str)]) -> Result<String, TemplateError> {
        let out = fill(template, &variables(pairs))?;
        Ok(out.as_str().unwrap().to_owned())
    }

    #[test]
    fn placeholders_and_nothing_else_are_replaced() {
        let pairs = [("A", "1"), ("B", "{{ mvx:A }} $A")];
        for (template, text) in [
            ("a={{ mvx:A }};", "a=1;"),
            ("{{mvx:A}}{{\tmvx:A\t}}", "11"),
            ("{{ mvx:B }}", "{{ mvx:A }} $A"),
            (
                "{{ .Values.x }} ${A} %{A} {{{ mvx:A }}}",
                "{{ .Values.x }} ${A} %{A} {1}",
            ),
            ("{{ mvx:{{ }} x }} {{ mvx:A }}", "{{ x }} 1"),
        ] {
            assert_eq!(filled(template, &pairs).as_deref(), Ok(text), "{template}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let pairs = [("A", "1\n2"), ("B", "x $y")];
        for (template, error) in [
            ("\n\n{{ mvx:C }}", "line 3: nothing is delivered as `C`"),
            ("{{ mvx:A | nope }}", "line 1: `nope` is no filter"),
            (
                "\n{{ mvx:A",
                "line 2: a placeholder has the form `{{ mvx:NAME }}` or `{{ mvx:NAME | filter }}`",
            ),
            (
                "{{ mvx:A B }}",
                "line 1: a placeholder has the form `{{ mvx:NAME }}` or `{{ mvx:NAME | filter }}`",
            ),
            (
                "\n{{ mvx:A }}",
                "line 2: `A` cannot be put in as raw: it holds a line break or another control character",
            ),
            (
                "{{ mvx:B | nginx }}",
                "line 1: `B` cannot be put in as nginx: it holds a `$`, and nginx replaces what follows it in every string",
            ),
            ("plain text", "there is no placeholder in it"),
        ] {
            let found = filled(template, &pairs).unwrap_err().to_string();
            assert_eq!(found, error);
        }
    }

    #[test]
    fn filters_write_what_their_formats_read() {
        let value = "a\"b'c\\d <&> é\n=$x";
        for (filter, text) in [
            ("lines", value),
            ("json", "\"a\\\"b'c\\\\d <&> é\\n=$x\""),
            ("json-inner", "a\\\"b'c\\\\d <&> é\\n=$x"),
            ("shell", "'a\"b'\\''c\\d <&> é\n=$x'"),
            ("url", "a%22b%27c%5Cd%20%3C%26%3E%20%C3%A9%0A%3D%24x"),
            ("xml", "a&quot;b&#39;c\\d &lt;&amp;&gt; é&#10;=$x"),
            ("properties", "a\"b'c\\\\d <&> \\u00e9\\n\\=$x"),
            ("base64", "YSJiJ2NcZCA8Jj4gw6kKPSR4"),
            ("base64url", "YSJiJ2NcZCA8Jj4gw6kKPSR4"),
        ] {
            let template = format!("{{{{ mvx:A | {filter} }}}}");
            assert_eq!(
                filled(&template, &[("A", value)]).as_deref(),
                Ok(text),
                "{filter}"
            );
        }
        assert_eq!(
            filled("{{mvx:A|nginx}}", &[("A", "a\"b\\c;{}")]).as_deref(),
            Ok("\"a\\\"b\\\\c;{}\"")
        );
        assert_eq!(
            filled("{{mvx:A|hcl}}", &[("A", "${x}")]).as_deref(),
            Ok("\"\\u0024{x}\"")
        );
        assert!(filled("{{mvx:A|netrc}}", &[("A", "two words")]).is_err());
        assert!(filled("{{mvx:A|xml}}", &[("A", "a\u{1}")]).is_err());
    }
}
