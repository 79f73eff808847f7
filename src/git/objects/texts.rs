//! The texts in commits and tags: their messages, what else stands in their headers, and names.

use std::borrow::Cow;

use super::Kind;
use super::parts::{Commit, Tag, split_line};
use super::store::Type;

/// Headers that are read one by one (git's commit.c and tag.c).
const KNOWN: [&[u8]; 8] = [
    b"tree ",
    b"parent ",
    b"author ",
    b"committer ",
    b"object ",
    b"type ",
    b"tag ",
    b"tagger ",
];

/// The shortest line of a signature that is not looked at, in bytes.
const SIGNATURE_LINE: usize = 60;

/// What people wrote in a commit or a tag: its message, and below it the headers that only some
/// have, such as the tag that was merged.
pub(super) fn text_of(kind: Type, bytes: &[u8]) -> Option<(Kind, Cow<'_, [u8]>)> {
    let (kind, message) = match kind {
        Type::Commit => (Kind::CommitMessage, Commit::parse(bytes)?.message),
        Type::Tag => (Kind::TagMessage, Tag::parse(bytes)?.message),
        Type::Blob | Type::Tree => return None,
    };
    let more = other_headers(bytes);
    if more.is_empty() {
        return Some((kind, Cow::Borrowed(message)));
    }
    Some((kind, Cow::Owned([message, b"\n", &more].concat())))
}

/// The name and address in `Name <address> 1700000000 +0100`.
pub(super) fn ident_of(who: &[u8]) -> &[u8] {
    let end = memchr::memrchr(b'>', who).map_or(who.len(), |end| end + 1);
    who.get(..end).unwrap_or(who)
}

/// The headers that are not read one by one, but for what is surely a signature.
fn other_headers(bytes: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut rest = bytes;
    let mut is_known = false;
    while !rest.is_empty() {
        let (line, after) = split_line(rest);
        rest = after;
        if line.is_empty() {
            break;
        }
        let line = if let Some(continued) = line.strip_prefix(b" ") {
            continued
        } else {
            is_known = KNOWN.iter().any(|header| line.starts_with(header));
            line
        };
        if !is_known && !is_of_signature(line) {
            kept.extend_from_slice(line);
            kept.push(b'\n');
        }
    }
    kept
}

fn is_of_signature(line: &[u8]) -> bool {
    let line = line.strip_prefix(b"gpgsig ").unwrap_or(line);
    let line = line.strip_prefix(b"gpgsig-sha256 ").unwrap_or(line);
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    line.is_empty()
        || line.starts_with(b"-----BEGIN ") && line.ends_with(b" SIGNATURE-----")
        || line.starts_with(b"-----END ") && line.ends_with(b" SIGNATURE-----")
        || line.len() >= SIGNATURE_LINE && line.iter().all(is_base64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";

    #[test]
    fn headers_that_only_some_commits_have_are_read() {
        let signature = "A".repeat(64);
        let text = format!(
            "tree {ID}\nparent {ID}\nauthor A <a> 5 +0100\ncommitter A <a> 5 +0100\n\
             mergetag object {ID}\n type commit\n tag v1\n tagger T <t> 6 +0000\n \n hidden\n\
             gpgsig -----BEGIN PGP SIGNATURE-----\n Comment: also hidden\n \n {signature}\n \
             -----END PGP SIGNATURE-----\nodd header\n\nsubject\n"
        );
        let (kind, found) = text_of(Type::Commit, text.as_bytes()).unwrap();
        assert_eq!(kind, Kind::CommitMessage);
        assert_eq!(
            String::from_utf8_lossy(&found),
            format!(
                "subject\n\nmergetag object {ID}\ntype commit\ntag v1\ntagger T <t> 6 +0000\n\
                 hidden\nComment: also hidden\nodd header\n"
            )
        );
        let plain = format!("tree {ID}\nauthor A <a> 5 +0100\ncommitter A <a> 5 +0100\n\nsubject");
        let (_, found) = text_of(Type::Commit, plain.as_bytes()).unwrap();
        assert!(matches!(found, Cow::Borrowed(b"subject")));
    }

    #[test]
    fn whoever_wrote_something_is_a_name_and_an_address() {
        assert_eq!(ident_of(b"A > B <a@b.c> 5 +0100"), b"A > B <a@b.c>");
        assert_eq!(ident_of(b"nobody"), b"nobody");
    }
}
