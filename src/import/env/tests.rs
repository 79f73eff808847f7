//! What each dialect reads; `tests/it/env_readers.rs` has the real programs beside them.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::error::Explain as _;
use crate::import::{Source, read as read_any};

/// `NAME=value` of each entry, with `!` behind it where it holds a reference, and the warnings.
fn shown(dialect: Dialect, text: &str) -> Vec<String> {
    let contents = match read_any(text.as_bytes(), Source::Env(dialect)) {
        Ok(contents) => contents,
        Err(error) => return vec![error.to_string()],
    };
    let mut shown: Vec<String> = contents.entries.iter().map(line).collect();
    shown.extend(contents.warnings.iter().map(ToString::to_string));
    shown
}

fn line(entry: &Entry) -> String {
    let NewNode::Value(value) = &entry.node else {
        panic!("an env value is text");
    };
    format!("{}={}", entry.path.join("."), value.bytes.as_str().unwrap())
}

/// The one value of a text.
fn one(dialect: Dialect, text: &str) -> String {
    let shown = shown(dialect, text);
    shown[0].strip_prefix("K=").unwrap_or(&shown[0]).to_owned()
}

fn values() -> BTreeMap<String, String> {
    let json = include_str!("../../../fixtures/env/values.json");
    serde_json::from_str(json).unwrap()
}

#[test]
fn portable_takes_what_most_agree_on() {
    for (text, value) in [
        ("K=v", "v"),
        ("  export K = v  # comment", "v"),
        ("K: v", "v"),
        ("K:", ""),
        ("K=", ""),
        ("K= # comment", ""),
        ("K=a#b", "a#b"),
        ("K=a #b", "a"),
        ("K=a b  c ", "a b  c"),
        ("K='a # b'", "a # b"),
        ("K=\"a # b\" # c", "a # b"),
        ("K='a\\nb'", "a\\nb"),
        ("K=\"a\\nb\\t\\\"\\\\\\$\\q\"", "a\nb\t\"\\$\\q"),
        ("K=`it's \"x\"`", "it's \"x\""),
        ("K='it'\\''s'", "it's"),
        ("K='it\\'s'", "it's"),
        ("K=\"a\r\nb\"\r\n", "a\nb"),
        ("K='a\n# b\nC=d'", "a\n# b\nC=d"),
        ("\u{feff}K=v", "v"),
        ("K=v\r\n", "v"),
        ("K=C:\\new", "C:\\new"),
        ("K===", "=="),
    ] {
        assert_eq!(one(Dialect::Portable, text), value, "{text:?}");
    }
}

#[test]
fn portable_refuses_what_is_not_clear() {
    for (text, why) in [
        ("A=1\nnonsense", "line 2: this is neither"),
        ("=v", "line 1: this is neither"),
        ("K='a' b", "line 1: `K`: its quotes"),
        ("K=\"a", "line 1: `K`: its quotes"),
        ("1K=a", "line 1: this is neither"),
    ] {
        let found = &shown(Dialect::Portable, text)[0];
        assert!(found.starts_with(why), "{text:?}: {found}");
    }
}

#[test]
fn compose_reads_as_its_own_parser_does() {
    for (text, value) in [
        ("K=v", "v"),
        ("K: v", "v"),
        ("K=a#b", "a#b"),
        ("K=a #b", "a"),
        ("K='a\\'b'", "a'b"),
        ("K='a\\nb'", "a\\nb"),
        ("K=\"a\\nb\\tc\\\\d\\qe\"", "a\nb\tc\\d\\qe"),
        ("K=\"a\\$b\"", "a$b"),
        ("K=a$$b", "a$b"),
        ("K=\"a$$b\"", "a$b"),
        ("K='a$$b'", "a$$b"),
        ("K=end$", "end$"),
    ] {
        assert_eq!(one(Dialect::Compose, text), value, "{text:?}");
    }
    assert_eq!(
        shown(Dialect::Compose, "A=$B\nC\n"),
        [
            "A=$B",
            "line 1: `A` holds a reference to another value or a command; it is kept as it stands, and nothing is put in its place",
            "line 2: a name without a value stands here, and was left out",
        ]
    );
    let error = &shown(Dialect::Compose, "A=1\nB='x\n")[0];
    assert_eq!(error, "line 2: `B`: a quote is opened and not closed");
}

#[test]
fn docker_takes_everything_behind_the_sign() {
    assert_eq!(
        shown(Dialect::Docker, "A='x' # y \nB=\"\"\n# c\nD\n"),
        [
            "A='x' # y ",
            "B=\"\"",
            "line 4: a name without a value stands here, and was left out",
        ]
    );
    assert!(shown(Dialect::Docker, "A =x\n")[0].starts_with("line 1: docker takes no blank"));
}

