//! Rendered values and the real programs that read them: awkward ones, and ten times as many made of
//! awkward pieces. Each comes back to the byte or was refused.
//!
//! All the values of a rendering stand in one file, so that a value that reaches into its neighbours
//! spoils them. A program that is not installed is skipped, and said so; `scripts/peers.sh` brings
//! most of them.

mod data;
mod readers;

use std::collections::BTreeMap;
use std::fs;

use mvx::dialects::{Dialect, Loader};
use mvx::document::Kind;
use mvx::keypath::KeyPath;
use mvx::render::{Format, Options, Origin, RenderError, Variable, render};
use mvx::secret::Cleartext;

use super::dice::Dice;
use crate::support::repository;

/// What a program read: values by name; `None` where it is not installed.
type Read = Option<BTreeMap<String, String>>;

/// How many values the fixture has.
const AWKWARD: usize = 52;

const DELIMITER: &str = "mvx_0123456789abcdef0123456789abcdef";

/// What a program may be handed: the carried values, rendered.
struct Rendered {
    text: String,
    /// What must be read, by name.
    expected: BTreeMap<String, String>,
    /// How many of the fixture's values are among them.
    awkward: usize,
    refused: usize,
}

#[test]
fn node() {
    let family = rendered(Format::Dotenv(Dialect::Node), None);
    check("dotenv 16", &family, readers::dotenv, 51);
    check("dotenv 18", &family, readers::dotenv_latest, 51);
    check("dotenv 18, fast", &family, readers::dotenv_fast, 51);
    check("dotenvx", &family, readers::dotenvx, 51);
    check("node's parseEnv", &family, readers::parse_env, 51);
    check("node --env-file", &family, readers::node_env_file, 51);
    check("deno", &family, readers::deno, 51);
    let dotenv = rendered(Format::Dotenv(Dialect::Node), Some(Loader::Dotenv));
    check("dotenv 16 alone", &dotenv, readers::dotenv, 52);
    check("dotenv 18 alone", &dotenv, readers::dotenv_latest, 52);
    let dotenvx = rendered(Format::Dotenv(Dialect::Node), Some(Loader::Dotenvx));
    check("dotenvx alone", &dotenvx, readers::dotenvx, 52);
}

#[test]
fn expand() {
    let family = rendered(Format::Dotenv(Dialect::Expand), None);
    check("dotenv-expand 12", &family, readers::expand, 51);
    check("dotenv-expand 1000", &family, readers::expand_latest, 51);
    check("@next/env", &family, readers::next, 51);
    check("bun", &family, readers::bun, 51);
    let next = rendered(Format::Dotenv(Dialect::Expand), Some(Loader::Next));
    check("@next/env alone", &next, readers::next, 52);
    let bun = rendered(Format::Dotenv(Dialect::Expand), Some(Loader::Bun));
    check("bun alone", &bun, readers::bun, 52);
}

#[test]
fn shells() {
    let sourced = rendered(Format::Dotenv(Dialect::Shell), None);
    check("bash", &sourced, |text| readers::shell("bash", text), 52);
    check("dash", &sourced, |text| readers::shell("dash", text), 52);
    let exports = rendered(Format::Shell, None);
    check(
        "bash, exports",
        &exports,
        |text| readers::shell("bash", text),
        52,
    );
    check(
        "dash, exports",
        &exports,
        |text| readers::shell("dash", text),
        52,
    );
}

#[test]
fn compose() {
    let compose = rendered(Format::Dotenv(Dialect::Compose), None);
    check("docker compose", &compose, readers::compose, 52);
}

#[test]
fn python() {
    let python = rendered(Format::Dotenv(Dialect::Python), None);
    check("python-dotenv", &python, readers::python, 51);
}

#[test]
fn docker() {
    for format in [Format::Docker, Format::Dotenv(Dialect::Docker)] {
        let docker = rendered(format, None);
        check("docker --env-file", &docker, readers::docker, 45);
    }
}

#[test]
fn rust() {
    let rust = rendered(Format::Dotenv(Dialect::Rust), None);
    check("dotenvy", &rust, readers::dotenvy, 52);
}

