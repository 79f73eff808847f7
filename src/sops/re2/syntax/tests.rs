//! Each line of the tables was tried with sops 3.11.

use super::super::{Pattern, Re2Error};
use super::*;
use proptest::prelude::*;

/// Patterns, texts they match, texts they do not: each line was tried with sops 3.11.
const SEEN: &[(&str, &[&str], &[&str])] = &[
    (
        "^(data|stringData)$",
        &["data", "stringData"],
        &["mydata", "data\n"],
    ),
    (r"^a\b", &["a", "a b", "aé"], &["ab"]),
    (r"\Ba", &["ba"], &["a", "éa"]),
    (r"^\w+$", &["a_1"], &["é", "ſ", ""]),
    (r"(?i)^\w$", &["k", "K", "\u{17f}", "\u{212a}", "_"], &["é"]),
    (r"(?i)^[^\W]$", &["k", "\u{17f}"], &["é", "-"]),
    (r"^\W$", &["é", "-"], &["a", "_"]),
    (r"^\s$", &["\t", "\u{c}"], &["\u{b}", "\u{a0}"]),
    (r"^[[:space:]]$", &["\t", "\u{b}"], &["\u{a0}", "a"]),
    (r"^[[:^space:]x]$", &["\u{a0}", "x"], &["\u{b}"]),
    (r"^\d$", &["7"], &["٣"]),
    (r"\Qa.b\E.", &["a.bc"], &["axbc"]),
    (r"\Qa*", &["a*"], &["aa"]),
    (r"^\Qab\E*$", &["a", "abb"], &["abab", ""]),
    (r"^a*\Q\E*$", &["aaa", ""], &["b"]),
    (r"(?P<n>a)|(?<1>b)", &["a", "b"], &["c"]),
    (r"\Aab\z", &["ab"], &["abc", "ab\n"]),
    ("^.$", &["é", "\r"], &["\n", "ab"]),
    ("(?s)^.$", &["\n"], &["ab"]),
    ("(?m)^b$", &["a\nb"], &["a b"]),
    ("(?mi-m)^B$", &["b"], &["a\nb"]),
    ("(?i)a(?-i)b", &["Ab"], &["AB"]),
    ("(?i:a)b|c", &["Ab", "c"], &["AB", "C"]),
    ("x(?i)y|z", &["xY", "Z"], &["X"]),
    ("(?U)a+?b", &["aab"], &["b"]),
    ("(?)a", &["a"], &["b"]),
    ("(?:)", &["", "a"], &[]),
    ("a||b", &["", "c"], &[]),
    ("()*", &["", "c"], &[]),
    ("^*a", &["a", "ba"], &["b"]),
    ("a{2}", &["aa"], &["a{2}", "a"]),
    ("^a{2,}$", &["aaa"], &["a"]),
    ("^a{0,1}$", &["", "a"], &["aa"]),
    ("a{,2}", &["a{,2}"], &["aa"]),
    ("a{02}", &["a{02}"], &["aa"]),
    ("a{1, 2}", &["a{1, 2}"], &["a"]),
    ("a{x", &["a{x"], &["ax"]),
    ("a]}", &["a]}"], &["a"]),
    ("^a(?i)*B$", &["aab", "B"], &["Ab"]),
    (r"^[]a]$", &["]", "a"], &["b"]),
    (r"^[^]a]$", &["b"], &["]", "a"]),
    (r"^[a-]$", &["-", "a"], &["b"]),
    (r"^[-a]$", &["-", "a"], &["b"]),
    (r"^[a-c-e]$", &["b", "-", "e"], &["d"]),
    (r"^[\d-z]$", &["7", "-", "z"], &["a"]),
    (r"^[a&&b]$", &["a", "&", "b"], &["c"]),
    (r"^[+--b]$", &["+", ",", "-", "b"], &["a"]),
    (r"^[[a]$", &["[", "a"], &["b"]),
    (r"^[[:a]$", &["[", ":", "a"], &["b"]),
    (r"^[[:]$", &["[", ":"], &["b"]),
    (r"^[a~~b]$", &["~"], &["c"]),
    (r"^[\x41-\x{43}\n\_\101]$", &["B", "\n", "_", "A"], &["D"]),
    (
        r"^\a\f\t\n\r\v\x7F\07\123$",
        &["\u{7}\u{c}\t\n\r\u{b}\u{7f}\u{7}S"],
        &[],
    ),
    (r"^\-\_\/\.$", &["-_/."], &["-_/a"]),
    (r"^\pL\PL\p{Lu}\p{^Lu}$", &["a1Aa"], &["11Aa"]),
    (r"^\p{Greek}\P{^Greek}$", &["αα"], &["aα"]),
    (r"^[^\p{Greek}]$", &["a"], &["α"]),
    (r"(?i)^\p{Lu}$", &["a", "A"], &["1"]),
    ("é+", &["éé"], &["e"]),
    ("(?i)É", &["é"], &["e"]),
    ("(?i)straſe", &["STRASE"], &["straße"]),
];

