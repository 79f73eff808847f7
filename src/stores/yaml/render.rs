//! How values are written into YAML: in clear, and as envelopes that keep the original's style.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::document::{Body, Item, Kind, Style, Tree, Value};
use crate::secret::Cleartext;
use crate::sops::number::{go_float_g, parse_float};
use crate::sops::open::one_line;
use crate::sops::store::Placed;
use crate::stores::yaml::scalar::is_plain_string;

/// `envelope` in `item`'s place.
///
/// Quotes and block headers stay. In flow style an unquoted `ENC[…]` would be read as a list, so
/// single quotes there stand for the plain style, which is far more common.
pub(super) fn envelope(
    text: &[u8],
    tree: &Tree,
    item: &Item,
    envelope: &str,
    newline: &str,
) -> Placed {
    if matches!(item.body, Body::Comment(_)) {
        return Placed {
            text: format!("#{envelope}").into(),
            style: Style::Plain,
        };
    }
    let flow = tree.container(item.parent).flow;
    let tagged = text
        .get(item.span.clone())
        .is_some_and(|source| source.first() == Some(&b'!'));
    if tagged {
        return in_quotes(envelope, if flow { Style::Single } else { Style::Plain });
    }
    match (item.style, &item.block) {
        (Style::Literal | Style::Folded, Some(block)) if block.indent > 0 => {
            let sign = if item.style == Style::Literal {
                '|'
            } else {
                '>'
            };
            let digit = block
                .digit
                .map(|digit| digit.to_string())
                .unwrap_or_default();
            let indent = " ".repeat(block.indent);
            let text = format!("{sign}{digit}-{newline}{indent}{envelope}");
            Placed {
                text: text.into(),
                style: item.style,
            }
        }
        (Style::Single | Style::Double, _) => in_quotes(envelope, item.style),
        _ => in_quotes(envelope, if flow { Style::Single } else { Style::Plain }),
    }
}

fn in_quotes(envelope: &str, style: Style) -> Placed {
    let text = match style {
        Style::Single => format!("'{envelope}'"),
        Style::Double => format!("\"{envelope}\""),
        _ => envelope.into(),
    };
    Placed {
        text: text.into(),
        style,
    }
}

/// `value` in clear in the place of an `item` that is written in `style`.
pub(super) fn plain(
    tree: &Tree,
    item: &Item,
    style: Style,
    value: &Value,
    newline: &str,
) -> Cleartext {
    let flow = tree.container(item.parent).flow;
    let Some(text) = value.bytes.as_str() else {
        return format!("!!binary {}", STANDARD.encode(value.bytes.as_bytes())).into();
    };
    match value.kind {
        Kind::Comment => {
            let mut comment = Cleartext::from("#");
            comment.push(one_line(text.as_bytes()).as_bytes());
            comment
        }
        Kind::Int | Kind::Time => text.into(),
        Kind::Bool => if text == "True" { "true" } else { "false" }.into(),
        Kind::Float => float(text).into(),
        Kind::Str | Kind::Bytes => string(text, style, flow, item, newline),
    }
}

/// A float that YAML reads as a float again: sops writes `3` here, which is an integer to the
/// next reader.
fn float(canonical: &str) -> String {
    match canonical {
        "+Inf" => ".inf".into(),
        "-Inf" => "-.inf".into(),
        "NaN" => ".nan".into(),
        _ => {
            let Some(float) = parse_float(canonical.as_bytes()) else {
                return canonical.into();
            };
            let short = go_float_g(float);
            if short.contains(['.', 'e']) {
                short
            } else {
                short + ".0"
            }
        }
    }
}

fn string(text: &str, style: Style, flow: bool, item: &Item, newline: &str) -> Cleartext {
    let single = || single_quoted(text).unwrap_or_else(|| quoted(text));
    match style {
        Style::Literal | Style::Folded => {
            let (indent, digit) = item
                .block
                .as_ref()
                .map_or((0, None), |block| (block.indent, block.digit));
            literal(text, indent, digit, newline)
                .unwrap_or_else(|| quoted(text))
                .into()
        }
        // In flow style, single quotes around an envelope stand for a plain text.
        Style::Single if flow && plain_safe(text, true) => text.into(),
        Style::Plain if plain_safe(text, flow) => text.into(),
        Style::Plain if !is_plain_string(text) => quoted(text).into(),
        Style::Single | Style::Plain => single().into(),
        Style::Double => quoted(text).into(),
    }
}

