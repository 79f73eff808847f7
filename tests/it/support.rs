//! A place of its own for each test: nothing of the machine gets in, nothing gets out.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread;

/// Where every command that opens values leaves a line, in a sandbox.
const ACCESS_LOG: &str = "home/.local/state/mvx/access.jsonl";

/// The repository's root.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Directories that stand in for a machine: a home, a working directory, a memory directory and
/// one for temporary files. They are gone when it is dropped.
pub(crate) struct Sandbox {
    directory: tempfile::TempDir,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self::below(&std::env::temp_dir())
    }

    /// One in memory, where there is such a file system: then the drafts of `mvx edit` are in it,
    /// too, and nothing waits for a disk.
    pub(crate) fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() {
            Self::below(memory)
        } else {
            Self::new()
        }
    }

    fn below(parent: &Path) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("sandbox-")
            .tempdir_in(parent)
            .unwrap();
        for name in ["home", "work", "run", "tmp"] {
            fs::DirBuilder::new()
                .mode(0o700)
                .create(directory.path().join(name))
                .unwrap();
        }
        Self { directory }
    }

    /// The directory that holds them all.
    pub(crate) fn root(&self) -> &Path {
        self.directory.path()
    }

    /// A path below the working directory.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join("work").join(name)
    }

    /// Writes a file below the working directory.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Reads a file below the working directory.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Everything below the sandbox but the access log, as sorted paths: nothing may be left over
    /// anywhere.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut open = vec![self.directory.path().to_owned()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() {
                    open.push(entry.path());
                } else {
                    let path = entry.path();
                    let path = path.strip_prefix(self.directory.path()).unwrap();
                    if path != Path::new(ACCESS_LOG) {
                        found.push(path.to_str().unwrap().to_owned());
                    }
                }
            }
        }
        found.sort();
        found
    }

    /// mvx with these arguments, ready to run.
    pub(crate) fn mvx<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Run {
        self.run(program(), arguments)
    }

    /// Any program in this sandbox, ready to run.
    pub(crate) fn run<A: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Run {
        let mut command = Command::new(program);
        let at = |name: &str| self.directory.path().join(name);
        command
            .args(arguments)
            .current_dir(at("work"))
            .env_clear()
            .env("HOME", at("home"))
            .env("XDG_RUNTIME_DIR", at("run"))
            .env("TMPDIR", at("tmp"))
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        Run {
            command,
            stdin: Vec::new(),
            stdout: None,
            names: vec![(self.directory.path().to_str().unwrap().into(), "[SANDBOX]")],
        }
    }

    /// One of the ignored tests in `child.rs`, in a process of its own inside the sandbox.
    pub(crate) fn child(&self, test: &str) -> Run {
        self.run(
            std::env::current_exe().unwrap(),
            [
                &format!("child::{test}"),
                "--exact",
                "--ignored",
                "--nocapture",
                "--test-threads=1",
                "--quiet",
            ],
        )
    }
}

/// The program under test; `MVX_TEST_PROGRAM` names another build of it.
pub(crate) fn program() -> OsString {
    std::env::var_os("MVX_TEST_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_mvx").into())
}

/// A program that is ready to run.
#[must_use = "nothing runs before `outcome`, `start` or `on_terminal`"]
pub(crate) struct Run {
    command: Command,
    stdin: Vec<u8>,
    stdout: Option<Stdio>,
    names: Vec<(String, &'static str)>,
}

impl Run {
    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Where its standard output goes instead of into the outcome.
    pub(crate) fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.stdout = Some(stdout.into());
        self
    }

    /// Takes it away from the terminal that the tests may run on.
    pub(crate) fn in_a_session_of_its_own(self) -> Self {
        let script = "import os, sys; os.setsid(); os.execv(sys.argv[1], sys.argv[1:])";
        self.through(python(), ["-c", script])
    }

    /// Another program starts it, which gets it as its last arguments.
    pub(crate) fn through<A: AsRef<OsStr>>(
        self,
        program: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .arg(self.command.get_program())
            .args(self.command.get_args())
            .current_dir(self.command.get_current_dir().unwrap())
            .env_clear()
            .envs(
                self.command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            );
        Self { command, ..self }
    }

