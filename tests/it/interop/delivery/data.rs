//! Programs that read data files, and systemd.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Read;
use super::readers::{Room, json};
use crate::support::repository;

pub(super) const JSON: &str = "import json; found = json.load(open('.env', encoding='utf-8'))";
pub(super) const YAML: &str = "import yaml; found = yaml.safe_load(open('.env', encoding='utf-8'))";
pub(super) const SECRET: &str = "
import base64, yaml
secret = yaml.safe_load(open('.env', encoding='utf-8'))
assert secret['kind'] == 'Secret'
found = secret.get('stringData') or {}
found.update({k: base64.b64decode(v).decode() for k, v in (secret.get('data') or {}).items()})
";

/// A script that leaves names and values in `found`.
pub(super) fn python(script: &str, text: &str) -> Read {
    let python = python_with("yaml")?;
    let room = Room::new(text);
    let script = format!("{script}\nimport json; print(json.dumps(found))");
    Some(json(&room.run(python, ["-c", &script])))
}

/// A Python that has a module.
pub(super) fn python_with(module: &str) -> Option<PathBuf> {
    let named = std::env::var_os("MVX_TEST_PYTHON").map(PathBuf::from);
    let beside = repository().join(".peers/venv/bin/python");
    let import = format!("import {module}");
    let found = named.into_iter().chain([beside]).find(|python| {
        let output = Command::new(python).args(["-c", &import]).output();
        output.is_ok_and(|output| output.status.success())
    });
    let ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    assert!(
        found.is_some() || !ci,
        "no {module} of Python: run scripts/peers.sh"
    );
    found
}

pub(super) fn node_json(text: &str) -> Read {
    let room = Room::new(text);
    let script = "console.log(JSON.stringify(JSON.parse(require('fs').readFileSync('.env'))))";
    is_there("node").then(|| json(&room.run("node", ["-e", script])))
}

#[expect(clippy::unnecessary_wraps, reason = "as all readers")]
pub(super) fn saphyr(text: &str) -> Read {
    Some(serde_saphyr::from_str(text).unwrap())
}

/// Terraform's own reader of variable files, asked for every variable as JSON.
pub(super) fn terraform(text: &str) -> Read {
    if !is_there("terraform") {
        return None;
    }
    let room = Room::new("");
    let names: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once(" = ")?.0))
        .collect();
    let declared: String = names
        .iter()
        .map(|name| ["variable \"", name, "\" { type = string }\n"].concat())
        .collect();
    room.write("main.tf", &declared);
    room.write("x.tfvars", text);
    let wanted: Vec<String> = names
        .iter()
        .map(|name| format!("{name} = var.{name}"))
        .collect();
    let question = format!("base64encode(jsonencode({{{}}}))", wanted.join(", "));
    room.write("question", &question);
    let script = "exec terraform console -var-file=x.tfvars < question";
    let output = room.run("sh", ["-c", script]);
    let answer = String::from_utf8(output.stdout).unwrap();
    let decoded = STANDARD.decode(answer.trim().trim_matches('"')).unwrap();
    Some(serde_json::from_slice(&decoded).unwrap())
}

/// kubectl without a cluster.
pub(super) fn kubectl(text: &str) -> Read {
    if !is_there("kubectl") {
        return None;
    }
    let room = Room::new("");
    room.write("secret.yaml", text);
    let arguments = [
        "annotate",
        "--local",
        "-f",
        "secret.yaml",
        "a=b",
        "-o",
        "json",
    ];
    let output = room.run("kubectl", arguments);
    let secret: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut found = BTreeMap::new();
    for (field, decode) in [("stringData", false), ("data", true)] {
        for (name, value) in secret[field].as_object().into_iter().flatten() {
            let value = value.as_str().unwrap();
            let value = if decode {
                String::from_utf8(STANDARD.decode(value).unwrap()).unwrap()
            } else {
                value.to_owned()
            };
            found.insert(name.clone(), value);
        }
    }
    Some(found)
}

/// The generator that reads `environment.d`, with the reader of `EnvironmentFile=`.
pub(super) fn systemd(text: &str) -> Read {
    let program = Path::new(
        "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator",
    );
    if !program.is_file() {
        return None;
    }
    let room = Room::new("");
    let directory = room.directory.path().join(".config/environment.d");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("x.conf"), text).unwrap();
    let output = room.run(program, [""; 0]);
    let text = String::from_utf8(output.stdout).unwrap();
    let pair = |line: &str| {
        let (name, value) = line.split_once('=').unwrap();
        (name.to_owned(), unescaped(value))
    };
    Some(text.lines().map(pair).collect())
}

/// How systemd prints a value: in double quotes with the escapes of C where it needs any.
fn unescaped(written: &str) -> String {
    let quoted = written
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let Some(inner) = quoted else {
        return written.to_owned();
    };
    let mut out = Vec::new();
    let mut bytes = inner.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next().unwrap() {
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'a' => out.push(7),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'v' => out.push(11),
            first @ b'0'..=b'3' => {
                let digits = [first, bytes.next().unwrap(), bytes.next().unwrap()];
                let digits = std::str::from_utf8(&digits).unwrap();
                out.push(u8::from_str_radix(digits, 8).unwrap());
            }
            other => out.push(other),
        }
    }
    String::from_utf8(out).unwrap()
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--help").output().is_ok()
}