/// Whether the line breaks at the end of a value would not be what they are if it stood as a block
/// in `item`'s place: what follows there adds to them, or takes the last one away.
pub(super) fn follows_badly(text: &[u8], tree: &Tree, item: &Item, value: &Value) -> bool {
    let bytes = value.bytes.as_bytes();
    let (Some(block), true) = (&item.block, bytes.ends_with(b"\n")) else {
        return false;
    };
    let end = block.lines.end;
    // A file without a line break at its end; its `sops` block takes the one before it along.
    let bare = end == text.len()
        || tree.documents.last().is_some_and(|document| {
            let cut = document.meta.as_ref().and_then(|meta| meta.cut.last());
            cut.is_some_and(|cut| *cut == (end..text.len()))
        });
    let rest = text.get(end..).unwrap_or_default();
    let after_break = rest.strip_prefix(b"\r\n").or(rest.strip_prefix(b"\n"));
    let line = after_break.and_then(|rest| rest.split(|byte| *byte == b'\n').next());
    let blank_below = bytes.ends_with(b"\n\n")
        && line.is_some_and(|line| {
            !after_break.unwrap_or_default().is_empty() && line.trim_ascii().is_empty()
        });
    bare || blank_below
}

/// A `|` block, without the last line break; `None` where its rules would change the text.
fn literal(text: &str, indent: usize, digit: Option<u8>, newline: &str) -> Option<String> {
    let body = text.trim_end_matches('\n');
    let breaks = text.len() - body.len();
    let first = body.split('\n').find(|line| !line.is_empty())?;
    let last = body.rsplit('\n').next()?;
    let printable = |c: char| c == '\t' || c == '\n' || is_printable(c);
    if indent == 0
        || !text.chars().all(printable)
        || (digit.is_none() && first.starts_with([' ', '\t']))
        || last.trim().is_empty()
        || body
            .split('\n')
            .any(|line| !line.is_empty() && line.trim_matches(' ').is_empty())
    {
        return None;
    }
    let digit = digit.map(|digit| digit.to_string()).unwrap_or_default();
    let chomp = match breaks {
        0 => "-",
        1 => "",
        _ => "+",
    };
    let mut out = format!("|{digit}{chomp}");
    for line in body.split('\n') {
        out.push_str(newline);
        if !line.is_empty() {
            out.push_str(&" ".repeat(indent));
            out.push_str(line);
        }
    }
    for _ in 1..breaks {
        out.push_str(newline);
    }
    Some(out)
}

/// `'…'`, where no escapes are needed.
fn single_quoted(text: &str) -> Option<String> {
    text.chars()
        .all(is_printable)
        .then(|| format!("'{}'", text.replace('\'', "''")))
}

/// `"…"` with the escapes that are needed and no others.
pub(super) fn quoted(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\0' => out.push_str("\\0"),
            '\u{85}' => out.push_str("\\N"),
            '\u{2028}' => out.push_str("\\L"),
            '\u{2029}' => out.push_str("\\P"),
            c if is_printable(c) => out.push(c),
            c if u32::from(c) < 0x100 => {
                // Writing to a string does not fail.
                let _infallible = write!(out, "\\x{:02x}", u32::from(c));
            }
            c if u32::from(c) < 0x1_0000 => {
                let _infallible = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => {
                let _infallible = write!(out, "\\U{:08x}", u32::from(c));
            }
        }
    }
    out.push('"');
    out
}

/// What YAML 1.1 (libyaml, go-yaml) prints without an escape, line breaks and tabs aside.
fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
        && !matches!(c, '\u{2028}' | '\u{2029}')
}

/// Whether a text can stand without quotes and mean itself. Strict: what is not surely safe gets
/// quotes.
pub(super) fn plain_safe(text: &str, flow: bool) -> bool {
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return false;
    };
    let second = chars.next();
    let starts_well = match first {
        '-' | '?' | ':' => second.is_some_and(|c| !(c.is_whitespace() || flow && is_flow(c))),
        ',' | '[' | ']' | '{' | '}' | '#' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
        | '@' | '`' => false,
        _ => true,
    };
    starts_well
        && is_plain_string(text)
        && text.trim() == text
        && text.chars().all(is_printable)
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with(':')
        && !(text.starts_with("---") || text.starts_with("..."))
        && !(flow && (text.contains(is_flow) || text.contains(':')))
}

fn is_flow(c: char) -> bool {
    matches!(c, ',' | '[' | ']' | '{' | '}')
}
