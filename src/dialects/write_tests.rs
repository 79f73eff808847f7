//! What is written is read back; `tests/it/interop/delivery.rs` has the real programs do it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn values() -> BTreeMap<String, String> {
    let json = include_str!("../../fixtures/env/values.json");
    serde_json::from_str(json).unwrap()
}

fn spelled(dialect: Dialect, value: &str) -> Result<String, Unwritable> {
    let spelled = dialect.spelling(&value.into(), None)?;
    Ok(spelled.as_str().unwrap().to_owned())
}

/// The values that a dialect refuses, by their names.
fn refused(dialect: Dialect, loader: Option<Loader>) -> Vec<String> {
    values()
        .iter()
        .filter(|(_, value)| dialect.spelling(&value.as_str().into(), loader).is_err())
        .map(|(name, _)| name.clone())
        .collect()
}

#[test]
fn few_values_are_refused() {
    for (dialect, loader, expected) in [
        (Dialect::Node, Some(Loader::Dotenv), vec![]),
        (Dialect::Node, Some(Loader::Dotenvx), vec![]),
        (Dialect::Expand, Some(Loader::Next), vec![]),
        (Dialect::Expand, Some(Loader::Bun), vec![]),
        (Dialect::Node, None, vec!["cr"]),
        (Dialect::Expand, None, vec!["cmdsub"]),
        (Dialect::Shell, None, vec![]),
        (Dialect::Compose, None, vec![]),
        (Dialect::Rust, None, vec![]),
        (Dialect::Python, None, vec!["varb"]),
    ] {
        assert_eq!(refused(dialect, loader), expected, "{}", dialect.name());
    }
}

#[test]
fn spellings_are_those_that_real_programs_agree_on() {
    for (dialect, value, expected) in [
        (Dialect::Portable, "", ""),
        (
            Dialect::Portable,
            "a/b:c@d%e+f,g=h-i.j",
            "a/b:c@d%e+f,g=h-i.j",
        ),
        (Dialect::Portable, "two words", "'two words'"),
        (Dialect::Portable, "it's", "\"it's\""),
        (Dialect::Portable, "a\nb", "'a\nb'"),
        (Dialect::Node, "it's", "`it's`"),
        (Dialect::Node, "a'b\"c`d", "a'b\"c`d"),
        (Dialect::Expand, "pa$$word", "`pa\\$\\$word`"),
        (Dialect::Expand, "a`$b", "'a`\\$b'"),
        (Dialect::Shell, "it's", "'it'\\''s'"),
        (Dialect::Shell, "=ls", "'=ls'"),
        (Dialect::Compose, "a\"$b\n", "\"a\\\"\\$b\\n\""),
        (Dialect::Python, "it's \\", "'it\\'s \\\\'"),
        (Dialect::Docker, " 'x' # ", " 'x' # "),
        (Dialect::Rust, "a\"$b\nc", "\"a\\\"\\$b\nc\""),
    ] {
        let found = spelled(dialect, value);
        assert_eq!(found.as_deref(), Ok(expected), "{}", dialect.name());
    }
}

#[test]
fn what_cannot_be_carried_is_refused_with_its_reason() {
    for (dialect, value, why) in [
        (Dialect::Docker, "a\nb", Unwritable::Lines),
        (Dialect::Docker, "ends\r", Unwritable::CarriageReturn),
        (Dialect::Portable, "it's \"x\"", Unwritable::Disagreement),
        (Dialect::Python, "a${HOME}b", Unwritable::Expansion),
        (Dialect::Expand, "$(echo hi)", Unwritable::Command),
        (Dialect::Node, "it's $(id)", Unwritable::Family),
        (Dialect::Node, "encrypted:x", Unwritable::Encrypted),
        (Dialect::Shell, "a\0b", Unwritable::Nul),
    ] {
        assert_eq!(spelled(dialect, value), Err(why), "{}", dialect.name());
    }
    let long = "x".repeat(DOCKER_LIMIT);
    assert_eq!(spelled(Dialect::Docker, &long), Err(Unwritable::Length));
    let bytes = Cleartext::new(vec![0xff]);
    let error = Dialect::Rust.spelling(&bytes, None).err();
    assert_eq!(error, Some(Unwritable::NotText));
}

const DOCKER_LIMIT: usize = 64 << 10;

#[test]
fn names_are_checked() {
    for (dialect, name, sound) in [
        (Dialect::Rust, "A_1", true),
        (Dialect::Rust, "", false),
        (Dialect::Rust, "1A", false),
        (Dialect::Rust, "A-B", false),
        (Dialect::Rust, "A\nB", false),
        (Dialect::Shell, "UID", false),
        (Dialect::Rust, "UID", true),
        (Dialect::Node, "__proto__", false),
    ] {
        assert_eq!(dialect.check_name(name).is_ok(), sound, "{name}");
    }
}

proptest! {
    /// Whatever stands around it: no value changes, and none reaches into its neighbours.
    #[test]
    fn a_value_comes_back_or_is_refused(
        values in proptest::collection::vec("(\\PC|[ \t\r\n'\"`$\\\\#={}()A-C]|\\$\\(id\\)|`id`|\nX=1){0,30}", 1..6),
        dialect in proptest::sample::select(Dialect::ALL.to_vec()),
        loader in proptest::sample::select(vec![
            None, Some(Loader::Dotenv), Some(Loader::Dotenvx), Some(Loader::Next), Some(Loader::Bun),
        ]),
    ) {
        let mut text = String::new();
        let mut expected = Vec::new();
        for (index, value) in values.iter().enumerate() {
            if let Ok(spelled) = dialect.spelling(&value.as_str().into(), loader) {
                text.push_str(&["K", &index.to_string(), "=", spelled.as_str().unwrap(), "\n"].concat());
                expected.push((format!("K{index}"), value.clone()));
            }
        }
        let reading = dialect.read_for(&text, loader).map_err(|refusal| TestCaseError::fail(refusal.why))?;
        prop_assert!(reading.unread.is_empty() && reading.unset.is_empty());
        prop_assert!(reading.found.iter().all(|found| !found.reference));
        let found: Vec<(String, String)> = reading
            .found
            .iter()
            .map(|found| (found.name.clone(), found.value.as_str().unwrap().to_owned()))
            .collect();
        prop_assert_eq!(found, expected);
    }

    /// In a shell nothing is left of a value that could run, and every value has a spelling.
    #[test]
    fn a_shell_runs_nothing(value in "(\\PC|[ \t\r\n'\"`$\\\\#=;&|()]|\\$\\(id\\)){0,40}") {
        let spelled = spelled(Dialect::Shell, &value).unwrap();
        let outside: String = spelled.replace("'\\''", "''").split('\'').step_by(2).collect();
        prop_assert!(outside.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_./:@%+,=-".contains(&byte)));
    }
}
