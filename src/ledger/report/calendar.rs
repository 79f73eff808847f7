//! RFC 5545: one all-day event for each day on which something is due.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::due::DueRow;

/// Octets of a line, without its end (RFC 5545, 3.1).
const LINE: usize = 75;

/// A calendar of what is due when. `now` is when it was made.
pub(super) fn calendar(rows: &[DueRow], now: Timestamp) -> String {
    let mut days: BTreeMap<String, Vec<&DueRow>> = BTreeMap::new();
    for row in rows {
        if let Some(due) = row.cadence.due() {
            let day = due.strftime("%Y%m%d").to_string();
            days.entry(day).or_default().push(row);
        }
    }
    let stamp = now.strftime("%Y%m%dT%H%M%SZ");
    let mut text = String::new();
    let mut line = |name: &str, value: &str| fold(&mut text, &format!("{name}:{value}"));
    line("BEGIN", "VCALENDAR");
    line("VERSION", "2.0");
    line("PRODID", "-//mvx//rotation due//EN");
    for (day, rows) in days {
        let names: Vec<String> = rows
            .iter()
            .map(|row| format!("{}: {}", row.file, row.key))
            .collect();
        let what = match rows.as_slice() {
            [only] => format!("rotate {}", only.key),
            several => format!("rotate {} secrets", several.len()),
        };
        // The same things on the same day are the same event, whenever the file is made.
        let mut id = String::new();
        for byte in Sha256::digest(format!("{day} {}", names.join("\n")))
            .iter()
            .take(16)
        {
            let _ = write!(id, "{byte:02x}");
        }
        line("BEGIN", "VEVENT");
        line("UID", &format!("{id}@mvx"));
        line("DTSTAMP", &stamp.to_string());
        line("DTSTART;VALUE=DATE", &day);
        line("SUMMARY", &escaped(&what));
        line("DESCRIPTION", &escaped(&names.join("\n")));
        line("TRANSP", "TRANSPARENT");
        line("BEGIN", "VALARM");
        line("ACTION", "DISPLAY");
        line("DESCRIPTION", &escaped(&what));
        line("TRIGGER", "-P3D");
        line("END", "VALARM");
        line("END", "VEVENT");
    }
    line("END", "VCALENDAR");
    text
}

/// TEXT (RFC 5545, 3.3.11).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            c if super::is_hidden(c) => {}
            c => out.push(c),
        }
    }
    out
}

/// Writes a line in pieces that are not too long, cut between characters.
fn fold(text: &mut String, line: &str) {
    let mut length = 0;
    for c in line.chars() {
        if length + c.len_utf8() > LINE {
            text.push_str("\r\n ");
            length = 1;
        }
        text.push(c);
        length += c.len_utf8();
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_folded_between_characters() {
        let mut text = String::new();
        fold(&mut text, &"é".repeat(60));
        let lines: Vec<&str> = text.split_terminator("\r\n").collect();
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line.len() <= LINE));
        assert_eq!(lines.concat().replace(' ', ""), "é".repeat(60));
        assert_eq!(escaped("a,b;c\\\nd\u{1b}"), "a\\,b\\;c\\\\\\nd");
    }
}
