//! Names: paths, authors, refs. What is looked for in a text may stand in its name as well, and a
//! report must not print it there.

use std::borrow::Cow;

use super::found::{AllowedBy, Found, Input};
use super::report::redacted::public_prefix;
use super::scanner::{Scanner, join};
use super::scratch::Scratch;
use super::search::Search;

impl Scanner {
    /// Scans a name: a file's path, somebody's name and address, a ref. Every rule looks at it that
    /// wants no path; a marker such as `mvx:allow` in it lets nothing pass. It costs what a text of
    /// its length costs.
    pub fn scan_name(&self, scratch: &mut Scratch, name: &[u8]) -> Found {
        let mut found = self.scan(scratch, &Input::of(name));
        for hit in &mut found.hits {
            if let Some(allow) = &hit.allowed
                && matches!(allow.by, AllowedBy::Marker { .. })
            {
                hit.allowed = None;
            }
        }
        found
    }

    /// A name as it may be printed: whatever a rule takes for a secret in it is replaced by the
    /// prefix that all of its kind share and `…`, also what is let pass or only counts beside
    /// something else. Where the search for it ended early, nothing but `…` is left.
    pub fn redact<'n>(&self, scratch: &mut Scratch, name: &'n [u8]) -> Cow<'n, [u8]> {
        scratch.belongs_to(self);
        scratch.next_input();
        let mut search = Search::new(self, scratch, None, false);
        search.input(name, None);
        let (mut candidates, _, incomplete) = search.finish();
        if incomplete.is_some() {
            return Cow::Borrowed(ELLIPSIS.as_bytes());
        }
        if candidates.is_empty() {
            return Cow::Borrowed(name);
        }
        candidates.sort_by_key(|found| found.span.start);
        let spans = join(candidates.into_iter().map(|found| found.span).collect());
        let mut shown = Vec::with_capacity(name.len());
        let mut at = 0;
        for span in spans {
            shown.extend_from_slice(name.get(at..span.start).unwrap_or_default());
            let secret = name.get(span.clone()).unwrap_or_default();
            shown.extend_from_slice(public_prefix(secret).as_bytes());
            shown.extend_from_slice(ELLIPSIS.as_bytes());
            at = span.end;
        }
        shown.extend_from_slice(name.get(at..).unwrap_or_default());
        Cow::Owned(shown)
    }
}

/// What stands for what is not shown.
const ELLIPSIS: &str = "…";

#[cfg(test)]
mod tests {
    use crate::scan::tests::{KEY, demo};

    fn redact(name: &str) -> String {
        let scanner = demo();
        let shown = scanner.redact(&mut scanner.scratch(), name.as_bytes());
        String::from_utf8(shown.into_owned()).unwrap()
    }

    #[test]
    fn a_path_or_author_with_a_secret_is_found_and_not_printed() {
        let scanner = demo();
        let mut scratch = scanner.scratch();
        for name in [
            format!("src/{KEY}.py"),
            format!("{KEY} <{KEY}@example.test>"),
            format!("refs/heads/fix-{KEY}"),
            format!("a {KEY} # mvx:allow"),
        ] {
            let found = scanner.scan_name(&mut scratch, name.as_bytes());
            assert!(!found.hits.is_empty(), "{name}");
            assert!(found.hits.iter().all(|hit| hit.allowed.is_none()), "{name}");
            assert!(!redact(&name).contains("abcdef"), "{}", redact(&name));
        }
        assert_eq!(redact(&format!("src/{KEY}.py")), "src/….py");
        assert_eq!(redact(&format!("{KEY}/a/{KEY}")), "…/a/…");
        assert_eq!(redact("src/scan/names.rs"), "src/scan/names.rs");
    }

    #[test]
    fn what_is_encoded_in_a_name_is_not_printed_either() {
        let name = format!("q={}&x", KEY.replace('_', "%5F").replace('0', "%30"));
        assert!(!redact(&name).contains("abcdef"), "{}", redact(&name));
    }

    #[test]
    fn names_that_are_no_text_stay_as_they_are() {
        let scanner = demo();
        let name = b"caf\xe9/\xff\0";
        assert_eq!(&*scanner.redact(&mut scanner.scratch(), name), name);
    }
}
