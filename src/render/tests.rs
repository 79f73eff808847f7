//! Every format, by what it writes, what it refuses, and what comes back.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::dialects::Loader;
use crate::error::Explain as _;
use crate::keypath::KeyPath;

const DELIMITER: &str = "mvx_0123456789abcdef0123456789abcdef";

/// Secrets of these names and values.
pub(super) fn variables(pairs: &[(&str, &str)]) -> Vec<Variable> {
    pairs
        .iter()
        .map(|(name, value)| Variable {
            name: (*name).to_owned(),
            value: (*value).into(),
            kind: Kind::Str,
            origin: Origin::Secret {
                file: "secrets/dev.enc.yaml".into(),
                key: KeyPath::root(1),
            },
        })
        .collect()
}

fn options(format: Format) -> Options<'static> {
    Options {
        delimiter: DELIMITER,
        ..Options::of(format)
    }
}

fn rendered(format: Format, pairs: &[(&str, &str)]) -> Result<String, String> {
    let text = render(&variables(pairs), &options(format)).map_err(|error| error.to_string())?;
    Ok(text.as_str().unwrap().to_owned())
}

fn formats() -> Vec<Format> {
    Format::all().collect()
}

#[test]
fn each_format_is_written_as_its_readers_know_it() {
    let pairs = [("A", "plain"), ("NO", "it's \"x\" é")];
    for (format, text) in [
        (
            Format::Json,
            "{\n  \"A\": \"plain\",\n  \"NO\": \"it's \\\"x\\\" é\"\n}\n",
        ),
        (Format::Yaml, "A: \"plain\"\n\"NO\": \"it's \\\"x\\\" é\"\n"),
        (
            Format::Shell,
            "export A=plain\nexport NO='it'\\''s \"x\" é'\n",
        ),
        (Format::Docker, "A=plain\nNO=it's \"x\" é\n"),
        (Format::Systemd, "A=plain\nNO=\"it's \\\"x\\\" é\"\n"),
        (Format::Tfvars, "A = \"plain\"\nNO = \"it's \\\"x\\\" é\"\n"),
        (
            Format::K8s,
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: \"mvx\"\ntype: Opaque\nstringData:\n  A: \"plain\"\n  \"NO\": \"it's \\\"x\\\" é\"\n",
        ),
        (Format::Gitlab, "A=plain\nNO=it's \"x\" é\n"),
        (
            Format::Azure,
            "##vso[task.setvariable variable=A;issecret=true]plain\n##vso[task.setvariable variable=NO;issecret=true]it's \"x\" é\n",
        ),
    ] {
        assert_eq!(rendered(format, &pairs).as_deref(), Ok(text));
    }
    assert_eq!(
        rendered(Format::Github, &[("A", "1\n2")]).unwrap(),
        format!("A<<{DELIMITER}\n1\n2\n{DELIMITER}\n")
    );
}

#[test]
fn a_kubernetes_secret_may_be_base64() {
    let with = Options {
        k8s: K8s {
            name: "api",
            namespace: Some("team"),
            base64: true,
        },
        ..options(Format::K8s)
    };
    let text = render(&variables(&[("A", "\u{0}x")]), &with).unwrap();
    assert_eq!(
        text.as_str().unwrap(),
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: \"api\"\n  namespace: \"team\"\ntype: Opaque\ndata:\n  A: \"AHg=\"\n"
    );
}

#[test]
fn nothing_becomes_an_empty_text() {
    for format in formats() {
        let found = rendered(format, &[]);
        assert!(found.is_ok(), "{}: {found:?}", format.title());
    }
}

#[test]
fn the_header_cannot_end_its_comment() {
    let header = ["made by mvx\nX=1 \\".to_owned()];
    for format in formats() {
        let with = Options {
            header: &header,
            ..options(format)
        };
        let text = render(&variables(&[("A", "1")]), &with).unwrap();
        let text = text.as_str().unwrap();
        assert_eq!(
            text.contains("# made by mvx?X=1 ?\n"),
            format.has_comments()
        );
    }
}

#[test]
fn what_cannot_be_carried_is_refused_by_name() {
    for (format, value, message) in [
        (
            Format::Docker,
            "a\nb",
            "`K` cannot be written as docker: it has several lines, and a line is all that this format has for a value",
        ),
        (
            Format::Gitlab,
            "a$b",
            "`K` cannot be written as gitlab: it holds `$` or several `%`, and GitLab puts other variables in their place",
        ),
        (
            Format::Gitlab,
            " a",
            "`K` cannot be written as gitlab: it begins or ends with blanks, which are dropped there",
        ),
        (
            Format::Azure,
            "a\nb",
            "`K` cannot be written as azure: it has several lines, and the agent refuses secrets of several lines",
        ),
        (
            Format::Tfvars,
            "e\u{301}",
            "`K` cannot be written as tfvars: it holds characters that Terraform may compose anew (Unicode NFC)",
        ),
        (
            Format::Json,
            "a\0",
            "`K` cannot be written as json: it holds a zero byte, and no environment carries one",
        ),
    ] {
        assert_eq!(rendered(format, &[("K", value)]), Err(message.into()));
    }
}

