//! Each dialect of `.env` files beside the real program that reads it: awkward values, written in
//! every way that people write them, and awkward lines. What a program puts in the place of
//! references is its own; there mvx only has to know that it does.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mvx::import::{Concern, Dialect, Source, read};
use mvx::sops::store::NewNode;

use crate::support::repository;

/// Names and values that a program found; `None` where it gave up.
type Found = Option<BTreeMap<String, String>>;

#[test]
fn the_dotenvy_crate() {
    let texts = texts();
    let real: Vec<Found> = texts.iter().map(|text| dotenvy_reads(text)).collect();
    compare(Dialect::Rust, &texts, &real);
}

#[test]
fn npms_dotenv() {
    let Some(modules) = node_modules() else {
        return;
    };
    let texts = texts();
    let real = run(&texts, |directory| {
        let mut node = Command::new("node");
        node.arg("-e").arg(DOTENV).arg(directory).arg(&modules);
        node
    });
    compare(Dialect::Node, &texts, &real);
}

#[test]
fn npms_dotenv_expand() {
    let Some(modules) = node_modules() else {
        return;
    };
    let texts = texts();
    let real = run(&texts, |directory| {
        let mut node = Command::new("node");
        node.arg("-e").arg(EXPAND).arg(directory).arg(&modules);
        node
    });
    compare(Dialect::Expand, &texts, &real);
}

#[test]
fn python_dotenv() {
    let Some(python) = python_with_dotenv() else {
        return;
    };
    let texts = texts();
    let real = run(&texts, |directory| {
        let mut command = Command::new(&python);
        command.arg("-c").arg(PYTHON).arg(directory);
        command
    });
    compare(Dialect::Python, &texts, &real);
}

#[test]
fn bash() {
    let texts = texts();
    let real = run(&texts, |directory| {
        let mut command = Command::new("bash");
        command
            .args(["--noprofile", "--norc", "-c", BASH, "bash"])
            .arg(directory);
        command
    });
    compare(Dialect::Shell, &texts, &real);
}

/// Reads files `0`, `1`, … of a directory; prints one JSON object a line, or null.
const DOTENV: &str = r"
const fs = require('fs'), path = require('path');
const [directory, modules] = process.argv.slice(1);
const dotenv = require(path.join(modules, 'dotenv'));
for (let i = 0; fs.existsSync(path.join(directory, String(i))); i++)
  console.log(JSON.stringify(dotenv.parse(fs.readFileSync(path.join(directory, String(i))))));
";

const EXPAND: &str = r"
const fs = require('fs'), path = require('path');
const [directory, modules] = process.argv.slice(1);
const dotenv = require(path.join(modules, 'dotenv'));
const { expand } = require(path.join(modules, 'dotenv-expand'));
for (let i = 0; fs.existsSync(path.join(directory, String(i))); i++) {
  const parsed = dotenv.parse(fs.readFileSync(path.join(directory, String(i))));
  console.log(JSON.stringify(expand({ parsed, processEnv: {} }).parsed));
}
";

const PYTHON: &str = r"
import json, logging, os, sys
from dotenv import dotenv_values
logging.disable()
i = 0
while os.path.exists(os.path.join(sys.argv[1], str(i))):
    values = dotenv_values(os.path.join(sys.argv[1], str(i)))
    print(json.dumps({k: v for k, v in values.items() if v is not None}))
    i += 1
";

/// Prints `NAME=value` with a zero byte behind each, and `END=` behind each file.
const BASH: &str = r#"
i=0
cd "$1" || exit 1
mkdir run && cd run || exit 1
PATH=
while [ -e "../$i" ]; do
    (
        exec 3>&1 >/dev/null 2>&1
        set -e
        . "../$i"
        for name in BEFORE KEY AFTER A B C a b exportKEY export __; do
            [ -z "${!name+x}" ] || printf '%s=%s\0' "$name" "${!name}" >&3
        done
    ) || printf 'FAILED=\0'
    printf 'END=\0'
    i=$((i + 1))
done
"#;

