//! `EnvironmentFile=` of systemd: `systemd.exec(5)`, and its reader in `src/basic/env-file.c`.
//!
//! Its double quotes know a backslash before `"`, `\`, `$` and a backtick; everything else in them
//! stands for itself, line breaks too. Nothing is expanded.

use super::{Found, Variable};
use crate::secret::Cleartext;

/// `NAME="value"` lines.
pub(super) fn write(variables: &[Variable], out: &mut Cleartext) -> Option<()> {
    for variable in variables {
        let value = variable.value.as_str()?;
        out.push(variable.name.as_bytes());
        out.push(b"=");
        if value.bytes().all(is_plain) {
            out.push(value.as_bytes());
        } else {
            out.push(b"\"");
            let mut rest = value;
            while let Some(at) = rest.find(ESCAPED) {
                let (before, from) = rest.split_at(at);
                out.push(before.as_bytes());
                out.push(b"\\");
                out.push(from.get(..1)?.as_bytes());
                rest = from.get(1..)?;
            }
            out.push(rest.as_bytes());
            out.push(b"\"");
        }
        out.push(b"\n");
    }
    Some(())
}

/// Reads what [`write`] writes, as systemd would.
pub(super) fn read(text: &str) -> Option<Vec<Found>> {
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if rest.starts_with('#') {
            rest = rest.split_once('\n')?.1;
            continue;
        }
        let (name, after) = rest.split_once('=')?;
        let mut value = Cleartext::default();
        let Some(mut inner) = after.strip_prefix('"') else {
            let (plain, following) = after.split_once('\n')?;
            if !plain.bytes().all(is_plain) {
                return None;
            }
            found.push((name.to_owned(), plain.into()));
            rest = following;
            continue;
        };
        loop {
            let at = inner.find(['"', '\\'])?;
            value.push(inner.get(..at)?.as_bytes());
            let from = inner.get(at..)?;
            if let Some(after) = from.strip_prefix('"') {
                rest = after.strip_prefix('\n')?;
                break;
            }
            let next = from.chars().nth(1)?;
            let (kept, used) = match next {
                c if ESCAPED.contains(&c) => (1..2, 2),
                '\n' => (0..0, 2),
                _ => (0..1, 1),
            };
            value.push(from.get(kept)?.as_bytes());
            inner = from.get(used..)?;
        }
        found.push((name.to_owned(), value));
    }
    Some(found)
}

const ESCAPED: [char; 4] = ['"', '\\', '`', '$'];

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_./:@%+,=-".contains(&byte)
}