/// Whoever reads it, but for programs that expand and docker, which takes quotes for a part.
#[test]
fn portable() {
    let portable = rendered(Format::Dotenv(Dialect::Portable), None);
    check("dotenv 16, portable", &portable, readers::dotenv, 44);
    check("dotenv 18, portable", &portable, readers::dotenv_latest, 44);
    check("dotenvx, portable", &portable, readers::dotenvx, 44);
    check("parseEnv, portable", &portable, readers::parse_env, 44);
    check("deno, portable", &portable, readers::deno, 44);
    check(
        "bash, portable",
        &portable,
        |text| readers::shell("bash", text),
        43,
    );
    check(
        "dash, portable",
        &portable,
        |text| readers::shell("dash", text),
        43,
    );
    check("docker compose, portable", &portable, readers::compose, 44);
    check("python-dotenv, portable", &portable, readers::python, 44);
    check("dotenvy, portable", &portable, readers::dotenvy, 44);
}

#[test]
fn data_files() {
    let json = rendered(Format::Json, None);
    check(
        "json of Python",
        &json,
        |text| data::python(data::JSON, text),
        52,
    );
    check("JSON.parse of Node", &json, data::node_json, 52);
    let yaml = rendered(Format::Yaml, None);
    check("PyYAML", &yaml, |text| data::python(data::YAML, text), 52);
    check("serde-saphyr", &yaml, data::saphyr, 52);
    let tfvars = rendered(Format::Tfvars, None);
    check("terraform", &tfvars, data::terraform, 52);
}

#[test]
fn kubernetes() {
    for base64 in [false, true] {
        let secret = rendered_with(Format::K8s, None, base64);
        check("kubectl", &secret, data::kubectl, 52);
        check(
            "PyYAML, Secret",
            &secret,
            |text| data::python(data::SECRET, text),
            52,
        );
    }
}

/// Its generator of user environments has the same reader; but it expands `$`, and an empty value
/// unsets a variable there.
#[test]
fn systemd() {
    let mut systemd = rendered(Format::Systemd, None);
    assert_eq!(systemd.awkward, AWKWARD);
    let values = std::mem::take(&mut systemd.expected);
    let kept: BTreeMap<String, String> = values
        .into_iter()
        .filter(|(_, value)| !value.contains('$') && !value.is_empty())
        .collect();
    let variables: Vec<Variable> = kept
        .iter()
        .map(|(name, value)| variable(name, value))
        .collect();
    systemd.text = text_of(&variables, &Options::of(Format::Systemd)).unwrap();
    systemd.awkward = kept.keys().filter(|name| is_awkward(name)).count();
    systemd.expected = kept;
    check("systemd's environment.d", &systemd, data::systemd, 36);
}

#[test]
fn pipelines() {
    for (format, least) in [
        (Format::Github, 52),
        (Format::Gitlab, 25),
        (Format::Azure, 40),
    ] {
        let text = rendered(format, None);
        println!(
            "{}: {} of {AWKWARD} values, {} refused of all; there is no real reader here",
            format.name(),
            text.awkward,
            text.refused
        );
        assert!(text.awkward >= least, "{}: {}", format.name(), text.awkward);
    }
}

/// Hands a rendering to a program and compares what that reads.
fn check(reader: &str, rendered: &Rendered, read: impl Fn(&str) -> Read, least: usize) {
    let Some(found) = read(&rendered.text) else {
        println!("skipped: {reader} is not here");
        return;
    };
    let mut wrong = Vec::new();
    for (name, value) in &rendered.expected {
        if found.get(name) != Some(value) {
            wrong.push(format!(
                "{name}: {value:?} was read as {:?}",
                found.get(name)
            ));
        }
    }
    let more: Vec<&String> = found
        .keys()
        .filter(|name| !rendered.expected.contains_key(*name) && !is_of_the_system(name))
        .collect();
    assert!(
        wrong.is_empty() && more.is_empty(),
        "{reader}: {} of {} came back otherwise, and {more:?} came up\n{}",
        wrong.len(),
        rendered.expected.len(),
        wrong.join("\n")
    );
    println!(
        "{reader}: {} of {AWKWARD} and {} of all came back, {} were refused",
        rendered.awkward,
        rendered.expected.len(),
        rendered.refused
    );
    assert!(
        rendered.awkward >= least,
        "{reader}: {} of {AWKWARD} are carried, not {least}",
        rendered.awkward
    );
}