#[test]
fn a_shell_that_would_run_something_is_not_read() {
    for text in [
        "K=two words",
        "K=a;rm x",
        "source x",
        "K=a&b",
        "K =v",
        "[ x ]",
    ] {
        let found = &shown(Dialect::Shell, text)[0];
        assert!(found.contains("would run a command"), "{text:?}: {found}");
    }
    assert_eq!(
        shown(
            Dialect::Shell,
            "set -a\nexport A=1 B='2'; C=x\\ y\nexport D\n"
        ),
        [
            "A=1",
            "B=2",
            "C=x y",
            "line 3: a name without a value stands here, and was left out"
        ]
    );
}

#[test]
fn references_are_kept_and_told() {
    for (dialect, text) in [
        (Dialect::Shell, "K=$(rm -rf /tmp/x)"),
        (Dialect::Shell, "K=\"`date` ${A:-\"b}\"}\""),
        (Dialect::Shell, "K=~/x"),
        (Dialect::Expand, "K=${A}"),
        (Dialect::Compose, "K=\"a$B\""),
        (Dialect::Python, "K='${A:-b}'"),
        (Dialect::Rust, "K=a$B"),
        (Dialect::Portable, "K=a$B"),
    ] {
        let found = shown(dialect, text);
        assert!(found[1].contains("reference"), "{text:?}: {found:?}");
    }
    assert_eq!(
        one(Dialect::Shell, "K=$(echo \"a)\" b)"),
        "$(echo \"a)\" b)"
    );
    assert_eq!(one(Dialect::Expand, "K='\\$A $B'"), "$A $B");
    assert_eq!(shown(Dialect::Node, "K=$A"), ["K=$A"]);
    assert_eq!(shown(Dialect::Python, "K=$A"), ["K=$A"]);
}

#[test]
fn of_a_name_that_stands_twice_the_one_counts_that_the_program_takes() {
    let text = "K=1\nA=x\nK=2\nA=x\n";
    assert_eq!(
        shown(Dialect::Node, text),
        [
            "K=2",
            "A=x",
            "line 1: `K` stands there again with another value, which counts; this one was left out"
        ]
    );
    let rust = shown(Dialect::Rust, text);
    assert_eq!(rust[0], "K=1");
    assert!(rust[2].starts_with("line 3: `K`"));
}

#[test]
fn lines_that_a_program_passes_over_are_told() {
    for dialect in [Dialect::Node, Dialect::Python] {
        let found = shown(dialect, "A=1\n'b' 'c' d\n\nE=2\n");
        assert_eq!(
            found[2],
            "line 2: is no value to this program, and was left out",
            "{}",
            dialect.name()
        );
        let contents = read("A=1\n'b' 'c' d\n", dialect).unwrap();
        assert!(contents.is_partial());
    }
}

#[test]
fn lines_of_a_key_without_quotes_do_not_become_names() {
    let text = "A=1\nKEY=-----BEGIN INVENTED KEY-----\nInventedLine1OfTheKey/+=\n-----END INVENTED KEY-----\n";
    for dialect in [Dialect::Node, Dialect::Python] {
        let found = shown(dialect, text);
        assert!(found[0].starts_with("line 2: a PEM block"), "{found:?}");
    }
    for dialect in [Dialect::Docker, Dialect::Python] {
        let found = shown(dialect, "A=1\nInvented/Line+1=\n");
        assert!(
            found[0].starts_with("line 2: what stands before"),
            "{found:?}"
        );
    }
}

#[test]
fn comments_belong_to_what_they_stand_at() {
    let text = "# top\n\n# of A\nA='x' # beside\n  #of B\nB=\"y\n# no comment\"\n# end\n";
    for dialect in [Dialect::Portable, Dialect::Node, Dialect::Shell] {
        let contents = read(text, dialect).unwrap();
        let words = |comments: &[Cleartext]| -> Vec<String> {
            comments
                .iter()
                .map(|one| one.as_str().unwrap().to_owned())
                .collect()
        };
        let above: Vec<_> = contents
            .entries
            .iter()
            .map(|one| words(&one.comments))
            .collect();
        assert_eq!(
            above,
            [vec![" top", " of A", " beside"], vec!["of B"]],
            "{}",
            dialect.name()
        );
        assert_eq!(words(&contents.closing), [" end"]);
        assert_eq!(contents.entries[1].line, Some(6));
    }
}

