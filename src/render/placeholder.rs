//! Values that say "put one here": what examples hold, and what was never filled in.

/// Whole values that stand for one that is missing, in lower case, `_` and `-` left out. From the
/// example files of some thousand public projects, as they are usually written.
const WORDS: &[&str] = &[
    "changeit",
    "changeme",
    "changethis",
    "dummy",
    "fillme",
    "fillmein",
    "fixme",
    "mysecret",
    "placeholder",
    "putvaluehere",
    "redacted",
    "replaceme",
    "replacethis",
    "secrethere",
    "setme",
    "tbd",
    "todo",
    "yourkey",
    "yourpassword",
    "yoursecret",
    "yourtoken",
];

/// Pairs of signs between which a value is described, and not given.
const BRACKETS: &[(&str, &str)] = &[("<", ">"), ("{{", "}}"), ("[[", "]]"), ("__", "__")];

/// Whether a value is no value: `changeme`, `xxx`, `<token>`, `your-key-here`, `***`, `...`.
pub fn is_placeholder(value: &str) -> bool {
    let value = value.trim();
    let plain: String = value
        .chars()
        .filter(|c| !matches!(c, '_' | '-' | ' ' | '!' | '.'))
        .flat_map(char::to_lowercase)
        .collect();
    let signs = value.chars().count() >= 3
        && ["x", "X", "*", ".", "?", "-"]
            .iter()
            .any(|sign| value.trim_matches(|c| sign.contains(c)).is_empty());
    let between = BRACKETS.iter().any(|(open, close)| {
        value
            .strip_prefix(open)
            .and_then(|rest| rest.strip_suffix(close))
            .is_some_and(|inner| !inner.is_empty() && inner.len() <= 60 && is_wording(inner))
    });
    let described = plain.len() <= 60
        && is_wording(value)
        && ((plain.starts_with("your")
            && (plain.ends_with("here") || value.contains(['-', '_', ' '])))
            || (plain.starts_with("insert") && plain.ends_with("here"))
            || (plain.starts_with("replacewith") || plain.starts_with("changeme")));
    signs || between || described || WORDS.contains(&plain.as_str())
}

/// Whether a text is made of words, as a description is and a value seldom.
fn is_wording(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_alphabetic() || matches!(c, '_' | '-' | ' ' | '.' | ','))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_a_value_is_told_from_one() {
        for placeholder in [
            "changeme",
            "CHANGE_ME",
            "change-me!",
            "xxx",
            "XXXXXXXX",
            "***",
            "...",
            "<token>",
            "<your api key>",
            "{{ token }}",
            "TODO",
            "your-key-here",
            "your_api_key",
            "YOUR TOKEN",
            "insert-secret-here",
            "replace-with-token",
            " changeme ",
            "__TOKEN__",
        ] {
            assert!(is_placeholder(placeholder), "{placeholder}");
        }
        for value in [
            "",
            "x",
            "xx",
            "a",
            "yourself",
            "localhost",
            "postgres://u:p@h/db",
            "<a>b",
            "-",
            "--",
            "todos",
            "true",
            "0",
            "k3y-9f2",
            "hunter2",
            "<html><b>1</b></html>",
            "youridp.example.com",
        ] {
            assert!(!is_placeholder(value), "{value}");
        }
    }
}