#[test]
fn patterns_match_as_in_sops() {
    for (pattern, hits, misses) in SEEN {
        let compiled = Pattern::new(pattern).unwrap_or_else(|e| panic!("{pattern}: {e}"));
        for text in *hits {
            assert!(compiled.is_match(text), "{pattern} should match {text:?}");
        }
        for text in *misses {
            assert!(
                !compiled.is_match(text),
                "{pattern} should not match {text:?}"
            );
        }
    }
}

#[test]
fn what_go_refuses_is_refused() {
    for (pattern, message) in [
        ("(", "character 1: this `(` is not closed"),
        ("a(b(c)", "character 2: this `(` is not closed"),
        ("é)", "character 2: this `)` closes nothing"),
        ("a[", "character 2: this `[` is not closed"),
        ("[]", "character 1: this `[` is not closed"),
        ("[a-", "character 1: this `[` is not closed"),
        ("*_KEY", "character 1: `*` has nothing to repeat"),
        ("a|+", "character 3: `+` has nothing to repeat"),
        ("(?i)?", "character 5: `?` has nothing to repeat"),
        ("a**", "character 3: `*` repeats a repetition"),
        ("a*?+", "character 4: `+` repeats a repetition"),
        ("a{2}{3}", "character 5: `{3}` repeats a repetition"),
        (
            "a{2,1}",
            "character 2: `{2,1}` is not a possible number of repetitions (1000 at most, nested ones multiplied)",
        ),
        (
            "a{1001}",
            "character 2: `{1001}` is not a possible number of repetitions (1000 at most, nested ones multiplied)",
        ),
        (
            "a{99999999999999999999}",
            "character 2: `{99999999999999999999}` is not a possible number of repetitions (1000 at most, nested ones multiplied)",
        ),
        (
            "((a{100})b|c){11}",
            "character 14: `{11}` is not a possible number of repetitions (1000 at most, nested ones multiplied)",
        ),
        (r"\Z", r"character 1: `\Z` means nothing in RE2"),
        (r"a\1", r"character 2: `\1` means nothing in RE2"),
        (r"\8", r"character 1: `\8` means nothing in RE2"),
        (r"\q", r"character 1: `\q` means nothing in RE2"),
        (r"\é", r"character 1: `\é` means nothing in RE2"),
        (r"[\b]", r"character 2: `\b` means nothing in RE2"),
        (r"[a-\d]", r"character 4: `\d` means nothing in RE2"),
        (r"\x4", r"character 1: `\x4` means nothing in RE2"),
        (r"\x{}", r"character 1: `\x{}` means nothing in RE2"),
        (
            r"\x{110000}",
            r"character 1: `\x{110000}` means nothing in RE2",
        ),
        ("a\\", r"character 2: `\` means nothing in RE2"),
        (
            "(?=a)",
            "character 1: `(?=` is not RE2; it has no look-around and the flags i, m, s, U only",
        ),
        (
            "(?x)a",
            "character 1: `(?x` is not RE2; it has no look-around and the flags i, m, s, U only",
        ),
        (
            "(?i-)a",
            "character 1: `(?i-)` is not RE2; it has no look-around and the flags i, m, s, U only",
        ),
        (
            "(?P<a-b>c)",
            "character 1: `(?P<` is not RE2; it has no look-around and the flags i, m, s, U only",
        ),
        (
            "(?",
            "character 1: `(?` is not RE2; it has no look-around and the flags i, m, s, U only",
        ),
        ("[z-a]", "character 2: `z-a` is not a class of characters"),
        (
            "[[:alfa:]]",
            "character 2: `[:alfa:]` is not a class of characters",
        ),
        ("[[::]]", "character 2: `[::]` is not a class of characters"),
        (
            r"\p{Klingon}",
            r"character 1: `\p{Klingon}` is not known to every version of sops, which mvx does not support",
        ),
        (
            r"[\pX]",
            r"character 2: `\pX` is not known to every version of sops, which mvx does not support",
        ),
    ] {
        let error = Pattern::check(pattern).unwrap_err();
        assert_eq!(error.to_string(), message, "{pattern}");
        assert!(!matches!(error, Re2Error::TooLarge));
    }
}

#[test]
fn repetitions_multiply_only_where_they_nest() {
    for pattern in [
        "a{1000}",
        "(a{10}b{100}){10}",
        "(a{1000})*",
        "(a{500}){2}",
        "(a{9}){0}",
    ] {
        assert!(translate(pattern, Question::Whether).is_ok(), "{pattern}");
    }
}

proptest! {
    #[test]
    fn whatever_is_translated_is_a_regex(pattern in r"[a-c(){}|\[\]\\^$.?*+:0-2,\-=ipPdwQEz<>é&~#]{0,24}") {
        if let Ok(translated) = translate(&pattern, Question::Whether) {
            prop_assert!(regex_syntax::parse(&translated).is_ok(), "{} became {}", pattern, translated);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(pattern: String) {
        drop(Pattern::check(&pattern));
    }

    #[test]
    fn quoted_text_matches_itself(text in "[^\\\\]{0,12}") {
        let pattern = Pattern::new(&format!(r"\A\Q{text}\E\z")).unwrap();
        prop_assert!(pattern.is_match(&text));
    }
}
