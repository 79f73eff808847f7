//! Names and values as sops's INI reader (go-ini 1.67) takes them, with their places.
//!
//! What that reader takes otherwise than a person means it is refused here: there SOPS would
//! encrypt half of a value and call the rest a comment.

use std::ops::Range;

use crate::document::Style;
use crate::secret::Cleartext;

/// How a value between backticks is marked; INI has no folded text.
pub(super) const BACKTICKS: Style = Style::Folded;

/// A name and where its value begins.
pub(super) struct Name<'a> {
    pub(super) text: &'a str,
    /// The name with its quotes.
    pub(super) span: Range<usize>,
    /// The byte after the delimiter.
    pub(super) value: usize,
}

/// A value and its place.
pub(super) struct Found {
    pub(super) value: Cleartext,
    pub(super) style: Style,
    /// The value with its quotes.
    pub(super) span: Range<usize>,
    /// The comment on its (last) line, from its sign on.
    pub(super) comment: Option<Range<usize>>,
    /// The start of the line after it.
    pub(super) next: usize,
}

/// The byte after the line break that ends the line in which `at` stands.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    memchr::memchr(b'\n', slice(text, at..text.len()).as_bytes())
        .map_or(text.len(), |length| at + length + 1)
}

/// Reads the name at the start of `line`, which begins with no blank.
pub(super) fn name(text: &str, line: Range<usize>) -> Result<Name<'_>, &'static str> {
    let whole = slice(text, line.clone());
    let quote = if whole.starts_with("\"\"\"") && whole.len() > 6 {
        "\"\"\""
    } else if whole.starts_with('"') {
        "\""
    } else if whole.starts_with('`') {
        "`"
    } else {
        ""
    };
    let inner = quote.len();
    let (name, from) = if quote.is_empty() {
        (None, 0)
    } else {
        let rest = slice(whole, inner..whole.len());
        let length = rest.find(quote).ok_or("a quoted name is not closed")?;
        (rest.get(..length), inner + length + inner)
    };
    let delimiter = slice(whole, from..whole.len())
        .find(['=', ':'])
        .ok_or("there is no `=` or `:`")?;
    let unquoted = slice(whole, 0..delimiter);
    let (name, end) = name.map_or((unquoted, unquoted.trim_end().len()), |name| (name, from));
    let name = name.trim();
    if name.is_empty() {
        return Err("a name is missing");
    }
    if name == "-" {
        return Err("SOPS numbers a name of `-` and loses it; give it a name");
    }
    Ok(Name {
        text: name,
        span: line.start..line.start + end,
        value: line.start + from + delimiter + 1,
    })
}

/// Reads the value from `at`, the byte after the delimiter, on.
pub(super) fn value(text: &str, at: usize) -> Result<Found, &'static str> {
    let end = line_end(text, at);
    let line = slice(text, at..end);
    let rest = line.trim_start();
    let start = end - rest.len();
    if rest.is_empty() {
        return Ok(empty(text, at, end));
    }
    // At a text's very end sops takes a lone `"""` for the value, but on any other line it opens
    // one: it is not closed here either.
    if rest.starts_with("\"\"\"") {
        between(text, start, end, "\"\"\"", Style::Literal)
    } else if rest.starts_with('`') {
        between(text, start, end, "`", BACKTICKS)
    } else {
        plain(text, at, start, end)
    }
}

/// A value of no bytes: its place is after the delimiter and one blank.
fn empty(text: &str, at: usize, next: usize) -> Found {
    let blank = matches!(
        slice(text, at..text.len()).bytes().next(),
        Some(b' ' | b'\t')
    );
    let place = at + usize::from(blank);
    Found {
        value: Cleartext::default(),
        style: Style::Plain,
        span: place..place,
        comment: None,
        next,
    }
}

/// A value between triple quotes or backticks, which may go over several lines. On its last line
/// the last quote counts.
fn between(
    text: &str,
    start: usize,
    end: usize,
    quote: &str,
    style: Style,
) -> Result<Found, &'static str> {
    let inner = start + quote.len();
    let mut line = inner..end;
    let close = loop {
        if let Some(close) = slice(text, line.clone()).rfind(quote) {
            break line.start + close;
        }
        if line.end == text.len() {
            return Err("a quoted value is not closed");
        }
        line = line.end..line_end(text, line.end);
    };
    let after = close + quote.len();
    let tail = slice(text, after..line.end);
    let comment = tail.trim_start();
    if !comment.is_empty() && !comment.starts_with([';', '#']) {
        return Err("SOPS ignores what follows a closing quote");
    }
    let comment = line.end - comment.len()..after + tail.trim_end().len();
    Ok(Found {
        value: Cleartext::from(slice(text, inner..close)),
        style,
        span: start..after,
        comment: (!comment.is_empty()).then_some(comment),
        next: line.end,
    })
}

fn plain(text: &str, at: usize, start: usize, end: usize) -> Result<Found, &'static str> {
    let rest = slice(text, start..end).trim();
    if let Some(head) = rest.strip_suffix('\\') {
        return Ok(continued(text, start, head, end));
    }
    let mut value = rest;
    let mut comment = None;
    if let Some(sign) = rest.find([';', '#']) {
        let before = slice(rest, 0..sign);
        value = before.trim_end();
        if value.len() == before.len() && sign > 0 {
            return Err(
                "SOPS ends a value at `;` or `#`; put the value between backticks, or a blank \
                 before the comment",
            );
        }
        if value.starts_with(['"', '\'']) && surrounding(value).is_none() {
            return Err(
                "SOPS ends a value at `;` or `#`, also within quotes; put the value between \
                 backticks",
            );
        }
        comment = Some(start + sign..start + rest.len());
    }
    if value.is_empty() {
        return Ok(Found {
            comment,
            ..empty(text, at, end)
        });
    }
    let style = surrounding(value);
    let bytes = match style {
        Some(_) => slice(value, 1..value.len() - 1),
        None => value,
    };
    Ok(Found {
        value: Cleartext::from(bytes),
        style: style.unwrap_or(Style::Plain),
        span: start..start + value.len(),
        comment,
        next: end,
    })
}

/// A value that a backslash at the end of its line carries on.
fn continued(text: &str, start: usize, head: &str, end: usize) -> Found {
    let mut value = Cleartext::from(head);
    let mut last = start + head.len() + 1;
    let mut at = end;
    loop {
        let next = line_end(text, at);
        let line = slice(text, at..next);
        let more = line.trim();
        if more.is_empty() {
            at = next;
            break;
        }
        last = at + line.trim_end().len();
        at = next;
        let Some(head) = more.strip_suffix('\\') else {
            value.push(more.as_bytes());
            break;
        };
        value.push(head.as_bytes());
    }
    Found {
        value,
        style: Style::Plain,
        span: start..last,
        comment: None,
        next: at,
    }
}

/// The style of quotes around a value, if they are around it and nowhere in it.
fn surrounding(value: &str) -> Option<Style> {
    [('"', Style::Double), ('\'', Style::Single)]
        .into_iter()
        .find(|&(quote, _)| {
            value.len() >= 2
                && value.starts_with(quote)
                && value.ends_with(quote)
                && value.matches(quote).count() == 2
        })
        .map(|(_, style)| style)
}

/// A part of a text, empty where there is none.
pub(super) fn slice(text: &str, range: Range<usize>) -> &str {
    text.get(range).unwrap_or_default()
}
