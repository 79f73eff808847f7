//! Comments that let a finding on their line pass: `mvx:allow` and those of other scanners.

use std::ops::Range;

use jiff::civil::Date;
use memchr::memchr_iter;
use memchr::memmem;

use super::found::{Allow, AllowedBy, Until};
use super::lines;

/// The words, each with whether it is for the line after it. Of words that begin alike, the longer
/// one stands first.
const WORDS: &[(&str, bool)] = &[
    ("mvx:allow-next-line", true),
    ("mvx:allow", false),
    ("gitleaks:allow", false),
    ("betterleaks:allow", false),
    ("ggignore", false),
    ("pragma: allowlist nextline secret", true),
    ("pragma: allowlist secret", false),
    ("pragma: whitelist nextline secret", true),
    ("pragma: whitelist secret", false),
];

/// Longest reason that is kept.
const LONGEST_REASON: usize = 300;

/// The marker that is for what stands at `context`: on one of its lines, or for the next line on
/// the one before. `near` is a place in the text and its line, from which the marker's is counted, so
/// that nobody counts from the beginning for each finding.
pub(super) fn find(text: &[u8], context: &Range<usize>, near: (usize, usize)) -> Option<Allow> {
    let first = lines::start(text, context.start, lines::FAR);
    let behind = lines::end(text, context.end, lines::FAR);
    let here = text.get(first..behind)?;
    if let Some(allow) = in_lines(text, here, first, near, false) {
        return Some(allow);
    }
    let above = first.checked_sub(1)?;
    if text.get(above) != Some(&b'\n') {
        return None;
    }
    let above = lines::start(text, above, lines::FAR)..above;
    in_lines(text, text.get(above.clone())?, above.start, near, true)
}

/// The first marker in some lines, which begin at `offset` of the text.
fn in_lines(
    text: &[u8],
    part: &[u8],
    offset: usize,
    near: (usize, usize),
    for_next: bool,
) -> Option<Allow> {
    for (word, next) in WORDS {
        if *next != for_next {
            continue;
        }
        let at = memmem::find_iter(part, word).find(|&at| stands_alone(part, at, word.len()));
        let Some(at) = at else { continue };
        let rest = part.get(at + word.len()..).unwrap_or_default();
        let rest = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let (reason, until) = terms(rest);
        return Some(Allow {
            by: AllowedBy::Marker {
                word,
                line: line_of(text, offset + at, near),
            },
            reason,
            until,
        });
    }
    None
}

/// The line of a place, counted from another one whose line is known.
fn line_of(text: &[u8], at: usize, (place, line): (usize, usize)) -> usize {
    let between = |range| memchr_iter(b'\n', text.get(range).unwrap_or_default()).count();
    if at < place {
        line.saturating_sub(between(at..place))
    } else {
        line + between(place..at)
    }
}

/// Whether a word does not go on on either side.
fn stands_alone(part: &[u8], at: usize, len: usize) -> bool {
    let goes_on = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':'))
    };
    let before = at.checked_sub(1).and_then(|at| part.get(at));
    let colon_after = part.get(at + len) == Some(&b':');
    !goes_on(before) && (colon_after || !goes_on(part.get(at + len)))
}

/// `until=2027-01-31 a reason`: both are optional, and what closes a comment is none of it.
fn terms(rest: &[u8]) -> (Option<String>, Until) {
    let rest = rest
        .get(..rest.len().min(LONGEST_REASON))
        .unwrap_or_default();
    let rest = String::from_utf8_lossy(rest);
    let mut reason = rest
        .trim_start_matches([':', ',', ';', ' ', '\t'])
        .trim_end();
    for close in ["*/", "-->", "--%>", "%>", "#}", "}}"] {
        reason = reason.strip_suffix(close).unwrap_or(reason).trim_end();
    }
    let mut until = Until::Ever;
    if let Some(date) = reason.strip_prefix("until=") {
        let end = date.find([' ', '\t', ',', ';']).unwrap_or(date.len());
        let (date, left) = date.split_at(end);
        until = date.parse::<Date>().map_or(Until::Unreadable, Until::Day);
        reason = left.trim_start_matches([',', ';', ' ', '\t', '-', ':']);
    }
    let reason = (!reason.is_empty()).then(|| reason.to_owned());
    (reason, until)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(text: &str) -> Option<(String, Option<String>, Until)> {
        let at = text.find("SECRET").unwrap();
        let allow = find(text.as_bytes(), &(at..at + 6), (0, 1))?;
        match allow.by {
            AllowedBy::Marker { word, .. } => Some((word.into(), allow.reason, allow.until)),
            AllowedBy::Rules(_) => None,
        }
    }

    #[test]
    fn every_scanner_has_a_word_of_its_own() {
        for (word, next) in WORDS {
            let text = if *next {
                format!("# {word}\nx = SECRET\n")
            } else {
                format!("a\nx = SECRET # {word}\nb\n")
            };
            let found = allow(&text).unwrap();
            assert_eq!(found, ((*word).into(), None, Until::Ever));
        }
    }

    #[test]
    fn a_marker_is_for_its_own_line_alone() {
        assert!(allow("# mvx:allow\nSECRET\n# mvx:allow\n").is_none());
        assert!(allow("# mvx:allow-next-line\n\nSECRET\n").is_none());
        assert!(allow("SECRET # notmvx:allowed\n").is_none());
        assert!(allow("SECRET # mvx:allowed\n").is_none());
        assert!(allow("SECRET # xggignore\n").is_none());
    }

    #[test]
    fn reasons_and_days_are_read() {
        let day = Until::Day(Date::constant(2027, 1, 31));
        let cases = [
            (
                "mvx:allow until=2027-01-31 a test key",
                Some("a test key"),
                day,
            ),
            ("mvx:allow until=2027-01-31", None, day),
            ("mvx:allow: a test key */", Some("a test key"), Until::Ever),
            ("mvx:allow -->", None, Until::Ever),
            ("mvx:allow until=soon", None, Until::Unreadable),
            ("mvx:allow until=2027-02-31 x", Some("x"), Until::Unreadable),
        ];
        for (marker, reason, until) in cases {
            let found = allow(&format!("x = 'SECRET' // {marker}\n")).unwrap();
            assert_eq!(
                found,
                ("mvx:allow".into(), reason.map(Into::into), until),
                "{marker}"
            );
        }
    }

    #[test]
    fn the_line_is_counted() {
        let text = "\n\nSECRET gitleaks:allow\n\n";
        for near in [(0, 1), (2, 3), (text.len(), 5)] {
            let found = find(text.as_bytes(), &(2..8), near).unwrap();
            assert_eq!(
                found.by,
                AllowedBy::Marker {
                    word: "gitleaks:allow",
                    line: 3
                }
            );
        }
    }
}
