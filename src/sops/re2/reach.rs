//! What a pattern can match at all: nothing, everything, or something between.

use regex_syntax::hir::{Hir, HirKind, Look};

/// How much a pattern matches, as far as that can be decided from its structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// No text whatever: an empty class, `a^b`, `$x`.
    Nothing,
    /// Some texts, or not decided.
    Some,
    /// Every text, the empty one included: `.*`, `a?`, `x|`.
    Everything,
}

/// Decides what `pattern` can match in an unanchored search.
pub(super) fn reach(pattern: &Hir) -> Reach {
    if always_empty(pattern) {
        Reach::Everything
    } else if possible(pattern, Around::default()) {
        Reach::Some
    } else {
        Reach::Nothing
    }
}

/// Whether the pattern matches the empty text at any place, whatever stands around it.
fn always_empty(pattern: &Hir) -> bool {
    match pattern.kind() {
        HirKind::Empty => true,
        HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => false,
        HirKind::Repetition(repetition) => repetition.min == 0 || always_empty(&repetition.sub),
        HirKind::Capture(capture) => always_empty(&capture.sub),
        HirKind::Concat(parts) => parts.iter().all(always_empty),
        HirKind::Alternation(branches) => branches.iter().any(always_empty),
    }
}

/// What must have been read before a part of a pattern, and must be read after it.
#[derive(Clone, Copy, Default)]
struct Around {
    before: bool,
    after: bool,
}

/// Whether there may be a text that the pattern matches. Wrong only in one direction: `true` may
/// be said of a pattern that matches nothing.
fn possible(pattern: &Hir, around: Around) -> bool {
    match pattern.kind() {
        HirKind::Class(class) => !class.is_empty(),
        HirKind::Look(Look::Start) => !around.before,
        HirKind::Look(Look::End) => !around.after,
        HirKind::Empty | HirKind::Literal(_) | HirKind::Look(_) => true,
        HirKind::Repetition(repetition) => repetition.min == 0 || possible(&repetition.sub, around),
        HirKind::Capture(capture) => possible(&capture.sub, around),
        HirKind::Alternation(branches) => branches.iter().any(|branch| possible(branch, around)),
        HirKind::Concat(parts) => {
            let reads = |part: &Hir| part.properties().minimum_len().is_none_or(|len| len > 0);
            let mut unread = parts.iter().filter(|part| reads(part)).count();
            let mut before = around.before;
            parts.iter().all(|part| {
                unread -= usize::from(reads(part));
                let part_around = Around {
                    before,
                    after: around.after || unread > 0,
                };
                before |= reads(part);
                possible(part, part_around)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Pattern;
    use super::*;

    #[test]
    fn what_matches_nothing_is_found() {
        for pattern in [
            "a^b",
            "$x",
            r"x\A",
            r"\zx",
            "(a|b)^c",
            "(?:a$b|c^d)",
            r"[^\x00-\x{10FFFF}]",
            "a+^",
            r"[^\s\S]x",
            "(^b$|^c)$d",
        ] {
            assert_eq!(Pattern::check(pattern), Ok(Reach::Nothing), "{pattern}");
        }
    }

    #[test]
    fn what_may_match_passes() {
        for pattern in [
            "a",
            "^a$",
            "a?^b",
            "^",
            "$",
            "^^a$$",
            "(?m)a\n^b",
            "x$|^y",
            "(a^)?b",
            "(a^)*b",
            r"\bx",
            "a(^b|c)",
            "^(a|b$)$",
        ] {
            assert_eq!(Pattern::check(pattern), Ok(Reach::Some), "{pattern}");
        }
    }

    #[test]
    fn what_matches_everything_is_found() {
        for pattern in ["", ".*", "a?", "x|", "(a|b*)c?", "()", "(?:.{0,5})"] {
            assert_eq!(Pattern::check(pattern), Ok(Reach::Everything), "{pattern}");
        }
    }
}