/// What the system, a shell or this test puts into an environment.
fn is_of_the_system(name: &str) -> bool {
    let ours = readers::ENVIRONMENT.iter().any(|(own, _)| *own == name);
    ours || matches!(name, "PATH" | "HOME" | "PWD" | "OLDPWD" | "SHLVL" | "_")
        || name.starts_with("QT_")
}

fn is_awkward(name: &str) -> bool {
    name.starts_with("A_")
}

fn rendered(format: Format, loader: Option<Loader>) -> Rendered {
    rendered_with(format, loader, false)
}

/// All the values that a format carries, as one text.
fn rendered_with(format: Format, loader: Option<Loader>, base64: bool) -> Rendered {
    let mut options = Options {
        loader,
        delimiter: DELIMITER,
        ..Options::of(format)
    };
    options.k8s.base64 = base64;
    let header = ["Made by mvx: it's a \"header\" with `quotes` and $DOLLARS\\".to_owned()];
    options.header = &header;
    let mut carried = Vec::new();
    let mut expected = BTreeMap::new();
    let mut refused = 0;
    for (name, value) in values() {
        let one = variable(&name, &value);
        match render(std::slice::from_ref(&one), &options) {
            Ok(_) => {
                carried.push(one);
                expected.insert(name, value);
            }
            Err(RenderError::Value { name: named, .. }) => {
                assert_eq!(named, name);
                refused += 1;
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }
    // GitLab takes no more than 5 KiB.
    carried.truncate(if format == Format::Gitlab {
        40
    } else {
        usize::MAX
    });
    Rendered {
        text: text_of(&carried, &options).unwrap(),
        awkward: expected.keys().filter(|name| is_awkward(name)).count(),
        expected,
        refused,
    }
}

fn text_of(variables: &[Variable], options: &Options<'_>) -> Result<String, RenderError> {
    Ok(render(variables, options)?.as_str().unwrap().to_owned())
}

fn variable(name: &str, value: &str) -> Variable {
    Variable {
        name: name.to_owned(),
        value: Cleartext::from(value),
        kind: Kind::Str,
        origin: Origin::Secret {
            file: "secrets/dev.enc.yaml".into(),
            key: KeyPath::root(1),
        },
    }
}

/// The fixture's values as `A_NAME`, and ten times as many as `G_NUMBER`.
fn values() -> Vec<(String, String)> {
    let json = fs::read(repository().join("fixtures/env/values.json")).unwrap();
    let fixture: BTreeMap<String, String> = serde_json::from_slice(&json).unwrap();
    assert_eq!(fixture.len(), AWKWARD);
    let mut values: Vec<(String, String)> = fixture
        .into_iter()
        .map(|(name, value)| (format!("A_{name}"), value))
        .collect();
    let mut dice = Dice(20);
    for number in 0..10 * AWKWARD {
        let length = 1 + dice.of(7);
        let value: String = (0..length).map(|_| PIECES[dice.of(PIECES.len())]).collect();
        values.push((format!("G_{number}"), value));
    }
    values
}

/// What means something to one reader or another.
const PIECES: &[&str] = &[
    "a",
    "B",
    "7",
    "word",
    " ",
    "  ",
    "\t",
    "'",
    "\"",
    "`",
    "''",
    "\"\"",
    "\\",
    "\\\\",
    "\\n",
    "\\r",
    "\\t",
    "\\'",
    "\\\"",
    "\\$",
    "\\`",
    "\n",
    "\n\n",
    "\nX=1\n",
    "\nexport Y=2",
    "\r",
    "\r\n",
    "$",
    "$$",
    "$HOME",
    "${HOME}",
    "${HOME:-x}",
    "${",
    "$A_simple",
    "$(touch pwned)",
    "`touch pwned`",
    "$((1+1))",
    "$5",
    "$'x'",
    "#",
    " #",
    " # comment",
    "=",
    "==",
    ":",
    ": ",
    "%",
    "%s",
    "%d",
    "%{",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ";",
    "&&",
    "|",
    "<",
    ">",
    "*",
    "~",
    "~/",
    "!",
    "!!",
    "?",
    "^",
    "@",
    ",",
    "é",
    "日本",
    "🎉",
    "\u{a0}",
    "encrypted:",
    "export ",
    "true",
    "null",
    "0123",
    "1e5",
    "---",
    "- ",
    "<<",
    "EOF",
    "{\"a\":\"b\"}",
    "\u{7f}",
    "\u{1}",
];