/// Writes the texts into a directory, runs a reader on it, and takes its answers apart.
fn run(texts: &[String], reader: impl FnOnce(&Path) -> Command) -> Vec<Found> {
    let directory = tempfile::tempdir().unwrap();
    for (number, text) in texts.iter().enumerate() {
        fs::write(directory.path().join(number.to_string()), text).unwrap();
    }
    let path = std::env::var_os("PATH").unwrap();
    let output = reader(directory.path())
        .env_clear()
        .env("PATH", path)
        .env("LANG", "C.UTF-8")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let stdout = String::from_utf8(output.stdout).unwrap();
    let found: Vec<Found> = if stdout.contains('\0') {
        let files = stdout.split("END=\0");
        files.map(variables).take(texts.len()).collect()
    } else {
        let lines = stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    assert_eq!(found.len(), texts.len());
    found
}

fn variables(file: &str) -> Found {
    let mut found = BTreeMap::new();
    for variable in file.split('\0').filter(|variable| !variable.is_empty()) {
        let (name, value) = variable.split_once('=').unwrap();
        if name == "FAILED" {
            return None;
        }
        found.insert(name.to_owned(), value.to_owned());
    }
    Some(found)
}

fn dotenvy_reads(text: &str) -> Found {
    let mut found = BTreeMap::new();
    for pair in dotenvy::from_read_iter(text.as_bytes()) {
        let (name, value) = pair.ok()?;
        found.entry(name).or_insert(value);
    }
    Some(found)
}

/// mvx may refuse what a program takes, never the other way round, and reads the same values.
fn compare(dialect: Dialect, texts: &[String], real: &[Found]) {
    let mut wrong = Vec::new();
    let (mut same, mut refused) = (0, 0);
    for (text, real) in texts.iter().zip(real) {
        let Ok(contents) = read(text.as_bytes(), Source::Env(dialect)) else {
            refused += 1;
            continue;
        };
        let Some(real) = real else {
            let doubtful = contents
                .warnings
                .iter()
                .any(|one| matches!(one.concern, Concern::Reference | Concern::CarriageReturns));
            if !doubtful {
                wrong.push(format!("{text:?}\n  the program gives up"));
            }
            continue;
        };
        let references: Vec<&str> = contents
            .warnings
            .iter()
            .filter(|warning| warning.concern == Concern::Reference)
            .filter_map(|warning| warning.key.as_deref())
            .collect();
        let carriage_returns = contents
            .warnings
            .iter()
            .any(|one| one.concern == Concern::CarriageReturns);
        let mut ours = BTreeMap::new();
        for entry in &contents.entries {
            let NewNode::Value(value) = &entry.node else {
                panic!("{text:?}");
            };
            let value = value.bytes.as_str().unwrap().to_owned();
            ours.insert(entry.path.join("."), value);
        }
        let names =
            |map: &BTreeMap<String, String>| -> Vec<String> { map.keys().cloned().collect() };
        if names(&ours) != names(real) {
            wrong.push(format!("{text:?}\n  ours {ours:?}\n  real {real:?}"));
            continue;
        }
        for (name, value) in real {
            let expected = if carriage_returns {
                value.strip_suffix('\r').unwrap_or(value).to_owned()
            } else {
                value.clone()
            };
            if !references.contains(&name.as_str()) && ours[name] != expected {
                wrong.push(format!(
                    "{text:?}\n  ours {:?}\n  real {value:?}",
                    ours[name]
                ));
            }
        }
        same += 1;
    }
    let name = dialect.name();
    assert!(
        wrong.is_empty(),
        "{name}: {} of {}\n{}",
        wrong.len(),
        texts.len(),
        wrong.join("\n")
    );
    println!("{name}: {same} texts read alike, {refused} refused");
    assert!(same > texts.len() / 4, "{name}: {same} of {}", texts.len());
}

/// Every value of the fixture in every spelling, and lines that look like nothing good.
fn texts() -> Vec<String> {
    let json = fs::read(repository().join("fixtures/env/values.json")).unwrap();
    let values: BTreeMap<String, String> = serde_json::from_slice(&json).unwrap();
    let mut texts = Vec::new();
    for value in values.values() {
        for written in spellings(value) {
            texts.push(format!("BEFORE=1\nKEY={written}\nAFTER=2\n"));
        }
    }
    for line in LINES {
        texts.push(format!("{line}\n"));
        texts.push((*line).to_owned());
        texts.push(format!("BEFORE=1\n{line}\nAFTER=2\n"));
        texts.push(format!("BEFORE='1'\n\n{line}\n\nAFTER=\"2\"\n"));
    }
    texts
}

/// Lines that look like nothing good, each read alone and among others.
const LINES: &[&str] = &[
    "KEY = value",
    "KEY= value",
    "KEY =value",
    "  KEY=value",
    "\tKEY=value\t",
    "export KEY=value",
    "export   KEY=value",
    "export\tKEY=value",
    "KEY: value",
    "KEY:value",
    "KEY : value",
    "KEY:",
    "KEY",
    "export KEY",
    "KEY=",
    "KEY= ",
    "KEY=\t",
    "KEY=#x",
    "KEY= #x",
    "KEY= # x",
    "KEY=a#x",
    "KEY=a #x",
    "KEY=a\t#x",
    "KEY=a # x # y",
    "KEY='a' # x",
    "KEY='a'#x",
    "KEY=\"a\" # x",
    "KEY=\"a\"#x",
    "KEY=\"a # b\"",
    "KEY='a # b' # c",
    "KEY='a'b",
    "KEY=a'b'",
    "KEY='a' b",
    "KEY='a' 'b'",
    "KEY=\"a\"b\"c\"",
    "KEY=\"a\"'b'",
    "KEY=a\"b",
    "KEY=a'b",
    "KEY='",
    "KEY=\"",
    "KEY=''",
    "KEY=\"\"",
    "KEY=``",
    "KEY='a",
    "KEY=\"a",
    "KEY=`a",
    "KEY=a'",
    "KEY='it\\'s'",
    "KEY='it'\\''s'",
    "KEY=\"a\\\"b\"",
    "KEY=\"a\\\\\"",
    "KEY='a\\'",
    "KEY='a\\\\'",
    "KEY=\"a\\",
    "KEY=\"a\\nb\"",
    "KEY='a\\nb'",
    "KEY=a\\nb",
    "KEY=a\\ b",
    "KEY=a\\",
    "KEY=\"a\\tb\\rc\\qd\"",
    "KEY=\"a\\$b\"",
    "KEY=a\\$b",
    "KEY='a\\$b'",
    "KEY=a$$b",
    "KEY=\"a$$b\"",
    "KEY=$",
    "KEY=a$",
    "KEY=\"$\"",
    "KEY=${A}",
    "KEY=\"${A:-x}\"",
    "KEY=$A$B",
    "KEY='${A}'",
    "KEY='$A'",
    "KEY=${",
    "KEY=${}",
    "KEY=$(echo a)",
    "KEY=\"$(echo \"a\")\"",
    "KEY=`echo a`",
    "KEY=\"`echo a`\"",
    "KEY=$'a\\nb'",
    "KEY=\"$'a'\"",
    "KEY=~",
    "KEY=~/a",
    "KEY=a~",
    "KEY=*",
    "KEY=a b c",
    "KEY=a;b",
    "KEY=a; B=2",
    "KEY=a B=2",
    "KEY='a' B=2",
    "KEY=a&b",
    "KEY=a|b",
    "KEY=(a)",
    "KEY={a,b}",
    "KEY==a",
    "KEY=a=b",
    "KEY='a'='b'",
    "=a",
    "==",
    "KEY=a\\\nB=2",
    "KEY=\"a\nb\"",
    "KEY='a\nb'",
    "KEY=`a\nb`",
    "KEY=\"a\n# b\nc\"",
    "KEY=\"a\\\nb\"",
    "KEY='a\\\nb'",
    "KEY=\"a\n\nb\" # c",
    "KEY='a\nB=2",
    "KEY=\n'a'",
    "KEY\n=a",
    "KEY=\n\nB=2",
    "# KEY=a",
    "  # KEY=a",
    "#",
    "#KEY=a",
    "KEY=a\r\nB=2\r",
    "KEY=\"a\r\nb\"\r",
    "KEY='a'\r",
    "\r",
    "KEY=a\rB=2",
    "KEY=\u{a0}a\u{a0}",
    "KEY=a\u{a0}#b",
    "KEY=é",
    "KÉY=a",
    "1KEY=a",
    "KEY-A=a",
    "KEY.A=a",
    "KEY A=a",
    "'KEY'=a",
    "\"KEY\"=a",
    "export=a",
    "export =a",
    "exportKEY=a",
    "KEY=export A=1",
    "export export=a",
    "export 'KEY'=a",
    "KEY='a'\nKEY='b'",
    "A=1\nKEY=$A\nA=2",
    "KEY=a\n---\nB=2",
    "{\"a\": 1}",
    "just words",
    "echo hello",
    "KEY=\"a\" \"b\"",
    "KEY=a \"b\"",
    "KEY=a 'b",
    "KEY=a \"b",
    "KEY='a'\"b\"`c`",
    "KEY=`a'b\"c`",
    "KEY=`a`b`",
    "KEY=\"a`b\"",
    "KEY='a`b'",
    "KEY=\\\"a\\\"",
    "KEY=\\",
    "KEY=\\\\",
    "KEY=a\\#b",
    "KEY=a\\ #b",
    "KEY='a\\' # b'",
    "KEY=\"a\\\" # b\"",
    "KEY='a' # it's",
    "KEY=\"a\" # say \"b\"",
    "set -a\nKEY=a\nset +a",
    "KEY=a # 'b\nB=2",
    "KEY=true # \"b\nB=2",
    "KEY='a'   ",
    "KEY=\"a\"\t",
    "KEY=a\u{b}b",
    "KEY=a   b   ",
    "KEY=\"  a  \"",
    "KEY='\ta'",
    "KEY=a\u{2003}#b",
    "KEY=\u{feff}a",
    "KEY=!a",
    "KEY=a!b!",
    "KEY=\"a!b\"",
    "KEY=%a%",
    "KEY=[a]",
    "KEY=a,b",
    "KEY=<a>",
    "KEY='<a>'",
    "KEY=a^b",
    "KEY=a?b",
    "KEY=@a",
    "KEY=a:~/b",
    "KEY=\"a\\u0041\"",
    "KEY=\"\\x41\"",
    "KEY=\"\\101\"",
    "KEY=\"\\0\"",
    "KEY='\\a\\b'",
    "KEY=\"\\a\\b\\f\\v\"",
    "KEY=\"\\'\"",
    "KEY='\"'",
    "KEY=\"'\"",
    "KEY='\"a\"'",
    "KEY=\"'a'\"",
    "KEY=\"\"a\"\"",
    "KEY=''a''",
    "KEY='''a'''",
    "KEY=\"\"\"a\"\"\"",
    "KEY=\"\"\"a\nb\"\"\"",
    "KEY='a''b'",
    "KEY=\"a\"\"b\"",
];

/// A value as people write it, rightly or wrongly.
fn spellings(value: &str) -> Vec<String> {
    let escaped = |signs: &[char]| -> String {
        let one = |c: char| {
            if signs.contains(&c) {
                format!("\\{c}")
            } else {
                c.to_string()
            }
        };
        value.chars().map(one).collect()
    };
    let lines = |text: String| text.replace('\n', "\\n").replace('\r', "\\r");
    vec![
        value.to_owned(),
        format!("'{value}'"),
        format!("\"{value}\""),
        format!("`{value}`"),
        format!("'{}'", value.replace('\'', "'\\''")),
        format!("'{}'", escaped(&['\'', '\\'])),
        format!("\"{}\"", escaped(&['"', '\\'])),
        format!("\"{}\"", escaped(&['"', '\\', '$', '`'])),
        format!("\"{}\"", lines(escaped(&['"', '\\', '$']))),
        format!("\"{}\"", lines(value.to_owned())),
        format!("'{}'", escaped(&['$'])),
        format!("`{}`", escaped(&['$'])),
        format!("{value} # a comment"),
        format!("\"{value}\" # a comment"),
    ]
}

/// Where npm's packages are; `None`, with a printed reason, where they are not.
fn node_modules() -> Option<PathBuf> {
    let named = std::env::var_os("MVX_TEST_NODE_MODULES").map(PathBuf::from);
    let beside = repository().join(".peers/node/node_modules");
    let found = named
        .into_iter()
        .chain([beside])
        .find(|path| path.join("dotenv").is_dir());
    if found.is_none() {
        println!(
            "skipped: no dotenv in MVX_TEST_NODE_MODULES or .peers/node; scripts/peers.sh installs it where there is npm"
        );
    }
    found
}

/// A Python that has python-dotenv; `None`, with a printed reason, where there is none.
fn python_with_dotenv() -> Option<PathBuf> {
    let named = std::env::var_os("MVX_TEST_PYTHON").map(PathBuf::from);
    let beside = repository().join(".peers/venv/bin/python");
    let found = named.into_iter().chain([beside]).find(|python| {
        let import = Command::new(python).args(["-c", "import dotenv"]).output();
        import.is_ok_and(|output| output.status.success())
    });
    if found.is_none() {
        let ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
        assert!(!ci, "no python-dotenv: run scripts/peers.sh");
        println!(
            "skipped: no python-dotenv in MVX_TEST_PYTHON or .peers/venv; run scripts/peers.sh"
        );
    }
    found
}