    /// Starts it with pipes and leaves it running.
    pub(crate) fn start(mut self) -> Child {
        self.command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Runs it to its end.
    pub(crate) fn outcome(mut self) -> Outcome {
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(self.stdout.unwrap_or_else(Stdio::piped))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let bytes = self.stdin;
        let feeder = thread::spawn(move || {
            // a program need not read all of it
            pipe.write_all(&bytes).ok();
        });
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        Outcome {
            status: output.status,
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
            names: self.names,
        }
    }

    /// Runs it on a terminal of its own, where `steps` are played: wait for a text, type one.
    pub(crate) fn on_terminal(self, steps: &[Step<'_>]) -> Session {
        let steps: Vec<_> = steps
            .iter()
            .map(|step| match step {
                Step::Await(text) => serde_json::json!(["await", text]),
                Step::Type(text) => serde_json::json!(["type", text]),
                Step::Signal(number) => serde_json::json!(["signal", number]),
            })
            .collect();
        let mut command = Command::new(python());
        command
            .arg(repository().join("tests/it/play.py"))
            .arg(serde_json::to_string(&steps).unwrap())
            .arg(self.command.get_program())
            .args(self.command.get_args())
            .current_dir(self.command.get_current_dir().unwrap())
            .env_clear()
            .envs(
                self.command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            );
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        Session {
            status: answer["status"].as_i64().unwrap(),
            screen: answer["screen"].as_str().unwrap().to_owned(),
            echo: answer["echo"].as_bool().unwrap(),
        }
    }
}

/// What is played on a terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step<'a> {
    /// Wait until this text has appeared since the step before.
    Await(&'a str),
    /// Type this.
    Type(&'a str),
    /// Send this signal to the program alone.
    Signal(i32),
}

/// What happened on a terminal.
#[derive(Debug)]
#[must_use = "look at the screen or the status"]
pub(crate) struct Session {
    /// The exit status, or the signal's number below zero.
    pub(crate) status: i64,
    /// Everything that was shown.
    pub(crate) screen: String,
    /// Whether typing is shown at the end, as a shell needs it.
    pub(crate) echo: bool,
}

/// What a program did. Its `Display` is what snapshots hold, with the sandbox's paths replaced.
#[must_use = "either snapshot the outcome or look at its status"]
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    names: Vec<(String, &'static str)>,
}

impl Outcome {
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    pub(crate) fn stdout(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    /// The outcome, if it is a success that said nothing on standard error.
    pub(crate) fn quiet_success(self) -> String {
        assert_eq!(self.code(), Some(0), "{self}");
        assert_eq!(self.stderr, "", "{self}");
        String::from_utf8(self.stdout).unwrap()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &str| {
            let mut text = text.to_owned();
            for (from, to) in &self.names {
                text = text.replace(from, to);
            }
            text
        };
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => writeln!(f, "exit: {code}")?,
            (None, signal) => writeln!(f, "signal: {}", signal.unwrap())?,
        }
        for (name, text) in [
            ("stdout", String::from_utf8_lossy(&self.stdout).as_ref()),
            ("stderr", &self.stderr),
        ] {
            if !text.is_empty() {
                write!(f, "--- {name}\n{}", shown(text))?;
            }
        }
        Ok(())
    }
}

/// The real interpreter: what is on PATH may be a wrapper that needs the user's own home.
fn python() -> &'static str {
    static PYTHON: OnceLock<String> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let output = Command::new("python3")
            .args(["-c", "import sys; print(sys.executable)"])
            .output()
            .expect("python3 plays the terminal");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    })
}

/// A sealed text without its seal, as sops leaves it, in any file type.
pub(crate) fn without_seal(text: &str) -> String {
    if let Some((before, rest)) = text.split_once("\"mvx_seal\"") {
        let (_, behind) = rest.split_once("=\"").unwrap();
        return match behind.strip_prefix(',') {
            Some(behind) => before.trim_end().to_owned() + behind,
            None => before.trim_end().trim_end_matches(',').to_owned() + behind,
        };
    }
    let lines = text.split_inclusive('\n');
    lines.filter(|line| !line.contains("mvx_seal")).collect()
}
