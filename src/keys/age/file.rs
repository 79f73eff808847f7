//! The text of a key file, as `age-keygen` writes it: an identity on a line of its own, with
//! comments above it. Identities come and go in it, and what else stands there stays.

use std::ops::Range;

use crate::keys::age::generate::Generated;
use crate::keys::age::is_identity_of;
use crate::secret::Cleartext;

/// What the comment says above an identity that takes the place of another one, before the other's
/// public key. It tells a later run what was begun.
const REPLACES: &str = "# takes the place of: ";

/// A key file's text with one more identity, which is to take the place of `old`.
pub fn with_successor(text: &Cleartext, new: &Generated, old: &str) -> Cleartext {
    let mut longer = text.duplicate();
    let newline = if is_crlf(text) { "\r\n" } else { "\n" };
    let bytes = text.as_bytes();
    if !bytes.is_empty() && bytes.last() != Some(&b'\n') {
        longer.push(newline.as_bytes());
    }
    for part in [newline, REPLACES, old, newline] {
        longer.push(part.as_bytes());
    }
    for line in new.text.as_bytes().split(|byte| *byte == b'\n') {
        if !line.is_empty() {
            longer.push(line);
            longer.push(newline.as_bytes());
        }
    }
    longer
}

/// The public keys of an identity in this text that takes the place of another one in it, and of
/// that other one: what was begun and not finished.
pub fn unfinished(text: &Cleartext, recipients: &[String]) -> Option<(String, String)> {
    let lines = Line::all(text)?;
    for (at, line) in lines.iter().enumerate() {
        let Some(old) = line.text.strip_prefix(REPLACES).map(str::trim) else {
            continue;
        };
        let behind = lines.iter().skip(at).find(|line| line.is_identity());
        let Some(identity) = behind else { continue };
        let new = recipients
            .iter()
            .find(|recipient| is_identity_of(identity.text, recipient));
        let there = lines.iter().any(|line| is_identity_of(line.text, old));
        if let (Some(new), true) = (new, there) {
            return Some((old.to_owned(), new.clone()));
        }
    }
    None
}

/// A key file's text without an identity, and what was taken out: its line and the comments right
/// above it. What was said of a successor goes too. `None` where the identity has no line of its
/// own.
pub fn without(text: &Cleartext, recipient: &str) -> Option<(Cleartext, Cleartext)> {
    let lines = Line::all(text)?;
    let at = lines
        .iter()
        .position(|line| is_identity_of(line.text, recipient))?;
    let mut first = at;
    while let Some(above) = first.checked_sub(1).and_then(|above| lines.get(above)) {
        if !above.text.starts_with('#') {
            break;
        }
        first -= 1;
    }
    let range = lines.get(first)?.range.start..lines.get(at)?.range.end;
    let announced = format!("{REPLACES}{recipient}");
    let mut rest = Cleartext::with_capacity(text.len());
    for line in &lines {
        let goes = range.contains(&line.range.start) || line.text.trim() == announced;
        if !goes {
            rest.push(text.as_bytes().get(line.range.clone())?);
        }
    }
    let taken = Cleartext::new(text.as_bytes().get(range)?.to_vec());
    Some((without_first_blanks(rest), taken))
}

/// Whether the identity of this recipient stands on a line of its own.
pub fn holds(text: &Cleartext, recipient: &str) -> bool {
    let lines = Line::all(text).unwrap_or_default();
    lines
        .iter()
        .any(|line| is_identity_of(line.text, recipient))
}

/// A line and where it stands, its line break included.
struct Line<'a> {
    text: &'a str,
    range: Range<usize>,
}

impl<'a> Line<'a> {
    /// The lines of a text; `None` for what is no text.
    fn all(text: &'a Cleartext) -> Option<Vec<Self>> {
        let mut at = 0;
        let lines = text.as_str()?.split_inclusive('\n').map(|line| {
            let start = at;
            at += line.len();
            Self {
                text: line.trim_end_matches(['\r', '\n']),
                range: start..at,
            }
        });
        Some(lines.collect())
    }

    fn is_identity(&self) -> bool {
        self.text.trim_start().starts_with("AGE-SECRET-KEY-")
    }
}

fn without_first_blanks(text: Cleartext) -> Cleartext {
    let blank = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let blanks = text
        .as_bytes()
        .iter()
        .take_while(|byte| blank(byte))
        .count();
    match text.as_bytes().get(blanks..) {
        Some(rest) if blanks > 0 => Cleartext::new(rest.to_vec()),
        _ => text,
    }
}

fn is_crlf(text: &Cleartext) -> bool {
    memchr::memmem::find(text.as_bytes(), b"\r\n").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::age::generate;

    fn text(text: &str) -> Cleartext {
        text.into()
    }

    fn string(text: &Cleartext) -> String {
        text.as_str().unwrap().to_owned()
    }

    fn join(parts: &[&Cleartext]) -> Cleartext {
        let mut whole = Cleartext::default();
        for part in parts {
            whole.push(part.as_bytes());
        }
        whole
    }

    #[test]
    fn a_successor_comes_and_the_old_one_goes() {
        let [old, other, new] = [(); 3].map(|()| generate("2026-11-22T12:00:00Z"));
        let note = text("# mine, made by hand\n\n");
        let begun = with_successor(
            &join(&[&note, &old.text, &other.text]),
            &new,
            &old.recipient,
        );
        let known = [&old, &other, &new].map(|key| key.recipient.clone());
        assert_eq!(
            unfinished(&begun, &known),
            Some((old.recipient.clone(), new.recipient.clone()))
        );
        let (rest, taken) = without(&begun, &old.recipient).unwrap();
        assert_eq!(string(&taken), string(&old.text));
        let expected = format!(
            "{}{}\n{}",
            string(&note),
            string(&other.text),
            string(&new.text)
        );
        assert_eq!(string(&rest), expected);
        assert_eq!(unfinished(&rest, &known), None);
    }

    #[test]
    fn an_only_identity_leaves_no_gap() {
        let [old, new] = [(); 2].map(|()| generate("2026-11-22T12:00:00Z"));
        let bare = string(&old.text).trim_end().to_owned();
        let begun = with_successor(&text(&bare), &new, &old.recipient);
        let (rest, _) = without(&begun, &old.recipient).unwrap();
        assert_eq!(string(&rest), string(&new.text));
    }

    #[test]
    fn line_ends_stay() {
        let [old, new] = [(); 2].map(|()| generate("2026-11-22T12:00:00Z"));
        let windows = string(&old.text).replace('\n', "\r\n");
        let begun = string(&with_successor(&text(&windows), &new, &old.recipient));
        assert_eq!(begun.matches('\n').count(), begun.matches("\r\n").count());
        let (rest, taken) = without(&text(&begun), &old.recipient).unwrap();
        assert_eq!(string(&taken), windows);
        assert_eq!(string(&rest), string(&new.text).replace('\n', "\r\n"));
    }

    #[test]
    fn identities_that_share_a_line_are_left_alone() {
        let [one, two] = [(); 2].map(|()| generate("2026-11-22T12:00:00Z"));
        let secret = |key: &Generated| string(&key.text).lines().last().unwrap().to_owned();
        let both = format!("{} {}\n", secret(&one), secret(&two));
        assert!(without(&text(&both), &one.recipient).is_none());
    }
}