#[test]
fn programs_that_read_another_value_are_named() {
    let told = |text: &str| -> Vec<String> {
        let contents = read(text, Dialect::Portable).unwrap();
        let warnings = differences(text.as_bytes(), Dialect::Portable, &contents);
        warnings.iter().map(ToString::to_string).collect()
    };
    assert_eq!(told("A=1\nB='two words'\nC=\"x\" # y\nD=a b\n"), [""; 0]);
    assert_eq!(
        told("A=1\nB=a#b\n"),
        ["line 2: `B` is another value to other programs: node and expand read it differently"]
    );
    assert_eq!(
        told("B=\"a\\tb\"\n"),
        [
            "line 1: `B` is another value to other programs: node, expand and shell read it differently"
        ]
    );
    // What expands it somewhere is a reference, not a difference.
    assert!(told("B='a$C'\n")[0].contains("holds a reference"));
    // Whoever cannot read the file does not read it otherwise.
    assert_eq!(told("A=a b\nB=C:\\\\x\n").len(), 0);
}

#[test]
fn no_message_holds_a_byte_of_a_value() {
    for dialect in Dialect::ALL {
        for value in values().values().filter(|value| value.len() > 6) {
            for text in [
                format!("K={value}"),
                format!("K='{value}"),
                format!("K=\"{value} x"),
            ] {
                let Err(error) = read_any(text.as_bytes(), Source::Env(dialect)) else {
                    continue;
                };
                assert!(!error.to_string().contains(value.as_str()), "{error}");
                assert!(!error.hints().concat().contains(value.as_str()));
            }
        }
    }
}

/// A value as somebody writes it who knows the dialect; `None` where that cannot be done.
fn written(value: &str, dialect: Dialect) -> Option<String> {
    let escaped = |signs: &[char]| -> String {
        let mut out = String::new();
        for c in value.chars() {
            match c {
                '\n' if signs.contains(&'\n') => out += "\\n",
                '\r' if signs.contains(&'\r') => out += "\\r",
                c => {
                    if signs.contains(&c) {
                        out.push('\\');
                    }
                    out.push(c);
                }
            }
        }
        out
    };
    let lone = value.contains('\r');
    Some(match dialect {
        Dialect::Node if lone || value.contains('\'') => return None,
        Dialect::Expand if lone || value.contains(['\'', '$', '\\']) => return None,
        Dialect::Node | Dialect::Expand => format!("'{value}'"),
        Dialect::Shell => format!("'{}'", value.replace('\'', "'\\''")),
        Dialect::Compose | Dialect::Portable => {
            format!("\"{}\"", escaped(&['\\', '"', '$', '\n', '\r']))
        }
        Dialect::Python if lone || value.contains("${") => return None,
        Dialect::Python => format!("'{}'", escaped(&['\\', '\''])),
        Dialect::Docker if value.contains(['\n', '\r']) => return None,
        Dialect::Docker => value.to_owned(),
        Dialect::Rust => format!("\"{}\"", escaped(&['\\', '"', '$'])),
    })
}

#[test]
fn what_is_written_for_a_dialect_is_read_back() {
    for dialect in Dialect::ALL {
        let mut read = 0;
        for (name, value) in &values() {
            let Some(written) = written(value, dialect) else {
                continue;
            };
            let text = format!("BEFORE=1\nK={written}\nAFTER=2\n");
            let found = shown(dialect, &text);
            let expected = [
                "BEFORE=1".to_owned(),
                format!("K={value}"),
                "AFTER=2".to_owned(),
            ];
            assert_eq!(found, expected, "{} {name}", dialect.name());
            read += 1;
        }
        assert!(read >= 28, "{}: {read}", dialect.name());
    }
}

fn dialects() -> impl Strategy<Value = Dialect> {
    proptest::sample::select(Dialect::ALL.to_vec())
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(
        text in "(\\PC|[ \t\r\n'\"`$\\\\#=:{}()~;A-C]){0,80}",
        dialect in dialects(),
    ) {
        let lines = text.split('\n').count();
        if let Ok(contents) = read(&text, dialect) {
            for entry in &contents.entries {
                prop_assert!(entry.line.is_some_and(|line| (1..=lines).contains(&line)));
            }
            differences(text.as_bytes(), dialect, &contents);
        }
    }

    #[test]
    fn any_value_that_can_be_written_is_read_back(
        value in "(\\PC|[ \t\r\n'\"`$\\\\#=]){0,40}",
        dialect in dialects(),
    ) {
        if let Some(written) = written(&value, dialect) {
            let contents = read(&format!("A=1\nK={written}\nB=2\n"), dialect);
            let entries = contents.map_err(|error| TestCaseError::fail(error.to_string()))?.entries;
            prop_assert_eq!(entries.len(), 3);
            prop_assert_eq!(line(&entries[1]), format!("K={value}"));
        }
    }
}