#[test]
fn a_refusal_names_formats_that_carry_the_value() {
    let error = render(&variables(&[("K", "a\nb")]), &options(Format::Docker)).err();
    let hints = error.unwrap().hints();
    assert!(
        hints[0].starts_with("these carry it: `--dialect` node, expand, shell, compose"),
        "{hints:?}"
    );
    assert!(!hints[0].contains("docker"), "{hints:?}");
    let portable = Format::Dotenv(Dialect::Portable);
    let error = render(&variables(&[("K", "it's \"x\"")]), &options(portable)).err();
    let hints = error.unwrap().hints();
    assert!(hints[0].contains("`--dialect` node"), "{hints:?}");
}

#[test]
fn names_are_refused_where_they_mean_something() {
    for (format, name, sound) in [
        (Format::Github, "GITHUB_TOKEN", false),
        (Format::Github, "runner_x", false),
        (Format::Github, "NODE_OPTIONS", false),
        (Format::Github, "API_KEY", true),
        (Format::Azure, "SECRET_KEY", false),
        (Format::Azure, "API_KEY", true),
        (Format::Shell, "UID", false),
        (Format::Json, "UID", true),
        (Format::Json, "A\": 1", false),
        (Format::Yaml, "A: x\nB", false),
        (Format::Docker, "A=B", false),
    ] {
        let found = rendered(format, &[(name, "x")]);
        assert_eq!(found.is_ok(), sound, "{} {name}", format.name());
    }
    let twice = rendered(Format::Json, &[("A", "1"), ("B", "2"), ("A", "3")]);
    assert_eq!(twice, Err("`A` stands there twice".into()));
}

#[test]
fn limits_are_kept() {
    let long = "x".repeat(5 << 10);
    assert_eq!(
        rendered(Format::Gitlab, &[("K", &long)]),
        Err("gitlab takes less than 5120 bytes, and this is 5123".into())
    );
    assert!(rendered(Format::K8s, &[("K", &"x".repeat(1 << 20))]).is_err());
}

#[test]
fn a_delimiter_is_random_and_in_no_value() {
    let with = |delimiter, value| {
        let options = Options {
            delimiter,
            ..Options::of(Format::Github)
        };
        render(&variables(&[("K", value)]), &options).map(drop)
    };
    assert!(with(DELIMITER, "x").is_ok());
    for (delimiter, value) in [("short", "x"), ("", "x"), (DELIMITER, DELIMITER)] {
        let error = with(delimiter, value).unwrap_err();
        assert!(matches!(error, RenderError::Delimiter));
    }
}

#[test]
fn github_masks_each_line_that_is_long_enough_once() {
    let mut variables = variables(&[
        (
            "A",
            "short\nlonger-than-eight\r\n100%-of-this\nlonger-than-eight",
        ),
        ("B", "longer-than-eight"),
        ("C", "éééééééé"),
    ]);
    variables.push(Variable {
        name: "D".into(),
        value: "not-a-secret".into(),
        kind: Kind::Str,
        origin: Origin::Default,
    });
    assert_eq!(
        pipelines::github_masks(&variables).as_str().unwrap(),
        "::add-mask::longer-than-eight\n::add-mask::100%25-of-this\n::add-mask::éééééééé\n"
    );
}

#[test]
fn what_should_be_known_is_noted() {
    let of = |format, loader, value| {
        let with = Options {
            loader,
            ..options(format)
        };
        let notes = notes(&variables(&[("K", value)]), &with);
        notes.first().map(|note| note.remark.code())
    };
    let (portable, expand) = (
        Format::Dotenv(Dialect::Portable),
        Format::Dotenv(Dialect::Expand),
    );
    assert_eq!(of(portable, None, "a$b"), Some("expands"));
    assert_eq!(of(portable, None, "ab"), None);
    assert_eq!(of(expand, Some(Loader::Next), "$(id)"), Some("command"));
    assert_eq!(of(expand, None, "{\"m\":\"it's $5\"}"), Some("fragile"));
    assert_eq!(of(expand, None, "a$b"), None);
    assert_eq!(of(Format::Gitlab, None, "x"), Some("unmasked"));
}

#[test]
fn no_message_holds_a_byte_of_a_value() {
    let json = include_str!("../../fixtures/env/values.json");
    let values: BTreeMap<String, String> = serde_json::from_str(json).unwrap();
    for value in values.values().filter(|value| value.len() > 6) {
        for format in formats() {
            if let Err(error) = render(&variables(&[("K", value)]), &options(format)) {
                let said = error.to_string() + &error.hints().concat();
                assert!(!said.contains(value.as_str()), "{said}");
            }
        }
    }
}

proptest! {
    #[test]
    fn values_come_back_or_are_refused(
        values in proptest::collection::vec("(\\PC|[\\x00-\\x1f'\"`$\\\\#={}%&<>\u{85}\u{2028}\u{feff}]|\\$\\(id\\)|\nX=1|\\]|%0A|<<){0,30}", 1..5),
        format in proptest::sample::select(formats()),
    ) {
        let names: Vec<String> = (0..values.len()).map(|index| format!("K{index}")).collect();
        let pairs: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(values.iter().map(String::as_str)).collect();
        let variables = variables(&pairs);
        match render(&variables, &options(format)) {
            Ok(text) => {
                let found = read(text.as_str().unwrap(), &options(format)).unwrap();
                prop_assert_eq!(found.len(), pairs.len());
            }
            // It is refused with a reason, never because it came back otherwise.
            Err(error) => prop_assert!(matches!(error, RenderError::Value { .. }), "{}", error),
        }
    }
}
